package approval

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func codeOf(err error) string {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return p.Code
	}
	return ""
}

func usd(n int64) *int64 { return &n }

func TestAnAssociatesSubmissionGoesOutWhenADirectorApproves(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		f.joint(t, o)
		r := f.asks(t, "Ann", o.ID)
		if r.State != StatePending || r.Title != "Submit to AWS Partner Central" || r.SentTo != "Dan and Sid" || !slices.Equal(r.Why.V, []string{"An Associate's work goes to the partner after a Director approved it"}) {
			t.Fatalf("%+v", r)
		}
		if r.Message() != "Sent to Dan and Sid for approval: it goes out by itself when approved" {
			t.Error(r.Message())
		}
		if got := f.reg(t, o.ID); got.ID != "" {
			t.Fatalf("it went out unapproved: %+v", got)
		}
		done, err := f.Approve(f.as(t, "Dan"), r.ID, "Good one", r.Version)
		if err != nil || done.State != StateApproved || done.DecidedByName != "Dan" || done.Note != "Good one" {
			t.Fatalf("%+v, %v", done, err)
		}
		reg := f.reg(t, o.ID)
		if reg.State != registration.StateChecking || !slices.Equal(f.woken[len(f.woken)-1:], []string{reg.ID}) {
			t.Fatalf("%+v", reg)
		}
		f.advance(t, reg.ID)
		if reg = f.reg(t, o.ID); reg.State != registration.StateApproved || f.p.creates != 1 {
			t.Fatalf("%s, %d creates", reg.State, f.p.creates)
		}
		if got := f.timeline(t, o.ID); got != "approval_requested/none/Ann approval_given/none/Dan" {
			t.Error(got)
		}
		if got := f.log(t, r.ID); got != "approval.request/Ann approval.approve/Dan" {
			t.Error(got)
		}
		entries, err := audit.Of(t.Context(), f.db, reg.ID, 10)
		if err != nil || len(entries) != 1 || entries[0].ActorName != "Ann" {
			t.Errorf("the registration is not the requester's: %+v, %v", entries, err)
		}
		if _, err := audit.Verify(t.Context(), f.db); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoNeedsNoApprovalActsAtOnceAndAReaderNever(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for name, amount := range map[string]*int64{"Abe": usd(250_000), "Sue": nil, "Dan": usd(9_000_000), "Sid": nil} {
			o := f.deal(t, "Deal of "+name, amount)
			f.joint(t, o)
			res, err := f.Register(f.as(t, name), o.ID, cloud.AWS)
			if err != nil || res.Waiting != nil || res.Registration.State != registration.StateChecking {
				t.Errorf("%s: %+v, %v", name, res, err)
			}
			if got := f.timeline(t, o.ID); got != "" {
				t.Errorf("%s: %s", name, got)
			}
		}
		o := f.deal(t, "Deal", usd(1))
		f.joint(t, o)
		_, err := f.Register(f.as(t, "Rea"), o.ID, cloud.AWS)
		f.fails(t, err, problem.KindForbidden, "not_allowed")
		_, err = f.Register(t.Context(), o.ID, cloud.AWS)
		f.fails(t, err, problem.KindUnauthorized, "not_signed_in")
	})
}

func TestAnABDMNeedsApprovalAboveTheValueForAnUnknownAmountAndOnAContestedDeal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		big, unknown, euro := f.deal(t, "Big", usd(250_001)), f.deal(t, "Unknown", nil), f.deal(t, "Euro", nil)
		euro.Currency, euro.AmountMinor = "EUR", usd(100)
		euro = f.store(t, euro)
		for _, o := range []opportunity.Opportunity{big, unknown, euro} {
			f.joint(t, o)
			f.asks(t, "Abe", o.ID)
		}
		first, second := f.deal(t, "First", usd(10)), f.deal(t, "Second", usd(10))
		second.AccountCRMID = first.AccountCRMID
		second = f.store(t, second)
		reg := f.registered(t, first)
		f.joint(t, second)
		if r := f.asks(t, "Abe", second.ID); !slices.Equal(r.Why.V, []string{"The deal is contested"}) {
			t.Errorf("%v", r.Why.V)
		}
		res, err := f.Put(f.as(t, "Abe"), reg.ID, registration.Values{pathSteps: `"Sign"`})
		if err != nil || res.Waiting != nil {
			t.Fatalf("an update of the first deal is not contested: %+v, %v", res, err)
		}
		f.p.set("O1", pathSteps, `"Theirs"`)
		first.NextSteps = "Ours"
		first = f.store(t, first)
		f.look(t, reg)
		if got := f.reg(t, first.ID); got.Conflicts != 1 {
			t.Fatalf("no conflict: %+v", got)
		}
		res, err = f.Put(f.as(t, "Abe"), reg.ID, registration.Values{pathStage: `"Launched"`})
		if err != nil || res.Waiting == nil || res.Waiting.Action != authz.ActionLaunch || !slices.Equal(res.Waiting.Why.V, []string{"The deal is contested"}) {
			t.Fatalf("%+v, %v", res.Waiting, err)
		}
	})
}

func TestTheValueIsASettingWithAnAuditEntry(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		f.joint(t, o)
		if err := f.SetRules(f.as(t, "Sue"), Rules{}, 0); !problem.Is(err, problem.KindForbidden) {
			t.Fatal(err)
		}
		f.fails(t, f.SetRules(f.as(t, "Dan"), Rules{ThresholdUSD: -1}, 0), problem.KindInvalid, "")
		if err := f.SetRules(f.as(t, "Dan"), Rules{ThresholdUSD: 999}, 0); err != nil {
			t.Fatal(err)
		}
		f.fails(t, f.SetRules(f.as(t, "Dan"), Rules{ThresholdUSD: 5}, 0), problem.KindPrecondition, "")
		f.asks(t, "Abe", o.ID)
		list, err := audit.Of(t.Context(), f.db, RulesSetting, 10)
		if err != nil || len(list) != 1 || list[0].ActorName != "Dan" || !strings.Contains(list[0].Detail, "999") {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestNobodyApprovesTheirOwnRequestAndOnlyDirectorsApprove(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		f.joint(t, o)
		r := f.asks(t, "Ann", o.ID)
		for _, name := range []string{"Ann", "Abe", "Sue", "Rea"} {
			_, err := f.Approve(f.as(t, name), r.ID, "", 0)
			f.fails(t, err, problem.KindForbidden, "not_allowed")
			_, err = f.Refuse(f.as(t, name), r.ID, "no", 0)
			f.fails(t, err, problem.KindForbidden, "not_allowed")
		}
		ann := f.who["Ann"]
		ann.Level = authz.LevelDirector // promoted meanwhile
		_, err := f.Approve(authz.With(t.Context(), ann), r.ID, "", 0)
		f.fails(t, err, problem.KindForbidden, "not_allowed")
		if got := f.get(t, r.ID); got.State != StatePending {
			t.Fatalf("%+v", got)
		}
		if _, err := f.Approve(f.as(t, "Sid"), r.ID, "", 0); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTwoDirectorsAtTheSameMomentDoItOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		runs := 0
		f.Handle("count", Executor{Run: func(ctx context.Context, tx *db.Tx, r *Request) error {
			if r.ID != "" {
				_, err := tx.Exec(ctx, `INSERT INTO setting (name, value, updated_at) VALUES (?, '1', ?)`, "done_"+r.DecidedBy, tx.Now())
				return err
			}
			return nil
		}})
		r, err := f.Do(f.as(t, "Ann"), Wish{Name: "count", Action: authz.ActionAccept, Subject: "inv_1", Title: "Accept"})
		if err != nil || r == nil {
			t.Fatal(r, err)
		}
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			ctx := f.as(t, []string{"Dan", "Sid"}[i%2])
			wg.Go(func() { _, errs[i] = f.Approve(ctx, r.ID, "", r.Version) })
		}
		wg.Wait()
		for _, err := range errs {
			if err == nil {
				runs++
			} else if codeOf(err) != "already_decided" || !strings.Contains(err.Error(), "by ") {
				t.Errorf("the slower one is told %v", err)
			}
		}
		done, err := db.Get[int64](t.Context(), f.db, `SELECT count(*) FROM setting WHERE name LIKE 'done%'`)
		if err != nil || runs != 1 || done != 1 {
			t.Fatalf("approved %d times, done %d times, %v", runs, done, err)
		}
	})
}

func TestAnApprovalThatDiesHalfwayLeavesTheRequestWaitingAndNothingDone(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		f.joint(t, o)
		r := f.asks(t, "Ann", o.ID)
		wake := f.regs.Wake
		f.regs.Wake = func(context.Context, *db.Tx, ...string) error { panic("killed") }
		func() {
			defer func() { _ = recover() }()
			_, err := f.Approve(f.as(t, "Dan"), r.ID, "", 0)
			t.Errorf("it went on: %v", err)
		}()
		f.regs.Wake = wake
		if got := f.get(t, r.ID); got.State != StatePending || f.reg(t, o.ID).ID != "" {
			t.Fatalf("%+v, %+v", got, f.reg(t, o.ID))
		}
		if _, err := f.Approve(f.as(t, "Dan"), r.ID, "", 0); err != nil {
			t.Fatal(err)
		}
		if f.reg(t, o.ID).ID == "" {
			t.Fatal("it did not go out")
		}
	})
}

func TestAWishThatIsOutOfDateIsSupersededWithAReason(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Registered meanwhile", usd(1000))
		f.joint(t, o)
		r := f.asks(t, "Ann", o.ID)
		f.registered(t, o)
		got, err := f.Approve(f.as(t, "Dan"), r.ID, "", r.Version)
		if err != nil || got.State != StateSuperseded || !strings.Contains(got.Outcome, "it is now “Approved”") || f.p.creates != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		if got := f.timeline(t, o.ID); got != "approval_requested/none/Ann approval_superseded/none/Dan" {
			t.Error(got)
		}

		reg := f.reg(t, o.ID)
		res, err := f.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathSteps: `"Sign"`})
		if err != nil || res.Waiting == nil {
			t.Fatalf("%+v, %v", res, err)
		}
		if !slices.Equal(res.Waiting.Details.V, []string{"Next steps: Call → Sign"}) {
			t.Errorf("%v", res.Waiting.Details.V)
		}
		f.p.set(reg.RemoteID, pathSteps, `"Theirs"`)
		f.look(t, reg)
		got, err = f.Approve(f.as(t, "Dan"), res.Waiting.ID, "", 0)
		if err != nil || got.State != StateSuperseded || got.Outcome != "Next steps changed since it was asked for: it was Call and is now Theirs" {
			t.Fatalf("%+v, %v", got, err)
		}

		other := f.deal(t, "Not joint any more", usd(1000))
		f.joint(t, other)
		r = f.asks(t, "Ash", other.ID)
		no := false
		if err := f.opps.MarkJoint(f.as(t, "Sue"), other.ID, cloud.AWS, &no, "lost them"); err != nil {
			t.Fatal(err)
		}
		if got, err = f.Approve(f.as(t, "Dan"), r.ID, "", 0); err != nil || got.State != StateSuperseded || !strings.Contains(got.Outcome, "not joint with AWS") {
			t.Fatalf("%+v, %v", got, err)
		}

		third := f.deal(t, "Who left", usd(1000))
		f.joint(t, third)
		r = f.asks(t, "Ash", third.ID)
		if err := f.people.Disable(f.as(t, "Dan"), "ash@example.com"); err != nil {
			t.Fatal(err)
		}
		if got, err = f.Approve(f.as(t, "Dan"), r.ID, "", 0); err != nil || got.State != StateSuperseded || !strings.Contains(got.Outcome, "Ash") {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}

func TestAnApprovedUpdateGoesToThePortalOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		reg := f.registered(t, o)
		_, err := f.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathSteps: `"bad"`})
		f.fails(t, err, problem.KindInvalid, "")
		res, err := f.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathSteps: `"Sign"`})
		if err != nil || res.Waiting == nil || res.Waiting.Title != "Change a field in AWS Partner Central" {
			t.Fatalf("%+v, %v", res, err)
		}
		first := *res.Waiting
		res, err = f.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathSteps: `"Sign it"`})
		if err != nil || res.Waiting == nil || res.Waiting.ID != first.ID || res.Waiting.Version != first.Version+1 {
			t.Fatalf("not joined with the first: %+v, %v", res.Waiting, err)
		}
		res, err = f.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathSteps: `"Sign it"`})
		if err != nil || res.Waiting.Version != first.Version+1 {
			t.Fatalf("the same again changed it: %+v, %v", res.Waiting, err)
		}
		if got := f.log(t, first.ID); got != "approval.request/Ann approval.change/Ann" {
			t.Error(got)
		}
		_, err = f.Approve(f.as(t, "Dan"), first.ID, "", first.Version)
		f.fails(t, err, problem.KindPrecondition, "stale_version") // not what the Director saw
		if _, err = f.Approve(f.as(t, "Dan"), first.ID, "", first.Version+1); err != nil {
			t.Fatal(err)
		}
		f.advance(t, reg.ID)
		if got := f.p.records[reg.RemoteID][pathSteps]; got != `"Sign it"` || f.p.version[reg.RemoteID] != 2 {
			t.Fatalf("%s in version %d", got, f.p.version[reg.RemoteID])
		}
	})
}

func TestANewerWishForOtherFieldsLosesNothingOfTheOlder(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		reg := f.registered(t, o)
		for _, v := range []registration.Values{{pathSteps: `"Sign"`}, {pathStage: `"Qualified"`}} {
			if _, err := f.Put(f.as(t, "Ann"), reg.ID, v); err != nil {
				t.Fatal(err)
			}
		}
		if res, err := f.Put(f.as(t, "Ash"), reg.ID, registration.Values{pathSteps: `"Call again"`}); err != nil || res.Waiting == nil {
			t.Fatal(res, err)
		}
		rows, _, err := f.List(f.as(t, "Dan"), Query{States: []State{StatePending}, OldestFirst: true})
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d requests, %v", len(rows), err)
		}
		if got := strings.Join(rows[0].Details.V, "|"); got != "Next steps: Call → Sign|Stage: Prospect → Qualified" || rows[0].Title != "Change 2 fields in AWS Partner Central" || rows[0].RequestedByName != "Ann" {
			t.Fatalf("%s of %s", got, rows[0].RequestedByName)
		}
		if _, err := f.Approve(f.as(t, "Dan"), rows[0].ID, "", 0); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Approve(f.as(t, "Dan"), rows[1].ID, "", 0); err != nil || got.State != StateSuperseded {
			t.Fatalf("Ash's wish was on a value that Ann changed: %+v, %v", got, err)
		}
	})
}

func TestLaunchAndCloseAreActionsOfTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		reg := f.registered(t, f.deal(t, "Deal", usd(1000)))
		for value, want := range map[string]authz.Action{`"Launched"`: authz.ActionLaunch, `"Closed Lost"`: authz.ActionClose, `"Qualified"`: authz.ActionUpdate} {
			res, err := f.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathStage: value})
			if err != nil || res.Waiting == nil || res.Waiting.Action != want {
				t.Errorf("%s: %+v, %v", value, res.Waiting, err)
			}
		}
	})
}

func TestASettledConflictWaitsAndIsOutOfDateWhenASideMovesOn(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		reg := f.registered(t, o)
		f.p.set(reg.RemoteID, pathSteps, `"Theirs"`)
		o.NextSteps = "Ours"
		f.store(t, o)
		f.look(t, reg)
		_, err := f.Settle(f.as(t, "Ann"), reg.ID, pathSteps, registration.ChoiceTheirs, `"Call"`, `"Theirs"`, "")
		f.fails(t, err, problem.KindPrecondition, "")
		res, err := f.Settle(f.as(t, "Abe"), reg.ID, pathSteps, registration.ChoiceOurs, `"Ours"`, `"Theirs"`, "")
		if err != nil || res.Waiting == nil || !slices.Equal(res.Waiting.Details.V, []string{"Next steps: ours, Ours, instead of Theirs"}) {
			t.Fatalf("%+v, %v", res.Waiting, err)
		}
		if r := f.reg(t, o.ID); r.Conflicts != 1 {
			t.Fatalf("%+v", r)
		}
		if got, err := f.Approve(f.as(t, "Dan"), res.Waiting.ID, "", 0); err != nil || got.State != StateApproved {
			t.Fatalf("%+v, %v", got, err)
		}
		f.advance(t, reg.ID)
		if r := f.reg(t, o.ID); r.Conflicts != 0 || f.p.records[reg.RemoteID][pathSteps] != `"Ours"` {
			t.Fatalf("%+v, %v", r, f.p.records)
		}
	})
}

func TestMarkingADealJointIsASubmissionWhereItWouldBeRegistered(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		yes, no := true, false
		res, err := f.MarkJoint(f.as(t, "Ann"), o.ID, cloud.AWS, &yes, "they buy there")
		if err != nil || res.Waiting == nil || f.reg(t, o.ID).ID != "" {
			t.Fatalf("%+v, %v", res, err)
		}
		if res, err = f.MarkJoint(f.as(t, "Ann"), o.ID, cloud.GCP, &yes, "they use it"); err != nil || res.Waiting != nil {
			t.Fatalf("no portal, no approval: %+v, %v", res, err)
		}
		if res, err = f.MarkJoint(f.as(t, "Ann"), o.ID, cloud.GCP, &no, "not so"); err != nil || res.Waiting != nil {
			t.Fatalf("%+v, %v", res, err)
		}
		rows, _, err := f.List(f.as(t, "Ann"), Query{RequestedBy: f.who["Ann"].ID})
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if got, err := f.Approve(f.as(t, "Dan"), rows[0].ID, "", 0); err != nil || got.State != StateApproved {
			t.Fatalf("%+v, %v", got, err)
		}
		if r := f.reg(t, o.ID); r.State != registration.StateChecking {
			t.Fatalf("%+v", r)
		}
	})
}

func TestWhatGoesAroundTheDecisionIsStopped(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		f.joint(t, o)
		_, _, err := f.regs.Register(f.as(t, "Ann"), o.ID, cloud.AWS, false)
		f.fails(t, err, problem.KindForbidden, "needs_approval")
		if _, _, err := f.regs.Register(f.as(t, "Ann"), o.ID, cloud.AWS, true); err != nil {
			t.Fatalf("a dry run needs none: %v", err)
		}
		reg := f.registered(t, o)
		_, err = f.regs.Put(f.as(t, "Ann"), reg.ID, registration.Values{pathSteps: `"x"`})
		f.fails(t, err, problem.KindForbidden, "needs_approval")
		if res, err := f.Register(f.as(t, "Ann"), o.ID, cloud.AWS); err != nil || res.Waiting != nil {
			t.Fatalf("a look at what is with the partner needs none: %+v, %v", res, err)
		}
	})
}

func TestARefusalHasANoteAndARequestCanBeTakenBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal(t, "Deal", usd(1000))
		f.joint(t, o)
		r := f.asks(t, "Ann", o.ID)
		_, err := f.Refuse(f.as(t, "Dan"), r.ID, " ", 0)
		f.fails(t, err, problem.KindInvalid, "")
		if waits, err := Waiting(f.as(t, "Dan"), f.db, 10); err != nil || len(waits) != 1 || waits[0].DealName != "Deal" || waits[0].Amount() != (money.Amount{Minor: 100_000, Currency: "USD"}) {
			t.Fatalf("%+v, %v", waits, err)
		}
		if got, err := f.Refuse(f.as(t, "Dan"), r.ID, "Too early", r.Version); err != nil || got.State != StateRefused || got.Note != "Too early" {
			t.Fatalf("%+v, %v", got, err)
		}
		_, err = f.Approve(f.as(t, "Sid"), r.ID, "", 0)
		f.fails(t, err, problem.KindConflict, "already_decided")
		_, err = f.Withdraw(f.as(t, "Ann"), r.ID, 0)
		f.fails(t, err, problem.KindConflict, "already_decided")
		asked, err := Asked(f.as(t, "Ann"), f.db, 10)
		if err != nil || len(asked) != 1 || asked[0].Note != "Too early" {
			t.Fatalf("%+v, %v", asked, err)
		}
		_, err = f.Seen(f.as(t, "Dan"), r.ID)
		f.fails(t, err, problem.KindForbidden, "not_yours")
		for range 2 {
			if _, err := f.Seen(f.as(t, "Ann"), r.ID); err != nil {
				t.Fatal(err)
			}
		}
		if asked, err = Asked(f.as(t, "Ann"), f.db, 10); err != nil || len(asked) != 0 {
			t.Fatalf("%+v, %v", asked, err)
		}

		again := f.asks(t, "Ann", o.ID)
		_, err = f.Withdraw(f.as(t, "Ash"), again.ID, 0)
		f.fails(t, err, problem.KindForbidden, "not_yours")
		if got, err := f.Withdraw(f.as(t, "Ann"), again.ID, 0); err != nil || got.State != StateWithdrawn {
			t.Fatalf("%+v, %v", got, err)
		}
		if waits, err := Waiting(f.as(t, "Dan"), f.db, 10); err != nil || len(waits) != 0 {
			t.Fatalf("%+v, %v", waits, err)
		}
		if got := f.timeline(t, o.ID); got != "approval_requested/none/Ann approval_refused/none/Dan approval_requested/none/Ann approval_withdrawn/none/Ann" {
			t.Error(got)
		}
	})
}
