package awsselling

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/facts/awsselling/internal/derive"
)

func contracts(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test")
			}
			dir = filepath.Dir(dir)
		}
		shared = filepath.Join(dir, "..", "shared")
	}
	dir := filepath.Join(shared, "contracts", "aws")
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the published contracts are needed (set TANDEM_SHARED): %v", err)
	}
	return dir
}

func TestEmbeddedFactsEqualThePublishedFiles(t *testing.T) {
	t.Parallel()
	want, err := derive.JSON(contracts(t))
	if err != nil {
		t.Fatal(err)
	}
	zr, err := gzip.NewReader(bytes.NewReader(embedded))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("the embedded facts are not what the published files give: run go generate ./facts/awsselling")
	}
}

func TestEmbeddedFactsLoseNothingWhenRead(t *testing.T) {
	t.Parallel()
	b, err := decode(embedded)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var again, want any
	if err := json.Unmarshal(raw, &again); err != nil {
		t.Fatal(err)
	}
	published, err := derive.JSON(contracts(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(published, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dropEmpty(want), dropEmpty(again)); diff != "" {
		t.Errorf("reading the facts loses something (-published +read):\n%s", diff)
	}
}

func dropEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == "" || x == false || x == nil {
				delete(v, k)
				continue
			}
			v[k] = dropEmpty(x)
		}
	case []any:
		for i := range v {
			v[i] = dropEmpty(v[i])
		}
	}
	return v
}

func TestModelIsWholeAndRefersOnlyToItself(t *testing.T) {
	t.Parallel()
	m := Model()
	if len(m.Operations) != 45 || len(m.Shapes) != 441 {
		t.Fatalf("got %d operations and %d shapes", len(m.Operations), len(m.Shapes))
	}
	if m.TargetPrefix != "AWSPartnerCentralSelling" || m.SigningName != "partnercentral-selling" || m.Protocol != "awsJson1_0" {
		t.Errorf("wrong wire facts: %q %q %q", m.TargetPrefix, m.SigningName, m.Protocol)
	}
	need := func(from, name string) {
		if name != "" && m.Shapes[name] == nil {
			t.Errorf("%s refers to shape %q, which is not there", from, name)
		}
	}
	for name, op := range m.Operations {
		need(name, op.Input)
		need(name, op.Output)
		for _, e := range op.Errors {
			need(name, e)
			if s := m.Shapes[e]; s != nil && !s.Error {
				t.Errorf("%s: %s is no error", name, e)
			}
		}
		if read := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List"); read == op.Write {
			t.Errorf("%s: write = %v", name, op.Write)
		}
	}
	for name, s := range m.Shapes {
		for _, mem := range s.Members {
			need(name, mem.Shape)
		}
		need(name, s.Element)
		need(name, s.Key)
		need(name, s.Value)
	}
	token, ok := m.Shapes["CreateOpportunityRequest"].Member("ClientToken")
	if !ok || !token.IdempotencyToken || !token.Required {
		t.Errorf("CreateOpportunity.ClientToken = %+v", token)
	}
}

func TestListsHaveThePublishedLengths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"postal rules", len(PostalCodeRules()), 149},
		{"countries without postal code", len(CountriesWithoutPostalCode()), 59},
		{"countries", len(Countries()), 249},
		{"use cases", len(CustomerUseCases()), 39},
		{"APN programs", len(ApnPrograms()), 16},
		{"marketing use cases", len(MarketingUseCases()), 26},
		{"US states", len(USStates()), 62},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
	if len(AWSProducts()) < 100 {
		t.Errorf("only %d AWS products", len(AWSProducts()))
	}
	if diff := cmp.Diff(sorted(Model().Shapes["CountryCode"].Enum), countryCodes()); diff != "" {
		t.Errorf("countries differ from the model's list (-model +ours):\n%s", diff)
	}
}

func sorted(in []string) map[string]bool {
	out := map[string]bool{}
	for _, s := range in {
		out[s] = true
	}
	return out
}

func countryCodes() map[string]bool {
	out := map[string]bool{}
	for _, c := range Countries() {
		out[c.Code] = true
	}
	return out
}

func TestEveryPostalRuleTakesItsExampleAndNotNonsense(t *testing.T) {
	t.Parallel()
	for _, r := range PostalCodeRules() {
		re, err := regexp.Compile(r.Pattern)
		if err != nil {
			t.Errorf("%s: %v", r.Country, err)
			continue
		}
		if !re.MatchString(r.Example) || re.MatchString("") || re.MatchString("x"+r.Example) || re.MatchString(r.Example+"0 ") {
			t.Errorf("%s: pattern %s, example %q", r.Country, r.Pattern, r.Example)
		}
	}
}

func TestPostalRulesOfCountriesPeopleSellIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		country, code string
		want          bool
	}{
		{"US", "94107", true},
		{"US", "94107-1234", true},
		{"US", "9410", false},
		{"GB", "SW1A 1AA", true},
		{"GB", "M1 1AE", true},
		{"GB", "12345", false},
		{"NL", "1012 AB", true},
		{"IE", "D02 AF30", true},
		{"CA", "K1A 0B1", true},
		{"CA", "K1A-0B1", false},
		{"DE", "10115", true},
		{"JP", "100-0001", true},
		{"SE", "111 22", true},
		{"PL", "00-001", true},
		{"VC", "VC0100", true},
		{"VC", "XX0100", false},
		{"GF", "97300", true},
		{"GF", "99999", false},
		{"SM", "47890", true},
	} {
		ok := false
		for _, r := range PostalCodeRulesFor(c.country) {
			ok = ok || regexp.MustCompile(r.Pattern).MatchString(c.code)
		}
		if ok != c.want {
			t.Errorf("%s %q: %v, want %v", c.country, c.code, ok, c.want)
		}
	}
}

func TestFieldRulesNameFieldsOfTheModel(t *testing.T) {
	t.Parallel()
	byPath := map[string]FieldRule{}
	for _, r := range FieldRules() {
		if !inModel("GetOpportunityResponse", r.Path) && !inModel("CreateOpportunityRequest", r.Path) && !inModel("UpdateOpportunityRequest", r.Path) {
			t.Errorf("%s is no field of an opportunity", r.Path)
		}
		byPath[r.Path] = r
	}
	for path, want := range map[string]FieldRule{
		"Customer.Account.WebsiteUrl":     {Required: RequirementMandatory, ActionRequired: EditableYes, UntilLaunched: EditableNo, AfterLaunched: EditableNo, Create: EditableYes},
		"Project.DeliveryModels":          {Required: RequirementMandatory, ActionRequired: EditableNo, UntilLaunched: EditableYes, AfterLaunched: EditableISV, Create: EditableYes},
		"SoftwareRevenue.Value.Amount":    {Required: RequirementConditional, ActionRequired: EditableNo, UntilLaunched: EditableYes, AfterLaunched: EditableProgram, Create: EditableNo},
		"LifeCycle.ReviewStatus":          {Required: RequirementNone, ActionRequired: EditableNever, UntilLaunched: EditableNever, AfterLaunched: EditableNever, Create: EditableNever},
		"Project.CustomerBusinessProblem": {Required: RequirementMandatory, ActionRequired: EditableYes, UntilLaunched: EditableNo, AfterLaunched: EditableNo, Create: EditableYes},
	} {
		got := byPath[path]
		got.Path, got.CSVPath, got.CRMName, got.Condition, got.SourcesConflict = "", "", "", "", ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

func inModel(shape, path string) bool {
	m := Model()
	s := m.Shapes[shape]
	for part := range strings.SplitSeq(path, ".") {
		for s != nil && s.Type == TypeList {
			s = m.Shapes[s.Element]
		}
		if s == nil {
			return false
		}
		mem, ok := s.Member(part)
		if !ok {
			return false
		}
		s = m.Shapes[mem.Shape]
	}
	return true
}
