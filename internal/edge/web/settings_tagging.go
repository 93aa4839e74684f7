package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

const (
	tagRulesPath = "/settings/tagging"
	newRule      = "-new" // no rule can have this id
	formRows     = 8      // conditions and changes that the form has room for
)

func (w *Web) routesTagRules() {
	w.get(tagRulesPath, w.tagRules)
	w.get(tagRulesPath+"/{id}", func(rw http.ResponseWriter, r *http.Request) { w.showTagRule(rw, r, http.StatusOK, tagRuleData{}) })
	w.post(tagRulesPath+"/{id}", w.saveTagRule)
	w.post(tagRulesPath+"/{id}/delete", w.deleteTagRule)
}

type tagRulesData struct {
	page  ui.Page
	row   setting.Row
	table ui.DataTable
	may   bool
}

type tagRuleData struct {
	page    ui.Page
	may     bool
	isNew   bool
	read    bool // rule is what a form holds
	rule    tagging.Rule
	version int64
	fields  []problem.Field
	preview ui.Notice
	stale   bool
	row     setting.Row
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
	d := tagRulesData{row: row, may: may(r, authz.ActionChangeSettings), table: ui.DataTable{
		ID: "rules", Caption: "Tagging rules", NoChooser: true,
		Columns: []ui.Column{{Key: "title", Label: "What is wrong, and when", Fixed: true, Grow: true}, {Key: "breaks", Label: "Breaks"}, {Key: "found", Label: "Deals", End: true}, {Key: "on", Label: "State"}},
		Empty:   ui.EmptyState{Icon: ui.IconTag, Title: "There is no rule", Text: "Without rules no deal counts as tagged wrongly."},
	}}
	for i := range rules {
		x := &rules[i]
		on := ui.Badge{Tone: ui.ToneSuccess, Text: "On"}
		if !x.Enabled {
			on = ui.Badge{Text: "Off"}
		}
		found := ui.Muted("none")
		if at := slices.IndexFunc(counts, func(c tagging.RuleCount) bool { return c.Rule == x.ID }); at >= 0 {
			found = ui.Link(taggingPath+"?rule="+x.ID, ui.Count(counts[at].Count))
		}
		d.table.Rows = append(d.table.Rows, ui.Row{
			ID: x.ID, Name: x.Title, Href: tagRulesPath + "/" + x.ID,
			Cells: []templ.Component{ruleCell(x), ui.Text(breaksList(x.Breaks)), found, on},
		})
	}
	d.page = w.settingsPage(r, "tagging", ui.Page{Lead: ui.Text("What counts as tagged wrongly, and the correction that is proposed.")})
	w.render(rw, r, http.StatusOK, tagRulesHTML(d))
}

func breaksList(list []tagging.Breaks) string {
	words := make([]string, len(list))
	for i, b := range list {
		words[i] = b.Label()
	}
	return strings.Join(words, ", ")
}

// conditionWords says the conditions as one would.
func conditionWords(list []tagging.Condition) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.Field.Label() + " " + c.Op.Label()
		switch c.Op {
		case tagging.OpOneOf, tagging.OpNoneOf:
			words[i] += " " + listed(quoted(c.Values), "or")
		case tagging.OpSame, tagging.OpOther:
			words[i] += " " + tagging.Field(c.Values[0]).Label()
		}
	}
	return strings.Join(words, "; ")
}

// showTagRule shows one rule; a form that nobody filled in shows it as it stands.
func (w *Web) showTagRule(rw http.ResponseWriter, r *http.Request, status int, d tagRuleData) {
	rules, row, err := w.app.Tagging.Rules(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	id := r.PathValue("id")
	d.isNew, d.row, d.may = id == newRule, row, may(r, authz.ActionChangeSettings)
	if !d.read {
		d.version = row.Version
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
	if d.stale {
		d.version = row.Version
	}
	title := fallback(d.rule.Title, "New rule")
	d.page = w.settingsPage(r, "tagging", ui.Page{Title: title, Crumbs: []ui.Crumb{{Label: "Settings", Href: "/settings/profile"}, {Label: "Tagging rules", Href: tagRulesPath}}})
	w.render(rw, r, status, tagRuleHTML(d))
}

// readTagRule reads the form; rows of which no field is chosen are left out.
func readTagRule(r *http.Request) (tagging.Rule, int64, error) {
	version, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil {
		return tagging.Rule{}, 0, problem.Invalid("version", "malformed", "The form is not whole: open the page again")
	}
	x := tagging.Rule{
		ID: r.PathValue("id"), Enabled: r.PostFormValue("enabled") != "", Title: strings.TrimSpace(r.PostFormValue("title")), Why: strings.TrimSpace(r.PostFormValue("why")),
		Source: strings.TrimSpace(r.PostFormValue("source")), Verified: r.PostFormValue("verified") != "", When: []tagging.Condition{}, Fix: []tagging.Change{}, Breaks: []tagging.Breaks{},
	}
	if x.ID == newRule {
		x.ID = strings.TrimSpace(r.PostFormValue("id"))
	}
	for _, b := range r.PostForm["breaks"] {
		x.Breaks = append(x.Breaks, tagging.Breaks(b))
	}
	for i := range formRows {
		if c, ok := readCondition(r, i); ok {
			x.When = append(x.When, c)
		}
		if f := r.PostFormValue(fmt.Sprintf("fix[%d].field", i)); f != "" {
			x.Fix = append(x.Fix, tagging.Change{Field: tagging.Field(f), To: strings.TrimSpace(r.PostFormValue(fmt.Sprintf("fix[%d].to", i)))})
		}
	}
	return x, version, nil
}

// readCondition reads one condition of a rule's form; ok is false where no field is
// chosen.
func readCondition(r *http.Request, i int) (c tagging.Condition, ok bool) {
	f := r.PostFormValue(fmt.Sprintf("when[%d].field", i))
	if f == "" {
		return c, false
	}
	c = tagging.Condition{Field: tagging.Field(f), Op: tagging.Op(r.PostFormValue(fmt.Sprintf("when[%d].op", i)))}
	for v := range strings.SplitSeq(r.PostFormValue(fmt.Sprintf("when[%d].values", i)), ";") {
		if v = strings.TrimSpace(v); v != "" {
			c.Values = append(c.Values, v)
		}
	}
	return c, true
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
			d := tagRuleData{read: true, rule: x, version: version}
			d.preview = ui.Notice{Tone: ui.ToneInfo, Title: "Nothing is saved yet", Text: fmt.Sprintf("This rule would find %d %s tagged wrongly.", found[x.ID], noun(int(found[x.ID]), "deal"))}
			w.showTagRule(rw, r, http.StatusOK, d)
			return
		}
	}
	if err == nil {
		err = w.app.Tagging.SetRules(r.Context(), rules, version)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, tagRulesPath, "The rule is in force, and every deal is looked at again", "")
	case conflict(err):
		w.showTagRule(rw, r, http.StatusPreconditionFailed, tagRuleData{read: true, rule: x, stale: true})
	case invalid:
		prefix := fmt.Sprintf("rules[%d].", at)
		for i := range fields {
			fields[i].Field = strings.TrimPrefix(fields[i].Field, prefix)
		}
		w.showTagRule(rw, r, http.StatusUnprocessableEntity, tagRuleData{read: true, rule: x, version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
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
	version, err := strconv.ParseInt(r.PostFormValue("version"), 10, 64)
	if err != nil {
		w.fail(rw, r, problem.Invalid("version", "malformed", "The form is not whole: open the page again"))
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

// rowAt gives the element of a list that a row of the form shows, or none.
func rowAt[T any](list []T, i int) T {
	var none T
	if i < len(list) {
		return list[i]
	}
	return none
}

func fieldOptions(chosen tagging.Field, correctable bool) []ui.Option {
	var out []ui.Option
	for _, f := range tagging.Fields() {
		if !correctable || f.Correctable() {
			out = append(out, ui.Option{Value: string(f), Label: f.Label(), Selected: f == chosen})
		}
	}
	return out
}

func opOptions(chosen tagging.Op) []ui.Option {
	var out []ui.Option
	for _, o := range tagging.Ops() {
		out = append(out, ui.Option{Value: string(o), Label: o.Label(), Selected: o == chosen})
	}
	return out
}

func breaksOptions(chosen []tagging.Breaks) []ui.Option {
	var out []ui.Option
	for _, b := range tagging.AllBreaks() {
		out = append(out, ui.Option{Value: string(b), Label: b.Label(), Selected: slices.Contains(chosen, b)})
	}
	return out
}

// roomFor is how many rows the form shows for n that are filled in.
func roomFor(n, more int) int { return min(n+more, formRows) }
