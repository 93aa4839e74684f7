package web

import (
	"net/http"
	"runtime"
	"strconv"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func (w *Web) routesSettings() {
	w.get("/settings", func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "/settings/profile", http.StatusSeeOther)
	})
	w.get("/settings/profile", w.settingsProfile)
	w.get("/settings/password", func(rw http.ResponseWriter, r *http.Request) { // a reload after a refused form
		http.Redirect(rw, r, "/settings/profile#password", http.StatusSeeOther)
	})
	w.post("/settings/password", w.changePassword)
	w.get("/settings/about", w.settingsAbout)
	w.routesTokens()
	w.routesRule()
	w.routesSolutions()
	w.routesPolicies()
	w.routesLevels()
	w.routesTagRules()
	w.routesMapping()
	w.routesOwners()
	w.routesFiscal()
	w.routesCancelled()
	w.routesPeople()
}

// settingsTabs are the sections; key is the last part of the address.
var settingsTabs = []struct{ key, label string }{
	{"profile", "Profile"}, {"tokens", "API tokens"}, {"joint-rule", "Joint rule"}, {"solutions", "Default solutions"}, {"mapping", "Field mapping"}, {"field-owners", "Field owners"}, {"fiscal-year", "Fiscal year"}, {"cancelled-activities", "Cancelled activities"}, {"service-levels", "Service levels"}, {"tagging", "Tagging rules"}, {"routes", "Route rules"}, {"policies", "Policies"}, {"people", "People"}, {"about", "About"},
}

// settingsPage is the frame of a section; only p's own parts are set by it.
func (w *Web) settingsPage(r *http.Request, key string, p ui.Page) ui.Page {
	p.Nav = ui.AreaSettings
	tabs := &ui.Tabs{Label: "Settings"}
	for _, t := range settingsTabs {
		tabs.Items = append(tabs.Items, ui.Tab{Label: t.label, Href: "/settings/" + t.key, Active: t.key == key})
		if t.key == key && p.Title == "" {
			p.Title = t.label
		}
	}
	if len(p.Crumbs) == 0 {
		p.Crumbs = []ui.Crumb{{Label: "Settings", Href: "/settings/profile"}}
		p.Tabs = tabs
	}
	return w.page(r, p)
}

// confirm shows the page form of a question, for those without JavaScript.
func (w *Web) confirm(rw http.ResponseWriter, r *http.Request, key string, c ui.Confirm) {
	w.render(rw, r, http.StatusOK, confirmSettingPage(w.settingsPage(r, key, ui.Page{}), c))
}

// permission is an action in words, and whether somebody may do it.
type permission struct {
	words   string
	allowed bool
}

func permissionsOf(a authz.Actor) ([]permission, error) {
	var out []permission
	for _, action := range []authz.Action{
		authz.ActionRead, authz.ActionSaveView, authz.ActionOwnToken, authz.ActionOwnPassword, authz.ActionReadOperations, authz.ActionSync, authz.ActionLog, authz.ActionMarkJoint,
		authz.ActionRegister, authz.ActionUpdate, authz.ActionLaunch, authz.ActionClose, authz.ActionAccept, authz.ActionReject, authz.ActionDecideRoute, authz.ActionApprove,
		authz.ActionRetryJob, authz.ActionChangeSettings, authz.ActionManagePeople,
	} {
		allowed, err := authz.May(a, action)
		if err != nil {
			return nil, err
		}
		out = append(out, permission{words: authz.Words(action), allowed: allowed})
	}
	return out, nil
}

var passwordHint = "At least " + strconv.Itoa(team.MinPassword) + " characters."

// passwordForm is the form for one's own password: what was wrong with it.
type passwordForm struct {
	fields []problem.Field
	error  string // what no field is to blame for
}

func (w *Web) settingsProfile(rw http.ResponseWriter, r *http.Request) {
	w.showProfile(rw, r, http.StatusOK, passwordForm{})
}

func (w *Web) changePassword(rw http.ResponseWriter, r *http.Request) {
	next := r.PostFormValue("new")
	if next != r.PostFormValue("again") {
		w.showProfile(rw, r, http.StatusUnprocessableEntity, passwordForm{fields: []problem.Field{{Field: "again", Code: "differs", Message: "The new password stands here differently"}}})
		return
	}
	err := w.app.Team.ChangePassword(r.Context(), r.PostFormValue("current"), next)
	if fields, ok := formFields(err); ok {
		w.showProfile(rw, r, http.StatusUnprocessableEntity, passwordForm{fields: fields})
		return
	}
	if problem.Is(err, problem.KindTooMany) {
		w.showProfile(rw, r, http.StatusTooManyRequests, passwordForm{error: err.Error()})
		return
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, "/settings/profile", "Your password is changed, and your other sessions have ended", "")
}

func (w *Web) showProfile(rw http.ResponseWriter, r *http.Request, status int, form passwordForm) {
	p := person(r.Context())
	list, err := permissionsOf(p.Actor())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	facts := []ui.Fact{{Label: "Name", Value: ui.PersonName(p.Name)}, {Label: "E-mail", Value: ui.Text(p.Email)}, {Label: "Level", Value: ui.Text(p.Level.Label())}}
	link := ui.Muted("Not a Salesforce user: no deals count as yours")
	if p.CRMID != nil {
		link = ui.Copy{Text: *p.CRMID, What: "the Salesforce user id"}
		facts = append(facts, ui.Fact{Label: "Title", Value: ui.Text(p.Title)}, ui.Fact{Label: "Region", Value: ui.Text(p.Region)})
	}
	facts = append(facts, ui.Fact{Label: "In Salesforce", Value: link})
	w.render(rw, r, status, profilePage(w.settingsPage(r, "profile", ui.Page{}), facts, list, form))
}

func (w *Web) settingsAbout(rw http.ResponseWriter, r *http.Request) {
	current, target, err := w.app.DB.Version(r.Context(), schema.Migrations())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	kind := "SQLite, embedded"
	if w.app.DB.Dialect() == db.PostgreSQL {
		kind = "PostgreSQL"
	}
	version := strconv.FormatInt(current, 10)
	if current != target {
		version += " (this program knows " + strconv.FormatInt(target, 10) + ")"
	}
	facts := []ui.Fact{
		{Label: "Version", Value: ui.Text(w.app.Config.Version)},
		{Label: "Data", Value: ui.Text(w.app.Config.Environment)},
		{Label: "Database", Value: ui.Text(kind)},
		{Label: "Schema version", Value: ui.Text(version)},
		{Label: "Built with", Value: ui.Text(runtime.Version())},
		{Label: "API", Value: ui.Link("/api/v1/openapi.yaml", "OpenAPI 3.1 description")},
	}
	w.render(rw, r, http.StatusOK, aboutPage(w.settingsPage(r, "about", ui.Page{}), facts, notices))
}

// notice is what the licence of a part asks to be said.
type notice struct{ name, what, licence, text string }

var notices = []notice{
	{
		"htmx 4.0.1", "Parts of a page that are exchanged without loading it anew", "Zero-Clause BSD",
		"Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted. THE SOFTWARE IS PROVIDED “AS IS” AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS.",
	},
	{
		"River and River UI", "The jobs, and the pages about their queues", "Mozilla Public License 2.0",
		"Copyright the River authors. River is used unchanged; its source code form is available under the Mozilla Public License 2.0 at https://github.com/riverqueue/river and https://github.com/riverqueue/riverui.",
	},
	{"SQLite through modernc.org/sqlite", "The embedded database", "Public domain, BSD 3-Clause", ""},
	{"smithy-go", "The protocol of the AWS APIs", "Apache License 2.0", ""},
	{"Cedar for Go", "The policies that say who may do what", "Apache License 2.0", ""},
	{"templ, scs, argon2id, huma, kong", "Pages, sessions, passwords, API, command line", "MIT", ""},
}

// conflict reports whether somebody else changed the record meanwhile.
func conflict(err error) bool { return problem.Is(err, problem.KindPrecondition) }
