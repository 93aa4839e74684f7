package salesforce

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const (
	firstPause = 500 * time.Millisecond // doubled with each try, as jsforce does
	maxPause   = 30 * time.Second       // longer waits are the caller's: the error says how long
)

// call is one request before it is tied to a session.
type call struct {
	op          string // the name that errors and logs carry
	method      string
	host        string // set: goes there without a session and without the budget guard
	path        string // escaped; below /services/data/vNN.0 unless it begins with /services/
	query       url.Values
	header      map[string]string
	body        []byte
	makeBody    func() ([]byte, error) // instead of body: made anew for each try
	contentType string
	idempotent  bool  // doing it twice is as good as once
	also        []int // statuses besides 200, 201 and 204 that are no error
	sizeHint    int   // expected bytes of the answer
	accept      string
	streamed    bool // a good answer's body is read by the caller, who closes it
}

// answer is a reply: whole, or with the body still to be read. asked is Salesforce's
// time when it was asked, zero where it does not tell its time.
type answer struct {
	status int
	asked  time.Time
	header http.Header
	body   []byte
	stream io.ReadCloser
}

func (cl call) accepts(status int) bool {
	return status == http.StatusOK || status == http.StatusCreated || status == http.StatusNoContent || slices.Contains(cl.also, status)
}

// do sends a call with a session, renews the session once if it ended, and
// repeats on passing faults what may be repeated.
func (c *Client) do(ctx context.Context, cl call) (*answer, error) {
	if err := onlyRead(ctx, cl); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(cl.path, "/services/") {
		v, err := c.apiVersion(ctx)
		if err != nil {
			return nil, err
		}
		cl.path = "/services/data/" + v + cl.path
	}
	return c.exchange(ctx, cl)
}

func (c *Client) exchange(ctx context.Context, cl call) (*answer, error) {
	renewed := false
	var ended *session
	for try := 1; ; try++ {
		var s *session
		if cl.host == "" {
			var err error
			if s, err = c.signedIn(ctx, ended); err != nil {
				return nil, err
			}
			if err = c.budget.allow(ctx, cl.op, c.clock.Now()); err != nil {
				return nil, err
			}
		}
		ans, sent, err := c.send(ctx, s, cl)
		if err == nil && cl.accepts(ans.status) {
			return ans, nil
		}

		var failure *problem.Error
		unsure := false // whether the other side may have acted
		if err != nil {
			failure = noAnswer(cl.op, err)
			unsure = sent
		} else {
			failure = refusal(cl.op, ans, c.clock.Now())
			unsure = !surelyRefused(ans.status, failure.Remote.Code)
			if s == nil && failure.Remote.Retry == problem.RetryReauth {
				failure.Remote.Retry, failure.Code = problem.RetryHuman, "remote_"+string(problem.RetryHuman)
			}
			if failure.Remote.Code == codeRequestLimit && !strings.Contains(failure.Message, "Concurrent") {
				c.budget.exhausted(c.clock.Now())
			}
		}
		if unsure && !cl.idempotent {
			failure.Remote.Retry = problem.RetryUnsure
			failure.Code = "remote_" + string(problem.RetryUnsure)
			failure.Message = "Salesforce may or may not have carried out " + cl.op + ": look before repeating it. " + failure.Message
			return nil, failure
		}
		if err != nil && ctx.Err() != nil {
			return nil, fmt.Errorf("salesforce %s: %w", cl.op, ctx.Err())
		}
		if _, broken := errors.AsType[*problem.Error](err); broken {
			return nil, err
		}

		if failure.Remote.Retry == problem.RetryReauth && s != nil && !renewed {
			renewed, ended = true, s
			try--
			continue
		}
		if failure.Remote.Retry != problem.RetrySoon || failure.Remote.Code == codeQueryLocator || try >= c.cfg.MaxAttempts {
			return nil, failure
		}
		wait := pause(try, failure.Remote.RetryAfter)
		if deadline, ok := ctx.Deadline(); wait > maxPause || (ok && time.Until(deadline) < wait) {
			return nil, failure
		}
		c.log.DebugContext(ctx, "salesforce: again after a passing fault", "op", cl.op, "try", try, "wait", wait, "code", failure.Remote.Code, "status", failure.Remote.Status)
		if err := c.sleep(ctx, wait); err != nil {
			return nil, failure
		}
	}
}

// pause doubles from half a second with ±50 % jitter; what the server asks for
// is the least.
func pause(try int, asked time.Duration) time.Duration {
	d := min(firstPause<<min(try-1, 10), maxPause/2)
	d = d/2 + rand.N(d)
	return max(d, asked)
}

// send makes one try. sent is false only if surely not a byte of the request
// reached the other side.
func (c *Client) send(ctx context.Context, s *session, cl call) (ans *answer, sent bool, err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	ctx, wait := stalling(ctx, c.cfg.Timeout)
	release := func() { wait.end(); <-c.slots }
	handedOver := false
	defer func() {
		if !handedOver {
			release()
		}
	}()

	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})

	req, err := c.request(ctx, s, cl)
	if err != nil {
		return nil, false, err
	}
	began := c.clock.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, !asked.Load() || connected.Load(), withoutURL(err)
	}
	c.budget.observe(resp.Header.Get("Sforce-Limit-Info"), c.clock.Now())
	var there time.Time
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		there = t.Add(-c.clock.Now().Sub(began))
	}
	if cl.streamed && cl.accepts(resp.StatusCode) {
		body, err := newStream(resp, wait, release)
		if err != nil {
			return nil, true, err
		}
		handedOver = true
		return &answer{status: resp.StatusCode, asked: there, header: resp.Header, stream: body}, true, nil
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up: nothing to learn
	limit := maxBody
	if !cl.accepts(resp.StatusCode) {
		limit = maxErrorBody
	}
	body, err := readBody(resp, limit, cl.sizeHint)
	c.log.DebugContext(ctx, "salesforce: call", "op", cl.op, "status", resp.StatusCode, "bytes", len(body), "took", c.clock.Now().Sub(began), "err", err)
	if err != nil && cl.accepts(resp.StatusCode) {
		return nil, true, fmt.Errorf("the answer (HTTP %d) broke off: %w", resp.StatusCode, err)
	}
	return &answer{status: resp.StatusCode, asked: there, header: resp.Header, body: body}, true, nil
}

func (c *Client) request(ctx context.Context, s *session, cl call) (*http.Request, error) {
	host := cl.host
	if s != nil {
		host = s.instance
	}
	address := host + cl.path
	if len(cl.query) > 0 {
		address += "?" + cl.query.Encode()
	}
	body := cl.body
	if cl.makeBody != nil {
		var err error
		if body, err = cl.makeBody(); err != nil {
			return nil, err
		}
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, address, reader)
	if err != nil {
		return nil, problem.Invalid("address", "malformed", "the address of this call can't be built: "+withoutURL(err).Error())
	}
	req.Header.Set("Accept", cmp.Or(cl.accept, "application/json"))
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Sforce-Call-Options", "client="+c.cfg.ClientName)
	if body != nil {
		ct := cl.contentType
		if ct == "" {
			ct = "application/json; charset=utf-8"
		}
		req.Header.Set("Content-Type", ct)
	}
	if s != nil {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	for k, v := range cl.header {
		req.Header.Set(k, v)
	}
	return req, nil
}

// readBody undoes gzip and reads at most limit bytes; more is an error.
func readBody(resp *http.Response, limit, hint int) ([]byte, error) {
	var r io.Reader = resp.Body
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(resp.Body)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		r = z
	} else if n := resp.ContentLength; n > 0 && n <= int64(limit) {
		hint = int(n)
	}
	var buf bytes.Buffer
	buf.Grow(min(max(hint, 512), limit) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(r, int64(limit)+1)); err != nil {
		return buf.Bytes(), err
	}
	if buf.Len() > limit {
		return buf.Bytes()[:limit], fmt.Errorf("it is longer than %d bytes", limit)
	}
	return buf.Bytes(), nil
}

// withoutURL drops the address, whose query may hold customers' data.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// retryAfter reads seconds or an HTTP date; 0 if there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n < 1e6 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// escapeSegment percent-encodes one path segment, "/" and the names "." and
// ".." included.
func escapeSegment(s string) string {
	e := url.PathEscape(s)
	if strings.Trim(e, ".") == "" {
		e = strings.ReplaceAll(e, ".", "%2E")
	}
	return e
}
