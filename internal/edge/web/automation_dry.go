package web

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

type flowDryPage struct {
	Page  ui.Page
	Words string
	AsOf  ui.Time
	Table ui.DataTable
}

func (w *Web) flowDry(rw http.ResponseWriter, r *http.Request) {
	from := 0
	if s := r.FormValue("from"); s != "" {
		var err error
		if from, err = strconv.Atoi(s); err != nil {
			w.fail(rw, r, problem.Invalid("from", "malformed", "This is not a place in the list: begin from the first page"))
			return
		}
	}
	d, err := w.app.Sync.DryRun(r.Context(), automation.FlowID(r.PathValue("flow")), from, 0)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	var ids []string
	for i := range d.Changes {
		ids = append(ids, d.Changes[i].About)
	}
	hrefs, err := w.opportunitiesOf(r, ids)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	base := flowPath(d.Flow.ID) + "/dry-run"
	p := flowDryPage{AsOf: ui.Time{At: d.At}, Table: dryTable(d.Changes, hrefs)}
	p.Words = "Nothing is sent and nothing is changed."
	if d.Total >= 0 {
		p.Words = plural(d.Total, "record waits", "records wait") + " for it. " + p.Words
	}
	p.Table.Pager = &ui.Pager{From: from + 1, To: from + len(d.Changes), Total: -1}
	if from > 0 {
		p.Table.Pager.FirstHref = base
	}
	if d.Next > 0 {
		p.Table.Pager.NextHref = fmt.Sprintf("%s?from=%d", base, d.Next)
	}
	p.Page = w.page(r, ui.Page{
		Title: "Dry run: " + d.Flow.Name, Nav: ui.AreaAutomation, Lead: ui.Text("What would change if it ran now, and what is there at this moment."),
		Crumbs: []ui.Crumb{{Label: "Automation", Href: automationPath}, {Label: d.Flow.Name, Href: flowPath(d.Flow.ID)}},
	})
	w.render(rw, r, http.StatusOK, flowDryHTML(p))
}

func actBadge(a automation.Act) ui.Badge {
	switch a {
	case automation.ActCreate:
		return ui.Badge{Tone: ui.ToneSuccess, Text: "Create", Icon: ui.IconPlus}
	case automation.ActUpdate:
		return ui.Badge{Tone: ui.ToneInfo, Text: "Update", Icon: ui.IconEdit}
	case automation.ActDelete:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Delete", Icon: ui.IconTrash}
	case automation.ActSame:
		return ui.Badge{Text: "As it should be"}
	}
	return ui.Badge{Tone: ui.ToneWarn, Text: "Waits", Icon: ui.IconClock}
}

func dryTable(list []automation.RecordChange, hrefs map[string]string) ui.DataTable {
	t := ui.DataTable{
		ID: "dry", Caption: "What would change", NoChooser: true, Columns: []ui.Column{{Key: "record", Label: "Record", Fixed: true}, {Key: "act", Label: "What"}, {Key: "fields", Label: "Field, now and then", Grow: true, Wrap: true}},
		Empty: ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing would change", Text: "If it ran now, no record would be made, changed or deleted."},
	}
	for i := range list {
		c := &list[i]
		t.Rows = append(t.Rows, ui.Row{
			ID: "change-" + strconv.Itoa(i), Name: c.Name, Href: hrefs[c.About],
			Cells: []templ.Component{ui.Two(fallback(c.Name, fallback(c.Key, c.CRMID)), joined(" · ", c.Object, c.CRMID)), actBadge(c.Act), changeFields(c)},
		})
	}
	return t
}

func (w *Web) digests(rw http.ResponseWriter, r *http.Request) {
	list, err := w.app.Automation.Digests(r.Context(), 200)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := w.page(r, ui.Page{Title: "Weekly digests", Nav: ui.AreaAutomation, Crumbs: []ui.Crumb{{Label: "Automation", Href: automationPath}}})
	w.render(rw, r, http.StatusOK, digestsHTML(p, digestsTable("all-digests", list)))
}

type digestPageData struct {
	Page    ui.Page
	Digest  automation.Digest
	Unread  bool
	Flows   ui.DataTable
	Off     ui.DataTable
	Errors  ui.DataTable
	Open    ui.DataTable
	Changes ui.DataTable
}

func (w *Web) digest(rw http.ResponseWriter, r *http.Request) {
	d, err := w.app.Automation.Digest(r.Context(), r.PathValue("week"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	unread, err := automation.Unread(r.Context(), w.app.DB)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := digestPageData{Digest: d, Unread: unread != nil && unread.Week == d.Week && may(r, authz.ActionChangeSettings)}
	if err := w.digestTables(r, &p); err != nil {
		w.fail(rw, r, err)
		return
	}
	p.Page = w.page(r, ui.Page{
		Title: "Digest of " + string(d.From) + " to " + string(d.Last()), Nav: ui.AreaAutomation, Lead: ui.Text(d.Summary()),
		Crumbs:  []ui.Crumb{{Label: "Automation", Href: automationPath}, {Label: "Digests", Href: digestsPath}},
		Actions: []ui.Button{{Label: "Download as text", Icon: ui.IconDownload, Href: digestPath(d.Week) + "/text"}},
	})
	w.render(rw, r, http.StatusOK, digestHTML(p))
}

func (w *Web) digestTables(r *http.Request, p *digestPageData) error {
	c := &p.Digest.Content.V
	table := func(id, caption, none string, columns ...ui.Column) ui.DataTable {
		return ui.DataTable{ID: id, Caption: caption, NoChooser: true, Columns: columns, Empty: ui.EmptyState{Icon: ui.IconCheckCircle, Title: none}}
	}
	p.Flows = table("flows", "What ran", "Nothing ran", ui.Column{Key: "name", Label: "Flow", Fixed: true, Grow: true}, ui.Column{Key: "runs", Label: "Runs", End: true}, ui.Column{Key: "looked", Label: "Looked at", End: true},
		ui.Column{Key: "changed", Label: "Changed", End: true}, ui.Column{Key: "refused", Label: "Refused", End: true}, ui.Column{Key: "errors", Label: "Errors", End: true})
	for _, f := range c.Flows {
		p.Flows.Rows = append(p.Flows.Rows, ui.Row{ID: string(f.Flow), Href: flowPath(f.Flow), Cells: []templ.Component{ui.Text(f.Name), ui.Figure(f.Runs), ui.Figure(f.Looked), ui.Figure(f.Changed), ui.Figure(f.Refused), ui.Figure(f.Failures)}})
	}
	p.Off = table("off", "What was off", "Nothing was off", ui.Column{Key: "name", Label: "Flow", Fixed: true}, ui.Column{Key: "why", Label: "Why", Grow: true, Wrap: true}, ui.Column{Key: "who", Label: "Since"})
	for _, o := range c.Off {
		p.Off.Rows = append(p.Off.Rows, ui.Row{ID: "off-" + string(o.Flow), Href: flowPath(o.Flow), Cells: []templ.Component{ui.Text(o.Name), textOr(o.Why), whoAndWhen(o.By, o.At)}})
	}
	p.Errors = table("errors", "Errors", "No errors", ui.Column{Key: "what", Label: "Error", Fixed: true, Grow: true, Wrap: true}, ui.Column{Key: "flow", Label: "Flow"}, ui.Column{Key: "about", Label: "Record"}, ui.Column{Key: "times", Label: "Times", End: true})
	var ids []string
	for _, e := range c.Errors {
		ids = append(ids, e.Subject)
	}
	hrefs, err := w.opportunitiesOf(r, ids)
	if err != nil {
		return err
	}
	for i, e := range c.Errors {
		p.Errors.Rows = append(p.Errors.Rows, ui.Row{ID: "error-" + strconv.Itoa(i), Href: hrefs[e.Subject], Cells: []templ.Component{ui.Text(e.Message), ui.Text(e.Name), textOr(e.Subject), ui.Figure(e.Times)}})
	}
	paths := map[automation.FindingKind]string{automation.FindingTagging: taggingPath, automation.FindingRefused: attentionPath, automation.FindingConflict: conflictsPath}
	p.Open = table("open", "What waits for a person", "Nothing waits for a person", ui.Column{Key: "what", Label: "What", Fixed: true, Grow: true}, ui.Column{Key: "count", Label: "How many", End: true})
	for _, f := range c.Findings {
		p.Open.Rows = append(p.Open.Rows, ui.Row{ID: string(f.Kind), Href: paths[f.Kind], Cells: []templ.Component{ui.Text(f.What), ui.Figure(f.Count)}})
	}
	p.Changes = table("changes", "Changes of rules and settings", "Nobody changed a rule or setting", ui.Column{Key: "what", Label: "What", Fixed: true, Grow: true, Wrap: true}, ui.Column{Key: "who", Label: "Who"})
	for i, x := range c.Changes {
		p.Changes.Rows = append(p.Changes.Rows, ui.Row{ID: "rule-" + strconv.Itoa(i), Cells: []templ.Component{ui.Text(x.What), whoAndWhen(x.By, x.At)}})
	}
	return nil
}

func (w *Web) digestText(rw http.ResponseWriter, r *http.Request) {
	d, err := w.app.Automation.Digest(r.Context(), r.PathValue("week"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	rw.Header().Set("Content-Disposition", `attachment; filename="tandem-digest-`+d.Week+`.txt"`)
	if _, err := rw.Write([]byte(d.Text())); err != nil {
		w.log.DebugContext(r.Context(), "the reader left", "error", err)
	}
}

func (w *Web) digestRead(rw http.ResponseWriter, r *http.Request) {
	week := r.PathValue("week")
	if err := w.app.Automation.MarkRead(r.Context(), week); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, digestPath(week), "Read: it leaves Today", "")
}
