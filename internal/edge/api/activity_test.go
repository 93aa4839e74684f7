package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

// settled waits until Salesforce has answered for an activity.
func settledActivity(t *testing.T, id string) api.ActivityDetail {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		a := into[api.ActivityDetail](t, shared.get(t, "/activities/"+id).want(t, http.StatusOK))
		if a.CRMState != "pending" {
			return a
		}
		if time.Now().After(until) {
			t.Fatalf("it still waits: %+v", a)
		}
	}
}

func TestAMeetingIsRecordedChangedAndCancelledThroughTheAPI(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[1]
	body := `{"opportunity_id":"` + row.ID + `","kind":"meeting","subject":"Architecture review","location":"Video call","starts_at":"2026-12-01T09:00:00+01:00","ends_at":"2026-12-01T10:00:00+01:00",
		"attendees":[{"name":"Grace Hopper","email":"grace@aws.example","company":"AWS"}]}`
	dry := into[api.ActivityAnswered](t, shared.do(t, call{method: http.MethodPost, path: "/activities?dry_run=true", body: body}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Activity.CRMObject != "Event" || !dry.Activity.StartsAt.Equal(time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", dry)
	}
	shared.get(t, "/activities/"+dry.Activity.ID).refusal(t, http.StatusNotFound, "activity_not_found")
	key := map[string]string{"Idempotency-Key": "record-1"}
	made := into[api.ActivityAnswered](t, shared.do(t, call{method: http.MethodPost, path: "/activities", body: body, header: key}).want(t, http.StatusCreated)).Activity
	again := shared.do(t, call{method: http.MethodPost, path: "/activities", body: body, header: key}).want(t, http.StatusCreated)
	if into[api.ActivityAnswered](t, again).Activity.ID != made.ID || again.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the same key recorded it twice")
	}
	a := settledActivity(t, made.ID)
	if a.CRMState != "logged" || !strings.HasPrefix(a.CRMTaskID, "00U") || a.ActorName != "Dora Director" || a.Origin != "person" || len(a.History) != 1 {
		t.Fatalf("%+v", a)
	}
	list := into[items[api.Activity]](t, shared.get(t, "/opportunities/"+row.ID+"/activities?kind=meeting&origin=person").want(t, http.StatusOK)).Items
	if !slices.ContainsFunc(list, func(x api.Activity) bool { return x.ID == a.ID }) || slices.ContainsFunc(list, func(x api.Activity) bool { return x.Kind != "meeting" }) {
		t.Errorf("%+v", list)
	}
	ofAccount := into[items[api.Activity]](t, shared.get(t, "/accounts/"+row.AccountID+"/activities?kind=meeting").want(t, http.StatusOK)).Items
	if !slices.ContainsFunc(ofAccount, func(x api.Activity) bool { return x.ID == a.ID }) {
		t.Errorf("%+v", ofAccount)
	}
	change := `{"subject":"Architecture review II","starts_at":"2026-12-02T09:00:00Z","ends_at":"2026-12-02T10:00:00Z"}`
	shared.do(t, call{method: http.MethodPut, path: "/activities/" + a.ID, body: change, header: map[string]string{"If-Match": `"1-000000000000"`}}).refusal(t, http.StatusPreconditionFailed, "stale_version")
	etag := shared.get(t, "/activities/"+a.ID).header.Get("ETag")
	shared.do(t, call{method: http.MethodPut, path: "/activities/" + a.ID, body: change, header: map[string]string{"If-Match": etag}}).want(t, http.StatusOK)
	if a = settledActivity(t, a.ID); a.Subject != "Architecture review II" || a.CRMState != "logged" || len(a.Attendees) != 0 {
		t.Errorf("%+v", a)
	}
	shared.do(t, call{method: http.MethodPost, path: "/activities/" + a.ID + "/cancel", body: `{"reason":"moved"}`}).want(t, http.StatusOK)
	if a = settledActivity(t, a.ID); !a.Cancelled || a.CRMState != "logged" || a.CancelReason != "moved" {
		t.Errorf("%+v", a)
	}
	shared.do(t, call{method: http.MethodPut, path: "/activities/" + a.ID, body: change}).refusal(t, http.StatusConflict, "cancelled")
	shared.do(t, call{method: http.MethodPost, path: "/activities/" + a.ID + "/send-again"}).refusal(t, http.StatusConflict, "not_failed")
	shared.do(t, call{method: http.MethodPost, path: "/activities/" + a.ID + "/settle", body: `{"choice":"ours"}`}).refusal(t, http.StatusConflict, "not_in_conflict")
}

func TestTheTimelineHoldsWhatEverybodyMadeAndGoesOnByPages(t *testing.T) {
	t.Parallel()
	var row api.OpportunityRow
	for _, o := range shared.opportunities(t, "cloud=aws") {
		list := into[items[api.Activity]](t, shared.get(t, "/opportunities/"+o.ID+"/activities").want(t, http.StatusOK)).Items
		origins := map[string]bool{}
		for _, a := range list {
			origins[a.Origin] = true
		}
		if origins["crm"] && origins["engine"] && len(list) > 2 {
			row = o
			break
		}
	}
	if row.ID == "" {
		t.Fatal("no deal of the demo organisation has activities of both")
	}
	whole := into[items[api.Activity]](t, shared.get(t, "/opportunities/"+row.ID+"/activities?limit=200").want(t, http.StatusOK)).Items
	var walked []api.Activity
	path := "/opportunities/" + row.ID + "/activities?limit=2"
	for path != "" {
		p := into[items[api.Activity]](t, shared.get(t, path).want(t, http.StatusOK))
		walked = append(walked, p.Items...)
		path = strings.TrimPrefix(p.NextLink, api.Prefix)
	}
	if len(walked) != len(whole) {
		t.Fatalf("%d in pages, %d at once", len(walked), len(whole))
	}
	for i := range whole {
		if walked[i].ID != whole[i].ID || i > 0 && whole[i].HappenedAt.After(whole[i-1].HappenedAt) {
			t.Errorf("row %d is %+v, not %+v", i, walked[i], whole[i])
		}
	}
	for _, a := range into[items[api.Activity]](t, shared.get(t, "/opportunities/"+row.ID+"/activities?kind=portal").want(t, http.StatusOK)).Items {
		if a.Origin != "engine" {
			t.Errorf("%+v", a)
		}
	}
	shared.get(t, "/opportunities/"+row.ID+"/activities?after=x").refusal(t, http.StatusUnprocessableEntity, "malformed")
	shared.get(t, "/accounts/acc_x/activities").refusal(t, http.StatusNotFound, "account_not_found")
	crm := whole[slices.IndexFunc(whole, func(a api.Activity) bool { return a.Origin == "crm" })]
	shared.do(t, call{method: http.MethodPost, path: "/activities/" + crm.ID + "/cancel", body: `{}`}).refusal(t, http.StatusConflict, "made_in_crm")
}

func TestWhatBecomesOfCancelledActivitiesIsASetting(t *testing.T) {
	t.Parallel()
	a := shared.get(t, "/settings/cancelled-activities").want(t, http.StatusOK)
	if m := into[api.CancelModeSetting](t, a); m.Mode != "mark" || !m.Default {
		t.Errorf("%+v", m)
	}
	put := func(etag, body string) answer {
		return shared.do(t, call{method: http.MethodPut, path: "/settings/cancelled-activities", body: body, header: map[string]string{"If-Match": etag}})
	}
	put(a.header.Get("ETag"), `{"mode":"burn"}`).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	put(a.header.Get("ETag"), `{"mode":"mark"}`).want(t, http.StatusOK)
	put(a.header.Get("ETag"), `{"mode":"mark"}`).refusal(t, http.StatusPreconditionFailed, "stale_version")
}
