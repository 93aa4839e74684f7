package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// serveAs serves a new Tandem whose process context belongs to the given actor.
func serveAs(t *testing.T, actor authz.Actor) string {
	t.Helper()
	ctx := authz.With(t.Context(), actor)
	a, err := app.New(ctx, app.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", SyncEvery: time.Minute, Role: "web"}, slog.New(slog.DiscardHandler), app.NoJobs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	h, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestWhoStartedTheProgramIsNotWhoAsks(t *testing.T) {
	t.Parallel()
	base := serveAs(t, authz.System)
	for _, path := range []string{
		"/", "/opportunities", "/opportunities/opp_x", "/registrations", "/connections", "/jobs", "/jobs/river/", "/settings", "/settings/people",
		"/search", "/search.json?q=x", "/events/sync", "/nowhere",
	} {
		res := get(t, base+path)
		if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(res.Header.Get("Location"), "/sign-in") {
			t.Errorf("%s without a session: %s to %q, want the sign-in page", path, res.Status, res.Header.Get("Location"))
		}
	}
	for _, path := range []string{"/api/v1/me", "/api/v1/users", "/api/v1/opportunities", "/api/v1/jobs"} {
		if res := get(t, base+path); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %s, want 401", path, res.Status)
		}
	}
}

func TestEveryAnswerHasTheHeadersThatProtectIt(t *testing.T) {
	t.Parallel()
	base := serveAs(t, authz.System)
	for _, path := range []string{"/healthz", "/readyz", "/sign-in", "/api/v1/me", "/nowhere"} {
		res := get(t, base+path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		if res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s has no request id", path)
		}
	}
	if csp := get(t, base+"/sign-in").Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") {
		t.Errorf("the sign-in page's policy is %q", csp)
	}
}
