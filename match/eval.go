package match

import (
	"cmp"
	"math"
	"slices"
)

// Scored is a pair with its probability: the best candidate of a right record.
type Scored struct {
	RightID, LeftID string
	Probability     float64
}

// Truth says which left records a right record is; a record of the right list that
// is in it without any is known to have none. Records it lacks are not judged.
type Truth map[string][]string

// Quality is how good the pairs from a threshold on are.
type Quality struct {
	Threshold float64 `json:"threshold"`
	Pairs     int     `json:"pairs"`
	Right     int     `json:"right"` // pairs that are true
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Calibration compares what is promised with what is.
type Calibration struct {
	From      float64 `json:"from"` // of pairs of at least this probability
	Pairs     int     `json:"pairs"`
	Predicted float64 `json:"predicted"` // precision: the mean of the probabilities
	Actual    float64 `json:"actual"`
}

// Report is what a truth says of a matching.
type Report struct {
	Judged      int           `json:"judged"`  // right records that the truth knows
	Matches     int           `json:"matches"` // those that have a match
	Default     Quality       `json:"default"`
	Best        Quality       `json:"best"`           // at the threshold with the best F1
	At99        Quality       `json:"at_precision99"` // the most recall with a precision of 99 %
	Calibration []Calibration `json:"calibration"`    // from 0.5, 0.9 and 0.99
}

// Evaluate judges pairs. Equal probabilities are taken together, so the order of
// the pairs doesn't matter.
func Evaluate(pairs []Scored, truth Truth, threshold float64) Report {
	var rep Report
	for _, ids := range truth {
		rep.Judged++
		if len(ids) > 0 {
			rep.Matches++
		}
	}
	pairs = slices.Clone(pairs)
	slices.SortFunc(pairs, func(a, b Scored) int { return cmp.Compare(b.Probability, a.Probability) })
	rep.Calibration = []Calibration{{From: 0.5}, {From: 0.9}, {From: 0.99}}
	var n, right int
	for i, p := range pairs {
		known, judged := truth[p.RightID]
		if judged && p.LeftID != "" {
			n++
			ok := slices.Contains(known, p.LeftID)
			if ok {
				right++
			}
			rep.calibrate(p.Probability, ok)
		}
		if i+1 < len(pairs) && pairs[i+1].Probability == p.Probability {
			continue
		}
		q := quality(p.Probability, n, right, rep.Matches)
		if p.Probability >= threshold {
			rep.Default = q
		}
		if q.F1 > rep.Best.F1 {
			rep.Best = q
		}
		if q.Precision >= 0.99 && q.Recall > rep.At99.Recall {
			rep.At99 = q
		}
	}
	rep.Default.Threshold = threshold
	for i := range rep.Calibration {
		if c := &rep.Calibration[i]; c.Pairs > 0 {
			c.Predicted /= float64(c.Pairs)
			c.Actual /= float64(c.Pairs)
		}
	}
	return rep
}

func (r *Report) calibrate(p float64, right bool) {
	for i := range r.Calibration {
		c := &r.Calibration[i]
		if p < c.From {
			continue
		}
		c.Pairs++
		c.Predicted += p
		if right {
			c.Actual++
		}
	}
}

func quality(threshold float64, n, right, matches int) Quality {
	q := Quality{Threshold: threshold, Pairs: n, Right: right}
	if n > 0 {
		q.Precision = float64(right) / float64(n)
	}
	if matches > 0 {
		q.Recall = float64(right) / float64(matches)
	}
	if sum := q.Precision + q.Recall; sum > 0 {
		q.F1 = 2 * q.Precision * q.Recall / sum
	}
	return q
}

// Interval gives the 95 % interval of a share of right among n (Wilson's).
func Interval(right, n int) (lo, hi float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	p, m := float64(right)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(mid-half, 0), min(mid+half, 1)
}
