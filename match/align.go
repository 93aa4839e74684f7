package match

// likeness is what two names have in common.
type likeness struct {
	left, right float32 // share of each name's information that the other has
	bits        float32 // information they share
	exact       bool    // the same words
	cut         bool    // one name is the other cut short
	numerals    bool    // they share a numeral
	region      string  // one that only one side names, the last of them
	holding     bool    // only one side says "holding"
	unmatched   [2]tally
}

// tally counts the words of one side that the other lacks.
type tally struct{ numerals, regions, divisions, words int }

// maxWords is how many words of a name are looked at.
const maxWords = 24

// aligner compares names; its buffers are used again.
type aligner struct {
	simL, simR [maxWords]float32 // how well each word is matched
	usedR      [maxWords]bool
}

// compare aligns two names. Words that only one side has count by their kind:
// numerals, regions and divisions into the tallies, others against the shares.
func (al *aligner) compare(a, b []token) likeness {
	a, b = a[:min(len(a), maxWords)], b[:min(len(b), maxWords)]
	for i := range a {
		al.simL[i] = 0
	}
	for j := range b {
		al.simR[j], al.usedR[j] = 0, false
	}
	al.equalWords(a, b)
	al.joinedWords(a, b)
	al.similarWords(a, b)
	al.initials(a, b)
	var out likeness
	var left, right float32
	out.left, left = out.count(a, &al.simL, 0)
	out.right, right = out.count(b, &al.simR, 1)
	out.bits = min(left, right)
	out.exact = len(a) == len(b) && out.left >= 0.999 && out.right >= 0.999 && out.unmatched[0] == tally{} && out.unmatched[1] == tally{}
	return out
}

func (al *aligner) equalWords(a, b []token) {
	for i := range a {
		for j := range b {
			if !al.usedR[j] && a[i].text == b[j].text {
				al.match(i, j, 1)
				break
			}
		}
	}
}

func (al *aligner) match(i, j int, sim float32) {
	al.simL[i] = sim
	al.simR[j], al.usedR[j] = sim, true
}

// joinedWords matches a word with two or three words of the other side that it
// writes together: "sitkagold" with "sitka gold".
func (al *aligner) joinedWords(a, b []token) {
	for i := range a {
		if al.simL[i] == 0 {
			if j, n, sim := joined(a[i].text, b, al.usedR[:]); n > 0 {
				al.simL[i] = sim
				for k := j; k < j+n; k++ {
					al.simR[k], al.usedR[k] = sim, true
				}
			}
		}
	}
	var used [maxWords]bool
	for i := range a {
		used[i] = al.simL[i] > 0
	}
	for j := range b {
		if !al.usedR[j] {
			if i, n, sim := joined(b[j].text, a, used[:]); n > 0 {
				al.simR[j], al.usedR[j] = sim, true
				for k := i; k < i+n; k++ {
					al.simL[k], used[k] = sim, true
				}
			}
		}
	}
}

// joined finds the two or three unused words in a row that make up one. The last
// of them may be cut to three letters or more.
func joined(one string, words []token, used []bool) (from, n int, sim float32) {
	for i := range words {
		rest := one
		for k := i; k < len(words) && k < i+3 && !used[k]; k++ {
			w := words[k].text
			if k > i && len(rest) >= 3 && len(rest) < len(w) && w[:len(rest)] == rest {
				return i, k - i + 1, 0.92
			}
			if len(w) > len(rest) || rest[:len(w)] != w {
				break
			}
			if rest = rest[len(w):]; rest == "" {
				if k == i {
					break
				}
				return i, k - i + 1, 1
			}
		}
	}
	return 0, 0, 0
}

// similarWords matches what is left, the most alike first.
func (al *aligner) similarWords(a, b []token) {
	for {
		var best float32
		bi, bj := -1, -1
		for i := range a {
			if al.simL[i] > 0 || a[i].kind == KindNumeral {
				continue
			}
			for j := range b {
				if al.usedR[j] || b[j].kind == KindNumeral || !alikeKinds(a[i].kind, b[j].kind) {
					continue
				}
				s := wordLikeness(a[i].text, b[j].text)
				if s > best || s == best && s > 0 && abs(i-j) < abs(bi-bj) {
					best, bi, bj = s, i, j
				}
			}
		}
		if bi < 0 {
			return
		}
		al.match(bi, bj, best)
	}
}

// alikeKinds keeps common words, which are resolved already, from being taken for
// each other: "capital" is no typing error of "capitol".
func alikeKinds(a, b Kind) bool {
	return a == KindWord || b == KindWord
}

func abs(i int) int {
	if i < 0 {
		return -i
	}
	return i
}

// initials matches one word left over with the initials of three or more.
func (al *aligner) initials(a, b []token) {
	if n := acronym(a, al.simL[:], b, al.simR[:]); n {
		return
	}
	acronym(b, al.simR[:], a, al.simL[:])
}

func acronym(short []token, simShort []float32, long []token, simLong []float32) bool {
	if len(short) == 0 || simShort[0] > 0 || len(short[0].text) < 3 {
		return false
	}
	w, k, last := short[0].text, 0, 0
	for j := range long {
		if k == len(w) {
			break
		}
		if simLong[j] > 0 || long[j].kind == KindLink && long[j].text[0] != w[k] {
			continue
		}
		if long[j].text[0] != w[k] {
			return false
		}
		k, last = k+1, j
	}
	if k != len(w) {
		return false
	}
	simShort[0] = 0.8
	for j := range last + 1 {
		if simLong[j] == 0 {
			simLong[j] = 0.8
		}
	}
	return true
}

// isCut says whether one name is the other cut short, having ten letters or more.
func isCut(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) >= 10 && len(a) < len(b) && b[:len(a)] == a
}

// count gives how much of the words' information is matched, as a share and in bits.
func (l *likeness) count(words []token, sim *[maxWords]float32, side int) (share, bits float32) {
	var all float32
	proper := false // a word of the name proper is matched
	for i, w := range words {
		proper = proper || w.kind == KindWord && sim[i] > 0
	}
	for i, w := range words {
		if sim[i] == 0 {
			switch w.kind {
			case KindWord, KindGeneric:
				l.unmatched[side].words++
			case KindNumeral:
				l.unmatched[side].numerals++
			case KindRegion:
				l.unmatched[side].regions++
				l.region = w.text
			case KindDivision:
				l.unmatched[side].divisions++
				l.holding = l.holding || w.text == "holding"
			}
			if proper && (w.kind == KindNumeral || w.kind == KindRegion || w.kind == KindDivision) {
				continue
			}
		} else if w.kind == KindNumeral {
			l.numerals = true
		}
		all += w.info
		bits += w.info * sim[i]
	}
	if all == 0 {
		return 0, 0
	}
	return bits / all, bits
}
