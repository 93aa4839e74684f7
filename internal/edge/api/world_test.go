package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/api"
	flow "github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// world is the real program on a SQLite file, with real sandboxes, after the
// main job has run once. All tests share it; each changes only what is its own.
type world struct {
	app    *app.App
	url    string
	logged *logBook
	aws    string // the sandbox of Partner Central

	salesforce string // the sandbox of Salesforce

	solution string // the default one at AWS
	portal   string // the address of Partner Central's sandbox

	director, abdm, associate, reader user
}

type user struct {
	person team.Person
	all    string            // a token with all scopes
	scoped map[string]string // a token for each single scope
}

var shared *world

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tandem-api-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fleet, err := sandbox.Start(ctx, sandbox.Options{
		Demo: demo.Options{Seed: 7, Accounts: 60, Opportunities: 260}, AutoReview: true,
		ReviewDelay: 50 * time.Millisecond, TaskDelay: 20 * time.Millisecond, Quotas: aws.Quotas{Off: true},
	})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	w := &world{logged: &logBook{}, aws: fleet.Services.AWS.URL, salesforce: fleet.Services.Salesforce.URL}
	sf, portal := fleet.Services.Salesforce, fleet.Services.AWS
	w.portal = portal.URL
	w.app, err = app.New(ctx, app.Config{
		DataDir: dir, Listen: "127.0.0.1:0", Role: "all", Workers: 8, SyncEvery: time.Hour, Version: "test",
		Salesforce: app.SalesforceConfig{URL: sf.URL, ClientID: sf.ClientID, ClientSecret: sf.ClientSecret, Currency: "USD"},
		AWS: app.AWSConfig{
			Endpoint: portal.URL, Region: portal.Region, Catalog: "AWS", AccessKeyID: portal.AccessKeyID, SecretAccessKey: portal.SecretAccessKey,
			Company: "Quillmoor", UseCase: "Web development & DevOps", WritesPerSecond: 1000, ReadsPerSecond: 1000,
		},
		Pace:  registration.Pace{Task: 30 * time.Millisecond, Review: 100 * time.Millisecond, Refresh: time.Hour, Retry: 50 * time.Millisecond, Max: time.Second},
		Every: flow.Every{Pull: time.Hour, Sweep: 200 * time.Millisecond, Refresh: time.Hour},
	}, slog.New(slog.NewTextHandler(w.logged, nil)), app.WorksJobs)
	if err != nil {
		return 1, err
	}
	if err := w.prepare(ctx); err != nil {
		return 1, errors.Join(err, w.app.Stop(ctx))
	}
	defer func() { err = errors.Join(err, w.app.Stop(ctx)) }()
	handler, err := api.New(w.app, api.PerMinute(1_000_000))
	if err != nil {
		return 1, err
	}
	srv := httptest.NewServer(handler)
	defer srv.Close()
	w.url, shared = srv.URL, w
	return m.Run(), nil
}

func (w *world) prepare(ctx context.Context) error {
	system := authz.With(ctx, authz.System)
	for _, x := range []struct {
		dst   *user
		name  string
		level authz.Level
	}{{&w.director, "Dora Director", authz.LevelDirector}, {&w.abdm, "Abe Manager", authz.LevelABDM}, {&w.associate, "Ann Associate", authz.LevelAssociate}, {&w.reader, "Rita Reader", authz.LevelReader}} {
		mail := strings.ToLower(strings.Fields(x.name)[0]) + "@tandem.example"
		p, _, err := w.app.Team.CreateUser(system, team.NewUser{Name: x.name, Email: mail, Level: x.level})
		if err != nil {
			return err
		}
		x.dst.person, x.dst.scoped = p, map[string]string{}
		as := authz.With(ctx, p.Actor())
		if _, x.dst.all, err = w.app.Team.CreateToken(as, "all", authz.Scopes(), 0); err != nil {
			return err
		}
		for _, scope := range authz.Scopes() {
			if _, x.dst.scoped[scope], err = w.app.Team.CreateToken(as, scope, []string{scope}, 0); err != nil {
				return err
			}
		}
	}
	if err := w.app.Sync.RefreshPortals(system); err != nil {
		return err
	}
	solutions, err := w.app.Registrations.Solutions(system, cloud.AWS)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(solutions, func(x registration.Solution) bool { return x.Status == "Active" })
	if i < 0 {
		return errors.New("the portal has no active solution")
	}
	w.solution = solutions[i].RemoteID
	if err := w.app.Registrations.SetDefaults(system, registration.DefaultSolutions{cloud.AWS: {w.solution}}, 0); err != nil {
		return err
	}
	if err := w.app.Start(ctx); err != nil {
		return err
	}
	until := time.Now().Add(90 * time.Second)
	for time.Now().Before(until) {
		s, err := w.app.Workspace.Summary(system)
		if err != nil {
			return err
		}
		settled, err := w.app.Sync.Settled(system, w.app.Jobs, true)
		if err != nil {
			return err
		}
		if s.Opportunities > 0 && settled {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the main job did not settle in 90 s")
}

// logBook keeps what the program logs.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logBook) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), s)
}

// answer is an HTTP answer, read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call is a request to be made.
type call struct {
	base   string // the shared server when empty
	token  string // the director's when empty, none when "-"
	method string
	path   string // below /api/v1
	body   string
	header map[string]string
}

func (w *world) do(t *testing.T, c call) answer {
	t.Helper()
	base := c.base
	if base == "" {
		base = w.url
	}
	var body io.Reader
	if c.body != "" {
		body = strings.NewReader(c.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), c.method, base+api.Prefix+c.path, body)
	if err != nil {
		t.Fatal(err)
	}
	switch c.token {
	case "":
		r.Header.Set("Authorization", "Bearer "+w.director.all)
	case "-":
	default:
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		r.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, b}
}

func (w *world) get(t *testing.T, path string) answer {
	t.Helper()
	return w.do(t, call{method: http.MethodGet, path: path})
}

func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("the answer is %d, not %d: %s", a.status, status, a.body)
	}
	return a
}

func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// refusal checks that an answer is a problem with the status and code, and
// gives it.
func (a answer) refusal(t *testing.T, status int, code string) api.Problem {
	t.Helper()
	p := into[api.Problem](t, a.want(t, status))
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("the problem is sent as %q", ct)
	}
	if p.Code != code || p.Status != status || p.Type != "urn:tandem:problem:"+code || p.Title == "" || p.Detail == "" {
		t.Errorf("the problem is %s, not %d %s", a.body, status, code)
	}
	if p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") {
		t.Errorf("the request id is %q in the body and %q in the header", p.RequestID, a.header.Get("X-Request-Id"))
	}
	return p
}

type items[T any] struct {
	Items    []T    `json:"items"`
	Next     string `json:"next"`
	NextLink string `json:"next_link"`
}

// opportunities gives opportunities that a query finds; none fails the test.
func (w *world) opportunities(t *testing.T, query string) []api.OpportunityRow {
	t.Helper()
	list := into[items[api.OpportunityRow]](t, w.get(t, "/opportunities?limit=200&"+query).want(t, http.StatusOK)).Items
	if len(list) == 0 {
		t.Fatalf("the demo organisation has no opportunity for %q", query)
	}
	return list
}

// unjoint gives the nth opportunity that is joint with no cloud: each test that
// changes one takes its own.
func (w *world) unjoint(t *testing.T, n int) api.OpportunityRow {
	t.Helper()
	for _, o := range w.opportunities(t, "open=open&sort=name") {
		if len(o.Clouds) == 0 || o.Clouds[0].Cloud == "" {
			if n == 0 {
				return o
			}
			n--
		}
	}
	t.Fatal("the demo organisation has too few opportunities that are not joint")
	return api.OpportunityRow{}
}
