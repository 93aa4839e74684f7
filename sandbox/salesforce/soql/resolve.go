package soql

import (
	"slices"
	"strings"
	"time"
)

// Salesforce's bounds on relationships in one query.
const (
	maxParentDepth   = 5
	maxChildDepth    = 5 // the root counts
	maxParents       = 55
	maxChildren      = 20
	maxSemiJoins     = 2
	maxConditionText = 4000
)

// The releases that changed what a query may hold (TYPEOF; Relationship Query
// Limitations).
const (
	typeOfSince     = 46
	deepChildsSince = 58 // before, a child sub-select has no children itself
)

// before says whether the query is of a release older than n.
func (e *environment) before(n int) bool { return e.release > 0 && e.release < n }

// accessor reads one value from a row.
type accessor struct {
	typ    Type
	name   string // the field's own name, for messages and JSON keys
	col    int    // the column when the value is the row's own, else -1
	get    func(Row) any
	object *Object // of which the field is
	long   bool    // no query may filter, sort or group by it
}

// column makes the accessor of a row's own field.
func column(o *Object, i int) accessor {
	f := o.Fields[i]
	return accessor{typ: f.Type, name: f.Name, col: i, object: o, long: f.Long, get: func(r Row) any { return cell(r, i) }}
}

// cell reads a column; a row that is shorter than its object has nulls.
func cell(r Row, i int) any {
	if i < 0 || i >= len(r) {
		return nil
	}
	return r[i]
}

// environment is what all parts of one plan share.
type environment struct {
	src      Source
	text     string
	cal      calendar
	all      bool
	currency string
	userID   string
	release  int
	semis    []*semiJoin
	idCols   map[*Object]int

	childDepth int // of the sub-select being compiled
}

// idColumn gives the column of Id.
func (e *environment) idColumn(o *Object) int {
	i, ok := e.idCols[o]
	if !ok {
		i = o.FieldIndex("Id")
		e.idCols[o] = i
	}
	return i
}

func (e *environment) fail(code string, pos int, text string) *Error {
	return errorAt(code, e.text, pos, text)
}

const tooDeep = "Relationship paths may go at most 5 levels up"

const reference = "Please reference your WSDL or the describe call for the appropriate names."

func (e *environment) noColumn(o string, name string, pos int) *Error {
	return e.fail(CodeInvalidField, pos, "No such column '"+name+"' on entity '"+o+
		"'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "+reference)
}

func (e *environment) noRelationship(name string, pos int) *Error {
	return e.fail(CodeInvalidField, pos, "Didn't understand relationship '"+name+
		"' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. "+reference)
}

// objects gives the objects of the org to which a field refers.
func (e *environment) objects(f Field) []*Object {
	out := make([]*Object, 0, len(f.ReferenceTo))
	for _, name := range f.ReferenceTo {
		if o, ok := e.src.Object(name); ok {
			out = append(out, o)
		}
	}
	return out
}

// parent gives the row that a foreign key names.
func (e *environment) parent(candidates []*Object, key any) (Row, *Object) {
	id, ok := key.(string)
	if !ok || id == "" {
		return nil, nil
	}
	for _, o := range candidates {
		if r, ok := e.src.ByID(o.Name, id); ok {
			return r, o
		}
	}
	return nil, nil
}

// relationship gives the reference field behind a relationship's name, or -1.
func relationship(o *Object, name string) int {
	return slices.IndexFunc(o.Fields, func(f Field) bool {
		return f.Relationship != "" && !f.Hidden && strings.EqualFold(f.Relationship, name)
	})
}

// nameFields are what a polymorphic relationship shows without TYPEOF: the
// fields of Salesforce's Name object, in lower case.
var nameFields = []string{
	"alias", "email", "firstname", "id", "isactive", "lastname", "middlename", "name", "nameoralias", "phone",
	"profileid", "recordtypeid", "suffix", "title", "type", "userroleid", "username",
}

// walk resolves a path that starts at an object.
func (e *environment) walk(o *Object, path []string, pos, depth int) (accessor, *Error) {
	if len(path) == 1 {
		i := o.FieldIndex(path[0])
		if i < 0 {
			return accessor{}, e.noColumn(o.Name, path[0], pos)
		}
		return column(o, i), nil
	}
	if depth >= maxParentDepth {
		return accessor{}, e.fail(CodeMalformedQuery, pos, tooDeep)
	}
	key := relationship(o, path[0])
	if key < 0 {
		return accessor{}, e.noRelationship(path[0], pos)
	}
	parents := e.objects(o.Fields[key])
	if len(parents) == 0 {
		return accessor{}, e.noRelationship(path[0], pos)
	}
	if len(o.Fields[key].ReferenceTo) > 1 {
		return e.walkPolymorphic(key, parents, path[1:], pos, depth)
	}
	below, err := e.walk(parents[0], path[1:], pos, depth+1)
	if err != nil {
		return accessor{}, err
	}
	get := below.get
	below.col = -1
	below.get = func(r Row) any {
		row, _ := e.parent(parents, cell(r, key))
		if row == nil {
			return nil
		}
		return get(row)
	}
	return below, nil
}

// walkPolymorphic resolves a path behind a reference to several objects: each
// object answers if it has the field.
func (e *environment) walkPolymorphic(key int, parents []*Object, path []string, pos, depth int) (accessor, *Error) {
	if len(path) == 1 && !slices.Contains(nameFields, strings.ToLower(path[0])) {
		return accessor{}, e.noColumn("Name", path[0], pos)
	}
	if len(path) == 1 && strings.EqualFold(path[0], "Type") {
		return accessor{typ: TypeString, name: "Type", col: -1, get: func(r Row) any {
			if _, o := e.parent(parents, cell(r, key)); o != nil {
				return o.Name
			}
			return nil
		}}, nil
	}
	below := make(map[*Object]func(Row) any, len(parents))
	var out accessor
	var failure *Error
	for _, o := range parents {
		a, err := e.walk(o, path, pos, depth+1)
		if err != nil {
			failure = err
			continue
		}
		if len(below) == 0 {
			out = a
		}
		below[o] = a.get
	}
	if len(below) == 0 {
		return accessor{}, failure
	}
	out.col = -1
	out.get = func(r Row) any {
		row, o := e.parent(parents, cell(r, key))
		if get := below[o]; get != nil && row != nil {
			return get(row)
		}
		return nil
	}
	return out, nil
}

// compiler turns one SELECT into closures over rows of its object.
type compiler struct {
	env     *environment
	q       *Query
	object  *Object
	aliases map[string][]string // lower-case alias → path from the object
	parents map[string]bool     // relationships used, in lower case
}

// normal strips the object's name and resolves aliases: c.Account.Name and
// Contact.Account.Name become Account.Name.
func (c *compiler) normal(path []string) []string {
	if len(path) < 2 {
		return path
	}
	if p, ok := c.aliases[strings.ToLower(path[0])]; ok {
		return slices.Concat(p, path[1:])
	}
	if relationship(c.object, path[0]) < 0 && strings.EqualFold(path[0], c.object.Name) {
		return path[1:]
	}
	return path
}

func (c *compiler) field(path []string, pos int) (accessor, *Error) {
	p := c.normal(path)
	a, err := c.env.walk(c.object, p, pos, 0)
	if err != nil {
		return a, err
	}
	for i := 1; i < len(p); i++ {
		c.parents[strings.ToLower(strings.Join(p[:i], "."))] = true
	}
	if len(c.parents) > maxParents {
		return a, c.env.fail(CodeMalformedQuery, pos, "Only 55 child-to-parent relationships are allowed in a query")
	}
	return a, nil
}

// expr compiles a field or a function of one row.
func (c *compiler) expr(e *Expr) (accessor, *Error) {
	switch {
	case e.Func == "":
		return c.field(e.Path, e.Pos)
	case isDateFunction(e.Func):
		return c.dateFunction(e)
	case e.Func == "TOLABEL" || e.Func == "CONVERTCURRENCY" || e.Func == "FORMAT":
		a, err := c.expr(e.Args[0])
		if err != nil {
			return a, err
		}
		return c.wrap(e, a)
	case isAggregate(e.Func):
		return accessor{}, c.env.fail(CodeMalformedQuery, e.Pos, "Aggregate function "+e.Func+" is not allowed here")
	case e.Func == "DISTANCE":
		if _, err := c.field(e.Args[0].Path, e.Args[0].Pos); err != nil {
			return accessor{}, err
		}
		return accessor{}, c.env.fail(CodeInvalidField, e.Args[0].Pos, "field '"+strings.Join(e.Args[0].Path, ".")+"' is not a geolocation field")
	}
	return accessor{}, c.env.fail(CodeMalformedQuery, e.Pos, "Function "+e.Func+" is not allowed here")
}

// wrap applies toLabel (labels are the values here), convertCurrency (there
// is one currency) or FORMAT to a compiled argument.
func (c *compiler) wrap(e *Expr, a accessor) (accessor, *Error) {
	switch e.Func {
	case "CONVERTCURRENCY":
		if a.typ != TypeCurrency {
			return a, c.env.fail(CodeInvalidField, e.Pos, "convertCurrency can only be used on currency fields")
		}
	case "FORMAT":
		get, typ := a.get, a.typ
		var iso func(Row) any
		if a.object != nil && a.col >= 0 {
			if i := a.object.FieldIndex("CurrencyIsoCode"); i >= 0 {
				iso = func(r Row) any { return cell(r, i) }
			}
		}
		a.typ = TypeString
		a.get = func(r Row) any {
			code := c.env.currency
			if iso != nil {
				if s, ok := iso(r).(string); ok && s != "" {
					code = s
				}
			}
			return formatValue(get(r), typ, code, c.env.cal.location)
		}
	}
	a.col = -1
	return a, nil
}

func (c *compiler) dateFunction(e *Expr) (accessor, *Error) {
	arg := e.Args[0]
	zone := time.UTC
	if arg.Func == "CONVERTTIMEZONE" {
		arg, zone = arg.Args[0], c.env.cal.location
	}
	if arg.Func != "" {
		return accessor{}, c.env.fail(CodeMalformedQuery, arg.Pos, "Date functions take a date or dateTime field")
	}
	a, err := c.field(arg.Path, arg.Pos)
	if err != nil {
		return a, err
	}
	needsTime := e.Func == "DAY_ONLY" || e.Func == "HOUR_IN_DAY" || e.Args[0].Func != ""
	if a.typ != TypeDateTime && (a.typ != TypeDate || needsTime) {
		return a, c.env.fail(CodeInvalidField, arg.Pos, "field '"+a.name+"' does not support the function "+e.Func)
	}
	get, name, cal := a.get, e.Func, c.env.cal
	out := accessor{typ: TypeInt, name: a.name, col: -1, get: func(r Row) any {
		switch v := get(r).(type) {
		case time.Time:
			return cal.dateFunction(name, v.In(zone))
		case string:
			if t, err := time.Parse(time.DateOnly, v); err == nil {
				return cal.dateFunction(name, t)
			}
		}
		return nil
	}}
	if name == "DAY_ONLY" {
		out.typ = TypeDate
	}
	return out, nil
}

// canonical gives one spelling to equal expressions.
func (c *compiler) canonical(e *Expr) string {
	if e.Func == "" {
		return strings.ToLower(strings.Join(c.normal(e.Path), "."))
	}
	parts := make([]string, len(e.Args))
	for i, a := range e.Args {
		parts[i] = c.canonical(a)
	}
	return e.Func + "(" + strings.Join(parts, ",") + ")"
}
