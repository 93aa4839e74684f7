package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// TodayItem is one thing that needs a person.
type TodayItem struct {
	Kind           string     `json:"kind" enum:"connection,action_required,failed,conflict,refused,blocked,rejected,crm,waiting,approval,asked,invitation,invitation_link,intro_outcome,flow_off,digest,route"`
	Title          string     `json:"title"`
	Reason         string     `json:"reason"`
	OpportunityID  string     `json:"opportunity_id"`
	RegistrationID string     `json:"registration_id"`
	Name           string     `json:"name"`
	AccountName    string     `json:"account_name"`
	OwnerName      string     `json:"owner_name"`
	Cloud          string     `json:"cloud" doc:"aws, azure, gcp or empty."`
	State          string     `json:"state"`
	Amount         *Money     `json:"amount"`
	CloseOn        string     `json:"close_on" doc:"A day, or empty."`
	Since          *time.Time `json:"since"`
	IntroMeetingID string     `json:"intro_meeting_id" doc:"Of the kind intro_outcome."`
	Flow           string     `json:"flow" doc:"Of the kind flow_off: the flow of automation that is off, empty for all of them."`
	Week           string     `json:"week" doc:"Of the kind digest."`
	RouteID        string     `json:"route_conflict_id" doc:"Of the kind route."`
	InvitationID   string     `json:"invitation_id" doc:"Of the kinds invitation and invitation_link."`
	ExpiresAt      *time.Time `json:"expires_at" doc:"When an invitation that waits for an answer expires."`
	Urgency        int        `json:"urgency" doc:"Higher is more urgent."`
	Approval       *Approval  `json:"approval,omitempty" doc:"The request to decide on, or one's own."`
}

// Today is the day's work, the most urgent first.
type Today struct {
	Items  []TodayItem    `json:"items" nullable:"false" doc:"Of everything the five most urgent of each kind at least, and the most urgent until there are 30; of one kind at most 100."`
	Counts map[string]int `json:"counts" doc:"How many there are of each kind."`
	More   map[string]int `json:"more" doc:"How many of each kind are not among the items."`
	Total  int            `json:"total"`
}

// Coverage is how the joint opportunities stand at a cloud.
type Coverage struct {
	Cloud    string           `json:"cloud" enum:"aws,azure,gcp"`
	Joint    int64            `json:"joint"`
	InPortal int64            `json:"in_portal"`
	ByState  map[string]int64 `json:"by_state"`
}

// Summary is the workspace in numbers.
type Summary struct {
	Accounts      int64      `json:"accounts"`
	Opportunities int64      `json:"opportunities"`
	Clouds        []Coverage `json:"clouds" nullable:"false"`
}

// Hit is something found by its name.
type Hit struct {
	Kind   string `json:"kind" enum:"opportunity,account"`
	ID     string `json:"id"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (s *server) registerWork() {
	add(s, operation{id: "get-today", method: http.MethodGet, path: "/today", tag: "Work", summary: "Get what needs a person, the most urgent first", action: authz.ActionRead},
		func(ctx context.Context, in *struct {
			Owner string `query:"owner" doc:"Only deals of the owner with this Salesforce id."`
			Kind  string `query:"kind" enum:"connection,action_required,failed,conflict,refused,blocked,rejected,crm,waiting,approval,asked,invitation,invitation_link,intro_outcome,flow_off,digest" doc:"Only this kind of work."`
		},
		) (*struct{ Body Today }, error) {
			t, err := s.app.Workspace.Today(ctx, workspace.TodayQuery{OwnerCRMID: in.Owner, Kind: workspace.ItemKind(in.Kind)})
			if err != nil {
				return nil, err
			}
			out := Today{Total: t.Total, Counts: map[string]int{}, More: map[string]int{}, Items: mapped(t.Items, func(i *workspace.Item) TodayItem {
				return TodayItem{
					Kind: string(i.Kind), Title: i.Title, Reason: i.Reason, OpportunityID: i.OpportunityID, RegistrationID: i.RegistrationID, Name: i.Name,
					AccountName: i.AccountName, OwnerName: i.OwnerName, Cloud: string(i.Cloud), State: string(i.State), Amount: moneyOf(i.Amount),
					CloseOn: string(i.CloseOn), Since: at(i.Since), IntroMeetingID: i.IntroID, RouteID: i.RouteID, Flow: string(i.Flow), Week: i.Week, InvitationID: i.InvitationID, ExpiresAt: at(i.ExpiresAt), Urgency: i.Urgency, Approval: approvalPtr(i.Request),
				}
			})}
			for k, n := range t.Counts {
				out.Counts[string(k)] = n
			}
			for k, n := range t.More() {
				out.More[string(k)] = n
			}
			return &struct{ Body Today }{out}, nil
		})
	add(s, operation{id: "get-summary", method: http.MethodGet, path: "/summary", tag: "Work", summary: "Get the workspace in numbers", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*struct{ Body Summary }, error) {
			x, err := s.app.Workspace.Summary(ctx)
			if err != nil {
				return nil, err
			}
			return &struct{ Body Summary }{Summary{Accounts: x.Accounts, Opportunities: x.Opportunities, Clouds: mapped(x.Clouds, func(c *workspace.Coverage) Coverage {
				out := Coverage{Cloud: string(c.Cloud), Joint: c.Joint, InPortal: c.Register, ByState: map[string]int64{}}
				for st, n := range c.ByState {
					out.ByState[string(st)] = n
				}
				return out
			})}}, nil
		})
	add(s, operation{
		id: "search", method: http.MethodGet, path: "/search", tag: "Work", summary: "Find opportunities and accounts by name or id", action: authz.ActionRead,
		about: "Also finds an opportunity by its Salesforce id or its id in a portal.",
	},
		func(ctx context.Context, in *struct {
			Q     string `query:"q" required:"true" minLength:"1" maxLength:"200" example:"northwind"`
			Limit int    `query:"limit" minimum:"1" maximum:"50" default:"20"`
		},
		) (*all[Hit], error) {
			hits, err := s.app.Workspace.Search(ctx, in.Q, in.Limit)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(hits, func(h *workspace.Hit) Hit { return Hit{Kind: h.Kind, ID: h.ID, Title: h.Title, Detail: h.Detail} })), nil
		})
}
