package team

import (
	"context"
	"errors"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const another = "staple battery horse"

func TestAPersonChangesTheirOwnPasswordWithTheCurrentOne(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		p := f.user(t, "ada@example.com", authz.LevelReader)
		ctx := authz.With(t.Context(), p.Actor())
		for name, c := range map[string]struct{ current, next, field, code string }{
			"wrong current": {"not " + password, another, "current", "wrong"},
			"no current":    {"", another, "current", "wrong"},
			"too short":     {password, "short", "new", "weak"},
			"the same":      {password, password, "new", "same"},
		} {
			e, ok := errors.AsType[*problem.Error](f.ChangePassword(ctx, c.current, c.next))
			if !ok || e.Kind != problem.KindInvalid || len(e.Fields) != 1 || e.Fields[0].Field != c.field || e.Fields[0].Code != c.code {
				t.Errorf("%s: %+v", name, e)
			}
		}
		var kept Person
		told := KeepSession(ctx, func(_ context.Context, p Person) error { kept = p; return nil })
		if err := f.ChangePassword(told, password, another); err != nil {
			t.Fatal(err)
		}
		if kept.ID != p.ID || kept.PasswordHash == p.PasswordHash {
			t.Errorf("the session was told of %+v", kept)
		}
		if _, err := f.SignIn(t.Context(), p.Email, password, "x"); !problem.Is(err, problem.KindUnauthorized) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := f.SignIn(t.Context(), p.Email, another, "x"); err != nil {
			t.Errorf("the new password: %v", err)
		}
		entries, err := audit.Of(ctx, f.db, p.ID, 2)
		if err != nil || len(entries) < 2 || entries[1].Action != "user.own_password" || entries[1].ActorID != p.ID {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}

func TestGuessingTheCurrentPasswordIsThrottledAsSigningInIs(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		p := f.user(t, "ada@example.com", authz.LevelReader)
		ctx := authz.With(t.Context(), p.Actor())
		// All but one of the free failures are wrong sign-ins: both count together.
		for range freeFailures - 1 {
			if err := f.countWrong(ctx, []string{"mail:" + p.EmailKey}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.ChangePassword(ctx, "a guess", another); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		if err := f.ChangePassword(ctx, password, another); !problem.Is(err, problem.KindTooMany) {
			t.Fatalf("the right password while one must wait: %v", err)
		}
		f.clock.Advance(maxWait)
		if err := f.ChangePassword(ctx, password, another); err != nil {
			t.Fatal(err)
		}
		if d, err := f.mustWait(ctx, "mail:"+p.EmailKey); d != 0 || err != nil {
			t.Errorf("after the right one: %s, %v", d, err)
		}
	})
}

func TestNobodyChangesThePasswordOfNobody(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if err := f.ChangePassword(t.Context(), password, another); !problem.Is(err, problem.KindUnauthorized) {
			t.Errorf("without a person: %v", err)
		}
		p := f.user(t, "ada@example.com", authz.LevelReader)
		token := p.Actor()
		token.Kind, token.Scopes = authz.KindIntegration, []string{"read", "write"}
		if err := f.ChangePassword(authz.With(t.Context(), token), password, another); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("a token without the scope admin: %v", err)
		}
		if err := f.ChangePassword(authz.With(t.Context(), authz.System), password, another); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("Tandem itself: %v", err)
		}
	})
}
