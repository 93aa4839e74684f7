package registration

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Input says how a person enters a field's value.
type Input string

// The inputs.
const (
	InputText   Input = "text"   // one line
	InputLong   Input = "long"   // several lines
	InputDate   Input = "date"   // a calendar day, 2006-01-02
	InputChoice Input = "choice" // one of the field's options
	InputList   Input = "list"   // several of the field's options; without options one a line
	InputRows   Input = "rows"   // a list of structures, each with the field's columns
	InputJSON   Input = "json"   // the portal's own structure
)

// Column is one text of each structure of a list: Name is the portal's name of it,
// Kind the HTML type of its input, Max the most characters, 0 when no bound is known.
type Column struct {
	Name  string
	Label string
	Kind  string
	Max   int
}

// RowText writes a row as Entered and Value have it: the texts by column.
func RowText(row map[string]string) string {
	b, err := json.Marshal(row)
	if err != nil {
		return "{}" // texts are always JSON
	}
	return string(b)
}

// Row reads what RowText wrote; anything else is an empty row.
func Row(entered string) map[string]string {
	row := map[string]string{}
	if json.Unmarshal([]byte(entered), &row) != nil {
		return map[string]string{}
	}
	return row
}

// rows gives the structures of a value as rows.
func (f FieldInfo) rows(value string) []string {
	var list []map[string]any
	if json.Unmarshal([]byte(value), &list) != nil {
		return nil
	}
	out := make([]string, len(list))
	for i, x := range list {
		row := map[string]string{}
		for _, c := range f.Columns {
			if s, ok := x[c.Name].(string); ok {
				row[c.Name] = s
			}
		}
		out[i] = RowText(row)
	}
	return out
}

// rowsValue makes the value of rows: empty texts and rows are left out, and what a
// structure holds beside the columns stays where the rows are as many as in like.
func (f FieldInfo) rowsValue(entered []string, like string) (string, error) {
	var before, after []map[string]any
	if json.Unmarshal([]byte(like), &before) != nil {
		before = nil
	}
	for _, e := range entered {
		row, x := Row(e), map[string]any{}
		for _, c := range f.Columns {
			if s := strings.TrimSpace(row[c.Name]); s != "" {
				x[c.Name] = s
			}
		}
		if len(x) > 0 {
			after = append(after, x)
		}
	}
	if len(after) == 0 {
		return "", nil
	}
	for i := range after {
		if len(before) != len(after) {
			break
		}
		for name, v := range before[i] {
			if !slices.ContainsFunc(f.Columns, func(c Column) bool { return c.Name == name }) {
				after[i][name] = v
			}
		}
	}
	b, err := json.Marshal(after)
	return string(b), err
}

// Text shows a value (JSON, "" for none) for people: lists by comma, structures
// as the portal's connector words them.
func (f FieldInfo) Text(value string) string {
	if value == "" {
		return ""
	}
	if f.Show != nil {
		return f.Show(value)
	}
	if text, ok := textOf(value); ok {
		return text
	}
	var list []string
	if json.Unmarshal([]byte(value), &list) == nil {
		return strings.Join(list, ", ")
	}
	return value
}

// plain names a value within a sentence.
func (f FieldInfo) plain(value string) string {
	text := f.Text(value)
	if text == "" {
		return "nothing"
	}
	return "“" + cut(text, 200) + "”"
}

// Entered gives a value as the field's input holds it: one string, or for a list and
// for rows one for each element (see RowText). The values of JSON are indented.
func (f FieldInfo) Entered(value string) []string {
	if value == "" {
		return nil
	}
	if f.Enter != nil {
		return []string{f.Enter(value)}
	}
	switch f.Input {
	case InputList:
		var list []string
		if json.Unmarshal([]byte(value), &list) == nil {
			return list
		}
	case InputRows:
		return f.rows(value)
	case InputJSON:
		var v any
		if json.Unmarshal([]byte(value), &v) == nil {
			if b, err := json.MarshalIndent(v, "", "  "); err == nil {
				return []string{string(b)}
			}
		}
	default:
		if text, ok := textOf(value); ok {
			return []string{text}
		}
	}
	return []string{value}
}

// Value makes the value of what a person entered; nothing entered is no value.
// like is the value that it replaces. A wrong entry is a problem of kind invalid
// with the field "value".
func (f FieldInfo) Value(entered []string, like string) (string, error) {
	if f.Input == InputRows {
		return f.rowsValue(entered, like)
	}
	var parts []string
	for _, e := range entered {
		if f.Input == InputList && len(f.Options) == 0 {
			for line := range strings.Lines(e) {
				parts = append(parts, strings.TrimSpace(line))
			}
			continue
		}
		parts = append(parts, strings.TrimSpace(strings.ReplaceAll(e, "\r\n", "\n")))
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return "", nil
	}
	if len(f.Options) > 0 {
		for _, p := range parts {
			if !slices.Contains(f.Options, p) {
				return "", problem.Invalid("value", "not_listed", fmt.Sprintf("“%s” is none of the values that the portal takes", p))
			}
		}
	}
	if f.Read != nil {
		value, err := f.Read(parts[0], like)
		if err != nil {
			return "", err
		}
		return canonical(value)
	}
	switch f.Input {
	case InputList:
		b, err := json.Marshal(parts)
		return string(b), err
	case InputJSON:
		v, err := canonical(parts[0])
		if err != nil {
			return "", problem.Invalid("value", "malformed", "The value is no JSON: "+err.Error())
		}
		return v, nil
	case InputDate:
		if _, err := date.Parse(parts[0]); err != nil {
			return "", problem.Invalid("value", "malformed", "Write the day as 2027-03-31")
		}
	}
	b, err := json.Marshal(parts[0])
	return string(b), err
}
