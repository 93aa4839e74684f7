package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/server"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

type demoCmd struct {
	DataDir  string `name:"data-dir" help:"Folder to keep everything in: database and sandboxes. Empty makes one that goes when the demo ends." type:"path"`
	Once     bool   `help:"Run the main job, print the summary and end."`
	JSON     bool   `name:"json" help:"Print the summary as JSON, as the last line of standard output."`
	Listen   string `help:"Address that the pages are served on." default:"127.0.0.1:8080"`
	LogLevel string `name:"log-level" help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"error"`

	Accounts      int    `help:"Accounts of the demo organisation." default:"400"`
	Opportunities int    `help:"Opportunities of the demo organisation." default:"1500"`
	RandomSeed    uint64 `name:"random-seed" help:"Seed of the demo organisation's generator." default:"1"`
	Fault         string `help:"Troubles to inject, as for tandem sandbox." placeholder:"SPEC"`
}

// Help gives an example.
func (demoCmd) Help() string {
	return `Starts the sandboxes, loads an invented organisation, reads it, registers its joint opportunities with AWS and logs every event in Salesforce; then serves the pages until Ctrl-C.

Examples:
  tandem demo
  tandem demo --once --json --data-dir ./demo`
}

// demoUser is whom the demo makes.
const demoUser = "demo@tandem.example"

// settleLimit bounds how long the demo's main job may take.
const settleLimit = 15 * time.Minute

// Summary is what the main job did. Registered and TasksLogged are this run's
// deeds; the others are how things stand.
type Summary struct {
	Accounts       int64 `json:"accounts"`
	Opportunities  int64 `json:"opportunities"`
	Eligible       int64 `json:"eligible"`
	Blocked        int64 `json:"blocked"`
	Registered     int64 `json:"registered"`
	Approved       int64 `json:"approved"`
	ActionRequired int64 `json:"action_required"`
	Rejected       int64 `json:"rejected"`
	TasksLogged    int64 `json:"tasks_logged"`
	DurationMS     int64 `json:"duration_ms"`
	// NotWritten is what Salesforce did not take; see tandem sync.
	NotWritten int64 `json:"not_written,omitempty"`
	// Held is what waits for a flow that somebody switched off.
	Held int64 `json:"held,omitempty"`
}

// Run runs the demo.
func (c *demoCmd) Run(r *run) (err error) {
	began := time.Now()
	dir := c.DataDir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "tandem-demo-"); err != nil {
			return fmt.Errorf("the demo's folder cannot be made: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	cfg := app.Config{
		DataDir: dir, Listen: c.Listen, Role: "all", Workers: 16, LogLevel: c.LogLevel, SyncEvery: time.Minute, Version: r.version, Environment: "Demo data",
		Pace:  registration.Pace{Task: 300 * time.Millisecond, Review: time.Second, Refresh: time.Minute, Retry: 250 * time.Millisecond, Max: 5 * time.Second},
		Every: sync.Every{Sweep: time.Second, Refresh: 10 * time.Minute, PutOff: time.Second},
	}
	log, err := r.log(&cfg)
	if err != nil {
		return err
	}
	if err := app.CheckLock(cfg); err != nil {
		return err
	}
	fleet, err := sandbox.Start(r.ctx, sandbox.Options{
		Dir: filepath.Join(dir, "sandbox"), Faults: c.Fault, Logger: log, AutoReview: true, ReviewDelay: 1500 * time.Millisecond,
		TaskDelay: 100 * time.Millisecond, Quotas: aws.Quotas{Off: true},
		Demo: demo.Options{Seed: c.RandomSeed, Accounts: c.Accounts, Opportunities: c.Opportunities},
	})
	if err != nil {
		return &problem.Error{Kind: problem.KindConflict, Code: "sandbox", Message: "The sandboxes did not start", Err: err}
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	s := fleet.Services
	cfg.Salesforce = app.SalesforceConfig{URL: s.Salesforce.URL, ClientID: s.Salesforce.ClientID, ClientSecret: s.Salesforce.ClientSecret, Currency: "USD"}
	cfg.AWS = app.AWSConfig{
		Endpoint: s.AWS.URL, Region: s.AWS.Region, Catalog: "AWS", AccessKeyID: s.AWS.AccessKeyID, SecretAccessKey: s.AWS.SecretAccessKey,
		Company: demo.Vendor, UseCase: "Web development & DevOps", WritesPerSecond: 1000, ReadsPerSecond: 5000,
	}
	a, err := app.New(r.ctx, cfg, log, app.WorksJobs)
	if err != nil {
		return err
	}
	if err := offerDeals(r.ctx, a, s.AWS.URL); err != nil {
		log.WarnContext(r.ctx, "the demo goes on without invitations", "error", err)
	}
	return c.job(r, a, began)
}

// offerDeals lets AWS offer two deals and a lead, once: a folder that has seen any
// gets no more.
func offerDeals(ctx context.Context, a *app.App, portal string) error {
	if err := a.Sync.FollowInvitations(ctx, cloud.AWS, true); err != nil {
		return err
	}
	n, err := invitation.Count(ctx, a.DB, cloud.AWS)
	if err != nil || n > 0 {
		return err
	}
	for _, wish := range []string{`{"count":2}`, `{"kind":"lead"}`} {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, portal+"/_control/refer", strings.NewReader(wish))
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the sandbox answers %s", res.Status)
		}
	}
	return a.Sync.FollowInvitations(ctx, cloud.AWS, true)
}

// job runs the main job on a built app, and serves it unless once.
func (c *demoCmd) job(r *run, a *app.App, began time.Time) (err error) {
	stop := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 15*time.Second)
		defer cancel()
		err = errors.Join(err, a.Stop(ctx))
	}
	defer stop()
	var serving chan error
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	if !c.Once {
		h, err := server.New(a)
		if err != nil {
			return err
		}
		ln, err := a.Listen(ctx)
		if err != nil {
			return err
		}
		address := "http://" + ln.Addr().String()
		password, err := ensureDemoUser(ctx, a)
		if err != nil {
			return errors.Join(err, ln.Close())
		}
		r.say("Tandem serves at %s\n", address)
		if password != "" {
			r.say("Sign in as %s with the password %s (shown only once)\n", demoUser, password)
		} else {
			r.say("Sign in as %s with the password that was shown when this folder was made\n", demoUser)
		}
		serving = make(chan error, 1)
		go func() { serving <- a.Serve(ctx, ln, h) }()
	}
	if err := prepareDemo(ctx, a); err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	if err := runJob(ctx, r, a); err != nil {
		return err
	}
	sum, err := summarize(ctx, a, began)
	if err != nil {
		return err
	}
	if c.JSON {
		err = r.print(sum)
	} else {
		sum.write(r)
	}
	if err != nil || c.Once {
		return err
	}
	r.say("\nThe demo stays up until Ctrl-C.\n")
	select {
	case <-r.ctx.Done():
		cancel()
		return <-serving
	case err := <-serving:
		return err
	}
}

func ensureDemoUser(ctx context.Context, a *app.App) (string, error) {
	_, password, err := a.Team.CreateUser(ctx, team.NewUser{Name: "Demo Director", Email: demoUser, Level: authz.LevelDirector})
	if problem.Is(err, problem.KindConflict) {
		return "", nil
	}
	return password, err
}

// prepareDemo sees that there is a default solution, as a team would choose one
// on its first day.
func prepareDemo(ctx context.Context, a *app.App) error {
	if err := a.Sync.RefreshPortals(ctx); err != nil {
		return err
	}
	have, row, err := a.Registrations.Defaults(ctx)
	if err != nil || len(have[cloud.AWS]) > 0 {
		return err
	}
	list, err := a.Registrations.Solutions(ctx, cloud.AWS)
	if err != nil {
		return err
	}
	for _, s := range list {
		if strings.Contains(s.Name, "Ultimate (SaaS)") {
			return a.Registrations.SetDefaults(ctx, registration.DefaultSolutions{cloud.AWS: {s.RemoteID}}, row.Version)
		}
	}
	return problem.Conflict("no_solution", "Partner Central's sandbox lists no solution of ours that is active")
}

// summarize counts what stands and what this run did.
func summarize(ctx context.Context, a *app.App, began time.Time) (Summary, error) {
	var s Summary
	ws, err := a.Workspace.Summary(ctx)
	if err != nil {
		return s, err
	}
	s.Accounts, s.Opportunities = ws.Accounts, ws.Opportunities
	for _, c := range ws.Clouds {
		if c.Cloud != cloud.AWS {
			continue
		}
		s.Blocked = c.ByState[registration.StateBlocked]
		s.Approved = c.ByState[registration.StateApproved] + c.ByState[registration.StateLaunched] + c.ByState[registration.StateClosedLost]
		s.ActionRequired, s.Rejected = c.ByState[registration.StateActionRequired], c.ByState[registration.StateRejected]
		for state, n := range c.ByState {
			if state != registration.StateBlocked && state != registration.StateWithdrawn {
				s.Eligible += n
			}
		}
	}
	if s.Registered, err = registration.CountCreatedSince(ctx, a.DB, began); err != nil {
		return s, err
	}
	if s.TasksLogged, err = activity.CountLoggedSince(ctx, a.DB, began); err != nil {
		return s, err
	}
	s.DurationMS = time.Since(began).Milliseconds()
	return s, nil
}

func (s Summary) write(r *run) {
	r.printf("\n  accounts         %6d\n  opportunities    %6d\n  eligible for AWS %6d\n  blocked          %6d\n  registered       %6d  in this run\n", s.Accounts, s.Opportunities, s.Eligible, s.Blocked, s.Registered)
	r.printf("  approved         %6d\n  action required  %6d\n  rejected         %6d\n  tasks logged     %6d  in this run\n  took             %6.1f s\n", s.Approved, s.ActionRequired, s.Rejected, s.TasksLogged, float64(s.DurationMS)/1000)
}
