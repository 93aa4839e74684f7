package kit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is a class of trouble, in no protocol's words.
type FaultKind string

// The kinds. A service realises each in its own protocol's words.
const (
	FaultNone      FaultKind = ""
	FaultThrottle  FaultKind = "throttle"   // refuse as over the limit, without acting
	FaultError     FaultKind = "error"      // a server error, without acting
	FaultReset     FaultKind = "reset"      // close the connection before acting
	FaultLostReply FaultKind = "lost_reply" // act, then close the connection without an answer
	FaultTruncate  FaultKind = "truncate"   // act, then cut the answer's body
	FaultSession   FaultKind = "session"    // end the caller's sign-in and refuse, without acting
	FaultLock      FaultKind = "lock"       // refuse one record of a write as held by somebody else
	FaultDuplicate FaultKind = "duplicate"  // deliver one event of a stream twice
	FaultGap       FaultKind = "gap"        // tell of one event only that it happened
	FaultExpired   FaultKind = "expired"    // know no more what a reader of a stream had read
)

var faultKinds = []FaultKind{FaultThrottle, FaultError, FaultReset, FaultLostReply, FaultTruncate, FaultSession, FaultDuplicate, FaultGap, FaultExpired}

// Fault is what one request has to suffer: first the sleep, then the kind.
type Fault struct {
	Kind  FaultKind
	Sleep time.Duration
	Lag   time.Duration // how long a record made by this request stays unseen to reads
}

// Wait sleeps for the fault's latency or until ctx ends.
func (f Fault) Wait(ctx context.Context) {
	if f.Sleep <= 0 {
		return
	}
	t := time.NewTimer(f.Sleep)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// FaultSpec is the standing set of troubles; probabilities are 0 to 1 and
// exclude each other within a request.
type FaultSpec struct {
	Latency   time.Duration
	Jitter    time.Duration // up to this much is added to Latency
	Throttle  float64
	Error     float64
	Reset     float64
	LostReply float64
	Truncate  float64
	Session   float64
	Lock      float64 // of the records that are written; it is drawn for each, beside the others
	Duplicate float64 // of the events that are delivered
	Gap       float64 // of the same
	Expired   float64 // of the readers of a stream that come back
	Lag       time.Duration
	Seed      uint64
}

type scriptedFault struct {
	Operation string    `json:"operation"`
	Count     int       `json:"count"`
	Kind      FaultKind `json:"kind"`
}

// Faults decides for each request what goes wrong. It can be changed at run
// time, is deterministic for a seed and an order of calls, and is safe for
// concurrent use. A nil *Faults injects nothing.
type Faults struct {
	mu       sync.Mutex
	spec     FaultSpec
	rng      *rand.Rand
	rows     *rand.Rand // for Record, so that requests draw the same numbers whatever they write
	scripted []scriptedFault
	injected map[FaultKind]int
}

// NewFaults gives a set that injects nothing until it is changed.
func NewFaults() *Faults {
	f := &Faults{injected: map[FaultKind]int{}}
	f.setLocked(FaultSpec{Seed: 1})
	return f
}

// ParseFaults reads a spec such as
// "latency=50ms,jitter=20ms,throttle=0.1,error=0.05,reset=0.02,truncate=0.01,lost_reply=0.02,lag=3s,seed=7".
// An empty spec injects nothing. The error names the key that is wrong.
func ParseFaults(spec string) (*Faults, error) {
	f := NewFaults()
	if err := f.Set(spec); err != nil {
		return nil, err
	}
	return f, nil
}

// Set replaces the standing set by spec and starts its random numbers anew.
// Scripted faults stay. Nothing changes when spec is wrong.
func (f *Faults) Set(spec string) error {
	s, err := parseFaultSpec(spec)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setLocked(s)
	return nil
}

func (f *Faults) setLocked(s FaultSpec) {
	f.spec = s
	f.rng = rand.New(rand.NewPCG(s.Seed, 0x7461_6e64_656d))
	f.rows = rand.New(rand.NewPCG(s.Seed, 0x726f_7773))
}

func parseFaultSpec(spec string) (FaultSpec, error) {
	s := FaultSpec{Seed: 1}
	durations := map[string]*time.Duration{"latency": &s.Latency, "jitter": &s.Jitter, "lag": &s.Lag}
	chances := map[string]*float64{
		"throttle": &s.Throttle, "error": &s.Error, "reset": &s.Reset, "lost_reply": &s.LostReply, "truncate": &s.Truncate, "session": &s.Session, "lock": &s.Lock,
		"duplicate": &s.Duplicate, "gap": &s.Gap, "expired": &s.Expired,
	}
	seen := map[string]bool{}
	for item := range strings.SplitSeq(spec, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		key, value, found := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !found {
			return s, fmt.Errorf("faults: %q must be key=value", item)
		}
		if seen[key] {
			return s, fmt.Errorf("faults: %q is given twice", key)
		}
		seen[key] = true
		if d, ok := durations[key]; ok {
			v, err := time.ParseDuration(value)
			if err != nil || v < 0 {
				return s, fmt.Errorf("faults: %s must be a duration such as 50ms, not %q", key, value)
			}
			*d = v
			continue
		}
		if p, ok := chances[key]; ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil || !(v >= 0 && v <= 1) {
				return s, fmt.Errorf("faults: %s must be a share from 0 to 1, not %q", key, value)
			}
			*p = v
			continue
		}
		if key != "seed" {
			known := []string{"seed"}
			for k := range durations {
				known = append(known, k)
			}
			for k := range chances {
				known = append(known, k)
			}
			sort.Strings(known)
			return s, fmt.Errorf("faults: unknown key %q; known are %s", key, strings.Join(known, ", "))
		}
		v, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			return s, fmt.Errorf("faults: seed must be a whole number from 0, not %q", value)
		}
		s.Seed = v
	}
	if sum := s.Throttle + s.Error + s.Reset + s.LostReply + s.Truncate + s.Session; sum > 1+1e-9 {
		return s, fmt.Errorf("faults: throttle, error, reset, lost_reply, truncate and session add up to %.3g, more than 1", sum)
	}
	return s, nil
}

// FailNext lets the next n requests of an operation ("*" is any) fail with
// kind (any but lock), before the
// standing set is asked. Several scripts queue up.
func (f *Faults) FailNext(operation string, n int, kind string) error {
	if operation == "" {
		return fmt.Errorf("faults: fail_next needs an operation, or * for any")
	}
	if n < 1 {
		return fmt.Errorf("faults: fail_next needs a count of at least 1, not %d", n)
	}
	for _, k := range faultKinds {
		if string(k) == kind {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.scripted = append(f.scripted, scriptedFault{Operation: operation, Count: n, Kind: k})
			return nil
		}
	}
	names := make([]string, len(faultKinds))
	for i, k := range faultKinds {
		names[i] = string(k)
	}
	return fmt.Errorf("faults: unknown kind %q; known are %s", kind, strings.Join(names, ", "))
}

// Clear ends every trouble, the scripted ones too.
func (f *Faults) Clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripted = nil
	f.setLocked(FaultSpec{Seed: 1})
}

// Next says what this request of operation has to suffer.
func (f *Faults) Next(operation string) Fault {
	if f == nil {
		return Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := Fault{Sleep: f.spec.Latency, Lag: f.spec.Lag}
	if f.spec.Jitter > 0 {
		out.Sleep += time.Duration(f.rng.Int64N(int64(f.spec.Jitter) + 1))
	}
	for i := range f.scripted {
		s := &f.scripted[i]
		if s.Operation != "*" && s.Operation != operation || beside(s.Kind) {
			continue
		}
		out.Kind = s.Kind
		if s.Count--; s.Count == 0 {
			f.scripted = append(f.scripted[:i], f.scripted[i+1:]...)
		}
		f.injected[out.Kind]++
		return out
	}
	draw := f.rng.Float64()
	for _, c := range []struct {
		p float64
		k FaultKind
	}{{f.spec.Throttle, FaultThrottle}, {f.spec.Error, FaultError}, {f.spec.Reset, FaultReset}, {f.spec.LostReply, FaultLostReply}, {f.spec.Truncate, FaultTruncate}, {f.spec.Session, FaultSession}} {
		if draw < c.p {
			out.Kind = c.k
			f.injected[c.k]++
			break
		}
		draw -= c.p
	}
	return out
}

// Record says whether somebody else holds a record that is about to be written.
// Services that write one record a request have no use for it.
func (f *Faults) Record() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.spec.Lock == 0 || f.rows.Float64() >= f.spec.Lock {
		return false
	}
	f.injected[FaultLock]++
	return true
}

// beside says that a kind is drawn by Beside, not for requests.
func beside(k FaultKind) bool { return k == FaultDuplicate || k == FaultGap || k == FaultExpired }

// Beside says whether a trouble that is no request's own (duplicate, gap, expired)
// happens now to what operation does.
func (f *Faults) Beside(operation string, kind FaultKind) bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.scripted {
		s := &f.scripted[i]
		if s.Kind != kind || s.Operation != "*" && s.Operation != operation {
			continue
		}
		if s.Count--; s.Count == 0 {
			f.scripted = append(f.scripted[:i], f.scripted[i+1:]...)
		}
		f.injected[kind]++
		return true
	}
	p := map[FaultKind]float64{FaultDuplicate: f.spec.Duplicate, FaultGap: f.spec.Gap, FaultExpired: f.spec.Expired}[kind]
	if p == 0 || f.rows.Float64() >= p {
		return false
	}
	f.injected[kind]++
	return true
}

// Lag is the standing read-after-create lag.
func (f *Faults) Lag() time.Duration {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spec.Lag
}

// String gives the standing set in the form that ParseFaults reads.
func (f *Faults) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.spec.String()
}

// String gives the spec in the form that ParseFaults reads, without what is 0.
func (s FaultSpec) String() string {
	var parts []string
	add := func(key string, d time.Duration) {
		if d > 0 {
			parts = append(parts, key+"="+d.String())
		}
	}
	chance := func(key string, p float64) {
		if p > 0 {
			parts = append(parts, key+"="+strconv.FormatFloat(p, 'g', -1, 64))
		}
	}
	add("latency", s.Latency)
	add("jitter", s.Jitter)
	chance("throttle", s.Throttle)
	chance("error", s.Error)
	chance("reset", s.Reset)
	chance("truncate", s.Truncate)
	chance("lost_reply", s.LostReply)
	chance("session", s.Session)
	chance("lock", s.Lock)
	chance("duplicate", s.Duplicate)
	chance("gap", s.Gap)
	chance("expired", s.Expired)
	add("lag", s.Lag)
	parts = append(parts, "seed="+strconv.FormatUint(s.Seed, 10))
	return strings.Join(parts, ",")
}

// Injected counts the faults given out so far, by kind.
func (f *Faults) Injected() map[FaultKind]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[FaultKind]int, len(f.injected))
	for k, n := range f.injected {
		out[k] = n
	}
	return out
}

// CloseConnection ends the client's connection without an answer (an RST on
// TCP). It panics with http.ErrAbortHandler, which net/http takes as "close
// and say nothing", when the connection cannot be taken over; call it last.
func CloseConnection(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	closeHard(conn)
}

// TruncateReply announces the whole body but sends only its first half, then
// closes the connection.
func TruncateReply(w http.ResponseWriter, status int, body []byte) {
	if len(body) == 0 {
		CloseConnection(w)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	rc := http.NewResponseController(w)
	if _, err := w.Write(body[:len(body)/2]); err != nil {
		panic(http.ErrAbortHandler)
	}
	if err := rc.Flush(); err != nil {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := rc.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_ = conn.Close() // the client has to notice the missing half itself
}

func closeHard(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // on failure the close below is a soft one
	}
	_ = conn.Close() // nobody is left to tell
}
