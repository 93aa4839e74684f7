package workspace

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// RegistrationQuery is a list of registrations as somebody wants to see it.
// Within a filter the values are alternatives; empty filters nothing.
type RegistrationQuery struct {
	Clouds        []cloud.Cloud
	States        []registration.State
	OpportunityID string
	After         string // the id of the last registration of the page before
	Limit         int    // 1 to 200; 50 if 0
}

// RegistrationRow is one line of the list of registrations.
type RegistrationRow struct {
	registration.Registration
	OpportunityName string `db:"opportunity_name"`
	AccountName     string `db:"account_name"`
}

// RegistrationPage is one page of the list; Next is the cursor of the next one,
// "" at the end.
type RegistrationPage struct {
	Rows []RegistrationRow
	Next string
}

// Registrations gives a page of registrations, the oldest first, so that those
// opened while somebody pages come last. Needs read.
func (s *Service) Registrations(ctx context.Context, q RegistrationQuery) (RegistrationPage, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return RegistrationPage{}, err
	}
	if q.After != "" && !id.Valid("reg", q.After) {
		return RegistrationPage{}, problem.Invalid("after", "malformed", "This is not a cursor that a list gave: begin from the first page")
	}
	limit := q.Limit
	if limit == 0 {
		limit = 50
	}
	limit = min(max(limit, 1), 200)
	rows, err := registrations(ctx, s.db, q, limit+1)
	p := RegistrationPage{Rows: rows}
	if err == nil && len(rows) > limit {
		p.Rows, p.Next = rows[:limit], rows[limit-1].ID
	}
	return p, err
}
