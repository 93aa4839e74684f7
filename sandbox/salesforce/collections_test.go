package salesforce_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func batch(t *testing.T, allOrNone bool, records ...map[string]any) string {
	t.Helper()
	for _, r := range records {
		if r["attributes"] == nil {
			r["attributes"] = map[string]string{"type": "CoSell_Registration__c"}
		}
	}
	return jsonText(t, map[string]any{"allOrNone": allOrNone, "records": records})
}

func code(r map[string]any) any {
	if errs := r["errors"].([]any); len(errs) > 0 {
		return errs[0].(map[string]any)["statusCode"]
	}
	return ""
}

func TestACollectionAnswersRowByRowInOrder(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	path := "/composite/sobjects/CoSell_Registration__c/CoSell_Key__c"
	got := o.api("PATCH", path, batch(t, false,
		map[string]any{"CoSell_Key__c": "k1", "Cloud__c": "aws"},
		map[string]any{"CoSell_Key__c": "k2", "Cloud__c": "ibm"},
		map[string]any{"Cloud__c": "aws"},
		map[string]any{"CoSell_Key__c": "k4", "Cloud__c": "aws"},
		map[string]any{"CoSell_Key__c": "K4", "Cloud__c": "aws"},
	)).want(200, "").list()
	var codes []any
	for _, r := range got {
		codes = append(codes, code(r))
	}
	if want := "[ INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST MISSING_ARGUMENT DUPLICATE_VALUE DUPLICATE_VALUE]"; fmt.Sprint(codes) != want {
		t.Errorf("codes %v, want %s", codes, want)
	}
	if got[0]["success"] != true || got[0]["created"] != true || got[1]["success"] != false {
		t.Errorf("results %v", got)
	}
	id := got[0]["id"]
	again := o.api("PATCH", path, batch(t, false, map[string]any{"CoSell_Key__c": "K1", "Portal_Status__c": "Approved"})).want(200, "")
	if want := fmt.Sprintf(`[{"id":"%s","success":true,"errors":[],"created":false}]`, id); again.body != want {
		t.Errorf("again %s", again.body)
	}
	if got := o.query("SELECT CoSell_Key__c FROM CoSell_Registration__c"); got[0]["CoSell_Key__c"] != "k1" {
		t.Errorf("the key changed to %v", got)
	}
}

func TestAllOrNoneTakesEverythingBack(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	got := o.api("POST", "/composite/sobjects", batch(t, true,
		map[string]any{"CoSell_Key__c": "k1", "Cloud__c": "aws"},
		map[string]any{"CoSell_Key__c": "k2"},
	)).want(200, "").list()
	if code(got[0]) != "ALL_OR_NONE_OPERATION_ROLLED_BACK" || code(got[1]) != "REQUIRED_FIELD_MISSING" {
		t.Errorf("results %v", got)
	}
	if n := len(o.query("SELECT Id FROM CoSell_Registration__c")); n != 0 {
		t.Errorf("%d records stay", n)
	}
	o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"k1"}`).want(201, "")
}

func TestCollectionsUpdateDeleteAndRetrieve(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	a, b := o.account("a"), o.account("b")
	typed := map[string]string{"type": "Account"}
	got := o.api("PATCH", "/composite/sobjects", batch(t, false,
		map[string]any{"attributes": typed, "id": a, "Name": "A"},
		map[string]any{"attributes": typed, "Id": "001Ku0zzzzzzzzz", "Name": "B"},
		map[string]any{"attributes": typed, "Id": "x", "Name": "B"},
		map[string]any{"attributes": typed, "Name": "B"},
	)).want(200, "").list()
	var codes []any
	for _, r := range got {
		codes = append(codes, code(r))
	}
	if want := "[ INVALID_CROSS_REFERENCE_KEY MALFORMED_ID MISSING_ARGUMENT]"; fmt.Sprint(codes) != want {
		t.Errorf("codes %v", codes)
	}
	read := o.api("GET", "/composite/sobjects/Account?ids="+b+",001Ku0zzzzzzzzz,"+a+"&fields=Name", "").want(200, "").list()
	if len(read) != 3 || read[0]["Name"] != "b" || read[1] != nil || read[2]["Name"] != "A" {
		t.Errorf("retrieved %v", read)
	}
	gone := o.api("DELETE", "/composite/sobjects/?ids="+a+",nope,"+b+"&allOrNone=false", "").want(200, "").list()
	if gone[0]["success"] != true || code(gone[1]) != "MALFORMED_ID" || gone[2]["success"] != true {
		t.Errorf("deleted %v", gone)
	}
	if again := o.api("DELETE", "/composite/sobjects?ids="+a, "").want(200, "").list(); code(again[0]) != "ENTITY_IS_DELETED" {
		t.Errorf("again %v", again)
	}
}

func TestACollectionThatCannotBeReadIsRefusedWhole(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	many := make([]map[string]any, 201)
	for i := range many {
		many[i] = map[string]any{"CoSell_Key__c": fmt.Sprint(i), "Cloud__c": "aws"}
	}
	o.api("POST", "/composite/sobjects", batch(t, false, many...)).want(400, "EXCEEDED_ID_LIMIT")
	o.api("POST", "/composite/sobjects", `{"allOrNone":false}`).want(400, "REQUIRED_FIELD_MISSING")
	o.api("POST", "/composite/sobjects", `{"records":[{"attributes":{"type":"Account"},"Nope":1}]}`).want(400, "INVALID_FIELD")
	o.api("POST", "/composite/sobjects", `{"records":[{"attributes":{"type":"Nope"}}]}`).want(400, "INVALID_TYPE")
	o.api("POST", "/composite/sobjects", `{"records":[}`).want(400, "JSON_PARSER_ERROR")
	o.api("PATCH", "/composite/sobjects/Account/Name", `{"records":[]}`).want(404, "NOT_FOUND")
	o.api("DELETE", "/composite/sobjects", "").want(400, "REQUIRED_FIELD_MISSING")
	results := o.api("POST", "/composite/sobjects", batch(t, false, many[:200]...)).want(200, "").list()
	if len(results) != 200 || results[199]["success"] != true {
		t.Errorf("200 records: %d results", len(results))
	}
}

func TestACompositeUsesEarlierAnswers(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	a := o.api("POST", "/composite", `{"allOrNone":true,"compositeRequest":[
		{"method":"POST","url":"/services/data/v67.0/sobjects/Account","referenceId":"acc","body":{"Name":"Acme"}},
		{"method":"POST","url":"/services/data/v67.0/sobjects/Opportunity","referenceId":"opp","body":{"Name":"Deal @{acc.id}","AccountId":"@{acc.id}","StageName":"1-Discovery","CloseDate":"2026-12-31"}},
		{"method":"GET","url":"/services/data/v67.0/query?q=SELECT Id, Name FROM Opportunity WHERE AccountId = '@{acc.id}'","referenceId":"found"},
		{"method":"PATCH","url":"/services/data/v67.0/sobjects/Opportunity/@{found.records[0].Id}","referenceId":"upd","body":{"Amount":10}},
		{"method":"GET","url":"/services/data/v67.0/sobjects/Opportunity/@{opp.id}?fields=Amount,AccountId","referenceId":"read"}]}`).want(200, "").object()
	parts := a["compositeResponse"].([]any)
	var statuses []any
	for _, p := range parts {
		statuses = append(statuses, p.(map[string]any)["httpStatusCode"])
	}
	if fmt.Sprint(statuses) != "[201 201 200 204 200]" {
		t.Fatalf("statuses %v: %v", statuses, a)
	}
	first := parts[0].(map[string]any)
	id := first["body"].(map[string]any)["id"]
	if loc := first["httpHeaders"].(map[string]any)["Location"]; loc != "/services/data/v67.0/sobjects/Account/"+id.(string) || first["referenceId"] != "acc" {
		t.Errorf("first %v", first)
	}
	if read := parts[4].(map[string]any)["body"].(map[string]any); read["Amount"] != 10.0 || read["AccountId"] != id {
		t.Errorf("read %v", read)
	}
	if parts[3].(map[string]any)["body"] != nil {
		t.Errorf("a 204 has a body: %v", parts[3])
	}
}

func TestACompositeRollsBackOrGoesOn(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	body := `{"allOrNone":%t,"compositeRequest":[
		{"method":"POST","url":"/services/data/v67.0/sobjects/Account","referenceId":"a","body":{"Name":"Acme"}},
		{"method":"POST","url":"/services/data/v67.0/sobjects/Account","referenceId":"b","body":{}},
		{"method":"PATCH","url":"/services/data/v67.0/sobjects/Account/@{b.id}","referenceId":"c","body":{"Name":"x"}}]}`
	codes := func(a answer) string {
		var out []string
		for _, p := range a.object()["compositeResponse"].([]any) {
			if list, ok := p.(map[string]any)["body"].([]any); ok {
				out = append(out, list[0].(map[string]any)["errorCode"].(string))
				continue
			}
			out = append(out, "ok")
		}
		return strings.Join(out, " ")
	}
	if got := codes(o.api("POST", "/composite", fmt.Sprintf(body, true)).want(200, "")); got != "PROCESSING_HALTED REQUIRED_FIELD_MISSING PROCESSING_HALTED" {
		t.Errorf("all or none: %s", got)
	}
	if n := len(o.query("SELECT Id FROM Account")); n != 0 {
		t.Errorf("%d accounts stay", n)
	}
	if got := codes(o.api("POST", "/composite", fmt.Sprintf(body, false)).want(200, "")); got != "ok REQUIRED_FIELD_MISSING PROCESSING_HALTED" {
		t.Errorf("each for itself: %s", got)
	}
	if n := len(o.query("SELECT Id FROM Account")); n != 1 {
		t.Errorf("%d accounts, want 1", n)
	}
	o.api("POST", "/composite", `{"compositeRequest":[`+strings.Repeat(`{"method":"GET","url":"/x","referenceId":"a"},`, 25)+`{"method":"GET","url":"/x","referenceId":"a"}]}`).want(400, "LIMIT_EXCEEDED")
	o.api("POST", "/composite", `{"compositeRequest":[]}`).want(400, "REQUIRED_FIELD_MISSING")
	o.api("GET", "/composite", "").want(405, "METHOD_NOT_ALLOWED")
}
