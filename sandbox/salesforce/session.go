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

// quota counts the API calls of a day.
type quota struct {
	mu    sync.Mutex
	limit int
	used  int
	total int
	since time.Time
}

func newQuota(limit int, now time.Time) *quota {
	if limit <= 0 {
		limit = 100_000
	}
	return &quota{limit: limit, since: now}
}

// take counts one call; ok is false when the day's calls are used up.
func (q *quota) take(now time.Time) (used, limit int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.since) >= 24*time.Hour {
		q.used, q.since = 0, now
	}
	if q.used >= q.limit {
		return q.used, q.limit, false
	}
	q.used++
	q.total++
	return q.used, q.limit, true
}

func (q *quota) state() (used, limit, total int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.used, q.limit, q.total
}

// set changes the limit and, if used is not negative, the calls used today.
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

// validationRules are rules of the organisation that refuse what is created.
type validationRules struct {
	mu       sync.Mutex
	byObject map[string]validationRule
}

// validationRule refuses the next times creations of an object, on a field.
type validationRule struct {
	field, message string
	times          int
}

func (v *validationRules) set(object string, rule validationRule) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byObject == nil {
		v.byObject = map[string]validationRule{}
	}
	v.byObject[object] = rule
}

// hit gives the rule that refuses a creation now, and counts it.
func (v *validationRules) hit(object string) (validationRule, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	rule, ok := v.byObject[object]
	if !ok {
		return rule, false
	}
	if rule.times--; rule.times <= 0 {
		delete(v.byObject, object)
	} else {
		v.byObject[object] = rule
	}
	return rule, true
}
