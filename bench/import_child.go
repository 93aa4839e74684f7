package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// importTask is what the importing process is told.
type importTask struct {
	Config  app.Config
	Profile string
}

// imported is what it measured. Seconds are from before the database is made to
// after the last record is stored.
type imported struct {
	Steps   []importStep
	Seconds float64
	Steady  int // calls of a later read, nothing having changed
}

// importStep is one object of Salesforce.
type importStep struct {
	Object  string
	Records int64
	Seconds float64
}

// childImport builds the program as `tandem sync` does and calls the one use case
// that reads Salesforce. The jobs that it plans are stored and not worked:
// registering is paced by the partner's quotas, not by us.
func childImport(ctx context.Context, given []byte) (any, error) {
	var task importTask
	if err := decode(given, &task); err != nil {
		return nil, err
	}
	if task.Profile != "" {
		f, err := os.Create(task.Profile)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	ctx = authz.With(ctx, authz.Actor{Kind: authz.KindSystem, ID: "bench", Name: "Benchmark"})
	began := time.Now()
	a, err := app.New(ctx, task.Config, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), app.WorksJobs)
	if err != nil {
		return nil, err
	}
	news, end := a.Hub.Subscribe()
	defer end()
	pulled := make(chan error, 1)
	go func() { pulled <- a.Sync.Pull(ctx) }()
	var out imported
	last := began
	note := func(p sync.Progress) {
		if p.Ended {
			now := time.Now()
			out.Steps = append(out.Steps, importStep{p.Step, p.Done, now.Sub(last).Seconds()})
			last = now
		}
	}
	for {
		select {
		case n := <-news:
			if p, ok := n.Data.(sync.Progress); ok {
				note(p)
			}
			continue
		case err = <-pulled:
		}
		break
	}
	out.Seconds = time.Since(began).Seconds()
	for len(news) > 0 {
		if p, ok := (<-news).Data.(sync.Progress); ok {
			note(p)
		}
	}
	if err == nil {
		out.Steady, err = steady(ctx, a)
	}
	return out, errors.Join(err, a.Close())
}

// steady gives how many calls a read costs when nothing has changed.
func steady(ctx context.Context, a *app.App) (int, error) {
	before, _ := a.Salesforce.Usage()
	err := a.Sync.Pull(ctx)
	after, _ := a.Salesforce.Usage()
	return after.Used - before.Used, err
}
