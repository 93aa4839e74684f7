package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// fake speaks the transcripts of research/salesforce-gitlab.md, appendix A: it
// answers sign-in and versions itself and leaves the API to api.
type fake struct {
	*httptest.Server
	t   *testing.T
	api func(w http.ResponseWriter, r *http.Request)

	mu       sync.Mutex
	signIns  int
	calls    []string // "METHOD escaped-path" of the API calls with a good session
	bodies   []string
	ended    map[string]bool // tokens that are no longer good
	endAll   bool            // no token is ever good
	signInFn http.HandlerFunc
	versions string
}

const allVersions = `[{"label":"Winter '20","url":"/services/data/v47.0","version":"47.0"},{"label":"Spring '26","url":"/services/data/v66.0","version":"66.0"},{"label":"Summer '26","url":"/services/data/v67.0","version":"67.0"},{"label":"Winter '27","url":"/services/data/v68.0","version":"68.0"}]`

func newFake(t *testing.T, api http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{t: t, api: api, ended: map[string]bool{}, versions: allVersions}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/services/oauth2/token":
		f.mu.Lock()
		f.signIns++
		n := f.signIns
		f.mu.Unlock()
		if f.signInFn != nil {
			f.signInFn(w, r)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-%d","signature":"x","scope":"api","instance_url":"%s","id":"%s/id/00D000000000001/005000000000001","token_type":"Bearer","issued_at":"1700000000000"}`, n, f.URL, f.URL)
		return
	case "/services/data/":
		io.WriteString(w, f.versions)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.calls = append(f.calls, r.Method+" "+r.URL.EscapedPath())
	f.bodies = append(f.bodies, string(body))
	bad := f.ended[token] || f.endAll || !strings.HasPrefix(token, "token-")
	f.mu.Unlock()
	if bad {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	f.api(w, r)
}

func (f *fake) seen() (signIns int, calls []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.signIns, append([]string(nil), f.calls...)
}

// sleeps records what the client would have slept.
type sleeps struct {
	mu  sync.Mutex
	all []time.Duration
}

func (s *sleeps) sleep(ctx context.Context, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
	return ctx.Err()
}

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

func newClient(t *testing.T, f *fake, change ...func(*Config)) (*Client, *sleeps) {
	t.Helper()
	cfg := Config{LoginURL: f.URL, ClientID: "key", ClientSecret: "s3cret", Transport: &http.Transport{}, Clock: clock.NewFake(start), MaxAttempts: 3}
	for _, ch := range change {
		ch(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.http.CloseIdleConnections)
	s := &sleeps{}
	c.sleep = s.sleep
	return c, s
}

// reply gives a handler that answers the same always.
func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// wantRemote fails unless err is a remote error of the class, code and status.
func wantRemote(t *testing.T, err error, retry problem.Retry, code string, status int) *problem.Error {
	t.Helper()
	r := problem.RemoteOf(err)
	if r == nil {
		t.Fatalf("error %v has no remote part", err)
	}
	if r.System != "salesforce" || r.Operation == "" || r.Retry != retry || r.Code != code || r.Status != status {
		t.Fatalf("remote part %+v of %v, want retry %s, code %s, status %d", *r, err, retry, code, status)
	}
	e, ok := errors.AsType[*problem.Error](err)
	if !ok {
		t.Fatalf("%T is no *problem.Error", err)
	}
	return e
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
