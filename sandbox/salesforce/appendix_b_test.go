package salesforce_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/demo"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// seeded is the demo organisation with what the queries of the research's
// appendix B need beside it, and the records as they were loaded.
type seeded struct {
	*org
	by   map[string][]map[string]any // by object, in the order of loading
	byID map[any]map[string]any
}

// seedAppendixB loads the demo organisation with stamps of its own, some keys on
// tasks, and cases and registrations, of which the demo has none.
func seedAppendixB(t *testing.T) *seeded {
	t.Helper()
	s := &seeded{org: start(t, salesforce.Options{}), by: map[string][]map[string]any{}, byID: map[any]map[string]any{}}
	add := func(kind string, fields map[string]any, yield func(string, map[string]any) bool) bool {
		s.by[kind] = append(s.by[kind], fields)
		s.byID[fields["Id"]] = fields
		return yield(kind, maps.Clone(fields))
	}
	s.load(func(yield func(string, map[string]any) bool) {
		for kind, given := range demo.Stream(demo.Options{Seed: 20261124, Today: noon}) {
			fields, n := maps.Clone(given), len(s.by[kind])
			switch kind {
			case "Opportunity": // seven share each stamp, so that the id decides
				fields["SystemModstamp"] = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n%211) * 8 * time.Hour).Format(time.RFC3339)
			case "Task":
				if n%3 == 0 {
					fields["CoSell_Activity_Key__c"] = fmt.Sprintf("key-%d", n)
				}
				if n%2 == 0 {
					deal := s.byID[fields["WhatId"]]
					fields["WhatId"] = deal["AccountId"]
				}
			}
			if !add(kind, fields, yield) {
				return
			}
		}
		for i, deal := range s.by["Opportunity"][:90] {
			status := []string{"New", "Closed", "Work in Progress"}[i%3]
			if !add("Case", map[string]any{"Id": longID(fmt.Sprintf("500000000%06d", i+1)), "Opportunity__c": deal["Id"], "Status": status, "OwnerId": deal["OwnerId"], "CreatedDate": "2026-08-01T10:00:00Z"}, yield) {
				return
			}
		}
		for i, deal := range s.by["Opportunity"][:40] {
			if !add("CoSell_Registration__c", map[string]any{"Id": longID(fmt.Sprintf("a0R000000%06d", i+1)), "Cloud__c": "aws", "CoSell_Key__c": fmt.Sprintf("aws-%d", i), "Opportunity__c": deal["Id"], "Sync_State__c": "approved"}, yield) {
				return
			}
		}
	})
	return s
}

// longID adds the checksum to an id without capitals but in its prefix.
func longID(id string) string {
	var sum []byte
	for block := range 3 {
		bits := 0
		for i, c := range []byte(id[block*5 : block*5+5]) {
			if c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		sum = append(sum, "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits])
	}
	return id + string(sum)
}

// text writes a value of a loaded or of an answered record in one form.
func (s *seeded) text(v any) string {
	switch v.(type) {
	case nil, string, bool:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%.2f", numberOf(s.t, v))
}

// of gives a parent's field, nil without a parent.
func (s *seeded) of(id any, field string) any { return s.byID[id][field] }

func (s *seeded) line(vs ...any) string {
	parts := make([]string, len(vs))
	for i, v := range vs {
		parts[i] = s.text(v)
	}
	return strings.Join(parts, "|")
}

// compare fails unless the query gives want, in this order.
func (s *seeded) compare(q string, line func(map[string]any) string, want []string) {
	s.t.Helper()
	if len(want) == 0 {
		s.t.Errorf("nothing is expected of %s", q)
	}
	got := []string{}
	for _, r := range s.query(q) {
		got = append(got, line(r))
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		s.t.Errorf("%s (-want +got):\n%s", q, diff)
	}
}

func under(r map[string]any, path ...string) any {
	var v any = r
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func isOpen(deal map[string]any) bool {
	return !slices.Contains([]any{"Closed Won", "8-Closed Lost", "9-Unqualified", "10-Duplicate"}, deal["StageName"])
}

// Each query stands as the research's appendix B writes it, with the ids and
// moments filled in; what it has to give is worked out by loops over the records
// that were loaded.
func TestAppendixBsQueriesGiveWhatTheLoadedRecordsSay(t *testing.T) {
	t.Parallel()
	s := seedAppendixB(t)
	deals := s.by["Opportunity"]

	// 1: what changed, by stamp and id.
	var changed []map[string]any
	for _, d := range deals {
		if d["SystemModstamp"].(string) >= "2026-08-01T00:00:00Z" {
			changed = append(changed, d)
		}
	}
	slices.SortFunc(changed, func(a, b map[string]any) int {
		return cmp.Or(cmp.Compare(a["SystemModstamp"].(string), b["SystemModstamp"].(string)), cmp.Compare(a["Id"].(string), b["Id"].(string)))
	})
	var want []string
	for _, d := range changed {
		stamp := strings.Replace(d["SystemModstamp"].(string), "Z", ".000+0000", 1)
		want = append(want, s.line(d["Id"], d["Name"], d["AccountId"], s.of(d["AccountId"], "Name"), s.of(d["AccountId"], "Website"), d["StageName"], d["CloseDate"], d["Amount"], d["ARR_Net__c"],
			d["Order_Type_Test__c"], d["ForecastCategoryName"], d["OwnerId"], s.of(d["OwnerId"], "Email"), d["Fulfillment_Partner__c"], s.of(d["Fulfillment_Partner__c"], "Name"), stamp))
	}
	s.compare("SELECT Id, Name, AccountId, Account.Name, Account.Website, StageName, CloseDate, Amount, ARR_Net__c, Order_Type_Test__c, ForecastCategoryName, OwnerId, Owner.Email, Fulfillment_Partner__c, Fulfillment_Partner__r.Name, SystemModstamp FROM Opportunity WHERE SystemModstamp >= 2026-08-01T00:00:00Z ORDER BY SystemModstamp, Id LIMIT 2000",
		func(r map[string]any) string {
			return s.line(r["Id"], r["Name"], r["AccountId"], under(r, "Account", "Name"), under(r, "Account", "Website"), r["StageName"], r["CloseDate"], r["Amount"], r["ARR_Net__c"],
				r["Order_Type_Test__c"], r["ForecastCategoryName"], r["OwnerId"], under(r, "Owner", "Email"), r["Fulfillment_Partner__c"], under(r, "Fulfillment_Partner__r", "Name"), r["SystemModstamp"])
		}, want)

	// 2: children of three kinds; the demo has no partners.
	partner := s.api("POST", "/sobjects/Partner", fmt.Sprintf(`{"OpportunityId":%q,"AccountToId":%q,"Role":"Cloud Marketplace","IsPrimary":true}`, deals[0]["Id"], s.by["Account"][0]["Id"])).want(201, "").id()
	some := deals[:120]
	want = nil
	for _, d := range some {
		var team, roles, partners []string
		for _, m := range s.by["OpportunityTeamMember"] {
			if m["OpportunityId"] == d["Id"] {
				team = append(team, s.line(m["Id"], m["UserId"], m["TeamMemberRole"]))
			}
		}
		for _, c := range s.by["OpportunityContactRole"] {
			if c["OpportunityId"] == d["Id"] {
				roles = append(roles, s.line(c["ContactId"], c["Role"], c["IsPrimary"]))
			}
		}
		if d["Id"] == deals[0]["Id"] {
			partners = append(partners, s.line(s.by["Account"][0]["Id"], "Cloud Marketplace", true))
		}
		want = append(want, fmt.Sprint(d["Id"], team, roles, partners))
	}
	children := func(r map[string]any, of string, names ...string) []string {
		var out []string
		list, _ := under(r, of, "records").([]any)
		for _, c := range list {
			var vs []any
			for _, n := range names {
				vs = append(vs, c.(map[string]any)[n])
			}
			out = append(out, s.line(vs...))
		}
		slices.Sort(out)
		return out
	}
	s.compare("SELECT Id, (SELECT Id, UserId, TeamMemberRole FROM OpportunityTeamMembers), (SELECT ContactId, Role, IsPrimary FROM OpportunityContactRoles), (SELECT AccountToId, Role, IsPrimary FROM OpportunityPartnersFrom) FROM Opportunity WHERE Id IN ("+quotedIDs(some)+")",
		func(r map[string]any) string {
			return fmt.Sprint(r["Id"], children(r, "OpportunityTeamMembers", "Id", "UserId", "TeamMemberRole"), children(r, "OpportunityContactRoles", "ContactId", "Role", "IsPrimary"), children(r, "OpportunityPartnersFrom", "AccountToId", "Role", "IsPrimary"))
		}, want)
	if found := s.query("SELECT Id FROM OpportunityPartner"); len(found) != 1 || found[0]["Id"] != partner {
		t.Errorf("the partner has %v on its opportunity, want %s", found, partner)
	}

	// 3: activities that Tandem logged, about a deal or an account.
	want = nil
	for _, k := range s.by["Task"] {
		if k["CoSell_Activity_Key__c"] == nil {
			continue
		}
		what := s.byID[k["WhatId"]]
		want = append(want, s.line(k["Id"], k["WhatId"], k["Subject"], k["Status"], k["ActivityDate"], what["Name"], what["StageName"]))
	}
	s.compare("SELECT Id, WhatId, Subject, Status, ActivityDate, TYPEOF What WHEN Opportunity THEN Name, StageName WHEN Account THEN Name END FROM Task WHERE CoSell_Activity_Key__c != null",
		func(r map[string]any) string {
			return s.line(r["Id"], r["WhatId"], r["Subject"], r["Status"], r["ActivityDate"], under(r, "What", "Name"), under(r, "What", "StageName"))
		}, want)

	// 4: won this fiscal quarter (August to October), by order type and partner.
	sums, counts, keys := map[string]float64{}, map[string]int{}, []string{}
	for _, d := range deals {
		if on := d["CloseDate"].(string); d["StageName"] != "Closed Won" || on < "2026-08-01" || on > "2026-10-31" {
			continue
		}
		key := s.line(d["Order_Type_Test__c"], s.of(d["Fulfillment_Partner__c"], "Name"))
		if counts[key] == 0 {
			keys = append(keys, key)
		}
		sums[key] += numberOf(t, d["ARR_Net__c"])
		counts[key]++
	}
	want = nil
	for _, key := range keys {
		want = append(want, fmt.Sprintf("%s|%.2f|%d.00", key, sums[key], counts[key]))
	}
	s.compare("SELECT Order_Type_Test__c, Fulfillment_Partner__r.Name, SUM(ARR_Net__c) n, COUNT(Id) c FROM Opportunity WHERE IsWon = true AND CloseDate = THIS_FISCAL_QUARTER GROUP BY Order_Type_Test__c, Fulfillment_Partner__r.Name",
		func(r map[string]any) string { return s.line(r["Order_Type_Test__c"], r["Name"], r["n"], r["c"]) }, want)

	// 5: accounts without an open deal.
	busy := map[any]bool{}
	for _, d := range deals {
		if isOpen(d) {
			busy[d["AccountId"]] = true
		}
	}
	want = nil
	for _, a := range s.by["Account"] {
		if !busy[a["Id"]] {
			want = append(want, s.line(a["Id"], a["Name"], a["Website"], a["Domains__c"], a["Ultimate_Parent_Account_ID__c"], a["BillingCountryCode"]))
		}
	}
	s.compare("SELECT Id, Name, Website, Domains__c, Ultimate_Parent_Account_ID__c, BillingCountryCode FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsClosed = false)",
		func(r map[string]any) string {
			return s.line(r["Id"], r["Name"], r["Website"], r["Domains__c"], r["Ultimate_Parent_Account_ID__c"], r["BillingCountryCode"])
		}, want)

	// 6: requests for help that are still open.
	want = nil
	asked := deals[10:60]
	for _, c := range s.by["Case"] {
		owner := s.byID[c["OwnerId"]]
		if c["Status"] != "Closed" && slices.ContainsFunc(asked, func(d map[string]any) bool { return d["Id"] == c["Opportunity__c"] }) {
			want = append(want, s.line(c["Id"], c["Status"], "2026-08-01T10:00:00.000+0000", fmt.Sprint(owner["FirstName"], " ", owner["LastName"])))
		}
	}
	s.compare("SELECT Id, Status, CreatedDate, Owner.Name FROM Case WHERE Opportunity__c IN ("+quotedIDs(asked)+") AND IsClosed = false",
		func(r map[string]any) string {
			return s.line(r["Id"], r["Status"], r["CreatedDate"], under(r, "Owner", "Name"))
		}, want)

	// 7: a count, all fields of our object, record types.
	open := 0
	for _, d := range deals {
		if isOpen(d) && numberOf(t, d["Amount"]) > 100_000 {
			open++
		}
	}
	if got := s.api("GET", "/query?q=SELECT+COUNT()+FROM+Opportunity+WHERE+IsClosed=false+AND+Amount>100000", "").want(200, "").object()["totalSize"]; got != float64(open) || open == 0 {
		t.Errorf("COUNT() is %v, want %d", got, open)
	}
	want = nil
	for i, r := range s.by["CoSell_Registration__c"] {
		want = append(want, s.line(r["Id"], fmt.Sprintf("CSR-%05d", i+1), r["Cloud__c"], r["CoSell_Key__c"], r["Opportunity__c"], r["Sync_State__c"], nil, false))
	}
	s.compare("SELECT FIELDS(ALL) FROM CoSell_Registration__c LIMIT 200", func(r map[string]any) string {
		if len(r) != 22+1 { // the fields of the schema, and attributes
			t.Fatalf("FIELDS(ALL) gives %d keys: %v", len(r), r)
		}
		return s.line(r["Id"], r["Name"], r["Cloud__c"], r["CoSell_Key__c"], r["Opportunity__c"], r["Sync_State__c"], r["Portal_Id__c"], r["IsDeleted"])
	}, want)
	s.compare("SELECT Id, Name FROM RecordType WHERE SobjectType = 'Opportunity'", func(r map[string]any) string { return s.text(r["Name"]) }, []string{"Standard", "Renewal"})

	// 8: what was deleted since.
	var gone []string
	for _, d := range deals {
		if d["StageName"] == "10-Duplicate" && len(gone) < 5 {
			s.api("DELETE", "/sobjects/Opportunity/"+d["Id"].(string), "").want(204, "")
			gone = append(gone, s.line(d["Id"], true))
		}
	}
	got := []string{}
	for _, r := range s.api("GET", "/queryAll?q=SELECT+Id,+IsDeleted+FROM+Opportunity+WHERE+IsDeleted+=+true+AND+SystemModstamp+>=+2026-09-15T12:00:00Z", "").want(200, "").object()["records"].([]any) {
		got = append(got, s.line(under(r.(map[string]any), "Id"), under(r.(map[string]any), "IsDeleted")))
	}
	if diff := gocmp.Diff(gone, got); diff != "" || len(gone) != 5 {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}

func quotedIDs(records []map[string]any) string {
	quoted := make([]string, len(records))
	for i, r := range records {
		quoted[i] = fmt.Sprintf("'%s'", r["Id"])
	}
	return strings.Join(quoted, ",")
}
