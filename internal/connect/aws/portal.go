package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Portal is Partner Central as the registration engine sees it.
type Portal struct {
	client   *Client
	profile  Profile
	crmField func(dealField string) string
}

// NewPortal makes a portal of a client. crmField names the CRM's field behind
// one of ours ("account.postal_code"); nil leaves the names out.
func NewPortal(c *Client, profile Profile, crmField func(string) string) *Portal {
	if crmField == nil {
		crmField = func(string) string { return "" }
	}
	return &Portal{client: c, profile: profile.withDefaults(), crmField: crmField}
}

// Cloud is AWS.
func (p *Portal) Cloud() cloud.Cloud { return cloud.AWS }

// Check says what AWS would refuse on creation or submission.
func (p *Portal) Check(d registration.Deal) registration.Findings {
	o := Opportunity{Catalog: p.client.Catalog(), OpportunityFields: p.fields(d), OpportunityTeam: team(d), Origin: OriginPartner}
	var out registration.Findings
	for _, f := range Check(o, CheckContext{Submit: true, Today: d.Today, Solutions: d.Solutions, VisibilityOnly: p.profile.Involvement == InvolvementVisibilityOnly}) {
		out = append(out, registration.Finding{
			Rule: f.Rule, Field: f.Field, Label: labelOf(f.Field), CRMField: p.crmField(dealField(f.Field)),
			Severity: registration.Severity(f.Severity), Message: upperFirst(f.Message), Value: f.Value, Mend: upperFirst(f.Mend), Source: f.Source,
		})
	}
	return out
}

// Payload makes the CreateOpportunity request, without its token.
func (p *Portal) Payload(d registration.Deal) (json.RawMessage, error) {
	b, err := json.Marshal(CreateOpportunityInput{Catalog: p.client.Catalog(), OpportunityFields: p.fields(d), Origin: OriginPartner, OpportunityTeam: team(d)})
	if err != nil {
		return nil, fmt.Errorf("aws CreateOpportunity: write the request: %w", err)
	}
	return b, nil
}

// Create sends CreateOpportunity; the token makes it safe to repeat.
func (p *Portal) Create(ctx context.Context, payload json.RawMessage, token string) (registration.Remote, error) {
	var in CreateOpportunityInput
	if err := json.Unmarshal(payload, &in); err != nil {
		return registration.Remote{}, fmt.Errorf("aws CreateOpportunity: read the stored request: %w", err)
	}
	in.ClientToken = token
	out, err := p.client.CreateOpportunity(ctx, &in)
	if err != nil {
		return registration.Remote{}, err
	}
	return registration.Remote{ID: out.ID, Version: out.LastModifiedDate, Status: ReviewPendingSubmission, Stage: in.LifeCycle.Stage}, nil
}

// findPages bounds how many pages of one company's opportunities are searched.
const findPages = 20

// Find searches the opportunities of the deal's company for ours. AWS has no
// filter on the partner's own id, and leaves it out right after creation, so a
// row without one is read whole.
func (p *Portal) Find(ctx context.Context, d registration.Deal) (*registration.Remote, error) {
	in := &ListOpportunitiesInput{MaxResults: 100, CustomerCompanyName: []string{d.Account.Name}}
	for range findPages {
		page, err := p.client.ListOpportunities(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.OpportunitySummaries {
			if s.PartnerOpportunityIdentifier != "" && s.PartnerOpportunityIdentifier != d.Opportunity.CRMID {
				continue
			}
			remote, err := p.Read(ctx, s.ID)
			if err != nil {
				return nil, err
			}
			var whole Opportunity
			if err := json.Unmarshal(remote.Record, &whole); err != nil {
				return nil, fmt.Errorf("aws GetOpportunity %s: read the answer: %w", s.ID, err)
			}
			if whole.PartnerOpportunityIdentifier == d.Opportunity.CRMID {
				return &remote, nil
			}
		}
		if page.NextToken == "" {
			return nil, nil
		}
		in.NextToken = page.NextToken
	}
	return nil, nil
}

// Associate links one of our solutions; AWS's conflict on a second time means
// that it is done.
func (p *Portal) Associate(ctx context.Context, remoteID, solution string) error {
	if err := p.client.AssociateOpportunity(ctx, remoteID, EntitySolution, solution); err != nil && !IsConflict(err) {
		return err
	}
	return nil
}

// Submit starts the engagement from the opportunity, AWS's documented way to
// submit.
func (p *Portal) Submit(ctx context.Context, remoteID, token string) (registration.Task, error) {
	t, err := p.client.StartEngagementFromOpportunityTask(ctx, &StartEngagementInput{
		Identifier: remoteID, ClientToken: token,
		AwsSubmission: AwsSubmission{InvolvementType: p.profile.Involvement, Visibility: p.profile.Visibility},
	})
	if err != nil {
		return registration.Task{}, err
	}
	return taskOf(t), nil
}

// TaskStatus reads how far a submission is.
func (p *Portal) TaskStatus(ctx context.Context, taskID string) (registration.Task, error) {
	out, err := p.client.ListEngagementFromOpportunityTasks(ctx, &ListEngagementTasksInput{TaskIdentifier: []string{taskID}})
	if err != nil {
		return registration.Task{}, err
	}
	i := slices.IndexFunc(out.TaskSummaries, func(t EngagementTask) bool { return t.TaskID == taskID })
	if i < 0 {
		return registration.Task{}, problem.FromRemote(problem.Remote{System: "aws", Operation: "ListEngagementFromOpportunityTasks", Code: CodeNotFound, Retry: problem.RetrySoon},
			"AWS does not list the submission "+taskID+" yet", nil)
	}
	return taskOf(&out.TaskSummaries[i]), nil
}

func taskOf(t *EngagementTask) registration.Task {
	out := registration.Task{ID: t.TaskID, Done: t.TaskStatus == TaskComplete, Failed: t.TaskStatus == TaskFailed, EngagementID: t.EngagementID, Reason: t.ReasonCode}
	if t.Message != "" {
		out.Reason = strings.TrimSpace(t.ReasonCode + ": " + t.Message)
	}
	return out
}

// Read gives the record and, once it was submitted, AWS's own view of it.
func (p *Portal) Read(ctx context.Context, remoteID string) (registration.Remote, error) {
	r, err := p.ReadRecord(ctx, remoteID)
	if err != nil {
		return r, err
	}
	if r.Status == ReviewPendingSubmission || r.Status == "" {
		return r, nil
	}
	s, err := p.client.GetAwsOpportunitySummary(ctx, remoteID)
	if IsNotFound(err) {
		return r, nil
	}
	if err != nil {
		return registration.Remote{}, err
	}
	r.Summary, r.Motion = s.Raw, s.CosellMotion
	r.Sellers = registration.Sellers{}
	for _, m := range s.OpportunityTeam {
		r.Sellers = append(r.Sellers, registration.Seller{Name: strings.TrimSpace(m.FirstName + " " + m.LastName), Email: m.Email, Role: m.BusinessTitle})
	}
	return r, nil
}

// ReadRecord gives the record alone.
func (p *Portal) ReadRecord(ctx context.Context, remoteID string) (registration.Remote, error) {
	o, err := p.client.GetOpportunity(ctx, remoteID)
	if err != nil {
		return registration.Remote{}, err
	}
	r := registration.Remote{ID: o.ID, Version: o.LastModifiedDate, Record: o.Raw}
	if l := o.LifeCycle; l != nil {
		r.Status, r.Stage = l.ReviewStatus, l.Stage
		r.State = stateOf(l.ReviewStatus, l.Stage)
		r.ReviewComment = joinNonEmpty(": ", l.ReviewStatusReason, l.ReviewComments)
	}
	return r, nil
}

// stateOf turns AWS's review status and stage into ours; "" when AWS says a
// word that we do not know, which leaves our state as it is.
func stateOf(status, stage string) registration.State {
	switch status {
	case ReviewSubmitted:
		return registration.StateSubmitted
	case ReviewInReview:
		return registration.StateInReview
	case ReviewActionRequired:
		return registration.StateActionRequired
	case ReviewRejected:
		return registration.StateRejected
	case ReviewApproved:
		switch stage {
		case StageLaunched:
			return registration.StateLaunched
		case StageClosedLost:
			return registration.StateClosedLost
		}
		return registration.StateApproved
	}
	return ""
}

// Solutions lists our active solutions, whatever number of pages they fill.
func (p *Portal) Solutions(ctx context.Context) ([]registration.Solution, error) {
	out := []registration.Solution{}
	in := &ListSolutionsInput{MaxResults: 100, Status: []string{"Active"}}
	for {
		page, err := p.client.ListSolutions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.SolutionSummaries {
			out = append(out, registration.Solution{Cloud: cloud.AWS, RemoteID: s.ID, Name: s.Name, Category: s.Category, Status: s.Status})
		}
		if page.NextToken == "" {
			return out, nil
		}
		in.NextToken = page.NextToken
	}
}

// Ping lists one solution.
func (p *Portal) Ping(ctx context.Context) (string, error) {
	_, err := p.client.ListSolutions(ctx, &ListSolutionsInput{MaxResults: 1})
	return fmt.Sprintf("%s, catalog %s", p.client.endpoint.Host, p.client.Catalog()), err
}

// Usage gives what we used of AWS's daily quotas.
func (p *Portal) Usage() []connection.Usage {
	u := p.client.Usage()
	source := "counted by Tandem; what other programs used is not known"
	return []connection.Usage{
		{Name: "Writes in 24 hours", Used: int64(u.Writes), Limit: int64(u.WritesLimit), Source: source},
		{Name: "Reads in 24 hours", Used: int64(u.Reads), Limit: int64(u.ReadsLimit), Source: source},
	}
}

// Spent gives the calls of the last 24 hours as JSON.
func (p *Portal) Spent() string {
	b, err := json.Marshal(p.client.Spent())
	if err != nil {
		return ""
	}
	return string(b)
}

// Restore takes back what Spent gave.
func (p *Portal) Restore(spent string) {
	var s Spent
	if json.Unmarshal([]byte(spent), &s) == nil {
		p.client.Restore(s)
	}
}

func joinNonEmpty(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}

func upperFirst(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
