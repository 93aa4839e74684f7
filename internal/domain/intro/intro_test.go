package intro

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// tuesday is a working day in every zone of the tests.
var tuesday = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

type fixture struct {
	*Service
	acts  *activity.Service
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
	opp   opportunity.Opportunity
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		f := &fixture{db: d, clock: clock.NewFake(tuesday)}
		f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada Manager", Level: authz.LevelABDM})
		f.acts = activity.NewService(d, f.clock)
		f.Service = NewService(d, f.clock, f.acts)
		f.acts.Changed = f.OnActivity
		err := d.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
			list, err := opportunity.Import(f.ctx, tx, []opportunity.Opportunity{{CRMID: "006A", Name: "A", OwnerCRMID: "005A", OwnerName: "Olga Owner", CRMModstamp: tx.Now()}})
			if err != nil {
				return err
			}
			f.opp = list[0]
			a, b := "005A", "005B"
			if _, err := team.Import(f.ctx, tx, []team.Person{
				{CRMID: &a, Name: "Olga Owner", Email: "Olga@us.example", Title: "Account Executive", Zone: "Europe/Berlin", Active: true, CRMModstamp: tx.Now()},
				{CRMID: &b, Name: "Sam Sales", Email: "sam@us.example", Zone: "America/New_York", Active: true, CRMModstamp: tx.Now()},
			}); err != nil {
				return err
			}
			if _, err := opportunity.ImportMembers(f.ctx, tx, []opportunity.Member{
				{CRMID: "00qA", OpportunityCRMID: "006A", PersonCRMID: "005X", Name: "Al Alliance", Email: "al@us.example", Role: "Alliance Manager", CRMModstamp: tx.Now()},
				{CRMID: "00qB", OpportunityCRMID: "006A", PersonCRMID: "005B", Name: "Sam Sales", Email: "sam@us.example", Role: "Sales Manager", CRMModstamp: tx.Now()},
			}); err != nil {
				return err
			}
			sellers := registration.Sellers{{Name: "Pat Partner", Email: "pat@aws.example", Role: "PDM"}, {Name: "Rita Rep", Email: "Rita@aws.example", Role: "AWSSalesRep"}}
			_, err = tx.Exec(f.ctx, `INSERT INTO registration (id, opportunity_id, cloud, state, sellers, state_at, created_at, updated_at) VALUES ('reg_1', ?, 'aws', 'approved', ?, ?, ?, ?)`,
				f.opp.ID, sellers, tx.Now(), tx.Now(), tx.Now())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, f)
	})
}

func at(day, hour int) Slot {
	s := time.Date(2026, 12, day, hour, 0, 0, 0, time.UTC)
	return Slot{s, s.Add(30 * time.Minute)}
}

func (f *fixture) input() Input {
	return Input{
		OpportunityID: f.opp.ID, Cloud: cloud.AWS, Title: "Introduction", Agenda: "Who does what", Location: "Video call", Slots: []Slot{at(2, 15), at(1, 15)},
		Ours:   Party{Name: "Olga Owner", Email: "Olga@us.example", Role: "Account Executive", CRMID: "005A", Zone: "Europe/Berlin"},
		Theirs: Party{Name: "Rita Rep", Email: "rita@aws.example", Role: "AWSSalesRep", Zone: "America/New_York"},
	}
}

func (f *fixture) proposed(t *testing.T) Meeting {
	t.Helper()
	m, err := f.Propose(f.ctx, f.input(), false)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (f *fixture) confirmed(t *testing.T) Meeting {
	t.Helper()
	m, err := f.Confirm(f.ctx, Wish{ID: f.proposed(t).ID}, at(1, 15))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (f *fixture) activity(t *testing.T, id string) activity.Activity {
	t.Helper()
	a, err := f.acts.Get(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) events(t *testing.T, id string) string {
	t.Helper()
	list, err := f.Events(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range slices.Backward(list) {
		out = append(out, e.Kind)
	}
	return strings.Join(out, " ")
}

func TestTheLikeliestSellersOfBothSidesComeFirstWithTheirReason(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		got, err := f.Suggest(f.ctx, f.opp.ID, cloud.AWS)
		if err != nil {
			t.Fatal(err)
		}
		var ours, theirs []string
		for _, c := range got.Ours {
			ours = append(ours, c.Name+": "+c.Why+", "+c.Zone)
		}
		for _, c := range got.Theirs {
			theirs = append(theirs, c.Name+" <"+c.Email+"> "+c.Company+": "+c.Why)
		}
		if want := []string{"Olga Owner: Owns the opportunity, Europe/Berlin", "Sam Sales: Sales Manager on the opportunity, America/New_York", "Al Alliance: Alliance Manager on the opportunity, "}; !slices.Equal(ours, want) {
			t.Errorf("%q", ours)
		}
		if want := []string{"Rita Rep <rita@aws.example> AWS: AWSSalesRep in AWS Partner Central", "Pat Partner <pat@aws.example> AWS: PDM in AWS Partner Central"}; !slices.Equal(theirs, want) {
			t.Errorf("%q", theirs)
		}
		if other, err := f.Suggest(f.ctx, f.opp.ID, cloud.GCP); err != nil || len(other.Theirs) != 0 || len(other.Ours) != 3 {
			t.Errorf("%+v, %v", other, err)
		}
		if _, err := f.Suggest(f.ctx, f.opp.ID, "moon"); !problem.Is(err, problem.KindInvalid) {
			t.Error(err)
		}
	})
}

func TestSlotsLieInTheWorkingHoursOfBoth(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ours, theirs string
		stretched    bool
		first        string
	}{
		{"Europe/Berlin", "Europe/Berlin", false, "2026-11-25 10:00"},
		{"Europe/Berlin", "America/New_York", false, "2026-11-25 15:00"},   // 16:00 there and 10:00 here: as far from noon for both
		{"Europe/Berlin", "America/Los_Angeles", true, "2026-11-25 16:30"}, // nine there is six in Berlin
		{"America/New_York", "Asia/Tokyo", true, "2026-11-25 23:00"},       // six in the evening, and eight the next morning
		{"Europe/London", "Asia/Kolkata", false, "2026-11-25 10:00"},
		{"Asia/Kolkata", "Australia/Sydney", false, "2026-11-25 04:30"},
	} {
		ours, _ := zone.Load(c.ours)
		theirs, _ := zone.Load(c.theirs)
		got := propose(tuesday.Add(12*time.Hour), 30*time.Minute, ours, theirs, nil)
		if got.Stretched != c.stretched || len(got.Slots) == 0 || len(got.Slots) > slotsInAll {
			t.Errorf("%s and %s: %+v", c.ours, c.theirs, got)
			continue
		}
		perDay := map[date.Date]int{}
		for i, s := range got.Slots {
			if i > 0 && !s.StartsAt.After(got.Slots[i-1].StartsAt) {
				t.Errorf("%s and %s: not in order", c.ours, c.theirs)
			}
			perDay[date.Of(s.StartsAt.In(ours))]++
			for _, l := range []*time.Location{ours, theirs} {
				if local := s.StartsAt.In(l); !date.Of(local).Working() || !got.Stretched && (local.Hour() < 9 || s.EndsAt.In(l).Add(-time.Minute).Hour() >= 17) {
					t.Errorf("%s and %s: %s", c.ours, c.theirs, local)
				}
			}
		}
		for d, n := range perDay {
			if n > slotsPerDay {
				t.Errorf("%d slots on %s", n, d)
			}
		}
		if s := got.Slots[0].StartsAt.Format("2006-01-02 15:04"); s != c.first {
			t.Errorf("%s and %s: the first is %s, not %s", c.ours, c.theirs, s, c.first)
		}
	}
}

func TestSlotsKeepFreeWhatOursHasAlready(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		q := SlotQuery{OursZone: "Europe/Berlin", TheirsZone: "America/New_York", OursCRMID: "005A"}
		before, err := f.Slots(f.ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		taken := before.Slots[0]
		if _, err := f.acts.Record(f.ctx, activity.Input{OpportunityID: f.opp.ID, Kind: activity.KindMeeting, Subject: "Busy", StartsAt: taken.StartsAt.Add(10 * time.Minute), EndsAt: taken.EndsAt, OwnerCRMID: "005A"}, false); err != nil {
			t.Fatal(err)
		}
		after, err := f.Slots(f.ctx, q)
		if err != nil || slices.ContainsFunc(after.Slots, taken.overlaps) {
			t.Errorf("%+v, %v", after, err)
		}
		if free, err := f.Slots(f.ctx, SlotQuery{OursZone: q.OursZone, TheirsZone: q.TheirsZone, From: "2026-12-07"}); err != nil || free.Slots[0].StartsAt.Before(time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v, %v", free, err)
		}
		for _, bad := range []SlotQuery{{OursZone: "moon", TheirsZone: "UTC"}, {OursZone: "UTC"}, {OursZone: "UTC", TheirsZone: "UTC", Minutes: 1000}, {OursZone: "UTC", TheirsZone: "UTC", From: "soon"}} {
			if _, err := f.Slots(f.ctx, bad); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

func TestNothingGoesToSalesforceBeforeATimeIsAgreed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		m := f.proposed(t)
		if m.State != StateProposed || m.Slots.V[0] != at(1, 15) || m.Theirs.V.Company != "AWS" || m.Ours.V.Email != "olga@us.example" || m.OrganizerName != "Ada Manager" || m.Invited() {
			t.Errorf("%+v", m)
		}
		if n, err := activity.CountPending(f.ctx, f.db, activity.OriginPerson); n != 0 || err != nil {
			t.Errorf("%d activities, %v", n, err)
		}
		m, err := f.Confirm(f.ctx, Wish{ID: m.ID, Version: m.Version}, at(1, 15))
		if err != nil {
			t.Fatal(err)
		}
		a := f.activity(t, m.ActivityID)
		if m.State != StateConfirmed || m.Sequence != 0 || a.Kind != activity.KindIntroMeeting || a.CRMObject != activity.ObjectEvent || a.Subject != "Introduction" || a.Body != "Who does what" || !a.StartsAt.Equal(at(1, 15).StartsAt) ||
			a.OwnerCRMID != "005A" || len(a.Attendees.V) != 2 || a.Attendees.V[1].Email != "rita@aws.example" || a.Attendees.V[1].Side != activity.SidePartner {
			t.Errorf("%+v and %+v", m, a)
		}
		if got, err := f.OfActivity(f.ctx, a.ID); err != nil || got.ID != m.ID {
			t.Error(got, err)
		}
	})
}

func TestAChangedInvitationHasAHigherSequenceAndTheSameName(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		m := f.confirmed(t)
		uid := m.UID()
		same, err := f.Confirm(f.ctx, Wish{ID: m.ID}, at(1, 15))
		if err != nil || same.Sequence != 0 {
			t.Errorf("the same time again: %+v, %v", same, err)
		}
		moved, err := f.Confirm(f.ctx, Wish{ID: m.ID}, at(2, 16)) // another than those proposed
		if err != nil || moved.Sequence != 1 || moved.UID() != uid || moved.ActivityID != m.ActivityID || !f.activity(t, m.ActivityID).StartsAt.Equal(at(2, 16).StartsAt) {
			t.Fatalf("%+v, %v", moved, err)
		}
		in := f.input()
		in.Title, in.Location = "Introduction II", "Room 7"
		changed, err := f.Change(f.ctx, Wish{ID: m.ID, Version: moved.Version}, in)
		if a := f.activity(t, m.ActivityID); err != nil || changed.Sequence != 2 || a.Subject != "Introduction II" || a.Location != "Room 7" || !a.StartsAt.Equal(at(2, 16).StartsAt) {
			t.Fatalf("%+v, %+v, %v", changed, a, err)
		}
		gone, err := f.Cancel(f.ctx, Wish{ID: m.ID}, "the deal is off")
		if a := f.activity(t, m.ActivityID); err != nil || gone.Sequence != 3 || gone.State != StateCancelled || !a.Cancelled() || a.CancelReason != "the deal is off" {
			t.Fatalf("%+v, %+v, %v", gone, a, err)
		}
		if got := f.events(t, m.ID); got != "proposed confirmed moved changed cancelled" {
			t.Errorf("%s", got)
		}
		for what, err := range map[string]error{
			"confirm": second(f.Confirm(f.ctx, Wish{ID: m.ID}, at(3, 15))), "change": second(f.Change(f.ctx, Wish{ID: m.ID}, in)),
			"cancel": second(f.Cancel(f.ctx, Wish{ID: m.ID}, "")), "held": second(f.Held(f.ctx, Wish{ID: m.ID}, Outcome{})),
		} {
			if !problem.Is(err, problem.KindConflict) {
				t.Errorf("%s after it was cancelled: %v", what, err)
			}
		}
	})
}

func second(_ Meeting, err error) error { return err }

func TestWhatCameOfItIsToldAndTheNextStepIsATask(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		m := f.confirmed(t)
		if _, err := f.Held(f.ctx, Wish{ID: m.ID}, Outcome{}); !problem.Is(err, problem.KindConflict) {
			t.Errorf("held before it began: %v", err)
		}
		f.clock.Set(at(1, 16).StartsAt)
		waiting, err := AwaitOutcome(f.ctx, f.db, "", f.clock.Now(), 10)
		if err != nil || len(waiting) != 1 || !waiting[0].Over(f.clock.Now()) {
			t.Errorf("%+v, %v", waiting, err)
		}
		if others, err := AwaitOutcome(f.ctx, f.db, "005B", f.clock.Now(), 10); err != nil || len(others) != 0 {
			t.Errorf("of another owner: %+v, %v", others, err)
		}
		if _, err := f.Held(f.ctx, Wish{ID: m.ID}, Outcome{NextStepOn: "2026-12-08"}); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("a day without a step: %v", err)
		}
		m, err = f.Held(f.ctx, Wish{ID: m.ID, Version: m.Version}, Outcome{Note: "They will sponsor a pilot.", NextStep: "Send the pilot plan", NextStepOn: "2026-12-08"})
		if err != nil || m.State != StateHeld {
			t.Fatal(m, err)
		}
		if a := f.activity(t, m.ActivityID); !strings.Contains(a.Body, "Held. They will sponsor a pilot.") || !strings.Contains(a.Body, "Next step: Send the pilot plan (2026-12-08)") || a.Subject != "Introduction" {
			t.Errorf("%+v", a)
		}
		if next := f.activity(t, m.NextActivityID); next.CRMObject != activity.ObjectTask || next.On != "2026-12-08" || next.Subject != "Next step: Send the pilot plan" || next.OwnerCRMID != "005A" {
			t.Errorf("%+v", next)
		}
		if waiting, err := AwaitOutcome(f.ctx, f.db, "", f.clock.Now(), 10); err != nil || len(waiting) != 0 {
			t.Errorf("%+v, %v", waiting, err)
		}
	})
}

func TestAfterANoShowAnotherTimeIsAnotherEventAndTheSameInvitation(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		m := f.confirmed(t)
		f.clock.Set(at(1, 16).StartsAt)
		n, err := f.NoShow(f.ctx, Wish{ID: m.ID}, Outcome{Note: "Rita was ill."})
		if a := f.activity(t, m.ActivityID); err != nil || n.State != StateNoShow || a.Subject != "No-show: Introduction" || !strings.Contains(a.Body, "Somebody did not come. Rita was ill.") {
			t.Fatalf("%+v, %+v, %v", n, a, err)
		}
		again, err := f.Confirm(f.ctx, Wish{ID: m.ID}, at(8, 15))
		if err != nil || again.ActivityID == m.ActivityID || again.UID() != m.UID() || again.Sequence != 1 || again.Outcome != "" {
			t.Fatalf("%+v, %v", again, err)
		}
		if old := f.activity(t, m.ActivityID); old.Subject != "No-show: Introduction" || old.Cancelled() {
			t.Errorf("what happened was written over: %+v", old)
		}
	})
}

func TestAMoveInSalesforceMovesTheMeeting(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		hear := func(m Meeting, edit func(a *activity.Activity)) Meeting {
			t.Helper()
			a := f.activity(t, m.ActivityID)
			edit(&a)
			if err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error { return f.OnActivity(f.ctx, tx, &a) }); err != nil {
				t.Fatal(err)
			}
			got, err := f.Get(f.ctx, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		m := f.confirmed(t)
		if got := hear(m, func(*activity.Activity) {}); got.Version != m.Version {
			t.Errorf("no news changed it: %+v", got)
		}
		got := hear(m, func(a *activity.Activity) { a.StartsAt, a.EndsAt = at(3, 15).StartsAt, at(3, 15).EndsAt })
		if !got.StartsAt.Equal(at(3, 15).StartsAt) || got.Sequence != 1 || !strings.HasSuffix(f.events(t, m.ID), "moved") {
			t.Errorf("%+v", got)
		}
		if got = hear(m, func(a *activity.Activity) { a.GoneAt = tuesday }); got.State != StateConfirmed || !strings.HasSuffix(f.events(t, m.ID), "gone") {
			t.Errorf("%+v", got)
		}
		if got = hear(m, func(a *activity.Activity) { a.CancelledAt = tuesday }); got.State != StateCancelled || got.Sequence != 3 {
			t.Errorf("%+v", got)
		}
		hear(m, func(a *activity.Activity) { a.Kind = activity.KindMeeting }) // another's business
	})
}

func TestEveryFaultOfAProposalIsNamed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for name, c := range map[string]struct {
			edit  func(in *Input)
			field string
		}{
			"no title":         {func(in *Input) { in.Title = " " }, "title"},
			"a long title":     {func(in *Input) { in.Title = strings.Repeat("x", maxTitle+1) }, "title"},
			"no cloud":         {func(in *Input) { in.Cloud = "" }, "cloud"},
			"nobody of ours":   {func(in *Input) { in.Ours.Name = "" }, "ours"},
			"nobody of theirs": {func(in *Input) { in.Theirs = Party{Zone: "UTC"} }, "theirs"},
			"no address":       {func(in *Input) { in.Theirs.Email = "" }, "theirs_email"},
			"a bad address":    {func(in *Input) { in.Ours.Email = "olga" }, "ours_email"},
			"one person":       {func(in *Input) { in.Theirs.Email = in.Ours.Email }, "theirs_email"},
			"no zone":          {func(in *Input) { in.Theirs.Zone = "Local" }, "theirs_zone"},
			"no time":          {func(in *Input) { in.Slots = nil }, "slots"},
			"a past time":      {func(in *Input) { in.Slots = []Slot{{tuesday.Add(-time.Hour), tuesday}} }, "slots"},
			"backwards":        {func(in *Input) { in.Slots = []Slot{{at(1, 15).EndsAt, at(1, 15).StartsAt}} }, "slots"},
			"a whole day":      {func(in *Input) { in.Slots = []Slot{{at(1, 8).StartsAt, at(1, 20).StartsAt}} }, "slots"},
		} {
			in := f.input()
			c.edit(&in)
			_, err := f.Propose(f.ctx, in, false)
			p, ok := errors.AsType[*problem.Error](err)
			if !ok || !slices.ContainsFunc(p.Fields, func(x problem.Field) bool { return x.Field == c.field }) {
				t.Errorf("%s: %v", name, err)
			}
		}
		m := f.proposed(t)
		if _, err := f.Confirm(f.ctx, Wish{ID: m.ID}, Slot{}); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("confirmed for no time: %v", err)
		}
		if _, err := f.Confirm(f.ctx, Wish{ID: m.ID, Version: 7}, at(1, 15)); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("an old version: %v", err)
		}
		if dry, err := f.Confirm(f.ctx, Wish{ID: m.ID, DryRun: true}, at(1, 15)); err != nil || dry.State != StateConfirmed {
			t.Errorf("%+v, %v", dry, err)
		}
		if got, err := f.Get(f.ctx, m.ID); err != nil || got.State != StateProposed {
			t.Errorf("a dry run confirmed it: %+v, %v", got, err)
		}
		list, err := f.OfOpportunity(f.ctx, f.opp.ID)
		if err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestAnIntroMeetingIsNotChangedAsAnActivity(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		m := f.confirmed(t)
		if _, err := f.acts.Cancel(f.ctx, activity.Wish{ID: m.ActivityID}, ""); !problem.Is(err, problem.KindConflict) {
			t.Errorf("cancelled behind the invitation's back: %v", err)
		}
		if a := f.activity(t, m.ActivityID); a.Cancelled() {
			t.Error("it was cancelled all the same")
		}
		if _, err := f.acts.Record(f.ctx, activity.Input{OpportunityID: f.opp.ID, Kind: activity.KindIntroMeeting, Subject: "x", StartsAt: at(1, 1).StartsAt, EndsAt: at(1, 1).EndsAt}, false); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("recorded without a meeting: %v", err)
		}
	})
}
