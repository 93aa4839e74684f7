package aws

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/date"
)

const (
	pathAddress = "Customer.Account.Address."
	pathAccount = "Customer.Account."
)

// need adds a finding when the value is empty.
func (c *checker) need(sev Severity, rule, field, value, source, what, mend string) bool {
	if strings.TrimSpace(value) != "" {
		return true
	}
	c.add(sev, rule, field, "", source, what+" is missing", mend)
	return false
}

func (c *checker) oneOf(rule, field, value string, allowed []string, what string) {
	if value == "" || slices.Contains(allowed, value) {
		return
	}
	mend := "choose one of AWS's values: " + few(allowed)
	if fit, ok := match(allowed, value); ok {
		mend = fmt.Sprintf("AWS writes it %q", fit)
	}
	c.add(SeverityError, rule, field, value, sourceModel, fmt.Sprintf("%s %q is none of AWS's values", what, shorten(value)), mend)
}

func secret(o Opportunity) bool { return o.NationalSecurity == yes }

func (c *checker) state(o Opportunity) {
	if o.Origin != "" && o.Origin != OriginPartner && o.Catalog != CatalogSandbox && c.ctx.ReviewStatus == "" {
		c.add(SeverityError, "origin_partner", "Origin", o.Origin, sourceModel, fmt.Sprintf("Origin %q cannot be created by a partner", o.Origin), "register it as a partner referral")
	}
	if !c.ctx.Submit {
		return
	}
	switch {
	case c.ctx.Update, c.ctx.ReviewStatus == "", c.ctx.ReviewStatus == ReviewPendingSubmission, c.ctx.ReviewStatus == ReviewActionRequired:
	default:
		c.add(SeverityError, "already_submitted", "LifeCycle.ReviewStatus", c.ctx.ReviewStatus, sourceGuide, fmt.Sprintf("the opportunity is %q at AWS and cannot be submitted", c.ctx.ReviewStatus), "wait for AWS, or update the opportunity instead")
	}
	if !c.ctx.Update && (o.LifeCycle.Stage == StageLaunched || o.LifeCycle.Stage == StageClosedLost) {
		c.add(SeverityError, "closed_not_submittable", "LifeCycle.Stage", o.LifeCycle.Stage, sourceGuide, fmt.Sprintf("an opportunity in stage %q should not be submitted to AWS", o.LifeCycle.Stage), "register deals while they are open")
	}
	if len(o.PrimaryNeedsFromAws) == 0 && !c.ctx.VisibilityOnly {
		c.add(SeverityError, "primary_needs_required", "PrimaryNeedsFromAws", "", sourceFields, "no primary need from AWS is given", "choose what AWS shall help with, or submit for visibility only")
	}
}

func (c *checker) account(o Opportunity) {
	a := o.Customer.Account
	given := o.Customer.Account.hasAny()
	if !secret(o) {
		sev := c.submit()
		if given {
			sev = SeverityError // the model itself requires it in an account
		}
		c.need(sev, "company_name_required", pathAccount+"CompanyName", a.CompanyName, sourceFields, "the customer's company name", "fill the account's name in the CRM")
		if c.need(c.submit(), "website_required", pathAccount+"WebsiteUrl", a.WebsiteURL, sourceFields, "the customer's website", "fill the account's website in the CRM") {
			if _, ok := Website(a.WebsiteURL); !ok {
				c.add(SeverityWarning, "website_format", pathAccount+"WebsiteUrl", a.WebsiteURL, sourceGuide, fmt.Sprintf("%q does not look like a website", shorten(a.WebsiteURL)), "correct the account's website in the CRM")
			}
		}
	} else {
		c.need(SeverityError, "company_name_required", pathAccount+"CompanyName", a.CompanyName, sourceModel, "the customer's company name", "fill the account's name in the CRM; AWS redacts it for national security deals")
		if a.Industry != industryGovernment {
			c.add(SeverityError, "national_security_industry", "NationalSecurity", yes, sourceFields, fmt.Sprintf("National security is Yes but the industry is %q; AWS takes Yes only for Government", a.Industry), "set the account's industry to Government, or the national security mark to No")
		}
	}
	if secret(o) && c.ctx.VisibilityOnly {
		c.add(c.submit(), "national_security_visibility", "NationalSecurity", yes, sourceFields, "National security is Yes; such a deal cannot be submitted for visibility only", "choose what AWS shall help with")
	}
	c.need(c.submit(), "industry_required", pathAccount+"Industry", a.Industry, sourceFields, "the customer's industry", "fill the account's industry in the CRM")
	if a.Industry == industryOther {
		c.need(c.submit(), "other_industry_required", pathAccount+"OtherIndustry", a.OtherIndustry, sourceFields, `the name of the industry (it is "Other")`, "name the industry in the CRM, or choose a listed one")
	}
	if o.LifeCycle.Stage == StageLaunched && c.ctx.ConsultingPartner {
		c.need(SeverityError, "account_id_at_launch", pathAccount+"AwsAccountId", a.AwsAccountID, sourceFields, "the customer's AWS account id, which consulting partners give at launch,", "ask the customer for it and fill it in the CRM")
	}
}

func (a *Account) hasAny() bool {
	return a.Industry != "" || a.OtherIndustry != "" || a.WebsiteURL != "" || a.AwsAccountID != "" || a.Duns != "" || *a.Address != Address{}
}

func (c *checker) address(o Opportunity) {
	a := o.Customer.Account.Address
	if !c.need(c.submit(), "country_required", pathAddress+"CountryCode", a.CountryCode, sourceFields, "the customer's country", "fill the country of the account's billing address in the CRM") {
		return
	}
	if a.CountryCode == "US" && !secret(o) {
		if c.need(c.submit(), "state_required", pathAddress+"StateOrRegion", a.StateOrRegion, sourceFields, "the state, which AWS wants for the United States,", "fill the state of the account's billing address in the CRM") {
			c.usState(a.StateOrRegion)
		}
	}
	if a.CountryCode != "US" && a.StateOrRegion != "" {
		c.add(SeverityWarning, "state_outside_us", pathAddress+"StateOrRegion", a.StateOrRegion, sourceFields, fmt.Sprintf("the state %q is given outside the United States; AWS's field table says it takes none there", shorten(a.StateOrRegion)), "leave the state out for this country if AWS refuses it")
	}
	if secret(o) {
		return
	}
	if slices.Contains(awsselling.CountriesWithoutPostalCode(), a.CountryCode) {
		return
	}
	if !c.need(c.submit(), "postal_code_required", pathAddress+"PostalCode", a.PostalCode, sourceNoCode, "the postal code of the customer's address", "fill the postal code of the account's billing address in the CRM") {
		return
	}
	rules := awsselling.PostalCodeRulesFor(a.CountryCode)
	var formats []string
	for _, r := range rules {
		if re := postalPatterns()[r.Pattern]; re == nil || re.MatchString(a.PostalCode) {
			return
		}
		formats = append(formats, r.Format)
	}
	if len(rules) > 0 {
		c.add(SeverityError, "postal_code_format", pathAddress+"PostalCode", a.PostalCode, sourcePostal,
			fmt.Sprintf("the postal code %q has not the form of %s (%s; 9 is a digit, A a letter)", shorten(a.PostalCode), rules[len(rules)-1].Country, strings.Join(formats, " or ")),
			fmt.Sprintf("correct the postal code of the account's billing address in the CRM, such as %q", rules[len(rules)-1].Example))
	}
}

func (c *checker) usState(state string) {
	if slices.Contains(awsselling.USStates(), state) {
		return
	}
	mend := "use AWS's full name of the state, such as \"New York\""
	if full, ok := USState(state); ok {
		mend = fmt.Sprintf("AWS writes it %q", full)
	}
	c.add(SeverityError, "us_state_name", pathAddress+"StateOrRegion", state, sourceModel, fmt.Sprintf("%q is no state of the United States as AWS names them", shorten(state)), mend)
}

func (c *checker) project(o Opportunity) {
	p := o.Project
	if len(p.DeliveryModels) == 0 {
		c.add(c.submit(), "delivery_models_required", "Project.DeliveryModels", "", sourceFields, "no delivery model is given", "choose how the solution is delivered, such as SaaS or PaaS")
	}
	c.need(c.submit(), "title_required", "Project.Title", p.Title, sourceFields, "the title", "fill the opportunity's name in the CRM")
	c.need(c.submit(), "business_problem_required", "Project.CustomerBusinessProblem", p.CustomerBusinessProblem, sourceFields, "the customer's business problem (at least 20 characters)", "describe the customer's problem in the opportunity's description in the CRM")
	if c.need(c.submit(), "use_case_required", "Project.CustomerUseCase", p.CustomerUseCase, sourceFields, "the use case", "choose the use case of the deal") {
		c.oneOf("use_case_value", "Project.CustomerUseCase", p.CustomerUseCase, awsselling.CustomerUseCases(), "use case")
	}
	if len(p.SalesActivities) == 0 {
		c.add(c.submit(), "sales_activities_required", "Project.SalesActivities", "", sourceFields, "no sales activity is given", "choose what was done with the customer so far")
	}
	for i, program := range p.ApnPrograms {
		c.oneOf("apn_program_value", fmt.Sprintf("Project.ApnPrograms[%d]", i), program, awsselling.ApnPrograms(), "APN program")
	}
	if o.OpportunityType == typeFlatRenewal {
		c.need(c.submit(), "related_opportunity_required", "Project.RelatedOpportunityIdentifier", p.RelatedOpportunityIdentifier, sourceFields, "the AWS id of the opportunity that this one renews", "register the renewed deal first, or give its AWS id")
	}
	if p.CompetitorName == competitorOther {
		c.need(c.submit(), "other_competitor_required", "Project.OtherCompetitorNames", p.OtherCompetitorNames, sourceFields, `the competitor's name (it is "Other")`, "name the competitor in the CRM")
	}
	if d := p.ExpectedContractDuration; d != nil {
		n, ok := new(big.Int).SetString(d.Value, 10)
		if !ok || n.Cmp(big.NewInt(1)) < 0 || n.Cmp(big.NewInt(144)) > 0 {
			c.add(SeverityError, "contract_duration_value", "Project.ExpectedContractDuration.Value", d.Value, sourceModel, fmt.Sprintf("the contract duration %q is not 1 to 144 months", shorten(d.Value)), "correct the contract's start or end in the CRM")
		}
	}
}

func (c *checker) spend(o Opportunity) {
	const field = "Project.ExpectedCustomerSpend"
	spends := o.Project.ExpectedCustomerSpend
	if len(spends) == 0 {
		c.add(c.submit(), "spend_required", field, "", sourceFields, "no expected AWS spend is given", "give the customer's expected monthly spend on AWS")
	}
	want := "USD"
	if o.Project.AwsPartition == "aws-eusc" {
		want = "EUR"
	}
	paid := slices.ContainsFunc(spends, func(s CustomerSpend) bool {
		amount, ok := new(big.Rat).SetString(s.Amount)
		return ok && amount.Sign() > 0
	})
	for i, s := range spends {
		at := fmt.Sprintf("%s[%d].", field, i)
		switch {
		case paid:
		case s.Amount == "":
			c.add(c.submit(), "spend_required", at+"Amount", "", sourceFields, "the expected AWS spend has no amount", "give the customer's expected monthly spend on AWS")
		default:
			c.add(c.submit(), "spend_positive", at+"Amount", s.Amount, sourceFields, fmt.Sprintf("the expected AWS spend is %q; AWS wants more than 0", shorten(s.Amount)), "give the customer's expected monthly spend on AWS")
		}
		if s.CurrencyCode != "" && s.CurrencyCode != want {
			c.add(SeverityError, "spend_currency", at+"CurrencyCode", s.CurrencyCode, sourceGuide, fmt.Sprintf("the expected AWS spend is in %s; AWS takes %s here", s.CurrencyCode, want), "convert the amount to "+want)
		}
	}
}

func (c *checker) solutions(o Opportunity) {
	seen := map[string]bool{}
	for _, s := range c.ctx.Solutions {
		seen[s] = true
	}
	if r := o.RelatedEntityIdentifiers; r != nil {
		for _, list := range [][]string{r.Solutions, r.AwsMarketplaceSolutions, r.AwsMarketplaceProducts} {
			for _, s := range list {
				seen[s] = true
			}
		}
	}
	const field = "RelatedEntityIdentifiers.Solutions"
	switch stage := o.LifeCycle.Stage; {
	case len(seen) > 0:
		kinds := map[string]int{}
		for s := range seen {
			kinds[solutionKind(s)]++
		}
		for kind, n := range kinds {
			if n > 10 {
				c.add(SeverityError, "solution_too_many", field, "", sourceGuide, fmt.Sprintf("%d %s are associated; AWS takes at most 10", n, kind), "associate the ones that matter most")
			}
		}
	case o.Project.OtherSolutionDescription == "":
		c.add(c.submit(), "solution_required", field, "", sourceFields, "no solution is associated", "choose which of our solutions the deal is about, or describe another one")
	case stage == StageCommitted || stage == StageLaunched:
		c.add(c.submit(), "solution_other_not_allowed", field, o.Project.OtherSolutionDescription, sourceGuide, fmt.Sprintf("in stage %s a solution of ours must be associated; the description %q of another is not enough", stage, shorten(o.Project.OtherSolutionDescription)), "choose which of our solutions the deal is about")
	}
}

func solutionKind(id string) string {
	switch {
	case strings.HasPrefix(id, "S-"):
		return "solutions"
	case strings.Contains(strings.ToLower(id), "solution"):
		return "Marketplace solutions"
	}
	return "Marketplace products"
}

func (c *checker) lifeCycle(o Opportunity) {
	l := o.LifeCycle
	if c.need(c.submit(), "target_close_date_required", "LifeCycle.TargetCloseDate", l.TargetCloseDate, sourceFields, "the target close date", "fill the opportunity's close date in the CRM") {
		c.realDay("LifeCycle.TargetCloseDate", l.TargetCloseDate)
		open := l.Stage != StageLaunched && l.Stage != StageClosedLost
		if today := string(c.ctx.Today); today != "" && open && len(l.TargetCloseDate) == len(today) && l.TargetCloseDate < today {
			c.add(SeverityError, "target_close_date_past", "LifeCycle.TargetCloseDate", l.TargetCloseDate, sourceFields, fmt.Sprintf("the target close date %s is in the past", l.TargetCloseDate), "move the opportunity's close date in the CRM")
		}
	}
	if l.Stage == StageClosedLost {
		c.need(SeverityError, "closed_lost_reason_required", "LifeCycle.ClosedLostReason", l.ClosedLostReason, sourceFields, "the reason why the deal was lost", "fill the closed-lost reason in the CRM")
	}
	if c.ctx.FromVisibilityOnly {
		c.need(SeverityError, "next_steps_for_cosell", "LifeCycle.NextSteps", l.NextSteps, sourceFields, "the next steps, which AWS wants to turn visibility only into co-sell,", "write the next action, its day and who does it")
		if len(o.Customer.Contacts) == 0 {
			c.add(SeverityError, "contact_for_cosell", "Customer.Contacts", "", sourceFields, "no customer contact is given; AWS wants one to turn visibility only into co-sell", "add a contact role to the opportunity in the CRM")
		}
	} else if strings.TrimSpace(l.NextSteps) == "" {
		c.add(SeverityWarning, "next_steps_empty", "LifeCycle.NextSteps", "", sourceGuide, "no next steps are given; AWS scores them", "write the next action, its day and who does it")
	}
}

// realDay flags what has the form of a day but is none, such as 2026-02-30.
func (c *checker) realDay(field, value string) {
	if len(value) != len("2006-01-02") {
		return // the form itself is checked by the model
	}
	if _, err := date.Parse(value); err != nil {
		c.add(SeverityError, "date_not_real", field, value, sourceModel, fmt.Sprintf("%q is no day of the calendar", value), "correct the date in the CRM")
	}
}

func (c *checker) marketing(o Opportunity) {
	m := o.Marketing
	c.need(c.submit(), "marketing_source_required", "Marketing.Source", m.Source, sourceFields, "whether the deal came from marketing", `set it to "Marketing Activity" or "None"`)
	if m.Source == marketingActivity {
		c.need(c.submit(), "marketing_funding_required", "Marketing.AwsFundingUsed", m.AwsFundingUsed, sourceFields, "whether AWS funded the marketing activity", "set it to Yes or No")
	}
	for i, u := range m.UseCases {
		c.oneOf("marketing_use_case_value", fmt.Sprintf("Marketing.UseCases[%d]", i), u, awsselling.MarketingUseCases(), "marketing use case")
	}
	if m.Source == marketingNone {
		for _, f := range []struct{ name, value string }{
			{"CampaignName", m.CampaignName}, {"Channels", strings.Join(m.Channels, ", ")}, {"UseCases", strings.Join(m.UseCases, ", ")}, {"AwsFundingUsed", m.AwsFundingUsed},
		} {
			if f.value != "" {
				c.add(SeverityError, "marketing_without_activity", "Marketing."+f.name, f.value, sourceFields, fmt.Sprintf("%s is %q although the deal did not come from marketing", f.name, shorten(f.value)), "clear it, or set the source to Marketing Activity")
			}
		}
	}
	// Two of AWS's own update samples break this rule of the field table.
	if m.AwsFundingUsed == no && len(m.UseCases) > 0 {
		c.add(SeverityError, "marketing_use_cases_without_funding", "Marketing.UseCases", strings.Join(m.UseCases, ", "), sourceFields, fmt.Sprintf("marketing use cases (%s) are given although AWS did not fund the activity", shorten(strings.Join(m.UseCases, ", "))), "clear the marketing use cases")
	}
}

func (c *checker) revenue(o Opportunity) {
	r := o.SoftwareRevenue
	if r == nil {
		r = &SoftwareRevenue{}
	}
	c.realDay("SoftwareRevenue.EffectiveDate", r.EffectiveDate)
	c.realDay("SoftwareRevenue.ExpirationDate", r.ExpirationDate)
	if o.LifeCycle.Stage == StageLaunched && c.ctx.SpecialProgram {
		value := r.Value
		if value == nil {
			value = &MonetaryValue{}
		}
		for _, f := range []struct{ name, value, what string }{
			{"DeliveryModel", r.DeliveryModel, "how the software is bought"},
			{"Value.Amount", value.Amount, "the software's value"},
			{"EffectiveDate", r.EffectiveDate, "the contract's start"},
			{"ExpirationDate", r.ExpirationDate, "the contract's end"},
		} {
			c.need(SeverityError, "software_revenue_at_launch", "SoftwareRevenue."+f.name, f.value, sourceFields, f.what+", which special programs ask at launch,", "fill it in the CRM")
		}
	}
	if r.EffectiveDate != "" && r.ExpirationDate != "" && r.ExpirationDate < r.EffectiveDate {
		c.add(SeverityError, "software_revenue_dates", "SoftwareRevenue.ExpirationDate", r.ExpirationDate, sourceGuide, fmt.Sprintf("the contract ends on %s, before it starts on %s", r.ExpirationDate, r.EffectiveDate), "correct the contract's dates in the CRM")
	}
}

// postalPatterns are the compiled postal formats by their text; the facts' own
// tests see to it that each compiles.
var postalPatterns = sync.OnceValue(func() map[string]*regexp.Regexp {
	out := map[string]*regexp.Regexp{}
	for _, r := range awsselling.PostalCodeRules() {
		if re, err := regexp.Compile(r.Pattern); err == nil {
			out[r.Pattern] = re
		}
	}
	return out
})

var modelPatterns = sync.OnceValue(func() map[string]*awsselling.Pattern {
	out := map[string]*awsselling.Pattern{}
	for _, s := range awsselling.Model().Shapes {
		if p, err := awsselling.CompilePattern(s.Pattern); err == nil && s.Pattern != "" {
			out[s.Pattern] = p
		}
	}
	return out
})

// compiled gives a pattern of the model, nil for none.
func compiled(pattern string) *awsselling.Pattern { return modelPatterns()[pattern] }
