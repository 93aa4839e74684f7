package route

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// RulesSetting is the name under which the rules are kept.
const RulesSetting = "route_rules"

// Service is the use cases of route conflicts.
type Service struct {
	db            *db.DB
	clock         clock.Clock
	opportunities *opportunity.Service
	registrations *registration.Service
	activities    *activity.Service
	approvals     *approval.Service
	// PlanCheck plans that all deals are looked at again, in the transaction that
	// changed the rules.
	PlanCheck func(ctx context.Context, tx *db.Tx) error
}

// NewService gives the use cases on a database, and stands before the portals: what
// a conflict keeps back is not sent.
func NewService(d *db.DB, c clock.Clock, o *opportunity.Service, r *registration.Service, a *activity.Service, ap *approval.Service) *Service {
	s := &Service{db: d, clock: c, opportunities: o, registrations: r, activities: a, approvals: ap}
	s.PlanCheck = func(context.Context, *db.Tx) error { return nil }
	r.Stop = stop
	ap.Handle(WishDecide, approval.Executor{Run: s.runDecide})
	ap.Handle(WishReopen, approval.Executor{Run: s.runReopen})
	return s
}

// stop says what keeps an opportunity from a cloud's portal.
func stop(ctx context.Context, q db.Queryer, opportunityID string, c cloud.Cloud) (registration.Stop, error) {
	list, err := ofDeals(ctx, q, []string{opportunityID})
	for i := range list {
		if why := list[i].keepsBack(c); why != "" {
			return registration.Stop{By: list[i].ID, Reason: why}, nil
		}
	}
	return registration.Stop{}, err
}

// Rules gives the rules in force. Needs read.
func (s *Service) Rules(ctx context.Context) (Rules, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, setting.Row{}, err
	}
	return setting.Load(ctx, s.db, RulesSetting, DefaultRules())
}

// SetRules puts other rules in force and has every deal looked at again. version is
// the one the person saw. Needs change_settings.
func (s *Service) SetRules(ctx context.Context, r Rules, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := setting.Save(ctx, tx, RulesSetting, r, version, actor.Name); err != nil {
			return err
		}
		return s.PlanCheck(ctx, tx)
	})
}

// Preview says how many open deals each rule would find in conflict; it changes
// nothing. Needs change_settings.
func (s *Service) Preview(ctx context.Context, r Rules) (map[string]int64, error) {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	err := s.sweep(ctx, func(list []opportunity.Opportunity) error {
		e, err := s.gather(ctx, s.db, list)
		if err != nil {
			return err
		}
		e.rules = r
		for i := range list {
			for _, f := range e.find(&list[i], nil) {
				out[f.rule.ID]++
			}
		}
		return nil
	})
	return out, err
}

// Row is a conflict with its deal.
type Row struct {
	Conflict    Conflict
	Opportunity opportunity.Opportunity
}

// Query is which conflicts somebody wants to see. Empty is all.
type Query struct {
	States []State
	Kinds  []Kind
	Clouds []cloud.Cloud
	Owners []string // Salesforce ids
	After  string
	Limit  int // 1 to 200; 50 if 0

	after place
}

// place is where a page begins: the order is by what waits first, then the deadline.
type place struct {
	rank  int64
	dueOn date.Date
	id    string
}

// Page is one page of conflicts: those that wait for a decision by their deadline,
// then the others. Next is the cursor of the next page, "" at the end.
type Page struct {
	Rows []Row
	Next string
}

var errCursor = problem.Invalid("after", "malformed", "This is not a cursor that this list gave: begin from the first page")

func rank(s State) int64 {
	switch s {
	case StateDecided:
		return 1
	case StateEnded:
		return 2
	}
	return 0
}

func cursor(c *Conflict) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d\n%s\n%s", rank(c.State), c.DueOn, c.ID))
}

func parseCursor(text string) (place, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(b), "\n")
	if err != nil || len(parts) != 3 || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return place{}, errCursor
	}
	n, err := strconv.ParseInt(parts[0], 10, 8)
	if err != nil {
		return place{}, errCursor
	}
	return place{rank: n, dueOn: date.Date(parts[1]), id: parts[2]}, nil
}

// List gives a page of conflicts. Needs read.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	if len(q.States)+len(q.Kinds)+len(q.Clouds)+len(q.Owners) > 200 {
		return Page{}, problem.Invalid("filter", "too_many", "Use at most 200 values in all filters together")
	}
	if q.After != "" {
		var err error
		if q.after, err = parseCursor(q.After); err != nil {
			return Page{}, err
		}
	}
	limit := min(q.Limit, 200)
	if limit <= 0 {
		limit = 50
	}
	list, err := page(ctx, s.db, q, limit+1)
	if err != nil {
		return Page{}, err
	}
	var p Page
	if len(list) > limit {
		list = list[:limit]
		p.Next = cursor(&list[limit-1])
	}
	p.Rows, err = withDeals(ctx, s.db, list)
	return p, err
}

func withDeals(ctx context.Context, q db.Queryer, list []Conflict) ([]Row, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].OpportunityID
	}
	deals, err := dealsOf(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Row, len(list))
	for i, c := range list {
		out[i].Conflict = c
		if at := slices.IndexFunc(deals, func(o opportunity.Opportunity) bool { return o.ID == c.OpportunityID }); at >= 0 {
			out[i].Opportunity = deals[at]
		}
	}
	return out, nil
}

// Of gives the conflicts of one opportunity, the open ones first. Needs read.
func (s *Service) Of(ctx context.Context, opportunityID string) ([]Conflict, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	list, err := ofDeals(ctx, s.db, []string{opportunityID})
	slices.SortStableFunc(list, func(a, b Conflict) int { return int(rank(a.State) - rank(b.State)) })
	return list, err
}

// Counts gives how many conflicts there are of each kind in each state. Needs read.
func (s *Service) Counts(ctx context.Context) ([]Count, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return counts(ctx, s.db, date.Of(s.clock.Now()))
}

// Detail is a conflict with all that its page shows. Held are the registrations that
// it keeps from their portals. Waiting are requests for a decision that a Director
// has not answered. May says whether the actor of ctx decides alone, asks, or
// neither. Rule is the rule as it stands now, nil when it is gone.
type Detail struct {
	Row
	Lines   []Line
	Held    []registration.Registration
	Waiting []approval.Request
	May     authz.Verdict
	Rule    *Rule
}

// Get gives one conflict. Needs read.
func (s *Service) Get(ctx context.Context, conflictID string) (Detail, error) {
	var d Detail
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return d, err
	}
	c, err := byID(ctx, s.db, conflictID)
	if err != nil {
		return d, err
	}
	rows, err := withDeals(ctx, s.db, []Conflict{c})
	if err != nil {
		return d, err
	}
	d.Row = rows[0]
	if d.Lines, err = linesOf(ctx, s.db, c.ID); err != nil {
		return d, err
	}
	regs, err := registration.ByOpportunities(ctx, s.db, []string{c.OpportunityID})
	if err != nil {
		return d, err
	}
	for _, r := range regs[c.OpportunityID] {
		if r.StoppedBy == c.ID {
			d.Held = append(d.Held, r)
		}
	}
	waiting, err := approval.PendingOn(ctx, s.db, []string{c.ID})
	if err != nil {
		return d, err
	}
	d.Waiting = waiting[c.ID]
	rules, _, err := setting.Load(ctx, s.db, RulesSetting, DefaultRules())
	if err != nil {
		return d, err
	}
	if i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == c.Rule }); i >= 0 {
		d.Rule = &rules[i]
	}
	w, err := s.wish(ctx, s.db, &c, WishDecide)
	if err != nil {
		return d, err
	}
	d.May, err = s.approvals.Decide(ctx, w)
	return d, err
}
