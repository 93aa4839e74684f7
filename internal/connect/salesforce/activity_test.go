package salesforce

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

const deal = "006000000000001AAA"

// crmWorld is an organisation with people of each kind, and a CRM of it.
type crmWorld struct {
	*CRM
	t                          *testing.T
	srv                        *sandbox.Server
	contact, second, lead, ada string
}

func newWorld(t *testing.T) *crmWorld {
	t.Helper()
	c, srv, _ := organization(t, 2, sandbox.Options{})
	w := &crmWorld{CRM: NewCRM(c, "USD"), t: t, srv: srv}
	w.contact = w.create("Contact", Fields{"LastName": "Doe", "AccountId": "001000000000001AAA", "Email": "Doe@acme.example"})
	other := w.create("Account", Fields{"Name": "Other"})
	w.create("Contact", Fields{"LastName": "Doe at another company", "AccountId": other, "Email": "doe@acme.example"})
	w.second = w.create("Contact", Fields{"LastName": "Second", "AccountId": "001000000000001AAA", "Email": "second@acme.example"})
	w.lead = w.create("Lead", Fields{"LastName": "Grace", "Company": "AWS", "Email": "grace@aws.example"})
	w.ada = w.create("User", Fields{"Username": "ada@us.example", "LastName": "Ada", "Email": "ada@us.example"})
	return w
}

func (w *crmWorld) create(object string, f Fields) string {
	w.t.Helper()
	id, err := w.client.Create(w.t.Context(), object, f)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *crmWorld) record(object, key string) Record {
	w.t.Helper()
	for r, err := range w.client.QueryAll(w.t.Context(), "SELECT FIELDS(ALL) FROM "+object+" WHERE "+activityKey+" = "+Quote(key)+" LIMIT 2", QueryOptions{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		return r
	}
	w.t.Fatalf("no %s %s", object, key)
	return Record{}
}

func (w *crmWorld) count(soql string) int {
	w.t.Helper()
	n, err := w.client.Count(w.t.Context(), soql)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// invited gives who is invited to an event, sorted.
func (w *crmWorld) invited(event string) []string {
	w.t.Helper()
	var out []string
	for r, err := range w.client.Query(w.t.Context(), "SELECT RelationId FROM EventRelation WHERE EventId = "+Quote(event), QueryOptions{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, r.ID("RelationId"))
	}
	slices.Sort(out)
	return out
}

func (w *crmWorld) write(list ...activity.Write) []activity.Written {
	w.t.Helper()
	out, err := w.WriteActivities(w.t.Context(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

var tenth = time.Date(2026, 12, 10, 15, 0, 0, 0, time.UTC)

func sorted(list ...string) []string {
	slices.Sort(list)
	return list
}

func (w *crmWorld) event(key string) activity.Write {
	return activity.Write{
		Object: activity.ObjectEvent, Kind: activity.KindMeeting, Key: key, WhatCRMID: deal, AccountCRMID: "001000000000001AAA", Parts: activity.Parts(), People: true,
		Face:  activity.Face{Subject: "Review", Notes: "agenda", Location: "Video call", StartsAt: tenth, EndsAt: tenth.Add(45 * time.Minute), OwnerCRMID: w.ada},
		Lines: []string{"Doe <doe@acme.example> (Customer)"},
		Attendees: []activity.Attendee{
			{Name: "Doe", Email: "doe@acme.example", Side: activity.SideCustomer},
			{Email: "second@acme.example", Side: activity.SideCustomer},
			{Name: "Grace", Email: "grace@aws.example", Side: activity.SidePartner},
			{Email: "ada@us.example", Side: activity.SideOurs},
			{Email: "nobody@known.example", Side: activity.SidePartner},
		},
	}
}

func TestAMeetingBecomesAnEventWithThoseWhomSalesforceKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.write(w.event("act_1"))[0]
	if got.Err != nil || got.Now == nil || got.Now.Face.Subject != "Review" || got.Now.Face.Notes != "agenda" || got.Now.Key != "act_1" || !got.Now.Face.StartsAt.Equal(tenth) || got.Now.Stamp.IsZero() {
		t.Fatalf("%+v, %+v", got, got.Now)
	}
	r := w.record("Event", "act_1")
	for field, want := range map[string]string{
		"WhatId": deal, "WhoId": w.contact, "OwnerId": w.ada, "Subject": "Review", "Type": "Meeting", "Location": "Video call", "DurationInMinutes": "45", "ShowAs": "Busy",
		"Description": "agenda\n\n-- Kept by Tandem --\nDoe <doe@acme.example> (Customer)", "AccountId": "001000000000001AAA",
	} {
		if r.String(field) != want {
			t.Errorf("%s is %q, not %q", field, r.String(field), want)
		}
	}
	// The first contact stands in WhoId and the owner has the event anyway.
	if who := w.invited(got.Now.CRMID); !slices.Equal(who, sorted(w.second, w.lead)) {
		t.Errorf("invited %v", who)
	}
	if diff := activity.Changes(w.event("").Face, got.Now.Face); len(diff) > 0 {
		t.Errorf("it comes back different in %v", diff)
	}
}

func TestTasksCarryWhatTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	task := func(key string, k activity.Kind, past bool) activity.Write {
		return activity.Write{
			Object: activity.ObjectTask, Kind: k, Key: key, WhatCRMID: deal, Parts: activity.Parts(), People: true, Past: past,
			Face:      activity.Face{Subject: "S", On: "2026-12-10", Minutes: 25},
			Attendees: []activity.Attendee{{Email: "grace@aws.example", Side: activity.SidePartner}},
		}
	}
	for _, x := range w.write(task("c", activity.KindCall, true), task("e", activity.KindEmail, true), task("d", activity.KindDecision, true), task("r", activity.KindRequest, false)) {
		if x.Err != nil {
			t.Fatal(x.Err)
		}
	}
	for key, want := range map[string][4]string{"c": {"Call", "Call", "Completed", "1500"}, "e": {"Email", "Email", "Completed", "1500"}, "d": {"Task", "Co-sell", "Completed", "1500"}, "r": {"Task", "Co-sell", "Not Started", "1500"}} {
		r := w.record("Task", key)
		if got := [4]string{r.String("TaskSubtype"), r.String("Type"), r.String("Status"), r.String("CallDurationInSeconds")}; got != want {
			t.Errorf("%s: %v, not %v", key, got, want)
		}
		if r.String("ActivityDate") != "2026-12-10" || r.String("WhoId") != "" {
			t.Errorf("%s: a lead beside the deal, or another day: %s", key, r.JSON())
		}
	}
}

func TestALostAnswerLeavesEachRecordAndInvitationOnce(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"lost_reply", "reset", "error", "truncate"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			call := w.event("act_c")
			call.Object, call.Kind, call.Face.StartsAt, call.Face.EndsAt, call.Face.On = activity.ObjectTask, activity.KindCall, time.Time{}, time.Time{}, "2026-12-10"
			list := []activity.Write{w.event("act_1"), call}
			if err := w.srv.Faults().Set(fault + "=0.3,seed=7"); err != nil {
				t.Fatal(err)
			}
			for try := 0; ; try++ {
				found := map[string]activity.Remote{}
				var err error
				for _, o := range []activity.Object{activity.ObjectTask, activity.ObjectEvent} {
					some, lerr := w.LookActivities(t.Context(), o, []string{"act_1", "act_c"})
					if lerr != nil {
						err = lerr
					}
					for k, r := range some {
						found[k] = r
					}
				}
				for i := range list {
					if r, ok := found[list[i].Key]; ok { // as Plan decides
						list[i].CRMID, list[i].Since, list[i].Parts = r.CRMID, r.Stamp, nil
					}
				}
				var res []activity.Written
				if err == nil {
					res, err = w.WriteActivities(t.Context(), list)
				}
				bad := err
				for _, r := range res {
					if r.Err != nil {
						bad = r.Err
					}
				}
				if bad == nil {
					break
				}
				if problem.RetryOf(bad) == problem.RetryHuman || try == 30 {
					t.Fatal(bad)
				}
			}
			if err := w.srv.Faults().Set(""); err != nil {
				t.Fatal(err)
			}
			if n, m := w.count("SELECT COUNT() FROM Event WHERE IsChild = false"), w.count("SELECT COUNT() FROM Task"); n != 1 || m != 1 {
				t.Errorf("%d events, %d tasks", n, m)
			}
			if who := w.invited(w.record("Event", "act_1").ID("Id")); !slices.Equal(who, sorted(w.second, w.lead)) {
				t.Errorf("invited %v", who)
			}
		})
	}
}

func TestOnlyChangedPartsAreWrittenAndAStrangersChangeIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.write(w.event("act_1"))[0].Now
	if err := w.client.Update(t.Context(), "Event", made.CRMID, Fields{"Location": "Room 7"}); err != nil {
		t.Fatal(err)
	}
	up := w.event("act_1")
	up.CRMID, up.Since, up.People, up.Parts, up.Face.Subject = made.CRMID, made.Stamp, false, []activity.Part{activity.PartSubject}, "Ours"
	if got := w.write(up)[0]; !problem.Is(got.Err, problem.KindPrecondition) || got.Now.Face.Location != "Room 7" {
		t.Fatalf("%+v", got)
	}
	up.Since = w.write(up)[0].Now.Stamp
	if got := w.write(up)[0]; got.Err != nil || got.Now.Face.Subject != "Ours" || got.Now.Face.Location != "Room 7" {
		t.Fatalf("%+v", got)
	}
	// Whom somebody else invited stays; who is no attendee any more goes.
	stranger := w.create("Contact", Fields{"LastName": "Stranger"})
	w.create("EventRelation", Fields{"EventId": made.CRMID, "RelationId": stranger})
	up = w.event("act_1")
	up.CRMID, up.Parts = made.CRMID, nil
	up.Gone, up.Attendees = up.Attendees[1:3], up.Attendees[:1]
	found, err := w.LookActivities(t.Context(), activity.ObjectEvent, []string{"act_1"})
	if err != nil {
		t.Fatal(err)
	}
	up.Since = found["act_1"].Stamp
	if got := w.write(up)[0]; got.Err != nil {
		t.Fatal(got.Err)
	}
	if who := w.invited(made.CRMID); !slices.Equal(who, []string{stranger}) {
		t.Errorf("invited %v, not only %s", who, stranger)
	}
	// So it is with the one whom the record is about.
	up.Gone, up.Attendees = up.Attendees, nil
	for _, c := range []struct{ who, want string }{{found["act_1"].WhoCRMID, ""}, {stranger, stranger}} {
		if err := w.client.Update(t.Context(), "Event", made.CRMID, Fields{"WhoId": c.who}); err != nil {
			t.Fatal(err)
		}
		found, err := w.LookActivities(t.Context(), activity.ObjectEvent, []string{"act_1"})
		if err != nil {
			t.Fatal(err)
		}
		up.Since, up.WhoCRMID = found["act_1"].Stamp, found["act_1"].WhoCRMID
		if got := w.write(up)[0]; got.Err != nil || up.WhoCRMID != c.who || got.Now.WhoCRMID != c.want {
			t.Errorf("about %q: it is about %q, %v", c.who, got.Now.WhoCRMID, got.Err)
		}
	}
}

func TestACancelledEventIsMarkedOrDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.write(w.event("act_a"), w.event("act_b"))
	mark := w.event("act_a")
	mark.CRMID, mark.Since, mark.People, mark.Parts, mark.Face.Cancelled, mark.Lines = a[0].Now.CRMID, a[0].Now.Stamp, false, []activity.Part{activity.PartCancelled}, true, []string{"Cancelled: moved"}
	b := w.event("act_b")
	b.CRMID, b.Delete = a[1].Now.CRMID, true
	got := w.write(mark, b)
	if got[0].Err != nil || !got[0].Now.Face.Cancelled || got[0].Now.Face.Subject != "Review" || got[1].Err != nil {
		t.Fatalf("%+v", got)
	}
	r := w.record("Event", "act_a")
	if r.String("Subject") != "Cancelled: Review" || r.String("ShowAs") != "Free" || !strings.Contains(r.String("Description"), "Cancelled: moved") {
		t.Errorf("%s", r.JSON())
	}
	if !w.record("Event", "act_b").Bool("IsDeleted") {
		t.Error("it is still there")
	}
	if again := w.write(b)[0]; again.Err != nil {
		t.Errorf("deleted twice: %v", again.Err)
	}
}

func TestARefusalNamesRecordFieldAndRuleAndStopsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	left := w.create("User", Fields{"Username": "left@us.example", "LastName": "Left", "Email": "left@us.example", "IsActive": false})
	bad, gone := w.event("act_bad"), w.event("act_gone")
	bad.Face.OwnerCRMID, gone.WhatCRMID = left, "006000000000999AAA"
	got := w.write(bad, w.event("act_ok"), gone)
	if got[1].Err != nil {
		t.Error(got[1].Err)
	}
	wantRemote(t, got[0].Err, problem.RetryHuman, "INACTIVE_OWNER_OR_USER", 200)
	wantRemote(t, got[2].Err, problem.RetryHuman, "INVALID_CROSS_REFERENCE_KEY", 200)
	if text := got[2].Err.Error(); !strings.Contains(text, "WhatId") || !strings.Contains(text, "Event") {
		t.Errorf("the text names neither field nor object: %s", text)
	}
}

func TestActivitiesOfSalesforceAreRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	mark, err := w.NewestActivity(t.Context(), activity.ObjectTask)
	if err != nil || !mark.IsZero() {
		t.Fatal(mark, err)
	}
	call := w.create("Task", Fields{"Subject": "Call the buyer", "WhatId": deal, "WhoId": w.contact, "TaskSubtype": "Call", "ActivityDate": "2026-11-20", "Status": "Completed", "CallDurationInSeconds": 600, "OwnerId": w.ada})
	open := w.create("Task", Fields{"Subject": "Send paper", "WhatId": deal, "Type": "Other", "ActivityDate": "2026-11-30"})
	w.create("Task", Fields{"Subject": "Elsewhere", "WhatId": "006000000000002AAA"})
	day := w.create("Event", Fields{"Subject": "Fair", "WhatId": deal, "IsAllDayEvent": true, "ActivityDate": "2026-12-01"})
	private := w.create("Event", Fields{"Subject": "Dentist", "WhatId": deal, "IsPrivate": true, "StartDateTime": tenth, "DurationInMinutes": 30})
	w.create("EventRelation", Fields{"EventId": private, "RelationId": w.ada})
	read := func(o activity.Object) map[string]activity.Remote {
		out := map[string]activity.Remote{}
		for r, err := range w.ActivitiesOf(t.Context(), o, []string{deal}) {
			if err != nil {
				t.Fatal(err)
			}
			out[r.CRMID] = r
		}
		return out
	}
	tasks, events := read(activity.ObjectTask), read(activity.ObjectEvent)
	if r := tasks[call]; len(tasks) != 2 || r.Kind != activity.KindCall || !r.Done || r.Face.Minutes != 10 || r.Face.On != "2026-11-20" || r.WhoName != "Doe" || r.OwnerName != "Ada" || r.WhatCRMID != deal || r.MadeBy == "" || r.HappenedAt.Format(time.DateOnly) != "2026-11-20" {
		t.Errorf("%+v", tasks)
	}
	if r := tasks[open]; r.Kind != activity.KindTask || r.Done || r.Hidden {
		t.Errorf("%+v", r)
	}
	if r := events[day]; r.Kind != activity.KindMeeting || r.Face.On != "2026-12-01" || !r.Face.StartsAt.IsZero() || r.Hidden {
		t.Errorf("%+v", r)
	}
	hidden := 0
	for _, r := range events {
		if r.Hidden {
			hidden++
		}
	}
	if hidden != 2 {
		t.Errorf("%d hidden of %d: a private event and an invitee's copy", hidden, len(events))
	}
	if mark, err = w.NewestActivity(t.Context(), activity.ObjectTask); err != nil || mark.IsZero() {
		t.Fatal(mark, err)
	}
	if err := w.client.Delete(t.Context(), "Task", call); err != nil {
		t.Fatal(err)
	}
	var changed []string
	for r, err := range w.ChangedActivities(t.Context(), activity.ObjectTask, connection.Read{Since: mark.Add(time.Millisecond)}) {
		if err != nil || !r.Deleted {
			t.Fatal(r, err)
		}
		changed = append(changed, r.CRMID)
	}
	if !slices.Equal(changed, []string{call}) {
		t.Errorf("changed %v", changed)
	}
}

func TestLongTextsAreCutInTheUnitsOfSalesforce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"😀😀", 4, "😀😀"}, {"😀😀", 3, "😀…"}, {"a😀b", 3, "a…"}} {
		if got := cutUnits(c.in, c.n); got != c.want {
			t.Errorf("%q to %d: %q, not %q", c.in, c.n, got, c.want)
		}
	}
}

// shut refuses every sign-in while it is shut.
type shut struct {
	next http.RoundTripper
	now  bool
}

func (s *shut) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.now && strings.HasSuffix(r.URL.Path, "/services/oauth2/token") {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"error":"invalid_client","error_description":"the secret was changed"}`)), Request: r}, nil
	}
	return s.next.RoundTrip(r)
}

func TestARefusedSignInRefusesNoRecord(t *testing.T) {
	t.Parallel()
	door := &shut{next: &http.Transport{}}
	c, _, base := organization(t, 1, sandbox.Options{}, func(cfg *Config) { cfg.Transport = door })
	crm := NewCRM(c, "USD")
	w := &crmWorld{CRM: crm, t: t}
	write := w.event("act_1")
	write.Attendees, write.Face.OwnerCRMID = nil, ""
	made := w.write(write)[0]
	if made.Err != nil {
		t.Fatal(made.Err)
	}
	again := write
	again.CRMID, again.Since = made.Now.CRMID, made.Now.Stamp
	fresh := write
	fresh.Key = "act_2"
	for what, do := range map[string]func() error{
		"a new record":     func() error { _, err := crm.WriteActivities(t.Context(), []activity.Write{fresh}); return err },
		"a changed record": func() error { _, err := crm.WriteActivities(t.Context(), []activity.Write{again}); return err },
		"a task": func() error {
			_, err := crm.LogTasks(t.Context(), []activity.Task{{Key: "k", OpportunityCRMID: deal, Subject: "s", On: "2026-12-01"}})
			return err
		},
	} {
		door.now = true
		control(t, base, "sessions/expire", "")
		if err := do(); err == nil {
			t.Errorf("%s: the refused sign-in is taken for an answer about the record", what)
		}
		door.now = false
		if err := do(); err != nil {
			t.Errorf("%s, with the door open again: %v", what, err)
		}
	}
}
