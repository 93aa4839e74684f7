package aws

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// compared is a field of the two-column view: where it stands at AWS, its name
// in words, which of our fields it comes from, and how.
type compared struct {
	group, label, path, deal, how string
}

var comparedFields = []compared{
	{"Customer", "Company", "Customer.Account.CompanyName", "account.name", ""},
	{"Customer", "Website", "Customer.Account.WebsiteUrl", "account.website", "completed to a full address"},
	{"Customer", "Industry", "Customer.Account.Industry", "account.industry", "read into AWS's list of industries"},
	{"Customer", "Industry, in words", "Customer.Account.OtherIndustry", "account.industry", ""},
	{"Customer", "Country", "Customer.Account.Address.CountryCode", "account.country", "read into its two-letter code"},
	{"Customer", "State", "Customer.Account.Address.StateOrRegion", "account.state", "sent for the United States only, by AWS's name of the state"},
	{"Customer", "City", "Customer.Account.Address.City", "account.city", ""},
	{"Customer", "Postal code", "Customer.Account.Address.PostalCode", "account.postal_code", ""},
	{"Customer", "Street", "Customer.Account.Address.StreetAddress", "account.street", ""},
	{"Customer", "D-U-N-S number", "Customer.Account.Duns", "account.duns", ""},
	{"Customer", "AWS account", "Customer.Account.AwsAccountId", "account.aws_account_id", ""},
	{"Customer", "Contacts", "Customer.Contacts", "contacts", "the opportunity's contact roles, at most ten, the primary first"},
	{"Project", "Title", "Project.Title", "opportunity.name", ""},
	{"Project", "Business problem", "Project.CustomerBusinessProblem", "opportunity.description", ""},
	{"Project", "Use case", "Project.CustomerUseCase", "", "the same for all deals, set with the connection"},
	{"Project", "Delivery model", "Project.DeliveryModels", "", "the same for all deals, set with the connection"},
	{"Project", "Sales activities", "Project.SalesActivities", "opportunity.stage", "what the stage implies"},
	{"Project", "Expected monthly spend", "Project.ExpectedCustomerSpend", "opportunity.amount", "the amount divided by the months of the contract, 12 if it has no dates"},
	{"Project", "Other solution", "Project.OtherSolutionDescription", "", ""},
	{"Project", "Competitor", "Project.CompetitorName", "", ""},
	{"Project", "Comments", "Project.AdditionalComments", "", ""},
	{"Deal", "Opportunity type", "OpportunityType", "opportunity.order_type", "from the order type and whether there is net new revenue"},
	{"Deal", "What we need from AWS", "PrimaryNeedsFromAws", "", "the same for all deals, set with the connection"},
	{"Deal", "Stage", "LifeCycle.Stage", "opportunity.stage", "our stage in AWS's words"},
	{"Deal", "Target close date", "LifeCycle.TargetCloseDate", "opportunity.close_on", ""},
	{"Deal", "Next steps", "LifeCycle.NextSteps", "opportunity.next_steps", ""},
	{"Deal", "Reason lost", "LifeCycle.ClosedLostReason", "opportunity.lost_reason", "read into AWS's list of reasons"},
	{"Deal", "National security", "NationalSecurity", "", ""},
	{"Deal", "Our id", "PartnerOpportunityIdentifier", "opportunity.crm_id", ""},
	{"Team", "Our team", "OpportunityTeam", "owner", "the opportunity's owner"},
	{"Team", "Solutions", "RelatedEntityIdentifiers.Solutions", "solutions", ""},
}

// Compare lays what we would send beside what AWS holds.
func (p *Portal) Compare(d registration.Deal, record json.RawMessage, status, stage string) []registration.FieldPair {
	ours := toTree(Opportunity{OpportunityFields: p.fields(d), OpportunityTeam: team(d), RelatedEntityIdentifiers: &RelatedEntityIdentifiers{Solutions: d.Solutions}})
	var theirs any
	if len(record) > 0 {
		if err := json.Unmarshal(record, &theirs); err != nil {
			theirs = nil
		}
	}
	var out []registration.FieldPair
	for _, f := range comparedFields {
		pair := registration.FieldPair{
			Group: f.group, Label: f.label, Path: f.path, CRMField: p.crmField(f.deal), How: f.how,
			Ours: show(at(ours, f.path)), Theirs: show(at(theirs, f.path)),
		}
		if pair.Ours == "" && pair.Theirs == "" {
			continue
		}
		pair.Same = pair.Ours == pair.Theirs
		if theirs != nil {
			pair.Locked, pair.LockReason, pair.LockedUntil = Locked(status, stage, f.path)
		}
		out = append(out, pair)
	}
	return out
}

func toTree(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil
	}
	return tree
}

// at gives the value at a dotted path of a JSON tree, or nil.
func at(tree any, path string) any {
	for _, name := range strings.Split(path, ".") {
		m, ok := tree.(map[string]any)
		if !ok {
			return nil
		}
		tree = m[name]
	}
	return tree
}

// show writes a value of the record for people: lists by comma, contacts by name
// and address, spend as amount and currency.
func show(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []any:
		var parts []string
		for _, e := range x {
			if s := show(e); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		return showObject(x)
	}
	return fmt.Sprint(v)
}

func showObject(m map[string]any) string {
	text := func(k string) string { s, _ := m[k].(string); return s }
	if a := text("Amount"); a != "" {
		return strings.TrimSpace(text("CurrencyCode") + " " + a)
	}
	if name := strings.TrimSpace(text("FirstName") + " " + text("LastName")); name != "" || text("Email") != "" {
		if name == "" {
			return text("Email")
		}
		if text("Email") == "" {
			return name
		}
		return name + " <" + text("Email") + ">"
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var parts []string
	for _, k := range keys {
		parts = append(parts, k+" "+show(m[k]))
	}
	return strings.Join(parts, ", ")
}

// labelOf gives the name in words of a path that a finding names.
func labelOf(path string) string {
	clean := listIndexRE.ReplaceAllString(path, "")
	if i := slices.IndexFunc(comparedFields, func(f compared) bool { return f.path == clean }); i >= 0 {
		return comparedFields[i].label
	}
	if f, ok := under(clean); ok {
		return f.label
	}
	return clean
}

// dealField gives which of our fields a path comes from, "" if none.
func dealField(path string) string {
	clean := listIndexRE.ReplaceAllString(path, "")
	if f, ok := under(clean); ok {
		switch {
		case strings.HasSuffix(clean, ".Email"):
			return "contacts.email"
		case strings.HasSuffix(clean, ".Phone"):
			return "contacts.phone"
		case strings.HasSuffix(clean, ".CurrencyCode"):
			return "opportunity.currency"
		}
		return f.deal
	}
	return ""
}

// under gives the compared field that path names or lies in.
func under(path string) (compared, bool) {
	for _, f := range comparedFields {
		if path == f.path || strings.HasPrefix(path, f.path+".") {
			return f, true
		}
	}
	return compared{}, false
}

var _ registration.Portal = (*Portal)(nil)
