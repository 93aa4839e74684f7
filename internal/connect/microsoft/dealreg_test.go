package microsoft

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/microsoft"
)

// won takes a deal to its win and gives what is registered of it.
func (c *center) won(p *Portal, kind DealType, waits time.Duration) DealCase {
	c.t.Helper()
	r := c.registered(p)
	if kind == DealCoSell {
		c.control("seller", `{"referral":"`+r.ID+`","decision":"accept"}`)
	}
	c.clock.Advance(waits)
	r = c.read(p, r.ID)
	if _, err := p.Update(c.t.Context(), r.ID, r.Record, registration.Values{statusPath: `"Closed/Won"`}); err != nil {
		c.t.Fatal(err)
	}
	ours, theirs, err := p.engagement(c.t.Context(), r.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	day := func(n int) string { return midnight(c.clock.Now().AddDate(0, 0, n).Format(time.DateOnly)) }
	return DealCase{
		Ours: ours, Theirs: theirs, Eligible: []string{solution}, Now: c.clock.Now(),
		Deal: Registration{
			Contract: &Contract{Value: "120000", Currency: "USD", Term: partnercenter.TermFinite, SignDateTime: day(0), StartDateTime: day(1), EndDateTime: day(366)},
			SolutionDetails: []SolutionDetail{{
				ID: solution, Value: "110000", Currency: "USD", DeployedOnAzure: true, PrimaryDeploymentOn: partnercenter.DeployedCustomer, PricingModel: partnercenter.PricingOther,
			}},
		},
	}
}

func TestOurCheckOfADealRegistrationAgreesWithMicrosoft(t *testing.T) {
	t.Parallel()
	day := func(c *DealCase, n int) string { return midnight(c.Now.AddDate(0, 0, n).Format(time.DateOnly)) }
	for name, x := range map[string]struct {
		rule   string // "" is taken
		kind   DealType
		waits  time.Duration
		later  time.Duration
		change func(c *DealCase)
	}{
		"partner-led":     {"", DealLed, 72 * time.Hour, 0, nil},
		"co-sell":         {"", DealCoSell, 72 * time.Hour, 0, nil},
		"private":         {"type", DealPrivate, 72 * time.Hour, 0, nil},
		"early":           {"early", DealLed, 71 * time.Hour, 0, nil},
		"signed later":    {"signed_future", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.SignDateTime = day(c, 1) }},
		"signed before":   {"signed_before", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.SignDateTime = day(c, -5) }},
		"signed long ago": {"signed_long_ago", DealLed, 73 * time.Hour, 62 * 24 * time.Hour, func(c *DealCase) { c.Deal.Contract.StartDateTime = day(c, 0) }},
		"began long ago":  {"started_long_ago", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.StartDateTime = day(c, -92) }},
		"ends first":      {"ends", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.EndDateTime = day(c, 0) }},
		"no dates":        {"dates", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.StartDateTime = "" }},
		"perpetual":       {"annual_small", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.Term = partnercenter.TermPerpetual }},
		"too much":        {"solution_value", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.SolutionDetails[0].Value = "120001" }},
		"not eligible":    {"eligible", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.SolutionDetails[0].ID = "SOL-0000-BBB" }},
		"large":           {"", DealLed, 73 * time.Hour, 0, func(c *DealCase) { c.Deal.Contract.Value = "2000000" }},
		"pay as you go, signed within the year": {"", DealLed, 73 * time.Hour, 70 * 24 * time.Hour, func(c *DealCase) {
			c.Deal.SolutionDetails[0].PricingModel = partnercenter.PricingPayGo
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := open(t, sandbox.Options{}, nil)
			p := c.portal(Profile{DealType: x.kind})
			deal := c.won(p, x.kind, x.waits)
			c.clock.Advance(x.later)
			deal.Now = c.clock.Now()
			if x.change != nil {
				x.change(&deal)
			}
			found := CheckDeal(deal)
			got := []string{}
			for _, f := range found {
				if f.Severity == registration.SeverityError {
					got = append(got, strings.TrimPrefix(f.Rule, "microsoft.register_"))
				}
			}
			if strings.Join(got, " ") != x.rule {
				t.Errorf("we say %v, want %q", got, x.rule)
			}
			_, err := c.RegisterDeal(t.Context(), deal.Ours, deal.Deal)
			if refused := err != nil; refused != (x.rule != "") {
				t.Errorf("Microsoft says %v", err)
			}
		})
	}
}

func TestADealRegistrationIsMendedAndReopenedOnce(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	p := c.portal(Profile{DealType: DealLed})
	deal := c.won(p, DealLed, 73*time.Hour)
	deal.Deal.Contract.Value = "1500000"
	ours, err := c.RegisterDeal(t.Context(), deal.Ours, deal.Deal)
	if err != nil || ours.RegistrationStatus != partnercenter.RegistrationReviewPending {
		t.Fatalf("%+v %v", ours, err)
	}
	c.control("registration", `{"referral":"`+ours.ID+`","decision":"ActionRequired","reason":"Show the invoice"}`)
	if ours, err = c.Get(t.Context(), ours.ID); err != nil {
		t.Fatal(err)
	}
	ours, err = c.MendDeal(t.Context(), ours, map[string]any{"/registrations/0/contract/value": 1400000})
	if err != nil || ours.RegistrationStatus != partnercenter.RegistrationReviewPending || ours.Registrations[0].Contract.Value != "1400000" {
		t.Fatalf("%+v %v", ours, err)
	}
	if _, err := c.MendDeal(t.Context(), ours, map[string]any{"/name": "x"}); !problem.Is(err, problem.KindInvalid) {
		t.Errorf("%v", err)
	}
	for _, d := range []string{"Failed", "Closed"} {
		c.control("registration", `{"referral":"`+ours.ID+`","decision":"`+d+`"}`)
	}
	if ours, err = c.Get(t.Context(), ours.ID); err != nil {
		t.Fatal(err)
	}
	deal.Ours, deal.Now = ours, c.clock.Now().AddDate(0, 0, 50)
	if w := Windows(deal); len(w) != 1 || !w[0].Warning {
		t.Errorf("ten days before its end: %+v", w)
	}
	good := Exception{Text: "The contract was amended", Change: []string{"contract.value"}}
	if err := CheckException(deal, good); err != nil {
		t.Error(err)
	}
	for _, e := range []Exception{
		{Text: "again", Before: true}, {}, {Text: strings.Repeat("x", 5001)}, {Text: "t", Change: []string{"solutionDetails.value"}},
	} {
		if CheckException(deal, e) == nil {
			t.Errorf("%+v was taken", e)
		}
	}
	deal.Now = c.clock.Now().AddDate(0, 0, 61)
	if CheckException(deal, good) == nil || len(Windows(deal)) != 0 {
		t.Error("after 60 days an exception is still asked for")
	}
}

func TestAnotherCurrencyNeedsAStampedRate(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	deal := c.won(c.portal(Profile{DealType: DealLed}), DealLed, 73*time.Hour)
	deal.Deal.Contract.Currency = "CHF"
	if found := CheckDeal(deal); found.Errors() != 1 || found[0].Rule != "microsoft.register_rate" {
		t.Errorf("%+v", found)
	}
}
