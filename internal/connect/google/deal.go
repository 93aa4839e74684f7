package google

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Profile is what is the same in all of a vendor's deals and stands in no CRM record.
// The words are Google's; those that Google does not publish are "" by default and
// then not sent.
type Profile struct {
	ProductFamily   []string
	SupportLevel    string
	DeliveryModel   string
	ContractVehicle string // "CLOUD_MARKETPLACE" by default
	ContactCustomer bool   // Google may contact the customer
}

// defaultMonths is the contract's length when the CRM has no dates of it.
const defaultMonths = 12

// fields maps a deal to what Google takes. words says that a person reads it, who
// can choose Google's word for one of the CRM's that has none.
func (p *Portal) fields(d registration.Deal) *Opportunity {
	o, a := &d.Opportunity, &d.Account
	vehicle := p.profile.ContractVehicle
	if vehicle == "" {
		vehicle = "CLOUD_MARKETPLACE"
	}
	out := &Opportunity{
		OpportunityType:      "ISV_SOLUTION_CONNECT",
		PartnerOpportunityID: o.CRMID,
		OpportunityInfo: &OpportunityInfo{
			DisplayName: strings.TrimSpace(o.Name), Description: strings.TrimSpace(o.Description), ProductFamily: p.profile.ProductFamily, OpportunityAmount: MoneyOf(o.Amount()),
		},
		QualificationInfo: &QualificationInfo{
			OperationType: operationOf(o), ContractLengthMonths: months(d), DealSize: MoneyOf(o.Amount()), EstimatedCloseDate: DateOf(o.CloseOn), LegalLanguageAccepted: true,
		},
		CustomerInfo: &CustomerInfo{
			CustomerDetails: &CustomerDetails{
				OrganizationName: strings.TrimSpace(a.Name), Domain: domainOf(a.Website, a.Domains), EmployeeCount: employees(a.Employees),
				Address: &Address{RegionCode: countryCode(a.Country), AdministrativeArea: a.State, Locality: a.City, PostalCode: strings.TrimSpace(a.PostalCode), AddressLines: lines(a.Street)},
			},
			Contact: contactOf(d),
		},
		IsvSolutionConnectInfo: &IsvSolutionConnectInfo{
			IsvSolutionConnectDeal: true, CustomerContactRequested: p.profile.ContactCustomer, SupportLevel: p.profile.SupportLevel,
			ContractVehicle: vehicle, DeliveryModel: p.profile.DeliveryModel, NextStep: strings.TrimSpace(o.NextSteps),
		},
	}
	if p.words {
		out.CustomerInfo.CustomerDetails.Industry = a.Industry
		out.CustomerInfo.CustomerDetails.Address.RegionCode = strings.TrimSpace(a.Country)
	}
	return out
}

// countryCode gives a CLDR region code; a country's name is left out, because only
// its code is Google's.
func countryCode(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) == 2 {
		return s
	}
	return ""
}

func lines(street string) []string {
	var out []string
	for line := range strings.Lines(street) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func employees(n *int64) json.RawMessage {
	if n == nil || *n <= 0 {
		return nil
	}
	return json.RawMessage(strconv.FormatInt(*n, 10))
}

// domainOf gives the host of the website, or the first of the account's domains.
func domainOf(website, domains string) string {
	for _, s := range strings.FieldsFunc(strings.ToLower(website+","+domains), func(r rune) bool { return strings.ContainsRune(",; ", r) }) {
		if _, rest, ok := strings.Cut(s, "://"); ok {
			s = rest
		}
		s, _, _ = strings.Cut(s, "/")
		s, _, _ = strings.Cut(s, ":")
		if s = strings.TrimPrefix(s, "www."); strings.Contains(s, ".") {
			return s
		}
	}
	return ""
}

// contactOf gives the customer's primary contact, else the first.
func contactOf(d registration.Deal) *Contact {
	var chosen *opportunity.Contact
	for i := range d.Contacts {
		if c := &d.Contacts[i]; c.Email != "" && (chosen == nil || c.Primary && !chosen.Primary) {
			chosen = c
		}
	}
	if chosen == nil {
		return nil
	}
	out := &Contact{GivenName: chosen.FirstName, FamilyName: chosen.LastName, Email: strings.TrimSpace(chosen.Email)}
	if phone := e164(chosen.Phone); phone != "" {
		out.Phone = &Phone{phone}
	}
	return out
}

// e164 gives a phone number in its international form; one without a country code
// is left out.
func e164(s string) string {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "+") {
		return ""
	}
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if len(digits) < 8 || len(digits) > 15 {
		return ""
	}
	return "+" + digits
}

func months(d registration.Deal) int {
	from, to := d.Opportunity.StartOn, d.Opportunity.EndOn
	if from.IsZero() || to.IsZero() || !from.Before(to) {
		return defaultMonths
	}
	f, t := from.Time(), to.Time().AddDate(0, 0, 1)
	return max((t.Year()-f.Year())*12+int(t.Month())-int(f.Month()), 1)
}

// operationOf gives the kind of business: new for a customer's first orders, a
// renewal, else an expansion.
func operationOf(o *opportunity.Opportunity) string {
	switch {
	case strings.Contains(o.OrderType, "New - "), o.OrderType == "" && strings.EqualFold(o.Type, "New Business"):
		return "NEW"
	case strings.EqualFold(o.Type, "Renewal"):
		return "RENEWAL"
	}
	return "EXPANSION"
}

var stageNumber = regexp.MustCompile(`^\s*(\d+)\s*-`)

// stageOf gives Google's stage for the CRM's: numbered stages by their number
// (salesforce-gitlab.md §2.5), Salesforce's standard ones by name.
func stageOf(s string, closed, won bool) string {
	switch {
	case closed && won:
		return googlecosell.StageMigration
	case closed:
		return googlecosell.StageClosedLost
	}
	if m := stageNumber.FindStringSubmatch(s); m != nil {
		switch n, _ := strconv.Atoi(m[1]); {
		case n <= 1:
			return googlecosell.StageQualify
		case n == 2:
			return googlecosell.StageRefine
		case n == 3:
			return googlecosell.StageTechEval
		default:
			return googlecosell.StageProposal
		}
	}
	switch strings.ToLower(s) {
	case "needs analysis":
		return googlecosell.StageRefine
	case "value proposition", "id. decision makers", "perception analysis":
		return googlecosell.StageTechEval
	case "proposal/price quote", "negotiation/review":
		return googlecosell.StageProposal
	}
	return googlecosell.StageQualify
}
