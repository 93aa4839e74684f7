package salesforce

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const idSuffix = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// IsID says whether s has the form of a record id: 15 or 18 letters and digits.
func IsID(s string) bool {
	if len(s) != 15 && len(s) != 18 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// ID18 gives the 18-character form of an id, which can be compared without
// regard to case; what is not a 15-character id comes back as it is.
func ID18(s string) string {
	if len(s) != 15 || !IsID(s) {
		return s
	}
	var out [18]byte
	copy(out[:], s)
	for block := range 3 {
		bits := 0
		for i := range 5 {
			if c := s[block*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		out[15+block] = idSuffix[bits]
	}
	return string(out[:])
}

// dateTimeForms are what Salesforce sends (the first) and takes.
var dateTimeForms = []string{"2006-01-02T15:04:05.999999999Z0700", time.RFC3339Nano}

// ParseDateTime reads "2026-01-02T03:04:05.000+0000" and RFC 3339; the result is
// in UTC.
func ParseDateTime(s string) (time.Time, error) {
	for _, form := range dateTimeForms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is no Salesforce date and time", strconv.Quote(s))
}

// FormatDateTime writes an instant as Salesforce takes it in a row and as a
// SOQL literal: UTC, cut to milliseconds.
func FormatDateTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// FormatDate writes t's day, in t's own zone, as YYYY-MM-DD.
func FormatDate(t time.Time) string { return t.Format("2006-01-02") }

// plainNumber writes a JSON number without an exponent: 1.39E8 is 139000000 and
// 1.5E-3 is 0.0015. An exponent beyond any Salesforce field stays as it is.
func plainNumber(s string) string {
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s
	}
	exp, err := strconv.Atoi(s[i+1:])
	if err != nil || exp > 400 || exp < -400 {
		return s
	}
	digits, sign := s[:i], ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	whole, frac, _ := strings.Cut(digits, ".")
	all := whole + frac
	point := len(whole) + exp
	switch {
	case point <= 0:
		all = strings.Repeat("0", 1-point) + all
		point = 1
	case point > len(all):
		all += strings.Repeat("0", point-len(all))
	}
	whole, frac = strings.TrimLeft(all[:point], "0"), strings.TrimRight(all[point:], "0")
	if whole == "" {
		whole = "0"
	}
	if frac == "" {
		return sign + whole
	}
	return sign + whole + "." + frac
}

// Fields are the values to write, by API name. Values are what encoding/json
// writes; beyond that a time.Time goes out as a Salesforce datetime and a float
// without an exponent. Give money as json.Number. Nil empties a field.
type Fields map[string]any

// encodable gives a copy of f with times and floats made fit, without the named
// fields.
func (f Fields) encodable(without ...string) (map[string]any, error) {
	out := make(map[string]any, len(f)+1)
next:
	for name, v := range f {
		for _, w := range without {
			if strings.EqualFold(name, w) {
				continue next
			}
		}
		switch x := v.(type) {
		case time.Time:
			v = FormatDateTime(x)
		case float32:
			v = rawNumber(strconv.FormatFloat(float64(x), 'f', -1, 32))
		case float64:
			v = rawNumber(strconv.FormatFloat(x, 'f', -1, 64))
		}
		if n, ok := v.(rawNumber); ok && !json.Valid([]byte(n)) { // NaN, Inf
			return nil, problem.Invalid(name, "not_a_number", "a number is needed, not "+string(n))
		}
		out[name] = v
	}
	return out, nil
}

type rawNumber string

// MarshalJSON writes the digits as they are.
func (n rawNumber) MarshalJSON() ([]byte, error) { return []byte(n), nil }
