// Package fiscal turns days into fiscal years, quarters and months. The
// default year starts on 1 February and carries the number of the calendar
// year in which it ends (FY27 is 2026-02-01 to 2027-01-31;
// research/salesforce-gitlab.md §2.5).
package fiscal

import (
	"fmt"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
)

// Calendar is a fiscal year that starts on the first of StartMonth.
type Calendar struct {
	StartMonth time.Month
}

// Default is the calendar used until the team sets another.
var Default = Calendar{StartMonth: time.February}

// Period is a fiscal year and quarter (1 to 4), with its first and last day.
type Period struct {
	Year    int
	Quarter int
	From    date.Date
	To      date.Date
}

// String writes "FY27-Q1".
func (p Period) String() string { return fmt.Sprintf("FY%02d-Q%d", p.Year%100, p.Quarter) }

// Quarter gives the fiscal quarter that holds the day; the zero Period for no day.
func (c Calendar) Quarter(d date.Date) Period {
	if d.IsZero() {
		return Period{}
	}
	t := d.Time()
	offset := (int(t.Month()) - int(c.StartMonth) + 12) % 12
	q := offset / 3
	first := time.Date(t.Year(), t.Month()-time.Month(offset%3), 1, 0, 0, 0, 0, time.UTC)
	start := first.AddDate(0, -3*q, 0)
	year := start.Year()
	if c.StartMonth != time.January {
		year++
	}
	return Period{Year: year, Quarter: q + 1, From: date.Of(first), To: date.Of(first.AddDate(0, 3, -1))}
}
