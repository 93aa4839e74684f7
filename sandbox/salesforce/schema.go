package salesforce

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

//go:embed organisation.schema
var organisationSchema string

//go:embed packages.schema
var packagesSchema string

// currencies are the organisation's active currencies.
var currencies = []string{"USD", "EUR", "GBP", "JPY", "AUD", "CAD", "CHF", "INR", "BRL", "SGD", "SEK", "NOK", "DKK", "PLN", "KRW", "MXN", "NZD", "ZAR", "ILS", "AED"}

// field is what the organisation knows about a field beyond what a query needs.
type field struct {
	index      int
	name       string
	label      string
	typ        soql.Type
	length     int // characters, for texts
	digits     int // all digits of a number, those of the scale included
	scale      int
	combo      bool // a text with suggestions (Subject)
	required   bool
	unique     bool
	external   bool
	readonly   bool // set by the system
	noUpdate   bool
	restricted bool
	calculated bool
	nameField  bool
	audit      bool // may be set by a load only
	cascade    bool // the record goes when its parent goes
	noIndex    bool
	custom     bool
	auto       string // the auto-number format, such as CSR-00000
	deflt      any
	tries      int // how often share looked for a value, and found it
	hits       int
	values     []string
	valueSet   map[string]any // a value, also in lower case, to the value, boxed once
	refs       []string
	rel        string
	child      string
}

func (f *field) indexed() bool {
	return f.unique || f.external || (len(f.refs) > 0 && !f.noIndex)
}

func (f *field) text() bool {
	switch f.typ {
	case soql.TypeString, soql.TypeTextArea, soql.TypeEmail, soql.TypePhone, soql.TypeURL, soql.TypePicklist, soql.TypeMultiPicklist:
		return true
	default:
		return false
	}
}

// long says that the field is a long text area (256 characters or more).
func (f *field) long() bool { return f.typ == soql.TypeTextArea && f.length > 255 }

// object is one sObject of the organisation.
type object struct {
	soql.Object
	prefix      string
	plural      string
	custom      bool
	owned       bool
	currency    bool
	pkg         string // the package that brings it, "" of the organisation's own
	recordTypes bool
	readonly    bool
	noUpdate    bool
	noDelete    bool
	fields      []*field
	byRel       map[string]*field // lower-case parent relationship name
	places      map[string]int    // by the exact name

	// positions of the fields that rules touch; -1 where the object lacks them
	id, isDeleted, ownerID, currencyCode, createdDate, createdBy, modifiedDate, modifiedBy, stamp int
}

// at gives the position of the field with exactly that name, or -1.
func (o *object) at(name string) int {
	if i, ok := o.places[name]; ok {
		return i
	}
	return -1
}

// field gives the field of that name, case-insensitively, or nil.
func (o *object) field(name string) *field {
	if i := o.FieldIndex(name); i >= 0 {
		return o.fields[i]
	}
	return nil
}

// schema holds every object, by lower-case name and in the file's order.
type schema struct {
	objects  []*object
	byName   map[string]*object
	byPrefix map[string]*object
}

func (s *schema) object(name string) (*object, bool) {
	if o, ok := s.byName[name]; ok {
		return o, true
	}
	o, ok := s.byName[strings.ToLower(name)]
	return o, ok
}

// parseSchema reads the format that the head of organisation.schema explains.
func parseSchema(text string) (*schema, error) {
	s := &schema{byName: map[string]*object{}, byPrefix: map[string]*object{}}
	var o *object
	pkg := ""
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "package "); ok {
			pkg = rest
			continue
		}
		if rest, ok := strings.CutPrefix(line, "object "); ok {
			var err error
			if o, err = parseObject(rest); err != nil {
				return nil, fmt.Errorf("schema line %d: %w", n+1, err)
			}
			o.pkg = pkg
			s.objects = append(s.objects, o)
			continue
		}
		if o == nil {
			return nil, fmt.Errorf("schema line %d: a field before the first object", n+1)
		}
		f, err := parseField(line)
		if err != nil {
			return nil, fmt.Errorf("schema line %d: %w", n+1, err)
		}
		o.fields = append(o.fields, f)
	}
	for _, o := range s.objects {
		s.byName[o.Name] = o
		s.byName[strings.ToLower(o.Name)] = o
		if _, taken := s.byPrefix[o.prefix]; !taken {
			s.byPrefix[o.prefix] = o
		}
	}
	for _, o := range s.objects {
		o.finish()
	}
	for _, o := range s.objects {
		for _, f := range o.fields {
			if f.child == "" {
				continue
			}
			for _, target := range f.refs {
				t, ok := s.byName[target]
				if !ok {
					return nil, fmt.Errorf("schema: %s.%s refers to %s, which is not there", o.Name, f.name, target)
				}
				t.Children = append(t.Children, soql.Child{Relationship: f.child, Object: o.Name, Field: f.name})
			}
		}
	}
	return s, nil
}

func parseObject(line string) (*object, error) {
	name, rest, _ := strings.Cut(line, " ")
	prefix, rest, ok := strings.Cut(rest, " ")
	if !ok || len(prefix) != 3 {
		return nil, fmt.Errorf("object %s needs a prefix of three characters and a label", name)
	}
	o := &object{prefix: prefix, custom: strings.HasSuffix(name, "__c")}
	o.Name = name
	words := strings.Fields(rest)
	for len(words) > 0 {
		switch words[len(words)-1] {
		case "owner":
			o.owned = true
		case "currency":
			o.currency = true
		case "recordtypes":
			o.recordTypes = true
		case "readonly":
			o.readonly = true
		case "noupdate":
			o.noUpdate = true
		case "nodelete":
			o.noDelete = true
		case "nomodified":
		default:
			o.Label, o.plural, ok = strings.Cut(strings.Join(words, " "), "/")
			if !ok {
				return nil, fmt.Errorf("object %s: the label must be Label/Plural", name)
			}
			return o, nil
		}
		words = words[:len(words)-1]
	}
	return nil, fmt.Errorf("object %s has no label", name)
}

func parseField(line string) (*field, error) {
	head, values, _ := strings.Cut(line, " = ")
	head, label, ok := strings.Cut(head, `"`)
	if !ok {
		return nil, fmt.Errorf("field %q has no label", head)
	}
	words := strings.Fields(head)
	if len(words) < 2 {
		return nil, fmt.Errorf("field %q has no type", head)
	}
	f := &field{name: words[0], label: strings.TrimSuffix(strings.TrimSpace(label), `"`), custom: strings.HasSuffix(words[0], "__c")}
	kind, size, _ := strings.Cut(words[1], ":")
	if err := f.setType(kind, size); err != nil {
		return nil, err
	}
	if values != "" {
		f.setValues(strings.Split(values, "|"))
	}
	for _, flag := range words[2:] {
		if err := f.setFlag(flag); err != nil {
			return nil, err
		}
	}
	if len(f.refs) > 0 && f.rel == "" {
		if f.custom {
			f.rel = strings.TrimSuffix(f.name, "__c") + "__r"
		} else {
			f.rel = strings.TrimSuffix(f.name, "Id")
		}
	}
	return f, nil
}

func (f *field) setType(kind, size string) error {
	switch kind {
	case "ref":
		f.typ, f.refs, f.length = soql.TypeReference, strings.Split(size, "|"), 18
		return nil
	case "bool":
		f.typ, f.deflt = soql.TypeBoolean, any(false)
		return nil
	case "date":
		f.typ = soql.TypeDate
		return nil
	case "datetime":
		f.typ = soql.TypeDateTime
		return nil
	case "combo":
		f.typ, f.combo = soql.TypeString, true
	case "int", "double", "currency", "percent":
		f.typ = soql.Type(kind)
		digits, scale, ok := strings.Cut(size, ".")
		d, err1 := strconv.Atoi(digits)
		n, err2 := strconv.Atoi(scale)
		if !ok || err1 != nil || err2 != nil {
			return fmt.Errorf("field %s: %q is not digits.scale", f.name, size)
		}
		f.digits, f.scale = d, n
		return nil
	case "string", "textarea", "email", "phone", "url", "picklist", "multipicklist":
		f.typ = soql.Type(kind)
	default:
		return fmt.Errorf("field %s: unknown type %q", f.name, kind)
	}
	n, err := strconv.Atoi(size)
	if err != nil {
		return fmt.Errorf("field %s: %q is not a length", f.name, size)
	}
	f.length = n
	return nil
}

func (f *field) setValues(values []string) {
	f.values, f.valueSet = values, make(map[string]any, len(values))
	for _, v := range values {
		box := any(v)
		f.valueSet[strings.ToLower(v)], f.valueSet[v] = box, box
	}
}

func (f *field) setFlag(flag string) error {
	key, value, _ := strings.Cut(flag, "=")
	switch key {
	case "required":
		f.required = true
	case "unique":
		f.unique = true
	case "extid":
		f.external = true
	case "readonly":
		f.readonly = true
	case "noupdate":
		f.noUpdate = true
	case "restricted":
		f.restricted = true
	case "calc":
		f.calculated = true
	case "name":
		f.nameField = true
	case "cascade":
		f.cascade = true
	case "noindex":
		f.noIndex = true
	case "auto":
		f.auto = value
	case "rel":
		f.rel = value
	case "child":
		f.child = value
	case "default":
		value = strings.ReplaceAll(value, "_", " ")
		switch {
		case f.typ == soql.TypeBoolean:
			f.deflt = any(value == "true")
		case f.valueSet[strings.ToLower(value)] != nil:
			f.deflt = f.valueSet[strings.ToLower(value)]
		default: // a value that has an underscore of its own, such as en_US
			f.deflt = any(strings.ReplaceAll(value, " ", "_"))
		}
	default:
		return fmt.Errorf("field %s: unknown flag %q", f.name, flag)
	}
	return nil
}

// finish adds the system's fields and fixes the positions.
func (o *object) finish() {
	id := &field{name: "Id", label: o.Label + " ID", typ: soql.TypeID, length: 18, readonly: true, audit: true}
	head := []*field{id, {name: "IsDeleted", label: "Deleted", typ: soql.TypeBoolean, readonly: true, deflt: false, audit: true}}
	if o.owned {
		head = append(head, &field{name: "OwnerId", label: "Owner ID", typ: soql.TypeReference, length: 18, refs: []string{"User"}, rel: "Owner", noIndex: true})
	}
	if o.currency {
		c := &field{name: "CurrencyIsoCode", label: "Currency ISO Code", typ: soql.TypePicklist, length: 3, restricted: true, deflt: any("USD")}
		c.setValues(currencies)
		head = append(head, c)
	}
	if o.recordTypes {
		head = append(head, &field{name: "RecordTypeId", label: "Record Type ID", typ: soql.TypeReference, length: 18, refs: []string{"RecordType"}, rel: "RecordType", noIndex: true})
	}
	user := func(name, label, rel string) *field {
		return &field{name: name, label: label, typ: soql.TypeReference, length: 18, refs: []string{"User"}, rel: rel, readonly: true, noIndex: true, audit: true}
	}
	moment := func(name, label string) *field {
		return &field{name: name, label: label, typ: soql.TypeDateTime, readonly: true, audit: true}
	}
	tail := []*field{
		moment("CreatedDate", "Created Date"), user("CreatedById", "Created By ID", "CreatedBy"),
		moment("LastModifiedDate", "Last Modified Date"), user("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
		moment("SystemModstamp", "System Modstamp"),
	}
	o.fields = append(append(head, o.fields...), tail...)
	o.byRel = map[string]*field{}
	o.places = make(map[string]int, len(o.fields))
	o.Fields = make([]soql.Field, len(o.fields))
	for i, f := range o.fields {
		f.index = i
		o.places[f.name] = i
		o.Fields[i] = soql.Field{Name: f.name, Label: f.label, Type: f.typ, Relationship: f.rel, ReferenceTo: f.refs, Long: f.long()}
		if f.rel != "" {
			o.byRel[strings.ToLower(f.rel)] = f
		}
		if o.readonly {
			f.readonly = true
			f.audit = true
		}
	}
	o.Index()
	o.id, o.isDeleted = o.FieldIndex("Id"), o.FieldIndex("IsDeleted")
	o.ownerID, o.currencyCode = o.FieldIndex("OwnerId"), o.FieldIndex("CurrencyIsoCode")
	o.createdDate, o.createdBy = o.FieldIndex("CreatedDate"), o.FieldIndex("CreatedById")
	o.modifiedDate, o.modifiedBy = o.FieldIndex("LastModifiedDate"), o.FieldIndex("LastModifiedById")
	o.stamp = o.FieldIndex("SystemModstamp")
}
