package activity

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Input is what a person says of an activity. It belongs to an opportunity or, with
// that "", to an account. An Event has StartsAt and EndsAt in whole minutes; all else
// has On, and a call may have Minutes. OwnerCRMID is somebody of ours in Salesforce; ""
// is who records it, else the owner of the deal or account.
type Input struct {
	// ID, if set, is the id that the activity gets: recording it again gives the one
	// that is there.
	ID            string
	OpportunityID string
	AccountID     string
	Kind          Kind
	Subject       string
	Notes         string
	Location      string
	StartsAt      time.Time
	EndsAt        time.Time
	On            date.Date
	Minutes       int64
	OwnerCRMID    string
	Attendees     []Attendee
}

// Limits of what can be recorded. Salesforce takes 255 characters (UTF-16 units) as a
// subject and location, 32,000 as a description, which has to hold the attendees too,
// and events of at most 14 days with 50 contacts (Object Reference: Event, EventRelation).
const (
	MaxSubject   = 240 // leaves room for "Cancelled: "
	MaxNotes     = 20_000
	MaxLocation  = 255
	MaxAttendees = 50
	maxEvent     = 14 * 24 * time.Hour
	maxName      = 120
)

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// tidy gives the input in the form in which it is kept.
func (in Input) tidy() Input {
	in.Subject, in.Notes, in.Location = Tidy(in.Subject), Tidy(in.Notes), Tidy(in.Location)
	in.StartsAt, in.EndsAt = in.StartsAt.UTC().Truncate(time.Minute), in.EndsAt.UTC().Truncate(time.Minute)
	if in.Kind.Object() == ObjectEvent {
		in.On, in.Minutes = "", 0
	} else {
		in.StartsAt, in.EndsAt, in.Location = time.Time{}, time.Time{}, ""
	}
	if in.Kind != KindCall {
		in.Minutes = 0
	}
	var people []Attendee
	for _, p := range in.Attendees {
		p.Name, p.Email, p.Company = Tidy(p.Name), strings.ToLower(Tidy(p.Email)), Tidy(p.Company)
		if p.Side == "" {
			p.Side = SidePartner
		}
		same := func(q Attendee) bool { return p.Email != "" && q.Email == p.Email }
		if p.Name+p.Email+p.Company != "" && !slices.ContainsFunc(people, same) {
			people = append(people, p)
		}
	}
	in.Attendees = people
	return in
}

// Validate reports everything that is wrong.
func (in Input) Validate() error {
	in = in.tidy()
	var bad problem.List
	if in.Kind != KindIntroMeeting && !slices.Contains(Recordable(), in.Kind) {
		bad.Add("kind", "unknown_kind", "Choose a meeting, call, e-mail, introduction, request or decision")
	}
	if (in.OpportunityID == "") == (in.AccountID == "") {
		bad.Add("opportunity_id", "required", "Say on which opportunity or on which account it was, and only one of the two")
	}
	text := func(field, s string, most int, what string) {
		if units(s) > most {
			bad.Add(field, "too_long", fmt.Sprintf("The %s has at most %d characters", what, most))
		}
		if strings.ContainsRune(s, 0) {
			bad.Add(field, "malformed", "The "+what+" is no readable text")
		}
	}
	if in.Subject == "" {
		bad.Add("subject", "required", "Say in a few words what it is about")
	}
	if strings.ContainsRune(in.Subject, '\n') {
		bad.Add("subject", "malformed", "The subject is one line")
	}
	text("subject", in.Subject, MaxSubject, "subject")
	text("notes", in.Notes, MaxNotes, "text")
	text("location", in.Location, MaxLocation, "location")
	if in.Kind.Object() == ObjectEvent {
		in.validateTimes(&bad)
	} else if _, err := date.Parse(string(in.On)); err != nil || in.On.IsZero() {
		bad.Add("on", "required", "Say on which day it is, such as 2026-11-24")
	}
	if in.Minutes < 0 || in.Minutes > 24*60 {
		bad.Add("minutes", "out_of_range", "A call lasts from 0 to 1,440 minutes")
	}
	in.validatePeople(&bad)
	return bad.Err()
}

func (in Input) validateTimes(bad *problem.List) {
	switch {
	case in.StartsAt.Unix() <= 0 || in.StartsAt.Year() > 9999:
		bad.Add("starts_at", "required", "Say when it begins")
	case in.EndsAt.IsZero() || in.EndsAt.Year() > 9999:
		bad.Add("ends_at", "required", "Say when it ends")
	case !in.EndsAt.After(in.StartsAt):
		bad.Add("ends_at", "before_start", "It has to end after it begins")
	case in.EndsAt.Sub(in.StartsAt) > maxEvent:
		bad.Add("ends_at", "too_long", "Salesforce takes meetings of at most 14 days")
	}
}

func (in Input) validatePeople(bad *problem.List) {
	if len(in.Attendees) > MaxAttendees {
		bad.Add("attendees", "too_many", fmt.Sprintf("Name at most %d people", MaxAttendees))
	}
	for _, p := range in.Attendees {
		who := p.Email
		if who == "" {
			who = p.Name
		}
		if a, err := mail.ParseAddress(p.Email); p.Email != "" && (err != nil || !strings.EqualFold(a.Address, p.Email) || units(p.Email) > maxName) {
			bad.Add("attendees", "bad_email", fmt.Sprintf("%q is not an e-mail address", p.Email))
		}
		if p.Name == "" && p.Email == "" {
			bad.Add("attendees", "required", "Give a name or an e-mail address of everybody")
		}
		if units(p.Name) > maxName || units(p.Company) > maxName || strings.ContainsAny(p.Name+p.Company, "\n\x00") {
			bad.Add("attendees", "too_long", fmt.Sprintf("%.60q: a name and a company are one line of at most %d characters each", who, maxName))
		}
		if !slices.Contains([]Side{SideOurs, SidePartner, SideCustomer}, p.Side) {
			bad.Add("attendees", "unknown_side", fmt.Sprintf("%q is ours, partner or customer", p.Side))
		}
	}
}

// Wish is a person's wish about one activity. Version is the one that the person saw,
// 0 any. DryRun checks all rules and changes nothing.
type Wish struct {
	ID      string
	Version int64
	DryRun  bool
}

// errDryRun rolls the transaction of a dry run back.
var errDryRun = errors.New("dry run")

func (s *Service) inTx(ctx context.Context, dry bool, fn func(tx *db.Tx) error) error {
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

// Record keeps what a person says of an activity, and has Salesforce get it. A dry run
// gives it as it would be. Needs log_activity.
func (s *Service) Record(ctx context.Context, in Input, dryRun bool) (Activity, error) {
	var a Activity
	err := s.inTx(ctx, dryRun, func(tx *db.Tx) (err error) {
		if in.Kind == KindIntroMeeting {
			in.Kind = "" // package intro makes them
		}
		a, err = s.RecordTx(ctx, tx, in)
		return err
	})
	return a, err
}

// RecordTx is Record in the caller's transaction. Needs log_activity.
func (s *Service) RecordTx(ctx context.Context, tx *db.Tx, in Input) (Activity, error) {
	if err := authz.Require(ctx, authz.ActionLog); err != nil {
		return Activity{}, err
	}
	in = in.tidy()
	if err := in.Validate(); err != nil {
		return Activity{}, err
	}
	actor, _ := authz.From(ctx)
	if in.ID != "" {
		if !id.Valid("act", in.ID) {
			return Activity{}, problem.Invalid("id", "malformed", "The form is not complete: open the page again")
		}
		have, err := ByID(ctx, tx, in.ID)
		switch {
		case err == nil && have.ActorID == actor.ID && have.Recorded():
			return have, nil
		case err == nil:
			return Activity{}, problem.Conflict("id_taken", "There is another activity with this id: open the form again")
		case !problem.Is(err, problem.KindNotFound):
			return Activity{}, err
		}
	} else {
		in.ID = id.New("act")
	}
	at, err := s.placeOwner(ctx, tx, in)
	if err != nil {
		return Activity{}, err
	}
	var owner ownerRow
	if in.OwnerCRMID != "" {
		owner, err = namedOwner(ctx, tx, in.OwnerCRMID)
	} else {
		owner, err = usualOwner(ctx, tx, at)
	}
	if err != nil {
		return Activity{}, err
	}
	a := Activity{
		ID: in.ID, CRMKey: in.ID, OpportunityID: in.OpportunityID, AccountID: in.AccountID, Origin: OriginPerson, Kind: in.Kind, Done: true,
		ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name, CRMObject: in.Kind.Object(), CRMState: CRMStatePending,
	}
	a.fill(in, owner)
	if err := insert(ctx, tx, &a); err != nil {
		return a, err
	}
	if err := s.tell(ctx, tx, &a, "recorded", "recorded it", ""); err != nil {
		return a, err
	}
	if err := audit.Record(ctx, tx, "activity.record", a.ID, map[string]any{"kind": a.Kind, "opportunity": a.OpportunityID, "account": a.AccountID, "subject": a.Subject}); err != nil {
		return a, err
	}
	return a, s.Write(ctx, tx)
}

// placeOwner gives who owns the place that the activity belongs to.
func (s *Service) placeOwner(ctx context.Context, tx *db.Tx, in Input) (crmID string, err error) {
	if in.OpportunityID == "" {
		a, err := account.ByID(ctx, tx, in.AccountID)
		if err == nil && a.Deleted {
			err = problem.Conflict("deleted", "This account was deleted in Salesforce: nothing can be recorded on it")
		}
		return a.OwnerCRMID, err
	}
	o, err := opportunity.ByID(ctx, tx, in.OpportunityID)
	if err == nil && o.Deleted {
		err = problem.Conflict("deleted", "This opportunity was deleted in Salesforce: nothing can be recorded on it")
	}
	return o.OwnerCRMID, err
}

// fill puts the input into the activity.
func (a *Activity) fill(in Input, owner ownerRow) {
	a.Subject, a.Body, a.Location, a.StartsAt, a.EndsAt, a.On, a.Minutes = in.Subject, in.Notes, in.Location, in.StartsAt, in.EndsAt, in.On, in.Minutes
	a.OwnerCRMID, a.OwnerName, a.Attendees.V = owner.CRMID, owner.Name, in.Attendees
	a.HappenedAt = happened(a)
}

// namedOwner gives somebody of ours whom a person named as the owner.
func namedOwner(ctx context.Context, tx *db.Tx, crmID string) (ownerRow, error) {
	o, err := ownerByCRMID(ctx, tx, crmID)
	switch {
	case problem.Is(err, problem.KindNotFound):
		return o, problem.Invalid("owner", "unknown_person", "Choose somebody of ours who is a user of Salesforce")
	case err == nil && !o.Active:
		return o, problem.Invalid("owner", "not_active", o.Name+" is not active in Salesforce any more: choose somebody else")
	}
	return o, err
}

// usualOwner gives who owns an activity if nobody is named: who records it, or the
// owner of its place, whoever is active in Salesforce first. None of them leaves it to
// the user that Tandem signs in with.
func usualOwner(ctx context.Context, tx *db.Tx, placeOwner string) (ownerRow, error) {
	actor, _ := authz.From(ctx)
	for _, find := range []func() (ownerRow, error){
		func() (ownerRow, error) { return ownerByID(ctx, tx, actor.ID) },
		func() (ownerRow, error) { return ownerByCRMID(ctx, tx, placeOwner) },
	} {
		o, err := find()
		if err != nil && !problem.Is(err, problem.KindNotFound) {
			return o, err
		}
		if err == nil && o.Active && o.CRMID != "" {
			return o, nil
		}
	}
	return ownerRow{}, nil
}

// change runs edit on a recorded activity, in one transaction that stores it and has it
// written, unless it is a dry run.
func (s *Service) change(ctx context.Context, tx *db.Tx, w Wish, edit func(a *Activity) error) (Activity, error) {
	if err := authz.Require(ctx, authz.ActionLog); err != nil {
		return Activity{}, err
	}
	a, err := ByID(ctx, tx, w.ID)
	if err != nil {
		return a, err
	}
	if w.Version != 0 && a.Version != w.Version {
		return a, problem.Precondition("activity", a.ID)
	}
	switch a.Origin {
	case OriginCRM:
		return a, problem.Conflict("made_in_crm", "It was made in Salesforce: change it there")
	case OriginEngine:
		return a, problem.Conflict("made_by_engine", "Tandem logged it by itself: it tells what happened and stays as it is")
	}
	if err := edit(&a); err != nil {
		return a, err
	}
	if err := update(ctx, tx, &a); err != nil {
		return a, err
	}
	if a.CRMState != CRMStatePending {
		return a, nil
	}
	return a, s.Write(ctx, tx)
}

var (
	errSettleFirst = problem.Conflict("settle_first", "It was changed here and in Salesforce: say first which of the two holds")
	errIntro       = problem.Conflict("intro_meeting", "It is an intro meeting: change or cancel it on its own page, so that the invitation follows")
	errCancelled   = problem.Conflict("cancelled", "It is cancelled: record a new one instead")
)

// Change gives a recorded activity other contents; its kind and its place stay. Needs
// log_activity.
func (s *Service) Change(ctx context.Context, w Wish, in Input) (Activity, error) {
	var a Activity
	err := s.inTx(ctx, w.DryRun, func(tx *db.Tx) (err error) {
		if a, err = s.ChangeTx(ctx, tx, w, in); err == nil && a.Kind == KindIntroMeeting {
			err = errIntro
		}
		return err
	})
	return a, err
}

// ChangeTx is Change in the caller's transaction. Needs log_activity.
func (s *Service) ChangeTx(ctx context.Context, tx *db.Tx, w Wish, in Input) (Activity, error) {
	return s.change(ctx, tx, w, func(a *Activity) error {
		switch {
		case a.CRMState == CRMStateConflict:
			return errSettleFirst
		case a.Cancelled():
			return errCancelled
		}
		before, people := a.Face(), a.Attendees.V
		in.Kind, in.OpportunityID, in.AccountID = a.Kind, a.OpportunityID, a.AccountID
		in = in.tidy()
		if err := in.Validate(); err != nil {
			return err
		}
		if _, err := s.placeOwner(ctx, tx, in); err != nil {
			return err
		}
		owner := ownerRow{CRMID: a.OwnerCRMID, Name: a.OwnerName} // who left the company may stay the owner
		if in.OwnerCRMID != "" && in.OwnerCRMID != a.OwnerCRMID {
			var err error
			if owner, err = namedOwner(ctx, tx, in.OwnerCRMID); err != nil {
				return err
			}
		}
		a.fill(in, owner)
		return s.changed(ctx, tx, a, before, people)
	})
}

// changed marks a changed activity as one to be written, and tells what changed.
func (s *Service) changed(ctx context.Context, tx *db.Tx, a *Activity, before Face, people []Attendee) error {
	parts := Changes(before, a.Face())
	if len(parts) == 0 && slices.Equal(people, a.Attendees.V) {
		return nil
	}
	words := describe(parts, before, a.Face())
	if !slices.Equal(people, a.Attendees.V) {
		words = strings.TrimSpace(words + "\nAttendees: " + names(people) + " → " + names(a.Attendees.V))
	}
	a.CRMState, a.CRMError = CRMStatePending, ""
	if err := s.tell(ctx, tx, a, "changed", "changed it", words); err != nil {
		return err
	}
	return audit.Record(ctx, tx, "activity.change", a.ID, map[string]any{"before": before, "after": a.Face(), "attendees": a.Attendees.V})
}

// Cancel says that a recorded activity does not take place, or was recorded in error.
// Its record in Salesforce is marked or deleted, as the setting says. Needs
// log_activity.
func (s *Service) Cancel(ctx context.Context, w Wish, reason string) (Activity, error) {
	var a Activity
	err := s.inTx(ctx, w.DryRun, func(tx *db.Tx) (err error) {
		if a, err = s.CancelTx(ctx, tx, w, reason); err == nil && a.Kind == KindIntroMeeting {
			err = errIntro
		}
		return err
	})
	return a, err
}

// CancelTx is Cancel in the caller's transaction. Needs log_activity.
func (s *Service) CancelTx(ctx context.Context, tx *db.Tx, w Wish, reason string) (Activity, error) {
	return s.change(ctx, tx, w, func(a *Activity) error {
		reason = Tidy(reason)
		switch {
		case units(reason) > MaxSubject || strings.ContainsAny(reason, "\n\x00"):
			return problem.Invalid("reason", "too_long", fmt.Sprintf("The reason is one line of at most %d characters", MaxSubject))
		case a.CRMState == CRMStateConflict:
			return errSettleFirst
		case a.Cancelled():
			return nil
		}
		a.CancelledAt, a.CancelReason, a.CRMState, a.CRMError = tx.Now(), reason, CRMStatePending, ""
		if err := s.tell(ctx, tx, a, "cancelled", "cancelled it", reason); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "activity.cancel", a.ID, map[string]any{"reason": reason})
	})
}

// Send has what Salesforce refused of one activity written again. Needs log_activity.
func (s *Service) Send(ctx context.Context, w Wish) (Activity, error) {
	if err := authz.Require(ctx, authz.ActionLog); err != nil {
		return Activity{}, err
	}
	var a Activity
	err := s.inTx(ctx, w.DryRun, func(tx *db.Tx) (err error) {
		if a, err = ByID(ctx, tx, w.ID); err != nil {
			return err
		}
		switch {
		case w.Version != 0 && a.Version != w.Version:
			return problem.Precondition("activity", a.ID)
		case a.CRMState == CRMStateConflict:
			return errSettleFirst
		case a.CRMState != CRMStateFailed:
			return problem.Conflict("not_failed", "Salesforce did not refuse it: there is nothing to send again")
		}
		a.CRMState, a.CRMError = CRMStatePending, ""
		if err := update(ctx, tx, &a); err != nil {
			return err
		}
		return s.Write(ctx, tx)
	})
	return a, err
}

// Choice says which side of a conflict holds.
type Choice string

// The choices.
const (
	ChoiceOurs   Choice = "ours"
	ChoiceTheirs Choice = "theirs"
)

// Settle says which holds of an activity that was changed here and in Salesforce. What
// was replaced stays in its history. Needs log_activity.
func (s *Service) Settle(ctx context.Context, w Wish, c Choice) (Activity, error) {
	var a Activity
	err := s.inTx(ctx, w.DryRun, func(tx *db.Tx) (err error) {
		a, err = s.change(ctx, tx, w, func(a *Activity) error {
			if c != ChoiceOurs && c != ChoiceTheirs {
				return problem.Invalid("choice", "unknown_choice", "Choose ours or theirs")
			}
			if a.CRMState != CRMStateConflict || a.Theirs.V == nil {
				return problem.Conflict("not_in_conflict", "There is nothing to settle any more")
			}
			before, theirs := a.Face(), *a.Theirs.V
			words, subject := describe(theirs.Parts, theirs.Face, before), "kept what Tandem has; replaced in Salesforce"
			if c == ChoiceTheirs {
				for _, p := range theirs.Parts {
					a.take(p, theirs.Face, theirs.OwnerName, tx.Now())
				}
				words, subject = describe(theirs.Parts, before, theirs.Face), "took what Salesforce has; replaced here"
			}
			a.Agreed.V.Face, a.Theirs.V, a.CRMState, a.CRMError = theirs.Face, nil, CRMStatePending, ""
			if err := s.tell(ctx, tx, a, "settled", subject, words); err != nil {
				return err
			}
			if err := audit.Record(ctx, tx, "activity.settle", a.ID, map[string]any{"choice": c, "ours": before, "theirs": theirs}); err != nil {
				return err
			}
			if c == ChoiceOurs {
				return nil
			}
			return s.Changed(ctx, tx, a)
		})
		return err
	})
	return a, err
}

// describe says in lines what changed.
func describe(parts []Part, before, after Face) string {
	var lines []string
	for _, p := range parts {
		lines = append(lines, p.Label()+": "+quoted(before.Text(p))+" → "+quoted(after.Text(p)))
	}
	return strings.Join(lines, "\n")
}

func quoted(s string) string {
	if s == "" {
		return "nothing"
	}
	return "“" + s + "”"
}

func names(list []Attendee) string {
	out := make([]string, len(list))
	for i, p := range list {
		if out[i] = p.Name; p.Name == "" {
			out[i] = p.Email
		}
	}
	if len(out) == 0 {
		return "nobody"
	}
	return strings.Join(out, ", ")
}

// tell keeps one line of the activity's history; who acts is that of ctx.
func (s *Service) tell(ctx context.Context, tx *db.Tx, a *Activity, kind, subject, body string) error {
	actor, ok := authz.From(ctx)
	if !ok {
		actor = authz.System
	}
	return s.tellAs(ctx, tx, a, actor.Kind, actor.Name, kind, subject, body)
}

func (s *Service) tellAs(ctx context.Context, tx *db.Tx, a *Activity, who authz.Kind, name, kind, subject, body string) error {
	return insertHistory(ctx, tx, &History{ID: id.New("acv"), ActivityID: a.ID, Kind: kind, Subject: subject, Body: body, ActorKind: who, ActorName: name, HappenedAt: tx.Now()})
}
