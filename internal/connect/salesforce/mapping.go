package salesforce

import (
	"strings"
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

// What of accounts and opportunities is the same in every organisation; the rest is
// read by the field mapping.
var (
	accountSources     = []source{{"account.master", []string{"MasterRecordId"}, false}}
	opportunitySources = []source{
		{"opportunity.account", []string{"AccountId"}, true},
		{"opportunity.account_name", []string{"Account.Name"}, true},
		{"opportunity.closed", []string{"IsClosed"}, true},
		{"opportunity.won", []string{"IsWon"}, true},
		{"opportunity.created_at", []string{"CreatedDate"}, true},
		{"opportunity.origin_key", []string{originKey}, false},
	}
	contactSources = []source{
		{"contact.opportunity", []string{"OpportunityId"}, true},
		{"contact.contact", []string{"ContactId"}, true},
	}
)

var memberSources = []source{
	{"member.opportunity", []string{"OpportunityId"}, true},
	{"member.person", []string{"UserId"}, true},
	{"member.name", []string{"User.Name"}, false},
	{"member.email", []string{"User.Email"}, false},
	{"member.title", []string{"User.Title"}, false},
	{"member.phone", []string{"User.Phone"}, false},
	{"member.role", []string{"TeamMemberRole"}, false},
}

// Names of what Tandem writes to (its own unmanaged metadata,
// salesforce-gitlab.md §2.2).
const (
	registrationObject = "CoSell_Registration__c"
	registrationKey    = "CoSell_Key__c"
	activityKey        = "CoSell_Activity_Key__c"
)

// Needs lists what the organisation has to have for the main job, whatever is mapped:
// `tandem doctor` names what is missing.
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
