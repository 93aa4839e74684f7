package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// enteredValue gives what was entered for a field's value, one string for each
// element, and which row of it was just added (-1 for none). Rows that hold nothing
// are left out. asked says that a row was to be added or removed, and not the value
// to be saved: that works without a script.
func enteredValue(r *http.Request, info registration.FieldInfo) (entered []string, added int, asked bool) {
	if info.Input != registration.InputRows {
		return append([]string{}, r.PostForm["value"]...), -1, false
	}
	act := r.PostFormValue("row")
	remove := -1
	if n, err := strconv.Atoi(strings.TrimPrefix(act, "remove-")); err == nil {
		remove = n
	}
	entered, added = []string{}, -1
	for i := range rowCount(r, info) {
		row, whole := map[string]string{}, ""
		for _, c := range info.Columns {
			if list := r.PostForm["value."+c.Name]; i < len(list) {
				row[c.Name] = list[i]
				whole += strings.TrimSpace(list[i])
			}
		}
		if i != remove && whole != "" {
			entered = append(entered, registration.RowText(row))
		}
	}
	if act == "add" {
		added = len(entered)
		entered = append(entered, registration.RowText(nil))
	}
	return entered, added, act != ""
}

func rowCount(r *http.Request, info registration.FieldInfo) int {
	n := 0
	for _, c := range info.Columns {
		n = max(n, len(r.PostForm["value."+c.Name]))
	}
	return min(n, maxRows)
}

// maxRows is far more than any portal takes.
const maxRows = 100

// faults parts what is wrong with a value: in all, and of rows at the single texts,
// by row and column ("2.Email").
func (v *valueInput) faults(fields []problem.Field) {
	v.Fault, v.Faults = "", map[string]string{}
	for _, f := range fields {
		text := f.Message
		at, inside := strings.CutPrefix(f.Field, v.Info.Path+"[")
		n, column, ok := strings.Cut(at, "].")
		if inside && ok && slices.ContainsFunc(v.Info.Columns, func(c registration.Column) bool { return c.Name == column }) {
			v.Faults[n+"."+column] = joined(" ", v.Faults[n+"."+column], text)
			continue
		}
		if f.Field == "value" || f.Field == v.Info.Path || strings.HasPrefix(f.Field, v.Info.Path+"[") || strings.HasPrefix(f.Field, v.Info.Path+".") {
			v.Fault = joined("; ", v.Fault, text)
		}
	}
}

// wrong reports whether anything is wrong with what was entered.
func (v *valueInput) wrong() bool { return v.Fault != "" || len(v.Faults) > 0 }

// cell is one input of a row.
func (v *valueInput) cell(row int, text string, c registration.Column) rowCell {
	key := strconv.Itoa(row) + "." + c.Name
	out := rowCell{Column: c, ID: v.ID + "-" + key, Value: registration.Row(text)[c.Name], Fault: v.Faults[key], Attrs: templ.Attributes{}}
	if c.Max > 0 {
		out.Attrs["maxlength"] = strconv.Itoa(c.Max)
	}
	if v.Added == row+1 && c.Name == v.Info.Columns[0].Name {
		out.Attrs["autofocus"] = true
	}
	if out.Fault != "" {
		out.Attrs["aria-invalid"], out.Attrs["aria-describedby"] = "true", out.ID+"-error"
	}
	return out
}

type rowCell struct {
	registration.Column
	ID    string
	Value string
	Fault string
	Attrs templ.Attributes
}

// rowButton adds or removes a row: it sends the form as it is, and comes back to it.
func (v *valueInput) rowButton(label, value string, icon ui.IconName) ui.Button {
	return ui.Button{Label: label, Icon: icon, Small: true, Name: "row", Value: value, Attrs: templ.Attributes{"formnovalidate": true, "formaction": v.Action + "#" + v.ID}}
}
