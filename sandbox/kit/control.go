package kit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// Control holds the parts that every sandbox lets its user see and move.
// Parts that are nil have no page.
type Control struct {
	Clock    *Clock
	Faults   *Faults
	Recorder *Recorder
	// Moved, if set, is called after the clock was moved, so that the sandbox
	// can do at once what has become due.
	Moved func()
}

// FillIn makes what a sandbox was not given: a clock that goes with the machine's,
// a logger that says nothing and no troubles.
func FillIn(clock **Clock, log **slog.Logger, faults **Faults) {
	if *clock == nil {
		*clock = NewClock()
	}
	if *log == nil {
		*log = slog.New(slog.DiscardHandler)
	}
	if *faults == nil {
		*faults = NewFaults()
	}
}

// maxControlBody bounds a control request's body.
const maxControlBody = 8 << 20

// Register adds the pages to mux:
//
//	GET    /_control/clock   {"now","frozen","offset"}
//	POST   /_control/clock   {"advance":"24h"} | {"set":"RFC 3339"} | {"freeze":true}
//	GET    /_control/faults  {"spec","injected"}
//	POST   /_control/faults  {"spec":"…"} and/or {"fail_next":{"operation","count","kind"}}
//	DELETE /_control/faults  ends every trouble
//	GET    /_control/log?n=  the last requests
//	DELETE /_control/log     forgets them
//
// Errors are {"error":"…"} with status 400.
func (c Control) Register(mux *http.ServeMux) {
	if c.Clock != nil {
		mux.HandleFunc("GET /_control/clock", func(w http.ResponseWriter, _ *http.Request) { c.answerClock(w) })
		mux.HandleFunc("POST /_control/clock", c.postClock)
	}
	if c.Faults != nil {
		mux.HandleFunc("GET /_control/faults", func(w http.ResponseWriter, _ *http.Request) { c.answerFaults(w) })
		mux.HandleFunc("POST /_control/faults", c.postFaults)
		mux.HandleFunc("DELETE /_control/faults", func(w http.ResponseWriter, _ *http.Request) {
			c.Faults.Clear()
			c.answerFaults(w)
		})
	}
	if c.Recorder != nil {
		mux.HandleFunc("GET /_control/log", c.getLog)
		mux.HandleFunc("DELETE /_control/log", func(w http.ResponseWriter, _ *http.Request) {
			c.Recorder.Clear()
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

// ReadControl decodes a control request's JSON body into v. Unknown members
// and anything after the value are errors.
func ReadControl(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxControlBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("the body is empty; JSON is wanted")
		}
		return fmt.Errorf("the body is not what is wanted: %w", err)
	}
	if dec.More() {
		return errors.New("there is more than one JSON value in the body")
	}
	return nil
}

// AnswerControl writes v as the JSON answer of a control page.
func AnswerControl(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		http.Error(w, `{"error":"the answer cannot be encoded"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the reader may have gone: nothing to do about it
}

// RefuseControl answers a control request with {"error": err's text}.
func RefuseControl(w http.ResponseWriter, status int, err error) {
	AnswerControl(w, status, map[string]string{"error": err.Error()})
}

func (c Control) answerClock(w http.ResponseWriter) {
	AnswerControl(w, http.StatusOK, map[string]any{
		"now": c.Clock.Now().Format(time.RFC3339Nano), "frozen": c.Clock.Frozen(), "offset": c.Clock.Offset().Round(time.Millisecond).String(),
	})
}

func (c Control) postClock(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Advance *string    `json:"advance"`
		Set     *time.Time `json:"set"`
		Freeze  *bool      `json:"freeze"`
	}
	if err := ReadControl(r, &in); err != nil {
		RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	if in.Advance == nil && in.Set == nil && in.Freeze == nil {
		RefuseControl(w, http.StatusBadRequest, errors.New(`give {"advance":"24h"}, {"set":"2026-01-02T15:04:05Z"} or {"freeze":true}`))
		return
	}
	var by time.Duration
	if in.Advance != nil {
		d, err := time.ParseDuration(*in.Advance)
		if err != nil {
			RefuseControl(w, http.StatusBadRequest, fmt.Errorf("advance: %w", err))
			return
		}
		by = d
	}
	if in.Freeze != nil {
		c.Clock.Freeze(*in.Freeze)
	}
	if in.Set != nil {
		c.Clock.Set(*in.Set)
	}
	c.Clock.Advance(by)
	if c.Moved != nil {
		c.Moved()
	}
	c.answerClock(w)
}

func (c Control) answerFaults(w http.ResponseWriter) {
	AnswerControl(w, http.StatusOK, map[string]any{"spec": c.Faults.String(), "injected": c.Faults.Injected()})
}

func (c Control) postFaults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Spec     *string `json:"spec"`
		FailNext *struct {
			Operation string `json:"operation"`
			Count     int    `json:"count"`
			Kind      string `json:"kind"`
		} `json:"fail_next"`
	}
	err := ReadControl(r, &in)
	if err == nil && in.Spec == nil && in.FailNext == nil {
		err = errors.New(`give {"spec":"latency=50ms,…"} or {"fail_next":{"operation","count","kind"}}`)
	}
	if err == nil && in.Spec != nil {
		err = c.Faults.Set(*in.Spec)
	}
	if err == nil && in.FailNext != nil {
		err = c.Faults.FailNext(in.FailNext.Operation, in.FailNext.Count, in.FailNext.Kind)
	}
	if err != nil {
		RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	c.answerFaults(w)
}

func (c Control) getLog(w http.ResponseWriter, r *http.Request) {
	n := 0
	if s := r.URL.Query().Get("n"); s != "" {
		v, err := strconv.Atoi(s)
		if err != nil || v < 1 {
			RefuseControl(w, http.StatusBadRequest, fmt.Errorf("n must be a whole number from 1, not %q", s))
			return
		}
		n = v
	}
	w.Header().Set("Content-Type", "application/json")
	_ = c.Recorder.WriteJSON(w, n) // the reader may have gone: nothing to do about it
}
