package tagging

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db       *db.DB
	clock    *clock.Fake
	ctx      context.Context
	director context.Context
	writes   int
	planned  int
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		f := &fixture{db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
		as := func(l authz.Level) context.Context {
			return authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: l})
		}
		f.ctx, f.director = as(authz.LevelAssociate), as(authz.LevelDirector)
		f.Service = NewService(d, f.clock, opportunity.NewService(d, f.clock))
		f.Write = func(context.Context, *db.Tx) error { f.writes++; return nil }
		f.PlanCheck = func(context.Context, *db.Tx) error { f.planned++; return nil }
		test(t, f)
	})
}

// store takes a deal from Salesforce as a read does.
func (f *fixture) store(t *testing.T, o *opportunity.Opportunity) opportunity.Opportunity {
	t.Helper()
	f.clock.Advance(time.Minute)
	o.CRMModstamp = f.clock.Now()
	var got []opportunity.Opportunity
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		var err error
		if got, err = opportunity.Import(f.ctx, tx, []opportunity.Opportunity{*o}); err != nil {
			return err
		}
		return f.Check(f.ctx, tx, got)
	})
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	return got[0]
}

func (f *fixture) of(t *testing.T, o opportunity.Opportunity) []Finding {
	t.Helper()
	list, err := f.Of(f.ctx, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func crm(n int) string { return fmt.Sprintf("006%012dAAA", n) }

// untyped is a deal that one rule finds wrong: dr_type_missing_referral.
func untyped(n int) *opportunity.Opportunity {
	return deal(func(o *opportunity.Opportunity) {
		o.ID, o.CRMID, o.Name = "", crm(n), fmt.Sprint("Deal ", n)
		dr(o, "Amazon Web Services", awsAccount, "")
	})
}

func TestAFindingComesAndGoesWithTheTags(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := untyped(1)
		stored := f.store(t, o)
		found := f.of(t, stored)
		if len(found) != 1 || found[0].Rule.ID != "dr_type_missing_referral" || len(found[0].Steps) != 1 || found[0].Last != nil || len(found[0].Seen) != 3 {
			t.Fatalf("%+v", found)
		}
		since := found[0].FoundAt
		o.Description = "changed"
		if f.store(t, o); !f.of(t, stored)[0].FoundAt.Equal(since) {
			t.Error("a finding that stays begins anew")
		}
		o.DRDealType = "Referral"
		f.store(t, o)
		if left := f.of(t, stored); len(left) != 0 {
			t.Errorf("%+v", left)
		}
		o.DRDealType, o.Deleted = "", true
		f.store(t, o)
		if left := f.of(t, stored); len(left) != 0 {
			t.Errorf("a deleted deal: %+v", left)
		}
	})
}

func TestFindingsArePagedFilteredAndCounted(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for i := range 5 {
			o := untyped(i)
			o.OwnerCRMID = []string{"005A", "005B"}[i%2]
			o.Closed = i == 4
			if i == 3 {
				o.SQLSource = "AE Generated" // two findings
			}
			f.store(t, o)
		}
		all := func(q Query) string {
			var out []string
			for {
				p, err := f.List(f.ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range p.Rows {
					out = append(out, strings.TrimPrefix(x.Opportunity.Name, "Deal ")+x.Rule.ID[:2])
				}
				if q.After = p.Next; p.Next == "" {
					return strings.Join(out, " ")
				}
			}
		}
		want := "0dr 1dr 2dr 3dr 3so 4dr"
		for _, limit := range []int{1, 2, 0} {
			if got := all(Query{Limit: limit}); got != want {
				t.Errorf("by %d: %s", limit, got)
			}
		}
		for want, q := range map[string]Query{
			"1dr 3dr 3so": {Owners: []string{"005B"}}, "3so": {Rules: []string{"sourced_without_credit"}}, "0dr 1dr 2dr 3dr 3so": {Open: true},
		} {
			if got := all(q); got != want {
				t.Errorf("%+v: %s", q, got)
			}
		}
		counts, err := f.Counts(f.ctx)
		if err != nil || !slices.Equal(counts, []RuleCount{{"dr_type_missing_referral", 5}, {"sourced_without_credit", 1}}) {
			t.Errorf("%v, %v", counts, err)
		}
		for _, after := range []string{"x", cursor(findingRow{OpportunityID: "a\nb"})} {
			if _, err := f.List(f.ctx, Query{After: after}); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%q: %v", after, err)
			}
		}
	})
}

func TestACorrectionIsWrittenOnceAndOnlyOverWhatThePersonSaw(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := untyped(1)
		stored := f.store(t, o)
		x := f.of(t, stored)[0]
		if _, err := f.Correct(f.ctx, stored.ID, x.Rule.ID, "{}"); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("tags that nobody saw: %v", err)
		}
		c, err := f.Correct(f.ctx, stored.ID, x.Rule.ID, x.Tags)
		again, err2 := f.Correct(f.ctx, stored.ID, x.Rule.ID, x.Tags)
		if err != nil || err2 != nil || again.ID != c.ID || f.writes != 1 {
			t.Fatalf("%+v, %v; %+v, %v; %d writes", c, err, again, err2, f.writes)
		}
		changes, of, err := f.Pending(f.ctx, 10)
		if err != nil || len(changes) != 1 || changes[0].OpportunityCRMID != o.CRMID || changes[0].Fields["opportunity.dr_deal_type"] != "Referral" || !changes[0].ReadAt.Equal(stored.CRMModstamp) {
			t.Fatalf("%+v, %v", changes, err)
		}
		// Somebody changed the deal: it is read, and written over the newer one.
		if err := f.Written(f.ctx, &of[0], problem.Precondition("opportunity", o.CRMID)); err != nil {
			t.Fatal(err)
		}
		o.NextSteps = "call"
		newer := f.store(t, o)
		if changes, _, err = f.Pending(f.ctx, 10); err != nil || len(changes) != 1 || !changes[0].ReadAt.Equal(newer.CRMModstamp) {
			t.Fatalf("%+v, %v", changes, err)
		}
		if err := f.Written(f.ctx, &of[0], nil); err != nil {
			t.Fatal(err)
		}
		if n, err := CountPending(f.ctx, f.db); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if last := f.of(t, stored)[0].Last; last == nil || last.State != CorrectionWritten || last.DoneAt.IsZero() {
			t.Errorf("%+v", last)
		}
		entries, err := audit.Of(f.ctx, f.db, stored.ID, 10)
		if err != nil || len(entries) != 2 || entries[1].Action != "tagging.correct" || entries[0].Action != "tagging.written" {
			t.Errorf("%+v, %v", entries, err)
		}
	})
}

func TestACorrectionThatWasOvertakenWritesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for name, c := range map[string]struct {
			kind string
			want CorrectionState
		}{"somebody set another value": {"MSP", CorrectionOvertaken}, "somebody set the same": {"Referral", CorrectionWritten}} {
			o := untyped(len(c.kind))
			stored := f.store(t, o)
			x := f.of(t, stored)[0]
			made, err := f.Correct(f.ctx, stored.ID, x.Rule.ID, x.Tags)
			if err != nil {
				t.Fatal(err)
			}
			o.DRDealType = c.kind
			f.store(t, o)
			if changes, _, err := f.Pending(f.ctx, 10); err != nil || len(changes) != 0 {
				t.Errorf("%s: %+v, %v", name, changes, err)
			}
			if got, err := correctionByID(f.ctx, f.db, made.ID); err != nil || got.State != c.want {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
	})
}

func TestARefusedCorrectionSaysWhyAndCanBeAskedForAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		stored := f.store(t, untyped(1))
		x := f.of(t, stored)[0]
		first, err := f.Correct(f.ctx, stored.ID, x.Rule.ID, x.Tags)
		if err != nil {
			t.Fatal(err)
		}
		passing := problem.FromRemote(problem.Remote{System: "salesforce", Code: "SERVER_UNAVAILABLE", Retry: problem.RetryLater}, "busy", nil)
		if err := f.Written(f.ctx, &first, passing); err != nil {
			t.Fatal(err)
		}
		if n, _ := CountPending(f.ctx, f.db); n != 1 {
			t.Errorf("%d wait after an error that passes", n)
		}
		no := problem.FromRemote(problem.Remote{System: "salesforce", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Retry: problem.RetryHuman}, "A referral needs a contract", nil)
		if err := f.Written(f.ctx, &first, no); err != nil {
			t.Fatal(err)
		}
		if last := f.of(t, stored)[0].Last; last == nil || last.State != CorrectionRefused || !strings.Contains(last.Error, "needs a contract") {
			t.Errorf("%+v", last)
		}
		second, err := f.Correct(f.ctx, stored.ID, x.Rule.ID, x.Tags)
		if err != nil || second.ID == first.ID {
			t.Fatalf("%+v, %v", second, err)
		}
		if err := f.Withdraw(f.ctx, second.ID); err != nil {
			t.Error(err)
		}
		if err := f.Withdraw(f.ctx, second.ID); !problem.Is(err, problem.KindConflict) {
			t.Errorf("withdrawn twice: %v", err)
		}
	})
}

func TestTwoCorrectionsOfOneFieldDoNotUndoEachOther(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		rules := Rules{
			{ID: "one", Enabled: true, Title: "One", Why: "w", When: []Condition{{Field: FieldDR, Op: OpCloud}}, Fix: []Change{{Field: FieldDealType, To: "MSP"}}},
			{ID: "two", Enabled: true, Title: "Two", Why: "w", When: []Condition{{Field: FieldDR, Op: OpCloud}}, Fix: []Change{{Field: FieldDealType, To: "Referral"}}},
			{ID: "none", Enabled: true, Title: "None", Why: "w", When: []Condition{{Field: FieldDR, Op: OpCloud}}},
		}
		if err := f.SetRules(f.ctx, rules, 0); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("an Associate: %v", err)
		}
		if err := f.SetRules(f.director, rules, 0); err != nil || f.planned != 1 {
			t.Fatalf("%v, planned %d", err, f.planned)
		}
		stored := f.store(t, untyped(1))
		found := f.of(t, stored)
		if len(found) != 3 {
			t.Fatalf("%+v", found)
		}
		for i, want := range []problem.Kind{problem.KindConflict, "", problem.KindConflict} { // none, one, two
			_, err := f.Correct(f.ctx, stored.ID, found[i].Rule.ID, found[i].Tags)
			if want == "" && err != nil || want != "" && !problem.Is(err, want) {
				t.Errorf("%s: %v", found[i].Rule.ID, err)
			}
		}
	})
}

func TestAnAcceptedTaggingHoldsUntilTheTagsChange(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := untyped(1)
		stored := f.store(t, o)
		x := f.of(t, stored)[0]
		if err := f.Accept(f.ctx, stored.ID, x.Rule.ID, x.Tags, " "); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("no reason: %v", err)
		}
		if err := f.Accept(f.ctx, stored.ID, x.Rule.ID, x.Tags, "The contract says so"); err != nil {
			t.Fatal(err)
		}
		o.NextSteps = "call"
		f.store(t, o)
		if left := f.of(t, stored); len(left) != 0 {
			t.Errorf("%+v", left)
		}
		if err := f.Accept(f.ctx, stored.ID, x.Rule.ID, x.Tags, "again"); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("accepted twice: %v", err)
		}
		if err := f.Reopen(f.ctx, stored.ID, x.Rule.ID); err != nil || len(f.of(t, stored)) != 1 {
			t.Errorf("reopened: %v", err)
		}
		if err := f.Reopen(f.ctx, stored.ID, x.Rule.ID); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("reopened twice: %v", err)
		}
		if err := f.Accept(f.ctx, stored.ID, x.Rule.ID, x.Tags, "right"); err != nil {
			t.Fatal(err)
		}
		resale(o, "Amazon Web Services", awsAccount)
		o.FulfillmentPartner, o.FulfillmentPartnerCRMID, o.DRPartnerCRMID = "", "", "001000000000OTHAAA"
		f.store(t, o)
		if left := f.of(t, stored); len(left) != 1 {
			t.Errorf("other tags: %+v", left)
		}
	})
}

func TestOtherRulesLookAtEveryDealAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		stored := f.store(t, untyped(1))
		rules := DefaultRules()
		for i := range rules {
			rules[i].Enabled = rules[i].ID == "sourced_without_credit"
		}
		counts, err := f.Preview(f.director, rules)
		if err != nil || len(counts) != 0 {
			t.Errorf("%v, %v", counts, err)
		}
		counts, err = f.Preview(f.director, DefaultRules())
		if err != nil || counts["dr_type_missing_referral"] != 1 {
			t.Errorf("%v, %v", counts, err)
		}
		if err := f.SetRules(f.director, rules, 0); err != nil {
			t.Fatal(err)
		}
		if err := f.CheckAll(f.ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Counts(f.ctx); err != nil || len(n) != 0 || len(f.of(t, stored)) != 0 {
			t.Errorf("%v, %v", n, err)
		}
		if err := f.SetRules(f.director, rules, 0); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("a version that was replaced: %v", err)
		}
	})
}
