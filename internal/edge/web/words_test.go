package web

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWordsThatTheOtherTextHasNotAreMarked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, text, want string }{
		{"Call them", "Call them", "Call them"},
		{"Call them", "Call them soon", "Call them [soon]"},
		{"Call them today", "Meet them today", "[Meet ]them today"},
		{"a b c", "c", "c"},
		{"we see the team", "Meet the customer in Berlin", "[Meet the customer in Berlin]"},
		{"", "new words", "[new words]"},
		{"old", "", ""},
		{"2027-03-31", "2027-06-30", "[2027-06-30]"},
		{"x\ny", "x y", "x y"},
	} {
		var got strings.Builder
		for _, r := range differing(c.base, c.text) {
			if r.marked {
				got.WriteString("[" + r.text + "]")
			} else {
				got.WriteString(r.text)
			}
		}
		if got.String() != c.want {
			t.Errorf("%q to %q: %q, want %q", c.base, c.text, got.String(), c.want)
		}
	}
}

func TestTwoThatShareNothingWithTheBaseAreMarkedAgainstEachOther(t *testing.T) {
	t.Parallel()
	a, b := apart("nothing alike", "nothing alike", "Meet them in Berlin", "Meet them in Seattle")
	if len(a) != 2 || a[1] != (run{"Berlin", true}) || len(b) != 2 || b[1] != (run{"Seattle", true}) {
		t.Error(a, b)
	}
}

func TestMarkingLosesNoCharacter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab \n]{0,12}`)
		base, s := text.Draw(t, "base"), text.Draw(t, "text")
		var got strings.Builder
		for _, r := range differing(base, s) {
			got.WriteString(r.text)
		}
		if got.String() != s {
			t.Errorf("%q became %q", s, got.String())
		}
	})
}
