package salesforce

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLongIDAddsTheChecksumAndRefusesAWrongOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"001D000000IRFma":    "001D000000IRFmaIAH", // the example of Salesforce's documentation
		"001D000000IRFmaIAH": "001D000000IRFmaIAH",
		"001D000000IRFmaIAG": "",
		"001D000000IRFm":     "",
		"001D000000IRFm!":    "",
		"":                   "",
	} {
		got, ok := longID(in)
		if ok != (want != "") || ok && got != want {
			t.Errorf("longID(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestMadeIdsCountUpAndCanBeReadBack(t *testing.T) {
	t.Parallel()
	last := ""
	for _, n := range []uint64{1, 2, 61, 62, 3843, 3844, 1 << 40} {
		id := makeID("006", n)
		if got, ok := idNumber(id); !ok || got != n || len(id) != 18 || id <= last {
			t.Errorf("makeID(%d) = %q, read back as %d, %v", n, id, got, ok)
		}
		last = id
	}
}

// Fields newer than the contract's schema, or of features it was taken without.
var newerFields = map[string]bool{
	"Account.BillingStateCode": true, "Account.BillingCountryCode": true, "Account.ShippingStateCode": true, "Account.ShippingCountryCode": true,
	"Account.AccountNumber": true, "Account.Ownership": true, "Account.TickerSymbol": true, "Account.Rating": true, "Account.Site": true, "Account.Sic": true,
	"Account.NaicsCode": true, "Account.DunsNumber": true, "Account.IsPartner": true, "Contact.MailingCountryCode": true, "Lead.CountryCode": true,
	"Lead.MobilePhone": true, "Opportunity.IsPrivate": true, "Opportunity.ExpectedRevenue": true, "Opportunity.TotalOpportunityQuantity": true,
	"Opportunity.LastStageChangeDate": true, "Opportunity.ContactId": true, "Task.CompletedDateTime": true, "Task.Type": true, "Event.EndDate": true,
	"Event.Type": true, "EventRelation.IsInvitee": true, "User.DefaultCurrencyIsoCode": true,
}

func TestStandardFieldsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	var contract map[string]struct {
		Fields map[string]string `json:"fields"`
	}
	data, err := os.ReadFile(filepath.Join(sharedFolder(t), "contracts", "salesforce", "jsforce-standard-schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &contract); err != nil {
		t.Fatal(err)
	}
	sch, err := parseSchema(organisationSchema)
	if err != nil {
		t.Fatal(err)
	}
	added := map[string]bool{"IsDeleted": true, "CurrencyIsoCode": true, "RecordTypeId": true, "CreatedDate": true, "CreatedById": true, "LastModifiedDate": true, "LastModifiedById": true, "OwnerId": true}
	for _, o := range sch.objects {
		known, ok := contract[o.Name]
		if !ok {
			if !o.custom && o.Name != "OpportunityTeamMember" {
				t.Errorf("the contract has no object %s", o.Name)
			}
			continue
		}
		for _, f := range o.fields {
			if f.custom || added[f.name] || newerFields[o.Name+"."+f.name] {
				continue
			}
			kind, ok := known.Fields[f.name]
			if !ok {
				t.Errorf("the contract has no field %s.%s", o.Name, f.name)
				continue
			}
			want := map[string]string{"boolean": "boolean", "int": "number", "double": "number", "currency": "number", "percent": "number", "date": "DateString", "datetime": "DateString"}[string(f.typ)]
			if want == "" {
				want = "string"
			}
			if got := strings.TrimSuffix(kind, " | null"); got != want {
				t.Errorf("%s.%s is %s, in the contract %s", o.Name, f.name, f.typ, kind)
			}
		}
	}
}

func sharedFolder(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("TANDEM_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

func TestSchemaMistakesNameTheirLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Name string:80 \"Name\"":                   "schema line 1",
		"object A 001 A/As\nName strong:1 \"x\"":    "unknown type",
		"object A 001 A/As\nName string:80":         "no label",
		"object A 001 A":                            "Label/Plural",
		"object A 1 A/As":                           "prefix",
		"object A 001 A/As\nB ref:C child=Bs \"B\"": "refers to C",
	} {
		if _, err := parseSchema(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func FuzzReadRow(f *testing.F) {
	for _, seed := range []string{`{"Name":"x","Amount":1.5}`, `{"a":`, `[]`, `{"CloseDate":"2026-01-01","AccountId":"001"}`, `{"Account":{"attributes":{"type":"Account"},"Id":"x"}}`, `null`, `{"x":1}{`} {
		f.Add(seed)
	}
	s, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	o, _ := s.store.schema.object("Opportunity")
	f.Fuzz(func(t *testing.T, text string) {
		members, refused := readObject([]byte(text))
		if (refused == nil) && !json.Valid([]byte(text)) {
			t.Fatalf("%q is no JSON but was read", text)
		}
		x := s.begin(s.org.UserID)
		defer x.rollback()
		in, refused := x.readValues(o, members)
		if refused != nil {
			if !json.Valid(refused.body()) {
				t.Fatalf("the refusal of %q is no JSON", text)
			}
			return
		}
		if _, refused := x.insert(o, in.values); refused != nil && len(x.done) != 0 {
			t.Fatalf("%q was refused and left %d changes", text, len(x.done))
		}
	})
}

func FuzzReferenceFilling(f *testing.F) {
	f.Add("@{a.id}/x@{a.list[0].n}")
	f.Add("@{a}@{b.c}")
	f.Fuzz(func(t *testing.T, text string) {
		r := compositeRun{answers: map[string]any{"a": map[string]any{"id": "1", "list": []any{map[string]any{"n": true}}}}}
		out, refused := r.fill(text)
		if refused == nil && !strings.Contains(text, "@{") && out != text {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

func TestValuesOfAJournalRoundTrip(t *testing.T) {
	t.Parallel()
	for _, x := range []float64{0, -1.5, 1e17, 123456789012345.67, 0.1} {
		var back float64
		if err := json.Unmarshal(appendKept(nil, x), &back); err != nil || back != x {
			t.Errorf("%v is read back as %v, %v", x, back, err)
		}
	}
	if diff := cmp.Diff("12345678901234567890.0", string(appendNumber(nil, 12345678901234567890))); diff != "" && strings.Contains(diff, "e+") {
		t.Errorf("a large number has an exponent: %s", diff)
	}
}
