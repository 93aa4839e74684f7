package api

import (
	"context"
	"net/http"

	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// NewOpportunityField is a field of an opportunity that is to be made in Salesforce.
type NewOpportunityField struct {
	Name     string   `json:"name" example:"opportunity.stage" doc:"Its name in values."`
	CRMField string   `json:"crm_field" example:"Opportunity.StageName"`
	Label    string   `json:"label" example:"Stage"`
	Required bool     `json:"required"`
	Length   int      `json:"length" doc:"The most characters; 0 is no limit."`
	Options  []string `json:"options" nullable:"false" doc:"The values that Salesforce lists."`
	Value    string   `json:"value" doc:"What it is made of unless you say otherwise."`
	From     string   `json:"from" example:"LifeCycle.Stage" doc:"Where the portal says it; empty where nothing does."`
	Fault    string   `json:"fault" doc:"What Salesforce refused of it last."`
}

// AccountChoice is an account that the customer could be.
type AccountChoice struct {
	ID      string `json:"id"`
	CRMID   string `json:"crm_id"`
	Name    string `json:"name"`
	Website string `json:"website"`
	Owner   string `json:"owner_name"`
}

// InvitationDraft is what an opportunity would be made of in Salesforce.
type InvitationDraft struct {
	Fields   []NewOpportunityField `json:"fields" nullable:"false"`
	Accounts []AccountChoice       `json:"accounts" nullable:"false" doc:"Those that the customer could be, the likeliest first: crm_id is the value of opportunity.account."`
}

func draftOf(f *invitation.Form) InvitationDraft {
	return InvitationDraft{
		Fields: mapped(f.Fields, func(x *invitation.FormField) NewOpportunityField {
			return NewOpportunityField{
				Name: x.Name, CRMField: x.CRMField, Label: x.Label, Required: x.Required, Length: x.Length, Options: orEmpty(x.Options), Value: x.Value, From: x.From, Fault: x.Fault,
			}
		}),
		Accounts: mapped(f.Accounts, func(a *account.Account) AccountChoice {
			return AccountChoice{ID: a.ID, CRMID: a.CRMID, Name: a.Name, Website: a.Website, Owner: a.OwnerName}
		}),
	}
}

func (s *server) registerInvitationCreate(create operation) {
	add(s, operation{
		id: "get-invitation-draft", method: http.MethodGet, path: "/invitations/{id}/draft", tag: "Invitations", summary: "Get what an opportunity would be made of in Salesforce", action: authz.ActionAccept, also: []int{http.StatusNotModified, http.StatusNotFound},
		about: "Of an accepted invitation that is linked with nothing: which fields, with which values, from what. Salesforce is asked for its fields.",
	},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"inv_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[InvitationDraft], error) {
			f, err := s.app.Invitations.Form(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return recordOf(f.Invitation.Version, draftOf(&f))
		})
	add(s, create, func(ctx context.Context, in *struct {
		InvitationWish
		Body struct {
			Values map[string]string `json:"values,omitempty" doc:"By the names of the draft's fields. What is left out is made of what the draft suggests; an empty text leaves a field empty."`
		}
	},
	) (*answerOutput, error) {
		return answered(ctx, in.ID, in.IfMatch, in.DryRun, func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
			return s.app.Invitations.Create(ctx, a, in.Body.Values)
		})
	})
	s.alsoAnswers(create.path, http.MethodPost, http.StatusAccepted, http.StatusOK, "Dry run: nothing was changed")
}
