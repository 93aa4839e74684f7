package aws

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// good gives an opportunity that AWS takes for submission.
func good() Opportunity {
	return Opportunity{
		OpportunityFields: OpportunityFields{
			PrimaryNeedsFromAws:          []string{"Co-Sell - Architectural Validation"},
			NationalSecurity:             no,
			PartnerOpportunityIdentifier: "006000000000001AAA",
			OpportunityType:              "Net New Business",
			Customer: &Customer{
				Account: &Account{
					Industry: "Financial Services", CompanyName: "Orchard Ltd", WebsiteURL: "https://orchard.example.com",
					Address: &Address{City: "New York", CountryCode: "US", PostalCode: "10001", StateOrRegion: "New York"},
				},
				Contacts: []Contact{{Email: "ana.ruiz@example.com", FirstName: "Ana", LastName: "Ruiz", Phone: "+14155550100"}},
			},
			Project: &Project{
				DeliveryModels: []string{"SaaS or PaaS"}, Title: "Platform", CustomerUseCase: "Security & Compliance", SalesActivities: []string{"Conducted POC / Demo"},
				CustomerBusinessProblem: "Builds take hours and nobody knows why.",
				ExpectedCustomerSpend:   []CustomerSpend{{Amount: "12500", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS"}},
			},
			Marketing: &Marketing{Source: "None"},
			LifeCycle: &LifeCycle{Stage: StageProspect, TargetCloseDate: "2027-03-31", NextSteps: "2026-12-01, Ana: show the pilot"},
		},
		Origin: OriginPartner,
	}
}

var submitting = CheckContext{Submit: true, Today: "2026-11-23", Solutions: []string{"S-0000001"}}

func TestACompleteOpportunityHasNoFindings(t *testing.T) {
	t.Parallel()
	if found := Check(good(), submitting); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// flaw is one way to break a good opportunity, and the rule that it breaks.
type flaw struct {
	rule, field string
	change      func(*Opportunity, *CheckContext)
}

func flaws() []flaw {
	long := strings.Repeat("x", 2001)
	return []flaw{
		{"aws.origin_partner", "Origin", func(o *Opportunity, _ *CheckContext) { o.Origin = OriginAWS }},
		{"aws.already_submitted", "LifeCycle.ReviewStatus", func(_ *Opportunity, c *CheckContext) { c.ReviewStatus = ReviewInReview }},
		{"aws.closed_not_submittable", "LifeCycle.Stage", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.Stage = StageLaunched }},
		{"aws.primary_needs_required", "PrimaryNeedsFromAws", func(o *Opportunity, _ *CheckContext) { o.PrimaryNeedsFromAws = nil }},
		{"aws.value_not_allowed", "PrimaryNeedsFromAws[0]", func(o *Opportunity, _ *CheckContext) {
			o.PrimaryNeedsFromAws = []string{"Do Not Need Support from AWS Sales Rep"}
		}},
		{"aws.company_name_required", "Customer.Account.CompanyName", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.CompanyName = "" }},
		{"aws.too_long", "Customer.Account.CompanyName", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.CompanyName = strings.Repeat("é", 121) }},
		{"aws.website_required", "Customer.Account.WebsiteUrl", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.WebsiteURL = "" }},
		{"aws.website_length", "Customer.Account.WebsiteUrl", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.WebsiteURL = "a.b" }},
		{"aws.website_format", "Customer.Account.WebsiteUrl", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.WebsiteURL = "ana@example.com" }},
		{"aws.industry_required", "Customer.Account.Industry", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Industry = "" }},
		{"aws.value_not_allowed", "Customer.Account.Industry", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Industry = "Computers & Electronics" }},
		{"aws.other_industry_required", "Customer.Account.OtherIndustry", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Industry = industryOther }},
		{"aws.duns_format", "Customer.Account.Duns", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Duns = "12-345-6789" }},
		{"aws.aws_account_id_format", "Customer.Account.AwsAccountId", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.AwsAccountID = "1234-5678-9012" }},
		{"aws.account_id_at_launch", "Customer.Account.AwsAccountId", func(o *Opportunity, c *CheckContext) {
			o.LifeCycle.Stage, c.Submit, c.ConsultingPartner = StageLaunched, false, true
		}},
		{"aws.country_required", "Customer.Account.Address.CountryCode", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Address = nil }},
		{"aws.value_not_allowed", "Customer.Account.Address.CountryCode", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Address.CountryCode = "USA" }},
		{"aws.state_required", "Customer.Account.Address.StateOrRegion", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Address.StateOrRegion = "" }},
		{"aws.us_state_name", "Customer.Account.Address.StateOrRegion", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Address.StateOrRegion = "NY" }},
		{"aws.postal_code_required", "Customer.Account.Address.PostalCode", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Address.PostalCode = "" }},
		{"aws.postal_code_format", "Customer.Account.Address.PostalCode", func(o *Opportunity, _ *CheckContext) { o.Customer.Account.Address.PostalCode = "9931" }},
		{"aws.postal_code_format", "Customer.Account.Address.PostalCode", func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "GB", PostalCode: "12345"}
		}},
		{"aws.postal_code_required", "Customer.Account.Address.PostalCode", func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "AR"}
		}},
		{"aws.email_format", "Customer.Contacts[0].Email", func(o *Opportunity, _ *CheckContext) { o.Customer.Contacts[0].Email = "Ana@example.com" }},
		{"aws.phone_format", "Customer.Contacts[0].Phone", func(o *Opportunity, _ *CheckContext) { o.Customer.Contacts[0].Phone = "(415) 555-0100" }},
		{"aws.national_security_industry", "NationalSecurity", func(o *Opportunity, _ *CheckContext) { o.NationalSecurity = yes }},
		{"aws.delivery_models_required", "Project.DeliveryModels", func(o *Opportunity, _ *CheckContext) { o.Project.DeliveryModels = nil }},
		{"aws.title_required", "Project.Title", func(o *Opportunity, _ *CheckContext) { o.Project.Title = "" }},
		{"aws.too_long", "Project.Title", func(o *Opportunity, _ *CheckContext) { o.Project.Title = long[:256] }},
		{"aws.business_problem_required", "Project.CustomerBusinessProblem", func(o *Opportunity, _ *CheckContext) { o.Project.CustomerBusinessProblem = "" }},
		{"aws.too_short", "Project.CustomerBusinessProblem", func(o *Opportunity, _ *CheckContext) { o.Project.CustomerBusinessProblem = "Slow builds." }},
		{"aws.too_long", "Project.CustomerBusinessProblem", func(o *Opportunity, _ *CheckContext) { o.Project.CustomerBusinessProblem = long }},
		{"aws.use_case_required", "Project.CustomerUseCase", func(o *Opportunity, _ *CheckContext) { o.Project.CustomerUseCase = "" }},
		{"aws.use_case_value", "Project.CustomerUseCase", func(o *Opportunity, _ *CheckContext) { o.Project.CustomerUseCase = "Migration / Database Migration" }},
		{"aws.sales_activities_required", "Project.SalesActivities", func(o *Opportunity, _ *CheckContext) { o.Project.SalesActivities = nil }},
		{"aws.apn_program_value", "Project.ApnPrograms[0]", func(o *Opportunity, _ *CheckContext) { o.Project.ApnPrograms = []string{"Gold"} }},
		{"aws.related_opportunity_required", "Project.RelatedOpportunityIdentifier", func(o *Opportunity, _ *CheckContext) { o.OpportunityType = typeFlatRenewal }},
		{"aws.opportunity_id_format", "Project.RelatedOpportunityIdentifier", func(o *Opportunity, _ *CheckContext) { o.Project.RelatedOpportunityIdentifier = "X1" }},
		{"aws.other_competitor_required", "Project.OtherCompetitorNames", func(o *Opportunity, _ *CheckContext) { o.Project.CompetitorName = competitorOther }},
		{"aws.contract_duration_value", "Project.ExpectedContractDuration.Value", func(o *Opportunity, _ *CheckContext) {
			o.Project.ExpectedContractDuration = &ContractDuration{"Months", "145"}
		}},
		{"aws.spend_required", "Project.ExpectedCustomerSpend", func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend = nil }},
		{"aws.spend_positive", "Project.ExpectedCustomerSpend[0].Amount", func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend[0].Amount = "0.00" }},
		{"aws.amount_format", "Project.ExpectedCustomerSpend[0].Amount", func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend[0].Amount = "1.2E7" }},
		{"aws.amount_format", "Project.ExpectedCustomerSpend[0].Amount", func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend[0].Amount = "12,500" }},
		{"aws.spend_currency", "Project.ExpectedCustomerSpend[0].CurrencyCode", func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend[0].CurrencyCode = "EUR" }},
		{"aws.spend_currency", "Project.ExpectedCustomerSpend[0].CurrencyCode", func(o *Opportunity, _ *CheckContext) { o.Project.AwsPartition = "aws-eusc" }},
		{"aws.required_member", "Project.ExpectedCustomerSpend[0].TargetCompany", func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend[0].TargetCompany = "" }},
		{"aws.too_many", "Project.ExpectedCustomerSpend", func(o *Opportunity, _ *CheckContext) {
			o.Project.ExpectedCustomerSpend = slices.Repeat(o.Project.ExpectedCustomerSpend, 11)
		}},
		{"aws.estimation_url_format", "Project.ExpectedCustomerSpend[0].EstimationUrl", func(o *Opportunity, _ *CheckContext) {
			o.Project.ExpectedCustomerSpend[0].EstimationURL = "https://example.com"
		}},
		{"aws.solution_required", "RelatedEntityIdentifiers.Solutions", func(_ *Opportunity, c *CheckContext) { c.Solutions = nil }},
		{"aws.solution_too_many", "RelatedEntityIdentifiers.Solutions", func(_ *Opportunity, c *CheckContext) {
			c.Solutions = []string{"S-1", "S-2", "S-3", "S-4", "S-5", "S-6", "S-7", "S-8", "S-9", "S-10", "S-11"}
		}},
		{"aws.solution_other_not_allowed", "RelatedEntityIdentifiers.Solutions", func(o *Opportunity, c *CheckContext) {
			c.Solutions, o.Project.OtherSolutionDescription, o.LifeCycle.Stage = nil, "A thing", StageCommitted
		}},
		{"aws.target_close_date_required", "LifeCycle.TargetCloseDate", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.TargetCloseDate = "" }},
		{"aws.target_close_date_past", "LifeCycle.TargetCloseDate", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.TargetCloseDate = "2026-11-22" }},
		{"aws.date_format", "LifeCycle.TargetCloseDate", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.TargetCloseDate = "31/03/2027" }},
		{"aws.closed_lost_reason_required", "LifeCycle.ClosedLostReason", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.Stage = StageClosedLost }},
		{"aws.value_not_allowed", "LifeCycle.ClosedLostReason", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.ClosedLostReason = "Lost to Competitor – Google" }},
		{"aws.next_steps_empty", "LifeCycle.NextSteps", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.NextSteps = "" }},
		{"aws.too_long", "LifeCycle.NextSteps", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.NextSteps = long[:256] }},
		{"aws.marketing_source_required", "Marketing.Source", func(o *Opportunity, _ *CheckContext) { o.Marketing = nil }},
		{"aws.marketing_funding_required", "Marketing.AwsFundingUsed", func(o *Opportunity, _ *CheckContext) { o.Marketing.Source = marketingActivity }},
		{"aws.marketing_use_case_value", "Marketing.UseCases[0]", func(o *Opportunity, _ *CheckContext) { o.Marketing.UseCases = []string{"Dancing"} }},
		{"aws.marketing_use_cases_without_funding", "Marketing.UseCases", func(o *Opportunity, _ *CheckContext) {
			*o.Marketing = Marketing{Source: marketingActivity, AwsFundingUsed: no, UseCases: []string{"Analytics"}}
		}},
		{"aws.marketing_without_activity", "Marketing.Channels", func(o *Opportunity, _ *CheckContext) { o.Marketing.Channels = []string{"Email"} }},
		{"aws.marketing_without_activity", "Marketing.AwsFundingUsed", func(o *Opportunity, _ *CheckContext) { o.Marketing.AwsFundingUsed = no }},
		{"aws.next_steps_for_cosell", "LifeCycle.NextSteps", func(o *Opportunity, c *CheckContext) { o.LifeCycle.NextSteps, c.FromVisibilityOnly = "", true }},
		{"aws.contact_for_cosell", "Customer.Contacts", func(o *Opportunity, c *CheckContext) { o.Customer.Contacts, c.FromVisibilityOnly = nil, true }},
		{"aws.national_security_visibility", "NationalSecurity", func(o *Opportunity, c *CheckContext) {
			o.NationalSecurity, o.Customer.Account.Industry, c.VisibilityOnly = yes, industryGovernment, true
		}},
		{"aws.state_outside_us", "Customer.Account.Address.StateOrRegion", func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "DE", PostalCode: "10115", StateOrRegion: "Berlin"}
		}},
		{"aws.date_not_real", "LifeCycle.TargetCloseDate", func(o *Opportunity, _ *CheckContext) { o.LifeCycle.TargetCloseDate = "2027-02-30" }},
		{"aws.software_revenue_at_launch", "SoftwareRevenue.Value.Amount", func(o *Opportunity, c *CheckContext) {
			o.LifeCycle.Stage, c.Submit, c.SpecialProgram = StageLaunched, false, true
		}},
		{"aws.software_revenue_dates", "SoftwareRevenue.ExpirationDate", func(o *Opportunity, _ *CheckContext) {
			o.SoftwareRevenue = &SoftwareRevenue{EffectiveDate: "2027-01-01", ExpirationDate: "2026-01-01"}
		}},
		{"aws.too_long", "PartnerOpportunityIdentifier", func(o *Opportunity, _ *CheckContext) { o.PartnerOpportunityIdentifier = long[:65] }},
	}
}

func TestEachRuleIsFoundAndNamesItsField(t *testing.T) {
	t.Parallel()
	for _, c := range flaws() {
		o, ctx := good(), submitting
		c.change(&o, &ctx)
		found := Check(o, ctx)
		i := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == c.rule && f.Field == c.field })
		if i < 0 {
			t.Errorf("%s at %s is not found; found %+v", c.rule, c.field, found)
			continue
		}
		f := found[i]
		if f.Message == "" || f.Mend == "" || f.Source == "" || f.Value != "" && f.Severity == SeverityError && !strings.Contains(f.Message, string([]rune(f.Value)[:1])) {
			t.Errorf("%s says too little: %+v", c.rule, f)
		}
	}
}

func exceptions() map[string]func(*Opportunity, *CheckContext) {
	return map[string]func(*Opportunity, *CheckContext){
		"a country without postal codes": func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "AE"}
		},
		"a country whose format is free": func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "AR", PostalCode: "C1425"}
		},
		"either format of the United Kingdom": func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "GB", PostalCode: "SW1A 1AA"}
		},
		"no state outside the United States": func(o *Opportunity, _ *CheckContext) {
			*o.Customer.Account.Address = Address{CountryCode: "DE", PostalCode: "10115"}
		},
		"no spend in a second row": func(o *Opportunity, _ *CheckContext) {
			o.Project.ExpectedCustomerSpend = append(o.Project.ExpectedCustomerSpend, CustomerSpend{Amount: "0", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS"})
		},
		"visibility only needs no needs": func(o *Opportunity, c *CheckContext) { o.PrimaryNeedsFromAws, c.VisibilityOnly = nil, true },
		"national security of a government": func(o *Opportunity, _ *CheckContext) {
			o.NationalSecurity, o.Customer.Account.Industry, o.Customer.Account.WebsiteURL = yes, industryGovernment, ""
			*o.Customer.Account.Address = Address{CountryCode: "US"}
		},
		"another solution described": func(o *Opportunity, c *CheckContext) {
			c.Solutions, o.Project.OtherSolutionDescription = nil, "A thing of ours"
		},
		"a solution associated already": func(o *Opportunity, c *CheckContext) {
			c.Solutions, o.RelatedEntityIdentifiers = nil, &RelatedEntityIdentifiers{AwsMarketplaceProducts: []string{"arn:aws:x"}}
		},
		"euro in the European sovereign cloud": func(o *Opportunity, _ *CheckContext) {
			o.Project.AwsPartition, o.Project.ExpectedCustomerSpend[0].CurrencyCode = "aws-eusc", "EUR"
		},
		"closing today":               func(o *Opportunity, _ *CheckContext) { o.LifeCycle.TargetCloseDate = "2026-11-23" },
		"submitting once more":        func(_ *Opportunity, c *CheckContext) { c.ReviewStatus = ReviewActionRequired },
		"AWS's referral in test":      func(o *Opportunity, _ *CheckContext) { o.Catalog, o.Origin = CatalogSandbox, OriginAWS },
		"an amount with two decimals": func(o *Opportunity, _ *CheckContext) { o.Project.ExpectedCustomerSpend[0].Amount = "12500.50" },
	}
}

func TestExceptionsOfTheRulesAreKept(t *testing.T) {
	t.Parallel()
	for name, change := range exceptions() {
		o, ctx := good(), submitting
		change(&o, &ctx)
		if found := Check(o, ctx); len(found) != 0 {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestCreatingAsksLessThanSubmitting(t *testing.T) {
	t.Parallel()
	found := Check(Opportunity{}, CheckContext{})
	if HasErrors(found) || len(found) < 10 {
		t.Errorf("an empty opportunity may be created, with warnings of what submission needs: %+v", found)
	}
	if !HasErrors(Check(Opportunity{}, CheckContext{Submit: true})) {
		t.Error("an empty opportunity may not be submitted")
	}
	account := Opportunity{OpportunityFields: OpportunityFields{Customer: &Customer{Account: &Account{Industry: "Retail"}}}}
	if !HasErrors(Check(account, CheckContext{})) {
		t.Error("an account without a name may not be created")
	}
}

func TestAMisspeltValueIsToldInAWSsSpelling(t *testing.T) {
	t.Parallel()
	o := good()
	o.Customer.Account.Industry = "Computers & Electronics"
	o.Customer.Account.Address.StateOrRegion = "NY"
	o.Project.CustomerUseCase = "Migration / Database Migration"
	var mends string
	for _, f := range Check(o, submitting) {
		mends += f.Mend + "\n"
	}
	for _, want := range []string{`"Computers and Electronics"`, `"New York"`, `"Migration/Database Migration"`} {
		if !strings.Contains(mends, want) {
			t.Errorf("%s is not told: %s", want, mends)
		}
	}
}

func TestCheckDoesNotChangeTheOpportunity(t *testing.T) {
	t.Parallel()
	var o Opportunity
	o.Customer = &Customer{}
	Check(o, submitting)
	if o.Customer.Account != nil {
		t.Error("the caller's customer was filled")
	}
}

func TestOfficialCreateSamplesPassTheCheckButForTheirKnownFlaws(t *testing.T) {
	t.Parallel()
	var in CreateOpportunityInput
	if err := json.Unmarshal(sample(t, "createOpportunity.json"), &in); err != nil {
		t.Fatal(err)
	}
	if found := Check(in.Opportunity(), submitting); HasErrors(found) {
		t.Errorf("%+v", found)
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(lastRead), true)
	f.Fuzz(func(t *testing.T, raw []byte, submit bool) {
		var o Opportunity
		if json.Unmarshal(raw, &o) != nil {
			return
		}
		for _, finding := range Check(o, CheckContext{Submit: submit, Today: "2026-11-23"}) {
			if !strings.HasPrefix(finding.Rule, "aws.") || finding.Message == "" {
				t.Errorf("%+v", finding)
			}
		}
	})
}

func TestLocksFollowTheFieldTable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, stage, path string
		locked              bool
	}{
		{"", StageProspect, "Customer.Account.CompanyName", false},
		{ReviewPendingSubmission, StageProspect, "Project.Title", false},
		{ReviewPendingSubmission, StageProspect, "LifeCycle.ReviewComments", true},
		{ReviewPendingSubmission, StageProspect, "Identifier", true},
		{ReviewSubmitted, StageProspect, "LifeCycle.NextSteps", true},
		{ReviewInReview, StageProspect, "Customer.Account.Address.City", true},
		{ReviewRejected, StageProspect, "Project.Title", true},
		{ReviewActionRequired, StageProspect, "Customer.Account.Address.PostalCode", false},
		{ReviewActionRequired, StageProspect, "Customer.Account.Address", false},
		{ReviewActionRequired, StageProspect, "Customer.Account.WebsiteUrl", false},
		{ReviewActionRequired, StageProspect, "Project.ExpectedCustomerSpend[0].Amount", false},
		{ReviewActionRequired, StageProspect, "PartnerOpportunityIdentifier", false},
		{ReviewActionRequired, StageProspect, "Project.Title", true},
		{ReviewActionRequired, StageProspect, "LifeCycle.Stage", true},
		{ReviewActionRequired, StageProspect, "Project.ExpectedContractDuration", true},
		{ReviewApproved, StageQualified, "Customer.Account.Address.PostalCode", true},
		{ReviewApproved, StageQualified, "Customer.Account.Address.City", false},
		{ReviewApproved, StageQualified, "Customer.Account.CompanyName", true},
		{ReviewApproved, StageQualified, "Project.Title", true},
		{ReviewApproved, StageQualified, "LifeCycle.Stage", false},
		{ReviewApproved, StageQualified, "Customer.Contacts[2].Email", false},
		{ReviewApproved, StageQualified, "Project.ExpectedContractDuration.Value", false},
		{ReviewApproved, StageQualified, "PartnerOpportunityIdentifier", false},
		{ReviewApproved, StageLaunched, "Project.DeliveryModels", false},
		{ReviewApproved, StageLaunched, "SoftwareRevenue.Value.Amount", false},
		{ReviewApproved, StageLaunched, "LifeCycle.NextSteps", true},
		{ReviewApproved, StageClosedLost, "LifeCycle.NextSteps", true},
	} {
		locked, reason, until := Locked(c.status, c.stage, c.path)
		if locked != c.locked || locked == (until == "") || locked && reason == "" {
			t.Errorf("%s, %s, %s: %v %q %q", c.status, c.stage, c.path, locked, reason, until)
		}
	}
	if locked, _, _ := (EditPolicy{LockPartnerIDAfterApproval: true}).Locked(ReviewApproved, StageQualified, "PartnerOpportunityIdentifier"); !locked {
		t.Error("the stricter source is not followed when chosen")
	}
	if _, reason, _ := Locked(ReviewApproved, StageLaunched, "Project.DeliveryModels"); !strings.Contains(reason, "ISV") {
		t.Errorf("reason %q", reason)
	}
}

func TestEveryFieldOfAnUpdateHasALockAnswer(t *testing.T) {
	t.Parallel()
	for _, r := range awsselling.FieldRules() {
		if locked, _, _ := Locked(ReviewInReview, StageProspect, r.Path); !locked {
			t.Errorf("%s can be changed while in review", r.Path)
		}
	}
}
