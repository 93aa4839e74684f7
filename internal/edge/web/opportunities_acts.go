package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/bulk"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const runsPath = listPath + "/bulk/runs/"

// bulkActs are the acts of the list that the bulk service does; register has a page
// of its own.
var bulkActs = []struct {
	action bulk.Action
	label  string
	icon   ui.IconName
	needs  authz.Action
}{
	{bulk.ActionCheck, "Check…", ui.IconCheck, authz.ActionRegister},
	{bulk.ActionStage, "Stage…", ui.IconEdit, authz.ActionUpdate},
	{bulk.ActionAssign, "Assign…", ui.IconPerson, authz.ActionUpdate},
	{bulk.ActionRetry, "Retry…", ui.IconRefresh, authz.ActionUpdate},
}

func (o *opportunities) routesActs() {
	for _, x := range bulkActs {
		path := listPath + "/bulk/" + string(x.action)
		o.post(path, func(rw http.ResponseWriter, r *http.Request) { o.actPreview(rw, r, x.action) })
		o.post(path+"/confirm", func(rw http.ResponseWriter, r *http.Request) { o.actDo(rw, r, x.action) })
		for _, p := range []string{path, path + "/confirm"} {
			o.get(p, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, listPath, http.StatusSeeOther) })
		}
	}
	o.get(runsPath+"{id}", o.actRun)
	o.post(runsPath+"{id}/undo", o.actUndo)
}

func actButtons(r *http.Request) []ui.Button {
	var out []ui.Button
	for _, x := range bulkActs {
		out = append(out, ui.Button{Label: x.label, Icon: x.icon, FormAction: listPath + "/bulk/" + string(x.action), Blocked: whyBlocked(r, x.needs, whyNotRegister)})
	}
	return out
}

func (o *opportunities) readAct(r *http.Request, a bulk.Action) (bulk.Ask, []ui.Option, error) {
	ids, err := selected(r)
	if err != nil {
		return bulk.Ask{}, nil, err
	}
	c, options, err := o.bulkCloud(r)
	return bulk.Ask{Action: a, Cloud: c, IDs: ids, Stage: r.FormValue("stage"), Assignee: r.FormValue("assignee")}, options, err
}

// actPage is the preview or the result of an act.
type actPage struct {
	Page   ui.Page
	Notice ui.Notice
	Action string
	Choose []ui.SelectField
	Ask    bulk.Ask
	Rows   ui.DataTable
	Do     ui.Button
	Back   string
	Done   bool
	Undo   string // address; "" is none
	NoUndo string // why there is none
}

func (o *opportunities) actPreview(rw http.ResponseWriter, r *http.Request, a bulk.Action) {
	ask, clouds, err := o.readAct(r, a)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	p := actPage{Action: listPath + "/bulk/" + string(a), Ask: ask, Back: localPath(r.FormValue("back"), back(r, listPath))}
	if len(clouds) > 1 {
		p.Choose = append(p.Choose, ui.SelectField{Name: "cloud", Label: "Partner", Options: clouds, Required: true})
	}
	switch a {
	case bulk.ActionStage:
		if portal, ok := o.app.Registrations.Portal(ask.Cloud); ok {
			if st, ok := portal.(registration.Stager); ok {
				p.Ask.Stage = cmp.Or(ask.Stage, st.Stages()[0])
				p.Choose = append(p.Choose, ui.SelectField{Name: "stage", Label: "Stage in " + ask.Cloud.Portal(), Options: chosen(st.Stages(), p.Ask.Stage), Required: true})
			}
		}
	case bulk.ActionAssign:
		users, err := o.app.Team.People(r.Context())
		if err != nil {
			o.fail(rw, r, err)
			return
		}
		f := ui.SelectField{Name: "assignee", Label: "Assign to", None: "Each deal's owner in Salesforce"}
		for _, u := range users {
			if u.Active {
				f.Options = append(f.Options, ui.Option{Value: u.ID, Label: u.Name, Selected: u.ID == ask.Assignee})
			}
		}
		p.Choose = append(p.Choose, f)
	}
	rows, err := o.app.Bulk.Preview(r.Context(), p.Ask)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	n := bulk.Count(rows, bulk.Acts()...)
	p.Rows = actTable(rows, "What would happen")
	p.Do = ui.Button{Label: actVerb(p.Ask, n), Variant: ui.VariantPrimary}
	if n == 0 {
		p.Do.Blocked = "There is nothing to do for any of the selected; each row says why"
	}
	lead := fmt.Sprintf("%d of %d selected would be changed; nothing was sent yet.", n, len(rows))
	if a == bulk.ActionCheck {
		lead = fmt.Sprintf("%d of %d hold all checks of %s. A check sends and changes nothing.", bulk.Count(rows, bulk.OutcomeNothing), len(rows), ask.Cloud.Portal())
	}
	p.Page = o.page(r, ui.Page{Title: actTitle(a, ask.Cloud), Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}}, Lead: ui.Text(lead)})
	o.render(rw, r, http.StatusOK, actHTML(p))
}

func chosen(words []string, now string) []ui.Option {
	var out []ui.Option
	for _, s := range words {
		out = append(out, ui.Option{Value: s, Label: s, Selected: s == now})
	}
	return out
}

func actTitle(a bulk.Action, c cloud.Cloud) string {
	switch a {
	case bulk.ActionCheck:
		return "Check for " + c.Label()
	case bulk.ActionStage:
		return "Stage in " + c.Portal()
	case bulk.ActionAssign:
		return "Assign in " + c.Portal()
	case bulk.ActionSubmit:
		return "Register with " + c.Label()
	case bulk.ActionUndo:
		return "Taken back"
	}
	return "Send again"
}

func actVerb(a bulk.Ask, n int) string {
	deals := plural(int64(n), "opportunity", "opportunities")
	switch a.Action {
	case bulk.ActionStage:
		return "Put " + deals + " into " + a.Stage
	case bulk.ActionAssign:
		return "Assign " + deals
	}
	return "Send " + deals + " again"
}

func outcomeBadge(o bulk.Outcome) ui.Badge {
	switch o {
	case bulk.OutcomeWill:
		return ui.Badge{Tone: ui.ToneSuccess, Text: "Will be done"}
	case bulk.OutcomeWaits:
		return ui.Badge{Tone: ui.ToneWarn, Text: "Waits for the lock", Icon: ui.IconLock}
	case bulk.OutcomeNothing:
		return ui.Badge{Text: "Nothing to do"}
	case bulk.OutcomeBlocked:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Left out"}
	case bulk.OutcomeQueued:
		return ui.Badge{Tone: ui.ToneInfo, Text: "Queued", Icon: ui.IconClock}
	case bulk.OutcomeAsked:
		return ui.Badge{Tone: ui.ToneInfo, Text: "Waits for approval"}
	case bulk.OutcomeRefused:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Refused"}
	}
	return ui.Badge{Tone: ui.ToneSuccess, Text: "Done"}
}

func actTable(rows []bulk.Row, caption string) ui.DataTable {
	t := ui.DataTable{ID: "bulk", Caption: caption, NoChooser: true, Columns: []ui.Column{{Key: "name", Label: "Opportunity", Grow: true}, {Key: "outcome", Label: caption}, {Key: "change", Label: "Change"}, {Key: "why", Label: "Why"}}}
	for i := range rows {
		x := &rows[i]
		b := outcomeBadge(x.Outcome)
		change := x.After
		if x.Before != "" && x.Before != x.After {
			change = x.Before + " → " + x.After
		}
		t.Rows = append(t.Rows, ui.Row{ID: x.OpportunityID, Name: x.Name, Href: listPath + "/" + x.OpportunityID, Tone: b.Tone, Cells: cells(ui.Two(x.Name, x.AccountName), b, textOr(change), textOr(x.Message))})
	}
	return t
}

func (o *opportunities) actDo(rw http.ResponseWriter, r *http.Request, a bulk.Action) {
	ask, _, err := o.readAct(r, a)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	run, err := o.app.Bulk.Do(r.Context(), ask)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	o.actDone(rw, r, &run)
}

// actDone leads to the run's page, with the way back in the toast.
func (o *opportunities) actDone(rw http.ResponseWriter, r *http.Request, run *bulk.Run) {
	undo := ""
	may, _, err := o.app.Bulk.CanUndo(r.Context(), run)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	if may {
		undo = runsPath + run.ID + "/undo"
	}
	n := bulk.Count(run.Rows, bulk.OutcomeDone, bulk.OutcomeWaits, bulk.OutcomeQueued, bulk.OutcomeAsked)
	o.done(rw, r, runsPath+run.ID, fmt.Sprintf("%d of %d were accepted", n, len(run.Rows)), undo)
}

func (o *opportunities) actRun(rw http.ResponseWriter, r *http.Request) {
	run, err := o.app.Bulk.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	p := actPage{Done: true, Back: listPath, Rows: actTable(run.Rows, "What happened")}
	may, why, err := o.app.Bulk.CanUndo(r.Context(), &run)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	if p.NoUndo = why; may {
		p.Undo = runsPath + run.ID + "/undo"
	}
	good, bad := bulk.Count(run.Rows, bulk.OutcomeDone, bulk.OutcomeWaits), bulk.Count(run.Rows, bulk.OutcomeBlocked, bulk.OutcomeRefused)
	p.Notice = ui.Notice{Tone: ui.ToneSuccess, Title: fmt.Sprintf("%d of %d done", good, len(run.Rows))}
	if bad > 0 {
		p.Notice.Tone, p.Notice.Text = ui.ToneWarn, plural(int64(bad), "row was left out or refused", "rows were left out or refused")+"; each says why."
	}
	if n := bulk.Count(run.Rows, bulk.OutcomeQueued); n > 0 {
		p.Notice.Tone, p.Notice.Text = ui.ToneInfo, fmt.Sprintf("%d wait for their turn within the portal's quota: reload to see how far it is.", n)
	}
	p.Page = o.page(r, ui.Page{
		Title: actTitle(run.Action, run.Cloud), Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}},
		Lead: ui.Text(joined(" · ", run.Detail, "by "+run.ActorName, run.BegunAt.UTC().Format("2006-01-02 15:04")+" UTC")),
	})
	if run.Action == bulk.ActionAssign {
		p.Page.Lead = ui.Text("by " + run.ActorName + " · " + run.BegunAt.UTC().Format("2006-01-02 15:04") + " UTC")
	}
	o.render(rw, r, http.StatusOK, actHTML(p))
}

func (o *opportunities) actUndo(rw http.ResponseWriter, r *http.Request) {
	run, err := o.app.Bulk.Undo(r.Context(), r.PathValue("id"))
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	o.done(rw, r, runsPath+run.ID, fmt.Sprintf("%d of %d were taken back", bulk.Count(run.Rows, bulk.OutcomeDone, bulk.OutcomeWaits), len(run.Rows)), "")
}

// ids gives the ids of a preview's rows, in their order.
func (p *actPage) ids() []string { return slices.Clone(p.Ask.IDs) }
