package bulk

import (
	"context"
	"slices"

	"github.com/tandem-cosell/tandem/internal/base/problem"
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

// takenBack says why a run cannot be undone twice.
const takenBack = "It was taken back already"

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
	if r.EndedAt.IsZero() {
		return false, "It is still under way", nil
	}
	if !slices.ContainsFunc(r.Rows, undoable) {
		return false, "It changed nothing", nil
	}
	n, err := countUndone(ctx, s.db, r.ID)
	if n > 0 {
		return false, takenBack, err
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
	x, err := s.resolve(ctx, Ask{Action: ActionUndo, Cloud: old.Cloud})
	if err != nil {
		return Run{}, err
	}
	r := Run{Action: ActionUndo, Cloud: old.Cloud, Undoes: old.ID}
	for _, was := range old.Rows {
		if !undoable(was) {
			continue
		}
		row := Row{
			At: int64(len(r.Rows)), OpportunityID: was.OpportunityID, RegistrationID: was.RegistrationID, Name: was.Name, AccountName: was.AccountName,
			Before: was.After, After: was.Before,
		}
		if err := s.foreseeUndo(ctx, &x, &row); err != nil {
			if passes(ctx, err) {
				return Run{}, err
			}
			row.Outcome, row.Message = OutcomeBlocked, said(err)
		}
		r.Rows = append(r.Rows, row)
	}
	r, err = s.start(ctx, &x, r)
	if db.HasCode(err, db.CodeUnique) { // somebody was faster
		err = problem.Conflict("cannot_undo", takenBack)
	}
	return r, err
}

// foreseeUndo foresees that After is put back where Before still stands.
func (s *Service) foreseeUndo(ctx context.Context, x *act, row *Row) error {
	set := row.Before
	if err := s.foreseeStage(ctx, x, jsonText(row.After), row); err != nil {
		return err
	}
	if row.Outcome.acts() && row.Before != set {
		row.Outcome, row.Message = OutcomeBlocked, "It was changed to "+row.Before+" since"
	}
	return nil
}
