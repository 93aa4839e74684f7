// Package automation answers "what does Tandem do with Salesforce by itself, is it
// on, what did it do last, and who changed it?". Every way in which Tandem reads or
// writes Salesforce without a person at the button is one flow here, and each asks
// before it acts.
package automation

import (
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// FlowID names a flow.
type FlowID string

// The flows.
const (
	ReadRecords        FlowID = "read_records"
	ReadActivities     FlowID = "read_activities"
	WriteEdits         FlowID = "write_edits"
	WriteCorrections   FlowID = "write_corrections"
	WriteRegistrations FlowID = "write_registrations"
	WriteTasks         FlowID = "write_tasks"
	WriteActivities    FlowID = "write_activities"
	MakeOpportunities  FlowID = "make_opportunities"
	CheckTagging       FlowID = "check_tagging"
)

// Mode says what a flow does to Salesforce.
type Mode string

// The modes.
const (
	ModeReads  Mode = "reads"  // it reads Salesforce, and changes Tandem only
	ModeWrites Mode = "writes" // it writes to Salesforce
	ModeChecks Mode = "checks" // it looks at what was read, and changes Tandem only
)

// Flow is one thing that Tandem does by itself.
type Flow struct {
	ID      FlowID
	Name    string
	Mode    Mode
	Does    string // what it does, to what, in a Director's words
	When    string // what sets it off
	Objects string // the objects of Salesforce that it touches
	OffText string // what waits while it is off
}

// Flows lists every flow, in the order of a page.
func Flows() []Flow {
	return []Flow{
		{
			ReadRecords, "Read people, accounts and deals", ModeReads,
			"Reads every user, account, opportunity team member, contact role and opportunity that changed since the last time, deleted ones too. The first time everything, in bulk when it is much.",
			"Every few minutes, and when somebody starts a sync",
			"User, Account, OpportunityTeamMember, OpportunityContactRole, Opportunity",
			"What changes in Salesforce is read once it is on again",
		},
		{
			ReadActivities, "Read activities", ModeReads,
			"Reads the Tasks and Events of joint deals that people made or changed in Salesforce.",
			"After each read of records", "Task, Event",
			"Activities made in Salesforce come once it is on again",
		},
		{
			WriteEdits, "Write edited fields", ModeWrites,
			"Writes the value of a field that a person changed in Tandem, or that was taken over from a partner's portal, to the opportunity, unless that was changed since it was read.",
			"When such a value is agreed", "Opportunity",
			"Edited fields wait in Tandem",
		},
		{
			WriteCorrections, "Write tag corrections", ModeWrites,
			"Writes the corrections of partner and route fields that a person confirmed, unless the opportunity was changed since.",
			"When somebody confirms a correction", "Opportunity",
			"Confirmed corrections wait in Tandem",
		},
		{
			WriteRegistrations, "Write back registrations", ModeWrites,
			"Keeps one record for each registration: the portal's id, status and stage, the partner's seller and the last error.",
			"When a registration changes", "CoSell_Registration__c",
			"Salesforce shows registrations as they were",
		},
		{
			WriteTasks, "Log co-sell events", ModeWrites,
			"Logs what happens to a registration (registered, submitted, approved, …) as one completed Task on the opportunity each.",
			"When it happens", "Task",
			"Co-sell events wait in Tandem",
		},
		{
			WriteActivities, "Write recorded activities", ModeWrites,
			"Makes the meetings, calls and other activities that people record in Tandem Events and Tasks, and carries on their changes and cancellations.",
			"When somebody records, changes or cancels one", "Event, Task, EventRelation",
			"Recorded activities wait in Tandem",
		},
		{
			MakeOpportunities, "Make opportunities of referrals", ModeWrites,
			"Makes the opportunity that a person wants of a partner's referral, once, and links the two.",
			"When somebody presses Create in Salesforce", "Opportunity",
			"Wanted opportunities wait in Tandem",
		},
		{
			CheckTagging, "Check tags", ModeChecks,
			"Looks at the partner and route fields of each opportunity that changed, and lists what a tagging rule finds wrong. It changes nothing in Salesforce.",
			"After each read, and when a rule changes", "Opportunity (as read)",
			"New findings are not listed; all deals are looked at once it is on again",
		},
	}
}

// FlowOf gives a flow by its id.
func FlowOf(id FlowID) (Flow, error) {
	list := Flows()
	i := slices.IndexFunc(list, func(f Flow) bool { return f.ID == id })
	if i < 0 {
		return Flow{}, problem.NotFound("flow", string(id))
	}
	return list[i], nil
}

// Change is who switched something off, when, and why.
type Change struct {
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// State is which flows are off. The zero State has all of them on.
type State struct {
	Paused *Change           `json:"paused,omitempty"` // everything
	Off    map[FlowID]Change `json:"off,omitempty"`
}

// Off says why a flow does not run.
type Off struct {
	Flow FlowID
	All  bool // everything is paused
	Change
}

// OffOf gives why a flow does not run; nil: it does. Everything being paused goes
// before the flow's own switch.
func (s *State) OffOf(id FlowID) *Off {
	if s.Paused != nil {
		return &Off{Flow: id, All: true, Change: *s.Paused}
	}
	if c, ok := s.Off[id]; ok {
		return &Off{Flow: id, Change: c}
	}
	return nil
}

// String says in words who switched it off and why.
func (o *Off) String() string {
	text := fmt.Sprintf("%s switched “%s” off", o.By, o.name())
	if o.All {
		text = fmt.Sprintf("%s paused everything that Tandem does with Salesforce", o.By)
	}
	if o.Why != "" {
		text += ": " + o.Why
	}
	return text
}

func (o *Off) name() string {
	f, err := FlowOf(o.Flow)
	if err != nil {
		return string(o.Flow)
	}
	return f.Name
}

// codeOff is the code of the problem that a flow meets that is off.
const codeOff = "flow_off"

// lookAgain is how soon what met a flow that is off looks again by itself. What
// switches it on wakes it sooner.
const lookAgain = 5 * time.Minute

// Err is what is met by whoever would act for the flow: something that passes.
func (o *Off) Err() error {
	return problem.FromRemote(problem.Remote{System: "salesforce", Operation: string(o.Flow), Code: codeOff, Retry: problem.RetryLater, RetryAfter: lookAgain},
		"Waits: "+o.String(), nil)
}

// IsOff reports whether err says that a flow is off.
func IsOff(err error) bool {
	r := problem.RemoteOf(err)
	return r != nil && r.Code == codeOff
}

// Counts is what a flow did: records that it looked at, that it changed (in
// Salesforce, or, by a flow that reads or checks, in Tandem), that were as they
// should be, and that were refused for good; and how often something went wrong
// that passes.
type Counts struct {
	Looked    int64 `db:"looked" json:"looked"`
	Changed   int64 `db:"changed" json:"changed"`
	Unchanged int64 `db:"unchanged" json:"unchanged"`
	Refused   int64 `db:"refused" json:"refused"`
	Failures  int64 `db:"failures" json:"failures"`
}

// Plus gives the sum.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Looked + d.Looked, c.Changed + d.Changed, c.Unchanged + d.Unchanged, c.Refused + d.Refused, c.Failures + d.Failures}
}

// FieldChange is one field that a write would change: what Salesforce has now, and
// what it would have.
type FieldChange struct {
	Field string `json:"field"` // its name in Salesforce
	From  string `json:"from"`
	To    string `json:"to"`
}

// Act is what would become of a record.
type Act string

// The acts.
const (
	ActCreate Act = "create"
	ActUpdate Act = "update"
	ActDelete Act = "delete"
	ActSame   Act = "same" // it is as it should be
	ActWait   Act = "wait" // nothing now: Note says why
)

// RecordChange is what a dry run found of one record.
type RecordChange struct {
	Act    Act           `json:"act"`
	Object string        `json:"object"`
	CRMID  string        `json:"crm_id"` // "" is not there yet
	Key    string        `json:"key"`    // the external id, if it has one
	Name   string        `json:"name"`   // what people know it by
	About  string        `json:"about"`  // the CRM id of the opportunity that it is about, "" for none
	Fields []FieldChange `json:"fields"`
	Note   string        `json:"note"`
}

// CodeDryRun is the code of the problem that a write meets of which only is asked
// what it would change.
const CodeDryRun = "dry_run"

// IsDryRun reports whether err says that nothing was sent because it is a dry run.
func IsDryRun(err error) bool {
	r := problem.RemoteOf(err)
	return r != nil && r.Code == CodeDryRun
}
