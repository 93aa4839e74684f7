package web_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/web"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// house is a real Tandem in which no jobs run, with its pages.
type house struct {
	app    *app.App
	server *httptest.Server
	dir    string
	log    *lockedBuffer
	ctx    context.Context // in which Tandem itself acts
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String gives what was written.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newHouse is a first day: nothing is connected.
func newHouse(t *testing.T, edit ...func(*app.Config)) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), log: &lockedBuffer{}, ctx: authz.With(t.Context(), authz.System)}
	cfg := app.Config{DataDir: h.dir, Listen: "127.0.0.1:0", SyncEvery: time.Minute, Version: "test", Environment: "Test data"}
	for _, e := range edit {
		e(&cfg)
	}
	var err error
	if h.app, err = app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), app.NoJobs); err != nil {
		t.Fatal(err)
	}
	pages := web.New(h.app)
	h.server = httptest.NewServer(http.NewCrossOriginProtection().Handler(pages.WithActor(pages.Handler())))
	t.Cleanup(func() {
		h.server.Close()
		if err := h.app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// connectedHouse has a small organisation at the sandboxes, read and checked.
func connectedHouse(t *testing.T) *house {
	t.Helper()
	fleet, err := sandbox.Start(t.Context(), sandbox.Options{Demo: demo.Options{Seed: 1, Accounts: 40, Opportunities: 120}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	h := newHouse(t, func(cfg *app.Config) {
		s := fleet.Services
		cfg.Salesforce = app.SalesforceConfig{URL: s.Salesforce.URL, ClientID: s.Salesforce.ClientID, ClientSecret: s.Salesforce.ClientSecret, Currency: "USD"}
		cfg.AWS = app.AWSConfig{
			Endpoint: s.AWS.URL, Region: s.AWS.Region, Catalog: "AWS", AccessKeyID: s.AWS.AccessKeyID, SecretAccessKey: s.AWS.SecretAccessKey, Company: demo.Vendor,
			UseCase: "Web development & DevOps", WritesPerSecond: 1000, ReadsPerSecond: 5000,
		}
	})
	if err := h.app.Sync.RefreshPortals(h.ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Sync.Pull(h.ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

// visitor is a browser in which somebody is signed in.
type visitor struct {
	t      *testing.T
	h      *house
	client *http.Client
	person team.Person
}

func (h *house) visitor(t *testing.T, name string, level authz.Level) *visitor {
	t.Helper()
	email := strings.ToLower(strings.ReplaceAll(name, " ", ".")) + "@team.example"
	p, password, err := h.app.Team.CreateUser(h.ctx, team.NewUser{Name: name, Email: email, Level: level})
	if err != nil {
		t.Fatal(err)
	}
	v := h.browser(t)
	v.person = p
	if got := v.post("/sign-in", url.Values{"email": {email}, "password": {password}}); got.status != http.StatusSeeOther {
		t.Fatalf("sign in: %d %s", got.status, got.text)
	}
	return v
}

func (h *house) browser(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, h: h, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a page; text is its source with the character references resolved,
// raw as it came.
type answer struct {
	status    int
	raw, text string
	header    http.Header
}

func (v *visitor) do(req *http.Request) answer {
	v.t.Helper()
	req.Header.Set("Accept", "text/html")
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{status: resp.StatusCode, raw: string(b), text: html.UnescapeString(string(b)), header: resp.Header}
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodGet, v.h.server.URL+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(req)
}

func (v *visitor) post(path string, form url.Values) answer {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), http.MethodPost, v.h.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(req)
}

// sees checks a page's status and what must, and with a leading "!" must not, be
// in it.
func (v *visitor) sees(path string, status int, parts ...string) answer {
	v.t.Helper()
	got := v.get(path)
	got.holds(v.t, path, status, parts...)
	return got
}

func (a answer) holds(t *testing.T, what string, status int, parts ...string) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: status %d, want %d: %.600s", what, a.status, status, a.text)
	}
	for _, p := range parts {
		if not, found := strings.CutPrefix(p, "!"); found {
			if strings.Contains(a.text, not) {
				t.Errorf("%s holds %q", what, not)
			}
		} else if !strings.Contains(a.text, p) {
			t.Errorf("%s lacks %q", what, p)
		}
	}
}

// stored reports whether the data folder or the log holds a text.
func (h *house) stored(t *testing.T, text string) bool {
	t.Helper()
	found := strings.Contains(h.log.String(), text)
	err := filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// between gives the text after the first mark up to the next end.
func between(t *testing.T, s, mark, end string) string {
	t.Helper()
	_, rest, ok := strings.Cut(s, mark)
	if !ok {
		t.Fatalf("no %q in the page", mark)
	}
	out, _, _ := strings.Cut(rest, end)
	return out
}
