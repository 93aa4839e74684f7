package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// written names the opportunity's field that AWS's value can be written back to
// as it is.
var written = map[string]string{
	"Project.CustomerBusinessProblem": "opportunity.description",
	"LifeCycle.TargetCloseDate":       "opportunity.close_on",
	"LifeCycle.NextSteps":             "opportunity.next_steps",
}

// notUpdated are fields of the comparison that UpdateOpportunity does not take, or
// that never change after the creation. AWS leaves our id out right after the
// creation (aws.md §1.16), which is no change of AWS's.
var notUpdated = []string{"OpportunityTeam", "RelatedEntityIdentifiers.Solutions", "PartnerOpportunityIdentifier", "NationalSecurity"}

// Fields lists what is kept true at AWS.
func (p *Portal) Fields() []registration.FieldInfo {
	out := make([]registration.FieldInfo, 0, len(comparedFields))
	for _, f := range comparedFields {
		if slices.Contains(notUpdated, f.path) {
			continue
		}
		in := inputs()[f.path]
		info := registration.FieldInfo{
			Path: f.path, Label: f.label, Group: f.group, CRMField: p.crmField(f.deal), Owner: registration.OwnerAsk, Writes: written[f.path],
			Input: in.kind, Options: in.options, Max: in.limit, Columns: in.columns, Show: showJSON,
		}
		if in.kind == registration.InputRows {
			info.Row = "Contact"
		}
		if f.path == spendPath {
			info.Input, info.Enter, info.Read = registration.InputText, enterSpend, readSpend
		}
		if f.path == stagePath {
			info.Becomes = ends
		}
		out = append(out, info)
	}
	return out
}

// Ours gives the deal's values as AWS would be sent them.
func (p *Portal) Ours(d registration.Deal) registration.Values {
	return values(toTree(p.fields(d)))
}

// Theirs gives a record's values. Members that we do not know are left out, so
// that one of AWS's own is no difference.
func (p *Portal) Theirs(record json.RawMessage) (registration.Values, error) {
	var known OpportunityFields
	if err := json.Unmarshal(record, &known); err != nil {
		return nil, problem.FromRemote(problem.Remote{System: System, Operation: "GetOpportunity", Code: CodeUnreadable, Retry: problem.RetryLater}, "AWS's record cannot be read", err)
	}
	return values(toTree(known)), nil
}

func values(tree any) registration.Values {
	out := registration.Values{}
	for _, f := range comparedFields {
		v := at(tree, f.path)
		if v == nil || slices.Contains(notUpdated, f.path) {
			continue
		}
		if b, err := json.Marshal(v); err == nil {
			out[f.path] = string(b)
		}
	}
	return out
}

// ChangedAt reads a LastModifiedDate.
func (p *Portal) ChangedAt(version string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, version)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Locked says whether AWS takes a change of the field now.
func (p *Portal) Locked(status, stage, path string) registration.Lock {
	locked, reason, until := p.profile.Edits.Locked(status, stage, path)
	return registration.Lock{Locked: locked, Reason: reason, Until: until, Final: locked && until == untilNever}
}

// CheckChanges says what AWS would refuse of the changes that it would not refuse
// of the record as it is. A finding about a field that is not changed is laid on
// the stage, which is what most rules turn on, or else on every change.
func (p *Portal) CheckChanges(d registration.Deal, record json.RawMessage, changes registration.Values) (registration.Findings, error) {
	before, err := p.judge(d, record, nil)
	if err != nil {
		return nil, err
	}
	after, err := p.judge(d, record, changes)
	if err != nil {
		return nil, err
	}
	var out registration.Findings
	for _, f := range after {
		if slices.ContainsFunc(before, func(b Finding) bool { return b.Rule == f.Rule && b.Field == f.Field }) && !sets(changes, f.Field) {
			continue
		}
		for _, path := range blamed(f.Field, changes) {
			out = append(out, registration.Finding{
				Rule: f.Rule, Field: path, Label: labelOf(f.Field), CRMField: p.crmField(dealField(f.Field)),
				Severity: registration.Severity(f.Severity), Message: upperFirst(f.Message), Value: f.Value, Mend: upperFirst(f.Mend), Source: f.Source,
			})
		}
	}
	return out, nil
}

const stagePath = "LifeCycle.Stage"

// ends are the stages that end a deal at AWS (aws.md §1.6).
var ends = map[string]registration.State{`"` + StageLaunched + `"`: registration.StateLaunched, `"` + StageClosedLost + `"`: registration.StateClosedLost}

// sets reports whether a field is one of those changed, or lies in one.
func sets(changes registration.Values, field string) bool {
	clean := listIndexRE.ReplaceAllString(field, "")
	for path, value := range changes {
		if value != "" && (clean == path || strings.HasPrefix(clean, path+".")) {
			return true
		}
	}
	return false
}

// blamed gives the fields that a finding is about: the very one, such as
// "Customer.Contacts[1].Email", if it was changed, else those that were.
func blamed(field string, changes registration.Values) []string {
	clean := listIndexRE.ReplaceAllString(field, "")
	var all []string
	for path := range changes {
		if clean == path || strings.HasPrefix(clean, path+".") {
			return []string{field}
		}
		all = append(all, path)
	}
	if _, ok := changes[stagePath]; ok {
		return []string{stagePath}
	}
	slices.Sort(all)
	return all
}

// judge runs the checks over a record with changes.
func (p *Portal) judge(d registration.Deal, record json.RawMessage, changes registration.Values) ([]Finding, error) {
	doc, err := decodeObject(record)
	if err != nil {
		return nil, fmt.Errorf("aws: check an update: %w", err)
	}
	if err := setAll(doc, changes); err != nil {
		return nil, err
	}
	var o Opportunity
	if err := fromTree(doc, &o); err != nil {
		return nil, problem.Invalid("value", "wrong_type", "A value has not the type that AWS takes: "+err.Error())
	}
	solutions := d.Solutions
	if o.RelatedEntityIdentifiers != nil && len(o.RelatedEntityIdentifiers.Solutions) > 0 {
		solutions = o.RelatedEntityIdentifiers.Solutions
	}
	return Check(o, CheckContext{Submit: true, Update: true, Today: d.Today, Solutions: solutions, VisibilityOnly: p.profile.Involvement == InvolvementVisibilityOnly}), nil
}

// Update sends UpdateOpportunity with all that the record holds and the changes.
func (p *Portal) Update(ctx context.Context, remoteID string, record json.RawMessage, changes registration.Values) (registration.Remote, error) {
	payload, err := MergeChanges(record, changes)
	if err != nil {
		return registration.Remote{}, err
	}
	out, err := p.client.UpdateOpportunity(ctx, payload)
	if IsConflict(err) {
		return registration.Remote{}, stale(remoteID, err)
	}
	if err != nil {
		return registration.Remote{}, err
	}
	whole, err := afterUpdate(record, payload, out.LastModifiedDate)
	if err != nil {
		return registration.Remote{}, err
	}
	r := registration.Remote{ID: remoteID, Version: out.LastModifiedDate, Record: whole}
	var o Opportunity
	if err := json.Unmarshal(whole, &o); err == nil && o.LifeCycle != nil {
		r.Status, r.Stage = o.LifeCycle.ReviewStatus, o.LifeCycle.Stage
	}
	return r, nil
}

// stale is AWS's word that the record changed since it was read.
func stale(remoteID string, cause error) error {
	p := problem.Precondition("opportunity", remoteID)
	p.Remote, p.Err = problem.RemoteOf(cause), cause
	p.Message = "AWS's record changed since it was read: " + remoteID
	return p
}

// changesPage is how many opportunities one call of ListOpportunities lists.
const changesPage = 100

// Changes lists the opportunities that changed since then, the oldest first. It
// costs one read for a hundred.
func (p *Portal) Changes(ctx context.Context, since time.Time) iter.Seq2[registration.RemoteChange, error] {
	in := &ListOpportunitiesInput{MaxResults: changesPage, Sort: &Sort{SortBy: "LastModifiedDate", SortOrder: "ASCENDING"}}
	if !since.IsZero() {
		in.LastModifiedDate = &ModifiedIn{After: since.UTC().Format(time.RFC3339Nano)}
	}
	return func(yield func(registration.RemoteChange, error) bool) {
		for {
			page, err := p.client.ListOpportunities(ctx, in)
			if err != nil {
				yield(registration.RemoteChange{}, err)
				return
			}
			for _, s := range page.OpportunitySummaries {
				c := registration.RemoteChange{RemoteID: s.ID, Version: s.LastModifiedDate, OurID: s.PartnerOpportunityIdentifier, ChangedAt: p.ChangedAt(s.LastModifiedDate)}
				if s.LifeCycle != nil {
					c.Status, c.Stage = s.LifeCycle.ReviewStatus, s.LifeCycle.Stage
				}
				c.Draft = c.Status == "" || c.Status == ReviewPendingSubmission
				if s.Customer != nil && s.Customer.Account != nil {
					c.Company = s.Customer.Account.CompanyName
				}
				if !yield(c, nil) {
					return
				}
			}
			if page.NextToken == "" {
				return
			}
			in.NextToken = page.NextToken
		}
	}
}
