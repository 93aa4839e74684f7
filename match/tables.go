package match

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// The tables are made by internal/gen; NOTICE says from what.
var (
	//go:embed tables/forms.tsv
	formsTable string
	//go:embed tables/words.tsv
	wordsTable string
	//go:embed tables/countries.tsv
	countriesTable string
)

// legalForm is one spelling of a legal form.
type legalForm struct {
	name, class string
	countries   string // "DE,AT"; "" everywhere
}

// in says whether the spelling is a legal form in a country. A spelling that only
// some countries use is none where the country is unknown.
func (f legalForm) in(country string) bool {
	return f.countries == "" || country != "" && strings.Contains(f.countries, country)
}

type tableSet struct {
	forms     map[string]legalForm
	formWords map[string]bool   // single words that are a legal form, or within one
	words     map[string]string // folded spelling of a common word, of 1 to 3 words → the word
	starts    map[string]bool   // first words of the spellings of more than one word
	countries map[string]string // folded name → ISO code
	regions   map[string]string // folded name of a country or larger region → the one word for it
	regionOf  map[string]string // ISO code → the word for the country
	eastAsian *strings.Replacer
}

var tables = sync.OnceValue(func() *tableSet {
	t := &tableSet{
		forms: map[string]legalForm{}, formWords: map[string]bool{}, words: map[string]string{}, starts: map[string]bool{},
		countries: map[string]string{}, regions: map[string]string{}, regionOf: map[string]string{},
	}
	east := map[string]string{}
	eachLine(formsTable, func(c []string) {
		if !isASCII(c[0]) {
			east[c[0]] = c[1]
			return
		}
		t.forms[c[0]] = legalForm{name: c[1], class: c[2], countries: c[3]}
		if !strings.Contains(c[0], " ") && c[3] == "" {
			t.formWords[c[0]] = true
		}
	})
	for _, f := range moreForms {
		if known, ok := t.forms[f]; !ok || known.countries != "" {
			t.forms[f] = legalForm{name: f}
		}
		if !strings.Contains(f, " ") {
			t.formWords[f] = true
		}
	}
	eachLine(wordsTable, func(c []string) {
		if !isASCII(c[0]) {
			if _, ok := east[c[0]]; !ok {
				east[c[0]] = c[1]
			}
			return
		}
		t.words[c[0]] = c[1]
		if first, _, more := strings.Cut(c[0], " "); more {
			t.starts[first] = true
		}
	})
	for alias, w := range moreWords {
		if known, ok := t.words[w]; ok {
			w = known
		}
		t.words[alias] = w
	}
	eachLine(countriesTable, func(c []string) {
		t.countries[c[0]] = c[1]
		if len(c[0]) > 3 {
			t.addRegion(c[0], strings.ToLower(c[1]))
			t.regionOf[c[1]] = "@" + strings.ToLower(c[1])
		}
	})
	for alias, w := range regionNames {
		t.addRegion(alias, w)
	}
	spellings := make([]string, 0, len(east))
	for s := range east {
		spellings = append(spellings, s)
	}
	slices.SortFunc(spellings, func(a, b string) int { // longest first
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, s := range spellings {
		pairs = append(pairs, s, " "+east[s]+" ")
	}
	t.eastAsian = strings.NewReplacer(pairs...)
	return t
})

func (t *tableSet) addRegion(name, word string) {
	word = "@" + word
	t.regions[name] = word
	t.regions[word] = word
	if first, _, more := strings.Cut(name, " "); more {
		t.starts[first] = true
	}
}

func eachLine(table string, f func(columns []string)) {
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "#") {
			f(strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
		}
	}
}

// moreForms are endings that say something of the shares or the registration and
// nothing of the company: the words of listings of securities, and "publ".
var moreForms = []string{
	"publ", "plc", "inc", "ltd", "llc", "lp", "corp", "co", "company", "corporation", "incorporated", "limited", "tbk", "bhd", "berhad", "pcl", "kk", "kabushiki kaisha", "kabushiki gaisha", "godo kaisha", "yugen kaisha", "pt",
	"adr", "gdr", "bdr", "cdr", "ads", "drn", "unsp", "spons", "sponsored", "unsponsored", "ord", "shs", "sh", "regd", "inh", "wts", "warrants", "units", "pfd", "fpo", "cdi",
	"common stock", "ordinary shares", "registered shares", "class a", "class b", "cl a", "cl b", "depositary shares",
}

// moreWords are common abbreviations of company names that the symbol table lacks.
var moreWords = map[string]string{
	"hldgs": "holding", "hldg": "holding", "hlds": "holding", "tech": "technology", "technologies": "technology", "techs": "technology",
	"inds": "industry", "ind": "industry", "indus": "industry", "pharma": "pharmaceutical", "pharmaceuticals": "pharmaceutical", "pharm": "pharmaceutical",
	"fin": "financial", "finl": "financial", "svcs": "service", "svc": "service", "mfg": "manufacturing", "mgmt": "management", "intl": "international",
	"int": "international", "natl": "national", "sys": "system", "comm": "communication", "communications": "communication",
	"res": "resource", "resources": "resource", "mng": "mining", "mines": "mining", "dev": "development", "devel": "development", "elec": "electric",
	"engr": "engineering", "engrg": "engineering", "grp": "group", "prods": "product", "pptys": "property", "props": "property", "partners": "partner", "invts": "investment",
	"labs": "laboratory", "lab": "laboratory", "amer": "american", "ent": "enterprise", "ents": "enterprise", "bancorporation": "bancorp", "bancshares": "bancshare",
}

// regionNames are larger regions by which companies divide themselves.
var regionNames = map[string]string{
	"asia": "asia", "asia pacific": "apac", "apac": "apac", "pacific": "pacific", "europe": "europe", "emea": "emea", "mena": "mena", "middle east": "middleeast",
	"latam": "latam", "latin america": "latam", "north america": "northamerica", "south america": "southamerica", "americas": "americas", "africa": "africa",
	"benelux": "benelux", "nordic": "nordic", "nordics": "nordic", "dach": "dach", "iberia": "iberia", "uk": "gb", "usa": "us", "us": "us", "uae": "ae", "prc": "cn",
	"anz": "anz", "asean": "asean", "eurasia": "eurasia", "worldwide": "global", "global": "global",
}

// divisions are the common words by which a company of a group differs from its
// relatives: Phillips 66 Partners is not Phillips 66.
var divisions = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, w := range []string{
		"holdings", "partners", "capital", "ventures", "venture", "fund", "trust", "foundation", "finance", "financial", "services", "leasing", "investment", "investments",
		"properties", "property", "realty", "bank", "insurance", "logistics", "royalty", "bancorp", "reit", "trading", "branch", "associates", "subsidiary",
	} {
		if c, ok := tables().words[w]; ok {
			w = c
		}
		out[w] = true
	}
	return out
})
