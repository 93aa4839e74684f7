package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/domain/attention"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

const attentionPath = "/attention"

func (w *Web) routesAttention() {
	w.get(attentionPath, w.attention)
	w.post(attentionPath+"/again", w.attentionAgain)
	w.get(attentionPath+"/again", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, attentionPath, http.StatusSeeOther)
	})
}

// attentionCount is the number beside the inbox in the navigation; 0 when it cannot
// be read, since a page is worth more than its badge.
func (w *Web) attentionCount(r *http.Request) int {
	n, err := w.app.Attention.Count(r.Context())
	if err != nil && r.Context().Err() == nil {
		w.log.WarnContext(r.Context(), "count what needs attention", "error", err)
	}
	return int(n)
}

type attentionPage struct {
	Page    ui.Page
	Filters ui.FilterBar
	Table   ui.DataTable
	Notice  ui.Notice
	Off     ui.Notice // flows that are off
}

func (w *Web) attention(rw http.ResponseWriter, r *http.Request) {
	v, bad := readQuery(r)
	if err := bad.Err(); err != nil {
		w.fail(rw, r, err)
		return
	}
	q := attention.Query{Codes: v["code"], Owners: v["owner"], After: v.Get("after")}
	for _, c := range v["cloud"] {
		q.Clouds = append(q.Clouds, cloud.Cloud(c))
	}
	for _, k := range v["kind"] {
		q.Kinds = append(q.Kinds, attention.Kind(k))
	}
	page, err := w.app.Attention.List(r.Context(), q)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	groups, err := w.app.Attention.Groups(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	choices, err := w.app.Workspace.Choices(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	base := copied(v, "after")
	bar := ui.FilterBar{ID: "f", Action: attentionPath, Keep: keptParams(base)}
	var kinds, codes, owners []ui.Option
	for _, k := range attention.Kinds() {
		kinds = append(kinds, ui.Option{Value: string(k), Label: k.Label()})
	}
	seen := map[string]bool{"": true}
	add := func(code string) {
		if !seen[code] {
			seen[code] = true
			codes = append(codes, ui.Option{Value: code, Label: codeLabel(code)})
		}
	}
	for _, g := range groups {
		add(g.Code)
	}
	for i := range page.Rows {
		add(page.Rows[i].Code)
	}
	for _, x := range choices.Owners {
		owners = append(owners, ui.Option{Value: x.Value, Label: x.Label})
	}
	filterMany(&bar, base, "cloud", "Cloud", cloudOptions())
	filterMany(&bar, base, "kind", "Kind", kinds)
	filterMany(&bar, base, "code", "Code", codes)
	filterMany(&bar, base, "owner", "Owner", owners)
	blocked := whyBlocked(r, authz.ActionUpdate, "Your role reads only: ask somebody of the alliance team")
	p := attentionPage{Filters: bar, Table: attentionTable(page.Rows, blocked)}
	p.Table.Bulk = []ui.Button{{Label: "Send again", Icon: ui.IconRefresh, FormAction: attentionPath + "/again", Blocked: blocked}}
	if q.After != "" || page.Next != "" {
		p.Table.Pager = &ui.Pager{To: len(page.Rows), Total: -1}
		if q.After != "" {
			p.Table.Pager.FirstHref = address(attentionPath, base)
		}
		if page.Next != "" {
			next := copied(base)
			next.Set("after", page.Next)
			p.Table.Pager.NextHref = address(attentionPath, next)
		}
	}
	p.Page = w.page(r, ui.Page{Title: "Needs attention", Nav: ui.AreaAttention, Lead: ui.Text("What a portal or Salesforce refused for good, what mends it, and the way to send it again. As of " + page.At.UTC().Format("2006-01-02 15:04") + " UTC.")})
	if p.Off, err = w.offNotice(r); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.render(rw, r, http.StatusOK, attentionHTML(p))
}

// filterMany adds a filter of several values to a bar. A chosen value that is none of
// the options is one all the same, so that it can be taken out.
func filterMany(bar *ui.FilterBar, base url.Values, name, label string, options []ui.Option) {
	f := ui.Filter{Name: name, Label: label, Kind: ui.FilterMany, RemoveHref: address(bar.Action, copied(base, name))}
	for _, s := range base[name] {
		if !slices.ContainsFunc(options, func(x ui.Option) bool { return x.Value == s }) {
			options = append(options, ui.Option{Value: s, Label: s})
		}
	}
	for _, x := range options {
		if x.Selected = slices.Contains(base[name], x.Value); x.Selected {
			f.On, f.Shown, bar.ClearHref = true, joined(", ", f.Shown, x.Label), bar.Action
		}
		f.Options = append(f.Options, x)
	}
	bar.Filters = append(bar.Filters, f)
}

func codeLabel(code string) string {
	switch code {
	case attention.CodeCheck:
		return "Our own check"
	case attention.CodeBothSides:
		return "Changed on both sides"
	case attention.CodeElsewhere:
		return "Registered elsewhere"
	case attention.CodeTwice:
		return "Registered twice"
	case attention.CodeDeleted:
		return "In the recycle bin"
	case attention.CodePurged:
		return "Gone for good"
	}
	return code
}

// attentionTable lists refusals; blocked says why the person cannot send them again.
func attentionTable(rows []attention.Item, blocked string) ui.DataTable {
	t := ui.DataTable{
		ID: "refusals", Caption: "Refusals", NoChooser: true,
		Columns: []ui.Column{{Key: "name", Label: "Opportunity", Fixed: true}, {Key: "what", Label: "What", Wrap: true}, {Key: "fix", Label: "What to do", Grow: true, Wrap: true}, {Key: "age", Label: "Since, owner"}, {Key: "again", Label: "", End: true}},
		Empty:   ui.EmptyState{Icon: ui.IconCheckCircle, Title: "Nothing needs attention", Text: "What a portal or Salesforce refuses for good is listed here, with its reason, until it was sent again."},
	}
	for i := range rows {
		x := &rows[i]
		t.Rows = append(t.Rows, ui.Row{
			ID: x.ID(), Name: x.Name + ", " + x.Title, Href: attentionHref(x), Tone: ui.ToneDanger,
			Cells: []templ.Component{ui.Two(x.Name, x.AccountName), attentionWhat(x), attentionFix(x), attentionSince(x), attentionOne(x, blocked)},
		})
	}
	return t
}

// attentionHref leads to where a refusal is mended.
func attentionHref(x *attention.Item) string {
	if x.Kind == attention.KindActivity {
		return activityPath(x.Ref, "")
	}
	if x.Kind == attention.KindTags {
		return dealPath(x.OpportunityID, "tagging")
	}
	return dealPath(x.OpportunityID, "")
}

// said names who spoke.
func said(x *attention.Item) string {
	switch {
	case x.ByCheck:
		return "What our check found"
	case x.Code == attention.CodeBothSides:
		return "What changed"
	case x.Kind == attention.KindRegistration, x.Kind == attention.KindField:
		return "What " + x.Cloud.Portal() + " said"
	}
	return "What Salesforce said"
}

func (w *Web) attentionAgain(rw http.ResponseWriter, r *http.Request) {
	results, err := w.app.Attention.SendAgain(r.Context(), r.Form["id"])
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if len(results) == 1 && results[0].Err == nil {
		w.done(rw, r, back(r, attentionPath), fallback(results[0].Waiting, "Sent again: "+results[0].Item.Name), "")
		return
	}
	t := ui.DataTable{ID: "again", Caption: "What happened", NoChooser: true, Columns: []ui.Column{{Key: "name", Label: "Opportunity", Grow: true}, {Key: "what", Label: "What"}, {Key: "outcome", Label: "What happened"}, {Key: "why", Label: "Why"}}}
	done := 0
	for i := range results {
		x := &results[i]
		outcome, why := ui.Badge{Tone: ui.ToneSuccess, Text: "On its way"}, ""
		switch {
		case x.Err != nil:
			outcome, why = ui.Badge{Tone: ui.ToneDanger, Text: "Not sent"}, x.Err.Error()
		case x.Waiting != "":
			outcome, why = ui.Badge{Tone: ui.ToneInfo, Text: "Waits for approval"}, x.Waiting
		default:
			done++
		}
		row := ui.Row{ID: fmt.Sprint("r", i), Name: fallback(x.Item.Name, "Not there any more"), Cells: []templ.Component{ui.Two(fallback(x.Item.Name, "Not there any more"), x.Item.AccountName), textOr(x.Item.Title), outcome, textOr(why)}}
		if x.Item.Ref != "" {
			row.Href = attentionHref(&x.Item)
		}
		t.Rows = append(t.Rows, row)
	}
	p := attentionPage{Table: t, Notice: ui.Notice{Tone: ui.ToneSuccess, Title: fmt.Sprintf("%d of %d are on their way", done, len(results)), Text: "What is refused again comes back to the inbox.", Actions: []ui.Button{{Label: "Back to the inbox", Href: attentionPath, Small: true}}}}
	if done < len(results) {
		p.Notice.Tone = ui.ToneWarn
	}
	p.Page = w.page(r, ui.Page{Title: "Sent again", Nav: ui.AreaAttention, Crumbs: []ui.Crumb{{Label: "Needs attention", Href: attentionPath}}})
	w.render(rw, r, http.StatusOK, attentionResultHTML(p))
}
