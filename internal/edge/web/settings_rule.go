package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

func (w *Web) routesRule() {
	w.get("/settings/joint-rule", w.rule)
	w.post("/settings/joint-rule", w.saveRule)
	w.post("/settings/joint-rule/preview", w.previewRule)
}

type ruleData struct {
	page    ui.Page
	stands  opportunity.JointRule // in force
	row     setting.Row           // who set it, when
	may     bool
	edit    opportunity.JointRule // what the form holds
	version int64                 // that saving the form replaces
	fields  []problem.Field
	preview []rulePreview
	stale   bool // somebody else changed the rule while it was edited
}

type rulePreview struct {
	cloud cloud.Cloud
	opportunity.Difference
}

func (w *Web) rule(rw http.ResponseWriter, r *http.Request) {
	w.showRule(rw, r, http.StatusOK, ruleData{})
}

// showRule adds the rule in force to what is to be shown; a form that nobody
// filled in shows it.
func (w *Web) showRule(rw http.ResponseWriter, r *http.Request, status int, d ruleData) {
	var err error
	if d.stands, d.row, err = w.app.Opportunities.Rule(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	if d.edit.Clouds == nil {
		d.edit, d.version = d.stands, d.row.Version
	}
	if d.stale {
		d.version = d.row.Version
	}
	d.may = may(r, authz.ActionChangeSettings)
	d.page = w.settingsPage(r, "joint-rule", ui.Page{Lead: ui.Text("Which opportunities are joint with a cloud, and which of those are registered in its portal.")})
	w.render(rw, r, status, rulePage(d))
}

// readRule reads the form. Only words and stages are typed; the rest is chosen.
func readRule(r *http.Request) (opportunity.JointRule, int64, error) {
	version, err := formVersion(r)
	if err != nil {
		return opportunity.JointRule{}, 0, err
	}
	rule := opportunity.JointRule{Clouds: map[cloud.Cloud]opportunity.CloudRule{}}
	for _, c := range cloud.All() {
		at := ruleField(c, "")
		rule.Clouds[c] = opportunity.CloudRule{
			Enabled: r.PostFormValue(at+"enabled") != "", Fields: nonNil(r.PostForm[at+"fields"]), Words: lines(r.PostFormValue(at + "words")),
			ExcludeStages: lines(r.PostFormValue(at + "exclude_stages")), RegisterClosed: r.PostFormValue(at+"register_closed") != "",
		}
	}
	return rule, version, nil
}

// ruleField names an input as the service names the field in its complaints.
func ruleField(c cloud.Cloud, field string) string { return "clouds." + string(c) + "." + field }

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (w *Web) previewRule(rw http.ResponseWriter, r *http.Request) {
	edit, version, err := readRule(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	found, err := w.app.Opportunities.Preview(r.Context(), edit)
	if fields, ok := formFields(err); ok {
		w.showRule(rw, r, http.StatusUnprocessableEntity, ruleData{edit: edit, version: version, fields: fields})
		return
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := ruleData{edit: edit, version: version}
	for _, c := range cloud.All() {
		d.preview = append(d.preview, rulePreview{c, found[c]})
	}
	w.showRule(rw, r, http.StatusOK, d)
}

func (w *Web) saveRule(rw http.ResponseWriter, r *http.Request) {
	edit, version, err := readRule(r)
	if err == nil {
		err = w.app.Opportunities.SetRule(r.Context(), edit, version)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, "/settings/joint-rule", "The joint rule is in force, and every opportunity was decided anew", "")
	case conflict(err):
		w.showRule(rw, r, http.StatusPreconditionFailed, ruleData{edit: edit, stale: true})
	case invalid && edit.Clouds != nil:
		w.showRule(rw, r, http.StatusUnprocessableEntity, ruleData{edit: edit, version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
}

// ruleSentences say a cloud's rule as one would tell it.
func ruleSentences(c cloud.Cloud, rule opportunity.CloudRule) []string {
	if !rule.Enabled {
		return []string{"No deal is joint with " + c.Label() + " by itself; people can still mark one."}
	}
	first := "A deal is joint with " + c.Label() + " when its " + listed(fieldLabels(rule.Fields), "or") + " names " + listed(quoted(rule.Words), "or") + "."
	second := "Deals in every stage are registered"
	if len(rule.ExcludeStages) > 0 {
		second = "Deals in the " + noun(len(rule.ExcludeStages), "stage") + " " + listed(quoted(rule.ExcludeStages), "and") + " are not registered"
	}
	switch {
	case rule.RegisterClosed && len(rule.ExcludeStages) > 0:
		second += "; closed ones are."
	case rule.RegisterClosed:
		second += ", closed ones too."
	case len(rule.ExcludeStages) > 0:
		second += ", and neither are closed ones."
	default:
		second += " as long as they are open."
	}
	return []string{first, second}
}

func noun(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func fieldLabels(names []string) []string {
	var out []string
	for _, n := range names {
		label := n
		for _, f := range opportunity.RuleFields() {
			if f.Name == n {
				label, _, _ = strings.Cut(f.Label, " (")
			}
		}
		out = append(out, strings.ToLower(label[:1])+label[1:])
	}
	return out
}

func ruleFieldChoice(c cloud.Cloud, rule opportunity.CloudRule, fields []problem.Field) ui.ChoiceField {
	name := ruleField(c, "fields")
	out := ui.ChoiceField{Name: name, Label: "Fields that name the partner", Many: true, Error: faultOf(fields, name)}
	for _, f := range opportunity.RuleFields() {
		out.Options = append(out.Options, ui.Option{Value: f.Name, Label: f.Label, Selected: slices.Contains(rule.Fields, f.Name)})
	}
	return out
}

func previewWords(p rulePreview) string {
	switch {
	case p.Gain == 0 && p.Lose == 0:
		return "Nothing changes"
	case p.Lose == 0:
		return counted(p.Gain, "deal") + " become joint"
	case p.Gain == 0:
		return counted(p.Lose, "deal") + " stop being joint"
	}
	return counted(p.Gain, "deal") + " become joint, " + counted(p.Lose, "deal") + " stop being joint"
}
