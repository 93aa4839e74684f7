package match

import (
	"cmp"
	"math"
	"slices"
)

// Limits bounds the work of one lookup.
type Limits struct {
	Postings   int // rows looked at, 1,000 by default
	Candidates int // rows compared, 6 by default
}

func (l Limits) orDefault() Limits {
	return Limits{Postings: cmp.Or(l.Postings, 1_000), Candidates: cmp.Or(l.Candidates, 6)}
}

// searcher looks records up; one goroutine uses it at a time.
type searcher struct {
	ix      *Index
	limits  Limits
	score   []float32 // of every row, zero between lookups
	touched []uint32
	found   []probe
	buf     []byte
	top     []candidate
}

type probe struct {
	list   []uint32
	more   []uint32 // rows that came later
	weight float32
	hard   bool
	key    string
}

// candidate is a row that may be the record.
type candidate struct {
	row   uint32
	score float32
}

func (ix *Index) searcher(l Limits) *searcher {
	return &searcher{ix: ix, limits: l.orDefault(), score: make([]float32, len(ix.rows))}
}

// find gives the rows that have most in common with an entity, best first.
func (s *searcher) find(e *entity) []candidate {
	ix := s.ix
	if n := len(ix.rows) - len(s.score); n > 0 {
		s.score = append(s.score, make([]float32, n)...)
	}
	s.found, s.touched, s.top = s.found[:0], s.touched[:0], s.top[:0]
	country, known := slices.BinarySearch(ix.places, e.country)
	known = known && e.country != ""
	var norm float64
	s.buf = e.features(s.buf, func(text []byte) {
		f, _ := ix.features.find(text)
		if f == 0 {
			return
		}
		list, more := ix.list(f), ix.live.more[f]
		info := ix.infoOf(len(list) + len(more))
		p := probe{list: list, more: more, weight: info * info * info * info, key: view(ix.features.at(f))}
		switch text[0] {
		case featWord:
			norm += float64(p.weight)
		case featPrefix, featStart, featInitials:
			p.weight *= 0.5
		default:
			p.hard = true
		}
		if len(list) > splitAt && e.country != "" {
			p.list = s.inCountry(list, country, known)
		}
		s.found = append(s.found, p)
	})
	slices.SortFunc(s.found, func(a, b probe) int { // rarest first
		if c := cmp.Compare(len(a.list), len(b.list)); c != 0 {
			return c
		}
		return cmp.Compare(a.key, b.key)
	})
	hard := float32(math.Sqrt(max(norm, 1))) // one of these weighs as much as an equal name
	left := s.limits.Postings
	var sum float32
	for _, p := range s.found {
		if len(s.touched) > s.limits.Candidates && p.weight < idle*sum && !p.hard {
			continue // it would hardly change who is best
		}
		sum += p.weight
		list := p.list
		if len(list) > left {
			if len(s.touched) > s.limits.Candidates {
				break
			}
			list = list[:left]
		}
		left -= len(list)
		s.add(&p, list, hard)
		s.add(&p, p.more[:min(len(p.more), splitAt)], hard)
	}
	if !known {
		country = -1
	}
	s.pick(country)
	return s.top
}

// add counts a feature for its rows.
func (s *searcher) add(p *probe, list []uint32, hard float32) {
	for _, r := range list {
		if s.score[r] == 0 {
			s.touched = append(s.touched, r)
		}
		w := p.weight
		if p.hard {
			w = s.ix.marks[r].norm * hard
		}
		s.score[r] += w
	}
}

// inCountry gives the part of a list that is in a country.
func (s *searcher) inCountry(list []uint32, place int, known bool) []uint32 {
	if !known {
		return nil
	}
	from, _ := slices.BinarySearch(list, s.ix.firsts[place])
	to, _ := slices.BinarySearch(list, s.ix.firsts[place+1])
	return list[from:to]
}

// idle is the share of the weight so far below which a feature is not looked at.
const idle = 0.03

// least is the share of the best score that a candidate must have.
const least = 0.05

// pick keeps the best of the touched rows and clears the scores.
func (s *searcher) pick(country int) {
	k := s.limits.Candidates
	for _, r := range s.touched {
		w := &s.ix.marks[r]
		c := candidate{r, s.score[r] / w.norm}
		s.score[r] = 0
		if s.ix.live.isGone(r) {
			continue
		}
		if int(w.country) == country {
			c.score *= 1.2
		}
		if len(s.top) == k && worse(c, s.top[k-1]) {
			continue
		}
		at, _ := slices.BinarySearchFunc(s.top, c, func(a, b candidate) int {
			if worse(b, a) {
				return -1
			}
			return 1
		})
		if len(s.top) < k {
			s.top = append(s.top, candidate{})
		}
		copy(s.top[at+1:], s.top[at:])
		s.top[at] = c
	}
	for len(s.top) > 1 && s.top[len(s.top)-1].score < least*s.top[0].score {
		s.top = s.top[:len(s.top)-1]
	}
}

func worse(a, b candidate) bool {
	return a.score < b.score || a.score == b.score && a.row > b.row
}

// inform tells an entity of the other list what its words are worth in this one.
func (ix *Index) inform(e *entity) {
	var buf [64]byte
	for _, words := range e.names {
		for i := range words {
			w := &words[i]
			w.info = ix.most
			if id, _ := ix.words.find(append(buf[:0], w.text...)); id != 0 {
				w.info = ix.info[id]
			}
			w.info *= share(w.kind)
		}
	}
}
