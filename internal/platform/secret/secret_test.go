package secret

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func TestASecretIsReadByItsKeyAndNameOnly(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		s, err := New(d, clock.System{}, "the client secret")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), "a"); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("never saved: %v", err)
		}
		for _, v := range []string{"first", "0.REFRESH"} {
			if err := s.Save(t.Context(), "a", v); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Load(t.Context(), "a"); err != nil || got != "0.REFRESH" {
			t.Errorf("%q %v", got, err)
		}
		sealed, err := load(t.Context(), d, "a")
		if err != nil || strings.Contains(sealed, "REFRESH") {
			t.Errorf("the database holds %q, %v", sealed, err)
		}
		other, err := New(d, clock.System{}, "another client secret")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Load(t.Context(), "a"); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("under another key: %v", err)
		}
		err = d.InTx(t.Context(), clock.System{}, func(tx *db.Tx) error { return save(t.Context(), tx, row{"b", sealed, tx.Now()}) })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), "b"); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("under another name: %v", err)
		}
		if _, err := New(d, clock.System{}, ""); err == nil {
			t.Error("a key was made of nothing")
		}
	})
}
