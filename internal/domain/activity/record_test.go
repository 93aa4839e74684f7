package activity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// org is a small Salesforce that keeps the rules the service relies on: one record for
// each key, stamps that go up, and no change of a record that was changed since.
type org struct {
	*salesforce
	records map[string]*Remote
	stamp   time.Time
	lose    bool             // the next write is done and its answer is lost
	deny    map[string]error // by subject
	rule    func(r *Remote)  // a rule of the organisation that changes what is written
}

func newOrg() *org {
	return &org{salesforce: &salesforce{tasks: map[string]Task{}}, records: map[string]*Remote{}, stamp: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), deny: map[string]error{}}
}

func (o *org) touch(r *Remote, by string) {
	o.stamp = o.stamp.Add(time.Second)
	r.Stamp, r.ChangedBy = o.stamp, by
}

// edit is somebody's change in Salesforce.
func (o *org) edit(key string, change func(r *Remote)) {
	change(o.records[key])
	o.touch(o.records[key], "Sally Seller")
}

func (o *org) LookActivities(_ context.Context, object Object, keys []string) (map[string]Remote, error) {
	out := map[string]Remote{}
	for _, k := range keys {
		if r, ok := o.records[k]; ok && r.Object == object {
			out[k] = *r
		}
	}
	return out, nil
}

var errLost = problem.FromRemote(problem.Remote{System: "salesforce", Operation: "write", Code: "NO_ANSWER", Retry: problem.RetrySoon}, "no answer", nil)

func (o *org) WriteActivities(_ context.Context, writes []Write) ([]Written, error) {
	out := make([]Written, len(writes))
	for i, w := range writes {
		if err := o.deny[w.Face.Subject]; err != nil {
			out[i].Err = err
			continue
		}
		r, had := o.records[w.Key]
		switch {
		case !had:
			r = &Remote{Object: w.Object, CRMID: "00X" + w.Key, Key: w.Key, WhatCRMID: w.WhatCRMID, Kind: w.Kind, MadeBy: "Tandem"}
			o.records[w.Key] = r
		case w.CRMID == "":
			out[i].Err = fmt.Errorf("the record of %s is made twice", w.Key)
			continue
		case r.Stamp.After(w.Since):
			out[i].Err = problem.Precondition("Event", r.CRMID)
			continue
		}
		for _, p := range w.Parts {
			a := Activity{Subject: r.Face.Subject, Body: r.Face.Notes, Location: r.Face.Location, StartsAt: r.Face.StartsAt, EndsAt: r.Face.EndsAt, On: r.Face.On, Minutes: r.Face.Minutes, OwnerCRMID: r.Face.OwnerCRMID}
			if r.Face.Cancelled {
				a.CancelledAt = r.Stamp
			}
			a.take(p, w.Face, "", w.Since.Add(1))
			r.Face = a.Face()
		}
		r.WhoName, r.Done = strings.Join(w.Lines, "; "), w.Past
		if w.Delete {
			r.Deleted = true
		}
		if o.rule != nil {
			o.rule(r)
		}
		o.touch(r, "Tandem")
		if !w.Delete {
			now := *r
			out[i].Now = &now
		}
		if o.lose {
			out[i] = Written{Err: errLost}
		}
	}
	o.lose = false
	return out, nil
}

func (o *org) ActivitiesOf(context.Context, Object, []string) iter.Seq2[Remote, error] {
	return func(func(Remote, error) bool) {}
}
func (o *org) NewestActivity(context.Context, Object) (time.Time, error) { return o.stamp, nil }

var _ CRM = (*org)(nil)

// push is one round of what the flow does.
func (f *fixture) push(t *testing.T, o *org) error {
	t.Helper()
	due, err := f.Due(f.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]Remote{}
	for _, object := range []Object{ObjectTask, ObjectEvent} {
		var keys []string
		for i := range due {
			keys = append(keys, due[i].CRMKey)
		}
		some, err := o.LookActivities(f.ctx, object, keys)
		if err != nil {
			t.Fatal(err)
		}
		for k, r := range some {
			found[k] = r
		}
	}
	writes, err := f.Plan(f.ctx, due, found)
	if err != nil {
		t.Fatal(err)
	}
	results, err := o.WriteActivities(f.ctx, writes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Written(f.ctx, writes, results); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if err := r.Passing(); err != nil {
			return err
		}
	}
	return nil
}

// pull reads everything that Salesforce has.
func (f *fixture) pull(t *testing.T, o *org) int {
	t.Helper()
	var list []Remote
	for _, k := range slices.Sorted(func(yield func(string) bool) {
		for k := range o.records {
			if !yield(k) {
				return
			}
		}
	}) {
		list = append(list, *o.records[k])
	}
	n := 0
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		var err error
		n, err = f.Import(f.ctx, tx, list)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var (
	nine = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	ten  = nine.Add(time.Hour)
)

func (f *fixture) meeting() Input {
	return Input{
		OpportunityID: f.opp.ID, Kind: KindMeeting, Subject: "Architecture review", Notes: "agenda", Location: "Video call", StartsAt: nine, EndsAt: ten,
		Attendees: []Attendee{{Name: "Grace", Email: "Grace@AWS.example", Company: "AWS"}, {Name: "Carla Customer", Side: SideCustomer}},
	}
}

func (f *fixture) record(t *testing.T, in Input) Activity {
	t.Helper()
	a, err := f.Record(f.ctx, in, false)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) get(t *testing.T, activityID string) Activity {
	t.Helper()
	a, err := f.Get(f.ctx, activityID)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (f *fixture) history(t *testing.T, activityID string) []string {
	t.Helper()
	list, err := f.History(f.ctx, activityID)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, h := range slices.Backward(list) {
		out = append(out, h.Kind)
	}
	return out
}

func TestWhatIsRecordedReachesSalesforceOnceWithAllThatWasSaid(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.record(t, f.meeting())
		if a.CRMState != CRMStatePending || f.writes != 1 || a.Attendees.V[0].Email != "grace@aws.example" || a.Attendees.V[0].Side != SidePartner || a.HappenedAt != nine {
			t.Fatalf("%+v", a)
		}
		o.lose = true // done there, and we do not know
		if err := f.push(t, o); err == nil {
			t.Fatal("a lost answer counts as done")
		}
		if f.get(t, a.ID).CRMState != CRMStatePending {
			t.Fatal("a lost answer was settled without looking")
		}
		for range 2 {
			if err := f.push(t, o); err != nil {
				t.Fatal(err)
			}
		}
		r := o.records[a.ID]
		if len(o.records) != 1 || r.WhatCRMID != "006A" || r.Object != ObjectEvent || r.Face.Subject != "Architecture review" || r.Face.Location != "Video call" || !r.Face.StartsAt.Equal(nine) || !r.Face.EndsAt.Equal(ten) {
			t.Fatalf("%+v", r)
		}
		if r.WhoName != "Grace <grace@aws.example>, AWS (Partner); Carla Customer (Customer)" {
			t.Errorf("attendees %q", r.WhoName)
		}
		if got := f.get(t, a.ID); got.CRMState != CRMStateLogged || got.CRMTaskID != r.CRMID || got.LoggedAt.IsZero() {
			t.Errorf("%+v", got)
		}
		if n := f.pull(t, o); n != 0 {
			t.Errorf("our own record came back as %d news", n)
		}
	})
}

func TestRecordingTheSameFormTwiceRecordsOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		in := f.meeting()
		in.ID = id.New("act")
		a, b := f.record(t, in), f.record(t, in)
		if a.ID != in.ID || b.ID != a.ID || b.Version != a.Version {
			t.Errorf("%s and %s", a.ID, b.ID)
		}
		other := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_9", Name: "Eve", Level: authz.LevelABDM})
		if _, err := f.Record(other, in, false); !problem.Is(err, problem.KindConflict) {
			t.Errorf("somebody else's id: %v", err)
		}
		in.ID = "x'; --"
		if _, err := f.Record(f.ctx, in, false); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("no id at all: %v", err)
		}
	})
}

func TestADryRunKeepsNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		a, err := f.Record(f.ctx, f.meeting(), true)
		if err != nil || a.Subject != "Architecture review" {
			t.Fatal(a, err)
		}
		if _, err := f.Get(f.ctx, a.ID); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("it was kept: %v", err)
		}
		b := f.record(t, f.meeting())
		in := f.meeting()
		in.Subject = "Other"
		for what, do := range map[string]func() (Activity, error){
			"change": func() (Activity, error) { return f.Change(f.ctx, Wish{ID: b.ID, DryRun: true}, in) },
			"cancel": func() (Activity, error) { return f.Cancel(f.ctx, Wish{ID: b.ID, DryRun: true}, "") },
		} {
			if got, err := do(); err != nil || got.Version == b.Version {
				t.Errorf("%s: %+v, %v", what, got, err)
			}
		}
		if got := f.get(t, b.ID); got.Version != b.Version || got.Subject != b.Subject || got.Cancelled() {
			t.Errorf("%+v", got)
		}
	})
}

func TestEveryFaultOfTheInputIsNamed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		cases := map[string]struct {
			edit  func(in *Input)
			field string
			code  string
		}{
			"no kind":          {func(in *Input) { in.Kind = "party" }, "kind", "unknown_kind"},
			"of the engine":    {func(in *Input) { in.Kind = "approved" }, "kind", "unknown_kind"},
			"nowhere":          {func(in *Input) { in.OpportunityID = "" }, "opportunity_id", "required"},
			"in two places":    {func(in *Input) { in.AccountID = "acc_1" }, "opportunity_id", "required"},
			"no subject":       {func(in *Input) { in.Subject = "  \n" }, "subject", "required"},
			"two lines":        {func(in *Input) { in.Subject = "a\nb" }, "subject", "malformed"},
			"a long subject":   {func(in *Input) { in.Subject = strings.Repeat("😀", 121) }, "subject", "too_long"},
			"long notes":       {func(in *Input) { in.Notes = strings.Repeat("x", MaxNotes+1) }, "notes", "too_long"},
			"a NUL":            {func(in *Input) { in.Notes = "a\x00b" }, "notes", "malformed"},
			"no beginning":     {func(in *Input) { in.StartsAt = time.Time{} }, "starts_at", "required"},
			"no end":           {func(in *Input) { in.EndsAt = time.Time{} }, "ends_at", "required"},
			"backwards":        {func(in *Input) { in.EndsAt = nine }, "ends_at", "before_start"},
			"fifteen days":     {func(in *Input) { in.EndsAt = nine.Add(15 * 24 * time.Hour) }, "ends_at", "too_long"},
			"a call on no day": {func(in *Input) { in.Kind, in.On = KindCall, "" }, "on", "required"},
			"no such day":      {func(in *Input) { in.Kind, in.On = KindCall, "2026-02-30" }, "on", "required"},
			"a long call":      {func(in *Input) { in.Kind, in.On, in.Minutes = KindCall, "2026-11-24", 1441 }, "minutes", "out_of_range"},
			"a bad address":    {func(in *Input) { in.Attendees = []Attendee{{Email: "not an address"}} }, "attendees", "bad_email"},
			"a company alone":  {func(in *Input) { in.Attendees = []Attendee{{Company: "AWS"}} }, "attendees", "required"},
			"a crowd":          {func(in *Input) { in.Attendees = make51() }, "attendees", "too_many"},
			"an unknown side":  {func(in *Input) { in.Attendees[0].Side = "moon" }, "attendees", "unknown_side"},
			"an unknown owner": {func(in *Input) { in.OwnerCRMID = "005X" }, "owner", "unknown_person"},
		}
		for name, c := range cases {
			in := f.meeting()
			c.edit(&in)
			_, err := f.Record(f.ctx, in, false)
			p, ok := errors.AsType[*problem.Error](err)
			if !ok || p.Kind != problem.KindInvalid || !slices.ContainsFunc(p.Fields, func(x problem.Field) bool { return x.Field == c.field && x.Code == c.code }) {
				t.Errorf("%s: %v", name, err)
			}
		}
		in := f.meeting()
		in.OpportunityID = "opp_x"
		if _, err := f.Record(f.ctx, in, false); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("an unknown opportunity: %v", err)
		}
	})
}

func make51() []Attendee {
	var out []Attendee
	for i := range MaxAttendees + 1 {
		out = append(out, Attendee{Name: fmt.Sprint("P", i)})
	}
	return out
}

func (f *fixture) people(t *testing.T) {
	t.Helper()
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		a, b, c := "005A", "005B", "005C"
		if _, err := team.Import(f.ctx, tx, []team.Person{
			{CRMID: &a, Name: "Olga Owner", Active: true, CRMModstamp: tx.Now()}, {CRMID: &b, Name: "Bea", Active: true, CRMModstamp: tx.Now()}, {CRMID: &c, Name: "Gone Gil", CRMModstamp: tx.Now()},
		}); err != nil {
			return err
		}
		_, err := account.Import(f.ctx, tx, []account.Account{{CRMID: "001A", Name: "Acme", OwnerCRMID: "005B", CRMModstamp: tx.Now()}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheOwnerIsWhoeverWasNamedOrRecordsItOrOwnsTheDeal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.people(t)
		if a := f.record(t, f.meeting()); a.OwnerCRMID != "005A" || a.OwnerName != "Olga Owner" {
			t.Errorf("of the deal: %+v", a)
		}
		in := f.meeting()
		in.OwnerCRMID = "005B"
		named := f.record(t, in)
		if named.OwnerCRMID != "005B" {
			t.Errorf("named: %+v", named)
		}
		in.OwnerCRMID = "005C"
		if _, err := f.Record(f.ctx, in, false); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("who left: %v", err)
		}
		acme, err := account.ByCRMID(f.ctx, f.db, "001A")
		f.must(t, err)
		onAccount := Input{AccountID: acme.ID, Kind: KindDecision, Subject: "We go with AWS", On: "2026-11-20"}
		if a := f.record(t, onAccount); a.OwnerCRMID != "005B" || a.CRMObject != ObjectTask || a.HappenedAt != time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC) {
			t.Errorf("on an account: %+v", a)
		}
		due, err := f.Due(f.ctx, 10)
		if err != nil || due[len(due)-1].WhatCRMID != "001A" || due[0].WhatCRMID != "006A" {
			t.Errorf("%+v, %v", due, err)
		}
		mine := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: f.user(t, "005B"), Name: "Bea", Level: authz.LevelABDM})
		if a, err := f.Record(mine, f.meeting(), false); err != nil || a.OwnerCRMID != "005B" {
			t.Errorf("who records it: %+v, %v", a, err)
		}
	})
}

func (f *fixture) user(t *testing.T, crmID string) string {
	t.Helper()
	personID, err := db.Get[string](f.ctx, f.db, `SELECT id FROM person WHERE crm_id = ?`, crmID)
	if err != nil {
		t.Fatal(err)
	}
	return personID
}

func TestChangesAndCancellationsFollow(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a := f.record(t, f.meeting())
		f.must(t, f.push(t, o))
		in := f.meeting()
		in.Subject, in.StartsAt, in.EndsAt, in.Attendees = "Architecture review II", ten, ten.Add(time.Hour), in.Attendees[:1]
		if _, err := f.Change(f.ctx, Wish{ID: a.ID, Version: a.Version}, in); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("an old version: %v", err)
		}
		b, err := f.Change(f.ctx, Wish{ID: a.ID, Version: f.get(t, a.ID).Version}, in)
		if err != nil || b.CRMState != CRMStatePending {
			t.Fatal(b, err)
		}
		f.must(t, f.push(t, o))
		r := o.records[a.ID]
		if len(o.records) != 1 || r.Face.Subject != in.Subject || !r.Face.StartsAt.Equal(ten) || r.WhoName != "Grace <grace@aws.example>, AWS (Partner)" {
			t.Errorf("%+v", r)
		}
		same, err := f.Change(f.ctx, Wish{ID: a.ID}, in)
		if err != nil || same.CRMState != CRMStateLogged {
			t.Errorf("saving without a change writes: %s, %v", same.CRMState, err)
		}
		if _, err := f.Cancel(f.ctx, Wish{ID: a.ID}, "the customer moved"); err != nil {
			t.Fatal(err)
		}
		f.must(t, f.push(t, o))
		if !r.Face.Cancelled || r.Deleted || r.WhoName != "Cancelled: the customer moved; Grace <grace@aws.example>, AWS (Partner)" {
			t.Errorf("%+v", r)
		}
		if _, err := f.Change(f.ctx, Wish{ID: a.ID}, in); !problem.Is(err, problem.KindConflict) {
			t.Errorf("a cancelled one was changed: %v", err)
		}
		if again, err := f.Cancel(f.ctx, Wish{ID: a.ID}, "twice"); err != nil || again.CancelReason != "the customer moved" {
			t.Errorf("%+v, %v", again, err)
		}
		if got := f.history(t, a.ID); !slices.Equal(got, []string{"recorded", "changed", "cancelled"}) {
			t.Errorf("history %v", got)
		}
	})
}

func (f *fixture) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestACancelledRecordIsDeletedWhereTheSettingSaysSo(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		a, never := f.record(t, f.meeting()), f.record(t, f.meeting())
		if _, err := f.Cancel(f.ctx, Wish{ID: never.ID}, ""); err != nil {
			t.Fatal(err)
		}
		f.must(t, f.push(t, o))
		if len(o.records) != 1 || f.get(t, never.ID).CRMState != CRMStateNone {
			t.Errorf("one cancelled before it was written was made: %d records", len(o.records))
		}
		lead := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Dora", Level: authz.LevelDirector})
		f.must(t, f.SetCancelMode(lead, CancelDelete, 0))
		if err := f.SetCancelMode(lead, "burn", 1); !problem.Is(err, problem.KindInvalid) {
			t.Error(err)
		}
		if m, row, err := f.CancelMode(f.ctx); err != nil || m != CancelDelete || row.Version != 1 {
			t.Error(m, row, err)
		}
		if _, err := f.Cancel(f.ctx, Wish{ID: a.ID}, ""); err != nil {
			t.Fatal(err)
		}
		f.must(t, f.push(t, o))
		if got := f.get(t, a.ID); !o.records[a.ID].Deleted || got.CRMState != CRMStateLogged || got.GoneAt.IsZero() {
			t.Errorf("%+v, %+v", o.records[a.ID], got)
		}
		if n := f.pull(t, o); n != 0 {
			t.Errorf("%d news of our own deletion", n)
		}
	})
}

func TestARefusalStopsOnlyItsOwnRecordAndIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := newOrg()
		rule := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "upsert Event", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Retry: problem.RetryHuman}, "Salesforce refused upsert Event: a meeting needs a location", nil)
		rule.Fields = []problem.Field{{Field: "Location", Code: "x", Message: "is empty"}}
		bad := f.meeting()
		bad.Subject = "bad"
		a, b := f.record(t, bad), f.record(t, f.meeting())
		o.deny["bad"] = rule
		f.must(t, f.push(t, o))
		got := f.get(t, a.ID)
		if got.CRMState != CRMStateFailed || !strings.Contains(got.CRMError, "FIELD_CUSTOM_VALIDATION_EXCEPTION") || !strings.Contains(got.CRMError, "Location: is empty") || f.get(t, b.ID).CRMState != CRMStateLogged {
			t.Fatalf("%+v", got)
		}
		if _, err := f.Send(f.ctx, Wish{ID: b.ID}); !problem.Is(err, problem.KindConflict) {
			t.Errorf("what was not refused was sent again: %v", err)
		}
		delete(o.deny, "bad")
		if _, err := f.Send(f.ctx, Wish{ID: a.ID}); err != nil {
			t.Fatal(err)
		}
		f.must(t, f.push(t, o))
		if f.get(t, a.ID).CRMState != CRMStateLogged || len(o.records) != 2 {
			t.Errorf("%+v", f.get(t, a.ID))
		}
	})
}
