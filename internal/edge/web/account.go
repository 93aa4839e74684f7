package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// accountDeals is how many opportunities the page of an account shows at most.
const accountDeals = 200

// companyPage is what the page of an account shows.
type companyPage struct {
	Page   ui.Page
	Header ui.RecordHeader
	Facts  []ui.Fact
	Deals  ui.DataTable
	Note   templ.Component

	Timeline timelinePart
}

func (w *Web) accountPage(rw http.ResponseWriter, r *http.Request) {
	a, err := w.app.Accounts.Current(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if a.ID != r.PathValue("id") { // it was merged into this one
		http.Redirect(rw, r, "/accounts/"+a.ID, http.StatusSeeOther)
		return
	}
	rows, all, err := w.dealsOf(r.Context(), &a)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := companyPage{Header: ui.RecordHeader{Kind: "Account", Title: a.Name}, Note: dealsNote(len(rows), all)}
	if a.Type != "" {
		p.Header.State = ui.Badge{Text: a.Type}
	}
	if a.Deleted {
		p.Header.State = ui.Badge{Tone: ui.ToneDanger, Text: "Deleted in Salesforce"}
	}
	p.Header.Facts = []ui.Fact{
		{Label: "Website", Value: websiteCell(a.Website)},
		{Label: "Country", Value: textOr(a.Country)},
		{Label: "Segment", Value: textOr(a.Segment)},
		{Label: "Owner", Value: ui.PersonName(a.OwnerName)},
		{Label: "Salesforce id", Value: ui.Copy{Text: a.CRMID, What: "the Salesforce id"}},
	}
	if href := w.crmLink(a.CRMID); href != "" {
		p.Header.Actions = []ui.Button{{Label: "Open in Salesforce", Icon: ui.IconExternal, Href: href}}
	}
	add := func(label, value string) {
		if value != "" {
			p.Facts = append(p.Facts, ui.Fact{Label: label, Value: ui.Text(value)})
		}
	}
	add("Industry", a.Industry)
	add("Address", joined(", ", a.Street, a.City, joined(" ", a.State, a.PostalCode), a.Country))
	add("Phone", a.Phone)
	add("Domains", a.Domains)
	add("D-U-N-S number", a.DUNS)
	add("AWS account", a.AWSAccountID)
	add("Geo and region", joined(" · ", a.Geo, a.Region, a.Territory))
	if a.Employees != nil {
		add("Employees", ui.Count(*a.Employees))
	}
	p.Facts = append(p.Facts, ui.Fact{Label: "Changed in Salesforce", Value: ui.Time{At: a.CRMModstamp, Style: ui.TimeAgo}})
	if p.Timeline, err = w.timelineOf(r, activity.Query{AccountID: a.ID}, "/accounts/"+a.ID); err != nil {
		w.fail(rw, r, err)
		return
	}
	p.Deals = w.accountTable(rows)
	p.Page = w.page(r, ui.Page{Title: a.Name, HideTitle: true, Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: listPath}}})
	w.render(rw, r, http.StatusOK, companyView(p))
}

func (w *Web) accountTable(rows []workspace.Row) ui.DataTable {
	t := ui.DataTable{
		ID: "account-opportunities", Caption: "Opportunities of the account",
		Empty: ui.EmptyState{Icon: ui.IconDeal, Title: "No opportunities", Text: "Salesforce lists none for this account."},
	}
	var shown []listColumn
	for _, c := range listColumns() {
		if c.usual && c.key != "owner" { // there is no room for it beside the facts
			t.Columns = append(t.Columns, ui.Column{Key: c.key, Label: c.label, End: c.end, Grow: c.fixed})
			shown = append(shown, c)
		}
	}
	for i := range rows {
		row := ui.Row{ID: rows[i].ID, Name: rows[i].Name, Href: dealPath(rows[i].ID, ""), Tone: rowTone(&rows[i])}
		for _, c := range shown {
			if c.key == "name" {
				row.Cells = append(row.Cells, ui.Text(rows[i].Name))
				continue
			}
			row.Cells = append(row.Cells, c.cell(&rows[i], w.dayNow()))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// dealsOf gives the opportunities of an account, the last to close first, and the
// address of the list of all of them.
func (w *Web) dealsOf(ctx context.Context, a *account.Account) ([]workspace.Row, string, error) {
	q := workspace.Query{Accounts: []string{a.ID}, Sort: workspace.SortClose, Desc: true, Limit: accountDeals}
	page, err := w.app.Workspace.List(ctx, q)
	return page.Rows, address(listPath, q.Values()), err
}

func dealsCounted(n int) string {
	if n == accountDeals {
		return "all deals"
	}
	return counted(n, "deal")
}

// website gives the address of a site if it is one that may be linked to.
func website(s string) string {
	lower := strings.ToLower(strings.TrimSpace(s))
	switch {
	case strings.HasPrefix(lower, "https://") || strings.HasPrefix(lower, "http://"):
		return strings.TrimSpace(s)
	case lower != "" && !strings.Contains(lower, ":") && strings.Contains(lower, "."):
		return "https://" + strings.TrimSpace(s)
	}
	return ""
}
