package api

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
)

// Opportunity is a deal with all that belongs to it.
type Opportunity struct {
	ID                      string        `json:"id" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c"`
	CRMID                   string        `json:"crm_id" example:"006000000000001AAA"`
	AccountID               string        `json:"account_id"`
	AccountCRMID            string        `json:"account_crm_id"`
	AccountName             string        `json:"account_name"`
	Name                    string        `json:"name"`
	Type                    string        `json:"type"`
	Stage                   string        `json:"stage"`
	Closed                  bool          `json:"closed"`
	Won                     bool          `json:"won"`
	ForecastCategory        string        `json:"forecast_category"`
	CloseOn                 string        `json:"close_on" example:"2026-09-30" doc:"A day, or empty."`
	StartOn                 string        `json:"start_on" doc:"A day, or empty."`
	EndOn                   string        `json:"end_on" doc:"A day, or empty."`
	Amount                  *Money        `json:"amount"`
	ARRNet                  *Money        `json:"arr_net"`
	OrderType               string        `json:"order_type"`
	DealPath                string        `json:"deal_path"`
	SQLSource               string        `json:"sql_source"`
	LeadSource              string        `json:"lead_source"`
	Description             string        `json:"description"`
	NextSteps               string        `json:"next_steps"`
	LostReason              string        `json:"lost_reason"`
	Competitors             string        `json:"competitors"`
	FulfillmentPartnerCRMID string        `json:"fulfillment_partner_crm_id"`
	FulfillmentPartner      string        `json:"fulfillment_partner"`
	InfluencePartnerCRMID   string        `json:"influence_partner_crm_id"`
	InfluencePartner        string        `json:"influence_partner"`
	DRPartnerCRMID          string        `json:"dr_partner_crm_id"`
	DRPartner               string        `json:"dr_partner"`
	DRDealType              string        `json:"dr_deal_type"`
	Distributor             string        `json:"distributor"`
	ResaleTrack             string        `json:"resale_track"`
	PartnerMargin           string        `json:"partner_margin"`
	Segment                 string        `json:"segment"`
	Geo                     string        `json:"geo"`
	Region                  string        `json:"region"`
	Area                    string        `json:"area"`
	PushCount               int64         `json:"push_count"`
	OwnerCRMID              string        `json:"owner_crm_id"`
	OwnerName               string        `json:"owner_name"`
	Deleted                 bool          `json:"deleted" doc:"Deleted in Salesforce."`
	CRMCreatedAt            *time.Time    `json:"crm_created_at"`
	CRMModstamp             time.Time     `json:"crm_modstamp"`
	Version                 int64         `json:"version"`
	Joint                   []Joint       `json:"joint" nullable:"false"`
	Team                    []TeamMember  `json:"team" nullable:"false" doc:"Our sellers on the deal."`
	Contacts                []DealContact `json:"contacts" nullable:"false" doc:"The customer's people on the deal."`
	Clouds                  []CloudView   `json:"clouds" nullable:"false" doc:"The clouds it is joint with, was marked for or is registered at."`
	Timeline                []Activity    `json:"timeline" nullable:"false" doc:"What happened, newest first."`
}

// TeamMember is a seller of ours on an opportunity.
type TeamMember struct {
	CRMID       string `json:"crm_id"`
	PersonCRMID string `json:"person_crm_id"`
	Name        string `json:"name"`
	Email       string `json:"email"`
	Title       string `json:"title"`
	Phone       string `json:"phone"`
	Role        string `json:"role"`
}

// DealContact is a person at the customer with a role in an opportunity.
type DealContact struct {
	CRMID        string `json:"crm_id"`
	ContactCRMID string `json:"contact_crm_id"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Email        string `json:"email"`
	Title        string `json:"title"`
	Phone        string `json:"phone"`
	Role         string `json:"role"`
	Primary      bool   `json:"primary"`
}

func opportunityOf(o *opportunity.Opportunity) Opportunity {
	return Opportunity{
		ID: o.ID, CRMID: o.CRMID, AccountID: o.AccountID, AccountCRMID: o.AccountCRMID, AccountName: o.AccountName, Name: o.Name, Type: o.Type,
		Stage: o.Stage, Closed: o.Closed, Won: o.Won, ForecastCategory: o.ForecastCategory, CloseOn: string(o.CloseOn), StartOn: string(o.StartOn),
		EndOn: string(o.EndOn), Amount: moneyOf(o.Amount()), ARRNet: moneyOf(o.ARRNet()), OrderType: o.OrderType, DealPath: o.DealPath,
		SQLSource: o.SQLSource, LeadSource: o.LeadSource, Description: o.Description, NextSteps: o.NextSteps, LostReason: o.LostReason,
		Competitors: o.Competitors, FulfillmentPartnerCRMID: o.FulfillmentPartnerCRMID, FulfillmentPartner: o.FulfillmentPartner,
		InfluencePartnerCRMID: o.InfluencePartnerCRMID, InfluencePartner: o.InfluencePartner, DRPartnerCRMID: o.DRPartnerCRMID, DRPartner: o.DRPartner,
		DRDealType: o.DRDealType, Distributor: o.Distributor, ResaleTrack: o.ResaleTrack, PartnerMargin: o.PartnerMargin, Segment: o.Segment, Geo: o.Geo,
		Region: o.Region, Area: o.Area, PushCount: o.PushCount, OwnerCRMID: o.OwnerCRMID, OwnerName: o.OwnerName, Deleted: o.Deleted,
		CRMCreatedAt: at(o.CRMCreatedAt), CRMModstamp: o.CRMModstamp, Version: o.Version,
	}
}

type opportunityInput struct {
	ConditionalRead
	ID string `path:"id" example:"opp_01jn8m5q4se9tvd6dy1v9k2r5c"`
}

func (s *server) getOpportunity(ctx context.Context, in *opportunityInput) (*record[Opportunity], error) {
	o, joint, err := s.app.Opportunities.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	members, contacts, err := s.app.Opportunities.Team(ctx, &o)
	if err != nil {
		return nil, err
	}
	views, err := s.app.Registrations.Views(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	timeline, err := s.app.Activities.OfOpportunity(ctx, o.ID)
	if err != nil {
		return nil, err
	}
	out := opportunityOf(&o)
	out.Joint, out.Clouds, out.Timeline = mapped(joint, jointOf), mapped(views, viewOf), mapped(timeline, activityOf)
	out.Team = mapped(members, func(m *opportunity.Member) TeamMember {
		return TeamMember{CRMID: m.CRMID, PersonCRMID: m.PersonCRMID, Name: m.Name, Email: m.Email, Title: m.Title, Phone: m.Phone, Role: m.Role}
	})
	out.Contacts = mapped(contacts, func(c *opportunity.Contact) DealContact {
		return DealContact{
			CRMID: c.CRMID, ContactCRMID: c.ContactCRMID, FirstName: c.FirstName, LastName: c.LastName, Email: c.Email, Title: c.Title,
			Phone: c.Phone, Role: c.Role, Primary: c.Primary,
		}
	})
	return recordOf(o.Version, out)
}
