package list

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/match"
)

// Field is one thing a column may hold.
type Field string

// The fields. Name, website and phone may stand in several columns.
const (
	FieldID           Field = "id"
	FieldName         Field = "name"
	FieldCountry      Field = "country"
	FieldState        Field = "state"
	FieldCity         Field = "city"
	FieldPostcode     Field = "postcode"
	FieldWebsite      Field = "website"
	FieldPhone        Field = "phone"
	FieldDUNS         Field = "duns"
	FieldLEI          Field = "lei"
	FieldRegistration Field = "registration"
	FieldAWS          Field = "aws_account"
	FieldTenant       Field = "tenant"
	FieldParent       Field = "parent"
)

// guesses are the headings under which lists hold each field, folded, the surest
// first: those of Salesforce, of partners' portals and of common exports.
var guesses = []struct {
	field    Field
	headings []string
}{
	{FieldID, []string{"id", "account id", "accountid", "a id", "b id", "crm id", "record id", "company id", "customer id", "external id", "opportunity id", "key", "row id", "left id", "right id"}},
	{FieldName, []string{"name", "account name", "company name", "company", "account", "customer name", "customer", "organization", "organisation", "organization name", "organisation name", "legal name", "business name", "trade name", "firma", "unternehmen", "entreprise", "empresa"}},
	{FieldCountry, []string{"country", "billing country", "billingcountry", "country code", "country name", "shipping country", "hq country", "land", "pays", "pais"}},
	{FieldState, []string{"state", "billing state", "billingstate", "state province", "province", "region", "state code", "bundesland"}},
	{FieldCity, []string{"city", "billing city", "billingcity", "town", "hq city", "ort", "stadt", "ville", "ciudad"}},
	{FieldPostcode, []string{"postcode", "zip", "postal code", "zip code", "zipcode", "postalcode", "billing zip", "billing postal code", "billingpostalcode", "plz"}},
	{FieldWebsite, []string{"website", "domain", "web site", "url", "web", "company domain", "email domain", "homepage", "website url", "domains", "email", "e mail"}},
	{FieldPhone, []string{"phone", "telephone", "phone number", "tel", "main phone", "telefon"}},
	{FieldDUNS, []string{"duns", "duns number", "d u n s", "duns no"}},
	{FieldLEI, []string{"lei", "legal entity identifier"}},
	{FieldRegistration, []string{"registration", "registration number", "registration no", "company number", "tax id", "vat", "vat number", "vat id", "siren", "siret", "register number"}},
	{FieldAWS, []string{"aws account", "aws account id", "awsaccountid", "aws id"}},
	{FieldTenant, []string{"tenant", "tenant id", "tenantid", "azure tenant", "entra tenant id", "microsoft tenant id"}},
	{FieldParent, []string{"parent", "parent id", "parentid", "parent account id", "ultimate parent account id"}},
}

// Columns says in which columns, counted from 0, each field stands.
type Columns map[Field][]int

// Guess finds the columns by their headings. What chosen names, by field, is taken
// as it says: a heading, or several with "+" between them.
func Guess(header []string, chosen map[string]string) (Columns, error) {
	folded := make([]string, len(header))
	for i, h := range header {
		folded[i] = match.Fold(strings.ReplaceAll(h, "_", " "))
	}
	out := Columns{}
	taken := map[int]bool{}
	for _, name := range sortedKeys(chosen) {
		field := Field(strings.ToLower(name))
		if !slices.ContainsFunc(guesses, func(g struct {
			field    Field
			headings []string
		},
		) bool {
			return g.field == field
		}) {
			return nil, fmt.Errorf("%q is no field; there are %s", name, fieldList())
		}
		for _, heading := range strings.Split(chosen[name], "+") {
			i := slices.Index(header, strings.TrimSpace(heading))
			if i < 0 {
				i = slices.Index(folded, match.Fold(strings.ReplaceAll(heading, "_", " ")))
			}
			if i < 0 {
				return nil, fmt.Errorf("there is no column %q for the %s; the columns are %s", heading, field, strings.Join(header, ", "))
			}
			out[field], taken[i] = append(out[field], i), true
		}
	}
	for _, g := range guesses {
		if len(out[g.field]) > 0 {
			continue
		}
		for _, h := range g.headings {
			if i := slices.Index(folded, h); i >= 0 && !taken[i] {
				out[g.field], taken[i] = []int{i}, true
				break
			}
		}
	}
	if len(out[FieldName]) == 0 && len(header) == 1 {
		out[FieldName] = []int{0}
	}
	if len(out[FieldName]) == 0 {
		return nil, fmt.Errorf("no column looks like the company's name; name it, for example name=%q. The columns are %s", header[0], strings.Join(header, ", "))
	}
	return out, nil
}

func fieldList() string {
	var all []string
	for _, g := range guesses {
		all = append(all, string(g.field))
	}
	return strings.Join(all, ", ")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// String writes the columns as "name=Company, website=URL".
func (c Columns) String(header []string) string {
	var out []string
	for _, g := range guesses {
		for _, i := range c[g.field] {
			out = append(out, fmt.Sprintf("%s=%s", g.field, header[i]))
		}
	}
	return strings.Join(out, ", ")
}
