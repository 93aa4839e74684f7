package google

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
)

// sample reads a published sample: TANDEM_SHARED, or shared beside the repository.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "contracts", "google", "samples", name))
	if err != nil {
		t.Fatalf("the contracts are needed (set TANDEM_SHARED): %v", err)
	}
	return raw
}

func anyJSON(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSamplesOfOpportunitiesSurviveTheRoundTripWhole(t *testing.T) {
	t.Parallel()
	for name, into := range map[string]any{
		"cosell-channel-v1alpha1-opportunity.UNVERIFIED-SHAPE.json": &Opportunity{},
		"pubsub-opportunity-event.json":                             &OpportunityEvent{},
	} {
		raw := sample(t, name)
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, err := json.Marshal(into)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(anyJSON(t, raw), anyJSON(t, back)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAChangeKeepsWhatWeDoNotKnow(t *testing.T) {
	t.Parallel()
	const raw = `{"name":"opportunities/1","state":"A_NEW_STATE","newThing":{"a":[1,2.50]},"winLossInfo":{"x":true},
		"opportunityInfo":{"displayName":"Old","gcpWatermark":"W","opportunityAmount":{"currencyCode":"EUR","units":"9223372036854775807"}},
		"customerInfo":{"region":"R","customerDetails":{"domain":"a.example","employeeCount":"1-10","score":12345678901234567890}}}`
	var o Opportunity
	if err := json.Unmarshal([]byte(raw), &o); err != nil {
		t.Fatal(err)
	}
	o.OpportunityInfo.DisplayName = "New"
	o.CustomerInfo.CustomerDetails.Domain = ""
	o.QualificationInfo = &QualificationInfo{ContractLengthMonths: 12}
	back, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"customerInfo":{"customerDetails":{"employeeCount":"1-10","score":12345678901234567890},"region":"R"},"name":"opportunities/1","newThing":{"a":[1,2.50]},"opportunityInfo":{"displayName":"New","gcpWatermark":"W","opportunityAmount":{"currencyCode":"EUR","units":"9223372036854775807"}},"qualificationInfo":{"contractLengthMonths":12},"state":"A_NEW_STATE","winLossInfo":{"x":true}}`
	if string(back) != want {
		t.Errorf("got  %s\nwant %s", back, want)
	}
}

func TestMoneyAndDaysInGooglesForm(t *testing.T) {
	t.Parallel()
	for text, a := range map[string]money.Amount{
		"USD 120000":    {Minor: 12_000_000, Currency: "USD"},
		"USD 120000.50": {Minor: 12_000_050, Currency: "USD"},
		"JPY 1200":      {Minor: 1200, Currency: "JPY"},
		"USD -0.50":     {Minor: -50, Currency: "USD"},
		"USD 0.05":      {Minor: 5, Currency: "USD"},
	} {
		m := MoneyOf(a)
		if m == nil || m.Text() != text {
			t.Errorf("%+v: %+v, want %s", a, m, text)
		}
	}
	if MoneyOf(money.Amount{}) != nil || DateOf("") != nil {
		t.Error("nothing became something")
	}
	if d := DateOf(date.Date("2027-03-31")); *d != (Date{2027, 3, 31}) || d.Text() != "2027-03-31" {
		t.Errorf("%+v", d)
	}
}

// A reader of what Google sends must never panic, and what it understood it must
// write again whole.
func FuzzAnOpportunitySurvivesTheRoundTrip(f *testing.F) {
	f.Add([]byte(`{"name":"opportunities/1","opportunityInfo":{"productFamily":["A"]},"x":null}`))
	f.Add([]byte(`{"customerInfo":{"customerDetails":{"employeeCount":12}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var o Opportunity
		if json.Unmarshal(raw, &o) != nil {
			return
		}
		back, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]any
		if json.Unmarshal(raw, &before) != nil || json.Unmarshal(back, &after) != nil {
			t.Fatalf("%q became %q", raw, back)
		}
		if before != nil && !cmp.Equal(before, after) {
			t.Errorf("%q became %q", raw, back)
		}
	})
}
