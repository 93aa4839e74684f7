package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const invitationsPath = "/invitations"

func invitationPath(id string) string { return invitationsPath + "/" + url.PathEscape(id) }

func (w *Web) routesInvitations() {
	w.get(invitationsPath, w.invitations)
	w.get(invitationsPath+"/{id}", w.invitationPage)
	w.post(invitationsPath+"/{id}/accept", w.invitationAccept)
	w.routesInvitationsBulk()
	w.post(invitationsPath+"/{id}/reject", w.invitationReject)
	w.post(invitationsPath+"/{id}/convert", w.invitationConvert)
	w.post(invitationsPath+"/{id}/retry", w.invitationRetry)
	w.post(invitationsPath+"/{id}/link", w.invitationLink)
	w.post(invitationsPath+"/{id}/dismiss", w.invitationDismiss)
	w.post(invitationsPath+"/{id}/restore", w.invitationRestore)
	w.get(invitationsPath+"/{id}/create", w.invitationCreate)
	w.post(invitationsPath+"/{id}/create", w.invitationCreateNow)
}

// invitationTabs are the groups that people think in.
var invitationTabs = []struct {
	key, label string
	states     []invitation.State
}{
	{"", "All", nil},
	{"answer", "To answer", []invitation.State{invitation.StatePending, invitation.StateAccepting, invitation.StateRejecting, invitation.StateFailed}},
	{"accepted", "Accepted", []invitation.State{invitation.StateAccepted, invitation.StateConverting, invitation.StateCreating}},
	{"linked", "Linked", []invitation.State{invitation.StateLinked}},
	{"dismissed", "Dismissed", []invitation.State{invitation.StateDismissed}},
	{"rejected", "Rejected", []invitation.State{invitation.StateRejected}},
	{"over", "Expired", []invitation.State{invitation.StateExpired, invitation.StateGone}},
}

type invitationsData struct {
	page   ui.Page
	table  ui.DataTable
	absent ui.Notice // no portal is connected
}

func (w *Web) invitations(rw http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	counts, err := w.app.Invitations.Counts(ctx)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	given, bad := readQuery(r)
	show, after := given.Get("show"), given.Get("after")
	tabs, q, known := &ui.Tabs{Label: "Kinds of invitation"}, invitation.Query{After: after, Limit: 50}, false
	for _, t := range invitationTabs {
		var n int64
		for st, c := range counts {
			if t.states == nil || containsState(t.states, st) {
				n += c
			}
		}
		v := url.Values{}
		if t.key != "" {
			v.Set("show", t.key)
		}
		tabs.Items = append(tabs.Items, ui.Tab{Label: t.label, Href: address(invitationsPath, v), Active: t.key == show, Count: int(n)})
		if t.key == show {
			q.States, known = t.states, true
		}
	}
	if !known || len(bad) > 0 {
		w.fail(rw, r, problem.Invalid("show", "unknown_value", "There is no such group of invitations: choose one of the tabs"))
		return
	}
	list, err := w.app.Invitations.List(ctx, q)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := invitationsData{table: ui.DataTable{
		ID: "invitations", Caption: "Invitations",
		Columns: []ui.Column{{Key: "offer", Label: "Offer", Fixed: true, Grow: true}, {Key: "customer", Label: "Customer", Wrap: true}, {Key: "kind", Label: "Kind"}, {Key: "state", Label: "State"}},
		Empty:   ui.EmptyState{Icon: ui.IconInbox, Title: "No invitations", Text: "Deals and leads that AWS or another partner offers you in the portal stand here, with the time that is left to answer. Tandem looks every few minutes, and at once when the portal sends an event."},
	}}
	if show != "" {
		d.table.Empty = ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing of this kind", Text: "What changes its state moves to another tab by itself.", Actions: []ui.Button{{Label: "Show all invitations", Href: invitationsPath}}}
	}
	if len(w.app.Invitations.Clouds()) == 0 {
		d.absent = ui.Notice{Tone: ui.ToneInfo, Title: "No portal is connected", Text: "Tandem sees what partners offer as soon as a portal is connected.", Actions: []ui.Button{{Label: "Go to Connections", Small: true, Href: "/connections"}}}
	}
	asked, err := w.askedAbout(ctx, list.Rows)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if slices.ContainsFunc(list.Rows, func(i invitation.Invitation) bool { return i.State == invitation.StatePending }) {
		d.table.Bulk = []ui.Button{{Label: "Accept…", Icon: ui.IconCheck, FormAction: invitationsBulkPath, Blocked: whyBlocked(r, authz.ActionAccept, whyNotAnswer)}}
	}
	expires := slices.ContainsFunc(list.Rows, func(i invitation.Invitation) bool { return i.Answerable() })
	if expires {
		d.table.Columns = append(d.table.Columns, ui.Column{Key: "until", Label: "Expires"})
	}
	dismisses := may(r, authz.ActionAccept) && slices.ContainsFunc(list.Rows, func(i invitation.Invitation) bool { return i.Dismissible() })
	if dismisses {
		d.table.Columns = append(d.table.Columns, ui.Column{Key: "act", Label: "Act"})
	}
	for i := range list.Rows {
		row := invitationRow(&list.Rows[i], asked[list.Rows[i].ID])
		if expires {
			row.Cells = append(row.Cells, expiresCell(&list.Rows[i]))
		}
		if dismisses {
			row.Cells = append(row.Cells, dismissCell(&list.Rows[i]))
		}
		d.table.Rows = append(d.table.Rows, row)
	}
	if after != "" || list.Next != "" {
		d.table.Pager = &ui.Pager{To: len(list.Rows), Total: -1}
		v := copied(given, "after")
		if after != "" {
			d.table.Pager.FirstHref = address(invitationsPath, v)
		}
		if list.Next != "" {
			v = copied(v)
			v.Set("after", list.Next)
			d.table.Pager.NextHref = address(invitationsPath, v)
		}
	}
	d.page = w.page(r, ui.Page{Title: "Invitations", Nav: ui.AreaInvitations, Lead: ui.Text("Deals and leads that partners offer you."), Tabs: tabs})
	w.render(rw, r, http.StatusOK, invitationsPage(d))
}

// askedAbout says about which invitations a Director is asked.
func (w *Web) askedAbout(ctx context.Context, rows []invitation.Invitation) (map[string]bool, error) {
	out := map[string]bool{}
	if len(rows) == 0 {
		return out, nil
	}
	q := approval.Query{States: []approval.State{approval.StatePending}, Limit: 200}
	for i := range rows {
		q.Subjects = append(q.Subjects, rows[i].ID)
	}
	list, _, err := w.app.Approvals.List(ctx, q)
	for i := range list {
		out[list[i].Subject] = true
	}
	return out, err
}

func containsState(list []invitation.State, s invitation.State) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// invitationRow shows one line; asked says that a Director is asked about it.
func invitationRow(i *invitation.Invitation, asked bool) ui.Row {
	row := ui.Row{ID: i.ID, Href: invitationPath(i.ID), Name: i.Name()}
	row.Cells = []templ.Component{
		ui.Text(i.Name()), textOr(joined(", ", i.CustomerName, i.CustomerCountry)),
		ui.Text(i.Kind.Label() + " from " + joined(" · ", ui.CloudName(string(i.Cloud)), senderBeside(i))), invitationState(i, asked),
	}
	return row
}

// expiresCell says until when an answer can be given.
func expiresCell(i *invitation.Invitation) templ.Component {
	if !i.Answerable() {
		return ui.None()
	}
	return ui.Time{At: i.ExpiresAt, Style: ui.TimeAgo}
}

// dismissCell leads from the list to the form that dismisses a lead.
func dismissCell(i *invitation.Invitation) templ.Component {
	if !i.Dismissible() {
		return ui.None()
	}
	return ui.Button{Label: "Dismiss…", Small: true, Variant: ui.VariantGhost, Href: invitationPath(i.ID) + "?dismiss#dismiss", Attrs: templ.Attributes{"aria-label": "Dismiss " + i.Name()}}
}

// senderBeside names the sender where the cloud's name does not say it.
func senderBeside(i *invitation.Invitation) string {
	if i.SenderName == ui.CloudName(string(i.Cloud)) {
		return ""
	}
	return i.SenderName
}

// invitationState is the state of an invitation, or that a Director is asked about it.
func invitationState(i *invitation.Invitation, asked bool) ui.Badge {
	if asked {
		return ui.Badge{Tone: ui.ToneInfo, Text: approval.StatePending.Label(), Icon: ui.IconClock}
	}
	return invitationBadge(i.State)
}

func invitationBadge(s invitation.State) ui.Badge {
	switch s {
	case invitation.StatePending:
		return ui.Badge{Tone: ui.ToneWarn, Text: s.Label(), Icon: ui.IconClock}
	case invitation.StateFailed:
		return ui.Badge{Tone: ui.ToneDanger, Text: s.Label()}
	case invitation.StateAccepted:
		return ui.Badge{Tone: ui.ToneInfo, Text: s.Label(), Icon: ui.IconCheck}
	case invitation.StateLinked:
		return ui.Badge{Tone: ui.ToneSuccess, Text: s.Label(), Icon: ui.IconLink}
	case invitation.StateAccepting, invitation.StateRejecting, invitation.StateConverting, invitation.StateCreating:
		return ui.Badge{Tone: ui.ToneInfo, Text: s.Label(), Icon: ui.IconRefresh}
	}
	return ui.Badge{Text: s.Label()}
}
