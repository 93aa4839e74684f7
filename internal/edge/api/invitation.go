package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// InvitationFact is one thing that an invitation tells or hides.
type InvitationFact struct {
	Label string `json:"label" example:"Business problem"`
	Path  string `json:"path" doc:"The portal's own name of it."`
	Value string `json:"value" doc:"Empty for what is hidden."`
}

func factsOf(list []invitation.Fact) []InvitationFact {
	return mapped(list, func(f *invitation.Fact) InvitationFact {
		return InvitationFact{Label: f.Label, Path: f.Path, Value: f.Value}
	})
}

// Invitation is one deal or lead that a partner offers us.
type Invitation struct {
	ID                  string           `json:"id" example:"inv_01jn8m5q4se9tvd6dy1v9k2r5c"`
	Cloud               string           `json:"cloud" enum:"aws,azure,gcp"`
	Kind                string           `json:"kind" enum:"opportunity,lead"`
	State               string           `json:"state" enum:"pending,accepting,rejecting,accepted,converting,creating,linked,dismissed,rejected,expired,gone,failed"`
	StateLabel          string           `json:"state_label" example:"Waits for an answer"`
	Reason              string           `json:"reason"`
	RemoteID            string           `json:"remote_id" example:"engi-0000000000001" doc:"Its id in the portal."`
	RemoteStatus        string           `json:"remote_status" doc:"The portal's word, verbatim."`
	Title               string           `json:"title"`
	Message             string           `json:"message" doc:"What the sender says."`
	SenderName          string           `json:"sender_name"`
	SenderAccount       string           `json:"sender_account"`
	EngagementID        string           `json:"engagement_id"`
	CustomerName        string           `json:"customer_name"`
	CustomerCountry     string           `json:"customer_country" doc:"ISO 3166, two letters."`
	Facts               []InvitationFact `json:"facts" nullable:"false" doc:"What is known of it."`
	Hidden              []InvitationFact `json:"hidden" nullable:"false" doc:"What the portal hides until it is accepted."`
	Rejection           string           `json:"rejection" doc:"Why it was rejected."`
	AnsweredBy          string           `json:"answered_by" doc:"Who answered in Tandem; empty when it was in the portal."`
	RemoteOpportunityID string           `json:"remote_opportunity_id" doc:"What it became in the portal."`
	OpportunityID       string           `json:"opportunity_id" doc:"The opportunity that it is linked with."`
	OpportunityCRMID    string           `json:"opportunity_crm_id" doc:"The Salesforce id of the opportunity that was made of it."`
	RegistrationID      string           `json:"registration_id"`
	Convertible         bool             `json:"convertible" doc:"It is an accepted lead that can be made an opportunity."`
	Linkable            bool             `json:"linkable" doc:"It can be linked with an opportunity now."`
	Dismissible         bool             `json:"dismissible" doc:"It is an accepted lead that can be dismissed now."`
	Creatable           bool             `json:"creatable" doc:"An opportunity of Salesforce can be made of it now."`
	Error               string           `json:"error" doc:"What the portal, or Salesforce, refused last."`
	ErrorCode           string           `json:"error_code"`
	Attempts            int64            `json:"attempts"`
	SentAt              *time.Time       `json:"sent_at"`
	ExpiresAt           *time.Time       `json:"expires_at"`
	ReadAt              *time.Time       `json:"read_at"`
	AnsweredAt          *time.Time       `json:"answered_at"`
	DueAt               *time.Time       `json:"due_at" doc:"When Tandem looks at it next; null is never by itself."`
	StateAt             *time.Time       `json:"state_at"`
	UpdatedAt           *time.Time       `json:"updated_at"`
	Version             int64            `json:"version"`
}

func invitationOf(i *invitation.Invitation) Invitation {
	return Invitation{
		ID: i.ID, Cloud: string(i.Cloud), Kind: string(i.Kind), State: string(i.State), StateLabel: i.State.Label(), Reason: i.Reason,
		RemoteID: i.RemoteID, RemoteStatus: i.RemoteStatus, Title: i.Name(), Message: i.Message, SenderName: i.SenderName, SenderAccount: i.SenderAccount,
		EngagementID: i.EngagementID, CustomerName: i.CustomerName, CustomerCountry: i.CustomerCountry, Facts: factsOf(i.Facts.V), Hidden: factsOf(i.Hidden.V),
		Rejection: i.Rejection, AnsweredBy: i.AnsweredBy, RemoteOpportunityID: i.RemoteOppID, OpportunityID: i.OpportunityID, RegistrationID: i.RegistrationID, OpportunityCRMID: i.OpportunityCRMID,
		Convertible: i.Convertible(), Linkable: i.Linkable(), Creatable: i.Creatable(), Dismissible: i.Dismissible(), Error: i.Error, ErrorCode: i.ErrorCode, Attempts: i.Attempts,
		SentAt: at(i.SentAt), ExpiresAt: at(i.ExpiresAt), ReadAt: at(i.ReadAt), AnsweredAt: at(i.AnsweredAt), DueAt: at(i.DueAt), StateAt: at(i.StateAt),
		UpdatedAt: at(i.UpdatedAt), Version: i.Version,
	}
}

// InvitationEvent is one thing that happened to an invitation.
type InvitationEvent struct {
	Kind       string     `json:"kind" example:"expires_7"`
	Subject    string     `json:"subject"`
	Body       string     `json:"body"`
	ActorKind  string     `json:"actor_kind"`
	ActorName  string     `json:"actor_name"`
	HappenedAt *time.Time `json:"happened_at"`
}

// InvitationDetail is an invitation with its timeline and the portal's own records.
type InvitationDetail struct {
	Invitation
	Rejections   []string          `json:"rejections" nullable:"false" doc:"The reasons for which it can be rejected."`
	Events       []InvitationEvent `json:"events" nullable:"false" doc:"Newest first."`
	Payload      any               `json:"payload,omitempty" doc:"The portal's invitation as it came."`
	RemoteRecord any               `json:"remote_record,omitempty" doc:"The portal's opportunity as it came, after acceptance."`
}

// InvitationAnswered is the answer to a wish about an invitation.
type InvitationAnswered struct {
	DryRun     bool              `json:"dry_run"`
	Invitation Invitation        `json:"invitation"`
	Approval   *Approval         `json:"approval,omitempty" doc:"It needs a Director's approval and waits for it; the invitation is as it was."`
	Values     map[string]string `json:"values,omitempty" doc:"What an opportunity is made of in Salesforce, by the names of the draft's fields."`
}

// InvitationWish is what every wish about an invitation can be sent with.
type InvitationWish struct {
	Repeatable
	Versioned
	ID     string `path:"id" example:"inv_01jn8m5q4se9tvd6dy1v9k2r5c"`
	DryRun bool   `query:"dry_run" doc:"Check all rules, and change nothing."`
}

type answerOutput struct {
	ETag   string `header:"ETag" doc:"The version of what is shown."`
	Status int
	Body   InvitationAnswered
}

func (s *server) registerInvitations() {
	add(s, operation{
		id: "list-invitations", method: http.MethodGet, path: "/invitations", tag: "Invitations", summary: "List invitations by state", action: authz.ActionRead,
		about: "What needs an answer comes first, the one that expires soonest on top.",
	}, s.listInvitations)
	add(s, operation{id: "get-invitation", method: http.MethodGet, path: "/invitations/{id}", tag: "Invitations", summary: "Get an invitation, with its timeline and the portal's own records", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		s.getInvitation)
	wish := func(id, name, summary, about string, action authz.Action) operation {
		return operation{
			id: id, method: http.MethodPost, path: "/invitations/{id}/" + name, tag: "Invitations", summary: summary, about: about + " What needs a Director's approval waits for it: approval says so. A dry run answers 200 and changes nothing.",
			action: action, status: http.StatusAccepted, ifMatch: true, also: []int{http.StatusNotFound},
		}
	}
	simple := func(o operation, do func(context.Context, invitation.Answer) (invitation.Result, error)) {
		add(s, o, func(ctx context.Context, in *InvitationWish) (*answerOutput, error) {
			return answered(ctx, in.ID, in.IfMatch, in.DryRun, do)
		})
		s.alsoAnswers(o.path, http.MethodPost, http.StatusAccepted, http.StatusOK, "Dry run: nothing was changed")
	}
	simple(wish("accept-invitation", "accept", "Accept an invitation", "The wish and its token are stored, and Tandem carries it out: follow the invitation.", authz.ActionAccept), s.app.Invitations.Accept)
	simple(wish("convert-invitation", "convert", "Make an accepted lead an opportunity in the portal", "Carried out by Tandem, once.", authz.ActionAccept), s.app.Invitations.Convert)
	simple(wish("retry-invitation", "retry", "Try again what the portal refused", "After its cause was mended.", authz.ActionAccept), s.app.Invitations.Retry)
	s.registerDismissal()
	reject := wish("reject-invitation", "reject", "Reject an invitation for one of the portal's reasons", "The reasons stand in the invitation.", authz.ActionReject)
	add(s, reject, func(ctx context.Context, in *struct {
		InvitationWish
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"80" example:"Unable to support"`
		}
	},
	) (*answerOutput, error) {
		return answered(ctx, in.ID, in.IfMatch, in.DryRun, func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
			return s.app.Invitations.Reject(ctx, a, in.Body.Reason)
		})
	})
	s.alsoAnswers(reject.path, http.MethodPost, http.StatusAccepted, http.StatusOK, "Dry run: nothing was changed")
	link := wish("link-invitation", "link", "Link an accepted invitation with an opportunity", "It becomes the registration of the opportunity, and is kept true from then on.", authz.ActionAccept)
	add(s, link, func(ctx context.Context, in *struct {
		InvitationWish
		Body struct {
			OpportunityID string `json:"opportunity_id" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c"`
		}
	},
	) (*answerOutput, error) {
		return answered(ctx, in.ID, in.IfMatch, in.DryRun, func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
			return s.app.Invitations.Link(ctx, a, in.Body.OpportunityID)
		})
	})
	s.alsoAnswers(link.path, http.MethodPost, http.StatusAccepted, http.StatusOK, "Dry run: nothing was changed")
	s.registerInvitationCreate(wish("create-opportunity", "create-opportunity", "Make an opportunity in Salesforce of an accepted invitation",
		"It is made once, whatever happens to Salesforce's answer, linked with the invitation, and kept true from then on. An accepted lead is made an opportunity in the portal first.", authz.ActionAccept))
}

// registerDismissal adds what puts a lead aside and takes it up again. Neither
// reaches a partner.
func (s *server) registerDismissal() {
	act := func(id, name, summary, about string) operation {
		return operation{
			id: id, method: http.MethodPost, path: "/invitations/{id}/" + name, tag: "Invitations", summary: summary, about: about + " The partner is told nothing. A dry run changes nothing.",
			action: authz.ActionAccept, ifMatch: true, also: []int{http.StatusNotFound},
		}
	}
	add(s, act("dismiss-invitation", "dismiss", "Dismiss an accepted lead, with a reason", "It leaves everybody's list, and can be taken back."), func(ctx context.Context, in *struct {
		InvitationWish
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"500" example:"No budget this year"`
		}
	},
	) (*answerOutput, error) {
		return here(answered(ctx, in.ID, in.IfMatch, in.DryRun, func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
			return s.app.Invitations.Dismiss(ctx, a, in.Body.Reason)
		}))
	})
	add(s, act("restore-invitation", "restore", "Take the dismissal of a lead back", "It is an accepted lead again."), func(ctx context.Context, in *InvitationWish) (*answerOutput, error) {
		return here(answered(ctx, in.ID, in.IfMatch, in.DryRun, s.app.Invitations.Restore))
	})
}

// here answers what is done when the answer comes.
func here(out *answerOutput, err error) (*answerOutput, error) {
	if out != nil {
		out.Status = http.StatusOK
	}
	return out, err
}

// answered carries one wish out, as the version that the caller saw allows.
func answered(ctx context.Context, id, ifMatch string, dry bool, do func(context.Context, invitation.Answer) (invitation.Result, error)) (*answerOutput, error) {
	version, _, err := versionOf(ifMatch)
	if err != nil {
		return nil, err
	}
	res, err := do(ctx, invitation.Answer{ID: id, Version: version, DryRun: dry})
	if err != nil {
		return nil, err
	}
	i := &res.Invitation
	out := &answerOutput{Status: http.StatusAccepted, Body: InvitationAnswered{DryRun: dry, Invitation: invitationOf(i), Approval: approvalPtr(res.Waiting), Values: res.Values}}
	if dry {
		out.Status = http.StatusOK
	}
	out.ETag, err = etagOf(i.Version, out.Body.Invitation)
	return out, err
}

func (s *server) listInvitations(ctx context.Context, in *struct {
	State []string `query:"state,explode" nullable:"false" enum:"pending,accepting,rejecting,accepted,converting,creating,linked,dismissed,rejected,expired,gone,failed"`
	After string   `query:"after" doc:"The cursor next of the page before."`
	Limit int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
},
) (*listed[Invitation], error) {
	q := invitation.Query{After: in.After, Limit: in.Limit}
	v := url.Values{"limit": {strconv.Itoa(in.Limit)}}
	for _, st := range in.State {
		q.States = append(q.States, invitation.State(st))
		v.Add("state", st)
	}
	p, err := s.app.Invitations.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listed[Invitation]{Body: Page[Invitation]{Next: p.Next, Items: mapped(p.Rows, invitationOf)}}
	if p.Next != "" {
		v.Set("after", p.Next)
		out.Link, out.Body.NextLink = link("/invitations", v.Encode())
	}
	return out, nil
}

func (s *server) getInvitation(ctx context.Context, in *struct {
	ConditionalRead
	ID string `path:"id" example:"inv_01jn8m5q4se9tvd6dy1v9k2r5c"`
},
) (*record[InvitationDetail], error) {
	i, err := s.app.Invitations.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	events, err := s.app.Invitations.Events(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	out := InvitationDetail{Invitation: invitationOf(&i), Rejections: orEmpty(s.app.Invitations.Rejections(i.Cloud)), Events: mapped(events, func(e *invitation.Event) InvitationEvent {
		return InvitationEvent{Kind: e.Kind, Subject: e.Subject, Body: e.Body, ActorKind: e.ActorKind, ActorName: e.ActorName, HappenedAt: at(e.HappenedAt)}
	})}
	if out.Payload, err = raw(i.Payload); err != nil {
		return nil, fmt.Errorf("invitation %s: the portal's invitation: %w", i.ID, err)
	}
	if out.RemoteRecord, err = raw(i.RemoteRecord); err != nil {
		return nil, fmt.Errorf("invitation %s: the portal's opportunity: %w", i.ID, err)
	}
	return recordOf(i.Version, out)
}
