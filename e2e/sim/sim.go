// Package sim answers "does the registration engine keep its promises whatever
// goes wrong?": engine, sandboxes, clock, network and scheduler run in one process
// from one seed, with faults, and invariants are checked after every step.
package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	flow "github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
	awsbox "github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
	crmbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// Steps is how many steps with faults a seed has.
const Steps = 160

// Result is what one seed came to. Failure is "" when every invariant held.
type Result struct {
	Seed    uint64
	Events  int            // steps, calls and deeds
	Faults  map[string]int // by kind
	Failure string
	Log     []string
}

// broken is an invariant that does not hold.
type broken struct{ text string }

// dead is the end of the process at an await point.
type dead struct{ where string }

// world is one simulated house and all around it.
type world struct {
	ctx    context.Context
	rng    *rand.Rand // the scheduler's and the actors'
	clock  *clock.Fake
	boxes  *kit.Clock
	aws    *awsbox.Server
	crm    *crmbox.Server
	net    *network
	dir    string
	log    []string
	events int

	db       *db.DB
	sync     *flow.Service
	regs     *registration.Service
	acts     *activity.Service
	portal   *aws.Portal
	client   *aws.Client
	spent    aws.Spent
	person   context.Context
	deals    []deal
	contacts map[string]string // ids of the partner's people, by address
	meetings []meeting
	words    []word
	bins     bool // cancelled activities are deleted in Salesforce, not marked
	serial   int
	writes   []write
	settled  map[string]bool // values that a person decided about, or that were told to be replaced
	seen     map[string][]string
	chosen   map[string]string // by deal and field, ours that a person chose over the portal's
	told     int
	ruled    bool // Salesforce's administrators changed its setup
	locking  bool // rows of collections are locked at random
	spent24  bool // the organisation's calls of the day are used up
}

// Run plays one seed on a copy of the migrated database file image.
func Run(ctx context.Context, seed uint64, image []byte) (res Result) {
	res = Result{Seed: seed}
	dir, err := os.MkdirTemp("", "tandem-sim-")
	if err != nil {
		res.Failure = err.Error()
		return res
	}
	w := &world{
		ctx: ctx, rng: rand.New(rand.NewPCG(seed, 1)), dir: dir,
		clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)), settled: map[string]bool{}, seen: map[string][]string{}, chosen: map[string]string{},
	}
	w.boxes = kit.NewFrozenClock(w.clock.Now())
	w.net = newNetwork(w, seed)
	defer func() {
		if p := recover(); p != nil {
			if b, ok := p.(broken); ok {
				res.Failure = b.text
			} else {
				res.Failure = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
			}
		}
		res.Events, res.Faults, res.Log = w.events, w.net.injected, w.log
		if w.db != nil {
			_ = w.db.Close()
		}
		if w.aws != nil {
			_ = w.aws.Close()
			_ = w.crm.Close()
		}
		_ = os.RemoveAll(dir)
	}()
	w.check(os.WriteFile(filepath.Join(dir, "sim.db"), image, 0o600))
	w.begin()
	for range Steps {
		w.step()
		w.invariants()
	}
	w.net.injected["record that had changed met by an update"] = w.staleUpdates()
	w.calm()
	w.invariants()
	w.converged()
	w.met()
	return res
}

func (w *world) check(err error) {
	if err != nil {
		panic(broken{"the simulation itself: " + err.Error()})
	}
}

func (w *world) fail(format string, args ...any) {
	panic(broken{fmt.Sprintf(format, args...)})
}

func (w *world) note(format string, args ...any) {
	w.events++
	w.log = append(w.log, w.clock.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// begin founds the outside world and starts the house.
func (w *world) begin() {
	var err error
	w.aws, err = awsbox.New(awsbox.Options{
		Clock: w.boxes, MachineTime: w.boxes.Now, AccessKeyID: "AKIASIM", SecretAccessKey: "secret", TaskDelay: 2 * time.Second,
		ReadAfterCreateLag: time.Duration(w.rng.IntN(4)) * time.Second,
		Entities:           []awsbox.Entity{{Catalog: "AWS", ID: "S-1", Type: "Solutions", Name: "Platform", Status: "Active"}},
	})
	w.check(err)
	w.crm, err = crmbox.New(crmbox.Options{Clock: w.boxes, ClientID: "app", ClientSecret: "secret"})
	w.check(err)
	w.found()
	w.start()
	w.dbDo(func(tx *db.Tx) error { return jobTable(w.ctx, tx) })
	w.pass(time.Minute)
	if _, err := w.regs.RefreshSolutions(w.person, "aws"); err != nil {
		w.check(err)
	}
	w.check(w.regs.SetDefaults(w.person, registration.DefaultSolutions{"aws": {"S-1"}}, 0))
	if w.bins = w.rng.IntN(3) == 0; w.bins {
		w.check(w.acts.SetCancelMode(w.person, activity.CancelDelete, 0))
	}
	w.net.on = true
}

// start builds the services of the house, as a process that starts anew.
func (w *world) start() {
	if w.db != nil {
		_ = w.db.Close()
	}
	var err error
	w.db, err = db.Open(w.ctx, db.Config{URL: "sqlite://" + filepath.Join(w.dir, "sim.db")})
	w.check(err)
	w.client, err = aws.New(aws.Config{
		Endpoint: "http://aws.sim", AccessKeyID: "AKIASIM", SecretAccessKey: "secret", Catalog: aws.CatalogAWS, Transport: w.net.side("aws", w.aws.Handler()),
		Clock: w.clock, Pace: w.boxes, MaxAttempts: 1, LongestWait: 1, Sleep: func(context.Context, time.Duration) error { return errors.New("the simulation never sleeps") },
	})
	w.check(err)
	w.client.Restore(w.spent)
	crm, err := salesforce.New(salesforce.Config{
		LoginURL: "http://crm.sim", AllowPlainHTTP: true, ClientID: "app", ClientSecret: "secret", MaxAttempts: 1, Clock: w.clock, MaxConcurrent: 1,
		APIVersion: "67.0", Transport: w.net.side("crm", w.crm.Handler()),
	})
	w.check(err)
	w.portal = aws.NewPortal(w.client, aws.Profile{TargetCompany: "Us"}, salesforce.FieldName)
	opps, acts := opportunity.NewService(w.db, w.clock), activity.NewService(w.db, w.clock)
	w.regs = registration.NewService(w.db, w.clock, []registration.Portal{w.portal}, registration.Pace{
		Task: 2 * time.Second, Review: 30 * time.Minute, Refresh: 24 * time.Hour, Retry: time.Second, Max: time.Minute,
	})
	auto := automation.NewService(w.db, w.clock)
	w.sync = &flow.Service{
		DB: w.db, Clock: w.clock, Log: quiet, Opportunities: opps, Activities: acts, Connections: connection.NewService(w.db, w.clock), Hub: &notify.Hub{},
		Registrations: w.regs, Tagging: tagging.NewService(w.db, w.clock, opps), CRM: flow.Guard(salesforce.NewCRM(crm, "USD"), auto), Automation: auto, Portals: []flow.Portal{w.portal},
	}
	w.sync.Routes = route.NewService(w.db, w.clock, opps, w.regs, acts, approval.NewService(w.db, w.clock, opps, w.regs, acts))
	push := func(ctx context.Context, tx *db.Tx) error { return w.plan(ctx, tx, "push", "") }
	w.regs.Wake = func(ctx context.Context, tx *db.Tx, ids ...string) error {
		for _, id := range ids {
			if err := w.plan(ctx, tx, "advance", id); err != nil {
				return err
			}
		}
		return nil
	}
	w.regs.Look = func(ctx context.Context, tx *db.Tx, _ cloudName) error { return w.plan(ctx, tx, "changes", "") }
	w.regs.Write, acts.Write = push, push
	w.acts, w.regs.Happened = acts, acts.OnRegistration
	opps.Changed = func(ctx context.Context, tx *db.Tx, changed []opportunity.Opportunity) error {
		m, err := opps.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		return w.regs.Reconsider(ctx, tx, m, changed)
	}
	w.person = authz.With(w.ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_sim", Name: "Ada", Level: authz.LevelDirector})
}

// plan stores a job in the transaction that wishes it, unless it waits already.
func (w *world) plan(ctx context.Context, tx *db.Tx, kind, arg string) error {
	return insertJob(ctx, tx, kind, arg)
}

func (w *world) dbDo(fn func(tx *db.Tx) error) { w.check(w.db.InTx(w.ctx, w.clock, fn)) }

// step is one thing that happens.
func (w *world) step() {
	w.events++
	switch n := w.rng.IntN(100); {
	case n < 45:
		w.pass(time.Duration(w.rng.IntN(1500)) * time.Millisecond)
		w.work()
	case n < 58:
		w.pass(time.Duration(w.rng.IntN(5000)) * time.Millisecond)
	case n < 60:
		w.pass(time.Duration(w.rng.IntN(40)) * time.Minute)
	case n < 61:
		w.jump()
	case n < 82:
		w.act()
	case n < 88:
		w.periodic()
	case n < 96:
		w.deliver()
	case n < 97:
		w.net.storm()
	case n < 99:
		w.organisation()
	default:
		w.die("between two jobs")
	}
}

// pass lets time go by for everybody.
func (w *world) pass(d time.Duration) {
	w.clock.Advance(d)
	w.boxes.Advance(d)
}

// jump sets the house's own clock off the world's, or back to it.
func (w *world) jump() {
	off := time.Duration(w.rng.IntN(241)-120) * time.Second
	w.clock.Set(w.boxes.Now().Add(off))
	w.net.injected["clock jump"]++
	w.note("the house's clock is %v off", off)
}

func (w *world) periodic() {
	kind := []string{"pull", "pull", "push", "sweep", "sweep", "changes", "full"}[w.rng.IntN(7)]
	w.dbDo(func(tx *db.Tx) error { return insertJob(w.ctx, tx, kind, "") })
}

// work does one of the jobs that wait. The job is only gone when it has ended.
func (w *world) work() {
	jobs := w.jobs()
	if len(jobs) == 0 {
		w.dbDo(func(tx *db.Tx) error { return insertJob(w.ctx, tx, "sweep", "") })
		return
	}
	j := jobs[w.rng.IntN(len(jobs))]
	died, err := w.run(j)
	switch {
	case died != "":
		w.note("%s %s: the process died %s", j.Kind, j.Arg, died)
		w.rebirth()
	case err != nil:
		w.note("%s %s: %v", j.Kind, j.Arg, err)
	default:
		w.dbDo(func(tx *db.Tx) error { return deleteJob(w.ctx, tx, j) })
	}
}

func (w *world) run(j job) (died string, err error) {
	ctx, cancel := context.WithCancel(authz.With(w.ctx, authz.System))
	defer cancel()
	w.net.job, w.net.cancel, w.net.died = j.Kind, cancel, ""
	defer func() {
		w.net.job, w.net.cancel = "", nil
		if p := recover(); p != nil {
			d, ok := p.(dead)
			if !ok {
				panic(p)
			}
			died = d.where
		}
		if w.net.died != "" {
			died = w.net.died
		}
	}()
	switch j.Kind {
	case "advance":
		err = w.sync.Advance(ctx, j.Arg)
	case "pull":
		err = w.sync.Pull(ctx)
	case "push":
		err = w.sync.Push(ctx)
	case "changes", "full":
		_, err = w.regs.FollowChanges(ctx, "aws", j.Kind == "full")
	case "sweep":
		err = w.sweep(ctx)
	}
	return "", err
}

// sweep is flow.Sweep with the simulation's jobs.
func (w *world) sweep(ctx context.Context) error {
	ids, err := registration.DueIDs(ctx, w.db, []cloudName{"aws"}, w.clock.Now(), 100)
	if err != nil {
		return err
	}
	waiting, err := w.sync.Waiting(ctx)
	if err != nil {
		return err
	}
	return w.db.InTx(ctx, w.clock, func(tx *db.Tx) error {
		for _, id := range ids {
			if err := insertJob(ctx, tx, "advance", id); err != nil {
				return err
			}
		}
		if waiting > 0 {
			return insertJob(ctx, tx, "push", "")
		}
		return nil
	})
}

func (w *world) die(where string) {
	w.net.injected["process death"]++
	w.note("the process died %s", where)
	w.rebirth()
}

// rebirth starts the house anew; the pace of the quotas is known from the last
// minutes that were kept.
func (w *world) rebirth() {
	w.spent = w.client.Spent()
	on := w.net.on
	w.net.on = false
	w.start()
	w.net.on = on
}

// calm ends the faults, and lets the house come to rest; people settle what waits
// for them.
func (w *world) calm() {
	w.net.calm()
	w.mendOrganisation()
	w.pass(61 * time.Minute) // a field that comes into sight is known within the hour
	w.clock.Set(w.boxes.Now())
	w.note("calm")
	for range 60 {
		for _, kind := range []string{"pull", "sweep", "changes", "push"} {
			w.dbDo(func(tx *db.Tx) error { return insertJob(w.ctx, tx, kind, "") })
		}
		for range 200 {
			if len(w.jobs()) == 0 {
				break
			}
			w.work()
			w.pass(1100 * time.Millisecond)
		}
		w.review(true)
		w.sendAgain()
		for w.settleOne() || w.settleMeeting() {
			w.events++
		}
		w.pass(31 * time.Second)
		if w.atRest() {
			return
		}
	}
	w.fail("it does not come to rest after the faults have ended: %s", w.unrest())
}

// Image gives the file of an empty, migrated database.
func Image(ctx context.Context, migrate func(context.Context, *db.DB) error) ([]byte, error) {
	dir, err := os.MkdirTemp("", "tandem-sim-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "empty.db")
	d, err := db.Open(ctx, db.Config{URL: "sqlite://" + path})
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, d); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Tail gives the last lines of the log.
func (r Result) Tail(n int) string {
	return strings.Join(r.Log[max(0, len(r.Log)-n):], "\n")
}

// Kinds gives the kinds of faults in order.
func Kinds(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
