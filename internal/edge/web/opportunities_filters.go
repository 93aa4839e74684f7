package web

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// filters makes the bar over the list or the board.
func (o *opportunities) filters(ctx context.Context, path string, l *listing) (ui.FilterBar, error) {
	c, err := o.filterChoices(ctx)
	if err != nil {
		return ui.FilterBar{}, err
	}
	v := l.values()
	bar := ui.FilterBar{ID: "f", Action: path, Search: true, SearchValue: l.q.Text, SearchHint: "Opportunity or account", Keep: keptParams(v)}
	if l.filtered() {
		clear := url.Values{}
		for _, name := range []string{"col", "limit", "sort"} {
			if len(v[name]) > 0 {
				clear[name] = v[name]
			}
		}
		bar.ClearHref = address(path, clear)
	}
	many := func(name, label string, options []ui.Option) {
		f := ui.Filter{Name: name, Label: label, Kind: ui.FilterMany, Options: options, RemoveHref: address(path, copied(v, name))}
		var shown []string
		for i := range options {
			if slices.Contains(v[name], options[i].Value) {
				f.Options[i].Selected = true
				shown = append(shown, options[i].Label)
			}
		}
		// A value that does not occur (any more) can still be in the address.
		for _, s := range v[name] {
			if !slices.ContainsFunc(options, func(x ui.Option) bool { return x.Value == s }) {
				f.Options = append(f.Options, ui.Option{Value: s, Label: s, Selected: true})
				shown = append(shown, s)
			}
		}
		if len(shown) > 3 {
			shown = append(shown[:2], fmt.Sprintf("%d more", len(shown)-2))
		}
		f.On, f.Shown = len(shown) > 0, strings.Join(shown, ", ")
		bar.Filters = append(bar.Filters, f)
	}
	many("cloud", "Joint with", cloudOptions())
	many("state", "Registration", append([]ui.Option{{Value: string(workspace.StateNone), Label: "Not registered"}}, stateOptions()...))
	if len(l.q.Accounts) > 0 { // no list to choose from: the page of an account leads here
		many("account", "Account", o.accountOptions(ctx, l.q.Accounts))
	}
	one := ui.Filter{Name: "open", Label: "Open or closed", Kind: ui.FilterOne, On: l.q.Open != "", RemoveHref: address(path, copied(v, "open"))}
	for _, x := range []ui.Option{{Value: "open", Label: "Open"}, {Value: "closed", Label: "Closed"}, {Value: "won", Label: "Closed won"}} {
		if x.Selected = x.Value == l.q.Open; x.Selected {
			one.Shown = x.Label
		}
		one.Options = append(one.Options, x)
	}
	bar.Filters = append(bar.Filters, one)
	many("stage", "Stage", sameOptions(c.Stages))
	days := ui.Filter{Name: "close", Label: "Close date", Kind: ui.FilterDays, Value: string(l.q.CloseFrom), Value2: string(l.q.CloseTo), RemoveHref: address(path, copied(v, "close_from", "close_to"))}
	switch {
	case !l.q.CloseFrom.IsZero() && !l.q.CloseTo.IsZero():
		days.On, days.Shown = true, days.Value+" to "+days.Value2
	case !l.q.CloseFrom.IsZero():
		days.On, days.Shown = true, "from "+days.Value
	case !l.q.CloseTo.IsZero():
		days.On, days.Shown = true, "until "+days.Value2
	}
	bar.Filters = append(bar.Filters, days)
	owners := make([]ui.Option, 0, len(c.Owners))
	for _, x := range c.Owners {
		owners = append(owners, ui.Option{Value: x.Value, Label: x.Label})
	}
	many("owner", "Owner", owners)
	many("geo", "Geo", sameOptions(c.Geos))
	many("region", "Region", sameOptions(c.Regions))
	many("segment", "Segment", sameOptions(c.Segments))
	many("order_type", "Order type", sameOptions(c.Orders))
	flat := copied(v, "view", "limit")
	bar.Actions = []ui.Button{
		{Label: "List", Icon: ui.IconList, IconOnly: true, Small: true, Variant: ui.VariantGhost, Href: address(listPath, copied(v, "by"))},
		{Label: "Board", Icon: ui.IconBoard, IconOnly: true, Small: true, Variant: ui.VariantGhost, Href: address(boardPath, copied(v, "col", "limit", "view", "sort"))},
	}
	bar.Menus = []ui.Menu{{ID: "export", Button: ui.Button{Label: "Export", Icon: ui.IconDownload, Small: true, Variant: ui.VariantGhost}, Items: []ui.MenuItem{
		{Label: "CSV, as shown", Icon: ui.IconDownload, Href: address(listPath+"/export.csv", flat)},
		{Label: "Excel, as shown", Icon: ui.IconDownload, Href: address(listPath+"/export.xlsx", flat)},
	}}}
	return bar, nil
}

// filterChoices gives the values for the filters. Those that are older than
// choicesFor are read anew by one request while the others still get the old.
func (o *opportunities) filterChoices(ctx context.Context) (workspace.Choices, error) {
	now := o.app.Clock.Now()
	o.mu.Lock()
	known := len(o.choices.Stages) > 0
	if known && (o.reading || now.Sub(o.choicesAt) < choicesFor) {
		defer o.mu.Unlock()
		return o.choices, nil
	}
	o.reading = true
	o.mu.Unlock()
	c, err := o.app.Workspace.Choices(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reading = false
	if err == nil {
		o.choices, o.choicesAt = c, now
	}
	return c, err
}

// accountOptions names the accounts that the address asks for; one that is not
// known keeps its id.
func (o *opportunities) accountOptions(ctx context.Context, ids []string) []ui.Option {
	out := make([]ui.Option, 0, len(ids))
	for _, id := range ids {
		option := ui.Option{Value: id, Label: id}
		if a, err := o.app.Accounts.Get(ctx, id); err == nil {
			option.Label = a.Name
		}
		out = append(out, option)
	}
	return out
}

func sameOptions(values []string) []ui.Option {
	out := make([]ui.Option, 0, len(values))
	for _, s := range values {
		out = append(out, ui.Option{Value: s, Label: s})
	}
	return out
}

func cloudOptions() []ui.Option {
	var out []ui.Option
	for _, c := range cloud.All() {
		out = append(out, ui.Option{Value: string(c), Label: c.Label()})
	}
	return out
}

func stateOptions() []ui.Option {
	var out []ui.Option
	for _, s := range registration.States() {
		out = append(out, ui.Option{Value: string(s), Label: s.Label()})
	}
	return out
}
