package setting

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func load(ctx context.Context, q db.Queryer, name string) (Row, error) {
	return db.Get[Row](ctx, q, `SELECT name, value, version, updated_by, updated_at FROM setting WHERE name = ?`, name)
}

func save(ctx context.Context, tx *db.Tx, row Row) error {
	_, err := db.UpsertMany(ctx, tx, "setting", []Row{row}, []string{"name"}, []string{"value", "version", "updated_by", "updated_at"})
	return err
}
