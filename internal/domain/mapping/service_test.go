package mapping

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func director(ctx context.Context) context.Context {
	return authz.With(ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelDirector})
}

type org struct {
	Org
	err error
}

func (o org) Organisation(context.Context, Mapping) (Org, error) { return o.Org, o.err }
func (o org) Sample(context.Context, Mapping, Object, string, map[Field]string) (Sample, error) {
	return Sample{}, o.err
}

func TestEverySaveIsAVersionWithWhoWhenAndWhyAndOneCanGoBack(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		ctx, s, changed := director(t.Context()), NewService(d, clock.NewFake(noon)), 0
		s.Changed = func(context.Context, *db.Tx, Mapping, Mapping) error { changed++; return nil }
		v, err := s.Get(ctx)
		if err != nil || v.Version != 0 || len(Diff(v.Mapping.V, Default())) > 0 {
			t.Fatalf("%+v %v", v, err)
		}
		one := Default().Without("opportunity.competitors")
		if v, err = s.Save(ctx, one, 0, " nobody fills it in "); err != nil || v.Version != 1 || v.Reason != "nobody fills it in" || v.SavedBy != "Ada" || !v.SavedAt.Equal(noon) {
			t.Fatalf("%+v %v", v, err)
		}
		two := one.With(entry("opportunity.region", "Region__c"))
		if _, err = s.Save(ctx, two, 1, "the new field"); err != nil {
			t.Fatal(err)
		}
		for _, stale := range []int64{0, 1, 3, -1} {
			if _, err := s.Save(ctx, one, stale, "again"); !problem.Is(err, problem.KindPrecondition) {
				t.Errorf("version %d: %v", stale, err)
			}
		}
		if v, err = s.RollBack(ctx, 0, 2, "as it was"); err != nil || v.Version != 3 {
			t.Fatalf("%+v %v", v, err)
		}
		if m, err := s.InForce(ctx); err != nil || len(Diff(m, Default())) > 0 || changed != 3 {
			t.Fatalf("%+v %v, %d times planned", Diff(m, Default()), err, changed)
		}
		p, err := s.Versions(ctx, 0, 2)
		if err != nil || len(p.Rows) != 2 || p.Rows[0].Version != 3 || p.Next != 2 {
			t.Fatalf("%+v %v", p, err)
		}
		if p, err = s.Versions(ctx, p.Next, 2); err != nil || len(p.Rows) != 1 || p.Next != 0 || len(Diff(p.Rows[0].Mapping.V, one)) > 0 {
			t.Fatalf("%+v %v", p, err)
		}
		if _, err := s.At(ctx, 9); !problem.Is(err, problem.KindNotFound) {
			t.Error(err)
		}
		list, err := audit.Of(ctx, d, "mapping", 10)
		if err != nil || len(list) != 3 || !strings.Contains(list[1].Detail, "the new field") || !strings.Contains(list[1].Detail, "Region__c") {
			t.Fatalf("%+v %v", list, err)
		}
	})
}

func TestASaveWithoutAReasonOrOfAMappingThatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, schema.Migrations())
	ctx, s := director(t.Context()), NewService(d, clock.NewFake(noon))
	for _, reason := range []string{"", "  ", strings.Repeat("x", 501)} {
		if _, err := s.Save(ctx, Default(), 0, reason); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("%q: %v", reason, err)
		}
	}
	if _, err := s.Save(ctx, Default().Without("account.name"), 0, "why"); !problem.Is(err, problem.KindInvalid) {
		t.Error(err)
	}
}

func TestWhatIsChangedHasToFitTheOrganisationAndWhatWasWrongBeforeHindersNothing(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, schema.Migrations())
	ctx, s := director(t.Context()), NewService(d, clock.NewFake(noon))
	wrong := small(fact(FactState, "Gone__c"))
	if _, err := s.Save(ctx, wrong, 0, "not connected: nobody can say"); err != nil {
		t.Fatal(err)
	}
	s.CRM = org{Org: house(str("Region__c"))}
	if _, err := s.Save(ctx, wrong.With(entry("opportunity.region", "Region__c")), 1, "another field"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Save(ctx, wrong.With(fact(FactPortalID, "Id__c")), 2, "no such field")
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != problem.KindInvalid || len(p.Fields) != 1 || p.Fields[0].Code != "field_missing" || !strings.Contains(p.Fields[0].Message, "Opportunity.Id__c") {
		t.Fatalf("%+v", err)
	}
	s.CRM = org{err: errors.New("the line is dead")}
	if _, err := s.Save(ctx, wrong.With(fact(FactPortalID, "Id__c")), 2, "nobody can say"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(ctx, wrong); err == nil {
		t.Error("checked against an organisation that does not answer")
	}
}
