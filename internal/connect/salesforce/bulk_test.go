package salesforce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

const bulkID = "750000000000001AAA"

// jobServer answers for one query job: states in turn, then pages.
type jobServer struct {
	mu     sync.Mutex
	states []string
	pages  map[string]func(w http.ResponseWriter) // by locator
	calls  []string
}

func (j *jobServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	what := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/services/data/v67.0/jobs/query")
	j.calls = append(j.calls, what)
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(r.URL.Path, "/results"):
		if page := j.pages[r.URL.Query().Get("locator")]; page != nil {
			page(w)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `[{"errorCode":"INVALID_QUERY_LOCATOR","message":"invalid query locator"}]`)
	default:
		state := j.states[0]
		if len(j.states) > 1 {
			j.states = j.states[1:]
		}
		text, message, _ := strings.Cut(state, "|")
		fmt.Fprintf(w, `{"id":"%s","state":"%s","createdDate":"2026-11-02T09:00:00.000+0000","errorMessage":"%s"}`, bulkID, text, message)
	}
}

func (j *jobServer) seen() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.calls, "; ")
}

// csvPage answers with records, of which it says that there are said.
func csvPage(next string, said int, lines ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Sforce-Locator", next)
		w.Header().Set("Sforce-NumberOfRecords", fmt.Sprint(said))
		io.WriteString(w, "\"Id\",\"Name\"\n"+strings.Join(lines, "\n"))
		if len(lines) > 0 && len(lines) == said {
			io.WriteString(w, "\n")
		}
	}
}

func bulkNames(ctx context.Context, c *Client, opts BulkOptions) (names []string, err error) {
	for r, err := range c.BulkQuery(ctx, "SELECT Id, Name FROM Account", opts) {
		if err != nil {
			return names, err
		}
		names = append(names, r.String("Name"))
	}
	return names, nil
}

func TestABulkQueryWaitsForItsJobAndReadsItsPages(t *testing.T) {
	t.Parallel()
	j := &jobServer{states: []string{"UploadComplete", "InProgress", "JobComplete"}, pages: map[string]func(http.ResponseWriter){
		"": csvPage("Mg", 2, `"1","a"`, `"2","b"`), "Mg": csvPage("null", 1, `"3","c"`),
	}}
	c, s := newClient(t, newFake(t, j.ServeHTTP))
	var asOf time.Time
	got, err := bulkNames(t.Context(), c, BulkOptions{AsOf: func(at time.Time) { asOf = at }})
	if err != nil || fmt.Sprint(got) != "[a b c]" || !asOf.Equal(start) {
		t.Errorf("%v %v %v", got, asOf, err)
	}
	want := "POST ; GET /" + bulkID + "; GET /" + bulkID + "; GET /" + bulkID + "/results; GET /" + bulkID + "/results; DELETE /" + bulkID
	if got := j.seen(); got != want {
		t.Errorf("the calls %s, want %s", got, want)
	}
	if diff := cmp.Diff([]time.Duration{firstLook, firstLook * 3 / 2}, s.all); diff != "" {
		t.Errorf("the pauses: %s", diff)
	}
}

func TestAnAnswerThatBreaksOffIsGoneOnWith(t *testing.T) {
	t.Parallel()
	tries := 0
	j := &jobServer{states: []string{"JobComplete"}}
	j.pages = map[string]func(http.ResponseWriter){"": func(w http.ResponseWriter) {
		tries++
		switch tries {
		case 1: // the first record and a half
			csvPage("null", 3, `"1","a"`, `"2","b`)(w)
		case 2: // nothing but the header's half: no progress
			w.Header().Set("Content-Length", "100")
			w.Header().Set("Sforce-Locator", "null")
			w.Header().Set("Sforce-NumberOfRecords", "3")
			io.WriteString(w, `"Id","Na`)
		case 3: // two records, and then the end though three are told of
			csvPage("null", 3, `"1","a"`, `"2","b"`)(w)
		default:
			csvPage("null", 3, `"1","a"`, `"2","b"`, `"3","c"`)(w)
		}
	}}
	c, _ := newClient(t, newFake(t, j.ServeHTTP))
	if got, err := bulkNames(t.Context(), c, BulkOptions{}); err != nil || fmt.Sprint(got) != "[a b c]" || tries != 4 {
		t.Errorf("%v after %d tries, %v", got, tries, err)
	}

	j.pages[""] = func(w http.ResponseWriter) { csvPage("null", 3, `"1","a"`, `"2","b`)(w) }
	got, err := bulkNames(t.Context(), c, BulkOptions{})
	wantRemote(t, err, problem.RetrySoon, "NO_ANSWER", 200)
	if fmt.Sprint(got) != "[a]" {
		t.Errorf("before giving up: %v", got)
	}
}

func TestJobsThatDoNotEndWellAreErrorsOfTheirClass(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]struct {
		retry problem.Retry
		code  string
	}{
		"Failed":                                        {problem.RetrySoon, "BULK_JOB_FAILED"},
		"Failed|InternalServerError : oops":             {problem.RetrySoon, "INTERNALSERVERERROR"},
		"Failed|ExceededQuota : no more":                {problem.RetryLater, "EXCEEDEDQUOTA"},
		"Failed|InvalidBatch : Failed to process query": {problem.RetryHuman, "INVALIDBATCH"},
		"Aborted": {problem.RetryHuman, "BULK_JOB_ABORTED"},
	} {
		j := &jobServer{states: []string{"InProgress", state}}
		c, _ := newClient(t, newFake(t, j.ServeHTTP))
		_, err := bulkNames(t.Context(), c, BulkOptions{})
		e := wantRemote(t, err, want.retry, want.code, 0)
		if e.Remote.RequestID != bulkID || !strings.HasSuffix(j.seen(), "DELETE /"+bulkID) {
			t.Errorf("%s: request %s, calls %s", state, e.Remote.RequestID, j.seen())
		}
	}
	for body, want := range map[string]struct {
		retry problem.Retry
		code  string
	}{
		`[{"errorCode":"LIMIT_EXCEEDED","message":"Max bulk v2 query jobs (10000) per 24 hrs has been reached (10021)"}]`: {problem.RetryLater, "LIMIT_EXCEEDED"},
		`[{"errorCode":"LIMIT_EXCEEDED","message":"Limit exceeded: too many subrequests"}]`:                               {problem.RetryHuman, "LIMIT_EXCEEDED"},
		`[{"errorCode":"API_ERROR","message":"not in Bulk V2 Query"}]`:                                                    {problem.RetryHuman, "API_ERROR"},
		`[{"errorCode":"INVALIDENTITY","message":"Account is not supported by the Bulk API"}]`:                            {problem.RetryHuman, "INVALIDENTITY"},
	} {
		c, _ := newClient(t, newFake(t, reply(400, body)))
		_, err := bulkNames(t.Context(), c, BulkOptions{})
		if e := wantRemote(t, err, want.retry, want.code, 400); want.retry == problem.RetryLater && e.Remote.RetryAfter == 0 {
			t.Errorf("%s: when is later?", body)
		}
	}
	c, _ := newClient(t, newFake(t, reply(200, `{"id":"750000000000001AAA"}`)))
	_, err := bulkNames(t.Context(), c, BulkOptions{})
	wantRemote(t, err, problem.RetrySoon, "UNREADABLE_ANSWER", 200)
	for range c.BulkQuery(t.Context(), " ", BulkOptions{}) {
	}
}

func TestLeavingABulkQueryEndsItsJob(t *testing.T) {
	t.Parallel()
	j := &jobServer{states: []string{"JobComplete"}, pages: map[string]func(http.ResponseWriter){"": csvPage("x", 2, `"1","a"`, `"2","b"`)}}
	c, _ := newClient(t, newFake(t, j.ServeHTTP))
	for r := range c.BulkQuery(t.Context(), "SELECT Id, Name FROM Account", BulkOptions{}) {
		if r.String("Name") != "a" {
			t.Errorf("%v", r)
		}
		break
	}
	if got := j.seen(); !strings.HasSuffix(got, "results; DELETE /"+bulkID) {
		t.Errorf("the calls %s", got)
	}
	if n := len(c.slots); n != 0 {
		t.Errorf("%d calls are still under way", n)
	}

	waiting := &jobServer{states: []string{"InProgress"}}
	c, s := newClient(t, newFake(t, waiting.ServeHTTP))
	ctx, cancel := context.WithCancel(t.Context())
	c.sleep = func(ctx context.Context, d time.Duration) error {
		cancel()
		return s.sleep(ctx, d)
	}
	if _, err := bulkNames(ctx, c, BulkOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}
	if got, want := waiting.seen(), "POST ; PATCH /"+bulkID+"; DELETE /"+bulkID; got != want {
		t.Errorf("the calls %s, want %s", got, want)
	}
}

func TestAStreamThatStallsIsGivenUpButASlowReaderIsNot(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	j := &jobServer{states: []string{"JobComplete"}}
	j.pages = map[string]func(http.ResponseWriter){"": func(w http.ResponseWriter) {
		csvPage("null", 3, `"1","a"`, `"2","b"`)(w)
		io.WriteString(w, "\n")
		_ = http.NewResponseController(w).Flush() // the client sees what came so far
		<-release
	}}
	c, _ := newClient(t, newFake(t, j.ServeHTTP), func(cfg *Config) { cfg.Timeout, cfg.MaxAttempts = 50*time.Millisecond, 1 })
	t.Cleanup(func() { close(release) }) // before the server is closed, which waits for it
	n := 0
	var err error
	for r, rerr := range c.BulkQuery(t.Context(), "SELECT Id, Name FROM Account", BulkOptions{}) {
		if err = rerr; err == nil {
			n++
			time.Sleep(120 * time.Millisecond) // longer than the other side may take
			_ = r
		}
	}
	if e := problem.RemoteOf(err); n != 2 || e == nil || e.Retry != problem.RetrySoon {
		t.Errorf("%d records, then %v", n, err)
	}
}

func TestSandboxBulkQueryGivesWhatQueryGives(t *testing.T) {
	t.Parallel()
	c, srv, base := organization(t, 2500, sandbox.Options{}, func(cfg *Config) { cfg.MaxAttempts = 8 })
	control(t, base, "faults", `{"spec":"error=0.05,reset=0.05,truncate=0.1,lost_reply=0.05,session=0.05,seed=9"}`)
	soql := "SELECT Id, Name, Amount, Account.Name, IsWon, SystemModstamp FROM Opportunity"
	read := func(r values) string {
		at, err := r.Time("SystemModstamp")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(r.ID("Id"), r.String("Name"), r.Number("Amount"), r.String("Account.Name"), r.Bool("IsWon"), at)
	}
	seen := map[string]string{}
	asOf := time.Time{}
	for r, err := range c.BulkQuery(t.Context(), soql, BulkOptions{Page: 400, AsOf: func(at time.Time) { asOf = at }}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[r.ID("Id")] != "" {
			t.Fatalf("%s came twice", r.ID("Id"))
		}
		seen[r.ID("Id")] = read(r)
	}
	if err := srv.Faults().Set(""); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for r, err := range c.Query(t.Context(), soql, QueryOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		want[r.ID("Id")] = read(r)
	}
	if diff := cmp.Diff(want, seen); diff != "" || len(want) != 2500 {
		t.Errorf("%d records by query, %d in bulk: %.500s", len(want), len(seen), diff)
	}
	if d := time.Since(asOf); d < 0 || d > time.Minute {
		t.Errorf("as of %v", asOf)
	}
	for r, err := range c.BulkQuery(t.Context(), "SELECT Id FROM Opportunity WHERE Name = 'nobody'", BulkOptions{}) {
		t.Errorf("%v %v", r, err)
	}
	_, err := bulkOne(t, c, "SELECT COUNT(Id) FROM Opportunity")
	wantRemote(t, err, problem.RetryHuman, "API_ERROR", 400)
	_, err = bulkOne(t, c, "SELECT Nope__c FROM Opportunity")
	wantRemote(t, err, problem.RetryHuman, "INVALID_FIELD", 400)
	control(t, base, "daily-limit", `{"name":"DailyBulkV2QueryJobs","limit":5,"used":5}`)
	_, err = bulkOne(t, c, "SELECT Id FROM Opportunity")
	wantRemote(t, err, problem.RetryLater, "LIMIT_EXCEEDED", 400)
	control(t, base, "daily-limit", `{"name":"DailyBulkV2QueryJobs","limit":5,"used":0}`)
	if err := srv.Faults().FailNext("jobs.process", 1, "error"); err != nil {
		t.Fatal(err)
	}
	_, err = bulkOne(t, c, "SELECT Id FROM Opportunity")
	wantRemote(t, err, problem.RetrySoon, "INTERNALSERVERERROR", 0)
}

// bulkOne gives the first record of a bulk query.
func bulkOne(t *testing.T, c *Client, soql string) (Row, error) {
	t.Helper()
	for r, err := range c.BulkQuery(t.Context(), soql, BulkOptions{}) {
		return r, err
	}
	return Row{}, nil
}

func TestSandboxDeletedRecordsAreToldByReplicationAndByQueryAll(t *testing.T) {
	t.Parallel()
	c, srv, base := organization(t, 3, sandbox.Options{})
	control(t, base, "bulk", `{"hard_delete":true}`)
	from := time.Now().Add(-time.Minute)
	gone := ID18("006000000000002")
	if err := c.Delete(t.Context(), "Opportunity", gone); err != nil {
		t.Fatal(err)
	}
	srv.Clock().Advance(2 * time.Minute)
	d, err := c.DeletedBetween(t.Context(), "Opportunity", from, time.Now().Add(2*time.Minute))
	if err != nil || len(d.IDs) != 1 || d.IDs[0] != gone || d.At[0].Before(from) || !d.Until.After(d.At[0]) || d.Since.IsZero() {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := c.DeletedBetween(t.Context(), "Account", from, time.Now().Add(2*time.Minute)); err != nil || len(d.IDs) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = c.DeletedBetween(t.Context(), "Opportunity", from.AddDate(0, 0, -20), time.Now())
	wantRemote(t, err, problem.RetryHuman, "INVALID_REPLICATION_DATE", 400)
	if _, err := c.DeletedBetween(t.Context(), "no such thing", from, time.Now()); !problem.Is(err, problem.KindInvalid) {
		t.Errorf("%v", err)
	}
	all := 0
	for r, err := range c.BulkQuery(t.Context(), "SELECT Id, IsDeleted FROM Opportunity", BulkOptions{All: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if all++; r.Bool("IsDeleted") != (r.ID("Id") == gone) {
			t.Errorf("%s: deleted %v", r.ID("Id"), r.Bool("IsDeleted"))
		}
	}
	if all != 3 {
		t.Errorf("%d records with the deleted one", all)
	}
}

func TestAFieldThatWentIsLeftOutOfTheVeryReadThatMeetsIt(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 1, sandbox.Options{})
	accounts := 0
	read := func() error {
		for a, err := range NewCRM(c, "USD").Accounts(t.Context(), connection.Read{}) {
			if err != nil {
				return err
			}
			if gone := slices.Contains(a.Unread, "account.website"); gone != (accounts > 0) {
				t.Errorf("read %d: unread are %v", accounts, a.Unread)
			}
			accounts++
		}
		return nil
	}
	if err := read(); err != nil || accounts != 1 {
		t.Fatalf("%d accounts, %v", accounts, err)
	}
	control(t, base, "setup", `{"access":[{"object":"Account","field":"Website","level":"none"}]}`)
	for n := range 2 {
		if err := read(); err != nil || accounts != n+2 {
			t.Errorf("without the field: %d accounts, %v", accounts, err)
		}
	}
}
