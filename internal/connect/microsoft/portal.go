package microsoft

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Portal is Partner Center as the registration engine sees it. A registration is our
// own referral; what Microsoft says of it stands in Microsoft's referral of the same
// engagement.
type Portal struct {
	client   *Client
	profile  Profile
	crmField func(dealField string) string
	started  time.Time

	mu          sync.Mutex
	engagements map[string]string    // our referral's id to its engagement
	ours        map[string]string    // and back
	seen        map[string]string    // by engagement, when Microsoft's record changed that was read last
	unsure      map[string]time.Time // by our CRM's id or by engagement, when a create had no sure outcome
}

// NewPortal makes a portal of a client. crmField names the CRM's field behind one of
// ours ("account.postal_code"); nil leaves the names out.
func NewPortal(c *Client, profile Profile, crmField func(string) string) *Portal {
	if crmField == nil {
		crmField = func(string) string { return "" }
	}
	return &Portal{
		client: c, profile: profile.withDefaults(), crmField: crmField, started: c.cfg.Clock.Now(), engagements: map[string]string{}, ours: map[string]string{},
		seen: map[string]string{}, unsure: map[string]time.Time{},
	}
}

// Cloud is Azure.
func (p *Portal) Cloud() cloud.Cloud { return cloud.Azure }

// Payload makes the record of our side.
func (p *Portal) Payload(d registration.Deal) (json.RawMessage, error) {
	b, err := json.Marshal(p.referral(d))
	if err != nil {
		return nil, fmt.Errorf("microsoft CreateReferral: write the request: %w", err)
	}
	return b, nil
}

// Create makes our referral. Microsoft knows no token, so a create of unknown outcome
// is remembered: until its time has passed, a search that finds nothing proves nothing.
func (p *Portal) Create(ctx context.Context, payload json.RawMessage, _ string) (registration.Remote, error) {
	var in Referral
	if err := json.Unmarshal(payload, &in); err != nil {
		return registration.Remote{}, fmt.Errorf("microsoft CreateReferral: read the stored request: %w", err)
	}
	in.Raw = nil
	out, err := p.client.Create(ctx, &in)
	p.remember(in.ExternalReferenceID, err)
	if err != nil {
		return registration.Remote{}, err
	}
	p.know(out)
	return registration.Remote{ID: out.ID, Version: out.UpdatedDateTime, Status: out.words(), Stage: out.SalesStage, EngagementID: out.EngagementID}, nil
}

// remember keeps that a create may have acted; any other outcome is sure.
func (p *Portal) remember(key string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.unsure, key)
	if problem.RetryOf(err) == problem.RetryUnsure {
		p.unsure[key] = p.client.cfg.Clock.Now()
	}
}

// settled gives nil when a search that found nothing is to be believed: no create of
// that key is recent, nor is the start of this process, before which another may have
// sent one.
func (p *Portal) settled(op, key string) error {
	p.mu.Lock()
	at, ok := p.unsure[key]
	p.mu.Unlock()
	if !ok || at.Before(p.started) {
		at = p.started
	}
	wait := at.Add(p.client.cfg.Settle).Sub(p.client.cfg.Clock.Now())
	if wait <= 0 {
		return nil
	}
	r := problem.Remote{System: System, Operation: op, Code: CodeUnsettled, Retry: problem.RetryLater, RetryAfter: wait}
	return problem.FromRemote(r, "An earlier attempt may still come to light at Microsoft: Tandem looks again before it makes another", nil)
}

// know remembers which engagement a record of ours is of.
func (p *Portal) know(r *Referral) {
	if r.OrganizationID == partnercenter.OrgMicrosoft || r.ID == "" || r.EngagementID == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engagements[r.ID], p.ours[r.EngagementID] = r.EngagementID, r.ID
}

// Find searches for our record of an opportunity. Microsoft filters by neither our id
// nor the company, so what was made for the country since the opportunity exists is
// looked through, the newest first: one call for a hundred.
func (p *Portal) Find(ctx context.Context, d registration.Deal) (*registration.Remote, error) {
	filter := "direction eq 'Outgoing'"
	if c := country(d.Account.Country); countryRE.MatchString(c) {
		filter += " and customerProfile/address/country eq " + quote(c)
	}
	if at := d.Opportunity.CRMCreatedAt; !at.IsZero() {
		filter += " and updatedDateTime ge " + at.UTC().Format(time.RFC3339)
	}
	for r, err := range p.client.All(ctx, Query{Filter: filter, OrderBy: "createdDateTime desc"}) {
		if err != nil {
			return nil, err
		}
		if r.OrganizationID == partnercenter.OrgMicrosoft || r.ExternalReferenceID != d.Opportunity.CRMID {
			continue
		}
		p.know(&r)
		remote, err := p.Read(ctx, r.ID)
		return &remote, err
	}
	return nil, p.settled("GetAllReferrals", d.Opportunity.CRMID)
}

// Associate sees that our record names a solution. Those that were chosen before the
// creation are in it from the start.
func (p *Portal) Associate(ctx context.Context, remoteID, solution string) error {
	r, err := p.client.Get(ctx, remoteID)
	if err != nil {
		return err
	}
	p.know(r)
	if r.Details != nil && r.Details.Requirements != nil && slices.ContainsFunc(r.Details.Requirements.Solutions, func(s Solution) bool { return s.ID == solution }) {
		return nil
	}
	_, err = p.client.Patch(ctx, remoteID, r.ETag, []Operation{Add("/details/requirements/solutions/-", p.solutions([]string{solution})[0])})
	return err
}

// Submit asks Microsoft to help, by the second record of the engagement. A deal that
// is not co-sell has nothing to be submitted.
func (p *Portal) Submit(ctx context.Context, remoteID, _ string) (registration.Task, error) {
	ours, theirs, err := p.engagement(ctx, remoteID)
	if err != nil {
		return registration.Task{}, err
	}
	done := registration.Task{ID: ours.ID, Done: true, EngagementID: ours.EngagementID}
	if typeOf(ours) != DealCoSell || theirs != nil || ours.Status == partnercenter.StatusClosed {
		return done, nil
	}
	if at, unsure := p.unsureOf(ours.EngagementID); unsure && !at.IsZero() {
		if err := p.settled("CreateReferral", ours.EngagementID); err != nil {
			return registration.Task{}, err
		}
	}
	_, err = p.client.Create(ctx, p.ask(ours))
	p.remember(ours.EngagementID, err)
	if r := problem.RemoteOf(err); r != nil && r.Status == http.StatusConflict { // it takes part already, and the list did not show it yet
		return done, nil
	}
	return done, err
}

func (p *Portal) unsureOf(key string) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, ok := p.unsure[key]
	return at, ok
}

// ask makes Microsoft's record of our deal.
func (p *Portal) ask(ours *Referral) *Referral {
	consent := *filled(ours).Consent
	consent.ShareWithSellers = true
	notes := p.profile.AskNotes
	if ours.Details != nil && ours.Details.Notes != "" {
		notes += "\n" + ours.Details.Notes
	}
	return &Referral{
		EngagementID: ours.EngagementID, Name: ours.Name, ExternalReferenceID: ours.ExternalReferenceID, CampaignID: ours.CampaignID, Type: partnercenter.TypeShared,
		Qualification: ours.Qualification, Status: partnercenter.StatusNew, Substatus: partnercenter.SubPending, CustomerProfile: ours.CustomerProfile, Consent: &consent,
		Details: ours.Details, Target: []Target{{partnercenter.TargetMicrosoft, partnercenter.OrgMicrosoft}},
		InviteContext: &InviteContext{
			Notes: notes, AssistanceRequestCode: p.profile.Assistance,
			InvitedBy: &InvitedBy{OrganizationID: ours.OrganizationID, OrganizationName: ours.OrganizationName},
		},
	}
}

// TaskStatus is the end of a submission: Microsoft takes it at once.
func (p *Portal) TaskStatus(_ context.Context, taskID string) (registration.Task, error) {
	return registration.Task{ID: taskID, Done: true}, nil
}

// engagement reads our record and Microsoft's, in one call once the engagement is
// known. theirs is nil when Microsoft was not asked.
func (p *Portal) engagement(ctx context.Context, remoteID string) (ours, theirs *Referral, err error) {
	p.mu.Lock()
	id := p.engagements[remoteID]
	p.mu.Unlock()
	if id == "" {
		if ours, err = p.client.Get(ctx, remoteID); err != nil {
			return nil, nil, err
		}
		id = ours.EngagementID
		p.know(ours)
	}
	list, err := p.client.Engagement(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	for i := range list {
		switch {
		case list[i].ID == remoteID:
			ours = &list[i]
		case list[i].OrganizationID == partnercenter.OrgMicrosoft:
			theirs = &list[i]
		}
	}
	if ours == nil { // a list can lag behind
		if ours, err = p.client.Get(ctx, remoteID); err != nil {
			return nil, nil, err
		}
	}
	return ours, theirs, nil
}

// Read gives our record and what Microsoft says of it.
func (p *Portal) Read(ctx context.Context, remoteID string) (registration.Remote, error) {
	ours, theirs, err := p.engagement(ctx, remoteID)
	if err != nil {
		return registration.Remote{}, err
	}
	r := p.remote(ours, theirs)
	r.Motion, r.Sellers = typeOf(ours).Label(), registration.Sellers{}
	if theirs != nil {
		r.Summary = theirs.Raw
		for _, x := range theirs.Team {
			r.Sellers = append(r.Sellers, registration.Seller{Name: strings.TrimSpace(x.FirstName + " " + x.LastName), Email: x.Email, Role: x.Title})
		}
		p.mu.Lock()
		p.seen[ours.EngagementID] = theirs.UpdatedDateTime
		p.mu.Unlock()
	}
	return r, nil
}

// ReadRecord gives our record, without what Microsoft says beside it. It costs as
// much as Read: one list of the engagement.
func (p *Portal) ReadRecord(ctx context.Context, remoteID string) (registration.Remote, error) {
	ours, theirs, err := p.engagement(ctx, remoteID)
	if err != nil {
		return registration.Remote{}, err
	}
	return p.remote(ours, theirs), nil
}

func (p *Portal) remote(ours, theirs *Referral) registration.Remote {
	p.know(ours)
	r := registration.Remote{
		ID: ours.ID, Version: ours.UpdatedDateTime, Record: ours.Raw, EngagementID: ours.EngagementID, Stage: ours.SalesStage, Status: ours.words(), State: stateOf(ours, theirs),
	}
	if theirs != nil {
		r.Status += "; Microsoft " + theirs.words()
		r.ReviewComment = commentOf(theirs)
	}
	return r
}

// stateOf turns both records into our state; "" leaves it as it is.
func stateOf(ours, theirs *Referral) registration.State {
	switch ours.Substatus {
	case partnercenter.SubWon:
		return registration.StateLaunched
	case partnercenter.SubLost:
		return registration.StateClosedLost
	case partnercenter.SubDeclined, partnercenter.SubExpired:
		return registration.StateRejected
	}
	if theirs == nil {
		if typeOf(ours) == DealCoSell || ours.Substatus != partnercenter.SubAccepted {
			return ""
		}
		return registration.StateApproved // nobody is asked
	}
	switch theirs.Substatus {
	case partnercenter.SubPending, partnercenter.SubReceived:
		return registration.StateSubmitted
	case partnercenter.SubAccepted, partnercenter.SubWon:
		return registration.StateApproved
	case partnercenter.SubDeclined, partnercenter.SubExpired:
		return registration.StateRejected
	}
	return ""
}

// commentOf says in words what stands behind Microsoft's answer.
func commentOf(theirs *Referral) string {
	switch theirs.Substatus {
	case partnercenter.SubPending:
		if end := instant(theirs.ExpirationDateTime); !end.IsZero() {
			return "Microsoft has until " + end.Format("2 January 2006 15:04") + " UTC to answer"
		}
	case partnercenter.SubExpired:
		return "Nobody at Microsoft answered within 14 days"
	case partnercenter.SubDeclined:
		if theirs.StatusReason == "" {
			return "Microsoft declined and shows no reason, as it does below 25,000 US dollars"
		}
	}
	return theirs.StatusReason
}

// Update sends the changes of our record, in one call, if it is still as it was read.
func (p *Portal) Update(ctx context.Context, remoteID string, record json.RawMessage, changes registration.Values) (registration.Remote, error) {
	have, err := readRecord(record)
	if err != nil {
		return registration.Remote{}, err
	}
	ops, err := operations(have, changes)
	if err != nil {
		return registration.Remote{}, err
	}
	if len(ops) == 0 {
		return registration.Remote{ID: remoteID, Version: have.UpdatedDateTime, Record: have.Raw, Stage: have.SalesStage}, nil
	}
	out, err := p.client.Patch(ctx, remoteID, have.ETag, ops)
	if err != nil {
		return registration.Remote{}, err
	}
	r := registration.Remote{ID: out.ID, Version: out.UpdatedDateTime, Record: out.Raw, Stage: out.SalesStage}
	if out.Status == partnercenter.StatusClosed { // else Microsoft's word beside ours stays as it was read
		r.Status = out.words()
	}
	return r, nil
}

// Changes lists the engagements that changed since then, by our record of each. A
// change of Microsoft's record that was read already is left out.
func (p *Portal) Changes(ctx context.Context, since time.Time) iter.Seq2[registration.RemoteChange, error] {
	return func(yield func(registration.RemoteChange, error) bool) {
		var strange []Referral // of Microsoft's, whose counterpart is not known yet
		for r, err := range p.client.Changed(ctx, since) {
			if err != nil {
				yield(registration.RemoteChange{}, err)
				return
			}
			p.know(&r)
			if r.OrganizationID == partnercenter.OrgMicrosoft {
				p.mu.Lock()
				id, read := p.ours[r.EngagementID], p.seen[r.EngagementID] == r.UpdatedDateTime
				p.mu.Unlock()
				switch {
				case read:
					continue
				case id == "":
					strange = append(strange, r)
					continue
				}
				if !yield(registration.RemoteChange{RemoteID: id, Version: r.UpdatedDateTime, Status: r.words(), ChangedAt: instant(r.UpdatedDateTime)}, nil) {
					return
				}
				continue
			}
			if !yield(changeOf(&r), nil) {
				return
			}
		}
		for _, r := range strange {
			list, err := p.client.Engagement(ctx, r.EngagementID)
			if err != nil {
				yield(registration.RemoteChange{}, err)
				return
			}
			for i := range list {
				p.know(&list[i])
				if list[i].OrganizationID == partnercenter.OrgMicrosoft {
					continue
				}
				c := changeOf(&list[i])
				c.Version, c.ChangedAt = r.UpdatedDateTime, instant(r.UpdatedDateTime)
				if !yield(c, nil) {
					return
				}
			}
		}
	}
}

func changeOf(r *Referral) registration.RemoteChange {
	c := registration.RemoteChange{
		RemoteID: r.ID, Version: r.UpdatedDateTime, Status: r.words(), Stage: r.SalesStage, OurID: r.ExternalReferenceID, ChangedAt: instant(r.UpdatedDateTime),
	}
	if r.CustomerProfile != nil {
		c.Company = r.CustomerProfile.Name
	}
	return c
}

// Solutions lists what the configuration names: Microsoft has no API that does.
func (p *Portal) Solutions(context.Context) ([]registration.Solution, error) {
	return slices.Clone(p.profile.Solutions), nil
}

// ParseSolutions reads "SOL-1234-ABC=Name;SOL-…=Name", the solutions that we
// published in Partner Center.
func ParseSolutions(text string) ([]registration.Solution, error) {
	var out []registration.Solution
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		id, name, _ := strings.Cut(part, "=")
		id, name = strings.TrimSpace(id), strings.TrimSpace(name)
		if !strings.HasPrefix(id, "SOL-") || strings.ContainsAny(id, " ,/") {
			return nil, fmt.Errorf("%q is no solution such as SOL-1234-ABCD=Name", part)
		}
		if name == "" {
			name = id
		}
		out = append(out, registration.Solution{Cloud: cloud.Azure, RemoteID: id, Name: name, Category: "Co-sell solution", Status: "Active"})
	}
	return out, nil
}

// Ping lists one referral, and says how long the sign-in lasts.
func (p *Portal) Ping(ctx context.Context) (string, error) {
	_, err := p.client.List(ctx, Query{Top: 1})
	host := p.client.endpoint
	if u, perr := url.Parse(host); perr == nil {
		host = u.Host
	}
	detail := host + ", " + p.profile.DealType.Label() + " deals"
	h := p.client.Health(ctx)
	switch {
	case h.Warning != "":
		detail += ". " + h.Warning
	case !h.Until.IsZero():
		detail += ", signed in until " + h.Until.Format(time.DateOnly) + " at least"
	}
	return detail, err
}

// Warning says what a person should do before the sign-in at Microsoft ends, "" for
// nothing.
func (p *Portal) Warning(ctx context.Context) string { return p.client.Health(ctx).Warning }

// Usage gives how many calls were made: Microsoft publishes no limit.
func (p *Portal) Usage() []connection.Usage {
	return []connection.Usage{{Name: "Calls in 24 hours", Used: int64(p.client.Calls()), Source: "counted by Tandem since it started; Microsoft publishes no limit"}}
}

// Spent is nothing: there is no quota to keep over a restart.
func (p *Portal) Spent() string { return "" }

// Restore takes nothing back.
func (p *Portal) Restore(string) {}

var _ registration.Portal = (*Portal)(nil)
