package match

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
)

// Map keeps what is decided between two lists that change. A changed record
// re-decides only its neighbourhood, and what a person said is never overruled.
// One goroutine uses it at a time.
type Map struct {
	left, right *Index
	matcher     *Matcher
	near        *searcher                  // of the right list
	links       map[string]Link            // by right ID
	takers      map[string]map[string]bool // left ID → right IDs
	byID        map[[2]string]Verdict      // left and right ID
	byContent   map[[2]uint64]Verdict      // left and right content: IDs change
	said        map[string]int             // right ID → verdicts on it
}

// Link is what stands between a record of the right list and one of the left. Its
// ID depends on the two only: it is the same after every run.
type Link struct {
	ID, LeftID, RightID string
	Probability         float64
	Band                Band // not BandNone
	Relation            Relation
	Settled             bool // by a person
}

// Verdict is what a person says of a pair.
type Verdict struct {
	LeftID, RightID string
	Same            bool
}

// Event is a change of the map: a link that came (Before is nil), went (After is
// nil), moved to another record or changed its band.
type Event struct{ Before, After *Link }

// NewMap makes a map of two lists in which nothing is decided yet: call All.
func NewMap(left, right *Index, m *Model, o Options) *Map {
	return &Map{
		left: left, right: right, matcher: NewMatcher(left, m, o), near: right.searcher(Limits{Postings: 500, Candidates: neighbours}), links: map[string]Link{}, takers: map[string]map[string]bool{},
		byID: map[[2]string]Verdict{}, byContent: map[[2]uint64]Verdict{}, said: map[string]int{},
	}
}

// Link gives the link of a right record.
func (mp *Map) Link(rightID string) (Link, bool) {
	l, ok := mp.links[rightID]
	return l, ok
}

// All decides of every record.
func (mp *Map) All() []Event {
	var ids []string
	mp.right.each(func(r uint32) { ids = append(ids, mp.right.ID(r)) })
	return mp.decide(ids)
}

// Change takes in records of both lists that are new or changed, and re-decides
// their neighbourhoods.
func (mp *Map) Change(left, right []*Record) []Event {
	var ids []string
	for _, r := range left {
		ids = append(ids, mp.around(r.ID)...)
		mp.left.Put(r)
		ids = append(ids, mp.around(r.ID)...)
	}
	for _, r := range right {
		mp.right.Put(r)
		ids = append(ids, r.ID)
	}
	return mp.decide(ids)
}

// Remove takes records of both lists out.
func (mp *Map) Remove(left, right []string) []Event {
	var ids []string
	for _, id := range left {
		ids = append(ids, mp.around(id)...)
		mp.left.Remove(id)
	}
	for _, id := range right {
		mp.right.Remove(id)
		ids = append(ids, id)
	}
	return mp.decide(ids)
}

// neighbours is how many right records around a left one are decided again.
const neighbours = 12

// around gives the right records that a left one may concern: those linked to it
// and those most like it.
func (mp *Map) around(leftID string) []string {
	row, ok := mp.left.row(leftID)
	if !ok {
		return nil
	}
	var out []string
	for id := range mp.takers[leftID] {
		out = append(out, id)
	}
	var e entity
	mp.left.load(row, &e)
	for _, c := range mp.near.find(&e) {
		out = append(out, mp.right.ID(c.row))
	}
	return out
}

// Settle takes verdicts in: a pair that is the same is linked, one that is not
// never will be.
func (mp *Map) Settle(vs ...Verdict) []Event {
	var ids []string
	for _, v := range vs {
		if _, known := mp.byID[[2]string{v.LeftID, v.RightID}]; !known {
			mp.said[v.RightID]++
		}
		mp.byID[[2]string{v.LeftID, v.RightID}] = v
		l, okL := mp.left.row(v.LeftID)
		r, okR := mp.right.row(v.RightID)
		if okL && okR {
			mp.byContent[[2]uint64{mp.left.rows[l].hash, mp.right.rows[r].hash}] = v
		}
		ids = append(ids, v.RightID)
	}
	return mp.decide(ids)
}

// Flips says what a newly learnt model would change, and changes nothing.
func (mp *Map) Flips(m *Model) []Event {
	other := NewMatcher(mp.left, m, mp.matcher.opts)
	var out []Event
	mp.right.each(func(r uint32) {
		id := mp.right.ID(r)
		out = append(out, mp.event(id, mp.judge(other, r))...)
	})
	return out
}

// Apply takes a model in and decides everything again.
func (mp *Map) Apply(m *Model) []Event {
	mp.matcher = NewMatcher(mp.left, m, mp.matcher.opts)
	return mp.All()
}

// decide decides of right records again; an ID may come twice.
func (mp *Map) decide(ids []string) []Event {
	slices.Sort(ids)
	var out []Event
	for _, id := range slices.Compact(ids) {
		var now *Link
		if row, ok := mp.right.row(id); ok {
			now = mp.judge(mp.matcher, row)
		}
		es := mp.event(id, now)
		out = append(out, es...)
		mp.store(id, now)
	}
	return out
}

func (mp *Map) store(id string, now *Link) {
	if before, ok := mp.links[id]; ok {
		delete(mp.takers[before.LeftID], id)
		delete(mp.links, id)
	}
	if now != nil {
		mp.links[id] = *now
		if mp.takers[now.LeftID] == nil {
			mp.takers[now.LeftID] = map[string]bool{}
		}
		mp.takers[now.LeftID][id] = true
	}
}

// event gives what changes for a right record when its link becomes another one. A
// probability that moves within its band is no event.
func (mp *Map) event(id string, now *Link) []Event {
	var before *Link
	if l, ok := mp.links[id]; ok {
		before = &l
	}
	same := before == nil && now == nil || before != nil && now != nil &&
		before.ID == now.ID && before.Band == now.Band && before.Relation == now.Relation && before.Settled == now.Settled
	if same {
		return nil
	}
	return []Event{{before, now}}
}

// judge decides of a right record by a matcher, within what people said.
func (mp *Map) judge(m *Matcher, row uint32) *Link {
	s := m.pool.Get().(*session)
	defer m.pool.Put(s)
	e := &s.rd.e
	mp.right.load(row, e)
	e.foreign()
	id := mp.right.ID(row)
	s.lookup(e)
	if left, ok := mp.settled(s, id, row); ok {
		return &Link{ID: linkID(left, id), LeftID: left, RightID: id, Probability: 1, Band: BandMatch, Settled: true}
	}
	d := m.judge(s, id, e)
	if d.Band == BandNone {
		return nil
	}
	return &Link{ID: linkID(d.LeftID, id), LeftID: d.LeftID, RightID: id, Probability: d.Probability, Band: d.Band, Relation: d.Relation}
}

// settled gives the left record that a person said a right one is, and takes the
// candidates away that they said it is not.
func (mp *Map) settled(s *session, id string, row uint32) (left string, ok bool) {
	if mp.said[id] > 0 {
		var same []string
		for pair, v := range mp.byID {
			if _, there := mp.left.row(pair[0]); pair[1] == id && v.Same && there {
				same = append(same, pair[0])
			}
		}
		if len(same) > 0 {
			return slices.Min(same), true
		}
	}
	kept := 0
	for i, r := range s.rows {
		leftID := mp.left.ID(r)
		v, said := mp.byID[[2]string{leftID, id}]
		if !said {
			v, said = mp.byContent[[2]uint64{mp.left.rows[r].hash, mp.right.rows[row].hash}]
		}
		if said && v.Same {
			return leftID, true
		}
		if !said {
			s.rows[kept], s.vectors[kept] = r, s.vectors[i]
			kept++
		}
	}
	s.rows, s.vectors = s.rows[:kept], s.vectors[:kept]
	return "", false
}

// linkID names a pair.
func linkID(left, right string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(left + "\x00" + right))
	return fmt.Sprintf("lnk_%016x", mix(h.Sum64()))
}

// Links gives all links, in the order of the right IDs.
func (mp *Map) Links() []Link {
	out := make([]Link, 0, len(mp.links))
	for _, l := range mp.links {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Link) int { return cmp.Compare(a.RightID, b.RightID) })
	return out
}
