package activity

import (
	"context"
	"fmt"
	"iter"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Task is what the engine logs as Salesforce keeps it: a completed Task on the
// opportunity.
type Task struct {
	ActivityID       string
	Key              string // external id
	OpportunityCRMID string
	OwnerCRMID       string // "" leaves it to the integration user
	Subject          string // at most 255 characters
	Description      string
	On               date.Date
}

// Result is how the writing of one Task went: Err nil is done. Lost says that it was
// refused because a record that it is about is not there.
type Result struct {
	TaskID  string
	Created bool
	Lost    bool
	Err     error
}

// CRM is where activities are logged. Results are in the order of the tasks; an
// error of the whole call, such as a refused sign-in, means that nothing is known
// of any: it is no refusal of theirs.
type CRM interface {
	LogTasks(ctx context.Context, tasks []Task) ([]Result, error)
	// LookActivities finds the records of these keys as they are now, deleted ones
	// too, by key.
	LookActivities(ctx context.Context, object Object, keys []string) (map[string]Remote, error)
	// WriteActivities creates, changes and deletes records. A record that was changed
	// after the write's Since is a result of kind precondition, and left alone.
	WriteActivities(ctx context.Context, writes []Write) ([]Written, error)
	// ActivitiesOf gives all records of opportunities by their CRM ids.
	ActivitiesOf(ctx context.Context, object Object, opportunityCRMIDs []string) iter.Seq2[Remote, error]
	// NewestActivity gives the stamp of the record that changed last, zero for none.
	NewestActivity(ctx context.Context, object Object) (time.Time, error)
}

// Service is the use cases of activities. Write must be set before use.
type Service struct {
	db    *db.DB
	clock clock.Clock

	// Write plans the writing of pending activities to Salesforce.
	Write func(ctx context.Context, tx *db.Tx) error
	// Changed hears, in its transaction, of a recorded activity that Salesforce changed
	// or deleted.
	Changed func(ctx context.Context, tx *db.Tx, a *Activity) error
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service {
	return &Service{
		db: d, clock: c, Write: func(context.Context, *db.Tx) error { return nil },
		Changed: func(context.Context, *db.Tx, *Activity) error { return nil },
	}
}

// OnRegistration records what happened to a registration, in the transaction in
// which it happened.
func (s *Service) OnRegistration(ctx context.Context, tx *db.Tx, e registration.Event) error {
	a := Activity{
		ID: id.New("act"), OpportunityID: e.Registration.OpportunityID, Cloud: e.Registration.Cloud, Kind: Kind(e.Kind), Subject: e.Subject,
		Body: e.Body, ActorKind: e.ActorKind, ActorName: e.ActorName, HappenedAt: tx.Now(), CRMState: CRMStatePending,
	}
	switch e.Kind {
	case "failed", "conflict", "replaced":
		a.CRMState = CRMStateNone // our own trouble is no joint activity
	}
	if err := insertEngine(ctx, tx, &a); err != nil {
		return err
	}
	if a.CRMState != CRMStatePending {
		return nil
	}
	return s.Write(ctx, tx)
}

// Note puts something of our own on the timeline of an opportunity, which
// Salesforce gets no Task of. The actor is that of ctx. It fills in all but
// OpportunityID, Cloud, Kind, Subject and Body.
func (s *Service) Note(ctx context.Context, tx *db.Tx, a Activity) error {
	actor, ok := authz.From(ctx)
	if !ok {
		actor = authz.System
	}
	a.ID = id.New("act")
	a.ActorKind, a.ActorName, a.HappenedAt, a.CRMState = actor.Kind, actor.Name, tx.Now(), CRMStateNone
	return insertEngine(ctx, tx, &a)
}

func insertEngine(ctx context.Context, tx *db.Tx, a *Activity) error {
	a.CRMKey, a.Origin, a.CRMObject, a.Done = a.ID, OriginEngine, ObjectTask, true
	return insert(ctx, tx, a)
}

// OfOpportunity gives the activities of an opportunity, newest first. Needs read.
func (s *Service) OfOpportunity(ctx context.Context, opportunityID string) ([]Activity, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return byOpportunity(ctx, s.db, opportunityID)
}

// How long the fields of a Task are in Salesforce, in characters.
const (
	maxSubject     = 255
	maxDescription = 32_000
)

func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// Pending gives activities, at most limit, that Salesforce shall have.
func (s *Service) Pending(ctx context.Context, limit int) ([]Task, error) {
	rows, err := pending(ctx, s.db, limit)
	out := make([]Task, 0, len(rows))
	for i := range rows {
		a := &rows[i]
		t := Task{ActivityID: a.ID, Key: a.CRMKey, OpportunityCRMID: a.OpportunityCRMID, Subject: cut(a.Subject, maxSubject), Description: cut(a.Body, maxDescription), On: date.Of(a.HappenedAt)}
		if a.OwnerActive {
			t.OwnerCRMID = a.DealOwnerCRMID
		}
		out = append(out, t)
	}
	return out, err
}

// Logged keeps how the writing of tasks went and gives how many were logged. A
// refusal that passes leaves the activity pending.
func (s *Service) Logged(ctx context.Context, tasks []Task, results []Result) (int, error) {
	if len(results) != len(tasks) {
		return 0, fmt.Errorf("%d results for %d tasks that Salesforce was sent", len(results), len(tasks))
	}
	n := 0
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		n = 0
		for i, t := range tasks {
			switch res := results[i]; {
			case res.Err == nil:
				if err := logged(ctx, tx, t.ActivityID, res.TaskID); err != nil {
					return err
				}
				n++
			case problem.RetryOf(res.Err) == problem.RetryHuman:
				if err := failed(ctx, tx, t.ActivityID, res.Err.Error()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return n, err
}

// Retry has the failed activities of an opportunity written again. Needs register.
func (s *Service) Retry(ctx context.Context, opportunityID string) error {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return err
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := retry(ctx, tx, opportunityID); err != nil {
			return err
		}
		return s.Write(ctx, tx)
	})
}
