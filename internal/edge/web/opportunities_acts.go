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

// bulkActs are the acts of the list that the bulk service does.
var bulkActs = []struct {
	action bulk.Action
	label  string
	icon   ui.IconName
	needs  authz.Action
}{
	{bulk.ActionSubmit, "Register…", ui.IconRegister, authz.ActionRegister},
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
		o.nothingSelected(path, path+"/confirm")
	}
	o.get(runsPath+"{id}", o.actRun)
	o.post(runsPath+"{id}/undo", o.actUndo)
}

// nothingSelected answers the reload of a page of an act, which is a GET: there is
// nothing selected any more.
func (o *opportunities) nothingSelected(paths ...string) {
	for _, p := range paths {
		o.get(p, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, listPath, http.StatusSeeOther) })
	}
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
	Live   string // where to look again; "" is nowhere, all is done
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
	lead := fmt.Sprintf("%d of %d selected would be %s. Nothing was sent yet.", n, len(rows), map[bool]string{true: "sent to " + ask.Cloud.Portal(), false: "changed"}[a == bulk.ActionSubmit])
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
	case bulk.ActionSubmit:
		return "Register " + deals + " with " + a.Cloud.Label()
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

// actTable lays the rows out: what a person has to look at stands on top.
func actTable(rows []bulk.Row, caption string) ui.DataTable {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b bulk.Row) int { return cmp.Compare(actRank(a.Outcome), actRank(b.Outcome)) })
	t := ui.DataTable{ID: "bulk", Caption: caption, NoChooser: true, Columns: []ui.Column{{Key: "name", Label: "Opportunity", Grow: true}, {Key: "outcome", Label: caption}}}
	changes := slices.ContainsFunc(rows, func(x bulk.Row) bool { return x.After != "" })
	if changes {
		t.Columns = append(t.Columns, ui.Column{Key: "change", Label: "Change"})
	}
	t.Columns = append(t.Columns, ui.Column{Key: "why", Label: "Why"})
	for i := range rows {
		x := &rows[i]
		b := outcomeBadge(x.Outcome)
		row := ui.Row{ID: x.OpportunityID, Name: x.Name, Href: listPath + "/" + x.OpportunityID, Tone: b.Tone, Cells: cells(ui.Two(x.Name, x.AccountName), b)}
		if changes {
			row.Cells = append(row.Cells, textOr(actChange(x)))
		}
		row.Cells = append(row.Cells, textOr(x.Message))
		t.Rows = append(t.Rows, row)
	}
	return t
}

func actChange(x *bulk.Row) string {
	if x.Before != "" && x.Before != x.After {
		return x.Before + " → " + x.After
	}
	return x.After
}

func actRank(o bulk.Outcome) int {
	switch o {
	case bulk.OutcomeBlocked, bulk.OutcomeRefused:
		return 0
	}
	return 1
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
	http.Redirect(rw, r, runsPath+run.ID, http.StatusSeeOther)
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
	switch {
	case may:
		p.Undo = runsPath + run.ID + "/undo"
	case run.Action != bulk.ActionUndo && run.Action != bulk.ActionRetry:
		p.NoUndo = why
	}
	p.Notice = runNotice(run.Rows)
	if bulk.Count(run.Rows, bulk.OutcomeQueued) > 0 {
		p.Live = runsPath + run.ID
	}
	p.Page = o.page(r, ui.Page{Title: actTitle(run.Action, run.Cloud), Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}}, Lead: runLead(run)})
	o.render(rw, r, http.StatusOK, actHTML(p))
}

// runNotice sums up how far a run is.
func runNotice(rows []bulk.Row) ui.Notice {
	good, asked, queued := bulk.Count(rows, bulk.OutcomeDone, bulk.OutcomeWaits), bulk.Count(rows, bulk.OutcomeAsked), bulk.Count(rows, bulk.OutcomeQueued)
	n := ui.Notice{Tone: ui.ToneSuccess, Title: fmt.Sprintf("%d of %d done", good, len(rows))}
	if asked > 0 {
		n.Tone, n.Title = ui.ToneInfo, n.Title+fmt.Sprintf(", %d wait for approval", asked)
	}
	if bad := bulk.Count(rows, bulk.OutcomeBlocked, bulk.OutcomeRefused); bad > 0 {
		n.Tone, n.Text = ui.ToneWarn, plural(int64(bad), "row was left out or refused", "rows were left out or refused")+"; each says why."
	}
	if queued > 0 {
		n.Tone, n.Text = ui.ToneInfo, fmt.Sprintf("%d wait for their turn. They are done also when you leave this page.", queued)
	}
	return n
}

func (o *opportunities) actUndo(rw http.ResponseWriter, r *http.Request) {
	run, err := o.app.Bulk.Undo(r.Context(), r.PathValue("id"))
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	http.Redirect(rw, r, runsPath+run.ID, http.StatusSeeOther)
}

// ids gives the ids of a preview's rows, in their order.
func (p *actPage) ids() []string { return slices.Clone(p.Ask.IDs) }
