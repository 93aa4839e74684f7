// Package opportunity answers "what are we selling, to whom, how far is it, and
// with which cloud is it joint?": the mirror of the Salesforce opportunities and
// the decision which of them are joint. Salesforce is the master of all but that
// decision.
package opportunity

import (
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
)

// Opportunity is one deal as Salesforce knows it. Amounts are minor units of
// Currency; nil is no amount. Stage, OrderType and the like are the CRM's own
// words.
type Opportunity struct {
	ID                      string    `db:"id" json:"id"`
	CRMID                   string    `db:"crm_id" json:"crm_id"`
	AccountID               string    `db:"account_id" json:"account_id"`
	AccountCRMID            string    `db:"account_crm_id" json:"account_crm_id"`
	AccountName             string    `db:"account_name" json:"account_name"`
	Name                    string    `db:"name" json:"name"`
	NameKey                 string    `db:"name_key" json:"-"`
	Type                    string    `db:"type" json:"type"`
	Stage                   string    `db:"stage" json:"stage"`
	Closed                  bool      `db:"closed" json:"closed"`
	Won                     bool      `db:"won" json:"won"`
	ForecastCategory        string    `db:"forecast_category" json:"forecast_category"`
	CloseOn                 date.Date `db:"close_on" json:"close_on"`
	StartOn                 date.Date `db:"start_on" json:"start_on"`
	EndOn                   date.Date `db:"end_on" json:"end_on"`
	Currency                string    `db:"currency" json:"currency"`
	AmountMinor             *int64    `db:"amount_minor" json:"amount_minor"`
	ARRNetMinor             *int64    `db:"arr_net_minor" json:"arr_net_minor"`
	ARRBasisMinor           *int64    `db:"arr_basis_minor" json:"arr_basis_minor"`
	OrderType               string    `db:"order_type" json:"order_type"`
	DealPath                string    `db:"deal_path" json:"deal_path"`
	SQLSource               string    `db:"sql_source" json:"sql_source"`
	LeadSource              string    `db:"lead_source" json:"lead_source"`
	Description             string    `db:"description" json:"description"`
	NextSteps               string    `db:"next_steps" json:"next_steps"`
	LostReason              string    `db:"lost_reason" json:"lost_reason"`
	Competitors             string    `db:"competitors" json:"competitors"`
	FulfillmentPartnerCRMID string    `db:"fulfillment_partner_crm_id" json:"fulfillment_partner_crm_id"`
	FulfillmentPartner      string    `db:"fulfillment_partner" json:"fulfillment_partner"`
	InfluencePartnerCRMID   string    `db:"influence_partner_crm_id" json:"influence_partner_crm_id"`
	InfluencePartner        string    `db:"influence_partner" json:"influence_partner"`
	DRPartnerCRMID          string    `db:"dr_partner_crm_id" json:"dr_partner_crm_id"`
	DRPartner               string    `db:"dr_partner" json:"dr_partner"`
	DRDealType              string    `db:"dr_deal_type" json:"dr_deal_type"`
	Distributor             string    `db:"distributor" json:"distributor"`
	ResaleTrack             string    `db:"resale_track" json:"resale_track"`
	PartnerMargin           string    `db:"partner_margin" json:"partner_margin"`
	Segment                 string    `db:"segment" json:"segment"`
	Geo                     string    `db:"geo" json:"geo"`
	Region                  string    `db:"region" json:"region"`
	Area                    string    `db:"area" json:"area"`
	PushCount               int64     `db:"push_count" json:"push_count"`
	OwnerCRMID              string    `db:"owner_crm_id" json:"owner_crm_id"`
	OwnerName               string    `db:"owner_name" json:"owner_name"`
	Deleted                 bool      `db:"deleted" json:"deleted"`
	Purged                  bool      `db:"purged" json:"purged"` // gone for good, or out of our user's sight: no recycle bin holds it
	CRMCreatedAt            time.Time `db:"crm_created_at" json:"crm_created_at"`
	CRMModstamp             time.Time `db:"crm_modstamp" json:"crm_modstamp"`
	CreatedAt               time.Time `db:"created_at,insert" json:"-"`
	UpdatedAt               time.Time `db:"updated_at" json:"updated_at"`
	Version                 int64     `db:"version" json:"version"`

	// OriginKey names the record in a portal that Tandem made it of; only where it
	// comes from Salesforce just now.
	OriginKey string `db:"-" json:"-"`
	// Absent names what Salesforce has no field for that our user sees
	// ("opportunity.description"): it says nothing of that; only where it comes from
	// Salesforce just now.
	Absent []string `db:"-" json:"-"`
}

// Key sets what is computed from the name.
func (o *Opportunity) Key() { o.NameKey = textkey.Of(o.Name) }

// Amount gives the total amount, or none.
func (o *Opportunity) Amount() money.Amount { return amount(o.AmountMinor, o.Currency) }

// ARRNet gives the net annual recurring revenue, or none.
func (o *Opportunity) ARRNet() money.Amount { return amount(o.ARRNetMinor, o.Currency) }

func amount(minor *int64, currency string) money.Amount {
	if minor == nil || currency == "" {
		return money.Amount{}
	}
	return money.Amount{Minor: *minor, Currency: currency}
}

// Member is a seller of ours on the opportunity's team.
type Member struct {
	CRMID            string    `db:"crm_id" json:"crm_id"`
	OpportunityCRMID string    `db:"opportunity_crm_id" json:"opportunity_crm_id"`
	PersonCRMID      string    `db:"person_crm_id" json:"person_crm_id"`
	Name             string    `db:"name" json:"name"`
	Email            string    `db:"email" json:"email"`
	Title            string    `db:"title" json:"title"`
	Phone            string    `db:"phone" json:"phone"`
	Role             string    `db:"role" json:"role"`
	Deleted          bool      `db:"deleted" json:"-"`
	CRMModstamp      time.Time `db:"crm_modstamp" json:"-"`
}

// Contact is a person at the customer with a role in the opportunity.
type Contact struct {
	CRMID            string    `db:"crm_id" json:"crm_id"`
	OpportunityCRMID string    `db:"opportunity_crm_id" json:"opportunity_crm_id"`
	ContactCRMID     string    `db:"contact_crm_id" json:"contact_crm_id"`
	FirstName        string    `db:"first_name" json:"first_name"`
	LastName         string    `db:"last_name" json:"last_name"`
	Email            string    `db:"email" json:"email"`
	Title            string    `db:"title" json:"title"`
	Phone            string    `db:"phone" json:"phone"`
	Role             string    `db:"role" json:"role"`
	Primary          bool      `db:"is_primary" json:"primary"`
	Deleted          bool      `db:"deleted" json:"-"`
	CRMModstamp      time.Time `db:"crm_modstamp" json:"-"`
}

// Card is what a contact of ours in Salesforce holds of itself. A deleted one with a
// master was merged into it.
type Card struct {
	CRMID       string
	MasterCRMID string
	FirstName   string
	LastName    string
	Email       string
	Title       string
	Phone       string
	Deleted     bool
	CRMModstamp time.Time
}

// Source says who decided that an opportunity is joint.
type Source string

// The sources of a joint decision. A person's decision outranks the rule.
const (
	SourceRule   Source = "rule"
	SourcePerson Source = "person"
)

// Joint is the decision whether an opportunity is joint with a cloud, and why.
type Joint struct {
	OpportunityID string      `db:"opportunity_id" json:"opportunity_id"`
	Cloud         cloud.Cloud `db:"cloud" json:"cloud"`
	Joint         bool        `db:"joint" json:"joint"`
	Source        Source      `db:"source" json:"source"`
	Why           string      `db:"why" json:"why"`
	DecidedBy     string      `db:"decided_by" json:"decided_by"`
	DecidedAt     time.Time   `db:"decided_at" json:"decided_at"`
}
