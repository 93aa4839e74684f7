package idempotency

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// row is one reserved key; Status 0 is not answered yet.
type row struct {
	PersonID  string                     `db:"person_id"`
	Key       string                     `db:"idem_key"`
	Route     string                     `db:"route"`
	BodyHash  string                     `db:"body_hash"`
	Status    int64                      `db:"status"`
	Headers   db.JSON[map[string]string] `db:"headers"`
	Body      []byte                     `db:"body"`
	CreatedAt time.Time                  `db:"created_at"`
}

// reserve writes the row unless one with its key is there, and gives how many
// it wrote.
func reserve(ctx context.Context, tx *db.Tx, r row) (int64, error) {
	return db.UpsertMany(ctx, tx, "idempotency", []row{r}, []string{"person_id", "idem_key"}, nil)
}

func get(ctx context.Context, q db.Queryer, personID, key string) (row, error) {
	return db.Get[row](ctx, q, `SELECT * FROM idempotency WHERE person_id = ? AND idem_key = ?`, personID, key)
}

// takeOver makes the reservation of a dead process ours; of two who try, one
// finds no row.
func takeOver(ctx context.Context, tx *db.Tx, old row) error {
	return tx.One(ctx, `UPDATE idempotency SET created_at = ? WHERE person_id = ? AND idem_key = ? AND status = 0 AND created_at = ?`,
		tx.Now(), old.PersonID, old.Key, old.CreatedAt)
}

// finish stores the answer if the reservation is still the same one.
func finish(ctx context.Context, tx *db.Tx, r row) error {
	_, err := tx.Exec(ctx, `UPDATE idempotency SET status = ?, headers = ?, body = ? WHERE person_id = ? AND idem_key = ? AND status = 0 AND created_at = ?`,
		r.Status, r.Headers, r.Body, r.PersonID, r.Key, r.CreatedAt)
	return err
}

func release(ctx context.Context, tx *db.Tx, r row) error {
	_, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE person_id = ? AND idem_key = ? AND status = 0 AND created_at = ?`, r.PersonID, r.Key, r.CreatedAt)
	return err
}

// forget removes the key itself when it is too old, and with it up to a
// hundred others.
func forget(ctx context.Context, tx *db.Tx, r row, before time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE person_id = ? AND idem_key = ? AND created_at <= ?`, r.PersonID, r.Key, before); err != nil {
		return err
	}
	old, err := db.Select[row](ctx, tx, `SELECT person_id, idem_key FROM idempotency WHERE created_at <= ? ORDER BY created_at LIMIT 100`, before)
	if err != nil {
		return err
	}
	for _, o := range old {
		if _, err := tx.Exec(ctx, `DELETE FROM idempotency WHERE person_id = ? AND idem_key = ? AND created_at <= ?`, o.PersonID, o.Key, before); err != nil {
			return err
		}
	}
	return nil
}
