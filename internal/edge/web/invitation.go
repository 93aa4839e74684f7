package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const whyNotAnswer = "Your role reads only: ask somebody of the alliance team to answer it"

// offerForm is a form about an invitation that was refused, with what was entered.
type offerForm struct {
	Form    string // "accept", "reject", "convert", "retry", "link", "dismiss" or "restore"
	Fields  []problem.Field
	Message string
	Reason  string
	Chosen  string
	Back    string // where it ends when it is done; "" is the invitation
	Undo    string // the address that takes it back; "" cannot be
}

// dismissal is what was entered into the form of a dismissal.
func (f *offerForm) dismissal() string {
	if f.Form != "dismiss" {
		return ""
	}
	return f.Reason
}

// offerPage is what the page of one invitation shows.
type offerPage struct {
	Page     ui.Page
	Offer    invitation.Invitation
	Header   ui.RecordHeader
	Refused  ui.Notice
	Failure  ui.Notice // what the portal or Salesforce refused last
	Form     offerForm
	Asked    []approval.Request // what waits for a Director
	Asks     bool               // what the person does needs a Director's approval
	Live     string             // the address to look at again while it moves; "" does not
	Facts    []ui.Fact
	Timeline ui.Timeline
	Accept   ui.Button
	Reject   ui.Button
	Convert  ui.Button
	Retry    ui.Button
	Link     ui.Button
	Create   ui.Button
	Dismiss  ui.Button
	Restore  ui.Button
	Opened   bool // the form of a dismissal was asked for
	Reasons  []ui.Option
	Search   string
	Found    []ui.Option
	Linked   string // name of the opportunity
	Payload  string
}

func (w *Web) invitationPage(rw http.ResponseWriter, r *http.Request) {
	w.showOffer(rw, r, http.StatusOK, offerForm{})
}

func (w *Web) showOffer(rw http.ResponseWriter, r *http.Request, status int, form offerForm) {
	p, err := w.readOffer(r, form)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if form.Form != "" {
		p.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: fallback(form.Message, "Mend what is marked below and send it again.")}
	}
	w.render(rw, r, status, offerView(p))
}

func (w *Web) readOffer(r *http.Request, form offerForm) (*offerPage, error) {
	ctx := r.Context()
	i, err := w.app.Invitations.Get(ctx, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	events, err := w.app.Invitations.Events(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	p := &offerPage{Offer: i, Form: form, Payload: indented(fallback(i.RemoteRecord, i.Payload)), Facts: offerFacts(&i)}
	p.timeline(events)
	p.Failure = offerFailure(&i)
	if p.Asked, _, err = w.app.Approvals.List(ctx, approval.Query{States: []approval.State{approval.StatePending}, Subjects: []string{i.ID}, OldestFirst: true}); err != nil {
		return nil, err
	}
	if p.Asks, err = w.asks(ctx, authz.ActionAccept); err != nil {
		return nil, err
	}
	accept := whyBlocked(r, authz.ActionAccept, whyNotAnswer)
	reject := whyBlocked(r, authz.ActionReject, whyNotAnswer)
	p.Accept = ui.Button{Label: "Accept", Icon: ui.IconCheck, Variant: ui.VariantPrimary, Blocked: accept}
	p.Reject = ui.Button{Label: "Reject", Variant: ui.VariantDanger, Blocked: reject}
	p.Convert = ui.Button{Label: "Make it an opportunity in " + i.Cloud.Portal(), Variant: ui.VariantPrimary, Blocked: accept}
	p.Retry = ui.Button{Label: "Try again", Icon: ui.IconRefresh, Blocked: accept}
	p.Dismiss = ui.Button{Label: "Dismiss", Blocked: accept}
	p.Restore = ui.Button{Label: "Take it up again", Icon: ui.IconUndo, Blocked: accept}
	p.Opened = form.Form == "dismiss" || r.URL.Query().Has("dismiss")
	p.Create = ui.Button{Label: "Create in Salesforce…", Icon: ui.IconPlus, Href: createPath(i.ID)}
	if p.Create.Blocked = accept; accept != "" {
		p.Create.Href = ""
	}
	p.Link = ui.Button{Label: "Link", Icon: ui.IconLink, Variant: ui.VariantPrimary, Blocked: accept}
	for _, s := range w.app.Invitations.Rejections(i.Cloud) {
		p.Reasons = append(p.Reasons, ui.Option{Value: s, Label: s, Selected: s == form.Reason})
	}
	switch i.State {
	case invitation.StateAccepting, invitation.StateRejecting, invitation.StateConverting, invitation.StateCreating:
		p.Live = invitationPath(i.ID)
	}
	if i.State == invitation.StateAccepted && !i.DueAt.IsZero() && i.Reason == "" && !p.Opened { // a form that somebody fills in is left alone
		p.Live = invitationPath(i.ID)
	}
	if i.Linkable() {
		if err := w.findForLink(ctx, r, p); err != nil {
			return nil, err
		}
	}
	if i.OpportunityID != "" {
		o, _, err := w.app.Opportunities.Get(ctx, i.OpportunityID)
		if err != nil {
			return nil, err
		}
		p.Linked = o.Name
	}
	p.head(r)
	p.Page = w.page(r, ui.Page{Title: i.Name(), HideTitle: true, Nav: ui.AreaInvitations, Crumbs: []ui.Crumb{{Label: "Invitations", Href: invitationsPath}}})
	return p, nil
}

// offerFailure says what was refused last, and what becomes of it.
func offerFailure(i *invitation.Invitation) ui.Notice {
	words, _ := splitError(i.Error)
	n := ui.Notice{Tone: ui.ToneDanger, Title: i.AskedOf() + " refused a call", Text: words}
	if i.State == invitation.StateFailed && i.FailedFrom == invitation.StateCreating {
		n.Title = "Salesforce refused to make the opportunity"
		for k, f := range i.Draft.V.Faults {
			if k == 0 {
				n.Text = ""
			}
			n.Text = joined(" ", n.Text, strings.TrimSuffix(f.Message, ".")+".")
		}
	}
	if i.State != invitation.StateFailed {
		n.Tone, n.Title, n.Text = ui.ToneWarn, i.AskedOf()+" did not answer as it should", "Tandem tries again by itself. "+words
	}
	return n
}

// offerFacts shows what is known of an invitation.
func offerFacts(i *invitation.Invitation) []ui.Fact {
	var out []ui.Fact
	for _, f := range i.Facts.V {
		out = append(out, ui.Fact{Label: f.Label, Value: manyLines(f.Value)})
	}
	return out
}

// hiddenWords names what is hidden, as one sentence.
func hiddenWords(i *invitation.Invitation) string {
	var names []string
	for n, f := range i.Hidden.V {
		if n > 0 {
			f.Label = lowerFirst(f.Label)
		}
		names = append(names, f.Label)
	}
	return listed(names, "and") + "."
}

// lowerFirst makes a label part of a sentence; abbreviations stay.
func lowerFirst(s string) string {
	if len(s) < 2 || s[1] < 'a' || s[1] > 'z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// offerPlaces says where in the portal's record each fact stands.
func offerPlaces(i *invitation.Invitation) []ui.Fact {
	var out []ui.Fact
	for _, f := range i.Facts.V {
		out = append(out, ui.Fact{Label: f.Label, Value: remotePath(f.Path)})
	}
	return out
}

// findForLink finds opportunities that the invitation could be: by what a person
// looks for, else by the customer's name.
func (w *Web) findForLink(ctx context.Context, r *http.Request, p *offerPage) error {
	given, _ := readQuery(r)
	texts := []string{strings.TrimSpace(given.Get("q"))}
	if texts[0] == "" {
		texts = []string{p.Offer.CustomerName}
		if words := strings.Fields(p.Offer.CustomerName); len(words) > 1 {
			texts = append(texts, words[0])
		}
	} else {
		p.Search = texts[0]
	}
	for _, text := range texts {
		if text == "" || len(text) > 200 {
			continue
		}
		list, err := w.app.Workspace.List(ctx, workspace.Query{Text: text, Limit: 30})
		if err != nil {
			return err
		}
		for i := range list.Rows {
			if o, ok := linkOption(p, &list.Rows[i]); ok {
				p.Found = append(p.Found, o)
			}
		}
		if len(p.Found) > 0 {
			return nil
		}
	}
	return nil
}

// linkOption shows an opportunity to choose; one that is in the portal already is
// none.
func linkOption(p *offerPage, row *workspace.Row) (ui.Option, bool) {
	standing := ""
	for _, c := range row.Clouds {
		if c.Cloud == p.Offer.Cloud {
			if c.RemoteID != "" {
				return ui.Option{}, false
			}
			standing = "joint with " + c.Cloud.Label()
		}
	}
	closes := ""
	if !row.CloseOn.IsZero() {
		closes = "closes " + string(row.CloseOn)
	}
	return ui.Option{
		Value: row.ID, Label: joined(" · ", row.AccountName, row.Name), Selected: row.ID == p.Form.Chosen,
		Hint: joined(", ", row.Stage, closes, row.OwnerName, standing),
	}, true
}

func (p *offerPage) timeline(events []invitation.Event) {
	t := ui.Timeline{Empty: ui.EmptyState{Icon: ui.IconClock, Title: "Nothing happened yet"}}
	for _, e := range events {
		out := ui.Event{Kind: ui.ActorIntegration, Actor: e.ActorName, What: e.Subject, At: e.HappenedAt, Cloud: string(p.Offer.Cloud)}
		switch authz.Kind(e.ActorKind) {
		case authz.KindPerson:
			out.Kind = ui.ActorPerson
		case authz.KindPortal:
			out.Kind = ui.ActorPortal
		}
		switch e.Kind {
		case "accepted", "converted", "created", "linked":
			out.Tone = ui.ToneSuccess
		case "failed", "expired", "gone", "approval_refused":
			out.Tone = ui.ToneDanger
		case "expires_7", "expires_3", "expires_1":
			out.Tone = ui.ToneWarn
		}
		if e.Body != "" {
			out.DetailLabel, out.Detail = "In full", manyLines(e.Body)
		}
		t.Events = append(t.Events, out)
	}
	p.Timeline = t
}

// end is when an invitation that waits for an answer expires.
func (p *offerPage) end() time.Time {
	if p.Offer.State != invitation.StatePending {
		return time.Time{}
	}
	return p.Offer.ExpiresAt
}

func (p *offerPage) head(r *http.Request) {
	i := &p.Offer
	p.Header = ui.RecordHeader{Kind: i.Kind.Label(), Title: i.Name(), State: invitationState(i, len(p.Asked) > 0)}
	next := func(tone ui.Tone, text, why string) { p.Header.Next = ui.NextAction{Tone: tone, Text: text, Why: why} }
	switch {
	case len(p.Asked) > 0 && may(r, authz.ActionApprove):
		next(ui.ToneWarn, "Decide on the request of "+p.Asked[0].RequestedByName, p.Asked[0].Title)
		p.Header.Next.Due = p.end()
		p.Header.Next.Act = &ui.Button{Label: "See the request", Href: requestPath(p.Asked[0].ID)}
	case len(p.Asked) > 0:
		next(ui.ToneInfo, "Nothing: it waits for a Director", p.Asked[0].RequestedByName+" asked: "+p.Asked[0].Title)
		p.Header.Next.Due = p.end()
		p.Header.Next.Act = &ui.Button{Label: "See the request", Href: requestPath(p.Asked[0].ID)}
	case i.State == invitation.StatePending:
		next(ui.ToneWarn, "Accept or reject it", i.SenderName+" waits for an answer")
		p.Header.Next.Due, p.Header.Next.Act = p.end(), &ui.Button{Label: "Answer it", Href: "#answer"}
	case i.State == invitation.StateFailed && i.FailedFrom == invitation.StateCreating:
		next(ui.ToneDanger, "Mend what Salesforce refused", "Its words stand below")
		p.Header.Next.Act = &ui.Button{Label: "Mend and create", Href: createPath(i.ID)}
	case i.State == invitation.StateFailed:
		next(ui.ToneDanger, "Mend the cause and try again", i.Cloud.Portal()+" refused a call")
	case p.Live != "":
		next(ui.ToneInfo, "Nothing: Tandem is at work on it", "This page looks again by itself")
	case i.Convertible():
		next(ui.ToneInfo, "Make it an opportunity, or dismiss it", "It is an accepted lead")
	case i.Linkable():
		next(ui.ToneWarn, "Link it with an opportunity of Salesforce, or make one there", "Nothing keeps it true in the portal until then")
	}
	p.Header.Facts = []ui.Fact{
		{Label: "Customer", Value: textOr(joined(", ", i.CustomerName, i.CustomerCountry))},
		{Label: "From", Value: textOr(i.SenderName)},
		{Label: "Sent", Value: ui.Time{At: i.SentAt, Style: ui.TimeAgo}},
		{Label: "Id in the portal", Value: ui.Copy{Text: i.RemoteID, What: "the id of the invitation"}},
	}
	if i.Answerable() {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Expires", Value: ui.Time{At: i.ExpiresAt}})
	}
	if i.AnsweredBy != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Answered by", Value: ui.PersonName(i.AnsweredBy)})
	}
	if i.RemoteOppID != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Opportunity in the portal", Value: ui.Copy{Text: i.RemoteOppID, What: "the id of the opportunity"}})
	}
}

// offerAct carries a form's wish out.
func (w *Web) offerAct(rw http.ResponseWriter, r *http.Request, form offerForm, said string, do func(context.Context, invitation.Answer) (invitation.Result, error)) {
	var version int64
	if r.PostFormValue("version") != "" || form.Form != "restore" { // taken back from a toast: whatever it is now
		var err error
		if version, err = positive(r.PostFormValue("version")); err != nil {
			w.fail(rw, r, err)
			return
		}
	}
	res, err := do(r.Context(), invitation.Answer{ID: r.PathValue("id"), Version: version})
	if err != nil {
		fields, message, ok := fieldsOf(err)
		if !ok {
			w.fail(rw, r, err)
			return
		}
		form.Fields, form.Message = fields, message
		w.showOffer(rw, r, ui.StatusOf(problem.KindOf(err)), form)
		return
	}
	if res.Waiting != nil {
		said = res.Waiting.Message()
	}
	w.done(rw, r, fallback(form.Back, invitationPath(res.Invitation.ID)), said, form.Undo)
}

func (w *Web) invitationAccept(rw http.ResponseWriter, r *http.Request) {
	w.offerAct(rw, r, offerForm{Form: "accept"}, "Tandem tells the portal that you accept", w.app.Invitations.Accept)
}

func (w *Web) invitationConvert(rw http.ResponseWriter, r *http.Request) {
	w.offerAct(rw, r, offerForm{Form: "convert"}, "The portal makes an opportunity of it", w.app.Invitations.Convert)
}

func (w *Web) invitationRetry(rw http.ResponseWriter, r *http.Request) {
	w.offerAct(rw, r, offerForm{Form: "retry"}, "Tandem tries again", w.app.Invitations.Retry)
}

func (w *Web) invitationReject(rw http.ResponseWriter, r *http.Request) {
	reason := r.FormValue("reason")
	w.offerAct(rw, r, offerForm{Form: "reject", Reason: reason}, "Tandem tells the portal that you reject it", func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
		return w.app.Invitations.Reject(ctx, a, reason)
	})
}

func (w *Web) invitationLink(rw http.ResponseWriter, r *http.Request) {
	chosen := r.FormValue("opportunity")
	w.offerAct(rw, r, offerForm{Form: "link", Chosen: chosen}, "It is linked, and kept true from now on", func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
		if chosen == "" {
			return invitation.Result{}, problem.Invalid("opportunity", "required", "Choose the opportunity that it is")
		}
		return w.app.Invitations.Link(ctx, a, chosen)
	})
}

func (w *Web) invitationDismiss(rw http.ResponseWriter, r *http.Request) {
	reason := r.PostFormValue("dismissal")
	w.offerAct(rw, r, offerForm{Form: "dismiss", Reason: reason, Back: invitationsPath, Undo: invitationPath(r.PathValue("id")) + "/restore"}, "The lead is dismissed", func(ctx context.Context, a invitation.Answer) (invitation.Result, error) {
		return w.app.Invitations.Dismiss(ctx, a, reason)
	})
}

func (w *Web) invitationRestore(rw http.ResponseWriter, r *http.Request) {
	w.offerAct(rw, r, offerForm{Form: "restore"}, "It is an accepted lead again", w.app.Invitations.Restore)
}

func dealHref(id string) string { return listPath + "/" + url.PathEscape(id) }
