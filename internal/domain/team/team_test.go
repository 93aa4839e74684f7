package team

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db    *db.DB
	clock *clock.Fake
	admin context.Context
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
		f := &fixture{Service: NewService(d, c), db: d, clock: c}
		f.admin = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_admin", Name: "Admin", Level: authz.LevelDirector})
		test(t, f)
	})
}

const password = "correct horse battery"

func (f *fixture) user(t *testing.T, email string, level authz.Level) Person {
	t.Helper()
	p, made, err := f.CreateUser(f.admin, NewUser{Name: "Ada Example", Email: email, Level: level, Password: password})
	if err != nil || made != "" {
		t.Fatal(made, err)
	}
	return p
}

func TestTheDecoyIsAHashLikeAnyOther(t *testing.T) {
	t.Parallel()
	params, salt, key, err := argon2id.DecodeHash(decoy)
	if err != nil {
		t.Fatal(err)
	}
	if params.Memory != hashing.Memory || params.Iterations != hashing.Iterations || params.Parallelism != hashing.Parallelism ||
		len(salt) != int(hashing.SaltLength) || len(key) != int(hashing.KeyLength) {
		t.Fatalf("the decoy costs %+v, a password %+v", params, hashing)
	}
	if match, err := argon2id.ComparePasswordAndHash("x", decoy); match || err != nil {
		t.Fatalf("%v, %v", match, err)
	}
}

func TestAUserSignsInAndEveryWrongWayGivesTheSameAnswer(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.user(t, "Ada@Example.com", authz.LevelABDM)
		gone := f.user(t, "gone@example.com", authz.LevelABDM)
		if err := f.Disable(f.admin, gone.Email); err != nil {
			t.Fatal(err)
		}
		p, err := f.SignIn(ctx, " ada@EXAMPLE.com ", password, "10.0.0.1")
		if err != nil || p.Level != authz.LevelABDM || p.Actor().Kind != authz.KindPerson {
			t.Fatalf("%+v, %v", p, err)
		}
		var answers []string
		for _, c := range [][2]string{
			{"ada@example.com", password + "!"},
			{"ada@example.com", ""},
			{"ada@example.com", strings.Repeat("x", 10_000)},
			{"nobody@example.com", password},
			{"gone@example.com", password},
			{"", password},
			{"", ""},
		} {
			p, err := f.SignIn(ctx, c[0], c[1], "10.0.0."+string(rune('2'+len(answers))))
			if !problem.Is(err, problem.KindUnauthorized) || p.ID != "" {
				t.Fatalf("%q: %+v, %v", c[0], p, err)
			}
			answers = append(answers, err.Error())
		}
		if len(slices.Compact(answers)) != 1 {
			t.Fatalf("the answers tell apart: %q", answers)
		}
		entries, err := audit.Of(ctx, f.db, p.ID, 1)
		if err != nil || entries[0].Action != "user.sign_in" || entries[0].ActorID != p.ID {
			t.Fatalf("%+v, %v", entries, err)
		}
	})
}

func TestWrongPasswordsMakeOneWaitLongerAndLonger(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		f.user(t, "ada@example.com", authz.LevelABDM)
		fail := func(n int) {
			t.Helper()
			// What SignIn does after a wrong password, without the cost of hashing.
			for range n {
				if err := f.failedSignIn(ctx, []string{"mail:ada@example.com", "from:10.0.0.1"}); !problem.Is(err, problem.KindUnauthorized) {
					t.Fatal(err)
				}
			}
		}
		wait := func() time.Duration {
			t.Helper()
			d, err := f.mustWait(ctx, "mail:ada@example.com")
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		fail(freeFailures - 1)
		if d := wait(); d != 0 {
			t.Fatalf("%d failures wait %s", freeFailures-1, d)
		}
		want := time.Second
		for range 14 {
			fail(1)
			if d := wait(); d != min(want, maxWait) {
				t.Fatalf("wait %s, want %s", d, want)
			}
			want *= 2
		}
		_, err := f.SignIn(ctx, "ada@example.com", password, "10.0.0.2")
		e, ok := errors.AsType[*problem.Error](err)
		if !ok || e.Kind != problem.KindTooMany || e.RetryAfter != maxWait {
			t.Fatalf("the right password while one must wait: %v", err)
		}
		// Another user from another machine isn't held up, and one from the same machine not yet.
		if d, err := f.mustWait(ctx, "from:10.0.0.1"); d != 0 || err != nil {
			t.Fatalf("an office after 18 failures waits %s, %v", d, err)
		}
		fail(4*freeFailures + freeFailures)
		if d, err := f.mustWait(ctx, "from:10.0.0.1"); d == 0 || err != nil {
			t.Fatalf("a machine that guesses on and on waits %s, %v", d, err)
		}
		f.clock.Advance(maxWait)
		if _, err := f.SignIn(ctx, "ada@example.com", password, "10.0.0.2"); err != nil {
			t.Fatal(err)
		}
		if d := wait(); d != 0 {
			t.Fatalf("after signing in one waits %s", d)
		}
		if _, err := failures(ctx, f.db, "mail:ada@example.com"); !problem.Is(err, problem.KindNotFound) {
			t.Fatal("the failures aren't forgotten", err)
		}
		f.clock.Advance(forgetAfter + time.Second)
		fail(1)
		if row, err := failures(ctx, f.db, "from:10.0.0.1"); err != nil || row.Failures != 1 {
			t.Fatalf("a day later: %+v, %v", row, err)
		}
	})
}

func TestMakingAUserNamesEveryWrongField(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		_, _, err := f.CreateUser(f.admin, NewUser{Name: "  ", Email: "Ada <ada@example.com>", Level: "boss", Password: "short"})
		e, ok := errors.AsType[*problem.Error](err)
		if !ok || len(e.Fields) != 4 {
			t.Fatalf("%v", err)
		}
		f.user(t, "ada@example.com", authz.LevelReader)
		if _, _, err := f.CreateUser(f.admin, NewUser{Name: "Other", Email: "ADA@example.com", Level: authz.LevelReader}); !problem.Is(err, problem.KindConflict) {
			t.Fatalf("twice the same address: %v", err)
		}
	})
}

func TestAMadePasswordIsGivenOnceAndWorks(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		if has, err := f.HasUsers(ctx); has || err != nil {
			t.Fatal(has, err)
		}
		p, made, err := f.CreateUser(f.admin, NewUser{Name: "Ada", Email: "ada@example.com", Level: authz.LevelSenior})
		if err != nil || len(made) < 20 || strings.Contains(p.PasswordHash, made) || !strings.HasPrefix(p.PasswordHash, "$argon2id$") {
			t.Fatalf("%q %+v %v", made, p, err)
		}
		if _, err := f.SignIn(ctx, p.Email, made, "x"); err != nil {
			t.Fatal(err)
		}
		if has, err := f.HasUsers(ctx); !has || err != nil {
			t.Fatal(has, err)
		}
		if _, err := f.SetPassword(f.admin, p.Email, "short"); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		again, err := f.SetPassword(f.admin, "ADA@example.com", "")
		if err != nil || again == "" || again == made {
			t.Fatal(again, err)
		}
		if given, err := f.SetPassword(f.admin, p.Email, password); given != "" || err != nil {
			t.Fatal(given, err)
		}
		if _, err := f.SignIn(ctx, p.Email, again, "x"); !problem.Is(err, problem.KindUnauthorized) {
			t.Fatal("the old password still works", err)
		}
		if _, err := f.SignIn(ctx, p.Email, password, "x"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestADisabledUserIsNobodyAnywhere(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.user(t, "ada@example.com", authz.LevelABDM)
		_, secret, err := f.CreateToken(authz.With(ctx, p.Actor()), "script", []string{"read"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SetLevel(f.admin, p.Email, authz.LevelSenior); err != nil {
			t.Fatal(err)
		}
		if err := f.SetLevel(f.admin, p.Email, "boss"); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		if q, err := f.Person(ctx, p.ID); err != nil || q.Level != authz.LevelSenior {
			t.Fatalf("%+v, %v", q, err)
		}
		if err := f.Disable(f.admin, p.Email); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Person(ctx, p.ID); !problem.Is(err, problem.KindNotFound) {
			t.Fatal(err)
		}
		if list, err := f.Users(f.admin); len(list) != 0 || err != nil {
			t.Fatal(list, err)
		}
		// A new password doesn't bring the old tokens back.
		if _, err := f.SetPassword(f.admin, p.Email, password); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ActorOfToken(ctx, secret); !problem.Is(err, problem.KindUnauthorized) {
			t.Fatal(err)
		}
		for _, act := range []error{f.Disable(f.admin, "no@example.com"), f.SetLevel(f.admin, "no@example.com", authz.LevelReader)} {
			if !problem.Is(act, problem.KindNotFound) {
				t.Error(act)
			}
		}
		if _, err := audit.Verify(ctx, f.db); err != nil {
			t.Error(err)
		}
	})
}

func TestATokenActsForItsPersonWithinItsScopes(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		p := f.user(t, "ada@example.com", authz.LevelABDM)
		me := authz.With(ctx, p.Actor())
		tok, secret, err := f.CreateToken(me, " script ", []string{"read"}, time.Hour)
		if err != nil || tok.Name != "script" || !strings.HasSuffix(secret, tok.Hint) || len(tok.Hint) != 4 {
			t.Fatalf("%+v %q %v", tok, secret, err)
		}
		row, err := db.Get[Token](ctx, f.db, `SELECT * FROM api_token WHERE id = ?`, tok.ID)
		if err != nil || row.Hash != tokenHash(secret) || strings.Contains(row.Hash+row.Name+row.Scopes, secret) {
			t.Fatalf("the token itself is stored: %+v, %v", row, err)
		}
		a, err := f.ActorOfToken(ctx, secret)
		if err != nil || a.ID != p.ID || a.Kind != authz.KindIntegration || !slices.Equal(a.Scopes, []string{"read"}) || a.Level != p.Level {
			t.Fatalf("%+v, %v", a, err)
		}
		f.clock.Advance(time.Hour - time.Microsecond)
		if _, err := f.ActorOfToken(ctx, secret); err != nil {
			t.Fatal(err)
		}
		if list, err := f.Tokens(me); err != nil || len(list) != 1 || !list[0].LastUsedAt.Equal(f.clock.Now()) {
			t.Fatalf("%+v, %v", list, err)
		}
		f.clock.Advance(time.Microsecond)
		if _, err := f.ActorOfToken(ctx, secret); !problem.Is(err, problem.KindUnauthorized) {
			t.Fatal("an expired token works", err)
		}
		if list, err := f.Tokens(me); err != nil || len(list) != 0 {
			t.Fatalf("expired tokens are listed as working: %+v, %v", list, err)
		}
		for _, bad := range []string{"", "tdm_", "tdm_" + strings.Repeat("a", 500), secret[4:], secret + "a", strings.ToUpper(secret), "tdm_\x00"} {
			if _, err := f.ActorOfToken(ctx, bad); !problem.Is(err, problem.KindUnauthorized) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

func TestATokenEndsWhenItIsRevokedAndOnlyByItsOwner(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		ada, bob := f.user(t, "ada@example.com", authz.LevelABDM), f.user(t, "bob@example.com", authz.LevelDirector)
		tok, secret, err := f.CreateToken(authz.With(ctx, ada.Actor()), "script", []string{"read", "admin"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.RevokeToken(authz.With(ctx, bob.Actor()), tok.ID); !problem.Is(err, problem.KindNotFound) {
			t.Fatal("another's token was revoked", err)
		}
		bot, err := f.ActorOfToken(ctx, secret)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.CreateToken(authz.With(ctx, bot), "wider", []string{"read", "write"}, 0); !problem.Is(err, problem.KindInvalid) {
			t.Fatal("a token made one with more rights", err)
		}
		if err := f.RevokeToken(authz.With(ctx, ada.Actor()), tok.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ActorOfToken(ctx, secret); !problem.Is(err, problem.KindUnauthorized) {
			t.Fatal(err)
		}
		if err := f.RevokeToken(authz.With(ctx, ada.Actor()), tok.ID); !problem.Is(err, problem.KindNotFound) {
			t.Fatal(err)
		}
		_, _, err = f.CreateToken(authz.With(ctx, ada.Actor()), strings.Repeat("x", 81), []string{"root"}, -time.Second)
		if e, ok := errors.AsType[*problem.Error](err); !ok || len(e.Fields) != 3 {
			t.Fatal(err)
		}
	})
}

func TestASessionIsKnownByItsHashUntilItExpires(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		s := NewSessions(f.db, f.clock)
		end := f.clock.Now().Add(time.Hour)
		for _, data := range []string{"one", "two"} {
			if err := s.CommitCtx(ctx, "token", []byte(data), end); err != nil {
				t.Fatal(err)
			}
		}
		if b, ok, err := s.FindCtx(ctx, "token"); string(b) != "two" || !ok || err != nil {
			t.Fatal(string(b), ok, err)
		}
		keys, err := db.Select[string](ctx, f.db, `SELECT token FROM session`)
		if err != nil || len(keys) != 1 || keys[0] == "token" || len(keys[0]) != 64 {
			t.Fatalf("kept as %q, %v", keys, err)
		}
		if _, ok, err := s.Find(keys[0]); ok || err != nil {
			t.Fatal("what the database holds lets one in", err)
		}
		f.clock.Set(end)
		if _, ok, err := s.Find("token"); ok || err != nil {
			t.Fatal("an expired session lives", err)
		}
		if err := s.Commit("other", []byte{1}, end.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n, err := db.Get[int64](ctx, f.db, `SELECT count(*) FROM session`); n != 1 || err != nil {
			t.Fatalf("%d sessions are kept, %v", n, err)
		}
		if err := s.Delete("other"); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := s.Find("other"); ok || err != nil {
			t.Fatal(ok, err)
		}
	})
}

func TestTheLastDirectorWhoCanSignInStaysOne(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		refused := func(what string, err error) {
			t.Helper()
			e, ok := errors.AsType[*problem.Error](err)
			if !ok || e.Kind != problem.KindConflict || e.Code != "last_director" || !strings.Contains(e.Message, "Ada Example is the last Director") {
				t.Errorf("%s: %v", what, err)
			}
		}
		dora, sam := f.user(t, "dora@example.com", authz.LevelDirector), f.user(t, "sam@example.com", authz.LevelSeniorDirector)
		// A reader, a Director of Salesforce without a password and one who left do not count.
		f.user(t, "rita@example.com", authz.LevelReader)
		f.take(t, crmPerson("005A", "crm@example.com", f.clock.Now()))
		if err := f.SetLevel(f.admin, "crm@example.com", authz.LevelDirector); err != nil {
			t.Fatal(err)
		}
		left := f.user(t, "left@example.com", authz.LevelDirector)
		gone := crmPerson("005B", left.Email, f.clock.Now())
		gone.Active = false
		f.take(t, gone)

		if err := f.SetLevel(f.admin, sam.Email, authz.LevelABDM); err != nil {
			t.Fatalf("one of two: %v", err)
		}
		refused("a lower level", f.SetLevel(f.admin, dora.Email, authz.LevelSenior))
		refused("no access", f.Disable(f.admin, dora.Email))
		refused("from the command line", f.Disable(authz.With(t.Context(), authz.System), dora.Email))
		if err := f.SetLevel(f.admin, dora.Email, authz.LevelSeniorDirector); err != nil {
			t.Errorf("a higher rung: %v", err)
		}
		if _, err := f.SetPassword(f.admin, dora.Email, another); err != nil {
			t.Errorf("a new password: %v", err)
		}
		if p, err := f.Person(t.Context(), dora.ID); err != nil || p.Level != authz.LevelSeniorDirector {
			t.Errorf("%+v, %v", p, err)
		}
		if err := f.SetLevel(f.admin, sam.Email, authz.LevelDirector); err != nil {
			t.Fatal(err)
		}
		if err := f.Disable(f.admin, dora.Email); err != nil {
			t.Errorf("with another Director: %v", err)
		}
	})
}

func TestOfTwoDirectorsWhoEndEachOtherOneStays(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for range 4 {
			both := []Person{f.user(t, "dora@example.com", authz.LevelDirector), f.user(t, "sam@example.com", authz.LevelDirector)}
			errs := make([]error, len(both))
			var wg sync.WaitGroup
			for i := range both {
				wg.Go(func() { errs[i] = f.Disable(f.admin, both[i].Email) })
			}
			wg.Wait()
			users, err := f.Users(f.admin)
			if err != nil || len(users) != 1 || (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("%d stay: %v, %v", len(users), errs, err)
			}
			// The one who stays goes through the back door, for the next round.
			if err := f.db.InTx(t.Context(), f.clock, func(tx *db.Tx) error { users[0].PasswordHash = ""; return save(t.Context(), tx, &users[0]) }); err != nil {
				t.Fatal(err)
			}
		}
	})
}
