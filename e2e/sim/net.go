package sim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
)

// network carries the house's calls to the sandboxes, and loses, delays, doubles
// and garbles them. It is where the process dies at await points, and where others
// act at the same time.
type network struct {
	w        *world
	rng      *rand.Rand // of the calls to AWS
	crmRNG   *rand.Rand // of those to Salesforce, which another goroutine may make
	on       bool
	rate     float64
	injected map[string]int
	calls    map[string]int

	job    string // the kind of job that calls
	cancel context.CancelFunc
	died   string
	acting bool
	expire int // after so many calls to Salesforce the session ends; 0: it does not
}

func newNetwork(w *world, seed uint64) *network {
	return &network{w: w, rng: rand.New(rand.NewPCG(seed, 2)), crmRNG: rand.New(rand.NewPCG(seed, 3)), rate: 0.12, injected: map[string]int{}, calls: map[string]int{}}
}

// storm makes the network worse or better from now on.
func (n *network) storm() {
	n.rate = []float64{0, 0.05, 0.12, 0.3, 0.6}[n.w.rng.IntN(5)]
}

func (n *network) calm() { n.on, n.rate = false, 0 }

type side struct {
	n    *network
	name string
	to   http.Handler
}

func (n *network) side(name string, to http.Handler) http.RoundTripper { return &side{n, name, to} }

var errLost = errors.New("connection reset by peer")

// RoundTrip carries one call.
func (s *side) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	n := s.n
	op := req.Header.Get("X-Amz-Target")
	op = op[strings.LastIndexByte(op, '.')+1:]
	if s.name == "crm" {
		op = req.Method + " " + strings.TrimPrefix(req.URL.Path, "/services/data/v67.0")
	}
	n.calls[s.name+" "+op]++
	rng := n.rng
	if s.name == "crm" {
		rng = n.crmRNG
	}
	if !n.on {
		return s.pass(req, op), nil
	}
	if op == "UpdateOpportunity" && rng.IntN(2) == 0 {
		n.injected["second writer just before an update"]++
		n.w.race(s.body(req))
	}
	if recordID, ok := aboutActivity(op); ok && rng.IntN(3) == 0 {
		n.injected["second writer just before an activity is written"]++
		n.w.raceMeeting(recordID)
	}
	if s.name == "crm" {
		n.ends(op)
	}
	// Others act between what the house decided and what the server does, and
	// between that and the house hearing of it.
	n.others(s, rng)
	fault := ""
	defer func() {
		if s.name == "crm" && req.Method == http.MethodPatch && strings.Contains(op, "/Opportunity/") {
			n.w.note("the house writes %s: %s", op, fault)
		}
	}()
	rate := n.rate
	if n.job == "pull" {
		rate /= 5 // it makes many calls
	}
	if rng.Float64() < rate {
		list := awsFaults
		if s.name == "crm" {
			list = crmFaults
		}
		fault = list[rng.IntN(len(list))]
		n.injected[s.name+" "+fault]++
	}
	switch fault {
	case "lost before":
		return nil, errLost
	case "lost after":
		s.pass(req, op)
		return nil, errLost
	case "throttled":
		return reply(req, 400, `{"__type":"ThrottlingException","Message":"slow down"}`), nil
	case "fault before":
		return reply(req, 500, `{"__type":"InternalServerException","Message":"ours"}`), nil
	case "fault after":
		s.pass(req, op)
		return reply(req, 500, `{"__type":"InternalServerException","Message":"ours"}`), nil
	case "nonsense":
		return reply(req, 200, `<html>maintenance</html>`), nil
	case "session ended":
		return reply(req, 401, `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`), nil
	case "unavailable":
		return reply(req, 503, `[{"errorCode":"SERVER_UNAVAILABLE","message":"busy"}]`), nil
	case "partial":
		return s.partial(req, op, rng), nil
	case "death before":
		return n.death(s, "before a call: "+s.name+" "+op)
	case "death after":
		s.pass(req, op)
		return n.death(s, "after a call: "+s.name+" "+op)
	}
	resp := s.pass(req, op)
	n.others(s, rng)
	return resp, nil
}

var (
	awsFaults = []string{"lost before", "lost after", "lost after", "throttled", "fault before", "fault after", "nonsense", "death before", "death after", "death after"}
	crmFaults = []string{"lost before", "lost after", "lost after", "session ended", "unavailable", "nonsense", "partial", "partial", "death before", "death after"}
)

// others lets somebody act in the midst of a call of the house.
func (n *network) others(s *side, rng *rand.Rand) {
	if n.acting || n.job == "pull" || n.job == "" || s.name == "crm" || rng.Float64() > 0.06 {
		return
	}
	n.acting = true
	n.injected["second writer in the midst of a call"]++
	n.w.actOutside()
	n.acting = false
}

// death ends the process. What calls Salesforce may be another goroutine, which no
// panic can end: there the job ends by its context.
func (n *network) death(s *side, where string) (*http.Response, error) {
	if n.cancel == nil {
		return nil, errLost
	}
	if s.name == "crm" {
		n.died = where
		n.cancel()
		return nil, context.Canceled
	}
	panic(dead{where})
}

// partial lets some rows of a collection fail: their records are held by somebody.
func (s *side) partial(req *http.Request, op string, rng *rand.Rand) *http.Response {
	if !strings.Contains(op, "/composite/sobjects") {
		return s.pass(req, op)
	}
	resp := s.pass(req, op)
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp
	}
	parts := bytes.Split(body, []byte(`"success":true`))
	var out []byte
	for i, p := range parts {
		if i > 0 {
			// The row was written, and its answer says that it was not: as after a lost answer.
			if rng.IntN(3) == 0 {
				out = append(out, []byte(`"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"held","fields":[]}],"x":0`)...)
			} else {
				out = append(out, []byte(`"success":true`)...)
			}
		}
		out = append(out, p...)
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(out)), int64(len(out))
	resp.Header.Del("Content-Length")
	return resp
}

// body gives the request's body, which can be read again.
func (s *side) body(req *http.Request) []byte {
	if req.Body == nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	s.n.w.check(err)
	req.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

// pass has the server answer.
func (s *side) pass(req *http.Request, op string) *http.Response {
	s.n.w.events++
	inner := req.Clone(context.WithoutCancel(req.Context()))
	inner.Body = io.NopCloser(bytes.NewReader(s.body(req)))
	inner.RequestURI = inner.URL.RequestURI()
	inner.RemoteAddr = "127.0.0.1:1"
	if inner.Host == "" {
		inner.Host = inner.URL.Host
	}
	inner.Header.Del("Accept-Encoding")
	rec := httptest.NewRecorder()
	s.to.ServeHTTP(rec, inner)
	resp := rec.Result()
	resp.Request = req
	if recordID, ok := aboutActivity(op); ok && s.n.on && req.Method == http.MethodPatch && s.n.crmRNG.IntN(3) == 0 {
		s.n.injected["second writer just after an activity is written"]++
		s.n.w.overtake(recordID)
	}
	if s.name == "aws" && s.n.w.aws != nil {
		if resp.StatusCode == http.StatusBadRequest && strings.Contains(rec.Body.String(), "ThrottlingException") {
			s.n.w.fail("AWS's quota was exceeded by %s", op)
		}
		if op == "UpdateOpportunity" || op == "CreateOpportunity" {
			s.n.w.observe()
		}
	}
	return resp
}

// aboutActivity gives the id of the Event or Task that a call is about, or what else
// stands in its place.
func aboutActivity(op string) (recordID string, ok bool) {
	_, path, _ := strings.Cut(op, "/sobjects/")
	object, recordID, _ := strings.Cut(path, "/")
	return recordID, object == "Event" || object == "Task"
}

func reply(req *http.Request, status int, body string) *http.Response {
	rec := httptest.NewRecorder()
	rec.Header().Set("Content-Type", "application/json")
	rec.WriteHeader(status)
	_, _ = rec.WriteString(body)
	resp := rec.Result()
	resp.Request = req
	return resp
}
