package match

import "strings"

// Kind says what a word of a name is.
type Kind uint8

// The kinds of words.
const (
	KindWord     Kind = iota // part of the name proper
	KindGeneric              // a common word of company names: "group", "technology"
	KindForm                 // a legal form that stands within the name
	KindLink                 // "and", "of", "the"
	KindNumeral              // 2, II, 2nd: different ones are different companies
	KindRegion               // a country or region after the name: a relative
	KindDivision             // "partners", "holding", "capital": often a relative
)

// Word is one word of a name, in the one spelling that all its variants share:
// "hldgs" and "holdings" are "holding", "II" is "2", "United Kingdom" is "@gb".
type Word struct {
	Text string
	Kind Kind
}

// Name is what a company's name says.
type Name struct {
	// Base is the name as written, folded, without its legal forms: "acme
	// holdings". It is empty only when the name is blank.
	Base string
	// Words is Base in the spelling of comparison.
	Words []Word
	// Form is the legal form ("gmbh") and Class its kind across countries (LLC,
	// JSC, LP, GP, SP, COOP, SOE, NGO, FIN); "" when there is none or it is unknown.
	Form, Class string
}

// ParseName reads a company's name. The country, an ISO 3166-1 code or "", says
// which abbreviations are a legal form. Parsing the Base again changes nothing.
func ParseName(name, country string) Name {
	var p nameParser
	p.parse(name, country)
	return Name{Base: p.base, Words: p.words, Form: p.form.name, Class: p.form.class}
}

// nameParser holds the buffers of parsing, to be used again.
type nameParser struct {
	folded string
	cut    []span // the words of folded
	base   string
	form   legalForm
	words  []Word
	buf    []byte
}

type span struct{ from, to int }

func (p *nameParser) parse(name, country string) {
	p.buf = appendFold(p.buf[:0], name)
	p.folded = string(p.buf)
	if p.folded == "" {
		p.folded = spell(name)
	}
	p.form, p.words, p.cut, p.base = legalForm{}, p.words[:0], p.cut[:0], ""
	from := 0
	for i := range len(p.folded) {
		if p.folded[i] == ' ' {
			p.cut = append(p.cut, span{from, i})
			from = i + 1
		}
	}
	if from == len(p.folded) {
		return
	}
	p.cut = append(p.cut, span{from, len(p.folded)})
	p.strip(country)
	p.base = p.folded[p.cut[0].from:p.cut[len(p.cut)-1].to]
	p.classify()
}

// word gives the i-th word, text n words from the i-th on.
func (p *nameParser) word(i int) string    { return p.folded[p.cut[i].from:p.cut[i].to] }
func (p *nameParser) text(i, n int) string { return p.folded[p.cut[i].from:p.cut[i+n-1].to] }

// longestForm is how many words a legal form has at most.
const longestForm = 6

// strip takes legal forms and the residue of listings off both ends until nothing
// more can go, and never the last word.
func (p *nameParser) strip(country string) {
	for len(p.cut) > 1 && (p.stripEnd(country) || p.stripStart(country)) {
	}
}

func (p *nameParser) stripEnd(country string) bool {
	t, n := tables(), len(p.cut)
	for k := min(longestForm, n-1); k >= 1; k-- {
		f, ok := t.forms[p.text(n-k, k)]
		if ok && f.in(country) && p.named(n-k) {
			if p.form.name == "" || p.form.class == "" && f.class != "" {
				p.form = f
			}
			p.cut = p.cut[:n-k]
			return true
		}
	}
	switch last := p.word(n - 1); {
	case last == "and" || last == "the" || last == "on" || cutForm(last):
		p.cut = p.cut[:n-1]
		return true
	case isDigits(last):
		k := n - 1
		for k > 1 && isDigits(p.word(k-1)) {
			k--
		}
		if k > 1 && nominal[p.word(k-1)] {
			p.cut = p.cut[:k-1]
			return true
		}
	}
	return false
}

// named says whether the first n words say more than "the".
func (p *nameParser) named(n int) bool {
	for i := range n {
		if !links[p.word(i)] {
			return true
		}
	}
	return false
}

// nominal are the currency marks of the German exchanges before the nominal value
// of a share: "DL -,01".
var nominal = map[string]bool{"dl": true, "eo": true, "ls": true, "sf": true, "yn": true, "hd": true, "ad": true, "cd": true, "sd": true, "sk": true, "nk": true, "dk": true, "rc": true, "bo": true, "ik": true, "nd": true}

// cutForm says whether the last word of a name is a legal form that a narrow field cut.
func cutForm(w string) bool {
	if len(w) < 5 {
		return false
	}
	for _, f := range []string{"corporation", "incorporated", "limited", "company"} {
		if len(w) < len(f) && strings.HasPrefix(f, w) {
			return true
		}
	}
	return false
}

// stripStart takes off "the", forms of several words ("public joint stock
// company") and those that are written before the name in their countries.
func (p *nameParser) stripStart(country string) bool {
	t, n := tables(), len(p.cut)
	for k := min(longestForm, n-1); k >= 1; k-- {
		text := p.text(0, k)
		f, ok := t.forms[text]
		if ok && (k > 1 && f.in(country) || k == 1 && leading[text]) {
			if p.form.class == "" {
				p.form = f
			}
			p.cut = p.cut[k:]
			return true
		}
	}
	if w := p.word(0); w == "the" || w == "and" {
		p.cut = p.cut[1:]
		return true
	}
	return false
}

// leading are the forms of one word that stand before a name: Russian, Ukrainian
// and Indonesian ones, and those that East Asian scripts are resolved to.
var leading = map[string]bool{
	"ooo": true, "oao": true, "zao": true, "pao": true, "nao": true, "fgup": true, "tov": true, "pat": true, "prat": true, "pt": true, "too": true, "uab": true,
	"kk": true, "kabushikigaisha": true, "kabushikikaisha": true, "gk": true, "jsc": true, "pjsc": true, "ojsc": true, "cjsc": true, "llc": true, "jusikhoesa": true, "firma": true, "ltd": true, "coltd": true,
}

// classify brings the words to the spelling of comparison.
func (p *nameParser) classify() {
	t, n := tables(), len(p.cut)
	for i := 0; i < n; {
		w, k := Word{Text: p.word(i)}, 1
		if t.starts[w.Text] {
			for l := min(3, n-i); l > 1; l-- {
				text := p.text(i, l)
				if r, ok := t.regions[text]; ok {
					w, k = Word{r, KindRegion}, l
					break
				}
				if s, ok := t.words[text]; ok {
					w, k = Word{s, KindGeneric}, l
					break
				}
			}
		}
		if k == 1 {
			w = p.classifyOne(w.Text, i)
		}
		switch { // it is the name itself
		case w.Kind == KindRegion && i == 0: // "China Steel"
			w.Kind = KindGeneric
		case w.Kind == KindRegion && p.word(i-1) == "of": // "Bank of China"
			w.Kind = KindWord
		}
		p.words = append(p.words, w)
		i += k
	}
}

func (p *nameParser) classifyOne(text string, i int) Word {
	t := tables()
	if number := numeral(text, i > 0 && i == len(p.cut)-1); number != "" {
		return Word{number, KindNumeral}
	}
	if links[text] {
		return Word{text, KindLink}
	}
	if r, ok := t.regions[text]; ok {
		return Word{r, KindRegion}
	}
	if s, ok := t.words[text]; ok {
		if divisions()[s] && i > 0 {
			return Word{s, KindDivision}
		}
		return Word{s, KindGeneric}
	}
	if t.formWords[text] {
		return Word{text, KindForm}
	}
	return Word{text, KindWord}
}

var links = map[string]bool{"and": true, "of": true, "the": true, "de": true, "la": true, "le": true, "du": true, "des": true, "der": true, "die": true, "und": true, "et": true, "y": true, "e": true, "for": true, "in": true, "del": true, "von": true, "van": true}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// numeral gives the number that a word writes in digits, as an ordinal or in
// Roman letters, "" when it is none. A single letter is one only at the end.
func numeral(w string, last bool) string {
	if w[0] >= '0' && w[0] <= '9' {
		digits := strings.TrimRight(w, "stndrh")
		if isDigits(w) || len(w)-len(digits) == 2 && isDigits(digits) {
			if digits = strings.TrimLeft(digits, "0"); digits == "" {
				return "0"
			}
			return digits
		}
		return ""
	}
	if len(w) > 4 || len(w) == 1 && !last {
		return ""
	}
	return roman[w]
}

var roman = map[string]string{
	"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "x": "10",
	"xii": "12", "xiii": "13", "xiv": "14", "xv": "15", "xvi": "16", "xvii": "17", "xix": "19", "xx": "20",
}
