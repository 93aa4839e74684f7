package automation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// ScheduleSetting is the name under which it is kept when digests are made.
const ScheduleSetting = "automation_digest"

// Schedule says when the week's digest is made. Weekday is time's: 0 is Sunday.
type Schedule struct {
	Weekday time.Weekday `json:"weekday"`
	Hour    int          `json:"hour"`
	Zone    string       `json:"zone"`
}

// DefaultSchedule is Monday at 08:00 in UTC.
func DefaultSchedule() Schedule { return Schedule{Weekday: time.Monday, Hour: 8, Zone: "UTC"} }

// Validate reports what cannot be.
func (c Schedule) Validate() error {
	var bad problem.List
	if c.Weekday < time.Sunday || c.Weekday > time.Saturday {
		bad.Add("weekday", "out_of_range", "Choose a day of the week")
	}
	if c.Hour < 0 || c.Hour > 23 {
		bad.Add("hour", "out_of_range", "Choose an hour from 0 to 23")
	}
	if _, ok := zone.Load(c.Zone); !ok {
		bad.Add("zone", "unknown_zone", "Choose a time zone, such as Europe/Berlin")
	}
	return bad.Err()
}

// due gives the last day at or before now on which a digest is made.
func (c Schedule) due(now time.Time) date.Date {
	in, _ := zone.Load(c.Zone)
	now = now.In(in)
	day := now
	if now.Hour() < c.Hour {
		day = day.AddDate(0, 0, -1)
	}
	for day.Weekday() != c.Weekday {
		day = day.AddDate(0, 0, -1)
	}
	return date.Of(day)
}

func scheduleOf(ctx context.Context, q db.Queryer) (Schedule, setting.Row, error) {
	return setting.Load(ctx, q, ScheduleSetting, DefaultSchedule())
}

// zoneOf gives the zone in which a day is a day.
func zoneOf(ctx context.Context, q db.Queryer) (*time.Location, error) {
	c, _, err := scheduleOf(ctx, q)
	in, _ := zone.Load(c.Zone)
	return in, err
}

func dayOf(t time.Time, in *time.Location) date.Date { return date.Of(t.In(in)) }

// Schedule gives when digests are made. Needs read.
func (s *Service) Schedule(ctx context.Context) (Schedule, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Schedule{}, setting.Row{}, err
	}
	return scheduleOf(ctx, s.db)
}

// SetSchedule changes when digests are made. version is the one the person saw.
// Needs change_settings.
func (s *Service) SetSchedule(ctx context.Context, c Schedule, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return setting.Save(ctx, tx, ScheduleSetting, c, version, actor.Name)
	})
}

// Digest is what happened in one week. It covers whole days, From to before To, in
// the zone of the schedule.
type Digest struct {
	Week    string           `db:"week" json:"week"` // "2026-W47": that of its first day, or, after a change of the schedule, of seven days before its end
	From    date.Date        `db:"from_on" json:"from_on"`
	To      date.Date        `db:"to_on" json:"to_on"`
	MadeAt  time.Time        `db:"made_at" json:"made_at"`
	Content db.JSON[Content] `db:"content" json:"content"`
}

// Content is what a digest says.
type Content struct {
	Zone     string        `json:"zone"`
	Flows    []FlowWeek    `json:"flows"`
	Off      []OffSince    `json:"off"`
	Errors   []ErrorLine   `json:"errors"`
	Findings []FindingLine `json:"findings"`
	Changes  []ChangeLine  `json:"changes"`
}

// FlowWeek is what one flow did.
type FlowWeek struct {
	Flow FlowID `json:"flow"`
	Name string `json:"name"`
	Runs int64  `json:"runs"`
	Counts
}

// OffSince is a flow that was off when the digest was made.
type OffSince struct {
	Flow FlowID `json:"flow"`
	Name string `json:"name"`
	All  bool   `json:"all"`
	Change
}

// ErrorLine is an error that a flow met in the week.
type ErrorLine struct {
	Flow    FlowID      `json:"flow"`
	Name    string      `json:"name"`
	Kind    SubjectKind `json:"kind"`
	Subject string      `json:"subject"`
	Message string      `json:"message"`
	Times   int64       `json:"times"` // since it was met first
}

// FindingLine is how many of something wait for a person.
type FindingLine struct {
	Kind  FindingKind `json:"kind"`
	What  string      `json:"what"`
	Count int64       `json:"count"`
}

// FindingKind says which page lists what was found.
type FindingKind string

// The kinds.
const (
	FindingTagging  FindingKind = "tagging"  // deals that are tagged wrongly
	FindingRefused  FindingKind = "refused"  // what Salesforce refused for good
	FindingConflict FindingKind = "conflict" // fields that changed on both sides
)

// ChangeLine is a change of a rule or setting.
type ChangeLine struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	What string    `json:"what"`
}

// How much of each kind a digest holds at most.
const (
	maxErrorLines  = 20
	maxChangeLines = 200
)

// MakeDigest makes the digest that is due, if there is none yet. However often it
// is called, and by however many at once, a week has one: its name is the key of
// the table. open counts what waits for people. It gives the week, "" when none was
// due. What happened while Tandem stood still is in the next one, for each begins
// where the one before it ended.
func (s *Service) MakeDigest(ctx context.Context, open func(context.Context, db.Queryer) ([]FindingLine, error)) (week string, err error) {
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		week = ""
		c, _, err := scheduleOf(ctx, tx)
		if err != nil {
			return err
		}
		d := Digest{To: c.due(tx.Now()), MadeAt: tx.Now()}
		d.From = d.To.AddDays(-7)
		d.Week = weekOf(d.From)
		first, err := firstDay(ctx, tx)
		if err != nil || first == "" || !first.Before(d.To) {
			return err // nothing ran before that day
		}
		before, err := latestDigest(ctx, tx)
		switch {
		case problem.Is(err, problem.KindNotFound):
		case err != nil:
			return err
		case before.Week == d.Week || !before.To.Before(d.To):
			return nil
		default:
			d.From = before.To
		}
		if d.Content.V, err = s.content(ctx, tx, &d, c, open); err != nil {
			return err
		}
		made, err := insertDigest(ctx, tx, &d)
		if err != nil || !made {
			return err
		}
		week = d.Week
		return nil
	})
	return week, err
}

func weekOf(d date.Date) string {
	year, week := d.Time().ISOWeek()
	return fmt.Sprintf("%d-W%02d", year, week)
}

func (s *Service) content(ctx context.Context, tx *db.Tx, d *Digest, c Schedule, open func(context.Context, db.Queryer) ([]FindingLine, error)) (Content, error) {
	in, _ := zone.Load(c.Zone)
	out := Content{Zone: c.Zone, Off: []OffSince{}, Errors: []ErrorLine{}, Changes: []ChangeLine{}}
	week, err := sums(ctx, tx, d.From, d.To)
	if err != nil {
		return out, err
	}
	state, _, err := stateOf(ctx, tx)
	if err != nil {
		return out, err
	}
	from, to := startOf(d.From, in), startOf(d.To, in)
	for _, f := range Flows() {
		line := FlowWeek{Flow: f.ID, Name: f.Name}
		for _, x := range week {
			if x.Flow == f.ID {
				line.Runs, line.Counts = x.Runs, x.Counts
			}
		}
		out.Flows = append(out.Flows, line)
		if off := state.OffOf(f.ID); off != nil {
			out.Off = append(out.Off, OffSince{Flow: f.ID, Name: f.Name, All: off.All, Change: off.Change})
		}
		list, err := troubles(ctx, tx, f.ID, from, keepTroubles)
		if err != nil {
			return out, err
		}
		for _, t := range list {
			if t.FirstAt.Before(to) && len(out.Errors) < maxErrorLines {
				out.Errors = append(out.Errors, ErrorLine{Flow: f.ID, Name: f.Name, Kind: t.Kind, Subject: t.Subject, Message: t.Message, Times: t.Times})
			}
		}
	}
	if out.Findings, err = open(ctx, tx); err != nil {
		return out, err
	}
	if out.Findings == nil {
		out.Findings = []FindingLine{}
	}
	entries, err := changesBetween(ctx, tx, from, to, maxChangeLines)
	for i := range entries {
		if what := changeWords(&entries[i]); what != "" {
			out.Changes = append(out.Changes, ChangeLine{At: entries[i].At, By: entries[i].ActorName, What: what})
		}
	}
	return out, err
}

func startOf(d date.Date, in *time.Location) time.Time {
	t := d.Time()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, in)
}

// changeWords says what was changed; "" for what another entry tells better.
func changeWords(e *audit.Entry) string {
	verb, ok := map[string]string{
		"automation.pause": "Paused everything", "automation.resume": "Ended the pause",
		"automation.switch_off": "Switched off", "automation.switch_on": "Switched on",
	}[e.Action]
	if ok {
		if f, err := FlowOf(FlowID(strings.TrimPrefix(e.Subject, subjectOf("")))); err == nil {
			verb += ": " + f.Name
		}
		if sw := switchedOf(e); sw.Why != "" {
			verb += " (" + sw.Why + ")"
		}
		return verb
	}
	if e.Subject == Setting {
		return ""
	}
	if e.Action == "setting.change" {
		return "Changed " + SettingName(e.Subject)
	}
	return strings.ReplaceAll(strings.ReplaceAll(e.Action, ".", ": "), "_", " ") + " " + e.Subject
}

// settingNames are the rules and settings in words, by the name under which each is
// kept.
var settingNames = []struct{ name, words string }{
	{"joint_rule", "the joint rule"},
	{"tagging_rules", "the tagging rules"},
	{"field_owners", "the field owners"},
	{"default_solutions", "the default solutions"},
	{"activity_cancel", "what becomes of cancelled activities"},
	{"approval_rules", "the approval rules"},
	{"service_levels", "the service levels"},
	{"fiscal_year", "the fiscal year"},
	{ScheduleSetting, "when the weekly digest is made"},
}

// SettingName gives a rule or setting in words.
func SettingName(name string) string {
	for _, x := range settingNames {
		if x.name == name {
			return x.words
		}
	}
	return "the setting " + strings.ReplaceAll(name, "_", " ")
}

// Rule is a rule or setting that decides what the flows do.
type Rule struct {
	Name      string
	Words     string
	ChangedBy string // "" as it came
	ChangedAt time.Time
}

// Rules gives the rules that decide what the flows do, and who changed each last.
// Needs read.
func (s *Service) Rules(ctx context.Context) ([]Rule, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	var out []Rule
	for _, x := range settingNames {
		_, row, err := setting.Load(ctx, s.db, x.name, json.RawMessage(nil))
		if err != nil {
			return nil, err
		}
		out = append(out, Rule{Name: x.name, Words: x.words, ChangedBy: row.UpdatedBy, ChangedAt: row.UpdatedAt})
	}
	return out, nil
}

// Digests gives the digests, the newest first, at most limit. Needs read.
func (s *Service) Digests(ctx context.Context, limit int) ([]Digest, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return digests(ctx, s.db, min(max(limit, 1), 200))
}

// Digest gives the digest of a week. Needs read.
func (s *Service) Digest(ctx context.Context, week string) (Digest, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Digest{}, err
	}
	return digestOf(ctx, s.db, week)
}

// MarkRead notes that the actor has read a digest: it leaves their Today. Needs
// change_settings, for it is those whom Today tells of digests.
func (s *Service) MarkRead(ctx context.Context, week string) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		d, err := digestOf(ctx, tx, week)
		if err != nil {
			return err
		}
		return markRead(ctx, tx, d.Week, actor.ID)
	})
}

// Unread gives the latest digest if the actor of ctx oversees automation and has not
// read it; nil for none. Earlier ones are history.
func Unread(ctx context.Context, q db.Queryer) (*Digest, error) {
	actor, ok := authz.From(ctx)
	oversees := ok && actor.Kind == authz.KindPerson && authz.Require(ctx, authz.ActionChangeSettings) == nil
	if !oversees {
		return nil, nil
	}
	d, err := latestDigest(ctx, q)
	if problem.Is(err, problem.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	read, err := hasRead(ctx, q, d.Week, actor.ID)
	if err != nil || read {
		return nil, err
	}
	return &d, nil
}

// Summary says in one line what a digest is about.
func (d *Digest) Summary() string {
	var changed, refused, failures int64
	for _, f := range d.Content.V.Flows {
		if f.Flow != CheckTagging {
			changed += f.Changed
		}
		refused += f.Refused
		failures += f.Failures
	}
	parts := []string{fmt.Sprintf("%d records changed", changed), fmt.Sprintf("%d refused", refused), fmt.Sprintf("%d errors", failures)}
	if n := len(d.Content.V.Off); n > 0 {
		parts = append(parts, fmt.Sprintf("%d flows off", n))
	}
	if n := len(d.Content.V.Changes); n > 0 {
		parts = append(parts, fmt.Sprintf("%d changes of rules and settings", n))
	}
	return strings.Join(parts, " · ")
}

// Last is the last day that the digest covers.
func (d *Digest) Last() date.Date { return d.To.AddDays(-1) }

// Text gives the digest as plain text, lines ending in LF.
func (d *Digest) Text() string {
	c := &d.Content.V
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	in, _ := zone.Load(c.Zone)
	stamp := func(t time.Time) string { return t.In(in).Format("2006-01-02 15:04") }
	line("Tandem, automation digest of week %s", d.Week)
	line("%s to %s (%s), made %s", d.From, d.Last(), c.Zone, stamp(d.MadeAt))
	line("\nWHAT RAN")
	line("%-32s %7s %9s %9s %9s %8s %7s", "Flow", "Runs", "Looked at", "Changed", "Unchanged", "Refused", "Errors")
	for _, f := range c.Flows {
		line("%-32s %7d %9d %9d %9d %8d %7d", f.Name, f.Runs, f.Looked, f.Changed, f.Unchanged, f.Refused, f.Failures)
	}
	line("\nWHAT IS OFF")
	for _, o := range c.Off {
		line("- %s: since %s, by %s. %s", o.Name, stamp(o.At), o.By, o.Why)
	}
	none(&b, len(c.Off), "Nothing")
	line("\nERRORS")
	for _, e := range c.Errors {
		line("- %s%s: %s%s", e.Name, about(e), oneLine(e.Message), times(e.Times))
	}
	none(&b, len(c.Errors), "None")
	line("\nWAITS FOR A PERSON")
	for _, f := range c.Findings {
		line("- %s: %d", f.What, f.Count)
	}
	none(&b, len(c.Findings), "Nothing")
	line("\nCHANGES OF RULES AND SETTINGS")
	for _, x := range c.Changes {
		line("- %s %s: %s", stamp(x.At), x.By, oneLine(x.What))
	}
	none(&b, len(c.Changes), "None")
	return b.String()
}

func none(b *strings.Builder, n int, word string) {
	if n == 0 {
		b.WriteString(word + "\n")
	}
}

func about(e ErrorLine) string {
	if e.Subject == "" {
		return ""
	}
	return fmt.Sprintf(" (%s %s)", e.Kind, e.Subject)
}

func times(n int64) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" [%d times]", n)
}

func oneLine(s string) string { return strings.Join(slices.Collect(strings.FieldsSeq(s)), " ") }
