package invitation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Answer is a person's wish about one invitation. Version is the one that the
// person saw, 0 any. DryRun checks all rules, changes nothing and gives the
// invitation as it is.
type Answer struct {
	ID      string
	Version int64
	DryRun  bool
}

// act runs edit on the invitation in one transaction and stores it, unless it is a
// dry run.
func (s *Service) act(ctx context.Context, a Answer, edit func(tx *db.Tx, i *Invitation) error) (Invitation, error) {
	var i Invitation
	run := func(tx *db.Tx) error {
		var err error
		if i, err = ByID(ctx, tx, a.ID); err != nil {
			return err
		}
		if a.Version != 0 && i.Version != a.Version {
			return problem.Precondition("invitation", i.ID)
		}
		if _, ok := s.portals[i.Cloud]; !ok {
			return connected(i.Cloud)
		}
		before := i
		if err := edit(tx, &i); err != nil {
			return err
		}
		if a.DryRun {
			i = before
			return errDryRun
		}
		if err := update(ctx, tx, &i); err != nil {
			return err
		}
		return s.wakeIfDue(ctx, tx, &i)
	}
	err := s.db.InTx(ctx, s.clock, run)
	if errors.Is(err, errDryRun) {
		err = nil
	}
	return i, err
}

// errDryRun rolls the transaction of a dry run back.
var errDryRun = errors.New("dry run")

// Accept takes an invitation: the intent and the token are stored, and the portal
// is told. Needs accept_invitation.
func (s *Service) Accept(ctx context.Context, a Answer) (Invitation, error) {
	if err := may(ctx, authz.ActionAccept); err != nil {
		return Invitation{}, err
	}
	return s.act(ctx, a, func(tx *db.Tx, i *Invitation) error {
		if err := s.answerable(tx, i, StateAccepting); err != nil {
			return err
		}
		s.intend(ctx, tx, i)
		return s.decided(ctx, tx, i, "accepting", "accepted it", "invitation.accept", nil)
	})
}

// Reject refuses an invitation for one of the portal's reasons. Needs
// reject_invitation.
func (s *Service) Reject(ctx context.Context, a Answer, reason string) (Invitation, error) {
	if err := may(ctx, authz.ActionReject); err != nil {
		return Invitation{}, err
	}
	reason = strings.TrimSpace(reason)
	return s.act(ctx, a, func(tx *db.Tx, i *Invitation) error {
		choices := s.Rejections(i.Cloud)
		switch {
		case reason == "":
			return problem.Invalid("reason", "required", "Say why: "+i.Cloud.Label()+" tells the sender")
		case !slices.Contains(choices, reason):
			return problem.Invalid("reason", "unknown_value", i.Cloud.Label()+" takes one of: "+strings.Join(choices, "; "))
		}
		if err := s.answerable(tx, i, StateRejecting); err != nil {
			return err
		}
		s.intend(ctx, tx, i)
		i.Rejection = reason
		return s.decided(ctx, tx, i, "rejecting", "rejected it", "invitation.reject", map[string]any{"reason": reason})
	})
}

// Convert makes an accepted lead an opportunity in the portal. Needs
// accept_invitation.
func (s *Service) Convert(ctx context.Context, a Answer) (Invitation, error) {
	if err := may(ctx, authz.ActionAccept); err != nil {
		return Invitation{}, err
	}
	return s.act(ctx, a, func(tx *db.Tx, i *Invitation) error {
		if !i.Convertible() {
			return problem.Conflict("not_convertible", "Only an accepted lead that is no opportunity yet can be made one")
		}
		by, at := i.AnsweredBy, i.AnsweredAt
		s.intend(ctx, tx, i)
		i.AnsweredBy, i.AnsweredAt, i.ContextID = by, at, ""
		if err := i.move(StateConverting, tx.Now()); err != nil {
			return err
		}
		return s.decided(ctx, tx, i, "converting", "makes the lead an opportunity", "invitation.convert", nil)
	})
}

// Retry tries again what the portal refused, after a person mended its cause. Needs
// accept_invitation, or reject_invitation where the answer was no.
func (s *Service) Retry(ctx context.Context, a Answer) (Invitation, error) {
	i, err := ByID(ctx, s.db, a.ID)
	need := authz.ActionAccept
	if err == nil && i.FailedFrom == StateRejecting {
		need = authz.ActionReject
	}
	if denied := authz.Require(ctx, need); denied != nil {
		return Invitation{}, denied
	}
	if err != nil {
		return Invitation{}, err
	}
	return s.act(ctx, a, func(tx *db.Tx, i *Invitation) error {
		if i.State != StateFailed {
			return problem.Conflict("not_failed", "There is nothing to try again")
		}
		next := i.FailedFrom
		i.Error, i.ErrorCode, i.Attempts, i.FailedFrom, i.Reason, i.DueAt = "", "", 0, "", "", tx.Now()
		if i.Token == "" { // the portal's task ended in failure
			i.Token = newToken()
		}
		if err := i.move(next, tx.Now()); err != nil {
			return err
		}
		return s.decided(ctx, tx, i, "retried", "tried again", "invitation.retry", nil)
	})
}

// Link makes an accepted invitation the registration of one of our opportunities,
// which is kept true from then on. Needs accept_invitation.
func (s *Service) Link(ctx context.Context, a Answer, opportunityID string) (Invitation, error) {
	if err := may(ctx, authz.ActionAccept); err != nil {
		return Invitation{}, err
	}
	return s.act(ctx, a, func(tx *db.Tx, i *Invitation) error {
		if i.State == StateLinked && i.OpportunityID == opportunityID {
			return nil
		}
		if !i.Linkable() {
			return problem.Conflict("not_linkable", fmt.Sprintf("An invitation that is “%s” cannot be linked yet", i.State.Label()))
		}
		o, err := opportunity.ByID(ctx, tx, opportunityID)
		switch {
		case problem.Is(err, problem.KindNotFound):
			return problem.Invalid("opportunity", "unknown_opportunity", "Choose one of the opportunities that the search finds")
		case err != nil:
			return err
		case o.Deleted:
			return problem.Invalid("opportunity", "deleted", "This opportunity was deleted in Salesforce")
		}
		known, err := registration.ByRemoteIDs(ctx, tx, i.Cloud, []string{i.RemoteOppID})
		if err != nil {
			return err
		}
		if r, ok := known[i.RemoteOppID]; ok && r.OpportunityID != o.ID {
			return problem.Conflict("already_linked", fmt.Sprintf("%s is the registration of another opportunity already", i.RemoteOppID))
		}
		r, err := s.registrations.Link(ctx, tx, o.ID, i.Cloud, i.RemoteOppID)
		if err != nil {
			return err
		}
		actor, _ := authz.From(ctx)
		if err := opportunity.MarkLinked(ctx, tx, o.ID, i.Cloud, fmt.Sprintf("%s of %s (%s) was linked with it", i.Kind.Label(), i.SenderName, i.RemoteID), actor.Name); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "invitation.link", i.ID, map[string]any{"opportunity": o.ID, "remote_opportunity": i.RemoteOppID}); err != nil {
			return err
		}
		return s.linked(ctx, tx, i, r, authz.KindPerson)
	})
}

// answerable moves an invitation to an answer, if it still waits for one.
func (s *Service) answerable(tx *db.Tx, i *Invitation, next State) error {
	refusedAnswer := i.State == StateFailed && i.FailedFrom != StateConverting
	switch {
	case i.State != StatePending && !refusedAnswer:
		return problem.Conflict("already_answered", fmt.Sprintf("It cannot be answered any more: it is “%s”", i.State.Label()))
	case !i.ExpiresAt.IsZero() && !i.ExpiresAt.After(tx.Now()):
		return problem.Conflict("invitation_expired", "It expired before it was answered")
	case refusedAnswer && next == StateAccepting && i.FailedFrom == StateAccepting:
		return problem.Conflict("try_again", "It was accepted, and the portal refused: try that again")
	}
	return i.move(next, tx.Now())
}

// intend stores who answered and the token of the call.
func (s *Service) intend(ctx context.Context, tx *db.Tx, i *Invitation) {
	actor, _ := authz.From(ctx)
	i.AnsweredBy, i.AnsweredAt = actor.Name, tx.Now()
	i.Token, i.TaskID, i.AskedAt = newToken(), "", time.Time{}
	i.Rejection = ""
	i.DueAt, i.Error, i.ErrorCode, i.Attempts, i.FailedFrom, i.Reason = tx.Now(), "", "", 0, "", ""
}

func (s *Service) decided(ctx context.Context, tx *db.Tx, i *Invitation, kind, words, action string, detail map[string]any) error {
	if err := s.tell(ctx, tx, i, authz.KindPerson, kind, words, i.Rejection); err != nil {
		return err
	}
	if detail == nil {
		detail = map[string]any{}
	}
	detail["remote_id"], detail["cloud"] = i.RemoteID, i.Cloud
	return audit.Record(ctx, tx, action, i.ID, detail)
}

// may reports whether the actor may answer alone. An invitation names no value of
// ours that a limit could be compared with; where the policies ask for a Director's
// approval of any answer, a Director has to give it.
func may(ctx context.Context, action authz.Action) error {
	if err := authz.Require(ctx, action); err != nil {
		return err
	}
	v, err := authz.Decide(ctx, action, authz.Facts{AmountUSD: authz.Dollars(0)})
	if err != nil {
		return err
	}
	if v.Ruling == authz.RulingNeedsApproval {
		return problem.Forbidden("needs_approval", "This needs a Director's approval, and a Director has to answer it: "+strings.Join(v.Because, "; "))
	}
	return v.Err()
}
