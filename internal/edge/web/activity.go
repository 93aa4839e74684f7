package web

import (
	"net/http"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func (w *Web) routesActivities() {
	w.get(listPath+"/{id}/activities/new", w.activityNew)
	w.post(listPath+"/{id}/activities", w.activityRecord)
	w.get("/accounts/{id}/activities/new", w.activityNew)
	w.post("/accounts/{id}/activities", w.activityRecord)
	w.get("/activities/{id}", w.activityPage)
	w.get("/activities/{id}/edit", w.activityEdit)
	w.post("/activities/{id}", w.activityChange)
	w.post("/activities/{id}/cancel", w.activityCancel)
	w.post("/activities/{id}/again", w.activityAgain)
	w.post("/activities/{id}/settle", w.activitySettle)
	for _, act := range []string{"/cancel", "/again", "/settle"} { // a reload after a refused form
		w.get("/activities/{id}"+act, func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, activityPath(r.PathValue("id"), ""), http.StatusSeeOther)
		})
	}
}

// activityPage is what the page of one activity shows.
type activityPage struct {
	Page     ui.Page
	Act      activity.Activity
	Header   ui.RecordHeader
	Refused  ui.Notice
	People   []ui.Fact
	History  ui.Timeline
	Foreign  string // why it is not changed here
	Fix      string // what mends a refusal
	Dispute  []ui.CompareLine
	Again    ui.Button
	KeepOurs ui.Button
	// TakeTheirs is the other way to settle a dispute.
	TakeTheirs   ui.Button
	MayCancel    bool
	Cancel       ui.Button
	CancelWords  string
	CancelFields []problem.Field
	Reason       string
}

// refusedWish is a wish about an activity that was refused.
type refusedWish struct {
	fields  []problem.Field
	message string
	reason  string
}

func (w *Web) activityPage(rw http.ResponseWriter, r *http.Request) {
	w.showActivity(rw, r, http.StatusOK, refusedWish{})
}

func (w *Web) showActivity(rw http.ResponseWriter, r *http.Request, status int, refused refusedWish) {
	a, err := w.app.Activities.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	history, err := w.app.Activities.History(r.Context(), a.ID)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	where, err := w.placeOf(r, a.OpportunityID, a.AccountID)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	mode, _, err := w.app.Activities.CancelMode(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	blocked := whyBlocked(r, authz.ActionLog, whyNotLog)
	p := &activityPage{Act: a, CancelFields: refused.fields, Reason: refused.reason}
	if refused.message != "" {
		p.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: refused.message}
	}
	p.head(w, where, blocked)
	for _, x := range a.Attendees.V {
		p.People = append(p.People, ui.Fact{Label: x.Side.Label(), Value: nameCell(fallback(x.Name, x.Email), emailUnder(x), x.Company)})
	}
	p.History = activityHistory(history)
	switch a.Origin {
	case activity.OriginCRM:
		p.Foreign = "It was made in Salesforce, and is changed there. Tandem reads it."
	case activity.OriginEngine:
		p.Foreign = "Tandem logged it by itself. It tells what happened and stays as it is."
	}
	if a.CRMState == activity.CRMStateFailed {
		p.Fix = attention.FixOf(attention.CodeIn(a.CRMError))
		p.Again = ui.Button{Label: "Send again", Icon: ui.IconRefresh, Blocked: blocked}
	}
	if a.Kind == activity.KindIntroMeeting && a.Recorded() {
		m, err := w.app.Intros.OfActivity(r.Context(), a.ID)
		if err != nil && !problem.Is(err, problem.KindNotFound) {
			w.fail(rw, r, err)
			return
		}
		if err == nil {
			p.Header.Actions = append(p.Header.Actions, ui.Button{Label: "The intro meeting", Icon: ui.IconPeople, Href: introPath(m.ID, "")})
		}
	}
	p.dispute(blocked)
	p.MayCancel = a.Recorded() && !a.Cancelled() && a.CRMState != activity.CRMStateConflict && a.Kind != activity.KindIntroMeeting
	p.Cancel = ui.Button{Label: "Cancel it", Variant: ui.VariantDanger, Blocked: blocked}
	p.CancelWords = "In Salesforce its subject says that it is cancelled."
	if mode == activity.CancelDelete {
		p.CancelWords = "In Salesforce it goes to the recycle bin."
	}
	p.Page = w.page(r, ui.Page{Title: a.Subject, HideTitle: true, Nav: ui.AreaOpportunities, Crumbs: where.Crumbs})
	w.render(rw, r, status, activityView(p))
}

func (p *activityPage) head(w *Web, where activityPlace, blocked string) {
	a := &p.Act
	p.Header = ui.RecordHeader{Kind: fallback(a.Kind.Label(), "Activity"), Title: a.Subject}
	if a.Origin != activity.OriginEngine {
		p.Header.State = w.activityMark(a)
	}
	p.Header.Marks = append(p.Header.Marks, ui.Badge{Tone: crmTone(a), Text: activityInCRM(a)})
	switch a.CRMState {
	case activity.CRMStateFailed:
		p.Header.Next = ui.NextAction{Tone: ui.ToneDanger, Text: "Mend the cause and send it again", Why: "Salesforce does not have it as it is here"}
	case activity.CRMStateConflict:
		p.Header.Next = ui.NextAction{Tone: ui.ToneDanger, Text: "Say which of the two holds", Why: "It was changed here and in Salesforce", Act: &ui.Button{Label: "Look at both", Href: "#dispute"}}
	}
	when := whenCell(a.Face())
	if a.StartsAt.IsZero() && a.On.IsZero() {
		when = ui.Time{At: a.HappenedAt}
	}
	p.Header.Facts = []ui.Fact{{Label: "When", Value: when}}
	if a.Location != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Where", Value: ui.Text(a.Location)})
	}
	p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "On", Value: ui.Link(where.Href, where.Name)}, ui.Fact{Label: "Owner", Value: ui.PersonName(a.OwnerName)}, ui.Fact{Label: "Made by", Value: ui.PersonName(a.ActorName)})
	if a.CRMTaskID != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: string(a.CRMObject) + " in Salesforce", Value: ui.Copy{Text: a.CRMTaskID, What: "the id in Salesforce"}})
	}
	if a.CancelReason != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Cancelled because", Value: ui.Text(a.CancelReason)})
	}
	if href := w.crmLink(a.CRMTaskID); href != "" {
		p.Header.Actions = append(p.Header.Actions, ui.Button{Label: "Open in Salesforce", Icon: ui.IconExternal, Href: href})
	}
	if a.Recorded() && !a.Cancelled() && a.CRMState != activity.CRMStateConflict && a.Kind != activity.KindIntroMeeting {
		p.Header.Actions = append(p.Header.Actions, ui.Button{Label: "Edit", Icon: ui.IconEdit, Key: "e", Href: activityPath(a.ID, "/edit"), Blocked: blocked})
	}
}

func crmTone(a *activity.Activity) ui.Tone {
	switch {
	case a.CRMState == activity.CRMStateFailed, a.CRMState == activity.CRMStateConflict:
		return ui.ToneDanger
	case !a.GoneAt.IsZero():
		return ui.ToneWarn
	case a.CRMState == activity.CRMStateLogged:
		return ui.ToneSuccess
	}
	return ui.ToneNeutral
}

func (p *activityPage) dispute(blocked string) {
	t := p.Act.Theirs.V
	if t == nil {
		return
	}
	for _, part := range t.Parts {
		line := ui.CompareLine{Field: part.Label(), State: ui.CompareConflict, Ours: textOr(p.Act.Face().Text(part)), Theirs: textOr(t.Text(part))}
		switch part {
		case activity.PartWhen:
			line.Ours, line.Theirs = whenCell(p.Act.Face()), whenCell(t.Face)
		case activity.PartOwner:
			line.Ours, line.Theirs = ui.PersonName(p.Act.OwnerName), ui.PersonName(t.OwnerName)
		}
		p.Dispute = append(p.Dispute, line)
	}
	p.KeepOurs = ui.Button{Label: "Keep what Tandem has", Name: "choice", Value: string(activity.ChoiceOurs), Blocked: blocked}
	p.TakeTheirs = ui.Button{Label: "Take what Salesforce has", Name: "choice", Value: string(activity.ChoiceTheirs), Blocked: blocked}
}

func activityHistory(list []activity.History) ui.Timeline {
	t := ui.Timeline{Empty: ui.EmptyState{Icon: ui.IconClock, Title: "Nothing yet"}}
	for i := range list {
		h := &list[i]
		e := ui.Event{Kind: ui.ActorPerson, Actor: fallback(h.ActorName, "Somebody"), What: h.Subject, At: h.HappenedAt}
		switch h.Kind {
		case "conflict", "gone", "cancelled":
			e.Tone = ui.ToneWarn
		}
		if h.Body != "" {
			e.DetailLabel, e.Detail = "In full", manyLines(h.Body)
		}
		t.Events = append(t.Events, e)
	}
	return t
}

// emailUnder gives the address, unless it stands in place of the name.
func emailUnder(x activity.Attendee) string {
	if x.Name == "" {
		return ""
	}
	return x.Email
}

// attendeeNames names those who take part, at most six.
func attendeeNames(list []activity.Attendee) string {
	var out []string
	for i, x := range list {
		if i == 6 {
			out = append(out, plural(int64(len(list)-i), "other", "others"))
			break
		}
		out = append(out, fallback(x.Name, x.Email))
	}
	return strings.Join(out, ", ")
}

// activityAct carries a form's wish about an activity out.
func (w *Web) activityAct(rw http.ResponseWriter, r *http.Request, said string, do func(wish activity.Wish) (activity.Activity, error)) {
	version, err := positive(r.PostFormValue("version"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	a, err := do(activity.Wish{ID: r.PathValue("id"), Version: version})
	if err != nil {
		fields, message, ok := fieldsOf(err)
		if !ok {
			w.fail(rw, r, err)
			return
		}
		w.showActivity(rw, r, ui.StatusOf(problem.KindOf(err)), refusedWish{fields, message, r.PostFormValue("reason")})
		return
	}
	w.done(rw, r, activityPath(a.ID, ""), said, "")
}

func (w *Web) activityCancel(rw http.ResponseWriter, r *http.Request) {
	w.activityAct(rw, r, "It is cancelled, and Salesforce is told", func(wish activity.Wish) (activity.Activity, error) {
		return w.app.Activities.Cancel(r.Context(), wish, r.PostFormValue("reason"))
	})
}

func (w *Web) activityAgain(rw http.ResponseWriter, r *http.Request) {
	w.activityAct(rw, r, "Tandem writes it to Salesforce again", func(wish activity.Wish) (activity.Activity, error) {
		return w.app.Activities.Send(r.Context(), wish)
	})
}

func (w *Web) activitySettle(rw http.ResponseWriter, r *http.Request) {
	w.activityAct(rw, r, "It is settled", func(wish activity.Wish) (activity.Activity, error) {
		return w.app.Activities.Settle(r.Context(), wish, activity.Choice(r.PostFormValue("choice")))
	})
}

// activityPlace is the deal or account that an activity belongs to.
type activityPlace struct {
	Name, Href string
	Crumbs     []ui.Crumb
}

func (w *Web) placeOf(r *http.Request, opportunityID, accountID string) (activityPlace, error) {
	list := ui.Crumb{Label: "Opportunities", Href: listPath}
	if opportunityID == "" {
		a, err := w.app.Accounts.Get(r.Context(), accountID)
		p := activityPlace{Name: a.Name, Href: "/accounts/" + a.ID}
		p.Crumbs = []ui.Crumb{list, {Label: p.Name, Href: p.Href}}
		return p, err
	}
	o, _, err := w.app.Opportunities.Get(r.Context(), opportunityID)
	p := activityPlace{Name: o.Name, Href: dealPath(o.ID, "")}
	p.Crumbs = []ui.Crumb{list, {Label: p.Name, Href: p.Href}}
	return p, err
}
