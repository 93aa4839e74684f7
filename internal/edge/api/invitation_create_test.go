package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

// opportunitiesInSalesforce counts what the sandbox holds.
func (w *world) opportunitiesInSalesforce(t *testing.T) int {
	t.Helper()
	res, err := http.Get(w.salesforce + "/_control/stats") //nolint:noctx // a sandbox's own control
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var stats struct{ Records map[string]int }
	if err := json.NewDecoder(res.Body).Decode(&stats); err != nil {
		t.Fatal(err)
	}
	return stats.Records["Opportunity"]
}

// trouble tells Salesforce's sandbox what shall go wrong.
func (w *world) trouble(t *testing.T, page, body string) {
	t.Helper()
	res, err := http.Post(w.salesforce+"/_control/"+page, "application/json", strings.NewReader(body)) //nolint:noctx // a sandbox's own control
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", page, res.StatusCode, text, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Salesforce first refuses by a rule of the organisation, and then every answer to
// the making of the opportunity is lost: there is one in the end, and it is linked.
func TestAReferralIsMadeAnOpportunityInSalesforceOnce(t *testing.T) {
	t.Parallel()
	customer := shared.unjoint(t, 30).AccountName
	i := shared.offered(t, customer)
	path := "/invitations/" + i.ID
	shared.get(t, path+"/draft").refusal(t, http.StatusConflict, "not_creatable")
	shared.do(t, call{method: http.MethodPost, path: path + "/accept"}).want(t, http.StatusAccepted)
	d := shared.invitation(t, i.ID, "accepted")
	if !d.Creatable || !d.Linkable {
		t.Fatalf("%+v", d)
	}
	have := shared.opportunitiesInSalesforce(t)
	draft := into[api.InvitationDraft](t, shared.get(t, path+"/draft").want(t, http.StatusOK))
	values := map[string]api.NewOpportunityField{}
	for _, f := range draft.Fields {
		values[f.Name] = f
	}
	name, account, stage := values["opportunity.name"], values["opportunity.account"], values["opportunity.stage"]
	if name.Value == "" || name.From != "Project.Title" || name.Length != 120 || account.Value == "" || account.Value != draft.Accounts[0].CRMID || draft.Accounts[0].Name != customer ||
		stage.CRMField != "Opportunity.StageName" || stage.Value != "1-Discovery" || values["opportunity.close_on"].Value == "" || values["opportunity.lead_source"].Value != "AWS" {
		t.Fatalf("%+v", draft)
	}
	dry := into[api.InvitationAnswered](t, shared.do(t, call{method: http.MethodPost, path: path + "/create-opportunity?dry_run=true", body: `{"values":{"opportunity.next_steps":""}}`}).want(t, http.StatusOK))
	if !dry.DryRun || dry.Values["opportunity.name"] != name.Value || dry.Values["opportunity.next_steps"] != "" || dry.Values["opportunity.owner"] == "" {
		t.Fatalf("%+v", dry)
	}
	bad := shared.do(t, call{method: http.MethodPost, path: path + "/create-opportunity", body: `{"values":{"opportunity.stage":"Prospecting","opportunity.account":"001x"}}`}).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	if len(bad.Errors) != 2 || bad.Errors[0].Field != "opportunity.account" || bad.Errors[1].Field != "opportunity.stage" {
		t.Fatalf("%+v", bad.Errors)
	}

	shared.trouble(t, "setup", `{"validation_rules":[{"object":"Opportunity","name":"Offered","when":"CoSell_Origin_Key__c != null","field":"Next_Steps__c","message":"Say what comes next"}]}`)
	create := call{method: http.MethodPost, path: path + "/create-opportunity", body: `{"values":{"opportunity.next_steps":""}}`, header: map[string]string{"Idempotency-Key": "create " + i.ID}}
	first := shared.do(t, create).want(t, http.StatusAccepted)
	if again := shared.do(t, create).want(t, http.StatusAccepted); string(again.body) != string(first.body) {
		t.Fatalf("the repeat: %s", again.body)
	}
	d = shared.invitation(t, i.ID, "failed")
	if d.ErrorCode != "FIELD_CUSTOM_VALIDATION_EXCEPTION" || !strings.Contains(d.Error, "Say what comes next") || !d.Creatable || !d.Linkable || shared.opportunitiesInSalesforce(t) != have {
		t.Fatalf("%+v", d)
	}
	for _, f := range into[api.InvitationDraft](t, shared.get(t, path+"/draft").want(t, http.StatusOK)).Fields {
		if f.Name == "opportunity.next_steps" && f.Fault != "Say what comes next" {
			t.Fatalf("%+v", f)
		}
	}

	shared.trouble(t, "setup", `{}`)
	shared.trouble(t, "faults", `{"fail_next":{"operation":"upsert","count":5,"kind":"lost_reply"}}`)
	shared.do(t, call{method: http.MethodPost, path: path + "/create-opportunity", body: `{"values":{"opportunity.next_steps":"Call them"}}`}).want(t, http.StatusAccepted)
	d = shared.invitation(t, i.ID, "linked")
	if n := shared.opportunitiesInSalesforce(t); n != have+1 {
		t.Fatalf("%d opportunities more", n-have)
	}
	o := into[api.Opportunity](t, shared.get(t, "/opportunities/"+d.OpportunityID).want(t, http.StatusOK))
	if o.CRMID == "" || o.CRMID != d.OpportunityCRMID || o.Name != name.Value || o.AccountName != customer || o.NextSteps != "Call them" || o.Stage != "1-Discovery" {
		t.Fatalf("%+v", o)
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r := into[api.RegistrationDetail](t, shared.get(t, "/registrations/"+d.RegistrationID).want(t, http.StatusOK))
		if r.RemoteID == d.RemoteOpportunityID && r.OpportunityID == d.OpportunityID && r.RemoteReadAt != nil {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("it is not followed: %+v", r)
		}
	}
	for _, c := range into[items[api.Conflict]](t, shared.get(t, "/conflicts").want(t, http.StatusOK)).Items {
		switch c.Path { // the account is another company's, and the next steps are ours
		case "Project.Title", "Project.CustomerBusinessProblem", "LifeCycle.Stage", "LifeCycle.TargetCloseDate", "OpportunityType":
			if c.RegistrationID == d.RegistrationID {
				t.Errorf("the two sides disagree at once: %+v", c)
			}
		}
	}
	shared.do(t, call{method: http.MethodPost, path: path + "/create-opportunity", body: `{}`}).refusal(t, http.StatusConflict, "not_creatable")
}
