package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

func (w *Web) routesPolicies() {
	w.get("/settings/policies", w.policies)
	w.post("/settings/policies", w.savePolicies)
}

type policiesData struct {
	page      ui.Page
	row       setting.Row
	may       bool
	version   int64
	threshold string
	files     []authz.PolicyFile
	log       []string
	fields    []problem.Field
	stale     bool
}

func (w *Web) policies(rw http.ResponseWriter, r *http.Request) {
	w.showPolicies(rw, r, http.StatusOK, policiesData{})
}

// policyLog is how many changes of the value are shown.
const policyLog = 10

func (w *Web) showPolicies(rw http.ResponseWriter, r *http.Request, status int, d policiesData) {
	rules, row, err := w.app.Approvals.Rules(r.Context())
	if err == nil {
		d.files, err = authz.PolicyFiles()
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if d.threshold == "" {
		d.threshold, d.version = strconv.FormatInt(rules.ThresholdUSD, 10), row.Version
	}
	if d.stale {
		d.version = row.Version
	}
	d.row, d.may = row, may(r, authz.ActionChangeSettings)
	if may(r, authz.ActionReadOperations) {
		entries, err := audit.Read(r.Context(), w.app.DB, approval.RulesSetting, policyLog)
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		for _, e := range entries {
			d.log = append(d.log, e.At.Format("2 January 2006, 15:04 UTC")+", "+e.ActorName+": "+e.Detail)
		}
	}
	d.page = w.settingsPage(r, "policies", ui.Page{Lead: ui.Text("Who may do what, who needs a Director's approval, and from which value on.")})
	w.render(rw, r, status, policiesPage(d))
}

func (w *Web) savePolicies(rw http.ResponseWriter, r *http.Request) {
	version, err := formVersion(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	typed := strings.TrimSpace(r.PostFormValue("threshold_usd"))
	n, err := strconv.ParseInt(strings.NewReplacer(",", "", " ", "").Replace(typed), 10, 64)
	if err != nil {
		err = problem.Invalid("threshold_usd", "malformed", "Give a whole number of US dollars, such as 250000")
	} else {
		err = w.app.Approvals.SetRules(r.Context(), approval.Rules{ThresholdUSD: n}, version)
	}
	fields, invalid := formFields(err)
	switch {
	case err == nil:
		w.done(rw, r, "/settings/policies", "The value is saved and holds from now on", "")
	case conflict(err):
		w.showPolicies(rw, r, http.StatusPreconditionFailed, policiesData{threshold: typed, stale: true})
	case invalid:
		w.showPolicies(rw, r, http.StatusUnprocessableEntity, policiesData{threshold: typed, version: version, fields: fields})
	default:
		w.fail(rw, r, err)
	}
}
