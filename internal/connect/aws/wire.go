package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/document"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// wire holds the run-time schemas of the service, built from the published model.
type wire struct {
	model   *awsselling.ServiceModel
	service *smithy.ServiceSchema
	shapes  map[string]*smithy.Schema
	errors  *smithy.TypeRegistry
}

func newWire(model *awsselling.ServiceModel) *wire {
	w := &wire{model: model, shapes: map[string]*smithy.Schema{}, errors: &smithy.TypeRegistry{Entries: map[string]*smithy.TypeRegistryEntry{}}}
	w.service = smithy.NewServiceSchema(smithy.NewSchema(w.id(model.TargetPrefix), smithy.ShapeTypeService, 0), model.Version)
	for name, shape := range model.Shapes {
		schema := w.schema(name)
		if shape.Error {
			w.errors.Entries[w.id(name).String()] = &smithy.TypeRegistryEntry{
				Schema: schema,
				New:    func() any { return &modelError{code: name, schema: schema} },
			}
		}
	}
	return w
}

func (w *wire) id(name string) smithy.ShapeID {
	return smithy.ShapeID{Namespace: w.model.Namespace, Name: name}
}

// Timestamps travel as ISO text and count as strings here, because writing them
// as times would cut them to milliseconds, and LastModifiedDate must go back
// exactly as it came.
var schemaTypes = map[awsselling.ShapeType]smithy.ShapeType{
	awsselling.TypeStructure: smithy.ShapeTypeStructure,
	awsselling.TypeList:      smithy.ShapeTypeList,
	awsselling.TypeMap:       smithy.ShapeTypeMap,
	awsselling.TypeString:    smithy.ShapeTypeString,
	awsselling.TypeTimestamp: smithy.ShapeTypeString,
	awsselling.TypeBlob:      smithy.ShapeTypeString,
	awsselling.TypeInteger:   smithy.ShapeTypeLong,
	awsselling.TypeLong:      smithy.ShapeTypeLong,
	awsselling.TypeFloat:     smithy.ShapeTypeDouble,
	awsselling.TypeDouble:    smithy.ShapeTypeDouble,
	awsselling.TypeBoolean:   smithy.ShapeTypeBoolean,
	awsselling.TypeDocument:  smithy.ShapeTypeDocument,
}

func (w *wire) schema(name string) *smithy.Schema {
	if s := w.shapes[name]; s != nil {
		return s
	}
	shape := w.model.Shapes[name]
	s := smithy.NewSchema(w.id(name), schemaTypes[shape.Type], len(shape.Members))
	w.shapes[name] = s // before the members: a shape may contain itself
	for _, m := range shape.Members {
		s.AddMember(m.Name, w.schema(m.Shape))
	}
	if shape.Element != "" {
		s.AddMember("member", w.schema(shape.Element))
	}
	if shape.Key != "" {
		s.AddMember("key", w.schema(shape.Key))
		s.AddMember("value", w.schema(shape.Value))
	}
	return s
}

// operation gives the schema for the protocol. The output is left out: answers
// are read from the raw bytes, so that members we do not know are not lost.
func (w *wire) operation(op awsselling.Operation) *smithy.OperationSchema {
	return smithy.NewOperationSchema(smithy.NewSchema(w.id(op.Name), smithy.ShapeTypeOperation, 0), w.shapes[op.Input], nil)
}

// payload is a request body as decoded JSON, written in the model's order.
type payload struct {
	wire  *wire
	shape string
	value map[string]any
}

// Serialize writes the body; the value must have passed wire.check.
func (p payload) Serialize(s smithy.ShapeSerializer) {
	p.wire.write(s, p.wire.shapes[p.shape], p.shape, p.value)
}

func (w *wire) write(s smithy.ShapeSerializer, schema *smithy.Schema, shapeName string, v any) {
	shape := w.model.Shapes[shapeName]
	switch v := v.(type) {
	case map[string]any:
		if shape.Type == awsselling.TypeMap {
			writeFree(s, schema, v)
			return
		}
		s.WriteStruct(schema)
		for _, m := range shape.Members {
			if x, ok := v[m.Name]; ok {
				w.write(s, w.shapes[shapeName].Member(m.Name), m.Shape, x)
			}
		}
		for _, name := range sortedKeys(v) {
			if _, known := shape.Member(name); !known {
				holder := smithy.NewSchema(w.id(shapeName), smithy.ShapeTypeStructure, 1)
				writeFree(s, holder.AddMember(name, smithy.NewSchema(w.id("Unknown"), smithy.ShapeTypeDocument, 0)), v[name])
			}
		}
		s.CloseStruct()
	case []any:
		s.WriteList(schema)
		for _, x := range v {
			w.write(s, w.shapes[shapeName].ListMember(), shape.Element, x)
		}
		s.CloseList()
	default:
		writeFree(s, schema, v)
	}
}

// writeFree writes JSON of any form.
func writeFree(s smithy.ShapeSerializer, schema *smithy.Schema, v any) {
	switch v := v.(type) {
	case nil:
		s.WriteNil(schema)
	case string:
		s.WriteString(schema, v)
	case bool:
		s.WriteBool(schema, v)
	case json.Number:
		s.WriteDocument(schema, document.Number(v))
	case []any:
		s.WriteList(schema)
		for _, x := range v {
			writeFree(s, nil, x)
		}
		s.CloseList()
	case map[string]any:
		s.WriteMap(schema)
		for _, k := range sortedKeys(v) {
			s.WriteKey(nil, k)
			writeFree(s, nil, v[k])
		}
		s.CloseMap()
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// check says where v has not the JSON type that the model gives its shape; ""
// when all is well. Members that the model does not know are let through.
func (w *wire) check(shapeName, path string, v any) (where, want string) {
	shape := w.model.Shapes[shapeName]
	fits := false
	switch shape.Type {
	case awsselling.TypeStructure:
		obj, ok := v.(map[string]any)
		if !ok {
			return path, "an object"
		}
		for _, m := range shape.Members {
			if x, ok := obj[m.Name]; ok {
				if where, want = w.check(m.Shape, join(path, m.Name), x); where != "" {
					return where, want
				}
			}
		}
		return "", ""
	case awsselling.TypeList:
		list, ok := v.([]any)
		if !ok {
			return path, "a list"
		}
		for i, x := range list {
			if where, want = w.check(shape.Element, fmt.Sprintf("%s[%d]", path, i), x); where != "" {
				return where, want
			}
		}
		return "", ""
	case awsselling.TypeMap:
		_, fits = v.(map[string]any)
	case awsselling.TypeString, awsselling.TypeTimestamp, awsselling.TypeBlob:
		_, fits = v.(string)
	case awsselling.TypeBoolean:
		_, fits = v.(bool)
	case awsselling.TypeInteger, awsselling.TypeLong:
		n, ok := v.(json.Number)
		if ok {
			_, err := n.Int64()
			fits = err == nil
		}
	case awsselling.TypeFloat, awsselling.TypeDouble:
		_, fits = v.(json.Number)
	default:
		fits = true
	}
	if !fits {
		return path, "a " + string(shape.Type)
	}
	return "", ""
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// decodeObject reads one JSON object without losing digits, leaving out nulls:
// null members are never sent.
func decodeObject(raw []byte) (map[string]any, error) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if v == nil {
		v = map[string]any{}
	}
	dropNulls(v)
	return v, nil
}

func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
				continue
			}
			dropNulls(x)
		}
	case []any:
		for _, x := range v {
			dropNulls(x)
		}
	}
}

// modelError is one of the service's own errors, read by its schema.
type modelError struct {
	code    string
	schema  *smithy.Schema
	Message string
	Reason  string
	List    []modelErrorItem
}

type modelErrorItem struct{ FieldName, Message, Code string }

// Error gives the service's own words.
func (e *modelError) Error() string { return e.code + ": " + e.Message }

// Deserialize reads the error's members.
func (e *modelError) Deserialize(d smithy.ShapeDeserializer) error {
	return smithy.ReadStruct(d, e.schema, func(m *smithy.Schema) error {
		switch m.MemberName() {
		case "Message":
			return readText(d, m, &e.Message)
		case "Reason":
			return readText(d, m, &e.Reason)
		case "ErrorList":
			return smithy.ReadList(d, m, func() error {
				var item modelErrorItem
				err := smithy.ReadStruct(d, m.ListMember(), func(f *smithy.Schema) error {
					switch f.MemberName() {
					case "FieldName":
						return readText(d, f, &item.FieldName)
					case "Message":
						return readText(d, f, &item.Message)
					case "Code":
						return readText(d, f, &item.Code)
					}
					return nil
				})
				e.List = append(e.List, item)
				return err
			})
		}
		return nil
	})
}

func readText(d smithy.ShapeDeserializer, m *smithy.Schema, into *string) error {
	null, err := d.ReadNil(m)
	if err != nil || null {
		return err
	}
	return d.ReadString(m, into)
}
