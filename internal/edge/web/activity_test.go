package web_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// formOf gives what a form of the page would send as it stands, without what the test
// fills in.
func formOf(t *testing.T, body, action string) url.Values {
	t.Helper()
	form := regexp.MustCompile(`(?s)<form[^>]*action="` + regexp.QuoteMeta(action) + `".*?</form>`).FindString(body)
	if form == "" {
		t.Fatalf("the page has no form to %s", action)
	}
	v := url.Values{}
	for _, m := range regexp.MustCompile(`<input[^>]*>`).FindAllString(form, -1) {
		get := func(name string) string {
			x := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(m)
			if x == nil {
				return ""
			}
			return html.UnescapeString(x[1])
		}
		if kind := get("type"); kind == "checkbox" && !strings.Contains(m, " checked") {
			continue
		}
		v.Add(get("name"), get("value"))
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea[^>]* name="([^"]*)"[^>]*>(.*?)</textarea>`).FindAllStringSubmatch(form, -1) {
		v.Set(m[1], html.UnescapeString(m[2]))
	}
	for _, m := range regexp.MustCompile(`(?s)<select[^>]* name="([^"]*)".*?</select>`).FindAllStringSubmatch(form, -1) {
		if x := regexp.MustCompile(`<option value="([^"]*)" selected`).FindStringSubmatch(m[0]); x != nil {
			v.Set(m[1], html.UnescapeString(x[1]))
		}
	}
	return v
}

// recordMeeting records a meeting on a deal and gives its page.
func (w *dealWorld) recordMeeting(t *testing.T, row workspace.Row, subject string) string {
	t.Helper()
	path := "/opportunities/" + row.ID + "/activities"
	form := formOf(t, w.page(t, w.abdm, path+"/new"), path)
	form.Set("subject", subject)
	form.Set("on", "2026-12-01")
	form.Set("from", "09:30")
	form.Set("minutes", "45")
	form.Set("zone", "America/New_York")
	form.Set("attendees", "Grace Hopper, grace@aws.example, AWS\n")
	for range 2 { // sent twice, it is recorded once
		if status, _, h := w.post(t, w.abdm, path, form); status != http.StatusSeeOther || h.Get("Location") != "/opportunities/"+row.ID+"#timeline" {
			t.Fatalf("record: %d to %s", status, h.Get("Location"))
		}
	}
	body := w.page(t, w.abdm, "/opportunities/"+row.ID+"?kind=meeting")
	found := regexp.MustCompile(`href="(/activities/act_[a-z0-9]+)"><bdi>Meeting: `+regexp.QuoteMeta(html.EscapeString(subject))).FindAllStringSubmatch(body, -1)
	if len(found) != 1 {
		t.Fatalf("it stands %d times on the timeline", len(found))
	}
	return found[0][1]
}

func activitiesAreRecorded(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	subject := `Review <script>alert(5)</script>`
	path := w.recordMeeting(t, row, subject)
	body := w.page(t, w.abdm, path)
	has(t, body, html.EscapeString(subject), "Recorded here", "On its way to Salesforce", "Grace Hopper", "grace@aws.example", `datetime="2026-12-01T14:30:00Z"`, "recorded it")
	lacks(t, body, "<script>alert(5)")

	form := formOf(t, w.page(t, w.abdm, path+"/edit"), path)
	if form.Get("on") != "2026-12-01" || form.Get("from") != "14:30" || form.Get("minutes") != "45" || form.Get("zone") != "UTC" || form.Get("attendees") != "" || len(form["who"]) != 1 {
		t.Errorf("the form to change it holds %v", form)
	}
	form.Set("subject", "Review II")
	if status, _, h := w.post(t, w.abdm, path, form); status != http.StatusSeeOther || h.Get("Location") != path {
		t.Fatalf("change: %d to %s", status, h.Get("Location"))
	}
	status, stale, _ := w.post(t, w.abdm, path, form)
	if status != http.StatusPreconditionFailed {
		t.Errorf("an old form: %d", status)
	}
	has(t, stale, "Send it again to put yours in its place", `value="Review II"`)
	has(t, w.page(t, w.abdm, path), "Review II", "changed it", "Review &lt;script&gt;")

	cancel := formOf(t, w.page(t, w.abdm, path), path+"/cancel")
	cancel.Set("reason", "The customer moved")
	if status, _, _ := w.post(t, w.abdm, path+"/cancel", cancel); status != http.StatusSeeOther {
		t.Fatalf("cancel: %d", status)
	}
	body = w.page(t, w.abdm, path)
	has(t, body, "Cancelled", "The customer moved")
	lacks(t, body, path+"/edit", path+"/cancel")

	// A reader sees it and is told why there is nothing to do.
	body = w.page(t, w.reader, "/opportunities/"+row.ID)
	has(t, body, "Your role reads only: ask somebody of the alliance team to record it")
	lacks(t, body, `href="/opportunities/`+row.ID+`/activities/new"`)
	for _, x := range []func() (int, string, http.Header){
		func() (int, string, http.Header) {
			return w.get(t, w.reader, "/opportunities/"+row.ID+"/activities/new")
		},
		func() (int, string, http.Header) {
			return w.post(t, w.reader, "/opportunities/"+row.ID+"/activities", url.Values{"kind": {"decision"}, "subject": {"x"}, "on": {"2026-12-01"}})
		},
		func() (int, string, http.Header) { return w.post(t, w.reader, path, form) },
	} {
		if status, _, _ := x(); status != http.StatusForbidden {
			t.Errorf("a reader got %d", status)
		}
	}

	// On the account itself.
	accountPath := "/accounts/" + w.hostile.AccountID
	if w.hostile.AccountID == "" {
		accountPath = "/accounts/" + row.AccountID
	}
	form = formOf(t, w.page(t, w.abdm, accountPath+"/activities/new?kind=decision"), accountPath+"/activities")
	form.Set("subject", "We go with AWS")
	if status, _, _ := w.post(t, w.abdm, accountPath+"/activities", form); status != http.StatusSeeOther {
		t.Errorf("on an account: %d", status)
	}
	has(t, w.page(t, w.abdm, accountPath), "Decision: We go with AWS")
}

func activityFormsKeepInput(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	path := "/opportunities/" + row.ID + "/activities"
	form := formOf(t, w.page(t, w.abdm, path+"/new"), path)
	form.Set("notes", "typed with care")
	form.Set("minutes", "half an hour")
	form.Set("from", "")
	form.Set("attendees", "Nobody, not@an@address")
	status, body, _ := w.post(t, w.abdm, path, form)
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("%d", status)
	}
	has(t, body, "typed with care", "Nobody, not@an@address", `value="half an hour"`, "Say in a few words what it is about", "Say when it begins", "Give a number of minutes",
		"is not an e-mail address", `href="#f-subject"`, `href="#f-from"`, `value="`+form.Get("id")+`"`)
	form = url.Values{"kind": {"party"}, "subject": {"x"}, "on": {"2026-12-01"}}
	if status, _, _ := w.post(t, w.abdm, path, form); status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown kind: %d", status)
	}
	if status, _, _ := w.get(t, w.abdm, "/opportunities/opp_x/activities/new"); status != http.StatusNotFound {
		t.Errorf("an unknown deal: %d", status)
	}
	if status, _, _ := w.get(t, w.abdm, "/activities/act_x"); status != http.StatusNotFound {
		t.Errorf("an unknown activity: %d", status)
	}
}

func activityDisputes(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	path := w.recordMeeting(t, row, "Ours")
	id := strings.TrimPrefix(path, "/activities/")
	system := authz.With(t.Context(), authz.System)
	a, err := w.app.Activities.Get(system, id)
	if err != nil {
		t.Fatal(err)
	}
	theirs := a.Face()
	theirs.Subject = "Theirs <b>"
	change := db.NewJSON(&activity.TheirChange{Face: theirs, Parts: []activity.Part{activity.PartSubject}, By: "Sally Seller", At: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)})
	err = w.app.DB.InTx(system, w.app.Clock, func(tx *db.Tx) error {
		_, err := tx.Exec(system, `UPDATE activity SET crm_state = 'conflict', crm_error = 'Both changed it', theirs = ? WHERE id = ?`, change, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	body := w.page(t, w.abdm, path)
	has(t, body, "Which holds?", "Sally Seller", "Theirs &lt;b&gt;", "Keep what Tandem has", "Take what Salesforce has")
	lacks(t, body, path+"/edit")
	inbox := w.page(t, w.abdm, "/attention?kind=activity")
	has(t, inbox, `href="`+path+`"`, "Look at both", "Changed on both sides")
	form := formOf(t, body, path+"/settle")
	form.Set("choice", "theirs")
	if status, _, _ := w.post(t, w.abdm, path+"/settle", url.Values{"version": {"1000"}, "choice": {"theirs"}}); status != http.StatusPreconditionFailed {
		t.Errorf("somebody who saw another version settled it: %d", status)
	}
	if status, _, _ := w.post(t, w.abdm, path+"/settle", form); status != http.StatusSeeOther {
		t.Errorf("settle: %d", status)
	}
	body = w.page(t, w.abdm, path)
	has(t, body, "Theirs &lt;b&gt;", "took what Salesforce has; replaced here", "Subject: “Ours”")
	lacks(t, body, "Which holds?")
}

func timelinesAreNarrowed(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	w.recordMeeting(t, row, "To be found")
	all := w.page(t, w.abdm, "/opportunities/"+row.ID)
	has(t, all, "Meeting: To be found", "Registered in AWS Partner Central", `aria-label="What to show"`)
	only := w.page(t, w.abdm, "/opportunities/"+row.ID+"?kind=portal")
	has(t, only, "Registered in AWS Partner Central")
	lacks(t, only, "Meeting: To be found")
	for range 45 {
		w.note(t, row.ID)
	}
	first := w.page(t, w.abdm, "/opportunities/"+row.ID)
	more := regexp.MustCompile(`href="([^"]*before=[^"]*)"[^>]*>Show earlier events`).FindStringSubmatch(first)
	if more == nil {
		t.Fatal("a long timeline has no way back in time")
	}
	has(t, w.page(t, w.abdm, strings.TrimSuffix(html.UnescapeString(more[1]), "#timeline")), "Registered in AWS Partner Central")
	has(t, w.page(t, w.abdm, "/opportunities/"+row.ID+"?before=nonsense&kind=nonsense"), "Meeting: To be found")
}

func (w *dealWorld) note(t *testing.T, opportunityID string) {
	t.Helper()
	system := authz.With(t.Context(), authz.System)
	err := w.app.DB.InTx(system, w.app.Clock, func(tx *db.Tx) error {
		return w.app.Activities.Note(system, tx, activity.Activity{OpportunityID: opportunityID, Kind: "noted", Subject: "Something of ours"})
	})
	if err != nil {
		t.Fatal(err)
	}
}
