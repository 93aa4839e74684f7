package match

import "hash/fnv"

// token is a word with its text and how much it tells, in bits.
type token struct {
	text string
	kind Kind
	info float32
}

// entity is a record on its way to comparison. It is used again for the next one.
type entity struct {
	id                             string
	names                          [][]token
	bases                          []string
	form, class                    string
	country, state, city, postcode string
	domains, phones                []string
	shared                         []float32 // of each domain: how many companies carry it
	ids                            [numIDs]string
	parent                         string
	countryShare, cityShare        float32 // of the list: how many records are there
}

// The hard identifiers.
const (
	idDUNS = iota
	idLEI
	idRegistration
	idAWS
	idTenant
	numIDs
)

// reader turns records into entities.
type reader struct {
	parser nameParser
	e      entity
	memo   map[string]string // countries by their spelling
}

// read gives the entity of a record, valid until the next call.
func (rd *reader) read(r *Record) *entity {
	e := &rd.e
	e.id, e.parent = r.ID, r.ParentID
	e.country = rd.country(r.Country)
	e.state, e.city, e.postcode = Fold(r.State), Fold(r.City), Postcode(r.Postcode, e.country)
	e.domains, e.phones, e.bases = e.domains[:0], e.phones[:0], e.bases[:0]
	e.form, e.class = "", ""
	e.foreign()
	n := 0
	for _, s := range r.Names {
		rd.parser.parse(s, e.country)
		if rd.parser.base == "" {
			continue
		}
		if n == cap(e.names) {
			e.names = append(e.names[:n], nil)
		}
		e.names = e.names[:n+1]
		e.names[n] = e.names[n][:0]
		for _, w := range rd.parser.words {
			e.names[n] = append(e.names[n], token{text: w.Text, kind: w.Kind})
		}
		e.bases = append(e.bases, rd.parser.base)
		if e.form == "" {
			e.form, e.class = rd.parser.form.name, rd.parser.form.class
		}
		n++
	}
	e.names = e.names[:n]
	for _, s := range r.Websites {
		if d := Domain(s); d != "" && !SharedHost(d) {
			e.domains = append(e.domains, d)
		}
	}
	for _, s := range r.Phones {
		if p := Phone(s); p != "" {
			e.phones = append(e.phones, p)
		}
	}
	e.ids = [numIDs]string{DUNS(r.DUNS), LEI(r.LEI), Registration(r.Registration), AWSAccount(r.AWSAccount), Tenant(r.Tenant)}
	return e
}

// foreign forgets what another index knows of the entity's places and domains.
func (e *entity) foreign() { e.shared, e.countryShare, e.cityShare = e.shared[:0], 0, 0 }

func (rd *reader) country(s string) string {
	if c, ok := rd.memo[s]; ok {
		return c
	}
	c := Country(s)
	if rd.memo == nil || len(rd.memo) > 10_000 {
		rd.memo = map[string]string{}
	}
	rd.memo[s] = c
	return c
}

// contentHash names what a record says, without its ID: it picks samples and
// settles ties, so that results don't depend on the order of a list.
func contentHash(r *Record) uint64 {
	h := fnv.New64a()
	put := func(s string) { _, _ = h.Write(append([]byte(s), 0)) }
	for _, list := range [][]string{r.Names, r.Websites, r.Phones} {
		for _, s := range list {
			put(s)
		}
		put("")
	}
	for _, s := range []string{r.Country, r.State, r.City, r.Postcode, r.DUNS, r.LEI, r.Registration, r.AWSAccount, r.Tenant} {
		put(s)
	}
	return mix(h.Sum64())
}

// mix spreads the bits of a hash.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// The marks of the features under which a record is found.
const (
	featWord     = 'w' // a word of a name
	featPrefix   = '^' // the first four letters of one
	featStart    = '~' // the first six letters of the name without spaces
	featWhole    = '=' // the whole name without spaces, or the label of its domain
	featInitials = '!' // the initials of a name, or a short name that may be some
	featDomain   = '@'
	featPhone    = '#'
	featID       = '0' // and the following: the hard identifiers
)

// features calls f with each feature of an entity. The text is valid during the call.
func (e *entity) features(buf []byte, f func(text []byte)) []byte {
	emit := func(mark byte, parts ...string) {
		buf = append(buf[:0], mark)
		for _, p := range parts {
			buf = append(buf, p...)
		}
		f(buf)
	}
	for i, words := range e.names {
		if i > 0 && e.bases[i] == e.bases[0] {
			continue
		}
		var whole, initials [64]byte
		n, k := 0, 0
		for _, w := range words {
			if w.kind == KindLink || w.kind == KindForm && len(words) > 1 {
				continue
			}
			emit(featWord, w.text)
			if len(w.text) > 4 && w.kind == KindWord {
				emit(featPrefix, w.text[:4])
			}
			n += copy(whole[n:], w.text)
			if k < len(initials) {
				initials[k] = w.text[0]
				k++
			}
		}
		if n >= 5 {
			emit(featWhole, string(whole[:n]))
			emit(featStart, string(whole[:min(n, 6)]))
		}
		if k >= 3 {
			emit(featInitials, string(initials[:k]))
		} else if k == 1 && n >= 3 && n <= 6 {
			emit(featInitials, string(whole[:n]))
		}
	}
	for _, d := range e.domains {
		emit(featDomain, d)
		if l := label(d); len(l) >= 5 {
			emit(featWhole, l)
		}
	}
	for _, p := range e.phones {
		if len(p) >= 7 {
			emit(featPhone, p[len(p)-7:])
		}
	}
	for i, id := range e.ids {
		if id != "" {
			emit(featID+byte(i), id, e.scope(i))
		}
	}
	return buf
}

// scope is what a hard identifier holds within: the country, for the register's.
func (e *entity) scope(id int) string {
	if id == idRegistration {
		return "/" + e.country
	}
	return ""
}

// label gives the part of a domain that is the company's own word, without hyphens.
func label(domain string) string {
	for i := range len(domain) {
		if domain[i] == '.' {
			domain = domain[:i]
			break
		}
	}
	for i := range len(domain) {
		if domain[i] == '-' {
			return only(domain, func(c byte) bool { return c != '-' })
		}
	}
	return domain
}
