package mapping

import (
	"strings"
)

// Difference is a field that two mappings map differently. Before and After are nil
// where the field is not mapped.
type Difference struct {
	Field  Field
	Before *Entry
	After  *Entry
}

// Diff lists what is different from one mapping to another, in the order of Fields.
func Diff(from, to Mapping) []Difference {
	var out []Difference
	for _, info := range Fields() {
		a, was := from.Of(info.Field)
		b, is := to.Of(info.Field)
		if was == is && (!was || a.Equal(b)) {
			continue
		}
		d := Difference{Field: info.Field}
		if was {
			d.Before = &a
		}
		if is {
			d.After = &b
		}
		out = append(out, d)
	}
	return out
}

// Text is the entry in words, "not mapped" for none.
func (e *Entry) Text() string {
	if e == nil {
		return "not mapped"
	}
	parts := []string{strings.Join(e.CRM, ", or else "), strings.ToLower(e.Direction.Label())}
	if e.Direction.Writes() {
		parts = append(parts, strings.ToLower(e.Owner.Label()))
	}
	if t := e.Transform.Text(); t != "" {
		parts = append(parts, t)
	}
	if info, _ := InfoOf(e.Field); e.Needed && !info.Needed {
		parts = append(parts, "needed")
	}
	return strings.Join(parts, " · ")
}
