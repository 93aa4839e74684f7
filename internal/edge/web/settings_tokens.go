package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

func (w *Web) routesTokens() {
	w.get("/settings/tokens", w.tokens)
	w.post("/settings/tokens", w.createToken)
	w.get("/settings/tokens/{id}/revoke", w.askRevokeToken)
	w.post("/settings/tokens/{id}/revoke", w.revokeToken)
}

// tokenLives are the choices of how long a token works.
var tokenLives = []struct {
	value, label string
	life         time.Duration
}{
	{"7", "7 days", 7 * 24 * time.Hour},
	{"30", "30 days", 30 * 24 * time.Hour},
	{"90", "90 days", 90 * 24 * time.Hour},
	{"365", "One year", 365 * 24 * time.Hour},
	{"never", "Never", 0},
}

type tokensData struct {
	page   ui.Page
	table  ui.DataTable
	asks   []ui.Confirm
	form   tokenForm
	secret string // of a token that was made just now
	name   string // of that token
}

type tokenForm struct {
	name   string
	scopes []string
	life   string
	fields []problem.Field
}

func (w *Web) tokens(rw http.ResponseWriter, r *http.Request) {
	w.showTokens(rw, r, http.StatusOK, tokensData{form: tokenForm{life: "90", scopes: []string{"read"}}})
}

func (w *Web) showTokens(rw http.ResponseWriter, r *http.Request, status int, d tokensData) {
	list, err := w.app.Team.Tokens(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d.page = w.settingsPage(r, "tokens", ui.Page{Lead: ui.Text("With a token a program does in your name what its scopes allow, and never more than you may.")})
	d.table = ui.DataTable{
		ID: "tokens", Caption: "Your API tokens", Empty: ui.EmptyState{Icon: ui.IconLock, Title: "No token yet", Text: "Make one for each program that uses the API, so that each can be revoked on its own."},
		Columns: []ui.Column{{Key: "name", Label: "Token", Fixed: true, Grow: true}, {Key: "scopes", Label: "Scopes"}, {Key: "made", Label: "Made"}, {Key: "used", Label: "Last used"}, {Key: "ends", Label: "Ends"}, {Key: "act", Label: ""}},
	}
	for _, t := range list {
		ask := revokeQuestion(t)
		d.asks = append(d.asks, ask)
		d.table.Rows = append(d.table.Rows, ui.Row{ID: t.ID, Name: t.Name, Cells: []templ.Component{
			ui.Two(t.Name, "ends in …"+t.Hint), ui.Text(strings.ReplaceAll(t.Scopes, " ", ", ")),
			ui.Time{At: t.CreatedAt, Style: ui.TimeAgo},
			tokenUse(t.LastUsedAt), tokenEnd(t, w.app.Clock.Now()),
			ui.Button{Label: "Revoke…", Small: true, Variant: ui.VariantGhost, Href: "/settings/tokens/" + url.PathEscape(t.ID) + "/revoke", OpensDialog: ask.ID},
		}})
	}
	w.render(rw, r, status, tokensPage(d))
}

func (w *Web) createToken(rw http.ResponseWriter, r *http.Request) {
	form := tokenForm{name: r.PostFormValue("name"), scopes: r.PostForm["scopes"], life: r.PostFormValue("expires_in")}
	i := slices.IndexFunc(tokenLives, func(l struct {
		value, label string
		life         time.Duration
	},
	) bool {
		return l.value == form.life
	})
	if i < 0 {
		form.fields = []problem.Field{{Field: "expires_in", Code: "required", Message: "Choose how long the token works"}}
		w.showTokens(rw, r, http.StatusUnprocessableEntity, tokensData{form: form})
		return
	}
	t, secret, err := w.app.Team.CreateToken(r.Context(), form.name, form.scopes, tokenLives[i].life)
	if fields, ok := formFields(err); ok {
		form.fields = fields
		w.showTokens(rw, r, http.StatusUnprocessableEntity, tokensData{form: form})
		return
	}
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	// Shown in this answer and nowhere else: a redirect would have to store it.
	w.showTokens(rw, r, http.StatusCreated, tokensData{form: tokenForm{life: "90", scopes: []string{"read"}}, secret: secret, name: t.Name})
}

func revokeQuestion(t team.Token) ui.Confirm {
	return ui.Confirm{
		ID: "revoke-" + t.ID, Title: "Revoke “" + t.Name + "”?", Text: "Programs that use this token are refused from now on. This cannot be taken back; make a new token instead.",
		Post: "/settings/tokens/" + url.PathEscape(t.ID) + "/revoke", Do: "Revoke token", Danger: true, Back: "/settings/tokens",
	}
}

func (w *Web) askRevokeToken(rw http.ResponseWriter, r *http.Request) {
	list, err := w.app.Team.Tokens(r.Context())
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	i := slices.IndexFunc(list, func(t team.Token) bool { return t.ID == r.PathValue("id") })
	if i < 0 {
		w.fail(rw, r, problem.NotFound("token", r.PathValue("id")))
		return
	}
	w.confirm(rw, r, "tokens", revokeQuestion(list[i]))
}

func (w *Web) revokeToken(rw http.ResponseWriter, r *http.Request) {
	if err := w.app.Team.RevokeToken(r.Context(), r.PathValue("id")); err != nil {
		w.fail(rw, r, err)
		return
	}
	w.done(rw, r, "/settings/tokens", "The token is revoked", "")
}

func tokenUse(at time.Time) templ.Component {
	if at.IsZero() {
		return ui.Muted("never")
	}
	return ui.Time{At: at, Style: ui.TimeAgo}
}

func tokenEnd(t team.Token, now time.Time) templ.Component {
	switch {
	case t.ExpiresAt.IsZero():
		return ui.Muted("never")
	case t.ExpiresAt.Sub(now) < 7*24*time.Hour:
		return ui.Badge{Tone: ui.ToneWarn, Text: "in " + counted(max(1, int(t.ExpiresAt.Sub(now).Hours()/24)), "day")}
	}
	return ui.Time{At: t.ExpiresAt, Style: ui.TimeDay}
}

func (f tokenForm) scopeField() ui.ChoiceField {
	out := ui.ChoiceField{Name: "scopes", Label: "Scopes", Many: true, Error: faultOf(f.fields, "scopes")}
	for _, s := range []struct{ value, label, hint string }{
		{"read", "Read", "see deals, registrations, connections and jobs"},
		{"write", "Write", "register, mark as joint, sync, retry"},
		{"admin", "Admin", "settings, people and tokens"},
	} {
		out.Options = append(out.Options, ui.Option{Value: s.value, Label: s.label, Hint: s.hint, Selected: slices.Contains(f.scopes, s.value)})
	}
	return out
}

func (f tokenForm) lifeField() ui.SelectField {
	out := ui.SelectField{Name: "expires_in", Label: "Works for", Required: true, Error: faultOf(f.fields, "expires_in")}
	for _, l := range tokenLives {
		out.Options = append(out.Options, ui.Option{Value: l.value, Label: l.label, Selected: l.value == f.life})
	}
	return out
}
