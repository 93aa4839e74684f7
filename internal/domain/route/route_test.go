package route

import (
	"strings"
	"sync"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

type opp = opportunity.Opportunity

func TestEachKindOfConflictIsFoundAndCoSellingIsNone(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.deal("Old", func(o *opp) {
			o.AccountCRMID, o.Won, o.Closed, o.Stage, o.FulfillmentPartner, o.CloseOn = "001R", true, true, "Closed Won", "Brightwater", "2025-11-20"
		})
		renewal := func(edit func(o *opp)) func(o *opp) {
			return func(o *opp) { o.AccountCRMID, o.Type = "001R", "Renewal"; edit(o) }
		}
		for _, c := range []struct {
			name     string
			edit     func(o *opp)
			kind     Kind // "" for no conflict
			claims   string
			proposal string
		}{
			{"sourced and sold by one cloud", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Amazon Web Services" }, "", "", ""},
			{"influence of a cloud beside a reseller", func(o *opp) { o.InfluencePartner, o.FulfillmentPartner, o.DealPath = "AWS", "Brightwater", "Partner" }, "", "", ""},
			{"influence of a cloud on a direct deal", func(o *opp) { o.InfluencePartner, o.DealPath, o.Stage = "AWS", "Direct", "5-Negotiating" }, "", "", ""},
			{"referral of a cloud on a direct deal", func(o *opp) {
				o.DRPartner, o.DRDealType, o.DealPath, o.Stage = "AWS", "Referral", "Direct", "5-Negotiating"
			}, "", "", ""},
			{"sourced by one cloud, sold by another", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" }, KindTwoClouds, "AWS and Google Cloud", "AWS"},
			{"a reseller, and a cloud that sourced it to sell it", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Brightwater" }, KindReseller, "AWS and Brightwater", "Brightwater"},
			{"a reseller, and a cloud's referral", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Referral", "Brightwater" }, "", "", ""},
			{"a distributor, and a cloud that sells it", func(o *opp) { o.Distributor, o.FulfillmentPartner = "Ingram", "AWS" }, KindReseller, "AWS and Ingram", "AWS"},
			{"registered by a partner, sold by a cloud", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "Brightwater", "Resale", "AWS" }, KindExistingRegistration, "AWS and Brightwater", "Brightwater"},
			{"quoted directly, sold by a cloud", func(o *opp) { o.FulfillmentPartner, o.DealPath, o.Stage = "AWS", "Direct", "4-Proposal" }, KindDirect, "AWS and Direct", "AWS"},
			{"quoted directly, but early", func(o *opp) { o.FulfillmentPartner, o.DealPath = "AWS", "Direct" }, "", "", ""},
			{"renewal by a cloud of what a reseller sold", renewal(func(o *opp) { o.FulfillmentPartner = "AWS" }), KindIncumbent, "AWS and Brightwater", "Brightwater"},
			{"renewal by the incumbent", renewal(func(o *opp) { o.FulfillmentPartner, o.InfluencePartner = "Brightwater", "AWS" }), "", "", ""},
			{"direct renewal of a reseller's deal: no cloud takes part", renewal(func(o *opp) { o.DealPath = "Direct" }), "", "", ""},
			{"new business with the renewal's account", func(o *opp) { o.AccountCRMID, o.FulfillmentPartner = "001R", "AWS" }, "", "", ""},
			{"closed", func(o *opp) { o.DRPartner, o.FulfillmentPartner, o.Closed = "AWS", "Google Cloud", true }, "", "", ""},
		} {
			o := f.deal(c.name, c.edit)
			if c.kind == "" {
				f.none(o)
				continue
			}
			got := f.one(o)
			if got.Kind != c.kind || got.Claims.V.names() != c.claims || got.PartyLabel(got.Proposal) != c.proposal || got.State != StateOpen {
				t.Errorf("%s: %s, %s, proposal %s, %s", c.name, got.Kind, got.Claims.V.names(), got.PartyLabel(got.Proposal), got.State)
			}
			if got.Title == "" || got.Why == "" || got.Source == "" {
				t.Errorf("%s: it says neither why nor where the rule stands: %+v", c.name, got)
			}
		}
	})
}

func TestASecondCloudThatJoinsRaisesTheQuestionOnceTheFirstHasTheDeal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Two", func(o *opp) { o.InfluencePartner, o.FulfillmentPartner = "AWS", "Brightwater" })
		f.work(o)
		f.none(o)
		yes := true
		if err := f.opps.MarkJoint(f.as("Dan"), o.ID, cloud.GCP, &yes, "their seller called"); err != nil {
			t.Fatal(err)
		}
		c := f.one(o)
		if c.Kind != KindSecondCloud || c.PartyLabel(c.Proposal) != "AWS" {
			t.Fatalf("%+v", c)
		}
		g, ok := c.Claims.V.of("cloud:aws").Registered()
		if !ok || g.RemoteID != "aws-1" || g.RegistrationID != f.reg(o, cloud.AWS).ID || g.Since.IsZero() {
			t.Errorf("the registration is no evidence: %+v", g)
		}
		if g, ok := c.Claims.V.of("cloud:gcp").has(BasisJointPerson); !ok || g.Detail != "Dan: their seller called" {
			t.Errorf("the person's word is no evidence: %+v", g)
		}
		f.work(o) // the rule holds nothing by default
		if f.gcp.count() != 1 || f.reg(o, cloud.GCP).State != registration.StateApproved {
			t.Errorf("the second registration was held: %s", f.reg(o, cloud.GCP).State)
		}
		f.one(o)
	})
}

func TestAConflictIsOpenedOnceHoweverOftenAndByHowManyItIsFound(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Twice", func(o *opp) { o.DRPartner, o.FulfillmentPartner = "AWS", "Google Cloud" })
		c := f.one(o)
		if c.DueOn != "2026-11-26" {
			t.Errorf("due on %s, want two working days", c.DueOn)
		}
		f.tx(func(tx *db.Tx) error {
			if _, err := tx.Exec(t.Context(), `DELETE FROM route_line`); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), `DELETE FROM route_conflict`)
			return err
		})
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if err := f.CheckDeal(t.Context(), o.ID); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		c = f.one(o)
		if got := f.history(c); got != "opened/Tandem" {
			t.Errorf("history %q", got)
		}
		if err := f.CheckAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if again := f.one(o); again.Version != c.Version {
			t.Errorf("a look that found nothing new wrote it: version %d, then %d", c.Version, again.Version)
		}
	})
}

func TestADecisionKeepsTheLosingRouteFromItsPortalAndReopeningItHoldsAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.rules(func(r *Rule) { r.Holds = r.Kind == KindTwoClouds })
		o := f.deal("Held", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" })
		f.work(o)
		for _, c := range []cloud.Cloud{cloud.AWS, cloud.GCP} {
			r := f.reg(o, c)
			if r.State != registration.StateOffRoute || r.StoppedBy != f.one(o).ID || !strings.Contains(r.Reason, "AWS and Google Cloud claim it") || !r.DueAt.IsZero() {
				t.Fatalf("%s is not held: %s %q by %q", c, r.State, r.Reason, r.StoppedBy)
			}
		}
		if f.aws.count()+f.gcp.count() != 0 {
			t.Fatal("something was sent while the route was open")
		}
		_, err := f.apprs.Register(f.as("Dan"), o.ID, cloud.AWS)
		f.fails(err, problem.KindConflict, registration.CodeOffRoute)

		c := f.one(o)
		res, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{
			Winner: "cloud:aws", Reason: "They brought it", OurStep: "Correct the resale partner", OurStepOn: "2026-11-30", TheirStep: "Name a seller",
		})
		if err != nil || res.Waiting != nil || res.Conflict.State != StateDecided || res.Conflict.DecidedByName != "Dan" {
			t.Fatalf("%+v, %v", res, err)
		}
		f.work(o) // the winner goes out by itself
		if r := f.reg(o, cloud.AWS); r.State != registration.StateApproved || r.StoppedBy != "" {
			t.Fatalf("the winner was not sent: %s %q", r.State, r.Reason)
		}
		lost := f.reg(o, cloud.GCP)
		if lost.State != registration.StateOffRoute || lost.Reason != "The deal goes by the route of AWS: Dan decided so" || f.gcp.count() != 0 {
			t.Fatalf("the loser: %s %q, %d sent", lost.State, lost.Reason, f.gcp.count())
		}
		if dry, _, err := f.regs.Register(f.as("Dan"), o.ID, cloud.GCP, true); err != nil || dry.State != registration.StateOffRoute || dry.StoppedBy != c.ID {
			t.Fatalf("a dry run does not say that it is held: %+v, %v", dry, err)
		}

		c = f.one(o)
		if _, err := f.Reopen(f.as("Sid"), c.ID, c.Version, "The customer wrote to us"); err != nil {
			t.Fatal(err)
		}
		c = f.one(o)
		if c.State != StateReopened || c.Winner != "cloud:aws" || c.DueOn != "2026-11-26" {
			t.Fatalf("%+v", c)
		}
		if _, err := f.Decide(f.as("Sid"), c.ID, c.Version, Decision{Winner: WinnerAll, Reason: "Both go on"}); err != nil {
			t.Fatal(err)
		}
		f.work(o)
		if r := f.reg(o, cloud.GCP); r.State != registration.StateApproved || f.gcp.count() != 1 || f.aws.count() != 1 {
			t.Fatalf("the held one did not go out: %s, %d and %d sent", r.State, f.aws.count(), f.gcp.count())
		}
		if got := f.history(f.one(o)); !strings.HasPrefix(got, "opened/Tandem decided/Dan") || !strings.Contains(got, "reopened/Sid decided/Sid") {
			t.Errorf("history %q", got)
		}
		if got := f.log(f.one(o)); !strings.Contains(got, "route.decided/Dan") || !strings.Contains(got, "route.reopened/Sid") {
			t.Errorf("audit log %q", got)
		}
		told, err := db.Select[string](t.Context(), f.db, `SELECT kind || '/' || crm_state || '/' || actor_name FROM activity WHERE opportunity_id = ? AND kind LIKE 'route%' ORDER BY id`, o.ID)
		if err != nil || !strings.Contains(strings.Join(told, " "), "route_decided/none/Dan") {
			t.Errorf("the timeline tells %q, %v", told, err)
		}
	})
}

func TestWhatIsRegisteredOnTheLosingRouteIsLeftForAPersonToClose(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Made", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" })
		f.work(o)
		c := f.one(o)
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:gcp", Reason: "They bill it"}); err != nil {
			t.Fatal(err)
		}
		submits := f.aws.submits
		f.work(o)
		if r := f.reg(o, cloud.AWS); r.State != registration.StateApproved || f.aws.submits != submits {
			t.Fatalf("the engine took it back by itself: %s", r.State)
		}
		c = f.one(o)
		if list := c.ToClose(); len(list) != 1 || list[0].Party.Key() != "cloud:aws" {
			t.Fatalf("to close: %+v", list)
		}
	})
}

func TestACreateOfUnknownOutcomeIsLookedForBeforeItIsHeld(t *testing.T) {
	for _, c := range []struct {
		name string
		made bool
	}{{"the portal has it", true}, {"the portal does not", false}} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				f.rules(func(r *Rule) { r.Holds = true })
				o := f.deal("Lost", func(o *opp) { o.InfluencePartner = "AWS" })
				f.aws.lost = 1 // the create acts, its answer is lost
				f.work(o)
				if r := f.reg(o, cloud.AWS); r.State != registration.StateCreating {
					t.Fatalf("%s", r.State)
				}
				if !c.made {
					f.aws.made = map[string]string{}
				}
				o.DRPartner, o.DRDealType, o.FulfillmentPartner, o.InfluencePartner = "AWS", "Resale", "Brightwater", ""
				o = f.read(o)
				f.clock.Advance(registration.DefaultPace.Max)
				f.work(o)
				r := f.reg(o, cloud.AWS)
				if r.State != registration.StateOffRoute || (r.RemoteID != "") != c.made || f.aws.submits != 0 {
					t.Fatalf("%s, id %q, %d submitted", r.State, r.RemoteID, f.aws.submits)
				}
				k := f.one(o)
				if _, err := f.Decide(f.as("Dan"), k.ID, k.Version, Decision{Winner: "cloud:aws", Reason: "The order is theirs"}); err != nil {
					t.Fatal(err)
				}
				f.work(o)
				if r := f.reg(o, cloud.AWS); r.State != registration.StateApproved || f.aws.count() != 1 || f.aws.submits != 1 {
					t.Fatalf("%s: %d made, %d submitted", r.State, f.aws.count(), f.aws.submits)
				}
			})
		})
	}
}

func TestADecisionThatFallsBetweenCheckAndCreateCounts(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Race", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" })
		c := f.one(o)
		once := sync.Once{}
		f.aws.onCheck = func() {
			once.Do(func() {
				if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:gcp", Reason: "They bill it"}); err != nil {
					t.Error(err)
				}
			})
		}
		f.work(o)
		if r := f.reg(o, cloud.AWS); r.State != registration.StateOffRoute || f.aws.count() != 0 {
			t.Fatalf("the losing route was sent: %s", r.State)
		}
	})
}

func TestOfTwoWhoDecideAtOnceTheSecondIsToldWhoWasFaster(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Both", func(o *opp) { o.DRPartner, o.FulfillmentPartner = "AWS", "Google Cloud" })
		c := f.one(o)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, name := range []string{"Dan", "Sid"} {
			ctx := f.as(name)
			wg.Go(func() {
				_, errs[i] = f.Decide(ctx, c.ID, c.Version, Decision{Winner: []string{"cloud:aws", "cloud:gcp"}[i], Reason: "because"})
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("%v and %v", errs[0], errs[1])
		}
		failed, winner := errs[0], "Sid"
		if failed == nil {
			failed, winner = errs[1], "Dan"
		}
		f.fails(failed, problem.KindPrecondition, registration.CodeMovedOn)
		if !strings.Contains(failed.Error(), winner+" decided it meanwhile") {
			t.Errorf("it does not say who was faster: %v", failed)
		}
		if now := f.one(o); now.DecidedByName != winner || strings.Count(f.history(now), "decided/") != 1 {
			t.Errorf("%s, %q", now.DecidedByName, f.history(now))
		}
	})
}

func TestWhoMayDecideAloneAndWhoAsks(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for _, c := range []struct {
			who    string
			name   string
			edit   func(o *opp)
			ruling authz.Ruling
		}{
			{"Rea", "reader", func(*opp) {}, authz.RulingRefuse},
			{"Ann", "associate", func(*opp) {}, authz.RulingNeedsApproval},
			{"Abe", "abdm", func(*opp) {}, authz.RulingNeedsApproval},
			{"Sue", "senior", func(*opp) {}, authz.RulingAllow},
			{"Sue", "senior, own deal", func(o *opp) { o.OwnerCRMID = "005Sue" }, authz.RulingNeedsApproval},
			{"Sue", "senior, large", func(o *opp) { *o.AmountMinor = 30_000_000 }, authz.RulingNeedsApproval},
			{"Sue", "senior, no amount", func(o *opp) { o.AmountMinor = nil }, authz.RulingNeedsApproval},
			{"Dan", "director, own and large", func(o *opp) { o.OwnerCRMID, *o.AmountMinor = "005Dan", 30_000_000 }, authz.RulingAllow},
			{"Sid", "senior director", func(o *opp) { o.AmountMinor = nil }, authz.RulingAllow},
		} {
			o := f.deal(c.name, func(o *opp) { o.DRPartner, o.FulfillmentPartner = "AWS", "Google Cloud"; c.edit(o) })
			k := f.one(o)
			d, err := f.Get(f.as(c.who), k.ID)
			if err != nil || d.May.Ruling != c.ruling {
				t.Errorf("%s: the page says %s, %v", c.name, d.May.Ruling, err)
			}
			res, err := f.Decide(f.as(c.who), k.ID, k.Version, Decision{Winner: "cloud:aws", Reason: "They brought it"})
			switch c.ruling {
			case authz.RulingRefuse:
				f.fails(err, problem.KindForbidden, "")
			case authz.RulingAllow:
				if err != nil || res.Waiting != nil || res.Conflict.State != StateDecided {
					t.Errorf("%s: %+v, %v", c.name, res, err)
				}
			default:
				if err != nil || res.Waiting == nil || res.Conflict.State != StateOpen {
					t.Fatalf("%s: %+v, %v", c.name, res, err)
				}
				if _, err := f.apprs.Approve(f.as("Sid"), res.Waiting.ID, "fine", 0); err != nil {
					t.Fatal(err)
				}
				if now := f.one(o); now.State != StateDecided || now.DecidedByName != "Sid" || now.Winner != "cloud:aws" {
					t.Errorf("%s: approved, and %s by %s", c.name, now.State, now.DecidedByName)
				}
			}
		}
	})
}

func TestARequestThatTheEvidenceOvertookIsNotDone(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Stale", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" })
		ask := func() string {
			c := f.one(o)
			res, err := f.Decide(f.as("Abe"), c.ID, c.Version, Decision{Winner: "cloud:aws", Reason: "They brought it"})
			if err != nil || res.Waiting == nil {
				t.Fatalf("%+v, %v", res, err)
			}
			return res.Waiting.ID
		}
		first := ask()
		o.DRDealType = "MSP"
		o = f.read(o)
		if r, err := f.apprs.Approve(f.as("Dan"), first, "", 0); err != nil || r.State != "superseded" || !strings.Contains(r.Outcome, "evidence changed") {
			t.Fatalf("%s %q, %v", r.State, r.Outcome, err)
		}
		second := ask()
		c := f.one(o)
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:gcp", Reason: "They bill it"}); err != nil {
			t.Fatal(err)
		}
		if r, err := f.apprs.Get(f.as("Abe"), second); err != nil || r.State != "superseded" {
			t.Fatalf("what waited about a decided conflict is %s, %v", r.State, err)
		}
	})
}

func TestNewEvidenceAgainstADecisionReopensItAndWhatFollowsFromItDoesNot(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.deal("Won", func(o *opp) {
			o.AccountCRMID, o.Won, o.Closed, o.FulfillmentPartner, o.CloseOn = "001N", true, true, "Brightwater", "2025-11-20"
		})
		o := f.deal("News", func(o *opp) { o.AccountCRMID, o.Type, o.FulfillmentPartner = "001N", "Renewal", "AWS" })
		c := f.one(o)
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:aws", Reason: "The customer wrote so"}); err != nil {
			t.Fatal(err)
		}
		f.work(o) // AWS gets it: that follows from the decision
		if c = f.one(o); c.State != StateDecided {
			t.Fatalf("%s: %q", c.State, f.history(c))
		}
		o.DRPartner, o.DRDealType = "Brightwater", "Resale"
		o = f.read(o)
		c = f.one(o)
		if c.State != StateReopened || !strings.Contains(f.history(c), "decided/Dan") || c.Winner != "cloud:aws" {
			t.Fatalf("a new ground of the loser: %s, %q", c.State, f.history(c))
		}
		lines, err := linesOf(t.Context(), f.db, c.ID)
		if err != nil || lines[0].Kind != "reopened" || !strings.Contains(lines[0].Subject, "deal registration of Brightwater is Brightwater") {
			t.Fatalf("it does not say why: %+v, %v", lines, err)
		}
		if then := c.DecidedClaims.V.of("partner:brightwater"); then == nil || len(then.Grounds) != 1 {
			t.Errorf("the evidence of then was not kept: %+v", then)
		}
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:aws", Reason: "Still so"}); err != nil {
			t.Fatal(err)
		}
		o.DealPath = "Direct" // another claimant
		o = f.read(o)
		if c = f.one(o); c.State != StateReopened || len(c.Claims.V) != 3 {
			t.Fatalf("another claimant: %s, %s", c.State, c.Claims.V.names())
		}
	})
}

func TestAConflictEndsWithItsEvidenceAndADecisionHoldsWhenItIsBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.rules(func(r *Rule) { r.Holds = true })
		o := f.deal("Gone", func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" })
		f.work(o)
		o.FulfillmentPartner = ""
		o = f.read(o)
		f.work(o)
		if c := f.one(o); c.State != StateEnded || c.EndedAt.IsZero() || f.reg(o, cloud.AWS).State != registration.StateApproved {
			t.Fatalf("%s, AWS is %s", c.State, f.reg(o, cloud.AWS).State)
		}
		if r := f.reg(o, cloud.GCP); r.State != registration.StateWithdrawn || r.StoppedBy != "" {
			t.Fatalf("no longer joint, and %s", r.State)
		}
		o.FulfillmentPartner = "Google Cloud"
		o = f.read(o)
		c := f.one(o)
		if c.State != StateOpen || f.history(c) == "" {
			t.Fatalf("%s", c.State)
		}
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:aws", Reason: "They brought it"}); err != nil {
			t.Fatal(err)
		}
		o.FulfillmentPartner = ""
		o = f.read(o)
		_, err := f.Reopen(f.as("Dan"), c.ID, 0, "why not")
		f.fails(err, problem.KindConflict, "ended")
		o.FulfillmentPartner = "Google Cloud"
		o = f.read(o)
		if c = f.one(o); c.State != StateDecided || c.Winner != "cloud:aws" || !c.EndedAt.IsZero() {
			t.Fatalf("%s, %s", c.State, c.Winner)
		}
		o.Closed, o.Stage = true, "8-Closed Lost"
		o = f.read(o)
		if c = f.one(o); c.State != StateEnded || c.EndedWhy != "The deal is closed" {
			t.Fatalf("%s %q", c.State, c.EndedWhy)
		}
	})
}

func TestARuleThatIsTurnedOffEndsWhatIsOpenAndTakesNoDecisionBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		two := func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" }
		open, decided := f.deal("Open", two), f.deal("Decided", two)
		c := f.one(decided)
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:aws", Reason: "They brought it"}); err != nil {
			t.Fatal(err)
		}
		counts, err := f.Preview(f.as("Dan"), DefaultRules())
		if err != nil || counts["two_clouds"] != 2 {
			t.Fatalf("%v, %v", counts, err)
		}
		f.rules(func(r *Rule) { r.Enabled = r.Kind != KindTwoClouds && r.Kind != KindExistingRegistration })
		if now := f.one(open); now.State != StateEnded || now.EndedWhy != "The rule was turned off" {
			t.Errorf("%s %q", now.State, now.EndedWhy)
		}
		f.work(decided)
		if now := f.one(decided); now.State != StateDecided || f.reg(decided, cloud.GCP).State != registration.StateOffRoute {
			t.Errorf("the decision is %s, the loser %s", now.State, f.reg(decided, cloud.GCP).State)
		}
	})
}

func TestADealThatIsWonMakesAnIncumbentOfItsPartner(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		renewal := f.deal("Next", func(o *opp) { o.AccountCRMID, o.Type, o.FulfillmentPartner = "001A", "Renewal", "AWS" })
		f.none(renewal)
		f.deal("First", func(o *opp) {
			o.AccountCRMID, o.Won, o.Closed, o.FulfillmentPartner, o.CloseOn = "001A", true, true, "Brightwater", "2026-11-23"
		})
		if c := f.one(renewal); c.Kind != KindIncumbent || c.Claims.V.of("partner:brightwater").Grounds[0].Detail != "First" {
			t.Fatalf("%+v", c)
		}
	})
}

func TestADecisionNeedsAClaimantAReasonAndPlausibleSteps(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.deal("Plain", func(o *opp) { o.DRPartner, o.FulfillmentPartner = "AWS", "Google Cloud" })
		c := f.one(o)
		for _, d := range []Decision{
			{Reason: "why"},
			{Winner: "cloud:azure", Reason: "why"},
			{Winner: "cloud:aws", Reason: " "},
			{Winner: "cloud:aws", Reason: strings.Repeat("x", maxReason+1)},
			{Winner: "cloud:aws", Reason: "why", OurStepOn: "2026-12-01"},
			{Winner: "cloud:aws", Reason: "why", TheirStep: "x", TheirStepOn: "tomorrow"},
			{Winner: "cloud:aws", Reason: "why", OurStep: strings.Repeat("x", maxStep+1)},
		} {
			_, err := f.Decide(f.as("Dan"), c.ID, c.Version, d)
			f.fails(err, problem.KindInvalid, "")
		}
		if now := f.one(o); now.Version != c.Version {
			t.Error("a refused decision changed something")
		}
	})
}

func TestTheListShowsWhatWaitsFirstByDeadlineAndIsNarrowed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		two := func(o *opp) { o.DRPartner, o.DRDealType, o.FulfillmentPartner = "AWS", "Resale", "Google Cloud" }
		first := f.deal("A", two)
		f.deal("B", func(o *opp) {
			o.DRPartner, o.DRDealType, o.FulfillmentPartner, o.OwnerCRMID = "Brightwater", "Resale", "AWS", "005B"
		})
		f.deal("C", two)
		c := f.one(first)
		if _, err := f.Decide(f.as("Dan"), c.ID, c.Version, Decision{Winner: "cloud:aws", Reason: "why"}); err != nil {
			t.Fatal(err)
		}
		names := func(q Query) string {
			var out []string
			for q.Limit = 1; ; {
				p, err := f.List(f.as("Rea"), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Rows {
					out = append(out, r.Opportunity.Name)
				}
				if q.After = p.Next; p.Next == "" {
					return strings.Join(out, " ")
				}
			}
		}
		for want, q := range map[string]Query{
			"B C A": {}, "A": {States: []State{StateDecided}}, "B": {Owners: []string{"005B"}}, "C A": {Clouds: []cloud.Cloud{cloud.GCP, cloud.Azure}},
			"C": {Kinds: []Kind{KindTwoClouds}, States: []State{StateOpen}},
		} {
			if got := names(q); got != want {
				t.Errorf("%+v: %s, want %s", q, got, want)
			}
		}
		_, err := f.List(f.as("Rea"), Query{After: "x"})
		f.fails(err, problem.KindInvalid, "")
		f.clock.Advance(10 * 24 * 3600e9)
		list, err := f.Counts(f.as("Rea"))
		var open, late int64
		for _, n := range list {
			if n.State.Open() {
				open, late = open+n.Count, late+n.Late
			}
		}
		if err != nil || open != 2 || late != 2 {
			t.Errorf("%d open, %d late, %v", open, late, err)
		}
	})
}

func TestDefaultRulesAreValidAndSayWhereTheyStand(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if r.Source == "" || r.Wins != "" && r.WinsWhy == "" {
			t.Errorf("%s names no source or gives no reason", r.ID)
		}
	}
	bad := Rules{{ID: "X", Kind: "none", Days: 0, Wins: "luck"}, {ID: "X"}}
	if err := bad.Validate(); !problem.Is(err, problem.KindInvalid) {
		t.Errorf("%v", err)
	}
}
