package salesforce

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// values is a record as the mapping reads it, whichever API it came by.
type values interface {
	String(path string) string
	Number(path string) json.Number
	ID(path string) string
	Bool(path string) bool
	Time(path string) (time.Time, error)
}

var (
	_ values = Record{}
	_ values = Row{}
)

// Row is one record of a bulk query. A path is a column's name, such as
// "Account.Name"; case does not matter. Null reads as "", and so does a column
// that the query did not select. A Row is good for as long as you like; the texts
// that it gives are parts of one.
type Row struct {
	columns *columns
	text    string   // of the whole line
	spans   []uint32 // where each value begins and ends in text
	escaped bool     // some value holds doubled quotes
}

// columns finds a column by its name.
type columns struct {
	names []string
	at    map[string]int // by the exact name, and in lower case
}

func newColumns(names []string) *columns {
	c := &columns{names: names, at: make(map[string]int, 2*len(names))}
	for i, name := range names {
		c.at[strings.ToLower(name)] = i
	}
	for i, name := range names {
		c.at[name] = i
	}
	return c
}

func (c *columns) find(path string) (int, bool) {
	i, ok := c.at[path]
	if !ok {
		i, ok = c.at[strings.ToLower(path)]
	}
	return i, ok
}

// Columns gives the names of the columns, in the query's order. They must not be
// changed.
func (r Row) Columns() []string { return r.columns.names }

// String gives a value's text, "" for null.
func (r Row) String(path string) string {
	i, ok := r.columns.find(path)
	if !ok {
		return ""
	}
	s := r.text[r.spans[2*i]:r.spans[2*i+1]]
	if r.escaped && strings.IndexByte(s, '"') >= 0 {
		return strings.ReplaceAll(s, `""`, `"`)
	}
	return s
}

// ID gives an id or reference in its 18 characters, "" for null.
func (r Row) ID(path string) string { return ID18(r.String(path)) }

// Bool gives a checkbox.
func (r Row) Bool(path string) bool { return r.String(path) == "true" }

// Number gives a number's exact digits, never in scientific notation, and "" for
// null or anything that is no number.
func (r Row) Number(path string) json.Number {
	s := r.String(path)
	if s == "" || (s[0] != '-' && (s[0] < '0' || s[0] > '9')) || !json.Valid([]byte(s)) {
		return ""
	}
	return json.Number(plainNumber(s))
}

// Time gives a datetime in UTC, the zero time for null. See ParseDateTime.
func (r Row) Time(path string) (time.Time, error) {
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
