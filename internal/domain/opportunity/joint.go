package opportunity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
)

// JointRule says which opportunities are joint with which cloud. It is data: a
// Director reads and changes it on the settings page. The default follows the
// route and partner fields (salesforce-gitlab.md §2.6: tagging use cases 1 to 4).
type JointRule struct {
	Clouds map[cloud.Cloud]CloudRule `json:"clouds"`
}

// CloudRule is the rule for one cloud: joint if the partner named in any of
// Fields holds any of Words as whole words; registered only if the stage is none
// of ExcludeStages and, unless RegisterClosed, the deal is open.
type CloudRule struct {
	Enabled        bool     `json:"enabled"`
	Fields         []string `json:"fields"`
	Words          []string `json:"words"`
	ExcludeStages  []string `json:"exclude_stages"`
	RegisterClosed bool     `json:"register_closed"`
}

// RuleFields lists the fields a rule can look at, with their labels.
func RuleFields() []struct{ Name, Label string } {
	return []struct{ Name, Label string }{
		{"fulfillment_partner", "Resale partner (Fulfillment_Partner__c)"},
		{"influence_partner", "Influence partner (Influence_Partner__c)"},
		{"dr_partner", "Deal registration partner"},
		{"distributor", "Distributor (Distributor__c)"},
		{"lead_source", "Lead source (LeadSource)"},
		{"deal_path", "Deal path (Deal_Path__c)"},
	}
}

// DefaultJointRule is the rule until the team changes it.
func DefaultJointRule() JointRule {
	fields := []string{"fulfillment_partner", "influence_partner", "dr_partner"}
	stages := []string{"0-Pending Acceptance", "9-Unqualified", "10-Duplicate"}
	return JointRule{Clouds: map[cloud.Cloud]CloudRule{
		cloud.AWS:   {Enabled: true, Fields: fields, Words: []string{"amazon web services", "amazon", "aws"}, ExcludeStages: stages},
		cloud.Azure: {Enabled: true, Fields: fields, Words: []string{"microsoft azure", "microsoft", "azure"}, ExcludeStages: stages},
		cloud.GCP:   {Enabled: true, Fields: fields, Words: []string{"google cloud", "google"}, ExcludeStages: stages},
	}}
}

// Validate reports every part of the rule that cannot work.
func (r JointRule) Validate() error {
	var bad problem.List
	for _, c := range cloud.All() {
		rule, ok := r.Clouds[c]
		if !ok || !rule.Enabled {
			continue
		}
		at := "clouds." + string(c)
		if len(rule.Fields) == 0 {
			bad.Add(at+".fields", "required", "Choose at least one field that names the partner")
		}
		for _, f := range rule.Fields {
			if _, known := fieldOf(&Opportunity{}, f); !known {
				bad.Add(at+".fields", "unknown_field", fmt.Sprintf("%q is not a field that a rule can look at", f))
			}
		}
		if len(rule.Words) == 0 {
			bad.Add(at+".words", "required", "Give at least one name by which the partner is known")
		}
		for _, w := range rule.Words {
			if len(textkey.Of(w)) < 2 {
				bad.Add(at+".words", "too_short", fmt.Sprintf("%q is too short to be a partner's name", w))
			}
		}
	}
	for c := range r.Clouds {
		if !c.Valid() {
			bad.Add("clouds."+string(c), "unknown_cloud", fmt.Sprintf("%q is not a cloud: use aws, azure or gcp", c))
		}
	}
	return bad.Err()
}

// Matcher is a rule made ready to be asked many times.
type Matcher struct {
	rule  JointRule
	words map[cloud.Cloud][]string
}

// NewMatcher makes a rule ready.
func NewMatcher(r JointRule) *Matcher {
	m := &Matcher{rule: r, words: map[cloud.Cloud][]string{}}
	for c, cr := range r.Clouds {
		for _, w := range cr.Words {
			if k := textkey.Of(w); k != "" {
				m.words[c] = append(m.words[c], k)
			}
		}
	}
	return m
}

// Joint says with which clouds the rule finds the opportunity joint, and why,
// in the order of cloud.All. IDs and times are left to the caller.
func (m *Matcher) Joint(o *Opportunity) []Joint {
	if o.Deleted {
		return nil
	}
	var out []Joint
	for _, c := range cloud.All() {
		rule, ok := m.rule.Clouds[c]
		if !ok || !rule.Enabled {
			continue
		}
		for _, f := range rule.Fields {
			value, _ := fieldOf(o, f)
			if value == "" {
				continue
			}
			key := textkey.Of(value)
			i := slices.IndexFunc(m.words[c], func(w string) bool { return hasWords(key, w) })
			if i >= 0 {
				out = append(out, Joint{
					OpportunityID: o.ID, Cloud: c, Joint: true, Source: SourceRule,
					Why: fmt.Sprintf("%s is “%s”", labelOf(f), value),
				})
				break
			}
		}
	}
	return out
}

// Named gives the clouds that a partner's name means by the rule's words, also
// those whose rule is off.
func (m *Matcher) Named(partner string) []cloud.Cloud {
	key := textkey.Of(partner)
	if key == "" {
		return nil
	}
	var out []cloud.Cloud
	for _, c := range cloud.All() {
		if slices.ContainsFunc(m.words[c], func(w string) bool { return hasWords(key, w) }) {
			out = append(out, c)
		}
	}
	return out
}

// Registrable says whether a joint opportunity is one to register with the
// cloud now, and if not, why.
func (m *Matcher) Registrable(o *Opportunity, c cloud.Cloud) (bool, string) {
	rule := m.rule.Clouds[c]
	switch {
	case o.Deleted:
		return false, "deleted in Salesforce"
	case slices.ContainsFunc(rule.ExcludeStages, func(s string) bool { return strings.EqualFold(s, o.Stage) }):
		return false, fmt.Sprintf("stage “%s” is not registered", o.Stage)
	case o.Closed && !rule.RegisterClosed:
		return false, "closed before it was registered"
	}
	return true, ""
}

// hasWords reports whether key holds w with no letter or digit beside it.
func hasWords(key, w string) bool {
	for from := 0; ; {
		i := strings.Index(key[from:], w)
		if i < 0 {
			return false
		}
		i += from
		before := i == 0 || !isWord(key[i-1])
		after := i+len(w) == len(key) || !isWord(key[i+len(w)])
		if before && after {
			return true
		}
		from = i + 1
	}
}

func isWord(b byte) bool { return b >= 0x80 || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }

func fieldOf(o *Opportunity, name string) (string, bool) {
	switch name {
	case "fulfillment_partner":
		return o.FulfillmentPartner, true
	case "influence_partner":
		return o.InfluencePartner, true
	case "dr_partner":
		return o.DRPartner, true
	case "distributor":
		return o.Distributor, true
	case "lead_source":
		return o.LeadSource, true
	case "deal_path":
		return o.DealPath, true
	}
	return "", false
}

func labelOf(name string) string {
	for _, f := range RuleFields() {
		if f.Name == name {
			label, _, _ := strings.Cut(f.Label, " (")
			return label
		}
	}
	return name
}
