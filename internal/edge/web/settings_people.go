package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func (w *Web) routesPeople() {
	w.get("/settings/people", w.people)
	w.get("/settings/people/new", w.newPerson)
	w.post("/settings/people", w.addPerson)
	w.get("/settings/people/{id}", w.person)
	w.post("/settings/people/{id}/level", w.setLevel)
	w.post("/settings/people/{id}/password", w.newPassword)
	w.post("/settings/people/{id}/disable", w.disablePerson)
}

// peoplePerPage is how many people one page lists.
const peoplePerPage = 50

// everybody gives the people of Salesforce and, for those who manage people,
// the users who are not among them.
func (w *Web) everybody(r *http.Request) ([]team.Person, error) {
	list, err := w.app.Team.People(r.Context())
	if err != nil || !may(r, authz.ActionManagePeople) {
		return list, err
	}
	users, err := w.app.Team.Users(r.Context())
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		if u.CRMID == nil {
			list = append(list, u)
		}
	}
	slices.SortStableFunc(list, func(a, b team.Person) int { return cmp.Compare(a.NameKey, b.NameKey) })
	return list, nil
}

type peopleData struct {
	page    ui.Page
	filters ui.FilterBar
	table   ui.DataTable
}

func (w *Web) people(rw http.ResponseWriter, r *http.Request) {
	all, err := w.everybody(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	q, users := strings.TrimSpace(r.FormValue("q")), r.FormValue("sign_in") == "yes"
	key := textkey.Of(q)
	found := slices.DeleteFunc(all, func(p team.Person) bool {
		return users && !p.CanSignIn() || key != "" && !strings.Contains(p.NameKey, key) && !strings.Contains(p.EmailKey, strings.ToLower(q))
	})
	from := 0
	if n, aerr := strconv.Atoi(r.FormValue("from")); aerr == nil && n > 0 && n < len(found) {
		from = n
	}
	rows := found[from:min(len(found), from+peoplePerPage)]
	manages := may(r, authz.ActionManagePeople)
	d := peopleData{filters: peopleFilters(q, users)}
	d.page = ui.Page{Lead: ui.Text("Who owns deals in Salesforce, and who signs in to Tandem at which level.")}
	if manages {
		d.page.Actions = []ui.Button{{Label: "Add a user", Icon: ui.IconPlus, Variant: ui.VariantPrimary, Href: "/settings/people/new"}}
	}
	d.page = w.settingsPage(r, "people", d.page)
	d.table = ui.DataTable{
		ID: "people", Caption: "People", Columns: []ui.Column{{Key: "name", Label: "Name", Fixed: true, Grow: true}, {Key: "email", Label: "E-mail"}, {Key: "region", Label: "Region"}, {Key: "level", Label: "Level"}, {Key: "sign_in", Label: "Signs in"}},
		Empty: ui.EmptyState{Icon: ui.IconPeople, Title: "Nobody found", Text: "Nobody has this name or address. People come from Salesforce; Directors add users who are not there.", Actions: []ui.Button{{Label: "Show everybody", Href: "/settings/people"}}},
	}
	for _, p := range rows {
		row := ui.Row{ID: p.ID, Name: p.Name, Cells: []templ.Component{teamCell(p), ui.Text(p.Email), ui.Text(p.Region), levelCell(p), signInCell(p)}}
		if manages {
			row.Href = "/settings/people/" + url.PathEscape(p.ID)
		}
		d.table.Rows = append(d.table.Rows, row)
	}
	if len(rows) > 0 {
		d.table.Pager = peoplePager(q, users, from, len(rows), len(found))
	}
	w.render(rw, r, http.StatusOK, peoplePage(d))
}

func peopleAddress(q string, users bool, from int) string {
	v := url.Values{}
	if q != "" {
		v.Set("q", q)
	}
	if users {
		v.Set("sign_in", "yes")
	}
	if from > 0 {
		v.Set("from", strconv.Itoa(from))
	}
	if len(v) == 0 {
		return "/settings/people"
	}
	return "/settings/people?" + v.Encode()
}

func peoplePager(q string, users bool, from, shown, total int) *ui.Pager {
	p := &ui.Pager{From: from + 1, To: from + shown, Total: total}
	if from > 0 {
		p.PrevHref = peopleAddress(q, users, max(0, from-peoplePerPage))
	}
	if from+shown < total {
		p.NextHref = peopleAddress(q, users, from+peoplePerPage)
	}
	return p
}

func peopleFilters(q string, users bool) ui.FilterBar {
	f := ui.FilterBar{ID: "f", Action: "/settings/people", Search: true, SearchValue: q, SearchHint: "Name or e-mail", ClearHref: "/settings/people"}
	f.Filters = []ui.Filter{{Name: "sign_in", Label: "Signs in", Kind: ui.FilterOne, On: users, Shown: "yes", RemoveHref: peopleAddress(q, false, 0), Options: []ui.Option{{Value: "yes", Label: "Yes", Selected: users}}}}
	if q != "" {
		f.Keep = append(f.Keep, ui.Param{Name: "q", Value: q})
	}
	if users {
		f.Keep = append(f.Keep, ui.Param{Name: "sign_in", Value: "yes"})
	}
	return f
}

func levelCell(p team.Person) templ.Component {
	if !p.CanSignIn() {
		return ui.None()
	}
	return ui.Text(p.Level.Label())
}

func signInCell(p team.Person) templ.Component {
	switch {
	case p.CanSignIn():
		return ui.Badge{Tone: ui.ToneSuccess, Text: "Signs in"}
	case !p.Active:
		return ui.Badge{Text: "Left", Icon: ui.IconExit}
	}
	return ui.Muted("no")
}

func crmCell(p team.Person) templ.Component {
	if p.CRMID == nil {
		return ui.Muted("not there")
	}
	return ui.Copy{Text: *p.CRMID, What: "the Salesforce user id of " + p.Name}
}

type newPersonData struct {
	page   ui.Page
	name   string
	email  string
	level  authz.Level
	fields []problem.Field
	error  string
}

// newPerson asks whom to add; with person=ID that one's name and address stand
// in the form.
func (w *Web) newPerson(rw http.ResponseWriter, r *http.Request) {
	d := newPersonData{level: authz.LevelABDM}
	if id := r.FormValue("person"); id != "" {
		p, err := w.personByID(r, id)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		d.name, d.email = p.Name, p.Email
	}
	w.showNewPerson(rw, r, http.StatusOK, d)
}

func (w *Web) showNewPerson(rw http.ResponseWriter, r *http.Request, status int, d newPersonData) {
	if err := authz.Require(r.Context(), authz.ActionManagePeople); err != nil {
		w.fail(rw, r, err)
		return
	}
	d.page = w.settingsPage(r, "people", ui.Page{Title: "Add a user", Crumbs: peopleCrumbs()})
	w.render(rw, r, status, newPersonPage(d))
}

func peopleCrumbs() []ui.Crumb {
	return []ui.Crumb{{Label: "Settings", Href: "/settings/profile"}, {Label: "People", Href: "/settings/people"}}
}

func (w *Web) addPerson(rw http.ResponseWriter, r *http.Request) {
	d := newPersonData{name: r.PostFormValue("name"), email: r.PostFormValue("email"), level: authz.Level(r.PostFormValue("level"))}
	p, password, err := w.app.Team.CreateUser(r.Context(), team.NewUser{Name: d.name, Email: d.email, Level: d.level})
	if fields, ok := formFields(err); ok {
		d.fields = fields
		w.showNewPerson(rw, r, http.StatusUnprocessableEntity, d)
		return
	}
	if problem.Is(err, problem.KindConflict) {
		d.error = err.Error()
		w.showNewPerson(rw, r, http.StatusConflict, d)
		return
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	// Shown in this answer and nowhere else: a redirect would have to store it.
	w.showPassword(rw, r, http.StatusCreated, p, password)
}

func (w *Web) showPassword(rw http.ResponseWriter, r *http.Request, status int, p team.Person, password string) {
	w.render(rw, r, status, passwordPage(w.settingsPage(r, "people", ui.Page{Title: "Password of " + p.Name, Crumbs: peopleCrumbs()}), p, password))
}

// personByID finds somebody among those the list shows. Needs manage_people.
func (w *Web) personByID(r *http.Request, id string) (team.Person, error) {
	if err := authz.Require(r.Context(), authz.ActionManagePeople); err != nil {
		return team.Person{}, err
	}
	all, err := w.everybody(r)
	if err != nil {
		return team.Person{}, err
	}
	i := slices.IndexFunc(all, func(p team.Person) bool { return p.ID == id })
	if i < 0 {
		return team.Person{}, problem.NotFound("person", id)
	}
	return all[i], nil
}

type personData struct {
	page  ui.Page
	p     team.Person
	self  bool
	facts []ui.Fact
	may   []permission
	asks  []ui.Confirm
}

func (w *Web) person(rw http.ResponseWriter, r *http.Request) {
	p, err := w.personByID(r, r.PathValue("id"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := personData{p: p, self: p.ID == person(r.Context()).ID}
	d.facts = []ui.Fact{
		{Label: "E-mail", Value: ui.Text(p.Email)},
		{Label: "Title", Value: ui.Text(p.Title)},
		{Label: "Role", Value: ui.Text(p.RoleName)},
		{Label: "Region", Value: ui.Text(p.Region)},
		{Label: "Signs in", Value: signInCell(p)},
		{Label: "Salesforce", Value: crmCell(p)},
		{Label: "Known since", Value: ui.Time{At: p.CreatedAt, Style: ui.TimeDay}},
	}
	if d.may, err = permissionsOf(p.Actor()); err != nil {
		w.fail(rw, r, err)
		return
	}
	at := "/settings/people/" + url.PathEscape(p.ID)
	d.asks = []ui.Confirm{
		{ID: "password", Title: "Give " + p.Name + " a new password?", Text: "The old one stops working at once. The new one is made by Tandem and shown to you once.", Post: at + "/password", Do: "Make new password", Back: at},
		{ID: "disable", Title: "Keep " + p.Name + " from signing in?", Text: "Password, sessions and API tokens end at once. Deals and history stay. You can add the user again later.", Post: at + "/disable", Do: "Disable user", Danger: true, Back: at},
	}
	for _, c := range d.asks {
		if r.FormValue("confirm") == c.ID && p.CanSignIn() {
			w.confirm(rw, r, "people", c)
			return
		}
	}
	d.page = w.settingsPage(r, "people", ui.Page{Title: p.Name, Crumbs: peopleCrumbs()})
	w.render(rw, r, http.StatusOK, personPage(d))
}

// others finds the user a form is about, who must not be the one who acts: a
// Director who locks themselves out cannot mend it.
func (w *Web) others(r *http.Request) (team.Person, error) {
	p, err := w.personByID(r, r.PathValue("id"))
	if err == nil && p.ID == person(r.Context()).ID {
		err = problem.Conflict("own_account", "You cannot do this to yourself: ask another Director")
	}
	if err == nil && !p.CanSignIn() {
		err = problem.Conflict("not_a_user", p.Name+" does not sign in to Tandem: add them as a user first")
	}
	return p, err
}

func (w *Web) setLevel(rw http.ResponseWriter, r *http.Request) {
	p, err := w.others(r)
	if err == nil {
		err = w.app.Team.SetLevel(r.Context(), p.Email, authz.Level(r.PostFormValue("level")))
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, "/settings/people/"+url.PathEscape(p.ID), p.Name+" is now "+authz.Level(r.PostFormValue("level")).Label(), "")
}

func (w *Web) newPassword(rw http.ResponseWriter, r *http.Request) {
	p, err := w.personByID(r, r.PathValue("id"))
	if err == nil && !p.CanSignIn() {
		err = problem.Conflict("not_a_user", p.Name+" does not sign in to Tandem: add them as a user first")
	}
	password := ""
	if err == nil {
		password, err = w.app.Team.SetPassword(r.Context(), p.Email, "")
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.showPassword(rw, r, http.StatusOK, p, password)
}

func (w *Web) disablePerson(rw http.ResponseWriter, r *http.Request) {
	p, err := w.others(r)
	if err == nil {
		err = w.app.Team.Disable(r.Context(), p.Email)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, "/settings/people?sign_in=yes", p.Name+" cannot sign in any more", "")
}

func levelField(level authz.Level, fault string) ui.SelectField {
	f := ui.SelectField{Name: "level", Label: "Level", Required: true, Error: fault}
	for _, l := range authz.Levels() {
		f.Options = append(f.Options, ui.Option{Value: string(l), Label: l.Label(), Selected: l == level})
	}
	return f
}
