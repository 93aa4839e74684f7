package kit

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClockRunsOnFromWhereItIsSet(t *testing.T) {
	t.Parallel()
	c := NewClock()
	if d := time.Since(c.Now()).Abs(); d > time.Second {
		t.Errorf("a new clock is off by %v", d)
	}
	want := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c.Set(want)
	if got := c.Now().Sub(want); got < 0 || got > time.Second {
		t.Errorf("after Set the clock is %v off", got)
	}
	c.Advance(24 * time.Hour)
	if got := c.Now().Sub(want) - 24*time.Hour; got < 0 || got > time.Second {
		t.Errorf("after Advance the clock is %v off", got)
	}
	c.Freeze(true)
	at := c.Now()
	time.Sleep(2 * time.Millisecond)
	if !c.Now().Equal(at) {
		t.Error("a frozen clock moved")
	}
	c.Advance(time.Hour)
	if got := c.Now().Sub(at); got != time.Hour {
		t.Errorf("a frozen clock advanced by %v", got)
	}
	c.Freeze(false)
	if got := c.Now().Sub(at); got < time.Hour || got > time.Hour+time.Second {
		t.Errorf("after thawing the clock is %v on", got)
	}
}

type line struct {
	K string
	V string
}

func replay(t *testing.T, j *Journal) []line {
	t.Helper()
	var out []line
	if err := j.Replay(func(kind string, raw json.RawMessage) error {
		out = append(out, line{kind, string(raw)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func openJournal(t *testing.T, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func TestJournalGivesBackWhatWasAppendedEvenWithoutClose(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "state.jsonl")
	j := openJournal(t, path)
	long := strings.Repeat("x", 300_000)
	if err := j.Append("a", 1); err != nil {
		t.Fatal(err)
	}
	if err := j.AppendBatch([]Entry{{"b", long}, {"c", map[string]string{"t": "a\nb"}}}); err != nil {
		t.Fatal(err)
	}
	want := []line{{"a", "1"}, {"b", `"` + long + `"`}, {"c", `{"t":"a\nb"}`}}
	if d := cmp.Diff(want, replay(t, openJournal(t, path))); d != "" {
		t.Error(d)
	}
}

func TestJournalCutsOffATornLastLineAndAppendsAfterIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	if err := os.WriteFile(path, []byte(`{"k":"a","v":1}`+"\n"+`{"k":"b","v":{"half`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openJournal(t, path).Append("c", 3); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]line{{"a", "1"}, {"c", "3"}}, replay(t, openJournal(t, path))); d != "" {
		t.Error(d)
	}
}

func TestJournalNamesACorruptMiddleLine(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{`{"k":"b",`, `{}`, ``, `[1]`} {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, []byte(`{"k":"a","v":1}`+"\n"+bad+"\n"+`{"k":"c","v":1}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		err := openJournal(t, path).Replay(func(string, json.RawMessage) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "line 2 is corrupt") {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestJournalCompactKeepsOnlyWhatIsEmitted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j := openJournal(t, path)
	for range 100 {
		if err := j.Append("n", 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Compact(func(emit func(string, any) error) error { return emit("sum", 100) }); err != nil {
		t.Fatal(err)
	}
	if err := j.Append("n", 2); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]line{{"sum", "100"}, {"n", "2"}}, replay(t, openJournal(t, path))); d != "" {
		t.Error(d)
	}
	boom := errors.New("boom")
	if err := j.Compact(func(func(string, any) error) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	if got := len(replay(t, openJournal(t, path))); got != 2 {
		t.Errorf("a failed compaction left %d lines", got)
	}
}

func TestJournalWithoutAPathKeepsNothing(t *testing.T) {
	t.Parallel()
	j := openJournal(t, "")
	if err := j.Append("a", 1); err != nil {
		t.Error(err)
	}
	if got := replay(t, j); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

func TestParseFaultsNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"latncy=1s":              `unknown key "latncy"`,
		"latency":                `"latency" must be key=value`,
		"latency=fast":           "latency must be a duration",
		"lag=-1s":                "lag must be a duration",
		"throttle=2":             "throttle must be a share from 0 to 1",
		"error=NaN":              "error must be a share",
		"seed=x":                 "seed must be a whole number",
		"error=0.1,error=0.2":    `"error" is given twice`,
		"throttle=0.6,error=0.6": "add up to 1.2",
	} {
		if _, err := ParseFaults(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", spec, err, want)
		}
	}
}

func TestFaultsOfOneSeedAreTheSameEachTimeAndNearTheirShare(t *testing.T) {
	t.Parallel()
	const spec = "latency=50ms,jitter=20ms,throttle=0.1,error=0.05,reset=0.02,truncate=0.01,lost_reply=0.02,lag=3s,seed=7"
	run := func() []Fault {
		f, err := ParseFaults(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String(); got != spec {
			t.Errorf("String gives %q", got)
		}
		out := make([]Fault, 5000)
		for i := range out {
			out[i] = f.Next("X")
		}
		return out
	}
	a, b := run(), run()
	if d := cmp.Diff(a, b); d != "" {
		t.Error(d)
	}
	throttled := 0
	for _, f := range a {
		if f.Kind == FaultThrottle {
			throttled++
		}
		if f.Sleep < 50*time.Millisecond || f.Sleep > 70*time.Millisecond || f.Lag != 3*time.Second {
			t.Fatalf("fault %+v", f)
		}
	}
	if throttled < 400 || throttled > 600 {
		t.Errorf("%d of 5000 throttled", throttled)
	}
}

func TestFailNextHitsOnlyItsOperationAndOnlySoOften(t *testing.T) {
	t.Parallel()
	f := NewFaults()
	if err := f.FailNext("Create", 2, "lost_reply"); err != nil {
		t.Fatal(err)
	}
	var got []FaultKind
	for _, op := range []string{"Get", "Create", "Get", "Create", "Create"} {
		got = append(got, f.Next(op).Kind)
	}
	if d := cmp.Diff([]FaultKind{"", FaultLostReply, "", FaultLostReply, ""}, got); d != "" {
		t.Error(d)
	}
	if err := f.FailNext("Create", 1, "explode"); err == nil {
		t.Error("an unknown kind was taken")
	}
	var none *Faults
	if got := none.Next("x"); got != (Fault{}) {
		t.Errorf("a nil set gives %+v", got)
	}
}

func TestRecordsAreLockedByTheirShareWithoutChangingWhatRequestsDraw(t *testing.T) {
	t.Parallel()
	const spec = "throttle=0.3,session=0.2,lock=0.25,seed=11"
	draw := func(records int) (kinds []FaultKind, locked int) {
		f, err := ParseFaults(spec)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.String(); got != spec {
			t.Errorf("String gives %q", got)
		}
		for range 1000 {
			kinds = append(kinds, f.Next("X").Kind)
			for range records {
				if f.Record() {
					locked++
				}
			}
		}
		if got := f.Injected()[FaultLock]; got != locked {
			t.Errorf("%d locks are counted, %d were given", got, locked)
		}
		return kinds, locked
	}
	few, none := draw(0)
	many, locked := draw(4)
	if d := cmp.Diff(few, many); d != "" || none != 0 {
		t.Errorf("what is written changes what requests draw: %s", d)
	}
	if locked < 850 || locked > 1150 {
		t.Errorf("%d of 4000 records were locked", locked)
	}
	sessions := 0
	for _, k := range few {
		if k == FaultSession {
			sessions++
		}
	}
	if sessions < 150 || sessions > 250 {
		t.Errorf("%d of 1000 sessions ended", sessions)
	}
	if quiet := NewFaults(); quiet.Record() || (*Faults)(nil).Record() {
		t.Error("a set that injects nothing locked a record")
	}
}

func TestFaultHelpersBreakTheConnection(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			CloseConnection(w)
			return
		}
		TruncateReply(w, http.StatusOK, []byte(strings.Repeat("y", 1000)))
	}))
	t.Cleanup(srv.Close)
	if resp, err := http.Get(srv.URL + "/close"); err == nil {
		_ = resp.Body.Close()
		t.Error("a closed connection gave an answer")
	}
	resp, err := http.Get(srv.URL + "/cut")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 500 {
		t.Errorf("read %d bytes, error %v", len(body), err)
	}
}

func TestRecorderKeepsTheLastCapsBodiesAndRemovesSecrets(t *testing.T) {
	t.Parallel()
	rec := NewRecorder(3, 60)
	for i, body := range []string{"1", "2", `{"client_secret":"hunter2","a":1}`, "grant_type=password&password=hunter2&x=1", strings.Repeat("é", 50)} {
		rec.Add(Record{Method: "POST", Path: "/?access_token=hunter2", Status: 200 + i, Request: body, Answer: "Bearer hunter2hunter2"})
	}
	got := rec.Last(0)
	if len(got) != 3 || got[0].Status != 202 || got[2].Status != 204 || rec.Total() != 5 {
		t.Fatalf("kept %+v", got)
	}
	var b strings.Builder
	if err := rec.WriteJSON(&b, 3); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "hunter2") {
		t.Errorf("a secret stayed: %s", b.String())
	}
	if got := len(got[2].Request); got > 60+len("…") {
		t.Errorf("the body has %d bytes", got)
	}
	if last := rec.Last(1); last[0].Status != 204 {
		t.Errorf("last is %+v", last)
	}
}

func TestControlMovesClockSetsFaultsAndShowsTheLog(t *testing.T) {
	t.Parallel()
	moved := 0
	c := Control{Clock: NewFrozenClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), Faults: NewFaults(), Recorder: NewRecorder(5, 10), Moved: func() { moved++ }}
	mux := http.NewServeMux()
	c.Register(mux)
	call := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/_control/clock", `{"advance":"24h"}`, 200, "2026-01-02T00:00:00Z"},
		{"POST", "/_control/clock", `{"set":"2027-05-06T07:08:09Z"}`, 200, "2027-05-06T07:08:09Z"},
		{"GET", "/_control/clock", ``, 200, `"frozen": true`},
		{"POST", "/_control/clock", `{"advance":"soon"}`, 400, "invalid duration"},
		{"POST", "/_control/clock", `{}`, 400, "give"},
		{"POST", "/_control/clock", ``, 400, "empty"},
		{"POST", "/_control/faults", `{"spec":"error=0.5"}`, 200, "error=0.5"},
		{"POST", "/_control/faults", `{"spec":"nope=1"}`, 400, `unknown key`},
		{"POST", "/_control/faults", `{"fail_next":{"operation":"Get","count":1,"kind":"reset"}}`, 200, "error=0.5"},
		{"POST", "/_control/faults", `{"x":1}`, 400, "unknown field"},
		{"DELETE", "/_control/faults", ``, 200, `"seed=1"`},
		{"GET", "/_control/log?n=x", ``, 400, "whole number"},
		{"GET", "/_control/log", ``, 200, `"total": 0`},
		{"DELETE", "/_control/log", ``, 204, ""},
	} {
		if status, body := call(step.method, step.path, step.body); status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s %s: %d %s", step.method, step.path, step.body, status, body)
		}
	}
	if moved != 2 {
		t.Errorf("Moved was called %d times", moved)
	}
}

func TestKitIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	j := openJournal(t, filepath.Join(t.TempDir(), "j"))
	f, rec, c := NewFaults(), NewRecorder(10, 10), NewClock()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := j.Append("x", "y"); err != nil {
					t.Error(err)
				}
				f.Next("x")
				rec.Add(Record{})
				rec.Last(1)
				c.Advance(1)
				c.Now()
			}
		})
	}
	wg.Wait()
	if got := len(replay(t, j)); got != 400 {
		t.Errorf("%d lines", got)
	}
}

func FuzzParseFaults(f *testing.F) {
	f.Add("latency=50ms,jitter=20ms,throttle=0.1,seed=7")
	f.Add("error=1e-3,,lag=0s")
	f.Fuzz(func(t *testing.T, spec string) {
		a, err := ParseFaults(spec)
		if err != nil {
			return
		}
		b, err := ParseFaults(a.String())
		if err != nil || a.String() != b.String() {
			t.Fatalf("%q gives %q, which gives %v, %v", spec, a, b, err)
		}
	})
}

// FuzzJournal: whatever a file holds, replaying it fails clearly or ends in a
// journal that takes a line and gives back the same lines and that one.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"k":"a","v":1}` + "\n" + `{"k":"b","v":{"half`))
	f.Add([]byte("\n\n"))
	f.Add([]byte(`{"k":"a"}` + "\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		j := openJournal(t, path)
		var before []line
		if err := j.Replay(func(kind string, raw json.RawMessage) error {
			before = append(before, line{kind, string(raw)})
			return nil
		}); err != nil {
			return
		}
		if err := j.Append("z", 0); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(append(before, line{"z", "0"}), replay(t, openJournal(t, path))); d != "" {
			t.Fatal(d)
		}
	})
}
