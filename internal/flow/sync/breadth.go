package sync

import (
	"context"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// A field that our user may not see any more, or that was deleted, says nothing: what
// stands in the mirror stays. Once it is seen again the records that changed meanwhile are
// read again, though Salesforce did not stamp them for it; for a field that was never
// seen, all are.

// keepsAbsent are the objects of which this holds: those that a portal's record is made of.
var keepsAbsent = map[string]bool{"Account": true, "Opportunity": true}

// widened notes with which fields the object is read from now on, before any record is
// stored, and reports whether it has some that the last read had not.
func (r *reader[T]) widened(ctx context.Context, b connection.Begun) (bool, error) {
	now := strings.Join(b.Fields, " ")
	if r.breadth.Fields == now || !keepsAbsent[r.object] {
		return false, nil
	}
	had := strings.Fields(r.breadth.Fields)
	if len(had) == 0 { // a first read that was cut: with which fields nobody knows
		return true, nil
	}
	if slices.ContainsFunc(b.Fields, func(f string) bool { return !slices.Contains(had, f) }) {
		return true, nil
	}
	next := breadth{Fields: now, NarrowedAt: r.breadth.NarrowedAt}
	if next.NarrowedAt.IsZero() {
		next.NarrowedAt = r.mark.Add(-overlap)
	}
	return false, r.saveBreadth(ctx, next)
}

func (r *reader[T]) saveBreadth(ctx context.Context, b breadth) error {
	r.breadth = b
	return r.s.DB.InTx(ctx, r.s.Clock, func(tx *db.Tx) error { return saveBreadth(ctx, tx, r.object, b) })
}

// again reads what was changed since a field was lost that is seen again.
func (r *reader[T]) again(ctx context.Context) error {
	since := r.breadth.NarrowedAt
	if err := r.s.DB.InTx(ctx, r.s.Clock, func(tx *db.Tx) error { return stale(ctx, tx, r.object, since) }); err != nil {
		return err
	}
	size, err := r.s.CRM.Total(ctx, r.object, since)
	if err != nil {
		return err
	}
	bulk, err := r.s.inBulk(ctx, size)
	if err != nil {
		return err
	}
	if err := r.all(ctx, connection.Read{Since: since, Bulk: bulk, Begun: r.begins}); err != nil {
		return err
	}
	return r.saveBreadth(ctx, breadth{Fields: strings.Join(r.begun.Fields, " ")})
}
