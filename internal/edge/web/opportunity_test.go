package web_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func dryRuns(t *testing.T, w *dealWorld) {
	row := w.registrable(t)
	body := w.page(t, w.abdm, "/opportunities/"+row.ID+"/check?cloud=aws")
	has(t, body, "Nothing was sent", "PartnerOpportunityIdentifier", row.CRMID, "not joint with AWS")
	if _, ok := w.registrationOf(t, row.ID); ok {
		t.Error("the check opened a registration")
	}
	blocked := w.inState(t, registration.StateBlocked)
	before, _ := w.registrationOf(t, blocked.ID)
	body = w.page(t, w.abdm, "/opportunities/"+blocked.ID+"/check?cloud=aws")
	has(t, body, "Nothing was sent", "Blocks")
	lacks(t, body, "What would be sent")
	if after, _ := w.registrationOf(t, blocked.ID); after.Version != before.Version {
		t.Error("the check changed the registration")
	}
}

func savedViews(t *testing.T, w *dealWorld) {
	status, _, h := w.post(t, w.reader, "/opportunities/views", url.Values{"name": {"Big & blocked"}, "query": {"state=blocked&col=name&col=owner&after=x&view=blocked"}, "shared": {"1"}})
	if status != http.StatusSeeOther {
		t.Fatalf("save: %d", status)
	}
	body := w.page(t, w.reader, h.Get("Location"))
	has(t, body, "Big &amp; blocked", "The view “Big &amp; blocked” is saved")
	if n := len(listed(body)); n == 0 || n != len(w.rows(t, workspace.Query{States: []registration.State{registration.StateBlocked}})) {
		t.Errorf("the view shows %d rows", n)
	}
	has(t, w.page(t, w.abdm, "/opportunities"), "Big &amp; blocked (shared)")
	if status, _, h = w.post(t, w.reader, "/opportunities/views", url.Values{"name": {"Big & blocked"}, "query": {"state=approved"}}); status != http.StatusSeeOther {
		t.Fatalf("replace: %d", status)
	}
	lacks(t, w.page(t, w.abdm, "/opportunities"), "Big &amp; blocked")
	has(t, w.page(t, w.reader, "/opportunities"), "now shows this")
	if n := strings.Count(w.page(t, w.reader, "/opportunities"), "Big &amp; blocked"); n != 1 {
		t.Errorf("the view stands %d times", n)
	}
	status, body, _ = w.post(t, w.reader, "/opportunities/views", url.Values{"name": {" "}, "query": {"state=approved"}})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("a view without a name: %d", status)
	}
	has(t, body, "Give the view a name", `value="state=approved"`)
	u, err := url.Parse(h.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	id := u.Query().Get("view")
	if status, _, _ := w.post(t, w.abdm, "/opportunities/views/"+id+"/delete", nil); status != http.StatusNotFound {
		t.Errorf("somebody else deletes the view: %d", status)
	}
	has(t, w.page(t, w.reader, "/opportunities/views/new?"+u.RawQuery), `value="Big &amp; blocked"`)
	if status, _, _ := w.post(t, w.reader, "/opportunities/views/"+id+"/delete", nil); status != http.StatusSeeOther {
		t.Errorf("delete: %d", status)
	}
	has(t, w.page(t, w.reader, "/opportunities"), "is deleted")
	lacks(t, w.page(t, w.reader, "/opportunities"), "Big &amp; blocked")
}

// hiddenOf gives the value of a hidden field of the form that posts to action.
func hiddenOf(body, action, name, cloudName string) string {
	at := regexp.MustCompile(`(?s)<form method="post" action="` + action + `"[^>]*>.*?</form>`)
	for _, form := range at.FindAllString(body, -1) {
		if !strings.Contains(form, `name="cloud" value="`+cloudName+`"`) {
			continue
		}
		if m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(form); m != nil {
			return html.UnescapeString(m[1])
		}
	}
	return ""
}

func jointDecisions(t *testing.T, w *dealWorld) {
	row := w.registrable(t)
	path := "/opportunities/" + row.ID
	seen := hiddenOf(w.page(t, w.abdm, path), path+"/joint", "seen", "aws")
	if seen != "none" {
		t.Fatalf("the form has the stamp %q", seen)
	}
	status, body, _ := w.post(t, w.abdm, path+"/joint", url.Values{"cloud": {"aws"}, "joint": {"yes"}, "seen": {seen}})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", status)
	}
	has(t, body, "Say why", "Nothing was changed", `value="yes" checked`)
	status, _, h := w.post(t, w.abdm, path+"/joint", url.Values{"cloud": {"aws"}, "joint": {"yes"}, "reason": {"They buy through the marketplace"}, "seen": {seen}})
	if status != http.StatusSeeOther {
		t.Fatalf("decide: %d", status)
	}
	has(t, w.page(t, w.abdm, h.Get("Location")), "says Abe Manager: They buy through the marketplace", "Nothing: Tandem is at work on it")
	// Somebody who still sees the page of before cannot overrule it unseen.
	status, body, _ = w.post(t, w.director, path+"/joint", url.Values{"cloud": {"aws"}, "joint": {"no"}, "reason": {"Sells direct <now>"}, "seen": {seen}})
	if status != http.StatusPreconditionFailed {
		t.Errorf("an old page: %d", status)
	}
	has(t, body, "decided this anew", "Sells direct &lt;now&gt;", "says Abe Manager")
	status, body, _ = w.post(t, w.director, path+"/register", url.Values{"cloud": {"aws"}, "seen": {"none"}})
	if status != http.StatusPreconditionFailed || !strings.Contains(body, "It moved on since you opened this page") {
		t.Errorf("register from an old page: %d", status)
	}
	seen = hiddenOf(body, path+"/joint", "seen", "aws")
	if status, _, _ := w.post(t, w.director, path+"/joint", url.Values{"cloud": {"aws"}, "joint": {"rule"}, "seen": {seen}}); status != http.StatusSeeOther {
		t.Errorf("back to the rule: %d", status)
	}
	has(t, w.page(t, w.director, path), "Not joint with AWS")
}

func bulkActs(t *testing.T, w *dealWorld) {
	good, blocked, approved := w.registrable(t), w.inState(t, registration.StateBlocked), w.inState(t, registration.StateApproved)
	other := w.registrable(t, good.ID)
	if status, _, _ := w.post(t, w.director, "/opportunities/bulk/submit", nil); status != http.StatusUnprocessableEntity {
		t.Errorf("nothing selected: %d", status)
	}
	many := url.Values{}
	for i := range 501 {
		many.Add("id", fmt.Sprintf("opp_%026d", i))
	}
	if status, _, _ := w.post(t, w.director, "/opportunities/bulk/submit", many); status != http.StatusUnprocessableEntity {
		t.Errorf("too many selected: %d", status)
	}
	status, body, _ := w.post(t, w.director, "/opportunities/bulk/joint/confirm", url.Values{"id": {good.ID}, "cloud": {"aws"}, "joint": {"yes"}})
	if status != http.StatusUnprocessableEntity || !strings.Contains(body, "Say why") {
		t.Errorf("joint without a reason: %d", status)
	}
	_, body, _ = w.post(t, w.director, "/opportunities/bulk/joint", url.Values{"id": {good.ID, approved.ID}})
	has(t, body, "Decide for 2 opportunities", html.EscapeString(good.Name), "Joint with AWS")
	_, body, _ = w.post(t, w.director, "/opportunities/bulk/joint/confirm", url.Values{"id": {good.ID, "opp_" + strings.Repeat("0", 26)}, "cloud": {"aws"}, "joint": {"yes"}, "reason": {"Sold together"}})
	has(t, body, "1 of 2 were decided", "Joint with AWS", "Sold together", "Refused")

	before, _ := w.registrationOf(t, good.ID)
	ids := url.Values{"id": {good.ID, blocked.ID, approved.ID, other.ID}}
	_, body, _ = w.post(t, w.director, "/opportunities/bulk/submit", ids)
	has(t, body, "1 of 4 selected would be sent", "Will be done", "To be mended in Salesforce: ", "already: Approved", "not joint with AWS", "Register 1 opportunity with AWS")
	if after, _ := w.registrationOf(t, good.ID); after.Version != before.Version {
		t.Error("the preview changed a registration")
	}
	ids.Set("cloud", "aws")
	_, _, h := w.post(t, w.director, "/opportunities/bulk/submit/confirm", ids)
	has(t, w.page(t, w.director, h.Get("Location")), "1 of 4 done", "2 rows were left out or refused", "On its way to AWS Partner Central", "Nothing to do", "the partner has it")
	if after, _ := w.registrationOf(t, good.ID); after.Version == before.Version {
		t.Error("the act did nothing")
	}
	if _, ok := w.registrationOf(t, other.ID); ok {
		t.Error("a deal that is not joint was registered")
	}
}

func solutionChoice(t *testing.T, w *dealWorld) {
	row := w.inState(t, registration.StateBlocked)
	path := "/opportunities/" + row.ID
	solutions, err := w.app.Registrations.Solutions(authz.With(t.Context(), authz.System), cloud.AWS)
	if err != nil {
		t.Fatal(err)
	}
	version := hiddenOf(w.page(t, w.abdm, path), path+"/solutions", "version", "aws")
	form := url.Values{"cloud": {"aws"}, "version": {version}, "solutions": {solutions[0].RemoteID}}
	status, body, _ := w.post(t, w.abdm, path+"/solutions", url.Values{"cloud": {"aws"}, "version": {version}, "solutions": {"S-0000000"}})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown solution: %d", status)
	}
	has(t, html.UnescapeString(body), `"S-0000000" is not a solution`)
	if status, _, _ := w.post(t, w.abdm, path+"/solutions", form); status != http.StatusSeeOther {
		t.Errorf("choose: %d", status)
	}
	if reg, _ := w.registrationOf(t, row.ID); reg.SolutionIDs != solutions[0].RemoteID {
		t.Errorf("chosen: %q", reg.SolutionIDs)
	}
	status, body, _ = w.post(t, w.abdm, path+"/solutions", form)
	if status != http.StatusPreconditionFailed {
		t.Errorf("an old version: %d", status)
	}
	has(t, body, "was changed by someone else")
	if status, _, _ := w.post(t, w.abdm, path+"/solutions", url.Values{"cloud": {"aws"}, "version": {"x"}}); status != http.StatusUnprocessableEntity {
		t.Errorf("no version: %d", status)
	}
}
