// Package invitation answers "what does a partner offer us, until when, what did
// we answer, and which of our opportunities did it become?". An invitation is a
// deal or a lead that a partner, or AWS itself, offers; it shows a part of what is
// known and the rest only when it is accepted. See README.md for the invariants.
package invitation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Kind says what is offered.
type Kind string

// The kinds.
const (
	KindOpportunity Kind = "opportunity" // a deal: accepting it makes an opportunity in the portal
	KindLead        Kind = "lead"        // a customer's interest: accepted first, made an opportunity later
)

// Label is the kind in words.
func (k Kind) Label() string {
	if k == KindLead {
		return "Lead"
	}
	return "Referral"
}

// Word is the kind within a sentence.
func (k Kind) Word() string { return strings.ToLower(k.Label()) }

// State is where an invitation stands in its life.
type State string

// The states. Pending, Accepted and Failed wait for a person; Accepting, Rejecting,
// Converting and Creating move by themselves; the others are ends.
const (
	StatePending    State = "pending"    // waits for our answer until it expires
	StateAccepting  State = "accepting"  // a person accepted it; its token is stored, the portal is being told
	StateRejecting  State = "rejecting"  // a person rejected it; the portal is being told
	StateAccepted   State = "accepted"   // ours: waits to be linked with an opportunity of Salesforce, a lead first to be made one
	StateConverting State = "converting" // a lead is being made an opportunity in the portal
	StateCreating   State = "creating"   // it is being made an opportunity in Salesforce
	StateLinked     State = "linked"     // it is the registration of one of our opportunities
	StateDismissed  State = "dismissed"  // an accepted lead that was put aside, with a reason; can be taken back
	StateRejected   State = "rejected"   // we said no
	StateExpired    State = "expired"    // nobody answered in time
	StateGone       State = "gone"       // the portal no longer knows it
	StateFailed     State = "failed"     // the portal, or Salesforce, refused a call for good; needs attention
)

// States lists all states in the order of the life.
func States() []State {
	return []State{
		StatePending, StateAccepting, StateRejecting, StateAccepted, StateConverting, StateCreating, StateLinked, StateDismissed, StateRejected, StateExpired, StateGone, StateFailed,
	}
}

// Label is the state in words.
func (s State) Label() string {
	switch s {
	case "":
		return ""
	case StatePending:
		return "Waits for an answer"
	case StateFailed:
		return "Needs attention"
	case StateConverting:
		return "Becoming an opportunity"
	case StateCreating:
		return "Being made in Salesforce"
	}
	return strings.ToUpper(string(s[:1])) + string(s[1:])
}

// Open reports whether something is still to be done about an invitation in this
// state.
func (s State) Open() bool {
	switch s {
	case StateLinked, StateDismissed, StateRejected, StateExpired, StateGone:
		return false
	}
	return true
}

// moves says which states may follow which. What is not here is an error.
var moves = map[State][]State{
	StatePending:    {StateAccepting, StateRejecting, StateAccepted, StateRejected, StateExpired, StateGone},
	StateAccepting:  {StateAccepted, StateRejected, StateExpired, StateGone, StateFailed},
	StateRejecting:  {StateRejected, StateAccepted, StateExpired, StateGone, StateFailed},
	StateAccepted:   {StateConverting, StateCreating, StateLinked, StateDismissed},
	StateDismissed:  {StateAccepted},
	StateConverting: {StateAccepted, StateFailed},
	StateCreating:   {StateLinked, StateFailed},
	StateFailed:     {StateAccepting, StateRejecting, StateConverting, StateCreating, StateLinked, StateDismissed, StateAccepted, StateRejected, StateExpired, StateGone},
}

// CanBecome reports whether next may follow s.
func (s State) CanBecome(next State) bool { return slices.Contains(moves[s], next) }

// Fact is one thing that an invitation tells. Path is the portal's own name of
// it. Of what is hidden Value is empty.
type Fact struct {
	Label string `json:"label"`
	Path  string `json:"path"`
	Value string `json:"value,omitempty"`
}

// Facts are stored as one JSON column.
type Facts = db.JSON[[]Fact]

// Invitation is one offer. RemoteStatus is the portal's word, verbatim; Payload
// and RemoteRecord are the invitation and, when it was accepted, the opportunity
// as the portal gave them. Token is of the call that is being made for State, and
// AskedAt is since when that call may be with the portal. Warned is the fewest days
// left of which was warned, 0 when of none. Draft is what an opportunity is made of
// in Salesforce, OpportunityCRMID the one that was made of it. DueAt is when the engine looks at it
// next; zero is never by itself. OrderKey sorts lists: what needs an answer first,
// the one that expires soonest on top.
type Invitation struct {
	ID               string         `db:"id" json:"id"`
	Cloud            cloud.Cloud    `db:"cloud" json:"cloud"`
	RemoteID         string         `db:"remote_id" json:"remote_id"`
	Kind             Kind           `db:"kind" json:"kind"`
	State            State          `db:"state" json:"state"`
	Reason           string         `db:"reason" json:"reason"`
	RemoteStatus     string         `db:"remote_status" json:"remote_status"`
	Title            string         `db:"title" json:"title"`
	Message          string         `db:"message" json:"message"`
	SenderName       string         `db:"sender_name" json:"sender_name"`
	SenderAccount    string         `db:"sender_account" json:"sender_account"`
	EngagementID     string         `db:"engagement_id" json:"engagement_id"`
	CustomerName     string         `db:"customer_name" json:"customer_name"`
	CustomerCountry  string         `db:"customer_country" json:"customer_country"`
	Facts            Facts          `db:"facts" json:"facts"`
	Hidden           Facts          `db:"hidden" json:"hidden"`
	Payload          string         `db:"payload" json:"-"`
	RemoteRecord     string         `db:"remote_record" json:"-"`
	SentAt           time.Time      `db:"sent_at" json:"sent_at"`
	ExpiresAt        time.Time      `db:"expires_at" json:"expires_at"`
	ReadAt           time.Time      `db:"read_at" json:"read_at"`
	Warned           int64          `db:"warned" json:"-"`
	Token            string         `db:"token" json:"-"`
	AskedAt          time.Time      `db:"asked_at" json:"-"`
	TaskID           string         `db:"task_id" json:"task_id"`
	ContextID        string         `db:"context_id" json:"-"`
	Rejection        string         `db:"rejection" json:"rejection"`
	AnsweredBy       string         `db:"answered_by" json:"answered_by"`
	AnsweredAt       time.Time      `db:"answered_at" json:"answered_at"`
	RemoteOppID      string         `db:"remote_opportunity_id" json:"remote_opportunity_id"`
	OpportunityID    string         `db:"opportunity_id" json:"opportunity_id"`
	OpportunityCRMID string         `db:"opportunity_crm_id" json:"opportunity_crm_id"`
	Draft            db.JSON[Draft] `db:"draft" json:"-"`
	RegistrationID   string         `db:"registration_id" json:"registration_id"`
	Error            string         `db:"error" json:"error"`
	ErrorCode        string         `db:"error_code" json:"error_code"`
	Attempts         int64          `db:"attempts" json:"attempts"`
	FailedFrom       State          `db:"failed_from" json:"failed_from"`
	DueAt            time.Time      `db:"due_at" json:"due_at"`
	OrderKey         string         `db:"order_key" json:"-"`
	StateAt          time.Time      `db:"state_at" json:"state_at"`
	CreatedAt        time.Time      `db:"created_at,insert" json:"created_at"`
	UpdatedAt        time.Time      `db:"updated_at" json:"updated_at"`
	Version          int64          `db:"version" json:"version"`
}

// Name is what the invitation is called: its title, else its customer, else its
// id in the portal.
func (i *Invitation) Name() string {
	switch {
	case i.Title != "":
		return i.Title
	case i.CustomerName != "":
		return i.CustomerName
	}
	return i.RemoteID
}

// Convertible reports whether it is a lead that can be made an opportunity now.
func (i *Invitation) Convertible() bool {
	return i.Kind == KindLead && i.State == StateAccepted && i.RemoteOppID == ""
}

// Linkable reports whether it can be linked with one of our opportunities now.
func (i *Invitation) Linkable() bool {
	return i.RemoteOppID != "" && (i.State == StateAccepted || i.State == StateFailed && i.FailedFrom == StateCreating)
}

// Answerable reports whether it still waits for an answer, or its answer was refused.
func (i *Invitation) Answerable() bool { return i.State == StatePending || i.answerRefused() }

// answerRefused reports whether the portal refused our answer for good.
func (i *Invitation) answerRefused() bool {
	return i.State == StateFailed && (i.FailedFrom == StateAccepting || i.FailedFrom == StateRejecting)
}

// Event is one thing that happened to an invitation.
type Event struct {
	ID           string    `db:"id" json:"id"`
	InvitationID string    `db:"invitation_id" json:"-"`
	Kind         string    `db:"kind" json:"kind"`
	Subject      string    `db:"subject" json:"subject"`
	Body         string    `db:"body" json:"body"`
	ActorKind    string    `db:"actor_kind" json:"actor_kind"`
	ActorName    string    `db:"actor_name" json:"actor_name"`
	HappenedAt   time.Time `db:"happened_at" json:"happened_at"`
}

const day = 24 * time.Hour

// warnDays are the days before its end at which an invitation is warned of; AWS
// lets one stand for 15 days (aws.md §1.8).
var warnDays = []int64{7, 3, 1}

// warning gives the last of the warning days that has come, 0 when none has.
func (i *Invitation) warning(now time.Time) int64 {
	var out int64
	for _, d := range warnDays {
		if !i.ExpiresAt.IsZero() && i.ExpiresAt.Sub(now) <= time.Duration(d)*day {
			out = d
		}
	}
	return out
}

// nextLook is when a pending invitation needs a look: at the next warning, or
// when it expires.
func (i *Invitation) nextLook(now time.Time) time.Time {
	if i.ExpiresAt.IsZero() {
		return time.Time{}
	}
	for _, d := range warnDays {
		if at := i.ExpiresAt.Add(-time.Duration(d) * day); at.After(now) {
			return at
		}
	}
	return i.ExpiresAt
}

// move changes the state, or says that the life cycle does not allow it.
func (i *Invitation) move(next State, now time.Time) error {
	if i.State == next {
		return nil
	}
	if !i.State.CanBecome(next) {
		return problem.Conflict("illegal_transition", fmt.Sprintf("An invitation that is “%s” cannot become “%s”", i.State.Label(), next.Label()))
	}
	i.State, i.StateAt = next, now
	return nil
}

// orderKey sorts what needs an answer before what moves by itself, then what is
// to be linked, then the ends; the first three by the nearest end, the others by
// the youngest. It is digits of a fixed width, so that every collation agrees.
func (i *Invitation) orderKey() string {
	rank, at := 3, int64(1e14)-max(i.SentAt.UnixMilli(), 0)
	switch i.State {
	case StatePending, StateFailed:
		rank, at = 0, i.ExpiresAt.UnixMilli()
	case StateAccepting, StateRejecting, StateConverting, StateCreating:
		rank, at = 1, i.ExpiresAt.UnixMilli()
	case StateAccepted:
		rank, at = 2, i.ExpiresAt.UnixMilli()
	}
	return fmt.Sprintf("%d%015d%s", rank, max(at, 0), i.ID)
}
