package aws_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/sandbox/aws"
)

func TestModelViolationsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	a := b.refused("ValidationException", "CreateOpportunity", object{
		"Catalog": "AWS", "Unknown": 1, "PrimaryNeedsFromAws": []any{"Do Not Need Support from AWS Sales Rep"},
		"Customer":  object{"Account": object{"Duns": "12", "Address": object{"CountryCode": "UK"}}, "Contacts": []any{object{"Email": "Ada@Example.com"}, object{"Phone": "0800"}}},
		"Project":   object{"CustomerBusinessProblem": "short", "ExpectedCustomerSpend": []any{object{"Amount": "1.2E7", "CurrencyCode": "USD", "TargetCompany": "AWS"}}},
		"LifeCycle": object{"TargetCloseDate": "30.09.2026", "Stage": 3}, "Tags": []any{},
	})
	if a.body["Reason"] != "REQUEST_VALIDATION_FAILED" || a.status != http.StatusBadRequest || !strings.HasSuffix(fmt.Sprint(a.body["__type"]), "#ValidationException") {
		t.Errorf("%d %v", a.status, a.body)
	}
	got := a.fields()
	slices.Sort(got)
	want := []string{
		"ClientToken REQUIRED_FIELD_MISSING", "Customer.Account.Address.CountryCode INVALID_ENUM_VALUE", "Customer.Account.CompanyName REQUIRED_FIELD_MISSING",
		"Customer.Account.Duns INVALID_STRING_FORMAT", "Customer.Contacts.0.Email INVALID_STRING_FORMAT", "Customer.Contacts.1.Phone INVALID_STRING_FORMAT",
		"LifeCycle.Stage INVALID_VALUE", "LifeCycle.TargetCloseDate INVALID_STRING_FORMAT", "PrimaryNeedsFromAws.0 INVALID_ENUM_VALUE",
		"Project.CustomerBusinessProblem INVALID_STRING_FORMAT", "Project.ExpectedCustomerSpend.0.Amount INVALID_STRING_FORMAT",
		"Project.ExpectedCustomerSpend.0.Frequency REQUIRED_FIELD_MISSING", "Tags NOT_ENOUGH_VALUES",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	b.create(deal("unknown-members", object{"NotInTheModel": object{"x": 1}}))
}

func TestBusinessRulesNameTheField(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	spend := func(currency string) []any {
		return []any{object{"Amount": "10", "CurrencyCode": currency, "Frequency": "Monthly", "TargetCompany": "AWS"}}
	}
	for i, c := range []struct {
		field, code string
		changes     object
	}{
		{"Project.CustomerUseCase", "INVALID_ENUM_VALUE", object{"Project.CustomerUseCase": "Security and Compliance"}},
		{"Project.ApnPrograms.0", "INVALID_ENUM_VALUE", object{"Project.ApnPrograms": []any{"Nope"}}},
		{"Marketing.UseCases.0", "INVALID_ENUM_VALUE", object{"Marketing": object{"Source": "Marketing Activity", "AwsFundingUsed": "Yes", "UseCases": []any{"Nope"}}}},
		{"Marketing.UseCases", "INVALID_VALUE", object{"Marketing": object{"Source": "Marketing Activity", "AwsFundingUsed": "No", "UseCases": []any{"Analytics"}}}},
		{"Marketing.CampaignName", "INVALID_VALUE", object{"Marketing": object{"Source": "None", "CampaignName": "Spring"}}},
		{"Customer.Account.Address.StateOrRegion", "INVALID_ENUM_VALUE", object{"Customer.Account.Address.StateOrRegion": "NY"}},
		{"Customer.Account.Address.PostalCode", "INVALID_STRING_FORMAT", object{"Customer.Account.Address.PostalCode": "1234"}},
		{"NationalSecurity", "INVALID_VALUE", object{"NationalSecurity": "Yes"}},
		{"LifeCycle.TargetCloseDate", "INVALID_VALUE", object{"LifeCycle.TargetCloseDate": "2026-03-01"}},
		{"LifeCycle.TargetCloseDate", "INVALID_STRING_FORMAT", object{"LifeCycle.TargetCloseDate": "2026-06-31"}},
		{"LifeCycle.ClosedLostReason", "REQUIRED_FIELD_MISSING", object{"LifeCycle.Stage": "Closed Lost"}},
		{"Project.ExpectedCustomerSpend.0.CurrencyCode", "INVALID_VALUE", object{"Project.ExpectedCustomerSpend": spend("EUR")}},
		{"Project.ExpectedCustomerSpend.0.CurrencyCode", "INVALID_VALUE", object{"Project.ExpectedCustomerSpend": spend("USD"), "Project.AwsPartition": "aws-eusc"}},
		{"Project.ExpectedContractDuration.Value", "VALUE_OUT_OF_RANGE", object{"Project.ExpectedContractDuration": object{"Term": "Months", "Value": "145"}}},
	} {
		a := b.refused("ValidationException", "CreateOpportunity", deal(fmt.Sprint("t", i), c.changes))
		if a.body["Reason"] != "BUSINESS_VALIDATION_FAILED" || !a.has(c.field, c.code) {
			t.Errorf("%v: want %s %s, got %v", c.changes, c.field, c.code, a.body)
		}
	}
	b.create(deal("today", object{"LifeCycle.TargetCloseDate": "2026-03-02"}))
	b.create(deal("ireland", object{"Customer.Account.Address": object{"CountryCode": "AE", "City": "Dubai"}}))
	b.create(deal("europe", object{"Project.ExpectedCustomerSpend": spend("EUR"), "Project.AwsPartition": "aws-eusc"}))
}

func TestSignatureIsVerified(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	key, secret := b.srv.Credentials()
	body := []byte(`{"Catalog":"AWS"}`)
	type signing struct {
		key, secret, service, region string
		at                           time.Time
	}
	good := signing{key, secret, "partnercentral-selling", "us-east-1", time.Now()}
	for name, c := range map[string]struct {
		want   string
		change func(*signing)
		after  func(*http.Request)
	}{
		"right":            {"", nil, nil},
		"4 minutes old":    {"", func(s *signing) { s.at = s.at.Add(-4 * time.Minute) }, nil},
		"6 minutes old":    {"InvalidSignatureException", func(s *signing) { s.at = s.at.Add(-6 * time.Minute) }, nil},
		"6 minutes ahead":  {"InvalidSignatureException", func(s *signing) { s.at = s.at.Add(6 * time.Minute) }, nil},
		"unknown key":      {"UnrecognizedClientException", func(s *signing) { s.key = "AKIAOTHER" }, nil},
		"wrong secret":     {"InvalidSignatureException", func(s *signing) { s.secret = "x" }, nil},
		"wrong service":    {"InvalidSignatureException", func(s *signing) { s.service = "s3" }, nil},
		"wrong region":     {"InvalidSignatureException", func(s *signing) { s.region = "eu-west-1" }, nil},
		"none":             {"MissingAuthenticationTokenException", nil, func(r *http.Request) { r.Header.Del("Authorization") }},
		"half a header":    {"IncompleteSignatureException", nil, func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+key) }},
		"another scheme":   {"IncompleteSignatureException", nil, func(r *http.Request) { r.Header.Set("Authorization", "Basic abc") }},
		"session token":    {"UnrecognizedClientException", nil, func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }},
		"other operation":  {"InvalidSignatureException", nil, func(r *http.Request) { r.Header.Set("X-Amz-Target", "AWSPartnerCentralSelling.GetOpportunity") }},
		"bad date":         {"IncompleteSignatureException", nil, func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") }},
		"body was changed": {"InvalidSignatureException", nil, func(r *http.Request) { r.Body = http.NoBody; r.ContentLength = 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := good
			if c.change != nil {
				c.change(&s)
			}
			r := b.request("ListOpportunities", body, nil)
			b.sign(r, body, s.key, s.secret, s.service, s.region, s.at)
			if c.after != nil {
				c.after(r)
			}
			a := send(r)
			if a.kind() != c.want || (c.want == "") != (a.status == http.StatusOK) || (c.want != "" && a.status != http.StatusForbidden) {
				t.Errorf("%d %s %v %v", a.status, a.kind(), a.body, a.err)
			}
		})
	}
}

func TestFrontDoorRefusesWhatIsNoCall(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	if a := b.call("DeleteOpportunity", object{}); a.kind() != "UnknownOperationException" || a.status != http.StatusNotFound {
		t.Errorf("%d %v", a.status, a.body)
	}
	for _, body := range []string{"{", "[]", "null", `{"Catalog":"AWS"} x`, `"x"`} {
		if a := b.raw("ListOpportunities", []byte(body)); a.kind() != "SerializationException" {
			t.Errorf("%s: %d %v", body, a.status, a.body)
		}
	}
	if a := b.call("ListOpportunities", object{"Catalog": "Other"}); !a.has("Catalog", "INVALID_VALUE") {
		t.Errorf("%v", a.body)
	}
	if a := b.raw("CreateOpportunity", []byte(`{"x":"`+strings.Repeat("y", 1<<20)+`"}`)); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %v %v", a.status, a.body, a.err)
	}
	a := b.control("GET", "/_control/log?n=1", nil)
	if list, _ := a["requests"].([]any); len(list) != 1 {
		t.Errorf("log %v", a)
	}
}

func TestEveryOperationOfTheModelIsKnownAndValidated(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	if n := len(awsselling.Model().Operations); n != 45 {
		t.Errorf("%d operations", n)
	}
	for name, op := range awsselling.Model().Operations {
		a := b.call(name, object{})
		for _, m := range awsselling.Model().Shapes[op.Input].Members {
			if m.Required && !a.has(m.Name, "REQUIRED_FIELD_MISSING") {
				t.Errorf("%s does not ask for %s: %v", name, m.Name, a.body)
			}
		}
	}
	if missing := aws.OperationsNotOffered(); len(missing) > 0 {
		t.Errorf("not offered: %v", missing)
	}
}

func ids(t *testing.T, list any, name string) []string {
	t.Helper()
	rows, ok := list.([]any)
	if !ok {
		t.Fatalf("no list: %v", list)
	}
	out := []string{}
	for _, r := range rows {
		m, _ := r.(object)
		out = append(out, fmt.Sprint(m[name]))
	}
	return out
}

func TestListOpportunitiesFiltersSortsAndPages(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	var made []string
	for i := range 7 {
		made = append(made, b.create(deal(fmt.Sprint("t", i), object{
			"Customer.Account.CompanyName": fmt.Sprint("Company ", 'G'-i), "LifeCycle.Stage": []string{"Prospect", "Qualified"}[i%2],
			"LifeCycle.TargetCloseDate": fmt.Sprintf("2026-0%d-15", 4+i%5),
		})))
		b.clock.Advance(time.Minute)
	}
	list := func(in object) []string {
		in["Catalog"] = "AWS"
		return ids(t, b.ok("ListOpportunities", in)["OpportunitySummaries"], "Id")
	}
	sorted := func(by, order string) object { return object{"Sort": object{"SortBy": by, "SortOrder": order}} }
	pick := func(order ...int) []string {
		out := []string{}
		for _, i := range order {
			out = append(out, made[i])
		}
		return out
	}
	for name, c := range map[string]struct {
		in   object
		want []string
	}{
		"default":         {object{}, pick(6, 5, 4, 3, 2, 1, 0)},
		"identifier":      {sorted("Identifier", "ASCENDING"), pick(0, 1, 2, 3, 4, 5, 6)},
		"company":         {sorted("CustomerCompanyName", "ASCENDING"), pick(6, 5, 4, 3, 2, 1, 0)},
		"created":         {sorted("CreatedDate", "DESCENDING"), pick(6, 5, 4, 3, 2, 1, 0)},
		"close date":      {sorted("TargetCloseDate", "ASCENDING"), pick(0, 5, 1, 6, 2, 3, 4)},
		"stage":           {object{"LifeCycleStage": []any{"Prospect"}}, pick(6, 4, 2, 0)},
		"review status":   {object{"LifeCycleReviewStatus": []any{"Approved"}}, pick()},
		"ids":             {object{"Identifier": []any{made[2], made[5], "O5"}}, pick(5, 2)},
		"name":            {object{"CustomerCompanyName": []any{fmt.Sprint("company ", 'G'-3)}}, pick(3)},
		"modified after":  {object{"LastModifiedDate": object{"AfterLastModifiedDate": startOfTime.Add(4 * time.Minute)}}, pick(6, 5)},
		"created before":  {object{"CreatedDate": object{"BeforeCreatedDate": startOfTime.Add(2 * time.Minute)}}, pick(1, 0)},
		"closes in April": {object{"TargetCloseDate": object{"AfterTargetCloseDate": "2026-04-01", "BeforeTargetCloseDate": "2026-05-01"}}, pick(5, 0)},
	} {
		if d := cmp.Diff(c.want, list(c.in)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	var paged []string
	token := any(nil)
	for range 4 {
		out := b.ok("ListOpportunities", object{"Catalog": "AWS", "MaxResults": 2, "NextToken": token})
		paged = append(paged, ids(t, out["OpportunitySummaries"], "Id")...)
		if token = out["NextToken"]; token == nil {
			break
		}
		if len(paged) == 2 { // a change between two pages
			b.create(deal("late", nil))
		}
	}
	if d := cmp.Diff(pick(6, 5, 4, 3, 2, 1, 0), paged); d != "" || token != nil {
		t.Errorf("pages: %s, token %v", d, token)
	}
	first := b.ok("ListOpportunities", object{"Catalog": "AWS", "MaxResults": 1})
	for _, in := range []object{
		{"Catalog": "AWS", "NextToken": "garbage"},
		{"Catalog": "AWS", "NextToken": first["NextToken"], "LifeCycleStage": []any{"Prospect"}},
	} {
		if a := b.refused("ValidationException", "ListOpportunities", in); !a.has("NextToken", "INVALID_VALUE") {
			t.Errorf("%v", a.body)
		}
	}
	if a := b.call("ListOpportunities", object{"Catalog": "AWS", "MaxResults": 101}); !a.has("MaxResults", "VALUE_OUT_OF_RANGE") {
		t.Errorf("%v", a.body)
	}
}

func TestSolutionsCanBeSeededBeyondOnePage(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	var seed []object
	for i := range 230 {
		seed = append(seed, object{"id": fmt.Sprintf("S-9%05d", i), "name": fmt.Sprint("Solution ", i), "category": "Software Product", "status": []string{"Active", "Draft"}[i%2]})
	}
	b.control("POST", "/_control/solutions", seed)
	if a := b.controlRaw("POST", "/_control/solutions", object{"id": "X-1"}); a.status != http.StatusBadRequest {
		t.Errorf("%d %v", a.status, a.body)
	}
	seen := map[string]bool{}
	var token any
	for pages := 0; ; pages++ {
		out := b.ok("ListSolutions", object{"Catalog": "AWS", "MaxResults": 100, "NextToken": token})
		for _, id := range ids(t, out["SolutionSummaries"], "Id") {
			if seen[id] {
				t.Errorf("%s came twice", id)
			}
			seen[id] = true
		}
		if token = out["NextToken"]; token == nil {
			if pages != 2 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	if len(seen) != 233 {
		t.Errorf("%d solutions", len(seen))
	}
	if got := ids(t, b.ok("ListSolutions", object{"Catalog": "Sandbox"})["SolutionSummaries"], "Id"); !slices.Equal(got, []string{"S-1234567"}) {
		t.Errorf("Sandbox has %v", got)
	}
	if got := ids(t, b.ok("ListSolutions", object{"Catalog": "AWS", "Status": []any{"Draft"}, "MaxResults": 100})["SolutionSummaries"], "Status"); len(got) != 100 || slices.Contains(got, "Active") {
		t.Errorf("drafts %v", got)
	}
}

func TestAssociationsKeepTheirLimits(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("a", nil))
	offer := "arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/Offer/offer-abc"
	offer2 := offer + "2"
	offerSet := "arn:aws:aws-marketplace:us-east-1:123456789012:AWSMarketplace/OfferSet/offerset-abc"
	b.control("POST", "/_control/entities", []object{
		{"type": "AwsMarketplaceOffers", "id": offer, "status": "Public"},
		{"type": "AwsMarketplaceOffers", "id": offer2, "status": "Limited"},
		{"type": "AwsMarketplaceOfferSets", "id": offerSet, "status": "Limited"},
		{"type": "Solutions", "id": "S-77", "status": "Draft"},
	})
	in := func(kind, entity string) object {
		return object{"Catalog": "AWS", "OpportunityIdentifier": id, "RelatedEntityType": kind, "RelatedEntityIdentifier": entity}
	}
	b.ok("AssociateOpportunity", in("Solutions", "S-0050001"))
	b.refused("ConflictException", "AssociateOpportunity", in("Solutions", "S-0050001"))
	b.refused("ResourceNotFoundException", "AssociateOpportunity", in("Solutions", "S-1234567"))
	b.refused("ResourceNotFoundException", "AssociateOpportunity", in("AwsProducts", "NoSuchProduct"))
	b.refused("ResourceNotFoundException", "AssociateOpportunity", in("AwsMarketplaceOffers", offer+"3"))
	if a := b.refused("ValidationException", "AssociateOpportunity", in("Solutions", "S-77")); !a.has("RelatedEntityIdentifier", "INVALID_RESOURCE_STATE") {
		t.Errorf("%v", a.body)
	}
	if a := b.refused("ValidationException", "AssociateOpportunity", in("AwsMarketplaceOffers", "offer-abc")); !a.has("RelatedEntityIdentifier", "INVALID_STRING_FORMAT") {
		t.Errorf("%v", a.body)
	}
	b.ok("AssociateOpportunity", in("AwsMarketplaceOffers", offer))
	if a := b.refused("ValidationException", "AssociateOpportunity", in("AwsMarketplaceOffers", offer2)); !a.has("RelatedEntityIdentifier", "TOO_MANY_VALUES") {
		t.Errorf("%v", a.body)
	}
	if a := b.refused("ValidationException", "AssociateOpportunity", in("AwsMarketplaceOfferSets", offerSet)); !a.has("RelatedEntityType", "ACTION_NOT_PERMITTED") {
		t.Errorf("%v", a.body)
	}
	b.ok("DisassociateOpportunity", in("AwsMarketplaceOffers", offer))
	b.refused("ResourceNotFoundException", "DisassociateOpportunity", in("AwsMarketplaceOffers", offer))
	b.ok("AssociateOpportunity", in("AwsMarketplaceOfferSets", offerSet))
	for i, p := range awsselling.AWSProducts()[:21] {
		if a := b.call("AssociateOpportunity", in("AwsProducts", p.Code)); (a.status == http.StatusOK) != (i < 20) {
			t.Errorf("product %d: %d %v", i+1, a.status, a.body)
		}
	}
	b.ok("SubmitOpportunity", object{"Catalog": "AWS", "Identifier": id, "InvolvementType": "Co-Sell"})
	b.refused("ValidationException", "AssociateOpportunity", in("Solutions", "S-0050002"))
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"})
	if a := b.refused("ValidationException", "DisassociateOpportunity", in("Solutions", "S-0050001")); !a.has("RelatedEntityIdentifier", "NOT_ENOUGH_VALUES") {
		t.Errorf("%v", a.body)
	}
	b.ok("AssociateOpportunity", in("Solutions", "S-0050002"))
	b.ok("DisassociateOpportunity", in("Solutions", "S-0050001"))
}

func TestTagsOfAnOpportunity(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("a", object{"Tags": []any{object{"Key": "team", "Value": "emea"}}}))
	arn := b.get("AWS", id)["Arn"]
	b.ok("TagResource", object{"ResourceArn": arn, "Tags": []any{object{"Key": "a", "Value": "1"}, object{"Key": "team", "Value": "apj"}}})
	b.ok("UntagResource", object{"ResourceArn": arn, "TagKeys": []any{"a"}})
	want := []any{object{"Key": "team", "Value": "apj"}}
	if d := cmp.Diff(want, b.ok("ListTagsForResource", object{"ResourceArn": arn})["Tags"]); d != "" {
		t.Error(d)
	}
	b.refused("ResourceNotFoundException", "ListTagsForResource", object{"ResourceArn": fmt.Sprint(arn, "9")})
	b.refused("ValidationException", "TagResource", object{"ResourceArn": arn, "Tags": []any{object{"Key": "aws:x", "Value": "1"}}})
}

func TestAssignMakesTheOwnerPartOfTheTeam(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.create(deal("a", nil))
	for _, name := range []string{"Ida", "Bo"} {
		b.ok("AssignOpportunity", object{"Catalog": "AWS", "Identifier": id, "Assignee": object{"Email": strings.ToLower(name) + "@partner.example", "FirstName": name, "LastName": "Holt", "BusinessTitle": "Alliance manager"}})
	}
	want := []any{object{"Email": "bo@partner.example", "FirstName": "Bo", "LastName": "Holt", "BusinessTitle": "OpportunityOwner"}}
	if d := cmp.Diff(want, b.get("AWS", id)["OpportunityTeam"]); d != "" {
		t.Error(d)
	}
}
