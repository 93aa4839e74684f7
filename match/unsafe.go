package match

import "unsafe"

// text gives a word without copying it: the dictionary only grows, and what stands
// in it never changes.
func (ix *Index) text(id uint32) string {
	if id == 0 {
		return ""
	}
	return view(ix.words.at(id))
}

// cut gives the text up to the next zero without copying it.
func (ix *Index) cut(b []byte, from uint32) string {
	to := from
	for b[to] != 0 {
		to++
	}
	return view(b[from:to])
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
