package salesforce

import (
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"testing/quick"
	"time"
	"unicode/utf8"
)

func TestID18MakesIDsComparable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"001000000000001":    "001000000000001AAA",
		"0013000000AbCdE":    "0013000000AbCdEAAV",
		"aBcDeFgHiJkLmNo":    "aBcDeFgHiJkLmNoKVK",
		"ZZZZZZZZZZZZZZZ":    "ZZZZZZZZZZZZZZZ555",
		"001000000000001AAA": "001000000000001AAA",
		"":                   "",
		"not an id at al":    "not an id at al",
	} {
		if got := ID18(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestDateTimesOfBothFormsAreRead(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:05Z", "2026-01-02T05:04:05.000+02:00", "2026-01-02T01:04:05-0200", "2026-01-02T03:04:05.000Z"} {
		if got, err := ParseDateTime(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "2026-01-02", "2026-13-02T03:04:05Z", "now"} {
		if _, err := ParseDateTime(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
	if got := FormatDateTime(want.In(time.FixedZone("", -3600))); got != "2026-01-02T03:04:05.000Z" {
		t.Error(got)
	}
	if got := FormatDate(want); got != "2026-01-02" {
		t.Error(got)
	}
}

func TestNumbersAreNeverInScientificNotation(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"12.50": "12.50", "0": "0", "-7": "-7", "1.39E8": "139000000", "1.0E7": "10000000", "1.23456789E2": "123.456789",
		"-1.5e-3": "-0.0015", "0E5": "0", "9.99e+2": "999", "12E-1": "1.2", "100E-2": "1", "1E999999999": "1E999999999", "1E99999999999999999999": "1E99999999999999999999",
	} {
		if got := plainNumber(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzPlainNumberKeepsTheValue(f *testing.F) {
	for _, s := range []string{"1.39E8", "-0.001e+4", "12.50", "1e-400", "0.00E1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 100 || !json.Valid([]byte(s)) || s[0] == '"' || s[0] == '{' || s[0] == '[' || strings.ContainsAny(s, "lsu \n\r\t") {
			return
		}
		got := plainNumber(s)
		if !json.Valid([]byte(got)) {
			t.Fatalf("%s became %s", s, got)
		}
		if got == s {
			return
		}
		a, ok1 := new(big.Rat).SetString(s)
		b, ok2 := new(big.Rat).SetString(got)
		if !ok1 || !ok2 || a.Cmp(b) != 0 || strings.ContainsAny(got, "eE") {
			t.Fatalf("%s became %s", s, got)
		}
	})
}

func TestQuoteEndsWhereItEnds(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                        `''`,
		"Acme":                    `'Acme'`,
		"O'Neil":                  `'O\'Neil'`,
		`\`:                       `'\\'`,
		`\' OR Name != '`:         `'\\\' OR Name != \''`,
		"a\nb\tc\rd\be\ff":        `'a\nb\tc\rd\be\ff'`,
		"Zürich – “x”":            `'Zürich – “x”'`,
		"a\x00b":                  "'a\uFFFDb'",
		"x' AND IsDeleted = true": `'x\' AND IsDeleted = true'`,
	} {
		if got := Quote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := QuoteLike("%", `50%_o'ff\`, ""); got != `'%50\%\_o\'ff\\'` {
		t.Error(got)
	}
}

// unquote reads a SOQL literal by the rules of its grammar, independent of Quote.
func unquote(t *testing.T, q string) string {
	t.Helper()
	if len(q) < 2 || q[0] != '\'' || q[len(q)-1] != '\'' {
		t.Fatalf("%q is no literal", q)
	}
	var b strings.Builder
	inner := q[1 : len(q)-1]
	for i := 0; i < len(inner); i++ {
		switch inner[i] {
		case '\'':
			t.Fatalf("%q ends early", q)
		case '\\':
			i++
			if i == len(inner) {
				t.Fatalf("%q escapes its own end", q)
			}
			e, ok := map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f', '\'': '\'', '\\': '\\'}[inner[i]]
			if !ok {
				t.Fatalf("%q has an unknown escape", q)
			}
			b.WriteByte(e)
		default:
			b.WriteByte(inner[i])
		}
	}
	return b.String()
}

func FuzzQuoteIsOneLiteralOfTheSameText(f *testing.F) {
	for _, s := range []string{"", "'", `\`, `\'`, `' OR '' = '`, "a\nb", "\xff", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := unquote(t, Quote(s))
		if want := strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"); utf8.ValidString(s) && got != want {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func TestInListsHoldEveryValueOnceWithinTheBound(t *testing.T) {
	t.Parallel()
	if got := InLists(nil, 0); got != nil {
		t.Errorf("%v", got)
	}
	if got := InLists([]string{"a", "b'", "a"}, 0); len(got) != 1 || got[0] != `('a','b\'')` {
		t.Errorf("%v", got)
	}
	holds := func(values []string, small uint8) bool {
		bound := int(small) + 20
		seen := map[string]bool{}
		for _, l := range InLists(values, bound) {
			n := strings.Count(l, "','") + 1
			if len(url.QueryEscape(l)) > bound && n > 1 {
				return false
			}
			seen[l] = true
		}
		return len(values) == 0 || len(seen) > 0
	}
	if err := quick.Check(holds, nil); err != nil {
		t.Error(err)
	}
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = ID18("00600000000" + string("0123456789"[i/1000%10]) + string("0123456789"[i/100%10]) + string("0123456789"[i/10%10]) + string("0123456789"[i%10]))
	}
	lists := InLists(ids, 0)
	n := 0
	for _, l := range lists {
		n += strings.Count(l, ",") + 1
	}
	if n != 1000 || len(lists) != 4 {
		t.Errorf("%d ids in %d lists", n, len(lists))
	}
}

// The index has to agree with encoding/json on what is a page and what is in it.
func FuzzPageAgreesWithEncodingJSON(f *testing.F) {
	f.Add(oneRow)
	f.Add(string(widePage(2)))
	f.Add(`{"totalSize":1,"done":true,"records":[]}`)
	f.Add(`{"totalSize":2,"done":false,"nextRecordsUrl":"\/x","records":[{"a":"\\","b":[{"c":"}"}]},{"":null}]}`)
	f.Add(` { "done" : true , "records" : [ { } , { "A" : 1e3 } ] } `)
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePage([]byte(s), 0, 0)
		if err != nil {
			return
		}
		var top map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s), &top); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if strings.Count(s, "records") > 1 || strings.Contains(s, `\u`) {
			return // a doubled or escaped key: the index takes another one
		}
		var want []map[string]json.RawMessage
		if err := json.Unmarshal(top["records"], &want); err != nil || len(want) != len(p.records) {
			t.Fatalf("%d records, encoding/json has %d (%v)", len(p.records), len(want), err)
		}
		for i := range p.records {
			r := p.record(i)
			var all map[string]json.RawMessage
			if err := json.Unmarshal(r.JSON(), &all); err != nil {
				t.Fatal(err)
			}
			c := r.Clone()
			for name, raw := range r.Each() {
				if !json.Valid(raw) {
					t.Fatalf("%s of record %d: %q", name, i, raw)
				}
				if _, ok := all[name]; !ok {
					t.Fatalf("record %d has no %q", i, name)
				}
				if got := c.String(name); got != r.String(name) {
					t.Fatalf("the clone says %q", got)
				}
				var text string
				if raw[0] == '"' && json.Unmarshal(raw, &text) == nil && !strings.Contains(name, ".") && strings.Count(strings.ToLower(s), strings.ToLower(name)) == 1 && !strings.ContainsAny(name, "\\\"") && r.String(name) != text {
					t.Fatalf("%q reads %q, encoding/json %q", name, r.String(name), text)
				}
			}
		}
	})
}
