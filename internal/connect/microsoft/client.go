// Package microsoft answers "how do we talk to Microsoft Partner Center": the
// client of the Referrals API and of its webhooks, what Partner Center requires of
// a deal before it is sent, which fields it lets change when, and how CRM words
// become Microsoft's. The facts stand in package facts/partnercenter.
//
// The API acts for a signed-in user only (App+User): there is no service account.
// The client lives on the refresh token of a user with the role Referrals admin and
// renews it as it is used.
package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// Config says how to reach the services. ClientID, ClientSecret and RefreshToken are
// required; addresses without a value are Microsoft's own.
type Config struct {
	Endpoint     string // of the Referrals API: https://api.partner.microsoft.com
	HookEndpoint string // of the webhooks: https://api.partnercenter.microsoft.com
	LoginURL     string // of the token server: https://login.microsoftonline.com/common
	ClientID     string
	ClientSecret string
	RefreshToken string
	SecretUntil  time.Time         // when the client secret ends; zero: not known
	SignInLife   time.Duration     // of a refresh token that is not used; 90 days by default
	Vault        Vault             // where the renewed sign-in is kept; in memory by default
	Transport    http.RoundTripper // http.DefaultTransport by default
	Clock        clock.Clock       // the machine's by default
	Logger       *slog.Logger      // silent by default
	Timeout      time.Duration     // of one attempt; 30 s by default
	MaxAttempts  int               // of calls that may be repeated; 4 by default
	BackOff      time.Duration     // before the second attempt, doubled each time; 500 ms by default
	Settle       time.Duration     // after a create of unknown outcome, how long a search that finds nothing proves nothing; 1 min by default
	Sleep        func(context.Context, time.Duration) error
}

// LogValue keeps the credentials out of logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("endpoint", c.Endpoint), slog.String("login", c.LoginURL), slog.String("client_id", c.ClientID))
}

// Client calls the Referrals API and the webhooks' API. Safe for concurrent use.
type Client struct {
	cfg      Config
	endpoint string // without a slash at the end, as the others
	hooks    string
	login    string
	http     *http.Client

	renewing chan struct{} // held while sessions are looked at
	sessions map[string]session

	mu        sync.Mutex
	renewedAt time.Time
	failed    string
	held      time.Time // Microsoft asked us not to call before
	calls     map[int64]int
}

const (
	maxAnswer   = 16 << 20
	longestWait = 20 * time.Second // a longer Retry-After is left to the caller
)

// New checks the configuration and gives a client; it calls nobody. Errors are
// problem.KindInvalid.
func New(cfg Config) (*Client, error) {
	var wrong problem.List
	address := func(field, given, usual string) string {
		if given == "" {
			given = usual
		}
		if u, err := url.Parse(given); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			wrong.Add(field, "invalid_url", "the address must be a full http or https URL")
		}
		return strings.TrimRight(given, "/")
	}
	c := &Client{
		endpoint: address("endpoint", cfg.Endpoint, ResourceReferrals), hooks: address("hook_endpoint", cfg.HookEndpoint, ResourceWebhooks),
		login: address("login_url", cfg.LoginURL, "https://login.microsoftonline.com/common"), renewing: make(chan struct{}, 1),
		sessions: map[string]session{}, calls: map[int64]int{},
	}
	for _, f := range []struct{ field, value, what string }{
		{"client_id", cfg.ClientID, "the id of the app in Entra is missing"},
		{"client_secret", cfg.ClientSecret, "the app's client secret is missing"},
		{"refresh_token", cfg.RefreshToken, "the refresh token of the Referrals admin is missing"},
	} {
		if f.value == "" {
			wrong.Add(f.field, "required", f.what)
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		cfg.Transport = http.DefaultTransport
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Vault == nil {
		cfg.Vault = &memory{}
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	for _, d := range []struct {
		to    *time.Duration
		usual time.Duration
	}{{&cfg.Timeout, 30 * time.Second}, {&cfg.BackOff, 500 * time.Millisecond}, {&cfg.SignInLife, defaultLife}, {&cfg.Settle, time.Minute}} {
		if *d.to <= 0 {
			*d.to = d.usual
		}
	}
	if cfg.MaxAttempts <= 0 {
		cfg.MaxAttempts = 4
	}
	c.cfg = cfg
	c.http = &http.Client{Transport: cfg.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// call is one call of an API.
type call struct {
	op       string
	method   string
	address  string
	resource string
	body     any
	header   map[string]string
}

// do makes a call and decodes its answer into out, unless out is nil. Reads are
// repeated after a passing fault or a lost answer. A write is repeated only when it
// certainly was not carried out; when its outcome is not known, the error's class is
// problem.RetryUnsure, and the caller must look before it repeats.
func (c *Client) do(ctx context.Context, in call, out any) error {
	var raw []byte
	if in.body != nil {
		var err error
		if raw, err = json.Marshal(in.body); err != nil {
			return fmt.Errorf("microsoft %s: encode the request: %w", in.op, err)
		}
	}
	ended, renewed := "", false
	for attempt := 1; ; attempt++ {
		if held := c.mayCall(ctx, in.op); held != nil {
			return held
		}
		token, err := c.signedIn(ctx, in.resource, ended)
		if err != nil {
			return err
		}
		failure := c.attempt(ctx, in, token, raw, out)
		if failure == nil {
			return nil
		}
		if failure.Remote.Retry == problem.RetryReauth {
			if renewed { // a token that was just made is not accepted: the user lacks something
				failure.Remote.Retry, failure.Code = problem.RetryHuman, "remote_"+string(problem.RetryHuman)
				return failure
			}
			renewed, ended = true, token
			attempt--
			continue
		}
		if in.method != http.MethodGet && !notActed(failure) {
			return unsure(failure)
		}
		again := failure.Remote.Retry == problem.RetrySoon && failure.Kind == problem.KindRemote && failure.RetryAfter <= longestWait
		if !again || attempt >= c.cfg.MaxAttempts || ctx.Err() != nil {
			return failure
		}
		wait := max(c.backOff(attempt), failure.RetryAfter)
		c.cfg.Logger.DebugContext(ctx, "microsoft: repeat", "operation", in.op, "attempt", attempt, "wait", wait, "code", failure.Remote.Code)
		if err := c.cfg.Sleep(ctx, wait); err != nil {
			return failure
		}
	}
}

// mayCall gives nil, or the problem of calling before Microsoft wants to be called
// again. What a person waits for is tried all the same.
func (c *Client) mayCall(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return interrupted(op, err)
	}
	c.mu.Lock()
	wait := c.held.Sub(c.cfg.Clock.Now())
	c.mu.Unlock()
	if wait <= longestWait || registration.Urgent(ctx) {
		return nil
	}
	r := problem.Remote{System: System, Operation: op, Code: registration.CodeOwnPace, Retry: problem.RetryLater, RetryAfter: wait}
	return problem.FromRemote(r, "Waits because Microsoft asked to: it had too many calls", nil)
}

// attempt sends a call once.
func (c *Client) attempt(ctx context.Context, in call, token string, raw []byte, out any) *problem.Error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, in.method, in.address, bytes.NewReader(raw))
	if err != nil {
		return problem.FromRemote(problem.Remote{System: System, Operation: in.op, Code: CodeNotReached, Retry: problem.RetryHuman}, "The call to Microsoft could not be made", err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Content-Type", "application/json") // the contract requires it of reads, too
	r.Header.Set("Client-Request-Id", uuid.NewString())
	r.Header.Set("User-Agent", "tandem")
	for name, v := range in.header {
		r.Header.Set(name, v)
	}
	resp, body, failure := c.exchange(in.op, r) //nolint:bodyclose // exchange reads and closes it
	if failure != nil {
		return failure
	}
	if resp.StatusCode >= 300 {
		p := answerError(in.op, resp, body, c.cfg.Clock.Now())
		if resp.StatusCode == http.StatusTooManyRequests {
			c.hold(p.RetryAfter)
		}
		return p
	}
	if out == nil || len(body) == 0 && resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return unreadable(in.op, resp, body, err)
	}
	return nil
}

// exchange sends a request and reads the whole answer.
func (c *Client) exchange(op string, r *http.Request) (*http.Response, []byte, *problem.Error) {
	c.count()
	started := c.cfg.Clock.Now()
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, transportError(op, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	err = errors.Join(err, resp.Body.Close())
	c.cfg.Logger.DebugContext(r.Context(), "microsoft: call", "operation", op, "status", resp.StatusCode, "request_id", resp.Header.Get("Request-Id"), "took", c.cfg.Clock.Now().Sub(started))
	if err != nil {
		p := transportError(op, err)
		p.Remote.Status, p.Remote.RequestID = resp.StatusCode, resp.Header.Get("Request-Id")
		return nil, nil, p
	}
	return resp, body, nil
}

func (c *Client) hold(wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until := c.cfg.Clock.Now().Add(wait); until.After(c.held) {
		c.held = until
	}
}

// count counts a call in its hour.
func (c *Client) count() {
	hour := c.cfg.Clock.Now().Unix() / 3600
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[hour]++
	for h := range c.calls {
		if hour-h >= 24 {
			delete(c.calls, h)
		}
	}
}

// Calls counts the calls that this client made in the last 24 hours.
func (c *Client) Calls() int {
	hour := c.cfg.Clock.Now().Unix() / 3600
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for h, calls := range c.calls {
		if hour-h < 24 {
			n += calls
		}
	}
	return n
}

// backOff gives the wait after the n-th attempt: doubled each time, at most 20
// seconds, and drawn between half and the whole of it so that callers spread.
func (c *Client) backOff(attempt int) time.Duration {
	d := min(c.cfg.BackOff<<min(attempt-1, 10), longestWait)
	return d/2 + rand.N(d/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
