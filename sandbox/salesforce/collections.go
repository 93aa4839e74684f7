package salesforce

import (
	"encoding/json"
	"net/http"
	"strings"
)

// collectionMost is how many records one collections call may save.
const collectionMost = 200

type collectionBody struct {
	AllOrNone bool              `json:"allOrNone"`
	Records   []json.RawMessage `json:"records"`
}

// collections answers everything below /composite/sobjects.
func (s *Server) collections(c *call, path []string) *reply {
	switch {
	case len(path) == 0 && c.method == http.MethodDelete:
		return s.deleteMany(c)
	case len(path) == 0:
		return c.only([]string{http.MethodPost, http.MethodPatch, "DELETE"}, func() *reply { return s.saveMany(c, nil, nil) })
	case len(path) > 2:
		return errorReply(notFound())
	}
	o, ok := s.object(path[0], c.userID)
	if !ok {
		return errorReply(notFound())
	}
	if len(path) == 1 {
		return s.retrieveMany(c, o)
	}
	f, err := s.keyField(c, o, path[1])
	if err != nil {
		return errorReply(err)
	}
	return c.only([]string{http.MethodPatch}, func() *reply { return s.saveMany(c, o, f) })
}

// item is one record of a collection on its way.
type item struct {
	o      *object
	in     input
	key    string // the external id's value, for an upsert
	result saveResult
}

// saveMany inserts (POST), updates (PATCH) or, with key, upserts records.
func (s *Server) saveMany(c *call, o *object, key *field) *reply {
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	var body collectionBody
	if err := json.Unmarshal(c.body, &body); err != nil {
		return errorReply(parserError(err, 0))
	}
	if body.Records == nil {
		return errorReply(refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [records]").on("records"))
	}
	if len(body.Records) > collectionMost {
		return errorReply(refuse("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than %d records into this call", collectionMost))
	}
	return s.write(c, func(x *tx) (*reply, *apiError) {
		items, err := x.readItems(body.Records, o, key)
		if err != nil {
			return nil, err
		}
		mark := x.mark()
		save := x.insertItem
		switch {
		case key != nil:
			save = func(it *item) *apiError { return x.upsertItem(it, key) }
			refuseTwins(items, key)
		case c.method == http.MethodPatch:
			save = x.updateItem
		}
		results := make([]saveResult, len(items))
		for i := range items {
			if items[i].result.Errors == nil {
				if err := save(&items[i]); err != nil {
					items[i].result = failed(items[i].result.ID, err)
				}
			}
			results[i] = items[i].result
		}
		x.settle(results, body.AllOrNone, mark)
		return jsonReply(http.StatusOK, results), nil
	})
}

// settle takes everything back when one record failed and all were wanted.
func (x *tx) settle(results []saveResult, allOrNone bool, mark int) {
	bad := false
	for _, r := range results {
		bad = bad || !r.Success
	}
	if !allOrNone || !bad {
		return
	}
	x.rollbackTo(mark)
	for i := range results {
		if results[i].Success {
			results[i] = failed("", refuse("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header"))
		}
	}
}

// readItems reads the records; what cannot be read at all refuses the whole
// call, as Salesforce does.
func (x *tx) readItems(records []json.RawMessage, o *object, key *field) ([]item, *apiError) {
	items := make([]item, len(records))
	for i, raw := range records {
		members, err := readObject(raw)
		if err != nil {
			return nil, err
		}
		kind := ""
		for _, m := range members {
			if m.name == "attributes" {
				kind = attributesType(m.raw)
			}
		}
		of := o
		if kind == "" && o == nil {
			return nil, refuse("INVALID_FIELD", "attributes.type is missing in record %d", i)
		}
		if kind != "" {
			var ok bool
			if of, ok = x.s.object(kind, x.user); !ok {
				return nil, refuse("INVALID_TYPE", "sObject type '%s' is not supported.", kind)
			}
			if o != nil && of != o {
				return nil, refuse("INVALID_TYPE", "all records must be of type %s, not %s", o.Name, of.Name)
			}
		}
		in, err := x.readValues(of, members)
		if err != nil {
			return nil, err
		}
		items[i] = item{o: of, in: in}
		if key != nil {
			items[i].key, _ = in.values.at[key.index].(string)
			if key.index == of.id {
				items[i].key = in.id
			}
		}
	}
	return items, nil
}

// refuseTwins refuses the records of one upsert that share an external id.
func refuseTwins(items []item, key *field) {
	count := map[string]int{}
	for _, it := range items {
		count[strings.ToLower(it.key)]++
	}
	for i := range items {
		if k := items[i].key; k != "" && count[strings.ToLower(k)] > 1 {
			items[i].result = failed("", refuse("DUPLICATE_VALUE", "Duplicate external id specified: %s", k).on(key.name))
		}
	}
}

func (x *tx) insertItem(it *item) *apiError {
	if it.in.id != "" {
		return refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call").on("Id")
	}
	id, err := x.insert(it.o, it.in.values)
	if err != nil {
		return err
	}
	it.result = saved(id)
	return nil
}

func (x *tx) updateItem(it *item) *apiError {
	if it.in.id == "" {
		return refuse("MISSING_ARGUMENT", "Id not specified in an update call").on("Id")
	}
	id, err := it.o.recordID(it.in.id)
	if err != nil {
		return err
	}
	it.result.ID = id
	if err := x.update(it.o, id, it.in.values); err != nil {
		return err
	}
	it.result = saved(id)
	return nil
}

func (x *tx) upsertItem(it *item, key *field) *apiError {
	if it.key == "" {
		if key.index != it.o.id {
			return refuse("MISSING_ARGUMENT", "%s not specified", key.name).on(key.name)
		}
		id, err := x.insert(it.o, it.in.values)
		if err == nil {
			it.result = upserted(id, true)
		}
		return err
	}
	if it.in.id != "" && key.index != it.o.id {
		return refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify both an external ID reference and a salesforce id, %s", it.o.Name).on("Id")
	}
	ids := x.s.keyed(it.o, key, it.key)
	switch {
	case len(ids) > 1:
		return refuse("DUPLICATE_EXTERNAL_ID", "%s: more than one record found for external id field: [%s]", key.name, strings.Join(ids, ", "))
	case len(ids) == 1:
		it.result.ID = ids[0]
		it.in.values.drop(key.index) // it names the record; case may differ
		if err := x.update(it.o, ids[0], it.in.values); err != nil {
			return err
		}
		it.result = upserted(ids[0], false)
		return nil
	case key.index == it.o.id:
		return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
	}
	id, err := x.insert(it.o, it.in.values)
	if err != nil {
		return err
	}
	it.result = upserted(id, true)
	return nil
}

func (s *Server) deleteMany(c *call) *reply {
	list := c.query.Get("ids")
	if list == "" {
		return errorReply(refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [ids]").on("ids"))
	}
	ids := strings.Split(list, ",")
	if len(ids) > collectionMost {
		return errorReply(refuse("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than %d records into this call", collectionMost))
	}
	return s.write(c, func(x *tx) (*reply, *apiError) {
		mark := x.mark()
		results := make([]saveResult, len(ids))
		for i, text := range ids {
			id, ok := longID(strings.TrimSpace(text))
			var o *object
			if ok {
				o = x.st.schema.byPrefix[id[:3]]
			}
			if o == nil {
				results[i] = failed("", refuse("MALFORMED_ID", "malformed id %s", text))
				continue
			}
			if err := x.remove(o, id); err != nil {
				results[i] = failed(id, err)
				continue
			}
			results[i] = saved(id)
		}
		x.settle(results, strings.EqualFold(c.query.Get("allOrNone"), "true"), mark)
		return jsonReply(http.StatusOK, results), nil
	})
}

// retrieveMany answers GET ?ids=&fields= and POST {ids, fields}: the records in
// the order of the ids, null where there is none.
func (s *Server) retrieveMany(c *call, o *object) *reply {
	var ids, names []string
	switch c.method {
	case http.MethodGet:
		ids, names = splitList(c.query.Get("ids")), splitList(c.query.Get("fields"))
	case http.MethodPost:
		if err := c.requireJSON(); err != nil {
			return errorReply(err)
		}
		var body struct {
			IDs    []string `json:"ids"`
			Fields []string `json:"fields"`
		}
		if err := json.Unmarshal(c.body, &body); err != nil {
			return errorReply(parserError(err, 0))
		}
		ids, names = body.IDs, body.Fields
	default:
		return errorReply(wrongMethod(c.method, "GET", "HEAD", "POST"))
	}
	if len(ids) == 0 || len(names) == 0 {
		return errorReply(refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [ids, fields]").on("ids", "fields"))
	}
	if len(ids) > 2000 {
		return errorReply(refuse("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 2000 records into this call"))
	}
	positions, err := s.pick(c, o, strings.Join(names, ","))
	if err != nil {
		return errorReply(err)
	}
	return s.read(c, func() *reply {
		dst := []byte{'['}
		for i, text := range ids {
			if i > 0 {
				dst = append(dst, ',')
			}
			id, _ := longID(strings.TrimSpace(text))
			t := s.store.tables[o]
			slot, ok := t.slots[id]
			if !ok || t.deleted(t.rows[slot]) {
				dst = append(dst, "null"...)
				continue
			}
			dst = o.appendRow(dst, t.rows[slot], positions, c.version)
		}
		return rawReply(http.StatusOK, append(dst, ']'))
	})
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}
