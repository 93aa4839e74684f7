package soql

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrderLimitAndOffset(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for _, tt := range []struct{ soql, want string }{
		{"SELECT Id FROM Account ORDER BY Industry, Name", "4 2 1 3"},
		{"SELECT Id FROM Account ORDER BY Industry DESC, Name DESC", "3 1 2 4"},
		{"SELECT Id FROM Account ORDER BY Industry NULLS LAST, Name", "2 1 3 4"},
		{"SELECT Id FROM Account ORDER BY Industry DESC NULLS FIRST, Id", "4 1 3 2"},
		{"SELECT Id FROM Account ORDER BY AnnualRevenue", "4 3 2 1"},
		{"SELECT Id FROM Account ORDER BY CreatedDate DESC", "1 2 3 4"},
		{"SELECT Id FROM Account ORDER BY IsActive__c, Id", "2 3 1 4"},
		{"SELECT Id FROM Account ORDER BY Parent.Name, Id", "1 4 2 3"},
		{"SELECT Id FROM Account ORDER BY Owner.Name DESC, Id DESC", "2 3 1 4"},
		{"SELECT Id FROM Opportunity ORDER BY CloseDate DESC", "4 2 1 3"},
		{"SELECT Id FROM Opportunity ORDER BY SystemModstamp, Id", "1 3 2 4"},
		{"SELECT Id FROM Opportunity ORDER BY CALENDAR_YEAR(CloseDate) DESC, Id", "4 1 2 3"},
		{"SELECT Id FROM Account ORDER BY Id LIMIT 2", "1 2"},
		{"SELECT Id FROM Account ORDER BY Id LIMIT 2 OFFSET 1", "2 3"},
		{"SELECT Id FROM Account ORDER BY Id OFFSET 3", "4"},
		{"SELECT Id FROM Account ORDER BY Id OFFSET 2000", ""},
		{"SELECT Id FROM Account ORDER BY Id LIMIT 9223372036854775807 OFFSET 2", "3 4"},
		{"SELECT Id FROM Account LIMIT 0", ""},
		{"SELECT Id FROM Account LIMIT 1 OFFSET 1", "2"},
	} {
		if got := ids(t, m, tt.soql, testOptions); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.soql, got, tt.want)
		}
	}
}

func attrs(object, id string) string {
	return `{"attributes":{"type":"` + object + `","url":"/services/data/v67.0/sobjects/` + object + `/` + id + `"}`
}

func named(object, id string) string {
	return `{"attributes":{"type":"Name","url":"/services/data/v67.0/sobjects/` + object + `/` + id + `"}`
}

func TestRecordsAreRenderedAsTheRestAPIDoes(t *testing.T) {
	t.Parallel()
	m := newMemory()
	a1, a2, a4, o1, o3 := id("001", 1), id("001", 2), id("001", 4), id("006", 1), id("006", 3)
	for _, tt := range []struct{ name, soql, want string }{
		{
			"fields keep their order and the schema's spelling",
			"SELECT amount, id, closedate, iswon, systemmodstamp FROM opportunity WHERE Name = 'Deal 1'",
			attrs("Opportunity", o1) + `,"Amount":1000.0,"Id":"` + o1 + `","CloseDate":"2026-11-10","IsWon":true,"SystemModstamp":"2026-11-01T00:00:00.000+0000"}`,
		},
		{
			"nulls, integers and escapes",
			"SELECT Name, NumberOfEmployees, AnnualRevenue FROM Account WHERE Id = '" + a4 + "'",
			attrs("Account", a4) + `,"Name":"O'Neil \"x\"\n","NumberOfEmployees":5,"AnnualRevenue":null}`,
		},
		{
			"parents nest where first named, and are null when missing",
			"SELECT Account.Name, Id, Account.Owner.Email, Fulfillment_Partner__r.Name FROM Opportunity o WHERE o.Id IN ('" + o1 + "') AND o.Account.Name != null",
			attrs("Opportunity", o1) + `,"Account":` + attrs("Account", a1) + `,"Name":"Acme","Owner":` + attrs("User", id("005", 1)) + `,"Email":"ann@example.com"}},"Id":"` + o1 + `","Fulfillment_Partner__r":` + attrs("Account", id("001", 3)) + `,"Name":"Gamma_Ü"}}`,
		},
		{
			"a missing parent is null",
			"SELECT Account.Name FROM Opportunity WHERE Name = 'Deal 4'",
			attrs("Opportunity", id("006", 4)) + `,"Account":null}`,
		},
		{
			"a polymorphic parent shows the Name object",
			"SELECT Owner.Name, Owner.Type, Owner.Email FROM Opportunity WHERE Name = 'Deal 3'",
			attrs("Opportunity", o3) + `,"Owner":` + named("Group", id("00G", 1)) + `,"Name":"Queue","Type":"Group","Email":null}}`,
		},
		{
			"children are a nested result, or null",
			"SELECT Id, (SELECT UserId, User.Name FROM OpportunityTeamMembers ORDER BY TeamMemberRole DESC LIMIT 1) FROM Opportunity WHERE Name IN ('Deal 1', 'Deal 2') ORDER BY Name",
			attrs("Opportunity", o1) + `,"Id":"` + o1 + `","OpportunityTeamMembers":{"totalSize":1,"done":true,"records":[` + attrs("OpportunityTeamMember", id("00q", 2)) + `,"UserId":"` + id("005", 2) + `","User":` + attrs("User", id("005", 2)) + `,"Name":"Bob"}}]}}` + "\n" +
				attrs("Opportunity", id("006", 2)) + `,"Id":"` + id("006", 2) + `","OpportunityTeamMembers":null}`,
		},
		{
			"children of children, with the parent's name before the relationship",
			"SELECT Name, (SELECT Name, (SELECT TeamMemberRole FROM OpportunityTeamMembers WHERE User.IsActive = true) FROM Account.Opportunities WHERE Amount = 1000) FROM Account WHERE Name = 'Acme'",
			attrs("Account", a1) + `,"Name":"Acme","Opportunities":{"totalSize":1,"done":true,"records":[` + attrs("Opportunity", o1) + `,"Name":"Deal 1","OpportunityTeamMembers":{"totalSize":1,"done":true,"records":[` + attrs("OpportunityTeamMember", id("00q", 1)) + `,"TeamMemberRole":"Alliance"}]}}]}}`,
		},
		{
			"TYPEOF chooses the fields by the object",
			"SELECT Subject, TYPEOF What WHEN Opportunity THEN Name, StageName, Account.Name ELSE Name, StageName END FROM Task ORDER BY Id",
			attrs("Task", id("00T", 1)) + `,"Subject":"Call","What":` + attrs("Opportunity", o1) + `,"Name":"Deal 1","StageName":"Closed Won","Account":` + attrs("Account", a1) + `,"Name":"Acme"}}}` + "\n" +
				attrs("Task", id("00T", 2)) + `,"Subject":"Mail","What":` + attrs("Account", a2) + `,"Name":"beta 50%","StageName":null}}` + "\n" +
				attrs("Task", id("00T", 3)) + `,"Subject":"None","What":null}`,
		},
		{
			"FORMAT, toLabel and convertCurrency",
			"SELECT FORMAT(Amount) shown, convertCurrency(Amount), toLabel(StageName), FORMAT(CloseDate) day, toLabel(Account.Industry) FROM Opportunity WHERE Name = 'Deal 2'",
			attrs("Opportunity", id("006", 2)) + `,"shown":"USD 2,500.50","Amount":2500.5,"StageName":"Closed Won","day":"12/31/2026","Account":` + attrs("Account", a1) + `,"Industry":"Media"}}`,
		},
		{
			"FIELDS(CUSTOM)",
			"SELECT FIELDS(CUSTOM) FROM Opportunity WHERE Name = 'Deal 3' LIMIT 1",
			attrs("Opportunity", o3) + `,"Fulfillment_Partner__c":null,"Order_Type_Test__c":null}`,
		},
		{
			"binary fields are a link",
			"SELECT Body FROM Attachment",
			attrs("Attachment", id("00P", 1)) + `,"Body":"/services/data/v67.0/sobjects/Attachment/` + id("00P", 1) + `/Body"}`,
		},
		{
			"aliases of parents in FROM",
			"SELECT o.Name, a.Name FROM Opportunity o, o.Account a WHERE a.Industry = 'Energy'",
			attrs("Opportunity", o3) + `,"Name":"Deal 3","Account":` + attrs("Account", a2) + `,"Name":"beta 50%"}}`,
		},
	} {
		got := records(t, m, tt.soql)
		if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
		for line := range strings.SplitSeq(got, "\n") {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: not JSON: %s", tt.name, line)
			}
		}
	}
}

func TestNumbersHaveNoExponent(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{1e21: "1000000000000000000000.0", 1e-7: "0.0000001", 12.5: "12.5", 100000: "100000.0", -0.5: "-0.5"} {
		if got := string(appendValue(nil, v, TypeDouble)); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

func TestBrokenTextIsStillJSON(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"a\xffb", "\x00\x1f", "\\\"", "ü\u2028"} {
		if got := appendString(nil, s); !json.Valid(got) {
			t.Errorf("%q gives %s", s, got)
		}
	}
}

func TestAggregates(t *testing.T) {
	t.Parallel()
	m := newMemory()
	const group = `{"attributes":{"type":"AggregateResult"},`
	for _, tt := range []struct{ soql, want string }{
		{
			"SELECT COUNT(Id), COUNT(Amount) n, COUNT_DISTINCT(Order_Type_Test__c), SUM(Amount), AVG(Amount) a, MIN(CloseDate), MAX(Name) FROM Opportunity",
			group + `"expr0":4,"n":3,"expr1":2,"expr2":3510.5,"a":1170.1666666666667,"expr3":"2026-10-31","expr4":"Deal 4"}`,
		},
		{"SELECT SUM(Amount), COUNT(Id) FROM Opportunity WHERE Name = 'none'", group + `"expr0":null,"expr1":0}`},
		{"SELECT StageName, COUNT(Id) FROM Opportunity WHERE Name = 'none' GROUP BY StageName", ""},
		{
			"SELECT StageName, COUNT(Id) c FROM Opportunity GROUP BY StageName HAVING COUNT(Id) >= 1 AND StageName != 'Proposal' ORDER BY COUNT(Id) DESC, StageName",
			group + `"StageName":"Closed Won","c":2}` + "\n" + group + `"StageName":"Closed Lost","c":1}`,
		},
		{
			"SELECT Order_Type_Test__c, Fulfillment_Partner__r.Name, SUM(Amount) n, COUNT(Id) c FROM Opportunity WHERE IsWon = true AND CloseDate = THIS_FISCAL_QUARTER GROUP BY Order_Type_Test__c, Fulfillment_Partner__r.Name ORDER BY c, n DESC",
			group + `"Order_Type_Test__c":"Growth","Name":null,"n":2500.5,"c":1}` + "\n" + group + `"Order_Type_Test__c":"New","Name":"Gamma_Ü","n":1000.0,"c":1}`,
		},
		{
			"SELECT FISCAL_YEAR(CloseDate), FISCAL_QUARTER(CloseDate) q, SUM(Amount) s FROM Opportunity GROUP BY FISCAL_YEAR(CloseDate), FISCAL_QUARTER(CloseDate) ORDER BY FISCAL_YEAR(CloseDate), FISCAL_QUARTER(CloseDate)",
			group + `"expr0":2027,"q":3,"s":null}` + "\n" + group + `"expr0":2027,"q":4,"s":3500.5}` + "\n" + group + `"expr0":2028,"q":1,"s":10.0}`,
		},
		{
			"SELECT Order_Type_Test__c, COUNT(Id) c FROM Opportunity GROUP BY Order_Type_Test__c ORDER BY Order_Type_Test__c NULLS LAST LIMIT 2",
			group + `"Order_Type_Test__c":"Growth","c":1}` + "\n" + group + `"Order_Type_Test__c":"New","c":2}`,
		},
		{
			"SELECT IsWon, StageName, GROUPING(StageName) g, COUNT(Id) c FROM Opportunity GROUP BY ROLLUP(IsWon, StageName) HAVING COUNT(Id) > 1 ORDER BY GROUPING(IsWon), GROUPING(StageName), IsWon",
			group + `"IsWon":true,"StageName":"Closed Won","g":0,"c":2}` + "\n" + group + `"IsWon":false,"StageName":null,"g":1,"c":2}` + "\n" +
				group + `"IsWon":true,"StageName":null,"g":1,"c":2}` + "\n" + group + `"IsWon":null,"StageName":null,"g":1,"c":4}`,
		},
		{
			"SELECT IsWon, Owner.Name o, COUNT(Id) c FROM Opportunity WHERE IsWon = true GROUP BY CUBE(IsWon, Owner.Name) ORDER BY GROUPING(IsWon), GROUPING(Owner.Name)",
			group + `"IsWon":true,"o":"Ann","c":2}` + "\n" + group + `"IsWon":true,"o":null,"c":2}` + "\n" + group + `"IsWon":null,"o":"Ann","c":2}` + "\n" + group + `"IsWon":null,"o":null,"c":2}`,
		},
		{"SELECT FORMAT(MAX(Amount)) top, MAX(SystemModstamp) m FROM Opportunity", group + `"top":"USD 2,500.50","m":"2026-11-03T00:00:00.000+0000"}`},
		{"SELECT Industry FROM Account GROUP BY Industry ORDER BY Industry NULLS LAST", group + `"Industry":"Energy"}` + "\n" + group + `"Industry":"Media"}` + "\n" + group + `"Industry":null}`},
	} {
		if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(records(t, m, tt.soql), "\n")); diff != "" {
			t.Errorf("%s:\n%s", tt.soql, diff)
		}
	}
}

func TestCountHasNoRecords(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for soql, want := range map[string]int{
		"SELECT COUNT() FROM Account":                        4,
		"SELECT COUNT() FROM Account WHERE Industry = 'x'":   0,
		"SELECT COUNT() FROM Account LIMIT 3":                3,
		"SELECT COUNT() FROM Account WHERE Owner.Name='ann'": 2,
	} {
		r, err := run(t, m, soql, testOptions)
		if err != nil {
			t.Fatal(err)
		}
		if r.Count != want || !r.CountOnly || r.Len() != 0 {
			t.Errorf("%s: got %+v, want count %d", soql, r, want)
		}
	}
}

func TestTheProductsOwnQueriesRun(t *testing.T) {
	t.Parallel()
	m := newMemory()
	for soql, want := range map[string]int{
		"SELECT Id, Name, AccountId, Account.Name, StageName, CloseDate, Amount, Order_Type_Test__c, OwnerId, Owner.Email, Fulfillment_Partner__c, Fulfillment_Partner__r.Name, SystemModstamp FROM Opportunity WHERE SystemModstamp >= 2026-11-02T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 2000": 3,
		"SELECT Id, (SELECT Id, UserId, TeamMemberRole FROM OpportunityTeamMembers) FROM Opportunity WHERE Id IN ('" + id("006", 1) + "','" + id("006", 4) + "')":                                                                                                                                    2,
		"SELECT Id, WhatId, Subject, ActivityDate, TYPEOF What WHEN Opportunity THEN Name, StageName WHEN Account THEN Name END FROM Task WHERE CoSell_Activity_Key__c != null":                                                                                                                      2,
		"SELECT Id, Name, Domains__c FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsWon = false)":                                                                                                                                                                           3,
		"SELECT FIELDS(ALL) FROM Task LIMIT 200": 3,
		"SELECT Id, IsDeleted FROM Opportunity WHERE IsDeleted = true AND SystemModstamp >= 2026-08-01T00:00:00Z": 0,
		"SELECT Id FROM Task WHERE What.Name LIKE 'deal%' AND What.Type = 'Opportunity'":                          1,
	} {
		r, err := run(t, m, soql, testOptions)
		if err != nil {
			t.Errorf("%s: %v", soql, err)
			continue
		}
		if r.Count != want {
			t.Errorf("%s: %d records, want %d", soql, r.Count, want)
		}
		for i := range r.Len() {
			if line := r.Record(i).AppendJSON(nil, "67.0"); !json.Valid(line) {
				t.Errorf("%s: not JSON: %s", soql, line)
			}
		}
	}
}

func TestID18AddsTheCaseSuffix(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"001000000000001":    "001000000000001AAA",
		"00130000000ABCd":    "00130000000ABCdAAO",
		"001000000000001AAA": "001000000000001AAA",
		"short":              "short",
	} {
		if got := ID18(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestAPlanStopsWithItsContext(t *testing.T) {
	t.Parallel()
	q, err := Parse("SELECT Id FROM Account")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(q, newMemory(), Options{Now: time.Time{}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx); err == nil {
		t.Error("ran on a canceled context")
	}
}
