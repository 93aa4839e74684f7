package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// opportunities is the pages about many opportunities.
type opportunities struct {
	*Web

	mu        sync.Mutex
	choices   workspace.Choices
	choicesAt time.Time
	reading   bool
}

// Where the list and the board are.
const (
	listPath  = "/opportunities"
	boardPath = "/opportunities/board"
)

// countUpTo is how far the list counts: beyond it says "more than".
const countUpTo = workspace.CountedTo

// choicesFor is how long the values of the filters are kept: to find them is to
// read all opportunities, and they change with the CRM's picklists.
const choicesFor = time.Minute

func (w *Web) routesOpportunities() {
	o := &opportunities{Web: w}
	w.get(listPath, o.list)
	w.get(boardPath, o.board)
	w.get(listPath+"/export.csv", o.exportCSV)
	w.get(listPath+"/export.xlsx", o.exportXLSX)
	w.get(listPath+"/views/new", o.newView)
	w.post(listPath+"/views", o.saveView)
	w.post(listPath+"/views/{id}/delete", o.deleteView)
	w.post(listPath+"/bulk/joint", o.bulkJoint)
	w.post(listPath+"/bulk/joint/confirm", o.bulkJointDo)
	o.routesActs()
	o.nothingSelected(listPath+"/bulk/joint", listPath+"/bulk/joint/confirm")
}

// listing is a list as its address asks for it.
type listing struct {
	q       workspace.Query
	columns []string // keys of the columns shown, in order
	chosen  bool     // the address names the columns
	view    string   // key or id of the view it began as
	at      int      // how many rows are before this page
	natural bool     // neither filtered nor sorted: the last to close first
	bad     []problem.Field
}

// readListing reads an address. What is wrong with it is left out and told of in
// bad, so that there is always a list to show.
func readListing(r *http.Request) listing {
	v, bad := readQuery(r)
	l := listing{view: v.Get("view")}
	var err error
	l.q, err = workspace.ParseQuery(v)
	l.bad = append(l.bad, bad...)
	if p := asProblem(err); p != nil {
		l.bad = append(l.bad, p.Fields...)
		for _, f := range p.Fields {
			l.leaveOut(f.Field)
		}
	}
	if v.Get("sort") == "" && !l.filtered() {
		// The whole list would begin with the deals that closed years ago.
		l.q.Sort, l.q.Desc, l.natural = workspace.SortClose, true, true
	}
	l.columns, l.chosen = defaultColumns(), len(v["col"]) > 0
	if l.chosen {
		l.columns = nil
		for _, c := range listColumns() {
			if c.fixed || slices.Contains(v["col"], c.key) {
				l.columns = append(l.columns, c.key)
			}
		}
		for _, key := range v["col"] {
			if !slices.ContainsFunc(listColumns(), func(c listColumn) bool { return c.key == key }) {
				l.bad = append(l.bad, problem.Field{Field: "col", Code: "unknown_column", Message: fmt.Sprintf("%q is not a column of this list", key)})
			}
		}
	}
	if n, err := strconv.Atoi(v.Get("at")); err == nil && n > 0 && l.q.After != "" {
		l.at = n
	}
	return l
}

// leaveOut takes a filter that cannot be used out of the query.
func (l *listing) leaveOut(field string) {
	switch field {
	case "q":
		l.q.Text = ""
	case "open":
		l.q.Open = ""
	case "sort":
		l.q.Sort, l.q.Desc, l.q.After = workspace.SortClose, false, ""
	case "after":
		l.q.After = ""
	case "limit":
		l.q.Limit = 0
	case "filter":
		l.q.Stages, l.q.Geos, l.q.Regions, l.q.Segments, l.q.Orders, l.q.Owners, l.q.Accounts = nil, nil, nil, nil, nil, nil, nil
	}
}

// values is the canonical address of the list, without the place in it.
func (l *listing) values() url.Values {
	v := l.q.Values()
	switch {
	case l.natural:
		v.Del("sort")
	case !l.filtered() && v.Get("sort") == "":
		v.Set("sort", string(workspace.SortClose))
	}
	if l.chosen {
		v["col"] = slices.Clone(l.columns)
	}
	if l.q.Limit > 0 {
		v.Set("limit", strconv.Itoa(l.q.Limit))
	}
	if l.view != "" {
		v.Set("view", l.view)
	}
	return v
}

func (l *listing) limit() int {
	if l.q.Limit > 0 {
		return l.q.Limit
	}
	return 50
}

// filtered reports whether any filter is set.
func (l *listing) filtered() bool { return len(copied(l.q.Values(), "sort")) > 0 }

// asProblem gives the problem of an error, or nil.
func asProblem(err error) *problem.Error {
	p, _ := errors.AsType[*problem.Error](err)
	return p
}

// listPage is what the list shows.
type listPage struct {
	Page    ui.Page
	Bad     ui.Notice
	Views   ui.SavedViews
	Filters ui.FilterBar
	Table   ui.DataTable
}

func (o *opportunities) list(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("view") == "board" {
		http.Redirect(rw, r, address(boardPath, copied(r.URL.Query(), "view")), http.StatusSeeOther)
		return
	}
	l := readListing(r)
	ctx := r.Context()
	page, err := o.app.Workspace.List(ctx, l.q)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	n := page.Found
	filters, err := o.filters(ctx, listPath, &l)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	views, err := o.views(ctx, &l)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	pager, err := o.pager(ctx, &l, page, n)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	table := o.table(r, &l, page.Rows)
	table.Pager = pager
	table.Summary = ui.Text(countWords(n))
	filters.End = o.chooser(&l).html()
	p := listPage{Views: views, Filters: filters, Table: table, Bad: badNotice(l.bad)}
	p.Page = o.page(r, ui.Page{Title: "Opportunities", Nav: ui.AreaOpportunities, Lead: ui.Text(countWords(n)), Shortcuts: listShortcuts()})
	status := http.StatusOK
	if len(l.bad) > 0 {
		status = http.StatusUnprocessableEntity
	}
	o.render(rw, r, status, opportunitiesPage(p))
}

func listShortcuts() []ui.Shortcut {
	return []ui.Shortcut{
		{Keys: []string{"j"}, Does: "Next opportunity"},
		{Keys: []string{"k"}, Does: "Opportunity before"},
		{Keys: []string{"x"}, Does: "Select or leave it"},
		{Keys: []string{"Enter"}, Does: "Open it"},
		{Keys: []string{"/"}, Does: "Search in this list"},
	}
}

// countWords says how many there are; beyond what is counted, "more than".
func countWords(n int64) string {
	if n > countUpTo {
		return "More than " + ui.Count(countUpTo) + " opportunities"
	}
	return plural(n, "opportunity", "opportunities")
}

// badNotice says what of the address could not be used; empty if all could.
func badNotice(bad []problem.Field) ui.Notice {
	if len(bad) == 0 {
		return ui.Notice{}
	}
	texts := make([]string, 0, len(bad))
	for _, f := range bad {
		texts = append(texts, f.Field+": "+f.Message)
	}
	return ui.Notice{Tone: ui.ToneWarn, Title: "A part of this address could not be used; the list is shown without it", Text: strings.Join(texts, " · ")}
}

func (o *opportunities) table(r *http.Request, l *listing, rows []workspace.Row) ui.DataTable {
	t := ui.DataTable{ID: "opportunities", Caption: "Opportunities", NoChooser: true, Empty: emptyList(l)}
	shown := []listColumn{}
	for _, c := range listColumns() {
		if !slices.Contains(l.columns, c.key) {
			continue
		}
		col := ui.Column{Key: c.key, Label: c.label, End: c.end, Fixed: c.fixed, Grow: c.fixed}
		if c.sort != "" {
			v := copied(l.values(), "sort")
			next := string(c.sort)
			if l.q.Sort == c.sort {
				col.Sort = ui.SortAsc
				if l.q.Desc {
					col.Sort = ui.SortDesc
				} else {
					next = "-" + next
				}
			}
			v.Set("sort", next)
			col.SortHref = address(listPath, v)
		}
		t.Columns = append(t.Columns, col)
		shown = append(shown, c)
	}
	today := o.dayNow()
	for i := range rows {
		row := ui.Row{ID: rows[i].ID, Href: listPath + "/" + rows[i].ID, Name: rows[i].Name, Tone: rowTone(&rows[i])}
		for _, c := range shown {
			row.Cells = append(row.Cells, c.cell(&rows[i], today))
		}
		t.Rows = append(t.Rows, row)
	}
	joint := ui.Button{Label: "Joint or not…", Icon: ui.IconCloud, FormAction: listPath + "/bulk/joint", Blocked: whyBlocked(r, authz.ActionMarkJoint, whyNotMark)}
	t.Bulk = slices.Insert(actButtons(r), 1, joint)
	return t
}

// chooser offers all columns.
func (o *opportunities) chooser(l *listing) columnChooser {
	c := columnChooser{Action: listPath, Keep: keptParams(copied(l.values(), "col"))}
	for _, x := range listColumns() {
		c.Columns = append(c.Columns, ui.Column{Key: x.key, Label: x.label, Fixed: x.fixed, Hidden: !slices.Contains(l.columns, x.key)})
	}
	return c
}

// rowTone marks rows that need a person; the reason stands in the clouds' cell.
func rowTone(r *workspace.Row) ui.Tone {
	tone := ui.ToneNeutral
	for _, c := range r.Clouds {
		switch c.State {
		case registration.StateFailed, registration.StateActionRequired:
			return ui.ToneDanger
		case registration.StateBlocked:
			tone = ui.ToneWarn
		}
	}
	return tone
}

func emptyList(l *listing) ui.EmptyState {
	if l.q.After != "" {
		return ui.EmptyState{
			Icon: ui.IconDeal, Title: "There is nothing after this place", Text: "The list became shorter since you began to page.",
			Actions: []ui.Button{{Label: "Back to the first page", Href: address(listPath, l.values())}},
		}
	}
	if l.filtered() {
		return ui.EmptyState{
			Icon: ui.IconFilter, Title: "No opportunity meets all of these filters", Text: "Take a filter away by its cross, or begin again with the whole list.",
			Actions: []ui.Button{{Label: "Clear all filters", Href: listPath}},
		}
	}
	return ui.EmptyState{
		Icon: ui.IconDeal, Title: "No opportunities yet", Text: "Tandem mirrors the opportunities of Salesforce. They come with the first sync: connect Salesforce and start it under Connections.",
		Actions: []ui.Button{{Label: "Go to Connections", Href: "/connections"}},
	}
}

// pager makes the addresses around a page. The page before is found by reading
// backwards from where this one begins.
func (o *opportunities) pager(ctx context.Context, l *listing, page workspace.Page, n int64) (*ui.Pager, error) {
	p := &ui.Pager{To: len(page.Rows), Total: -1}
	base := l.values()
	if n <= countUpTo {
		p.Total = int(n)
	}
	known := l.q.After == "" || l.at > 0
	if known && len(page.Rows) > 0 {
		p.From, p.To = l.at+1, l.at+len(page.Rows)
	}
	for _, size := range []int{25, 50, 100, 200} {
		v := copied(base, "limit")
		if size != 50 {
			v.Set("limit", strconv.Itoa(size))
		}
		p.Sizes = append(p.Sizes, ui.Tab{Label: strconv.Itoa(size), Href: address(listPath, v), Active: size == l.limit()})
	}
	if page.Next != "" {
		v := copied(base)
		v.Set("after", page.Next)
		if known {
			v.Set("at", strconv.Itoa(l.at+len(page.Rows)))
		}
		p.NextHref = address(listPath, v)
	}
	if l.q.After == "" {
		return p, nil
	}
	p.FirstHref, p.PrevHref = address(listPath, base), address(listPath, base)
	back := l.q
	back.Desc, back.Limit = !back.Desc, l.limit()
	before, err := o.app.Workspace.List(ctx, back)
	if err != nil {
		return nil, err
	}
	// The last row read backwards is the one that the page before begins after.
	if before.Next != "" {
		v := copied(base)
		v.Set("after", before.Next)
		if l.at > l.limit() {
			v.Set("at", strconv.Itoa(l.at-l.limit()))
		}
		p.PrevHref = address(listPath, v)
	}
	return p, nil
}
