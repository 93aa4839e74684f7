package soql

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Table is the result of a query as rows of text, which is how the Bulk API
// gives it. It keeps references to rows; AppendCSV reads parents from the Source.
type Table struct {
	// Columns names the columns in the order of the SELECT list; a parent's
	// field has its path, such as Account.Name.
	Columns []string

	get  []accessor
	rows []Row
}

// CodeAPIError is what the Bulk API calls a query that it does not take.
const CodeAPIError = "API_ERROR"

// Table compiles the SELECT list of the plan's query into columns. An error is
// always an *Error: the Bulk API takes no GROUP BY, no aggregates, no OFFSET, no
// TYPEOF and no sub-select in the SELECT list (Bulk API 2.0 guide,
// Understanding Bulk API 2.0 Query, SOQL considerations).
func (p *Plan) Table() (*Table, error) {
	c := p.compiler
	if text := c.notFlat(p.root); text != "" {
		return nil, &Error{Code: CodeAPIError, Message: text + " not supported in Bulk V2 Query with CSV content type"}
	}
	t := &Table{}
	for _, item := range c.q.Select {
		if item.Fields != "" {
			for i, f := range c.object.Fields {
				if custom := strings.HasSuffix(f.Name, "__c"); f.Hidden || item.Fields == "STANDARD" && custom {
					continue
				}
				t.add(f.Name, column(c.object, i))
			}
			continue
		}
		a, err := c.expr(item.Expr)
		if err != nil {
			return nil, err
		}
		if a.typ == TypeBase64 {
			return nil, &Error{Code: CodeAPIError, Message: "Blob field not supported in Bulk V2 Query with CSV content type"}
		}
		name := item.Alias
		if name == "" {
			name = c.columnName(item.Expr)
		}
		t.add(name, a)
	}
	return t, nil
}

func (t *Table) add(name string, a accessor) {
	t.Columns = append(t.Columns, name)
	t.get = append(t.get, a)
}

// notFlat names what the query has that rows of text cannot show.
func (c *compiler) notFlat(root *selection) string {
	switch {
	case root.groups != nil || root.countOnly:
		return "Aggregate Relationships"
	case c.q.Offset != nil:
		return "OFFSET clause"
	}
	for _, item := range c.q.Select {
		switch {
		case item.Sub != nil:
			return "Nested Relationships"
		case item.TypeOf != nil:
			return "TYPEOF clause"
		case item.Fields == "ALL" || item.Fields == "CUSTOM":
			return "FIELDS(" + item.Fields + ")"
		}
	}
	return ""
}

// columnName writes a path with the schema's own names.
func (c *compiler) columnName(e *Expr) string {
	for e.Func != "" {
		e = e.Args[0]
	}
	path, o := c.normal(e.Path), c.object
	parts := make([]string, len(path))
	for i, name := range path {
		parts[i] = name
		if i == len(path)-1 {
			if at := o.FieldIndex(name); at >= 0 {
				parts[i] = o.Fields[at].Name
			}
			break
		}
		key := relationship(o, name)
		parts[i] = o.Fields[key].Relationship
		if parents := c.env.objects(o.Fields[key]); len(parents) > 0 {
			o = parents[0]
		}
	}
	return strings.Join(parts, ".")
}

// SortColumns puts the columns into the order of their names, as releases before
// 50.0 give them.
func (t *Table) SortColumns() {
	order := make([]int, len(t.Columns))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.Columns[a], t.Columns[b]) })
	columns, get := make([]string, len(order)), make([]accessor, len(order))
	for i, from := range order {
		columns[i], get[i] = t.Columns[from], t.get[from]
	}
	t.Columns, t.get = columns, get
}

// RunTable evaluates the plan for its table. The error is the context's, when
// that ends first.
func (p *Plan) RunTable(ctx context.Context, t *Table) error {
	result, err := p.Run(ctx)
	if err != nil {
		return err
	}
	t.rows = result.rows
	return nil
}

// Len gives the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// AppendCSV appends row i: every value in quotes, columns apart by the
// delimiter, without a line end. Null is an empty text, a dateTime ends in Z
// (Valid Date Format in Records).
func (t *Table) AppendCSV(dst []byte, i int, delimiter byte) []byte {
	row := t.rows[i]
	for n := range t.get {
		if n > 0 {
			dst = append(dst, delimiter)
		}
		a := &t.get[n]
		var v any
		if a.col >= 0 {
			v = cell(row, a.col)
		} else {
			v = a.get(row)
		}
		dst = appendCSVValue(dst, v, a.typ)
	}
	return dst
}

func appendCSVValue(dst []byte, v any, typ Type) []byte {
	dst = append(dst, '"')
	switch x := v.(type) {
	case string:
		dst = appendQuoted(dst, x)
	case nil:
		if typ == TypeBoolean {
			dst = append(dst, "false"...)
		}
	case time.Time:
		if y := x.UTC().Year(); y >= 0 && y <= 9999 {
			dst = x.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
		}
	default:
		dst = appendValue(dst, v, typ)
	}
	return append(dst, '"')
}

// appendQuoted doubles the quotes of a text.
func appendQuoted(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i+1]...)
		dst = append(dst, '"')
		s = s[i+1:]
	}
}
