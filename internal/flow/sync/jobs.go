package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

type (
	// PullArgs is the job that reads Salesforce.
	PullArgs struct{}
	// PushArgs is the job that writes to Salesforce.
	PushArgs struct{}
	// AdvanceArgs is the job that moves one registration on.
	AdvanceArgs struct {
		RegistrationID string `json:"registration_id" river:"unique"`
	}
	// UrgentArgs is AdvanceArgs for which a person waits: it has workers of its own.
	UrgentArgs struct {
		RegistrationID string `json:"registration_id" river:"unique"`
	}
	// ChangesArgs is the job that follows what changed in a cloud's portal; Full
	// reads everything and reports how the two sides drifted apart.
	ChangesArgs struct {
		Cloud cloud.Cloud `json:"cloud" river:"unique"`
		Full  bool        `json:"full" river:"unique"`
	}
	// InvitationsArgs is the job that reads what a cloud's portal offers us; Full
	// reads what was answered, too.
	InvitationsArgs struct {
		Cloud cloud.Cloud `json:"cloud" river:"unique"`
		Full  bool        `json:"full" river:"unique"`
	}
	// InvitationArgs is the job that moves one invitation on.
	InvitationArgs struct {
		InvitationID string `json:"invitation_id" river:"unique"`
	}
	// SweepArgs is the job that finds what is due and lost its own job.
	SweepArgs struct{}
	// RefreshArgs is the job that asks the portals for health and solutions.
	RefreshArgs struct{}
	// DecideArgs is the job that asks a changed joint rule about every opportunity.
	DecideArgs struct{}
	// TaggingArgs is the job that asks changed tagging rules about every opportunity.
	TaggingArgs struct{}
	// ReconcileArgs is the job that compares which records the mirror and Salesforce
	// have.
	ReconcileArgs struct{}
	// RouteArgs is the job that asks changed route rules about every opportunity.
	RouteArgs struct{}
	// RouteDealArgs is the job that looks at the routes of one deal after its
	// registrations changed.
	RouteDealArgs struct {
		OpportunityID string `json:"opportunity_id" river:"unique"`
	}
)

// Kind names the job.
func (PullArgs) Kind() string { return "salesforce_pull" }

// Kind names the job.
func (PushArgs) Kind() string { return "salesforce_push" }

// Kind names the job.
func (AdvanceArgs) Kind() string { return "registration_advance" }

// Kind names the job.
func (UrgentArgs) Kind() string { return "registration_urgent" }

// Kind names the job.
func (ChangesArgs) Kind() string { return "portal_changes" }

// Kind names the job.
func (InvitationsArgs) Kind() string { return "portal_invitations" }

// Kind names the job.
func (InvitationArgs) Kind() string { return "invitation_advance" }

// Kind names the job.
func (SweepArgs) Kind() string { return "registration_sweep" }

// Kind names the job.
func (RefreshArgs) Kind() string { return "portal_refresh" }

// Kind names the job.
func (DecideArgs) Kind() string { return "joint_decide" }

// Kind names the job.
func (TaggingArgs) Kind() string { return "tagging_check" }

// Kind names the job.
func (ReconcileArgs) Kind() string { return "salesforce_reconcile" }

// Kind names the job.
func (RouteArgs) Kind() string { return "route_check" }

// Kind names the job.
func (RouteDealArgs) Kind() string { return "route_deal" }

// JobKinds names the kinds of all jobs of the flows.
func JobKinds() []string {
	return []string{
		PullArgs{}.Kind(), PushArgs{}.Kind(), AdvanceArgs{}.Kind(), UrgentArgs{}.Kind(), ChangesArgs{}.Kind(), InvitationsArgs{}.Kind(), InvitationArgs{}.Kind(),
		SweepArgs{}.Kind(), RefreshArgs{}.Kind(), DecideArgs{}.Kind(), TaggingArgs{}.Kind(), RouteArgs{}.Kind(), RouteDealArgs{}.Kind(), BulkArgs{}.Kind(), ReconcileArgs{}.Kind(), HearArgs{}.Kind(), DigestArgs{}.Kind(),
	}
}

var (
	syncOnce = &river.InsertOpts{Queue: jobs.QueueSync, UniqueOpts: jobs.Once()}
	urgent   = &river.InsertOpts{Queue: jobs.QueueUrgent, UniqueOpts: jobs.Once()}
	anyOnce  = &river.InsertOpts{UniqueOpts: jobs.Once()}
)

// pullTimeout bounds one read of Salesforce: a first import of a large
// organisation takes minutes.
const pullTimeout = 2 * time.Hour

// sweepBatch is how many due registrations one sweep wakes.
const sweepBatch = 1000

// Every says how often the periodic jobs run.
type Every struct {
	Pull time.Duration
	// Net is how often Salesforce is read while its changes come as they happen.
	Net     time.Duration
	Sweep   time.Duration
	Refresh time.Duration
	// Changes is how often a portal's list of changes is read; Full how often all
	// of it is.
	Changes time.Duration
	Full    time.Duration
	// Invitations is how often it is asked what a partner offers us; Full is how
	// often the answered ones are, too.
	Invitations time.Duration
	// Hear is how often a portal's events are fetched, where they don't come by
	// themselves.
	Hear time.Duration
	// PutOff is the longest that a job is put off when an outside system asks for
	// patience; zero is as long as it asks.
	PutOff time.Duration
}

// patience shortens the wait that an error asks for to PutOff.
func (e Every) patience(err error) error {
	remote := problem.RemoteOf(err)
	if e.PutOff == 0 || remote == nil || remote.RetryAfter <= e.PutOff {
		return err
	}
	sooner := *remote
	sooner.RetryAfter = e.PutOff
	return problem.FromRemote(sooner, err.Error(), err)
}

// Jobs adds the workers of the flows and gives the periodic jobs. client is
// asked for when a job runs.
func (s *Service) Jobs(r *jobs.Registry, client func() *jobs.Client, every Every) []*river.PeriodicJob {
	jobs.Add(r, pullTimeout, func(ctx context.Context, _ PullArgs) error { return every.patience(s.Pull(s.background(ctx))) })
	jobs.Add(r, pullTimeout, func(ctx context.Context, _ ReconcileArgs) error {
		return every.patience(s.Reconcile(s.background(ctx)))
	})
	jobs.Add(r, 10*time.Minute, func(ctx context.Context, _ PushArgs) error { return every.patience(s.Push(s.background(ctx))) })
	jobs.Add(r, 2*time.Minute, func(ctx context.Context, a AdvanceArgs) error { return s.Advance(ctx, a.RegistrationID) })
	jobs.Add(r, 2*time.Minute, func(ctx context.Context, a UrgentArgs) error {
		return s.Advance(registration.WithUrgent(ctx), a.RegistrationID)
	})
	jobs.Add(r, time.Hour, func(ctx context.Context, a ChangesArgs) error {
		return every.patience(s.FollowChanges(ctx, a.Cloud, a.Full))
	})
	jobs.Add(r, time.Hour, func(ctx context.Context, a InvitationsArgs) error {
		return every.patience(s.FollowInvitations(ctx, a.Cloud, a.Full))
	})
	jobs.Add(r, 2*time.Minute, func(ctx context.Context, a InvitationArgs) error {
		return s.AdvanceInvitation(registration.WithUrgent(ctx), a.InvitationID)
	})
	jobs.Add(r, 0, func(ctx context.Context, _ SweepArgs) error { return s.Sweep(ctx, client()) })
	jobs.Add(r, time.Hour, func(ctx context.Context, _ DecideArgs) error { return s.Opportunities.DecideAll(ctx) })
	jobs.Add(r, time.Hour, func(ctx context.Context, _ TaggingArgs) error { return s.Tagging.CheckAll(ctx) })
	jobs.Add(r, time.Minute, func(ctx context.Context, a HearArgs) error { return every.patience(s.Hear(ctx, a.Cloud)) })
	jobs.Add(r, time.Hour, func(ctx context.Context, _ RouteArgs) error { return s.Routes.CheckAll(ctx) })
	jobs.Add(r, 0, func(ctx context.Context, a RouteDealArgs) error { return s.Routes.CheckDeal(ctx, a.OpportunityID) })
	jobs.Add(r, 5*time.Minute, func(ctx context.Context, _ RefreshArgs) error { return s.RefreshPortals(ctx) })
	periodic := []*river.PeriodicJob{
		river.NewPeriodicJob(river.PeriodicInterval(every.Sweep), func() (river.JobArgs, *river.InsertOpts) { return SweepArgs{}, anyOnce }, &river.PeriodicJobOpts{RunOnStart: true}),
		river.NewPeriodicJob(river.PeriodicInterval(every.Refresh), func() (river.JobArgs, *river.InsertOpts) { return RefreshArgs{}, anyOnce }, &river.PeriodicJobOpts{RunOnStart: true}),
	}
	periodic = append(periodic, s.digestJob(r))
	for _, p := range s.Portals {
		if _, ok := p.(Listener); ok {
			args := HearArgs{Cloud: p.Cloud()}
			periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(every.Hear), func() (river.JobArgs, *river.InsertOpts) { return args, anyOnce }, nil))
		}
		for full, pause := range map[bool]time.Duration{false: every.Changes, true: every.Full} {
			args := ChangesArgs{Cloud: p.Cloud(), Full: full}
			periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(pause), func() (river.JobArgs, *river.InsertOpts) { return args, anyOnce }, nil))
		}
	}
	for _, c := range s.Invitations.Clouds() {
		for full, pause := range map[bool]time.Duration{false: every.Invitations, true: every.Full} {
			args := InvitationsArgs{Cloud: c, Full: full}
			periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(pause), func() (river.JobArgs, *river.InsertOpts) { return args, anyOnce }, &river.PeriodicJobOpts{RunOnStart: true}))
		}
	}
	if s.CRM != nil {
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(every.Pull),
			func() (river.JobArgs, *river.InsertOpts) {
				if !s.duePull(s.Clock.Now(), every.Net) {
					return nil, nil
				}
				return PullArgs{}, syncOnce
			}, &river.PeriodicJobOpts{RunOnStart: true}))
		// The longer nobody looked, the more it matters: at each start, too.
		periodic = append(periodic, river.NewPeriodicJob(river.PeriodicInterval(every.Full),
			func() (river.JobArgs, *river.InsertOpts) { return ReconcileArgs{}, syncOnce }, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	return periodic
}

func (s *Service) background(ctx context.Context) context.Context {
	if s.Background == nil {
		return ctx
	}
	return s.Background(ctx)
}

// Hook ties the domain's wishes for work to jobs, stored in the transaction
// that wishes them.
func (s *Service) Hook(client func() *jobs.Client) {
	wake := func(ctx context.Context, tx *db.Tx, registrationIDs ...string) error {
		ids := slices.Compact(slices.Sorted(slices.Values(registrationIDs)))
		if registration.Urgent(ctx) {
			return jobs.InsertMany(ctx, client(), tx, argsOf(ids, func(id string) UrgentArgs { return UrgentArgs{RegistrationID: id} }), urgent)
		}
		return jobs.InsertMany(ctx, client(), tx, argsOf(ids, func(id string) AdvanceArgs { return AdvanceArgs{RegistrationID: id} }), anyOnce)
	}
	write := func(ctx context.Context, tx *db.Tx) error {
		if s.CRM == nil {
			return nil
		}
		return client().Insert(ctx, tx, PushArgs{}, syncOnce)
	}
	s.Registrations.Wake, s.Registrations.Write, s.Activities.Write, s.Tagging.Write = wake, write, write, write
	s.Registrations.LookElsewhere = s.LookElsewhere
	s.Registrations.Look = func(ctx context.Context, tx *db.Tx, c cloud.Cloud) error {
		return client().Insert(ctx, tx, ChangesArgs{Cloud: c}, anyOnce)
	}
	s.Invitations.Look = func(ctx context.Context, tx *db.Tx, c cloud.Cloud) error {
		return client().Insert(ctx, tx, InvitationsArgs{Cloud: c}, anyOnce)
	}
	s.Invitations.Wake = func(ctx context.Context, tx *db.Tx, invitationID string) error {
		return client().Insert(ctx, tx, InvitationArgs{InvitationID: invitationID}, urgent)
	}
	s.Invitations.Store = func(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
		return s.storeOpportunities(ctx, tx, accountIDs{}, list)
	}
	if s.CRM != nil {
		s.Invitations.CRM = s.CRM
	}
	if s.Mappings != nil {
		s.Mappings.Changed = func(ctx context.Context, tx *db.Tx, from, to mapping.Mapping) error {
			return s.mappingChanged(ctx, tx, client(), from, to)
		}
	}
	s.Registrations.Happened = func(ctx context.Context, tx *db.Tx, e registration.Event) error {
		if err := s.Activities.OnRegistration(ctx, tx, e); err != nil {
			return err
		}
		concerned, err := s.Routes.Concerned(ctx, tx, e)
		if err != nil || !concerned {
			return err
		}
		return client().Insert(ctx, tx, RouteDealArgs{OpportunityID: e.Registration.OpportunityID}, anyOnce)
	}
	s.Automation.SwitchedOn = func(ctx context.Context, tx *db.Tx, flows []automation.FlowID) error {
		return s.switchedOn(ctx, tx, client(), flows)
	}
	s.Opportunities.PlanDecision = func(ctx context.Context, tx *db.Tx) error {
		return client().Insert(ctx, tx, DecideArgs{}, anyOnce)
	}
	s.Tagging.PlanCheck = func(ctx context.Context, tx *db.Tx) error {
		return client().Insert(ctx, tx, TaggingArgs{}, anyOnce)
	}
	s.Routes.PlanCheck = func(ctx context.Context, tx *db.Tx) error {
		return client().Insert(ctx, tx, RouteArgs{}, anyOnce)
	}
}

// mappingChanged has Salesforce read by the new mapping, and written by it where it
// writes other facts or writes them elsewhere.
func (s *Service) mappingChanged(ctx context.Context, tx *db.Tx, client *jobs.Client, from, to mapping.Mapping) error {
	if s.CRM == nil {
		return nil
	}
	if err := client.Insert(ctx, tx, PullArgs{}, syncOnce); err != nil {
		return err
	}
	if slices.EqualFunc(from.Facts(), to.Facts(), mapping.Entry.Equal) {
		return nil
	}
	if err := registration.MarkDirty(ctx, tx); err != nil {
		return err
	}
	return client.Insert(ctx, tx, PushArgs{}, syncOnce)
}

func argsOf[T any](ids []string, args func(id string) T) []T {
	out := make([]T, len(ids))
	for i, id := range ids {
		out[i] = args(id)
	}
	return out
}

// StartPull plans a read of Salesforce now; running says that one waits or runs
// already. Needs sync.
func (s *Service) StartPull(ctx context.Context, client *jobs.Client) (jobID int64, running bool, err error) {
	if err := s.mayPull(ctx); err != nil {
		return 0, false, err
	}
	return client.InsertNow(ctx, PullArgs{}, syncOnce)
}

// StartRefresh plans to ask the portals for their health and their solutions now;
// running says that this waits or runs already. Needs sync.
func (s *Service) StartRefresh(ctx context.Context, client *jobs.Client) (jobID int64, running bool, err error) {
	if err := authz.Require(ctx, authz.ActionSync); err != nil {
		return 0, false, err
	}
	return client.InsertNow(ctx, RefreshArgs{}, anyOnce)
}

// CheckPull says whether StartPull would be refused, and whether a read waits or
// runs already. It plans nothing. Needs sync.
func (s *Service) CheckPull(ctx context.Context, client *jobs.Client) (running bool, err error) {
	if err := s.mayPull(ctx); err != nil {
		return false, err
	}
	n, err := client.Unfinished(ctx, []string{PullArgs{}.Kind()}, s.Clock.Now())
	return n > 0, err
}

// CodeReadOff is the code of the problem that a wish to read Salesforce meets while
// reading is off.
const CodeReadOff = "reading_off"

func (s *Service) mayPull(ctx context.Context) error {
	if err := authz.Require(ctx, authz.ActionSync); err != nil {
		return err
	}
	if s.CRM == nil {
		return ErrNotConnected
	}
	off, err := automation.OffNow(ctx, s.DB, automation.ReadRecords)
	if err != nil || off == nil {
		return err
	}
	return problem.Conflict(CodeReadOff, "Salesforce is not read: "+off.String())
}

// Sweep wakes what is due but has no job (a killed process, a change made while
// its job ran), and has Salesforce written if something waits for it.
func (s *Service) Sweep(ctx context.Context, client *jobs.Client) error {
	var clouds []cloud.Cloud
	for _, p := range s.Portals {
		clouds = append(clouds, p.Cloud())
	}
	ids, err := registration.DueIDs(ctx, s.DB, clouds, s.Clock.Now(), sweepBatch)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if _, _, err := client.InsertNow(ctx, AdvanceArgs{RegistrationID: id}, anyOnce); err != nil {
			return err
		}
	}
	offers, err := invitation.DueIDs(ctx, s.DB, s.Invitations.Clouds(), s.Clock.Now(), sweepBatch)
	if err != nil {
		return err
	}
	for _, id := range offers {
		if _, _, err := client.InsertNow(ctx, InvitationArgs{InvitationID: id}, urgent); err != nil {
			return err
		}
	}
	overdue, err := s.Invitations.Overdue(ctx)
	if err != nil {
		return err
	}
	for _, c := range overdue {
		if _, _, err := client.InsertNow(ctx, InvitationsArgs{Cloud: c}, anyOnce); err != nil {
			return err
		}
	}
	if err := s.sweepBulk(ctx, client); err != nil {
		return err
	}
	if err := s.ReportUsage(ctx); err != nil {
		return err
	}
	if s.CRM == nil {
		return nil
	}
	waiting, err := s.Waiting(ctx)
	if err != nil || waiting == 0 {
		return err
	}
	_, _, err = client.InsertNow(ctx, PushArgs{}, syncOnce)
	return err
}

// Waiting counts what is on its way to Salesforce; what waits for a flow that is
// off is not.
func (s *Service) Waiting(ctx context.Context) (int64, error) {
	list, err := s.Waits(ctx)
	var n int64
	for _, w := range list {
		if w.Off == nil && w.Flow != automation.MakeOpportunities { // which the engine of invitations moves
			n += w.Waiting
		}
	}
	return n, err
}

// Settled reports whether nothing is left that the flows could do now: no job
// of theirs waits or runs, every registration waits for a person or is decided
// (reviews false: or waits for the partner), and Salesforce has got everything.
// It looks in the order in which work flows: a read makes registrations, and a
// registration that moves makes what Salesforce has to get. The other way round,
// one that moved between two looks would be missed.
func (s *Service) Settled(ctx context.Context, client *jobs.Client, reviews bool) (bool, error) {
	unfinished, err := client.Unfinished(ctx, []string{PullArgs{}.Kind(), PushArgs{}.Kind(), ReconcileArgs{}.Kind()}, s.Clock.Now())
	if err != nil || unfinished > 0 {
		return false, err
	}
	left, err := registration.CountUnsettled(ctx, s.DB, reviews)
	if err != nil {
		return false, fmt.Errorf("settled: %w", err)
	}
	if left > 0 {
		return false, nil
	}
	waiting, err := s.Waiting(ctx)
	return waiting == 0, err
}
