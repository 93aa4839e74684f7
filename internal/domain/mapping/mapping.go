// Package mapping answers "which field of the Salesforce organisation is which of
// ours?": for every field that Tandem reads or writes there, the organisation's
// field, the direction, whose value holds, and how the value is turned into ours.
// The mapping is data: versioned, compared, rolled back, exported and imported; and
// checked against what the organisation has.
package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Direction says which way a field goes.
type Direction string

// The directions, seen from Tandem.
const (
	DirectionRead  Direction = "read"  // from Salesforce only
	DirectionWrite Direction = "write" // to Salesforce only
	DirectionBoth  Direction = "both"  // read, and written when a person or a portal changes it
)

// Label is the direction in words.
func (d Direction) Label() string {
	switch d {
	case DirectionRead:
		return "Read"
	case DirectionWrite:
		return "Write"
	case DirectionBoth:
		return "Read and write"
	}
	return string(d)
}

// Reads and Writes report which ways the direction goes.
func (d Direction) Reads() bool { return d == DirectionRead || d == DirectionBoth }

// Writes reports whether Tandem writes the field.
func (d Direction) Writes() bool { return d == DirectionWrite || d == DirectionBoth }

// Owner says whose value holds when Tandem has something to write.
type Owner string

// The owners. A field that is only read is Salesforce's.
const (
	OwnerSalesforce Owner = "salesforce" // Tandem fills the field only where it is empty
	OwnerTandem     Owner = "tandem"     // Tandem's value is written over whatever stands there
	OwnerNewest     Owner = "newest"     // written unless the record was changed in Salesforce later
	OwnerAsk        Owner = "ask"        // a record that changed meanwhile is read first, and both sides are compared
)

// Label is the owner in words.
func (o Owner) Label() string {
	switch o {
	case OwnerSalesforce:
		return "Salesforce wins"
	case OwnerTandem:
		return "Tandem wins"
	case OwnerNewest:
		return "The newest wins"
	case OwnerAsk:
		return "Ask"
	}
	return string(o)
}

// Owners lists the owners that make sense for a direction and, as fact is true for
// them, for what Tandem alone knows: nobody else writes those, so there is nothing
// to compare or to ask.
func Owners(d Direction, fact bool) []Owner {
	switch {
	case fact:
		return []Owner{OwnerTandem, OwnerSalesforce}
	case d == DirectionRead:
		return []Owner{OwnerSalesforce}
	}
	return []Owner{OwnerAsk, OwnerTandem, OwnerNewest, OwnerSalesforce}
}

// Entry is how one of our fields stands in the organisation. CRM holds API names, of
// which the first that the organisation has is used; one may go over a parent
// ("Account.Site") where it is only read.
type Entry struct {
	Field     Field     `json:"field"`
	CRM       []string  `json:"crm"`
	Direction Direction `json:"direction"`
	Owner     Owner     `json:"owner"`
	Transform Transform `json:"transform,omitzero"`
	// Needed makes the field's absence an error and not a remark.
	Needed bool `json:"needed,omitempty"`
}

// Equal reports whether two entries say the same.
func (e Entry) Equal(o Entry) bool {
	return e.Field == o.Field && slices.Equal(e.CRM, o.CRM) && e.Direction == o.Direction && e.Owner == o.Owner && e.Needed == o.Needed && e.Transform.equal(o.Transform)
}

// Mapping is the entries of all mapped fields, in the order of Fields. A field that
// has none is not mapped: it is neither read nor, by itself, written.
type Mapping struct {
	Entries []Entry `json:"fields"`
}

// Of gives the entry of one of our fields.
func (m Mapping) Of(f Field) (Entry, bool) {
	at := slices.IndexFunc(m.Entries, func(e Entry) bool { return e.Field == f })
	if at < 0 {
		return Entry{}, false
	}
	return m.Entries[at], true
}

// With gives the mapping with an entry put in place of the field's, or added.
func (m Mapping) With(e Entry) Mapping {
	out := m.Without(e.Field)
	out.Entries = append(out.Entries, e)
	return out.sorted()
}

// Without gives the mapping with a field no longer mapped.
func (m Mapping) Without(f Field) Mapping {
	return Mapping{Entries: slices.DeleteFunc(slices.Clone(m.Entries), func(e Entry) bool { return e.Field == f })}
}

// sorted puts the entries in the order of Fields.
func (m Mapping) sorted() Mapping {
	slices.SortStableFunc(m.Entries, func(a, b Entry) int { return orderOf(a.Field) - orderOf(b.Field) })
	return m
}

// Read gives the entries of an object that are read.
func (m Mapping) Read(object Object) []Entry {
	var out []Entry
	for _, e := range m.Entries {
		if info, ok := InfoOf(e.Field); ok && info.Object == object && e.Direction.Reads() {
			out = append(out, e)
		}
	}
	return out
}

// Facts gives the entries by which facts of registrations are written to fields of
// the opportunity.
func (m Mapping) Facts() []Entry {
	var out []Entry
	for _, e := range m.Entries {
		if info, ok := InfoOf(e.Field); ok && info.Fact {
			out = append(out, e)
		}
	}
	return out
}

// Fingerprint tells apart two mappings by which the records of an object are read
// differently. What was read by another one has to be read again.
func (m Mapping) Fingerprint(object Object) string {
	type read struct {
		Field     Field
		CRM       []string
		Transform Transform
	}
	list := []read{}
	for _, e := range m.Read(object) {
		list = append(list, read{e.Field, e.CRM, e.Transform})
	}
	text, err := json.Marshal(list)
	if err != nil { // texts and lists of texts
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

const (
	maxNames  = 5
	maxValues = 500
	maxText   = 255
)

var nameShape = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}(\.[A-Za-z][A-Za-z0-9_]{0,79})?$`)

// Validate reports every part of the mapping that cannot work in any organisation.
func (m Mapping) Validate() error {
	var bad problem.List
	if len(m.Entries) > len(Fields())+50 {
		bad.Add("fields", "too_many", "There are more entries than fields")
		return bad.Err()
	}
	seen := map[Field]bool{}
	for i, e := range m.Entries {
		at := fmt.Sprintf("fields[%d]", i)
		info, known := InfoOf(e.Field)
		switch {
		case !known:
			bad.Add(at+".field", "unknown_field", fmt.Sprintf("%q is no field of Tandem's", clip(string(e.Field))))
			continue
		case seen[e.Field]:
			bad.Add(at+".field", "twice", fmt.Sprintf("%s is mapped twice: keep one of the entries", info.Label))
		}
		seen[e.Field] = true
		e.validate(at, info, &bad)
	}
	for _, f := range Fields() {
		if f.Needed && !seen[f.Field] {
			bad.Add("fields", "required", fmt.Sprintf("%s (%s) has to be mapped: without it Tandem knows no deal", f.Label, f.Field))
		}
	}
	return bad.Err()
}

func (e Entry) validate(at string, info Info, bad *problem.List) {
	switch {
	case len(e.CRM) == 0:
		bad.Add(at+".crm", "required", fmt.Sprintf("Name the organisation's field for %s, or leave the entry out", info.Label))
	case len(e.CRM) > maxNames:
		bad.Add(at+".crm", "too_many", fmt.Sprintf("Name at most %d fields, of which the first that is there counts", maxNames))
	}
	for _, name := range e.CRM {
		switch {
		case !nameShape.MatchString(name):
			bad.Add(at+".crm", "malformed", fmt.Sprintf("%q is no API name: write one such as Next_Steps__c, or Account.Site for a field of the parent", clip(name)))
		case strings.Contains(name, ".") && e.Direction.Writes():
			bad.Add(at+".crm", "of_parent", fmt.Sprintf("%s is a field of another record: it can be read, but not written", name))
		}
	}
	if !slices.Contains(info.Directions(), e.Direction) {
		bad.Add(at+".direction", "not_possible", fmt.Sprintf("%s can be %s, not %q", info.Label, words(info.Directions(), Direction.word), clip(string(e.Direction))))
	} else if owners := Owners(e.Direction, info.Fact); !slices.Contains(owners, e.Owner) {
		bad.Add(at+".owner", "not_possible", fmt.Sprintf("For a field in this direction the owner is %s, not %q", words(owners, func(o Owner) string { return string(o) }), clip(string(e.Owner))))
	}
	e.Transform.validate(at+".transform", info, bad)
}

func (d Direction) word() string { return string(d) }

func words[T any](list []T, word func(T) string) string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = word(x)
	}
	if n := len(out); n > 1 {
		return strings.Join(out[:n-1], ", ") + " or " + out[n-1]
	}
	return strings.Join(out, "")
}

// clip bounds what is repeated to a person.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func knownCurrency(code string) bool {
	_, err := money.Digits(code)
	return err == nil
}
