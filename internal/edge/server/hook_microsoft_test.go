package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/connect/microsoft"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	sandbox "github.com/tandem-cosell/tandem/sandbox/microsoft"
)

// centre is a Partner Center whose events come to Tandem and are passed on to a
// second receiver.
type centre struct {
	app      *app.App
	hook     string // Tandem's address
	client   *microsoft.Client
	url      string
	second   atomic.Int64 // what the second receiver took
	unsigned atomic.Int64 // of it, without a signature
	down     atomic.Bool  // the second receiver refuses
}

func openCentre(t *testing.T) *centre {
	t.Helper()
	c := &centre{}
	ms, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(ms.Handler())
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c.second.Add(1)
		if r.Header.Get("Authorization") == "" || r.Header.Get("X-MS-Certificate-Url") == "" {
			c.unsigned.Add(1)
		}
	}))
	root, err := ms.RootPEM()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, root, 0o600); err != nil {
		t.Fatal(err)
	}
	creds := ms.Credentials()
	host := strings.TrimPrefix(web.URL, "http://")
	cfg := app.Config{
		DataDir: t.TempDir(), Listen: "127.0.0.1:0", SyncEvery: time.Minute, Role: "web",
		Microsoft: app.MicrosoftConfig{
			Endpoint: web.URL, HookEndpoint: web.URL, LoginURL: web.URL + "/common", ClientID: creds.ClientID, ClientSecret: creds.ClientSecret,
			RefreshToken: creds.RefreshToken, WebhookRootFile: file, WebhookCertHosts: []string{host}, WebhookForward: second.URL,
		},
	}
	if c.app, err = app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), app.NoJobs); err != nil {
		t.Fatal(err)
	}
	h, err := New(c.app)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		_ = ms.Close()
		s.Close()
		second.Close()
		web.Close()
		_ = c.app.Close()
	})
	c.hook, c.url = s.URL+"/hooks/microsoft", web.URL
	if c.client, err = microsoft.New(microsoft.Config{Endpoint: web.URL, HookEndpoint: web.URL, LoginURL: web.URL + "/common", ClientID: creds.ClientID, ClientSecret: creds.ClientSecret, RefreshToken: creds.RefreshToken}); err != nil {
		t.Fatal(err)
	}
	return c
}

// incoming lets Microsoft offer a deal, of which two events tell.
func (c *centre) incoming(t *testing.T) {
	t.Helper()
	resp, err := http.Post(c.url+"/_control/incoming", "application/json", strings.NewReader(`{"name":"Deal","customer":"Fabrikam","country":"DE","value":90000,"notes":"n"}`))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal(what)
}

func TestMicrosoftsEventsPlanALookAndReachASecondAddressToo(t *testing.T) {
	t.Parallel()
	c := openCentre(t)
	ctx := context.WithoutCancel(t.Context())
	if _, err := c.client.Subscribe(ctx, "https://connector.example/hook", false); err != nil {
		t.Fatal(err)
	}
	if _, err := c.client.Subscribe(ctx, c.hook, false); err == nil {
		t.Fatal("the official connector's address was replaced unasked")
	}
	sub, err := c.client.Subscribe(ctx, c.hook, true)
	if err != nil || sub.URL != c.hook {
		t.Fatalf("%+v %v", sub, err)
	}
	c.down.Store(true)
	c.incoming(t)
	until(t, "Tandem planned no look", func() bool { return planned(ctx, t, c.app.Jobs, (sync.ChangesArgs{}).Kind()) == 1 })
	if c.second.Load() != 0 {
		t.Error("the second receiver was down and took an event")
	}
	c.down.Store(false)
	until(t, "the second receiver did not get both events in the end", func() bool { return c.second.Load() >= 2 })
	if c.unsigned.Load() != 0 {
		t.Error("an event was passed on without its signature")
	}
}

func TestAnEventThatMicrosoftDidNotSignIsNotBelieved(t *testing.T) {
	t.Parallel()
	c := openCentre(t)
	body := `{"EventName":"referral-updated","ResourceUri":"https://api.partnercenter.microsoft.com/engagements/v1/referrals/1","ResourceName":"referral"}`
	own, err := url.JoinPath(c.url, "/pki/pcnotifications-dispatch.cer")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(h http.Header){
		"no signature":       func(h http.Header) { h.Del("Authorization") },
		"a wrong signature":  func(h http.Header) { h.Set("Authorization", "Signature AAAA") },
		"a host not allowed": func(h http.Header) { h.Set("X-MS-Certificate-Url", "https://evil.example/cert.cer") },
		"an allowed host's name": func(h http.Header) {
			h.Set("X-MS-Certificate-Url", "http://"+strings.TrimPrefix(c.url, "http://")+"@evil.example/c")
		},
		"another algorithm": func(h http.Header) { h.Set("X-MS-Signature-Algorithm", "none") },
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.hook, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Signature AAAA")
		r.Header.Set("X-MS-Certificate-Url", own)
		r.Header.Set("X-MS-Signature-Algorithm", "rsa-sha256")
		change(r.Header)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	if n := planned(t.Context(), t, c.app.Jobs, (sync.ChangesArgs{}).Kind()); n != 0 || c.second.Load() != 0 {
		t.Errorf("%d looks, %d passed on", n, c.second.Load())
	}
}

func TestWithoutAllowedHostsThereIsNoAddressForMicrosoftsEvents(t *testing.T) {
	t.Parallel()
	_, at := hooked(t, hookKey)
	at = strings.TrimSuffix(at, "/hooks/aws") + "/hooks/microsoft"
	if code, body := deliver(t, http.MethodPost, at, "", "{}"); code != http.StatusNotFound || !strings.Contains(body, "microsoft-webhook-cert-host") {
		t.Error(code, body)
	}
}
