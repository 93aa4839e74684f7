package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
)

var migrations = fstest.MapFS{"00001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE owner (id text PRIMARY KEY);
CREATE TABLE thing (
  id text PRIMARY KEY,
  owner_id text REFERENCES owner (id),
  name text NOT NULL,
  kind text,
  size bigint NOT NULL CHECK (size >= 0),
  ratio double precision,
  open boolean NOT NULL,
  photo bytea,
  tags text,
  made_at timestamptz NOT NULL,
  seen_at timestamptz,
  ended_at timestamptz,
  version bigint NOT NULL,
  UNIQUE (name)
);
CREATE INDEX thing_made_at ON thing (made_at);
`)}}

type kind string

type stamps struct {
	MadeAt  time.Time `db:"made_at,insert"`
	Version int       `db:"version"`
}

type thing struct {
	stamps
	ID      string            `db:"id,insert"`
	OwnerID *string           `db:"owner_id"`
	Name    string            `db:"name"`
	Kind    kind              `db:"kind"`
	Size    int64             `db:"size"`
	Ratio   *float64          `db:"ratio"`
	Open    bool              `db:"open"`
	Photo   []byte            `db:"photo"`
	Tags    db.JSON[[]string] `db:"tags"`
	SeenAt  *time.Time        `db:"seen_at"`
	EndedAt time.Time         `db:"ended_at"`
	Count   int               `db:"count,readonly"`
	Note    string
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

func at(t time.Time) clock.Clock { return clock.NewFake(t) }

func some(id string) thing {
	return thing{ID: id, Name: "name of " + id, Size: 7, Open: true, stamps: stamps{MadeAt: noon, Version: 1}, Tags: db.NewJSON([]string{"a", "'\"?"})}
}

func insert(t *testing.T, d *db.DB, rows ...thing) {
	t.Helper()
	err := d.InTx(t.Context(), at(noon), func(tx *db.Tx) error {
		return db.InsertMany(t.Context(), tx, "thing", rows)
	})
	if err != nil {
		t.Fatal(err)
	}
}

const allThings = "SELECT id, owner_id, name, kind, size, ratio, open, photo, tags, made_at, seen_at, ended_at, version FROM thing ORDER BY id"

func TestEveryTypeReadsBackAsWritten(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ratio, seen := 0.25, noon.Add(time.Hour)
		full := some("b")
		full.Kind, full.Ratio, full.Photo, full.SeenAt, full.EndedAt = "K", &ratio, []byte{0, 1, 0xff}, &seen, noon.In(time.FixedZone("x", 3600))
		full.Name = "Zoë ☃ '?' \"?\" -- /* \\ 𝄞"
		want := []thing{some("a"), full}
		insert(t, d, want...)
		want[1].EndedAt = noon
		got, err := db.Select[thing](t.Context(), d, allThings)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(thing{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		if got[0].OwnerID != nil || got[0].SeenAt != nil || !got[0].EndedAt.IsZero() || got[0].Photo != nil {
			t.Errorf("NULLs read as %+v", got[0])
		}
	})
}

func TestNullReadsAsEmptyTextAndZeroTimeOnly(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if got, err := db.Get[kind](ctx, d, "SELECT CAST(NULL AS text)"); err != nil || got != "" {
			t.Errorf("text: %q, %v", got, err)
		}
		if got, err := db.Get[time.Time](ctx, d, "SELECT max(made_at) FROM thing"); err != nil || !got.IsZero() {
			t.Errorf("time: %v, %v", got, err)
		}
		if got, err := db.Get[sql.NullTime](ctx, d, "SELECT max(made_at) FROM thing"); err != nil || got.Valid {
			t.Errorf("NullTime: %v, %v", got, err)
		}
		if got, err := db.Get[*int](ctx, d, "SELECT max(size) FROM thing"); err != nil || got != nil {
			t.Errorf("pointer: %v, %v", got, err)
		}
		if got, err := db.Get[int](ctx, d, "SELECT max(size) FROM thing"); err == nil {
			t.Errorf("NULL into int gave %d without an error", got)
		}
	})
}

func TestTimesCompareAndAggregateAsTimes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		early, late := some("early"), some("late")
		early.MadeAt = noon.Add(-time.Microsecond)
		insert(t, d, early, late)
		ctx := t.Context()
		got, err := db.Select[string](ctx, d, "SELECT id FROM thing WHERE made_at >= ?", noon.Add(300*time.Nanosecond))
		if err != nil || !cmp.Equal(got, []string{"late"}) {
			t.Errorf("%v, %v", got, err)
		}
		for _, query := range []string{"SELECT min(made_at) FROM thing", "SELECT made_at FROM thing ORDER BY made_at LIMIT 1"} {
			if got, err := db.Get[sql.Null[time.Time]](ctx, d, query); err != nil || got.V != early.MadeAt {
				t.Errorf("%s: %v, %v", query, got, err)
			}
		}
		// sum is numeric on PostgreSQL.
		if got, err := db.Get[int64](ctx, d, "SELECT sum(size) FROM thing"); err != nil || got != 14 {
			t.Errorf("sum: %v, %v", got, err)
		}
	})
}

func TestSliceExpandsInInAndEmptyOneMatchesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		insert(t, d, some("a"), some("b"), some("c"))
		for _, c := range []struct {
			query string
			arg   any
			want  int
		}{
			{"id IN (?)", []string{"a", "c", "x"}, 2},
			{"id IN ( ? )", []kind{"a"}, 1},
			{"id NOT IN (?)", []string{"a"}, 2},
			{"id IN (?)", []string{}, 0},
			{"id IN (?)", []string(nil), 0},
			{"id NOT IN (?)", []string{}, 3},
			{"size IN (?)", []int{7}, 3},
			{"size IN (?)", []int64{}, 0},
			{"made_at IN (?)", []time.Time{}, 0},
			{"made_at IN (?)", []time.Time{noon}, 3},
			{"open IN (?)", []bool{}, 0},
			{"photo = ?", []byte{}, 0},
		} {
			got, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM thing WHERE "+c.query, c.arg)
			if err != nil || got != c.want {
				t.Errorf("%s %v: %d, %v; want %d", c.query, c.arg, got, err, c.want)
			}
		}
		for query, arg := range map[string]any{"id = ?": []string{"a"}, "id IN (?)": make([]string, db.MaxIn+1), "coalesce(?) = id": []string{"a"}} {
			if _, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM thing WHERE "+query, arg); err == nil {
				t.Errorf("%s with %T: no error", query, arg)
			}
		}
	})
}

func TestConstraintsBecomeProblems(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		insert(t, d, some("a"))
		nobody := "nobody"
		for _, c := range []struct {
			name string
			kind problem.Kind
			code string
			edit func(*thing)
		}{
			{"same primary key", problem.KindConflict, db.CodeUnique, func(r *thing) { r.ID = "a" }},
			{"same unique name", problem.KindConflict, db.CodeUnique, func(r *thing) { r.Name = "name of a" }},
			{"no such owner", problem.KindConflict, db.CodeForeignKey, func(r *thing) { r.OwnerID = &nobody }},
			{"negative size", problem.KindInvalid, db.CodeCheck, func(r *thing) { r.Size = -1 }},
			{"no time", problem.KindInvalid, db.CodeNotNull, func(r *thing) { r.MadeAt = time.Time{} }},
			{"NUL in text", problem.KindInvalid, db.CodeText, func(r *thing) { r.Name = "a\x00b" }},
			{"text that isn't UTF-8", problem.KindInvalid, db.CodeText, func(r *thing) { r.Name = "\xff" }},
		} {
			row := some("b")
			c.edit(&row)
			err := d.InTx(t.Context(), at(noon), func(tx *db.Tx) error { return db.Insert(t.Context(), tx, "thing", &row) })
			if problem.KindOf(err) != c.kind || !db.HasCode(err, c.code) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM thing"); err != nil || n != 1 {
			t.Errorf("%d rows, %v: a refused row stayed", n, err)
		}
	})
}

func TestTransactionRollsBackOnErrorAndPanic(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		oops := errors.New("oops")
		err := d.InTx(ctx, at(noon), func(tx *db.Tx) error {
			row := some("a")
			if err := db.Insert(ctx, tx, "thing", &row); err != nil {
				return err
			}
			if n, err := db.Get[int](ctx, tx, "SELECT count(*) FROM thing"); n != 1 || err != nil {
				t.Errorf("the transaction sees %d of its rows, %v", n, err)
			}
			if tx.Now() != noon {
				t.Errorf("Now is %v", tx.Now())
			}
			return oops
		})
		if !errors.Is(err, oops) {
			t.Errorf("error: %v", err)
		}
		func() {
			defer func() {
				if recover() != "boom" {
					t.Error("the panic was swallowed")
				}
			}()
			_ = d.InTx(ctx, at(noon), func(tx *db.Tx) error {
				row := some("a")
				if err := db.Insert(ctx, tx, "thing", &row); err != nil {
					t.Error(err)
				}
				panic("boom")
			})
		}()
		if n, err := db.Get[int](ctx, d, "SELECT count(*) FROM thing"); n != 0 || err != nil {
			t.Errorf("%d rows stayed, %v", n, err)
		}
	})
}

func TestBusyTransactionRunsAgainAFewTimes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		runs := 0
		busy := problem.Unavailable(db.CodeBusy, "busy", nil)
		err := d.InTx(t.Context(), at(noon), func(*db.Tx) error {
			if runs++; runs < 3 {
				return busy
			}
			return nil
		})
		if err != nil || runs != 3 {
			t.Errorf("%d runs, %v", runs, err)
		}
		runs = 0
		err = d.InTx(t.Context(), at(noon), func(*db.Tx) error { runs++; return busy })
		if problem.KindOf(err) != problem.KindUnavailable || runs != 4 {
			t.Errorf("%d runs, %v", runs, err)
		}
	})
}

func TestPostgresSerializationFailureIsRetried(t *testing.T) {
	t.Parallel()
	d := dbtest.Postgres(t, migrations)
	ctx := t.Context()
	insert(t, d, some("a"))
	runs := 0
	err := d.InTx(ctx, at(noon), func(tx *db.Tx) error {
		runs++
		if _, err := tx.Exec(ctx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
			return err
		}
		size, err := db.Get[int64](ctx, tx, "SELECT size FROM thing WHERE id = ?", "a")
		if err != nil {
			return err
		}
		if runs == 1 { // another transaction changes the row in between
			if _, err := d.Writer().ExecContext(ctx, "UPDATE thing SET size = 100 WHERE id = 'a'"); err != nil {
				return err
			}
		}
		return tx.One(ctx, "UPDATE thing SET size = ? WHERE id = ?", size+1, "a")
	})
	if err != nil || runs != 2 {
		t.Fatalf("%d runs, %v", runs, err)
	}
	if size, err := db.Get[int64](ctx, d, "SELECT size FROM thing"); size != 101 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
}

func TestUpdateKeepsInsertColumnsAndTellsWhenNothingMatched(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		insert(t, d, some("a"))
		row := some("other")
		row.Name, row.MadeAt, row.Version = "new", noon.Add(time.Hour), 2
		lock := func(version int) error {
			return d.InTx(ctx, at(noon), func(tx *db.Tx) error {
				return db.Update(ctx, tx, "thing", &row, "id = ? AND version = ?", "a", version)
			})
		}
		if err := lock(1); err != nil {
			t.Fatal(err)
		}
		if err := lock(1); !errors.Is(err, db.ErrNoRows) || problem.KindOf(err) != problem.KindNotFound {
			t.Errorf("a stale version gave %v", err)
		}
		got, err := db.Get[thing](ctx, d, allThings)
		if err != nil || got.ID != "a" || got.Name != "new" || got.MadeAt != noon {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestUpsertInsertsUpdatesOrLeavesAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		upsert := func(update []string, rows ...thing) (n int64) {
			err := d.InTx(ctx, at(noon), func(tx *db.Tx) (err error) {
				n, err = db.UpsertMany(ctx, tx, "thing", rows, []string{"id"}, update)
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return n
		}
		all, err := db.Columns[thing]("name")
		if err != nil {
			t.Fatal(err)
		}
		first, again, third := some("a"), some("a"), some("b")
		again.Size, again.Name = 9, "the last one counts"
		upsert(all, first, again, third)
		later := again
		later.Name, later.MadeAt = "not updated", noon.Add(time.Hour)
		upsert(all, later)
		got, err := db.Select[thing](ctx, d, allThings)
		if err != nil || len(got) != 2 || got[0].Size != 9 || got[0].Name != again.Name || got[0].MadeAt != noon {
			t.Errorf("%+v, %v", got, err)
		}
		if n := upsert(nil, some("a"), some("c"), some("c")); n != 1 {
			t.Errorf("DO NOTHING says %d rows", n)
		}
		if size, err := db.Get[int64](ctx, d, "SELECT size FROM thing WHERE id = ?", "a"); size != 9 || err != nil {
			t.Errorf("size %d, %v", size, err)
		}
	})
}

func TestManyRowsGoInChunks(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		var rows []thing
		for i := range 1234 {
			rows = append(rows, some(fmt.Sprintf("%05d", i)))
		}
		insert(t, d, rows...)
		n := 0
		for row, err := range db.Each[thing](t.Context(), d, allThings) {
			if err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("%05d", n); row.ID != want {
				t.Fatalf("row %d is %s", n, row.ID)
			}
			if n++; n == 1200 {
				break // the connection goes back: the pool is small
			}
		}
		if got, err := db.Select[string](t.Context(), d, "SELECT id FROM thing WHERE size = 0"); err != nil || got == nil || len(got) != 0 {
			t.Errorf("no row gave %v, %v", got, err)
		}
	})
}

func TestMistakesInStatementsAreErrors(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for query, args := range map[string][]any{
			"SELECT id, 1 AS other FROM thing":       nil,
			"SELECT id FROM thing WHERE id = ?":      nil,
			"SELECT id FROM thing":                   {1},
			"SELECT id FROM thing WHERE id = $1":     {"a"},
			"SELECT id FROM thing WHERE id = ?1":     {"a"},
			"SELECT id FROM thing WHERE id = 'a":     nil,
			"SELECT id /* FROM thing":                nil,
			"SELECT id /* /* */ */ FROM thing":       nil,
			"SELECT nonsense FROM thing":             nil,
			"SELECT id FROM thing WHERE id = ? ":     {struct{}{}},
			"SELECT id FROM thing WHERE made_at > ?": {time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)},
		} {
			if _, err := db.Select[thing](ctx, d, query, args...); err == nil {
				t.Errorf("%s: no error", query)
			}
		}
		if _, err := db.Get[struct {
			X chan int `db:"x"`
		}](ctx, d, "SELECT 1 AS x"); err == nil || !strings.Contains(err.Error(), "X") {
			t.Errorf("a field no column can hold: %v", err)
		}
	})
}

func TestReaderRefusesToWriteOnSQLite(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, migrations)
	if _, err := d.Reader().ExecContext(t.Context(), "INSERT INTO owner VALUES ('x')"); err == nil {
		t.Error("the reader wrote")
	}
}

func TestCancelledContextEndsTheTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := d.InTx(ctx, at(noon), func(tx *db.Tx) error {
			row := some("a")
			err := db.Insert(ctx, tx, "thing", &row)
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error: %v", err)
		}
		if n, err := db.Get[int](t.Context(), d, "SELECT count(*) FROM thing"); n != 0 || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
		insert(t, d, some("b")) // the pool still works
	})
}
