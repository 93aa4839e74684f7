package salesforce

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// loadBatch is how many records Load writes in one transaction.
const loadBatch = rowsPerEntry

// Load brings records into the organisation past the API: the way to seed it, told
// of by gap events, as what is done in the database itself.
// Each pair is an object's name and the record's fields, whose values are
// strings, booleans, numbers (float64, int, int64, json.Number), time.Time or
// nil. Ids and audit fields (CreatedDate, LastModifiedById, SystemModstamp,
// IsDeleted …) may be chosen; a record whose Id is there already is changed.
// Types, lengths, restricted picklists, required fields and unique fields are
// judged as everywhere; that a reference points to a record is not, so that
// records may come in any order. Records are journalled in batches of 500:
// after an error (which names the record by its number from 1) the batches
// before it stay. It gives the number of records that were written.
func (s *Server) Load(ctx context.Context, records iter.Seq2[string, map[string]any]) (int, error) {
	l := loader{s: s, names: map[string]map[string]*field{}, in: map[string]*values{}}
	var err error
	for name, fields := range records {
		if l.x == nil {
			if err = ctx.Err(); err != nil {
				break
			}
			l.x = s.begin(s.org.UserID)
			l.x.past = true
		}
		l.number++
		if refused := l.record(name, fields); refused != nil {
			err = fmt.Errorf("record %d (%s): %w", l.number, name, refused)
			break
		}
		if l.inBatch++; l.inBatch == loadBatch {
			if err = l.flush(); err != nil {
				break
			}
		}
	}
	if err != nil {
		if l.x != nil {
			l.x.rollback()
		}
		return l.written, fmt.Errorf("salesforce sandbox: load: %w", err)
	}
	if err := l.flush(); err != nil {
		return l.written, fmt.Errorf("salesforce sandbox: load: %w", err)
	}
	return l.written, nil
}

type loader struct {
	s       *Server
	x       *tx
	names   map[string]map[string]*field // per object, the names as they come
	in      map[string]*values           // per object, used again for each record
	number  int
	inBatch int
	written int
}

func (l *loader) flush() error {
	if l.x == nil {
		return nil
	}
	x := l.x
	l.x = nil
	if err := x.commit(); err != nil {
		return err
	}
	l.written += l.inBatch
	l.inBatch = 0
	return nil
}

func (l *loader) record(name string, fields map[string]any) error {
	o, ok := l.s.store.schema.object(name)
	if !ok {
		return errors.New("there is no such object")
	}
	in, err := l.convert(o, fields)
	if err != nil {
		return err
	}
	t := l.s.store.tables[o]
	id, _ := in.at[o.id].(string)
	slot, exists := t.slots[id]
	var old, row soql.Row
	if exists {
		old = t.rows[slot]
		row = slices.Clone(old)
	} else {
		row = make(soql.Row, len(o.fields))
		for i, f := range o.fields {
			row[i] = f.deflt
		}
	}
	for _, i := range in.given {
		v := in.at[i]
		if v == nil && o.fields[i].typ == soql.TypeBoolean {
			v = false
		}
		row[i] = l.s.store.share(o.fields[i], v)
	}
	l.fill(o, row, *in, exists)
	l.x.derive(o, old, row, *in)
	for _, i := range in.given { // a value given for a derived field wins
		if v := in.at[i]; o.fields[i].readonly && v != nil {
			row[i] = v
		}
	}
	if err := l.judge(t, id, row, *in); err != nil {
		return err
	}
	if exists {
		l.x.swap(t, slot, row)
		return nil
	}
	if id == "" {
		row[o.id] = t.newID()
	}
	l.x.number(t, row)
	l.x.put(t, row)
	return nil
}

func (l *loader) convert(o *object, fields map[string]any) (*values, error) {
	names := l.names[o.Name]
	if names == nil {
		names = map[string]*field{}
		l.names[o.Name] = names
		fresh := newValues(o)
		l.in[o.Name] = &fresh
	}
	l.in[o.Name].reset()
	in := l.in[o.Name]
	for name, v := range fields {
		f := names[name]
		if f == nil {
			if f = o.field(name); f == nil {
				return nil, fmt.Errorf("there is no field %s", name)
			}
			names[name] = f
		}
		out, ok := f.convert(v)
		if !ok {
			return nil, fmt.Errorf("%s: %v (%T) is no %s", name, v, v, f.typ)
		}
		if s, isText := out.(string); isText && (f.index == o.id || len(f.refs) > 0) {
			id, ok := longID(s)
			if !ok {
				return nil, fmt.Errorf("%s: %q is no id", name, s)
			}
			if f.index == o.id && id[:3] != o.prefix {
				return nil, fmt.Errorf("id %q does not begin with %s", s, o.prefix)
			}
			out = id
		}
		in.put(f.index, out)
	}
	return in, nil
}

// fill gives the audit fields and the owner what the load did not choose.
func (l *loader) fill(o *object, row soql.Row, in values, exists bool) {
	user := any(l.s.org.UserID)
	row[o.modifiedDate] = firstOf(in.at[o.modifiedDate], in.at[o.stamp], l.x.now)
	row[o.stamp] = firstOf(in.at[o.stamp], in.at[o.modifiedDate], l.x.now)
	row[o.modifiedBy] = firstOf(row[o.modifiedBy], user)
	if at, ok := row[o.stamp].(time.Time); ok && at.After(l.s.store.last) {
		l.s.store.last = at
	}
	if !exists {
		row[o.createdDate] = firstOf(in.at[o.createdDate], in.at[o.modifiedDate], in.at[o.stamp], l.x.now)
		row[o.createdBy] = firstOf(row[o.createdBy], user)
		if o.ownerID >= 0 {
			row[o.ownerID] = firstOf(row[o.ownerID], user)
		}
	}
	if o.currencyCode >= 0 {
		row[o.currencyCode] = firstOf(row[o.currencyCode], "USD")
	}
}

func firstOf(vs ...any) any {
	for _, v := range vs {
		if v != nil {
			return v
		}
	}
	return nil
}

func (l *loader) judge(t *table, id string, row soql.Row, in values) error {
	for i, f := range t.obj.fields {
		if f.required && row[i] == nil {
			return fmt.Errorf("%s is required", f.name)
		}
	}
	for _, i := range in.given {
		if err := t.obj.fields[i].judgeShape(in.at[i], l.x.ruling); err != nil {
			return err
		}
	}
	if err := l.x.judgeUnique(t, id, row, in); err != nil {
		return err
	}
	return nil
}
