package activity

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func insert(ctx context.Context, tx *db.Tx, a *Activity) error {
	return db.Insert(ctx, tx, "activity", a)
}

func byOpportunity(ctx context.Context, q db.Queryer, opportunityID string) ([]Activity, error) {
	return db.Select[Activity](ctx, q, `SELECT * FROM activity WHERE opportunity_id = ? ORDER BY happened_at DESC, id DESC LIMIT 500`, opportunityID)
}

type pendingRow struct {
	Activity
	OpportunityCRMID string `db:"opportunity_crm_id"`
	OwnerCRMID       string `db:"owner_crm_id"`
	OwnerActive      bool   `db:"owner_active"`
}

func pending(ctx context.Context, q db.Queryer, limit int) ([]pendingRow, error) {
	return db.Select[pendingRow](ctx, q, `SELECT a.*, o.crm_id AS opportunity_crm_id, o.owner_crm_id,
			EXISTS (SELECT 1 FROM person p WHERE p.crm_id = o.owner_crm_id AND p.active) AS owner_active
		FROM activity a JOIN opportunity o ON o.id = a.opportunity_id
		WHERE a.crm_state = 'pending' ORDER BY a.id LIMIT ?`, limit)
}

func logged(ctx context.Context, tx *db.Tx, id, taskID string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_state = 'logged', crm_task_id = ?, crm_error = '', logged_at = ? WHERE id = ?`, taskID, tx.Now(), id)
	return err
}

func failed(ctx context.Context, tx *db.Tx, id, message string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_state = 'failed', crm_error = ? WHERE id = ?`, message, id)
	return err
}

func retry(ctx context.Context, tx *db.Tx, opportunityID string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_state = 'pending', crm_error = '' WHERE opportunity_id = ? AND crm_state = 'failed'`, opportunityID)
	return err
}

// CountLoggedSince counts the activities that Salesforce got since an instant.
func CountLoggedSince(ctx context.Context, q db.Queryer, since time.Time) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM activity WHERE logged_at >= ?`, since)
}

type refusedRow struct {
	N   int64  `db:"n"`
	Why string `db:"why"`
}

// Refused counts the activities that Salesforce refused for good, and gives the
// words of one refusal.
func Refused(ctx context.Context, q db.Queryer) (int64, string, error) {
	row, err := db.Get[refusedRow](ctx, q, `SELECT count(*) AS n, coalesce(max(crm_error), '') AS why FROM activity WHERE crm_state = 'failed'`)
	return row.N, row.Why, err
}

// CountPending counts the activities that Salesforce still has to get.
func CountPending(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM activity WHERE crm_state = 'pending'`)
}
