package ui

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// StatCard is one figure. Value says it; Note says what it is measured against;
// Href opens it down to its records.
type StatCard struct {
	Label string
	Value templ.Component
	Note  string
	Tone  Tone
	// Truth is "preliminary", "final" or "restated"; empty leaves it out.
	Truth string
	AsOf  time.Time
	Href  string
	Meter *Meter
}

// Render writes the card.
func (s StatCard) Render(ctx context.Context, w io.Writer) error { return s.html().Render(ctx, w) }

// Meter shows how much of a limit is used. Limit zero or less means that the
// limit is not known: only the number is shown.
type Meter struct {
	Label string
	Used  int64
	Limit int64
	// Unit in words: "calls today".
	Unit string
	// WarnAt and DangerAt are shares of the limit (0.8 and 0.95 if zero).
	WarnAt, DangerAt float64
	// ResetsAt, if set, is when the limit fills again.
	ResetsAt time.Time
}

// Render writes the meter.
func (m Meter) Render(ctx context.Context, w io.Writer) error { return m.html().Render(ctx, w) }

func (m Meter) share() float64 {
	if m.Limit <= 0 || m.Used <= 0 {
		return 0
	}
	return min(float64(m.Used)/float64(m.Limit), 1)
}

func (m Meter) width() string { return strconv.FormatFloat(m.share()*100, 'f', 1, 64) }

func (m Meter) words() string {
	s := Count(m.Used)
	if m.Limit > 0 {
		s += " of " + Count(m.Limit)
	}
	if m.Unit != "" {
		s += " " + m.Unit
	}
	return s
}

func (m Meter) tone() Tone {
	warn, danger := m.WarnAt, m.DangerAt
	if warn == 0 {
		warn = 0.8
	}
	if danger == 0 {
		danger = 0.95
	}
	switch {
	case m.Limit <= 0:
		return ToneNeutral
	case m.share() >= danger:
		return ToneDanger
	case m.share() >= warn:
		return ToneWarn
	}
	return ToneInfo
}

// HealthRow is one connection to an outside system.
type HealthRow struct {
	Name string
	Href string
	// Cloud, if it is one of the three.
	Cloud string
	// State in words with its tone: {ToneSuccess, "Working"}.
	State Badge
	// Note says what is wrong and what to do, or what the system said.
	Note string
	// LastOK is when it last answered; NextTry when it is tried again.
	LastOK  time.Time
	NextTry time.Time
	Meters  []Meter
	Actions []Button
}

// Render writes the row.
func (h HealthRow) Render(ctx context.Context, w io.Writer) error { return h.html().Render(ctx, w) }

// ProgressBar is how far long work is. Live, if set, is the address of a stream
// of server-sent events: "progress" with JSON {"value","max","text"} and at the
// end "done" with {"text","tone","href"}. Without JavaScript it shows the value
// at the time the page was made, and a link to look again.
type ProgressBar struct {
	Label string
	Value int64
	Max   int64 // zero or less: not known how much there is
	Text  string
	Live  string
	// Again is the page's own address, for those without JavaScript.
	Again string
}

// Render writes the bar.
func (p ProgressBar) Render(ctx context.Context, w io.Writer) error { return p.html().Render(ctx, w) }

func (p ProgressBar) percent() string {
	if p.Max <= 0 {
		return ""
	}
	return strconv.FormatInt(100*p.Value/p.Max, 10) + "%"
}

// WorkItem is one line of Today: what needs the person, why, by when, and the
// one act that does it.
type WorkItem struct {
	ID   string
	Tone Tone
	// Title is the record; Why is the reason in the person's words.
	Title  string
	Href   string
	Why    string
	Due    time.Time
	Amount Money
	Cloud  string
	Act    Button
	// Other is a second act beside it, where the one decides and this one says no;
	// without a label it is left out.
	Other Button
	// More says how many of its kind are not shown: a line under the last one that is.
	More WorkMore
}

// WorkMore leads to the rest of a kind; without a text there is none.
type WorkMore struct {
	Text string
	Href string
}

// WorkList is a titled part of Today, the most urgent first as given.
type WorkList struct {
	ID    string
	Title string
	Items []WorkItem
	Total int // with those that are not shown; 0 is as many as Items
	Empty EmptyState
}

func (l WorkList) total() int64 { return int64(max(l.Total, len(l.Items))) }

// Render writes the list.
func (l WorkList) Render(ctx context.Context, w io.Writer) error { return l.html().Render(ctx, w) }
