package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	awsbox "github.com/tandem-cosell/tandem/sandbox/aws"
)

const (
	aceObject    = "awsapn__ACE_Opportunity__c"
	tackleObject = "tackle__AWS_Co_Sell_Opportunity__c"
)

// partner is AWS's sandbox, and what Tandem itself calls there.
type partner struct {
	*fixture
	box     *awsbox.Server
	portal  *aws.Portal // Tandem's
	theirs  *aws.Portal // of whoever else registers
	creates int
	before  func() // just before Tandem looks whether another tool was quicker
	woken   []string
}

// ServeHTTP notes what Tandem calls.
func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".CreateOpportunity") {
		p.creates++
	}
	p.box.Handler().ServeHTTP(w, r)
}

func (p *partner) reach(h http.Handler) *aws.Portal {
	p.t.Helper()
	web := httptest.NewServer(h)
	p.t.Cleanup(web.Close)
	c, err := aws.New(aws.Config{Endpoint: web.URL, AccessKeyID: "AKIATEST", SecretAccessKey: "secret", Catalog: aws.CatalogAWS, Transport: &http.Transport{}, Clock: p.Clock, Limits: aws.Limits{ReadsPerSecond: 1000, WritesPerSecond: 1000}})
	if err != nil {
		p.t.Fatal(err)
	}
	return aws.NewPortal(c, aws.Profile{TargetCompany: "Us"}, salesforce.FieldName)
}

// coexisting has the packages of the connector and of Tackle installed, and a deal that
// AWS would take.
func coexisting(t *testing.T, test func(t *testing.T, p *partner)) {
	t.Helper()
	each(t, func(t *testing.T, f *fixture) {
		p := &partner{fixture: f, before: func() {}}
		var err error
		if p.box, err = awsbox.New(awsbox.Options{AccessKeyID: "AKIATEST", SecretAccessKey: "secret", TaskDelay: time.Millisecond, Quotas: awsbox.Quotas{Off: true}, Entities: []awsbox.Entity{{Catalog: "AWS", ID: "S-1", Type: "Solutions", Name: "Platform", Status: "Active"}}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.box.Close() })
		p.portal, p.theirs = p.reach(p), p.reach(p.box.Handler())
		f.control("setup", `{"packages":["aws_connector","tackle"]}`)
		p.reconnect()
		fields := func(object, id string, in salesforce.Fields) {
			if err := f.client.Update(f.ctx, object, id, in); err != nil {
				t.Fatal(err)
			}
		}
		fields("Account", acmeCRMID, salesforce.Fields{
			"Website": "https://www.acme.example", "Industry": "Retail", "BillingStreet": "1 Main Street", "BillingCity": "Springfield", "BillingState": "Illinois",
			"BillingPostalCode": "62701", "BillingCountry": "United States",
		})
		fields("Opportunity", jointCRMID, salesforce.Fields{
			"StageName": "3-Technical Evaluation", "CloseDate": time.Now().AddDate(0, 6, 0).Format(time.DateOnly), "Amount": 120000,
			"Description": "They need to build faster than before", "Next_Steps__c": "first step", "Order_Type_Test__c": "1. New - First Order",
		})
		f.Registrations = registration.NewService(f.DB, f.Clock, []registration.Portal{p.portal}, registration.Pace{Task: time.Millisecond, Review: time.Hour, Refresh: time.Hour, Retry: time.Millisecond, Max: time.Millisecond})
		f.Registrations.Wake = func(_ context.Context, _ *db.Tx, ids ...string) error { p.woken = append(p.woken, ids...); return nil }
		f.Registrations.LookElsewhere = func(ctx context.Context, id string) (bool, error) { p.before(); return f.LookElsewhere(ctx, id) }
		f.Opportunities.Changed = func(ctx context.Context, tx *db.Tx, changed []opportunity.Opportunity) error {
			m, err := f.Opportunities.Matcher(ctx, tx)
			if err != nil {
				return err
			}
			return f.Registrations.Reconsider(ctx, tx, m, changed)
		}
		if err := f.DB.InTx(f.ctx, f.Clock, func(tx *db.Tx) error {
			_, err := tx.Exec(f.ctx, `INSERT INTO solution (cloud, remote_id, name, seen_at) VALUES ('aws', 'S-1', 'Platform', ?)`, tx.Now())
			if err != nil {
				return err
			}
			_, err = tx.Exec(f.ctx, `INSERT INTO setting (name, value, updated_at) VALUES ('default_solutions', '{"aws":["S-1"]}', ?)`, tx.Now())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		f.pull()
		test(t, p)
	})
}

// reconnect makes the client of Salesforce anew: what it knows of the organisation is
// known for some minutes.
func (p *partner) reconnect() {
	p.t.Helper()
	key, secret := p.org.Credentials()
	var err error
	if p.client, err = salesforce.New(salesforce.Config{LoginURL: p.address, ClientID: key, ClientSecret: secret, Transport: &http.Transport{}, MaxAttempts: 1}); err != nil {
		p.t.Fatal(err)
	}
	p.CRM = salesforce.NewCRM(p.client, "USD")
}

// elsewhere registers the deal at AWS under the other tool's own id, and submits it.
func (p *partner) elsewhere(name string, submit bool) string {
	p.t.Helper()
	d, err := p.Registrations.Deal(p.ctx, p.DB, p.joint.ID, cloud.AWS)
	if err != nil {
		p.t.Fatal(err)
	}
	payload, err := p.theirs.Payload(d)
	if err != nil {
		p.t.Fatal(err)
	}
	payload = bytes.ReplaceAll(payload, []byte(jointCRMID), []byte(name))
	made, err := p.theirs.Create(p.ctx, payload, name)
	if err != nil {
		p.t.Fatal(err)
	}
	if submit {
		if err := p.theirs.Associate(p.ctx, made.ID, "S-1"); err != nil {
			p.t.Fatal(err)
		}
		task, err := p.theirs.Submit(p.ctx, made.ID, name+"-submit")
		for err == nil && !task.Done && !task.Failed {
			task, err = p.theirs.TaskStatus(p.ctx, task.ID)
		}
		if err != nil || task.Failed {
			p.t.Fatal(task, err)
		}
	}
	return made.ID
}

func (p *partner) connectorSays(remoteID, status string) string {
	return p.create(aceObject, salesforce.Fields{"Name": "Deal", "awsapn__Source_Opportunity__c": jointCRMID, "awsapn__APN_CRM_Id__c": remoteID, "awsapn__Status__c": status})
}

func (p *partner) tackleSays(remoteID string) string {
	return p.create(tackleObject, salesforce.Fields{"Name": "Deal", "tackle__Opportunity__c": jointCRMID, "tackle__AwsPartnerCentralId__c": remoteID, "tackle__LifecycleReviewStatus__c": "Submitted"})
}

// advance does what the jobs of the registration would, n times.
func (p *partner) advance(n int) registration.Registration {
	p.t.Helper()
	var r registration.Registration
	for range n {
		have, err := registration.ByOpportunities(p.ctx, p.DB, []string{p.joint.ID})
		if err != nil || len(have[p.joint.ID]) != 1 {
			p.t.Fatalf("%+v %v", have, err)
		}
		if err := p.Registrations.Advance(p.ctx, have[p.joint.ID][0].ID); err != nil {
			p.t.Fatal(err)
		}
		if r, err = registration.ByID(p.ctx, p.DB, have[p.joint.ID][0].ID); err != nil {
			p.t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return r
}

func (p *partner) stands(r registration.Registration, state registration.State, remoteID, reason string) {
	p.t.Helper()
	if r.State != state || r.RemoteID != remoteID || !strings.Contains(r.Reason, reason) || p.creates != 0 {
		p.t.Errorf("the registration is %s as %q because %q (%s), after %d creates; want %s as %q because %q", r.State, r.RemoteID, r.Reason, r.Error, p.creates, state, remoteID, reason)
	}
}

func TestADealThatTheConnectorRegisteredIsFollowedAndNeverCreated(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		made := p.elsewhere("ACE-1", true)
		record := p.connectorSays(made, "Submitted")
		p.pull()
		for range 3 { // repeated, as after a kill
			r := p.advance(1)
			p.stands(r, registration.StateInReview, made, "")
			p.pull()
		}
		if list, err := p.Connections.List(p.ctx); err != nil || !strings.Contains(list[0].Detail, "other co-sell tools there: AWS Partner CRM Connector, Tackle") {
			t.Errorf("%+v %v", list, err)
		}
		// The connector's record now names another: both are shown, and a person decides.
		if err := p.fixture.client.Update(p.ctx, aceObject, record, salesforce.Fields{"awsapn__APN_CRM_Id__c": "O2"}); err != nil {
			t.Fatal(err)
		}
		p.pull()
		views, err := p.Registrations.Views(p.ctx, p.joint.ID)
		if err != nil || len(views) != 1 || len(views[0].Claims) != 1 || views[0].Claims[0].String() != "AWS Partner CRM Connector registered it as O2 (Submitted)" {
			t.Fatalf("%+v %v", views, err)
		}
		if _, err := p.Registrations.ChooseClaim(p.ctx, views[0].Registration.ID, "O3"); err == nil {
			t.Error("a record that nobody names is taken")
		}
		if _, err := p.Registrations.ChooseClaim(p.ctx, views[0].Registration.ID, made); err != nil {
			t.Fatal(err)
		}
		if views, err = p.Registrations.Views(p.ctx, p.joint.ID); err != nil || len(views[0].Claims) != 0 {
			t.Errorf("it is still to be decided: %+v %v", views[0].Claims, err)
		}
	})
}

func TestTheConnectorMayRegisterBetweenOurCheckAndOurCreate(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		p.pull()
		made := ""
		p.before = func() {
			p.before = func() {}
			made = p.elsewhere("ACE-1", true)
			p.connectorSays(made, "Submitted")
		}
		p.stands(p.advance(2), registration.StateInReview, made, "")
	})
}

// Killed after the intent was stored, the repeat finds a token that may have been sent.
func TestARepeatedCreateLooksAtTheOtherToolsToo(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		p.pull()
		ctx, kill := context.WithCancel(p.ctx)
		p.before = kill
		have, err := registration.ByOpportunities(p.ctx, p.DB, []string{p.joint.ID})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Registrations.Advance(ctx, have[p.joint.ID][0].ID); !errors.Is(err, context.Canceled) {
			t.Fatalf("it was not killed: %v", err)
		}
		if r, err := registration.ByID(p.ctx, p.DB, have[p.joint.ID][0].ID); err != nil || r.State != registration.StateCreating {
			t.Fatalf("%s %v", r.State, err)
		}
		p.before = func() {}
		made := p.elsewhere("ACE-1", true)
		p.connectorSays(made, "Submitted")
		p.stands(p.advance(2), registration.StateInReview, made, "")
	})
}

func TestWhatAnotherToolHasBegunIsWaitedForUntilAPersonSaysOtherwise(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		record := p.connectorSays("", "Draft")
		p.pull()
		p.stands(p.advance(2), registration.StateElsewhere, "", "AWS Partner CRM Connector has begun to register it (Draft)")
		draft := p.elsewhere("ACE-1", false)
		say := func(id string) {
			t.Helper()
			if err := p.fixture.client.Update(p.ctx, aceObject, record, salesforce.Fields{"awsapn__APN_CRM_Id__c": id}); err != nil {
				t.Fatal(err)
			}
			p.pull()
		}
		say(draft)
		p.stands(p.advance(2), registration.StateElsewhere, "", "did not submit it")
		say("O0000000")
		p.stands(p.advance(2), registration.StateElsewhere, "", "does not see")
		say("")
		r := p.advance(1)
		if _, err := p.Registrations.ChooseClaim(p.ctx, r.ID, ""); err != nil {
			t.Fatal(err)
		}
		if r = p.advance(1); r.RemoteID == "" || p.creates != 1 {
			t.Errorf("%s (%s %s) after %d creates", r.State, r.Reason, r.Error, p.creates)
		}
	})
}

func TestTwoToolsThatClaimDifferentRecordsAreForAPerson(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		one, two := p.elsewhere("ACE-1", true), p.elsewhere("TACKLE-1", true)
		p.connectorSays(one, "Submitted")
		p.tackleSays(two)
		p.pull()
		r := p.advance(2)
		p.stands(r, registration.StateElsewhere, "", fmt.Sprintf("AWS Partner CRM Connector registered it as %s (Submitted); Tackle registered it as %s (Submitted): say which record holds", one, two))
		if _, err := p.Registrations.ChooseClaim(p.ctx, r.ID, two); err != nil {
			t.Fatal(err)
		}
		p.stands(p.advance(2), registration.StateInReview, two, "")
	})
}

func TestNothingIsSentWhileSalesforceDoesNotSayWhatOthersRegistered(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		p.pull()
		if _, err := p.CRM.Tools(p.ctx); err != nil {
			t.Fatal(err)
		}
		p.before = func() { p.control("faults", `{"spec":"error=1"}`) }
		r := p.advance(1)
		p.control("faults", `{"spec":""}`)
		if r.State != registration.StateCreating || r.ErrorCode != "claims_unread" || p.creates != 0 {
			t.Errorf("%s %s, %d creates", r.State, r.ErrorCode, p.creates)
		}
		p.before = func() {}
		if r = p.advance(2); p.creates != 1 || r.RemoteID == "" {
			t.Errorf("%s %s, %d creates", r.State, r.Error, p.creates)
		}
	})
}

func TestWithoutOtherToolsNobodyIsAskedBeforeACreate(t *testing.T) {
	coexisting(t, func(t *testing.T, p *partner) {
		p.control("setup", `{}`)
		p.reconnect()
		p.pull()
		tools, err := p.CRM.Tools(p.ctx)
		before := p.calls.n
		if r := p.advance(1); len(tools) != 0 || err != nil || r.RemoteID == "" || p.creates != 1 || p.calls.n != before {
			t.Errorf("%v %v: %s %s, %d creates, %d calls to Salesforce", tools, err, r.State, r.Error, p.creates, p.calls.n-before)
		}
	})
}
