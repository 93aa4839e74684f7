package sync

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// director is who may pause.
func (f *fixture) director() context.Context {
	return authz.With(f.t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Name: "Dana", Level: authz.LevelDirector})
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// version gives the version of the switches.
func (f *fixture) version() int64 {
	f.t.Helper()
	_, row, err := f.Automation.State(f.ctx)
	f.must(err)
	return row.Version
}

func (f *fixture) switchTo(id automation.FlowID, on bool) {
	f.t.Helper()
	f.must(f.Automation.Switch(f.director(), id, on, "quarter end", f.version()))
}

// pending makes one of everything that Salesforce can be sent.
func (f *fixture) pending() {
	f.t.Helper()
	f.Registrations = registration.NewService(f.DB, f.Clock, []registration.Portal{portal{}}, registration.DefaultPace)
	_, err := f.Activities.Record(f.ctx, f.meeting("Ours"), false)
	f.must(err)
	f.must(f.DB.InTx(f.ctx, f.Clock, func(tx *db.Tx) error {
		r := registration.Registration{
			ID: "reg_1", OpportunityID: f.joint.ID, Cloud: cloud.AWS, State: registration.StateApproved, StateAt: tx.Now(), RemoteID: "O1",
			Version: 1, CRMDirty: true, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		if err := db.Insert(f.ctx, tx, "registration", &r); err != nil {
			return err
		}
		edit := registration.Edit{
			RegistrationID: r.ID, Path: "LifeCycle.NextSteps", Value: `"sign"`, CRMState: registration.CRMPending, ActorKind: authz.KindPerson, ActorName: "Ada",
			EditedAt: tx.Now(), MadeOn: f.joint.CRMModstamp,
		}
		if err := db.Insert(f.ctx, tx, "registration_edit", &edit); err != nil {
			return err
		}
		correction := tagging.Correction{
			ID: "cor_1", OpportunityID: f.lone.ID, Rule: "x", Title: "x", Steps: db.NewJSON([]tagging.Step{{Field: tagging.FieldDealPath, Value: "Partner"}}),
			State: tagging.CorrectionPending, AskedBy: "Ada", AskedAt: tx.Now(),
		}
		if err := db.Insert(f.ctx, tx, "tagging_correction", &correction); err != nil {
			return err
		}
		return f.Activities.OnRegistration(f.ctx, tx, registration.Event{Registration: r, Kind: "approved", Subject: "AWS: approved", ActorKind: authz.KindPortal})
	}))
}

// waits gives how many records each flow has for Salesforce.
func (f *fixture) waits() map[automation.FlowID]int64 {
	f.t.Helper()
	list, err := f.Waits(f.ctx)
	f.must(err)
	out := map[automation.FlowID]int64{}
	for _, w := range list {
		if w.Waiting > 0 {
			out[w.Flow] = w.Waiting
		}
	}
	return out
}

func TestNothingReachesSalesforceWhileEverythingIsPausedAndNothingIsLost(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pending()
		f.create("Task", salesforceTask("Later"))
		f.must(f.Automation.Pause(f.director(), "we move the organisation", f.version()))
		before := f.calls.n
		f.must(f.Push(f.ctx))
		f.must(f.Pull(f.ctx))
		key := "aws-O9"
		if _, err := f.CRM.MadeOpportunity(f.ctx, key); !automation.IsOff(err) {
			t.Errorf("looked for an opportunity to make: %v", err)
		}
		if _, err := f.CRM.MakeOpportunity(f.ctx, key, map[string]string{"opportunity.name": "No"}); !automation.IsOff(err) || problem.RetryOf(err) == problem.RetryHuman {
			t.Errorf("made an opportunity, or gave it up: %v", err)
		}
		if n := f.calls.n - before; n != 0 {
			t.Errorf("%d requests went to Salesforce", n)
		}
		if n, err := f.Waiting(f.ctx); n != 0 || err != nil {
			t.Errorf("%d count as on their way, %v: a sync would wait for them", n, err)
		}
		if got := f.waits(); len(got) != len(pushFlows) {
			t.Errorf("of %d flows wait %v", len(pushFlows), got)
		}
		f.must(f.Automation.Resume(f.director(), "", f.version()))
		f.must(f.Push(f.ctx))
		if got := f.waits(); len(got) != 0 {
			t.Errorf("still wait: %v", got)
		}
		f.pull()
		f.want(f.joint.ID, "person Ours", "engine AWS: approved", "crm Later", "crm Before")
	})
}

func TestAFlowThatIsOnWritesItsOwnAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pending()
		for _, id := range pushFlows {
			f.switchTo(id, false)
		}
		left := f.waits()
		for _, id := range pushFlows {
			f.switchTo(id, true)
			if n, err := f.Waiting(f.ctx); n != 1 || err != nil {
				t.Errorf("%s: %d count as on their way, %v", id, n, err)
			}
			f.must(f.Push(f.ctx))
			delete(left, id)
			if got := f.waits(); !reflect.DeepEqual(got, left) {
				t.Errorf("with %s on, %v wait, not %v", id, got, left)
			}
			d, err := f.Automation.Detail(f.ctx, id)
			f.must(err)
			if d.Last == nil || d.Last.Changed != 1 || d.Last.Looked != 1 || d.Last.EndedAt.IsZero() || len(d.Days) != 1 || d.Days[0].Runs != 1 || d.Days[0].Changed != 1 {
				t.Errorf("%s: its run is %+v, its days are %+v", id, d.Last, d.Days)
			}
			f.must(f.Push(f.ctx)) // nothing is left: no run
			f.switchTo(id, false)
		}
		all, err := f.Automation.Overview(f.ctx)
		f.must(err)
		for _, v := range all.Flows {
			if slices.Contains(pushFlows, v.ID) && (v.Runs != 1 || v.Week.Changed != 1) {
				t.Errorf("%s: %d runs, %+v in the week", v.ID, v.Runs, v.Week)
			}
		}
	})
}

func TestAWriteOfNoFlowIsRefused(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		before := f.calls.n
		_, err := f.CRM.UpsertRegistrations(f.ctx, []registration.CRMRecord{{Key: "x"}})
		_, err2 := f.CRM.UpdateOpportunity(f.ctx, registration.CRMChange{OpportunityCRMID: jointCRMID})
		_, err3 := f.CRM.LogTasks(f.ctx, []activity.Task{{Key: "x"}})
		_, err4 := f.CRM.WriteActivities(f.ctx, []activity.Write{{Key: "x"}})
		for _, err := range []error{err, err2, err3, err4} {
			if err == nil {
				t.Error("written without a flow")
			}
		}
		if n := f.calls.n - before; n != 0 {
			t.Errorf("%d requests went to Salesforce", n)
		}
	})
}

// reading are the methods of CRM that write nothing. Whoever adds a method that
// writes gives it a flow in Guard.
var reading = []string{
	"Accounts", "ActivitiesOf", "Allowance", "Cards", "ChangedActivities", "Check", "Claims", "ClaimsOf", "Contacts", "DeletedSince", "IDs", "LookActivities", "Members", "Newest", "NewOpportunityFields", "NewestActivity",
	"Opportunities", "Opportunity", "People", "Preview", "RegistrationRows", "Tools", "Total", "Usage",
}

func TestEveryMethodThatWritesAsksItsFlow(t *testing.T) {
	t.Parallel()
	asks := []string{"LogTasks", "MadeOpportunity", "MakeOpportunity", "UpdateOpportunity", "UpsertRegistrations", "WriteActivities"}
	for m := range reflect.TypeFor[CRM]().Methods() {
		if !slices.Contains(reading, m.Name) && !slices.Contains(asks, m.Name) {
			t.Errorf("CRM.%s is new: if it writes to Salesforce, Guard has to ask its flow; else list it as reading", m.Name)
		}
	}
}

func TestReadingThatIsOffReadsNothingAndSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.switchTo(automation.ReadRecords, false)
		f.create("Task", salesforceTask("Later"))
		f.pull() // the activities are read all the same
		f.want(f.joint.ID, "crm Later", "crm Before")
		if err := f.client.Update(f.ctx, "Opportunity", jointCRMID, map[string]any{"Name": "Renamed"}); err != nil {
			t.Fatal(err)
		}
		f.pull()
		name := func() string {
			t.Helper()
			o, _, err := f.Opportunities.Get(f.ctx, f.joint.ID)
			f.must(err)
			return o.Name
		}
		if got := name(); got != "Joint" {
			t.Errorf("read %q while reading is off", got)
		}
		if err := f.mayPull(f.director()); problem.KindOf(err) != problem.KindConflict {
			t.Errorf("a person who wants to read is told %v", err)
		}
		f.switchTo(automation.ReadRecords, true)
		f.pull()
		if got := name(); got != "Renamed" {
			t.Errorf("it is %q after reading is on again", got)
		}
	})
}

func TestWhatGoesWrongIsKeptOnceWithItsRecord(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		rule := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "upsert", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Status: 400, Retry: problem.RetryHuman}, "no", nil)
		f.CRM = Guard(&crm{refuse: rule}, f.Automation)
		f.pending()
		f.must(f.run(f.ctx, automation.WriteTasks, f.pushActivities))
		soon := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "upsert", Code: "UNABLE_TO_LOCK_ROW", Status: 400, Retry: problem.RetrySoon}, "locked", nil)
		f.CRM = Guard(&crm{refuse: soon}, f.Automation)
		for range 3 {
			if err := f.run(f.ctx, automation.WriteRegistrations, f.pushRegistrations); err == nil {
				t.Fatal("a lock is no error")
			}
		}
		d, err := f.Automation.Detail(f.ctx, automation.WriteTasks)
		f.must(err)
		if d.Last.Refused != 1 || d.Last.Failures != 0 || len(d.Troubles) != 1 || d.Troubles[0].Subject != jointCRMID || d.Troubles[0].Times != 1 {
			t.Errorf("refused: %+v, %+v", d.Last, d.Troubles)
		}
		if d, err = f.Automation.Detail(f.ctx, automation.WriteRegistrations); err != nil || d.Days[0].Failures != 3 || d.Days[0].Runs != 3 || len(d.Troubles) != 1 || d.Troubles[0].Times != 3 || d.Last.Message == "" {
			t.Errorf("locked: %+v, %+v, %+v, %v", d.Last, d.Days, d.Troubles, err)
		}
	})
}

func salesforceTask(subject string) map[string]any {
	return map[string]any{"Subject": subject, "WhatId": jointCRMID, "Status": "Completed", "ActivityDate": time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)}
}
