package soql

import (
	"slices"
	"strings"
)

// nodeKind says what an element of a rendered record is.
type nodeKind int

const (
	nodeValue nodeKind = iota
	nodeParent
	nodeChildren
)

// node renders one key of a record.
type node struct {
	kind  nodeKind
	key   []byte // ,"Name":
	value accessor

	// A parent record. Its fields depend on which object the reference hits.
	ref      int
	parents  []*Object
	fields   map[*Object][]node
	typeName string // what attributes.type says instead of the object's name; "" for the object's own

	children *selection
}

func keyOf(name string) []byte {
	return append(appendString([]byte{','}, name), ':')
}

func valueNode(name string, a accessor) node { return node{key: keyOf(name), value: a} }

// selectList compiles the SELECT list of a query that is not grouped. Fields
// of the same parent are put together where the parent is first named.
func (c *compiler) selectList() ([]node, *Error) {
	root := &branch{}
	used := map[string]bool{}
	children := 0
	for _, item := range c.q.Select {
		var err *Error
		switch {
		case item.Sub != nil:
			if children++; children > maxChildren {
				return nil, c.env.fail(CodeMalformedQuery, item.Pos, "Only 20 parent-to-child relationships are allowed in a query")
			}
			err = c.childNode(root, item)
		case item.TypeOf != nil:
			err = c.typeOfNode(root, item.TypeOf)
		case item.Fields != "":
			err = c.allFields(root, item, used)
		default:
			err = c.fieldNode(root, item, used)
		}
		if err != nil {
			return nil, err
		}
	}
	return c.build(root, c.object, false)
}

// branch is the tree of the SELECT list before it is compiled: leaves and
// parents in the order of their first mention.
type branch struct {
	items []branchItem
}

type branchItem struct {
	name   string  // a field of this level, or the relationship of sub
	wrap   []*Expr // toLabel, FORMAT, convertCurrency around the field, outermost first
	sub    *branch
	typeOf *TypeOf
	ready  *node // compiled already (aliases, children)
	pos    int
}

// under gives the branch of a relationship, made when it is new.
func (b *branch) under(name string, pos int) *branch {
	for _, i := range b.items {
		if i.sub != nil && strings.EqualFold(i.name, name) {
			return i.sub
		}
	}
	sub := &branch{}
	b.items = append(b.items, branchItem{name: name, sub: sub, pos: pos})
	return sub
}

func (c *compiler) fieldNode(root *branch, item SelectItem, used map[string]bool) *Error {
	a, err := c.expr(item.Expr)
	if err != nil {
		return err
	}
	if item.Alias != "" {
		if item.Expr.Func == "" {
			return c.env.fail(CodeMalformedQuery, item.Pos, "only aggregate expressions use field aliasing")
		}
		if err := c.once(used, item.Alias, item.Pos); err != nil {
			return err
		}
		n := valueNode(item.Alias, a)
		root.items = append(root.items, branchItem{ready: &n})
		return nil
	}
	var wrap []*Expr
	field := item.Expr
	for field.Func != "" {
		wrap = append(wrap, field)
		field = field.Args[0]
	}
	path := c.normal(field.Path)
	if err := c.once(used, strings.Join(path, "."), item.Pos); err != nil {
		return err
	}
	at := root
	for _, rel := range path[:len(path)-1] {
		at = at.under(rel, field.Pos)
	}
	at.items = append(at.items, branchItem{name: path[len(path)-1], wrap: wrap, pos: field.Pos})
	return nil
}

func (c *compiler) once(used map[string]bool, name string, pos int) *Error {
	key := strings.ToLower(name)
	if used[key] {
		return c.env.fail(CodeMalformedQuery, pos, "duplicate field selected: "+name)
	}
	used[key] = true
	return nil
}

func (c *compiler) allFields(root *branch, item SelectItem, used map[string]bool) *Error {
	for _, f := range c.object.Fields {
		custom := strings.HasSuffix(f.Name, "__c")
		if f.Hidden || item.Fields == "CUSTOM" && !custom || item.Fields == "STANDARD" && custom {
			continue
		}
		if err := c.once(used, f.Name, item.Pos); err != nil {
			return err
		}
		root.items = append(root.items, branchItem{name: f.Name, pos: item.Pos})
	}
	return nil
}

func (c *compiler) typeOfNode(root *branch, t *TypeOf) *Error {
	if c.env.before(typeOfSince) {
		return c.env.fail(CodeMalformedQuery, t.Pos, "unexpected token: 'TYPEOF'")
	}
	path := c.normal(t.Path)
	if len(path) > maxParentDepth {
		return c.env.fail(CodeMalformedQuery, t.Pos, tooDeep)
	}
	at := root
	for _, rel := range path[:len(path)-1] {
		at = at.under(rel, t.Pos)
	}
	at.items = append(at.items, branchItem{name: path[len(path)-1], typeOf: t, pos: t.Pos})
	return nil
}

// build compiles a branch against an object. lenient is for one of several
// objects behind a polymorphic reference: a field it lacks is null.
func (c *compiler) build(b *branch, o *Object, lenient bool) ([]node, *Error) {
	out := make([]node, 0, len(b.items))
	for _, item := range b.items {
		var n node
		var err *Error
		switch {
		case item.ready != nil:
			n = *item.ready
		case item.typeOf != nil:
			n, err = c.buildTypeOf(item, o)
		case item.sub != nil:
			n, err = c.buildParent(item, o)
		default:
			n, err = c.buildLeaf(item, o)
		}
		if err != nil {
			if !lenient {
				return nil, err
			}
			n = valueNode(item.name, accessor{col: -1, get: func(Row) any { return nil }})
		}
		out = append(out, n)
	}
	return out, nil
}

func (c *compiler) buildLeaf(item branchItem, o *Object) (node, *Error) {
	a, err := c.env.walk(o, []string{item.name}, item.pos, 0)
	if err != nil {
		return node{}, err
	}
	for _, w := range slices.Backward(item.wrap) {
		if a, err = c.wrap(w, a); err != nil {
			return node{}, err
		}
	}
	return valueNode(a.name, a), nil
}

func (c *compiler) buildParent(item branchItem, o *Object) (node, *Error) {
	ref := relationship(o, item.name)
	if ref < 0 {
		return node{}, c.env.noRelationship(item.name, item.pos)
	}
	f := o.Fields[ref]
	n := node{kind: nodeParent, key: keyOf(f.Relationship), ref: ref, parents: c.env.objects(f), fields: map[*Object][]node{}}
	many := len(f.ReferenceTo) > 1
	if many {
		n.typeName = "Name"
	}
	for _, p := range n.parents {
		fields, err := c.build(item.sub, p, many)
		if err != nil {
			return n, err
		}
		for i, leaf := range item.sub.items {
			if many && strings.EqualFold(leaf.name, "Type") {
				fields[i] = valueNode("Type", accessor{typ: TypeString, col: -1, get: func(Row) any { return p.Name }})
			}
		}
		n.fields[p] = fields
	}
	return n, nil
}

func (c *compiler) buildTypeOf(item branchItem, o *Object) (node, *Error) {
	t := item.typeOf
	ref := relationship(o, item.name)
	if ref < 0 {
		return node{}, c.env.noRelationship(item.name, item.pos)
	}
	f := o.Fields[ref]
	if len(f.ReferenceTo) < 2 {
		return node{}, c.env.fail(CodeMalformedQuery, item.pos, "TYPEOF can only be used with polymorphic relationships: "+item.name)
	}
	n := node{kind: nodeParent, key: keyOf(f.Relationship), ref: ref, parents: c.env.objects(f), fields: map[*Object][]node{}}
	for _, w := range t.Whens {
		p, ok := c.env.src.Object(w.Object)
		if !ok {
			return n, c.env.noType(w.Object, w.Pos)
		}
		if !slices.Contains(n.parents, p) {
			return n, c.env.fail(CodeInvalidType, w.Pos, "'"+w.Object+"' is not a type that '"+item.name+"' may refer to")
		}
		fields, err := c.typeOfFields(w.Fields, p, false)
		if err != nil {
			return n, err
		}
		n.fields[p] = fields
	}
	for _, p := range n.parents {
		if _, ok := n.fields[p]; ok {
			continue
		}
		fields, err := c.typeOfFields(t.Else, p, true)
		if err != nil {
			return n, err
		}
		n.fields[p] = fields
	}
	return n, nil
}

func (c *compiler) typeOfFields(list []*Expr, o *Object, lenient bool) ([]node, *Error) {
	b := &branch{}
	for _, e := range list {
		if len(e.Path) > maxParentDepth {
			return nil, c.env.fail(CodeMalformedQuery, e.Pos, tooDeep)
		}
		at := b
		for _, rel := range e.Path[:len(e.Path)-1] {
			at = at.under(rel, e.Pos)
		}
		at.items = append(at.items, branchItem{name: e.Path[len(e.Path)-1], pos: e.Pos})
	}
	return c.build(b, o, lenient)
}

// childNode compiles (SELECT … FROM Contacts); the relationship may be written
// with the parent's name or alias before it.
func (c *compiler) childNode(root *branch, item SelectItem) *Error {
	from := item.Sub.From[0]
	path := from.Path
	if len(path) == 2 {
		_, isAlias := c.aliases[strings.ToLower(path[0])]
		if isAlias || strings.EqualFold(path[0], c.object.Name) {
			path = path[1:]
		}
	}
	i := slices.IndexFunc(c.object.Children, func(ch Child) bool {
		return len(path) == 1 && strings.EqualFold(ch.Relationship, path[0])
	})
	var object *Object
	key := -1
	if i >= 0 {
		if o, ok := c.env.src.Object(c.object.Children[i].Object); ok {
			object, key = o, o.FieldIndex(c.object.Children[i].Field)
		}
	}
	if key < 0 {
		return c.env.fail(CodeInvalidType, from.Pos, "Didn't understand relationship '"+strings.Join(path, ".")+
			"' in FROM part of query call. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. "+reference)
	}
	c.env.childDepth++
	defer func() { c.env.childDepth-- }()
	if c.env.before(deepChildsSince) && c.env.childDepth > 1 {
		return c.env.fail(CodeMalformedQuery, from.Pos, "Child sub-selects are nested from API version 58.0 on")
	}
	if c.env.childDepth >= maxChildDepth {
		return c.env.fail(CodeMalformedQuery, from.Pos, "Parent-to-child sub-selects may be nested at most 5 levels deep")
	}
	s, err := c.env.compiler(item.Sub, object).compile(roleChild)
	if err != nil {
		return err
	}
	s.child = &childLink{key: key}
	root.items = append(root.items, branchItem{ready: &node{
		kind: nodeChildren, key: keyOf(c.object.Children[i].Relationship), children: s,
	}})
	return nil
}
