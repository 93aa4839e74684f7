package salesforce

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// saveResult is the answer for one saved record.
type saveResult struct {
	ID      string      `json:"id,omitempty"`
	Success bool        `json:"success"`
	Errors  []saveError `json:"errors"`
	Created *bool       `json:"created,omitempty"`
}

func saved(id string) saveResult { return saveResult{ID: id, Success: true, Errors: []saveError{}} }

func upserted(id string, created bool) saveResult {
	r := saved(id)
	r.Created = &created
	return r
}

func failed(id string, err *apiError) saveResult {
	return saveResult{ID: id, Errors: []saveError{err.saveError()}}
}

// sobjects answers everything below /sobjects.
func (s *Server) sobjects(c *call, path []string) *reply {
	if len(path) == 0 {
		return c.get(func() *reply { return s.describes.all(c) })
	}
	o, ok := s.object(path[0], c.userID)
	if !ok {
		return errorReply(notFound())
	}
	switch {
	case len(path) == 1:
		if c.method == http.MethodGet {
			return s.describes.basic(c, o)
		}
		return c.only([]string{"GET", "HEAD", http.MethodPost}, func() *reply { return s.createRow(c, o) })
	case len(path) == 2 && path[1] == "describe":
		return c.get(func() *reply { return s.describes.one(c, o) })
	case len(path) == 2 && (path[1] == "updated" || path[1] == "deleted"):
		return c.get(func() *reply { return s.replication(c, o, path[1]) })
	case len(path) == 2 && strings.EqualFold(path[1], "Id"):
		return c.only([]string{http.MethodPost}, func() *reply { return s.createRow(c, o) })
	case len(path) == 2:
		return s.row(c, o, path[1])
	default:
		// An unescaped slash in an external id value comes as one more segment;
		// Salesforce does not put it together again, and neither does this.
		if len(path) > 3 {
			return errorReply(notFound())
		}
		return s.byExternalID(c, o, path[1], path[2])
	}
}

func (s *Server) createRow(c *call, o *object) *reply {
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	members, err := readObject(c.body)
	if err != nil {
		return errorReply(err)
	}
	return s.write(c, func(x *tx) (*reply, *apiError) {
		in, err := x.readValues(o, members)
		if err != nil {
			return nil, err
		}
		if in.id != "" {
			return nil, refuse("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
		}
		id, err := x.insert(o, in.values)
		if err != nil {
			return nil, err
		}
		rep := jsonReply(http.StatusCreated, saved(id))
		rep.header.Set("Location", c.root()+"/sobjects/"+o.Name+"/"+id)
		return rep, nil
	})
}

// row answers /sobjects/X/{id}.
func (s *Server) row(c *call, o *object, text string) *reply {
	switch c.method {
	case http.MethodGet:
		return s.read(c, func() *reply {
			row, err := s.liveRow(o, text)
			if err != nil {
				return errorReply(err)
			}
			return s.showRow(c, o, row)
		})
	case http.MethodPatch:
		return s.updateRow(c, o, text)
	case http.MethodDelete:
		return s.write(c, func(x *tx) (*reply, *apiError) {
			if _, err := s.liveRow(o, text); err != nil {
				return nil, err
			}
			id, _ := longID(text)
			if err := x.remove(o, id); err != nil {
				return nil, err
			}
			return &reply{status: http.StatusNoContent}, nil
		})
	default:
		return errorReply(wrongMethod(c.method, "DELETE", "GET", "HEAD", "PATCH"))
	}
}

func (s *Server) updateRow(c *call, o *object, text string) *reply {
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	members, err := readObject(c.body)
	if err != nil {
		return errorReply(err)
	}
	return s.write(c, func(x *tx) (*reply, *apiError) {
		row, err := s.liveRow(o, text)
		if err != nil {
			return nil, err
		}
		if err := unmodified(c, o, row); err != nil {
			return nil, err
		}
		in, err := x.readValues(o, members)
		if err != nil {
			return nil, err
		}
		if in.id != "" {
			return nil, refuse("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
		}
		id, _ := longID(text)
		if err := x.update(o, id, in.values); err != nil {
			return nil, err
		}
		return &reply{status: http.StatusNoContent}, nil
	})
}

// liveRow finds the row a URL names, with the refusals of the row resource.
func (s *Server) liveRow(o *object, text string) (soql.Row, *apiError) {
	id, ok := longID(text)
	if !ok {
		return nil, refuse("NOT_FOUND", "Provided external ID field does not exist or is not accessible: %s", text).with(http.StatusNotFound)
	}
	if _, err := o.recordID(id); err != nil {
		return nil, err.with(http.StatusBadRequest)
	}
	t := s.store.tables[o]
	slot, ok := t.slots[id]
	if !ok {
		return nil, notFound()
	}
	if t.deleted(t.rows[slot]) {
		return nil, refuse("ENTITY_IS_DELETED", "entity is deleted").with(http.StatusNotFound)
	}
	return t.rows[slot], nil
}

func (s *Server) showRow(c *call, o *object, row soql.Row) *reply {
	positions, err := s.pick(c, o, c.query.Get("fields"))
	if err != nil {
		return errorReply(err)
	}
	return rawReply(http.StatusOK, o.appendRow(nil, row, positions, c.version))
}

// pick gives the positions of the named fields; all that the user sees for no
// names.
func (s *Server) pick(c *call, o *object, names string) ([]int, *apiError) {
	a := s.ruling.Load().accessTo(c.userID, o)
	var out []int
	if names == "" {
		for i, f := range o.fields {
			if a.sees(f) {
				out = append(out, i)
			}
		}
		return out, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := o.FieldIndex(strings.TrimSpace(name))
		if i < 0 || !a.sees(o.fields[i]) {
			return nil, noSuchColumn(o, strings.TrimSpace(name))
		}
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out, nil
}

func noSuchColumn(o *object, name string) *apiError {
	return refuse("INVALID_FIELD", "No such column '%s' on sobject of type %s", name, o.Name)
}

func (o *object) appendRow(dst []byte, row soql.Row, positions []int, version string) []byte {
	id, _ := row[o.id].(string)
	dst = append(dst, `{"attributes":{"type":"`+o.Name+`","url":"/services/data/v`+version+`/sobjects/`+o.Name+`/`+id+`"}`...)
	withID := slices.Contains(positions, o.id)
	for _, i := range positions {
		dst = append(dst, `,"`+o.fields[i].name+`":`...)
		dst = appendValue(dst, row[i])
	}
	if !withID {
		dst = append(dst, `,"Id":"`+id+`"`...)
	}
	return append(dst, '}')
}

// input is a record as a client sent it.
type input struct {
	id     string // the Id member, as sent
	kind   string // attributes.type
	values values
}

// readValues turns a JSON object's members into field values. "attributes" is
// taken note of and otherwise ignored. A parent may be named by one of its
// external ids: {"Account": {"Key__c": "k"}}.
func (x *tx) readValues(o *object, members []member) (input, *apiError) {
	in := input{values: newValues(o)}
	a := x.ruling.accessTo(x.user, o)
	for _, m := range members {
		switch {
		case m.name == "attributes":
			in.kind = attributesType(m.raw)
			continue
		case strings.EqualFold(m.name, "Id"):
			v, err := o.fields[o.id].fromJSON(m)
			if err != nil {
				return in, err
			}
			in.id, _ = v.(string)
			continue
		}
		f := o.field(m.name)
		if f == nil || !a.sees(f) {
			rel := o.byRel[strings.ToLower(m.name)]
			if rel == nil || !a.sees(rel) {
				return in, noSuchColumn(o, m.name)
			}
			id, err := x.parentByKey(rel, m)
			if err != nil {
				return in, err
			}
			in.values.put(rel.index, id)
			continue
		}
		v, err := f.fromJSON(m)
		if err != nil {
			return in, err
		}
		in.values.put(f.index, f.settle(v))
	}
	return in, nil
}

// settle gives ids their long form and picklist values their own spelling.
func (f *field) settle(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if len(f.refs) > 0 {
		if id, ok := longID(s); ok {
			return id
		}
	}
	if f.typ == soql.TypePicklist {
		if known := f.valueSet[strings.ToLower(s)]; known != nil {
			return known
		}
	}
	return v
}

func attributesType(raw []byte) string {
	members, err := readObject(raw)
	if err != nil {
		return ""
	}
	for _, m := range members {
		if m.name == "type" {
			return strings.Trim(string(m.raw), `"`)
		}
	}
	return ""
}

// parentByKey finds the record that {"Ext__c": value} names.
func (x *tx) parentByKey(f *field, m member) (any, *apiError) {
	if string(m.raw) == "null" {
		return nil, nil
	}
	members, err := readObject(m.raw)
	if err != nil {
		return nil, err
	}
	kind := attributesType(m.raw)
	for _, key := range members {
		if key.name == "attributes" {
			kind = attributesType(key.raw)
		}
	}
	for _, key := range members {
		if key.name == "attributes" {
			continue
		}
		o, ext := x.st.keyOf(f, kind, key.name)
		if ext == nil {
			continue
		}
		v, err := ext.fromJSON(key)
		if err != nil {
			return nil, err
		}
		text, _ := v.(string)
		return x.parentID(o, ext, text)
	}
	return nil, refuse("INVALID_FIELD", "%s does not name its record by an external ID field", m.name)
}

// keyOf finds, among the objects that the reference may point to, the one with
// an external id (or the id) of that name; kind limits it to one object.
func (st *store) keyOf(f *field, kind, name string) (*object, *field) {
	for _, target := range f.refs {
		if kind != "" && !strings.EqualFold(kind, target) {
			continue
		}
		o := st.schema.byName[target]
		if ext := o.field(name); ext != nil && (ext.external || ext.index == o.id) {
			return o, ext
		}
	}
	return nil, nil
}

// parentID finds the record that an external id (or an id) names.
func (x *tx) parentID(o *object, ext *field, text string) (any, *apiError) {
	if ext.index == o.id {
		return text, nil
	}
	ids := x.st.tables[o].find(ext, text, "")
	switch len(ids) {
	case 0:
		return nil, refuse("INVALID_FIELD", "Foreign key external ID: %s not found for field %s in entity %s", text, ext.name, o.Name)
	case 1:
		return ids[0], nil
	default:
		return nil, refuse("DUPLICATE_EXTERNAL_ID", "Foreign key external ID: %s matched several records", text)
	}
}

// byExternalID answers /sobjects/X/{field}/{value}.
func (s *Server) byExternalID(c *call, o *object, name, value string) *reply {
	f, err := s.keyField(c, o, name)
	if err != nil {
		return errorReply(err)
	}
	switch c.method {
	case http.MethodGet, http.MethodDelete:
		return s.rowByKey(c, o, f, value)
	case http.MethodPatch, http.MethodPost:
	default:
		return errorReply(wrongMethod(c.method, "DELETE", "GET", "HEAD", "PATCH", "POST"))
	}
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	members, err := readObject(c.body)
	if err != nil {
		return errorReply(err)
	}
	return s.write(c, func(x *tx) (*reply, *apiError) { return x.upsertRow(c, o, f, value, members) })
}

// keyField gives the external id field (or the id) of that name.
func (s *Server) keyField(c *call, o *object, name string) (*field, *apiError) {
	f := o.field(name)
	if f == nil || !f.external && f.index != o.id || !s.ruling.Load().accessTo(c.userID, o).sees(f) {
		return nil, refuse("NOT_FOUND", "Provided external ID field does not exist or is not accessible: %s", name).with(http.StatusNotFound)
	}
	return f, nil
}

// keyed gives the live records that the external id (or the id) names.
func (s *Server) keyed(o *object, f *field, value string) []string {
	t := s.store.tables[o]
	if f.index != o.id {
		return t.find(f, strings.TrimSpace(value), "")
	}
	if id, ok := longID(value); ok {
		if slot, ok := t.slots[id]; ok && !t.deleted(t.rows[slot]) {
			return []string{id}
		}
	}
	return nil
}

func (s *Server) rowByKey(c *call, o *object, f *field, value string) *reply {
	if c.method == http.MethodGet {
		return s.read(c, func() *reply {
			ids := s.keyed(o, f, value)
			switch len(ids) {
			case 0:
				return errorReply(notFound())
			case 1:
				row, _ := s.store.ByID(o.Name, ids[0])
				return s.showRow(c, o, row)
			default:
				return severalReply(c, o, ids)
			}
		})
	}
	return s.write(c, func(x *tx) (*reply, *apiError) {
		ids := s.keyed(o, f, value)
		switch len(ids) {
		case 0:
			return nil, notFound()
		case 1:
			if err := x.remove(o, ids[0]); err != nil {
				return nil, err
			}
			return &reply{status: http.StatusNoContent}, nil
		default:
			return severalReply(c, o, ids), nil
		}
	})
}

// severalReply is the 300 that lists the records which share an external id.
func severalReply(c *call, o *object, ids []string) *reply {
	urls := make([]string, len(ids))
	for i, id := range ids {
		urls[i] = c.root() + "/sobjects/" + o.Name + "/" + id
	}
	return jsonReply(http.StatusMultipleChoices, urls)
}

func (x *tx) upsertRow(c *call, o *object, f *field, value string, members []member) (*reply, *apiError) {
	in, err := x.readValues(o, members)
	if err != nil {
		return nil, err
	}
	if in.values.has[f.index] {
		return nil, refuse("INVALID_FIELD", "The %s field should not be specified in the sobject data.", f.name)
	}
	if in.id != "" {
		return nil, refuse("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
	}
	ids := x.s.keyed(o, f, value)
	switch {
	case len(ids) > 1:
		return severalReply(c, o, ids), nil
	case len(ids) == 1:
		if err := x.update(o, ids[0], in.values); err != nil {
			return nil, err
		}
		if c.before(46) { // older releases say nothing of an update
			return &reply{status: http.StatusNoContent}, nil
		}
		return jsonReply(http.StatusOK, upserted(ids[0], false)), nil
	case f.index == o.id || c.query.Get("updateOnly") == "true":
		return nil, notFound()
	}
	key, ok := f.convert(value)
	if !ok || key == nil {
		return nil, refuse("MISSING_ARGUMENT", "%s not specified", f.name)
	}
	in.values.put(f.index, key)
	id, err := x.insert(o, in.values)
	if err != nil {
		return nil, err
	}
	rep := jsonReply(http.StatusCreated, upserted(id, true))
	rep.header.Set("Location", c.root()+"/sobjects/"+o.Name+"/"+id)
	return rep, nil
}

// unmodified refuses a row that was changed after the second that the header
// If-Unmodified-Since names (REST API guide, conditional request headers; the
// body of the 412 is not documented).
func unmodified(c *call, o *object, row soql.Row) *apiError {
	text := c.header.Get("If-Unmodified-Since")
	if text == "" {
		return nil
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return refuse("INVALID_HEADER", "If-Unmodified-Since is no HTTP date: %s", text)
	}
	if stamp, ok := row[o.stamp].(time.Time); ok && stamp.Truncate(time.Second).After(at) {
		return refuse("PRECONDITION_FAILED", "The record was modified after %s", text).with(http.StatusPreconditionFailed)
	}
	return nil
}
