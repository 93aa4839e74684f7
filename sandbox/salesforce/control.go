package salesforce

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// controlPages are kit's pages and this sandbox's own:
//
//	GET  /_control/stats            records per object, API calls, sessions
//	POST /_control/sessions/expire  ends every session
//	POST /_control/lock-row         {"id","times"} or {"id","seconds"}: writes to it get UNABLE_TO_LOCK_ROW
//	POST /_control/validation-rule  {"object","field","message","times"}: as many creations are refused by a rule of the organisation
//	POST /_control/daily-limit      {"limit","used"}
//	POST /_control/load             JSON lines {"type":"Account","fields":{…}}
func (s *Server) controlPages() http.Handler {
	mux := http.NewServeMux()
	kit.Control{Clock: s.clock, Faults: s.faults, Recorder: s.recorder}.Register(mux)
	mux.HandleFunc("GET /_control/stats", func(w http.ResponseWriter, _ *http.Request) { s.showStats(w) })
	mux.HandleFunc("POST /_control/sessions/expire", func(w http.ResponseWriter, _ *http.Request) {
		kit.AnswerControl(w, http.StatusOK, map[string]int{"expired": s.sessions.expireAll()})
	})
	mux.HandleFunc("POST /_control/lock-row", s.postLock)
	mux.HandleFunc("POST /_control/validation-rule", s.postRule)
	mux.HandleFunc("POST /_control/daily-limit", s.postDailyLimit)
	mux.HandleFunc("POST /_control/load", s.postLoad)
	return mux
}

func (s *Server) showStats(w http.ResponseWriter) {
	s.store.mu.RLock()
	live, deleted := map[string]int{}, map[string]int{}
	for _, o := range s.store.schema.objects {
		t := s.store.tables[o]
		live[o.Name] = t.live
		if n := len(t.rows) - t.live; n > 0 {
			deleted[o.Name] = n
		}
	}
	s.store.mu.RUnlock()
	used, limit, total := s.quota.state()
	s.sessions.mu.Lock()
	sessions := len(s.sessions.byID)
	s.sessions.mu.Unlock()
	kit.AnswerControl(w, http.StatusOK, map[string]any{
		"records": live, "deleted": deleted, "sessions": sessions,
		"calls": map[string]int{"today": used, "limit": limit, "total": total}, "requests": s.recorder.Total(),
	})
}

func (s *Server) postLock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ID      string  `json:"id"`
		Times   int     `json:"times"`
		Seconds float64 `json:"seconds"`
	}
	err := kit.ReadControl(r, &in)
	id, ok := longID(in.ID)
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("%q is no record id", in.ID)
	case (in.Times > 0) == (in.Seconds > 0):
		err = errors.New("give either times or seconds")
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	lock := rowLock{times: in.Times}
	if in.Seconds > 0 {
		lock.until = s.clock.Now().Add(time.Duration(in.Seconds * float64(time.Second)))
	}
	s.locks.set(id, lock)
	kit.AnswerControl(w, http.StatusOK, map[string]string{"locked": id})
}

func (s *Server) postRule(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Object  string `json:"object"`
		Field   string `json:"field"`
		Message string `json:"message"`
		Times   int    `json:"times"`
	}
	err := kit.ReadControl(r, &in)
	o, known := s.store.schema.object(in.Object)
	switch {
	case err != nil:
	case !known:
		err = fmt.Errorf("there is no object %q", in.Object)
	case o.FieldIndex(in.Field) < 0:
		err = fmt.Errorf("%s has no field %q", o.Name, in.Field)
	case in.Message == "" || in.Times < 1:
		err = errors.New("give a message and how many times it refuses")
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.rules.set(o.Name, validationRule{field: in.Field, message: in.Message, times: in.Times})
	kit.AnswerControl(w, http.StatusOK, map[string]string{"validates": o.Name})
}

func (s *Server) postDailyLimit(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Limit int  `json:"limit"`
		Used  *int `json:"used"`
	}{}
	if err := kit.ReadControl(r, &in); err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	used := -1
	if in.Used != nil {
		used = *in.Used
	}
	s.quota.set(in.Limit, used)
	used, limit, _ := s.quota.state()
	kit.AnswerControl(w, http.StatusOK, map[string]int{"limit": limit, "used": used})
}

type loadLine struct {
	Type   string         `json:"type"`
	Fields map[string]any `json:"fields"`
}

func (s *Server) postLoad(w http.ResponseWriter, r *http.Request) {
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(make([]byte, 0, 1<<16), 4<<20)
	var readErr error
	n, err := s.Load(r.Context(), func(yield func(string, map[string]any) bool) {
		for number := 1; lines.Scan(); number++ {
			if len(lines.Bytes()) == 0 {
				continue
			}
			var line loadLine
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
				readErr = fmt.Errorf("line %d: %w", number, err)
				return
			}
			if !yield(line.Type, line.Fields) {
				return
			}
		}
		readErr = lines.Err()
	})
	if err = errors.Join(err, readErr); err != nil {
		kit.AnswerControl(w, http.StatusBadRequest, map[string]any{"error": err.Error(), "loaded": n})
		return
	}
	kit.AnswerControl(w, http.StatusOK, map[string]int{"loaded": n})
}
