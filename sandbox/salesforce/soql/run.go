package soql

import "context"

// Result is what a query gave. It keeps references to rows; Record renders
// one of them on demand, reading parents and children from the Source.
type Result struct {
	Count     int  // totalSize; for SELECT COUNT() the count itself
	CountOnly bool // SELECT COUNT(): there are no records

	rows []Row
	root *selection
}

// Len gives the number of records that can be rendered.
func (r *Result) Len() int { return len(r.rows) }

// Record gives record i, from 0 to Len()-1.
func (r *Result) Record(i int) Record { return Record{row: r.rows[i], sel: r.root} }

// Filter gives the query's condition as a test of one record, which need not be
// in the Source. A condition with a sub-select is an *Error.
func (p *Plan) Filter() (func(Row) bool, error) {
	if len(p.env.semis) > 0 {
		return nil, &Error{Code: CodeMalformedQuery, Message: "a condition on one record takes no sub-select"}
	}
	if p.root.filter == nil {
		return func(Row) bool { return true }, nil
	}
	return p.root.filter, nil
}

// checkEvery is after how many rows a scan looks at its context.
const checkEvery = 4096

// Run evaluates the plan. Its error is the context's, when that ends first.
func (p *Plan) Run(ctx context.Context) (*Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, semi := range p.env.semis {
		if err := semi.fill(ctx); err != nil {
			return nil, err
		}
	}
	s := p.root
	if s.countOnly {
		n, err := s.count(ctx)
		return &Result{Count: n, CountOnly: true, root: s}, err
	}
	rows, err := s.rows(ctx)
	if err != nil {
		return nil, err
	}
	return &Result{Count: len(rows), rows: rows, root: s}, nil
}

func (s *selection) count(ctx context.Context) (int, error) {
	n := 0
	err := s.each(ctx, func(Row) bool {
		n++
		return true
	})
	n = max(0, n-s.offset)
	if s.limit >= 0 {
		n = min(n, s.limit)
	}
	return n, err
}

// rows gives the selected rows in order, after OFFSET and LIMIT; for grouped
// queries the rows of the groups.
func (s *selection) rows(ctx context.Context) ([]Row, error) {
	if s.groups != nil {
		rows, err := s.groups.run(ctx, s)
		if err != nil {
			return nil, err
		}
		return s.arrange(rows), nil
	}
	wanted := s.wanted()
	if wanted == 0 {
		return nil, nil
	}
	if len(s.keys) > 0 {
		sorter := newSorter(s.keys, wanted)
		err := s.each(ctx, func(r Row) bool {
			sorter.add(r)
			return true
		})
		if err != nil {
			return nil, err
		}
		return s.cut(sorter.sorted()), nil
	}
	var out []Row
	err := s.each(ctx, func(r Row) bool {
		out = append(out, r)
		return len(out) != wanted
	})
	if err != nil {
		return nil, err
	}
	return s.cut(out), nil
}

// wanted is how many rows, in order, are enough for OFFSET and LIMIT; -1 for
// all.
func (s *selection) wanted() int {
	if s.limit < 0 {
		return -1
	}
	return s.offset + s.limit
}

// arrange sorts and cuts.
func (s *selection) arrange(rows []Row) []Row {
	return s.cut(sortRows(rows, s.keys, s.wanted()))
}

// cut applies OFFSET and LIMIT.
func (s *selection) cut(rows []Row) []Row {
	rows = rows[min(s.offset, len(rows)):]
	if s.limit >= 0 {
		rows = rows[:min(s.limit, len(rows))]
	}
	return rows
}

// each yields the rows that pass the filter, through an index if one serves.
func (s *selection) each(ctx context.Context, yield func(Row) bool) error {
	seen := 0
	var stopped error
	visit := func(r Row) bool {
		seen++
		if seen%checkEvery == 0 {
			if stopped = ctx.Err(); stopped != nil {
				return false
			}
		}
		return s.filter != nil && !s.filter(r) || yield(r)
	}
	if rows, ok := s.indexed(); ok {
		for _, r := range rows {
			if !visit(r) {
				break
			}
		}
		return stopped
	}
	s.env.src.Scan(s.object.Name, s.env.all, visit)
	return stopped
}

// maxProbes bounds index look-ups; beyond it a scan is as good.
const maxProbes = 5000

func (s *selection) indexed() ([]Row, bool) {
	for _, wantID := range []bool{true, false} {
		for _, p := range s.paths {
			if (p.col == s.idCol) != wantID {
				continue
			}
			values := p.values
			if p.semi != nil {
				values = make([]any, len(p.semi.ids))
				for i, id := range p.semi.ids {
					values[i] = id
				}
			}
			if len(values) > maxProbes {
				continue
			}
			if rows, ok := s.probe(p.col, values); ok {
				return rows, true
			}
		}
	}
	return nil, false
}

func (s *selection) probe(col int, values []any) ([]Row, bool) {
	var out []Row
	for _, v := range values {
		if col == s.idCol {
			id, _ := v.(string)
			if r, ok := s.env.src.ByID(s.object.Name, id); ok && s.visible(r) {
				out = append(out, r)
			}
			continue
		}
		rows, ok := s.env.src.Lookup(s.object.Name, col, v, s.env.all)
		if !ok {
			return nil, false
		}
		out = append(out, rows...)
	}
	return out, true
}

// visible tells whether a row that was found by its id belongs to the query:
// deleted ones only with all rows.
func (s *selection) visible(r Row) bool {
	deleted, _ := cell(r, s.deletedCol).(bool)
	return s.env.all || !deleted
}

// childRows gives a parent's children, filtered, sorted and cut.
func (s *selection) childRows(parentID string) []Row {
	rows, ok := s.env.src.Lookup(s.object.Name, s.child.key, parentID, s.env.all)
	if !ok {
		if s.child.index == nil {
			s.child.index = map[string][]Row{}
			s.env.src.Scan(s.object.Name, s.env.all, func(r Row) bool {
				if id, ok := cell(r, s.child.key).(string); ok && id != "" {
					s.child.index[id] = append(s.child.index[id], r)
				}
				return true
			})
		}
		rows = s.child.index[parentID]
	}
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		if s.filter == nil || s.filter(r) {
			out = append(out, r)
		}
	}
	return s.arrange(out)
}
