package connection

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func list(ctx context.Context, q db.Queryer) ([]Connection, error) {
	return db.Select[Connection](ctx, q, `SELECT * FROM connection ORDER BY CASE id WHEN 'salesforce' THEN 0 WHEN 'aws' THEN 1 WHEN 'azure' THEN 2 ELSE 3 END, id`)
}

func byID(ctx context.Context, q db.Queryer, id string) (Connection, error) {
	return db.Get[Connection](ctx, q, `SELECT * FROM connection WHERE id = ?`, id)
}

func save(ctx context.Context, tx *db.Tx, c Connection) error {
	columns, err := db.Columns[Connection]("id")
	if err != nil {
		return err
	}
	_, err = db.UpsertMany(ctx, tx, "connection", []Connection{c}, []string{"id"}, columns)
	return err
}

func saveUsage(ctx context.Context, tx *db.Tx, id string, usage db.JSON[[]Usage]) error {
	_, err := tx.Exec(ctx, `UPDATE connection SET usage = ?, updated_at = ? WHERE id = ?`, usage, tx.Now(), id)
	return err
}
