package approval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Service is the use cases of oversight.
type Service struct {
	db            *db.DB
	clock         clock.Clock
	opportunities *opportunity.Service
	registrations *registration.Service
	activities    *activity.Service
	executors     map[string]Executor
}

// NewService gives the use cases with the executors of this package, and stands
// as the gate in front of what people do with registrations by another way.
func NewService(d *db.DB, c clock.Clock, o *opportunity.Service, r *registration.Service, a *activity.Service) *Service {
	s := &Service{db: d, clock: c, opportunities: o, registrations: r, activities: a, executors: map[string]Executor{}}
	s.Handle(WishRegister, Executor{Run: s.runRegister})
	s.Handle(WishMarkJoint, Executor{Run: s.runMarkJoint})
	s.Handle(WishPut, Executor{Run: s.runPut, Merge: mergePut})
	s.Handle(WishSettle, Executor{Run: s.runSettle})
	s.Handle(WishResend, Executor{Run: s.runResend})
	r.Gate = s.gate
	return s
}

// Handle sets who does the wishes of a name. It is called while the program is
// wired, before any use.
func (s *Service) Handle(name string, e Executor) { s.executors[name] = e }

type decidedKey struct{}

// decided marks what is done under ctx as decided on here.
func decided(ctx context.Context) context.Context {
	return context.WithValue(ctx, decidedKey{}, true)
}

// gate stops what somebody does by another way than Do and would have needed
// approval for.
func (s *Service) gate(ctx context.Context, tx *db.Tx, a registration.Act) error {
	if ctx.Value(decidedKey{}) != nil || a.Action == authz.ActionRegister && !submits(a.Registration) {
		return nil
	}
	v, err := s.judge(ctx, tx, &Wish{Action: a.Action, OpportunityID: a.OpportunityID, Cloud: a.Cloud})
	if err != nil {
		return err
	}
	if v.Ruling == authz.RulingNeedsApproval {
		return problem.Forbidden("needs_approval", "This needs a Director's approval: "+strings.Join(v.Because, "; "))
	}
	return v.Err()
}

func (s *Service) judge(ctx context.Context, q db.Queryer, w *Wish) (authz.Verdict, error) {
	f, err := s.facts(ctx, q, w)
	if err != nil {
		return authz.Verdict{}, err
	}
	return authz.Decide(ctx, w.Action, f)
}

// Decide says what the policies say to a wish now, without acting on it.
func (s *Service) Decide(ctx context.Context, w Wish) (authz.Verdict, error) {
	return s.judge(ctx, s.db, &w)
}

// errNotNow rolls back what was only tried.
var errNotNow = errors.New("tried, not done")

type alsoKey struct{}

// alsoFunc is what Also was given.
type alsoFunc func(ctx context.Context, tx *db.Tx, waiting *Request) error

// Also has fn run in the transaction in which a wish under the context is done, or
// in which it becomes a request, which fn is then given. So what fn writes stands if
// and only if the wish was done or waits, whenever the process dies. An error of fn
// undoes the wish.
func Also(ctx context.Context, fn func(ctx context.Context, tx *db.Tx, waiting *Request) error) context.Context {
	return context.WithValue(ctx, alsoKey{}, alsoFunc(fn))
}

func also(ctx context.Context, tx *db.Tx, waiting *Request) error {
	if fn, ok := ctx.Value(alsoKey{}).(alsoFunc); ok {
		return fn(ctx, tx, waiting)
	}
	return nil
}

// Do does what the policies let the actor of ctx do alone, and gives nil; what
// needs approval becomes a request, which it gives. What could not be done even
// with approval is the executor's problem, and what may not be done at all is of
// kind forbidden.
func (s *Service) Do(ctx context.Context, w Wish) (*Request, error) {
	actor, ok := authz.From(ctx)
	if !ok {
		return nil, problem.Unauthorized("not_signed_in", "Sign in first")
	}
	e, ok := s.executors[w.Name]
	if !ok {
		return nil, fmt.Errorf("nothing does the wish %q", w.Name)
	}
	arguments, err := json.Marshal(w.Arguments)
	if err != nil {
		return nil, fmt.Errorf("the arguments of %q: %w", w.Name, err)
	}
	var r *Request
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		r = nil
		v, err := s.judge(ctx, tx, &w)
		if err != nil {
			return err
		}
		if err := v.Err(); err != nil {
			return err
		}
		x := &Request{
			Wish: w.Name, Action: w.Action, Subject: w.Subject, Part: w.Part, OpportunityID: w.OpportunityID, Cloud: w.Cloud,
			Title: w.Title, Details: db.NewJSON(w.Details), Arguments: string(arguments), Why: db.NewJSON(why(v.Because)),
			DealName: w.DealName, AccountName: w.AccountName, State: StatePending,
			RequestedBy: actor.ID, RequestedByName: actor.Name, RequestedKind: actor.Kind, RequestedAt: tx.Now(),
		}
		if !w.Amount.IsNone() {
			x.Currency, x.AmountMinor = w.Amount.Currency, &w.Amount.Minor
		}
		if err := e.Run(decided(ctx), tx, x); err != nil {
			return err
		}
		if v.Ruling == authz.RulingNeedsApproval {
			r = x
			return errNotNow
		}
		return also(ctx, tx, nil)
	})
	if r == nil || !errors.Is(err, errNotNow) {
		return nil, err
	}
	return s.file(ctx, r, e)
}

// file stores a request, or joins it with the pending one of the same person for
// the same wish.
func (s *Service) file(ctx context.Context, asked *Request, e Executor) (*Request, error) {
	var r Request
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		r = *asked
		if err := s.fileTx(ctx, tx, &r, e); err != nil {
			return err
		}
		return also(ctx, tx, &r)
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func (s *Service) fileTx(ctx context.Context, tx *db.Tx, r *Request, e Executor) error {
	who, err := sentTo(ctx, tx)
	if err != nil {
		return err
	}
	old, err := pendingLike(ctx, tx, r)
	switch {
	case problem.Is(err, problem.KindNotFound):
		r.ID, r.SentTo = id.New("apr"), who
		if err := insert(ctx, tx, r); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "approval.request", r.ID, r.told()); err != nil {
			return err
		}
		return s.tell(ctx, tx, r, "approval_requested", "Asked for approval: "+r.Title, strings.Join(append(append([]string{}, r.Details.V...), r.Why.V...), "\n"))
	case err != nil:
		return err
	}
	if e.Merge != nil {
		if err := e.Merge(&old, r); err != nil {
			return err
		}
	}
	if old.Arguments == r.Arguments {
		*r = old
		r.SentTo = who
		return nil
	}
	before := json.RawMessage(old.Arguments)
	old.Title, old.Details, old.Arguments, old.Why = r.Title, r.Details, r.Arguments, r.Why
	old.DealName, old.AccountName, old.Currency, old.AmountMinor = r.DealName, r.AccountName, r.Currency, r.AmountMinor
	*r = old
	r.SentTo = who
	if err := update(ctx, tx, r); err != nil {
		return err
	}
	return audit.Record(ctx, tx, "approval.change", r.ID, map[string]any{"before": before, "after": json.RawMessage(r.Arguments)})
}

// told is what the audit log keeps of a request.
func (r *Request) told() map[string]any {
	out := map[string]any{
		"wish": r.Wish, "action": r.Action, "subject": r.Subject, "title": r.Title, "why": r.Why.V, "arguments": json.RawMessage(r.Arguments), "requested_by": r.RequestedBy,
	}
	if r.OpportunityID != "" {
		out["opportunity"] = r.OpportunityID
	}
	if r.Note != "" {
		out["note"] = r.Note
	}
	if r.Outcome != "" {
		out["outcome"] = r.Outcome
	}
	return out
}

// tell puts a step on the timelines of what the request is about.
func (s *Service) tell(ctx context.Context, tx *db.Tx, r *Request, kind, subject, body string) error {
	if e := s.executors[r.Wish]; e.Tell != nil {
		if err := e.Tell(ctx, tx, r, kind, subject, body); err != nil {
			return err
		}
	}
	if r.OpportunityID == "" {
		return nil
	}
	return s.activities.Note(ctx, tx, activity.Activity{OpportunityID: r.OpportunityID, Cloud: r.Cloud, Kind: activity.Kind(kind), Subject: subject, Body: body})
}

// sentTo names who may approve.
func sentTo(ctx context.Context, q db.Queryer) (string, error) {
	people, err := team.WhoMay(ctx, q, authz.ActionApprove)
	if err != nil {
		return "", err
	}
	switch len(people) {
	case 0:
		return "the Directors, of whom nobody can sign in yet,", nil
	case 1:
		return people[0].Name, nil
	case 2, 3:
		names := make([]string, len(people))
		for i, p := range people {
			names[i] = p.Name
		}
		last := len(names) - 1
		return strings.Join(names[:last], ", ") + " and " + names[last], nil
	}
	return fmt.Sprintf("the %d Directors", len(people)), nil
}

// maxNote is how long a note may be, in characters.
const maxNote = 2000

func checkNote(note string, needed bool) (string, error) {
	note = strings.TrimSpace(note)
	switch {
	case note == "" && needed:
		return "", problem.Invalid("note", "required", "Say why, so that who asked knows what to do")
	case utf8.RuneCountInString(note) > maxNote:
		return "", problem.Invalid("note", "too_long", fmt.Sprintf("Use at most %d characters", maxNote))
	}
	return note, nil
}
