package google_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tandem-cosell/tandem/sandbox/google"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

func TestADealLivesFromDraftToWon(t *testing.T) {
	t.Parallel()
	b := newBench(t, google.Options{})
	draft := good()
	draft["state"] = "DRAFT"
	name := b.made(draft)
	if a := b.patch(name, "stage", object{"stage": "QUALIFY"}); !a.refusedAs(400, "INVALID_ARGUMENT", "opportunity.stage") {
		t.Errorf("a stage before acceptance: %+v", a)
	}
	if a := b.patch(name, "state", object{"state": "SUBMITTED"}); a.text("state") != "SUBMITTED" || a.text("submitterEmail") == "" {
		t.Fatalf("%+v", a)
	}
	if a := b.patch(name, "opportunityInfo.displayName", object{"opportunityInfo": object{"displayName": "X"}}); !a.refusedAs(400, "INVALID_ARGUMENT", "displayName") {
		t.Errorf("a change while it is reviewed: %+v", a)
	}
	if a := b.control("review", fmt.Sprintf(`{"opportunity":%q,"decision":"ACCEPTED","owner":{"name":"Ada","email":"ada@google.example"}}`, name)); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	a := b.call("GET", "/v1alpha1/"+name, nil)
	if a.text("state") != "ACCEPTED" || a.text("stage") != "QUALIFY" || a.text("ownerEmail") != "ada@google.example" || a.text("qualificationInfo.dealNumber") == "" {
		t.Fatalf("%+v", a)
	}
	etag := a.text("etag")
	a = b.patch(name, "stage,isv_solution_connect_info.next_step", object{"stage": "REFINE", "isvSolutionConnectInfo": object{"nextStep": "Demo"}, "etag": etag})
	if a.text("stage") != "REFINE" || a.text("isvSolutionConnectInfo.nextStep") != "Demo" || a.text("opportunityInfo.displayName") != "Platform" {
		t.Fatalf("%+v", a)
	}
	if a := b.patch(name, "stage", object{"stage": "PROPOSAL_NEGOTIATION", "etag": etag}); !a.refusedAs(409, "ABORTED", "") {
		t.Errorf("a change of an old read: %+v", a)
	}
	if a := b.patch(name, "stage", object{"stage": "CLOSED_LOST"}); !a.refusedAs(400, "INVALID_ARGUMENT", "stage") {
		t.Errorf("closed by a partner: %+v", a)
	}
	if a := b.patch(name, "customerInfo", object{"customerInfo": object{"customerDetails": object{"domain": "other.example"}}}); !a.refusedAs(400, "INVALID_ARGUMENT", "domain") {
		t.Errorf("a fixed field by its structure: %+v", a)
	}
	if a := b.patch(name, "salesCycle.partnerReadyToClose", object{"salesCycle": object{"partnerReadyToClose": "MIGRATION_IMPL"}}); a.text("stage") != "REFINE" {
		t.Fatalf("%+v", a)
	}
	b.control("google-update", fmt.Sprintf(`{"opportunity":%q,"stage":"MIGRATION_IMPL"}`, name))
	if a := b.patch(name, "isvSolutionConnectInfo.notes", object{"isvSolutionConnectInfo": object{"notes": "X"}}); !a.refusedAs(400, "INVALID_ARGUMENT", "closed") {
		t.Errorf("a change of a closed deal: %+v", a)
	}
}

func TestWhatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t, google.Options{})
	with := func(change func(object)) object {
		d := good()
		change(d)
		return d
	}
	inner := func(d object, name string) object { m, _ := d[name].(object); return m }
	for why, c := range map[string]struct {
		body   any
		status int
		name   string
		field  string
	}{
		"a state that Google sets":   {with(func(d object) { d["state"] = "ACCEPTED" }), 400, "INVALID_ARGUMENT", "opportunity.state"},
		"a state there is not":       {with(func(d object) { d["state"] = "OPEN" }), 400, "INVALID_ARGUMENT", "state"},
		"no company":                 {with(func(d object) { delete(inner(d, "customerInfo"), "customerDetails") }), 400, "INVALID_ARGUMENT", "organizationName"},
		"legal language not agreed":  {with(func(d object) { inner(d, "qualificationInfo")["legalLanguageAccepted"] = false }), 400, "INVALID_ARGUMENT", "legalLanguageAccepted"},
		"a field there is not":       {with(func(d object) { d["foo"] = 1 }), 400, "INVALID_ARGUMENT", "Unknown name"},
		"a text for a number":        {with(func(d object) { inner(d, "qualificationInfo")["contractLengthMonths"] = "a year" }), 400, "INVALID_ARGUMENT", "contractLengthMonths"},
		"a currency that is none":    {with(func(d object) { inner(d, "opportunityInfo")["opportunityAmount"] = object{"currencyCode": "$"} }), 400, "INVALID_ARGUMENT", "ISO 4217"},
		"a day that is none":         {with(func(d object) { inner(d, "qualificationInfo")["estimatedCloseDate"] = "2027-01-01" }), 400, "INVALID_ARGUMENT", "google.type.Date"},
		"a deal of another partner":  {with(func(d object) { inner(d, "opportunityInfo")["partnerEntity"] = "partners/other" }), 403, "PERMISSION_DENIED", ""},
		"a stage at creation":        {with(func(d object) { d["stage"] = "QUALIFY" }), 400, "INVALID_ARGUMENT", "stage"},
		"what is no JSON object":     {[]int{1}, 400, "INVALID_ARGUMENT", ""},
		"an enum that nobody listed": {with(func(d object) { d["opportunityType"] = "BIG" }), 400, "INVALID_ARGUMENT", "opportunityType"},
	} {
		if a := b.call("POST", "/v1alpha1/opportunities", c.body); !a.refusedAs(c.status, c.name, c.field) {
			t.Errorf("%s: %+v", why, a)
		}
	}
	if a := b.query(url.Values{}); len(a.body) != 0 {
		t.Errorf("something was made: %+v", a)
	}
	name := b.made(good())
	for why, a := range map[string]answer{
		"no partner":          b.call("PATCH", "/v1alpha1/"+name+"?updateMask=stage", object{}),
		"no mask":             b.patch(name, "", object{}),
		"a mask of nothing":   b.patch(name, "foo.bar", object{}),
		"an output field":     b.patch(name, "ownerEmail", object{}),
		"a partner not asked": b.call("GET", "/v1alpha1/opportunities:query", nil),
	} {
		if !a.refusedAs(400, "INVALID_ARGUMENT", "") {
			t.Errorf("%s: %+v", why, a)
		}
	}
	if a := b.call("GET", "/v1alpha1/opportunities/99999999", nil); !a.refusedAs(404, "NOT_FOUND", "") {
		t.Errorf("%+v", a)
	}
	if a := b.call("GET", "/v1alpha1/nothing", nil); !a.refusedAs(404, "NOT_FOUND", "") {
		t.Errorf("%+v", a)
	}
}

// The sample has words that nobody verified in place of values: with values there it
// is taken, and comes back as it was sent.
func TestTheSampleIsTaken(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "contracts", "google", "samples", "cosell-channel-v1alpha1-opportunity.UNVERIFIED-SHAPE.json"))
	if err != nil {
		t.Fatalf("the contracts are needed (set TANDEM_SHARED): %v", err)
	}
	text := strings.Replace(string(raw), `"employeeCount": "<unverified>"`, `"employeeCount": 500`, 1)
	var sample object
	if err := json.Unmarshal([]byte(text), &sample); err != nil {
		t.Fatal(err)
	}
	delete(sample, "stage")
	info, _ := sample["customerInfo"].(object)
	info["contact"] = object{"email": "kim@contoso.example"}
	a := newBench(t, google.Options{}).call("POST", "/v1alpha1/opportunities", sample)
	if a.status != http.StatusOK || a.text("partnerOpportunityIdentifier") != "0065g00000CRMID01" || a.text("customerInfo.customerDetails.address.locality") != "Redmond" {
		t.Errorf("%+v", a)
	}
	if a.text("ownerEmail") != "" || a.text("name") == "opportunities/10001" {
		t.Errorf("what only Google writes was taken: %+v", a)
	}
}

func TestQueriesFilterSortAndPage(t *testing.T) {
	t.Parallel()
	clock := kit.NewFrozenClock(time.Date(2027, 1, 1, 9, 0, 0, 0, time.UTC))
	b := newBench(t, google.Options{Clock: clock})
	var names []string
	for i := range 7 {
		d := good()
		d["partnerOpportunityIdentifier"] = fmt.Sprintf("006A%d", i)
		if i%2 == 0 {
			d["state"] = "DRAFT"
		}
		names = append(names, b.made(d))
		clock.Advance(time.Minute)
	}
	seen := map[string]bool{}
	q := url.Values{"pageSize": {"3"}, "orderBy": {"update_time desc"}}
	for pages := 0; ; pages++ {
		a := b.query(q)
		list, _ := a.body["opportunities"].([]any)
		for _, x := range list {
			m, _ := x.(object)
			if name, _ := m["name"].(string); seen[name] {
				t.Errorf("%s came twice", name)
			} else {
				seen[name] = true
			}
		}
		if a.text("nextPageToken") == "" {
			if pages != 2 || len(seen) != len(names) {
				t.Errorf("%d pages, %d opportunities", pages+1, len(seen))
			}
			break
		}
		q.Set("pageToken", a.text("nextPageToken"))
	}
	q.Set("filter", `state = "DRAFT"`)
	if a := b.query(q); !a.refusedAs(400, "INVALID_ARGUMENT", "pageToken") {
		t.Errorf("a token of another query: %+v", a)
	}
	for filter, want := range map[string]int{
		`state = "DRAFT"`: 4,
		`state != "DRAFT" AND partner_opportunity_identifier = "006A3"`: 1,
		`update_time > "2027-01-01T09:04:00Z"`:                          2,
		`updateTime >= "2027-01-01T09:04:00Z"`:                          3,
		`partnerOpportunityIdentifier="none"`:                           0,
	} {
		a := b.query(url.Values{"filter": {filter}})
		list, _ := a.body["opportunities"].([]any)
		if a.status != 200 || len(list) != want {
			t.Errorf("%s: %d of %d, %+v", filter, len(list), want, a.body["error"])
		}
	}
	for _, filter := range []string{`owner = "x"`, `state`, `state = "x`, `state = "x" OR stage = "y"`, `update_time > "yesterday"`, `= "x"`} {
		if a := b.query(url.Values{"filter": {filter}}); !a.refusedAs(400, "INVALID_ARGUMENT", "filter") {
			t.Errorf("%s: %+v", filter, a)
		}
	}
}

func TestTheTokenServerVerifies(t *testing.T) {
	t.Parallel()
	b := newBench(t, google.Options{})
	for why, c := range map[string]struct {
		change func(jwt.MapClaims)
		name   string
	}{
		"another account": {func(c jwt.MapClaims) { c["iss"] = "eve@x.iam.gserviceaccount.com" }, "invalid_grant"},
		"too long a life": {func(c jwt.MapClaims) { c["exp"] = time.Now().Add(3 * time.Hour).Unix() }, "invalid_grant"},
		"expired": {func(c jwt.MapClaims) {
			c["iat"], c["exp"] = time.Now().Add(-3*time.Hour).Unix(), time.Now().Add(-2*time.Hour).Unix()
		}, "invalid_grant"},
		"another audience": {func(c jwt.MapClaims) { c["aud"] = "https://example.com/token" }, "invalid_grant"},
		"no scope":         {func(c jwt.MapClaims) { delete(c, "scope") }, "invalid_scope"},
		"a scope unknown":  {func(c jwt.MapClaims) { c["scope"] = "https://www.googleapis.com/auth/nothing" }, "invalid_scope"},
	} {
		if a := b.exchange(b.assertion(c.change)); a.status != 400 || a.text("error") != c.name {
			t.Errorf("%s: %+v", why, a)
		}
	}
	forged := b.assertion(nil)
	forged = forged[:len(forged)-6] + "AAAAAA"
	if a := b.exchange(forged); a.text("error") != "invalid_grant" || !strings.Contains(a.text("error_description"), "Signature") {
		t.Errorf("a forged signature: %+v", a)
	}
	hmac, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": "x"}).SignedString([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if a := b.exchange(hmac); a.text("error") != "invalid_grant" {
		t.Errorf("another algorithm: %+v", a)
	}
	b.token = b.signIn(func(c jwt.MapClaims) { c["scope"] = google.ScopePubSub })
	if a := b.query(url.Values{}); !a.refusedAs(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT") {
		t.Errorf("a token for something else: %+v", a)
	}
	b.token = b.signIn(nil)
	b.clock.Advance(61 * time.Minute)
	if a := b.query(url.Values{}); !a.refusedAs(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED") {
		t.Errorf("an expired token: %+v", a)
	}
	b.token = ""
	if a := b.query(url.Values{}); !a.refusedAs(401, "UNAUTHENTICATED", "CREDENTIALS_MISSING") {
		t.Errorf("no token: %+v", a)
	}
}

func TestWhoIsNotListedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, google.Options{NotListed: true})
	if a := b.call("POST", "/v1alpha1/opportunities", good()); !a.refusedAs(403, "PERMISSION_DENIED", "") {
		t.Errorf("%+v", a)
	}
	b.control("listed", `{"listed":true}`)
	b.made(good())
}

func TestAQuotaSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 1, 9, 0, 40, 0, time.UTC)
	b := newBenchAt(t, google.Options{Quotas: google.Quotas{WritesPerMinute: 2}}, func() time.Time { return at })
	b.made(good())
	b.made(good())
	if a := b.call("POST", "/v1alpha1/opportunities", good()); !a.refusedAs(429, "RESOURCE_EXHAUSTED", "retryDelay:20s") {
		t.Errorf("%+v", a)
	}
	if a := b.query(url.Values{}); a.status != 200 {
		t.Errorf("reads have a count of their own: %+v", a)
	}
	at = at.Add(20 * time.Second)
	b.made(good())
}

func TestTheReviewerDecidesByItself(t *testing.T) {
	t.Parallel()
	b := newBench(t, google.Options{AutoReview: true, ReviewDelay: time.Hour})
	accepted := b.made(good())
	bad := good()
	info, _ := bad["customerInfo"].(object)
	details, _ := info["customerDetails"].(object)
	details["domain"] = "gmail.com"
	refused := b.made(bad)
	b.clock.Advance(30 * time.Minute)
	if a := b.call("GET", "/v1alpha1/"+accepted, nil); a.text("state") != "SUBMITTED" {
		t.Errorf("too soon: %+v", a)
	}
	b.clock.Advance(31 * time.Minute)
	b.token = b.signIn(nil)
	if a := b.call("GET", "/v1alpha1/"+accepted, nil); a.text("state") != "ACCEPTED" || a.text("ownerEmail") == "" || a.at("opportunityTeamMembers") == nil {
		t.Errorf("%+v", a)
	}
	if a := b.call("GET", "/v1alpha1/"+refused, nil); a.text("state") != "NOT_ACCEPTED" || a.text("stateDescription") == "" {
		t.Errorf("%+v", a)
	}
	if a := b.patch(refused, "state,customerInfo.customerDetails.domain", object{"state": "SUBMITTED", "customerInfo": object{"customerDetails": object{"domain": "fabrikam.example"}}}); a.text("state") != "SUBMITTED" {
		t.Errorf("mended and submitted again: %+v", a)
	}
	if a := b.patch(accepted, "salesCycle.partnerReadyToClose", object{"salesCycle": object{"partnerReadyToClose": "CLOSED_LOST"}}); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	b.clock.Advance(2 * time.Hour)
	b.token = b.signIn(nil)
	if a := b.call("GET", "/v1alpha1/"+accepted, nil); a.text("stage") != "CLOSED_LOST" {
		t.Errorf("%+v", a)
	}
}

func TestALostAnswerHasActed(t *testing.T) {
	t.Parallel()
	b := newBench(t, google.Options{})
	if err := b.faults.FailNext("opportunities.create", 1, "lost_reply"); err != nil {
		t.Fatal(err)
	}
	if resp, err := b.send("POST", "/v1alpha1/opportunities", good()); err == nil {
		resp.Body.Close()
		t.Fatal("an answer came")
	}
	a := b.query(url.Values{"filter": {`partner_opportunity_identifier = "006A1"`}})
	if list, _ := a.body["opportunities"].([]any); len(list) != 1 {
		t.Errorf("%+v", a)
	}
	for kind, want := range map[string]int{"throttle": 429, "error": 503, "session": 401} {
		if err := b.faults.FailNext("opportunities.get", 1, kind); err != nil {
			t.Fatal(err)
		}
		if a := b.call("GET", "/v1alpha1/opportunities/1", nil); a.status != want {
			t.Errorf("%s: %+v", kind, a)
		}
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "google.journal")
	sub := "/v1/projects/tandem-sandbox/subscriptions/deals"
	b := newBench(t, google.Options{StatePath: path})
	if a := b.call("PUT", sub, object{"topic": b.server.Topic()}); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	name := b.made(good())
	b.made(good())
	pulled := b.call("POST", sub+":pull", object{"maxMessages": 1})
	list, _ := pulled.body["receivedMessages"].([]any)
	first, _ := list[0].(object)
	if a := b.call("POST", sub+":acknowledge", object{"ackIds": []any{first["ackId"]}}); a.status != 200 {
		t.Fatalf("%+v", a)
	}
	if err := b.server.Close(); err != nil {
		t.Fatal(err)
	}
	again := newBench(t, google.Options{StatePath: path})
	if a := again.call("GET", "/v1alpha1/"+name, nil); a.text("partnerOpportunityIdentifier") != "006A1" {
		t.Errorf("%+v", a)
	}
	a := again.call("POST", sub+":pull", object{"maxMessages": 10})
	if list, _ := a.body["receivedMessages"].([]any); len(list) != 1 {
		t.Errorf("what was acknowledged came again, or the rest did not: %+v", a)
	}
	if next := again.made(good()); next == name {
		t.Error("a name was given twice")
	}
}
