package awsselling

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Pattern is a compiled pattern of the service model. The model's patterns are
// Java's and match a whole value; Go's RE2 takes neither look-ahead nor repeats
// over 1,000, so a length is checked apart from the text.
type Pattern struct {
	min, max int // in characters; max < 0 means no bound
	oneLine  bool
	re       *regexp.Regexp // nil when only the length counts
}

var (
	lookAheadRE = regexp.MustCompile(`^\(\?=\.\{(\d+),(\d+)\}\$\)`)
	anyLengthRE = regexp.MustCompile(`^(\(\?s\))?\.\{(\d+),(\d+)\}$`)
	javaRuneRE  = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)
)

// CompilePattern reads a pattern of the model. It handles a leading look-ahead
// for the length, "any text of a to b characters", and \uXXXX; any other
// look-around is an error.
func CompilePattern(pattern string) (*Pattern, error) {
	p := &Pattern{max: -1}
	rest := pattern
	if m := lookAheadRE.FindStringSubmatch(rest); m != nil {
		if err := p.bounds(m[1], m[2]); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		p.oneLine = true
		rest = rest[len(m[0]):]
	}
	if m := anyLengthRE.FindStringSubmatch(rest); m != nil {
		if err := p.bounds(m[2], m[3]); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		p.oneLine = p.oneLine || m[1] == ""
		return p, nil
	}
	re, err := regexp.Compile(`\A(?:` + javaRuneRE.ReplaceAllString(rest, `\x{$1}`) + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	p.re = re
	return p, nil
}

func (p *Pattern) bounds(low, high string) error {
	var err error
	if p.min, err = strconv.Atoi(low); err != nil {
		return err
	}
	p.max, err = strconv.Atoi(high)
	return err
}

// Match reports whether the whole of s fits the pattern.
func (p *Pattern) Match(s string) bool {
	n := utf8.RuneCountInString(s)
	if n < p.min || (p.max >= 0 && n > p.max) {
		return false
	}
	if p.oneLine && strings.ContainsAny(s, "\n\r\u0085\u2028\u2029") {
		return false
	}
	return p.re == nil || p.re.MatchString(s)
}

// OnlyLength reports whether the pattern asks nothing but a length.
func (p *Pattern) OnlyLength() bool { return p.re == nil }

// Length gives the least and most characters that the pattern names; they mean
// something only with OnlyLength.
func (p *Pattern) Length() (least, most int64) { return int64(p.min), int64(p.max) }
