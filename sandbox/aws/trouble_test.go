package aws_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// childState names the environment variable that makes this test binary serve
// a sandbox until it is killed.
const childState = "AWS_SANDBOX_TEST_CHILD_STATE"

const childKey, childSecret = "AKIATESTTESTTESTTEST", "secret-of-the-child-process-00000000000"

func TestMain(m *testing.M) {
	if path := os.Getenv(childState); path != "" {
		srv, err := aws.New(aws.Options{StatePath: path, AccessKeyID: childKey, SecretAccessKey: childSecret, Quotas: aws.Quotas{Off: true}})
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(httptest.NewServer(srv.Handler()).URL)
		select {}
	}
	os.Exit(m.Run())
}

// killWhileCreating serves path in a child process, creates opportunities with
// tokens <prefix>0, <prefix>1, … and kills the child after a while. It gives the
// ids of those that were answered, by token.
func killWhileCreating(t *testing.T, path, prefix string, after time.Duration) map[string]string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childState+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://") {
		t.Fatalf("child says %q, %v", line, err)
	}
	b := &bench{t: t, url: strings.TrimSpace(line)}
	acknowledged := map[string]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			token := fmt.Sprint(prefix, i)
			body, err := json.Marshal(deal(token, object{"LifeCycle.TargetCloseDate": "2099-01-01"}))
			if err != nil {
				return
			}
			r := b.request("CreateOpportunity", body, nil)
			b.sign(r, body, childKey, childSecret, "partnercentral-selling", "us-east-1", time.Now())
			a := send(r)
			if a.status != http.StatusOK || a.err != nil {
				return
			}
			acknowledged[token] = fmt.Sprint(a.body["Id"])
		}
	}()
	time.Sleep(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	<-done
	return acknowledged
}

func TestWhatWasAnsweredSurvivesKills(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aws.jsonl")
	acknowledged := map[string]string{}
	for i, after := range []time.Duration{70, 150, 110} {
		maps.Copy(acknowledged, killWhileCreating(t, path, fmt.Sprintf("k%d-", i), after*time.Millisecond))
	}
	if len(acknowledged) < 3 {
		t.Fatalf("only %d were created before the kills", len(acknowledged))
	}
	b := newBench(t, aws.Options{StatePath: path, Clock: kit.NewClock()})
	seen := map[string]bool{}
	for token, id := range acknowledged {
		if got := b.get("AWS", id); at(got, "Project.Title") != "Platform consolidation "+token || seen[id] {
			t.Errorf("%s: %v", id, got)
		}
		seen[id] = true
		if again := b.create(deal(token, object{"LifeCycle.TargetCloseDate": "2099-01-01"})); again != id {
			t.Errorf("after the restart the token of %s makes %s", id, again)
		}
	}
}

func TestStateIsTheSameAfterReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aws.jsonl")
	clock := kit.NewFrozenClock(startOfTime)
	open := func() *bench {
		return newBench(t, aws.Options{StatePath: path, Clock: clock, TaskDelay: time.Minute, ReviewDelay: time.Hour, AutoReview: true})
	}
	b := open()
	id := b.submitted(deal("a", nil))
	before := b.control("GET", "/_control/opportunities", nil)
	b = open() // the first is not closed: as after a kill
	if d := cmp.Diff(before, b.control("GET", "/_control/opportunities", nil)); d != "" {
		t.Error(d)
	}
	clock.Advance(2 * time.Hour)
	if s := b.status("AWS", id); s != "Approved" {
		t.Errorf("what was due across the restart did not happen: %s", s)
	}
	events := b.control("GET", "/_control/events", nil)
	b = open()
	if d := cmp.Diff(events, b.control("GET", "/_control/events", nil)); d != "" {
		t.Error(d)
	}
	if next := b.create(deal("b", nil)); next == id {
		t.Error("an id was given twice")
	}
}

func TestACorruptJournalIsAClearError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "aws.jsonl")
	for _, text := range []string{"SQLite format 3\x00\n", `{"k":"other","v":{}}` + "\n", `{"k":"change","v":[1]}` + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := aws.New(aws.Options{StatePath: path}); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestQuotasThrottleBySecondAndByDay(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{Quotas: aws.Quotas{WritesPerSecond: 1, WritesPerDay: 10_000, ReadsPerSecond: 1000, ReadsPerDay: 3}})
	b.create(deal("a", nil))
	a := b.refused("ThrottlingException", "CreateOpportunity", deal("b", nil))
	if a.status != http.StatusBadRequest || a.body["Message"] != "Rate exceeded" {
		t.Errorf("%d %v", a.status, a.body)
	}
	list := object{"Catalog": "AWS"}
	for range 3 {
		b.ok("ListOpportunities", list)
	}
	b.refused("ThrottlingException", "ListOpportunities", list)
	b.clock.Advance(24*time.Hour + time.Second)
	b.ok("ListOpportunities", list)
	b.control("POST", "/_control/quotas", aws.Quotas{Off: true})
	for i := range 5 {
		b.create(deal(fmt.Sprint("c", i), nil))
	}
}

func TestInjectedFaultsSpeakTheProtocol(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{Faults: kit.NewFaults()})
	fail := func(op, kind string) {
		b.control("POST", "/_control/faults", object{"fail_next": object{"operation": op, "count": 1, "kind": kind}})
	}
	count := func() int {
		list, _ := b.control("GET", "/_control/opportunities", nil)["opportunities"].([]any)
		return len(list)
	}
	fail("CreateOpportunity", "throttle")
	b.refused("ThrottlingException", "CreateOpportunity", deal("a", nil))
	fail("CreateOpportunity", "error")
	if a := b.refused("InternalServerException", "CreateOpportunity", deal("a", nil)); a.status != http.StatusInternalServerError {
		t.Errorf("%d", a.status)
	}
	fail("CreateOpportunity", "reset")
	if a := b.call("CreateOpportunity", deal("a", nil)); a.err == nil || count() != 0 {
		t.Errorf("reset: %v, %d made", a, count())
	}
	fail("CreateOpportunity", "lost_reply")
	if a := b.call("CreateOpportunity", deal("a", nil)); a.err == nil || count() != 1 {
		t.Errorf("lost reply: %v, %d made", a, count())
	}
	fail("CreateOpportunity", "truncate")
	if a := b.call("CreateOpportunity", deal("a", nil)); a.err == nil {
		t.Errorf("truncate: %v", a)
	}
	id := b.create(deal("a", nil))
	if count() != 1 {
		t.Errorf("%d were made with one token", count())
	}
	b.control("POST", "/_control/faults", object{"spec": "lag=3s"})
	late := b.create(deal("late", nil))
	b.refused("ResourceNotFoundException", "GetOpportunity", object{"Catalog": "AWS", "Identifier": late})
	b.get("AWS", id)
	b.clock.Advance(3 * time.Second)
	b.get("AWS", late)
}

func TestAutomaticReviewerGivesItsReasons(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{AutoReview: true, ReviewDelay: 48 * time.Hour})
	for i, c := range []struct {
		status, reason string
		changes        object
	}{
		{"Approved", "", nil},
		{"Rejected", "Insufficient Information", object{"Project.CustomerBusinessProblem": "Customer wants our product."}},
		{"Rejected", "Insufficient Information", object{"Project.CustomerBusinessProblem": "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor"}},
		{"Action Required", "Customer Website", object{"Customer.Account.WebsiteUrl": "www.gmail.com"}},
		{"Action Required", "Next Steps", object{"LifeCycle.NextSteps": nil}},
	} {
		id := b.submitted(deal(fmt.Sprint("t", i), c.changes))
		b.clock.Advance(48 * time.Hour)
		got := b.get("AWS", id)
		reason, _ := at(got, "LifeCycle.ReviewStatusReason").(string)
		if at(got, "LifeCycle.ReviewStatus") != c.status || reason != c.reason || (c.status != "Approved" && at(got, "LifeCycle.ReviewComments") == nil) {
			t.Errorf("%v: %v", c.changes, got["LifeCycle"])
		}
	}
	twice := b.submitted(deal("again", object{"Customer.Account.CompanyName": "QUILLMARK Instruments, t0", "Project.Title": "Platform consolidation t0"}))
	b.clock.Advance(48 * time.Hour)
	if got := b.get("AWS", twice); at(got, "LifeCycle.ReviewStatusReason") != "Duplicate" {
		t.Errorf("%v", got["LifeCycle"])
	}
}

func TestAWSSideIsPlayedThroughControl(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	id := b.approved("a", nil)
	in := object{"Catalog": "AWS", "RelatedOpportunityIdentifier": id}
	first := b.ok("GetAwsOpportunitySummary", in)
	b.control("POST", "/_control/aws-update", object{"opportunity": id, "stage": "Seller Engaged", "next_steps": "Call on Friday", "team": []object{{"FirstName": "Ugo", "LastName": "Fenwold", "Email": "ugo.fenwold@aws.example.com", "BusinessTitle": "AWSSalesRep"}}})
	second := b.ok("GetAwsOpportunitySummary", in)
	if at(second, "LifeCycle.Stage") != "Seller Engaged" || at(second, "LifeCycle.NextSteps") != "Call on Friday" || len(ids(t, second["OpportunityTeam"], "Email")) != 1 {
		t.Errorf("%v", second)
	}
	if history, _ := at(second, "LifeCycle.NextStepsHistory").([]any); len(history) != 2 {
		t.Errorf("history %v", history)
	}
	if at(first, "LifeCycle.Stage") != "Qualified" {
		t.Errorf("%v", first["LifeCycle"])
	}
	for body, status := range map[string]int{
		`{"opportunity":"O1","stage":"Launched"}`:         http.StatusNotFound,
		`{"opportunity":"` + id + `","stage":"Sleeping"}`: http.StatusBadRequest,
		`{"opportunity":"` + id + `","nope":1}`:           http.StatusBadRequest,
	} {
		if a := b.controlRaw("POST", "/_control/aws-update", json.RawMessage(body)); a.status != status {
			t.Errorf("%s: %d %v", body, a.status, a.body)
		}
	}
	if a := b.controlRaw("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"}); a.status != http.StatusConflict {
		t.Errorf("reviewed twice: %d", a.status)
	}
	b.refused("ResourceNotFoundException", "GetAwsOpportunitySummary", object{"Catalog": "AWS", "RelatedOpportunityIdentifier": b.create(deal("unsent", nil))})
}
