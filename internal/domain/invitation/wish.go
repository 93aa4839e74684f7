package invitation

import (
	"context"
	"errors"
	"fmt"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// The names of the wishes about an invitation, for approval.
const (
	WishAccept  = "accept_invitation"
	WishReject  = "reject_invitation"
	WishConvert = "convert_invitation"
	WishRetry   = "retry_invitation"
	WishLink    = "link_invitation"
	WishCreate  = "create_opportunity"
)

// Answer is a person's wish about one invitation. Version is the one that the
// person saw, 0 any. DryRun checks all rules, changes nothing and gives the
// invitation as it is.
type Answer struct {
	ID      string
	Version int64
	DryRun  bool
}

// Result is how a wish went: done, and then Invitation is as it stands now, or
// waiting for a Director.
type Result struct {
	Invitation Invitation
	Waiting    *approval.Request // nil: done
	Values     map[string]string // of Create: what the opportunity is made of
}

// arguments are what a wish that waits is kept with.
type arguments struct {
	Reason        string            `json:"reason,omitempty"`
	OpportunityID string            `json:"opportunity_id,omitempty"`
	Values        map[string]string `json:"values,omitempty"` // of the opportunity to be made
}

// deed does a wish to i in the transaction that stores i afterwards. It finds out
// itself whether i still stands where it can be done.
type deed func(ctx context.Context, tx *db.Tx, i *Invitation, a arguments) error

// deeds are what the wishes do, by name.
func (s *Service) deeds() map[string]deed {
	return map[string]deed{WishAccept: s.doAccept, WishReject: s.doReject, WishConvert: s.doConvert, WishRetry: s.doRetry, WishLink: s.doLink, WishCreate: s.doCreate}
}

// handle lets the approvals do the wishes.
func (s *Service) handle() {
	for name, do := range s.deeds() {
		s.approvals.Handle(name, approval.Executor{
			Run: func(ctx context.Context, tx *db.Tx, r *approval.Request) error {
				var a arguments
				if err := r.Read(&a); err != nil {
					return err
				}
				return s.act(ctx, tx, r.Subject, a, do)
			},
			Tell: s.tellOfRequest,
		})
	}
}

// tellOfRequest puts a step of a request on the invitation's timeline.
func (s *Service) tellOfRequest(ctx context.Context, tx *db.Tx, r *approval.Request, kind, subject, body string) error {
	i, err := ByID(ctx, tx, r.Subject)
	if err != nil {
		return err
	}
	return s.tell(ctx, tx, &i, authz.KindPerson, kind, subject, body)
}

type seenKey struct{}

// seen keeps which version the person saw.
func seen(ctx context.Context, a Answer) context.Context {
	return context.WithValue(ctx, seenKey{}, a.Version)
}

// errDryRun rolls a dry run back.
var errDryRun = errors.New("dry run")

// wish does w, which is about the invitation that a names, or asks a Director for
// it. An invitation names no value of ours that a limit could be compared with.
func (s *Service) wish(ctx context.Context, a Answer, i *Invitation, w approval.Wish, args arguments) (Result, error) {
	ctx = seen(ctx, a)
	if a.DryRun {
		return Result{Invitation: *i}, s.try(ctx, a, args, s.deeds()[w.Name])
	}
	w.Subject, w.Cloud, w.Arguments, w.Unvalued = i.ID, i.Cloud, args, true
	w.DealName, w.AccountName, w.OpportunityID = i.Name(), i.CustomerName, args.OpportunityID
	if i.State == StatePending && !i.ExpiresAt.IsZero() {
		w.Details = append(w.Details, "It expires on "+i.ExpiresAt.UTC().Format("2006-01-02 15:04")+" UTC")
	}
	r, err := s.approvals.Do(ctx, w)
	if err != nil {
		return Result{Invitation: *i}, err
	}
	now, err := ByID(ctx, s.db, i.ID)
	return Result{Invitation: now, Waiting: r}, err
}

// try does a wish in a transaction of its own, which a dry run rolls back.
func (s *Service) try(ctx context.Context, a Answer, args arguments, do deed) error {
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := s.act(ctx, tx, a.ID, args, do); err != nil {
			return err
		}
		if a.DryRun {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// act does a wish in tx: it stores the invitation, and has it moved on.
func (s *Service) act(ctx context.Context, tx *db.Tx, id string, a arguments, do deed) error {
	i, err := ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	// Whoever approves a wish later decides on what it says, not on a version.
	if version, ok := ctx.Value(seenKey{}).(int64); ok && version != 0 && i.Version != version {
		return problem.Precondition("invitation", i.ID)
	}
	if _, ok := s.portals[i.Cloud]; !ok {
		return connected(i.Cloud)
	}
	before := i.State
	if err := do(ctx, tx, &i, a); err != nil {
		return err
	}
	if err := s.store(ctx, tx, &i, before); err != nil {
		return err
	}
	return s.wakeIfDue(ctx, tx, &i)
}

// store keeps i. What waits for a Director about an invitation that left its state
// could not be done any more.
func (s *Service) store(ctx context.Context, tx *db.Tx, i *Invitation, before State) error {
	if err := update(ctx, tx, i); err != nil || i.State == before {
		return err
	}
	return s.approvals.Overtake(ctx, tx, i.ID, fmt.Sprintf("The %s is “%s” now", i.Kind.Word(), i.State.Label()))
}

// find gives the invitation that a wish is about. Needs the action, whether there
// is one or not.
func (s *Service) find(ctx context.Context, id string, action authz.Action) (Invitation, error) {
	if err := authz.Require(ctx, action); err != nil {
		return Invitation{}, err
	}
	return ByID(ctx, s.db, id)
}
