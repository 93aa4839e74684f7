package microsoft_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/microsoft"
	"github.com/tandem-cosell/tandem/sandbox/microsoft/contracttest"
)

type object = map[string]any

// partner is a generic client: it knows the contract and nothing of Tandem.
type partner struct {
	t        *testing.T
	url      string
	clock    *kit.Clock
	faults   *kit.Faults
	server   *microsoft.Server
	contract *contracttest.Contract
	http     *http.Client
	token    string
	refresh  string
	header   http.Header // of the last answer
}

var monday = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func open(t *testing.T, opt microsoft.Options) *partner {
	t.Helper()
	p := &partner{t: t, clock: kit.NewFrozenClock(monday), faults: kit.NewFaults(), contract: contracttest.Load(t)}
	opt.Clock, opt.Faults = p.clock, p.faults
	server, err := microsoft.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	p.server, p.url = server, web.URL
	p.http = &http.Client{Transport: p.contract.Transport(t, http.DefaultTransport), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p.refresh = server.Credentials().RefreshToken
	p.signIn(microsoft.ResourceReferrals)
	return p
}

// ask posts a form to the token server.
func (p *partner) ask(form url.Values) (int, object) {
	p.t.Helper()
	c := p.server.Credentials()
	for name, v := range map[string]string{"client_id": c.ClientID, "client_secret": c.ClientSecret, "resource": microsoft.ResourceReferrals} {
		if !form.Has(name) {
			form.Set(name, v)
		}
	}
	resp, err := p.http.PostForm(p.url+"/common/oauth2/token", form)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out object
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, out
}

func (p *partner) signIn(resource string) {
	p.t.Helper()
	status, out := p.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}, "resource": {resource}})
	if status != http.StatusOK {
		p.t.Fatalf("sign in: %d %v", status, out)
	}
	p.token, p.refresh = text(out, "access_token"), text(out, "refresh_token")
}

func text(o object, path string) string {
	s, _ := at(o, path).(string)
	return s
}

func at(o object, path string) any {
	var v any = o
	for name := range strings.SplitSeq(path, ".") {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}

// call makes a call of the contract.
func (p *partner) call(operation string, values map[string]string, body any) (int, object) {
	p.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			p.t.Fatal(err)
		}
	}
	r, err := p.contract.Build(p.t.Context(), p.url, operation, values, raw)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, v := range values {
		if name == "Prefer" || name == "If-Match" {
			r.Header.Set(name, v)
		}
	}
	return p.do(r)
}

func (p *partner) do(r *http.Request) (int, object) {
	p.t.Helper()
	r.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.header = resp.Header
	out := object{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &out); err != nil {
			p.t.Fatalf("%s: %v", raw, err)
		}
	}
	return resp.StatusCode, out
}

// must is call for what has to go well.
func (p *partner) must(operation string, values map[string]string, body any) object {
	p.t.Helper()
	status, out := p.call(operation, values, body)
	if status >= 300 {
		p.t.Fatalf("%s: %d %v", operation, status, out)
	}
	return out
}

// refused is call for what has to be refused with a status and a code.
func (p *partner) refused(status int, code, operation string, values map[string]string, body any) object {
	p.t.Helper()
	got, out := p.call(operation, values, body)
	if got != status || text(out, "error.code") != code {
		p.t.Errorf("%s: %d %v, want %d %s", operation, got, out, status, code)
	}
	return out
}

func (p *partner) control(page, body string) object {
	p.t.Helper()
	resp, err := http.Post(p.url+"/_control/"+page, "application/json", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out object
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		p.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		p.t.Fatalf("control %s: %d %v", page, resp.StatusCode, out)
	}
	return out
}

func sample(t *testing.T, name string) object {
	t.Helper()
	var out object
	if err := json.Unmarshal(contracttest.Sample(t, name), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// own makes our own referral of the sample.
func (p *partner) own(name string) object {
	p.t.Helper()
	return p.must("CreateReferral", nil, contracttest.Sample(p.t, name))
}

// cosell makes both records of a co-sell deal.
func (p *partner) cosell() (ours, theirs object) {
	p.t.Helper()
	ours = p.own("referral-create-cosell-step1-own.json")
	second := sample(p.t, "referral-create-cosell-step2-connected-msft.json")
	second["engagementId"] = ours["engagementId"]
	return ours, p.must("CreateReferral", nil, second)
}

func id(o object) map[string]string { return map[string]string{"id": text(o, "id")} }

func with(values map[string]string, more ...string) map[string]string {
	out := map[string]string{}
	for k, v := range values {
		out[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func TestAGenericClientOfTheContractGetsThroughEveryOperation(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	called := []string{}
	use := func(operation string) string { called = append(called, operation); return operation }

	ours := p.must(use("CreateReferral"), nil, contracttest.Sample(t, "referral-create-partner-led.json"))
	list := p.must(use("GetAllReferrals"), map[string]string{"$count": "true", "$orderby": "updatedDateTime asc", "$top": "10", "$skip": "0"}, nil)
	if n, _ := list["@odata.count"].(float64); n != 1 {
		t.Errorf("%v referrals are listed", list["@odata.count"])
	}
	p.must(use("PatchReferralById"), id(ours), contracttest.Sample(t, "referral-patch-deal-value.json"))
	read := p.must(use("GetReferralById"), id(ours), nil)
	if at(read, "details.dealValue") != 150000.0 || text(read, "salesStage") != "60" {
		t.Errorf("the change is not in the record: %v", read)
	}
	delete(read, "links")
	read["externalReferenceId"] = "0065g00000CRMID02"
	put := p.must(use("UpdateReferralById"), with(id(ours), "if-match", text(read, "eTag")), read)
	if text(put, "externalReferenceId") != "0065g00000CRMID02" {
		t.Errorf("the whole record was not replaced: %v", put)
	}
	p.clock.Advance(73 * time.Hour)
	p.signIn(microsoft.ResourceReferrals)
	p.must("PatchReferralById", id(ours), contracttest.Sample(t, "referral-patch-won.json"))
	p.must(use("CreateDealRegistrationByReferralId"), id(ours), registration(p.clock.Now(), nil))
	p.control("registration", `{"referral":"`+text(ours, "id")+`","decision":"ReviewPending"}`)
	p.control("registration", `{"referral":"`+text(ours, "id")+`","decision":"ActionRequired","reason":"The value differs from the invoice"}`)
	p.must(use("PatchDealRegistrationByReferralId"), id(ours), contracttest.Sample(t, "deal-registration-update.json"))
	if got := p.must("GetReferralById", id(ours), nil); text(got, "registrationStatus") != "ReviewPending" {
		t.Errorf("the mended registration is %v", got["registrationStatus"])
	}

	want := p.contract.Operations()
	slices.Sort(want)
	slices.Sort(called)
	if !slices.Equal(want, called) {
		t.Errorf("the contract has %v, called were %v", want, called)
	}
}

// registration is the sample's deal registration with dates about now.
func registration(now time.Time, change func(value object)) []object {
	day := func(n int) string { return now.AddDate(0, 0, n).UTC().Format("2006-01-02") + "T00:00:00Z" }
	value := object{
		"type": "AzureIPCoSell",
		"solutionDetails": []any{object{
			"id": "SOL-0000-AAA", "currency": "USD", "value": 110000.0, "isDeployedOnAzure": true, "primaryDeploymentOn": "Customer", "pricingModel": "Other",
			"marketplaceTransactionDetails": object{"isMarketplaceTransacted": true, "marketplaceTransactionDateTime": day(0)},
		}},
		"contract": object{"currency": "USD", "term": "Finite", "value": 120000.0, "signDateTime": day(0), "startDateTime": day(1), "endDateTime": day(366)},
	}
	if change != nil {
		change(value)
	}
	return []object{{"op": "add", "path": "/registrations/-", "value": value}}
}

func TestEveryPublishedSampleOfAReferralIsAllowedByTheContract(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	for _, name := range []string{"referral-create-private.json", "referral-create-partner-led.json", "referral-create-cosell-step1-own.json"} {
		p.own(name)
	}
	ours, theirs := p.cosell()
	for _, name := range []string{"referral-patch-deal-value.json", "referral-patch-add-team-and-solution.json", "referral-patch-won.json"} {
		p.must("PatchReferralById", id(ours), contracttest.Sample(t, name))
	}
	private := p.own("referral-create-private.json")
	p.must("PatchReferralById", id(private), contracttest.Sample(t, "referral-patch-upgrade-to-partner-led.json"))
	p.must("PatchReferralById", id(private), contracttest.Sample(t, "referral-patch-lost.json"))
	in := p.control("incoming", `{"name":"From Microsoft","customer":"Fabrikam","country":"DE","value":90000,"notes":"Wants a platform"}`)
	p.must("PatchReferralById", map[string]string{"id": text(in, "referral")}, contracttest.Sample(t, "referral-patch-accept-inbound.json"))
	if text(theirs, "substatus") != "Pending" {
		t.Errorf("Microsoft's record begins as %v", theirs["substatus"])
	}
}
