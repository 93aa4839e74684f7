// Package money holds amounts of money exactly: an integer number of the
// currency's minor units and its ISO 4217 code. There is no floating point.
package money

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/bojanz/currency"
)

// Amount is a sum of money: Minor units (cents, yen) of Currency. The zero
// Amount means "no amount"; zero euros is {0, "EUR"}.
type Amount struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// IsNone reports whether there is no amount at all.
func (a Amount) IsNone() bool { return a.Currency == "" }

// Digits gives the number of decimals of the currency (2 for EUR, 0 for JPY),
// or an error when the code is not one of ISO 4217.
func Digits(code string) (int, error) {
	d, ok := currency.GetDigits(code)
	if !ok {
		return 0, fmt.Errorf("%q is not an ISO 4217 currency code", code)
	}
	return int(d), nil
}

// Parse reads a decimal number ("1234.5", "-3", "1.2E7") as an amount of the
// currency, rounding half away from zero to the minor unit. It refuses what is
// no number, what has no such currency and what does not fit 64 bits.
func Parse(decimal, code string) (Amount, error) {
	code = strings.ToUpper(strings.TrimSpace(code))
	digits, err := Digits(code)
	if err != nil {
		return Amount{}, err
	}
	s := strings.TrimSpace(decimal)
	if len(s) == 0 || len(s) > 64 || strings.ContainsAny(s, "/_xXbBoOpPiI") {
		return Amount{}, fmt.Errorf("%q is not a decimal number", decimal)
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 4 {
		return Amount{}, fmt.Errorf("%q is too large to be an amount", decimal)
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return Amount{}, fmt.Errorf("%q is not a decimal number", decimal)
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)))
	minor, ok := round(r)
	if !ok {
		return Amount{}, fmt.Errorf("%q %s is too large to be an amount", decimal, code)
	}
	return Amount{Minor: minor, Currency: code}, nil
}

// round gives r rounded half away from zero, if it fits.
func round(r *big.Rat) (int64, bool) {
	num, den := new(big.Int).Abs(r.Num()), r.Denom()
	q, m := new(big.Int).QuoRem(num, den, new(big.Int))
	if m.Lsh(m, 1).Cmp(den) >= 0 {
		q.Add(q, big.NewInt(1))
	}
	if r.Sign() < 0 {
		q.Neg(q)
	}
	return q.Int64(), q.IsInt64()
}

// Decimal writes the number without exponent or grouping and with the
// currency's decimals: "1234.50".
func (a Amount) Decimal() string {
	digits, err := Digits(a.Currency)
	if err != nil {
		digits = 2
	}
	neg, u := a.Minor < 0, uint64(a.Minor)
	if neg {
		u = -u
	}
	s := fmt.Sprintf("%0*d", digits+1, u)
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	if neg {
		s = "-" + s
	}
	return s
}

// String writes the amount for logs and programs: "EUR 1234.50", "" for none.
func (a Amount) String() string {
	if a.IsNone() {
		return ""
	}
	return a.Currency + " " + a.Decimal()
}

// Format writes the amount for a reader of the locale ("en", "de-DE", …) with
// the currency's code or symbol: "$1,234.50", "1.234,50 €".
func (a Amount) Format(locale string) string {
	if a.IsNone() {
		return ""
	}
	c, err := currency.NewAmount(a.Decimal(), a.Currency)
	if err != nil {
		return a.String()
	}
	return currency.NewFormatter(currency.NewLocale(locale)).Format(c)
}

// Add gives a+b; amounts of two currencies cannot be added.
func (a Amount) Add(b Amount) (Amount, error) {
	switch {
	case a.IsNone():
		return b, nil
	case b.IsNone():
		return a, nil
	case a.Currency != b.Currency:
		return Amount{}, fmt.Errorf("cannot add %s to %s without a rate", b.Currency, a.Currency)
	}
	sum := a.Minor + b.Minor
	if (sum > a.Minor) != (b.Minor > 0) && b.Minor != 0 {
		return Amount{}, fmt.Errorf("the sum of %s and %s is too large", a, b)
	}
	return Amount{Minor: sum, Currency: a.Currency}, nil
}
