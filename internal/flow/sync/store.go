package sync

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type cursorRow struct {
	Object    string    `db:"object"`
	Modstamp  time.Time `db:"modstamp"`
	MappedBy  string    `db:"mapped_by"`
	UpdatedAt time.Time `db:"updated_at"`
}

// longAgo is from when on everything is read again that another mapping read: no
// organisation of Salesforce's is older.
var longAgo = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)

// cursor gives the high-water mark of an object, zero when it was never read. What
// another mapping read, by its fingerprint, is read again from the beginning.
func cursor(ctx context.Context, q db.Queryer, object, mappedBy string) (time.Time, error) {
	row, err := db.Get[cursorRow](ctx, q, `SELECT object, modstamp, mapped_by, updated_at FROM crm_cursor WHERE object = ?`, object)
	if problem.Is(err, problem.KindNotFound) {
		return time.Time{}, nil
	}
	if err == nil && row.MappedBy != mappedBy {
		return longAgo, nil
	}
	return row.Modstamp, err
}

func saveCursor(ctx context.Context, tx *db.Tx, object, mappedBy string, mark time.Time) error {
	row := cursorRow{Object: object, Modstamp: mark, MappedBy: mappedBy, UpdatedAt: tx.Now()}
	_, err := db.UpsertMany(ctx, tx, "crm_cursor", []cursorRow{row}, []string{"object"}, []string{"modstamp", "mapped_by", "updated_at"})
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

// stored gives rows of a table of the mirror by their CRM ids, each as its columns
// in text.
func stored(ctx context.Context, q db.Queryer, table string, crmIDs []string) (map[string]map[string]string, error) {
	switch table {
	case "person":
		return storedAs(ctx, q, `SELECT * FROM person WHERE crm_id IN (?)`, crmIDs, func(p *team.Person) string { return *p.CRMID })
	case "account":
		return storedAs(ctx, q, `SELECT * FROM account WHERE crm_id IN (?)`, crmIDs, func(a *account.Account) string { return a.CRMID })
	case "opportunity_member":
		return storedAs(ctx, q, `SELECT * FROM opportunity_member WHERE crm_id IN (?)`, crmIDs, func(m *opportunity.Member) string { return m.CRMID })
	case "opportunity_contact":
		return storedAs(ctx, q, `SELECT * FROM opportunity_contact WHERE crm_id IN (?)`, crmIDs, func(c *opportunity.Contact) string { return c.CRMID })
	case "opportunity":
		return storedAs(ctx, q, `SELECT * FROM opportunity WHERE crm_id IN (?)`, crmIDs, func(o *opportunity.Opportunity) string { return o.CRMID })
	}
	return storedAs(ctx, q, `SELECT * FROM activity WHERE crm_task_id IN (?)`, crmIDs, func(a *activity.Activity) string { return a.CRMTaskID })
}

func storedAs[T any](ctx context.Context, q db.Queryer, query string, crmIDs []string, key func(*T) string) (map[string]map[string]string, error) {
	rows, err := db.Select[T](ctx, q, query, crmIDs)
	out := make(map[string]map[string]string, len(rows))
	for i := range rows {
		out[key(&rows[i])] = columnsOf(rows[i])
	}
	return out, err
}
