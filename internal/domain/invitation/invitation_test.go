package invitation

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func TestAnInvitationIsTakenOverOnceAndShowsWhatIsHidden(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.want(t, f.offered(t, KindOpportunity), StatePending)
		if i.CustomerName != "Amber Foods" || len(i.Facts.V) != 1 || len(i.Hidden.V) != 1 || i.Payload == "" || i.RemoteStatus != "PENDING" || !i.DueAt.Equal(i.ExpiresAt.Add(-7*day)) {
			t.Fatalf("%+v", i)
		}
		f.follow(t, false)
		f.follow(t, true)
		if p, err := f.List(f.ctx, Query{}); err != nil || len(p.Rows) != 1 || p.Rows[0].Version != 1 {
			t.Fatal(p.Rows, err)
		}
		if got := f.told(t, i.ID); got != "received" {
			t.Fatal(got)
		}
	})
}

func TestAcceptingMakesOneOpportunityAndLinkingRegistersIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.p.slow = true
		i := f.offered(t, KindOpportunity)
		f.p.took()
		i = done(t)(f.Accept(f.ctx, Answer{ID: i.ID, Version: i.Version}))
		f.want(t, i, StateAccepting)
		if len(f.woken) == 0 || i.Token == "" || i.AnsweredBy != "Ada" {
			t.Fatalf("%+v", i)
		}
		i = f.want(t, f.run(t, i.ID), StateAccepted)
		if got := f.p.took(); got != "Accept AcceptTask Get Opportunity" {
			t.Fatal(got)
		}
		if i.RemoteOppID != "O1" || len(i.Hidden.V) != 0 || i.RemoteRecord == "" || len(i.Facts.V) != 2 || !i.DueAt.IsZero() {
			t.Fatalf("%+v", i)
		}
		o := f.deal(t, "006A")
		if _, err := f.Link(f.ctx, Answer{ID: i.ID}, "opp_nothing"); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		for range 2 { // twice is once
			i = done(t)(f.Link(f.ctx, Answer{ID: i.ID}, o.ID))
		}
		f.want(t, i, StateLinked)
		regs, err := registration.ByOpportunities(f.ctx, f.db, []string{o.ID})
		if err != nil || len(regs[o.ID]) != 1 || regs[o.ID][0].RemoteID != "O1" || i.RegistrationID != regs[o.ID][0].ID {
			t.Fatal(regs, err)
		}
		if records, err := f.regs.Dirty(f.ctx, 10); err != nil || len(records) != 1 || !records[0].Offered {
			t.Fatalf("Salesforce is not told that it was offered: %+v, %v", records, err)
		}
		joint, err := opportunity.JointOf(f.ctx, f.db, []string{o.ID})
		if err != nil || len(joint[o.ID]) != 1 || !joint[o.ID][0].Joint {
			t.Fatal(joint, err)
		}
		if got := f.told(t, i.ID); got != "received accepting accepted linked" {
			t.Fatal(got)
		}
		log, err := audit.Of(f.ctx, f.db, i.ID, 10)
		if err != nil || len(log) != 2 || log[1].Action != "invitation.accept" || log[0].Action != "invitation.link" {
			t.Fatal(log, err)
		}
	})
}

// Every way in which the answer to an acceptance can be lost, and every moment at
// which the process can end.
func TestAnAcceptanceWhoseAnswerIsLostMakesNoSecondOpportunity(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for _, kind := range []Kind{KindOpportunity, KindLead} {
			for _, faults := range [][]string{{"before"}, {"after"}, {"before", "after"}, {"after", "before", "after"}} {
				made := f.p.made
				f.p.faults["Accept"] = faults
				f.p.slow = !f.p.slow
				i := f.offered(t, kind)
				i = done(t)(f.Accept(f.ctx, Answer{ID: i.ID}))
				token := i.Token
				i = f.want(t, f.run(t, i.ID), StateAccepted)
				if i.Token != token {
					t.Fatalf("%s %v: another token", kind, faults)
				}
				want := 1
				if kind == KindLead {
					want = 0
				}
				if f.p.made-made != want {
					t.Fatalf("%s %v: %d opportunities", kind, faults, f.p.made-made)
				}
			}
		}
	})
}

func TestAnAcceptanceThatWasKilledIsLookedForBeforeItIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.offered(t, KindOpportunity)
		i = done(t)(f.Accept(f.ctx, Answer{ID: i.ID}))
		// The process notes the call, makes it, and dies.
		if err := f.save(f.ctx, &i, func(tx *db.Tx) error { i.AskedAt = tx.Now(); return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := f.p.Accept(f.ctx, i.RemoteID, i.Kind, i.Token); err != nil {
			t.Fatal(err)
		}
		f.p.took()
		f.want(t, f.run(t, i.ID), StateAccepted)
		if got := f.p.took(); strings.Contains(got, "Accept ") || f.p.made != 1 {
			t.Fatal(got, f.p.made)
		}
		if _, err := f.Accept(f.ctx, Answer{ID: i.ID}); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
	})
}

func TestOnlyATaskThatFailedIsStartedWithAnotherToken(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.p.faults["task"] = []string{"failed"}
		i := f.offered(t, KindOpportunity)
		i = done(t)(f.Accept(f.ctx, Answer{ID: i.ID}))
		first := i.Token
		i = f.want(t, f.run(t, i.ID), StateFailed)
		if !strings.Contains(i.Error, "no role") || i.FailedFrom != StateAccepting || !i.DueAt.IsZero() {
			t.Fatalf("%+v", i)
		}
		if i = done(t)(f.Retry(f.ctx, Answer{ID: i.ID})); i.Token == first {
			t.Fatal(i.Token)
		}
		if i = f.want(t, f.run(t, i.ID), StateAccepted); f.p.made != 1 || i.RemoteOppID != "O1" {
			t.Fatalf("%+v", i)
		}

		f.p.faults["Accept"] = []string{"no"}
		f.p.refer(KindOpportunity)
		i = f.follow(t, false)
		i = done(t)(f.Accept(f.ctx, Answer{ID: i.ID}))
		first = i.Token
		f.want(t, f.run(t, i.ID), StateFailed)
		if i = done(t)(f.Retry(f.ctx, Answer{ID: i.ID})); i.Token != first {
			t.Fatal(i.Token)
		}
		f.want(t, f.run(t, i.ID), StateAccepted)
	})
}

func TestARejectionNeedsOneOfThePortalsReasonsAndSurvivesALostAnswer(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.offered(t, KindOpportunity)
		for _, bad := range []string{"", "  ", "no thanks"} {
			if _, err := f.Reject(f.ctx, Answer{ID: i.ID}, bad); !problem.Is(err, problem.KindInvalid) {
				t.Fatalf("%q: %v", bad, err)
			}
		}
		f.p.faults["Reject"] = []string{"after"}
		if _, err := f.Reject(f.ctx, Answer{ID: i.ID}, "Unable to support"); err != nil {
			t.Fatal(err)
		}
		i = f.want(t, f.run(t, i.ID), StateRejected)
		if i.Rejection != "Unable to support" || i.RemoteStatus != "REJECTED" || i.AnsweredBy != "Ada" || f.told(t, i.ID) != "received rejecting rejected" {
			t.Fatalf("%+v %s", i, f.told(t, i.ID))
		}
	})
}

func TestEachWarningIsGivenOnceAndTheEndIsThePortalsWord(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.offered(t, KindOpportunity)
		for range 3 {
			if i = f.get(t, i.ID); i.State != StatePending {
				t.Fatal(i.State)
			}
			f.clock.Set(i.DueAt)
			for range 2 {
				if err := f.Advance(f.ctx, i.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := f.told(t, i.ID); got != "received expires_7 expires_3 expires_1" {
			t.Fatal(got)
		}
		f.clock.Set(i.ExpiresAt)
		if _, err := f.Accept(f.ctx, Answer{ID: i.ID}); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		f.want(t, f.run(t, i.ID), StateExpired)

		// One that was slept through is warned of once.
		f.p.refer(KindLead)
		f.clock.Advance(13 * day)
		i = f.run(t, f.follow(t, false).ID)
		if got := f.told(t, i.ID); got != "received expires_3" {
			t.Fatal(got)
		}
	})
}

func TestALeadIsMadeAnOpportunityOnceWhenAPersonWantsIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.p.slow = true
		i := f.offered(t, KindLead)
		if _, err := f.Convert(f.ctx, Answer{ID: i.ID}); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		if _, err := f.Accept(f.ctx, Answer{ID: i.ID}); err != nil {
			t.Fatal(err)
		}
		i = f.want(t, f.run(t, i.ID), StateAccepted)
		if !i.Convertible() || i.Linkable() {
			t.Fatalf("%+v", i)
		}
		f.p.faults["Convert"] = []string{"after"}
		if _, err := f.Convert(f.ctx, Answer{ID: i.ID}); err != nil {
			t.Fatal(err)
		}
		i = f.want(t, f.run(t, i.ID), StateAccepted)
		if i.RemoteOppID != "O1" || f.p.made != 1 || !i.Linkable() || f.told(t, i.ID) != "received accepting accepted converting converted" {
			t.Fatalf("%+v %s", i, f.told(t, i.ID))
		}
	})
}

func TestWhatIsAnsweredInThePortalItselfIsTakenOver(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.offered(t, KindOpportunity)
		if _, err := f.p.Accept(f.ctx, i.RemoteID, i.Kind, "another"); err != nil {
			t.Fatal(err)
		}
		f.follow(t, false)
		i = f.want(t, f.run(t, i.ID), StateAccepted)
		if i.RemoteOppID != "O1" || i.AnsweredBy != "" {
			t.Fatalf("%+v", i)
		}
		// A registration that has the record already is the answer to "which opportunity?".
		o := f.deal(t, "006B")
		second := f.p.refer(KindOpportunity)
		if _, err := f.p.Accept(f.ctx, second, KindOpportunity, "a third"); err != nil {
			t.Fatal(err)
		}
		if err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
			_, err := f.regs.Link(f.ctx, tx, o.ID, cloud.AWS, "O2", false)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		f.follow(t, true)
		known, err := ByRemoteIDs(f.ctx, f.db, cloud.AWS, []string{second})
		if err != nil {
			t.Fatal(err)
		}
		if i = f.want(t, f.run(t, known[second].ID), StateLinked); i.OpportunityID != o.ID {
			t.Fatalf("%+v", i)
		}
		// The other cannot be linked with it, nor can it be linked twice.
		if _, err := f.Link(f.ctx, Answer{ID: f.follow(t, false).ID}, o.ID); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		third := f.offered(t, KindLead)
		delete(f.p.offers, third.RemoteID)
		f.follow(t, false)
		f.want(t, f.get(t, third.ID), StateGone)
	})
}

func TestAnEventPlansOneLookHoweverOftenItComes(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		looks := 0
		f.Look = func(_ context.Context, _ *db.Tx, c cloud.Cloud) error { looks++; return nil }
		for range 3 {
			if _, err := f.Heard(f.ctx, cloud.AWS, registration.PortalEvent{ID: "e1", Kind: "Engagement Invitation Created", RemoteID: "engi-1"}); err != nil {
				t.Fatal(err)
			}
		}
		if looks != 1 {
			t.Fatal(looks)
		}
		// What was heard while a look ran is looked at by the sweep, once.
		for _, want := range []int{1, 0} {
			late, err := f.Overdue(f.ctx)
			if err != nil || len(late) != want {
				t.Fatal(late, err)
			}
			f.clock.Advance(2 * lookMargin)
			if _, err := f.Follow(f.ctx, cloud.AWS, false); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestADryRunChecksAndChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.offered(t, KindOpportunity)
		if got, err := f.Accept(f.ctx, Answer{ID: i.ID, DryRun: true}); err != nil || got.Invitation.State != StatePending {
			t.Fatal(got.Invitation.State, err)
		}
		if _, err := f.Reject(f.ctx, Answer{ID: i.ID, DryRun: true}, "nonsense"); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		if got := f.get(t, i.ID); got.Version != i.Version || f.told(t, i.ID) != "received" {
			t.Fatalf("%+v", got)
		}
		if _, err := f.Accept(f.ctx, Answer{ID: i.ID, Version: 99}); !problem.Is(err, problem.KindPrecondition) {
			t.Fatal(err)
		}
	})
}

func TestAReaderAnswersNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		i := f.offered(t, KindOpportunity)
		reader := as(t.Context(), authz.LevelReader)
		for name, err := range map[string]error{
			"accept":  second(f.Accept(reader, Answer{ID: i.ID})),
			"reject":  second(f.Reject(reader, Answer{ID: i.ID}, "Other")),
			"convert": second(f.Convert(reader, Answer{ID: i.ID})),
			"retry":   second(f.Retry(reader, Answer{ID: i.ID})),
			"link":    second(f.Link(reader, Answer{ID: i.ID}, "opp_1")),
		} {
			if !problem.Is(err, problem.KindForbidden) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := f.Get(reader, i.ID); err != nil {
			t.Fatal(err)
		}
	})
}

func second(_ Result, err error) error { return err }

func TestTheListBeginsWithWhatExpiresSoonestAndIsPaged(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for range 3 {
			f.p.refer(KindOpportunity)
			f.clock.Advance(time.Hour)
		}
		f.follow(t, false)
		known, err := ByRemoteIDs(f.ctx, f.db, cloud.AWS, []string{"engi-1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Reject(f.ctx, Answer{ID: known["engi-1"].ID}, "Other"); err != nil {
			t.Fatal(err)
		}
		f.run(t, known["engi-1"].ID)
		var got []string
		q := Query{Limit: 2}
		for {
			p, err := f.List(f.ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range p.Rows {
				got = append(got, i.RemoteID)
			}
			if q.After = p.Next; p.Next == "" {
				break
			}
		}
		if strings.Join(got, " ") != "engi-2 engi-3 engi-1" {
			t.Fatal(got)
		}
		n, err := f.Counts(f.ctx)
		if err != nil || n[StatePending] != 2 || n[StateRejected] != 1 {
			t.Fatal(n, err)
		}
	})
}

func TestOnlyTheMovesOfTheTableAreLegal(t *testing.T) {
	t.Parallel()
	for _, from := range States() {
		for _, to := range States() {
			i := Invitation{State: from}
			err := i.move(to, time.Now())
			if legal := from == to || from.CanBecome(to); legal != (err == nil) {
				t.Errorf("%s to %s: %v", from, to, err)
			}
		}
		if !from.Open() && from != StateDismissed && len(moves[from]) > 0 {
			t.Errorf("%s is an end, and goes on", from)
		}
	}
}
