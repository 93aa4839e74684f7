package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// goldenDigest is the hash of the standard organisation with seed 7.
const goldenDigest = "422e1eaa1553601a731e218ed37ed3218e3bbda23a59041dd7389fdfd2678e89"

var testDay = time.Date(2026, time.August, 20, 0, 0, 0, 0, time.UTC)

func standard(t *testing.T) *Org {
	t.Helper()
	return Generate(Options{Seed: 7, Today: testDay})
}

// digest hashes all records; json.Marshal writes keys in order.
func digest(t *testing.T, records func(func(string, map[string]any) bool)) string {
	t.Helper()
	h := sha256.New()
	for object, fields := range records {
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatalf("marshal %s: %v", object, err)
		}
		fmt.Fprintf(h, "%s %s\n", object, b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func byObject(o *Org) map[string][]map[string]any {
	out := make(map[string][]map[string]any)
	for object, fields := range o.Records() {
		out[object] = append(out[object], fields)
	}
	return out
}

func text(fields map[string]any, name string) string {
	s, _ := fields[name].(string)
	return s
}

func number(fields map[string]any, name string) float64 {
	n, _ := fields[name].(float64)
	return n
}

// flawed gives the flaws by record.
func flawed(o *Org) map[string]map[Flaw]bool {
	out := make(map[string]map[Flaw]bool)
	for _, f := range o.Findings() {
		if out[f.RecordID] == nil {
			out[f.RecordID] = make(map[Flaw]bool)
		}
		out[f.RecordID][f.Flaw] = true
	}
	return out
}

func TestSameOptionsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	first, second := digest(t, standard(t).Records()), digest(t, standard(t).Records())
	if first != second {
		t.Errorf("two runs differ: %s and %s", first, second)
	}
	// The constant guards against a change of the organisation by accident and
	// against processors that count differently.
	if first != goldenDigest {
		t.Errorf("digest = %s, want %s; set goldenDigest when the change is meant", first, goldenDigest)
	}
	if other := digest(t, Generate(Options{Seed: 8, Today: testDay}).Records()); other == first {
		t.Error("another seed gave the same organisation")
	}
	if other := digest(t, Generate(Options{Seed: 7, Today: testDay.AddDate(0, 0, 1)}).Records()); other == first {
		t.Error("another day gave the same organisation")
	}
}

func TestStreamYieldsWhatGenerateHolds(t *testing.T) {
	t.Parallel()
	options := Options{Seed: 7, Today: testDay}
	if got, want := digest(t, Stream(options)), digest(t, Generate(options).Records()); got != want {
		t.Error("stream and organisation differ")
	}
	options.Objects = []string{"Account", "Opportunity"}
	counts := map[string]int{}
	for object := range Stream(options) {
		counts[object]++
	}
	if len(counts) != 2 || counts["Account"] != 400 || counts["Opportunity"] != 1500 {
		t.Errorf("counts = %v, want only 400 accounts and 1500 opportunities", counts)
	}
	n := 0
	for range Stream(options) {
		if n++; n == 3 {
			break
		}
	}
}

func TestCountsAreThoseAskedFor(t *testing.T) {
	t.Parallel()
	s := standard(t).Summary()
	if s.Accounts != 400 || s.Opportunities != 1500 || s.People != 40 {
		t.Errorf("summary = %d accounts, %d opportunities, %d people; want 400, 1500, 40", s.Accounts, s.Opportunities, s.People)
	}
	if s.JointAWS != 240 || s.JointGoogle != 90 || s.JointAzure != 60 || s.TwoClouds == 0 {
		t.Errorf("joint = %d AWS, %d Google, %d Azure, %d with two; want 240, 90, 60 and some", s.JointAWS, s.JointGoogle, s.JointAzure, s.TwoClouds)
	}
	if share := 100 * s.ReadyAWS / s.JointAWS; share < 65 || share > 75 {
		t.Errorf("%d %% of the AWS deals are ready, want 65 to 75", share)
	}
	for _, o := range s.Objects {
		if o.Count == 0 {
			t.Errorf("no %s", o.Name)
		}
	}
}

func TestReferencesPointToEarlierRecordsOfTheRightKind(t *testing.T) {
	t.Parallel()
	refs := map[string]string{
		"OwnerId": "005", "AccountId": "001", "ParentId": "001", "UserRoleId": "00E", "ParentRoleId": "00E", "ManagerId": "005",
		"OpportunityId": "006", "UserId": "005", "ContactId": "003", "WhatId": "006", "WhoId": "003",
		"Fulfillment_Partner__c": "001", "ImpartnerPRM__PartnerAccount__c": "001", "Influence_Partner__c": "001",
		"Distributor__c": "001", "Platform_Partner__c": "001",
	}
	prefixes := map[string]string{
		"Account": "001", "Contact": "003", "User": "005", "Opportunity": "006", "UserRole": "00E", "OpportunityContactRole": "00K",
		"OpportunityTeamMember": "00q", "Task": "00T", "Event": "00U",
	}
	for _, seed := range []uint64{0, 1, 99} {
		seen := make(map[string]bool)
		teams := make(map[string]bool)
		for object, fields := range Stream(Options{Seed: seed, Today: testDay}) {
			id := text(fields, "Id")
			if !validID(id) || id[:3] != prefixes[object] {
				t.Fatalf("%s has id %q", object, id)
			}
			if seen[id] {
				t.Fatalf("id %s comes twice", id)
			}
			for name, prefix := range refs {
				if to, ok := fields[name]; ok && (!seen[to.(string)] || to.(string)[:3] != prefix) {
					t.Fatalf("%s %s: %s = %v does not point to an earlier record", object, id, name, to)
				}
			}
			seen[id] = true
			if top := text(fields, "Ultimate_Parent_Account_ID__c"); object == "Account" && !seen[top] {
				t.Errorf("account %s: ultimate parent %q is unknown", id, top)
			}
			if object == "OpportunityTeamMember" {
				key := text(fields, "OpportunityId") + text(fields, "UserId")
				if teams[key] {
					t.Errorf("user twice in a team: %v", fields)
				}
				teams[key] = true
			}
		}
	}
}

// validID checks the three characters at the end against the case of the rest.
func validID(id string) bool {
	if len(id) != 18 {
		return false
	}
	var sum strings.Builder
	for g := 0; g < 15; g += 5 {
		bits := 0
		for i, c := range id[g : g+5] {
			if c >= 'A' && c <= 'Z' {
				bits += 1 << i
			}
		}
		sum.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits])
	}
	return id[15:] == sum.String()
}

func TestEveryChoiceOccurs(t *testing.T) {
	t.Parallel()
	records := byObject(standard(t))
	want := map[string][]string{"CurrencyIsoCode": {"USD", "EUR", "GBP", "JPY", "INR", "BRL", "AUD"}, "Stamped_User_Geo__c": geos[:], "User_Segment_O__c": segments[:], "Order_Type_Test__c": orderTypes[:]}
	for _, s := range stages {
		want["StageName"] = append(want["StageName"], s.name)
	}
	want["Deal_Path__c"] = []string{"Direct", "Partner", "Web Direct"}
	want["DR_Partner_Deal_Type__c"] = []string{"Resale", "Referral", "MSP"}
	want["SQL_Source__c"] = []string{"AE Generated", "SDR Generated", "Partner Generated", "Web Direct Generated"}
	want["Type"] = []string{"New Business", "Add-On Business", "Renewal"}
	for field, values := range want {
		counts := make(map[string]int)
		for _, o := range records["Opportunity"] {
			counts[text(o, field)]++
		}
		for _, v := range values {
			if counts[v] == 0 {
				t.Errorf("no opportunity with %s = %q", field, v)
			}
		}
	}
	used := make(map[string]bool)
	for _, a := range records["Account"] {
		used[text(a, "BillingCountryCode")] = true
	}
	if len(used) < 25 {
		t.Errorf("%d countries, want at least 25", len(used))
	}
	for _, title := range []string{"Associate Alliance", "Alliance Business", "Senior Alliance", "Director Alliances", "Senior Director Alliances", "VP Alliances"} {
		found := false
		for _, u := range records["User"] {
			found = found || strings.HasPrefix(text(u, "Title"), title)
		}
		if !found {
			t.Errorf("nobody is %s", title)
		}
	}
}

func TestSmallOrganisationsAreWhole(t *testing.T) {
	t.Parallel()
	for n := 1; n < 60; n += 7 {
		s := Generate(Options{Seed: uint64(n), Accounts: 1, Opportunities: n, People: 1, Today: testDay}).Summary()
		if s.Accounts != 50 || s.Opportunities != n || s.People != 40 {
			t.Errorf("summary = %+v", s)
		}
	}
	if s := Generate(Options{People: 90, Opportunities: 10}).Summary(); s.People != 90 {
		t.Errorf("%d people, want 90", s.People)
	}
}

func TestAccountsStandAsTheirDealsSay(t *testing.T) {
	t.Parallel()
	records := byObject(standard(t))
	kinds := make(map[string]int)
	prospects := make(map[string]bool)
	for _, a := range records["Account"] {
		kinds[text(a, "Type")]++
		prospects[text(a, "Id")] = text(a, "Type") == "Prospect"
	}
	for _, k := range append(accountTypes[:], "Partner") {
		if kinds[k] == 0 {
			t.Errorf("no account is a %s", k)
		}
	}
	for _, o := range records["Opportunity"] {
		if prospects[text(o, "AccountId")] && text(o, "StageName") == "Closed Won" {
			t.Errorf("%v is won with a prospect", o["Id"])
		}
	}
}

func TestPeopleAreReachedOnlyAtInventedAddresses(t *testing.T) {
	t.Parallel()
	mail := regexp.MustCompile(`^[a-z.\-]+@[a-z0-9\-]+\.(example|test)$`)
	e164 := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	org := Generate(Options{Seed: 3, Accounts: 2000, Today: testDay})
	flaws := flawed(org)
	fictional := []*regexp.Regexp{}
	for _, p := range []string{
		`1[0-9]{3}55501[0-9]{2}`, `442079460[0-9]{3}`, `441[136]{2}4960[0-9]{3}`, `441314960[0-9]{3}`, `447700900[0-9]{3}`,
		`493023125[0-9]{3}`, `496990009[0-9]{3}`, `494066969[0-9]{3}`, `498999998[0-9]{3}`,
		`3319900[0-9]{4}`, `3346571[0-9]{4}`, `3363998[0-9]{4}`, `468465004[0-9]{2}`, `463139006[0-9]{2}`,
		`61[23]5550[0-9]{4}`, `6177010[0-9]{4}`,
	} {
		fictional = append(fictional, regexp.MustCompile(`^(\+`+p+`)$`))
	}
	local := regexp.MustCompile(`^(\([0-9]{3}\) 555-01|020 7946 0|0161 496 0|0113 496 0|\(0131\) 496 0|07700 900|030 / 23125-|069 90009|040-66969-|089 99998 |01 99 00 |04\.65\.71\.|06 39 98 |08-465 004 |031-390 06 |\(0[23]\) 5550 |\(07\) 7010 )`)
	for object, records := range byObject(org) {
		for _, r := range records {
			id := text(r, "Id")
			if address, ok := r["Email"].(string); ok {
				upper := strings.ToLower(address) != address
				if !mail.MatchString(strings.ToLower(address)) || upper != flaws[id][FlawUpperEmail] {
					t.Errorf("%s %s: address %q", object, id, address)
				}
			}
			for _, field := range []string{"Website", "Domains__c"} {
				for part := range strings.SplitSeq(text(r, field), ";") {
					if part = strings.TrimSuffix(part, "/"); part != "" && !strings.HasSuffix(part, ".example") && !strings.HasSuffix(part, ".test") {
						t.Errorf("%s %s: %s %q", object, id, field, part)
					}
				}
			}
			phone := text(r, "Phone")
			if phone == "" {
				continue
			}
			if object == "Contact" && e164.MatchString(phone) == flaws[id][FlawLocalPhone] {
				t.Errorf("%s: phone %q", id, phone)
			}
			ok := local.MatchString(phone)
			for _, f := range fictional {
				ok = ok || f.MatchString(phone)
			}
			if !ok {
				t.Errorf("%s %s: phone %q is in no range kept for fiction", object, id, phone)
			}
		}
	}
}

func TestLargeOrganisationsKeepNamesAndDomainsApart(t *testing.T) {
	t.Parallel()
	families := make(map[string]string)
	names := make(map[string]int)
	for _, fields := range Stream(Options{Seed: 5, Accounts: 30_000, Objects: []string{"Account"}, Today: testDay}) {
		domain, _, _ := strings.Cut(text(fields, "Domains__c"), ";")
		top := text(fields, "Ultimate_Parent_Account_ID__c")
		if other, ok := families[domain]; ok && other != top {
			t.Fatalf("families %s and %s share %s", other, top, domain)
		}
		families[domain] = top
		names[text(fields, "Name")]++
		if n := utf8.RuneCountInString(text(fields, "Name")); n > 255 {
			t.Errorf("name of %d characters", n)
		}
	}
	if len(names) < 29_500 {
		t.Errorf("%d different names of 30000", len(names))
	}
}

func TestSolutionsAreValidForPartnerCentral(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^S-[0-9]{1,19}$`)
	active, seen := 0, make(map[string]bool)
	for _, s := range Solutions() {
		if !form.MatchString(s.ID) || seen[s.ID] || s.Name == "" || s.Category == "" {
			t.Errorf("solution %+v", s)
		}
		seen[s.ID] = true
		if s.Status == "Active" {
			active++
		}
	}
	if active != 12 || len(seen) <= active {
		t.Errorf("%d active of %d", active, len(seen))
	}
}

func BenchmarkStream(b *testing.B) {
	for range b.N {
		n := 0
		start := time.Now()
		for range Stream(Options{Accounts: 50_000, Opportunities: 100_000, Objects: []string{"User", "Account", "Opportunity"}, Today: testDay}) {
			n++
		}
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), "records/s")
	}
}

func BenchmarkStreamAllObjects(b *testing.B) {
	for range b.N {
		n := 0
		start := time.Now()
		for range Stream(Options{Accounts: 50_000, Opportunities: 100_000, Today: testDay}) {
			n++
		}
		b.ReportMetric(float64(n)/time.Since(start).Seconds(), "records/s")
	}
}
