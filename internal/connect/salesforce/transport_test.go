package salesforce

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const (
	htmlPage = "<html><head><title>Down for maintenance</title></head><body>Sorry</body></html>"
	locked   = `[{"message":"unable to obtain exclusive access to this record","errorCode":"UNABLE_TO_LOCK_ROW","fields":[]}]`
)

// inTurn answers with one handler after the other, the last one for ever.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	turn := make(chan int, 1)
	turn <- 0
	return func(w http.ResponseWriter, r *http.Request) {
		n := <-turn
		turn <- min(n+1, len(handlers)-1)
		handlers[n](w, r)
	}
}

// hangUp drops the connection without an answer, once the request was read.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestReadsAreRepeatedOnPassingFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]http.HandlerFunc{
		"a page of HTML with 503": reply(503, htmlPage),
		"502 without a body":      reply(502, ""),
		"SERVER_UNAVAILABLE":      reply(503, `[{"message":"busy","errorCode":"SERVER_UNAVAILABLE"}]`),
		"a lock":                  reply(400, locked),
		"429":                     reply(429, ""),
		"a dropped connection":    hangUp,
		"an answer that breaks off": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"Daily`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, inTurn(fault, fault, reply(200, `{}`)))
			c, s := newClient(t, f)
			if err := c.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			if name == "a dropped connection" {
				return // net/http itself repeats a GET on a reused connection
			}
			if len(s.all) != 2 || s.all[0] < firstPause/2 || s.all[0] > 3*firstPause/2 || s.all[1] < firstPause {
				t.Errorf("pauses %v", s.all)
			}
		})
	}
}

func TestRepeatsEndAndKeepStatusAndClass(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(503, htmlPage))
	c, _ := newClient(t, f)
	e := wantRemote(t, c.Ping(t.Context()), problem.RetrySoon, "HTTP_503", 503)
	if !strings.Contains(e.Message, "a web page instead of data") {
		t.Errorf("message %q", e.Message)
	}
	if _, calls := f.seen(); len(calls) != 3 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestErrorsKeepClassCodeAndFields(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		retry  problem.Retry
		code   string
	}{
		{400, `[{"message":"\nSELECT BAD\n^\nERROR at Row:1:Column:8","errorCode":"MALFORMED_QUERY"}]`, problem.RetryHuman, "MALFORMED_QUERY"},
		{400, `[{"message":"Sold needs a close date","errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","fields":["CloseDate"]}]`, problem.RetryHuman, "FIELD_CUSTOM_VALIDATION_EXCEPTION"},
		{404, `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`, problem.RetryHuman, "NOT_FOUND"},
		{403, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`, problem.RetryLater, "REQUEST_LIMIT_EXCEEDED"},
		{400, `[{"message":"Your query request was running for too long.","errorCode":"QUERY_TIMEOUT"}]`, problem.RetryLater, "QUERY_TIMEOUT"},
		{403, `[{"message":"storage limit exceeded","errorCode":"STORAGE_LIMIT_EXCEEDED"}]`, problem.RetryHuman, "STORAGE_LIMIT_EXCEEDED"},
		{410, ``, problem.RetryHuman, "HTTP_410"},
		{400, htmlPage, problem.RetryHuman, "HTTP_400"},
		{400, `{"surprise":1}`, problem.RetryHuman, "HTTP_400"},
		{400, `[]`, problem.RetryHuman, "HTTP_400"},
		{400, `[1,2`, problem.RetryHuman, "HTTP_400"},
		{301, ``, problem.RetryHuman, "REDIRECT"},
	} {
		f := newFake(t, reply(tt.status, tt.body))
		c, s := newClient(t, f)
		e := wantRemote(t, c.Ping(t.Context()), tt.retry, tt.code, tt.status)
		if len(s.all) != 0 {
			t.Errorf("%s was repeated", tt.code)
		}
		if tt.code == "FIELD_CUSTOM_VALIDATION_EXCEPTION" && (len(e.Fields) != 1 || e.Fields[0].Field != "CloseDate" || !strings.Contains(e.Message, "Sold needs")) {
			t.Errorf("%+v", e)
		}
	}
}

func TestErrorTextOf128KBIsKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 64<<10)
	f := newFake(t, reply(400, `[{"message":"`+long+`","errorCode":"CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"}]`))
	c, _ := newClient(t, f)
	e := wantRemote(t, c.Ping(t.Context()), problem.RetryHuman, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", 400)
	if !strings.Contains(e.Message, long) {
		t.Error("the text was cut")
	}
}

func TestCreateIsNeverSentAgainAfterAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault  http.HandlerFunc
		code   string
		status int
	}{
		"the reply is lost":              {hangUp, "NO_ANSWER", 0},
		"a gateway answers":              {reply(504, htmlPage), "HTTP_504", 504},
		"a page of HTML with 503":        {reply(503, htmlPage), "HTTP_503", 503},
		"Salesforce broke in the middle": {reply(500, `[{"message":"An unexpected error","errorCode":"UNKNOWN_EXCEPTION"}]`), "UNKNOWN_EXCEPTION", 500},
		"the success can't be read":      {reply(201, `<html>`), "UNREADABLE_ANSWER", 201},
		"the success breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(http.StatusCreated)
			io.WriteString(w, `{"id":"006`)
		}, "NO_ANSWER", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, inTurn(tt.fault, reply(201, `{"id":"006000000000001AAA","success":true}`)))
			c, _ := newClient(t, f)
			_, err := c.Create(t.Context(), "Task", Fields{"Subject": "x"})
			wantRemote(t, err, problem.RetryUnsure, tt.code, tt.status)
			if _, calls := f.seen(); len(calls) != 1 {
				t.Errorf("%d creates", len(calls))
			}
		})
	}
}

func TestCreateIsRepeatedWhereItSurelyDidNotAct(t *testing.T) {
	t.Parallel()
	f := newFake(t, inTurn(reply(400, locked), reply(503, `[{"message":"busy","errorCode":"SERVER_UNAVAILABLE"}]`), reply(201, `{"id":"006000000000001","success":true}`)))
	c, _ := newClient(t, f)
	id, err := c.Create(t.Context(), "Task", Fields{"Subject": "x"})
	if err != nil || id != "006000000000001AAA" {
		t.Errorf("%s, %v", id, err)
	}
}

// A connection that was never made carried nothing.
func TestCreateIsRepeatedWhenNoConnectionWasMade(t *testing.T) {
	t.Parallel()
	f := newFake(t, inTurn(reply(200, `{}`), reply(201, `{"id":"006000000000001AAA","success":true}`)))
	var fail bool
	c, s := newClient(t, f, func(cfg *Config) {
		cfg.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if fail {
				fail = false
				return nil, errors.New("no route to host")
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
	})
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	fail = true
	if _, err := c.Create(t.Context(), "Task", Fields{"Subject": "x"}); err != nil {
		t.Fatal(err)
	}
	if len(s.all) != 1 {
		t.Errorf("pauses %v", s.all)
	}
}

func TestServerThatIsDownIsAPassingFault(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `{}`))
	c, _ := newClient(t, f)
	f.Close()
	_, err := c.Create(t.Context(), "Task", Fields{"Subject": "x"})
	wantRemote(t, err, problem.RetrySoon, "NO_ANSWER", 0)
	if strings.Contains(err.Error(), "client_secret") {
		t.Error(err)
	}
}

func TestCancelStopsAReadAtOnceAndLeavesACreateUnknown(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	arrived := make(chan struct{}, 2)
	f := newFake(t, func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-slow
	})
	t.Cleanup(func() { close(slow) })
	c, _ := newClient(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if err := c.Ping(ctx); !errors.Is(err, context.Canceled) || problem.RemoteOf(err) != nil {
		t.Errorf("read: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := c.Create(ctx, "Task", Fields{"Subject": "x"})
	wantRemote(t, err, problem.RetryUnsure, "NO_ANSWER", 0)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("create: %v", err)
	}
}

func TestOneTryIsBoundInTime(t *testing.T) {
	t.Parallel()
	slow := make(chan struct{})
	f := newFake(t, inTurn(func(http.ResponseWriter, *http.Request) { <-slow }, reply(200, `{}`)))
	t.Cleanup(func() { close(slow) })
	c, s := newClient(t, f, func(cfg *Config) { cfg.Timeout = 300 * time.Millisecond })
	if err := c.Ping(t.Context()); err != nil || len(s.all) != 1 {
		t.Errorf("%v, pauses %v", err, s.all)
	}
}

func TestRetryAfterIsHonouredAndLongOnesAreLeftToTheCaller(t *testing.T) {
	t.Parallel()
	wait := func(v string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", v)
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	f := newFake(t, inTurn(wait("7"), wait(start.Add(9*time.Second).Format(http.TimeFormat)), reply(200, `{}`)))
	c, s := newClient(t, f)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.all) != 2 || s.all[0] != 7*time.Second || s.all[1] != 9*time.Second {
		t.Errorf("pauses %v", s.all)
	}
	f = newFake(t, wait("3600"))
	c, s = newClient(t, f)
	e := wantRemote(t, c.Ping(t.Context()), problem.RetrySoon, "HTTP_503", 503)
	if len(s.all) != 0 || e.RetryAfter != time.Hour {
		t.Errorf("pauses %v, retry after %v", s.all, e.RetryAfter)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	other := newFake(t, reply(200, `{}`))
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/elsewhere", http.StatusTemporaryRedirect)
	})
	c, _ := newClient(t, f)
	wantRemote(t, c.Ping(t.Context()), problem.RetryHuman, "REDIRECT", 307)
	if _, calls := other.seen(); len(calls) != 0 {
		t.Error("the session token went to another host")
	}
}

func TestGzipAnswersAreRead(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, `{"DailyApiRequests":{"Max":1,"Remaining":1}}`)
		z.Close()
	})
	c, _ := newClient(t, f)
	if l, err := c.Limits(t.Context()); err != nil || len(l) != 1 {
		t.Errorf("%v, %v", l, err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	pr, pw := io.Pipe()
	go func() {
		z := gzip.NewWriter(pw)
		chunk := make([]byte, 1<<16)
		for {
			if _, err := z.Write(chunk); err != nil {
				return
			}
		}
	}()
	resp := &http.Response{Header: http.Header{"Content-Encoding": {"gzip"}}, Body: pr, ContentLength: -1}
	body, err := readBody(resp, 1<<20, 0)
	pr.Close()
	if err == nil || len(body) != 1<<20 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func TestBackgroundCallsStopAtTheDailyShareAndOthersGoOn(t *testing.T) {
	t.Parallel()
	used := 79
	f := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/100, per-app-api-usage=3/20(appName=x)", used))
		io.WriteString(w, `{}`)
		used++
	})
	now := clock.NewFake(start)
	c, _ := newClient(t, f, func(cfg *Config) { cfg.Clock = now })
	if _, known := c.Usage(); known {
		t.Error("usage known before any call")
	}
	back := Background(t.Context())
	for range 2 {
		if err := c.Ping(back); err != nil {
			t.Fatal(err)
		}
	}
	if u, known := c.Usage(); !known || u != (Usage{80, 100, start}) {
		t.Errorf("usage %v", u)
	}
	now.Advance(time.Minute)
	e := wantRemote(t, c.Ping(back), problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 0)
	if e.RetryAfter != 9*time.Minute {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("interactive: %v", err)
	}
	now.Advance(recheck)
	used = 10
	if err := c.Ping(back); err != nil {
		t.Errorf("nobody looked again: %v", err)
	}
	if err := c.Ping(back); err != nil {
		t.Errorf("the allowance freed itself, but %v", err)
	}
}

func TestSpentDailyLimitHoldsBackgroundCallsUntilOneHasLooked(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(403, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`))
	now := clock.NewFake(start)
	c, _ := newClient(t, f, func(cfg *Config) { cfg.Clock = now })
	back := Background(t.Context())
	wantRemote(t, c.Ping(back), problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 403)
	wantRemote(t, c.Ping(back), problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 0)
	now.Advance(recheck)
	f.api = reply(200, `{}`)
	if err := c.Ping(back); err != nil {
		t.Error(err)
	}
	if _, calls := f.seen(); len(calls) != 2 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestTooManyConcurrentCallsDoNotCountAsASpentDay(t *testing.T) {
	t.Parallel()
	f := newFake(t, inTurn(reply(403, `[{"message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`), reply(200, `{}`)))
	c, _ := newClient(t, f)
	back := Background(t.Context())
	e := wantRemote(t, c.Ping(back), problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 403)
	if e.RetryAfter != 30*time.Second {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	if err := c.Ping(back); err != nil {
		t.Error(err)
	}
}
