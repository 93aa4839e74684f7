package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/flow/sync"
)

func (w *Web) routesEvents() {
	w.get("/events/sync", w.syncEvents)
}

// progressNews is what a live progress bar of ui reads.
type progressNews struct {
	Value int64  `json:"value"`
	Max   int64  `json:"max"`
	Text  string `json:"text"`
}

// syncEvents streams how far the read of Salesforce is, as server-sent events,
// until the reader goes.
func (w *Web) syncEvents(rw http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(rw)
	h := rw.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	rw.WriteHeader(http.StatusOK)
	news, end := w.app.Hub.Subscribe()
	defer end()
	alive := time.NewTicker(15 * time.Second)
	defer alive.Stop()
	if err := rc.Flush(); err != nil {
		return
	}
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-w.app.Stopping():
			return
		case <-alive.C:
			_, err = fmt.Fprint(rw, ": alive\n\n")
		case n := <-news:
			p, ok := n.Data.(sync.Progress)
			if n.Topic != sync.TopicSync || !ok {
				continue
			}
			err = writeProgress(rw, p)
		}
		if err == nil {
			err = rc.Flush()
		}
		if err != nil {
			return
		}
	}
}

func writeProgress(rw http.ResponseWriter, p sync.Progress) error {
	text := fmt.Sprintf("%s: %d of %d", p.Step, p.Done, p.Total)
	if p.Step == sync.LastStep && p.Ended {
		b, err := json.Marshal(map[string]string{"text": "Salesforce is read", "tone": "success", "href": ""})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(rw, "event: done\ndata: %s\n\n", b)
		return err
	}
	b, err := json.Marshal(progressNews{Value: p.Done, Max: p.Total, Text: text})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(rw, "event: progress\ndata: %s\n\n", b)
	return err
}
