package match

import (
	"cmp"
	"slices"
)

// OneToOne settles that each left record is at most one right record: of those that
// claim the same one the most probable keeps it, and the others fall back on their
// next best candidate, or on none. Decisions are changed in place; the outcome
// doesn't depend on their order. The zero Options are the defaults.
func OneToOne(ds []Decision, o Options) {
	o = o.orDefault()
	type claim struct {
		at   int
		left string
		p    float64
	}
	var claims []claim
	for i := range ds {
		if d := &ds[i]; d.Band == BandMatch || d.Band == BandReview {
			claims = append(claims, claim{i, d.LeftID, d.Probability})
			for _, a := range d.Others {
				claims = append(claims, claim{i, a.LeftID, a.Probability})
			}
		}
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(ds[a.at].RightID, ds[b.at].RightID), cmp.Compare(a.left, b.left))
	})
	taken, settled := map[string]bool{}, map[int]bool{}
	for _, c := range claims {
		if taken[c.left] || settled[c.at] || c.p < o.Review {
			continue
		}
		taken[c.left], settled[c.at] = true, true
		d := &ds[c.at]
		if d.LeftID == c.left {
			continue
		}
		d.LeftID, d.Probability, d.Evidence, d.Others = c.left, c.p, nil, nil
		if d.Band = BandReview; c.p >= o.Threshold {
			d.Band = BandMatch
		}
	}
	for i := range ds {
		if d := &ds[i]; !settled[i] && (d.Band == BandMatch || d.Band == BandReview) {
			d.LeftID, d.Band, d.Evidence, d.Others = "", BandNone, nil, nil
		}
	}
}
