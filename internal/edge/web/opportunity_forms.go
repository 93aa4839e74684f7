package web

import (
	"fmt"
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// refuse shows the page again with the form as it was sent, or the error as a
// page if no form can mend it.
func (w *Web) refuse(rw http.ResponseWriter, r *http.Request, opportunityID string, f refusedForm, err error) {
	fields, message, ok := fieldsOf(err)
	if !ok {
		w.fail(rw, r, err)
		return
	}
	f.Fields, f.Message = fields, message
	w.showDeal(rw, r, ui.StatusOf(problem.KindOf(err)), opportunityID, &f)
}

// formCloud reads the cloud of a form.
func formCloud(r *http.Request) (cloud.Cloud, error) {
	c := cloud.Cloud(r.FormValue("cloud"))
	if !c.Valid() {
		return "", problem.Invalid("cloud", "unknown_cloud", "Use aws, azure or gcp")
	}
	return c, nil
}

// stateAt gives the state of the registration at a cloud; "" if there is none.
func (w *Web) stateAt(r *http.Request, opportunityID string, c cloud.Cloud) (registration.State, error) {
	have, err := w.app.Workspace.Registrations(r.Context(), workspace.RegistrationQuery{OpportunityID: opportunityID, Clouds: []cloud.Cloud{c}, Limit: 1})
	if err != nil || len(have.Rows) == 0 {
		return "", err
	}
	return have.Rows[0].State, nil
}

func (w *Web) opportunityRegister(rw http.ResponseWriter, r *http.Request) {
	opportunityID := r.PathValue("id")
	c, err := formCloud(r)
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionRegister)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f := refusedForm{Form: "register", Cloud: c}
	state, err := w.stateAt(r, opportunityID, c)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if seen := r.FormValue("seen"); seen != "" && seen != fallback(string(state), "none") {
		w.refuse(rw, r, opportunityID, f, &problem.Error{
			Kind: problem.KindPrecondition, Code: "stale_version",
			Message: fmt.Sprintf("It moved on since you opened this page: at %s it is now “%s”. Look at it and decide again.", c.Label(), stateWords(state, 0)),
		})
		return
	}
	res, err := w.app.Approvals.Register(r.Context(), opportunityID, c)
	if err != nil {
		w.refuse(rw, r, opportunityID, f, err)
		return
	}
	message := "Tandem sends it to " + c.Portal() + " now"
	switch {
	case res.Waiting != nil:
		message = res.Waiting.Message()
	case res.Registration.State.InPortal():
		message = "Tandem reads it from " + c.Portal() + " now"
	}
	w.done(rw, r, dealPath(opportunityID, string(c)), message, "")
}

func (w *Web) opportunityJoint(rw http.ResponseWriter, r *http.Request) {
	opportunityID := r.PathValue("id")
	c, err := formCloud(r)
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionMarkJoint)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f := refusedForm{Form: "joint", Cloud: c, Joint: r.FormValue("joint"), Reason: r.FormValue("reason")}
	now, err := w.jointAt(r.Context(), opportunityID, c)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if seen := r.FormValue("seen"); seen != "" && seen != jointStamp(now) {
		w.refuse(rw, r, opportunityID, f, &problem.Error{
			Kind: problem.KindPrecondition, Code: "stale_version",
			Message: "Somebody, or the rule, decided this anew since you opened the page. Look at the decision that stands and send yours again if it still holds.",
		})
		return
	}
	joint, err := jointChoice(f.Joint)
	var res approval.Result
	if err == nil {
		res, err = w.app.Approvals.MarkJoint(r.Context(), opportunityID, c, joint, f.Reason)
	}
	if err != nil {
		w.refuse(rw, r, opportunityID, f, err)
		return
	}
	message := "The rule decides again whether it is joint with " + c.Label()
	switch {
	case res.Waiting != nil:
		message = res.Waiting.Message()
	case joint != nil:
		message = "It is joint with " + c.Label() + " now, by your word"
		if !*joint {
			message = "It is not joint with " + c.Label() + " now, by your word"
		}
	}
	w.done(rw, r, dealPath(opportunityID, string(c)), message, "")
}

func (w *Web) opportunitySolutions(rw http.ResponseWriter, r *http.Request) {
	opportunityID := r.PathValue("id")
	c, err := formCloud(r)
	if err == nil {
		err = authz.Require(r.Context(), authz.ActionRegister)
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	f := refusedForm{Form: "solutions", Cloud: c, Chosen: r.Form["solutions"]}
	version, err := positive(r.FormValue("version"))
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	have, err := w.app.Workspace.Registrations(r.Context(), workspace.RegistrationQuery{OpportunityID: opportunityID, Clouds: []cloud.Cloud{c}, Limit: 1})
	if err == nil && len(have.Rows) == 0 {
		err = problem.NotFound("registration", opportunityID+" at "+string(c))
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	reg, err := w.app.Registrations.ChooseSolutions(r.Context(), have.Rows[0].ID, f.Chosen, version)
	if err != nil {
		w.refuse(rw, r, opportunityID, f, err)
		return
	}
	w.done(rw, r, dealPath(opportunityID, string(c)), plural(int64(len(reg.Solutions())), "solution is chosen", "solutions are chosen"), "")
}
