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

// HookBulk adds the worker of acts on many deals, ties their wishes for work to it,
// and has the sweep find those that were cut off. client is asked for when a job
// runs.
func (s *Service) HookBulk(r *jobs.Registry, client func() *jobs.Client, b *bulk.Service) {
	s.bulk = b
	// 500 calls at one a second, and as long again for what goes before them.
	jobs.Add(r, 30*time.Minute, func(ctx context.Context, a BulkArgs) error { return b.Work(ctx, a.RunID) })
	b.Plan = func(ctx context.Context, tx *db.Tx, runID string) error {
		return client().Insert(ctx, tx, BulkArgs{RunID: runID}, anyOnce)
	}
}

// sweepBulk has the acts on many deals carried on that were cut off.
func (s *Service) sweepBulk(ctx context.Context, client *jobs.Client) error {
	if s.bulk == nil {
		return nil
	}
	runs, err := s.bulk.Unfinished(ctx, sweepBatch)
	if err != nil {
		return err
	}
	for _, id := range runs {
		if _, _, err := client.InsertNow(ctx, BulkArgs{RunID: id}, anyOnce); err != nil {
			return err
		}
	}
	return nil
}
