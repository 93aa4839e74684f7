package web

import "strings"

// run is a part of a text: marked when it is not in the text that it is compared
// with.
type run struct {
	text   string
	marked bool
}

// maxWords bounds the comparison of two texts, which takes their product of steps.
const maxWords = 600

// differing gives text in runs, with the words marked that base has not in the same
// order. Texts of more than maxWords words are marked whole.
func differing(base, text string) []run {
	if base == text || text == "" {
		return []run{{text: text}}
	}
	a, b := words(base), words(text)
	if len(a) > maxWords || len(b) > maxWords {
		return []run{{text: text, marked: true}}
	}
	// common[i][j] is how many words a[i:] and b[j:] have in common in order.
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	same := func(i, j int) bool { return strings.TrimSpace(a[i]) == strings.TrimSpace(b[j]) }
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if same(i, j) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []run
	add := func(word string, marked bool) {
		if n := len(out); n > 0 && out[n-1].marked == marked {
			out[n-1].text += word
			return
		}
		out = append(out, run{word, marked})
	}
	if common[0][0]*3 < len(b) { // a word here and there is no likeness
		return []run{{text: text, marked: true}}
	}
	i := 0
	for j := range b {
		for i < len(a) && !same(i, j) && common[i+1][j] >= common[i][j+1] && common[i+1][j] > 0 {
			i++
		}
		if i < len(a) && same(i, j) {
			add(b[j], false)
			i++
		} else {
			add(b[j], true)
		}
	}
	return out
}

// apart gives ours and theirs in runs, with what sets each apart from base marked;
// where it shares next to nothing with base, what sets it apart from the other.
func apart(base, theirBase, ours, theirs string) (a, b []run) {
	against := func(base, text, other string) []run {
		out := differing(base, text)
		if len(out) == 1 && out[0].marked {
			return differing(other, text)
		}
		return out
	}
	return against(base, ours, theirs), against(theirBase, theirs, ours)
}

// words splits a text into words, each with the space after it.
func words(s string) []string {
	var out []string
	from, space := 0, false
	for i, r := range s {
		blank := r == ' ' || r == '\n' || r == '\t' || r == '\r'
		if space && !blank {
			out, from = append(out, s[from:i]), i
		}
		space = blank
	}
	return append(out, s[from:])
}
