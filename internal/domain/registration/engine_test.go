package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func TestADealGoesThroughItsWholeLife(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if err := f.SetDefaults(f.ctx, DefaultSolutions{cloud.AWS: {"S-1", "S-2"}}, 0); err != nil {
			t.Fatal(err)
		}
		f.p.taskSlow = 1
		f.take(t, good())
		r := f.reg(t)
		f.want(t, r, StateChecking)
		r = f.advance(t)
		f.want(t, r, StateSubmitting)
		if got := f.p.took(); got != "Create Associate Associate Submit TaskStatus" {
			t.Fatalf("the portal was asked %q", got)
		}
		if r.RemoteID != "O1" || r.SubmitTaskID == "" || r.EngagementID == "" || !r.DueAt.Equal(f.clock.Now().Add(pace.Task)) || r.Payload != "" {
			t.Fatalf("%+v", r)
		}
		r = f.due(t)
		f.want(t, r, StateSubmitted)
		if r.RemoteStatus != "Submitted" || !r.DueAt.Equal(f.clock.Now().Add(pace.Review)) || !r.SubmittedAt.Equal(f.clock.Now()) || !r.CRMDirty {
			t.Fatalf("%+v", r)
		}
		f.p.review(t, "In review", StateInReview, "")
		f.want(t, f.due(t), StateInReview)
		f.p.records["O1"].sellers = Sellers{{Name: "Sam Seller", Email: "sam@example.com", Role: "AM"}}
		f.p.review(t, "Action required", StateActionRequired, "say who buys")
		r = f.due(t)
		f.want(t, r, StateActionRequired)
		if r.ReviewComment != "say who buys" || !r.DecidedAt.Equal(f.clock.Now()) || len(r.Sellers) != 1 {
			t.Fatalf("%+v", r)
		}
		f.p.review(t, "Approved", StateApproved, "")
		r = f.due(t)
		f.want(t, r, StateApproved)
		if r.ReviewComment != "" || !r.DueAt.Equal(f.clock.Now().Add(pace.Refresh)) {
			t.Fatalf("%+v", r)
		}
		f.want(t, f.due(t), StateApproved) // nothing new: nothing told
		f.p.review(t, "Approved", StateLaunched, "")
		f.want(t, f.due(t), StateLaunched)
		if got := f.events(t); got != "registered submitted in_review action_required partner_seller approved launched" {
			t.Fatalf("told %q", got)
		}
		if f.p.count() != 1 || strings.Join(f.p.records["O1"].solutions, " ") != "S-1 S-2" {
			t.Fatalf("%d records", f.p.count())
		}
	})
}

func TestABlockedDealIsCheckedAgainByItselfWhenItIsMended(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bad := good()
		bad.Description = ""
		f.take(t, bad)
		r := f.advance(t)
		f.want(t, r, StateBlocked)
		if r.Blocking != 1 || r.Findings.Errors() != 1 || len(r.Findings) != 2 || !r.DueAt.IsZero() || !r.CRMDirty || !strings.HasPrefix(r.Reason, "One field") {
			t.Fatalf("%+v", r)
		}
		if got := f.p.took(); got != "" {
			t.Fatalf("the portal was asked %q", got)
		}
		f.take(t, good())
		f.want(t, f.reg(t), StateChecking)
		r = f.advance(t)
		f.want(t, r, StateSubmitted)
		if r.Blocking != 0 || r.Reason != "" {
			t.Fatalf("%+v", r)
		}
	})
}

func TestADealThatIsNoLongerWantedIsWithdrawnBeforeThePortalAndComesBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bad := good()
		bad.Description = ""
		f.take(t, bad)
		f.advance(t)
		rows, err := f.Dirty(f.ctx, 10)
		if err != nil || len(rows) != 1 || rows[0].SyncState != "Blocked" {
			t.Fatal(rows, err)
		}
		if err := f.Written(f.ctx, rows, []CRMResult{{RowID: "a01"}}); err != nil {
			t.Fatal(err)
		}
		alone := bad
		alone.FulfillmentPartner = ""
		f.take(t, alone)
		r := f.reg(t)
		f.want(t, r, StateWithdrawn)
		if r.Reason != "not joint with AWS" || len(r.Findings) != 0 || !r.DueAt.IsZero() {
			t.Fatalf("%+v", r)
		}
		if rows, err = f.Dirty(f.ctx, 10); err != nil || len(rows) != 1 || rows[0].SyncState != "Withdrawn" {
			t.Fatal("Salesforce still holds it as blocked", rows, err)
		}
		if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, false); !problem.Is(err, problem.KindConflict) {
			t.Fatal("registered though it is not joint", err)
		}
		closed := good()
		closed.Closed = true
		f.take(t, closed)
		f.want(t, f.reg(t), StateWithdrawn)
		f.take(t, good())
		f.want(t, f.reg(t), StateChecking)
		f.want(t, f.advance(t), StateSubmitted)
		// In the portal it stays, whatever the rule says now.
		f.take(t, alone)
		f.want(t, f.reg(t), StateSubmitted)
		if f.p.count() != 1 || f.events(t) != "registered submitted" {
			t.Fatal(f.p.count(), f.events(t))
		}
	})
}

func TestAWordThatWeDoNotKnowAndAMoveThatCannotBeLeaveTheState(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		f.want(t, f.advance(t), StateSubmitted)
		f.p.review(t, "Rejected", StateRejected, "no")
		f.want(t, f.due(t), StateRejected)
		for _, c := range []struct {
			status string
			state  State
		}{{"Mumbling", ""}, {"Launched?", StateLaunched}, {"Nonsense", "nonsense"}, {"Created", StateCreated}} {
			f.p.review(t, c.status, c.state, "hm")
			r := f.due(t)
			f.want(t, r, StateRejected)
			if r.RemoteStatus != c.status || r.ReviewComment != "hm" || r.Error != "" || !r.CRMDirty || r.DueAt.IsZero() {
				t.Fatalf("%s: %+v", c.status, r)
			}
		}
		if got := f.events(t); got != "registered submitted in_review rejected" {
			t.Fatal(got)
		}
	})
}

func TestThePartnersPeopleAreToldOfOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		id := f.advance(t).RemoteID
		sam, kim := Seller{Name: "Sam", Email: "sam@example.com", Role: "AM"}, Seller{Name: "Kim", Email: "kim@example.com"}
		for _, people := range []Sellers{{sam, kim}, {kim, sam}, {kim, sam, {Name: "Lu"}}, {kim}} {
			f.p.mu.Lock()
			f.p.records[id].sellers = people
			f.p.mu.Unlock()
			if r := f.due(t); len(r.Sellers) != len(people) || r.DueAt.IsZero() {
				t.Fatalf("%+v", r)
			}
		}
		type line struct {
			Subject string `db:"subject"`
			Body    string `db:"body"`
		}
		got, err := db.Select[line](f.ctx, f.db, `SELECT subject, body FROM activity WHERE kind = 'partner_seller' ORDER BY id`)
		want := []line{
			{"AWS has 2 people on this deal (O1)", "Sam, AM, sam@example.com\nKim, kim@example.com"},
			{"AWS has one more person on this deal (O1)", "Lu"},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
}

func TestAPortalThatAnswersWithLessLosesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		before := f.advance(t)
		f.p.mu.Lock()
		f.p.records[before.RemoteID].id, f.p.records[before.RemoteID].status, f.p.records[before.RemoteID].state = "", "", ""
		f.p.mu.Unlock()
		after := f.due(t)
		if after.RemoteID != before.RemoteID || after.RemoteStatus != before.RemoteStatus || after.State != before.State {
			t.Fatalf("%+v", after)
		}
	})
}

func TestADealThatChangesWhileItIsCheckedIsCheckedAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bad := good()
		bad.Description = ""
		f.take(t, bad)
		checks := 0
		f.p.onCheck = func(Deal) {
			if checks++; checks == 1 {
				f.take(t, good()) // mended between our reading and our storing
			}
		}
		f.want(t, f.advance(t), StateSubmitted)
		if checks != 2 {
			t.Fatalf("checked %d times", checks)
		}
	})
}

func TestSeveralWhoAdvanceTheSameDealMakeOneRecord(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		id := f.reg(t).ID
		for range 4 { // whoever loses a race may stop early; the job comes again
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if err := f.Advance(f.ctx, id); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		r := f.reg(t)
		for r.State != StateSubmitted {
			r = f.due(t)
		}
		if f.p.count() != 1 || f.events(t) != "registered submitted" {
			t.Fatalf("%d records, told %q", f.p.count(), f.events(t))
		}
	})
}

func TestSalesforceIsToldOfEveryChangeAndOnlyTheLatestMakesTheRecordClean(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		if n, err := CountDirty(f.ctx, f.db); n != 0 || err != nil {
			t.Fatal("a registration of which nothing happened", n, err)
		}
		f.p.trouble = func(op string) *fault {
			if op == "Submit" {
				return &fault{err: passing(problem.RetrySoon, 0)}
			}
			return nil
		}
		f.advance(t)
		rows, err := f.Dirty(f.ctx, 10)
		if err != nil || len(rows) != 1 || rows[0].Key != "aws-006A" || rows[0].PortalID != "O1" || rows[0].OpportunityCRMID != "006A" {
			t.Fatal("made in the portal, and Salesforce does not hear of it", rows, err)
		}
		f.p.trouble = nil
		f.due(t)
		if err := f.Written(f.ctx, rows, []CRMResult{{RowID: "a01"}}); err != nil {
			t.Fatal(err)
		}
		if r := f.reg(t); !r.CRMDirty || r.CRMRowID != "a01" {
			t.Fatalf("it changed meanwhile, and counts as written: %+v", r)
		}
		if rows, err = f.Dirty(f.ctx, 10); err != nil || rows[0].SyncState != "Submitted" || rows[0].PortalStatus != "Submitted" {
			t.Fatal(rows, err)
		}
		if err := f.Written(f.ctx, rows, []CRMResult{{Err: passing(problem.RetrySoon, 0)}}); err != nil {
			t.Fatal(err)
		}
		if n, err := CountDirty(f.ctx, f.db); n != 1 || err != nil {
			t.Fatal("a passing refusal", n, err)
		}
		if err := f.Written(f.ctx, rows, []CRMResult{{Err: passing(problem.RetryHuman, 0)}}); err != nil {
			t.Fatal(err)
		}
		if n, err := CountDirty(f.ctx, f.db); n != 0 || err != nil {
			t.Fatal("a refusal for good is tried on and on", n, err)
		}
		if r := f.reg(t); r.CRMError == "" {
			t.Fatalf("%+v", r)
		}
		f.p.review(t, "Approved", StateApproved, "")
		f.due(t) // new news is worth a new try
		if rows, err = f.Dirty(f.ctx, 10); err != nil || len(rows) != 1 || rows[0].SyncState != "Approved" {
			t.Fatal(rows, err)
		}
		if err := f.Written(f.ctx, rows, []CRMResult{{RowID: "a01"}}); err != nil {
			t.Fatal(err)
		}
		if r := f.reg(t); r.CRMDirty || r.CRMError != "" {
			t.Fatalf("%+v", r)
		}
		f.due(t)
		if r := f.reg(t); r.CRMDirty {
			t.Fatal("nothing new, and it is dirty")
		}
		if err := f.Written(f.ctx, rows, nil); err == nil {
			t.Fatal("no results for one record passed")
		}
	})
}

func TestAnEventThatCannotBeKeptHoldsTheChangeBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		told := f.Happened
		f.Write = nil // not called when the event fails first
		boom := fmt.Errorf("disk full")
		f.Happened = func(context.Context, *dbTx, Event) error { return boom }
		if err := f.Advance(f.ctx, f.reg(t).ID); err == nil {
			t.Fatal("no error")
		}
		f.want(t, f.reg(t), StateCreating)
		f.Happened, f.Write = told, func(context.Context, *dbTx) error { return nil }
		f.want(t, f.advance(t), StateSubmitted)
		if f.p.count() != 1 || f.events(t) != "registered submitted" {
			t.Fatalf("%d records, told %q", f.p.count(), f.events(t))
		}
	})
}

func TestAPersonSeesThePayloadBeforeAnythingIsSent(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bad := good()
		bad.Description = ""
		f.take(t, bad)
		r, payload, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, true)
		if err != nil || r.State != StateBlocked || r.Blocking != 1 || payload != nil || r.ID != "" {
			t.Fatalf("%+v %s %v", r, payload, err)
		}
		f.take(t, good())
		before := f.reg(t)
		r, payload, err = f.Register(f.ctx, f.opp.ID, cloud.AWS, true)
		if err != nil || r.State != StateChecking || !json.Valid(payload) {
			t.Fatalf("%+v %s %v", r, payload, err)
		}
		if after := f.reg(t); after.Version != before.Version || f.p.took() != "" {
			t.Fatal("a dry run changed something")
		}
		if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.GCP, true); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		if _, _, err := f.Register(f.ctx, "opp_x", cloud.AWS, false); !problem.Is(err, problem.KindNotFound) {
			t.Fatal(err)
		}
	})
}

func TestOneLookIsPlannedForEachWish(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		woken := 0
		f.Wake = func(_ context.Context, _ *dbTx, ids ...string) error { woken += len(ids); return nil }
		f.take(t, good())
		if woken != 1 {
			t.Fatalf("woken %d times", woken)
		}
		ids, err := DueIDs(f.ctx, f.db, cloud.All(), f.clock.Now(), 10)
		if err != nil || len(ids) != 1 {
			t.Fatal(ids, err)
		}
		f.advance(t)
		if ids, err = DueIDs(f.ctx, f.db, cloud.All(), f.clock.Now(), 10); err != nil || len(ids) != 0 {
			t.Fatal(ids, err)
		}
		if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, false); err != nil || woken != 2 {
			t.Fatal(err, woken)
		}
		if n, err := CountUnsettled(f.ctx, f.db, false); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := CountUnsettled(f.ctx, f.db, true); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := CountCreatedSince(f.ctx, f.db, f.clock.Now().Add(-time.Hour)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestSolutionsAreChosenUntilTheDealIsInThePortal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bad := good()
		bad.Description = ""
		f.take(t, bad)
		r := f.advance(t)
		choose := func(version int64, ids ...string) error {
			_, err := f.ChooseSolutions(f.ctx, r.ID, ids, version)
			return err
		}
		if err := choose(r.Version, "S-9"); !problem.Is(err, problem.KindInvalid) {
			t.Error(err)
		}
		if err := choose(r.Version-1, "S-1"); !problem.Is(err, problem.KindPrecondition) {
			t.Error(err)
		}
		if err := choose(r.Version, "S-2"); err != nil {
			t.Error(err)
		}
		f.want(t, f.reg(t), StateChecking)
		f.take(t, good())
		r = f.advance(t)
		f.want(t, r, StateSubmitted)
		if got := strings.Join(f.p.records["O1"].solutions, " "); got != "S-2" {
			t.Errorf("linked %q", got)
		}
		if err := choose(0, "S-1"); !problem.Is(err, problem.KindConflict) {
			t.Error(err)
		}
		f.p.trouble = func(string) *fault { return &fault{err: passing(problem.RetryHuman, 0)} }
		f.want(t, f.due(t), StateFailed)
		if err := choose(0, "S-1"); !problem.Is(err, problem.KindConflict) {
			t.Error("a failed look lets one change what is linked", err)
		}
		if err := f.SetDefaults(f.ctx, DefaultSolutions{cloud.AWS: {"S-9"}}, 0); !problem.Is(err, problem.KindInvalid) {
			t.Error(err)
		}
		views, err := f.Views(f.ctx, f.opp.ID)
		if err != nil || len(views) != 1 || !views[0].Connected || views[0].Joint == nil || views[0].Registration == nil || len(views[0].Pairs) != 1 || len(views[0].Solutions) != 2 || views[0].Chosen[0] != "S-2" {
			t.Errorf("%+v, %v", views, err)
		}
	})
}

func TestTheTableOfMovesHoldsEveryStateAndNoOther(t *testing.T) {
	t.Parallel()
	known := map[State]bool{}
	for _, s := range States() {
		known[s] = true
		if len(moves[s]) == 0 || s.Label() == "" {
			t.Errorf("%s has no way on, or no name", s)
		}
	}
	reached := map[State]bool{StateChecking: true}
	for from, list := range moves {
		if !known[from] {
			t.Errorf("%s is no state", from)
		}
		for _, to := range list {
			reached[to] = true
			if !known[to] || to == from {
				t.Errorf("%s → %s", from, to)
			}
		}
	}
	for s := range known {
		if !reached[s] {
			t.Errorf("nothing leads to %s", s)
		}
		if s.CanBecome("") || s.CanBecome("nonsense") {
			t.Errorf("%s can become nothing", s)
		}
	}
	r := Registration{State: StateChecking}
	if err := r.move(StateApproved, time.Now()); !problem.Is(err, problem.KindConflict) || r.State != StateChecking {
		t.Error(err, r.State)
	}
}
