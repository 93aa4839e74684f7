package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// partner is a portal in memory that takes what it gets. onCreate, if set, runs
// when a create arrives, before it acts; lost has the next answers lost.
type partner struct {
	registration.Portal // what is not needed

	cloud    cloud.Cloud
	mu       sync.Mutex
	made     map[string]string // id by Salesforce id
	submits  int
	onCheck  func()
	lost     int
	linkFail int // the next links that fail, passingly
}

func newPartner(c cloud.Cloud) *partner { return &partner{cloud: c, made: map[string]string{}} }

func (p *partner) Cloud() cloud.Cloud         { return p.cloud }
func (p *partner) ChangedAt(string) time.Time { return time.Time{} }
func (p *partner) Check(registration.Deal) registration.Findings {
	if p.onCheck != nil {
		p.onCheck()
	}
	return nil
}
func (p *partner) Fields() []registration.FieldInfo           { return nil }
func (p *partner) Ours(registration.Deal) registration.Values { return registration.Values{} }
func (p *partner) Theirs(json.RawMessage) (registration.Values, error) {
	return registration.Values{}, nil
}

func (p *partner) Locked(string, string, string) registration.Lock { return registration.Lock{} }

func (p *partner) Compare(registration.Deal, json.RawMessage, string, string) []registration.FieldPair {
	return nil
}

func (p *partner) Payload(d registration.Deal) (json.RawMessage, error) {
	return json.Marshal(d.Opportunity.CRMID)
}

func (p *partner) remote(id string) registration.Remote {
	return registration.Remote{ID: id, Version: "1", Status: "Approved", State: registration.StateApproved, Record: json.RawMessage(`{}`)}
}

func passing(op string) error {
	return problem.FromRemote(problem.Remote{System: "portal", Operation: op, Code: "timeout", Retry: problem.RetryUnsure}, "no answer", errors.New("timeout"))
}

func (p *partner) Create(_ context.Context, payload json.RawMessage, _ string) (registration.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var crmID string
	if err := json.Unmarshal(payload, &crmID); err != nil {
		return registration.Remote{}, err
	}
	if p.made[crmID] == "" {
		p.made[crmID] = fmt.Sprintf("%s-%d", p.cloud, len(p.made)+1)
	}
	if p.lost > 0 {
		p.lost--
		return registration.Remote{}, passing("Create")
	}
	return p.remote(p.made[crmID]), nil
}

func (p *partner) Find(_ context.Context, d registration.Deal) (*registration.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id := p.made[d.Opportunity.CRMID]; id != "" {
		r := p.remote(id)
		return &r, nil
	}
	return nil, nil
}

func (p *partner) Associate(context.Context, string, string) error { return nil }

func (p *partner) Submit(_ context.Context, id, _ string) (registration.Task, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.linkFail > 0 {
		p.linkFail--
		return registration.Task{}, passing("Submit")
	}
	p.submits++
	return registration.Task{ID: "T" + id}, nil
}

func (p *partner) TaskStatus(context.Context, string) (registration.Task, error) {
	return registration.Task{ID: "T", Done: true}, nil
}

func (p *partner) Read(_ context.Context, id string) (registration.Remote, error) {
	return p.remote(id), nil
}

func (p *partner) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.made)
}

type fixture struct {
	*Service
	t      *testing.T
	db     *db.DB
	clock  *clock.Fake
	opps   *opportunity.Service
	regs   *registration.Service
	apprs  *approval.Service
	aws    *partner
	gcp    *partner
	mu     sync.Mutex
	woken  []string
	serial int
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

func newFixture(t *testing.T, d *db.DB) *fixture {
	t.Helper()
	c := clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)) // a Tuesday
	f := &fixture{t: t, db: d, clock: c, aws: newPartner(cloud.AWS), gcp: newPartner(cloud.GCP)}
	acts := activity.NewService(d, c)
	f.opps = opportunity.NewService(d, c)
	f.regs = registration.NewService(d, c, []registration.Portal{f.aws, f.gcp}, registration.DefaultPace)
	f.apprs = approval.NewService(d, c, f.opps, f.regs, acts)
	f.Service = NewService(d, c, f.opps, f.regs, acts, f.apprs)
	f.regs.Happened = acts.OnRegistration
	f.regs.Wake = func(_ context.Context, _ *db.Tx, ids ...string) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.woken = append(f.woken, ids...)
		return nil
	}
	f.opps.Changed = func(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
		m, err := f.opps.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		if err := f.regs.Reconsider(ctx, tx, m, list); err != nil {
			return err
		}
		return f.Check(ctx, tx, list)
	}
	for name, level := range map[string]authz.Level{
		"Ann": authz.LevelAssociate, "Abe": authz.LevelABDM, "Sue": authz.LevelSenior, "Dan": authz.LevelDirector, "Sid": authz.LevelSeniorDirector, "Rea": authz.LevelReader,
	} {
		mail, crmID := strings.ToLower(name)+"@example.com", "005"+name
		p := team.Person{ID: "usr_" + name, CRMID: &crmID, Name: name, NameKey: name, Email: mail, EmailKey: mail, Level: level, Active: true, PasswordHash: mail, Version: 1}
		f.tx(func(tx *db.Tx) error {
			p.CreatedAt, p.UpdatedAt = tx.Now(), tx.Now()
			return db.Insert(t.Context(), tx, "person", &p)
		})
	}
	return f
}

func (f *fixture) tx(fn func(tx *db.Tx) error) {
	f.t.Helper()
	if err := f.db.InTx(f.t.Context(), f.clock, fn); err != nil {
		f.t.Fatal(err)
	}
}

// as gives a context in which somebody of the team acts.
func (f *fixture) as(name string) context.Context {
	f.t.Helper()
	a, err := team.ActorOf(f.t.Context(), f.db, "usr_"+name)
	if err != nil {
		f.t.Fatal(err)
	}
	return authz.With(f.t.Context(), a)
}

// deal is an open deal of USD 10,000 that edit makes what it is, read from
// Salesforce as the flow does.
func (f *fixture) deal(name string, edit func(o *opportunity.Opportunity)) opportunity.Opportunity {
	f.t.Helper()
	minor := int64(1_000_000)
	o := opportunity.Opportunity{
		CRMID: "006" + name, Name: name, AccountCRMID: "001" + name, AccountName: "Acme", Stage: "3-Technical Evaluation", Type: "New Business",
		Currency: "USD", AmountMinor: &minor, OwnerCRMID: "005Own", OwnerName: "Olga",
	}
	edit(&o)
	return f.read(o)
}

// read has Salesforce say that a deal is so.
func (f *fixture) read(o opportunity.Opportunity) opportunity.Opportunity {
	f.t.Helper()
	f.serial++
	o.CRMModstamp = f.clock.Now().Add(time.Duration(f.serial) * time.Second)
	f.tx(func(tx *db.Tx) error {
		ctx := f.t.Context()
		changed, err := opportunity.Import(ctx, tx, []opportunity.Opportunity{o})
		if err != nil {
			return err
		}
		o = changed[0]
		m, err := f.opps.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		touched, err := opportunity.Decide(ctx, tx, m, changed)
		if err != nil {
			return err
		}
		if len(touched) > 0 {
			return f.opps.Changed(ctx, tx, touched)
		}
		return f.Check(ctx, tx, changed)
	})
	return o
}

// work has the engine do all that is due, and the routes looked at after.
func (f *fixture) work(o opportunity.Opportunity) {
	f.t.Helper()
	for _, r := range f.all(o) {
		if err := f.regs.Advance(f.t.Context(), r.ID); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.CheckDeal(f.t.Context(), o.ID); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) all(o opportunity.Opportunity) []registration.Registration {
	f.t.Helper()
	have, err := registration.ByOpportunities(f.t.Context(), f.db, []string{o.ID})
	if err != nil {
		f.t.Fatal(err)
	}
	return have[o.ID]
}

func (f *fixture) reg(o opportunity.Opportunity, c cloud.Cloud) registration.Registration {
	f.t.Helper()
	for _, r := range f.all(o) {
		if r.Cloud == c {
			return r
		}
	}
	f.t.Fatalf("%s is not to be registered with %s", o.Name, c)
	return registration.Registration{}
}

// one gives the only conflict of a deal.
func (f *fixture) one(o opportunity.Opportunity) Conflict {
	f.t.Helper()
	list, err := f.Of(f.as("Rea"), o.ID)
	if err != nil || len(list) != 1 {
		f.t.Fatalf("%d conflicts of %s, %v", len(list), o.Name, err)
	}
	return list[0]
}

func (f *fixture) none(o opportunity.Opportunity) {
	f.t.Helper()
	if list, err := f.Of(f.as("Rea"), o.ID); err != nil || len(list) != 0 {
		f.t.Fatalf("%s has the conflicts %+v, %v", o.Name, list, err)
	}
}

// rules puts other rules in force and has all deals looked at, as the job does.
func (f *fixture) rules(edit func(r *Rule)) {
	f.t.Helper()
	list, row, err := f.Rules(f.as("Rea"))
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range list {
		edit(&list[i])
	}
	if err := f.SetRules(f.as("Dan"), list, row.Version); err != nil {
		f.t.Fatal(err)
	}
	if err := f.CheckAll(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// history gives the kinds of a conflict's lines, the oldest first.
func (f *fixture) history(c Conflict) string {
	f.t.Helper()
	list, err := linesOf(f.t.Context(), f.db, c.ID)
	if err != nil {
		f.t.Fatal(err)
	}
	out := ""
	for _, l := range list {
		out = strings.TrimSpace(l.Kind + "/" + l.ActorName + " " + out)
	}
	return out
}

func (f *fixture) log(c Conflict) string {
	f.t.Helper()
	list, err := audit.Of(f.t.Context(), f.db, c.ID, 50)
	if err != nil {
		f.t.Fatal(err)
	}
	out := ""
	for _, e := range list {
		out = strings.TrimSpace(e.Action + "/" + e.ActorName + " " + out)
	}
	return out
}

func (f *fixture) fails(err error, k problem.Kind, code string) {
	f.t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Kind != k || code != "" && p.Code != code {
		f.t.Fatalf("got %v, want %s %s", err, k, code)
	}
}
