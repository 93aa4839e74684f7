package aws

import (
	"bytes"
	"context"
	"encoding/json"
)

// The kinds of entity that can be associated with an opportunity.
const (
	EntitySolution            = "Solutions"
	EntityProduct             = "AwsProducts"
	EntityMarketplaceOffer    = "AwsMarketplaceOffers"
	EntityMarketplaceOfferSet = "AwsMarketplaceOfferSets"
	EntityMarketplaceSolution = "AwsMarketplaceSolutions"
	EntityMarketplaceProduct  = "AwsMarketplaceProducts"
)

// How AWS takes part, and who in AWS sees the deal.
const (
	InvolvementCoSell         = "Co-Sell"
	InvolvementVisibilityOnly = "For Visibility Only"
	VisibilityFull            = "Full"
	VisibilityLimited         = "Limited"
)

// Who brought the deal.
const (
	OriginPartner = "Partner Referral"
	OriginAWS     = "AWS Referral"
)

// The states of an EngagementTask.
const (
	TaskInProgress = "IN_PROGRESS"
	TaskComplete   = "COMPLETE"
	TaskFailed     = "FAILED"
)

// The states of AWS's review.
const (
	ReviewPendingSubmission = "Pending Submission"
	ReviewSubmitted         = "Submitted"
	ReviewInReview          = "In review"
	ReviewApproved          = "Approved"
	ReviewRejected          = "Rejected"
	ReviewActionRequired    = "Action Required"
)

// The stages of an opportunity, in their order.
const (
	StageProspect            = "Prospect"
	StageQualified           = "Qualified"
	StageTechnicalValidation = "Technical Validation"
	StageBusinessValidation  = "Business Validation"
	StageCommitted           = "Committed"
	StageLaunched            = "Launched"
	StageClosedLost          = "Closed Lost"
)

// Values that rules turn on.
const (
	marketingActivity  = "Marketing Activity"
	marketingNone      = "None"
	industryOther      = "Other"
	industryGovernment = "Government"
	competitorOther    = "*Other"
	typeFlatRenewal    = "Flat Renewal"
	yes                = "Yes"
	no                 = "No"
)

// CreateOpportunity makes an opportunity, in review status Pending Submission. It
// is safe to repeat with the same ClientToken. AWS may answer the first read only
// some seconds later.
func (c *Client) CreateOpportunity(ctx context.Context, in *CreateOpportunityInput) (*CreateOpportunityOutput, error) {
	out := &CreateOpportunityOutput{}
	if err := c.Call(ctx, "CreateOpportunity", in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// GetOpportunity reads an opportunity whole; Raw keeps what we do not know.
func (c *Client) GetOpportunity(ctx context.Context, id string) (*Opportunity, error) {
	out := &Opportunity{}
	if err := c.Call(ctx, "GetOpportunity", map[string]string{"Identifier": id}, &keepRaw{out, &out.Raw}); err != nil {
		return nil, err
	}
	return out, nil
}

// keepRaw decodes an answer and keeps its bytes.
type keepRaw struct {
	into any
	raw  *json.RawMessage
}

// UnmarshalJSON decodes raw and keeps it.
func (k *keepRaw) UnmarshalJSON(raw []byte) error {
	*k.raw = bytes.Clone(raw)
	return json.Unmarshal(raw, k.into)
}

// UpdateOpportunity replaces an opportunity with payload, which MergeForUpdate
// makes. ConflictException (IsConflict) means that it changed since it was read.
// It is sent once: after a lost answer, read and compare before repeating.
func (c *Client) UpdateOpportunity(ctx context.Context, payload json.RawMessage) (*UpdateOpportunityOutput, error) {
	out := &UpdateOpportunityOutput{}
	if err := c.Call(ctx, "UpdateOpportunity", payload, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ListOpportunities reads one page of opportunities.
func (c *Client) ListOpportunities(ctx context.Context, in *ListOpportunitiesInput) (*ListOpportunitiesOutput, error) {
	out := &ListOpportunitiesOutput{}
	if err := c.Call(ctx, "ListOpportunities", in, out); err != nil {
		return nil, err
	}
	return out, nil
}

type association struct {
	OpportunityIdentifier   string
	RelatedEntityType       string
	RelatedEntityIdentifier string
}

// AssociateOpportunity ties an entity (Entity…, its id or ARN) to an opportunity.
// IsConflict means that it is tied already.
func (c *Client) AssociateOpportunity(ctx context.Context, opportunity, entity, id string) error {
	return c.Call(ctx, "AssociateOpportunity", association{opportunity, entity, id}, nil)
}

// DisassociateOpportunity unties an entity from an opportunity.
func (c *Client) DisassociateOpportunity(ctx context.Context, opportunity, entity, id string) error {
	return c.Call(ctx, "DisassociateOpportunity", association{opportunity, entity, id}, nil)
}

// ListSolutions reads one page of our solutions.
func (c *Client) ListSolutions(ctx context.Context, in *ListSolutionsInput) (*ListSolutionsOutput, error) {
	out := &ListSolutionsOutput{}
	if err := c.Call(ctx, "ListSolutions", in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// AwsSubmission says how AWS shall take part (Involvement…) and who in AWS may
// see the deal (Visibility…).
type AwsSubmission struct {
	InvolvementType string `json:"InvolvementType,omitempty"`
	Visibility      string `json:"Visibility,omitempty"`
}

// StartEngagementInput submits an opportunity. It is safe to repeat with the same
// ClientToken.
type StartEngagementInput struct {
	Catalog       string        `json:"Catalog,omitempty"`
	ClientToken   string        `json:"ClientToken,omitempty"`
	Identifier    string        `json:"Identifier,omitempty"` // of the opportunity
	AwsSubmission AwsSubmission `json:"AwsSubmission"`
	Tags          []Tag         `json:"Tags,omitempty"`
}

// EngagementTask is the state of a submission, which AWS works off in its own
// time. ReasonCode says why it failed; the ids may be missing until it is done.
type EngagementTask struct {
	TaskID                 string `json:"TaskId,omitempty"`
	TaskARN                string `json:"TaskArn,omitempty"`
	StartTime              string `json:"StartTime,omitempty"`
	TaskStatus             string `json:"TaskStatus,omitempty"` // Task…
	Message                string `json:"Message,omitempty"`
	ReasonCode             string `json:"ReasonCode,omitempty"`
	OpportunityID          string `json:"OpportunityId,omitempty"`
	ResourceSnapshotJobID  string `json:"ResourceSnapshotJobId,omitempty"`
	EngagementID           string `json:"EngagementId,omitempty"`
	EngagementInvitationID string `json:"EngagementInvitationId,omitempty"`
}

// StartEngagementFromOpportunityTask submits an opportunity to AWS; poll
// ListEngagementFromOpportunityTasks by its TaskID.
func (c *Client) StartEngagementFromOpportunityTask(ctx context.Context, in *StartEngagementInput) (*EngagementTask, error) {
	out := &EngagementTask{}
	if err := c.Call(ctx, "StartEngagementFromOpportunityTask", in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// ListEngagementTasksInput filters and pages submissions.
type ListEngagementTasksInput struct {
	Catalog               string   `json:"Catalog,omitempty"`
	MaxResults            int      `json:"MaxResults,omitempty"`
	NextToken             string   `json:"NextToken,omitempty"`
	Sort                  *Sort    `json:"Sort,omitempty"`
	TaskStatus            []string `json:"TaskStatus,omitempty"`
	TaskIdentifier        []string `json:"TaskIdentifier,omitempty"` // at most 10 ids or ARNs
	OpportunityIdentifier []string `json:"OpportunityIdentifier,omitempty"`
	EngagementIdentifier  []string `json:"EngagementIdentifier,omitempty"`
}

// ListEngagementTasksOutput is one page; NextToken is "" on the last.
type ListEngagementTasksOutput struct {
	TaskSummaries []EngagementTask `json:"TaskSummaries"`
	NextToken     string           `json:"NextToken"`
}

// ListEngagementFromOpportunityTasks reads one page of submissions.
func (c *Client) ListEngagementFromOpportunityTasks(ctx context.Context, in *ListEngagementTasksInput) (*ListEngagementTasksOutput, error) {
	out := &ListEngagementTasksOutput{}
	if err := c.Call(ctx, "ListEngagementFromOpportunityTasks", in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// SubmitOpportunity sends an opportunity to AWS's review on its own. AWS documents
// StartEngagementFromOpportunityTask as the way; this is its last step.
func (c *Client) SubmitOpportunity(ctx context.Context, id string, s AwsSubmission) error {
	in := struct {
		Identifier string
		AwsSubmission
	}{id, s}
	return c.Call(ctx, "SubmitOpportunity", in, nil)
}

// AssignOpportunity gives an opportunity to one of our people. All but the phone
// are required.
func (c *Client) AssignOpportunity(ctx context.Context, id string, assignee Contact) error {
	in := struct {
		Identifier string
		Assignee   Contact
	}{id, assignee}
	return c.Call(ctx, "AssignOpportunity", in, nil)
}

// GetAwsOpportunitySummary reads AWS's own view of our opportunity.
func (c *Client) GetAwsOpportunitySummary(ctx context.Context, id string) (*AwsOpportunitySummary, error) {
	out := &AwsOpportunitySummary{}
	if err := c.Call(ctx, "GetAwsOpportunitySummary", map[string]string{"RelatedOpportunityIdentifier": id}, &keepRaw{out, &out.Raw}); err != nil {
		return nil, err
	}
	return out, nil
}

// TagResource sets labels on a resource, by its ARN.
func (c *Client) TagResource(ctx context.Context, arn string, tags []Tag) error {
	return c.Call(ctx, "TagResource", struct {
		ResourceArn string
		Tags        []Tag
	}{arn, tags}, nil)
}

// UntagResource takes labels off a resource.
func (c *Client) UntagResource(ctx context.Context, arn string, keys []string) error {
	return c.Call(ctx, "UntagResource", struct {
		ResourceArn string
		TagKeys     []string
	}{arn, keys}, nil)
}

// ListTagsForResource reads the labels of a resource.
func (c *Client) ListTagsForResource(ctx context.Context, arn string) ([]Tag, error) {
	var out struct{ Tags []Tag }
	err := c.Call(ctx, "ListTagsForResource", struct{ ResourceArn string }{arn}, &out)
	return out.Tags, err
}
