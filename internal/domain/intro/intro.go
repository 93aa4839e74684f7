// Package intro answers "who of ours meets whom of the partner's on this deal, when,
// and what came of it?": intro meetings, from the match of the two sellers that a
// person confirms, over the times proposed, to the meeting held and its next step. A
// confirmed one is an activity, and so an Event in Salesforce.
package intro

import (
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// State is where a meeting stands in its life.
type State string

// The states. Held and Cancelled are ends; of a no-show a new time can be agreed.
const (
	StateProposed  State = "proposed"  // times are proposed, none is agreed
	StateConfirmed State = "confirmed" // a time is agreed: there is an Event and an invitation
	StateHeld      State = "held"
	StateNoShow    State = "no_show"
	StateCancelled State = "cancelled"
)

// States lists all states in the order of the life.
func States() []State {
	return []State{StateProposed, StateConfirmed, StateHeld, StateNoShow, StateCancelled}
}

// Label is the state in words.
func (s State) Label() string {
	switch s {
	case StateProposed:
		return "Times proposed"
	case StateConfirmed:
		return "Confirmed"
	case StateHeld:
		return "Held"
	case StateNoShow:
		return "No-show"
	case StateCancelled:
		return "Cancelled"
	}
	return string(s)
}

// Open reports whether something is still to be done about a meeting in this state.
func (s State) Open() bool { return s != StateHeld && s != StateCancelled }

// may lists which state can follow which. A confirmed one can be given another time.
var may = map[State][]State{
	StateProposed:  {StateConfirmed, StateCancelled},
	StateConfirmed: {StateConfirmed, StateHeld, StateNoShow, StateCancelled},
	StateNoShow:    {StateConfirmed, StateCancelled},
}

// Party is one of the two sellers. CRMID is that of our seller's Salesforce user, if
// there is one; Zone is an IANA name.
type Party struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Company string `json:"company"`
	Role    string `json:"role"`
	CRMID   string `json:"crm_id,omitempty"`
	Zone    string `json:"zone"`
}

// In gives an instant in the party's zone, UTC if that is not known.
func (p Party) In(t time.Time) time.Time {
	l, _ := zone.Load(p.Zone)
	return t.In(l)
}

// Slot is a time at which the two could meet.
type Slot struct {
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

// Meeting is one intro meeting. StartsAt and EndsAt are zero until it is confirmed.
// Sequence counts the changes of an invitation that was sent (RFC 5545 §3.8.7.4).
type Meeting struct {
	ID             string          `db:"id"`
	OpportunityID  string          `db:"opportunity_id"`
	Cloud          cloud.Cloud     `db:"cloud"`
	State          State           `db:"state"`
	Title          string          `db:"title"`
	Agenda         string          `db:"agenda"`
	Location       string          `db:"location"`
	Ours           db.JSON[Party]  `db:"ours"`
	Theirs         db.JSON[Party]  `db:"theirs"`
	OrganizerID    string          `db:"organizer_id"`
	OrganizerName  string          `db:"organizer_name"`
	OrganizerEmail string          `db:"organizer_email"`
	Slots          db.JSON[[]Slot] `db:"slots"`
	StartsAt       time.Time       `db:"starts_at"`
	EndsAt         time.Time       `db:"ends_at"`
	Sequence       int64           `db:"sequence"`
	ActivityID     string          `db:"activity_id"`
	Outcome        string          `db:"outcome"`
	NextStep       string          `db:"next_step"`
	NextStepOn     date.Date       `db:"next_step_on"`
	NextActivityID string          `db:"next_activity_id"`
	Reason         string          `db:"reason"` // why it was cancelled
	StateAt        time.Time       `db:"state_at"`
	CreatedAt      time.Time       `db:"created_at,insert"`
	UpdatedAt      time.Time       `db:"updated_at"`
	Version        int64           `db:"version"`
}

// UID is the meeting's name in calendars, the same for its whole life.
func (m *Meeting) UID() string { return m.ID + "@tandem" }

// Invited reports whether an invitation was made, so that calendars have to be told of
// a change.
func (m *Meeting) Invited() bool { return m.ActivityID != "" }

// Over reports whether a confirmed meeting should have taken place by now.
func (m *Meeting) Over(now time.Time) bool { return m.State == StateConfirmed && !m.EndsAt.After(now) }

// Event is one thing that happened to a meeting.
type Event struct {
	ID         string    `db:"id"`
	MeetingID  string    `db:"meeting_id"`
	Kind       string    `db:"kind"`
	Subject    string    `db:"subject"`
	Body       string    `db:"body"`
	ActorKind  string    `db:"actor_kind"`
	ActorName  string    `db:"actor_name"`
	HappenedAt time.Time `db:"happened_at"`
}
