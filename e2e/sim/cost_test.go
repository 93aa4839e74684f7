package sim_test

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/e2e/sim"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// The figures do not depend on the machine: the clock is simulated, and calls are
// counted.
func TestAChangeCostsOneWriteAndPeopleDoNotWaitForBulkWork(t *testing.T) {
	t.Parallel()
	image, err := sim.Image(t.Context(), func(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, schema.Migrations()) })
	if err != nil {
		t.Fatal(err)
	}
	rep, err := sim.Cost(t.Context(), image, 130, 100, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Steady) != 1 || rep.Steady["UpdateOpportunity"] != 1 {
		t.Errorf("a change costs %v", rep.Steady)
	}
	if rep.Conflict["UpdateOpportunity"] != 2 || rep.Conflict["GetOpportunity"] != 1 || len(rep.Conflict) != 2 {
		t.Errorf("a change of a record that changed meanwhile costs %v", rep.Conflict)
	}
	if rep.Drain["UpdateOpportunity"] != 110 || len(rep.Drain) != 1 || rep.Refused != 0 {
		t.Errorf("110 changes cost %v, and AWS refused %d", rep.Drain, rep.Refused)
	}
	if rep.Share < 0.95 || len(rep.Waits) != 10 || rep.Waits[9] > 3*time.Second {
		t.Errorf("%.3f of the write rate was used, and people waited %v", rep.Share, rep.Waits)
	}
	if rep.Listed != 130 || rep.Reconcile["ListOpportunities"] != 2 || len(rep.Reconcile) != 1 {
		t.Errorf("a look at %d registrations costs %v", rep.Listed, rep.Reconcile)
	}
}
