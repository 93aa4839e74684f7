package salesforce

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

const (
	pageDefault = 2000
	pageLeast   = 200
	cursorLife  = 15 * time.Minute // without being read
	cursorsKept = 100
	queryLength = 100_000 // characters, Salesforce's limit
)

// cursors are query results that have more pages, by locator.
type cursors struct {
	mu    sync.Mutex
	next  uint64
	byID  map[string]*cursor
	order []string // oldest first
}

type cursor struct {
	mu     sync.Mutex // a result renders for one reader at a time
	result *soql.Result
	page   int
	userID string
	used   time.Time
}

func newCursors() *cursors { return &cursors{byID: map[string]*cursor{}} }

func (c *cursors) add(cur *cursor) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id := makeID("01g", c.next)
	c.byID[id] = cur
	c.order = append(c.order, id)
	for len(c.order) > cursorsKept {
		delete(c.byID, c.order[0])
		c.order = c.order[1:]
	}
	return id
}

func (c *cursors) find(id, userID string, now time.Time) (*cursor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cur, ok := c.byID[id]
	if !ok || cur.userID != userID {
		return nil, false
	}
	if now.Sub(cur.used) > cursorLife {
		delete(c.byID, id)
		return nil, false
	}
	cur.used = now
	return cur, true
}

// query answers /query?q=, /queryAll?q= and the pages that follow.
func (s *Server) query(c *call, path []string) *reply {
	if len(path) > 2 {
		return errorReply(notFound())
	}
	if len(path) == 2 {
		return s.queryMore(c, path[1])
	}
	if c.query.Has("explain") && !c.query.Has("q") {
		return errorReply(refuse("NOT_IMPLEMENTED", "Query plans (explain) are not available here"))
	}
	if !c.query.Has("q") {
		return errorReply(refuse("MALFORMED_QUERY", "unexpected token: <EOF>"))
	}
	text := c.query.Get("q")
	if len(text) > queryLength && utf8.RuneCountInString(text) > queryLength {
		return errorReply(refuse("QUERY_TOO_COMPLICATED", "The query is longer than %d characters", queryLength))
	}
	page := pageSize(c.header)
	return s.read(c, func() *reply {
		result, err := s.run(c, text, path[0] == "queryAll")
		if err != nil {
			return errorReply(err)
		}
		if result.CountOnly {
			return rawReply(http.StatusOK, []byte(`{"totalSize":`+strconv.Itoa(result.Count)+`,"done":true,"records":[]}`))
		}
		locator := ""
		if result.Len() > page {
			locator = s.cursors.add(&cursor{result: result, page: page, userID: c.userID, used: s.clock.Now()})
		}
		return rawReply(http.StatusOK, renderPage(c, result, path[0], locator, 0, page))
	})
}

func (s *Server) run(c *call, text string, all bool) (*soql.Result, *apiError) {
	plan, refused := s.prepare(text, all, c.userID, c.release())
	if refused != nil {
		return nil, refused
	}
	result, err := plan.Run(c.ctx)
	if err != nil {
		return nil, queryRefusal(err)
	}
	return result, nil
}

// prepare parses and compiles a query for a user.
func (s *Server) prepare(text string, all bool, userID string, release int) (*soql.Plan, *apiError) {
	q, err := soql.Parse(text)
	if err != nil {
		return nil, queryRefusal(err)
	}
	plan, err := soql.Prepare(q, s.source(userID), soql.Options{
		Now: s.clock.Now(), FiscalStartMonth: int(s.fiscalStart), Location: time.UTC, AllRows: all, DefaultCurrency: "USD", UserID: userID, Release: release,
	})
	if err != nil {
		return nil, queryRefusal(err)
	}
	return plan, nil
}

func queryRefusal(err error) *apiError {
	var refused *soql.Error
	if errors.As(err, &refused) {
		return refuse(refused.Code, "%s", refused.Message)
	}
	return refuse("QUERY_TIMEOUT", "Your query request was running for too long.")
}

func (s *Server) queryMore(c *call, locator string) *reply {
	gone := errorReply(refuse("INVALID_QUERY_LOCATOR", "invalid query locator"))
	id, offset, ok := strings.Cut(locator, "-")
	if !ok {
		return gone
	}
	from, err := strconv.Atoi(offset)
	id, idOK := longID(id)
	if err != nil || !idOK || from < 0 {
		return gone
	}
	cur, ok := s.cursors.find(id, c.userID, s.clock.Now())
	if !ok || from > cur.result.Len() {
		return gone
	}
	return s.read(c, func() *reply {
		cur.mu.Lock()
		defer cur.mu.Unlock()
		return rawReply(http.StatusOK, renderPage(c, cur.result, "query", id, from, cur.page))
	})
}

func renderPage(c *call, result *soql.Result, resource, locator string, from, page int) []byte {
	end := min(from+page, result.Len())
	dst := make([]byte, 0, 256+(end-from)*512)
	dst = append(dst, `{"totalSize":`...)
	dst = strconv.AppendInt(dst, int64(result.Count), 10)
	if end < result.Len() {
		dst = append(dst, `,"done":false,"nextRecordsUrl":"`...)
		dst = append(dst, c.root()+"/"+resource+"/"+locator+"-"+strconv.Itoa(end)+`"`...)
	} else {
		dst = append(dst, `,"done":true`...)
	}
	dst = append(dst, `,"records":[`...)
	for i := from; i < end; i++ {
		if i > from {
			dst = append(dst, ',')
		}
		dst = result.Record(i).AppendJSON(dst, c.version)
	}
	return append(dst, "]}"...)
}

// pageSize reads Sforce-Query-Options: batchSize=N, between 200 and 2,000.
func pageSize(h http.Header) int {
	for part := range strings.SplitSeq(h.Get("Sforce-Query-Options"), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && strings.EqualFold(strings.TrimSpace(key), "batchSize") {
			return min(max(n, pageLeast), pageDefault)
		}
	}
	return pageDefault
}
