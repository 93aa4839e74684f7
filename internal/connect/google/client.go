package google

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// The scopes that the client asks for.
const (
	scopeOrder  = "https://www.googleapis.com/auth/apps.order"
	scopePubSub = "https://www.googleapis.com/auth/pubsub"
)

const (
	opToken        = "token"
	maxAnswer      = 16 << 20
	tokenMargin    = 5 * time.Minute // a token is made anew so long before its end
	assertionLife  = 10 * time.Minute
	defaultBase    = "https://cloudchannel.googleapis.com"
	defaultPubSub  = "https://pubsub.googleapis.com"
	readAttempts   = 4
	defaultTimeout = 30 * time.Second
)

// Config says how to reach Google. KeyJSON and Partner are required.
type Config struct {
	Endpoint       string // of Cloud Channel; Google's own by default
	PubSubEndpoint string // Google's own by default
	KeyJSON        []byte // the service account's key file
	Partner        string // "partners/0014…", with or without "partners/"
	Subscription   string // "projects/…/subscriptions/…" on the topic of opportunity events; "" is none
	Transport      http.RoundTripper
	Clock          clock.Clock
	Logger         *slog.Logger
	Timeout        time.Duration // of one attempt; 30 s by default
	BackOff        time.Duration // before a read's second attempt, doubled each time; 500 ms by default
	// Settle is how long after a create of unknown outcome Google is looked at: the
	// reading may come later than the writing. 30 s by default.
	Settle time.Duration
}

// LogValue keeps the key out of logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("endpoint", c.Endpoint), slog.String("partner", c.Partner), slog.String("subscription", c.Subscription))
}

// keyFile is what a service account's key file says.
type keyFile struct {
	Type       string `json:"type"`
	PrivateKey string `json:"private_key"`
	KeyID      string `json:"private_key_id"`
	Email      string `json:"client_email"`
	TokenURI   string `json:"token_uri"`
}

// Client calls Cloud Channel and Pub/Sub. Safe for concurrent use.
type Client struct {
	cfg    Config
	key    keyFile
	signer *rsa.PrivateKey
	http   *http.Client
	reads  atomic.Int64
	writes atomic.Int64

	mu    sync.Mutex // held while a token is asked for, so that one asks for all
	token string
	ends  time.Time
}

// New checks the configuration and gives a client; it calls nobody. Errors are
// problem.KindInvalid.
func New(cfg Config) (*Client, error) {
	var wrong problem.List
	c := &Client{}
	if err := json.Unmarshal(cfg.KeyJSON, &c.key); err != nil || c.key.Type != "service_account" || c.key.Email == "" {
		wrong.Add("key_file", "malformed", "the key file must be the JSON file of a service account's key, as Google Cloud gives it for download")
	} else if key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(c.key.PrivateKey)); err != nil {
		wrong.Add("key_file", "malformed", "the private key in the key file cannot be read: "+err.Error())
	} else {
		c.signer = key
	}
	cfg.Partner = strings.TrimPrefix(cfg.Partner, "partners/")
	if cfg.Partner == "" || strings.ContainsAny(cfg.Partner, "/ ") {
		wrong.Add("partner", "malformed", "give the partner's account id, 18 characters that begin with 0014")
	}
	cfg.Partner = "partners/" + cfg.Partner
	for name, address := range map[string]*string{"endpoint": &cfg.Endpoint, "pubsub_endpoint": &cfg.PubSubEndpoint} {
		if *address == "" {
			*address = map[string]string{"endpoint": defaultBase, "pubsub_endpoint": defaultPubSub}[name]
		}
		if u, err := url.Parse(*address); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			wrong.Add(name, "invalid_url", "must be a full http or https URL")
		}
	}
	if cfg.Subscription != "" && !subscriptionName(cfg.Subscription) {
		wrong.Add("subscription", "malformed", "give the subscription as projects/PROJECT/subscriptions/NAME")
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
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.BackOff <= 0 {
		cfg.BackOff = 500 * time.Millisecond
	}
	if cfg.Settle <= 0 {
		cfg.Settle = 30 * time.Second
	}
	c.cfg, c.http = cfg, &http.Client{Transport: cfg.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

func subscriptionName(s string) bool {
	parts := strings.Split(s, "/")
	return len(parts) == 4 && parts[0] == "projects" && parts[1] != "" && parts[2] == "subscriptions" && parts[3] != ""
}

// signedIn gives an access token other than ended.
func (c *Client) signedIn(ctx context.Context, ended string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Clock.Now()
	if c.token != "" && c.token != ended && now.Before(c.ends.Add(-tokenMargin)) {
		return c.token, nil
	}
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": c.key.Email, "aud": c.key.TokenURI, "scope": scopeOrder + " " + scopePubSub, "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	t.Header["kid"] = c.key.KeyID
	assertion, err := t.SignedString(c.signer)
	if err != nil {
		return "", fmt.Errorf("google sign-in: sign the assertion: %w", err)
	}
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	resp, body, err := c.exchange(ctx, http.MethodPost, c.key.TokenURI, "application/x-www-form-urlencoded", "", []byte(form.Encode())) //nolint:bodyclose // exchange reads and closes it
	if err != nil {
		return "", transportError(opToken, err, false)
	}
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &out) != nil || out.AccessToken == "" {
		return "", tokenError(resp, body)
	}
	c.token, c.ends = out.AccessToken, now.Add(time.Duration(out.ExpiresIn)*time.Second)
	return c.token, nil
}

// exchange sends one request and reads the answer whole.
func (c *Client) exchange(ctx context.Context, method, address, contentType, token string, body []byte) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "tandem")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	closed := resp.Body.Close()
	if err == nil {
		err = closed
	}
	return resp, answer, err
}

// call is one operation. wrote says that sending it twice is not the same as once.
type call struct {
	op     string
	method string
	url    string
	in     any
	wrote  bool
}

// do sends a call and reads its answer into out. What writes is sent once, but for an
// ended token, of which Google says that it did nothing; what reads is repeated when
// a fault passes.
func (c *Client) do(ctx context.Context, k call, out any) error {
	body := []byte{}
	if k.in != nil {
		var err error
		if body, err = json.Marshal(k.in); err != nil {
			return fmt.Errorf("google %s: write the request: %w", k.op, err)
		}
	}
	wait, ended := c.cfg.BackOff, ""
	for attempt := 1; ; attempt++ {
		token, err := c.signedIn(ctx, ended)
		if err == nil {
			err = c.once(ctx, k, token, body, out)
		}
		switch retry := problem.RetryOf(err); {
		case err == nil:
			return nil
		case ctx.Err() != nil || attempt >= readAttempts:
			return err
		case retry == problem.RetryReauth && ended == "":
			ended = token
			continue
		case k.wrote || retry != problem.RetrySoon:
			return err
		}
		if remote := problem.RemoteOf(err); remote != nil && remote.RetryAfter > 4*wait {
			return err // the caller's to wait for
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		wait *= 2
	}
}

func (c *Client) once(ctx context.Context, k call, token string, body []byte, out any) error {
	if k.wrote {
		c.writes.Add(1)
	} else {
		c.reads.Add(1)
	}
	resp, answer, err := c.exchange(ctx, k.method, k.url, "application/json", token, body) //nolint:bodyclose // exchange reads and closes it
	if err != nil {
		return transportError(k.op, err, k.wrote)
	}
	if resp.StatusCode != http.StatusOK {
		return answerError(k.op, resp, answer, k.wrote)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return problem.FromRemote(problem.Remote{System: System, Operation: k.op, Code: CodeUnreadable, Status: resp.StatusCode, Retry: passing(k.wrote)}, "Google's answer cannot be read", err)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
