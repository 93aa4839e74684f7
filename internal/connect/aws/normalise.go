package aws

import (
	"math/big"
	"net/url"
	"strings"
	"sync"
	"unicode"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/money"
)

// canon folds the spellings that AWS's two generations of lists, and CRMs, use
// for one value: "&" and "and", dashes of any width, blanks around slashes.
func canon(s string) string {
	s = strings.ToLower(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '‐', r == '‑', r == '‒', r == '–', r == '—', r == '−':
			return '-'
		case r == '’', r == '‘':
			return '\''
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
	s = strings.ReplaceAll(s, "&", " and ")
	for _, sign := range []string{"-", "/", ",", ":"} {
		parts := strings.Split(s, sign)
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		s = strings.Join(parts, sign)
	}
	return strings.Join(strings.Fields(s), " ")
}

// match finds the value of the list that s is another spelling of.
func match(list []string, s string) (string, bool) {
	key := canon(s)
	if key == "" {
		return "", false
	}
	for _, v := range list {
		if canon(v) == key {
			return v, true
		}
	}
	return "", false
}

// Canonical gives AWS's own spelling of s among the values of a list of the
// service model ("Stage", "Industry", "CompetitorName", …).
func Canonical(shape, s string) (string, bool) {
	found := awsselling.Model().Shapes[shape]
	if found == nil {
		return "", false
	}
	return match(found.Enum, s)
}

// Salesforce's standard industries that AWS names otherwise. Those with no single
// counterpart (Energy, Recreation, Environmental) are left to a person.
var industries = map[string]string{
	"apparel":                "Consumer Goods",
	"banking":                "Financial Services",
	"biotechnology":          "Life Sciences",
	"chemicals":              "Manufacturing",
	"communications":         "Telecommunications",
	"construction":           "Real Estate and Construction",
	"consulting":             "Professional Services",
	"electronics":            "Computers and Electronics",
	"engineering":            "Professional Services",
	"entertainment":          "Media and Entertainment",
	"finance":                "Financial Services",
	"food and beverage":      "Consumer Goods",
	"insurance":              "Financial Services",
	"machinery":              "Manufacturing",
	"media":                  "Media and Entertainment",
	"non profit":             "Non-Profit Organization",
	"nonprofit":              "Non-Profit Organization",
	"non-profit":             "Non-Profit Organization",
	"not for profit":         "Non-Profit Organization",
	"oil and gas":            "Energy - Oil and Gas",
	"public sector":          "Government",
	"real estate":            "Real Estate and Construction",
	"shipping":               "Transportation and Logistics",
	"software":               "Software and Internet",
	"technology":             "Software and Internet",
	"transportation":         "Transportation and Logistics",
	"utilities":              "Energy - Power and Utilities",
	"power and utilities":    "Energy - Power and Utilities",
	"wholesale":              "Wholesale and Distribution",
	"marketing":              "Marketing and Advertising",
	"advertising":            "Marketing and Advertising",
	"information technology": "Software and Internet",
}

// Industry gives AWS's industry for a CRM's word.
func Industry(s string) (string, bool) {
	if v, ok := Canonical("Industry", s); ok {
		return v, true
	}
	v, ok := industries[canon(s)]
	return v, ok
}

// ClosedLostReason gives AWS's reason for another spelling of it (AWS's own older
// list has en dashes where the API has hyphens).
func ClosedLostReason(s string) (string, bool) { return Canonical("ClosedLostReason", s) }

// CustomerUseCase gives AWS's use case for another spelling of it.
func CustomerUseCase(s string) (string, bool) { return match(awsselling.CustomerUseCases(), s) }

var stateCodes = map[string]string{
	"AL": "Alabama", "AK": "Alaska", "AS": "American Samoa", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado", "CT": "Connecticut",
	"DE": "Delaware", "DC": "Dist. of Columbia", "FM": "Federated States of Micronesia", "FL": "Florida", "GA": "Georgia", "GU": "Guam", "HI": "Hawaii",
	"ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky", "LA": "Louisiana", "ME": "Maine", "MH": "Marshall Islands",
	"MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska",
	"NV": "Nevada", "NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
	"MP": "Northern Mariana Islands", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PW": "Palau", "PA": "Pennsylvania", "PR": "Puerto Rico", "RI": "Rhode Island",
	"SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont", "VA": "Virginia", "VI": "Virgin Islands",
	"WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming", "AE": "APO/AE",
}

var stateNames = map[string]string{
	"district of columbia": "Dist. of Columbia", "washington dc": "Dist. of Columbia", "washington d.c.": "Dist. of Columbia", "washington,dc": "Dist. of Columbia",
	"washington,d.c.": "Dist. of Columbia", "u.s. virgin islands": "Virgin Islands", "us virgin islands": "Virgin Islands", "micronesia": "Federated States of Micronesia",
}

// USState gives AWS's name of a state of the United States for its postal code or
// another spelling: "CA" is California, "DC" is "Dist. of Columbia".
func USState(s string) (string, bool) {
	if v, ok := stateCodes[strings.ToUpper(strings.TrimSpace(s))]; ok {
		return v, true
	}
	if v, ok := match(awsselling.USStates(), s); ok {
		return v, true
	}
	v, ok := stateNames[canon(s)]
	return v, ok
}

var countryNames = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for _, c := range awsselling.Countries() {
		for _, name := range append([]string{c.Code, c.ISO3, c.Name}, c.Aliases...) {
			out[canon(name)] = c.Code
		}
	}
	return out
})

// Country gives the ISO alpha-2 code that AWS takes, for a code of two or three
// letters or an English name.
func Country(s string) (string, bool) {
	v, ok := countryNames()[canon(s)]
	return v, ok
}

// Countries of the North American Numbering Plan whose numbers have ten digits
// behind +1.
var northAmerican = map[string]bool{"US": true, "CA": true, "PR": true, "VI": true, "GU": true, "MP": true, "AS": true}

// Phone gives a phone number in E.164 (+14155550100) when only one reading is
// possible: it has a country code (+ or 00), or ten digits and a country of the
// North American plan. An extension is left out: E.164 has none.
func Phone(s, countryCode string) (string, bool) {
	lower := strings.ToLower(s)
	for _, mark := range []string{" ext", " x", ";ext", "#"} {
		if i := strings.Index(lower, mark); i > 0 {
			lower = lower[:i]
		}
	}
	lower = strings.TrimSpace(strings.ReplaceAll(lower, "(0)", ""))
	plus := strings.HasPrefix(lower, "+")
	var digits strings.Builder
	for _, r := range strings.TrimPrefix(lower, "+") {
		switch {
		case r >= '0' && r <= '9':
			digits.WriteRune(r)
		case strings.ContainsRune(" -.()/\u00a0‑–", r):
		default:
			return "", false
		}
	}
	number := digits.String()
	switch {
	case plus:
	case strings.HasPrefix(number, "00"):
		number = number[2:]
	case northAmerican[countryCode] && len(number) == 10 && number[0] >= '2':
		number = "1" + number
	case northAmerican[countryCode] && len(number) == 11 && number[0] == '1' && number[1] >= '2':
	default:
		return "", false
	}
	out := "+" + number
	// E.164 itself allows as few as two digits; no subscriber has under seven.
	if len(number) < 7 || !compiled(awsselling.Model().Shapes["PhoneNumber"].Pattern).Match(out) {
		return "", false
	}
	return out, true
}

// Website gives a full URL for a CRM's website field ("example.com" becomes
// "https://example.com"); what is no website, such as an e-mail address, is not.
func Website(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s, " \t\r\n@,;") {
		return "", false
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Port() == "0" {
		return "", false
	}
	u.Host = strings.ToLower(u.Host)
	host := strings.TrimSuffix(u.Hostname(), ".")
	dot := strings.LastIndexByte(host, '.')
	if dot <= 0 || len(host)-dot < 3 || strings.Contains(host, "..") || strings.Trim(host[dot+1:], "0123456789") == "" {
		return "", false
	}
	if u.Path == "/" && u.RawQuery == "" && u.Fragment == "" {
		u.Path = ""
	}
	out := u.String()
	return out, len(out) <= 255
}

// Email gives an e-mail address as AWS takes it: trimmed and in lower case.
func Email(s string) (string, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	return s, compiled(awsselling.Model().Shapes["Email"].Pattern).Match(s)
}

// AmountText gives a decimal number ("12000.5", "1.2E7") as AWS writes amounts:
// no exponent, at most two decimals (rounded half up), no sign. Negative numbers
// and what is no number are not.
func AmountText(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 64 || strings.Trim(s, "0123456789.eE+-") != "" {
		return "", false
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 4 {
		return "", false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok || r.Sign() < 0 {
		return "", false
	}
	out := r.FloatString(2)
	out = strings.TrimSuffix(out, ".00")
	return out, compiled(awsselling.Model().Shapes["MonetaryValueAmountString"].Pattern).Match(out)
}

// Amount gives an amount of money as AWS writes it; see AmountText.
func Amount(a money.Amount) (MonetaryValue, bool) {
	text, ok := AmountText(a.Decimal())
	if !ok || a.IsNone() {
		return MonetaryValue{}, false
	}
	return MonetaryValue{Amount: text, CurrencyCode: a.Currency}, true
}
