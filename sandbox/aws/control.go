package aws

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// registerControl adds the pages with which a person or a test plays AWS. They
// need no signature: the sandbox listens on loopback only.
//
//	/_control/clock, faults, log          see kit.Control
//	GET  /_control/opportunities          everything, AWS's side too
//	POST /_control/review                 {"opportunity","decision","reason","comments"}
//	POST /_control/aws-update             {"opportunity","stage","next_steps","target_close_date","closed_lost_reason","cosell_motion","team"}
//	POST /_control/edit                   {"opportunity","set":{"LifeCycle.NextSteps":"…"}}: another partner user in the portal
//	GET, POST /_control/solutions         {"catalog","id","name","category","status"} or a list of these
//	GET, POST /_control/entities          the same with "type", for Marketplace offers, products and solutions
//	GET  /_control/events?after=ID&n=     outgoing events, oldest first
//	GET, POST /_control/quotas            {"off","writes_per_second",…}
//	GET  /_control/engagements            engagements, invitations and snapshot jobs
//	POST /_control/refer                  AWS invites us: see referral; {} invents everything
//	POST /_control/engagement-update      {"engagement","title","description","context","type","payload"}: AWS changes an engagement
//	POST /_control/invitation             {"invitation","decision","reason"}: the receiver answers, or it expires
//	GET, POST, DELETE /_control/webhook   where events go: see hookConfig
func (s *Server) registerControl(mux *http.ServeMux) {
	kit.Control{Clock: s.opt.Clock, Faults: s.opt.Faults, Recorder: s.recorder, Moved: s.settleNow}.Register(mux)
	mux.HandleFunc("GET /_control/opportunities", s.controlOpportunities)
	mux.HandleFunc("POST /_control/review", s.controlReview)
	mux.HandleFunc("POST /_control/aws-update", s.controlAWSUpdate)
	mux.HandleFunc("POST /_control/edit", s.controlEdit)
	mux.HandleFunc("GET /_control/solutions", func(w http.ResponseWriter, _ *http.Request) { s.controlEntities(w, relSolutions) })
	mux.HandleFunc("POST /_control/solutions", func(w http.ResponseWriter, r *http.Request) { s.controlSeed(w, r, relSolutions) })
	mux.HandleFunc("GET /_control/entities", func(w http.ResponseWriter, _ *http.Request) { s.controlEntities(w, "") })
	mux.HandleFunc("POST /_control/entities", func(w http.ResponseWriter, r *http.Request) { s.controlSeed(w, r, "") })
	mux.HandleFunc("GET /_control/events", s.controlEvents)
	mux.HandleFunc("GET /_control/quotas", func(w http.ResponseWriter, _ *http.Request) { s.answerQuotas(w) })
	mux.HandleFunc("POST /_control/quotas", s.controlQuotas)
	mux.HandleFunc("GET /_control/engagements", s.controlShared)
	mux.HandleFunc("POST /_control/refer", s.controlRefer)
	mux.HandleFunc("POST /_control/engagement-update", s.controlEngagement)
	mux.HandleFunc("POST /_control/invitation", s.controlInvitation)
	mux.HandleFunc("POST /_control/webhook", s.controlWebhook)
	mux.HandleFunc("GET /_control/webhook", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answerWebhook(w)
	})
	mux.HandleFunc("DELETE /_control/webhook", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.setHook(hookConfig{})
		s.answerWebhook(w)
	})
	mux.HandleFunc("/_control/", func(w http.ResponseWriter, r *http.Request) {
		kit.RefuseControl(w, http.StatusNotFound, fmt.Errorf("there is no control page %s %s", r.Method, r.URL.Path))
	})
}

func (s *Server) settleNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(); err != nil {
		s.log.Error("aws sandbox: due work", "error", err)
	}
}

// controlError carries the status of a refused control request.
type controlError struct {
	status int
	err    error
}

func (e controlError) Error() string { return e.err.Error() }
func (e controlError) Unwrap() error { return e.err }

func refuseControl(status int, format string, args ...any) error {
	return controlError{status, fmt.Errorf(format, args...)}
}

// act runs a control request's change under the lock and answers with what it
// gives.
func (s *Server) act(w http.ResponseWriter, do func(x *tx) (any, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := func() (any, error) {
		if err := s.settle(); err != nil {
			return nil, err
		}
		x := s.begin(s.opt.Clock.Now())
		out, err := do(x)
		if err != nil {
			return nil, err
		}
		return out, x.commit()
	}()
	var refused controlError
	switch {
	case errors.As(err, &refused):
		kit.RefuseControl(w, refused.status, err)
	case err != nil:
		kit.RefuseControl(w, http.StatusInternalServerError, err)
	default:
		kit.AnswerControl(w, http.StatusOK, out)
	}
}

func (x *tx) controlled(id string) (*opportunity, error) {
	o := x.s.state.opportunities[id]
	if o == nil {
		return nil, refuseControl(http.StatusNotFound, "there is no opportunity %q", id)
	}
	dup := *o
	return &dup, nil
}

func (s *Server) controlOpportunities(w http.ResponseWriter, _ *http.Request) {
	s.act(w, func(x *tx) (any, error) {
		list := make([]*opportunity, 0, len(s.state.opportunities))
		for _, o := range s.state.opportunities {
			list = append(list, o)
		}
		slices.SortFunc(list, func(a, b *opportunity) int { return strings.Compare(padded(a.ID), padded(b.ID)) })
		return map[string]any{"opportunities": list, "now": x.now}, nil
	})
}

func (s *Server) controlReview(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity string `json:"opportunity"`
		Decision    string `json:"decision"`
		Reason      string `json:"reason"`
		Comments    string `json:"comments"`
	}
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.act(w, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		if !slices.Contains([]string{statusInReview, statusApproved, statusActionRequired, statusRejected}, in.Decision) {
			return nil, refuseControl(http.StatusBadRequest, `decision must be "In review", "Approved", "Action Required" or "Rejected", not %q`, in.Decision)
		}
		if o.Review.Status != statusSubmitted && o.Review.Status != statusInReview {
			return nil, refuseControl(http.StatusConflict, "the opportunity is %s, not under review", o.Review.Status)
		}
		x.decide(o, decision{in.Decision, in.Reason, in.Comments})
		return o, nil
	})
}

func (s *Server) controlAWSUpdate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity      string           `json:"opportunity"`
		Stage            string           `json:"stage"`
		NextSteps        string           `json:"next_steps"`
		TargetCloseDate  string           `json:"target_close_date"`
		ClosedLostReason string           `json:"closed_lost_reason"`
		CosellMotion     string           `json:"cosell_motion"`
		ChangeReason     string           `json:"involvement_type_change_reason"`
		Team             []map[string]any `json:"team"`
	}
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.act(w, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		if o.Involvement == "" {
			return nil, refuseControl(http.StatusConflict, "the opportunity was not submitted: AWS has no side of it")
		}
		var errs []fieldError
		set := func(target *string, value, shape, name string) {
			if value != "" {
				s.validator.check(shape, name, value, &errs)
				*target = value
			}
		}
		set(&o.AWS.Stage, in.Stage, "AwsOpportunityStage", "stage")
		set(&o.AWS.TargetCloseDate, in.TargetCloseDate, "Date", "target_close_date")
		set(&o.AWS.ClosedLostReason, in.ClosedLostReason, "AwsClosedLostReason", "closed_lost_reason")
		set(&o.AWS.ChangeReason, in.ChangeReason, "InvolvementTypeChangeReason", "involvement_type_change_reason")
		set(&o.AWS.Motion, in.CosellMotion, "String", "cosell_motion")
		x.setAWSNextSteps(o, in.NextSteps)
		if in.Team != nil {
			o.AWS.Team = nil
			for _, m := range in.Team {
				o.AWS.Team = append(o.AWS.Team, s.validator.check("AwsTeamMember", "team", m, &errs))
			}
		}
		if len(errs) > 0 {
			return nil, refuseControl(http.StatusBadRequest, "%s", invalidRequest(errs...).Error())
		}
		x.touch(o)
		x.put(o)
		x.updated(o)
		return o, nil
	})
}

func (s *Server) controlEdit(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity string         `json:"opportunity"`
		Set         map[string]any `json:"set"` // by dotted path; null removes
	}
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.act(w, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		d, before := o.Doc, o.Doc.str("LifeCycle", "NextSteps")
		for path, v := range in.Set {
			d = d.with(v, strings.Split(path, ".")...)
		}
		var errs []fieldError
		request := map[string]any(d.with(o.Catalog, "Catalog").with(o.ID, "Identifier").with(stamp(o.Modified), "LastModifiedDate"))
		clean := doc(asMap(s.validator.check("UpdateOpportunityRequest", "", request, &errs)))
		if len(errs) > 0 {
			return nil, refuseControl(http.StatusBadRequest, "%s", invalidRequest(errs...).Error())
		}
		o.Doc = partnerDoc(clean)
		x.noteNextSteps(o, before)
		x.touch(o)
		x.follow(o)
		x.put(o)
		x.updated(o)
		return o, nil
	})
}

func (s *Server) controlEntities(w http.ResponseWriter, kind string) {
	s.act(w, func(*tx) (any, error) {
		list := []Entity{}
		for _, e := range s.state.entities {
			if kind == "" || e.Type == kind {
				list = append(list, e)
			}
		}
		slices.SortFunc(list, func(a, b Entity) int { return strings.Compare(a.key(), b.key()) })
		return map[string]any{"entities": list}, nil
	})
}

func (s *Server) controlSeed(w http.ResponseWriter, r *http.Request, kind string) {
	var in oneOrMany[Entity]
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.act(w, func(x *tx) (any, error) {
		for i, e := range in.list {
			if kind != "" {
				e.Type = kind
			}
			if e.Catalog == "" {
				e.Catalog = CatalogAWS
			}
			if e.Status == "" {
				e.Status = "Active"
			}
			if e.Created.IsZero() {
				e.Created = x.now
			}
			form := associationForms[e.Type]
			if form == nil || e.Type == relProducts {
				return nil, refuseControl(http.StatusBadRequest, "entry %d: type %q cannot be seeded", i, e.Type)
			}
			if !form.MatchString(e.ID) {
				return nil, refuseControl(http.StatusBadRequest, "entry %d: %q is not an identifier of %s", i, e.ID, e.Type)
			}
			x.out.Entities = append(x.out.Entities, e)
		}
		return map[string]any{"entities": x.out.Entities}, nil
	})
}

func (s *Server) controlEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := maxEvents
	if n := q.Get("n"); n != "" {
		v, err := strconv.Atoi(n)
		if err != nil || v < 1 {
			kit.RefuseControl(w, http.StatusBadRequest, fmt.Errorf("n must be a whole number from 1, not %q", n))
			return
		}
		limit = v
	}
	s.act(w, func(*tx) (any, error) {
		events := s.state.events
		if after := q.Get("after"); after != "" {
			events = events[slices.IndexFunc(events, func(e Event) bool { return e.ID == after })+1:]
		}
		return map[string]any{"events": append([]Event{}, events[:min(limit, len(events))]...)}, nil
	})
}

func (s *Server) controlQuotas(w http.ResponseWriter, r *http.Request) {
	var q Quotas
	if err := kit.ReadControl(r, &q); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.meter.set(q)
	s.answerQuotas(w)
}

func (s *Server) answerQuotas(w http.ResponseWriter) {
	q, writes, reads := s.meter.usage()
	kit.AnswerControl(w, http.StatusOK, map[string]any{"quotas": q, "writes_last_24h": writes, "reads_last_24h": reads, "at": s.opt.Clock.Now().Format(time.RFC3339)})
}
