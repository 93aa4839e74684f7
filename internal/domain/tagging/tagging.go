// Package tagging answers "is every deal tagged so that it counts, is charged and
// is paid for as it was sold?": rules, which are data, look at the partner and
// route fields of an opportunity, say what is wrong and what it breaks, and propose
// a correction that a person confirms.
package tagging

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
)

// Breaks is what a wrong tag breaks.
type Breaks string

// What can break.
const (
	BreaksKPI     Breaks = "kpi"     // % of New or of Growth transacted via marketplaces
	BreaksFee     Breaks = "fee"     // the marketplace's fee, or the margin that it is booked with
	BreaksPayment Breaks = "payment" // the partner's commission, or who is invoiced
	BreaksRoute   Breaks = "route"   // the route to market, which later deals have to keep
)

// AllBreaks lists what can break.
func AllBreaks() []Breaks { return []Breaks{BreaksKPI, BreaksFee, BreaksPayment, BreaksRoute} }

// Label is the word for a person.
func (b Breaks) Label() string {
	switch b {
	case BreaksKPI:
		return "KPI"
	case BreaksFee:
		return "Fee"
	case BreaksPayment:
		return "Payment"
	case BreaksRoute:
		return "Route"
	}
	return string(b)
}

// Field is a tag of an opportunity, or another of its facts that a rule can ask for.
type Field string

// The fields. The names of those that can be corrected are the ones under which
// the connector to Salesforce knows them, without "opportunity.".
const (
	FieldResale      Field = "fulfillment_partner"
	FieldDR          Field = "dr_partner"
	FieldInfluence   Field = "influence_partner"
	FieldDealType    Field = "dr_deal_type"
	FieldDistributor Field = "distributor"
	FieldDealPath    Field = "deal_path"
	FieldSource      Field = "sql_source"
	FieldType        Field = "type"
	FieldOrderType   Field = "order_type"
	FieldMargin      Field = "partner_margin"
	FieldTrack       Field = "resale_track"
	FieldStage       Field = "stage"
	FieldStatus      Field = "status" // open, won or lost
	FieldJoint       Field = "joint"  // the clouds that it is joint with
)

var fieldLabels = []struct {
	Field Field
	Label string
}{
	{FieldResale, "Resale partner"},
	{FieldDR, "DR partner"},
	{FieldInfluence, "Influence partner"},
	{FieldDealType, "DR partner deal type"},
	{FieldDistributor, "Distributor"},
	{FieldDealPath, "Deal path"},
	{FieldSource, "Sales qualified source"},
	{FieldType, "Type"},
	{FieldOrderType, "Order type"},
	{FieldMargin, "Partner margin"},
	{FieldTrack, "Resale partner track"},
	{FieldStage, "Stage"},
	{FieldStatus, "Status"},
	{FieldJoint, "Joint with"},
}

// Fields lists the fields a rule can look at, in the order in which they are shown.
func Fields() []Field {
	out := make([]Field, len(fieldLabels))
	for i, f := range fieldLabels {
		out[i] = f.Field
	}
	return out
}

// Label is the field's name for a person.
func (f Field) Label() string {
	for _, x := range fieldLabels {
		if x.Field == f {
			return x.Label
		}
	}
	return string(f)
}

// Partner reports whether the field names a partner's account.
func (f Field) Partner() bool { return f == FieldResale || f == FieldDR || f == FieldInfluence }

// Correctable reports whether a correction may set the field.
func (f Field) Correctable() bool {
	return f.Partner() || slices.Contains([]Field{FieldDealType, FieldDealPath, FieldSource, FieldOrderType, FieldTrack}, f)
}

// Op is how a condition compares.
type Op string

// The comparisons.
const (
	OpEmpty    Op = "empty"     // nothing stands there
	OpSet      Op = "set"       // something does
	OpOneOf    Op = "one_of"    // it is one of the values, whatever their case
	OpNoneOf   Op = "none_of"   // it is none of the values; an empty field is none
	OpCloud    Op = "cloud"     // it names a cloud partner
	OpNotCloud Op = "not_cloud" // it names somebody else; an empty field names nobody
	OpSame     Op = "same"      // it names the cloud that the field given as value names
	OpOther    Op = "other"     // it names another cloud than that field does
)

// Ops lists the comparisons.
func Ops() []Op { return []Op{OpEmpty, OpSet, OpOneOf, OpNoneOf, OpCloud, OpNotCloud, OpSame, OpOther} }

// Label is the comparison in words.
func (o Op) Label() string {
	switch o {
	case OpEmpty:
		return "is empty"
	case OpSet:
		return "is set"
	case OpOneOf:
		return "is one of"
	case OpNoneOf:
		return "is none of"
	case OpCloud:
		return "is a cloud partner"
	case OpNotCloud:
		return "is a partner, and no cloud"
	case OpSame:
		return "is the same cloud as"
	case OpOther:
		return "is another cloud than"
	}
	return string(o)
}

func (o Op) takesValues() bool { return o == OpOneOf || o == OpNoneOf || o == OpSame || o == OpOther }

// Condition is one thing that has to hold for a rule to find a fault.
type Condition struct {
	Field  Field    `json:"field"`
	Op     Op       `json:"op"`
	Values []string `json:"values,omitempty"` // for same and other: the one field
}

// Change is one field of a correction. To is a value, "" to clear it, or "=field"
// for the partner that another field names ("=joint": the partner account of the
// one cloud that the deal is joint with).
type Change struct {
	Field Field  `json:"field"`
	To    string `json:"to"`
}

// Rule finds one kind of wrong tagging: where all of When hold.
type Rule struct {
	ID       string      `json:"id"`
	Enabled  bool        `json:"enabled"`
	Title    string      `json:"title"` // what is wrong
	Why      string      `json:"why"`   // why it matters
	Breaks   []Breaks    `json:"breaks"`
	Source   string      `json:"source"`   // where the rule stands
	Verified bool        `json:"verified"` // false: the source is in doubt
	When     []Condition `json:"when"`
	Fix      []Change    `json:"fix"` // empty: a person has to know
}

// Rules is the rule table, in the order in which it is shown.
type Rules []Rule

var idShape = regexp.MustCompile(`^[a-z][a-z0-9_]{1,59}$`)

// Validate reports every part of the rules that cannot work.
func (r Rules) Validate() error {
	var bad problem.List
	if len(r) > 100 {
		bad.Add("rules", "too_many", "Use at most 100 rules")
	}
	seen := map[string]bool{}
	for i := range r {
		at := fmt.Sprintf("rules[%d]", i)
		if seen[r[i].ID] {
			bad.Add(at+".id", "twice", fmt.Sprintf("There are two rules with the id %q", r[i].ID))
		}
		seen[r[i].ID] = true
		r[i].validate(at, &bad)
	}
	return bad.Err()
}

func (r *Rule) validate(at string, bad *problem.List) {
	if !idShape.MatchString(r.ID) {
		bad.Add(at+".id", "malformed", "Use 2 to 60 small letters, digits and _, beginning with a letter")
	}
	for name, text := range map[string]string{"title": r.Title, "why": r.Why} {
		if t := strings.TrimSpace(text); t == "" || len(t) > 1000 {
			bad.Add(at+"."+name, "length", "Use 1 to 1000 characters")
		}
	}
	if len(r.Source) > 1000 {
		bad.Add(at+".source", "too_long", "Use at most 1000 characters")
	}
	for _, b := range r.Breaks {
		if !slices.Contains(AllBreaks(), b) {
			bad.Add(at+".breaks", "unknown_value", fmt.Sprintf("%q is nothing that a tag breaks: use kpi, fee, payment or route", b))
		}
	}
	if len(r.When) == 0 || len(r.When) > 20 {
		bad.Add(at+".when", "length", "Give 1 to 20 conditions: without one, every deal would be wrong")
	}
	for j, c := range r.When {
		c.Check(fmt.Sprintf("%s.when[%d]", at, j), bad)
	}
	if len(r.Fix) > 10 {
		bad.Add(at+".fix", "too_many", "Change at most 10 fields")
	}
	for j, c := range r.Fix {
		c.validate(fmt.Sprintf("%s.fix[%d]", at, j), bad)
	}
}

// Check adds what cannot work about the condition to bad.
func (c Condition) Check(at string, bad *problem.List) {
	if !slices.Contains(Fields(), c.Field) {
		bad.Add(at+".field", "unknown_field", fmt.Sprintf("%q is not a field that a rule can look at", c.Field))
	}
	if !slices.Contains(Ops(), c.Op) {
		bad.Add(at+".op", "unknown_value", fmt.Sprintf("%q is no comparison", c.Op))
	}
	cloudish := c.Field.Partner() || c.Field == FieldJoint || c.Field == FieldDistributor
	switch {
	case c.Op.takesValues() != (len(c.Values) > 0):
		bad.Add(at+".values", "values", "Give values where the comparison takes some, and none where it does not")
	case len(c.Values) > 50:
		bad.Add(at+".values", "too_many", "Use at most 50 values")
	case (c.Op == OpCloud || c.Op == OpNotCloud) && !cloudish:
		bad.Add(at+".op", "not_a_partner", c.Field.Label()+" names no partner")
	case c.Op == OpSame || c.Op == OpOther:
		other := Field(c.Values[0])
		if len(c.Values) != 1 || !cloudish || !other.Partner() && other != FieldJoint {
			bad.Add(at+".values", "not_a_partner", "Compare a field that names a partner with one other such field")
		}
	}
}

func (c Change) validate(at string, bad *problem.List) {
	from, copied := strings.CutPrefix(c.To, "=")
	switch {
	case !c.Field.Correctable():
		bad.Add(at+".field", "not_correctable", fmt.Sprintf("%q is not a field that a correction may set", c.Field))
	case c.Field.Partner() && c.To != "" && (!copied || !Field(from).Partner() && Field(from) != FieldJoint):
		bad.Add(at+".to", "not_a_partner", "A partner is cleared, or taken from another field: =dr_partner, =fulfillment_partner, =influence_partner or =joint")
	case !c.Field.Partner() && copied:
		bad.Add(at+".to", "not_a_value", "Only a partner can be taken from another field")
	case len(c.To) > 255:
		bad.Add(at+".to", "too_long", "Use at most 255 characters")
	}
}

// Tags is what the rules look at of one opportunity.
type Tags struct {
	values map[Field]string
	ids    map[Field]string // Salesforce ids of the partners
	clouds map[Field][]cloud.Cloud
}

// TagsOf reads the tags of an opportunity; joint are the clouds that it is joint
// with, cloudsOf says which clouds a partner's name means.
func TagsOf(o *opportunity.Opportunity, joint []cloud.Cloud, cloudsOf func(name string) []cloud.Cloud) Tags {
	status := "open"
	switch {
	case o.Won:
		status = "won"
	case o.Closed:
		status = "lost"
	}
	t := Tags{
		values: map[Field]string{
			FieldResale: o.FulfillmentPartner, FieldDR: o.DRPartner, FieldInfluence: o.InfluencePartner, FieldDealType: o.DRDealType,
			FieldDistributor: o.Distributor, FieldDealPath: o.DealPath, FieldSource: o.SQLSource, FieldType: o.Type, FieldOrderType: o.OrderType, FieldMargin: o.PartnerMargin,
			FieldTrack: o.ResaleTrack, FieldStage: o.Stage, FieldStatus: status, FieldJoint: joined(joint),
		},
		ids:    map[Field]string{FieldResale: o.FulfillmentPartnerCRMID, FieldDR: o.DRPartnerCRMID, FieldInfluence: o.InfluencePartnerCRMID},
		clouds: map[Field][]cloud.Cloud{FieldJoint: joint},
	}
	for _, f := range []Field{FieldResale, FieldDR, FieldInfluence, FieldDistributor} {
		if name := t.values[f]; name != "" {
			t.clouds[f] = cloudsOf(name)
		}
	}
	return t
}

func noClouds(string) []cloud.Cloud { return nil }

func joined(clouds []cloud.Cloud) string {
	words := make([]string, len(clouds))
	for i, c := range clouds {
		words[i] = string(c)
	}
	return strings.Join(words, ", ")
}

// Value is what stands in a field, in Salesforce's words.
func (t Tags) Value(f Field) string { return t.values[f] }

// kept is what stands in a field as Salesforce keeps it.
func (t Tags) kept(f Field) string {
	if f.Partner() {
		return t.ids[f]
	}
	return t.values[f]
}

// Key tells two taggings apart, as far as the rule looks at them: by what it asks
// and by what it would change.
func (t Tags) Key(r *Rule) string {
	fields := map[string]string{}
	add := func(f Field) { fields[string(f)] = t.kept(f) }
	for _, c := range r.When {
		add(c.Field)
	}
	for _, c := range r.Fix {
		add(c.Field)
	}
	text, err := json.Marshal(fields) // in the order of the names
	if err != nil {
		return ""
	}
	return string(text)
}

// Finds reports whether the rule finds the tags wrong.
func (r *Rule) Finds(t Tags) bool {
	if !r.Enabled || len(r.When) == 0 {
		return false
	}
	for _, c := range r.When {
		if !c.Holds(t) {
			return false
		}
	}
	return true
}

// Holds reports whether the tags meet the condition.
func (c Condition) Holds(t Tags) bool {
	value := strings.TrimSpace(t.values[c.Field])
	is := func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), value) }
	shared := func() bool {
		return slices.ContainsFunc(t.clouds[c.Field], func(x cloud.Cloud) bool { return slices.Contains(t.clouds[Field(c.Values[0])], x) })
	}
	switch c.Op {
	case OpEmpty:
		return value == ""
	case OpSet:
		return value != ""
	case OpOneOf:
		if c.Field == FieldJoint {
			return slices.ContainsFunc(t.clouds[FieldJoint], func(x cloud.Cloud) bool { return slices.Contains(c.Values, string(x)) })
		}
		return slices.ContainsFunc(c.Values, is)
	case OpNoneOf:
		if c.Field == FieldJoint {
			return !slices.ContainsFunc(t.clouds[FieldJoint], func(x cloud.Cloud) bool { return slices.Contains(c.Values, string(x)) })
		}
		return !slices.ContainsFunc(c.Values, is)
	case OpCloud:
		return len(t.clouds[c.Field]) > 0
	case OpNotCloud:
		return value != "" && len(t.clouds[c.Field]) == 0
	case OpSame:
		return shared()
	case OpOther:
		return len(t.clouds[c.Field]) > 0 && len(t.clouds[Field(c.Values[0])]) > 0 && !shared()
	}
	return false
}

// Account is a partner's account in Salesforce.
type Account struct {
	CRMID string
	Name  string
}

// Step is one field that a correction sets, in words and as Salesforce keeps it: a
// partner is kept as the id of its account.
type Step struct {
	Field  Field  `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
	Was    string `json:"was"`
	Value  string `json:"value"`
}

// Correction gives what the rule would set; ok false when it proposes nothing, or
// when the partner that it needs is not known. accounts are the partner accounts of
// the clouds.
func (r *Rule) Correction(t Tags, accounts map[cloud.Cloud]Account) (steps []Step, ok bool) {
	for _, c := range r.Fix {
		s := Step{Field: c.Field, Before: t.values[c.Field], After: c.To, Was: t.kept(c.Field), Value: c.To}
		if from, copied := strings.CutPrefix(c.To, "="); copied {
			a := Account{CRMID: t.ids[Field(from)], Name: t.values[Field(from)]}
			if Field(from) == FieldJoint {
				joint := t.clouds[FieldJoint]
				if len(joint) != 1 {
					return nil, false
				}
				a = accounts[joint[0]]
			}
			if a.CRMID == "" {
				return nil, false
			}
			s.After, s.Value = a.Name, a.CRMID
		}
		if s.Value != s.Was {
			steps = append(steps, s)
		}
	}
	return steps, len(steps) > 0
}
