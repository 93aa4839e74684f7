package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// OpportunityRow is one line of the list of opportunities.
type OpportunityRow struct {
	ID          string    `json:"id" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c"`
	CRMID       string    `json:"crm_id" example:"006000000000001AAA"`
	Name        string    `json:"name"`
	AccountID   string    `json:"account_id"`
	AccountName string    `json:"account_name"`
	Stage       string    `json:"stage" doc:"Salesforce's word."`
	Closed      bool      `json:"closed"`
	Won         bool      `json:"won"`
	CloseOn     string    `json:"close_on" example:"2026-09-30" doc:"A day, or empty."`
	Amount      *Money    `json:"amount"`
	OrderType   string    `json:"order_type"`
	Segment     string    `json:"segment"`
	Geo         string    `json:"geo"`
	Region      string    `json:"region"`
	OwnerCRMID  string    `json:"owner_crm_id"`
	OwnerName   string    `json:"owner_name"`
	CRMModstamp time.Time `json:"crm_modstamp"`
	Clouds      []OnCloud `json:"clouds" nullable:"false" doc:"The clouds it is joint with or registered at."`
}

// OnCloud is how an opportunity stands at one cloud.
type OnCloud struct {
	Cloud    string `json:"cloud" enum:"aws,azure,gcp"`
	State    string `json:"state" doc:"Of its registration; empty is joint and not registered."`
	Blocking int64  `json:"blocking"`
	RemoteID string `json:"remote_id"`
}

func rowOf(r *workspace.Row) OpportunityRow {
	return OpportunityRow{
		ID: r.ID, CRMID: r.CRMID, Name: r.Name, AccountID: r.AccountID, AccountName: r.AccountName, Stage: r.Stage, Closed: r.Closed,
		Won: r.Won, CloseOn: string(r.CloseOn), Amount: moneyOf(r.Amount()), OrderType: r.OrderType, Segment: r.Segment, Geo: r.Geo, Region: r.Region,
		OwnerCRMID: r.OwnerCRMID, OwnerName: r.OwnerName, CRMModstamp: r.CRMModstamp,
		Clouds: mapped(r.Clouds, func(c *workspace.RowCloud) OnCloud {
			return OnCloud{Cloud: string(c.Cloud), State: string(c.State), Blocking: c.Blocking, RemoteID: c.RemoteID}
		}),
	}
}

// OpportunityFilters are the filters of lists of opportunities, as workspace.ParseQuery
// reads them.
type OpportunityFilters struct {
	Q         string   `query:"q" maxLength:"200" doc:"In the name of the opportunity or its account."`
	Cloud     []string `query:"cloud,explode" nullable:"false" enum:"aws,azure,gcp" doc:"Joint with one of these."`
	State     []string `query:"state,explode" nullable:"false" doc:"A registration is in one of these states; none: there is no registration, at the clouds of the filter where it is joint with them, else at any."`
	Account   []string `query:"account,explode" nullable:"false" doc:"Ids of accounts, or their Salesforce ids."`
	Stage     []string `query:"stage,explode" nullable:"false" doc:"Salesforce's stages, verbatim."`
	Geo       []string `query:"geo,explode" nullable:"false"`
	Region    []string `query:"region,explode" nullable:"false"`
	Segment   []string `query:"segment,explode" nullable:"false"`
	OrderType []string `query:"order_type,explode" nullable:"false"`
	Owner     []string `query:"owner,explode" nullable:"false" doc:"Salesforce ids of the owners."`
	Open      string   `query:"open" enum:"open,closed,won"`
	CloseFrom string   `query:"close_from" doc:"The first close date, such as 2026-07-01."`
	CloseTo   string   `query:"close_to" doc:"The last close date."`

	values url.Values
}

// Resolve keeps the query as it was sent, for workspace.ParseQuery.
func (f *OpportunityFilters) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	f.values = u.Query()
	return nil
}

type opportunitiesInput struct {
	OpportunityFilters
	Sort  string `query:"sort" example:"-amount" doc:"close_on (default), name, account, stage, owner, amount or updated; with - before it downwards."`
	After string `query:"after" doc:"The cursor next of the page before, of the same sort."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Count bool   `query:"count" doc:"Count what the filters find, too."`
}

// countLimit is how far the list counts.
const countLimit = 10_000

// OpportunityPage is a page of opportunities.
type OpportunityPage struct {
	Page[OpportunityRow]
	Count       *int64 `json:"count,omitempty" doc:"How many the filters find, when it was asked for."`
	CountCapped bool   `json:"count_capped,omitempty" doc:"There are more than that."`
}

// Joint is the decision whether an opportunity is joint with a cloud.
type Joint struct {
	Cloud     string    `json:"cloud" enum:"aws,azure,gcp"`
	Joint     bool      `json:"joint"`
	Source    string    `json:"source" enum:"rule,person" doc:"A person's decision outranks the rule."`
	Why       string    `json:"why"`
	DecidedBy string    `json:"decided_by"`
	DecidedAt time.Time `json:"decided_at"`
}

func jointOf(j *opportunity.Joint) Joint {
	return Joint{Cloud: string(j.Cloud), Joint: j.Joint, Source: string(j.Source), Why: j.Why, DecidedBy: j.DecidedBy, DecidedAt: j.DecidedAt}
}

func (s *server) registerOpportunities() {
	add(s, operation{
		id: "list-opportunities", method: http.MethodGet, path: "/opportunities", tag: "Opportunities", summary: "List opportunities, filtered and sorted", action: authz.ActionRead,
		about: "Within a filter the values are alternatives (repeat the parameter); the filters must all hold.",
	}, s.listOpportunities)
	add(s, operation{id: "list-opportunity-filters", method: http.MethodGet, path: "/opportunities/filters", tag: "Opportunities", summary: "List the values that occur, for the filters", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*struct{ Body Filters }, error) {
			c, err := s.app.Workspace.Choices(ctx)
			if err != nil {
				return nil, err
			}
			return &struct{ Body Filters }{Filters{
				Stages: orEmpty(c.Stages), Geos: orEmpty(c.Geos), Regions: orEmpty(c.Regions), Segments: orEmpty(c.Segments), OrderTypes: orEmpty(c.Orders),
				Owners: mapped(c.Owners, func(o *workspace.Choice) Choice { return Choice{Value: o.Value, Label: o.Label} }),
			}}, nil
		})
	add(s, operation{
		id: "get-opportunity-board", method: http.MethodGet, path: "/opportunities/board", tag: "Opportunities", summary: "Get opportunities as a board", action: authz.ActionRead,
		about: "A lane for each state of the registration at one cloud, or for each stage, with its count, its sums by currency and its first 25 opportunities.",
	}, s.board)
	add(s, operation{
		id: "get-opportunity", method: http.MethodGet, path: "/opportunities/{id}", tag: "Opportunities", summary: "Get an opportunity with all that belongs to it", action: authz.ActionRead,
		about: "With its joint decisions, team, contacts, and for each cloud the registration, the check's findings and our values beside the partner's; and its timeline.",
		also:  []int{http.StatusNotModified, http.StatusNotFound},
	}, s.getOpportunity)
	add(s, operation{
		id: "retry-activities", method: http.MethodPost, path: "/opportunities/{id}/activities/retry", tag: "Opportunities", summary: "Have Salesforce written again what it refused", action: authz.ActionRegister, also: []int{http.StatusNotFound},
		about: "Answers with the activities that are (or, in a dry run, would be) written again.",
	}, s.retryActivities)
	add(s, operation{
		id: "mark-joint", method: http.MethodPut, path: "/opportunities/{id}/joint/{cloud}", tag: "Opportunities", summary: "Say that an opportunity is joint with a cloud, or is not", action: authz.ActionMarkJoint, also: []int{http.StatusNotFound},
		about: "`joint` null gives the decision back to the rule. A joint opportunity that meets the portal's requirements is registered by itself: where the policies want a Director's approval for that, the answer is 202 with the approval, and nothing is decided until then.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			ID    string `path:"id"`
			Cloud string `path:"cloud" enum:"aws,azure,gcp"`
			Body  struct {
				Joint  *bool  `json:"joint" example:"true" doc:"true, false, or null for the rule to decide."`
				Reason string `json:"reason,omitempty" maxLength:"500" example:"The customer buys through AWS Marketplace" doc:"Needed for true and false."`
			}
		},
		) (*markedJoint, error) {
			res, err := s.app.Approvals.MarkJoint(ctx, in.ID, cloud.Cloud(in.Cloud), in.Body.Joint, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			_, joint, err := s.app.Opportunities.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			out := &markedJoint{Status: http.StatusOK, Body: MarkedJoint{Items: mapped(joint, jointOf), Approval: approvalPtr(res.Waiting)}}
			if res.Waiting != nil {
				out.Status = http.StatusAccepted
			}
			return out, nil
		})
	s.alsoAnswers("/opportunities/{id}/joint/{cloud}", http.MethodPut, http.StatusOK, http.StatusAccepted, "It waits for a Director's approval")
}

// MarkedJoint is the joint decisions that stand after one was asked for.
type MarkedJoint struct {
	Items    []Joint   `json:"items" nullable:"false"`
	Approval *Approval `json:"approval,omitempty" doc:"It needs a Director's approval and waits for it; the decisions are as they were."`
}

type markedJoint struct {
	Status int
	Body   MarkedJoint
}

func (s *server) listOpportunities(ctx context.Context, in *opportunitiesInput) (*struct {
	Link string `header:"Link" doc:"The next page, as rel=next."`
	Body OpportunityPage
}, error,
) {
	q, err := workspace.ParseQuery(in.values)
	if err != nil {
		return nil, err
	}
	q.Limit = in.Limit
	p, err := s.app.Workspace.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &struct {
		Link string `header:"Link" doc:"The next page, as rel=next."`
		Body OpportunityPage
	}{}
	out.Body.Items = mapped(p.Rows, rowOf)
	if p.Next != "" {
		v := q.Values()
		v.Set("after", p.Next)
		v.Set("limit", strconv.Itoa(in.Limit))
		out.Body.Next = p.Next
		out.Link, out.Body.NextLink = link("/opportunities", v.Encode())
	}
	if in.Count {
		n, err := s.app.Workspace.Count(ctx, q, countLimit)
		if err != nil {
			return nil, err
		}
		out.Body.CountCapped = n > countLimit
		n = min(n, countLimit)
		out.Body.Count = &n
	}
	return out, nil
}

func (s *server) activities(ctx context.Context, opportunityID string) ([]activity.Activity, error) {
	if _, _, err := s.app.Opportunities.Get(ctx, opportunityID); err != nil {
		return nil, err
	}
	return s.app.Activities.OfOpportunity(ctx, opportunityID)
}

type retryInput struct {
	Repeatable
	ID     string `path:"id"`
	DryRun bool   `query:"dry_run" doc:"Say what would be written again, and change nothing."`
}

func (s *server) retryActivities(ctx context.Context, in *retryInput) (*all[Activity], error) {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return nil, err
	}
	list, err := s.activities(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	again := []Activity{}
	for i := range list {
		if list[i].CRMState == activity.CRMStateFailed {
			a := activityOf(&list[i])
			if !in.DryRun {
				a.CRMState, a.CRMError = string(activity.CRMStatePending), ""
			}
			again = append(again, a)
		}
	}
	if !in.DryRun {
		err = s.app.Activities.Retry(ctx, in.ID)
	}
	return allOf(again), err
}

// Filters are the values that occur.
type Filters struct {
	Stages     []string `json:"stages" nullable:"false"`
	Geos       []string `json:"geos" nullable:"false"`
	Regions    []string `json:"regions" nullable:"false"`
	Segments   []string `json:"segments" nullable:"false"`
	OrderTypes []string `json:"order_types" nullable:"false"`
	Owners     []Choice `json:"owners" nullable:"false"`
}

// Choice is a value with its name.
type Choice struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

// Lane is one column of the board.
type Lane struct {
	Key   string           `json:"key" doc:"The state or stage; empty is not registered, or no stage."`
	Label string           `json:"label"`
	Count int64            `json:"count"`
	Sums  []Money          `json:"sums" nullable:"false" doc:"The amounts of all of them, by currency."`
	Items []OpportunityRow `json:"items" nullable:"false" doc:"The first of them, at most 25."`
}

type boardInput struct {
	OpportunityFilters
	Group string `query:"group" enum:"state,stage" default:"state" doc:"What the lanes are."`
	Sort  string `query:"sort" doc:"As in the list."`
}

func (s *server) board(ctx context.Context, in *boardInput) (*all[Lane], error) {
	q, err := workspace.ParseQuery(in.values)
	if err != nil {
		return nil, err
	}
	lanes, err := s.app.Workspace.Board(ctx, q, workspace.Group(in.Group))
	if err != nil {
		return nil, err
	}
	return allOf(mapped(lanes, func(l *workspace.Lane) Lane {
		out := Lane{Key: l.Key, Label: l.Label, Count: l.Count, Sums: []Money{}, Items: mapped(l.Rows, rowOf)}
		for _, a := range l.Sums {
			out.Sums = append(out.Sums, *moneyOf(a))
		}
		return out
	})), nil
}

// CloudView is one opportunity at one cloud.
type CloudView struct {
	Cloud        string        `json:"cloud" enum:"aws,azure,gcp"`
	Connected    bool          `json:"connected" doc:"Whether Tandem reaches the portal."`
	Joint        *Joint        `json:"joint,omitempty" doc:"Absent: nobody and no rule says so."`
	Registration *Registration `json:"registration,omitempty" doc:"Absent: none."`
	Findings     []Finding     `json:"findings" nullable:"false" doc:"Checked just now."`
	Fields       []FieldPair   `json:"fields" nullable:"false" doc:"Our values beside the partner's."`
	Solutions    []Solution    `json:"solutions" nullable:"false" doc:"What may be linked."`
	Chosen       []string      `json:"chosen" nullable:"false" doc:"What is or will be linked."`
}

func viewOf(v *registration.View) CloudView {
	out := CloudView{
		Cloud: string(v.Cloud), Connected: v.Connected, Findings: findingsOf(v.Findings), Fields: mapped(v.Pairs, pairOf),
		Solutions: mapped(v.Solutions, solutionOf), Chosen: orEmpty(v.Chosen),
	}
	if v.Joint != nil {
		j := jointOf(v.Joint)
		out.Joint = &j
	}
	if v.Registration != nil {
		r := registrationOf(v.Registration)
		out.Registration = &r
	}
	return out
}
