package salesforce_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// pipeline gives a accounts and n opportunities with about sixty filled fields.
func pipeline(a, n int) iter.Seq2[string, map[string]any] {
	stages := []string{"1-Discovery", "2-Scoping", "4-Proposal", "Closed Won", "8-Closed Lost"}
	day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	return func(yield func(string, map[string]any) bool) {
		for i := range a {
			if !yield("Account", map[string]any{
				"Id": fmt.Sprintf("001Ku1%09d", i), "Name": fmt.Sprintf("Company %d", i), "Website": fmt.Sprintf("https://c%d.example", i),
				"BillingCountry": "Germany", "BillingCity": "Berlin", "BillingPostalCode": fmt.Sprint(10000 + i%9000), "NumberOfEmployees": i % 5000,
				"Industry": "Technology", "DUNS__c": fmt.Sprintf("%09d", i), "Domains__c": fmt.Sprintf("c%d.example", i),
			}) {
				return
			}
		}
		for i := range n {
			acc := fmt.Sprintf("001Ku1%09d", i%a)
			f := map[string]any{
				"AccountId": acc, "Name": fmt.Sprintf("Opportunity %d", i), "StageName": stages[i%5], "Amount": float64(i) * 1.5,
				"CloseDate": day.AddDate(0, 0, i%900).Format(time.DateOnly), "Type": "New Business", "NextStep": fmt.Sprintf("call %d", i),
				"LeadSource": "Web", "ARR_Net__c": float64(i), "ARR_Basis__c": float64(i) / 2, "ARR__c": float64(i), "Recurring_Amount__c": float64(i),
				"True_Up_Amount__c": float64(i % 7), "ProServ_Amount__c": float64(i % 11), "Other_Non_Recurring_Amount__c": 0.0,
				"Order_Type_Test__c": "3. Growth", "Order_Type_Live__c": "3. Growth", "Opportunity_Category__c": "Standard", "Deal_Path__c": "Partner",
				"SQL_Source__c": "AE Generated", "Fulfillment_Partner__c": "001Ku1000000001", "ImpartnerPRM__PartnerAccount__c": "001Ku1000000002",
				"DR_Partner_Deal_Type__c": "Resale", "DR_Partner_Engagement__c": "Co-Sell", "Influence_Partner__c": "001Ku1000000003",
				"Distributor__c": "001Ku1000000004", "Platform_Partner__c": "001Ku1000000005", "Resale_Partner_Track__c": "Open", "Partner_Track__c": "Open",
				"Partner_Discount__c": 5.0, "Partner_Margin__c": 3.0, "Start_Date__c": "2026-01-01", "End_Date__c": "2026-12-31", "User_Segment_O__c": "SMB",
				"Stamped_User_Geo__c": "EMEA", "Stamped_User_Region__c": "DACH", "Stamped_User_Area__c": "North", "Push_Counter__c": float64(i % 4),
				"Next_Steps__c": fmt.Sprintf("2026-01-01: met the buyer, sent papers %d", i), "Competitors__c": "GitHub;Atlassian", "New_Logo_Count__c": 0.0,
				"Description": fmt.Sprintf("A longer text about deal %d", i), "TotalOpportunityQuantity": 1.0,
				"CreatedDate": day, "SystemModstamp": day.Add(time.Duration(i) * time.Second),
			}
			if !yield("Opportunity", f) {
				return
			}
		}
	}
}

// BenchmarkLoadAndImport loads 50,000 accounts and 100,000 opportunities and
// reads the opportunities page by page as a first import does.
func BenchmarkLoadAndImport(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("journal=%t", kept), func(b *testing.B) {
			for b.Loop() {
				opt := salesforce.Options{}
				if kept {
					opt.StatePath = filepath.Join(b.TempDir(), "journal")
				}
				s, err := salesforce.New(opt)
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				n, err := s.Load(context.Background(), pipeline(50_000, 100_000))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n)/time.Since(began).Seconds(), "loaded/s")
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/1e6, "heap-MB")
				began = time.Now()
				n = importAll(b, s)
				b.ReportMetric(float64(n)/time.Since(began).Seconds(), "imported/s")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
				if kept {
					began = time.Now()
					if s, err = salesforce.New(opt); err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(150_000/time.Since(began).Seconds(), "replayed/s")
					if err := s.Close(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func importAll(b *testing.B, s *salesforce.Server) int {
	b.Helper()
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	get := func(req *http.Request) string {
		resp, err := srv.Client().Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			b.Fatal(resp.StatusCode, err, string(text))
		}
		return string(text)
	}
	id, secret := s.Credentials()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}
	req, _ := http.NewRequestWithContext(b.Context(), http.MethodPost, srv.URL+"/services/oauth2/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	token := between(get(req), `"access_token":"`, `"`)
	path := "/services/data/v67.0/query?q=" + url.QueryEscape("SELECT Id, Name, AccountId, Account.Name, Account.Website, StageName, CloseDate, Amount, ARR_Net__c, Order_Type_Test__c, ForecastCategoryName, OwnerId, Owner.Email, Fulfillment_Partner__c, Fulfillment_Partner__r.Name, SystemModstamp FROM Opportunity WHERE SystemModstamp >= 2020-01-01T00:00:00Z ORDER BY SystemModstamp, Id")
	n := 0
	for path != "" {
		req, _ := http.NewRequestWithContext(b.Context(), http.MethodGet, srv.URL+path, nil)
		req.Header.Set("Authorization", "Bearer "+token)
		page := get(req)
		n += strings.Count(page, `"SystemModstamp":`)
		path = between(page, `"nextRecordsUrl":"`, `"`)
	}
	if n != 100_000 {
		b.Fatalf("%d records imported", n)
	}
	return n
}

func between(s, from, to string) string {
	_, s, ok := strings.Cut(s, from)
	if !ok {
		return ""
	}
	s, _, _ = strings.Cut(s, to)
	return s
}

// BenchmarkBulkQuery works one query job of b.N opportunities and reads its
// results in pages.
func BenchmarkBulkQuery(b *testing.B) {
	s, err := salesforce.New(salesforce.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.Load(context.Background(), pipeline(1000, b.N)); err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	o := &org{t: &testing.T{}, server: s, http: srv}
	call := func(method, path, body string) (string, http.Header) {
		req, _ := http.NewRequestWithContext(b.Context(), method, srv.URL+path, strings.NewReader(body))
		req.Header.Set("Authorization", "Bearer "+o.token)
		resp, err := srv.Client().Do(req)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= 300 {
			b.Fatal(resp.StatusCode, err, string(text))
		}
		return string(text), resp.Header
	}
	id, secret := s.Credentials()
	token, _ := call("POST", "/services/oauth2/token?"+url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}.Encode(), "")
	o.token = between(token, `"access_token":"`, `"`)
	b.ResetTimer()
	made, _ := call("POST", "/services/data/v67.0/jobs/query", `{"operation":"query","query":"SELECT Id, Name, AccountId, Account.Name, StageName, CloseDate, Amount, ARR_Net__c, Order_Type_Test__c, ForecastCategoryName, OwnerId, Owner.Name, Fulfillment_Partner__c, Fulfillment_Partner__r.Name, Description, SystemModstamp FROM Opportunity"}`)
	path := "/services/data/v67.0/jobs/query/" + between(made, `"id":"`, `"`)
	for {
		if job, _ := call("GET", path, ""); strings.Contains(job, `"JobComplete"`) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "worked/s")
	total, n := 0, 0
	for locator := ""; locator != "null"; {
		page, header := call("GET", path+"/results?maxRecords=50000&locator="+locator, "")
		locator = header.Get("Sforce-Locator")
		records, _ := strconv.Atoi(header.Get("Sforce-NumberOfRecords"))
		n, total = n+records, total+len(page)
	}
	if n != b.N {
		b.Fatalf("%d records of %d", n, b.N)
	}
	b.SetBytes(int64(total / b.N))
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "read/s")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLoad loads opportunities of sixty columns, forty-four of them filled.
func BenchmarkLoad(b *testing.B) {
	s, err := salesforce.New(salesforce.Options{})
	if err != nil {
		b.Fatal(err)
	}
	n, err := s.Load(context.Background(), pipeline(1000, b.N))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "loaded/s")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
