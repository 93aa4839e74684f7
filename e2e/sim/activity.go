package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
)

// meeting is an activity that Ada recorded: a meeting or a call.
type meeting struct {
	id     string
	object activity.Object
	binned bool // somebody deleted it in Salesforce
}

// word is what somebody said of one part of an activity. Each is said once only, so
// that it can be followed.
type word struct {
	side     string
	meeting  int
	part     activity.Part
	text     string
	replaced bool // in Salesforce, by somebody who saw it
}

var wordParts = []activity.Part{activity.PartSubject, activity.PartNotes, activity.PartWhen}

// say puts a new word into a face.
func (w *world) say(f *activity.Face, i int, p activity.Part, side string) {
	w.serial++
	switch p {
	case activity.PartSubject:
		f.Subject = fmt.Sprintf("%s subject %d", side, w.serial)
	case activity.PartNotes:
		f.Notes = fmt.Sprintf("%s notes %d", side, w.serial)
	case activity.PartWhen:
		f.On = date.Of(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)).AddDays(w.serial)
		if w.meetings[i].object == activity.ObjectEvent {
			f.StartsAt = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.serial) * 30 * time.Minute)
			f.EndsAt, f.On = f.StartsAt.Add(30*time.Minute), ""
		}
	}
	w.words = append(w.words, word{side: side, meeting: i, part: p, text: f.Text(p)})
	w.note("%s says %q of the %s of activity %d", side, f.Text(p), p, i)
}

// meet is somebody's deed with the activities.
func (w *world) meet() {
	n := w.rng.IntN(16)
	if len(w.meetings) == 0 || n < 3 {
		w.record()
		return
	}
	i := w.rng.IntN(len(w.meetings))
	switch {
	case n < 8:
		w.change(i)
	case n < 9:
		_, err := w.acts.Cancel(w.person, activity.Wish{ID: w.meetings[i].id}, "No need")
		w.note("Ada cancels activity %d: %v", i, err)
	case n < 14:
		w.editMeeting()
	default:
		w.settleMeeting()
	}
}

// record is a meeting or call that Ada records; she may press the button twice.
func (w *world) record() {
	opp := w.mirrored(w.deals[w.rng.IntN(len(w.deals))].crmID)
	if opp == "" {
		return
	}
	kind := []activity.Kind{activity.KindMeeting, activity.KindMeeting, activity.KindCall}[w.rng.IntN(3)]
	i := len(w.meetings)
	w.meetings = append(w.meetings, meeting{id: id.New("act"), object: kind.Object()})
	var f activity.Face
	said := len(w.words)
	for _, p := range wordParts {
		w.say(&f, i, p, "ada")
	}
	in := activity.Input{
		ID: w.meetings[i].id, OpportunityID: opp, Kind: kind, Subject: f.Subject, Notes: f.Notes, StartsAt: f.StartsAt, EndsAt: f.EndsAt, On: f.On, Attendees: w.attendees(),
	}
	for range 1 + w.rng.IntN(2) {
		_, err := w.acts.Record(w.person, in, false)
		if problem.Is(err, problem.KindConflict) { // the deal is deleted
			w.note("Ada may not: %v", err)
			w.meetings, w.words = w.meetings[:i], w.words[:said]
			return
		}
		w.check(err)
	}
}

// contacts are the partner's people whom the organisation knows.
var contacts = []string{"pat@aws.example", "kim@aws.example", "lee@aws.example"}

func (w *world) attendees() []activity.Attendee {
	var out []activity.Attendee
	for _, email := range contacts {
		if w.rng.IntN(2) == 0 {
			out = append(out, activity.Attendee{Name: email[:3], Email: email, Side: activity.SidePartner})
		}
	}
	return out
}

// change gives an activity another word, or other attendees.
func (w *world) change(i int) {
	a, err := w.acts.Get(w.person, w.meetings[i].id)
	w.check(err)
	f, people, said := a.Face(), a.Attendees.V, len(w.words)
	if n := w.rng.IntN(len(wordParts) + 1); n < len(wordParts) {
		w.say(&f, i, wordParts[n], "ada")
	} else {
		people = w.attendees()
		w.note("Ada names %d attendees of activity %d", len(people), i)
	}
	_, err = w.acts.Change(w.person, activity.Wish{ID: a.ID}, activity.Input{
		Subject: f.Subject, Notes: f.Notes, StartsAt: f.StartsAt, EndsAt: f.EndsAt, On: f.On, Minutes: f.Minutes, Location: f.Location, Attendees: people,
	})
	if err != nil {
		w.note("Ada may not: %v", err)
		w.words = w.words[:said]
	}
}

// settleMeeting settles one activity that was changed here and in Salesforce, if there
// is one.
func (w *world) settleMeeting() bool {
	for i := range w.meetings {
		a, err := w.acts.Get(w.person, w.meetings[i].id)
		w.check(err)
		if a.CRMState != activity.CRMStateConflict {
			continue
		}
		for _, p := range a.Theirs.V.Parts {
			said := func(x word) bool {
				return x.side == "sf" && x.meeting == i && x.part == p && x.text == a.Theirs.V.Text(p)
			}
			if p != activity.PartCancelled && !slices.ContainsFunc(w.words, said) {
				w.fail("activity %d is in conflict with what nobody said in Salesforce of its %s: %q", i, p, a.Theirs.V.Text(p))
			}
		}
		choice := []activity.Choice{activity.ChoiceOurs, activity.ChoiceTheirs}[w.rng.IntN(2)]
		_, err = w.acts.Settle(w.person, activity.Wish{ID: a.ID}, choice)
		w.check(err)
		w.note("Ada settles activity %d: %s", i, choice)
		return true
	}
	return false
}

// eventRow is the record of an activity in Salesforce.
type eventRow struct {
	ID          string     `json:"Id"`
	Subject     string     `json:"Subject"`
	Description string     `json:"Description"`
	StartsAt    string     `json:"StartDateTime"`
	EndsAt      string     `json:"EndDateTime"`
	On          date.Date  `json:"ActivityDate"`
	OwnerID     string     `json:"OwnerId"`
	WhoID       string     `json:"WhoId"`
	Deleted     bool       `json:"IsDeleted"`
	Stamp       string     `json:"SystemModstamp"`
	Children    *relations `json:"EventRelations"`
}

type relations struct {
	Records []struct {
		ID string `json:"RelationId"`
	} `json:"records"`
}

const sfTime = "2006-01-02T15:04:05.000-0700"

func (w *world) instant(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(sfTime, s)
	w.check(err)
	return t.UTC()
}

// face reads the record as Tandem shows it.
func (w *world) face(r *eventRow) activity.Face {
	f := activity.Face{StartsAt: w.instant(r.StartsAt), EndsAt: w.instant(r.EndsAt), On: r.On, OwnerCRMID: r.OwnerID}
	f.Subject, f.Cancelled = strings.CutPrefix(r.Subject, "Cancelled: ")
	notes, _, _ := strings.Cut(r.Description, "-- Kept by Tandem --")
	f.Notes = strings.TrimSpace(notes)
	if !f.StartsAt.IsZero() {
		f.On = ""
	}
	return f
}

// there gives all records of an activity that are or were in Salesforce.
func (w *world) there(i int) []eventRow {
	var out struct {
		Records []eventRow `json:"records"`
	}
	m := &w.meetings[i]
	columns := "Id, Subject, Description, ActivityDate, OwnerId, WhoId, IsDeleted, SystemModstamp"
	if m.object == activity.ObjectEvent {
		columns += ", StartDateTime, EndDateTime, (SELECT RelationId FROM EventRelations WHERE IsDeleted = false)"
	}
	soql := "SELECT " + columns + " FROM " + string(m.object) + " WHERE CoSell_Activity_Key__c = '" + m.id + "'"
	if code := w.crmCall(http.MethodGet, "/queryAll?q="+url.QueryEscape(soql), nil, &out); code >= 300 {
		w.fail("the simulation cannot look: %s", w.log[len(w.log)-1])
	}
	return out.Records
}

// live gives the record of an activity that is in Salesforce now.
func (w *world) live(i int) *eventRow {
	for _, r := range w.there(i) {
		if !r.Deleted {
			return &r
		}
	}
	return nil
}

// editMeeting is somebody's change of an activity in Salesforce.
func (w *world) editMeeting() {
	if len(w.meetings) == 0 {
		return
	}
	i := w.rng.IntN(len(w.meetings))
	if r := w.live(i); r != nil {
		w.editRecord(i, r)
	}
}

func (w *world) editRecord(i int, r *eventRow) {
	m := &w.meetings[i]
	path := "/sobjects/" + string(m.object) + "/" + r.ID
	if w.rng.IntN(25) == 0 {
		m.binned = w.crmCall(http.MethodDelete, path, nil, nil) < 300
		w.note("sf deletes activity %d", i)
		return
	}
	before := w.face(r)
	f, said, p := before, len(w.words), wordParts[w.rng.IntN(len(wordParts))]
	w.say(&f, i, p, "sf")
	body := map[string]any{}
	switch p {
	case activity.PartSubject:
		body["Subject"] = f.Subject
		if before.Cancelled && w.rng.IntN(4) > 0 {
			body["Subject"] = "Cancelled: " + f.Subject
		}
	case activity.PartNotes:
		body["Description"] = f.Notes
	default:
		if body["ActivityDate"] = f.On; m.object == activity.ObjectEvent {
			body = map[string]any{"StartDateTime": f.StartsAt.Format(sfTime), "EndDateTime": f.EndsAt.Format(sfTime)}
		}
	}
	if code := w.crmCall(http.MethodPatch, path, body, nil); code >= 300 {
		w.words = w.words[:said]
		return
	}
	for k := range w.words[:said] {
		if x := &w.words[k]; x.meeting == i && x.part == p && x.text == before.Text(p) {
			x.replaced = true
		}
	}
}

// raceMeeting changes the record with that id just before Salesforce gets to a request
// about it. Within the second in which it was changed last Salesforce tells no writers
// apart (conditional requests compare whole seconds): that race nobody can win.
func (w *world) raceMeeting(recordID string) {
	for i := range w.meetings {
		r := w.live(i)
		if r == nil || r.ID != recordID {
			continue
		}
		if w.instant(r.Stamp).Truncate(time.Second).Before(w.boxes.Now().Truncate(time.Second)) {
			w.editRecord(i, r)
		}
		return
	}
}

// overtake is what Ada and somebody in Salesforce do to an activity, that with the id if
// there is one, just after Salesforce took it and before the house knows.
func (w *world) overtake(recordID string) {
	if len(w.meetings) == 0 {
		return
	}
	i := w.rng.IntN(len(w.meetings))
	for k := range w.meetings {
		if r := w.live(k); r != nil && r.ID == recordID {
			i = k
		}
	}
	if w.rng.IntN(2) == 0 {
		w.change(i)
	}
	if r := w.live(i); r != nil && w.rng.IntN(2) == 0 {
		w.editRecord(i, r)
	}
}

// unread says what the house does not hold of an activity as Salesforce does.
func (w *world) unread() []string {
	var out []string
	for i := range w.meetings {
		a, err := w.acts.Get(w.person, w.meetings[i].id)
		w.check(err)
		say := func(format string, args ...any) {
			out = append(out, fmt.Sprintf("activity %d (%s, %s): ", i, a.CRMState, a.CRMError)+fmt.Sprintf(format, args...))
		}
		r := w.live(i)
		switch {
		case a.CRMState == activity.CRMStateConflict, a.CRMState == activity.CRMStatePending:
			say("waits")
		case r == nil && a.GoneAt.IsZero() && a.CRMState == activity.CRMStateLogged:
			say("is not in Salesforce")
		case r != nil:
			have, there := a.Face(), w.face(r)
			there.Minutes = have.Minutes
			for _, p := range activity.Changes(have, there) {
				say("its %s is %q here and %q in Salesforce", p, have.Text(p), there.Text(p))
			}
		}
	}
	return out
}

// met holds when the faults have ended: every activity is in Salesforce once, with who
// takes part, both sides say the same of it, and nothing that anybody said is lost.
func (w *world) met() {
	if bad := w.unread(); len(bad) > 0 {
		w.fail("%s", strings.Join(bad, "; "))
	}
	kept := make([][]activity.Face, len(w.meetings))
	told := make([]string, len(w.meetings))
	for i := range w.meetings {
		m := &w.meetings[i]
		a, err := w.acts.Get(w.person, m.id)
		w.check(err)
		rows := w.there(i)
		if len(rows) > 1 {
			w.fail("activity %d is %d times in Salesforce", i, len(rows))
		}
		kept[i] = []activity.Face{a.Face()}
		for _, r := range rows {
			kept[i] = append(kept[i], w.face(&r))
		}
		switch {
		case len(rows) == 0 && (a.CRMState != activity.CRMStateNone || !a.Cancelled()):
			w.fail("activity %d (%s) never came to Salesforce", i, a.CRMState)
		case len(rows) == 1 && rows[0].Deleted && !m.binned && (!w.bins || !a.Cancelled()):
			w.fail("activity %d was deleted in Salesforce, and nobody wanted it", i)
		case len(rows) == 1 && !rows[0].Deleted && a.CRMState == activity.CRMStateLogged:
			w.partake(i, &a, &rows[0])
		}
		list, err := w.acts.History(w.person, a.ID)
		w.check(err)
		for _, h := range list {
			told[i] += h.Body + "\n"
		}
	}
	for _, x := range w.words {
		is := func(f activity.Face) bool { return f.Text(x.part) == x.text }
		if !x.replaced && !slices.ContainsFunc(kept[x.meeting], is) && !strings.Contains(told[x.meeting], "“"+x.text+"” →") {
			w.fail("%s said %q of the %s of activity %d, and it is lost", x.side, x.text, x.part, x.meeting)
		}
	}
}

// partake looks at who takes part in an activity in Salesforce.
func (w *world) partake(i int, a *activity.Activity, r *eventRow) {
	want := map[string]bool{}
	for _, p := range a.Attendees.V {
		want[w.contacts[p.Email]] = true
	}
	have := map[string]bool{}
	if r.WhoID != "" {
		have[r.WhoID] = true
	}
	if r.Children != nil {
		for _, x := range r.Children.Records {
			have[x.ID] = true
		}
	}
	for who := range have {
		if !want[who] {
			w.fail("activity %d has an attendee in Salesforce who is none: %s", i, who)
		}
	}
	if len(have) == 0 && len(want) > 0 || a.CRMObject == activity.ObjectEvent && len(have) < len(want) {
		w.fail("activity %d lacks attendees in Salesforce: %d of %d", i, len(have), len(want))
	}
}
