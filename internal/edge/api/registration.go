package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// RegistrationDetail is a registration with what the portal holds of it.
type RegistrationDetail struct {
	Registration
	RemoteRecord  any       `json:"remote_record,omitempty" doc:"The portal's record as it came."`
	RemoteSummary any       `json:"remote_summary,omitempty" doc:"The partner's own view of it as it came."`
	Approval      *Approval `json:"approval,omitempty" doc:"Only after a wish that needs a Director's approval and waits for it: nothing was changed."`
}

func detailOf(r *registration.Registration) (RegistrationDetail, error) {
	out := RegistrationDetail{Registration: registrationOf(r)}
	var err error
	if out.RemoteRecord, err = raw(r.RemoteRecord); err != nil {
		return out, fmt.Errorf("registration %s: the portal's record: %w", r.ID, err)
	}
	if out.RemoteSummary, err = raw(r.RemoteSummary); err != nil {
		return out, fmt.Errorf("registration %s: the partner's view: %w", r.ID, err)
	}
	return out, nil
}

type registrationsInput struct {
	Cloud         []string `query:"cloud,explode" nullable:"false" enum:"aws,azure,gcp"`
	State         []string `query:"state,explode" nullable:"false" enum:"checking,blocked,creating,created,associated,submitting,submitted,in_review,action_required,approved,rejected,launched,closed_lost,elsewhere,failed,withdrawn,off_route"`
	OpportunityID string   `query:"opportunity_id"`
	After         string   `query:"after" doc:"The cursor next of the page before."`
	Limit         int      `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// Registered is the answer to a wish to register.
type Registered struct {
	DryRun       bool         `json:"dry_run"`
	Registration Registration `json:"registration"`
	Approval     *Approval    `json:"approval,omitempty" doc:"It needs a Director's approval and waits for it; the registration is as it was, or empty when there is none yet."`
	Payload      any          `json:"payload,omitempty" doc:"In a dry run without blocking findings: what would be sent to the portal."`
}

type registerInput struct {
	Repeatable
	ID     string `path:"id"`
	DryRun bool   `query:"dry_run" doc:"As in the body."`
	Body   struct {
		Cloud  string `json:"cloud" enum:"aws,azure,gcp" example:"aws"`
		DryRun bool   `json:"dry_run,omitempty" doc:"Check, show what would be sent, and change nothing."`
	}
}

type registerOutput struct {
	Status int
	Body   Registered
}

func (s *server) registerRegistrations() {
	add(s, operation{
		id: "register-opportunity", method: http.MethodPost, path: "/opportunities/{id}/registrations", tag: "Registrations", summary: "Register an opportunity with a cloud, or try again what failed", action: authz.ActionRegister,
		status: http.StatusAccepted, also: []int{http.StatusNotFound, http.StatusBadGateway},
		about: "The wish is stored, and Tandem carries it out: follow the registration. Where the policies want a Director's approval it waits for that: follow the approval. A dry run answers 200 with the findings and the payload, and changes nothing.",
	}, s.register)
	s.alsoAnswers("/opportunities/{id}/registrations", http.MethodPost, http.StatusAccepted, http.StatusOK, "Dry run: nothing was changed")
	add(s, operation{
		id: "list-registrations", method: http.MethodGet, path: "/registrations", tag: "Registrations", summary: "List registrations by state and cloud", action: authz.ActionRead,
		about: "In the order in which they were opened, so that new ones come last.",
	}, s.listRegistrations)
	add(s, operation{id: "get-registration", method: http.MethodGet, path: "/registrations/{id}", tag: "Registrations", summary: "Get a registration, with the portal's own record", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"reg_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[RegistrationDetail], error) {
			r, err := s.app.Registrations.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			d, err := detailOf(&r)
			if err != nil {
				return nil, err
			}
			return recordOf(r.Version, d)
		})
	add(s, operation{
		id: "choose-solutions", method: http.MethodPut, path: "/registrations/{id}/solutions", tag: "Registrations", summary: "Choose which solutions belong to the deal", action: authz.ActionRegister, ifMatch: true, also: []int{http.StatusNotFound},
		about: "They are linked when the deal is registered. An empty list takes the default solutions.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			ID   string `path:"id"`
			Body struct {
				Solutions []string `json:"solutions" nullable:"false" maxItems:"10" uniqueItems:"true" example:"[\"S-0050001\"]"`
			}
		},
		) (*record[RegistrationDetail], error) {
			version, _, err := versionOf(in.IfMatch)
			if err != nil {
				return nil, err
			}
			r, err := s.app.Registrations.ChooseSolutions(ctx, in.ID, in.Body.Solutions, version)
			if err != nil {
				return nil, err
			}
			d, err := detailOf(&r)
			if err != nil {
				return nil, err
			}
			return recordOf(r.Version, d)
		})
	add(s, operation{
		id: "choose-claim", method: http.MethodPut, path: "/registrations/{id}/claim", tag: "Registrations", summary: "Say which record of a deal holds that another tool registered, too", action: authz.ActionRegister, also: []int{http.StatusNotFound, http.StatusConflict},
		about: "Another co-sell tool in Salesforce (AWS Partner CRM Connector, Tackle) has a record of the deal: the registration is elsewhere, or Tandem follows another record. The reason and `GET /attention?kind=claim` say which. With the portal's id that record is followed; without, the deal is registered with Tandem, or its own record is kept.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			ID   string `path:"id"`
			Body struct {
				RemoteID string `json:"remote_id" example:"O1234567" doc:"Empty for Tandem's own."`
			}
		},
		) (*record[RegistrationDetail], error) {
			r, err := s.app.Registrations.ChooseClaim(ctx, in.ID, in.Body.RemoteID)
			if err != nil {
				return nil, err
			}
			d, err := detailOf(&r)
			if err != nil {
				return nil, err
			}
			return recordOf(r.Version, d)
		})
	add(s, operation{id: "list-solutions", method: http.MethodGet, path: "/solutions", tag: "Registrations", summary: "List the solutions that a portal lets us link", action: authz.ActionRead},
		func(ctx context.Context, in *struct {
			Cloud string `query:"cloud" enum:"aws,azure,gcp" default:"aws"`
		},
		) (*all[Solution], error) {
			list, err := s.app.Registrations.Solutions(ctx, cloud.Cloud(in.Cloud))
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, solutionOf)), nil
		})
}

func (s *server) register(ctx context.Context, in *registerInput) (*registerOutput, error) {
	dry := in.DryRun || in.Body.DryRun
	if !dry {
		res, err := s.app.Approvals.Register(ctx, in.ID, cloud.Cloud(in.Body.Cloud))
		if err != nil {
			return nil, err
		}
		reg := res.Registration
		if reg.ID == "" {
			reg.OpportunityID, reg.Cloud, reg.State = in.ID, cloud.Cloud(in.Body.Cloud), registration.StateChecking
		}
		return &registerOutput{Status: http.StatusAccepted, Body: Registered{Registration: registrationOf(&reg), Approval: approvalPtr(res.Waiting)}}, nil
	}
	r, payload, err := s.app.Registrations.Register(ctx, in.ID, cloud.Cloud(in.Body.Cloud), true)
	if err != nil {
		return nil, err
	}
	out := &registerOutput{Status: http.StatusOK, Body: Registered{DryRun: true, Registration: registrationOf(&r)}}
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &out.Body.Payload); err != nil {
			return nil, fmt.Errorf("the payload of a dry run: %w", err)
		}
	}
	return out, nil
}

func (s *server) listRegistrations(ctx context.Context, in *registrationsInput) (*listed[Registration], error) {
	q := workspace.RegistrationQuery{OpportunityID: in.OpportunityID, After: in.After, Limit: in.Limit}
	v := url.Values{"limit": {strconv.Itoa(in.Limit)}}
	for _, c := range in.Cloud {
		q.Clouds = append(q.Clouds, cloud.Cloud(c))
		v.Add("cloud", c)
	}
	for _, st := range in.State {
		q.States = append(q.States, registration.State(st))
		v.Add("state", st)
	}
	if in.OpportunityID != "" {
		v.Set("opportunity_id", in.OpportunityID)
	}
	p, err := s.app.Workspace.Registrations(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &listed[Registration]{Body: Page[Registration]{Next: p.Next, Items: mapped(p.Rows, func(r *workspace.RegistrationRow) Registration {
		x := registrationOf(&r.Registration)
		x.OpportunityName, x.AccountName = r.OpportunityName, r.AccountName
		return x
	})}}
	if p.Next != "" {
		v.Set("after", p.Next)
		out.Link, out.Body.NextLink = link("/registrations", v.Encode())
	}
	return out, nil
}

// alsoAnswers documents a second status with the same body.
func (s *server) alsoAnswers(path, method string, like, status int, text string) {
	item := s.huma.OpenAPI().Paths[path]
	for _, op := range []*huma.Operation{item.Post, item.Put} {
		if op == nil || op.Method != method {
			continue
		}
		twin := *op.Responses[strconv.Itoa(like)]
		twin.Description = text
		op.Responses[strconv.Itoa(status)] = &twin
	}
}
