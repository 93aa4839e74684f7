package team

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func crmPerson(crmID, email string, at time.Time) Person {
	return Person{CRMID: &crmID, Name: "Ada of the CRM", Email: email, Title: "ABDM", Active: true, CRMModstamp: at}
}

func (f *fixture) take(t *testing.T, list ...Person) int {
	t.Helper()
	n := 0
	err := f.db.InTx(t.Context(), f.clock, func(tx *db.Tx) error {
		var err error
		n, err = Import(t.Context(), tx, list)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (f *fixture) byCRM(t *testing.T, crmID string) Person {
	t.Helper()
	m, err := byCRMIDs(context.WithoutCancel(t.Context()), f.db, []string{crmID})
	if err != nil || m[crmID].ID == "" {
		t.Fatalf("%s: %+v, %v", crmID, m, err)
	}
	return m[crmID]
}

func TestPeopleOfTheCRMAreTakenOnceAndTheNewerRowWins(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		a, b := crmPerson("005A", "a@example.com", at), crmPerson("005B", "", at)
		if n := f.take(t, a, b); n != 2 {
			t.Fatalf("%d taken", n)
		}
		first := f.byCRM(t, "005A")
		if first.Level != authz.LevelReader || first.CanSignIn() || first.EmailKey != "a@example.com" {
			t.Fatalf("%+v", first)
		}
		if n := f.take(t, a, b); n != 0 {
			t.Fatalf("taken again: %d", n)
		}
		a.Title, a.CRMModstamp = "Senior ABDM", at.Add(time.Second)
		older := a
		older.Title, older.CRMModstamp = "Associate", at.Add(-time.Second)
		// A page that holds a record twice counts once, the newer one.
		if n := f.take(t, a, older); n != 1 {
			t.Fatalf("%d taken", n)
		}
		if n := f.take(t, older); n != 0 {
			t.Fatal("an older row was taken")
		}
		p := f.byCRM(t, "005A")
		if p.ID != first.ID || p.Title != "Senior ABDM" || p.Version != 2 || !p.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("%+v", p)
		}
		c := crmPerson("005C", "c@example.com", at)
		if n := f.take(t, c, c); n != 1 {
			t.Fatalf("a new one that comes twice: %d", n)
		}
		list, err := f.People(f.admin)
		if err != nil || len(list) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
	})
}

func TestAUserIsJoinedToThePersonOfTheCRMWithTheSameAddress(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		u := f.user(t, "Ada@example.com", authz.LevelSenior)
		f.take(t, crmPerson("005A", "ada@EXAMPLE.com", f.clock.Now()))
		p := f.byCRM(t, "005A")
		if p.ID != u.ID || p.Level != authz.LevelSenior || p.PasswordHash != u.PasswordHash || p.Name != "Ada of the CRM" {
			t.Fatalf("%+v, want %+v", p, u)
		}
		// A second person of the CRM with that address stays apart.
		f.take(t, crmPerson("005B", "ada@example.com", f.clock.Now()))
		if q := f.byCRM(t, "005B"); q.ID == u.ID || q.CanSignIn() {
			t.Fatalf("%+v", q)
		}
		if q, err := f.SignIn(t.Context(), "ada@example.com", password, "x"); err != nil || q.ID != u.ID {
			t.Fatalf("%+v, %v", q, err)
		}
	})
}

func TestAPersonOfTheCRMBecomesAUser(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, crmPerson("005A", "ada@example.com", f.clock.Now()))
		u := f.user(t, "ada@example.com", authz.LevelABDM)
		if p := f.byCRM(t, "005A"); p.ID != u.ID || !p.CanSignIn() || p.Level != authz.LevelABDM || p.Name != "Ada of the CRM" {
			t.Fatalf("%+v", p)
		}
	})
}

func TestWhoLeftTheCompanyCannotSignInAndTheirTokensEnd(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		u := f.user(t, "ada@example.com", authz.LevelABDM)
		_, secret, err := f.CreateToken(authz.With(ctx, u.Actor()), "script", []string{"read"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		leaver := crmPerson("005A", "ada@example.com", f.clock.Now())
		leaver.Active = false
		f.take(t, leaver)
		if _, err := f.SignIn(ctx, u.Email, password, "x"); !problem.Is(err, problem.KindUnauthorized) {
			t.Fatal(err)
		}
		if _, err := f.Person(ctx, u.ID); !problem.Is(err, problem.KindNotFound) {
			t.Fatal(err)
		}
		entries, err := audit.Of(ctx, f.db, u.ID, 1)
		if err != nil || entries[0].Action != "user.disable" || entries[0].ActorKind != authz.KindSystem {
			t.Fatalf("%+v, %v", entries, err)
		}
		// Back in the company, with a new password: the old token stays dead.
		back := crmPerson("005A", "ada@example.com", f.clock.Now().Add(time.Second))
		f.take(t, back)
		if _, err := f.SetPassword(f.admin, u.Email, password); err != nil {
			t.Fatal(err)
		}
		if _, err := f.SignIn(ctx, u.Email, password, "y"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ActorOfToken(ctx, secret); !problem.Is(err, problem.KindUnauthorized) {
			t.Fatal("the token of before lives again", err)
		}
	})
}
