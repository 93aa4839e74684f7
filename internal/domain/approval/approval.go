// Package approval answers "may this go to the partner now, or does a Director
// approve it first?". It stands around the use cases that reach a partner: what
// the policies let the person do alone is done at once; the rest becomes a request
// that a Director decides on, and that goes out by itself when approved. See
// README.md for the life of a request and its invariants.
package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// State is where a request stands.
type State string

// The states. All but Pending are final.
const (
	StatePending    State = "pending"
	StateApproved   State = "approved"   // approved, and done in the same transaction
	StateRefused    State = "refused"    // a Director said no
	StateWithdrawn  State = "withdrawn"  // who asked took it back
	StateSuperseded State = "superseded" // what it asked for could not be done any more
)

// States lists all states.
func States() []State {
	return []State{StatePending, StateApproved, StateRefused, StateWithdrawn, StateSuperseded}
}

// Label is the state in words.
func (s State) Label() string {
	switch s {
	case StatePending:
		return "Waits for approval"
	case StateApproved:
		return "Approved"
	case StateRefused:
		return "Refused"
	case StateWithdrawn:
		return "Withdrawn"
	case StateSuperseded:
		return "Out of date"
	}
	return string(s)
}

// The names of the wishes that this package has executors for.
const (
	WishRegister  = "register"
	WishMarkJoint = "mark_joint"
	WishPut       = "put"
	WishSettle    = "settle"
	WishResend    = "resend"
)

// Wish is what somebody wants done. Name is that of its executor, Action what it
// is to the policies, Subject the id of the record it is about and Part the part of
// that record, "" for the whole. Title and Details say it in words, Arguments is
// the JSON that the executor gets. What is about no opportunity of ours says the
// deal's name, account, amount and whether it is contested; for the others these
// are looked up. Own says that the deal is the actor's, where a policy asks for it.
// Unvalued says that no value of ours is at stake, as in the answer to an
// invitation: no limit is compared with it.
type Wish struct {
	Name          string
	Action        authz.Action
	Subject       string
	Part          string
	OpportunityID string
	Cloud         cloud.Cloud
	Title         string
	Details       []string
	Arguments     any
	DealName      string
	AccountName   string
	Amount        money.Amount
	Contested     bool
	Own           bool
	Unvalued      bool
}

// Request is a wish that waits for a Director or was decided on. Why says why it
// needs approval; Note is the Director's, Outcome why it could not be done any
// more. SeenAt is when who asked took note of the decision.
type Request struct {
	ID              string            `db:"id" json:"id"`
	Wish            string            `db:"wish" json:"wish"`
	Action          authz.Action      `db:"action" json:"action"`
	Subject         string            `db:"subject" json:"subject"`
	Part            string            `db:"part" json:"part"`
	OpportunityID   string            `db:"opportunity_id" json:"opportunity_id"`
	Cloud           cloud.Cloud       `db:"cloud" json:"cloud"`
	Title           string            `db:"title" json:"title"`
	Details         db.JSON[[]string] `db:"details" json:"details"`
	Arguments       string            `db:"arguments" json:"-"`
	Why             db.JSON[[]string] `db:"why" json:"why"`
	DealName        string            `db:"deal_name" json:"deal_name"`
	AccountName     string            `db:"account_name" json:"account_name"`
	Currency        string            `db:"currency" json:"currency"`
	AmountMinor     *int64            `db:"amount_minor" json:"amount_minor"`
	State           State             `db:"state" json:"state"`
	RequestedBy     string            `db:"requested_by" json:"requested_by"`
	RequestedByName string            `db:"requested_by_name" json:"requested_by_name"`
	RequestedKind   authz.Kind        `db:"requested_kind" json:"requested_kind"`
	RequestedAt     time.Time         `db:"requested_at" json:"requested_at"`
	DecidedBy       string            `db:"decided_by" json:"decided_by"`
	DecidedByName   string            `db:"decided_by_name" json:"decided_by_name"`
	DecidedAt       time.Time         `db:"decided_at" json:"decided_at"`
	Note            string            `db:"note" json:"note"`
	Outcome         string            `db:"outcome" json:"outcome"`
	SeenAt          time.Time         `db:"seen_at" json:"-"`
	CreatedAt       time.Time         `db:"created_at,insert" json:"-"`
	UpdatedAt       time.Time         `db:"updated_at" json:"updated_at"`
	Version         int64             `db:"version" json:"version"`

	// SentTo says who may approve it, in words; filled where a wish became a request.
	SentTo string `db:"-" json:"-"`
}

// Amount gives the deal's amount, or none.
func (r *Request) Amount() money.Amount {
	if r.AmountMinor == nil || r.Currency == "" {
		return money.Amount{}
	}
	return money.Amount{Minor: *r.AmountMinor, Currency: r.Currency}
}

// Message says to who asked what happened to the wish.
func (r *Request) Message() string {
	return fmt.Sprintf("Sent to %s for approval: it goes out by itself when approved", r.SentTo)
}

// Read puts the arguments into a value.
func (r *Request) Read(arguments any) error {
	if err := json.Unmarshal([]byte(r.Arguments), arguments); err != nil {
		return fmt.Errorf("the arguments of request %s (%s): %w", r.ID, r.Wish, err)
	}
	return nil
}

// Executor does what a wish asks for. Run does it in tx, or plans in tx the job
// that does it, as the actor of ctx, who is whoever asked; it must do nothing
// outside tx, for it is also run and rolled back to tell whether a wish can be done
// at all. A problem of kind conflict, not_found, invalid or forbidden, or of kind
// precondition with the code moved_on, says that it cannot be done any more; any
// other precondition that a row changed meanwhile, and it is tried again. Merge, if set, joins a newer wish with the
// pending one of the same person into newer; without it the newer one stands alone.
// Tell, if set, keeps each step of a request on the timeline of the record that it
// is about, beside that of the deal.
type Executor struct {
	Run   func(ctx context.Context, tx *db.Tx, r *Request) error
	Merge func(older, newer *Request) error
	Tell  func(ctx context.Context, tx *db.Tx, r *Request, kind, subject, body string) error
}

// why lists reasons without repetition, in a fixed order.
func why(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}
