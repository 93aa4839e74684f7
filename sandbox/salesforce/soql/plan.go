package soql

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"
)

// Options are what a query depends on beside its text and the records.
type Options struct {
	Now              time.Time      // what TODAY and the other date literals count from
	FiscalStartMonth int            // 1 to 12; anything else means January
	Location         *time.Location // the zone of date literals on dateTime fields; nil means UTC
	AllRows          bool           // deleted records too (queryAll)
	DefaultCurrency  string         // the ISO code that FORMAT shows; may be empty
	UserID           string         // whose records USING SCOPE mine gives
	Release          int            // the API's release, such as 67; 0 is the newest
}

// Plan is a checked and compiled query. It is for one goroutine at a time; its
// results read the Source again while they are rendered.
type Plan struct {
	env      *environment
	root     *selection
	compiler *compiler // of the whole query's SELECT
}

// selection is one compiled SELECT.
type selection struct {
	env        *environment
	object     *Object
	filter     predicate
	paths      []accessPath
	keys       []sortKey
	limit      int // -1: none
	offset     int
	countOnly  bool
	groups     *grouping
	nodes      []node
	idCol      int
	deletedCol int

	child *childLink
}

// childLink ties a child sub-select to its parent.
type childLink struct {
	key   int // the child's foreign-key column
	index map[string][]Row
}

// accessPath is a top-level condition that an index could answer.
type accessPath struct {
	col    int
	values []any
	semi   *semiJoin
}

// semiJoin is IN (SELECT …); its set is filled when the plan runs.
type semiJoin struct {
	of  *Compare
	sub *selection
	get func(Row) any
	set map[string]struct{}
	ids []string
}

// Prepare checks a parsed query against the schema of src and compiles it. An
// error is always an *Error: INVALID_TYPE for unknown objects, INVALID_FIELD
// for unknown fields, relationships and literals of the wrong type,
// INVALID_QUERY_FILTER_OPERATOR for operators and ids that do not fit a field,
// NUMBER_OUTSIDE_VALID_RANGE for the offset, INVALID_QUERY_SCOPE for a scope
// that the object has not, MALFORMED_QUERY for the rest.
//
// WITH SECURITY_ENFORCED and the modes, FOR VIEW and UPDATE TRACKING are
// accepted and change nothing: whose records a user sees is the caller's
// business. A currency literal compares by its number: there are no exchange
// rates here.
func Prepare(q *Query, src Source, opt Options) (*Plan, error) {
	if opt.Location == nil {
		opt.Location = time.UTC
	}
	if opt.FiscalStartMonth < 1 || opt.FiscalStartMonth > 12 {
		opt.FiscalStartMonth = 1
	}
	env := &environment{
		src: src, text: q.Text, all: opt.AllRows, currency: opt.DefaultCurrency, userID: opt.UserID, release: opt.Release, idCols: map[*Object]int{},
		cal: calendar{now: opt.Now, location: opt.Location, fiscalStart: time.Month(opt.FiscalStartMonth)},
	}
	if q.AllRows {
		return nil, env.fail(CodeMalformedQuery, q.allRowsPos, "ALL ROWS not allowed in this context")
	}
	from := q.From[0]
	if len(from.Path) > 1 {
		return nil, env.noType(strings.Join(from.Path, "."), from.Pos)
	}
	object, ok := src.Object(from.Path[0])
	if !ok {
		return nil, env.noType(from.Path[0], from.Pos)
	}
	c := env.compiler(q, object)
	root, err := c.compile(roleRoot)
	if err != nil {
		return nil, err
	}
	return &Plan{env: env, root: root, compiler: c}, nil
}

// Object names the object that the query is over.
func (p *Plan) Object() string { return p.root.object.Name }

func (e *environment) compiler(q *Query, object *Object) *compiler {
	return &compiler{env: e, q: q, object: object, aliases: map[string][]string{}, parents: map[string]bool{}}
}

func (e *environment) noType(name string, pos int) *Error {
	return e.fail(CodeInvalidType, pos, "sObject type '"+name+
		"' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. "+reference)
}

// role says for what a SELECT is compiled.
type role int

const (
	roleRoot role = iota
	roleChild
	roleSemi
)

const (
	maxOffset      = 2000
	maxFieldsLimit = 200
)

func (c *compiler) compile(r role) (*selection, *Error) {
	e, q, object := c.env, c.q, c.object
	s := &selection{env: e, object: object, limit: -1, idCol: object.FieldIndex("Id"), deletedCol: object.FieldIndex("IsDeleted")}
	if err := c.from(); err != nil {
		return nil, err
	}
	if err := c.limits(s); err != nil {
		return nil, err
	}
	for _, w := range q.With {
		if w.Kind == "DATA CATEGORY" {
			return nil, e.fail(CodeMalformedQuery, w.Pos, "Data category filters are not supported on entity '"+object.Name+"'")
		}
	}
	var err *Error
	if q.Where != nil {
		if s.filter, err = c.condition(q.Where, c.expr, r != roleSemi); err != nil {
			return nil, err
		}
		c.findPaths(s, q.Where)
	}
	if err := c.scope(s); err != nil {
		return nil, err
	}
	switch {
	case c.isCount():
		s.countOnly = true
		if len(q.Select) > 1 || r != roleRoot || len(q.GroupBy) > 0 {
			return nil, e.fail(CodeMalformedQuery, q.Select[0].Pos, "COUNT() must be the only element in the SELECT list")
		}
	case c.isGrouped():
		if r != roleRoot {
			return nil, e.fail(CodeMalformedQuery, q.Pos, "Aggregate functions and GROUP BY are not allowed in a sub-select")
		}
		s.groups, err = c.group(s)
		return s, err
	case r == roleSemi:
		// Its only column is compiled by the semi-join itself.
	default:
		if s.nodes, err = c.selectList(); err != nil {
			return nil, err
		}
	}
	s.keys, err = c.sortKeys(c.expr)
	return s, err
}

// from reads the aliases.
func (c *compiler) from() *Error {
	for i, f := range c.q.From {
		if i == 0 {
			if f.Alias != "" {
				c.aliases[strings.ToLower(f.Alias)] = nil
			}
			continue
		}
		path := c.normal(f.Path)
		if len(f.Path) < 2 || f.Alias == "" {
			return c.env.noType(strings.Join(f.Path, "."), f.Pos)
		}
		if _, err := c.field(slices.Concat(path, []string{"Id"}), f.Pos); err != nil {
			return err
		}
		c.aliases[strings.ToLower(f.Alias)] = path
	}
	return nil
}

func (c *compiler) limits(s *selection) *Error {
	if c.q.Limit != nil {
		s.limit = min(*c.q.Limit, math.MaxInt32)
	}
	if c.q.Offset != nil {
		s.offset = *c.q.Offset
		if s.offset > maxOffset {
			return c.env.fail(CodeNumberRange, c.q.offsetPos, "Maximum SOQL offset allowed is 2000")
		}
	}
	for _, item := range c.q.Select {
		if (item.Fields == "ALL" || item.Fields == "CUSTOM") && (s.limit < 0 || s.limit > maxFieldsLimit) {
			return c.env.fail(CodeMalformedQuery, item.Pos, "The SOQL FIELDS function must have a LIMIT of at most 200")
		}
	}
	return nil
}

// scope applies USING SCOPE: everything, or mine, the records that the user
// owns. The other scopes need what no object here has: territories, delegated
// groups, scoping rules.
func (c *compiler) scope(s *selection) *Error {
	switch strings.ToLower(c.q.Scope) {
	case "", "everything":
		return nil
	case "mine":
		if owner := c.object.FieldIndex("OwnerId"); owner >= 0 {
			filter, me := s.filter, any(c.env.userID)
			s.filter = func(r Row) bool { return cell(r, owner) == me && (filter == nil || filter(r)) }
			return nil
		}
	}
	return c.env.fail(CodeQueryScope, c.q.scopePos, "The scope '"+c.q.Scope+"' is not supported on entity '"+c.object.Name+"'")
}

func (c *compiler) isCount() bool {
	return slices.ContainsFunc(c.q.Select, func(i SelectItem) bool {
		return i.Expr != nil && i.Expr.Func == "COUNT" && len(i.Expr.Args) == 0
	})
}

func (c *compiler) isGrouped() bool {
	if len(c.q.GroupBy) > 0 {
		return true
	}
	return slices.ContainsFunc(c.q.Select, func(i SelectItem) bool { return i.Expr != nil && computes(i.Expr) })
}

// computes tells expressions that make a query an aggregate one.
func computes(e *Expr) bool {
	return isAggregate(e.Func) || isDateFunction(e.Func) || e.Func == "GROUPING" || slices.ContainsFunc(e.Args, computes)
}

// findPaths collects the top-level conditions that an index may answer; the
// whole filter is still applied to what the index gives.
func (c *compiler) findPaths(s *selection, cond Condition) {
	switch n := cond.(type) {
	case *And:
		for _, t := range n.Terms {
			c.findPaths(s, t)
		}
	case *Compare:
		if n.Left.Func != "" || n.Op != OpEqual && n.Op != OpIn {
			return
		}
		path := c.normal(n.Left.Path)
		if len(path) != 1 {
			return
		}
		col := c.object.FieldIndex(path[0])
		if n.Sub != nil {
			for _, semi := range c.env.semis {
				if semi.of == n {
					s.paths = append(s.paths, accessPath{col: col, semi: semi})
				}
			}
			return
		}
		if p, ok := indexable(c.object.Fields[col].Type, n.Values); ok {
			p.col = col
			s.paths = append(s.paths, p)
		}
	}
}

func indexable(typ Type, values []Literal) (accessPath, bool) {
	kind := classOf(typ)
	if kind != classID && (kind != classText || typ == TypeMultiPicklist) {
		return accessPath{}, false
	}
	seen := make(map[string]bool, len(values))
	var p accessPath
	for _, v := range values {
		if v.Kind != LiteralString || v.Text == "" {
			return accessPath{}, false
		}
		value, key := v.Text, strings.ToLower(v.Text)
		if kind == classID {
			value = ID18(v.Text)
			key = value
		}
		if !seen[key] {
			seen[key] = true
			p.values = append(p.values, value)
		}
	}
	return p, true
}

// semiJoin compiles IN (SELECT field FROM …) and NOT IN.
func (c *compiler) semiJoin(n *Compare, a accessor, top bool) (func(any) bool, *Error) {
	sub := n.Sub
	if !top {
		return nil, c.env.fail(CodeMalformedQuery, sub.Pos, "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.")
	}
	if classOf(a.typ) != classID {
		return nil, c.env.fail(CodeMalformedQuery, n.Left.Pos, "The left operand field in the where expression for outer query should be an id or reference field, cannot use: '"+a.name+"'")
	}
	from := sub.From[0]
	object, ok := c.env.src.Object(from.Path[0])
	if !ok || len(from.Path) > 1 {
		return nil, c.env.noType(strings.Join(from.Path, "."), from.Pos)
	}
	if object.Name == c.object.Name {
		return nil, c.env.fail(CodeMalformedQuery, from.Pos, "The inner and outer selects should not be on the same object type")
	}
	if len(sub.Select) != 1 || sub.Select[0].Expr == nil || sub.Select[0].Expr.Func != "" {
		return nil, c.env.fail(CodeMalformedQuery, sub.Pos, "semi join sub-selects can only query a single id or reference field")
	}
	inner := c.env.compiler(sub, object)
	plan, err := inner.compile(roleSemi)
	if err != nil {
		return nil, err
	}
	field, err := inner.expr(sub.Select[0].Expr)
	if err != nil {
		return nil, err
	}
	if classOf(field.typ) != classID {
		return nil, c.env.fail(CodeMalformedQuery, sub.Select[0].Pos, "The selected field '"+field.name+"' in the subquery and the left operand field in the where expression in the outer query '"+a.name+"' should point to the same object type")
	}
	semi := &semiJoin{sub: plan, get: field.get, of: n}
	c.env.semis = append(c.env.semis, semi)
	if len(c.env.semis) > maxSemiJoins {
		return nil, c.env.fail(CodeMalformedQuery, sub.Pos, "Maximum 2 semi join sub-selects are allowed")
	}
	anti := n.Op == OpNotIn
	return func(v any) bool {
		s, ok := v.(string)
		if !ok {
			return false
		}
		_, found := semi.set[s]
		return found != anti
	}, nil
}

// fill runs the sub-select.
func (s *semiJoin) fill(ctx context.Context) error {
	rows, err := s.sub.rows(ctx)
	if err != nil {
		return err
	}
	s.set = make(map[string]struct{}, len(rows))
	s.ids = s.ids[:0]
	for _, r := range rows {
		id, ok := s.get(r).(string)
		if !ok || id == "" {
			continue
		}
		if _, seen := s.set[id]; !seen {
			s.set[id] = struct{}{}
			s.ids = append(s.ids, id)
		}
	}
	return nil
}
