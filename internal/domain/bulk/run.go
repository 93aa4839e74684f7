package bulk

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Do acts on the opportunities that the preview of this moment allows, and keeps
// what became of each. What a row is refused is its own and no error here. The rows
// that this call does not come to are queued, and a job carries them on. Needs
// register to submit, update for the others.
func (s *Service) Do(ctx context.Context, a Ask) (Run, error) {
	x, err := s.understand(ctx, a)
	if err != nil {
		return Run{}, err
	}
	rows, err := s.foresee(ctx, &x)
	if err != nil {
		return Run{}, err
	}
	r := Run{Action: a.Action, Cloud: a.Cloud, Detail: a.Stage, Rows: rows}
	if a.Action == ActionAssign {
		r.Detail = a.Assignee
	}
	return s.start(ctx, &x, r)
}

// callsPortal reports whether each row is a call to the portal, which takes only so
// many a second: a person does not wait for that.
func (a Action) callsPortal() bool { return a == ActionAssign }

// start stores the intent, and does the rows unless a job shall.
func (s *Service) start(ctx context.Context, x *act, r Run) (Run, error) {
	actor, _ := authz.From(ctx)
	r.ID, r.ActorKind, r.ActorID, r.ActorName, r.ActorLevel, r.BegunAt = id.New("blk"), actor.Kind, actor.ID, actor.Name, actor.Level, s.clock.Now()
	for i := range r.Rows {
		r.Rows[i].RunID = r.ID
		if r.Rows[i].Outcome.acts() {
			r.Rows[i].Outcome = OutcomeQueued
		}
	}
	idle := Count(r.Rows, OutcomeQueued) == 0
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if idle {
			r.EndedAt = tx.Now()
		}
		if err := insert(ctx, tx, &r); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "bulk."+string(r.Action), r.ID, map[string]any{"cloud": r.Cloud, "detail": r.Detail, "rows": len(r.Rows), "undoes": r.Undoes}); err != nil {
			return err
		}
		if idle || !r.Action.callsPortal() {
			return nil
		}
		return s.Plan(ctx, tx, r.ID)
	})
	if err != nil || idle || r.Action.callsPortal() {
		return r, err
	}
	if err := s.carryOn(ctx, x, &r); err != nil {
		// The job meets the same trouble, tells of it and tries again.
		return r, s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return s.Plan(ctx, tx, r.ID) })
	}
	return r, nil
}

// patience is how long a call may be at its rows before a job takes it to be cut
// off. Both at once do no harm: a row is done in the transaction that says so.
const patience = time.Minute

// Unfinished gives the runs, at most limit, that have rows left although nobody has
// worked on them for a while, as after the death of the process.
func (s *Service) Unfinished(ctx context.Context, limit int) ([]string, error) {
	return unfinished(ctx, s.db, s.clock.Now().Add(-patience), limit)
}

// Work does the rows of a run that are queued, in the name of who asked for it and
// with their rights of now. An error that passes ends it; called again it goes on
// with the rows that are left.
func (s *Service) Work(ctx context.Context, runID string) error {
	r, err := byID(ctx, s.db, runID)
	if err != nil || !r.EndedAt.IsZero() {
		return err
	}
	ctx, x, err := s.takeUp(ctx, &r)
	switch {
	case err == nil:
		return s.carryOn(ctx, &x, &r)
	case passes(ctx, err):
		return err
	}
	return s.giveUp(ctx, &r, err)
}

// takeUp gives the act of a stored run, and a context in which who asked for it
// acts.
func (s *Service) takeUp(ctx context.Context, r *Run) (context.Context, act, error) {
	who := authz.Actor{Kind: r.ActorKind, ID: r.ActorID, Name: r.ActorName, Level: r.ActorLevel}
	if who.Kind == authz.KindPerson || who.Kind == authz.KindIntegration {
		now, err := team.ActorOf(ctx, s.db, r.ActorID)
		if problem.Is(err, problem.KindNotFound) {
			err = problem.Conflict("requester_left", r.ActorName+", who asked for it, cannot sign in any more")
		}
		if err != nil {
			return ctx, act{}, err
		}
		who, who.Kind = now, r.ActorKind
	}
	ctx = authz.With(ctx, who)
	if err := authz.Require(ctx, r.Action.needs()); err != nil {
		return ctx, act{}, err
	}
	ask := Ask{Action: r.Action, Cloud: r.Cloud, Stage: r.Detail}
	if r.Action == ActionAssign {
		ask.Stage, ask.Assignee = "", r.Detail
	}
	x, err := s.resolve(ctx, ask)
	return ctx, x, err
}

// carryOn does the rows that are queued. A row with a fault of ours keeps none of
// the others from being done; it stays queued, and the fault is the error.
func (s *Service) carryOn(ctx context.Context, x *act, r *Run) error {
	var faults error
	for i := range r.Rows {
		if r.Rows[i].Outcome != OutcomeQueued {
			continue
		}
		err := s.work(ctx, x, &r.Rows[i])
		switch {
		case err == nil:
		case problem.KindOf(err) == problem.KindInternal && ctx.Err() == nil:
			faults = errors.Join(faults, err)
		default:
			return err
		}
	}
	if faults != nil {
		return faults
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		r.EndedAt = tx.Now()
		return end(ctx, tx, r.ID)
	})
}

// passes reports whether an error says nothing of the row: to come again may help.
func passes(ctx context.Context, err error) bool {
	switch problem.KindOf(err) {
	case problem.KindInternal, problem.KindUnavailable:
		return true
	}
	return ctx.Err() != nil || problem.RemoteOf(err) != nil && problem.RetryOf(err) != problem.RetryHuman
}

// tries is how often a row is done anew while others write to its records.
const tries = 4

// work does a queued row and keeps what became of it. Cut off at any point the row
// is either done and says so, or is queued and was not done; only a call to a portal
// may have been made, which is safe to repeat.
func (s *Service) work(ctx context.Context, x *act, row *Row) error {
	var err error
	for range tries {
		now := *row
		if err = s.attempt(ctx, x, &now); err == nil {
			*row = now
			return nil
		}
		if !problem.Is(err, problem.KindPrecondition) {
			break
		}
	}
	if !errors.Is(err, errSettled) && !passes(ctx, err) {
		err = s.keep(ctx, row, OutcomeRefused, said(err))
	}
	if errors.Is(err, errSettled) { // by somebody who works on the same run
		*row, err = rowAt(ctx, s.db, row.RunID, row.At)
	}
	return err
}

// attempt looks again what is to be done for a row, does it and keeps it.
func (s *Service) attempt(ctx context.Context, x *act, row *Row) error {
	look := s.row
	if x.Action == ActionUndo {
		look = s.foreseeUndo
	}
	switch err := look(ctx, x, row); {
	case err != nil && passes(ctx, err):
		return err
	case err != nil:
		return s.keep(ctx, row, OutcomeBlocked, said(err))
	case !row.Outcome.acts():
		return s.keep(ctx, row, row.Outcome, row.Message)
	}
	done, message := OutcomeDone, "On its way to "+x.Cloud.Portal()
	if row.Outcome == OutcomeWaits { // kept, and still waiting for the lock
		done, message = OutcomeWaits, row.Message
	}
	kept := false
	also := func(ctx context.Context, tx *db.Tx, waiting *approval.Request) error {
		kept = true
		row.Outcome, row.Message = done, message
		if waiting != nil {
			row.Outcome, row.Message = OutcomeAsked, waiting.Message()
		}
		return settle(ctx, tx, row)
	}
	var err error
	switch x.Action {
	case ActionSubmit:
		_, err = s.approvals.Register(approval.Also(ctx, also), row.OpportunityID, x.Cloud)
	case ActionStage:
		err = s.put(approval.Also(ctx, also), x, row, x.Stage)
	case ActionUndo:
		err = s.put(approval.Also(ctx, also), x, row, row.After)
	case ActionAssign:
		message = row.Message
		err = s.assign(ctx, x, row, func(ctx context.Context, tx *db.Tx) error { return also(ctx, tx, nil) })
	case ActionRetry: // what was sent again is no refusal any more: it is not sent twice
		done, message, err = s.retry(ctx, x, row)
	}
	if err != nil || kept {
		return err
	}
	return s.keep(ctx, row, done, message)
}

func (s *Service) put(ctx context.Context, x *act, row *Row, text string) error {
	_, err := s.approvals.Put(ctx, row.RegistrationID, registration.Values{x.path: jsonText(text)})
	return err
}

func (s *Service) assign(ctx context.Context, x *act, row *Row, also func(ctx context.Context, tx *db.Tx) error) error {
	deal, err := opportunity.ByID(ctx, s.db, row.OpportunityID)
	if err != nil {
		return err
	}
	to, err := s.assigneeOf(ctx, x, &deal)
	if err != nil {
		return err
	}
	return s.registrations.Assign(ctx, row.RegistrationID, to, also)
}

func (s *Service) retry(ctx context.Context, x *act, row *Row) (Outcome, string, error) {
	items, err := s.refusals(ctx, x.Cloud, row.OpportunityID)
	if err != nil {
		return "", "", err
	}
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].ID()
	}
	results, err := s.inbox.SendAgain(ctx, ids)
	if err != nil {
		return "", "", err
	}
	for _, r := range results {
		switch {
		case r.Err != nil:
			return "", "", r.Err
		case r.Waiting != "":
			return OutcomeAsked, r.Waiting, nil
		}
	}
	return OutcomeDone, "Sent again: " + row.Message, nil
}

// keep stores what became of a row, unless somebody did: that is errSettled.
func (s *Service) keep(ctx context.Context, row *Row, o Outcome, message string) error {
	row.Outcome, row.Message = o, message
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return settle(ctx, tx, row) })
}

// giveUp refuses all that is queued for one reason.
func (s *Service) giveUp(ctx context.Context, r *Run, cause error) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		for i := range r.Rows {
			row := r.Rows[i]
			if row.Outcome != OutcomeQueued {
				continue
			}
			row.Outcome, row.Message = OutcomeRefused, said(cause)
			if err := settle(ctx, tx, &row); err != nil && !errors.Is(err, errSettled) {
				return err
			}
		}
		return end(ctx, tx, r.ID)
	})
}
