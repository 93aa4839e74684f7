package activity

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// written records a meeting and brings it to Salesforce.
func (f *fixture) written(t *testing.T, o *org) Activity {
	t.Helper()
	a := f.record(t, f.meeting())
	f.must(t, f.push(t, o))
	return f.get(t, a.ID)
}

func (f *fixture) change(t *testing.T, a Activity, edit func(in *Input)) {
	t.Helper()
	in := f.meeting()
	in.Subject, in.Notes, in.Location, in.StartsAt, in.EndsAt = a.Subject, a.Body, a.Location, a.StartsAt, a.EndsAt
	edit(&in)
	if _, err := f.Change(f.ctx, Wish{ID: a.ID}, in); err != nil {
		t.Fatal(err)
	}
}

func TestAChangeInSalesforceIsTakenOverAndTold(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		heard := 0
		f.Changed = func(context.Context, *db.Tx, *Activity) error { heard++; return nil }
		a := f.written(t, o)
		o.edit(a.ID, func(r *Remote) { r.Face.StartsAt, r.Face.EndsAt = ten, ten.Add(time.Hour) })
		if n := f.pull(t, o); n != 1 || heard != 1 {
			t.Fatalf("%d news, heard %d times", n, heard)
		}
		got := f.get(t, a.ID)
		if !got.StartsAt.Equal(ten) || !got.HappenedAt.Equal(ten) || got.CRMState != CRMStateLogged {
			t.Errorf("%+v", got)
		}
		list, err := f.History(f.ctx, a.ID)
		if err != nil || list[0].Kind != "adopted" || list[0].ActorName != "Sally Seller" || !strings.Contains(list[0].Body, "1 Dec 2026, 09:00 to 10:00 UTC") {
			t.Errorf("%+v, %v", list, err)
		}
		if n := f.pull(t, o); n != 0 {
			t.Errorf("read again it is %d news", n)
		}
		f.must(t, f.push(t, o))
		if !o.records[a.ID].Face.StartsAt.Equal(ten) {
			t.Error("our old time was written over theirs")
		}
	})
}

func TestChangesOfDifferentPartsOnBothSidesAreMerged(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.written(t, o)
		f.change(t, a, func(in *Input) { in.Subject = "Ours" })
		o.edit(a.ID, func(r *Remote) { r.Face.Location = "Room 7" })
		f.must(t, f.push(t, o))
		got, r := f.get(t, a.ID), o.records[a.ID]
		if got.Subject != "Ours" || got.Location != "Room 7" || r.Face.Subject != "Ours" || r.Face.Location != "Room 7" || got.CRMState != CRMStateLogged {
			t.Errorf("%+v and %+v", got.Face(), r.Face)
		}
	})
}

func TestWhatBothSidesChangedWaitsForAPerson(t *testing.T) {
	for _, c := range []Choice{ChoiceOurs, ChoiceTheirs} {
		t.Run(string(c), func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				o := newOrg()
				a, other := f.written(t, o), f.written(t, o)
				f.change(t, a, func(in *Input) { in.Subject, in.Notes = "Ours", "our notes" })
				f.change(t, other, func(in *Input) { in.Notes = "fine" })
				o.edit(a.ID, func(r *Remote) { r.Face.Subject, r.Face.Location = "Theirs", "Room 7" })
				f.must(t, f.push(t, o))
				got := f.get(t, a.ID)
				if got.CRMState != CRMStateConflict || got.Subject != "Ours" || got.Location != "Room 7" || got.Theirs.V == nil || !slices.Equal(got.Theirs.V.Parts, []Part{PartSubject}) || got.Theirs.V.By != "Sally Seller" {
					t.Fatalf("%+v, theirs %+v", got, got.Theirs.V)
				}
				if f.get(t, other.ID).CRMState != CRMStateLogged || o.records[a.ID].Face.Subject != "Theirs" || o.records[a.ID].Face.Notes != "agenda" {
					t.Fatal("one conflict held another record up, or was written over")
				}
				if n, err := CountPending(f.ctx, f.db, OriginPerson); n != 0 || err != nil {
					t.Errorf("%d wait for the engine, %v", n, err)
				}
				for what, do := range map[string]func() (Activity, error){
					"change": func() (Activity, error) { return f.Change(f.ctx, Wish{ID: a.ID}, f.meeting()) },
					"cancel": func() (Activity, error) { return f.Cancel(f.ctx, Wish{ID: a.ID}, "") },
					"send":   func() (Activity, error) { return f.Send(f.ctx, Wish{ID: a.ID}) },
				} {
					if _, err := do(); !problem.Is(err, problem.KindConflict) {
						t.Errorf("%s: %v", what, err)
					}
				}
				if _, err := f.Settle(f.ctx, Wish{ID: a.ID, Version: got.Version}, "both"); !problem.Is(err, problem.KindInvalid) {
					t.Error(err)
				}
				if _, err := f.Settle(f.ctx, Wish{ID: a.ID, Version: got.Version}, c); err != nil {
					t.Fatal(err)
				}
				f.must(t, f.push(t, o))
				want := map[Choice]string{ChoiceOurs: "Ours", ChoiceTheirs: "Theirs"}[c]
				got, r := f.get(t, a.ID), o.records[a.ID]
				if got.Subject != want || r.Face.Subject != want || r.Face.Notes != "our notes" || r.Face.Location != "Room 7" || got.CRMState != CRMStateLogged {
					t.Errorf("%+v and %+v, %s", got.Face(), r.Face, got.CRMState)
				}
				// The word that did not hold can still be read.
				list, err := f.History(f.ctx, a.ID)
				if err != nil || list[0].Kind != "settled" || !strings.Contains(list[0].Body, "“Ours”") || !strings.Contains(list[0].Body, "“Theirs”") {
					t.Errorf("%+v, %v", list, err)
				}
				if _, err := f.Settle(f.ctx, Wish{ID: a.ID}, c); !problem.Is(err, problem.KindConflict) {
					t.Errorf("settled twice: %v", err)
				}
			})
		})
	}
}

func TestARecordThatChangesBetweenLookAndWriteIsLookedAtAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.written(t, o)
		f.change(t, a, func(in *Input) { in.Subject = "Ours" })
		due, err := f.Due(f.ctx, 10)
		f.must(t, err)
		found, err := o.LookActivities(f.ctx, ObjectEvent, []string{a.ID})
		f.must(t, err)
		writes, err := f.Plan(f.ctx, due, found)
		f.must(t, err)
		o.edit(a.ID, func(r *Remote) { r.Face.Subject = "Theirs" })
		results, err := o.WriteActivities(f.ctx, writes)
		f.must(t, err)
		if n, err := f.Written(f.ctx, writes, results); n != 0 || err != nil || results[0].Passing() == nil {
			t.Fatal(n, err, results)
		}
		f.must(t, f.push(t, o))
		if got := f.get(t, a.ID); got.CRMState != CRMStateConflict || o.records[a.ID].Face.Subject != "Theirs" {
			t.Errorf("%+v", got)
		}
	})
}

func TestAPersonsChangeWhileItIsWrittenIsWrittenToo(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.record(t, f.meeting())
		due, err := f.Due(f.ctx, 10)
		f.must(t, err)
		writes, err := f.Plan(f.ctx, due, nil)
		f.must(t, err)
		f.change(t, a, func(in *Input) { in.Subject = "Later" })
		results, err := o.WriteActivities(f.ctx, writes)
		f.must(t, err)
		if _, err := f.Written(f.ctx, writes, results); err != nil {
			t.Fatal(err)
		}
		if got := f.get(t, a.ID); got.CRMState != CRMStatePending || got.Subject != "Later" {
			t.Fatalf("%+v", got)
		}
		f.must(t, f.push(t, o))
		if r := o.records[a.ID]; r.Face.Subject != "Later" || len(o.records) != 1 {
			t.Errorf("%+v", r)
		}
		// The other way round: read, then changed, then planned.
		due, err = f.Due(f.ctx, 10)
		f.must(t, err)
		if len(due) != 0 {
			t.Fatalf("%+v", due)
		}
	})
}

func TestSomebodysChangeAfterALostCreateIsNotWrittenOver(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.record(t, f.meeting())
		o.lose = true
		if err := f.push(t, o); err == nil {
			t.Fatal("a lost answer counts as done")
		}
		o.edit(a.ID, func(r *Remote) { r.Face.Subject = "Theirs" })
		f.must(t, f.push(t, o))
		if got := f.get(t, a.ID); got.Subject != "Theirs" || o.records[a.ID].Face.Subject != "Theirs" || got.CRMState != CRMStateLogged {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhatArrivedThoughItsAnswerWasLostIsOurOwnWord(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		lost := func() {
			t.Helper()
			o.lose = true
			if err := f.push(t, o); err == nil {
				t.Fatal("a lost answer counts as done")
			}
		}
		agrees := func(id, subject, notes string) {
			t.Helper()
			f.must(t, f.push(t, o))
			got, there := f.get(t, id), o.records[id].Face
			if got.CRMState != CRMStateLogged || got.Subject != subject || got.Body != notes || there.Subject != subject || there.Notes != notes {
				t.Errorf("%s %q %q here, %q %q there", got.CRMState, got.Subject, got.Body, there.Subject, there.Notes)
			}
		}
		a := f.record(t, f.meeting())
		lost()
		o.edit(a.ID, func(r *Remote) { r.Face.Notes = "Theirs" })
		f.change(t, a, func(in *Input) { in.Subject = "Second" })
		agrees(a.ID, "Second", "Theirs")

		a = f.get(t, a.ID)
		f.change(t, a, func(in *Input) { in.Subject = "Third" })
		lost()
		f.change(t, f.get(t, a.ID), func(in *Input) { in.Subject = "Fourth" })
		agrees(a.ID, "Fourth", "Theirs")

		f.change(t, f.get(t, a.ID), func(in *Input) { in.Subject = "Fifth" })
		lost()
		o.edit(a.ID, func(r *Remote) { r.Face.Subject = "Sally's" })
		f.must(t, f.push(t, o))
		if got := f.get(t, a.ID); got.CRMState != CRMStateConflict || got.Subject != "Fifth" || o.records[a.ID].Face.Subject != "Sally's" {
			t.Errorf("%+v", got)
		}
	})
}

func TestAttendeesWhoMayHaveBeenWrittenAreTakenOffAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.record(t, f.meeting())
		for _, left := range []int{1, 0} {
			o.lose = true
			if err := f.push(t, o); err == nil {
				t.Fatal("a lost answer counts as done")
			}
			f.change(t, f.get(t, a.ID), func(in *Input) { in.Attendees = in.Attendees[2-left:] })
		}
		due, err := f.Due(f.ctx, 10)
		f.must(t, err)
		found, err := o.LookActivities(f.ctx, ObjectEvent, []string{a.ID})
		f.must(t, err)
		writes, err := f.Plan(f.ctx, due, found)
		if f.must(t, err); len(writes) != 1 || !writes[0].People || names(writes[0].Gone) != "Carla Customer, Grace" {
			t.Fatalf("%+v", writes)
		}
		// Back to those whom both sides knew: who took part meanwhile is not known.
		f.change(t, f.get(t, a.ID), func(*Input) {})
		due, err = f.Due(f.ctx, 10)
		f.must(t, err)
		writes, err = f.Plan(f.ctx, due, found)
		if f.must(t, err); len(writes) != 1 || !writes[0].People || len(writes[0].Attendees) != 2 {
			t.Errorf("%+v", writes)
		}
	})
}

func TestSomebodysChangeBetweenWriteAndLookIsKeptAndTold(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		o.rule = func(r *Remote) { r.Face.Notes = "Sally's" } // before the record is looked at again
		a := f.written(t, o)
		list, err := f.History(f.ctx, a.ID)
		if err != nil || a.Body != "Sally's" || list[0].Kind != "adopted" || !strings.Contains(list[0].Body, "Notes: “") || !strings.Contains(list[0].Body, "→ “Sally's”") {
			t.Errorf("%q %+v, %v", a.Body, list, err)
		}

		// The same while a person changes something else here.
		f.change(t, a, func(in *Input) { in.Location = "Room 1" })
		due, err := f.Due(f.ctx, 10)
		f.must(t, err)
		found, err := o.LookActivities(f.ctx, ObjectEvent, []string{a.ID})
		f.must(t, err)
		writes, err := f.Plan(f.ctx, due, found)
		f.must(t, err)
		f.change(t, f.get(t, a.ID), func(in *Input) { in.Subject = "Ours" })
		o.rule = func(r *Remote) { r.Face.Notes = "Sally's second" }
		results, err := o.WriteActivities(f.ctx, writes)
		f.must(t, err)
		_, err = f.Written(f.ctx, writes, results)
		f.must(t, err)
		o.rule = nil
		f.must(t, f.push(t, o))
		got, there := f.get(t, a.ID), o.records[a.ID].Face
		if there.Notes != "Sally's second" || got.Body != there.Notes || there.Subject != "Ours" || there.Location != "Room 1" || got.CRMState != CRMStateLogged {
			t.Errorf("%+v\n%+v", there, got)
		}
	})
}

func TestWhatARuleOfTheOrganisationMakesOfItIsWhatWeShow(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		o.rule = func(r *Remote) { r.Face.Subject = strings.ToUpper(r.Face.Subject); r.Face.OwnerCRMID = "005Z" }
		a := f.written(t, o)
		if a.Subject != "ARCHITECTURE REVIEW" || a.OwnerCRMID != "005Z" || a.CRMState != CRMStateLogged {
			t.Errorf("%+v", a)
		}
		if n := f.pull(t, o); n != 0 {
			t.Errorf("%d news", n)
		}
	})
}

func TestARecordDeletedInSalesforceIsNotMadeAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a, b := f.written(t, o), f.written(t, o)
		for _, x := range []Activity{a, b} {
			o.edit(x.ID, func(r *Remote) { r.Deleted = true })
		}
		if n := f.pull(t, o); n != 2 || f.get(t, a.ID).GoneAt.IsZero() {
			t.Fatalf("%d news", n)
		}
		f.change(t, a, func(in *Input) { in.Subject = "Ours" })
		if _, err := f.Cancel(f.ctx, Wish{ID: b.ID}, ""); err != nil {
			t.Fatal(err)
		}
		f.must(t, f.push(t, o))
		if got := f.get(t, a.ID); got.CRMState != CRMStateFailed || !strings.Contains(got.CRMError, "ENTITY_IS_DELETED") || len(o.records) != 2 {
			t.Errorf("%+v", got)
		}
		if got := f.get(t, b.ID); got.CRMState != CRMStateLogged {
			t.Errorf("cancelling what is gone: %+v", got)
		}
		// Restored there and sent again, the change arrives.
		o.edit(a.ID, func(r *Remote) { r.Deleted = false })
		if _, err := f.Send(f.ctx, Wish{ID: a.ID}); err != nil {
			t.Fatal(err)
		}
		f.must(t, f.push(t, o))
		if got := f.get(t, a.ID); got.CRMState != CRMStateLogged || !got.GoneAt.IsZero() || o.records[a.ID].Face.Subject != "Ours" {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhatTheEngineOrSalesforceMadeIsNotChangedHere(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.happen(t, "approved", "AWS approved it", "")
		list, err := f.OfOpportunity(f.ctx, f.opp.ID)
		f.must(t, err)
		if _, err := f.Change(f.ctx, Wish{ID: list[0].ID}, f.meeting()); !problem.Is(err, problem.KindConflict) {
			t.Error(err)
		}
		if _, err := f.Cancel(f.ctx, Wish{ID: list[0].ID}, ""); !problem.Is(err, problem.KindConflict) {
			t.Error(err)
		}
		reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_3", Name: "Rita", Level: authz.LevelReader})
		if _, err := f.Record(reader, f.meeting(), false); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("a reader recorded: %v", err)
		}
	})
}
