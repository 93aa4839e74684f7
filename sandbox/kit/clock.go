// Package kit answers "what does every local stand-in for an outside system
// need, whatever its protocol?": a clock that can be moved, state that
// survives a kill, troubles on demand, a record of what was asked, and the
// control pages over these.
package kit

import (
	"sync"
	"time"
)

// Clock is a sandbox's own time. It follows the machine's clock plus an
// offset, or stands still when it is frozen. Safe for concurrent use. It
// satisfies internal/base/clock.Clock.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	frozen bool
	at     time.Time
}

// NewClock gives a clock that agrees with the machine's until it is moved.
func NewClock() *Clock { return &Clock{} }

// NewFrozenClock gives a clock that stands at t until it is moved.
func NewFrozenClock(t time.Time) *Clock { return &Clock{frozen: true, at: t.UTC()} }

// Now gives the sandbox's time in UTC, without a monotonic part.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

func (c *Clock) nowLocked() time.Time {
	if c.frozen {
		return c.at
	}
	return time.Now().UTC().Round(0).Add(c.offset)
}

// Advance moves the clock by d, which may be negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	c.offset += d
}

// Set moves the clock to t. A clock that runs goes on running from there.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = t.UTC()
	c.offset = time.Until(t.Round(0))
}

// Freeze stops the clock (true) where it is, or lets it run on (false) from
// where it stands.
func (c *Clock) Freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.nowLocked()
	c.frozen, c.at, c.offset = on, now, time.Until(now)
}

// Frozen says whether the clock stands still.
func (c *Clock) Frozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen
}

// Offset is how far the clock is ahead of the machine's.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen {
		return time.Until(c.at)
	}
	return c.offset
}
