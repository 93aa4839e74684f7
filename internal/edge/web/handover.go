package web

import (
	"encoding/csv"
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/flow/form"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const handOversPath = "/hand-overs"

func handOverPath(entryID, part string) string {
	return handOversPath + "/" + url.PathEscape(entryID) + part
}

const whyNotTell = "Your role reads only: ask somebody of the alliance team to enter the deal"

func (w *Web) routesHandOvers() {
	w.get(handOversPath, w.handOvers)
	w.get(handOversPath+"/{id}", func(rw http.ResponseWriter, r *http.Request) {
		w.showHandOver(rw, r, http.StatusOK, nil, "")
	})
	w.get(handOversPath+"/{id}/form.csv", w.handOverCSV)
	w.get(handOversPath+"/{id}/form.pdf", w.handOverPDF)
	w.post(handOversPath+"/{id}", w.handOverTell)
}

func (w *Web) handOvers(rw http.ResponseWriter, r *http.Request) {
	list, err := w.app.HandOvers.List(r.Context(), "")
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	page := w.page(r, ui.Page{Title: "To enter by hand", Nav: ui.AreaOpportunities})
	w.render(rw, r, http.StatusOK, handOversHTML(page, handOversTable(list)))
}

// handOversTable lists what is to be entered, what waits for longest first.
func handOversTable(list []handover.Deal) ui.DataTable {
	t := ui.DataTable{
		ID: "hand-overs", Caption: "To enter by hand", NoChooser: true,
		Columns: []ui.Column{{Key: "name", Label: "Opportunity", Fixed: true, Grow: true}, {Key: "portal", Label: "Portal"}, {Key: "what", Label: "What to do"}, {Key: "since", Label: "Since"}, {Key: "owner", Label: "Owner"}},
		Empty:   ui.EmptyState{Icon: ui.IconInbox, Title: "Nothing waits", Text: "Deals for a portal that Tandem cannot reach by itself stand here with a filled form, until a person has entered them there."},
	}
	for i := range list {
		d := &list[i]
		what := ui.Badge{Tone: ui.ToneInfo, Text: "To change"}
		if d.New() {
			what = ui.Badge{Tone: ui.ToneWarn, Text: "To enter"}
		}
		t.Rows = append(t.Rows, ui.Row{
			ID: d.ID, Name: d.Name, Href: handOverPath(d.ID, ""),
			Cells: []templ.Component{ui.Two(d.Name, d.AccountName), ui.Text(d.Cloud.Portal()), what, handOverSince(d), textOr(d.DealOwner)},
		})
	}
	return t
}

// lines is the form as it is to be entered.
func (p *handOverView) lines() ui.DataTable {
	t := ui.DataTable{ID: "form-lines", Caption: "What is to be entered", NoChooser: true, Columns: []ui.Column{{Key: "field", Label: "Field", Fixed: true}, {Key: "value", Label: "Value", Grow: true, Wrap: true}}}
	for _, l := range p.Lines {
		t.Rows = append(t.Rows, ui.Row{ID: l.Path, Name: l.Label, Cells: []templ.Component{ui.Two(l.Label, l.Group), handOverValue(l, !p.D.New())}})
	}
	return t
}

// handOverView is what the page of one form shows.
type handOverView struct {
	Page    ui.Page
	D       handover.Deal
	Header  ui.RecordHeader
	Lines   []handover.Line
	Refused ui.Notice
	Faults  []problem.Field
	V       url.Values // what was sent and refused
	States  []ui.Option
	Blocked string
}

func (p *handOverView) fault(name string) string { return ui.FieldError(p.Faults, name) }

// was gives what a refused form had, or else what is known.
func (p *handOverView) was(name, known string) string {
	if p.V != nil {
		return p.V.Get(name)
	}
	return known
}

func (w *Web) showHandOver(rw http.ResponseWriter, r *http.Request, status int, faults []problem.Field, refused string) {
	d, err := w.app.HandOvers.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := &handOverView{D: d, Faults: faults, Blocked: whyBlocked(r, authz.ActionRegister, whyNotTell)}
	if p.Lines, err = w.app.HandOvers.Form(r.Context(), d.ID); err != nil {
		w.fail(rw, r, err)
		return
	}
	where, err := w.placeOf(r, d.OpportunityID, "")
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if r.Method == http.MethodPost {
		p.V = r.PostForm
	}
	if refused != "" {
		p.Refused = ui.Notice{Tone: ui.ToneDanger, Title: "Nothing was changed", Text: refused}
	}
	state := p.was("state", string(d.State))
	for _, s := range handover.States() {
		p.States = append(p.States, ui.Option{Value: string(s), Label: s.Label(), Selected: state == string(s)})
	}
	p.head(where)
	p.Page = w.page(r, ui.Page{Title: d.Name, HideTitle: true, Nav: ui.AreaOpportunities, Crumbs: where.Crumbs})
	w.render(rw, r, status, handOverHTML(p))
}

func (p *handOverView) head(where activityPlace) {
	d := &p.D
	p.Header = ui.RecordHeader{Kind: "To enter by hand", Title: d.Name, Facts: []ui.Fact{
		{Label: "In", Value: ui.Text(d.Cloud.Portal())}, {Label: "On", Value: ui.Link(where.Href, where.Name)},
	}}
	if d.RemoteID != "" {
		p.Header.Facts = append(p.Header.Facts, ui.Fact{Label: "Deal number", Value: ui.Copy{Text: d.RemoteID, What: "the deal number"}})
	}
	if d.State != "" {
		p.Header.State = ui.Badge{Text: d.State.Label()}
	}
	switch {
	case d.Waits() && d.New():
		p.Header.Next = ui.NextAction{Tone: ui.ToneWarn, Text: "Enter it in the " + d.Cloud.Portal() + ", then type its number here", Why: "Tandem cannot reach the portal by itself", Act: &ui.Button{Label: "Go there", Href: "#tell"}}
	case d.Waits():
		p.Header.Next = ui.NextAction{Tone: ui.ToneWarn, Text: "Change the marked fields in the " + d.Cloud.Portal() + ", then say so here", Why: "The deal changed since it was entered", Act: &ui.Button{Label: "Go there", Href: "#tell"}}
	}
	p.Header.Actions = []ui.Button{
		{Label: "CSV", Icon: ui.IconDownload, Href: handOverPath(d.ID, "/form.csv")}, {Label: "PDF", Icon: ui.IconDownload, Href: handOverPath(d.ID, "/form.pdf")},
	}
}

func (w *Web) handOverTell(rw http.ResponseWriter, r *http.Request) {
	version, err := positive(r.PostFormValue("version"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	_, err = w.app.HandOvers.Tell(r.Context(), r.PathValue("id"), handover.Told{
		RemoteID: r.PostFormValue("remote_id"), Entered: r.PostFormValue("entered") != "", State: registration.State(r.PostFormValue("state")),
		OwnerName: r.PostFormValue("owner_name"), OwnerEmail: r.PostFormValue("owner_email"), Note: r.PostFormValue("note"), Version: version,
	})
	if err != nil {
		fields, message, ok := fieldsOf(err)
		if !ok {
			w.fail(rw, r, err)
			return
		}
		w.showHandOver(rw, r, ui.StatusOf(problem.KindOf(err)), fields, message)
		return
	}
	w.done(rw, r, handOverPath(r.PathValue("id"), ""), "Noted: the registration goes on from there", "")
}

// handOverFile gives a deal and its form for a download; false when that failed and was
// answered.
func (w *Web) handOverFile(rw http.ResponseWriter, r *http.Request, kind, ending string) (handover.Deal, []handover.Line, bool) {
	d, err := w.app.HandOvers.Get(r.Context(), r.PathValue("id"))
	if err == nil {
		var lines []handover.Line
		if lines, err = w.app.HandOvers.Form(r.Context(), d.ID); err == nil {
			h := rw.Header()
			h.Set("Content-Type", kind)
			h.Set("Content-Disposition", `attachment; filename="`+d.ID+ending+`"`)
			h.Set("Cache-Control", "no-store")
			return d, lines, true
		}
	}
	w.fail(rw, r, err)
	return d, nil, false
}

func (w *Web) handOverCSV(rw http.ResponseWriter, r *http.Request) {
	_, lines, ok := w.handOverFile(rw, r, "text/csv; charset=utf-8", ".csv")
	if !ok {
		return
	}
	out := csv.NewWriter(rw)
	out.UseCRLF = true
	rows := [][]string{{"group", "field", "portal_field", "value", "before", "enter_now"}}
	for _, l := range lines {
		now := ""
		if l.Change {
			now = "yes"
		}
		rows = append(rows, []string{l.Group, l.Label, l.Path, unformula(l.Value), unformula(l.Before), now})
	}
	if err := out.WriteAll(rows); err != nil && r.Context().Err() == nil {
		w.log.ErrorContext(r.Context(), "write a form", "error", err)
	}
}

func (w *Web) handOverPDF(rw http.ResponseWriter, r *http.Request) {
	d, lines, ok := w.handOverFile(rw, r, "application/pdf", ".pdf")
	if !ok {
		return
	}
	file, err := form.PDF(&d, lines)
	if err != nil {
		rw.Header().Del("Content-Disposition")
		w.fail(rw, r, err)
		return
	}
	if _, err := rw.Write(file); err != nil && r.Context().Err() == nil {
		w.log.ErrorContext(r.Context(), "write a form", "error", err)
	}
}
