package web

import (
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

func (w *Web) routesSignIn() {
	w.mux.HandleFunc("GET /sign-in", w.signInPage)
	w.mux.HandleFunc("POST /sign-in", w.signIn)
	w.mux.HandleFunc("POST /sign-out", w.signOut)
	w.mux.HandleFunc("GET /sign-out", w.signOutPage)
}

func (w *Web) signInForm(r *http.Request) ui.SignIn {
	return ui.SignIn{Action: "/sign-in", Next: localPath(r.FormValue("next"), "/"), Environment: w.app.Config.Environment, Version: w.app.Config.Version}
}

func (w *Web) signInPage(rw http.ResponseWriter, r *http.Request) {
	if person(r.Context()).ID != "" {
		http.Redirect(rw, r, localPath(r.FormValue("next"), "/"), http.StatusSeeOther)
		return
	}
	form := w.signInForm(r)
	any, err := w.app.Team.HasUsers(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if !any {
		form.Error = "Nobody can sign in yet: run “tandem user add” on the server to make the first user."
	}
	w.render(rw, r, http.StatusOK, form)
}

func (w *Web) signIn(rw http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(rw, r.Body, 64<<10)
	form := w.signInForm(r)
	form.Email = r.FormValue("email")
	p, err := w.app.Team.SignIn(r.Context(), form.Email, r.FormValue("password"), machine(r))
	if err != nil {
		switch problem.KindOf(err) {
		case problem.KindUnauthorized, problem.KindTooMany:
			form.Error = err.Error()
			w.render(rw, r, ui.StatusOf(problem.KindOf(err)), form)
		default:
			w.fail(rw, r, err)
		}
		return
	}
	// A new token: one that somebody planted before is worth nothing.
	if err := w.sessions.RenewToken(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.sessions.Put(r.Context(), keyPerson, p.ID)
	w.sessions.Put(r.Context(), keyPrint, fingerprint(&p))
	http.Redirect(rw, r, form.Next, http.StatusSeeOther)
}

func (w *Web) signOutPage(rw http.ResponseWriter, r *http.Request) {
	http.Redirect(rw, r, "/", http.StatusSeeOther)
}

func (w *Web) signOut(rw http.ResponseWriter, r *http.Request) {
	if err := w.sessions.Destroy(r.Context()); err != nil {
		w.fail(rw, r, err)
		return
	}
	http.Redirect(rw, r, "/sign-in", http.StatusSeeOther)
}
