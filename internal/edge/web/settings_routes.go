package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const routeRulesPath = "/settings/routes"

func (w *Web) routesRouteRules() {
	w.get(routeRulesPath, w.routeRules)
	w.get(routeRulesPath+"/{id}", func(rw http.ResponseWriter, r *http.Request) { w.showRouteRule(rw, r, http.StatusOK, routeRuleData{}) })
	w.post(routeRulesPath+"/{id}", w.saveRouteRule)
	w.post(routeRulesPath+"/{id}/restore", w.restoreRouteRule)
}

type routeRuleData struct {
	ruleEdit
	rule   route.Rule
	preset bool // there is a default of it to go back to
}

func (w *Web) routeRules(rw http.ResponseWriter, r *http.Request) {
	rules, row, err := w.app.Routes.Rules(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := rulesData{row: row, may: may(r, authz.ActionChangeSettings), table: ui.DataTable{
		ID: "rules", Caption: "Route rules", NoChooser: true,
		Columns: []ui.Column{{Key: "title", Label: "What excludes each other, and when", Fixed: true, Grow: true}, {Key: "kind", Label: "Kind"}, {Key: "days", Label: "To decide in"}, {Key: "holds", Label: "Until then"}, {Key: "on", Label: "State"}},
		Empty:   ui.EmptyState{Icon: ui.IconLink, Title: "There is no rule", Text: "Without rules no deal is in a route conflict."},
	}}
	for i := range rules {
		x := &rules[i]
		holds := "registered all the same"
		if x.Holds {
			holds = "not registered"
		}
		d.table.Rows = append(d.table.Rows, ui.Row{
			ID: x.ID, Name: x.Title, Href: routeRulesPath + "/" + x.ID,
			Cells: []templ.Component{ruleCell(x.Title, x.When), ui.Link(routesPath+"?kind="+string(x.Kind), x.Kind.Label()), ui.Text(plural(int64(x.Days), "working day", "working days")), ui.Text(holds), ruleState(x.Enabled)},
		})
	}
	d.page = w.settingsPage(r, "routes", ui.Page{Lead: ui.Text("Which claims to one deal exclude each other, until when that is to be decided, and who wins if nothing speaks against it.")})
	w.render(rw, r, http.StatusOK, rulesHTML(d))
}

// showRouteRule shows one rule; a form that nobody filled in shows it as it stands.
func (w *Web) showRouteRule(rw http.ResponseWriter, r *http.Request, status int, d routeRuleData) {
	rules, row, err := w.app.Routes.Rules(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	id := r.PathValue("id")
	at := slices.IndexFunc(rules, func(x route.Rule) bool { return x.ID == id })
	if at < 0 {
		w.fail(rw, r, problem.NotFound("rule", id))
		return
	}
	d.over(row, may(r, authz.ActionChangeSettings))
	_, d.preset = defaultRoute(id)
	if !d.read {
		d.rule = rules[at]
	}
	d.page = w.settingsPage(r, "routes", ui.Page{Title: fallback(d.rule.Title, rules[at].Title), Crumbs: []ui.Crumb{{Label: "Settings", Href: "/settings/profile"}, {Label: "Route rules", Href: routeRulesPath}}})
	w.render(rw, r, status, routeRuleHTML(d))
}

// defaultRoute gives the rule as it is until somebody changes it.
func defaultRoute(id string) (route.Rule, bool) {
	list := route.DefaultRules()
	at := slices.IndexFunc(list, func(x route.Rule) bool { return x.ID == id })
	if at < 0 {
		return route.Rule{}, false
	}
	return list[at], true
}

// readRouteRule reads the form.
func readRouteRule(r *http.Request) (route.Rule, int64, error) {
	version, err := formVersion(r)
	if err != nil {
		return route.Rule{}, 0, err
	}
	text := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	x := route.Rule{
		ID: r.PathValue("id"), Enabled: text("enabled") != "", Kind: route.Kind(text("kind")), Title: text("title"), Why: text("why"), Source: text("source"),
		Verified: text("verified") != "", Holds: text("holds") != "", Wins: route.Basis(text("wins")), WinsWhy: text("wins_why"), OurStep: text("our_step"), TheirStep: text("their_step"),
		When: readConditions(r),
	}
	if x.Days, err = strconv.Atoi(text("days")); err != nil {
		x.Days = 0 // which is out of range
	}
	return x, version, nil
}

func (w *Web) saveRouteRule(rw http.ResponseWriter, r *http.Request) {
	x, version, err := readRouteRule(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rules, at, err := w.withRouteRule(r, x)
	if err == nil && r.PostFormValue("preview") != "" {
		var found map[string]int64
		if found, err = w.app.Routes.Preview(r.Context(), rules); err == nil {
			text := fmt.Sprintf("This rule would find %d open %s in conflict.", found[x.ID], noun(int(found[x.ID]), "deal"))
			w.showRouteRule(rw, r, http.StatusOK, routeRuleData{ruleEdit: previewedRule(version, text), rule: x})
			return
		}
	}
	if err == nil {
		err = w.app.Routes.SetRules(r.Context(), rules, version)
	}
	if err == nil {
		w.done(rw, r, routeRulesPath, "The rule is in force, and every deal is looked at again", "")
		return
	}
	edit, status, ok := refusedRule(err, at, version)
	if !ok {
		w.fail(rw, r, err)
		return
	}
	w.showRouteRule(rw, r, status, routeRuleData{ruleEdit: edit, rule: x})
}

// withRouteRule gives the rules in force with one of them replaced, and where.
func (w *Web) withRouteRule(r *http.Request, x route.Rule) (route.Rules, int, error) {
	rules, _, err := w.app.Routes.Rules(r.Context())
	if err != nil {
		return nil, 0, err
	}
	rules = slices.Clone(rules)
	at := slices.IndexFunc(rules, func(y route.Rule) bool { return y.ID == x.ID })
	if at < 0 {
		return nil, 0, problem.NotFound("rule", x.ID)
	}
	rules[at] = x
	return rules, at, nil
}

func (w *Web) restoreRouteRule(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	x, ok := defaultRoute(r.PathValue("id"))
	if !ok {
		w.fail(rw, r, problem.NotFound("default of the rule", r.PathValue("id")))
		return
	}
	rules, _, err := w.withRouteRule(r, x)
	if err == nil {
		err = w.app.Routes.SetRules(r.Context(), rules, version)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, routeRulesPath, "The rule is as it was delivered, and every deal is looked at again", "")
}

func kindOptions(chosen route.Kind) []ui.Option {
	var out []ui.Option
	for _, k := range route.Kinds() {
		out = append(out, ui.Option{Value: string(k), Label: k.Label() + ": " + k.About(), Selected: k == chosen})
	}
	return out
}

func winsOptions(chosen route.Basis) []ui.Option {
	var out []ui.Option
	for _, b := range route.Bases() {
		out = append(out, ui.Option{Value: string(b), Label: b.Label(), Selected: b == chosen})
	}
	return out
}
