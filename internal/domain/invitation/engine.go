package invitation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// maxSteps bounds how far one Advance goes.
const maxSteps = 10

// Advance moves an invitation as far as it goes without waiting. That a call may
// be with the portal is stored before it is made (AskedAt), so whoever comes later
// looks before it is made again. What a portal refuses is kept in the invitation
// and is no error here.
func (s *Service) Advance(ctx context.Context, invitationID string) error {
	// A call that was noted before this Advance may have been made.
	look := true
	for range maxSteps {
		i, err := ByID(ctx, s.db, invitationID)
		if err != nil {
			return err
		}
		if i.DueAt.IsZero() || i.DueAt.After(s.clock.Now()) {
			return nil
		}
		p, ok := s.portals[i.Cloud]
		if !ok {
			return nil
		}
		asked := !i.AskedAt.IsZero()
		err = s.step(ctx, p, &i, look)
		look = asked || err != nil
		refusal, fromPortal := errors.AsType[*portalError](err)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case fromPortal:
			err = s.refused(ctx, i, refusal.err)
		}
		if err != nil && (fromPortal || !problem.Is(err, problem.KindPrecondition)) {
			return err
		}
	}
	return nil
}

// portalError marks what a portal answered, to tell it from our own trouble.
type portalError struct{ err error }

// Error gives the portal's error.
func (e *portalError) Error() string { return e.err.Error() }

// Unwrap gives the portal's error.
func (e *portalError) Unwrap() error { return e.err }

// errTaskFailed marks that the portal's own task ended in failure: only then does
// the next try have another token.
var errTaskFailed = errors.New("the portal's task failed")

func (s *Service) step(ctx context.Context, p Portal, i *Invitation, look bool) error {
	switch i.State {
	case StatePending:
		return s.watch(ctx, p, i)
	case StateAccepting:
		return s.ask(ctx, p, i, look, s.accept)
	case StateRejecting:
		return s.ask(ctx, p, i, look, s.reject)
	case StateConverting:
		return s.ask(ctx, p, i, look, s.convert)
	case StateCreating:
		return s.ask(ctx, p, i, look, s.create)
	case StateAccepted:
		return s.reveal(ctx, p, i)
	}
	return s.save(ctx, i, func(*db.Tx) error { i.DueAt = time.Time{}; return nil })
}

// watch warns once of each warning day that comes, and asks the portal when the
// time is over.
func (s *Service) watch(ctx context.Context, p Portal, i *Invitation) error {
	now := s.clock.Now()
	if !i.ExpiresAt.IsZero() && !i.ExpiresAt.After(now) {
		remote, err := p.Get(ctx, i.RemoteID)
		if err != nil {
			return &portalError{err}
		}
		return s.save(ctx, i, func(tx *db.Tx) error {
			i.DueAt = tx.Now().Add(s.pace.Max) // if it is not over for the portal yet
			return s.observe(ctx, tx, i, remote)
		})
	}
	return s.save(ctx, i, func(tx *db.Tx) error {
		i.DueAt = i.nextLook(tx.Now())
		w := i.warning(tx.Now())
		if w == 0 || i.Warned != 0 && i.Warned <= w {
			return nil
		}
		i.Warned = w
		left := "less than a day"
		if w > 1 {
			left = fmt.Sprintf("less than %d days", w)
		}
		return s.tell(ctx, tx, i, authz.KindSystem, fmt.Sprintf("expires_%d", w), "It expires in "+left, "")
	})
}

// ask notes that a call may be with the portal, and makes it.
func (s *Service) ask(ctx context.Context, p Portal, i *Invitation, look bool, call func(context.Context, Portal, *Invitation, bool) error) error {
	if i.AskedAt.IsZero() {
		return s.save(ctx, i, func(tx *db.Tx) error {
			i.AskedAt, i.DueAt = tx.Now(), tx.Now()
			return nil
		})
	}
	return call(ctx, p, i, look)
}

func (s *Service) accept(ctx context.Context, p Portal, i *Invitation, look bool) error {
	if i.TaskID != "" {
		t, found, err := p.AcceptTask(ctx, i.RemoteID, i.TaskID)
		return s.await(ctx, i, t, found, err, "accepted", "Accepted, and an opportunity of ours in "+i.Cloud.Portal())
	}
	if look {
		if i.Kind == KindOpportunity {
			t, found, err := p.AcceptTask(ctx, i.RemoteID, "")
			if err != nil {
				return &portalError{err}
			}
			if found {
				return s.begun(ctx, i, t)
			}
		}
		if over, err := s.answered(ctx, p, i); over || err != nil {
			return err
		}
	}
	t, err := p.Accept(ctx, i.RemoteID, i.Kind, i.Token)
	if err != nil {
		return s.unlessOver(ctx, p, i, look, err)
	}
	if t.ID == "" { // a lead is accepted at once
		return s.await(ctx, i, t, true, nil, "accepted", "Accepted in "+i.Cloud.Portal())
	}
	return s.begun(ctx, i, t)
}

func (s *Service) reject(ctx context.Context, p Portal, i *Invitation, look bool) error {
	if look {
		if over, err := s.answered(ctx, p, i); over || err != nil {
			return err
		}
	}
	if err := p.Reject(ctx, i.RemoteID, i.Rejection); err != nil {
		return s.unlessOver(ctx, p, i, look, err)
	}
	return s.save(ctx, i, func(tx *db.Tx) error {
		i.DueAt, i.Error, i.ErrorCode, i.Attempts = time.Time{}, "", "", 0
		if err := i.move(StateRejected, tx.Now()); err != nil {
			return err
		}
		return s.tell(ctx, tx, i, authz.KindPortal, "rejected", i.Cloud.Portal()+" has taken our answer", i.Rejection)
	})
}

func (s *Service) convert(ctx context.Context, p Portal, i *Invitation, look bool) error {
	if i.TaskID != "" {
		t, found, err := p.ConvertTask(ctx, i.EngagementID, i.ContextID, i.TaskID)
		return s.await(ctx, i, t, found, err, "converted", "The lead is an opportunity of ours in "+i.Cloud.Portal())
	}
	if i.ContextID == "" {
		c, err := p.Lead(ctx, i.EngagementID)
		if err != nil {
			return &portalError{err}
		}
		return s.save(ctx, i, func(*db.Tx) error { i.ContextID = c; return nil })
	}
	if look {
		t, found, err := p.ConvertTask(ctx, i.EngagementID, i.ContextID, "")
		if err != nil {
			return &portalError{err}
		}
		if found {
			return s.begun(ctx, i, t)
		}
	}
	t, err := p.Convert(ctx, i.EngagementID, i.ContextID, i.Token)
	if err != nil {
		return &portalError{err}
	}
	return s.begun(ctx, i, t)
}

// begun stores the portal's task.
func (s *Service) begun(ctx context.Context, i *Invitation, t Task) error {
	return s.save(ctx, i, func(tx *db.Tx) error {
		i.TaskID, i.DueAt = t.ID, tx.Now()
		if !t.Done && !t.Failed {
			i.DueAt = tx.Now().Add(s.pace.Task)
		}
		return nil
	})
}

// await takes what the portal says of a task.
func (s *Service) await(ctx context.Context, i *Invitation, t Task, found bool, err error, kind, subject string) error {
	switch {
	case err != nil:
		return &portalError{err}
	case t.Failed:
		return &portalError{fmt.Errorf("%w: %s", errTaskFailed, t.Reason)}
	case !found || !t.Done:
		return s.save(ctx, i, func(tx *db.Tx) error { i.DueAt = tx.Now().Add(s.pace.Task); return nil })
	}
	return s.save(ctx, i, func(tx *db.Tx) error {
		i.DueAt, i.Error, i.ErrorCode, i.Attempts = tx.Now(), "", "", 0
		if t.RemoteOppID != "" {
			i.RemoteOppID = t.RemoteOppID
			subject = fmt.Sprintf("%s (%s)", subject, t.RemoteOppID)
		}
		if err := i.move(StateAccepted, tx.Now()); err != nil {
			return err
		}
		return s.tell(ctx, tx, i, authz.KindPortal, kind, subject, "")
	})
}

// answered asks the portal whether the invitation is over, and takes its word.
func (s *Service) answered(ctx context.Context, p Portal, i *Invitation) (over bool, err error) {
	remote, err := p.Get(ctx, i.RemoteID)
	if err != nil {
		return false, &portalError{err}
	}
	if remote.Status == StatusPending {
		return false, nil
	}
	state := i.State
	err = s.save(ctx, i, func(tx *db.Tx) error { return s.observe(ctx, tx, i, remote) })
	return i.State != state, err
}

// unlessOver looks after a refusal that says that the invitation is not as we
// believe: it may be that it was answered, or that our own answer has arrived. A
// refusal that the look has confirmed already is for a person.
func (s *Service) unlessOver(ctx context.Context, p Portal, i *Invitation, looked bool, cause error) error {
	if looked || !problem.Is(cause, problem.KindPrecondition) {
		return &portalError{cause}
	}
	return s.ask(ctx, p, i, true, map[State]func(context.Context, Portal, *Invitation, bool) error{StateAccepting: s.accept, StateRejecting: s.reject}[i.State])
}

// reveal reads what an accepted invitation became and no longer hides, and finds
// out whether one of our opportunities is registered as it already.
func (s *Service) reveal(ctx context.Context, p Portal, i *Invitation) error {
	remote, err := p.Get(ctx, i.RemoteID)
	if err != nil {
		return &portalError{err}
	}
	oppID := i.RemoteOppID
	if oppID == "" && i.EngagementID != "" {
		if oppID, err = p.Made(ctx, i.EngagementID); err != nil {
			return &portalError{err}
		}
	}
	var opp *Opportunity
	if oppID != "" {
		o, err := p.Opportunity(ctx, oppID)
		if err != nil {
			return &portalError{err}
		}
		opp = &o
	}
	return s.save(ctx, i, func(tx *db.Tx) error {
		i.copy(remote, tx.Now())
		i.DueAt, i.RemoteOppID, i.Error, i.ErrorCode, i.Attempts, i.Reason = time.Time{}, oppID, "", "", 0, ""
		if opp == nil {
			if i.Kind == KindOpportunity {
				i.Reason = i.Cloud.Portal() + " does not say yet which opportunity it became"
				i.DueAt = tx.Now().Add(s.pace.Max)
			}
			return nil
		}
		i.RemoteRecord, i.Facts.V, i.Hidden.V = string(opp.Raw), together(opp.Facts, i.Facts.V), nil
		known, err := registration.ByRemoteIDs(ctx, tx, i.Cloud, []string{oppID})
		if err != nil {
			return err
		}
		if r, ok := known[oppID]; ok {
			return s.linked(ctx, tx, i, r, authz.KindSystem)
		}
		if len(i.Draft.V.Values) > 0 { // a lead that a person wanted in Salesforce, too
			i.DueAt, i.AskedAt = tx.Now(), time.Time{}
			return i.move(StateCreating, tx.Now())
		}
		return nil
	})
}

// together gives the facts of a, and those of b that a does not name.
func together(a, b []Fact) []Fact {
	out := slices.Clone(a)
	for _, f := range b {
		if !slices.ContainsFunc(a, func(x Fact) bool { return x.Label == f.Label }) {
			out = append(out, f)
		}
	}
	return out
}

// linked notes which of our opportunities it is.
func (s *Service) linked(ctx context.Context, tx *db.Tx, i *Invitation, r registration.Registration, who authz.Kind) error {
	i.OpportunityID, i.RegistrationID, i.DueAt = r.OpportunityID, r.ID, time.Time{}
	i.Error, i.ErrorCode, i.Attempts, i.FailedFrom, i.Reason = "", "", 0, "", ""
	if err := i.move(StateLinked, tx.Now()); err != nil {
		return err
	}
	return s.tell(ctx, tx, i, who, "linked", "Linked with an opportunity of Salesforce", "")
}

// refused keeps a portal's refusal: what passes is tried again later, what does
// not waits for a person.
func (s *Service) refused(ctx context.Context, i Invitation, cause error) error {
	fresh, err := ByID(ctx, s.db, i.ID)
	if err != nil {
		return err
	}
	if fresh.Version != i.Version {
		return nil // it moved on: the next look decides
	}
	return unlessMoved(s.save(ctx, &fresh, func(tx *db.Tx) error {
		i := &fresh
		i.Attempts++
		i.Error, i.ErrorCode = cut(cause.Error(), 20_000), "portal"
		if remote := problem.RemoteOf(cause); remote != nil && remote.Code != "" {
			i.ErrorCode = remote.Code
		}
		passes := problem.RetryOf(cause) != problem.RetryHuman && !errors.Is(cause, errTaskFailed)
		notYet := problem.Is(cause, problem.KindNotFound) && i.Attempts < 5 // a portal may show later what it has taken
		waits := i.State == StatePending || i.State == StateAccepted
		if passes || notYet || waits {
			i.DueAt = tx.Now().Add(s.wait(i.Attempts, cause))
			return nil
		}
		by := i.AskedOf()
		i.FailedFrom, i.DueAt, i.Reason = i.State, time.Time{}, "Refused by "+by
		if i.State == StateCreating {
			i.Draft.V.Faults = faultsOf(cause)
		}
		if errors.Is(cause, errTaskFailed) { // the same token would give the failed task again
			i.Token, i.TaskID, i.AskedAt = "", "", time.Time{}
		}
		from := i.State
		if err := i.move(StateFailed, tx.Now()); err != nil {
			return err
		}
		if from == StateCreating {
			return s.tell(ctx, tx, i, authz.KindSystem, "failed", "Salesforce refused to make the opportunity", i.Error)
		}
		return s.tell(ctx, tx, i, authz.KindPortal, "failed", fmt.Sprintf("%s refused (%s)", by, strings.ToLower(from.Label())), i.Error)
	}))
}

// AskedOf names whom the engine asks, or asked last, in the invitation's state.
func (i *Invitation) AskedOf() string {
	if i.State == StateCreating || i.FailedFrom == StateCreating {
		return "Salesforce"
	}
	return i.Cloud.Portal()
}

func (s *Service) wait(attempts int64, cause error) time.Duration {
	wait := min(s.pace.Retry<<min(attempts-1, 20), s.pace.Max)
	if wait <= 0 {
		wait = s.pace.Max
	}
	if remote := problem.RemoteOf(cause); remote != nil {
		wait = max(wait, remote.RetryAfter)
	}
	return wait
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
