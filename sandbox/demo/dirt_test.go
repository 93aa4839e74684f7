package demo

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// shared finds the folder of contracts: TANDEM_SHARED or beside the root.
func shared(t *testing.T, elements ...string) string {
	t.Helper()
	base := os.Getenv("TANDEM_SHARED")
	if base == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Fatal("no go.mod above the test")
			}
			dir = filepath.Dir(dir)
		}
		base = filepath.Join(filepath.Dir(dir), "shared")
	}
	return filepath.Join(append([]string{base}, elements...)...)
}

func rows(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("the contracts must be there: %v", err)
	}
	defer func() { _ = f.Close() }()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// postalFormats builds one expression per country from Partner Central's own
// list, in which 9 is a digit and A a letter.
func postalFormats(t *testing.T) map[string]*regexp.Regexp {
	t.Helper()
	out := make(map[string]*regexp.Regexp)
	for _, row := range rows(t, shared(t, "contracts", "aws", "lists", "PostalCodeValidations.csv"))[1:] {
		_, said, ok := strings.Cut(row[1], "must be in ")
		if !ok {
			continue
		}
		said = strings.TrimSuffix(strings.TrimSpace(said), " format.")
		var choices []string
		for choice := range strings.SplitSeq(strings.ReplaceAll(said, " or ", " OR "), " OR ") {
			switch row[0] {
			case "United Kingdom":
				choice = `[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}`
			case "Netherlands":
				choice = `[0-9]{4} ?[A-Z]{2}`
			case "Sweden": // S and E are literal
				choice = strings.ReplaceAll(choice, "9", "[0-9]")
			default:
				choice = strings.NewReplacer("9", "[0-9]", "A", "[A-Z]").Replace(choice)
			}
			choices = append(choices, choice)
		}
		out[row[0]] = regexp.MustCompile("^(" + strings.Join(choices, "|") + ")$")
	}
	if korea := out["Korea"]; korea != nil {
		out["South Korea"] = korea
	}
	return out
}

func TestPostalCodesFollowPartnerCentralUnlessSpoilt(t *testing.T) {
	t.Parallel()
	formats := postalFormats(t)
	var without []string
	for _, row := range rows(t, shared(t, "contracts", "aws", "lists", "CountriesWithoutPostalCode.csv")) {
		without = append(without, row[0])
	}
	org := Generate(Options{Seed: 11, Accounts: 3000, Today: testDay})
	flaws := flawed(org)
	checked := make(map[string]int)
	for _, a := range byObject(org)["Account"] {
		id, country, postal := text(a, "Id"), text(a, "BillingCountry"), text(a, "BillingPostalCode")
		format, known := formats[country]
		switch has := flaws[id]; {
		case has[FlawMissingCountry]:
			if country != "" || text(a, "BillingCountryCode") != "" {
				t.Errorf("%s has a country", id)
			}
		case has[FlawMissingPostal]:
			if postal != "" || !known {
				t.Errorf("%s in %s: postal code %q", id, country, postal)
			}
		case has[FlawBadPostal]:
			if !known || format.MatchString(postal) {
				t.Errorf("%s in %s: spoilt postal code %q is right", id, country, postal)
			}
		case known:
			if checked[country]++; !format.MatchString(postal) {
				t.Errorf("%s in %s: postal code %q does not match %s", id, country, postal, format)
			}
		case postal == "" && !slices.Contains(without, country):
			t.Errorf("%s in %s has no postal code", id, country)
		}
	}
	if len(checked) < 22 {
		t.Errorf("checked only %v", checked)
	}
}

func TestAccountFlawsAreReal(t *testing.T) {
	t.Parallel()
	org := Generate(Options{Seed: 12, Accounts: 2000, Today: testDay})
	flaws := flawed(org)
	states := make(map[string]bool)
	for _, c := range countries[countryUS].cities {
		states[c.state] = true
	}
	for _, a := range byObject(org)["Account"] {
		id, has := text(a, "Id"), flaws[text(a, "Id")]
		length := utf8.RuneCountInString(text(a, "Name"))
		for flaw, is := range map[Flaw]bool{
			FlawMissingWebsite:    a["Website"] == nil,
			FlawIndustryOther:     text(a, "Industry") == "Other",
			FlawAmpersandIndustry: strings.Contains(text(a, "Industry"), "&"),
			FlawLongName:          length >= 200,
			FlawUnicodeName:       utf8.RuneCountInString(strings.SplitN(text(a, "Name"), " ", 2)[0]) < len(strings.SplitN(text(a, "Name"), " ", 2)[0]),
			FlawStateCode:         text(a, "BillingCountryCode") == "US" && !states[text(a, "BillingState")],
		} {
			if is != has[flaw] {
				t.Errorf("%s %q: %s is %v", id, text(a, "Name"), flaw, is)
			}
		}
		if !has[FlawLongName] && length > 120 {
			t.Errorf("%s: name of %d characters", id, length)
		}
	}
}

// bounds are the rates of README.md, in per mille of the object's records.
func TestDirtComesAtTheStatedRates(t *testing.T) {
	t.Parallel()
	bounds := map[Flaw]struct {
		object    string
		low, high int
	}{
		FlawMissingPostal:     {"Account", 25, 50},
		FlawBadPostal:         {"Account", 25, 50},
		FlawMissingWebsite:    {"Account", 25, 50},
		FlawMissingCountry:    {"Account", 20, 40},
		FlawIndustryOther:     {"Account", 10, 30},
		FlawLongName:          {"Account", 5, 15},
		FlawAmpersandIndustry: {"Account", 70, 110},
		FlawStateCode:         {"Account", 35, 65},
		FlawUnicodeName:       {"Account", 35, 65},
		FlawUpperEmail:        {"Contact", 40, 85},
		FlawLocalPhone:        {"Contact", 90, 180},
		FlawNullAmount:        {"Opportunity", 20, 50},
		FlawSciAmount:         {"Opportunity", 5, 22},
		FlawForeignCurrency:   {"Opportunity", 200, 330},
		FlawHugeAmount:        {"Opportunity", 1, 10},
		FlawPastClose:         {"Opportunity", 20, 60},
		FlawShortDescription:  {"Opportunity", 18, 45},
		FlawNoDescription:     {"Opportunity", 35, 75},
		FlawNoNextStep:        {"Opportunity", 2, 20},
		FlawNoDealType:        {"Opportunity", 2, 30},
		FlawDirectPath:        {"Opportunity", 2, 30},
		FlawDoubleInfluence:   {"Opportunity", 1, 20},
		FlawNoLostReason:      {"Opportunity", 20, 60},
		FlawDashLostReason:    {"Opportunity", 15, 55},
		FlawExactDuplicate:    {"Opportunity", 3, 18},
		FlawNearDuplicate:     {"Opportunity", 6, 26},
	}
	if len(bounds) != len(Flaws()) {
		t.Errorf("%d bounds for %d flaws", len(bounds), len(Flaws()))
	}
	for _, seed := range []uint64{1, 2, 3, 4} {
		s := Generate(Options{Seed: seed, Today: testDay}).Summary()
		of := make(map[string]int)
		for _, o := range s.Objects {
			of[o.Name] = o.Count
		}
		for _, f := range s.Flaws {
			b := bounds[Flaw(f.Name)]
			if rate := f.Count * 1000 / of[b.object]; rate < b.low || rate > b.high {
				t.Errorf("seed %d: %s at %d per mille of %s, want %d to %d", seed, f.Name, rate, b.object, b.low, b.high)
			}
		}
		if share := s.ReadyAWS * 100 / s.JointAWS; share != 70 {
			t.Errorf("seed %d: %d %% ready", seed, share)
		}
	}
}

func TestReadyDealsHaveWhatAWSAsksFor(t *testing.T) {
	t.Parallel()
	formats := postalFormats(t)
	org := standard(t)
	records := byObject(org)
	accounts, deals := make(map[string]map[string]any), make(map[string]map[string]any)
	for _, a := range records["Account"] {
		accounts[text(a, "Id")] = a
	}
	for _, o := range records["Opportunity"] {
		deals[text(o, "Id")] = o
	}
	aws := recordID(prefixAccount, partnerAWS+1)
	blocked := make(map[Flaw]int)
	flaws := flawed(org)
	for _, j := range org.Joint() {
		o := deals[j.OpportunityID]
		a := accounts[text(o, "AccountId")]
		tagged := text(o, "Fulfillment_Partner__c") == aws || text(o, "Influence_Partner__c") == aws || text(o, "ImpartnerPRM__PartnerAccount__c") == aws
		if tagged != slices.Contains(j.Clouds, "aws") {
			t.Errorf("%s: clouds %v, tagged for AWS: %v", j.OpportunityID, j.Clouds, tagged)
		}
		if !j.Ready {
			for f := range flaws[j.OpportunityID] {
				blocked[f]++
			}
			for f := range flaws[text(o, "AccountId")] {
				blocked[f]++
			}
			continue
		}
		country := text(a, "BillingCountry")
		format, known := formats[country]
		name := utf8.RuneCountInString(text(a, "Name"))
		for rule, ok := range map[string]bool{
			"company name up to 120":     name >= 1 && name <= 120,
			"website":                    len(text(a, "Website")) >= 4,
			"industry":                   text(a, "Industry") != "" && text(a, "Industry") != "Other",
			"country":                    country != "",
			"postal code":                !known || format.MatchString(text(a, "BillingPostalCode")),
			"state in the US":            text(a, "BillingCountryCode") != "US" || text(a, "BillingState") != "",
			"problem of 20 to 2000":      utf8.RuneCountInString(text(o, "Description")) >= 20,
			"amount":                     o["Amount"] != nil,
			"close date to come":         text(o, "CloseDate") > testDay.Format("2006-01-02"),
			"next steps of at most 255":  utf8.RuneCountInString(text(o, "Next_Steps__c")) <= 255,
			"stage from 1-Discovery on":  text(o, "StageName") >= "1-D" && text(o, "StageName") < "8",
			"no stage behind 7, no twin": !flaws[j.OpportunityID][FlawExactDuplicate] && !strings.HasPrefix(text(o, "StageName"), "10"),
		} {
			if !ok {
				t.Errorf("%s in %q lacks: %s", j.OpportunityID, country, rule)
			}
		}
	}
	for _, f := range blockedDeals {
		if blocked[f] == 0 {
			t.Errorf("no AWS deal is held back by %s", f)
		}
	}
}

func TestTaggingFollowsTheFourUseCases(t *testing.T) {
	t.Parallel()
	org := standard(t)
	aws := recordID(prefixAccount, partnerAWS+1)
	cases := make(map[useCase]int)
	flaws := flawed(org)
	for _, o := range byObject(org)["Opportunity"] {
		wrong := flaws[text(o, "Id")]
		resale, sourced := text(o, "Fulfillment_Partner__c"), text(o, "ImpartnerPRM__PartnerAccount__c")
		if wrong[FlawNoDealType] != (sourced != "" && text(o, "DR_Partner_Deal_Type__c") == "") || sourced == "" && text(o, "DR_Partner_Deal_Type__c") != "" {
			t.Errorf("%v: registration partner without deal type", o["Id"])
		}
		if wrong[FlawDirectPath] != (resale != "" && text(o, "Deal_Path__c") != "Partner") {
			t.Errorf("%v: resale partner on path %v", o["Id"], o["Deal_Path__c"])
		}
		if text(o, "Distributor__c") != "" && resale == "" {
			t.Errorf("%v: distributor without reseller", o["Id"])
		}
		switch {
		case sourced == aws && resale == aws:
			cases[useSourcedMarketplace]++
			if kind := text(o, "DR_Partner_Deal_Type__c"); kind != "Resale" && !wrong[FlawNoDealType] {
				t.Errorf("%v: sourced marketplace deal is %v", o["Id"], o["DR_Partner_Deal_Type__c"])
			}
		case sourced == aws:
			cases[useReferral]++
			if kind := text(o, "DR_Partner_Deal_Type__c"); kind != "Referral" && !wrong[FlawNoDealType] {
				t.Errorf("%v: referral is %v", o["Id"], o["DR_Partner_Deal_Type__c"])
			}
		case resale == aws:
			cases[useMarketplace]++
		case text(o, "Influence_Partner__c") == aws:
			cases[useInfluence]++
		}
	}
	for use := useMarketplace; use <= useInfluence; use++ {
		if cases[use] < 15 {
			t.Errorf("%d AWS deals of use case %d", cases[use], use)
		}
	}
}

func TestNoFreeMailOrRealHostIsUsed(t *testing.T) {
	t.Parallel()
	var free []string
	for _, row := range rows(t, shared(t, "data", "reference", "personal_email_domains.csv"))[1:] {
		free = append(free, strings.ToLower(strings.Trim(row[1], ".")))
	}
	for _, c := range byObject(standard(t))["Contact"] {
		_, host, _ := strings.Cut(strings.ToLower(text(c, "Email")), "@")
		label, _, _ := strings.Cut(host, ".")
		if slices.Contains(free, host) || slices.Contains(free, label) {
			t.Errorf("free-mail host %s", host)
		}
	}
}

func TestCleanSpellingsAreThoseOfPartnerCentral(t *testing.T) {
	t.Parallel()
	var enums map[string]any
	readJSON(t, &enums, "selling-enums.json")
	var lists map[string]any
	readJSON(t, &lists, "api-string-value-lists.json")
	allowed := stringsIn(enums["Industry"])
	for _, i := range industries {
		if !slices.Contains(allowed, i.clean) {
			t.Errorf("industry %q is not in Partner Central's list", i.clean)
		}
		if slices.Contains(allowed, i.dirty) || (i.dirty != "") != strings.Contains(i.dirty, "&") {
			t.Errorf("dirty industry %q", i.dirty)
		}
	}
	for _, k := range dirtyIndustries {
		if industries[k].dirty == "" {
			t.Errorf("industry %q has no dirty spelling", industries[k].clean)
		}
	}
	states := stringsIn(lists["Customer.Account.Address.StateOrRegion (US)"])
	for _, c := range countries[countryUS].cities {
		if !slices.Contains(states, c.state) {
			t.Errorf("state %q is not in Partner Central's list", c.state)
		}
	}
	if reasons := stringsIn(enums["ClosedLostReason"]); len(reasons) > 0 {
		for _, r := range dashLostReasons {
			if slices.Contains(reasons, r) || !slices.Contains(reasons, strings.ReplaceAll(r, "–", "-")) {
				t.Errorf("dirty lost reason %q", r)
			}
		}
	} else {
		t.Error("no list of lost reasons")
	}
}

func readJSON(t *testing.T, into any, name string) {
	t.Helper()
	b, err := os.ReadFile(shared(t, "contracts", "aws", "lists", name))
	if err != nil {
		t.Fatalf("the contracts must be there: %v", err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func stringsIn(list any) []string {
	items, _ := list.([]any)
	out := make([]string, 0, len(items))
	for _, i := range items {
		if s, ok := i.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
