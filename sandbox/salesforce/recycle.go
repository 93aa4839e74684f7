package salesforce

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// mergeable are the objects whose duplicates can be merged and that have a
// MasterRecordId to tell of it (SOAP API guide, merge()).
var mergeable = map[string]bool{"Account": true, "Contact": true, "Lead": true}

// mergeMost is how many records one merge may end.
const mergeMost = 2

// undelete takes a record out of the recycle bin, and what went there with it.
func (x *tx) undelete(id string) *apiError {
	o := x.st.schema.byPrefix[id[:3]]
	if o == nil {
		return refuse("MALFORMED_ID", "malformed id %s", id)
	}
	t := x.st.tables[o]
	slot, ok := t.slots[id]
	if !ok {
		return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	}
	if !t.deleted(t.rows[slot]) {
		return refuse("UNDELETE_FAILED", "entity is not in the recycle bin")
	}
	return x.unbin(t, slot, t.rows[slot][o.stamp])
}

// unbin restores a record and those below it that were deleted in the same
// transaction, which has the stamp.
func (x *tx) unbin(t *table, slot int32, stamp any) *apiError {
	o := t.obj
	row := slices.Clone(t.rows[slot])
	for i, f := range o.fields {
		if s, ok := row[i].(string); ok && (f.unique || x.ruling.unique(f)) && len(t.find(f, s, t.rowID(row))) > 0 {
			return refuse("DUPLICATE_VALUE", "duplicate value found: %s duplicates value on record with id: %s", f.name, t.find(f, s, "")[0])
		}
	}
	row[o.isDeleted] = false
	row[o.modifiedDate], row[o.stamp], row[o.modifiedBy] = x.now, x.now, x.user
	if i := o.at("MasterRecordId"); i >= 0 {
		row[i] = nil
	}
	id := t.rowID(row)
	x.swap(t, slot, row)
	for _, c := range o.Children {
		child := x.st.table(c.Object)
		for _, slot := range slices.Clone(child.index[child.obj.field(c.Field).index][id]) {
			if row := child.rows[slot]; !child.deleted(row) || !same(row[child.obj.stamp], stamp) {
				continue
			}
			if err := x.unbin(child, slot, stamp); err != nil {
				return err
			}
		}
	}
	return nil
}

// merge ends the losers: what refers to them refers to the master, they go to
// the recycle bin, and their MasterRecordId says where they went.
func (x *tx) merge(o *object, master string, losers []string, in values) *apiError {
	if err := x.update(o, master, in); err != nil {
		return err
	}
	t := x.st.tables[o]
	for _, id := range losers {
		_, slot, err := x.reach(o, id)
		if err != nil {
			return err
		}
		x.reparent(o, id, master)
		x.bin(t, slot)
		row := slices.Clone(t.rows[slot])
		row[o.at("MasterRecordId")] = master
		x.swap(t, slot, row)
	}
	return nil
}

// reparent points every reference to one record at another.
func (x *tx) reparent(o *object, from, to string) {
	for _, other := range x.st.schema.objects {
		t := x.st.tables[other]
		for i, f := range other.fields {
			if !slices.Contains(f.refs, o.Name) || f.name == "MasterRecordId" {
				continue
			}
			for _, slot := range t.pointing(f, from) {
				row := slices.Clone(t.rows[slot])
				row[i] = to
				row[other.modifiedDate], row[other.stamp], row[other.modifiedBy] = x.now, x.now, x.user
				x.swap(t, slot, row)
			}
		}
	}
}

// pointing gives the slots of the records whose reference holds an id, by the
// index where there is one.
func (t *table) pointing(f *field, id string) []int32 {
	if idx, ok := t.index[f.index]; ok {
		return slices.Clone(idx[f.key(id)])
	}
	var out []int32
	for slot, row := range t.rows {
		if row != nil && row[f.index] == id {
			out = append(out, int32(slot))
		}
	}
	return out
}

// empty takes a record out of the recycle bin for good, and what went there with it; one
// that is not in it goes past it.
func (x *tx) empty(id string) *apiError {
	o := x.st.schema.byPrefix[id[:3]]
	if o == nil {
		return refuse("MALFORMED_ID", "malformed id %s", id)
	}
	t := x.st.tables[o]
	slot, ok := t.slots[id]
	if !ok {
		return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	}
	if !t.deleted(t.rows[slot]) {
		return x.erase(o, id)
	}
	x.unmake(t, slot)
	return nil
}

// unmake erases a deleted record and those below it that were deleted with it.
func (x *tx) unmake(t *table, slot int32) {
	row := t.rows[slot]
	id, stamp := t.rowID(row), row[t.obj.stamp]
	for _, c := range t.obj.Children {
		child := x.st.table(c.Object)
		for _, slot := range slices.Clone(child.index[child.obj.field(c.Field).index][id]) {
			if row := child.rows[slot]; child.deleted(row) && same(row[child.obj.stamp], stamp) {
				x.unmake(child, slot)
			}
		}
	}
	t.erase(slot, x.stamp)
	x.done = append(x.done, change{t: t, slot: slot, old: row})
}

func (s *Server) postUndelete(w http.ResponseWriter, r *http.Request) {
	s.postIDs(w, r, "undeleted", (*tx).undelete)
}

func (s *Server) postErase(w http.ResponseWriter, r *http.Request) {
	s.postIDs(w, r, "erased", (*tx).empty)
}

// postIDs has a person do something to records by their ids, all in one transaction.
func (s *Server) postIDs(w http.ResponseWriter, r *http.Request, done string, do func(*tx, string) *apiError) {
	var in struct {
		IDs []string `json:"ids"`
	}
	err := kit.ReadControl(r, &in)
	if err == nil && len(in.IDs) == 0 {
		err = errors.New(`give {"ids":["001…"]}`)
	}
	if err == nil {
		err = s.byPerson(func(x *tx) error {
			for _, text := range in.IDs {
				id, ok := longID(text)
				if !ok {
					return fmt.Errorf("%q is no record id", text)
				}
				if err := do(x, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	kit.AnswerControl(w, http.StatusOK, map[string]int{done: len(in.IDs)})
}

func (s *Server) postMerge(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Master string         `json:"master"`
		Losers []string       `json:"losers"`
		Fields map[string]any `json:"fields"`
	}
	err := kit.ReadControl(r, &in)
	if err == nil {
		err = s.byPerson(func(x *tx) error { return s.mergeRecords(x, in.Master, in.Losers, in.Fields) })
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	kit.AnswerControl(w, http.StatusOK, map[string]any{"master": in.Master, "merged": len(in.Losers)})
}

func (s *Server) mergeRecords(x *tx, master string, losers []string, fields map[string]any) error {
	if len(losers) < 1 || len(losers) > mergeMost {
		return fmt.Errorf("name one or two losers, not %d", len(losers))
	}
	ids := make([]string, 0, 1+len(losers))
	for _, text := range append([]string{master}, losers...) {
		id, ok := longID(text)
		if !ok || id[:3] != master[:min(3, len(master))] || slices.Contains(ids, id) {
			return fmt.Errorf("%q is no record id, or of another object, or named twice", text)
		}
		ids = append(ids, id)
	}
	o := x.st.schema.byPrefix[ids[0][:3]]
	if o == nil || !mergeable[o.Name] {
		return errors.New("only accounts, contacts and leads are merged here")
	}
	values := newValues(o)
	for name, v := range fields {
		f := o.field(name)
		if f == nil {
			return fmt.Errorf("%s has no field %q", o.Name, name)
		}
		out, ok := f.convert(v)
		if !ok {
			return fmt.Errorf("%s: %v is no %s", f.name, v, f.typ)
		}
		values.put(f.index, f.settle(out))
	}
	if err := x.merge(o, ids[0], ids[1:], values); err != nil {
		return err
	}
	return nil
}

// byPerson runs what a person does in Salesforce's own pages, as one
// transaction of a user that is not the integration's.
func (s *Server) byPerson(f func(*tx) error) error {
	x := s.begin(s.personID())
	x.origin = "com/salesforce/api/soap/" + strconv.Itoa(newestVersion) + ".0;client=SfdcInternalAPI/" // Salesforce's pages
	if err := f(x); err != nil {
		x.rollback()
		return err
	}
	return x.commit()
}

// personID gives a user beside the integration's, the integration's where there
// is no other.
func (s *Server) personID() string {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	t := s.store.table("User")
	for row := range t.each {
		if id := t.rowID(row); id != s.org.UserID && row[t.obj.at("IsActive")] == true {
			return id
		}
	}
	return s.org.UserID
}

// replication answers /sobjects/X/updated and /deleted: what changed between
// start and end, to the minute. Both tell how far they can be relied on (SOAP API
// guide, Data Replication).
func (s *Server) replication(c *call, o *object, what string) *reply {
	window, err := s.readWindow(c, o, what)
	if err != nil {
		return errorReply(err)
	}
	const layout = "2006-01-02T15:04:05.000+0000"
	return s.read(c, func() *reply {
		t := s.store.tables[o]
		ids, deleted := []string{}, []map[string]any{}
		for row := range t.each {
			at, _ := row[o.stamp].(time.Time)
			switch {
			case !window.covers(at) || t.deleted(row) != (what == "deleted"):
			case what == "deleted":
				deleted = append(deleted, map[string]any{"id": t.rowID(row), "deletedDate": at.Format(layout)})
			default:
				ids = append(ids, t.rowID(row))
			}
		}
		if what == "updated" {
			if len(ids) > replicationMost {
				return errorReply(tooManyIDs())
			}
			return jsonReply(http.StatusOK, map[string]any{"ids": ids, "latestDateCovered": window.end.Format(layout)})
		}
		for _, gone := range t.erased {
			if window.covers(gone.At) {
				deleted = append(deleted, map[string]any{"id": gone.ID, "deletedDate": gone.At.Format(layout)})
			}
		}
		if len(deleted) > replicationMost {
			return errorReply(tooManyIDs())
		}
		return jsonReply(http.StatusOK, map[string]any{
			"deletedRecords": deleted, "latestDateCovered": window.end.Format(layout), "earliestDateAvailable": s.earliest().Format(layout),
		})
	})
}

// replicationMost is how many ids one call gives.
const replicationMost = 600_000

func tooManyIDs() *apiError {
	return refuse("EXCEEDED_ID_LIMIT", "More than %d ids are in the range: choose dates that are closer together", replicationMost)
}

// span is the time between two whole minutes, the second left out.
type span struct{ start, end time.Time }

func (w span) covers(at time.Time) bool { return !at.Before(w.start) && at.Before(w.end) }

// How far back replication reaches.
const (
	updatedSince = 30 * 24 * time.Hour
	deletedSince = 15 * 24 * time.Hour
)

// earliest is since when deletions are known.
func (s *Server) earliest() time.Time {
	if since := s.clock.Now().Add(-deletedSince).UTC().Truncate(time.Minute); since.After(s.org.Created) {
		return since
	}
	return s.org.Created
}

func (s *Server) readWindow(c *call, o *object, what string) (span, *apiError) {
	if o.readonly && what == "deleted" && o.noDelete {
		return span{}, refuse("INVALID_TYPE", "sObject type '%s' is not replicateable", o.Name)
	}
	var out span
	for name, at := range map[string]*time.Time{"start": &out.start, "end": &out.end} {
		// A plus sign that was not escaped comes as a blank.
		t, ok := parseMoment(plusSigns(c.query.Get(name)))
		if !ok {
			return span{}, refuse("MALFORMED_QUERY", "start and end must be ISO 8601 date times")
		}
		*at = t.Truncate(time.Minute)
	}
	reach := updatedSince
	if what == "deleted" {
		reach = deletedSince
	}
	switch now := s.clock.Now(); {
	case !out.end.After(out.start):
		return span{}, refuse("INVALID_REPLICATION_DATE", "startDate must precede endDate by more than one minute")
	case now.Sub(out.start) > reach+time.Minute:
		return span{}, refuse("INVALID_REPLICATION_DATE", "startDate is more than %d days ago", int(reach.Hours()/24))
	}
	return out, nil
}

func plusSigns(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c == ' ' {
			out[i] = '+'
		}
	}
	return string(out)
}
