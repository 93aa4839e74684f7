package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const (
	tagRulesPath = "/settings/tagging"
	newRule      = "-new" // no rule can have this id
)

func (w *Web) routesTagRules() {
	w.get(tagRulesPath, w.tagRules)
	w.get(tagRulesPath+"/{id}", func(rw http.ResponseWriter, r *http.Request) { w.showTagRule(rw, r, http.StatusOK, tagRuleData{}) })
	w.post(tagRulesPath+"/{id}", w.saveTagRule)
	w.post(tagRulesPath+"/{id}/delete", w.deleteTagRule)
}

type tagRuleData struct {
	ruleEdit
	isNew bool
	rule  tagging.Rule
}

func (w *Web) tagRules(rw http.ResponseWriter, r *http.Request) {
	rules, row, err := w.app.Tagging.Rules(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	counts, err := w.app.Tagging.Counts(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := rulesData{row: row, may: may(r, authz.ActionChangeSettings), add: tagRulesPath + "/" + newRule, table: ui.DataTable{
		ID: "rules", Caption: "Tagging rules", NoChooser: true,
		Columns: []ui.Column{{Key: "title", Label: "What is wrong, and when", Fixed: true, Grow: true}, {Key: "breaks", Label: "Breaks"}, {Key: "found", Label: "Deals", End: true}, {Key: "on", Label: "State"}},
		Empty:   ui.EmptyState{Icon: ui.IconTag, Title: "There is no rule", Text: "Without rules no deal counts as tagged wrongly."},
	}}
	for i := range rules {
		x := &rules[i]
		found := ui.Muted("none")
		if at := slices.IndexFunc(counts, func(c tagging.RuleCount) bool { return c.Rule == x.ID }); at >= 0 {
			found = ui.Link(taggingPath+"?rule="+x.ID, ui.Count(counts[at].Count))
		}
		d.table.Rows = append(d.table.Rows, ui.Row{
			ID: x.ID, Name: x.Title, Href: tagRulesPath + "/" + x.ID,
			Cells: []templ.Component{ruleCell(x.Title, x.When), ui.Text(breaksList(x.Breaks)), found, ruleState(x.Enabled)},
		})
	}
	d.page = w.settingsPage(r, "tagging", ui.Page{Lead: ui.Text("What counts as tagged wrongly, and the correction that is proposed.")})
	w.render(rw, r, http.StatusOK, rulesHTML(d))
}

func breaksList(list []tagging.Breaks) string {
	words := make([]string, len(list))
	for i, b := range list {
		words[i] = b.Label()
	}
	return strings.Join(words, ", ")
}

// showTagRule shows one rule; a form that nobody filled in shows it as it stands.
func (w *Web) showTagRule(rw http.ResponseWriter, r *http.Request, status int, d tagRuleData) {
	rules, row, err := w.app.Tagging.Rules(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	id := r.PathValue("id")
	d.isNew = id == newRule
	d.over(row, may(r, authz.ActionChangeSettings))
	if !d.read {
		at := slices.IndexFunc(rules, func(x tagging.Rule) bool { return x.ID == id })
		switch {
		case at >= 0:
			d.rule = rules[at]
		case d.isNew:
			d.rule = tagging.Rule{Enabled: true}
		default:
			w.fail(rw, r, problem.NotFound("rule", id))
			return
		}
	}
	title := fallback(d.rule.Title, "New rule")
	d.page = w.settingsPage(r, "tagging", ui.Page{Title: title, Crumbs: []ui.Crumb{{Label: "Settings", Href: "/settings/profile"}, {Label: "Tagging rules", Href: tagRulesPath}}})
	w.render(rw, r, status, tagRuleHTML(d))
}

// readTagRule reads the form; rows of which no field is chosen are left out.
func readTagRule(r *http.Request) (tagging.Rule, int64, error) {
	version, err := formVersion(r)
	if err != nil {
		return tagging.Rule{}, 0, err
	}
	x := tagging.Rule{
		ID: r.PathValue("id"), Enabled: r.PostFormValue("enabled") != "", Title: strings.TrimSpace(r.PostFormValue("title")), Why: strings.TrimSpace(r.PostFormValue("why")),
		Source: strings.TrimSpace(r.PostFormValue("source")), Verified: r.PostFormValue("verified") != "", When: readConditions(r), Fix: []tagging.Change{}, Breaks: []tagging.Breaks{},
	}
	if x.ID == newRule {
		x.ID = strings.TrimSpace(r.PostFormValue("id"))
	}
	for _, b := range r.PostForm["breaks"] {
		x.Breaks = append(x.Breaks, tagging.Breaks(b))
	}
	for i := range formRows {
		if f := r.PostFormValue(fmt.Sprintf("fix[%d].field", i)); f != "" {
			x.Fix = append(x.Fix, tagging.Change{Field: tagging.Field(f), To: strings.TrimSpace(r.PostFormValue(fmt.Sprintf("fix[%d].to", i)))})
		}
	}
	return x, version, nil
}

func (w *Web) saveTagRule(rw http.ResponseWriter, r *http.Request) {
	x, version, err := readTagRule(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rules, at, err := w.withRule(r, x)
	if err == nil && r.PostFormValue("preview") != "" {
		var found map[string]int64
		if found, err = w.app.Tagging.Preview(r.Context(), rules); err == nil {
			text := fmt.Sprintf("This rule would find %d %s tagged wrongly.", found[x.ID], noun(int(found[x.ID]), "deal"))
			w.showTagRule(rw, r, http.StatusOK, tagRuleData{ruleEdit: previewedRule(version, text), rule: x})
			return
		}
	}
	if err == nil {
		err = w.app.Tagging.SetRules(r.Context(), rules, version)
	}
	if err == nil {
		w.done(rw, r, tagRulesPath, "The rule is in force, and every deal is looked at again", "")
		return
	}
	edit, status, ok := refusedRule(err, at, version)
	if !ok {
		w.fail(rw, r, err)
		return
	}
	w.showTagRule(rw, r, status, tagRuleData{ruleEdit: edit, rule: x})
}

// withRule gives the rules in force with one of them replaced or added, and where.
func (w *Web) withRule(r *http.Request, x tagging.Rule) (tagging.Rules, int, error) {
	rules, _, err := w.app.Tagging.Rules(r.Context())
	if err != nil {
		return nil, 0, err
	}
	rules = slices.Clone(rules)
	at := slices.IndexFunc(rules, func(y tagging.Rule) bool { return y.ID == x.ID })
	switch {
	case at < 0 && r.PathValue("id") != newRule:
		return nil, 0, problem.NotFound("rule", x.ID)
	case at < 0 || r.PathValue("id") == newRule:
		return append(rules, x), len(rules), nil
	}
	rules[at] = x
	return rules, at, nil
}

func (w *Web) deleteTagRule(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rules, _, err := w.app.Tagging.Rules(r.Context())
	if err == nil {
		rules = slices.DeleteFunc(slices.Clone(rules), func(x tagging.Rule) bool { return x.ID == r.PathValue("id") })
		err = w.app.Tagging.SetRules(r.Context(), rules, version)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, tagRulesPath, "The rule is gone, and every deal is looked at again", "")
}

func breaksOptions(chosen []tagging.Breaks) []ui.Option {
	var out []ui.Option
	for _, b := range tagging.AllBreaks() {
		out = append(out, ui.Option{Value: string(b), Label: b.Label(), Selected: slices.Contains(chosen, b)})
	}
	return out
}
