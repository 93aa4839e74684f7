package intro

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Candidate is somebody who could be introduced, with why they are likely the one.
type Candidate struct {
	Party
	Why   string
	score int
}

// Suggestion is who could meet whom on a deal, the likeliest of each side first. A
// person confirms the pair.
type Suggestion struct {
	Ours   []Candidate
	Theirs []Candidate
}

// sellerRoles are words of a role that say "this person sells", and how surely. Their
// side: AwsTeam's BusinessTitle (Partner Central: AWSSalesRep, AWSAccountOwner, PDM, …).
var sellerRoles = []struct {
	word  string
	score int
}{
	{"salesrep", 90},
	{"account owner", 80},
	{"accountowner", 80},
	{"account executive", 80},
	{"account manager", 70},
	{"accountmanager", 70},
	{"seller", 70},
	{"sales", 60},
	{"account", 50},
	{"alliance", 10},
	{"partner", 10},
	{"pdm", 10},
}

func roleScore(role string) int {
	role = strings.ToLower(role)
	for _, r := range sellerRoles {
		if strings.Contains(role, r.word) {
			return r.score
		}
	}
	return 20
}

// Suggest matches our seller to the partner's: ours from the owner and the team of the
// opportunity, theirs from the people that the partner's record names. Needs read.
func (s *Service) Suggest(ctx context.Context, opportunityID string, c cloud.Cloud) (Suggestion, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Suggestion{}, err
	}
	if !c.Valid() {
		return Suggestion{}, problem.Invalid("cloud", "unknown_cloud", "Use aws, azure or gcp")
	}
	o, err := opportunity.ByID(ctx, s.db, opportunityID)
	if err != nil {
		return Suggestion{}, err
	}
	var out Suggestion
	owner, err := opportunity.OwnerOf(ctx, s.db, &o)
	if err != nil {
		return out, err
	}
	members, err := opportunity.MembersOf(ctx, s.db, o.CRMID)
	if err != nil {
		return out, err
	}
	if !owner.Deleted && owner.Name != "" {
		out.Ours = append(out.Ours, Candidate{Party{Name: owner.Name, Email: owner.Email, Role: owner.Title, CRMID: owner.PersonCRMID}, "Owns the opportunity", 100})
	}
	for _, m := range members {
		if m.PersonCRMID != owner.PersonCRMID {
			out.Ours = append(out.Ours, Candidate{Party{Name: m.Name, Email: m.Email, Role: m.Role, CRMID: m.PersonCRMID}, strings.TrimSpace(m.Role + " on the opportunity"), roleScore(m.Role)})
		}
	}
	zones, err := zonesOf(ctx, s.db, out.Ours)
	if err != nil {
		return out, err
	}
	for i := range out.Ours {
		out.Ours[i].Email, out.Ours[i].Zone = strings.ToLower(out.Ours[i].Email), zones[out.Ours[i].CRMID]
	}
	regs, err := registration.ByOpportunities(ctx, s.db, []string{o.ID})
	if err != nil {
		return out, err
	}
	for _, r := range regs[o.ID] {
		if r.Cloud != c {
			continue
		}
		for _, x := range r.Sellers {
			out.Theirs = append(out.Theirs, Candidate{Party{Name: x.Name, Email: strings.ToLower(x.Email), Company: c.Label(), Role: x.Role}, strings.TrimSpace(x.Role + " in " + c.Portal()), roleScore(x.Role)})
		}
	}
	for _, list := range [][]Candidate{out.Ours, out.Theirs} {
		slices.SortStableFunc(list, func(a, b Candidate) int { return cmp.Compare(b.score, a.score) })
	}
	return out, nil
}
