package match

import (
	"slices"
)

// live is what changed in an index since it was built.
type live struct {
	more  map[uint32][]uint32 // by feature: rows that came later
	dead  []uint64            // a bit for each row that is gone
	gone  int
	byID  map[string]uint32
	build Builder
}

func (l *live) isGone(r uint32) bool {
	return l.gone > 0 && int(r/64) < len(l.dead) && l.dead[r/64]&(1<<(r%64)) != 0
}

// Put adds a record, or replaces the one with its ID. How rare words and domains
// are is still what it was when the index was built. Nobody may look anything up
// meanwhile.
func (ix *Index) Put(r *Record) {
	ix.Remove(r.ID)
	l := &ix.live
	if l.more == nil {
		l.more = map[uint32][]uint32{}
		l.build.ix = ix
	}
	e := l.build.rd.read(r)
	l.build.add(e, mix(contentHash(r)))
	n := uint32(len(ix.rows) - 1)
	for len(ix.info) < ix.words.len() {
		ix.info = append(ix.info, ix.most)
		ix.carriers, ix.cities = append(ix.carriers, 1), append(ix.cities, 0)
	}
	ix.rows[n].country = ix.rank(e.country)
	ix.located[ix.rows[n].country]++
	ix.cities[ix.rows[n].city]++
	ix.marks = append(ix.marks, mark{ix.normOf(n), ix.rows[n].country})
	for _, p := range l.build.pairs {
		l.more[p.feature] = append(l.more[p.feature], n)
	}
	l.build.pairs = l.build.pairs[:0]
	l.byID[ix.ID(n)] = n
}

// rank gives the number of a country, which may be new.
func (ix *Index) rank(country string) uint32 {
	at, known := slices.BinarySearch(ix.places, country)
	if !known {
		ix.places = slices.Insert(ix.places, at, country)
		ix.located = slices.Insert(ix.located, at, 0)
		ix.firsts = slices.Insert(ix.firsts, at, ix.firsts[at])
		for i := range ix.marks { // the new row has none yet
			if ix.rows[i].country >= uint32(at) {
				ix.rows[i].country++
				ix.marks[i].country++
			}
		}
	}
	return uint32(at)
}

// Remove takes the record with an ID out, if there is one.
func (ix *Index) Remove(id string) {
	if r, ok := ix.row(id); ok {
		l := &ix.live
		for len(l.dead) <= int(r/64) {
			l.dead = append(l.dead, 0)
		}
		l.dead[r/64] |= 1 << (r % 64)
		l.gone++
		delete(l.byID, id)
	}
}

// row gives the row of an ID.
func (ix *Index) row(id string) (uint32, bool) {
	if ix.live.byID == nil {
		ix.live.byID = make(map[string]uint32, len(ix.rows))
		for i := range ix.rows {
			ix.live.byID[ix.cut(ix.ids, ix.rows[i].id)] = uint32(i)
		}
	}
	r, ok := ix.live.byID[id]
	return r, ok
}

// each calls f with every row that is there.
func (ix *Index) each(f func(row uint32)) {
	for r := range uint32(len(ix.rows)) {
		if !ix.live.isGone(r) {
			f(r)
		}
	}
}
