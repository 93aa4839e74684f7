package ui

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/a-h/templ"
)

// Variant says how loudly a button speaks. A page has one primary button.
type Variant string

// The variants. The zero value is secondary.
const (
	VariantSecondary Variant = "secondary"
	VariantPrimary   Variant = "primary"
	VariantGhost     Variant = "ghost"
	VariantDanger    Variant = "danger"
)

// Button is a link when Href is set, else a button.
type Button struct {
	Label   string
	Icon    IconName
	Variant Variant
	Small   bool
	// IconOnly hides the label from sight but not from screen readers.
	IconOnly bool
	Href     string
	// Type is "submit" or "button"; empty means submit.
	Type string
	// Name and Value are sent with the form when this button sends it.
	Name, Value string
	// FormAction sends the form to another address (POST stays POST).
	FormAction string
	// Blocked, if set, says in the person's words why the act is not possible
	// now; the button is shown but does nothing except tell the reason.
	Blocked string
	// Opens is the id of a Popover that the button opens.
	Opens string
	// OpensDialog is the id of a dialog that the button opens; with Href the
	// link is the way without JavaScript.
	OpensDialog string
	// Key is a single key that presses the button ("e"); shown in its title.
	Key string
	// Attrs are further attributes, such as hx-post. No style, no on….
	Attrs templ.Attributes
}

// Render writes the button.
func (b Button) Render(ctx context.Context, w io.Writer) error { return b.html().Render(ctx, w) }

func (b Button) class() string {
	c := "btn btn-" + string(b.Variant)
	if b.Variant == "" {
		c = "btn btn-secondary"
	}
	if b.Small {
		c += " btn-small"
	}
	if b.IconOnly {
		c += " btn-icon"
	}
	return c
}

func (b Button) title() string {
	switch {
	case b.Blocked != "":
		return b.Blocked
	case b.IconOnly && b.Key != "":
		return b.Label + " (" + b.Key + ")"
	case b.IconOnly:
		return b.Label
	case b.Key != "":
		return "Key: " + b.Key
	}
	return ""
}

func (b Button) typ() string {
	if b.Blocked != "" || b.Opens != "" || (b.OpensDialog != "" && b.Href == "") {
		return "button"
	}
	if b.Type == "" {
		return "submit"
	}
	return b.Type
}

func (b Button) attrs() templ.Attributes {
	a := templ.Attributes{}
	for k, v := range b.Attrs {
		a[k] = v
	}
	set := func(k, v string) {
		if v != "" {
			a[k] = v
		}
	}
	set("title", b.title())
	set("data-key", b.Key)
	set("data-dialog-open", b.OpensDialog)
	if b.Opens != "" {
		a["popovertarget"] = b.Opens
		a["aria-expanded"] = "false"
		a["aria-haspopup"] = "true"
	}
	if b.Href == "" && b.Blocked == "" {
		set("name", b.Name)
		set("value", b.Value)
		set("formaction", b.FormAction)
	}
	if b.Blocked != "" {
		a["aria-disabled"] = "true"
	}
	return a
}

// Badge is a state in one or two words with an icon.
type Badge struct {
	Tone Tone
	Text string
	// Icon replaces the tone's own sign.
	Icon IconName
	// Title explains the state on hover; say nothing here that is nowhere else.
	Title string
}

// Render writes the badge.
func (b Badge) Render(ctx context.Context, w io.Writer) error { return b.html().Render(ctx, w) }

func (b Badge) sign() IconName {
	if b.Icon != "" {
		return b.Icon
	}
	return b.Tone.icon()
}

// CloudBadge names a cloud in words with Tandem's own neutral sign. Cloud is
// "aws", "azure" or "gcp"; anything else is shown as it is.
type CloudBadge struct {
	Cloud string
	// Detail stands after the name, such as the state of the registration.
	Detail string
}

// Render writes the badge.
func (b CloudBadge) Render(ctx context.Context, w io.Writer) error { return b.html().Render(ctx, w) }

// CloudName gives the words for a cloud: "AWS", "Azure", "Google Cloud".
func CloudName(cloud string) string {
	switch cloud {
	case "aws":
		return "AWS"
	case "azure":
		return "Azure"
	case "gcp":
		return "Google Cloud"
	}
	return cloud
}

// Avatar shows a person's initials; the name is read out unless Decorative,
// which is right where the name stands beside it.
type Avatar struct {
	Name       string
	Decorative bool
	Large      bool
}

// Render writes the avatar.
func (a Avatar) Render(ctx context.Context, w io.Writer) error { return a.html().Render(ctx, w) }

// initials are the first letters of the first and the last word.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '\'' })
	if len(words) == 0 {
		return "?"
	}
	first := []rune(words[0])[:1]
	if len(words) == 1 {
		return strings.ToUpper(string(first))
	}
	return strings.ToUpper(string(first) + string([]rune(words[len(words)-1])[:1]))
}

// hueOf spreads names over six quiet colours, always the same for a name.
func hueOf(name string) string {
	sum := 0
	for _, r := range name {
		sum = (sum*31 + int(r)) % 6007
	}
	return strconv.Itoa(sum % 6)
}

// Money is an amount with its currency. Number is a plain decimal with a dot
// ("120000.50"), as exact as it is stored; Currency is the ISO 4217 code. The
// browser shows it in the reader's own form, always with the code. An empty
// Number shows as "not set".
type Money struct {
	Number   string
	Currency string
	// Whole leaves the minor units out of sight (for tables and sums).
	Whole bool
}

// Render writes the amount.
func (m Money) Render(ctx context.Context, w io.Writer) error { return m.html().Render(ctx, w) }

func (m Money) digits() string {
	if m.Whole {
		return "0"
	}
	return ""
}

// text is the form without JavaScript: "USD 120,000.50".
func (m Money) text() string {
	sign := ""
	number := m.Number
	if strings.HasPrefix(number, "-") {
		sign, number = "-", number[1:]
	}
	whole, fraction, _ := strings.Cut(number, ".")
	if m.Whole || fraction == "" {
		return m.Currency + "\u00a0" + sign + group(whole)
	}
	return m.Currency + "\u00a0" + sign + group(whole) + "." + fraction
}

func group(digits string) string {
	var b strings.Builder
	for i, r := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Count writes a whole number with thousands separated.
func Count(n int64) string {
	if n < 0 {
		return "-" + group(strconv.FormatInt(-n, 10))
	}
	return group(strconv.FormatInt(n, 10))
}

// TimeStyle says how much of an instant is shown.
type TimeStyle string

// The styles. The zero value shows day and time of day.
const (
	TimeFull  TimeStyle = "full"
	TimeAgo   TimeStyle = "ago"   // "3 hours ago", "in 2 days"; the instant on hover
	TimeClock TimeStyle = "clock" // the time of day, for places that name the day
	TimeDay   TimeStyle = "day"   // a calendar day, never moved by a zone
)

// Time is an instant, shown in the reader's locale and zone where JavaScript
// runs and in UTC, saying so, where not. A zero At shows as "not set".
type Time struct {
	At    time.Time
	Style TimeStyle
}

// Render writes the time element.
func (t Time) Render(ctx context.Context, w io.Writer) error { return t.html().Render(ctx, w) }

func (t Time) style() string {
	if t.Style == "" {
		return string(TimeFull)
	}
	return string(t.Style)
}

func (t Time) machine() string {
	if t.Style == TimeDay {
		return t.At.Format("2006-01-02")
	}
	return t.At.UTC().Format(time.RFC3339)
}

func (t Time) text() string {
	switch t.Style {
	case TimeDay:
		return t.At.Format("2 Jan 2006")
	case TimeClock:
		return t.At.UTC().Format("15:04 UTC")
	}
	return t.At.UTC().Format("2 Jan 2006, 15:04 UTC")
}

// KeyHint shows keys to press: Keys{"Ctrl", "K"}.
type KeyHint struct{ Keys []string }

// Render writes the keys.
func (k KeyHint) Render(ctx context.Context, w io.Writer) error { return k.html().Render(ctx, w) }

// Copy is a short text that one click copies, such as a remote id.
type Copy struct {
	Text string
	// What names the thing for screen readers: "AWS opportunity id".
	What string
	// Long shows all of a text that may take several lines.
	Long bool
}

// Render writes the text and its button.
func (c Copy) Render(ctx context.Context, w io.Writer) error { return c.html().Render(ctx, w) }

// Tab is one of a row of pages of the same thing. Count below zero is hidden.
type Tab struct {
	Label  string
	Href   string
	Active bool
	Count  int
	Icon   IconName
}

// Tabs is a row of links between pages of the same thing.
type Tabs struct {
	// Label names the row for screen readers.
	Label string
	Items []Tab
}

// Render writes the tabs.
func (t Tabs) Render(ctx context.Context, w io.Writer) error { return t.html().Render(ctx, w) }

// EmptyState teaches what would stand here and what to do about it.
type EmptyState struct {
	Icon    IconName
	Title   string
	Text    string
	Actions []Button
}

// Render writes the empty state.
func (e EmptyState) Render(ctx context.Context, w io.Writer) error { return e.html().Render(ctx, w) }

// MenuItem is a link, or with Post a button that posts to that address.
type MenuItem struct {
	Label  string
	Icon   IconName
	Href   string
	Post   string
	Danger bool
	Key    string
	// Divider draws a line above.
	Divider bool
}

// Menu is a button that opens a list of links and acts.
type Menu struct {
	// ID is unique on the page.
	ID     string
	Button Button
	Items  []MenuItem
}

// Render writes the button and its menu.
func (m Menu) Render(ctx context.Context, w io.Writer) error { return m.html().Render(ctx, w) }

// Notice is a lasting message within a page.
type Notice struct {
	Tone    Tone
	Title   string
	Text    string
	Actions []Button
}

// Render writes the notice.
func (n Notice) Render(ctx context.Context, w io.Writer) error { return n.html().Render(ctx, w) }

// SectionHead heads a Section.
type SectionHead struct {
	// ID is unique on the page and may be linked to.
	ID    string
	Title string
	// Note stands small beside the title, such as a count or an as-of time.
	Note templ.Component
	// Actions stand at the end of the line.
	Actions []Button
	// Flush leaves out the inner padding, for tables and lists.
	Flush bool
}
