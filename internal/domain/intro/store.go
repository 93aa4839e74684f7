package intro

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// ByID gives one meeting; none is a problem of kind not_found.
func ByID(ctx context.Context, q db.Queryer, meetingID string) (Meeting, error) {
	m, err := db.Get[Meeting](ctx, q, `SELECT * FROM intro_meeting WHERE id = ?`, meetingID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("intro_meeting", meetingID)
	}
	return m, err
}

func byActivity(ctx context.Context, q db.Queryer, activityID string) (Meeting, error) {
	return db.Get[Meeting](ctx, q, `SELECT * FROM intro_meeting WHERE activity_id = ?`, activityID)
}

func ofOpportunity(ctx context.Context, q db.Queryer, opportunityID string) ([]Meeting, error) {
	return db.Select[Meeting](ctx, q, `SELECT * FROM intro_meeting WHERE opportunity_id = ? ORDER BY id DESC LIMIT 100`, opportunityID)
}

// Waiting is a meeting with the deal that it is on.
type Waiting struct {
	Meeting
	DealName    string `db:"deal_name"`
	AccountName string `db:"account_name"`
	OwnerName   string `db:"owner_name"`
}

// AwaitOutcome gives the confirmed meetings that are over and of which nobody said
// whether they were held, the oldest first: on the deals of one owner (CRM id), or of
// all with "".
func AwaitOutcome(ctx context.Context, q db.Queryer, ownerCRMID string, now time.Time, limit int) ([]Waiting, error) {
	return db.Select[Waiting](ctx, q, `SELECT m.*, o.name AS deal_name, o.account_name, o.owner_name FROM intro_meeting m JOIN opportunity o ON o.id = m.opportunity_id
		WHERE m.state = 'confirmed' AND m.ends_at <= ? AND NOT o.deleted AND (o.owner_crm_id = ? OR ? = '') ORDER BY m.ends_at, m.id LIMIT ?`, now, ownerCRMID, ownerCRMID, limit)
}

func insert(ctx context.Context, tx *db.Tx, m *Meeting) error {
	m.Version, m.CreatedAt, m.UpdatedAt, m.StateAt = 1, tx.Now(), tx.Now(), tx.Now()
	return db.Insert(ctx, tx, "intro_meeting", m)
}

// update stores m if nobody changed the row since m was read.
func update(ctx context.Context, tx *db.Tx, m *Meeting) error {
	m.Version, m.UpdatedAt = m.Version+1, tx.Now()
	err := db.Update(ctx, tx, "intro_meeting", m, `id = ? AND version = ?`, m.ID, m.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("intro meeting", m.ID)
	}
	return err
}

func insertEvent(ctx context.Context, tx *db.Tx, e *Event) error {
	return db.Insert(ctx, tx, "intro_event", e)
}

func eventsOf(ctx context.Context, q db.Queryer, meetingID string) ([]Event, error) {
	return db.Select[Event](ctx, q, `SELECT * FROM intro_event WHERE meeting_id = ? ORDER BY id DESC LIMIT 200`, meetingID)
}

// busy gives the meetings of a person that Tandem knows between two instants.
func busy(ctx context.Context, q db.Queryer, crmID string, from, to time.Time) ([]Slot, error) {
	type row struct {
		StartsAt time.Time `db:"starts_at"`
		EndsAt   time.Time `db:"ends_at"`
	}
	rows, err := db.Select[row](ctx, q, `SELECT starts_at, ends_at FROM activity WHERE owner_crm_id = ? AND crm_object = 'Event'
		AND starts_at < ? AND ends_at > ? AND cancelled_at IS NULL AND gone_at IS NULL`, crmID, to, from)
	out := make([]Slot, 0, len(rows))
	for _, r := range rows {
		out = append(out, Slot(r))
	}
	return out, err
}

type zoneRow struct {
	CRMID string `db:"crm_id"`
	Zone  string `db:"zone"`
}

// zonesOf gives the zones of our people by their CRM ids.
func zonesOf(ctx context.Context, q db.Queryer, list []Candidate) (map[string]string, error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].CRMID
	}
	rows, err := db.Select[zoneRow](ctx, q, `SELECT crm_id, zone FROM person WHERE crm_id IN (?)`, ids)
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[r.CRMID] = r.Zone
	}
	return out, err
}

type organizerRow struct {
	Email string `db:"email"`
}

func organizer(ctx context.Context, q db.Queryer, personID string) (organizerRow, error) {
	return db.Get[organizerRow](ctx, q, `SELECT email FROM person WHERE id = ?`, personID)
}
