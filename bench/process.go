package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tandem-cosell/tandem/sandbox"
)

// usage is what a process used: CPU of user and system, and the peak of its
// resident memory.
type usage struct {
	cpu  time.Duration
	peak int64 // bytes, 0 when not known
}

func usageOf(s *os.ProcessState) usage {
	u := usage{cpu: s.UserTime() + s.SystemTime()}
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		u.peak = r.Maxrss * 1024 // Linux counts in KiB
	}
	return u
}

// each gives the CPU time for each of n things.
func (u usage) each(n int64) string {
	return fmt.Sprintf("%.0f µs CPU", float64(u.cpu.Microseconds())/float64(n))
}

// command is a process that ends with ctx: asked first, then made to.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	// Only what a test gives counts, not the configuration of whoever runs it.
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TANDEM_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// finish runs cmd to its end and gives what it printed and used.
func finish(cmd *exec.Cmd) ([]byte, usage, error) {
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, usage{}, fmt.Errorf("%s: %w: %.500s", filepath.Base(cmd.Path), err, errs.String())
	}
	return out.Bytes(), usageOf(cmd.ProcessState), nil
}

// build makes the binary as the Makefile does.
func (b *bench) build(ctx context.Context) error {
	b.binary = filepath.Join(b.dir, "tandem")
	b.say("build …")
	cmd := command(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.binary, "./cmd/tandem")
	cmd.Dir = ".."
	cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
	_, _, err := finish(cmd)
	return err
}

// sandboxProcess is `tandem sandbox` in a process of its own.
type sandboxProcess struct {
	sandbox.Services
	cmd  *exec.Cmd
	errs bytes.Buffer
}

func (b *bench) startSandbox(ctx context.Context, accounts, opportunities int) (*sandboxProcess, error) {
	s := &sandboxProcess{cmd: command(ctx, b.binary, "sandbox", "--json", "--no-quotas",
		"--accounts", strconv.Itoa(accounts), "--opportunities", strconv.Itoa(opportunities))}
	s.cmd.Stderr = &s.errs
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	b.say("sandbox with %s accounts and %s opportunities …", grouped(int64(accounts)), grouped(int64(opportunities)))
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	var ready struct {
		Services *sandbox.Services `json:"services"`
	}
	ready.Services = &s.Services
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		return nil, errors.Join(fmt.Errorf("the sandbox did not start: %w: %.500s", err, s.errs.String()), s.stop())
	}
	// What was changed within the last minutes is read again and again, and an
	// organisation that is made at once was changed just now, all of it.
	if err := answer(ctx, http.MethodPost, s.Salesforce.URL+"/_control/clock", "", `{"advance":"1h"}`, new(any)); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *sandboxProcess) stop() error { return stopProcess(s.cmd) }

func stopProcess(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); ended || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil // how it ends when it is told to is of no interest here
	}
	return err
}

// cpu gives the CPU time that the sandbox has used so far; 0 where the system
// doesn't say.
func (s *sandboxProcess) cpu() time.Duration { return cpuOf(s.cmd.Process.Pid) }

// cpuOf reads fields 14 and 15 of /proc/PID/stat, in hundredths of a second
// (proc(5)).
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, uerr := strconv.ParseInt(fields[11], 10, 64)
	system, serr := strconv.ParseInt(fields[12], 10, 64)
	if uerr != nil || serr != nil {
		return 0
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// childArg is how the program calls itself, to have a process of its own for
// what it measures.
const childArg = "child"

// runChild runs a part of this program in a process of its own. What it prints
// is decoded into result.
func (b *bench) runChild(ctx context.Context, part string, task, result any) (usage, error) {
	self, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	given, err := json.Marshal(task)
	if err != nil {
		return usage{}, err
	}
	cmd := command(ctx, self, childArg, part)
	cmd.Stdin = bytes.NewReader(given)
	out, u, err := finish(cmd)
	if err != nil {
		return u, err
	}
	return u, decode(out, result)
}

// child is the other side of runChild.
func child(ctx context.Context, part string) error {
	given, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	run, ok := map[string]func(context.Context, []byte) (any, error){
		"import": childImport, "read-tandem": childReadTandem, "read-gosalesforce": childReadGoSalesforce, "read-json": childReadJSON,
		"bulk": childBulk, "match": childMatch, "psi": childPSI,
	}[part]
	if !ok {
		return fmt.Errorf("no part %s", part)
	}
	result, err := run(ctx, given)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}
