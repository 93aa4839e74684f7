package web

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/coverage"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Where coverage is.
const (
	coveragePath      = "/coverage"
	coverageDealsPath = "/coverage/deals"
)

func (w *Web) routesCoverage() {
	w.get(coveragePath, w.coverageReport)
	w.get(coverageDealsPath, w.coverageDeals)
	w.get(coveragePath+"/export.csv", w.coverageExport)
}

// coverageAsked is what an address asks of coverage.
type coverageAsked struct {
	scope coverage.Scope
	by    coverage.By
	what  coverage.What
	after string
	v     url.Values // canonical, without the place in the list
}

func readCoverage(r *http.Request) (coverageAsked, error) {
	given, bad := readQuery(r)
	a := coverageAsked{by: coverage.ByCloud, what: coverage.WhatExceptions, after: given.Get("after"), v: url.Values{}}
	for _, c := range given["cloud"] {
		a.scope.Clouds = append(a.scope.Clouds, cloud.Cloud(c))
	}
	a.scope.Regions, a.scope.Owners = given["region"], given["owner"]
	if s := given.Get("by"); s != "" {
		a.by = coverage.By(s)
		if !slices.Contains([]coverage.By{coverage.ByCloud, coverage.ByRegion, coverage.ByOwner}, a.by) {
			bad.Add("by", "unknown_value", "Use cloud, region or owner")
		}
	}
	if s := given.Get("what"); s != "" {
		a.what = coverage.What(s)
	}
	for _, name := range []string{"cloud", "region", "owner", "by", "what"} {
		if len(given[name]) > 0 {
			a.v[name] = given[name]
		}
	}
	return a, bad.Err()
}

// to gives the address of the deals behind a figure of a line.
func (a *coverageAsked) to(w coverage.What, line *coverage.Line) string {
	v := copied(a.v, "what", "by")
	v.Set("what", string(w))
	if line != nil {
		v[string(a.by)] = []string{line.Key}
	}
	return address(coverageDealsPath, v)
}

type coverageReportPage struct {
	Page     ui.Page
	Filters  ui.FilterBar
	Off      ui.Notice // flows that are off
	Cards    []ui.StatCard
	Fresh    []ui.StatCard
	Tabs     ui.Tabs
	Lines    ui.DataTable
	Deals    ui.DataTable
	Levels   string
	LevelsAt string // where they are changed
	AsOf     templ.Component
}

func (w *Web) coverageReport(rw http.ResponseWriter, r *http.Request) {
	a, err := readCoverage(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rep, err := w.app.Coverage.Report(r.Context(), a.scope, a.by)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	deals, err := w.app.Coverage.Deals(r.Context(), a.scope, coverage.WhatExceptions, "", 25)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := coverageReportPage{Filters: w.coverageFilters(coveragePath, &a, &rep), Lines: coverageLines(&a, &rep), Deals: w.coverageTable(&a, deals), AsOf: ui.Time{At: rep.At}}
	p.Levels = fmt.Sprintf("With the partner within %s of becoming joint; our changes in the portal within %s.",
		plural(int64(rep.Levels.RegisterWorkingDays), "working day", "working days"), plural(int64(rep.Levels.UpdateDays), "day", "days"))
	p.LevelsAt = "/settings/service-levels"
	if deals.Next != "" {
		p.Deals.Summary = ui.Link(a.to(coverage.WhatExceptions, nil), "All exceptions")
	}
	card := func(what coverage.What, tone ui.Tone, note string) ui.StatCard {
		n := rep.Total.Of(what)
		if n == 0 {
			tone = ui.ToneNeutral
		}
		return ui.StatCard{Label: what.Label(), Value: ui.Figure(n), Note: note + " ·", Tone: tone, AsOf: rep.At, Href: a.to(what, nil)}
	}
	p.Cards = []ui.StatCard{
		card(coverage.WhatJoint, ui.ToneInfo, "Open, joint, and the rule says: register"),
		card(coverage.WhatRegistered, ui.ToneSuccess, shareOf(rep.Total.Registered, rep.Total.Joint)),
		card(coverage.WhatBlocked, ui.ToneWarn, "Fields to mend in Salesforce, or held by its route"),
		card(coverage.WhatFailed, ui.ToneDanger, "The portal refused for good"),
		card(coverage.WhatWaiting, ui.ToneInfo, "On the way, or not connected"),
		card(coverage.WhatLateRegister, ui.ToneDanger, "Not registered, past the service level"),
	}
	read := "Never read"
	if !rep.Total.OldestRead.IsZero() {
		read = "Oldest look at the portal: " + passed(rep.At, rep.Total.OldestRead)
	}
	p.Fresh = []ui.StatCard{
		card(coverage.WhatCurrent, ui.ToneSuccess, read),
		card(coverage.WhatOutgoing, ui.ToneInfo, "Sent by itself, in order"),
		card(coverage.WhatLocked, ui.ToneWarn, "Sent by itself when the lock opens"),
		card(coverage.WhatConflict, ui.ToneDanger, "Both sides changed: decide"),
		card(coverage.WhatRefused, ui.ToneDanger, "A value to mend"),
		card(coverage.WhatLateUpdate, ui.ToneDanger, "Past the service level"),
	}
	p.Tabs = ui.Tabs{Label: "Figures by"}
	for _, x := range []struct {
		by    coverage.By
		label string
	}{{coverage.ByCloud, "By cloud"}, {coverage.ByRegion, "By region"}, {coverage.ByOwner, "By person"}} {
		v := copied(a.v)
		v.Set("by", string(x.by))
		p.Tabs.Items = append(p.Tabs.Items, ui.Tab{Label: x.label, Href: address(coveragePath, v), Active: x.by == a.by})
	}
	p.Page = w.page(r, ui.Page{
		Title: "Coverage", Nav: ui.AreaCoverage, Lead: ui.Text("Is every joint opportunity registered, and is every registered one up to date?"),
		Actions: []ui.Button{{Label: "Exceptions as CSV", Icon: ui.IconDownload, Href: address(coveragePath+"/export.csv", copied(a.v, "by", "what"))}},
	})
	if p.Off, err = w.offNotice(r); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, coverageHTML(p))
}

func shareOf(n, of int64) string {
	if of == 0 {
		return "Nothing is to be registered"
	}
	return strconv.FormatInt(100*n/of, 10) + "% of the joint ones"
}

func (w *Web) coverageFilters(path string, a *coverageAsked, rep *coverage.Report) ui.FilterBar {
	bar := ui.FilterBar{ID: "f", Action: path, Keep: keptParams(a.v)}
	if len(a.scope.Clouds)+len(a.scope.Regions)+len(a.scope.Owners) > 0 {
		bar.ClearHref = address(path, copied(a.v, "cloud", "region", "owner"))
	}
	many := func(name, label string, options []ui.Option) {
		f := ui.Filter{Name: name, Label: label, Kind: ui.FilterMany, RemoveHref: address(path, copied(a.v, name))}
		for _, x := range options {
			if x.Selected = slices.Contains(a.v[name], x.Value); x.Selected {
				f.On, f.Shown = true, joined(", ", f.Shown, x.Label)
			}
			f.Options = append(f.Options, x)
		}
		bar.Filters = append(bar.Filters, f)
	}
	many("cloud", "Cloud", cloudOptions())
	var regions, owners []ui.Option
	for _, x := range rep.Regions {
		regions = append(regions, ui.Option{Value: x, Label: fallback(x, "No region")})
	}
	for _, x := range rep.Owners {
		owners = append(owners, ui.Option{Value: x.Key, Label: fallback(x.Label, "No owner")})
	}
	many("region", "Region", regions)
	many("owner", "Owner", owners)
	return bar
}

func coverageLines(a *coverageAsked, rep *coverage.Report) ui.DataTable {
	name := map[coverage.By]string{coverage.ByCloud: "Cloud", coverage.ByRegion: "Region", coverage.ByOwner: "Person"}[a.by]
	t := ui.DataTable{
		ID: "coverage-lines", Caption: "Coverage by " + name, NoChooser: true,
		Columns: []ui.Column{{Key: "name", Label: name, Fixed: true, Grow: true}},
		Empty:   ui.EmptyState{Icon: ui.IconRegister, Title: "No joint opportunity is to be registered", Text: "Open opportunities that the joint rule finds, or that somebody marked, appear here."},
	}
	shown := []coverage.What{
		coverage.WhatJoint, coverage.WhatRegistered, coverage.WhatBlocked, coverage.WhatFailed, coverage.WhatWaiting, coverage.WhatLateRegister,
		coverage.WhatCurrent, coverage.WhatOutgoing, coverage.WhatLocked, coverage.WhatConflict, coverage.WhatRefused, coverage.WhatLateUpdate,
	}
	for _, x := range shown {
		label := x.Label()
		if x == coverage.WhatJoint {
			label = "Joint"
		}
		t.Columns = append(t.Columns, ui.Column{Key: string(x), Label: label, End: true})
	}
	for i := range rep.Lines {
		l := &rep.Lines[i]
		row := ui.Row{ID: "line-" + strconv.Itoa(i), Name: l.Label, Cells: []templ.Component{ui.Text(fallback(l.Label, "None"))}}
		if l.LateRegister+l.LateUpdate > 0 {
			row.Tone = ui.ToneWarn
		}
		for _, x := range shown {
			n := l.Of(x)
			if n == 0 {
				row.Cells = append(row.Cells, ui.Muted("0"))
				continue
			}
			row.Cells = append(row.Cells, ui.Link(a.to(x, l), ui.Count(n)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (w *Web) coverageTable(a *coverageAsked, p coverage.Page) ui.DataTable {
	t := ui.DataTable{
		ID: "coverage-deals", Caption: a.what.Label(), NoChooser: true,
		Columns: []ui.Column{{Key: "name", Label: "Opportunity", Fixed: true}, {Key: "how", Label: "Stands"}, {Key: "why", Label: "Reason", Grow: true}, {Key: "age", Label: "Since"}, {Key: "due", Label: "Due"}, {Key: "owner", Label: "Owner"}, {Key: "read", Label: "Portal read"}},
		Empty:   ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing here", Text: "No deal within these filters is of this kind."},
	}
	for i := range p.Rows {
		d := &p.Rows[i]
		due := dayOf(d.DueOn)
		tone := coverageTone(d.Place)
		if d.Late {
			due, tone = closeCell(d.DueOn, max(1, daysPast(w, d))), ui.ToneDanger
		}
		t.Rows = append(t.Rows, ui.Row{
			ID: d.ID + "-" + string(d.Cloud), Name: d.Name, Href: listPath + "/" + d.ID, Tone: tone,
			Cells: []templ.Component{
				ui.Two(d.Name, d.AccountName),
				ui.Badge{Tone: coverageTone(d.Place), Text: ui.CloudName(string(d.Cloud)) + " · " + d.Place.Label()},
				ui.Text(d.Why),
				ui.Time{At: d.Since, Style: ui.TimeAgo},
				due, ui.PersonName(d.OwnerName),
				ui.Time{At: d.RemoteReadAt, Style: ui.TimeAgo},
			},
		})
	}
	return t
}

// daysPast counts the days since a late deal was due.
func daysPast(w *Web, d *coverage.Deal) int {
	return int(w.dayNow().Time().Sub(d.DueOn.Time()).Hours() / 24)
}

func coverageTone(w coverage.What) ui.Tone {
	switch w {
	case coverage.WhatFailed, coverage.WhatConflict, coverage.WhatRefused:
		return ui.ToneDanger
	case coverage.WhatBlocked, coverage.WhatLocked:
		return ui.ToneWarn
	case coverage.WhatCurrent:
		return ui.ToneSuccess
	}
	return ui.ToneInfo
}

type coverageDealsPage struct {
	Page    ui.Page
	Filters ui.FilterBar
	Table   ui.DataTable
}

func (w *Web) coverageDeals(rw http.ResponseWriter, r *http.Request) {
	a, err := readCoverage(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	deals, err := w.app.Coverage.Deals(r.Context(), a.scope, a.what, a.after, 50)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	rep, err := w.app.Coverage.Report(r.Context(), a.scope, coverage.ByCloud)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := coverageDealsPage{Filters: w.coverageFilters(coverageDealsPath, &a, &rep), Table: w.coverageTable(&a, deals)}
	what := ui.Filter{Name: "what", Label: "Which", Kind: ui.FilterOne, On: true, Shown: a.what.Label(), RemoveHref: address(coverageDealsPath, copied(a.v, "what"))}
	for _, x := range coverage.Whats() {
		what.Options = append(what.Options, ui.Option{Value: string(x), Label: x.Label(), Selected: x == a.what})
	}
	p.Filters.Filters = append([]ui.Filter{what}, p.Filters.Filters...)
	p.Table.Pager = &ui.Pager{To: len(deals.Rows), Total: -1}
	if a.after != "" {
		p.Table.Pager.FirstHref = address(coverageDealsPath, a.v)
	}
	if deals.Next != "" {
		v := copied(a.v)
		v.Set("after", deals.Next)
		p.Table.Pager.NextHref = address(coverageDealsPath, v)
	}
	lead := "As of " + deals.At.UTC().Format("2006-01-02 15:04") + " UTC"
	if a.what != coverage.WhatExceptions {
		lead = plural(rep.Total.Of(a.what), "deal", "deals") + " · " + lead
	}
	p.Page = w.page(r, ui.Page{
		Title: a.what.Label(), Nav: ui.AreaCoverage, Crumbs: []ui.Crumb{{Label: "Coverage", Href: coveragePath}}, Lead: ui.Text(lead),
		Actions: []ui.Button{{Label: "CSV", Icon: ui.IconDownload, Href: address(coveragePath+"/export.csv", copied(a.v, "by"))}},
	})
	w.render(rw, r, http.StatusOK, coverageDealsHTML(p))
}

// coverageExport writes a set as CSV, safe for a spreadsheet.
func (w *Web) coverageExport(rw http.ResponseWriter, r *http.Request) {
	a, err := readCoverage(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	page, err := w.app.Coverage.Deals(r.Context(), a.scope, a.what, "", 200)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="coverage-%s-%s.csv"`, a.what, w.dayNow()))
	h.Set("Cache-Control", "no-store")
	buffer := bufio.NewWriterSize(rw, 64<<10)
	out := csv.NewWriter(buffer)
	out.UseCRLF = true
	write := func(list ...any) {
		record := make([]string, 0, len(list))
		for _, v := range list {
			record = append(record, cellText(v))
		}
		_ = out.Write(record) // out.Error says so
	}
	write("Opportunity", "Account", "Salesforce id", "Cloud", "Stands", "Late", "Reason", "Since (UTC)", "Due", "Owner", "Region", "Stage", "Close date", "Amount", "Currency", "Joint since (UTC)", "Created in Salesforce (UTC)", "Portal id", "Portal read (UTC)", "As of (UTC)")
	for n := 0; ; {
		for i := range page.Rows {
			d := &page.Rows[i]
			late := "no"
			if d.Late {
				late = "yes"
			}
			write(d.Name, d.AccountName, d.CRMID, d.Cloud.Label(), d.Place.Label(), late, d.Why, d.Since, d.DueOn, d.OwnerName, d.Region, d.Stage, d.CloseOn, d.Amount(), d.Amount().Currency, d.JointAt, d.CRMCreatedAt, d.RemoteID, d.RemoteReadAt, page.At)
		}
		if n += len(page.Rows); page.Next == "" || n >= exportLimit {
			break
		}
		at := page.At
		if page, err = w.app.Coverage.Deals(r.Context(), a.scope, a.what, page.Next, 200); err != nil {
			break
		}
		page.At = at
	}
	if err == nil {
		out.Flush()
		if err = out.Error(); err == nil {
			err = buffer.Flush()
		}
	}
	if err != nil {
		(&opportunities{Web: w}).breakOff(rw, r, err)
	}
}

// levelsData is the form of the service levels.
type levelsData struct {
	page    ui.Page
	levels  [2]string // as typed
	version int64
	who     string
	may     bool
	fields  []problem.Field
	stale   bool
}

func (w *Web) routesLevels() {
	w.get("/settings/service-levels", func(rw http.ResponseWriter, r *http.Request) { w.showLevels(rw, r, http.StatusOK, levelsData{}) })
	w.post("/settings/service-levels", w.saveLevels)
}

func (w *Web) showLevels(rw http.ResponseWriter, r *http.Request, status int, d levelsData) {
	now, row, err := w.app.Coverage.Levels(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if d.levels[0] == "" && d.levels[1] == "" {
		d.levels = [2]string{strconv.Itoa(now.RegisterWorkingDays), strconv.Itoa(now.UpdateDays)}
	}
	if d.fields == nil {
		d.version = row.Version
	}
	d.may, d.who = may(r, authz.ActionChangeSettings), row.UpdatedBy
	d.page = w.settingsPage(r, "service-levels", ui.Page{Lead: ui.Text("What Coverage calls late.")})
	w.render(rw, r, status, levelsHTML(d))
}

func (w *Web) saveLevels(rw http.ResponseWriter, r *http.Request) {
	d := levelsData{levels: [2]string{r.PostFormValue("register_working_days"), r.PostFormValue("update_days")}}
	var err error
	if d.version, err = formVersion(r); err != nil {
		w.fail(rw, r, err)
		return
	}
	// What is no number becomes 0, which the service refuses with its bounds.
	register, _ := strconv.Atoi(d.levels[0])
	update, _ := strconv.Atoi(d.levels[1])
	err = w.app.Coverage.SetLevels(r.Context(), coverage.Levels{RegisterWorkingDays: register, UpdateDays: update}, d.version)
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, coveragePath, "The service levels are saved", "")
	case conflict(err):
		d.stale = true
		w.showLevels(rw, r, http.StatusPreconditionFailed, d)
	case invalid:
		d.fields = fields
		w.showLevels(rw, r, http.StatusUnprocessableEntity, d)
	default:
		w.fail(rw, r, err)
	}
}
