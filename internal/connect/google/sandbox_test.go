package google

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/google"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// world is the portal on the API carrier, and a Google behind it.
type world struct {
	t      *testing.T
	url    string
	clock  *kit.Clock
	faults *kit.Faults
	server *sandbox.Server
	api    *API
	*Portal
}

func open(t *testing.T, opt sandbox.Options) *world {
	t.Helper()
	opt.Clock, opt.Faults, opt.Key = kit.NewClock(), kit.NewFaults(), testKey()
	s, err := sandbox.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(s.Handler())
	web.Config.Protocols = sandbox.Protocols()
	web.Start()
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	key, err := s.Credentials(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{
		Endpoint: web.URL, PubSubEndpoint: web.URL, KeyJSON: key, Partner: s.Partner(), BackOff: time.Millisecond, Settle: time.Minute,
		Subscription: "projects/" + s.Project() + "/subscriptions/deals",
	})
	if err != nil {
		t.Fatal(err)
	}
	api := &API{c}
	return &world{t, web.URL, opt.Clock, opt.Faults, s, api, NewPortal(api, Profile{}, nil)}
}

func (w *world) control(path, body string) {
	w.t.Helper()
	resp, err := http.Post(w.url+"/_control/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("control %s: %s %v", path, answer, err)
	}
}

func (w *world) calls() int64 { return w.api.reads.Load() + w.api.writes.Load() }

func deal() registration.Deal {
	amount, employees := int64(12_000_050), int64(1200)
	return registration.Deal{
		Opportunity: opportunity.Opportunity{
			CRMID: "006A1", Name: "Platform", Description: "One tool in place of three.", NextSteps: "Show the pilot", Stage: "2-Scoping", CloseOn: date.Date("2027-03-31"),
			Currency: "USD", AmountMinor: &amount, OrderType: "1. New - First Order", StartOn: "2027-04-01", EndOn: "2029-03-31",
		},
		Account:  account.Account{Name: "Orchard", Website: "https://www.orchard.example/en", Street: "1 Orchard Way\nFloor 2", City: "New York", Country: "US", PostalCode: "10001", Employees: &employees, Industry: "Banking"},
		Contacts: []opportunity.Contact{{FirstName: "Bo", LastName: "Li", Email: "bo@orchard.example"}, {FirstName: "Ana", LastName: "Ruiz", Email: "ana@orchard.example", Phone: "+1 (415) 555-0100", Primary: true}},
	}
}

func (w *world) made(d registration.Deal) registration.Remote {
	w.t.Helper()
	payload, err := w.Payload(d)
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.Create(w.t.Context(), payload, "t")
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// accepted takes a deal to Google's yes.
func (w *world) accepted(d registration.Deal) registration.Remote {
	w.t.Helper()
	r := w.made(d)
	task, err := w.Submit(w.t.Context(), r.ID, "t")
	if err != nil || !task.Done {
		w.t.Fatalf("%+v %v", task, err)
	}
	w.control("review", fmt.Sprintf(`{"opportunity":%q,"decision":"ACCEPTED"}`, r.ID))
	out, err := w.Read(w.t.Context(), r.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestADealIsRegisteredAndKeptTrue(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	d := deal()
	if f := w.Check(d); len(f) != 0 {
		t.Fatalf("%+v", f)
	}
	r := w.accepted(d)
	if r.State != registration.StateApproved || r.Stage != "QUALIFY" || len(r.Sellers) != 2 || !strings.HasPrefix(r.EngagementID, "DR-") {
		t.Fatalf("%+v", r)
	}
	theirs, err := w.Theirs(r.Record)
	if err != nil {
		t.Fatal(err)
	}
	for path, ours := range w.Ours(d) {
		if theirs[path] != ours && path != "stage" {
			t.Errorf("%s: ours %s, theirs %s", path, ours, theirs[path])
		}
	}
	for path, want := range map[string]string{
		"opportunityInfo.opportunityAmount": `"USD 120000.50"`, "qualificationInfo.estimatedCloseDate": `"2027-03-31"`, "qualificationInfo.contractLengthMonths": `"24"`,
		"customerInfo.customerDetails.domain": `"orchard.example"`, "customerInfo.customerDetails.address.addressLines": `["1 Orchard Way","Floor 2"]`,
		"qualificationInfo.operationType": `"NEW"`, "customerInfo.contact": `{"email":"ana@orchard.example","familyName":"Ruiz","givenName":"Ana","phone":{"e164Number":"+14155550100"}}`,
	} {
		if theirs[path] != want {
			t.Errorf("%s: %s", path, theirs[path])
		}
	}
	before := w.calls()
	r, err = w.Update(t.Context(), r.ID, r.Record, registration.Values{"stage": `"REFINE"`, "qualificationInfo.estimatedCloseDate": `"2027-06-30"`, "isvSolutionConnectInfo.nextStep": ""})
	if err != nil || w.calls() != before+1 {
		t.Fatalf("%d calls, %v", w.calls()-before, err)
	}
	if theirs, err = w.Theirs(r.Record); err != nil || theirs["stage"] != `"REFINE"` || theirs["qualificationInfo.estimatedCloseDate"] != `"2027-06-30"` || theirs["isvSolutionConnectInfo.nextStep"] != "" {
		t.Errorf("%v %v", theirs, err)
	}
	if r, err = w.Update(t.Context(), r.ID, r.Record, registration.Values{"stage": `"MIGRATION_IMPL"`}); err != nil {
		t.Fatal(err)
	}
	if theirs, err = w.Theirs(r.Record); err != nil || theirs["stage"] != `"MIGRATION_IMPL"` || r.State != registration.StateApproved {
		t.Errorf("said to be won, and not yet so at Google: %v %s %v", theirs["stage"], r.State, err)
	}
	w.control("google-update", fmt.Sprintf(`{"opportunity":%q,"stage":"MIGRATION_IMPL"}`, r.ID))
	if r, err = w.Read(t.Context(), r.ID); err != nil || r.State != registration.StateLaunched {
		t.Errorf("%+v %v", r, err)
	}
}

func TestAChangeOfWhatChangedMeanwhileIsStale(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	r := w.accepted(deal())
	w.control("google-update", fmt.Sprintf(`{"opportunity":%q,"stage":"TECH_EVAL_SOL_DEV"}`, r.ID))
	_, err := w.Update(t.Context(), r.ID, r.Record, registration.Values{"stage": `"REFINE"`})
	if !problem.Is(err, problem.KindPrecondition) {
		t.Fatalf("%v", err)
	}
	fresh, err := w.ReadRecord(t.Context(), r.ID)
	if err != nil || fresh.Stage != "TECH_EVAL_SOL_DEV" {
		t.Errorf("%+v %v", fresh, err)
	}
}

func TestALostCreateIsLookedForAndNotRepeated(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]sandbox.Options{"by our id": {}, "by walking all": {FilterFields: []string{"state"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, opt)
			for i := range 120 {
				d := deal()
				d.Opportunity.CRMID = fmt.Sprintf("006B%d", i)
				w.made(d)
			}
			payload, err := w.Payload(deal())
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range []string{"lost_reply", "truncate"} {
				if err := w.faults.FailNext("opportunities.create", 1, kind); err != nil {
					t.Fatal(err)
				}
				before := w.api.writes.Load()
				_, err = w.Create(t.Context(), payload, "t")
				if problem.RetryOf(err) != problem.RetryUnsure || w.api.writes.Load() != before+1 || problem.RemoteOf(err).RetryAfter != time.Minute {
					t.Fatalf("%s: %d writes, %+v", kind, w.api.writes.Load()-before, err)
				}
				found, err := w.Find(t.Context(), deal())
				if err != nil || found == nil {
					t.Fatalf("%+v %v", found, err)
				}
			}
			d := deal()
			d.Opportunity.CRMID = "006none"
			if found, err := w.Find(t.Context(), d); found != nil || err != nil {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
}

func TestSubmittingTwiceIsAsOnce(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	r := w.made(deal())
	if err := w.faults.FailNext("opportunities.patch", 1, "lost_reply"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Submit(t.Context(), r.ID, "t"); problem.RetryOf(err) != problem.RetryUnsure {
		t.Fatalf("%v", err)
	}
	if task, err := w.Submit(t.Context(), r.ID, "t"); err != nil || !task.Done {
		t.Errorf("%+v %v", task, err)
	}
	w.control("review", fmt.Sprintf(`{"opportunity":%q,"decision":"NOT_ACCEPTED","description":"No such customer"}`, r.ID))
	if r, err := w.Read(t.Context(), r.ID); err != nil || r.State != registration.StateRejected || r.ReviewComment != "No such customer" {
		t.Errorf("%+v %v", r, err)
	}
}

func TestTroublesHaveTheirClass(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	r := w.made(deal())
	for _, c := range []struct {
		op, kind string
		act      func() error
		want     problem.Retry
	}{
		{"opportunities.create", "throttle", func() error { return create(w) }, problem.RetrySoon},
		{"opportunities.create", "error", func() error { return create(w) }, problem.RetryUnsure},
		{"opportunities.create", "reset", func() error { return create(w) }, problem.RetryUnsure},
	} {
		if err := w.faults.FailNext(c.op, 1, c.kind); err != nil {
			t.Fatal(err)
		}
		if err := c.act(); problem.RetryOf(err) != c.want {
			t.Errorf("%s %s: %v", c.op, c.kind, err)
		}
	}
	for _, kind := range []string{"error", "reset", "truncate", "session"} { // of a read: passes by itself
		if err := w.faults.FailNext("opportunities.get", 1, kind); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Read(t.Context(), r.ID); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := w.faults.FailNext("opportunities.create", 1, "session"); err != nil {
		t.Fatal(err)
	}
	if err := create(w); err != nil {
		t.Errorf("an ended token: %v", err)
	}
	w.clock.Advance(2 * time.Hour)
	if _, err := w.Read(t.Context(), r.ID); err != nil {
		t.Errorf("a token that ended by Google's clock: %v", err)
	}
	if _, err := w.Read(t.Context(), "opportunities/1"); !problem.Is(err, problem.KindNotFound) {
		t.Errorf("%v", err)
	}
	w.control("listed", `{"listed":false}`)
	if _, err := w.Ping(t.Context()); problem.RetryOf(err) != problem.RetryHuman || !strings.Contains(err.Error(), "listed partners only") {
		t.Errorf("%v", err)
	}
	w.control("listed", `{"listed":true}`)
	if detail, err := w.Ping(t.Context()); err != nil || !strings.Contains(detail, "Experimental") {
		t.Errorf("%q %v", detail, err)
	}
}

func create(w *world) error {
	payload, err := w.Payload(deal())
	if err != nil {
		return err
	}
	_, err = w.Create(w.t.Context(), payload, "t")
	return err
}

func TestARefusalNamesTheField(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	r := w.accepted(deal())
	_, err := w.Update(t.Context(), r.ID, r.Record, registration.Values{"customerInfo.customerDetails.domain": `"other.example"`})
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || len(p.Fields) != 1 || !strings.Contains(p.Fields[0].Field, "customerInfo.customerDetails.domain") || problem.RetryOf(err) != problem.RetryHuman {
		t.Errorf("%v", err)
	}
	if l := w.Locked(r.Status, r.Stage, "customerInfo.customerDetails.domain"); !l.Locked || !l.Final {
		t.Errorf("%+v", l)
	}
}

func TestAPoorDealIsRefusedHereAndThere(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	d := deal()
	d.Account.Employees, d.Contacts, d.Account.Website = nil, nil, ""
	found := w.Check(d)
	if found.Errors() != 3 {
		t.Fatalf("%+v", found)
	}
	r := w.made(d) // a draft may lack them
	_, err := w.Submit(t.Context(), r.ID, "t")
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || len(p.Fields) != len(found) {
		t.Errorf("we found %d, Google %v", len(found), err)
	}
}

func TestChangesComeInTheirOrder(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]sandbox.Options{"sorted by Google": {}, "sorted here": {FilterFields: []string{"state"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := open(t, opt)
			var ids []string
			for i := range 3 {
				d := deal()
				d.Opportunity.CRMID = fmt.Sprintf("006C%d", i)
				ids = append(ids, w.accepted(d).ID)
			}
			list := func(since time.Time) (out []registration.RemoteChange) {
				t.Helper()
				for c, err := range w.Changes(t.Context(), since) {
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, c)
				}
				return out
			}
			all := list(time.Time{})
			if len(all) != 3 || all[0].OurID != "006C0" || all[0].Draft || all[0].Company == "" {
				t.Fatalf("%+v", all)
			}
			w.control("google-update", fmt.Sprintf(`{"opportunity":%q,"stage":"REFINE"}`, ids[0]))
			since := list(all[2].ChangedAt)
			if len(since) != 1 || since[0].RemoteID != ids[0] || since[0].Stage != "REFINE" {
				t.Errorf("%+v", since)
			}
			if all = list(time.Time{}); all[2].RemoteID != ids[0] {
				t.Errorf("the last that changed is not the last: %+v", all)
			}
		})
	}
}

func TestEventsNameWhatToReadUntilTheyAreAcknowledged(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	if _, _, err := w.Listen(t.Context()); !problem.Is(err, problem.KindNotFound) {
		t.Errorf("a subscription there is not: %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, w.url+"/v1/"+w.api.cfg.Subscription, strings.NewReader(`{"topic":"`+w.server.Topic()+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.api.signedIn(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	resp.Body.Close()
	r := w.accepted(deal())
	names, _, err := w.Listen(t.Context())
	if err != nil || len(names) != 1 || names[0] != r.ID {
		t.Fatalf("%v %v", names, err)
	}
	w.clock.Advance(time.Minute) // not acknowledged: they come again
	names, done, err := w.Listen(t.Context())
	if err != nil || len(names) != 1 {
		t.Fatalf("%v %v", names, err)
	}
	if err := done(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Hour)
	if names, _, err = w.Listen(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("%v %v", names, err)
	}
}

func TestAWrongConfigurationSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Endpoint: "nowhere", KeyJSON: []byte("{}"), Partner: "a/b", Subscription: "deals"})
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != problem.KindInvalid || len(p.Fields) != 4 {
		t.Errorf("%v", err)
	}
}

func TestALateAnswerIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := open(t, sandbox.Options{})
	r := w.made(deal())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Read(ctx, r.ID); err == nil {
		t.Error("an ended context was answered")
	}
}
