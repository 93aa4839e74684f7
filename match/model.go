package match

import "math"

// Model knows how much each level of each field tells, in bits: log2 of how often
// it is seen among records of one company over how often among records of two. It
// is learnt from the lists themselves, without labels.
type Model struct {
	// Version names the state of the model; learning again gives another.
	Version int
	// Prior is the log2 odds, before any evidence, that a candidate is the record.
	Prior float64
	// Share is how many of the queries have a match among their candidates.
	Share float64
	// Bits holds the weight of each level, by field.
	Bits [numFields][]float32
	// Queries is how many queries the model was learnt from.
	Queries int
}

// sample is a query's candidates as learning sees them.
type sample struct{ vectors []vector }

// levelsOf is how many levels a field has.
func levelsOf(f field) int {
	switch f {
	case fieldName:
		return numLevels
	case fieldQualifier:
		return int(qualifierDiffer) + 1
	case fieldNumeral:
		return int(numeralDiffer) + 1
	case fieldForm:
		return int(formEqual) + 1
	case fieldDomain:
		return int(domainEqual) + 1
	case fieldPlace:
		return int(placePostcode) + 1
	}
	return int(levelEqual) + 1
}

// neverMissing are the fields where level 0 is an observation like the others.
func neverMissing(f field) bool { return f == fieldNumeral || f == fieldQualifier }

// bounds gives the least and the most that a level may tell. Two lists agree on
// places less than one source does with itself, so that a wrong place must not
// outweigh everything else; and different numerals are different companies, however
// the lists look.
func bounds(f field, l level) (lo, hi float32) {
	switch f {
	case fieldName:
		return -12, 16
	case fieldNumeral:
		switch l {
		case numeralDiffer:
			return -10, -7
		case numeralOneSided:
			return -6, -0.5
		}
		return -1, 2
	case fieldQualifier:
		switch l {
		case qualifierDiffer:
			return -8, -4
		case qualifierDivision, qualifierRegion:
			return -6, -1
		}
		return -3, 1
	case fieldForm:
		return -3, 3
	case fieldDomain:
		return -5, 12
	case fieldPlace:
		if l == placeCountryDiffer {
			return -7, 0
		}
		if l == placeCityNear {
			return -0.5, 12
		}
		return -5, 12
	case fieldPhone:
		return -3, 12
	}
	if l == levelDiffer {
		return -10, -4
	}
	return 4, 20
}

// start is the weight of a level before anything is learnt: what is plausible for
// lists of companies.
func start(f field, l level) float32 {
	switch f {
	case fieldName:
		return startName(l)
	case fieldNumeral:
		return [...]float32{0, 0.5, -3, -8}[l]
	case fieldQualifier:
		return [...]float32{0.3, -0.5, -2.5, -1, -2.5, -6}[l]
	case fieldForm:
		return [...]float32{0, -1.5, 0.5, 1}[l]
	case fieldDomain:
		return [...]float32{0, -3, 5, 4, 2, 5, 9}[l]
	case fieldPlace:
		return [...]float32{0, -6, -4, -3, 0.5, 1.5, 2, 3, 3, 4.5, 7, 8}[l]
	case fieldPhone:
		return [...]float32{0, -1, 8}[l]
	}
	return [...]float32{0, -7, 14}[l]
}

func startName(l level) float32 {
	if l == missing {
		return 0
	}
	group, step := int(l-1)/bitSteps, int(l-1)%bitSteps
	bits := [...]float32{-3, -1.5, 0, 1.5, 2.5, 3}[step]
	switch group {
	case groupSame:
		return 7 + bits
	case groupCut:
		return 4 + bits
	}
	lo, hi := split(group)
	return [...]float32{-9, -6.5, -4, -1, 2.5, 6}[lo]*0.75 + [...]float32{-9, -6.5, -4, -1, 1, 2}[hi]*0.5 + bits*0.5
}

// split gives the two steps of a group of the grid.
func split(group int) (lo, hi int) {
	for hi = 0; (hi+1)*(hi+2)/2 <= group; hi++ {
	}
	return group - hi*(hi+1)/2, hi
}

// DefaultModel is what is assumed before anything is learnt.
func DefaultModel() *Model {
	m := &Model{Prior: -4, Share: 0.5}
	for f := range numFields {
		m.Bits[f] = make([]float32, levelsOf(f))
		for l := range m.Bits[f] {
			m.Bits[f][l] = start(f, level(l))
		}
	}
	return m
}

// weight adds up the evidence of a pair, in bits.
func (m *Model) weight(v *vector) float64 {
	var sum float32
	for f, l := range v {
		sum += m.Bits[f][l]
	}
	return float64(sum)
}

// posteriors gives the probability of each candidate that it is the query, at most
// one of them being it. What is missing from one is the probability of no match.
func (m *Model) posteriors(vs []vector, out []float64) []float64 {
	out = out[:0]
	sum := 1.0
	for i := range vs {
		odds := math.Exp2(min(m.Prior+m.weight(&vs[i]), 60))
		sum += odds
		out = append(out, odds)
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

const (
	rounds = 25
	pseudo = 10.0 // how many observations of a level what is assumed counts for
	half   = 0.5  // observation that every level has
)

// learn fits a model to samples by expectation and maximisation, with at most one
// match for each query (Fellegi and Sunter's model under that constraint).
func learn(samples []sample, from *Model) *Model {
	m := *from
	m.Queries = len(samples)
	if len(samples) == 0 {
		return &m
	}
	candidates := 0
	for _, s := range samples {
		candidates += len(s.vectors)
	}
	if candidates == 0 {
		return &m
	}
	mean := float64(candidates) / float64(len(samples))
	var p []float64
	for range rounds {
		var hits, misses [numFields][numLevels]float64
		var matched float64
		for _, s := range samples {
			p = m.posteriors(s.vectors, p)
			for i, v := range s.vectors {
				matched += p[i]
				for f, l := range v {
					hits[f][l] += p[i]
					misses[f][l] += 1 - p[i]
				}
			}
		}
		m.Share = min(max(matched/float64(len(samples)), 0.01), 0.99)
		m.Prior = math.Log2(m.Share / (1 - m.Share) / mean)
		next := m
		for f := range numFields {
			next.Bits[f] = refit(f, hits[f][:levelsOf(f)], misses[f][:levelsOf(f)])
		}
		m = next
	}
	return &m
}

// refit gives the weights of one field: what is seen, drawn towards what is assumed
// as far as little is seen of a level.
func refit(f field, hits, misses []float64) []float32 {
	first := 1
	if neverMissing(f) {
		first = 0
	}
	var h, u float64
	for l := first; l < len(hits); l++ {
		h += hits[l]
		u += misses[l]
	}
	out := make([]float32, len(hits))
	for l := first; l < len(hits); l++ {
		lo, hi := bounds(f, level(l))
		seen := math.Log2((hits[l] + half) / (h + 1) / ((misses[l] + half) / (u + 1)))
		n := hits[l] + misses[l]
		w := (n*seen + pseudo*float64(start(f, level(l)))) / (n + pseudo)
		out[l] = min(max(float32(w), lo), hi)
	}
	return out
}
