// Package microsoft answers "how would Microsoft Partner Center answer this
// call?": a local server for the Referrals API with its token server, its
// webhooks and the seller at Microsoft who answers. It keeps state, knows the
// published statuses, paths and rules, and says no where they do. What Microsoft
// does not publish (limits, lags, the wording of a refusal) is ours and says so in
// README.md.
package microsoft

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// Solution is something that the partner published as ready for co-selling.
// Eligible says that it is an Azure IP co-sell eligible one, which a deal
// registration needs.
type Solution struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Eligible bool   `json:"eligible"`
}

// Options say how the sandbox behaves. The zero value keeps no state, lets nobody
// answer by himself, and knows two solutions.
type Options struct {
	StatePath    string // journal file; "" keeps state in memory only
	Clock        *kit.Clock
	Logger       *slog.Logger
	Faults       *kit.Faults
	ClientID     string // generated when empty, like the other credentials
	ClientSecret string
	Username     string
	Password     string
	RefreshToken string // one that is good from the start

	OrganizationID   string
	OrganizationName string
	Solutions        []Solution
	AccessTokenLife  time.Duration // one hour when 0
	RefreshTokenLife time.Duration // since its last use; 90 days when 0
	SingleUse        bool          // a refresh token is good once; its second use ends the sign-in
	CallsPerMinute   int           // of the tenant, then 429; 0 is no limit: Microsoft publishes none

	AutoSeller         bool          // a seller accepts by himself; otherwise POST /_control/seller does
	SellerDelay        time.Duration // how long he takes
	ReadAfterCreateLag time.Duration // how long reads don't find a new referral
}

// Server is the sandbox.
type Server struct {
	opt      Options
	log      *slog.Logger
	journal  *kit.Journal
	recorder *kit.Recorder
	control  *http.ServeMux
	courier  *kit.Courier
	pki      *pki

	mu    sync.Mutex
	state *state
}

// New opens the state and gives a server that is ready to serve.
func New(opt Options) (*Server, error) {
	kit.FillIn(&opt.Clock, &opt.Logger, &opt.Faults)
	for _, d := range []struct {
		to    *string
		value string
	}{
		{&opt.ClientID, uuid.NewString()},
		{&opt.ClientSecret, rand.Text() + rand.Text()[:14]},
		{&opt.Username, "cosell@partner.example"},
		{&opt.Password, rand.Text()},
		{&opt.RefreshToken, "0." + rand.Text() + rand.Text()},
		{&opt.OrganizationID, "7d23e5ca-0000-4000-8000-5e6b559f0d1d"},
		{&opt.OrganizationName, "Example ISV Inc"},
	} {
		if *d.to == "" {
			*d.to = d.value
		}
	}
	if opt.AccessTokenLife == 0 {
		opt.AccessTokenLife = time.Hour
	}
	if opt.RefreshTokenLife == 0 {
		opt.RefreshTokenLife = 90 * 24 * time.Hour
	}
	if len(opt.Solutions) == 0 {
		opt.Solutions = []Solution{{"SOL-0000-AAA", "Example DevSecOps Platform", true}, {"SOL-0000-BBB", "Example Add-on", false}}
	}
	s := &Server{opt: opt, log: opt.Logger, recorder: kit.NewRecorder(500, 16<<10), state: newState(), pki: &pki{}}
	s.courier = kit.NewCourier(opt.Logger.With("sandbox", "microsoft"))
	s.routesOfControl()
	var err error
	if s.journal, err = kit.OpenJournal(opt.StatePath); err != nil {
		return nil, fmt.Errorf("microsoft sandbox: %w", err)
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("microsoft sandbox: %w", err), s.journal.Close())
	}
	return s, nil
}

// Handler serves the APIs, the token server at /common/oauth2/, the webhooks'
// certificates at /pki/ and the control pages under /_control/. Paths are taken as
// they come: the contract lists one operation under /{id}, /{id}/ and /{id}//.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Credentials are what a client signs in with.
type Credentials struct {
	ClientID, ClientSecret, Username, Password, RefreshToken string
}

// Credentials gives what a client signs in with at first.
func (s *Server) Credentials() Credentials {
	return Credentials{s.opt.ClientID, s.opt.ClientSecret, s.opt.Username, s.opt.Password, s.opt.RefreshToken}
}

// Solutions gives what can be registered.
func (s *Server) Solutions() []Solution { return s.opt.Solutions }

// Close ends the delivery of events and closes the journal.
func (s *Server) Close() error {
	s.courier.Stop()
	return s.journal.Close()
}

// reply is an answer that is ready to be written.
type reply struct {
	status int
	header http.Header
	body   any // nil is none
}

// operation names a call as the contract does, for faults and the log.
func operation(r *http.Request) string {
	path := strings.TrimRight(r.URL.Path, "/")
	id, under := strings.CutPrefix(path, referralsPath+"/")
	switch {
	case path == tokenPath:
		return "Token"
	case strings.HasPrefix(path, hooksPath):
		return r.Method + "Webhook"
	case path == referralsPath && r.Method == http.MethodGet:
		return "GetAllReferrals"
	case path == referralsPath && r.Method == http.MethodPost:
		return "CreateReferral"
	case !under || id == "":
		return "Unknown"
	case r.Method == http.MethodGet:
		return "GetReferralById"
	case r.Method == http.MethodPut:
		return "UpdateReferralById"
	case r.Method == http.MethodPatch:
		return "PatchReferralById"
	}
	return "Unknown"
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/_control/"):
		s.control.ServeHTTP(w, r)
		return
	case strings.HasPrefix(r.URL.Path, pkiPath):
		s.serveCertificate(w, r)
		return
	}
	start := time.Now()
	requestID := uuid.NewString()
	op := operation(r)
	trouble := s.opt.Faults.Next(op)
	rec := kit.Record{Time: s.opt.Clock.Now(), Method: r.Method, Path: r.URL.RequestURI(), Operation: op, Fault: trouble.Kind, RequestID: requestID}
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
	var out reply
	if err != nil {
		out = refuse(http.StatusRequestEntityTooLarge, "invalidRequest", "The body cannot be read or is larger than 1 MiB.", "")
	} else {
		out = s.answer(r, op, body, trouble)
	}
	var raw []byte
	if out.body != nil {
		if raw, err = json.Marshal(out.body); err != nil {
			s.log.Error("microsoft sandbox: encode answer", "error", err)
			out.status, raw = http.StatusInternalServerError, nil
		}
	}
	rec.Answer = string(raw)
	for k, v := range out.header {
		w.Header()[k] = v
	}
	w.Header().Set("request-id", requestID)
	w.Header().Set("timestamp", s.opt.Clock.Now().Format(time.RFC3339))
	if id := r.Header.Get("client-request-id"); id != "" {
		w.Header().Set("client-request-id", id)
	}
	if len(raw) > 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	switch trouble.Kind {
	case kit.FaultLostReply:
		kit.CloseConnection(w)
		return
	case kit.FaultTruncate:
		kit.TruncateReply(w, out.status, raw)
		return
	}
	rec.Status = out.status
	w.WriteHeader(out.status)
	_, _ = w.Write(raw) // the caller may have gone: nothing to do about it
}

// answer does the work of one call: who, how often, what.
func (s *Server) answer(r *http.Request, op string, body []byte, trouble kit.Fault) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(); err != nil {
		s.log.Error("microsoft sandbox: due work", "error", err)
		return refuse(http.StatusInternalServerError, "generalException", "The state cannot be kept.", "")
	}
	x := &tx{Server: s, now: s.opt.Clock.Now(), r: r, body: body, lag: max(trouble.Lag, s.opt.ReadAfterCreateLag)}
	out := x.route(op, trouble.Kind)
	if err := x.commit(); err != nil {
		s.log.Error("microsoft sandbox: keep state", "operation", op, "error", err)
		return refuse(http.StatusInternalServerError, "generalException", "The state cannot be kept.", "")
	}
	if err := s.settle(); err != nil { // what is due at once happens at once, but after the answer was made
		s.log.Error("microsoft sandbox: due work", "error", err)
	}
	return out
}

func (x *tx) route(op string, trouble kit.FaultKind) reply {
	path := strings.TrimRight(x.r.URL.Path, "/")
	hook := strings.HasPrefix(path, hooksPath)
	refusal := refuse
	if hook {
		refusal = refusePartnerCenter
	}
	switch trouble {
	case kit.FaultThrottle:
		return throttled(refusal, time.Second)
	case kit.FaultError:
		return refusal(http.StatusInternalServerError, "generalException", "An unspecified error has occurred.", "")
	}
	if path == tokenPath {
		return x.token()
	}
	if path == authorizePath {
		return x.authorize()
	}
	resource := ResourceReferrals
	if hook {
		resource = ResourceWebhooks
	}
	if trouble == kit.FaultSession {
		x.endSession()
	}
	if !x.signedIn(resource) {
		return refusal(http.StatusUnauthorized, "unauthenticated", "The caller is not authenticated: the token is missing, has expired or is for another resource.", "")
	}
	if wait := x.overLimit(); wait > 0 {
		return throttled(refusal, wait)
	}
	if hook {
		return x.webhooks(strings.TrimPrefix(path, hooksPath))
	}
	id := strings.TrimPrefix(path, referralsPath+"/")
	switch op {
	case "GetAllReferrals":
		return x.list()
	case "CreateReferral":
		return x.create()
	case "GetReferralById":
		return x.get(id)
	case "PatchReferralById":
		return x.patch(id)
	case "UpdateReferralById":
		return x.replace(id)
	}
	if strings.HasPrefix(path, referralsPath) {
		return refuse(http.StatusMethodNotAllowed, "invalidRequest", "The resource does not take "+x.r.Method+".", "")
	}
	return refuse(http.StatusNotFound, "itemNotFound", "The resource could not be found.", "")
}

// overLimit counts a call and says how long to wait when there were too many.
func (x *tx) overLimit() time.Duration {
	most := x.opt.CallsPerMinute
	if most <= 0 {
		return 0
	}
	minute := x.now.Truncate(time.Minute)
	if !x.state.minute.Equal(minute) {
		x.state.minute, x.state.calls = minute, 0
	}
	if x.state.calls >= most {
		return minute.Add(time.Minute).Sub(x.now)
	}
	x.state.calls++
	return 0
}
