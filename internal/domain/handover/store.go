package handover

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func byID(ctx context.Context, q db.Queryer, entryID string) (Entry, error) {
	e, err := db.Get[Entry](ctx, q, `SELECT * FROM hand_over WHERE id = ?`, entryID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("hand_over", entryID)
	}
	return e, err
}

func byOurID(ctx context.Context, q db.Queryer, c cloud.Cloud, ourID string) (Entry, error) {
	return db.Get[Entry](ctx, q, `SELECT * FROM hand_over WHERE cloud = ? AND our_id = ?`, c, ourID)
}

func byRemoteID(ctx context.Context, q db.Queryer, c cloud.Cloud, remoteID string) (Entry, error) {
	return db.Get[Entry](ctx, q, `SELECT * FROM hand_over WHERE cloud = ? AND remote_id = ?`, c, remoteID)
}

func toldSince(ctx context.Context, q db.Queryer, c cloud.Cloud, since time.Time) ([]Entry, error) {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	return db.Select[Entry](ctx, q, `SELECT * FROM hand_over WHERE cloud = ? AND remote_id <> '' AND told_at > ? ORDER BY told_at, id`, c, since)
}

func dealOf(ctx context.Context, q db.Queryer, entryID string) (Deal, error) {
	d, err := db.Get[Deal](ctx, q, `SELECT h.*, o.name, o.account_name, o.owner_crm_id, o.owner_name AS deal_owner FROM hand_over h JOIN opportunity o ON o.id = h.opportunity_id WHERE h.id = ?`, entryID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("hand_over", entryID)
	}
	return d, err
}

// Waiting gives what waits to be entered, the longest first: of the deals of one owner
// (CRM id), or of all with "".
func Waiting(ctx context.Context, q db.Queryer, ownerCRMID string, limit int) ([]Deal, error) {
	return db.Select[Deal](ctx, q, `SELECT h.*, o.name, o.account_name, o.owner_crm_id, o.owner_name AS deal_owner FROM hand_over h JOIN opportunity o ON o.id = h.opportunity_id
		WHERE h.asked_at IS NOT NULL AND NOT o.deleted AND (o.owner_crm_id = ? OR ? = '') ORDER BY h.asked_at, h.id LIMIT ?`, ownerCRMID, ownerCRMID, limit)
}

// OfOpportunity gives the entries of a deal.
func OfOpportunity(ctx context.Context, q db.Queryer, opportunityID string) ([]Entry, error) {
	return db.Select[Entry](ctx, q, `SELECT * FROM hand_over WHERE opportunity_id = ? ORDER BY cloud`, opportunityID)
}

func countWaiting(ctx context.Context, q db.Queryer, c cloud.Cloud) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM hand_over WHERE cloud = ? AND asked_at IS NOT NULL`, c)
}

func insert(ctx context.Context, tx *db.Tx, e *Entry) error {
	e.Version, e.CreatedAt, e.UpdatedAt = 1, tx.Now(), tx.Now()
	return db.Insert(ctx, tx, "hand_over", e)
}

// update stores e if nobody changed the row since it was read.
func update(ctx context.Context, tx *db.Tx, e *Entry) error {
	e.Version, e.UpdatedAt = e.Version+1, tx.Now()
	err := db.Update(ctx, tx, "hand_over", e, `id = ? AND version = ?`, e.ID, e.Version-1)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.Precondition("form", e.ID)
	}
	return err
}
