package google

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
)

// Opportunity is a deal as Google keeps it. Enums are open texts: their lists are
// not published. What Tandem does not know of a record read is kept, in structures
// too, and written again by MarshalJSON.
type Opportunity struct {
	Name                   string                  `json:"name,omitempty"` // "opportunities/10001"
	ETag                   string                  `json:"etag,omitempty"` // not in the reference; used where Google gives one
	CustomerDisplayName    string                  `json:"customerDisplayName,omitempty"`
	State                  string                  `json:"state,omitempty"`
	StateDescription       string                  `json:"stateDescription,omitempty"`
	Stage                  string                  `json:"stage,omitempty"`
	Owner                  string                  `json:"owner,omitempty"`
	OwnerEmail             string                  `json:"ownerEmail,omitempty"` // of Google's seller
	CreatorEmail           string                  `json:"creatorEmail,omitempty"`
	Source                 string                  `json:"source,omitempty"`
	OpportunityType        string                  `json:"opportunityType,omitempty"`
	OpportunityInfo        *OpportunityInfo        `json:"opportunityInfo,omitempty"`
	QualificationInfo      *QualificationInfo      `json:"qualificationInfo,omitempty"`
	CustomerInfo           *CustomerInfo           `json:"customerInfo,omitempty"`
	IsvSolutionConnectInfo *IsvSolutionConnectInfo `json:"isvSolutionConnectInfo,omitempty"`
	PartnerInfo            *PartnerInfo            `json:"partnerInfo,omitempty"`
	SalesCycle             *SalesCycle             `json:"salesCycle,omitempty"`
	OpportunityTeamMembers []TeamMember            `json:"opportunityTeamMembers,omitempty"`
	PartnerOpportunityID   string                  `json:"partnerOpportunityIdentifier,omitempty"` // ours
	CreateTime             string                  `json:"createTime,omitempty"`
	UpdateTime             string                  `json:"updateTime,omitempty"`

	raw json.RawMessage
}

// OpportunityInfo is what is sold.
type OpportunityInfo struct {
	PartnerEntity     string   `json:"partnerEntity,omitempty"` // "partners/001400000000000000"
	DisplayName       string   `json:"displayName,omitempty"`
	Description       string   `json:"description,omitempty"`
	ProductFamily     []string `json:"productFamily,omitempty"`
	Confidential      bool     `json:"confidential,omitempty"`
	OpportunityAmount *Money   `json:"opportunityAmount,omitempty"`
}

// QualificationInfo is how sure and how large the deal is.
type QualificationInfo struct {
	DealNumber            string `json:"dealNumber,omitempty"`
	OperationType         string `json:"operationType,omitempty"`
	ContractLengthMonths  int    `json:"contractLengthMonths,omitempty"`
	DealSize              *Money `json:"dealSize,omitempty"`
	EstimatedCloseDate    *Date  `json:"estimatedCloseDate,omitempty"`
	PublicSector          bool   `json:"publicSector,omitempty"`
	LegalLanguageAccepted bool   `json:"legalLanguageAccepted,omitempty"`
}

// CustomerInfo is to whom it is sold.
type CustomerInfo struct {
	CustomerDetails *CustomerDetails `json:"customerDetails,omitempty"`
	Contact         *Contact         `json:"contact,omitempty"`
}

// CustomerDetails is the customer's company. EmployeeCount is whatever JSON Google
// has there: its form is not published.
type CustomerDetails struct {
	OrganizationName string          `json:"organizationName,omitempty"`
	Domain           string          `json:"domain,omitempty"`
	Address          *Address        `json:"address,omitempty"`
	Industry         string          `json:"industry,omitempty"`
	EmployeeCount    json.RawMessage `json:"employeeCount,omitempty"`
}

// Address is a google.type.PostalAddress.
type Address struct {
	RegionCode         string   `json:"regionCode,omitempty"`
	AdministrativeArea string   `json:"administrativeArea,omitempty"`
	Locality           string   `json:"locality,omitempty"`
	PostalCode         string   `json:"postalCode,omitempty"`
	AddressLines       []string `json:"addressLines,omitempty"`
}

// Contact is a person at the customer's.
type Contact struct {
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      *Phone `json:"phone,omitempty"`
}

// Phone is a google.type.PhoneNumber.
type Phone struct {
	E164Number string `json:"e164Number,omitempty"`
}

// IsvSolutionConnectInfo is how we and Google work the deal together.
type IsvSolutionConnectInfo struct {
	IsvSolutionConnectDeal   bool   `json:"isvSolutionConnectDeal,omitempty"`
	CustomerContactRequested bool   `json:"customerContactRequested,omitempty"`
	SupportLevel             string `json:"supportLevel,omitempty"`
	ContractVehicle          string `json:"contractVehicle,omitempty"`
	DeliveryModel            string `json:"deliveryModel,omitempty"`
	Notes                    string `json:"notes,omitempty"`
	NextStep                 string `json:"nextStep,omitempty"`
}

// PartnerInfo is what Google says of our part.
type PartnerInfo struct {
	IncentiveType string `json:"incentiveType,omitempty"`
	ApproveTime   string `json:"approveTime,omitempty"`
}

// SalesCycle is where the sale stands. PartnerReadyToClose is how a partner says that
// it is over.
type SalesCycle struct {
	PartnerReadyToClose string `json:"partnerReadyToClose,omitempty"`
	ClosePushCount      int    `json:"closeDatePushCount,omitempty"`
}

// TeamMember is a person of Google's on the deal.
type TeamMember struct {
	Name        string `json:"name,omitempty"`
	Email       string `json:"email,omitempty"`
	AccessLevel string `json:"accessLevel,omitempty"`
}

// Money is a google.type.Money: whole units, and billionths of one.
type Money struct {
	CurrencyCode string `json:"currencyCode,omitempty"`
	Units        string `json:"units,omitempty"` // int64 as text
	Nanos        int32  `json:"nanos,omitempty"`
}

// MoneyOf gives an amount in Google's form; nil for none.
func MoneyOf(a money.Amount) *Money {
	if a.IsNone() {
		return nil
	}
	whole, part, _ := strings.Cut(a.Decimal(), ".")
	nanos, err := strconv.ParseInt((part + "000000000")[:9], 10, 32)
	if err != nil {
		return nil
	}
	if strings.HasPrefix(whole, "-") {
		nanos = -nanos
	}
	if whole == "-0" {
		whole = "0"
	}
	return &Money{CurrencyCode: a.Currency, Units: whole, Nanos: int32(nanos)}
}

// Text writes the amount for people: "USD 120000.50".
func (m Money) Text() string {
	units := m.Units
	if units == "" {
		units = "0"
	}
	if m.Nanos == 0 {
		return strings.TrimSpace(m.CurrencyCode + " " + units)
	}
	nanos := m.Nanos
	if nanos < 0 {
		nanos = -nanos
		if !strings.HasPrefix(units, "-") {
			units = "-" + units
		}
	}
	part := strings.TrimRight(fmt.Sprintf("%09d", nanos), "0")
	return strings.TrimSpace(m.CurrencyCode + " " + units + "." + (part + "0")[:max(len(part), 2)])
}

// Date is a google.type.Date.
type Date struct {
	Year  int `json:"year,omitempty"`
	Month int `json:"month,omitempty"`
	Day   int `json:"day,omitempty"`
}

// DateOf gives a day in Google's form; nil for none.
func DateOf(d date.Date) *Date {
	if d.IsZero() {
		return nil
	}
	t := d.Time()
	return &Date{t.Year(), int(t.Month()), t.Day()}
}

// Text writes the day as 2027-03-31.
func (d Date) Text() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// OpportunityEvent is what Pub/Sub tells: only that there is something to read.
type OpportunityEvent struct {
	EventType   string `json:"eventType"`
	Opportunity string `json:"opportunity"`
	Partner     string `json:"partner"`
}

// plainOpportunity is Opportunity without its methods.
type plainOpportunity Opportunity

// UnmarshalJSON reads a record and keeps its bytes.
func (o *Opportunity) UnmarshalJSON(raw []byte) error {
	var p plainOpportunity
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	*o = Opportunity(p)
	o.raw = bytes.Clone(raw)
	return nil
}

// MarshalJSON writes what was read, with what changed since.
func (o Opportunity) MarshalJSON() ([]byte, error) {
	if o.raw == nil {
		return json.Marshal(plainOpportunity(o))
	}
	var before plainOpportunity
	if err := json.Unmarshal(o.raw, &before); err != nil {
		return nil, err
	}
	whole, err := treeOf(o.raw)
	if err != nil {
		return nil, err
	}
	was, err := treeOf(before)
	if err != nil {
		return nil, err
	}
	is, err := treeOf(plainOpportunity(o))
	if err != nil {
		return nil, err
	}
	return json.Marshal(overlay(whole, was, is))
}

// treeOf gives a value's JSON object with its numbers as they are written.
func treeOf(v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	if tree == nil {
		tree = map[string]any{}
	}
	return tree, nil
}

// overlay applies to whole what differs between was and is, the parts of it that we
// know.
func overlay(whole, was, is map[string]any) map[string]any {
	for name := range was {
		if _, kept := is[name]; !kept {
			delete(whole, name)
		}
	}
	for name, now := range is {
		before := was[name]
		if reflect.DeepEqual(before, now) {
			continue
		}
		inner, isObject := now.(map[string]any)
		old, wasObject := whole[name].(map[string]any)
		if !isObject || !wasObject {
			whole[name] = now
			continue
		}
		known, _ := before.(map[string]any)
		whole[name] = overlay(old, known, inner)
	}
	return whole
}
