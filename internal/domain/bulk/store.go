package bulk

import (
	"context"
	"errors"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func insert(ctx context.Context, tx *db.Tx, r *Run) error {
	if err := db.Insert(ctx, tx, "bulk_run", r); err != nil {
		return err
	}
	return db.InsertMany(ctx, tx, "bulk_row", r.Rows)
}

func byID(ctx context.Context, q db.Queryer, runID string) (Run, error) {
	r, err := db.Get[Run](ctx, q, `SELECT * FROM bulk_run WHERE id = ?`, runID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("bulk_run", runID)
	}
	if err != nil {
		return r, err
	}
	r.Rows, err = db.Select[Row](ctx, q, `SELECT * FROM bulk_row WHERE run_id = ? ORDER BY at`, runID)
	return r, err
}

func rowAt(ctx context.Context, q db.Queryer, runID string, at int64) (Row, error) {
	return db.Get[Row](ctx, q, `SELECT * FROM bulk_row WHERE run_id = ? AND at = ?`, runID, at)
}

// errSettled says that a row is not queued any more.
var errSettled = errors.New("the row of an act was done by somebody else")

// settle keeps what became of a queued row, once.
func settle(ctx context.Context, tx *db.Tx, row *Row) error {
	n, err := tx.Exec(ctx, `UPDATE bulk_row SET outcome = ?, message = ?, registration_id = ?, before_value = ?, after_value = ? WHERE run_id = ? AND at = ? AND outcome = ?`,
		row.Outcome, row.Message, row.RegistrationID, row.Before, row.After, row.RunID, row.At, OutcomeQueued)
	if err == nil && n == 0 {
		err = errSettled
	}
	return err
}

// end closes a run of which no row is queued any more.
func end(ctx context.Context, tx *db.Tx, runID string) error {
	_, err := tx.Exec(ctx, `UPDATE bulk_run SET ended_at = ? WHERE id = ? AND ended_at IS NULL
		AND NOT EXISTS (SELECT 1 FROM bulk_row WHERE run_id = ? AND outcome = ?)`, tx.Now(), runID, runID, OutcomeQueued)
	return err
}

func unfinished(ctx context.Context, q db.Queryer, begunBefore time.Time, limit int) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT id FROM bulk_run WHERE ended_at IS NULL AND begun_at < ? ORDER BY begun_at LIMIT ?`, begunBefore, limit)
}

func countUndone(ctx context.Context, q db.Queryer, runID string) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM bulk_run WHERE undoes = ?`, runID)
}
