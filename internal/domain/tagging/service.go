package tagging

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// RulesSetting is the name under which the rules are kept.
const RulesSetting = "tagging_rules"

// Service is the use cases of tagging.
type Service struct {
	db            *db.DB
	clock         clock.Clock
	opportunities *opportunity.Service
	partners      partners
	// Write plans that Salesforce gets the corrections, and PlanCheck that all deals
	// are looked at again; both in the transaction that made them due.
	Write     func(ctx context.Context, tx *db.Tx) error
	PlanCheck func(ctx context.Context, tx *db.Tx) error

	// On says whether deals are looked at now; Checked hears how many were, and how
	// many findings came or went, in the transaction that stores them. Either may be
	// nil.
	On      func(ctx context.Context, q db.Queryer) (bool, error)
	Checked func(ctx context.Context, tx *db.Tx, looked, changed int) error
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock, o *opportunity.Service) *Service {
	none := func(context.Context, *db.Tx) error { return nil }
	return &Service{db: d, clock: c, opportunities: o, Write: none, PlanCheck: none}
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

// Preview says how many deals each rule would find wrong; it changes nothing. Needs
// change_settings.
func (s *Service) Preview(ctx context.Context, r Rules) (map[string]int64, error) {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	out := map[string]int64{}
	err := s.sweep(ctx, func(list []opportunity.Opportunity) error {
		l, err := s.lint(ctx, s.db, list)
		if err != nil {
			return err
		}
		l.rules = r
		for i := range list {
			for _, rule := range l.wrong(&list[i]) {
				out[rule.ID]++
			}
		}
		return nil
	})
	return out, err
}

// linter is the rules with what they have to know of some opportunities.
type linter struct {
	rules    Rules
	matcher  *opportunity.Matcher
	joint    map[string][]cloud.Cloud
	accepted map[string]acceptedRow // by opportunity and rule
}

func key(opportunityID, rule string) string { return opportunityID + " " + rule }

func (s *Service) lint(ctx context.Context, q db.Queryer, list []opportunity.Opportunity) (*linter, error) {
	var l linter
	var err error
	if l.rules, _, err = setting.Load(ctx, q, RulesSetting, DefaultRules()); err != nil {
		return nil, err
	}
	if l.matcher, err = s.opportunities.Matcher(ctx, q); err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	if l.joint, err = jointOf(ctx, q, ids); err != nil {
		return nil, err
	}
	accepted, err := acceptedOf(ctx, q, ids)
	l.accepted = map[string]acceptedRow{}
	for _, a := range accepted {
		l.accepted[key(a.OpportunityID, a.Rule)] = a
	}
	return &l, err
}

func (l *linter) tags(o *opportunity.Opportunity) Tags {
	return TagsOf(o, l.joint[o.ID], l.matcher.Named)
}

// wrong gives the rules that find the opportunity tagged wrongly.
func (l *linter) wrong(o *opportunity.Opportunity) []*Rule {
	if o.Deleted {
		return nil
	}
	t := l.tags(o)
	var out []*Rule
	for i := range l.rules {
		r := &l.rules[i]
		if !r.Finds(t) {
			continue
		}
		if a, ok := l.accepted[key(o.ID, r.ID)]; ok && a.Tags == t.Key(r) {
			continue
		}
		out = append(out, r)
	}
	return out
}

// Check looks at opportunities, at most db.MaxIn of them, and stores what it finds.
// It does nothing while it is off: all are looked at once it is on again.
func (s *Service) Check(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
	if len(list) == 0 {
		return nil
	}
	if s.On != nil {
		if on, err := s.On(ctx, tx); err != nil || !on {
			return err
		}
	}
	changed, err := s.check(ctx, tx, list)
	if err != nil || s.Checked == nil {
		return err
	}
	return s.Checked(ctx, tx, len(list), changed)
}

// check gives how many findings came or went.
func (s *Service) check(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) (int, error) {
	l, err := s.lint(ctx, tx, list)
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	rows, err := findingsOf(ctx, tx, ids)
	if err != nil {
		return 0, err
	}
	stands := map[string]findingRow{}
	for _, f := range rows {
		stands[key(f.OpportunityID, f.Rule)] = f
	}
	added := 0
	for i := range list {
		for _, r := range l.wrong(&list[i]) {
			k := key(list[i].ID, r.ID)
			if _, ok := stands[k]; ok {
				delete(stands, k)
				continue
			}
			if err := addFinding(ctx, tx, list[i].ID, r.ID); err != nil {
				return 0, err
			}
			added++
		}
	}
	for _, f := range stands {
		if err := removeFinding(ctx, tx, f.OpportunityID, f.Rule); err != nil {
			return 0, err
		}
	}
	return added + len(stands), nil
}

// Difference is a finding that a look at a deal would add, or take away.
type Difference struct {
	Opportunity opportunity.Opportunity
	Rule        string
	Gone        bool
}

// Differences gives what CheckAll would change of the findings, at most limit of
// them, and changes nothing.
func (s *Service) Differences(ctx context.Context, limit int) ([]Difference, error) {
	var out []Difference
	err := s.sweep(ctx, func(list []opportunity.Opportunity) error {
		l, err := s.lint(ctx, s.db, list)
		if err != nil {
			return err
		}
		ids := make([]string, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		rows, err := findingsOf(ctx, s.db, ids)
		if err != nil {
			return err
		}
		stands := map[string]bool{}
		for _, f := range rows {
			stands[key(f.OpportunityID, f.Rule)] = true
		}
		for i := range list {
			o := &list[i]
			for _, r := range l.wrong(o) {
				if k := key(o.ID, r.ID); stands[k] {
					delete(stands, k)
				} else {
					out = append(out, Difference{Opportunity: *o, Rule: r.ID})
				}
			}
			for _, f := range rows {
				if f.OpportunityID == o.ID && stands[key(o.ID, f.Rule)] {
					out = append(out, Difference{Opportunity: *o, Rule: f.Rule, Gone: true})
				}
			}
		}
		if len(out) >= limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out[:min(len(out), limit)], err
}

// errEnough ends a sweep early.
var errEnough = errors.New("enough")

// CheckAll looks at every opportunity.
func (s *Service) CheckAll(ctx context.Context) error {
	return s.sweep(ctx, func(list []opportunity.Opportunity) error {
		return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return s.Check(ctx, tx, list) })
	})
}

func (s *Service) sweep(ctx context.Context, fn func([]opportunity.Opportunity) error) error {
	after := ""
	for {
		list, err := opportunitiesAfter(ctx, s.db, after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := fn(list); err != nil {
			return err
		}
		after = list[len(list)-1].ID
	}
}

// Finding is one deal that one rule finds tagged wrongly, as both are now.
type Finding struct {
	Opportunity opportunity.Opportunity
	Rule        Rule
	FoundAt     time.Time
	Seen        []Step // the tags that the rule looks at, as they are: Before alone
	Steps       []Step // the proposed correction; empty: a person has to know
	Tags        string // what is confirmed or accepted stands for these tags
	Last        *Correction
}

// Query is which findings somebody wants to see. Empty is all.
type Query struct {
	Rules  []string
	Owners []string // Salesforce ids
	Open   bool     // of open deals only
	After  string
	Limit  int // 1 to 200; 50 if 0

	after findingRow
}

// Page is one page of findings, the oldest first; Next is the cursor of the next.
type Page struct {
	Rows []Finding
	Next string
}

var errCursor = problem.Invalid("after", "malformed", "This is not a cursor that this list gave: begin from the first page")

func cursor(f findingRow) string {
	return base64.RawURLEncoding.EncodeToString([]byte(f.FoundAt.UTC().Format(time.RFC3339Nano) + "\n" + f.OpportunityID + "\n" + f.Rule))
}

func parseCursor(text string) (findingRow, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.Split(string(b), "\n")
	if err != nil || len(parts) != 3 || !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return findingRow{}, errCursor
	}
	at, err := time.Parse(time.RFC3339Nano, parts[0])
	if err != nil {
		return findingRow{}, errCursor
	}
	return findingRow{FoundAt: at, OpportunityID: parts[1], Rule: parts[2]}, nil
}

// List gives a page of findings. Needs read.
func (s *Service) List(ctx context.Context, q Query) (Page, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Page{}, err
	}
	if len(q.Rules)+len(q.Owners) > 200 {
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
	rows, err := page(ctx, s.db, q, limit+1)
	if err != nil {
		return Page{}, err
	}
	var p Page
	if len(rows) > limit {
		rows = rows[:limit]
		p.Next = cursor(rows[limit-1])
	}
	p.Rows, err = s.fill(ctx, rows)
	return p, err
}

// Of gives the findings of one opportunity. Needs read.
func (s *Service) Of(ctx context.Context, opportunityID string) ([]Finding, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	rows, err := findingsOf(ctx, s.db, []string{opportunityID})
	if err != nil {
		return nil, err
	}
	return s.fill(ctx, rows)
}

// Counts gives how many deals each rule finds wrong. Needs read.
func (s *Service) Counts(ctx context.Context) ([]RuleCount, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return countByRule(ctx, s.db)
}

// fill reads what findings are about. One that no longer holds is left out: its deal
// is looked at again in the transaction that changed it.
func (s *Service) fill(ctx context.Context, rows []findingRow) ([]Finding, error) {
	var ids []string
	for _, r := range rows {
		if !slices.Contains(ids, r.OpportunityID) {
			ids = append(ids, r.OpportunityID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := opportunitiesOf(ctx, s.db, ids)
	if err != nil {
		return nil, err
	}
	l, err := s.lint(ctx, s.db, list)
	if err != nil {
		return nil, err
	}
	accounts, err := s.accounts(ctx, l.matcher)
	if err != nil {
		return nil, err
	}
	corrections, err := latestCorrections(ctx, s.db, ids)
	if err != nil {
		return nil, err
	}
	last := map[string]*Correction{}
	for i := range corrections {
		last[key(corrections[i].OpportunityID, corrections[i].Rule)] = &corrections[i]
	}
	var out []Finding
	for _, row := range rows {
		at := slices.IndexFunc(list, func(o opportunity.Opportunity) bool { return o.ID == row.OpportunityID })
		if at < 0 {
			continue
		}
		if f, ok := l.finding(&list[at], row.Rule, accounts); ok {
			f.FoundAt, f.Last = row.FoundAt, last[key(row.OpportunityID, row.Rule)]
			out = append(out, f)
		}
	}
	return out, nil
}

func (l *linter) finding(o *opportunity.Opportunity, rule string, accounts map[cloud.Cloud]Account) (Finding, bool) {
	for _, r := range l.wrong(o) {
		if r.ID != rule {
			continue
		}
		t := l.tags(o)
		f := Finding{Opportunity: *o, Rule: *r, Tags: t.Key(r)}
		f.Steps, _ = r.Correction(t, accounts)
		for _, c := range r.When {
			if !slices.ContainsFunc(f.Seen, func(s Step) bool { return s.Field == c.Field }) {
				f.Seen = append(f.Seen, Step{Field: c.Field, Before: t.Value(c.Field)})
			}
		}
		return f, true
	}
	return Finding{}, false
}

// partners remembers which accounts stand as partners: to find that reads every deal
// that has one.
type partners struct {
	mu   sync.Mutex
	list []namedAccount
	at   time.Time
}

// partnersFor is how long a correction may rest on what was found before.
const partnersFor = time.Minute

// accounts gives the account under which each cloud stands as a partner: the one
// that is used most, as it was found less than a minute ago.
func (s *Service) accounts(ctx context.Context, m *opportunity.Matcher) (map[cloud.Cloud]Account, error) {
	p := &s.partners
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := s.clock.Now(); p.at.IsZero() || now.Sub(p.at) >= partnersFor || now.Before(p.at) {
		list, err := partnerAccounts(ctx, s.db)
		if err != nil {
			return nil, err
		}
		p.list, p.at = list, now
	}
	out := map[cloud.Cloud]Account{}
	for _, a := range p.list {
		for _, c := range m.Named(a.Name) {
			if _, ok := out[c]; !ok {
				out[c] = Account(a)
			}
		}
	}
	return out, nil
}

// Accept is a person's word that a deal is tagged as it should be, for as long as
// its tags stay as they are: the finding goes. tags are those that the person saw.
// Needs update.
func (s *Service) Accept(ctx context.Context, opportunityID, rule, tags, reason string) error {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > 500 {
		return problem.Invalid("reason", "length", "Say in 1 to 500 characters why it is right: the next person will ask")
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		f, err := s.present(ctx, tx, opportunityID, rule, tags)
		if err != nil {
			return err
		}
		if err := saveAccepted(ctx, tx, acceptedRow{OpportunityID: opportunityID, Rule: rule, Tags: f.Tags, Reason: reason, By: actor.Name, At: tx.Now()}); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "tagging.accept", opportunityID, map[string]any{"rule": rule, "reason": reason}); err != nil {
			return err
		}
		return removeFinding(ctx, tx, opportunityID, rule)
	})
}

// Reopen takes an Accept back. Needs update.
func (s *Service) Reopen(ctx context.Context, opportunityID, rule string) error {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return err
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		o, err := opportunity.ByID(ctx, tx, opportunityID)
		if err != nil {
			return err
		}
		was, err := deleteAccepted(ctx, tx, opportunityID, rule)
		if err != nil {
			return err
		}
		if !was {
			return problem.NotFound("accepted tagging", rule)
		}
		if err := audit.Record(ctx, tx, "tagging.reopen", opportunityID, map[string]any{"rule": rule}); err != nil {
			return err
		}
		return s.Check(ctx, tx, []opportunity.Opportunity{o})
	})
}

// present gives a finding as it is, if the tags are still those that somebody saw.
func (s *Service) present(ctx context.Context, tx *db.Tx, opportunityID, rule, tags string) (Finding, error) {
	o, err := opportunity.ByID(ctx, tx, opportunityID)
	if err != nil {
		return Finding{}, err
	}
	l, err := s.lint(ctx, tx, []opportunity.Opportunity{o})
	if err != nil {
		return Finding{}, err
	}
	accounts, err := s.accounts(ctx, l.matcher)
	if err != nil {
		return Finding{}, err
	}
	f, ok := l.finding(&o, rule, accounts)
	if !ok {
		return Finding{}, problem.NotFound("finding", rule)
	}
	if f.Tags != tags {
		stale := problem.Precondition("tagging", opportunityID)
		stale.Code, stale.Message = "moved_on", fmt.Sprintf("The tags of %s changed while you were deciding, and nothing was done: look at them as they are now", o.Name)
		return Finding{}, stale
	}
	return f, nil
}
