// Package salesforce answers "what does the system of record say, and how do we
// write to it without doing a thing twice": a thin client of the Salesforce
// REST API (sign-in, SOQL, rows, collections, composite, describe, limits) and of
// queries by Bulk API 2.0.
//
// It is our own because the Go clients that can be had break on any API version
// but one, lose error types and know no context
// (research/salesforce-gitlab.md §3.1).
//
// What it promises:
//   - An ended session is renewed once, however many goroutines see it end, and
//     the call is repeated once.
//   - Reads and idempotent writes (upsert by external id, update and delete by
//     id) are repeated on passing faults with jittered back-off. A create is
//     repeated only if it surely did not act; if nobody can tell, the error's
//     class is problem.RetryUnsure and the caller has to look.
//   - Every refusal is a *problem.Error with its Remote part filled in.
package salesforce

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const (
	system    = "salesforce"
	userAgent = "tandem-salesforce/1"

	defaultConcurrent = 10 // Salesforce holds an org to 25 calls longer than 20 s
	defaultShare      = 0.8
	defaultTimeout    = 2 * time.Minute
	defaultAttempts   = 5
	maxBody           = 64 << 20 // a query page of 2,000 wide rows is 2–10 MB
	maxErrorBody      = 1 << 20
	oldestVersion     = 60
	newestVersion     = 67
)

// Config says which organization to talk to and how. LoginURL, ClientID and one
// of ClientSecret and JWT are needed; the rest has defaults.
type Config struct {
	// LoginURL is the organization's My Domain address, such as
	// https://acme.my.salesforce.com, without a path. Plain http is accepted
	// for loopback addresses, and for others only with AllowPlainHTTP.
	LoginURL       string
	AllowPlainHTTP bool

	ClientID     string // consumer key of the External Client App
	ClientSecret string // consumer secret: OAuth client credentials flow
	JWT          *JWT   // instead of ClientSecret: OAuth JWT bearer flow

	// APIVersion is such as "67.0"; "" picks the newest that both the
	// organization and this client know (60.0 to 67.0).
	APIVersion string

	// ClientName goes out as Sforce-Call-Options: client=…, by which change
	// events caused by us can be told from others. "tandem" by default.
	ClientName string

	HTTPClient *http.Client      // its Transport and Timeout are used; redirects are never followed
	Transport  http.RoundTripper // used when HTTPClient is nil

	Clock  clock.Clock  // clock.System by default
	Logger *slog.Logger // discards by default; never sees secrets

	MaxConcurrent int           // calls in flight at once; 10 by default
	MaxAttempts   int           // tries of a repeatable call, the first included; 5 by default
	Timeout       time.Duration // of one try; 2 minutes by default

	// DailyShare is the part of the organization's daily calls after which
	// calls marked with Background are refused; 0.8 by default, 1 for all.
	DailyShare float64
}

// String names the organization and the app, without the secrets.
func (c Config) String() string {
	return "salesforce at " + c.LoginURL + " as " + c.ClientID
}

// LogValue keeps the secrets out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// JWT names the user to act as and the key registered with the app.
type JWT struct {
	Username      string
	PrivateKeyPEM string // RSA, PKCS #1 or PKCS #8
	Audience      string // "" picks https://login.salesforce.com, or https://test.salesforce.com for a sandbox's address
}

// Client talks to one organization. It is safe for concurrent use.
type Client struct {
	cfg   Config
	login *url.URL
	key   *rsa.PrivateKey
	http  *http.Client
	clock clock.Clock
	log   *slog.Logger
	slots chan struct{}
	sleep func(context.Context, time.Duration) error

	mu      sync.Mutex
	session *session
	renewal *renewal
	version string // "v67.0" once known

	budget    budget
	tools     toolCache
	describes describeCache
}

var (
	versionRE    = regexp.MustCompile(`^v?([0-9]{2,3})\.0$`)
	identifierRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,79}$`)
	clientNameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$`)
)

// New checks cfg and gives a client; it calls nobody. The error is
// problem.KindInvalid and lists every wrong setting.
func New(cfg Config) (*Client, error) {
	var bad problem.List
	c := &Client{cfg: cfg, clock: cfg.Clock, log: cfg.Logger, sleep: sleepContext}

	login, err := url.Parse(strings.TrimRight(strings.TrimSpace(cfg.LoginURL), "/"))
	switch {
	case err != nil || login.Host == "":
		bad.Add("login_url", "malformed", "give the address of your Salesforce domain, such as https://acme.my.salesforce.com")
	case login.Path != "" || login.RawQuery != "" || login.User != nil:
		bad.Add("login_url", "malformed", "give the address only, without a path, a query or a user")
	case login.Scheme == "http" && !cfg.AllowPlainHTTP && !loopback(login.Hostname()):
		bad.Add("login_url", "insecure", "use https: the sign-in would travel unencrypted")
	case login.Scheme != "https" && login.Scheme != "http":
		bad.Add("login_url", "malformed", "the address has to begin with https://")
	}
	c.login = login

	if cfg.ClientID == "" {
		bad.Add("client_id", "required", "give the consumer key of the External Client App")
	}
	switch {
	case cfg.JWT == nil && cfg.ClientSecret == "":
		bad.Add("client_secret", "required", "give the consumer secret, or a user and a private key for the JWT flow")
	case cfg.JWT != nil && cfg.ClientSecret != "":
		bad.Add("client_secret", "ambiguous", "give either a consumer secret or a JWT key, not both")
	case cfg.JWT != nil:
		if cfg.JWT.Username == "" {
			bad.Add("jwt.username", "required", "name the Salesforce user to act as")
		}
		if c.key, err = parseKey(cfg.JWT.PrivateKeyPEM); err != nil {
			bad.Add("jwt.private_key", "malformed", err.Error())
		}
	}

	if cfg.APIVersion != "" {
		m := versionRE.FindStringSubmatch(cfg.APIVersion)
		if m == nil {
			bad.Add("api_version", "malformed", "write it as 67.0, or leave it empty to use the newest")
		} else {
			c.version = "v" + m[1] + ".0"
		}
	}
	if c.cfg.ClientName == "" {
		c.cfg.ClientName = "tandem"
	}
	if !clientNameRE.MatchString(c.cfg.ClientName) {
		bad.Add("client_name", "malformed", "use up to 64 letters, digits, dots, dashes and slashes")
	}
	if c.cfg.DailyShare == 0 {
		c.cfg.DailyShare = defaultShare
	}
	if c.cfg.DailyShare < 0 || c.cfg.DailyShare > 1 {
		bad.Add("daily_share", "out_of_range", "give a part between 0 and 1, such as 0.8")
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}

	if c.clock == nil {
		c.clock = clock.System{}
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.cfg.MaxConcurrent <= 0 {
		c.cfg.MaxConcurrent = defaultConcurrent
	}
	if c.cfg.MaxAttempts <= 0 {
		c.cfg.MaxAttempts = defaultAttempts
	}
	if c.cfg.Timeout <= 0 {
		c.cfg.Timeout = defaultTimeout
	}
	c.slots = make(chan struct{}, c.cfg.MaxConcurrent)
	c.http = httpClient(c.cfg)
	c.budget.share = c.cfg.DailyShare
	return c, nil
}

// httpClient never follows a redirect: it would carry the session token, or a
// write, to a host nobody named.
func httpClient(cfg Config) *http.Client {
	h := &http.Client{}
	if cfg.HTTPClient != nil {
		*h = *cfg.HTTPClient
	} else if cfg.Transport != nil {
		h.Transport = cfg.Transport
	} else {
		h.Transport = NewTransport(cfg.MaxConcurrent)
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.Jar = nil
	return h
}

// NewTransport gives the transport a client has by default, for callers that
// wrap it; idle is how many idle connections are kept.
func NewTransport(idle int) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   15 * time.Second,
		MaxIdleConnsPerHost:   idle,
		IdleConnTimeout:       60 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true, // asked for and undone in send, with a bound
	}
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the private key is not in PEM form")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key can't be read: it has to be an unencrypted RSA key")
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the private key is not an RSA key")
	}
	return key, nil
}

func sleepContext(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkName refuses what could never be an object or field, before it gets into
// a path or a query.
func checkName(field, name string) error {
	if !identifierRE.MatchString(name) {
		return problem.Invalid(field, "malformed", "a Salesforce name has letters, digits and underscores only, not "+strconv.Quote(name))
	}
	return nil
}

// checkID refuses what is no record id.
func checkID(id string) error {
	if !IsID(id) {
		return problem.Invalid("id", "malformed", "a Salesforce id has 15 or 18 letters and digits, not "+strconv.Quote(id))
	}
	return nil
}
