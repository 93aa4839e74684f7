package soql

import "strings"

// Type is a field's type as Salesforce's describe names it.
type Type string

// The field types the evaluator knows. Values of a field in a Row are:
// string for the text-like types, ids, picklists and multipicklists
// (semicolon-joined); float64 for double, currency and percent; int64 for int;
// bool for boolean; "YYYY-MM-DD" string for date; time.Time in UTC for
// datetime; nil for null.
const (
	TypeID            Type = "id"
	TypeString        Type = "string"
	TypeTextArea      Type = "textarea"
	TypeEmail         Type = "email"
	TypePhone         Type = "phone"
	TypeURL           Type = "url"
	TypePicklist      Type = "picklist"
	TypeMultiPicklist Type = "multipicklist"
	TypeReference     Type = "reference"
	TypeBoolean       Type = "boolean"
	TypeInt           Type = "int"
	TypeDouble        Type = "double"
	TypeCurrency      Type = "currency"
	TypePercent       Type = "percent"
	TypeDate          Type = "date"
	TypeDateTime      Type = "datetime"
	TypeBase64        Type = "base64"
)

// Object describes one sObject to the parser and the evaluator.
type Object struct {
	Name     string
	Label    string
	Fields   []Field
	Children []Child

	byName map[string]int
}

// Field describes one field of an object.
type Field struct {
	Name         string
	Label        string
	Type         Type
	Relationship string   // "Account" for AccountId, "Fulfillment_Partner__r" for Fulfillment_Partner__c; "" when no reference
	Long         bool     // a long text area, which no query may filter, sort or group by
	Hidden       bool     // kept from the user: it has its place in a Row, but no query may name it
	ReferenceTo  []string // the objects the reference may point to (several: polymorphic, such as Task.What)
}

// Child describes a child relationship: Account.Opportunities is
// {Relationship: "Opportunities", Object: "Opportunity", Field: "AccountId"}.
type Child struct {
	Relationship string
	Object       string
	Field        string
}

// Index prepares look-up by name; call it once after the fields are complete.
func (o *Object) Index() {
	o.byName = make(map[string]int, len(o.Fields))
	for i, f := range o.Fields {
		if !f.Hidden {
			o.byName[strings.ToLower(f.Name)] = i
		}
	}
}

// FieldIndex gives the position of the field in Fields and in every Row of
// this object, or -1. Names are case-insensitive.
func (o *Object) FieldIndex(name string) int {
	if i, ok := o.byName[strings.ToLower(name)]; ok {
		return i
	}
	return -1
}

// Row is one record: its values in the order of its object's Fields.
type Row []any

// Source is what the evaluator reads: the schema and the records of an
// organisation. The evaluator never changes a Row. A Source must not change
// while a query runs (the caller holds its lock).
type Source interface {
	// Object gives the description of an object; names are case-insensitive.
	Object(name string) (*Object, bool)
	// Scan calls yield for each record (deleted ones only if all), in any
	// order, until yield gives false.
	Scan(object string, all bool, yield func(Row) bool)
	// ByID gives the record with the 18-character id.
	ByID(object, id string) (Row, bool)
	// Lookup gives the records whose field equals value, if the source keeps
	// an index on that field (ok false: it does not; the evaluator scans).
	Lookup(object string, field int, value any, all bool) (rows []Row, ok bool)
}
