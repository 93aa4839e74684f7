package secret

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func save(ctx context.Context, tx *db.Tx, r row) error {
	_, err := db.UpsertMany(ctx, tx, "secret", []row{r}, []string{"name"}, []string{"sealed", "updated_at"})
	return err
}

func load(ctx context.Context, q db.Queryer, name string) (string, error) {
	return db.Get[string](ctx, q, `SELECT sealed FROM secret WHERE name = ?`, name)
}
