// Package bulk answers "what would this act do to each of these deals, and what did
// it do?": one act on many opportunities, with a preview, a result for each row that
// is kept, and a way back where the portal allows one.
package bulk

import (
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
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
	OutcomeQueued  Outcome = "queued"  // not done yet; a job does it, or carries it on
	OutcomeAsked   Outcome = "asked"   // a Director would decide on it first, or does
	OutcomeDone    Outcome = "done"
	OutcomeRefused Outcome = "refused" // it was tried and refused
)

// Acts lists the outcomes of a preview for which the act does something.
func Acts() []Outcome { return []Outcome{OutcomeWill, OutcomeWaits, OutcomeAsked} }

func (o Outcome) acts() bool { return slices.Contains(Acts(), o) }

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

// Run is an act that was begun. Detail is the stage, or the assignee's id. Undoes
// names the run that it takes back. EndedAt is zero while rows are queued.
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
