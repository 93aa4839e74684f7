package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
)

func str(name string) OrgField {
	return OrgField{Name: name, Type: "string", Length: 255, Createable: true, Updateable: true}
}

func typed(name, kind string, change ...func(*OrgField)) OrgField {
	f := str(name)
	f.Type, f.Length = kind, 0
	for _, c := range change {
		c(&f)
	}
	return f
}

// house is an organisation that the small mapping of these tests fits.
func house(fields ...OrgField) Org {
	account := OrgObject{Name: "Account", Fields: []OrgField{str("Name"), str("Site"), typed("OwnerId", "reference", func(f *OrgField) { f.Parent, f.ParentOf = "Owner", "User" })}}
	opp := OrgObject{Name: "Opportunity", Fields: append([]OrgField{
		str("Name"), typed("StageName", "picklist"), typed("CloseDate", "date"), typed("Amount", "currency"),
		typed("OwnerId", "reference", func(f *OrgField) { f.Parent, f.ParentOf = "Owner", "User" }),
		typed("AccountId", "reference", func(f *OrgField) { f.Parent, f.ParentOf = "Account", "Account" }),
	}, fields...)}
	return Org{Objects: map[string]OrgObject{"Account": account, "Opportunity": opp, "OpportunityContactRole": {Name: "OpportunityContactRole"}}}
}

// small maps what has to be mapped, and the entries.
func small(entries ...Entry) Mapping {
	m := Mapping{}
	for _, i := range Fields() {
		if e, ok := Default().Of(i.Field); ok && i.Needed {
			m.Entries = append(m.Entries, e)
		}
	}
	for _, e := range entries {
		m = m.With(e)
	}
	return m
}

func fact(f Fact, crm string) Entry {
	return Entry{Field: FactField(cloud.AWS, f), CRM: []string{crm}, Direction: DirectionWrite, Owner: OwnerTandem}
}

func TestEachMisfitIsFoundAndSaysWhatMendsIt(t *testing.T) {
	t.Parallel()
	locked := func(f *OrgField) { f.Updateable = false }
	choice := func(restricted bool, values ...string) func(*OrgField) {
		return func(f *OrgField) {
			f.Restricted = restricted
			for _, v := range values {
				name, gone := strings.CutPrefix(v, "-")
				f.Values = append(f.Values, OrgValue{name, !gone})
			}
		}
	}
	path := Transform{Way: WayPicklist, Values: []Value{{"Channel", "Partner"}, {"Fax", "Web Direct"}}}
	for name, c := range map[string]struct {
		fields []OrgField
		m      Mapping
		want   []string
	}{
		"all fits":                               {[]OrgField{str("Next_Steps__c")}, small(entry("opportunity.next_steps", "Next_Steps__c")), nil},
		"the second name is there":               {[]OrgField{str("NextStep")}, small(entry("opportunity.next_steps", "Next_Steps__c", "NextStep")), nil},
		"a parent's field":                       {nil, small(entry("opportunity.region", "Account.Site")), nil},
		"a parent's field that is gone":          {nil, small(entry("opportunity.region", "Account.Region__c")), []string{"remark opportunity.region field_missing"}},
		"a custom field that is gone":            {nil, small(entry("opportunity.next_steps", "Next_Steps__c")), []string{"remark opportunity.next_steps field_missing"}},
		"a needed field that is gone":            {nil, small(Entry{Field: "opportunity.region", CRM: []string{"R__c"}, Direction: DirectionRead, Owner: OwnerSalesforce, Needed: true}), []string{"error opportunity.region field_missing"}},
		"a standard field that is hidden":        {nil, small(entry("opportunity.lead_source", "LeadSource")), []string{"warn opportunity.lead_source field_missing"}},
		"a fact's field that is gone":            {nil, small(fact(FactState, "S__c")), []string{"error registration.aws.state field_missing"}},
		"a field that may not be written":        {[]OrgField{typed("Next_Steps__c", "string", locked)}, small(entry("opportunity.next_steps", "Next_Steps__c")), []string{"error opportunity.next_steps not_writable"}},
		"an amount that is a text":               {[]OrgField{str("Net__c")}, small(entry("opportunity.arr_net", "Net__c")), []string{"error opportunity.arr_net type"}},
		"a date that is a text":                  {[]OrgField{str("Start__c")}, small(entry("opportunity.start_on", "Start__c")), []string{"error opportunity.start_on type"}},
		"a date that is a text, in its form":     {[]OrgField{str("Start__c")}, small(with(entry("opportunity.start_on", "Start__c"), Transform{Way: WayDate, Form: FormDMY})), nil},
		"a date that is an instant":              {[]OrgField{typed("Start__c", "datetime")}, small(entry("opportunity.start_on", "Start__c")), []string{"error opportunity.start_on type"}},
		"the day of an instant":                  {[]OrgField{typed("Start__c", "datetime")}, small(with(entry("opportunity.start_on", "Start__c"), Transform{Way: WayDate, Form: FormPart})), nil},
		"a checkbox as a text":                   {[]OrgField{typed("R__c", "boolean")}, small(entry("opportunity.region", "R__c")), []string{"error opportunity.region type"}},
		"a partner by a lookup of another thing": {[]OrgField{typed("P__c", "reference", func(f *OrgField) { f.ParentOf = "Contact" })}, small(entry("opportunity.influence_partner", "P__c")), []string{"error opportunity.influence_partner type"}},
		"a partner by its name":                  {[]OrgField{str("P__c")}, small(entry("opportunity.influence_partner", "P__c")), []string{"remark opportunity.influence_partner type"}},
		"a value that vanished":                  {[]OrgField{typed("Path__c", "picklist", choice(false, "Channel"))}, small(with(entry("opportunity.deal_path", "Path__c"), path)), []string{"warn opportunity.deal_path value_missing"}},
		"a value that is not active":             {[]OrgField{typed("Path__c", "picklist", choice(true, "Channel", "-Fax"))}, small(with(entry("opportunity.deal_path", "Path__c"), path)), []string{"error opportunity.deal_path value_inactive"}},
		"states for a closed picklist":           {[]OrgField{typed("S__c", "picklist", choice(true, "Open", "Done"))}, small(fact(FactState, "S__c")), []string{"warn registration.aws.state value_missing"}},
		"the portal's words, closed":             {[]OrgField{typed("S__c", "picklist", choice(true, "Open"))}, small(fact(FactReview, "S__c")), []string{"warn registration.aws.review_status value_missing"}},
		"an id for a short field":                {[]OrgField{typed("I__c", "string", func(f *OrgField) { f.Length = 10 })}, small(fact(FactPortalID, "I__c")), []string{"warn registration.aws.portal_id too_short"}},
		"an instant for a date":                  {[]OrgField{typed("L__c", "date")}, small(fact(FactSynced, "L__c")), []string{"error registration.aws.last_synced type"}},
		"the day of an instant, for a date":      {[]OrgField{typed("L__c", "date")}, small(with(fact(FactSynced, "L__c"), Transform{Way: WayDate, Form: FormPart})), nil},
		"two facts for one field":                {[]OrgField{str("I__c")}, small(fact(FactPortalID, "I__c"), fact(FactState, "i__C")), []string{"error registration.aws.state written_twice"}},
		"what is written is read as another":     {[]OrgField{str("I__c")}, small(fact(FactPortalID, "I__c"), entry("opportunity.region", "I__c")), []string{"error registration.aws.portal_id written_and_read"}},
		"a field of the AWS connector":           {[]OrgField{str("awsapn__Id__c")}, small(fact(FactPortalID, "awsapn__Id__c")), []string{"error registration.aws.portal_id not_ours"}},
	} {
		got := []string(nil)
		for _, f := range c.m.Check(house(c.fields...)) {
			got = append(got, string(f.Level)+" "+string(f.Field)+" "+f.Code)
			if f.Message == "" || f.Mend == "" || f.Object == "" || f.CRM == "" {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestARequiredFieldThatTandemDoesNotKnowIsNamedWithItsObject(t *testing.T) {
	t.Parallel()
	must := func(f *OrgField) { f.Required = true }
	org := house(typed("Cost_Centre__c", "string", must), typed("Name", "string", must))
	org.Objects["Task"] = OrgObject{Name: "Task", Fields: []OrgField{typed("Channel__c", "picklist", must), typed("Subject", "string", must)}}
	org.Made = map[string][]string{"Opportunity": {"name"}, "Task": {"Subject"}, "Event": {"Subject"}}
	got := small().Check(org)
	if len(got) != 2 || got[0].Object != "Opportunity" || got[0].CRM != "Cost_Centre__c" || got[0].Level != LevelRemark ||
		got[1].Object != "Task" || got[1].CRM != "Channel__c" || got[1].Level != LevelError || got[1].Code != "unknown_required" {
		t.Errorf("%+v", got)
	}
}

func TestAnObjectThatIsHiddenIsOneFindingAndNotOneForEachField(t *testing.T) {
	t.Parallel()
	org := house()
	delete(org.Objects, "Account")
	got := small().Check(org)
	if !slices.ContainsFunc(got, func(f Finding) bool { return f.Code == "object_missing" && f.Object == "Account" }) || len(got) != 1 {
		t.Errorf("%+v", got)
	}
}
