package workspace

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func registrations(ctx context.Context, d *db.DB, q RegistrationQuery, limit int) ([]RegistrationRow, error) {
	clouds, states := q.Clouds, q.States
	if len(clouds) == 0 {
		clouds = cloud.All()
	}
	if len(states) == 0 {
		states = registration.States()
	}
	return db.Select[RegistrationRow](ctx, d, `SELECT r.*, o.name AS opportunity_name, o.account_name
		FROM registration r JOIN opportunity o ON o.id = r.opportunity_id
		WHERE r.cloud IN (?) AND r.state IN (?) AND (? = '' OR r.opportunity_id = ?) AND r.id > ? ORDER BY r.id LIMIT ?`,
		clouds, states, q.OpportunityID, q.OpportunityID, q.After, limit)
}
