package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type greet struct {
	Name string `json:"name" river:"unique"`
}

func (greet) Kind() string { return "greet" }

// desk is a client with one kind of job, whose deeds the test decides.
type desk struct {
	*Client
	db   *db.DB
	mu   sync.Mutex
	done []string
	do   func(ctx context.Context, name string, before int) error
}

func (k *desk) work(ctx context.Context, g greet) error {
	k.mu.Lock()
	before := len(k.done)
	k.done = append(k.done, g.Name)
	do := k.do
	k.mu.Unlock()
	if do == nil {
		return nil
	}
	return do(ctx, g.Name, before)
}

func (k *desk) worked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.done)
}

func newDesk(t *testing.T, d *db.DB, work bool) *desk {
	t.Helper()
	k := &desk{db: d}
	r := NewRegistry()
	Add(r, 0, k.work)
	c, err := New(t.Context(), Config{DB: d, Logger: slog.New(slog.DiscardHandler), Work: work, Registry: r, Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	k.Client = c
	return k
}

func (k *desk) start(t *testing.T) {
	t.Helper()
	if err := k.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := k.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func director(ctx context.Context) context.Context {
	return authz.With(ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelDirector})
}

// until waits for a job to reach a state.
func (k *desk) until(t *testing.T, id int64, state string) Job {
	t.Helper()
	end := time.Now().Add(60 * time.Second)
	for {
		list, err := k.List(director(t.Context()), Filter{Before: id + 1, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0].ID == id && list[0].State == state {
			return list[0]
		}
		if time.Now().After(end) {
			t.Fatalf("job %d did not become %s: %+v", id, state, list)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (k *desk) plan(t *testing.T, name string) int64 {
	t.Helper()
	id, _, err := k.InsertNow(t.Context(), greet{name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestAJobIsThereOnlyIfItsTransactionIs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		k := newDesk(t, d, false)
		boom := errors.New("boom")
		err := d.InTx(ctx, clock.System{}, func(tx *db.Tx) error {
			if err := k.Insert(ctx, tx, greet{"never"}, nil); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if err := d.InTx(ctx, clock.System{}, func(tx *db.Tx) error { return k.Insert(ctx, tx, greet{"once"}, nil) }); err != nil {
			t.Fatal(err)
		}
		list, err := k.List(director(ctx), Filter{Limit: 10})
		if err != nil || len(list) != 1 || list[0].Args != `{"name":"once"}` && list[0].Args != `{"name": "once"}` || list[0].State != "available" || list[0].Kind != "greet" {
			t.Fatalf("%+v, %v", list, err)
		}
	})
}

func TestAUniqueJobWaitsOrRunsOnceButCanComeAgainWhenItIsDone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		k := newDesk(t, d, true)
		hold := make(chan struct{})
		k.do = func(ctx context.Context, _ string, _ int) error {
			select {
			case <-hold:
			case <-ctx.Done():
			}
			return nil
		}
		opts := &river.InsertOpts{UniqueOpts: Once()}
		first, skipped, err := k.InsertNow(ctx, greet{"a"}, opts)
		if err != nil || skipped {
			t.Fatal(skipped, err)
		}
		if id, skipped, err := k.InsertNow(ctx, greet{"a"}, opts); id != first || !skipped || err != nil {
			t.Fatalf("while it waits: %d %v %v", id, skipped, err)
		}
		if _, skipped, err := k.InsertNow(ctx, greet{"b"}, opts); skipped || err != nil {
			t.Fatalf("other arguments: %v %v", skipped, err)
		}
		k.start(t)
		k.until(t, first, "running")
		if _, skipped, err := k.InsertNow(ctx, greet{"a"}, opts); !skipped || err != nil {
			t.Fatalf("while it runs: %v %v", skipped, err)
		}
		close(hold)
		k.until(t, first, "completed")
		second, skipped, err := k.InsertNow(ctx, greet{"a"}, opts)
		if err != nil || skipped || second == first {
			t.Fatalf("when it is done: %d %v %v", second, skipped, err)
		}
		k.until(t, second, "completed")
	})
}

func TestManyJobsArePlannedInOneTransactionAndEachOfThemOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		k := newDesk(t, d, false)
		list := make([]greet, 2*insertChunk+7)
		for i := range list {
			list[i].Name = strconv.Itoa(i)
		}
		if _, _, err := k.InsertNow(ctx, list[insertChunk], &river.InsertOpts{UniqueOpts: Once()}); err != nil {
			t.Fatal(err)
		}
		changed := errors.New("changed my mind")
		for _, end := range []error{changed, nil, nil} {
			err := d.InTx(ctx, clock.System{}, func(tx *db.Tx) error {
				if err := InsertMany(ctx, k.Client, tx, list, &river.InsertOpts{UniqueOpts: Once()}); err != nil {
					return err
				}
				return end
			})
			if !errors.Is(err, end) {
				t.Fatal(err)
			}
			want := int64(len(list))
			if end != nil {
				want = 1
			}
			if n, err := k.Unfinished(ctx, []string{"greet"}, time.Now().Add(time.Hour)); n != want || err != nil {
				t.Fatalf("%d jobs, want %d, %v", n, want, err)
			}
		}
		err := d.InTx(ctx, clock.System{}, func(tx *db.Tx) error { return InsertMany[greet](ctx, k.Client, tx, nil, nil) })
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWhatAJobGivesDecidesWhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	remote := func(r problem.Retry, after time.Duration) error {
		return problem.FromRemote(problem.Remote{System: "aws", Operation: "Read", Code: "X", Retry: r, RetryAfter: after}, "no", nil)
	}
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, true)
		causes := map[string]error{
			"human": remote(problem.RetryHuman, 0), "invalid": problem.Invalid("x", "y", "z"),
			"later": remote(problem.RetryLater, 0), "hour": remote(problem.RetryLater, time.Hour),
			"soon": remote(problem.RetrySoon, 0), "reauth": remote(problem.RetryReauth, 0), "unsure": remote(problem.RetryUnsure, 0),
			"plain": errors.New("plain"), "down": problem.Unavailable("down", "down", nil),
		}
		k.do = func(ctx context.Context, name string, _ int) error {
			if a, ok := authz.From(ctx); !ok || a.Kind != authz.KindSystem {
				t.Errorf("%s runs as %+v", name, a)
			}
			return causes[name]
		}
		ids := map[string]int64{}
		for name := range causes {
			ids[name] = k.plan(t, name)
		}
		ids["done"] = k.plan(t, "done")
		k.start(t)
		for name, want := range map[string]string{
			"done": "completed", "human": "cancelled", "invalid": "cancelled", "later": "scheduled", "hour": "scheduled",
		} {
			j := k.until(t, ids[name], want)
			switch wait := time.Until(j.ScheduledAt); name {
			case "later":
				if wait < 13*time.Minute || wait > 16*time.Minute {
					t.Errorf("put off for %s", wait)
				}
			case "hour":
				if wait < 58*time.Minute || wait > 61*time.Minute {
					t.Errorf("put off for %s", wait)
				}
			case "human":
				if len(j.Errors) != 1 || !strings.Contains(j.Errors[0].Error, "aws Read: X") || j.FinalizedAt.IsZero() {
					t.Errorf("%+v", j)
				}
			}
		}
		for _, name := range []string{"soon", "reauth", "unsure", "plain", "down"} {
			failed := func() bool {
				list, err := k.List(director(t.Context()), Filter{Before: ids[name] + 1, Limit: 1})
				return err == nil && len(list) == 1 && len(list[0].Errors) > 0 && (list[0].State == "retryable" || list[0].State == "available" || list[0].State == "running")
			}
			for end := time.Now().Add(60 * time.Second); !failed(); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s is not tried again", name)
				}
			}
		}
	})
}

func TestAPersonRetriesAndCancelsJobs(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := director(t.Context())
		k := newDesk(t, d, true)
		k.do = func(_ context.Context, _ string, before int) error {
			if before == 0 {
				return problem.Forbidden("x", "not yet")
			}
			return nil
		}
		id := k.plan(t, "a")
		k.start(t)
		k.until(t, id, "cancelled")
		j, err := k.Retry(ctx, id)
		if err != nil || j.State != "available" {
			t.Fatalf("%+v, %v", j, err)
		}
		k.until(t, id, "completed")
		later, _, err := k.InsertNow(ctx, greet{"later"}, &river.InsertOpts{ScheduledAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		if j, err = k.Cancel(ctx, later); err != nil || j.State != "cancelled" {
			t.Fatalf("%+v, %v", j, err)
		}
		for name, act := range map[string]func(context.Context, int64) (Job, error){"get": k.Get, "retry": k.Retry, "cancel": k.Cancel} {
			if _, err := act(ctx, 4711); !problem.Is(err, problem.KindNotFound) {
				t.Errorf("%s of a job that is not there: %v", name, err)
			}
		}
	})
}

func TestAJobThatAnotherReplacedIsNotRetried(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := director(t.Context())
		k := newDesk(t, d, false)
		opts := &river.InsertOpts{UniqueOpts: Once()}
		first, _, err := k.InsertNow(ctx, greet{"a"}, opts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Cancel(ctx, first); err != nil {
			t.Fatal(err)
		}
		if _, skipped, err := k.InsertNow(ctx, greet{"a"}, opts); skipped || err != nil {
			t.Fatal(skipped, err)
		}
		if _, err := k.Retry(ctx, first); !problem.Is(err, problem.KindConflict) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestJobsAreListedByStateAndPage(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := director(t.Context())
		k := newDesk(t, d, false)
		var ids []int64
		for range 5 {
			ids = append(ids, k.plan(t, "a"))
		}
		if _, err := k.Cancel(ctx, ids[1]); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(ids)
		var got []int64
		before := int64(0)
		for {
			page, err := k.List(ctx, Filter{Before: before, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, j := range page {
				got, before = append(got, j.ID), j.ID
			}
		}
		if !slices.Equal(got, ids) {
			t.Fatalf("%v, want %v", got, ids)
		}
		list, err := k.List(ctx, Filter{States: []string{"cancelled"}, Limit: 10})
		if err != nil || len(list) != 1 || list[0].ID != ids[3] {
			t.Fatalf("%+v, %v", list, err)
		}
		for kind, want := range map[string]int{"greet": 5, "nothing": 0} {
			list, err := k.List(ctx, Filter{Kinds: []string{kind}, Limit: 10})
			if err != nil || len(list) != want {
				t.Errorf("%d of the kind %s, %v", len(list), kind, err)
			}
			counts, err := k.Counts(ctx, kind)
			if err != nil || int(counts["available"]+counts["cancelled"]) != want {
				t.Errorf("%v of the kind %s, %v", counts, kind, err)
			}
		}
		counts, err := k.Counts(ctx)
		if err != nil || counts["available"] != 4 || counts["cancelled"] != 1 {
			t.Fatalf("%v, %v", counts, err)
		}
		if n, err := k.Unfinished(ctx, []string{"greet"}, time.Now().Add(time.Minute)); n != 4 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if n, err := k.Unfinished(ctx, []string{"greet"}, time.Now().Add(-time.Hour)); n != 0 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if n, err := k.Unfinished(ctx, []string{"other"}, time.Now().Add(time.Hour)); n != 0 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	})
}

func TestJobsOfAKilledProcessRunAgainAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		k := newDesk(t, d, true)
		id := k.plan(t, "a")
		// As a kill leaves it: fetched, and nobody there who works it.
		err := d.InTx(ctx, clock.System{}, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = ? WHERE id = ?`, tx.Now(), id)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		k.start(t)
		k.until(t, id, "completed")
		if k.worked() != 1 {
			t.Fatalf("worked %d times", k.worked())
		}
	})
}

func TestAClientThatOnlyPlansDoesNotWork(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, false)
		k.start(t)
		id := k.plan(t, "a")
		time.Sleep(50 * time.Millisecond)
		k.until(t, id, "available")
		if k.River() == nil || k.worked() != 0 {
			t.Fatal("it works")
		}
	})
}

func TestWhoMaySeeAndMoveJobs(t *testing.T) {
	t.Parallel()
	k := newDesk(t, dbtest.SQLite(t, schema.Migrations()), false)
	id := k.plan(t, "a")
	calls := map[string]func(ctx context.Context) error{
		"list":   func(ctx context.Context) error { _, err := k.List(ctx, Filter{Limit: 1}); return err },
		"counts": func(ctx context.Context) error { _, err := k.Counts(ctx); return err },
		"get":    func(ctx context.Context) error { _, err := k.Get(ctx, id); return err },
		"retry":  func(ctx context.Context) error { _, err := k.Retry(ctx, id); return err },
		"cancel": func(ctx context.Context) error { _, err := k.Cancel(ctx, id); return err },
	}
	reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Name: "Rea", Level: authz.LevelReader})
	token := authz.With(t.Context(), authz.Actor{Kind: authz.KindIntegration, ID: "usr_1", Name: "Bot", Level: authz.LevelDirector, Scopes: []string{"read"}})
	for name, call := range calls {
		if err := call(t.Context()); !problem.Is(err, problem.KindUnauthorized) {
			t.Errorf("%s with nobody signed in: %v", name, err)
		}
		if err := call(reader); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("%s by a reader: %v", name, err)
		}
		err := call(token)
		if write := name == "retry" || name == "cancel"; write != problem.Is(err, problem.KindForbidden) {
			t.Errorf("%s by a read token: %v", name, err)
		}
	}
	if got := k.until(t, id, "available"); got.ID != id {
		t.Error("a refused wish changed the job")
	}
}

func TestStatesAreAllOfRivers(t *testing.T) {
	t.Parallel()
	for _, s := range rivertype.JobStates() {
		if s != rivertype.JobStatePending && !slices.Contains(States(), string(s)) {
			t.Errorf("%s is missing", s)
		}
	}
}
