package mapping

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Version is a mapping that was saved: by whom, when and why.
type Version struct {
	Version int64            `db:"version"`
	Mapping db.JSON[Mapping] `db:"mapping"`
	Reason  string           `db:"reason"`
	SavedBy string           `db:"saved_by"`
	SavedAt time.Time        `db:"saved_at"`
}

// latest gives the version in force; version 0 is the default, which nobody saved.
func latest(ctx context.Context, q db.Queryer) (Version, error) {
	v, err := db.Get[Version](ctx, q, `SELECT version, mapping, reason, saved_by, saved_at FROM mapping_version ORDER BY version DESC LIMIT 1`)
	if problem.Is(err, problem.KindNotFound) {
		return first(), nil
	}
	return v, err
}

func first() Version { return Version{Mapping: db.NewJSON(Default())} }

func versionOf(ctx context.Context, q db.Queryer, version int64) (Version, error) {
	if version == 0 {
		return first(), nil
	}
	return db.Get[Version](ctx, q, `SELECT version, mapping, reason, saved_by, saved_at FROM mapping_version WHERE version = ?`, version)
}

// versions gives those before a version, the latest first.
func versions(ctx context.Context, q db.Queryer, before int64, limit int) ([]Version, error) {
	return db.Select[Version](ctx, q, `SELECT version, mapping, reason, saved_by, saved_at FROM mapping_version WHERE version < ? ORDER BY version DESC LIMIT ?`, before, limit)
}

// Record is a record of the mirror that a mapping can be tried on.
type Record struct {
	CRMID string `db:"crm_id"`
	Name  string `db:"name"`
}

// recent gives records of an object, those that changed last first.
func recent(ctx context.Context, q db.Queryer, o Object, limit int) ([]Record, error) {
	query := `SELECT crm_id, name FROM opportunity WHERE NOT deleted ORDER BY crm_modstamp DESC, id DESC LIMIT ?`
	switch o {
	case ObjectAccount:
		query = `SELECT crm_id, name FROM account WHERE NOT deleted ORDER BY crm_modstamp DESC, id DESC LIMIT ?`
	case ObjectContact:
		query = `SELECT crm_id, last_name AS name FROM opportunity_contact WHERE NOT deleted ORDER BY crm_modstamp DESC, crm_id DESC LIMIT ?`
	}
	return db.Select[Record](ctx, q, query, limit)
}

// saveVersion stores a version unless one of that number is there; stored is false
// then.
func saveVersion(ctx context.Context, tx *db.Tx, v *Version) (stored bool, err error) {
	n, err := db.UpsertMany(ctx, tx, "mapping_version", []Version{*v}, []string{"version"}, nil)
	return n > 0, err
}
