package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/e2e/sim"
	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

const (
	shareBar     = 0.95            // of the writes that AWS allows
	waitBar      = 3 * time.Second // of a person's edit
	reconcileBar = 0.02            // of the reads that AWS allows in a day
)

// benchCost counts the calls that keep registrations true, and lets a backlog
// drain while people edit. Engine, client and sandbox run in this process on a
// simulated clock, and the sandbox holds the client to AWS's quotas: the figures
// are the same on every machine.
func (b *bench) benchCost(ctx context.Context) error {
	deals, backlog, urgent := 10_000, 5_000, 200
	if b.quick {
		deals, backlog, urgent = 260, 200, 20
	}
	image, err := sim.Image(ctx, func(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, schema.Migrations()) })
	if err != nil {
		return err
	}
	began := time.Now()
	rep, err := sim.Cost(ctx, image, deals, backlog, urgent)
	if err != nil {
		return err
	}
	changed, limits := backlog+urgent, aws.DefaultLimits()
	// Without the version that an update carries, each would have to read first.
	reading := sim.Calls(rep.Look)
	b.table.add(row{
		what: "calls for a changed opportunity", measured: fmt.Sprintf("%.3f, all of them writes", float64(sim.Calls(rep.Drain))/float64(changed)), bar: "1 write",
		verdict: b.verdict(sim.Calls(rep.Drain) == changed && rep.Drain["UpdateOpportunity"] == changed && sim.Calls(rep.Steady) == 1),
		peer:    fmt.Sprintf("reading before each write: %d calls", 1+reading),
		note: fmt.Sprintf("%s changed opportunities: %s. The clock is simulated, so neither this nor what follows of the cost depends on the machine; it took %s of real time, with making %s registrations.",
			grouped(int64(changed)), calls(rep.Drain), time.Since(began).Round(time.Second), grouped(int64(rep.Listed))),
	})
	b.table.add(row{
		what: "  when somebody changed the record meanwhile", measured: fmt.Sprintf("1 write, %d read, 1 refused write", rep.Conflict["GetOpportunity"]), bar: "1 write, 1 read",
		verdict: b.verdict(rep.Conflict["UpdateOpportunity"] == 2 && rep.Conflict["GetOpportunity"] == 1 && len(rep.Conflict) == 2),
		note:    calls(rep.Conflict) + ": the first write is refused by its version, which is how we hear of the other change.",
	})
	b.table.add(row{
		what: fmt.Sprintf("backlog of %s updates, share of the write rate", grouped(int64(rep.Backlog))), measured: fmt.Sprintf("%.2f %%", 100*rep.Share), bar: fmt.Sprintf("≥ %.0f %%", 100*shareBar),
		verdict: b.verdict(rep.Share >= shareBar && rep.Refused == 0), peer: fmt.Sprintf("AWS refused %d calls", rep.Refused),
		note: fmt.Sprintf("Drained in %s of simulated time at %.0f write a second, with the edits that people made meanwhile. The sandbox holds us to AWS's quotas.",
			rep.Span.Round(time.Second), limits.WritesPerSecond),
	})
	waits := make([]float64, len(rep.Waits))
	for i, w := range rep.Waits {
		waits[i] = w.Seconds()
	}
	worst := rep.Waits[len(rep.Waits)-1]
	b.table.add(row{
		what: fmt.Sprintf("  %d edits by people meanwhile, wait of each", rep.Urgent), measured: fmt.Sprintf("worst %.2f, p99 %.2f, p50 %.2f s", worst.Seconds(), quantile(waits, 0.99), quantile(waits, 0.5)),
		bar: fmt.Sprintf("each < %.0f s", waitBar.Seconds()), verdict: b.verdict(len(waits) == urgent && worst < waitBar),
		peer: fmt.Sprintf("in the backlog's order: up to %.0f min", rep.Span.Minutes()),
		note: "From the edit until AWS had it, at random times during the drain; the write that it needs comes once a second.",
	})
	share := float64(sim.Calls(rep.Reconcile)) / float64(limits.ReadsPerDay)
	each := reading * rep.Listed
	b.table.add(row{
		what: fmt.Sprintf("nightly reconcile of %s registrations", grouped(int64(rep.Listed))), measured: fmt.Sprintf("%s reads, %.2f %% of a day's", grouped(int64(sim.Calls(rep.Reconcile))), 100*share),
		bar: fmt.Sprintf("≤ %.0f %%", 100*reconcileBar), verdict: b.verdict(share <= reconcileBar),
		peer: fmt.Sprintf("reading each record: %s reads, %.0f %%", grouped(int64(each)), 100*float64(each)/float64(limits.ReadsPerDay)),
		note: fmt.Sprintf("%s, of %s reads that AWS allows in 24 hours. It finds what changed, went or came twice; only what changed is then read.", calls(rep.Reconcile), grouped(int64(limits.ReadsPerDay))),
	})
	return nil
}

// calls lists calls by operation.
func calls(byOperation map[string]int) string {
	var out []string
	for _, op := range slices.Sorted(maps.Keys(byOperation)) {
		out = append(out, grouped(int64(byOperation[op]))+" "+op)
	}
	return strings.Join(out, ", ")
}
