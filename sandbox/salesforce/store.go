package salesforce

import (
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// store holds the organisation's records in memory. Rows are never changed in
// place: a new version takes the old one's slot, so that whoever holds a Row
// may go on reading it. mu guards everything.
type store struct {
	mu     sync.RWMutex
	schema *schema
	tables map[*object]*table
	words  map[string]any // texts that many rows share, boxed once
	last   time.Time      // the newest stamp given out
}

// table holds one object's records, those in the recycle bin too. The slot of
// an erased record stays empty (a nil Row).
type table struct {
	obj    *object
	rows   []soql.Row
	slots  map[string]int32
	live   int
	erased []tombstone
	nextID uint64
	autoNo uint64
	index  map[int]map[string][]int32 // field position to key to slots
}

// tombstone is what stays of a record that was erased: replication still tells
// of it.
type tombstone struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

func newStore(s *schema) *store {
	st := &store{schema: s, tables: map[*object]*table{}, words: map[string]any{}}
	for _, o := range s.objects {
		t := &table{obj: o, slots: map[string]int32{}, index: map[int]map[string][]int32{}}
		for _, f := range o.fields {
			if f.indexed() {
				t.index[f.index] = map[string][]int32{}
			}
		}
		st.tables[o] = t
	}
	return st
}

// Object implements soql.Source.
func (st *store) Object(name string) (*soql.Object, bool) {
	o, ok := st.schema.object(name)
	if !ok {
		return nil, false
	}
	return &o.Object, true
}

func (st *store) table(name string) *table {
	o, ok := st.schema.object(name)
	if !ok {
		return nil
	}
	return st.tables[o]
}

// Scan implements soql.Source.
func (st *store) Scan(name string, all bool, yield func(soql.Row) bool) {
	t := st.table(name)
	if t == nil {
		return
	}
	for row := range t.each {
		if !all && t.deleted(row) {
			continue
		}
		if !yield(row) {
			return
		}
	}
}

// each yields the records that are there, those in the recycle bin too.
func (t *table) each(yield func(soql.Row) bool) {
	for _, row := range t.rows {
		if row != nil && !yield(row) {
			return
		}
	}
}

// ByID implements soql.Source. It gives deleted records too.
func (st *store) ByID(name, id string) (soql.Row, bool) {
	t := st.table(name)
	if t == nil {
		return nil, false
	}
	slot, ok := t.slots[id]
	if !ok {
		return nil, false
	}
	return t.rows[slot], true
}

// Lookup implements soql.Source.
func (st *store) Lookup(name string, field int, value any, all bool) ([]soql.Row, bool) {
	t := st.table(name)
	if t == nil {
		return nil, false
	}
	text, isText := value.(string)
	if !isText {
		return nil, false
	}
	if field == t.obj.id {
		id, ok := longID(text)
		if !ok {
			return nil, true
		}
		if slot, ok := t.slots[id]; ok && (all || !t.deleted(t.rows[slot])) {
			return []soql.Row{t.rows[slot]}, true
		}
		return nil, true
	}
	idx, ok := t.index[field]
	if !ok {
		return nil, false
	}
	slots := idx[t.obj.fields[field].key(text)]
	rows := make([]soql.Row, 0, len(slots))
	for _, slot := range slots {
		if row := t.rows[slot]; all || !t.deleted(row) {
			rows = append(rows, row)
		}
	}
	return rows, true
}

// key is a value's form in the field's index: ids mind case, texts do not.
func (f *field) key(s string) string {
	if len(f.refs) > 0 {
		if id, ok := longID(s); ok {
			return id
		}
		return s
	}
	return strings.ToLower(s)
}

func (t *table) deleted(row soql.Row) bool { return row[t.obj.isDeleted] == true }

func (t *table) rowID(row soql.Row) string {
	id, _ := row[t.obj.id].(string)
	return id
}

// insert adds a row whose id is new.
func (t *table) insert(row soql.Row) int32 {
	slot := int32(len(t.rows))
	id := t.rowID(row)
	t.rows = append(t.rows, row)
	t.slots[id] = slot
	if n, ok := idNumber(id); ok && n >= t.nextID {
		t.nextID = n + 1
	}
	if !t.deleted(row) {
		t.live++
	}
	for i, idx := range t.index {
		t.enter(idx, i, row, slot)
	}
	return slot
}

// replace puts a new version of a row into its slot.
func (t *table) replace(slot int32, row soql.Row) {
	old := t.rows[slot]
	for i, idx := range t.index {
		if old[i] == row[i] {
			continue
		}
		t.leave(idx, i, old, slot)
		t.enter(idx, i, row, slot)
	}
	was, is := t.deleted(old), t.deleted(row)
	switch {
	case was && !is:
		t.live++
	case !was && is:
		t.live--
	}
	t.rows[slot] = row
}

// drop takes back the newest insert.
func (t *table) drop(slot int32) {
	row := t.rows[slot]
	for i, idx := range t.index {
		t.leave(idx, i, row, slot)
	}
	if !t.deleted(row) {
		t.live--
	}
	delete(t.slots, t.rowID(row))
	t.rows = t.rows[:slot]
}

// erase takes a record out for good; restore takes that back.
func (t *table) erase(slot int32, at time.Time) {
	row := t.rows[slot]
	for i, idx := range t.index {
		t.leave(idx, i, row, slot)
	}
	if !t.deleted(row) {
		t.live--
	}
	id := t.rowID(row)
	delete(t.slots, id)
	t.rows[slot] = nil
	t.erased = append(t.erased, tombstone{id, at})
}

func (t *table) restore(slot int32, row soql.Row) {
	for i, idx := range t.index {
		t.enter(idx, i, row, slot)
	}
	if !t.deleted(row) {
		t.live++
	}
	t.slots[t.rowID(row)] = slot
	t.rows[slot] = row
	t.erased = t.erased[:len(t.erased)-1]
}

func (t *table) enter(idx map[string][]int32, i int, row soql.Row, slot int32) {
	if s, ok := row[i].(string); ok {
		k := t.obj.fields[i].key(s)
		idx[k] = append(idx[k], slot)
	}
}

func (t *table) leave(idx map[string][]int32, i int, row soql.Row, slot int32) {
	s, ok := row[i].(string)
	if !ok {
		return
	}
	k := t.obj.fields[i].key(s)
	slots := idx[k]
	for n := len(slots) - 1; n >= 0; n-- {
		if slots[n] == slot {
			slots = append(slots[:n], slots[n+1:]...)
			break
		}
	}
	if len(slots) == 0 {
		delete(idx, k)
		return
	}
	idx[k] = slots
}

// find gives the live record whose indexed text field holds the value.
func (t *table) find(f *field, value string, except string) (ids []string) {
	for _, slot := range t.index[f.index][f.key(value)] {
		row := t.rows[slot]
		if id := t.rowID(row); !t.deleted(row) && id != except {
			ids = append(ids, id)
		}
	}
	return ids
}

func (t *table) newID() string {
	for {
		t.nextID++
		id := makeID(t.obj.prefix, t.nextID)
		if _, taken := t.slots[id]; !taken {
			return id
		}
	}
}

// share gives v in a box that other rows use too, where that saves memory:
// ids of known records, picklist values, days.
func (st *store) share(f *field, v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	switch f.typ {
	case soql.TypeReference:
		for _, name := range f.refs {
			t := st.tables[st.schema.byName[name]]
			if slot, ok := t.slots[s]; ok {
				return t.rows[slot][t.obj.id]
			}
		}
		return v
	case soql.TypePicklist:
		if known, ok := f.valueSet[s]; ok && known == v {
			return known
		}
	case soql.TypeDate:
	default:
		if len(s) > 24 || f.unique || f.external || f.nameField {
			return v
		}
	}
	if f.tries > 2000 && f.hits < f.tries/2 {
		return v // most values of this field are met once only
	}
	f.tries++
	if known, ok := st.words[s]; ok {
		f.hits++
		return known
	}
	if len(st.words) < 200_000 {
		st.words[s] = v
	}
	return v
}

// nextStamp gives the time of the next write: the clock's, in milliseconds,
// and later than every stamp before it.
func (st *store) nextStamp(now time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if !now.After(st.last) {
		now = st.last.Add(time.Millisecond)
	}
	st.last = now
	return now
}
