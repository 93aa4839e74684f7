package web

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const invitationsBulkPath = invitationsPath + "/bulk/accept"

func (w *Web) routesInvitationsBulk() {
	w.post(invitationsBulkPath, w.invitationsPreview)
	w.post(invitationsBulkPath+"/confirm", w.invitationsAccept)
	for _, path := range []string{invitationsBulkPath, invitationsBulkPath + "/confirm"} { // a reload: nothing is selected any more
		w.get(path, func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, invitationsPath, http.StatusSeeOther)
		})
	}
}

// invitationsBulk is the preview or the result of accepting many.
type invitationsBulk struct {
	page  ui.Page
	table ui.DataTable
	chose []string // id and version of what the preview says can be accepted
	done  bool
	do    ui.Button
}

// chosenAnswers reads what the form names: ids from the list, or "id version" from
// the preview.
func chosenAnswers(r *http.Request, dry bool) ([]invitation.Answer, error) {
	var out []invitation.Answer
	for _, text := range r.PostForm["id"] {
		name, rest, seen := strings.Cut(text, " ")
		if !id.Valid("inv", name) {
			return nil, problem.Invalid("id", "malformed", "The form is not whole: open the list again")
		}
		a := invitation.Answer{ID: name, DryRun: dry}
		if seen {
			version, err := positive(rest)
			if err != nil {
				return nil, err
			}
			a.Version = version
		}
		out = append(out, a)
	}
	return out, nil
}

func (w *Web) invitationsPreview(rw http.ResponseWriter, r *http.Request) { w.acceptMany(rw, r, true) }

func (w *Web) invitationsAccept(rw http.ResponseWriter, r *http.Request) { w.acceptMany(rw, r, false) }

func (w *Web) acceptMany(rw http.ResponseWriter, r *http.Request, dry bool) {
	var results []invitation.Outcome
	list, err := chosenAnswers(r, dry)
	if err == nil {
		results, err = w.app.Invitations.AcceptMany(r.Context(), list)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := invitationsBulk{done: !dry, table: ui.DataTable{
		ID: "accept", Caption: "What happens", NoChooser: true,
		Columns: []ui.Column{{Key: "offer", Label: "Offer", Grow: true}, {Key: "customer", Label: "Customer"}, {Key: "outcome", Label: "What happens"}, {Key: "why", Label: "Why"}},
	}}
	good := 0
	for i := range results {
		x := &results[i]
		if x.Err == nil {
			good++
			d.chose = append(d.chose, fmt.Sprintf("%s %d", x.ID, x.Invitation.Version))
		}
		why := x.Waiting
		if x.Err != nil {
			why = x.Err.Error()
		}
		name := fallback(x.Invitation.Name(), "Not there any more")
		row := ui.Row{ID: x.ID, Name: name, Cells: []templ.Component{ui.Text(name), textOr(x.Invitation.CustomerName), acceptedBadge(x, dry), textOr(why)}}
		if x.Invitation.ID != "" {
			row.Href = invitationPath(x.ID)
		}
		d.table.Rows = append(d.table.Rows, row)
	}
	p := ui.Page{Title: fmt.Sprintf("Accept %d of %d", good, len(results)), Nav: ui.AreaInvitations, Crumbs: []ui.Crumb{{Label: "Invitations", Href: invitationsPath}}}
	switch {
	case !dry:
		p.Title = fmt.Sprintf("%d of %d were taken", good, len(results))
		p.Lead = ui.Text("Tandem tells the portal, and follows each. An acceptance cannot be taken back.")
	case good == 0:
		p.Title, p.Lead = "None of these can be accepted", ui.Text("Each row says why.")
	default:
		p.Lead = ui.Text("Nothing was sent yet. An acceptance cannot be taken back: the portal makes an opportunity of each.")
		d.do = ui.Button{Label: fmt.Sprintf("Accept %d %s", good, noun(good, "invitation")), Variant: ui.VariantPrimary, Icon: ui.IconCheck, Blocked: whyBlocked(r, authz.ActionAccept, whyNotAnswer)}
	}
	d.page = w.page(r, p)
	w.render(rw, r, http.StatusOK, invitationsBulkHTML(d))
}

func acceptedBadge(x *invitation.Outcome, dry bool) ui.Badge {
	switch {
	case x.Err != nil && dry:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Left out"}
	case x.Err != nil:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Refused"}
	case x.Waiting != "" && dry:
		return ui.Badge{Tone: ui.ToneInfo, Text: "A Director decides first", Icon: ui.IconClock}
	case x.Waiting != "":
		return ui.Badge{Tone: ui.ToneInfo, Text: "Waits for approval", Icon: ui.IconClock}
	case dry:
		return ui.Badge{Tone: ui.ToneSuccess, Text: "Will be accepted"}
	}
	return ui.Badge{Tone: ui.ToneSuccess, Text: "On its way"}
}
