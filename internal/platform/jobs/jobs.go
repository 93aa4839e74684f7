// Package jobs runs the work that no person waits for, on River, with the same
// client on SQLite and PostgreSQL. A job and the change that it carries are
// stored in one transaction.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// jobTimeout is how long a job may run unless its worker says otherwise, and
// rescueAfter how long a job may be "running" before a killed process is
// assumed.
const (
	jobTimeout  = time.Minute
	rescueAfter = 90 * time.Second
)

// Queue names; each has its own number of workers.
const (
	QueueDefault = "default" // registrations and everything else
	QueueUrgent  = "urgent"  // what a person waits for
	QueueSync    = "sync"    // the one reader of, and the one writer to, Salesforce
)

// Config is what a Client needs.
type Config struct {
	DB       *db.DB
	Logger   *slog.Logger
	Workers  int  // of the default queue; 0 is 8
	Work     bool // false: only insert jobs, as a process with the role web does
	Periodic []*river.PeriodicJob
	Registry *Registry
	// Exclusive says that no other process works on this database: jobs that a
	// killed process left running are made available at once.
	Exclusive bool
}

// Registry holds the workers by kind of job.
type Registry struct {
	workers *river.Workers

	// Observe, if set, hears of every attempt: its outcome is "done" or "failed".
	Observe func(kind, outcome string, took time.Duration)
}

// NewRegistry gives an empty registry.
func NewRegistry() *Registry { return &Registry{workers: river.NewWorkers()} }

// Add says how a kind of job is worked; timeout 0 is one minute. What fn gives
// decides: nil is done, an error that waits for a person ends the job, one with a
// wait puts it off, and any other is retried with growing pauses.
func Add[T river.JobArgs](r *Registry, timeout time.Duration, fn func(ctx context.Context, args T) error) {
	river.AddWorker(r.workers, &worker[T]{registry: r, timeout: timeout, fn: fn})
}

type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	registry *Registry
	timeout  time.Duration
	fn       func(ctx context.Context, args T) error
}

// Timeout gives how long the job may run.
func (w *worker[T]) Timeout(*river.Job[T]) time.Duration { return w.timeout }

// Work runs the job as Tandem itself.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	began := time.Now() //nolint:forbidigo // how long it took, which no rule looks at
	err := w.fn(authz.With(ctx, authz.System), job.Args)
	if w.registry.Observe != nil {
		outcome := "done"
		if err != nil {
			outcome = "failed"
		}
		w.registry.Observe(job.Kind, outcome, time.Since(began))
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	switch problem.RetryOf(err) {
	case problem.RetryHuman:
		return river.JobCancel(err)
	case problem.RetryLater:
		wait := 15 * time.Minute
		if remote := problem.RemoteOf(err); remote != nil && remote.RetryAfter > 0 {
			wait = remote.RetryAfter
		}
		return river.JobSnooze(wait)
	}
	return err
}

// Once are the options of a job of which one, with the same arguments, waits or
// runs at a time. River's own default would count completed ones too, for as long
// as they are kept: nothing could be planned twice a day.
func Once() river.UniqueOpts {
	return river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending,
		rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}
}

// Client inserts, works and shows jobs.
type Client struct {
	river  *river.Client[*sql.Tx]
	db     *db.DB
	listen *pgxpool.Pool
	cfg    Config
}

// New makes the tables of River if they are missing, and a client.
func New(ctx context.Context, cfg Config) (*Client, error) {
	c := &Client{db: cfg.DB, cfg: cfg}
	driver, err := c.driver(ctx)
	if err != nil {
		return nil, err
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: cfg.Logger})
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("jobs: make the tables: %w", err)
	}
	workers := cfg.Workers
	if workers == 0 {
		workers = 8
	}
	rc := &river.Config{
		FetchCooldown:               20 * time.Millisecond,
		FetchPollInterval:           500 * time.Millisecond,
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: 24 * time.Hour,
		Logger:                      cfg.Logger,
		SoftStopTimeout:             10 * time.Second,
	}
	if cfg.Work {
		rc.Queues = map[string]river.QueueConfig{QueueDefault: {MaxWorkers: workers}, QueueSync: {MaxWorkers: 2}, QueueUrgent: {MaxWorkers: 4}}
		rc.PeriodicJobs = cfg.Periodic
	}
	if cfg.Registry != nil {
		rc.Workers = cfg.Registry.workers
	}
	if c.river, err = river.NewClient(driver, rc); err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	return c, nil
}

func (c *Client) driver(ctx context.Context) (riverdriver.Driver[*sql.Tx], error) {
	if c.db.Dialect() == db.SQLite {
		return riversqlite.New(c.db.Writer()), nil
	}
	if !c.cfg.Work {
		return riverdatabasesql.New(c.db.Writer()), nil
	}
	pool, err := pgxpool.New(ctx, c.db.URL())
	if err != nil {
		return nil, fmt.Errorf("jobs: listen: %w", err)
	}
	c.listen = pool
	return riverdatabasesql.NewWithPgxListener(c.db.Writer(), pool), nil
}

// Start begins to work, if the client works at all.
func (c *Client) Start(ctx context.Context) error {
	if !c.cfg.Work {
		return nil
	}
	if c.cfg.Exclusive {
		if err := releaseRunning(ctx, c.db); err != nil {
			return fmt.Errorf("jobs: release those of a killed process: %w", err)
		}
	}
	if err := c.river.Start(ctx); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	return nil
}

// Stop lets running jobs end, for ten seconds, and then cancels them.
func (c *Client) Stop(ctx context.Context) error {
	defer func() {
		if c.listen != nil {
			c.listen.Close()
		}
	}()
	if !c.cfg.Work {
		return nil
	}
	if err := c.river.Stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("jobs: %w", err)
	}
	return nil
}

// River gives River's own client, for its pages.
func (c *Client) River() *river.Client[*sql.Tx] { return c.river }

// Insert plans a job in the transaction that makes it necessary.
func (c *Client) Insert(ctx context.Context, tx *db.Tx, args river.JobArgs, opts *river.InsertOpts) error {
	if _, err := c.river.InsertTx(ctx, tx.SQL(), args, opts); err != nil {
		return fmt.Errorf("plan %s: %w", args.Kind(), err)
	}
	return nil
}

// insertChunk is how many jobs one statement of InsertMany plans.
const insertChunk = 500

// InsertMany plans jobs of one kind in the transaction that makes them necessary,
// in a few statements. With unique options every job must differ from the others.
func InsertMany[T river.JobArgs](ctx context.Context, c *Client, tx *db.Tx, list []T, opts *river.InsertOpts) error {
	for chunk := range slices.Chunk(list, insertChunk) {
		params := make([]river.InsertManyParams, len(chunk))
		for i, args := range chunk {
			params[i] = river.InsertManyParams{Args: args, InsertOpts: opts}
		}
		if _, err := c.river.InsertManyTx(ctx, tx.SQL(), params); err != nil {
			return fmt.Errorf("plan %d × %s: %w", len(chunk), chunk[0].Kind(), err)
		}
	}
	return nil
}

// InsertNow plans a job outside of any transaction and gives its id; skipped
// says that the same job waits or runs already.
func (c *Client) InsertNow(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (jobID int64, skipped bool, err error) {
	res, err := c.river.Insert(ctx, args, opts)
	if err != nil {
		return 0, false, fmt.Errorf("plan %s: %w", args.Kind(), err)
	}
	return res.Job.ID, res.UniqueSkippedAsDuplicate, nil
}

// Job is a job as people see it.
type Job struct {
	ID          int64     `json:"id"`
	Kind        string    `json:"kind"`
	State       string    `json:"state"`
	Queue       string    `json:"queue"`
	Args        string    `json:"args"`
	Attempt     int       `json:"attempt"`
	MaxAttempts int       `json:"max_attempts"`
	CreatedAt   time.Time `json:"created_at"`
	ScheduledAt time.Time `json:"scheduled_at"`
	AttemptedAt time.Time `json:"attempted_at,omitzero"`
	FinalizedAt time.Time `json:"finalized_at,omitzero"`
	Errors      []Failure `json:"errors"`
}

// Failure is one failed attempt of a job.
type Failure struct {
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt"`
	Error   string    `json:"error"`
}

// States lists the states a job can be in, the live ones first.
func States() []string {
	var out []string
	for _, s := range []rivertype.JobState{
		rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateAvailable,
		rivertype.JobStateScheduled, rivertype.JobStateDiscarded, rivertype.JobStateCancelled, rivertype.JobStateCompleted,
	} {
		out = append(out, string(s))
	}
	return out
}

// Filter says which jobs; empty fields filter nothing.
type Filter struct {
	States []string
	Kinds  []string
	Before int64 // ids below this one
	Limit  int   // 1 to 200
}

// List gives jobs, newest first. Needs read_operations.
func (c *Client) List(ctx context.Context, f Filter) ([]Job, error) {
	if err := authz.Require(ctx, authz.ActionReadOperations); err != nil {
		return nil, err
	}
	f.Limit = min(max(f.Limit, 1), 200)
	ids, err := jobIDs(ctx, c.db, f)
	if err != nil || len(ids) == 0 {
		return []Job{}, err
	}
	res, err := c.river.JobList(ctx, river.NewJobListParams().IDs(ids...).First(len(ids)).OrderBy(river.JobListOrderByID, river.SortOrderDesc))
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	out := make([]Job, 0, len(res.Jobs))
	for _, j := range res.Jobs {
		out = append(out, toJob(j))
	}
	return out, nil
}

// Counts gives the number of jobs of the kinds (of all if none) in each state.
// Needs read_operations.
func (c *Client) Counts(ctx context.Context, kinds ...string) (map[string]int64, error) {
	if err := authz.Require(ctx, authz.ActionReadOperations); err != nil {
		return nil, err
	}
	return countStates(ctx, c.db, kinds)
}

// Retry makes a job available again, whatever state it ended in. When the same
// unique job waits or runs already, that is a conflict. Needs retry_job.
func (c *Client) Retry(ctx context.Context, id int64) (Job, error) {
	return c.change(ctx, id, c.river.JobRetry)
}

// Cancel ends a job that waits, and asks a running one to end. Needs retry_job.
func (c *Client) Cancel(ctx context.Context, id int64) (Job, error) {
	return c.change(ctx, id, c.river.JobCancel)
}

func (c *Client) change(ctx context.Context, id int64, act func(context.Context, int64) (*rivertype.JobRow, error)) (Job, error) {
	if err := authz.Require(ctx, authz.ActionRetryJob); err != nil {
		return Job{}, err
	}
	row, err := act(ctx, id)
	if errors.Is(err, rivertype.ErrNotFound) {
		return Job{}, problem.NotFound("job", strconv.FormatInt(id, 10))
	}
	if isDuplicate(err) {
		return Job{}, problem.Conflict("job_replaced", fmt.Sprintf("The same work as job %d waits or runs already", id))
	}
	if err != nil {
		return Job{}, fmt.Errorf("job %d: %w", id, err)
	}
	return toJob(row), nil
}

// isDuplicate reports whether River met its unique index.
func isDuplicate(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505" // unique_violation
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE
}

// Unfinished counts the jobs of a kind that wait or run. Those put off to later
// than until do not count.
func (c *Client) Unfinished(ctx context.Context, kinds []string, until time.Time) (int64, error) {
	return countUnfinished(ctx, c.db, kinds, until)
}

// Latest gives the newest job of a kind; ok is false when there is none. Needs
// read_operations.
func (c *Client) Latest(ctx context.Context, kind string) (j Job, ok bool, err error) {
	id, err := latestOf(ctx, c.db, kind)
	if err != nil || id == 0 {
		return Job{}, false, err
	}
	j, err = c.Get(ctx, id)
	return j, err == nil, err
}

func toJob(j *rivertype.JobRow) Job {
	out := Job{
		ID: j.ID, Kind: j.Kind, State: string(j.State), Queue: j.Queue, Args: string(j.EncodedArgs), Attempt: j.Attempt,
		MaxAttempts: j.MaxAttempts, CreatedAt: j.CreatedAt, ScheduledAt: j.ScheduledAt, Errors: []Failure{},
	}
	if j.AttemptedAt != nil {
		out.AttemptedAt = *j.AttemptedAt
	}
	if j.FinalizedAt != nil {
		out.FinalizedAt = *j.FinalizedAt
	}
	for _, e := range j.Errors {
		out.Errors = append(out.Errors, Failure{At: e.At, Attempt: e.Attempt, Error: e.Error})
	}
	return out
}

// Get gives one job. Needs read_operations.
func (c *Client) Get(ctx context.Context, id int64) (Job, error) {
	if err := authz.Require(ctx, authz.ActionReadOperations); err != nil {
		return Job{}, err
	}
	row, err := c.river.JobGet(ctx, id)
	if errors.Is(err, rivertype.ErrNotFound) {
		return Job{}, problem.NotFound("job", strconv.FormatInt(id, 10))
	}
	if err != nil {
		return Job{}, fmt.Errorf("job %d: %w", id, err)
	}
	return toJob(row), nil
}
