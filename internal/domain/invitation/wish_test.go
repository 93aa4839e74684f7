package invitation

import (
	"slices"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func TestAnAssociatesAcceptanceGoesOutWhenADirectorApproves(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann, dan := f.person(t, "Ann", authz.LevelAssociate), f.person(t, "Dan", authz.LevelDirector)
		i := f.offered(t, KindOpportunity)
		f.p.took()
		r := asked(t)(f.Accept(ann, Answer{ID: i.ID, Version: i.Version}))
		if r.Title != "Accept the referral from AWS" || r.DealName != "Platform engi-1" || r.AccountName != "Amber Foods" || r.Subject != i.ID || r.SentTo != "Dan" ||
			!slices.Equal(r.Details.V, []string{"It expires on 2026-12-09 09:00 UTC"}) || !slices.Equal(r.Why.V, []string{"An Associate's work goes to the partner after a Director approved it"}) {
			t.Fatalf("%+v", r)
		}
		if i = f.run(t, i.ID); i.State != StatePending || f.p.took() != "" || i.AnsweredBy != "" {
			t.Fatalf("it went out unapproved: %+v", i)
		}
		f.clock.Set(i.ExpiresAt.Add(-7 * day)) // what happens meanwhile without changing its state is no matter
		f.run(t, i.ID)
		woken := len(f.woken)
		got, err := f.apprs.Approve(dan, r.ID, "Good one", r.Version)
		if err != nil || got.State != approval.StateApproved {
			t.Fatalf("%+v, %v", got, err)
		}
		i = f.want(t, f.get(t, i.ID), StateAccepting)
		if i.AnsweredBy != "Ann" || i.Token == "" || len(f.woken) == woken {
			t.Fatalf("it does not go out by itself: %+v", i)
		}
		f.want(t, f.run(t, i.ID), StateAccepted)
		if f.p.made != 1 {
			t.Fatalf("%d opportunities", f.p.made)
		}
		if got := f.told(t, i.ID); got != "received approval_requested expires_7 approval_given accepting accepted" {
			t.Error(got)
		}
		log, err := audit.Of(t.Context(), f.db, i.ID, 10)
		if err != nil || len(log) != 1 || log[0].Action != "invitation.accept" || log[0].ActorName != "Ann" {
			t.Errorf("%+v, %v", log, err)
		}
	})
}

func TestARejectionAndAllThatFollowsAnAcceptanceWaitForADirectorToo(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann, dan := f.person(t, "Ann", authz.LevelAssociate), f.person(t, "Dan", authz.LevelDirector)
		approve := func(r approval.Request) {
			t.Helper()
			if got, err := f.apprs.Approve(dan, r.ID, "", r.Version); err != nil || got.State != approval.StateApproved {
				t.Fatalf("%+v, %v", got, err)
			}
		}
		i := f.offered(t, KindOpportunity)
		if _, err := f.Reject(ann, Answer{ID: i.ID}, "no thanks"); !problem.Is(err, problem.KindInvalid) {
			t.Fatalf("what the portal would not take is asked for: %v", err)
		}
		r := asked(t)(f.Reject(ann, Answer{ID: i.ID}, "Other"))
		if again := asked(t)(f.Reject(ann, Answer{ID: i.ID}, " Unable to support ")); again.ID != r.ID || again.Details.V[0] != "Because: Unable to support" {
			t.Fatalf("asked twice: %+v", again)
		}
		if _, err := f.apprs.Approve(dan, r.ID, "", r.Version); !problem.Is(err, problem.KindPrecondition) {
			t.Fatalf("Dan approves what he did not see: %v", err)
		}
		r.Version++
		approve(r)
		if i = f.want(t, f.run(t, i.ID), StateRejected); i.Rejection != "Unable to support" || i.AnsweredBy != "Ann" {
			t.Fatalf("%+v", i)
		}

		i = f.offered(t, KindLead)
		approve(asked(t)(f.Accept(ann, Answer{ID: i.ID})))
		f.want(t, f.run(t, i.ID), StateAccepted)
		f.p.faults["Convert"] = []string{"no"}
		approve(asked(t)(f.Convert(ann, Answer{ID: i.ID})))
		f.want(t, f.run(t, i.ID), StateFailed)
		r = asked(t)(f.Retry(ann, Answer{ID: i.ID}))
		if r.Title != "Try again to make an opportunity of the lead from AWS" {
			t.Error(r.Title)
		}
		approve(r)
		i = f.want(t, f.run(t, i.ID), StateAccepted)
		o := f.deal(t, "006A")
		r = asked(t)(f.Link(ann, Answer{ID: i.ID}, o.ID))
		if r.OpportunityID != o.ID || r.DealName != o.Name || f.get(t, i.ID).State != StateAccepted {
			t.Fatalf("%+v", r)
		}
		approve(r)
		i = f.want(t, f.get(t, i.ID), StateLinked)
		regs, err := registration.ByOpportunities(f.ctx, f.db, []string{o.ID})
		if err != nil || len(regs[o.ID]) != 1 || regs[o.ID][0].RemoteID != i.RemoteOppID {
			t.Fatal(regs, err)
		}
	})
}

func TestADirectorAnABDMAndASeniorAnswerAtOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for _, l := range []authz.Level{authz.LevelABDM, authz.LevelSenior, authz.LevelDirector, authz.LevelSeniorDirector} {
			i := f.offered(t, KindOpportunity)
			f.want(t, done(t)(f.Accept(f.person(t, "Person "+string(l), l), Answer{ID: i.ID})), StateAccepting)
			f.run(t, i.ID)
		}
	})
}

// What waits about an invitation that was answered, or expired, could never be
// done: it leaves the Directors' lists, and who asked is told.
func TestARequestAboutAnInvitationThatMovedOnIsOutOfDateByItself(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann, ash, dan := f.person(t, "Ann", authz.LevelAssociate), f.person(t, "Ash", authz.LevelAssociate), f.person(t, "Dan", authz.LevelDirector)
		out := func(id, outcome string) {
			t.Helper()
			r, err := f.apprs.Get(dan, id)
			if err != nil || r.State != approval.StateSuperseded || r.Outcome != outcome {
				t.Fatalf("%s %q, %v", r.State, r.Outcome, err)
			}
		}
		pending := func() string {
			t.Helper()
			list, err := approval.Waiting(dan, f.db, 10)
			if err != nil {
				t.Fatal(err)
			}
			var titles []string
			for _, r := range list {
				titles = append(titles, r.RequestedByName+" "+r.Title)
			}
			return strings.Join(titles, ", ")
		}
		i := f.offered(t, KindOpportunity)
		accept, reject := asked(t)(f.Accept(ann, Answer{ID: i.ID})), asked(t)(f.Reject(ash, Answer{ID: i.ID}, "Other"))
		if got := pending(); got != "Ann Accept the referral from AWS, Ash Reject the referral from AWS" {
			t.Fatal(got)
		}
		if _, err := f.apprs.Approve(dan, accept.ID, "", 0); err != nil {
			t.Fatal(err)
		}
		out(reject.ID, "The referral is “Accepting” now")
		f.want(t, f.run(t, i.ID), StateAccepted)

		i = f.offered(t, KindOpportunity)
		accept = asked(t)(f.Accept(ann, Answer{ID: i.ID}))
		f.clock.Set(i.ExpiresAt)
		f.want(t, f.run(t, i.ID), StateExpired)
		out(accept.ID, "The referral is “Expired” now")

		f.p.refer(KindOpportunity)
		i = f.follow(t, false)
		accept = asked(t)(f.Accept(ann, Answer{ID: i.ID}))
		if _, err := f.p.Accept(f.ctx, i.RemoteID, i.Kind, "in the portal"); err != nil {
			t.Fatal(err)
		}
		f.follow(t, false)
		out(accept.ID, "The referral is “Accepted” now")
		if got := pending(); got != "" {
			t.Error(got)
		}
		told, err := approval.Asked(ann, f.db, 10)
		if err != nil || len(told) != 3 { // approved, and twice out of date
			t.Errorf("%+v, %v", told, err)
		}
		if _, err := audit.Verify(t.Context(), f.db); err != nil {
			t.Error(err)
		}
	})
}

func TestADryRunOfAnAssociateAsksNobody(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann := f.person(t, "Ann", authz.LevelAssociate)
		i := f.offered(t, KindOpportunity)
		if r, err := f.Accept(ann, Answer{ID: i.ID, DryRun: true}); err != nil || r.Waiting != nil || r.Invitation.State != StatePending {
			t.Fatalf("%+v, %v", r, err)
		}
		if list, err := approval.PendingOn(t.Context(), f.db, []string{i.ID}); err != nil || len(list) != 0 {
			t.Fatal(list, err)
		}
		if _, err := f.Accept(ann, Answer{ID: i.ID, Version: i.Version + 1}); !problem.Is(err, problem.KindPrecondition) {
			t.Fatalf("what she did not see is asked for: %v", err)
		}
	})
}
