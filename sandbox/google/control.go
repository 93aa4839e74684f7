package google

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/facts/googlecosell"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// registerControl adds the pages with which a person or a test plays Google. They
// need no token: the sandbox listens on loopback only.
//
//	/_control/clock, faults, log     see kit.Control
//	GET  /_control/credentials       the service account's key file
//	GET  /_control/opportunities     everything
//	POST /_control/review            {"opportunity","decision","description","owner","team"}: ACCEPTED or NOT_ACCEPTED
//	POST /_control/google-update     {"opportunity","stage","set":{"path":value}}: what Google's people change
//	POST /_control/edit              {"opportunity","set":{"path":value}}: another person of the partner's in the portal
//	POST /_control/detach            {"opportunity"}: Google takes us off the deal
//	POST /_control/redeliver         {"subscription"}: all that was not acknowledged comes again now
//	GET, POST /_control/quotas       {"off","writes_per_minute","reads_per_minute"}
//	POST /_control/listed            {"listed":false}: Google closes the API to us, or opens it
func (s *Server) registerControl(mux *http.ServeMux) {
	kit.Control{Clock: s.opt.Clock, Faults: s.opt.Faults, Recorder: s.recorder, Moved: s.moved}.Register(mux)
	mux.HandleFunc("GET /_control/credentials", func(w http.ResponseWriter, r *http.Request) {
		raw, err := s.Credentials("http://" + r.Host)
		if err != nil {
			kit.RefuseControl(w, http.StatusInternalServerError, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(raw) // the caller may have gone: nothing to do about it
	})
	mux.HandleFunc("GET /_control/opportunities", s.controlOpportunities)
	mux.HandleFunc("POST /_control/review", s.controlReview)
	mux.HandleFunc("POST /_control/google-update", s.controlGoogleUpdate)
	mux.HandleFunc("POST /_control/edit", s.controlEdit)
	mux.HandleFunc("POST /_control/detach", s.controlDetach)
	mux.HandleFunc("POST /_control/redeliver", s.controlRedeliver)
	mux.HandleFunc("GET /_control/quotas", func(w http.ResponseWriter, _ *http.Request) {
		s.meter.mu.Lock()
		defer s.meter.mu.Unlock()
		kit.AnswerControl(w, http.StatusOK, map[string]any{"quotas": s.meter.quotas, "writes": s.meter.writes, "reads": s.meter.reads})
	})
	mux.HandleFunc("POST /_control/quotas", func(w http.ResponseWriter, r *http.Request) {
		var q Quotas
		if err := kit.ReadControl(r, &q); err != nil {
			kit.RefuseControl(w, http.StatusBadRequest, err)
			return
		}
		kit.AnswerControl(w, http.StatusOK, map[string]any{"quotas": s.meter.set(q)})
	})
	mux.HandleFunc("POST /_control/listed", func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Listed bool `json:"listed"`
		}
		control(s, w, r, &in, func(x *tx) (any, error) {
			x.s.opt.NotListed = !in.Listed
			return in, nil
		})
	})
	mux.HandleFunc("/_control/", func(w http.ResponseWriter, r *http.Request) {
		kit.RefuseControl(w, http.StatusNotFound, fmt.Errorf("there is no control page %s %s", r.Method, r.URL.Path))
	})
}

func (s *Server) moved() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.settle(); err != nil {
		s.log.Error("google sandbox: due work", "error", err)
	}
	s.wake()
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

// control reads a control request, runs its change under the lock and answers with
// what it gives. in is nil for a request without a body.
func control(s *Server, w http.ResponseWriter, r *http.Request, in any, do func(x *tx) (any, error)) {
	if in != nil {
		if err := kit.ReadControl(r, in); err != nil {
			kit.RefuseControl(w, http.StatusBadRequest, err)
			return
		}
	}
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
	if refused, ok := errors.AsType[controlError](err); ok {
		kit.RefuseControl(w, refused.status, err)
		return
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusInternalServerError, err)
		return
	}
	kit.AnswerControl(w, http.StatusOK, out)
}

// controlled finds an opportunity by its name or id.
func (x *tx) controlled(name string) (*opportunity, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(name, "opportunities/"), 10, 64)
	o := x.s.state.opportunities[id]
	if err != nil || o == nil {
		return nil, refuseControl(http.StatusNotFound, "there is no opportunity %q", name)
	}
	return o.clone(), nil
}

func (s *Server) controlOpportunities(w http.ResponseWriter, r *http.Request) {
	control(s, w, r, nil, func(x *tx) (any, error) {
		list := make([]*opportunity, 0, len(s.state.opportunities))
		for _, o := range s.state.opportunities {
			list = append(list, o)
		}
		slices.SortFunc(list, func(a, b *opportunity) int { return cmp.Compare(a.ID, b.ID) })
		docs := make([]doc, len(list))
		for i, o := range list {
			docs[i] = x.show(o)
		}
		return map[string]any{"opportunities": docs, "now": x.now}, nil
	})
}

func (s *Server) controlReview(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity string   `json:"opportunity"`
		Decision    string   `json:"decision"`
		Description string   `json:"description"`
		Owner       *seller  `json:"owner"`
		Team        []seller `json:"team"`
	}
	control(s, w, r, &in, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		if in.Decision != googlecosell.StateAccepted && in.Decision != googlecosell.StateNotAccepted {
			return nil, refuseControl(http.StatusBadRequest, "decision must be ACCEPTED or NOT_ACCEPTED, not %q", in.Decision)
		}
		if state := o.Doc.str("state"); state != googlecosell.StateSubmitted {
			return nil, refuseControl(http.StatusConflict, "the opportunity is %s, not SUBMITTED", state)
		}
		d := decision{state: in.Decision, description: in.Description}
		d.owner, d.team = assigned(o)
		if in.Owner != nil {
			d.owner, d.team = *in.Owner, in.Team
		}
		x.decide(o, d)
		return x.show(o), nil
	})
}

func (s *Server) controlGoogleUpdate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity string         `json:"opportunity"`
		Stage       string         `json:"stage"`
		Set         map[string]any `json:"set"`
	}
	control(s, w, r, &in, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		if in.Stage != "" {
			if !slices.Contains(enums["stage"], in.Stage) {
				return nil, refuseControl(http.StatusBadRequest, "%q is no stage", in.Stage)
			}
			o.Doc.set("stage", in.Stage)
		}
		for path, v := range in.Set {
			if at(strings.Split(path, ".")[0]) == nil {
				return nil, refuseControl(http.StatusBadRequest, "%q is no field", path)
			}
			o.Doc.set(path, v)
		}
		x.put(o, googlecosell.EventUpdated)
		return x.show(o), nil
	})
}

func (s *Server) controlEdit(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity string         `json:"opportunity"`
		Set         map[string]any `json:"set"`
	}
	control(s, w, r, &in, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		for path, v := range in.Set {
			if f := x.mayChange(o, o.Doc.str("state"), path); f != nil {
				return nil, refuseControl(http.StatusConflict, "%s", f.message)
			}
			o.Doc.set(path, v)
		}
		x.put(o, googlecosell.EventUpdated)
		return x.show(o), nil
	})
}

func (s *Server) controlDetach(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Opportunity string `json:"opportunity"`
	}
	control(s, w, r, &in, func(x *tx) (any, error) {
		o, err := x.controlled(in.Opportunity)
		if err != nil {
			return nil, err
		}
		o.VisibleAt = x.now.AddDate(100, 0, 0) // ours no more: reads answer NOT_FOUND
		x.put(o, googlecosell.EventDetached)
		return map[string]string{"detached": o.name()}, nil
	})
}

func (s *Server) controlRedeliver(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Subscription string `json:"subscription"`
	}
	control(s, w, r, &in, func(x *tx) (any, error) {
		sub := x.s.state.subscriptions[in.Subscription]
		if sub == nil {
			return nil, refuseControl(http.StatusNotFound, "there is no subscription %q", in.Subscription)
		}
		for _, d := range sub.backlog {
			d.leased = x.now
		}
		x.s.wake()
		return map[string]int{"pending": len(sub.backlog)}, nil
	})
}
