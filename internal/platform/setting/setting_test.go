package setting

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type rule struct {
	Days  int      `json:"days"`
	Words []string `json:"words"`
}

var noon = clock.NewFake(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))

func TestTheDefaultHoldsUntilSomebodyChangesIt(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		set := func(v rule, version int64) error {
			return d.InTx(ctx, noon, func(tx *db.Tx) error { return Save(ctx, tx, "rule", v, version, "Ada") })
		}
		v, row, err := Load(ctx, d, "rule", rule{Days: 7})
		if err != nil || v.Days != 7 || row.Version != 0 {
			t.Fatalf("%+v %+v %v", v, row, err)
		}
		if err := set(rule{Days: 1}, 0); err != nil {
			t.Fatal(err)
		}
		if err := set(rule{Days: 2}, 1); err != nil {
			t.Fatal(err)
		}
		for _, stale := range []int64{0, 1, 3, -1} {
			if err := set(rule{Days: 9}, stale); !problem.Is(err, problem.KindPrecondition) {
				t.Errorf("version %d: %v", stale, err)
			}
		}
		v, row, err = Load(ctx, d, "rule", rule{Days: 7})
		if err != nil || v.Days != 2 || row.Version != 2 || row.UpdatedBy != "Ada" || !row.UpdatedAt.Equal(noon.Now()) {
			t.Fatalf("%+v %+v %v", v, row, err)
		}
		list, err := audit.Of(ctx, d, "rule", 10)
		if err != nil || len(list) != 2 || !strings.Contains(list[0].Detail, `"days":1`) || !strings.Contains(list[1].Detail, `"before":null`) {
			t.Fatalf("%+v %v", list, err)
		}
	})
}

func TestOfTwoWhoSaveAtTheSameTimeOneIsTold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for version := range int64(4) {
			var saved, stale atomic.Int64
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					err := d.InTx(ctx, noon, func(tx *db.Tx) error { return Save(ctx, tx, "rule", rule{Days: i}, version, "Ada") })
					switch {
					case err == nil:
						saved.Add(1)
					case problem.Is(err, problem.KindPrecondition):
						stale.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if saved.Load() != 1 || stale.Load() != 3 {
				t.Fatalf("version %d: %d saved, %d were told", version, saved.Load(), stale.Load())
			}
		}
		if _, err := audit.Verify(ctx, d); err != nil {
			t.Error(err)
		}
	})
}

func TestASettingOfAnotherShapeIsAnErrorAndNotTheDefault(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if err := d.InTx(ctx, noon, func(tx *db.Tx) error { return Save(ctx, tx, "rule", []int{1}, 0, "") }); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(ctx, d, "rule", rule{}); err == nil || !strings.Contains(err.Error(), "setting rule") {
			t.Fatal(err)
		}
	})
}
