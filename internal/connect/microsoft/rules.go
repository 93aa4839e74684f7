package microsoft

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Sources of the rules, with the day that each was published as read.
const (
	sourceCreate   = "Partner Center documentation, create a referral, 2023-10-23"
	sourceManage   = "Partner Center documentation, manage co-sell opportunities, 2023-10-23"
	sourceValues   = "Partner Center documentation, referral resources, 2023-10-23"
	sourceRegister = "Partner Center documentation, register deals, 2023-05-13; to be checked against the current page"
)

// leastDeal is the value in US dollars below which a deal is not registered for
// incentives.
var leastDeal = big.NewRat(25_000, 1)

var (
	countryRE  = regexp.MustCompile(`^[A-Z]{2}$`)
	currencyRE = regexp.MustCompile(`^[A-Z]{3}$`)
)

// trial is a record that is held against the rules.
type trial struct {
	*Referral
	kind  DealType
	today date.Date
	known []registration.Solution
}

// broken is one way in which a record breaks a rule: where (below the rule's own
// path, "" for it), and the value found.
type broken struct {
	at, value, message string
}

// rule is one thing that Microsoft requires, or that costs us something if it is not
// so.
type rule struct {
	id, field string
	severity  registration.Severity
	source    string
	mend      string
	check     func(t trial) []broken
}

func missing(value, message string) []broken {
	if strings.TrimSpace(value) != "" {
		return nil
	}
	return []broken{{message: message}}
}

func unless(ok bool, value, message string) []broken {
	if ok {
		return nil
	}
	return []broken{{value: value, message: message}}
}

// rules are held against a deal before it is registered, and against a changed
// record before the change is sent.
var rules = []rule{
	{"name", "name", registration.SeverityError, sourceCreate, "Give the opportunity a name in Salesforce", func(t trial) []broken {
		return missing(t.Name, "The deal has no name")
	}},
	{"customer", "customerProfile.name", registration.SeverityError, sourceCreate, "Link the opportunity with an account in Salesforce", func(t trial) []broken {
		return missing(t.CustomerProfile.Name, "The customer has no name")
	}},
	{"country", "customerProfile.address.country", registration.SeverityError, sourceCreate, "Set the account's billing country to a country or its two-letter code", func(t trial) []broken {
		c := t.CustomerProfile.Address.Country
		return unless(countryRE.MatchString(c), c, "The customer's country has no two-letter code: "+found(c))
	}},
	{"notes", "details.notes", registration.SeverityError, sourceCreate, "Describe the opportunity in Salesforce", func(t trial) []broken {
		return missing(t.Details.Notes, "The deal has no notes")
	}},
	{"value", "details.dealValue", registration.SeverityError, sourceCreate, "Enter the amount of the opportunity in Salesforce", func(t trial) []broken {
		v, ok := amount(string(t.Details.DealValue))
		return unless(ok && v.Sign() > 0, string(t.Details.DealValue), "The deal has no value above 0: "+found(string(t.Details.DealValue)))
	}},
	{"currency", "details.currency", registration.SeverityError, sourceCreate, "Set the opportunity's currency in Salesforce", func(t trial) []broken {
		c := t.Details.Currency
		return unless(currencyRE.MatchString(c), c, "The currency is no three-letter code: "+found(c))
	}},
	{"close_date", "details.closingDateTime", registration.SeverityError, sourceCreate, "Set the close date in Salesforce", func(t trial) []broken {
		return unless(!instant(t.Details.ClosingDateTime).IsZero(), t.Details.ClosingDateTime, "The deal has no close date")
	}},
	{"close_date_past", "details.closingDateTime", registration.SeverityWarning, sourceManage, "Move the close date in Salesforce", func(t trial) []broken {
		day := dayOf(t.Details.ClosingDateTime)
		past := t.Status == partnercenter.StatusActive && !t.today.IsZero() && day != "" && date.Date(day).Before(t.today)
		return unless(!past, day, "The deal is open and its close date has passed: "+day)
	}},
	{"solution", "details.requirements.solutions", registration.SeverityError, sourceCreate, "Choose a solution on the opportunity's page, or a default under Settings", func(t trial) []broken {
		n := len(t.Details.Requirements.Solutions)
		return unless(n >= 1 && n <= maxPeople, "", fmt.Sprintf("The deal names %d solutions; Microsoft takes 1 to %d", n, maxPeople))
	}},
	{"solution_unknown", "details.requirements.solutions", registration.SeverityError, sourceManage, "Name the solution in TANDEM_MICROSOFT_SOLUTIONS, or choose another", func(t trial) []broken {
		var out []broken
		for _, s := range t.Details.Requirements.Solutions {
			if len(t.known) > 0 && s.Type == "Name" && !slices.ContainsFunc(t.known, func(k registration.Solution) bool { return k.RemoteID == s.ID }) {
				out = append(out, broken{value: s.ID, message: "It is no published solution of ours: " + found(s.ID)})
			}
		}
		return out
	}},
	{"team", "team", registration.SeverityError, sourceCreate, "Give the opportunity an owner with an e-mail address", func(t trial) []broken {
		return unless(len(t.Team) > 0, "", "None of our people is on the deal")
	}},
	{"team_complete", "team", registration.SeverityError, sourceCreate, "Complete the person in Salesforce; TANDEM_MICROSOFT_PHONE gives a number to whoever has none", func(t trial) []broken { return incomplete(t.Team) }},
	{"contact", "customerProfile.team", registration.SeverityError, sourceManage, "Add a contact role to the opportunity in Salesforce", func(t trial) []broken {
		return unless(t.kind != DealCoSell || len(t.CustomerProfile.Team) > 0, "", "Microsoft's help is asked for, and nobody at the customer is named")
	}},
	{"contact_complete", "customerProfile.team", registration.SeverityError, sourceManage, "Complete the contact in Salesforce", func(t trial) []broken { return incomplete(t.CustomerProfile.Team) }},
	{"size", "customerProfile.size", registration.SeverityWarning, sourceValues, "Enter the number of employees in Salesforce", func(t trial) []broken {
		return unless(t.CustomerProfile.Size != "", "", "The customer's size is not known")
	}},
	{"industry", "details.requirements.industries", registration.SeverityWarning, sourceValues, "Set the account's industry to one that Microsoft knows", func(t trial) []broken {
		return unless(len(t.Details.Requirements.Industries) > 0, "", "The account's industry is none of Microsoft's: the deal goes without")
	}},
	{"small", "details.dealValue", registration.SeverityWarning, sourceRegister, "Check the amount: below 25,000 US dollars Microsoft registers no deal for incentives and shows no reason for a no", func(t trial) []broken {
		v, ok := amount(string(t.Details.DealValue))
		small := ok && t.Details.Currency == "USD" && t.kind != DealPrivate && v.Cmp(leastDeal) < 0
		return unless(!small, string(t.Details.DealValue), "The deal is worth less than 25,000 US dollars: "+found(string(t.Details.DealValue)))
	}},
	{"stage", "salesStage", registration.SeverityError, sourceValues, "Choose one of the known stages", func(t trial) []broken {
		return unless(t.SalesStage == "" || slices.Contains(partnercenter.SalesStages, t.SalesStage), t.SalesStage, "Microsoft knows no such sales stage: "+found(t.SalesStage))
	}},
	{"status", "status", registration.SeverityError, sourceValues, "Choose a state that the deal can have", func(t trial) []broken {
		return unless(slices.Contains(partnercenter.Substatuses(t.Status), t.Substatus), t.words(), "Microsoft knows no such state: "+found(t.words()))
	}},
}

func found(s string) string {
	if s == "" {
		return "it is empty"
	}
	return "“" + s + "”"
}

// incomplete names who lacks what every person needs.
func incomplete(people []Person) []broken {
	var out []broken
	for i, x := range people {
		for _, f := range []struct{ at, value, label string }{
			{"firstName", x.FirstName, "first name"}, {"lastName", x.LastName, "last name"}, {"phoneNumber", x.PhoneNumber, "phone number"}, {"email", x.Email, "e-mail address"},
		} {
			who := strings.TrimSpace(x.FirstName + " " + x.LastName)
			if who == "" {
				who = found(x.Email)
			}
			if strings.TrimSpace(f.value) == "" || f.at == "email" && !strings.Contains(f.value, "@") {
				out = append(out, broken{at: fmt.Sprintf("[%d].%s", i, f.at), value: f.value, message: fmt.Sprintf("%s has no %s", who, f.label)})
			}
		}
	}
	return out
}

// judge holds a record against the rules.
func (p *Portal) judge(r *Referral, kind DealType, today date.Date) registration.Findings {
	t := trial{Referral: filled(r), kind: kind, today: today, known: p.profile.Solutions}
	var out registration.Findings
	for _, x := range rules {
		for _, b := range x.check(t) {
			out = append(out, registration.Finding{
				Rule: "microsoft." + x.id, Field: x.field + b.at, Label: labelOf(x.field), CRMField: p.crmField(dealField(x.field + b.at)), Severity: x.severity,
				Message: b.message, Value: b.value, Mend: x.mend, Source: x.source,
			})
		}
	}
	return out
}

// filled gives a copy whose structures are there.
func filled(r *Referral) *Referral {
	out := *r
	if out.CustomerProfile == nil {
		out.CustomerProfile = &Customer{}
	}
	if out.CustomerProfile.Address == nil {
		c := *out.CustomerProfile
		c.Address = &Address{}
		out.CustomerProfile = &c
	}
	if out.Details == nil {
		out.Details = &Details{}
	}
	if out.Details.Requirements == nil {
		d := *out.Details
		d.Requirements = &Requirements{}
		out.Details = &d
	}
	if out.Consent == nil {
		out.Consent = &Consent{}
	}
	return &out
}

// wonAfter is how long a deal has to be in Partner Center before it is won, to be
// registered (register-deals).
const wonAfter = 72 * time.Hour

// Check says, without a call, what Microsoft would refuse of a deal.
func (p *Portal) Check(d registration.Deal) registration.Findings {
	return p.judge(p.referral(d), p.profile.DealType, d.Today)
}

// CheckChanges says what Microsoft would refuse of the changes that it would not
// refuse of the record as it is.
func (p *Portal) CheckChanges(d registration.Deal, record json.RawMessage, changes registration.Values) (registration.Findings, error) {
	before, err := readRecord(record)
	if err != nil {
		return nil, err
	}
	after, err := readRecord(record)
	if err != nil {
		return nil, err
	}
	if err := setAll(after, changes); err != nil {
		return nil, err
	}
	kind := typeOf(before)
	known := p.judge(before, kind, d.Today)
	var out registration.Findings
	for _, f := range p.judge(after, kind, d.Today) {
		if _, changed := changes[rootOf(f.Field, changes)]; changed || !slices.ContainsFunc(known, func(k registration.Finding) bool { return k.Rule == f.Rule && k.Field == f.Field }) {
			out = append(out, f)
		}
	}
	return append(out, p.checkMove(before, after)...), nil
}

// rootOf gives the changed path that a finding's field is or lies in.
func rootOf(field string, changes registration.Values) string {
	for path := range changes {
		if field == path || strings.HasPrefix(field, path+".") || strings.HasPrefix(field, path+"[") {
			return path
		}
	}
	return ""
}

// checkMove holds the way from one state to the other against the rules.
func (p *Portal) checkMove(before, after *Referral) registration.Findings {
	finding := func(id, message, mend, source string) registration.Findings {
		return registration.Findings{{
			Rule: "microsoft." + id, Field: statusPath, Label: labelOf(statusPath), Severity: registration.SeverityError, Message: message, Value: after.words(), Mend: mend, Source: source,
		}}
	}
	if before.words() == after.words() {
		return nil
	}
	if !partnercenter.CanFollow(before.Status, after.Status) {
		return finding("closed", "A deal that is closed in Partner Center stays closed", "Register it anew if it goes on", sourceValues)
	}
	made := instant(before.CreatedDateTime)
	from := made.Add(wonAfter)
	registrable := p.profile.KeepRegistrable && typeOf(before) != DealPrivate && after.Substatus == partnercenter.SubWon
	if registrable && !made.IsZero() && p.client.cfg.Clock.Now().Before(from) {
		return finding("won_early", "Marked won before "+from.Format("2 January 2006 15:04")+" UTC, 72 hours after its creation, the deal could never be registered for incentives",
			"It goes out by itself then", sourceRegister)
	}
	return nil
}
