// Package bulk answers "what would this act do to each of these deals, and what did
// it do?": one act on many opportunities, with a preview, a result for each row that
// is kept, and a way back where the portal allows one.
package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Most is how many opportunities one act takes.
const Most = 500

// Action is what is done to each deal.
type Action string

// The actions. ActionUndo is made by Undo alone.
const (
	ActionCheck  Action = "check"  // ask what the portal requires; sends nothing
	ActionSubmit Action = "submit" // register and submit
	ActionAssign Action = "assign" // name one of our people as the one who works it
	ActionStage  Action = "stage"  // put it into a stage of the portal
	ActionRetry  Action = "retry"  // send again what was refused
	ActionUndo   Action = "undo"   // take a change of stage back
)

// Actions lists those that can be asked for.
func Actions() []Action {
	return []Action{ActionCheck, ActionSubmit, ActionAssign, ActionStage, ActionRetry}
}

// needs gives the permission that an action needs.
func (a Action) needs() authz.Action {
	if a == ActionCheck || a == ActionSubmit {
		return authz.ActionRegister
	}
	return authz.ActionUpdate
}

// Outcome is what would become, or became, of a row.
type Outcome string

// The outcomes.
const (
	OutcomeWill    Outcome = "will"    // a preview: it would be done
	OutcomeWaits   Outcome = "waits"   // it would be, or is, kept and waits for the partner's lock
	OutcomeNothing Outcome = "nothing" // there is nothing to do
	OutcomeBlocked Outcome = "blocked" // it cannot be done; nothing was
	OutcomeQueued  Outcome = "queued"  // a job does it
	OutcomeAsked   Outcome = "asked"   // a Director decides on it first
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused" // it was tried and refused
)

// does reports whether the act is done for a row of that outcome.
func (o Outcome) does() bool { return o == OutcomeWill || o == OutcomeWaits }

// Ask is the wish to act. Cloud says in whose portal. Stage is the portal's word,
// for ActionStage. Assignee is a person's id for ActionAssign, "" is each deal's
// owner in Salesforce.
type Ask struct {
	Action   Action
	Cloud    cloud.Cloud
	IDs      []string
	Stage    string
	Assignee string
}

// Row is one opportunity of an act. Before and After are the values that the act
// changed, in words.
type Row struct {
	RunID          string  `db:"run_id" json:"-"`
	At             int64   `db:"at" json:"-"`
	OpportunityID  string  `db:"opportunity_id" json:"opportunity_id"`
	RegistrationID string  `db:"registration_id" json:"registration_id"`
	Name           string  `db:"name" json:"name"`
	AccountName    string  `db:"account_name" json:"account_name"`
	Outcome        Outcome `db:"outcome" json:"outcome"`
	Message        string  `db:"message" json:"message"`
	Before         string  `db:"before_value" json:"before"`
	After          string  `db:"after_value" json:"after"`
}

// Run is an act that was done. Detail is the stage, or the assignee's id. Undoes
// names the run that it took back. EndedAt is zero while a job works on it.
type Run struct {
	ID         string      `db:"id"`
	Action     Action      `db:"action"`
	Cloud      cloud.Cloud `db:"cloud"`
	Detail     string      `db:"detail"`
	Undoes     string      `db:"undoes"`
	ActorKind  authz.Kind  `db:"actor_kind"`
	ActorID    string      `db:"actor_id"`
	ActorName  string      `db:"actor_name"`
	ActorLevel authz.Level `db:"actor_level"`
	BegunAt    time.Time   `db:"begun_at"`
	EndedAt    time.Time   `db:"ended_at"`

	Rows []Row `db:"-"`
}

// Count says how many rows have one of the outcomes.
func Count(rows []Row, outcomes ...Outcome) int {
	n := 0
	for i := range rows {
		if slices.Contains(outcomes, rows[i].Outcome) {
			n++
		}
	}
	return n
}

// Service is the use cases. Plan must be set before use.
type Service struct {
	db            *db.DB
	clock         clock.Clock
	opportunities *opportunity.Service
	registrations *registration.Service
	approvals     *approval.Service
	inbox         *attention.Service
	team          *team.Service

	// Plan plans a Work of a run in the transaction that made it.
	Plan func(ctx context.Context, tx *db.Tx, runID string) error
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock, o *opportunity.Service, r *registration.Service, p *approval.Service, a *attention.Service, t *team.Service) *Service {
	return &Service{db: d, clock: c, opportunities: o, registrations: r, approvals: p, inbox: a, team: t, Plan: func(context.Context, *db.Tx, string) error { return nil }}
}

// act is an Ask that was understood.
type act struct {
	Ask
	path     string             // of the stage
	assignee opportunity.Member // of ActionAssign, when Assignee names one
}

func (s *Service) understand(ctx context.Context, a Ask) (act, error) {
	out := act{Ask: a}
	if !slices.Contains(Actions(), a.Action) {
		return out, problem.Invalid("action", "unknown_action", fmt.Sprintf("%q is not an act on many deals", a.Action))
	}
	if err := authz.Require(ctx, a.Action.needs()); err != nil {
		return out, err
	}
	var bad problem.List
	switch {
	case len(a.IDs) == 0:
		bad.Add("ids", "nothing_selected", "No opportunity was selected")
	case len(a.IDs) > Most:
		bad.Add("ids", "too_many", fmt.Sprintf("Act on at most %d opportunities at once", Most))
	}
	seen := map[string]bool{}
	for _, x := range a.IDs {
		if seen[x] {
			bad.Add("ids", "twice", fmt.Sprintf("%s stands twice among the ids", x))
			break
		}
		seen[x] = true
	}
	if !a.Cloud.Valid() {
		bad.Add("cloud", "unknown_cloud", fmt.Sprintf("%q is not a cloud: use aws, azure or gcp", a.Cloud))
	}
	if err := bad.Err(); err != nil {
		return out, err
	}
	p, ok := s.registrations.Portal(a.Cloud)
	if !ok {
		return out, problem.Conflict("not_connected", a.Cloud.Portal()+" is not connected: see Connections")
	}
	switch a.Action {
	case ActionStage:
		st, ok := p.(registration.Stager)
		if !ok {
			return out, problem.Conflict("not_supported", a.Cloud.Portal()+" knows no stages")
		}
		if !slices.Contains(st.Stages(), a.Stage) {
			return out, problem.Invalid("stage", "unknown_stage", "Use one of "+strings.Join(st.Stages(), ", "))
		}
		out.path = st.StageField()
	case ActionAssign:
		if _, ok := p.(registration.Assigner); !ok {
			return out, problem.Conflict("not_supported", a.Cloud.Portal()+" knows no assignee")
		}
		if a.Assignee != "" {
			person, err := s.team.Person(ctx, a.Assignee)
			if problem.Is(err, problem.KindNotFound) {
				err = problem.Invalid("assignee", "unknown_person", "Choose somebody of the team")
			}
			if err != nil {
				return out, err
			}
			out.assignee = opportunity.Member{Name: person.Name, Email: person.Email, Title: person.Title, Deleted: !person.Active}
		}
	}
	return out, nil
}

// Preview says what the act would do to each opportunity, in the order of the ids,
// and changes nothing. Needs register to check and submit, update for the others.
func (s *Service) Preview(ctx context.Context, a Ask) ([]Row, error) {
	x, err := s.understand(ctx, a)
	if err != nil {
		return nil, err
	}
	return s.foresee(ctx, &x)
}

func (s *Service) foresee(ctx context.Context, x *act) ([]Row, error) {
	rows := make([]Row, 0, len(x.IDs))
	for i, oppID := range x.IDs {
		row := Row{At: int64(i), OpportunityID: oppID, Name: oppID}
		if err := s.row(ctx, x, &row); err != nil {
			if problem.KindOf(err) == problem.KindInternal || ctx.Err() != nil {
				return nil, err
			}
			row.Outcome, row.Message = OutcomeBlocked, err.Error()
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// row foresees one opportunity; an error that is not internal is why it is blocked.
func (s *Service) row(ctx context.Context, x *act, row *Row) error {
	deal, joint, err := s.opportunities.Get(ctx, row.OpportunityID)
	if err != nil {
		return err
	}
	row.Name, row.AccountName = deal.Name, deal.AccountName
	have, err := registration.ByOpportunities(ctx, s.db, []string{deal.ID})
	if err != nil {
		return err
	}
	var reg *registration.Registration
	for i := range have[deal.ID] {
		if have[deal.ID][i].Cloud == x.Cloud {
			reg, row.RegistrationID = &have[deal.ID][i], have[deal.ID][i].ID
		}
	}
	switch x.Action {
	case ActionCheck, ActionSubmit:
		return s.foreseeSubmit(ctx, x, row, joint, reg)
	case ActionRetry:
		return s.foreseeRetry(ctx, x, row)
	}
	if reg == nil {
		return problem.Conflict("not_registered", "It is not registered in "+x.Cloud.Portal())
	}
	if x.Action == ActionAssign {
		to, err := s.assigneeOf(ctx, x, &deal)
		if err != nil {
			return err
		}
		row.Outcome, row.After, row.Message = OutcomeWill, to.Name, to.Email
		return s.registrations.CheckAssign(ctx, reg.ID, to)
	}
	return s.foreseeStage(ctx, x.path, jsonText(x.Stage), row)
}

func (s *Service) assigneeOf(ctx context.Context, x *act, deal *opportunity.Opportunity) (opportunity.Member, error) {
	if x.Assignee != "" {
		return x.assignee, nil
	}
	return opportunity.OwnerOf(ctx, s.db, deal)
}

func (s *Service) foreseeSubmit(ctx context.Context, x *act, row *Row, joint []opportunity.Joint, reg *registration.Registration) error {
	if reg != nil && reg.State.InPortal() {
		row.Outcome, row.Message = OutcomeNothing, "It is in "+x.Cloud.Portal()+" already: "+reg.State.Label()
		return nil
	}
	if x.Action == ActionSubmit && !slices.Contains(opportunity.JointWith(joint), x.Cloud) {
		return problem.Conflict("not_joint", "It is not joint with "+x.Cloud.Label()+": mark it as joint first")
	}
	dry, _, err := s.registrations.Register(ctx, row.OpportunityID, x.Cloud, true)
	if err != nil {
		return err
	}
	if dry.Blocking > 0 {
		row.Outcome, row.Message = OutcomeBlocked, "To be mended in Salesforce: "+blocking(dry.Findings)
		return nil
	}
	row.Outcome, row.Message = OutcomeWill, "All checks hold"
	if n := len(dry.Findings); n > 0 {
		row.Message = fmt.Sprintf("Nothing blocks it; %d to look at", n)
	}
	if x.Action == ActionCheck {
		row.Outcome = OutcomeNothing
	}
	if reg != nil && reg.State == registration.StateFailed {
		row.Message = "Will be tried again after: " + reg.Error
	}
	return nil
}

func blocking(list registration.Findings) string {
	var out []string
	for _, f := range list {
		if f.Severity == registration.SeverityError && !slices.Contains(out, f.Label) {
			out = append(out, f.Label)
		}
	}
	return strings.Join(out, ", ")
}

func (s *Service) refusals(ctx context.Context, c cloud.Cloud, opportunityID string) ([]attention.Item, error) {
	p, err := s.inbox.List(ctx, attention.Query{Clouds: []cloud.Cloud{c}, Opportunities: []string{opportunityID}, Limit: 200})
	return p.Rows, err
}

func (s *Service) foreseeRetry(ctx context.Context, x *act, row *Row) error {
	items, err := s.refusals(ctx, x.Cloud, row.OpportunityID)
	if err != nil {
		return err
	}
	var titles []string
	for i := range items {
		if !slices.Contains(titles, items[i].Title) {
			titles = append(titles, items[i].Title)
		}
	}
	row.Outcome, row.Message = OutcomeWill, strings.Join(titles, "; ")
	if len(items) == 0 {
		row.Outcome, row.Message = OutcomeNothing, "Nothing of it was refused"
	}
	return nil
}

// foreseeStage says what the change of a field's value would come to.
func (s *Service) foreseeStage(ctx context.Context, path, value string, row *Row) error {
	c, err := s.registrations.TryPut(ctx, row.RegistrationID, path, value)
	if err != nil {
		return err
	}
	row.Before, row.After = plain(c.Before), plain(value)
	switch portal := c.Registration.Cloud.Portal(); {
	case c.Before == value:
		row.Outcome, row.Message = OutcomeNothing, "It is "+plain(value)+" already"
	case c.Lock.Locked && c.Lock.Final:
		row.Outcome, row.Message = OutcomeBlocked, "Locked "+c.Lock.Until+": "+c.Lock.Reason
	case c.Refused != "":
		row.Outcome, row.Message = OutcomeBlocked, c.Refused
	case c.Lock.Locked:
		row.Outcome, row.Message = OutcomeWaits, "Kept, and sent by itself "+strings.Replace(c.Lock.Until, "until", "when", 1)+": "+c.Lock.Reason
	default:
		row.Outcome, row.Message = OutcomeWill, "Sent to "+portal+" now"
	}
	return nil
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always can be
		return `""`
	}
	return string(b)
}

// plain gives the text of a JSON string.
func plain(value string) string {
	var s string
	if value == "" || json.Unmarshal([]byte(value), &s) != nil {
		return value
	}
	return s
}

// Do acts on the opportunities that the preview of this moment allows, and keeps
// what became of each. What a row is refused is its own and no error here.
func (s *Service) Do(ctx context.Context, a Ask) (Run, error) {
	x, err := s.understand(ctx, a)
	if err != nil {
		return Run{}, err
	}
	rows, err := s.foresee(ctx, &x)
	if err != nil {
		return Run{}, err
	}
	detail := a.Stage
	if a.Action == ActionAssign {
		detail = a.Assignee
	}
	return s.run(ctx, Run{Action: a.Action, Cloud: a.Cloud, Detail: detail, Rows: rows}, func(row *Row) (Outcome, string, error) {
		switch a.Action {
		case ActionSubmit:
			res, err := s.approvals.Register(ctx, row.OpportunityID, a.Cloud)
			return outcome(res, OutcomeDone, "On its way to "+a.Cloud.Portal(), err)
		case ActionRetry:
			return s.retry(ctx, a.Cloud, row)
		case ActionStage:
			return s.put(ctx, row, x.path, a.Stage)
		}
		return OutcomeQueued, row.Message, nil
	})
}

// put sets a field of a row to a text.
func (s *Service) put(ctx context.Context, row *Row, path, text string) (Outcome, string, error) {
	res, err := s.approvals.Put(ctx, row.RegistrationID, registration.Values{path: jsonText(text)})
	return outcome(res, row.done(), row.Message, err)
}

// outcome is what a wish came to: done, or waiting for a Director.
func outcome(res approval.Result, done Outcome, message string, err error) (Outcome, string, error) {
	if err == nil && res.Waiting != nil {
		return OutcomeAsked, res.Waiting.Message(), nil
	}
	return done, message, err
}

// done is the outcome of a change that was kept: one behind a lock still waits.
func (r *Row) done() Outcome {
	if r.Outcome == OutcomeWaits {
		return OutcomeWaits
	}
	return OutcomeDone
}

func (s *Service) retry(ctx context.Context, c cloud.Cloud, row *Row) (Outcome, string, error) {
	items, err := s.refusals(ctx, c, row.OpportunityID)
	if err != nil {
		return "", "", err
	}
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = items[i].ID()
	}
	results, err := s.inbox.SendAgain(ctx, ids)
	if err != nil {
		return "", "", err
	}
	for _, r := range results {
		switch {
		case r.Err != nil:
			return "", "", r.Err
		case r.Waiting != "":
			return OutcomeAsked, r.Waiting, nil
		}
	}
	return OutcomeDone, "Sent again: " + row.Message, nil
}

// run stores the intent, does each row that is to be done, and stores what became
// of it. A process that dies between two rows leaves the rest as they were foreseen,
// not done.
func (s *Service) run(ctx context.Context, r Run, do func(row *Row) (Outcome, string, error)) (Run, error) {
	actor, _ := authz.From(ctx)
	r.ID, r.ActorKind, r.ActorID, r.ActorName, r.ActorLevel, r.BegunAt = id.New("blk"), actor.Kind, actor.ID, actor.Name, actor.Level, s.clock.Now()
	queued := r.Action == ActionAssign
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		for i := range r.Rows {
			r.Rows[i].RunID = r.ID
			if queued && r.Rows[i].Outcome.does() {
				r.Rows[i].Outcome = OutcomeQueued
			}
		}
		if !queued {
			r.EndedAt = tx.Now()
		}
		if err := insert(ctx, tx, &r); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "bulk."+string(r.Action), r.ID, map[string]any{"cloud": r.Cloud, "detail": r.Detail, "rows": len(r.Rows), "undoes": r.Undoes}); err != nil {
			return err
		}
		if queued {
			return s.Plan(ctx, tx, r.ID)
		}
		return nil
	})
	if err != nil || queued {
		return r, err
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if !row.Outcome.does() {
			continue
		}
		outcome, message, err := do(row)
		switch {
		case err == nil:
			row.Outcome, row.Message = outcome, message
		case problem.KindOf(err) == problem.KindInternal || ctx.Err() != nil:
			return r, err
		default:
			row.Outcome, row.Message = OutcomeRefused, err.Error()
		}
		if err := s.keep(ctx, row); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (s *Service) keep(ctx context.Context, row *Row) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return settle(ctx, tx, row) })
}
