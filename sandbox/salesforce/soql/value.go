package soql

import (
	"cmp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// class groups the field types that compare alike.
type class int

const (
	classText class = iota
	classID         // exact; 15- and 18-character forms are one
	classNumber
	classBool
	classDate
	classDateTime
)

func classOf(t Type) class {
	switch t {
	case TypeID, TypeReference:
		return classID
	case TypeInt, TypeDouble, TypeCurrency, TypePercent:
		return classNumber
	case TypeBoolean:
		return classBool
	case TypeDate:
		return classDate
	case TypeDateTime:
		return classDateTime
	}
	return classText
}

func toFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	}
	return 0, false
}

// lowerRune folds one character for comparison.
func lowerRune(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(r)
}

// compareFold orders text without regard to case.
func compareFold(a, b string) int {
	for a != "" && b != "" {
		var ra, rb rune
		na, nb := 1, 1
		if ra = rune(a[0]); ra >= utf8.RuneSelf {
			ra, na = utf8.DecodeRuneInString(a)
		}
		if rb = rune(b[0]); rb >= utf8.RuneSelf {
			rb, nb = utf8.DecodeRuneInString(b)
		}
		if ra != rb {
			if ra, rb = lowerRune(ra), lowerRune(rb); ra != rb {
				return cmp.Compare(ra, rb)
			}
		}
		a, b = a[na:], b[nb:]
	}
	return cmp.Compare(len(a), len(b))
}

// compareValues orders two values of one class; nulls are equal and first.
func compareValues(kind class, a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(btoi(a != nil), btoi(b != nil))
	}
	switch kind {
	case classNumber:
		x, _ := toFloat(a)
		y, _ := toFloat(b)
		return cmp.Compare(x, y)
	case classBool:
		x, _ := a.(bool)
		y, _ := b.(bool)
		return cmp.Compare(btoi(x), btoi(y))
	case classDateTime:
		x, _ := a.(time.Time)
		y, _ := b.(time.Time)
		return x.Compare(y)
	case classText:
		x, _ := a.(string)
		y, _ := b.(string)
		return compareFold(x, y)
	}
	x, _ := a.(string)
	y, _ := b.(string)
	return strings.Compare(x, y)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// The wildcards of a LIKE pattern, outside Unicode.
const (
	anyText rune = -1 // %
	anyOne  rune = -2 // _
)

// likeMatcher compiles LIKE; \% and \_ stand for themselves.
func likeMatcher(v Literal) func(any) bool {
	if v.Kind == LiteralNull {
		return func(x any) bool { return x == nil || x == "" }
	}
	var pattern []rune
	for raw := v.Raw; raw != ""; {
		switch {
		case raw[0] == '%':
			pattern, raw = append(pattern, anyText), raw[1:]
		case raw[0] == '_':
			pattern, raw = append(pattern, anyOne), raw[1:]
		case raw[0] == '\\' && len(raw) > 1:
			n := 2
			if (raw[1] == 'u' || raw[1] == 'U') && len(raw) >= 6 {
				n = 6
			}
			for _, r := range unquote(raw[:n]) {
				pattern = append(pattern, lowerRune(r))
			}
			raw = raw[n:]
		default:
			r, n := utf8.DecodeRuneInString(raw)
			pattern, raw = append(pattern, lowerRune(r)), raw[n:]
		}
	}
	return func(x any) bool {
		s, ok := x.(string)
		return ok && like(s, pattern)
	}
}

// like matches with one point of return: the last % seen.
func like(s string, pattern []rune) bool {
	i, p := 0, 0
	backS, backP := 0, -1
	for i < len(s) {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case p < len(pattern) && pattern[p] == anyText:
			p++
			backS, backP = i, p
		case p < len(pattern) && (pattern[p] == anyOne || pattern[p] == lowerRune(r)):
			i += n
			p++
		case backP >= 0:
			_, n = utf8.DecodeRuneInString(s[backS:])
			backS += n
			i, p = backS, backP
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == anyText {
		p++
	}
	return p == len(pattern)
}

// formatValue gives what FORMAT() shows in the locale en_US.
func formatValue(v any, typ Type, currency string, zone *time.Location) any {
	switch x := v.(type) {
	case time.Time:
		return x.In(zone).Format("1/2/2006, 3:04 PM")
	case string:
		if typ == TypeDate {
			if t, err := time.Parse(time.DateOnly, x); err == nil {
				return t.Format("1/2/2006")
			}
		}
		return x
	case bool:
		return strconv.FormatBool(x)
	}
	n, ok := toFloat(v)
	if !ok {
		return nil
	}
	switch typ {
	case TypeCurrency:
		return strings.TrimSpace(currency + " " + grouped(strconv.FormatFloat(n, 'f', 2, 64)))
	case TypePercent:
		return grouped(strconv.FormatFloat(n, 'f', -1, 64)) + "%"
	}
	return grouped(strconv.FormatFloat(n, 'f', -1, 64))
}

// grouped puts commas between thousands.
func grouped(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, fraction, hasFraction := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	return sign + whole
}
