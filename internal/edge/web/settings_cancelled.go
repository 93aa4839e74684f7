package web

import (
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

const cancelledPath = "/settings/cancelled-activities"

func (w *Web) routesCancelled() {
	w.get(cancelledPath, func(rw http.ResponseWriter, r *http.Request) {
		w.showCancelled(rw, r, http.StatusOK, cancelledData{})
	})
	w.post(cancelledPath, w.saveCancelled)
}

// cancelledData is the setting of what becomes of cancelled activities in Salesforce.
type cancelledData struct {
	page    ui.Page
	stands  activity.CancelMode
	row     setting.Row
	may     bool
	mode    activity.CancelMode // that the form holds
	version int64               // that saving the form replaces
	fields  []problem.Field
	stale   bool
}

func (w *Web) showCancelled(rw http.ResponseWriter, r *http.Request, status int, d cancelledData) {
	var err error
	if d.stands, d.row, err = w.app.Activities.CancelMode(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	if d.mode == "" {
		d.mode, d.version = d.stands, d.row.Version
	}
	if d.stale {
		d.version = d.row.Version
	}
	d.may = may(r, authz.ActionChangeSettings)
	d.page = w.settingsPage(r, "cancelled-activities", ui.Page{Lead: ui.Text("What becomes of the record in Salesforce when a meeting or another activity is cancelled.")})
	w.render(rw, r, status, cancelledPage(d))
}

func (w *Web) saveCancelled(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	mode := activity.CancelMode(r.PostFormValue("mode"))
	err = w.app.Activities.SetCancelMode(r.Context(), mode, version)
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, cancelledPath, "Saved: it holds for what is cancelled from now on", "")
	case conflict(err):
		w.showCancelled(rw, r, http.StatusPreconditionFailed, cancelledData{mode: mode, stale: true})
	case invalid:
		w.showCancelled(rw, r, http.StatusUnprocessableEntity, cancelledData{mode: mode, version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
}

func cancelWords(m activity.CancelMode) string {
	if m == activity.CancelDelete {
		return "It goes to the recycle bin"
	}
	return "It stays, and its subject says that it is cancelled"
}

func (d cancelledData) field() ui.ChoiceField {
	f := ui.ChoiceField{Name: "mode", Label: "The Event or Task in Salesforce", Error: faultOf(d.fields, "mode")}
	for _, m := range []activity.CancelMode{activity.CancelMark, activity.CancelDelete} {
		f.Options = append(f.Options, ui.Option{Value: string(m), Label: cancelWords(m), Selected: m == d.mode})
	}
	return f
}
