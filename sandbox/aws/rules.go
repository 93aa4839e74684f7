package aws

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// Stages and involvement types that rules speak of.
const (
	stageCommitted   = "Committed"
	stageLaunched    = "Launched"
	stageClosedLost  = "Closed Lost"
	involveCoSell    = "Co-Sell"
	involveVisible   = "For Visibility Only"
	partitionEurope  = "aws-eusc"
	needDealSupport  = "Co-Sell - Deal Support"
	relSolutions     = "Solutions"
	relProducts      = "AwsProducts"
	relOffers        = "AwsMarketplaceOffers"
	relOfferSets     = "AwsMarketplaceOfferSets"
	relMarketSolut   = "AwsMarketplaceSolutions"
	relMarketProduct = "AwsMarketplaceProducts"
)

// facts are the published lists in the form that the rules look them up.
type facts struct {
	useCases, programs, marketingUses, states, noPostal, products map[string]bool
	countries                                                     map[string]string
	postal                                                        map[string][]postalRule
	edit                                                          map[string]awsselling.FieldRule
}

type postalRule struct {
	re      *regexp.Regexp
	message string
}

func loadFacts() (*facts, error) {
	set := func(list []string) map[string]bool {
		out := make(map[string]bool, len(list))
		for _, v := range list {
			out[v] = true
		}
		return out
	}
	f := &facts{
		useCases: set(awsselling.CustomerUseCases()), programs: set(awsselling.ApnPrograms()), marketingUses: set(awsselling.MarketingUseCases()),
		states: set(awsselling.USStates()), noPostal: set(awsselling.CountriesWithoutPostalCode()), products: map[string]bool{},
		countries: map[string]string{}, postal: map[string][]postalRule{}, edit: map[string]awsselling.FieldRule{},
	}
	for _, p := range awsselling.AWSProducts() {
		f.products[p.Code] = true
	}
	for _, c := range awsselling.Countries() {
		f.countries[c.Code] = c.Name
	}
	for _, r := range awsselling.PostalCodeRules() {
		if r.CountryCode == "" {
			continue
		}
		re, err := regexp.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("aws sandbox: postal code rule of %s: %w", r.Country, err)
		}
		f.postal[r.CountryCode] = append(f.postal[r.CountryCode], postalRule{re, r.Message})
	}
	for _, r := range awsselling.FieldRules() {
		f.edit[r.Path] = r
	}
	return f, nil
}

// wrongValues checks values that the model leaves free but the service does
// not. It never asks for a missing field: an opportunity may be created
// incomplete. The close date is held against today only when it is new.
func (s *Server) wrongValues(d doc, now time.Time, newCloseDate bool) []fieldError {
	var errs []fieldError
	add := func(field, code, format string, args ...any) {
		errs = append(errs, fieldError{field, fmt.Sprintf(format, args...), code})
	}
	oneOf := func(field, value string, allowed map[string]bool, what string) {
		if value != "" && !allowed[value] {
			add(field, codeEnum, "is not one of the standard values of %s", what)
		}
	}
	f := s.facts
	oneOf("Project.CustomerUseCase", d.str("Project", "CustomerUseCase"), f.useCases, "CustomerUseCase")
	for i, v := range d.strs("Project", "ApnPrograms") {
		oneOf(fmt.Sprintf("Project.ApnPrograms.%d", i), v, f.programs, "ApnPrograms")
	}
	for i, v := range d.strs("Marketing", "UseCases") {
		oneOf(fmt.Sprintf("Marketing.UseCases.%d", i), v, f.marketingUses, "Marketing.UseCases")
	}
	country := d.str("Customer", "Account", "Address", "CountryCode")
	if country == "US" {
		oneOf("Customer.Account.Address.StateOrRegion", d.str("Customer", "Account", "Address", "StateOrRegion"), f.states, "StateOrRegion for the United States")
	}
	if code := d.str("Customer", "Account", "Address", "PostalCode"); code != "" {
		if rules := f.postal[country]; len(rules) > 0 && !slices.ContainsFunc(rules, func(r postalRule) bool { return r.re.MatchString(code) }) {
			add("Customer.Account.Address.PostalCode", codeFormat, "%s", rules[0].message)
		}
	}
	if d.str("NationalSecurity") == "Yes" && d.str("Customer", "Account", "Industry") != "Government" {
		add("NationalSecurity", codeValue, `can be "Yes" only when Industry is "Government"`)
	}
	s.wrongMoney(d, add)
	wrongMarketing(d, add)
	if date := d.str("LifeCycle", "TargetCloseDate"); date != "" {
		if !realDate(date) {
			add("LifeCycle.TargetCloseDate", codeFormat, "is not a day of the calendar")
		} else if newCloseDate && date < now.Format(time.DateOnly) {
			add("LifeCycle.TargetCloseDate", codeValue, "cannot be in the past")
		}
	}
	for _, name := range []string{"EffectiveDate", "ExpirationDate"} {
		if date := d.str("SoftwareRevenue", name); date != "" && !realDate(date) {
			add("SoftwareRevenue."+name, codeFormat, "is not a day of the calendar")
		}
	}
	if from, to := d.str("SoftwareRevenue", "EffectiveDate"), d.str("SoftwareRevenue", "ExpirationDate"); from != "" && to != "" && to < from {
		add("SoftwareRevenue.ExpirationDate", codeValue, "is before EffectiveDate")
	}
	if d.str("LifeCycle", "Stage") == stageClosedLost && d.str("LifeCycle", "ClosedLostReason") == "" {
		add("LifeCycle.ClosedLostReason", codeRequired, "is required when Stage is Closed Lost")
	}
	return errs
}

func realDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func (s *Server) wrongMoney(d doc, add func(field, code, format string, args ...any)) {
	want := "USD"
	if d.str("Project", "AwsPartition") == partitionEurope {
		want = "EUR"
	}
	for i, row := range d.list("Project", "ExpectedCustomerSpend") {
		if got := doc(asMap(row)).str("CurrencyCode"); got != "" && got != want {
			add(fmt.Sprintf("Project.ExpectedCustomerSpend.%d.CurrencyCode", i), codeValue, "must be USD, or EUR exactly when AwsPartition is aws-eusc")
		}
	}
	if months := d.str("Project", "ExpectedContractDuration", "Value"); months != "" {
		n, err := strconv.Atoi(months)
		if err != nil || strconv.Itoa(n) != months || n < 1 || n > 144 {
			add("Project.ExpectedContractDuration.Value", codeRange, "must be a whole number of months from 1 to 144")
		}
	}
}

func wrongMarketing(d doc, add func(field, code, format string, args ...any)) {
	if d.str("Marketing", "Source") == "None" {
		for _, name := range []string{"CampaignName", "Channels", "UseCases", "AwsFundingUsed"} {
			if d.str("Marketing", name) != "" || len(d.list("Marketing", name)) > 0 {
				add("Marketing."+name, codeValue, `must be empty when Marketing.Source is "None"`)
			}
		}
	}
	// Two of AWS's own (anonymised) update samples break this rule, so the source
	// that gives it may be out of date.
	if d.str("Marketing", "AwsFundingUsed") == "No" && len(d.list("Marketing", "UseCases")) > 0 {
		add("Marketing.UseCases", codeValue, `must be empty when AwsFundingUsed is "No"`)
	}
}

// missingFields checks what an opportunity needs before AWS takes it
// (published field table and "Working with your opportunities").
func (s *Server) missingFields(d doc, involvement string) []fieldError {
	var errs []fieldError
	need := func(ok bool, field, why string) {
		if !ok {
			errs = append(errs, fieldError{field, why, codeRequired})
		}
	}
	has := func(path ...string) bool { return d.str(path...) != "" }
	natSec := d.str("NationalSecurity") == "Yes"
	country := d.str("Customer", "Account", "Address", "CountryCode")
	need(involvement == involveVisible || len(d.list("PrimaryNeedsFromAws")) > 0, "PrimaryNeedsFromAws", "at least one is required")
	need(len(d.list("Project", "DeliveryModels")) > 0, "Project.DeliveryModels", "at least one is required")
	need(has("Project", "Title"), "Project.Title", "is required")
	need(has("Project", "CustomerBusinessProblem"), "Project.CustomerBusinessProblem", "is required")
	need(has("Project", "CustomerUseCase"), "Project.CustomerUseCase", "is required")
	need(len(d.list("Project", "SalesActivities")) > 0, "Project.SalesActivities", "at least one is required")
	need(spendAmount(d) > 0, "Project.ExpectedCustomerSpend", "at least one with an amount greater than 0 is required")
	need(natSec || has("Customer", "Account", "CompanyName"), "Customer.Account.CompanyName", "is required")
	need(natSec || has("Customer", "Account", "WebsiteUrl"), "Customer.Account.WebsiteUrl", "is required")
	need(has("Customer", "Account", "Industry"), "Customer.Account.Industry", "is required")
	need(d.str("Customer", "Account", "Industry") != "Other" || has("Customer", "Account", "OtherIndustry"), "Customer.Account.OtherIndustry", "is required when Industry is Other")
	need(country != "", "Customer.Account.Address.CountryCode", "is required")
	need(natSec || s.facts.noPostal[country] || has("Customer", "Account", "Address", "PostalCode"), "Customer.Account.Address.PostalCode", "is required for this country")
	need(natSec || country != "US" || has("Customer", "Account", "Address", "StateOrRegion"), "Customer.Account.Address.StateOrRegion", "is required for the United States")
	need(has("LifeCycle", "TargetCloseDate"), "LifeCycle.TargetCloseDate", "is required")
	need(has("Marketing", "Source"), "Marketing.Source", "is required")
	need(d.str("Marketing", "Source") != "Marketing Activity" || has("Marketing", "AwsFundingUsed"), "Marketing.AwsFundingUsed", "is required when Source is Marketing Activity")
	need(d.str("OpportunityType") != "Flat Renewal" || has("Project", "RelatedOpportunityIdentifier"), "Project.RelatedOpportunityIdentifier", "is required when OpportunityType is Flat Renewal")
	need(d.str("Project", "CompetitorName") != "*Other" || has("Project", "OtherCompetitorNames"), "Project.OtherCompetitorNames", "is required when CompetitorName is *Other")
	return errs
}

// spendAmount is the largest amount a month of the expected spend, 0 when none.
func spendAmount(d doc) float64 {
	most := 0.0
	for _, row := range d.list("Project", "ExpectedCustomerSpend") {
		if v, err := strconv.ParseFloat(doc(asMap(row)).str("Amount"), 64); err == nil {
			most = max(most, v)
		}
	}
	return most
}

// submitRules checks whether an opportunity may be handed to AWS.
func (s *Server) submitRules(o *opportunity, involvement string, now time.Time) []fieldError {
	errs := s.missingFields(o.Doc, involvement)
	if !o.sells() && o.Doc.str("Project", "OtherSolutionDescription") == "" {
		errs = append(errs, fieldError{"RelatedEntityIdentifiers", "at least one solution, AWS Marketplace solution or AWS Marketplace product must be associated", codeRequired})
	}
	if !o.sells() {
		errs = append(errs, otherTooLate(o.Doc)...)
	}
	if o.Doc.str("NationalSecurity") == "Yes" && involvement == involveVisible {
		errs = append(errs, fieldError{"NationalSecurity", "an opportunity of national security cannot be submitted For Visibility Only", codeValue})
	}
	if date := o.Doc.str("LifeCycle", "TargetCloseDate"); date != "" && date < now.Format(time.DateOnly) {
		errs = append(errs, fieldError{"LifeCycle.TargetCloseDate", "cannot be in the past", codeValue})
	}
	if stage := o.Doc.str("LifeCycle", "Stage"); stage == stageLaunched || stage == stageClosedLost {
		errs = append(errs, fieldError{"LifeCycle.Stage", "an opportunity that is " + stage + " cannot be submitted", codeState})
	}
	if o.Involvement == involveVisible && involvement == involveCoSell {
		if o.Doc.str("LifeCycle", "NextSteps") == "" {
			errs = append(errs, fieldError{"LifeCycle.NextSteps", "is required to convert to Co-Sell", codeRequired})
		}
		if len(o.Doc.list("Customer", "Contacts")) == 0 {
			errs = append(errs, fieldError{"Customer.Contacts", "a customer contact is required to convert to Co-Sell", codeRequired})
		}
	}
	return errs
}

// otherTooLate refuses to name another solution in words where a registered one
// is wanted: from stage Committed. Nothing is associated yet when it is asked.
func otherTooLate(d doc) []fieldError {
	stage := d.str("LifeCycle", "Stage")
	if d.str("Project", "OtherSolutionDescription") == "" || (stage != stageCommitted && stage != stageLaunched) {
		return nil
	}
	return []fieldError{{"Project.OtherSolutionDescription", `from stage Committed a solution or product must be associated; "Other" is no longer enough`, codeNotPermitted}}
}

// sells says whether anything that the partner sells is associated.
func (o *opportunity) sells() bool {
	return len(o.Related[relSolutions])+len(o.Related[relMarketSolut])+len(o.Related[relMarketProduct]) > 0
}

// stageRules checks an update's move to its stage.
func (s *Server) stageRules(o *opportunity, next doc) []fieldError {
	stage := next.str("LifeCycle", "Stage")
	if stage == o.Doc.str("LifeCycle", "Stage") {
		return nil
	}
	var errs []fieldError
	if stage == stageLaunched && o.Review.Status != statusApproved {
		errs = append(errs, fieldError{"LifeCycle.Stage", "only an approved opportunity can be Launched", codeState})
	}
	if (stage == stageCommitted || stage == stageLaunched) && o.Review.Status == statusApproved && !o.sells() {
		errs = append(errs, fieldError{"RelatedEntityIdentifiers", `from stage Committed a solution or product must be associated; "Other" is no longer enough`, codeRequired})
	}
	if stage == stageLaunched && s.opt.ConsultingPartner && next.str("Customer", "Account", "AwsAccountId") == "" {
		errs = append(errs, fieldError{"Customer.Account.AwsAccountId", "is required for stage Launched", codeRequired})
	}
	return errs
}

// freeMail are domains that tell nothing about the customer.
var freeMail = strings.Fields("gmail.com googlemail.com yahoo.com hotmail.com outlook.com live.com aol.com icloud.com gmx.de gmx.net web.de qq.com 163.com protonmail.com proton.me mail.ru yandex.ru")
