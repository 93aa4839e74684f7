package salesforce_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func TestDescribeIsCompleteForAMappingPage(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	a := o.api("GET", "/sobjects/opportunity/describe", "").want(200, "")
	d := a.object()
	if d["name"] != "Opportunity" || d["keyPrefix"] != "006" || len(d["recordTypeInfos"].([]any)) != 3 {
		t.Errorf("head %v %v", d["name"], d["keyPrefix"])
	}
	fields := map[string]map[string]any{}
	for _, f := range d["fields"].([]any) {
		field := f.(map[string]any)
		fields[field["name"].(string)] = field
	}
	stage := fields["StageName"]
	if stage["type"] != "picklist" || stage["restrictedPicklist"] != true || stage["nillable"] != false || len(stage["picklistValues"].([]any)) != 12 {
		t.Errorf("StageName %v", stage)
	}
	partner := fields["Fulfillment_Partner__c"]
	if partner["type"] != "reference" || partner["relationshipName"] != "Fulfillment_Partner__r" || fmt.Sprint(partner["referenceTo"]) != "[Account]" || partner["label"] != "Resale Partner" {
		t.Errorf("Fulfillment_Partner__c %v", partner)
	}
	if f := fields["Amount"]; f["precision"] != 18.0 || f["scale"] != 2.0 || f["soapType"] != "xsd:double" || f["updateable"] != true {
		t.Errorf("Amount %v", f)
	}
	if f := fields["IsWon"]; f["updateable"] != false || f["createable"] != false {
		t.Errorf("IsWon %v", f)
	}
	// The fields that a GitLab-like organisation has beside the standard ones.
	for _, name := range strings.Fields("ARR_Net__c ARR_Basis__c Order_Type_Test__c Deal_Path__c SQL_Source__c Fulfillment_Partner__c DR_Partner_Deal_Type__c Influence_Partner__c Distributor__c Resale_Partner_Track__c Partner_Margin__c Start_Date__c End_Date__c User_Segment_O__c Stamped_User_Geo__c Stamped_User_Region__c Stamped_User_Area__c Push_Counter__c Next_Steps__c") {
		if fields[name] == nil {
			t.Errorf("Opportunity has no %s", name)
		}
	}
	acc := o.api("GET", "/sobjects/Account/describe", "").want(200, "")
	for _, name := range strings.Fields("Domains__c DUNS__c Ultimate_Parent_Account_ID__c Account_Demographics_Sales_Segment__c Account_Demographics_Geo__c Account_Demographics_Region__c Account_Demographics_Territory__c Account_Demographic_Max_Family_Employees__c") {
		if !strings.Contains(acc.body, `"name":"`+name+`"`) {
			t.Errorf("Account has no %s", name)
		}
	}
	if !strings.Contains(acc.body, `"relationshipName":"Opportunities"`) {
		t.Error("Account does not tell its opportunities")
	}
	seen := map[string]string{"If-Modified-Since": a.header.Get("Last-Modified")}
	if again := o.api("GET", "/sobjects/Opportunity/describe", "", seen).want(304, ""); again.body != "" {
		t.Errorf("304 with a body")
	}
	all := o.api("GET", "/sobjects", "").want(200, "").object()
	if n := len(all["sobjects"].([]any)); n != 22 || all["maxBatchSize"] != 200.0 {
		t.Errorf("%d objects", n)
	}
	o.api("GET", "/sobjects/Account", "").want(200, "")
}

func TestTheDailyLimitIsKeptAndRefilled(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{DailyLimit: 3})
	for i := 1; i <= 3; i++ {
		if a := o.api("GET", "/limits", "").want(200, ""); a.header.Get("Sforce-Limit-Info") != fmt.Sprintf("api-usage=%d/3", i) {
			t.Errorf("usage %q", a.header.Get("Sforce-Limit-Info"))
		}
	}
	a := o.api("GET", "/limits", "").want(403, "REQUEST_LIMIT_EXCEEDED")
	if a.body != `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]` || a.header.Get("Sforce-Limit-Info") != "api-usage=3/3" {
		t.Errorf("over the limit: %s", a.body)
	}
	o.control("POST", "daily-limit", `{"limit":5,"used":0}`).want(200, "")
	got := o.api("GET", "/limits", "").want(200, "").object()["DailyApiRequests"].(map[string]any)
	if got["Max"] != 5.0 || got["Remaining"] != 4.0 {
		t.Errorf("limits %v", got)
	}
	o.control("POST", "daily-limit", `{"used":5}`).want(200, "")
	o.api("GET", "/limits", "").want(403, "REQUEST_LIMIT_EXCEEDED")
	o.server.Clock().Advance(25 * time.Hour)
	o.signIn()
	o.api("GET", "/limits", "").want(200, "")
}

func TestALockedRowRefusesItsWriters(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	opp := o.opportunity("Deal")
	o.control("POST", "lock-row", `{"id":"`+opp+`","times":2}`).want(200, "")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Amount":1}`).want(400, "UNABLE_TO_LOCK_ROW")
	o.api("POST", "/sobjects/Task", `{"Subject":"x","WhatId":"`+opp+`"}`).want(400, "UNABLE_TO_LOCK_ROW")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Amount":1}`).want(204, "")
	o.control("POST", "lock-row", `{"id":"`+opp+`","seconds":10}`).want(200, "")
	got := o.api("PATCH", "/composite/sobjects", `{"records":[{"attributes":{"type":"Opportunity"},"Id":"`+opp+`","Amount":2}]}`).want(200, "").list()
	if code(got[0]) != "UNABLE_TO_LOCK_ROW" {
		t.Errorf("collection %v", got)
	}
	o.server.Clock().Advance(11 * time.Second)
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Amount":2}`).want(204, "")
	o.control("POST", "lock-row", `{"id":"nope","times":1}`).want(400, "")
	o.control("POST", "lock-row", `{"id":"`+opp+`"}`).want(400, "")
}

func TestFaultsComeInSalesforcesWords(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	fail := func(operation, kind string) {
		t.Helper()
		o.control("POST", "faults", `{"fail_next":{"operation":"`+operation+`","count":1,"kind":"`+kind+`"}}`).want(200, "")
	}
	fail("query", "throttle")
	o.api("GET", "/limits", "").want(200, "")
	o.api("GET", "/query?q=SELECT+Id+FROM+Account", "").want(403, "REQUEST_LIMIT_EXCEEDED")
	fail("create", "error")
	o.api("POST", "/sobjects/Account", `{"Name":"x"}`).want(503, "SERVER_UNAVAILABLE")
	fail("create", "lost_reply")
	if _, err := o.try("POST", "/services/data/v67.0/sobjects/Account", `{"Name":"Lost"}`); err == nil {
		t.Error("a lost reply was answered")
	}
	if n := len(o.query("SELECT Id FROM Account WHERE Name = 'Lost'")); n != 1 {
		t.Errorf("%d records after a lost reply, want 1", n)
	}
	fail("create", "reset")
	if _, err := o.try("POST", "/services/data/v67.0/sobjects/Account", `{"Name":"Reset"}`); err == nil {
		t.Error("a reset was answered")
	}
	if n := len(o.query("SELECT Id FROM Account WHERE Name = 'Reset'")); n != 0 {
		t.Errorf("%d records after a reset, want 0", n)
	}
	fail("query", "truncate")
	if _, err := o.try("GET", "/services/data/v67.0/query?q=SELECT+Id+FROM+Account", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a truncated reply reads as %v", err)
	}
	log := o.control("GET", "log?n=3", "").want(200, "").object()
	if n := len(log["requests"].([]any)); n != 3 || strings.Contains(fmt.Sprint(log), o.token) {
		t.Errorf("log of %d: %v", n, log)
	}
}

// try sends a request whose connection may be closed.
func (o *org) try(method, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.http.URL+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func TestManyWritersAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{StatePath: t.TempDir() + "/state"})
	opp := o.opportunity("Deal")
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("%d", i) // the same keys from every writer
				resp, err := o.try("PATCH", "/services/data/v67.0/sobjects/Task/CoSell_Activity_Key__c/"+key, `{"Subject":"by `+fmt.Sprint(w)+`","WhatId":"`+opp+`"}`)
				if err != nil || !strings.Contains(resp, `"success":true`) {
					t.Errorf("writer %d: %v %s", w, err, resp)
				}
				if _, err := o.try("GET", "/services/data/v67.0/query?q=SELECT+Id,(SELECT+Id+FROM+Tasks)+FROM+Opportunity", ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(o.query("SELECT Id FROM Task")); n != 20 {
		t.Errorf("%d tasks, want 20", n)
	}
	stats := o.control("GET", "stats", "").want(200, "").object()
	if got := stats["records"].(map[string]any)["Task"]; got != 20.0 {
		t.Errorf("stats %v", stats)
	}
}
