package ui

import (
	"strings"

	"github.com/a-h/templ"
)

// Area is a place in the main navigation.
type Area string

// The areas, in the order of the sidebar.
const (
	AreaToday         Area = "today"
	AreaOpportunities Area = "opportunities"
	AreaRegistrations Area = "registrations"
	AreaApprovals     Area = "approvals"
	AreaCoverage      Area = "coverage"
	AreaAttention     Area = "attention"
	AreaConflicts     Area = "conflicts"
	AreaRoutes        Area = "routes"
	AreaTagging       Area = "tagging"
	AreaAutomation    Area = "automation"
	AreaInvitations   Area = "invitations"
	AreaConnections   Area = "connections"
	AreaJobs          Area = "jobs"
	AreaSettings      Area = "settings"
)

// NavItem is one entry of the main navigation. Go is the letter that leads
// there after g. Narrow says that it stands in the bottom bar of a phone (at
// most four).
type NavItem struct {
	Area   Area
	Label  string
	Href   string
	Icon   IconName
	Go     string
	Count  int
	Tone   Tone
	Narrow bool
	// Short is the label in the bottom bar; empty means Label.
	Short string
}

// short is the item as the bottom bar shows it.
func (i NavItem) short() NavItem {
	if i.Short != "" {
		i.Label = i.Short
	}
	return i
}

// DefaultNav is the navigation with the usual addresses. A page changes
// counts, or leaves out what the person may not see.
func DefaultNav() []NavItem {
	return []NavItem{
		{Area: AreaToday, Label: "Today", Href: "/", Icon: IconToday, Go: "t", Narrow: true},
		{Area: AreaOpportunities, Label: "Opportunities", Href: "/opportunities", Icon: IconDeal, Go: "o", Narrow: true, Short: "Deals"},
		{Area: AreaRegistrations, Label: "Registrations", Href: "/registrations", Icon: IconRegister, Go: "r", Narrow: true, Short: "Portals"},
		{Area: AreaApprovals, Label: "Approvals", Href: "/approvals", Icon: IconCheckCircle, Go: "a"},
		{Area: AreaCoverage, Label: "Coverage", Href: "/coverage", Icon: IconColumns, Go: "v"},
		{Area: AreaAttention, Label: "Needs attention", Href: "/attention", Icon: IconWarn, Go: "n"},
		{Area: AreaConflicts, Label: "Conflicts", Href: "/conflicts", Icon: IconDiffer, Go: "x"},
		{Area: AreaRoutes, Label: "Route conflicts", Href: "/routes", Icon: IconLink, Go: "u"},
		{Area: AreaTagging, Label: "Tagging", Href: "/tagging", Icon: IconTag, Go: "g"},
		{Area: AreaAutomation, Label: "Automation", Href: "/automation", Icon: IconBolt, Go: "u"},
		{Area: AreaInvitations, Label: "Invitations", Href: "/invitations", Icon: IconInbox, Go: "i"},
		{Area: AreaConnections, Label: "Connections", Href: "/connections", Icon: IconPlug, Go: "c"},
		{Area: AreaJobs, Label: "Jobs", Href: "/jobs", Icon: IconJobs, Go: "j", Narrow: true},
		{Area: AreaSettings, Label: "Settings", Href: "/settings", Icon: IconSettings, Go: "s"},
	}
}

// Person is who is signed in.
type Person struct {
	Name  string
	Email string
	// Role in words: "Senior ABDM".
	Role string
}

// Crumb is one step of the way to a page; the last step is the page itself and
// is not listed.
type Crumb struct{ Label, Href string }

// Flash is a message about the act that led to this page, shown as a toast.
type Flash struct {
	Tone Tone
	Text string
	// UndoPost, if set, is the address that takes the act back (POST).
	UndoPost string
}

// PaletteEntry is one line of the command palette.
type PaletteEntry struct {
	Label string
	Href  string
	// Group in words: "Go to", "Do", "Saved view".
	Group string
	Icon  IconName
	// Words are further words by which it is found.
	Words string
	// Keys that do the same: {"g", "o"}.
	Keys []string
}

// Shortcut is one line of the page's own part of the ? dialog.
type Shortcut struct {
	Keys []string
	Does string
}

// Page is everything around the content of a page.
type Page struct {
	// Title is the heading and the window's title.
	Title string
	// Nav is the area that is shown as active.
	Nav Area
	// Items are the entries of the sidebar; nil means DefaultNav.
	Items  []NavItem
	Person Person
	Crumbs []Crumb
	// Lead stands under the title: one quiet sentence, or badges.
	Lead templ.Component
	// Actions stand at the end of the header; the first primary one is the
	// page's main act.
	Actions []Button
	// Tabs stand under the header.
	Tabs    *Tabs
	Flashes []Flash
	Palette []PaletteEntry
	// PaletteSearch answers GET ?q= with JSON [{"label","href","detail","group"}].
	PaletteSearch string
	// SearchHref is the search page, for those without JavaScript.
	SearchHref string
	Shortcuts  []Shortcut
	Version    string
	// Environment warns what kind of data this is ("Demo data"); empty in
	// production.
	Environment string
	// HideTitle leaves the heading to the content (RecordHeader has its own).
	HideTitle bool
}

func (p Page) items() []NavItem {
	if p.Items == nil {
		return DefaultNav()
	}
	return p.Items
}

func (p Page) narrow() []NavItem {
	var out []NavItem
	for _, i := range p.items() {
		if i.Narrow && len(out) < 4 {
			out = append(out, i)
		}
	}
	return out
}

// palette is the page's own entries after the areas.
func (p Page) palette() []PaletteEntry {
	out := make([]PaletteEntry, 0, len(p.Palette)+len(p.items()))
	for _, i := range p.items() {
		e := PaletteEntry{Label: i.Label, Href: i.Href, Group: "Go to", Icon: i.Icon}
		if i.Go != "" {
			e.Keys = []string{"g", i.Go}
		}
		out = append(out, e)
	}
	return append(out, p.Palette...)
}

func (p Page) windowTitle() string {
	if p.Title == "" {
		return "Tandem"
	}
	return p.Title + " · Tandem"
}

func (p Page) searchHref() string {
	if p.SearchHref == "" {
		return "/search"
	}
	return p.SearchHref
}

func (e PaletteEntry) text() string {
	return strings.Join([]string{e.Label, e.Words, e.Group}, " ")
}
