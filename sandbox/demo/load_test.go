package demo_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/demo"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// org is a Salesforce sandbox that holds the demo organisation.
type org struct {
	base, token string
}

func (o org) query(t *testing.T, soql string) (total int, records []map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.base+"/services/data/v63.0/query?q="+url.QueryEscape(soql), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+o.token)
	var answer struct {
		TotalSize int              `json:"totalSize"`
		Records   []map[string]any `json:"records"`
	}
	send(t, r, &answer)
	return answer.TotalSize, answer.Records
}

func send(t *testing.T, r *http.Request, answer any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %s", r.URL, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		t.Fatal(err)
	}
}

func serve(t *testing.T, o *demo.Org) org {
	t.Helper()
	s, err := salesforce.New(salesforce.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	want := 0
	for _, c := range o.Summary().Objects {
		want += c.Count
	}
	start := time.Now()
	n, err := s.Load(t.Context(), o.Records())
	if err != nil || n != want {
		t.Fatalf("loaded %d of %d records: %v", n, want, err)
	}
	t.Logf("loaded %d records in %v", n, time.Since(start).Round(time.Millisecond))
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	id, secret := s.Credentials()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/services/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var granted struct {
		AccessToken string `json:"access_token"`
	}
	send(t, r, &granted)
	return org{web.URL, granted.AccessToken}
}

func TestTheSandboxHoldsTheWholeOrganisation(t *testing.T) {
	t.Parallel()
	generated := demo.Generate(demo.Options{Seed: 1, Today: time.Date(2026, time.August, 20, 0, 0, 0, 0, time.UTC)})
	sf := serve(t, generated)
	counts := make(map[string]int)
	flaws := make(map[string]int)
	for _, c := range generated.Summary().Objects {
		counts[c.Name] = c.Count
	}
	for _, c := range generated.Summary().Flaws {
		flaws[c.Name] = c.Count
	}
	summary := generated.Summary()
	cloud := func(name string) string {
		return "SELECT COUNT() FROM Opportunity WHERE Fulfillment_Partner__r.Name = '" + name + "' OR Influence_Partner__r.Name = '" + name +
			"' OR ImpartnerPRM__PartnerAccount__r.Name = '" + name + "'"
	}
	for soql, want := range map[string]int{
		"SELECT COUNT() FROM Account WHERE Name != null AND DUNS__c LIKE '999%'":                          counts["Account"],
		"SELECT COUNT() FROM Contact":                                                                     counts["Contact"],
		"SELECT COUNT() FROM Opportunity":                                                                 counts["Opportunity"],
		"SELECT COUNT() FROM Opportunity WHERE Account.Name != null AND Owner.Username != null":           counts["Opportunity"],
		"SELECT COUNT() FROM OpportunityTeamMember WHERE User.IsActive = true":                            counts["OpportunityTeamMember"],
		"SELECT COUNT() FROM OpportunityContactRole WHERE Contact.Email != null":                          counts["OpportunityContactRole"],
		"SELECT COUNT() FROM Task WHERE WhatId != null":                                                   counts["Task"],
		"SELECT COUNT() FROM Event WHERE WhatId != null":                                                  counts["Event"],
		"SELECT COUNT() FROM User WHERE Username LIKE '%quillmoor.example.demo'":                          counts["User"],
		"SELECT COUNT() FROM Opportunity WHERE Amount = null":                                             flaws[string(demo.FlawNullAmount)],
		"SELECT COUNT() FROM Opportunity WHERE StageName = '8-Closed Lost' AND Reason_For_Lost__c = null": flaws[string(demo.FlawNoLostReason)],
		"SELECT COUNT() FROM Account WHERE Website = null":                                                flaws[string(demo.FlawMissingWebsite)],
		"SELECT COUNT() FROM Account WHERE BillingCountry = null AND BillingCountryCode = null":           flaws[string(demo.FlawMissingCountry)],
		cloud("Amazon Web Services"):                                                                      summary.JointAWS,
		cloud("Google Cloud (Partner)"):                                                                   summary.JointGoogle,
		cloud("Microsoft Azure"):                                                                          summary.JointAzure,
	} {
		if got, _ := sf.query(t, soql); got != want {
			t.Errorf("%s = %d, want %d", soql, got, want)
		}
	}
	_, groups := sf.query(t, "SELECT StageName, IsClosed, COUNT(Id) n FROM Opportunity GROUP BY StageName, IsClosed")
	if len(groups) != 12 {
		t.Errorf("%d stages, want 12: %v", len(groups), groups)
	}
	_, types := sf.query(t, "SELECT Order_Type_Test__c, SUM(ARR_Net__c) net FROM Opportunity GROUP BY Order_Type_Test__c")
	if len(types) != 7 {
		t.Errorf("%d order types, want 7: %v", len(types), types)
	}
}
