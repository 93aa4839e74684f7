package registration

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// ByID gives one registration; none is a problem of kind not_found.
func ByID(ctx context.Context, q db.Queryer, registrationID string) (Registration, error) {
	r, err := db.Get[Registration](ctx, q, `SELECT * FROM registration WHERE id = ?`, registrationID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("registration", registrationID)
	}
	return r, err
}

// ByOpportunities gives the registrations of opportunities by id, at most 500.
func ByOpportunities(ctx context.Context, q db.Queryer, ids []string) (map[string][]Registration, error) {
	rows, err := db.Select[Registration](ctx, q, `SELECT * FROM registration WHERE opportunity_id IN (?) ORDER BY opportunity_id, cloud`, ids)
	out := map[string][]Registration{}
	for _, r := range rows {
		out[r.OpportunityID] = append(out[r.OpportunityID], r)
	}
	return out, err
}

func insert(ctx context.Context, tx *db.Tx, r *Registration) error {
	r.Version, r.CreatedAt, r.UpdatedAt = 1, tx.Now(), tx.Now()
	return db.Insert(ctx, tx, "registration", r)
}

func insertMany(ctx context.Context, tx *db.Tx, list []Registration) error {
	for i := range list {
		list[i].Version, list[i].CreatedAt, list[i].UpdatedAt = 1, tx.Now(), tx.Now()
	}
	return db.InsertMany(ctx, tx, "registration", list)
}

// update stores r if nobody changed the row since r was read.
func update(ctx context.Context, tx *db.Tx, r *Registration) error {
	r.Version, r.UpdatedAt = r.Version+1, tx.Now()
	err := db.Update(ctx, tx, "registration", r, `id = ? AND version = ?`, r.ID, r.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("registration", r.ID)
	}
	if err != nil {
		return err
	}
	return insertCalls(ctx, tx, r)
}

// DueIDs gives the registrations the engine should look at by now, the longest
// due first.
// Those of a cloud that is not among the given ones wait for its connection.
func DueIDs(ctx context.Context, q db.Queryer, clouds []cloud.Cloud, now time.Time, limit int) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT id FROM registration WHERE due_at <= ? AND cloud IN (?) ORDER BY due_at LIMIT ?`, now, clouds, limit)
}

// StateCount is how many registrations of a cloud are in a state.
type StateCount struct {
	Cloud cloud.Cloud `db:"cloud" json:"cloud"`
	State State       `db:"state" json:"state"`
	Count int64       `db:"n" json:"count"`
}

// CountStates counts the registrations by cloud and state.
func CountStates(ctx context.Context, q db.Queryer) ([]StateCount, error) {
	return db.Select[StateCount](ctx, q, `SELECT cloud, state, count(*) AS n FROM registration GROUP BY cloud, state ORDER BY cloud, state`)
}

// CountCreatedSince counts the registrations that Tandem created at the portal
// since an instant.
func CountCreatedSince(ctx context.Context, q db.Queryer, since time.Time) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM registration WHERE created_remote_at >= ?`, since)
}

// CountUnsettled counts those that still move by themselves; reviews says
// whether waiting for the partner's review counts as moving.
func CountUnsettled(ctx context.Context, q db.Queryer, reviews bool) (int64, error) {
	states := []State{StateChecking, StateCreating, StateCreated, StateAssociated, StateSubmitting}
	if reviews {
		states = append(states, StateSubmitted, StateInReview)
	}
	return db.Get[int64](ctx, q, `SELECT count(*) FROM registration WHERE due_at IS NOT NULL AND state IN (?)`, states)
}

// CountDirty counts those that Salesforce does not yet know as they are. Those of
// deleted opportunities wait until these are back.
func CountDirty(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM registration r JOIN opportunity o ON o.id = r.opportunity_id WHERE r.crm_dirty AND r.crm_error = '' AND NOT o.deleted`)
}

type refusedRow struct {
	N   int64  `db:"n"`
	Why string `db:"why"`
}

// Refused counts what Salesforce refused for good, registrations and edits of
// fields, and gives the words of one refusal.
func Refused(ctx context.Context, q db.Queryer) (int64, string, error) {
	row, err := db.Get[refusedRow](ctx, q, `SELECT count(*) AS n, coalesce(max(why), '') AS why FROM (
		SELECT crm_error AS why FROM registration WHERE crm_dirty AND crm_error <> ''
		UNION ALL SELECT crm_error FROM registration_edit WHERE crm_state = 'refused') x`)
	return row.N, row.Why, err
}

type dirtyRow struct {
	Registration
	OpportunityCRMID string `db:"opportunity_crm_id"`
}

func dirty(ctx context.Context, q db.Queryer, limit int) ([]dirtyRow, error) {
	return db.Select[dirtyRow](ctx, q, `SELECT r.*, o.crm_id AS opportunity_crm_id FROM registration r JOIN opportunity o ON o.id = r.opportunity_id
		WHERE r.crm_dirty AND r.crm_error = '' AND NOT o.deleted ORDER BY r.updated_at, r.id LIMIT ?`, limit)
}

func recordsOf(ctx context.Context, q db.Queryer, opportunityCRMID string) ([]dirtyRow, error) {
	return db.Select[dirtyRow](ctx, q, `SELECT r.*, o.crm_id AS opportunity_crm_id FROM registration r JOIN opportunity o ON o.id = r.opportunity_id WHERE o.crm_id = ? ORDER BY r.cloud`, opportunityCRMID)
}

// MarkDirty has Salesforce get every registration anew that it was told of, also
// those that it refused: the field mapping changed, by which they are written.
func MarkDirty(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE registration SET crm_dirty = true, crm_error = '' WHERE remote_id <> '' OR crm_row_id <> '' OR crm_dirty`)
	return err
}

// clean notes that Salesforce has the record as it was at that version; a
// record that changed meanwhile stays dirty.
func clean(ctx context.Context, tx *db.Tx, id string, version int64, rowID string) error {
	_, err := tx.Exec(ctx, `UPDATE registration SET crm_row_id = ?, crm_error = '', crm_dirty = CASE WHEN version = ? THEN false ELSE crm_dirty END WHERE id = ?`, rowID, version, id)
	return err
}

func refusedByCRM(ctx context.Context, tx *db.Tx, id, message string) error {
	_, err := tx.Exec(ctx, `UPDATE registration SET crm_error = ? WHERE id = ?`, message, id)
	return err
}

// rowsGone marks registrations whose record is gone to be written again, but for those
// whose record somebody deleted before. It gives how many there are of both.
func rowsGone(ctx context.Context, tx *db.Tx, rowIDs []string) (int64, error) {
	return tx.Exec(ctx, `UPDATE registration SET crm_dirty = true, version = version + 1, updated_at = ?,
			crm_error = CASE WHEN crm_gone > 0 AND opportunity_id NOT IN (SELECT id FROM opportunity WHERE deleted) THEN ? ELSE crm_error END,
			crm_gone = CASE WHEN opportunity_id IN (SELECT id FROM opportunity WHERE deleted) THEN crm_gone ELSE crm_gone + 1 END, crm_row_id = ''
		WHERE crm_row_id IN (?)`, tx.Now(), leftDeleted, rowIDs)
}

// LiveRows gives the row ids of the records that registrations have in Salesforce.
func LiveRows(ctx context.Context, q db.Queryer) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_row_id FROM registration WHERE crm_row_id <> ''`)
}

// Solutions gives the solutions of a cloud that were seen in its portal.
func solutions(ctx context.Context, q db.Queryer, c cloud.Cloud) ([]Solution, error) {
	return db.Select[Solution](ctx, q, `SELECT * FROM solution WHERE cloud = ? ORDER BY name, remote_id`, c)
}

func saveSolutions(ctx context.Context, tx *db.Tx, c cloud.Cloud, list []Solution) error {
	if _, err := tx.Exec(ctx, `DELETE FROM solution WHERE cloud = ?`, c); err != nil {
		return err
	}
	for i := range list {
		list[i].Cloud, list[i].SeenAt = c, tx.Now()
	}
	return db.InsertMany(ctx, tx, "solution", list)
}

// recheckBlocked makes every registration that is blocked, or just being checked,
// due and gives their ids.
func recheckBlocked(ctx context.Context, tx *db.Tx) ([]string, error) {
	if _, err := tx.Exec(ctx, `UPDATE registration SET state = ?, state_at = ?, due_at = ?, version = version + 1, updated_at = ? WHERE state IN (?)`,
		StateChecking, tx.Now(), tx.Now(), tx.Now(), []State{StateBlocked, StateChecking}); err != nil {
		return nil, err
	}
	return db.Select[string](ctx, tx, `SELECT id FROM registration WHERE state = ? AND due_at = ?`, StateChecking, tx.Now())
}

// holdDeal stores the registrations of an opportunity anew that are not with the
// partner yet: a step that was begun before is not kept, and nobody else changes
// them until the transaction ends.
func holdDeal(ctx context.Context, tx *db.Tx, opportunityID string) error {
	_, err := tx.Exec(ctx, `UPDATE registration SET version = version + 1, updated_at = ? WHERE opportunity_id = ? AND state IN (?)`, tx.Now(), opportunityID, beforePartner)
	return err
}
