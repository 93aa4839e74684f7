// Package e2e answers "does the real program keep its promises": its tests build
// the binary once and run it as people do, against the sandboxes.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program that the tests run, built by TestMain.
var binary string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tandem-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "tandem")
	build := exec.CommandContext(context.Background(), "go", "build", "-trimpath", "-ldflags", "-X main.version=v0.0.0-e2e -X main.commit=e2e", "-o", binary, "../cmd/tandem")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the program cannot be built: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// command is how a test starts the program: in an empty folder, with a home of
// its own and no setting from outside.
type command struct {
	args []string
	env  []string // KEY=VALUE
	in   string
	dir  string // working folder; "" is an empty one
	user uint32 // 0: who runs the tests
}

func (c command) build(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, c.args...)
	home := t.TempDir()
	if cmd.Dir = c.dir; cmd.Dir == "" {
		cmd.Dir = home
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "TANDEM_") && !slices.Contains([]string{"HOME", "XDG_CONFIG_HOME"}, name) {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, "HOME="+home), c.env...)
	if c.in != "" {
		cmd.Stdin = strings.NewReader(c.in)
	}
	if c.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.user, Gid: c.user}}
	}
	return cmd
}

// result is how a command ended.
type result struct {
	code     int // -1: by a signal
	out, err string
	took     time.Duration
}

func (r result) String() string {
	return fmt.Sprintf("exit %d after %s\nstdout: %s\nstderr: %s", r.code, r.took.Round(time.Millisecond), r.out, r.err)
}

// last reads the last line of standard output as JSON.
func (r result) last(t *testing.T, v any) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), v); err != nil {
		t.Fatalf("the last line of standard output is no JSON: %v\n%s", err, r)
	}
}

// run runs the program to its end, for at most five minutes.
func (c command) run(t *testing.T) result {
	t.Helper()
	return c.start(t).wait(t, 5*time.Minute)
}

// tandem runs the program with arguments only.
func tandem(t *testing.T, args ...string) result {
	t.Helper()
	return command{args: args}.run(t)
}

// ended fails the test unless the command ended with this code.
func (r result) ended(t *testing.T, code int) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("wanted exit %d: %s", code, r)
	}
	return r
}

// process is a started program. It is killed when its test ends.
type process struct {
	cmd      *exec.Cmd
	began    time.Time
	out, err *text
	done     chan struct{}
	res      result
}

func (c command) start(t *testing.T) *process {
	t.Helper()
	p := &process{cmd: c.build(t), began: time.Now(), out: &text{}, err: &text{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		err := p.cmd.Wait()
		p.res = result{code: p.cmd.ProcessState.ExitCode(), out: p.out.String(), err: p.err.String(), took: time.Since(p.began)}
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
			p.res.err += "\n" + err.Error()
		}
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

// kill ends the process at once and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.done
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait waits for the end of the process.
func (p *process) wait(t *testing.T, limit time.Duration) result {
	t.Helper()
	select {
	case <-p.done:
		return p.res
	case <-time.After(limit):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		<-p.done
		t.Fatalf("%s did not end within %s: %s", strings.Join(p.cmd.Args[1:], " "), limit, p.res)
		return result{}
	}
}

// stop asks the process to end.
func (p *process) stop(t *testing.T, sig os.Signal, limit time.Duration) result {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatalf("signal: %v: %s", err, p.res)
	}
	return p.wait(t, limit)
}

// line waits until the output holds a whole line that contains what, and gives it.
func (p *process) line(t *testing.T, from *text, what string) string {
	t.Helper()
	var found string
	eventually(t, 60*time.Second, "a line with "+what, func() error {
		whole := from.String()
		whole = whole[:strings.LastIndexByte(whole, '\n')+1]
		for l := range strings.Lines(whole) {
			if strings.Contains(l, what) {
				found = strings.TrimSpace(l)
				return nil
			}
		}
		if p.ended() {
			t.Fatalf("the program ended: %s", p.res)
		}
		return fmt.Errorf("stdout: %s\nstderr: %s", p.out, p.err)
	})
	return found
}

// text is an output that can be read while it is written.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps b.
func (x *text) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(b)
}

// String gives what was written so far.
func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// eventually asks until check gives no error, every 25 ms, and fails after limit.
func eventually(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %s: %v", what, limit, err)
}

// summary is what demo and sync print with --json.
type summary struct {
	Accounts       *int64 `json:"accounts"`
	Opportunities  *int64 `json:"opportunities"`
	Eligible       *int64 `json:"eligible"`
	Blocked        *int64 `json:"blocked"`
	Registered     *int64 `json:"registered"`
	Approved       *int64 `json:"approved"`
	ActionRequired *int64 `json:"action_required"`
	Rejected       *int64 `json:"rejected"`
	TasksLogged    *int64 `json:"tasks_logged"`
	DurationMS     *int64 `json:"duration_ms"`
	Held           int64  `json:"held"`
}

func (s summary) check(t *testing.T) {
	t.Helper()
	for _, p := range []*int64{s.Accounts, s.Opportunities, s.Eligible, s.Blocked, s.Registered, s.Approved, s.ActionRequired, s.Rejected, s.TasksLogged, s.DurationMS} {
		if p == nil {
			t.Fatalf("a field of the summary is missing: %+v", s)
		}
	}
}
