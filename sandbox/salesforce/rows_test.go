package salesforce_test

import (
	"bytes"
	"compress/gzip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func TestVersionsAreListedWithoutASessionAndOthersAreNotThere(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	list := o.send("GET", "/services/data/", nil, nil).want(200, "").list()
	if len(list) != 37 || list[0]["version"] != "31.0" || list[36]["url"] != "/services/data/v67.0" || list[36]["label"] != "Summer '26" || list[29]["label"] != "Spring '24" {
		t.Errorf("versions %v", list)
	}
	for _, path := range []string{"/services/data/v68.0/limits", "/services/nothing", "/services/data/v67.0/nothing"} {
		a := o.send("GET", path, nil, map[string]string{"Authorization": "Bearer " + o.token}).want(404, "NOT_FOUND")
		if a.list()[0]["message"] != "The requested resource does not exist" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	o.send("GET", "/services/data/v30.0/limits", nil, nil).want(410, "GONE")
}

func TestARowIsMadeReadChangedAndDeleted(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	a := o.api("POST", "/sobjects/Account", `{"attributes":{"type":"Account"},"Name":"Acme & Søn","NumberOfEmployees":12,"AnnualRevenue":1e6,"BillingCountryCode":"DE"}`)
	a.want(201, "")
	id := a.id()
	if !strings.HasPrefix(id, "001") || a.body != `{"id":"`+id+`","success":true,"errors":[]}` || a.header.Get("Sforce-Limit-Info") != "api-usage=1/100000" {
		t.Errorf("create: %s, usage %q", a.body, a.header.Get("Sforce-Limit-Info"))
	}
	row := o.api("GET", "/sobjects/Account/"+id[:15]+"?fields=Name,BillingCountry,AnnualRevenue", "").want(200, "")
	want := `{"attributes":{"type":"Account","url":"/services/data/v67.0/sobjects/Account/` + id + `"},"Name":"Acme & Søn","BillingCountry":"Germany","AnnualRevenue":1000000.0,"Id":"` + id + `"}`
	if row.body != want {
		t.Errorf("row\n%s\nwant\n%s", row.body, want)
	}
	o.server.Clock().Advance(time.Second)
	if a := o.api("PATCH", "/sobjects/account/"+id, `{"Name":"Acme"}`).want(204, ""); a.body != "" {
		t.Errorf("update answers %q", a.body)
	}
	full := o.api("GET", "/sobjects/Account/"+id, "").want(200, "").object()
	if full["Name"] != "Acme" || full["CreatedDate"] == full["SystemModstamp"] || full["SystemModstamp"] != "2026-09-15T12:00:01.000+0000" {
		t.Errorf("after the update: %v", full)
	}
	o.api("DELETE", "/sobjects/Account/"+id, "").want(204, "")
	o.api("GET", "/sobjects/Account/"+id, "").want(404, "ENTITY_IS_DELETED")
	o.api("PATCH", "/sobjects/Account/"+id, `{"Name":"x"}`).want(404, "ENTITY_IS_DELETED")
	if got := o.query("SELECT Id FROM Account"); len(got) != 0 {
		t.Errorf("query sees deleted rows: %v", got)
	}
	if a := o.api("GET", "/queryAll?q="+url.QueryEscape("SELECT Id, IsDeleted FROM Account WHERE IsDeleted = true"), "").want(200, ""); a.object()["totalSize"] != 1.0 {
		t.Errorf("queryAll: %s", a.body)
	}
}

func TestEachMistakeInARowHasItsCode(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	acc, opp := o.account("Acme"), o.opportunity("Deal")
	gone := o.account("Gone")
	o.api("DELETE", "/sobjects/Account/"+gone, "").want(204, "")
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"unknown field":           {"POST", "/sobjects/Account", `{"Name":"x","Nope__c":1}`, 400, "INVALID_FIELD"},
		"required fields":         {"POST", "/sobjects/Opportunity", `{"Name":"x"}`, 400, "REQUIRED_FIELD_MISSING"},
		"required field cleared":  {"PATCH", "/sobjects/Account/" + acc, `{"Name":""}`, 400, "REQUIRED_FIELD_MISSING"},
		"picklist":                {"PATCH", "/sobjects/Opportunity/" + opp, `{"StageName":"99-Nope"}`, 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
		"currency":                {"PATCH", "/sobjects/Opportunity/" + opp, `{"CurrencyIsoCode":"XXX"}`, 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
		"too long":                {"PATCH", "/sobjects/Opportunity/" + opp, `{"Name":"` + strings.Repeat("ä", 121) + `"}`, 400, "STRING_TOO_LONG"},
		"number out of range":     {"PATCH", "/sobjects/Opportunity/" + opp, `{"Amount":1e17}`, 400, "NUMBER_OUTSIDE_VALID_RANGE"},
		"a text for a number":     {"PATCH", "/sobjects/Opportunity/" + opp, `{"Amount":"much"}`, 400, "JSON_PARSER_ERROR"},
		"a day that is not":       {"PATCH", "/sobjects/Opportunity/" + opp, `{"CloseDate":"2026-02-30"}`, 400, "JSON_PARSER_ERROR"},
		"no JSON":                 {"PATCH", "/sobjects/Opportunity/" + opp, `{"Amount":`, 400, "JSON_PARSER_ERROR"},
		"an array":                {"POST", "/sobjects/Account", `[]`, 400, "JSON_PARSER_ERROR"},
		"an id of another kind":   {"PATCH", "/sobjects/Opportunity/" + opp, `{"AccountId":"` + opp + `"}`, 400, "MALFORMED_ID"},
		"no id at all":            {"PATCH", "/sobjects/Opportunity/" + opp, `{"AccountId":"acme"}`, 400, "MALFORMED_ID"},
		"a record not there":      {"PATCH", "/sobjects/Opportunity/" + opp, `{"AccountId":"001Ku0zzzzzzzzz"}`, 400, "INVALID_CROSS_REFERENCE_KEY"},
		"a deleted record":        {"PATCH", "/sobjects/Opportunity/" + opp, `{"AccountId":"` + gone + `"}`, 400, "ENTITY_IS_DELETED"},
		"a field of the system":   {"PATCH", "/sobjects/Opportunity/" + opp, `{"IsWon":true}`, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"},
		"an e-mail":               {"POST", "/sobjects/Contact", `{"LastName":"x","Email":"nobody"}`, 400, "INVALID_EMAIL_ADDRESS"},
		"an id in the body":       {"PATCH", "/sobjects/Opportunity/" + opp, `{"Id":"` + opp + `"}`, 400, "INVALID_FIELD"},
		"another object's id":     {"GET", "/sobjects/Account/" + opp, "", 400, "MALFORMED_ID"},
		"an unknown object":       {"GET", "/sobjects/Nope__c/" + opp, "", 404, "NOT_FOUND"},
		"an unknown id":           {"GET", "/sobjects/Account/001Ku0zzzzzzzzz", "", 404, "NOT_FOUND"},
		"an unknown field to get": {"GET", "/sobjects/Account/" + acc + "?fields=Nope", "", 400, "INVALID_FIELD"},
		"a wrong method":          {"PUT", "/sobjects/Account/" + acc, "{}", 405, "METHOD_NOT_ALLOWED"},
		"a wrong method, object":  {"DELETE", "/sobjects/Account", "", 405, "METHOD_NOT_ALLOWED"},
		"no body":                 {"POST", "/sobjects/Account", "", 400, "JSON_PARSER_ERROR"},
		"no update at all":        {"PATCH", "/sobjects/OpportunityHistory/" + o.history(opp), `{"Amount":1}`, 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"},
	} {
		a := o.api(tc.method, tc.path, tc.body)
		if a.status != tc.status || a.list()[0]["errorCode"] != tc.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.body, tc.status, tc.code)
		}
	}
	o.api("POST", "/sobjects/Account", "<a/>", map[string]string{"Content-Type": "text/plain"}).want(415, "UNSUPPORTED_MEDIA_TYPE")
	missing := o.api("POST", "/sobjects/Opportunity", `{"Name":"x"}`)
	if want := `[{"errorCode":"REQUIRED_FIELD_MISSING","fields":["StageName","CloseDate"],"message":"Required fields are missing: [StageName, CloseDate]"}]`; missing.body != want {
		t.Errorf("required: %s", missing.body)
	}
}

func (o *org) history(opp string) string {
	o.t.Helper()
	return o.query("SELECT Id FROM OpportunityHistory WHERE OpportunityId = '" + opp + "'")[0]["Id"].(string)
}

func TestAUniqueFieldIsUniqueWithoutRegardToCase(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id := o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"aws-O1"}`).want(201, "").id()
	a := o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"AWS-o1"}`).want(400, "DUPLICATE_VALUE")
	if want := "duplicate value found: CoSell_Key__c duplicates value on record with id: " + id; a.list()[0]["message"] != want {
		t.Errorf("message %v", a.list()[0]["message"])
	}
	o.api("DELETE", "/sobjects/CoSell_Registration__c/"+id, "").want(204, "")
	o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"AWS-o1"}`).want(201, "")
	if got := o.query("SELECT Name FROM CoSell_Registration__c"); got[0]["Name"] != "CSR-00002" {
		t.Errorf("auto number %v", got)
	}
}

func TestUpsertAnswersCreatedUpdatedAndSeveral(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	path := "/sobjects/CoSell_Registration__c/CoSell_Key__c/aws-O%2F1"
	a := o.api("PATCH", path, `{"Cloud__c":"aws"}`).want(201, "")
	id := a.id()
	if a.body != `{"id":"`+id+`","success":true,"errors":[],"created":true}` {
		t.Errorf("created: %s", a.body)
	}
	if a := o.api("PATCH", path, `{"attributes":{"type":"x"},"Portal_Status__c":"Approved"}`).want(200, ""); a.body != `{"id":"`+id+`","success":true,"errors":[],"created":false}` {
		t.Errorf("updated: %s", a.body)
	}
	if got := o.api("GET", path, "").want(200, "").object(); got["CoSell_Key__c"] != "aws-O/1" || got["Portal_Status__c"] != "Approved" {
		t.Errorf("row by key: %v", got)
	}
	o.api("PATCH", path, `{"CoSell_Key__c":"other"}`).want(400, "INVALID_FIELD")
	o.api("PATCH", "/sobjects/Account/Name/x", `{}`).want(404, "NOT_FOUND")
	var ids []string
	for range 2 {
		ids = append(ids, o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"gcp","Portal_Id__c":"P1"}`).want(201, "").id())
	}
	several := o.api("PATCH", "/sobjects/CoSell_Registration__c/Portal_Id__c/P1", `{"Cloud__c":"gcp"}`).want(300, "")
	base := "/services/data/v67.0/sobjects/CoSell_Registration__c/"
	if want := `["` + base + ids[0] + `","` + base + ids[1] + `"]`; several.body != want {
		t.Errorf("several: %s", several.body)
	}
	o.api("PATCH", path+"x?updateOnly=true", `{"Cloud__c":"aws"}`).want(404, "NOT_FOUND")
}

func TestAParentCanBeNamedByItsExternalID(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	reg := o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"k1"}`).id()
	o.api("POST", "/sobjects/CoSell_Offer__c", `{"Cloud__c":"aws","CoSell_Registration__r":{"CoSell_Key__c":"k1"}}`).want(201, "")
	if got := o.query("SELECT CoSell_Registration__c FROM CoSell_Offer__c"); got[0]["CoSell_Registration__c"] != reg {
		t.Errorf("offer %v", got)
	}
	o.api("POST", "/sobjects/CoSell_Offer__c", `{"Cloud__c":"aws","CoSell_Registration__r":{"CoSell_Key__c":"k2"}}`).want(400, "INVALID_FIELD")
}

func TestTheStageDecidesWhatHangsOnIt(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id := o.api("POST", "/sobjects/Opportunity", `{"Name":"Deal","StageName":"4-Proposal","CloseDate":"2026-03-01","Amount":1000.555}`).want(201, "").id()
	get := func() map[string]any { return o.api("GET", "/sobjects/Opportunity/"+id, "").want(200, "").object() }
	got := get()
	if got["Probability"] != 50.0 || got["ForecastCategoryName"] != "Best Case" || got["ForecastCategory"] != "BestCase" || got["IsClosed"] != false ||
		got["Amount"] != 1000.56 || got["ExpectedRevenue"] != 500.28 || got["FiscalYear"] != 2027.0 || got["FiscalQuarter"] != 1.0 || got["CurrencyIsoCode"] != "USD" {
		t.Errorf("open: %v", got)
	}
	o.api("PATCH", "/sobjects/Opportunity/"+id, `{"StageName":"Closed Won"}`).want(204, "")
	if got = get(); got["IsWon"] != true || got["IsClosed"] != true || got["Probability"] != 100.0 || got["ForecastCategoryName"] != "Closed" || got["LastStageChangeDate"] == nil {
		t.Errorf("won: %v", got)
	}
	o.api("PATCH", "/sobjects/Opportunity/"+id, `{"StageName":"3-Technical Evaluation","Probability":60,"ForecastCategoryName":"Commit"}`).want(204, "")
	if got = get(); got["IsClosed"] != false || got["Probability"] != 60.0 || got["ForecastCategory"] != "Forecast" {
		t.Errorf("reopened: %v", got)
	}
	if n := len(o.query("SELECT Id FROM OpportunityHistory WHERE OpportunityId = '" + id + "'")); n != 3 {
		t.Errorf("%d histories, want 3", n)
	}
}

func TestActivitiesFindTheirAccountAndPartnersTheirMirror(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	acc := o.account("Acme")
	opp := o.api("POST", "/sobjects/Opportunity", `{"Name":"D","StageName":"1-Discovery","CloseDate":"2026-12-31","AccountId":"`+acc+`"}`).id()
	o.api("POST", "/sobjects/Task", `{"Subject":"Co-sell: approved","WhatId":"`+opp+`","Status":"Completed","CoSell_Activity_Key__c":"a1"}`).want(201, "")
	o.api("POST", "/sobjects/Event", `{"Subject":"Intro","WhatId":"`+opp+`","StartDateTime":"2026-09-16T10:00:00+02:00","DurationInMinutes":30}`).want(201, "")
	o.api("POST", "/sobjects/Event", `{"Subject":"Intro"}`).want(400, "REQUIRED_FIELD_MISSING")
	o.api("POST", "/sobjects/Partner", `{"OpportunityId":"`+opp+`","AccountToId":"`+acc+`","Role":"Reseller","IsPrimary":true}`).want(201, "")
	task := o.query("SELECT AccountId, IsClosed, CompletedDateTime, TYPEOF What WHEN Opportunity THEN Name, StageName END FROM Task")[0]
	if task["AccountId"] != acc || task["IsClosed"] != true || task["CompletedDateTime"] == nil || task["What"].(map[string]any)["Name"] != "D" {
		t.Errorf("task %v", task)
	}
	event := o.query("SELECT AccountId, EndDateTime, ActivityDate FROM Event")[0]
	if event["AccountId"] != acc || event["EndDateTime"] != "2026-09-16T08:30:00.000+0000" || event["ActivityDate"] != "2026-09-16" {
		t.Errorf("event %v", event)
	}
	got := o.query("SELECT Id, (SELECT AccountToId, Role, IsPrimary FROM OpportunityPartnersFrom) FROM Opportunity")[0]
	if got["OpportunityPartnersFrom"].(map[string]any)["totalSize"] != 1.0 {
		t.Errorf("partners %v", got)
	}
	o.api("DELETE", "/sobjects/Opportunity/"+opp, "").want(204, "")
	if n := len(o.query("SELECT Id FROM Task")) + len(o.query("SELECT Id FROM Event")) + len(o.query("SELECT Id FROM Partner")); n != 0 {
		t.Errorf("%d children stay after their opportunity is deleted", n)
	}
}

func TestPeopleAreInvitedToEventsOnceAndUsersGetACopy(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	acc := o.account("Acme")
	opp := o.api("POST", "/sobjects/Opportunity", `{"Name":"D","StageName":"1-Discovery","CloseDate":"2026-12-31","AccountId":"`+acc+`"}`).id()
	contact := o.api("POST", "/sobjects/Contact", `{"LastName":"Doe","AccountId":"`+acc+`","Email":"doe@acme.example"}`).id()
	lead := o.api("POST", "/sobjects/Lead", `{"LastName":"Roe","Company":"AWS","Email":"roe@aws.example"}`).id()
	user := o.query("SELECT Id FROM User WHERE IsActive = true LIMIT 1")[0]["Id"].(string)
	event := o.api("POST", "/sobjects/Event", `{"Subject":"Intro","WhatId":"`+opp+`","WhoId":"`+contact+`","StartDateTime":"2026-09-16T10:00:00Z","EndDateTime":"2026-09-16T10:30:00Z"}`).want(201, "").id()
	o.api("POST", "/sobjects/Event", `{"Subject":"Intro","WhatId":"`+opp+`","WhoId":"`+lead+`","StartDateTime":"2026-09-16T10:00:00Z","DurationInMinutes":30}`).want(400, "FIELD_INTEGRITY_EXCEPTION")
	o.api("POST", "/sobjects/Task", `{"Subject":"Intro","WhatId":"`+opp+`","WhoId":"`+lead+`"}`).want(400, "FIELD_INTEGRITY_EXCEPTION")
	o.api("POST", "/sobjects/Event", `{"Subject":"Long","StartDateTime":"2026-09-01T10:00:00Z","EndDateTime":"2026-09-16T10:30:00Z"}`).want(400, "FIELD_INTEGRITY_EXCEPTION")
	invite := func(event, who string) answer {
		return o.api("POST", "/sobjects/EventRelation", `{"EventId":"`+event+`","RelationId":"`+who+`"}`)
	}
	invite(event, lead).want(201, "")
	invite(event, lead).want(400, "DUPLICATE_VALUE")
	invite(event, user).want(201, "")
	invite(event, opp).want(400, "MALFORMED_ID")
	copies := o.query("SELECT Id, OwnerId, Subject, WhatId FROM Event WHERE IsChild = true")
	if len(copies) != 1 || copies[0]["OwnerId"] != user || copies[0]["Subject"] != "Intro" || copies[0]["WhatId"] != opp {
		t.Fatalf("copies %v", copies)
	}
	invite(copies[0]["Id"].(string), lead).want(400, "FIELD_INTEGRITY_EXCEPTION")
	rows := o.query("SELECT RelationId, Status, IsInvitee, Event.IsGroupEvent FROM EventRelation ORDER BY CreatedDate")
	if len(rows) != 2 || rows[0]["Status"] != "New" || rows[0]["IsInvitee"] != true || rows[0]["Event"].(map[string]any)["IsGroupEvent"] != true {
		t.Fatalf("invited %v", rows)
	}
	o.api("DELETE", "/sobjects/Event/"+event, "").want(204, "")
	if n := len(o.query("SELECT Id FROM EventRelation")); n != 0 {
		t.Errorf("%d invitations stay after their event is deleted", n)
	}
}

func TestMomentsThatPeopleWriteKeepWholeSeconds(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id := o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","Last_Portal_Modified__c":"2026-09-01T10:00:00.987Z"}`).want(201, "").id()
	if got := o.api("GET", "/sobjects/CoSell_Registration__c/"+id, "").object(); got["Last_Portal_Modified__c"] != "2026-09-01T10:00:00.000+0000" {
		t.Errorf("kept %v", got["Last_Portal_Modified__c"])
	}
}

func TestStampsAlwaysGoUp(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{}) // the clock stands still
	last := ""
	for range 5 {
		row := o.api("GET", "/sobjects/Account/"+o.account("x")+"?fields=SystemModstamp", "").object()
		if at := row["SystemModstamp"].(string); at <= last {
			t.Errorf("stamp %s after %s", at, last)
		} else {
			last = at
		}
	}
}

func TestABodyMayBeGzipped(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write([]byte(`{"Name":"Zipped"}`)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	zip := map[string]string{"Content-Encoding": "gzip"}
	o.api("POST", "/sobjects/Account", buf.String(), zip).want(201, "")
	o.api("POST", "/sobjects/Account", `{"Name":"x"}`, zip).want(400, "JSON_PARSER_ERROR")
}

func TestReplicationListsUpdatedAndDeletedRecords(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	kept, gone := o.account("kept"), o.account("gone")
	o.api("DELETE", "/sobjects/Account/"+gone, "").want(204, "")
	span := "?start=" + url.QueryEscape("2026-09-15T11:59:00+00:00") + "&end=" + url.QueryEscape("2026-09-15T12:01:00+00:00")
	if a := o.api("GET", "/sobjects/Account/updated/"+span, "").want(200, ""); !strings.Contains(a.body, kept) || strings.Contains(a.body, gone) {
		t.Errorf("updated: %s", a.body)
	}
	if a := o.api("GET", "/sobjects/Account/deleted/"+span, "").want(200, ""); strings.Contains(a.body, kept) || !strings.Contains(a.body, gone) {
		t.Errorf("deleted: %s", a.body)
	}
	o.api("GET", "/sobjects/Account/updated/?start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z", "").want(400, "INVALID_REPLICATION_DATE")
}
