package soql

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// grouping is a compiled aggregate query. The row of a group holds the values
// of the GROUP BY expressions, then for each whether it is rolled up (1) or
// not (0), then the aggregates.
type grouping struct {
	keys   []accessor
	names  map[string]int // canonical text → key
	sets   [][]bool       // which keys each grouping set keeps
	aggs   []aggregate
	aggAt  map[string]int
	having predicate
	whole  bool // no GROUP BY: all rows are one group
}

type aggregate struct {
	fn  string
	arg accessor
	typ Type
}

// group compiles SELECT, GROUP BY, HAVING and ORDER BY of an aggregate query.
func (c *compiler) group(s *selection) (*grouping, *Error) {
	g := &grouping{names: map[string]int{}, aggAt: map[string]int{}, whole: len(c.q.GroupBy) == 0}
	if g.whole && c.q.Limit != nil {
		return nil, c.env.fail(CodeMalformedQuery, c.q.limitPos, "Non-grouped query that uses overall aggregate functions cannot also use LIMIT")
	}
	for _, e := range c.q.GroupBy {
		a, err := c.expr(e)
		if err != nil {
			return nil, err
		}
		groupable := !a.long
		switch a.typ {
		case TypeDouble, TypeCurrency, TypePercent, TypeDateTime, TypeMultiPicklist, TypeBase64:
			groupable = false
		}
		if !groupable {
			return nil, c.env.fail(CodeInvalidField, e.Pos, "field '"+a.name+"' can not be grouped in a query call")
		}
		g.names[c.canonical(e)] = len(g.keys)
		g.keys = append(g.keys, a)
	}
	g.sets = groupingSets(c.q.Grouping, len(g.keys))
	aliases := map[string]*Expr{}
	var err *Error
	if s.nodes, err = c.groupSelect(g, aliases); err != nil {
		return nil, err
	}
	if c.q.Having != nil {
		g.having, err = c.condition(c.q.Having, func(e *Expr) (accessor, *Error) { return c.groupExpr(g, e, "Field") }, false)
		if err != nil {
			return nil, err
		}
	}
	s.keys, err = c.sortKeys(func(e *Expr) (accessor, *Error) {
		if e.Func == "" && len(e.Path) == 1 {
			if named, ok := aliases[strings.ToLower(e.Path[0])]; ok {
				return c.groupExpr(g, named, "Ordered field")
			}
		}
		return c.groupExpr(g, e, "Ordered field")
	})
	return g, err
}

// groupSelect compiles the SELECT list: names are aliases, the field's own
// name, or expr0, expr1 … in order of appearance.
func (c *compiler) groupSelect(g *grouping, aliases map[string]*Expr) ([]node, *Error) {
	var out []node
	unnamed := 0
	used := map[string]bool{}
	for _, item := range c.q.Select {
		if item.Expr == nil {
			return nil, c.env.fail(CodeMalformedQuery, item.Pos, "Grouped queries take only fields and functions in the SELECT list")
		}
		a, err := c.groupExpr(g, item.Expr, "Field")
		if err != nil {
			return nil, err
		}
		name := item.Alias
		switch {
		case name != "":
			aliases[strings.ToLower(name)] = item.Expr
		case computes(item.Expr):
			name = "expr" + strconv.Itoa(unnamed)
			unnamed++
		default:
			name = a.name
		}
		if used[strings.ToLower(name)] {
			return nil, c.env.fail(CodeMalformedQuery, item.Pos, "duplicate alias: "+name)
		}
		used[strings.ToLower(name)] = true
		out = append(out, valueNode(name, a))
	}
	return out, nil
}

// groupingSets gives for each set which keys it keeps: all of them, and for
// ROLLUP every shorter prefix, for CUBE every subset.
func groupingSets(form Grouping, n int) [][]bool {
	var out [][]bool
	switch form {
	case GroupRollup:
		for keep := n; keep >= 0; keep-- {
			set := make([]bool, n)
			for i := range keep {
				set[i] = true
			}
			out = append(out, set)
		}
	case GroupCube:
		for mask := 0; mask < 1<<min(n, 10); mask++ {
			set := make([]bool, n)
			for i := range set {
				set[i] = mask&(1<<i) == 0
			}
			out = append(out, set)
		}
	default:
		set := make([]bool, n)
		for i := range set {
			set[i] = true
		}
		out = append(out, set)
	}
	return out
}

// groupExpr compiles an expression over the row of a group.
func (c *compiler) groupExpr(g *grouping, e *Expr, what string) (accessor, *Error) {
	if i, ok := g.names[c.canonical(e)]; ok {
		return accessor{typ: g.keys[i].typ, name: g.keys[i].name, col: i, get: func(r Row) any { return cell(r, i) }}, nil
	}
	switch {
	case isAggregate(e.Func):
		return c.aggregate(g, e)
	case e.Func == "GROUPING":
		i, ok := g.names[c.canonical(e.Args[0])]
		if !ok || c.q.Grouping == GroupPlain {
			return accessor{}, c.env.fail(CodeMalformedQuery, e.Pos, "GROUPING takes a field of GROUP BY ROLLUP or GROUP BY CUBE")
		}
		i += len(g.keys)
		return accessor{typ: TypeInt, col: i, get: func(r Row) any { return cell(r, i) }}, nil
	case e.Func == "FORMAT" || e.Func == "TOLABEL" || e.Func == "CONVERTCURRENCY":
		a, err := c.groupExpr(g, e.Args[0], what)
		if err != nil {
			return a, err
		}
		return c.wrap(e, a)
	}
	a, err := c.expr(e) // an unknown field is the better complaint
	if err != nil {
		return a, err
	}
	field := e
	for field.Func != "" {
		field = field.Args[0]
	}
	return a, c.env.fail(CodeMalformedQuery, e.Pos, what+" must be grouped or aggregated: "+strings.Join(field.Path, "."))
}

func (c *compiler) aggregate(g *grouping, e *Expr) (accessor, *Error) {
	var agg aggregate
	if len(e.Args) == 0 {
		return accessor{}, c.env.fail(CodeMalformedQuery, e.Pos, "COUNT() is not allowed here; use COUNT(Id)")
	}
	arg, err := c.expr(e.Args[0])
	if err != nil {
		return arg, err
	}
	agg = aggregate{fn: e.Func, arg: arg, typ: arg.typ}
	kind := classOf(arg.typ)
	fits := true
	switch e.Func {
	case "COUNT", "COUNT_DISTINCT":
		agg.typ = TypeInt
	case "SUM":
		fits = kind == classNumber
	case "AVG":
		fits = kind == classNumber
		if agg.typ == TypeInt {
			agg.typ = TypeDouble
		}
	default:
		fits = kind != classBool && arg.typ != TypeMultiPicklist
	}
	if !fits || arg.typ == TypeBase64 || arg.long {
		return arg, c.env.fail(CodeMalformedQuery, e.Pos, "field "+arg.name+" does not support aggregate operator "+e.Func)
	}
	key := c.canonical(e)
	at, ok := g.aggAt[key]
	if !ok {
		at = len(g.aggs)
		g.aggAt[key] = at
		g.aggs = append(g.aggs, agg)
	}
	i := 2*len(g.keys) + at
	return accessor{typ: agg.typ, name: arg.name, col: i, get: func(r Row) any { return cell(r, i) }}, nil
}

// tally gathers one aggregate of one group.
type tally struct {
	count int64
	sum   float64
	best  any
	seen  map[string]struct{}
}

type bucket struct {
	row     Row
	tallies []tally
}

// run groups the rows that pass the filter; groups come in the order in which
// their first row does, set by set.
func (g *grouping) run(ctx context.Context, s *selection) ([]Row, error) {
	byKey := make([]map[string]*bucket, len(g.sets))
	order := make([][]*bucket, len(g.sets))
	for i := range byKey {
		byKey[i] = map[string]*bucket{}
	}
	values := make([]any, len(g.keys))
	var key []byte
	open := func(set int) *bucket {
		b := &bucket{row: make(Row, 2*len(g.keys)+len(g.aggs)), tallies: make([]tally, len(g.aggs))}
		for i := range g.keys {
			b.row[len(g.keys)+i] = int64(1)
			if g.sets[set][i] {
				b.row[i], b.row[len(g.keys)+i] = values[i], int64(0)
			}
		}
		byKey[set][string(key)] = b
		order[set] = append(order[set], b)
		return b
	}
	if g.whole {
		open(0)
	}
	err := s.each(ctx, func(r Row) bool {
		for i := range g.keys {
			values[i] = g.keys[i].get(r)
		}
		for set, keep := range g.sets {
			key = key[:0]
			for i, v := range values {
				if keep[i] {
					key = appendKey(key, v, classOf(g.keys[i].typ))
				}
			}
			b, ok := byKey[set][string(key)]
			if !ok {
				b = open(set)
			}
			for i := range g.aggs {
				b.tallies[i].add(&g.aggs[i], r)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	var out []Row
	for _, buckets := range order {
		for _, b := range buckets {
			for i := range g.aggs {
				b.row[2*len(g.keys)+i] = b.tallies[i].result(&g.aggs[i])
			}
			if g.having == nil || g.having(b.row) {
				out = append(out, b.row)
			}
		}
	}
	return out, nil
}

// appendKey adds a value to a group's key; text groups without regard to case.
func appendKey(dst []byte, v any, kind class) []byte {
	switch x := v.(type) {
	case nil:
		dst = append(dst, 0)
	case string:
		if kind == classText {
			x = strings.ToLower(x)
		}
		dst = append(dst, 1)
		dst = strconv.AppendInt(dst, int64(len(x)), 10)
		dst = append(dst, ':')
		dst = append(dst, x...)
	case time.Time:
		dst = append(dst, 2)
		dst = strconv.AppendInt(dst, x.UnixMilli(), 10)
	default:
		dst = append(dst, 3)
		if n, ok := toFloat(v); ok {
			dst = strconv.AppendFloat(dst, n, 'g', -1, 64)
		} else {
			dst = fmt.Append(dst, v)
		}
	}
	return append(dst, 0xff)
}

func (t *tally) add(a *aggregate, r Row) {
	v := a.arg.get(r)
	if v == nil || v == "" {
		return
	}
	t.count++
	switch a.fn {
	case "SUM", "AVG":
		n, _ := toFloat(v)
		t.sum += n
	case "COUNT_DISTINCT":
		if t.seen == nil {
			t.seen = map[string]struct{}{}
		}
		t.seen[string(appendKey(nil, v, classOf(a.arg.typ)))] = struct{}{}
	case "MIN", "MAX":
		d := 0
		if t.best != nil {
			d = compareValues(classOf(a.arg.typ), v, t.best)
		}
		if t.best == nil || a.fn == "MIN" && d < 0 || a.fn == "MAX" && d > 0 {
			t.best = v
		}
	}
}

func (t *tally) result(a *aggregate) any {
	switch a.fn {
	case "COUNT":
		return t.count
	case "COUNT_DISTINCT":
		return int64(len(t.seen))
	case "MIN", "MAX":
		return t.best
	}
	switch {
	case t.count == 0:
		return nil
	case a.fn == "AVG":
		return t.sum / float64(t.count)
	case a.typ == TypeInt:
		return int64(t.sum)
	}
	return t.sum
}
