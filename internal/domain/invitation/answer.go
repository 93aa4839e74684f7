package invitation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// what names an invitation in the title of a wish: "the referral from AWS".
func (i *Invitation) what() string {
	return fmt.Sprintf("the %s from %s", i.Kind.Word(), cmp.Or(i.SenderName, i.SenderAccount, i.Cloud.Label()))
}

// Accept takes an invitation: the intent and the token are stored, and the portal
// is told. Needs accept_invitation.
func (s *Service) Accept(ctx context.Context, a Answer) (Result, error) {
	i, err := s.find(ctx, a.ID, authz.ActionAccept)
	if err != nil {
		return Result{}, err
	}
	return s.wish(ctx, a, &i, approval.Wish{Name: WishAccept, Action: authz.ActionAccept, Title: "Accept " + i.what()}, arguments{})
}

func (s *Service) doAccept(ctx context.Context, tx *db.Tx, i *Invitation, _ arguments) error {
	if err := s.answerable(tx, i, StateAccepting); err != nil {
		return err
	}
	s.intend(ctx, tx, i)
	return s.decided(ctx, tx, i, "accepting", "accepted it", "invitation.accept", nil)
}

// Reject refuses an invitation for one of the portal's reasons. Needs
// reject_invitation.
func (s *Service) Reject(ctx context.Context, a Answer, reason string) (Result, error) {
	i, err := s.find(ctx, a.ID, authz.ActionReject)
	if err != nil {
		return Result{}, err
	}
	reason = strings.TrimSpace(reason)
	w := approval.Wish{Name: WishReject, Action: authz.ActionReject, Title: "Reject " + i.what(), Details: []string{"Because: " + reason}}
	return s.wish(ctx, a, &i, w, arguments{Reason: reason})
}

func (s *Service) doReject(ctx context.Context, tx *db.Tx, i *Invitation, a arguments) error {
	choices := s.Rejections(i.Cloud)
	switch {
	case a.Reason == "":
		return problem.Invalid("reason", "required", "Say why: "+i.Cloud.Label()+" tells the sender")
	case !slices.Contains(choices, a.Reason):
		return problem.Invalid("reason", "unknown_value", i.Cloud.Label()+" takes one of: "+strings.Join(choices, "; "))
	}
	if err := s.answerable(tx, i, StateRejecting); err != nil {
		return err
	}
	s.intend(ctx, tx, i)
	i.Rejection = a.Reason
	return s.decided(ctx, tx, i, "rejecting", "rejected it", "invitation.reject", map[string]any{"reason": a.Reason})
}

// Convert makes an accepted lead an opportunity in the portal. Needs
// accept_invitation.
func (s *Service) Convert(ctx context.Context, a Answer) (Result, error) {
	i, err := s.find(ctx, a.ID, authz.ActionAccept)
	if err != nil {
		return Result{}, err
	}
	w := approval.Wish{Name: WishConvert, Action: authz.ActionAccept, Title: fmt.Sprintf("Make %s an opportunity in %s", i.what(), i.Cloud.Portal())}
	return s.wish(ctx, a, &i, w, arguments{})
}

func (s *Service) doConvert(ctx context.Context, tx *db.Tx, i *Invitation, _ arguments) error {
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
}

// Retry tries again what the portal refused, after a person mended its cause. Needs
// accept_invitation, or reject_invitation where the answer was no.
func (s *Service) Retry(ctx context.Context, a Answer) (Result, error) {
	i, err := ByID(ctx, s.db, a.ID)
	need, verb := authz.ActionAccept, "accept "
	switch {
	case err == nil && i.FailedFrom == StateRejecting:
		need, verb = authz.ActionReject, "reject "
	case err == nil && i.FailedFrom == StateConverting:
		verb = "make an opportunity of "
	case err == nil && i.FailedFrom == StateCreating:
		verb = "make an opportunity in Salesforce of "
	}
	if denied := authz.Require(ctx, need); denied != nil {
		return Result{}, denied
	}
	if err != nil {
		return Result{}, err
	}
	return s.wish(ctx, a, &i, approval.Wish{Name: WishRetry, Action: need, Title: "Try again to " + verb + i.what()}, arguments{})
}

func (s *Service) doRetry(ctx context.Context, tx *db.Tx, i *Invitation, _ arguments) error {
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
}

// Link makes an accepted invitation the registration of one of our opportunities,
// which is kept true from then on. Needs accept_invitation.
func (s *Service) Link(ctx context.Context, a Answer, opportunityID string) (Result, error) {
	i, err := s.find(ctx, a.ID, authz.ActionAccept)
	if err != nil {
		return Result{}, err
	}
	if _, err := opportunity.ByID(ctx, s.db, opportunityID); err != nil {
		if problem.Is(err, problem.KindNotFound) {
			err = problem.Invalid("opportunity", "unknown_opportunity", "Choose one of the opportunities that the search finds")
		}
		return Result{Invitation: i}, err
	}
	w := approval.Wish{Name: WishLink, Action: authz.ActionAccept, Part: opportunityID, Title: fmt.Sprintf("Link %s with an opportunity of Salesforce", i.what()), Details: []string{i.Name()}}
	return s.wish(ctx, a, &i, w, arguments{OpportunityID: opportunityID})
}

func (s *Service) doLink(ctx context.Context, tx *db.Tx, i *Invitation, a arguments) error {
	if i.State == StateLinked && i.OpportunityID == a.OpportunityID {
		return nil
	}
	if !i.Linkable() {
		return problem.Conflict("not_linkable", fmt.Sprintf("An invitation that is “%s” cannot be linked yet", i.State.Label()))
	}
	o, err := opportunity.ByID(ctx, tx, a.OpportunityID)
	if err != nil {
		return err
	}
	if o.Deleted {
		return problem.Invalid("opportunity", "deleted", "This opportunity was deleted in Salesforce")
	}
	i.Draft.V = Draft{} // it is another one
	return s.link(ctx, tx, i, &o)
}

// link makes i the registration of o.
func (s *Service) link(ctx context.Context, tx *db.Tx, i *Invitation, o *opportunity.Opportunity) error {
	known, err := registration.ByRemoteIDs(ctx, tx, i.Cloud, []string{i.RemoteOppID})
	if err != nil {
		return err
	}
	if r, ok := known[i.RemoteOppID]; ok && r.OpportunityID != o.ID {
		return problem.Conflict("already_linked", fmt.Sprintf("%s is the registration of another opportunity already", i.RemoteOppID))
	}
	r, err := s.registrations.Link(ctx, tx, o.ID, i.Cloud, i.RemoteOppID, true)
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
}

// answerable moves an invitation to an answer, if it still waits for one.
func (s *Service) answerable(tx *db.Tx, i *Invitation, next State) error {
	refusedAnswer := i.answerRefused()
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
