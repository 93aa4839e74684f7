package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// RouteConflict is a deal that two sides or more claim, by a rule.
type RouteConflict struct {
	ID            string         `json:"id" example:"rtc_01jn8m5q4se9tvd6dy1v9k2r5c"`
	OpportunityID string         `json:"opportunity_id"`
	Name          string         `json:"name"`
	AccountName   string         `json:"account_name"`
	OwnerName     string         `json:"owner_name"`
	Amount        *Money         `json:"amount"`
	Rule          string         `json:"rule"`
	Kind          string         `json:"kind" enum:"two_clouds,second_cloud,reseller_of_record,incumbent_at_renewal,existing_registration,direct_quote"`
	Title         string         `json:"title"`
	Why           string         `json:"why"`
	Source        string         `json:"source" doc:"Where the rule stands."`
	Verified      bool           `json:"verified"`
	Holds         bool           `json:"holds" doc:"What is not registered yet waits for the decision."`
	State         string         `json:"state" enum:"open,reopened,decided,ended"`
	DueOn         string         `json:"due_on" doc:"The day by which it is to be decided."`
	OpenedAt      time.Time      `json:"opened_at"`
	EndedAt       *time.Time     `json:"ended_at,omitempty"`
	EndedWhy      string         `json:"ended_why,omitempty"`
	Claims        []RouteClaim   `json:"claims" nullable:"false" doc:"The evidence as it is."`
	Proposal      string         `json:"proposal" doc:"The key of the party that wins by default, or empty."`
	ProposalWhy   string         `json:"proposal_why"`
	Decision      *RouteDecision `json:"decision,omitempty" doc:"The last decision, also of one that was reopened."`
	Version       int64          `json:"version"`
}

// RouteClaim is one party's claim.
type RouteClaim struct {
	Party   string        `json:"party" example:"cloud:aws" doc:"The key of the party."`
	Label   string        `json:"label" example:"AWS"`
	Grounds []RouteGround `json:"grounds" nullable:"false"`
}

// RouteGround is one piece of evidence.
type RouteGround struct {
	Basis          string     `json:"basis" enum:"resale,deal_registration,distributor,incumbent,direct,registered,joint_rule,joint_person"`
	Field          string     `json:"field"`
	Value          string     `json:"value"`
	Detail         string     `json:"detail,omitempty"`
	OpportunityID  string     `json:"opportunity_id,omitempty" doc:"Of an incumbent: the deal that was won."`
	RegistrationID string     `json:"registration_id,omitempty"`
	RemoteID       string     `json:"remote_id,omitempty"`
	Since          *time.Time `json:"since,omitempty"`
}

// RouteDecision is what somebody decided, and the evidence as it was then.
type RouteDecision struct {
	Winner        string       `json:"winner" doc:"The key of a party, or all."`
	Reason        string       `json:"reason"`
	OurStep       string       `json:"our_step"`
	OurStepOn     string       `json:"our_step_on"`
	TheirStep     string       `json:"their_step"`
	TheirStepOn   string       `json:"their_step_on"`
	DecidedByName string       `json:"decided_by_name"`
	DecidedAt     time.Time    `json:"decided_at"`
	Claims        []RouteClaim `json:"claims" nullable:"false"`
}

// RouteDecided is a conflict after a decision, or the request that a Director has to
// decide on first.
type RouteDecided struct {
	Conflict RouteConflict `json:"conflict"`
	Approval *Approval     `json:"approval,omitempty" doc:"It waits for a Director."`
}

// RouteHistory is a conflict with its history, the newest line first.
type RouteHistory struct {
	RouteConflict
	Lines []RouteLine `json:"history" nullable:"false"`
}

// RouteLine is one line of a history.
type RouteLine struct {
	At        time.Time `json:"at"`
	Kind      string    `json:"kind" enum:"opened,changed,decided,reopened,ended"`
	Subject   string    `json:"subject"`
	Body      string    `json:"body,omitempty"`
	ActorName string    `json:"actor_name"`
}

func claimsOf(list route.Claims) []RouteClaim {
	return mapped(list, func(c *route.Claim) RouteClaim {
		return RouteClaim{Party: c.Party.Key(), Label: c.Party.Label(), Grounds: mapped(c.Grounds, func(g *route.Ground) RouteGround {
			return RouteGround{Basis: string(g.Basis), Field: g.Field, Value: g.Value, Detail: g.Detail, OpportunityID: g.DealID, RegistrationID: g.RegistrationID, RemoteID: g.RemoteID, Since: at(g.Since)}
		})}
	})
}

func routeOf(x *route.Row) RouteConflict {
	c, o := &x.Conflict, &x.Opportunity
	out := RouteConflict{
		ID: c.ID, OpportunityID: c.OpportunityID, Name: o.Name, AccountName: o.AccountName, OwnerName: o.OwnerName, Amount: moneyOf(o.Amount()), Rule: c.Rule, Kind: string(c.Kind),
		Title: c.Title, Why: c.Why, Source: c.Source, Verified: c.Verified, Holds: c.Holds, State: string(c.State), DueOn: string(c.DueOn), OpenedAt: c.OpenedAt,
		EndedAt: at(c.EndedAt), EndedWhy: c.EndedWhy, Claims: claimsOf(c.Claims.V), Proposal: c.Proposal, ProposalWhy: c.ProposalWhy, Version: c.Version,
	}
	if c.Winner != "" {
		out.Decision = &RouteDecision{
			Winner: c.Winner, Reason: c.Reason, OurStep: c.OurStep, OurStepOn: string(c.OurStepOn), TheirStep: c.TheirStep, TheirStepOn: string(c.TheirStepOn),
			DecidedByName: c.DecidedByName, DecidedAt: c.DecidedAt, Claims: claimsOf(c.DecidedClaims.V),
		}
	}
	return out
}

type routesInput struct {
	State []string `query:"state,explode" nullable:"false" enum:"open,reopened,decided,ended"`
	Kind  []string `query:"kind,explode" nullable:"false" enum:"two_clouds,second_cloud,reseller_of_record,incumbent_at_renewal,existing_registration,direct_quote"`
	Cloud []string `query:"cloud,explode" nullable:"false" enum:"aws,azure,gcp"`
	Owner []string `query:"owner,explode" nullable:"false" doc:"Salesforce ids."`
	After string   `query:"after" doc:"The cursor next of the page before."`
	Limit int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type decideRouteInput struct {
	Repeatable
	Versioned
	ID   string `path:"id"`
	Body struct {
		Winner      string `json:"winner" doc:"The key of a party that claims the deal, or all." example:"cloud:aws"`
		Reason      string `json:"reason" minLength:"1" maxLength:"2000"`
		OurStep     string `json:"our_step,omitempty" maxLength:"500"`
		OurStepOn   string `json:"our_step_on,omitempty" doc:"A day." example:"2026-12-01"`
		TheirStep   string `json:"their_step,omitempty" maxLength:"500"`
		TheirStepOn string `json:"their_step_on,omitempty" doc:"A day."`
	}
}

type reopenRouteInput struct {
	Repeatable
	Versioned
	ID   string `path:"id"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type routeDecided struct {
	Status int
	Body   RouteDecided
}

// RouteRules is the rules of route conflicts with the version of the setting.
type RouteRules struct {
	Rules     []RouteRule      `json:"rules" nullable:"false"`
	Found     map[string]int64 `json:"found,omitempty" doc:"Of a dry run: how many open deals each rule would find."`
	Version   int64            `json:"version"`
	UpdatedBy string           `json:"updated_by,omitempty"`
	UpdatedAt *time.Time       `json:"updated_at,omitempty"`
}

// RouteRule finds one sort of route conflict.
type RouteRule struct {
	ID        string    `json:"id" example:"two_clouds"`
	Enabled   bool      `json:"enabled"`
	Kind      string    `json:"kind" enum:"two_clouds,second_cloud,reseller_of_record,incumbent_at_renewal,existing_registration,direct_quote"`
	Title     string    `json:"title"`
	Why       string    `json:"why"`
	Source    string    `json:"source,omitempty"`
	Verified  bool      `json:"verified"`
	When      []TagWhen `json:"when" nullable:"false" doc:"Only deals of which all hold."`
	Days      int       `json:"days" doc:"Working days until it is to be decided."`
	Holds     bool      `json:"holds"`
	Wins      string    `json:"wins,omitempty" doc:"The side whose claim rests on this basis wins by default."`
	WinsWhy   string    `json:"wins_why,omitempty"`
	OurStep   string    `json:"our_step,omitempty"`
	TheirStep string    `json:"their_step,omitempty"`
}

func routeRuleOf(r *route.Rule) RouteRule {
	return RouteRule{
		ID: r.ID, Enabled: r.Enabled, Kind: string(r.Kind), Title: r.Title, Why: r.Why, Source: r.Source, Verified: r.Verified, Days: r.Days, Holds: r.Holds,
		Wins: string(r.Wins), WinsWhy: r.WinsWhy, OurStep: r.OurStep, TheirStep: r.TheirStep, When: mapped(r.When, whenOf),
	}
}

func routeRuleFrom(r *RouteRule) route.Rule {
	return route.Rule{
		ID: r.ID, Enabled: r.Enabled, Kind: route.Kind(r.Kind), Title: r.Title, Why: r.Why, Source: r.Source, Verified: r.Verified, Days: r.Days, Holds: r.Holds,
		Wins: route.Basis(r.Wins), WinsWhy: r.WinsWhy, OurStep: r.OurStep, TheirStep: r.TheirStep, When: mapped(r.When, whenFrom),
	}
}

func whenOf(c *tagging.Condition) TagWhen { return TagWhen{string(c.Field), string(c.Op), c.Values} }

func whenFrom(c *TagWhen) tagging.Condition {
	return tagging.Condition{Field: tagging.Field(c.Field), Op: tagging.Op(c.Op), Values: c.Values}
}

func (s *server) registerRoutes() {
	const group = "Route conflicts"
	add(s, operation{id: "list-route-conflicts", method: http.MethodGet, path: "/route-conflicts", tag: group, summary: "List the deals that two sides claim, those to be decided first", action: authz.ActionRead}, s.routeConflicts)
	add(s, operation{id: "get-route-conflict", method: http.MethodGet, path: "/route-conflicts/{id}", tag: group, summary: "Get a route conflict with its evidence and history", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"rtc_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[RouteHistory], error) {
			d, err := s.app.Routes.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return recordOf(d.Conflict.Version, RouteHistory{RouteConflict: routeOf(&d.Row), Lines: mapped(d.Lines, func(l *route.Line) RouteLine {
				return RouteLine{At: l.At, Kind: l.Kind, Subject: l.Subject, Body: l.Body, ActorName: l.ActorName}
			})})
		})
	add(s, operation{
		id: "decide-route-conflict", method: http.MethodPost, path: "/route-conflicts/{id}/decide", tag: group, summary: "Decide by whose route a deal goes", action: authz.ActionDecideRoute, ifMatch: true,
		also:  []int{http.StatusAccepted, http.StatusNotFound, http.StatusPreconditionFailed},
		about: "With If-Match only what you saw is decided: what somebody decided meanwhile, and evidence that changed, is 412 moved_on. Who may not decide alone is answered 202 with the request for a Director. Nothing is registered on a route that lost.",
	}, s.decideRoute)
	add(s, operation{
		id: "reopen-route-conflict", method: http.MethodPost, path: "/route-conflicts/{id}/reopen", tag: group, summary: "Have a route decided again", action: authz.ActionDecideRoute, ifMatch: true,
		also: []int{http.StatusAccepted, http.StatusNotFound, http.StatusPreconditionFailed},
	}, s.reopenRoute)
	add(s, operation{id: "get-route-rules", method: http.MethodGet, path: "/settings/route-rules", tag: "Settings", summary: "Get the rules of route conflicts", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[RouteRules], error) {
			return s.routeRules(ctx)
		})
	add(s, operation{
		id: "put-route-rules", method: http.MethodPut, path: "/settings/route-rules", tag: "Settings", summary: "Change the rules of route conflicts", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "All rules are replaced, and every deal is looked at again. Needs If-Match with the ETag of the setting as you read it, or *. With dry_run, found says how many open deals the rules would find, and nothing is changed.",
	}, s.putRouteRules)
}

func (s *server) routeConflicts(ctx context.Context, in *routesInput) (*listed[RouteConflict], error) {
	p, err := s.app.Routes.List(ctx, route.Query{
		States: mapped(in.State, func(x *string) route.State { return route.State(*x) }), Kinds: mapped(in.Kind, func(x *string) route.Kind { return route.Kind(*x) }),
		Clouds: mapped(in.Cloud, func(x *string) cloud.Cloud { return cloud.Cloud(*x) }), Owners: in.Owner, After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	out := &listed[RouteConflict]{Body: Page[RouteConflict]{Next: p.Next, Items: mapped(p.Rows, routeOf)}}
	if p.Next != "" {
		v := url.Values{"state": in.State, "kind": in.Kind, "cloud": in.Cloud, "owner": in.Owner, "limit": {strconv.Itoa(in.Limit)}, "after": {p.Next}}
		out.Link, out.Body.NextLink = link("/route-conflicts", v.Encode())
	}
	return out, nil
}

func (s *server) decideRoute(ctx context.Context, in *decideRouteInput) (*routeDecided, error) {
	version, _, err := versionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	b := in.Body
	res, err := s.app.Routes.Decide(ctx, in.ID, version, route.Decision{
		Winner: b.Winner, Reason: b.Reason, OurStep: b.OurStep, OurStepOn: date.Date(b.OurStepOn), TheirStep: b.TheirStep, TheirStepOn: date.Date(b.TheirStepOn),
	})
	return s.routeAnswer(ctx, in.ID, res, err)
}

func (s *server) reopenRoute(ctx context.Context, in *reopenRouteInput) (*routeDecided, error) {
	version, _, err := versionOf(in.IfMatch)
	if err != nil {
		return nil, err
	}
	res, err := s.app.Routes.Reopen(ctx, in.ID, version, in.Body.Reason)
	return s.routeAnswer(ctx, in.ID, res, err)
}

func (s *server) routeAnswer(ctx context.Context, id string, res route.Result, err error) (*routeDecided, error) {
	if err != nil {
		return nil, err
	}
	d, err := s.app.Routes.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &routeDecided{Status: http.StatusOK, Body: RouteDecided{Conflict: routeOf(&d.Row), Approval: approvalPtr(res.Waiting)}}
	if res.Waiting != nil {
		out.Status = http.StatusAccepted
	}
	return out, nil
}

func (s *server) routeRules(ctx context.Context) (*record[RouteRules], error) {
	rules, row, err := s.app.Routes.Rules(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, RouteRules{Rules: mapped(rules, routeRuleOf), Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)})
}

func (s *server) putRouteRules(ctx context.Context, in *struct {
	Repeatable
	Versioned
	DryRun bool `query:"dry_run" doc:"Say what the rules would find, and change nothing."`
	Body   struct {
		Rules []RouteRule `json:"rules" nullable:"false" maxItems:"50"`
	}
},
) (*record[RouteRules], error) {
	rules := route.Rules(mapped(in.Body.Rules, routeRuleFrom))
	if in.DryRun {
		found, err := s.app.Routes.Preview(ctx, rules)
		if err != nil {
			return nil, err
		}
		return recordOf(0, RouteRules{Rules: in.Body.Rules, Found: found})
	}
	version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
		_, row, err := s.app.Routes.Rules(ctx)
		return row, err
	})
	if err != nil {
		return nil, err
	}
	if err := s.app.Routes.SetRules(ctx, rules, version); err != nil {
		return nil, err
	}
	return s.routeRules(ctx)
}
