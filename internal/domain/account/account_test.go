package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Rea", Level: authz.LevelReader})
		test(t, &fixture{Service: NewService(d), db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), ctx: ctx})
	})
}

func (f *fixture) take(t *testing.T, list ...Account) []string {
	t.Helper()
	var changed []string
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		var err error
		changed, err = Import(f.ctx, tx, list)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestAnAccountIsTakenOnceAndTheNewerRowWins(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		people := int64(7)
		a := Account{CRMID: "001A", Name: "Écume  GmbH", Country: "DE", Employees: &people, CRMModstamp: at}
		if got := f.take(t, a); !slices.Equal(got, []string{"001A"}) {
			t.Fatal(got)
		}
		first, err := ByCRMID(f.ctx, f.db, "001A")
		if err != nil || first.NameKey != "ecume gmbh" || first.Version != 1 || *first.Employees != 7 {
			t.Fatalf("%+v, %v", first, err)
		}
		if got := f.take(t, a); got != nil {
			t.Fatal("taken again", got)
		}
		newer, older := a, a
		newer.City, newer.Employees, newer.CRMModstamp = "Kiel", nil, at.Add(time.Millisecond)
		older.City, older.CRMModstamp = "Bonn", at.Add(-time.Millisecond)
		f.clock.Advance(time.Hour)
		// A page that holds a record twice counts once, the newer one, whatever the order.
		if got := f.take(t, newer, older, newer); !slices.Equal(got, []string{"001A"}) {
			t.Fatal(got)
		}
		if got := f.take(t, older); got != nil {
			t.Fatal("an older row was taken", got)
		}
		second, err := f.Get(f.ctx, first.ID)
		if err != nil || second.City != "Kiel" || second.Employees != nil || second.Version != 2 || !second.CreatedAt.Equal(first.CreatedAt) || second.UpdatedAt.Equal(first.UpdatedAt) {
			t.Fatalf("%+v, %v", second, err)
		}
		b := Account{CRMID: "001B", Name: "B", CRMModstamp: at}
		b2 := b
		b2.Name, b2.CRMModstamp = "B2", at.Add(time.Second)
		if got := f.take(t, b, b2); !slices.Equal(got, []string{"001B"}) {
			t.Fatal("a new one that comes twice", got)
		}
		if got, err := ByCRMID(f.ctx, f.db, "001B"); err != nil || got.Name != "B2" {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

func TestADeletedAccountIsKeptButNotListed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		f.take(t, Account{CRMID: "001A", Name: "A", CRMModstamp: at}, Account{CRMID: "001B", Name: "B", CRMModstamp: at})
		f.take(t, Account{CRMID: "001A", Name: "A", Deleted: true, CRMModstamp: at.Add(time.Second)})
		if n, err := Count(f.ctx, f.db); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		p, err := f.List(f.ctx, "", "", 10)
		if err != nil || len(p.Rows) != 1 || p.Rows[0].CRMID != "001B" {
			t.Fatalf("%+v, %v", p, err)
		}
		if a, err := ByCRMID(f.ctx, f.db, "001A"); err != nil || !a.Deleted {
			t.Fatalf("%+v, %v", a, err)
		}
	})
}

func TestNamesAndIdsAreCarriedToOpportunities(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		type opp struct {
			AccountID   string `db:"account_id"`
			AccountName string `db:"account_name"`
		}
		insert := func(id, account string) {
			t.Helper()
			err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
				_, err := tx.Exec(f.ctx, `INSERT INTO opportunity (id, crm_id, account_crm_id, account_name, name, name_key, crm_modstamp, created_at, updated_at)
					VALUES (?, ?, ?, 'Old', 'x', 'x', ?, ?, ?)`, id, id, account, at, at, at)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		get := func(id string) opp {
			t.Helper()
			o, err := db.Get[opp](f.ctx, f.db, `SELECT account_id, account_name FROM opportunity WHERE id = ?`, id)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		// An opportunity can come before its account: the account was made while Salesforce was read.
		insert("opp_1", "001A")
		insert("opp_2", "001B")
		f.take(t, Account{CRMID: "001A", Name: "Old", CRMModstamp: at})
		a, err := ByCRMID(f.ctx, f.db, "001A")
		if err != nil {
			t.Fatal(err)
		}
		if o := get("opp_1"); o.AccountID != a.ID || o.AccountName != "Old" {
			t.Fatalf("%+v, want account %s", o, a.ID)
		}
		f.take(t, Account{CRMID: "001A", Name: "New", CRMModstamp: at.Add(time.Second)})
		if o := get("opp_1"); o.AccountName != "New" || o.AccountID != a.ID {
			t.Fatalf("%+v", o)
		}
		if o := get("opp_2"); o.AccountName != "Old" || o.AccountID != "" {
			t.Fatalf("another account's opportunity: %+v", o)
		}
	})
}

func TestAccountsArePagedByNameWithoutGapOrDouble(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var list []Account
		for i := range 23 {
			// Many with the same name, some with none, some with the signs of LIKE.
			name := []string{"Same", "Same", "100% Pure", "a_b", "axb", "", `back\slash`}[i%7]
			list = append(list, Account{CRMID: fmt.Sprintf("001%02d", i), Name: name, CRMModstamp: f.clock.Now()})
		}
		f.take(t, list...)
		for _, limit := range []int{1, 4, 200} {
			seen := map[string]bool{}
			cursor, last := "", ""
			for {
				p, err := f.List(f.ctx, "", cursor, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range p.Rows {
					if seen[a.ID] || a.NameKey < last {
						t.Fatalf("limit %d: %q came again or too late", limit, a.Name)
					}
					seen[a.ID], last = true, a.NameKey
				}
				if p.Next == "" {
					break
				}
				cursor = p.Next
			}
			if len(seen) != len(list) {
				t.Fatalf("limit %d: %d of %d", limit, len(seen), len(list))
			}
		}
		for q, want := range map[string]int{"%": 3, "_": 3, `\`: 3, "A_B": 3, "SAME": 8, "ame": 8, "nothing": 0} {
			if p, err := f.List(f.ctx, q, "", 200); err != nil || len(p.Rows) != want {
				t.Errorf("%q finds %d, want %d, %v", q, len(p.Rows), want, err)
			}
		}
		if p, err := f.List(f.ctx, "", "nonsense", -5); err != nil || len(p.Rows) > 1 {
			t.Fatalf("%d rows, %v", len(p.Rows), err)
		}
	})
}

func TestAnAccountThatIsNotThereIsNotFound(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if _, err := f.Get(f.ctx, "acc_x"); !problem.Is(err, problem.KindNotFound) {
			t.Error(err)
		}
		if _, err := ByCRMID(f.ctx, f.db, "001X"); !problem.Is(err, problem.KindNotFound) {
			t.Error(err)
		}
	})
}

func TestTheAccountsThatACompanyCouldBeAreFoundByNameAndHostTheLikeliestFirst(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for n, a := range []Account{
			{Name: "Écume GmbH"},
			{Name: "Ecume Logistics"},
			{Name: "Ecumenical Press"},
			{Name: "Sea Foam Ltd", Website: "HTTPS://WWW.Ecume.example/de"},
			{Name: "Foam", Domains: "a.example; ecume.example"},
			{Name: "Ecume", Deleted: true},
			{Name: "Not e%cume x"},
			{Name: "A Corp"},
		} {
			a.CRMID, a.CRMModstamp = fmt.Sprintf("001%d", n), f.clock.Now()
			f.take(t, a)
		}
		for want, by := range map[string][2]string{
			"Écume GmbH|Foam|Sea Foam Ltd|Ecume Logistics": {"ECUME gmbh", "ecume.example"},
			"Écume GmbH|Ecume Logistics":                   {"Ecume Beverages", ""},
			"Foam|Sea Foam Ltd":                            {"", "ecume.example"},
			"":                                             {"A Company", "e%ume.example"},
		} {
			list, err := Lookalikes(f.ctx, f.db, by[0], by[1], 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range list {
				got = append(got, a.Name)
			}
			if strings.Join(got, "|") != want {
				t.Errorf("%q: %v, want %s", by, got, want)
			}
		}
		list, err := Lookalikes(f.ctx, f.db, "", "", 10)
		if err != nil || list != nil {
			t.Error(list, err)
		}
		for want, a := range map[bool]*Account{true: {NameKey: "sea foam", Website: "https://www.ecume.example/de"}, false: {NameKey: "ecume logistics", Domains: "notecume.example"}} {
			if Same(a, "Ecume", "ecume.example") != want || !Same(a, a.NameKey, "") || Same(a, "", "") {
				t.Errorf("%+v", a)
			}
		}
	})
}
