package soql

import (
	"cmp"
	"strings"
	"time"
)

type predicate func(Row) bool

// resolver compiles the left side of a comparison.
type resolver func(*Expr) (accessor, *Error)

// condition compiles WHERE or HAVING. top says that semi-joins are allowed here: in
// the top level of WHERE, joined by AND.
func (c *compiler) condition(cond Condition, resolve resolver, top bool) (predicate, *Error) {
	switch n := cond.(type) {
	case *And:
		terms, err := c.conditions(n.Terms, resolve, top)
		if err != nil {
			return nil, err
		}
		return func(r Row) bool {
			for _, t := range terms {
				if !t(r) {
					return false
				}
			}
			return true
		}, nil
	case *Or:
		terms, err := c.conditions(n.Terms, resolve, false)
		if err != nil {
			return nil, err
		}
		return func(r Row) bool {
			for _, t := range terms {
				if t(r) {
					return true
				}
			}
			return false
		}, nil
	case *Not:
		t, err := c.condition(n.Term, resolve, false)
		if err != nil {
			return nil, err
		}
		return func(r Row) bool { return !t(r) }, nil
	case *Compare:
		return c.comparison(n, resolve, top)
	}
	return nil, c.env.fail(CodeMalformedQuery, c.q.Pos, "unknown condition")
}

func (c *compiler) conditions(in []Condition, resolve resolver, top bool) ([]predicate, *Error) {
	out := make([]predicate, len(in))
	for i, t := range in {
		var err *Error
		if out[i], err = c.condition(t, resolve, top); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *compiler) comparison(n *Compare, resolve resolver, top bool) (predicate, *Error) {
	a, err := resolve(n.Left)
	if err != nil {
		return nil, err
	}
	if a.typ == TypeBase64 || a.long {
		return nil, c.env.fail(CodeInvalidField, n.Left.Pos, "field '"+a.name+"' can not be filtered in a query call")
	}
	var match func(any) bool
	if n.Sub != nil {
		match, err = c.semiJoin(n, a, top)
	} else {
		match, err = c.matcher(n, a)
	}
	if err != nil {
		return nil, err
	}
	if a.col >= 0 {
		col := a.col
		return func(r Row) bool { return match(cell(r, col)) }, nil
	}
	return func(r Row) bool { return match(a.get(r)) }, nil
}

// matcher compiles operator and literals for the field's type.
func (c *compiler) matcher(n *Compare, a accessor) (func(any) bool, *Error) {
	kind := classOf(a.typ)
	switch n.Op {
	case OpLike:
		if kind != classText {
			return nil, c.badOperator(n, a)
		}
		return likeMatcher(n.Values[0]), nil
	case OpIncludes, OpExcludes:
		if a.typ != TypeMultiPicklist {
			return nil, c.badOperator(n, a)
		}
		for _, v := range n.Values {
			if v.Kind != LiteralString && v.Kind != LiteralNull {
				return nil, c.mismatch(n, a)
			}
		}
		includes := includesMatcher(n.Values)
		if n.Op == OpExcludes {
			return func(v any) bool { return !includes(v) }, nil
		}
		return includes, nil
	}
	ordering := n.Op != OpEqual && n.Op != OpNotEqual && n.Op != OpIn && n.Op != OpNotIn
	if ordering && (kind == classBool || a.typ == TypeMultiPicklist) {
		return nil, c.badOperator(n, a)
	}
	hasNull := false
	values := make([]Literal, 0, len(n.Values))
	for _, v := range n.Values {
		if v.Kind == LiteralNull || v.Kind == LiteralString && v.Text == "" && (kind == classText || kind == classID) {
			hasNull = true // Salesforce keeps no empty text: '' is null
			continue
		}
		if err := c.fits(n, a, kind, v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	if ordering {
		if len(values) == 0 {
			return func(any) bool { return false }, nil
		}
		return c.ordered(n.Op, kind, values[0]), nil
	}
	in := c.member(a, kind, values)
	missing := hasNull
	if kind == classBool && !hasNull {
		missing = in(false) // a checkbox without a record counts as unchecked
	}
	member := func(v any) bool {
		if v == nil || v == "" {
			return missing
		}
		return in(v)
	}
	if n.Op == OpNotEqual || n.Op == OpNotIn {
		return func(v any) bool { return !member(v) }, nil
	}
	return member, nil
}

func (c *compiler) badOperator(n *Compare, a accessor) *Error {
	kind := strings.ToLower(string(a.typ))
	if classOf(a.typ) == classID {
		kind = "id"
	}
	return c.env.fail(CodeFilterOperator, n.Left.Pos, "invalid operator on "+kind+" field")
}

// mismatch is the complaint about a literal of the wrong type. Salesforce
// gives it the code INVALID_FIELD and points at the field.
func (c *compiler) mismatch(n *Compare, a accessor) *Error {
	want, quotes := "string", "should be enclosed in quotes"
	switch classOf(a.typ) {
	case classNumber:
		want, quotes = "double", "should not be enclosed in quotes"
		if a.typ == TypeInt {
			want = "int"
		}
	case classBool:
		want, quotes = "boolean", "should not be enclosed in quotes"
	case classDate:
		want, quotes = "date", "should not be enclosed in quotes"
	case classDateTime:
		want, quotes = "dateTime", "should not be enclosed in quotes"
	case classID:
		want = "ID"
	}
	return c.env.fail(CodeInvalidField, n.Left.Pos, "value of filter criterion for field '"+a.name+"' must be of type "+want+" and "+quotes)
}

// fits checks a literal that is not null against the field's type.
func (c *compiler) fits(n *Compare, a accessor, kind class, v Literal) *Error {
	ok := false
	switch kind {
	case classText:
		ok = v.Kind == LiteralString
		if ok && len(v.Text) > maxConditionText {
			return c.env.fail(CodeMalformedQuery, v.Pos, "The string literal is longer than 4000 characters")
		}
	case classID:
		ok = v.Kind == LiteralString
		if ok && !validID(v.Text) {
			return c.env.fail(CodeFilterOperator, n.Left.Pos, "invalid ID field: "+v.Text)
		}
	case classNumber:
		ok = v.Kind == LiteralInt || v.Kind == LiteralFloat || v.Kind == LiteralCurrency && a.typ == TypeCurrency
	case classBool:
		ok = v.Kind == LiteralBool
	case classDate:
		ok = v.Kind == LiteralDate || v.Kind == LiteralRange
	case classDateTime:
		ok = v.Kind == LiteralDateTime || v.Kind == LiteralRange
	}
	if !ok {
		return c.mismatch(n, a)
	}
	return nil
}

// span is the half-open interval of a date or date-time literal: a moment is
// one millisecond long, a day a day.
type span struct {
	fromDay, toDay string // for date fields
	from, to       int64  // for dateTime fields, milliseconds
}

func (c *compiler) span(kind class, v Literal) span {
	if v.Kind == LiteralDateTime {
		return span{from: v.Millis, to: v.Millis + 1}
	}
	from, to := c.env.cal.days(v)
	if kind == classDate {
		return span{fromDay: from.Format(time.DateOnly), toDay: to.Format(time.DateOnly)}
	}
	return span{from: c.env.cal.midnight(from).UnixMilli(), to: c.env.cal.midnight(to).UnixMilli()}
}

// ordered compiles <, <=, > and >=. Nulls never match. Against a span, < is
// before its start, <= before its end, >= from its start, > from its end.
func (c *compiler) ordered(op Operator, kind class, v Literal) func(any) bool {
	less := op == OpLess || op == OpLessEqual
	orEqual := op == OpLessEqual || op == OpGreaterEqual
	decide := func(d int) bool {
		if d == 0 {
			return orEqual
		}
		return d < 0 == less
	}
	switch kind {
	case classNumber:
		limit := v.Number
		return func(x any) bool {
			n, ok := toFloat(x)
			return ok && decide(cmp.Compare(n, limit))
		}
	case classDateTime:
		s := c.span(kind, v)
		edge := s.from
		if op == OpLessEqual || op == OpGreater {
			edge = s.to
		}
		return func(x any) bool {
			t, ok := x.(time.Time)
			return ok && (t.UnixMilli() < edge) == less
		}
	case classDate:
		s := c.span(kind, v)
		edge := s.fromDay
		if op == OpLessEqual || op == OpGreater {
			edge = s.toDay
		}
		return func(x any) bool {
			d, ok := x.(string)
			return ok && d != "" && (d < edge) == less
		}
	case classID:
		id := ID18(v.Text)
		return func(x any) bool {
			s, ok := x.(string)
			return ok && s != "" && decide(strings.Compare(s, id))
		}
	}
	text := v.Text
	return func(x any) bool {
		s, ok := x.(string)
		return ok && s != "" && decide(compareFold(s, text))
	}
}

// few is the number of values up to which comparing one by one beats a map.
const few = 4

// member compiles = and IN for values that are not null.
func (c *compiler) member(a accessor, kind class, values []Literal) func(any) bool {
	switch kind {
	case classNumber:
		set := make(map[float64]struct{}, len(values))
		for _, v := range values {
			set[v.Number] = struct{}{}
		}
		return func(x any) bool {
			n, ok := toFloat(x)
			_, found := set[n]
			return ok && found
		}
	case classBool:
		var yes, no bool
		for _, v := range values {
			yes, no = yes || v.Bool, no || !v.Bool
		}
		return func(x any) bool {
			b, ok := x.(bool)
			return ok && (b && yes || !b && no)
		}
	case classDate, classDateTime:
		spans := make([]span, len(values))
		for i, v := range values {
			spans[i] = c.span(kind, v)
		}
		return func(x any) bool {
			switch t := x.(type) {
			case time.Time:
				ms := t.UnixMilli()
				for _, s := range spans {
					if ms >= s.from && ms < s.to {
						return true
					}
				}
			case string:
				for _, s := range spans {
					if t >= s.fromDay && t < s.toDay {
						return true
					}
				}
			}
			return false
		}
	case classID:
		set := make(map[string]struct{}, len(values))
		for _, v := range values {
			set[ID18(v.Text)] = struct{}{}
		}
		return func(x any) bool {
			s, ok := x.(string)
			if !ok {
				return false
			}
			_, found := set[s]
			return found
		}
	}
	return textMember(a.typ, values)
}

func textMember(typ Type, values []Literal) func(any) bool {
	if typ == TypeMultiPicklist {
		sets := make([][]string, len(values))
		for i, v := range values {
			sets[i] = strings.Split(v.Text, ";")
		}
		return func(x any) bool {
			s, _ := x.(string)
			have := strings.Split(s, ";")
			for _, want := range sets {
				if len(want) == len(have) && containsAll(have, want) {
					return true
				}
			}
			return false
		}
	}
	if len(values) <= few {
		return func(x any) bool {
			s, ok := x.(string)
			if !ok {
				return false
			}
			for i := range values {
				if strings.EqualFold(s, values[i].Text) {
					return true
				}
			}
			return false
		}
	}
	set := make(map[string]struct{}, len(values))
	for _, v := range values {
		set[strings.ToLower(v.Text)] = struct{}{}
	}
	return func(x any) bool {
		s, ok := x.(string)
		if !ok {
			return false
		}
		_, found := set[strings.ToLower(s)]
		return found
	}
}

func containsAll(have, want []string) bool {
	for _, w := range want {
		found := false
		for _, h := range have {
			if strings.EqualFold(h, w) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}

// includesMatcher matches when one of the values ("A;B" means A and B) is
// selected in a multi-select picklist.
func includesMatcher(values []Literal) func(any) bool {
	sets := make([][]string, 0, len(values))
	for _, v := range values {
		if v.Kind == LiteralString {
			sets = append(sets, strings.Split(v.Text, ";"))
		}
	}
	return func(x any) bool {
		s, _ := x.(string)
		if s == "" {
			return len(sets) < len(values) // INCLUDES (null)
		}
		have := strings.Split(s, ";")
		for _, want := range sets {
			if containsAll(have, want) {
				return true
			}
		}
		return false
	}
}
