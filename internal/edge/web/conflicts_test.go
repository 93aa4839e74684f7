package web_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

const stepsPath = "LifeCycle.NextSteps"

// portalEdit is a change that another partner user makes in the portal.
func (w *dealWorld) portalEdit(t *testing.T, remoteID string, set map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"opportunity": remoteID, "set": set})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.app.Config.AWS.Endpoint+"/_control/edit", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	if status, text, _ := w.do(t, http.DefaultClient, r); status != http.StatusOK {
		t.Fatal(status, text)
	}
}

// salesforce changes the deal as a read of Salesforce does.
func (w *dealWorld) salesforce(t *testing.T, opportunityID string, change func(o *opportunity.Opportunity)) {
	t.Helper()
	ctx := authz.With(t.Context(), authz.System)
	err := w.app.DB.InTx(ctx, w.app.Clock, func(tx *db.Tx) error {
		o, err := opportunity.ByID(ctx, tx, opportunityID)
		if err != nil {
			return err
		}
		change(&o)
		o.CRMModstamp = tx.Now()
		_, err = opportunity.Import(ctx, tx, []opportunity.Opportunity{o})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// refresh presses the button and does what its job does.
func (w *dealWorld) refresh(t *testing.T, opportunityID string) registration.Registration {
	t.Helper()
	if status, _, h := w.post(t, w.director, "/opportunities/"+opportunityID+"/refresh", url.Values{"cloud": {"aws"}}); status != http.StatusSeeOther || !strings.HasSuffix(h.Get("Location"), "#aws") {
		t.Fatalf("refresh: %d", status)
	}
	return w.advance(t, opportunityID)
}

func (w *dealWorld) advance(t *testing.T, opportunityID string) registration.Registration {
	t.Helper()
	reg, _ := w.registrationOf(t, opportunityID)
	if err := w.app.Registrations.Advance(authz.With(t.Context(), authz.System), reg.ID); err != nil {
		t.Fatal(err)
	}
	reg, _ = w.registrationOf(t, opportunityID)
	return reg
}

// conflictForm reads the hidden values that the page would send.
func conflictForm(t *testing.T, body string) url.Values {
	t.Helper()
	form := url.Values{}
	_, part, ok := strings.Cut(body, `<form method="post" action="/conflicts" class="actions">`)
	if !ok {
		t.Fatal("the page has no conflict")
	}
	part, _, _ = strings.Cut(part, "</form>")
	for _, name := range []string{"registration", "path", "ours", "theirs", "back"} {
		_, value, _ := strings.Cut(part, `name="`+name+`" value="`)
		value, _, _ = strings.Cut(value, `"`)
		form.Set(name, html.UnescapeString(value))
	}
	return form
}

func conflictsAreSettled(t *testing.T, w *dealWorld) {
	deal := w.inState(t, registration.StateApproved)
	page := "/opportunities/" + deal.ID
	reg, _ := w.registrationOf(t, deal.ID)
	has(t, w.page(t, w.director, "/conflicts"), "Nothing is in conflict")
	w.portalEdit(t, reg.RemoteID, map[string]any{stepsPath: `Meet <b>them</b> in Seattle`})
	w.salesforce(t, deal.ID, func(o *opportunity.Opportunity) { o.NextSteps = `Meet "us" in Berlin` })
	if reg = w.refresh(t, deal.ID); reg.Conflicts != 1 {
		t.Fatalf("%d conflicts, %s", reg.Conflicts, reg.Error)
	}
	body := w.page(t, w.director, "/conflicts")
	has(t, body, "Berlin</mark>", "Seattle</mark>", "&lt;b&gt;them&lt;/b&gt;", "Last agreed", stepsPath, html.EscapeString(deal.Name))
	lacks(t, body, "<b>them")
	has(t, w.page(t, w.director, "/?kind=conflict"), "One field was changed in Salesforce and in AWS Partner Central: Next steps", "/conflicts#"+reg.ID)
	has(t, w.page(t, w.director, page), "Settle 1 conflict", "Keep ours", "1 field is in conflict", "Refresh from portal")
	has(t, w.page(t, w.reader, "/conflicts"), "Your role reads only")

	form := conflictForm(t, body)
	form.Set("choice", "ours")
	if status, _, _ := w.post(t, w.reader, "/conflicts", form); status != http.StatusForbidden {
		t.Errorf("a reader settles: %d", status)
	}
	w.salesforce(t, deal.ID, func(o *opportunity.Opportunity) { o.NextSteps = "Meet them in Paris" })
	status, body, _ := w.post(t, w.director, "/conflicts", form)
	if status != http.StatusPreconditionFailed {
		t.Errorf("values that nobody saw: %d", status)
	}
	has(t, body, "Nothing was done", "changed while you were deciding", "Paris")
	form = conflictForm(t, body)
	form.Set("choice", "edit")
	form.Set("value", strings.Repeat("x", 300))
	if status, body, _ = w.post(t, w.director, "/conflicts", form); status != http.StatusUnprocessableEntity {
		t.Errorf("300 characters: %d", status)
	}
	has(t, body, "Nothing was done", strings.Repeat("x", 300), `aria-invalid="true"`)
	form.Set("value", "Meet\r\nhalfway")
	form.Set("back", page)
	status, _, h := w.post(t, w.director, "/conflicts", form)
	if status != http.StatusSeeOther || h.Get("Location") != page {
		t.Errorf("settle: %d to %s", status, h.Get("Location"))
	}
	has(t, w.page(t, w.director, page), "the new value goes to AWS Partner Central", "Changed in Tandem by Dora Director", "on its way to Salesforce", "To be sent")
	if status, body, _ = w.post(t, w.director, "/conflicts", form); status != http.StatusNotFound || !strings.Contains(body, "settled already") {
		t.Errorf("settled twice: %d", status)
	}
	if reg = w.advance(t, deal.ID); reg.Outgoing != 0 || !strings.Contains(reg.RemoteRecord, `Meet\nhalfway`) {
		t.Errorf("%+v", reg)
	}
	has(t, w.page(t, w.director, page), "it knows all that we know", "Event log")
	log := w.page(t, w.director, "/registrations/"+reg.ID+"/log")
	has(t, log, "Update", "Create", "halfway")
	lacks(t, log, w.app.Config.AWS.SecretAccessKey, w.app.Config.Salesforce.ClientSecret)
}

func fieldsAreEdited(t *testing.T, w *dealWorld) {
	deal := w.inState(t, registration.StateApproved)
	form := "/opportunities/" + deal.ID + "/field"
	at := form + "?" + url.Values{"cloud": {"aws"}, "path": {stepsPath}}.Encode()
	body := w.page(t, w.director, at)
	has(t, body, "Edit in the portal", "At most 255 characters", "Opportunity.Next_Steps__c")
	seen := html.UnescapeString(hiddenOf(body, form, "seen", "aws"))
	send := func(c *http.Client, path, seen, value string) (int, string) {
		status, body, _ := w.post(t, c, form, url.Values{"cloud": {"aws"}, "path": {path}, "seen": {seen}, "value": {value}})
		return status, body
	}
	if status, _ := send(w.reader, stepsPath, seen, "x"); status != http.StatusForbidden {
		t.Errorf("a reader edits: %d", status)
	}
	if status, body := send(w.director, stepsPath, "something else", "Mine"); status != http.StatusPreconditionFailed || !strings.Contains(body, "Mine") || !strings.Contains(body, "changed since you opened") {
		t.Errorf("an edit of what nobody saw: %d", status)
	}
	if status, body := send(w.director, stepsPath, seen, strings.Repeat("y", 300)); status != http.StatusUnprocessableEntity || !strings.Contains(body, strings.Repeat("y", 300)) {
		t.Errorf("300 characters: %d", status)
	}
	if status, _ := send(w.director, stepsPath, seen, "Call on Monday"); status != http.StatusSeeOther {
		t.Errorf("edit: %d", status)
	}
	if reg := w.advance(t, deal.ID); !strings.Contains(reg.RemoteRecord, "Call on Monday") {
		t.Errorf("%+v", reg)
	}
	has(t, w.page(t, w.director, "/opportunities/"+deal.ID), "Changed in Tandem by Dora Director", "AWS approved the opportunity with this value")
	has(t, w.page(t, w.director, form+"?cloud=aws&path=LifeCycle.Stage"), `<option value="Committed"`)
	if status, _, _ := w.get(t, w.director, form+"?cloud=aws&path=Nonsense"); status != http.StatusNotFound {
		t.Errorf("a field that is not kept: %d", status)
	}
	if status, _, _ := w.get(t, w.director, form+"?cloud=mars&path=x"); status != http.StatusUnprocessableEntity {
		t.Errorf("no such cloud: %d", status)
	}
	// What Salesforce refuses is shown with its words (C14).
	reg, _ := w.registrationOf(t, deal.ID)
	err := w.app.DB.InTx(t.Context(), w.app.Clock, func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE registration_edit SET crm_state = 'refused', crm_error = ? WHERE registration_id = ?`,
			"Next steps must begin with a date (salesforce update: FIELD_CUSTOM_VALIDATION_EXCEPTION)", reg.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	has(t, w.page(t, w.director, "/opportunities/"+deal.ID), "Salesforce refused it", "Next steps must begin with a date", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
	// A field that the portal does not take is told of with what to do.
	w.salesforce(t, deal.ID, func(o *opportunity.Opportunity) { o.NextSteps = "Call on Tuesday"; o.CloseOn = "2020-01-31" })
	if reg = w.refresh(t, deal.ID); reg.Refused != 1 {
		t.Fatalf("%+v", reg)
	}
	has(t, w.page(t, w.director, "/opportunities/"+deal.ID), "Not taken by AWS Partner Central", "Send again", "Target close date", "Opportunity.CloseDate")
	has(t, w.page(t, w.director, "/?kind=refused"), "takes one field not as it is", "Mend and send again")
	if status, _, _ := w.post(t, w.director, "/opportunities/"+deal.ID+"/resend", url.Values{"cloud": {"aws"}}); status != http.StatusSeeOther {
		t.Errorf("resend: %d", status)
	}
}

func ownersAreSet(t *testing.T, w *dealWorld) {
	body := w.page(t, w.director, "/settings/field-owners")
	has(t, body, "Ours wins", "Ask (default)", "The newest wins", "the default")
	lacks(t, w.page(t, w.abdm, "/settings/field-owners"), "<select")
	form := url.Values{"version": {"0"}, "aws-" + stepsPath: {"newest"}, "aws-Project.Title": {"ask"}}
	if status, _, _ := w.post(t, w.abdm, "/settings/field-owners", form); status != http.StatusForbidden {
		t.Errorf("not a Director: %d", status)
	}
	if status, _, _ := w.post(t, w.director, "/settings/field-owners", form); status != http.StatusSeeOther {
		t.Errorf("save: %d", status)
	}
	owners, _, err := w.app.Registrations.Owners(authz.With(t.Context(), authz.System))
	if err != nil || len(owners[cloud.AWS]) != 1 || owners[cloud.AWS][stepsPath] != registration.OwnerNewest {
		t.Errorf("%+v, %v", owners, err)
	}
	status, body, _ := w.post(t, w.director, "/settings/field-owners", form)
	if status != http.StatusPreconditionFailed {
		t.Errorf("an old version: %d", status)
	}
	has(t, body, "Somebody changed who wins", "changed by Dora Director")
}

func contactsAreEdited(t *testing.T, w *dealWorld) {
	deal := w.inState(t, registration.StateApproved)
	const path = "Customer.Contacts"
	form := "/opportunities/" + deal.ID + "/field"
	body := w.page(t, w.director, form+"?"+url.Values{"cloud": {"aws"}, "path": {path}}.Encode())
	has(t, body, "First name", "Last name", "Business title", "E-mail", "Phone", "Add a contact", `type="tel"`, `type="email"`, `maxlength="80"`)
	lacks(t, body, "JSON", "<textarea")
	columns := []string{"FirstName", "LastName", "BusinessTitle", "Email", "Phone"}
	values := url.Values{"cloud": {"aws"}, "path": {path}, "seen": {html.UnescapeString(hiddenOf(body, form, "seen", "aws"))}}
	row := func(texts ...string) {
		for i, c := range columns {
			values.Add("value."+c, texts[i])
		}
	}
	clearRows := func() {
		for _, c := range columns {
			values.Del("value." + c)
		}
	}
	before, _ := w.registrationOf(t, deal.ID)
	send := func(act string, status int) string {
		t.Helper()
		values.Set("row", act)
		got, body, _ := w.post(t, w.director, form, values)
		if got != status {
			t.Fatalf("%q: %d", act, got)
		}
		return body
	}
	count := func(body string, n int) {
		t.Helper()
		if got := strings.Count(body, `name="value.Email"`); got != n {
			t.Errorf("%d rows, want %d", got, n)
		}
	}
	row("Ada", `Love"lace`, "CTO", "ada@example.com", "+4930123456")
	body = send("add", http.StatusOK)
	count(body, 2)
	has(t, body, "Contact 2", `value="Love&#34;lace"`, "autofocus", "Remove contact 1", form+"#f-value")
	row("Grace", "Hopper", "", "grace@example.com", "")
	body = send("remove-0", http.StatusOK)
	count(body, 1)
	has(t, body, `value="Hopper"`)
	lacks(t, body, "Love")
	if now, _ := w.registrationOf(t, deal.ID); now.Version != before.Version {
		t.Error("adding a row changed something")
	}

	clearRows()
	row("Ada", "Lovelace", "CTO", "Ada at example", "030 123")
	row("", " ", "", "", "")
	row("Grace", "Hopper", strings.Repeat("x", 81), "grace@example.com", "")
	body = send("", http.StatusUnprocessableEntity)
	count(body, 2)
	has(t, body, "Nothing was changed", `id="f-value-0.Email-error"`, `id="f-value-0.Phone-error"`, `id="f-value-1.BusinessTitle-error"`, "is no e-mail address as AWS takes it", "is no phone number in international form", "AWS takes at most 80", `value="Ada at example"`)
	if got := strings.Count(body, `aria-invalid="true"`); got != 3 {
		t.Errorf("%d inputs are marked", got)
	}

	clearRows()
	row("Ada", "Lovelace", "CTO", "ada@example.com", "+4930123456")
	row("", "", "", "", "")
	row("Grace", "Hopper", "", "grace@example.com", "")
	send("", http.StatusSeeOther)
	reg := w.advance(t, deal.ID)
	var record struct {
		Customer struct{ Contacts []map[string]any }
	}
	if err := json.Unmarshal([]byte(reg.RemoteRecord), &record); err != nil {
		t.Fatal(err)
	}
	if c := record.Customer.Contacts; len(c) != 2 || c[0]["Phone"] != "+4930123456" || c[1]["LastName"] != "Hopper" || c[1]["Phone"] != nil {
		t.Errorf("AWS holds %v", c)
	}
	has(t, w.page(t, w.director, "/opportunities/"+deal.ID), "Ada Lovelace", "Grace Hopper")
	// What an Associate changes is asked for in words, not in JSON.
	associate := w.signIn(authz.With(t.Context(), authz.System), t, "Ann Associate", authz.LevelAssociate)
	body = w.page(t, associate, form+"?"+url.Values{"cloud": {"aws"}, "path": {path}}.Encode())
	values.Set("seen", html.UnescapeString(hiddenOf(body, form, "seen", "aws")))
	values.Set("row", "")
	clearRows()
	row("Ada", "Lovelace", "CTO", "ada@example.com", "")
	if status, _, _ := w.post(t, associate, form, values); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	has(t, w.page(t, w.director, "/approvals"), "Contacts: Ada Lovelace &lt;ada@example.com&gt;, Grace Hopper &lt;grace@example.com&gt; → Ada Lovelace &lt;ada@example.com&gt;")
}
