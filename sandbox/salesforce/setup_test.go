package salesforce_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func (o *org) setUp(body string) {
	o.t.Helper()
	o.control("POST", "setup", body).want(200, "")
}

func TestAValidationRuleRefusesTheRecordsForWhichItHolds(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	rich := o.account("Rich")
	o.api("PATCH", "/sobjects/Account/"+rich, `{"AnnualRevenue":1000000}`).want(204, "")
	deal := o.opportunity("Deal")
	o.setUp(`{"validation_rules":[
		{"object":"opportunity","name":"Amount_From_Proposal","when":"StageName = '4-Proposal' AND Amount = null","message":"An amount is needed from stage 4 on","field":"amount"},
		{"object":"Opportunity","name":"Not_In_The_Past","when":"CloseDate < TODAY AND IsClosed = false","message":"The close date has passed"},
		{"object":"Opportunity","name":"Rich","when":"Account.AnnualRevenue > 500000 AND Amount < 10","message":"Too small for this account"}]}`)
	a := o.api("PATCH", "/sobjects/Opportunity/"+deal, `{"StageName":"4-Proposal"}`).want(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
	if a.body != `[{"errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":["Amount"],"message":"An amount is needed from stage 4 on"}]` {
		t.Errorf("the refusal %s", a.body)
	}
	if a := o.api("PATCH", "/sobjects/Opportunity/"+deal, `{"CloseDate":"2026-09-14"}`).want(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"); !strings.Contains(a.body, `"fields":[]`) {
		t.Errorf("a rule of the page: %s", a.body)
	}
	o.api("PATCH", "/sobjects/Opportunity/"+deal, `{"CloseDate":"2026-09-14","StageName":"8-Closed Lost"}`).want(204, "")
	o.api("POST", "/sobjects/Opportunity", `{"Name":"x","StageName":"1-Discovery","CloseDate":"2026-12-01","Amount":5,"AccountId":"`+rich+`"}`).want(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
	got := o.api("POST", "/composite/sobjects", `{"records":[
		{"attributes":{"type":"Opportunity"},"Name":"ok","StageName":"4-Proposal","CloseDate":"2026-12-01","Amount":5},
		{"attributes":{"type":"Opportunity"},"Name":"no","StageName":"4-Proposal","CloseDate":"2026-12-01"}]}`).want(200, "").list()
	if got[0]["success"] != true || code(got[1]) != "FIELD_CUSTOM_VALIDATION_EXCEPTION" {
		t.Errorf("the collection %v", got)
	}
	id, _ := o.ingest(`{"object":"Opportunity","operation":"insert"}`, "Name,StageName,CloseDate\nx,4-Proposal,2026-12-01\n")
	if failed := o.rows("/jobs/ingest/"+id+"/failedResults", ','); !strings.HasPrefix(failed[1], "|FIELD_CUSTOM_VALIDATION_EXCEPTION:An amount is needed from stage 4 on:Amount --|") {
		t.Errorf("the job's failures %q", failed)
	}
	if got := o.control("GET", "setup", "").want(200, "").object()["validation_rules"].([]any); len(got) != 3 {
		t.Errorf("the setup %v", got)
	}
	o.control("DELETE", "setup", "").want(200, "")
	o.api("POST", "/sobjects/Opportunity", `{"Name":"x","StageName":"4-Proposal","CloseDate":"2026-12-01"}`).want(201, "")
}

func TestFieldsBecomeRequiredUniqueAndRestricted(t *testing.T) {
	t.Parallel()
	clock, path := kit.NewFrozenClock(noon), t.TempDir()+"/state"
	o := start(t, salesforce.Options{Clock: clock, StatePath: path})
	old := o.account("Old")
	seen := map[string]string{"If-Modified-Since": o.api("GET", "/sobjects/Account/describe", "").header.Get("Last-Modified")}
	setup := `{"fields":[
		{"object":"Account","field":"Site","required":true},
		{"object":"Account","field":"AccountNumber","unique":true},
		{"object":"Account","field":"Rating","restricted":true,"values":["Hot","Lukewarm"]}]}`
	o.setUp(setup)
	check := func(o *org) {
		t.Helper()
		a := o.api("POST", "/sobjects/Account", `{"Name":"x"}`).want(400, "REQUIRED_FIELD_MISSING")
		if !strings.Contains(a.body, "Required fields are missing: [Site]") {
			t.Errorf("the refusal %s", a.body)
		}
		o.api("PATCH", "/sobjects/Account/"+old, `{"Phone":"1"}`).want(400, "REQUIRED_FIELD_MISSING")
		o.api("POST", "/sobjects/Account", `{"Name":"x","Site":"s","Rating":"Cold"}`).want(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
		fields := map[string]map[string]any{}
		for _, f := range o.api("GET", "/sobjects/Account/describe", "", seen).want(200, "").object()["fields"].([]any) {
			field := f.(map[string]any)
			fields[field["name"].(string)] = field
		}
		if fields["Site"]["nillable"] != false || fields["AccountNumber"]["unique"] != true || fields["Rating"]["restrictedPicklist"] != true || len(fields["Rating"]["picklistValues"].([]any)) != 2 {
			t.Errorf("described as %v %v %v", fields["Site"], fields["AccountNumber"], fields["Rating"])
		}
	}
	check(o)
	first := o.api("POST", "/sobjects/Account", `{"Name":"x","Site":"s","Rating":"lukewarm","AccountNumber":"N-1"}`).want(201, "").id()
	a := o.api("POST", "/sobjects/Account", `{"Name":"y","Site":"s","AccountNumber":"n-1"}`).want(400, "DUPLICATE_VALUE")
	if !strings.Contains(a.body, "duplicate value found: AccountNumber duplicates value on record with id: "+first) {
		t.Errorf("the refusal %s", a.body)
	}
	o.http.Close()
	if err := o.server.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, salesforce.Options{Clock: clock, StatePath: path})
	check(again)
	again.api("POST", "/sobjects/Account", `{"Name":"y","Site":"s","AccountNumber":"n-1"}`).want(400, "DUPLICATE_VALUE")
	now := map[string]string{"If-Modified-Since": again.api("GET", "/sobjects/Account/describe", "").header.Get("Last-Modified")}
	again.api("GET", "/sobjects/Account/describe", "", now).want(304, "")
	again.control("DELETE", "setup", "").want(200, "")
	again.api("GET", "/sobjects/Account/describe", "", now).want(200, "")
	again.api("POST", "/sobjects/Account", `{"Name":"y","AccountNumber":"n-1"}`).want(201, "")
	if a := again.control("POST", "setup", setup).want(400, ""); !strings.Contains(a.body, "2 records share the value N-1") {
		t.Errorf("unique over duplicates: %s", a.body)
	}
	for body, want := range map[string]string{
		`{"fields":[{"object":"Account","field":"Nope"}]}`:                                                                        "Account has no field",
		`{"fields":[{"object":"Account","field":"Name","values":["x"]}]}`:                                                         "no picklist",
		`{"fields":[{"object":"Account","field":"CreatedDate","required":true}]}`:                                                 "the system sets it",
		`{"fields":[{"object":"Opportunity","field":"Amount","unique":true}]}`:                                                    "only texts",
		`{"validation_rules":[{"object":"Nope","name":"x","when":"Id = null","message":"m"}]}`:                                    `there is no object`,
		`{"validation_rules":[{"object":"Account","name":"x","when":"Nope = 1","message":"m"}]}`:                                  "No such column",
		`{"validation_rules":[{"object":"Account","name":"x","when":"Id IN (SELECT AccountId FROM Opportunity)","message":"m"}]}`: "no sub-select",
		`{"validation_rules":[{"object":"Account","name":"x","when":"Name = null"}]}`:                                             "a name and a message",
		`{"access":[{"object":"Account","field":"Phone","level":"all"}]}`:                                                         "none, read or edit",
		`{"access":[{"object":"Account","field":"Name","level":"none"}]}`:                                                         "everybody",
		`{"access":[{"user":"nobody","object":"Account","level":"read"}]}`:                                                        "there is no user",
		`{"rules":[]}`: "unknown field",
	} {
		if a := again.control("POST", "setup", body).want(400, ""); !strings.Contains(a.body, want) {
			t.Errorf("%s: %s, want %s", body, a.body, want)
		}
	}
}

func TestWhatTheIntegrationUserMayNotSeeIsNotThere(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	opp := o.opportunity("Deal")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Amount":100,"NextStep":"call"}`).want(204, "")
	o.setUp(`{"access":[
		{"object":"Opportunity","field":"Amount","level":"none"},
		{"object":"Opportunity","field":"Fulfillment_Partner__c","level":"none"},
		{"object":"Opportunity","field":"NextStep","level":"read"},
		{"object":"Account","level":"read"},
		{"object":"CoSell_Registration__c","field":"CoSell_Key__c","level":"none"},
		{"object":"CoSell_Offer__c","level":"none"}]}`)
	names := func(path, key string) string {
		var out []string
		for _, v := range o.api("GET", path, "").want(200, "").object()[key].([]any) {
			out = append(out, v.(map[string]any)["name"].(string))
		}
		return " " + strings.Join(out, " ") + " "
	}
	if fields := names("/sobjects/Opportunity/describe", "fields"); strings.Contains(fields, " Amount ") || strings.Contains(fields, " Fulfillment_Partner__c ") || !strings.Contains(fields, " NextStep ") {
		t.Errorf("described %s", fields)
	}
	for _, f := range o.api("GET", "/sobjects/Opportunity/describe", "").object()["fields"].([]any) {
		if field := f.(map[string]any); field["name"] == "NextStep" && (field["updateable"] != false || field["createable"] != false) {
			t.Errorf("NextStep %v", field)
		}
	}
	if objects := names("/sobjects", "sobjects"); strings.Contains(objects, "CoSell_Offer__c") || !strings.Contains(objects, "CoSell_Registration__c") {
		t.Errorf("objects %s", objects)
	}
	account := o.api("GET", "/sobjects/Account/describe", "").object()
	if account["createable"] != false || account["updateable"] != false || strings.Contains(fmt.Sprint(account["childRelationships"]), "Opportunities_Fulfillment__r") {
		t.Errorf("Account is described as %v", account["createable"])
	}
	o.api("GET", "/query?q=SELECT+Amount+FROM+Opportunity", "").want(400, "INVALID_FIELD")
	o.api("GET", "/query?q=SELECT+Id+FROM+Opportunity+WHERE+Amount=1", "").want(400, "INVALID_FIELD")
	o.api("GET", "/query?q=SELECT+Fulfillment_Partner__r.Name+FROM+Opportunity", "").want(400, "INVALID_FIELD")
	o.api("GET", "/query?q=SELECT+Opportunity__r.Amount+FROM+CoSell_Registration__c", "").want(400, "INVALID_FIELD")
	o.api("GET", "/query?q=SELECT+(SELECT+Id+FROM+Opportunities_Fulfillment__r)+FROM+Account", "").want(400, "INVALID_TYPE")
	o.api("GET", "/query?q=SELECT+Id+FROM+CoSell_Offer__c", "").want(400, "INVALID_TYPE")
	if got := o.query("SELECT FIELDS(ALL) FROM Opportunity LIMIT 1")[0]; got["NextStep"] != "call" || len(got) < 40 {
		t.Errorf("all fields %v", got)
	} else if _, there := got["Amount"]; there {
		t.Error("FIELDS(ALL) shows what is hidden")
	}
	row := o.api("GET", "/sobjects/Opportunity/"+opp, "").want(200, "").object()
	if _, there := row["Amount"]; there || row["NextStep"] != "call" {
		t.Errorf("the row %v", row)
	}
	o.api("GET", "/sobjects/Opportunity/"+opp+"?fields=Amount", "").want(400, "INVALID_FIELD")
	o.api("GET", "/composite/sobjects/Opportunity?ids="+opp+"&fields=Amount", "").want(400, "INVALID_FIELD")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Amount":1}`).want(400, "INVALID_FIELD")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Fulfillment_Partner__r":{"Id":"001000000000000AAA"}}`).want(400, "INVALID_FIELD")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"NextStep":"x"}`).want(400, "INVALID_FIELD_FOR_INSERT_UPDATE")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Name":"Renamed"}`).want(204, "")
	o.api("POST", "/sobjects/Account", `{"Name":"x"}`).want(400, "INSUFFICIENT_ACCESS_OR_READONLY")
	o.api("PATCH", "/sobjects/CoSell_Registration__c/CoSell_Key__c/k", `{"Cloud__c":"aws"}`).want(404, "NOT_FOUND")
	o.api("PATCH", "/composite/sobjects/CoSell_Registration__c/CoSell_Key__c", `{"records":[]}`).want(404, "NOT_FOUND")
	o.api("GET", "/sobjects/CoSell_Offer__c/describe", "").want(404, "NOT_FOUND")
	o.api("POST", "/composite/sobjects", `{"records":[{"attributes":{"type":"CoSell_Offer__c"},"Cloud__c":"aws"}]}`).want(400, "INVALID_TYPE")
	o.api("POST", "/jobs/ingest", `{"object":"CoSell_Offer__c","operation":"insert"}`).want(400, "INVALIDJOB")
	if _, job := o.ingest(`{"object":"Opportunity","operation":"update"}`, "Id,Amount\n"+opp+",1\n"); job["errorMessage"] != "InvalidBatch : Field name not found : Amount" {
		t.Errorf("the job %v", job)
	}
	o.api("POST", "/jobs/query", `{"operation":"query","query":"SELECT Id, Amount FROM Opportunity"}`).want(400, "INVALID_FIELD")
	o.control("DELETE", "setup", "").want(200, "")
	if got := o.query("SELECT Amount FROM Opportunity")[0]["Amount"]; got != 100.0 {
		t.Errorf("with all access: %v", got)
	}
}

func TestRowsAreLockedByObjectAndByChanceAndSessionsEndByAFault(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	deals := []string{o.opportunity("a"), o.opportunity("b"), o.opportunity("c")}
	o.control("POST", "lock-row", `{"object":"opportunity","times":2}`).want(200, "")
	change := func(name string) string {
		var records []string
		for _, id := range deals {
			records = append(records, `{"attributes":{"type":"Opportunity"},"Id":"`+id+`","NextStep":"`+name+`"}`)
		}
		return `{"records":[` + strings.Join(records, ",") + `]}`
	}
	var codes []any
	for _, r := range o.api("PATCH", "/composite/sobjects", change("x")).want(200, "").list() {
		codes = append(codes, code(r))
	}
	if fmt.Sprint(codes) != "[UNABLE_TO_LOCK_ROW UNABLE_TO_LOCK_ROW ]" {
		t.Errorf("with the object locked twice: %v", codes)
	}
	o.control("POST", "faults", `{"spec":"lock=0.5,seed=3"}`).want(200, "")
	locked := 0
	for range 40 {
		for _, r := range o.api("PATCH", "/composite/sobjects", change("y")).want(200, "").list() {
			if code(r) == "UNABLE_TO_LOCK_ROW" {
				locked++
			}
		}
	}
	if locked < 40 || locked > 80 {
		t.Errorf("%d of 120 rows were locked", locked)
	}
	o.account("a new record is never locked")
	o.control("DELETE", "faults", "").want(200, "")
	o.control("POST", "faults", `{"fail_next":{"operation":"query","count":1,"kind":"session"}}`).want(200, "")
	o.api("GET", "/limits", "").want(200, "")
	o.api("GET", "/query?q=SELECT+Id+FROM+Account", "").want(401, "INVALID_SESSION_ID")
	o.api("GET", "/limits", "").want(401, "INVALID_SESSION_ID")
	o.signIn()
	o.api("GET", "/limits", "").want(200, "")
	o.control("POST", "lock-row", `{"object":"Nope","times":1}`).want(400, "")
}

// The releases that Tandem speaks answer the same, but for their own name.
func TestTheReleasesFrom60To67AnswerAlike(t *testing.T) {
	t.Parallel()
	var first string
	for v := 60; v <= 67; v++ {
		o := start(t, salesforce.Options{})
		version := fmt.Sprintf("%d.0", v)
		var transcript strings.Builder
		call := func(method, path, body string) answer {
			t.Helper()
			a := o.send(method, "/services/data/v"+version+path, strings.NewReader(body), map[string]string{"Authorization": "Bearer " + o.token, "Content-Type": "application/json"})
			fmt.Fprintf(&transcript, "%s %s %d %s\n", method, path, a.status, strings.ReplaceAll(a.body, version, "VV.0"))
			return a
		}
		o.load(accounts(450))
		call("GET", "", "")
		id := call("POST", "/sobjects/Account", `{"Name":"x"}`).id()
		call("PATCH", "/sobjects/CoSell_Registration__c/CoSell_Key__c/k", `{"Cloud__c":"aws"}`)
		call("PATCH", "/sobjects/CoSell_Registration__c/CoSell_Key__c/k", `{"Cloud__c":"gcp"}`)
		call("GET", "/sobjects/Account/"+id, "")
		call("GET", "/sobjects/Account/describe", "")
		page := o.send("GET", "/services/data/v"+version+"/query?q=SELECT+Id,(SELECT+Id,(SELECT+Id+FROM+Tasks)+FROM+Opportunities)+FROM+Account+ORDER+BY+Name", nil, map[string]string{"Authorization": "Bearer " + o.token, "Sforce-Query-Options": "batchSize=200"})
		next, _ := page.object()["nextRecordsUrl"].(string)
		if !strings.HasPrefix(next, "/services/data/v"+version+"/query/") {
			t.Errorf("%s: the next page is %s", version, next)
		}
		fmt.Fprintln(&transcript, strings.ReplaceAll(page.body, version, "VV.0"))
		call("GET", strings.TrimPrefix(next, "/services/data/v"+version), "")
		call("GET", "/query?q=SELECT+BAD", "")
		call("POST", "/composite/graph", `{"graphs":[{"graphId":"1","compositeRequest":[{"method":"POST","url":"/services/data/v`+version+`/sobjects/Account","referenceId":"a","body":{"Name":"g"}}]}]}`)
		call("POST", "/composite", `{"compositeRequest":[{"method":"GET","url":"/services/data/v`+version+`/limits","referenceId":"a"}]}`)
		job := call("POST", "/jobs/query", `{"operation":"query","query":"SELECT Name FROM Account LIMIT 2"}`).id()
		for range 500 {
			a := o.send("GET", "/services/data/v"+version+"/jobs/query/"+job+"/results", nil, map[string]string{"Authorization": "Bearer " + o.token})
			if a.status == http.StatusOK {
				fmt.Fprintln(&transcript, a.body)
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		if first == "" {
			first = transcript.String()
		} else if got := transcript.String(); got != first {
			t.Errorf("%s answers otherwise than 60.0:\n%s\n--- 60.0:\n%s", version, got, first)
		}
	}
}

func TestOlderReleasesLackWhatCameLater(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	at := func(version, method, path, body string) answer {
		return o.send(method, "/services/data/v"+version+path, strings.NewReader(body), map[string]string{"Authorization": "Bearer " + o.token, "Content-Type": "application/json"})
	}
	nested := "/query?q=SELECT+Id,(SELECT+Id,(SELECT+Id+FROM+Tasks)+FROM+Opportunities)+FROM+Account"
	at("57.0", "GET", nested, "").want(400, "MALFORMED_QUERY")
	at("58.0", "GET", nested, "").want(200, "")
	typeOf := "/query?q=SELECT+TYPEOF+What+WHEN+Account+THEN+Name+END+FROM+Task"
	at("45.0", "GET", typeOf, "").want(400, "MALFORMED_QUERY")
	at("46.0", "GET", typeOf, "").want(200, "")
	at("49.0", "POST", "/composite/graph", `{}`).want(404, "NOT_FOUND")
	at("50.0", "POST", "/composite/graph", `{}`).want(400, "REQUIRED_FIELD_MISSING")
	at("46.0", "POST", "/jobs/query", `{}`).want(404, "NOT_FOUND")
	at("68.0", "GET", "/limits", "").want(404, "NOT_FOUND")
}

func TestPackagesOfOthersAreThereOnceTheyAreInstalled(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	const ace = "awsapn__ACE_Opportunity__c"
	listed := func() string { return o.api("GET", "/sobjects", "").want(200, "").body }
	if strings.Contains(listed(), ace) {
		t.Error("the connector is there without being installed")
	}
	o.api("GET", "/sobjects/"+ace+"/describe", "").want(404, "NOT_FOUND")
	o.api("GET", "/query?q=SELECT+Id+FROM+"+ace, "").want(400, "INVALID_TYPE")
	o.control("POST", "setup", `{"packages":["nobody"]}`).want(400, "")
	o.setUp(`{"packages":["aws_connector"],"access":[{"object":"Opportunity","field":"Amount","level":"read"}]}`)
	if all := listed(); !strings.Contains(all, ace) || strings.Contains(all, "tackle__") {
		t.Error("what was installed is not what is there")
	}
	deal := o.opportunity("Deal")
	o.api("POST", "/sobjects/"+ace, `{"Name":"Deal","awsapn__Source_Opportunity__c":"`+deal+`","awsapn__APN_CRM_Id__c":"O1"}`).want(201, "")
	if rows := o.query("SELECT awsapn__APN_CRM_Id__c FROM " + ace + " WHERE awsapn__Source_Opportunity__c = '" + deal + "'"); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	o.control("DELETE", "setup", "").want(200, "")
	o.api("GET", "/sobjects/"+ace+"/describe", "").want(404, "NOT_FOUND")
}
