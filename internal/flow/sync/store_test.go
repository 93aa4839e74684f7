package sync

import (
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func TestWhatAnotherMappingReadIsReadFromTheBeginning(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if at, err := cursor(ctx, d, "Account", "m1"); err != nil || !at.IsZero() {
			t.Fatal(at, err)
		}
		for _, by := range []string{"m1", "m2", "m1"} {
			if err := d.InTx(ctx, clock.NewFake(monday), func(tx *db.Tx) error { return saveCursor(ctx, tx, "Account", by, monday) }); err != nil {
				t.Fatal(err)
			}
			if at, err := cursor(ctx, d, "Account", by); err != nil || !at.Equal(monday) {
				t.Errorf("%s: %v %v", by, at, err)
			}
			if at, err := cursor(ctx, d, "Account", "m3"); err != nil || !at.Equal(longAgo) {
				t.Errorf("another one: %v %v", at, err)
			}
		}
	})
}
