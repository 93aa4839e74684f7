package google

import (
	"sync"
	"time"
)

// Quotas bound the calls of a minute. Google does not publish those of this API: the
// numbers are ours. A field of 0 takes the default.
type Quotas struct {
	Off             bool `json:"off"`
	WritesPerMinute int  `json:"writes_per_minute"`
	ReadsPerMinute  int  `json:"reads_per_minute"`
}

func (q Quotas) withDefaults() Quotas {
	if q.WritesPerMinute <= 0 {
		q.WritesPerMinute = 300
	}
	if q.ReadsPerMinute <= 0 {
		q.ReadsPerMinute = 600
	}
	return q
}

// meter counts the calls of each minute of the machine's time: clients wait in it.
type meter struct {
	mu     sync.Mutex
	quotas Quotas
	minute time.Time
	writes int
	reads  int
}

func newMeter(q Quotas) *meter { return &meter{quotas: q.withDefaults()} }

func (m *meter) set(q Quotas) Quotas {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quotas, m.writes, m.reads = q.withDefaults(), 0, 0
	return m.quotas
}

// take counts one call of the opportunities, or says when to come again.
func (m *meter) take(op call, now time.Time) *fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.quotas.Off || len(op.scopes) == 0 || op.scopes[0] != ScopeOrder {
		return nil
	}
	if minute := now.Truncate(time.Minute); !minute.Equal(m.minute) {
		m.minute, m.writes, m.reads = minute, 0, 0
	}
	used, limit := &m.reads, m.quotas.ReadsPerMinute
	if op.write {
		used, limit = &m.writes, m.quotas.WritesPerMinute
	}
	if *used >= limit {
		return throttled(m.minute.Add(time.Minute).Sub(now).Round(time.Millisecond))
	}
	*used++
	return nil
}
