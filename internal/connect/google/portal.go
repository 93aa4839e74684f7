package google

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Portal is Google's partner portal as the registration engine sees it, whoever
// carries.
type Portal struct {
	carrier  Carrier
	profile  Profile
	crmField func(dealField string) string
	words    bool // a person reads it, and puts Google's words for the CRM's
}

// NewPortal makes a portal of a carrier. crmField names the CRM's field behind one of
// ours ("account.postal_code"); nil leaves the names out.
func NewPortal(c Carrier, profile Profile, crmField func(string) string) *Portal {
	if crmField == nil {
		crmField = func(string) string { return "" }
	}
	_, api := c.(*API)
	return &Portal{carrier: c, profile: profile, crmField: crmField, words: !api}
}

// Cloud is Google Cloud.
func (p *Portal) Cloud() cloud.Cloud { return cloud.GCP }

// Payload makes the opportunity, as a draft.
func (p *Portal) Payload(d registration.Deal) (json.RawMessage, error) {
	o := p.fields(d)
	o.State = googlecosell.StateDraft
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("google %s: write the request: %w", opCreate, err)
	}
	return b, nil
}

// Create makes the opportunity.
func (p *Portal) Create(ctx context.Context, payload json.RawMessage, token string) (registration.Remote, error) {
	o, err := decode(payload)
	if err != nil {
		return registration.Remote{}, err
	}
	made, err := p.carrier.Create(ctx, o, token)
	if err != nil {
		return registration.Remote{}, err
	}
	return remoteOf(made)
}

// Find looks for the opportunity with our id.
func (p *Portal) Find(ctx context.Context, d registration.Deal) (*registration.Remote, error) {
	o, err := p.carrier.Find(ctx, d.Opportunity.CRMID)
	if err != nil || o == nil {
		return nil, err
	}
	r, err := remoteOf(o)
	return &r, err
}

// Associate has nothing to do: Google's deals name no solutions.
func (p *Portal) Associate(context.Context, string, string) error { return nil }

// Submit hands the draft to Google. It is done when the call is: the id of the task
// is the opportunity's own.
func (p *Portal) Submit(ctx context.Context, remoteID, _ string) (registration.Task, error) {
	if err := p.carrier.Submit(ctx, remoteID); err != nil {
		return registration.Task{}, err
	}
	return registration.Task{ID: remoteID, Done: true}, nil
}

// TaskStatus says that a submission is done.
func (p *Portal) TaskStatus(_ context.Context, taskID string) (registration.Task, error) {
	return registration.Task{ID: taskID, Done: true}, nil
}

// Read gives the record, with Google's people on it.
func (p *Portal) Read(ctx context.Context, remoteID string) (registration.Remote, error) {
	o, err := p.carrier.Get(ctx, remoteID)
	if err != nil {
		return registration.Remote{}, err
	}
	r, err := remoteOf(o)
	r.Sellers = sellers(o)
	return r, err
}

// ReadRecord gives the record alone: it is one call, too.
func (p *Portal) ReadRecord(ctx context.Context, remoteID string) (registration.Remote, error) {
	o, err := p.carrier.Get(ctx, remoteID)
	if err != nil {
		return registration.Remote{}, err
	}
	return remoteOf(o)
}

// sellers gives Google's owner of the deal first, then its team.
func sellers(o *Opportunity) registration.Sellers {
	out := registration.Sellers{}
	if o.OwnerEmail != "" {
		name := o.Owner
		if strings.Contains(name, "/") {
			name = "" // a resource name is no person's
		}
		out = append(out, registration.Seller{Name: name, Email: o.OwnerEmail, Role: "Owner at Google"})
	}
	for _, m := range o.OpportunityTeamMembers {
		if m.Email != o.OwnerEmail {
			out = append(out, registration.Seller{Name: m.Name, Email: m.Email, Role: "Team at Google"})
		}
	}
	return out
}

func decode(record json.RawMessage) (*Opportunity, error) {
	o := &Opportunity{}
	if err := json.Unmarshal(record, o); err != nil {
		return nil, problem.FromRemote(problem.Remote{System: System, Operation: opGet, Code: CodeUnreadable, Retry: problem.RetryLater}, "Google's record cannot be read", err)
	}
	return o, nil
}

func remoteOf(o *Opportunity) (registration.Remote, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return registration.Remote{}, fmt.Errorf("google: keep a record: %w", err)
	}
	r := registration.Remote{ID: o.Name, Version: o.UpdateTime, Status: o.State, Stage: o.Stage, State: stateOf(o), ReviewComment: o.StateDescription, Record: raw}
	if o.QualificationInfo != nil {
		r.EngagementID = o.QualificationInfo.DealNumber
	}
	return r, nil
}

// stateOf turns Google's state and stage into ours; "" for a draft or a word that we
// do not know, which leaves our state as it is.
func stateOf(o *Opportunity) registration.State {
	switch o.State {
	case googlecosell.StateSubmitted:
		return registration.StateSubmitted
	case googlecosell.StateNotAccepted, googlecosell.StateRejected:
		return registration.StateRejected
	case googlecosell.StateAccepted:
		switch o.Stage {
		case googlecosell.StageMigration:
			return registration.StateLaunched
		case googlecosell.StageClosedLost, googlecosell.StageClosedAdmin:
			return registration.StateClosedLost
		}
		return registration.StateApproved
	}
	return ""
}

// written names the opportunity's field that Google's value can be written back to as
// it is.
var written = map[string]string{
	"opportunityInfo.description":     "opportunity.description",
	googlecosell.PathCloseDate:        "opportunity.close_on",
	"isvSolutionConnectInfo.nextStep": "opportunity.next_steps",
}

// dealFields names our field that one of Google's comes from.
var dealFields = map[string]string{
	"customerInfo.customerDetails.organizationName": "account.name", "customerInfo.customerDetails.domain": "account.website",
	"customerInfo.customerDetails.address.regionCode": "account.country", "customerInfo.customerDetails.address.administrativeArea": "account.state",
	"customerInfo.customerDetails.address.locality": "account.city", "customerInfo.customerDetails.address.postalCode": "account.postal_code",
	googlecosell.PathLines: "account.street", "customerInfo.customerDetails.industry": "account.industry", "customerInfo.customerDetails.employeeCount": "account.employees",
	googlecosell.PathContact: "contacts.email", "opportunityInfo.displayName": "opportunity.name", "opportunityInfo.description": "opportunity.description",
	googlecosell.PathAmount: "opportunity.amount", googlecosell.PathDealSize: "opportunity.amount", "qualificationInfo.operationType": "opportunity.order_type",
	"qualificationInfo.contractLengthMonths": "opportunity.end_on", googlecosell.PathCloseDate: "opportunity.close_on",
	"isvSolutionConnectInfo.nextStep": "opportunity.next_steps", googlecosell.PathStage: "opportunity.stage",
}

// ends are the stages that end a deal.
var ends = map[string]registration.State{
	`"` + googlecosell.StageMigration + `"`: registration.StateLaunched, `"` + googlecosell.StageClosedLost + `"`: registration.StateClosedLost,
	`"` + googlecosell.StageClosedAdmin + `"`: registration.StateClosedLost,
}

// Fields lists what is kept true at Google.
func (p *Portal) Fields() []registration.FieldInfo {
	var out []registration.FieldInfo
	for _, f := range googlecosell.Fields() {
		if notKept[f.Path] {
			continue
		}
		info := registration.FieldInfo{
			Path: f.Path, Label: f.Label, Group: f.Group, CRMField: p.crmField(dealFields[f.Path]), Owner: registration.OwnerAsk, Writes: written[f.Path],
			Input: registration.InputText,
		}
		switch f.Kind {
		case googlecosell.KindLong:
			info.Input = registration.InputLong
		case googlecosell.KindDate:
			info.Input = registration.InputDate
		case googlecosell.KindList:
			info.Input = registration.InputList
		case googlecosell.KindBool:
			info.Input, info.Options = registration.InputChoice, []string{yes}
		case googlecosell.KindContact:
			info.Input, info.Show = registration.InputJSON, showContact
		case googlecosell.KindMoney:
			info.Read = readMoney
		}
		if f.Path == googlecosell.PathStage {
			info.Input, info.Becomes = registration.InputChoice, ends
			info.Options = append(googlecosell.PartnerStages(), googlecosell.ReadyWon, googlecosell.ReadyLost)
		}
		out = append(out, info)
	}
	return out
}

func showContact(value string) string {
	var c Contact
	if json.Unmarshal([]byte(value), &c) != nil {
		return value
	}
	name := strings.TrimSpace(c.GivenName + " " + c.FamilyName)
	if name == "" {
		return c.Email
	}
	return name + " <" + c.Email + ">"
}

func readMoney(text, _ string) (string, error) {
	m, err := parseMoney(text)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(m.Text())
	return string(b), err
}

// Ours gives the deal's values.
func (p *Portal) Ours(d registration.Deal) registration.Values {
	v, err := valuesOf(p.fields(d))
	if err != nil {
		return registration.Values{} // our own structures always encode
	}
	v[googlecosell.PathStage] = `"` + stageOf(d.Opportunity.Stage, d.Opportunity.Closed, d.Opportunity.Won) + `"`
	return v
}

// Theirs gives a record's values.
func (p *Portal) Theirs(record json.RawMessage) (registration.Values, error) {
	o, err := decode(record)
	if err != nil {
		return nil, err
	}
	return valuesOf(o)
}

// ChangedAt reads an update time.
func (p *Portal) ChangedAt(version string) time.Time { return changedAt(version) }

// Locked says whether Google takes a change of the field now (reference,
// opportunities.patch). Which fields are fixed once accepted is not published: ours
// are marked as unverified.
func (p *Portal) Locked(state, stage, path string) registration.Lock {
	lock := func(reason, until string, final bool) registration.Lock {
		return registration.Lock{Locked: true, Reason: reason, Until: until, Final: final}
	}
	switch {
	case isClosed(stage):
		return lock("Google closed the deal", "for good", true)
	case googlecosell.Editable(state, path):
		return registration.Lock{}
	case state == googlecosell.StateSubmitted:
		return lock("Google is looking at the deal", "until Google decides", false)
	case state == googlecosell.StateAccepted:
		return lock("Google accepted the deal with this value (unverified)", "for good", true)
	case path == googlecosell.PathStage:
		return lock("Google takes a stage of accepted deals only", "until Google accepted it", false)
	}
	return lock(fmt.Sprintf("Google's state %q is not known to this version of Tandem", state), "until the state changes", false)
}

// Update sends the changed fields alone, in one call. What the record holds beside
// them stays at Google.
func (p *Portal) Update(ctx context.Context, remoteID string, record json.RawMessage, changes registration.Values) (registration.Remote, error) {
	before, err := decode(record)
	if err != nil {
		return registration.Remote{}, err
	}
	mask, tree, err := change(changes)
	if err != nil {
		return registration.Remote{}, err
	}
	if before.ETag != "" {
		tree["etag"] = before.ETag
	}
	o := &Opportunity{}
	if err := fromTree(tree, o); err != nil {
		return registration.Remote{}, problem.Invalid("value", "wrong_type", "A value has not the form that Google takes: "+err.Error())
	}
	after, err := p.carrier.Patch(ctx, remoteID, mask, o)
	if err != nil {
		return registration.Remote{}, err
	}
	return remoteOf(after)
}

// Changes lists what changed at Google since then.
func (p *Portal) Changes(ctx context.Context, since time.Time) iter.Seq2[registration.RemoteChange, error] {
	return func(yield func(registration.RemoteChange, error) bool) {
		for o, err := range p.carrier.Changed(ctx, since) {
			if err != nil {
				yield(registration.RemoteChange{}, err)
				return
			}
			c := registration.RemoteChange{RemoteID: o.Name, Version: o.UpdateTime, Status: o.State, Stage: o.Stage, OurID: o.PartnerOpportunityID, Company: o.CustomerDisplayName, Draft: o.State == googlecosell.StateDraft, ChangedAt: changedAt(o.UpdateTime)}
			if c.Company == "" && o.CustomerInfo != nil && o.CustomerInfo.CustomerDetails != nil {
				c.Company = o.CustomerInfo.CustomerDetails.OrganizationName
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Compare lays what we would send beside what Google holds.
func (p *Portal) Compare(d registration.Deal, record json.RawMessage, status, stage string) []registration.FieldPair {
	ours, theirs := p.Ours(d), registration.Values{}
	if len(record) > 0 {
		if v, err := p.Theirs(record); err == nil {
			theirs = v
		}
	}
	var out []registration.FieldPair
	for _, f := range p.Fields() {
		pair := registration.FieldPair{Group: f.Group, Label: f.Label, Path: f.Path, CRMField: f.CRMField, Ours: f.Text(ours[f.Path]), Theirs: f.Text(theirs[f.Path])}
		if pair.Ours == "" && pair.Theirs == "" {
			continue
		}
		pair.Same = pair.Ours == pair.Theirs
		if len(record) > 0 {
			lock := p.Locked(status, stage, f.Path)
			pair.Locked, pair.LockReason, pair.LockedUntil = lock.Locked, lock.Reason, lock.Until
		}
		out = append(out, pair)
	}
	return out
}

// Solutions gives nil: Google's deals name none.
func (p *Portal) Solutions(context.Context) ([]registration.Solution, error) { return nil, nil }

// Ping makes one cheap call.
func (p *Portal) Ping(ctx context.Context) (string, error) { return p.carrier.Ping(ctx) }

// Usage gives how many calls were made.
func (p *Portal) Usage() []connection.Usage { return p.carrier.Usage() }

// Spent gives nothing: Google publishes no quota to be kept over a restart.
func (p *Portal) Spent() string { return "" }

// Restore takes nothing back.
func (p *Portal) Restore(string) {}

// Listen takes what Google has to tell, if the carrier hears of it.
func (p *Portal) Listen(ctx context.Context) ([]string, func(context.Context) error, error) {
	if l, ok := p.carrier.(interface {
		Listen(context.Context) ([]string, func(context.Context) error, error)
	}); ok {
		return l.Listen(ctx)
	}
	return nil, func(context.Context) error { return nil }, nil
}

// Check says what Google would refuse to have submitted.
func (p *Portal) Check(d registration.Deal) registration.Findings { return p.check(p.fields(d)) }

// CheckChanges says which changes would take away what Google requires.
func (p *Portal) CheckChanges(_ registration.Deal, _ json.RawMessage, changes registration.Values) (registration.Findings, error) {
	var out registration.Findings
	for _, f := range googlecosell.Fields() {
		value, changed := changes[f.Path]
		if !changed {
			continue
		}
		if f.Required && value == "" {
			out = append(out, p.finding(f, "required", "Google requires it", ""))
		}
		if _, err := memberOf(f.Kind, value); err != nil {
			out = append(out, p.finding(f, "malformed", "The value has not the form that Google takes", value))
		}
		if stage := strings.Trim(value, `"`); f.Path == googlecosell.PathStage && !slices.Contains(append(googlecosell.PartnerStages(), googlecosell.ReadyWon, googlecosell.ReadyLost), stage) {
			out = append(out, p.finding(f, "not_ours", fmt.Sprintf("Only Google sets the stage %q", stage), value))
		}
	}
	return out, nil
}

func (p *Portal) check(o *Opportunity) registration.Findings {
	tree, err := treeOf(o)
	if err != nil {
		return nil // our own structures always encode
	}
	var out registration.Findings
	for _, f := range googlecosell.Fields() {
		if f.Required && valueOf(f.Kind, at(tree, f.Path)) == "" {
			out = append(out, p.finding(f, "required", fmt.Sprintf("Google requires the %s", strings.ToLower(f.Label)), ""))
		}
	}
	if domain := o.CustomerInfo.CustomerDetails.Domain; slices.Contains(freeMail, domain) {
		f, _ := googlecosell.FieldOf("customerInfo.customerDetails.domain")
		out = append(out, p.finding(f, "free_mail", fmt.Sprintf("%s is a mail provider's, not the customer's", domain), domain))
	}
	return out
}

var freeMail = []string{"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com", "gmx.de", "web.de", "qq.com"}

func (p *Portal) finding(f googlecosell.Field, rule, message, value string) registration.Finding {
	mend := "Fill it in"
	if field := p.crmField(dealFields[f.Path]); field != "" {
		mend = "Fill in " + field + " in Salesforce"
	}
	return registration.Finding{
		Rule: "google." + rule, Field: f.Path, Label: f.Label, CRMField: p.crmField(dealFields[f.Path]), Severity: registration.SeverityError,
		Message: message, Value: value, Mend: mend, Source: string(f.Source),
	}
}

var _ registration.Portal = (*Portal)(nil)
