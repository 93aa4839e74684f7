package microsoft

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// The windows of a deal registration (register-deals, 2023-05-13).
const (
	signedWithin     = 60 * 24 * time.Hour
	startedWithin    = 90 * 24 * time.Hour
	payGoSignedIn    = 365 * 24 * time.Hour
	exceptionWithin  = 60 * 24 * time.Hour
	exceptionLongest = 5000
	perpetualYears   = 6
)

// reviewedFrom is the value of a year in US dollars above which a person at Microsoft
// looks before a deal is approved.
var reviewedFrom = big.NewRat(1_000_000, 1)

// Rate is what one unit of a currency is in US dollars. Microsoft takes the monthly
// rates of Reuters; On and Source say which one this is.
type Rate struct {
	Currency string
	USD      *big.Rat
	On       string
	Source   string
}

// DealCase is a deal that is to be registered for incentives: our record, Microsoft's
// (nil for none), what is to be registered, and what it rests on.
type DealCase struct {
	Ours     *Referral
	Theirs   *Referral
	Deal     Registration
	Eligible []string // solutions that are eligible for Azure IP co-sell
	Rates    []Rate
	Now      time.Time
}

func (c *DealCase) usd(value, currency string) (*big.Rat, bool) {
	v, ok := amount(value)
	if !ok || currency == "USD" {
		return v, ok
	}
	i := slices.IndexFunc(c.Rates, func(r Rate) bool { return r.Currency == currency })
	if i < 0 {
		return nil, false
	}
	return v.Mul(v, c.Rates[i].USD), true
}

// annual is the contract's value of a year in US dollars: a perpetual one is spread
// over six years, a finite one over its days and at least one year.
func (c *DealCase) annual() (*big.Rat, bool) {
	k := c.contract()
	v, ok := c.usd(string(k.Value), k.Currency)
	if !ok {
		return nil, false
	}
	if k.Term == partnercenter.TermPerpetual {
		return v.Quo(v, big.NewRat(perpetualYears, 1)), true
	}
	start, end := instant(k.StartDateTime), instant(k.EndDateTime)
	if days := int64(end.Sub(start).Hours() / 24); !start.IsZero() && days > 365 {
		v.Quo(v, big.NewRat(days, 365))
	}
	return v, true
}

func (c *DealCase) contract() Contract {
	if c.Deal.Contract == nil {
		return Contract{}
	}
	return *c.Deal.Contract
}

func (c *DealCase) payGo() bool {
	return slices.ContainsFunc(c.Deal.SolutionDetails, func(s SolutionDetail) bool { return s.PricingModel == partnercenter.PricingPayGo })
}

// first is the first day on which the contract may be signed: of the later of our
// record's creation and Microsoft's invitation.
func (c *DealCase) first() time.Time {
	at := instant(c.Ours.CreatedDateTime)
	if c.Theirs != nil {
		if invited := instant(c.Theirs.CreatedDateTime); invited.After(at) {
			at = invited
		}
	}
	return at.Truncate(24 * time.Hour)
}

// dealRule is one rule of a deal registration; check says what is wrong, "" for
// nothing.
type dealRule struct {
	id, field string
	severity  registration.Severity
	mend      string
	check     func(c *DealCase) string
}

func says(wrong bool, text string) string {
	if wrong {
		return text
	}
	return ""
}

var dealRules = []dealRule{
	{"won", "status", registration.SeverityError, "Register it once it is won", func(c *DealCase) string {
		return says(c.Ours.words() != "Closed/Won", "Only a deal that is won is registered; it is "+c.Ours.words())
	}},
	{"type", "type", registration.SeverityError, "Microsoft has to accept a co-sell deal first; a private one is not registered", func(c *DealCase) string {
		accepted := c.Theirs != nil && (c.Theirs.Substatus == partnercenter.SubAccepted || c.Theirs.Substatus == partnercenter.SubWon)
		led := c.Theirs == nil && c.Ours.Consent != nil && c.Ours.Consent.ShareWithSellers
		return says(!accepted && !led, "The deal is neither partner-led nor a co-sell deal that Microsoft accepted")
	}},
	{"early", "closedDateTime", registration.SeverityError, "It can no longer be registered: make a new referral for what follows", func(c *DealCase) string {
		return says(instant(c.Ours.ClosedDateTime).Sub(instant(c.Ours.CreatedDateTime)) < wonAfter, "The deal was won less than 72 hours after its creation")
	}},
	{"once", "registrations", registration.SeverityError, "Mend the one that there is when Microsoft asks for action", func(c *DealCase) string {
		return says(len(c.Ours.Registrations) > 0, "The deal is registered already")
	}},
	{"rate", "registrations.contract.currency", registration.SeverityError, "Have a rate to US dollars stamped for the currency", func(c *DealCase) string {
		_, ok := c.annual()
		return says(!ok, "The contract's value cannot be read in US dollars: "+found(string(c.contract().Value)+" "+c.contract().Currency))
	}},
	{"deal_small", "details.dealValue", registration.SeverityError, "Below 25,000 US dollars no deal is registered", func(c *DealCase) string {
		v, ok := c.usd(string(filled(c.Ours).Details.DealValue), filled(c.Ours).Details.Currency)
		return says(ok && v.Cmp(leastDeal) < 0, "The deal is worth less than 25,000 US dollars")
	}},
	{"annual_small", "registrations.contract.value", registration.SeverityError, "Below 25,000 US dollars a year no deal is registered; a perpetual one counts by a sixth", func(c *DealCase) string {
		v, ok := c.annual()
		return says(ok && v.Cmp(leastDeal) < 0, "The contract is worth less than 25,000 US dollars a year")
	}},
	{"eligible", "registrations.solutionDetails.id", registration.SeverityError, "Register a solution that is eligible for Azure IP co-sell", func(c *DealCase) string {
		ok := slices.ContainsFunc(c.Deal.SolutionDetails, func(s SolutionDetail) bool { return slices.Contains(c.Eligible, s.ID) })
		return says(!ok, "None of the solutions is eligible for Azure IP co-sell")
	}},
	{"solution_value", "registrations.solutionDetails.value", registration.SeverityError, "Leave hardware and one-time services out, and enter at most the contract's value", func(c *DealCase) string {
		total := new(big.Rat)
		for _, s := range c.Deal.SolutionDetails {
			v, ok := amount(string(s.Value))
			if !ok || v.Sign() <= 0 {
				return "The solution " + s.ID + " has no value above 0"
			}
			total.Add(total, v)
		}
		whole, ok := amount(string(c.contract().Value))
		return says(ok && total.Cmp(whole) > 0, "The solutions are worth more than the contract")
	}},
	{"dates", "registrations.contract", registration.SeverityError, "Enter the days of signing, start and end", func(c *DealCase) string {
		k := c.contract()
		lacks := instant(k.SignDateTime).IsZero() || instant(k.StartDateTime).IsZero() || k.Term != partnercenter.TermPerpetual && instant(k.EndDateTime).IsZero()
		return says(lacks, "The contract needs the days of its signing, start and end")
	}},
	{"signed_future", "registrations.contract.signDateTime", registration.SeverityError, "Register it once it is signed", func(c *DealCase) string {
		return says(instant(c.contract().SignDateTime).After(c.Now), "The contract is not signed yet")
	}},
	{"signed_before", "registrations.contract.signDateTime", registration.SeverityError, "A deal has to be in Partner Center, and Microsoft invited, before it is signed", func(c *DealCase) string {
		at := instant(c.contract().SignDateTime)
		return says(!at.IsZero() && at.Before(c.first()), "The contract was signed before the deal was created and Microsoft invited")
	}},
	{"signed_long_ago", "registrations.contract.signDateTime", registration.SeverityError, "The window of 60 days has closed", func(c *DealCase) string {
		at := instant(c.contract().SignDateTime)
		return says(!at.IsZero() && !c.payGo() && c.Now.Sub(at) > signedWithin, "The contract was signed more than 60 days ago")
	}},
	{"invoiced_late", "registrations.contract.signDateTime", registration.SeverityError, "The first invoice counts for a year after the creation", func(c *DealCase) string {
		return says(c.payGo() && instant(c.contract().SignDateTime).Sub(c.first()) > payGoSignedIn, "The first invoice is more than a year after the deal was created")
	}},
	{"started_long_ago", "registrations.contract.startDateTime", registration.SeverityError, "The window of 90 days has closed", func(c *DealCase) string {
		at := instant(c.contract().StartDateTime)
		return says(!at.IsZero() && !c.payGo() && c.Now.Sub(at) > startedWithin, "The contract began more than 90 days ago")
	}},
	{"ends", "registrations.contract.endDateTime", registration.SeverityError, "Correct the day of the end", func(c *DealCase) string {
		k := c.contract()
		end := instant(k.EndDateTime)
		return says(!end.IsZero() && end.Before(instant(k.StartDateTime)), "The contract ends before it begins")
	}},
	{"not_on_azure", "registrations.solutionDetails.isDeployedOnAzure", registration.SeverityWarning, "Check where it runs: saying no closes the deal without a registration, for good", func(c *DealCase) string {
		return says(slices.ContainsFunc(c.Deal.SolutionDetails, func(s SolutionDetail) bool { return !s.DeployedOnAzure }), "The solution is not deployed on Azure")
	}},
	{"reviewed", "registrations.contract.value", registration.SeverityWarning, "Have the contract or the invoices ready", func(c *DealCase) string {
		v, ok := c.annual()
		return says(c.payGo() || ok && v.Cmp(reviewedFrom) > 0, "A person at Microsoft will review it: it is pay-as-you-go, or worth more than a million US dollars a year")
	}},
}

// CheckDeal says, without a call, what Microsoft would refuse of a deal registration.
func CheckDeal(c DealCase) registration.Findings {
	var out registration.Findings
	for _, r := range dealRules {
		if text := r.check(&c); text != "" {
			out = append(out, registration.Finding{Rule: "microsoft.register_" + r.id, Field: r.field, Label: "Deal registration", Severity: r.severity, Message: text, Mend: r.mend, Source: sourceRegister})
		}
	}
	return out
}

// Window is a time that a deal registration has to keep to.
type Window struct {
	What     string
	ClosesAt time.Time
	Warning  bool // it closes soon
}

// warnWindow is how long before its end a window warns.
const warnWindow = 14 * 24 * time.Hour

// Windows gives the windows of a case that are still open, the earliest first.
func Windows(c DealCase) []Window {
	var out []Window
	add := func(what string, at time.Time, within time.Duration) {
		if end := at.Add(within); !at.IsZero() && c.Now.Before(end) {
			out = append(out, Window{what, end, end.Sub(c.Now) < warnWindow})
		}
	}
	if len(c.Ours.Registrations) == 0 && !c.payGo() {
		add("Register the deal within 60 days of its signing", instant(c.contract().SignDateTime), signedWithin)
		add("Register the deal within 90 days of its start", instant(c.contract().StartDateTime), startedWithin)
	}
	if len(c.Ours.Registrations) > 0 && c.Ours.RegistrationStatus == partnercenter.RegistrationClosed {
		add("Ask for an exception within 60 days of the registration", instant(c.Ours.Registrations[0].RegistrationDateTime), exceptionWithin)
	}
	slices.SortStableFunc(out, func(a, b Window) int { return a.ClosesAt.Compare(b.ClosesAt) })
	return out
}

// Exception asks Microsoft to open a closed deal registration again. There is no API
// for it: a person enters it in Partner Center.
type Exception struct {
	Text   string
	Before bool     // one was asked for already
	Change []string // what is to be corrected, by the paths of a deal registration
}

// correctable are what an exception may correct; all else needs a new referral.
var correctable = []string{"contract.term", "contract.value", "contract.signDateTime", "contract.startDateTime", "contract.endDateTime"}

// CheckException says why an exception cannot be asked for, as a problem of kind
// conflict or invalid; nil when it can.
func CheckException(c DealCase, e Exception) error {
	switch {
	case e.Before:
		return problem.Conflict("exception_used", "Microsoft decides on one exception for each referral, and its decision is final")
	case c.Ours.RegistrationStatus != partnercenter.RegistrationClosed || len(c.Ours.Registrations) == 0:
		return problem.Conflict("not_closed", "Only a deal registration that is closed can be opened again")
	case c.Now.Sub(instant(c.Ours.Registrations[0].RegistrationDateTime)) > exceptionWithin:
		return problem.Conflict("exception_late", "An exception is asked for within 60 days of the registration")
	}
	var bad problem.List
	if strings.TrimSpace(e.Text) == "" || utf8.RuneCountInString(e.Text) > exceptionLongest {
		bad.Add("text", "length", fmt.Sprintf("Say why, in at most %d characters", exceptionLongest))
	}
	for _, path := range e.Change {
		if !slices.Contains(correctable, path) {
			bad.Add("change", "not_correctable", path+" cannot be corrected by an exception: make a new referral")
		}
	}
	return bad.Err()
}

// RegisterDeal registers a deal for incentives. After an unknown outcome, read the
// referral before it is sent again: a second one is refused.
func (c *Client) RegisterDeal(ctx context.Context, ours *Referral, deal Registration) (*Referral, error) {
	deal.Type = partnercenter.RegistrationType
	return c.Patch(ctx, ours.ID, ours.ETag, []Operation{Add(partnercenter.RegistrationAdd, deal)})
}

// MendDeal corrects a deal registration of which Microsoft asked for action, by the
// paths of partnercenter.RegistrationPaths.
func (c *Client) MendDeal(ctx context.Context, ours *Referral, values map[string]any) (*Referral, error) {
	var ops []Operation
	for _, path := range partnercenter.RegistrationPaths {
		if v, ok := values[path]; ok {
			ops = append(ops, Replace(path, v))
		}
	}
	if len(ops) != len(values) {
		return nil, problem.Invalid("values", "not_changed", "Microsoft takes no change of one of these fields of a deal registration")
	}
	return c.Patch(ctx, ours.ID, ours.ETag, ops)
}
