package psi

import (
	"fmt"
	"sync"
	"time"
)

// Guard keeps a partner from probing: asking again and again with other lists. It
// counts the exchanges and the keys of each partner within a span. It is safe for
// concurrent use; its counts are lost with the process.
type Guard struct {
	Exchanges int           // in the span, 4 by default
	Keys      int           // in the span, 4,000,000 by default
	Span      time.Duration // 30 days by default
	mu        sync.Mutex
	asked     map[string][]asked
}

type asked struct {
	at   time.Time
	keys int
}

// Allow counts an exchange with a partner that enters so many keys, or says why it
// has to wait.
func (g *Guard) Allow(partner string, keys int, now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	most, mostKeys, span := orInt(g.Exchanges, 4), orInt(g.Keys, 4_000_000), g.Span
	if span == 0 {
		span = 30 * 24 * time.Hour
	}
	var kept []asked
	sum := keys
	for _, a := range g.asked[partner] {
		if now.Sub(a.at) < span {
			kept = append(kept, a)
			sum += a.keys
		}
	}
	if len(kept) >= most || len(kept) > 0 && sum > mostKeys {
		return fmt.Errorf("%s has asked %d times lately; it may ask again on %s", partner, len(kept), kept[0].at.Add(span).Format("2 January 2006"))
	}
	if g.asked == nil {
		g.asked = map[string][]asked{}
	}
	g.asked[partner] = append(kept, asked{now, keys})
	return nil
}

func orInt(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
