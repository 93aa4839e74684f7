// Package activity answers "what happened on this deal, and does Salesforce
// know?": the joint activities of an opportunity or account, whether the engine logs
// them, a person records them or Salesforce has them already. What is made here
// becomes one Task or Event there, once, however often the writing is repeated. See
// README.md for the invariants.
package activity

import (
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// CRMState says whether Salesforce has the activity.
type CRMState string

// The states of an activity in Salesforce.
const (
	CRMStateNone     CRMState = "none"     // not meant for Salesforce
	CRMStatePending  CRMState = "pending"  // to be written
	CRMStateLogged   CRMState = "logged"   // Salesforce has it as it is here
	CRMStateFailed   CRMState = "failed"   // Salesforce refused it for good; see CRMError
	CRMStateConflict CRMState = "conflict" // changed here and there: a person says which holds; see Theirs
)

// Origin says where an activity was made.
type Origin string

// The origins.
const (
	OriginEngine Origin = "engine" // Tandem itself logs what happened to a registration
	OriginPerson Origin = "person" // somebody recorded it in Tandem
	OriginCRM    Origin = "crm"    // somebody made it in Salesforce
)

// Object is the object of Salesforce that holds an activity.
type Object string

// The objects.
const (
	ObjectTask  Object = "Task"
	ObjectEvent Object = "Event"
)

// Kind says what sort of thing happened. What the engine logs has kinds of its own
// ("approved", "submitted").
type Kind string

// The kinds that a person records; KindIntroMeeting is made by the meetings of
// package intro, KindTask is any other Task of Salesforce.
const (
	KindMeeting      Kind = "meeting"
	KindCall         Kind = "call"
	KindEmail        Kind = "email"
	KindIntroduction Kind = "introduction"
	KindRequest      Kind = "request"
	KindDecision     Kind = "decision"
	KindIntroMeeting Kind = "intro_meeting"
	KindTask         Kind = "task"
)

// Recordable lists the kinds that a person records.
func Recordable() []Kind {
	return []Kind{KindMeeting, KindCall, KindEmail, KindIntroduction, KindRequest, KindDecision}
}

// Label is the kind in words, "" for those of the engine.
func (k Kind) Label() string {
	switch k {
	case KindMeeting:
		return "Meeting"
	case KindCall:
		return "Call"
	case KindEmail:
		return "E-mail"
	case KindIntroduction:
		return "Introduction"
	case KindRequest:
		return "Request"
	case KindDecision:
		return "Decision"
	case KindIntroMeeting:
		return "Intro meeting"
	case KindTask:
		return "Task"
	}
	return ""
}

// Object is what the kind becomes in Salesforce: what has a beginning and an end
// is an Event, all else a Task of a day.
func (k Kind) Object() Object {
	if k == KindMeeting || k == KindIntroMeeting {
		return ObjectEvent
	}
	return ObjectTask
}

// Side says whose an attendee is.
type Side string

// The sides.
const (
	SideOurs     Side = "ours"
	SidePartner  Side = "partner"
	SideCustomer Side = "customer"
)

// Label is the side in words.
func (s Side) Label() string {
	switch s {
	case SideOurs:
		return "Ours"
	case SidePartner:
		return "Partner"
	case SideCustomer:
		return "Customer"
	}
	return string(s)
}

// Attendee is somebody who takes part. One with an address that Salesforce knows is
// linked there; all are named in the description.
type Attendee struct {
	Name    string `json:"name"`
	Email   string `json:"email"`
	Company string `json:"company"`
	Side    Side   `json:"side"`
}

// Activity is one thing that happened on an opportunity, or with an account where
// OpportunityID is "". CRMKey is the external id of its Task or Event
// (CoSell_Activity_Key__c), or that record's own id where it was made there. An Event
// has StartsAt and EndsAt, a Task the day On and, if it is a call, Minutes.
type Activity struct {
	ID            string                `db:"id" json:"id"`
	CRMKey        string                `db:"crm_key" json:"crm_key"`
	OpportunityID string                `db:"opportunity_id" json:"opportunity_id"`
	AccountID     string                `db:"account_id" json:"account_id"`
	Cloud         cloud.Cloud           `db:"cloud" json:"cloud"`
	Origin        Origin                `db:"origin" json:"origin"`
	Kind          Kind                  `db:"kind" json:"kind"`
	Subject       string                `db:"subject" json:"subject"`
	Body          string                `db:"body" json:"body"`
	Location      string                `db:"location" json:"location"`
	StartsAt      time.Time             `db:"starts_at" json:"starts_at,omitzero"`
	EndsAt        time.Time             `db:"ends_at" json:"ends_at,omitzero"`
	On            date.Date             `db:"on_day" json:"on"`
	Minutes       int64                 `db:"minutes" json:"minutes"`
	OwnerCRMID    string                `db:"owner_crm_id" json:"owner_crm_id"`
	OwnerName     string                `db:"owner_name" json:"owner_name"`
	Attendees     db.JSON[[]Attendee]   `db:"attendees" json:"attendees"`
	Done          bool                  `db:"done" json:"done"` // false: a Task that is open in Salesforce
	CancelledAt   time.Time             `db:"cancelled_at" json:"cancelled_at,omitzero"`
	CancelReason  string                `db:"cancel_reason" json:"cancel_reason"`
	ActorKind     authz.Kind            `db:"actor_kind" json:"actor_kind"`
	ActorID       string                `db:"actor_id" json:"actor_id"`
	ActorName     string                `db:"actor_name" json:"actor_name"`
	HappenedAt    time.Time             `db:"happened_at" json:"happened_at"`
	CRMObject     Object                `db:"crm_object" json:"crm_object"`
	CRMState      CRMState              `db:"crm_state" json:"crm_state"`
	CRMTaskID     string                `db:"crm_task_id" json:"crm_task_id"` // of the Task or Event
	CRMError      string                `db:"crm_error" json:"crm_error"`
	CRMStamp      time.Time             `db:"crm_stamp" json:"-"`              // the record's modification stamp when Agreed was read
	GoneAt        time.Time             `db:"gone_at" json:"gone_at,omitzero"` // when it was found deleted in Salesforce
	Agreed        db.JSON[*Agreement]   `db:"agreed" json:"-"`
	Theirs        db.JSON[*TheirChange] `db:"theirs" json:"-"`
	LoggedAt      time.Time             `db:"logged_at" json:"logged_at,omitzero"`
	CreatedAt     time.Time             `db:"created_at,insert" json:"-"`
	UpdatedAt     time.Time             `db:"updated_at" json:"-"`
	Version       int64                 `db:"version" json:"version"`
}

// Cancelled reports whether somebody cancelled it.
func (a *Activity) Cancelled() bool { return !a.CancelledAt.IsZero() }

// Recorded reports whether a person made it in Tandem, and may change it there.
func (a *Activity) Recorded() bool { return a.Origin == OriginPerson }
