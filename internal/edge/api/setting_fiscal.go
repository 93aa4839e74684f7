package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// FiscalYear says when the team's fiscal year starts.
type FiscalYear struct {
	StartMonth int `json:"start_month" minimum:"1" maximum:"12" example:"2" doc:"1 is January. A year that starts later has the number of the calendar year in which it ends."`
}

// FiscalYearSetting is the fiscal year as it stands.
type FiscalYearSetting struct {
	FiscalYear
	Default   bool       `json:"default" doc:"Nobody changed it yet."`
	Version   int64      `json:"version"`
	UpdatedBy string     `json:"updated_by"`
	UpdatedAt *time.Time `json:"updated_at"`
}

func (s *server) registerFiscalYear() {
	add(s, operation{id: "get-fiscal-year", method: http.MethodGet, path: "/settings/fiscal-year", tag: "Settings", summary: "Get the start of the fiscal year", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[FiscalYearSetting], error) {
			return s.fiscalYear(ctx)
		})
	add(s, operation{
		id: "put-fiscal-year", method: http.MethodPut, path: "/settings/fiscal-year", tag: "Settings", summary: "Change the start of the fiscal year", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "Needs If-Match with the ETag of the setting as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body FiscalYear
		},
		) (*record[FiscalYearSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Workspace.Calendar(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			if err := s.app.Workspace.SetCalendar(ctx, in.Body.StartMonth, version); err != nil {
				return nil, err
			}
			return s.fiscalYear(ctx)
		})
}

func (s *server) fiscalYear(ctx context.Context) (*record[FiscalYearSetting], error) {
	c, row, err := s.app.Workspace.Calendar(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, FiscalYearSetting{FiscalYear: FiscalYear{StartMonth: int(c.StartMonth)}, Default: row.Version == 0, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)})
}
