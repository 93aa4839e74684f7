package aws

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

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
	return l
}

// Usage says how much of the daily quota this client used in the last 24 hours.
// It counts requests sent, also those that AWS refused, since the client was
// made: it forgets on a restart and does not know what other programs used.
type Usage struct {
	Reads       int `json:"reads"`
	Writes      int `json:"writes"`
	ReadsLimit  int `json:"reads_limit"`
	WritesLimit int `json:"writes_limit"`
}

// class is one quota: reads or writes.
type class struct {
	limiter *rate.Limiter
	perDay  int
	clock   clock.Clock

	mu      sync.Mutex
	minutes [dayMinutes]struct {
		minute int64
		calls  int
	}
}

const dayMinutes = 24 * 60

func newClass(perSecond float64, perDay int, c clock.Clock) *class {
	return &class{limiter: rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond))), perDay: perDay, clock: c}
}

// used gives the calls of the last 24 hours, and how long until the oldest of
// them no longer counts.
func (c *class) used() (calls int, refill time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	minute, oldest := now.Unix()/60, now.Unix()/60
	for i := range c.minutes {
		slot := &c.minutes[i]
		if slot.calls > 0 && minute-slot.minute < dayMinutes {
			calls += slot.calls
			oldest = min(oldest, slot.minute)
		}
	}
	return calls, time.Unix((oldest+dayMinutes)*60, 0).Sub(now)
}

func (c *class) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	minute := c.clock.Now().Unix() / 60
	slot := &c.minutes[minute%dayMinutes]
	if slot.minute != minute {
		slot.minute, slot.calls = minute, 0
	}
	slot.calls++
}

// take waits for the rate and counts one call; refill is set when the daily
// quota is used up, and then nothing may be sent before it.
func (c *class) take(ctx context.Context) (refill time.Duration, err error) {
	if calls, again := c.used(); calls >= c.perDay {
		return max(again, time.Second), nil
	}
	if err := c.limiter.Wait(ctx); err != nil {
		return 0, err
	}
	c.count()
	return 0, nil
}
