package salesforce_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// dump reads everything a fresh query can see.
func (o *org) dump() map[string][]map[string]any {
	o.t.Helper()
	out := map[string][]map[string]any{}
	for _, name := range []string{"Account", "Opportunity", "OpportunityHistory", "Task", "CoSell_Registration__c", "User", "RecordType"} {
		var fields []string
		d := o.api("GET", "/sobjects/"+name+"/describe", "").object()
		for _, f := range d["fields"].([]any) {
			fields = append(fields, f.(map[string]any)["name"].(string))
		}
		a := o.api("GET", "/queryAll?q=SELECT+"+strings.Join(fields, ",")+"+FROM+"+name+"+ORDER+BY+Id", "").want(200, "")
		var v struct{ Records []map[string]any }
		if err := json.Unmarshal([]byte(a.body), &v); err != nil {
			o.t.Fatal(err)
		}
		out[name] = v.Records
	}
	return out
}

func TestTheStateIsTheSameAfterAKill(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/state/salesforce.journal"
	first, err := salesforce.New(salesforce.Options{StatePath: path, Clock: kit.NewFrozenClock(noon)})
	if err != nil {
		t.Fatal(err)
	}
	o := start(t, salesforce.Options{StatePath: path + ".other"})
	o.server, o.http.Config.Handler = first, first.Handler()
	o.signIn()
	acc, opp := o.account("Acme \u2028 \"quoted\" – dash"), o.opportunity("Deal")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"AccountId":"`+acc+`","Amount":12345678.91,"StageName":"5-Negotiating"}`).want(204, "")
	o.api("PATCH", "/sobjects/Opportunity/"+opp, `{"Amount":null,"Public_Sector_Opp__c":true}`).want(204, "")
	o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"k1","Last_Portal_Modified__c":"2026-09-01T10:00:00Z"}`).want(201, "")
	o.api("POST", "/sobjects/Task", `{"Subject":"x","WhatId":"`+opp+`","Status":"Completed","CallDurationInSeconds":7}`).want(201, "")
	o.api("DELETE", "/sobjects/Account/"+o.account("gone"), "").want(204, "")
	o.control("POST", "bulk", `{"hard_delete":true}`).want(200, "")
	o.ingest(`{"object":"Account","operation":"hardDelete"}`, "Id\n"+o.account("erased")+"\n")
	o.load(accounts(600))
	before := o.dump()

	// The file is read as a killed process leaves it: not closed, its last line torn.
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := path + ".killed"
	if err := os.WriteFile(copied, append(data, `{"k":"rows","v":[{"o":"Acc`...), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := salesforce.New(salesforce.Options{StatePath: copied, Clock: kit.NewFrozenClock(noon)})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := first, second; fmt.Sprint(a.Credentials()) != fmt.Sprint(b.Credentials()) {
		t.Error("the app's credentials changed")
	}
	o.server, o.http.Config.Handler = second, second.Handler()
	o.api("GET", "/limits", "").want(401, "INVALID_SESSION_ID")
	o.signIn()
	if diff := cmp.Diff(before, o.dump()); diff != "" {
		t.Errorf("after the kill (-before +after):\n%s", diff)
	}
	if id := o.account("new"); id <= acc {
		t.Errorf("the new id %s does not follow %s", id, acc)
	}
	o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"K1"}`).want(400, "DUPLICATE_VALUE")
	o.api("POST", "/sobjects/CoSell_Registration__c", `{"Cloud__c":"aws","CoSell_Key__c":"k2"}`).want(201, "")
	if got := o.query("SELECT Name FROM CoSell_Registration__c ORDER BY Name DESC LIMIT 1"); got[0]["Name"] != "CSR-00002" {
		t.Errorf("auto number after the kill %v", got)
	}
	for _, s := range []*salesforce.Server{first, second} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestALongJournalIsCompacted(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/journal"
	clock := kit.NewFrozenClock(noon)
	s, err := salesforce.New(salesforce.Options{StatePath: path, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2100 {
		rec := func(yield func(string, map[string]any) bool) {
			yield("Account", map[string]any{"Id": "001Ku0000000abc", "Name": fmt.Sprint("v", i)})
		}
		if _, err := s.Load(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	o := start(t, salesforce.Options{StatePath: path, Clock: clock})
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if after.Size() > before.Size()/10 {
		t.Errorf("%d bytes became %d", before.Size(), after.Size())
	}
	if got := o.query("SELECT Name FROM Account"); len(got) != 1 || got[0]["Name"] != "v2099" {
		t.Errorf("after compacting: %v", got)
	}
}

func TestAFileThatIsNoJournalIsRefusedByName(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/journal"
	if err := os.WriteFile(path, []byte("SQLite format 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := salesforce.New(salesforce.Options{StatePath: path}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
}

func one(name string, fields map[string]any) iter.Seq2[string, map[string]any] {
	return func(yield func(string, map[string]any) bool) { yield(name, fields) }
}

func TestLoadKeepsChosenIdsAndDatesAndNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	created := time.Date(2025, 3, 1, 8, 0, 0, 0, time.UTC)
	o.load(one("Opportunity", map[string]any{
		"Id": "006Ku000000AbCd", "Name": "Seeded", "StageName": "Closed Won", "CloseDate": "2025-12-31", "Amount": 5.0,
		"CreatedDate": created, "SystemModstamp": created.Add(time.Hour), "AccountId": "001Ku0000000000",
	}))
	got := o.query("SELECT Id, IsWon, FiscalYear, CreatedDate, LastModifiedDate, SystemModstamp, AccountId FROM Opportunity")[0]
	if got["Id"] != "006Ku000000AbCdUAK"[:15]+got["Id"].(string)[15:] || got["IsWon"] != true || got["FiscalYear"] != 2026.0 || got["CreatedDate"] != "2025-03-01T08:00:00.000+0000" ||
		got["SystemModstamp"] != "2025-03-01T09:00:00.000+0000" || got["LastModifiedDate"] != got["SystemModstamp"] {
		t.Errorf("seeded %v", got)
	}
	for want, fields := range map[string]map[string]any{
		"no field Nope":  {"Nope": 1},
		"CloseDate":      {"Name": "x", "StageName": "1-Discovery"},
		"restricted":     {"Name": "x", "StageName": "Nope", "CloseDate": "2025-12-31"},
		"is no currency": {"Amount": "much"},
		"begin with 006": {"Id": "001Ku000000AbCd"},
	} {
		_, err := o.server.Load(t.Context(), one("Opportunity", fields))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "record 1 (Opportunity)") {
			t.Errorf("%v: error %v, want %q", fields, err, want)
		}
	}
	lines := `{"type":"Account","fields":{"Id":"001Ku0000000000","Name":"Acme","NumberOfEmployees":5}}` + "\n\n" + `{"type":"Account","fields":{"Name":"Beta"}}` + "\n"
	if a := o.control("POST", "load", lines).want(200, ""); a.object()["loaded"] != 2.0 {
		t.Errorf("load %s", a.body)
	}
	if got := o.query("SELECT Account.Name FROM Opportunity")[0]; got["Account"].(map[string]any)["Name"] != "Acme" {
		t.Errorf("joined %v", got)
	}
	o.control("POST", "load", `{"type":"Nope","fields":{}}`).want(400, "")
	o.control("POST", "load", `{"type":`).want(400, "")
}
