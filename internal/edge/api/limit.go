package api

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// limiter is a token bucket for each actor: it holds perMinute tokens, and
// refills evenly in a minute. It counts in this process only.
type limiter struct {
	clock     clock.Clock
	perMinute float64

	mu      sync.Mutex
	buckets map[string]*bucket
	sweptAt time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(c clock.Clock, perMinute int) *limiter {
	return &limiter{clock: c, perMinute: float64(perMinute), buckets: map[string]*bucket{}, sweptAt: c.Now()}
}

// standing is how an actor stands after a request.
type standing struct {
	ok        bool
	remaining int
	full      time.Duration // until the bucket is full again
	wait      time.Duration // until the next token, when there is none
}

// take takes one token of the actor's, if there is one.
func (l *limiter) take(actorID string) standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	l.sweep(now)
	b, ok := l.buckets[actorID]
	if !ok {
		b = &bucket{tokens: l.perMinute, at: now}
		l.buckets[actorID] = b
	}
	b.tokens = min(l.perMinute, b.tokens+max(0, now.Sub(b.at).Minutes())*l.perMinute)
	b.at = now
	st := standing{ok: b.tokens >= 1}
	if st.ok {
		b.tokens--
	} else {
		st.wait = l.minutes((1 - b.tokens) / l.perMinute)
	}
	st.remaining, st.full = int(b.tokens), l.minutes((l.perMinute-b.tokens)/l.perMinute)
	return st
}

// sweep forgets, once a minute, the buckets that are full by now.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.sweptAt) < time.Minute {
		return
	}
	for k, b := range l.buckets {
		if now.Sub(b.at) >= time.Minute {
			delete(l.buckets, k)
		}
	}
	l.sweptAt = now
}

func (*limiter) minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }

// headers tells the caller how the bucket stands (IETF draft "RateLimit header
// fields for HTTP", the names of its versions 03 to 06).
func (l *limiter) headers(h http.Header, st standing) {
	h.Set("RateLimit-Limit", strconv.Itoa(int(l.perMinute)))
	h.Set("RateLimit-Policy", fmt.Sprintf("%d;w=60", int(l.perMinute)))
	h.Set("RateLimit-Remaining", strconv.Itoa(st.remaining))
	h.Set("RateLimit-Reset", seconds(st.full))
}

func (l *limiter) refusal(st standing) error {
	return problem.TooMany("rate_limited", fmt.Sprintf("More than %d requests in a minute: wait %s seconds", int(l.perMinute), seconds(st.wait)), st.wait)
}
