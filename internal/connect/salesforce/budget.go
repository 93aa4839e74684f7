package salesforce

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// recheck is how old our knowledge of the daily usage may get before one
// background call is let through to learn it anew (the allowance is a rolling
// 24 hours, so it frees itself bit by bit).
const recheck = 10 * time.Minute

// Usage is what Salesforce last said of the organization's daily calls; they
// are shared with every other integration.
type Usage struct {
	Used, Limit int
	At          time.Time // when it said so
}

type backgroundKey struct{}

// Background marks ctx as work that nobody waits for: its calls are refused,
// with problem.RetryLater, once the organization has used DailyShare of its
// daily calls. Calls without the mark go on.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, backgroundKey{}, true)
}

// Usage gives the last known daily usage; false before the first answer.
func (c *Client) Usage() (Usage, bool) {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.budget.usage, !c.budget.usage.At.IsZero()
}

type budget struct {
	share float64

	mu      sync.Mutex
	usage   Usage
	refused time.Time // when Salesforce last refused for the daily limit
	probe   time.Time // when a background call was last let through to look
}

// observe reads "api-usage=18/5000", which may be one of several comma-separated
// parts.
func (b *budget) observe(header string, now time.Time) {
	for part := range strings.SplitSeq(header, ",") {
		v, ok := strings.CutPrefix(strings.TrimSpace(part), "api-usage=")
		if !ok {
			continue
		}
		used, limit, ok := strings.Cut(v, "/")
		if !ok {
			return
		}
		u, err1 := strconv.Atoi(used)
		l, err2 := strconv.Atoi(limit)
		if err1 != nil || err2 != nil || u < 0 || l <= 0 {
			return
		}
		b.mu.Lock()
		b.usage = Usage{Used: u, Limit: l, At: now}
		if u < l {
			b.refused = time.Time{}
		}
		b.mu.Unlock()
		return
	}
}

// exhausted notes that Salesforce refused a call for its limit.
func (b *budget) exhausted(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = now
}

// allow refuses a background call when the share is used up.
func (b *budget) allow(ctx context.Context, op string, now time.Time) error {
	if marked, _ := ctx.Value(backgroundKey{}).(bool); !marked {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.usage.At
	over := !known.IsZero() && float64(b.usage.Used) >= b.share*float64(b.usage.Limit)
	if !b.refused.IsZero() {
		over = true
		if b.refused.After(known) {
			known = b.refused
		}
	}
	if !over {
		return nil
	}
	if b.probe.After(known) {
		known = b.probe
	}
	wait := known.Add(recheck).Sub(now)
	if wait <= 0 {
		b.probe = now
		return nil
	}
	return problem.FromRemote(
		problem.Remote{System: system, Operation: op, Code: codeRequestLimit, Retry: problem.RetryLater, RetryAfter: wait},
		fmt.Sprintf("Background work waits: the organization has used %d of its %d daily Salesforce calls, and Tandem leaves the last %.0f %% to people", b.usage.Used, b.usage.Limit, 100*(1-b.share)), nil)
}
