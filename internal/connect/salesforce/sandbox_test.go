package salesforce

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// organization starts the sandbox with n opportunities of one account, each
// with a contact role, and signs a client in to it.
func organization(t *testing.T, n int, opt sandbox.Options, change ...func(*Config)) (*Client, *sandbox.Server, string) {
	t.Helper()
	srv, err := sandbox.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		web.Close()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = srv.Load(t.Context(), func(yield func(string, map[string]any) bool) {
		_ = yield("Account", map[string]any{"Id": "001000000000001AAA", "Name": "Acme & Söhne", "Website": "https://acme.example"}) &&
			yield("Contact", map[string]any{"Id": "003000000000001AAA", "LastName": "Doe", "AccountId": "001000000000001AAA"})
		for i := range n {
			id := ID18(fmt.Sprintf("006000000%06d", i+1))
			if !yield("Opportunity", map[string]any{"Id": id, "Name": fmt.Sprintf("O'Deal %04d", i), "AccountId": "001000000000001AAA", "StageName": "1-Discovery", "CloseDate": "2026-12-31", "Amount": 139000000.5}) ||
				!yield("OpportunityContactRole", map[string]any{"OpportunityId": id, "ContactId": "003000000000001AAA", "Role": "Decision Maker"}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	id, secret := srv.Credentials()
	cfg := Config{LoginURL: web.URL, ClientID: id, ClientSecret: secret, Transport: &http.Transport{}}
	for _, ch := range change {
		ch(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.sleep = new(sleeps).sleep
	t.Cleanup(c.http.CloseIdleConnections)
	return c, srv, web.URL
}

func control(t *testing.T, base, page, body string) {
	t.Helper()
	resp, err := http.Post(base+"/_control/"+page, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s: %d %s", page, resp.StatusCode, text)
	}
}

func TestSandboxCheckFindsTheFieldsOfTheMainJob(t *testing.T) {
	t.Parallel()
	c, _, _ := organization(t, 1, sandbox.Options{})
	rep, err := c.Check(t.Context(), []Need{
		{Object: "Opportunity", Read: []string{"Id", "ARR_Net__c", "Order_Type_Test__c", "Fulfillment_Partner__c", "SystemModstamp"}},
		{Object: "CoSell_Registration__c", Write: []string{"Cloud__c", "Opportunity__c", "Portal_Status__c"}, ExternalID: "CoSell_Key__c"},
		{Object: "Task", Write: []string{"Subject", "WhatId"}, ExternalID: "CoSell_Activity_Key__c"},
		{Object: "Task", Read: []string{"Nope__c"}},
		{Object: "Nope__c"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range rep.Findings {
		got = append(got, f.Object+" "+f.Field+" "+f.Code)
	}
	if diff := cmp.Diff([]string{"Task Nope__c field_missing", "Nope__c  object_missing"}, got); diff != "" {
		t.Error(diff)
	}
	if rep.Identity.APIVersion != "67.0" || !IsID(rep.Identity.UserID) || rep.Usage.Used == 0 {
		t.Errorf("%+v", rep)
	}
	limits, err := c.Limits(t.Context())
	if err != nil || limits["DailyApiRequests"].Max == 0 {
		t.Errorf("%v, %v", limits, err)
	}
}

func TestSandboxQueryPagesWithParentsAndChildren(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 450, sandbox.Options{})
	soql := "SELECT Id, Name, Amount, Account.Name, SystemModstamp, (SELECT ContactId, Role FROM OpportunityContactRoles) FROM Opportunity WHERE Account.Name = " + Quote("Acme & Söhne") + " ORDER BY Name"
	n := 0
	for r, err := range c.Query(t.Context(), soql, QueryOptions{BatchSize: 200}) {
		if err != nil {
			t.Fatal(err)
		}
		at, err := r.Time("SystemModstamp")
		if err != nil || at.IsZero() {
			t.Fatalf("%v, %v", at, err)
		}
		if r.String("Name") != fmt.Sprintf("O'Deal %04d", n) || r.String("Account.Name") != "Acme & Söhne" || r.Number("Amount") != "139000000.5" || r.Type() != "Opportunity" {
			t.Fatalf("%d: %s", n, r.JSON())
		}
		roles := 0
		for m, err := range c.Children(t.Context(), r, "OpportunityContactRoles") {
			if err != nil || m.String("Role") != "Decision Maker" {
				t.Fatalf("%s, %v", m.JSON(), err)
			}
			roles++
		}
		if roles != 1 {
			t.Fatalf("%d roles in %s", roles, r.JSON())
		}
		if n++; n == 100 {
			control(t, base, "sessions/expire", "")
		}
	}
	if n != 450 {
		t.Errorf("%d rows", n)
	}
	if got, err := c.Count(t.Context(), "SELECT COUNT() FROM Opportunity WHERE Name = "+Quote("O'Deal 0007")); err != nil || got != 1 {
		t.Errorf("%d, %v", got, err)
	}
	for _, err := range c.Query(t.Context(), "SELECT BAD FROM", QueryOptions{}) {
		wantRemote(t, err, problem.RetryHuman, "MALFORMED_QUERY", 400)
	}
	for _, err := range c.Query(t.Context(), "SELECT Nope__c FROM Opportunity", QueryOptions{}) {
		wantRemote(t, err, problem.RetryHuman, "INVALID_FIELD", 400)
	}
}

func TestSandboxCollectionUpsertTwiceCreatesOnce(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 1, sandbox.Options{})
	in := make([]Fields, 450)
	for i := range in {
		in[i] = Fields{"CoSell_Key__c": fmt.Sprintf("aws/%d", i), "Cloud__c": "aws", "Opportunity__c": ID18("006000000000001"), "Portal_Status__c": "Submitted", "Last_Portal_Modified__c": start}
	}
	in[17]["Cloud__c"] = "moon"
	got, err := c.UpsertCollection(t.Context(), "CoSell_Registration__c", "CoSell_Key__c", in)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range got {
		if i == 17 {
			wantRemote(t, r.Err, problem.RetryHuman, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", 200)
			continue
		}
		if r.Err != nil || !r.Created || !IsID(r.ID) {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	control(t, base, "lock-row", `{"id":"`+got[3].ID+`","times":2}`)
	in[17]["Cloud__c"] = "aws"
	again, err := c.UpsertCollection(t.Context(), "CoSell_Registration__c", "CoSell_Key__c", in)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range again {
		if r.Err != nil || r.Created != (i == 17) || (i != 17 && r.ID != got[i].ID) {
			t.Fatalf("%d: %+v", i, r)
		}
	}
	one, err := c.Upsert(t.Context(), "CoSell_Registration__c", "CoSell_Key__c", "aws/3", Fields{"Portal_Status__c": "Approved"})
	if err != nil || one.Created || one.ID != got[3].ID {
		t.Errorf("%+v, %v", one, err)
	}
	r, err := c.Get(t.Context(), "CoSell_Registration__c", one.ID, "Portal_Status__c", "Last_Portal_Modified__c")
	at, terr := r.Time("Last_Portal_Modified__c")
	if err != nil || terr != nil || r.String("Portal_Status__c") != "Approved" || !at.Equal(start) {
		t.Errorf("%s, %v, %v", r.JSON(), err, terr)
	}
}

func TestSandboxCreateUpdateDeleteAndComposite(t *testing.T) {
	t.Parallel()
	c, _, _ := organization(t, 1, sandbox.Options{})
	ctx := t.Context()
	id, err := c.Create(ctx, "Task", Fields{"Subject": "Call", "Status": "Completed", "CoSell_Activity_Key__c": "k1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Create(ctx, "Task", Fields{"Subject": "Call", "Status": "Completed", "CoSell_Activity_Key__c": "k1"})
	wantRemote(t, err, problem.RetryHuman, "DUPLICATE_VALUE", 400)
	if err := c.Update(ctx, "Task", id, Fields{"Description": "said \"yes\""}); err != nil {
		t.Fatal(err)
	}
	subs, err := c.Composite(ctx, true, []Subrequest{
		{Ref: "task", Method: "POST", Path: "/sobjects/Task", Fields: Fields{"Subject": "x", "Status": "Completed"}},
		{Ref: "read", Method: "GET", Path: "/sobjects/Task/@{task.id}"},
	})
	if err != nil || subs[0].Err != nil || subs[1].Err != nil || subs[1].Status != 200 {
		t.Errorf("%+v, %v", subs, err)
	}
	for range 2 {
		if err := c.Delete(ctx, "Task", id); err != nil {
			t.Error(err)
		}
	}
	_, err = c.Get(ctx, "Task", id)
	if r := problem.RemoteOf(err); r == nil || r.Status != 404 || r.Retry != problem.RetryHuman {
		t.Error(err)
	}
	deleted := 0
	for r, err := range c.QueryAll(ctx, "SELECT Id, IsDeleted FROM Task WHERE IsDeleted = true", QueryOptions{}) {
		if err != nil || r.ID("Id") != id {
			t.Errorf("%s, %v", r.JSON(), err)
		}
		deleted++
	}
	if deleted != 1 {
		t.Errorf("%d deleted", deleted)
	}
	d1, err := c.Describe(ctx, "Task")
	if err != nil {
		t.Fatal(err)
	}
	d2, err := c.Describe(ctx, "Task")
	if err != nil || d1 != d2 {
		t.Errorf("described anew: %v", err)
	}
}

func TestSandboxLostReplyOnCreateIsUnknownAndTheRecordIsThereOnce(t *testing.T) {
	t.Parallel()
	c, srv, _ := organization(t, 1, sandbox.Options{})
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := srv.Faults().FailNext("*", 1, "lost_reply"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Create(t.Context(), "Task", Fields{"Subject": "once", "Status": "Completed"})
	wantRemote(t, err, problem.RetryUnsure, "NO_ANSWER", 0)
	if n, err := c.Count(t.Context(), "SELECT COUNT() FROM Task WHERE Subject = 'once'"); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestSandboxFullOfFaultsEndsWithEachRecordOnce(t *testing.T) {
	t.Parallel()
	c, srv, _ := organization(t, 1, sandbox.Options{}, func(cfg *Config) { cfg.MaxAttempts = 8 })
	if err := srv.Faults().Set("throttle=0.05,error=0.1,reset=0.1,lost_reply=0.1,truncate=0.1,seed=42"); err != nil {
		t.Fatal(err)
	}
	const n = 60
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for try := 0; ; try++ {
				_, err := c.Upsert(t.Context(), "Task", "CoSell_Activity_Key__c", fmt.Sprintf("k%d", i), Fields{"Subject": "logged", "Status": "Completed"})
				if err == nil {
					return
				}
				if r := problem.RetryOf(err); try == 20 || (r != problem.RetrySoon && r != problem.RetryLater) {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := srv.Faults().Set(""); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Count(t.Context(), "SELECT COUNT() FROM Task WHERE Subject = 'logged'"); err != nil || got != n {
		t.Errorf("%d, %v", got, err)
	}
}

func TestSandboxDailyLimitHoldsBackgroundWorkFirst(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 1, sandbox.Options{})
	control(t, base, "daily-limit", `{"limit":100,"used":85}`)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRemote(t, c.Ping(Background(t.Context())), problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 0)
	control(t, base, "daily-limit", `{"limit":100,"used":100}`)
	wantRemote(t, c.Ping(t.Context()), problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 403)
}

// A client secret that ran out, and a machine before Salesforce that lets nothing
// pass, are refusals for a person, and no record may be marked with them.
func TestSandboxATroubleOfTheConnectionIsNoRefusalOfTheRecords(t *testing.T) {
	t.Parallel()
	opp := ID18("006000000000001")
	task := func(on string) activity.Task {
		return activity.Task{Key: "k" + on, OpportunityCRMID: on, Subject: "Approved", On: "2026-11-24"}
	}
	records := []registration.CRMRecord{{Key: "aws-1", Cloud: "aws", OpportunityCRMID: opp, SyncState: "Submitted"}}
	change := registration.CRMChange{OpportunityCRMID: opp, Fields: map[string]string{"opportunity.next_steps": "sign"}, ReadAt: time.Now().Add(time.Hour)}
	for name, trouble := range map[string]func(t *testing.T, c *Client, base string){
		"the sign-in is refused": func(t *testing.T, c *Client, base string) {
			c.cfg.ClientSecret = "another"
			control(t, base, "sessions/expire", "")
		},
		"something before Salesforce refuses": func(_ *testing.T, c *Client, _ string) {
			c.http.Transport = refuses{c.http.Transport}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _, base := organization(t, 1, sandbox.Options{})
			crm := NewCRM(c, "USD")
			tasks, err := crm.LogTasks(t.Context(), []activity.Task{task(opp), task("001000000000009AAA")})
			if err != nil || tasks[0].Err != nil || problem.RetryOf(tasks[1].Err) != problem.RetryHuman {
				t.Fatalf("one that is refused is told apart: %+v, %v", tasks, err)
			}
			if res, err := crm.UpdateOpportunity(t.Context(), registration.CRMChange{OpportunityCRMID: opp, Fields: map[string]string{"opportunity.nope": "x"}}); err != nil || problem.RetryOf(res.Err) != problem.RetryHuman {
				t.Fatalf("%+v, %v", res, err)
			}
			trouble(t, c, base)
			tasks, err = crm.LogTasks(t.Context(), []activity.Task{task(opp)})
			if len(tasks) != 0 || problem.RetryOf(err) != problem.RetryHuman || problem.RemoteOf(err) == nil {
				t.Errorf("tasks: %+v, %v", tasks, err)
			}
			rows, err := crm.UpsertRegistrations(t.Context(), records)
			if len(rows) != 0 || problem.RetryOf(err) != problem.RetryHuman {
				t.Errorf("registrations: %+v, %v", rows, err)
			}
			if res, err := crm.UpdateOpportunity(t.Context(), change); res.Err != nil || problem.RetryOf(err) != problem.RetryHuman {
				t.Errorf("an edit: %+v, %v", res, err)
			}
		})
	}
}

// refuses answers for a machine between us and Salesforce that only lets
// descriptions pass.
type refuses struct{ next http.RoundTripper }

// RoundTrip answers with a page of that machine.
func (r refuses) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/describe") {
		return r.next.RoundTrip(req)
	}
	rec := httptest.NewRecorder()
	rec.WriteHeader(http.StatusForbidden)
	_, _ = rec.WriteString("<html>Your network does not let this pass</html>")
	resp := rec.Result()
	resp.Request = req
	return resp, nil
}

func TestSandboxJWTSignInWorksAndAWrongKeyIsForAHuman(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	opt := sandbox.Options{JWTPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})}
	use := func(pemText string) func(*Config) {
		return func(cfg *Config) {
			cfg.ClientSecret = ""
			cfg.JWT = &JWT{Username: sandbox.IntegrationUsername, PrivateKeyPEM: pemText}
		}
	}
	c, _, _ := organization(t, 0, opt, use(private))
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	wrong := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(other)}))
	c, _, _ = organization(t, 0, opt, use(wrong))
	wantRemote(t, c.Ping(t.Context()), problem.RetryHuman, "invalid_grant", 400)
}

func TestSandboxAReadWhenNothingChangedCostsOneCallForEachObject(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 10, sandbox.Options{})
	control(t, base, "clock", `{"advance":"1h"}`)
	crm := NewCRM(c, "USD")
	round := func(since time.Time) (records int, asOf []time.Time) {
		read := connection.Read{Since: since, Begun: func(b connection.Begun) bool {
			if !b.Ordered {
				t.Error("read in no order")
			}
			records, asOf = records+int(b.Total), append(asOf, b.AsOf)
			return true
		}}
		drain(t, crm.People(t.Context(), read))
		drain(t, crm.Accounts(t.Context(), read))
		drain(t, crm.Members(t.Context(), read))
		drain(t, crm.Contacts(t.Context(), read))
		drain(t, crm.Opportunities(t.Context(), read))
		return records, asOf
	}
	records, asOf := round(time.Time{})
	if records < 21 || len(asOf) != 5 {
		t.Fatalf("%d records in %d reads", records, len(asOf))
	}
	for _, at := range asOf {
		if d := time.Until(at) - time.Hour; d > 0 || d < -time.Minute {
			t.Errorf("asked at %v by the organisation's clock", at)
		}
	}
	before, _ := c.Usage()
	if records, asOf = round(asOf[0].Add(-5 * time.Minute)); records != 0 || len(asOf) != 5 {
		t.Errorf("then %d records in %d reads", records, len(asOf))
	}
	if after, _ := c.Usage(); after.Used-before.Used != 5 {
		t.Errorf("it cost %d calls", after.Used-before.Used)
	}
}

func drain[T any](t *testing.T, records iter.Seq2[T, error]) {
	t.Helper()
	for _, err := range records {
		if err != nil {
			t.Fatal(err)
		}
	}
}
