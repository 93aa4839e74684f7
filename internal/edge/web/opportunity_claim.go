package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/workspace"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

// claimWords says who claims what.
func claimWords(c cloudPart) string {
	var said []string
	for i := range c.View.Claims {
		said = append(said, c.View.Claims[i].String())
	}
	text := strings.Join(said, "; ") + "."
	if c.Reg != nil && c.Reg.RemoteID != "" {
		return text + " Tandem follows " + c.Reg.RemoteID + ". Say which record is the deal's; close the other one in " + c.Cloud.Portal() + "."
	}
	return text + " Tandem registers nothing twice: it waits for that record, or for your word."
}

// claimButtons are the choices: each record that is claimed, and our own.
func claimButtons(c cloudPart) []ui.Button {
	var out []ui.Button
	var ids []string
	for _, x := range c.View.Claims {
		if x.RemoteID != "" && !slices.Contains(ids, x.RemoteID) {
			ids = append(ids, x.RemoteID)
			out = append(out, ui.Button{Label: "Follow " + x.RemoteID, Small: true, Blocked: c.Register.Blocked, Attrs: templ.Attributes{"name": "remote_id", "value": x.RemoteID}})
		}
	}
	own := "Register with Tandem all the same"
	if c.Reg != nil && c.Reg.RemoteID != "" {
		own = "Keep " + c.Reg.RemoteID
	}
	return append(out, ui.Button{Label: own, Small: true, Blocked: c.Register.Blocked, Attrs: templ.Attributes{"name": "remote_id", "value": ""}})
}

func (w *Web) opportunityClaim(rw http.ResponseWriter, r *http.Request) {
	opportunityID := r.PathValue("id")
	c, err := formCloud(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	have, err := w.app.Workspace.Registrations(r.Context(), workspace.RegistrationQuery{OpportunityID: opportunityID, Clouds: []cloud.Cloud{c}, Limit: 1})
	if err == nil && len(have.Rows) == 0 {
		err = problem.NotFound("registration", opportunityID+" at "+string(c))
	}
	if err == nil {
		_, err = w.app.Registrations.ChooseClaim(r.Context(), have.Rows[0].ID, r.FormValue("remote_id"))
	}
	if err != nil {
		w.refuse(rw, r, opportunityID, refusedForm{Form: "register", Cloud: c}, err)
		return
	}
	w.done(rw, r, dealPath(opportunityID, string(c)), "Your choice holds: Tandem goes on with it now", "")
}
