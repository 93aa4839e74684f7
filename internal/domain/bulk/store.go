package bulk

import (
	"context"

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

func settle(ctx context.Context, tx *db.Tx, row *Row) error {
	return tx.One(ctx, `UPDATE bulk_row SET outcome = ?, message = ? WHERE run_id = ? AND at = ?`, row.Outcome, row.Message, row.RunID, row.At)
}

func end(ctx context.Context, tx *db.Tx, runID string) error {
	return tx.One(ctx, `UPDATE bulk_run SET ended_at = ? WHERE id = ?`, tx.Now(), runID)
}

func countUndone(ctx context.Context, q db.Queryer, runID string) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM bulk_run WHERE undoes = ?`, runID)
}
