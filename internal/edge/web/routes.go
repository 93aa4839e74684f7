package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const routesPath = "/routes"

func routePath(id string) string { return routesPath + "/" + url.PathEscape(id) }

func (w *Web) routesRoutes() {
	w.get(routesPath, w.routeList)
	w.get(routesPath+"/{id}", func(rw http.ResponseWriter, r *http.Request) { w.showRoute(rw, r, http.StatusOK, routePage{}) })
	w.post(routesPath+"/{id}/decide", w.decideRoute)
	w.post(routesPath+"/{id}/reopen", w.reopenRoute)
	for _, act := range []string{"decide", "reopen"} { // a reload after a refused form
		w.get(routesPath+"/{id}/"+act, func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, routePath(r.PathValue("id")), http.StatusSeeOther)
		})
	}
}

type routeListPage struct {
	Page    ui.Page
	Counts  string
	Filters ui.FilterBar
	Table   ui.DataTable
}

func (w *Web) routeList(rw http.ResponseWriter, r *http.Request) {
	v, bad := readQuery(r)
	if err := bad.Err(); err != nil {
		w.fail(rw, r, err)
		return
	}
	q := route.Query{Owners: v["owner"], After: v.Get("after")}
	for _, x := range v["state"] {
		q.States = append(q.States, route.State(x))
	}
	for _, x := range v["kind"] {
		q.Kinds = append(q.Kinds, route.Kind(x))
	}
	for _, x := range v["cloud"] {
		q.Clouds = append(q.Clouds, cloud.Cloud(x))
	}
	list, err := w.app.Routes.List(r.Context(), q)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	counts, err := w.app.Routes.Counts(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	bar, err := w.routeFilters(r, v, counts)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := routeListPage{Filters: bar, Table: w.routeTable(list.Rows), Counts: routeCounts(counts)}
	p.Table.Pager = &ui.Pager{To: len(list.Rows), Total: -1}
	base := copied(v, "after")
	if q.After != "" {
		p.Table.Pager.FirstHref = address(routesPath, base)
	}
	if list.Next != "" {
		next := copied(base)
		next.Set("after", list.Next)
		p.Table.Pager.NextHref = address(routesPath, next)
	}
	p.Page = w.page(r, ui.Page{Title: "Route conflicts", Nav: ui.AreaRoutes, Lead: ui.Text("Deals that two sides claim: the evidence, the rule, and whose route it is.")})
	w.render(rw, r, http.StatusOK, routeListHTML(p))
}

// routeCounts says how many conflicts wait, are late and are decided.
func routeCounts(list []route.Count) string {
	var open, late, decided int64
	for _, c := range list {
		switch {
		case c.State.Open():
			open, late = open+c.Count, late+c.Late
		case c.State == route.StateDecided:
			decided += c.Count
		}
	}
	return ui.Count(open) + " to decide, " + ui.Count(late) + " of them late; " + ui.Count(decided) + " decided"
}

func (w *Web) routeFilters(r *http.Request, v url.Values, counts []route.Count) (ui.FilterBar, error) {
	base := copied(v, "after")
	bar := ui.FilterBar{ID: "f", Action: routesPath, Keep: keptParams(base)}
	choices, err := w.app.Workspace.Choices(r.Context())
	if err != nil {
		return bar, err
	}
	byState, byKind := map[route.State]int64{}, map[route.Kind]int64{}
	for _, c := range counts {
		byState[c.State] += c.Count
		byKind[c.Kind] += c.Count
	}
	var states, kinds, clouds, owners []ui.Option
	for _, s := range route.States() {
		states = append(states, ui.Option{Value: string(s), Label: s.Label(), Hint: ui.Count(byState[s])})
	}
	for _, k := range route.Kinds() {
		kinds = append(kinds, ui.Option{Value: string(k), Label: k.Label(), Hint: ui.Count(byKind[k])})
	}
	for _, c := range cloud.All() {
		clouds = append(clouds, ui.Option{Value: string(c), Label: c.Label()})
	}
	for _, x := range choices.Owners {
		owners = append(owners, ui.Option{Value: x.Value, Label: x.Label})
	}
	filterMany(&bar, base, "state", "State", states)
	filterMany(&bar, base, "kind", "Kind", kinds)
	filterMany(&bar, base, "cloud", "Cloud", clouds)
	filterMany(&bar, base, "owner", "Owner", owners)
	return bar, nil
}

func (w *Web) routeTable(rows []route.Row) ui.DataTable {
	t := ui.DataTable{
		ID: "routes", Caption: "Route conflicts", NoChooser: true,
		Columns: []ui.Column{{Key: "deal", Label: "Opportunity", Fixed: true}, {Key: "what", Label: "Who claims it", Grow: true}, {Key: "state", Label: "State"}, {Key: "due", Label: "To decide by"}, {Key: "amount", Label: "Amount", End: true}, {Key: "owner", Label: "Owner"}},
		Empty:   ui.EmptyState{Icon: ui.IconCheckCircle, Title: "No route conflict", Text: "A deal that two clouds, a reseller and a cloud, an incumbent and another, or a partner and our own quote claim stands here, with the evidence and the rule, until somebody decides."},
	}
	for i := range rows {
		c, o := &rows[i].Conflict, &rows[i].Opportunity
		due := ui.Muted("–")
		if c.State.Open() {
			due = w.dueCell(c)
		}
		t.Rows = append(t.Rows, ui.Row{
			ID: c.ID, Name: o.Name + ", " + c.Kind.Label(), Href: routePath(c.ID),
			Cells: []templ.Component{ui.Two(o.Name, o.AccountName), ui.Two(claimNames(c.Claims.V), c.Title), routeBadge(c), due, amountOf(o.Amount(), true), ui.PersonName(o.OwnerName)},
		})
	}
	return t
}

func (w *Web) dueCell(c *route.Conflict) templ.Component {
	if c.Late(w.dayNow()) {
		return ui.Badge{Tone: ui.ToneDanger, Text: string(c.DueOn) + ", late"}
	}
	return dayOf(c.DueOn)
}

func claimNames(list route.Claims) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.Party.Label()
	}
	return listed(words, "and")
}

func routeBadge(c *route.Conflict) ui.Badge {
	switch c.State {
	case route.StateDecided:
		return ui.Badge{Tone: ui.ToneSuccess, Text: "Decided: " + c.PartyLabel(c.Winner)}
	case route.StateEnded:
		return ui.Badge{Text: "Ended"}
	case route.StateReopened:
		return ui.Badge{Tone: ui.ToneDanger, Text: "Reopened"}
	}
	return ui.Badge{Tone: ui.ToneWarn, Text: "To decide"}
}

// routePage is the page of one conflict, with the form that was refused.
type routePage struct {
	page   ui.Page
	x      route.Detail
	head   ui.RecordHeader
	form   route.Decision
	filled bool // form is what somebody sent
	reason string
	fields []problem.Field
	stale  string // what somebody did meanwhile
	label  string // of the button that decides
	asks   string // why it is a request, "" if they decide alone
	why    string // why they may do neither
}

func (w *Web) showRoute(rw http.ResponseWriter, r *http.Request, status int, p routePage) {
	x, err := w.app.Routes.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	c := &x.Conflict
	p.x, p.label = x, "Decide"
	switch x.May.Ruling {
	case authz.RulingNeedsApproval:
		p.label, p.asks = "Ask a Director to decide so", strings.Join(x.May.Because, "; ")
	case authz.RulingRefuse:
		p.why = whyBlocked(r, authz.ActionDecideRoute, "Your role reads only: ask somebody of the alliance team")
	}
	if !p.filled {
		p.form.Winner = c.Proposal
		if x.Rule != nil {
			p.form.OurStep, p.form.TheirStep = x.Rule.OurStep, x.Rule.TheirStep
		}
	}
	p.head = ui.RecordHeader{Kind: "Route conflict", Title: x.Opportunity.Name, State: routeBadge(c), Facts: []ui.Fact{
		{Label: "Opportunity", Value: ui.Link(dealPath(x.Opportunity.ID, ""), x.Opportunity.Name)},
		{Label: "Account", Value: textOr(x.Opportunity.AccountName)},
		{Label: "Amount", Value: amountOf(x.Opportunity.Amount(), false)},
		{Label: "Owner", Value: ui.PersonName(x.Opportunity.OwnerName)},
		{Label: "Found", Value: ui.Time{At: c.OpenedAt, Style: ui.TimeAgo}},
	}}
	if c.State.Open() {
		p.head.Facts = append(p.head.Facts, ui.Fact{Label: "To decide by", Value: w.dueCell(c)})
	}
	p.page = w.page(r, ui.Page{Title: "Route of " + x.Opportunity.Name, HideTitle: true, Nav: ui.AreaRoutes, Crumbs: []ui.Crumb{{Label: "Route conflicts", Href: routesPath}}})
	w.render(rw, r, status, routeHTML(p))
}

// winnerOptions are whose route it can be.
func winnerOptions(p routePage) []ui.Option {
	var out []ui.Option
	for _, claim := range p.x.Conflict.Claims.V {
		key := claim.Party.Key()
		hint := ""
		if key == p.x.Conflict.Proposal {
			hint = "proposed"
		}
		out = append(out, ui.Option{Value: key, Label: claim.Party.Label(), Hint: hint, Selected: key == p.form.Winner})
	}
	return append(out, ui.Option{Value: route.WinnerAll, Label: "All of them: no route excludes another", Selected: p.form.Winner == route.WinnerAll})
}

// groundHref is where a piece of evidence can be looked at.
func groundHref(p routePage, g *route.Ground) string {
	switch {
	case g.DealID != "":
		return dealPath(g.DealID, "")
	case g.RegistrationID != "":
		for _, claim := range p.x.Conflict.Claims.V {
			for _, h := range claim.Grounds {
				if h.RegistrationID == g.RegistrationID {
					return dealPath(p.x.Opportunity.ID, string(claim.Party.Cloud))
				}
			}
		}
	}
	return dealPath(p.x.Opportunity.ID, "") + "#facts"
}

// gone reports whether evidence of then is not there any more.
func gone(p routePage, party route.Party, g *route.Ground) bool {
	for _, claim := range p.x.Conflict.Claims.V {
		if claim.Party.Key() != party.Key() {
			continue
		}
		for _, h := range claim.Grounds {
			if h.Basis == g.Basis && h.Value == g.Value {
				return false
			}
		}
	}
	return true
}

func (w *Web) decideRoute(rw http.ResponseWriter, r *http.Request) {
	id, _, version, err := decision(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := route.Decision{
		Winner: r.PostFormValue("winner"), Reason: r.PostFormValue("reason"), OurStep: r.PostFormValue("our_step"), OurStepOn: date.Date(r.PostFormValue("our_step_on")),
		TheirStep: r.PostFormValue("their_step"), TheirStepOn: date.Date(r.PostFormValue("their_step_on")),
	}
	res, err := w.app.Routes.Decide(r.Context(), id, version, d)
	w.routeDone(rw, r, res, err, "Decided: the route is kept to from now on", routePage{form: d, filled: true})
}

func (w *Web) reopenRoute(rw http.ResponseWriter, r *http.Request) {
	id, _, version, err := decision(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	res, err := w.app.Routes.Reopen(r.Context(), id, version, r.PostFormValue("reason"))
	w.routeDone(rw, r, res, err, "It is to be decided again", routePage{reason: r.PostFormValue("reason")})
}

func (w *Web) routeDone(rw http.ResponseWriter, r *http.Request, res route.Result, err error, message string, refused routePage) {
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		if res.Waiting != nil {
			message = res.Waiting.Message()
		}
		w.done(rw, r, routePath(r.PathValue("id")), message, "")
	case invalid:
		refused.fields = fields
		w.showRoute(rw, r, http.StatusUnprocessableEntity, refused)
	case conflict(err):
		p, _ := errors.AsType[*problem.Error](err)
		refused.stale = p.Message
		w.showRoute(rw, r, http.StatusPreconditionFailed, refused)
	default:
		w.fail(rw, r, err)
	}
}

// versionText is the version of a conflict as its forms send it.
func versionText(p routePage) string { return strconv.FormatInt(p.x.Conflict.Version, 10) }
