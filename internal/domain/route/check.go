package route

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// evidence is all that claims of some deals rest on.
type evidence struct {
	rules   Rules
	matcher *opportunity.Matcher
	joint   map[string][]opportunity.Joint
	regs    map[string][]registration.Registration
	won     map[string][]wonRow // by account, the latest first
}

func (s *Service) gather(ctx context.Context, q db.Queryer, list []opportunity.Opportunity) (*evidence, error) {
	var e evidence
	var err error
	if e.rules, _, err = setting.Load(ctx, q, RulesSetting, DefaultRules()); err != nil {
		return nil, err
	}
	if e.matcher, err = s.opportunities.Matcher(ctx, q); err != nil {
		return nil, err
	}
	ids, accounts := idsOf(list), accountsOf(list)
	if e.joint, err = opportunity.JointOf(ctx, q, ids); err != nil {
		return nil, err
	}
	if e.regs, err = registration.ByOpportunities(ctx, q, ids); err != nil {
		return nil, err
	}
	e.won = map[string][]wonRow{}
	if len(accounts) == 0 {
		return &e, nil
	}
	rows, err := wonDeals(ctx, q, accounts)
	for _, r := range rows {
		e.won[r.AccountCRMID] = append(e.won[r.AccountCRMID], r)
	}
	return &e, err
}

func idsOf(list []opportunity.Opportunity) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}

func accountsOf(list []opportunity.Opportunity) []string {
	var out []string
	for i := range list {
		if a := list[i].AccountCRMID; a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

func (e *evidence) tags(o *opportunity.Opportunity) tagging.Tags {
	return tagging.TagsOf(o, opportunity.JointWith(e.joint[o.ID]), e.matcher.Named)
}

// claims gives who claims a deal: the clouds first, then the partners, then our own
// sale.
func (e *evidence) claims(o *opportunity.Opportunity) Claims {
	b := claimsBuilder{matcher: e.matcher}
	b.partner(o.FulfillmentPartner, Ground{Basis: BasisResale, Field: "Resale partner", Detail: track(o.ResaleTrack)})
	b.partner(o.DRPartner, Ground{Basis: BasisDealRegistration, Field: "DR partner", Detail: o.DRDealType})
	b.partner(o.Distributor, Ground{Basis: BasisDistributor, Field: "Distributor"})
	if w := e.incumbent(o); w != nil {
		b.partner(w.Partner, Ground{Basis: BasisIncumbent, Field: "Resale partner of the last won deal", Detail: w.Name, DealID: w.ID, Since: w.CloseOn.Time()})
	}
	for _, j := range e.joint[o.ID] {
		if !j.Joint {
			continue
		}
		g := Ground{Basis: BasisJointRule, Field: "Joint with", Value: j.Cloud.Label(), Detail: j.Why, Since: j.DecidedAt}
		if j.Source == opportunity.SourcePerson {
			g.Basis, g.Detail = BasisJointPerson, j.DecidedBy+": "+j.Why
		}
		b.add(CloudParty(j.Cloud), g)
	}
	for _, r := range e.regs[o.ID] {
		if r.RemoteID == "" || r.State == registration.StateClosedLost || r.State == registration.StateRejected {
			continue
		}
		b.add(CloudParty(r.Cloud), Ground{
			Basis: BasisRegistered, Field: r.Cloud.Portal(), Value: r.RemoteID, Detail: r.State.Label(), RegistrationID: r.ID, RemoteID: r.RemoteID, Since: r.CreatedRemoteAt,
		})
	}
	if strings.EqualFold(o.DealPath, "Direct") || strings.EqualFold(o.DealPath, "Web Direct") {
		b.add(PartyDirect, Ground{Basis: BasisDirect, Field: "Deal path", Value: o.DealPath, Detail: o.Stage})
	}
	return b.sorted()
}

// incumbent gives the account's last won deal before this one, if a partner sold it.
func (e *evidence) incumbent(o *opportunity.Opportunity) *wonRow {
	for i, w := range e.won[o.AccountCRMID] {
		if w.ID == o.ID {
			continue
		}
		if w.Partner == "" {
			return nil
		}
		return &e.won[o.AccountCRMID][i]
	}
	return nil
}

func track(name string) string {
	if name == "" {
		return ""
	}
	return "track " + name
}

type claimsBuilder struct {
	matcher *opportunity.Matcher
	list    Claims
}

func (b *claimsBuilder) add(p Party, g Ground) {
	if c := b.list.of(p.Key()); c != nil {
		c.Grounds = append(c.Grounds, g)
		return
	}
	b.list = append(b.list, Claim{Party: p, Grounds: []Ground{g}})
}

// partner adds the ground of whom a partner's name means: a cloud, or the partner
// itself.
func (b *claimsBuilder) partner(name string, g Ground) {
	if strings.TrimSpace(name) == "" {
		return
	}
	g.Value = name
	clouds := b.matcher.Named(name)
	for _, c := range clouds {
		b.add(CloudParty(c), g)
	}
	if len(clouds) == 0 {
		b.add(Party{Side: SidePartner, Name: name}, g)
	}
}

func (b *claimsBuilder) sorted() Claims {
	place := func(c Claim) int {
		switch c.Party.Side {
		case SideCloud:
			return slices.Index(cloud.All(), c.Party.Cloud)
		case SidePartner:
			return 100
		}
		return 200
	}
	slices.SortStableFunc(b.list, func(x, y Claim) int { return place(x) - place(y) })
	return b.list
}

// found is what one rule finds of one deal.
type found struct {
	rule  *Rule
	sides Claims
}

// find gives the conflicts of a deal. A rule that is off counts only where decided
// says that a person decided by it: turning it off takes no decision back.
func (e *evidence) find(o *opportunity.Opportunity, decided map[string]bool) []found {
	if o.Deleted || o.Closed {
		return nil
	}
	t, all := e.tags(o), e.claims(o)
	if len(all) < 2 {
		return nil
	}
	var out []found
	for i := range e.rules {
		r := &e.rules[i]
		if !r.Enabled && !decided[r.ID] {
			continue
		}
		sides := r.finds(t, all)
		if len(sides) == 0 || slices.ContainsFunc(out, func(f found) bool { return sides.within(f.sides) }) {
			continue
		}
		out = append(out, found{rule: r, sides: sides})
	}
	return out
}

// Check looks at opportunities, at most db.MaxIn of them, and opens, keeps current,
// reopens and ends their conflicts. The open deals of an account whose won deals are
// among them are looked at too: they have another incumbent.
func (s *Service) Check(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
	if len(list) == 0 {
		return nil
	}
	if err := s.check(ctx, tx, list); err != nil {
		return err
	}
	var accounts []string
	for i := range list {
		if o := &list[i]; o.Won && o.AccountCRMID != "" && !slices.Contains(accounts, o.AccountCRMID) {
			accounts = append(accounts, o.AccountCRMID)
		}
	}
	if len(accounts) == 0 {
		return nil
	}
	open, err := openDealsOf(ctx, tx, accounts)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range list {
		seen[list[i].ID] = true
	}
	open = slices.DeleteFunc(open, func(o opportunity.Opportunity) bool { return seen[o.ID] })
	for some := range slices.Chunk(open, db.MaxIn) {
		if err := s.check(ctx, tx, some); err != nil {
			return err
		}
	}
	return nil
}

// Concerned reports whether what happened to a registration is evidence of a route: a
// deal that more than one cloud works, or that is in conflict, came into a portal or
// left the partner's hands. Its routes are to be looked at after the transaction.
func (s *Service) Concerned(ctx context.Context, q db.Queryer, e registration.Event) (bool, error) {
	switch e.Kind {
	case "registered", "linked", "rejected", "closed_lost":
	default:
		return false, nil
	}
	id := e.Registration.OpportunityID
	joint, err := opportunity.JointOf(ctx, q, []string{id})
	if err != nil || len(opportunity.JointWith(joint[id])) > 1 {
		return err == nil, err
	}
	list, err := ofDeals(ctx, q, []string{id})
	return len(list) > 0, err
}

// CheckDeal is Check of one deal, after its registrations changed.
func (s *Service) CheckDeal(ctx context.Context, opportunityID string) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		o, err := opportunity.ByID(ctx, tx, opportunityID)
		if err != nil {
			return err
		}
		return s.check(ctx, tx, []opportunity.Opportunity{o})
	})
}

// CheckAll looks at every opportunity.
func (s *Service) CheckAll(ctx context.Context) error {
	return s.sweep(ctx, func(list []opportunity.Opportunity) error {
		return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return s.check(ctx, tx, list) })
	})
}

func (s *Service) sweep(ctx context.Context, fn func([]opportunity.Opportunity) error) error {
	after := ""
	for {
		list, err := dealsAfter(ctx, s.db, after, db.MaxIn)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := fn(list); err != nil {
			return err
		}
		after = list[len(list)-1].ID
	}
}

func (s *Service) check(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
	ids := idsOf(list)
	standing, err := lockOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	e, err := s.gather(ctx, tx, list)
	if err != nil {
		return err
	}
	of := map[string][]Conflict{}
	for _, c := range standing {
		of[c.OpportunityID] = append(of[c.OpportunityID], c)
	}
	for i := range list {
		if err := s.settleDeal(ctx, tx, &list[i], e, of[list[i].ID]); err != nil {
			return err
		}
	}
	return nil
}

// settleDeal lays what the rules find of a deal beside the conflicts that stand.
func (s *Service) settleDeal(ctx context.Context, tx *db.Tx, o *opportunity.Opportunity, e *evidence, standing []Conflict) error {
	decided, byRule := map[string]bool{}, map[string]*Conflict{}
	for i := range standing {
		c := &standing[i]
		decided[c.Rule], byRule[c.Rule] = c.State == StateDecided, c
	}
	rerouted := false
	for _, f := range e.find(o, decided) {
		c := byRule[f.rule.ID]
		delete(byRule, f.rule.ID)
		var moved bool
		var err error
		if c == nil {
			moved, err = s.open(ctx, tx, o, f)
		} else {
			moved, err = s.renew(ctx, tx, c, f)
		}
		if err != nil {
			return err
		}
		rerouted = rerouted || moved
	}
	for _, c := range byRule {
		if c.State == StateEnded {
			continue
		}
		if err := s.end(ctx, tx, c, e.gone(o, c)); err != nil {
			return err
		}
		rerouted = true
	}
	if !rerouted {
		return nil
	}
	return s.registrations.Rerouted(ctx, tx, o.ID)
}

// gone says why a conflict ends.
func (e *evidence) gone(o *opportunity.Opportunity, c *Conflict) string {
	i := slices.IndexFunc(e.rules, func(r Rule) bool { return r.ID == c.Rule })
	switch {
	case o.Deleted:
		return "The deal was deleted in Salesforce"
	case o.Won:
		return "The deal is won"
	case o.Closed:
		return "The deal is closed"
	case i < 0:
		return "The rule is no longer there"
	case !e.rules[i].Enabled:
		return "The rule was turned off"
	}
	return "The claims no longer exclude each other"
}

func (s *Service) open(ctx context.Context, tx *db.Tx, o *opportunity.Opportunity, f found) (bool, error) {
	c := Conflict{ID: id.New("rtc"), OpportunityID: o.ID, Rule: f.rule.ID, State: StateOpen, OpenedAt: tx.Now()}
	c.DueOn = date.Of(tx.Now()).AddWorkingDays(f.rule.Days)
	c.take(f)
	made, err := insert(ctx, tx, &c)
	if err != nil || !made {
		return false, err
	}
	return true, s.tell(authz.With(ctx, authz.System), tx, &c, "opened", fmt.Sprintf("Route conflict: %s claim this deal", f.sides.names()), c.Title)
}

// take copies what a rule finds into the conflict.
func (c *Conflict) take(f found) {
	r := f.rule
	c.Kind, c.Title, c.Why, c.Source, c.Verified, c.Holds = r.Kind, r.Title, r.Why, r.Source, r.Verified, r.Holds
	c.Claims, c.Clouds = db.NewJSON(f.sides), f.sides.clouds()
	c.Proposal, c.ProposalWhy = r.proposal(f.sides), ""
	if c.Proposal != "" {
		c.ProposalWhy = r.WinsWhy
	}
}

// renew keeps a conflict that stands current. moved says that what may be registered
// changed with it.
func (s *Service) renew(ctx context.Context, tx *db.Tx, c *Conflict, f found) (moved bool, err error) {
	before := *c
	c.take(f)
	fresh := news(before.Claims.V, f.sides)
	line := Line{Kind: "changed", Subject: "The evidence changed", Body: fresh}
	switch {
	case before.State == StateEnded && c.Winner != "" && f.sides.within(c.DecidedClaims.V):
		c.State, line.Subject, line.Body = StateDecided, "The claims are back, and the decision holds", ""
	case before.State == StateEnded:
		c.State, line = StateOpen, Line{Kind: "reopened", Subject: "The claims are back: " + f.sides.names()}
		if c.Winner != "" {
			c.State = StateReopened
		}
		c.DueOn = date.Of(tx.Now()).AddWorkingDays(f.rule.Days)
	case before.State == StateDecided:
		if against := c.against(f.sides); against != "" {
			c.State, line = StateReopened, Line{Kind: "reopened", Subject: "New evidence against the decision: " + against}
			c.DueOn = date.Of(tx.Now()).AddWorkingDays(f.rule.Days)
		}
	}
	if c.State != before.State {
		c.EndedAt, c.EndedWhy = time.Time{}, ""
	}
	if reflect.DeepEqual(&before, c) {
		return false, nil
	}
	if err := update(ctx, tx, c); err != nil {
		return false, err
	}
	if c.State != before.State || fresh != "" {
		if err := s.tell(authz.With(ctx, authz.System), tx, c, line.Kind, line.Subject, line.Body); err != nil {
			return false, err
		}
	}
	if c.State != before.State {
		if err := s.approvals.Overtake(ctx, tx, c.ID, line.Subject); err != nil {
			return false, err
		}
	}
	return c.State != before.State || c.Holds != before.Holds || c.Clouds != before.Clouds, nil
}

// against says in words which evidence of the claims speaks against the decision and
// was not there when it was made, "" for none: another claimant, or another ground of
// a losing one. What the portals say of the deal is none: it follows from the
// decision.
func (c *Conflict) against(now Claims) string {
	var words []string
	for _, claim := range now {
		key := claim.Party.Key()
		then := c.DecidedClaims.V.of(key)
		switch {
		case then == nil:
			words = append(words, claim.Party.Label()+" claims the deal")
		case key != c.Winner && c.Winner != WinnerAll:
			for _, g := range claim.Grounds {
				known := slices.ContainsFunc(then.Grounds, func(h Ground) bool { return h.same(g) })
				if !known && g.Basis != BasisRegistered && g.Basis != BasisJointRule && g.Basis != BasisJointPerson {
					words = append(words, fmt.Sprintf("%s of %s is %s", strings.ToLower(g.Basis.Label()), claim.Party.Label(), g.Value))
				}
			}
		}
	}
	return strings.Join(words, "; ")
}

// news says in words what is new among the claims, and who is no longer there.
func news(before, now Claims) string {
	var words []string
	for _, c := range now {
		was := before.of(c.Party.Key())
		if was == nil {
			words = append(words, c.Party.Label()+" claims the deal")
			continue
		}
		for _, g := range c.Grounds {
			if !slices.ContainsFunc(was.Grounds, func(h Ground) bool { return h.same(g) }) {
				words = append(words, fmt.Sprintf("%s: %s “%s”", c.Party.Label(), g.Basis.Label(), g.Value))
			}
		}
	}
	for _, c := range before {
		if now.of(c.Party.Key()) == nil {
			words = append(words, c.Party.Label()+" no longer claims the deal")
		}
	}
	return strings.Join(words, "\n")
}

func (s *Service) end(ctx context.Context, tx *db.Tx, c *Conflict, why string) error {
	c.State, c.EndedAt, c.EndedWhy = StateEnded, tx.Now(), why
	if err := update(ctx, tx, c); err != nil {
		return err
	}
	if err := s.approvals.Overtake(ctx, tx, c.ID, why); err != nil {
		return err
	}
	return s.tell(authz.With(ctx, authz.System), tx, c, "ended", "Route conflict over: "+why, "")
}

// tell keeps a line of the conflict's history, on the timeline of its deal and in
// the audit log, as said by the actor of ctx.
func (s *Service) tell(ctx context.Context, tx *db.Tx, c *Conflict, kind, subject, body string) error {
	actor, ok := authz.From(ctx)
	if !ok {
		actor = authz.System
	}
	if err := addLine(ctx, tx, &Line{ID: id.New("rtl"), ConflictID: c.ID, At: tx.Now(), Kind: kind, Subject: subject, Body: body, ActorName: actor.Name}); err != nil {
		return err
	}
	detail := map[string]any{"opportunity": c.OpportunityID, "rule": c.Rule, "subject": subject, "claims": c.Claims.V}
	if c.State == StateDecided {
		detail["winner"], detail["reason"] = c.Winner, c.Reason
	}
	if err := audit.Record(ctx, tx, "route."+kind, c.ID, detail); err != nil {
		return err
	}
	return s.activities.Note(ctx, tx, activity.Activity{OpportunityID: c.OpportunityID, Kind: activity.Kind("route_" + kind), Subject: subject, Body: body})
}
