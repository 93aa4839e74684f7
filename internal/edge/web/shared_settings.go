package web

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// wholeMoney shows an amount without its minor units.
func wholeMoney(a money.Amount) ui.Money {
	if a.IsNone() {
		return ui.Money{}
	}
	return ui.Money{Number: a.Decimal(), Currency: a.Currency, Whole: true}
}

// passed says how long ago something was, in words that stand within a
// sentence: "3 days ago".
func passed(now, at time.Time) string {
	d := now.Sub(at)
	switch {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return counted(int(d.Minutes()), "minute") + " ago"
	case d < 24*time.Hour:
		return counted(int(d.Hours()), "hour") + " ago"
	}
	return counted(int(d.Hours()/24), "day") + " ago"
}

// counted gives a number with its noun: "1 deal", "2 deals".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return ui.Count(int64(n)) + " " + noun + "s"
}

// listed joins words as a person would: "a, b or c".
func listed(words []string, last string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
	}
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "“" + w + "”"
	}
	return out
}

// lines reads one entry a line, without empty ones and repetitions.
func lines(s string) []string {
	out := []string{}
	seen := map[string]bool{}
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !seen[line] {
			seen[line] = true
			out = append(out, line)
		}
	}
	return out
}

// formFields gives the wrong fields of a refused form; ok is false for any other
// trouble.
func formFields(err error) (fields []problem.Field, ok bool) {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != problem.KindInvalid || len(p.Fields) == 0 {
		return nil, false
	}
	return p.Fields, true
}

// faultOf joins what is wrong with one field: a form shows it beside the input.
func faultOf(fields []problem.Field, name string) string {
	var out []string
	for _, f := range fields {
		if f.Field == name {
			out = append(out, f.Message)
		}
	}
	return strings.Join(out, ". ")
}

// splitError parts the words for people from the technical rest that a remote
// error carries: "AWS refused it (aws CreateOpportunity: …)".
func splitError(text string) (words, rest string) {
	for _, system := range []string{" (salesforce ", " (aws ", " (azure ", " (gcp "} {
		if i := strings.Index(text, system); i > 0 {
			return text[:i], strings.TrimSpace(text[i:])
		}
	}
	return text, ""
}

func short(s string, limit int) string {
	r := []rune(s)
	if len(r) <= limit {
		return s
	}
	return fmt.Sprintf("%s…", strings.TrimSpace(string(r[:limit])))
}
