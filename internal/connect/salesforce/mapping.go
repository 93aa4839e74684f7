package salesforce

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// source is where one of our fields is read: the first of the paths whose field
// the organisation has. A path may go over one parent ("Owner.Name").
type source struct {
	ours     string // "account.postal_code"
	paths    []string
	required bool // without it the object cannot be read at all
}

var userSources = []source{
	{"person.name", []string{"Name"}, true},
	{"person.email", []string{"Email"}, true},
	{"person.title", []string{"Title"}, false},
	{"person.active", []string{"IsActive"}, true},
	{"person.role", []string{"UserRole.Name"}, false},
	{"person.region", []string{"User_Region__c", "Country"}, false},
	{"person.zone", []string{"TimeZoneSidKey"}, false},
}

var accountSources = []source{
	{"account.name", []string{"Name"}, true},
	{"account.type", []string{"Type"}, false},
	{"account.website", []string{"Website"}, false},
	{"account.domains", []string{"Domains__c"}, false},
	{"account.duns", []string{"DUNS__c", "DunsNumber"}, false},
	{"account.industry", []string{"Industry"}, false},
	{"account.phone", []string{"Phone"}, false},
	{"account.street", []string{"BillingStreet"}, false},
	{"account.city", []string{"BillingCity"}, false},
	{"account.state", []string{"BillingState"}, false},
	{"account.postal_code", []string{"BillingPostalCode"}, false},
	{"account.country", []string{"BillingCountryCode"}, false},
	{"account.country_name", []string{"BillingCountry"}, false},
	{"account.segment", []string{"Account_Demographics_Sales_Segment__c"}, false},
	{"account.geo", []string{"Account_Demographics_Geo__c"}, false},
	{"account.region", []string{"Account_Demographics_Region__c"}, false},
	{"account.territory", []string{"Account_Demographics_Territory__c"}, false},
	{"account.employees", []string{"Account_Demographic_Max_Family_Employees__c", "NumberOfEmployees"}, false},
	{"account.parent", []string{"Ultimate_Parent_Account_ID__c", "ParentId"}, false},
	{"account.owner", []string{"OwnerId"}, true},
	{"account.owner_name", []string{"Owner.Name"}, false},
	{"account.aws_account_id", []string{"AWS_Account_ID__c"}, false},
	{"account.master", []string{"MasterRecordId"}, false},
}

var opportunitySources = []source{
	{"opportunity.name", []string{"Name"}, true},
	{"opportunity.account", []string{"AccountId"}, true},
	{"opportunity.account_name", []string{"Account.Name"}, true},
	{"opportunity.type", []string{"Type"}, false},
	{"opportunity.stage", []string{"StageName"}, true},
	{"opportunity.closed", []string{"IsClosed"}, true},
	{"opportunity.won", []string{"IsWon"}, true},
	{"opportunity.forecast_category", []string{"ForecastCategoryName"}, false},
	{"opportunity.close_on", []string{"CloseDate"}, true},
	{"opportunity.start_on", []string{"Start_Date__c"}, false},
	{"opportunity.end_on", []string{"End_Date__c"}, false},
	{"opportunity.currency", []string{"CurrencyIsoCode"}, false},
	{"opportunity.amount", []string{"Amount"}, true},
	{"opportunity.arr_net", []string{"ARR_Net__c"}, false},
	{"opportunity.arr_basis", []string{"ARR_Basis__c"}, false},
	{"opportunity.order_type", []string{"Order_Type_Test__c"}, false},
	{"opportunity.deal_path", []string{"Deal_Path__c"}, false},
	{"opportunity.sql_source", []string{"SQL_Source__c"}, false},
	{"opportunity.lead_source", []string{"LeadSource"}, false},
	{"opportunity.description", []string{"Description"}, false},
	{"opportunity.next_steps", []string{"Next_Steps__c", "NextStep"}, false},
	{"opportunity.lost_reason", []string{"Reason_For_Lost__c", "Loss_Reason__c"}, false},
	{"opportunity.competitors", []string{"Competitors__c"}, false},
	{"opportunity.fulfillment_partner", []string{"Fulfillment_Partner__c"}, false},
	{"opportunity.fulfillment_partner_name", []string{"Fulfillment_Partner__r.Name"}, false},
	{"opportunity.influence_partner", []string{"Influence_Partner__c"}, false},
	{"opportunity.influence_partner_name", []string{"Influence_Partner__r.Name"}, false},
	{"opportunity.dr_partner", []string{"ImpartnerPRM__PartnerAccount__c"}, false},
	{"opportunity.dr_partner_name", []string{"ImpartnerPRM__PartnerAccount__r.Name"}, false},
	{"opportunity.dr_deal_type", []string{"DR_Partner_Deal_Type__c"}, false},
	{"opportunity.distributor", []string{"Distributor__r.Name"}, false},
	{"opportunity.resale_track", []string{"Resale_Partner_Track__c"}, false},
	{"opportunity.partner_margin", []string{"Partner_Margin__c"}, false},
	{"opportunity.segment", []string{"User_Segment_O__c"}, false},
	{"opportunity.geo", []string{"Stamped_User_Geo__c"}, false},
	{"opportunity.region", []string{"Stamped_User_Region__c"}, false},
	{"opportunity.area", []string{"Stamped_User_Area__c"}, false},
	{"opportunity.push_count", []string{"Push_Counter__c"}, false},
	{"opportunity.owner", []string{"OwnerId"}, true},
	{"opportunity.owner_name", []string{"Owner.Name"}, false},
	{"opportunity.created_at", []string{"CreatedDate"}, true},
	{"opportunity.origin_key", []string{originKey}, false},
}

var memberSources = []source{
	{"member.opportunity", []string{"OpportunityId"}, true},
	{"member.person", []string{"UserId"}, true},
	{"member.name", []string{"User.Name"}, false},
	{"member.email", []string{"User.Email"}, false},
	{"member.title", []string{"User.Title"}, false},
	{"member.phone", []string{"User.Phone"}, false},
	{"member.role", []string{"TeamMemberRole"}, false},
}

var contactSources = []source{
	{"contact.opportunity", []string{"OpportunityId"}, true},
	{"contact.contact", []string{"ContactId"}, true},
	{"contact.first_name", []string{"Contact.FirstName"}, false},
	{"contact.last_name", []string{"Contact.LastName"}, false},
	{"contact.email", []string{"Contact.Email"}, false},
	{"contact.title", []string{"Contact.Title"}, false},
	{"contact.phone", []string{"Contact.Phone"}, false},
	{"contact.role", []string{"Role"}, false},
	{"contact.primary", []string{"IsPrimary"}, false},
}

// Names of what Tandem writes to (its own unmanaged metadata,
// salesforce-gitlab.md §2.2).
const (
	registrationObject = "CoSell_Registration__c"
	registrationKey    = "CoSell_Key__c"
	activityKey        = "CoSell_Activity_Key__c"
)

// Needs lists what the organisation has to have for the main job: `tandem
// doctor` names what is missing.
func Needs() []Need {
	return []Need{
		{Object: "User", Read: required(userSources)},
		{Object: "Account", Read: required(accountSources)},
		{Object: "Opportunity", Read: required(opportunitySources)},
		{Object: "OpportunityContactRole", Read: required(contactSources)},
		{Object: registrationObject, ExternalID: registrationKey, Write: []string{
			"Cloud__c", "Portal_Id__c", "Opportunity__c", "Direction__c", "Portal_Status__c",
			"Portal_Stage__c", "Partner_Seller_Email__c", "Last_Portal_Modified__c", "Sync_State__c", "Last_Sync_Error__c",
		}},
		{Object: "Task", ExternalID: activityKey, Write: []string{"WhatId", "WhoId", "Subject", "Status", "Priority", "ActivityDate", "Description", "OwnerId", "Type"}},
		{Object: "Event", ExternalID: activityKey, Write: []string{"WhatId", "WhoId", "Subject", "StartDateTime", "EndDateTime", "Location", "Description", "OwnerId"}},
	}
}

// Extras lists what the rest of Tandem's package brings and the main job does without.
func Extras() []Need {
	return []Need{
		{Object: "Opportunity", ExternalID: originKey, Write: []string{originKey}},
		{Object: "CoSell_Offer__c", ExternalID: "CoSell_Offer_Key__c", Write: []string{
			"Cloud__c", "Offer_Id__c", "Opportunity__c", "CoSell_Registration__c", "State__c", "Accept_By__c", "Accepted_On__c", "Fee_Percent__c",
			"Gross_Amount__c", "Net_Amount__c", "Last_Portal_Modified__c", "Sync_State__c", "Last_Sync_Error__c",
		}},
	}
}

func required(list []source) []string {
	var out []string
	for _, s := range list {
		if s.required && !strings.Contains(s.paths[0], ".") {
			out = append(out, s.paths[0])
		}
	}
	return out
}

// names are the CRM's names of our fields that a person can mend, for messages.
var names = map[string]string{
	"account.name": "Account.Name", "account.website": "Account.Website", "account.industry": "Account.Industry", "account.country": "Account.BillingCountry",
	"account.state": "Account.BillingState", "account.city": "Account.BillingCity", "account.postal_code": "Account.BillingPostalCode",
	"account.street": "Account.BillingStreet", "account.duns": "Account.DUNS__c", "account.aws_account_id": "Account.AWS_Account_ID__c",
	"opportunity.name": "Opportunity.Name", "opportunity.description": "Opportunity.Description", "opportunity.stage": "Opportunity.StageName",
	"opportunity.amount": "Opportunity.Amount", "opportunity.currency": "Opportunity.CurrencyIsoCode", "opportunity.order_type": "Opportunity.Order_Type_Test__c",
	"opportunity.close_on": "Opportunity.CloseDate", "opportunity.next_steps": "Opportunity.Next_Steps__c", "opportunity.lost_reason": "Opportunity.Reason_For_Lost__c",
	"opportunity.crm_id": "Opportunity.Id", "contacts": "Opportunity Contact Roles", "contacts.email": "Contact.Email", "contacts.phone": "Contact.Phone", "owner": "Opportunity.OwnerId",
}

// FieldName gives the CRM's name of one of our fields ("account.postal_code" is
// "Account.BillingPostalCode"), "" when it stands in no field of the CRM.
func FieldName(ours string) string { return names[ours] }

// plan is how one object is read: which path each of our fields has in this
// organisation.
type plan struct {
	object string
	paths  map[string]string
	absent []string // ours that it has no field for
	soql   string
}

// fields names what of ours the organisation has, in its order.
func (p plan) fields() []string { return slices.Sorted(maps.Keys(p.paths)) }

// plan describes the object and leaves out what the organisation has not. An
// object that is not there gives ok false.
func (c *Client) plan(ctx context.Context, object string, list []source) (plan, bool, error) {
	o, err := c.recent(ctx, object)
	if r := problem.RemoteOf(err); r != nil && r.Status == http.StatusNotFound {
		return plan{}, false, nil
	}
	if err != nil {
		return plan{}, false, err
	}
	p := plan{object: object, paths: map[string]string{}}
	columns := []string{"Id", "IsDeleted", "SystemModstamp"}
	if _, ok := o.Field("IsDeleted"); !ok {
		columns = []string{"Id", "SystemModstamp"}
	}
	for _, s := range list {
		for _, path := range s.paths {
			if has(o, path) {
				p.paths[s.ours] = path
				columns = append(columns, path)
				break
			}
		}
		if _, ok := p.paths[s.ours]; !ok && s.required {
			return plan{}, false, problem.FromRemote(problem.Remote{System: system, Operation: "describe " + object, Code: "field_missing", Retry: problem.RetryHuman},
				fmt.Sprintf("Salesforce has no field %s.%s, or Tandem's user may not see it: grant it, then run tandem doctor", object, s.paths[0]), nil)
		}
	}
	for _, s := range list {
		if _, ok := p.paths[s.ours]; !ok {
			p.absent = append(p.absent, s.ours)
		}
	}
	p.soql = "SELECT " + strings.Join(columns, ", ") + " FROM " + object
	return p, true, nil
}

// has reports whether the object has the field that path begins with: for
// "Owner.Name" a reference whose relationship is Owner.
func has(o *Object, path string) bool {
	parent, _, dotted := strings.Cut(path, ".")
	if !dotted {
		_, ok := o.Field(path)
		return ok
	}
	for _, f := range o.Fields {
		if strings.EqualFold(f.Relationship, parent) {
			return true
		}
	}
	return false
}

func (p plan) text(r values, ours string) string {
	if path, ok := p.paths[ours]; ok {
		return r.String(path)
	}
	return ""
}

// number gives a number's exact digits, "" for none.
func (p plan) number(r values, ours string) string {
	if path, ok := p.paths[ours]; ok {
		return r.Number(path).String()
	}
	return ""
}

func (p plan) id(r values, ours string) string {
	if path, ok := p.paths[ours]; ok {
		return r.ID(path)
	}
	return ""
}

func (p plan) flag(r values, ours string) bool {
	path, ok := p.paths[ours]
	return ok && r.Bool(path)
}
