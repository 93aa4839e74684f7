package match

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Index holds one list, of up to some tens of millions of records, in compact form
// and finds in it the few that a record of the other list may be. It is built by a
// Builder; lookups are safe for concurrent use, each with its own searcher.
type Index struct {
	words    *dict
	rows     []row
	marks    []mark   // of the rows: what picking candidates needs, close together
	pool     []uint32 // what rows point into
	bases    []byte
	ids      []byte
	starts   []uint32 // of the postings of each feature
	postings []uint32
	features *dict
	info     []float32 // of each word, in bits
	carriers []uint32  // of each domain: how many names carry it
	places   []string  // the countries, in the order of their names
	firsts   []uint32  // of each of them, the first row at the start; then the number of rows
	located  []uint32  // of each of them, how many records are there
	cities   []uint32  // of each word, how many records are in the town of that name
	most     float32   // information of a word that the list lacks
	live     live      // what changed since it was built
}

// row is a record; its texts are ids of words.
type row struct {
	hash                            uint64
	pool, base, id                  uint32
	country, state, city, postcode  uint32
	form                            uint32
	names, domains, phones, hardIDs uint8
}

type mark struct {
	norm    float32
	country uint32
}

// A word in the pool keeps its kind in the upper bits.
const (
	kindShift = 29
	wordMask  = 1<<kindShift - 1
)

// Builder collects the records of an index.
type Builder struct {
	ix    *Index
	rd    reader
	buf   []byte
	pairs []posting
}

type posting struct{ feature, row uint32 }

// NewBuilder starts an index.
func NewBuilder() *Builder {
	return &Builder{ix: &Index{words: newDict(), features: newDict()}}
}

// Add takes a record in. A record without a name is taken too: it can be found by
// its identifiers.
func (b *Builder) Add(r *Record) {
	b.add(b.rd.read(r), mix(contentHash(r)))
}

func (b *Builder) add(e *entity, hash uint64) {
	ix := b.ix
	n := uint32(len(ix.rows))
	w := row{
		hash: hash, pool: uint32(len(ix.pool)), base: uint32(len(ix.bases)), id: uint32(len(ix.ids)),
		country: ix.put(e.country), state: ix.put(e.state), city: ix.put(e.city), postcode: ix.put(e.postcode), form: ix.put(e.form + "/" + e.class),
		names: uint8(min(len(e.names), 8)), domains: uint8(min(len(e.domains), 8)), phones: uint8(min(len(e.phones), 8)),
	}
	for i, words := range e.names[:w.names] {
		words = words[:min(len(words), maxWords)]
		ix.pool = append(ix.pool, uint32(len(words)))
		for _, t := range words {
			ix.pool = append(ix.pool, ix.put(t.text)|uint32(t.kind)<<kindShift)
		}
		ix.bases = append(append(ix.bases, e.bases[i]...), 0)
	}
	for _, d := range e.domains[:w.domains] {
		ix.pool = append(ix.pool, ix.put(d))
	}
	for _, p := range e.phones[:w.phones] {
		ix.pool = append(ix.pool, ix.put(p))
	}
	for i, id := range e.ids {
		if id != "" {
			w.hardIDs |= 1 << i
			ix.pool = append(ix.pool, ix.put(id))
		}
	}
	ix.ids = append(append(ix.ids, e.id...), 0)
	ix.rows = append(ix.rows, w)
	b.buf = e.features(b.buf, func(text []byte) {
		b.pairs = append(b.pairs, posting{ix.features.add(text), n})
	})
}

func (ix *Index) put(s string) uint32 {
	if s == "" || s == "/" {
		return 0
	}
	return ix.words.add([]byte(s))
}

// Build ends the collection. The index doesn't depend on the order of the records.
func (b *Builder) Build() *Index {
	ix := b.ix
	n := len(ix.rows)
	order := make([]uint32, n) // of the rows: their place when added
	for i := range order {
		order[i] = uint32(i)
	}
	ix.rankCountries()
	slices.SortFunc(order, func(x, y uint32) int { // by country: what is compared lies together
		if c := cmp.Compare(ix.rows[x].country, ix.rows[y].country); c != 0 {
			return c
		}
		if c := cmp.Compare(ix.rows[x].hash, ix.rows[y].hash); c != 0 {
			return c
		}
		return cmp.Compare(cString(ix.ids, ix.rows[x].id), cString(ix.ids, ix.rows[y].id))
	})
	place, rows := make([]uint32, n), make([]row, n)
	for to, from := range order {
		rows[to], place[from] = ix.rows[from], uint32(to)
	}
	ix.rows = rows
	ix.firsts = make([]uint32, 1, len(ix.located)+1)
	for _, n := range ix.located {
		ix.firsts = append(ix.firsts, ix.firsts[len(ix.firsts)-1]+n)
	}
	ix.starts = make([]uint32, ix.features.len()+1)
	for i, p := range b.pairs {
		b.pairs[i].row = place[p.row]
		ix.starts[p.feature+1]++
	}
	for f := 1; f < len(ix.starts); f++ {
		ix.starts[f] += ix.starts[f-1]
	}
	next := slices.Clone(ix.starts)
	ix.postings = make([]uint32, len(b.pairs))
	for _, p := range b.pairs {
		ix.postings[next[p.feature]] = p.row
		next[p.feature]++
	}
	b.pairs = nil
	for f := 1; f+1 < len(ix.starts); f++ {
		slices.Sort(ix.list(uint32(f))) // by country too, as the rows are
	}
	ix.weigh()
	return ix
}

// rankCountries numbers the countries of the rows by their names.
func (ix *Index) rankCountries() {
	rank := map[uint32]uint32{}
	for i := range ix.rows {
		rank[ix.rows[i].country] = 0
	}
	ids := slices.SortedFunc(maps.Keys(rank), func(a, b uint32) int { return cmp.Compare(ix.text(a), ix.text(b)) })
	for i, id := range ids {
		rank[id] = uint32(i)
		ix.places = append(ix.places, ix.text(id))
	}
	ix.located, ix.cities = make([]uint32, len(ix.places)), make([]uint32, ix.words.len())
	for i := range ix.rows {
		ix.rows[i].country = rank[ix.rows[i].country]
		ix.located[ix.rows[i].country]++
		ix.cities[ix.rows[i].city]++
	}
}

// splitAt is how many rows a feature must have to be looked up by country.
const splitAt = 300

// list gives the rows of a feature, as far as they were there at the start.
func (ix *Index) list(f uint32) []uint32 {
	if int(f)+1 >= len(ix.starts) {
		return nil
	}
	return ix.postings[ix.starts[f]:ix.starts[f+1]]
}

func (ix *Index) weigh() {
	n := max(len(ix.rows), leastList)
	ix.most = float32(math.Log2(float64(n) + 1))
	ix.info = make([]float32, ix.words.len())
	ix.carriers = make([]uint32, ix.words.len())
	var buf []byte
	for id := uint32(1); id < uint32(ix.words.len()); id++ {
		buf = append(append(buf[:0], featWord), ix.words.at(id)...)
		ix.info[id] = ix.most
		if f, _ := ix.features.find(buf); f != 0 {
			ix.info[id] = ix.infoOf(len(ix.list(f)))
		}
		buf[0] = featDomain
		if f, _ := ix.features.find(buf); f != 0 {
			ix.carriers[id] = uint32(ix.names(f))
		}
	}
	ix.marks = make([]mark, len(ix.rows))
	for i := range ix.rows {
		ix.marks[i] = mark{ix.normOf(uint32(i)), ix.rows[i].country}
	}
}

// leastList is how many records a list counts for at least when the rarity of its
// words is judged: in a list of fifty every word is rare.
const leastList = 5_000

func (ix *Index) infoOf(df int) float32 {
	return float32(math.Log2(float64(max(len(ix.rows), leastList)+1) / (float64(df) + 0.5)))
}

// names counts the different names among the rows of a feature, up to 64.
func (ix *Index) names(f uint32) int {
	list := ix.list(f)
	if len(list) > 64 {
		return len(list)
	}
	n := 0
	for i, r := range list {
		same := func(o uint32) bool {
			return cString(ix.bases, ix.rows[o].base) == cString(ix.bases, ix.rows[r].base)
		}
		if !slices.ContainsFunc(list[:i], same) {
			n++
		}
	}
	return n
}

func (ix *Index) normOf(r uint32) float32 {
	var sum float32
	pool := ix.pool[ix.rows[r].pool:]
	if ix.rows[r].names == 0 {
		return 1
	}
	for _, w := range pool[1 : 1+pool[0]] {
		k, i := Kind(w>>kindShift), ix.info[w&wordMask]
		if k == KindWord || k == KindGeneric || k == KindDivision || k == KindRegion || k == KindNumeral {
			sum += i * i * i * i
		}
	}
	return float32(math.Sqrt(float64(max(sum, 1))))
}

func cString(b []byte, from uint32) string {
	to := from
	for b[to] != 0 {
		to++
	}
	return string(b[from:to])
}

// Len gives how many records the index holds.
func (ix *Index) Len() int { return len(ix.rows) - ix.live.gone }

// load gives the entity of a row.
func (ix *Index) load(r uint32, e *entity) {
	w := &ix.rows[r]
	pool := ix.pool[w.pool:]
	e.country, e.state, e.city, e.postcode = ix.places[w.country], ix.text(w.state), ix.text(w.city), ix.text(w.postcode)
	all := float32(len(ix.rows))
	e.countryShare, e.cityShare = float32(ix.located[w.country])/all, float32(ix.cities[w.city])/all
	e.form, e.class = splitForm(ix.text(w.form))
	base := w.base
	e.names, e.bases = slices.Grow(e.names[:0], 8)[:w.names], e.bases[:0]
	for i := range e.names {
		n := pool[0]
		e.names[i] = e.names[i][:0]
		for _, t := range pool[1 : 1+n] {
			kind := Kind(t >> kindShift)
			e.names[i] = append(e.names[i], token{text: ix.text(t & wordMask), kind: kind, info: ix.info[t&wordMask] * share(kind)})
		}
		pool = pool[1+n:]
		e.bases = append(e.bases, ix.cut(ix.bases, base))
		base += uint32(len(e.bases[i])) + 1
	}
	e.domains, e.phones, e.shared = e.domains[:0], e.phones[:0], e.shared[:0]
	for _, d := range pool[:w.domains] {
		e.domains = append(e.domains, ix.text(d))
		e.shared = append(e.shared, float32(ix.carriers[d]))
	}
	pool = pool[w.domains:]
	for _, p := range pool[:w.phones] {
		e.phones = append(e.phones, ix.text(p))
	}
	pool = pool[w.phones:]
	for i := range e.ids {
		if e.ids[i] = ""; w.hardIDs&(1<<i) != 0 {
			e.ids[i] = ix.text(pool[0])
			pool = pool[1:]
		}
	}
}

// share is how much of its rarity a word of a kind tells: a legal form or a link
// hardly anything, a common word half.
func share(k Kind) float32 {
	switch k {
	case KindForm, KindLink:
		return 0.1
	case KindGeneric, KindRegion:
		return 0.5
	}
	return 1
}

func splitForm(s string) (form, class string) {
	for i := range len(s) {
		if s[i] == '/' {
			return s[:i], s[i+1:]
		}
	}
	return "", ""
}
