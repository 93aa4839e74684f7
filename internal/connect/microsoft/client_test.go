package microsoft

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/microsoft"
)

func TestASignInLivesOnItsRefreshTokenOverRestarts(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{SingleUse: true}, nil)
	for range 5 {
		if _, err := c.List(t.Context(), Query{}); err != nil {
			t.Fatal(err)
		}
		c.clock.Advance(2 * time.Hour)
	}
	again, err := New(c.cfg) // with the token of the configuration, which is spent, and the vault
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.List(t.Context(), Query{}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestManyCallersShareOneRenewal(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{SingleUse: true}, nil)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.List(context.Background(), Query{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := c.count(); n != 21 {
		t.Errorf("%d calls for 20 lists and one sign-in", n)
	}
}

func TestANewTokenInTheConfigurationIsTakenInPlaceOfTheKeptOne(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	if err := c.vault.Save(t.Context(), SignIn{RefreshToken: "0.OLD", Of: fingerprint("another"), RenewedAt: c.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(t.Context(), Query{}); err != nil {
		t.Error(err)
	}
}

func TestATokenThatEndedEarlyIsRenewedWithinTheCall(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	if _, err := c.List(t.Context(), Query{}); err != nil {
		t.Fatal(err)
	}
	c.control("token", `{"expire":true}`)
	if _, err := c.List(t.Context(), Query{}); err != nil {
		t.Error(err)
	}
}

func TestARevokedSignInWaitsForAPersonAndSaysSo(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, nil)
	if _, err := c.List(t.Context(), Query{}); err != nil {
		t.Fatal(err)
	}
	c.control("token", `{"revoke":true}`)
	_, err := c.List(t.Context(), Query{})
	if r := problem.RemoteOf(err); r == nil || r.Code != codeInvalidGrant || r.Retry != problem.RetryHuman {
		t.Errorf("%v", err)
	}
	if h := c.Health(t.Context()); !strings.Contains(h.Warning, "sign in again") {
		t.Errorf("%+v", h)
	}
}

func TestAPersonIsWarnedBeforeTheSignInEnds(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, func(cfg *Config) { cfg.SecretUntil = time.Now().AddDate(1, 0, 0) })
	if _, err := c.List(t.Context(), Query{}); err != nil {
		t.Fatal(err)
	}
	if h := c.Health(t.Context()); h.Warning != "" || h.Until.IsZero() {
		t.Errorf("%+v", h)
	}
	c.clock.Advance(77 * 24 * time.Hour)
	if h := c.Health(t.Context()); !strings.Contains(h.Warning, "ends on "+h.Until.Format("2 January 2006")) {
		t.Errorf("13 days before its end: %+v", h)
	}
	if _, err := c.List(t.Context(), Query{}); err != nil {
		t.Fatal(err)
	}
	c.clock.Advance(260 * 24 * time.Hour)
	c.mu.Lock()
	c.renewedAt = c.clock.Now()
	c.mu.Unlock()
	if h := c.Health(t.Context()); !strings.Contains(h.Warning, "client secret ends") {
		t.Errorf("%+v", h)
	}
}

func TestReadsAreRepeatedAndWritesOnlyWhenNothingWasDone(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		op, kind string
		retry    problem.Retry // "" is success
	}{
		{"GetAllReferrals", "throttle", ""},
		{"GetAllReferrals", "error", ""},
		{"GetAllReferrals", "reset", ""},
		{"GetAllReferrals", "truncate", ""},
		{"GetAllReferrals", "session", ""},
		{"Token", "error", ""},
		{"CreateReferral", "throttle", ""},
		{"CreateReferral", "session", ""},
		{"CreateReferral", "error", problem.RetryUnsure},
		{"CreateReferral", "reset", problem.RetryUnsure},
		{"CreateReferral", "lost_reply", problem.RetryUnsure},
		{"CreateReferral", "truncate", problem.RetryUnsure},
	} {
		c := open(t, sandbox.Options{}, func(cfg *Config) { cfg.Transport = http.DefaultTransport })
		p := c.portal(Profile{})
		if err := c.faults.FailNext(x.op, 1, x.kind); err != nil {
			t.Fatal(err)
		}
		var err error
		if x.op == "CreateReferral" {
			_, err = c.Create(t.Context(), p.referral(c.deal()))
		} else {
			_, err = c.List(t.Context(), Query{})
		}
		if x.retry == "" && err != nil || x.retry != "" && problem.RetryOf(err) != x.retry {
			t.Errorf("%s after %s: %v", x.op, x.kind, err)
		}
	}
}

func TestALongRetryAfterHoldsOtherCallsBackAndNotAPersons(t *testing.T) {
	t.Parallel()
	calls := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = w.Write([]byte(`{"access_token":"a","expires_in":"3600"}`))
			return
		}
		calls++
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"error":{"code":"tooManyRequests","message":"wait"}}`))
	}))
	t.Cleanup(web.Close)
	c, err := New(Config{Endpoint: web.URL, LoginURL: web.URL, ClientID: "i", ClientSecret: "s", RefreshToken: "r"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"tooManyRequests", registration.CodeOwnPace} {
		_, err := c.List(t.Context(), Query{})
		if r := problem.RemoteOf(err); r == nil || r.Code != want || r.RetryAfter < 9*time.Minute {
			t.Errorf("call %d: %v", i, err)
		}
	}
	_, err = c.List(registration.WithUrgent(t.Context()), Query{})
	if r := problem.RemoteOf(err); r == nil || r.Code != "tooManyRequests" || calls != 2 {
		t.Errorf("a person's call: %v, %d calls", err, calls)
	}
}

func TestBothFormsOfErrorAreRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]refusal{
		`{"error":{"code":"preconditionFailed","message":"m","target":"eTag","innerError":{"code":"resourceModified"}}}`: {"preconditionFailed", "m", "eTag"},
		`{"code":2004,"description":"There is a registration already.","data":[],"source":"PartnerCenter"}`:              {"2004", "There is a registration already.", ""},
		`{"code":"900421","description":"d"}`:                         {"900421", "d", ""},
		`{"error":"invalid_grant","error_description":"AADSTS50173"}`: {"invalid_grant", "AADSTS50173", ""},
	} {
		if got, ok := readRefusal([]byte(body)); !ok || got != want {
			t.Errorf("%s: %+v %v", body, got, ok)
		}
	}
	for _, body := range []string{"", "<html>", "[]", "{}", `{"error":null}`} {
		if got, ok := readRefusal([]byte(body)); ok {
			t.Errorf("%q was read as %+v", body, got)
		}
	}
}

func TestARefusalNamesTheFieldInOurPath(t *testing.T) {
	t.Parallel()
	c := open(t, sandbox.Options{}, func(cfg *Config) { cfg.Transport = http.DefaultTransport })
	p := c.portal(Profile{})
	r := c.registered(p)
	_, err := c.Patch(t.Context(), r.ID, "", []Operation{Replace("/details/dealValue", "0")})
	if f := fieldsOf(err); len(f) != 1 || f[0].Field != valuePath {
		t.Errorf("%v", err)
	}
}

func fieldsOf(err error) []problem.Field {
	p, _ := err.(*problem.Error) //nolint:errorlint // the client gives it unwrapped
	if p == nil {
		return nil
	}
	return p.Fields
}
