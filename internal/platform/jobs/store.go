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

func jobIDs(ctx context.Context, q db.Queryer, states []string, before int64, limit int) ([]int64, error) {
	if len(states) == 0 {
		states = States()
	}
	return db.Select[int64](ctx, q, `SELECT id FROM river_job WHERE cast(state AS text) IN (?) AND (? = 0 OR id < ?) ORDER BY id DESC LIMIT ?`, states, before, before, limit)
}

type stateCount struct {
	State string `db:"state"`
	Count int64  `db:"n"`
}

func countStates(ctx context.Context, q db.Queryer) (map[string]int64, error) {
	rows, err := db.Select[stateCount](ctx, q, `SELECT cast(state AS text) AS state, count(*) AS n FROM river_job GROUP BY state`)
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
