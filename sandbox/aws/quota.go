package aws

import (
	"slices"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/facts/awsselling"
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
	own    map[string]*window // of operations with a rate of their own
}

// ownRates are the operations that the quotas page gives a rate of their own; it
// names no count in 24 hours for them.
var ownRates = map[string]float64{
	"CreateEngagement": 15, "StartProspectingFromEngagementTask": 2,
	"GetProspectingFromEngagementTask": 100, "ListProspectingFromEngagementTasks": 50,
}

type window struct {
	tokens float64
	filled time.Time
	day    []time.Time // times of the last 24 h, oldest first
}

func newMeter(q Quotas) *meter { return &meter{quotas: q.withDefaults(), own: map[string]*window{}} }

// take counts one request, or says why it is refused. A day's count that is used
// up is a ServiceQuotaExceededException where the model has one for the
// operation, else a ThrottlingException.
func (m *meter) take(op awsselling.Operation, machine, sandbox time.Time) *fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.quotas.Off {
		return nil
	}
	if rate := ownRates[op.Name]; rate > 0 {
		w := m.own[op.Name]
		if w == nil {
			w = &window{}
			m.own[op.Name] = w
		}
		if !w.spend(rate, machine) {
			return throttled("Rate exceeded")
		}
		return nil
	}
	w, rate, perDay := &m.reads, m.quotas.ReadsPerSecond, m.quotas.ReadsPerDay
	if op.Write {
		w, rate, perDay = &m.writes, m.quotas.WritesPerSecond, m.quotas.WritesPerDay
	}
	old := sandbox.Add(-24 * time.Hour)
	drop := 0
	for drop < len(w.day) && !w.day[drop].After(old) {
		drop++
	}
	w.day = w.day[drop:]
	if len(w.day) >= perDay {
		const used = "the limit for a rolling 24 hours is used up"
		if slices.Contains(op.Errors, typeQuota) {
			return quotaExceeded("Quota exceeded: " + used)
		}
		return throttled("Rate exceeded: " + used)
	}
	if !w.spend(rate, machine) {
		return throttled("Rate exceeded")
	}
	w.day = append(w.day, sandbox)
	return nil
}

// spend takes one token of a bucket that fills at rate a second.
func (w *window) spend(rate float64, now time.Time) bool {
	burst := max(rate, 1)
	if w.filled.IsZero() {
		w.tokens = burst
	} else {
		w.tokens = min(burst, w.tokens+now.Sub(w.filled).Seconds()*rate)
	}
	w.filled = now
	if w.tokens < 1 {
		return false
	}
	w.tokens--
	return true
}

func (m *meter) set(q Quotas) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quotas = q.withDefaults()
	m.writes, m.reads, m.own = window{}, window{}, map[string]*window{}
}

// usage gives the quotas in force and what the last 24 hours used of them.
func (m *meter) usage() (q Quotas, writes, reads int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.quotas, len(m.writes.day), len(m.reads.day)
}
