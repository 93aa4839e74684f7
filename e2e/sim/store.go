package sim

import (
	"context"
	"log/slog"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type cloudName = cloud.Cloud

var quiet = slog.New(slog.DiscardHandler)

// job is work that waits, of which one with the same argument waits at a time.
type job struct {
	Kind string `db:"kind"`
	Arg  string `db:"arg"`
}

func jobTable(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `CREATE TABLE sim_job (kind text NOT NULL, arg text NOT NULL, PRIMARY KEY (kind, arg))`)
	return err
}

func insertJob(ctx context.Context, tx *db.Tx, kind, arg string) error {
	_, err := tx.Exec(ctx, `INSERT INTO sim_job (kind, arg) VALUES (?, ?) ON CONFLICT (kind, arg) DO NOTHING`, kind, arg)
	return err
}

func deleteJob(ctx context.Context, tx *db.Tx, j job) error {
	_, err := tx.Exec(ctx, `DELETE FROM sim_job WHERE kind = ? AND arg = ?`, j.Kind, j.Arg)
	return err
}

// jobs gives what waits. Ids differ from run to run: they come in the order in
// which the registrations were made.
func (w *world) jobs() []job {
	list, err := db.Select[job](w.ctx, w.db, `SELECT j.kind, j.arg FROM sim_job j LEFT JOIN registration r ON r.id = j.arg
		LEFT JOIN opportunity o ON o.id = r.opportunity_id ORDER BY j.kind, o.crm_id`)
	w.check(err)
	return list
}

// row is a registration with the deal's id in Salesforce and its version in the
// mirror.
type row struct {
	registration.Registration
	CRM                string `db:"crm"`
	OpportunityVersion int64  `db:"opportunity_version"`
}

func (w *world) rows() []row {
	list, err := db.Select[row](w.ctx, w.db, `SELECT r.*, o.crm_id AS crm, o.version AS opportunity_version FROM registration r JOIN opportunity o ON o.id = r.opportunity_id ORDER BY o.crm_id`)
	w.check(err)
	return list
}

func (w *world) fieldRows() []registration.Field {
	list, err := db.Select[registration.Field](w.ctx, w.db, `SELECT f.* FROM registration_field f JOIN registration r ON r.id = f.registration_id
		JOIN opportunity o ON o.id = r.opportunity_id ORDER BY o.crm_id, f.path`)
	w.check(err)
	return list
}

func (w *world) editRows() []registration.Edit {
	list, err := db.Select[registration.Edit](w.ctx, w.db, `SELECT * FROM registration_edit`)
	w.check(err)
	return list
}

// replaced gives the texts of the events that tell of a change that was replaced.
func (w *world) replaced() []string {
	list, err := db.Select[string](w.ctx, w.db, `SELECT body FROM activity WHERE kind IN ('replaced', 'changed')`)
	w.check(err)
	return list
}

// mirror gives what the house last read of a deal.
func (w *world) mirror(crmID, column string) string {
	columns := map[string]string{"steps": "next_steps", "close": "close_on", "text": "description"}
	list, err := db.Select[string](w.ctx, w.db, `SELECT `+columns[column]+` FROM opportunity WHERE crm_id = ?`, crmID)
	w.check(err)
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// loggedKeys gives the keys of the activities that Salesforce is said to have.
func (w *world) loggedKeys() []string {
	list, err := db.Select[string](w.ctx, w.db, `SELECT crm_key FROM activity WHERE crm_state = 'logged' AND origin = 'engine'`)
	w.check(err)
	return list
}

// staleUpdates counts the updates that met a record that somebody had changed.
func (w *world) staleUpdates() int {
	n, err := db.Get[int64](w.ctx, w.db, `SELECT count(*) FROM registration_call WHERE outcome = 'stale'`)
	w.check(err)
	return int(n)
}
