package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

func (w *Web) routesSearch() {
	w.get("/search", w.searchPage)
	w.get("/search.json", w.searchJSON)
}

// How many hits the page and the command palette show.
const (
	pageHits    = 50
	paletteHits = 20
)

type searchView struct {
	Page  ui.Page
	Text  string
	Bad   string
	Found ui.DataTable
	All   string // the list of opportunities that hold the text
}

// searchText gives what is looked for; a text that cannot be is told of.
func searchText(r *http.Request) (text, bad string) {
	text = strings.TrimSpace(r.URL.Query().Get("q"))
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return "", "This is no readable text"
	case len(text) > 200:
		return "", "Search for at most 200 characters"
	}
	return text, ""
}

func hitHref(h workspace.Hit) string {
	if h.Kind == "account" {
		return "/accounts/" + h.ID
	}
	return listPath + "/" + h.ID
}

func hitGroup(h workspace.Hit) string {
	if h.Kind == "account" {
		return "Account"
	}
	return "Opportunity"
}

func (w *Web) searchPage(rw http.ResponseWriter, r *http.Request) {
	text, bad := searchText(r)
	p := searchView{Text: text, Bad: bad, All: listPath + "?q=" + url.QueryEscape(text)}
	hits, err := w.hits(r, text, pageHits)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p.Found = ui.DataTable{
		ID: "found", Caption: "Found", Columns: []ui.Column{{Key: "name", Label: "Name", Grow: true}, {Key: "kind", Label: "Kind"}, {Key: "detail", Label: "Account or country"}},
		Empty: ui.EmptyState{Icon: ui.IconSearch, Title: "Nothing found", Text: "Search by a part of the name of an opportunity or account, by a Salesforce id, or by an id in a partner's portal."},
	}
	if text == "" {
		p.Found.Empty.Title = "What are you looking for?"
	}
	for _, h := range hits {
		p.Found.Rows = append(p.Found.Rows, ui.Row{ID: h.ID, Name: h.Title, Href: hitHref(h), Cells: []templ.Component{ui.Text(h.Title), ui.Text(hitGroup(h)), textOr(h.Detail)}})
	}
	p.Page = w.page(r, ui.Page{Title: "Search"})
	status := http.StatusOK
	if bad != "" {
		status = http.StatusUnprocessableEntity
	}
	w.render(rw, r, status, searchResults(p))
}

// hits finds, each record once: one can be found by its id and by its name.
func (w *Web) hits(r *http.Request, text string, limit int) ([]workspace.Hit, error) {
	found, err := w.app.Workspace.Search(r.Context(), text, limit)
	var out []workspace.Hit
	seen := map[string]bool{}
	for _, h := range found {
		if !seen[h.ID] {
			seen[h.ID] = true
			out = append(out, h)
		}
	}
	return out, err
}

// paletteHit is what the command palette reads.
type paletteHit struct {
	Label  string `json:"label"`
	Href   string `json:"href"`
	Detail string `json:"detail"`
	Group  string `json:"group"`
}

func (w *Web) searchJSON(rw http.ResponseWriter, r *http.Request) {
	text, _ := searchText(r)
	found, err := w.hits(r, text, paletteHits)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	out := make([]paletteHit, 0, len(found))
	for _, h := range found {
		out = append(out, paletteHit{Label: h.Title, Href: hitHref(h), Detail: h.Detail, Group: hitGroup(h)})
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(rw).Encode(out); err != nil && r.Context().Err() == nil {
		w.log.ErrorContext(r.Context(), "write search results", "error", err)
	}
}
