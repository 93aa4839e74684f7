package match

// A field is one kind of evidence. What two records say of it is brought to one of
// a few levels, and a model knows how much each level tells.
type field uint8

const (
	fieldName field = iota
	fieldNumeral
	fieldQualifier
	fieldForm
	fieldDomain
	fieldPlace
	fieldPhone
	fieldDUNS
	fieldLEI
	fieldRegistration
	fieldAWS
	fieldTenant
	numFields
)

var fieldNames = [numFields]string{
	"name", "numeral", "qualifier", "legal form", "domain", "place", "phone", "DUNS", "LEI", "registration number", "AWS account", "tenant",
}

// String gives the field's name.
func (f field) String() string { return fieldNames[f] }

type level uint8

// Level 0 is always "nothing to compare" and tells nothing.
const missing level = 0

// The levels of plain fields.
const (
	levelDiffer level = iota + 1
	levelEqual
)

// The levels of numerals: none on either side, equal, on one side, different.
const (
	numeralEqual level = iota + 1
	numeralOneSided
	numeralDiffer
)

// The levels of qualifiers: what only one name says.
const (
	qualifierHome     level = iota + 1 // the country the other record is in
	qualifierRegion                    // another region
	qualifierHolding                   // "holding", which people drop
	qualifierDivision                  // "partners", "capital"
	qualifierDiffer                    // each something else
)

// The levels of places: country, state, town and postcode are one piece of
// evidence, since each follows from the next.
const (
	placeCountryDiffer level = iota + 1
	placeStateDiffer
	placeCityDiffer
	placeCountryCommon // the same country, where a tenth of the list or more is; nothing finer is known of both
	placeCountry
	placeState
	placeCityNear
	placeCityCommon // the same town, where a fiftieth of the list or more is
	placeCity
	placeCityRare // one in five thousand
	placePostcode
)

// The levels of legal forms.
const (
	formDiffer level = iota + 1 // another kind of company
	formClass                   // the same kind
	formEqual
)

// The levels of domains.
const (
	domainDiffer  level = iota + 1
	domainNamed         // only one has a domain, and it is the other's name
	domainRelated       // acme.com and acme.de
	domainMany          // equal, but many companies carry it
	domainFew
	domainEqual
)

// The levels of names: a grid of the two shares, with groups of its own for equal
// names and for one cut short, each by how much information is shared.
const (
	shareSteps = 6
	nameGroups = shareSteps*(shareSteps+1)/2 + 2
	groupCut   = nameGroups - 2
	groupSame  = nameGroups - 1
	bitSteps   = 6
	numLevels  = nameGroups*bitSteps + 1
)

// vector is the levels of two records in all fields.
type vector [numFields]level

func stepOf(share float32) int {
	switch {
	case share < 0.25:
		return 0
	case share < 0.45:
		return 1
	case share < 0.65:
		return 2
	case share < 0.82:
		return 3
	case share < 0.95:
		return 4
	}
	return 5
}

func bitStep(bits float32) int {
	switch {
	case bits < 7:
		return 0
	case bits < 10:
		return 1
	case bits < 14:
		return 2
	case bits < 19:
		return 3
	case bits < 26:
		return 4
	}
	return 5
}

// nameLevel is symmetric in the two names.
func nameLevel(l *likeness) level {
	group := groupSame
	if !l.exact {
		lo, hi := stepOf(min(l.left, l.right)), stepOf(max(l.left, l.right))
		group = hi*(hi+1)/2 + lo
		if l.cut {
			group = groupCut
		}
	}
	return level(1 + group*bitSteps + bitStep(l.bits))
}

// comparer compares entities.
type comparer struct{ al aligner }

func (c *comparer) compare(a, b *entity) (v vector) {
	l := c.names(a, b, &v)
	v[fieldNumeral] = c.numerals(l)
	v[fieldForm] = forms(a, b)
	v[fieldDomain] = domains(a, b)
	v[fieldPlace] = places(a, b)
	v[fieldPhone] = phones(a.phones, b.phones)
	for i := range numIDs {
		if i == idRegistration && a.country != b.country {
			continue // each country has a register of its own
		}
		v[fieldDUNS+field(i)] = plain(a.ids[i], b.ids[i])
	}
	return v
}

// names compares each name of one with each of the other and keeps the best.
func (c *comparer) names(a, b *entity, v *vector) (best likeness) {
	first := true
	for i := range a.names {
		for j := range b.names {
			l := c.al.compare(a.names[i], b.names[j])
			l.cut = isCut(a.bases[i], b.bases[j])
			if first || min(l.left, l.right) > min(best.left, best.right) || min(l.left, l.right) == min(best.left, best.right) && l.bits > best.bits {
				best, first = l, false
			}
		}
	}
	if !first {
		v[fieldName] = nameLevel(&best)
		v[fieldQualifier] = qualifiers(&best, a, b)
	}
	return best
}

func (c *comparer) numerals(l likeness) level {
	a, b := l.unmatched[0].numerals, l.unmatched[1].numerals
	switch {
	case a > 0 && b > 0:
		return numeralDiffer
	case a > 0 || b > 0:
		return numeralOneSided
	case l.numerals:
		return numeralEqual
	}
	return missing
}

func qualifiers(l *likeness, a, b *entity) level {
	x, y := l.unmatched[0], l.unmatched[1]
	switch {
	case x.regions+x.divisions > 0 && y.regions+y.divisions > 0:
		return qualifierDiffer
	case x.divisions+y.divisions > 0:
		if x.divisions+y.divisions == 1 && l.holding {
			return qualifierHolding
		}
		return qualifierDivision
	case x.regions+y.regions > 0:
		if a.country != "" && a.country == b.country && l.region == regionOf(a.country) {
			return qualifierHome
		}
		return qualifierRegion
	}
	return missing
}

func regionOf(country string) string { return tables().regionOf[country] }

func forms(a, b *entity) level {
	switch {
	case a.form == "" || b.form == "":
		return missing
	case a.form == b.form:
		return formEqual
	case a.class == "" || b.class == "" || vague[a.form] || vague[b.form]:
		return missing
	case a.class == b.class:
		return formClass
	}
	return formDiffer
}

// vague are the forms that English gives to companies of any kind: a 股份有限公司
// calls itself "Co., Ltd.".
var vague = map[string]bool{"inc": true, "corp": true, "co": true, "coltd": true, "ltd": true, "company": true, "corporation": true, "limited": true}

func domains(a, b *entity) level {
	if len(a.domains) == 0 || len(b.domains) == 0 {
		if named(a, b) || named(b, a) {
			return domainNamed
		}
		return missing
	}
	best := domainDiffer
	for i, x := range a.domains {
		for j, y := range b.domains {
			switch {
			case x == y:
				best = max(best, rarity(a.shared, i), rarity(b.shared, j))
			case label(x) == label(y):
				best = max(best, domainRelated)
			}
		}
	}
	return best
}

// rarity gives the level of an equal domain by how many companies carry it. One
// side, the query's, doesn't know.
func rarity(shared []float32, i int) level {
	switch {
	case i >= len(shared):
		return missing
	case shared[i] <= 1:
		return domainEqual
	case shared[i] <= 4:
		return domainFew
	}
	return domainMany
}

// named says whether the domain of one is the name of the other, which has none.
func named(a, b *entity) bool {
	if len(a.domains) == 0 || len(b.domains) > 0 {
		return false
	}
	for _, d := range a.domains {
		l := label(d)
		if len(l) < 5 {
			continue
		}
		for _, base := range b.bases {
			if sameLetters(l, base) {
				return true
			}
		}
	}
	return false
}

// sameLetters compares a word with a text whose spaces don't count.
func sameLetters(word, text string) bool {
	k := 0
	for i := range len(text) {
		if text[i] == ' ' {
			continue
		}
		if k == len(word) || word[k] != text[i] {
			return false
		}
		k++
	}
	return k == len(word)
}

func plain(a, b string) level {
	switch {
	case a == "" || b == "":
		return missing
	case a == b:
		return levelEqual
	}
	return levelDiffer
}

// places compares where two companies are.
func places(a, b *entity) level {
	if a.country != "" && b.country != "" && a.country != b.country {
		return placeCountryDiffer
	}
	if a.postcode != "" && a.postcode == b.postcode {
		return placePostcode
	}
	if a.city != "" && b.city != "" {
		switch {
		case a.city == b.city:
			return byShare(max(a.cityShare, b.cityShare), 1.0/50, 1.0/5000, placeCityCommon)
		case likeCity(a.city, b.city) || likeCity(b.city, a.city):
			return placeCityNear
		}
		return placeCityDiffer
	}
	if a.state != "" && b.state != "" && (len(a.state) <= 3) == (len(b.state) <= 3) { // a code and a name are not compared
		if a.state == b.state {
			return placeState
		}
		return placeStateDiffer
	}
	if a.country == "" || b.country == "" {
		return missing
	}
	return byShare(max(a.countryShare, b.countryShare), 1.0/10, 0, placeCountryCommon)
}

// byShare gives the common level for what a large part of the list has, the next
// for less, the one after for little.
func byShare(share, large, small float32, common level) level {
	switch {
	case share >= large:
		return common
	case share >= small:
		return common + 1
	}
	return common + 2
}

// likeCity allows for one name within the other ("frankfurt", "frankfurt am main")
// and for a typing error.
func likeCity(a, b string) bool {
	if len(a) < 4 || len(b) < len(a) {
		return false
	}
	for i := 0; i+len(a) <= len(b); i++ {
		if b[i:i+len(a)] == a && (i == 0 || b[i-1] == ' ') {
			return true
		}
	}
	return editLikeness(a, b) > 0
}

func phones(a, b []string) level {
	if len(a) == 0 || len(b) == 0 {
		return missing
	}
	for _, x := range a {
		for _, y := range b {
			if samePhone(x, y) {
				return levelEqual
			}
		}
	}
	return levelDiffer
}
