package cli

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
)

type syncCmd struct {
	app.Config
	JSON  bool          `name:"json" help:"Print the summary as JSON."`
	Limit time.Duration `help:"How long to go on at most." default:"1h"`
}

// Help gives an example.
func (syncCmd) Help() string {
	return `If tandem serve runs on the same embedded database, that process does the work and this one follows it.

It ends when nothing moves any more by itself. What Salesforce does not take is counted as not_written, said on standard error, and the exit code is 4.
What waits for a flow that a Director switched off (Automation) is counted as held and said, too; that is no error.

Example:
  tandem sync --json`
}

// Run reads Salesforce and does what is due, and ends when nothing is left that
// can be done now, or that nobody but a person can move on; it does not wait for
// reviews.
func (c *syncCmd) Run(r *run) (err error) {
	began := time.Now()
	log, err := r.log(&c.Config)
	if err != nil {
		return err
	}
	c.Version = r.version
	a, err := app.New(r.ctx, c.Config, log, app.WorksJobs)
	if err != nil && hasCode(err, app.CodeAlreadyRunning) {
		r.say("Another tandem runs on this folder: it does the work.\n")
		a, err = app.New(r.ctx, c.Config, log, app.NoJobs)
	}
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 15*time.Second)
		defer cancel()
		err = errors.Join(err, a.Stop(stop))
	}()
	ctx, cancel := context.WithTimeoutCause(r.ctx, c.Limit, problem.Unavailable("limit", fmt.Sprintf("The sync was not done within %s; what it did is kept, run it again to go on", c.Limit), nil))
	defer cancel()
	if err := a.Start(ctx); err != nil {
		return err
	}
	left, err := settle(ctx, r, a, false)
	if err != nil {
		return err
	}
	sum, err := summarize(ctx, a, began)
	if err != nil {
		return err
	}
	sum.NotWritten = left.Total()
	if sum.Held, err = held(ctx, a); err != nil {
		return err
	}
	if c.JSON {
		err = r.print(sum)
	} else {
		sum.write(r)
	}
	if err != nil {
		return err
	}
	if err := c.off(ctx, r, a); err != nil || left.Total() == 0 {
		return err
	}
	if left.Passes {
		return problem.Unavailable("write_put_off", left.String()+". It is written later by itself while tandem serve runs, or run tandem sync again", nil)
	}
	r.say("tandem: %s\nMend that, see tandem doctor, and run tandem sync again; single refusals are tried again on the page of their opportunity.\n", left)
	return errFindings
}

// held counts what waits for flows that are off.
func held(ctx context.Context, a *app.App) (n int64, err error) {
	list, err := a.Sync.Waits(ctx)
	for _, w := range list {
		if w.Off != nil {
			n += w.Waiting
		}
	}
	return n, err
}

// off says which flows are off, and what waits for them.
func (c *syncCmd) off(ctx context.Context, r *run, a *app.App) error {
	state, _, err := a.Automation.State(ctx)
	if err != nil {
		return err
	}
	waits, err := a.Sync.Waits(ctx)
	if err != nil {
		return err
	}
	if state.Paused != nil {
		r.say("tandem: %s.\n", state.OffOf(automation.ReadRecords))
	}
	for _, f := range automation.Flows() {
		off := state.OffOf(f.ID)
		if off == nil {
			continue
		}
		var n int64
		for _, w := range waits {
			if w.Flow == f.ID {
				n = w.Waiting
			}
		}
		switch {
		case n > 0:
			r.say("tandem: “%s” is off, %d wait for it.\n", f.Name, n)
		case !off.All:
			r.say("tandem: %s.\n", off)
		}
	}
	return nil
}

func hasCode(err error, code string) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Code == code
}

// runJob is the demo's main job: everything, reviews included.
func runJob(ctx context.Context, r *run, a *app.App) error {
	ctx, cancel := context.WithTimeoutCause(ctx, settleLimit, problem.Unavailable("limit", fmt.Sprintf("The main job was not done within %s", settleLimit), nil))
	defer cancel()
	left, err := settle(ctx, r, a, true)
	if err == nil && left.Waiting > 0 {
		err = problem.Unavailable("not_written", left.String(), nil)
	}
	return err
}

// settle starts a read of Salesforce and waits until it went through and nothing
// is left to do. A read that fails for good, or that Salesforce puts off for long,
// ends the wait with its error; what Salesforce does not take is given as left.
func settle(ctx context.Context, r *run, a *app.App, reviews bool) (left sync.Left, err error) {
	began := time.Now()
	show := newProgress(r)
	defer show.end()
	stop := show.follow(a)
	defer stop()
	pulled := false
	jobID, waits, err := a.Sync.StartPull(ctx, a.Jobs)
	if hasCode(err, sync.CodeReadOff) {
		pulled, err = true, nil // what can be written is written all the same
	}
	if err != nil {
		return left, err
	}
	if waits { // perhaps for later: who asks for a sync wants it now
		if _, err := a.Jobs.Retry(ctx, jobID); err != nil {
			return left, err
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return left, context.Cause(ctx)
		case <-tick.C:
		}
		if !pulled {
			if pulled, err = pullEnded(ctx, a, jobID); err != nil {
				return left, err
			}
		}
		left, ended, err := a.Sync.Left(ctx, a.Jobs, reviews, began)
		if err != nil {
			return left, err
		}
		if err := show.registrations(ctx, a); err != nil {
			return left, err
		}
		if ended && pulled {
			return left, nil
		}
	}
}

// longWait is from when on it is better to say that a read was put off than to
// wait for it.
const longWait = 10 * time.Second

// pullEnded says whether a read went through. One that was given up, that keeps
// failing, or that was put off for long is an error: better to say so than to wait.
func pullEnded(ctx context.Context, a *app.App, jobID int64) (bool, error) {
	j, err := a.Jobs.Get(ctx, jobID)
	if err != nil {
		return false, err
	}
	later := j.ScheduledAt.Sub(a.Clock.Now()) > longWait
	switch {
	case j.State == "completed":
		return true, nil
	case j.State == "cancelled", j.State == "discarded", j.State == "retryable" && (j.Attempt >= 3 || later), j.State == "scheduled" && later:
	default:
		return false, nil
	}
	why := ""
	if len(j.Errors) > 0 {
		why = j.Errors[len(j.Errors)-1].Error
	}
	if j.State == "scheduled" { // put off, which leaves no error with the job
		list, err := a.Connections.List(ctx)
		if err != nil {
			return false, err
		}
		for _, c := range list {
			if c.ID == "salesforce" {
				why = fmt.Sprintf("%s; it is tried again after %s", c.Error, j.ScheduledAt.UTC().Format(time.RFC3339))
			}
		}
	}
	return false, problem.Unavailable("sync_failed", "Salesforce could not be read: "+why, nil)
}

// progress shows how far things are, when standard error is a terminal.
type progress struct {
	r    *run
	bar  *progressbar.ProgressBar
	step string
	most int64 // registrations on their way at once
	mu   gosync.Mutex
}

func newProgress(r *run) *progress { return &progress{r: r} }

func (p *progress) start(step string, total int64) {
	if !p.r.tty {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if step == p.step {
		p.bar.ChangeMax64(total)
		return
	}
	p.finish()
	p.step = step
	p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(p.r.err), progressbar.OptionSetDescription(fmt.Sprintf("%-24s", step)),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(60*time.Millisecond), progressbar.OptionClearOnFinish())
}

func (p *progress) set(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Set64(n) // a bar that cannot be drawn is no reason to stop
	}
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar, p.step = nil, ""
	}
}

// follow draws the news of the read of Salesforce.
func (p *progress) follow(a *app.App) (stop func()) {
	if !p.r.tty {
		return func() {}
	}
	news, end := a.Hub.Subscribe()
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for {
			select {
			case <-done:
				return
			case n := <-news:
				if s, ok := n.Data.(sync.Progress); ok && n.Topic == sync.TopicSync {
					p.start("Reading "+s.Step, s.Total)
					p.set(s.Done)
				}
			}
		}
	}()
	return func() { end(); close(done); <-finished }
}

// registrations shows how many registrations came to rest, of the most that
// were on their way at once.
func (p *progress) registrations(ctx context.Context, a *app.App) error {
	if !p.r.tty {
		return nil
	}
	left, err := registration.CountUnsettled(ctx, a.DB, true)
	if err != nil || left == 0 {
		return err
	}
	p.most = max(p.most, left)
	p.start("Registering", p.most)
	p.set(p.most - left)
	return nil
}
