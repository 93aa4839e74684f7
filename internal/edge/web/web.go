// Package web is the pages: it reads a request, calls one service and shows what
// it gave. There is no rule and no SQL here. A page works as a plain page;
// JavaScript only makes it quicker.
package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/alexedwards/scs/v2"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/edge/web/static"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Web is the pages of one app.
type Web struct {
	app      *app.App
	log      *slog.Logger
	sessions *scs.SessionManager
	mux      *http.ServeMux
}

// How long a session lives without being used, and at most.
const (
	sessionIdle = 8 * time.Hour
	sessionLife = 7 * 24 * time.Hour
)

// Keys of what a session holds.
const (
	keyPerson  = "person"
	keyPrint   = "print"
	keyFlash   = "flash"
	keyWarning = "warning"
	keyUndo    = "undo"
)

// New makes the pages of an app.
func New(a *app.App) *Web {
	w := &Web{app: a, log: a.Log, sessions: scs.New(), mux: http.NewServeMux()}
	w.sessions.Store = a.Sessions
	w.sessions.IdleTimeout, w.sessions.Lifetime = sessionIdle, sessionLife
	w.sessions.Cookie.Name, w.sessions.Cookie.HttpOnly, w.sessions.Cookie.SameSite = "tandem_session", true, http.SameSiteLaxMode
	w.sessions.Cookie.Secure = strings.HasPrefix(a.Config.BaseURL, "https://")
	w.sessions.ErrorFunc = func(rw http.ResponseWriter, r *http.Request, err error) { w.fail(rw, r, err) }
	w.mux.Handle("GET "+static.Prefix, static.Handler())
	w.routesSignIn()
	w.routesToday()
	w.routesOpportunities()
	w.routesOpportunity()
	w.routesRegistrations()
	w.routesApprovals()
	w.routesCoverage()
	w.routesAttention()
	w.routesTagging()
	w.routesAutomation()
	w.routesRoutes()
	w.routesRouteRules()
	w.routesConflicts()
	w.routesFields()
	w.routesInvitations()
	w.routesActivities()
	w.routesIntros()
	w.routesHandOvers()
	w.routesConnections()
	w.routesJobs()
	w.routesSettings()
	w.routesSearch()
	w.routesEvents()
	w.mux.HandleFunc("/", w.signedIn(func(rw http.ResponseWriter, r *http.Request) {
		w.fail(rw, r, &problem.Error{Kind: problem.KindNotFound, Code: "page_not_found", Message: "There is no page at this address"})
	}))
	return w
}

// Handler serves the pages. WithActor must be around it.
func (w *Web) Handler() http.Handler { return w.mux }

// WithActor loads the session and puts who is signed in into the context, for
// pages and API alike. Requests without a session pass as they are.
func (w *Web) WithActor(next http.Handler) http.Handler {
	return w.sessions.LoadAndSave(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r = r.WithContext(authz.Without(r.Context())) // only a session or a token says who asks
		if personID := w.sessions.GetString(r.Context(), keyPerson); personID != "" {
			p, err := w.app.Team.Person(r.Context(), personID)
			switch {
			case err == nil && w.sessions.GetString(r.Context(), keyPrint) != fingerprint(&p):
				// The password was changed since: the session ends with the old one.
				if derr := w.sessions.Destroy(r.Context()); derr != nil {
					w.log.ErrorContext(r.Context(), "end the session of a changed password", "error", derr)
				}
			case err == nil:
				ctx := team.KeepSession(authz.With(r.Context(), p.Actor()), w.keepSession)
				r = r.WithContext(context.WithValue(ctx, personKey{}, p))
			case problem.Is(err, problem.KindNotFound):
				if derr := w.sessions.Destroy(r.Context()); derr != nil {
					w.log.ErrorContext(r.Context(), "end the session of somebody who left", "error", derr)
				}
			default:
				w.fail(rw, r, err)
				return
			}
		}
		next.ServeHTTP(rw, r)
	}))
}

// keepSession lets the session of ctx outlive a new password of its person, under
// a new token.
func (w *Web) keepSession(ctx context.Context, p team.Person) error {
	if err := w.sessions.RenewToken(ctx); err != nil {
		return err
	}
	w.sessions.Put(ctx, keyPrint, fingerprint(&p))
	return nil
}

// fingerprint tells one password of a person from another without saying it.
func fingerprint(p *team.Person) string {
	sum := sha256.Sum256([]byte(p.PasswordHash))
	return hex.EncodeToString(sum[:8])
}

type personKey struct{}

// person gives who is signed in; the zero Person when nobody is.
func person(ctx context.Context) team.Person {
	p, _ := ctx.Value(personKey{}).(team.Person)
	return p
}

// get and post register a page for those who are signed in.
func (w *Web) get(pattern string, h http.HandlerFunc) {
	w.mux.HandleFunc("GET "+pattern, w.signedIn(h))
}

func (w *Web) post(pattern string, h http.HandlerFunc) {
	w.mux.HandleFunc("POST "+pattern, w.signedIn(func(rw http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(rw, r.Body, 1<<20)
		if err := r.ParseForm(); err != nil {
			w.fail(rw, r, problem.Invalid("form", "malformed", "The form could not be read: it is damaged or larger than 1 MiB"))
			return
		}
		h(rw, r)
	}))
}

// signedIn sends those who are not to the sign-in page, and back afterwards.
func (w *Web) signedIn(h http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if person(r.Context()).ID != "" {
			h(rw, r)
			return
		}
		if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("Accept") != "" && r.Header.Get("Accept") != "*/*" {
			w.fail(rw, r, problem.Unauthorized("not_signed_in", "Sign in first"))
			return
		}
		next := ""
		if r.URL.Path != "/" {
			next = "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
		}
		http.Redirect(rw, r, "/sign-in"+next, http.StatusSeeOther)
	}
}

// page fills what is the same on every page.
func (w *Web) page(r *http.Request, p ui.Page) ui.Page {
	who := person(r.Context())
	p.Person = ui.Person{Name: who.Name, Email: who.Email, Role: who.Level.Label()}
	p.Items = w.nav(r)
	p.PaletteSearch, p.SearchHref = "/search.json", "/search"
	p.Version, p.Environment = w.app.Config.Version, w.app.Config.Environment
	if s := w.sessions.PopString(r.Context(), keyFlash); s != "" {
		p.Flashes = append(p.Flashes, ui.Flash{Tone: ui.ToneSuccess, Text: s, UndoPost: w.sessions.PopString(r.Context(), keyUndo)})
	}
	if s := w.sessions.PopString(r.Context(), keyWarning); s != "" {
		p.Flashes = append(p.Flashes, ui.Flash{Tone: ui.ToneWarn, Text: s})
	}
	return p
}

// nav leaves out what the person may not see.
func (w *Web) nav(r *http.Request) []ui.NavItem {
	var out []ui.NavItem
	for _, item := range ui.DefaultNav() {
		if (item.Area == ui.AreaConnections || item.Area == ui.AreaJobs) && !may(r, authz.ActionReadOperations) {
			continue
		}
		if item.Area == ui.AreaAttention {
			item.Count, item.Tone = w.attentionCount(r), ui.ToneDanger
		}
		if item.Area == ui.AreaConflicts {
			item.Count, item.Tone = w.countConflicts(r), ui.ToneWarn
		}
		out = append(out, item)
	}
	return out
}

// countConflicts counts for the navigation, which does without when it cannot.
func (w *Web) countConflicts(r *http.Request) int {
	n, err := w.app.Registrations.CountOpen(r.Context(), registration.FieldConflict)
	if err != nil && r.Context().Err() == nil {
		w.log.WarnContext(r.Context(), "count the conflicts", "error", err)
	}
	return int(n)
}

// may reports whether who is signed in may do the action; pages use it to show
// or block a button, the services decide.
func may(r *http.Request, action authz.Action) bool { return authz.Require(r.Context(), action) == nil }

// render writes a page with the given status.
func (w *Web) render(rw http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", ui.ContentSecurityPolicy)
	h.Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	if err := c.Render(r.Context(), rw); err != nil && r.Context().Err() == nil {
		w.log.ErrorContext(r.Context(), "write a page", "path", r.URL.Path, "error", err)
	}
}

// fail shows an error as a page: what happened, to what, and what to do. An
// internal one is logged under the reference that the page shows.
func (w *Web) fail(rw http.ResponseWriter, r *http.Request, err error) {
	reference := id.New("err")
	kind := problem.KindOf(err)
	if kind == problem.KindInternal || kind == problem.KindUnavailable {
		w.log.ErrorContext(r.Context(), "a page failed", "method", r.Method, "path", r.URL.Path, "reference", reference, "error", err)
	}
	e := ui.ErrorOf(err, reference)
	if person(r.Context()).ID == "" {
		w.render(rw, r, e.Status, barePage(e))
		return
	}
	w.render(rw, r, e.Status, errorPage(w.page(r, ui.Page{Title: e.Title, HideTitle: true}), e))
}

// done ends a POST: it leaves a message for the next page and goes there. undo,
// if set, is the address that takes the act back.
func (w *Web) done(rw http.ResponseWriter, r *http.Request, to, message, undo string) {
	w.sessions.Put(r.Context(), keyFlash, message)
	if undo != "" {
		w.sessions.Put(r.Context(), keyUndo, undo)
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
}

// back gives the page a form came from, if it is one of ours, else fallback.
func back(r *http.Request, fallback string) string {
	u, err := url.Parse(r.Header.Get("Referer"))
	if err != nil || u.Host != r.Host || u.Path == "" {
		return fallback
	}
	return localPath(u.RequestURI(), fallback)
}

// localPath gives s if it is a path on this server, else fallback.
func localPath(s, fallback string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.HasPrefix(s, "/\\") {
		return fallback
	}
	return s
}

// machine gives the caller's address without its port, for throttling.
func machine(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
