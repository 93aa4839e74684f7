// Package sync keeps both sides true: it reads Salesforce into the mirror, moves
// registrations through the portals, and writes back what happened. It spans the
// rooms of the domain; each rule stays in its own room.
package sync

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
)

// CRM is what the sync reads from and writes to. The readers give the records
// that are asked for, deleted ones included unless everything is, in the order of
// their modification stamp; in bulk in no order.
type CRM interface {
	registration.CRM
	activity.CRM
	invitation.CRM
	// People gives the users.
	People(ctx context.Context, read connection.Read) iter.Seq2[team.Person, error]
	// Accounts gives the accounts.
	Accounts(ctx context.Context, read connection.Read) iter.Seq2[account.Account, error]
	// Members gives the members of opportunity teams.
	Members(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Member, error]
	// Contacts gives the contact roles of opportunities.
	Contacts(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Contact, error]
	// Opportunities gives the opportunities.
	Opportunities(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Opportunity, error]
	// ChangedActivities gives the Tasks or Events.
	ChangedActivities(ctx context.Context, object activity.Object, read connection.Read) iter.Seq2[activity.Remote, error]
	Gone
	Tools
	// Total gives how many records of an object there are to read since then.
	Total(ctx context.Context, object string, since time.Time) (int64, error)
	// Allowance gives what background work may still use of the day.
	Allowance(ctx context.Context) (connection.Allowance, error)
	// Check signs in, and says where the CRM is and in which version.
	Check(ctx context.Context) (detail string, err error)
	// Usage gives how much of the CRM's quota is used.
	Usage() []connection.Usage
	// Preview runs what writes and sends nothing of it, and gives what each write would
	// change of the record as it is now. Each write meets an error that
	// automation.IsDryRun knows.
	Preview(ctx context.Context, write func(context.Context) error) ([]automation.RecordChange, error)
}

// Portal is a portal with what the sync has to know beside its registrations.
type Portal interface {
	registration.Portal
	// Ping makes one cheap call, and says where the portal is.
	Ping(ctx context.Context) (detail string, err error)
	// Usage gives how much of the portal's quotas is used.
	Usage() []connection.Usage
	// Spent gives, as text to be kept, what was used when; Restore takes it back
	// after a restart. What cannot be read is no error: it counts as nothing.
	Spent() string
	Restore(spent string)
}

// Progress is how far a step of the sync is; Total 0 is not known.
type Progress struct {
	Step  string `json:"step"` // "accounts", "opportunities", …
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Ended bool   `json:"ended"`
}

// LastStep is the last step of a read of Salesforce.
const LastStep = string(activity.ObjectEvent)

// TopicSync is the topic of Progress news.
const TopicSync = "sync"

// TopicInvitations is the topic of news about invitations.
const TopicInvitations = "invitations"

// overlap is how far behind the high-water mark each read begins: a transaction
// that began earlier can become visible later (salesforce-gitlab.md §1.4).
const overlap = 5 * time.Minute

// batch is how many records are stored in one go (a domain's Import takes so
// many), and perCommit in one transaction: each commit writes every page of a
// dozen indexes that its rows touched, so fewer and larger ones cost less, and
// others wait for the writer a little longer.
const (
	batch     = 500
	perCommit = 4 * batch
)

// analyzeAfter is how many records one read has to bring for the database's
// statistics to be made anew.
const analyzeAfter = 10_000

// Service is the flows.
type Service struct {
	DB            *db.DB
	Clock         clock.Clock
	Log           *slog.Logger
	CRM           CRM // behind Guard; nil when Salesforce is not connected
	Portals       []Portal
	Opportunities *opportunity.Service
	Registrations *registration.Service
	Activities    *activity.Service
	Invitations   *invitation.Service
	Tagging       *tagging.Service
	Automation    *automation.Service
	Mappings      *mapping.Service // nil: the mapping never changes
	Routes        *route.Service
	Connections   *connection.Service
	Hub           *notify.Hub

	// BulkFrom is from how many records on an object is read in bulk; 0 is
	// DefaultBulkFrom.
	BulkFrom int64

	// Background marks the calls to the CRM that nobody waits for, so that they
	// leave the last of its daily calls to people; nil marks none.
	Background func(context.Context) context.Context

	// Events is the CRM's stream of changes; nil has changes polled only.
	Events Events

	live   atomic.Bool  // changes come as they happen, to this worker or another
	pulled atomic.Int64 // when the last routine read was planned, in milliseconds

	bulk *bulk.Service // set by HookBulk; nil has no acts carried on
}

// ErrNotConnected is what a flow gives when Salesforce is not connected.
var ErrNotConnected error = problem.Conflict("not_connected", "Salesforce is not connected: set its address and credentials, see docs/connect.md")

// Push writes dirty registrations and pending activities to Salesforce, in
// batches, until none is left that can be written now.
func (s *Service) Push(ctx context.Context) error {
	if s.CRM == nil {
		return ErrNotConnected
	}
	state, err := automation.StateNow(ctx, s.DB)
	if err != nil || allOff(&state, pushFlows) {
		return err // nothing is sent, and nothing is known of Salesforce
	}
	steps := map[automation.FlowID]func(context.Context) error{
		automation.WriteEdits: s.pushEdits, automation.WriteCorrections: s.pushCorrections, automation.WriteRegistrations: s.pushRegistrations,
		automation.WriteTasks: s.pushActivities, automation.WriteActivities: s.pushRecorded,
	}
	for _, id := range pushFlows {
		if err == nil {
			err = s.run(ctx, id, steps[id])
		}
	}
	if ctx.Err() != nil {
		return err
	}
	if rerr := s.Connections.Report(ctx, connection.Report{ID: "salesforce", Err: err, Usage: s.CRM.Usage()}); rerr != nil {
		return rerr
	}
	return err
}

const pushBatch = 200

// pushFlows are the flows of a push, in their order: what was decided goes before
// what tells of it.
var pushFlows = []automation.FlowID{
	automation.WriteEdits, automation.WriteCorrections, automation.WriteRegistrations, automation.WriteTasks, automation.WriteActivities,
}

func allOff(state *automation.State, flows []automation.FlowID) bool {
	return !slices.ContainsFunc(flows, func(id automation.FlowID) bool { return state.OffOf(id) == nil })
}

// pushEdits writes what people and portals changed to the opportunities. One that
// changed in Salesforce meanwhile is left to the next read, which merges it.
func (s *Service) pushEdits(ctx context.Context) error {
	changes, edits, err := s.Registrations.PendingCRM(ctx, pushBatch)
	if err != nil {
		return err
	}
	return s.update(ctx, changes, func(i int, err error) error { return s.Registrations.WrittenCRM(ctx, edits[i], err) })
}

// pushCorrections writes the corrections of tags that people confirmed. One whose
// opportunity changed in Salesforce meanwhile is left until that was read.
func (s *Service) pushCorrections(ctx context.Context) error {
	changes, corrections, err := s.Tagging.Pending(ctx, pushBatch)
	if err != nil {
		return err
	}
	return s.update(ctx, changes, func(i int, err error) error { return s.Tagging.Written(ctx, &corrections[i], err) })
}

// update writes changes to opportunities one by one and has each outcome kept. It
// ends at the first error that passes by itself.
func (s *Service) update(ctx context.Context, changes []registration.CRMChange, keep func(i int, err error) error) error {
	for i, c := range changes {
		res, err := s.CRM.UpdateOpportunity(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if res.Lost {
			deleted, err := s.lost(ctx, []string{c.OpportunityCRMID})
			if err != nil {
				return err
			}
			if deleted[c.OpportunityCRMID] {
				continue // it waits until the opportunity is back
			}
		}
		if err := keep(i, res.Err); err != nil {
			return err
		}
		if res.Err != nil && !problem.Is(res.Err, problem.KindPrecondition) && problem.RetryOf(res.Err) != problem.RetryHuman {
			return res.Err
		}
	}
	return nil
}

func (s *Service) pushRegistrations(ctx context.Context) error {
	for {
		records, err := s.Registrations.Dirty(ctx, pushBatch)
		if err != nil || len(records) == 0 {
			return err
		}
		results, err := s.CRM.UpsertRegistrations(ctx, records)
		if err != nil {
			return err
		}
		records, results, err = keepFound(ctx, s, records, results, func(r *registration.CRMRecord, res *registration.CRMResult) (string, bool) {
			return r.OpportunityCRMID, res.Lost
		})
		if err != nil {
			return err
		}
		if err := s.Registrations.Written(ctx, records, results); err != nil {
			return err
		}
		if err := passing(results, func(r registration.CRMResult) error { return r.Err }); err != nil {
			return err
		}
	}
}

func (s *Service) pushActivities(ctx context.Context) error {
	for {
		tasks, err := s.Activities.Pending(ctx, pushBatch)
		if err != nil || len(tasks) == 0 {
			return err
		}
		results, err := s.CRM.LogTasks(ctx, tasks)
		if err != nil {
			return err
		}
		tasks, results, err = keepFound(ctx, s, tasks, results, func(t *activity.Task, res *activity.Result) (string, bool) { return t.OpportunityCRMID, res.Lost })
		if err != nil {
			return err
		}
		if _, err := s.Activities.Logged(ctx, tasks, results); err != nil {
			return err
		}
		s.Hub.Publish(notify.News{Topic: "activities"})
		if err := passing(results, func(r activity.Result) error { return r.Err }); err != nil {
			return err
		}
	}
}

// passing gives the first error that passes by itself: the rows it belongs to
// are still to be written, so the job has to come again.
func passing[T any](results []T, errOf func(T) error) error {
	for _, r := range results {
		if err := errOf(r); err != nil && problem.RetryOf(err) != problem.RetryHuman {
			return err
		}
	}
	return nil
}

// Advance moves one registration on and tells those who watch.
func (s *Service) Advance(ctx context.Context, registrationID string) error {
	err := s.Registrations.Advance(ctx, registrationID)
	s.Hub.Publish(notify.News{Topic: "registration", Data: map[string]string{"id": registrationID}})
	return err
}

// RefreshPortals asks every portal for its health and its solutions.
func (s *Service) RefreshPortals(ctx context.Context) error {
	connected := map[cloud.Cloud]bool{}
	for _, p := range s.Portals {
		connected[p.Cloud()] = true
		if err := s.refreshPortal(ctx, p); err != nil {
			return err
		}
	}
	for _, c := range cloud.All() {
		if connected[c] {
			continue
		}
		if err := s.Connections.Report(ctx, connection.Report{ID: string(c), Absent: true}); err != nil {
			return err
		}
	}
	if s.CRM == nil {
		return s.Connections.Report(ctx, connection.Report{ID: "salesforce", Absent: true})
	}
	return nil
}

func (s *Service) refreshPortal(ctx context.Context, p Portal) error {
	detail, err := p.Ping(ctx)
	n := 0
	if err == nil {
		n, err = s.Registrations.RefreshSolutions(ctx, p.Cloud())
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.Log.WarnContext(ctx, "portal does not answer as it should", "cloud", p.Cloud(), "error", err)
	}
	return s.Connections.Report(ctx, connection.Report{ID: string(p.Cloud()), Detail: detail, Err: err, Synced: err == nil, Records: int64(n), Usage: p.Usage()})
}

// ReportUsage keeps how much of the portals' quotas is used, for people and for
// the next start.
func (s *Service) ReportUsage(ctx context.Context) error {
	for _, p := range s.Portals {
		if err := s.Connections.Usage(ctx, string(p.Cloud()), p.Usage()); err != nil {
			return err
		}
		if err := s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return saveSpent(ctx, tx, p.Cloud(), p.Spent()) }); err != nil {
			return err
		}
	}
	return nil
}

// Resume lets the portals know what an earlier process used of their quotas.
func (s *Service) Resume(ctx context.Context) error {
	for _, p := range s.Portals {
		spent, err := spentOf(ctx, s.DB, p.Cloud())
		if err != nil {
			return err
		}
		p.Restore(spent)
	}
	return nil
}

// FollowChanges reads what changed in a cloud's portal, and has it followed.
func (s *Service) FollowChanges(ctx context.Context, c cloud.Cloud, full bool) error {
	rep, err := s.Registrations.FollowChanges(ctx, c, full)
	if err != nil {
		return err
	}
	if n := len(rep.Missing) + len(rep.Unknown) + len(rep.Duplicates); n > 0 && full {
		s.Log.InfoContext(ctx, "the portal's records and ours differ", "cloud", c, "missing", len(rep.Missing), "unknown", len(rep.Unknown), "duplicates", len(rep.Duplicates))
	}
	return nil
}

// FollowInvitations reads what a cloud's portal offers us, and tells those who
// watch when something is new.
func (s *Service) FollowInvitations(ctx context.Context, c cloud.Cloud, full bool) error {
	n, err := s.Invitations.Follow(ctx, c, full)
	if n > 0 {
		s.Hub.Publish(notify.News{Topic: TopicInvitations})
	}
	return err
}

// AdvanceInvitation moves one invitation on and tells those who watch.
func (s *Service) AdvanceInvitation(ctx context.Context, invitationID string) error {
	err := s.Invitations.Advance(ctx, invitationID)
	s.Hub.Publish(notify.News{Topic: TopicInvitations, Data: map[string]string{"id": invitationID}})
	return err
}
