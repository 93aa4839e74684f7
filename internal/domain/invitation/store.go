package invitation

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// ByID gives one invitation.
func ByID(ctx context.Context, q db.Queryer, id string) (Invitation, error) {
	i, err := db.Get[Invitation](ctx, q, `SELECT * FROM invitation WHERE id = ?`, id)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("invitation", id)
	}
	return i, err
}

// ByIDs gives those of the invitations that there are.
func ByIDs(ctx context.Context, q db.Queryer, ids []string) ([]Invitation, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return db.Select[Invitation](ctx, q, `SELECT * FROM invitation WHERE id IN (?)`, ids)
}

// ByRemoteIDs gives invitations by the ids that a portal gave them.
func ByRemoteIDs(ctx context.Context, q db.Queryer, c cloud.Cloud, ids []string) (map[string]Invitation, error) {
	rows, err := db.Select[Invitation](ctx, q, `SELECT * FROM invitation WHERE cloud = ? AND remote_id IN (?)`, c, ids)
	out := make(map[string]Invitation, len(rows))
	for _, i := range rows {
		out[i.RemoteID] = i
	}
	return out, err
}

// byRemoteOpportunity gives the invitation that became an opportunity in a portal.
func byRemoteOpportunity(ctx context.Context, q db.Queryer, c cloud.Cloud, remoteOppID string) (Invitation, error) {
	return db.Get[Invitation](ctx, q, `SELECT * FROM invitation WHERE cloud = ? AND remote_opportunity_id = ? ORDER BY id LIMIT 1`, c, remoteOppID)
}

// open gives what is pending, or waits after a refused answer, at a cloud.
func open(ctx context.Context, q db.Queryer, c cloud.Cloud) ([]Invitation, error) {
	return db.Select[Invitation](ctx, q, `SELECT * FROM invitation WHERE cloud = ? AND state IN (?) AND failed_from NOT IN ('converting', 'creating') ORDER BY id`, c, []State{StatePending, StateFailed})
}

func page(ctx context.Context, q db.Queryer, states []State, after string, limit int) ([]Invitation, error) {
	return db.Select[Invitation](ctx, q, `SELECT * FROM invitation WHERE state IN (?) AND order_key > ? ORDER BY order_key LIMIT ?`, states, after, limit)
}

// StateCount is how many invitations are in a state.
type StateCount struct {
	State State `db:"state"`
	Count int64 `db:"n"`
}

func counts(ctx context.Context, q db.Queryer) ([]StateCount, error) {
	return db.Select[StateCount](ctx, q, `SELECT state, count(*) AS n FROM invitation GROUP BY state ORDER BY state`)
}

// DueIDs gives the invitations the engine should look at by now, the longest due
// first. Those of a cloud that is not among the given ones wait for its connection.
func DueIDs(ctx context.Context, q db.Queryer, clouds []cloud.Cloud, now time.Time, limit int) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT id FROM invitation WHERE due_at <= ? AND cloud IN (?) ORDER BY due_at LIMIT ?`, now, clouds, limit)
}

// Count counts the invitations of a cloud.
func Count(ctx context.Context, q db.Queryer, c cloud.Cloud) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM invitation WHERE cloud = ?`, c)
}

func insert(ctx context.Context, tx *db.Tx, i *Invitation) error {
	i.Version, i.CreatedAt, i.UpdatedAt, i.OrderKey = 1, tx.Now(), tx.Now(), i.orderKey()
	return db.Insert(ctx, tx, "invitation", i)
}

// update stores i if nobody changed the row since i was read.
func update(ctx context.Context, tx *db.Tx, i *Invitation) error {
	i.Version, i.UpdatedAt, i.OrderKey = i.Version+1, tx.Now(), i.orderKey()
	err := db.Update(ctx, tx, "invitation", i, `id = ? AND version = ?`, i.ID, i.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("invitation", i.ID)
	}
	return err
}

func insertEvent(ctx context.Context, tx *db.Tx, e *Event) error {
	return db.Insert(ctx, tx, "invitation_event", e)
}

func eventsOf(ctx context.Context, q db.Queryer, id string) ([]Event, error) {
	return db.Select[Event](ctx, q, `SELECT * FROM invitation_event WHERE invitation_id = ? ORDER BY id DESC LIMIT 200`, id)
}

// looked keeps when the last look at a cloud's list began.
func looked(ctx context.Context, tx *db.Tx, c cloud.Cloud, begun time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO invitation_watch (cloud, looked_at) VALUES (?, ?) ON CONFLICT (cloud) DO UPDATE SET looked_at = excluded.looked_at`, c, begun)
	return err
}

// lookedAt gives when the last look began; long ago when there was none.
func lookedAt(ctx context.Context, q db.Queryer, c cloud.Cloud) (time.Time, error) {
	at, err := db.Get[time.Time](ctx, q, `SELECT looked_at FROM invitation_watch WHERE cloud = ?`, c)
	if problem.Is(err, problem.KindNotFound) {
		return time.Unix(0, 0).UTC(), nil
	}
	return at, err
}

func heardSince(ctx context.Context, q db.Queryer, c cloud.Cloud, since time.Time) (bool, error) {
	n, err := db.Get[int64](ctx, q, `SELECT count(*) FROM portal_event WHERE received_at >= ? AND cloud = ? AND kind LIKE 'Engagement Invitation%'`, since, c)
	return n > 0, err
}

// CountCreating counts the invitations of which an opportunity is to be made in
// Salesforce.
func CountCreating(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM invitation WHERE state = ?`, StateCreating)
}

// WakeCreating has those looked at now, whenever they were due.
func WakeCreating(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE invitation SET due_at = ?, version = version + 1 WHERE state = ?`, tx.Now(), StateCreating)
	return err
}

// Wanted is an opportunity that a person wants made in Salesforce.
type Wanted struct {
	InvitationID string
	Name         string
	Key          string
	Values       map[string]string
}

// WantedNow gives those that are to be made, the longest due first.
func WantedNow(ctx context.Context, q db.Queryer, limit int) ([]Wanted, error) {
	rows, err := db.Select[Invitation](ctx, q, `SELECT * FROM invitation WHERE state = ? AND opportunity_crm_id = '' ORDER BY due_at, id LIMIT ?`, StateCreating, limit)
	out := make([]Wanted, len(rows))
	for i := range rows {
		out[i] = Wanted{InvitationID: rows[i].ID, Name: rows[i].Name(), Key: rows[i].originKey(), Values: rows[i].Draft.V.Values}
	}
	return out, err
}
