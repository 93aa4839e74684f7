package opportunity

import (
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func TestWhatCouldBeReadBeforeStaysWhenItsFieldIsGone(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx, at := t.Context(), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
		minor := int64(700)
		take := func(o Opportunity, c Contact) (changed []Opportunity) {
			t.Helper()
			o.CRMID, c.CRMID, c.OpportunityCRMID = "006A", "00KA", "006A"
			c.CRMModstamp = o.CRMModstamp
			err := d.InTx(ctx, clock.NewFake(at), func(tx *db.Tx) (err error) {
				if changed, err = Import(ctx, tx, []Opportunity{o}); err != nil {
					return err
				}
				_, err = ImportContacts(ctx, tx, []Contact{c})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return changed
		}
		take(Opportunity{Name: "A", Region: "DACH", Currency: "USD", ARRNetMinor: &minor, DRPartner: "AWS", DRPartnerCRMID: "001A", Stage: "1", CRMModstamp: at, MappedBy: "m1"}, Contact{LastName: "Doe", Email: "d@example.com"})
		gone := []string{"opportunity.region", "opportunity.arr_net", "opportunity.dr_partner", "opportunity.name"}
		got := take(Opportunity{Stage: "2", Currency: "USD", CRMModstamp: at.Add(time.Second), MappedBy: "m1", Unread: gone}, Contact{LastName: "Roe", Unread: []string{"contact.email"}})
		if len(got) != 1 || got[0].Region != "DACH" || got[0].Stage != "2" || got[0].NameKey != "a" {
			t.Fatalf("%+v", got)
		}
		o, err := ByID(ctx, d, got[0].ID)
		if err != nil || o.Name != "A" || o.Region != "DACH" || *o.ARRNetMinor != 700 || o.DRPartner != "AWS" || o.DRPartnerCRMID != "001A" || o.Stage != "2" {
			t.Fatalf("%+v, %v", o, err)
		}
		if list, err := ContactsOf(ctx, d, "006A"); err != nil || len(list) != 1 || list[0].Email != "d@example.com" || list[0].LastName != "Roe" {
			t.Fatalf("%+v, %v", list, err)
		}
	})
}

func TestARecordThatAnotherMappingReadIsTakenThoughItIsNoNewer(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, schema.Migrations())
	ctx, at := t.Context(), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	for n, c := range []struct {
		by   string
		at   time.Time
		want int
	}{{"m1", at, 1}, {"m1", at, 0}, {"m2", at, 1}, {"m2", at, 0}, {"m1", at.Add(-time.Second), 0}, {"m2", at.Add(time.Second), 1}} {
		err := d.InTx(ctx, clock.NewFake(at), func(tx *db.Tx) error {
			changed, err := Import(ctx, tx, []Opportunity{{CRMID: "006A", Name: "A", CRMModstamp: c.at, MappedBy: c.by}})
			if len(changed) != c.want {
				t.Errorf("read %d: %d changed", n, len(changed))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
