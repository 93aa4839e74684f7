package aws

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/aws"
)

// The tests C5 to C12 of the list that AWS's own connector's release notes give
// (salesforce-gitlab.md, appendix C); the others stand in internal/domain/registration.

func aDeal() registration.Deal {
	amount := int64(120_000_00)
	return registration.Deal{
		Opportunity: opportunity.Opportunity{
			CRMID: "006000000000001AAA", Name: "Platform", Stage: "3-Technical Evaluation", CloseOn: "2027-03-31", Currency: "USD", AmountMinor: &amount,
			Description: "Builds take hours and nobody knows why.", NextSteps: "2026-12-01, Ana: show the pilot", OrderType: "1. New - First Order",
		},
		Account: account.Account{
			Name: "Orchard Ltd", Website: "https://orchard.example.com", Industry: "Retail", Street: "1 Main Street", City: "New York", State: "New York",
			PostalCode: "10001", Country: "US",
		},
		Owner:     opportunity.Member{Name: "Ana Ruiz", Email: "Ana.Ruiz@example.com"},
		Solutions: []string{"S-0000001"}, Today: "2026-11-24",
	}
}

func TestC5CountriesWithoutPostalCodesAreTakenAndMalformedCodesAreNamed(t *testing.T) {
	t.Parallel()
	p := NewPortal(newClient(t, "http://127.0.0.1:1"), Profile{}, nil)
	for _, country := range []string{"AE", "HK", "BQ"} {
		d := aDeal()
		d.Account.Country, d.Account.PostalCode, d.Account.State = country, "", ""
		if found := p.Check(d); found.Errors() != 0 {
			t.Errorf("%s: %+v", country, found)
		}
	}
	d := aDeal()
	d.Account.PostalCode = "ABC"
	if found := p.Check(d); found.Errors() != 1 || found[0].Field != "Customer.Account.Address.PostalCode" || found[0].Value != "ABC" {
		t.Errorf("%+v", found)
	}
}

func TestC6MoneyIsNeverWrittenWithAnExponentAndOtherCurrenciesAreNamed(t *testing.T) {
	t.Parallel()
	p := NewPortal(newClient(t, "http://127.0.0.1:1"), Profile{}, nil)
	for _, minor := range []int64{1, 12, 1_200_000_000_00, 9_000_000_000_000_00} {
		d := aDeal()
		d.Opportunity.AmountMinor = &minor
		spend := p.fields(d).Project.ExpectedCustomerSpend
		if len(spend) != 1 || strings.ContainsAny(spend[0].Amount, "eE+") || spend[0].CurrencyCode != "USD" {
			t.Errorf("%d: %+v", minor, spend)
		}
	}
	d := aDeal()
	d.Opportunity.Currency = "EUR"
	if found := p.Check(d); !slices.ContainsFunc(found, func(f registration.Finding) bool {
		return f.Severity == registration.SeverityError && strings.Contains(f.Field, "CurrencyCode")
	}) {
		t.Errorf("euros outside the European partition: %+v", found)
	}
	if text, ok := Amount(money.Amount{Minor: 1_200_000_000_00, Currency: "USD"}); !ok || text.Amount != "1200000000.00" && text.Amount != "1200000000" {
		t.Errorf("%+v", text)
	}
}

func TestC7DashesOfAnyKindReadAsAWSsOwn(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"Lost to Competitor – Google", "Lost to Competitor — Google", "lost to competitor ‑ google", "Lost to Competitor - Google"} {
		if got, ok := ClosedLostReason(s); !ok || got != "Lost to Competitor - Google" {
			t.Errorf("%q reads as %q", s, got)
		}
	}
}

func TestC8AllSolutionsAreListedHoweverManyPagesTheyFill(t *testing.T) {
	t.Parallel()
	var entities []sandbox.Entity
	for i := range 230 {
		entities = append(entities, sandbox.Entity{Catalog: "AWS", ID: fmt.Sprintf("S-%07d", i+1), Type: EntitySolution, Name: fmt.Sprint("Solution ", i), Status: "Active"})
	}
	s := openPortal(t, sandbox.Options{Entities: entities})
	list, err := NewPortal(s.Client, Profile{}, nil).Solutions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entities {
		if !slices.ContainsFunc(list, func(s registration.Solution) bool { return s.RemoteID == e.ID }) {
			t.Fatalf("%s is missing among %d", e.ID, len(list))
		}
	}
}

func TestC9OtherNeedsItsFreeText(t *testing.T) {
	t.Parallel()
	o := good()
	o.Customer.Account.Industry = industryOther
	if found := Check(o, submitting); len(found) != 1 || found[0].Field != "Customer.Account.OtherIndustry" {
		t.Errorf("%+v", found)
	}
	o.Customer.Account.OtherIndustry = "Beekeeping"
	if found := Check(o, submitting); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func TestC11TheOwnerIsOpportunityOwnerAndOneWithoutAnAddressIsLeftOut(t *testing.T) {
	t.Parallel()
	d := aDeal()
	if got := team(d); len(got) != 1 || got[0].BusinessTitle != "OpportunityOwner" || got[0].Email != "ana.ruiz@example.com" {
		t.Errorf("%+v", got)
	}
	for _, email := range []string{"", "nobody"} {
		d.Owner.Email = email
		if got := team(d); got != nil {
			t.Errorf("%q: %+v", email, got)
		}
	}
}

// registered makes an opportunity of a deal in the sandbox and has it approved.
func registered(t *testing.T, s *portal, p *Portal, d registration.Deal) registration.Remote {
	t.Helper()
	ctx := t.Context()
	payload, err := p.Payload(d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Create(ctx, payload, "token-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Associate(ctx, r.ID, "S-0000001"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Submit(ctx, r.ID, "token-2"); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(60_000_000_000)
	s.control("review", fmt.Sprintf(`{"opportunity":%q,"decision":"Approved"}`, r.ID))
	r, err = p.Read(ctx, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func openRegistered(t *testing.T) (*portal, *Portal, registration.Remote) {
	t.Helper()
	s := openPortal(t, sandbox.Options{Entities: []sandbox.Entity{{Catalog: "AWS", ID: "S-0000001", Type: EntitySolution, Name: "One", Status: "Active"}}})
	p := NewPortal(s.Client, Profile{}, nil)
	return s, p, registered(t, s, p, aDeal())
}

func TestC12AStaleRecordIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	s, p, r := openRegistered(t)
	s.control("edit", fmt.Sprintf(`{"opportunity":%q,"set":{"LifeCycle.NextSteps":"theirs"}}`, r.ID))
	_, err := p.Update(t.Context(), r.ID, r.Record, registration.Values{"LifeCycle.NextSteps": `"ours"`})
	if !problem.Is(err, problem.KindPrecondition) {
		t.Fatal(err)
	}
	now, err := p.Read(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := p.Theirs(now.Record); err != nil || v["LifeCycle.NextSteps"] != `"theirs"` {
		t.Fatal(v, err)
	}
}

func TestAnUpdateChangesItsFieldsAndLeavesAllOthers(t *testing.T) {
	t.Parallel()
	s, p, r := openRegistered(t)
	s.control("edit", fmt.Sprintf(`{"opportunity":%q,"set":{"Project.ApnPrograms":["Windows"],"Project.AdditionalComments":"a note"}}`, r.ID))
	r, err := p.Read(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Theirs(r.Record)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Update(t.Context(), r.ID, r.Record, registration.Values{"LifeCycle.NextSteps": `"2027-01-01, Ana: sign"`, "Project.AdditionalComments": "", "LifeCycle.Stage": `"Committed"`})
	if err != nil {
		t.Fatal(err)
	}
	now, err := p.Read(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	after, err := p.Theirs(now.Record)
	if err != nil {
		t.Fatal(err)
	}
	before["LifeCycle.NextSteps"], before["LifeCycle.Stage"] = `"2027-01-01, Ana: sign"`, `"Committed"`
	delete(before, "Project.AdditionalComments")
	for path, v := range before {
		if after[path] != v {
			t.Errorf("%s is %s, want %s", path, after[path], v)
		}
	}
	if len(after) != len(before) || !strings.Contains(string(now.Record), "Windows") {
		t.Errorf("%v, %s", after, now.Record)
	}
	if known, err := p.Theirs(got.Record); err != nil || got.Version != now.Version || len(known) != len(after) {
		t.Errorf("after the update %v is known, and %v is there (%v)", known, after, err)
	}
}

func TestTheStageCanBeLaunchedAndLostWithWhatTheyNeed(t *testing.T) {
	t.Parallel()
	_, p, r := openRegistered(t)
	d := aDeal()
	for name, c := range map[string]struct {
		changes registration.Values
		refused string
	}{
		"launched":              {registration.Values{stagePath: `"Launched"`}, ""},
		"lost without a reason": {registration.Values{stagePath: `"Closed Lost"`}, stagePath},
		"lost":                  {registration.Values{stagePath: `"Closed Lost"`, "LifeCycle.ClosedLostReason": `"Price"`}, ""},
		"no stage of AWS's":     {registration.Values{stagePath: `"Dreaming"`}, stagePath},
		"a date in the past":    {registration.Values{"LifeCycle.TargetCloseDate": `"2020-01-01"`}, "LifeCycle.TargetCloseDate"},
	} {
		found, err := p.CheckChanges(d, r.Record, c.changes)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := found.Errors() > 0; got != (c.refused != "") || got && found[0].Field != c.refused {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestChangesAreListedOldestFirstFromAnInstantOn(t *testing.T) {
	t.Parallel()
	s, p, r := openRegistered(t)
	since := p.ChangedAt(r.Version)
	list := func(ctx context.Context) (out []string) {
		for c, err := range p.Changes(ctx, since) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c.RemoteID+" "+c.OurID)
		}
		return out
	}
	s.clock.Advance(60_000_000_000)
	s.control("edit", fmt.Sprintf(`{"opportunity":%q,"set":{"LifeCycle.NextSteps":"theirs"}}`, r.ID))
	if got := list(t.Context()); len(got) != 1 || got[0] != r.ID+" 006000000000001AAA" {
		t.Errorf("%q", got)
	}
}

func FuzzTheirs(f *testing.F) {
	f.Add([]byte(`{"LifeCycle":{"Stage":"Prospect"},"Customer":{"Contacts":[{"Email":"a@b"}]}}`))
	p := NewPortal(&Client{}, Profile{}, nil)
	f.Fuzz(func(t *testing.T, record []byte) {
		v, err := p.Theirs(record)
		if err != nil {
			return
		}
		for path, text := range v {
			if !json.Valid([]byte(text)) {
				t.Errorf("%s is %q", path, text)
			}
		}
	})
}
