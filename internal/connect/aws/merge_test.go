package aws

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const lastRead = `{
 "Catalog":"AWS","Id":"O1","Arn":"arn:aws:partnercentral:us-east-1:1:catalog/AWS/opportunity/O1","CreatedDate":"2026-01-01T00:00:00Z",
 "LastModifiedDate":"2026-02-03T04:05:06.123456789Z","RelatedEntityIdentifiers":{"Solutions":["S-1"]},"OpportunityTeam":[{"Email":"a@example.com"}],
 "InventedTop":{"n":12345678901234567890.5,"list":[1,"two",{"three":true}]},
 "NationalSecurity":"No",
 "Customer":{"Account":{"CompanyName":"Orchard Ltd","InventedAccount":"keep me","Address":{"City":"Leeds","CountryCode":"GB","InventedAddress":7}},
  "Contacts":[{"Email":"one@example.com","InventedContact":1},{"Email":"two@example.com","InventedContact":2}]},
 "Project":{"Title":"Platform","CustomerUseCase":"Database","ExpectedCustomerSpend":[{"Amount":"10.00","CurrencyCode":"USD","Frequency":"Monthly","TargetCompany":"AWS","InventedSpend":true}]},
 "LifeCycle":{"Stage":"Prospect","ReviewStatus":"Approved","NextSteps":"Call","ReviewComments":"Fine"},
 "Marketing":null
}`

func TestAnUpdateKeepsWhatWeDoNotKnowAndDropsWhatItDoesNotTake(t *testing.T) {
	t.Parallel()
	got, err := MergeForUpdate([]byte(lastRead), func(u *UpdateOpportunityInput) {
		u.LifeCycle.Stage = StageQualified
		u.LifeCycle.NextSteps = ""
		u.Customer.Account.Address.City = "York"
		u.Customer.Contacts[1].FirstName = "Bo"
		u.Project.ExpectedCustomerSpend[0].Amount = "20.00"
		u.Marketing = &Marketing{Source: "None"}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{
 "Catalog":"AWS","Identifier":"O1","LastModifiedDate":"2026-02-03T04:05:06.123456789Z",
 "InventedTop":{"n":12345678901234567890.5,"list":[1,"two",{"three":true}]},
 "NationalSecurity":"No",
 "Customer":{"Account":{"CompanyName":"Orchard Ltd","InventedAccount":"keep me","Address":{"City":"York","CountryCode":"GB","InventedAddress":7}},
  "Contacts":[{"Email":"one@example.com","InventedContact":1},{"Email":"two@example.com","FirstName":"Bo","InventedContact":2}]},
 "Project":{"Title":"Platform","CustomerUseCase":"Database","ExpectedCustomerSpend":[{"Amount":"20.00","CurrencyCode":"USD","Frequency":"Monthly","TargetCompany":"AWS","InventedSpend":true}]},
 "LifeCycle":{"Stage":"Qualified","ReviewStatus":"Approved","ReviewComments":"Fine"},
 "Marketing":{"Source":"None"}
}`
	if diff := cmp.Diff(object(t, []byte(want)), object(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnUpdateThatChangesNothingSendsTheReadBack(t *testing.T) {
	t.Parallel()
	got, err := MergeForUpdate([]byte(lastRead), func(*UpdateOpportunityInput) {})
	if err != nil {
		t.Fatal(err)
	}
	want := object(t, []byte(lastRead))
	for _, name := range []string{"Id", "Arn", "CreatedDate", "RelatedEntityIdentifiers", "OpportunityTeam"} {
		delete(want, name)
	}
	want["Identifier"] = "O1"
	if diff := cmp.Diff(want, object(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestListElementsKeepTheirUnknownMembersWhenTheListChanges(t *testing.T) {
	t.Parallel()
	got, err := MergeForUpdate([]byte(lastRead), func(u *UpdateOpportunityInput) {
		u.Customer.Contacts = append([]Contact{{Email: "new@example.com"}}, u.Customer.Contacts[1])
		u.Customer.Contacts = append(u.Customer.Contacts, Contact{Email: "last@example.com"})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := object(t, []byte(`{"l":[{"Email":"new@example.com"},{"Email":"two@example.com","InventedContact":2},{"Email":"last@example.com"}]}`))["l"]
	customer, ok := object(t, got)["Customer"].(map[string]any)
	if !ok {
		t.Fatal(string(got))
	}
	if diff := cmp.Diff(want, customer["Contacts"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUnknownMembersReachTheWire(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Id":"O1","LastModifiedDate":"2026-02-03T04:05:07Z"}`))
	payload, err := MergeForUpdate([]byte(lastRead), func(u *UpdateOpportunityInput) { u.Project.Title = "New" })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, s.URL).UpdateOpportunity(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(object(t, payload), object(t, []byte(s.seen()[0].Body))); diff != "" {
		t.Errorf("the wire differs (-payload +sent):\n%s", diff)
	}
	if !strings.Contains(s.seen()[0].Body, `"n":12345678901234567890.5`) {
		t.Error("a number lost its digits")
	}
}

func TestAReadThatCannotBeMergedIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{``, `[]`, `{}`, `{"Id":"O1"}`, `{"Id":7,"LastModifiedDate":"x"}`, `{"Id":"O1","LastModifiedDate":"x","Customer":[]}`} {
		if _, err := MergeForUpdate([]byte(raw), func(*UpdateOpportunityInput) {}); err == nil {
			t.Errorf("%s: no error", raw)
		}
	}
}

func FuzzMergeForUpdate(f *testing.F) {
	f.Add([]byte(lastRead), "York")
	f.Add([]byte(`{"Id":"O1","LastModifiedDate":"x","Customer":{"Contacts":[null,{}]}}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, city string) {
		got, err := MergeForUpdate(raw, func(u *UpdateOpportunityInput) {
			u.Customer = &Customer{Account: &Account{CompanyName: city}}
		})
		if err == nil && !json.Valid(got) {
			t.Errorf("no JSON: %s", got)
		}
	})
}

// Samples of the folder that are no requests of the current API, and why.
var otherSamples = map[string]string{
	"opportunity-samples__Opoortunity-Results-Success-Sample.json":     "the answer file of the older S3 exchange",
	"opportunity-samples__Opportunity-Results_With-Errors-Sample.json": "the answer file of the older S3 exchange",
	"opportunity-samples__Opportunity-Create-Inbound-Sample.json":      "the request file of the older S3 exchange",
	"opportunity-samples__Opportunity-Outbound-Sample.json":            "the feed of the older S3 exchange",
}

func TestOfficialSamplesGoThroughOurTypesWithoutLoss(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(contracts(t), "samples", "opportunities", "*.json"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := object(t, raw)
		if why, other := otherSamples[name]; other {
			if want["Catalog"] != nil {
				t.Errorf("%s has a Catalog but should be %s", name, why)
			}
			continue
		}
		var into any = &UpdateOpportunityInput{}
		op := "UpdateOpportunity"
		if want["ClientToken"] != nil {
			into, op = &CreateOpportunityInput{}, "CreateOpportunity"
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, object(t, marshal(t, into))); diff != "" {
			t.Errorf("%s lost something (-sample +ours):\n%s", name, diff)
		}
		s := serve(t, answer(200, `{"Id":"O1","LastModifiedDate":"2026-02-03T04:05:07Z"}`))
		if err := newClient(t, s.URL).Call(t.Context(), op, into, nil); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, object(t, []byte(s.seen()[0].Body))); diff != "" {
			t.Errorf("%s is sent otherwise (-sample +sent):\n%s", name, diff)
		}
	}
}
