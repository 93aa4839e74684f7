package list

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/match"
)

// The headings of the files of pairs, folded, the surest first.
var (
	rightHeadings       = []string{"right id", "b id", "right", "partner id", "query id"}
	leftHeadings        = []string{"truth a id", "left id", "a id", "left", "truth", "account id", "match id"}
	probabilityHeadings = []string{"probability", "score", "p"}
)

// Truth reads a file that says which left record each right record is: the columns
// right_id and left_id (or b_id and truth_a_id). An empty left id says there is
// none; several rows for one right id say that each of them is right.
func Truth(r io.Reader) (match.Truth, error) {
	out := match.Truth{}
	err := pairs(r, nil, func(right, left, _ string) error {
		known := out[right]
		if left != "" && !slices.Contains(known, left) {
			known = append(known, left)
		}
		out[right] = known
		return nil
	})
	return out, err
}

// Matches reads what `tandem match` wrote: right_id, left_id and probability.
func Matches(r io.Reader) ([]match.Scored, error) {
	var out []match.Scored
	err := pairs(r, probabilityHeadings, func(right, left, probability string) error {
		p, err := strconv.ParseFloat(probability, 64)
		if err != nil || !(p >= 0 && p <= 1) {
			return fmt.Errorf("the probability %q is no number from 0 to 1", probability)
		}
		out = append(out, match.Scored{RightID: right, LeftID: left, Probability: p})
		return nil
	})
	return out, err
}

func pairs(r io.Reader, third []string, each func(right, left, third string) error) error {
	in, err := open(r)
	if err != nil {
		return err
	}
	header, line, err := in.next(nil)
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return err
	}
	folded := make([]string, len(header))
	for i, h := range header {
		folded[i] = match.Fold(strings.ReplaceAll(h, "_", " "))
	}
	column := func(headings []string) int {
		for _, h := range headings {
			if i := slices.Index(folded, h); i >= 0 {
				return i
			}
		}
		return -1
	}
	right, left, more := column(rightHeadings), column(leftHeadings), column(third)
	if right < 0 || left < 0 || third != nil && more < 0 {
		return &RowError{line, fmt.Sprintf("columns right_id and left_id are needed; there are %s", strings.Join(header, ", "))}
	}
	var fields []string
	for {
		fields, line, err = in.next(fields)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(fields) <= max(right, left, more) {
			return &RowError{line, fmt.Sprintf("the row has %d columns, the header has %d", len(fields), len(header))}
		}
		value := ""
		if more >= 0 {
			value = fields[more]
		}
		if err := each(fields[right], fields[left], value); err != nil {
			return &RowError{line, err.Error()}
		}
	}
}
