package sync

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type cursorRow struct {
	Object    string    `db:"object"`
	Modstamp  time.Time `db:"modstamp"`
	UpdatedAt time.Time `db:"updated_at"`
}

// cursor gives the high-water mark of an object, zero when it was never read.
func cursor(ctx context.Context, q db.Queryer, object string) (time.Time, error) {
	t, err := db.Get[time.Time](ctx, q, `SELECT modstamp FROM crm_cursor WHERE object = ?`, object)
	if problem.Is(err, problem.KindNotFound) {
		return time.Time{}, nil
	}
	return t, err
}

func saveCursor(ctx context.Context, tx *db.Tx, object string, mark time.Time) error {
	_, err := db.UpsertMany(ctx, tx, "crm_cursor", []cursorRow{{Object: object, Modstamp: mark, UpdatedAt: tx.Now()}}, []string{"object"}, []string{"modstamp", "updated_at"})
	return err
}

// breadth is which fields an object was read with, and since when it lacks some.
type breadth struct {
	Fields     string    `db:"fields"` // their names, parted by blanks; "" is not known
	NarrowedAt time.Time `db:"narrowed_at"`
}

func breadthOf(ctx context.Context, q db.Queryer, object string) (breadth, error) {
	b, err := db.Get[breadth](ctx, q, `SELECT fields, narrowed_at FROM crm_cursor WHERE object = ?`, object)
	if problem.Is(err, problem.KindNotFound) {
		return breadth{}, nil
	}
	return b, err
}

func saveBreadth(ctx context.Context, tx *db.Tx, object string, b breadth) error {
	var at *time.Time
	if !b.NarrowedAt.IsZero() {
		at = &b.NarrowedAt
	}
	_, err := tx.Exec(ctx, `UPDATE crm_cursor SET fields = ?, narrowed_at = ? WHERE object = ?`, b.Fields, at, object)
	return err
}

// stale has the records of an object, that were changed since then, count as older than
// anything that the CRM says of them.
func stale(ctx context.Context, tx *db.Tx, object string, since time.Time) error {
	text := map[string]string{
		"Account":     `UPDATE account SET crm_modstamp = ? WHERE crm_modstamp >= ?`,
		"Opportunity": `UPDATE opportunity SET crm_modstamp = ? WHERE crm_modstamp >= ?`,
	}[object]
	if text == "" {
		return nil
	}
	never := time.Unix(0, 0).UTC()
	if since.IsZero() {
		since = never
	}
	_, err := tx.Exec(ctx, text, never, since)
	return err
}

// analyze has the database count anew what its indexes hold: without, its planner
// takes a filter on a stage or a region for one that leaves ten rows.
func analyze(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `ANALYZE`)
	return err
}

type spentRow struct {
	Cloud     cloud.Cloud `db:"cloud"`
	Spent     string      `db:"spent"`
	UpdatedAt time.Time   `db:"updated_at"`
}

func saveSpent(ctx context.Context, tx *db.Tx, c cloud.Cloud, spent string) error {
	_, err := db.UpsertMany(ctx, tx, "portal_spent", []spentRow{{c, spent, tx.Now()}}, []string{"cloud"}, []string{"spent", "updated_at"})
	return err
}

func spentOf(ctx context.Context, q db.Queryer, c cloud.Cloud) (string, error) {
	spent, err := db.Get[string](ctx, q, `SELECT spent FROM portal_spent WHERE cloud = ?`, c)
	if problem.Is(err, problem.KindNotFound) {
		return "", nil
	}
	return spent, err
}
