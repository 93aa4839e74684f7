package mapping

import (
	"slices"
	"sync"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Field is one of our fields ("opportunity.stage"): the name under which the
// connector to Salesforce knows it.
type Field string

// Object is an object of Salesforce that we map.
type Object string

// The objects. What a registration knows is written to the opportunity.
const (
	ObjectOpportunity Object = "Opportunity"
	ObjectAccount     Object = "Account"
	ObjectContact     Object = "OpportunityContactRole"
)

// Objects lists the mapped objects.
func Objects() []Object { return []Object{ObjectOpportunity, ObjectAccount, ObjectContact} }

// Kind is what a field holds.
type Kind string

// The kinds.
const (
	KindText    Kind = "text"
	KindMoney   Kind = "money"
	KindNumber  Kind = "number"
	KindDate    Kind = "date"
	KindInstant Kind = "instant"
	KindFlag    Kind = "flag"
	KindPartner Kind = "partner" // an account by a lookup, or by its name alone
	KindRecord  Kind = "record"  // the id of a record
)

// Info says what is known of one of our fields.
type Info struct {
	Field  Field
	Label  string
	Object Object
	Kind   Kind
	// Needed fields have to be mapped.
	Needed bool
	// Edited fields can be written when a person or a portal changes them.
	Edited bool
	// Fact is true for what a registration knows. By default it goes to
	// CoSell_Registration__c; mapped, to a field of the opportunity too.
	Fact  bool
	Cloud cloud.Cloud // of a fact
	Which Fact        // which of the facts
	// Values are those that we write, where they are few.
	Values []string
}

// Directions lists the directions that the field can have.
func (i Info) Directions() []Direction {
	switch {
	case i.Fact:
		return []Direction{DirectionWrite}
	case i.Edited:
		return []Direction{DirectionRead, DirectionBoth}
	}
	return []Direction{DirectionRead}
}

// Fact is something that a registration knows.
type Fact string

// The facts.
const (
	FactPortalID     Fact = "portal_id"
	FactState        Fact = "state"
	FactReview       Fact = "review_status"
	FactStage        Fact = "stage"
	FactSeller       Fact = "seller_email"
	FactModified     Fact = "portal_modified"
	FactSynced       Fact = "last_synced"
	FactError        Fact = "last_error"
	factFieldsPrefix      = "registration."
)

var facts = []struct {
	fact  Fact
	label string
	kind  Kind
}{
	{FactPortalID, "record id in the portal", KindText},
	{FactState, "state of the registration", KindText},
	{FactReview, "review status, in the portal's words", KindText},
	{FactStage, "stage, in the portal's words", KindText},
	{FactSeller, "partner seller's e-mail", KindText},
	{FactModified, "last changed in the portal", KindInstant},
	{FactSynced, "last written by Tandem", KindInstant},
	{FactError, "last error", KindText},
}

// FactField gives the field of a fact about a cloud.
func FactField(c cloud.Cloud, f Fact) Field {
	return Field(factFieldsPrefix + string(c) + "." + string(f))
}

const (
	needed = 1 << iota
	edited
)

func on(object Object, prefix string, list ...Info) []Info {
	for i := range list {
		list[i].Object, list[i].Field = object, Field(prefix)+list[i].Field
	}
	return list
}

func field(name, label string, kind Kind, marks ...int) Info {
	i := Info{Field: Field(name), Label: label, Kind: kind}
	for _, m := range marks {
		i.Needed, i.Edited = i.Needed || m&needed != 0, i.Edited || m&edited != 0
	}
	return i
}

var catalogue = sync.OnceValue(func() []Info {
	out := slices.Concat(
		on(ObjectOpportunity, "opportunity.",
			field("name", "Name", KindText, needed|edited), field("type", "Type", KindText, edited), field("stage", "Stage", KindText, needed|edited),
			field("forecast_category", "Forecast category", KindText), field("close_on", "Close date", KindDate, needed|edited),
			field("start_on", "Start date", KindDate), field("end_on", "End date", KindDate), field("currency", "Currency", KindText),
			field("amount", "Amount", KindMoney, needed), field("arr_net", "Net ARR", KindMoney), field("arr_basis", "ARR basis", KindMoney),
			field("order_type", "Order type", KindText, edited), field("deal_path", "Deal path", KindText, edited),
			field("sql_source", "Sales qualified source", KindText, edited), field("lead_source", "Lead source", KindText, edited),
			field("description", "Description", KindText, edited), field("next_steps", "Next steps", KindText, edited),
			field("lost_reason", "Reason for loss", KindText), field("competitors", "Competitors", KindText),
			field("fulfillment_partner", "Resale (fulfillment) partner", KindPartner, edited), field("influence_partner", "Influence partner", KindPartner, edited),
			field("dr_partner", "Deal registration partner", KindPartner, edited), field("dr_deal_type", "Deal registration type", KindText, edited),
			field("distributor", "Distributor", KindPartner), field("resale_track", "Resale partner track", KindText, edited),
			field("partner_margin", "Partner margin", KindText), field("segment", "Segment", KindText), field("geo", "Geo", KindText),
			field("region", "Region", KindText), field("area", "Area", KindText), field("push_count", "Push count", KindNumber),
			field("owner", "Owner", KindRecord, needed|edited),
		),
		on(ObjectAccount, "account.",
			field("name", "Name", KindText, needed), field("type", "Type", KindText), field("website", "Website", KindText), field("domains", "Domains", KindText),
			field("duns", "D-U-N-S number", KindText), field("industry", "Industry", KindText), field("phone", "Phone", KindText), field("street", "Street", KindText),
			field("city", "City", KindText), field("state", "State or province", KindText), field("postal_code", "Postal code", KindText),
			field("country", "Country code", KindText), field("country_name", "Country, where it has no code", KindText), field("segment", "Segment", KindText),
			field("geo", "Geo", KindText), field("region", "Region", KindText), field("territory", "Territory", KindText), field("employees", "Employees", KindNumber),
			field("parent", "Parent account", KindRecord), field("owner", "Owner", KindRecord, needed), field("aws_account_id", "AWS account id", KindText),
		),
		on(ObjectContact, "contact.",
			field("first_name", "First name", KindText), field("last_name", "Last name", KindText), field("email", "E-mail", KindText), field("title", "Title", KindText),
			field("phone", "Phone", KindText), field("role", "Role", KindText), field("primary", "Primary contact", KindFlag),
		),
	)
	var states []string
	for _, s := range registration.States() {
		states = append(states, s.Label())
	}
	for _, c := range cloud.All() {
		for _, f := range facts {
			i := Info{Field: FactField(c, f.fact), Label: c.Label() + ": " + f.label, Object: ObjectOpportunity, Kind: f.kind, Fact: true, Cloud: c, Which: f.fact}
			if f.fact == FactState {
				i.Values = states
			}
			out = append(out, i)
		}
	}
	return out
})

var byField = sync.OnceValue(func() map[Field]int {
	out := map[Field]int{}
	for i, info := range catalogue() {
		out[info.Field] = i
	}
	return out
})

// Fields lists our fields, in the order in which they are shown. It must not be
// changed.
func Fields() []Info { return catalogue() }

// InfoOf says what is known of a field; ok is false when we have none of that name.
func InfoOf(f Field) (Info, bool) {
	at, ok := byField()[f]
	if !ok {
		return Info{}, false
	}
	return catalogue()[at], true
}

// orderOf is the field's place in Fields; unknown ones come last.
func orderOf(f Field) int {
	if at, ok := byField()[f]; ok {
		return at
	}
	return len(catalogue())
}
