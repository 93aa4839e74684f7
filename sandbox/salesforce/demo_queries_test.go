package salesforce_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/demo"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// numberOf reads a number as the demo organisation and the API write them.
func numberOf(t *testing.T, v any) float64 {
	t.Helper()
	switch n := v.(type) {
	case float64:
		return n
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case json.Number: // the demo organisation writes some amounts as spreadsheets do
		x, err := n.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return x
	case nil:
		return 0
	default:
		t.Fatalf("a number of type %T", v)
		return 0
	}
}

// The product's own queries over the demo organisation give what plain loops
// over the records that were loaded give.
func TestTheProductsQueriesGiveWhatTheLoadedRecordsSay(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	seed := map[string][]map[string]any{}
	byID := map[any]map[string]any{}
	o.load(func(yield func(string, map[string]any) bool) {
		for kind, fields := range demo.Stream(demo.Options{Seed: 20261124, Today: noon}) {
			own := maps.Clone(fields)
			seed[kind] = append(seed[kind], own)
			byID[own["Id"]] = own
			if !yield(kind, fields) {
				return
			}
		}
	})
	deals := seed["Opportunity"]
	number := func(v any) float64 {
		t.Helper()
		return numberOf(t, v)
	}
	closed := func(d map[string]any) bool {
		return slices.Contains([]any{"Closed Won", "8-Closed Lost", "9-Unqualified", "10-Duplicate"}, d["StageName"])
	}
	compare := func(name string, got, want []string) {
		t.Helper()
		slices.Sort(got)
		slices.Sort(want)
		if len(want) == 0 {
			t.Errorf("%s: the demo organisation has no such record", name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	lines := func(q string, line func(map[string]any) string) []string {
		t.Helper()
		var out []string
		for _, r := range o.query(q) {
			out = append(out, line(r))
		}
		return out
	}
	under := func(r map[string]any, path ...string) any {
		var v any = r
		for _, p := range path {
			m, _ := v.(map[string]any)
			v = m[p]
		}
		return v
	}

	var want []string
	for _, d := range deals {
		if number(d["Amount"]) >= 50_000 {
			want = append(want, fmt.Sprint(d["Id"], byID[d["AccountId"]]["Name"], byID[d["OwnerId"]]["Email"], byID[d["Fulfillment_Partner__c"]]["Name"], number(d["Amount"])))
		}
	}
	compare("parents", lines("SELECT Id, Account.Name, Owner.Email, Fulfillment_Partner__r.Name, Amount FROM Opportunity WHERE Amount >= 50000 ORDER BY SystemModstamp, Id LIMIT 2000",
		func(r map[string]any) string {
			return fmt.Sprint(r["Id"], under(r, "Account", "Name"), under(r, "Owner", "Email"), under(r, "Fulfillment_Partner__r", "Name"), r["Amount"])
		}), want)

	wantChildren := map[any]int{}
	for _, kind := range []string{"OpportunityTeamMember", "OpportunityContactRole"} {
		for _, c := range seed[kind] {
			wantChildren[fmt.Sprint(kind, c["OpportunityId"])]++
		}
	}
	want = nil
	first := deals[:200]
	quoted := make([]string, len(first))
	for i, d := range first {
		quoted[i] = fmt.Sprintf("'%s'", d["Id"])
		want = append(want, fmt.Sprint(d["Id"], " ", wantChildren[fmt.Sprint("OpportunityTeamMember", d["Id"])], wantChildren[fmt.Sprint("OpportunityContactRole", d["Id"])]))
	}
	compare("children", lines("SELECT Id, (SELECT Id, UserId FROM OpportunityTeamMembers), (SELECT ContactId FROM OpportunityContactRoles), (SELECT Role FROM OpportunityPartnersFrom) FROM Opportunity WHERE Id IN ("+strings.Join(quoted, ",")+")",
		func(r map[string]any) string {
			return fmt.Sprint(r["Id"], " ", number(under(r, "OpportunityTeamMembers", "totalSize")), number(under(r, "OpportunityContactRoles", "totalSize")))
		}), want)

	want = nil
	for _, k := range seed["Task"] {
		what := byID[k["WhatId"]]
		switch { // an account's tasks have no stage
		case strings.HasPrefix(fmt.Sprint(k["WhatId"]), "006"):
			want = append(want, fmt.Sprint(k["Id"], what["Name"], what["StageName"]))
		case what != nil:
			want = append(want, fmt.Sprint(k["Id"], what["Name"], any(nil)))
		}
	}
	compare("types", lines("SELECT Id, TYPEOF What WHEN Opportunity THEN Name, StageName WHEN Account THEN Name END FROM Task WHERE WhatId != null",
		func(r map[string]any) string {
			return fmt.Sprint(r["Id"], under(r, "What", "Name"), under(r, "What", "StageName"))
		}), want)

	type group struct {
		sum   float64
		count int
	}
	groups := map[string]*group{}
	for _, d := range deals {
		on, _ := d["CloseDate"].(string)
		if d["StageName"] != "Closed Won" || on < "2026-08-01" || on > "2026-10-31" {
			continue
		}
		key := fmt.Sprint(d["Order_Type_Test__c"], byID[d["Fulfillment_Partner__c"]]["Name"])
		if groups[key] == nil {
			groups[key] = &group{}
		}
		groups[key].sum += number(d["ARR_Net__c"])
		groups[key].count++
	}
	want = nil
	for key, g := range groups {
		want = append(want, fmt.Sprintf("%s %.2f %d", key, g.sum, g.count))
	}
	compare("groups", lines("SELECT Order_Type_Test__c, Fulfillment_Partner__r.Name, SUM(ARR_Net__c) n, COUNT(Id) c FROM Opportunity WHERE IsWon = true AND CloseDate = THIS_FISCAL_QUARTER GROUP BY Order_Type_Test__c, Fulfillment_Partner__r.Name",
		func(r map[string]any) string {
			return fmt.Sprintf("%v %.2f %v", fmt.Sprint(r["Order_Type_Test__c"], r["Name"]), number(r["n"]), r["c"])
		}), want)

	busy := map[any]bool{}
	for _, d := range deals {
		if !closed(d) {
			busy[d["AccountId"]] = true
		}
	}
	want = nil
	for _, a := range seed["Account"] {
		if !busy[a["Id"]] {
			want = append(want, fmt.Sprint(a["Id"], a["Website"], a["Ultimate_Parent_Account_ID__c"], a["BillingCountryCode"]))
		}
	}
	compare("anti-join", lines("SELECT Id, Website, Ultimate_Parent_Account_ID__c, BillingCountryCode FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsClosed = false)",
		func(r map[string]any) string {
			return fmt.Sprint(r["Id"], r["Website"], r["Ultimate_Parent_Account_ID__c"], r["BillingCountryCode"])
		}), want)

	count := func(where string, holds func(map[string]any) bool) {
		t.Helper()
		n := 0
		for _, d := range deals {
			if holds(d) {
				n++
			}
		}
		got := o.api("GET", "/query?q="+strings.ReplaceAll("SELECT COUNT() FROM Opportunity WHERE "+where, " ", "+"), "").want(200, "").object()["totalSize"]
		if got != float64(n) {
			t.Errorf("COUNT() WHERE %s is %v, want %d", where, got, n)
		}
	}
	count("NextStep = null", func(d map[string]any) bool { return d["NextStep"] == nil || d["NextStep"] == "" })
	count("Deal_Path__c != 'partner'", func(d map[string]any) bool { return d["Deal_Path__c"] != "Partner" })
	count("Competitors__c INCLUDES ('GitHub')", func(d map[string]any) bool {
		s, _ := d["Competitors__c"].(string)
		return slices.Contains(strings.Split(s, ";"), "GitHub")
	})
	count("Account.BillingCountryCode IN ('DE', 'FR') AND (NOT StageName LIKE '%25closed%25')", func(d map[string]any) bool {
		country := byID[d["AccountId"]]["BillingCountryCode"]
		stage, _ := d["StageName"].(string)
		return (country == "DE" || country == "FR") && !strings.Contains(stage, "Closed")
	})
	count("Owner.UserRole.ParentRole.Name != null", func(d map[string]any) bool {
		return byID[byID[byID[d["OwnerId"]]["UserRoleId"]]["ParentRoleId"]] != nil
	})
}
