package match

// wordLikeness says how much two different words are one word, from 0 to 1: one
// cut short, an abbreviation, or a typing error. It is symmetric.
func wordLikeness(a, b string) float32 {
	if len(a) > len(b) || len(a) == len(b) && a > b {
		a, b = b, a
	}
	if len(a) == 0 || a[0] < 'a' || b[0] < 'a' { // numbers and regions are equal or not
		return 0
	}
	if b[:len(a)] == a {
		switch {
		case len(a) >= 4:
			return 0.92
		case len(a) == 3:
			return 0.8
		}
		return 0.5
	}
	if len(a) < 2 {
		return 0
	}
	edit := editLikeness(a, b)
	if edit == 0 && len(a) >= 5 && (a[0] == b[0] || softer(a[0]) && softer(b[0])) && sameSound(a, b) {
		return 0.92
	}
	if a[0] == b[0] && len(a) >= 3 && len(b) >= len(a)+2 && abbreviates(a, b) {
		return max(edit, 0.75)
	}
	return edit
}

// abbreviates says whether the letters of a stand in b in their order, and the
// last of them is a consonant's or the end: "mng" in "mining".
func abbreviates(a, b string) bool {
	j, vowels := 0, 0
	for i := 0; i < len(b) && j < len(a); i++ {
		if a[j] == b[i] {
			if isVowel(a[j]) && j > 0 {
				vowels++
			}
			j++
		}
	}
	return j == len(a) && vowels <= len(a)/4
}

func isVowel(c byte) bool {
	return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y'
}

// editLikeness allows one error from five letters on, two from nine on (counting a
// transposition as one), and less for errors that show in the first letter.
func editLikeness(a, b string) float32 {
	allowed := 0
	switch n := len(b); {
	case n >= 9:
		allowed = 2
	case n >= 5:
		allowed = 1
	default:
		return 0
	}
	if len(b)-len(a) > allowed {
		return 0
	}
	d := editDistance(a, b, allowed)
	if d > allowed {
		return 0
	}
	s := 1 - 0.1*float32(d) - 0.6*float32(d)/float32(len(b))
	if a[0] != b[0] {
		s -= 0.1
	}
	return s
}

// editDistance is the optimal string alignment distance, or more than limit.
func editDistance(a, b string, limit int) int {
	for len(a) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 0 {
		return len(b)
	}
	if len(b) > 24 {
		return limit + 1
	}
	var rows [3][25]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			v := min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				v = min(v, before[j-2]+1)
			}
			row[j] = v
			least = min(least, v)
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// softer are the first letters that transliterations write differently.
func softer(c byte) bool {
	switch c {
	case 'c', 'k', 'x', 'h', 'f', 'p', 'v', 'w', 'y', 'j', 'i', 'a', 'e', 'u', 't', 's', 'z':
		return true
	}
	return false
}

// sameSound says whether two words are one under two transliterations: "tekhnoprom"
// and "technoprom", "stroieksport" and "stroyexport".
func sameSound(a, b string) bool {
	if len(b)-len(a) > 6 {
		return false
	}
	var x, y [32]byte
	return string(sound(x[:0], a)) == string(sound(y[:0], b))
}

// sound reduces a word to letters that transliterations agree on.
func sound(dst []byte, w string) []byte {
	put := func(c byte) {
		if n := len(dst); n < cap(dst) && (n == 0 || dst[n-1] != c) {
			dst = append(dst, c)
		}
	}
	for i := 0; i < len(w); i++ {
		next := byte(0)
		if i+1 < len(w) {
			next = w[i+1]
		}
		switch c := w[i]; {
		case c == 'x':
			put('k')
			put('s')
		case (c == 'k' || c == 'c') && next == 'h':
			put('h')
			i++
		case c == 'c' && next == 'k':
		case c == 'c':
			put('k')
		case c == 'p' && next == 'h':
			put('f')
			i++
		case c == 'w':
			put('v')
		case (c == 'y' || c == 'j' || c == 'i') && (next == 'a' || next == 'u' || next == 'o' || next == 'e'):
		case c == 'y' || c == 'j':
			put('i')
		case c == 't' && (next == 'z' || next == 's'):
		case c == 'z':
			put('s')
		default:
			put(c)
		}
	}
	return dst
}
