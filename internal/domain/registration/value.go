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
	InputJSON   Input = "json"   // the portal's own structure
)

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

// Entered gives a value as the field's input holds it: one string, or for a list
// one for each element. The values of JSON are indented.
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
