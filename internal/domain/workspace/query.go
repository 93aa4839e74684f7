// Package workspace answers "what is there, and what needs me?": the lists, the
// board and the day's work that people look at, read across the nouns below.
package workspace

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Query is a list of opportunities as somebody wants to see it. Within a filter
// the values are alternatives; the filters must all hold. Empty filters nothing.
type Query struct {
	Text      string               // in the name of the opportunity or its account
	Clouds    []cloud.Cloud        // joint with one of these
	States    []registration.State // a registration is in one of these states, or StateNone
	Accounts  []string             // ids or CRM ids
	Stages    []string             // the CRM's stages, verbatim
	Geos      []string
	Regions   []string
	Segments  []string
	Orders    []string // order types
	Owners    []string // CRM ids
	Open      string   // "open", "closed", "won" or ""
	CloseFrom date.Date
	CloseTo   date.Date
	Sort      Sort
	Desc      bool
	After     string // the cursor of the page before, of the same sort
	Limit     int    // 1 to 200; 50 if 0, 200 if more

	named bool     // ids are what Text finds
	ids   []string // each can be there twice
}

// StateNone stands among the states of a query for joint opportunities that have
// no registration (at the query's clouds, if it names any).
const StateNone registration.State = "none"

// Sort is a column by which the list can be in order.
type Sort string

// The sort columns. Amounts are in order within their currency: without a rate,
// dollars and yen have none.
const (
	SortClose   Sort = "close_on"
	SortName    Sort = "name"
	SortAccount Sort = "account"
	SortStage   Sort = "stage"
	SortOwner   Sort = "owner"
	SortAmount  Sort = "amount"
	SortUpdated Sort = "updated"
)

// Sorts lists the sort columns.
func Sorts() []Sort {
	return []Sort{SortClose, SortName, SortAccount, SortStage, SortOwner, SortAmount, SortUpdated}
}

// ParseQuery reads a query string, as in the address of the list and in the
// API. Unknown values are a problem that names each; unknown names are ignored
// but for those of the list itself.
func ParseQuery(v url.Values) (Query, error) {
	var bad problem.List
	q := Query{
		Text: strings.TrimSpace(v.Get("q")), Stages: list(v, "stage"), Geos: list(v, "geo"), Regions: list(v, "region"),
		Segments: list(v, "segment"), Orders: list(v, "order_type"), Owners: list(v, "owner"), Accounts: list(v, "account"), After: v.Get("after"),
	}
	if len(q.Text) > 200 {
		bad.Add("q", "too_long", "Search for at most 200 characters")
	}
	for _, s := range list(v, "cloud") {
		if c := cloud.Cloud(s); c.Valid() {
			q.Clouds = append(q.Clouds, c)
		} else {
			bad.Add("cloud", "unknown_cloud", fmt.Sprintf("%q is not a cloud: use aws, azure or gcp", s))
		}
	}
	for _, s := range list(v, "state") {
		if st := registration.State(s); st == StateNone || slices.Contains(registration.States(), st) {
			q.States = append(q.States, st)
		} else {
			bad.Add("state", "unknown_state", fmt.Sprintf("%q is not a state of a registration, nor %s for no registration", s, StateNone))
		}
	}
	switch q.Open = v.Get("open"); q.Open {
	case "", "open", "closed", "won":
	default:
		bad.Add("open", "unknown_value", "Use open, closed or won")
	}
	for name, dst := range map[string]*date.Date{"close_from": &q.CloseFrom, "close_to": &q.CloseTo} {
		d, err := date.Parse(v.Get(name))
		if err != nil {
			bad.Add(name, "malformed", err.Error())
		}
		*dst = d
	}
	q.Sort, q.Desc = SortClose, false
	if s := v.Get("sort"); s != "" {
		name, desc := strings.CutPrefix(s, "-")
		q.Sort, q.Desc = Sort(name), desc
		if !slices.Contains(Sorts(), q.Sort) {
			bad.Add("sort", "unknown_sort", fmt.Sprintf("%q is not a column to sort by", s))
		}
	}
	if s := v.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 200 {
			bad.Add("limit", "out_of_range", "Use a number from 1 to 200")
		}
		q.Limit = n
	}
	if q.After != "" {
		if _, err := parseCursor(q.Sort, q.After); err != nil {
			bad = append(bad, errCursor.Fields...)
		}
	}
	if n := len(q.Stages) + len(q.Geos) + len(q.Regions) + len(q.Segments) + len(q.Orders) + len(q.Owners) + len(q.Accounts); n > 200 {
		bad.Add("filter", "too_many", "Use at most 200 values in all filters together")
	}
	return q, bad.Err()
}

func list(v url.Values, name string) []string {
	var out []string
	for _, s := range v[name] {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Values gives the canonical query string parts, without cursor and limit.
func (q Query) Values() url.Values {
	v := url.Values{}
	set := func(name, s string) {
		if s != "" {
			v.Set(name, s)
		}
	}
	set("q", q.Text)
	for _, c := range q.Clouds {
		v.Add("cloud", string(c))
	}
	for _, s := range q.States {
		v.Add("state", string(s))
	}
	for name, values := range map[string][]string{"stage": q.Stages, "geo": q.Geos, "region": q.Regions, "segment": q.Segments, "order_type": q.Orders, "owner": q.Owners, "account": q.Accounts} {
		for _, s := range values {
			v.Add(name, s)
		}
	}
	set("open", q.Open)
	set("close_from", string(q.CloseFrom))
	set("close_to", string(q.CloseTo))
	if q.Sort != "" && (q.Sort != SortClose || q.Desc) {
		s := string(q.Sort)
		if q.Desc {
			s = "-" + s
		}
		v.Set("sort", s)
	}
	return v
}

var errCursor = problem.Invalid("after", "malformed", "This is not a cursor that this list gave: begin from the first page")

// makeCursor gives the cursor behind a row: what the list is sorted by, and the
// row's id and its values of the sort's columns.
func makeCursor(s Sort, r *Row) string {
	s = cmp.Or(s, SortClose)
	return base64.RawURLEncoding.EncodeToString([]byte(string(s) + "\n" + r.ID + "\n" + sortValue(s, r)))
}

// parseCursor gives the values of the sort's columns, and the id as the last one.
// A cursor of another sort, or one that no list gave, is errCursor.
func parseCursor(s Sort, cursor string) ([]any, error) {
	s = cmp.Or(s, SortClose)
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(b), "\n", 3)
	if err != nil || len(parts) != 3 || Sort(parts[0]) != s || parts[1] == "" || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return nil, errCursor
	}
	args, err := sortArgs(s, parts[2])
	if err != nil {
		return nil, errCursor
	}
	return append(args, parts[1]), nil
}
