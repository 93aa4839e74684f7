package registration

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func fieldsOf(ctx context.Context, q db.Queryer, registrationID string) ([]Field, error) {
	return db.Select[Field](ctx, q, `SELECT * FROM registration_field WHERE registration_id = ? ORDER BY path`, registrationID)
}

func replaceFields(ctx context.Context, tx *db.Tx, registrationID string, list []Field) error {
	if _, err := tx.Exec(ctx, `DELETE FROM registration_field WHERE registration_id = ?`, registrationID); err != nil {
		return err
	}
	return db.InsertMany(ctx, tx, "registration_field", list)
}

func editsOf(ctx context.Context, q db.Queryer, registrationID string) ([]Edit, error) {
	return db.Select[Edit](ctx, q, `SELECT * FROM registration_edit WHERE registration_id = ? ORDER BY path`, registrationID)
}

func replaceEdits(ctx context.Context, tx *db.Tx, registrationID string, list []Edit) error {
	if _, err := tx.Exec(ctx, `DELETE FROM registration_edit WHERE registration_id = ?`, registrationID); err != nil {
		return err
	}
	return db.InsertMany(ctx, tx, "registration_edit", list)
}

// pendingEdit is an edit that Salesforce shall have, with the record that it goes to.
type pendingEdit struct {
	Edit
	Cloud            cloud.Cloud `db:"cloud"`
	OpportunityCRMID string      `db:"opportunity_crm_id"`
}

func pendingEdits(ctx context.Context, q db.Queryer, limit int) ([]pendingEdit, error) {
	return db.Select[pendingEdit](ctx, q, `SELECT e.*, r.cloud, o.crm_id AS opportunity_crm_id FROM registration_edit e
		JOIN registration r ON r.id = e.registration_id JOIN opportunity o ON o.id = r.opportunity_id
		WHERE e.crm_state = 'pending' AND NOT o.deleted ORDER BY o.crm_id, e.path LIMIT ?`, limit)
}

// CountPendingEdits counts the edits that Salesforce shall have and has not, but for
// those of deleted opportunities, which wait until these are back.
func CountPendingEdits(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM registration_edit e JOIN registration r ON r.id = e.registration_id JOIN opportunity o ON o.id = r.opportunity_id
		WHERE e.crm_state = 'pending' AND NOT o.deleted`)
}

func editWritten(ctx context.Context, tx *db.Tx, e Edit, state CRMState, message string) error {
	_, err := tx.Exec(ctx, `UPDATE registration_edit SET crm_state = ?, crm_error = ? WHERE registration_id = ? AND path = ? AND value = ? AND crm_state = 'pending'`,
		state, message, e.RegistrationID, e.Path, e.Value)
	return err
}

// Call is one call to a portal for a registration, as the event log keeps it.
// Request and Answer are what was sent and came, without secrets, cut to 16 KiB.
type Call struct {
	ID             string    `db:"id" json:"id"`
	RegistrationID string    `db:"registration_id" json:"registration_id"`
	At             time.Time `db:"at" json:"at"`
	Operation      string    `db:"operation" json:"operation"`
	ActorKind      string    `db:"actor_kind" json:"actor_kind"`
	ActorName      string    `db:"actor_name" json:"actor_name"`
	Attempt        int64     `db:"attempt" json:"attempt"`
	Outcome        Outcome   `db:"outcome" json:"outcome"`
	Code           string    `db:"code" json:"code"`
	Message        string    `db:"message" json:"message"`
	Request        string    `db:"request" json:"request"`
	Answer         string    `db:"answer" json:"answer"`
}

// keptCalls is how many calls of a registration the log keeps.
const keptCalls = 100

func insertCalls(ctx context.Context, tx *db.Tx, r *Registration) error {
	if len(r.calls) == 0 {
		return nil
	}
	for i := range r.calls {
		r.calls[i].ID, r.calls[i].RegistrationID = id.New("cal"), r.ID
	}
	if err := db.InsertMany(ctx, tx, "registration_call", r.calls); err != nil {
		return err
	}
	r.calls = nil
	_, err := tx.Exec(ctx, `DELETE FROM registration_call WHERE registration_id = ? AND id < (SELECT min(id) FROM
		(SELECT id FROM registration_call WHERE registration_id = ? ORDER BY id DESC LIMIT ?) k)`, r.ID, r.ID, keptCalls)
	return err
}

func callsOf(ctx context.Context, q db.Queryer, registrationID string, limit int) ([]Call, error) {
	return db.Select[Call](ctx, q, `SELECT * FROM registration_call WHERE registration_id = ? ORDER BY id DESC LIMIT ?`, registrationID, limit)
}

// ByRemoteIDs gives the registrations of a cloud by their ids in its portal, at
// most 500.
func ByRemoteIDs(ctx context.Context, q db.Queryer, c cloud.Cloud, ids []string) (map[string]Registration, error) {
	rows, err := db.Select[Registration](ctx, q, `SELECT * FROM registration WHERE cloud = ? AND remote_id <> '' AND remote_id IN (?)`, c, ids)
	out := make(map[string]Registration, len(rows))
	for _, r := range rows {
		out[r.RemoteID] = r
	}
	return out, err
}

// poll has a registration read from its portal as soon as possible.
func poll(ctx context.Context, tx *db.Tx, registrationID string) error {
	_, err := tx.Exec(ctx, `UPDATE registration SET poll_at = ?, due_at = ?, version = version + 1, updated_at = ? WHERE id = ?`, tx.Now(), tx.Now(), tx.Now(), registrationID)
	return err
}

// Watch is how far the changes of a portal were followed.
type Watch struct {
	Cloud        cloud.Cloud     `db:"cloud" json:"cloud"`
	ChangesAt    time.Time       `db:"changes_at" json:"changes_at"`
	ReconciledAt time.Time       `db:"reconciled_at" json:"reconciled_at"`
	Report       db.JSON[Report] `db:"report" json:"report"`
	UpdatedAt    time.Time       `db:"updated_at" json:"updated_at"`
}

func watchOf(ctx context.Context, q db.Queryer, c cloud.Cloud) (Watch, error) {
	w, err := db.Get[Watch](ctx, q, `SELECT * FROM portal_watch WHERE cloud = ?`, c)
	if problem.Is(err, problem.KindNotFound) {
		return Watch{Cloud: c}, nil
	}
	return w, err
}

func saveWatch(ctx context.Context, tx *db.Tx, w *Watch) error {
	w.UpdatedAt = tx.Now()
	_, err := db.UpsertMany(ctx, tx, "portal_watch", []Watch{*w}, []string{"cloud"}, []string{"changes_at", "reconciled_at", "report", "updated_at"})
	return err
}

// firstSeen keeps a portal's event and reports whether it was not there before.
func firstSeen(ctx context.Context, tx *db.Tx, c cloud.Cloud, e PortalEvent) (bool, error) {
	n, err := tx.Exec(ctx, `INSERT INTO portal_event (cloud, event_id, kind, remote_id, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (cloud, event_id) DO NOTHING`,
		c, e.ID, e.Kind, e.RemoteID, tx.Now())
	return n > 0, err
}

func forgetEvents(ctx context.Context, tx *db.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM portal_event WHERE received_at < ?`, before)
	return err
}

// OpenField is a field that differs, with the deal that it belongs to.
type OpenField struct {
	Field
	OpportunityID   string      `db:"opportunity_id" json:"opportunity_id"`
	OpportunityName string      `db:"opportunity_name" json:"opportunity_name"`
	AccountName     string      `db:"account_name" json:"account_name"`
	OwnerName       string      `db:"owner_name" json:"owner_name"`
	Cloud           cloud.Cloud `db:"cloud" json:"cloud"`
	RemoteID        string      `db:"remote_id" json:"remote_id"`
	RemoteStatus    string      `db:"remote_status" json:"remote_status"`
}

// openFields lists fields of a status over all registrations, the oldest first.
func openFields(ctx context.Context, q db.Queryer, status FieldStatus, limit int) ([]OpenField, error) {
	return db.Select[OpenField](ctx, q, `SELECT f.*, r.opportunity_id, o.name AS opportunity_name, o.account_name, o.owner_name, r.cloud, r.remote_id, r.remote_status
		FROM registration_field f JOIN registration r ON r.id = f.registration_id JOIN opportunity o ON o.id = r.opportunity_id
		WHERE f.status = ? AND NOT f.final ORDER BY f.since, f.registration_id, f.path LIMIT ?`, status, limit)
}

func countOpen(ctx context.Context, q db.Queryer, status FieldStatus) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM registration_field WHERE status = ? AND NOT final`, status)
}

// remoteRow is a registration that a portal should list.
type remoteRow struct {
	ID              string    `db:"id"`
	RemoteID        string    `db:"remote_id"`
	CreatedRemoteAt time.Time `db:"created_remote_at"`
}

func remotes(ctx context.Context, q db.Queryer, c cloud.Cloud) ([]remoteRow, error) {
	return db.Select[remoteRow](ctx, q, `SELECT id, remote_id, created_remote_at FROM registration WHERE cloud = ? AND remote_id <> '' AND state <> 'failed'`, c)
}

// mergeAnew has every registration with a field that is not settled compared
// again, and gives their ids.
func mergeAnew(ctx context.Context, tx *db.Tx) ([]string, error) {
	ids, err := db.Select[string](ctx, tx, `SELECT DISTINCT registration_id FROM registration_field WHERE NOT final ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE registration SET compared_version = 0, due_at = ?, version = version + 1, updated_at = ? WHERE id IN
		(SELECT registration_id FROM registration_field WHERE NOT final)`, tx.Now(), tx.Now())
	return ids, err
}

// resendEdit makes a refused edit pending again.
func resendEdit(ctx context.Context, tx *db.Tx, registrationID, path string) (int64, error) {
	return tx.Exec(ctx, `UPDATE registration_edit SET crm_state = 'pending', crm_error = '' WHERE registration_id = ? AND path = ? AND crm_state = 'refused'`, registrationID, path)
}

// CountConflicts counts the fields that changed on both sides.
func CountConflicts(ctx context.Context, q db.Queryer) (int64, error) {
	return countOpen(ctx, q, FieldConflict)
}
