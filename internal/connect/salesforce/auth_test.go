package salesforce

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func TestSignInSendsClientCredentialsAndFollowsInstanceURL(t *testing.T) {
	t.Parallel()
	var got http.Header
	home := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		io.WriteString(w, `{"DailyApiRequests":{"Max":5000,"Remaining":4982}}`)
	})
	var form string
	door := newFake(t, reply(500, "the API must not be called here"))
	door.signInFn = func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form = string(body)
		fmt.Fprintf(w, `{"access_token":"token-x","instance_url":"%s/","id":"https://login.salesforce.com/id/00D000000000001AAA/005Ab000000000C"}`, home.URL)
	}
	c, _ := newClient(t, door)
	limits, err := c.Limits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if limits["DailyApiRequests"] != (Limit{5000, 4982}) {
		t.Errorf("limits %v", limits)
	}
	if form != "client_id=key&client_secret=s3cret&grant_type=client_credentials" {
		t.Errorf("form %s", form)
	}
	if got.Get("Authorization") != "Bearer token-x" || got.Get("Sforce-Call-Options") != "client=tandem" || got.Get("User-Agent") == "" || got.Get("Accept-Encoding") != "gzip" {
		t.Errorf("headers %v", got)
	}
	id, err := c.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := Identity{OrgID: "00D000000000001AAA", UserID: "005Ab000000000CIAQ", InstanceURL: home.URL, APIVersion: "67.0"}
	if diff := cmp.Diff(want, id); diff != "" {
		t.Error(diff)
	}
	if _, calls := home.seen(); calls[0] != "GET /services/data/v67.0/limits" {
		t.Errorf("calls %v", calls)
	}
}

func TestSignInWithJWTIsSignedRS256AndLivesUnderThreeMinutes(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"PKCS1": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)},
		"PKCS8": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, reply(200, `{}`))
			var grant, assertion string
			f.signInFn = func(w http.ResponseWriter, r *http.Request) {
				grant, assertion = r.PostFormValue("grant_type"), r.PostFormValue("assertion")
				fmt.Fprintf(w, `{"access_token":"token-x","instance_url":"%s"}`, f.URL)
			}
			c, _ := newClient(t, f, func(cfg *Config) {
				cfg.ClientSecret = ""
				cfg.JWT = &JWT{Username: "tandem@acme.example", PrivateKeyPEM: string(pem.EncodeToMemory(block))}
			})
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
				t.Errorf("grant_type %s", grant)
			}
			part := strings.Split(assertion, ".")
			if len(part) != 3 {
				t.Fatalf("assertion %q", assertion)
			}
			sig, err := base64.RawURLEncoding.DecodeString(part[2])
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(part[0] + "." + part[1]))
			if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig); err != nil {
				t.Error(err)
			}
			payload, err := base64.RawURLEncoding.DecodeString(part[1])
			if err != nil {
				t.Fatal(err)
			}
			claims := decode[map[string]any](t, string(payload))
			exp := time.Unix(int64(claims["exp"].(float64)), 0)
			if life := exp.Sub(start); life <= 0 || life > 3*time.Minute {
				t.Errorf("lives %v", life)
			}
			delete(claims, "exp")
			if diff := cmp.Diff(map[string]any{"iss": "key", "sub": "tandem@acme.example", "aud": "https://login.salesforce.com"}, claims); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSandboxDomainsPickTheTestAudience(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	for login, want := range map[string]string{
		"https://acme--uat.sandbox.my.salesforce.com": "https://test.salesforce.com",
		"https://acme.my.salesforce.com":              "https://login.salesforce.com",
		"https://acme.sandbox.my.salesforce.com.evil": "https://login.salesforce.com",
	} {
		c, err := New(Config{LoginURL: login, ClientID: "k", JWT: &JWT{Username: "u", PrivateKeyPEM: text}})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.audience(); got != want {
			t.Errorf("%s: %s", login, got)
		}
	}
}

func TestRefusedSignInIsForAHumanAndTellsNoSecret(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `{}`))
	f.signInFn = reply(400, `{"error":"invalid_client","error_description":"invalid client credentials"}`)
	var logged bytes.Buffer
	c, s := newClient(t, f, func(cfg *Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	err := c.Ping(t.Context())
	e := wantRemote(t, err, problem.RetryHuman, "invalid_client", 400)
	if !strings.Contains(e.Message, "invalid client credentials") {
		t.Errorf("message %q", e.Message)
	}
	if strings.Contains(err.Error()+logged.String(), "s3cret") {
		t.Error("the secret leaked")
	}
	if n, _ := f.seen(); n != 1 || len(s.all) != 0 {
		t.Errorf("%d sign-ins, %d sleeps", n, len(s.all))
	}
}

func TestSignInSurvivesAPassingFault(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `{}`))
	n := 0
	f.signInFn = func(w http.ResponseWriter, _ *http.Request) {
		if n++; n == 1 {
			reply(503, "<html>Maintenance</html>")(w, nil)
			return
		}
		fmt.Fprintf(w, `{"access_token":"token-x","instance_url":"%s"}`, f.URL)
	}
	c, _ := newClient(t, f)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestSignInRefusesAnInstanceThatIsNoUsableAddress(t *testing.T) {
	t.Parallel()
	for _, instance := range []string{"", "ftp://x.example", "https://user@x.example", "https://x.example/path", "x"} {
		f := newFake(t, reply(200, `{}`))
		f.signInFn = reply(200, `{"access_token":"token-x","instance_url":"`+instance+`"}`)
		c, _ := newClient(t, f)
		wantRemote(t, c.Ping(t.Context()), problem.RetrySoon, "UNREADABLE_ANSWER", 200)
	}
}

func TestEndedSessionIsRenewedOnceAndTheCallRepeatedOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(201, `{"id":"006000000000001AAA","success":true,"errors":[]}`))
	f.ended["token-1"] = true
	c, _ := newClient(t, f)
	if _, err := c.Create(t.Context(), "Opportunity", Fields{"Name": "x"}); err != nil {
		t.Fatal(err)
	}
	if n, calls := f.seen(); n != 2 || len(calls) != 2 {
		t.Errorf("%d sign-ins, calls %v", n, calls)
	}
}

func TestSessionThatEndsForeverIsReported(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `{}`))
	f.endAll = true
	c, _ := newClient(t, f)
	wantRemote(t, c.Ping(t.Context()), problem.RetryReauth, "INVALID_SESSION_ID", 401)
	if n, calls := f.seen(); n != 2 || len(calls) != 2 {
		t.Errorf("%d sign-ins, calls %v", n, calls)
	}
}

func TestConcurrentCallsShareOneRenewal(t *testing.T) {
	t.Parallel()
	const callers = 20
	var refused sync.WaitGroup
	refused.Add(callers)
	f := newFake(t, nil)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer token-1" {
			refused.Done()
			refused.Wait() // all of them hold the ended session
			reply(401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`)(w, r)
			return
		}
		io.WriteString(w, `{}`)
	}
	c, _ := newClient(t, f, func(cfg *Config) { cfg.MaxConcurrent = callers })
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { errs[i] = c.Ping(t.Context()) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n, calls := f.seen(); n != 2 || len(calls) != 2*callers {
		t.Errorf("%d sign-ins, %d calls", n, len(calls))
	}
}

func TestOneCallersCancelDoesNotFailTheOthersSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `{}`))
	asked, goOn := make(chan struct{}), make(chan struct{})
	f.signInFn = func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-goOn
		fmt.Fprintf(w, `{"access_token":"token-x","instance_url":"%s"}`, f.URL)
	}
	c, _ := newClient(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- c.Ping(ctx) }()
	<-asked
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the canceled one got %v", err)
	}
	second := make(chan error, 1)
	go func() { second <- c.Ping(t.Context()) }()
	close(goOn)
	if err := <-second; err != nil {
		t.Error(err)
	}
	if n, _ := f.seen(); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
}

func TestVersionIsTheNewestCommonOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ versions, want string }{
		{allVersions, "67.0"},
		{`[{"version":"59.0"},{"version":"60.0"},{"version":"nonsense"}]`, "60.0"},
		{`[{"version":"68.0"}]`, ""},
		{`[]`, ""},
	} {
		f := newFake(t, reply(200, `{}`))
		f.versions = tt.versions
		c, _ := newClient(t, f)
		id, err := c.Identity(t.Context())
		if tt.want == "" {
			wantRemote(t, err, problem.RetryHuman, "NO_COMMON_VERSION", 200)
			continue
		}
		if err != nil || id.APIVersion != tt.want {
			t.Errorf("%s: %s, %v", tt.versions, id.APIVersion, err)
		}
	}
}

func TestNewListsEveryWrongSetting(t *testing.T) {
	t.Parallel()
	_, err := New(Config{LoginURL: "http://acme.my.salesforce.com", APIVersion: "latest", ClientName: "a\nb", DailyShare: 2, JWT: &JWT{PrivateKeyPEM: "x"}, ClientSecret: ""})
	e, ok := errors.AsType[*problem.Error](err)
	if !ok || e.Kind != problem.KindInvalid {
		t.Fatal(err)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Field+" "+f.Code)
	}
	want := []string{"api_version malformed", "client_id required", "client_name malformed", "daily_share out_of_range", "jwt.private_key malformed", "jwt.username required", "login_url insecure"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, u := range []string{"", "acme", "https://acme/path", "https://u:p@acme", "ftp://acme"} {
		if _, err := New(Config{LoginURL: u, ClientID: "k", ClientSecret: "s"}); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("%q: %v", u, err)
		}
	}
	for _, u := range []string{"http://127.0.0.1:8080", "http://localhost:1/", "http://[::1]:1", "https://acme.my.salesforce.com/"} {
		if _, err := New(Config{LoginURL: u, ClientID: "k", ClientSecret: "s", APIVersion: "v63.0"}); err != nil {
			t.Errorf("%q: %v", u, err)
		}
	}
}
