package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// formRows is how many conditions, or changes, a rule's form has room for.
const formRows = 8

// rulesData is the page of a rule table.
type rulesData struct {
	page  ui.Page
	row   setting.Row
	table ui.DataTable
	may   bool
	add   string // where a new rule is made; empty: nowhere
}

// ruleEdit is what the page of one rule shows beside the rule, whichever table the
// rule stands in.
type ruleEdit struct {
	page    ui.Page
	may     bool
	read    bool // the rule is what a form holds
	version int64
	fields  []problem.Field
	preview ui.Notice
	stale   bool // somebody else changed the rules meanwhile
	row     setting.Row
}

// over says which rules saving the form replaces: those that the person saw, and
// those that stand now once the person was told of them.
func (d *ruleEdit) over(row setting.Row, may bool) {
	d.row, d.may = row, may
	if !d.read || d.stale {
		d.version = row.Version
	}
}

// previewedRule is the form of a rule with what the rule would find.
func previewedRule(version int64, text string) ruleEdit {
	return ruleEdit{read: true, version: version, preview: ui.Notice{Tone: ui.ToneInfo, Title: "Nothing is saved yet", Text: text}}
}

// refusedRule is the form of the rule at a place of its table after the service
// refused the table; ok is false for trouble that no form can show.
func refusedRule(err error, at int, version int64) (edit ruleEdit, status int, ok bool) {
	if conflict(err) {
		return ruleEdit{read: true, stale: true}, http.StatusPreconditionFailed, true
	}
	fields, ok := formFields(err)
	prefix := fmt.Sprintf("rules[%d].", at)
	for i := range fields {
		fields[i].Field = strings.TrimPrefix(fields[i].Field, prefix)
	}
	return ruleEdit{read: true, version: version, fields: fields}, http.StatusUnprocessableEntity, ok
}

func ruleState(enabled bool) ui.Badge {
	if enabled {
		return ui.Badge{Tone: ui.ToneSuccess, Text: "On"}
	}
	return ui.Badge{Text: "Off"}
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

// readConditions reads the conditions of a rule's form; rows of which no field is
// chosen are left out.
func readConditions(r *http.Request) []tagging.Condition {
	out := []tagging.Condition{}
	for i := range formRows {
		row := conditionRow(i)
		f := r.PostFormValue(row + ".field")
		if f == "" {
			continue
		}
		c := tagging.Condition{Field: tagging.Field(f), Op: tagging.Op(r.PostFormValue(row + ".op"))}
		for v := range strings.SplitSeq(r.PostFormValue(row+".values"), ";") {
			if v = strings.TrimSpace(v); v != "" {
				c.Values = append(c.Values, v)
			}
		}
		out = append(out, c)
	}
	return out
}

// conditionRow names a row of the form as the service names the condition in its
// complaints.
func conditionRow(i int) string { return fmt.Sprintf("when[%d]", i) }

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

// roomFor is how many rows the form shows for n that are filled in.
func roomFor(n, more int) int { return min(n+more, formRows) }
