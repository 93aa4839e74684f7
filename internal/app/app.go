// Package app builds every service of Tandem from a configuration, and starts
// and stops them in order. Tests start the real program through it.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/aws"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce/events"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/coverage"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/domain/view"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
	"github.com/tandem-cosell/tandem/internal/platform/telemetry"
)

// App is Tandem, built and not yet started.
type App struct {
	Config  Config
	Log     *slog.Logger
	Clock   clock.Clock
	Metrics *telemetry.Metrics
	DB      *db.DB
	Hub     *notify.Hub
	Jobs    *jobs.Client

	Team          *team.Service
	Sessions      *team.Sessions
	Accounts      *account.Service
	Opportunities *opportunity.Service
	Registrations *registration.Service
	Activities    *activity.Service
	Intros        *intro.Service
	Approvals     *approval.Service
	Tagging       *tagging.Service
	Automation    *automation.Service
	Mappings      *mapping.Service
	Routes        *route.Service
	Invitations   *invitation.Service
	Connections   *connection.Service
	Views         *view.Service
	Workspace     *workspace.Service
	Coverage      *coverage.Service
	HandOvers     *handover.Service
	Attention     *attention.Service
	Bulk          *bulk.Service
	Sync          *sync.Service

	// Salesforce is the client below Sync.CRM, for `tandem doctor`; nil when not
	// connected.
	Salesforce *salesforce.Client

	lock     *os.File
	stopping chan struct{}

	works     Works
	events    *events.Follower   // nil when changes are polled only
	unfollow  context.CancelFunc // ends following them
	following chan struct{}      // closed when that has ended
}

// Works says whether this process runs jobs.
type Works bool

// Whether a process runs jobs.
const (
	WorksJobs Works = true
	NoJobs    Works = false
)

// New builds Tandem: it opens and migrates the database and connects nothing
// else. With an embedded database only one process may run jobs; a second one is
// a problem of kind conflict with the code already_running.
func New(ctx context.Context, cfg Config, log *slog.Logger, works Works) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &App{Config: cfg, Log: log, Clock: clock.System{}, Metrics: telemetry.NewMetrics(cfg.Version), Hub: &notify.Hub{}, stopping: make(chan struct{}), works: works}
	if err := a.build(ctx, works); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) build(ctx context.Context, works Works) error {
	cfg := &a.Config
	exclusive := false
	if !cfg.ServerDatabase() {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return problem.Unavailable("data_dir", fmt.Sprintf("The folder %s cannot be made", cfg.DataDir), err)
		}
		if works {
			if err := a.takeLock(); err != nil {
				return err
			}
			exclusive = true
		}
	}
	var err error
	if a.DB, err = db.Open(ctx, db.Config{URL: cfg.database(), Logger: a.Log}); err != nil {
		return err
	}
	if err := a.DB.Migrate(ctx, schema.Migrations()); err != nil {
		return err
	}
	a.services()
	if err := a.connect(); err != nil {
		return err
	}
	a.oversight()
	registry := jobs.NewRegistry()
	registry.Observe = a.Metrics.Job
	client := func() *jobs.Client { return a.Jobs }
	periodic := a.Sync.Jobs(registry, client, a.every())
	a.Sync.Hook(client)
	a.Sync.HookBulk(registry, client, a.Bulk)
	a.Opportunities.Changed = func(ctx context.Context, tx *db.Tx, changed []opportunity.Opportunity) error {
		m, err := a.Opportunities.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		if err := a.Registrations.Reconsider(ctx, tx, m, changed); err != nil {
			return err
		}
		for some := range slices.Chunk(changed, db.MaxIn) {
			if err := a.Tagging.Check(ctx, tx, some); err != nil {
				return err
			}
			if err := a.Routes.Check(ctx, tx, some); err != nil {
				return err
			}
		}
		return nil
	}
	a.Jobs, err = jobs.New(ctx, jobs.Config{DB: a.DB, Logger: a.quietLog(), Workers: cfg.Workers, Work: bool(works), Periodic: periodic, Registry: registry, Exclusive: exclusive})
	return err
}

// quietLog is for River, which tells of every little thing at info.
func (a *App) quietLog() *slog.Logger {
	if a.Log.Enabled(context.Background(), slog.LevelDebug) {
		return a.Log
	}
	return slog.New(&atLeast{Handler: a.Log.Handler(), level: slog.LevelWarn})
}

type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled reports whether the level is high enough.
func (h *atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

// WithAttrs keeps the level.
func (h *atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &atLeast{Handler: h.Handler.WithAttrs(attrs), level: h.level}
}

// WithGroup keeps the level.
func (h *atLeast) WithGroup(name string) slog.Handler {
	return &atLeast{Handler: h.Handler.WithGroup(name), level: h.level}
}

func (a *App) every() sync.Every {
	e := a.Config.Every
	if e.Pull == 0 {
		e.Pull = a.Config.SyncEvery
	}
	if e.Net == 0 {
		e.Net = max(a.Config.Salesforce.EventsNet, e.Pull)
	}
	if e.Sweep == 0 {
		e.Sweep = 5 * time.Second
	}
	if e.Refresh == 0 {
		e.Refresh = time.Hour
	}
	if e.Changes == 0 {
		e.Changes = 2 * time.Minute
	}
	if e.Invitations == 0 {
		e.Invitations = 3 * time.Minute
	}
	if e.Hear == 0 {
		e.Hear = 15 * time.Second
	}
	if e.Full == 0 {
		e.Full = 24 * time.Hour
	}
	return e
}

func (a *App) services() {
	d, c := a.DB, a.Clock
	a.Team, a.Sessions = team.NewService(d, c), team.NewSessions(d, c)
	a.Accounts, a.Opportunities, a.Activities = account.NewService(d), opportunity.NewService(d, c), activity.NewService(d, c)
	a.Automation = automation.NewService(d, c)
	a.HandOvers = handover.NewService(d, c)
	a.Intros = intro.NewService(d, c, a.Activities)
	a.Activities.Changed = a.Intros.OnActivity
	a.Connections, a.Views, a.Workspace = connection.NewService(d, c), view.NewService(d, c), workspace.NewService(d, c)
}

// oversight makes the services that look over all registrations.
func (a *App) oversight() {
	ready := func(c cloud.Cloud) bool { _, ok := a.Registrations.Portal(c); return ok }
	a.Coverage = coverage.NewService(a.DB, a.Clock, a.Opportunities.Matcher, ready)
	a.Attention = attention.NewService(a.DB, a.Clock, a.Registrations, a.Approvals, a.Activities, a.Tagging)
	a.Bulk = bulk.NewService(a.DB, a.Clock, a.Opportunities, a.Registrations, a.Approvals, a.Attention, a.Team)
}

// salesforceCalls is how many calls to Salesforce run at once: it holds an
// organisation to 25 that take longer than 20 s (salesforce-gitlab.md §1.3).
const salesforceCalls = 10

// connect makes the clients of the outside systems; it calls none of them.
func (a *App) connect() error {
	cfg := &a.Config
	a.Mappings = mapping.NewService(a.DB, a.Clock)
	a.Sync = &sync.Service{Mappings: a.Mappings, DB: a.DB, Clock: a.Clock, Log: a.Log, Opportunities: a.Opportunities, Activities: a.Activities, Connections: a.Connections, Automation: a.Automation, Hub: a.Hub}
	if s := cfg.Salesforce; s.URL != "" {
		sc := salesforce.Config{
			LoginURL: s.URL, ClientID: s.ClientID, ClientSecret: s.ClientSecret, APIVersion: s.APIVersion,
			MaxConcurrent: salesforceCalls, DailyShare: s.DailyShare, Clock: a.Clock, Logger: a.Log,
			Transport: a.Metrics.Transport("salesforce", salesforce.NewTransport(salesforceCalls)),
		}
		if s.ClientSecret == "" {
			key, err := os.ReadFile(s.KeyFile)
			if err != nil {
				return problem.Invalid("salesforce-key-file", "unreadable", fmt.Sprintf("The key file cannot be read: %v", err))
			}
			sc.JWT = &salesforce.JWT{Username: s.Username, PrivateKeyPEM: string(key)}
		}
		client, err := salesforce.New(sc)
		if err != nil {
			return err
		}
		crm := salesforce.NewCRM(client, s.Currency)
		crm.UseMapping(a.Mappings.InForce)
		a.Salesforce, a.Sync.CRM, a.Mappings.CRM = client, sync.Guard(crm, a.Automation), crm
		a.Sync.Background, a.Sync.BulkFrom = salesforce.Background, s.BulkFrom
		if s.Events == "on" {
			if a.events, err = events.New(client, events.Config{URL: s.EventsURL, Topic: s.EventsTopic}); err != nil {
				return err
			}
			a.Sync.Events = a.events
		}
	}
	var portals []registration.Portal
	var inboxes []invitation.Portal
	if w := cfg.AWS; w.AccessKeyID != "" {
		client, err := aws.New(aws.Config{
			Endpoint: w.Endpoint, Region: w.Region, AccessKeyID: w.AccessKeyID, SecretAccessKey: w.SecretAccessKey, SessionToken: w.SessionToken,
			Catalog: w.Catalog, UserAgentCompany: w.Company, Clock: a.Clock, Logger: a.Log, Transport: a.Metrics.Transport("aws", http.DefaultTransport),
			Limits: aws.Limits{ReadsPerSecond: w.ReadsPerSecond, WritesPerSecond: w.WritesPerSecond},
		})
		if err != nil {
			return err
		}
		p := aws.NewPortal(client, aws.Profile{TargetCompany: w.Company, CustomerUseCase: w.UseCase, Edits: aws.EditPolicy{LockPartnerIDAfterApproval: w.LockPartnerID}}, salesforce.FieldName)
		portals, a.Sync.Portals = append(portals, p), append(a.Sync.Portals, p)
		inboxes = append(inboxes, aws.NewInbox(client))
	}
	if cfg.Microsoft.ClientID != "" {
		p, err := a.microsoft()
		if err != nil {
			return err
		}
		portals, a.Sync.Portals = append(portals, p), append(a.Sync.Portals, p)
	}
	g, err := a.google()
	if err != nil {
		return err
	}
	if g != nil {
		portals, a.Sync.Portals = append(portals, g), append(a.Sync.Portals, g)
	}
	pace := cfg.Pace
	if pace == (registration.Pace{}) {
		pace = registration.DefaultPace
	}
	a.Registrations = registration.NewService(a.DB, a.Clock, portals, pace)
	a.HandOvers.Registrations = a.Registrations
	a.Tagging = tagging.NewService(a.DB, a.Clock, a.Opportunities)
	a.Tagging.On = func(ctx context.Context, q db.Queryer) (bool, error) {
		off, err := automation.OffNow(ctx, q, automation.CheckTagging)
		return off == nil, err
	}
	a.Tagging.Checked = func(ctx context.Context, tx *db.Tx, looked, changed int) error {
		return a.Automation.Count(ctx, tx, automation.CheckTagging, automation.Counts{Looked: int64(looked), Changed: int64(changed), Unchanged: max(0, int64(looked-changed))})
	}
	a.Approvals = approval.NewService(a.DB, a.Clock, a.Opportunities, a.Registrations, a.Activities)
	a.Routes = route.NewService(a.DB, a.Clock, a.Opportunities, a.Registrations, a.Activities, a.Approvals)
	a.Invitations = invitation.NewService(a.DB, a.Clock, inboxes, a.Registrations, a.Approvals, invitation.Pace{Task: pace.Task, Retry: pace.Retry, Max: pace.Max})
	a.Sync.Registrations, a.Sync.Invitations, a.Sync.Tagging, a.Sync.Routes = a.Registrations, a.Invitations, a.Tagging, a.Routes
	return nil
}

// Start begins to work jobs, if this process does.
func (a *App) Start(ctx context.Context) error {
	if err := a.Sync.Resume(ctx); err != nil {
		return err
	}
	if err := a.Jobs.Start(ctx); err != nil {
		return err
	}
	if a.works && a.Sync.Events != nil {
		follow, stop := context.WithCancel(context.WithoutCancel(ctx))
		a.unfollow, a.following = stop, make(chan struct{})
		go func() {
			defer close(a.following)
			a.Sync.FollowEvents(follow)
		}()
	}
	return nil
}

// Stop lets running jobs end and closes everything, in order.
func (a *App) Stop(ctx context.Context) error {
	var err error
	if a.unfollow != nil {
		a.unfollow()
		<-a.following
	}
	if a.Jobs != nil {
		err = a.Jobs.Stop(ctx)
	}
	return errors.Join(err, a.Close())
}

// Close closes what New opened.
func (a *App) Close() error {
	var err error
	if a.events != nil {
		err = a.events.Close()
		a.events = nil
	}
	if a.DB != nil {
		err = errors.Join(err, a.DB.Close())
	}
	if a.lock != nil {
		err = errors.Join(err, a.lock.Close())
		a.lock = nil
	}
	return err
}

// Stopping is closed when Serve begins to stop: answers that never end by
// themselves have to end then.
func (a *App) Stopping() <-chan struct{} { return a.stopping }

// Ready reports whether the program can answer: the database does.
func (a *App) Ready(ctx context.Context) error { return a.DB.Ping(ctx) }

// Listen opens the address of the configuration; one that is in use is a
// problem that says so.
func (a *App) Listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", a.Config.Listen)
	if err != nil {
		return nil, listenProblem(a.Config.Listen, err)
	}
	return ln, nil
}

// Serve answers on ln with h until ctx ends, and then lets running requests
// end, for at most ten seconds. Requests inherit nothing from ctx: whoever started
// the program is not who asks, and its end does not cut an answer short. Only
// streams of events, which have no end of their own, end with ctx.
func (a *App) Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	base, cut := context.WithCancel(context.Background())
	defer cut()
	srv := &http.Server{
		Handler: endStreams(ctx, h), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog:    slog.NewLogLogger(a.Log.Handler(), slog.LevelWarn),
		BaseContext: func(net.Listener) context.Context { return base },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return errors.Join(fmt.Errorf("stop serving: %w", err), srv.Close())
	}
	return nil
}

// endStreams ends the requests for a stream of events when ctx does.
func endStreams(ctx context.Context, h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream") {
			stream, end := context.WithCancel(r.Context())
			defer end()
			defer context.AfterFunc(ctx, end)()
			r = r.WithContext(stream)
		}
		h.ServeHTTP(rw, r)
	})
}

func (a *App) lockPath() string { return filepath.Join(a.Config.DataDir, "tandem.lock") }
