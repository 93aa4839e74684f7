package salesforce

import (
	"sync"
	"time"
)

// sessions are the access tokens given out. They are not kept over a restart:
// a client then meets INVALID_SESSION_ID and signs in anew.
type sessions struct {
	mu   sync.Mutex
	ttl  time.Duration
	byID map[string]*session
}

type session struct {
	userID   string
	lastUsed time.Time
}

func newSessions(ttl time.Duration) *sessions {
	if ttl <= 0 {
		ttl = 2 * time.Hour
	}
	return &sessions{ttl: ttl, byID: map[string]*session{}}
}

func (s *sessions) open(token, userID string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[token] = &session{userID: userID, lastUsed: now}
}

// user gives the session's user and renews the session.
func (s *sessions) user(token string, now time.Time) (userID string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses, ok := s.byID[token]
	if !ok {
		return "", false
	}
	if now.Sub(ses.lastUsed) > s.ttl {
		delete(s.byID, token)
		return "", false
	}
	ses.lastUsed = now
	return ses.userID, true
}

// lives says whether the session is still good, without renewing it.
func (s *sessions) lives(token string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ses, ok := s.byID[token]
	return ok && now.Sub(ses.lastUsed) <= s.ttl
}

func (s *sessions) revoke(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.byID[token]
	delete(s.byID, token)
	return ok
}

// expireAll ends every session and says how many there were.
func (s *sessions) expireAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.byID)
	clear(s.byID)
	return n
}

// The allocations that calls are counted against (limits resource).
const (
	allocAPI          = "DailyApiRequests"
	allocBatches      = "DailyBulkApiBatches"
	allocQueryJobs    = "DailyBulkV2QueryJobs"
	allocQueryStorage = "DailyBulkV2QueryFileStorageMB"
)

// newAllocations gives what an organisation of the Enterprise Edition may use
// in 24 hours (Salesforce Developer Limits and Allocations Quick Reference).
func newAllocations(apiLimit int, now time.Time) map[string]*quota {
	if apiLimit <= 0 {
		apiLimit = 100_000
	}
	out := map[string]*quota{}
	for name, limit := range map[string]int{
		allocAPI: apiLimit, allocBatches: 15_000, allocQueryJobs: 10_000, allocQueryStorage: 976_562,
		"DailyAsyncApexExecutions": 250_000, "DailyStreamingApiEvents": 50_000, "DailyWorkflowEmails": 1000,
		"DataStorageMB": 20_480, "FileStorageMB": 20_480, "HourlyTimeBasedWorkflow": 1000, "SingleEmail": 5000, "MassEmail": 5000,
	} {
		out[name] = &quota{limit: limit, since: now}
	}
	return out
}

// quota counts what is used of one allocation in a day.
type quota struct {
	mu    sync.Mutex
	limit int
	used  int
	total int
	since time.Time
}

// take counts n; ok is false, and nothing is counted, when they are more than
// the day has left.
func (q *quota) take(n int, now time.Time) (used, limit int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn(now)
	if q.used+n > q.limit {
		return q.used, q.limit, false
	}
	q.used += n
	q.total += n
	return q.used, q.limit, true
}

// turn begins a new day when the old one is over.
func (q *quota) turn(now time.Time) {
	if now.Sub(q.since) >= 24*time.Hour {
		q.used, q.since = 0, now
	}
}

func (q *quota) state(now time.Time) (used, limit, total int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn(now)
	return q.used, q.limit, q.total
}

// set changes the limit and, if used is not negative, what is used today.
func (q *quota) set(limit, used int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if limit > 0 {
		q.limit = limit
	}
	if used >= 0 {
		q.used = used
	}
}

// rowLocks are records that somebody else is said to hold.
type rowLocks struct {
	mu   sync.Mutex
	byID map[string]rowLock
}

type rowLock struct {
	times int       // how many more writes are refused; 0: not counted
	until time.Time // refused until then; zero: not timed
}

func (l *rowLocks) set(id string, lock rowLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[string]rowLock{}
	}
	l.byID[id] = lock
}

// hit says whether a write to the record is refused, and counts it.
func (l *rowLocks) hit(id string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock, ok := l.byID[id]
	if !ok {
		return false
	}
	if !lock.until.IsZero() {
		if now.Before(lock.until) {
			return true
		}
		delete(l.byID, id)
		return false
	}
	if lock.times--; lock.times <= 0 {
		delete(l.byID, id)
	} else {
		l.byID[id] = lock
	}
	return true
}
