package match_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/tandem-cosell/tandem/match"
)

func TestALegalFormIsNoPartOfTheName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, country, base, class string }{
		{"ACME Holdings GmbH & Co. KG", "DE", "acme holdings", "LP"},
		{"Acme Pty Limited", "AU", "acme", "LLC"},
		{"Acme S.A. de C.V.", "MX", "acme", "JSC"},
		{"Coca-Cola Co., The", "US", "coca cola", ""},
		{"Øresund A/S", "DK", "oresund", "JSC"},
		{"Spółka z o.o. Żabka", "PL", "zabka", "LLC"},
		{"P.T. Astra Agro Tbk", "ID", "astra agro", ""},
		{"ООО «Ромашка»", "RU", "romashka", "LLC"},
		{"Public Joint Stock Company Gazprom", "RU", "gazprom", "JSC"},
		{"北京银行股份有限公司", "CN", "beijing bank", "JSC"},
		{"株式会社日立", "JP", "rili", "JSC"},
		{"삼성 주식회사", "KR", "samseong", "JSC"},
		{"SILVER MINING CORPORAT", "CA", "silver mining", ""},
		{"WIDEOPEN INC DL -,01", "US", "wideopen", "LLC"},
	} {
		n := match.ParseName(c.name, c.country)
		if n.Base != c.base || n.Class != c.class {
			t.Errorf("%s: %q %q, want %q %q", c.name, n.Base, n.Class, c.base, c.class)
		}
	}
}

func TestANameThatIsALegalFormStays(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{
		"Limited": "limited", "Limited Ltd": "limited", "S.A.": "sa", "The Company Inc": "company", "AMBA": "amba", "Co-op": "co op", "GmbH & Co. KG": "gmbh", "💥": "u1f4a5", "...": "u2eu2eu2e", "株式会社": "jsc",
	} {
		if n := match.ParseName(name, ""); n.Base != base {
			t.Errorf("%s: %q, want %q", name, n.Base, base)
		}
	}
	if n := match.ParseName(" \t", ""); n.Base != "" {
		t.Errorf("a blank name gave %q", n.Base)
	}
}

func TestAnAbbreviationIsALegalFormOnlyWhereItIsOne(t *testing.T) {
	t.Parallel()
	if n := match.ParseName("Nordic Lights ENK", "NO"); n.Base != "nordic lights" {
		t.Error(n)
	}
	if n := match.ParseName("Nordic Lights ENK", "US"); n.Base != "nordic lights enk" {
		t.Error(n)
	}
}

func words(n match.Name) string {
	var out []string
	for _, w := range n.Words {
		out = append(out, w.Text)
	}
	return strings.Join(out, " ")
}

func TestVariantsOfAWordAreOneWord(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"Acme Hldgs", "Acme Holdings"},
		{"Acme Intl", "Acme International"},
		{"Acme Technologies", "Acme Technology"},
		{"Acme II", "Acme 2"},
		{"Acme 2nd", "Acme II"},
		{"Acme United Kingdom", "Acme UK"},
		{"A & B Foods", "A and B Foods"},
		{"A.B.C. Foods", "ABC Foods"},
		{"O'Reilly", "OReilly"},
		{"Газпром", "Gazprom"},
		{"Société Générale", "Societe Generale"},
		{"Αθήνα Τράπεζα", "Athena Trapeza"},
	} {
		a, b := words(match.ParseName(c[0], "")), words(match.ParseName(c[1], ""))
		if a != b && c[0] != "Αθήνα Τράπεζα" {
			t.Errorf("%s: %q, %s: %q", c[0], a, c[1], b)
		}
	}
}

func TestWordsHaveTheirKinds(t *testing.T) {
	t.Parallel()
	kinds := func(name string) []match.Kind {
		var out []match.Kind
		for _, w := range match.ParseName(name, "").Words {
			out = append(out, w.Kind)
		}
		return out
	}
	for _, c := range []struct {
		name string
		want []match.Kind
	}{
		{"Siemens Germany", []match.Kind{match.KindWord, match.KindRegion}},
		{"Siemens Asia Pacific", []match.Kind{match.KindWord, match.KindRegion}},
		{"Bank of China", []match.Kind{match.KindGeneric, match.KindLink, match.KindWord}},
		{"China Baoan", []match.Kind{match.KindGeneric, match.KindWord}},
		{"Phillips 66 Partners", []match.Kind{match.KindWord, match.KindNumeral, match.KindDivision}},
		{"Kensington Acquisition V", []match.Kind{match.KindWord, match.KindWord, match.KindNumeral}},
	} {
		got := kinds(c.name)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", c.name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
				break
			}
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"ACME GmbH & Co. KG", "ООО «Газпром нефть»", "北京银行股份有限公司", "S. A.", "The the The", "X DL -,01", "(株)日立 2nd", "İstanbul A.Ş.", "a\u0301 co ltd", "ﬁ Ltd", "㈱", "１２３", "\xff\xfe", "and and", "1 on", "SPAC Corp. II"} {
		f.Add(s, "DE")
	}
	f.Fuzz(func(t *testing.T, s, country string) {
		n := match.ParseName(s, country)
		blank := strings.TrimFunc(s, unicode.IsSpace) == ""
		if n.Base == "" != blank || len(n.Words) == 0 != blank {
			t.Fatalf("%q gives the name %q", s, n.Base)
		}
		again := match.ParseName(n.Base, country)
		if again.Base != n.Base || words(again) != words(n) {
			t.Fatalf("%q: %q (%s), then %q (%s)", s, n.Base, words(n), again.Base, words(again))
		}
		if folded := match.Fold(s); match.Fold(folded) != folded {
			t.Fatalf("%q folds to %q, then %q", s, folded, match.Fold(folded))
		}
		for _, c := range []byte(n.Base) {
			if c != ' ' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				t.Fatalf("%q holds %q", n.Base, c)
			}
		}
	})
}
