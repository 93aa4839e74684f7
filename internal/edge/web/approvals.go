package web

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const approvalsPath = "/approvals"

func (w *Web) routesApprovals() {
	w.get(approvalsPath, w.approvals)
	w.get(approvalsPath+"/{id}", w.approval)
	w.post(approvalsPath+"/{id}/approve", w.approve)
	w.post(approvalsPath+"/{id}/refuse", w.refuseRequest)
	w.post(approvalsPath+"/{id}/withdraw", w.withdrawRequest)
	w.post(approvalsPath+"/{id}/seen", w.seenRequest)
}

// The boxes of the list.
const (
	boxWaiting = "waiting"
	boxMine    = "mine"
	boxDecided = "decided"
)

type approvalsData struct {
	page  ui.Page
	table ui.DataTable
	next  string
}

func requestPath(id string) string { return approvalsPath + "/" + url.PathEscape(id) }

func (w *Web) approvals(rw http.ResponseWriter, r *http.Request) {
	me := person(r.Context()).ID
	box := r.FormValue("box")
	mayApprove := may(r, authz.ActionApprove)
	if box == "" {
		box = boxMine
		if mayApprove {
			box = boxWaiting
		}
	}
	q := approval.Query{After: r.FormValue("after")}
	empty := ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing waits for you", Text: "What an Associate wants to send to a partner, and what an ABDM wants to send above the value or on a contested deal, appears here and on Today."}
	switch box {
	case boxWaiting:
		q.States, q.NotBy, q.OldestFirst = []approval.State{approval.StatePending}, me, true
		if !mayApprove {
			empty.Title, empty.Text = "Nothing waits", "Nobody's request waits for a Director."
		}
	case boxMine:
		q.RequestedBy = me
		empty.Title, empty.Text = "You asked for nothing", "When something that you do needs a Director's approval, it is listed here until it is decided, and after that."
	case boxDecided:
		q.States = []approval.State{approval.StateApproved, approval.StateRefused, approval.StateWithdrawn, approval.StateSuperseded}
		empty.Title, empty.Text = "Nothing was decided yet", "Every decision stays here, with who made it and why."
	default:
		w.fail(rw, r, problem.Invalid("box", "unknown_box", "There is no such list: choose one of the tabs"))
		return
	}
	rows, next, err := w.app.Approvals.List(r.Context(), q)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := approvalsData{table: ui.DataTable{
		ID: "approvals", Caption: "Requests for approval", Empty: empty,
		Columns: []ui.Column{{Key: "what", Label: "What", Fixed: true, Grow: true}, {Key: "deal", Label: "Deal", Wrap: true}, {Key: "amount", Label: "Amount", End: true}, {Key: "who", Label: "Asked by"}, {Key: "when", Label: "Asked"}},
	}}
	if box != boxWaiting { // there it is the same for all
		d.table.Columns = append(d.table.Columns, ui.Column{Key: "state", Label: "State"})
	}
	for i := range rows {
		x := &rows[i]
		row := ui.Row{ID: x.ID, Href: requestPath(x.ID), Name: x.Title, Cells: []templ.Component{
			ui.Two(x.Title, strings.Join(x.Details.V, " · ")), dealCell(x), amountOf(x.Amount(), true), ui.PersonName(x.RequestedByName),
			ui.Time{At: x.RequestedAt, Style: ui.TimeAgo},
		}}
		if box != boxWaiting {
			row.Cells = append(row.Cells, requestBadge(x))
		}
		d.table.Rows = append(d.table.Rows, row)
	}
	if next != "" {
		d.next = approvalsPath + "?" + url.Values{"box": {box}, "after": {next}}.Encode()
	}
	tabs := &ui.Tabs{Label: "Requests"}
	for _, b := range []struct{ key, label string }{{boxWaiting, "Waiting for me"}, {boxMine, "My requests"}, {boxDecided, "Decided"}} {
		if b.key == boxWaiting && !mayApprove {
			b.label = "Waiting"
		}
		tabs.Items = append(tabs.Items, ui.Tab{Label: b.label, Href: approvalsPath + "?box=" + b.key, Active: b.key == box})
	}
	d.page = w.page(r, ui.Page{Title: "Approvals", Nav: ui.AreaApprovals, Tabs: tabs, Lead: ui.Text("What needs a Director's approval before it goes to a partner. The policies under Settings say what does.")})
	w.render(rw, r, http.StatusOK, approvalsPage(d))
}

// dealCell names the deal of a request, or the invitation that it is about.
func dealCell(x *approval.Request) templ.Component {
	switch {
	case x.OpportunityID != "":
		return ui.Link(dealPath(x.OpportunityID, string(x.Cloud)), x.DealName)
	case aboutInvitation(x):
		return ui.Link(invitationPath(x.Subject), x.DealName)
	}
	return ui.Two(x.DealName, x.AccountName)
}

// aboutInvitation reports whether the subject of a request is an invitation.
func aboutInvitation(x *approval.Request) bool {
	return x.Action == authz.ActionAccept || x.Action == authz.ActionReject
}

func requestBadge(x *approval.Request) ui.Badge {
	b := ui.Badge{Text: x.State.Label()}
	switch x.State {
	case approval.StatePending:
		b.Tone, b.Icon = ui.ToneInfo, ui.IconClock
	case approval.StateApproved:
		b.Tone = ui.ToneSuccess
	case approval.StateRefused:
		b.Tone = ui.ToneDanger
	case approval.StateSuperseded:
		b.Tone = ui.ToneWarn
	}
	return b
}

// approvalData is the page of one request, with the form that was refused.
type approvalData struct {
	page    ui.Page
	request approval.Request
	head    ui.RecordHeader
	decides bool                   // the person can decide on it
	own     bool                   // it is their own
	why     string                 // why they cannot decide
	offer   *invitation.Invitation // what a partner offers; nil when it is about a deal of ours
	facts   []ui.Fact              // what is known of that
	note    string
	fields  []problem.Field
	stale   bool
}

func (w *Web) approval(rw http.ResponseWriter, r *http.Request) {
	w.showRequest(rw, r, http.StatusOK, approvalData{})
}

func (w *Web) showRequest(rw http.ResponseWriter, r *http.Request, status int, d approvalData) {
	x, err := w.app.Approvals.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d.request, d.own = x, x.RequestedBy == person(r.Context()).ID
	v, err := authz.Decide(r.Context(), authz.ActionApprove, authz.Facts{Own: d.own})
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d.decides, d.why = v.Ruling == authz.RulingAllow && x.State == approval.StatePending, strings.Join(v.Because, "; ")
	d.head = ui.RecordHeader{Title: x.Title, Kind: "Request for approval", State: requestBadge(&x), Facts: []ui.Fact{
		{Label: "Deal", Value: dealCell(&x)},
		{Label: "Account", Value: textOr(x.AccountName)},
		{Label: "Amount", Value: amountOf(x.Amount(), false)},
	}}
	if aboutInvitation(&x) {
		if err := w.requestOffer(r, &d); err != nil {
			w.fail(rw, r, err)
			return
		}
	}
	d.head.Facts = append(d.head.Facts, ui.Fact{Label: "Asked by", Value: ui.PersonName(x.RequestedByName)}, ui.Fact{Label: "Asked", Value: ui.Time{At: x.RequestedAt, Style: ui.TimeAgo}})
	if x.DecidedByName != "" {
		d.head.Facts = append(d.head.Facts, ui.Fact{Label: "Decided by", Value: ui.PersonName(x.DecidedByName)}, ui.Fact{Label: "Decided", Value: ui.Time{At: x.DecidedAt, Style: ui.TimeAgo}})
	}
	d.page = w.page(r, ui.Page{Title: x.Title, Nav: ui.AreaApprovals, HideTitle: true, Crumbs: []ui.Crumb{{Label: "Approvals", Href: approvalsPath}}})
	w.render(rw, r, status, approvalPage(d))
}

// requestOffer shows the invitation that a request is about, which has no amount.
func (w *Web) requestOffer(r *http.Request, d *approvalData) error {
	i, err := w.app.Invitations.Get(r.Context(), d.request.Subject)
	if err != nil {
		return err
	}
	d.offer, d.facts = &i, offerFacts(&i)
	offer := ui.Fact{Label: i.Kind.Label(), Value: ui.Link(invitationPath(i.ID), i.Name())}
	if d.request.OpportunityID != "" {
		d.head.Facts = append(d.head.Facts, offer)
	} else {
		d.head.Facts = []ui.Fact{offer, {Label: "Customer", Value: textOr(joined(", ", i.CustomerName, i.CustomerCountry))}}
	}
	if d.request.State == approval.StatePending && i.State == invitation.StatePending {
		d.head.Facts = append(d.head.Facts, ui.Fact{Label: "Expires", Value: ui.Time{At: i.ExpiresAt}})
	}
	return nil
}

// decision reads what the forms of a request have in common.
func decision(r *http.Request) (id, note string, version int64, err error) {
	version, err = strconv.ParseInt(cmp.Or(r.PostFormValue("version"), "0"), 10, 64)
	if err != nil {
		err = problem.Invalid("version", "malformed", "The form is not whole: open the page again")
	}
	return r.PathValue("id"), r.PostFormValue("note"), version, err
}

// decided ends the POST of a decision.
func (w *Web) decided(rw http.ResponseWriter, r *http.Request, x approval.Request, err error, message string) {
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, localPath(r.PostFormValue("back"), requestPath(x.ID)), message, "")
	case invalid:
		w.showRequest(rw, r, http.StatusUnprocessableEntity, approvalData{note: r.PostFormValue("note"), fields: fields})
	case conflict(err):
		w.showRequest(rw, r, http.StatusPreconditionFailed, approvalData{note: r.PostFormValue("note"), stale: true})
	default:
		w.fail(rw, r, err)
	}
}

func (w *Web) approve(rw http.ResponseWriter, r *http.Request) {
	id, note, version, err := decision(r)
	var x approval.Request
	if err == nil {
		x, err = w.app.Approvals.Approve(r.Context(), id, note, version)
	}
	if err == nil && x.State == approval.StateSuperseded {
		w.sessions.Put(r.Context(), keyWarning, "It was out of date and was not done. "+x.Outcome)
		http.Redirect(rw, r, requestPath(x.ID), http.StatusSeeOther)
		return
	}
	w.decided(rw, r, x, err, "Approved: it goes out now, in "+x.RequestedByName+"'s name")
}

func (w *Web) refuseRequest(rw http.ResponseWriter, r *http.Request) {
	id, note, version, err := decision(r)
	var x approval.Request
	if err == nil {
		x, err = w.app.Approvals.Refuse(r.Context(), id, note, version)
	}
	w.decided(rw, r, x, err, "Not approved: "+x.RequestedByName+" is told on Today")
}

func (w *Web) withdrawRequest(rw http.ResponseWriter, r *http.Request) {
	id, _, version, err := decision(r)
	var x approval.Request
	if err == nil {
		x, err = w.app.Approvals.Withdraw(r.Context(), id, version)
	}
	w.decided(rw, r, x, err, "Taken back")
}

func (w *Web) seenRequest(rw http.ResponseWriter, r *http.Request) {
	x, err := w.app.Approvals.Seen(r.Context(), r.PathValue("id"))
	w.decided(rw, r, x, err, "Noted")
}

// itemForm is what the act of an item of Today sends.
type itemForm struct {
	ID, Action, Back string
	Version          int64
}

// Render writes the form, which only the item's button shows.
func (f itemForm) Render(ctx context.Context, out io.Writer) error {
	return requestForm(f).Render(ctx, out)
}

// requestItem puts a request on Today: a Director approves it or goes on to say
// no, who asked goes to it or takes note.
func requestItem(out *ui.WorkItem, i *workspace.Item, here string, now time.Time) itemForm {
	x := i.Request
	f := itemForm{ID: "item-" + x.ID, Action: requestPath(x.ID) + "/approve", Back: here, Version: x.Version}
	at := requestPath(x.ID)
	if x.OpportunityID == "" {
		out.Href = at
		out.Title = x.DealName
	}
	out.Due = i.ExpiresAt
	out.Why = i.Title
	if i.Reason != "" {
		out.Why += ". " + strings.TrimSuffix(i.Reason, ".")
	}
	out.Why += ". Asked " + passed(now, x.RequestedAt) + "."
	send := ui.Button{Attrs: templ.Attributes{"form": f.ID}}
	switch {
	case i.Kind == workspace.ItemApproval:
		out.Tone, out.Act, out.Other = ui.ToneWarn, send, ui.Button{Label: "Refuse…", Variant: ui.VariantGhost, Href: at + "#refuse"}
		out.Act.Label = "Approve"
	case x.State == approval.StatePending:
		out.Tone, out.Act = ui.ToneInfo, ui.Button{Label: "See the request", Href: at}
	default:
		f.Action = at + "/seen"
		out.Tone, out.Act, out.Other = ui.ToneWarn, send, ui.Button{Label: "See it", Variant: ui.VariantGhost, Href: at}
		if x.State == approval.StateApproved {
			out.Tone = ui.ToneSuccess
		}
		out.Act.Label = "Got it"
	}
	return f
}
