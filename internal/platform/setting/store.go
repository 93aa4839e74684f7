package setting

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func load(ctx context.Context, q db.Queryer, name string) (Row, error) {
	return db.Get[Row](ctx, q, `SELECT name, value, version, updated_by, updated_at FROM setting WHERE name = ?`, name)
}

// save stores row if the setting still is at version, and gives the number of
// rows that it wrote.
func save(ctx context.Context, tx *db.Tx, row Row, version int64) (int64, error) {
	if version == 0 {
		return db.UpsertMany(ctx, tx, "setting", []Row{row}, []string{"name"}, nil)
	}
	return tx.Exec(ctx, `UPDATE setting SET value = ?, version = ?, updated_by = ?, updated_at = ? WHERE name = ? AND version = ?`,
		row.Value, row.Version, row.UpdatedBy, row.UpdatedAt, row.Name, version)
}
