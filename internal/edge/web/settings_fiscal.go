package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/fiscal"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

func (w *Web) routesFiscal() {
	w.get("/settings/fiscal-year", w.fiscalYear)
	w.post("/settings/fiscal-year", w.saveFiscalYear)
}

type fiscalData struct {
	page    ui.Page
	stands  fiscal.Calendar
	row     setting.Row
	may     bool
	month   int   // that the form holds
	version int64 // that saving the form replaces
	today   date.Date
	fields  []problem.Field
	stale   bool
}

func (w *Web) fiscalYear(rw http.ResponseWriter, r *http.Request) {
	w.showFiscalYear(rw, r, http.StatusOK, fiscalData{})
}

func (w *Web) showFiscalYear(rw http.ResponseWriter, r *http.Request, status int, d fiscalData) {
	var err error
	if d.stands, d.row, err = w.app.Workspace.Calendar(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	if d.month == 0 {
		d.month, d.version = int(d.stands.StartMonth), d.row.Version
	}
	if d.stale {
		d.version = d.row.Version
	}
	d.may, d.today = may(r, authz.ActionChangeSettings), w.dayNow()
	d.page = w.settingsPage(r, "fiscal-year", ui.Page{Lead: ui.Text("By which quarters the team counts.")})
	w.render(rw, r, status, fiscalPage(d))
}

func (w *Web) saveFiscalYear(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	month, err := strconv.Atoi(r.PostFormValue("start_month"))
	if err != nil {
		month = -1
	}
	err = w.app.Workspace.SetCalendar(r.Context(), month, version)
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, "/settings/fiscal-year", "The fiscal year starts in "+time.Month(month).String(), "")
	case conflict(err):
		w.showFiscalYear(rw, r, http.StatusPreconditionFailed, fiscalData{month: month, stale: true})
	case invalid:
		w.showFiscalYear(rw, r, http.StatusUnprocessableEntity, fiscalData{month: month, version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
}

func (d fiscalData) field() ui.SelectField {
	f := ui.SelectField{Name: "start_month", Label: "First month of the fiscal year", Required: true, Error: faultOf(d.fields, "start_month")}
	for m := time.January; m <= time.December; m++ {
		f.Options = append(f.Options, ui.Option{Value: strconv.Itoa(int(m)), Label: m.String(), Selected: int(m) == d.month})
	}
	return f
}

func (d fiscalData) facts() []ui.Fact {
	p := d.stands.Quarter(d.today)
	return []ui.Fact{
		{Label: "Starts on", Value: ui.Text("1 " + d.stands.StartMonth.String())},
		{Label: "Today is in", Value: ui.Text(p.String())},
		{Label: "That quarter", Value: ui.Text(string(p.From) + " to " + string(p.To))},
	}
}
