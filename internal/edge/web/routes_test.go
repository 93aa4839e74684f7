package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// decidable gives a route conflict of the small organisation that waits.
func (h *house) decidable(t *testing.T) route.Row {
	t.Helper()
	h.check(t)
	if err := h.app.Routes.CheckAll(h.ctx); err != nil {
		t.Fatal(err)
	}
	p, err := h.app.Routes.List(h.ctx, route.Query{States: []route.State{route.StateOpen}})
	if err != nil || len(p.Rows) == 0 {
		t.Fatalf("the small organisation has no route conflict: %v", err)
	}
	return p.Rows[0]
}

func TestARouteIsAskedForDecidedAndReopenedOnItsPage(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	x := h.decidable(t)
	page, deal := "/routes/"+x.Conflict.ID, "/opportunities/"+x.Opportunity.ID
	version := strconv.FormatInt(x.Conflict.Version, 10)
	winner := x.Conflict.Claims.V[0].Party
	ada, dora, rita := h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Dora Director", authz.LevelDirector), h.visitor(t, "Rita Reader", authz.LevelReader)
	rita.sees("/routes", 200, x.Opportunity.Name, "To decide")
	rita.sees("/routes?owner=nobody", 200, "No route conflict")
	rita.sees("/routes?after=x", 422)
	rita.sees(page, 200, x.Conflict.Title, x.Conflict.Why, winner.Label(), "!name=\"winner\"")
	rita.sees(deal, 200, page)
	dora.sees("/?kind=route", 200, x.Opportunity.Name, page+"#decide")
	ada.sees(page, 200, "Ask a Director to decide so", "The Directors decide on routes")

	form := func(reason string) url.Values {
		return url.Values{"version": {version}, "winner": {winner.Key()}, "reason": {reason}, "our_step": {"Correct the tags"}, "our_step_on": {"2027-01-04"}}
	}
	if got := rita.post(page+"/decide", form("why")); got.status != http.StatusForbidden {
		t.Errorf("a reader decides: %d", got.status)
	}
	if got := dora.post(page+"/decide", form(" ")); got.status != http.StatusUnprocessableEntity {
		t.Errorf("no reason: %d", got.status)
	}
	if got := ada.post(page+"/decide", form("They brought it")); got.status != http.StatusSeeOther {
		t.Fatalf("ask: %d %.300s", got.status, got.text)
	}
	ada.sees(page, 200, "Ada Associate asks: Decide the route: "+winner.Label(), "It waits for a Director")
	if got := dora.post(page+"/decide", form("The order is theirs")); got.status != http.StatusSeeOther {
		t.Fatalf("decide: %d %.300s", got.status, got.text)
	}
	dora.sees(page, 200, "Decided: "+winner.Label(), "The order is theirs", "Correct the tags", "The evidence as it was when it was decided", "!It waits for a Director")
	dora.sees(deal, 200, "Dora Director: The order is theirs")
	if got := dora.post(page+"/decide", form("Late")); got.status != http.StatusPreconditionFailed {
		t.Errorf("decided twice: %d", got.status)
	}
	now, err := h.app.Routes.Get(h.ctx, x.Conflict.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := dora.post(page+"/reopen", url.Values{"version": {strconv.FormatInt(now.Conflict.Version, 10)}, "reason": {"They wrote to us"}}); got.status != http.StatusSeeOther {
		t.Fatalf("reopen: %d %.300s", got.status, got.text)
	}
	dora.sees(page, 200, "To be decided again", "They wrote to us", "Whose route is it?")
}

func TestDirectorsChangeRouteRulesAndGoBackToTheDefault(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	ada, dora := h.visitor(t, "Ada Associate", authz.LevelAssociate), h.visitor(t, "Dora Director", authz.LevelDirector)
	const page = "/settings/routes/two_clouds"
	ada.sees(page, 200, "Sourced by one cloud", "Directors change these rules", "!Save rule")
	form := url.Values{"version": {"0"}, "enabled": {"yes"}, "kind": {"two_clouds"}, "title": {"Ours"}, "why": {"Because"}, "days": {"9"}, "holds": {"yes"}, "preview": {"yes"}}
	if got := dora.post(page, form); got.status != http.StatusOK || !strings.Contains(got.text, "Nothing is saved yet") || !strings.Contains(got.text, "in conflict.") {
		t.Fatalf("preview: %d %.300s", got.status, got.text)
	}
	form.Del("preview")
	form["when[0].field"], form["when[0].op"] = []string{"stage"}, []string{"cloud"}
	if got := dora.post(page, form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "Stage names no partner") || strings.Contains(got.text, "rules[") {
		t.Errorf("a bad condition: %d", got.status)
	}
	form.Set("when[0].op", "set")
	if got := ada.post(page, form); got.status != http.StatusForbidden {
		t.Errorf("an Associate changes the rules: %d", got.status)
	}
	form.Set("days", "x")
	if got := dora.post(page, form); got.status != http.StatusUnprocessableEntity {
		t.Errorf("days: %d", got.status)
	}
	form.Set("days", "9")
	if got := dora.post(page, form); got.status != http.StatusSeeOther {
		t.Fatalf("save: %d %.300s", got.status, got.text)
	}
	dora.sees("/settings/routes", 200, "Ours", "Stage is set", "9 working days", "not registered")
	if got := dora.post(page, form); got.status != http.StatusPreconditionFailed || !strings.Contains(got.text, "Somebody changed the rules") {
		t.Errorf("an old version: %d", got.status)
	}
	if got := dora.post(page+"/restore", url.Values{"version": {"1"}}); got.status != http.StatusSeeOther {
		t.Fatalf("restore: %d %.300s", got.status, got.text)
	}
	dora.sees("/settings/routes", 200, "Sourced by one cloud, sold through another", "!Ours")
}
