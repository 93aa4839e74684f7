package salesforce_test

import (
	"fmt"
	"iter"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// accounts gives n accounts named A00000, A00001 and so on.
func accounts(n int) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) {
		for i := range n {
			if !yield("Account", map[string]any{"Name": fmt.Sprintf("A%05d", i), "NumberOfEmployees": i}) {
				return
			}
		}
	}
}

func (o *org) load(records iter.Seq2[string, map[string]any]) int {
	o.t.Helper()
	n, err := o.server.Load(o.t.Context(), records)
	if err != nil {
		o.t.Fatal(err)
	}
	return n
}

func TestAQueryComesInPagesOfTheWishedSize(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	o.load(accounts(4500))
	for name, tc := range map[string]struct {
		path, options string
		sizes         []int
	}{
		"by default":         {"/query?q=SELECT+Id,Name+FROM+Account+ORDER+BY+Name", "", []int{2000, 2000, 500}},
		"with a slash":       {"/query/?q=SELECT%20Id,Name%20FROM%20Account%20ORDER%20BY%20Name", "", []int{2000, 2000, 500}},
		"as wished":          {"/query?q=SELECT+Id,Name+FROM+Account+ORDER+BY+Name", "batchSize=1500", []int{1500, 1500, 1500}},
		"not under 200":      {"/query?q=SELECT+Id,Name+FROM+Account+WHERE+Name+<+'A00300'+ORDER+BY+Name", "batchSize=1", []int{200, 100}},
		"deleted ones too":   {"/queryAll?q=SELECT+Id,Name+FROM+Account+ORDER+BY+Name", "", []int{2000, 2000, 500}},
		"limited by a LIMIT": {"/query?q=SELECT+Id,Name+FROM+Account+ORDER+BY+Name+LIMIT+2100", "", []int{2000, 100}},
	} {
		path, seen := tc.path, 0
		for i, size := range tc.sizes {
			page := o.api("GET", path, "", map[string]string{"Sforce-Query-Options": tc.options}).want(200, "").object()
			records := page["records"].([]any)
			next, more := page["nextRecordsUrl"].(string)
			if len(records) != size || page["done"] != (i == len(tc.sizes)-1) || more == (i == len(tc.sizes)-1) {
				t.Fatalf("%s, page %d: %d records, done %v, next %q", name, i, len(records), page["done"], next)
			}
			for _, r := range records {
				if got := r.(map[string]any)["Name"]; got != fmt.Sprintf("A%05d", seen) {
					t.Fatalf("%s: record %d is %v", name, seen, got)
				}
				seen++
			}
			path = strings.TrimPrefix(next, "/services/data/v67.0")
		}
	}
}

func TestAnOldOrUnknownLocatorIsRefused(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	o.load(accounts(2001))
	page := o.api("GET", "/query?q=SELECT+Id+FROM+Account", "").object()
	next := strings.TrimPrefix(page["nextRecordsUrl"].(string), "/services/data/v67.0")
	if !strings.HasPrefix(next, "/query/01g") || !strings.HasSuffix(next, "-2000") {
		t.Errorf("locator %s", next)
	}
	o.api("GET", next, "").want(200, "")
	o.api("GET", "/query/01gnonsense-2000", "").want(400, "INVALID_QUERY_LOCATOR")
	o.api("GET", next+"9", "").want(400, "INVALID_QUERY_LOCATOR")
	o.server.Clock().Advance(16 * time.Minute)
	a := o.api("GET", next, "").want(400, "INVALID_QUERY_LOCATOR")
	if a.body != `[{"message":"invalid query locator","errorCode":"INVALID_QUERY_LOCATOR"}]` {
		t.Errorf("refusal %s", a.body)
	}
}

func TestQueryMistakesAreRefusedWithTheirPlace(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	for q, code := range map[string]string{
		"SELECT BAD":                   "MALFORMED_QUERY",
		"":                             "MALFORMED_QUERY",
		"SELECT Nope FROM Account":     "INVALID_FIELD",
		"SELECT Id FROM Nope":          "INVALID_TYPE",
		"SELECT Id FROM Account LIMIT": "MALFORMED_QUERY",
	} {
		o.api("GET", "/query?q="+url.QueryEscape(q), "").want(400, code)
	}
	if a := o.api("GET", "/query?q=SELECT+BAD", ""); !strings.Contains(a.body, `ERROR at Row:1:Column:`) {
		t.Errorf("message %s", a.body)
	}
	o.api("GET", "/query", "").want(400, "MALFORMED_QUERY")
	o.api("POST", "/query?q=x", "{}").want(405, "METHOD_NOT_ALLOWED")
}

// The queries are those of the research's appendix B: what the product needs.
func TestTheProductsQueriesRun(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	aws, acc := o.account("Amazon Web Services"), o.account("Acme")
	opp := o.api("POST", "/sobjects/Opportunity", jsonText(t, map[string]any{
		"Name": "Deal", "AccountId": acc, "StageName": "Closed Won", "CloseDate": "2026-09-10", "Amount": 5, "ARR_Net__c": 100,
		"Order_Type_Test__c": "1. New - First Order", "Fulfillment_Partner__c": aws,
	})).want(201, "").id()
	contact := o.api("POST", "/sobjects/Contact", `{"LastName":"Doe","AccountId":"`+acc+`"}`).id()
	user := o.query("SELECT Id FROM User")[0]["Id"].(string)
	o.api("POST", "/sobjects/OpportunityContactRole", `{"OpportunityId":"`+opp+`","ContactId":"`+contact+`","Role":"Champion","IsPrimary":true}`).want(201, "")
	o.api("POST", "/sobjects/OpportunityTeamMember", `{"OpportunityId":"`+opp+`","UserId":"`+user+`","TeamMemberRole":"Alliance Manager"}`).want(201, "")
	o.api("POST", "/sobjects/Case", `{"Subject":"Offer","Opportunity__c":"`+opp+`"}`).want(201, "")
	o.api("POST", "/sobjects/Task", `{"Subject":"t","WhatId":"`+opp+`","CoSell_Activity_Key__c":"k"}`).want(201, "")
	for q, want := range map[string]int{
		"SELECT Id, Name, AccountId, Account.Name, Account.Website, StageName, CloseDate, Amount, ARR_Net__c, Order_Type_Test__c, ForecastCategoryName, OwnerId, Owner.Email, Fulfillment_Partner__c, Fulfillment_Partner__r.Name, SystemModstamp FROM Opportunity WHERE SystemModstamp >= 2026-08-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 2000": 1,
		"SELECT Id, (SELECT Id, UserId, TeamMemberRole FROM OpportunityTeamMembers), (SELECT ContactId, Role, IsPrimary FROM OpportunityContactRoles), (SELECT AccountToId, Role, IsPrimary FROM OpportunityPartnersFrom) FROM Opportunity WHERE Id IN ('" + opp + "')":                                                                                 1,
		"SELECT Id, WhatId, Subject, Status, ActivityDate, TYPEOF What WHEN Opportunity THEN Name, StageName WHEN Account THEN Name END FROM Task WHERE CoSell_Activity_Key__c != null":                                                                                                                                                                 1,
		"SELECT Order_Type_Test__c, Fulfillment_Partner__r.Name, SUM(ARR_Net__c) n, COUNT(Id) c FROM Opportunity WHERE IsWon = true AND CloseDate = THIS_FISCAL_QUARTER GROUP BY Order_Type_Test__c, Fulfillment_Partner__r.Name":                                                                                                                       1,
		"SELECT Id, Name, Website, Domains__c, Ultimate_Parent_Account_ID__c, BillingCountryCode FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsClosed = false)":                                                                                                                                                               2,
		"SELECT Id, Status, CreatedDate, Owner.Name FROM Case WHERE Opportunity__c IN ('" + opp + "') AND IsClosed = false":                                                                                                                                                                                                                             1,
		"SELECT FIELDS(ALL) FROM CoSell_Registration__c LIMIT 200":                      0,
		"SELECT Id, Name FROM RecordType WHERE SobjectType = 'Opportunity'":             2,
		"SELECT MasterLabel, IsWon FROM OpportunityStage ORDER BY SortOrder":            12,
		"SELECT Id, (SELECT Id FROM Cases__r), (SELECT Id FROM Tasks) FROM Opportunity": 1,
		"SELECT Name, FiscalYearStartMonth FROM Organization":                           1,
	} {
		if got := o.query(q); len(got) != want {
			t.Errorf("%s\ngives %d records, want %d: %v", q, len(got), want, got)
		}
	}
	if a := o.api("GET", "/query?q="+url.QueryEscape("SELECT COUNT() FROM Opportunity WHERE IsWon = true"), ""); a.body != `{"totalSize":1,"done":true,"records":[]}` {
		t.Errorf("count: %s", a.body)
	}
	got := o.query("SELECT Owner.Name, Account.Name FROM Opportunity")[0]
	if got["Owner"].(map[string]any)["Name"] != "Tandem Integration" || got["Account"].(map[string]any)["Name"] != "Acme" {
		t.Errorf("parents %v", got)
	}
}
