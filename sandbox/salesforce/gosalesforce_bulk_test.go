package salesforce_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gosf "github.com/k-capehart/go-salesforce/v3"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// goClient signs the independent client in.
func goClient(t *testing.T, o *org, opts ...gosf.Option) *gosf.Salesforce {
	t.Helper()
	id, secret := o.server.Credentials()
	sf, err := gosf.Init(gosf.Creds{Domain: o.http.URL, ConsumerKey: id, ConsumerSecret: secret}, append(opts, gosf.WithAPIVersion("v63.0"))...)
	if err != nil {
		t.Fatal(err)
	}
	return sf
}

// goCall sends what the client has no function for and decodes the answer.
func goCall(t *testing.T, sf *gosf.Salesforce, method, path, body string) map[string]any {
	t.Helper()
	resp, err := sf.DoRequest(method, path, []byte(body))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var v map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A program with that client moves much data both ways, by the Bulk API and by
// graphs, and every answer is looked at.
func TestGoSalesforceMovesMuchDataAndGraphs(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	sf := goClient(t, o)

	var rows []map[string]any
	for i := range 2300 {
		rows = append(rows, map[string]any{"Name": fmt.Sprintf("Bulk, \"%04d\"", i), "NumberOfEmployees": i})
	}
	rows[5]["Name"] = ""
	jobs, err := sf.InsertBulk("Account", rows, 1000, true)
	if err != nil || len(jobs) != 3 {
		t.Fatalf("insert: %v %v", jobs, err)
	}
	var ids []map[string]any
	failed := 0
	for _, job := range jobs {
		o.settle("ingest", job, "JobComplete") // the client waits for one of its jobs only
		res, err := sf.GetJobResults(job)
		if err != nil || res.State != "JobComplete" {
			t.Fatalf("results: %+v %v", res, err)
		}
		failed += res.NumberRecordsFailed
		for _, r := range res.SuccessfulRecords {
			ids = append(ids, map[string]any{"Id": r["sf__Id"]})
		}
		for _, r := range res.FailedRecords {
			if !strings.HasPrefix(r["sf__Error"].(string), "REQUIRED_FIELD_MISSING:") || r["NumberOfEmployees"] != "5" {
				t.Errorf("the failed row %v", r)
			}
		}
	}
	if len(ids) != 2299 || failed != 1 {
		t.Fatalf("%d rows were made, %d failed", len(ids), failed)
	}
	for i := range ids[:100] {
		ids[i]["Website"] = fmt.Sprintf("https://%d.example", i)
	}
	if jobs, err = sf.UpdateBulk("Account", ids[:100], 10_000, true); err != nil || len(jobs) != 1 {
		t.Fatalf("update: %v %v", jobs, err)
	}
	registrations := []map[string]any{{"CoSell_Key__c": "k1", "Cloud__c": "aws"}, {"CoSell_Key__c": "k2", "Cloud__c": "moon"}}
	if jobs, err = sf.UpsertBulk("CoSell_Registration__c", "CoSell_Key__c", registrations, 10_000, true); err != nil {
		t.Fatalf("upsert: %v", err)
	}
	if res, err := sf.GetJobResults(jobs[0]); err != nil || res.NumberRecordsFailed != 1 || !strings.HasPrefix(res.FailedRecords[0]["sf__Error"].(string), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:") {
		t.Fatalf("upsert: %+v %v", res, err)
	}

	file := filepath.Join(t.TempDir(), "accounts.csv")
	if err := sf.QueryBulkExport("SELECT Name, Website, Owner.Name FROM Account WHERE Website != null ORDER BY Name", file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), "\n") != 101 || !strings.HasPrefix(string(text), "Name,Website,Owner.Name\n\"Bulk, \"\"0000\"\"\",https://0.example,Tandem Integration\n") {
		t.Fatalf("export: %.200s %v", text, err)
	}
	it, err := sf.QueryBulkIterator("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk%'")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for it.Next() {
		var page []struct {
			ID   string `csv:"Id"`
			Name string `csv:"Name"`
		}
		if err := it.Decode(&page); err != nil {
			t.Fatal(err)
		}
		n += len(page)
	}
	if it.Error() != nil || n != 2299 {
		t.Errorf("the iterator gave %d records, %v", n, it.Error())
	}
	if err := os.WriteFile(file, []byte("Id\n"+ids[0]["Id"].(string)+"\n"+ids[1]["Id"].(string)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sf.DeleteBulkFile("Account", file, 10_000, true); err != nil {
		t.Fatal(err)
	}
	if left := len(o.query("SELECT Id FROM Account WHERE Website != null")); left != 98 {
		t.Errorf("%d accounts have a website, want 98", left)
	}
	if _, err := sf.InsertBulk("Account", []map[string]any{{"Nope": "x"}}, 10_000, true); err == nil || err.Error() != "InvalidBatch : Field name not found : Nope" {
		t.Errorf("an unknown field: %v", err)
	}
	if _, err := sf.InsertBulk("Nope__c", []map[string]any{{"Name": "x"}}, 10_000, true); err == nil {
		t.Error("a job for an object that is not there was made")
	}

	for i := range 15 {
		got := goCall(t, sf, "POST", "/composite/graph", fmt.Sprintf(`{"graphs":[{"graphId":"g%d","compositeRequest":[
			{"method":"POST","url":"/services/data/v63.0/sobjects/Account","referenceId":"acc","body":{"Name":"Graph %d"}},
			{"method":"POST","url":"/services/data/v63.0/sobjects/Contact","referenceId":"con","body":{"LastName":"Doe","AccountId":"@{acc.id}"}}]}]}`, i, i))
		g := got["graphs"].([]any)[0].(map[string]any)
		if g["graphId"] != fmt.Sprint("g", i) || g["isSuccessful"] != true {
			t.Fatalf("graph %d: %v", i, g)
		}
	}
	if got := o.query("SELECT Account.Name FROM Contact ORDER BY Account.Name"); len(got) != 15 || under(got[14], "Account", "Name") != "Graph 9" {
		t.Errorf("the contacts %v", got)
	}
	if got := goCall(t, sf, "GET", "/limits", ""); got["DailyBulkV2QueryJobs"].(map[string]any)["Remaining"] != 9998.0 {
		t.Errorf("limits %v", got["DailyBulkV2QueryJobs"])
	}
	if got := goCall(t, sf, "GET", "/sobjects/Account/deleted/?start=2026-09-15T11:59:00Z&end=2026-09-15T12:01:00Z", "")["deletedRecords"].([]any); len(got) != 2 {
		t.Errorf("deleted %v", got)
	}
	if got := goCall(t, sf, "GET", "/queryAll?q=SELECT+COUNT()+FROM+Account+WHERE+IsDeleted=true", "")["totalSize"]; got != 2.0 {
		t.Errorf("queryAll counts %v", got)
	}
	if got := goCall(t, sf, "GET", "/jobs/ingest", "")["records"].([]any); len(got) < 6 {
		t.Errorf("%d jobs are listed", len(got))
	}
	if stats := o.control("GET", "stats", "").object(); stats["requests"].(float64) < 60 {
		t.Errorf("the client made %v calls, at least 60 are wanted", stats["requests"])
	}
}

func TestGoSalesforceSendsCompressedData(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	sf := goClient(t, o, gosf.WithCompressionHeaders(true))
	jobs, err := sf.InsertBulk("Contact", []map[string]any{{"LastName": "Zipped"}}, 10_000, true)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("%v %v", jobs, err)
	}
	if got := o.query("SELECT LastName FROM Contact"); len(got) != 1 || got[0]["LastName"] != "Zipped" {
		t.Errorf("the contact %v", got)
	}
	resp, err := sf.DoRequest("GET", "/jobs/ingest/"+jobs[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(text), `"JobComplete"`) {
		t.Errorf("%s %v", text, err)
	}
}
