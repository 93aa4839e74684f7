package aws

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Profile is what is the same in all of a vendor's deals and stands in no CRM
// record. Empty fields have the defaults of DefaultProfile.
type Profile struct {
	TargetCompany   string   // whose product the customer's AWS spend is for: us
	CustomerUseCase string   // one of awsselling.CustomerUseCases
	DeliveryModels  []string // of the model's DeliveryModel
	PrimaryNeeds    []string // of the model's PrimaryNeedFromAws
	Involvement     string   // Involvement…
	Visibility      string   // Visibility…
	Edits           EditPolicy
}

// DefaultProfile is a software vendor that sells a developer platform as a
// service and wants to co-sell.
func DefaultProfile() Profile {
	return Profile{
		TargetCompany: "Us", CustomerUseCase: "Web development & DevOps", DeliveryModels: []string{"SaaS or PaaS"},
		PrimaryNeeds: []string{"Co-Sell - Deal Support"}, Involvement: InvolvementCoSell, Visibility: VisibilityFull,
	}
}

func (p Profile) withDefaults() Profile {
	d := DefaultProfile()
	if p.TargetCompany == "" {
		p.TargetCompany = d.TargetCompany
	}
	if p.CustomerUseCase == "" {
		p.CustomerUseCase = d.CustomerUseCase
	}
	if len(p.DeliveryModels) == 0 {
		p.DeliveryModels = d.DeliveryModels
	}
	if len(p.PrimaryNeeds) == 0 {
		p.PrimaryNeeds = d.PrimaryNeeds
	}
	if p.Involvement == "" {
		p.Involvement = d.Involvement
	}
	if p.Visibility == "" {
		p.Visibility = d.Visibility
	}
	return p
}

// fields maps a deal to what AWS takes. Where the CRM's words have one reading
// in AWS's, that is taken; where not, they go as they are, so that the check
// names them.
func (p *Portal) fields(d registration.Deal) OpportunityFields {
	o, a := &d.Opportunity, &d.Account
	country := read(Country, a.Country)
	return OpportunityFields{
		PrimaryNeedsFromAws:          p.profile.PrimaryNeeds,
		NationalSecurity:             "No",
		PartnerOpportunityIdentifier: o.CRMID,
		Customer: &Customer{
			Account: &Account{
				Industry: read(Industry, a.Industry), CompanyName: a.Name, WebsiteURL: read(Website, a.Website), AwsAccountID: a.AWSAccountID,
				Duns: digits(a.DUNS, 9),
				Address: &Address{
					City: a.City, PostalCode: strings.TrimSpace(a.PostalCode), StateOrRegion: state(a.State, country),
					CountryCode: country, StreetAddress: strings.Join(strings.Fields(a.Street), " "),
				},
			},
			Contacts: contacts(d, country),
		},
		Project: &Project{
			Title: clip(o.Name, 255), CustomerBusinessProblem: clip(strings.TrimSpace(o.Description), 2000), CustomerUseCase: p.profile.CustomerUseCase,
			DeliveryModels: p.profile.DeliveryModels, SalesActivities: activities(stageOf(o.Stage, o.Closed, o.Won)), ExpectedCustomerSpend: p.spend(d),
		},
		OpportunityType: typeOf(d),
		Marketing:       &Marketing{Source: "None"},
		LifeCycle: &LifeCycle{
			Stage: stageOf(o.Stage, o.Closed, o.Won), NextSteps: clip(strings.TrimSpace(o.NextSteps), 255),
			TargetCloseDate: string(o.CloseOn), ClosedLostReason: lostReason(o.LostReason, o.Closed && !o.Won),
		},
	}
}

// read gives f's reading of s, or s as it is.
func read(f func(string) (string, bool), s string) string {
	if v, ok := f(s); ok {
		return v
	}
	return strings.TrimSpace(s)
}

// state is sent for the United States only: AWS's field table takes none
// elsewhere.
func state(s, country string) string {
	if country != "US" {
		return ""
	}
	return read(USState, s)
}

func digits(s string, n int) string {
	d := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	if len(d) != n {
		return strings.TrimSpace(s)
	}
	return d
}

func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimSpace(string([]rune(s)[:n-1])) + "…"
}

// contacts gives at most ten of the customer's people, the primary first.
func contacts(d registration.Deal, country string) []Contact {
	var out []Contact
	for _, c := range d.Contacts {
		if len(out) == 10 {
			break
		}
		phone, _ := Phone(c.Phone, country)
		out = append(out, Contact{Email: read(Email, c.Email), FirstName: clip(c.FirstName, 80), LastName: clip(c.LastName, 80), BusinessTitle: clip(c.Title, 80), Phone: phone})
	}
	return out
}

// team gives our owner of the deal. AWS wants an e-mail address, and checks it
// only when there is one (C11 of salesforce-gitlab.md).
func team(d registration.Deal) []Contact {
	if d.Owner.Email == "" || d.Owner.Deleted {
		return nil
	}
	first, last := splitName(d.Owner.Name)
	email, ok := Email(d.Owner.Email)
	if !ok {
		return nil
	}
	return []Contact{{Email: email, FirstName: clip(first, 80), LastName: clip(last, 80), BusinessTitle: "OpportunityOwner"}}
}

func splitName(s string) (first, last string) {
	if i := strings.LastIndexByte(strings.TrimSpace(s), ' '); i > 0 {
		return s[:i], s[i+1:]
	}
	return "", strings.TrimSpace(s)
}

// defaultMonths is the contract's length when the CRM has no dates of it.
const defaultMonths = 12

// spend is the customer's expected monthly spend: the deal's amount by the
// months of the contract.
func (p *Portal) spend(d registration.Deal) []CustomerSpend {
	a := d.Opportunity.Amount()
	if a.IsNone() {
		return nil
	}
	monthly, err := perMonth(a, months(d))
	if err != nil {
		return nil
	}
	return []CustomerSpend{{Amount: monthly, CurrencyCode: a.Currency, Frequency: "Monthly", TargetCompany: clip(p.profile.TargetCompany, 80)}}
}

func months(d registration.Deal) int {
	from, to := d.Opportunity.StartOn, d.Opportunity.EndOn
	if from.IsZero() || to.IsZero() || !from.Before(to) {
		return defaultMonths
	}
	f, t := from.Time(), to.Time().AddDate(0, 0, 1)
	n := (t.Year()-f.Year())*12 + int(t.Month()) - int(f.Month())
	return min(max(n, 1), 144)
}

// perMonth divides exactly and rounds half away from zero to two decimals, the
// most AWS takes.
func perMonth(a money.Amount, months int) (string, error) {
	r, ok := new(big.Rat).SetString(a.Decimal())
	if !ok {
		return "", fmt.Errorf("%q is no number", a.Decimal())
	}
	return r.Quo(r, big.NewRat(int64(months), 1)).FloatString(2), nil
}

// typeOf gives AWS's opportunity type: new business for the customer's first
// orders, a flat renewal for one without net new revenue, else an expansion.
func typeOf(d registration.Deal) string {
	o := &d.Opportunity
	switch {
	case strings.Contains(o.OrderType, "New - "):
		return "Net New Business"
	case strings.EqualFold(o.Type, "Renewal") && o.ARRNetMinor != nil && *o.ARRNetMinor == 0:
		return "Flat Renewal"
	case o.OrderType == "" && strings.EqualFold(o.Type, "New Business"):
		return "Net New Business"
	}
	return "Expansion"
}

func lostReason(s string, lost bool) string {
	if !lost {
		return ""
	}
	return read(ClosedLostReason, s)
}

var stageNumber = regexp.MustCompile(`^\s*(\d+)\s*-`)

// stageOf gives AWS's stage for the CRM's: numbered stages by their number
// (salesforce-gitlab.md §2.5), Salesforce's standard ones by name.
func stageOf(s string, closed, won bool) string {
	switch {
	case closed && won:
		return StageLaunched
	case closed:
		return StageClosedLost
	}
	if m := stageNumber.FindStringSubmatch(s); m != nil {
		switch n, _ := strconv.Atoi(m[1]); {
		case n <= 1:
			return StageProspect
		case n == 2:
			return StageQualified
		case n == 3:
			return StageTechnicalValidation
		case n == 4:
			return StageBusinessValidation
		default:
			return StageCommitted
		}
	}
	switch strings.ToLower(s) {
	case "qualification", "needs analysis":
		return StageQualified
	case "value proposition", "id. decision makers", "perception analysis":
		return StageTechnicalValidation
	case "proposal/price quote":
		return StageBusinessValidation
	case "negotiation/review":
		return StageCommitted
	}
	return StageProspect
}

// activities gives the sales activities that a stage implies.
func activities(stage string) []string {
	all := []string{
		"Initialized discussions with customer", "Customer has shown interest in solution", "In evaluation / planning stage",
		"Conducted POC / Demo", "Agreed on solution to Business Problem", "Finalized Deployment Need",
	}
	switch stage {
	case StageProspect:
		return all[:1]
	case StageQualified:
		return all[:2]
	case StageTechnicalValidation:
		return all[:4]
	case StageBusinessValidation:
		return all[:5]
	}
	return all
}
