package salesforce

import (
	"net/url"
	"strings"
)

// DefaultListBytes bounds one IN list, percent-encoded, so that a query with it
// fits the 16 KB that Salesforce takes as an address (recalled, unverified);
// about 290 ids.
const DefaultListBytes = 8000

// Quote writes s as a SOQL string literal. Whatever s holds, the literal ends
// where Quote ends it.
func Quote(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\'', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		case 0:
			b.WriteRune('\uFFFD') // Salesforce text cannot hold a NUL, and nothing may match it
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// QuoteLike is Quote for the text part of a LIKE pattern: % and _ stand for
// themselves. Put wildcards around it with the prefix and suffix.
func QuoteLike(prefix, s, suffix string) string {
	q := Quote(s)
	q = strings.NewReplacer("%", `\%`, "_", `\_`).Replace(q[1 : len(q)-1])
	return "'" + prefix + q + suffix + "'"
}

// InLists writes values, each once and in their order, as lists for IN, such as
// "('a','b')", none longer than maxBytes percent-encoded (DefaultListBytes if 0
// or less) unless a single value is. No values give no list: there is nothing
// to ask for.
func InLists(values []string, maxBytes int) []string {
	if maxBytes <= 0 {
		maxBytes = DefaultListBytes
	}
	seen := make(map[string]struct{}, len(values))
	var lists []string
	var b strings.Builder
	size := 0
	for _, v := range values {
		if _, dup := seen[v]; dup {
			continue
		}
		seen[v] = struct{}{}
		q := Quote(v)
		n := len(url.QueryEscape(q)) + 3
		if b.Len() > 0 && size+n > maxBytes {
			b.WriteByte(')')
			lists = append(lists, b.String())
			b.Reset()
		}
		if b.Len() == 0 {
			b.WriteByte('(')
			size = 6
		} else {
			b.WriteByte(',')
		}
		b.WriteString(q)
		size += n
	}
	if b.Len() > 0 {
		b.WriteByte(')')
		lists = append(lists, b.String())
	}
	return lists
}
