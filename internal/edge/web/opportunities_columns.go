package web

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/money"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// listColumn is one column of the list: how a page shows it, and what an export
// writes for it.
type listColumn struct {
	key, label string
	sort       workspace.Sort
	end        bool
	fixed      bool // always shown
	usual      bool // shown unless the address names the columns
	cell       func(r *workspace.Row, today date.Date) templ.Component
	heads      []string
	export     func(r *workspace.Row) []any // as many as heads: string, money.Amount, date.Date or time.Time
}

func textColumn(key, label string, sort workspace.Sort, usual bool, of func(r *workspace.Row) string) listColumn {
	return listColumn{
		key: key, label: label, sort: sort, usual: usual, heads: []string{label},
		cell:   func(r *workspace.Row, _ date.Date) templ.Component { return textOr(of(r)) },
		export: func(r *workspace.Row) []any { return []any{of(r)} },
	}
}

// listColumns lists the columns in the order in which they are shown.
func listColumns() []listColumn {
	return []listColumn{
		{
			key: "name", label: "Opportunity", sort: workspace.SortName, fixed: true, usual: true, heads: []string{"Opportunity", "Account"},
			cell:   func(r *workspace.Row, _ date.Date) templ.Component { return ui.Two(r.Name, r.AccountName) },
			export: func(r *workspace.Row) []any { return []any{r.Name, r.AccountName} },
		},
		{
			key: "clouds", label: "Clouds", usual: true, heads: []string{"Clouds"},
			cell:   func(r *workspace.Row, _ date.Date) templ.Component { return cloudCell(cloudBadges(r.Clouds)) },
			export: func(r *workspace.Row) []any { return []any{cloudText(r.Clouds)} },
		},
		textColumn("stage", "Stage", workspace.SortStage, true, func(r *workspace.Row) string { return r.Stage }),
		{
			key: "amount", label: "Amount", sort: workspace.SortAmount, end: true, usual: true, heads: []string{"Amount", "Currency"},
			cell:   func(r *workspace.Row, _ date.Date) templ.Component { return amountOf(r.Amount(), true) },
			export: func(r *workspace.Row) []any { return []any{r.Amount(), r.Amount().Currency} },
		},
		{
			key: "close_on", label: "Closes", sort: workspace.SortClose, usual: true, heads: []string{"Close date"},
			cell: func(r *workspace.Row, today date.Date) templ.Component {
				return closeCell(r.CloseOn, daysLate(r.Closed, r.CloseOn, today))
			},
			export: func(r *workspace.Row) []any { return []any{r.CloseOn} },
		},
		{
			key: "owner", label: "Owner", sort: workspace.SortOwner, usual: true, heads: []string{"Owner"},
			cell:   func(r *workspace.Row, _ date.Date) templ.Component { return ui.PersonName(r.OwnerName) },
			export: func(r *workspace.Row) []any { return []any{r.OwnerName} },
		},
		textColumn("region", "Region", "", false, func(r *workspace.Row) string { return r.Region }),
		textColumn("geo", "Geo", "", false, func(r *workspace.Row) string { return r.Geo }),
		textColumn("segment", "Segment", "", false, func(r *workspace.Row) string { return r.Segment }),
		textColumn("order_type", "Order type", "", false, func(r *workspace.Row) string { return r.OrderType }),
		{
			key: "account", label: "Account", sort: workspace.SortAccount, heads: []string{"Account name"},
			cell: func(r *workspace.Row, _ date.Date) templ.Component {
				return accountCell(r.AccountID, r.AccountName)
			},
			export: func(r *workspace.Row) []any { return []any{r.AccountName} },
		},
		{
			key: "updated", label: "Updated", sort: workspace.SortUpdated, heads: []string{"Updated (UTC)"},
			cell: func(r *workspace.Row, _ date.Date) templ.Component {
				return ui.Time{At: r.CRMModstamp, Style: ui.TimeAgo}
			},
			export: func(r *workspace.Row) []any { return []any{r.CRMModstamp} },
		},
		textColumn("crm_id", "Salesforce id", "", false, func(r *workspace.Row) string { return r.CRMID }),
	}
}

func defaultColumns() []string {
	var out []string
	for _, c := range listColumns() {
		if c.usual {
			out = append(out, c.key)
		}
	}
	return out
}

func cloudText(list []workspace.RowCloud) string {
	words := make([]string, 0, len(list))
	for _, b := range cloudBadges(list) {
		words = append(words, b.Text)
	}
	return strings.Join(words, "; ")
}

// unformula makes a text safe to open in a spreadsheet: what would begin a
// formula gets an apostrophe before it.
func unformula(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

// cellText writes an exported value as text.
func cellText(v any) string {
	switch v := v.(type) {
	case string:
		return unformula(v)
	case money.Amount:
		if v.IsNone() {
			return ""
		}
		return v.Decimal()
	case date.Date:
		return string(v)
	case time.Time:
		if v.IsZero() {
			return ""
		}
		return v.UTC().Format("2006-01-02 15:04:05")
	}
	return ""
}
