package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/date"
)

// Severity says whether a finding stops the sending.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // AWS refuses it
	SeverityWarning Severity = "warning" // AWS takes it, or we are not sure that it refuses
)

// Finding is one thing that AWS asks and the opportunity does not give.
type Finding struct {
	Rule     string   `json:"rule"`  // stable: "aws.postal_code_format"
	Field    string   `json:"field"` // path in the API: "Customer.Account.Address.PostalCode"
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`         // what is wrong, with the value found
	Mend     string   `json:"mend"`            // what to do about it, on the CRM's side
	Value    string   `json:"value,omitempty"` // what was found, cut to 60 characters
	Source   string   `json:"source"`          // which publication asks it
}

// CheckContext is what a check needs beside the opportunity.
type CheckContext struct {
	Submit             bool      // check for submission too; otherwise what submission needs is only a warning
	Update             bool      // it is at AWS and is to be changed: what only a submission turns on does not count
	Today              date.Date // for "not in the past"; no day: not checked
	Solutions          []string  // solutions, Marketplace solutions and products that are or will be associated
	ReviewStatus       string    // AWS's present review status; "" for an opportunity not yet created
	VisibilityOnly     bool      // to be submitted "For Visibility Only"
	FromVisibilityOnly bool      // it is at AWS for visibility only and shall become co-sell
	ConsultingPartner  bool      // we are a consulting (services) partner
	SpecialProgram     bool      // AWS's SaaS revenue recognition or the like
}

// Sources of the rules, as they stand in Finding.Source.
const (
	sourceModel  = "Partner Central Selling API service model 2022-07-26"
	sourceFields = "AWS CRM integration, Opportunity-Fields.csv"
	sourcePostal = "AWS CRM integration, PostalCodeValidations.csv"
	sourceNoCode = "AWS CRM integration, CountriesWithoutPostalCode.csv"
	sourceGuide  = "AWS Partner Central documentation, working with your opportunities"
)

type checker struct {
	ctx   CheckContext
	found []Finding
}

func (c *checker) add(sev Severity, rule, field, value, source, message, mend string) {
	c.found = append(c.found, Finding{Rule: "aws." + rule, Field: field, Severity: sev, Message: message, Mend: mend, Value: shorten(value), Source: source})
}

// submit gives the severity of what only submission needs.
func (c *checker) submit() Severity {
	if c.ctx.Submit {
		return SeverityError
	}
	return SeverityWarning
}

// Check lists everything about the opportunity that AWS would refuse, in order of
// the field, so that a person can mend all of it before anything is sent. It
// takes the values as they would be sent: normalise first (Industry, Country, …).
func Check(o Opportunity, ctx CheckContext) []Finding {
	c := &checker{ctx: ctx}
	c.shape(o)
	o.Customer = o.Customer.filled()
	if o.Project == nil {
		o.Project = &Project{}
	}
	if o.LifeCycle == nil {
		o.LifeCycle = &LifeCycle{}
	}
	if o.Marketing == nil {
		o.Marketing = &Marketing{}
	}
	c.state(o)
	c.account(o)
	c.address(o)
	c.project(o)
	c.spend(o)
	c.solutions(o)
	c.lifeCycle(o)
	c.marketing(o)
	c.revenue(o)
	slices.SortStableFunc(c.found, func(a, b Finding) int { return strings.Compare(a.Field, b.Field) })
	return c.found
}

// filled gives a copy in which the account and its address are there.
func (c *Customer) filled() *Customer {
	out := Customer{}
	if c != nil {
		out = *c
	}
	account := Account{}
	if out.Account != nil {
		account = *out.Account
	}
	if account.Address == nil {
		account.Address = &Address{}
	}
	out.Account = &account
	return &out
}

// HasErrors reports whether any finding stops the sending.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == SeverityError })
}

// shape checks lengths, lists, patterns and allowed values by the service model.
func (c *checker) shape(o Opportunity) {
	in := CreateOpportunityInput{OpportunityFields: o.OpportunityFields, Origin: o.Origin, OpportunityTeam: o.OpportunityTeam}
	raw, err := json.Marshal(in)
	if err != nil {
		c.add(SeverityError, "unreadable", "", "", sourceModel, "the opportunity cannot be written as JSON", "look for unusual characters in the record")
		return
	}
	value, err := decodeObject(raw)
	if err != nil {
		c.add(SeverityError, "unreadable", "", "", sourceModel, "the opportunity cannot be written as JSON", "look for unusual characters in the record")
		return
	}
	request := awsselling.Model().Shapes["CreateOpportunityRequest"]
	for _, m := range request.Members {
		if v, ok := value[m.Name]; ok {
			c.walk(m.Name, m.Shape, v)
		}
	}
}

func (c *checker) walk(path, shapeName string, v any) {
	model := awsselling.Model()
	shape := model.Shapes[shapeName]
	switch v := v.(type) {
	case map[string]any:
		for _, m := range shape.Members {
			child := join(path, m.Name)
			x, ok := v[m.Name]
			switch {
			case ok:
				c.walk(child, m.Shape, x)
			case m.Required && m.Name != "CompanyName": // the account's own rules say more
				c.add(SeverityError, "required_member", child, "", sourceModel, m.Name+" is missing; AWS wants it whenever "+path+" is given", "fill "+m.Name+", or clear the whole of "+path)
			}
		}
	case []any:
		if shape.Max != nil && int64(len(v)) > *shape.Max {
			c.add(SeverityError, "too_many", path, "", sourceModel, fmt.Sprintf("%s has %d entries; AWS takes at most %d", lastName(path), len(v), *shape.Max), "remove entries from the record")
		}
		for i, x := range v {
			c.walk(fmt.Sprintf("%s[%d]", path, i), shape.Element, x)
		}
	case string:
		c.text(path, shapeName, shape, v)
	}
}

// formatRules words the patterns that people meet; others get a general text.
var formatRules = map[string]struct{ rule, what, mend string }{
	"Email":                     {"email_format", "is no e-mail address as AWS takes it (lower-case letters only, at most 80 characters)", "correct the contact's e-mail address in the CRM and write it in lower case"},
	"PhoneNumber":               {"phone_format", "is no phone number in international form (+ and country code, digits only, such as +14155550100)", "write the contact's phone in the CRM with + and the country code"},
	"Amount":                    {"amount_format", "is no plain amount (digits, at most two decimals, no exponent or separators)", "correct the amount in the CRM"},
	"MonetaryValueAmountString": {"amount_format", "is no plain amount (digits, at most two decimals, no exponent or separators)", "correct the amount in the CRM"},
	"Date":                      {"date_format", "is no day in the form 2006-01-02", "correct the date in the CRM"},
	"DunsNumber":                {"duns_format", "is no D-U-N-S number (nine digits)", "correct or clear the account's D-U-N-S number in the CRM"},
	"AwsAccount":                {"aws_account_id_format", "is no AWS account id (twelve digits) or alias", "ask the customer for the twelve-digit AWS account id"},
	"EstimationUrl":             {"estimation_url_format", "is no link of the AWS pricing calculator", "share the estimate in calculator.aws and copy that link"},
	"OpportunityIdentifier":     {"opportunity_id_format", "is no AWS opportunity id (O and digits)", "copy the id from AWS Partner Central"},
	"WebsiteUrl":                {"website_length", "is not 4 to 255 characters long", "correct the account's website in the CRM"},
}

func (c *checker) text(path, shapeName string, shape *awsselling.Shape, v string) {
	if len(shape.Enum) > 0 && !slices.Contains(shape.Enum, v) {
		mend := "choose one of AWS's values: " + few(shape.Enum)
		if canonical, ok := Canonical(shapeName, v); ok {
			mend = fmt.Sprintf("AWS writes it %q", canonical)
		}
		c.add(SeverityError, "value_not_allowed", path, v, sourceModel, fmt.Sprintf("%s %q is none of AWS's values", lastName(path), shorten(v)), mend)
		return
	}
	n := int64(utf8.RuneCountInString(v))
	low, high := shape.Min, shape.Max
	pattern := compiled(shape.Pattern)
	if pattern != nil && pattern.OnlyLength() {
		a, b := pattern.Length()
		low, high = &a, &b
	}
	format, special := formatRules[shapeName]
	switch {
	case special && (pattern != nil && !pattern.Match(v) || low != nil && n < *low || high != nil && n > *high):
		c.add(SeverityError, format.rule, path, v, sourceModel, fmt.Sprintf("%s %q %s", lastName(path), shorten(v), format.what), format.mend)
	case high != nil && n > *high:
		c.add(SeverityError, "too_long", path, v, sourceModel, fmt.Sprintf("%s %q has %d characters; AWS takes at most %d", lastName(path), shorten(v), n, *high), "shorten the text in the CRM")
	case low != nil && n < *low:
		c.add(SeverityError, "too_short", path, v, sourceModel, fmt.Sprintf("%s %q has %d characters; AWS wants at least %d", lastName(path), shorten(v), n, *low), "say more in the CRM's field")
	case pattern != nil && !pattern.Match(v):
		c.add(SeverityError, "format", path, v, sourceModel, fmt.Sprintf("%s %q has not the form that AWS takes", lastName(path), shorten(v)), "correct the value in the CRM")
	}
}

func lastName(path string) string {
	parts := strings.Split(path, ".")
	last := parts[len(parts)-1]
	if i := strings.IndexByte(last, '['); i >= 0 {
		last = last[:i]
	}
	return last
}

func shorten(s string) string {
	r := []rune(s)
	if len(r) <= 60 {
		return s
	}
	return string(r[:59]) + "…"
}

func few(values []string) string {
	if len(values) <= 12 {
		return strings.Join(values, " | ")
	}
	return strings.Join(values[:8], " | ") + fmt.Sprintf(" and %d more", len(values)-8)
}
