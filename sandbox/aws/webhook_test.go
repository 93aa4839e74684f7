package aws_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/aws"
)

// receiver is a webhook that refuses the first few deliveries.
type receiver struct {
	mu     sync.Mutex
	refuse int
	status int
	got    []string // event ids
	keys   map[string]bool
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[r.Header.Get("X-Hook-Key")] = true
	if h.refuse > 0 {
		h.refuse--
		w.WriteHeader(h.status)
		return
	}
	body, err := io.ReadAll(r.Body)
	var e struct {
		ID     string `json:"id"`
		Source string `json:"source"`
	}
	if err != nil || json.Unmarshal(body, &e) != nil || e.Source != "aws.partnercentral-selling" || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.got = append(h.got, e.ID)
}

func (h *receiver) seen() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

// settled waits until nothing is pending and gives the counts.
func (b *bench) settled() object {
	b.t.Helper()
	for range 400 {
		counts, _ := b.control("GET", "/_control/webhook", nil)["counts"].(object)
		if counts["pending"] == 0.0 {
			return counts
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("events are still pending")
	return nil
}

func (b *bench) eventIDs() []string {
	b.t.Helper()
	return ids(b.t, b.control("GET", "/_control/events", nil)["events"], "id")
}

func TestEventsArePostedToAWebhookAndRetried(t *testing.T) {
	t.Parallel()
	b := newBench(t, aws.Options{})
	hook := &receiver{refuse: 2, status: http.StatusServiceUnavailable, keys: map[string]bool{}}
	web := httptest.NewServer(hook)
	defer web.Close()
	early := b.create(deal("early", nil))
	b.control("POST", "/_control/webhook", object{"url": web.URL, "api_key": "k-1", "header": "X-Hook-Key", "replay": true})
	b.update("AWS", early, object{"LifeCycle.NextSteps": "call"})
	counts := b.settled()
	got, want := hook.seen(), b.eventIDs()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || counts["retried"] != 2.0 || counts["failed"] != 0.0 || !hook.keys["k-1"] || len(hook.keys) != 1 {
		t.Errorf("got %v, want %v; %v %v", got, want, counts, hook.keys)
	}
	hook.mu.Lock()
	hook.refuse, hook.status = 1, http.StatusBadRequest
	hook.mu.Unlock()
	b.update("AWS", early, object{"LifeCycle.NextSteps": "mail"})
	if counts := b.settled(); counts["failed"] != 1.0 {
		t.Errorf("a refusal for good is not given up: %v", counts)
	}
	b.control("DELETE", "/_control/webhook", nil)
	n := len(hook.seen())
	b.update("AWS", early, object{"LifeCycle.NextSteps": "meet"})
	time.Sleep(20 * time.Millisecond)
	if len(hook.seen()) != n {
		t.Error("delivered after the webhook was taken away")
	}
	for _, bad := range []object{{"url": "ftp://x"}, {"url": "http://x", "loss": 2}, {"url": "http://x", "nope": 1}, {"url": "http://x", "max_attempts": -1}} {
		if a := b.controlRaw("POST", "/_control/webhook", bad); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", bad, a.status)
		}
	}
}

func TestWebhookTroublesAreRepeatableFromTheirSeed(t *testing.T) {
	t.Parallel()
	run := func() (object, int, int) {
		b := newBench(t, aws.Options{})
		hook := &receiver{keys: map[string]bool{}}
		web := httptest.NewServer(hook)
		defer web.Close()
		b.control("POST", "/_control/webhook", object{"url": web.URL, "duplicate": 0.3, "reorder": 0.3, "loss": 0.2, "seed": 7})
		for i := range 30 {
			b.create(deal(fmt.Sprint("d", i), nil))
		}
		counts := b.settled()
		got := hook.seen()
		order := []string{}
		for _, id := range b.eventIDs() {
			if slices.Contains(got, id) {
				order = append(order, id)
			}
		}
		if slices.Equal(order, got) {
			t.Error("nothing came late or twice")
		}
		slices.Sort(got)
		return counts, len(got), len(slices.Compact(got))
	}
	counts, all, distinct := run()
	again, _, _ := run()
	lost, _ := counts["lost"].(float64)
	twice, _ := counts["repeated"].(float64)
	if lost == 0 || twice == 0 || counts["late"] == 0.0 || distinct != 30-int(lost) || all != distinct+int(twice) {
		t.Errorf("%v: %d deliveries, %d events", counts, all, distinct)
	}
	for _, name := range []string{"lost", "repeated", "late", "delivered"} {
		if counts[name] != again[name] {
			t.Errorf("%s: %v, then %v", name, counts[name], again[name])
		}
	}
}
