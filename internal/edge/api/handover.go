package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// HandOver is a deal that a person enters in a portal which Tandem cannot reach.
type HandOver struct {
	ID            string     `json:"id" example:"hov_01jn8m5q4se9tvd6dy1v9k2r5c"`
	OpportunityID string     `json:"opportunity_id"`
	Cloud         string     `json:"cloud" enum:"aws,azure,gcp"`
	Name          string     `json:"name"`
	AccountName   string     `json:"account_name"`
	OwnerName     string     `json:"owner_name" doc:"Who owns the opportunity."`
	Waits         bool       `json:"waits" doc:"Something is to be entered in the portal."`
	New           bool       `json:"new" doc:"The deal is not in the portal yet."`
	AskedAt       *time.Time `json:"asked_at"`
	RemoteID      string     `json:"remote_id" doc:"The deal's number in the portal, as a person told it."`
	State         string     `json:"state" doc:"How the partner stands to the deal, as a person told it."`
	PartnerName   string     `json:"partner_name" doc:"The partner's owner of the deal."`
	PartnerEmail  string     `json:"partner_email"`
	Note          string     `json:"note"`
	ToldBy        string     `json:"told_by"`
	ToldAt        *time.Time `json:"told_at"`
	Version       int64      `json:"version"`
}

func handOverOf(d *handover.Deal) HandOver {
	return HandOver{
		ID: d.ID, OpportunityID: d.OpportunityID, Cloud: string(d.Cloud), Name: d.Name, AccountName: d.AccountName, OwnerName: d.DealOwner, Waits: d.Waits(), New: d.New(),
		AskedAt: at(d.AskedAt), RemoteID: d.RemoteID, State: string(d.State), PartnerName: d.OwnerName, PartnerEmail: d.OwnerEmail, Note: d.Note, ToldBy: d.ToldBy, ToldAt: at(d.ToldAt), Version: d.Version,
	}
}

// HandOverLine is one field of the form.
type HandOverLine struct {
	Group  string `json:"group"`
	Label  string `json:"label"`
	Path   string `json:"path" doc:"The portal's name of the field."`
	Value  string `json:"value"`
	Before string `json:"before" doc:"What the portal holds."`
	Change bool   `json:"change" doc:"It is to be entered now."`
}

// HandOverForm is a deal to be entered, with the filled form in the portal's order.
type HandOverForm struct {
	HandOver
	Lines []HandOverLine `json:"lines" nullable:"false"`
}

func (s *server) handOverForm(ctx context.Context, d handover.Deal) (HandOverForm, error) {
	lines, err := s.app.HandOvers.Form(ctx, d.ID)
	return HandOverForm{HandOver: handOverOf(&d), Lines: mapped(lines, func(l *handover.Line) HandOverLine { return HandOverLine(*l) })}, err
}

func (s *server) registerHandOvers() {
	add(s, operation{id: "list-hand-overs", method: http.MethodGet, path: "/hand-overs", tag: "Registrations", summary: "List the deals that wait to be entered in a portal by hand, the longest first", action: authz.ActionRead},
		func(ctx context.Context, in *struct {
			Owner string `query:"owner" doc:"Owner of the opportunities, by Salesforce id; absent is everybody's."`
		},
		) (*all[HandOver], error) {
			list, err := s.app.HandOvers.List(ctx, in.Owner)
			return allOf(mapped(list, handOverOf)), err
		})
	add(s, operation{id: "get-hand-over", method: http.MethodGet, path: "/hand-overs/{id}", tag: "Registrations", summary: "Get the filled form of a deal that is entered by hand", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"hov_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[HandOverForm], error) {
			d, err := s.app.HandOvers.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			out, err := s.handOverForm(ctx, d)
			if err != nil {
				return nil, err
			}
			return recordOf(d.Version, out)
		})
	add(s, operation{id: "tell-hand-over", method: http.MethodPost, path: "/hand-overs/{id}/tell", tag: "Registrations", summary: "Say what was entered in the portal, and what it says", about: "The registration goes on from there. The first time needs the deal's number.", action: authz.ActionRegister, ifMatch: true, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Repeatable
			Versioned
			ID   string `path:"id" example:"hov_01jn8m5q4se9tvd6dy1v9k2r5c"`
			Body struct {
				RemoteID     string `json:"remote_id,omitempty" maxLength:"64" doc:"The deal's number in the portal."`
				Entered      bool   `json:"entered,omitempty" doc:"All that waited was entered."`
				State        string `json:"state,omitempty" enum:"submitted,approved,rejected,launched,closed_lost" doc:"Absent leaves it."`
				PartnerName  string `json:"partner_name,omitempty" maxLength:"2000"`
				PartnerEmail string `json:"partner_email,omitempty" maxLength:"2000"`
				Note         string `json:"note,omitempty" maxLength:"2000"`
			}
		},
		) (*record[HandOverForm], error) {
			version, _, err := versionOf(in.IfMatch)
			if err != nil {
				return nil, err
			}
			b := in.Body
			d, err := s.app.HandOvers.Tell(ctx, in.ID, handover.Told{
				RemoteID: b.RemoteID, Entered: b.Entered, State: registration.State(b.State), OwnerName: b.PartnerName, OwnerEmail: b.PartnerEmail, Note: b.Note, Version: version,
			})
			if err != nil {
				return nil, err
			}
			out, err := s.handOverForm(ctx, d)
			if err != nil {
				return nil, err
			}
			return recordOf(d.Version, out)
		})
}
