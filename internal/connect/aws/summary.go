package aws

import "encoding/json"

// ListOpportunitiesInput filters and pages. Filters left empty do not filter.
type ListOpportunitiesInput struct {
	Catalog               string       `json:"Catalog,omitempty"`
	MaxResults            int          `json:"MaxResults,omitempty"` // 1 to 100; AWS takes 20 when it is 0
	NextToken             string       `json:"NextToken,omitempty"`
	Sort                  *Sort        `json:"Sort,omitempty"`
	LastModifiedDate      *ModifiedIn  `json:"LastModifiedDate,omitempty"`
	Identifier            []string     `json:"Identifier,omitempty"`
	LifeCycleStage        []string     `json:"LifeCycleStage,omitempty"`
	LifeCycleReviewStatus []string     `json:"LifeCycleReviewStatus,omitempty"`
	CustomerCompanyName   []string     `json:"CustomerCompanyName,omitempty"`
	CreatedDate           *CreatedIn   `json:"CreatedDate,omitempty"`
	TargetCloseDate       *CloseDateIn `json:"TargetCloseDate,omitempty"`
}

// Sort is an order of a list; the names are AWS's.
type Sort struct {
	SortOrder string `json:"SortOrder"` // ASCENDING or DESCENDING
	SortBy    string `json:"SortBy"`
}

// ModifiedIn filters by the time of the last change (ISO text).
type ModifiedIn struct {
	After  string `json:"AfterLastModifiedDate,omitempty"`
	Before string `json:"BeforeLastModifiedDate,omitempty"`
}

// CreatedIn filters by the time of creation (ISO text).
type CreatedIn struct {
	After  string `json:"AfterCreatedDate,omitempty"`
	Before string `json:"BeforeCreatedDate,omitempty"`
}

// CloseDateIn filters by the target close date ("2006-01-02").
type CloseDateIn struct {
	After  string `json:"AfterTargetCloseDate,omitempty"`
	Before string `json:"BeforeTargetCloseDate,omitempty"`
}

// ListOpportunitiesOutput is one page; NextToken is "" on the last.
type ListOpportunitiesOutput struct {
	OpportunitySummaries []OpportunitySummary `json:"OpportunitySummaries"`
	NextToken            string               `json:"NextToken"`
}

// OpportunitySummary is an opportunity in a list. AWS fills only the life cycle,
// the customer's account and, of the project, delivery models, spend and contract
// duration: read the whole with GetOpportunity.
type OpportunitySummary struct {
	Catalog                      string     `json:"Catalog,omitempty"`
	ID                           string     `json:"Id,omitempty"`
	ARN                          string     `json:"Arn,omitempty"`
	PartnerOpportunityIdentifier string     `json:"PartnerOpportunityIdentifier,omitempty"`
	OpportunityType              string     `json:"OpportunityType,omitempty"`
	LastModifiedDate             string     `json:"LastModifiedDate,omitempty"`
	CreatedDate                  string     `json:"CreatedDate,omitempty"`
	LifeCycle                    *LifeCycle `json:"LifeCycle,omitempty"`
	Customer                     *Customer  `json:"Customer,omitempty"`
	Project                      *Project   `json:"Project,omitempty"`
}

// AwsOpportunitySummary is AWS's own view of our opportunity. Raw is the answer
// as it came.
type AwsOpportunitySummary struct {
	Catalog                     string                    `json:"Catalog,omitempty"`
	RelatedOpportunityID        string                    `json:"RelatedOpportunityId,omitempty"`
	Origin                      string                    `json:"Origin,omitempty"`
	InvolvementType             string                    `json:"InvolvementType,omitempty"`
	Visibility                  string                    `json:"Visibility,omitempty"`
	LifeCycle                   *AwsLifeCycle             `json:"LifeCycle,omitempty"`
	OpportunityTeam             []Contact                 `json:"OpportunityTeam,omitempty"` // BusinessTitle: "AWSSalesRep", "PDM", …
	Insights                    *AwsInsights              `json:"Insights,omitempty"`
	InvolvementTypeChangeReason string                    `json:"InvolvementTypeChangeReason,omitempty"`
	RelatedEntityIDs            *RelatedEntityIdentifiers `json:"RelatedEntityIds,omitempty"`
	Customer                    *Customer                 `json:"Customer,omitempty"` // contacts only
	Project                     *Project                  `json:"Project,omitempty"`  // spend and partition only
	CosellMotion                string                    `json:"CosellMotion,omitempty"`
	Raw                         json.RawMessage           `json:"-"`
}

// AwsLifeCycle is where AWS's seller says the deal stands.
type AwsLifeCycle struct {
	TargetCloseDate  string     `json:"TargetCloseDate,omitempty"`
	ClosedLostReason string     `json:"ClosedLostReason,omitempty"`
	Stage            string     `json:"Stage,omitempty"`
	NextSteps        string     `json:"NextSteps,omitempty"`
	NextStepsHistory []NextStep `json:"NextStepsHistory,omitempty"`
}

// AwsInsights are AWS's scores and advice.
type AwsInsights struct {
	NextBestActions                  string              `json:"NextBestActions,omitempty"`
	EngagementScore                  string              `json:"EngagementScore,omitempty"` // High, Medium, Low
	AwsProductsSpendInsightsBySource *SpendInsights      `json:"AwsProductsSpendInsightsBySource,omitempty"`
	OpportunityQuality               *OpportunityQuality `json:"OpportunityQuality,omitempty"`
	Recommendations                  []Recommendation    `json:"Recommendations,omitempty"`
}

// SpendInsights is the expected AWS spend, as we and as AWS see it.
type SpendInsights struct {
	Partner *ProductInsights `json:"Partner,omitempty"`
	AWS     *ProductInsights `json:"AWS,omitempty"`
}

// ProductInsights is expected spend by AWS product; amounts are decimal text.
type ProductInsights struct {
	CurrencyCode                string            `json:"CurrencyCode,omitempty"`
	Frequency                   string            `json:"Frequency,omitempty"`
	TotalAmount                 string            `json:"TotalAmount,omitempty"`
	TotalOptimizedAmount        string            `json:"TotalOptimizedAmount,omitempty"`
	TotalPotentialSavingsAmount string            `json:"TotalPotentialSavingsAmount,omitempty"`
	TotalAmountByCategory       map[string]string `json:"TotalAmountByCategory,omitempty"`
	AwsProducts                 []ProductDetails  `json:"AwsProducts,omitempty"`
}

// ProductDetails is the expected spend on one AWS product.
type ProductDetails struct {
	ProductCode            string         `json:"ProductCode,omitempty"`
	ServiceCode            string         `json:"ServiceCode,omitempty"`
	Categories             []string       `json:"Categories,omitempty"`
	Amount                 string         `json:"Amount,omitempty"`
	OptimizedAmount        string         `json:"OptimizedAmount,omitempty"`
	PotentialSavingsAmount string         `json:"PotentialSavingsAmount,omitempty"`
	Optimizations          []Optimization `json:"Optimizations,omitempty"`
}

// Optimization is one way to spend less on a product.
type Optimization struct {
	Description   string `json:"Description,omitempty"`
	SavingsAmount string `json:"SavingsAmount,omitempty"`
}

// OpportunityQuality is AWS's score of the opportunity, 0 to 100; Score is nil
// before AWS has scored it.
type OpportunityQuality struct {
	Score *int   `json:"Score,omitempty"`
	Trend string `json:"Trend,omitempty"` // Improving, Declining, No Change
}

// Recommendation is one piece of AWS's advice.
type Recommendation struct {
	Type       string            `json:"Type,omitempty"`
	Details    string            `json:"Details,omitempty"`
	Attributes map[string]string `json:"Attributes,omitempty"`
}

// ListSolutionsInput filters and pages our own published solutions.
type ListSolutionsInput struct {
	Catalog                   string   `json:"Catalog,omitempty"`
	MaxResults                int      `json:"MaxResults,omitempty"`
	NextToken                 string   `json:"NextToken,omitempty"`
	Sort                      *Sort    `json:"Sort,omitempty"`
	Status                    []string `json:"Status,omitempty"` // Active, Inactive, Draft
	Identifier                []string `json:"Identifier,omitempty"`
	Category                  []string `json:"Category,omitempty"`
	AwsMarketplaceSolutionArn []string `json:"AwsMarketplaceSolutionArn,omitempty"`
}

// ListSolutionsOutput is one page; NextToken is "" on the last.
type ListSolutionsOutput struct {
	SolutionSummaries []Solution `json:"SolutionSummaries"`
	NextToken         string     `json:"NextToken"`
}

// Solution is one of our offerings that AWS knows.
type Solution struct {
	Catalog                   string `json:"Catalog,omitempty"`
	ID                        string `json:"Id,omitempty"` // "S-0000123"
	ARN                       string `json:"Arn,omitempty"`
	Name                      string `json:"Name,omitempty"`
	Status                    string `json:"Status,omitempty"`
	Category                  string `json:"Category,omitempty"`
	CreatedDate               string `json:"CreatedDate,omitempty"`
	AwsMarketplaceSolutionArn string `json:"AwsMarketplaceSolutionArn,omitempty"`
}
