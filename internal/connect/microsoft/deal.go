package microsoft

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// DealType is how a deal is registered. It can be raised later, never lowered.
type DealType string

// The types of a deal (manage-co-sell-opportunities).
const (
	DealPrivate DealType = "private"     // nobody at Microsoft sees it
	DealLed     DealType = "partner-led" // Microsoft's sellers see it, and are not asked
	DealCoSell  DealType = "co-sell"     // Microsoft is asked to help, and has 14 days to answer
)

// Label is the type in Microsoft's words.
func (t DealType) Label() string {
	switch t {
	case DealPrivate:
		return "Private"
	case DealLed:
		return "Partner-led"
	case DealCoSell:
		return "Co-sell"
	}
	return string(t)
}

// Profile is what is the same in all of a vendor's deals and stands in no CRM
// record. Empty fields have the defaults of DefaultProfile.
type Profile struct {
	DealType   DealType
	Assistance string // the help that Microsoft is asked for, one of partnercenter.AssistanceCodes
	AskNotes   string // what Microsoft's seller reads first
	Phone      string // of our team, for whoever has none of his own: Microsoft requires one
	Products   []string
	Services   []string
	Solutions  []registration.Solution // that we published; Microsoft has no API that lists them
	// KeepRegistrable holds back the word that a deal is won until 72 hours after its
	// creation: one that is won earlier can never be registered for incentives.
	KeepRegistrable bool
}

// DefaultProfile is a software vendor that wants to co-sell on Azure.
func DefaultProfile() Profile {
	return Profile{
		DealType: DealCoSell, Assistance: "WorkloadSpecificValueProposition", AskNotes: "Please introduce us to the account team.",
		Products: []string{"Azure"}, Services: []string{"IPServices(ISV)"},
	}
}

func (p Profile) withDefaults() Profile {
	d := DefaultProfile()
	if p.DealType == "" {
		p.DealType = d.DealType
	}
	if p.Assistance == "" {
		p.Assistance = d.Assistance
	}
	if p.AskNotes == "" {
		p.AskNotes = d.AskNotes
	}
	if len(p.Products) == 0 {
		p.Products = d.Products
	}
	if len(p.Services) == 0 {
		p.Services = d.Services
	}
	return p
}

// referral maps a deal to the record of our side. Where the CRM's words have one
// reading in Microsoft's, that is taken; where not, they go as they are, so that the
// check names them.
func (p *Portal) referral(d registration.Deal) *Referral {
	o, a := &d.Opportunity, &d.Account
	kind := partnercenter.TypeIndependent
	if p.profile.DealType == DealCoSell {
		kind = partnercenter.TypeShared
	}
	status, sub, _ := strings.Cut(statusOf(o), "/")
	r := &Referral{
		Name: strings.TrimSpace(o.Name), ExternalReferenceID: o.CRMID, Type: kind, Qualification: "SalesQualified",
		Status: status, Substatus: sub, StatusReason: lostReason(o), SalesStage: stageOf(o),
		CustomerProfile: &Customer{
			Name: strings.TrimSpace(a.Name), Size: sizeOf(a.Employees), Team: contacts(d),
			Address: &Address{
				AddressLine1: strings.Join(strings.Fields(a.Street), " "), City: strings.TrimSpace(a.City), State: strings.TrimSpace(a.State),
				PostalCode: strings.TrimSpace(a.PostalCode), Country: country(a.Country),
			},
		},
		Consent: &Consent{ShareInfo: true, Contact: len(d.Contacts) > 0, ShareWithSellers: p.profile.DealType != DealPrivate},
		Details: &Details{
			Notes: strings.TrimSpace(o.Description), DealValue: json.Number(valueOf(o.Amount())), Currency: o.Currency,
			Requirements: &Requirements{Products: idsOf(p.profile.Products), Services: idsOf(p.profile.Services), Solutions: p.solutions(d.Solutions)},
		},
		Team: p.team(d),
	}
	if !o.CloseOn.IsZero() {
		r.Details.ClosingDateTime = midnight(string(o.CloseOn))
	}
	if industry, ok := industryOf(a.Industry); ok {
		r.Details.Requirements.Industries = []ID{{industry}}
	}
	if len(d.Solutions) > 0 {
		r.Target = []Target{{partnercenter.TargetSolution, d.Solutions[0]}}
	}
	if a.CRMID != "" {
		r.CustomerProfile.IDs = append(r.CustomerProfile.IDs, ExternalID{"External", a.CRMID})
	}
	if duns := digits(a.DUNS); len(duns) == 9 {
		r.CustomerProfile.IDs = append(r.CustomerProfile.IDs, ExternalID{"Duns", duns})
	}
	return r
}

func idsOf(list []string) []ID {
	var out []ID
	for _, s := range list {
		out = append(out, ID{s})
	}
	return out
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

func (p *Portal) solutions(ids []string) []Solution {
	var out []Solution
	for _, id := range ids {
		s := Solution{ID: id, Type: "Name"}
		if i := slices.IndexFunc(p.profile.Solutions, func(x registration.Solution) bool { return x.RemoteID == id }); i >= 0 {
			s.Name = p.profile.Solutions[i].Name
		}
		out = append(out, s)
	}
	return out
}

// valueOf writes an amount as a number without zeros at its end, so that it is the
// same text as the service's number.
func valueOf(a money.Amount) string {
	if a.IsNone() {
		return ""
	}
	return plainNumber(a.Decimal())
}

func plainNumber(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func sizeOf(employees *int64) string {
	if employees == nil {
		return ""
	}
	return partnercenter.Size(*employees)
}

// statusOf is where our side of the deal stands, as "Status/Substatus".
func statusOf(o *opportunity.Opportunity) string {
	switch {
	case o.Closed && o.Won:
		return partnercenter.StatusClosed + "/" + partnercenter.SubWon
	case o.Closed:
		return partnercenter.StatusClosed + "/" + partnercenter.SubLost
	}
	return partnercenter.StatusActive + "/" + partnercenter.SubAccepted
}

func lostReason(o *opportunity.Opportunity) string {
	if !o.Closed || o.Won {
		return ""
	}
	return strings.TrimSpace(o.LostReason)
}

var stageNumber = regexp.MustCompile(`^\s*(\d+)\s*-`)

// stageOf gives Microsoft's percentage for the CRM's stage: numbered stages by their
// number (salesforce-gitlab.md §2.5), Salesforce's standard ones by name. A lost deal
// has none: it stays at what it was.
func stageOf(o *opportunity.Opportunity) string {
	switch {
	case o.Closed && o.Won:
		return "100"
	case o.Closed:
		return ""
	}
	if m := stageNumber.FindStringSubmatch(o.Stage); m != nil {
		switch n, _ := strconv.Atoi(m[1]); {
		case n <= 1:
			return "10"
		case n == 2:
			return "20"
		case n == 3:
			return "40"
		case n == 4:
			return "60"
		default:
			return "80"
		}
	}
	switch strings.ToLower(o.Stage) {
	case "qualification", "needs analysis":
		return "20"
	case "value proposition", "id. decision makers", "perception analysis":
		return "40"
	case "proposal/price quote":
		return "60"
	case "negotiation/review":
		return "80"
	}
	return "10"
}

// maxPeople is how many people a record takes (bulk-operations).
const maxPeople = 50

// contacts gives the customer's people, the primary first.
func contacts(d registration.Deal) []Person {
	var out []Person
	for _, c := range d.Contacts {
		if len(out) < maxPeople {
			out = append(out, Person{FirstName: c.FirstName, LastName: c.LastName, PhoneNumber: strings.TrimSpace(c.Phone), Email: mail(c.Email), Title: c.Title})
		}
	}
	return out
}

// team gives our people: the owner, then the members.
func (p *Portal) team(d registration.Deal) []Person {
	var out []Person
	for _, m := range append([]opportunity.Member{d.Owner}, d.Members...) {
		if m.Email == "" || m.Deleted || len(out) == maxPeople || slices.ContainsFunc(out, func(x Person) bool { return x.Email == mail(m.Email) }) {
			continue
		}
		first, last := splitName(m.Name)
		phone := strings.TrimSpace(m.Phone)
		if phone == "" {
			phone = p.profile.Phone
		}
		out = append(out, Person{FirstName: first, LastName: last, PhoneNumber: phone, Email: mail(m.Email)})
	}
	return out
}

func mail(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// splitName takes the last word for the family name; a single word is both, because
// Microsoft requires both.
func splitName(s string) (first, last string) {
	s = strings.TrimSpace(s)
	if i := strings.LastIndexByte(s, ' '); i > 0 {
		return strings.TrimSpace(s[:i]), s[i+1:]
	}
	return s, s
}

var industryWords = map[string]string{
	"agriculture": "Agriculture, Forestry, & Fishing", "communications": "Communications & Media", "media": "Communications & Media",
	"entertainment": "Communications & Media", "telecommunications": "Communications & Media", "banking": "Financial Services", "finance": "Financial Services",
	"insurance": "Financial Services", "public sector": "Government", "biotechnology": "Healthcare", "life sciences": "Healthcare", "machinery": "Manufacturing",
	"chemicals": "Manufacturing", "electronics": "Manufacturing", "energy": "Power & Utilities", "utilities": "Power & Utilities", "retail": "Retail & Consumer Goods",
	"apparel": "Retail & Consumer Goods", "food & beverage": "Retail & Consumer Goods", "consumer goods": "Retail & Consumer Goods", "consulting": "Services",
	"technology": "Services", "software": "Services", "transportation": "Travel & Transportation", "shipping": "Travel & Transportation",
	"software and internet": "Services", "professional services": "Services",
}

// industryOf gives Microsoft's industry for a CRM's word, where it has one reading.
func industryOf(s string) (string, bool) {
	s = strings.TrimSpace(s)
	for _, x := range partnercenter.Industries {
		if strings.EqualFold(x, s) {
			return x, true
		}
	}
	v, ok := industryWords[strings.ToLower(s)]
	return v, ok
}

// countryNames are the English names of the countries, and usual others.
var countryNames = sync.OnceValue(func() map[string]string {
	out := map[string]string{
		"usa": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB", "south korea": "KR", "republic of korea": "KR",
		"czech republic": "CZ", "russian federation": "RU", "viet nam": "VN", "the netherlands": "NL", "holland": "NL", "hong kong": "HK", "macau": "MO",
		"taiwan": "TW", "turkey": "TR", "uae": "AE", "ivory coast": "CI",
	}
	names := display.English.Regions()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			region, err := language.ParseRegion(string([]rune{a, b}))
			if err == nil && region.IsCountry() && region.String() == string([]rune{a, b}) {
				out[strings.ToLower(names.Name(region))] = region.String()
			}
		}
	}
	return out
})

// country gives the two-letter code that Microsoft takes, for a code of two or three
// letters or an English name; what is neither goes as it is.
func country(s string) string {
	s = strings.TrimSpace(s)
	if code, ok := countryNames()[strings.ToLower(s)]; ok {
		return code
	}
	if len(s) == 2 || len(s) == 3 {
		if region, err := language.ParseRegion(s); err == nil && region.IsCountry() {
			return region.String()
		}
	}
	return s
}
