package aws

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
)

// Inbox is what Partner Central offers us, as the domain of invitations sees it.
type Inbox struct{ client *Client }

// NewInbox makes an inbox of a client.
func NewInbox(c *Client) *Inbox { return &Inbox{client: c} }

// Cloud is AWS.
func (*Inbox) Cloud() cloud.Cloud { return cloud.AWS }

// rejections are those that the service model lists for RejectionReason, a text of
// at most 80 characters there.
var rejections = []string{"Customer problem unclear", "Next steps unclear", "Unable to support", "Duplicate of partner referral", "Other"}

// Rejections lists the reasons that AWS takes.
func (*Inbox) Rejections() []string { return slices.Clone(rejections) }

// The kinds of invitation, in AWS's words.
const (
	payloadOpportunity = "OpportunityInvitation"
	payloadLead        = "LeadInvitation"
)

// invitationRow is an invitation as it is listed, and the head of one that is read.
type invitationRow struct {
	ID                 string `json:"Id"`
	PayloadType        string `json:"PayloadType"`
	Status             string `json:"Status"`
	EngagementID       string `json:"EngagementId"`
	EngagementTitle    string `json:"EngagementTitle"`
	InvitationDate     string `json:"InvitationDate"`
	ExpirationDate     string `json:"ExpirationDate"`
	SenderAwsAccountID string `json:"SenderAwsAccountId"`
	SenderCompanyName  string `json:"SenderCompanyName"`
}

func (r *invitationRow) summary() invitation.Summary {
	out := invitation.Summary{
		RemoteID: r.ID, Kind: invitation.KindOpportunity, RemoteStatus: r.Status, Title: r.EngagementTitle, EngagementID: r.EngagementID,
		SenderName: cmp.Or(r.SenderCompanyName, r.SenderAwsAccountID), SenderAccount: r.SenderAwsAccountID, SentAt: instant(r.InvitationDate), ExpiresAt: instant(r.ExpirationDate),
	}
	if r.PayloadType == payloadLead {
		out.Kind = invitation.KindLead
	}
	switch r.Status {
	case "PENDING":
		out.Status = invitation.StatusPending
	case "ACCEPTED":
		out.Status = invitation.StatusAccepted
	case "REJECTED":
		out.Status = invitation.StatusRejected
	case "EXPIRED":
		out.Status = invitation.StatusExpired
	}
	return out
}

// instant reads a time of AWS's; a malformed one is none.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// List lists the invitations that we received, the oldest first. It costs one read
// for a hundred.
func (b *Inbox) List(ctx context.Context, pending bool) iter.Seq2[invitation.Summary, error] {
	in := map[string]any{
		"ParticipantType": "RECEIVER", "MaxResults": 100, "Sort": Sort{SortBy: "InvitationDate", SortOrder: "ASCENDING"},
		"PayloadType": []string{payloadOpportunity, payloadLead},
	}
	if pending {
		in["Status"] = []string{"PENDING"}
	}
	return func(yield func(invitation.Summary, error) bool) {
		for row, err := range pages[invitationRow](ctx, b.client, "ListEngagementInvitations", "EngagementInvitationSummaries", in) {
			if !yield(row.summary(), err) || err != nil {
				return
			}
		}
	}
}

// pages gives the rows of a list operation, whatever number of pages they fill.
func pages[T any](ctx context.Context, c *Client, op, member string, in map[string]any) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		for {
			var out map[string]json.RawMessage
			var rows []T
			var next string
			err := c.Call(ctx, op, in, &out)
			if err == nil && len(out[member]) > 0 {
				err = json.Unmarshal(out[member], &rows)
			}
			if err == nil && len(out["NextToken"]) > 0 {
				err = json.Unmarshal(out["NextToken"], &next)
			}
			if err != nil {
				yield(new(T), err)
				return
			}
			for i := range rows {
				if !yield(&rows[i], nil) {
					return
				}
			}
			if next == "" {
				return
			}
			in["NextToken"] = next
		}
	}
}

// invitationAnswer is the part of GetEngagementInvitation that we understand.
type invitationAnswer struct {
	invitationRow
	InvitationMessage     string `json:"InvitationMessage"`
	EngagementDescription string `json:"EngagementDescription"`
	RejectionReason       string `json:"RejectionReason"`
	ExistingMembers       []struct {
		CompanyName string `json:"CompanyName"`
	} `json:"ExistingMembers"`
	Payload struct {
		Opportunity *struct {
			SenderContacts           []Contact `json:"SenderContacts"`
			ReceiverResponsibilities []string  `json:"ReceiverResponsibilities"`
			Customer                 struct {
				Industry, CompanyName, CountryCode string
				WebsiteURL                         string `json:"WebsiteUrl"`
			} `json:"Customer"`
			Project struct {
				Title, BusinessProblem, TargetCompletionDate string
				ExpectedCustomerSpend                        []CustomerSpend
			} `json:"Project"`
		} `json:"OpportunityInvitation"`
		Lead *struct {
			Customer struct {
				Industry, CompanyName, CountryCode, AwsMaturity, MarketSegment string
				WebsiteURL                                                     string `json:"WebsiteUrl"`
			} `json:"Customer"`
			Interaction struct {
				SourceType, SourceName, ContactBusinessTitle string
				Usecase                                      string
			} `json:"Interaction"`
		} `json:"LeadInvitation"`
	} `json:"Payload"`
	EnrichmentContext struct {
		LeadInsights struct {
			LeadReadinessScore string `json:"LeadReadinessScore"`
		} `json:"LeadInsights"`
	} `json:"EnrichmentContext"`
	raw json.RawMessage
}

// UnmarshalJSON keeps the bytes beside what they say.
func (a *invitationAnswer) UnmarshalJSON(raw []byte) error {
	type plain invitationAnswer
	a.raw = bytes.Clone(raw)
	return json.Unmarshal(raw, (*plain)(a))
}

// What an invitation hides until it is accepted (AWS's CRM field list, "Accept to
// View"; for leads the difference between LeadInvitationPayload and LeadContext).
var (
	hiddenDeal = []invitation.Fact{
		{Label: "Street", Path: "Customer.Account.Address.StreetAddress"},
		{Label: "City", Path: "Customer.Account.Address.City"},
		{Label: "Postal code", Path: "Customer.Account.Address.PostalCode"},
		{Label: "Customer contacts", Path: "Customer.Contacts"},
		{Label: "AWS account", Path: "Customer.Account.AwsAccountId"},
		{Label: "Other solution", Path: "Project.OtherSolutionDescription"},
		{Label: "Solutions and products", Path: "RelatedEntityIdentifiers"},
		{Label: "Sender contacts", Path: "Payload.OpportunityInvitation.SenderContacts"},
	}
	hiddenLead = []invitation.Fact{
		{Label: "Contact's name, email and phone", Path: "Lead.Interactions.Contact"},
		{Label: "Address", Path: "Lead.Customer.Address"},
		{Label: "Business problem", Path: "Lead.Interactions.BusinessProblem"},
		{Label: "What the customer did", Path: "Lead.Interactions.CustomerAction"},
		{Label: "Further interactions", Path: "Lead.Interactions"},
		{Label: "Qualification", Path: "Lead.QualificationStatus"},
	}
)

// factList gathers facts; empty values are left out.
type factList []invitation.Fact

func (l *factList) add(label, path, value string) {
	if value = strings.TrimSpace(value); value != "" {
		*l = append(*l, invitation.Fact{Label: label, Path: path, Value: value})
	}
}

// Get reads an invitation: what it tells, and what it hides.
func (b *Inbox) Get(ctx context.Context, remoteID string) (invitation.Remote, error) {
	var a invitationAnswer
	if err := b.client.Call(ctx, "GetEngagementInvitation", map[string]string{"Identifier": remoteID}, &a); err != nil {
		return invitation.Remote{}, err
	}
	out := invitation.Remote{Summary: a.summary(), Message: a.InvitationMessage, Rejection: a.RejectionReason, Raw: a.raw}
	var facts factList
	switch o, l := a.Payload.Opportunity, a.Payload.Lead; {
	case o != nil:
		const at = "Payload.OpportunityInvitation."
		out.CustomerName, out.CustomerCountry, out.Title = o.Customer.CompanyName, o.Customer.CountryCode, cmp.Or(o.Project.Title, out.Title)
		facts.add("Customer", at+"Customer.CompanyName", o.Customer.CompanyName)
		facts.add("Industry", at+"Customer.Industry", o.Customer.Industry)
		facts.add("Website", at+"Customer.WebsiteUrl", o.Customer.WebsiteURL)
		facts.add("Country", at+"Customer.CountryCode", o.Customer.CountryCode)
		facts.add("Project", at+"Project.Title", o.Project.Title)
		facts.add("Business problem", at+"Project.BusinessProblem", o.Project.BusinessProblem)
		facts.add("Target close", at+"Project.TargetCompletionDate", o.Project.TargetCompletionDate)
		facts.add("Expected spend", at+"Project.ExpectedCustomerSpend", spendWords(o.Project.ExpectedCustomerSpend))
		facts.add("Our part", at+"ReceiverResponsibilities", strings.Join(o.ReceiverResponsibilities, ", "))
		facts.add("Sender contacts", at+"SenderContacts", contactWords(o.SenderContacts))
		out.Hidden = slices.Clone(hiddenDeal)
	case l != nil:
		const at = "Payload.LeadInvitation."
		out.CustomerName, out.CustomerCountry, out.Title = l.Customer.CompanyName, l.Customer.CountryCode, cmp.Or(out.Title, "Lead: "+l.Customer.CompanyName)
		facts.add("Customer", at+"Customer.CompanyName", l.Customer.CompanyName)
		facts.add("Industry", at+"Customer.Industry", l.Customer.Industry)
		facts.add("Website", at+"Customer.WebsiteUrl", l.Customer.WebsiteURL)
		facts.add("Country", at+"Customer.CountryCode", l.Customer.CountryCode)
		facts.add("AWS maturity", at+"Customer.AwsMaturity", l.Customer.AwsMaturity)
		facts.add("Market segment", at+"Customer.MarketSegment", l.Customer.MarketSegment)
		facts.add("Use case", at+"Interaction.Usecase", l.Interaction.Usecase)
		facts.add("Source", at+"Interaction.SourceName", joinNonEmpty(", ", l.Interaction.SourceType, l.Interaction.SourceName))
		facts.add("Contact's title", at+"Interaction.ContactBusinessTitle", l.Interaction.ContactBusinessTitle)
		facts.add("Readiness", "EnrichmentContext.LeadInsights.LeadReadinessScore", a.EnrichmentContext.LeadInsights.LeadReadinessScore)
		out.Hidden = slices.Clone(hiddenLead)
	}
	facts.add("About", "EngagementDescription", a.EngagementDescription)
	var members []string
	for _, m := range a.ExistingMembers {
		members = append(members, m.CompanyName)
	}
	facts.add("Already in it", "ExistingMembers", joinNonEmpty(", ", members...))
	out.Facts = facts
	if out.Status == invitation.StatusAccepted {
		out.Hidden = nil
	}
	return out, nil
}

// Accept starts the task that accepts an invitation to a deal and makes the
// opportunity; an invitation to a lead is accepted at once.
func (b *Inbox) Accept(ctx context.Context, remoteID string, kind invitation.Kind, token string) (invitation.Task, error) {
	if kind == invitation.KindLead {
		err := b.client.Call(ctx, "AcceptEngagementInvitation", map[string]string{"Identifier": remoteID}, nil)
		return invitation.Task{Done: true}, asAnswered(err)
	}
	var t EngagementTask
	err := b.client.Call(ctx, "StartEngagementByAcceptingInvitationTask", map[string]string{"Identifier": remoteID, "ClientToken": token}, &t)
	return offerTask(&t), asAnswered(err)
}

// asAnswered gives AWS's conflict (the invitation is answered, or a task for it
// runs) the kind that makes the caller look.
func asAnswered(err error) error {
	if !IsConflict(err) {
		return err
	}
	return &problem.Error{Kind: problem.KindPrecondition, Code: "invitation_answered", Message: "AWS says that it is answered, or being answered", Remote: problem.RemoteOf(err), Err: err}
}

func offerTask(t *EngagementTask) invitation.Task {
	out := invitation.Task{ID: t.TaskID, Done: t.TaskStatus == TaskComplete, Failed: t.TaskStatus == TaskFailed, RemoteOppID: t.OpportunityID, Reason: t.ReasonCode}
	if t.Message != "" {
		out.Reason = joinNonEmpty(": ", t.ReasonCode, t.Message)
	}
	return out
}

// task finds a task by its id, or the latest that did not fail.
func (b *Inbox) task(ctx context.Context, op string, in map[string]any, id string) (invitation.Task, bool, error) {
	in["MaxResults"], in["Sort"] = 100, Sort{SortBy: "StartTime", SortOrder: "DESCENDING"}
	if id != "" {
		in = map[string]any{"TaskIdentifier": []string{id}}
	} else {
		in["TaskStatus"] = []string{TaskInProgress, TaskComplete}
	}
	for t, err := range pages[EngagementTask](ctx, b.client, op, "TaskSummaries", in) {
		if err != nil {
			return invitation.Task{}, false, err
		}
		if id == "" || t.TaskID == id {
			return offerTask(t), true, nil
		}
	}
	return invitation.Task{}, false, nil
}

// AcceptTask reads how far an acceptance is.
func (b *Inbox) AcceptTask(ctx context.Context, remoteID, taskID string) (invitation.Task, bool, error) {
	return b.task(ctx, "ListEngagementByAcceptingInvitationTasks", map[string]any{"EngagementInvitationIdentifier": []string{remoteID}}, taskID)
}

// Reject refuses an invitation.
func (b *Inbox) Reject(ctx context.Context, remoteID, reason string) error {
	return asAnswered(b.client.Call(ctx, "RejectEngagementInvitation", map[string]string{"Identifier": remoteID, "RejectionReason": reason}, nil))
}

// Lead finds the lead in an engagement.
func (b *Inbox) Lead(ctx context.Context, engagementID string) (string, error) {
	var e struct {
		Contexts []struct {
			ID   string `json:"Id"`
			Type string `json:"Type"`
		} `json:"Contexts"`
	}
	if err := b.client.Call(ctx, "GetEngagement", map[string]string{"Identifier": engagementID}, &e); err != nil {
		return "", err
	}
	for _, c := range e.Contexts {
		if c.Type == "Lead" {
			return c.ID, nil
		}
	}
	return "", problem.FromRemote(problem.Remote{System: System, Operation: "GetEngagement", Code: "ContextNotFound", Retry: problem.RetryHuman}, "The engagement "+engagementID+" holds no lead", nil)
}

// Convert starts the task that makes an opportunity of a lead.
func (b *Inbox) Convert(ctx context.Context, engagementID, contextID, token string) (invitation.Task, error) {
	var t EngagementTask
	err := b.client.Call(ctx, "StartOpportunityFromEngagementTask", map[string]string{"Identifier": engagementID, "ContextIdentifier": contextID, "ClientToken": token}, &t)
	return offerTask(&t), err
}

// ConvertTask reads how far that is.
func (b *Inbox) ConvertTask(ctx context.Context, engagementID, contextID, taskID string) (invitation.Task, bool, error) {
	in := map[string]any{"EngagementIdentifier": []string{engagementID}, "ContextIdentifier": []string{contextID}}
	return b.task(ctx, "ListOpportunityFromEngagementTasks", in, taskID)
}

// Made finds the opportunity of ours in an engagement. Others' are associated with
// it too, and AWS shows them to nobody else.
func (b *Inbox) Made(ctx context.Context, engagementID string) (string, error) {
	type association struct {
		ResourceID string `json:"ResourceId"`
	}
	in := map[string]any{"EngagementIdentifier": engagementID, "ResourceType": "Opportunity"}
	for a, err := range pages[association](ctx, b.client, "ListEngagementResourceAssociations", "EngagementResourceAssociationSummaries", in) {
		if err != nil {
			return "", err
		}
		_, err := b.client.GetOpportunity(ctx, a.ResourceID)
		switch {
		case err == nil:
			return a.ResourceID, nil
		case IsNotFound(err) || hasCode(err, CodeAccessDenied):
		default:
			return "", err
		}
	}
	return "", nil
}

// Opportunity reads what an invitation became.
func (b *Inbox) Opportunity(ctx context.Context, remoteOppID string) (invitation.Opportunity, error) {
	o, err := b.client.GetOpportunity(ctx, remoteOppID)
	if err != nil {
		return invitation.Opportunity{}, err
	}
	out := invitation.Opportunity{RemoteID: o.ID, Raw: o.Raw}
	var facts factList
	if c := o.Customer; c != nil {
		if a := c.Account; a != nil {
			out.CustomerName = a.CompanyName
			facts.add("Customer", "Customer.Account.CompanyName", a.CompanyName)
			facts.add("Industry", "Customer.Account.Industry", joinNonEmpty(", ", a.Industry, a.OtherIndustry))
			facts.add("Website", "Customer.Account.WebsiteUrl", a.WebsiteURL)
			if d := a.Address; d != nil {
				facts.add("Country", "Customer.Account.Address.CountryCode", d.CountryCode)
				facts.add("State or region", "Customer.Account.Address.StateOrRegion", d.StateOrRegion)
				facts.add("Postal code", "Customer.Account.Address.PostalCode", d.PostalCode)
				facts.add("City", "Customer.Account.Address.City", d.City)
				facts.add("Street", "Customer.Account.Address.StreetAddress", d.StreetAddress)
			}
			facts.add("AWS account", "Customer.Account.AwsAccountId", a.AwsAccountID)
		}
		facts.add("Customer contacts", "Customer.Contacts", contactWords(c.Contacts))
	}
	if p := o.Project; p != nil {
		out.Title = p.Title
		facts.add("Project", "Project.Title", p.Title)
		facts.add("Business problem", "Project.CustomerBusinessProblem", p.CustomerBusinessProblem)
		facts.add("Use case", "Project.CustomerUseCase", p.CustomerUseCase)
		facts.add("Other solution", "Project.OtherSolutionDescription", p.OtherSolutionDescription)
		facts.add("Expected spend", "Project.ExpectedCustomerSpend", spendWords(p.ExpectedCustomerSpend))
	}
	if l := o.LifeCycle; l != nil {
		facts.add("Target close", "LifeCycle.TargetCloseDate", l.TargetCloseDate)
		facts.add("Stage", "LifeCycle.Stage", l.Stage)
		facts.add("Review", "LifeCycle.ReviewStatus", l.ReviewStatus)
		facts.add("Next steps", "LifeCycle.NextSteps", l.NextSteps)
	}
	if r := o.RelatedEntityIdentifiers; r != nil {
		facts.add("Solutions and products", "RelatedEntityIdentifiers", strings.Join(slices.Concat(r.Solutions, r.AwsProducts), ", "))
	}
	out.Facts = facts
	return out, nil
}

func contactWords(list []Contact) string {
	var lines []string
	for _, c := range list {
		lines = append(lines, joinNonEmpty(", ", strings.TrimSpace(c.FirstName+" "+c.LastName), c.BusinessTitle, c.Email, c.Phone))
	}
	return strings.Join(lines, "\n")
}

func spendWords(list []CustomerSpend) string {
	var lines []string
	for _, s := range list {
		if s.Amount != "" {
			lines = append(lines, fmt.Sprintf("%s %s %s for %s", s.CurrencyCode, s.Amount, strings.ToLower(s.Frequency), s.TargetCompany))
		}
	}
	return strings.Join(lines, "\n")
}
