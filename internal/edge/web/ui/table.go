package ui

import (
	"context"
	"io"
	"strconv"

	"github.com/a-h/templ"
)

// Sort is the direction in which a column is sorted now.
type Sort string

// The directions. The zero value is "not sorted by this column".
const (
	SortNone Sort = ""
	SortAsc  Sort = "ascending"
	SortDesc Sort = "descending"
)

// Column is one column of a DataTable.
type Column struct {
	// Key is the column's name in the address (parameter "col").
	Key   string
	Label string
	// SortHref is the list sorted by this column (the other way round if it is
	// so already); empty where the column cannot be sorted.
	SortHref string
	Sort     Sort
	// End aligns to the end: money and numbers.
	End bool
	// Hidden leaves the column out until it is chosen.
	Hidden bool
	// Fixed columns cannot be hidden.
	Fixed bool
	// Grow gives the column the room that is left.
	Grow bool
	// Wrap breaks long texts into lines: names, sentences.
	Wrap bool
}

// Row is one record. Cells are in the order of the columns; the first cell is
// the name of the row and becomes the link when Href is set.
type Row struct {
	ID   string
	Href string
	// Name is read out with the checkbox: "Select Nordwind renewal".
	Name  string
	Cells []templ.Component
	// Tone marks rows that need somebody; the reason stands in a cell.
	Tone     Tone
	Selected bool
}

// DataTable is a list of records. Selection works as a plain POST form: the
// checked ids are sent as "id" to the address of the pressed bulk button.
type DataTable struct {
	// ID is unique on the page and stable (the columns chosen are kept by it).
	ID string
	// Caption says what is listed, for screen readers.
	Caption string
	Columns []Column
	Rows    []Row
	// Bulk are the acts on selected rows (with FormAction); none, no checkboxes.
	Bulk []Button
	// Empty is shown instead of the table when there are no rows.
	Empty EmptyState
	Pager *Pager
	// ChooseAction is the list's own address; set, it adds the column chooser,
	// a GET form that sends "col" once for each column, with Keep.
	ChooseAction string
	Keep         []Param
	// NoChooser leaves the chooser out here, because the page puts Chooser into
	// FilterBar.End.
	NoChooser bool
	// Summary stands in the foot: "1,204 opportunities, USD 84,200,000".
	Summary templ.Component
}

// Render writes the table.
func (t DataTable) Render(ctx context.Context, w io.Writer) error { return t.html().Render(ctx, w) }

// Chooser is the column chooser on its own.
func (t DataTable) Chooser() templ.Component { return t.chooser() }

func (t DataTable) selectable() bool { return len(t.Bulk) > 0 && len(t.Rows) > 0 }

func (t DataTable) label(i int) string {
	if i < len(t.Columns) {
		return t.Columns[i].Label
	}
	return ""
}

func (t DataTable) column(i int) Column {
	if i < len(t.Columns) {
		return t.Columns[i]
	}
	return Column{}
}

func (c Column) sortWords() string {
	switch c.Sort {
	case SortAsc:
		return "sorted up; sort down"
	case SortDesc:
		return "sorted down; sort up"
	}
	return "sort"
}

// Pager leads through a list by keys, not by page numbers: an empty address
// means that there is no such page.
type Pager struct {
	FirstHref, PrevHref, NextHref string
	// From and To count the rows shown; Total below zero is not known.
	From, To, Total int
	// Sizes are the choices of rows for a page, as links; may be nil.
	Sizes []Tab
}

// Render writes the pager.
func (p Pager) Render(ctx context.Context, w io.Writer) error { return p.html().Render(ctx, w) }

func (p Pager) words() string {
	if p.To == 0 {
		return "Nothing"
	}
	s := ""
	if p.From > 0 {
		s = Count(int64(p.From)) + "–" + Count(int64(p.To))
	} else {
		s = strconv.Itoa(p.To) + " shown"
	}
	if p.Total >= 0 && p.From > 0 {
		s += " of " + Count(int64(p.Total))
	}
	return s
}

// withForm ties a button to a form that stands elsewhere on the page.
func withForm(attrs templ.Attributes, form string) templ.Attributes {
	a := templ.Attributes{"form": form}
	for k, v := range attrs {
		a[k] = v
	}
	return a
}
