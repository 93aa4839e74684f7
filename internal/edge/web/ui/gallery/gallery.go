// Package gallery answers "what do the parts of package ui look like in real
// states": pages of invented records that the browser test opens, and that a
// page writer can serve to look at.
package gallery

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/edge/web/static"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// Paths lists the pages of the gallery.
func Paths() []string {
	return []string{"/", "/opportunities", "/board", "/record", "/connections", "/forms", "/parts", "/empty", "/error", "/signin"}
}

// Handler serves the gallery with the policy that the real pages have. Now is
// the moment that the records are drawn around.
func Handler(now time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+static.Prefix, static.Handler())
	page := func(path string, c templ.Component) {
		mux.Handle("GET "+path, policy(templ.Handler(c)))
	}
	page("/{$}", today(now))
	page("/opportunities", opportunities(now))
	page("/board", board(now))
	page("/record", record(now))
	page("/connections", connections(now))
	page("/forms", forms())
	page("/parts", parts(now))
	page("/empty", empty())
	page("/error", failed())
	page("/signin", ui.SignIn{
		Action: "/signin", Email: "mara.lindqvist@example.com", Next: "/", Environment: "Demo data", Version: "0.1.0",
		Error:        "The email and the password do not belong together. You can try four more times.",
		SingleSignOn: []ui.Button{{Label: "Continue with single sign-on", Href: "/signin/oidc", Icon: ui.IconLock}},
	})
	mux.HandleFunc("GET /palette", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode([]map[string]string{ // a closed connection needs no answer
			{"label": "Result for " + r.FormValue("q"), "href": "/record", "group": "Opportunity", "detail": "Fjordlys Energi AS"},
		})
	})
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte("event: progress\ndata: {\"value\":812,\"max\":1500,\"text\":\"812 of 1,500 opportunities read\"}\n\n" +
			"event: done\ndata: {\"text\":\"1,500 opportunities read\",\"tone\":\"success\"}\n\n"))
	})
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/?posted="+r.FormValue("to"), http.StatusSeeOther)
	})
	return mux
}

func policy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", ui.ContentSecurityPolicy)
		next.ServeHTTP(w, r)
	})
}

func frame(title string, area ui.Area) ui.Page {
	items := ui.DefaultNav()
	paths := map[ui.Area]string{ui.AreaOpportunities: "/opportunities", ui.AreaRegistrations: "/board", ui.AreaConnections: "/connections", ui.AreaJobs: "/parts", ui.AreaSettings: "/forms"}
	for i := range items {
		switch items[i].Area {
		case ui.AreaToday:
			items[i].Count, items[i].Tone = 7, ui.ToneDanger
		case ui.AreaOpportunities:
			items[i].Count = 1204
		case ui.AreaConnections:
			items[i].Count, items[i].Tone = 1, ui.ToneWarn
		}
		if p, ok := paths[items[i].Area]; ok {
			items[i].Href = p
		}
	}
	return ui.Page{
		Title: title, Nav: area, Items: items, Version: "0.1.0", Environment: "Demo data",
		Person:        ui.Person{Name: "Mara Lindqvist", Email: "mara.lindqvist@example.com", Role: "Senior ABDM, EMEA"},
		PaletteSearch: "/palette",
		Palette: []ui.PaletteEntry{
			{Label: "Register an opportunity with AWS", Href: "/record", Group: "Do", Icon: ui.IconRegister, Words: "ace partner central submit"},
			{Label: "My deals that close this quarter", Href: "/opportunities?view=q", Group: "Saved view", Icon: ui.IconFilter},
			{Label: "Run the Salesforce sync now", Href: "/parts", Group: "Do", Icon: ui.IconRefresh},
		},
		Shortcuts: []ui.Shortcut{{Keys: []string{"e"}, Does: "Edit this record"}},
	}
}

func money(n string) ui.Money { return ui.Money{Number: n, Currency: "USD", Whole: true} }

func failure() ui.ErrorPage {
	e := ui.ErrorOf(&problem.Error{
		Kind: problem.KindRemote, Code: "remote_human", Message: "AWS refused the update of Fjordlys Energi: the postal code is not one of Norway",
		Fields: []problem.Field{{Field: "Customer.Account.Address.PostalCode", Code: "pattern", Message: "A Norwegian postal code has four digits.", Value: "N-0150 OSLO"}},
		Remote: &problem.Remote{System: "AWS Partner Central", Operation: "UpdateOpportunity", Code: "ValidationException", Status: 400, RequestID: "3f7a1c9e-52b0-4e1d-9d0c-0a2b77c1f0de", Retry: problem.RetryHuman},
		Err:    textError(`{"__type":"ValidationException","Message":"1 validation error detected","Reason":"BUSINESS_VALIDATION_FAILED","ErrorList":[{"FieldName":"Customer.Account.Address.PostalCode","Code":"INVALID_VALUE"}]}`),
	}, "req_01JDF8K2M9")
	e.Record, e.RecordHref = "Fjordlys Energi AS · platform renewal 2027", "/record"
	e.Actions = []ui.Button{{Label: "Open in Salesforce", Variant: ui.VariantPrimary, Icon: ui.IconExternal, Href: "/record"}, {Label: "Back to the opportunity", Href: "/record"}}
	return e
}

type textError string

func (e textError) Error() string { return string(e) }

func sortedIcons() []ui.IconName {
	names := ui.Icons()
	slices.Sort(names)
	return names
}
