package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const whyNotRefresh = "Your role reads only: ask somebody of the alliance team to refresh it"

func (w *Web) routesFields() {
	w.get(listPath+"/{id}/field", w.showField)
	w.post(listPath+"/{id}/field", w.saveField)
	w.post(listPath+"/{id}/refresh", w.refreshRegistration)
	w.post(listPath+"/{id}/resend", w.resendFields)
	w.get("/registrations/{id}/log", w.registrationLog)
}

// refusedField is a field that the portal does not take as it is.
type refusedField struct {
	Label, Path string
	Ours        string
	Reason      string
	Mend        string
	Change      ui.Button
}

// callPart is one call to a portal in the event log.
type callPart struct {
	Call    registration.Call
	Badge   ui.Badge
	Request string // indented JSON
	Answer  string
}

// fieldsPart is how the fields of a registration are kept the same.
type fieldsPart struct {
	Portal    string
	Refresh   ui.Button
	Waiting   string // what waits, in words; "" when all is the same
	Conflicts []conflictPart
	Refused   []refusedField
	Words     string // the portal's own words of the last refusal
	Resend    ui.Button
	Calls     []callPart
	LogHref   string
}

func fieldPath(opportunityID string, c cloud.Cloud, path string) string {
	return dealPath(opportunityID, "") + "/field?" + url.Values{"cloud": {string(c)}, "path": {path}}.Encode()
}

// fieldsPart fills what is shown of the fields beside the comparison.
func (w *Web) fieldsPart(r *http.Request, deal *opportunity.Opportunity, v *registration.View) fieldsPart {
	p := fieldsPart{Portal: v.Cloud.Portal()}
	if v.Registration == nil {
		return p
	}
	for _, c := range v.Calls {
		p.Calls = append(p.Calls, callOf(c))
		if p.Words == "" && c.Outcome == registration.OutcomeRefused {
			p.Words = c.Message
		}
	}
	p.LogHref = "/registrations/" + v.Registration.ID + "/log"
	if !v.Following {
		return p
	}
	p.Refresh = ui.Button{Label: "Refresh from portal", Icon: ui.IconRefresh, Small: true, Blocked: whyBlocked(r, authz.ActionSync, whyNotRefresh)}
	p.Resend = ui.Button{Label: "Send again", Icon: ui.IconRefresh, Small: true, Blocked: whyBlocked(r, authz.ActionUpdate, whyNotUpdate)}
	counts := map[registration.FieldStatus]int64{}
	for _, f := range v.Fields {
		if !f.Final {
			counts[f.Status]++
		}
		info := infoOf(v.Infos, f.Path)
		switch f.Status {
		case registration.FieldConflict:
			p.Conflicts = append(p.Conflicts, w.conflictOf(r, v.Cloud, info, f, dealPath(deal.ID, string(v.Cloud)), nil))
		case registration.FieldRefused:
			x := refusedField{Label: info.Label, Path: f.Path, Ours: info.Text(f.Ours), Reason: f.Reason, Change: w.changeButton(r, deal, v.Cloud, f.Path, "Change the value")}
			x.Mend = "Change the value here"
			if info.CRMField != "" {
				x.Mend += " or in Salesforce (" + info.CRMField + ")"
			}
			x.Mend += ". If it was mended in " + v.Cloud.Portal() + ", send it again."
			p.Refused = append(p.Refused, x)
		}
	}
	var parts []string
	for _, c := range []struct {
		status    registration.FieldStatus
		one, many string
	}{
		{registration.FieldOutgoing, "field waits to be sent", "fields wait to be sent"},
		{registration.FieldLocked, "field waits for a lock", "fields wait for a lock"},
		{registration.FieldRefused, "field was refused", "fields were refused"},
		{registration.FieldConflict, "field is in conflict", "fields are in conflict"},
	} {
		if n := counts[c.status]; n > 0 {
			parts = append(parts, plural(n, c.one, c.many))
		}
	}
	p.Waiting = listed(parts, "and")
	return p
}

func (w *Web) changeButton(r *http.Request, deal *opportunity.Opportunity, c cloud.Cloud, path, label string) ui.Button {
	b := ui.Button{Label: label, Icon: ui.IconEdit, Small: true, Variant: ui.VariantGhost, Href: fieldPath(deal.ID, c, path)}
	if b.Blocked = whyBlocked(r, authz.ActionUpdate, whyNotUpdate); b.Blocked != "" {
		b.Href = ""
	}
	return b
}

// stand says how a field of a followed registration stands: what waits and why,
// what was edited in Tandem, and where it is changed.
func (w *Web) stand(r *http.Request, deal *opportunity.Opportunity, v *registration.View, pair *registration.FieldPair, l *ui.CompareLine) {
	kept := slices.ContainsFunc(v.Infos, func(f registration.FieldInfo) bool { return f.Path == pair.Path })
	info := infoOf(v.Infos, pair.Path)
	ours := pair.Ours
	var note fieldNote
	if i := slices.IndexFunc(v.Edits, func(e registration.Edit) bool { return e.Path == pair.Path }); i >= 0 {
		e := v.Edits[i]
		ours, note.Edit, note.Portal = info.Text(e.Value), &e, v.Cloud.Portal()
		note.Words, note.Technical = splitError(e.CRMError)
		note.Href = w.crmLink(deal.CRMID)
		l.Ours = ui.Text(ours)
	}
	i := slices.IndexFunc(v.Fields, func(f registration.Field) bool { return f.Path == pair.Path })
	switch {
	case i < 0 && ours == pair.Theirs:
		l.State = ui.CompareSame
	case i < 0:
		l.State = ui.CompareApart
		note.Text = "Each side keeps its own until one of them changes."
		if !kept {
			note.Text = "Tandem does not change it after the registration."
		}
	default:
		note.Field = &v.Fields[i]
		switch f := &v.Fields[i]; f.Status {
		case registration.FieldOutgoing:
			l.State = ui.CompareOurs
		case registration.FieldLocked:
			l.State, note.Text = ui.CompareLocked, lockWords(&registration.FieldPair{LockReason: f.Reason, LockedUntil: f.Until})
			if f.Final {
				l.State, note.Text = ui.CompareApart, "The portal will not take it any more: "+f.Reason
			}
		case registration.FieldRefused:
			l.State, note.Text = ui.CompareRefused, f.Reason
		case registration.FieldConflict:
			l.State = ui.CompareConflict
			l.Fix = &ui.Button{Label: "Settle", Small: true, Href: "#" + conflictID(f)}
		}
	}
	if note.Field != nil || note.Edit != nil || note.Text != "" {
		l.Note = fieldNoteView(note)
	}
	if l.Fix == nil && kept && !pair.Locked {
		b := w.changeButton(r, deal, v.Cloud, pair.Path, "Edit")
		b.Attrs = templ.Attributes{"title": "Edit in the portal", "aria-label": "Edit " + info.Label + " in the portal"}
		l.Fix = &b
	}
}

// fieldNote says more of a field's state.
type fieldNote struct {
	Text      string
	Field     *registration.Field
	Edit      *registration.Edit
	Portal    string
	Words     string // Salesforce's words of a refusal
	Technical string
	Href      string // of the record in Salesforce
}

func callOf(c registration.Call) callPart {
	p := callPart{Call: c, Request: indented(c.Request), Answer: indented(c.Answer)}
	switch c.Outcome {
	case registration.OutcomeDone:
		p.Badge = ui.Badge{Tone: ui.ToneSuccess, Text: "Done"}
	case registration.OutcomeRefused:
		p.Badge = ui.Badge{Tone: ui.ToneDanger, Text: "Refused"}
	case registration.OutcomeUnsure:
		p.Badge = ui.Badge{Tone: ui.ToneWarn, Text: "No answer: looked at before it is tried again"}
	case registration.OutcomeStale:
		p.Badge = ui.Badge{Tone: ui.ToneInfo, Text: "The record had changed: read again"}
	default:
		p.Badge = ui.Badge{Tone: ui.ToneWarn, Text: "Tried again by itself"}
	}
	return p
}

// registrationAt gives the registration of a deal at a cloud, or a problem.
func (w *Web) registrationAt(r *http.Request, opportunityID string, c cloud.Cloud) (registration.View, error) {
	views, err := w.app.Registrations.Views(r.Context(), opportunityID)
	if err != nil {
		return registration.View{}, err
	}
	for _, v := range views {
		if v.Cloud == c && v.Registration != nil {
			return v, nil
		}
	}
	return registration.View{}, problem.NotFound("registration", opportunityID+" at "+string(c))
}

// onRegistration runs an act on the registration that a form names, and goes back
// to the deal.
func (w *Web) onRegistration(rw http.ResponseWriter, r *http.Request, act func(v *registration.View) (string, error)) {
	c, err := formCloud(r)
	var v registration.View
	if err == nil {
		v, err = w.registrationAt(r, r.PathValue("id"), c)
	}
	message := ""
	if err == nil {
		message, err = act(&v)
	}
	switch {
	case err == nil:
		w.done(rw, r, dealPath(r.PathValue("id"), string(c)), message, "")
	case problem.Is(err, problem.KindConflict):
		w.refuse(rw, r, r.PathValue("id"), refusedForm{Form: "fields", Cloud: c}, err)
	default:
		w.fail(rw, r, err)
	}
}

func (w *Web) refreshRegistration(rw http.ResponseWriter, r *http.Request) {
	w.onRegistration(rw, r, func(v *registration.View) (string, error) {
		_, err := w.app.Registrations.Refresh(r.Context(), v.Registration.ID)
		return "Tandem reads it from " + v.Cloud.Portal() + " now", err
	})
}

func (w *Web) resendFields(rw http.ResponseWriter, r *http.Request) {
	w.onRegistration(rw, r, func(v *registration.View) (string, error) {
		res, err := w.app.Approvals.Resend(r.Context(), v.Registration.ID)
		return doneOrWaits(res, "What was refused is sent to "+v.Cloud.Portal()+" again"), err
	})
}

// fieldPage is the form that changes one field.
type fieldPage struct {
	Page   ui.Page
	Deal   string
	Cloud  cloud.Cloud
	Path   string
	Facts  []ui.Fact
	Seen   string // our value and theirs, as the person sees them
	Input  valueInput
	Notice ui.Notice
	Note   string // what will happen
	Save   ui.Button
}

func (w *Web) showField(rw http.ResponseWriter, r *http.Request) {
	w.renderField(rw, r, http.StatusOK, fieldForm{})
}

// fieldForm is what was entered into the form of a field, nil at first.
type fieldForm struct {
	Entered []string
	Added   int    // the number of a row that was just added
	Seen    string // what the person saw, where the form is not done yet
	Refusal error  // why it was not done
}

// renderField shows the form, or again what was entered and why it was refused.
func (w *Web) renderField(rw http.ResponseWriter, r *http.Request, status int, form fieldForm) {
	c, err := formCloud(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	v, err := w.registrationAt(r, r.PathValue("id"), c)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	deal, _, err := w.app.Opportunities.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	path := r.FormValue("path")
	i := slices.IndexFunc(v.Infos, func(f registration.FieldInfo) bool { return f.Path == path })
	if i < 0 || !v.Following {
		w.fail(rw, r, problem.NotFound("field", path))
		return
	}
	info := v.Infos[i]
	ours, theirs, lock := valuesOf(&v, path)
	p := fieldPage{Deal: deal.ID, Cloud: c, Path: path, Seen: ours + "\n" + theirs, Input: valueInput{ID: "f-value", Info: info, Entered: info.Entered(fallback(ours, theirs)), Action: dealPath(deal.ID, "") + "/field"}}
	p.Facts = []ui.Fact{{Label: "Ours", Value: textOr(info.Text(ours))}, {Label: "In " + c.Portal(), Value: textOr(info.Text(theirs))}}
	p.Note = "It goes to " + c.Portal() + " at once."
	if info.Writes != "" {
		p.Note = "It goes to " + c.Portal() + " at once, and to Salesforce (" + info.CRMField + ")."
	} else if info.CRMField != "" {
		p.Note += " Salesforce keeps its own (" + info.CRMField + "); a later change there replaces this one."
	}
	p.Save = ui.Button{Label: "Save and send", Variant: ui.VariantPrimary, Blocked: whyBlocked(r, authz.ActionUpdate, whyNotUpdate)}
	if lock.Locked {
		p.Notice = ui.Notice{Tone: ui.ToneWarn, Title: c.Portal() + " takes no change of it now", Text: lockWords(&lock) + ". A change waits here and goes out by itself when the lock opens."}
	}
	if i := slices.IndexFunc(v.Fields, func(f registration.Field) bool { return f.Path == path && f.Status == registration.FieldConflict }); i >= 0 {
		p.Notice = ui.Notice{
			Tone: ui.ToneWarn, Title: "It changed on both sides", Text: "What you save here stands in place of ours, and the conflict stays until it is settled.",
			Actions: []ui.Button{{Label: "Settle it", Small: true, Href: dealPath(deal.ID, conflictID(&v.Fields[i]))}},
		}
		p.Note = "It is sent when the conflict is settled."
	}
	if form.Entered != nil {
		p.Input.Entered, p.Input.Added = form.Entered, form.Added
	}
	if form.Seen != "" {
		p.Seen = form.Seen
	}
	if form.Refusal != nil {
		p.Notice = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: form.Refusal.Error()}
		if x := asProblem(form.Refusal); x != nil {
			p.Notice.Text = x.Message
			if p.Input.faults(x.Fields); p.Input.wrong() {
				p.Notice.Text = "Mend what is marked below and send it again."
			}
		}
	}
	p.Page = w.page(r, ui.Page{
		Title: info.Label, Nav: ui.AreaOpportunities, Lead: ui.Text(deal.Name + " · " + c.Portal()),
		Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}, {Label: deal.Name, Href: dealPath(deal.ID, string(c))}},
	})
	w.render(rw, r, status, fieldView(p))
}

// valuesOf gives both sides' value of a field as JSON, and its lock.
func valuesOf(v *registration.View, path string) (ours, theirs string, lock registration.FieldPair) {
	ours, theirs = v.Ours[path], v.Theirs[path]
	if i := slices.IndexFunc(v.Edits, func(e registration.Edit) bool { return e.Path == path }); i >= 0 {
		ours = v.Edits[i].Value
	}
	if i := slices.IndexFunc(v.Pairs, func(f registration.FieldPair) bool { return f.Path == path }); i >= 0 {
		lock = v.Pairs[i]
	}
	return ours, theirs, lock
}

func (w *Web) saveField(rw http.ResponseWriter, r *http.Request) {
	c, err := formCloud(r)
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionUpdate)
	}
	var v registration.View
	if err == nil {
		v, err = w.registrationAt(r, r.PathValue("id"), c)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	path := r.PostFormValue("path")
	info := infoOf(v.Infos, path)
	entered, added, asked := enteredValue(r, info)
	ours, theirs, lock := valuesOf(&v, path)
	seen := strings.ReplaceAll(r.PostFormValue("seen"), "\r\n", "\n")
	if asked {
		w.renderField(rw, r, http.StatusOK, fieldForm{Entered: entered, Added: added + 1, Seen: seen})
		return
	}
	if seen != ours+"\n"+theirs {
		w.renderField(rw, r, http.StatusPreconditionFailed, fieldForm{Entered: entered, Refusal: &problem.Error{
			Kind: problem.KindPrecondition, Code: "stale_version", Message: "It changed since you opened this form. Look at the values as they are now, and save yours again if it still holds.",
		}})
		return
	}
	value, err := info.Value(entered, fallback(ours, theirs))
	var res approval.Result
	if err == nil {
		res, err = w.app.Approvals.Put(r.Context(), v.Registration.ID, registration.Values{path: value})
	}
	switch kind := problem.KindOf(err); {
	case err == nil:
		message := info.Label + " goes to " + c.Portal() + " now"
		switch {
		case slices.ContainsFunc(v.Fields, func(f registration.Field) bool { return f.Path == path && f.Status == registration.FieldConflict }):
			message = info.Label + " is kept, and goes to " + c.Portal() + " when its conflict is settled"
		case lock.Locked:
			message = info.Label + " goes to " + c.Portal() + " when its lock opens"
		}
		w.done(rw, r, dealPath(r.PathValue("id"), string(c)), doneOrWaits(res, message), "")
	case kind == problem.KindInvalid, kind == problem.KindConflict, kind == problem.KindPrecondition:
		w.renderField(rw, r, ui.StatusOf(kind), fieldForm{Entered: entered, Refusal: err})
	default:
		w.fail(rw, r, err)
	}
}

// logPage is the event log of one registration.
type logPage struct {
	Page  ui.Page
	Calls []callPart
}

func (w *Web) registrationLog(rw http.ResponseWriter, r *http.Request) {
	reg, err := w.app.Registrations.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	calls, err := w.app.Registrations.Calls(r.Context(), reg.ID, 100)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	deal, _, err := w.app.Opportunities.Get(r.Context(), reg.OpportunityID)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	var p logPage
	for _, c := range calls {
		p.Calls = append(p.Calls, callOf(c))
	}
	p.Page = w.page(r, ui.Page{
		Title: "Event log", Nav: ui.AreaOpportunities, Lead: ui.Text(joined(" · ", deal.Name, reg.Cloud.Portal(), reg.RemoteID) + ". The latest 100 calls, without secrets."),
		Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}, {Label: deal.Name, Href: dealPath(deal.ID, string(reg.Cloud))}},
	})
	w.render(rw, r, http.StatusOK, logView(p))
}
