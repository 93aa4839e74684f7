package mapping

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func TestEveryTemplateIsAValidMappingAndComesBackFromItsFile(t *testing.T) {
	t.Parallel()
	for _, tmpl := range Templates() {
		m := tmpl.Mapping()
		if err := m.Validate(); err != nil {
			t.Errorf("%s: %v", tmpl.ID, err)
		}
		text, err := m.Export()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", tmpl.ID, err)
		}
		if d := Diff(m, back); len(d) != 0 {
			t.Errorf("%s: %+v", tmpl.ID, d)
		}
	}
	if d := Diff(Default(), Templates()[0].Mapping()); len(d) != 0 {
		t.Errorf("the default is not the first template: %+v", d)
	}
}

func TestATemplateBesideAnotherProductWritesNoFieldThatThatOneWrites(t *testing.T) {
	t.Parallel()
	for _, tmpl := range Templates() {
		if tmpl.ID != "aws_connector" && tmpl.ID != "tackle" {
			continue
		}
		for _, f := range secondWritten {
			if e, ok := tmpl.Mapping().Of(f); !ok || e.Direction.Writes() {
				t.Errorf("%s: %s is %+v", tmpl.ID, f, e)
			}
		}
		if len(tmpl.Mapping().Facts()) != 0 {
			t.Errorf("%s writes facts to the opportunity", tmpl.ID)
		}
	}
}

// faults gives the places and codes of an invalid mapping.
func faults(t *testing.T, err error) []string {
	t.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != problem.KindInvalid {
		t.Fatalf("%v is no refusal", err)
	}
	out := []string{}
	for _, f := range p.Fields {
		out = append(out, f.Field+" "+f.Code)
	}
	return out
}

func TestWhatCannotWorkInAnyOrganisationIsRefusedByItsPlace(t *testing.T) {
	t.Parallel()
	steps := entry("opportunity.next_steps", "Next_Steps__c")
	for name, c := range map[string]struct {
		entry Entry
		want  []string
	}{
		"an unknown field":                 {entry("opportunity.colour", "Colour__c"), []string{"field unknown_field"}},
		"no field of the organisation":     {entry("opportunity.next_steps"), []string{"crm required"}},
		"no API name":                      {entry("opportunity.next_steps", "Next Steps"), []string{"crm malformed"}},
		"SOQL for a name":                  {entry("opportunity.next_steps", "Id FROM Account--"), []string{"crm malformed"}},
		"two parents":                      {Entry{Field: "account.site", CRM: []string{"A.B.C"}}, []string{"field unknown_field"}},
		"a parent's field that is written": {entry("opportunity.next_steps", "Account.Site"), []string{"crm of_parent"}},
		"too many names":                   {entry("opportunity.next_steps", "A", "B", "C", "D", "E", "F"), []string{"crm too_many"}},
		"a direction that is none":         {Entry{Field: steps.Field, CRM: steps.CRM, Direction: "sideways", Owner: OwnerAsk}, []string{"direction not_possible"}},
		"what Tandem never writes":         {Entry{Field: "opportunity.amount", CRM: []string{"Amount"}, Direction: DirectionBoth, Owner: OwnerAsk}, []string{"direction not_possible"}},
		"a fact that is read":              {Entry{Field: FactField(cloud.AWS, FactState), CRM: []string{"S__c"}, Direction: DirectionRead, Owner: OwnerSalesforce}, []string{"direction not_possible"}},
		"a fact to be asked about":         {Entry{Field: FactField(cloud.AWS, FactState), CRM: []string{"S__c"}, Direction: DirectionWrite, Owner: OwnerAsk}, []string{"owner not_possible"}},
		"Tandem wins what it only reads":   {Entry{Field: "opportunity.amount", CRM: []string{"Amount"}, Direction: DirectionRead, Owner: OwnerTandem}, []string{"owner not_possible"}},
		"a way that is none":               {with(steps, Transform{Way: "shout"}), []string{"transform.way unknown_value"}},
		"a table without values":           {with(steps, Transform{Way: WayPicklist}), []string{"transform.values values"}},
		"values without a table":           {with(steps, Transform{Values: []Value{{"a", "b"}}}), []string{"transform.values values"}},
		"a table with a value twice":       {with(steps, Transform{Way: WayPicklist, Values: []Value{{"a", "b"}, {"A", "c"}}}), []string{"transform.values[1] twice"}},
		"a table with an empty value":      {with(steps, Transform{Way: WayPicklist, Values: []Value{{"", "b"}}}), []string{"transform.values[0] required"}},
		"else without a table":             {with(steps, Transform{Else: "x"}), []string{"transform.else values"}},
		"a text as an amount":              {with(steps, Transform{Way: WayCurrency, Currency: "USD"}), []string{"transform.way not_possible"}},
		"a currency that is none":          {with(entry("opportunity.amount", "Amount"), Transform{Way: WayCurrency, Currency: "XXY"}), []string{"transform.currency unknown_value"}},
		"a date without its form":          {with(entry("opportunity.start_on", "S__c"), Transform{Way: WayDate}), []string{"transform.form unknown_value"}},
		"an amount that stands for none":   {with(entry("opportunity.amount", "Amount"), Transform{Empty: "0"}), []string{"transform.empty not_possible"}},
		"a date that is none for none":     {with(entry("opportunity.start_on", "S__c"), Transform{Empty: "soon"}), []string{"transform.empty malformed"}},
		"a currency for none that is none": {with(entry("opportunity.currency", "CurrencyIsoCode"), Transform{Empty: "Dollar"}), []string{"transform.empty unknown_value"}},
	} {
		m := Default().Without(c.entry.Field)
		at := len(m.Entries)
		m.Entries = append(m.Entries, c.entry)
		got := faults(t, m.Validate())
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "fields["+strconv.Itoa(at)+"].")
		}
		if diff := cmp.Diff(c.want, slices.DeleteFunc(got, func(s string) bool { return s == "fields required" })); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	twice := Default()
	twice.Entries = append(twice.Entries, entry("opportunity.stage", "StageName"))
	if got := faults(t, twice.Validate()); len(got) != 1 || !strings.HasSuffix(got[0], ".field twice") {
		t.Error(got)
	}
	if got := faults(t, Default().Without("opportunity.stage").Validate()); !slices.Equal(got, []string{"fields required"}) {
		t.Error(got)
	}
}

func with(e Entry, t Transform) Entry {
	e.Transform = t
	return e
}

func TestAValueIsTurnedIntoOursAndBack(t *testing.T) {
	t.Parallel()
	table := Transform{Way: WayPicklist, Values: []Value{{"Channel", "Partner"}, {"Online", "Web Direct"}}, Empty: "Direct"}
	for _, c := range []struct {
		t    Transform
		raw  string
		ours string
		back string
	}{
		{Transform{}, "x", "x", "x"},
		{Transform{}, "", "", ""},
		{table, "Channel", "Partner", "Channel"},
		{table, "channel", "Partner", "Channel"},
		{table, "Fax", "Fax", "Fax"},
		{table, "", "Direct", "Direct"},
		{Transform{Way: WayPicklist, Values: table.Values, Else: "Other"}, "Fax", "Other", "Other"},
		{Transform{Way: WayDate, Form: FormPart}, "2026-12-31T23:30:00.000-0500", "2027-01-01", "2027-01-01"},
		{Transform{Way: WayDate, Form: FormDMY}, "31.12.2026", "2026-12-31", "31.12.2026"},
		{Transform{Way: WayDate, Form: FormDMY}, " 1/2/2026 ", "2026-02-01", "01.02.2026"},
		{Transform{Way: WayDate, Form: FormMDY}, "1/2/2026", "2026-01-02", "01/02/2026"},
		{Transform{Way: WayDate, Form: FormISO}, "2026-01-02", "2026-01-02", "2026-01-02"},
	} {
		ours, err := c.t.Read(c.raw)
		if err != nil || ours != c.ours {
			t.Errorf("%+v reads %q as %q, %v", c.t, c.raw, ours, err)
		}
		back, err := c.t.Write(ours)
		if err != nil || back != c.back {
			t.Errorf("%+v writes %q as %q, %v", c.t, ours, back, err)
		}
	}
	for _, bad := range []string{"soon", "31.13.2026", "2026"} {
		if v, err := (Transform{Way: WayDate, Form: FormDMY}).Read(bad); err == nil || v != "" {
			t.Errorf("%q is read as %q", bad, v)
		}
	}
	if v, err := (Transform{Way: WayDate, Form: FormISO}).Write("soon"); err == nil {
		t.Errorf("written as %q", v)
	}
}

func TestOnlyWhatIsReadDifferentlyChangesAFingerprint(t *testing.T) {
	t.Parallel()
	m := Default()
	steps, _ := m.Of("opportunity.next_steps")
	owner := steps
	owner.Owner = OwnerTandem
	fact := Entry{Field: FactField(cloud.AWS, FactState), CRM: []string{"AWS_State__c"}, Direction: DirectionWrite, Owner: OwnerTandem}
	for _, same := range []Mapping{m.With(owner), m.With(fact), m.Without("account.duns")} {
		if same.Fingerprint(ObjectOpportunity) != m.Fingerprint(ObjectOpportunity) {
			t.Errorf("%+v", Diff(m, same))
		}
	}
	for _, other := range []Mapping{m.Without("opportunity.next_steps"), m.With(with(steps, Transform{Empty: "none"})), m.With(entry(steps.Field, "NextStep"))} {
		if other.Fingerprint(ObjectOpportunity) == m.Fingerprint(ObjectOpportunity) || other.Fingerprint(ObjectAccount) != m.Fingerprint(ObjectAccount) {
			t.Errorf("%+v", Diff(m, other))
		}
	}
}
