package match

import "strings"

// SameName is the score from which CompareNames takes two names for one company.
const SameName = 0.7

// CompareNames says how much two names look like one company when nothing else is
// known, from 0 to 1; from SameName on they probably are. It is symmetric. It is
// a ranking, no probability: how likely a match is depends on the lists, which a
// Matcher learns. Legal forms of different kinds, different numbers and words that
// mark a part of a group make two companies of one name.
func CompareNames(a, b string) float64 {
	x, y := pairEntity(a), pairEntity(b)
	if x == nil || y == nil {
		return 0
	}
	if strings.Compare(x.bases[0], y.bases[0]) > 0 {
		x, y = y, x
	}
	var al aligner
	l := al.compare(x.names[0], y.names[0])
	lo, hi := float64(min(l.left, l.right)), float64(max(l.left, l.right))
	score := 0.65*lo + 0.35*hi
	if strings.ReplaceAll(x.bases[0], " ", "") == strings.ReplaceAll(y.bases[0], " ", "") {
		score = 1
	} else if isCut(x.bases[0], y.bases[0]) {
		score = max(score, 0.72)
	}
	p, q := l.unmatched[0], l.unmatched[1]
	switch {
	case p.numerals > 0 && q.numerals > 0:
		score *= 0.4
	case p.numerals+q.numerals > 0:
		score *= 0.6
	}
	switch {
	case p.regions+p.divisions > 0 && q.regions+q.divisions > 0:
		score *= 0.5
	case p.divisions+q.divisions == 1 && p.regions+q.regions == 0 && l.holding:
		score *= 0.85
	case p.regions+q.regions+p.divisions+q.divisions > 0:
		score *= 0.65
	}
	if p.words > 0 && q.words > 0 {
		score *= 0.85 // each has a word that the other lacks
	}
	if forms(x, y) == formDiffer {
		score *= 0.65
	}
	return score
}

// pairEntity reads a name by itself: its words tell by their kind and length.
func pairEntity(name string) *entity {
	var rd reader
	e := rd.read(&Record{Names: []string{name}})
	if len(e.names) == 0 {
		return nil
	}
	for i := range e.names[0] {
		w := &e.names[0][i]
		w.info = (6 + float32(min(len(w.text), 10))) * share(w.kind)
	}
	return e
}
