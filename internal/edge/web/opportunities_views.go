package web

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/view"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// viewForm is the page on which a view is saved, and the person's own views are
// deleted.
type viewForm struct {
	Page   ui.Page
	Name   string
	Shared bool
	Query  string
	Shows  string // what the view shows, in words
	Fields []problem.Field
	Mine   []view.View
	Back   string
}

func (o *opportunities) newView(rw http.ResponseWriter, r *http.Request) {
	if err := authz.Require(r.Context(), authz.ActionSaveView); err != nil {
		o.fail(rw, r, err)
		return
	}
	l := readListing(r)
	f := viewForm{Query: copied(l.values(), "view", "limit").Encode()}
	kept, err := o.app.Views.List(r.Context(), "opportunity")
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	for _, v := range kept {
		if v.Mine && v.ID == l.view {
			f.Name, f.Shared = v.Name, v.Shared
		}
	}
	o.viewPage(rw, r, http.StatusOK, f)
}

func (o *opportunities) viewPage(rw http.ResponseWriter, r *http.Request, status int, f viewForm) {
	kept, err := o.app.Views.List(r.Context(), "opportunity")
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	for _, v := range kept {
		if v.Mine {
			f.Mine = append(f.Mine, v)
		}
	}
	v, err := url.ParseQuery(f.Query)
	if err != nil {
		v = url.Values{}
	}
	f.Back = address(listPath, v)
	n, err := o.countOf(r, v)
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	f.Shows = countWords(n) + " today"
	f.Page = o.page(r, ui.Page{Title: "Save this view", Nav: ui.AreaOpportunities, Crumbs: []ui.Crumb{{Label: "Opportunities", Href: f.Back}}})
	o.render(rw, r, status, viewPage(f))
}

func (o *opportunities) countOf(r *http.Request, v url.Values) (int64, error) {
	l := readListing(&http.Request{URL: &url.URL{RawQuery: v.Encode()}})
	return o.app.Workspace.Count(r.Context(), l.q, countUpTo)
}

func (o *opportunities) saveView(rw http.ResponseWriter, r *http.Request) {
	f := viewForm{Name: r.FormValue("name"), Query: r.FormValue("query"), Shared: r.FormValue("shared") != ""}
	v, err := o.app.Views.Save(r.Context(), "opportunity", f.Name, f.Query, f.Shared)
	if err != nil {
		fields, _, ok := fieldsOf(err)
		if !ok || len(fields) == 0 {
			o.fail(rw, r, err)
			return
		}
		f.Fields = fields
		o.viewPage(rw, r, http.StatusUnprocessableEntity, f)
		return
	}
	q, err := url.ParseQuery(v.Query)
	if err != nil {
		q = url.Values{}
	}
	q.Set("view", v.ID)
	message := "The view “" + v.Name + "” is saved"
	if v.Version > 1 {
		message = "The view “" + v.Name + "” now shows this"
	}
	o.done(rw, r, address(listPath, q), message, "")
}

func (o *opportunities) deleteView(rw http.ResponseWriter, r *http.Request) {
	kept, err := o.app.Views.List(r.Context(), "opportunity")
	if err != nil {
		o.fail(rw, r, err)
		return
	}
	if err := o.app.Views.Delete(r.Context(), r.PathValue("id")); err != nil {
		o.fail(rw, r, err)
		return
	}
	for _, v := range kept {
		if v.ID != r.PathValue("id") {
			continue
		}
		undo := url.Values{"name": {v.Name}, "query": {v.Query}}
		if v.Shared {
			undo.Set("shared", "1")
		}
		o.done(rw, r, listPath, "The view “"+v.Name+"” is deleted", address(listPath+"/views", undo))
		return
	}
	http.Redirect(rw, r, listPath, http.StatusSeeOther)
}

// builtIn is a view that everybody has.
type builtIn struct{ key, label, query string }

// builtIns gives the views that everybody has, and the person's own deals if
// they are a user of Salesforce.
func (o *opportunities) builtIns(ctx context.Context) ([]builtIn, error) {
	calendar, _, err := o.app.Workspace.Calendar(ctx)
	if err != nil {
		return nil, err
	}
	p := calendar.Quarter(o.dayNow())
	out := []builtIn{
		{"all", "All", ""},
		{"open", "All open", "open=open"},
		{"aws", "Joint with AWS", "cloud=aws"},
		{"blocked", "Needs mending", "state=blocked"},
		{"action", "Action required", "state=action_required"},
		{"quarter", "Closing in " + p.String(), url.Values{"open": {"open"}, "close_from": {string(p.From)}, "close_to": {string(p.To)}}.Encode()},
	}
	if who := person(ctx); who.CRMID != nil && *who.CRMID != "" {
		out = append(out, builtIn{"mine", "Mine", url.Values{"open": {"open"}, "owner": {*who.CRMID}}.Encode()})
	}
	return out, nil
}

// views makes the row of views. The active one is the one that the address
// names, or the one that shows the same.
func (o *opportunities) views(ctx context.Context, l *listing) (ui.SavedViews, error) {
	kept, err := o.app.Views.List(ctx, "opportunity")
	if err != nil {
		return ui.SavedViews{}, err
	}
	now := copied(l.values(), "view", "limit").Encode()
	var out ui.SavedViews
	active := -1
	add := func(key, label, query string) {
		v, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		same := v.Encode() == now
		if key != "all" {
			v.Set("view", key)
		}
		if l.view == key || l.view == "" && same && active < 0 {
			active, out.Changed = len(out.Items), !same
		}
		out.Items = append(out.Items, ui.Tab{Label: label, Href: address(listPath, v), Count: -1})
	}
	always, err := o.builtIns(ctx)
	if err != nil {
		return ui.SavedViews{}, err
	}
	for _, b := range always {
		add(b.key, b.label, b.query)
	}
	for i := range kept {
		add(kept[i].ID, viewLabel(&kept[i]), kept[i].Query)
	}
	if active >= 0 {
		out.Items[active].Active = true
	} else {
		out.Changed = true
	}
	if authz.Require(ctx, authz.ActionSaveView) == nil {
		out.SaveHref = address(listPath+"/views/new", l.values())
	}
	return out, nil
}

func viewLabel(v *view.View) string {
	if !v.Mine {
		return v.Name + " (shared)"
	}
	return v.Name
}
