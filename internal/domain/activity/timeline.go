package activity

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Filter is a kind of activities by which a timeline is narrowed.
type Filter string

// FilterPortal is what the engine logs of a registration and what is noted of it; the
// other filters are the kinds, where KindIntroduction holds the intro meetings, too.
const FilterPortal Filter = "portal"

// Filters lists the filters in the order in which they are offered.
func Filters() []Filter {
	out := []Filter{FilterPortal}
	for _, k := range append(Recordable(), KindTask) {
		out = append(out, Filter(k))
	}
	return out
}

// Label is the filter in words, of many.
func (f Filter) Label() string {
	switch f {
	case FilterPortal:
		return "Registration"
	case Filter(KindEmail):
		return "E-mails"
	}
	return Kind(f).Label() + "s"
}

// Query says what of a timeline is asked for: of one opportunity, or of one account
// with all its opportunities. Without filters it is all of it.
type Query struct {
	OpportunityID string
	AccountID     string
	Filters       []Filter
	Origins       []Origin
	After         string // the cursor of the page before
	Limit         int    // 1 to 200; 50 if 0
}

// Line is one activity of a timeline; Deal is the name of its opportunity, "" where it
// belongs to the account itself.
type Line struct {
	Activity
	Deal string `db:"deal_name"`
}

// Page is a part of a timeline, newest first; Next is the cursor of the next one, "" at
// the end.
type Page struct {
	Rows []Line
	Next string
}

var errCursor = problem.Invalid("after", "malformed", "This is not a cursor that a timeline gave: begin from the first page")

type spot struct {
	at time.Time
	id string
}

func (a *Activity) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(a.HappenedAt.UTC().Format(time.RFC3339Nano) + "\n" + a.ID))
}

func parseCursor(s string) (*spot, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	day, rowID, ok := strings.Cut(string(b), "\n")
	if err != nil || !ok || !utf8.Valid(b) || strings.ContainsRune(rowID, 0) {
		return nil, errCursor
	}
	at, err := time.Parse(time.RFC3339Nano, day)
	if err != nil {
		return nil, errCursor
	}
	return &spot{at, rowID}, nil
}

// Timeline gives a page of what happened, whoever made it: the engine, people in Tandem
// and people in Salesforce. Needs read.
func (s *Service) Timeline(ctx context.Context, q Query) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	var bad problem.List
	if (q.OpportunityID == "") == (q.AccountID == "") {
		bad.Add("opportunity_id", "required", "Name an opportunity or an account, and only one of the two")
	}
	for _, f := range q.Filters {
		if !slices.Contains(Filters(), f) {
			bad.Add("kind", "unknown_kind", fmt.Sprintf("%q is not a kind of activity", f))
		}
	}
	for _, o := range q.Origins {
		if !slices.Contains([]Origin{OriginEngine, OriginPerson, OriginCRM}, o) {
			bad.Add("origin", "unknown_origin", fmt.Sprintf("%q is not where an activity can come from", o))
		}
	}
	if err := bad.Err(); err != nil {
		return Page{}, err
	}
	var after *spot
	if q.After != "" {
		var err error
		if after, err = parseCursor(q.After); err != nil {
			return Page{}, err
		}
	}
	limit := min(q.Limit, 200)
	if limit <= 0 {
		limit = 50
	}
	rows, err := timeline(ctx, s.db, q, after, limit+1)
	if err != nil || len(rows) <= limit {
		return Page{Rows: rows}, err
	}
	return Page{Rows: rows[:limit], Next: rows[limit-1].cursor()}, nil
}

// Counts says how many activities of each filter a timeline holds; q's own filters,
// cursor and limit don't count. Needs read.
func (s *Service) Counts(ctx context.Context, q Query) (map[Filter]int64, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	rows, err := counts(ctx, s.db, q)
	out := map[Filter]int64{}
	for _, r := range rows {
		out[r.Filter] += r.N
	}
	return out, err
}

// Get gives one activity. Needs read.
func (s *Service) Get(ctx context.Context, activityID string) (Activity, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Activity{}, err
	}
	return ByID(ctx, s.db, activityID)
}

// History is one thing that became of a recorded activity.
type History struct {
	ID         string     `db:"id"`
	ActivityID string     `db:"activity_id"`
	Kind       string     `db:"kind"`
	Subject    string     `db:"subject"`
	Body       string     `db:"body"`
	ActorKind  authz.Kind `db:"actor_kind"`
	ActorName  string     `db:"actor_name"`
	HappenedAt time.Time  `db:"happened_at"`
}

// History gives what became of a recorded activity, newest first. Needs read.
func (s *Service) History(ctx context.Context, activityID string) ([]History, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return historyOf(ctx, s.db, activityID)
}
