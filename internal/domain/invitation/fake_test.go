package invitation

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
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
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// sender is a portal in memory. A fault is how the next call of an operation ends:
// "before" refuses it unheard, "after" loses the answer of what was done, "no" is
// a refusal for good, "task" lets its task end in failure.
type sender struct {
	mu     sync.Mutex
	now    func() time.Time
	offers map[string]*offer
	tasks  map[string]*Task // by token
	ofTask map[string]string
	made   int
	faults map[string][]string
	calls  []string
	slow   bool // tasks run until finish
}

type offer struct {
	Remote
	opp string
}

func (p *sender) refer(kind Kind) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := fmt.Sprintf("engi-%d", len(p.offers)+1)
	o := &offer{Remote: Remote{
		Summary: Summary{RemoteID: id, Kind: kind, Status: StatusPending, RemoteStatus: "PENDING", Title: "Platform " + id, SenderName: "AWS", EngagementID: "eng-" + id, SentAt: p.now(), ExpiresAt: p.now().Add(15 * day)},
		Message: "Please", CustomerName: "Amber Foods", CustomerCountry: "DE", Facts: []Fact{{"Customer", "Customer.CompanyName", "Amber Foods"}},
		Hidden: []Fact{{Label: "Street", Path: "Address.StreetAddress"}}, Raw: json.RawMessage(`{"Id":"` + id + `"}`),
	}}
	p.offers[id] = o
	return id
}

func (p *sender) call(op string, act func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, op)
	fault := ""
	if list := p.faults[op]; len(list) > 0 {
		fault, p.faults[op] = list[0], list[1:]
	}
	remote := problem.Remote{System: "aws", Operation: op, Code: "Fault", Retry: problem.RetryUnsure}
	switch fault {
	case "before":
		return problem.FromRemote(remote, "no answer", nil)
	case "no":
		remote.Retry = problem.RetryHuman
		return problem.FromRemote(remote, "refused", nil)
	case "after":
		if err := act(); err != nil {
			return err
		}
		return problem.FromRemote(remote, "no answer", nil)
	}
	return act()
}

func (p *sender) took() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.calls, " ")
	p.calls = nil
	return s
}

func (p *sender) Cloud() cloud.Cloud { return cloud.AWS }

func (p *sender) List(_ context.Context, pending bool) iter.Seq2[Summary, error] {
	var rows []Summary
	err := p.call("List", func() error {
		for _, id := range slices.Sorted(maps.Keys(p.offers)) {
			o := p.offers[id]
			p.expire(o)
			if !pending || o.Status == StatusPending {
				rows = append(rows, o.Summary)
			}
		}
		return nil
	})
	return func(yield func(Summary, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(Summary{}, err)
		}
	}
}

func (p *sender) expire(o *offer) {
	if o.Status == StatusPending && !o.ExpiresAt.After(p.now()) {
		o.Status, o.RemoteStatus = StatusExpired, "EXPIRED"
	}
}

func (p *sender) Get(_ context.Context, id string) (r Remote, err error) {
	err = p.call("Get", func() error {
		o, ok := p.offers[id]
		if !ok {
			return problem.NotFound("invitation", id)
		}
		p.expire(o)
		r = o.Remote
		if r.Status == StatusAccepted {
			r.Hidden = nil
		}
		return nil
	})
	return r, err
}

func (p *sender) answer(id string, s Status) error {
	o, ok := p.offers[id]
	if !ok {
		return problem.NotFound("invitation", id)
	}
	p.expire(o)
	if o.Status != StatusPending {
		return &problem.Error{Kind: problem.KindPrecondition, Code: "answered", Message: "It is " + o.RemoteStatus}
	}
	o.Status, o.RemoteStatus = s, strings.ToUpper(string(s))
	return nil
}

func (p *sender) Accept(_ context.Context, id string, kind Kind, token string) (t Task, err error) {
	err = p.call("Accept", func() error {
		if kind == KindLead {
			t = Task{Done: true}
			return p.answer(id, StatusAccepted)
		}
		return p.start(token, id, &t, func() (string, error) { return id, p.answer(id, StatusAccepted) })
	})
	return t, err
}

func (p *sender) start(token, about string, out *Task, begin func() (string, error)) error {
	if t, ok := p.tasks[token]; ok {
		*out = *t
		return nil
	}
	id, err := begin()
	if err != nil {
		return err
	}
	t := &Task{ID: fmt.Sprintf("task-%d", len(p.tasks)+1)}
	p.tasks[token], p.ofTask[t.ID] = t, about
	if list := p.faults["task"]; len(list) > 0 {
		p.faults["task"] = list[1:]
		t.Failed, t.Reason = true, "ResourceSnapshotJobValidationFailed: no role"
		p.offers[id].Status, p.offers[id].RemoteStatus = StatusPending, "PENDING"
	} else if !p.slow {
		p.finish(t)
	}
	*out = *t
	return nil
}

func (p *sender) finish(t *Task) {
	p.made++
	t.Done, t.RemoteOppID = true, fmt.Sprintf("O%d", p.made)
	if o := p.offers[p.ofTask[t.ID]]; o != nil {
		o.opp = t.RemoteOppID
	}
}

func (p *sender) task(op, about, id string) (t Task, found bool, err error) {
	err = p.call(op, func() error {
		for _, x := range p.tasks {
			if p.ofTask[x.ID] == about && (x.ID == id || id == "" && !x.Failed) {
				if p.slow && !x.Done {
					p.finish(x)
				}
				t, found = *x, true
			}
		}
		return nil
	})
	return t, found, err
}

func (p *sender) AcceptTask(_ context.Context, remoteID, id string) (Task, bool, error) {
	return p.task("AcceptTask", remoteID, id)
}

func (p *sender) Reject(_ context.Context, id, reason string) error {
	return p.call("Reject", func() error {
		if err := p.answer(id, StatusRejected); err != nil {
			return err
		}
		p.offers[id].Rejection = reason
		return nil
	})
}

func (p *sender) Rejections() []string { return []string{"Unable to support", "Other"} }

func (p *sender) Lead(context.Context, string) (c string, err error) {
	return "1", p.call("Lead", func() error { return nil })
}

func (p *sender) Convert(_ context.Context, engagementID, _, token string) (t Task, err error) {
	id := strings.TrimPrefix(engagementID, "eng-")
	err = p.call("Convert", func() error {
		return p.start(token, "lead "+id, &t, func() (string, error) { return id, nil })
	})
	return t, err
}

func (p *sender) ConvertTask(_ context.Context, engagementID, _, taskID string) (Task, bool, error) {
	return p.task("ConvertTask", "lead "+strings.TrimPrefix(engagementID, "eng-"), taskID)
}

func (p *sender) Made(_ context.Context, engagementID string) (id string, err error) {
	err = p.call("Made", func() error {
		if o := p.offers[strings.TrimPrefix(engagementID, "eng-")]; o != nil {
			id = o.opp
		}
		return nil
	})
	return id, err
}

func (p *sender) Opportunity(_ context.Context, id string) (o Opportunity, err error) {
	err = p.call("Opportunity", func() error {
		o = Opportunity{RemoteID: id, Facts: []Fact{{"Customer", "Customer.Account.CompanyName", "Amber Foods GmbH"}, {"Street", "…", "Lindenweg 3"}}, Raw: json.RawMessage(`{"Id":"` + id + `"}`)}
		return nil
	})
	return o, err
}

func (p *sender) Draft(i *Invitation, stages []string) ([]Drafted, error) {
	out := []Drafted{
		{Field: FieldName, Value: i.Name(), From: "Project.Title"},
		{Field: FieldCloseOn, Value: "2027-03-31", From: "LifeCycle.TargetCloseDate"},
		{Field: FieldNextSteps, Value: "Call them", From: "LifeCycle.NextSteps"},
		{Field: "account.name", Value: i.CustomerName, From: "Customer.CompanyName"},
		{Field: "account.website", Value: "https://www.amber.example/de", From: "Customer.WebsiteUrl"},
	}
	if len(stages) > 0 {
		out = append(out, Drafted{Field: FieldStage, Value: stages[0], From: "LifeCycle.Stage"})
	}
	return out, nil
}

// crm is Salesforce in memory. Faults are those of sender, and "rule" is the refusal
// of a rule of the organisation.
type crm struct {
	mu     sync.Mutex
	now    func() time.Time
	byKey  map[string]string
	rows   map[string]map[string]string
	faults map[string][]string
	calls  []string
	absent bool // the organisation has no field for the key
}

func (c *crm) call(op string, act func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, op)
	fault := ""
	if list := c.faults[op]; len(list) > 0 {
		fault, c.faults[op] = list[0], list[1:]
	}
	err := problem.FromRemote(problem.Remote{System: "salesforce", Operation: op, Code: "Fault", Retry: problem.RetrySoon}, "no answer", nil)
	switch fault {
	case "before":
		return err
	case "rule":
		err = problem.FromRemote(problem.Remote{System: "salesforce", Operation: op, Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Retry: problem.RetryHuman}, "Say what comes next", nil)
		err.Fields = []problem.Field{{Field: FieldNextSteps, Code: "field_custom_validation_exception", Message: "Say what comes next"}}
		return err
	}
	act()
	if fault == "after" {
		return err
	}
	return nil
}

func (c *crm) NewOpportunityFields(context.Context) ([]NewField, error) {
	if c.absent {
		return nil, problem.Conflict("field_missing", "Salesforce has no field CoSell_Origin_Key__c")
	}
	stages := []string{"0-Pending Acceptance", "1-Discovery", "2-Scoping"}
	return []NewField{
		{Name: FieldName, CRMField: "Opportunity.Name", Label: "Name", Input: registration.InputText, Required: true, Length: 20},
		{Name: FieldAccount, CRMField: "Opportunity.AccountId", Label: "Account", Required: true},
		{Name: FieldStage, CRMField: "Opportunity.StageName", Label: "Stage", Input: registration.InputChoice, Required: true, Options: stages, Strict: true},
		{Name: FieldCloseOn, CRMField: "Opportunity.CloseDate", Label: "Close date", Input: registration.InputDate, Required: true},
		{Name: FieldOwner, CRMField: "Opportunity.OwnerId", Label: "Owner"},
		{Name: FieldNextSteps, CRMField: "Opportunity.NextStep", Label: "Next step", Input: registration.InputText},
	}, nil
}

func (c *crm) MadeOpportunity(_ context.Context, key string) (id string, err error) {
	err = c.call("Made", func() { id = c.byKey[key] })
	return id, err
}

func (c *crm) MakeOpportunity(_ context.Context, key string, values map[string]string) (id string, err error) {
	err = c.call("Make", func() {
		if id = c.byKey[key]; id == "" {
			id = fmt.Sprintf("006%d", len(c.byKey)+1)
		}
		c.byKey[key], c.rows[id] = id, values
	})
	return id, err
}

func (c *crm) Opportunity(_ context.Context, id string) (o opportunity.Opportunity, err error) {
	err = c.call("Read", func() {
		v := c.rows[id]
		o = opportunity.Opportunity{CRMID: id, Name: v[FieldName], Stage: v[FieldStage], AccountCRMID: v[FieldAccount], CRMModstamp: c.now()}
		for key, x := range c.byKey {
			if x == id {
				o.OriginKey = key
			}
		}
	})
	return o, err
}

func (c *crm) took() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := strings.Join(c.calls, " ")
	c.calls = nil
	return s
}

type fixture struct {
	*Service
	p     *sender
	regs  *registration.Service
	apprs *approval.Service
	crm   *crm
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
	woken []string
}

var pace = Pace{Task: 2 * time.Second, Retry: 5 * time.Second, Max: 15 * time.Minute}

func as(ctx context.Context, l authz.Level) context.Context {
	return authz.With(ctx, authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: l})
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		f := &fixture{db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
		f.p = &sender{now: f.clock.Now, offers: map[string]*offer{}, tasks: map[string]*Task{}, ofTask: map[string]string{}, faults: map[string][]string{}}
		f.ctx = as(t.Context(), authz.LevelABDM)
		f.regs = registration.NewService(d, f.clock, nil, registration.DefaultPace)
		f.apprs = approval.NewService(d, f.clock, opportunity.NewService(d, f.clock), f.regs, activity.NewService(d, f.clock))
		f.Service = NewService(d, f.clock, []Portal{f.p}, f.regs, f.apprs, pace)
		f.crm = &crm{now: f.clock.Now, byKey: map[string]string{}, rows: map[string]map[string]string{}, faults: map[string][]string{}}
		f.CRM = f.crm
		f.Wake = func(_ context.Context, _ *db.Tx, id string) error { f.woken = append(f.woken, id); return nil }
		test(t, f)
	})
}

// person stores somebody who can sign in, and gives a context in which they act.
func (f *fixture) person(t *testing.T, name string, l authz.Level) context.Context {
	t.Helper()
	mail := strings.ToLower(name) + "@example.com"
	p := team.Person{ID: "usr_" + name, Name: name, NameKey: name, Email: mail, EmailKey: mail, Level: l, Active: true, PasswordHash: mail, Version: 1}
	err := f.db.InTx(t.Context(), f.clock, func(tx *db.Tx) error {
		p.CreatedAt, p.UpdatedAt = tx.Now(), tx.Now()
		return db.Insert(t.Context(), tx, "person", &p)
	})
	if err != nil {
		t.Fatal(err)
	}
	return authz.With(t.Context(), p.Actor())
}

// done is the invitation of a wish that was done, which it has to be.
func done(t *testing.T) func(Result, error) Invitation {
	return func(r Result, err error) Invitation {
		t.Helper()
		if err != nil || r.Waiting != nil {
			t.Fatalf("%+v, %v", r.Waiting, err)
		}
		return r.Invitation
	}
}

// asked is the request that a wish became, which it has to.
func asked(t *testing.T) func(Result, error) approval.Request {
	return func(r Result, err error) approval.Request {
		t.Helper()
		if err != nil || r.Waiting == nil {
			t.Fatalf("%+v, %v", r, err)
		}
		return *r.Waiting
	}
}

// offered refers one invitation and follows the portal's list.
func (f *fixture) offered(t *testing.T, kind Kind) Invitation {
	t.Helper()
	f.p.refer(kind)
	return f.follow(t, false)
}

func (f *fixture) follow(t *testing.T, full bool) Invitation {
	t.Helper()
	if _, err := f.Follow(f.ctx, cloud.AWS, full); err != nil {
		t.Fatal(err)
	}
	p, err := f.List(f.ctx, Query{})
	if err != nil || len(p.Rows) == 0 {
		t.Fatal(p.Rows, err)
	}
	return p.Rows[0]
}

func (f *fixture) get(t *testing.T, id string) Invitation {
	t.Helper()
	i, err := f.Get(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// run advances until nothing is due within a minute of waiting.
func (f *fixture) run(t *testing.T, id string) Invitation {
	t.Helper()
	for range 12 {
		if err := f.Advance(f.ctx, id); err != nil {
			t.Fatal(err)
		}
		i := f.get(t, id)
		if i.DueAt.IsZero() || i.DueAt.After(f.clock.Now().Add(time.Minute)) {
			return i
		}
		f.clock.Set(i.DueAt)
	}
	return f.get(t, id)
}

func (f *fixture) told(t *testing.T, id string) string {
	t.Helper()
	list, err := f.Events(f.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range slices.Backward(list) {
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

func (f *fixture) want(t *testing.T, i Invitation, s State) Invitation {
	t.Helper()
	if i.State != s {
		t.Fatalf("%s (%s, %s), want %s", i.State, i.Reason, i.Error, s)
	}
	return i
}

// deal puts an opportunity of Salesforce into the mirror.
func (f *fixture) deal(t *testing.T, crmID string) opportunity.Opportunity {
	t.Helper()
	var out []opportunity.Opportunity
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		var err error
		out, err = opportunity.Import(f.ctx, tx, []opportunity.Opportunity{{CRMID: crmID, Name: "Deal " + crmID, Stage: "3-Technical Evaluation", CRMModstamp: f.clock.Now()}})
		return err
	})
	if err != nil || len(out) != 1 {
		t.Fatal(out, err)
	}
	return out[0]
}
