package sync

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

// BulkArgs is the job that does the rows of an act on many deals that call a
// portal.
type BulkArgs struct {
	RunID string `json:"run_id" river:"unique"`
}

// Kind names the job.
func (BulkArgs) Kind() string { return "bulk_work" }

// HookBulk adds the worker of acts on many deals and ties their wishes for work to
// it. client is asked for when a job runs.
func (s *Service) HookBulk(r *jobs.Registry, client func() *jobs.Client, b *bulk.Service) {
	// 500 calls at one a second, and as long again for what goes before them.
	jobs.Add(r, 30*time.Minute, func(ctx context.Context, a BulkArgs) error { return b.Work(ctx, a.RunID) })
	b.Plan = func(ctx context.Context, tx *db.Tx, runID string) error {
		return client().Insert(ctx, tx, BulkArgs{RunID: runID}, anyOnce)
	}
}
