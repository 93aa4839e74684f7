package salesforce

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// FuzzIngest works whatever comes as the data of a job: each of its rows has one
// result, the results can be read back, and a job that failed changed nothing.
func FuzzIngest(f *testing.F) {
	for _, seed := range []string{
		"Name,Phone\nAcme,1\n", "Id,Name\n001000000000001,x\n", "Name\n\"a\n\"\"b\"\"\"\n#N/A\n", "Parent.Id\n001\n", "Name,,\n,,\n", "\xff\xfe\n\x00\n", "Name\r\nx\r\n", "\"", "User:Owner.Id,Name\nx,y",
	} {
		f.Add(seed, "insert")
		f.Add(seed, "delete")
	}
	s, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, data, operation string) {
		if !slices.Contains(ingestOperations, operation) || operation == "upsert" {
			return
		}
		j := &bulkJob{Kind: jobIngest, Object: "Account", Operation: operation, LineEnding: "LF", Delimiter: "COMMA", Version: "67.0", CreatedBy: s.org.UserID, State: jobInProgress}
		s.bulk.mu.Lock()
		if refused := s.bulk.enter(j); refused != nil {
			t.Fatal(refused)
		}
		s.bulk.jobs[j.ID].running = true
		s.bulk.mu.Unlock()
		if err := os.WriteFile(s.bulk.path(j, "in"), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		err := s.bulk.runIngest(j)
		if _, told := errors.AsType[jobError](err); err != nil && (!told || j.Rows != 0) {
			t.Fatalf("%q: %v after %d rows", data, err, j.Rows)
		}
		results := 0
		for what, size := range map[string]int64{"good": j.Good, "bad": j.Bad} {
			if size == 0 {
				continue
			}
			file, err := os.ReadFile(s.bulk.path(j, what))
			if err != nil || int64(len(file)) != size {
				t.Fatalf("%q: %d bytes of %s results, %d are told of, %v", data, len(file), what, size, err)
			}
			records, err := newRowReader(bytes.NewReader(file), ',').ReadAll()
			if err != nil {
				t.Fatalf("%q: the %s results cannot be read: %v", data, what, err)
			}
			results += len(records) - 1
		}
		if results != j.Rows && j.Rows > 0 {
			t.Fatalf("%q: %d rows have %d results", data, j.Rows, results)
		}
		s.bulk.mu.Lock()
		s.bulk.forget(j)
		s.bulk.mu.Unlock()
	})
}

// FuzzResultPages cuts whatever texts a query gave at any place: the pages make
// up the whole.
func FuzzResultPages(f *testing.F) {
	f.Add("a", "b\nc", uint8(1), true)
	f.Add("\"\"", "\r\n", uint8(2), false)
	f.Add("\r", "\"\n\"", uint8(3), true)
	f.Fuzz(func(t *testing.T, one, two string, page uint8, crlf bool) {
		end := "\n"
		if crlf {
			end = "\r\n"
		}
		var whole []byte
		var lengths []int64
		for i := range 7 {
			line := append(appendCSVRow(nil, []string{one, two, strconv.Itoa(i)}, ','), end...)
			whole, lengths = append(whole, line...), append(lengths, int64(len(line)))
		}
		path := filepath.Join(t.TempDir(), "out.csv")
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := scanResults(path, end)
		if err != nil || x.records != 6 || x.size != int64(len(whole)) {
			t.Fatalf("%d records of 6, %d bytes of %d, %v", x.records, x.size, len(whole), err)
		}
		got := append([]byte(nil), whole[:lengths[0]]...)
		for from, most := 0, int(page%6)+1; from < 6; from += most {
			cut, err := x.cut(path, end, from, min(from+most, 6))
			if err != nil {
				t.Fatal(err)
			}
			var part bytes.Buffer
			if err := cut.write(&part, path); err != nil || int64(part.Len()) != cut.size() {
				t.Fatalf("%d bytes, want %d: %v", part.Len(), cut.size(), err)
			}
			got = append(got, part.Bytes()[lengths[0]:]...)
		}
		if !bytes.Equal(got, whole) {
			t.Fatalf("the pages make up %q, not %q", got, whole)
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
