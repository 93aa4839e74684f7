package salesforce

import (
	"net/http"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// tx is one transaction: what one call writes, all with the same stamp. The
// store is locked for writing from begin to commit or rollback.
type tx struct {
	s     *Server
	st    *store
	stamp time.Time
	now   any // stamp, boxed
	user  string
	done  []change

	origin string // through what it came: changeOrigin of its events
	past   bool   // past the application, as a load goes

	ruling     *ruling // what holds while the transaction runs
	conditions map[string]func(soql.Row) bool

	progress *bulkProgress // how far the transaction brings a bulk job
}

// change is one version of a row replaced by another (old is nil: an insert;
// new is nil: erased).
type change struct {
	t    *table
	slot int32
	old  soql.Row
	new  soql.Row
}

// begin locks the store for writing; commit or rollback must follow.
func (s *Server) begin(user string) *tx {
	s.store.mu.Lock()
	x := &tx{s: s, st: s.store, user: user, ruling: s.ruling.Load()}
	x.stamp = s.store.nextStamp(s.clock.Now())
	x.now = x.stamp
	return x
}

// commit writes the changes to the journal, tells of them and lets go of the store. When the
// journal cannot be written nothing has happened.
func (x *tx) commit() error {
	defer x.st.mu.Unlock()
	err := x.s.bus.commit(x.meta(), x.done, func(m *txMeta) error { return x.s.journalChanges(m, x.done, x.progress) })
	if err != nil {
		x.rollbackTo(0)
	}
	return err
}

func (x *tx) rollback() {
	x.rollbackTo(0)
	x.st.mu.Unlock()
}

func (x *tx) mark() int { return len(x.done) }

// rollbackTo takes back every change after the mark.
func (x *tx) rollbackTo(mark int) {
	for i := len(x.done) - 1; i >= mark; i-- {
		c := x.done[i]
		switch {
		case c.old == nil:
			c.t.drop(c.slot)
		case c.new == nil:
			c.t.restore(c.slot, c.old)
		default:
			c.t.replace(c.slot, c.old)
		}
	}
	x.done = x.done[:mark]
}

func (x *tx) put(t *table, row soql.Row) {
	slot := t.insert(row)
	x.done = append(x.done, change{t: t, slot: slot, new: row})
}

func (x *tx) swap(t *table, slot int32, row soql.Row) {
	old := t.rows[slot]
	t.replace(slot, row)
	x.done = append(x.done, change{t: t, slot: slot, old: old, new: row})
}

// values are a row's new values by field position, converted but not judged.
type values struct {
	given []int // the positions, in the order they came
	at    []any // by position
	has   []bool
}

func newValues(o *object) values {
	return values{at: make([]any, len(o.fields)), has: make([]bool, len(o.fields))}
}

func (v *values) put(i int, x any) {
	if !v.has[i] {
		v.has[i] = true
		v.given = append(v.given, i)
	}
	v.at[i] = x
}

func (v *values) drop(i int) {
	if v.has[i] {
		v.has[i], v.at[i] = false, nil
		v.given = slices.DeleteFunc(v.given, func(n int) bool { return n == i })
	}
}

// reset empties v for the next record.
func (v *values) reset() {
	for _, i := range v.given {
		v.has[i], v.at[i] = false, nil
	}
	v.given = v.given[:0]
}

// insert creates a record. Nothing stays of it when it is refused.
func (x *tx) insert(o *object, in values) (string, *apiError) {
	mark := x.mark()
	id, err := x.insertRow(o, in)
	if err != nil {
		x.rollbackTo(mark)
		return "", err
	}
	return id, nil
}

func (x *tx) insertRow(o *object, in values) (string, *apiError) {
	if o.readonly {
		return "", refuse("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type %s does not support create", o.Name)
	}
	if err := x.mayWrite(o, in, func(f *field) bool { return f.readonly }); err != nil {
		return "", err
	}
	t := x.st.tables[o]
	row := make(soql.Row, len(o.fields))
	for i, f := range o.fields {
		row[i] = f.deflt
		if in.has[i] && (in.at[i] != nil || f.typ != soql.TypeBoolean) {
			row[i] = x.st.share(f, in.at[i])
		}
	}
	if o.ownerID >= 0 && row[o.ownerID] == nil {
		row[o.ownerID] = x.user
	}
	if o.currencyCode >= 0 && row[o.currencyCode] == nil {
		row[o.currencyCode] = "USD"
	}
	x.derive(o, nil, row, in)
	if err := x.judge(t, "", row, in, true); err != nil {
		return "", err
	}
	id := t.newID()
	row[o.id] = id
	x.number(t, row)
	row[o.createdDate], row[o.modifiedDate], row[o.stamp] = x.now, x.now, x.now
	row[o.createdBy], row[o.modifiedBy] = x.user, x.user
	x.put(t, row)
	x.afterInsert(o, row)
	return id, nil
}

// update changes a record.
func (x *tx) update(o *object, id string, in values) *apiError {
	mark := x.mark()
	if err := x.updateRow(o, id, in); err != nil {
		x.rollbackTo(mark)
		return err
	}
	return nil
}

func (x *tx) updateRow(o *object, id string, in values) *apiError {
	t, slot, err := x.reach(o, id)
	if err != nil {
		return err
	}
	if o.readonly || o.noUpdate {
		return refuse("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type %s does not support update", o.Name)
	}
	if err := x.mayWrite(o, in, func(f *field) bool { return f.readonly || f.noUpdate }); err != nil {
		return err
	}
	old := t.rows[slot]
	row := slices.Clone(old)
	for _, i := range in.given {
		row[i] = x.st.share(o.fields[i], in.at[i])
	}
	x.derive(o, old, row, in)
	if err := x.judge(t, id, row, in, false); err != nil {
		return err
	}
	row[o.modifiedDate], row[o.stamp], row[o.modifiedBy] = x.now, x.now, x.user
	x.swap(t, slot, row)
	x.afterUpdate(o, old, row)
	return nil
}

// mayWrite refuses an object or fields that the system keeps or that the user
// may not write.
func (x *tx) mayWrite(o *object, in values, kept func(*field) bool) *apiError {
	a := x.ruling.accessTo(x.user, o)
	if a != nil && a.level != accessEdit {
		return refuse("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
	}
	for _, i := range in.given {
		if f := o.fields[i]; kept(f) || !a.writes(f) {
			return refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.name).on(f.name)
		}
	}
	return nil
}

// remove puts a record, and those that hang on it, into the recycle bin.
func (x *tx) remove(o *object, id string) *apiError {
	mark := x.mark()
	t, slot, err := x.reach(o, id)
	if err != nil {
		return err
	}
	if a := x.ruling.accessTo(x.user, o); o.readonly || o.noDelete || a != nil && a.level != accessEdit {
		return refuse("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
	}
	if err := x.held(o, id); err != nil {
		return err
	}
	x.bin(t, slot)
	if err := x.removeChildren(o, id); err != nil {
		x.rollbackTo(mark)
		return err
	}
	return nil
}

// erase removes a record, and those that hang on it, past the recycle bin.
func (x *tx) erase(o *object, id string) *apiError {
	mark := x.mark()
	if err := x.remove(o, id); err != nil {
		return err
	}
	for _, c := range x.done[mark:] {
		if c.new != nil && c.t.deleted(c.new) {
			c.t.erase(c.slot, x.stamp)
			x.done = append(x.done, change{t: c.t, slot: c.slot, old: c.new})
		}
	}
	return nil
}

func (x *tx) bin(t *table, slot int32) {
	o := t.obj
	row := slices.Clone(t.rows[slot])
	row[o.isDeleted] = true
	row[o.modifiedDate], row[o.stamp], row[o.modifiedBy] = x.now, x.now, x.user
	x.swap(t, slot, row)
}

// removeChildren bins the children that go with their parent. What goes with
// an account or an opportunity follows Salesforce: contacts, opportunities,
// cases refuse nothing; activities, team members, contact roles and partners go.
func (x *tx) removeChildren(o *object, id string) *apiError {
	for _, c := range o.Children {
		child := x.st.table(c.Object)
		f := child.obj.field(c.Field)
		activity := c.Object == "Task" || c.Object == "Event"
		owned := o.Name == "Account" && f.name == "AccountId" && (c.Object == "Contact" || c.Object == "Opportunity" || c.Object == "Case")
		if !f.cascade && !activity && !owned {
			continue
		}
		if owned && c.Object == "Opportunity" {
			for _, slot := range child.index[f.index][id] {
				if row := child.rows[slot]; !child.deleted(row) && row[child.obj.FieldIndex("IsWon")] == true {
					return refuse("DELETE_FAILED", "Your attempt to delete this record could not be completed because some opportunities are closed won: %s", child.rowID(row))
				}
			}
		}
		for _, slot := range slices.Clone(child.index[f.index][id]) {
			row := child.rows[slot]
			if child.deleted(row) {
				continue
			}
			x.bin(child, slot)
			if err := x.removeChildren(child.obj, child.rowID(row)); err != nil {
				return err
			}
		}
	}
	return nil
}

// reach finds a live record by its 18-character id.
func (x *tx) reach(o *object, id string) (*table, int32, *apiError) {
	t := x.st.tables[o]
	slot, ok := t.slots[id]
	if !ok {
		return nil, 0, refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	}
	if t.deleted(t.rows[slot]) {
		return nil, 0, refuse("ENTITY_IS_DELETED", "entity is deleted").with(http.StatusNotFound)
	}
	return t, slot, nil
}

// recordID checks a client's id for the object.
func (o *object) recordID(s string) (string, *apiError) {
	id, ok := longID(s)
	if !ok || id[:3] != o.prefix {
		return "", refuse("MALFORMED_ID", "%s ID: id value of incorrect type: %s", o.Label, s).on("Id")
	}
	return id, nil
}

func (x *tx) number(t *table, row soql.Row) {
	for i, f := range t.obj.fields {
		if f.auto != "" && row[i] == nil {
			t.autoNo++
			row[i] = f.autoNumber(t.autoNo)
		}
	}
}
