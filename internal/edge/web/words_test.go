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
