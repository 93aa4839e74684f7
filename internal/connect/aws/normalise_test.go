package aws

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/money"
)

func TestCRMWordsBecomeAWSs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		f    func(string) (string, bool)
		in   string
		want string // "" for no answer
	}{
		{"industry", Industry, "Computers & Electronics", "Computers and Electronics"},
		{"industry", Industry, "  software &   INTERNET ", "Software and Internet"},
		{"industry", Industry, "Energy – Oil & Gas", "Energy - Oil and Gas"},
		{"industry", Industry, "Not For Profit", "Non-Profit Organization"},
		{"industry", Industry, "Banking", "Financial Services"},
		{"industry", Industry, "Energy", ""},
		{"industry", Industry, "", ""},
		{"reason", ClosedLostReason, "Lost to Competitor – Google", "Lost to Competitor - Google"},
		{"reason", ClosedLostReason, "People / Relationship / Governance", "People/Relationship/Governance"},
		{"reason", ClosedLostReason, "delay/cancellation of project", "Delay / Cancellation of Project"},
		{"reason", ClosedLostReason, "Ghosted", ""},
		{"use case", CustomerUseCase, "Big Data: Data Warehouse / Data Integration / ETL / Data Lake / BI", "Big Data: Data Warehouse/Data Integration/ETL/Data Lake/BI"},
		{"state", USState, "CA", "California"},
		{"state", USState, "ny", "New York"},
		{"state", USState, "texas", "Texas"},
		{"state", USState, "DC", "Dist. of Columbia"},
		{"state", USState, "Washington, D.C.", "Dist. of Columbia"},
		{"state", USState, "Bavaria", ""},
		{"country", Country, "United States", "US"},
		{"country", Country, "USA", "US"},
		{"country", Country, "DEU", "DE"},
		{"country", Country, "gb", "GB"},
		{"country", Country, "Côte d’Ivoire", ""},
		{"country", Country, "Cote d’Ivoire", "CI"},
		{"country", Country, "Bosnia & Herzegovina", "BA"},
		{"country", Country, "Korea", "KR"},
		{"country", Country, "Atlantis", ""},
		{"website", Website, "Example.com", "https://example.com"},
		{"website", Website, "http://www.example.co.uk/", "http://www.example.co.uk"},
		{"website", Website, "example.com/About?x=1", "https://example.com/About?x=1"},
		{"website", Website, "ana@example.com", ""},
		{"website", Website, "n/a", ""},
		{"website", Website, "localhost", ""},
		{"website", Website, "ftp://example.com", ""},
		{"website", Website, "10.0.0.1", ""},
		{"e-mail", Email, " Ana.Ruiz@Example.com ", "ana.ruiz@example.com"},
		{"e-mail", Email, "ana@", ""},
		{"amount", AmountText, "12000.5", "12000.50"},
		{"amount", AmountText, "12000", "12000"},
		{"amount", AmountText, "12000.00", "12000"},
		{"amount", AmountText, "1.2E7", "12000000"},
		{"amount", AmountText, "0.005", "0.01"},
		{"amount", AmountText, "007", "7"},
		{"amount", AmountText, "-5", ""},
		{"amount", AmountText, "1e999", ""},
		{"amount", AmountText, "1/3", ""},
		{"amount", AmountText, "twelve", ""},
	} {
		got, ok := c.f(c.in)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s %q: %q %v, want %q", c.name, c.in, got, ok, c.want)
		}
	}
}

func TestPhonesBecomeE164OnlyWhenOneReadingIsPossible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, country, want string }{
		{"+1 (415) 555-0100", "", "+14155550100"},
		{"(415) 555-0100", "US", "+14155550100"},
		{"415.555.0100 ext. 12", "US", "+14155550100"},
		{"1-415-555-0100 x7", "CA", "+14155550100"},
		{"(415) 555-0100", "", ""},
		{"+44 (0)20 7946 0000", "GB", "+442079460000"},
		{"0049 30 123456", "DE", "+4930123456"},
		{"030 123456", "DE", ""},
		{"555-0100", "US", ""},
		{"+0 123 456 7890", "", ""},
		{"+1234567890123456", "", ""},
		{"call Ana", "US", ""},
		{"", "US", ""},
	} {
		got, ok := Phone(c.in, c.country)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%q in %q: %q %v, want %q", c.in, c.country, got, ok, c.want)
		}
	}
}

func TestMoneyIsWrittenAsAWSWantsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   money.Amount
		want MonetaryValue
		ok   bool
	}{
		{money.Amount{Minor: 1250050, Currency: "USD"}, MonetaryValue{"12500.50", "USD"}, true},
		{money.Amount{Minor: 500, Currency: "JPY"}, MonetaryValue{"500", "JPY"}, true},
		{money.Amount{Minor: 1234, Currency: "BHD"}, MonetaryValue{"1.23", "BHD"}, true},
		{money.Amount{Minor: -1, Currency: "USD"}, MonetaryValue{}, false},
		{money.Amount{}, MonetaryValue{}, false},
	} {
		got, ok := Amount(c.in)
		if got != c.want || ok != c.ok {
			t.Errorf("%+v: %+v %v", c.in, got, ok)
		}
	}
}

func TestNormalisersAnswerOnlyWhatAWSTakes(t *testing.T) {
	t.Parallel()
	for word, value := range industries {
		if canon(word) != word {
			t.Errorf("industry %q is not in its folded form %q", word, canon(word))
		}
		if _, ok := Canonical("Industry", value); !ok {
			t.Errorf("%q is no industry of AWS", value)
		}
	}
	states := awsselling.USStates()
	for code, name := range stateCodes {
		if v, ok := match(states, name); !ok || v != name {
			t.Errorf("%s: %q is no state of AWS", code, name)
		}
	}
	for spelling, name := range stateNames {
		if v, ok := match(states, name); !ok || v != name || canon(spelling) != spelling {
			t.Errorf("%q: %q", spelling, name)
		}
	}
	for _, list := range [][]string{awsselling.Model().Shapes["Industry"].Enum, awsselling.Model().Shapes["ClosedLostReason"].Enum, awsselling.CustomerUseCases(), states} {
		for _, v := range list {
			if got, ok := match(list, v); !ok || got != v {
				t.Errorf("%q becomes %q: two values fold to one", v, got)
			}
		}
	}
}

func FuzzNormalisers(f *testing.F) {
	for _, s := range []string{"example.com", "+1 415 555 0100", "1.2E7", "Ana@Example.com", "Energy – Oil & Gas", "https://[::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, ok := Website(s); ok {
			if again, ok := Website(v); !ok || again != v {
				t.Errorf("website %q becomes %q becomes %q", s, v, again)
			}
		}
		if v, ok := Phone(s, "US"); ok {
			if again, ok := Phone(v, ""); !ok || again != v {
				t.Errorf("phone %q becomes %q becomes %q", s, v, again)
			}
		}
		if v, ok := AmountText(s); ok {
			if again, ok := AmountText(v); !ok || again != v || strings.ContainsAny(v, "eE-+") {
				t.Errorf("amount %q becomes %q becomes %q", s, v, again)
			}
		}
		if v, ok := Email(s); ok {
			if again, ok := Email(v); !ok || again != v {
				t.Errorf("e-mail %q becomes %q becomes %q", s, v, again)
			}
		}
		if canon(canon(s)) != canon(s) {
			t.Errorf("folding %q twice differs", s)
		}
	})
}
