package view

import (
	"context"
	"errors"
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

func as(ctx context.Context, id string) context.Context {
	return authz.With(ctx, authz.Actor{Kind: authz.KindPerson, ID: id, Name: id, Level: authz.LevelReader})
}

func names(list []View) string {
	var out []string
	for _, v := range list {
		name := v.Name
		if v.Mine {
			name += "*"
		}
		out = append(out, name)
	}
	return strings.Join(out, " ")
}

func TestViewsAreOnesOwnAndThoseOthersShare(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
		s := NewService(d, c)
		ada, bob := as(t.Context(), "usr_ada"), as(t.Context(), "usr_bob")
		save := func(ctx context.Context, name, query string, shared bool) View {
			t.Helper()
			v, err := s.Save(ctx, "opportunity", name, query, shared)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		v := save(ada, " Mine ", "?stage=3&after=xyz&view=old&cloud=aws"[1:], false)
		if v.Query != "cloud=aws&stage=3" || v.Name != "Mine" || v.Version != 1 {
			t.Fatalf("%+v", v)
		}
		save(ada, "Shared", "", true)
		bobs := save(bob, "Mine", "cloud=gcp", false)
		c.Advance(time.Minute)
		again := save(ada, "Mine", "cloud=azure", false)
		if again.ID != v.ID || again.Version != 2 {
			t.Fatalf("%+v", again)
		}
		for ctx, want := range map[context.Context]string{ada: "Mine* Shared*", bob: "Mine* Shared", as(t.Context(), "usr_eve"): "Shared"} {
			list, err := s.List(ctx, "opportunity")
			if err != nil || names(list) != want {
				t.Errorf("%q, want %q, %v", names(list), want, err)
			}
		}
		if list, err := s.List(ada, "account"); err != nil || len(list) != 0 {
			t.Error(list, err)
		}
		if list, err := s.List(ada, "opportunity"); err != nil || list[0].Query != "cloud=azure" || !list[0].CreatedAt.Equal(c.Now().Add(-time.Minute)) {
			t.Errorf("%+v, %v", list, err)
		}
		if err := s.Delete(ada, bobs.ID); !problem.Is(err, problem.KindNotFound) {
			t.Error("another's view was deleted", err)
		}
		if err := s.Delete(bob, bobs.ID); err != nil {
			t.Error(err)
		}
	})
}

func TestAViewThatCannotBeIsRefusedWithEveryPlace(t *testing.T) {
	t.Parallel()
	s := NewService(dbtest.SQLite(t, schema.Migrations()), clock.System{})
	ctx := as(t.Context(), "usr_ada")
	_, err := s.Save(ctx, "moon", strings.Repeat("é", 61), "a=%zz", false)
	if e, ok := errors.AsType[*problem.Error](err); !ok || len(e.Fields) != 3 {
		t.Fatal(err)
	}
	if _, err := s.Save(ctx, "opportunity", strings.Repeat("é", 60), strings.Repeat("a", 4001), false); !problem.Is(err, problem.KindInvalid) {
		t.Fatal(err)
	}
}
