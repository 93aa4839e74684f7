// Package googlecosell holds what is known of Google Cloud's co-sell opportunities
// (Cloud Channel API v1alpha1): the words of each field, who may set it when, and
// where that was read. The API is open to listed partners only and its value lists
// are not published: what nobody verified says so. It is data without behaviour, and
// both the connector and the sandbox read it.
package googlecosell

import "strings"

// The states of an opportunity. A partner sets Draft and Submitted only. Google's
// pages write REJECTED in their prose where an integrator's schema has NOT_ACCEPTED:
// both are known.
const (
	StateDraft       = "DRAFT"
	StateSubmitted   = "SUBMITTED"
	StateAccepted    = "ACCEPTED"
	StateNotAccepted = "NOT_ACCEPTED"
	StateRejected    = "REJECTED"
)

// The stages. A partner sets the first four, after acceptance; Google sets the last
// three (a partner says that a deal is over with Ready…).
const (
	StageQualify     = "QUALIFY"
	StageRefine      = "REFINE"
	StageTechEval    = "TECH_EVAL_SOL_DEV"
	StageProposal    = "PROPOSAL_NEGOTIATION"
	StageMigration   = "MIGRATION_IMPL" // won
	StageClosedLost  = "CLOSED_LOST"
	StageClosedAdmin = "CLOSED_ADMIN"
)

// What salesCycle.partnerReadyToClose may say.
const (
	ReadyWon  = "MIGRATION_IMPL"
	ReadyLost = "CLOSED_LOST"
)

// The types of an event of Pub/Sub, from the public discovery document.
const (
	EventCreated  = "CREATED"
	EventUpdated  = "UPDATED"
	EventDetached = "PARTNER_DETACHED"
)

// The paths that rules are about.
const (
	PathState     = "state"
	PathStage     = "stage"
	PathReady     = "salesCycle.partnerReadyToClose"
	PathOurID     = "partnerOpportunityIdentifier"
	PathContact   = "customerInfo.contact"
	PathAmount    = "opportunityInfo.opportunityAmount"
	PathDealSize  = "qualificationInfo.dealSize"
	PathCloseDate = "qualificationInfo.estimatedCloseDate"
	PathLegal     = "qualificationInfo.legalLanguageAccepted"
	PathLines     = "customerInfo.customerDetails.address.addressLines"
	PathFamily    = "opportunityInfo.productFamily"
	PathDeal      = "qualificationInfo.dealNumber"
)

// Kind is the form of a field's value.
type Kind string

// The kinds. An enum is a text whose list is only known by what integrators wrote.
const (
	KindText    Kind = "text"
	KindLong    Kind = "long"
	KindEnum    Kind = "enum"
	KindList    Kind = "list" // of texts
	KindBool    Kind = "bool"
	KindInt     Kind = "int"
	KindDate    Kind = "date"    // google.type.Date
	KindMoney   Kind = "money"   // google.type.Money
	KindContact Kind = "contact" // givenName, familyName, email, phone.e164Number
)

// Source says where a field's name or rule was read.
type Source string

// The sources, the surest first.
const (
	SourceReference  Source = "Cloud Channel v1alpha1 reference, opportunities"
	SourceIntegrator Source = "an integrator's published schema of the API (unverified)"
)

// Field is one field that a partner fills, in the order of Google's form as far as
// it is known. Fixed fields can't be changed after Google accepted the deal; which
// these are is not published, only that some are.
type Field struct {
	Path     string
	Label    string
	Group    string
	Kind     Kind
	Required bool // to be submitted
	Fixed    bool // once accepted
	Options  []string
	Source   Source
}

const (
	groupCustomer = "Customer"
	groupDeal     = "Deal"
	groupSupport  = "Working together"
	groupProgress = "Progress"
)

var fields = []Field{
	{Path: "customerInfo.customerDetails.organizationName", Label: "Company", Group: groupCustomer, Kind: KindText, Required: true, Fixed: true, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.domain", Label: "Website domain", Group: groupCustomer, Kind: KindText, Required: true, Fixed: true, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.address.regionCode", Label: "Country", Group: groupCustomer, Kind: KindText, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.address.administrativeArea", Label: "State", Group: groupCustomer, Kind: KindText, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.address.locality", Label: "City", Group: groupCustomer, Kind: KindText, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.address.postalCode", Label: "Postal code", Group: groupCustomer, Kind: KindText, Source: SourceIntegrator},
	{Path: PathLines, Label: "Street", Group: groupCustomer, Kind: KindList, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.industry", Label: "Industry", Group: groupCustomer, Kind: KindEnum, Source: SourceIntegrator},
	{Path: "customerInfo.customerDetails.employeeCount", Label: "Employees", Group: groupCustomer, Kind: KindInt, Required: true, Source: SourceIntegrator},
	{Path: PathContact, Label: "Contact", Group: groupCustomer, Kind: KindContact, Required: true, Source: SourceIntegrator},
	{Path: "opportunityInfo.displayName", Label: "Title", Group: groupDeal, Kind: KindText, Required: true, Source: SourceReference},
	{Path: "opportunityInfo.description", Label: "Description", Group: groupDeal, Kind: KindLong, Source: SourceReference},
	{Path: PathFamily, Label: "Product family", Group: groupDeal, Kind: KindList, Source: SourceReference},
	{Path: "opportunityType", Label: "Opportunity type", Group: groupDeal, Kind: KindEnum, Fixed: true, Options: []string{"REGULAR", "TWO_TIER", "ISV_SOLUTION_CONNECT"}, Source: SourceIntegrator},
	{Path: "qualificationInfo.operationType", Label: "Kind of business", Group: groupDeal, Kind: KindEnum, Options: []string{"NEW", "RENEWAL", "ADD_ON", "EXPANSION"}, Source: SourceIntegrator},
	{Path: PathAmount, Label: "Amount", Group: groupDeal, Kind: KindMoney, Source: SourceReference},
	{Path: PathDealSize, Label: "Deal size", Group: groupDeal, Kind: KindMoney, Source: SourceReference},
	{Path: "qualificationInfo.contractLengthMonths", Label: "Contract length in months", Group: groupDeal, Kind: KindInt, Required: true, Source: SourceIntegrator},
	{Path: PathCloseDate, Label: "Estimated close date", Group: groupDeal, Kind: KindDate, Source: SourceReference},
	{Path: "isvSolutionConnectInfo.isvSolutionConnectDeal", Label: "ISV solution connect", Group: groupSupport, Kind: KindBool, Source: SourceReference},
	{Path: "isvSolutionConnectInfo.customerContactRequested", Label: "Google may contact the customer", Group: groupSupport, Kind: KindBool, Source: SourceReference},
	{Path: "isvSolutionConnectInfo.supportLevel", Label: "Support level", Group: groupSupport, Kind: KindEnum, Source: SourceReference},
	{Path: "isvSolutionConnectInfo.contractVehicle", Label: "Contract vehicle", Group: groupSupport, Kind: KindEnum, Options: []string{"CLOUD_MARKETPLACE", "PARTNER_CONTRACT", "UNKNOWN"}, Source: SourceIntegrator},
	{Path: "isvSolutionConnectInfo.deliveryModel", Label: "Delivery model", Group: groupSupport, Kind: KindEnum, Source: SourceReference},
	{Path: "isvSolutionConnectInfo.notes", Label: "Notes", Group: groupSupport, Kind: KindLong, Source: SourceReference},
	{Path: "isvSolutionConnectInfo.nextStep", Label: "Next step", Group: groupSupport, Kind: KindLong, Source: SourceReference},
	{Path: PathLegal, Label: "Legal language accepted", Group: groupDeal, Kind: KindBool, Required: true, Fixed: true, Source: SourceIntegrator},
	{Path: PathStage, Label: "Stage", Group: groupProgress, Kind: KindEnum, Options: PartnerStages(), Source: SourceReference},
	{Path: PathReady, Label: "Ready to close", Group: groupProgress, Kind: KindEnum, Options: []string{ReadyWon, ReadyLost}, Source: SourceIntegrator},
	{Path: PathOurID, Label: "Our id", Group: groupProgress, Kind: KindText, Source: SourceIntegrator},
}

// Fields gives the fields that a partner fills, in the order of the form.
func Fields() []Field { return append([]Field(nil), fields...) }

// FieldOf gives the field that a path names, or the one that it lies in.
func FieldOf(path string) (Field, bool) {
	for _, f := range fields {
		if path == f.Path || strings.HasPrefix(path, f.Path+".") {
			return f, true
		}
	}
	return Field{}, false
}

// PartnerStages gives the stages that a partner may set.
func PartnerStages() []string {
	return []string{StageQualify, StageRefine, StageTechEval, StageProposal}
}

// Editable says whether a partner may change the field of an opportunity in that
// state: all of a draft or one that was not accepted, nothing while Google looks at
// it, some once it accepted (reference, opportunities.patch); the stage only then.
func Editable(state, path string) bool {
	switch state {
	case "", StateDraft, StateNotAccepted, StateRejected:
		return path != PathStage && path != PathReady
	case StateAccepted:
		f, known := FieldOf(path)
		return known && !f.Fixed
	}
	return false
}
