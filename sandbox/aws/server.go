// Package aws answers "how would AWS Partner Central answer this call?": a
// local server for the Partner Central Selling API that keeps state, checks
// every request against the published service model and the published business
// rules, verifies signatures, and plays the AWS reviewer. What AWS does not
// publish (scores, the reviewer's taste) is ours and says so where it stands.
package aws

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

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// Options say how the sandbox behaves. The zero value serves region us-east-1
// with the published quotas, decides nothing by itself and keeps no state.
type Options struct {
	StatePath       string // journal file; "" keeps state in memory only
	Clock           *kit.Clock
	MachineTime     func() time.Time // what signatures and the quotas of a second go by; time.Now when nil
	Logger          *slog.Logger
	AccessKeyID     string // generated when empty
	SecretAccessKey string // generated when empty
	Region          string // "us-east-1" when empty
	AccountID       string // 12 digits; "123456789012" when empty
	CompanyName     string // the partner's, as it stands in invitations

	Quotas             Quotas
	TaskDelay          time.Duration // from the start of a task to its end
	ReviewDelay        time.Duration // from submission to decision, in catalog AWS
	ReadAfterCreateLag time.Duration // how long reads don't find a new opportunity
	AutoReview         bool          // an automatic reviewer decides in catalog AWS; otherwise POST /_control/review does
	Faults             *kit.Faults

	ConsultingPartner     bool // a services partner: the ISV-only edits are closed, AwsAccountId is asked at Launched
	SpecialPrograms       bool // SoftwareRevenue may change after Launched
	LockPartnerIdentifier bool // PartnerOpportunityIdentifier is locked once approved (sources differ)
	Entities              []Entity

	SnapshotJobRole    string        // ARN of the role of snapshot jobs until PutSellingSystemSettings; invented when empty
	NoSnapshotJobRole  bool          // start without such a role, as a new AWS account does
	ProspectingDelay   time.Duration // from the start of a prospecting task to its end
	MaxOpenEngagements int           // a quota of this account on engagements; 0 is none
}

// Server is the sandbox.
type Server struct {
	opt       Options
	log       *slog.Logger
	model     *awsselling.ServiceModel
	validator *validator
	facts     *facts
	signer    signer
	meter     *meter
	journal   *kit.Journal
	courier   *kit.Courier
	recorder  *kit.Recorder
	handler   http.Handler

	mu    sync.Mutex
	state *state
	hook  hookConfig // no URL while events are delivered nowhere
}

// New opens the state and gives a server that is ready to serve.
func New(opt Options) (*Server, error) {
	kit.FillIn(&opt.Clock, &opt.Logger, &opt.Faults)
	if opt.MachineTime == nil {
		opt.MachineTime = time.Now
	}
	setDefault(&opt.Region, "us-east-1")
	setDefault(&opt.AccountID, "123456789012")
	setDefault(&opt.CompanyName, "Tandem Demo Partner")
	if !opt.NoSnapshotJobRole {
		setDefault(&opt.SnapshotJobRole, "arn:aws:iam::"+opt.AccountID+":role/PartnerCentralSnapshotJobs")
	}
	setDefault(&opt.AccessKeyID, "AKIA"+rand.Text()[:16])
	setDefault(&opt.SecretAccessKey, rand.Text()+rand.Text()[:14])
	s := &Server{opt: opt, log: opt.Logger, model: awsselling.Model(), meter: newMeter(opt.Quotas), recorder: kit.NewRecorder(500, 16<<10), state: newState(), courier: kit.NewCourier(opt.Logger.With("sandbox", "aws"))}
	var err error
	if s.validator, err = newValidator(s.model); err != nil {
		return nil, err
	}
	if s.facts, err = loadFacts(); err != nil {
		return nil, err
	}
	s.signer = signer{opt.AccessKeyID, opt.SecretAccessKey, opt.Region, s.model.SigningName, opt.MachineTime}
	if s.journal, err = kit.OpenJournal(opt.StatePath); err != nil {
		return nil, fmt.Errorf("aws sandbox: %w", err)
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("aws sandbox: %w", errors.Join(err, s.journal.Close()))
	}
	mux := http.NewServeMux()
	s.registerControl(mux)
	mux.HandleFunc("/", s.serveAPI)
	s.handler = mux
	return s, nil
}

func (s *Server) open() error {
	if err := kit.ReplayChanges(s.journal, journalKind, s.state.apply); err != nil {
		return err
	}
	if err := s.journal.CompactIfLong(s.state.records(), s.state.write); err != nil {
		return err
	}
	x := s.begin(s.opt.Clock.Now())
	for _, e := range append(defaultEntities(x.now), s.opt.Entities...) {
		if _, known := s.state.entities[e.key()]; !known {
			if e.Created.IsZero() {
				e.Created = x.now
			}
			x.out.Entities = append(x.out.Entities, e)
		}
	}
	x.adopt()
	return x.commit()
}

// defaultEntities: S-1234567 is the real Sandbox catalog's default solution;
// those of catalog AWS are the demo partner's.
func defaultEntities(now time.Time) []Entity {
	made := time.Date(now.Year()-1, 1, 15, 9, 0, 0, 0, time.UTC)
	solution := func(catalog, id, name string) Entity {
		return Entity{Catalog: catalog, Type: relSolutions, ID: id, Name: name, Category: "Software Product", Status: "Active", Created: made}
	}
	return []Entity{
		solution(CatalogSandbox, "S-1234567", "Sandbox Solution"),
		solution(CatalogAWS, "S-0050001", "DevSecOps Platform"),
		solution(CatalogAWS, "S-0050002", "Application Security"),
		solution(CatalogAWS, "S-0050003", "Source Code Management"),
	}
}

func setDefault(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

// Handler serves the API at / and the control pages under /_control/.
func (s *Server) Handler() http.Handler { return s.handler }

// Credentials gives the keys that requests must be signed with.
func (s *Server) Credentials() (accessKeyID, secretAccessKey string) {
	return s.opt.AccessKeyID, s.opt.SecretAccessKey
}

// Region gives the region that requests must be signed for.
func (s *Server) Region() string { return s.opt.Region }

// AccountID gives the partner's AWS account.
func (s *Server) AccountID() string { return s.opt.AccountID }

// Close ends the delivery of events and closes the journal. Requests that
// change something fail afterwards.
func (s *Server) Close() error {
	s.courier.Stop()
	return s.journal.Close()
}

// settle does what has become due, in order of time. It needs s.mu.
func (s *Server) settle() error {
	now := s.opt.Clock.Now()
	for {
		item, ok := s.state.due.next(now)
		if !ok {
			return nil
		}
		x := s.begin(item.at)
		if t := s.state.tasks[item.id]; t != nil && t.Status == taskInProgress && t.Due.Equal(item.at) {
			x.finishTask(t)
		}
		if o := s.state.opportunities[item.id]; o != nil && o.Review.Due.Equal(item.at) {
			dup := *o
			x.advanceReview(&dup)
		}
		if inv := s.state.invitations[item.id]; inv != nil && inv.Status == invitationPending && inv.Expires.Equal(item.at) {
			x.expireInvitation(inv)
		}
		if p := s.state.prospectings[item.id]; p != nil && p.Ended.IsZero() && p.Due.Equal(item.at) {
			x.finishProspecting(p)
		}
		if err := x.commit(); err != nil {
			return err
		}
	}
}

// reply is an answer that is ready to be written.
type reply struct {
	status int
	body   []byte
	kind   string // X-Amzn-ErrorType
}

// serveAPI answers one call of the API.
func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	requestID := newRequestID()
	w.Header().Set("X-Amzn-RequestId", requestID)
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), s.model.TargetPrefix+".")
	trouble := s.opt.Faults.Next(operation)
	rec := kit.Record{Time: s.opt.Clock.Now(), Method: r.Method, Path: r.URL.RequestURI(), Operation: operation, Fault: trouble.Kind, RequestID: requestID}
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
		out = s.refuse(&fault{Status: http.StatusRequestEntityTooLarge, Type: "RequestEntityTooLargeException", Message: "The request body cannot be read or is larger than 1 MiB."})
	} else {
		out = s.answer(r, operation, body, trouble)
	}
	rec.Answer = string(out.body)
	switch trouble.Kind {
	case kit.FaultLostReply:
		kit.CloseConnection(w)
		return
	case kit.FaultTruncate:
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		kit.TruncateReply(w, out.status, out.body)
		return
	}
	rec.Status = out.status
	if out.kind != "" {
		w.Header().Set("X-Amzn-ErrorType", out.kind)
	}
	if len(out.body) > 0 {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	}
	w.WriteHeader(out.status)
	_, _ = w.Write(out.body) // the caller may have gone: nothing to do about it
}

func (s *Server) refuse(f *fault) reply {
	return reply{status: f.Status, body: f.body(s.model.Namespace), kind: f.Type}
}

// answer does the work of one call: who, what, how often, is it well-formed,
// may it be done.
func (s *Server) answer(r *http.Request, operation string, body []byte, trouble kit.Fault) reply {
	if r.Method != http.MethodPost || r.URL.Path != "/" || !strings.HasPrefix(r.Header.Get("X-Amz-Target"), s.model.TargetPrefix+".") {
		return s.refuse(&fault{Status: http.StatusNotFound, Type: typeUnknownOp, Message: "The call must be POST / with X-Amz-Target: " + s.model.TargetPrefix + ".<operation>."})
	}
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(ct) != "application/x-amz-json-1.0" {
		return s.refuse(&fault{Status: http.StatusUnsupportedMediaType, Type: typeSerialization, Message: "The Content-Type must be application/x-amz-json-1.0."})
	}
	if f := s.signer.verify(r, body); f != nil {
		return s.refuse(f)
	}
	op, known := s.model.Operations[operation]
	if !known {
		return s.refuse(&fault{Status: http.StatusNotFound, Type: typeUnknownOp, Message: "The operation " + operation + " is not known."})
	}
	switch trouble.Kind {
	case kit.FaultThrottle:
		return s.refuse(throttled("Rate exceeded"))
	case kit.FaultError:
		return s.refuse(internal())
	case kit.FaultSession:
		return s.refuse(&fault{Status: http.StatusBadRequest, Type: "ExpiredTokenException", Message: "The security token included in the request is expired"})
	}
	if f := s.meter.take(op, s.opt.MachineTime(), s.opt.Clock.Now()); f != nil {
		return s.refuse(f)
	}
	in, errs, err := s.validator.decode(op, body)
	if err != nil {
		return s.refuse(&fault{Status: http.StatusBadRequest, Type: typeSerialization, Message: err.Error()})
	}
	if c := in.str("Catalog"); len(errs) == 0 && c != "" && c != CatalogAWS && c != CatalogSandbox {
		errs = append(errs, fieldError{"Catalog", "must be AWS or Sandbox", codeValue})
	}
	if len(errs) > 0 {
		return s.refuse(invalidRequest(errs...))
	}
	handle := operations[operation]
	if handle == nil { // the model has grown since
		return s.refuse(&fault{Status: http.StatusBadRequest, Type: "UnsupportedOperationException", Message: "This sandbox does not offer " + operation + " yet."})
	}
	return s.perform(operation, handle, in)
}

func (s *Server) perform(operation string, handle handler, in doc) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(); err != nil {
		s.log.Error("aws sandbox: due work", "error", err)
		return s.refuse(internal())
	}
	x := s.begin(s.opt.Clock.Now())
	out, f := handle(x, in)
	if f != nil {
		return s.refuse(f)
	}
	if err := x.commit(); err != nil {
		s.log.Error("aws sandbox: keep state", "operation", operation, "error", err)
		return s.refuse(internal())
	}
	// What is due at once happens at once, but after the answer was made.
	if err := s.settle(); err != nil {
		s.log.Error("aws sandbox: due work", "error", err)
	}
	if out == nil {
		return reply{status: http.StatusOK}
	}
	raw, err := json.Marshal(out)
	if err != nil {
		s.log.Error("aws sandbox: encode answer", "operation", operation, "error", err)
		return s.refuse(internal())
	}
	return reply{status: http.StatusOK, body: raw}
}
