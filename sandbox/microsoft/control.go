package microsoft

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// routesOfControl makes the control pages, beside those of every sandbox:
//
//	POST /_control/seller        {"referral":"…","decision":"accept|decline","reason":"…","email":"…"}
//	POST /_control/incoming      {"name","customer","country","value","notes","solution"}
//	POST /_control/registration  {"referral":"…","decision":"Passed|Failed|ActionRequired|Closed|ReviewPending","reason":"…"}
//	POST /_control/edit          {"referral":"…","details":{…}}: Microsoft changes our record's details
//	POST /_control/token         {"revoke":true}: ends every sign-in; {"expire":true}: every access token
//	POST /_control/webhook       {"duplicate","reorder","loss","seed","max_attempts"}: troubles of the delivery
//	GET  /_control/webhook       what became of the deliveries
//	GET  /_control/referrals     every record, as it is kept
//
// A referral is named by the id of either side's record, or by its engagement.
func (s *Server) routesOfControl() {
	mux := http.NewServeMux()
	kit.Control{Clock: s.opt.Clock, Faults: s.opt.Faults, Recorder: s.recorder, Moved: func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err := s.settle(); err != nil {
			s.log.Error("microsoft sandbox: due work", "error", err)
		}
	}}.Register(mux)
	mux.HandleFunc("POST /_control/seller", act(s, s.controlSeller))
	mux.HandleFunc("POST /_control/incoming", act(s, func(x *tx, in Offer) (any, error) {
		f, err := x.receive(in)
		if err != nil {
			return nil, err
		}
		return map[string]string{"referral": f.ID, "engagement": f.engagement()}, nil
	}))
	mux.HandleFunc("POST /_control/registration", act(s, s.controlRegistration))
	mux.HandleFunc("POST /_control/edit", act(s, s.controlEdit))
	mux.HandleFunc("POST /_control/token", act(s, s.controlToken))
	mux.HandleFunc("POST /_control/webhook", act(s, func(_ *tx, in kit.CourierConfig) (any, error) {
		if err := in.Check(); err != nil {
			return nil, err
		}
		s.startCourier(in)
		return s.courier.Counts(), nil
	}))
	mux.HandleFunc("GET /_control/webhook", func(w http.ResponseWriter, _ *http.Request) {
		kit.AnswerControl(w, http.StatusOK, s.courier.Counts())
	})
	mux.HandleFunc("GET /_control/referrals", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		out := make([]*referral, 0, len(s.state.order))
		for _, id := range s.state.order {
			out = append(out, s.state.referrals[id])
		}
		kit.AnswerControl(w, http.StatusOK, out)
	})
	s.control = mux
}

// act makes a page of one control request that changes the state.
func act[T any](s *Server, do func(x *tx, in T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if err := kit.ReadControl(r, &in); err != nil {
			kit.RefuseControl(w, http.StatusBadRequest, err)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		err := s.settle()
		x := &tx{Server: s, now: s.opt.Clock.Now(), r: r}
		var out any
		if err == nil {
			out, err = do(x, in)
		}
		if err == nil {
			err = x.commit()
		}
		if err != nil {
			kit.RefuseControl(w, http.StatusBadRequest, err)
			return
		}
		kit.AnswerControl(w, http.StatusOK, out)
	}
}

// named finds a record by its id, or by its engagement; theirs asks for Microsoft's.
func (s *Server) named(id string, theirs bool) (*referral, error) {
	engagement := id
	if f := s.state.referrals[id]; f != nil {
		engagement = f.engagement()
	}
	mine, micro := s.pair(engagement)
	f := mine
	if theirs {
		f = micro
	}
	if f == nil {
		return nil, fmt.Errorf("there is no such referral: %q", id)
	}
	return f, nil
}

type decision struct {
	Referral string `json:"referral"`
	Decision string `json:"decision"`
	Reason   string `json:"reason"`
	Email    string `json:"email"`
}

func (s *Server) controlSeller(x *tx, in decision) (any, error) {
	f, err := s.named(in.Referral, true)
	if err != nil {
		return nil, err
	}
	if f.status() != partnercenter.StatusNew {
		return nil, fmt.Errorf("the record of Microsoft is %s and %s: there is nothing to answer", f.status(), f.substatus())
	}
	switch in.Decision {
	case "accept":
		x.accept(f, in.Email)
	case "decline":
		x.decline(f, in.Reason)
	default:
		return nil, errors.New(`decision must be "accept" or "decline"; to let it expire, move the clock 14 days`)
	}
	return x.state.referrals[f.ID], nil
}

func (s *Server) controlRegistration(x *tx, in decision) (any, error) {
	f, err := s.named(in.Referral, false)
	if err != nil {
		return nil, err
	}
	if err := x.decide(f, in.Decision, in.Reason); err != nil {
		return nil, err
	}
	return x.state.referrals[f.ID], nil
}

func (s *Server) controlEdit(x *tx, in struct {
	Referral string         `json:"referral"`
	Details  map[string]any `json:"details"`
},
) (any, error) {
	f, err := s.named(in.Referral, false)
	if err != nil {
		return nil, err
	}
	next := *f
	next.Doc = f.Doc.clone()
	for name, v := range in.Details {
		if n, ok := v.(float64); ok {
			v = jsonNumber(n)
		}
		next.Doc.set("details."+name, v)
	}
	if wrong := x.checkValues(next.Doc); wrong != nil {
		return nil, fmt.Errorf("the record would not be right: %v", wrong.body)
	}
	x.put(&next, "referral-updated")
	return &next, nil
}

func (s *Server) controlToken(x *tx, in struct {
	Revoke bool `json:"revoke"`
	Expire bool `json:"expire"`
},
) (any, error) {
	for _, t := range s.state.refresh {
		if in.Revoke && !s.state.revoked[t.Family] {
			x.revoke(t.Family)
		}
	}
	if in.Expire {
		for _, t := range s.state.access {
			t.Expires = x.now
			s.state.access[t.Token] = t
			x.keep(kindAccess, t)
		}
	}
	return map[string]int{"sign_ins": len(s.state.refresh), "access_tokens": len(s.state.access)}, nil
}
