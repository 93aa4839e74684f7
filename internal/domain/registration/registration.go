// Package registration answers "is this joint opportunity in the partner's
// portal, what does the partner say of it, and what has to happen next?". It
// holds the life cycle that is the same for every cloud; what a portal wants to
// hear is behind the Portal interface. See README.md for the invariants.
package registration

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// State is where a registration stands in its life.
type State string

// The states. Blocked and Failed wait for a person; the portal moves what is
// after Submitted; all others move by themselves.
const (
	StateChecking       State = "checking"        // to be checked against what the portal requires
	StateBlocked        State = "blocked"         // a required field is missing or malformed in Salesforce
	StateCreating       State = "creating"        // the create call is decided; its token and payload are stored
	StateCreated        State = "created"         // it is in the portal; solutions still to be linked
	StateAssociated     State = "associated"      // solutions are linked; still to be submitted
	StateSubmitting     State = "submitting"      // the submit task was started; its end is awaited
	StateSubmitted      State = "submitted"       // with the partner, not yet looked at
	StateInReview       State = "in_review"       // the partner is looking at it
	StateApproved       State = "approved"        // the partner took it
	StateActionRequired State = "action_required" // the partner wants something mended
	StateRejected       State = "rejected"        // the partner refused it
	StateLaunched       State = "launched"        // won, and said so in the portal
	StateClosedLost     State = "closed_lost"     // lost, and said so in the portal
	StateFailed         State = "failed"          // the portal refused a call for good; needs attention
	StateElsewhere      State = "elsewhere"       // another tool registered it, or is about to
	StateWithdrawn      State = "withdrawn"       // no longer joint, or closed, before it reached the portal
	StateOffRoute       State = "off_route"       // the deal goes by another route, or its route is not decided: not sent
)

// States lists all states in the order of the life.
func States() []State {
	return []State{
		StateChecking, StateBlocked, StateCreating, StateCreated, StateAssociated, StateSubmitting, StateSubmitted,
		StateInReview, StateActionRequired, StateApproved, StateRejected, StateLaunched, StateClosedLost, StateElsewhere, StateFailed, StateOffRoute, StateWithdrawn,
	}
}

// Label is the state in words.
func (s State) Label() string {
	switch s {
	case StateActionRequired:
		return "Action required"
	case StateInReview:
		return "In review"
	case StateClosedLost:
		return "Closed lost"
	case StateFailed:
		return "Needs attention"
	case StateAssociated:
		return "Solutions linked"
	case StateOffRoute:
		return "Held by route"
	case StateElsewhere:
		return "Registered elsewhere"
	case "":
		return ""
	}
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

// InPortal reports whether a registration in this state exists at the partner.
func (s State) InPortal() bool {
	switch s {
	case StateChecking, StateBlocked, StateCreating, StateElsewhere, StateFailed, StateOffRoute, StateWithdrawn:
		return false
	}
	return true
}

// moves says which states may follow which. What is not here is an error.
var moves = map[State][]State{
	StateChecking:       {StateBlocked, StateCreating, StateOffRoute, StateElsewhere, StateSubmitted, StateWithdrawn, StateFailed},
	StateBlocked:        {StateChecking, StateCreating, StateOffRoute, StateElsewhere, StateSubmitted, StateWithdrawn},
	StateOffRoute:       {StateChecking, StateCreated, StateAssociated, StateElsewhere, StateSubmitted, StateWithdrawn},
	StateCreating:       {StateCreated, StateOffRoute, StateElsewhere, StateSubmitted, StateWithdrawn, StateFailed},
	StateElsewhere:      {StateChecking, StateBlocked, StateCreating, StateOffRoute, StateSubmitted, StateWithdrawn, StateFailed},
	StateCreated:        {StateAssociated, StateOffRoute, StateFailed},
	StateAssociated:     {StateSubmitting, StateOffRoute, StateFailed},
	StateSubmitting:     {StateSubmitted, StateInReview, StateApproved, StateActionRequired, StateRejected, StateFailed},
	StateSubmitted:      {StateInReview, StateApproved, StateActionRequired, StateRejected, StateLaunched, StateClosedLost, StateFailed},
	StateInReview:       {StateSubmitted, StateApproved, StateActionRequired, StateRejected, StateLaunched, StateClosedLost, StateFailed},
	StateApproved:       {StateSubmitted, StateInReview, StateActionRequired, StateRejected, StateLaunched, StateClosedLost, StateFailed},
	StateActionRequired: {StateSubmitting, StateSubmitted, StateInReview, StateApproved, StateRejected, StateLaunched, StateClosedLost, StateFailed},
	StateRejected:       {StateSubmitted, StateInReview, StateApproved, StateActionRequired, StateFailed},
	StateLaunched:       {StateApproved, StateClosedLost, StateFailed},
	StateClosedLost:     {StateApproved, StateLaunched, StateFailed},
	StateFailed: {
		StateWithdrawn,
		StateChecking, StateCreating, StateElsewhere, StateCreated, StateAssociated, StateSubmitting, StateSubmitted, StateInReview,
		StateApproved, StateActionRequired, StateRejected, StateLaunched, StateClosedLost,
	},
	StateWithdrawn: {StateChecking},
}

// CanBecome reports whether next may follow s.
func (s State) CanBecome(next State) bool { return slices.Contains(moves[s], next) }

// Registration is one opportunity in one portal. RemoteStatus and RemoteStage
// are the portal's words, verbatim; RemoteVersion is the portal's own lock (at
// AWS the exact LastModifiedDate string). DueAt is when the engine looks at it
// next, PollAt when it asks the portal next; zero is never by itself. Agreed is the
// base of the three-way merge. Outgoing, Held, Refused and Conflicts count the
// fields that differ and are to be sent, wait for a lock, were refused, or wait for
// a person; StaleSince is since when, zero when the portal knows all that we know.
// Urgent says that a person waits for what is outgoing. FailedFrom is where a failed
// registration, or one off its route, goes on; StoppedBy the record that keeps one off
// its route, Reason why.
type Registration struct {
	ID              string          `db:"id" json:"id"`
	OpportunityID   string          `db:"opportunity_id" json:"opportunity_id"`
	Cloud           cloud.Cloud     `db:"cloud" json:"cloud"`
	State           State           `db:"state" json:"state"`
	Reason          string          `db:"reason" json:"reason"`
	RemoteID        string          `db:"remote_id" json:"remote_id"`
	RemoteVersion   string          `db:"remote_version" json:"remote_version"`
	RemoteStatus    string          `db:"remote_status" json:"remote_status"`
	RemoteStage     string          `db:"remote_stage" json:"remote_stage"`
	RemoteURL       string          `db:"remote_url" json:"remote_url"`
	ReviewComment   string          `db:"review_comment" json:"review_comment"`
	EngagementID    string          `db:"engagement_id" json:"engagement_id"`
	Sellers         Sellers         `db:"sellers" json:"sellers"`
	Motion          string          `db:"motion" json:"motion"`
	CreateToken     string          `db:"create_token" json:"-"`
	SubmitToken     string          `db:"submit_token" json:"-"`
	SubmitTaskID    string          `db:"submit_task_id" json:"submit_task_id"`
	SolutionIDs     string          `db:"solution_ids" json:"solution_ids"`
	Findings        Findings        `db:"findings" json:"findings"`
	Blocking        int64           `db:"blocking" json:"blocking"`
	Payload         string          `db:"payload" json:"-"`
	RemoteRecord    string          `db:"remote_record" json:"-"`
	RemoteSummary   string          `db:"remote_summary" json:"-"`
	RemoteReadAt    time.Time       `db:"remote_read_at" json:"remote_read_at"`
	CheckedVersion  int64           `db:"checked_version" json:"-"`
	Error           string          `db:"error" json:"error"`
	ErrorCode       string          `db:"error_code" json:"error_code"`
	Attempts        int64           `db:"attempts" json:"attempts"`
	DueAt           time.Time       `db:"due_at" json:"due_at"`
	PollAt          time.Time       `db:"poll_at" json:"poll_at"`
	Agreed          db.JSON[Agreed] `db:"agreed" json:"-"`
	ComparedVersion int64           `db:"compared_version" json:"-"`
	Outgoing        int64           `db:"outgoing" json:"outgoing"`
	Held            int64           `db:"held" json:"held"`
	Refused         int64           `db:"refused" json:"refused"`
	Conflicts       int64           `db:"conflicts" json:"conflicts"`
	StaleSince      time.Time       `db:"stale_since" json:"stale_since"`
	SentAt          time.Time       `db:"sent_at" json:"sent_at"`
	Urgent          bool            `db:"urgent" json:"urgent"`
	FailedFrom      State           `db:"failed_from" json:"failed_from"`
	StoppedBy       string          `db:"stopped_by" json:"stopped_by"`
	CRMDirty        bool            `db:"crm_dirty" json:"crm_dirty"`
	CRMError        string          `db:"crm_error" json:"crm_error"`
	CRMRowID        string          `db:"crm_row_id" json:"crm_row_id"`
	ClaimChoice     string          `db:"claim_choice" json:"-"`  // see ChooseClaim
	CRMGone         int64           `db:"crm_gone" json:"-"`      // how often its record was deleted in Salesforce
	Offered         bool            `db:"offered" json:"offered"` // the partner offered the deal to us
	CreatedRemoteAt time.Time       `db:"created_remote_at" json:"created_remote_at"`
	SubmittedAt     time.Time       `db:"submitted_at" json:"submitted_at"`
	DecidedAt       time.Time       `db:"decided_at" json:"decided_at"`
	StateAt         time.Time       `db:"state_at" json:"state_at"`
	CreatedAt       time.Time       `db:"created_at,insert" json:"created_at"`
	UpdatedAt       time.Time       `db:"updated_at" json:"updated_at"`
	Version         int64           `db:"version" json:"version"`

	calls []Call // made since the row was stored
}

// Solutions gives the ids of the solutions to link.
func (r *Registration) Solutions() []string { return strings.Fields(r.SolutionIDs) }

// neverSent reports whether the portal cannot know of the registration: it has
// no id there, and no create is without a sure outcome.
func (r *Registration) neverSent() bool { return r.RemoteID == "" && r.CreateToken == "" }

// CRMKey is the external id of the registration's record in Salesforce: one per
// cloud and opportunity, whatever happens to the registration.
func CRMKey(c cloud.Cloud, opportunityCRMID string) string {
	return string(c) + "-" + opportunityCRMID
}

// move changes the state, or says that the life cycle does not allow it.
func (r *Registration) move(next State, now time.Time) error {
	if r.State == next {
		return nil
	}
	if !r.State.CanBecome(next) {
		return problem.Conflict("illegal_transition", fmt.Sprintf("A registration that is “%s” cannot become “%s”", r.State.Label(), next.Label()))
	}
	r.State, r.StateAt = next, now
	return nil
}
