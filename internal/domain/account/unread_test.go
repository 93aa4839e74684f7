package account

import (
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func TestWhatCouldBeReadOfAnAccountStaysWhenItsFieldIsGone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx, at := t.Context(), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
		take := func(a Account) {
			t.Helper()
			a.CRMID = "001A"
			err := d.InTx(ctx, clock.NewFake(at), func(tx *db.Tx) error { _, err := Import(ctx, tx, []Account{a}); return err })
			if err != nil {
				t.Fatal(err)
			}
		}
		take(Account{Name: "Acme", Country: "DE", Region: "DACH", ParentCRMID: "001P", CRMModstamp: at})
		take(Account{Name: "Acme Ltd", Country: "Germany", CRMModstamp: at.Add(time.Second), Unread: []string{"account.country", "account.region", "account.parent"}})
		if a, err := ByCRMID(ctx, d, "001A"); err != nil || a.Name != "Acme Ltd" || a.Country != "Germany" || a.Region != "DACH" || a.ParentCRMID != "001P" {
			t.Fatalf("%+v, %v", a, err)
		}
		take(Account{Name: "Acme Ltd", CRMModstamp: at.Add(2 * time.Second), Unread: []string{"account.country", "account.country_name"}})
		if a, err := ByCRMID(ctx, d, "001A"); err != nil || a.Country != "Germany" || a.Region != "" {
			t.Fatalf("%+v, %v", a, err)
		}
	})
}
