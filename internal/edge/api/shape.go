package api

import (
	"encoding/json"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Money is an amount with its currency.
type Money struct {
	Minor    int64  `json:"minor" example:"12500000" doc:"In the currency's minor units: cents, yen."`
	Currency string `json:"currency" example:"USD" doc:"ISO 4217."`
	Decimal  string `json:"decimal" example:"125000.00" doc:"The same in decimals."`
}

func moneyOf(a money.Amount) *Money {
	if a.IsNone() {
		return nil
	}
	return &Money{Minor: a.Minor, Currency: a.Currency, Decimal: a.Decimal()}
}

// at gives an instant, nil for none.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Finding is one way in which a deal does not meet what the portal requires.
type Finding struct {
	Rule     string `json:"rule" example:"aws.postal_code_required" doc:"The stable id of the rule."`
	Field    string `json:"field" example:"Customer.Account.Address.PostalCode" doc:"The portal's name of the field."`
	Label    string `json:"label" example:"Postal code"`
	CRMField string `json:"crm_field" example:"Account.BillingPostalCode" doc:"Where it is mended in Salesforce."`
	Severity string `json:"severity" enum:"error,warning" doc:"An error keeps the deal from being registered."`
	Message  string `json:"message" doc:"What is wrong."`
	Value    string `json:"value" doc:"What was found."`
	Mend     string `json:"mend" doc:"What to do."`
	Source   string `json:"source" doc:"Where the rule comes from."`
}

func findingsOf(list registration.Findings) []Finding {
	return mapped(list, func(f *registration.Finding) Finding {
		return Finding{
			Rule: f.Rule, Field: f.Field, Label: f.Label, CRMField: f.CRMField, Severity: string(f.Severity),
			Message: f.Message, Value: f.Value, Mend: f.Mend, Source: f.Source,
		}
	})
}

// FieldPair is one field: our value beside the partner's.
type FieldPair struct {
	Group       string `json:"group" example:"Customer"`
	Label       string `json:"label" example:"Company name"`
	Path        string `json:"path" example:"Customer.Account.CompanyName" doc:"The portal's name of the field."`
	Ours        string `json:"ours" doc:"What Tandem would send."`
	Theirs      string `json:"theirs" doc:"What the portal holds; empty when it is not yet there."`
	CRMField    string `json:"crm_field" doc:"Where our value comes from in Salesforce."`
	How         string `json:"how" doc:"How our value came about, when it is not copied as it is."`
	Same        bool   `json:"same"`
	Locked      bool   `json:"locked" doc:"The portal refuses a change now."`
	LockReason  string `json:"lock_reason"`
	LockedUntil string `json:"locked_until"`
}

func pairOf(p *registration.FieldPair) FieldPair {
	return FieldPair{
		Group: p.Group, Label: p.Label, Path: p.Path, Ours: p.Ours, Theirs: p.Theirs, CRMField: p.CRMField, How: p.How,
		Same: p.Same, Locked: p.Locked, LockReason: p.LockReason, LockedUntil: p.LockedUntil,
	}
}

// Seller is a person of the partner's who works the deal.
type Seller struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Role  string `json:"role"`
}

// Registration is one opportunity in one portal.
type Registration struct {
	ID              string     `json:"id" example:"reg_01jn8m5q4se9tvd6dy1v9k2r5c" doc:"Empty in a dry run of a first registration."`
	OpportunityID   string     `json:"opportunity_id" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c"`
	OpportunityName string     `json:"opportunity_name,omitempty" doc:"In lists."`
	AccountName     string     `json:"account_name,omitempty" doc:"In lists."`
	Cloud           string     `json:"cloud" enum:"aws,azure,gcp"`
	State           string     `json:"state" enum:"checking,blocked,creating,created,associated,submitting,submitted,in_review,action_required,approved,rejected,launched,closed_lost,failed,withdrawn,off_route"`
	StateLabel      string     `json:"state_label" example:"In review"`
	Reason          string     `json:"reason"`
	RouteID         string     `json:"route_conflict_id,omitempty" doc:"Of one in the state off_route: the route conflict that keeps it from the portal."`
	RemoteID        string     `json:"remote_id" example:"O5512345" doc:"Its id in the portal."`
	RemoteStatus    string     `json:"remote_status" doc:"The portal's word for the review, verbatim."`
	RemoteStage     string     `json:"remote_stage" doc:"The portal's word for the stage, verbatim."`
	RemoteURL       string     `json:"remote_url"`
	RemoteVersion   string     `json:"remote_version" doc:"The portal's lock, verbatim."`
	ReviewComment   string     `json:"review_comment"`
	EngagementID    string     `json:"engagement_id"`
	Motion          string     `json:"motion"`
	Sellers         []Seller   `json:"sellers" nullable:"false"`
	Solutions       []string   `json:"solutions" nullable:"false" doc:"Ids of the portal's solutions that are or will be linked."`
	Findings        []Finding  `json:"findings" nullable:"false" doc:"What the last check found."`
	Blocking        int64      `json:"blocking" doc:"How many findings keep it from being registered."`
	Error           string     `json:"error" doc:"What the portal refused last."`
	ErrorCode       string     `json:"error_code"`
	Attempts        int64      `json:"attempts"`
	CRMWaiting      bool       `json:"crm_waiting" doc:"Salesforce does not know it as it is yet."`
	CRMError        string     `json:"crm_error"`
	CRMRowID        string     `json:"crm_row_id"`
	DueAt           *time.Time `json:"due_at" doc:"When Tandem looks at it next; null is never by itself."`
	RemoteReadAt    *time.Time `json:"remote_read_at"`
	CreatedRemoteAt *time.Time `json:"created_remote_at"`
	SubmittedAt     *time.Time `json:"submitted_at"`
	DecidedAt       *time.Time `json:"decided_at"`
	StateAt         *time.Time `json:"state_at"`
	UpdatedAt       *time.Time `json:"updated_at"`
	Version         int64      `json:"version"`
}

func registrationOf(r *registration.Registration) Registration {
	return Registration{
		ID: r.ID, OpportunityID: r.OpportunityID, Cloud: string(r.Cloud), State: string(r.State), StateLabel: r.State.Label(), Reason: r.Reason, RouteID: r.StoppedBy,
		RemoteID: r.RemoteID, RemoteStatus: r.RemoteStatus, RemoteStage: r.RemoteStage, RemoteURL: r.RemoteURL, RemoteVersion: r.RemoteVersion,
		ReviewComment: r.ReviewComment, EngagementID: r.EngagementID, Motion: r.Motion,
		Sellers:   mapped(r.Sellers, func(s *registration.Seller) Seller { return Seller{Name: s.Name, Email: s.Email, Role: s.Role} }),
		Solutions: orEmpty(r.Solutions()), Findings: findingsOf(r.Findings), Blocking: r.Blocking, Error: r.Error, ErrorCode: r.ErrorCode, Attempts: r.Attempts,
		CRMWaiting: r.CRMDirty, CRMError: r.CRMError, CRMRowID: r.CRMRowID, DueAt: at(r.DueAt), RemoteReadAt: at(r.RemoteReadAt),
		CreatedRemoteAt: at(r.CreatedRemoteAt), SubmittedAt: at(r.SubmittedAt), DecidedAt: at(r.DecidedAt), StateAt: at(r.StateAt),
		UpdatedAt: at(r.UpdatedAt), Version: r.Version,
	}
}

// Solution is something we sell that a portal lets us link to a deal.
type Solution struct {
	Cloud    string    `json:"cloud" enum:"aws,azure,gcp"`
	ID       string    `json:"id" example:"S-0050001"`
	Name     string    `json:"name"`
	Category string    `json:"category"`
	Status   string    `json:"status" doc:"The portal's word, verbatim."`
	SeenAt   time.Time `json:"seen_at"`
}

func solutionOf(s *registration.Solution) Solution {
	return Solution{Cloud: string(s.Cloud), ID: s.RemoteID, Name: s.Name, Category: s.Category, Status: s.Status, SeenAt: s.SeenAt}
}

// raw gives a portal's JSON as it came, nil for none.
func raw(text string) (any, error) {
	if text == "" {
		return nil, nil
	}
	var v any
	err := json.Unmarshal([]byte(text), &v)
	return v, err
}
