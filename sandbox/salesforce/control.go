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
//	POST /_control/lock-row         {"id" or "object","times" or "seconds"}: writes to it get UNABLE_TO_LOCK_ROW
//	GET, POST, DELETE /_control/setup  validation rules, fields, access: see setup
//	POST /_control/undelete         {"ids"}: what a person does in the recycle bin
//	POST /_control/erase            {"ids"}: what emptying the recycle bin does, of records that are not in it, too
//	POST /_control/merge            {"master","losers","fields"}: what a person does with duplicates
//	POST /_control/daily-limit      {"name","limit","used"}: of an allocation, DailyApiRequests unless named
//	GET, POST /_control/bulk        {"delay","pace","hard_delete","max_upload"}: see bulkSettings
//	GET, POST /_control/events      {"keep_alive","keep","overflow","selected","denied","gap","forget"}: see busSettings
//	POST /_control/load             JSON lines {"type":"Account","fields":{…}}
func (s *Server) controlPages() http.Handler {
	mux := http.NewServeMux()
	kit.Control{Clock: s.clock, Faults: s.faults, Recorder: s.recorder, Moved: s.moved}.Register(mux)
	mux.HandleFunc("GET /_control/stats", func(w http.ResponseWriter, _ *http.Request) { s.showStats(w) })
	mux.HandleFunc("POST /_control/sessions/expire", func(w http.ResponseWriter, _ *http.Request) {
		expired := s.sessions.expireAll()
		s.bus.kick()
		kit.AnswerControl(w, http.StatusOK, map[string]int{"expired": expired})
	})
	mux.HandleFunc("POST /_control/lock-row", s.postLock)
	mux.HandleFunc("POST /_control/daily-limit", s.postDailyLimit)
	mux.HandleFunc("GET /_control/setup", func(w http.ResponseWriter, _ *http.Request) { s.showSetup(w) })
	mux.HandleFunc("POST /_control/setup", s.postSetup)
	mux.HandleFunc("DELETE /_control/setup", func(w http.ResponseWriter, _ *http.Request) { s.deleteSetup(w) })
	mux.HandleFunc("POST /_control/undelete", s.postUndelete)
	mux.HandleFunc("POST /_control/erase", s.postErase)
	mux.HandleFunc("POST /_control/merge", s.postMerge)
	mux.HandleFunc("GET /_control/bulk", func(w http.ResponseWriter, _ *http.Request) { s.bulk.showSettings(w) })
	mux.HandleFunc("POST /_control/bulk", s.bulk.postSettings)
	mux.HandleFunc("GET /_control/events", func(w http.ResponseWriter, _ *http.Request) { s.showEvents(w) })
	mux.HandleFunc("POST /_control/events", s.postEvents)
	mux.HandleFunc("POST /_control/load", s.postLoad)
	return mux
}

// moved has what waits for a time looked at.
func (s *Server) moved() {
	s.bulk.kick()
	s.bus.kick()
}

func (s *Server) showStats(w http.ResponseWriter) {
	s.store.mu.RLock()
	live, deleted := map[string]int{}, map[string]int{}
	for _, o := range s.store.schema.objects {
		t := s.store.tables[o]
		live[o.Name] = t.live
		if n := len(t.slots) - t.live; n > 0 {
			deleted[o.Name] = n
		}
	}
	s.store.mu.RUnlock()
	used, limit, total := s.allocations[allocAPI].state(s.clock.Now())
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
		Object  string  `json:"object"`
		Times   int     `json:"times"`
		Seconds float64 `json:"seconds"`
	}
	err := kit.ReadControl(r, &in)
	id, ok := longID(in.ID)
	if o, known := s.store.schema.object(in.Object); in.ID == "" && known {
		id, ok = o.Name, true
	}
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("%q is no record id, or %q no object", in.ID, in.Object)
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

func (s *Server) postDailyLimit(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Name  string `json:"name"`
		Limit int    `json:"limit"`
		Used  *int   `json:"used"`
	}{Name: allocAPI}
	err := kit.ReadControl(r, &in)
	q, ok := s.allocations[in.Name]
	if err == nil && !ok {
		err = fmt.Errorf("there is no allocation %q: GET /services/data/v67.0/limits names them", in.Name)
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	used := -1
	if in.Used != nil {
		used = *in.Used
	}
	q.set(in.Limit, used)
	used, limit, _ := q.state(s.clock.Now())
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
