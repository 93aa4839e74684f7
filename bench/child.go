package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// step is one object of an import, as the child process reports it.
type step struct {
	Object  string  `json:"object"`
	Records int64   `json:"records"`
	Seconds float64 `json:"seconds"`
}

// imported is what the child process prints.
type imported struct {
	Steps   []step  `json:"steps"`
	Seconds float64 `json:"seconds"` // from the start of New to the end of Pull
}

// childImport is the import in a process of its own: it builds the program as
// `tandem sync` does, from TANDEM_BENCH_CONFIG, and calls the one use case that
// reads Salesforce. Jobs that the import plans are stored and not worked.
func childImport(ctx context.Context, profile string) (err error) {
	var cfg app.Config
	if err := json.Unmarshal([]byte(os.Getenv(configVariable)), &cfg); err != nil {
		return fmt.Errorf("%s: %w", configVariable, err)
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer func() { pprof.StopCPUProfile(); _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	ctx = authz.With(ctx, authz.Actor{Kind: authz.KindSystem, ID: "bench", Name: "Benchmark"})
	began := time.Now()
	a, err := app.New(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), app.WorksJobs)
	if err != nil {
		return err
	}
	news, end := a.Hub.Subscribe()
	var out imported
	pulled := make(chan error, 1)
	go func() { pulled <- a.Sync.Pull(ctx) }()
	last := began
	for running := true; running; {
		select {
		case n := <-news:
			if p, ok := n.Data.(sync.Progress); ok && p.Ended {
				now := time.Now()
				out.Steps = append(out.Steps, step{p.Step, p.Done, now.Sub(last).Seconds()})
				last = now
			}
		case err = <-pulled:
			out.Seconds = time.Since(began).Seconds()
			running = false
		}
	}
	end()
	if cerr := a.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}
