package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/flow/invite"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func (w *Web) routesIntros() {
	w.get(listPath+"/{id}/intros/new", w.introNew)
	w.post(listPath+"/{id}/intros", w.introPropose)
	w.get("/intros/{id}", w.introPage)
	w.get("/intros/{id}/invitation.ics", w.introFile)
	w.get("/intros/{id}/edit", w.introEdit)
	w.post("/intros/{id}", w.introChange)
	for act, h := range map[string]http.HandlerFunc{"confirm": w.introConfirm, "held": w.introHeld, "no-show": w.introNoShow, "cancel": w.introCancel} {
		w.post("/intros/{id}/"+act, h)
		w.get("/intros/{id}/"+act, func(rw http.ResponseWriter, r *http.Request) { // a reload after a refused form
			http.Redirect(rw, r, introPath(r.PathValue("id"), ""), http.StatusSeeOther)
		})
	}
}

func introPath(meetingID, part string) string { return "/intros/" + url.PathEscape(meetingID) + part }

const whyNotIntroduce = "Your role reads only: ask somebody of the alliance team to introduce them"

func introBadge(s intro.State) ui.Badge {
	switch s {
	case intro.StateProposed:
		return ui.Badge{Tone: ui.ToneWarn, Text: s.Label()}
	case intro.StateConfirmed:
		return ui.Badge{Tone: ui.ToneInfo, Icon: ui.IconClock, Text: s.Label()}
	case intro.StateHeld:
		return ui.Badge{Tone: ui.ToneSuccess, Text: s.Label()}
	case intro.StateNoShow:
		return ui.Badge{Tone: ui.ToneDanger, Text: s.Label()}
	}
	return ui.Badge{Text: s.Label()}
}

// introPart is the intro meetings of a deal's page.
type introPart struct {
	List []intro.Meeting
	New  ui.Button
}

func (w *Web) introPart(r *http.Request, opportunityID string) (introPart, error) {
	list, err := w.app.Intros.OfOpportunity(r.Context(), opportunityID)
	return introPart{List: list, New: ui.Button{Label: "Introduce sellers", Icon: ui.IconPeople, Small: true, Href: dealPath(opportunityID, "") + "/intros/new", Blocked: whyBlocked(r, authz.ActionLog, whyNotIntroduce)}}, err
}

// introView is what the page of one intro meeting shows.
type introView struct {
	Page    ui.Page
	M       intro.Meeting
	Header  ui.RecordHeader
	Refused ui.Notice
	Form    introAct
	Mail    invite.Mail
	HasMail bool
	HasFile bool
	Times   []ui.Option // to agree on
	Ended   bool        // it has begun: what came of it can be said
	Blocked string
	History ui.Timeline
	Zones   []ui.Option
	Zone    string
}

// introAct is a form of the page that was refused: what was sent and why.
type introAct struct {
	Form   string
	Fields []problem.Field
	V      url.Values
}

func (f introAct) fault(name string) string { return ui.FieldError(f.Fields, name) }

// of gives the faults of one of the page's forms.
func (f introAct) of(form string) []problem.Field {
	if f.Form != form {
		return nil
	}
	return f.Fields
}

func (w *Web) introPage(rw http.ResponseWriter, r *http.Request) {
	w.showIntro(rw, r, http.StatusOK, introAct{}, "")
}

func (w *Web) showIntro(rw http.ResponseWriter, r *http.Request, status int, f introAct, refused string) {
	m, err := w.app.Intros.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	events, err := w.app.Intros.Events(r.Context(), m.ID)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	where, err := w.placeOf(r, m.OpportunityID, "")
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := &introView{M: m, Form: f, Blocked: whyBlocked(r, authz.ActionLog, whyNotIntroduce), Ended: m.State == intro.StateConfirmed && !m.StartsAt.After(w.app.Clock.Now())}
	if refused != "" {
		p.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: refused}
	}
	p.Mail, p.HasMail = invite.Compose(&m)
	_, p.HasFile = invite.Calendar(&m)
	if m.State == intro.StateProposed {
		for _, s := range m.Slots.V {
			p.Times = append(p.Times, slotOption(&m, s, f.V.Get("slot") == slotValue(s)))
		}
	}
	p.Zone = fallback(f.V.Get("zone"), m.Ours.V.Zone)
	p.Zones = zoneOptions(p.Zone)
	p.head(where)
	t := ui.Timeline{Empty: ui.EmptyState{Icon: ui.IconClock, Title: "Nothing yet"}}
	for _, e := range events {
		x := ui.Event{Kind: ui.ActorPerson, Actor: e.ActorName, What: e.Subject, At: e.HappenedAt}
		switch e.Kind {
		case "held":
			x.Tone = ui.ToneSuccess
		case "no_show", "cancelled", "gone":
			x.Tone = ui.ToneWarn
		}
		if e.Body != "" {
			x.DetailLabel, x.Detail = "In full", manyLines(e.Body)
		}
		t.Events = append(t.Events, x)
	}
	p.History = t
	p.Page = w.page(r, ui.Page{Title: m.Title, HideTitle: true, Nav: ui.AreaOpportunities, Crumbs: where.Crumbs})
	w.render(rw, r, status, introHTML(p))
}

func (p *introView) head(where activityPlace) {
	m := &p.M
	p.Header = ui.RecordHeader{Kind: "Intro meeting", Title: m.Title, State: introBadge(m.State)}
	next := func(tone ui.Tone, text, why, at string) {
		p.Header.Next = ui.NextAction{Tone: tone, Text: text, Why: why, Act: &ui.Button{Label: "Go there", Href: at}}
	}
	switch {
	case m.State == intro.StateProposed:
		next(ui.ToneWarn, "Send the proposal, then agree on a time", "No time is agreed yet", "#mail")
	case p.Ended:
		next(ui.ToneWarn, "Say what came of it", "It should have taken place", "#outcome")
	case m.State == intro.StateConfirmed:
		next(ui.ToneInfo, "Send the invitation", "Those who were told earlier are told again when it changes", "#mail")
	case m.State == intro.StateNoShow:
		next(ui.ToneWarn, "Agree on another time, or cancel it", "Somebody did not come", "#confirm")
	case m.State == intro.StateCancelled && p.HasMail:
		next(ui.ToneWarn, "Tell those who were invited", "It is cancelled here and in Salesforce", "#mail")
	}
	if !m.StartsAt.IsZero() {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "When", Value: bothClocks(m, intro.Slot{StartsAt: m.StartsAt, EndsAt: m.EndsAt})})
	}
	p.Header.Facts = append(p.Header.Facts,
		ui.Fact{Label: "Ours", Value: nameCell(m.Ours.V.Name, m.Ours.V.Role, m.Ours.V.Email)}, ui.Fact{Label: m.Cloud.Label(), Value: nameCell(m.Theirs.V.Name, m.Theirs.V.Role, m.Theirs.V.Email)},
		ui.Fact{Label: "On", Value: ui.Link(where.Href, where.Name)}, ui.Fact{Label: "Introduced by", Value: ui.PersonName(m.OrganizerName)})
	if m.Location != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Where", Value: ui.Text(m.Location)})
	}
	if m.ActivityID != "" {
		p.Header.Actions = append(p.Header.Actions, ui.Button{Label: "In Salesforce", Icon: ui.IconCloud, Href: activityPath(m.ActivityID, "")})
	}
	if m.State.Open() {
		p.Header.Actions = append(p.Header.Actions, ui.Button{Label: "Edit", Icon: ui.IconEdit, Key: "e", Href: introPath(m.ID, "/edit"), Blocked: p.Blocked})
	}
}

// outcomeFacts tells what came of a meeting that is over.
func (p *introView) outcomeFacts() []ui.Fact {
	m := &p.M
	var out []ui.Fact
	add := func(label string, v templ.Component) { out = append(out, ui.Fact{Label: label, Value: v}) }
	if m.Outcome != "" {
		add("What came of it", manyLines(m.Outcome))
	}
	if m.NextStep != "" {
		add("Next step", ui.Text(m.NextStep))
	}
	if !m.NextStepOn.IsZero() {
		add("By", dayOf(m.NextStepOn))
	}
	if m.NextActivityID != "" {
		add("Its task", ui.Link(activityPath(m.NextActivityID, ""), "See the task"))
	}
	if m.Reason != "" {
		add("Cancelled because", ui.Text(m.Reason))
	}
	return out
}

// introAct carries a form's wish about an intro meeting out.
func (w *Web) introAct(rw http.ResponseWriter, r *http.Request, form, said string, do func(intro.Wish) (intro.Meeting, error)) {
	version, err := positive(r.PostFormValue("version"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	m, err := do(intro.Wish{ID: r.PathValue("id"), Version: version})
	if err != nil {
		fields, message, ok := fieldsOf(err)
		if !ok {
			w.fail(rw, r, err)
			return
		}
		w.showIntro(rw, r, ui.StatusOf(problem.KindOf(err)), introAct{Form: form, Fields: fields, V: r.PostForm}, message)
		return
	}
	w.done(rw, r, introPath(m.ID, ""), said, "")
}

func (w *Web) introConfirm(rw http.ResponseWriter, r *http.Request) {
	w.introAct(rw, r, "confirm", "The time is agreed: send the invitation", func(wish intro.Wish) (intro.Meeting, error) {
		s, err := slotIn(r)
		if err != nil {
			return intro.Meeting{}, err
		}
		return w.app.Intros.Confirm(r.Context(), wish, s)
	})
}

func outcomeIn(r *http.Request) intro.Outcome {
	return intro.Outcome{Note: r.PostFormValue("outcome"), NextStep: r.PostFormValue("next_step"), NextStepOn: date.Date(strings.TrimSpace(r.PostFormValue("next_step_on")))}
}

func (w *Web) introHeld(rw http.ResponseWriter, r *http.Request) {
	w.introAct(rw, r, "outcome", "Noted, and Salesforce is told", func(wish intro.Wish) (intro.Meeting, error) {
		return w.app.Intros.Held(r.Context(), wish, outcomeIn(r))
	})
}

func (w *Web) introNoShow(rw http.ResponseWriter, r *http.Request) {
	w.introAct(rw, r, "outcome", "Noted: agree on another time, or cancel it", func(wish intro.Wish) (intro.Meeting, error) {
		return w.app.Intros.NoShow(r.Context(), wish, outcomeIn(r))
	})
}

func (w *Web) introCancel(rw http.ResponseWriter, r *http.Request) {
	w.introAct(rw, r, "cancel", "It is cancelled", func(wish intro.Wish) (intro.Meeting, error) {
		return w.app.Intros.Cancel(r.Context(), wish, r.PostFormValue("reason"))
	})
}

func (w *Web) introFile(rw http.ResponseWriter, r *http.Request) {
	m, err := w.app.Intros.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	file, ok := invite.Calendar(&m)
	if !ok {
		w.fail(rw, r, problem.Conflict("not_invited", "No time is agreed yet: there is no invitation"))
		return
	}
	h := rw.Header()
	h.Set("Content-Type", invite.ContentType(&m))
	h.Set("Content-Disposition", `attachment; filename="`+invite.FileName(&m)+`"`)
	h.Set("Cache-Control", "no-store")
	if _, err := rw.Write([]byte(file)); err != nil && r.Context().Err() == nil {
		w.log.ErrorContext(r.Context(), "write a calendar file", "error", err)
	}
}

// slotValue is a time as a form sends it.
func slotValue(s intro.Slot) string {
	return s.StartsAt.UTC().Format(time.RFC3339) + "/" + s.EndsAt.UTC().Format(time.RFC3339)
}

func slotOf(value string) (intro.Slot, bool) {
	from, to, ok := strings.Cut(value, "/")
	a, err1 := time.Parse(time.RFC3339, from)
	b, err2 := time.Parse(time.RFC3339, to)
	return intro.Slot{StartsAt: a, EndsAt: b}, ok && err1 == nil && err2 == nil
}

// slotOption is a time to choose, as our seller reads it and with the partner's clock
// beside it.
func slotOption(m *intro.Meeting, s intro.Slot, chosen bool) ui.Option {
	return ui.Option{Value: slotValue(s), Label: clockLine(m.Ours.V, s), Hint: fallback(otherClock(m, s), "for both"), Selected: chosen}
}

// clockLine is a time on the clock of one of the two.
func clockLine(p intro.Party, s intro.Slot) string {
	from, to := p.In(s.StartsAt), p.In(s.EndsAt)
	return from.Format("Mon 2 Jan 2006, 15:04") + "–" + to.Format("15:04") + " " + placeOfZone(from.Location().String())
}

func otherClock(m *intro.Meeting, s intro.Slot) string {
	line := clockLine(m.Theirs.V, s)
	if line == clockLine(m.Ours.V, s) {
		return ""
	}
	if s.Outside(m.Theirs.V.In(s.StartsAt).Location()) || s.Outside(m.Ours.V.In(s.StartsAt).Location()) {
		line += ", outside usual hours"
	}
	return line
}

// placeOfZone is the place of a zone: "New York" of America/New_York.
func placeOfZone(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	return strings.ReplaceAll(name, "_", " ")
}
