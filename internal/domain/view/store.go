package view

import (
	"context"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func list(ctx context.Context, q db.Queryer, noun, owner string) ([]View, error) {
	return db.Select[View](ctx, q, `SELECT v.*, v.owner_id = ? AS mine FROM saved_view v WHERE v.noun = ? AND (v.owner_id = ? OR v.shared) ORDER BY v.name, v.id`, owner, noun, owner)
}

func byName(ctx context.Context, q db.Queryer, noun, owner, name string) (View, error) {
	return db.Get[View](ctx, q, `SELECT * FROM saved_view WHERE noun = ? AND owner_id = ? AND name = ?`, noun, owner, name)
}

func insert(ctx context.Context, tx *db.Tx, v *View) error {
	return db.Insert(ctx, tx, "saved_view", v)
}

func update(ctx context.Context, tx *db.Tx, v *View) error {
	return db.Update(ctx, tx, "saved_view", v, `id = ?`, v.ID)
}

func remove(ctx context.Context, tx *db.Tx, id, owner string) error {
	return tx.One(ctx, `DELETE FROM saved_view WHERE id = ? AND owner_id = ?`, id, owner)
}
