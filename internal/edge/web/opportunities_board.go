package web

import (
	"net/http"
	"net/url"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// boardView is what the board shows.
type boardView struct {
	Page    ui.Page
	Bad     ui.Notice
	Filters ui.FilterBar
	Board   ui.Board
	Empty   ui.EmptyState
}

func (o *opportunities) board(rw http.ResponseWriter, r *http.Request) {
	l := readListing(r)
	ctx := r.Context()
	l.q.After, l.q.Limit, l.at, l.view, l.chosen = "", 0, 0, "", false
	by := workspace.Group(r.URL.Query().Get("by"))
	switch by {
	case workspace.GroupState, workspace.GroupStage:
	case "":
		by = workspace.GroupState
	default:
		l.bad = append(l.bad, problem.Field{Field: "by", Code: "unknown_value", Message: "Use state or stage"})
		by = workspace.GroupState
	}
	lanes, err := o.app.Workspace.Board(ctx, l.q, by)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	filters, err := o.filters(ctx, boardPath, &l)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	p := boardView{Bad: badNotice(l.bad), Filters: filters}
	if by != workspace.GroupState {
		p.Filters.Keep = append(p.Filters.Keep, ui.Param{Name: "by", Value: string(by)})
		for i := range p.Filters.Filters {
			p.Filters.Filters[i].RemoveHref = addParam(p.Filters.Filters[i].RemoveHref, "by", string(by))
		}
		p.Filters.ClearHref = boardPath + "?by=" + string(by)
	}
	p.Filters.Menus = nil
	at := cloud.AWS
	if len(l.q.Clouds) > 0 {
		at = l.q.Clouds[0]
	}
	p.Board = ui.Board{Label: "Opportunities by state of the registration at " + at.Label()}
	if by == workspace.GroupStage {
		p.Board.Label = "Opportunities by stage"
	}
	today := o.dayNow()
	for i := range lanes {
		p.Board.Columns = append(p.Board.Columns, boardColumn(&lanes[i], &l, by, at, today))
	}
	p.Empty = ui.EmptyState{
		Icon: ui.IconBoard, Title: "Nothing stands on this board", Text: "No opportunity is joint with " + at.Label() + " and meets the filters.",
		Actions: []ui.Button{{Label: "Show the list", Href: address(listPath, l.values())}},
	}
	switched := func(g workspace.Group) string {
		v := l.values()
		if g != workspace.GroupState {
			v.Set("by", string(g))
		}
		return address(boardPath, v)
	}
	p.Page = o.page(r, ui.Page{Title: "Opportunities", Nav: ui.AreaOpportunities, Lead: ui.Text(p.Board.Label), Tabs: &ui.Tabs{Label: "What the columns are", Items: []ui.Tab{
		{Label: "By registration at " + ui.CloudName(string(at)), Href: switched(workspace.GroupState), Active: by == workspace.GroupState, Count: -1},
		{Label: "By stage", Href: switched(workspace.GroupStage), Active: by == workspace.GroupStage, Count: -1},
	}}})
	status := http.StatusOK
	if len(l.bad) > 0 {
		status = http.StatusUnprocessableEntity
	}
	o.render(rw, r, status, boardPage(p))
}

func addParam(href, name, value string) string {
	u, err := url.Parse(href)
	if err != nil {
		return href
	}
	v := u.Query()
	v.Set(name, value)
	return address(u.Path, v)
}

// boardColumn makes one column. Its cards cannot be moved: the portal owns the
// states and Salesforce the stages.
func boardColumn(lane *workspace.Lane, l *listing, by workspace.Group, at cloud.Cloud, today date.Date) ui.BoardColumn {
	col := ui.BoardColumn{Key: lane.Key, Title: lane.Label, Count: int(lane.Count)}
	if col.Key == "" {
		col.Key = "none"
	}
	for _, sum := range lane.Sums {
		col.Sums = append(col.Sums, amountOf(sum, true))
	}
	v := l.values()
	switch {
	case by == workspace.GroupStage && lane.Key != "":
		v["stage"] = []string{lane.Key}
	case by == workspace.GroupState && lane.Key != "":
		v["cloud"], v["state"] = []string{string(at)}, []string{lane.Key}
	default:
		v = nil // the list has no filter for what is missing
	}
	if v != nil {
		col.MoreHref = address(listPath, v)
	}
	for i := range lane.Rows {
		row := &lane.Rows[i]
		card := ui.Card{ID: row.ID, Title: row.Name, Href: listPath + "/" + row.ID, Second: row.AccountName, Amount: amountOf(row.Amount(), true), Owner: row.OwnerName}
		if !row.Closed {
			card.Due = row.CloseOn.Time()
		}
		if late := daysLate(row.Closed, row.CloseOn, today); late > 0 {
			card.Badges = append(card.Badges, ui.Badge{Tone: ui.ToneWarn, Text: plural(int64(late), "day overdue", "days overdue")})
		}
		for _, c := range row.Clouds {
			if by == workspace.GroupState && c.Cloud == at {
				if c.State == registration.StateBlocked {
					card.Badges = append(card.Badges, ui.Badge{Tone: ui.ToneWarn, Text: plural(c.Blocking, "field to mend", "fields to mend")})
				}
				continue
			}
			card.Clouds = append(card.Clouds, ui.CloudBadge{Cloud: string(c.Cloud), Detail: stateWords(c.State, c.Blocking)})
		}
		col.Cards = append(col.Cards, card)
	}
	return col
}
