package salesforce

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/team"
)

// CRM is Salesforce as the sync sees it. DefaultCurrency is that of an
// organisation without the multi-currency feature.
type CRM struct {
	client          *Client
	defaultCurrency string
	inForce         func(ctx context.Context) (mapping.Mapping, error) // nil: the default
}

// NewCRM makes a CRM of a client.
func NewCRM(c *Client, defaultCurrency string) *CRM {
	if defaultCurrency == "" {
		defaultCurrency = "USD"
	}
	return &CRM{client: c, defaultCurrency: defaultCurrency}
}

// Codes by which Salesforce says that an object or a statement cannot be read in
// bulk, or that the organisation may not.
var notInBulk = []string{"API_ERROR", "INVALIDENTITY", "FEATURENOTENABLED", "API_DISABLED_FOR_ORG", "FUNCTIONALITY_NOT_ENABLED"}

// changed streams the changed records of an object, deleted ones too, through
// make. Before a first import deleted records are left out. A field that goes between
// its description and the read is left out of a second try.
func changed[T any](ctx context.Context, c *CRM, object string, fixed []source, read connection.Read, make func(plan, values) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		for try := 0; ; try++ {
			p, ok, err := c.plan(ctx, object, fixed)
			if err != nil {
				yield(zero, err)
				return
			}
			if !ok || !streamBy(ctx, c.client, p, read, make, yield, try == 0) {
				return
			}
		}
	}
}

// streamBy reads by one plan. again says that no record came, for a field of the plan
// is gone, and that another plan may be tried.
func streamBy[T any](ctx context.Context, c *Client, p plan, read connection.Read, make func(plan, values) (T, error), yield func(T, error) bool, first bool) (again bool) {
	var zero T
	came := false
	// given makes one record, and says whether to go on.
	given := func(r values, err error) bool {
		if fieldGone(err) {
			c.doubt(p.objects()...)
			if again = first && !came; again {
				return false
			}
		}
		if err != nil {
			yield(zero, err)
			return false
		}
		came = true
		v, err := make(p, r)
		if err != nil {
			err = fmt.Errorf("salesforce %s %s: %w", p.object, r.ID("Id"), err)
		}
		return yield(v, err) && err == nil
	}
	switch {
	case len(read.IDs) > 0:
		c.byIDs(ctx, p, read, given)
	case read.Bulk && c.changedInBulk(ctx, p, read, given):
	default:
		c.changedInPages(ctx, p, read, given)
	}
	return again
}

// since adds the high-water condition.
func since(soql string, t time.Time) string {
	if !t.IsZero() {
		soql += " WHERE SystemModstamp >= " + FormatDateTime(t)
	}
	return soql
}

func (c *Client) changedInPages(ctx context.Context, p plan, read connection.Read, given func(values, error) bool) {
	query := c.QueryAll
	if read.Since.IsZero() {
		query = c.Query
	}
	wanted := true
	opts := QueryOptions{OnTotal: func(total int, asked time.Time) {
		wanted = read.Begun == nil || read.Begun(connection.Begun{AsOf: asked, Ordered: true, Total: int64(total), Fields: p.fields()})
	}}
	for r, err := range query(ctx, since(p.soql, read.Since)+" ORDER BY SystemModstamp, Id", opts) {
		if err == nil && !wanted || !given(r, err) {
			return
		}
	}
}

// changedInBulk gives false, and no record, when Salesforce does not read this in
// bulk.
func (c *Client) changedInBulk(ctx context.Context, p plan, read connection.Read, given func(values, error) bool) bool {
	wanted := true
	opts := BulkOptions{All: !read.Since.IsZero(), AsOf: func(at time.Time) {
		wanted = read.Begun == nil || read.Begun(connection.Begun{AsOf: at, Total: -1, Fields: p.fields()})
	}}
	for r, err := range c.BulkQuery(ctx, since(p.soql, read.Since), opts) {
		if remote := problem.RemoteOf(err); remote != nil && remote.Retry == problem.RetryHuman && slices.Contains(notInBulk, remote.Code) {
			c.log.InfoContext(ctx, "salesforce: read page by page, not in bulk", "object", p.object, "error", err)
			return false
		}
		if err == nil && !wanted || !given(r, err) {
			return true
		}
	}
	return true
}

// People gives the users.
func (c *CRM) People(ctx context.Context, read connection.Read) iter.Seq2[team.Person, error] {
	return changed(ctx, c, "User", userSources, read, func(p plan, r values) (team.Person, error) {
		id := r.ID("Id")
		stamp, err := r.Time("SystemModstamp")
		return team.Person{
			CRMID: &id, Name: p.text(r, "person.name"), Email: p.text(r, "person.email"), Title: p.text(r, "person.title"),
			RoleName: p.text(r, "person.role"), Region: p.text(r, "person.region"), Zone: p.text(r, "person.zone"), Active: p.flag(r, "person.active"), CRMModstamp: stamp,
		}, err
	})
}

// Accounts gives the accounts.
func (c *CRM) Accounts(ctx context.Context, read connection.Read) iter.Seq2[account.Account, error] {
	return changed(ctx, c, "Account", accountSources, read, func(p plan, r values) (account.Account, error) {
		stamp, err := r.Time("SystemModstamp")
		a := account.Account{
			CRMID: r.ID("Id"), MasterCRMID: p.id(r, "account.master"), Deleted: r.Bool("IsDeleted"), CRMModstamp: stamp, Name: p.text(r, "account.name"), Type: p.text(r, "account.type"),
			Website: p.text(r, "account.website"), Domains: p.text(r, "account.domains"), DUNS: p.text(r, "account.duns"), Industry: p.text(r, "account.industry"),
			Phone: p.text(r, "account.phone"), Street: p.text(r, "account.street"), City: p.text(r, "account.city"), State: p.text(r, "account.state"),
			PostalCode: p.text(r, "account.postal_code"), Country: p.text(r, "account.country"), Segment: p.text(r, "account.segment"), Geo: p.text(r, "account.geo"),
			Region: p.text(r, "account.region"), Territory: p.text(r, "account.territory"), ParentCRMID: p.id(r, "account.parent"), OwnerCRMID: p.id(r, "account.owner"),
			OwnerName: p.text(r, "account.owner_name"), AWSAccountID: p.text(r, "account.aws_account_id"),
			MappedBy: p.by, Unread: p.absent,
		}
		if a.Country == "" {
			a.Country = p.text(r, "account.country_name")
		}
		if n, ok := wholeNumber(p.number(r, "account.employees")); ok {
			a.Employees = &n
		}
		return a, err
	})
}

// Members gives the members of opportunity teams; none when the organisation
// has not enabled team selling.
func (c *CRM) Members(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Member, error] {
	return changed(ctx, c, "OpportunityTeamMember", memberSources, read, func(p plan, r values) (opportunity.Member, error) {
		stamp, err := r.Time("SystemModstamp")
		return opportunity.Member{
			CRMID: r.ID("Id"), OpportunityCRMID: p.id(r, "member.opportunity"), PersonCRMID: p.id(r, "member.person"), Name: p.text(r, "member.name"),
			Email: p.text(r, "member.email"), Title: p.text(r, "member.title"), Phone: p.text(r, "member.phone"), Role: p.text(r, "member.role"),
			Deleted: r.Bool("IsDeleted"), CRMModstamp: stamp,
		}, err
	})
}

// Contacts gives the contact roles of opportunities.
func (c *CRM) Contacts(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Contact, error] {
	return changed(ctx, c, "OpportunityContactRole", contactSources, read, func(p plan, r values) (opportunity.Contact, error) {
		stamp, err := r.Time("SystemModstamp")
		return opportunity.Contact{
			CRMID: r.ID("Id"), OpportunityCRMID: p.id(r, "contact.opportunity"), ContactCRMID: p.id(r, "contact.contact"),
			FirstName: p.text(r, "contact.first_name"), LastName: p.text(r, "contact.last_name"), Email: p.text(r, "contact.email"), Title: p.text(r, "contact.title"),
			Phone: p.text(r, "contact.phone"), Role: p.text(r, "contact.role"), Primary: p.flag(r, "contact.primary"), Deleted: r.Bool("IsDeleted"), CRMModstamp: stamp,
			MappedBy: p.by, Unread: p.absent,
		}, err
	})
}

// Opportunities gives the opportunities.
func (c *CRM) Opportunities(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Opportunity, error] {
	return changed(ctx, c, "Opportunity", opportunitySources, read, c.opportunity)
}

func (c *CRM) opportunity(p plan, r values) (opportunity.Opportunity, error) {
	var o opportunity.Opportunity
	var err error
	if o.CRMModstamp, err = r.Time("SystemModstamp"); err != nil {
		return o, err
	}
	if o.CRMCreatedAt, err = r.Time("CreatedDate"); err != nil {
		return o, err
	}
	for ours, dst := range map[string]*date.Date{"opportunity.close_on": &o.CloseOn, "opportunity.start_on": &o.StartOn, "opportunity.end_on": &o.EndOn} {
		if *dst, err = date.Parse(p.text(r, ours)); err != nil {
			p.odd(r, ours, err)
		}
	}
	o.MappedBy, o.Unread = p.by, p.absent
	o.CRMID, o.Deleted, o.OriginKey = r.ID("Id"), r.Bool("IsDeleted"), p.text(r, "opportunity.origin_key")
	o.AccountCRMID, o.AccountName, o.Name, o.Type = p.id(r, "opportunity.account"), p.text(r, "opportunity.account_name"), p.text(r, "opportunity.name"), p.text(r, "opportunity.type")
	o.Stage, o.Closed, o.Won, o.ForecastCategory = p.text(r, "opportunity.stage"), p.flag(r, "opportunity.closed"), p.flag(r, "opportunity.won"), p.text(r, "opportunity.forecast_category")
	o.OrderType, o.DealPath, o.SQLSource, o.LeadSource = p.text(r, "opportunity.order_type"), p.text(r, "opportunity.deal_path"), p.text(r, "opportunity.sql_source"), p.text(r, "opportunity.lead_source")
	o.Description, o.NextSteps, o.LostReason, o.Competitors = p.text(r, "opportunity.description"), p.text(r, "opportunity.next_steps"), p.text(r, "opportunity.lost_reason"), p.text(r, "opportunity.competitors")
	o.FulfillmentPartnerCRMID, o.FulfillmentPartner = p.id(r, "opportunity.fulfillment_partner"), p.text(r, "opportunity.fulfillment_partner_name")
	o.InfluencePartnerCRMID, o.InfluencePartner = p.id(r, "opportunity.influence_partner"), p.text(r, "opportunity.influence_partner_name")
	o.DRPartnerCRMID, o.DRPartner, o.DRDealType = p.id(r, "opportunity.dr_partner"), p.text(r, "opportunity.dr_partner_name"), p.text(r, "opportunity.dr_deal_type")
	o.Distributor, o.ResaleTrack, o.PartnerMargin = p.text(r, "opportunity.distributor_name"), p.text(r, "opportunity.resale_track"), p.text(r, "opportunity.partner_margin")
	o.Segment, o.Geo, o.Region, o.Area = p.text(r, "opportunity.segment"), p.text(r, "opportunity.geo"), p.text(r, "opportunity.region"), p.text(r, "opportunity.area")
	o.OwnerCRMID, o.OwnerName = p.id(r, "opportunity.owner"), p.text(r, "opportunity.owner_name")
	o.PushCount, _ = wholeNumber(p.number(r, "opportunity.push_count"))
	o.Currency = p.text(r, "opportunity.currency")
	if o.Currency == "" {
		o.Currency = c.defaultCurrency
	}
	for ours, dst := range map[string]**int64{"opportunity.amount": &o.AmountMinor, "opportunity.arr_net": &o.ARRNetMinor, "opportunity.arr_basis": &o.ARRBasisMinor} {
		text := p.number(r, ours)
		if text == "" {
			continue
		}
		if in := p.turned[ours].Currency; in != "" && in != o.Currency {
			p.odd(r, ours, fmt.Errorf("it is in %s, and the deal in %s", in, o.Currency))
			continue
		}
		a, err := money.Parse(text, o.Currency)
		if err != nil {
			p.odd(r, ours, err)
			continue
		}
		*dst = &a.Minor
	}
	return o, nil
}

func wholeNumber(s string) (int64, bool) {
	s, _, _ = strings.Cut(s, ".")
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// Total counts the records of an object to read since then.
func (c *CRM) Total(ctx context.Context, object string, t time.Time) (int64, error) {
	o, ok, err := c.client.plan(ctx, object, nil)
	if err != nil || !ok {
		return 0, err
	}
	n, err := c.client.Count(ctx, since("SELECT COUNT() FROM "+o.object, t))
	return int64(n), err
}

// Allowance gives what background work may still use of the organisation's day.
func (c *CRM) Allowance(ctx context.Context) (connection.Allowance, error) {
	limits, err := c.client.Limits(ctx)
	if err != nil {
		return connection.Allowance{}, err
	}
	left := func(name string) int64 {
		l := limits[name]
		return max(0, int64(c.client.cfg.DailyShare*float64(l.Max))-int64(l.Max-l.Remaining))
	}
	return connection.Allowance{Calls: left("DailyApiRequests"), BulkJobs: left("DailyBulkV2QueryJobs")}, nil
}

// Check signs in.
func (c *CRM) Check(ctx context.Context) (string, error) {
	id, err := c.client.Identity(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, API %s, organisation %s", strings.TrimPrefix(strings.TrimPrefix(id.InstanceURL, "https://"), "http://"), id.APIVersion, id.OrgID), nil
}

// Usage gives how much of the organisation's daily calls all programs used.
func (c *CRM) Usage() []connection.Usage {
	u, ok := c.client.Usage()
	if !ok {
		return nil
	}
	return []connection.Usage{{Name: "API calls in 24 hours", Used: int64(u.Used), Limit: int64(u.Limit), Source: "reported by Salesforce for the whole organisation"}}
}

// LogTasks writes completed Tasks by their key.
func (c *CRM) LogTasks(ctx context.Context, list []activity.Task) ([]activity.Result, error) {
	fields := make([]Fields, len(list))
	for i, t := range list {
		f := Fields{
			activityKey: t.Key, "WhatId": t.OpportunityCRMID, "Subject": t.Subject, "Description": orNil(t.Description), "Status": "Completed",
			"Priority": "Normal", "ActivityDate": string(t.On), "Type": "Co-sell",
		}
		if t.OwnerCRMID != "" {
			f["OwnerId"] = t.OwnerCRMID
		}
		fields[i] = f
	}
	rows, err := c.client.UpsertCollection(ctx, "Task", activityKey, fields)
	if len(rows) != len(list) || ofConnection(err) {
		return nil, err
	}
	out := make([]activity.Result, len(rows))
	for i, r := range rows {
		out[i] = activity.Result{TaskID: r.ID, Created: r.Created, Err: r.Err, Lost: lost(r.Err)}
	}
	return out, nil
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
