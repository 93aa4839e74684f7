package match

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-unidecode"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a text to words of lower-case Latin letters and digits with one
// space between them: compatibility forms are resolved (NFKC), marks dropped,
// other scripts transliterated, "&" becomes "and", apostrophes vanish, and runs
// of single letters join ("S. A." and "S A" give "sa"). Folding twice changes
// nothing. A text without any letter or digit gives "".
func Fold(s string) string { return string(appendFold(make([]byte, 0, len(s)+8), s)) }

// appendFold adds the folded text to dst, which must be empty.
func appendFold(dst []byte, s string) []byte {
	if !isASCII(s) {
		s = latin(s)
	}
	gap := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '\'' || c == '`':
			continue
		case c == '&':
			if len(dst) > 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, "and"...)
			gap = true
			continue
		default:
			gap = true
			continue
		}
		if gap && len(dst) > 0 {
			dst = append(dst, ' ')
		}
		gap = false
		dst = append(dst, c)
	}
	return joinLetters(dst)
}

// joinLetters closes the gaps between single letters that follow each other.
func joinLetters(b []byte) []byte {
	out := b[:0]
	single := func(i int) bool { // a word of one letter begins at i
		return b[i] >= 'a' && b[i] <= 'z' && (i+1 == len(b) || b[i+1] == ' ')
	}
	last := false // the word before was a single letter
	for i := 0; i < len(b); {
		end := i
		for end < len(b) && b[end] != ' ' {
			end++
		}
		one := single(i)
		if len(out) > 0 && !(one && last) {
			out = append(out, ' ')
		}
		out = append(out, b[i:end]...)
		last = one
		i = end + 1
	}
	return out
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// latin writes a text of any script in ASCII. Legal forms and common words in
// Chinese, Japanese and Korean, which stand without spaces, are first set apart.
func latin(s string) string {
	s = norm.NFKC.String(s)
	if hasEastAsian(s) {
		s = tables().eastAsian.Replace(s)
	}
	var b strings.Builder
	b.Grow(len(s) + 8)
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
			b.WriteByte(byte(r))
		case r == '’' || r == '‘' || r == 'ʼ' || unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			for _, c := range []byte(unidecode.Unidecode(string(r))) {
				if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
					b.WriteByte(c)
				}
			}
		default:
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func hasEastAsian(s string) bool {
	for _, r := range s {
		if eastAsian(r) {
			return true
		}
	}
	return false
}

func eastAsian(r rune) bool {
	return r >= 0x3040 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// spell names a text that has neither letter nor digit by its code points, so
// that no name is ever empty.
func spell(s string) string {
	var b strings.Builder
	for _, r := range s {
		if !unicode.IsSpace(r) {
			fmt.Fprintf(&b, "u%x", r)
		}
	}
	return b.String()
}
