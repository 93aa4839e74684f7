package intro

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Service is the use cases of intro meetings.
type Service struct {
	db         *db.DB
	clock      clock.Clock
	activities *activity.Service
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock, a *activity.Service) *Service {
	return &Service{db: d, clock: c, activities: a}
}

// Input is what a person says of an intro meeting. The two parties are the person's own
// choice, whatever was suggested.
type Input struct {
	// ID, if set, is the id that a new meeting gets: proposing it again gives the one
	// that is there.
	ID            string
	OpportunityID string
	Cloud         cloud.Cloud
	Title         string
	Agenda        string
	Location      string
	Ours          Party
	Theirs        Party
	Slots         []Slot
}

// Limits of what is taken. The title becomes the subject of the Event, with a word
// before it when nobody came.
const (
	maxTitle  = 220
	maxAgenda = 10_000
	maxSlots  = 10
	maxName   = 120
	maxLength = 8 * time.Hour
)

func (in Input) tidy() Input {
	in.Title, in.Agenda, in.Location = activity.Tidy(in.Title), activity.Tidy(in.Agenda), activity.Tidy(in.Location)
	for _, p := range []*Party{&in.Ours, &in.Theirs} {
		p.Name, p.Email, p.Company, p.Role = activity.Tidy(p.Name), strings.ToLower(activity.Tidy(p.Email)), activity.Tidy(p.Company), activity.Tidy(p.Role)
	}
	in.Theirs.CRMID = ""
	if in.Theirs.Company == "" {
		in.Theirs.Company = in.Cloud.Label()
	}
	slots := slices.Clone(in.Slots)
	for i := range slots {
		slots[i] = Slot{slots[i].StartsAt.UTC().Truncate(time.Minute), slots[i].EndsAt.UTC().Truncate(time.Minute)}
	}
	slices.SortFunc(slots, func(a, b Slot) int { return a.StartsAt.Compare(b.StartsAt) })
	in.Slots = slices.Compact(slots)
	return in
}

func (in Input) validate(now time.Time, withSlots bool) error {
	var bad problem.List
	if !in.Cloud.Valid() {
		bad.Add("cloud", "unknown_cloud", "Use aws, azure or gcp")
	}
	line := func(field, s, what string, most int) {
		if len([]rune(s)) > most || strings.ContainsAny(s, "\n\x00") {
			bad.Add(field, "too_long", fmt.Sprintf("The %s is one line of at most %d characters", what, most))
		}
	}
	if in.Title == "" {
		bad.Add("title", "required", "Give the meeting a title")
	}
	line("title", in.Title, "title", maxTitle)
	line("location", in.Location, "location", activity.MaxLocation)
	if len([]rune(in.Agenda)) > maxAgenda || strings.ContainsRune(in.Agenda, 0) {
		bad.Add("agenda", "too_long", fmt.Sprintf("The agenda has at most %d characters", maxAgenda))
	}
	for name, p := range map[string]Party{"ours": in.Ours, "theirs": in.Theirs} {
		if p.Name == "" {
			bad.Add(name, "required", map[string]string{"ours": "Say who of ours is introduced", "theirs": "Say who of the partner's is introduced"}[name])
		}
		line(name, p.Name, "name", maxName)
		line(name, p.Company, "company", maxName)
		line(name, p.Role, "role", maxName)
		if a, err := mail.ParseAddress(p.Email); p.Name != "" && (err != nil || !strings.EqualFold(a.Address, p.Email) || len(p.Email) > maxName) {
			bad.Add(name+"_email", "bad_email", fmt.Sprintf("%s needs an e-mail address for the invitation: %q is none", p.Name, p.Email))
		}
		if _, ok := zone.Load(p.Zone); !ok {
			bad.Add(name+"_zone", "unknown_zone", fmt.Sprintf("%q is not a time zone, such as Europe/Berlin", p.Zone))
		}
	}
	if in.Ours.Email != "" && in.Ours.Email == in.Theirs.Email {
		bad.Add("theirs_email", "same_person", "Both have the same address: nobody is introduced to themselves")
	}
	if withSlots {
		in.validateSlots(&bad, now)
	}
	return bad.Err()
}

func (in Input) validateSlots(bad *problem.List, now time.Time) {
	if len(in.Slots) == 0 || len(in.Slots) > maxSlots {
		bad.Add("slots", "required", fmt.Sprintf("Propose from 1 to %d times", maxSlots))
	}
	for _, s := range in.Slots {
		if err := s.valid(); err != nil {
			bad.Add("slots", "malformed", err.Error())
		} else if !s.StartsAt.After(now) {
			bad.Add("slots", "past", s.StartsAt.Format("2 Jan 2006, 15:04 UTC")+" is over: propose times to come")
		}
	}
}

func (s Slot) valid() error {
	switch d := s.EndsAt.Sub(s.StartsAt); {
	case s.StartsAt.Unix() <= 0 || s.StartsAt.Year() > 9999:
		return errors.New("say when it begins")
	case d <= 0:
		return errors.New("it has to end after it begins")
	case d > maxLength:
		return errors.New("an intro meeting lasts at most eight hours")
	}
	return nil
}

// Wish is a person's wish about one meeting. Version is the one that the person saw, 0
// any. DryRun checks all rules and changes nothing.
type Wish struct {
	ID      string
	Version int64
	DryRun  bool
}

var errDryRun = errors.New("dry run")

func (s *Service) inTx(ctx context.Context, dry bool, fn func(tx *db.Tx) error) error {
	if err := authz.Require(ctx, authz.ActionLog); err != nil {
		return err
	}
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		if dry {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		return nil
	}
	return err
}

// Propose keeps a pair that a person confirmed, with the times that are proposed to
// them. Nothing goes to Salesforce before a time is agreed. Needs log_activity.
func (s *Service) Propose(ctx context.Context, in Input, dryRun bool) (Meeting, error) {
	var m Meeting
	err := s.inTx(ctx, dryRun, func(tx *db.Tx) error {
		in = in.tidy()
		if err := in.validate(tx.Now(), true); err != nil {
			return err
		}
		actor, _ := authz.From(ctx)
		if in.ID == "" {
			in.ID = id.New("int")
		} else if !id.Valid("int", in.ID) {
			return problem.Invalid("id", "malformed", "The form is not complete: open the page again")
		} else if have, err := ByID(ctx, tx, in.ID); err == nil && have.OrganizerID == actor.ID {
			m = have
			return nil
		} else if err == nil {
			return problem.Conflict("id_taken", "There is another intro meeting with this id: open the form again")
		} else if !problem.Is(err, problem.KindNotFound) {
			return err
		}
		o, err := opportunity.ByID(ctx, tx, in.OpportunityID)
		switch {
		case err != nil:
			return err
		case o.Deleted:
			return problem.Conflict("deleted", "This opportunity was deleted in Salesforce")
		}
		me, err := organizer(ctx, tx, actor.ID)
		if err != nil && !problem.Is(err, problem.KindNotFound) {
			return err
		}
		m = Meeting{ID: in.ID, OpportunityID: o.ID, Cloud: in.Cloud, State: StateProposed, OrganizerID: actor.ID, OrganizerName: actor.Name, OrganizerEmail: me.Email}
		m.fill(in)
		m.Slots.V = in.Slots
		if err := insert(ctx, tx, &m); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, &m, "proposed", fmt.Sprintf("proposed %d times to %s and %s", len(in.Slots), m.Ours.V.Name, m.Theirs.V.Name), ""); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "intro.propose", m.ID, map[string]any{"opportunity": o.ID, "ours": m.Ours.V, "theirs": m.Theirs.V, "slots": m.Slots.V})
	})
	return m, err
}

func (m *Meeting) fill(in Input) {
	m.Title, m.Agenda, m.Location, m.Ours.V, m.Theirs.V = in.Title, in.Agenda, in.Location, in.Ours, in.Theirs
}

// act runs edit on a meeting and stores it, in one transaction.
func (s *Service) act(ctx context.Context, w Wish, edit func(tx *db.Tx, m *Meeting) error) (Meeting, error) {
	var m Meeting
	err := s.inTx(ctx, w.DryRun, func(tx *db.Tx) error {
		var err error
		if m, err = ByID(ctx, tx, w.ID); err != nil {
			return err
		}
		if w.Version != 0 && m.Version != w.Version {
			return problem.Precondition("intro meeting", m.ID)
		}
		if err := edit(tx, &m); err != nil {
			return err
		}
		return update(ctx, tx, &m)
	})
	return m, err
}

// move changes the state, if the life allows it.
func (m *Meeting) move(next State, now time.Time) error {
	if !slices.Contains(may[m.State], next) {
		return problem.Conflict("wrong_state", fmt.Sprintf("An intro meeting that is “%s” cannot become “%s”", m.State.Label(), next.Label()))
	}
	m.State, m.StateAt = next, now
	return nil
}

// Change gives a meeting other people, words or, while none is agreed, other times. Who
// was invited has to be told again. Needs log_activity.
func (s *Service) Change(ctx context.Context, w Wish, in Input) (Meeting, error) {
	return s.act(ctx, w, func(tx *db.Tx, m *Meeting) error {
		if !m.State.Open() {
			return problem.Conflict("wrong_state", fmt.Sprintf("An intro meeting that is “%s” is not changed any more", m.State.Label()))
		}
		in.Cloud, in.OpportunityID = m.Cloud, m.OpportunityID
		in = in.tidy()
		if err := in.validate(tx.Now(), m.State == StateProposed); err != nil {
			return err
		}
		m.fill(in)
		if m.State == StateProposed {
			m.Slots.V = in.Slots
		}
		if m.State == StateConfirmed {
			m.Sequence++
			if err := s.rewrite(ctx, tx, m); err != nil {
				return err
			}
		}
		if err := s.tell(ctx, tx, m, "changed", "changed it", ""); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "intro.change", m.ID, map[string]any{"title": m.Title, "ours": m.Ours.V, "theirs": m.Theirs.V, "slots": m.Slots.V})
	})
}

// Confirm agrees on a time, one of those proposed or another: the meeting becomes an
// Event in Salesforce, and an invitation. A confirmed one moves. Needs log_activity.
func (s *Service) Confirm(ctx context.Context, w Wish, at Slot) (Meeting, error) {
	return s.act(ctx, w, func(tx *db.Tx, m *Meeting) error {
		at = Slot{at.StartsAt.UTC().Truncate(time.Minute), at.EndsAt.UTC().Truncate(time.Minute)}
		if err := at.valid(); err != nil {
			return problem.Invalid("slot", "malformed", "Choose a time: "+err.Error())
		}
		before, moved := *m, m.State == StateConfirmed
		if moved && m.StartsAt.Equal(at.StartsAt) && m.EndsAt.Equal(at.EndsAt) {
			return nil
		}
		if err := m.move(StateConfirmed, tx.Now()); err != nil {
			return err
		}
		m.StartsAt, m.EndsAt = at.StartsAt, at.EndsAt
		if before.Invited() {
			m.Sequence++
		}
		kind, words := "confirmed", "confirmed "+whenWords(at)
		if moved {
			kind, words = "moved", "moved it to "+whenWords(at)
		}
		if moved {
			if err := s.rewrite(ctx, tx, m); err != nil {
				return err
			}
		} else {
			m.Outcome = ""
			a, err := s.activities.RecordTx(ctx, tx, m.activity())
			if err != nil {
				return err
			}
			m.ActivityID = a.ID
		}
		if err := s.tell(ctx, tx, m, kind, words, ""); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "intro.confirm", m.ID, map[string]any{"starts_at": m.StartsAt, "ends_at": m.EndsAt, "sequence": m.Sequence, "activity": m.ActivityID})
	})
}

func whenWords(s Slot) string {
	return s.StartsAt.Format("2 Jan 2006, 15:04") + " to " + s.EndsAt.Format("15:04 UTC")
}

// Outcome is what came of a meeting. With a day the next step becomes a Task of our
// seller's in Salesforce.
type Outcome struct {
	Note       string
	NextStep   string
	NextStepOn date.Date
}

func (o *Outcome) check() error {
	o.Note, o.NextStep = activity.Tidy(o.Note), activity.Tidy(o.NextStep)
	var bad problem.List
	if len([]rune(o.Note)) > maxAgenda/2 || strings.ContainsRune(o.Note, 0) {
		bad.Add("outcome", "too_long", fmt.Sprintf("What came of it is told in at most %d characters", maxAgenda/2))
	}
	if len([]rune(o.NextStep)) > maxTitle || strings.ContainsAny(o.NextStep, "\n\x00") {
		bad.Add("next_step", "too_long", fmt.Sprintf("The next step is one line of at most %d characters", maxTitle))
	}
	if _, err := date.Parse(string(o.NextStepOn)); err != nil {
		bad.Add("next_step_on", "malformed", "Give a day such as 2026-11-24")
	} else if !o.NextStepOn.IsZero() && o.NextStep == "" {
		bad.Add("next_step", "required", "Say what is to be done on that day")
	}
	return bad.Err()
}

// Held says that a meeting took place, and what comes next. Needs log_activity.
func (s *Service) Held(ctx context.Context, w Wish, o Outcome) (Meeting, error) {
	return s.ended(ctx, w, StateHeld, o, "held", "says that it was held")
}

// NoShow says that somebody did not come. Another time can be agreed. Needs
// log_activity.
func (s *Service) NoShow(ctx context.Context, w Wish, o Outcome) (Meeting, error) {
	return s.ended(ctx, w, StateNoShow, o, "no_show", "says that somebody did not come")
}

func (s *Service) ended(ctx context.Context, w Wish, next State, o Outcome, kind, words string) (Meeting, error) {
	return s.act(ctx, w, func(tx *db.Tx, m *Meeting) error {
		if err := o.check(); err != nil {
			return err
		}
		if m.State == StateConfirmed && m.StartsAt.After(tx.Now()) {
			return problem.Conflict("not_over", "It has not begun yet: say after it what came of it")
		}
		if err := m.move(next, tx.Now()); err != nil {
			return err
		}
		m.Outcome, m.NextStep, m.NextStepOn = o.Note, o.NextStep, o.NextStepOn
		if err := s.rewrite(ctx, tx, m); err != nil {
			return err
		}
		if m.NextStep != "" && !m.NextStepOn.IsZero() {
			in := m.activity()
			a, err := s.activities.RecordTx(ctx, tx, activity.Input{
				OpportunityID: m.OpportunityID, Kind: activity.KindRequest, Subject: "Next step: " + m.NextStep, Notes: "After the intro meeting “" + m.Title + "”.",
				On: m.NextStepOn, OwnerCRMID: in.OwnerCRMID, Attendees: in.Attendees,
			})
			if err != nil {
				return err
			}
			m.NextActivityID = a.ID
		}
		if err := s.tell(ctx, tx, m, kind, words, joinLines(m.Outcome, nextWords(m))); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "intro."+kind, m.ID, map[string]any{"outcome": m.Outcome, "next_step": m.NextStep, "next_step_on": m.NextStepOn})
	})
}

// Cancel calls a meeting off. Who was invited has to be told. Needs log_activity.
func (s *Service) Cancel(ctx context.Context, w Wish, reason string) (Meeting, error) {
	return s.act(ctx, w, func(tx *db.Tx, m *Meeting) error {
		reason = activity.Tidy(reason)
		if len([]rune(reason)) > maxTitle || strings.ContainsAny(reason, "\n\x00") {
			return problem.Invalid("reason", "too_long", fmt.Sprintf("The reason is one line of at most %d characters", maxTitle))
		}
		wasConfirmed := m.State == StateConfirmed
		if err := m.move(StateCancelled, tx.Now()); err != nil {
			return err
		}
		m.Reason = reason
		if m.Invited() {
			m.Sequence++
		}
		if wasConfirmed {
			if _, err := s.activities.CancelTx(ctx, tx, activity.Wish{ID: m.ActivityID}, reason); err != nil {
				return err
			}
		}
		if err := s.tell(ctx, tx, m, "cancelled", "cancelled it", reason); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "intro.cancel", m.ID, map[string]any{"reason": reason})
	})
}

// rewrite has the Event of a meeting say what the meeting says.
func (s *Service) rewrite(ctx context.Context, tx *db.Tx, m *Meeting) error {
	_, err := s.activities.ChangeTx(ctx, tx, activity.Wish{ID: m.ActivityID}, m.activity())
	return err
}

// activity is the meeting as what it is for Salesforce.
func (m *Meeting) activity() activity.Input {
	subject := m.Title
	if m.State == StateNoShow {
		subject = "No-show: " + subject
	}
	result := ""
	switch m.State {
	case StateHeld:
		result = strings.TrimSpace("Held. " + m.Outcome)
	case StateNoShow:
		result = strings.TrimSpace("Somebody did not come. " + m.Outcome)
	}
	ours, theirs := m.Ours.V, m.Theirs.V
	return activity.Input{
		OpportunityID: m.OpportunityID, Kind: activity.KindIntroMeeting, Subject: subject, Notes: joinLines(m.Agenda, result, nextWords(m)), Location: m.Location,
		StartsAt: m.StartsAt, EndsAt: m.EndsAt, OwnerCRMID: ours.CRMID,
		Attendees: []activity.Attendee{
			{Name: ours.Name, Email: ours.Email, Company: ours.Company, Side: activity.SideOurs}, {Name: theirs.Name, Email: theirs.Email, Company: theirs.Company, Side: activity.SidePartner},
		},
	}
}

func nextWords(m *Meeting) string {
	switch {
	case m.NextStep == "":
		return ""
	case m.NextStepOn.IsZero():
		return "Next step: " + m.NextStep
	}
	return "Next step: " + m.NextStep + " (" + string(m.NextStepOn) + ")"
}

func joinLines(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}

// OnActivity hears what Salesforce made of a meeting's Event: another time or title is
// taken over, and one that is called off there is called off here.
func (s *Service) OnActivity(ctx context.Context, tx *db.Tx, a *activity.Activity) error {
	if a.Kind != activity.KindIntroMeeting {
		return nil
	}
	m, err := byActivity(ctx, tx, a.ID)
	if problem.Is(err, problem.KindNotFound) {
		return nil
	}
	if err != nil || m.State != StateConfirmed {
		return err
	}
	kind, words := "", ""
	switch {
	case a.Cancelled():
		m.State, m.StateAt, m.Reason = StateCancelled, tx.Now(), "Cancelled in Salesforce"
		kind, words = "cancelled", "cancelled it in Salesforce: tell those who were invited"
	case !a.GoneAt.IsZero():
		kind, words = "gone", "deleted its Event in Salesforce: cancel it here, or agree on a time anew"
	case !a.StartsAt.Equal(m.StartsAt) || !a.EndsAt.Equal(m.EndsAt):
		if a.StartsAt.IsZero() {
			return nil // it lasts all day now: the invitation keeps its time until a person says another
		}
		m.StartsAt, m.EndsAt = a.StartsAt, a.EndsAt
		kind, words = "moved", "moved it in Salesforce to "+whenWords(Slot{a.StartsAt, a.EndsAt})+": send the invitation again"
	case a.Subject != m.Title || a.Location != m.Location:
		m.Title, m.Location = a.Subject, a.Location
		kind, words = "changed", "changed it in Salesforce: send the invitation again"
	default:
		return nil
	}
	m.Sequence++
	if err := insertEvent(ctx, tx, &Event{ID: id.New("ine"), MeetingID: m.ID, Kind: kind, Subject: words, ActorKind: string(authz.KindIntegration), ActorName: "Somebody", HappenedAt: tx.Now()}); err != nil {
		return err
	}
	return update(ctx, tx, &m)
}

// Get gives one meeting. Needs read.
func (s *Service) Get(ctx context.Context, meetingID string) (Meeting, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Meeting{}, err
	}
	return ByID(ctx, s.db, meetingID)
}

// OfActivity gives the meeting that an activity is. Needs read.
func (s *Service) OfActivity(ctx context.Context, activityID string) (Meeting, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Meeting{}, err
	}
	m, err := byActivity(ctx, s.db, activityID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("intro_meeting", activityID)
	}
	return m, err
}

// OfOpportunity gives the meetings of an opportunity, newest first. Needs read.
func (s *Service) OfOpportunity(ctx context.Context, opportunityID string) ([]Meeting, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return ofOpportunity(ctx, s.db, opportunityID)
}

// Events gives what happened to a meeting, newest first. Needs read.
func (s *Service) Events(ctx context.Context, meetingID string) ([]Event, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return eventsOf(ctx, s.db, meetingID)
}

func (s *Service) tell(ctx context.Context, tx *db.Tx, m *Meeting, kind, subject, body string) error {
	actor, ok := authz.From(ctx)
	if !ok {
		actor = authz.System
	}
	return insertEvent(ctx, tx, &Event{ID: id.New("ine"), MeetingID: m.ID, Kind: kind, Subject: subject, Body: body, ActorKind: string(actor.Kind), ActorName: actor.Name, HappenedAt: tx.Now()})
}
