package sync

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// fixture is the flows on a database, beside an organisation with one deal that is
// joint with AWS and one that is not.
type fixture struct {
	*Service
	t           *testing.T
	ctx         context.Context
	org         *sandbox.Server
	client      *salesforce.Client
	joint, lone opportunity.Opportunity
	calls       *counter
	address     string // of the organisation
}

type counter struct {
	next http.Handler
	n    int
	said []string // what was no reading
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.n++
	if r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/oauth2/") {
		c.said = append(c.said, r.Method+" "+r.URL.Path)
	}
	c.next.ServeHTTP(w, r)
}

const (
	jointCRMID = "006000000000001AAA"
	loneCRMID  = "006000000000002AAA"
)

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		srv, err := sandbox.New(sandbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f := &fixture{t: t, org: srv, calls: &counter{next: srv.Handler()}}
		web := httptest.NewServer(f.calls)
		f.address = web.URL
		t.Cleanup(func() {
			web.Close()
			if err := srv.Close(); err != nil {
				t.Error(err)
			}
		})
		_, err = srv.Load(t.Context(), func(yield func(string, map[string]any) bool) {
			_ = yield("Account", map[string]any{"Id": "001000000000001AAA", "Name": "Acme"}) && yield("Account", map[string]any{"Id": "001000000000002AAA", "Name": "Amazon Web Services"}) &&
				yield("Opportunity", map[string]any{"Id": jointCRMID, "Name": "Joint", "AccountId": "001000000000001AAA", "StageName": "1-Discovery", "CloseDate": "2026-12-31", "Fulfillment_Partner__c": "001000000000002AAA"}) &&
				yield("Opportunity", map[string]any{"Id": loneCRMID, "Name": "Lone", "AccountId": "001000000000001AAA", "StageName": "1-Discovery", "CloseDate": "2026-12-31"}) &&
				yield("Task", map[string]any{"Subject": "Before", "WhatId": jointCRMID, "TaskSubtype": "Call", "Status": "Completed", "ActivityDate": "2026-10-01"}) &&
				yield("Task", map[string]any{"Subject": "Not ours", "WhatId": loneCRMID, "Status": "Completed", "ActivityDate": "2026-10-01"})
		})
		if err != nil {
			t.Fatal(err)
		}
		key, secret := srv.Credentials()
		f.client, err = salesforce.New(salesforce.Config{LoginURL: web.URL, ClientID: key, ClientSecret: secret, Transport: &http.Transport{}})
		if err != nil {
			t.Fatal(err)
		}
		c := clock.System{}
		f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelABDM})
		opps, auto := opportunity.NewService(d, c), automation.NewService(d, c)
		regs, acts := registration.NewService(d, c, nil, registration.DefaultPace), activity.NewService(d, c)
		f.Service = &Service{
			DB: d, Clock: c, Log: slog.New(slog.DiscardHandler), CRM: Guard(salesforce.NewCRM(f.client, "USD"), auto), Automation: auto, Opportunities: opps, Tagging: tagging.NewService(d, c, opps),
			Routes: route.NewService(d, c, opps, regs, acts, approval.NewService(d, c, opps, regs, acts)), Activities: acts, Connections: connection.NewService(d, c), Hub: &notify.Hub{},
		}
		f.pull()
		list, err := opportunity.ByCRMIDs(f.ctx, d, []string{jointCRMID, loneCRMID})
		if err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		f.joint, f.lone = list[0], list[1]
		if f.joint.CRMID != jointCRMID {
			f.joint, f.lone = f.lone, f.joint
		}
		test(t, f)
	})
}

func (f *fixture) pull() {
	f.t.Helper()
	if err := f.Pull(f.ctx); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) push() {
	f.t.Helper()
	if err := f.run(f.ctx, automation.WriteActivities, f.pushRecorded); err != nil {
		f.t.Fatal(err)
	}
}

// subjects gives the timeline of an opportunity, newest first.
func (f *fixture) subjects(opportunityID string) []string {
	f.t.Helper()
	p, err := f.Activities.Timeline(f.ctx, activity.Query{OpportunityID: opportunityID})
	if err != nil {
		f.t.Fatal(err)
	}
	out := []string{}
	for i := range p.Rows {
		out = append(out, string(p.Rows[i].Origin)+" "+p.Rows[i].Subject)
	}
	return out
}

func (f *fixture) want(opportunityID string, want ...string) {
	f.t.Helper()
	if got := f.subjects(opportunityID); !slices.Equal(got, want) {
		f.t.Errorf("the timeline is %q, not %q", got, want)
	}
}

func (f *fixture) create(object string, fields salesforce.Fields) string {
	f.t.Helper()
	id, err := f.client.Create(f.ctx, object, fields)
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

func (f *fixture) meeting(subject string) activity.Input {
	start := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	return activity.Input{OpportunityID: f.joint.ID, Kind: activity.KindMeeting, Subject: subject, StartsAt: start, EndsAt: start.Add(time.Hour)}
}

func TestActivitiesOfJointDealsComeInAndOursAreNotEchoed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.want(f.joint.ID, "crm Before")
		f.want(f.lone.ID)
		if _, err := f.Activities.Record(f.ctx, f.meeting("Ours"), false); err != nil {
			t.Fatal(err)
		}
		f.push()
		demo := f.create("Event", salesforce.Fields{"Subject": "Demo", "WhatId": jointCRMID, "StartDateTime": time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC), "DurationInMinutes": 30})
		f.create("Event", salesforce.Fields{"Subject": "Private", "IsPrivate": true, "WhatId": jointCRMID, "StartDateTime": time.Date(2026, 12, 2, 9, 0, 0, 0, time.UTC), "DurationInMinutes": 30})
		f.create("Task", salesforce.Fields{"Subject": "Elsewhere", "WhatId": loneCRMID, "ActivityDate": "2026-12-03"})
		for range 2 {
			f.pull()
			f.want(f.joint.ID, "crm Demo", "person Ours", "crm Before")
			f.want(f.lone.ID)
		}
		// Changed, moved away, moved back, deleted, restored.
		step := func(fields salesforce.Fields, want ...string) {
			t.Helper()
			if err := f.client.Update(f.ctx, "Event", demo, fields); err != nil {
				t.Fatal(err)
			}
			f.pull()
			f.want(f.joint.ID, want...)
		}
		step(salesforce.Fields{"Subject": "Demo II"}, "crm Demo II", "person Ours", "crm Before")
		step(salesforce.Fields{"WhatId": loneCRMID}, "person Ours", "crm Before")
		step(salesforce.Fields{"WhatId": jointCRMID}, "crm Demo II", "person Ours", "crm Before")
		if err := f.client.Delete(f.ctx, "Event", demo); err != nil {
			t.Fatal(err)
		}
		f.pull()
		f.want(f.joint.ID, "person Ours", "crm Before")
	})
}

func TestADealThatBecomesJointBringsItsActivitiesAlong(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		yes := true
		if err := f.Opportunities.MarkJoint(f.ctx, f.lone.ID, cloud.GCP, &yes, "the customer says so"); err != nil {
			t.Fatal(err)
		}
		f.pull()
		f.want(f.lone.ID, "crm Not ours")
		f.create("Task", salesforce.Fields{"Subject": "Later", "WhatId": loneCRMID, "ActivityDate": "2026-12-03"})
		f.pull()
		f.want(f.lone.ID, "crm Later", "crm Not ours")
	})
}

func TestWhatIsRecordedFollowsBothSidesThroughTheRealCalls(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		a, err := f.Activities.Record(f.ctx, f.meeting("Ours"), false)
		if err != nil {
			t.Fatal(err)
		}
		f.push()
		get := func() activity.Activity {
			t.Helper()
			got, err := f.Activities.Get(f.ctx, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		a = get()
		if a.CRMState != activity.CRMStateLogged || a.CRMObject != activity.ObjectEvent {
			t.Fatalf("%+v", a)
		}
		if err := f.client.Update(f.ctx, "Event", a.CRMTaskID, salesforce.Fields{"Subject": "Theirs"}); err != nil {
			t.Fatal(err)
		}
		f.pull()
		if get().Subject != "Theirs" {
			t.Errorf("%+v", get())
		}
		in := f.meeting("Ours again")
		if _, err := f.Activities.Change(f.ctx, activity.Wish{ID: a.ID}, in); err != nil {
			t.Fatal(err)
		}
		f.push()
		r, err := f.client.Get(f.ctx, "Event", a.CRMTaskID)
		if err != nil || r.String("Subject") != "Ours again" {
			t.Errorf("%s, %v", r.JSON(), err)
		}
		if _, err := f.Activities.Cancel(f.ctx, activity.Wish{ID: a.ID}, ""); err != nil {
			t.Fatal(err)
		}
		f.push()
		f.pull()
		a = get()
		if r, err = f.client.Get(f.ctx, "Event", a.CRMTaskID); err != nil || r.String("Subject") != "Cancelled: Ours again" || !a.Cancelled() {
			t.Errorf("%s, %v", r.JSON(), err)
		}
		n, err := f.client.Count(f.ctx, "SELECT COUNT() FROM Event")
		if err != nil || n != 1 {
			t.Errorf("%d events, %v", n, err)
		}
	})
}

func TestReadingWithoutNewsCostsOneCallForEachObject(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.pull()
		before := f.calls.n
		if n, err := f.readActivities(f.ctx); n != 0 || err != nil {
			t.Fatal(n, err)
		}
		if got := f.calls.n - before; got != 2 {
			t.Errorf("%d calls", got)
		}
	})
}

func TestAPullWithoutNewsCostsOneCallForEachObject(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for range 2 { // what changed shortly before a read comes again with the next
			f.org.Clock().Advance(10 * time.Minute)
			f.pull()
		}
		before := f.calls.n
		f.pull()
		if got := f.calls.n - before; got != 9 {
			t.Errorf("%d calls", got)
		}
	})
}

func TestActivitiesOfManyNewDealsAreReadOnceEach(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		const n = watchBatch + 40
		_, err := f.org.Load(t.Context(), func(yield func(string, map[string]any) bool) {
			for i := range n {
				id := salesforce.ID18(fmt.Sprintf("006000000%06d", 100+i))
				if !yield("Opportunity", map[string]any{"Id": id, "Name": fmt.Sprint("Deal ", i), "AccountId": "001000000000001AAA", "StageName": "1-Discovery", "CloseDate": "2026-12-31", "Fulfillment_Partner__c": "001000000000002AAA"}) ||
					!yield("Task", map[string]any{"Subject": fmt.Sprint("Call ", i), "WhatId": id, "TaskSubtype": "Call", "Status": "Completed", "ActivityDate": "2026-10-01"}) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		f.pull()
		for what, query := range map[string]string{"watched": `SELECT count(*) FROM activity_watch`, "calls": `SELECT count(*) FROM activity WHERE subject LIKE 'Call %'`} {
			want := map[string]int{"watched": n + 1, "calls": n}[what]
			if got, err := db.Get[int](t.Context(), f.DB, query); err != nil || got != want {
				t.Errorf("%d %s, want %d (%v)", got, what, want, err)
			}
		}
		if left, err := f.Activities.Unwatched(f.ctx, "", 10); err != nil || len(left) != 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}
