// Package partnercenter holds what Microsoft publishes of Partner Center's
// referrals: the words of each field, the paths that a change may name, and the
// columns of the bulk file. It is data without behaviour, and both the connector
// and the sandbox read it; its test holds it against the published contract.
package partnercenter

import "slices"

// The statuses and substatuses of a referral.
const (
	StatusNew    = "New"
	StatusActive = "Active"
	StatusClosed = "Closed"

	SubPending  = "Pending"  // asked, and the asked side has not answered
	SubReceived = "Received" // offered to us, and we have not answered
	SubAccepted = "Accepted"
	SubWon      = "Won"
	SubLost     = "Lost"
	SubDeclined = "Declined"
	SubExpired  = "Expired"
)

// Substatuses gives the substatuses that a status has (developer/referral-resources).
func Substatuses(status string) []string {
	switch status {
	case StatusNew:
		return []string{SubPending, SubReceived}
	case StatusActive:
		return []string{SubAccepted}
	case StatusClosed:
		return []string{SubWon, SubLost, SubDeclined, SubExpired}
	}
	return nil
}

// CanFollow reports whether a referral may go from one status to the other: a
// closed one stays closed (referrals-faq).
func CanFollow(from, to string) bool {
	switch from {
	case StatusNew:
		return to == StatusNew || to == StatusActive || to == StatusClosed
	case StatusActive:
		return to == StatusActive || to == StatusClosed
	}
	return false
}

// The types of a referral, and what it can be aimed at.
const (
	TypeIndependent = "Independent" // one partner sees it
	TypeShared      = "Shared"

	TargetMicrosoft = "BusinessProfileLocation" // with the id "msft"
	TargetSolution  = "SolutionProfile"
	OrgMicrosoft    = "msft"

	Incoming = "Incoming"
	Outgoing = "Outgoing"
)

// PatchPaths are the paths that a change of a referral may name.
var PatchPaths = []string{
	"/campaignId", "/consent/consentToShareReferralWithMicrosoftSellers", "/customerProfile/team", "/customerProfile/team/-",
	"/details/closingDateTime", "/details/currency", "/details/dealValue", "/details/notes", "/details/requirements/solutions",
	"/details/requirements/solutions/-", "/externalReferenceId", "/referralProgram", "/salesStage", "/status", "/substatus", "/statusReason",
	"/team", "/team/-",
}

// RegistrationAdd is the path that registers a deal.
const RegistrationAdd = "/registrations/-"

// RegistrationPaths are the paths that a change of a deal registration may name.
var RegistrationPaths = []string{
	"/registrations/0/contract/startDateTime", "/registrations/0/contract/endDateTime", "/registrations/0/contract/signDateTime",
	"/registrations/0/contract/term", "/registrations/0/contract/value", "/registrations/0/solutionDetails/0/value",
	"/registrations/0/solutionDetails/0/currency", "/registrations/0/solutionDetails/0/isDeployedOnAzure",
	"/registrations/0/solutionDetails/0/primaryDeploymentOn", "/registrations/0/solutionDetails/0/pricingModel",
	"/registrations/0/solutionDetails/0/marketplaceTransactionDetails/isMarketplaceTransacted",
	"/registrations/0/solutionDetails/0/marketplaceTransactionDetails/marketplaceTransactionDateTime",
}

// The words of a deal registration.
const (
	RegistrationType = "AzureIPCoSell"
	TermPerpetual    = "Perpetual"
	TermFinite       = "Finite"
	PricingPayGo     = "PayAsYouGo"
	PricingOther     = "Other"
	DeployedCustomer = "Customer"
	DeployedPartner  = "Partner"
)

// The states of a deal registration (registrationStatus).
const (
	RegistrationNone           = "None"
	RegistrationReviewPending  = "ReviewPending"
	RegistrationActionRequired = "ActionRequired"
	RegistrationApproved       = "Approved"
	RegistrationPassed         = "Passed"
	RegistrationFailed         = "Failed"
	RegistrationClosed         = "Closed"
)

var registrationMoves = map[string][]string{
	RegistrationNone:           {RegistrationApproved, RegistrationReviewPending, RegistrationClosed},
	RegistrationApproved:       {RegistrationReviewPending, RegistrationClosed},
	RegistrationReviewPending:  {RegistrationPassed, RegistrationFailed, RegistrationActionRequired},
	RegistrationActionRequired: {RegistrationReviewPending, RegistrationClosed},
	RegistrationPassed:         {RegistrationClosed},
	RegistrationFailed:         {RegistrationClosed},
	RegistrationClosed:         {RegistrationReviewPending}, // by an exception request only
}

// RegistrationStatuses lists the states of a deal registration in the order of its life.
func RegistrationStatuses() []string {
	return []string{
		RegistrationNone, RegistrationReviewPending, RegistrationActionRequired, RegistrationApproved, RegistrationPassed,
		RegistrationFailed, RegistrationClosed,
	}
}

// RegistrationCanBecome reports whether a deal registration may go from one state to
// the other (register-deals, 2023-05-13).
func RegistrationCanBecome(from, to string) bool { return slices.Contains(registrationMoves[from], to) }

// AssistanceUnknown asks for nothing.
const AssistanceUnknown = "Unknown"

// Assistance is one kind of help that Microsoft can be asked for: the API's word,
// the number of it in the bulk file, and its name for people.
type Assistance struct {
	Code   string
	Number int
	Label  string
}

// AssistanceCodes are the kinds of help, in the order of the bulk file.
var AssistanceCodes = []Assistance{
	{"WorkloadSpecificValueProposition", 1, "Workload-specific value proposition"},
	{"CustomerTechnicalArchitecture", 2, "Customer technical architecture"},
	{"ProofOfConceptOrDemo", 3, "Proof of concept or demo"},
	{"QuotesOrLicensing", 4, "Quotes or licensing"},
	{"PostSalesCustomerSuccess", 5, "Post-sales customer success"},
	{"GeneralOrOther", 6, "General or other"},
}

// SalesStages are the live values of salesStage, in percent. The published contract
// names four words instead, which no record carries.
var SalesStages = []string{"10", "20", "40", "60", "80", "100"}

// SalesStageLabel is a sales stage in Microsoft's words.
func SalesStageLabel(s string) string {
	switch s {
	case "10":
		return "Accepted (10%)"
	case "20":
		return "Qualified (20%)"
	case "40":
		return "Developed (40%)"
	case "60":
		return "Proposed (60%)"
	case "80":
		return "Negotiated (80%)"
	case "100":
		return "Won (100%)"
	}
	return s
}

// Industries, Products, Services and Sizes are the values of
// details.requirements and customerProfile.size.
var (
	Industries = []string{
		"Agriculture, Forestry, & Fishing", "Communications & Media", "Education", "Financial Services", "Government", "Healthcare",
		"Hospitality", "Manufacturing", "Power & Utilities", "Public Safety and National Security", "Retail & Consumer Goods", "Services",
		"Travel & Transportation", "Wholesale & Distribution",
	}
	Products = []string{
		"Azure", "EnterpriseMobilityAndSecurity", "Exchange", "DeveloperTools", "Dynamics365Business", "Dynamics365Enterprise",
		"DynamicsAX,GP,NAV,SL", "Microsoft365", "Office", "PowerBI", "Project", "SharePoint", "SkypeForBusiness", "Surface", "SurfaceHub",
		"SQL", "Teams", "Visio", "Windows", "Yammer",
	}
	Services = []string{
		"ConsultingAndProfessional", "CustomSolution(ISV)", "DeploymentOrMigration", "Hardware", "Integration", "IPServices(ISV)",
		"LearningAndCertification", "Licensing", "ManagedServices", "ProjectServices",
	}
	Sizes = []string{
		"1to50employees", "51to500employees", "Morethan500employees", "1to9employees", "10to50employees", "51to250employees",
		"251to1000employees", "1001to5000employees", "5001to10000employees", "10001to20000employees", "Morethan20000employees",
	}
)

// Size gives the narrowest size for a number of employees, "" for none. The
// published sizes leave 51 to 500 in one of the older, wider classes.
func Size(employees int64) string {
	switch {
	case employees <= 0:
		return ""
	case employees < 10:
		return "1to9employees"
	case employees <= 50:
		return "10to50employees"
	case employees <= 250:
		return "51to250employees"
	case employees <= 1000:
		return "251to1000employees"
	case employees <= 5000:
		return "1001to5000employees"
	case employees <= 10000:
		return "5001to10000employees"
	case employees <= 20000:
		return "10001to20000employees"
	}
	return "Morethan20000employees"
}

// Reason is one reason of the bulk file, by its number.
type Reason struct {
	Number int
	Label  string
}

// LostReasons are the reasons of a declined or lost deal (bulk-operations).
var LostReasons = []Reason{
	{1, "Customer has no budget"},
	{2, "No response from the customer"},
	{3, "Customer chose another vendor"},
	{4, "Requirement could not be met"},
	{5, "Not a customer"},
	{6, "Timeline too short"},
	{7, "Abuse or spam"},
	{8, "Other"},
}

// Events are what a webhook can be told of.
var Events = []string{"referral-created", "referral-updated", "related-referral-created", "related-referral-updated", "test-created"}
