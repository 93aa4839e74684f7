package registration

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
)

// Deal is all that Tandem knows of one joint opportunity: what a portal's
// payload is made of. Owner is the opportunity's owner as a team member.
type Deal struct {
	Opportunity opportunity.Opportunity
	Account     account.Account
	Owner       opportunity.Member
	Members     []opportunity.Member
	Contacts    []opportunity.Contact
	Solutions   []string // ids of the partner solutions to link
	Today       date.Date
}

// Severity says whether a finding keeps the deal from being registered.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one way in which a deal does not meet what the portal requires.
type Finding struct {
	Rule     string   `json:"rule"`      // stable id, "aws.postal_code_format"
	Field    string   `json:"field"`     // the portal's name of the field, verbatim
	Label    string   `json:"label"`     // the field in words
	CRMField string   `json:"crm_field"` // where it is mended in Salesforce: "Account.BillingPostalCode"
	Severity Severity `json:"severity"`
	Message  string   `json:"message"` // what is wrong, with the value found
	Value    string   `json:"value"`
	Mend     string   `json:"mend"`   // what to do
	Source   string   `json:"source"` // where the rule comes from
}

// Findings is a list of findings, stored as JSON text.
type Findings []Finding

// Errors counts the findings that block.
func (f Findings) Errors() int {
	n := 0
	for _, x := range f {
		if x.Severity == SeverityError {
			n++
		}
	}
	return n
}

// Value stores the findings as JSON.
func (f Findings) Value() (driver.Value, error) { return jsonText([]Finding(f)) }

// Scan reads what Value stored.
func (f *Findings) Scan(src any) error { return readJSON(src, (*[]Finding)(f)) }

func jsonText[T any](list []T) (driver.Value, error) {
	if list == nil {
		return "[]", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

func readJSON[T any](src any, list *[]T) error {
	switch v := src.(type) {
	case nil:
		*list = nil
		return nil
	case string:
		return json.Unmarshal([]byte(v), list)
	case []byte:
		return json.Unmarshal(v, list)
	}
	return fmt.Errorf("cannot read a JSON list from %T", src)
}

// Remote is what a portal says of one registration. Record and Summary are the
// portal's answers as they came, kept whole so that fields we do not know
// survive an update.
type Remote struct {
	ID            string
	Version       string // the portal's lock, verbatim
	Status        string // the portal's word for the review state
	Stage         string // the portal's word for the stage
	State         State  // the status in our words
	ReviewComment string
	EngagementID  string
	Motion        string // how the partner will work it, verbatim
	URL           string
	Record        json.RawMessage
	Summary       json.RawMessage
	Sellers       Sellers
}

// Seller is a person of the partner's who works the deal.
type Seller struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Role  string `json:"role"`
}

// Sellers is a list of the partner's sellers, stored as JSON text.
type Sellers []Seller

// Value stores the sellers as JSON.
func (s Sellers) Value() (driver.Value, error) { return jsonText([]Seller(s)) }

// Scan reads what Value stored.
func (s *Sellers) Scan(src any) error { return readJSON(src, (*[]Seller)(s)) }

// FieldPair is one field of the two-column view: our value beside the
// partner's.
type FieldPair struct {
	Group       string `json:"group"` // "Customer", "Project", …
	Label       string `json:"label"`
	Path        string `json:"path"`   // the portal's name of the field
	Ours        string `json:"ours"`   // what we would send
	Theirs      string `json:"theirs"` // what the portal holds; "" when not yet there
	CRMField    string `json:"crm_field"`
	How         string `json:"how"`          // how our value came about, when it is not copied as it is
	Same        bool   `json:"same"`         // the two agree
	Locked      bool   `json:"locked"`       // the portal refuses a change in its present state
	LockReason  string `json:"lock_reason"`  // why
	LockedUntil string `json:"locked_until"` // until when, in words
}

// Task is the state of a portal's asynchronous submit.
type Task struct {
	ID           string
	Done         bool
	Failed       bool
	Reason       string
	EngagementID string
}

// Solution is something we sell that the portal lets us link to a deal.
type Solution struct {
	Cloud    cloud.Cloud `db:"cloud" json:"cloud"`
	RemoteID string      `db:"remote_id" json:"remote_id"`
	Name     string      `db:"name" json:"name"`
	Category string      `db:"category" json:"category"`
	Status   string      `db:"status" json:"status"`
	SeenAt   time.Time   `db:"seen_at" json:"seen_at"`
}

// CodeOwnPace is the code of a remote problem that says that a call was not sent,
// because of the pace that the connector keeps to; RetryAfter says when to come
// again. It is no failure.
const CodeOwnPace = "own_pace"

// CodeHandedOver is the code of a remote problem that says that a person was asked to
// do the call by hand: it is no failure, and is asked about again after RetryAfter.
const CodeHandedOver = "handed_over"

// Portal is a partner's portal. Errors are problem errors: kind remote with a
// retry class; RetryUnsure when a write may have been done. Every call with a
// token gives the same answer when it is repeated with the same token and
// payload.
type Portal interface {
	// Cloud says whose portal it is.
	Cloud() cloud.Cloud
	// Check says, without asking the portal, what it would refuse.
	Check(d Deal) Findings
	// Payload makes the create request for a deal that passed Check.
	Payload(d Deal) (json.RawMessage, error)
	// Create makes the record at the portal and gives its id and version.
	Create(ctx context.Context, payload json.RawMessage, token string) (Remote, error)
	// Find looks for the record that belongs to the opportunity; nil when the
	// portal has none. It settles an unknown outcome of Create.
	Find(ctx context.Context, d Deal) (*Remote, error)
	// Associate links a solution; linking it twice is no error.
	Associate(ctx context.Context, remoteID, solution string) error
	// Submit starts handing the record to the partner.
	Submit(ctx context.Context, remoteID, token string) (Task, error)
	// TaskStatus reads how far a submit is.
	TaskStatus(ctx context.Context, taskID string) (Task, error)
	// Read gives the record and what the partner says of it. A record that
	// cannot be found is a problem of kind not_found.
	Read(ctx context.Context, remoteID string) (Remote, error)
	// ReadRecord is Read without what the partner says beside the record: all that
	// a merge needs, at the least cost. Sellers, Motion and Summary are not set.
	ReadRecord(ctx context.Context, remoteID string) (Remote, error)
	// Fields lists what is kept true in the portal after the registration.
	Fields() []FieldInfo
	// Ours gives the deal's values of Fields as the portal would be sent them.
	Ours(d Deal) Values
	// Theirs gives the values of Fields, in the same form, of a record or of a
	// payload that Payload made.
	Theirs(record json.RawMessage) (Values, error)
	// ChangedAt is when the portal last changed a record of that version; zero
	// when the version does not say.
	ChangedAt(version string) time.Time
	// Locked says whether the portal takes a change of a field.
	Locked(status, stage, path string) Lock
	// CheckChanges says, without asking the portal, what it would refuse of the
	// changes of a record.
	CheckChanges(d Deal, record json.RawMessage, changes Values) (Findings, error)
	// Update changes fields of the record, which is as it was last read; all that
	// it holds beside them stays. The portal's refusal because the record changed
	// meanwhile is a problem of kind precondition.
	Update(ctx context.Context, remoteID string, record json.RawMessage, changes Values) (Remote, error)
	// Changes lists, the oldest first, the records that changed since then.
	Changes(ctx context.Context, since time.Time) iter.Seq2[RemoteChange, error]
	// Compare lays our values beside the portal's. record may be empty.
	Compare(d Deal, record json.RawMessage, status, stage string) []FieldPair
	// Solutions lists what may be linked; nil when the portal's deals name none.
	Solutions(ctx context.Context) ([]Solution, error)
}

// FieldInfo is a field of the portal's record that Tandem keeps true. Owner is who
// wins unless the team's setting says otherwise. Writes names the opportunity's
// field ("opportunity.next_steps") that the portal's value can be written back to
// as it is; "" when there is none. Input says how a person enters a value, Options
// what it may be, Max how many characters it has at most (0: no bound is known); of
// rows Columns are what each holds, and Row what one is called.
// Show words a value for people; nil shows texts and lists as they are. Enter and
// Read, if set, turn a structure into the one text that a person enters, and back:
// all else is as in like. Becomes says which values (JSON) end the deal at the
// partner: StateLaunched or StateClosedLost.
type FieldInfo struct {
	Path     string
	Label    string
	Group    string
	CRMField string
	Owner    Owner
	Writes   string
	Becomes  map[string]State
	Input    Input
	Options  []string
	Max      int
	Columns  []Column
	Row      string
	Show     func(value string) string
	Enter    func(value string) string
	Read     func(text, like string) (string, error)
}

// Lock says whether, why and until when a portal refuses the change of a field.
// Final is for good.
type Lock struct {
	Locked bool
	Reason string
	Until  string
	Final  bool
}

// RemoteChange is a line of a portal's list of changes. OurID is the
// opportunity's CRM id as the portal has it, "" when it does not say. Draft says
// that the record has not reached the partner yet.
type RemoteChange struct {
	RemoteID  string
	Version   string
	Status    string
	Stage     string
	OurID     string
	Company   string
	Draft     bool
	ChangedAt time.Time
}

// CRMChange is what a portal or a person changed in Tandem and Salesforce shall
// have: our names of the opportunity's fields and their text. ReadAt is the
// modification stamp of the record that the change was made on: a record that was
// changed since is not written over, unless the field mapping says otherwise. MadeAt is
// when the change was made.
type CRMChange struct {
	OpportunityCRMID string
	Fields           map[string]string
	ReadAt           time.Time
	MadeAt           time.Time
}

// CRMRecord is a registration as Salesforce keeps it (CoSell_Registration__c).
type CRMRecord struct {
	Key              string // external id, see CRMKey
	RegistrationID   string
	Version          int64
	Cloud            cloud.Cloud
	Offered          bool // by the partner, to us
	OpportunityCRMID string
	PortalID         string
	PortalStatus     string
	PortalStage      string
	SellerEmail      string
	PortalModified   string
	State            State
	SyncState        string
	LastError        string
	ChangedAt        time.Time // when Tandem last came to know something of it
}

// CRMResult is how the writing of one record went: Err nil is done. Lost says that it
// was refused because a record that it is about is not there.
type CRMResult struct {
	RowID   string
	Created bool
	Lost    bool
	Err     error
}

// CRMRow is the record of a registration as it is in Salesforce.
type CRMRow struct {
	RowID   string
	Key     string
	Deleted bool
	Stamp   time.Time
}

// CRM is where registrations are written back. Results are in the order of the
// records; an error of the whole call, such as a refused sign-in, means that
// nothing is known of any: it is no refusal of theirs.
type CRM interface {
	UpsertRegistrations(ctx context.Context, records []CRMRecord) ([]CRMResult, error)
	// UpdateOpportunity writes one change. The result's error for a record that was
	// changed since is a problem of kind precondition; nothing is written then.
	UpdateOpportunity(ctx context.Context, c CRMChange) (CRMResult, error)
}
