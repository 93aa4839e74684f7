// Command bench answers "does Tandem reach what it promises, and how does it
// stand beside what else there is?" It runs the real program against the real
// sandboxes over loopback and prints one table. It is no test: it fails only when
// something does not work, never because something is slow. On a busy machine the
// times are rough; CPU time for each record says more.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The limits bound a run, and what the first load of a million adds to it.
const (
	limit     = 15 * time.Minute
	limitBulk = 10 * time.Minute
)

// The benchmarks. All but the last four need the sandbox, and all of those but the
// readers need the database that the import makes; the bulk load and the events have
// a sandbox of their own.
const (
	nameImport = "import" // the first import, and the raw driver beside it
	nameRead   = "read"   // reading from Salesforce alone, beside other clients
	nameStart  = "start"  // from start to the first answer
	namePage   = "page"   // the page of an opportunity
	nameList   = "list"   // the list of opportunities
	nameBinary = "binary" // what is shipped
	nameBulk   = "bulk"   // the first load of a million opportunities
	nameMatch  = "match"  // one list of accounts against another
	nameEvents = "events" // from a change in Salesforce to Tandem
	nameCost   = "cost"   // the calls that keep registrations true, on a simulated clock
)

func names() []string {
	return []string{nameImport, nameRead, nameList, namePage, nameStart, nameBinary, nameMatch, nameBulk, nameEvents, nameCost}
}

// bench is one run.
type bench struct {
	quick    bool
	only     string
	cpu      string // file for the CPU profile of the import
	dir      string // everything is kept below, and removed at the end
	binary   string
	sandbox  *sandboxProcess
	database string // data folder of the import
	out      io.Writer
	table    table
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 1 && args[0] == childArg {
		return child(ctx, args[1])
	}
	b := &bench{out: out}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&b.quick, "quick", false, "a short run on a small organisation: shows that everything works, measures nothing of worth")
	f.StringVar(&b.only, "only", "", "run one of "+strings.Join(names(), ", "))
	f.StringVar(&b.cpu, "cpuprofile", "", "write the import's CPU profile to this file")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if b.only != "" && !slices.Contains(names(), b.only) {
		return fmt.Errorf("-only %s: there is %s", b.only, strings.Join(names(), ", "))
	}
	most := limit
	if b.wants(nameBulk) {
		most += limitBulk
	}
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("not done within %s: the machine is too busy", most))
	defer cancel()
	return b.run(ctx)
}

func (b *bench) wants(name string) bool { return b.only == "" || b.only == name }

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "tandem-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.cpu != "" {
		if b.cpu, err = filepath.Abs(b.cpu); err != nil {
			return err
		}
	}
	fmt.Fprintln(b.out, machine())
	err = b.benchAll(ctx)
	fmt.Fprintf(b.out, "\n%s", &b.table) // what was measured, also when something else failed
	return err
}

func (b *bench) benchAll(ctx context.Context) error {
	if b.only == nameCost { // needs no program beside it
		return b.timed(ctx, nameCost, b.benchCost)
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	if b.wants(nameBinary) {
		if err := b.benchBinary(); err != nil {
			return err
		}
	}
	if b.only == nameBinary {
		return nil
	}
	if b.wants(nameMatch) {
		if err := b.timed(ctx, nameMatch, b.benchMatch); err != nil || b.only != "" {
			return err
		}
	}
	if b.only == nameBulk {
		return b.timed(ctx, nameBulk, b.benchBulk)
	}
	if b.only == nameEvents {
		return b.timed(ctx, nameEvents, b.benchEvents)
	}
	if err := b.benchRunning(ctx); err != nil || b.only != "" {
		return err
	}
	if err := b.timed(ctx, nameBulk, b.benchBulk); err != nil {
		return err
	}
	if err := b.timed(ctx, nameEvents, b.benchEvents); err != nil {
		return err
	}
	return b.timed(ctx, nameCost, b.benchCost)
}

// timed runs one benchmark and tells how long it took.
func (b *bench) timed(ctx context.Context, name string, run func(context.Context) error) error {
	began := time.Now()
	b.say("%s …", name)
	if err := run(ctx); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w", name, err)
	}
	b.say("%s: %s", name, time.Since(began).Round(100*time.Millisecond))
	return nil
}

// benchRunning runs what needs the sandbox.
func (b *bench) benchRunning(ctx context.Context) (err error) {
	if b.sandbox, err = b.startSandbox(ctx, b.accounts(), b.opportunities()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.sandbox.stop()) }()
	for _, one := range []struct {
		name string
		run  func(context.Context) error
	}{
		{nameRead, b.benchRead}, {nameImport, b.benchImport}, {nameStart, b.benchStart}, {namePage, b.benchPage}, {nameList, b.benchList},
	} {
		needed := one.name == nameImport && b.only != nameRead // the others need its database
		if !needed && !b.wants(one.name) {
			continue
		}
		if err := b.timed(ctx, one.name, one.run); err != nil {
			return err
		}
	}
	return nil
}

// say tells on standard error how far things are.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...)
}

func (b *bench) accounts() int {
	if b.quick {
		return 2_000
	}
	return 50_000
}

func (b *bench) opportunities() int {
	if b.quick {
		return 4_000
	}
	return 100_000
}

// machine says on what the figures were made.
func machine() string {
	s := fmt.Sprintf("%s/%s, %d cores, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		one, _, _ := strings.Cut(string(load), " ")
		s += ", load average at the start " + one
	}
	return s + "\nOn a loaded machine the times are rough: look at the CPU time, and at the ratios to what ran beside it."
}

// decode reads the one JSON value that a process printed.
func decode(output []byte, v any) error {
	if err := json.Unmarshal(output, v); err != nil {
		return fmt.Errorf("the process printed %.200q: %w", output, err)
	}
	return nil
}
