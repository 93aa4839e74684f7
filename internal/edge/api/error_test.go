package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/edge/api"
)

// field gives the error about a field; none fails the test.
func field(t *testing.T, p api.Problem, name string) api.FieldError {
	t.Helper()
	i := slices.IndexFunc(p.Errors, func(f api.FieldError) bool { return f.Field == name })
	if i < 0 {
		t.Fatalf("no error about %q: %+v", name, p.Errors)
	}
	return p.Errors[i]
}

func TestWrongInputIsNamedFieldByField(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		c           call
		field, code string
		value       string
	}{
		"unknown body field":      {call{method: http.MethodPost, path: "/views", body: `{"name":"x","query":"","colour":"red"}`}, "colour", "unknown_field", ""},
		"nested unknown field":    {call{method: http.MethodPost, path: "/settings/joint-rule/preview", body: `{"clouds":{"oracle":{}}}`}, "clouds.oracle", "unknown_field", ""},
		"unknown parameter":       {call{method: http.MethodGet, path: "/opportunities?colour=red"}, "colour", "unknown_parameter", ""},
		"unknown on a write":      {call{method: http.MethodPost, path: "/sync-runs?dryrun=true"}, "dryrun", "unknown_parameter", ""},
		"missing body field":      {call{method: http.MethodPost, path: "/views", body: `{"name":"x"}`}, "query", "required", ""},
		"missing parameter":       {call{method: http.MethodGet, path: "/search"}, "q", "required", ""},
		"wrong type in the body":  {call{method: http.MethodPost, path: "/views", body: `{"name":7,"query":""}`}, "name", "wrong_type", "7"},
		"wrong type in the query": {call{method: http.MethodGet, path: "/accounts?limit=many"}, "limit", "wrong_type", "many"},
		"wrong type in the path":  {call{method: http.MethodGet, path: "/jobs/first"}, "id", "wrong_type", "first"},
		"out of range":            {call{method: http.MethodGet, path: "/accounts?limit=201"}, "limit", "out_of_range", "201"},
		"unknown cloud":           {call{method: http.MethodPut, path: "/opportunities/x/joint/oracle", body: `{"joint":null}`}, "cloud", "unknown_value", "oracle"},
		"unknown state":           {call{method: http.MethodGet, path: "/opportunities?state=happy"}, "state", "unknown_state", ""},
		"unknown sort":            {call{method: http.MethodGet, path: "/opportunities?sort=colour"}, "sort", "unknown_sort", ""},
		"malformed date":          {call{method: http.MethodGet, path: "/opportunities?close_from=soon"}, "close_from", "malformed", ""},
		"malformed cursor":        {call{method: http.MethodGet, path: "/opportunities?after=x"}, "after", "malformed", ""},
		"cursor of accounts":      {call{method: http.MethodGet, path: "/accounts?after=!"}, "after", "malformed", ""},
		"cursor of registrations": {call{method: http.MethodGet, path: "/registrations?after=reg_1"}, "after", "malformed", ""},
		"cursor of jobs":          {call{method: http.MethodGet, path: "/jobs?after=x"}, "after", "malformed", ""},
		"malformed e-mail":        {call{method: http.MethodPost, path: "/users", body: `{"name":"X","email":"nobody","level":"reader"}`}, "email", "malformed", ""},
		"weak password":           {call{method: http.MethodPost, path: "/users", body: `{"name":"X","email":"x@example.com","level":"reader","password":"short"}`}, "password", "weak", ""},
		"an If-Match of nothing":  {call{method: http.MethodPost, path: "/views", body: `{"name":"x","query":""}`, header: map[string]string{"If-Match": `"1"`}}, "If-Match", "if_match_unsupported", ""},
		"a malformed If-Match":    {call{method: http.MethodPut, path: "/registrations/x/solutions", body: `{"solutions":[]}`, header: map[string]string{"If-Match": `W/"1"`}}, "If-Match", "malformed", ""},
		"a rule without words":    {call{method: http.MethodPost, path: "/settings/joint-rule/preview", body: `{"clouds":{"aws":{"enabled":true,"fields":["distributor"],"words":[],"exclude_stages":[],"register_closed":false}}}`}, "clouds.aws.words", "required", ""},
		"too long a reason":       {call{method: http.MethodPut, path: "/opportunities/x/joint/aws", body: `{"joint":true,"reason":"` + strings.Repeat("x", 501) + `"}`}, "reason", "too_long", strings.Repeat("x", 100) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := shared.do(t, x.c).want(t, http.StatusUnprocessableEntity)
			p := into[api.Problem](t, a)
			f := field(t, p, x.field)
			if f.Code != x.code || f.Message == "" || f.Value != x.value {
				t.Errorf("the error is %+v, not %s with the value %q", f, x.code, x.value)
			}
			a.refusal(t, http.StatusUnprocessableEntity, p.Code)
		})
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	p := shared.do(t, call{method: http.MethodPost, path: "/users", body: `{"name":1,"email":2,"level":"king","hat":true}`}).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	for _, name := range []string{"name", "email", "level", "hat"} {
		field(t, p, name)
	}
}

func TestAPasswordIsNeverRepeated(t *testing.T) {
	t.Parallel()
	a := shared.do(t, call{method: http.MethodPost, path: "/users", body: `{"name":"X","email":"x@example.com","level":"reader","password":12345678}`}).want(t, http.StatusUnprocessableEntity)
	if bytes.Contains(a.body, []byte("12345678")) {
		t.Errorf("the answer is %s", a.body)
	}
}

func TestBodiesThatAreNoJSONAreRefused(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"cut off": `{"name":"x"`, "no JSON": `name=x`, "two values": `{} {}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shared.do(t, call{method: http.MethodPost, path: "/views", body: body}).refusal(t, http.StatusBadRequest, "malformed_json")
		})
	}
	shared.do(t, call{method: http.MethodPost, path: "/views"}).refusal(t, http.StatusBadRequest, "malformed_json")
	shared.do(t, call{method: http.MethodPost, path: "/views", body: "name=x", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).refusal(t, http.StatusUnsupportedMediaType, "not_json")
	shared.do(t, call{method: http.MethodPost, path: "/views", body: `{"name":"` + strings.Repeat("x", 1<<20) + `"}`}).refusal(t, http.StatusRequestEntityTooLarge, "body_too_large")
}

func TestAPathOrMethodThatIsNotThereIsAProblem(t *testing.T) {
	t.Parallel()
	shared.get(t, "/nothing").refusal(t, http.StatusNotFound, "path_not_found")
	a := shared.do(t, call{method: http.MethodDelete, path: "/opportunities/x/joint/aws"})
	a.refusal(t, http.StatusMethodNotAllowed, "method_not_allowed")
	if a.header.Get("Allow") != "PUT" {
		t.Errorf("Allow is %q", a.header.Get("Allow"))
	}
}

func TestARecordThatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	for path, code := range map[string]string{
		"/accounts/x": "account_not_found", "/opportunities/x": "opportunity_not_found", "/opportunities/x/activities": "opportunity_not_found",
		"/registrations/x": "registration_not_found", "/jobs/999999": "job_not_found",
	} {
		shared.get(t, path).refusal(t, http.StatusNotFound, code)
	}
	for c, code := range map[[3]string]string{
		{http.MethodPut, "/opportunities/x/joint/aws", `{"joint":null}`}:       "opportunity_not_found",
		{http.MethodPost, "/opportunities/x/registrations", `{"cloud":"aws"}`}: "opportunity_not_found",
		{http.MethodPost, "/opportunities/x/activities/retry", ``}:             "opportunity_not_found",
		{http.MethodPut, "/registrations/x/solutions", `{"solutions":[]}`}:     "registration_not_found",
		{http.MethodDelete, "/views/x", ``}:                                    "view_not_found",
		{http.MethodPost, "/jobs/999999/retry", ``}:                            "job_not_found",
		{http.MethodPost, "/jobs/999999/cancel", ``}:                           "job_not_found",
		{http.MethodPut, "/users/x/level", `{"level":"reader"}`}:               "user_not_found",
		{http.MethodPost, "/users/x/disable", ``}:                              "user_not_found",
		{http.MethodPost, "/users/x/password", ``}:                             "user_not_found",
	} {
		shared.do(t, call{method: c[0], path: c[1], body: c[2]}).refusal(t, http.StatusNotFound, code)
	}
}

func TestAConflictSaysWhatForbidsIt(t *testing.T) {
	t.Parallel()
	o := shared.unjoint(t, 0)
	shared.do(t, call{method: http.MethodPost, path: "/opportunities/" + o.ID + "/registrations", body: `{"cloud":"azure"}`}).refusal(t, http.StatusConflict, "not_connected")
	shared.do(t, call{method: http.MethodPost, path: "/opportunities/" + o.ID + "/registrations", body: `{"cloud":"aws"}`}).refusal(t, http.StatusConflict, "not_joint")
}

func TestEveryKindOfProblemHasItsAnswer(t *testing.T) {
	t.Parallel()
	slow := problem.FromRemote(problem.Remote{System: "aws", Operation: "GetOpportunity", Retry: problem.RetrySoon}, "AWS did not answer", context.DeadlineExceeded)
	for _, x := range []struct {
		err         error
		status      int
		code        string
		retry, auth string
	}{
		{problem.Invalid("f", "bad", "no"), 422, "bad", "", ""},
		{problem.NotFound("account", "x"), 404, "account_not_found", "", ""},
		{problem.Conflict("busy", "no"), 409, "busy", "", ""},
		{problem.Forbidden("not_allowed", "no"), 403, "not_allowed", "", ""},
		{problem.Unauthorized("not_signed_in", "no"), 401, "not_signed_in", "", `Bearer realm="tandem"`},
		{problem.Precondition("registration", "x"), 412, "stale_version", "", ""},
		{problem.TooMany("slow_down", "no", 1500*time.Millisecond), 429, "slow_down", "2", ""},
		{problem.FromRemote(problem.Remote{System: "aws", Operation: "CreateOpportunity", Code: "ThrottlingException", Status: 429, RequestID: "r-1", Retry: problem.RetryLater, RetryAfter: time.Minute}, "AWS is throttling", nil), 502, "remote_later", "60", ""},
		{slow, 504, "remote_soon", "", ""},
		{problem.Unavailable("database_down", "no", errors.New("dial")), 503, "database_down", "5", ""},
		{fmt.Errorf("wrapped: %w", problem.Conflict("busy", "no")), 409, "busy", "", ""},
		{errors.New("pq: password of admin is hunter2"), 500, "internal", "", ""},
		{&problem.Error{Kind: problem.KindInternal, Code: "too_many_rows", Message: "hunter2"}, 500, "internal", "", ""},
	} {
		w := httptest.NewRecorder()
		book := &logBook{}
		api.WriteProblem(w, book, x.err)
		p := into[api.Problem](t, answer{w.Code, w.Header(), w.Body.Bytes()})
		if w.Code != x.status || p.Code != x.code || p.Status != x.status || w.Header().Get("Retry-After") != x.retry || w.Header().Get("WWW-Authenticate") != x.auth {
			t.Errorf("%v is answered %d %v %s", x.err, w.Code, w.Header(), w.Body)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("hunter2")) {
			t.Errorf("the text of an internal error is shown: %s", w.Body)
		}
		if x.status == 500 && (p.Reference == "" || !book.has(p.Reference) || !book.has("hunter2")) {
			t.Errorf("the log says nothing of the reference %q", p.Reference)
		}
		if x.code == "remote_later" && (p.Remote == nil || *p.Remote != api.RemoteError{System: "aws", Operation: "CreateOpportunity", Code: "ThrottlingException", Status: 429, RequestID: "r-1", Retry: "later"}) {
			t.Errorf("remote is %+v", p.Remote)
		}
	}
}

func TestAPanicIsAnInternalErrorWithAReference(t *testing.T) {
	t.Parallel()
	broken := *shared.app
	broken.Accounts = nil
	book := &logBook{}
	broken.Log = book.logger()
	handler, err := api.New(&broken)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	p := shared.do(t, call{base: srv.URL, method: http.MethodGet, path: "/accounts"}).refusal(t, http.StatusInternalServerError, "internal")
	if p.Reference == "" || !book.has(p.Reference) || !book.has("panic") {
		t.Errorf("the log says nothing of the reference %q", p.Reference)
	}
}

func TestEveryAnswerHasARequestIDAndIsNotStored(t *testing.T) {
	t.Parallel()
	a := shared.do(t, call{method: http.MethodGet, path: "/me", header: map[string]string{"X-Request-Id": "mine-1"}}).want(t, http.StatusOK)
	if a.header.Get("X-Request-Id") != "mine-1" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", a.header)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("sent as %q", ct)
	}
	a = shared.do(t, call{method: http.MethodGet, path: "/me", header: map[string]string{"X-Request-Id": "has space"}})
	if id := a.header.Get("X-Request-Id"); !strings.HasPrefix(id, "req_") {
		t.Errorf("a request id with a space became %q", id)
	}
}
