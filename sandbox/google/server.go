// Package google answers "how would Google Cloud's partner services answer this
// call?": a local server for the opportunities of Cloud Channel v1alpha1, for the
// OAuth token endpoint of service accounts, and for Pub/Sub over gRPC and REST. It
// keeps state, checks requests against what is known of the API (package
// facts/googlecosell), and plays Google's reviewer. What Google does not publish is
// ours and says so in README.md.
package google

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// Options say how the sandbox behaves. The zero value decides nothing by itself
// and keeps no state.
type Options struct {
	StatePath   string // journal file; "" keeps state in memory only
	Clock       *kit.Clock
	MachineTime func() time.Time // what the signing times of assertions and the quotas go by; time.Now when nil
	Logger      *slog.Logger
	Faults      *kit.Faults

	Key          *rsa.PrivateKey // of the service account; made when nil
	Project      string          // "tandem-sandbox" when empty
	PartnerID    string          // 18 characters; "001400000000000000" when empty
	NotListed    bool            // Google did not open the API to us: every call of it is refused
	NoETag       bool            // records carry no etag, as in the published reference
	FilterFields []string        // what opportunities:query filters by; DefaultFilterFields when nil
	Quotas       Quotas
	Subscription string // the name of one on the topic from the start; "" is none

	AutoReview  bool          // an automatic reviewer decides; otherwise POST /_control/review does
	ReviewDelay time.Duration // from submission to decision
}

// DefaultFilterFields are the fields that opportunities:query filters and sorts by.
// Google's page has a list that could not be read: these are a guess.
var DefaultFilterFields = []string{"state", "stage", "create_time", "update_time", "partner_opportunity_identifier"}

// Server is the sandbox.
type Server struct {
	opt      Options
	log      *slog.Logger
	journal  *kit.Journal
	recorder *kit.Recorder
	meter    *meter
	tokens   tokens
	handler  http.Handler
	rpc      *grpc.Server

	mu    sync.Mutex
	state *state
	news  chan struct{} // closed and made anew when a subscription may have something to deliver
}

// New opens the state and gives a server that is ready to serve.
func New(opt Options) (*Server, error) {
	kit.FillIn(&opt.Clock, &opt.Logger, &opt.Faults)
	if opt.MachineTime == nil {
		opt.MachineTime = time.Now
	}
	if opt.Project == "" {
		opt.Project = "tandem-sandbox"
	}
	if opt.PartnerID == "" {
		opt.PartnerID = "001400000000000000"
	}
	if opt.FilterFields == nil {
		opt.FilterFields = DefaultFilterFields
	}
	if opt.Key == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("google sandbox: make the service account's key: %w", err)
		}
		opt.Key = key
	}
	s := &Server{opt: opt, log: opt.Logger, recorder: kit.NewRecorder(500, 16<<10), meter: newMeter(opt.Quotas), state: newState(), news: make(chan struct{})}
	var err error
	if s.journal, err = kit.OpenJournal(opt.StatePath); err != nil {
		return nil, fmt.Errorf("google sandbox: %w", err)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("google sandbox: %w", errors.Join(err, s.journal.Close()))
	}
	s.rpc = newPubSub(s)
	mux := http.NewServeMux()
	s.registerControl(mux)
	mux.HandleFunc("POST /token", s.serveToken)
	for pattern, op := range apiCalls {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serveAPI(w, r, op) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serveAPI(w, r, call{name: "unknown", do: unknownCall}) })
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			s.rpc.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
	return s, nil
}

// open reads the journal and makes the topic that Google tells of opportunities on.
func (s *Server) open() error {
	if err := kit.ReplayChanges(s.journal, journalKind, s.state.apply); err != nil {
		return err
	}
	if err := s.journal.CompactIfLong(s.state.records(), s.state.write); err != nil {
		return err
	}
	x := s.begin(s.opt.Clock.Now())
	if s.state.topics[s.Topic()] == nil {
		x.out.Topics = append(x.out.Topics, &topic{Name: s.Topic()})
	}
	if err := x.commit(); err != nil || s.opt.Subscription == "" {
		return err
	}
	x = s.begin(s.opt.Clock.Now())
	if _, f := x.createSubscription("projects/"+s.opt.Project+"/subscriptions/"+s.opt.Subscription, s.Topic(), 0); f != nil && f.code != codeExists {
		return f
	}
	return x.commit()
}

// Handler serves the API, the token endpoint, Pub/Sub and the control pages. Pub/Sub
// over gRPC needs HTTP/2 without TLS: see Protocols.
func (s *Server) Handler() http.Handler { return s.handler }

// Protocols gives what a server of Handler must speak.
func Protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

// Project gives the project of the service account and the topic.
func (s *Server) Project() string { return s.opt.Project }

// Partner gives the partner that the opportunities belong to: "partners/0014…".
func (s *Server) Partner() string { return "partners/" + s.opt.PartnerID }

// Topic gives the topic that tells of opportunities.
func (s *Server) Topic() string { return "projects/" + s.opt.Project + "/topics/opportunity-events" }

// Close ends running streams and closes the journal. Requests that change something
// fail afterwards.
func (s *Server) Close() error {
	s.rpc.Stop()
	return s.journal.Close()
}

// call is one operation of the API or of Pub/Sub over REST. A scope is what the
// caller's token must have one of.
type call struct {
	name   string
	write  bool
	scopes []string
	do     func(x *tx, r *request) (any, *fault)
}

// request is what an operation looks at.
type request struct {
	*http.Request
	body  []byte
	email string // of the service account
	lag   time.Duration
}

// The scopes of Google's services.
const (
	ScopeOrder  = "https://www.googleapis.com/auth/apps.order"
	ScopePubSub = "https://www.googleapis.com/auth/pubsub"
	ScopeCloud  = "https://www.googleapis.com/auth/cloud-platform"
)

var (
	orderScopes  = []string{ScopeOrder}
	pubsubScopes = []string{ScopePubSub, ScopeCloud}
)

var apiCalls = map[string]call{
	"POST /v1alpha1/opportunities":       {"opportunities.create", true, orderScopes, createOpportunity},
	"GET /v1alpha1/opportunities:query":  {"opportunities.query", false, orderScopes, queryOpportunities},
	"GET /v1alpha1/opportunities/{id}":   {"opportunities.get", false, orderScopes, getOpportunity},
	"PATCH /v1alpha1/opportunities/{id}": {"opportunities.patch", true, orderScopes, patchOpportunity},

	"POST /v1/projects/{project}/subscriptions/{call}": {"pubsub.subscriptions", true, pubsubScopes, restSubscription},
	"PUT /v1/projects/{project}/subscriptions/{call}":  {"pubsub.subscriptions.create", true, pubsubScopes, restCreateSubscription},
	"GET /v1/projects/{project}/subscriptions/{call}":  {"pubsub.subscriptions.get", false, pubsubScopes, restGetSubscription},
}

func unknownCall(*tx, *request) (any, *fault) {
	return nil, refuse(codeNotFound, "The requested URL was not found on this server.")
}

// serveAPI answers one call over REST.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, op call) {
	start := time.Now()
	name := op.name
	if verb, ok := restVerb(r); ok {
		name = "pubsub.subscriptions." + verb
	}
	trouble := s.opt.Faults.Next(name)
	rec := kit.Record{Time: s.opt.Clock.Now(), Method: r.Method, Path: r.URL.RequestURI(), Operation: name, Fault: trouble.Kind}
	defer func() {
		rec.DurationMS = float64(time.Since(start).Microseconds()) / 1000
		s.recorder.Add(rec)
	}()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	rec.Request = string(body)
	trouble.Wait(r.Context())
	if trouble.Kind == kit.FaultReset {
		kit.CloseConnection(w)
		return
	}
	var out any
	var f *fault
	if err != nil {
		f = refuse(codeInvalid, "The request body cannot be read or is larger than 1 MiB.")
	} else {
		out, f = s.answer(&request{Request: r, body: body, lag: trouble.Lag}, op, trouble)
	}
	status, raw := f.encode(out)
	rec.Answer = string(raw)
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	switch trouble.Kind {
	case kit.FaultLostReply:
		kit.CloseConnection(w)
		return
	case kit.FaultTruncate:
		kit.TruncateReply(w, status, raw)
		return
	}
	rec.Status = status
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="invalid_token"`)
	}
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the caller may have gone: nothing to do about it
}

// answer does the work of one call: who, how often, is it well-formed, may it be
// done.
func (s *Server) answer(r *request, op call, trouble kit.Fault) (any, *fault) {
	if op.scopes != nil {
		if trouble.Kind == kit.FaultSession {
			s.tokens.end(r.Header.Get("Authorization"))
		}
		email, f := s.tokens.check(r.Header.Get("Authorization"), op.scopes, s.opt.Clock.Now())
		if f != nil {
			return nil, f
		}
		r.email = email
	}
	if s.opt.NotListed && strings.HasPrefix(op.name, "opportunities.") {
		return nil, refuse(codePermission, "The caller does not have permission").info("IAM_PERMISSION_DENIED")
	}
	switch trouble.Kind {
	case kit.FaultThrottle:
		return nil, throttled(time.Second)
	case kit.FaultError:
		return nil, refuse(codeUnavailable, "The service is currently unavailable.")
	}
	if f := s.meter.take(op, s.opt.MachineTime()); f != nil {
		return nil, f
	}
	return s.perform(func(x *tx) (any, *fault) { return op.do(x, r) })
}

// perform runs an operation under the lock, in one transaction.
func (s *Server) perform(do func(x *tx) (any, *fault)) (any, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(); err != nil {
		s.log.Error("google sandbox: due work", "error", err)
		return nil, internal()
	}
	x := s.begin(s.opt.Clock.Now())
	out, f := do(x)
	if f != nil {
		return nil, f
	}
	if err := x.commit(); err != nil {
		s.log.Error("google sandbox: keep state", "error", err)
		return nil, internal()
	}
	// What is due at once happens at once, but after the answer was made.
	if err := s.settle(); err != nil {
		s.log.Error("google sandbox: due work", "error", err)
	}
	return out, nil
}

// settle does what has become due, in order of time. It needs s.mu.
func (s *Server) settle() error {
	for {
		o := s.state.nextDue(s.opt.Clock.Now())
		if o == nil {
			return nil
		}
		x := s.begin(o.Due)
		x.advance(o.clone())
		if err := x.commit(); err != nil {
			return err
		}
	}
}
