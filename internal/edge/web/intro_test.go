package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// propose introduces the suggested pair on a deal and gives the meeting's page.
func (w *dealWorld) propose(t *testing.T, row workspace.Row) string {
	t.Helper()
	body := w.page(t, w.abdm, "/opportunities/"+row.ID+"/intros/new?theirs_zone=America/New_York")
	has(t, body, "Owns the opportunity", "AWSSalesRep in AWS Partner Central", "New York", "Which times are proposed?")
	path := "/opportunities/" + row.ID + "/intros"
	form := formOf(t, body, path)
	if len(form["slots"]) != 3 || form.Get("theirs_zone") != "America/New_York" || !strings.HasPrefix(form.Get("title"), "Introduction: ") {
		t.Fatalf("the form holds %v", form)
	}
	form.Set("agenda", "Who does what")
	to := ""
	for range 2 { // sent twice, it is kept once
		status, _, h := w.post(t, w.abdm, path, form)
		if status != http.StatusSeeOther || to != "" && h.Get("Location") != to {
			t.Fatalf("propose: %d to %s", status, h.Get("Location"))
		}
		to = h.Get("Location")
	}
	return strings.TrimSuffix(to, "#mail")
}

func introductions(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	path := w.propose(t, row)
	body := w.page(t, w.abdm, path)
	has(t, body, "Times proposed", "The proposal, to send", "Which of these times suits you both?", "mailto:", "New York", "Agree on a time")
	lacks(t, body, "/invitation.ics")
	if status, _, _ := w.get(t, w.abdm, path+"/invitation.ics"); status != http.StatusConflict {
		t.Errorf("an invitation without a time: %d", status)
	}
	has(t, w.page(t, w.reader, "/opportunities/"+row.ID), "Introductions", `href="`+path+`"`, "Your role reads only: ask somebody of the alliance team to introduce them")

	form := formOf(t, body, path+"/confirm")
	form.Set("day", "2030-12-03")
	form.Set("time", "15:00")
	form.Set("zone", "America/New_York")
	if status, _, h := w.post(t, w.abdm, path+"/confirm", form); status != http.StatusSeeOther || h.Get("Location") != path {
		t.Fatalf("confirm: %d to %s", status, h.Get("Location"))
	}
	if status, _, _ := w.post(t, w.abdm, path+"/confirm", form); status != http.StatusPreconditionFailed {
		t.Errorf("an old form: %d", status)
	}
	body = w.page(t, w.abdm, path)
	has(t, body, "Confirmed", "The invitation, to send", path+"/invitation.ics", "Tue 3 Dec 2030, 15:00–15:30 New York", "In Salesforce", "Move it")
	lacks(t, body, "What came of it?")
	status, file, h := w.get(t, w.abdm, path+"/invitation.ics")
	if status != http.StatusOK || h.Get("Content-Type") != "text/calendar; charset=utf-8; method=REQUEST" || !strings.Contains(file, "DTSTART:20301203T200000Z\r\n") || !strings.Contains(h.Get("Content-Disposition"), "invitation.ics") {
		t.Errorf("%d %v\n%s", status, h, file)
	}
	has(t, w.page(t, w.abdm, "/opportunities/"+row.ID+"?kind=introduction"), "Intro meeting: Introduction: ")

	edit := formOf(t, w.page(t, w.abdm, path+"/edit"), path)
	edit.Set("location", "Room 7")
	if status, _, _ := w.post(t, w.abdm, path, edit); status != http.StatusSeeOther {
		t.Fatalf("change: %d", status)
	}
	has(t, w.page(t, w.abdm, path), "Room 7", "The changed invitation, to send")

	// It took place.
	system := authz.With(t.Context(), authz.System)
	err := w.app.DB.InTx(system, w.app.Clock, func(tx *db.Tx) error {
		_, err := tx.Exec(system, `UPDATE intro_meeting SET starts_at = ?, ends_at = ? WHERE id = ?`, tx.Now().Add(-2*time.Hour), tx.Now().Add(-time.Hour), strings.TrimPrefix(path, "/intros/"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	has(t, w.page(t, w.abdm, "/?kind=intro_outcome"), "Was it held?", path+"#outcome")
	body = w.page(t, w.abdm, path)
	has(t, body, "What came of it?", "It was held", "Somebody did not come")
	outcome := formOf(t, body, path+"/held")
	outcome.Set("outcome", "They sponsor a pilot & more")
	outcome.Set("next_step_on", "2030-12-10")
	status, refused, _ := w.post(t, w.abdm, path+"/held", outcome)
	if status != http.StatusUnprocessableEntity {
		t.Errorf("a day without a step: %d", status)
	}
	has(t, refused, "They sponsor a pilot &amp; more", "Say what is to be done on that day")
	outcome.Set("next_step", "Send the plan")
	if status, _, _ := w.post(t, w.abdm, path+"/held", outcome); status != http.StatusSeeOther {
		t.Fatalf("held: %d", status)
	}
	body = w.page(t, w.abdm, path)
	has(t, body, "Held", "They sponsor a pilot &amp; more", "Send the plan", "See the task")
	lacks(t, body, path+"/cancel", path+"/edit")
	lacks(t, w.page(t, w.abdm, "/"), path+"#outcome")
	for _, x := range []string{"/held", "/cancel", "/confirm", "/no-show"} {
		if status, _, _ := w.post(t, w.reader, path+x, url.Values{"version": {"1"}, "day": {"2030-12-03"}, "time": {"15:00"}, "zone": {"UTC"}}); status != http.StatusForbidden {
			t.Errorf("a reader posts %s: %d", x, status)
		}
	}
}

func introFormsKeepInput(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateApproved)
	path := "/opportunities/" + row.ID + "/intros"
	form := formOf(t, w.page(t, w.abdm, path+"/new?other_theirs=Hank+Noaddress"), path)
	form.Set("agenda", "typed with care")
	form.Set("day", "2030-12-03")
	kept := form["slots"][0]
	form["slots"] = []string{kept}
	status, body, _ := w.post(t, w.abdm, path, form)
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("%d", status)
	}
	has(t, body, "typed with care", "Give the time of day", `value="2030-12-03"`, `value="`+kept+`" checked`, "Hank Noaddress")
	form.Set("time", "15:00")
	status, body, _ = w.post(t, w.abdm, path, form)
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("%d", status)
	}
	has(t, body, "Hank Noaddress needs an e-mail address for the invitation", `href="#f-other_theirs"`)
	has(t, w.page(t, w.abdm, path+"/new?ours_zone=moon"), "is not a time zone")
	cancelled := w.propose(t, row)
	off := formOf(t, w.page(t, w.abdm, cancelled), cancelled+"/cancel")
	if status, _, _ := w.post(t, w.abdm, cancelled+"/cancel", off); status != http.StatusSeeOther {
		t.Fatalf("cancel: %d", status)
	}
	lacks(t, w.page(t, w.abdm, cancelled), "mailto:") // nobody was invited
	if status, _, _ := w.get(t, w.abdm, "/intros/int_x"); status != http.StatusNotFound {
		t.Errorf("an unknown meeting: %d", status)
	}
}
