package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

const (
	pathSteps = "Life.Steps"
	pathStage = "Life.Stage"
)

// partner is a portal in memory with two fields, that approves what it gets.
type partner struct {
	registration.Portal // what is not needed

	mu      sync.Mutex
	creates int
	records map[string]registration.Values
	version map[string]int
}

func (p *partner) Cloud() cloud.Cloud                            { return cloud.AWS }
func (p *partner) Check(registration.Deal) registration.Findings { return nil }
func (p *partner) ChangedAt(string) time.Time                    { return time.Time{} }
func (p *partner) Locked(string, string, string) registration.Lock {
	return registration.Lock{}
}

func (p *partner) CheckChanges(_ registration.Deal, _ json.RawMessage, changes registration.Values) (registration.Findings, error) {
	if changes[pathSteps] == `"bad"` {
		return registration.Findings{{Rule: "steps", Field: pathSteps, Severity: registration.SeverityError, Message: "No bad steps", Mend: "Write good ones"}}, nil
	}
	return nil, nil
}

func (p *partner) Fields() []registration.FieldInfo {
	return []registration.FieldInfo{
		{Path: pathSteps, Label: "Next steps", Owner: registration.OwnerAsk},
		{Path: pathStage, Label: "Stage", Owner: registration.OwnerAsk, Becomes: map[string]registration.State{`"Launched"`: registration.StateLaunched, `"Closed Lost"`: registration.StateClosedLost}},
	}
}

func (p *partner) Ours(d registration.Deal) registration.Values {
	out := registration.Values{}
	for path, s := range map[string]string{pathSteps: d.Opportunity.NextSteps, pathStage: "Prospect"} {
		if s != "" {
			out[path] = `"` + s + `"`
		}
	}
	return out
}

func (p *partner) Theirs(record json.RawMessage) (registration.Values, error) {
	out := registration.Values{}
	return out, json.Unmarshal(record, &out)
}

func (p *partner) Payload(d registration.Deal) (json.RawMessage, error) {
	return json.Marshal(p.Ours(d))
}

func (p *partner) remote(id string) registration.Remote {
	record, err := json.Marshal(p.records[id])
	if err != nil {
		panic(err)
	}
	return registration.Remote{ID: id, Version: fmt.Sprint("v", p.version[id]), Status: "Approved", State: registration.StateApproved, Record: record}
}

func (p *partner) Create(_ context.Context, payload json.RawMessage, _ string) (registration.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.creates++
	id := fmt.Sprint("O", p.creates)
	var v registration.Values
	if err := json.Unmarshal(payload, &v); err != nil {
		return registration.Remote{}, err
	}
	p.records[id], p.version[id] = v, 1
	return p.remote(id), nil
}

func (p *partner) Find(context.Context, registration.Deal) (*registration.Remote, error) {
	return nil, nil
}

func (p *partner) Submit(_ context.Context, id, _ string) (registration.Task, error) {
	return registration.Task{ID: "T" + id}, nil
}

func (p *partner) TaskStatus(context.Context, string) (registration.Task, error) {
	return registration.Task{ID: "T", Done: true}, nil
}

func (p *partner) Read(_ context.Context, id string) (registration.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remote(id), nil
}

func (p *partner) Update(_ context.Context, id string, _ json.RawMessage, changes registration.Values) (registration.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for path, v := range changes {
		p.records[id][path] = v
	}
	p.version[id]++
	return p.remote(id), nil
}

// set is a change that the partner makes.
func (p *partner) set(id, path, value string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[id][path] = value
	p.version[id]++
}

type fixture struct {
	*Service
	p      *partner
	opps   *opportunity.Service
	regs   *registration.Service
	people *team.Service
	db     *db.DB
	clock  *clock.Fake
	woken  []string
	who    map[string]authz.Actor
	serial int
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

func newFixture(t *testing.T, d *db.DB) *fixture {
	t.Helper()
	c := clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	f := &fixture{p: &partner{records: map[string]registration.Values{}, version: map[string]int{}}, db: d, clock: c, who: map[string]authz.Actor{}}
	f.opps, f.people = opportunity.NewService(d, c), team.NewService(d, c)
	f.regs = registration.NewService(d, c, []registration.Portal{f.p}, registration.DefaultPace)
	acts := activity.NewService(d, c)
	f.regs.Happened = acts.OnRegistration
	f.regs.Wake = func(_ context.Context, _ *db.Tx, ids ...string) error { f.woken = append(f.woken, ids...); return nil }
	f.opps.Changed = func(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
		m, err := f.opps.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		return f.regs.Reconsider(ctx, tx, m, list)
	}
	f.Service = NewService(d, c, f.opps, f.regs, acts)
	for name, level := range map[string]authz.Level{
		"Ann": authz.LevelAssociate, "Ash": authz.LevelAssociate, "Abe": authz.LevelABDM, "Sue": authz.LevelSenior,
		"Dan": authz.LevelDirector, "Sid": authz.LevelSeniorDirector, "Rea": authz.LevelReader,
	} {
		mail := strings.ToLower(name) + "@example.com"
		p := team.Person{ID: "usr_" + name, Name: name, NameKey: name, Email: mail, EmailKey: mail, Level: level, Active: true, PasswordHash: mail, Version: 1}
		err := d.InTx(t.Context(), c, func(tx *db.Tx) error {
			p.CreatedAt, p.UpdatedAt = tx.Now(), tx.Now()
			return db.Insert(t.Context(), tx, "person", &p)
		})
		if err != nil {
			t.Fatal(err)
		}
		f.who[name] = p.Actor()
	}
	return f
}

// as gives a context in which somebody of the team acts.
func (f *fixture) as(t *testing.T, name string) context.Context {
	t.Helper()
	a, ok := f.who[name]
	if !ok {
		t.Fatalf("nobody is called %s", name)
	}
	return authz.With(t.Context(), a)
}

// deal stores an opportunity in US dollars; nil for no amount.
func (f *fixture) deal(t *testing.T, name string, usd *int64) opportunity.Opportunity {
	t.Helper()
	o := opportunity.Opportunity{
		CRMID: "006" + name, Name: name, AccountCRMID: "001" + name, AccountName: "Acme", Stage: "3-Technical Evaluation", Description: "They need it.",
		NextSteps: "Call", Currency: "USD",
	}
	if usd != nil {
		minor := *usd * 100
		o.AmountMinor = &minor
	}
	return f.store(t, o)
}

func (f *fixture) store(t *testing.T, o opportunity.Opportunity) opportunity.Opportunity {
	t.Helper()
	f.serial++
	o.CRMModstamp = f.clock.Now().Add(time.Duration(f.serial) * time.Second)
	err := f.db.InTx(t.Context(), f.clock, func(tx *db.Tx) error {
		changed, err := opportunity.Import(t.Context(), tx, []opportunity.Opportunity{o})
		if err != nil {
			return err
		}
		o = changed[0]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// joint has the deal stand as joint with AWS, not yet registered.
func (f *fixture) joint(t *testing.T, o opportunity.Opportunity) {
	t.Helper()
	changed := f.opps.Changed
	f.opps.Changed = func(context.Context, *db.Tx, []opportunity.Opportunity) error { return nil }
	defer func() { f.opps.Changed = changed }()
	yes := true
	if err := f.opps.MarkJoint(f.as(t, "Sue"), o.ID, cloud.AWS, &yes, "we know them"); err != nil {
		t.Fatal(err)
	}
}

// registered takes the deal all the way to the portal.
func (f *fixture) registered(t *testing.T, o opportunity.Opportunity) registration.Registration {
	t.Helper()
	f.joint(t, o)
	r, _, err := f.regs.Register(f.as(t, "Dan"), o.ID, cloud.AWS, false)
	if err != nil {
		t.Fatal(err)
	}
	f.advance(t, r.ID)
	r = f.reg(t, o.ID)
	if r.State != registration.StateApproved {
		t.Fatalf("%s: %s %s", r.State, r.Reason, r.Error)
	}
	return r
}

func (f *fixture) advance(t *testing.T, registrationID string) {
	t.Helper()
	if err := f.regs.Advance(t.Context(), registrationID); err != nil {
		t.Fatal(err)
	}
}

// look has the engine read the portal now.
func (f *fixture) look(t *testing.T, r registration.Registration) {
	t.Helper()
	f.clock.Set(f.clock.Now().Add(registration.DefaultPace.Refresh + time.Hour))
	f.advance(t, r.ID)
}

// reg gives the deal's registration; the zero one when there is none.
func (f *fixture) reg(t *testing.T, opportunityID string) registration.Registration {
	t.Helper()
	r, err := standing(t.Context(), f.db, opportunityID, cloud.AWS)
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return registration.Registration{}
	}
	return *r
}

func (f *fixture) get(t *testing.T, id string) Request {
	t.Helper()
	r, err := byID(t.Context(), f.db, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// asks runs Register and wants a request.
func (f *fixture) asks(t *testing.T, name, opportunityID string) Request {
	t.Helper()
	res, err := f.Register(f.as(t, name), opportunityID, cloud.AWS)
	if err != nil || res.Waiting == nil {
		t.Fatalf("%+v, %v", res, err)
	}
	return *res.Waiting
}

// timeline gives the kinds of the deal's approval events, and checks that
// Salesforce gets none of them.
func (f *fixture) timeline(t *testing.T, opportunityID string) string {
	t.Helper()
	list, err := db.Select[string](t.Context(), f.db, `SELECT kind || '/' || crm_state || '/' || actor_name FROM activity WHERE opportunity_id = ? AND kind LIKE 'approval%' ORDER BY id`, opportunityID)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

// log gives the audit actions about a request, the oldest first.
func (f *fixture) log(t *testing.T, id string) string {
	t.Helper()
	list, err := audit.Of(t.Context(), f.db, id, 50)
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, e := range list {
		out = strings.TrimSpace(e.Action + "/" + e.ActorName + " " + out)
	}
	return out
}

func (f *fixture) fails(t *testing.T, err error, k problem.Kind, code string) {
	t.Helper()
	if !problem.Is(err, k) || !strings.Contains(codeOf(err), code) {
		t.Fatalf("got %v (%s), want %s %s", err, codeOf(err), k, code)
	}
}
