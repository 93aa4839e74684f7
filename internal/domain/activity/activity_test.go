package activity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db     *db.DB
	clock  *clock.Fake
	ctx    context.Context
	opp    opportunity.Opportunity
	writes int
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		f := &fixture{db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC))}
		f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelABDM})
		f.Service = NewService(d, f.clock)
		f.Write = func(context.Context, *db.Tx) error { f.writes++; return nil }
		err := d.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
			list, err := opportunity.Import(f.ctx, tx, []opportunity.Opportunity{{CRMID: "006A", Name: "A", OwnerCRMID: "005A", CRMModstamp: tx.Now()}})
			if err == nil {
				f.opp = list[0]
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, f)
	})
}

func (f *fixture) happen(t *testing.T, kind, subject, body string) {
	t.Helper()
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		return f.OnRegistration(f.ctx, tx, registration.Event{
			Registration: registration.Registration{ID: "reg_1", OpportunityID: f.opp.ID, Cloud: cloud.AWS},
			Kind:         kind, Subject: subject, Body: body, ActorKind: authz.KindPortal, ActorName: "AWS Partner Central",
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) pending(t *testing.T) []Task {
	t.Helper()
	list, err := f.Pending(f.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// salesforce is a small CRM with its rule: one Task for each external id.
type salesforce struct {
	tasks  map[string]Task
	refuse map[string]error // by subject
}

func (s *salesforce) LogTasks(_ context.Context, tasks []Task) ([]Result, error) {
	var out []Result
	for _, task := range tasks {
		if utf8.RuneCountInString(task.Subject) > 255 || utf8.RuneCountInString(task.Description) > 32000 || task.Key == "" {
			return nil, fmt.Errorf("STRING_TOO_LONG %q", task.Key)
		}
		if err := s.refuse[task.Subject]; err != nil {
			out = append(out, Result{Err: err})
			continue
		}
		_, had := s.tasks[task.Key]
		s.tasks[task.Key] = task
		out = append(out, Result{TaskID: "00T" + task.Key, Created: !had})
	}
	return out, nil
}

func TestAnActivityIsLoggedOnceHoweverOftenItIsWritten(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		crm := &salesforce{tasks: map[string]Task{}}
		f.happen(t, "approved", "AWS: approved (O1)", "well done")
		f.happen(t, "failed", "our own trouble", "x")
		tasks := f.pending(t)
		if len(tasks) != 1 || f.writes != 1 {
			t.Fatalf("%+v, %d writes planned", tasks, f.writes)
		}
		if k := tasks[0]; k.OpportunityCRMID != "006A" || k.Subject != "AWS: approved (O1)" || k.Description != "well done" || k.On != "2026-11-24" || k.OwnerCRMID != "" || k.Key != k.ActivityID {
			t.Fatalf("%+v", k)
		}
		// Killed after Salesforce took it and before that was noted: written again under the same key.
		if _, err := crm.LogTasks(f.ctx, tasks); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(time.Minute)
		results, err := crm.LogTasks(f.ctx, f.pending(t))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if n, err := f.Logged(f.ctx, tasks, results); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if len(crm.tasks) != 1 || len(f.pending(t)) != 0 {
			t.Fatalf("%d tasks, %d pending", len(crm.tasks), len(f.pending(t)))
		}
		list, err := f.OfOpportunity(f.ctx, f.opp.ID)
		if err != nil || len(list) != 2 || list[1].CRMState != CRMStateLogged || list[1].CRMTaskID != results[0].TaskID || list[0].CRMState != CRMStateNone {
			t.Fatalf("%+v, %v", list, err)
		}
		if n, err := CountLoggedSince(f.ctx, f.db, f.clock.Now()); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := CountLoggedSince(f.ctx, f.db, f.clock.Now().Add(time.Second)); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestARefusalForGoodWaitsForAPersonAndAPassingOneDoesNot(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		remote := func(r problem.Retry) error {
			return problem.FromRemote(problem.Remote{System: "salesforce", Operation: "upsert", Code: "X", Retry: r}, "no", nil)
		}
		crm := &salesforce{tasks: map[string]Task{}, refuse: map[string]error{
			"human": remote(problem.RetryHuman), "soon": remote(problem.RetrySoon), "later": remote(problem.RetryLater), "unsure": remote(problem.RetryUnsure), "reauth": remote(problem.RetryReauth),
		}}
		for _, s := range []string{"human", "soon", "later", "unsure", "reauth", "fine"} {
			f.happen(t, "approved", s, "")
		}
		tasks := f.pending(t)
		results, err := crm.LogTasks(f.ctx, tasks)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := f.Logged(f.ctx, tasks, results); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		var left []string
		for _, k := range f.pending(t) {
			left = append(left, k.Subject)
		}
		if strings.Join(left, " ") != "soon later unsure reauth" {
			t.Fatal(left)
		}
		if n, err := CountPending(f.ctx, f.db, OriginEngine); n != 4 || err != nil {
			t.Fatal(n, err)
		}
		f.writes = 0
		if err := f.Retry(f.ctx, f.opp.ID); err != nil || f.writes != 1 {
			t.Fatal(err, f.writes)
		}
		if n := len(f.pending(t)); n != 5 {
			t.Fatalf("%d pending after a person's retry", n)
		}
		crm.refuse = nil
		tasks = f.pending(t)
		if results, err = crm.LogTasks(f.ctx, tasks); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Logged(f.ctx, tasks, results); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		list, err := f.OfOpportunity(f.ctx, f.opp.ID)
		for _, a := range list {
			if a.CRMState != CRMStateLogged || a.CRMError != "" {
				t.Errorf("%+v, %v", a, err)
			}
		}
	})
}

func TestAnAnswerThatDoesNotFitTheQuestionIsAnError(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.happen(t, "approved", "x", "")
		if _, err := f.Logged(f.ctx, f.pending(t), nil); err == nil {
			t.Fatal("no results for one task passed")
		}
		if len(f.pending(t)) != 1 {
			t.Fatal("the task is lost")
		}
	})
}

func TestTextsAreCutToWhatSalesforceHolds(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		crm := &salesforce{tasks: map[string]Task{}}
		long := strings.Repeat("é", 254)
		f.happen(t, "approved", long+"x", "")
		f.happen(t, "approved", long+"xy", strings.Repeat("ü", 32_001))
		tasks := f.pending(t)
		if tasks[0].Subject != long+"x" || tasks[1].Subject != long+"…" || !strings.HasSuffix(tasks[1].Description, "ü…") {
			t.Fatalf("%q and %q", tasks[0].Subject, tasks[1].Subject)
		}
		if _, err := crm.LogTasks(f.ctx, tasks); err != nil {
			t.Fatal(err)
		}
		if list, err := f.OfOpportunity(f.ctx, f.opp.ID); err != nil || list[0].Subject != long+"xy" {
			t.Fatal("our own text was cut", err)
		}
	})
}

func TestATaskBelongsToTheOwnerWhileTheyAreActive(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.happen(t, "approved", "x", "")
		person := func(active bool) {
			t.Helper()
			err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
				_, err := tx.Exec(f.ctx, `INSERT INTO person (id, crm_id, name, name_key, active, created_at, updated_at) VALUES ('usr_2', '005A', 'A', 'a', ?, ?, ?)
					ON CONFLICT (id) DO UPDATE SET active = excluded.active`, active, tx.Now(), tx.Now())
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		person(true)
		if k := f.pending(t)[0]; k.OwnerCRMID != "005A" {
			t.Errorf("%+v", k)
		}
		person(false)
		if k := f.pending(t)[0]; k.OwnerCRMID != "" {
			t.Errorf("%+v", k)
		}
	})
}

func TestAnActivityWhoseWritingCannotBePlannedIsNotKept(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		boom := errors.New("boom")
		f.Write = func(context.Context, *db.Tx) error { return boom }
		err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
			return f.OnRegistration(f.ctx, tx, registration.Event{Registration: registration.Registration{OpportunityID: f.opp.ID}, Kind: "approved"})
		})
		if !errors.Is(err, boom) || len(f.pending(t)) != 0 {
			t.Fatal(err)
		}
	})
}
