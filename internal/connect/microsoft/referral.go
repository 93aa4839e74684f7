package microsoft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Referral is one record of an engagement: ours, Microsoft's or another partner's.
// What the service sent beside the members named here is kept and written back,
// and a member that was not touched is written as it came, null included.
type Referral struct {
	ID                  string          `json:"id,omitempty"`
	EngagementID        string          `json:"engagementId,omitempty"`
	OrganizationID      string          `json:"organizationId,omitempty"`
	OrganizationName    string          `json:"organizationName,omitempty"`
	Name                string          `json:"name,omitempty"`
	ExternalReferenceID string          `json:"externalReferenceId,omitempty"` // our CRM's id
	CampaignID          string          `json:"campaignId,omitempty"`
	Type                string          `json:"type,omitempty"`
	Qualification       string          `json:"qualification,omitempty"`
	Status              string          `json:"status,omitempty"`
	Substatus           string          `json:"substatus,omitempty"`
	StatusReason        string          `json:"statusReason,omitempty"`
	SalesStage          string          `json:"salesStage,omitempty"`
	Direction           string          `json:"direction,omitempty"`
	CustomerProfile     *Customer       `json:"customerProfile,omitempty"`
	Consent             *Consent        `json:"consent,omitempty"`
	Details             *Details        `json:"details,omitempty"`
	Team                []Person        `json:"team,omitempty"`
	Target              []Target        `json:"target,omitempty"`
	InviteContext       *InviteContext  `json:"inviteContext,omitempty"`
	Registrations       []Registration  `json:"registrations,omitempty"`
	RegistrationStatus  string          `json:"registrationStatus,omitempty"`
	TrackingInfo        *TrackingInfo   `json:"trackingInfo,omitempty"`
	CreatedDateTime     string          `json:"createdDateTime,omitempty"`
	UpdatedDateTime     string          `json:"updatedDateTime,omitempty"`
	ExpirationDateTime  string          `json:"expirationDateTime,omitempty"`
	AcceptedDateTime    string          `json:"acceptedDateTime,omitempty"`
	ClosedDateTime      string          `json:"closedDateTime,omitempty"`
	ETag                string          `json:"eTag,omitempty"`
	Raw                 json.RawMessage `json:"-"` // as it came
}

// Customer is who buys.
type Customer struct {
	Name    string       `json:"name,omitempty"`
	Size    string       `json:"size,omitempty"`
	Address *Address     `json:"address,omitempty"`
	Team    []Person     `json:"team,omitempty"`
	IDs     []ExternalID `json:"ids,omitempty"`
}

// Address is where the customer is; Country is a two-letter code.
type Address struct {
	AddressLine1 string `json:"addressLine1,omitempty"`
	AddressLine2 string `json:"addressLine2,omitempty"`
	City         string `json:"city,omitempty"`
	State        string `json:"state,omitempty"`
	PostalCode   string `json:"postalCode,omitempty"`
	Country      string `json:"country,omitempty"`
	Region       string `json:"region,omitempty"`
}

// Person is a contact of the customer, or one of a partner's or of Microsoft's people.
type Person struct {
	FirstName   string `json:"firstName,omitempty"`
	LastName    string `json:"lastName,omitempty"`
	PhoneNumber string `json:"phoneNumber,omitempty"`
	Email       string `json:"email,omitempty"`
	Title       string `json:"title,omitempty"`
}

// ExternalID is another number of the customer: Duns or External.
type ExternalID struct {
	ProfileType string `json:"profileType,omitempty"`
	ID          string `json:"id,omitempty"`
}

// Consent is what may be shown to whom. ShareWithSellers can never be taken back.
// The first name has the service's own spelling.
type Consent struct {
	ShareInfo        bool `json:"consentToToShareInfoWithOthers"`
	Contact          bool `json:"consentToContact"`
	ShareWithSellers bool `json:"consentToShareReferralWithMicrosoftSellers"`
}

// Details is the deal itself. DealValue is a decimal number.
type Details struct {
	Notes           string        `json:"notes,omitempty"`
	DealValue       json.Number   `json:"dealValue,omitempty"`
	Currency        string        `json:"currency,omitempty"`
	ClosingDateTime string        `json:"closingDateTime,omitempty"`
	Requirements    *Requirements `json:"requirements,omitempty"`
}

// Requirements is what the deal is about.
type Requirements struct {
	Industries []ID       `json:"industries,omitempty"`
	Products   []ID       `json:"products,omitempty"`
	Services   []ID       `json:"services,omitempty"`
	Solutions  []Solution `json:"solutions,omitempty"`
}

// ID names a value of a list.
type ID struct {
	ID string `json:"id,omitempty"`
}

// Solution is something of ours that the deal sells; Type is Name for a published one.
type Solution struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

// Target is whom a referral is aimed at.
type Target struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
}

// InviteContext is what an invited side is told.
type InviteContext struct {
	Notes                 string     `json:"notes,omitempty"`
	AssistanceRequestCode string     `json:"assistanceRequestCode,omitempty"`
	InvitedBy             *InvitedBy `json:"invitedBy,omitempty"`
}

// InvitedBy is who invited.
type InvitedBy struct {
	OrganizationID   string `json:"organizationId,omitempty"`
	OrganizationName string `json:"organizationName,omitempty"`
}

// TrackingInfo holds Microsoft's own number of the deal, the proof that it took it.
type TrackingInfo struct {
	MicrosoftMsxID string `json:"microsoftMsxId,omitempty"`
}

// Registration is a deal registration, on which incentives and the partner's
// reported revenue rest.
type Registration struct {
	ID                   string           `json:"id,omitempty"`
	Type                 string           `json:"type,omitempty"`
	RegistrationDateTime string           `json:"registrationDateTime,omitempty"`
	Status               string           `json:"status,omitempty"`
	StatusReason         string           `json:"statusReason,omitempty"`
	Contract             *Contract        `json:"contract,omitempty"`
	SolutionDetails      []SolutionDetail `json:"solutionDetails,omitempty"`
}

// Contract is what was signed: software and services, without hardware.
type Contract struct {
	Value         json.Number `json:"value,omitempty"`
	Currency      string      `json:"currency,omitempty"`
	Term          string      `json:"term,omitempty"`
	SignDateTime  string      `json:"signDateTime,omitempty"`
	StartDateTime string      `json:"startDateTime,omitempty"`
	EndDateTime   string      `json:"endDateTime,omitempty"`
}

// SolutionDetail is the part of the contract that is one solution's.
type SolutionDetail struct {
	ID                  string              `json:"id,omitempty"`
	Name                string              `json:"name,omitempty"`
	Value               json.Number         `json:"value,omitempty"`
	Currency            string              `json:"currency,omitempty"`
	DeployedOnAzure     bool                `json:"isDeployedOnAzure"`
	PrimaryDeploymentOn string              `json:"primaryDeploymentOn,omitempty"`
	PricingModel        string              `json:"pricingModel,omitempty"`
	Marketplace         *MarketplaceDetails `json:"marketplaceTransactionDetails,omitempty"`
}

// MarketplaceDetails says whether the sale went over Microsoft's marketplace.
type MarketplaceDetails struct {
	Transacted bool   `json:"isMarketplaceTransacted"`
	At         string `json:"marketplaceTransactionDateTime,omitempty"`
}

// plainReferral has the members of a referral without its methods.
type plainReferral Referral

// UnmarshalJSON reads a referral and keeps its bytes.
func (r *Referral) UnmarshalJSON(raw []byte) error {
	var p plainReferral
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	*r = Referral(p)
	r.Raw = bytes.Clone(raw)
	return nil
}

// MarshalJSON writes what came with the members that were set since.
func (r Referral) MarshalJSON() ([]byte, error) {
	now, err := json.Marshal(plainReferral(r))
	if err != nil || r.Raw == nil {
		return now, err
	}
	var was plainReferral
	if err := json.Unmarshal(r.Raw, &was); err != nil {
		return nil, err
	}
	before, err := json.Marshal(was)
	if err != nil {
		return nil, err
	}
	return overlay(r.Raw, before, now)
}

// overlay writes onto raw what differs between before and now, two writings of the
// members that we know.
func overlay(raw, before, now []byte) ([]byte, error) {
	var trees [3]any
	for i, b := range [][]byte{raw, before, now} {
		if err := decodeNumbers(b, &trees[i]); err != nil {
			return nil, err
		}
	}
	return json.Marshal(laid(trees[0], trees[1], trees[2]))
}

func decodeNumbers(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(into)
}

func laid(raw, before, now any) any {
	if equalJSON(before, now) {
		return raw
	}
	switch n := now.(type) {
	case map[string]any:
		r, isObject := raw.(map[string]any)
		b, _ := before.(map[string]any)
		if !isObject {
			return now
		}
		out := map[string]any{}
		for name, v := range r {
			if _, known := b[name]; !known || n[name] != nil {
				out[name] = v
			}
		}
		for name, v := range n {
			out[name] = laid(r[name], b[name], v)
		}
		return out
	case []any:
		r, isList := raw.([]any)
		b, _ := before.([]any)
		if !isList || len(r) != len(n) || len(b) != len(n) {
			return now
		}
		out := make([]any, len(n))
		for i := range n {
			out[i] = laid(r[i], b[i], n[i])
		}
		return out
	}
	return now
}

func equalJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// instant reads a time of the service; zero when there is none.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// midnight writes a day as the service takes it.
func midnight(day string) string { return day + "T00:00:00Z" }

// dayOf gives the day of an instant of the service, "" when there is none.
func dayOf(s string) string {
	if t := instant(s); !t.IsZero() {
		return t.Format(time.DateOnly)
	}
	return ""
}

// words gives a referral's status and substatus, verbatim.
func (r *Referral) words() string {
	if r.Substatus == "" {
		return r.Status
	}
	return r.Status + "/" + r.Substatus
}

// Operation is one step of a change (RFC 6902). The service takes add and replace.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// Replace sets a member.
func Replace(path string, value any) Operation { return Operation{"replace", path, value} }

// Add appends to a list, whose path ends in "/-".
func Add(path string, value any) Operation { return Operation{"add", path, value} }

// pointer gives the JSON pointer of a dotted path.
func pointer(path string) string { return "/" + strings.ReplaceAll(path, ".", "/") }

func (r *Referral) String() string { return fmt.Sprintf("%s %s (%s)", r.ID, r.Name, r.words()) }
