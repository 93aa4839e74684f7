package salesforce_test

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// put uploads a job's data.
func (o *org) put(id, data string) answer {
	o.t.Helper()
	return o.api("PUT", "/jobs/ingest/"+id+"/batches", data, map[string]string{"Content-Type": "text/csv"})
}

// settle waits until the job's state is one of those wanted, and gives the job.
// It waits by the machine's clock: the work itself goes on beside the test.
func (o *org) settle(kind, id string, states ...string) map[string]any {
	o.t.Helper()
	for range 500 {
		job := o.api("GET", "/jobs/"+kind+"/"+id, "").want(200, "").object()
		if slices.Contains(states, job["state"].(string)) {
			return job
		}
		time.Sleep(10 * time.Millisecond)
	}
	o.t.Fatalf("the job stays %s", o.api("GET", "/jobs/"+kind+"/"+id, "").body)
	return nil
}

// ingest runs a job to its end.
func (o *org) ingest(description, data string) (id string, job map[string]any) {
	o.t.Helper()
	id = o.api("POST", "/jobs/ingest", description).want(200, "").id()
	o.put(id, data).want(201, "")
	o.api("PATCH", "/jobs/ingest/"+id, `{"state":"UploadComplete"}`).want(200, "")
	return id, o.settle("ingest", id, "JobComplete", "Failed")
}

// rows reads one of a job's lists as one text a row.
func (o *org) rows(path string, delimiter rune) []string {
	o.t.Helper()
	r := csv.NewReader(strings.NewReader(o.api("GET", path, "").want(200, "").body))
	r.Comma = delimiter
	records, err := r.ReadAll()
	if err != nil {
		o.t.Fatal(err)
	}
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = strings.Join(r, "|")
	}
	return out
}

func TestAnIngestJobGoesThroughItsStatesAndAnswersRowByRow(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	created := o.api("POST", "/jobs/ingest", `{"object":"account","operation":"insert"}`).want(200, "").object()
	id := created["id"].(string)
	for name, want := range map[string]any{
		"state": "Open", "object": "Account", "operation": "insert", "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA", "concurrencyMode": "Parallel",
		"apiVersion": 67.0, "contentUrl": "services/data/v67.0/jobs/ingest/" + id + "/batches", "createdDate": "2026-09-15T12:00:00.000+0000",
	} {
		if created[name] != want {
			t.Errorf("%s is %v, want %v", name, created[name], want)
		}
	}
	if !strings.HasPrefix(id, "750") {
		t.Errorf("the id is %s", id)
	}
	if a := o.put(id, "Name,NumberOfEmployees,BillingStreet\n\"Acme, Inc.\",12,\"1 \"\"Main\"\"\nStreet\"\n,5,\nBeta,many,\n").want(201, ""); a.body != "" {
		t.Errorf("an upload answers %q", a.body)
	}
	if a := o.put(id, "Name\nx\n").want(400, "BULK_API_ERROR"); !strings.Contains(a.body, "Found multiple contents for job: <"+id[:15]+">") {
		t.Errorf("a second upload: %s", a.body)
	}
	o.api("GET", "/jobs/ingest/"+id+"/successfulResults", "").want(400, "INVALIDJOBSTATE")
	if got := o.api("PATCH", "/jobs/ingest/"+id, `{"id":"`+id+`","state":"UploadComplete"}`).want(200, "").object()["state"]; got != "UploadComplete" && got != "InProgress" && got != "JobComplete" {
		t.Errorf("closed: %v", got)
	}
	job := o.settle("ingest", id, "JobComplete")
	if job["numberRecordsProcessed"] != 3.0 || job["numberRecordsFailed"] != 2.0 || job["jobType"] != "V2Ingest" || job["retries"] != 0.0 {
		t.Errorf("the job %v", job)
	}
	good := o.rows("/jobs/ingest/"+id+"/successfulResults", ',')
	account := o.query("SELECT Id, Name, NumberOfEmployees, BillingStreet FROM Account")
	if len(account) != 1 || account[0]["Name"] != "Acme, Inc." || account[0]["NumberOfEmployees"] != 12.0 || account[0]["BillingStreet"] != "1 \"Main\"\nStreet" {
		t.Fatalf("the account %v", account)
	}
	if diff := cmp.Diff([]string{"sf__Id|sf__Created|Name|NumberOfEmployees|BillingStreet", fmt.Sprint(account[0]["Id"], "|true|Acme, Inc.|12|1 \"Main\"\nStreet")}, good); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"sf__Id|sf__Error|Name|NumberOfEmployees|BillingStreet",
		"|REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --||5|",
		"|INVALID_TYPE_ON_FIELD_IN_RECORD:Employees: value not of required type: many:NumberOfEmployees --|Beta|many|",
	}, o.rows("/jobs/ingest/"+id+"/failedResults", ',')); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Name|NumberOfEmployees|BillingStreet"}, o.rows("/jobs/ingest/"+id+"/unprocessedrecords", ',')); diff != "" {
		t.Error(diff)
	}
	o.api("PATCH", "/jobs/ingest/"+id, `{"state":"Aborted"}`).want(400, "INVALIDJOBSTATE")
	o.api("PATCH", "/jobs/ingest/"+id, `{"state":"Open"}`).want(400, "INVALIDJOBSTATE")
	o.api("DELETE", "/jobs/ingest/"+id, "").want(204, "")
	o.api("GET", "/jobs/ingest/"+id, "").want(404, "NOT_FOUND")
}

func TestIngestUpdatesUpsertsAndDeletes(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	a, b := o.account("a"), o.account("b")
	opp := o.opportunity("Deal")

	id, _ := o.ingest(`{"object":"Account","operation":"update","columnDelimiter":"SEMICOLON","lineEnding":"CRLF"}`,
		"Id;Name;Phone;Website\r\n"+a+";A;#N/A;https://a.example\r\n"+b+";;1;\r\n001000000000000;x;;\r\n;x;;\r\n")
	if diff := cmp.Diff([]string{"sf__Id|sf__Created|Id|Name|Phone|Website", a + "|false|" + a + "|A|#N/A|https://a.example", b + "|false|" + b + "||1|"}, o.rows("/jobs/ingest/"+id+"/successfulResults", ';')); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"sf__Id|sf__Error|Id|Name|Phone|Website",
		"001000000000000AAA|INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--|001000000000000|x||",
		"|MISSING_ARGUMENT:Id not specified in an update call:Id --||x||",
	}, o.rows("/jobs/ingest/"+id+"/failedResults", ';')); diff != "" {
		t.Error(diff)
	}
	if body := o.api("GET", "/jobs/ingest/"+id+"/successfulResults", "").body; !strings.HasSuffix(body, "\r\n") || strings.Count(body, "\r\n") != 3 {
		t.Errorf("line ends: %q", body)
	}
	if got := o.query("SELECT Name, Phone FROM Account WHERE Id = '" + b + "'")[0]; got["Name"] != "b" || got["Phone"] != "1" {
		t.Errorf("an empty value changed %v", got)
	}

	id, job := o.ingest(`{"object":"CoSell_Registration__c","operation":"upsert","externalIdFieldName":"cosell_key__c"}`,
		"CoSell_Key__c,Cloud__c,Opportunity__c,Last_Portal_Modified__c,Partner_Close_Date__c\nk1,AWS,"+opp[:15]+",2026-09-01T10:00:00.000Z,2026-12-01Z\nk2,azure,,,\nK2,gcp,,,\n,aws,,,\n")
	if job["externalIdFieldName"] != "CoSell_Key__c" || job["numberRecordsFailed"] != 3.0 {
		t.Errorf("the job %v", job)
	}
	if failed := o.rows("/jobs/ingest/"+id+"/failedResults", ','); !strings.HasPrefix(failed[1], "|DUPLICATE_VALUE:Duplicate external id specified: k2:CoSell_Key__c --|") || !strings.HasPrefix(failed[3], "|MISSING_ARGUMENT:CoSell_Key__c not specified:") {
		t.Errorf("failed %q", failed)
	}
	row := o.query("SELECT Id, Cloud__c, Opportunity__c, Last_Portal_Modified__c, Partner_Close_Date__c FROM CoSell_Registration__c")[0]
	if row["Cloud__c"] != "aws" || row["Opportunity__c"] != opp || row["Last_Portal_Modified__c"] != "2026-09-01T10:00:00.000+0000" || row["Partner_Close_Date__c"] != "2026-12-01" {
		t.Errorf("the registration %v", row)
	}
	id, _ = o.ingest(`{"object":"CoSell_Offer__c","operation":"insert"}`, "Cloud__c,CoSell_Registration__r.CoSell_Key__c\naws,K1\naws,nope\n")
	if got := o.query("SELECT CoSell_Registration__c FROM CoSell_Offer__c"); len(got) != 1 || got[0]["CoSell_Registration__c"] != row["Id"] {
		t.Errorf("by the parent's key: %v", got)
	}
	if failed := o.rows("/jobs/ingest/"+id+"/failedResults", ','); !strings.HasPrefix(failed[1], "|INVALID_FIELD:Foreign key external ID: nope not found") {
		t.Errorf("failed %q", failed)
	}

	id, _ = o.ingest(`{"object":"Account","operation":"delete"}`, "Id\n"+a+"\n"+a+"\n")
	if failed := o.rows("/jobs/ingest/"+id+"/failedResults", ','); len(failed) != 2 || !strings.HasPrefix(failed[1], a+"|ENTITY_IS_DELETED:entity is deleted:--|") {
		t.Errorf("failed %q", failed)
	}
	o.api("POST", "/jobs/ingest", `{"object":"Account","operation":"hardDelete"}`).want(400, "FEATURENOTENABLED")
	o.control("POST", "bulk", `{"hard_delete":true}`).want(200, "")
	o.ingest(`{"object":"Account","operation":"hardDelete"}`, "Id\n"+b+"\n")
	all := o.api("GET", "/queryAll?q=SELECT+Id+FROM+Account", "").want(200, "").object()["records"].([]any)
	if len(all) != 1 || all[0].(map[string]any)["Id"] != a {
		t.Errorf("in the recycle bin: %v", all)
	}
	o.server.Clock().Advance(2 * time.Minute) // replication looks at whole minutes that are over
	gone := o.api("GET", "/sobjects/Account/deleted/?start=2026-09-15T11:00:00Z&end=2026-09-15T12:02:00Z", "").want(200, "").object()["deletedRecords"].([]any)
	if len(gone) != 2 {
		t.Errorf("deleted records %v", gone)
	}
}

func TestAnIngestJobThatCannotBeReadFailsBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	for data, want := range map[string]string{
		"Name,Nope__c\nx,y\n":       "InvalidBatch : Field name not found : Nope__c",
		"Name,Parent.Nope\nx,y\n":   "InvalidBatch : Field name not found : Parent.Nope",
		"Name,name\nx,y\n":          "InvalidBatch : Field name duplicated : name",
		"Name\r\nx\r\n":             "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF",
		"Name,Phone\nx\n":           "InvalidBatch : Failed to parse the data at line 2: wrong number of fields",
		"Name\nx\n\"never closed":   "InvalidBatch : Failed to parse the data at line 3: extraneous or missing \" in quoted-field",
		"":                          "InvalidBatch : There is no data to process",
		"Name,Phone\nx, \"bare\"\n": "InvalidBatch : Failed to parse the data at line 2: bare \" in non-quoted-field",
	} {
		id, job := o.ingest(`{"object":"Account","operation":"insert"}`, data)
		if job["state"] != "Failed" || job["errorMessage"] != want || job["numberRecordsProcessed"] != 0.0 {
			t.Errorf("%q: %v %v, want %s", data, job["state"], job["errorMessage"], want)
		}
		if body := o.api("GET", "/jobs/ingest/"+id+"/successfulResults", "").want(200, "").body; body != "" {
			t.Errorf("%q: successful results %q", data, body)
		}
	}
	if n := len(o.query("SELECT Id FROM Account")); n != 0 {
		t.Errorf("%d accounts were made", n)
	}
	never := o.api("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`).want(200, "").id()
	o.api("PATCH", "/jobs/ingest/"+never, `{"state":"UploadComplete"}`).want(200, "")
	if job := o.settle("ingest", never, "Failed"); job["errorMessage"] != "InvalidBatch : There is no data to process" {
		t.Errorf("without an upload: %v", job)
	}
	for body, code := range map[string]string{
		`{"object":"Nope__c","operation":"insert"}`:                              "INVALIDJOB",
		`{"object":"Account","operation":"merge"}`:                               "INVALIDJOB",
		`{"object":"Account","operation":"upsert"}`:                              "INVALIDJOB",
		`{"object":"Account","operation":"upsert","externalIdFieldName":"Name"}`: "INVALIDJOB",
		`{"object":"OpportunityHistory","operation":"insert"}`:                   "INVALIDENTITY",
		`{"object":"Account","operation":"insert","contentType":"XML"}`:          "JSON_PARSER_ERROR",
		`{"object":"Account","operation":"insert","columnDelimiter":"COLON"}`:    "JSON_PARSER_ERROR",
		`{"object":"Account","operation":"insert","lineEnding":"CR"}`:            "JSON_PARSER_ERROR",
		`{"object":`: "JSON_PARSER_ERROR",
	} {
		o.api("POST", "/jobs/ingest", body).want(400, code)
	}
	open := o.api("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`).want(200, "").id()
	o.api("PUT", "/jobs/ingest/"+open+"/batches", `[]`, map[string]string{"Content-Type": "application/json"}).want(415, "UNSUPPORTED_MEDIA_TYPE")
	o.api("DELETE", "/jobs/ingest/"+open, "").want(400, "INVALIDJOBSTATE")
	o.control("POST", "bulk", `{"max_upload":20}`).want(200, "")
	o.put(open, "Name\n"+strings.Repeat("x", 16)).want(413, "EXCEEDED_MAX_SIZE_REQUEST")
	o.put(open, "Name\nfits\n").want(201, "")
	o.api("PUT", "/jobs/ingest/750000000000000AAA/batches", "Name\n", map[string]string{"Content-Type": "text/csv"}).want(404, "NOT_FOUND")
	o.api("POST", "/jobs/ingest/"+open, "{}").want(405, "METHOD_NOT_ALLOWED")
	o.api("GET", "/jobs/ingest/"+open+"/nope", "").want(404, "NOT_FOUND")
	if a := o.send("GET", "/services/data/v40.0/jobs/ingest", nil, map[string]string{"Authorization": "Bearer " + o.token}); a.status != 404 {
		t.Errorf("before 41.0: %d", a.status)
	}
}

// numbered gives n rows under the header.
func numbered(header string, n int) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range n {
		fmt.Fprintf(&b, "Row %05d\n", i)
	}
	return b.String()
}

func TestJobsRunByTheSandboxesClockAndCanBeAborted(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	o.control("POST", "bulk", `{"delay":"1m","pace":500}`).want(200, "")
	id := o.api("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`).want(200, "").id()
	o.put(id, numbered("Name", 1300)).want(201, "")
	o.api("PATCH", "/jobs/ingest/"+id, `{"state":"UploadComplete"}`).want(200, "")
	if job := o.api("GET", "/jobs/ingest/"+id, "").object(); job["state"] != "UploadComplete" {
		t.Errorf("queued: %v", job)
	}
	advance := func(by string, rows float64) {
		t.Helper()
		o.control("POST", "clock", `{"advance":"`+by+`"}`).want(200, "")
		for range 500 {
			job := o.api("GET", "/jobs/ingest/"+id, "").object()
			if job["state"] == "InProgress" && job["numberRecordsProcessed"] == rows {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("after %s: %s", by, o.api("GET", "/jobs/ingest/"+id, "").body)
	}
	advance("1m", 0)
	advance("1s", 500)
	o.api("DELETE", "/jobs/ingest/"+id, "").want(400, "INVALIDJOBSTATE")
	advance("500ms", 750)
	o.api("PATCH", "/jobs/ingest/"+id, `{"state":"Aborted"}`).want(200, "")
	o.control("POST", "clock", `{"advance":"1h"}`).want(200, "")
	job := o.settle("ingest", id, "Aborted")
	left := o.rows("/jobs/ingest/"+id+"/unprocessedrecords", ',')
	if job["numberRecordsProcessed"] != 750.0 || len(left) != 1+550 || left[1] != "Row 00750" || len(o.rows("/jobs/ingest/"+id+"/successfulResults", ',')) != 1+750 {
		t.Errorf("aborted: %v, %d rows are left, from %s", job, len(left)-1, left[1])
	}
	if n := len(o.query("SELECT Id FROM Account")); n != 750 {
		t.Errorf("%d accounts, want 750", n)
	}
	open := o.api("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`).want(200, "").id()
	if got := o.api("PATCH", "/jobs/ingest/"+open, `{"state":"Aborted"}`).want(200, "").object()["state"]; got != "Aborted" {
		t.Errorf("an open job is %v", got)
	}
	o.server.Clock().Advance(8 * 24 * time.Hour)
	o.signIn()
	o.api("GET", "/jobs/ingest/"+id, "").want(404, "NOT_FOUND")
}

func TestAKilledJobGoesOnWhereItsLastRowsWereKept(t *testing.T) {
	t.Parallel()
	clock, path := kit.NewFrozenClock(noon), t.TempDir()+"/state"
	o := start(t, salesforce.Options{Clock: clock, StatePath: path})
	o.load(accounts(10))
	o.control("POST", "bulk", `{"pace":400}`).want(200, "")
	id := o.api("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`).want(200, "").id()
	o.put(id, numbered("Name", 1000)).want(201, "")
	o.api("PATCH", "/jobs/ingest/"+id, `{"state":"UploadComplete"}`).want(200, "")
	query := o.api("POST", "/jobs/query", `{"operation":"query","query":"SELECT Name FROM Account WHERE Name LIKE 'A0%' ORDER BY Name"}`).want(200, "").id()
	clock.Advance(time.Second)
	o.control("POST", "clock", `{"advance":"0s"}`).want(200, "")
	for range 500 {
		if o.api("GET", "/jobs/ingest/"+id, "").object()["numberRecordsProcessed"] == 400.0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	o.settle("query", query, "JobComplete")
	o.http.Close()
	if err := o.server.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, salesforce.Options{Clock: clock, StatePath: path}) // without a pace: to the end
	if job := again.settle("ingest", id, "JobComplete"); job["numberRecordsProcessed"] != 1000.0 || job["numberRecordsFailed"] != 0.0 {
		t.Errorf("the job %v", job)
	}
	good := again.rows("/jobs/ingest/"+id+"/successfulResults", ',')
	if n := len(again.query("SELECT Id FROM Account WHERE Name LIKE 'Row%'")); n != 1000 || len(good) != 1001 || !strings.HasSuffix(good[1000], "|Row 00999") {
		t.Errorf("%d accounts and %d results, the last %s", n, len(good), good[len(good)-1])
	}
	page := again.api("GET", "/jobs/query/"+query+"/results?maxRecords=4", "").want(200, "")
	if page.body != "\"Name\"\n\"A00000\"\n\"A00001\"\n\"A00002\"\n\"A00003\"\n" || page.header.Get("Sforce-NumberOfRecords") != "4" {
		t.Errorf("the query's results %q", page.body)
	}
	if next := again.api("POST", "/jobs/ingest", `{"object":"Account","operation":"insert"}`).want(200, "").id(); next <= query {
		t.Errorf("the next job's id is %s after %s", next, query)
	}
}

func TestAQueryJobGivesItsResultsInPages(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	parent := o.account("Parent \"&\" Co")
	o.load(func(yield func(string, map[string]any) bool) {
		for i := range 2500 {
			text := any(nil)
			if i%2 == 0 {
				text = fmt.Sprintf("line 1\nline \"%d\", end", i)
			}
			if !yield("Opportunity", map[string]any{"Name": fmt.Sprintf("O%05d", i), "AccountId": parent, "StageName": "Closed Won", "CloseDate": "2026-10-01", "Amount": 1234567.5, "Description": text}) {
				return
			}
		}
	})
	job := o.api("POST", "/jobs/query", `{"operation":"query","query":"SELECT name, account.NAME, IsWon, Amount, CloseDate, CreatedDate, Description FROM Opportunity ORDER BY Name"}`).want(200, "").object()
	id := job["id"].(string)
	if job["state"] != "UploadComplete" || job["object"] != "Opportunity" || job["operation"] != "query" || job["apiVersion"] != 67.0 {
		t.Errorf("created %v", job)
	}
	if done := o.settle("query", id, "JobComplete"); done["numberRecordsProcessed"] != 2500.0 || done["jobType"] != "V2Query" || done["isPkChunkingSupported"] != true {
		t.Errorf("the job %v", done)
	}
	whole := o.api("GET", "/jobs/query/"+id+"/results", "").want(200, "")
	if !strings.HasPrefix(whole.body, "\"Name\",\"Account.Name\",\"IsWon\",\"Amount\",\"CloseDate\",\"CreatedDate\",\"Description\"\n"+
		"\"O00000\",\"Parent \"\"&\"\" Co\",\"true\",\"1234567.5\",\"2026-10-01\",\"2026-09-15T12:00:00.") || !strings.Contains(whole.body, "\"line 1\nline \"\"0\"\", end\"\n\"O00001\"") || !strings.Contains(whole.body, "Z\",\"\"\n\"O00002\"") {
		t.Errorf("results begin %.400q", whole.body)
	}
	if whole.header.Get("Sforce-Locator") != "null" || whole.header.Get("Sforce-NumberOfRecords") != "2500" || !strings.HasPrefix(whole.header.Get("Content-Type"), "text/csv") {
		t.Errorf("headers %v", whole.header)
	}
	got, locator, sizes := "", "", []string{}
	for locator != "null" {
		page := o.api("GET", "/jobs/query/"+id+"/results?maxRecords=999&locator="+strings.TrimPrefix(locator, "null"), "").want(200, "")
		header, rest, _ := strings.Cut(page.body, "\n")
		if got == "" {
			got = header + "\n"
		}
		got += rest
		locator = page.header.Get("Sforce-Locator")
		sizes = append(sizes, page.header.Get("Sforce-NumberOfRecords"))
	}
	if got != whole.body || fmt.Sprint(sizes) != "[999 999 502]" {
		t.Errorf("the pages %v do not make up the whole", sizes)
	}
	for _, bad := range []string{"locator=nope", "locator=LTE", "locator=MjUwMA", "locator=OTk5OTk"} {
		o.api("GET", "/jobs/query/"+id+"/results?"+bad, "").want(400, "INVALID_QUERY_LOCATOR")
	}
	o.api("GET", "/jobs/query/"+id+"/results?maxRecords=0", "").want(400, "ILLEGAL_QUERY_PARAMETER_VALUE")
	old := map[string]string{"Authorization": "Bearer " + o.token, "Content-Type": "application/json"}
	if a := o.send("GET", "/services/data/v60.0/jobs/query/"+id+"/results", nil, old); a.status != 409 {
		t.Errorf("with another version: %d %s", a.status, a.body)
	}
	first := o.send("POST", "/services/data/v48.0/jobs/query", strings.NewReader(`{"operation":"query","query":"SELECT Name, Id FROM Account"}`), old).want(200, "").id()
	for range 500 {
		if a := o.send("GET", "/services/data/v48.0/jobs/query/"+first+"/results", nil, old); a.status == 200 {
			if !strings.HasPrefix(a.body, "\"Id\",\"Name\"\n") {
				t.Errorf("48.0 gives %q", a.body)
			}
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	o.api("DELETE", "/jobs/query/"+id, "").want(204, "")
	o.api("GET", "/jobs/query/"+id+"/results", "").want(404, "NOT_FOUND")
}

func TestAQueryJobReadsDeletedRecordsWithQueryAllAndCanBeAborted(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	gone := o.account("gone")
	o.account("stays")
	o.api("DELETE", "/sobjects/Account/"+gone, "").want(204, "")
	all := o.api("POST", "/jobs/query", `{"operation":"queryAll","columnDelimiter":"PIPE","lineEnding":"CRLF","query":"SELECT Name, IsDeleted FROM Account ORDER BY Name"}`).want(200, "").id()
	o.settle("query", all, "JobComplete")
	if body := o.api("GET", "/jobs/query/"+all+"/results", "").body; body != "\"Name\"|\"IsDeleted\"\r\n\"gone\"|\"true\"\r\n\"stays\"|\"false\"\r\n" {
		t.Errorf("queryAll gives %q", body)
	}
	o.control("POST", "bulk", `{"delay":"1h"}`).want(200, "")
	waiting := o.api("POST", "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account"}`).want(200, "").id()
	if a := o.api("GET", "/jobs/query/"+waiting+"/results", "").want(412, "JOB_NOT_COMPLETE"); !strings.Contains(a.body, "Current status: UPLOAD_COMPLETE") {
		t.Errorf("too early: %s", a.body)
	}
	o.api("PATCH", "/jobs/query/"+waiting, `{"state":"UploadComplete"}`).want(400, "INVALIDJOBSTATE")
	if got := o.api("PATCH", "/jobs/query/"+waiting, `{"state":"Aborted"}`).want(200, "").object()["state"]; got != "Aborted" {
		t.Errorf("aborted: %v", got)
	}
	empty := o.api("POST", "/jobs/query", `{"operation":"query","query":"SELECT Id FROM Account WHERE Name = 'nobody'"}`).want(200, "").id()
	o.control("POST", "bulk", `{"delay":"0s"}`).want(200, "")
	o.settle("query", empty, "JobComplete")
	if a := o.api("GET", "/jobs/query/"+empty+"/results", "").want(200, ""); a.body != "\"Id\"\n" || a.header.Get("Sforce-NumberOfRecords") != "0" || a.header.Get("Sforce-Locator") != "null" {
		t.Errorf("no records: %q %v", a.body, a.header)
	}
	for query, code := range map[string]string{
		"SELECT COUNT() FROM Account":                             "API_ERROR",
		"SELECT Name, COUNT(Id) FROM Account GROUP BY Name":       "API_ERROR",
		"SELECT Id, (SELECT Id FROM Contacts) FROM Account":       "API_ERROR",
		"SELECT Id FROM Account OFFSET 5":                         "API_ERROR",
		"SELECT TYPEOF What WHEN Account THEN Name END FROM Task": "API_ERROR",
		"SELECT FIELDS(ALL) FROM Account LIMIT 200":               "API_ERROR",
		"SELECT Nope FROM Account":                                "INVALID_FIELD",
		"SELECT Id FROM Nope":                                     "INVALID_TYPE",
		"SELECT Id, FROM Account":                                 "MALFORMED_QUERY",
	} {
		o.api("POST", "/jobs/query", jsonText(t, map[string]string{"operation": "query", "query": query})).want(400, code)
	}
	o.api("POST", "/jobs/query", `{"operation":"search","query":"SELECT Id FROM Account"}`).want(400, "INVALIDJOB")
	list := o.api("GET", "/jobs/query?jobType=V2Query", "").want(200, "").object()
	var states []any
	for _, j := range list["records"].([]any) {
		states = append(states, j.(map[string]any)["state"])
	}
	if fmt.Sprint(states) != "[JobComplete Aborted JobComplete]" || list["done"] != true || list["nextRecordsUrl"] != nil {
		t.Errorf("the list %v", list)
	}
	if other := o.api("GET", "/jobs/query?jobType=Classic", "").want(200, "").object()["records"].([]any); len(other) != 0 {
		t.Errorf("classic jobs %v", other)
	}
}

func TestAJobCanBeMadeWithItsDataInOneForm(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	form := func(job, content string) answer {
		body := "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n" + job + "\r\n--B\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\n" + content + "\r\n--B--\r\n"
		return o.api("POST", "/jobs/ingest", body, map[string]string{"Content-Type": "multipart/form-data; boundary=B"})
	}
	job := form(`{"object":"Account","operation":"insert"}`, "Name\nOne\nTwo").want(200, "").object()
	if job["state"] == "Open" {
		t.Errorf("the job %v", job)
	}
	o.settle("ingest", job["id"].(string), "JobComplete")
	if n := len(o.query("SELECT Id FROM Account")); n != 2 {
		t.Errorf("%d accounts", n)
	}
	form(`{"object":"Account","operation":"insert"}`, strings.Repeat("x", 100_001)).want(400, "INVALIDJOB")
	form(`{"object":"Nope","operation":"insert"}`, "Name").want(400, "INVALIDJOB")
	o.api("POST", "/jobs/ingest", "--B\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n{}\r\n--B--", map[string]string{"Content-Type": "multipart/form-data; boundary=B"}).want(400, "INVALIDJOB")
	o.api("POST", "/jobs/ingest", "--B\r\nno", map[string]string{"Content-Type": "multipart/form-data; boundary=B"}).want(400, "INVALIDJOB")
}

func TestBulkLimitsOfTheDayAndTroublesOfJobs(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	o.control("POST", "daily-limit", `{"name":"DailyBulkV2QueryJobs","limit":2}`).want(200, "")
	query := `{"operation":"query","query":"SELECT Id FROM Account"}`
	o.api("POST", "/jobs/query", query).want(200, "")
	o.api("POST", "/jobs/query", query).want(200, "")
	if a := o.api("POST", "/jobs/query", query).want(400, "LIMIT_EXCEEDED"); !strings.Contains(a.body, "Max bulk v2 query jobs (2) per 24 hrs has been reached (3)") {
		t.Errorf("over the limit: %s", a.body)
	}
	got := o.api("GET", "/limits", "").object()["DailyBulkV2QueryJobs"].(map[string]any)
	if got["Max"] != 2.0 || got["Remaining"] != 0.0 {
		t.Errorf("limits %v", got)
	}
	o.server.Clock().Advance(25 * time.Hour)
	o.signIn()
	o.api("POST", "/jobs/query", query).want(200, "")
	o.control("POST", "daily-limit", `{"name":"DailyBulkV2QueryFileStorageMB","limit":1,"used":1}`).want(200, "")
	o.api("POST", "/jobs/query", query).want(400, "LIMIT_EXCEEDED")

	// A job that needs a third internal batch of 10,000 rows has no more.
	o.control("POST", "daily-limit", `{"name":"DailyBulkApiBatches","limit":2}`).want(200, "")
	id, job := o.ingest(`{"object":"Account","operation":"insert"}`, numbered("Name", 20_100))
	if job["state"] != "Failed" || job["errorMessage"] != "ExceededQuota : ApiBatchItems Limit exceeded." || job["numberRecordsProcessed"] != 20_000.0 {
		t.Errorf("out of batches: %v", job)
	}
	if left := o.rows("/jobs/ingest/"+id+"/unprocessedrecords", ','); len(left) != 1+100 {
		t.Errorf("%d rows are left", len(left)-1)
	}
	o.control("POST", "daily-limit", `{"name":"DailyBulkApiBatches","limit":100}`).want(200, "")

	fail := func(kind string) {
		o.control("POST", "faults", `{"fail_next":{"operation":"jobs.process","count":1,"kind":"`+kind+`"}}`).want(200, "")
	}
	fail("error")
	if _, job := o.ingest(`{"object":"Contact","operation":"insert"}`, numbered("LastName", 400)); job["state"] != "Failed" || job["numberRecordsProcessed"] != 0.0 || job["errorMessage"] != "InternalServerError : The server was unable to process the request" {
		t.Errorf("an error at once: %v", job)
	}
	fail("reset")
	id, job = o.ingest(`{"object":"Contact","operation":"insert"}`, numbered("LastName", 800))
	if job["state"] != "Failed" || job["numberRecordsProcessed"] != 400.0 || len(o.rows("/jobs/ingest/"+id+"/unprocessedrecords", ',')) != 401 {
		t.Errorf("broken off in the middle: %v", job)
	}
	o.control("POST", "daily-limit", `{"name":"DailyBulkV2QueryFileStorageMB","limit":10,"used":0}`).want(200, "")
	o.control("POST", "daily-limit", `{"name":"DailyBulkV2QueryJobs","limit":10,"used":0}`).want(200, "")
	fail("lost_reply")
	broken := o.api("POST", "/jobs/query", query).want(200, "").id()
	o.settle("query", broken, "Failed")
	o.api("GET", "/jobs/query/"+broken+"/results", "").want(412, "JOB_NOT_COMPLETE")

	// The calls about jobs suffer as others do.
	whole := o.api("POST", "/jobs/query", query).want(200, "").id()
	o.settle("query", whole, "JobComplete")
	for operation, kind := range map[string]string{"jobs.query.results": "truncate", "jobs.query.status": "throttle", "jobs.query.create": "error"} {
		o.control("POST", "faults", `{"fail_next":{"operation":"`+operation+`","count":1,"kind":"`+kind+`"}}`).want(200, "")
	}
	if text, err := o.try("GET", "/services/data/v67.0/jobs/query/"+whole+"/results", ""); err == nil || len(text) == 0 {
		t.Errorf("a truncated page reads as %d bytes, %v", len(text), err)
	}
	o.api("GET", "/jobs/query/"+whole, "").want(403, "REQUEST_LIMIT_EXCEEDED")
	o.api("POST", "/jobs/query", query).want(503, "SERVER_UNAVAILABLE")

	locked := o.account("locked")
	o.control("POST", "lock-row", `{"id":"`+locked+`","times":1}`).want(200, "")
	id, _ = o.ingest(`{"object":"Account","operation":"update"}`, "Id,Name\n"+locked+",x\n")
	if failed := o.rows("/jobs/ingest/"+id+"/failedResults", ','); len(failed) != 2 || !strings.Contains(failed[1], "|UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records: "+locked+":--|") {
		t.Errorf("a locked row: %q", failed)
	}
	o.control("POST", "bulk", `{"pace":-1}`).want(400, "")
	o.control("POST", "bulk", `{"delay":"soon"}`).want(400, "")
	o.control("POST", "daily-limit", `{"name":"Nope","limit":1}`).want(400, "")
	if got := o.control("GET", "bulk", "").want(200, "").object()["jobs"].(map[string]any); got["query Failed"] != 1.0 {
		t.Errorf("jobs %v", got)
	}
}
