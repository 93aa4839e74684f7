package aws

import "encoding/json"

// The shapes of the Selling API. Values that AWS lists (stages, industries) stay
// plain strings, because AWS adds to its lists several times a year. An empty
// string, nil pointer or empty list is not sent. Days are "2006-01-02"; instants
// are kept as the exact text that AWS sent.

// OpportunityFields are the members that CreateOpportunity, UpdateOpportunity
// and GetOpportunity share.
type OpportunityFields struct {
	PrimaryNeedsFromAws          []string         `json:"PrimaryNeedsFromAws,omitempty"`
	NationalSecurity             string           `json:"NationalSecurity,omitempty"`             // Yes or No
	PartnerOpportunityIdentifier string           `json:"PartnerOpportunityIdentifier,omitempty"` // our CRM's id, at most 64 characters
	Customer                     *Customer        `json:"Customer,omitempty"`
	Project                      *Project         `json:"Project,omitempty"`
	OpportunityType              string           `json:"OpportunityType,omitempty"`
	Marketing                    *Marketing       `json:"Marketing,omitempty"`
	SoftwareRevenue              *SoftwareRevenue `json:"SoftwareRevenue,omitempty"`
	LifeCycle                    *LifeCycle       `json:"LifeCycle,omitempty"`
}

// Opportunity is the answer of GetOpportunity, and what Check judges. Raw is the
// answer as it came; give it to MergeForUpdate.
type Opportunity struct {
	Catalog string `json:"Catalog,omitempty"`
	OpportunityFields
	ID                       string                    `json:"Id,omitempty"`
	ARN                      string                    `json:"Arn,omitempty"`
	LastModifiedDate         string                    `json:"LastModifiedDate,omitempty"`
	CreatedDate              string                    `json:"CreatedDate,omitempty"`
	RelatedEntityIdentifiers *RelatedEntityIdentifiers `json:"RelatedEntityIdentifiers,omitempty"`
	OpportunityTeam          []Contact                 `json:"OpportunityTeam,omitempty"`
	Origin                   string                    `json:"Origin,omitempty"` // only what we would create: GetOpportunity does not answer it
	Raw                      json.RawMessage           `json:"-"`
}

// Customer is the end customer.
type Customer struct {
	Account  *Account  `json:"Account,omitempty"`
	Contacts []Contact `json:"Contacts,omitempty"`
}

// Account is the customer's company.
type Account struct {
	Industry      string   `json:"Industry,omitempty"`
	OtherIndustry string   `json:"OtherIndustry,omitempty"`
	CompanyName   string   `json:"CompanyName,omitempty"` // required in an account, at most 120 characters
	WebsiteURL    string   `json:"WebsiteUrl,omitempty"`
	AwsAccountID  string   `json:"AwsAccountId,omitempty"`
	Address       *Address `json:"Address,omitempty"`
	Duns          string   `json:"Duns,omitempty"` // nine digits
}

// Address is where the customer is.
type Address struct {
	City          string `json:"City,omitempty"`
	PostalCode    string `json:"PostalCode,omitempty"`
	StateOrRegion string `json:"StateOrRegion,omitempty"` // for US one of awsselling.USStates
	CountryCode   string `json:"CountryCode,omitempty"`   // ISO 3166 alpha-2
	StreetAddress string `json:"StreetAddress,omitempty"`
}

// Contact is a person of the customer or of our team.
type Contact struct {
	Email         string `json:"Email,omitempty"` // lower case only
	FirstName     string `json:"FirstName,omitempty"`
	LastName      string `json:"LastName,omitempty"`
	BusinessTitle string `json:"BusinessTitle,omitempty"`
	Phone         string `json:"Phone,omitempty"` // E.164
}

// Project is what the customer wants and buys.
type Project struct {
	DeliveryModels               []string          `json:"DeliveryModels,omitempty"`
	ExpectedCustomerSpend        []CustomerSpend   `json:"ExpectedCustomerSpend,omitempty"`
	ExpectedContractDuration     *ContractDuration `json:"ExpectedContractDuration,omitempty"`
	Title                        string            `json:"Title,omitempty"`
	ApnPrograms                  []string          `json:"ApnPrograms,omitempty"`
	CustomerBusinessProblem      string            `json:"CustomerBusinessProblem,omitempty"` // 20 to 2,000 characters
	CustomerUseCase              string            `json:"CustomerUseCase,omitempty"`
	RelatedOpportunityIdentifier string            `json:"RelatedOpportunityIdentifier,omitempty"`
	SalesActivities              []string          `json:"SalesActivities,omitempty"`
	CompetitorName               string            `json:"CompetitorName,omitempty"`
	OtherCompetitorNames         string            `json:"OtherCompetitorNames,omitempty"`
	OtherSolutionDescription     string            `json:"OtherSolutionDescription,omitempty"`
	AdditionalComments           string            `json:"AdditionalComments,omitempty"`
	AwsPartition                 string            `json:"AwsPartition,omitempty"`
}

// CustomerSpend is the customer's expected spend on a target company ("AWS").
type CustomerSpend struct {
	Amount        string `json:"Amount,omitempty"` // decimal, at most two decimals, no exponent
	CurrencyCode  string `json:"CurrencyCode,omitempty"`
	Frequency     string `json:"Frequency,omitempty"` // "Monthly"
	TargetCompany string `json:"TargetCompany,omitempty"`
	EstimationURL string `json:"EstimationUrl,omitempty"` // AWS pricing calculator
}

// ContractDuration is how long the customer commits itself.
type ContractDuration struct {
	Term  string `json:"Term,omitempty"`  // "Months"
	Value string `json:"Value,omitempty"` // "1" to "144"
}

// Marketing is where the deal came from.
type Marketing struct {
	CampaignName   string   `json:"CampaignName,omitempty"`
	Source         string   `json:"Source,omitempty"` // "Marketing Activity" or "None"
	UseCases       []string `json:"UseCases,omitempty"`
	Channels       []string `json:"Channels,omitempty"`
	AwsFundingUsed string   `json:"AwsFundingUsed,omitempty"` // Yes or No
}

// SoftwareRevenue is what the customer pays us.
type SoftwareRevenue struct {
	DeliveryModel  string         `json:"DeliveryModel,omitempty"`
	Value          *MonetaryValue `json:"Value,omitempty"`
	EffectiveDate  string         `json:"EffectiveDate,omitempty"`
	ExpirationDate string         `json:"ExpirationDate,omitempty"`
}

// MonetaryValue is an amount of money as AWS writes it.
type MonetaryValue struct {
	Amount       string `json:"Amount,omitempty"`
	CurrencyCode string `json:"CurrencyCode,omitempty"`
}

// LifeCycle is where the opportunity stands, in the sale and in AWS's review.
type LifeCycle struct {
	Stage              string     `json:"Stage,omitempty"`
	ClosedLostReason   string     `json:"ClosedLostReason,omitempty"`
	NextSteps          string     `json:"NextSteps,omitempty"`
	TargetCloseDate    string     `json:"TargetCloseDate,omitempty"`
	ReviewStatus       string     `json:"ReviewStatus,omitempty"`
	ReviewComments     string     `json:"ReviewComments,omitempty"`
	ReviewStatusReason string     `json:"ReviewStatusReason,omitempty"`
	NextStepsHistory   []NextStep `json:"NextStepsHistory,omitempty"`
}

// NextStep is one earlier text of the next steps.
type NextStep struct {
	Value string `json:"Value,omitempty"`
	Time  string `json:"Time,omitempty"`
}

// RelatedEntityIdentifiers are what is associated with an opportunity.
type RelatedEntityIdentifiers struct {
	AwsMarketplaceOffers    []string `json:"AwsMarketplaceOffers,omitempty"`
	AwsMarketplaceOfferSets []string `json:"AwsMarketplaceOfferSets,omitempty"`
	Solutions               []string `json:"Solutions,omitempty"`
	AwsProducts             []string `json:"AwsProducts,omitempty"`
	AwsMarketplaceSolutions []string `json:"AwsMarketplaceSolutions,omitempty"`
	AwsMarketplaceProducts  []string `json:"AwsMarketplaceProducts,omitempty"`
}

// Tag is a label on a resource of the AWS account.
type Tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

// CreateOpportunityInput makes an opportunity. ClientToken is the idempotency
// key: store it before the call and use it again when repeating.
type CreateOpportunityInput struct {
	Catalog string `json:"Catalog,omitempty"`
	OpportunityFields
	ClientToken     string    `json:"ClientToken,omitempty"`
	Origin          string    `json:"Origin,omitempty"` // "Partner Referral" in catalog AWS
	OpportunityTeam []Contact `json:"OpportunityTeam,omitempty"`
	Tags            []Tag     `json:"Tags,omitempty"`
}

// Opportunity gives the input in the form that Check judges.
func (in CreateOpportunityInput) Opportunity() Opportunity {
	return Opportunity{Catalog: in.Catalog, OpportunityFields: in.OpportunityFields, Origin: in.Origin, OpportunityTeam: in.OpportunityTeam}
}

// CreateOpportunityOutput is the new opportunity's id and version.
type CreateOpportunityOutput struct {
	ID                           string `json:"Id"`
	PartnerOpportunityIdentifier string `json:"PartnerOpportunityIdentifier"` // sometimes missing right after creation
	LastModifiedDate             string `json:"LastModifiedDate"`
}

// UpdateOpportunityInput replaces the whole opportunity: what is left out becomes
// empty. Make it from the last read, with MergeForUpdate. LastModifiedDate is the
// optimistic lock and must be the exact text of that read.
type UpdateOpportunityInput struct {
	Catalog string `json:"Catalog,omitempty"`
	OpportunityFields
	Identifier       string `json:"Identifier,omitempty"`
	LastModifiedDate string `json:"LastModifiedDate,omitempty"`
}

// UpdateOpportunityOutput is the new version.
type UpdateOpportunityOutput struct {
	ID               string `json:"Id"`
	LastModifiedDate string `json:"LastModifiedDate"`
}
