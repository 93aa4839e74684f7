package bulk

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
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

const pathStage = "Life.Stage"

// partner is a portal in memory whose deals have a stage and an assignee. It
// approves what it gets, locks the stage of a record whose status is "In review",
// and takes nothing of a deal that is called "Bad".
type partner struct {
	registration.Portal // what is not needed

	mu       sync.Mutex
	records  map[string]registration.Values
	status   map[string]string
	version  map[string]int
	assigned []string         // "O1 Ada", in the order of the calls
	refuses  map[string]error // what an assignment to a record is answered
}

func (p *partner) Cloud() cloud.Cloud { return cloud.AWS }
func (p *partner) StageField() string { return pathStage }
func (p *partner) Stages() []string {
	return []string{"Prospect", "Qualified", "Committed", "Launched"}
}
func (p *partner) ChangedAt(string) time.Time { return time.Time{} }

func (p *partner) Check(d registration.Deal) registration.Findings {
	if strings.HasPrefix(d.Opportunity.Name, "Bad") {
		return registration.Findings{{Rule: "name", Field: "Name", Label: "Name", Severity: registration.SeverityError, Message: "No bad names"}}
	}
	return nil
}

func (p *partner) Locked(status, _, path string) registration.Lock {
	if status == "In review" && path == pathStage {
		return registration.Lock{Locked: true, Reason: "The partner reviews it", Until: "until the review ends"}
	}
	return registration.Lock{}
}

func (p *partner) CheckChanges(registration.Deal, json.RawMessage, registration.Values) (registration.Findings, error) {
	return nil, nil
}

func (p *partner) Fields() []registration.FieldInfo {
	return []registration.FieldInfo{{Path: pathStage, Label: "Stage", Owner: registration.OwnerAsk, Becomes: map[string]registration.State{`"Launched"`: registration.StateLaunched}}}
}

func (p *partner) Ours(registration.Deal) registration.Values {
	return registration.Values{pathStage: `"Prospect"`}
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
	return registration.Remote{ID: id, Version: fmt.Sprint("v", p.version[id]), Status: p.status[id], State: registration.StateApproved, Record: record}
}

func (p *partner) Create(_ context.Context, payload json.RawMessage, _ string) (registration.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := fmt.Sprint("O", len(p.records)+1)
	var v registration.Values
	if err := json.Unmarshal(payload, &v); err != nil {
		return registration.Remote{}, err
	}
	p.records[id], p.version[id], p.status[id] = v, 1, "Approved"
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

func (p *partner) CheckAssignee(to opportunity.Member) string {
	if to.Email == "" {
		return "The assignee needs an e-mail address"
	}
	return ""
}

func (p *partner) Assign(_ context.Context, id string, to opportunity.Member) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.refuses[id]; err != nil {
		return err
	}
	p.assigned = append(p.assigned, id+" "+to.Name)
	return nil
}

// set is a change that the partner makes.
func (p *partner) set(id, stage, status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records[id][pathStage] = jsonText(stage)
	p.status[id] = status
	p.version[id]++
}

func (p *partner) stage(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return plain(p.records[id][pathStage])
}

func (p *partner) calls() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.assigned, ", ")
}

// mortal is a clock at whose nth look from now on the process dies: the context of
// whoever looks ends, and with it the transaction that had just begun.
type mortal struct {
	*clock.Fake
	mu   sync.Mutex
	left int
	die  context.CancelFunc
}

// Now gives the time.
func (m *mortal) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left > 0 {
		if m.left--; m.left == 0 {
			m.die()
		}
	}
	return m.Fake.Now()
}

// dying gives a context that ends at the nth look at the clock, and whether it did.
func (m *mortal) dying(ctx context.Context, n int) (context.Context, func() bool) {
	ctx, die := context.WithCancel(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left, m.die = n, die
	return ctx, func() bool {
		died := ctx.Err() != nil
		m.mu.Lock()
		defer m.mu.Unlock()
		m.left = 0
		die()
		return died
	}
}

type fixture struct {
	*Service
	p         *partner
	opps      *opportunity.Service
	regs      *registration.Service
	approvals *approval.Service
	db        *db.DB
	clock     *mortal
	planned   []string
	who       map[string]authz.Actor
	serial    int
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

func newFixture(t *testing.T, d *db.DB) *fixture {
	t.Helper()
	c := &mortal{Fake: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	p := &partner{records: map[string]registration.Values{}, status: map[string]string{}, version: map[string]int{}, refuses: map[string]error{}}
	f := &fixture{p: p, db: d, clock: c, who: map[string]authz.Actor{}, opps: opportunity.NewService(d, c), regs: registration.NewService(d, c, []registration.Portal{p}, registration.DefaultPace)}
	acts, people := activity.NewService(d, c), team.NewService(d, c)
	f.regs.Happened = acts.OnRegistration
	f.approvals = approval.NewService(d, c, f.opps, f.regs, acts)
	f.Service = NewService(d, c, f.opps, f.regs, f.approvals, attention.NewService(d, c, f.regs, f.approvals, acts, tagging.NewService(d, c, f.opps)), people)
	f.Plan = func(_ context.Context, _ *db.Tx, runID string) error {
		f.planned = append(f.planned, runID)
		return nil
	}
	for name, level := range map[string]authz.Level{"Ann": authz.LevelAssociate, "Sue": authz.LevelSenior, "Dan": authz.LevelDirector, "Rea": authz.LevelReader} {
		mail := strings.ToLower(name) + "@example.com"
		who := team.Person{ID: "usr_" + name, Name: name, NameKey: name, Email: mail, EmailKey: mail, Level: level, Active: true, PasswordHash: mail, Version: 1}
		f.tx(t, func(tx *db.Tx) error {
			who.CreatedAt, who.UpdatedAt = tx.Now(), tx.Now()
			return db.Insert(t.Context(), tx, "person", &who)
		})
		f.who[name] = who.Actor()
	}
	return f
}

func (f *fixture) tx(t *testing.T, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := f.db.InTx(t.Context(), f.clock, fn); err != nil {
		t.Fatal(err)
	}
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

// joint stores an open opportunity that is joint with AWS and not registered.
func (f *fixture) joint(t *testing.T, name string) opportunity.Opportunity {
	t.Helper()
	f.serial++
	amount := int64(1000_00)
	o := opportunity.Opportunity{
		CRMID: fmt.Sprint("006", f.serial), Name: name, AccountCRMID: "001" + name, AccountName: "Acme", Stage: "3-Technical Evaluation", Currency: "USD", AmountMinor: &amount,
		CRMModstamp: f.clock.Now().Add(time.Duration(f.serial) * time.Second),
	}
	f.tx(t, func(tx *db.Tx) error {
		made, err := opportunity.Import(t.Context(), tx, []opportunity.Opportunity{o})
		if err == nil {
			o = made[0]
		}
		return err
	})
	yes := true
	if err := f.opps.MarkJoint(f.as(t, "Sue"), o.ID, cloud.AWS, &yes, "we know them"); err != nil {
		t.Fatal(err)
	}
	return o
}

// registered stores deals that the partner has approved, as O1, O2 and so on, and
// gives their ids.
func (f *fixture) registered(t *testing.T, n int) []string {
	t.Helper()
	var ids []string
	for range n {
		o := f.joint(t, fmt.Sprint("Deal ", f.serial+1))
		r, _, err := f.regs.Register(f.as(t, "Dan"), o.ID, cloud.AWS, false)
		if err != nil {
			t.Fatal(err)
		}
		f.advance(t, o.ID)
		if r = f.reg(t, o.ID); r.State != registration.StateApproved {
			t.Fatalf("%s: %s %s", r.State, r.Reason, r.Error)
		}
		ids = append(ids, o.ID)
	}
	return ids
}

// reg gives the deal's registration.
func (f *fixture) reg(t *testing.T, opportunityID string) registration.Registration {
	t.Helper()
	have, err := registration.ByOpportunities(t.Context(), f.db, []string{opportunityID})
	if err != nil || len(have[opportunityID]) != 1 {
		t.Fatalf("%d registrations, %v", len(have[opportunityID]), err)
	}
	return have[opportunityID][0]
}

// advance has the engine do what is due of the deals.
func (f *fixture) advance(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := f.regs.Advance(t.Context(), f.reg(t, id).ID); err != nil {
			t.Fatal(err)
		}
	}
}

// look has the engine read the deals anew.
func (f *fixture) look(t *testing.T, ids ...string) {
	t.Helper()
	f.clock.Advance(registration.DefaultPace.Refresh + time.Hour)
	f.advance(t, ids...)
}

func (f *fixture) stages(ids []string) string {
	var out []string
	for i := range ids {
		out = append(out, f.p.stage(fmt.Sprint("O", i+1)))
	}
	return strings.Join(out, " ")
}

// edits counts what people did to a deal's registration, by the audit log.
func (f *fixture) edits(t *testing.T, opportunityID string) int {
	t.Helper()
	list, err := audit.Of(t.Context(), f.db, f.reg(t, opportunityID).ID, 100)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if e.Action != "registration.register" {
			n++
		}
	}
	return n
}

// told counts the events of a kind on a deal's timeline.
func (f *fixture) told(t *testing.T, opportunityID, kind string) int64 {
	t.Helper()
	n, err := db.Get[int64](t.Context(), f.db, `SELECT count(*) FROM activity WHERE opportunity_id = ? AND kind = ?`, opportunityID, kind)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// stored gives the only run that there is, or ok false.
func (f *fixture) stored(t *testing.T) (r Run, ok bool) {
	t.Helper()
	ids, err := db.Select[string](t.Context(), f.db, `SELECT id FROM bulk_run`)
	if err != nil || len(ids) > 1 {
		t.Fatalf("%d runs, %v", len(ids), err)
	}
	if len(ids) == 0 {
		return Run{}, false
	}
	if r, err = byID(t.Context(), f.db, ids[0]); err != nil {
		t.Fatal(err)
	}
	return r, true
}

func outcomes(rows []Row) string {
	var out []string
	for _, r := range rows {
		out = append(out, string(r.Outcome))
	}
	return strings.Join(out, " ")
}

func (f *fixture) do(t *testing.T, name string, a Ask) Run {
	t.Helper()
	r, err := f.Do(f.as(t, name), a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fails(t *testing.T, err error, k problem.Kind, code string) {
	t.Helper()
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind != k || code != "" && p.Code != code {
		t.Fatalf("got %v, want %s %s", err, k, code)
	}
}
