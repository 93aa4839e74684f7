package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seedEnv names the variable that repeats the kills of an earlier run.
const seedEnv = "TANDEM_KILL_SEED"

// trouble is what the sandboxes do to a run that has to end the same.
const trouble = "throttle=0.05,error=0.03,lost_reply=0.02,reset=0.02,latency=5ms"

// The kills: on each of rounds data folders, a run is killed this often before
// it may end.
const (
	killRounds    = 6
	killsPerRound = 5
	troubleRounds = 2
)

func demoArgs(dir string, more ...string) []string {
	return append([]string{"demo", "--once", "--json", "--data-dir", dir, "--accounts", "40", "--opportunities", "130"}, more...)
}

// TestKilledAtAnyMomentTheEndStateIsTheSame is the promise "kill -9 at any
// moment and run again, and the end state is the same as if nothing had
// happened".
func TestKilledAtAnyMomentTheEndStateIsTheSame(t *testing.T) {
	t.Parallel()
	sameDay(5 * time.Minute)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv(seedEnv); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("repeat with %s=%d", seedEnv, seed)

	dir := t.TempDir()
	res := tandem(t, demoArgs(dir)...).ended(t, 0)
	var ref summary
	res.last(t, &ref)
	ref.check(t)
	want := outcomeOf(t, dir)
	if len(want.Portal) < 8 || len(want.Registrations) <= len(want.Portal) {
		t.Fatalf("the demo organisation is too small to prove anything: %+v", want)
	}
	whole := progress(dir)
	t.Logf("undisturbed: %d registered in %s", len(want.Portal), res.took.Round(time.Millisecond))

	for i := range killRounds + troubleRounds {
		var more []string
		name := fmt.Sprintf("folder %d", i+1)
		if i >= killRounds {
			name, more = name+" with trouble", []string{"--fault", trouble + fmt.Sprintf(",seed=%d", i)}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			dir := t.TempDir()
			var when []string
			for n := range killsPerRound {
				when = append(when, killOnce(t, rng, dir, n, whole, res.took, more))
			}
			t.Logf("killed %s", strings.Join(when, "; "))
			var end, again summary
			tandem(t, demoArgs(dir, more...)...).ended(t, 0).last(t, &end)
			tandem(t, demoArgs(dir, more...)...).ended(t, 0).last(t, &again)
			again.check(t)
			if *again.Registered != 0 || *again.TasksLogged != 0 {
				t.Errorf("one more run registered %d and logged %d anew", *again.Registered, *again.TasksLogged)
			}
			for _, pair := range [][2]*int64{
				{ref.Accounts, again.Accounts},
				{ref.Opportunities, again.Opportunities},
				{ref.Eligible, again.Eligible},
				{ref.Blocked, again.Blocked},
				{ref.Approved, again.Approved},
				{ref.ActionRequired, again.ActionRequired},
				{ref.Rejected, again.Rejected},
			} {
				if *pair[0] != *pair[1] {
					t.Errorf("the summary differs: %s", cmp.Diff(ref, again))
					break
				}
			}
			tandem(t, "audit", "verify", "--data-dir", dir).ended(t, 0)
			if diff := cmp.Diff(want, outcomeOf(t, dir)); diff != "" {
				t.Errorf("not the end state of an undisturbed run (-want +got):\n%s", diff)
			}
		})
	}
}

// killOnce starts a run and kills it: the even ones after a random share of the
// whole time, the odd ones when the sandboxes hold a random share of what they
// hold in the end, so that every phase is met however fast the machine is. It
// tells when that was. A run that ends before its moment is started again.
func killOnce(t *testing.T, rng *rand.Rand, dir string, n int, whole int64, took time.Duration, more []string) string {
	t.Helper()
	share := rng.Float64()
	if n == 0 {
		share /= 3 // the first of a folder: mostly while the sandboxes are seeded
	}
	for {
		p := command{args: demoArgs(dir, more...)}.start(t)
		from := progress(dir)
		after := time.Duration(share * float64(took))
		for !p.ended() {
			now := progress(dir)
			if n%2 == 0 && time.Since(p.began) >= after || n%2 == 1 && now >= from+int64(share*float64(max(whole-from, 2000))) {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if !p.ended() {
			p.kill()
		}
		if p.res.code == -1 {
			return fmt.Sprintf("after %s with %d%% of the traces", p.res.took.Round(time.Millisecond), 100*progress(dir)/whole)
		}
		if p.res.code != 0 {
			t.Fatalf("a run that was not killed failed: %s", p.res)
		}
		n, share = 0, share/2
	}
}

// progress is how much the sandboxes have written, in bytes.
func progress(dir string) int64 {
	var n int64
	for _, name := range []string{"salesforce.journal", "aws.journal"} {
		if info, err := os.Stat(filepath.Join(dir, "sandbox", name)); err == nil {
			n += info.Size()
		}
	}
	return n
}
