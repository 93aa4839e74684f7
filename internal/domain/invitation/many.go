package invitation

import (
	"context"
	"fmt"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// MostAtOnce is how many invitations AcceptMany takes.
const MostAtOnce = 200

// Outcome is how the acceptance of one of many invitations went, or would go.
type Outcome struct {
	ID         string
	Invitation Invitation // zero when there is none
	Waiting    string     // in words, that a Director decides first; "" if not
	Err        error
}

// AcceptMany accepts invitations, each by itself: one that cannot be accepted is an
// error of its own. Of each it takes the version that the person saw; with DryRun it
// says what would become of it and changes nothing. Needs accept_invitation.
func (s *Service) AcceptMany(ctx context.Context, list []Answer) ([]Outcome, error) {
	if err := authz.Require(ctx, authz.ActionAccept); err != nil {
		return nil, err
	}
	switch {
	case len(list) == 0:
		return nil, problem.Invalid("ids", "required", "Select at least one invitation")
	case len(list) > MostAtOnce:
		return nil, problem.Invalid("ids", "too_many", fmt.Sprintf("Accept at most %d invitations at once", MostAtOnce))
	}
	seen := map[string]bool{}
	var out []Outcome
	for _, a := range list {
		if seen[a.ID] {
			continue
		}
		seen[a.ID] = true
		o := Outcome{ID: a.ID}
		res, err := s.Accept(ctx, a)
		if problem.Is(err, problem.KindInternal) || ctx.Err() != nil {
			return out, err
		}
		if o.Invitation, o.Err = res.Invitation, err; err == nil {
			if o.Waiting, err = s.waitingWords(ctx, a, res); err != nil {
				return out, err
			}
		}
		out = append(out, o)
	}
	return out, nil
}

// waitingWords says that a Director decides first, or would.
func (s *Service) waitingWords(ctx context.Context, a Answer, res Result) (string, error) {
	if res.Waiting != nil {
		return res.Waiting.Message(), nil
	}
	if !a.DryRun {
		return "", nil
	}
	v, err := s.approvals.Decide(ctx, approval.Wish{Name: WishAccept, Action: authz.ActionAccept, Subject: a.ID, Cloud: res.Invitation.Cloud, Unvalued: true})
	if err != nil || v.Ruling != authz.RulingNeedsApproval {
		return "", err
	}
	return strings.Join(v.Because, "; "), nil
}
