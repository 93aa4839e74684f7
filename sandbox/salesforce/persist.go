package salesforce

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// The journal's kinds: "org" names the organisation and its app, "rows" is
// what one transaction wrote, "job" is a bulk job as it
// stands, "setup" is what an administrator made of the organisation, "event" is an
// event that no transaction made, "lost" is up to where events are known no more.
const (
	kindOrg   = "org"
	kindRows  = "rows"
	kindJob   = "job"
	kindSetup = "setup"
	kindEvent = "event"
	kindLost  = "lost"
)

type orgEntry struct {
	OrgID        string    `json:"org_id"`
	UserID       string    `json:"user_id"`
	ClientID     string    `json:"client_id"`
	ClientSecret string    `json:"client_secret"`
	Created      time.Time `json:"created"`
}

// rowEntry is a new row (Fields), a change of one (ID and Fields), a row that
// was erased (ID and Erased) or several new rows (Columns and Rows). Fields that
// are null or false in a new row are left out. An entry with Job says how far a
// bulk job came with the transaction; one with Tx is the first and says what the
// transaction's events have in common.
type rowEntry struct {
	Object  string         `json:"o"`
	ID      string         `json:"i,omitempty"`
	Fields  map[string]any `json:"f,omitempty"`
	Columns []string       `json:"c,omitempty"`
	Rows    [][]any        `json:"r,omitempty"`
	Erased  time.Time      `json:"x,omitzero"`
	Job     *bulkProgress  `json:"j,omitempty"`
	Tx      *txMeta        `json:"t,omitempty"`
}

// rowsPerEntry is how many new rows one journal entry holds at most.
const rowsPerEntry = 500

// journalChanges writes a transaction as one journal line, and with it how far
// it brought a bulk job, so that a kill loses both or neither.
func (s *Server) journalChanges(meta *txMeta, done []change, progress *bulkProgress) error {
	if !s.journal.Kept() || len(done) == 0 && progress == nil {
		return nil
	}
	head, err := json.Marshal(rowEntry{Tx: meta, Job: progress})
	if err != nil {
		return err
	}
	dst := append([]byte{'['}, head...)
	for len(done) > 0 {
		dst = append(dst, ',')
		run := insertRun(done)
		if run > 1 {
			rows := make([]soql.Row, run)
			for i := range rows {
				rows[i] = done[i].new
			}
			dst = appendRows(dst, done[0].t.obj, rows)
			done = done[run:]
			continue
		}
		dst = appendChange(dst, done[0])
		done = done[1:]
	}
	return s.journal.Append(kindRows, json.RawMessage(append(dst, ']')))
}

// insertRun counts the new rows of one object at the head of done.
func insertRun(done []change) int {
	n := 0
	for n < len(done) && n < rowsPerEntry && done[n].old == nil && done[n].t == done[0].t {
		n++
	}
	return n
}

func appendChange(dst []byte, c change) []byte {
	o := c.t.obj
	if c.new == nil {
		at := c.t.erased[len(c.t.erased)-1].At // all of one transaction have its stamp
		return append(dst, `{"o":"`+o.Name+`","i":"`+c.t.rowID(c.old)+`","x":"`+at.Format(time.RFC3339Nano)+`"}`...)
	}
	dst = append(dst, `{"o":"`...)
	dst = append(dst, o.Name...)
	if c.old != nil {
		dst = append(dst, `","i":"`...)
		dst = append(dst, c.t.rowID(c.new)...)
	}
	dst = append(dst, `","f":{`...)
	first := true
	for i, v := range c.new {
		if c.old == nil && (v == nil || v == false) || c.old != nil && same(c.old[i], v) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, o.fields[i].name...)
		dst = append(dst, `":`...)
		dst = appendKept(dst, v)
	}
	return append(dst, "}}"...)
}

func same(a, b any) bool {
	if ta, ok := a.(time.Time); ok {
		tb, ok := b.(time.Time)
		return ok && ta.Equal(tb)
	}
	return a == b
}

func appendRows(dst []byte, o *object, rows []soql.Row) []byte {
	var columns []int
	for i := range o.fields {
		if slices.ContainsFunc(rows, func(r soql.Row) bool { return r[i] != nil && r[i] != false }) {
			columns = append(columns, i)
		}
	}
	dst = append(dst, `{"o":"`...)
	dst = append(dst, o.Name...)
	dst = append(dst, `","c":[`...)
	for n, i := range columns {
		if n > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, o.fields[i].name...)
		dst = append(dst, '"')
	}
	dst = append(dst, `],"r":[`...)
	for k, row := range rows {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for n, i := range columns {
			if n > 0 {
				dst = append(dst, ',')
			}
			dst = appendKept(dst, row[i])
		}
		dst = append(dst, ']')
	}
	return append(dst, "]}"...)
}

func appendKept(dst []byte, v any) []byte {
	switch x := v.(type) {
	case time.Time:
		dst = append(dst, '"')
		dst = x.AppendFormat(dst, time.RFC3339Nano)
		return append(dst, '"')
	case float64:
		return strconv.AppendFloat(dst, x, 'g', -1, 64)
	default:
		return appendValue(dst, v)
	}
}

// kept turns a journal's value back into what the Row held.
func (f *field) kept(v any) (any, error) {
	switch x := v.(type) {
	case nil:
		if f.typ == soql.TypeBoolean {
			return false, nil
		}
		return nil, nil
	case string:
		if f.typ == soql.TypeDateTime {
			t, err := time.Parse(time.RFC3339Nano, x)
			return t.UTC(), err
		}
		return x, nil
	case float64:
		if f.typ == soql.TypeInt {
			return int64(x), nil
		}
		return x, nil
	case bool:
		return x, nil
	default:
		return nil, fmt.Errorf("field %s: a value of type %T", f.name, v)
	}
}

// replay rebuilds the organisation from the journal. It says whether there
// was one.
func (s *Server) replay() (found bool, err error) {
	err = s.journal.Replay(func(kind string, raw json.RawMessage) error {
		switch kind {
		case kindOrg:
			err := json.Unmarshal(raw, &s.org)
			if !found {
				s.ruling.Store(s.plainRuling(s.org.Created))
			}
			found = true
			return err
		case kindRows:
			var entries []rowEntry
			if err := json.Unmarshal(raw, &entries); err != nil {
				return err
			}
			return s.applyEntries(entries)
		case kindJob:
			return s.bulk.adopt(raw)
		case kindSetup:
			var e setupEntry
			if err := json.Unmarshal(raw, &e); err != nil {
				return err
			}
			return s.restoreSetup(e)
		case kindEvent:
			return s.republish(raw)
		case kindLost:
			return s.bus.forget(raw)
		default:
			return fmt.Errorf("unknown kind %q", kind)
		}
	})
	return found, err
}

// applyEntries does again what one journal line tells, and tells of it again.
func (s *Server) applyEntries(entries []rowEntry) error {
	var meta *txMeta
	var done []change
	for _, e := range entries {
		if e.Job != nil {
			s.bulk.advance(*e.Job)
		}
		if e.Tx != nil {
			meta = e.Tx
		}
		if e.Object == "" {
			continue
		}
		if err := s.store.apply(e, func(c change) { done = append(done, c) }); err != nil {
			return err
		}
	}
	if meta != nil {
		s.bus.restore(*meta, done)
	}
	return nil
}

// apply does again what an entry tells; did hears of each row.
func (st *store) apply(e rowEntry, did func(change)) error {
	t := st.table(e.Object)
	if t == nil {
		return fmt.Errorf("unknown object %q", e.Object)
	}
	if e.ID != "" {
		slot, ok := t.slots[e.ID]
		if !e.Erased.IsZero() {
			if e.Erased.After(st.last) {
				st.last = e.Erased
			}
			if ok {
				did(change{t: t, slot: slot, old: t.rows[slot]})
				t.erase(slot, e.Erased)
			} else { // a rewritten journal has the tombstone only
				t.erased = append(t.erased, tombstone{e.ID, e.Erased})
			}
			return nil
		}
		if !ok {
			return fmt.Errorf("%s %s is changed before it is there", e.Object, e.ID)
		}
		row := slices.Clone(t.rows[slot])
		if err := st.applyFields(t, row, e.Fields); err != nil {
			return err
		}
		did(change{t: t, slot: slot, old: t.rows[slot], new: row})
		t.replace(slot, row)
		st.observe(t, row)
		return nil
	}
	if len(e.Columns) == 0 {
		row := t.blank()
		if err := st.applyFields(t, row, e.Fields); err != nil {
			return err
		}
		return st.adopt(t, row, did)
	}
	fields := make([]*field, len(e.Columns))
	for i, name := range e.Columns {
		if fields[i] = t.obj.field(name); fields[i] == nil {
			return fmt.Errorf("unknown field %s.%s", e.Object, name)
		}
	}
	for _, cells := range e.Rows {
		if len(cells) != len(fields) {
			return fmt.Errorf("%s: a row has %d values, not %d", e.Object, len(cells), len(fields))
		}
		row := t.blank()
		for i, f := range fields {
			v, err := f.kept(cells[i])
			if err != nil {
				return err
			}
			row[f.index] = st.share(f, v)
		}
		if err := st.adopt(t, row, did); err != nil {
			return err
		}
	}
	return nil
}

func (st *store) applyFields(t *table, row soql.Row, fields map[string]any) error {
	for name, raw := range fields {
		f := t.obj.field(name)
		if f == nil {
			return fmt.Errorf("unknown field %s.%s", t.obj.Name, name)
		}
		v, err := f.kept(raw)
		if err != nil {
			return err
		}
		row[f.index] = st.share(f, v)
	}
	return nil
}

// adopt inserts a row from the journal.
func (st *store) adopt(t *table, row soql.Row, did func(change)) error {
	id := t.rowID(row)
	if _, taken := t.slots[id]; taken || id == "" {
		return fmt.Errorf("%s: id %q is missing or there already", t.obj.Name, id)
	}
	did(change{t: t, slot: t.insert(row), new: row})
	st.observe(t, row)
	return nil
}

// observe keeps the stamps and the auto numbers going up after a restart.
func (st *store) observe(t *table, row soql.Row) {
	if at, ok := row[t.obj.stamp].(time.Time); ok && at.After(st.last) {
		st.last = at
	}
	for i, f := range t.obj.fields {
		if f.auto == "" {
			continue
		}
		text, _ := row[i].(string)
		if n, err := strconv.ParseUint(strings.TrimPrefix(text, strings.TrimRight(f.auto, "0")), 10, 64); err == nil && n > t.autoNo {
			t.autoNo = n
		}
	}
}

// blank is a new row of nothing but null and false.
func (t *table) blank() soql.Row {
	row := make(soql.Row, len(t.obj.fields))
	for i, f := range t.obj.fields {
		if f.typ == soql.TypeBoolean {
			row[i] = false
		}
	}
	return row
}

// compactIfLong rewrites a journal that holds many more lines than the
// organisation's rows need.
func (s *Server) compactIfLong() error {
	rows := 0
	for _, t := range s.store.tables {
		rows += len(t.slots)
	}
	if s.journal.Lines() < 2000+rows/100 {
		return nil
	}
	return s.journal.Compact(func(emit func(string, any) error) error {
		if err := emit(kindOrg, s.org); err != nil {
			return err
		}
		if err := emit(kindLost, lostEntry{s.bus.latest()}); err != nil {
			return err
		}
		for _, o := range s.store.schema.objects {
			if err := emitTable(s.store.tables[o], emit); err != nil {
				return err
			}
		}
		if r := s.ruling.Load(); r.since.After(s.org.Created) {
			if err := emit(kindSetup, setupEntry{r.setup, r.since}); err != nil {
				return err
			}
		}
		return s.bulk.emit(emit)
	})
}

func emitTable(t *table, emit func(string, any) error) error {
	live := make([]soql.Row, 0, len(t.slots))
	for row := range t.each {
		live = append(live, row)
	}
	for rows := range slices.Chunk(live, rowsPerEntry) {
		dst := appendRows([]byte{'['}, t.obj, rows)
		if err := emit(kindRows, json.RawMessage(append(dst, ']'))); err != nil {
			return err
		}
	}
	for _, gone := range t.erased {
		if err := emit(kindRows, []rowEntry{{Object: t.obj.Name, ID: gone.ID, Erased: gone.At}}); err != nil {
			return err
		}
	}
	return nil
}
