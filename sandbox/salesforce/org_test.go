package salesforce_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// org is a running sandbox and a client that is signed in to it.
type org struct {
	t      *testing.T
	server *salesforce.Server
	http   *httptest.Server
	token  string
}

var noon = time.Date(2026, 9, 15, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, opt salesforce.Options) *org {
	t.Helper()
	if opt.Clock == nil {
		opt.Clock = kit.NewFrozenClock(noon)
	}
	server, err := salesforce.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	o := &org{t: t, server: server, http: httptest.NewServer(server.Handler())}
	t.Cleanup(func() {
		o.http.Close()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	o.signIn()
	return o
}

func (o *org) signIn() {
	o.t.Helper()
	o.signInAs(o.server.Credentials())
}

func (o *org) signInAs(id, secret string) {
	o.t.Helper()
	a := o.form("/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}})
	if a.status != 200 {
		o.t.Fatalf("sign-in: %d %s", a.status, a.body)
	}
	o.token = a.object()["access_token"].(string)
}

type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (a answer) object() map[string]any {
	a.t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("not an object: %v: %s", err, a.body)
	}
	return v
}

func (a answer) list() []map[string]any {
	a.t.Helper()
	var v []map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("not a list of objects: %v: %s", err, a.body)
	}
	return v
}

// want fails the test unless the answer has the status, and for refusals the code.
func (a answer) want(status int, code string) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	if code != "" {
		if got := a.list()[0]["errorCode"]; got != code {
			a.t.Fatalf("code %v, want %s: %s", got, code, a.body)
		}
	}
	return a
}

func (a answer) id() string {
	a.t.Helper()
	id, _ := a.object()["id"].(string)
	if len(id) != 18 {
		a.t.Fatalf("no id in %s", a.body)
	}
	return id
}

func (o *org) form(path string, form url.Values) answer {
	o.t.Helper()
	return o.send("POST", path, strings.NewReader(form.Encode()), map[string]string{"Content-Type": "application/x-www-form-urlencoded"})
}

func (o *org) send(method, path string, body io.Reader, header map[string]string) answer {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.http.URL+path, body)
	if err != nil {
		o.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return answer{o.t, resp.StatusCode, resp.Header, string(text)}
}

// api calls a resource of version 67.0; body is JSON text or "".
func (o *org) api(method, path, body string, extra ...map[string]string) answer {
	o.t.Helper()
	header := map[string]string{"Authorization": "Bearer " + o.token}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	for _, e := range extra {
		maps.Copy(header, e)
	}
	return o.send(method, "/services/data/v67.0"+path, strings.NewReader(body), header)
}

func (o *org) control(method, path, body string) answer {
	o.t.Helper()
	return o.send(method, "/_control/"+path, strings.NewReader(body), nil)
}

func (o *org) query(q string) []map[string]any {
	o.t.Helper()
	a := o.api("GET", "/query?q="+url.QueryEscape(q), "").want(200, "")
	var v struct {
		Records []map[string]any `json:"records"`
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		o.t.Fatal(err)
	}
	return v.Records
}

func (o *org) account(name string) string {
	o.t.Helper()
	body, _ := json.Marshal(map[string]string{"Name": name})
	return o.api("POST", "/sobjects/Account", string(body)).want(201, "").id()
}

func (o *org) opportunity(name string) string {
	o.t.Helper()
	body, _ := json.Marshal(map[string]string{"Name": name, "StageName": "1-Discovery", "CloseDate": "2026-12-31"})
	return o.api("POST", "/sobjects/Opportunity", string(body)).want(201, "").id()
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(b))
}
