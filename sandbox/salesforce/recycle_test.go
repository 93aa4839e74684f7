package salesforce_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// all reads with queryAll.
func (o *org) all(q string) []map[string]any {
	o.t.Helper()
	var out []map[string]any
	for _, r := range o.api("GET", "/queryAll?q="+strings.ReplaceAll(q, " ", "+"), "").want(200, "").object()["records"].([]any) {
		out = append(out, r.(map[string]any))
	}
	return out
}

func TestAnUndeletedRecordComesBackWithWhatWentWithIt(t *testing.T) {
	t.Parallel()
	clock := kit.NewFrozenClock(noon)
	o := start(t, salesforce.Options{Clock: clock})
	account, opp := o.account("Acme"), o.opportunity("Deal")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"AccountId":"`+account+`"}`).want(204, "")
	early := o.api("POST", "/sobjects/Task", `{"Subject":"early","WhatId":"`+opp+`"}`).want(201, "").id()
	late := o.api("POST", "/sobjects/Task", `{"Subject":"late","WhatId":"`+opp+`"}`).want(201, "").id()
	o.api("DELETE", "/sobjects/Task/"+early, "").want(204, "")
	clock.Advance(time.Minute)
	o.api("DELETE", "/sobjects/Account/"+account, "").want(204, "")
	for _, object := range []string{"Account", "Opportunity"} {
		if got := o.all("SELECT Id, IsDeleted FROM " + object); len(got) != 1 || got[0]["IsDeleted"] != true {
			t.Errorf("deleted %s: %v", object, got)
		}
	}
	clock.Advance(time.Minute)
	o.control("POST", "undelete", `{"ids":["`+account+`"]}`).want(200, "")
	row := o.query("SELECT Id, SystemModstamp, LastModifiedDate, (SELECT Id FROM Tasks) FROM Opportunity")
	if len(row) != 1 || row[0]["SystemModstamp"].(string) < "2026-09-15T12:02" {
		t.Fatalf("the opportunity %v", row)
	}
	if tasks := fmt.Sprint(row[0]["Tasks"]); !strings.Contains(tasks, late) || strings.Contains(tasks, early) {
		t.Errorf("its tasks %s: what was deleted before stays deleted", tasks)
	}
	o.control("POST", "undelete", `{"ids":["`+account+`"]}`).want(400, "")
	o.control("POST", "undelete", `{"ids":["x"]}`).want(400, "")
	o.control("POST", "undelete", `{"ids":[]}`).want(400, "")
	o.control("POST", "undelete", `{"ids":["001000000000000AAA"]}`).want(400, "")

	key := o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"k"}`).want(201, "").id()
	o.api("DELETE", "/sobjects/CoSell_Registration__c/"+key, "").want(204, "")
	o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"k"}`).want(201, "")
	if a := o.control("POST", "undelete", `{"ids":["`+key+`"]}`).want(400, ""); !strings.Contains(a.body, "DUPLICATE_VALUE") {
		t.Errorf("over a duplicate: %s", a.body)
	}
}

func TestAnErasedRecordIsKnownToReplicationAlone(t *testing.T) {
	t.Parallel()
	clock := kit.NewFrozenClock(noon)
	o := start(t, salesforce.Options{Clock: clock})
	account, opp, other := o.account("Acme"), o.opportunity("Deal"), o.opportunity("Other")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"AccountId":"`+account+`"}`).want(204, "")
	clock.Advance(time.Minute)
	o.api("DELETE", "/sobjects/Account/"+account, "").want(204, "")
	clock.Advance(time.Minute)
	o.control("POST", "erase", `{"ids":["`+account+`","`+other+`"]}`).want(200, "")
	if got := o.all("SELECT Id FROM Opportunity"); len(got) != 0 {
		t.Errorf("the bin still holds %v", got)
	}
	gone := fmt.Sprint(o.api("GET", "/sobjects/Opportunity/deleted/?start=2026-09-15T12:00:00Z&end=2026-09-15T12:10:00Z", "").want(200, "").object()["deletedRecords"])
	if !strings.Contains(gone, opp) || !strings.Contains(gone, other) {
		t.Errorf("replication tells %s, not %s and %s", gone, opp, other)
	}
	o.control("POST", "undelete", `{"ids":["`+account+`"]}`).want(400, "")
	o.control("POST", "erase", `{"ids":["`+account+`"]}`).want(400, "")
}

func TestAMergeMovesWhatBelongedToTheLosers(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	person := ""
	o.load(func(yield func(string, map[string]any) bool) {
		yield("User", map[string]any{"Username": "person@example.com", "LastName": "Person", "Email": "person@example.com"})
	})
	person = o.query("SELECT Id FROM User WHERE LastName = 'Person'")[0]["Id"].(string)
	master, first, second := o.account("Master"), o.account("First"), o.account("Second")
	opp := o.opportunity("Deal")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"AccountId":"`+first+`","Influence_Partner__c":"`+second+`"}`).want(204, "")
	contact := o.api("POST", "/sobjects/Contact", `{"LastName":"Doe","AccountId":"`+second+`"}`).want(201, "").id()
	task := o.api("POST", "/sobjects/Task", `{"Subject":"x","WhatId":"`+opp+`"}`).want(201, "").id()
	before := o.query("SELECT SystemModstamp FROM Opportunity")[0]["SystemModstamp"].(string)
	o.control("POST", "merge", `{"master":"`+master+`","losers":["`+first+`","`+second[:15]+`"],"fields":{"Phone":"+1 555 0100"}}`).want(200, "")
	row := o.query("SELECT AccountId, Influence_Partner__c, SystemModstamp, LastModifiedById FROM Opportunity")[0]
	if row["AccountId"] != master || row["Influence_Partner__c"] != master || row["SystemModstamp"].(string) <= before || row["LastModifiedById"] != person {
		t.Errorf("the opportunity %v", row)
	}
	if got := o.query("SELECT AccountId FROM Contact WHERE Id = '" + contact + "'")[0]["AccountId"]; got != master {
		t.Errorf("the contact is of %v", got)
	}
	if got := o.query("SELECT AccountId FROM Task WHERE Id = '" + task + "'")[0]["AccountId"]; got != master {
		t.Errorf("the task is of %v", got)
	}
	if got := o.query("SELECT Phone FROM Account WHERE Id = '" + master + "'"); len(got) != 1 || got[0]["Phone"] != "+1 555 0100" {
		t.Errorf("the master %v", got)
	}
	gone := o.all("SELECT Id, MasterRecordId, MasterRecord.Name FROM Account WHERE IsDeleted = true ORDER BY Id")
	if len(gone) != 2 || gone[0]["MasterRecordId"] != master || under(gone[1], "MasterRecord", "Name") != "Master" {
		t.Errorf("the losers %v", gone)
	}
	o.api("GET", "/sobjects/Account/"+first, "").want(404, "ENTITY_IS_DELETED")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"AccountId":"`+first+`"}`).want(400, "ENTITY_IS_DELETED")
	for _, bad := range []string{
		`{"master":"` + master + `","losers":[]}`,
		`{"master":"` + master + `","losers":["` + master + `"]}`,
		`{"master":"` + master + `","losers":["` + contact + `"]}`,
		`{"master":"` + master + `","losers":["` + first + `"]}`,
		`{"master":"` + opp + `","losers":["` + o.opportunity("x") + `"]}`,
		`{"master":"` + master + `","losers":["` + o.account("x") + `"],"fields":{"Nope":1}}`,
		`{"master":"` + master + `","losers":["` + o.account("y") + `"],"fields":{"NumberOfEmployees":"many"}}`,
	} {
		o.control("POST", "merge", bad).want(400, "")
	}
	if n := len(o.all("SELECT Id FROM Account WHERE IsDeleted = true")); n != 2 {
		t.Errorf("%d accounts are deleted after refused merges", n)
	}
}

func TestReplicationTellsWhatChangedAndWhatWentInWholeMinutes(t *testing.T) {
	t.Parallel()
	clock := kit.NewFrozenClock(noon)
	o := start(t, salesforce.Options{Clock: clock})
	a := o.account("a")
	clock.Advance(90 * time.Second) // 12:01:30
	b := o.account("b")
	o.api("DELETE", "/sobjects/Account/"+a, "").want(204, "")
	clock.Advance(5 * time.Minute)
	ask := func(what, from, to string) (ids []string, rest map[string]any) {
		t.Helper()
		rest = o.api("GET", "/sobjects/Account/"+what+"/?start="+from+"&end="+to, "").want(200, "").object()
		if what == "updated" {
			for _, id := range rest["ids"].([]any) {
				ids = append(ids, id.(string))
			}
			return ids, rest
		}
		for _, r := range rest["deletedRecords"].([]any) {
			ids = append(ids, r.(map[string]any)["id"].(string))
		}
		return ids, rest
	}
	if ids, rest := ask("updated", "2026-09-15T12:00:00Z", "2026-09-15T12:05:00%2B00:00"); !slices.Equal(ids, []string{b}) || rest["latestDateCovered"] != "2026-09-15T12:05:00.000+0000" {
		t.Errorf("updated %v %v", ids, rest)
	}
	if ids, _ := ask("updated", "2026-09-15T11:00:00.000Z", "2026-09-15T12:01:59.000Z"); len(ids) != 0 {
		t.Errorf("until 12:01, seconds left out: %v", ids)
	}
	ids, rest := ask("deleted", "2026-09-15T12:00:00+00:00", "2026-09-15T12:05:00Z")
	if !slices.Equal(ids, []string{a}) || rest["earliestDateAvailable"] != "2026-09-15T12:00:00.000+0000" || !strings.HasPrefix(rest["deletedRecords"].([]any)[0].(map[string]any)["deletedDate"].(string), "2026-09-15T12:01:30") {
		t.Errorf("deleted %v %v", ids, rest)
	}
	o.control("POST", "undelete", `{"ids":["`+a+`"]}`).want(200, "")
	if ids, _ := ask("deleted", "2026-09-15T12:00:00Z", "2026-09-15T12:10:00Z"); len(ids) != 0 {
		t.Errorf("after the undelete: %v", ids)
	}
	for query, code := range map[string]string{
		"start=2026-09-15T12:00:00Z&end=2026-09-15T12:00:30Z": "INVALID_REPLICATION_DATE",
		"start=2026-08-01T12:00:00Z&end=2026-09-15T12:00:30Z": "INVALID_REPLICATION_DATE",
		"start=yesterday&end=2026-09-15T12:00:30Z":            "MALFORMED_QUERY",
		"": "MALFORMED_QUERY",
	} {
		o.api("GET", "/sobjects/Account/updated/?"+query, "").want(400, code)
	}
	if ids, _ := ask("updated", "2026-08-20T12:00:00Z", "2026-09-15T12:10:00Z"); len(ids) != 2 {
		t.Errorf("26 days back: %v", ids)
	}
	o.api("GET", "/sobjects/Account/deleted/?start=2026-08-20T12:00:00Z&end=2026-09-15T12:10:00Z", "").want(400, "INVALID_REPLICATION_DATE")
	o.api("GET", "/sobjects/OpportunityStage/deleted/?start=2026-09-15T12:00:00Z&end=2026-09-15T12:10:00Z", "").want(400, "INVALID_TYPE")
}
