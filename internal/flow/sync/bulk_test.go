package sync

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// Which rows a job does is proven in bulk; here it is that a job comes.
func TestAnActThatWasCutOffIsCarriedOnByAJobThatTheSweepPlans(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx, c, log := authz.With(t.Context(), authz.System), clock.System{}, slog.New(slog.DiscardHandler)
		opps, regs, acts, people := opportunity.NewService(d, c), registration.NewService(d, c, nil, registration.DefaultPace), activity.NewService(d, c), team.NewService(d, c)
		apprs := approval.NewService(d, c, opps, regs, acts)
		many := bulk.NewService(d, c, opps, regs, apprs, attention.NewService(d, c, regs, apprs, acts, tagging.NewService(d, c, opps)), people)
		s := &Service{DB: d, Clock: c, Log: log, Opportunities: opps, Registrations: regs, Activities: acts, Invitations: invitation.NewService(d, c, nil, regs, apprs, invitation.Pace{})}
		registry := jobs.NewRegistry()
		var client *jobs.Client
		s.HookBulk(registry, func() *jobs.Client { return client }, many)
		client, err := jobs.New(ctx, jobs.Config{DB: d, Logger: log, Work: true, Registry: registry, Exclusive: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Start(ctx); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
		left(t, d, "blk_old", c.Now().Add(-time.Hour))
		left(t, d, "blk_new", c.Now())
		if err := s.Sweep(ctx, client); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			r, err := many.Get(ctx, "blk_old")
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("nobody carried it on: %+v, %v", r, err)
			}
			if !r.EndedAt.IsZero() {
				if bulk.Count(r.Rows, bulk.OutcomeQueued) > 0 {
					t.Errorf("it ended with rows left: %+v", r.Rows)
				}
				break
			}
		}
		if r, err := many.Get(ctx, "blk_new"); err != nil || bulk.Count(r.Rows, bulk.OutcomeQueued) != 1 {
			t.Errorf("one that has only begun was taken from whoever works on it: %+v, %v", r, err)
		}
	})
}

// left stores an act of which one row is left to be done.
func left(t *testing.T, d *db.DB, runID string, begun time.Time) {
	t.Helper()
	err := d.InTx(t.Context(), clock.System{}, func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), `INSERT INTO bulk_run (id, action, cloud, actor_kind, actor_id, begun_at) VALUES (?, 'submit', 'aws', 'system', 'system', ?)`, runID, begun); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO bulk_row (run_id, at, opportunity_id, outcome) VALUES (?, 0, 'opp_1', 'queued')`, runID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
