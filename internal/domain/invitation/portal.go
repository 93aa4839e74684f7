package invitation

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
)

// Portal is where a partner invites us. What it refuses is a problem of kind
// remote; a record that is not as the caller believes (answered already, an answer
// under way) is one of kind precondition, after which the caller looks; one that
// is not there is of kind not found.
type Portal interface {
	// Cloud says whose portal it is.
	Cloud() cloud.Cloud
	// List gives the invitations that we received; pending leaves out those that
	// were answered or are over.
	List(ctx context.Context, pending bool) iter.Seq2[Summary, error]
	// Get reads one invitation.
	Get(ctx context.Context, remoteID string) (Remote, error)
	// Accept begins to accept. The token makes it safe to repeat for a deal; a lead
	// is accepted at once, and a lost answer to that has to be looked for.
	Accept(ctx context.Context, remoteID string, kind Kind, token string) (Task, error)
	// AcceptTask reads how far the acceptance of a deal is. Without a task id it
	// finds the latest that did not fail.
	AcceptTask(ctx context.Context, remoteID, taskID string) (t Task, found bool, err error)
	// Reject says no, for one of the Rejections. A lost answer has to be looked for.
	Reject(ctx context.Context, remoteID, reason string) error
	// Rejections lists the reasons that the portal takes.
	Rejections() []string
	// Lead finds the lead in an accepted invitation's engagement.
	Lead(ctx context.Context, engagementID string) (contextID string, err error)
	// Convert begins to make an opportunity of a lead; safe to repeat with the token.
	Convert(ctx context.Context, engagementID, contextID, token string) (Task, error)
	// ConvertTask is AcceptTask for Convert.
	ConvertTask(ctx context.Context, engagementID, contextID, taskID string) (t Task, found bool, err error)
	// Made finds the opportunity that we have in an engagement, "" for none: of an
	// invitation that was accepted in the portal itself.
	Made(ctx context.Context, engagementID string) (remoteOppID string, err error)
	// Opportunity reads the opportunity that an invitation became.
	Opportunity(ctx context.Context, remoteOppID string) (Opportunity, error)
	// Draft says in our fields what the portal tells of an invitation, or of the
	// opportunity that it became: what one of Salesforce can be made of. stages are
	// Salesforce's that it may begin in. It makes no call.
	Draft(i *Invitation, stages []string) ([]Drafted, error)
}

// Status is the portal's status of an invitation in words of ours.
type Status string

// The statuses; "" is a word that we do not know.
const (
	StatusPending  Status = "pending"
	StatusAccepted Status = "accepted"
	StatusRejected Status = "rejected"
	StatusExpired  Status = "expired"
)

// Summary is an invitation as the portal lists it.
type Summary struct {
	RemoteID      string
	Kind          Kind
	Status        Status
	RemoteStatus  string // verbatim
	Title         string
	SenderName    string
	SenderAccount string
	EngagementID  string
	SentAt        time.Time
	ExpiresAt     time.Time
}

// Remote is an invitation as the portal shows it: what it tells, and what it
// hides until it is accepted.
type Remote struct {
	Summary
	Message         string
	Rejection       string
	CustomerName    string
	CustomerCountry string
	Facts           []Fact
	Hidden          []Fact
	Raw             json.RawMessage
}

// Task is how far a thing is that the portal does in its own time. Reason says
// why it failed.
type Task struct {
	ID          string
	Done        bool
	Failed      bool
	RemoteOppID string // of the opportunity that it made
	Reason      string
}

// Opportunity is what an accepted invitation became.
type Opportunity struct {
	RemoteID     string
	Title        string
	CustomerName string
	Facts        []Fact
	Raw          json.RawMessage
}
