package aws

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// input is how a person enters a field, by the model's shape of it.
type input struct {
	kind    registration.Input
	options []string
	limit   int
	columns []registration.Column
}

// contactColumns are what a contact is entered by, in the order of a form.
var contactColumns = []registration.Column{
	{Name: "FirstName", Label: "First name", Kind: "text"},
	{Name: "LastName", Label: "Last name", Kind: "text"},
	{Name: "BusinessTitle", Label: "Business title", Kind: "text"},
	{Name: "Email", Label: "E-mail", Kind: "email"},
	{Name: "Phone", Label: "Phone", Kind: "tel"},
}

const contactsPath = "Customer.Contacts"

// longTexts are entered over several lines.
var longTexts = []string{"Project.CustomerBusinessProblem", "Project.OtherSolutionDescription", "Project.AdditionalComments", "LifeCycle.NextSteps"}

// lengthRE finds the upper bound at the end of a pattern such as "(?s).{20,2000}":
// the model bounds its texts so.
var lengthRE = regexp.MustCompile(`\{\d+,(\d+)\}$`)

var inputs = sync.OnceValue(func() map[string]input {
	out := map[string]input{}
	for _, f := range comparedFields {
		out[f.path] = inputOf(f.path)
	}
	return out
})

func inputOf(path string) input {
	model := awsselling.Model()
	name := "UpdateOpportunityRequest"
	for part := range strings.SplitSeq(path, ".") {
		m, ok := model.Shapes[name].Member(part)
		if !ok {
			return input{kind: registration.InputJSON}
		}
		name = m.Shape
	}
	shape := model.Shapes[name]
	switch shape.Type {
	case awsselling.TypeString:
		in := input{kind: registration.InputText, options: shape.Enum, limit: limitOf(shape)}
		switch {
		case len(shape.Enum) > 0:
			in.kind = registration.InputChoice
		case strings.HasSuffix(path, "Date"):
			in.kind = registration.InputDate
		case slices.Contains(longTexts, path):
			in.kind = registration.InputLong
		}
		return in
	case awsselling.TypeList:
		if path == contactsPath {
			return input{kind: registration.InputRows, columns: columnsOf(shape.Element)}
		}
		if element := model.Shapes[shape.Element]; element.Type == awsselling.TypeString {
			return input{kind: registration.InputList, options: element.Enum}
		}
	}
	return input{kind: registration.InputJSON}
}

// limitOf gives the upper bound of a text, 0 where the model names none.
func limitOf(shape *awsselling.Shape) int {
	found := lengthRE.FindStringSubmatch(shape.Pattern)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		return 0
	}
	return n
}

// columnsOf gives the columns that a contact's shape has, with their bounds.
func columnsOf(name string) []registration.Column {
	model := awsselling.Model()
	var out []registration.Column
	for _, c := range contactColumns {
		if m, ok := model.Shapes[name].Member(c.Name); ok {
			if shape := model.Shapes[m.Shape]; c.Kind == "text" {
				c.Max = limitOf(shape)
			}
			out = append(out, c)
		}
	}
	return out
}

// showJSON words a value for people.
func showJSON(value string) string {
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return value
	}
	return show(v)
}

const spendPath = "Project.ExpectedCustomerSpend"

var amountRE = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]{1,2})?$`)

// enterSpend gives the monthly amount of a spend as a person enters it.
func enterSpend(value string) string {
	var list []CustomerSpend
	if json.Unmarshal([]byte(value), &list) != nil || len(list) == 0 {
		return ""
	}
	return list[0].Amount
}

// readSpend makes a spend of an amount: all else is as in like.
func readSpend(text, like string) (string, error) {
	if !amountRE.MatchString(text) {
		return "", problem.Invalid("value", "malformed", "Write the monthly amount as 12500.00, without a currency")
	}
	var list []map[string]any
	if json.Unmarshal([]byte(like), &list) != nil || len(list) == 0 {
		return "", problem.Invalid("value", "no_currency", "Neither side has an amount whose currency could be kept: enter the amount in Salesforce")
	}
	list[0]["Amount"] = text
	b, err := json.Marshal(list)
	return string(b), err
}
