package web

import (
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

func (w *Web) routesOwners() {
	w.get("/settings/field-owners", func(rw http.ResponseWriter, r *http.Request) { w.showOwners(rw, r, http.StatusOK, nil, ownersData{}) })
	w.post("/settings/field-owners", w.saveOwners)
}

// ownerMeans are the rules in words.
var ownerMeans = []struct {
	owner registration.Owner
	means string
}{
	{registration.OwnerAsk, "A change on one side goes to the other. If both changed, somebody settles it under Conflicts."},
	{registration.OwnerOurs, "Ours always goes to the portal: a change that the partner makes there is undone, and told of in the timeline."},
	{registration.OwnerTheirs, "Once the portal has a value, ours is never sent: the partner's is taken over, and written to Salesforce where it has the field."},
	{registration.OwnerNewest, "A change on one side goes to the other. If both changed, the later one wins, by the clocks of Salesforce and of the portal."},
}

// ownerLine is one field with who wins it.
type ownerLine struct {
	Name    string // of the form's input
	Info    registration.FieldInfo
	Owner   registration.Owner
	Default bool
}

type ownerGroup struct {
	Title string
	Lines []ownerLine
}

type ownersCloud struct {
	Cloud  cloud.Cloud
	Groups []ownerGroup
}

type ownersData struct {
	page    ui.Page
	row     setting.Row
	may     bool
	version int64
	clouds  []ownersCloud
	fields  []problem.Field
	stale   bool
}

func ownerName(c cloud.Cloud, path string) string { return string(c) + "-" + path }

// showOwners shows what stands, or with edit what somebody chose.
func (w *Web) showOwners(rw http.ResponseWriter, r *http.Request, status int, edit registration.Owners, d ownersData) {
	stands, row, err := w.app.Registrations.Owners(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if edit == nil {
		edit, d.version = stands, row.Version
	}
	if d.stale {
		d.version = row.Version
	}
	d.row, d.may = row, may(r, authz.ActionChangeSettings)
	for _, c := range w.connected() {
		infos, err := w.app.Registrations.FieldInfos(r.Context(), c)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		oc := ownersCloud{Cloud: c}
		for _, f := range infos {
			l := ownerLine{Name: ownerName(c, f.Path), Info: f, Owner: f.Owner}
			if o := edit[c][f.Path]; o.Valid() {
				l.Owner = o
			}
			l.Default = l.Owner == f.Owner
			if n := len(oc.Groups); n == 0 || oc.Groups[n-1].Title != f.Group {
				oc.Groups = append(oc.Groups, ownerGroup{Title: f.Group})
			}
			g := &oc.Groups[len(oc.Groups)-1]
			g.Lines = append(g.Lines, l)
		}
		d.clouds = append(d.clouds, oc)
	}
	d.page = w.settingsPage(r, "field-owners", ui.Page{Lead: ui.Text("Whose value holds when a field changes in Salesforce and in a partner's portal.")})
	w.render(rw, r, status, ownersPage(d))
}

func (w *Web) saveOwners(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	stands, _, err := w.app.Registrations.Owners(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	edit := registration.Owners{}
	for c, fields := range stands { // of clouds that are not connected now
		if _, ok := w.app.Registrations.Portal(c); !ok {
			edit[c] = fields
		}
	}
	for _, c := range w.connected() {
		infos, err := w.app.Registrations.FieldInfos(r.Context(), c)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		for _, f := range infos {
			o := registration.Owner(r.PostFormValue(ownerName(c, f.Path)))
			if o == "" || o == f.Owner {
				continue
			}
			if edit[c] == nil {
				edit[c] = map[string]registration.Owner{}
			}
			edit[c][f.Path] = o
		}
	}
	err = w.app.Registrations.SetOwners(r.Context(), edit, version)
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, "/settings/field-owners", "Who wins each field is saved, and what differs is compared again", "")
	case conflict(err):
		w.showOwners(rw, r, http.StatusPreconditionFailed, edit, ownersData{stale: true})
	case invalid:
		w.showOwners(rw, r, http.StatusUnprocessableEntity, edit, ownersData{version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
}
