// Package aws answers "how do we talk to AWS Partner Central": the client of the
// Selling API, what AWS requires of an opportunity before it is sent, which
// fields AWS locks when, and how CRM words become AWS's.
//
// The service's own Go module cannot be had, so requests are written and errors
// read by the official smithy-go awsJson 1.0 protocol with schemas built at run
// time from the published service model (package facts/awsselling), and signed by
// the official SigV4 signer. Answers are decoded from their raw bytes, because
// schema-driven reading would drop members that we do not know and cut times to
// milliseconds.
package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/aws/smithy-go/transport/http/protocol/awsjson"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
)

// The catalogs of the service: real business, and AWS's own test catalog.
const (
	CatalogAWS     = "AWS"
	CatalogSandbox = "Sandbox"
)

// Config says how to reach the service. Endpoint, AccessKeyID and
// SecretAccessKey are required.
type Config struct {
	Endpoint         string // such as "https://partnercentral-selling.us-east-1.api.aws"
	Region           string // "us-east-1" by default: the service lives only there
	AccessKeyID      string
	SecretAccessKey  string
	SessionToken     string            // for temporary credentials
	Catalog          string            // CatalogAWS by default; filled into every request that has none
	UserAgentCompany string            // our company, for AWS's audit of CRM integrations
	Transport        http.RoundTripper // http.DefaultTransport by default
	Clock            clock.Clock       // the machine's by default
	Logger           *slog.Logger      // silent by default
	Limits           Limits            // DefaultLimits where zero
	Timeout          time.Duration     // of one attempt; 30 s by default
	MaxAttempts      int               // of calls that may be repeated; 4 by default
	BackOff          time.Duration     // before the second attempt, doubled each time; 500 ms by default
	LongestWait      time.Duration     // for our own pace, before the call is given back; 15 s by default
	// Pace is the clock of the seconds, and Sleep waits by it; nil is the machine's,
	// whatever is done to its time of day. A simulation sets both.
	Pace  clock.Clock
	Sleep func(context.Context, time.Duration) error
}

// LogValue keeps the credentials out of logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(slog.String("endpoint", c.Endpoint), slog.String("region", c.Region), slog.String("catalog", c.Catalog), slog.String("access_key_id", c.AccessKeyID))
}

// Client calls the Selling API. Safe for concurrent use.
type Client struct {
	cfg      Config
	endpoint *url.URL
	http     *http.Client
	wire     *wire
	protocol *awsjson.Protocol
	signer   *v4.Signer
	agent    string
	reads    *class
	writes   *class
	sleep    func(context.Context, time.Duration) error
}

const (
	maxAnswer   = 16 << 20
	longestWait = 20 * time.Second // a longer Retry-After is left to the caller
)

// New checks the configuration and gives a client; it calls nobody. Errors are
// problem.KindInvalid.
func New(cfg Config) (*Client, error) {
	var wrong problem.List
	endpoint, err := url.Parse(cfg.Endpoint)
	if err != nil || endpoint.Host == "" || (endpoint.Scheme != "https" && endpoint.Scheme != "http") {
		wrong.Add("endpoint", "invalid_url", "the address of the Selling API must be a full http or https URL")
	}
	if cfg.AccessKeyID == "" {
		wrong.Add("access_key_id", "required", "the AWS access key id is missing")
	}
	if cfg.SecretAccessKey == "" {
		wrong.Add("secret_access_key", "required", "the AWS secret access key is missing")
	}
	if cfg.Catalog == "" {
		cfg.Catalog = CatalogAWS
	}
	if strings.Trim(cfg.Catalog, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		wrong.Add("catalog", "invalid_format", `the catalog has letters only: "AWS" or "Sandbox"`)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
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
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxAttempts <= 0 {
		cfg.MaxAttempts = 4
	}
	if cfg.BackOff <= 0 {
		cfg.BackOff = 500 * time.Millisecond
	}
	if cfg.LongestWait <= 0 {
		cfg.LongestWait = 15 * time.Second
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Pace == nil {
		cfg.Pace = steady{time.Now()} //nolint:forbidigo // the one clock that does not jump
	}
	cfg.Limits = cfg.Limits.withDefaults()
	w := newWire(awsselling.Model())
	return &Client{
		cfg: cfg, endpoint: endpoint, wire: w, protocol: awsjson.New10(w.service), signer: v4.NewSigner(),
		http: &http.Client{
			Transport:     cfg.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		agent:  userAgent(cfg.UserAgentCompany),
		reads:  newClass(cfg.Limits.ReadsPerSecond, cfg.Limits.ReadsPerDay, &cfg),
		writes: newClass(cfg.Limits.WritesPerSecond, cfg.Limits.WritesPerDay, &cfg),
		sleep:  cfg.Sleep,
	}, nil
}

// userAgent gives company|product|crm|version, as AWS asks CRM integrators.
func userAgent(company string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '|' {
			return -1
		}
		return r
	}, company)
	if clean == "" {
		clean = "Unknown"
	}
	return clean + "|Tandem|Salesforce|v1"
}

// Catalog gives the catalog that requests go to.
func (c *Client) Catalog() string { return c.cfg.Catalog }

// Usage says how much of the daily quotas this client used in the last 24 hours.
func (c *Client) Usage() Usage {
	return Usage{
		Reads: c.reads.calls(), Writes: c.writes.calls(), ReadsLimit: c.reads.perDay, WritesLimit: c.writes.perDay,
		ReadsReserved: c.reads.reserved, WritesReserved: c.writes.reserved,
	}
}

// Call makes any of the service's 45 operations. in is what encodes to the
// request's JSON object (nil for none); Catalog is filled in when it is missing,
// and null members are not sent. The answer is decoded into out, unless out is
// nil; *json.RawMessage gets it as it came.
//
// Reads, and writes with a ClientToken, are repeated after throttling, a fault of
// AWS or a lost answer. Any other write is repeated only when it certainly was
// not carried out (AWS throttled it, or it was never sent); when its outcome is
// not known, the error's class is problem.RetryUnsure, and the caller must look
// before it repeats. Every refusal is a problem.KindRemote (KindNotFound for a
// record that AWS has not) with Remote set; a
// request that does not fit the model is problem.KindInvalid and is not sent.
func (c *Client) Call(ctx context.Context, op string, in, out any) error {
	operation, ok := c.wire.model.Operations[op]
	if !ok {
		return problem.Invalid("operation", "unknown_operation", fmt.Sprintf("the Selling API has no operation %q", op))
	}
	value, err := c.encode(operation, in)
	if err != nil {
		return err
	}
	class, repeat := c.reads, true
	if operation.Write {
		class = c.writes
		_, repeat = value["ClientToken"]
	}
	for attempt := 1; ; attempt++ {
		failure := c.attempt(ctx, operation, value, class, out)
		if failure == nil {
			return nil
		}
		if !repeat && !notActed(failure) {
			return unsure(failure)
		}
		again := failure.Remote != nil && failure.Remote.Retry == problem.RetrySoon && failure.RetryAfter <= longestWait
		if !again || attempt >= c.cfg.MaxAttempts || ctx.Err() != nil {
			return failure
		}
		wait := max(c.backOff(attempt), failure.RetryAfter)
		c.cfg.Logger.DebugContext(ctx, "aws: repeat", "operation", op, "attempt", attempt, "wait", wait, "code", failure.Remote.Code)
		if err := c.sleep(ctx, wait); err != nil {
			return failure
		}
	}
}

// unsure marks a failed write that may have acted all the same: a fault of AWS, a
// lost or unreadable answer.
func unsure(p *problem.Error) *problem.Error {
	r := p.Remote
	if r == nil || r.Retry != problem.RetrySoon {
		return p
	}
	if r.Status == http.StatusTooManyRequests {
		return p
	}
	remote := *r
	remote.Retry = problem.RetryUnsure
	return problem.FromRemote(remote, p.Message+"; it may have been done all the same: look before repeating", p.Err)
}

func (c *Client) encode(op awsselling.Operation, in any) (map[string]any, error) {
	value := map[string]any{}
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("aws %s: encode the request: %w", op.Name, err)
		}
		if value, err = decodeObject(raw); err != nil {
			return nil, fmt.Errorf("aws %s: the request is no JSON object: %w", op.Name, err)
		}
	}
	shape := c.wire.model.Shapes[op.Input]
	if _, has := shape.Member("Catalog"); has && value["Catalog"] == nil {
		value["Catalog"] = c.cfg.Catalog
	}
	var wrong problem.List
	for _, m := range shape.Members {
		if s, isText := value[m.Name].(string); m.Required && (value[m.Name] == nil || isText && s == "") {
			wrong.Add(m.Name, "required", "AWS "+op.Name+" needs "+m.Name)
		}
	}
	if where, want := c.wire.check(op.Input, "", value); where != "" {
		wrong.Add(where, "wrong_type", "AWS "+op.Name+" takes "+want+" here")
	}
	return value, wrong.Err()
}

// attempt sends the call once.
func (c *Client) attempt(ctx context.Context, op awsselling.Operation, value map[string]any, class *class, out any) *problem.Error {
	refused, err := class.take(ctx, registration.Urgent(ctx))
	switch {
	case err != nil:
		return interrupted(op.Name, err)
	case refused != nil && refused.daily:
		r := problem.Remote{System: System, Operation: op.Name, Code: CodeDailyQuota, Retry: problem.RetryLater, RetryAfter: refused.again}
		return problem.FromRemote(r, fmt.Sprintf("Of the %d calls that AWS allows in 24 hours, none is left for this", class.perDay), nil)
	case refused != nil:
		r := problem.Remote{System: System, Operation: op.Name, Code: registration.CodeOwnPace, Retry: problem.RetryLater, RetryAfter: refused.again}
		return problem.FromRemote(r, "Waits for its turn: AWS takes only so many calls a second", nil)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	started := c.cfg.Clock.Now()
	schema := c.wire.operation(op)
	req, err := c.request(ctx, op, value)
	if err != nil {
		return problem.Unavailable("aws_request", "The call to AWS could not be made", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return transportError(op.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	c.cfg.Logger.DebugContext(ctx, "aws: call", "operation", op.Name, "status", resp.StatusCode, "request_id", requestID(resp.Header), "took", c.cfg.Clock.Now().Sub(started))
	if err != nil {
		p := transportError(op.Name, err)
		p.Remote.Status, p.Remote.RequestID = resp.StatusCode, requestID(resp.Header)
		return p
	}
	answer := &smithyhttp.Response{Response: resp}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err := c.protocol.DeserializeResponse(ctx, schema, c.wire.errors, answer, nil); err != nil {
		return answerError(op.Name, resp, body, err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if out == nil {
		out = &struct{}{}
	}
	if err := json.Unmarshal(body, out); err != nil {
		return unreadable(op.Name, resp, body, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, op awsselling.Operation, value map[string]any) (*http.Request, error) {
	sr, ok := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	if !ok {
		return nil, errors.New("the protocol library gave no HTTP request")
	}
	address := *c.endpoint
	sr.URL = &address
	if err := c.protocol.SerializeRequest(ctx, c.wire.operation(op), payload{wire: c.wire, shape: op.Input, value: value}, sr); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(sr.GetStream())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, sr.Method, sr.URL.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name := range sr.Header {
		req.Header.Set(name, sr.Header.Get(name))
	}
	req.Header.Set("X-Amzn-User-Agent", c.agent)
	req.Header.Set("User-Agent", "tandem")
	hash := sha256.Sum256(body)
	credentials := sdk.Credentials{AccessKeyID: c.cfg.AccessKeyID, SecretAccessKey: c.cfg.SecretAccessKey, SessionToken: c.cfg.SessionToken}
	err = c.signer.SignHTTP(ctx, credentials, req, hex.EncodeToString(hash[:]), c.wire.model.SigningName, c.cfg.Region, c.cfg.Clock.Now())
	return req, err
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

func interrupted(op string, err error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeInterrupted, Retry: problem.RetryLater}
	return problem.FromRemote(r, "The call was stopped before anything was sent", err)
}
