package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

func TestServeAnswersHealthReadinessAndSignIn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, base := serve(t, command{args: []string{"serve", "--data-dir", dir}})
	v := visit(t, base)
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`} {
		if x := v.get(path); x.StatusCode != 200 || strings.TrimSpace(x.text) != want || x.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, x.StatusCode, x.text)
		}
	}
	if x := v.get("/sign-in"); x.StatusCode != 200 || !strings.Contains(x.text, "tandem user add") {
		t.Errorf("with no user the sign-in page says how to make one: %d", x.StatusCode)
	}
	user(t, "ada@example.com", "director", "--data-dir", dir)
	if x := v.get("/sign-in"); x.StatusCode != 200 || strings.Contains(x.text, "tandem user add") {
		t.Errorf("with a user it doesn't: %d", x.StatusCode)
	}
	if x := v.get("/opportunities?q=x"); x.StatusCode != 303 || x.Header.Get("Location") != "/sign-in?next=%2Fopportunities%3Fq%3Dx" {
		t.Errorf("a stranger is sent to %q (%d)", x.Header.Get("Location"), x.StatusCode)
	}
	for _, path := range []string{"/api/v1/summary", "/api/v1/opportunities", "/api/v1/me"} {
		if x := v.do(http.MethodGet, path, nil, "Accept", "application/json"); x.StatusCode != 401 {
			t.Errorf("a stranger at %s: %d %s", path, x.StatusCode, x.text)
		}
	}
	res := p.stop(t, syscall.SIGTERM, 20*time.Second).ended(t, 0)
	if res.out != "" {
		t.Errorf("standard output is for programs: %s", res.out)
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	password := user(t, "ada@example.com", "director", "--data-dir", dir)
	_, base := serve(t, command{args: []string{"serve", "--data-dir", dir}})
	v := visit(t, base)
	if x := v.signIn("ada@example.com", password); x.StatusCode != 303 {
		t.Fatalf("sign-in: %d %s", x.StatusCode, x.text)
	}
	for _, path := range []string{"/", "/opportunities", "/sign-in", "/nothere", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/api/v1/nothere", "/api/v1/opportunities", "/static/nothere.css", "/connections", "/jobs", "/settings"} {
		x := v.get(path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
			if got := x.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if x.Header.Get("X-Request-Id") == "" || x.Header.Get("Server") != "" || x.StatusCode >= 500 {
			t.Errorf("%s: %d %v", path, x.StatusCode, x.Header)
		}
		if strings.HasPrefix(x.Header.Get("Content-Type"), "text/html") && x.StatusCode < 300 {
			csp := x.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") && !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe-inline") || strings.Contains(csp, "unsafe-eval") {
				t.Errorf("%s: Content-Security-Policy is %q", path, csp)
			}
			if x.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s may be cached: %q", path, x.Header.Get("Cache-Control"))
			}
		}
	}
	if x := v.get("/nothere"); x.StatusCode != 404 || !strings.Contains(x.text, "<html") {
		t.Errorf("a page that is not there: %d", x.StatusCode)
	}
	if x := v.do(http.MethodGet, "/healthz", nil, "X-Request-Id", "abc-1"); x.Header.Get("X-Request-Id") != "abc-1" {
		t.Error("a request id that was given is kept")
	}
}

func TestASessionBeginsWithTheRightCookieAndEndsAtSignOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	password := user(t, "ada@example.com", "director", "--data-dir", dir)
	for _, c := range []struct {
		args   []string
		secure bool
	}{{nil, false}, {[]string{"--base-url", "https://tandem.example.com"}, true}} {
		p, base := serve(t, command{args: append([]string{"serve", "--data-dir", dir}, c.args...)})
		v := visit(t, base)
		x := v.signIn("ada@example.com", password)
		if x.StatusCode != 303 || x.Header.Get("Location") != "/" {
			t.Fatalf("sign-in: %d %s", x.StatusCode, x.text)
		}
		var session *http.Cookie
		for _, k := range x.Cookies() {
			if k.Name == "tandem_session" {
				session = k
			}
		}
		if session == nil || !session.HttpOnly || session.SameSite != http.SameSiteLaxMode || session.Secure != c.secure || session.Path != "/" || len(session.Value) < 40 {
			t.Fatalf("the session's cookie: %+v", session)
		}
		if hsts := x.Header.Get("Strict-Transport-Security") != ""; hsts != c.secure {
			t.Errorf("Strict-Transport-Security: %v", hsts)
		}
		cookie := "tandem_session=" + session.Value
		stranger := visit(t, base)
		if x := stranger.do(http.MethodGet, "/", nil, "Cookie", cookie); x.StatusCode != 200 {
			t.Errorf("signed in: %d", x.StatusCode)
		}
		if x := stranger.do(http.MethodPost, "/sign-out", url.Values{}, "Cookie", cookie); x.StatusCode != 303 {
			t.Errorf("sign-out: %d", x.StatusCode)
		}
		if x := stranger.do(http.MethodGet, "/", nil, "Cookie", cookie); x.StatusCode != 303 {
			t.Errorf("after the sign-out the session is worth something: %d", x.StatusCode)
		}
		p.stop(t, syscall.SIGTERM, 20*time.Second).ended(t, 0)
	}
}

func TestAPostFromAnotherOriginIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	password := user(t, "ada@example.com", "director", "--data-dir", dir)
	_, base := serve(t, command{args: []string{"serve", "--data-dir", dir}})
	v := visit(t, base)
	v.signIn("ada@example.com", password)
	for _, path := range []string{"/sign-in", "/sign-out", "/api/v1/syncs"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
			if x := v.do(http.MethodPost, path, url.Values{}, header...); x.StatusCode != 403 {
				t.Errorf("%s with %s: %d", path, header[0], x.StatusCode)
			}
		}
	}
	if x := v.get("/"); x.StatusCode != 200 {
		t.Errorf("still signed in: %d", x.StatusCode)
	}
}

func TestGuessingAPasswordIsSlowedDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	password := user(t, "ada@example.com", "director", "--data-dir", dir)
	_, base := serve(t, command{args: []string{"serve", "--data-dir", dir}})
	v := visit(t, base)
	statuses := map[int]int{}
	for range 30 {
		x := v.signIn("ada@example.com", "wrong password")
		statuses[x.StatusCode]++
		if !strings.Contains(x.text, "<html") {
			t.Fatalf("not a page: %d %s", x.StatusCode, x.text)
		}
		if x.StatusCode == http.StatusTooManyRequests {
			if !strings.Contains(x.text, "Too many attempts") || strings.Contains(x.text, "wrong password") {
				t.Errorf("the page: %s", x.text)
			}
			break
		}
	}
	if statuses[401] == 0 || statuses[429] == 0 {
		t.Fatalf("answers: %v", statuses)
	}
	if x := v.signIn("ada@example.com", password); x.StatusCode != 429 {
		t.Errorf("the right password while slowed down: %d", x.StatusCode)
	}
	if x := v.signIn("nobody@example.com", "wrong password"); x.StatusCode == 200 || x.StatusCode == 303 {
		t.Errorf("a stranger: %d", x.StatusCode)
	}
}

func TestMetricsAreForThisMachineOrTheToken(t *testing.T) {
	t.Parallel()
	_, base := serve(t, command{args: []string{"serve", "--data-dir", t.TempDir()}})
	v := visit(t, base)
	if x := v.get("/metrics"); x.StatusCode != 200 || !strings.Contains(x.text, "go_goroutines") || !strings.Contains(x.text, "tandem_") {
		t.Errorf("from this machine: %d", x.StatusCode)
	}
	if x := v.do(http.MethodGet, "/metrics", nil, "X-Forwarded-For", "203.0.113.9"); x.StatusCode != 403 {
		t.Errorf("through a proxy: %d", x.StatusCode)
	}
	_, base = serve(t, command{args: []string{"serve", "--data-dir", t.TempDir()}, env: []string{"TANDEM_METRICS_TOKEN=sesame-open"}})
	v = visit(t, base)
	for auth, want := range map[string]int{"": 403, "Bearer wrong": 403, "Bearer sesame-open": 200} {
		if x := v.do(http.MethodGet, "/metrics", nil, "Authorization", auth); x.StatusCode != want {
			t.Errorf("with %q: %d", auth, x.StatusCode)
		}
	}
}

func TestReadinessEndsWithTheDatabaseAndComesBackWithIt(t *testing.T) {
	t.Parallel()
	server, err := dbtest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = server.Stop()
		}
	})
	p, base := serve(t, command{args: []string{"serve", "--database", server.URL(), "--data-dir", t.TempDir()}})
	v := visit(t, base)
	eventually(t, 20*time.Second, "ready", func() error { return status(v.get("/readyz"), 200) })
	stopped = true
	_ = server.Stop() // it was killed
	eventually(t, 20*time.Second, "not ready", func() error { return status(v.get("/readyz"), 503) })
	if x := v.get("/healthz"); x.StatusCode != 200 {
		t.Errorf("the process still runs: %d", x.StatusCode)
	}
	x := v.get("/sign-in")
	if x.StatusCode < 500 || strings.Contains(x.text, "postgres://") || strings.Contains(x.text, "SQLSTATE") || strings.Contains(x.text, "dial") {
		t.Errorf("the page when the database is gone: %d %s", x.StatusCode, x.text)
	}
	p.stop(t, syscall.SIGTERM, 40*time.Second)
}

func status(x page, want int) error {
	if x.StatusCode != want {
		return fmt.Errorf("%d %s", x.StatusCode, x.text)
	}
	return nil
}

func TestAShutdownLetsARequestAndAJobEnd(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{}).Services
	gate := newGate(t, s.Salesforce.URL)
	reading, goOn := make(chan struct{}), make(chan struct{})
	gate.does(func(rw http.ResponseWriter, r *http.Request, pass http.Handler) {
		if strings.Contains(r.URL.RawQuery, "+FROM+Account") || strings.Contains(r.URL.RawQuery, "%20FROM%20Account") {
			select {
			case reading <- struct{}{}:
				<-goOn
			default:
			}
		}
		pass.ServeHTTP(rw, r)
	})
	s.Salesforce.URL = gate.URL
	dir := t.TempDir()
	p, base := serve(t, command{args: []string{"serve", "--data-dir", dir, "--log-level", "debug"}, env: connected(s)})
	<-reading
	// A request whose body is still on its way, too.
	body, send := io.Pipe()
	answered := make(chan int, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/sign-in", body)
		if err != nil {
			answered <- 0
			return
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	if _, err := io.WriteString(send, "email=nobody%40example.com&"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if p.ended() {
		t.Errorf("it did not wait: %s", p.res)
	}
	if _, err := http.Get(base + "/healthz"); err == nil { //nolint:noctx // it must not answer
		t.Error("it takes new requests while it stops")
	}
	close(goOn)
	if _, err := io.WriteString(send, "password=x"); err != nil {
		t.Fatal(err)
	}
	if err := send.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-answered; code != 401 {
		t.Errorf("the request that ran was answered %d", code)
	}
	p.wait(t, 20*time.Second).ended(t, 0)
}

func TestPagesAndJobsMayRunInTwoProcessesOnOnePostgreSQL(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{Demo: demo.Options{Seed: 1, Accounts: 20, Opportunities: 60}}).Services
	database := dbtest.PostgresURL(t, schema.Migrations())
	password := user(t, "ada@example.com", "director", "--database", database)
	web, base := serve(t, command{args: []string{"serve", "--role", "web", "--database", database}, env: connected(s)})
	other, base2 := serve(t, command{args: []string{"serve", "--role", "web", "--database", database}, env: connected(s)})
	v := visit(t, base)
	if x := v.signIn("ada@example.com", password); x.StatusCode != 303 {
		t.Fatalf("sign-in: %d", x.StatusCode)
	}
	opportunities := func(base string) int {
		at := visit(t, base)
		at.http.Jar = v.http.Jar // cookies know no port: the session is that of both
		x := at.do(http.MethodGet, "/api/v1/summary", nil, "Accept", "application/json")
		var n int
		if _, err := fmt.Sscanf(x.text[strings.Index(x.text, `"opportunities"`)+1:], `opportunities":%d`, &n); err != nil {
			t.Fatalf("%d %s", x.StatusCode, x.text)
		}
		return n
	}
	time.Sleep(time.Second)
	if n := opportunities(base); n != 0 {
		t.Errorf("a web process ran a job: %d opportunities", n)
	}
	worker := command{args: []string{"serve", "--role", "worker", "--database", database, "--listen", "127.0.0.1:0"}, env: connected(s)}.start(t)
	second := command{args: []string{"serve", "--role", "worker", "--database", database, "--listen", "127.0.0.1:0"}, env: connected(s)}.start(t)
	eventually(t, 90*time.Second, "the worker's work is seen on both", func() error {
		for _, b := range []string{base, base2} {
			if n := opportunities(b); n != 60 {
				return fmt.Errorf("%s has %d", b, n)
			}
		}
		return nil
	})
	for _, p := range []*process{second, worker, other, web} {
		p.stop(t, syscall.SIGTERM, 30*time.Second).ended(t, 0)
	}
}
