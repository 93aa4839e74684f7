package db_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
)

// anyText leans to what could confuse a binder.
func anyText() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{"'", `"`, "?", "$1", "--", "/*", "*/", "\\", "\x00", ";", "::", "\n", "''", "☃", "𝄞", "\xff", "%", "E'", "$$", "`"}),
	)
	return rapid.Map(rapid.SliceOfN(part, 0, 6), func(parts []string) string { return strings.Join(parts, "") })
}

func TestAnyArgumentComesBackAsItWentIn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		rapid.Check(t, func(r *rapid.T) {
			want := anyText().Draw(r, "text")
			got, err := db.Get[string](t.Context(), d, "SELECT CAST(? AS text)", want)
			if !utf8.ValidString(want) || strings.Contains(want, "\x00") {
				if !problem.Is(err, problem.KindInvalid) || !db.HasCode(err, db.CodeText) {
					r.Fatalf("%q: %v", want, err)
				}
				return
			}
			if err != nil || got != want {
				r.Fatalf("%q came back as %q, %v", want, got, err)
			}
		})
	})
}

func TestQuotedTextAndCommentsInTheStatementAreLeftAlone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, migrations, func(t *testing.T, d *db.DB) {
		rapid.Check(t, func(r *rapid.T) {
			literal := strings.ReplaceAll(strings.ToValidUTF8(anyText().Draw(r, "literal"), ""), "\x00", "")
			name := strings.NewReplacer("\x00", "", `"`, "").Replace(strings.ToValidUTF8(anyText().Draw(r, "name"), ""))
			if name = "n" + name; len(name) > 60 { // PostgreSQL cuts names at 63 bytes
				name = "n"
			}
			comment := strings.NewReplacer("\x00", "", "*", "", "/", "").Replace(strings.ToValidUTF8(anyText().Draw(r, "comment"), ""))
			line := strings.NewReplacer("\n", "", "\r", "").Replace(comment)
			query := "SELECT CAST(? AS text) || '" + strings.ReplaceAll(literal, "'", "''") + `' || CAST(? AS text) AS "` + name + `" /*` + comment + "*/ --" + line + "\n WHERE 1 = ?"
			got, err := db.Get[string](t.Context(), d, query, "<", ">", 1)
			if want := "<" + literal + ">"; err != nil || got != want {
				r.Fatalf("%q gave %q, %v", query, got, err)
			}
		})
	})
}

func FuzzStatementNeverPanics(f *testing.F) {
	f.Add("SELECT '?' || ? -- ?\n/* ? */", "x")
	f.Add("/*", "")
	f.Add("SELECT \"a", "")
	f.Add("in(?)", "")
	d, err := db.Open(f.Context(), db.Config{URL: "sqlite::memory:"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = d.Close() })
	f.Fuzz(func(t *testing.T, query, arg string) {
		// The reader can't write, so any statement is harmless.
		_, _ = db.Get[string](t.Context(), d, query, arg)
		_, _ = db.Get[string](t.Context(), d, query, []string{arg})
	})
}
