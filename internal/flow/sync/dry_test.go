package sync

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
)

// told gives the changes of a dry run in short.
func (f *fixture) told(id automation.FlowID) []string {
	f.t.Helper()
	d, err := f.DryRun(f.director(), id, 0, 0)
	f.must(err)
	out := []string{}
	for _, c := range d.Changes {
		line := fmt.Sprintf("%s %s", c.Act, c.Object)
		for _, x := range c.Fields {
			if len(x.To) < 40 {
				line += fmt.Sprintf(" %s:%s→%s", x.Field, x.From, x.To)
			}
		}
		out = append(out, line)
	}
	return out
}

func TestADryRunNamesEachFieldAndSendsNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pending()
		before, waits := len(f.calls.said), f.waits()
		want := map[automation.FlowID][]string{
			automation.WriteEdits:       {"update Opportunity Next_Steps__c:→sign"},
			automation.WriteCorrections: {"update Opportunity Deal_Path__c:→Partner"},
			automation.WriteRegistrations: {
				"create CoSell_Registration__c Cloud__c:→aws Direction__c:→Out Opportunity__c:→" + jointCRMID + " Portal_Id__c:→O1 Sync_State__c:→Approved",
			},
		}
		for id, lines := range want {
			if got := f.told(id); !reflect.DeepEqual(got, lines) {
				t.Errorf("%s: %q", id, got)
			}
		}
		for id, begins := range map[automation.FlowID]string{automation.WriteTasks: "create Task", automation.WriteActivities: "create Event"} {
			if got := f.told(id); len(got) != 1 || got[0][:len(begins)] != begins {
				t.Errorf("%s: %q", id, got)
			}
		}
		if said := f.calls.said[before:]; len(said) != 0 {
			t.Errorf("a dry run sent %q", said)
		}
		if got := f.waits(); !reflect.DeepEqual(got, waits) {
			t.Errorf("after the dry runs %v wait, not %v", got, waits)
		}
		f.must(f.Push(f.ctx))
		if len(f.calls.said) == before {
			t.Error("the push sent nothing: what is counted is not what is sent")
		}
		for _, id := range pushFlows {
			if got := f.told(id); len(got) != 0 {
				t.Errorf("%s after the push: %q", id, got)
			}
		}
	})
}

func TestADryRunOfAnUpdateTellsWhatSalesforceHasNow(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		a, err := f.Activities.Record(f.ctx, f.meeting("Ours"), false)
		f.must(err)
		f.push()
		in := f.meeting("Ours, moved")
		in.StartsAt, in.EndsAt = in.StartsAt.AddDate(0, 0, 1), in.EndsAt.AddDate(0, 0, 1)
		current, err := f.Activities.Get(f.ctx, a.ID)
		f.must(err)
		_, err = f.Activities.Change(f.ctx, activity.Wish{ID: a.ID, Version: current.Version}, in)
		f.must(err)
		want := "update Event EndDateTime:2026-12-01T10:00:00.000Z→2026-12-02T10:00:00.000Z StartDateTime:2026-12-01T09:00:00.000Z→2026-12-02T09:00:00.000Z Subject:Ours→Ours, moved"
		if got := f.told(automation.WriteActivities); !slices.Equal(got, []string{want}) {
			t.Errorf("%q", got)
		}
	})
}

func TestADryRunSaysWhatWaitsForAReadFirst(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pending()
		f.must(f.client.Update(f.ctx, "Opportunity", jointCRMID, map[string]any{"Next_Steps__c": "call"}))
		if got := f.told(automation.WriteEdits); !slices.Equal(got, []string{"wait Opportunity Next_Steps__c:call→sign"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestADryRunOfReadingTellsWhatWouldChangeInTandemAndStoresNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if got := f.told(automation.ReadRecords); len(got) != 0 {
			t.Errorf("nothing changed, and it tells of %q", got)
		}
		f.must(f.client.Update(f.ctx, "Opportunity", jointCRMID, map[string]any{"Name": "Renamed"}))
		f.create("Task", salesforceTask("Later"))
		for range 2 {
			if got := f.told(automation.ReadRecords); !slices.Equal(got, []string{"update Opportunity name:Joint→Renamed"}) {
				t.Errorf("%q", got)
			}
		}
		if got := f.told(automation.ReadActivities); len(got) != 1 || got[0][:11] != "create Task" {
			t.Errorf("%q", got)
		}
		f.want(f.joint.ID, "crm Before")
		f.pull()
		if got := f.told(automation.ReadRecords); len(got) != 0 {
			t.Errorf("after the read it tells of %q", got)
		}
	})
}

func TestADryRunIsPagedAndAsksWhoMay(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for i := range 5 {
			_, err := f.Activities.Record(f.ctx, f.meeting(fmt.Sprintf("Meeting %d", i)), false)
			f.must(err)
		}
		var names []string
		for from := 0; ; {
			d, err := f.DryRun(f.director(), automation.WriteActivities, from, 2)
			f.must(err)
			if d.Total != 5 {
				t.Errorf("of %d", d.Total)
			}
			for _, c := range d.Changes {
				names = append(names, c.Name)
			}
			if from = d.Next; from == 0 {
				break
			}
		}
		if !slices.Equal(names, []string{"Meeting 0", "Meeting 1", "Meeting 2", "Meeting 3", "Meeting 4"}) {
			t.Errorf("%q", names)
		}
		if _, err := f.DryRun(t.Context(), automation.WriteTasks, 0, 0); !problem.Is(err, problem.KindUnauthorized) {
			t.Errorf("nobody asks: %v", err)
		}
	})
}
