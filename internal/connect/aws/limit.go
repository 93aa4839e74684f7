package aws

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
)

// Limits are the quotas that the client keeps to on its own side. AWS gives an
// account 10 reads and 1 write a second, 100,000 reads and 10,000 writes in a
// rolling 24 hours; an account may have been granted more.
type Limits struct {
	ReadsPerSecond  float64
	WritesPerSecond float64
	ReadsPerDay     int
	WritesPerDay    int
	// Reserved is the share of a day's calls that only what a person waits for may
	// use, so that bulk work never leaves a person's edit for tomorrow; 0.05 by
	// default.
	Reserved float64
}

// DefaultLimits are AWS's published quotas (Partner Central API quotas page).
func DefaultLimits() Limits {
	return Limits{ReadsPerSecond: 10, WritesPerSecond: 1, ReadsPerDay: 100_000, WritesPerDay: 10_000}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.ReadsPerSecond <= 0 {
		l.ReadsPerSecond = d.ReadsPerSecond
	}
	if l.WritesPerSecond <= 0 {
		l.WritesPerSecond = d.WritesPerSecond
	}
	if l.ReadsPerDay <= 0 {
		l.ReadsPerDay = d.ReadsPerDay
	}
	if l.WritesPerDay <= 0 {
		l.WritesPerDay = d.WritesPerDay
	}
	if l.Reserved <= 0 || l.Reserved >= 1 {
		l.Reserved = 0.05
	}
	return l
}

// Usage says how much of the daily quota this client used in the last 24 hours.
// It counts requests sent, also those that AWS refused; what other programs used
// it does not know.
type Usage struct {
	Reads          int `json:"reads"`
	Writes         int `json:"writes"`
	ReadsLimit     int `json:"reads_limit"`
	WritesLimit    int `json:"writes_limit"`
	ReadsReserved  int `json:"reads_reserved"`
	WritesReserved int `json:"writes_reserved"`
}

// class is one quota, of reads or of writes: a bucket that fills at the rate and
// holds one second's calls, and a count of the calls of the last 24 hours. It
// begins empty, so that a program that starts anew does not exceed the rate.
type class struct {
	perSecond float64
	perDay    int
	reserved  int
	clock     clock.Clock // of the days
	pace      clock.Clock // of the seconds: the one that sleep sleeps by
	sleep     func(context.Context, time.Duration) error
	longest   time.Duration // a longer wait is refused

	mu      sync.Mutex
	tokens  float64
	filled  time.Time
	urgent  int // callers that wait before all others
	minutes [dayMinutes]minute
}

// steady is the machine's clock without the jumps of its time of day.
type steady struct{ began time.Time }

// Now gives the time that has passed on top of when it began.
func (s steady) Now() time.Time { return s.began.Round(0).Add(time.Since(s.began)) }

// minute is how many calls were made in a minute since 1970.
type minute struct {
	Minute int64 `json:"m"`
	Calls  int   `json:"n"`
}

const dayMinutes = 24 * 60

func newClass(perSecond float64, perDay int, cfg *Config) *class {
	return &class{
		perSecond: perSecond, perDay: perDay, reserved: int(float64(perDay) * cfg.Limits.Reserved),
		clock: cfg.Clock, pace: cfg.Pace, sleep: cfg.Sleep, longest: cfg.LongestWait, filled: cfg.Pace.Now(),
	}
}

// used gives the calls of the last 24 hours, and how long until the oldest of
// them no longer counts. Needs mu.
func (c *class) used(now time.Time) (calls int, refill time.Duration) {
	at := now.Unix() / 60
	oldest := at
	for i := range c.minutes {
		slot := &c.minutes[i]
		if slot.Calls > 0 && at-slot.Minute < dayMinutes {
			calls += slot.Calls
			oldest = min(oldest, slot.Minute)
		}
	}
	return calls, time.Unix((oldest+dayMinutes)*60, 0).Sub(now)
}

// count counts n calls of a minute. Needs mu.
func (c *class) count(at int64, n int) {
	slot := &c.minutes[at%dayMinutes]
	if slot.Minute != at {
		*slot = minute{Minute: at}
	}
	slot.Calls += n
}

// calls gives the calls of the last 24 hours.
func (c *class) calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := c.used(c.clock.Now())
	return n
}

// refusal says why a call may not be sent now: the day's quota, or our own pace,
// and when to come again.
type quotaRefusal struct {
	daily bool
	again time.Duration
}

// take waits for the rate and counts one call. Urgent callers go before others
// and may use what is reserved of the day.
func (c *class) take(ctx context.Context, urgent bool) (*quotaRefusal, error) {
	if urgent {
		c.wait(1)
		defer c.wait(-1)
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		refused, wait := c.try(urgent)
		switch {
		case refused != nil:
			return refused, nil
		case wait == 0:
			return nil, nil
		case wait > c.longest:
			return &quotaRefusal{again: wait}, nil
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

func (c *class) wait(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.urgent += n
}

// try takes a call if there is one, or says how long until there is.
func (c *class) try(urgent bool) (*quotaRefusal, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	budget := c.perDay
	if !urgent {
		budget -= c.reserved
	}
	if calls, again := c.used(now); calls >= budget {
		return &quotaRefusal{daily: true, again: max(again, time.Second)}, 0
	}
	paced := c.pace.Now()
	if passed := paced.Sub(c.filled); passed > 0 {
		c.tokens = min(c.tokens+passed.Seconds()*c.perSecond, max(1, c.perSecond))
	}
	c.filled = paced // also when the clock was set back
	before := 0.0
	if !urgent {
		before = float64(c.urgent)
	}
	const whole = 1 - 1e-12 // fractions of a second do not add up to it exactly
	if c.tokens-before >= whole {
		c.tokens = max(0, c.tokens-1)
		c.count(now.Unix()/60, 1)
		return nil, 0
	}
	return nil, max(time.Duration(math.Ceil((1+before-c.tokens)/c.perSecond*float64(time.Second))), time.Millisecond)
}

// Spent is the calls of the last 24 hours by minute, to be kept over a restart.
type Spent struct {
	Reads  []minute `json:"reads"`
	Writes []minute `json:"writes"`
}

// Spent gives the calls of the last 24 hours.
func (c *Client) Spent() Spent { return Spent{Reads: c.reads.spent(), Writes: c.writes.spent()} }

// Restore adds the calls that an earlier process made.
func (c *Client) Restore(s Spent) {
	c.reads.restore(s.Reads)
	c.writes.restore(s.Writes)
}

func (c *class) spent() []minute {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now().Unix() / 60
	var out []minute
	for _, m := range c.minutes {
		if m.Calls > 0 && now-m.Minute < dayMinutes {
			out = append(out, m)
		}
	}
	return out
}

func (c *class) restore(list []minute) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now().Unix() / 60
	for _, m := range list {
		if m.Calls > 0 && m.Minute <= now && now-m.Minute < dayMinutes {
			c.count(m.Minute, m.Calls)
		}
	}
}
