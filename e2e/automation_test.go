package e2e

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// onFolder does something as a Director with the program that works on a folder.
func onFolder(t *testing.T, dir string, s sandbox.Services, fn func(ctx context.Context, a *app.App) error) {
	t.Helper()
	cfg := app.Config{DataDir: dir, Listen: "127.0.0.1:0", SyncEvery: time.Hour, AWS: app.AWSConfig{
		Endpoint: s.AWS.URL, Region: s.AWS.Region, Catalog: "AWS", AccessKeyID: s.AWS.AccessKeyID, SecretAccessKey: s.AWS.SecretAccessKey, Company: demo.Vendor, WritesPerSecond: 1000, ReadsPerSecond: 1000,
	}}
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), app.NoJobs)
	if err != nil {
		t.Fatal(err)
	}
	ctx := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Dana", Level: authz.LevelDirector})
	if err := fn(ctx, a); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestASyncEndsThoughWritingIsOffAndWhatWaitedIsWrittenOnce(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{}).Services
	dir := t.TempDir()
	run := func(want int) (summary, string) {
		t.Helper()
		res := command{args: []string{"sync", "--json", "--data-dir", dir, "--limit", "60s"}, env: connected(s)}.run(t).ended(t, want)
		var sum summary
		res.last(t, &sum)
		return sum, res.err
	}
	version := int64(0)
	set := func(change func(ctx context.Context, a *app.App, version int64) error) {
		t.Helper()
		onFolder(t, dir, s, func(ctx context.Context, a *app.App) error {
			defer func() { version++ }()
			return change(ctx, a, version)
		})
	}
	onFolder(t, dir, s, func(ctx context.Context, a *app.App) error {
		if err := a.Sync.RefreshPortals(ctx); err != nil {
			return err
		}
		list, err := a.Registrations.Solutions(ctx, cloud.AWS)
		if err != nil || len(list) == 0 {
			return errors.Join(err, errors.New("no solution"))
		}
		return a.Registrations.SetDefaults(ctx, registration.DefaultSolutions{cloud.AWS: {list[0].RemoteID}}, 0)
	})
	set(func(ctx context.Context, a *app.App, v int64) error {
		return a.Automation.Switch(ctx, automation.WriteTasks, false, "quarter end", v)
	})
	sum, said := run(0)
	if *sum.Opportunities != 130 || *sum.Registered == 0 || *sum.TasksLogged != 0 || sum.Held < *sum.Registered || !strings.Contains(said, "“Log co-sell events” is off") {
		t.Errorf("%d registered, %d logged, %d held: %s", *sum.Registered, *sum.TasksLogged, sum.Held, said)
	}
	waited := sum.Held
	set(func(ctx context.Context, a *app.App, v int64) error {
		return a.Automation.Pause(ctx, "we move the organisation", v)
	})
	if sum, said = run(0); sum.Held != waited || !strings.Contains(said, "Dana paused everything") || !strings.Contains(said, "we move the organisation") {
		t.Errorf("%d held: %s", sum.Held, said)
	}
	set(func(ctx context.Context, a *app.App, v int64) error { return a.Automation.Resume(ctx, "", v) })
	set(func(ctx context.Context, a *app.App, v int64) error {
		return a.Automation.Switch(ctx, automation.WriteTasks, true, "", v)
	})
	if sum, said = run(0); sum.Held != 0 || *sum.TasksLogged < waited {
		t.Errorf("%d waited, %d are logged, %d still wait: %s", waited, *sum.TasksLogged, sum.Held, said)
	}
}
