package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/edge/api"
	"github.com/tandem-cosell/tandem/internal/platform/idempotency"
)

func TestARepeatAnswersTheSameAndSaysSo(t *testing.T) {
	t.Parallel()
	c := call{method: http.MethodPost, path: "/tokens", body: `{"name":"once","scopes":["read"]}`, header: map[string]string{"Idempotency-Key": "repeat-1"}}
	first := shared.do(t, c).want(t, http.StatusCreated)
	again := shared.do(t, c).want(t, http.StatusCreated)
	if string(first.body) != string(again.body) || first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %s %v, then %s %v", first.body, first.header, again.body, again.header)
	}
	if again.header.Get("Content-Type") != "application/json" || again.header.Get("X-Request-Id") == first.header.Get("X-Request-Id") {
		t.Errorf("the repeat's headers are %v", again.header)
	}
	n := 0
	for _, tok := range into[items[api.Token]](t, shared.get(t, "/tokens")).Items {
		if tok.Name == "once" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d tokens were made", n)
	}
	other := c
	other.body = `{"name":"twice","scopes":["read"]}`
	shared.do(t, other).refusal(t, http.StatusUnprocessableEntity, "idempotency_mismatch")
	other = c
	other.path = "/views"
	shared.do(t, other).refusal(t, http.StatusUnprocessableEntity, "idempotency_mismatch")
	// A key belongs to its person.
	mine := c
	mine.token = shared.abdm.all
	if a := shared.do(t, mine).want(t, http.StatusCreated); a.header.Get("Idempotency-Replayed") != "" {
		t.Error("a key of another person was replayed")
	}
}

func TestARefusalIsRepeatedToo(t *testing.T) {
	t.Parallel()
	c := call{method: http.MethodDelete, path: "/views/nothing", header: map[string]string{"Idempotency-Key": "refused-1"}}
	first := shared.do(t, c)
	first.refusal(t, http.StatusNotFound, "view_not_found")
	again := shared.do(t, c).want(t, http.StatusNotFound)
	if again.header.Get("Idempotency-Replayed") != "true" || again.header.Get("Content-Type") != "application/problem+json" || string(again.body) != string(first.body) {
		t.Errorf("the repeat is %v %s", again.header, again.body)
	}
}

func TestAKeyHasAtMost255Characters(t *testing.T) {
	t.Parallel()
	c := call{method: http.MethodDelete, path: "/views/nothing", header: map[string]string{"Idempotency-Key": strings.Repeat("k", 256)}}
	shared.do(t, c).refusal(t, http.StatusUnprocessableEntity, "idempotency_key_too_long")
	c.header["Idempotency-Key"] = strings.Repeat("k", 255)
	shared.do(t, c).refusal(t, http.StatusNotFound, "view_not_found")
}

func TestOfManyAtOnceWithOneKeyOneActs(t *testing.T) {
	t.Parallel()
	c := call{method: http.MethodPost, path: "/users", body: `{"name":"Una Once","email":"una@tandem.example","level":"reader"}`, header: map[string]string{"Idempotency-Key": "at-once"}}
	var wg sync.WaitGroup
	answers := make([]answer, 8)
	for i := range answers {
		wg.Go(func() { answers[i] = shared.do(t, c) })
	}
	wg.Wait()
	made, waiting, replayed := 0, 0, 0
	for _, a := range answers {
		switch {
		case a.status == http.StatusCreated && a.header.Get("Idempotency-Replayed") == "true":
			replayed++
		case a.status == http.StatusCreated:
			made++
		case a.status == http.StatusConflict:
			a.refusal(t, http.StatusConflict, "idempotency_in_progress")
			if a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			waiting++
		default:
			t.Errorf("answered %d %s", a.status, a.body)
		}
	}
	if made != 1 || made+waiting+replayed != len(answers) {
		t.Errorf("%d made, %d waiting, %d replayed", made, waiting, replayed)
	}
	if a := shared.do(t, c).want(t, http.StatusCreated); a.header.Get("Idempotency-Replayed") != "true" {
		t.Error("afterwards it is not a repeat")
	}
}

func TestAFailureOfTandemIsNotKept(t *testing.T) {
	t.Parallel()
	broken := *shared.app
	broken.Views = nil
	broken.Log = (&logBook{}).logger()
	bad, err := api.New(&broken)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(bad)
	t.Cleanup(srv.Close)
	c := call{base: srv.URL, method: http.MethodPost, path: "/views", body: `{"name":"After a failure","query":""}`, header: map[string]string{"Idempotency-Key": "failed-1"}}
	shared.do(t, c).refusal(t, http.StatusInternalServerError, "internal")
	c.base = ""
	if a := shared.do(t, c).want(t, http.StatusOK); a.header.Get("Idempotency-Replayed") != "" {
		t.Error("the failure was replayed")
	}
}

func TestARequestWhoseProcessDiedIsTakenOver(t *testing.T) {
	t.Parallel()
	later := clock.NewFake(time.Now().Add(idempotency.TakeOver + time.Minute))
	_, _, err := idempotency.NewStore(shared.app.DB, shared.app.Clock).Begin(t.Context(), idempotency.Request{
		PersonID: shared.director.person.ID, Key: "dead-1",
		Route: "DELETE " + api.Prefix + "/views/nothing",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := call{method: http.MethodDelete, path: "/views/nothing", header: map[string]string{"Idempotency-Key": "dead-1"}}
	shared.do(t, c).refusal(t, http.StatusConflict, "idempotency_in_progress")
	moved := *shared.app
	moved.Clock = later
	handler, err := api.New(&moved)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	c.base = srv.URL
	shared.do(t, c).refusal(t, http.StatusNotFound, "view_not_found")
}

func TestARecordThatIsUnchangedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	row := shared.opportunities(t, "cloud=aws&state=approved")[0]
	reg := into[items[api.Registration]](t, shared.get(t, "/registrations?state=approved&limit=1")).Items[0]
	for _, path := range []string{"/opportunities/" + row.ID, "/accounts/" + row.AccountID, "/registrations/" + reg.ID, "/settings/default-solutions"} {
		a := shared.get(t, path).want(t, http.StatusOK)
		tag := a.header.Get("ETag")
		if !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) {
			t.Errorf("%s has the ETag %q", path, tag)
		}
		for _, given := range []string{tag, `"x", ` + tag, "W/" + tag, "*"} {
			b := shared.do(t, call{method: http.MethodGet, path: path, header: map[string]string{"If-None-Match": given}}).want(t, http.StatusNotModified)
			if len(b.body) != 0 || b.header.Get("ETag") != tag {
				t.Errorf("%s: the answer 304 has %d bytes and the ETag %q", path, len(b.body), b.header.Get("ETag"))
			}
		}
		shared.do(t, call{method: http.MethodGet, path: path, header: map[string]string{"If-None-Match": `"x"`}}).want(t, http.StatusOK)
	}
}

func TestTheETagOfAnOpportunityChangesWithWhatBelongsToIt(t *testing.T) {
	t.Parallel()
	o := shared.unjoint(t, 2)
	before := shared.get(t, "/opportunities/"+o.ID).header.Get("ETag")
	shared.do(t, call{method: http.MethodPut, path: "/opportunities/" + o.ID + "/joint/gcp", body: `{"joint":true,"reason":"Said so"}`}).want(t, http.StatusOK)
	after := shared.do(t, call{method: http.MethodGet, path: "/opportunities/" + o.ID, header: map[string]string{"If-None-Match": before}}).want(t, http.StatusOK)
	if after.header.Get("ETag") == before {
		t.Error("the ETag is the same")
	}
}

func TestWhoAsksTooOftenWaits(t *testing.T) {
	t.Parallel()
	limited := *shared.app
	now := clock.NewFake(time.Now())
	limited.Clock = now
	handler, err := api.New(&limited, api.PerMinute(6))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	c := call{base: srv.URL, method: http.MethodGet, path: "/me"}
	for i := range 6 {
		a := shared.do(t, c).want(t, http.StatusOK)
		want := []string{"6", strconv.Itoa(5 - i), strconv.Itoa(10 * (i + 1)), "6;w=60"}
		got := []string{a.header.Get("RateLimit-Limit"), a.header.Get("RateLimit-Remaining"), a.header.Get("RateLimit-Reset"), a.header.Get("RateLimit-Policy")}
		if !slices.Equal(got, want) {
			t.Errorf("request %d: the headers are %v, not %v", i, got, want)
		}
	}
	c.token = shared.director.scoped["read"] // another token of the same person
	a := shared.do(t, c)
	a.refusal(t, http.StatusTooManyRequests, "rate_limited")
	if a.header.Get("Retry-After") != "10" || a.header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("headers %v", a.header)
	}
	c.token = shared.abdm.all
	shared.do(t, c).want(t, http.StatusOK)
	c.token = ""
	now.Advance(10 * time.Second)
	shared.do(t, c).want(t, http.StatusOK)
	shared.do(t, c).want(t, http.StatusTooManyRequests)
	now.Advance(time.Hour)
	if a := shared.do(t, c).want(t, http.StatusOK); a.header.Get("RateLimit-Remaining") != "5" {
		t.Errorf("after an hour %s remain", a.header.Get("RateLimit-Remaining"))
	}
}

func TestPagingVisitsEachRecordOnce(t *testing.T) {
	t.Parallel()
	all := func(path string, id func(map[string]any) string) {
		before := into[items[map[string]any]](t, shared.get(t, strings.ReplaceAll(path, "limit=7", "limit=200")).want(t, http.StatusOK)).Items
		seen := map[string]bool{}
		next, pages := api.Prefix+path, 0
		for next != "" {
			a := shared.get(t, strings.TrimPrefix(next, api.Prefix)).want(t, http.StatusOK)
			p := into[items[map[string]any]](t, a)
			for _, x := range p.Items {
				if seen[id(x)] {
					t.Fatalf("%s gives %s twice", path, id(x))
				}
				seen[id(x)] = true
			}
			if want := "<" + p.NextLink + `>; rel="next"`; p.NextLink != "" && a.header.Get("Link") != want {
				t.Errorf("%s: Link is %q, not %q", path, a.header.Get("Link"), want)
			}
			if (p.Next == "") != (p.NextLink == "") {
				t.Errorf("%s: next is %q, the link %q", path, p.Next, p.NextLink)
			}
			next = p.NextLink
			pages++
		}
		if pages < 2 {
			t.Errorf("%s has %d pages", path, pages)
		}
		// Other tests may add records meanwhile; those of before must all be met.
		for _, x := range before {
			if !seen[id(x)] {
				t.Errorf("%s: the pages leave out %s", path, id(x))
			}
		}
	}
	text := func(x map[string]any) string { return fmt.Sprint(x["id"]) }
	for _, sort := range []string{"", "&sort=name", "&sort=-amount", "&sort=stage", "&sort=-close_on", "&sort=owner", "&sort=account", "&sort=updated"} {
		all("/opportunities?limit=7&open=open"+sort, text)
	}
	all("/accounts?limit=7", text)
	all("/accounts?limit=7&q=a", text)
	all("/registrations?limit=7&cloud=aws", text)
}

func TestPagesOfJobsGoBackInTime(t *testing.T) {
	t.Parallel()
	first := into[items[api.Job]](t, shared.get(t, "/jobs?limit=2&state=completed").want(t, http.StatusOK))
	if len(first.Items) != 2 || first.Next == "" {
		t.Fatalf("the first page is %+v", first)
	}
	second := into[items[api.Job]](t, shared.get(t, strings.TrimPrefix(first.NextLink, api.Prefix)).want(t, http.StatusOK))
	if len(second.Items) == 0 || second.Items[0].ID >= first.Items[1].ID || second.Items[0].State != "completed" {
		t.Errorf("the second page is %+v", second)
	}
	pulls := into[items[api.Job]](t, shared.get(t, "/jobs?kind=salesforce_pull&limit=1").want(t, http.StatusOK))
	if len(pulls.Items) != 1 || pulls.Items[0].Kind != "salesforce_pull" || pulls.NextLink != "" && !strings.Contains(pulls.NextLink, "kind=salesforce_pull") {
		t.Errorf("the reads of Salesforce are %+v", pulls)
	}
}

// pageDeeds is what a person can do on the pages, and the operation with which a
// program does it.
var pageDeeds = map[string]string{
	"see who one is":                    "get-me",
	"Today":                             "get-today",
	"the numbers":                       "get-summary",
	"search":                            "search",
	"the list, filtered and sorted":     "list-opportunities",
	"the filters' choices":              "list-opportunity-filters",
	"the board":                         "get-opportunity-board",
	"an opportunity, cloud by cloud":    "get-opportunity",
	"its timeline":                      "list-activities",
	"mark as joint, or not":             "mark-joint",
	"register, check, try again":        "register-opportunity",
	"choose solutions":                  "choose-solutions",
	"choose a record of another tool":   "choose-claim",
	"Approvals":                         "list-approvals",
	"a request for approval":            "get-approval",
	"approve a request":                 "approve",
	"refuse a request":                  "refuse",
	"take a request back":               "withdraw",
	"the policies":                      "list-policies",
	"the value for ABDMs":               "get-approval-rules",
	"change the value for ABDMs":        "put-approval-rules",
	"have Salesforce written again":     "retry-activities",
	"a registration":                    "get-registration",
	"registrations by state":            "list-registrations",
	"what partners offer":               "list-invitations",
	"an invitation":                     "get-invitation",
	"accept an invitation":              "accept-invitation",
	"accept many invitations":           "accept-invitations",
	"reject an invitation":              "reject-invitation",
	"make a lead an opportunity":        "convert-invitation",
	"try an answer again":               "retry-invitation",
	"link an invitation":                "link-invitation",
	"dismiss a lead":                    "dismiss-invitation",
	"take a dismissal back":             "restore-invitation",
	"what one of Salesforce is made of": "get-invitation-draft",
	"create in Salesforce":              "create-opportunity",
	"the portal's solutions":            "list-solutions",
	"what is tagged wrongly":            "list-tag-findings",
	"correct tags":                      "correct-tags",
	"withdraw a correction":             "withdraw-tag-correction",
	"accept tags as they are":           "accept-tags",
	"reopen accepted tags":              "reopen-tags",
	"who claims the same deal":          "list-route-conflicts",
	"a route conflict":                  "get-route-conflict",
	"decide on a route":                 "decide-route-conflict",
	"reopen a route":                    "reopen-route-conflict",
	"the route rules":                   "get-route-rules",
	"change the route rules":            "put-route-rules",
	"the tagging rules":                 "get-tagging-rules",
	"change the tagging rules":          "put-tagging-rules",
	"the field mapping, exported":       "get-field-mapping",
	"change or import the mapping":      "put-field-mapping",
	"what the mapping does not fit":     "get-field-mapping-findings",
	"versions of the mapping":           "list-field-mapping-versions",
	"compare two mappings":              "compare-field-mapping-version",
	"an earlier mapping again":          "restore-field-mapping-version",
	"templates of the mapping":          "list-field-mapping-templates",
	"try the mapping on a record":       "try-field-mapping",
	"Automation":                        "get-automation",
	"pause everything":                  "put-pause",
	"a flow":                            "get-flow",
	"switch a flow":                     "put-flow",
	"the dry run of a flow":             "try-flow",
	"the digests":                       "list-digests",
	"a digest":                          "get-digest",
	"deals to enter by hand":            "list-hand-overs",
	"a filled form":                     "get-hand-over",
	"say what was entered":              "tell-hand-over",
	"a digest was read":                 "read-digest",
	"when the digest is made":           "get-digest-schedule",
	"change when the digest is made":    "put-digest-schedule",
	"Conflicts":                         "list-conflicts",
	"settle a conflict":                 "settle-conflict",
	"what differs, and was edited":      "get-registration-fields",
	"edit in the portal":                "put-registration-fields",
	"the event log":                     "list-registration-calls",
	"send again":                        "resend-registration",
	"refresh from the portal":           "refresh-registration",
	"who wins each field":               "get-field-owners",
	"change who wins each field":        "put-field-owners",
	"accounts":                          "list-accounts",
	"an account":                        "get-account",
	"saved views":                       "list-views",
	"save a view":                       "save-view",
	"delete a view":                     "delete-view",
	"Connections":                       "list-connections",
	"Sync now":                          "start-sync",
	"Jobs":                              "list-jobs",
	"a job":                             "get-job",
	"how many jobs in each state":       "count-jobs",
	"retry a job":                       "retry-job",
	"cancel a job":                      "cancel-job",
	"who changed a record":              "list-audit-entries",
	"the joint rule":                    "get-joint-rule",
	"preview a joint rule":              "preview-joint-rule",
	"change the joint rule":             "put-joint-rule",
	"the fiscal year":                   "get-fiscal-year",
	"change the fiscal year":            "put-fiscal-year",
	"default solutions":                 "get-default-solutions",
	"change default solutions":          "put-default-solutions",
	"people":                            "list-people",
	"one's own password":                "change-password",
	"one's tokens":                      "list-tokens",
	"make a token":                      "create-token",
	"revoke a token":                    "revoke-token",
	"users":                             "list-users",
	"make a user":                       "create-user",
	"set a level":                       "set-user-level",
	"a new password for a user":         "reset-user-password",
	"take a user's access away":         "disable-user",
	"Coverage":                          "get-coverage",
	"the deals behind a figure":         "list-covered-deals",
	"the service levels":                "get-service-levels",
	"change the service levels":         "put-service-levels",
	"Needs attention":                   "list-refusals",
	"send refusals again":               "send-again",
	"act on many deals":                 "bulk",
	"what became of an act on many":     "get-bulk-run",
	"take an act on many back":          "undo-bulk-run",
	"how a portal is followed":          "get-portal-watch",
	"an account's timeline":             "list-account-activities",
	"an activity":                       "get-activity",
	"record an activity":                "record-activity",
	"change an activity":                "change-activity",
	"cancel an activity":                "cancel-activity",
	"send an activity again":            "send-activity",
	"settle an activity":                "settle-activity",
	"what becomes of cancelled ones":    "get-cancelled-activities",
	"change what becomes of them":       "put-cancelled-activities",
	"who could be introduced":           "suggest-intro-meeting",
	"times for both":                    "find-intro-times",
	"a deal's introductions":            "list-intro-meetings",
	"an intro meeting":                  "get-intro-meeting",
	"the invitation":                    "get-intro-invitation",
	"propose an intro meeting":          "propose-intro-meeting",
	"change an intro meeting":           "change-intro-meeting",
	"agree on a time":                   "confirm-intro-meeting",
	"it was held":                       "hold-intro-meeting",
	"somebody did not come":             "miss-intro-meeting",
	"cancel an intro meeting":           "cancel-intro-meeting",
}

func TestWhatThePagesDoTheAPIDoes(t *testing.T) {
	t.Parallel()
	have := map[string]bool{}
	for _, methods := range openAPI(t).Paths {
		for _, d := range methods {
			have[d.OperationID] = true
		}
	}
	covered := map[string]bool{}
	for deed, id := range pageDeeds {
		covered[id] = true
		if !have[id] {
			t.Errorf("%s: there is no operation %s", deed, id)
		}
	}
	for id := range have {
		if !covered[id] {
			t.Errorf("say in the test's table for what the operation %s is", id)
		}
	}
}
