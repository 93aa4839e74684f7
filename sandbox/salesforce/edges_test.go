package salesforce_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func TestAnUpdateByExternalIDAnswersNothingInOldReleases(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	for _, tt := range []struct {
		version, key  string
		first, second int
	}{{"45.0", "a", 201, 204}, {"46.0", "b", 201, 200}, {"67.0", "c", 201, 200}} {
		for i, want := range []int{tt.first, tt.second} {
			o.send("PATCH", "/services/data/v"+tt.version+"/sobjects/CoSell_Registration__c/CoSell_Key__c/"+tt.key,
				strings.NewReader(fmt.Sprintf(`{"Cloud__c":"aws","Portal_Status__c":"s%d"}`, i)),
				map[string]string{"Authorization": "OAuth " + o.token, "Content-Type": "application/json"}).want(want, "")
		}
	}
}

func TestALongTextIsReadButNeverFilteredSortedOrGrouped(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	if got := o.query("SELECT Description FROM Account"); len(got) != 0 {
		t.Errorf("found %v", got)
	}
	for q, code := range map[string]string{
		"SELECT Id FROM Account WHERE Description LIKE '%x%'":                                        "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Description != null":                                           "INVALID_FIELD",
		"SELECT Id FROM Opportunity WHERE Account.Description = 'x'":                                 "INVALID_FIELD",
		"SELECT Id FROM Account ORDER BY Domains__c":                                                 "INVALID_FIELD",
		"SELECT Description, COUNT(Id) FROM Account GROUP BY Description":                            "INVALID_FIELD",
		"SELECT COUNT_DISTINCT(Description) FROM Account":                                            "MALFORMED_QUERY",
		"SELECT Id, (SELECT Id FROM Contacts WHERE Description = 'x') FROM Account":                  "INVALID_FIELD",
		"SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Description = 'x')": "INVALID_FIELD",
	} {
		o.api("GET", "/query?q="+url.QueryEscape(q), "").want(400, code)
	}
	o.query("SELECT Id FROM Account WHERE BillingStreet = 'short text areas are filtered'")
}

func TestOddRequestsAreAnsweredAsSalesforceDoes(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id := o.account("Odd")
	for _, tt := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"HEAD", "/sobjects/Account/" + id, "", 200, ""},
		{"GET", "/sobjects/Account/" + id + "/", "", 200, ""},
		{"GET", "/query/?q=SELECT+Id+FROM+Account", "", 200, ""},
		{"PUT", "/sobjects/Account/" + id, `{"Name":"x"}`, 405, "METHOD_NOT_ALLOWED"},
		{"POST", "/sobjects/Account/" + id + "?_HttpMethod=PATCH", `{"Name":"By override"}`, 204, ""},
		{"POST", "/sobjects/Account", "{\"Name\":\"\xff\xfe\"}", 400, "JSON_PARSER_ERROR"},
		{"POST", "/sobjects/Account", `{"Name":"twice","Name":"last"}`, 201, ""},
		{"POST", "/sobjects/Account", `{"Name":` + strings.Repeat("[", 20_000) + `}`, 400, "JSON_PARSER_ERROR"},
		{"POST", "/sobjects/Account", `[{"Name":"a list"}]`, 400, "JSON_PARSER_ERROR"},
		{"POST", "/sobjects/Account", `{"Name":"n","NumberOfEmployees":"12","AnnualRevenue":"5","IsPartner":"true"}`, 201, ""},
		{"POST", "/sobjects/Account", `{"Name":12}`, 400, "JSON_PARSER_ERROR"},
		{"POST", "/sobjects/Account", `{"Name":"n","NumberOfEmployees":12.5}`, 400, "JSON_PARSER_ERROR"},
		{"POST", "/sobjects/Account", `{"Name":"   "}`, 400, "REQUIRED_FIELD_MISSING"},
		{"POST", "/sobjects/Opportunity", `{"Name":"n","StageName":"1-Discovery","CloseDate":"2026-01-01","IsWon":true}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"},
		{"PATCH", "/sobjects/Account/" + id, `{"Id":"` + id + `","Name":"x"}`, 400, "INVALID_FIELD"},
		{"PATCH", "/sobjects/Account/" + id, ``, 400, "JSON_PARSER_ERROR"},
		{"PATCH", "/composite/sobjects", `{"records":[{"attributes":{"type":"Account"},"id":"` + id + `","Name":"lower-case id"}]}`, 200, ""},
		{"GET", "/recent", "", 200, ""},
		{"GET", "/query?explain=SELECT+Id+FROM+Account", "", 400, "NOT_IMPLEMENTED"},
		{"GET", "/search?q=FIND+%7Bx%7D", "", 404, "NOT_FOUND"},
		{"GET", "/tooling/query?q=SELECT+Id+FROM+ApexClass", "", 404, "NOT_FOUND"},
	} {
		got := o.api(tt.method, tt.path, tt.body)
		if got.status != tt.status || !strings.Contains(got.body, tt.code) {
			t.Errorf("%s %s: %d %s, want %d %s", tt.method, tt.path, got.status, got.body, tt.status, tt.code)
		}
	}
	if got := o.query("SELECT Name FROM Account WHERE Name IN ('twice', 'last')"); len(got) != 1 || got[0]["Name"] != "last" {
		t.Errorf("a name given twice: %v", got)
	}
}

func TestAnAppMaySignInByBasicAuthAndAFormTokenTellsWho(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id, secret := o.server.Credentials()
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	form := map[string]string{"Authorization": basic, "Content-Type": "application/x-www-form-urlencoded"}
	token, _ := o.send("POST", "/services/oauth2/token", strings.NewReader("grant_type=client_credentials"), form).want(200, "").object()["access_token"].(string)
	who := o.form("/services/oauth2/userinfo", url.Values{"access_token": {token}})
	if who.status != 200 || who.object()["preferred_username"] != salesforce.IntegrationUsername {
		t.Errorf("userinfo: %d %s", who.status, who.body)
	}
	if a := o.form("/services/oauth2/token", url.Values{}); a.status != 400 || a.object()["error"] != "invalid_request" {
		t.Errorf("no grant type: %d %s", a.status, a.body)
	}
	if a := o.form("/services/oauth2/revoke", url.Values{"token": {token}}); a.status != 200 {
		t.Errorf("revoke: %d %s", a.status, a.body)
	}
	o.send("GET", "/services/data/v67.0/limits", nil, map[string]string{"Authorization": "OAuth " + token}).want(401, "INVALID_SESSION_ID")
	if a := o.form("/services/oauth2/userinfo", url.Values{"access_token": {token}}); a.status != 403 {
		t.Errorf("userinfo after revoke: %d", a.status)
	}
}

func TestTwentyWritersOfOneKeyMakeOneRecord(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	const writers = 20
	created := make([]int, writers)
	var wait sync.WaitGroup
	for i := range writers {
		wait.Go(func() {
			a := o.api("PATCH", "/sobjects/CoSell_Registration__c/CoSell_Key__c/shared", fmt.Sprintf(`{"Cloud__c":"aws","Portal_Status__c":"w%d"}`, i))
			created[i] = a.status
		})
	}
	wait.Wait()
	made := 0
	for i, status := range created {
		switch status {
		case 201:
			made++
		case 200:
		default:
			t.Errorf("writer %d got %d", i, status)
		}
	}
	if got := o.query("SELECT Id FROM CoSell_Registration__c"); made != 1 || len(got) != 1 {
		t.Errorf("%d created, %d there", made, len(got))
	}
}

func TestPagesStayAsTheyWereWhileOthersWrite(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	o.load(accounts(450))
	small := map[string]string{"Sforce-Query-Options": "batchSize=200"}
	page := o.api("GET", "/query?q="+url.QueryEscape("SELECT Id, Name FROM Account ORDER BY Name"), "", small).want(200, "").object()
	seen := map[any]bool{}
	for {
		if page["totalSize"] != 450.0 {
			t.Fatalf("totalSize %v", page["totalSize"])
		}
		records, _ := page["records"].([]any)
		for _, r := range records {
			row, _ := r.(map[string]any)
			seen[row["Id"]] = true
		}
		if page["done"] == true {
			break
		}
		o.account("A newcomer")
		first, _ := records[0].(map[string]any)["Id"].(string)
		o.api("DELETE", "/sobjects/Account/"+first, "").want(204, "")
		next, _ := page["nextRecordsUrl"].(string)
		page = o.send("GET", next, nil, map[string]string{"Authorization": "Bearer " + o.token}).want(200, "").object()
	}
	if len(seen) != 450 {
		t.Errorf("%d distinct records", len(seen))
	}
}
