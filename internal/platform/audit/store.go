package audit

import (
	"context"
	"iter"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type headRow struct {
	Seq  int64  `db:"seq"`
	Hash string `db:"hash"`
}

// lockHead takes the row of the chain's end, so that two transactions cannot
// both append behind the same entry.
func lockHead(ctx context.Context, tx *db.Tx) (int64, string, error) {
	if err := tx.One(ctx, `UPDATE audit_head SET seq = seq WHERE id = 1`); err != nil {
		return 0, "", err
	}
	h, err := db.Get[headRow](ctx, tx, `SELECT seq, hash FROM audit_head WHERE id = 1`)
	return h.Seq, h.Hash, err
}

func insert(ctx context.Context, tx *db.Tx, e *Entry) error {
	if err := db.Insert(ctx, tx, "audit_entry", e); err != nil {
		return err
	}
	return tx.One(ctx, `UPDATE audit_head SET seq = ?, hash = ? WHERE id = 1`, e.Seq, e.Hash)
}

func head(ctx context.Context, d *db.DB) (int64, string, error) {
	h, err := db.Get[headRow](ctx, d, `SELECT seq, hash FROM audit_head WHERE id = 1`)
	return h.Seq, h.Hash, err
}

func each(ctx context.Context, d *db.DB) iter.Seq2[Entry, error] {
	return db.Each[Entry](ctx, d, `SELECT * FROM audit_entry ORDER BY seq`)
}

func bySubject(ctx context.Context, q db.Queryer, subject string, limit int) ([]Entry, error) {
	return db.Select[Entry](ctx, q, `SELECT * FROM audit_entry WHERE subject = ? ORDER BY seq DESC LIMIT ?`, subject, limit)
}
