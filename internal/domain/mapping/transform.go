package mapping

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Way says how a value is turned into ours, and back.
type Way string

// The ways. An empty one leaves the value as it is.
const (
	WayNone     Way = ""
	WayPicklist Way = "picklist" // by a table of values
	WayCurrency Way = "currency" // the field's amounts are in one currency, whatever the deal's
	WayDate     Way = "date"     // a day that stands as a text or within a date and time
)

// Ways lists the ways.
func Ways() []Way { return []Way{WayNone, WayPicklist, WayCurrency, WayDate} }

// Label is the way in words.
func (w Way) Label() string {
	switch w {
	case WayNone:
		return "As it is"
	case WayPicklist:
		return "Table of values"
	case WayCurrency:
		return "Fixed currency"
	case WayDate:
		return "Date"
	}
	return string(w)
}

// Form is how a day is written in the organisation's field.
type Form string

// The forms.
const (
	FormPart Form = "part" // the day of a date and time, in UTC
	FormISO  Form = "iso"  // 2026-12-31 as a text
	FormDMY  Form = "dmy"  // 31.12.2026, 31/12/2026 or 31-12-2026
	FormMDY  Form = "mdy"  // 12/31/2026
)

// Forms lists the forms.
func Forms() []Form { return []Form{FormPart, FormISO, FormDMY, FormMDY} }

// Label is the form in words.
func (f Form) Label() string {
	switch f {
	case FormPart:
		return "the day of a date and time"
	case FormISO:
		return "2026-12-31"
	case FormDMY:
		return "31.12.2026"
	case FormMDY:
		return "12/31/2026"
	}
	return string(f)
}

// Value is one line of a table of values: the organisation's and ours.
type Value struct {
	CRM  string `json:"crm"`
	Ours string `json:"ours"`
}

// Transform is how a value of the organisation becomes ours, and ours the
// organisation's. Empty is what stands for a field that is empty on the side that
// the value comes from.
type Transform struct {
	Way    Way     `json:"way,omitempty"`
	Values []Value `json:"values,omitempty"` // of a picklist
	// Else is what a value of the organisation becomes that is not in the table; ""
	// keeps it.
	Else     string `json:"else,omitempty"`
	Currency string `json:"currency,omitempty"`
	Form     Form   `json:"form,omitempty"`
	Empty    string `json:"empty,omitempty"`
}

// IsZero reports whether nothing is done to the value.
func (t Transform) IsZero() bool { return t.equal(Transform{}) }

func (t Transform) equal(o Transform) bool {
	return t.Way == o.Way && slices.Equal(t.Values, o.Values) && t.Else == o.Else && t.Currency == o.Currency && t.Form == o.Form && t.Empty == o.Empty
}

// Text is the transform in words, for lists and differences.
func (t Transform) Text() string {
	var parts []string
	switch t.Way {
	case WayPicklist:
		for _, v := range t.Values {
			parts = append(parts, v.CRM+" = "+v.Ours)
		}
		if t.Else != "" {
			parts = append(parts, "else "+t.Else)
		}
	case WayCurrency:
		parts = append(parts, "amounts in "+t.Currency)
	case WayDate:
		parts = append(parts, "date: "+t.Form.Label())
	}
	if t.Empty != "" {
		parts = append(parts, "when empty "+t.Empty)
	}
	return strings.Join(parts, "; ")
}

func (t Transform) validate(at string, info Info, bad *problem.List) {
	if !slices.Contains(Ways(), t.Way) {
		bad.Add(at+".way", "unknown_value", fmt.Sprintf("%q is no way to turn a value: use picklist, currency or date, or leave it out", clip(string(t.Way))))
		return
	}
	dated := info.Kind == KindDate || info.Kind == KindInstant
	switch {
	case t.Way == WayPicklist && info.Kind != KindText:
		bad.Add(at+".way", "not_possible", info.Label+" is no text: a table of values turns texts")
	case t.Way == WayCurrency && info.Kind != KindMoney:
		bad.Add(at+".way", "not_possible", info.Label+" is no amount")
	case t.Way == WayDate && !dated:
		bad.Add(at+".way", "not_possible", info.Label+" is no date")
	}
	if t.Way == WayPicklist != (len(t.Values) > 0) {
		bad.Add(at+".values", "values", "Give the table of values where the way is picklist, and only there")
	}
	if t.Way != WayPicklist && t.Else != "" {
		bad.Add(at+".else", "values", "Only a table of values has something else")
	}
	if t.Way == WayCurrency && !knownCurrency(t.Currency) || t.Way != WayCurrency && t.Currency != "" {
		bad.Add(at+".currency", "unknown_value", "Give the currency's code, such as USD, where the way is currency, and only there")
	}
	if t.Way == WayDate != slices.Contains(Forms(), t.Form) || t.Way != WayDate && t.Form != "" {
		bad.Add(at+".form", "unknown_value", "Give the form of the date (part, iso, dmy or mdy) where the way is date, and only there")
	}
	t.validateValues(at, info, bad)
}

func (t Transform) validateValues(at string, info Info, bad *problem.List) {
	if len(t.Values) > maxValues {
		bad.Add(at+".values", "too_many", fmt.Sprintf("Use at most %d values", maxValues))
	}
	seen := map[string]bool{}
	for i, v := range t.Values[:min(len(t.Values), maxValues)] {
		here := fmt.Sprintf("%s.values[%d]", at, i)
		key := strings.ToLower(v.CRM)
		switch {
		case v.CRM == "" || v.Ours == "":
			bad.Add(here, "required", "Give both values; what an empty field stands for is set beside the table")
		case len(v.CRM) > maxText || len(v.Ours) > maxText:
			bad.Add(here, "too_long", fmt.Sprintf("Use at most %d characters", maxText))
		case seen[key]:
			bad.Add(here, "twice", fmt.Sprintf("%q stands in the table twice", clip(v.CRM)))
		}
		seen[key] = true
	}
	if len(t.Else) > maxText {
		bad.Add(at+".else", "too_long", fmt.Sprintf("Use at most %d characters", maxText))
	}
	if t.Empty == "" {
		return
	}
	if len(t.Empty) > maxText {
		bad.Add(at+".empty", "too_long", fmt.Sprintf("Use at most %d characters", maxText))
	}
	switch info.Kind {
	case KindDate:
		if _, err := date.Parse(t.Empty); err != nil {
			bad.Add(at+".empty", "malformed", "Write the day as 2026-12-31")
		}
	case KindText:
		if info.Field == "opportunity.currency" && !knownCurrency(t.Empty) {
			bad.Add(at+".empty", "unknown_value", fmt.Sprintf("%q is no currency: write its code, such as USD", clip(t.Empty)))
		}
	default:
		bad.Add(at+".empty", "not_possible", "Only texts and dates can have a value that stands for nothing")
	}
}

// Read turns a value of the organisation into ours. An error says that the value is
// none that the transform can read.
func (t Transform) Read(value string) (string, error) {
	if value == "" {
		return t.Empty, nil
	}
	switch t.Way {
	case WayPicklist:
		for _, v := range t.Values {
			if strings.EqualFold(v.CRM, value) {
				return v.Ours, nil
			}
		}
		if t.Else != "" {
			return t.Else, nil
		}
	case WayDate:
		day, err := t.Form.read(value)
		return string(day), err
	}
	return value, nil
}

// Write turns a value of ours into the organisation's. An instant is given as RFC
// 3339, a day as 2006-01-02.
func (t Transform) Write(value string) (string, error) {
	if value == "" {
		return t.Empty, nil
	}
	switch t.Way {
	case WayPicklist:
		for _, v := range t.Values {
			if strings.EqualFold(v.Ours, value) {
				return v.CRM, nil
			}
		}
	case WayDate:
		day, err := dayOf(value)
		if err != nil {
			return "", err
		}
		return day.Time().Format(t.Form.layouts()[0]), nil
	}
	return value, nil
}

func (f Form) layouts() []string {
	switch f {
	case FormDMY:
		return []string{"02.01.2006", "2.1.2006", "02/01/2006", "2/1/2006", "02-01-2006", "2-1-2006"}
	case FormMDY:
		return []string{"01/02/2006", "1/2/2006"}
	}
	return []string{"2006-01-02"}
}

func (f Form) read(value string) (date.Date, error) {
	value = strings.TrimSpace(value)
	if f == FormPart {
		return dayOf(value)
	}
	for _, layout := range f.layouts() {
		if at, err := time.Parse(layout, value); err == nil {
			return date.Of(at), nil
		}
	}
	return "", fmt.Errorf("%q is no date like %s", clip(value), f.Label())
}

// dayOf gives the day, in UTC, of an instant or a day.
func dayOf(value string) (date.Date, error) {
	for _, layout := range []string{"2006-01-02", time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700"} {
		if at, err := time.Parse(layout, value); err == nil {
			return date.Of(at.UTC()), nil
		}
	}
	return "", fmt.Errorf("%q is no date", clip(value))
}
