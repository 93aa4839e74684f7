package microsoft_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/microsoft"
	"github.com/tandem-cosell/tandem/sandbox/microsoft/contracttest"
)

func TestAnAcceptedDealCarriesMicrosoftsOwnNumberOnBothSides(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours, theirs := p.cosell()
	list := p.must("GetAllReferrals", map[string]string{"$filter": "engagementId eq '" + text(ours, "engagementId") + "'"}, nil)
	if value, _ := list["value"].([]any); len(value) != 2 {
		t.Fatalf("an engagement of two has %d records", len(value))
	}
	p.control("seller", `{"referral":"`+text(ours, "id")+`","decision":"accept"}`)
	a, b := p.must("GetReferralById", id(ours), nil), p.must("GetReferralById", id(theirs), nil)
	if text(b, "substatus") != "Accepted" || text(b, "trackingInfo.microsoftMsxId") == "" || text(a, "trackingInfo.microsoftMsxId") != text(b, "trackingInfo.microsoftMsxId") {
		t.Errorf("ours %v, theirs %v %v", a["trackingInfo"], b["substatus"], b["trackingInfo"])
	}
}

func TestMicrosoftSilenceEndsItsRecordAfterFourteenDaysAndLeavesOurs(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours, theirs := p.cosell()
	p.clock.Advance(14*24*time.Hour - time.Second)
	p.signIn(microsoft.ResourceReferrals)
	if got := p.must("GetReferralById", id(theirs), nil); text(got, "substatus") != "Pending" {
		t.Errorf("a second before its end it is %v", got["substatus"])
	}
	p.clock.Advance(time.Second)
	if got := p.must("GetReferralById", id(theirs), nil); text(got, "status") != "Closed" || text(got, "substatus") != "Expired" {
		t.Errorf("after 14 days it is %v %v", got["status"], got["substatus"])
	}
	if got := p.must("GetReferralById", id(ours), nil); text(got, "status") != "Active" {
		t.Errorf("ours became %v", got["status"])
	}
}

func TestADealOfferedToUsLapsesAfterFourteenDaysToo(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	in := p.control("incoming", `{"name":"From Microsoft","customer":"Fabrikam","country":"DE","value":90000,"notes":"Wants a platform"}`)
	ref := map[string]string{"id": text(in, "referral")}
	if got := p.must("GetReferralById", ref, nil); text(got, "substatus") != "Received" || text(got, "direction") != "Incoming" {
		t.Errorf("it arrives as %v, %v", got["substatus"], got["direction"])
	}
	p.clock.Advance(14 * 24 * time.Hour)
	p.signIn(microsoft.ResourceReferrals)
	p.refused(400, "invalidRequest", "PatchReferralById", ref, contracttest.Sample(t, "referral-patch-accept-inbound.json"))
	if got := p.must("GetReferralById", ref, nil); text(got, "substatus") != "Expired" {
		t.Errorf("it is %v", got["substatus"])
	}
}

func TestAReasonIsHiddenBelowTwentyFiveThousand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value  float64
		hidden bool
	}{{24_999, true}, {25_000, false}} {
		p := open(t, microsoft.Options{})
		first := sample(t, "referral-create-cosell-step1-own.json")
		first["details"].(object)["dealValue"] = c.value
		ours := p.must("CreateReferral", nil, first)
		second := sample(t, "referral-create-cosell-step2-connected-msft.json")
		second["engagementId"], second["details"] = ours["engagementId"], first["details"]
		theirs := p.must("CreateReferral", nil, second)
		p.control("seller", `{"referral":"`+text(ours, "id")+`","decision":"decline","reason":"No Microsoft seller directly manages this customer"}`)
		got := p.must("GetReferralById", id(theirs), nil)
		if hidden := text(got, "statusReason") == ""; text(got, "substatus") != "Declined" || hidden != c.hidden {
			t.Errorf("%v: %v %q", c.value, got["substatus"], text(got, "statusReason"))
		}
	}
}

func TestAPartnerLedDealBecomesCoSellAndNeverLess(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours := p.own("referral-create-private.json")
	p.must("PatchReferralById", id(ours), contracttest.Sample(t, "referral-patch-upgrade-to-partner-led.json"))
	p.refused(400, "invalidRequest", "PatchReferralById", id(ours), `[{"op":"replace","path":"/consent/consentToShareReferralWithMicrosoftSellers","value":false}]`)
	second := sample(t, "referral-create-cosell-step2-connected-msft.json")
	second["engagementId"] = ours["engagementId"]
	p.must("CreateReferral", nil, second)
	if got := p.must("GetReferralById", id(ours), nil); text(got, "type") != "Shared" {
		t.Errorf("with Microsoft in it, it is %v", got["type"])
	}
	p.refused(409, "invalidRequest", "CreateReferral", nil, second)
}

func TestAChangeIsRefusedWhenAnotherCameFirst(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours := p.own("referral-create-partner-led.json")
	seen := with(id(ours), "If-Match", text(ours, "eTag"))
	p.control("edit", `{"referral":"`+text(ours, "id")+`","details":{"dealValue":130000}}`)
	p.refused(412, "preconditionFailed", "PatchReferralById", seen, contracttest.Sample(t, "referral-patch-deal-value.json"))
	if got := p.must("GetReferralById", id(ours), nil); at(got, "details.dealValue") != 130000.0 {
		t.Errorf("a refused change is in the record: %v", got["details"])
	}
	fresh := p.must("GetReferralById", id(ours), nil)
	out := p.must("PatchReferralById", with(id(ours), "If-Match", text(fresh, "eTag"), "Prefer", "return=representation"), contracttest.Sample(t, "referral-patch-deal-value.json"))
	if at(out, "details.dealValue") != 150000.0 || text(out, "eTag") == text(fresh, "eTag") {
		t.Errorf("the representation is not that of after the change: %v", out)
	}
	if status, out := p.call("PatchReferralById", id(ours), contracttest.Sample(t, "referral-patch-deal-value.json")); status != http.StatusNoContent || len(out) != 0 {
		t.Errorf("without Prefer: %d %v", status, out)
	}
}

func TestOnlyThePublishedPathsCanBeChanged(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours := p.own("referral-create-partner-led.json")
	patch := func(body string) (int, object) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, p.url+"/v1.0/engagements/referrals/"+text(ours, "id"), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		p.http.Transport = http.DefaultTransport // what the contract forbids is sent on purpose
		return p.do(r)
	}
	for _, body := range []string{
		`[{"op":"replace","path":"/name","value":"Another"}]`,
		`[{"op":"replace","path":"/customerProfile/address/country","value":"DE"}]`,
		`[{"op":"remove","path":"/details/notes"}]`,
		`[{"op":"replace","path":"/details/dealValue","value":"much"}]`,
		`[{"op":"replace","path":"/salesStage","value":"33"}]`,
		`[{"op":"replace","path":"/team","value":[]}]`,
		`[]`,
		`{"name":"Another"}`,
	} {
		if status, out := patch(body); status != http.StatusBadRequest || text(out, "error.code") != "invalidRequest" {
			t.Errorf("%s: %d %v", body, status, out)
		}
	}
}

func TestAClosedReferralTakesNoChange(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours := p.own("referral-create-partner-led.json")
	p.must("PatchReferralById", id(ours), contracttest.Sample(t, "referral-patch-lost.json"))
	for _, name := range []string{"referral-patch-deal-value.json", "referral-patch-won.json", "referral-patch-accept-inbound.json"} {
		p.refused(400, "invalidRequest", "PatchReferralById", id(ours), contracttest.Sample(t, name))
	}
}

func TestTheRulesOfADealRegistration(t *testing.T) {
	t.Parallel()
	contract := func(v object) object { return v["contract"].(object) }
	first := func(v object) object { return v["solutionDetails"].([]any)[0].(object) }
	for name, c := range map[string]struct {
		change func(v object)
		waits  time.Duration // between the creation and the win
		later  time.Duration // between the win and the registration
		small  bool
		want   string // the state that it gets; "" is refused
	}{
		"as published":                          {want: "Approved", waits: 72 * time.Hour},
		"won within 72 hours":                   {waits: 72*time.Hour - time.Second},
		"worth less than 25,000":                {waits: 73 * time.Hour, small: true},
		"solution worth more than contract":     {waits: 73 * time.Hour, change: func(v object) { first(v)["value"] = 120001.0 }},
		"no eligible solution":                  {waits: 73 * time.Hour, change: func(v object) { first(v)["id"] = "SOL-0000-BBB" }},
		"signed tomorrow":                       {waits: 73 * time.Hour, change: func(v object) { contract(v)["signDateTime"] = "2026-11-07T00:00:00Z" }},
		"signed before the deal was created":    {waits: 73 * time.Hour, change: func(v object) { contract(v)["signDateTime"] = "2026-11-01T00:00:00Z" }},
		"signed more than 60 days ago":          {waits: 73 * time.Hour, later: 61 * 24 * time.Hour, change: func(v object) { contract(v)["signDateTime"] = "2026-11-05T00:00:00Z" }},
		"began more than 90 days ago":           {waits: 73 * time.Hour, change: func(v object) { contract(v)["startDateTime"] = "2026-08-01T00:00:00Z" }},
		"ends before it begins":                 {waits: 73 * time.Hour, change: func(v object) { contract(v)["endDateTime"] = "2026-11-05T00:00:00Z" }},
		"perpetual, spread over six years":      {waits: 73 * time.Hour, change: func(v object) { contract(v)["term"] = "Perpetual" }},
		"perpetual and large enough":            {waits: 73 * time.Hour, want: "Approved", change: func(v object) { contract(v)["term"], contract(v)["value"] = "Perpetual", 150001.0 }},
		"more than a million a year":            {waits: 73 * time.Hour, want: "ReviewPending", change: func(v object) { contract(v)["value"] = 1_100_000.0 }},
		"pay as you go":                         {waits: 73 * time.Hour, want: "ReviewPending", change: func(v object) { first(v)["pricingModel"] = "PayAsYouGo" }},
		"not on Azure closes it unregistered":   {waits: 73 * time.Hour, want: "Closed", change: func(v object) { first(v)["isDeployedOnAzure"] = false }},
		"unknown solution":                      {waits: 73 * time.Hour, change: func(v object) { first(v)["id"] = "SOL-9999-ZZZ" }},
		"a start before the signing is allowed": {waits: 73 * time.Hour, want: "Approved", change: func(v object) { contract(v)["startDateTime"] = "2026-11-01T00:00:00Z" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, microsoft.Options{})
			in := sample(t, "referral-create-partner-led.json")
			if c.small {
				in["details"].(object)["dealValue"] = 24_999.0
			}
			ours := p.must("CreateReferral", nil, in)
			p.clock.Advance(c.waits)
			p.signIn(microsoft.ResourceReferrals)
			p.must("PatchReferralById", id(ours), contracttest.Sample(t, "referral-patch-won.json"))
			p.clock.Advance(c.later)
			p.signIn(microsoft.ResourceReferrals)
			body := registration(p.clock.Now(), c.change)
			if c.want == "" {
				p.refused(400, "invalidRequest", "CreateDealRegistrationByReferralId", id(ours), body)
				return
			}
			p.must("CreateDealRegistrationByReferralId", id(ours), body)
			if got := p.must("GetReferralById", id(ours), nil); text(got, "registrationStatus") != c.want {
				t.Errorf("it is %v", got["registrationStatus"])
			}
			p.refused(400, "invalidRequest", "CreateDealRegistrationByReferralId", id(ours), body)
		})
	}
}

func TestACoSellDealIsRegisteredOnlyOnceMicrosoftAccepted(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	ours, _ := p.cosell()
	p.clock.Advance(73 * time.Hour)
	p.signIn(microsoft.ResourceReferrals)
	p.must("PatchReferralById", id(ours), contracttest.Sample(t, "referral-patch-won.json"))
	p.refused(400, "invalidRequest", "CreateDealRegistrationByReferralId", id(ours), registration(p.clock.Now(), nil))
	p.control("seller", `{"referral":"`+text(ours, "id")+`","decision":"accept"}`)
	p.must("CreateDealRegistrationByReferralId", id(ours), registration(p.clock.Now(), nil))
}

func TestTheListIsPagedFilteredAndOrdered(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	in := sample(t, "referral-create-partner-led.json")
	for i := range 103 {
		in["externalReferenceId"] = fmt.Sprintf("OPP%03d", i)
		in["customerProfile"].(object)["address"].(object)["country"] = []string{"US", "DE"}[i%2]
		p.must("CreateReferral", nil, in)
	}
	var got []string
	next := map[string]string{"$orderby": "updatedDateTime asc", "$filter": "customerProfile/address/country eq 'DE' or status eq 'Active'"}
	page := p.must("GetAllReferrals", next, nil)
	for {
		for _, v := range page["value"].([]any) {
			got = append(got, text(v.(object), "externalReferenceId"))
		}
		link, _ := page["@odata.nextLink"].(string)
		if link == "" {
			break
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("content-type", "application/json")
		var status int
		if status, page = p.do(r); status != http.StatusOK {
			t.Fatalf("%d %v", status, page)
		}
	}
	if len(got) != 103 || !slices.IsSorted(got) {
		t.Errorf("%d referrals, in order: %v", len(got), slices.IsSorted(got))
	}
	german := p.must("GetAllReferrals", map[string]string{"$filter": "customerProfile/address/country eq 'DE' and team/any(t: t/email eq 'robin@isv.example')", "$top": "0", "$count": "true"}, nil)
	if german["@odata.count"] != 51.0 {
		t.Errorf("%v are German", german["@odata.count"])
	}
	none := p.must("GetAllReferrals", map[string]string{"$filter": "updatedDateTime gt 2026-11-03T00:00:00Z"}, nil)
	if n := len(none["value"].([]any)); n != 0 {
		t.Errorf("%d changed tomorrow", n)
	}
	for _, filter := range []string{"externalReferenceId eq 'OPP001'", "status eq", "status eq 'A", "status like 'A'", "(status eq 'Active'", "updatedDateTime gt 'soon'"} {
		p.refused(400, "invalidRequest", "GetAllReferrals", map[string]string{"$filter": filter}, nil)
	}
}

func TestASignInIsKeptByItsRefreshTokenAndEndsWhenItIsRevoked(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	p.clock.Advance(time.Hour)
	p.refused(401, "unauthenticated", "GetAllReferrals", nil, nil)
	old := p.refresh
	p.signIn(microsoft.ResourceReferrals)
	if p.refresh == old {
		t.Error("the refresh token was not rotated")
	}
	p.must("GetAllReferrals", nil, nil)
	p.clock.Advance(91 * 24 * time.Hour)
	if status, out := p.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}}); status != 400 || text(out, "error") != "invalid_grant" {
		t.Errorf("after 91 idle days: %d %v", status, out)
	}
	c := p.server.Credentials()
	status, out := p.ask(url.Values{"grant_type": {"password"}, "username": {c.Username}, "password": {c.Password}, "scope": {"openid"}})
	if status != 200 || text(out, "expires_in") != "3600" {
		t.Fatalf("password: %d %v", status, out)
	}
	p.token, p.refresh = text(out, "access_token"), text(out, "refresh_token")
	p.must("GetAllReferrals", nil, nil)
	p.control("token", `{"revoke":true}`)
	p.refused(401, "unauthenticated", "GetAllReferrals", nil, nil)
	if status, out := p.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}}); status != 400 || text(out, "error") != "invalid_grant" {
		t.Errorf("revoked: %d %v", status, out)
	}
}

func TestAPersonSignsInByAnAuthorizationCodeOnce(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	back := "https://tandem.example/signed-in"
	resp, err := p.http.Get(p.url + "/common/oauth2/authorize?" + url.Values{"client_id": {p.server.Credentials().ClientID}, "response_type": {"code"}, "redirect_uri": {back}, "state": {"s1"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	to, err := resp.Location()
	if err != nil || to.Query().Get("state") != "s1" {
		t.Fatalf("%v %v", to, err)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {to.Query().Get("code")}, "redirect_uri": {back}}
	if status, out := p.ask(form); status != 200 || text(out, "refresh_token") == "" {
		t.Errorf("%d %v", status, out)
	}
	if status, out := p.ask(form); status != 400 || text(out, "error") != "invalid_grant" {
		t.Errorf("the code was good twice: %d %v", status, out)
	}
}

func TestASingleUseTokenUsedTwiceEndsTheSignIn(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{SingleUse: true})
	first := p.server.Credentials().RefreshToken
	if status, out := p.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}}); status != 400 {
		t.Errorf("the first token was good twice: %d %v", status, out)
	}
	if status, _ := p.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {p.refresh}}); status != 400 {
		t.Error("what came of the sign-in is still good")
	}
}

func TestATokenIsGoodForItsResourceOnly(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	p.signIn(microsoft.ResourceWebhooks)
	p.refused(401, "unauthenticated", "GetAllReferrals", nil, nil)
}

func TestTooManyCallsAreToldWhenToComeAgain(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{CallsPerMinute: 2})
	p.clock.Advance(15 * time.Second)
	p.must("GetAllReferrals", nil, nil)
	p.must("GetAllReferrals", nil, nil)
	p.refused(429, "tooManyRequests", "GetAllReferrals", nil, nil)
	if got := p.header.Get("Retry-After"); got != "45" {
		t.Errorf("Retry-After is %q", got)
	}
	p.clock.Advance(45 * time.Second)
	p.must("GetAllReferrals", nil, nil)
}

func TestANewReferralCanStayUnseenForAWhile(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{ReadAfterCreateLag: 3 * time.Second})
	ours := p.own("referral-create-private.json")
	p.refused(404, "itemNotFound", "GetReferralById", id(ours), nil)
	p.clock.Advance(3 * time.Second)
	p.must("GetReferralById", id(ours), nil)
}

func TestWhatIsKeptSurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "microsoft.journal")
	p := open(t, microsoft.Options{StatePath: path})
	ours, theirs := p.cosell()
	p.control("seller", `{"referral":"`+text(ours, "id")+`","decision":"accept"}`)
	before := p.must("GetReferralById", id(theirs), nil)
	clock := kit.NewFrozenClock(p.clock.Now())
	creds := p.server.Credentials()
	second, err := microsoft.New(microsoft.Options{StatePath: path, Clock: clock, ClientID: creds.ClientID, ClientSecret: creds.ClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	rec := newRecorder()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://sandbox/v1.0/engagements/referrals/"+text(theirs, "id"), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	second.Handler().ServeHTTP(rec, r)
	var after object
	if err := json.Unmarshal(rec.Body.Bytes(), &after); err != nil {
		t.Fatal(err)
	}
	if text(after, "eTag") != text(before, "eTag") || text(after, "trackingInfo.microsoftMsxId") != text(before, "trackingInfo.microsoftMsxId") {
		t.Errorf("before %v, after %v", before, after)
	}
}
