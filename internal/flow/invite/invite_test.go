package invite

import (
	"bytes"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

func meeting() *intro.Meeting {
	at := func(day, hour int) time.Time { return time.Date(2026, 12, day, hour, 0, 0, 0, time.UTC) }
	return &intro.Meeting{
		ID: "int_01m86z1dw3ery88kerrfqc5gcy", Cloud: cloud.AWS, State: intro.StateProposed, Title: "Introduction: Olga and Rita on Kelseworth", Agenda: "Who does what,\nand the next step; \"billing\"",
		Location:      "Video call",
		Ours:          db.NewJSON(intro.Party{Name: "Olga Owner", Email: "olga@us.example", Company: "Quillmoor", Role: "Account Executive", Zone: "Europe/Berlin"}),
		Theirs:        db.NewJSON(intro.Party{Name: "Rita \"Rep\" O'Ruiz, Jr.", Email: "rita@aws.example", Company: "AWS", Role: "AWSSalesRep", Zone: "America/Los_Angeles"}),
		OrganizerName: "Ada Manager", OrganizerEmail: "ada@us.example",
		Slots:     db.NewJSON([]intro.Slot{{StartsAt: at(1, 16), EndsAt: at(1, 16).Add(30 * time.Minute)}, {StartsAt: at(3, 0), EndsAt: at(3, 0).Add(30 * time.Minute)}}),
		CreatedAt: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), UpdatedAt: time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC),
	}
}

func confirmed() *intro.Meeting {
	m := meeting()
	m.State, m.ActivityID, m.StartsAt, m.EndsAt = intro.StateConfirmed, "act_1", m.Slots.V[0].StartsAt, m.Slots.V[0].EndsAt
	return m
}

func cancelled() *intro.Meeting {
	m := confirmed()
	m.State, m.Sequence, m.Reason = intro.StateCancelled, 2, "the deal is off"
	return m
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s is not as it was:\n%s", name, got)
	}
}

func TestTheMailsAreAsTheyWere(t *testing.T) {
	t.Parallel()
	changed := confirmed()
	changed.Sequence = 1
	for name, m := range map[string]*intro.Meeting{"proposed.txt": meeting(), "confirmed.txt": confirmed(), "changed.txt": changed, "cancelled.txt": cancelled()} {
		mail, ok := Compose(m)
		if !ok {
			t.Errorf("%s: there is no mail", name)
		}
		golden(t, name, "To: "+strings.Join(mail.To, ", ")+"\nSubject: "+mail.Subject+"\n\n"+mail.Text)
		u, err := url.Parse(mail.Link())
		if err != nil || u.Scheme != "mailto" || u.Query().Get("subject") != mail.Subject || strings.Contains(mail.Link(), "+") {
			t.Errorf("%s: %s, %v", name, mail.Link(), err)
		}
	}
	held := confirmed()
	held.State = intro.StateHeld
	if _, ok := Compose(held); ok {
		t.Error("there is a mail about a meeting that was held")
	}
	off := meeting()
	off.State = intro.StateCancelled
	if _, ok := Compose(off); ok {
		t.Error("somebody is told that a meeting is cancelled to which nobody was invited")
	}
}

func TestTheCalendarFilesAreAsTheyWere(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*intro.Meeting{"invitation.ics": confirmed(), "cancellation.ics": cancelled()} {
		file, ok := Calendar(m)
		if !ok || FileName(m) != name {
			t.Fatalf("%s: %v, %s", name, ok, FileName(m))
		}
		golden(t, name, strings.ReplaceAll(file, "\r\n", "\n")) // git keeps texts with \n
	}
	if _, ok := Calendar(meeting()); ok {
		t.Error("there is an invitation to a meeting without a time")
	}
}

// What a calendar program reads (RFC 5545 and 5546): lines of at most 75 octets that
// end with CRLF, and of a change the same name with a higher sequence.
func TestACalendarProgramReadsWhatWeMeant(t *testing.T) {
	t.Parallel()
	moved := confirmed()
	moved.Sequence, moved.StartsAt, moved.EndsAt = 1, moved.StartsAt.Add(time.Hour), moved.EndsAt.Add(time.Hour)
	for _, c := range []struct {
		m                        *intro.Meeting
		method, sequence, status string
	}{{confirmed(), "REQUEST", "0", "CONFIRMED"}, {moved, "REQUEST", "1", "CONFIRMED"}, {cancelled(), "CANCEL", "2", "CANCELLED"}} {
		file, _ := Calendar(c.m)
		for line := range strings.SplitSeq(strings.TrimSuffix(file, "\r\n"), "\r\n") {
			if len(line) > 75 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%d octets: %q", len(line), line)
			}
		}
		cal, err := ics.ParseCalendar(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(file, "\r\nMETHOD:"+c.method+"\r\n") || ContentType(c.m) != "text/calendar; charset=utf-8; method="+c.method {
			t.Errorf("%s: %s", ContentType(c.m), file)
		}
		e := cal.Events()[0]
		value := func(p ics.ComponentProperty) string {
			if x := e.GetProperty(p); x != nil {
				return x.Value
			}
			return ""
		}
		start, err := e.GetStartAt()
		if err != nil || !start.Equal(c.m.StartsAt) {
			t.Errorf("%s, %v", start, err)
		}
		if e.Id() != "int_01m86z1dw3ery88kerrfqc5gcy@tandem" || value(ics.ComponentPropertySequence) != c.sequence || value(ics.ComponentPropertyStatus) != c.status {
			t.Errorf("%s %s %s", e.Id(), value(ics.ComponentPropertySequence), value(ics.ComponentPropertyStatus))
		}
		if who := e.Attendees(); len(who) != 2 || who[0].Email() != "olga@us.example" || who[1].Email() != "rita@aws.example" {
			t.Errorf("%v", who)
		}
		if value(ics.ComponentPropertyOrganizer) != "mailto:ada@us.example" {
			t.Errorf("organizer %s", value(ics.ComponentPropertyOrganizer))
		}
	}
}

func FuzzCalendarIsAlwaysReadable(f *testing.F) {
	f.Add("Title", "Agenda\nline", "Room", "Name, \"quoted\"; x:y", "a@b.example")
	f.Add("BEGIN:VEVENT\r\nEND:VCALENDAR", "\x00\\n", ";,:", "\r\nATTENDEE:evil", "x@y.example")
	f.Fuzz(func(t *testing.T, title, agenda, location, name, email string) {
		m := confirmed()
		// What the service lets through: one line each, no NUL, a mail address.
		flat := strings.NewReplacer("\n", " ", "\r", " ", "\x00", " ")
		m.Title, m.Location, m.Agenda = flat.Replace(title), flat.Replace(location), strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", " ").Replace(agenda)
		m.Theirs.V.Name = flat.Replace(name)
		file, ok := Calendar(m)
		if !ok {
			t.Fatal("no file")
		}
		cal, err := ics.ParseCalendar(strings.NewReader(file))
		if err != nil || len(cal.Events()) != 1 || len(cal.Events()[0].Attendees()) != 2 {
			t.Fatalf("%v in\n%s", err, file)
		}
	})
}
