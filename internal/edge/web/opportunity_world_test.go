package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/server"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// dealWorld is the real program on a SQLite file after the main job has run
// against the sandboxes. Nothing runs jobs any more, so that all stands still.
type dealWorld struct {
	app      *app.App
	url      string
	abdm     *http.Client
	director *http.Client
	reader   *http.Client
	hostile  opportunity.Opportunity // its name and account would be markup or a formula
}

const password = "correct horse battery"

// Names that must come out as text.
const (
	hostileName    = `=HYPERLINK("http://evil.example","x")<script>alert(1)</script>`
	hostileAccount = `"><img src=x onerror=alert(2)> & Söhne`
)

func newDealWorld(t *testing.T) *dealWorld {
	t.Helper()
	ctx := authz.With(t.Context(), authz.System)
	log := slog.New(slog.DiscardHandler)
	fleet, err := sandbox.Start(ctx, sandbox.Options{
		Demo: demo.Options{Seed: 7, Accounts: 60, Opportunities: 260}, AutoReview: true, Logger: log,
		ReviewDelay: 50 * time.Millisecond, TaskDelay: 20 * time.Millisecond, Quotas: aws.Quotas{Off: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fleet.Close() })
	sf, portal := fleet.Services.Salesforce, fleet.Services.AWS
	cfg := app.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", Role: "all", Workers: 8, SyncEvery: time.Hour, Version: "test",
		Salesforce: app.SalesforceConfig{URL: sf.URL, ClientID: sf.ClientID, ClientSecret: sf.ClientSecret, Currency: "USD"},
		AWS: app.AWSConfig{
			Endpoint: portal.URL, Region: portal.Region, Catalog: "AWS", AccessKeyID: portal.AccessKeyID, SecretAccessKey: portal.SecretAccessKey,
			Company: "Quillmoor", UseCase: "Web development & DevOps", WritesPerSecond: 1000, ReadsPerSecond: 1000,
		},
		Pace:  registration.Pace{Task: 30 * time.Millisecond, Review: 100 * time.Millisecond, Refresh: time.Hour, Retry: 50 * time.Millisecond, Max: time.Second},
		Every: sync.Every{Pull: time.Hour, Sweep: 200 * time.Millisecond, Refresh: time.Hour},
	}
	a, err := app.New(ctx, cfg, log, app.WorksJobs)
	if err != nil {
		t.Fatal(err)
	}
	err = mainJob(ctx, a)
	if stop := a.Stop(ctx); err == nil {
		err = stop
	}
	if err != nil {
		t.Fatal(err)
	}
	w := &dealWorld{}
	if w.app, err = app.New(ctx, cfg, log, app.NoJobs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.app.Stop(context.WithoutCancel(ctx)) })
	w.importHostile(ctx, t)
	h, err := server.New(w.app)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	w.url = srv.URL
	w.abdm = w.signIn(ctx, t, "Abe Manager", authz.LevelABDM)
	w.director = w.signIn(ctx, t, "Dora Director", authz.LevelDirector)
	w.reader = w.signIn(ctx, t, "Rita Reader", authz.LevelReader)
	return w
}

// mainJob reads Salesforce and registers until nothing moves any more.
func mainJob(ctx context.Context, a *app.App) error {
	if err := a.Sync.RefreshPortals(ctx); err != nil {
		return err
	}
	list, err := a.Registrations.Solutions(ctx, cloud.AWS)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(x registration.Solution) bool { return x.Status == "Active" })
	if err := a.Registrations.SetDefaults(ctx, registration.DefaultSolutions{cloud.AWS: {list[i].RemoteID}}, 0); err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	for range 1800 {
		s, err := a.Workspace.Summary(ctx)
		if err != nil {
			return err
		}
		settled, err := a.Sync.Settled(ctx, a.Jobs, true)
		if err != nil || s.Opportunities > 0 && settled {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return context.DeadlineExceeded
}

func (w *dealWorld) importHostile(ctx context.Context, t *testing.T) {
	t.Helper()
	minor := int64(1234567)
	err := w.app.DB.InTx(ctx, w.app.Clock, func(tx *db.Tx) error {
		if _, err := opportunity.Import(ctx, tx, []opportunity.Opportunity{{
			CRMID: "006HOSTILE000001AAA", AccountCRMID: "001HOSTILE000001AAA", AccountName: hostileAccount, Name: hostileName, Stage: "1-Discovery",
			CloseOn: "2020-01-31", Currency: "USD", AmountMinor: &minor, OwnerName: "+Owner", Region: "Nowhere", Description: "<b>bold</b>", CRMModstamp: tx.Now(),
		}}); err != nil {
			return err
		}
		_, err := account.Import(ctx, tx, []account.Account{{CRMID: "001HOSTILE000001AAA", Name: hostileAccount, Website: "javascript:alert(3)", CRMModstamp: tx.Now()}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := opportunity.ByCRMIDs(ctx, w.app.DB, []string{"006HOSTILE000001AAA"})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %d deals", err, len(list))
	}
	w.hostile = list[0]
}

func (w *dealWorld) signIn(ctx context.Context, t *testing.T, name string, level authz.Level) *http.Client {
	t.Helper()
	mail := strings.ToLower(strings.Fields(name)[0]) + "@tandem.example"
	if _, _, err := w.app.Team.CreateUser(ctx, team.NewUser{Name: name, Email: mail, Level: level, Password: password}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if status, _, _ := w.post(t, c, "/sign-in", url.Values{"email": {mail}, "password": {password}}); status != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %d", name, status)
	}
	return c
}

func (w *dealWorld) do(t *testing.T, c *http.Client, r *http.Request) (int, string, http.Header) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

func (w *dealWorld) get(t *testing.T, c *http.Client, path string) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.do(t, c, r)
}

func (w *dealWorld) post(t *testing.T, c *http.Client, path string, form url.Values) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.do(t, c, r)
}

// page gets a page that must be there.
func (w *dealWorld) page(t *testing.T, c *http.Client, path string) string {
	t.Helper()
	status, body, _ := w.get(t, c, path)
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d", path, status)
	}
	return body
}

// rows gives what a query finds.
func (w *dealWorld) rows(t *testing.T, q workspace.Query) []workspace.Row {
	t.Helper()
	q.Limit = 200
	p, err := w.app.Workspace.List(authz.With(t.Context(), authz.System), q)
	if err != nil {
		t.Fatal(err)
	}
	return p.Rows
}

// inState gives a deal whose registration at AWS is in the state.
func (w *dealWorld) inState(t *testing.T, s registration.State) workspace.Row {
	t.Helper()
	rows := w.rows(t, workspace.Query{Clouds: []cloud.Cloud{cloud.AWS}, States: []registration.State{s}})
	if len(rows) == 0 {
		t.Fatalf("the demo organisation has no deal that is %s", s)
	}
	return rows[0]
}

// registrationOf gives the registration of a deal at AWS, if there is one.
func (w *dealWorld) registrationOf(t *testing.T, opportunityID string) (registration.Registration, bool) {
	t.Helper()
	p, err := w.app.Workspace.Registrations(authz.With(t.Context(), authz.System), workspace.RegistrationQuery{OpportunityID: opportunityID, Clouds: []cloud.Cloud{cloud.AWS}})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rows) == 0 {
		return registration.Registration{}, false
	}
	return p.Rows[0].Registration, true
}

// registrable gives an open deal that is not joint with AWS and would pass its
// checks.
func (w *dealWorld) registrable(t *testing.T, without ...string) workspace.Row {
	t.Helper()
	ctx := authz.With(t.Context(), authz.System)
	for _, row := range w.rows(t, workspace.Query{Open: "open", Desc: true}) {
		if slices.Contains(without, row.ID) || slices.ContainsFunc(row.Clouds, func(c workspace.RowCloud) bool { return c.Cloud == cloud.AWS }) {
			continue
		}
		reg, _, err := w.app.Registrations.Register(ctx, row.ID, cloud.AWS, true)
		if err == nil && reg.Blocking == 0 {
			return row
		}
	}
	t.Fatal("the demo organisation has no deal that would pass and is not joint with AWS")
	return workspace.Row{}
}

func has(t *testing.T, body string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(body, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
}

func lacks(t *testing.T, body string, bad ...string) {
	t.Helper()
	for _, s := range bad {
		if strings.Contains(body, s) {
			t.Errorf("the page has %q", s)
		}
	}
}
