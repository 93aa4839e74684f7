// Package handover answers "what does a person have to enter in a portal that Tandem
// cannot reach, and what did they say came of it?". A connector that carries by hand
// asks here and reads here what the portal holds as far as a person told; the life of
// the registration is the same as everywhere.
package handover

import (
	"encoding/json"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Entry is one deal that is entered by hand in one portal. Wanted is the record as it
// shall be, Paths the fields that change (empty when it is entered for the first
// time); both are empty while nothing waits. Record is what the portal holds as far as
// a person told, RemoteID the deal's number there, State how the partner stands to it.
type Entry struct {
	ID            string             `db:"id"`
	OpportunityID string             `db:"opportunity_id"`
	OurID         string             `db:"our_id"` // the opportunity's CRM id
	Cloud         cloud.Cloud        `db:"cloud"`
	Wanted        string             `db:"wanted"`
	Paths         db.JSON[[]string]  `db:"paths"`
	AskedAt       time.Time          `db:"asked_at"`
	Record        string             `db:"record"`
	RemoteID      string             `db:"remote_id"`
	State         registration.State `db:"state"`
	OwnerName     string             `db:"owner_name"`
	OwnerEmail    string             `db:"owner_email"`
	Note          string             `db:"note"` // what the partner says of its decision
	ToldBy        string             `db:"told_by"`
	ToldAt        time.Time          `db:"told_at"`
	CreatedAt     time.Time          `db:"created_at,insert"`
	UpdatedAt     time.Time          `db:"updated_at"`
	Version       int64              `db:"version"`
}

// Waits reports whether a person has something to enter.
func (e *Entry) Waits() bool { return !e.AskedAt.IsZero() }

// New reports whether the deal is to be entered for the first time.
func (e *Entry) New() bool { return e.RemoteID == "" }

// Patience is how long an entry may wait before it is pressing, and how often the
// engine asks again.
const Patience = 48 * time.Hour

// Deal is an entry with the deal that it is of.
type Deal struct {
	Entry
	Name        string `db:"name"`
	AccountName string `db:"account_name"`
	OwnerCRMID  string `db:"owner_crm_id"`
	DealOwner   string `db:"deal_owner"`
}

// Wish is a record that shall be in a portal. Paths are the fields that change.
type Wish struct {
	Cloud  cloud.Cloud
	OurID  string
	Record json.RawMessage
	Paths  []string
}

// Line is one field of the form: what is to be entered, or what it is changed to.
type Line struct {
	Group  string
	Label  string
	Path   string
	Value  string
	Before string // what the portal holds; "" at the first time
	Change bool   // it is to be entered now
}

// States are what a person may say of the partner's answer.
func States() []registration.State {
	return []registration.State{registration.StateSubmitted, registration.StateApproved, registration.StateRejected, registration.StateLaunched, registration.StateClosedLost}
}

// Told is what a person says after they looked at the portal. Entered says that all
// that waits was entered. An owner that is not given stays.
type Told struct {
	RemoteID   string
	Entered    bool
	State      registration.State
	OwnerName  string
	OwnerEmail string
	Note       string
	Version    int64 // the entry's; 0 does not check
}
