package microsoft

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
)

// The limits of a deal registration (register-deals, 2023-05-13).
const (
	leastDeal      = 25_000 // US dollars
	reviewedFrom   = 1_000_000
	wonAfter       = 72 * time.Hour
	signedWithin   = 60 * 24 * time.Hour
	startedWithin  = 90 * 24 * time.Hour
	payGoSignedIn  = 365 * 24 * time.Hour
	perpetualYears = 6
)

// applyRegistration does one step on the deal registration of f, which was before.
func (x *tx) applyRegistration(before, f *referral, op operationOf) *reply {
	if op.Path == partnercenter.RegistrationAdd {
		if op.Op != "add" {
			return invalid(op.Path, "A deal registration is added.")
		}
		return x.register(f, op.Value)
	}
	if op.Op != "add" && op.Op != "replace" || !slices.Contains(partnercenter.RegistrationPaths, op.Path) {
		return invalid(op.Path, "The path cannot be changed.")
	}
	list := f.Doc.list("registrations")
	if len(before.Doc.list("registrations")) == 0 {
		return invalid(op.Path, "The referral has no deal registration.")
	}
	reg, _ := list[0].(map[string]any)
	if before.Doc.str("registrationStatus") != partnercenter.RegistrationActionRequired {
		return invalid(op.Path, "A deal registration can be changed only while action is required.")
	}
	d := doc(reg)
	parts := strings.Split(strings.TrimPrefix(op.Path, "/registrations/0/"), "/")
	if parts[0] == "solutionDetails" {
		details, _ := d["solutionDetails"].([]any)
		if len(details) == 0 {
			return invalid(op.Path, "The deal registration has no solution.")
		}
		first, _ := details[0].(map[string]any)
		doc(first).set(strings.Join(parts[2:], "."), op.Value)
	} else {
		d.set(strings.Join(parts, "."), op.Value)
	}
	return nil
}

// checkMended holds a deal registration that was changed against the rules, and
// gives it back to the reviewer.
func (x *tx) checkMended(before, after *referral) *reply {
	if len(before.Doc.list("registrations")) == 0 {
		return nil // it was just added, and checked then
	}
	d, _ := after.Doc.list("registrations")[0].(map[string]any)
	if wrong := x.checkRegistration(after, d); wrong != nil {
		return wrong
	}
	x.setRegistration(after, d, partnercenter.RegistrationReviewPending)
	return nil
}

// register adds the one deal registration that a referral has.
func (x *tx) register(f *referral, value any) *reply {
	in, ok := value.(map[string]any)
	if !ok {
		return invalid(partnercenter.RegistrationAdd, "The value must be an object.")
	}
	if len(f.Doc.list("registrations")) > 0 {
		return invalid(partnercenter.RegistrationAdd, "The deal is registered already.")
	}
	d := doc(in)
	if d.str("type") != partnercenter.RegistrationType {
		return invalid("registrations.type", "The type must be AzureIPCoSell.")
	}
	if wrong := x.checkRegistration(f, d); wrong != nil {
		return wrong
	}
	d["id"], d["registrationDateTime"], d["statusReason"] = uuid.NewString(), stamp(x.now), nil
	d["statusHistory"] = map[string]any{
		"reviewPendingDateTime": nil, "actionRequiredDateTime": nil, "passedDateTime": nil, "failedDateTime": nil, "approvedDateTime": nil,
	}
	f.Doc["registrations"] = []any{map[string]any(d)}
	details, _ := d.list("solutionDetails")[0].(map[string]any)
	status := partnercenter.RegistrationApproved
	switch {
	case details["isDeployedOnAzure"] != true:
		status = partnercenter.RegistrationClosed
	case x.reviewed(f, d):
		status = partnercenter.RegistrationReviewPending
	}
	x.setRegistration(f, d, status)
	return nil
}

// setRegistration sets the state of a deal registration, in it and beside it.
func (x *tx) setRegistration(f *referral, d doc, status string) {
	d["status"] = status
	f.Doc["registrationStatus"] = status
	if member := map[string]string{
		partnercenter.RegistrationReviewPending: "reviewPendingDateTime", partnercenter.RegistrationActionRequired: "actionRequiredDateTime",
		partnercenter.RegistrationPassed: "passedDateTime", partnercenter.RegistrationFailed: "failedDateTime", partnercenter.RegistrationApproved: "approvedDateTime",
	}[status]; member != "" {
		d.set("statusHistory."+member, stamp(x.now))
	}
}

// reviewed reports whether a person at Microsoft looks before it is approved.
func (x *tx) reviewed(f *referral, d doc) bool {
	partners := 0
	for _, r := range x.related(f.engagement()) {
		if !r.microsoft() {
			partners++
		}
	}
	details, _ := d.list("solutionDetails")[0].(map[string]any)
	return partners > 1 || details["pricingModel"] == partnercenter.PricingPayGo || x.annual(d) > reviewedFrom
}

func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// annual is the contract's value for a year in US dollars: a perpetual one is spread
// over six years, a finite one over its days, and at least one year.
func (x *tx) annual(d doc) float64 {
	value, _ := number(d.at("contract.value"))
	value *= x.rate(d.str("contract.currency"))
	if d.str("contract.term") == partnercenter.TermPerpetual {
		return value / perpetualYears
	}
	years := instant(d.str("contract.endDateTime")).Sub(instant(d.str("contract.startDateTime"))).Hours() / 24 / 365
	return value / max(years, 1)
}

func (x *tx) checkRegistration(f *referral, d doc) *reply {
	if f.status() != partnercenter.StatusClosed || f.substatus() != partnercenter.SubWon {
		return invalid("status", "Only a deal that is won is registered.")
	}
	_, theirs := x.pair(f.engagement())
	accepted := theirs != nil && (theirs.substatus() == partnercenter.SubAccepted || theirs.substatus() == partnercenter.SubWon)
	led := theirs == nil && f.Doc.yes("consent.consentToShareReferralWithMicrosoftSellers")
	if !accepted && !led {
		return invalid("type", "The deal is neither partner-led nor a co-sell deal that Microsoft accepted.")
	}
	if won := instant(f.Doc.str("closedDateTime")); won.Sub(instant(f.Doc.str("createdDateTime"))) < wonAfter {
		return invalid("status", "The deal was won less than 72 hours after it was created.")
	}
	deal, _ := number(f.Doc.at("details.dealValue"))
	if deal*x.rate(f.Doc.str("details.currency")) < leastDeal {
		return invalid("details.dealValue", "The deal is worth less than 25,000 US dollars.")
	}
	if wrong := x.checkSolutionDetails(d); wrong != nil {
		return wrong
	}
	return x.checkContract(f, theirs, d)
}

func (x *tx) checkSolutionDetails(d doc) *reply {
	list := d.list("solutionDetails")
	if len(list) == 0 {
		return invalid("registrations.solutionDetails", "Name the solution that was sold.")
	}
	contract, ok := number(d.at("contract.value"))
	if !ok || contract <= 0 {
		return invalid("registrations.contract.value", "The contract's value must be a number above 0.")
	}
	total, eligible := 0.0, false
	for _, v := range list {
		m, _ := v.(map[string]any)
		id, _ := m["id"].(string)
		i := slices.IndexFunc(x.opt.Solutions, func(s Solution) bool { return s.ID == id })
		if i < 0 {
			return invalid("registrations.solutionDetails.id", fmt.Sprintf("The solution %q is not published.", id))
		}
		eligible = eligible || x.opt.Solutions[i].Eligible
		if m["pricingModel"] != partnercenter.PricingPayGo && m["pricingModel"] != partnercenter.PricingOther {
			return invalid("registrations.solutionDetails.pricingModel", "The pricing model is PayAsYouGo or Other.")
		}
		if m["primaryDeploymentOn"] != partnercenter.DeployedCustomer && m["primaryDeploymentOn"] != partnercenter.DeployedPartner {
			return invalid("registrations.solutionDetails.primaryDeploymentOn", "The deployment is on Customer or Partner.")
		}
		n, ok := number(m["value"])
		if !ok || n <= 0 {
			return invalid("registrations.solutionDetails.value", "The solution's value must be a number above 0.")
		}
		total += n
	}
	if !eligible {
		return invalid("registrations.solutionDetails.id", "None of the solutions is eligible for Azure IP co-sell.")
	}
	if total > contract {
		return invalid("registrations.solutionDetails.value", "The solution is worth more than the contract.")
	}
	return nil
}

func (x *tx) checkContract(f, theirs *referral, d doc) *reply {
	term := d.str("contract.term")
	if term != partnercenter.TermPerpetual && term != partnercenter.TermFinite {
		return invalid("registrations.contract.term", "The term is Perpetual or Finite.")
	}
	signed, start, end := instant(d.str("contract.signDateTime")), instant(d.str("contract.startDateTime")), instant(d.str("contract.endDateTime"))
	if signed.IsZero() || start.IsZero() || term == partnercenter.TermFinite && end.IsZero() {
		return invalid("registrations.contract", "The contract needs the dates of its signing, start and end.")
	}
	first := instant(f.Doc.str("createdDateTime"))
	if theirs != nil {
		if invited := instant(theirs.Doc.str("createdDateTime")); invited.After(first) {
			first = invited
		}
	}
	first = first.Truncate(24 * time.Hour)
	details, _ := d.list("solutionDetails")[0].(map[string]any)
	payGo := details["pricingModel"] == partnercenter.PricingPayGo
	switch {
	case signed.After(x.now):
		return invalid("registrations.contract.signDateTime", "The contract is not signed yet.")
	case signed.Before(first):
		return invalid("registrations.contract.signDateTime", "The contract was signed before the deal was created and Microsoft invited.")
	case !payGo && x.now.Sub(signed) > signedWithin:
		return invalid("registrations.contract.signDateTime", "The contract was signed more than 60 days ago.")
	case payGo && signed.Sub(first) > payGoSignedIn:
		return invalid("registrations.contract.signDateTime", "The first invoice is more than a year after the deal was created.")
	case x.now.Sub(start) > startedWithin && !payGo:
		return invalid("registrations.contract.startDateTime", "The contract began more than 90 days ago.")
	case !end.IsZero() && end.Before(start):
		return invalid("registrations.contract.endDateTime", "The contract ends before it begins.")
	case x.annual(d) < leastDeal:
		return invalid("registrations.contract.value", "The contract is worth less than 25,000 US dollars a year.")
	}
	return nil
}

// decide lets the reviewer at Microsoft move a deal registration.
func (x *tx) decide(f *referral, status, reason string) error {
	list := f.Doc.list("registrations")
	if len(list) == 0 {
		return fmt.Errorf("the referral has no deal registration")
	}
	have := f.Doc.str("registrationStatus")
	if !partnercenter.RegistrationCanBecome(have, status) {
		return fmt.Errorf("%q cannot become %q", have, status)
	}
	next := *f
	next.Doc = f.Doc.clone()
	reg, _ := next.Doc.list("registrations")[0].(map[string]any)
	reg["statusReason"] = nil
	if reason != "" {
		reg["statusReason"] = reason
	}
	x.setRegistration(&next, reg, status)
	x.put(&next, "referral-updated")
	return nil
}
