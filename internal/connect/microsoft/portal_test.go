package microsoft

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/registration/portaltest"
	"github.com/tandem-cosell/tandem/sandbox/kit"
	sandbox "github.com/tandem-cosell/tandem/sandbox/microsoft"
	"github.com/tandem-cosell/tandem/sandbox/microsoft/contracttest"
)

// center is a client with a sandbox behind it, whose every call is held against the
// published contract.
type center struct {
	t      *testing.T
	url    string
	clock  *kit.Clock
	faults *kit.Faults
	server *sandbox.Server
	vault  *memory
	*Client

	mu    sync.Mutex
	calls []string
	slept time.Duration
}

func (c *center) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.calls = append(c.calls, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (c *center) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

func open(t *testing.T, opt sandbox.Options, change func(*Config)) *center {
	t.Helper()
	c := &center{t: t, clock: kit.NewFrozenClock(time.Now().UTC().Truncate(time.Second)), faults: kit.NewFaults(), vault: &memory{}}
	opt.Clock, opt.Faults = c.clock, c.faults
	server, err := sandbox.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		web.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	c.url, c.server = web.URL, server
	creds := server.Credentials()
	cfg := Config{
		Endpoint: web.URL, HookEndpoint: web.URL, LoginURL: web.URL + "/common", ClientID: creds.ClientID, ClientSecret: creds.ClientSecret, RefreshToken: creds.RefreshToken,
		Clock: c.clock, Vault: c.vault, Transport: contracttest.Load(t).Transport(t, c),
		Sleep: func(_ context.Context, d time.Duration) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.slept += d
			c.clock.Advance(d)
			return nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	if c.Client, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *center) control(page, body string) map[string]any {
	c.t.Helper()
	resp, err := http.Post(c.url+"/_control/"+page, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("control %s: %d %v", page, resp.StatusCode, out)
	}
	return out
}

const solution = "SOL-0000-AAA"

func (c *center) portal(profile Profile) *Portal {
	profile.Solutions, _ = ParseSolutions("SOL-0000-AAA=Example DevSecOps Platform; SOL-0000-BBB=Example Add-on")
	p := NewPortal(c.Client, profile, func(f string) string { return f })
	c.clock.Advance(time.Hour) // the program has been running for a while
	return p
}

func (c *center) deal() registration.Deal {
	return portaltest.Deal("006000000000001AAA", solution, date.Of(c.clock.Now()))
}

func TestPartnerCenterIsAPortal(t *testing.T) {
	t.Parallel()
	portaltest.Run(t, func(t *testing.T) portaltest.World {
		c := open(t, sandbox.Options{}, nil)
		return portaltest.World{
			Portal: c.portal(Profile{}), Solution: solution, Calls: c.count,
			Change: registration.Values{valuePath: `"150000"`, notesPath: `"Scope grew."`, stagePath: `"60"`, closePath: `"2031-04-30"`},
			Accept: func(_ *testing.T, id string) { c.control("seller", `{"referral":"`+id+`","decision":"accept"}`) },
			Edit: func(_ *testing.T, id string) {
				c.control("edit", `{"referral":"`+id+`","details":{"notes":"Edited at Microsoft"}}`)
			},
			LoseReply: func(t *testing.T) {
				if err := c.faults.FailNext("CreateReferral", 1, "lost_reply"); err != nil {
					t.Fatal(err)
				}
			},
			Pass: func(_ *testing.T, d time.Duration) { c.clock.Advance(d) },
		}
	})
}

// registered takes a deal to Microsoft's table.
func (c *center) registered(p *Portal) registration.Remote {
	c.t.Helper()
	payload, err := p.Payload(c.deal())
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := p.Create(c.t.Context(), payload, "")
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := p.Submit(c.t.Context(), r.ID, ""); err != nil {
		c.t.Fatal(err)
	}
	return c.read(p, r.ID)
}

func (c *center) read(p *Portal, id string) registration.Remote {
	c.t.Helper()
	r, err := p.Read(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func TestADealTypeDecidesWhoSeesTheDealAndWhetherMicrosoftIsAsked(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		kind    DealType
		state   registration.State
		records int
		status  string
	}{
		{DealPrivate, registration.StateApproved, 1, "Active/Accepted"},
		{DealLed, registration.StateApproved, 1, "Active/Accepted"},
		{DealCoSell, registration.StateSubmitted, 2, "Active/Accepted; Microsoft New/Pending"},
	} {
		c := open(t, sandbox.Options{}, nil)
		p := c.portal(Profile{DealType: x.kind})
		r := c.registered(p)
		list, err := c.Engagement(t.Context(), r.EngagementID)
		if err != nil {
			t.Fatal(err)
		}
		if r.State != x.state || len(list) != x.records || r.Status != x.status || r.Motion != x.kind.Label() {
			t.Errorf("%s: %q with %d records, “%s”, %q", x.kind, r.State, len(list), r.Status, r.Motion)
		}
	}
}

func TestMicrosoftsAnswerIsKeptInItsOwnWords(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		answer  string
		later   time.Duration
		state   registration.State
		comment string
	}{
		{`"decision":"accept"`, 0, registration.StateApproved, ""},
		{`"decision":"decline","reason":"No Microsoft seller directly manages this customer"`, 0, registration.StateRejected, "No Microsoft seller directly manages this customer"},
		{"", 14 * 24 * time.Hour, registration.StateRejected, "Nobody at Microsoft answered within 14 days"},
	} {
		c := open(t, sandbox.Options{}, nil)
		p := c.portal(Profile{})
		r := c.registered(p)
		if x.answer != "" {
			c.control("seller", `{"referral":"`+r.ID+`",`+x.answer+`}`)
		}
		c.clock.Advance(x.later)
		if got := c.read(p, r.ID); got.State != x.state || got.ReviewComment != x.comment {
			t.Errorf("%s: %q, “%s”", x.answer, got.State, got.ReviewComment)
		}
	}
}

func TestTheMSXNumberIsShownBesideTheDeal(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	p := c.portal(Profile{})
	r := c.registered(p)
	c.control("seller", `{"referral":"`+r.ID+`","decision":"accept"}`)
	r = c.read(p, r.ID)
	for _, pair := range p.Compare(c.deal(), r.Record, r.Status, r.Stage) {
		if pair.Path == "trackingInfo.microsoftMsxId" && strings.HasPrefix(pair.Theirs, "7-") {
			return
		}
	}
	t.Error("Microsoft's number is not in the comparison")
}

func TestASecondAskOfUnknownOutcomeIsLookedForBeforeItIsMade(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{ReadAfterCreateLag: 30 * time.Second}, nil)
	p := c.portal(Profile{})
	payload, err := p.Payload(c.deal())
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Create(t.Context(), payload, "")
	if err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(31 * time.Second)
	if err := c.faults.FailNext("CreateReferral", 1, "lost_reply"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Submit(t.Context(), r.ID, ""); problem.RetryOf(err) != problem.RetryUnsure {
		t.Fatalf("the first: %v", err)
	}
	_, err = p.Submit(t.Context(), r.ID, "")
	if remote := problem.RemoteOf(err); remote == nil || remote.Code != CodeUnsettled || remote.RetryAfter <= 0 {
		t.Fatalf("while reads lag: %v", err)
	}
	c.clock.Advance(problem.RemoteOf(err).RetryAfter)
	if task, err := p.Submit(t.Context(), r.ID, ""); err != nil || !task.Done {
		t.Fatalf("%+v %v", task, err)
	}
	if list, err := c.Engagement(t.Context(), r.EngagementID); err != nil || len(list) != 2 {
		t.Errorf("the engagement has %d records, %v", len(list), err)
	}
}

func TestASearchAfterALostCreateProvesNothingUntilItsTimeHasPassed(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{ReadAfterCreateLag: 30 * time.Second}, nil)
	p := c.portal(Profile{})
	payload, err := p.Payload(c.deal())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.faults.FailNext("CreateReferral", 1, "lost_reply"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Create(t.Context(), payload, ""); problem.RetryOf(err) != problem.RetryUnsure {
		t.Fatal(err)
	}
	if got, err := p.Find(t.Context(), c.deal()); err == nil {
		t.Fatalf("a search right after it was believed: %+v", got)
	}
	c.clock.Advance(time.Minute)
	if got, err := p.Find(t.Context(), c.deal()); err != nil || got == nil {
		t.Errorf("%+v %v", got, err)
	}
}

func TestAWinIsHeldBackUntilTheDealCanBeRegistered(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	p := c.portal(Profile{KeepRegistrable: true})
	r := c.registered(p)
	win := registration.Values{statusPath: `"Closed/Won"`}
	c.clock.Advance(72*time.Hour - time.Minute)
	found, err := p.CheckChanges(c.deal(), r.Record, win)
	if err != nil || found.Errors() != 1 || found[0].Rule != "microsoft.won_early" || found[0].Field != statusPath {
		t.Fatalf("%+v %v", found, err)
	}
	c.clock.Advance(2 * time.Minute)
	if found, err = p.CheckChanges(c.deal(), r.Record, win); err != nil || found.Errors() != 0 {
		t.Fatalf("%+v %v", found, err)
	}
	out, err := p.Update(t.Context(), r.ID, r.Record, win)
	if err != nil || out.Status != "Closed/Won" {
		t.Fatalf("%+v %v", out, err)
	}
	if !p.Locked(out.Status, out.Stage, notesPath).Final {
		t.Error("a closed deal can be changed")
	}
}

func TestAContactKeepsWhatWeDoNotKnowOfIt(t *testing.T) {
	t.Parallel()
	record := []byte(`{"id":"1","eTag":"\"1\"","status":"Active","substatus":"Accepted","customerProfile":{"team":[{"firstName":"Sue","lastName":"Smith","phoneNumber":"1","email":"a@x.example","contactPreference":{"locale":"en-us"}}]}}`)
	r, err := readRecord(record)
	if err != nil {
		t.Fatal(err)
	}
	ops, err := operations(r, registration.Values{contactsPath: `[{"email":"b@x.example","firstName":"Sue","lastName":"Smith","phoneNumber":"1"}]`})
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"replace","path":"/customerProfile/team","value":[{"contactPreference":{"locale":"en-us"},"email":"b@x.example","firstName":"Sue","lastName":"Smith","phoneNumber":"1"}]}]`
	if diff := differs(t, []byte(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryRuleCanBreak(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	p := c.portal(Profile{})
	zero := int64(0)
	small := int64(2_499_999)
	broken := map[string]bool{}
	for _, change := range []func(d *registration.Deal){
		func(d *registration.Deal) { d.Opportunity.Name = " " },
		func(d *registration.Deal) { d.Account.Name = "" },
		func(d *registration.Deal) { d.Account.Country = "Atlantis" },
		func(d *registration.Deal) { d.Opportunity.Description = "" },
		func(d *registration.Deal) { d.Opportunity.AmountMinor = &zero },
		func(d *registration.Deal) { d.Opportunity.Currency = "" },
		func(d *registration.Deal) { d.Opportunity.CloseOn = "" },
		func(d *registration.Deal) { d.Opportunity.CloseOn = d.Today.AddDays(-1) },
		func(d *registration.Deal) { d.Solutions = nil },
		func(d *registration.Deal) { d.Solutions = []string{"SOL-9999-ZZZ"} },
		func(d *registration.Deal) { d.Owner.Email = "" },
		func(d *registration.Deal) { d.Owner.Phone = "" },
		func(d *registration.Deal) { d.Contacts = nil },
		func(d *registration.Deal) { d.Contacts[0].Email = "nowhere" },
		func(d *registration.Deal) { d.Account.Employees = nil },
		func(d *registration.Deal) { d.Account.Industry = "Alchemy" },
		func(d *registration.Deal) { d.Opportunity.AmountMinor = &small },
	} {
		d := c.deal()
		change(&d)
		for _, f := range p.Check(d) {
			broken[strings.TrimPrefix(f.Rule, "microsoft.")] = true
		}
	}
	record := c.registered(p).Record
	for path, v := range map[string]string{stagePath: `"33"`, statusPath: `"Active/Won"`} {
		found, err := p.CheckChanges(c.deal(), record, registration.Values{path: v})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			broken[strings.TrimPrefix(f.Rule, "microsoft.")] = true
		}
	}
	for _, r := range rules {
		if !broken[r.id] {
			t.Errorf("nothing breaks %s", r.id)
		}
	}
}

func TestCountriesAreReadIntoTheirCodes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"US": "US", "usa": "US", "United States": "US", "Germany": "DE", "DEU": "DE", "UK": "GB", "Japan": "JP", "Atlantis": "Atlantis", "": ""} {
		if got := country(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

func TestSolutionsAreReadFromTheConfiguration(t *testing.T) {
	t.Parallel()
	got, err := ParseSolutions("SOL-1-A=One, and more; SOL-2-B")
	if err != nil || len(got) != 2 || got[0].Name != "One, and more" || got[1].Name != "SOL-2-B" {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := ParseSolutions("Platform"); err == nil {
		t.Error("a name without an id was taken")
	}
}

func TestManyChangesOfOneMomentAreAllListed(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	p := c.portal(Profile{DealType: DealPrivate})
	for i := range 105 {
		d := c.deal()
		d.Opportunity.CRMID = fmt.Sprintf("OPP%03d", i)
		payload, err := p.Payload(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Create(t.Context(), payload, ""); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for r, err := range c.Changed(t.Context(), time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 50 { // one that was listed changes while the list is read
			c.control("edit", `{"referral":"`+r.ID+`","details":{"notes":"Edited"}}`)
		}
		n++
	}
	if n != 106 {
		t.Errorf("%d lines for 105 referrals, of which one changed meanwhile", n)
	}
}
