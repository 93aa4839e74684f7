package web

import (
	"net/http"
	"slices"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

func (w *Web) routesSolutions() {
	w.get("/settings/solutions", w.solutions)
	w.post("/settings/solutions", w.saveSolutions)
}

type solutionsData struct {
	page    ui.Page
	row     setting.Row
	may     bool
	version int64
	clouds  []cloudSolutions
	fields  []problem.Field
	stale   bool
}

type cloudSolutions struct {
	cloud     cloud.Cloud
	connected bool
	choice    ui.ChoiceField
	chosen    []string // names, for those who only read
}

func (w *Web) solutions(rw http.ResponseWriter, r *http.Request) {
	w.showSolutions(rw, r, http.StatusOK, nil, solutionsData{})
}

// showSolutions shows what stands, or with edit what somebody chose.
func (w *Web) showSolutions(rw http.ResponseWriter, r *http.Request, status int, edit registration.DefaultSolutions, d solutionsData) {
	stands, row, err := w.app.Registrations.Defaults(r.Context())
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
	for _, c := range cloud.All() {
		cs := cloudSolutions{cloud: c, choice: ui.ChoiceField{Name: string(c), Label: "Solutions in " + c.Portal(), Many: true, Error: faultOf(d.fields, string(c))}}
		_, cs.connected = w.app.Registrations.Portal(c)
		known, err := w.app.Registrations.Solutions(r.Context(), c)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		for _, s := range known {
			on := slices.Contains(edit[c], s.RemoteID)
			if on {
				cs.chosen = append(cs.chosen, s.Name)
			}
			cs.choice.Options = append(cs.choice.Options, ui.Option{Value: s.RemoteID, Label: s.Name, Selected: on, Hint: s.RemoteID + " · " + s.Category + " · " + s.Status})
		}
		for _, id := range edit[c] {
			if !slices.ContainsFunc(known, func(s registration.Solution) bool { return s.RemoteID == id }) {
				cs.chosen = append(cs.chosen, id)
				cs.choice.Options = append(cs.choice.Options, ui.Option{Value: id, Label: id, Selected: true, Hint: "not in the portal any more: take it out"})
			}
		}
		d.clouds = append(d.clouds, cs)
	}
	d.page = w.settingsPage(r, "solutions", ui.Page{Lead: ui.Text("What is linked to a deal for which nobody chose a solution.")})
	w.render(rw, r, status, solutionsPage(d))
}

func (w *Web) saveSolutions(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	edit := registration.DefaultSolutions{}
	for _, c := range cloud.All() {
		if ids := r.PostForm[string(c)]; len(ids) > 0 {
			edit[c] = ids
		}
	}
	err = w.app.Registrations.SetDefaults(r.Context(), edit, version)
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, "/settings/solutions", "The default solutions are saved, and blocked deals are checked again", "")
	case conflict(err):
		w.showSolutions(rw, r, http.StatusPreconditionFailed, edit, solutionsData{stale: true})
	case invalid:
		w.showSolutions(rw, r, http.StatusUnprocessableEntity, edit, solutionsData{version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
}
