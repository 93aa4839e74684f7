package connection

import (
	"context"
	"time"

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

func streamByID(ctx context.Context, q db.Queryer, id string) (Stream, error) {
	return db.Get[Stream](ctx, q, `SELECT * FROM crm_stream WHERE id = ?`, id)
}

func leaseStream(ctx context.Context, tx *db.Tx, id, holder string, until time.Time) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE crm_stream SET holder = ?, leased_until = ? WHERE id = ? AND (holder = ? OR holder = '' OR leased_until < ?)`, holder, until, id, holder, tx.Now())
	return n == 1, err
}

func releaseStream(ctx context.Context, tx *db.Tx, id, holder string) error {
	_, err := tx.Exec(ctx, `UPDATE crm_stream SET holder = '', leased_until = NULL, state = 'waiting', reason = '', since = ? WHERE id = ? AND holder = ?`, tx.Now(), id, holder)
	return err
}

// saveStream keeps everything but the lease, for its holder only.
func saveStream(ctx context.Context, tx *db.Tx, s Stream) (bool, error) {
	n, err := tx.Exec(ctx, `UPDATE crm_stream SET position = ?, positioned_at = ?, state = ?, reason = ?, since = ?, heard_at = ?, event_at = ?, events = ?, gaps = ?, lost = ? WHERE id = ? AND holder = ?`,
		s.Position, s.PositionedAt, s.State, s.Reason, s.Since, s.HeardAt, s.EventAt, s.Events, s.Gaps, s.Lost, s.ID, s.Holder)
	return n == 1, err
}
