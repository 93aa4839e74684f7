package sim_test

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/tandem-cosell/tandem/e2e/sim"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// seeds is how many seeds the tests play: SEEDS says otherwise.
func seeds(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("SEEDS"))
	if err != nil {
		return 300
	}
	return n
}

func TestTheEngineKeepsItsPromisesWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	image, err := sim.Image(t.Context(), func(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, schema.Migrations()) })
	if err != nil {
		t.Fatal(err)
	}
	const lanes = 2
	n := seeds(t)
	for lane := range lanes {
		t.Run(strconv.Itoa(lane), func(t *testing.T) {
			t.Parallel()
			events, faults := 0, 0
			for seed := lane + 1; seed <= n; seed += lanes {
				r := sim.Run(t.Context(), uint64(seed), image)
				events += r.Events
				for _, k := range r.Faults {
					faults += k
				}
				if r.Failure != "" {
					t.Fatalf("seed %d: %s\n%s\nreplay: go run ./e2e/sim/cmd -seed %d -v", seed, r.Failure, r.Tail(40), seed)
				}
			}
			if faults == 0 {
				t.Error("no fault was injected")
			}
			t.Logf("%d events, %d faults", events, faults)
		})
	}
}

func TestASeedPlaysTheSameTwice(t *testing.T) {
	t.Parallel()
	image, err := sim.Image(t.Context(), func(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, schema.Migrations()) })
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{3, 4, 5} {
		a, b := sim.Run(t.Context(), seed, image), sim.Run(t.Context(), seed, image)
		if a.Events != b.Events || len(a.Log) != len(b.Log) {
			t.Errorf("seed %d: %d events and %d lines, then %d and %d", seed, a.Events, len(a.Log), b.Events, len(b.Log))
		}
	}
}
