package salesforce

import (
	_ "embed"
	"strings"
)

//go:embed countries.txt
var countriesText string

// countryTable knows the countries' ISO codes and usual English names.
type countryTable struct {
	nameOf map[string]any // by code
	codeOf map[string]any // by lower-case name
}

func newCountryTable() countryTable {
	t := countryTable{nameOf: map[string]any{}, codeOf: map[string]any{}}
	for line := range strings.Lines(countriesText) {
		if code, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			t.nameOf[code] = name
			t.codeOf[strings.ToLower(name)] = code
		}
	}
	return t
}

// name gives the code's country, or nil.
func (t countryTable) name(code string) any { return t.nameOf[strings.ToUpper(code)] }

// code gives the country's code, or nil; a code given as the name is taken too.
func (t countryTable) code(name string) any {
	if code, ok := t.codeOf[strings.ToLower(name)]; ok {
		return code
	}
	if len(name) == 2 && t.nameOf[strings.ToUpper(name)] != nil {
		return strings.ToUpper(name)
	}
	return nil
}
