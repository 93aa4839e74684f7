package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// fault is one piece of trouble: the call acts or not (acts), and then gives err,
// dies (panics) or has its context end (cancel).
type fault struct {
	acts   bool
	err    error
	panics bool
	cancel context.CancelFunc
}

// remoteRecord is what the partner's side holds of one deal.
type remoteRecord struct {
	id, crmID, status, stage, comment string
	values                            Values
	state                             State
	version                           int
	solutions                         []string
	sellers                           Sellers
}

// partner is a small portal in memory that keeps a portal's rules: a token
// repeated gives the same answer and with another payload is refused, a deal is
// submitted once, solutions are linked before.
type partner struct {
	mu        sync.Mutex
	records   map[string]*remoteRecord
	creates   map[string][2]string // token → payload, id
	submits   map[string]string    // token → task
	tasks     map[string]Task
	taskOf    map[string]string // task → record
	taskFails bool              // the next submit's task ends in failure
	taskSlow  int               // how many looks find the next task running
	calls     []string
	trouble   func(op string) *fault // nil: none
	onCheck   func(d Deal)
	serial    int
	began     time.Time // a record's version n was made n seconds after; zero: its versions say nothing of time
}

func newPartner() *partner {
	return &partner{records: map[string]*remoteRecord{}, creates: map[string][2]string{}, submits: map[string]string{}, tasks: map[string]Task{}, taskOf: map[string]string{}}
}

func refusal(op, code string) error {
	return problem.FromRemote(problem.Remote{System: "aws", Operation: op, Code: code, Status: 400, Retry: problem.RetryHuman}, "no", nil)
}

// call runs one operation with its trouble. act is the effect.
func (p *partner) call(ctx context.Context, op string, act func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	p.calls = append(p.calls, op)
	var f *fault
	if p.trouble != nil {
		f = p.trouble(op)
	}
	if f == nil {
		return act()
	}
	if f.acts {
		if err := act(); err != nil {
			return err
		}
	}
	if f.panics {
		panic("killed in " + op)
	}
	if f.cancel != nil {
		f.cancel()
		return ctx.Err()
	}
	return f.err
}

func (p *partner) Cloud() cloud.Cloud { return cloud.AWS }

func (p *partner) Check(d Deal) Findings {
	if p.onCheck != nil {
		p.onCheck(d)
	}
	var out Findings
	if d.Opportunity.Description == "" {
		out = append(out, Finding{Rule: "aws.description", Field: "Project.CustomerBusinessProblem", Severity: SeverityError, Message: "The description is missing"})
	}
	if len(d.Solutions) == 0 {
		out = append(out, Finding{Rule: "aws.solution", Field: "RelatedEntities", Severity: SeverityWarning, Message: "No solution is chosen"})
	}
	return out
}

func (p *partner) Payload(d Deal) (json.RawMessage, error) {
	return json.Marshal(map[string]any{"crm_id": d.Opportunity.CRMID, "values": p.Ours(d)})
}

// The fields that the partner is kept true in: the first two can be written back.
const (
	pathText  = "Project.Text"
	pathSteps = "Life.Steps"
	pathStage = "Life.Stage"
	pathClose = "Life.Close"
)

func (p *partner) Fields() []FieldInfo {
	return []FieldInfo{
		{Path: pathText, Label: "Text", Owner: OwnerAsk, Writes: "opportunity.description"},
		{Path: pathSteps, Label: "Next steps", Owner: OwnerAsk, Writes: "opportunity.next_steps"},
		{Path: pathStage, Label: "Stage", Owner: OwnerAsk, Becomes: map[string]State{`"Launched"`: StateLaunched, `"Closed Lost"`: StateClosedLost}},
		{Path: pathClose, Label: "Close date", Owner: OwnerAsk},
	}
}

func (p *partner) Ours(d Deal) Values {
	out := Values{}
	for path, text := range map[string]string{pathText: d.Opportunity.Description, pathSteps: d.Opportunity.NextSteps, pathStage: d.Opportunity.Stage, pathClose: string(d.Opportunity.CloseOn)} {
		if text != "" {
			out[path] = quoted(text)
		}
	}
	return out
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

type recordText struct {
	ID     string `json:"id"`
	At     string `json:"at"`
	Values Values `json:"values"`
}

func (p *partner) Theirs(record json.RawMessage) (Values, error) {
	var r recordText
	err := json.Unmarshal(record, &r)
	return r.Values, err
}

func (p *partner) ChangedAt(version string) time.Time {
	n := 0
	if _, err := fmt.Sscanf(version, "v%d", &n); err != nil || p.began.IsZero() {
		return time.Time{}
	}
	return p.began.Add(time.Duration(n) * time.Second)
}

func (p *partner) Locked(status, _, path string) Lock {
	switch {
	case status == "Submitted" || status == "In review":
		return Lock{Locked: true, Reason: "under review", Until: "until it is reviewed"}
	case status == "Rejected":
		return Lock{Locked: true, Reason: "rejected", Until: "for good", Final: true}
	case status == "Approved" && path == pathText:
		return Lock{Locked: true, Reason: "approved with it", Until: "for good", Final: true}
	}
	return Lock{}
}

func (p *partner) CheckChanges(_ Deal, _ json.RawMessage, changes Values) (Findings, error) {
	if changes[pathSteps] == quoted("bad") {
		return Findings{{Rule: "steps", Field: pathSteps, Severity: SeverityError, Message: "No bad steps", Mend: "Write good ones"}}, nil
	}
	return nil, nil
}

func (p *partner) Update(ctx context.Context, remoteID string, record json.RawMessage, changes Values) (out Remote, err error) {
	var have recordText
	if err := json.Unmarshal(record, &have); err != nil {
		return out, err
	}
	err = p.call(ctx, "Update", func() error {
		r, ok := p.records[remoteID]
		switch {
		case !ok:
			return refusal("Update", "NotFound")
		case have.At != fmt.Sprint("v", r.version):
			return problem.Precondition("record", remoteID)
		case changes[pathSteps] == quoted("refused"):
			err := problem.FromRemote(problem.Remote{System: "aws", Operation: "Update", Code: "ValidationException", Retry: problem.RetryHuman}, "no", nil)
			err.Fields = []problem.Field{{Field: pathSteps, Code: "invalid", Message: "the portal's own words"}}
			return err
		}
		for path, v := range changes {
			if p.Locked(r.status, r.stage, path).Locked {
				return refusal("Update", "Locked")
			}
			r.set(path, v)
		}
		r.touch()
		out = r.remote()
		out.State, out.Sellers = "", nil
		return nil
	})
	if err != nil {
		out = Remote{}
	}
	return out, err
}

func (r *remoteRecord) set(path, v string) {
	values := Values{}
	for k, x := range r.values {
		values[k] = x
	}
	values[path] = v
	if v == "" {
		delete(values, path)
	}
	r.values = values
}

func (p *partner) Changes(ctx context.Context, _ time.Time) iter.Seq2[RemoteChange, error] {
	return func(yield func(RemoteChange, error) bool) {
		var list []RemoteChange
		err := p.call(ctx, "Changes", func() error {
			for _, r := range p.records {
				list = append(list, RemoteChange{RemoteID: r.id, Version: fmt.Sprint("v", r.version), Status: r.status, OurID: r.crmID, Draft: r.status == "Pending Submission"})
			}
			return nil
		})
		if err != nil {
			yield(RemoteChange{}, err)
			return
		}
		for _, c := range list {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// edit is a change that the partner makes to the only record.
func (p *partner) edit(t *testing.T, path, text string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		r.set(path, quoted(text))
		r.touch()
	}
}

func (r *remoteRecord) touch() { r.version++ }

func (r *remoteRecord) remote() Remote {
	return Remote{
		ID: r.id, Version: fmt.Sprint("v", r.version), Status: r.status, Stage: r.stage, State: r.state, ReviewComment: r.comment,
		Record: r.text(), Sellers: slices.Clone(r.sellers),
	}
}

func (r *remoteRecord) text() json.RawMessage {
	b, err := json.Marshal(recordText{ID: r.id, At: fmt.Sprint("v", r.version), Values: r.values})
	if err != nil {
		panic(err)
	}
	return b
}

func (p *partner) Create(ctx context.Context, payload json.RawMessage, token string) (out Remote, err error) {
	err = p.call(ctx, "Create", func() error {
		var in struct {
			CRMID  string `json:"crm_id"`
			Values Values `json:"values"`
		}
		if err := json.Unmarshal(payload, &in); err != nil {
			return refusal("Create", "Malformed")
		}
		if old, ok := p.creates[token]; ok {
			if old[0] != string(payload) {
				return refusal("Create", "IdempotencyMismatch")
			}
			out = Remote{ID: old[1], Version: "v1"}
			return nil
		}
		p.serial++
		r := &remoteRecord{id: fmt.Sprintf("O%d", p.serial), crmID: in.CRMID, values: in.Values, status: "Pending Submission", version: 1}
		p.records[r.id] = r
		p.creates[token] = [2]string{string(payload), r.id}
		out = Remote{ID: r.id, Version: "v1"}
		return nil
	})
	if err != nil {
		out = Remote{}
	}
	return out, err
}

func (p *partner) Find(ctx context.Context, d Deal) (out *Remote, err error) {
	err = p.call(ctx, "Find", func() error {
		for _, r := range p.records {
			if r.crmID == d.Opportunity.CRMID {
				remote := r.remote()
				out = &remote
			}
		}
		return nil
	})
	if err != nil {
		out = nil
	}
	return out, err
}

func (p *partner) Associate(ctx context.Context, remoteID, solution string) error {
	return p.call(ctx, "Associate", func() error {
		r, ok := p.records[remoteID]
		if !ok {
			return refusal("Associate", "NotFound")
		}
		if !slices.Contains(r.solutions, solution) {
			r.solutions = append(r.solutions, solution)
			r.touch()
		}
		return nil
	})
}

func (p *partner) Submit(ctx context.Context, remoteID, token string) (out Task, err error) {
	err = p.call(ctx, "Submit", func() error {
		if id, ok := p.submits[token]; ok {
			out = p.tasks[id]
			return nil
		}
		r, ok := p.records[remoteID]
		if !ok {
			return refusal("Submit", "NotFound")
		}
		if r.status != "Pending Submission" {
			return refusal("Submit", "AlreadySubmitted")
		}
		p.serial++
		id := fmt.Sprintf("T%d", p.serial)
		out = Task{ID: id, EngagementID: "E" + id}
		p.tasks[id], p.taskOf[id], p.submits[token] = out, remoteID, id
		if !p.taskFails {
			r.status, r.state = "Submitted", StateSubmitted
			r.touch()
		}
		return nil
	})
	if err != nil {
		out = Task{}
	}
	return out, err
}

func (p *partner) TaskStatus(ctx context.Context, taskID string) (out Task, err error) {
	err = p.call(ctx, "TaskStatus", func() error {
		t, ok := p.tasks[taskID]
		if !ok {
			return refusal("TaskStatus", "NotFound")
		}
		out = t
		if p.taskSlow > 0 {
			p.taskSlow--
			return nil
		}
		if p.records[p.taskOf[taskID]].status == "Pending Submission" {
			out.Failed, out.Reason = true, "OpportunityValidationFailed"
		} else {
			out.Done = true
		}
		return nil
	})
	if err != nil {
		out = Task{}
	}
	return out, err
}

func (p *partner) Read(ctx context.Context, remoteID string) (Remote, error) {
	return p.read(ctx, "Read", remoteID)
}

func (p *partner) ReadRecord(ctx context.Context, remoteID string) (Remote, error) {
	r, err := p.read(ctx, "ReadRecord", remoteID)
	r.Sellers = nil
	return r, err
}

func (p *partner) read(ctx context.Context, op, remoteID string) (out Remote, err error) {
	err = p.call(ctx, op, func() error {
		r, ok := p.records[remoteID]
		if !ok {
			return problem.NotFound("record", remoteID)
		}
		out = r.remote()
		return nil
	})
	if err != nil {
		out = Remote{}
	}
	return out, err
}

func (p *partner) Compare(d Deal, record json.RawMessage, status, _ string) []FieldPair {
	return []FieldPair{{Label: "Description", Ours: d.Opportunity.Description, Theirs: string(record), Locked: status == "In review"}}
}

func (p *partner) Solutions(context.Context) ([]Solution, error) {
	return []Solution{{RemoteID: "S-1", Name: "One"}, {RemoteID: "S-2", Name: "Two"}}, nil
}

// review is the partner's word about the only record.
func (p *partner) review(t *testing.T, status string, state State, comment string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.records {
		r.status, r.state, r.comment = status, state, comment
		r.touch()
	}
}

func (p *partner) took() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := strings.Join(p.calls, " ")
	p.calls = nil
	return s
}

func (p *partner) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.records)
}

var pace = Pace{Task: 2 * time.Second, Review: 5 * time.Minute, Refresh: 6 * time.Hour, Retry: 5 * time.Second, Max: 15 * time.Minute}

type fixture struct {
	*Service
	p     *partner
	opps  *opportunity.Service
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
	stamp time.Time
	opp   opportunity.Opportunity
}

func newFixture(t *testing.T, d *db.DB) *fixture {
	t.Helper()
	f := &fixture{p: newPartner(), db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelDirector})
	f.stamp = f.clock.Now()
	f.Service = NewService(d, f.clock, []Portal{f.p}, pace)
	// The timeline, as the room above keeps it: in the transaction of the change.
	f.Happened = func(ctx context.Context, tx *db.Tx, e Event) error {
		key := id.New("act")
		_, err := tx.Exec(ctx, `INSERT INTO activity (id, crm_key, opportunity_id, cloud, kind, subject, body, actor_kind, actor_name, happened_at, crm_state, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'none', ?)`,
			key, key, e.Registration.OpportunityID, e.Registration.Cloud, e.Kind, e.Subject, e.Body, e.ActorKind, e.ActorName, tx.Now(), tx.Now())
		return err
	}
	f.opps = opportunity.NewService(d, f.clock)
	f.opps.Changed = func(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
		m, err := f.opps.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		return f.Reconsider(ctx, tx, m, list)
	}
	if _, err := f.RefreshSolutions(f.ctx, cloud.AWS); err != nil {
		t.Fatal(err)
	}
	return f
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

// good is a deal that is joint with AWS and has all that it needs.
func good() opportunity.Opportunity {
	return opportunity.Opportunity{CRMID: "006A", Name: "Deal", Stage: "3-Technical Evaluation", FulfillmentPartner: "AWS", Description: "They need it."}
}

// take has the deal read from the CRM, and all follow from it.
func (f *fixture) take(t *testing.T, o opportunity.Opportunity) {
	t.Helper()
	f.stamp = f.stamp.Add(time.Second)
	o.CRMModstamp = f.stamp
	err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
		changed, err := opportunity.Import(f.ctx, tx, []opportunity.Opportunity{o})
		if err != nil {
			return err
		}
		m, err := f.opps.Matcher(f.ctx, tx)
		if err != nil {
			return err
		}
		touched, err := opportunity.Decide(f.ctx, tx, m, changed)
		if err != nil {
			return err
		}
		f.opp = changed[0]
		return f.opps.Changed(f.ctx, tx, touched)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// reg gives the only registration.
func (f *fixture) reg(t *testing.T) Registration {
	t.Helper()
	m, err := ByOpportunities(context.WithoutCancel(f.ctx), f.db, []string{f.opp.ID})
	if err != nil || len(m[f.opp.ID]) != 1 {
		t.Fatalf("%d registrations, %v", len(m[f.opp.ID]), err)
	}
	return m[f.opp.ID][0]
}

func (f *fixture) advance(t *testing.T) Registration {
	t.Helper()
	if err := f.Advance(f.ctx, f.reg(t).ID); err != nil {
		t.Fatal(err)
	}
	return f.reg(t)
}

// due moves the clock to when the registration is to be looked at, and looks.
func (f *fixture) due(t *testing.T) Registration {
	t.Helper()
	r := f.reg(t)
	if r.DueAt.IsZero() {
		t.Fatalf("%s is not due any more", r.State)
	}
	if r.DueAt.After(f.clock.Now()) {
		f.clock.Set(r.DueAt)
	}
	return f.advance(t)
}

func (f *fixture) events(t *testing.T) string {
	t.Helper()
	list, err := db.Select[string](f.ctx, f.db, `SELECT kind FROM activity ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

func (f *fixture) want(t *testing.T, r Registration, s State) {
	t.Helper()
	if r.State != s {
		t.Fatalf("%s (%s, %s), want %s", r.State, r.Reason, r.Error, s)
	}
}
