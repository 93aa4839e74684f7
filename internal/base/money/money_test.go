package money

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParseReadsWhatSalesforceSends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in, cur, want string
		bad           bool
	}{
		{in: "1234.5", cur: "EUR", want: "EUR 1234.50"},
		{in: "1.2E7", cur: "USD", want: "USD 12000000.00"},
		{in: "-0.005", cur: "USD", want: "USD -0.01"},
		{in: "0.004999", cur: "USD", want: "USD 0.00"},
		{in: "1000", cur: "jpy", want: "JPY 1000"},
		{in: "1.5", cur: "JPY", want: "JPY 2"},
		{in: "1", cur: "XXZ", bad: true},
		{in: "", cur: "EUR", bad: true},
		{in: "abc", cur: "EUR", bad: true},
		{in: "1/3", cur: "EUR", bad: true},
		{in: "0x10", cur: "EUR", bad: true},
		{in: "1E99999999", cur: "EUR", bad: true},
		{in: "1E30", cur: "EUR", bad: true},
	} {
		got, err := Parse(c.in, c.cur)
		if (err != nil) != c.bad {
			t.Errorf("Parse(%q, %q): error %v, want error %v", c.in, c.cur, err, c.bad)
			continue
		}
		if !c.bad && got.String() != c.want {
			t.Errorf("Parse(%q, %q) = %s, want %s", c.in, c.cur, got, c.want)
		}
	}
}

func TestDecimalIsReadBackExactly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := Amount{Minor: rapid.Int64().Draw(t, "minor"), Currency: rapid.SampledFrom([]string{"USD", "JPY", "KWD", "EUR"}).Draw(t, "currency")}
		b, err := Parse(a.Decimal(), a.Currency)
		if err != nil || a != b {
			t.Fatalf("%v was read back as %v (%v)", a, b, err)
		}
	})
}

func TestAddNeverWrapsAround(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		exact := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
		got, err := Amount{a, "USD"}.Add(Amount{b, "USD"})
		if exact.IsInt64() != (err == nil) {
			t.Fatalf("%d + %d: error %v", a, b, err)
		}
		if err == nil && got.Minor != exact.Int64() {
			t.Fatalf("%d + %d = %d", a, b, got.Minor)
		}
	})
	if _, err := (Amount{1, "USD"}).Add(Amount{1, "EUR"}); err == nil {
		t.Fatal("dollars and euros were added without a rate")
	}
}
