package match

// Relation says how a record of the right list is related to one of the left list
// that it is not.
type Relation string

// The relations.
const (
	RelationNone       Relation = ""
	RelationSubsidiary Relation = "subsidiary" // the right record is a part of the left one
	RelationParent     Relation = "parent"     // the left record is a part of the right one
	RelationSibling    Relation = "sibling"    // both are parts of something, or numbered differently
	RelationFranchise  Relation = "franchise"  // the same name elsewhere under a domain that many use
)

// relative looks among the candidates for one of the same family.
func (m *Matcher) relative(s *session, e *entity) (at int, rel Relation) {
	var most float64
	for i := range s.rows {
		if !kin(&s.vectors[i]) {
			continue
		}
		s.ix.load(s.rows[i], &s.left)
		r := s.cmp.relation(&s.left, e, &s.vectors[i])
		if w := m.model.weight(&s.vectors[i]); r != RelationNone && (rel == RelationNone || w > most) {
			at, rel, most = i, r, w
		}
	}
	return at, rel
}

// kin says whether a pair's levels leave room for a relation.
func kin(v *vector) bool {
	if v[fieldDomain] >= domainMany {
		return true
	}
	if v[fieldName] == missing {
		return false
	}
	group := int(v[fieldName]-1) / bitSteps
	if group >= groupCut {
		return true
	}
	lo, _ := split(group)
	return lo == shareSteps-1
}

// relation judges a pair that is not one company.
func (c *comparer) relation(left, right *entity, v *vector) Relation {
	if len(left.names) == 0 || len(right.names) == 0 {
		return RelationNone
	}
	l := c.al.compare(left.names[0], right.names[0])
	d := v[fieldDomain]
	near := min(l.left, l.right) >= 0.95 && l.bits >= 8
	x, y := l.unmatched[0], l.unmatched[1]
	extraLeft, extraRight := x != tally{}, y != tally{}
	switch {
	case near && extraLeft && extraRight, near && v[fieldNumeral] == numeralDiffer:
		return RelationSibling
	case near && extraRight:
		return RelationSubsidiary
	case near && extraLeft:
		return RelationParent
	case near && d == domainMany:
		return RelationFranchise
	case near && v[fieldPlace] == placeCountryDiffer:
		return RelationSibling
	case d == domainEqual || d == domainFew:
		if l.bits >= 8 {
			return RelationSibling
		}
	}
	return RelationNone
}
