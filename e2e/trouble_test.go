package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	flow "github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// gate stands before a sandbox and can misbehave as no sandbox would.
type gate struct {
	URL  string
	mode atomic.Value // func(rw, r, pass http.Handler)
	mu   sync.Mutex
	asks []string // what was asked for
}

// behaviour is what a gate does with a request.
type behaviour func(rw http.ResponseWriter, r *http.Request, pass http.Handler)

func newGate(t *testing.T, target string) *gate {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{}
	p := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	g.ends()
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		g.asks = append(g.asks, r.Method+" "+r.URL.Path)
		g.mu.Unlock()
		g.mode.Load().(behaviour)(rw, r, p)
	}))
	t.Cleanup(srv.Close)
	g.URL = srv.URL
	return g
}

func (g *gate) does(b behaviour) { g.mode.Store(b) }

// asked gives what was asked for so far.
func (g *gate) asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.asks)
}

// ends lets everything pass.
func (g *gate) ends() {
	g.does(func(rw http.ResponseWriter, r *http.Request, pass http.Handler) { pass.ServeHTTP(rw, r) })
}

// down closes the connection without an answer.
func down(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// says answers everything with a text, without acting.
func says(status int, kind, body string) behaviour {
	return func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) {
		rw.Header().Set("Content-Type", kind)
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

// actsAndBabbles lets the system act and spoils its answer.
func actsAndBabbles(rw http.ResponseWriter, r *http.Request, pass http.Handler) {
	pass.ServeHTTP(httptest.NewRecorder(), r)
	says(http.StatusOK, "application/json", `{"Id": "O1`)(rw, r, pass)
}

const maintenance = `<!doctype html><html><title>Down for maintenance</title><body>Back soon</body></html>`

// house is the program, built by the app package, between two gates.
type house struct {
	*app.App
	t          *testing.T
	services   sandbox.Services
	salesforce *gate
	aws        *gate
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, services: fleet(t, sandbox.Options{}).Services}
	h.salesforce, h.aws = newGate(t, h.services.Salesforce.URL), newGate(t, h.services.AWS.URL)
	return h
}

// open builds and starts the program on a database; Close or open again ends it.
func (h *house) open(database string, change func(*app.Config)) {
	h.t.Helper()
	s := h.services
	cfg := app.Config{
		DataDir: filepath.Dir(database), Database: database, Listen: "127.0.0.1:0", Role: "all", Workers: 8, SyncEvery: time.Minute, Version: "test",
		Salesforce: app.SalesforceConfig{URL: h.salesforce.URL, ClientID: s.Salesforce.ClientID, ClientSecret: s.Salesforce.ClientSecret, Currency: "USD"},
		AWS: app.AWSConfig{
			Endpoint: h.aws.URL, Region: s.AWS.Region, Catalog: "AWS", AccessKeyID: s.AWS.AccessKeyID, SecretAccessKey: s.AWS.SecretAccessKey,
			Company: demo.Vendor, UseCase: "Web development & DevOps", WritesPerSecond: 1000, ReadsPerSecond: 5000,
		},
		Pace:  registration.Pace{Task: 50 * time.Millisecond, Review: 200 * time.Millisecond, Refresh: time.Hour, Retry: 100 * time.Millisecond, Max: 500 * time.Millisecond},
		Every: flow.Every{Pull: time.Second, Sweep: 200 * time.Millisecond, Refresh: 500 * time.Millisecond, PutOff: 300 * time.Millisecond},
	}
	if strings.HasPrefix(database, "postgres") {
		cfg.DataDir = h.t.TempDir()
	}
	if change != nil {
		change(&cfg)
	}
	a, err := app.New(h.ctx(), cfg, slog.New(slog.DiscardHandler), app.WorksJobs)
	if err == nil {
		err = a.Start(h.ctx())
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.App = a
	h.t.Cleanup(func() { h.close() })
}

func (h *house) close() {
	h.t.Helper()
	if h.App == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := h.Stop(ctx); err != nil {
		h.t.Error(err)
	}
	h.App = nil
}

// ctx acts as a director would.
func (h *house) ctx() context.Context {
	return authz.With(context.WithoutCancel(h.t.Context()), authz.Actor{Kind: authz.KindPerson, ID: "usr_test", Name: "Test", Level: authz.LevelDirector})
}

// connection waits until one is in a state and its error says so.
func (h *house) connection(id string, status connection.Status, says string) {
	h.t.Helper()
	eventually(h.t, 60*time.Second, fmt.Sprintf("%s is %s", id, status), func() error {
		list, err := h.Connections.List(h.ctx())
		if err != nil {
			return err
		}
		for _, c := range list {
			if c.ID == id && c.Status == status && strings.Contains(strings.ToLower(c.Error), strings.ToLower(says)) {
				if status != connection.StatusHealthy && len(c.Error) < 20 {
					return fmt.Errorf("in words: %q", c.Error)
				}
				return nil
			}
		}
		return fmt.Errorf("%+v", list)
	})
}

// choose sets the default solution, as a team does on its first day.
func (h *house) choose() {
	h.t.Helper()
	eventually(h.t, 60*time.Second, "solutions are known", func() error {
		list, err := h.Registrations.Solutions(h.ctx(), cloud.AWS)
		if err != nil {
			return err
		}
		for _, s := range list {
			if strings.Contains(s.Name, "Ultimate (SaaS)") {
				_, row, err := h.Registrations.Defaults(h.ctx())
				return errors.Join(err, h.Registrations.SetDefaults(h.ctx(), registration.DefaultSolutions{cloud.AWS: {s.RemoteID}}, row.Version))
			}
		}
		return errors.New("none yet")
	})
}

// settled waits for the end of the main job and compares what is there with
// want; a zero want is taken as it is.
func (h *house) settled(want outcome) outcome {
	h.t.Helper()
	eventually(h.t, 120*time.Second, "the main job ends", func() error {
		n, err := db.Get[int64](h.ctx(), h.DB, `SELECT count(*) FROM opportunity`)
		if err != nil || n < 130 {
			return fmt.Errorf("%d opportunities: %w", n, errors.Join(err, errors.New("not all read")))
		}
		done, err := h.Sync.Settled(h.ctx(), h.Jobs, true)
		if err == nil && !done {
			states, serr := registration.CountStates(h.ctx(), h.DB)
			err = errors.Join(fmt.Errorf("%+v", states), serr)
		}
		return err
	})
	got := compare(h.t, h.services, h.DB)
	if want.Portal != nil {
		if diff := cmp.Diff(want, got); diff != "" {
			h.t.Errorf("not the end state of a run without trouble (-want +got):\n%s", diff)
		}
	}
	return got
}

// untroubled is the end state of a run without trouble, made once.
func untroubled(t *testing.T) outcome {
	t.Helper()
	untroubledOnce.Do(func() {
		sameDay(5 * time.Minute)
		h := newHouse(t)
		h.open(filepath.Join(t.TempDir(), "tandem.db"), nil)
		h.choose()
		untroubledState = h.settled(outcome{})
	})
	if len(untroubledState.Portal) < 8 {
		t.Fatalf("a run without trouble registered %d", len(untroubledState.Portal))
	}
	return untroubledState
}

var (
	untroubledOnce  sync.Once
	untroubledState outcome
)

// onEach runs a test on SQLite and on a real PostgreSQL server.
func onEach(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); test(t, filepath.Join(t.TempDir(), "tandem.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, dbtest.PostgresURL(t, schema.Migrations())) })
}

func TestWhenASystemMisbehavesTheJobWaitsAndEndsTheSame(t *testing.T) {
	t.Parallel()
	want := untroubled(t)
	for _, c := range []struct {
		name   string
		system string
		does   behaviour
		status connection.Status
		says   string
		both   bool // on PostgreSQL too
	}{
		{"Salesforce is down", "salesforce", down, connection.StatusDegraded, "salesforce", true},
		{"Salesforce shows its maintenance page", "salesforce", says(503, "text/html", maintenance), connection.StatusDegraded, "web page", false},
		{"Salesforce's address is a web site", "salesforce", says(200, "text/html", maintenance), "", "", false},
		{"Salesforce babbles", "salesforce", says(200, "application/json", `{"records": [{"Id": 7`), "", "", false},
		{"AWS is down", "aws", down, connection.StatusDegraded, "aws", true},
		{"AWS shows its maintenance page", "aws", says(503, "text/html", maintenance), connection.StatusDegraded, "aws", false},
		{"AWS is a web site", "aws", says(200, "text/html", maintenance), "", "", false},
		{"AWS throttles", "aws", says(400, "application/x-amz-json-1.0", `{"__type":"com.amazonaws.partnercentral#ThrottlingException","Message":"Rate exceeded"}`), connection.StatusDegraded, "rate exceeded", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T, database string) {
				t.Helper()
				h := newHouse(t)
				troubled := map[string]*gate{"salesforce": h.salesforce, "aws": h.aws}[c.system]
				troubled.does(c.does)
				h.open(database, nil)
				if c.status != "" {
					h.connection(c.system, c.status, c.says)
				} else {
					eventually(t, 60*time.Second, "the connection says what is wrong", func() error {
						list, err := h.Connections.List(h.ctx())
						for _, x := range list {
							if x.ID == c.system && (x.Status == connection.StatusDegraded || x.Status == connection.StatusDown) && len(x.Error) > 20 {
								return nil
							}
						}
						return fmt.Errorf("%+v, %w", list, errors.Join(err, errors.New("not yet")))
					})
				}
				troubled.ends()
				h.connection(c.system, connection.StatusHealthy, "")
				h.choose()
				h.settled(want)
			}
			if c.both {
				onEach(t, test)
				return
			}
			test(t, filepath.Join(t.TempDir(), "tandem.db"))
		})
	}
}

// TestTroubleInTheMiddleLosesNothing lets the main job begin well, then spoils it
// in the worst way: the systems act and their answers are lost or nonsense.
func TestTroubleInTheMiddleLosesNothing(t *testing.T) {
	t.Parallel()
	want := untroubled(t)
	for _, c := range []struct {
		name string
		do   func(t *testing.T, h *house)
	}{
		{"AWS acts and babbles", func(_ *testing.T, h *house) {
			h.aws.does(actsAndBabbles)
			time.Sleep(1500 * time.Millisecond)
			h.aws.ends()
		}},
		{"Salesforce acts and babbles", func(_ *testing.T, h *house) {
			h.salesforce.does(actsAndBabbles)
			time.Sleep(1500 * time.Millisecond)
			h.salesforce.ends()
		}},
		{"both go down", func(_ *testing.T, h *house) {
			h.aws.does(down)
			h.salesforce.does(down)
			time.Sleep(1500 * time.Millisecond)
			h.aws.ends()
			h.salesforce.ends()
		}},
		{"sessions end all the time", func(t *testing.T, h *house) {
			for range 20 {
				control(t, h.services.Salesforce.URL, "sessions/expire", "{}")
				time.Sleep(75 * time.Millisecond)
			}
		}},
		{"both are slow and fail now and then", func(t *testing.T, h *house) {
			for _, url := range []string{h.services.AWS.URL, h.services.Salesforce.URL} {
				control(t, url, "faults", `{"spec":"latency=80ms,jitter=80ms,throttle=0.1,error=0.1,reset=0.05,lost_reply=0.1,truncate=0.05,seed=5"}`)
			}
			time.Sleep(4 * time.Second)
			for _, url := range []string{h.services.AWS.URL, h.services.Salesforce.URL} {
				control(t, url, "faults", `{"spec":""}`)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, database string) {
				h := newHouse(t)
				h.open(database, nil)
				h.choose()
				c.do(t, h)
				h.settled(want)
			})
		})
	}
}

func TestWhenTheDailyLimitIsUsedUpSalesforceIsLeftInPeace(t *testing.T) {
	t.Parallel()
	want := untroubled(t)
	h := newHouse(t)
	database := filepath.Join(t.TempDir(), "tandem.db")
	control(t, h.services.Salesforce.URL, "daily-limit", `{"limit":1000,"used":1000}`)
	h.open(database, nil)
	h.connection("salesforce", connection.StatusDegraded, "limit")
	before := len(h.salesforce.asked())
	time.Sleep(2 * time.Second)
	if more := h.salesforce.asked()[before:]; len(more) > 2 {
		t.Errorf("asked within two seconds: %q", more)
	}
	h.close()
	control(t, h.services.Salesforce.URL, "daily-limit", `{"limit":100000,"used":0}`)
	h.open(database, nil)
	h.choose()
	h.settled(want)
}

func TestARefusedSignatureNeedsAttentionAndGoesOnWhenItIsMended(t *testing.T) {
	t.Parallel()
	want := untroubled(t)
	h := newHouse(t)
	database := filepath.Join(t.TempDir(), "tandem.db")
	h.open(database, nil)
	h.choose()
	h.settled(want)
	h.close()

	h = newHouse(t) // another pair of systems, of which nothing is known yet
	database = filepath.Join(t.TempDir(), "tandem.db")
	h.aws.does(func(rw http.ResponseWriter, r *http.Request, pass http.Handler) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".CreateOpportunity") {
			says(400, "application/x-amz-json-1.0", `{"__type":"com.amazonaws.partnercentral#AccessDeniedException","Message":"Not authorized to create","Reason":"ACCESS_DENIED"}`)(rw, r, pass)
			return
		}
		pass.ServeHTTP(rw, r)
	})
	h.open(database, nil)
	h.choose()
	var failed []registration.Registration
	eventually(t, 60*time.Second, "every registration needs attention", func() error {
		var err error
		failed, err = db.Select[registration.Registration](h.ctx(), h.DB, `SELECT * FROM registration WHERE state = 'failed'`)
		if len(failed) < len(want.Portal) {
			err = errors.Join(err, fmt.Errorf("%d of %d", len(failed), len(want.Portal)))
		}
		return err
	})
	if r := failed[0]; !strings.Contains(r.Error, "Not authorized to create") || r.Reason == "" || !r.DueAt.IsZero() {
		t.Errorf("%+v", r)
	}
	today, err := h.Workspace.Today(h.ctx(), workspace.TodayQuery{})
	if err != nil || today.Total < len(failed) {
		t.Errorf("Today shows %d of them (%v)", today.Total, err)
	}
	h.close()
	h.aws.ends()
	h.open(database, nil)
	for _, r := range failed {
		if _, _, err := h.Registrations.Register(h.ctx(), r.OpportunityID, cloud.AWS, false); err != nil {
			t.Fatal(err)
		}
	}
	h.settled(want)
}
