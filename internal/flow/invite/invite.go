// Package invite answers "what do the two sellers get?": the invitation of an intro
// meeting as a calendar file (iTIP, RFC 5546) and the e-mail that goes with it. Tandem
// sends neither by itself: a person does.
package invite

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/tandem-cosell/tandem/internal/domain/intro"
)

// ContentType is that of the calendar file of a meeting, with its iTIP method.
func ContentType(m *intro.Meeting) string {
	return "text/calendar; charset=utf-8; method=" + string(method(m))
}

// FileName is a name for the calendar file.
func FileName(m *intro.Meeting) string {
	if method(m) == ics.MethodCancel {
		return "cancellation.ics"
	}
	return "invitation.ics"
}

func method(m *intro.Meeting) ics.Method {
	if m.State == intro.StateCancelled {
		return ics.MethodCancel
	}
	return ics.MethodRequest
}

// Calendar gives the invitation: a REQUEST, which a higher sequence makes an update, or
// a CANCEL. ok is false for a meeting that nobody was invited to.
func Calendar(m *intro.Meeting) (file string, ok bool) {
	if !m.Invited() || m.StartsAt.IsZero() {
		return "", false
	}
	cal := ics.NewCalendarFor("Tandem")
	cal.SetProductId("-//Tandem//Intro meetings//EN")
	cal.SetCalscale("GREGORIAN")
	cal.SetMethod(method(m))
	e := cal.AddEvent(m.UID())
	e.SetDtStampTime(m.UpdatedAt)
	e.SetCreatedTime(m.CreatedAt)
	e.SetModifiedAt(m.UpdatedAt)
	e.SetSequence(int(m.Sequence))
	e.SetStartAt(m.StartsAt)
	e.SetEndAt(m.EndsAt)
	e.SetSummary(m.Title)
	e.SetDescription(strings.TrimSpace(m.Agenda + "\n\n" + zoneLines(m, intro.Slot{StartsAt: m.StartsAt, EndsAt: m.EndsAt})))
	if m.Location != "" {
		e.SetLocation(m.Location)
	}
	e.SetStatus(ics.ObjectStatusConfirmed)
	if m.State == intro.StateCancelled {
		e.SetStatus(ics.ObjectStatusCancelled)
	}
	if m.OrganizerEmail != "" {
		e.SetOrganizer("mailto:"+m.OrganizerEmail, ics.WithCN(plain(m.OrganizerName)))
	}
	for _, p := range []intro.Party{m.Ours.V, m.Theirs.V} {
		e.AddAttendee("mailto:"+p.Email, ics.WithCN(plain(p.Name)), ics.CalendarUserTypeIndividual, ics.ParticipationRoleReqParticipant, ics.ParticipationStatusNeedsAction, ics.WithRSVP(m.State != intro.StateCancelled))
	}
	return cal.Serialize(ics.WithNewLineWindows), true
}

// plain writes a name without what a parameter cannot hold unquoted (RFC 5545 §3.2): the
// library puts a backslash before it, which calendar programs show as it is.
func plain(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == '\'':
			return '’'
		case r == '"':
			return '”'
		case r < ' ', r == 0x7F, strings.ContainsRune(`,;:\`, r):
			return ' '
		}
		return r
	}, s)), " ")
}

// Mail is an e-mail for a person to send.
type Mail struct {
	To      []string
	Subject string
	Text    string
	// Attach says that the calendar file belongs to it.
	Attach bool
}

// Link gives the address that opens the e-mail in the reader's own program.
func (m Mail) Link() string {
	q := url.Values{"subject": {m.Subject}, "body": {strings.ReplaceAll(m.Text, "\n", "\r\n")}}
	return "mailto:" + strings.Join(m.To, ",") + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

// Compose writes the e-mail that fits where the meeting stands; ok is false where there
// is nothing to tell.
func Compose(m *intro.Meeting) (mail Mail, ok bool) {
	ours, theirs := m.Ours.V, m.Theirs.V
	mail = Mail{To: []string{ours.Email, theirs.Email}, Subject: m.Title, Attach: m.Invited()}
	greeting := fmt.Sprintf("Hello %s, hello %s,", first(theirs.Name), first(ours.Name))
	who := fmt.Sprintf("%s: %s\n%s: %s", ours.Name, joined(ours.Role, ours.Company), theirs.Name, joined(theirs.Role, theirs.Company))
	var lines []string
	switch m.State {
	case intro.StateProposed:
		lines = []string{greeting, "I would like to introduce you to each other:\n" + who}
		if m.Agenda != "" {
			lines = append(lines, "What it is about:\n"+m.Agenda)
		}
		times := "Which of these times suits you both?"
		for i, s := range m.Slots.V {
			times += fmt.Sprintf("\n%d) %s", i+1, strings.ReplaceAll(zoneLines(m, s), "\n", "\n   "))
		}
		lines = append(lines, times, "If none does, name another: I send the invitation then.")
	case intro.StateConfirmed:
		head := "This is the invitation:"
		if m.Sequence > 0 {
			mail.Subject, head = "Changed: "+m.Title, "The invitation has changed; this is how it stands now:"
		}
		lines = []string{greeting, head + "\n" + zoneLines(m, intro.Slot{StartsAt: m.StartsAt, EndsAt: m.EndsAt})}
		if m.Location != "" {
			lines = append(lines, "Where: "+m.Location)
		}
		lines = append(lines, who)
		if m.Agenda != "" {
			lines = append(lines, "What it is about:\n"+m.Agenda)
		}
		lines = append(lines, "The attached file puts it into your calendar.")
	case intro.StateCancelled:
		if !m.Invited() {
			return mail, false
		}
		mail.Subject = "Cancelled: " + m.Title
		lines = []string{greeting, "Our meeting does not take place:\n" + zoneLines(m, intro.Slot{StartsAt: m.StartsAt, EndsAt: m.EndsAt})}
		if m.Reason != "" {
			lines = append(lines, "Why: "+m.Reason)
		}
		lines = append(lines, "The attached file takes it out of your calendar.")
	default:
		return mail, false
	}
	mail.Text = strings.Join(append(lines, "Kind regards\n"+m.OrganizerName), "\n\n") + "\n"
	return mail, true
}

// zoneLines gives a time as both read it on their clocks, one a line; once where they
// share a clock.
func zoneLines(m *intro.Meeting, s intro.Slot) string {
	a, b := line(m.Ours.V, s), line(m.Theirs.V, s)
	if a == b {
		return a
	}
	return b + "\n" + a
}

func line(p intro.Party, s intro.Slot) string {
	from, to := p.In(s.StartsAt), p.In(s.EndsAt)
	end := to.Format("15:04")
	if from.YearDay() != to.YearDay() {
		end = to.Format("Mon 15:04")
	}
	return from.Format("Monday, 2 January 2006, 15:04") + " to " + end + " (" + strings.ReplaceAll(from.Location().String(), "_", " ") + offset(from) + ")"
}

// offset names the distance to UTC, which a zone's name does not tell everybody.
func offset(t time.Time) string {
	_, seconds := t.Zone()
	if seconds == 0 {
		return ""
	}
	return ", UTC" + t.Format("-07:00")
}

func first(name string) string {
	word, _, _ := strings.Cut(name, " ")
	return word
}

func joined(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return "our side"
	}
	return strings.Join(out, ", ")
}
