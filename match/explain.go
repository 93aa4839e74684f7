package match

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// evidence lists what the fields tell, the weightiest first. Fields that tell
// nothing are left out.
func (m *Model) evidence(v *vector) []Evidence {
	out := make([]Evidence, 0, 6)
	for f, l := range v {
		if bits := m.Bits[f][l]; bits != 0 && (l != missing || math.Abs(float64(bits)) >= 0.05) {
			out = append(out, Evidence{Field: field(f).String(), Says: says(field(f), l), Bits: float64(bits)})
		}
	}
	slices.SortStableFunc(out, func(a, b Evidence) int {
		switch x, y := math.Abs(a.Bits), math.Abs(b.Bits); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	return out
}

// says puts a level into words.
func says(f field, l level) string {
	switch f {
	case fieldName:
		return saysName(l)
	case fieldNumeral:
		return [...]string{"no number apart", "the same number", "only one has a number", "different numbers"}[l]
	case fieldQualifier:
		return [...]string{"no addition", "one adds its own country", "one adds a region", "one adds holding", "one adds a division", "each adds another word"}[l]
	case fieldForm:
		return [...]string{"", "another kind of company", "the same kind of company", "the same legal form"}[l]
	case fieldDomain:
		return [...]string{"", "different domains", "the domain is the other's name", "the same domain under another ending", "the same domain, which many use", "the same domain, which a few use", "the same domain"}[l]
	case fieldPlace:
		return [...]string{
			"", "different countries", "different states", "different towns", "the same country", "the same country", "the same state", "almost the same town",
			"the same large town", "the same town", "the same small town", "the same postcode",
		}[l]
	}
	if l == levelEqual {
		return "the same"
	}
	return "different"
}

func saysName(l level) string {
	if l == missing {
		return "no name"
	}
	group, step := int(l-1)/bitSteps, int(l-1)%bitSteps
	rare := [...]string{"very common", "common", "ordinary", "rare", "very rare", "very rare"}[step]
	switch group {
	case groupSame:
		return "the same words, " + rare
	case groupCut:
		return "one is the other cut short, " + rare
	}
	lo, hi := split(group)
	part := [...]string{"hardly any", "some", "half", "most", "nearly all", "all"}
	if lo == hi {
		return part[lo] + " of both names, " + rare
	}
	return fmt.Sprintf("%s of one and %s of the other name, %s", part[hi], part[lo], rare)
}

// Short writes the evidence of a decision in one line: "prior -3.8; name +7.5 (the
// same words, rare); …".
func (d *Decision) Short() string {
	if d.Band == BandNone {
		return ""
	}
	b := make([]byte, 0, 160)
	if d.Relation != RelationNone {
		b = append(append(b, d.Relation...), "; "...)
	}
	b = fmt.Appendf(b, "prior %+.1f", d.Prior)
	for _, e := range d.Evidence {
		b = append(append(append(b, "; "...), e.Field...), ' ')
		b = appendBits(b, e.Bits)
		b = append(append(append(b, " ("...), e.Says...), ')')
	}
	return string(b)
}

// appendBits writes bits with sign and one digit.
func appendBits(b []byte, bits float64) []byte {
	n := int(math.Round(math.Abs(bits) * 10))
	if bits < 0 {
		b = append(b, '-')
	} else {
		b = append(b, '+')
	}
	if n >= 100 {
		b = append(b, byte('0'+n/100))
	}
	return append(b, byte('0'+n/10%10), '.', byte('0'+n%10))
}

// Explain writes a decision for a person: a sentence, then how the probability came
// about, in bits.
func (d *Decision) Explain() string {
	var b strings.Builder
	b.WriteString(d.Sentence() + "\n")
	if d.Band == BandNone {
		return b.String()
	}
	sum := d.Prior
	fmt.Fprintf(&b, "  %+6.1f bits  before looking: one candidate among several, or none\n", d.Prior)
	for _, e := range d.Evidence {
		sum += e.Bits
		fmt.Fprintf(&b, "  %+6.1f bits  %s: %s\n", e.Bits, e.Field, e.Says)
	}
	fmt.Fprintf(&b, "  %+6.1f bits  in all: odds of %s for this candidate alone\n", sum, odds(sum))
	fmt.Fprintf(&b, "   %5.1f %%     is left when the other candidates are weighed too\n", 100*d.Probability)
	for _, o := range d.Others {
		fmt.Fprintf(&b, "             %s has %.1f %%\n", o.LeftID, 100*o.Probability)
	}
	return b.String()
}

func odds(bits float64) string {
	if bits >= 0 {
		return fmt.Sprintf("%.3g to 1", math.Exp2(bits))
	}
	return fmt.Sprintf("1 to %.3g", math.Exp2(-bits))
}

// Sentence says the decision in plain words.
func (d *Decision) Sentence() string {
	var because []string
	for _, e := range d.Evidence {
		if e.Bits >= 1 == (d.Band == BandMatch) && math.Abs(e.Bits) >= 1 && len(because) < 3 {
			because = append(because, e.Field+": "+e.Says)
		}
	}
	why := ""
	if len(because) > 0 {
		why = " (" + strings.Join(because, "; ") + ")"
	}
	switch d.Band {
	case BandMatch:
		return fmt.Sprintf("%s is %s%s.", d.RightID, d.LeftID, why)
	case BandReview:
		return fmt.Sprintf("%s may be %s, probability %.0f %%: a person should look%s.", d.RightID, d.LeftID, 100*d.Probability, why)
	case BandRelated:
		return fmt.Sprintf("%s is not %s but related to it: %s%s.", d.RightID, d.LeftID, d.Relation, why)
	}
	return d.RightID + " is none of the companies of the left list."
}
