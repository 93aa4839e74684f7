package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// hookConfig says where events go and what goes wrong on the way. Shares are
// from 0 to 1. A key that is empty is not sent.
type hookConfig struct {
	URL         string  `json:"url"`
	APIKey      string  `json:"api_key"`
	Header      string  `json:"header"`       // "x-api-key" when empty
	Duplicate   float64 `json:"duplicate"`    // events that come twice
	Reorder     float64 `json:"reorder"`      // events that come late, after younger ones
	Loss        float64 `json:"loss"`         // events that never come
	Seed        uint64  `json:"seed"`         // of these three
	MaxAttempts int     `json:"max_attempts"` // 20 when 0
	Replay      bool    `json:"replay"`       // deliver the events of before, too
}

// hookCounts say what became of the events since the webhook was set.
type hookCounts struct {
	Delivered int    `json:"delivered"` // deliveries that were taken, repeats included
	Retried   int    `json:"retried"`
	Failed    int    `json:"failed"` // given up
	Lost      int    `json:"lost"`
	Repeated  int    `json:"repeated"`
	Late      int    `json:"late"`
	Pending   int    `json:"pending"`
	LastError string `json:"last_error,omitempty"`
}

// Times of delivery, in the machine's time.
const (
	hookTimeout    = 5 * time.Second // that of an EventBridge API destination
	hookFirstRetry = 100 * time.Millisecond
	hookLastRetry  = 10 * time.Second
	hookLateBy     = 150 * time.Millisecond
)

// webhook posts each event to one address, as an EventBridge API destination
// does: at least once, with retries, in no promised order.
type webhook struct {
	log    *slog.Logger
	client *http.Client

	mu     sync.Mutex
	config hookConfig
	counts hookCounts
	rng    *rand.Rand
	queue  []delivery
	wake   chan struct{}
	cancel context.CancelFunc // nil while nothing is configured
	done   chan struct{}
}

type delivery struct {
	body    []byte
	due     time.Time
	attempt int
}

func newWebhook(log *slog.Logger) *webhook {
	return &webhook{log: log, client: &http.Client{Timeout: hookTimeout}, wake: make(chan struct{}, 1)}
}

// start ends what was configured before and delivers what comes from now on,
// after the events given.
func (h *webhook) start(c hookConfig, past []Event) {
	h.stop()
	if c.URL == "" {
		return
	}
	if c.Header == "" {
		c.Header = "x-api-key"
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.mu.Lock()
	h.config, h.counts, h.queue, h.rng = c, hookCounts{}, nil, rand.New(rand.NewPCG(c.Seed, 0x6576_656e_7473))
	h.cancel, h.done = cancel, make(chan struct{})
	done := h.done
	h.mu.Unlock()
	h.offer(past)
	go func() {
		defer close(done)
		h.run(ctx)
	}()
}

// stop ends the delivery; what is pending is dropped.
func (h *webhook) stop() {
	h.mu.Lock()
	cancel, done := h.cancel, h.done
	h.cancel, h.done, h.config, h.queue = nil, nil, hookConfig{}, nil
	h.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

// offer takes new events; it never waits for their delivery.
func (h *webhook) offer(events []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cancel == nil || len(events) == 0 {
		return
	}
	now := time.Now()
	for _, e := range events {
		lost, late, twice := h.rng.Float64() < h.config.Loss, h.rng.Float64() < h.config.Reorder, h.rng.Float64() < h.config.Duplicate
		if lost {
			h.counts.Lost++
			continue
		}
		body, err := json.Marshal(e)
		if err != nil {
			h.log.Error("aws sandbox: encode event", "error", err)
			continue
		}
		d := delivery{body: body, due: now}
		if late {
			h.counts.Late++
			d.due = now.Add(hookLateBy)
		}
		h.queue = append(h.queue, d)
		if twice {
			h.counts.Repeated++
			d.due = d.due.Add(hookLateBy / 2)
			h.queue = append(h.queue, d)
		}
	}
	h.signal()
}

func (h *webhook) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *webhook) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		d, wait, ok := h.next()
		if ok {
			h.deliver(ctx, d)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// next takes the delivery that is due first, or says how long to wait.
func (h *webhook) next() (d delivery, wait time.Duration, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := -1
	for i := range h.queue {
		if at < 0 || h.queue[i].due.Before(h.queue[at].due) {
			at = i
		}
	}
	if at < 0 {
		return delivery{}, time.Hour, false
	}
	if wait := time.Until(h.queue[at].due); wait > 0 {
		return delivery{}, wait, false
	}
	d = h.queue[at]
	h.queue = slices.Delete(h.queue, at, at+1)
	h.counts.Pending = 1
	return d, 0, true
}

func (h *webhook) deliver(ctx context.Context, d delivery) {
	h.mu.Lock()
	c := h.config
	h.mu.Unlock()
	again, err := h.post(ctx, c, d.body)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts.Pending = 0
	d.attempt++
	switch {
	case ctx.Err() != nil:
	case err == nil:
		h.counts.Delivered++
	case again && d.attempt < c.MaxAttempts:
		h.counts.Retried++
		h.counts.LastError = err.Error()
		d.due = time.Now().Add(min(hookFirstRetry<<min(d.attempt-1, 10), hookLastRetry))
		h.queue = append(h.queue, d)
	default:
		h.counts.Failed++
		h.counts.LastError = err.Error()
		h.log.Warn("aws sandbox: an event could not be delivered", "error", err, "attempts", d.attempt)
	}
}

// post sends one event. EventBridge tries again after 401, 407, 409, 429, any
// 5xx and when there is no answer.
func (h *webhook) post(ctx context.Context, c hookConfig, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Amazon/EventBridge/ApiDestinations")
	if c.APIKey != "" {
		r.Header.Set(c.Header, c.APIKey)
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return true, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the answer's text does not matter
	if resp.StatusCode < 300 {
		return false, nil
	}
	again = resp.StatusCode >= 500 || slices.Contains([]int{http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusConflict, http.StatusTooManyRequests}, resp.StatusCode)
	return again, errors.New("the webhook answered " + resp.Status)
}

// show gives the configuration without its key, and the counts.
func (h *webhook) show() map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, n := h.config, h.counts
	if c.APIKey != "" {
		c.APIKey = "set"
	}
	n.Pending += len(h.queue)
	return map[string]any{"config": c, "counts": n}
}

func (s *Server) controlWebhook(w http.ResponseWriter, r *http.Request) {
	var in hookConfig
	err := kit.ReadControl(r, &in)
	if err == nil && in.URL != "" {
		u, parsing := url.Parse(in.URL)
		if parsing != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			err = errors.New("url must be an http or https address; an empty one stops the delivery")
		}
	}
	for _, share := range []float64{in.Duplicate, in.Reorder, in.Loss} {
		if err == nil && !(share >= 0 && share <= 1) {
			err = errors.New("duplicate, reorder and loss must be shares from 0 to 1")
		}
	}
	if err == nil && in.MaxAttempts < 0 {
		err = errors.New("max_attempts must not be negative")
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.mu.Lock()
	var past []Event
	if in.Replay {
		past = slices.Clone(s.state.events)
	}
	s.webhook.start(in, past)
	s.mu.Unlock()
	kit.AnswerControl(w, http.StatusOK, s.webhook.show())
}
