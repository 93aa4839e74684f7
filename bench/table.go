package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// row is one line of the table. Bar is what the project promises, "" when it
// promises nothing; then verdict is "" too.
type row struct{ what, measured, bar, verdict, peer, note string }

type table []row

func (t *table) add(r row) { *t = append(*t, r) }

// String aligns the columns; notes stand below.
func (t *table) String() string {
	lines := [][]string{{"what", "measured", "bar", "", "beside it"}}
	var notes []string
	for _, r := range *t {
		what := r.what
		if r.note != "" {
			notes = append(notes, r.note)
			what += fmt.Sprintf(" [%d]", len(notes))
		}
		lines = append(lines, []string{what, r.measured, r.bar, r.verdict, r.peer})
	}
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(cell + strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	for i, n := range notes {
		fmt.Fprintf(&b, "[%d] %s\n", i+1, n)
	}
	return b.String()
}

// verdict says whether a bar is met. A quick run measures nothing of worth.
func (b *bench) verdict(met bool) string {
	switch {
	case b.quick:
		return "(quick)"
	case met:
		return "ok"
	}
	return "OVER"
}

// rate writes so many in so many seconds as "12,345/s".
func rate(n int64, seconds float64) string { return grouped(int64(float64(n)/seconds)) + "/s" }

// grouped writes 1234567 as "1,234,567".
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
