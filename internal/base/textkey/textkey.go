// Package textkey makes the search and sort key of a name: accents removed,
// lower case, runs of blanks as one. Databases disagree on all of that, so the
// key is computed here and stored.
package textkey

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Of gives the key of s: "  Éclair  Söhne " becomes "eclair sohne". Control
// characters become blanks.
func Of(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	blank := true
	ascii := true
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if !ascii {
		s = norm.NFKD.String(s)
	}
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsSpace(r) || unicode.IsControl(r):
			if !blank {
				b.WriteByte(' ')
				blank = true
			}
		default:
			b.WriteRune(unicode.ToLower(r))
			blank = false
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}
