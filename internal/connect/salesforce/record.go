package salesforce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

// Record is one row of a query, a view onto the page it came in: cheap to pass
// by value, decoded field by field on demand, and good for as long as you like.
// As it keeps its whole page in memory, store what you need of it, or Clone it.
//
// A path is a field's name, or names joined by dots for a field of a parent
// ("Account.Owner.Name"). Case does not matter. A field that the query did not
// select, or of a parent that is null, reads as null; Has tells them apart.
type Record struct {
	buf      []byte
	from, to uint32
	fields   []field
}

// NewRecord reads one JSON object, such as the answer to a row request.
func NewRecord(object []byte) (Record, error) {
	if !json.Valid(object) || len(object) > maxBody {
		return Record{}, fmt.Errorf("not a JSON object of at most %d bytes", maxBody)
	}
	at := skipSpace(object, 0)
	if object[at] != '{' {
		return Record{}, fmt.Errorf("a JSON object is needed, this begins with %q", object[at])
	}
	r := Record{buf: object, from: uint32(at)}
	r.to = uint32(members(object, at, func(f field) bool {
		r.fields = append(r.fields, f)
		return true
	}))
	return r, nil
}

// Clone detaches r from its page.
func (r Record) Clone() Record {
	c := Record{buf: bytes.Clone(r.buf[r.from:r.to]), to: r.to - r.from, fields: make([]field, len(r.fields))}
	for i, f := range r.fields {
		c.fields[i] = field{f.nameFrom - r.from, f.nameTo - r.from, f.from - r.from, f.to - r.from}
	}
	return c
}

// find gives the value's bytes, or nil.
func (r Record) find(path string) []byte {
	name, rest, nested := strings.Cut(path, ".")
	var value []byte
	for _, f := range r.fields {
		if string(r.buf[f.nameFrom:f.nameTo]) == name {
			value = r.buf[f.from:f.to]
			break
		}
	}
	if value == nil {
		for _, f := range r.fields {
			if sameName(r.buf[f.nameFrom:f.nameTo], name) {
				value = r.buf[f.from:f.to]
				break
			}
		}
	}
	for nested && value != nil {
		name, rest, nested = strings.Cut(rest, ".")
		value = member(value, name)
	}
	return value
}

// member gives the value of a member of the object in value, or nil.
func member(value []byte, name string) []byte {
	if value[0] != '{' {
		return nil
	}
	var found []byte
	members(value, 0, func(f field) bool {
		if sameName(value[f.nameFrom:f.nameTo], name) {
			found = value[f.from:f.to]
		}
		return found == nil
	})
	return found
}

// sameName compares without regard to ASCII case.
func sameName(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, x := range a {
		y := b[i]
		if x == y {
			continue
		}
		if x |= 0x20; x != y|0x20 || x < 'a' || x > 'z' {
			return false
		}
	}
	return true
}

// Has says whether the record carries the field, null or not.
func (r Record) Has(path string) bool { return r.find(path) != nil }

// IsNull says whether the field is null or not there.
func (r Record) IsNull(path string) bool {
	v := r.find(path)
	return v == nil || v[0] == 'n'
}

// Raw gives the field's JSON, nil if it is not there. It must not be changed.
func (r Record) Raw(path string) json.RawMessage { return r.find(path) }

// JSON gives the whole record's JSON. It must not be changed.
func (r Record) JSON() json.RawMessage { return r.buf[r.from:r.to] }

// String gives a field as text: a string's content, a number as Number gives
// it, "true" or "false", the JSON of an object, and "" for null.
func (r Record) String(path string) string {
	v := r.find(path)
	if v == nil {
		return ""
	}
	switch v[0] {
	case '"':
		return text(v)
	case 'n':
		return ""
	case 't', 'f', '{', '[':
		return string(v)
	}
	return plainNumber(string(v))
}

// ID gives an id or reference in its 18 characters, "" for null.
func (r Record) ID(path string) string { return ID18(r.String(path)) }

// Bool gives a checkbox; null is false.
func (r Record) Bool(path string) bool {
	v := r.find(path)
	return v != nil && v[0] == 't'
}

// Number gives a number's exact digits, never rounded and never in scientific
// notation (Salesforce writes 139 million as 1.39E8), and "" for null or
// anything that is no number.
func (r Record) Number(path string) json.Number {
	v := r.find(path)
	if v == nil || (v[0] != '-' && (v[0] < '0' || v[0] > '9')) {
		return ""
	}
	return json.Number(plainNumber(string(v)))
}

// Time gives a datetime in UTC, the zero time for null. See ParseDateTime.
func (r Record) Time(path string) (time.Time, error) {
	s := r.String(path)
	if s == "" {
		return time.Time{}, nil
	}
	t, err := ParseDateTime(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Parent gives the record of a parent relationship; false if it is null or not
// selected.
func (r Record) Parent(path string) (Record, bool) {
	v := r.find(path)
	if v == nil || v[0] != '{' {
		return Record{}, false
	}
	p := Record{buf: v}
	p.to = uint32(members(v, 0, func(f field) bool {
		p.fields = append(p.fields, f)
		return true
	}))
	return p, true
}

// Type gives the object's name out of the record's attributes, "" without them.
func (r Record) Type() string { return r.String("attributes.type") }

// Each gives the fields in the answer's order, without "attributes".
func (r Record) Each() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, f := range r.fields {
			name := r.buf[f.nameFrom-1 : f.nameTo+1]
			if string(name) != `"attributes"` && !yield(text(name), json.RawMessage(r.buf[f.from:f.to])) {
				return
			}
		}
	}
}

// Decode fills v, a pointer to a struct with json tags; convenient, and several
// times slower than asking for fields.
func (r Record) Decode(v any) error {
	if r.buf == nil {
		return fmt.Errorf("an empty record")
	}
	return json.Unmarshal(r.buf[r.from:r.to], v)
}

// text decodes a JSON string.
func text(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return ""
	}
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return ""
	}
	return s
}
