package kit

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Record is one request that a sandbox answered.
type Record struct {
	Time       time.Time `json:"time"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Operation  string    `json:"operation,omitempty"`
	Status     int       `json:"status"` // 0 when the connection was closed without an answer
	DurationMS float64   `json:"duration_ms"`
	Fault      FaultKind `json:"fault,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
	Request    string    `json:"request,omitempty"` // capped, secrets removed
	Answer     string    `json:"answer,omitempty"`  // capped, secrets removed
}

// Recorder keeps the last requests in memory. Safe for concurrent use. A nil
// *Recorder keeps nothing.
type Recorder struct {
	mu    sync.Mutex
	ring  []Record
	next  int
	total int
	limit int
}

// NewRecorder keeps the last n records with up to bodyLimit bytes of each body.
func NewRecorder(n, bodyLimit int) *Recorder {
	return &Recorder{ring: make([]Record, 0, max(n, 1)), limit: bodyLimit}
}

// Add keeps r. Bodies are cut and cleaned of secrets here.
func (rec *Recorder) Add(r Record) {
	if rec == nil {
		return
	}
	r.Path = redact(r.Path)
	r.Request = redact(capText(r.Request, rec.limit))
	r.Answer = redact(capText(r.Answer, rec.limit))
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.total++
	if len(rec.ring) < cap(rec.ring) {
		rec.ring = append(rec.ring, r)
		return
	}
	rec.ring[rec.next] = r
	rec.next = (rec.next + 1) % len(rec.ring)
}

// Last gives up to n records, the newest last; n below 1 gives all.
func (rec *Recorder) Last(n int) []Record {
	if rec == nil {
		return nil
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	out := make([]Record, 0, len(rec.ring))
	out = append(out, rec.ring[rec.next:]...)
	out = append(out, rec.ring[:rec.next]...)
	if n > 0 && n < len(out) {
		out = out[len(out)-n:]
	}
	return out
}

// Total counts every request since the start, also those no longer kept.
func (rec *Recorder) Total() int {
	if rec == nil {
		return 0
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.total
}

// Clear forgets the kept records and starts the count anew.
func (rec *Recorder) Clear() {
	if rec == nil {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.ring, rec.next, rec.total = rec.ring[:0], 0, 0
}

// WriteJSON writes the last n records as {"total":…,"requests":[…]}.
func (rec *Recorder) WriteJSON(w io.Writer, n int) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(struct {
		Total    int      `json:"total"`
		Requests []Record `json:"requests"`
	}{rec.Total(), rec.Last(n)})
}

func capText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// Secrets as JSON members, as form or query parameters, as bearer tokens and
// in XML. A value cut by the cap has no closing quote, so none is required.
var (
	secretNames = `access_token|refresh_token|id_token|client_secret|password|assertion|code_verifier|secret|secret_?access_?key|session_?token|api_?key|private_?key|sid`
	secretJSON  = regexp.MustCompile(`(?i)("(?:` + secretNames + `)"\s*:\s*)"(?:[^"\\]|\\.)*"?`)
	secretForm  = regexp.MustCompile(`(?i)(^|[?&\s])((?:` + secretNames + `|signature|X-Amz-Signature|X-Amz-Security-Token)=)[^&\s"]*`)
	secretXML   = regexp.MustCompile(`(?i)(<(?:\w+:)?(?:sessionId|password)>)[^<]*`)
	secretAuth  = regexp.MustCompile(`(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/!=-]{8,}`)
)

func redact(s string) string {
	if s == "" {
		return s
	}
	s = secretJSON.ReplaceAllString(s, `$1"[removed]"`)
	s = secretForm.ReplaceAllString(s, `$1$2[removed]`)
	s = secretXML.ReplaceAllString(s, `$1[removed]`)
	return secretAuth.ReplaceAllString(s, `$1 [removed]`)
}
