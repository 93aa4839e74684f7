package approval

import (
	"context"
	"errors"
	"fmt"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// staleError says that what was asked for cannot be done any more.
type staleError struct{ cause error }

// Error gives the cause.
func (e *staleError) Error() string { return e.cause.Error() }

// stale reports whether a problem of an executor means that the wish is out of
// date, and not that something is out of order just now.
func stale(err error) bool {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Code == "not_connected" {
		return false
	}
	switch p.Kind {
	case problem.KindConflict, problem.KindNotFound, problem.KindInvalid, problem.KindForbidden:
		return true
	case problem.KindPrecondition:
		return p.Code == registration.CodeMovedOn
	}
	return false
}

// tries is how often an approval is tried while others write to the same records.
const tries = 4

// Approve does what a request asks for, as who asked, in the transaction that
// notes the approval: it happens once, or not at all. version is that of the
// request as the Director saw it, 0 for any. A wish that cannot be done any more is
// kept as superseded, with the reason, and is no error. Needs approve, and the
// request must be somebody else's.
func (s *Service) Approve(ctx context.Context, requestID, note string, version int64) (Request, error) {
	note, err := checkNote(note, false)
	if err != nil {
		return Request{}, err
	}
	var r Request
	for range tries {
		r, err = s.settle(ctx, requestID, version, func(tx *db.Tx, actor authz.Actor, r *Request) error {
			r.State, r.Note = StateApproved, note
			if err := s.close(ctx, tx, actor, r, "approval.approve", "approval_given", "Approved: "+r.Title, note); err != nil {
				return err
			}
			return s.execute(ctx, tx, r)
		})
		if !problem.Is(err, problem.KindPrecondition) {
			break
		}
	}
	var old *staleError
	if !errors.As(err, &old) {
		return r, err
	}
	return s.settle(ctx, requestID, version, func(tx *db.Tx, actor authz.Actor, r *Request) error {
		r.State, r.Note, r.Outcome = StateSuperseded, note, old.Error()
		return s.close(ctx, tx, actor, r, "approval.supersede", "approval_superseded", "Out of date when it was approved: "+r.Title, r.Outcome)
	})
}

// execute does what was approved, as who asked for it.
func (s *Service) execute(ctx context.Context, tx *db.Tx, r *Request) error {
	e, ok := s.executors[r.Wish]
	if !ok {
		return fmt.Errorf("nothing does the wish %q", r.Wish)
	}
	who, err := team.ActorOf(ctx, tx, r.RequestedBy)
	if problem.Is(err, problem.KindNotFound) {
		return &staleError{problem.Conflict("requester_left", r.RequestedByName+", who asked for it, cannot sign in any more")}
	}
	if err != nil {
		return err
	}
	who.Kind = r.RequestedKind
	w := Wish{Action: r.Action, OpportunityID: r.OpportunityID, Cloud: r.Cloud, Amount: r.Amount()}
	f, err := s.facts(ctx, tx, &w)
	if err == nil {
		var v authz.Verdict
		if v, err = authz.DecideFor(who, r.Action, f); err == nil {
			err = v.Err()
		}
	}
	if err == nil {
		err = e.Run(decided(authz.With(ctx, who)), tx, r)
	}
	if err != nil && stale(err) {
		return &staleError{err}
	}
	return err
}

// Refuse says no to a request, with a note for who asked. Needs approve, and the
// request must be somebody else's.
func (s *Service) Refuse(ctx context.Context, requestID, note string, version int64) (Request, error) {
	note, err := checkNote(note, true)
	if err != nil {
		return Request{}, err
	}
	return s.settle(ctx, requestID, version, func(tx *db.Tx, actor authz.Actor, r *Request) error {
		r.State, r.Note = StateRefused, note
		return s.close(ctx, tx, actor, r, "approval.refuse", "approval_refused", "Not approved: "+r.Title, note)
	})
}

// settle runs a decision of a Director on a pending request.
func (s *Service) settle(ctx context.Context, requestID string, version int64, decide func(tx *db.Tx, actor authz.Actor, r *Request) error) (Request, error) {
	if err := authz.Require(ctx, authz.ActionApprove); err != nil {
		return Request{}, err
	}
	actor, _ := authz.From(ctx)
	var r Request
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if r, err = byID(ctx, tx, requestID); err != nil {
			return err
		}
		v, err := authz.Decide(ctx, authz.ActionApprove, authz.Facts{AmountUSD: dollars(r.Amount()), Own: r.RequestedBy == actor.ID})
		if err == nil {
			err = v.Err()
		}
		if err != nil {
			return err
		}
		if err := r.open(version); err != nil {
			return err
		}
		return decide(tx, actor, &r)
	})
	if problem.Is(err, problem.KindPrecondition) {
		// Somebody was faster: say who.
		if now, nerr := byID(ctx, s.db, requestID); nerr == nil && now.State != StatePending {
			err = now.open(0)
		}
	}
	return r, err
}

// open reports a request that is decided already, or changed since it was seen.
func (r *Request) open(version int64) error {
	switch {
	case r.State != StatePending:
		by := ""
		if r.DecidedByName != "" {
			by = " by " + r.DecidedByName
		}
		return problem.Conflict("already_decided", fmt.Sprintf("This request is decided already%s: %s", by, r.State.Label()))
	case version != 0 && r.Version != version:
		return problem.Precondition("approval", r.ID)
	}
	return nil
}

// close stores the end of a request with its audit entry and its event.
func (s *Service) close(ctx context.Context, tx *db.Tx, actor authz.Actor, r *Request, entry, kind, subject, body string) error {
	r.DecidedBy, r.DecidedByName, r.DecidedAt = actor.ID, actor.Name, tx.Now()
	if err := update(ctx, tx, r); err != nil {
		return err
	}
	if err := audit.Record(ctx, tx, entry, r.ID, r.told()); err != nil {
		return err
	}
	return s.tell(ctx, tx, r, kind, subject, body)
}

// Overtake ends what waits about a record that moved on, in the transaction that
// moved it: nobody could do it any more, whoever approved it. why says what became
// of the record. Who asked is told on Today.
func (s *Service) Overtake(ctx context.Context, tx *db.Tx, subject, why string) error {
	waiting, err := PendingOn(ctx, tx, []string{subject})
	if err != nil {
		return err
	}
	for _, r := range waiting[subject] {
		r.State, r.Outcome = StateSuperseded, why
		if err := s.close(ctx, tx, authz.System, &r, "approval.supersede", "approval_superseded", "Out of date: "+r.Title, why); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw takes one's own request back.
func (s *Service) Withdraw(ctx context.Context, requestID string, version int64) (Request, error) {
	return s.own(ctx, requestID, func(tx *db.Tx, actor authz.Actor, r *Request) error {
		if err := r.open(version); err != nil {
			return err
		}
		r.State = StateWithdrawn
		return s.close(ctx, tx, actor, r, "approval.withdraw", "approval_withdrawn", "Taken back: "+r.Title, "")
	})
}

// Seen notes that the person knows the decision on their own request: it leaves
// their Today. Seen twice is no error.
func (s *Service) Seen(ctx context.Context, requestID string) (Request, error) {
	return s.own(ctx, requestID, func(tx *db.Tx, _ authz.Actor, r *Request) error {
		if r.State == StatePending {
			return problem.Conflict("still_pending", "Nobody has decided on this request yet")
		}
		return see(ctx, tx, r.ID)
	})
}

// own runs what somebody does with their own request. Needs ask.
func (s *Service) own(ctx context.Context, requestID string, act func(tx *db.Tx, actor authz.Actor, r *Request) error) (Request, error) {
	if err := authz.Require(ctx, authz.ActionAsk); err != nil {
		return Request{}, err
	}
	actor, _ := authz.From(ctx)
	var r Request
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if r, err = byID(ctx, tx, requestID); err != nil {
			return err
		}
		if r.RequestedBy != actor.ID {
			return problem.Forbidden("not_yours", "Only "+r.RequestedByName+", who asked, can do this")
		}
		return act(tx, actor, &r)
	})
	return r, err
}

// Query narrows a list of requests. After is the id of the last one of the page
// before.
type Query struct {
	States        []State
	RequestedBy   string // person id
	NotBy         string // person id: not theirs
	Subjects      []string
	OpportunityID string
	Unseen        bool
	OldestFirst   bool
	After         string
	Limit         int
}

// List gives requests, the newest first unless asked otherwise, and the cursor of
// the next page, "" at the end. Needs read.
func (s *Service) List(ctx context.Context, by Query) ([]Request, string, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, "", err
	}
	limit := min(by.Limit, 200)
	if limit <= 0 {
		limit = 50
	}
	rows, err := list(ctx, s.db, by, limit+1)
	if err != nil || len(rows) <= limit {
		return rows, "", err
	}
	return rows[:limit], rows[limit-1].ID, nil
}

// Get gives a request. Needs read.
func (s *Service) Get(ctx context.Context, requestID string) (Request, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Request{}, err
	}
	return byID(ctx, s.db, requestID)
}

// forMe are the requests that the actor of ctx could decide on; ok is false for who
// may not approve.
func forMe(ctx context.Context) (by Query, ok bool, err error) {
	actor, ok := authz.From(ctx)
	if !ok {
		return Query{}, false, nil
	}
	may, err := authz.May(actor, authz.ActionApprove)
	return Query{States: []State{StatePending}, NotBy: actor.ID, OldestFirst: true}, may && err == nil, err
}

// byMe are the actor's own requests that wait, and those decided that they have not
// taken note of.
func byMe(ctx context.Context) (by Query, ok bool) {
	actor, ok := authz.From(ctx)
	return Query{States: []State{StatePending, StateApproved, StateRefused, StateSuperseded}, RequestedBy: actor.ID, Unseen: true, OldestFirst: true}, ok
}

// Waiting gives the requests that the actor of ctx could decide on, the oldest
// first, at most limit; none for who may not approve.
func Waiting(ctx context.Context, q db.Queryer, limit int) ([]Request, error) {
	by, ok, err := forMe(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return list(ctx, q, by, limit)
}

// CountMine counts what Waiting and Asked would list without a limit.
func CountMine(ctx context.Context, q db.Queryer) (waiting, asked int, err error) {
	var n, m int64
	by, ok, err := forMe(ctx)
	if err == nil && ok {
		n, err = count(ctx, q, by)
	}
	if by, ok := byMe(ctx); err == nil && ok {
		m, err = count(ctx, q, by)
	}
	return int(n), int(m), err
}

// PendingOn gives the requests that wait about the given records, the oldest first,
// by record.
func PendingOn(ctx context.Context, q db.Queryer, subjects []string) (map[string][]Request, error) {
	out := map[string][]Request{}
	if len(subjects) == 0 {
		return out, nil
	}
	rows, err := list(ctx, q, Query{States: []State{StatePending}, Subjects: subjects, OldestFirst: true}, maxPendingOn)
	for _, r := range rows {
		out[r.Subject] = append(out[r.Subject], r)
	}
	return out, err
}

// maxPendingOn is far more than the people of a team who could ask about one page
// of records.
const maxPendingOn = 10_000

// Asked gives the actor's own requests that wait, and those decided that they have
// not taken note of, the oldest first, at most limit.
func Asked(ctx context.Context, q db.Queryer, limit int) ([]Request, error) {
	by, ok := byMe(ctx)
	if !ok {
		return nil, nil
	}
	return list(ctx, q, by, limit)
}
