package salesforce

import (
	"crypto/md5" //nolint:gosec // an id of a schema, as Salesforce makes it; nothing is kept safe by it
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// eventSchema is the Avro schema of one object's change events, with where each
// value comes from.
type eventSchema struct {
	id      string
	text    string
	columns []eventColumn // of the record, after the header
}

// eventColumn is one field of a change event: a field of the object, or several in
// a record of their own (Name, BillingAddress).
type eventColumn struct {
	name  string
	field *field // nil of a compound
	parts []eventPart
}

type eventPart struct {
	name  string
	field *field
}

// avroField is a field of an Avro record, as its JSON tells of it.
type avroField struct {
	Name string `json:"name"`
	Type any    `json:"type"`
	Doc  string `json:"doc,omitempty"`
}

type avroRecord struct {
	Type      string      `json:"type"`
	Name      string      `json:"name"`
	Namespace string      `json:"namespace,omitempty"`
	Fields    []avroField `json:"fields"`
}

type avroList struct {
	Type  string `json:"type"`
	Items string `json:"items"`
}

type avroEnum struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Symbols []string `json:"symbols"`
}

const eventNamespace = "com.sforce.eventbus"

// headerFields are ChangeEventHeader's, in their order.
func headerFields() []avroField {
	texts := avroList{"array", "string"}
	return []avroField{
		{Name: "entityName", Type: "string"},
		{Name: "recordIds", Type: texts},
		{Name: "changeType", Type: avroEnum{"enum", "ChangeType", changeTypes}},
		{Name: "changeOrigin", Type: "string"},
		{Name: "transactionKey", Type: "string"},
		{Name: "sequenceNumber", Type: "int"},
		{Name: "commitTimestamp", Type: "long"},
		{Name: "commitNumber", Type: "long"},
		{Name: "commitUser", Type: "string"},
		{Name: "nulledFields", Type: texts},
		{Name: "diffFields", Type: texts},
		{Name: "changedFields", Type: texts},
	}
}

// eventName is the name of an object's change events: AccountChangeEvent,
// CoSell_Offer__ChangeEvent.
func (o *object) eventName() string {
	if name, custom := strings.CutSuffix(o.Name, "__c"); custom {
		return name + "__ChangeEvent"
	}
	return o.Name + "ChangeEvent"
}

func newEventSchema(o *object) (*eventSchema, error) {
	s := &eventSchema{columns: eventColumns(o)}
	fields := []avroField{{Name: "ChangeEventHeader", Type: avroRecord{Type: "record", Name: "ChangeEventHeader", Fields: headerFields()}}}
	defined := map[string]bool{}
	for _, c := range s.columns {
		if c.field != nil {
			fields = append(fields, avroField{Name: c.name, Type: []any{"null", avroType(c.field)}, Doc: avroDoc(c.field)})
			continue
		}
		kind := compoundType(c)
		if defined[kind] { // a name of Avro is defined once and then referred to
			fields = append(fields, avroField{Name: c.name, Type: []any{"null", kind}})
			continue
		}
		defined[kind] = true
		record := avroRecord{Type: "record", Name: kind}
		for _, p := range c.parts {
			record.Fields = append(record.Fields, avroField{Name: p.name, Type: []any{"null", avroType(p.field)}, Doc: avroDoc(p.field)})
		}
		fields = append(fields, avroField{Name: c.name, Type: []any{"null", record}})
	}
	if err := s.make(avroRecord{"record", o.eventName(), eventNamespace, fields}); err != nil {
		return nil, fmt.Errorf("the event schema of %s: %w", o.Name, err)
	}
	return s, nil
}

func (s *eventSchema) make(r avroRecord) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	sum := md5.Sum(text) //nolint:gosec // see the import
	s.text, s.id = string(text), base64.RawURLEncoding.EncodeToString(sum[:])
	return nil
}

// eventColumns are an object's fields as its events carry them: neither the id,
// which stands in the header, nor formulas, nor what the system keeps of a record
// (Change Event Body Fields, Change Data Capture guide).
func eventColumns(o *object) []eventColumn {
	var out []eventColumn
	for _, f := range o.fields {
		if f.index == o.id || f.index == o.isDeleted || f.index == o.stamp || f.calculated {
			continue
		}
		compound, part := compoundOf(o, f)
		if compound == "" {
			out = append(out, eventColumn{name: f.name, field: f})
			continue
		}
		i := slices.IndexFunc(out, func(c eventColumn) bool { return c.name == compound && c.field == nil })
		if i < 0 {
			out = append(out, eventColumn{name: compound})
			i = len(out) - 1
		}
		out[i].parts = append(out[i].parts, eventPart{part, f})
	}
	return out
}

var addressParts = []string{"Street", "City", "State", "StateCode", "PostalCode", "Country", "CountryCode"}

// compoundOf names the compound field that a field belongs to, and the field's name
// in it; "" when it stands alone.
func compoundOf(o *object, f *field) (compound, part string) {
	if o.at("LastName") >= 0 && o.at("FirstName") >= 0 && (f.name == "FirstName" || f.name == "LastName" || f.name == "Salutation" || f.name == "Name") {
		return "Name", f.name
	}
	for _, part := range addressParts {
		if prefix, ok := strings.CutSuffix(f.name, part); ok && o.at(prefix+"Street") >= 0 && o.at(prefix+"City") >= 0 {
			return prefix + "Address", part
		}
	}
	return "", ""
}

func compoundType(c eventColumn) string {
	if c.name == "Name" {
		return "PersonName"
	}
	return "Address"
}

func avroType(f *field) string {
	switch f.typ {
	case soql.TypeBoolean:
		return "boolean"
	case soql.TypeInt:
		return "int"
	case soql.TypeDouble, soql.TypeCurrency, soql.TypePercent:
		return "double"
	case soql.TypeDate, soql.TypeDateTime:
		return "long"
	default:
		return "string"
	}
}

// avroDoc says which type of Salesforce a field is, as the schemas do.
func avroDoc(f *field) string {
	switch f.typ {
	case soql.TypeReference:
		return "Data:EntityId"
	case soql.TypeDate:
		return "Data:DateOnly"
	case soql.TypeDateTime:
		return "Data:DateTime"
	case soql.TypePicklist:
		return "Data:DynamicEnum"
	default:
		return "Data:" + strings.ToUpper(string(f.typ)[:1]) + string(f.typ)[1:]
	}
}

// encode gives the event in Avro's binary form.
func (s *eventSchema) encode(e *event) []byte {
	nulled, changed := s.bitmaps(e)
	dst := putText(nil, e.object.Name)
	dst = putTexts(dst, e.ids)
	dst = putLong(dst, int64(e.kind))
	dst = putText(dst, e.meta.Origin)
	dst = putText(dst, e.meta.Key)
	dst = putLong(dst, int64(e.seq))
	dst = putLong(dst, e.meta.At.UnixMilli())
	dst = putLong(dst, int64(e.meta.First))
	dst = putText(dst, e.meta.User)
	dst = putTexts(dst, nulled)
	dst = putTexts(dst, nil) // diffFields: large texts are told whole
	dst = putTexts(dst, changed)
	for _, c := range s.columns {
		if c.field != nil {
			dst = putValue(dst, c.field, e.value(c.field))
			continue
		}
		if !slices.ContainsFunc(c.parts, func(p eventPart) bool { return e.value(p.field) != nil }) {
			dst = putLong(dst, 0)
			continue
		}
		dst = putLong(dst, 1)
		for _, p := range c.parts {
			dst = putValue(dst, p.field, e.value(p.field))
		}
	}
	return dst
}

// value is what the event tells of a field: an update tells what changed only.
func (e *event) value(f *field) any {
	if e.row == nil || e.kind == changeUpdate && !e.changed[f.index] {
		return nil
	}
	return e.row[f.index]
}

// bitmaps tell which fields an update set to nothing, and which it changed: first
// those of the record, a bit each by its place after the header's 0, then those of
// its compounds, as 7-0x3.
func (s *eventSchema) bitmaps(e *event) (nulled, changed []string) {
	if e.kind != changeUpdate || e.row == nil {
		return nil, nil
	}
	return s.bitmap(func(f *field) bool { return e.changed[f.index] && e.row[f.index] == nil }),
		s.bitmap(func(f *field) bool { return e.changed[f.index] })
}

func (s *eventSchema) bitmap(set func(*field) bool) []string {
	var top big.Int
	var nested []string
	for i, c := range s.columns {
		if c.field != nil {
			if set(c.field) {
				top.SetBit(&top, i+1, 1)
			}
			continue
		}
		var parts big.Int
		for k, p := range c.parts {
			if set(p.field) {
				parts.SetBit(&parts, k, 1)
			}
		}
		if parts.Sign() > 0 {
			nested = append(nested, fmt.Sprintf("%d-0x%X", i+1, &parts))
		}
	}
	if top.Sign() == 0 && len(nested) == 0 {
		return nil
	}
	return append([]string{fmt.Sprintf("0x%X", &top)}, nested...)
}

func putLong(dst []byte, n int64) []byte { return binary.AppendVarint(dst, n) }

func putText(dst []byte, s string) []byte { return append(putLong(dst, int64(len(s))), s...) }

func putTexts(dst []byte, list []string) []byte {
	if len(list) > 0 {
		dst = putLong(dst, int64(len(list)))
		for _, s := range list {
			dst = putText(dst, s)
		}
	}
	return putLong(dst, 0)
}

func putValue(dst []byte, f *field, v any) []byte {
	if v == nil {
		return putLong(dst, 0)
	}
	dst = putLong(dst, 1)
	switch x := v.(type) {
	case string:
		if f.typ == soql.TypeDate {
			day, _ := time.Parse(time.DateOnly, x) // a row's days have this form
			return putLong(dst, day.UnixMilli())
		}
		return putText(dst, x)
	case bool:
		if x {
			return append(dst, 1)
		}
		return append(dst, 0)
	case int64:
		return putLong(dst, x)
	case float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	case time.Time:
		return putLong(dst, x.UnixMilli())
	default:
		return putText(dst, fmt.Sprint(x))
	}
}
