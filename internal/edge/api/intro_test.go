package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

func TestAnIntroMeetingGoesFromTheMatchToTheCancellation(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[2]
	match := into[api.IntroSuggestion](t, shared.get(t, "/opportunities/"+row.ID+"/intro-suggestion?cloud=aws").want(t, http.StatusOK))
	if len(match.Ours) == 0 || len(match.Theirs) == 0 || match.Ours[0].Why != "Owns the opportunity" || !strings.Contains(match.Theirs[0].Why, "AWS Partner Central") || match.Ours[0].Zone == "" {
		t.Fatalf("%+v", match)
	}
	times := into[api.IntroTimes](t, shared.get(t, "/intro-times?ours_zone=Europe/Berlin&theirs_zone=America/New_York").want(t, http.StatusOK))
	if len(times.Items) == 0 || times.Stretched {
		t.Fatalf("%+v", times)
	}
	shared.get(t, "/intro-times?ours_zone=moon&theirs_zone=UTC").refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	ours, theirs := match.Ours[0].IntroParty, match.Theirs[0].IntroParty
	theirs.Zone = "America/New_York"
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	body := map[string]any{"cloud": "aws", "title": "Introduction", "agenda": "Who does what", "ours": ours, "theirs": theirs, "slots": times.Items[:2]}
	path := "/opportunities/" + row.ID + "/intro-meetings"
	if dry := into[api.IntroAnswered](t, shared.do(t, call{method: http.MethodPost, path: path + "?dry_run=true", body: encode(body)}).want(t, http.StatusOK)); dry.Meeting.State != "proposed" {
		t.Errorf("%+v", dry)
	}
	if list := into[items[api.IntroMeeting]](t, shared.get(t, path).want(t, http.StatusOK)).Items; len(list) != 0 {
		t.Errorf("the dry run was kept: %+v", list)
	}
	m := into[api.IntroAnswered](t, shared.do(t, call{method: http.MethodPost, path: path, body: encode(body)}).want(t, http.StatusCreated)).Meeting
	one := "/intro-meetings/" + m.ID
	shared.get(t, one+"/invitation").refusal(t, http.StatusConflict, "not_invited")
	d := into[api.IntroDetail](t, shared.get(t, one).want(t, http.StatusOK))
	if d.Mail == nil || !strings.Contains(d.Mail.Text, "Which of these times") || d.Mail.Attach || len(d.Events) != 1 {
		t.Errorf("%+v", d)
	}
	m = into[api.IntroAnswered](t, shared.do(t, call{method: http.MethodPost, path: one + "/confirm", body: encode(times.Items[0])}).want(t, http.StatusOK)).Meeting
	if a := settledActivity(t, m.ActivityID); a.CRMState != "logged" || a.CRMObject != "Event" || a.Kind != "intro_meeting" {
		t.Errorf("%+v", a)
	}
	file := shared.get(t, one+"/invitation").want(t, http.StatusOK)
	if kind := file.header.Get("Content-Type"); kind != "text/calendar; charset=utf-8; method=REQUEST" || !strings.HasPrefix(string(file.body), "BEGIN:VCALENDAR\r\n") || !strings.Contains(string(file.body), "\r\nSEQUENCE:0\r\n") {
		t.Errorf("%s: %s", kind, file.body)
	}
	shared.do(t, call{method: http.MethodPost, path: one + "/held", body: `{}`}).refusal(t, http.StatusConflict, "not_over")
	shared.do(t, call{method: http.MethodPost, path: "/activities/" + m.ActivityID + "/cancel", body: `{}`}).refusal(t, http.StatusConflict, "intro_meeting")
	body["title"] = "Introduction II"
	etag := shared.get(t, one).header.Get("ETag")
	delete(body, "cloud")
	shared.do(t, call{method: http.MethodPut, path: one, body: encode(body), header: map[string]string{"If-Match": `"1-000000000000"`}}).refusal(t, http.StatusPreconditionFailed, "stale_version")
	shared.do(t, call{method: http.MethodPut, path: one, body: encode(body), header: map[string]string{"If-Match": etag}}).want(t, http.StatusOK)
	shared.do(t, call{method: http.MethodPost, path: one + "/cancel", body: `{"reason":"the deal is off"}`}).want(t, http.StatusOK)
	file = shared.get(t, one+"/invitation").want(t, http.StatusOK)
	if !strings.Contains(string(file.body), "METHOD:CANCEL") || !strings.Contains(string(file.body), "SEQUENCE:2\r\n") || !strings.Contains(file.header.Get("Content-Disposition"), "cancellation.ics") {
		t.Errorf("%s", file.body)
	}
	if a := settledActivity(t, m.ActivityID); !a.Cancelled || a.Subject != "Introduction II" {
		t.Errorf("%+v", a)
	}
}

func TestAPastIntroMeetingIsHeldAndItsNextStepIsATask(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[3]
	party := `{"name":"A B","email":"a@x.example","zone":"Europe/Berlin"}`
	slot := func(from time.Time) string {
		return `{"starts_at":"` + from.Format(time.RFC3339) + `","ends_at":"` + from.Add(30*time.Minute).Format(time.RFC3339) + `"}`
	}
	body := `{"cloud":"aws","title":"Introduction","ours":` + party + `,"theirs":{"name":"C D","email":"c@x.example","zone":"UTC"},"slots":[` + slot(time.Now().UTC().Add(time.Hour)) + `]}`
	m := into[api.IntroAnswered](t, shared.do(t, call{method: http.MethodPost, path: "/opportunities/" + row.ID + "/intro-meetings", body: body}).want(t, http.StatusCreated)).Meeting
	one := "/intro-meetings/" + m.ID
	shared.do(t, call{method: http.MethodPost, path: one + "/held", body: `{}`}).refusal(t, http.StatusConflict, "wrong_state")
	shared.do(t, call{method: http.MethodPost, path: one + "/confirm", body: slot(time.Now().UTC().Add(-time.Hour))}).want(t, http.StatusOK)
	shared.do(t, call{method: http.MethodPost, path: one + "/no-show", body: `{"outcome":"ill"}`}).want(t, http.StatusOK)
	shared.do(t, call{method: http.MethodPost, path: one + "/confirm", body: slot(time.Now().UTC().Add(-30 * time.Minute))}).want(t, http.StatusOK)
	m = into[api.IntroAnswered](t, shared.do(t, call{method: http.MethodPost, path: one + "/held", body: `{"outcome":"well","next_step":"Send the plan","next_step_on":"2030-01-31"}`}).want(t, http.StatusOK)).Meeting
	next := settledActivity(t, m.NextActivityID)
	if m.State != "held" || next.CRMObject != "Task" || next.On != "2030-01-31" || next.CRMState != "logged" || next.Done {
		t.Errorf("%+v and %+v", m, next)
	}
	if d := into[api.IntroDetail](t, shared.get(t, one).want(t, http.StatusOK)); d.Mail != nil || len(d.Events) != 5 {
		t.Errorf("%+v", d)
	}
}
