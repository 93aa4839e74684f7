package workspace

import (
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func TestTheFiscalYearStartsInFebruaryUntilADirectorChangesIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		boss := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Name: "Dora", Level: authz.LevelDirector})
		c, row, err := f.Calendar(f.ctx)
		if err != nil || c.StartMonth != time.February || row.Version != 0 {
			t.Fatalf("%+v, %+v, %v", c, row, err)
		}
		if err := f.SetCalendar(f.ctx, 7, 0); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("by an ABDM: %v", err)
		}
		for _, month := range []int{0, 13, -1} {
			if err := f.SetCalendar(boss, month, 0); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("month %d: %v", month, err)
			}
		}
		if err := f.SetCalendar(boss, 7, 0); err != nil {
			t.Fatal(err)
		}
		if err := f.SetCalendar(boss, 1, 0); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("of a version that is gone: %v", err)
		}
		c, row, err = f.Calendar(f.ctx)
		if err != nil || c.StartMonth != time.July || row.Version != 1 || row.UpdatedBy != "Dora" || c.Quarter("2026-07-01").String() != "FY27-Q1" {
			t.Errorf("%+v, %+v, %v", c, row, err)
		}
		entries, err := audit.Of(t.Context(), f.db, CalendarSetting, 5)
		if err != nil || len(entries) != 1 || entries[0].ActorID != "usr_2" {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}
