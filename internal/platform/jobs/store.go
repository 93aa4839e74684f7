package jobs

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// releaseRunning makes the jobs of a killed process available, and ends its
// lease as the leader, which would keep periodic jobs waiting.
func releaseRunning(ctx context.Context, d *db.DB) error {
	return d.InTx(ctx, clock.System{}, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE river_job SET state = 'available' WHERE state = 'running'`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM river_leader`)
		return err
	})
}

func jobIDs(ctx context.Context, q db.Queryer, f Filter) ([]int64, error) {
	if len(f.States) == 0 {
		f.States = States()
	}
	query, args := `SELECT id FROM river_job WHERE cast(state AS text) IN (?) AND (? = 0 OR id < ?)`, []any{f.States, f.Before, f.Before}
	if len(f.Kinds) > 0 {
		query, args = query+` AND kind IN (?)`, append(args, f.Kinds)
	}
	return db.Select[int64](ctx, q, query+` ORDER BY id DESC LIMIT ?`, append(args, f.Limit)...)
}

// latestOf gives the id of the newest job of a kind, 0 for none.
func latestOf(ctx context.Context, q db.Queryer, kind string) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT coalesce(max(id), 0) FROM river_job WHERE kind = ?`, kind)
}

type stateCount struct {
	State string `db:"state"`
	Count int64  `db:"n"`
}

func countStates(ctx context.Context, q db.Queryer, kinds []string) (map[string]int64, error) {
	query, args := `SELECT cast(state AS text) AS state, count(*) AS n FROM river_job`, []any{}
	if len(kinds) > 0 {
		query, args = query+` WHERE kind IN (?)`, append(args, kinds)
	}
	rows, err := db.Select[stateCount](ctx, q, query+` GROUP BY state`, args...)
	out := map[string]int64{}
	for _, r := range rows {
		out[r.State] = r.Count
	}
	return out, err
}

type unfinishedRow struct {
	ScheduledAt time.Time `db:"scheduled_at"`
}

func countUnfinished(ctx context.Context, q db.Queryer, kinds []string, until time.Time) (int64, error) {
	rows, err := db.Select[unfinishedRow](ctx, q, `SELECT scheduled_at FROM river_job WHERE kind IN (?) AND cast(state AS text) IN ('available', 'pending', 'retryable', 'running', 'scheduled')`, kinds)
	var n int64
	for _, r := range rows {
		if !r.ScheduledAt.After(until) {
			n++
		}
	}
	return n, err
}
