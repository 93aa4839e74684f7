package sync

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

var (
	monday  = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	sunday  = monday.Add(-24 * time.Hour)
	plenty  = connection.Allowance{Calls: 80_000, BulkJobs: 8_000}
	errLost = errors.New("the line broke off")
)

// thing is a record with a place in the order of changes.
type thing struct {
	n  int
	at time.Time
}

// things gives n of them, changed a millisecond after each other.
func things(from, n int, first time.Time) []thing {
	out := make([]thing, n)
	for i := range out {
		out[i] = thing{from + i, first.Add(time.Duration(i) * time.Millisecond)}
	}
	return out
}

// source is a CRM that holds things and notes what it is asked.
type source struct {
	CRM
	things []thing
	left   connection.Allowance
	lost   int  // the read breaks off after so many, -1: never
	paged  bool // it knows no bulk jobs: all comes page by page
	now    time.Time
	asked  []string
}

func (c *source) Total(_ context.Context, _ string, since time.Time) (int64, error) {
	c.asked = append(c.asked, "total")
	return int64(len(c.since(since))), nil
}

func (c *source) Allowance(context.Context) (connection.Allowance, error) {
	c.asked = append(c.asked, "allowance")
	return c.left, nil
}

func (c *source) since(t time.Time) []thing {
	return slices.DeleteFunc(slices.Clone(c.things), func(x thing) bool { return x.at.Before(t) })
}

func (c *source) read(_ context.Context, what connection.Read) iter.Seq2[thing, error] {
	return func(yield func(thing, error) bool) {
		list := c.since(what.Since)
		begun := connection.Begun{AsOf: c.now, Ordered: true, Total: int64(len(list))}
		how := "pages"
		if what.Bulk && !c.paged {
			how, begun.Ordered, begun.Total = "bulk", false, -1
			slices.Reverse(list) // as good as any order
		}
		c.asked = append(c.asked, how)
		if !what.Begun(begun) {
			return
		}
		for i, x := range list {
			if i == c.lost {
				yield(thing{}, errLost)
				return
			}
			if !yield(x, nil) {
				return
			}
		}
	}
}

// mirror is where things are stored.
type mirror struct {
	s      *Service
	stored map[int]bool
}

func newMirror(d *db.DB, c *source) *mirror {
	return &mirror{
		s:      &Service{DB: d, Clock: clock.NewFake(monday), CRM: c, Hub: new(notify.Hub), Log: slog.New(slog.DiscardHandler)},
		stored: map[int]bool{},
	}
}

func (m *mirror) pull(t *testing.T, c *source) (int64, error) {
	t.Helper()
	return read(t.Context(), m.s, "Thing", "opportunity", c.read, func(x *thing) time.Time { return x.at }, func(_ context.Context, _ *db.Tx, rows []thing) error {
		for _, x := range rows {
			m.stored[x.n] = true
		}
		return nil
	})
}

// has says what is wrong with the mirror: want things, and the mark where it
// belongs.
func (m *mirror) has(t *testing.T, want int, mark time.Time) {
	t.Helper()
	if len(m.stored) != want {
		t.Errorf("%d things are stored, want %d", len(m.stored), want)
	}
	at, err := cursor(t.Context(), m.s.DB, "Thing", "")
	if err != nil || !at.Equal(mark) {
		t.Errorf("read up to %v (%v), want %v", at, err, mark)
	}
}

func TestAFirstReadGoesInBulkWhenThereIsMuchAndTheDayAllowsIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		size int
		from int64
		left connection.Allowance
		want []string
	}{
		{"few are read without asking what is left", 20_000, 0, connection.Allowance{}, []string{"total", "pages"}},
		{"many are read in bulk", 50_000, 0, plenty, []string{"total", "allowance", "bulk"}},
		{"fewer are read in pages", 49_999, 0, plenty, []string{"total", "allowance", "pages"}},
		{"unless the day has too few calls for the pages", 30_000, 0, connection.Allowance{Calls: 14, BulkJobs: 1}, []string{"total", "allowance", "bulk"}},
		{"as many calls as pages are enough", 30_000, 0, connection.Allowance{Calls: 15, BulkJobs: 1}, []string{"total", "allowance", "pages"}},
		{"without a job left it goes in pages", 60_000, 0, connection.Allowance{Calls: 3}, []string{"total", "allowance", "pages"}},
		{"the size is a setting", 21_000, 21_000, plenty, []string{"total", "allowance", "bulk"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := &source{things: things(0, tc.size, sunday), left: tc.left, lost: -1, now: monday}
			m := newMirror(dbtest.SQLite(t, schema.Migrations()), c)
			m.s.BulkFrom = tc.from
			if n, err := m.pull(t, c); err != nil || n != int64(tc.size) {
				t.Errorf("%d things, %v", n, err)
			}
			m.has(t, tc.size, monday)
			if diff := cmp.Diff(tc.want, c.asked); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatChangedLittleCostsOneCallAndWhatChangedMuchGoesInBulk(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		c := &source{things: things(0, 3000, monday.Add(-time.Minute)), left: plenty, lost: -1, now: monday}
		m := newMirror(d, c)
		for _, step := range []struct {
			name  string
			at    time.Duration
			more  []thing
			reads int64
			asked []string
		}{
			{"a first read", 0, nil, 3000, []string{"total", "pages"}},
			{"what was changed shortly before comes again", time.Minute, nil, 3000, []string{"pages"}},
			{"and again, five minutes before the last read", 6 * time.Minute, nil, 3000, []string{"pages"}},
			{"then no more, though nothing came since", 7 * time.Minute, nil, 0, []string{"pages"}},
			{"a small change", 11 * time.Minute, things(3000, 10, monday.Add(7*time.Minute)), 10, []string{"pages"}},
			{"one that became visible late", 12 * time.Minute, things(3100, 1, monday.Add(6*time.Minute+time.Second)), 11, []string{"pages"}},
			{"a large change", time.Hour, things(4000, 70_000, monday.Add(50*time.Minute)), 70_010, []string{"pages", "allowance", "bulk"}},
		} {
			c.asked, c.things, c.now = nil, append(c.things, step.more...), monday.Add(step.at)
			if n, err := m.pull(t, c); err != nil || n != step.reads {
				t.Errorf("%s: %d things, %v", step.name, n, err)
			}
			m.has(t, len(c.things), c.now)
			if diff := cmp.Diff(step.asked, c.asked); diff != "" {
				t.Errorf("%s: %s", step.name, diff)
			}
		}
	})
}

func TestABulkReadThatBreaksOffBeginsAnewAndPagesGoOn(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		left   connection.Allowance
		paged  bool
		mark   time.Time // after the break
		second int64     // what the next read brings
	}{
		{"in bulk, in no order", plenty, false, time.Time{}, 60_000},
		{"page by page", connection.Allowance{Calls: 100}, false, sunday.Add(30_999 * time.Millisecond), 60_000},
		{"by a CRM without bulk jobs", plenty, true, sunday.Add(30_999 * time.Millisecond), 60_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := &source{things: things(0, 60_000, sunday), left: tc.left, lost: 31_000, paged: tc.paged, now: monday}
			m := newMirror(dbtest.SQLite(t, schema.Migrations()), c)
			n, err := m.pull(t, c)
			if !errors.Is(err, errLost) || n != 31_000 {
				t.Errorf("%d things, %v", n, err)
			}
			m.has(t, 31_000, tc.mark)
			c.lost = -1
			if n, err = m.pull(t, c); err != nil || n != tc.second {
				t.Errorf("then %d things, %v", n, err)
			}
			m.has(t, 60_000, monday)
		})
	}
}

func TestThePersonWatchingSeesHowFarTheReadIs(t *testing.T) {
	t.Parallel()
	c := &source{things: things(0, 5000, sunday), lost: -1, now: monday}
	m := newMirror(dbtest.SQLite(t, schema.Migrations()), c)
	news, stop := m.s.Hub.Subscribe()
	defer stop()
	if _, err := m.pull(t, c); err != nil {
		t.Fatal(err)
	}
	want := []Progress{
		{"Thing", 0, 5000, false},
		{"Thing", 2000, 5000, false},
		{"Thing", 4000, 5000, false},
		{"Thing", 5000, 5000, false},
		{"Thing", 5000, 5000, true},
	}
	for i, w := range want {
		if p := (<-news).Data; p != w {
			t.Errorf("news %d is %v, want %v", i, p, w)
		}
	}
}

// searchable counts what the opportunities can be searched by, keys aside.
func searchable(t *testing.T, q db.Queryer) int {
	t.Helper()
	n, err := db.Get[int](t.Context(), q, `SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'opportunity' AND sql IS NOT NULL`)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestALargeFirstReadIsStoredWithoutIndexesAndIsSearchableAfterIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		size   int
		during bool // there are indexes while the records are stored
	}{{loadFrom - 1, true}, {loadFrom, false}} {
		c := &source{things: things(0, tc.size, sunday), lost: -1, now: monday}
		m := newMirror(dbtest.SQLite(t, schema.Migrations()), c)
		all := searchable(t, m.s.DB)
		if _, err := read(t.Context(), m.s, "Thing", "opportunity", c.read, func(x *thing) time.Time { return x.at }, func(_ context.Context, tx *db.Tx, _ []thing) error {
			if n := searchable(t, tx); tc.during && n != all || !tc.during && n != 0 {
				t.Errorf("%d records are stored under %d indexes", tc.size, n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := searchable(t, m.s.DB); n != all || n == 0 {
			t.Errorf("after %d records there are %d indexes of %d", tc.size, n, all)
		}
	}
}

func (*source) Check(context.Context) (string, error) { return "", errLost }

func TestTheReadAfterACutOneMakesTheIndexesFirst(t *testing.T) {
	t.Parallel()
	c := &source{things: things(0, loadFrom, sunday), lost: -1, now: monday}
	m := newMirror(dbtest.SQLite(t, schema.Migrations()), c)
	all := searchable(t, m.s.DB)
	ctx, cut := context.WithCancel(t.Context())
	_, err := read(ctx, m.s, "Thing", "opportunity", c.read, func(x *thing) time.Time { return x.at }, func(context.Context, *db.Tx, []thing) error {
		cut()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) || searchable(t, m.s.DB) != 0 {
		t.Fatalf("the cut read gave %v, and left %d indexes", err, searchable(t, m.s.DB))
	}
	if _, err := m.s.pull(t.Context()); !errors.Is(err, errLost) {
		t.Fatal(err)
	}
	if n := searchable(t, m.s.DB); n != all {
		t.Errorf("there are %d indexes of %d", n, all)
	}
}
