package web

import (
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
