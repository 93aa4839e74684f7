package awsselling

import (
	"strings"
	"testing"
)

func TestEveryPatternOfTheModelCompiles(t *testing.T) {
	t.Parallel()
	n := 0
	for name, s := range Model().Shapes {
		if s.Pattern == "" {
			continue
		}
		n++
		if _, err := CompilePattern(s.Pattern); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n != 102 {
		t.Errorf("%d patterns, want 102", n)
	}
}

func TestPatternsThatRE2CannotTakeKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 2000)
	for _, c := range []struct {
		shape, value string
		want         bool
	}{
		{"Email", "ana.ruiz@example.com", true},
		{"Email", "Ana.Ruiz@example.com", false},
		{"Email", strings.Repeat("a", 69) + "@example.com", false},
		{"Email", strings.Repeat("a", 68) + "@example.com", true},
		{"ProjectCustomerBusinessProblemString", long, true},
		{"ProjectCustomerBusinessProblemString", long + "x", false},
		{"ProjectCustomerBusinessProblemString", "too short", false},
		{"ProjectCustomerBusinessProblemString", "two lines of text\nare allowed here", true},
		{"ClientToken", "one\nline only", false},
		{"ClientToken", "", false},
		{"CompanyWebsiteUrl", "https://www.example.com", true},
		{"CompanyWebsiteUrl", "x.y", false},
		{"RejectionReasonString", "Other", true},
		{"RejectionReasonString", "bell\x07", false},
		{"MonetaryAmount", "120000.00", true},
		{"MonetaryAmount", "1.2E7", false},
		{"MonetaryAmount", "1.234", false},
		{"PhoneNumber", "+14155550100", true},
		{"PhoneNumber", "+1 415 555 0100", false},
		{"OpportunityIdentifier", "O123", true},
		{"OpportunityIdentifier", "xO123", false},
		{"TagKey", "", false},
		{"TagKey", "cost centre", true},
		{"TagValue", "", true},
	} {
		p, err := CompilePattern(Model().Shapes[c.shape].Pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Match(c.value); got != c.want {
			t.Errorf("%s %.40q: %v, want %v", c.shape, c.value, got, c.want)
		}
	}
}

func TestAnUnknownLookAroundIsAnError(t *testing.T) {
	t.Parallel()
	for _, p := range []string{`(?!x)y`, `a(?=b)`, `[`, `(?<=x)y`} {
		if _, err := CompilePattern(p); err == nil {
			t.Errorf("%s: no error", p)
		}
	}
}

func FuzzCompilePattern(f *testing.F) {
	for _, s := range Model().Shapes {
		if s.Pattern != "" {
			f.Add(s.Pattern, "value")
		}
	}
	f.Fuzz(func(t *testing.T, pattern, value string) {
		if len(pattern) > 500 {
			return
		}
		p, err := CompilePattern(pattern)
		if err == nil {
			_ = p.Match(value)
		}
	})
}
