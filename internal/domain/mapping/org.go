package mapping

import (
	"slices"
	"strings"
)

// Org is what an organisation has, as far as its integration user may see it.
type Org struct {
	// Objects are the described objects by name; one that is not there, or hidden,
	// is missing.
	Objects map[string]OrgObject
	// Made lists the objects whose records Tandem makes, with the fields that it
	// gives them.
	Made map[string][]string
}

// OrgObject is an object of the organisation.
type OrgObject struct {
	Name   string
	Label  string
	Fields []OrgField
}

// OrgField is a field of an object of the organisation.
type OrgField struct {
	Name       string
	Label      string
	Type       string // as describe says: string, picklist, currency, date, datetime, reference, …
	Length     int
	Createable bool
	Updateable bool
	Required   bool // Salesforce refuses a new record without it, and fills in nothing itself
	Restricted bool // the picklist takes its active values only
	Custom     bool
	Parent     string // the relationship by which the record that it names is reached
	ParentOf   string // the object that it names, "" for none or several
	Values     []OrgValue
}

// OrgValue is a choice of a picklist.
type OrgValue struct {
	Value  string
	Active bool
}

// Field finds a field by its name, whatever its case.
func (o OrgObject) Field(name string) (OrgField, bool) {
	at := slices.IndexFunc(o.Fields, func(f OrgField) bool { return strings.EqualFold(f.Name, name) })
	if at < 0 {
		return OrgField{}, false
	}
	return o.Fields[at], true
}

// Field finds the field that a name means for an object; with a dot, the parent's.
func (g Org) Field(object Object, name string) (OrgField, bool) {
	o, ok := g.Objects[string(object)]
	if !ok {
		return OrgField{}, false
	}
	parent, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return o.Field(name)
	}
	for _, f := range o.Fields {
		if f.Parent != "" && strings.EqualFold(f.Parent, parent) {
			return g.Objects[f.ParentOf].Field(rest)
		}
	}
	return OrgField{}, false
}

// Found gives the first of the entry's names that the organisation has; ok is false
// when it has none.
func (g Org) Found(e Entry) (name string, f OrgField, ok bool) {
	info, _ := InfoOf(e.Field)
	for _, name := range e.CRM {
		if f, ok := g.Field(info.Object, name); ok {
			return name, f, true
		}
	}
	return "", OrgField{}, false
}

// Name is how a field of the organisation is named for a person.
func Name(object Object, field string) string { return string(object) + "." + field }
