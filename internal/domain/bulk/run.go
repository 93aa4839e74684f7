package bulk

import (
	"context"
	"slices"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Get gives a run with its rows. Needs read.
func (s *Service) Get(ctx context.Context, runID string) (Run, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Run{}, err
	}
	return byID(ctx, s.db, runID)
}

// CanUndo reports whether Undo could take something of the run back, and if not,
// why.
func (s *Service) CanUndo(ctx context.Context, r *Run) (bool, string, error) {
	switch r.Action {
	case ActionStage:
	case ActionSubmit:
		return false, "A submission cannot be taken back: the partner has it", nil
	case ActionAssign:
		return false, "The portal does not say who had it before: assign it anew", nil
	default:
		return false, "There is nothing to take back", nil
	}
	if !slices.ContainsFunc(r.Rows, undoable) {
		return false, "It changed nothing", nil
	}
	n, err := countUndone(ctx, s.db, r.ID)
	if n > 0 {
		return false, "It was taken back already", err
	}
	return true, "", err
}

func undoable(row Row) bool {
	return (row.Outcome == OutcomeDone || row.Outcome == OutcomeWaits) && row.Before != "" && row.Before != row.After
}

// Undo puts the former value back into every deal that a run changed and nobody
// changed since, as far as the portal takes it. It is a run of its own. Needs
// update.
func (s *Service) Undo(ctx context.Context, runID string) (Run, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Run{}, err
	}
	old, err := byID(ctx, s.db, runID)
	if err != nil {
		return Run{}, err
	}
	may, why, err := s.CanUndo(ctx, &old)
	if err != nil {
		return Run{}, err
	}
	if !may {
		return Run{}, problem.Conflict("cannot_undo", why)
	}
	st, ok := s.stager(&old)
	if !ok {
		return Run{}, problem.Conflict("not_connected", old.Cloud.Portal()+" is not connected: see Connections")
	}
	r := Run{Action: ActionUndo, Cloud: old.Cloud, Undoes: old.ID}
	for _, was := range old.Rows {
		if !undoable(was) {
			continue
		}
		row := Row{At: int64(len(r.Rows)), OpportunityID: was.OpportunityID, RegistrationID: was.RegistrationID, Name: was.Name, AccountName: was.AccountName}
		err := s.foreseeStage(ctx, st.StageField(), jsonText(was.Before), &row)
		switch {
		case problem.KindOf(err) == problem.KindInternal:
			return Run{}, err
		case err != nil:
			row.Outcome, row.Message = OutcomeBlocked, err.Error()
		case row.Outcome.does() && row.Before != was.After:
			row.Outcome, row.Message = OutcomeBlocked, "It was changed to "+row.Before+" since"
		}
		r.Rows = append(r.Rows, row)
	}
	return s.run(ctx, r, func(row *Row) (Outcome, string, error) {
		return s.put(ctx, row, st.StageField(), row.After)
	})
}

func (s *Service) stager(r *Run) (registration.Stager, bool) {
	p, ok := s.registrations.Portal(r.Cloud)
	if !ok {
		return nil, false
	}
	st, ok := p.(registration.Stager)
	return st, ok
}

// Work does the rows of a run that are queued, in the name of who asked for it. An
// error that passes ends it; called again it goes on with the rows that are left.
// That a call may be repeated after an unknown outcome does no harm: it sets a
// value.
func (s *Service) Work(ctx context.Context, runID string) error {
	r, err := byID(ctx, s.db, runID)
	if err != nil {
		return err
	}
	ctx = authz.With(ctx, authz.Actor{Kind: r.ActorKind, ID: r.ActorID, Name: r.ActorName, Level: r.ActorLevel})
	x, err := s.understand(ctx, Ask{Action: r.Action, Cloud: r.Cloud, Assignee: r.Detail, IDs: []string{runID}})
	if err != nil {
		return s.giveUp(ctx, &r, err)
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Outcome != OutcomeQueued {
			continue
		}
		err := s.assign(ctx, &x, row)
		switch {
		case err == nil:
			row.Outcome = OutcomeDone
		case problem.KindOf(err) == problem.KindInternal, ctx.Err() != nil, problem.RemoteOf(err) != nil && problem.RetryOf(err) != problem.RetryHuman:
			return err
		default:
			row.Outcome, row.Message = OutcomeRefused, err.Error()
		}
		if err := s.keep(ctx, row); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return end(ctx, tx, r.ID) })
}

func (s *Service) assign(ctx context.Context, x *act, row *Row) error {
	deal, err := opportunity.ByID(ctx, s.db, row.OpportunityID)
	if err != nil {
		return err
	}
	to, err := s.assigneeOf(ctx, x, &deal)
	if err != nil {
		return err
	}
	return s.registrations.Assign(ctx, row.RegistrationID, to)
}

// giveUp refuses all that is queued for one reason.
func (s *Service) giveUp(ctx context.Context, r *Run, cause error) error {
	if problem.KindOf(cause) == problem.KindInternal {
		return cause
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		for i := range r.Rows {
			if r.Rows[i].Outcome != OutcomeQueued {
				continue
			}
			r.Rows[i].Outcome, r.Rows[i].Message = OutcomeRefused, cause.Error()
			if err := settle(ctx, tx, &r.Rows[i]); err != nil {
				return err
			}
		}
		return end(ctx, tx, r.ID)
	})
}
