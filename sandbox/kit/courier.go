package kit

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// CourierConfig says what goes wrong on the way. Shares are from 0 to 1.
type CourierConfig struct {
	Duplicate   float64 `json:"duplicate"`    // deliveries that come twice
	Reorder     float64 `json:"reorder"`      // that come late, after younger ones
	Loss        float64 `json:"loss"`         // that never come
	Seed        uint64  `json:"seed"`         // of these three
	MaxAttempts int     `json:"max_attempts"` // 20 when 0
}

// Check says what is wrong with the configuration.
func (c CourierConfig) Check() error {
	for _, share := range []float64{c.Duplicate, c.Reorder, c.Loss} {
		if !(share >= 0 && share <= 1) {
			return errors.New("duplicate, reorder and loss must be shares from 0 to 1")
		}
	}
	if c.MaxAttempts < 0 {
		return errors.New("max_attempts must not be negative")
	}
	return nil
}

// CourierCounts say what became of the deliveries since Start.
type CourierCounts struct {
	Delivered int    `json:"delivered"` // taken, repeats included
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
	courierFirstRetry = 100 * time.Millisecond
	courierLastRetry  = 10 * time.Second
	courierLateBy     = 150 * time.Millisecond
)

// Post delivers one body once; again says that a failure may pass.
type Post func(ctx context.Context, body []byte) (again bool, err error)

// Courier brings bodies to a receiver: at least once, with retries, in no promised
// order. Safe for concurrent use.
type Courier struct {
	log *slog.Logger

	mu     sync.Mutex
	config CourierConfig
	counts CourierCounts
	rng    *rand.Rand
	queue  []parcel
	wake   chan struct{}
	cancel context.CancelFunc // nil while it does not run
	done   chan struct{}
}

type parcel struct {
	body    []byte
	due     time.Time
	attempt int
}

// NewCourier gives a courier that brings nothing until Start.
func NewCourier(log *slog.Logger) *Courier {
	return &Courier{log: log, wake: make(chan struct{}, 1)}
}

// Start ends what ran before and delivers what is offered from now on by post.
// Start and Stop wait for the post that is under way: post must need no lock that
// their callers hold.
func (c *Courier) Start(config CourierConfig, post Post) {
	c.Stop()
	if config.MaxAttempts == 0 {
		config.MaxAttempts = 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	c.config, c.counts, c.queue, c.rng = config, CourierCounts{}, nil, rand.New(rand.NewPCG(config.Seed, 0x6576_656e_7473))
	c.cancel, c.done = cancel, make(chan struct{})
	done := c.done
	c.mu.Unlock()
	go func() {
		defer close(done)
		c.run(ctx, post)
	}()
}

// Stop ends the delivery; what is pending is dropped.
func (c *Courier) Stop() {
	c.mu.Lock()
	cancel, done := c.cancel, c.done
	c.cancel, c.done, c.config, c.queue = nil, nil, CourierConfig{}, nil
	if cancel != nil {
		cancel() // before the lock is given up, so that a failed delivery does not come back
	}
	c.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Offer takes bodies to deliver; it never waits for their delivery. A courier that
// does not run drops them.
func (c *Courier) Offer(bodies ...[]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel == nil || len(bodies) == 0 {
		return
	}
	now := time.Now()
	for _, body := range bodies {
		lost, late, twice := c.rng.Float64() < c.config.Loss, c.rng.Float64() < c.config.Reorder, c.rng.Float64() < c.config.Duplicate
		if lost {
			c.counts.Lost++
			continue
		}
		p := parcel{body: body, due: now}
		if late {
			c.counts.Late++
			p.due = now.Add(courierLateBy)
		}
		c.queue = append(c.queue, p)
		if twice {
			c.counts.Repeated++
			p.due = p.due.Add(courierLateBy / 2)
			c.queue = append(c.queue, p)
		}
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Config gives what it was started with, the attempts filled in; nothing while it
// does not run.
func (c *Courier) Config() CourierConfig {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.config
}

// Counts says what became of the deliveries.
func (c *Courier) Counts() CourierCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.counts
	n.Pending += len(c.queue)
	return n
}

func (c *Courier) run(ctx context.Context, post Post) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p, wait, ok := c.next()
		if ok {
			c.deliver(ctx, post, p)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// next takes the parcel that is due first, or says how long to wait.
func (c *Courier) next() (p parcel, wait time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := -1
	for i := range c.queue {
		if at < 0 || c.queue[i].due.Before(c.queue[at].due) {
			at = i
		}
	}
	if at < 0 {
		return parcel{}, time.Hour, false
	}
	if wait := time.Until(c.queue[at].due); wait > 0 {
		return parcel{}, wait, false
	}
	p = c.queue[at]
	c.queue = slices.Delete(c.queue, at, at+1)
	c.counts.Pending = 1
	return p, 0, true
}

func (c *Courier) deliver(ctx context.Context, post Post, p parcel) {
	again, err := post(ctx, p.body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Pending = 0
	p.attempt++
	switch {
	case ctx.Err() != nil:
	case err == nil:
		c.counts.Delivered++
	case again && p.attempt < c.config.MaxAttempts:
		c.counts.Retried++
		c.counts.LastError = err.Error()
		p.due = time.Now().Add(min(courierFirstRetry<<min(p.attempt-1, 10), courierLastRetry))
		c.queue = append(c.queue, p)
	default:
		c.counts.Failed++
		c.counts.LastError = err.Error()
		c.log.Warn("sandbox: an event could not be delivered", "error", err, "attempts", p.attempt)
	}
}
