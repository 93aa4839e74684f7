package workspace

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/fiscal"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// CalendarSetting is the name under which the fiscal calendar is kept.
const CalendarSetting = "fiscal_year"

// calendarRow is the setting as it is stored.
type calendarRow struct {
	StartMonth int `json:"start_month"`
}

// Calendar gives the team's fiscal calendar and its version (0: the default). Needs
// read.
func (s *Service) Calendar(ctx context.Context) (fiscal.Calendar, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return fiscal.Calendar{}, setting.Row{}, err
	}
	v, row, err := setting.Load(ctx, s.db, CalendarSetting, calendarRow{StartMonth: int(fiscal.Default.StartMonth)})
	return fiscal.Calendar{StartMonth: time.Month(v.StartMonth)}, row, err
}

// SetCalendar changes the month (1 to 12) in which the fiscal year starts. version is
// that of the calendar which the person saw; another one by now is a problem of kind
// precondition. Needs change_settings.
func (s *Service) SetCalendar(ctx context.Context, startMonth int, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if startMonth < 1 || startMonth > 12 {
		return problem.Invalid("start_month", "out_of_range", "Choose a month, from 1 for January to 12 for December")
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return setting.Save(ctx, tx, CalendarSetting, calendarRow{StartMonth: startMonth}, version, actor.Name)
	})
}
