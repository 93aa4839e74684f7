package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
)

// draftList gathers values for a new opportunity; empty ones are left out.
type draftList []invitation.Drafted

func (l *draftList) add(field, path, value string) {
	if value = strings.TrimSpace(value); value != "" {
		*l = append(*l, invitation.Drafted{Field: field, Value: value, From: path})
	}
}

// salesTypes are Salesforce's words for AWS's types of opportunity, those that typeOf
// reads back.
var salesTypes = map[string]string{"Net New Business": "New Business", "Flat Renewal": "Renewal", "Expansion": "Add-On Business"}

// Draft says what AWS tells of an invitation in our fields: of the opportunity that
// it became, else of the invitation itself. The stage is the first of the given ones
// that stands for AWS's.
func (b *Inbox) Draft(i *invitation.Invitation, stages []string) ([]invitation.Drafted, error) {
	var out draftList
	out.add(invitation.FieldLeadSource, "it comes from "+cloud.AWS.Label(), cloud.AWS.Label())
	stage := StageProspect
	if i.RemoteRecord == "" {
		if err := draftOfInvitation(&out, i); err != nil {
			return nil, err
		}
	} else {
		var o Opportunity
		if err := json.Unmarshal([]byte(i.RemoteRecord), &o); err != nil {
			return nil, fmt.Errorf("draft of %s: %w", i.RemoteOppID, err)
		}
		out.add(invitation.FieldType, "OpportunityType", salesTypes[o.OpportunityType])
		if c := o.Customer; c != nil && c.Account != nil {
			out.add("account.name", "Customer.Account.CompanyName", c.Account.CompanyName)
			out.add("account.website", "Customer.Account.WebsiteUrl", c.Account.WebsiteURL)
		}
		if p := o.Project; p != nil {
			out.add(invitation.FieldName, "Project.Title", p.Title)
			out.add(invitation.FieldDescription, "Project.CustomerBusinessProblem", p.CustomerBusinessProblem)
		}
		if l := o.LifeCycle; l != nil {
			out.add(invitation.FieldCloseOn, "LifeCycle.TargetCloseDate", l.TargetCloseDate)
			out.add(invitation.FieldNextSteps, "LifeCycle.NextSteps", l.NextSteps)
			if l.Stage != "" {
				stage = l.Stage
			}
		}
	}
	if n := slices.IndexFunc(stages, func(s string) bool { return stageOf(s, false, false) == stage }); n >= 0 {
		out.add(invitation.FieldStage, stagePath, stages[n])
	}
	return out, nil
}

// draftOfInvitation takes what the invitation itself tells: a lead is no opportunity
// in the portal yet.
func draftOfInvitation(out *draftList, i *invitation.Invitation) error {
	if i.Payload == "" {
		out.add(invitation.FieldName, "EngagementTitle", i.Title)
		return nil
	}
	var a invitationAnswer
	if err := json.Unmarshal([]byte(i.Payload), &a); err != nil {
		return fmt.Errorf("draft of %s: %w", i.RemoteID, err)
	}
	switch o, l := a.Payload.Opportunity, a.Payload.Lead; {
	case o != nil:
		const at = "Payload.OpportunityInvitation."
		out.add("account.name", at+"Customer.CompanyName", o.Customer.CompanyName)
		out.add("account.website", at+"Customer.WebsiteUrl", o.Customer.WebsiteURL)
		out.add(invitation.FieldName, at+"Project.Title", o.Project.Title)
		out.add(invitation.FieldDescription, at+"Project.BusinessProblem", o.Project.BusinessProblem)
		out.add(invitation.FieldCloseOn, at+"Project.TargetCompletionDate", o.Project.TargetCompletionDate)
	case l != nil:
		const at = "Payload.LeadInvitation."
		out.add("account.name", at+"Customer.CompanyName", l.Customer.CompanyName)
		out.add("account.website", at+"Customer.WebsiteUrl", l.Customer.WebsiteURL)
		out.add(invitation.FieldName, "EngagementTitle", i.Title)
		out.add(invitation.FieldDescription, at+"Interaction.Usecase", l.Interaction.Usecase)
	}
	return nil
}
