package aws

import (
	"sync"
	"time"
)

// Quotas are the service's published limits (AWS Partner Central quotas page):
// a rate a second, and a count in any 24 hours, shared by all operations of a
// kind. A field of 0 takes the published value.
type Quotas struct {
	Off             bool    `json:"off"`
	WritesPerSecond float64 `json:"writes_per_second"`
	WritesPerDay    int     `json:"writes_per_day"`
	ReadsPerSecond  float64 `json:"reads_per_second"`
	ReadsPerDay     int     `json:"reads_per_day"`
}

func (q Quotas) withDefaults() Quotas {
	if q.WritesPerSecond <= 0 {
		q.WritesPerSecond = 1
	}
	if q.WritesPerDay <= 0 {
		q.WritesPerDay = 10_000
	}
	if q.ReadsPerSecond <= 0 {
		q.ReadsPerSecond = 10
	}
	if q.ReadsPerDay <= 0 {
		q.ReadsPerDay = 100_000
	}
	return q
}

// meter counts requests against the quotas. The second is the machine's, since
// clients wait in machine time; the day is the sandbox's, so that a test can
// move over it. Counts start anew with the process.
type meter struct {
	mu     sync.Mutex
	quotas Quotas
	writes window
	reads  window
}

type window struct {
	tokens float64
	filled time.Time
	day    []time.Time // times of the last 24 h, oldest first
}

func newMeter(q Quotas) *meter { return &meter{quotas: q.withDefaults()} }

// take counts one request, or says why it is refused.
func (m *meter) take(write bool, machine, sandbox time.Time) *fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.quotas.Off {
		return nil
	}
	w, rate, perDay := &m.reads, m.quotas.ReadsPerSecond, m.quotas.ReadsPerDay
	if write {
		w, rate, perDay = &m.writes, m.quotas.WritesPerSecond, m.quotas.WritesPerDay
	}
	burst := max(rate, 1)
	if w.filled.IsZero() {
		w.tokens = burst
	} else {
		w.tokens = min(burst, w.tokens+machine.Sub(w.filled).Seconds()*rate)
	}
	w.filled = machine
	old := sandbox.Add(-24 * time.Hour)
	drop := 0
	for drop < len(w.day) && !w.day[drop].After(old) {
		drop++
	}
	w.day = w.day[drop:]
	if len(w.day) >= perDay {
		return throttled("Rate exceeded: the limit for a rolling 24 hours is used up")
	}
	if w.tokens < 1 {
		return throttled("Rate exceeded")
	}
	w.tokens--
	w.day = append(w.day, sandbox)
	return nil
}

func (m *meter) set(q Quotas) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quotas = q.withDefaults()
	m.writes, m.reads = window{}, window{}
}

// usage gives the quotas in force and what the last 24 hours used of them.
func (m *meter) usage() (q Quotas, writes, reads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.quotas, len(m.writes.day), len(m.reads.day)
}
