package ui

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// FilterKind says how a filter is edited.
type FilterKind string

// The kinds of filters.
const (
	FilterOne   FilterKind = "one"   // one of Options
	FilterMany  FilterKind = "many"  // any of Options: the name is sent once for each
	FilterText  FilterKind = "text"  // a text, in Value
	FilterRange FilterKind = "range" // from Value to Value2, sent as Name_from and Name_to
	FilterDays  FilterKind = "days"  // as FilterRange, with days
)

// Filter is one thing by which a list can be narrowed. It is a chip when On,
// else an entry of the "Filter" menu. Its editor is a plain GET form.
type Filter struct {
	// Name is the name of the query parameter.
	Name  string
	Label string
	Kind  FilterKind
	// On says that the filter is set; Shown is its value in words ("AWS, Azure").
	On      bool
	Shown   string
	Options []Option
	Value   string
	Value2  string
	// Unit stands beside the fields of a range: "USD".
	Unit string
	// RemoveHref is the list without this filter.
	RemoveHref string
}

// FilterBar is the line over a list: search, filter chips and what else can be
// done with the list.
type FilterBar struct {
	// ID is unique on the page.
	ID string
	// Action is the list's own address.
	Action string
	// Keep are the query parameters that every editor sends along: sort,
	// columns, view, and the values of the other filters. An editor leaves out
	// those of its own filter.
	Keep []Param
	// Search, if set, adds a search field whose parameter is "q".
	Search      bool
	SearchValue string
	// SearchHint is the placeholder: "Account, opportunity, id".
	SearchHint string
	Filters    []Filter
	// ClearHref is the list without any filter.
	ClearHref string
	// Actions stand at the end: export, board or list, and so on.
	Actions []Button
	// Menus stand after the actions.
	Menus []Menu
	// End stands last, such as DataTable.Chooser.
	End templ.Component
}

// Param is one query parameter.
type Param struct{ Name, Value string }

// Render writes the bar.
func (f FilterBar) Render(ctx context.Context, w io.Writer) error { return f.html().Render(ctx, w) }

func (f FilterBar) on() []Filter {
	var out []Filter
	for _, x := range f.Filters {
		if x.On {
			out = append(out, x)
		}
	}
	return out
}

func (f FilterBar) off() []Filter {
	var out []Filter
	for _, x := range f.Filters {
		if !x.On {
			out = append(out, x)
		}
	}
	return out
}

// keep gives the parameters that the editor of one field must send along.
func (f FilterBar) keep(name string) []Param {
	var out []Param
	for _, p := range f.Keep {
		if p.Name == name || p.Name == name+"_from" || p.Name == name+"_to" {
			continue
		}
		out = append(out, p)
	}
	return out
}

// SavedViews is the row of a list's views; each is an address to share.
type SavedViews struct {
	Items []Tab
	// SaveHref leads to "save this view"; empty where there is nothing to save.
	SaveHref string
	// Changed says that the filters differ from those of the active view.
	Changed bool
}

// Render writes the views.
func (s SavedViews) Render(ctx context.Context, w io.Writer) error { return s.html().Render(ctx, w) }
