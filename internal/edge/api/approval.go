package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// Approval is a wish that waits for a Director, or was decided on.
type Approval struct {
	ID              string     `json:"id" example:"apr_01jn8m5q4se9tvd6dy1v9k2r5c"`
	Action          string     `json:"action" example:"register" doc:"What it is to the policies: register, update, launch, close, accept_invitation or reject_invitation."`
	Wish            string     `json:"wish" example:"register" doc:"What is done when it is approved."`
	Subject         string     `json:"subject" doc:"The id of the record it is about: an opportunity, a registration or an invitation."`
	OpportunityID   string     `json:"opportunity_id" doc:"Empty when it is about no deal of ours."`
	Cloud           string     `json:"cloud" doc:"aws, azure, gcp or empty."`
	Title           string     `json:"title" example:"Submit to AWS Partner Central"`
	Details         []string   `json:"details" nullable:"false" doc:"What is to change, in words."`
	Why             []string   `json:"why" nullable:"false" doc:"Why it needs approval."`
	DealName        string     `json:"deal_name"`
	AccountName     string     `json:"account_name"`
	Amount          *Money     `json:"amount"`
	State           string     `json:"state" enum:"pending,approved,refused,withdrawn,superseded"`
	StateLabel      string     `json:"state_label" example:"Waits for approval"`
	RequestedBy     string     `json:"requested_by" doc:"The id of who asked."`
	RequestedByName string     `json:"requested_by_name"`
	RequestedAt     *time.Time `json:"requested_at"`
	DecidedBy       string     `json:"decided_by"`
	DecidedByName   string     `json:"decided_by_name"`
	DecidedAt       *time.Time `json:"decided_at"`
	Note            string     `json:"note" doc:"The Director's."`
	Outcome         string     `json:"outcome" doc:"Of a superseded one: why it could not be done any more."`
	UpdatedAt       *time.Time `json:"updated_at"`
	Version         int64      `json:"version"`
}

func approvalOf(r *approval.Request) Approval {
	return Approval{
		ID: r.ID, Action: string(r.Action), Wish: r.Wish, Subject: r.Subject, OpportunityID: r.OpportunityID, Cloud: string(r.Cloud), Title: r.Title,
		Details: orEmpty(r.Details.V), Why: orEmpty(r.Why.V), DealName: r.DealName, AccountName: r.AccountName, Amount: moneyOf(r.Amount()),
		State: string(r.State), StateLabel: r.State.Label(), RequestedBy: r.RequestedBy, RequestedByName: r.RequestedByName, RequestedAt: at(r.RequestedAt),
		DecidedBy: r.DecidedBy, DecidedByName: r.DecidedByName, DecidedAt: at(r.DecidedAt), Note: r.Note, Outcome: r.Outcome, UpdatedAt: at(r.UpdatedAt), Version: r.Version,
	}
}

// approvalPtr gives nil for none.
func approvalPtr(r *approval.Request) *Approval {
	if r == nil {
		return nil
	}
	a := approvalOf(r)
	return &a
}

type approvalsInput struct {
	State         []string `query:"state,explode" nullable:"false" enum:"pending,approved,refused,withdrawn,superseded"`
	RequestedBy   string   `query:"requested_by" doc:"Only what this person asked for."`
	Subject       string   `query:"subject" doc:"Only what is about the record with this id: an opportunity, a registration or an invitation."`
	OpportunityID string   `query:"opportunity_id"`
	After         string   `query:"after" doc:"The cursor next of the page before."`
	Limit         int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type decisionInput struct {
	Repeatable
	Versioned
	ID   string `path:"id"`
	Body struct {
		Note string `json:"note,omitempty" maxLength:"2000" doc:"For who asked; a refusal needs one."`
	}
}

type withdrawInput struct {
	Repeatable
	Versioned
	ID string `path:"id"`
}

func (s *server) registerApprovals() {
	add(s, operation{
		id: "list-approvals", method: http.MethodGet, path: "/approvals", tag: "Approvals", summary: "List requests for approval, the newest first", action: authz.ActionRead,
	}, s.listApprovals)
	add(s, operation{id: "get-approval", method: http.MethodGet, path: "/approvals/{id}", tag: "Approvals", summary: "Get a request for approval", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"apr_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[Approval], error) {
			r, err := s.app.Approvals.Get(ctx, in.ID)
			return approvalRecord(r, err)
		})
	add(s, operation{
		id: "approve", method: http.MethodPost, path: "/approvals/{id}/approve", tag: "Approvals", summary: "Approve a request, and have it done", action: authz.ActionApprove, ifMatch: true, also: []int{http.StatusNotFound},
		about: "It is done once, in the name of who asked. What cannot be done any more answers with the state superseded and the reason in outcome. With If-Match only what you saw is approved. Nobody approves their own request.",
	},
		func(ctx context.Context, in *decisionInput) (*record[Approval], error) {
			version, _, err := versionOf(in.IfMatch)
			if err != nil {
				return nil, err
			}
			r, err := s.app.Approvals.Approve(ctx, in.ID, in.Body.Note, version)
			return approvalRecord(r, err)
		})
	add(s, operation{
		id: "refuse", method: http.MethodPost, path: "/approvals/{id}/refuse", tag: "Approvals", summary: "Refuse a request, with a note", action: authz.ActionApprove, ifMatch: true, also: []int{http.StatusNotFound},
	},
		func(ctx context.Context, in *decisionInput) (*record[Approval], error) {
			version, _, err := versionOf(in.IfMatch)
			if err != nil {
				return nil, err
			}
			r, err := s.app.Approvals.Refuse(ctx, in.ID, in.Body.Note, version)
			return approvalRecord(r, err)
		})
	add(s, operation{
		id: "withdraw", method: http.MethodPost, path: "/approvals/{id}/withdraw", tag: "Approvals", summary: "Take one's own request back", action: authz.ActionAsk, ifMatch: true, also: []int{http.StatusNotFound},
	},
		func(ctx context.Context, in *withdrawInput) (*record[Approval], error) {
			version, _, err := versionOf(in.IfMatch)
			if err != nil {
				return nil, err
			}
			r, err := s.app.Approvals.Withdraw(ctx, in.ID, version)
			return approvalRecord(r, err)
		})
	s.registerApprovalRules()
}

func approvalRecord(r approval.Request, err error) (*record[Approval], error) {
	if err != nil {
		return nil, err
	}
	return recordOf(r.Version, approvalOf(&r))
}

func (s *server) listApprovals(ctx context.Context, in *approvalsInput) (*listed[Approval], error) {
	q := approval.Query{RequestedBy: in.RequestedBy, OpportunityID: in.OpportunityID, After: in.After, Limit: in.Limit}
	v := url.Values{"limit": {strconv.Itoa(in.Limit)}}
	for _, st := range in.State {
		q.States = append(q.States, approval.State(st))
		v.Add("state", st)
	}
	if in.Subject != "" {
		q.Subjects = []string{in.Subject}
	}
	for name, value := range map[string]string{"requested_by": in.RequestedBy, "subject": in.Subject, "opportunity_id": in.OpportunityID} {
		if value != "" {
			v.Set(name, value)
		}
	}
	rows, next, err := s.app.Approvals.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listed[Approval]{Body: Page[Approval]{Next: next, Items: mapped(rows, approvalOf)}}
	if next != "" {
		v.Set("after", next)
		out.Link, out.Body.NextLink = link("/approvals", v.Encode())
	}
	return out, nil
}

// ApprovalRules are what the policies take from the team.
type ApprovalRules struct {
	ThresholdUSD int64 `json:"threshold_usd" minimum:"0" example:"250000" doc:"The value in whole US dollars up to which an ABDM works alone."`
}

// ApprovalRulesSetting is the rules as they stand.
type ApprovalRulesSetting struct {
	Rules     ApprovalRules `json:"rules"`
	Default   bool          `json:"default" doc:"Nobody changed them yet."`
	Version   int64         `json:"version"`
	UpdatedBy string        `json:"updated_by"`
	UpdatedAt *time.Time    `json:"updated_at"`
}

// PolicyFile is a Cedar policy file as it is in force.
type PolicyFile struct {
	Name string `json:"name" example:"oversight.cedar"`
	Text string `json:"text"`
}

func (s *server) registerApprovalRules() {
	add(s, operation{id: "list-policies", method: http.MethodGet, path: "/settings/policies", tag: "Settings", summary: "Get the policies in force", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*all[PolicyFile], error) {
			if err := authz.Require(ctx, authz.ActionRead); err != nil {
				return nil, err
			}
			files, err := authz.PolicyFiles()
			if err != nil {
				return nil, err
			}
			return allOf(mapped(files, func(f *authz.PolicyFile) PolicyFile { return PolicyFile{Name: f.Name, Text: f.Text} })), nil
		})
	add(s, operation{id: "get-approval-rules", method: http.MethodGet, path: "/settings/approval-rules", tag: "Settings", summary: "Get the value above which an ABDM needs approval", action: authz.ActionRead, also: []int{http.StatusNotModified}},
		func(ctx context.Context, _ *struct{ ConditionalRead }) (*record[ApprovalRulesSetting], error) {
			return s.approvalRules(ctx)
		})
	add(s, operation{
		id: "put-approval-rules", method: http.MethodPut, path: "/settings/approval-rules", tag: "Settings", summary: "Change the value above which an ABDM needs approval", action: authz.ActionChangeSettings, ifMatch: true, also: []int{http.StatusPreconditionRequired},
		about: "Requests that wait keep waiting. Needs If-Match with the ETag of the setting as you read it, or *.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			Body ApprovalRules
		},
		) (*record[ApprovalRulesSetting], error) {
			version, err := s.settingVersion(ctx, in.IfMatch, func() (setting.Row, error) {
				_, row, err := s.app.Approvals.Rules(ctx)
				return row, err
			})
			if err != nil {
				return nil, err
			}
			if err := s.app.Approvals.SetRules(ctx, approval.Rules{ThresholdUSD: in.Body.ThresholdUSD}, version); err != nil {
				return nil, err
			}
			return s.approvalRules(ctx)
		})
}

func (s *server) approvalRules(ctx context.Context) (*record[ApprovalRulesSetting], error) {
	r, row, err := s.app.Approvals.Rules(ctx)
	if err != nil {
		return nil, err
	}
	return recordOf(row.Version, ApprovalRulesSetting{Rules: ApprovalRules{ThresholdUSD: r.ThresholdUSD}, Default: row.Version == 0, Version: row.Version, UpdatedBy: row.UpdatedBy, UpdatedAt: at(row.UpdatedAt)})
}
