package activity

import (
	"context"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func insert(ctx context.Context, tx *db.Tx, a *Activity) error {
	a.Version, a.CreatedAt, a.UpdatedAt = 1, tx.Now(), tx.Now()
	return db.Insert(ctx, tx, "activity", a)
}

// update stores a if nobody changed the row since a was read.
func update(ctx context.Context, tx *db.Tx, a *Activity) error {
	a.Version, a.UpdatedAt = a.Version+1, tx.Now()
	err := db.Update(ctx, tx, "activity", a, `id = ? AND version = ?`, a.ID, a.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("activity", a.ID)
	}
	return err
}

// noteStamp keeps when a record of what the engine logged was seen, and that it is gone.
func noteStamp(ctx context.Context, tx *db.Tx, a *Activity) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_stamp = ?, gone_at = ? WHERE id = ?`, a.CRMStamp, nullTime(a.GoneAt), a.ID)
	return err
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// ByID gives one activity; none is a problem of kind not_found.
func ByID(ctx context.Context, q db.Queryer, activityID string) (Activity, error) {
	a, err := db.Get[Activity](ctx, q, `SELECT * FROM activity WHERE id = ?`, activityID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("activity", activityID)
	}
	return a, err
}

// byKeys gives activities by their external ids, at most 1,000.
func byKeys(ctx context.Context, q db.Queryer, keys []string) (map[string]Activity, error) {
	rows, err := db.Select[Activity](ctx, q, `SELECT * FROM activity WHERE crm_key IN (?)`, keys)
	out := make(map[string]Activity, len(rows))
	for _, a := range rows {
		out[a.CRMKey] = a
	}
	return out, err
}

// importAll stores what was made in Salesforce, new or known.
func importAll(ctx context.Context, tx *db.Tx, rows []Activity) error {
	if len(rows) == 0 {
		return nil
	}
	columns, err := db.Columns[Activity]("id", "crm_key")
	if err != nil {
		return err
	}
	_, err = db.UpsertMany(ctx, tx, "activity", rows, []string{"crm_key"}, columns)
	return err
}

// shown leaves out what was deleted in Salesforce, where it was made.
const shown = `NOT (a.origin = 'crm' AND a.gone_at IS NOT NULL)`

func byOpportunity(ctx context.Context, q db.Queryer, opportunityID string) ([]Activity, error) {
	return db.Select[Activity](ctx, q, `SELECT a.* FROM activity a WHERE a.opportunity_id = ? AND `+shown+` ORDER BY a.happened_at DESC, a.id DESC LIMIT 500`, opportunityID)
}

// of gives the condition for the place of a timeline.
func (q Query) of() ([]string, []any) {
	if q.AccountID != "" {
		return []string{`(a.account_id = ? OR a.opportunity_id IN (SELECT d.id FROM opportunity d JOIN account c ON c.crm_id = d.account_crm_id WHERE c.id = ?))`, shown},
			[]any{q.AccountID, q.AccountID}
	}
	return []string{`a.opportunity_id = ?`, shown}, []any{q.OpportunityID}
}

type countRow struct {
	Filter Filter `db:"filter"`
	N      int64  `db:"n"`
}

func counts(ctx context.Context, q db.Queryer, query Query) ([]countRow, error) {
	cond, args := query.of()
	return db.Select[countRow](ctx, q, `SELECT CASE WHEN a.origin = 'engine' THEN 'portal' WHEN a.kind = 'intro_meeting' THEN 'introduction' ELSE a.kind END AS filter, count(*) AS n
		FROM activity a WHERE `+strings.Join(cond, ` AND `)+` GROUP BY 1`, args...)
}

func timeline(ctx context.Context, q db.Queryer, query Query, after *spot, limit int) ([]Line, error) {
	cond, args := query.of()
	if len(query.Filters) > 0 {
		kinds, portal := []string{}, 0
		for _, f := range query.Filters {
			switch f {
			case FilterPortal:
				portal = 1
			case Filter(KindIntroduction):
				kinds = append(kinds, string(f), string(KindIntroMeeting))
			default:
				kinds = append(kinds, string(f))
			}
		}
		cond, args = append(cond, `(a.origin <> 'engine' AND a.kind IN (?) OR a.origin = 'engine' AND ? = 1)`), append(args, kinds, portal)
	}
	if len(query.Origins) > 0 {
		cond, args = append(cond, `a.origin IN (?)`), append(args, query.Origins)
	}
	if after != nil {
		cond, args = append(cond, `(a.happened_at, a.id) < (?, ?)`), append(args, after.at, after.id)
	}
	return db.Select[Line](ctx, q, `SELECT a.*, coalesce(o.name, '') AS deal_name FROM activity a LEFT JOIN opportunity o ON o.id = a.opportunity_id
		WHERE `+strings.Join(cond, ` AND `)+` ORDER BY a.happened_at DESC, a.id DESC LIMIT ?`, append(args, limit)...)
}

func due(ctx context.Context, q db.Queryer, limit int) ([]Due, error) {
	return db.Select[Due](ctx, q, `SELECT a.*, coalesce(o.crm_id, c.crm_id, '') AS what_crm_id, coalesce(o.account_crm_id, c.crm_id, '') AS account_crm_id
		FROM activity a LEFT JOIN opportunity o ON o.id = a.opportunity_id LEFT JOIN account c ON c.id = a.account_id
		WHERE a.crm_state = 'pending' AND a.origin = 'person' AND NOT coalesce(o.deleted, c.deleted, false) ORDER BY a.id LIMIT ?`, limit)
}

type ownerRow struct {
	CRMID  string `db:"crm_id"`
	Name   string `db:"name"`
	Active bool   `db:"active"`
}

func ownerByCRMID(ctx context.Context, q db.Queryer, crmID string) (ownerRow, error) {
	return db.Get[ownerRow](ctx, q, `SELECT crm_id, name, active FROM person WHERE crm_id = ?`, crmID)
}

func ownerByID(ctx context.Context, q db.Queryer, personID string) (ownerRow, error) {
	return db.Get[ownerRow](ctx, q, `SELECT coalesce(crm_id, '') AS crm_id, name, active FROM person WHERE id = ?`, personID)
}

func insertHistory(ctx context.Context, tx *db.Tx, h *History) error {
	return db.Insert(ctx, tx, "activity_event", h)
}

func historyOf(ctx context.Context, q db.Queryer, activityID string) ([]History, error) {
	return db.Select[History](ctx, q, `SELECT * FROM activity_event WHERE activity_id = ? ORDER BY id DESC LIMIT 200`, activityID)
}

// watchedBy gives the ids of watched opportunities by their CRM ids.
func watchedBy(ctx context.Context, q db.Queryer, crmIDs []string) (map[string]string, error) {
	rows, err := db.Select[Watched](ctx, q, `SELECT * FROM activity_watch WHERE opportunity_crm_id IN (?)`, crmIDs)
	out := make(map[string]string, len(rows))
	for _, w := range rows {
		out[w.OpportunityCRMID] = w.OpportunityID
	}
	return out, err
}

// unwatched walks the decisions by opportunity: a first read asks again and again, and
// each time has to begin where the last one ended.
func unwatched(ctx context.Context, q db.Queryer, afterID string, limit int) ([]Watched, error) {
	return db.Select[Watched](ctx, q, `SELECT DISTINCT j.opportunity_id AS opportunity_id, o.crm_id AS opportunity_crm_id
		FROM opportunity_cloud j CROSS JOIN opportunity o WHERE o.id = j.opportunity_id AND j.opportunity_id > ? AND j.joint AND NOT o.deleted
			AND NOT EXISTS (SELECT 1 FROM activity_watch w WHERE w.opportunity_id = j.opportunity_id)
		ORDER BY j.opportunity_id LIMIT ?`, afterID, limit)
}

func watch(ctx context.Context, tx *db.Tx, list []Watched) error {
	_, err := db.UpsertMany(ctx, tx, "activity_watch", list, []string{"opportunity_id"}, []string{"read_at"})
	return err
}

type pendingRow struct {
	Activity
	OpportunityCRMID string `db:"opportunity_crm_id"`
	DealOwnerCRMID   string `db:"deal_owner_crm_id"`
	OwnerActive      bool   `db:"owner_active"`
}

func pending(ctx context.Context, q db.Queryer, limit int) ([]pendingRow, error) {
	return db.Select[pendingRow](ctx, q, `SELECT a.*, o.crm_id AS opportunity_crm_id, o.owner_crm_id AS deal_owner_crm_id,
			EXISTS (SELECT 1 FROM person p WHERE p.crm_id = o.owner_crm_id AND p.active) AS owner_active
		FROM activity a JOIN opportunity o ON o.id = a.opportunity_id
		WHERE a.crm_state = 'pending' AND a.origin = 'engine' AND NOT o.deleted ORDER BY a.id LIMIT ?`, limit)
}

func logged(ctx context.Context, tx *db.Tx, id, taskID string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_state = 'logged', crm_task_id = ?, crm_error = '', logged_at = ?, version = version + 1 WHERE id = ?`, taskID, tx.Now(), id)
	return err
}

func failed(ctx context.Context, tx *db.Tx, id, message string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_state = 'failed', crm_error = ?, version = version + 1 WHERE id = ?`, message, id)
	return err
}

func retry(ctx context.Context, tx *db.Tx, opportunityID string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET crm_state = 'pending', crm_error = '', version = version + 1 WHERE opportunity_id = ? AND crm_state = 'failed'`, opportunityID)
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

// CountPending counts the activities of an origin that Salesforce still has to get.
// Those on deleted records wait until these are back.
func CountPending(ctx context.Context, q db.Queryer, origin Origin) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM activity a LEFT JOIN opportunity o ON o.id = a.opportunity_id LEFT JOIN account c ON c.id = a.account_id
		WHERE a.crm_state = 'pending' AND a.origin = ? AND NOT coalesce(o.deleted, c.deleted, false)`, origin)
}

// moveToAccount has the activities of one account stand with another.
func moveToAccount(ctx context.Context, tx *db.Tx, fromID, toID string) error {
	_, err := tx.Exec(ctx, `UPDATE activity SET account_id = ?, version = version + 1 WHERE account_id = ?`, toID, fromID)
	return err
}
