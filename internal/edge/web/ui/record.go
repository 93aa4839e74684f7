package ui

import (
	"context"
	"io"
	"time"

	"github.com/a-h/templ"
)

// Fact is one named value.
type Fact struct {
	Label string
	Value templ.Component // nil shows as "not set"
	// How, if set, is how the value came to be, behind a disclosure.
	How templ.Component
}

// FactsList shows named values: in a column of a record page, or as the Key
// facts of its header.
type FactsList struct{ Facts []Fact }

// Render writes the list.
func (f FactsList) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

// RecordHeader heads the page of one record (with Page.HideTitle).
type RecordHeader struct {
	Title string
	// Kind says what it is: "Opportunity".
	Kind string
	// State is the record's own state; Marks are further badges.
	State Badge
	Marks []templ.Component
	// Next is the next action in the person's words, with its reason, clock and
	// the one act that does it. An empty Text leaves it out.
	Next NextAction
	// Facts are the four to six facts that matter most.
	Facts   []Fact
	Actions []Button
	Menu    *Menu
}

// NextAction says what should happen now.
type NextAction struct {
	Tone Tone
	Text string
	Why  string
	Due  time.Time
	Act  *Button
}

// Render writes the header.
func (r RecordHeader) Render(ctx context.Context, w io.Writer) error { return r.html().Render(ctx, w) }

// CompareState says how our value and the partner's stand to each other.
type CompareState string

// The states of a line.
const (
	CompareSame     CompareState = "same"     // both sides agree
	CompareOurs     CompareState = "ours"     // ours is newer and will be sent
	CompareTheirs   CompareState = "theirs"   // theirs is newer
	CompareDiffers  CompareState = "differs"  // the two are not the same; nobody knows yet which counts
	CompareConflict CompareState = "conflict" // both changed: a person decides
	CompareOnlyOurs CompareState = "only"     // the partner has no such field
	CompareUnknown  CompareState = "unknown"  // not read yet
	CompareLocked   CompareState = "locked"   // ours waits until the partner takes it
	CompareRefused  CompareState = "refused"  // the partner does not take ours
	CompareApart    CompareState = "apart"    // each side keeps its own
)

// Lock says why a field cannot be changed now.
type Lock struct {
	Reason string
	Until  time.Time // zero when nobody knows
}

// CompareLine is one field: our value beside the partner's.
type CompareLine struct {
	Field string
	// Remote is the partner's own name of the field, verbatim.
	Remote string
	Ours   templ.Component
	Theirs templ.Component
	State  CompareState
	Lock   *Lock
	// How says how our value came to be: source, rule, time.
	How templ.Component
	// Fix is the act that settles a difference, or changes the value.
	Fix *Button
	// Note says more of the state: who changed it, why it waits.
	Note templ.Component
}

// CompareTable shows fields in two columns, ours and the partner's.
type CompareTable struct {
	ID      string
	Caption string
	// Partner in words: "AWS Partner Central".
	Partner string
	// ReadAt is when the partner's values were read; OurAt when ours changed.
	ReadAt time.Time
	OurAt  time.Time
	Lines  []CompareLine
}

// Render writes the table.
func (c CompareTable) Render(ctx context.Context, w io.Writer) error { return c.html().Render(ctx, w) }

func (s CompareState) badge() Badge {
	switch s {
	case CompareSame:
		return Badge{Tone: ToneSuccess, Icon: IconCheck, Text: "Same"}
	case CompareOurs:
		return Badge{Tone: ToneInfo, Icon: IconUp, Text: "To be sent"}
	case CompareTheirs:
		return Badge{Tone: ToneInfo, Icon: IconDown, Text: "Theirs newer"}
	case CompareDiffers:
		return Badge{Tone: ToneWarn, Icon: IconDiffer, Text: "Differs"}
	case CompareConflict:
		return Badge{Tone: ToneDanger, Icon: IconDiffer, Text: "Conflict"}
	case CompareOnlyOurs:
		return Badge{Tone: ToneNeutral, Icon: IconMinus, Text: "Ours only"}
	case CompareLocked:
		return Badge{Tone: ToneWarn, Icon: IconLock, Text: "Waits for the lock"}
	case CompareRefused:
		return Badge{Tone: ToneDanger, Icon: IconStop, Text: "Refused"}
	case CompareApart:
		return Badge{Tone: ToneNeutral, Icon: IconDiffer, Text: "Left different"}
	}
	return Badge{Tone: ToneNeutral, Text: "Not read yet"}
}

// Severity says how much a finding weighs.
type Severity string

// The severities.
const (
	SeverityBlocks Severity = "blocks" // it cannot be sent
	SeverityWarns  Severity = "warns"  // it can, but is likely to be refused or wrong
	SeverityNotes  Severity = "notes"
)

// Finding is one result of a check.
type Finding struct {
	Severity Severity
	// Field in words; Remote is the partner's own path ("Customer.Account.Address.PostalCode").
	Field  string
	Remote string
	// Message is the rule that is broken; Found the value that was seen, "" for
	// none; Mend what to do.
	Message string
	Found   string
	Mend    string
	// SourceHref leads to where the rule is written; SourceLabel names it.
	SourceHref  string
	SourceLabel string
	// MendHref leads to where it is mended; MendLabel names it ("Open in Salesforce").
	MendHref  string
	MendLabel string
	// Unverified marks a rule that could not be checked at its source.
	Unverified bool
}

// FindingsList shows the results of a check, the gravest first as given.
type FindingsList struct {
	Findings []Finding
	// Passed counts the rules that hold.
	Passed int
	// CheckedAt is when; Against what: "AWS Partner Central, 62 rules".
	CheckedAt time.Time
	Against   string
}

// Render writes the list.
func (f FindingsList) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

func (s Severity) badge() Badge {
	switch s {
	case SeverityBlocks:
		return Badge{Tone: ToneDanger, Text: "Blocks"}
	case SeverityWarns:
		return Badge{Tone: ToneWarn, Text: "Warns"}
	}
	return Badge{Tone: ToneInfo, Text: "Note"}
}

// StepState says how far one step of a review is.
type StepState string

// The states of a step.
const (
	StepTodo    StepState = "todo"
	StepCurrent StepState = "current"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed" // decided against us, or action required
)

// Step is one step of a review.
type Step struct {
	Label string
	State StepState
	At    time.Time
	Note  string
}

// ReviewSteps shows how far a partner's review is.
type ReviewSteps struct {
	// Label says whose review: "Review at AWS".
	Label string
	Steps []Step
}

// Render writes the steps.
func (r ReviewSteps) Render(ctx context.Context, w io.Writer) error { return r.html().Render(ctx, w) }

func (s StepState) words() string {
	switch s {
	case StepDone:
		return "done"
	case StepCurrent:
		return "now"
	case StepFailed:
		return "needs action"
	}
	return "to come"
}

// ActorKind says who did something.
type ActorKind string

// The kinds of actors.
const (
	ActorPerson      ActorKind = "person"
	ActorIntegration ActorKind = "integration" // Tandem itself, or a program with a token
	ActorPortal      ActorKind = "portal"      // the partner's side
)

// Event is one thing that happened.
type Event struct {
	Kind  ActorKind
	Actor string
	// What in a few words, without the actor: "approved the registration".
	What string
	// Href, if set, is the page of what happened.
	Href string
	// Mark, if it has a text, tells one sort of event from another.
	Mark Badge
	// Place says what it belongs to, where a timeline holds that of several.
	Place     string
	PlaceHref string
	At        time.Time
	// AllDay leaves out the time of day.
	AllDay bool
	Tone   Tone
	Cloud  string
	// Detail is shown behind a disclosure labelled DetailLabel ("What changed").
	Detail      templ.Component
	DetailLabel string
}

// Timeline shows events, newest first as given, under a heading for each day.
type Timeline struct {
	Events []Event
	// Zone draws the line between days; nil is UTC.
	Zone *time.Location
	// Filters are links that narrow it.
	Filters  []Tab
	MoreHref string
	Empty    EmptyState
}

// Render writes the timeline.
func (t Timeline) Render(ctx context.Context, w io.Writer) error { return t.html().Render(ctx, w) }

type timelineDay struct {
	day    time.Time
	events []Event
}

func (t Timeline) days() []timelineDay {
	zone := t.Zone
	if zone == nil {
		zone = time.UTC
	}
	var out []timelineDay
	for _, e := range t.Events {
		y, m, d := e.At.In(zone).Date()
		day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		if len(out) == 0 || !out[len(out)-1].day.Equal(day) {
			out = append(out, timelineDay{day: day})
		}
		out[len(out)-1].events = append(out[len(out)-1].events, e)
	}
	return out
}

func (k ActorKind) icon() IconName {
	switch k {
	case ActorIntegration:
		return IconBolt
	case ActorPortal:
		return IconPortal
	}
	return IconPerson
}

func (k ActorKind) words() string {
	switch k {
	case ActorIntegration:
		return "integration"
	case ActorPortal:
		return "portal"
	}
	return "person"
}
