package sync

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type activities struct{ activity.CRM }

// crm is a CRM that nothing is read from: trouble is what every write meets as a
// whole, refuse what each record meets.
type crm struct {
	invitation.CRM
	activities
	trouble, refuse error
	edits           []registration.CRMChange
	registrations   []registration.CRMRecord
	tasks           []activity.Task
}

func (c *crm) UpdateOpportunity(_ context.Context, change registration.CRMChange) (registration.CRMResult, error) {
	if c.trouble == nil && c.refuse == nil {
		c.edits = append(c.edits, change)
	}
	return registration.CRMResult{Err: c.refuse}, c.trouble
}

func (c *crm) UpsertRegistrations(_ context.Context, list []registration.CRMRecord) ([]registration.CRMResult, error) {
	if c.trouble != nil {
		return nil, c.trouble
	}
	if c.refuse == nil {
		c.registrations = append(c.registrations, list...)
	}
	out := make([]registration.CRMResult, len(list))
	for i := range out {
		out[i] = registration.CRMResult{RowID: "a01", Err: c.refuse}
	}
	return out, nil
}

func (c *crm) LogTasks(_ context.Context, list []activity.Task) ([]activity.Result, error) {
	if c.trouble != nil {
		return nil, c.trouble
	}
	if c.refuse == nil {
		c.tasks = append(c.tasks, list...)
	}
	out := make([]activity.Result, len(list))
	for i := range out {
		out[i] = activity.Result{TaskID: "00T", Err: c.refuse}
	}
	return out, nil
}

func none[T any](yield func(T, error) bool) {}

func (c *crm) People(context.Context, connection.Read) iter.Seq2[team.Person, error] { return none }

func (c *crm) Accounts(context.Context, connection.Read) iter.Seq2[account.Account, error] {
	return none
}

func (c *crm) Members(context.Context, connection.Read) iter.Seq2[opportunity.Member, error] {
	return none
}

func (c *crm) Contacts(context.Context, connection.Read) iter.Seq2[opportunity.Contact, error] {
	return none
}

func (c *crm) Opportunities(context.Context, connection.Read) iter.Seq2[opportunity.Opportunity, error] {
	return none
}

func (c *crm) ChangedActivities(context.Context, activity.Object, connection.Read) iter.Seq2[activity.Remote, error] {
	return none
}

func (c *crm) Cards(context.Context, connection.Read) iter.Seq2[opportunity.Card, error] {
	return none
}

func (c *crm) RegistrationRows(context.Context, connection.Read) iter.Seq2[registration.CRMRow, error] {
	return none
}

func (c *crm) Newest(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (c *crm) DeletedSince(context.Context, string, time.Time) (ids []string, until time.Time, known bool, err error) {
	return nil, time.Time{}, false, nil
}

func (c *crm) IDs(context.Context, string, bool) iter.Seq2[string, error] { return none }

func (c *crm) Tools(context.Context) ([]connection.Tool, error) { return nil, nil }

func (c *crm) Claims(context.Context, string, connection.Read) iter.Seq2[registration.Claim, error] {
	return none
}

func (c *crm) ClaimsOf(context.Context, string) ([]registration.Claim, error) { return nil, nil }

func (c *crm) Total(context.Context, string, time.Time) (int64, error) { return 0, nil }

func (c *crm) Allowance(context.Context) (connection.Allowance, error) {
	return connection.Allowance{}, nil
}

func (c *crm) Check(context.Context) (string, error) { return "", nil }

func (c *crm) Preview(context.Context, func(context.Context) error) ([]automation.RecordChange, error) {
	return nil, nil
}

func (c *crm) Usage() []connection.Usage { return nil }

// portal has one field, which Salesforce has too.
type portal struct{ registration.Portal }

func (portal) Cloud() cloud.Cloud { return cloud.AWS }

func (portal) Fields() []registration.FieldInfo {
	return []registration.FieldInfo{{Path: "LifeCycle.NextSteps", Label: "Next steps", Writes: "opportunity.next_steps"}}
}

// house is a flow with one edit, one registration and one activity that Salesforce
// shall have.
func house(t *testing.T, d *db.DB, crm *crm) (*Service, context.Context) {
	t.Helper()
	c := clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	ctx := authz.With(t.Context(), authz.System)
	auto := automation.NewService(d, c)
	s := &Service{
		DB: d, Clock: c, CRM: Guard(crm, auto), Automation: auto, Hub: &notify.Hub{}, Activities: activity.NewService(d, c), Connections: connection.NewService(d, c),
		Registrations: registration.NewService(d, c, []registration.Portal{portal{}}, registration.DefaultPace),
		Tagging:       tagging.NewService(d, c, opportunity.NewService(d, c)),
	}
	err := d.InTx(ctx, c, func(tx *db.Tx) error {
		opps, err := opportunity.Import(ctx, tx, []opportunity.Opportunity{{CRMID: "006A", Name: "A", CRMModstamp: tx.Now()}})
		if err != nil {
			return err
		}
		r := registration.Registration{
			ID: "reg_1", OpportunityID: opps[0].ID, Cloud: cloud.AWS, State: registration.StateApproved, StateAt: tx.Now(), RemoteID: "O1",
			Version: 1, CRMDirty: true, CreatedAt: tx.Now(), UpdatedAt: tx.Now(),
		}
		if err := db.Insert(ctx, tx, "registration", &r); err != nil {
			return err
		}
		edit := registration.Edit{
			RegistrationID: r.ID, Path: "LifeCycle.NextSteps", Value: `"sign"`, CRMState: registration.CRMPending, ActorKind: authz.KindPerson, ActorName: "Ada",
			EditedAt: tx.Now(), MadeOn: tx.Now(),
		}
		if err := db.Insert(ctx, tx, "registration_edit", &edit); err != nil {
			return err
		}
		return s.Activities.OnRegistration(ctx, tx, registration.Event{Registration: r, Kind: "approved", Subject: "AWS: approved", ActorKind: authz.KindPortal})
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, ctx
}

// The sign-in was refused while the simulation's process pushed (seeds 145, 316,
// 573 and 786): every activity, registration and edit of that push counted as
// refused by Salesforce for good, and was never written again by itself.
func TestARefusedSignInRefusesNoRecordAndAllIsWrittenOnceItIsMended(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		crm := &crm{trouble: problem.FromRemote(problem.Remote{System: "salesforce", Operation: "oauth2/token", Code: "invalid_client", Status: 400, Retry: problem.RetryHuman}, "no", nil)}
		s, ctx := house(t, d, crm)
		for range 2 {
			if err := s.Push(ctx); problem.RetryOf(err) != problem.RetryHuman {
				t.Fatal(err)
			}
		}
		if n, why, err := s.refused(ctx); n != 0 || err != nil {
			t.Fatalf("%d records count as refused (%s), %v", n, why, err)
		}
		if n, err := s.Waiting(ctx); n != 3 || err != nil {
			t.Fatalf("%d wait, %v", n, err)
		}
		crm.trouble = nil
		if err := s.Push(ctx); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Waiting(ctx); n != 0 || err != nil || len(crm.edits) != 1 || len(crm.registrations) != 1 || len(crm.tasks) != 1 {
			t.Fatalf("%d wait, %v; written: %+v", n, err, crm)
		}
	})
}

func TestARecordThatIsRefusedForGoodIsToldOfAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		rule := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "upsert", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Status: 400, Retry: problem.RetryHuman}, "no", nil)
		s, ctx := house(t, d, &crm{refuse: rule})
		if err := s.Push(ctx); err != nil {
			t.Fatal(err)
		}
		if n, why, err := s.refused(ctx); n != 3 || why == "" || err != nil {
			t.Fatalf("%d records count as refused (%s), %v", n, why, err)
		}
		if n, err := s.Waiting(ctx); n != 0 || err != nil {
			t.Fatalf("%d wait, %v", n, err)
		}
	})
}
