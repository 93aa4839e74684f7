package activity

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
)

// Face is what Salesforce and Tandem both hold of an activity: what is compared,
// merged and written. Texts are tidy (see Tidy).
type Face struct {
	Subject    string    `json:"subject"`
	Notes      string    `json:"notes"`
	Location   string    `json:"location,omitempty"`
	StartsAt   time.Time `json:"starts_at,omitzero"`
	EndsAt     time.Time `json:"ends_at,omitzero"`
	On         date.Date `json:"on,omitempty"`
	Minutes    int64     `json:"minutes,omitempty"`
	OwnerCRMID string    `json:"owner_crm_id,omitempty"`
	Cancelled  bool      `json:"cancelled,omitempty"`
}

// Agreement is what both sides were known to say, and who took part: what Salesforce
// was seen to hold, or what its record was first to be made of. Sent is what was sent
// since, of which no look has shown yet whether it arrived.
type Agreement struct {
	Face
	Attendees []Attendee `json:"attendees"`
	Sent      *Sent      `json:"sent,omitempty"`
}

// Sent is what a write sent.
type Sent struct {
	Face
	Attendees []Attendee `json:"attendees"`
}

// arrived takes the parts for agreed that Salesforce has as they were sent: they are
// our own word, not somebody else's.
func (g *Agreement) arrived(there Face) {
	if g.Sent == nil {
		return
	}
	for _, p := range Parts() {
		if !p.differs(g.Sent.Face, there) {
			g.set(p, there)
		}
	}
}

// TheirChange is what somebody made of the record in Salesforce while it was changed
// here, too. Parts are those that both changed.
type TheirChange struct {
	Face
	Parts     []Part    `json:"parts"`
	OwnerName string    `json:"owner_name,omitempty"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
}

// Part is what of a Face is merged as one.
type Part string

// The parts.
const (
	PartSubject   Part = "subject"
	PartNotes     Part = "notes"
	PartLocation  Part = "location"
	PartWhen      Part = "when"
	PartOwner     Part = "owner"
	PartCancelled Part = "cancelled"
)

// Parts lists all parts.
func Parts() []Part {
	return []Part{PartSubject, PartWhen, PartLocation, PartOwner, PartNotes, PartCancelled}
}

// Label is the part in words.
func (p Part) Label() string {
	switch p {
	case PartSubject:
		return "Subject"
	case PartNotes:
		return "Notes"
	case PartLocation:
		return "Location"
	case PartWhen:
		return "When"
	case PartOwner:
		return "Owner"
	case PartCancelled:
		return "Cancelled"
	}
	return string(p)
}

// Tidy gives a text as it comes back from Salesforce: lines end with \n, and no space
// stands at either end.
func Tidy(s string) string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s))
}

// Face gives what is compared with Salesforce.
func (a *Activity) Face() Face {
	return Face{
		Subject: a.Subject, Notes: a.Body, Location: a.Location, StartsAt: a.StartsAt, EndsAt: a.EndsAt, On: a.On, Minutes: a.Minutes,
		OwnerCRMID: a.OwnerCRMID, Cancelled: a.Cancelled(),
	}
}

// differs reports whether the part is not the same in both.
func (p Part) differs(a, b Face) bool {
	switch p {
	case PartSubject:
		return a.Subject != b.Subject
	case PartNotes:
		return a.Notes != b.Notes
	case PartLocation:
		return a.Location != b.Location
	case PartWhen:
		return !a.StartsAt.Equal(b.StartsAt) || !a.EndsAt.Equal(b.EndsAt) || a.On != b.On || a.Minutes != b.Minutes
	case PartOwner:
		return a.OwnerCRMID != b.OwnerCRMID
	case PartCancelled:
		return a.Cancelled != b.Cancelled
	}
	return false
}

// Changes lists the parts that are not the same in both.
func Changes(a, b Face) []Part {
	return slices.DeleteFunc(Parts(), func(p Part) bool { return !p.differs(a, b) })
}

// set takes one part from another face.
func (f *Face) set(p Part, from Face) {
	switch p {
	case PartSubject:
		f.Subject = from.Subject
	case PartNotes:
		f.Notes = from.Notes
	case PartLocation:
		f.Location = from.Location
	case PartWhen:
		f.StartsAt, f.EndsAt, f.On, f.Minutes = from.StartsAt, from.EndsAt, from.On, from.Minutes
	case PartOwner:
		f.OwnerCRMID = from.OwnerCRMID
	case PartCancelled:
		f.Cancelled = from.Cancelled
	}
}

// Text gives the part in words, times in UTC.
func (f Face) Text(p Part) string {
	switch p {
	case PartSubject:
		return f.Subject
	case PartNotes:
		return f.Notes
	case PartLocation:
		return f.Location
	case PartWhen:
		return f.when()
	case PartOwner:
		return f.OwnerCRMID
	case PartCancelled:
		if f.Cancelled {
			return "yes"
		}
		return "no"
	}
	return ""
}

func (f Face) when() string {
	switch {
	case !f.StartsAt.IsZero() && date.Of(f.StartsAt.UTC()) == date.Of(f.EndsAt.UTC()):
		return f.StartsAt.UTC().Format("2 Jan 2006, 15:04") + " to " + f.EndsAt.UTC().Format("15:04 UTC")
	case !f.StartsAt.IsZero():
		return f.StartsAt.UTC().Format("2 Jan 2006, 15:04") + " to " + f.EndsAt.UTC().Format("2 Jan 2006, 15:04 UTC")
	case f.Minutes > 0:
		return f.On.Time().Format("2 Jan 2006") + ", " + strconv.FormatInt(f.Minutes, 10) + " minutes"
	case !f.On.IsZero():
		return f.On.Time().Format("2 Jan 2006")
	}
	return ""
}

// take puts one part of a face into the activity.
func (a *Activity) take(p Part, f Face, ownerName string, now time.Time) {
	is := a.Face()
	is.set(p, f)
	a.Subject, a.Body, a.Location, a.StartsAt, a.EndsAt, a.On, a.Minutes, a.OwnerCRMID = is.Subject, is.Notes, is.Location, is.StartsAt, is.EndsAt, is.On, is.Minutes, is.OwnerCRMID
	switch p {
	case PartWhen:
		a.HappenedAt = happened(a)
	case PartOwner:
		a.OwnerName = ownerName
	case PartCancelled:
		a.CancelledAt, a.CancelReason = time.Time{}, ""
		if f.Cancelled {
			a.CancelledAt = now
		}
	}
}

// happened is where the activity stands on the timeline: when it begins, or at the
// beginning of its day in UTC.
func happened(a *Activity) time.Time {
	if !a.StartsAt.IsZero() {
		return a.StartsAt
	}
	return a.On.Time()
}
