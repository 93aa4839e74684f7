package db_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
)

var indexed = fstest.MapFS{"00001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE word (id text PRIMARY KEY, lang text NOT NULL, text text NOT NULL, size bigint, UNIQUE (lang, text));
CREATE INDEX word_text ON word (text, id) WHERE size > 1;
CREATE INDEX word_size ON word ((coalesce(size, 0)), id);
CREATE UNIQUE INDEX word_short ON word (text) WHERE size = 1;
CREATE TABLE other (id text PRIMARY KEY, note text NOT NULL);
CREATE INDEX other_note ON other (note);
`)}, "00002_later.sql": {Data: []byte(`-- +goose Up
CREATE INDEX word_lang ON word (lang);
`)}}

type word struct {
	ID   string `db:"id"`
	Lang string `db:"lang"`
	Text string `db:"text"`
	Size int64  `db:"size"`
}

type object struct {
	Name string `db:"name"`
	SQL  string `db:"sql"`
}

// shape gives everything that the database consists of.
func shape(t *testing.T, d *db.DB) []object {
	t.Helper()
	list, err := db.Select[object](t.Context(), d, `SELECT name, sql FROM sqlite_schema ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func indexNames(t *testing.T, d *db.DB) []string {
	t.Helper()
	list, err := db.Select[string](t.Context(), d, `SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func words(n int) []word {
	out := make([]word, n)
	for i := range out {
		out[i] = word{fmt.Sprint("w", i), "en", fmt.Sprint("word ", i*7919%n), int64(2 + i%5)}
	}
	return out
}

func TestALoadKeepsTheIndexesOutOfItAndMakesThemAfterIt(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, indexed)
	before := shape(t, d)
	for _, wrong := range []error{nil, errors.New("broke off")} {
		err := d.Load(t.Context(), "word", func() error {
			if diff := cmp.Diff([]string{"other_note", "word_short"}, indexNames(t, d)); diff != "" {
				t.Errorf("during the load: %s", diff)
			}
			err := d.InTx(t.Context(), at(noon), func(tx *db.Tx) error {
				_, err := db.UpsertMany(t.Context(), tx, "word", words(2000), []string{"id"}, []string{"text"})
				return err
			})
			return errors.Join(err, wrong)
		})
		if !errors.Is(err, wrong) || wrong == nil && err != nil {
			t.Errorf("the load gave %v, want %v", err, wrong)
		}
		if diff := cmp.Diff(before, shape(t, d)); diff != "" {
			t.Errorf("after the load (%v): %s", wrong, diff)
		}
	}
	if n, err := db.Get[int](t.Context(), d, `SELECT count(*) FROM word INDEXED BY word_text WHERE size > 1`); err != nil || n != 2000 {
		t.Errorf("the index holds %d words, %v", n, err)
	}
	if found, err := db.Get[string](t.Context(), d, `PRAGMA integrity_check`); err != nil || found != "ok" {
		t.Errorf("%s, %v", found, err)
	}
}

func TestRulesHoldDuringALoad(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, indexed, func(t *testing.T, d *db.DB) {
		err := d.Load(t.Context(), "word", func() error {
			return d.InTx(t.Context(), at(noon), func(tx *db.Tx) error {
				return db.InsertMany(t.Context(), tx, "word", []word{{"a", "en", "same", 1}, {"b", "de", "same", 1}})
			})
		})
		if !db.HasCode(err, db.CodeUnique) {
			t.Errorf("two short words of one text gave %v", err)
		}
	})
}

// A process that is killed in a load leaves what Load has done before fn; a ctx
// that ends does the same.
func TestIndexesOfALoadThatWasCutAreMadeByTheNextStart(t *testing.T) {
	t.Parallel()
	for _, mend := range []struct {
		name string
		by   func(context.Context, *db.DB) error
	}{
		{"migrate", func(ctx context.Context, d *db.DB) error { return d.Migrate(ctx, indexed) }},
		{"restore", func(ctx context.Context, d *db.DB) error { return d.Restore(ctx) }},
		{"another load", func(ctx context.Context, d *db.DB) error { return d.Load(ctx, "word", func() error { return nil }) }},
	} {
		t.Run(mend.name, func(t *testing.T) {
			t.Parallel()
			d := dbtest.SQLite(t, indexed)
			before := shape(t, d)
			ctx, cut := context.WithCancel(t.Context())
			err := d.Load(ctx, "word", func() error {
				cut()
				return ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"other_note", "word_short"}, indexNames(t, d)); diff != "" {
				t.Errorf("after the cut: %s", diff)
			}
			if err := mend.by(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, shape(t, d)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTwoLoadsMakeEachItsOwnIndexes(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, indexed)
	before := shape(t, d)
	err := d.Load(t.Context(), "word", func() error {
		err := d.Load(t.Context(), "other", func() error { return nil })
		if diff := cmp.Diff([]string{"other_note", "word_short"}, indexNames(t, d)); diff != "" {
			t.Error(diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, shape(t, d)); diff != "" {
		t.Error(diff)
	}
}
