package mapping

import "slices"

// Template is a mapping to begin from. Unverified says what of it no public source
// tells for certain.
type Template struct {
	ID         string
	Label      string
	About      string
	Source     string
	Unverified string
	mapping    func() Mapping
}

// Mapping gives the template's mapping.
func (t Template) Mapping() Mapping { return t.mapping() }

// Templates lists the templates, the default first.
func Templates() []Template {
	return []Template{
		{
			ID: "gitlab", Label: "GitLab-like organisation", mapping: gitlab, Source: "salesforce-gitlab.md §2.3",
			About:      "The standard fields and those of GitLab's organisation: Net ARR, order type, deal path, partner fields, territory stamps. The default: a field that an organisation has not is left out.",
			Unverified: "That ImpartnerPRM__PartnerAccount__c is the field labelled “DR - Partner” is inferred.",
		},
		{
			ID: "plain", Label: "Plain organisation", mapping: plain, Source: "Salesforce object reference",
			About: "Salesforce's own fields only. Deals are joint by a person's word, or by the lead source, until partner fields are mapped.",
		},
		{
			ID: "aws_connector", Label: "AWS Partner CRM Connector present", mapping: func() Mapping { return shared(plain()) }, Source: "salesforce-gitlab.md §2.1",
			About:      "The standard fields. Name, type, stage, close date, description and next steps are read only: the connector's flow keeps the opportunity and awsapn__ACE_Opportunity__c the same, and a second writer would send a change round in circles. What Tandem knows goes to CoSell_Registration__c.",
			Unverified: "Which fields of the opportunity the connector's flow writes depends on how it was set up.",
		},
		{
			ID: "tackle", Label: "Tackle for Salesforce present", mapping: func() Mapping { return shared(gitlab()) }, Source: "salesforce-gitlab.md §2.1, §2.7",
			About:      "The fields of a GitLab-like organisation. What Tackle's Data Mapper can write on the opportunity (name, type, stage, close date, description, next steps) is read only.",
			Unverified: "Which fields Tackle writes is set in its Data Mapper; its API names are not public.",
		},
	}
}

// Default is the mapping until a Director saves one.
func Default() Mapping { return gitlab() }

func entry(f Field, crm ...string) Entry {
	info, _ := InfoOf(f)
	e := Entry{Field: f, CRM: crm, Direction: DirectionRead, Owner: OwnerSalesforce, Needed: info.Needed}
	if info.Edited {
		e.Direction, e.Owner = DirectionBoth, OwnerAsk
	}
	return e
}

// plain is what every organisation has.
func plain() Mapping {
	return Mapping{Entries: []Entry{
		entry("opportunity.name", "Name"),
		entry("opportunity.type", "Type"),
		entry("opportunity.stage", "StageName"),
		entry("opportunity.forecast_category", "ForecastCategoryName"),
		entry("opportunity.close_on", "CloseDate"),
		entry("opportunity.currency", "CurrencyIsoCode"),
		entry("opportunity.amount", "Amount"),
		entry("opportunity.lead_source", "LeadSource"),
		entry("opportunity.description", "Description"),
		entry("opportunity.next_steps", "NextStep"),
		entry("opportunity.owner", "OwnerId"),
		entry("account.name", "Name"),
		entry("account.type", "Type"),
		entry("account.website", "Website"),
		entry("account.duns", "DunsNumber"),
		entry("account.industry", "Industry"),
		entry("account.phone", "Phone"),
		entry("account.street", "BillingStreet"),
		entry("account.city", "BillingCity"),
		entry("account.state", "BillingState"),
		entry("account.postal_code", "BillingPostalCode"),
		entry("account.country", "BillingCountryCode"),
		entry("account.country_name", "BillingCountry"),
		entry("account.employees", "NumberOfEmployees"),
		entry("account.parent", "ParentId"),
		entry("account.owner", "OwnerId"),
		entry("contact.first_name", "Contact.FirstName"),
		entry("contact.last_name", "Contact.LastName"),
		entry("contact.email", "Contact.Email"),
		entry("contact.title", "Contact.Title"),
		entry("contact.phone", "Contact.Phone"),
		entry("contact.role", "Role"),
		entry("contact.primary", "IsPrimary"),
	}}.sorted()
}

// gitlab is what GitLab's organisation has beside that, with Salesforce's own field
// after the custom one where there are both.
func gitlab() Mapping {
	m := plain()
	for _, e := range []Entry{
		entry("opportunity.start_on", "Start_Date__c"),
		entry("opportunity.end_on", "End_Date__c"),
		entry("opportunity.arr_net", "ARR_Net__c"),
		entry("opportunity.arr_basis", "ARR_Basis__c"),
		entry("opportunity.order_type", "Order_Type_Test__c"),
		entry("opportunity.deal_path", "Deal_Path__c"),
		entry("opportunity.sql_source", "SQL_Source__c"),
		entry("opportunity.next_steps", "Next_Steps__c", "NextStep"),
		entry("opportunity.lost_reason", "Reason_For_Lost__c", "Loss_Reason__c"),
		entry("opportunity.competitors", "Competitors__c"),
		entry("opportunity.fulfillment_partner", "Fulfillment_Partner__c"),
		entry("opportunity.influence_partner", "Influence_Partner__c"),
		entry("opportunity.dr_partner", "ImpartnerPRM__PartnerAccount__c"),
		entry("opportunity.dr_deal_type", "DR_Partner_Deal_Type__c"),
		entry("opportunity.distributor", "Distributor__c"),
		entry("opportunity.resale_track", "Resale_Partner_Track__c"),
		entry("opportunity.partner_margin", "Partner_Margin__c"),
		entry("opportunity.segment", "User_Segment_O__c"),
		entry("opportunity.geo", "Stamped_User_Geo__c"),
		entry("opportunity.region", "Stamped_User_Region__c"),
		entry("opportunity.area", "Stamped_User_Area__c"),
		entry("opportunity.push_count", "Push_Counter__c"),
		entry("account.domains", "Domains__c"),
		entry("account.duns", "DUNS__c", "DunsNumber"),
		entry("account.segment", "Account_Demographics_Sales_Segment__c"),
		entry("account.geo", "Account_Demographics_Geo__c"),
		entry("account.region", "Account_Demographics_Region__c"),
		entry("account.territory", "Account_Demographics_Territory__c"),
		entry("account.employees", "Account_Demographic_Max_Family_Employees__c", "NumberOfEmployees"),
		entry("account.parent", "Ultimate_Parent_Account_ID__c", "ParentId"),
		entry("account.aws_account_id", "AWS_Account_ID__c"),
	} {
		m = m.With(e)
	}
	return m
}

// secondWritten are the fields that another product may keep the same with a
// portal.
var secondWritten = []Field{"opportunity.name", "opportunity.stage", "opportunity.close_on", "opportunity.description", "opportunity.next_steps", "opportunity.type"}

// shared makes read only what another product writes on the opportunity, too.
func shared(m Mapping) Mapping {
	for i, e := range m.Entries {
		if slices.Contains(secondWritten, e.Field) {
			m.Entries[i].Direction, m.Entries[i].Owner = DirectionRead, OwnerSalesforce
		}
	}
	return m
}
