package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

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

// act is an Ask that was understood, or a run that is carried on.
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
	return s.resolve(ctx, a)
}

// resolve finds what an act needs of its portal and its people.
func (s *Service) resolve(ctx context.Context, a Ask) (act, error) {
	out := act{Ask: a}
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
	case ActionUndo:
		st, ok := p.(registration.Stager)
		if !ok {
			return out, problem.Conflict("not_supported", a.Cloud.Portal()+" knows no stages")
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
			row.Outcome, row.Message = OutcomeBlocked, said(err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// said gives an error in words for the person who reads the row: without the names
// of the fields of our own input, of which a row has one. A portal's words stay.
func said(err error) string {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || len(p.Fields) == 0 || p.Remote != nil {
		return err.Error()
	}
	var out []string
	for _, f := range p.Fields {
		out = append(out, f.Message)
	}
	return strings.Join(out, "; ")
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
	if reg.RemoteID == "" {
		return problem.Conflict("not_in_portal", fmt.Sprintf("It is not in %s yet: it is “%s”", x.Cloud.Portal(), reg.State.Label()))
	}
	if x.Action == ActionAssign {
		return s.foreseeAssign(ctx, x, row, &deal)
	}
	return s.foreseeStage(ctx, x, jsonText(x.Stage), row)
}

func (s *Service) foreseeAssign(ctx context.Context, x *act, row *Row, deal *opportunity.Opportunity) error {
	to, err := s.assigneeOf(ctx, x, deal)
	if err != nil {
		return err
	}
	row.Outcome, row.After, row.Message = OutcomeWill, to.Name, to.Email
	if err := s.registrations.CheckAssign(ctx, row.RegistrationID, to); err != nil {
		return err
	}
	// The portal is told at once, and what it was told cannot wait.
	if err := s.foreseeApproval(ctx, x, row, authz.ActionUpdate); err != nil || row.Outcome != OutcomeAsked {
		return err
	}
	return problem.Forbidden("needs_approval", row.Message)
}

// foreseeApproval says of a row that would be done whether a Director decides on it
// first.
func (s *Service) foreseeApproval(ctx context.Context, x *act, row *Row, action authz.Action) error {
	v, err := s.approvals.Decide(ctx, approval.Wish{Action: action, OpportunityID: row.OpportunityID, Cloud: x.Cloud})
	if err != nil {
		return err
	}
	if v.Ruling == authz.RulingNeedsApproval {
		row.Outcome, row.Message = OutcomeAsked, "A Director decides on it first: "+strings.Join(v.Because, "; ")
	}
	return v.Err()
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
	if dry.State == registration.StateOffRoute {
		row.Outcome, row.Message = OutcomeBlocked, "Held by a route conflict: "+dry.Reason
		return nil
	}
	if dry.Blocking > 0 {
		row.Outcome, row.Message = OutcomeBlocked, "To be mended in Salesforce: "+blocking(dry.Findings)
		return nil
	}
	row.Outcome, row.Message = OutcomeWill, "All checks hold"
	if n := len(dry.Findings); n > 0 {
		row.Message = fmt.Sprintf("Nothing blocks it; %d to look at", n)
	}
	if reg != nil && reg.State == registration.StateFailed {
		row.Message = "Will be tried again after: " + reg.Error
	}
	if x.Action == ActionCheck {
		row.Outcome = OutcomeNothing
		return nil
	}
	return s.foreseeApproval(ctx, x, row, authz.ActionRegister)
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

// foreseeStage says what the change of the stage would come to.
func (s *Service) foreseeStage(ctx context.Context, x *act, value string, row *Row) error {
	c, err := s.registrations.TryPut(ctx, row.RegistrationID, x.path, value)
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
		row.Outcome, row.Message = OutcomeWill, "Goes to "+portal+" at once"
	}
	if !row.Outcome.acts() {
		return nil
	}
	return s.foreseeApproval(ctx, x, row, s.registrations.ActionOf(x.Cloud, registration.Values{x.path: value}))
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
