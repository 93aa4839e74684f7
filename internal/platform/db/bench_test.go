package db_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
)

// wide has 30 columns, as an opportunity of Salesforce has.
type wide struct {
	ID  string    `db:"id"`
	C01 string    `db:"c01"`
	C02 string    `db:"c02"`
	C03 string    `db:"c03"`
	C04 string    `db:"c04"`
	C05 string    `db:"c05"`
	C06 string    `db:"c06"`
	C07 string    `db:"c07"`
	C08 string    `db:"c08"`
	C09 string    `db:"c09"`
	C10 string    `db:"c10"`
	C11 string    `db:"c11"`
	C12 string    `db:"c12"`
	C13 string    `db:"c13"`
	C14 string    `db:"c14"`
	C15 string    `db:"c15"`
	C16 string    `db:"c16"`
	C17 string    `db:"c17"`
	C18 string    `db:"c18"`
	C19 string    `db:"c19"`
	N01 int64     `db:"n01"`
	N02 int64     `db:"n02"`
	N03 int64     `db:"n03"`
	N04 int64     `db:"n04"`
	B01 bool      `db:"b01"`
	B02 bool      `db:"b02"`
	T01 time.Time `db:"t01"`
	T02 time.Time `db:"t02"`
	T03 time.Time `db:"t03"`
	T04 time.Time `db:"t04"`
}

func wideMigrations() fstest.MapFS {
	var b strings.Builder
	b.WriteString("-- +goose Up\nCREATE TABLE wide (id text PRIMARY KEY")
	for i := range 19 {
		fmt.Fprintf(&b, ", c%02d text NOT NULL", i+1)
	}
	for i := range 4 {
		fmt.Fprintf(&b, ", n%02d bigint NOT NULL, t%02d timestamptz", i+1, i+1)
	}
	b.WriteString(", b01 boolean NOT NULL, b02 boolean NOT NULL);\n")
	return fstest.MapFS{"00001_wide.sql": {Data: []byte(b.String())}}
}

func wideRows(n int) []wide {
	rows := make([]wide, n)
	for i := range rows {
		s := fmt.Sprintf("006Kx%010d", i)
		rows[i] = wide{
			ID: s, C01: s, C02: "Negotiating", C03: "New - First Order", C04: "AWS", C05: "EMEA", C06: "Large", C07: s, C08: "USD", C09: "Partner", C10: "x",
			C11: "", C12: "", C13: "a note of some length for the record", C14: "DE", C15: "10115", C16: "Berlin", C17: "", C18: "2026-12-31", C19: "open",
			N01: int64(i), N02: 1_250_000, N03: 3, N04: 1, B01: true, T01: noon, T02: noon.Add(time.Duration(i) * time.Second), T03: noon,
		}
	}
	return rows
}

func each(b *testing.B, bench func(b *testing.B, d *db.DB)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, dbtest.SQLite(b, wideMigrations())) })
	b.Run("postgres", func(b *testing.B) { bench(b, dbtest.Postgres(b, wideMigrations())) })
}

// BenchmarkUpsertMany writes new rows of 30 columns, 2,000 in a transaction.
func BenchmarkUpsertMany(b *testing.B) {
	each(b, func(b *testing.B, d *db.DB) {
		update, err := db.Columns[wide]("id")
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for b.Loop() {
			b.StopTimer()
			rows := wideRows(2000)
			for i := range rows {
				rows[i].ID = fmt.Sprintf("006Kx%010d", n)
				n++
			}
			b.StartTimer()
			err := d.InTx(b.Context(), at(noon), func(tx *db.Tx) error {
				_, err := db.UpsertMany(b.Context(), tx, "wide", rows, []string{"id"}, update)
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	})
}

// BenchmarkSelect reads pages of 100 rows of 30 columns, and single rows.
func BenchmarkSelect(b *testing.B) {
	each(b, func(b *testing.B, d *db.DB) {
		ctx := b.Context()
		if err := d.InTx(ctx, at(noon), func(tx *db.Tx) error { return db.InsertMany(ctx, tx, "wide", wideRows(5000)) }); err != nil {
			b.Fatal(err)
		}
		for _, limit := range []int{1, 100} {
			b.Run(fmt.Sprintf("rows=%d", limit), func(b *testing.B) {
				for b.Loop() {
					if rows, err := db.Select[wide](ctx, d, "SELECT * FROM wide WHERE id > ? ORDER BY id LIMIT ?", "006Kx0000002500", limit); err != nil || len(rows) != limit {
						b.Fatal(len(rows), err)
					}
				}
			})
		}
	})
}
