package web

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce/pack"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func (w *Web) routesConnections() {
	w.get("/connections", w.connections)
	w.get("/connections/progress", w.connectionsProgress)
	w.get("/connections/{id}", w.connection)
	w.get(packagePath, w.connectionPackage)
	w.post("/connections/sync", w.connectionsSync)
	w.post("/connections/check", w.connectionsCheck)
}

// salesforceID is the connection id of the system of record; the others are
// those of the clouds.
const salesforceID = "salesforce"

type connectionView struct {
	c      connection.Connection
	cloud  cloud.Cloud // "" for Salesforce
	row    ui.HealthRow
	guide  guide
	words  string // the last error for people
	system string // the system's own text behind it
	watch  watchView

	changes changesView // of Salesforce
}

type connectionsData struct {
	page    ui.Page
	sync    syncPart
	systems []connectionView
}

func (w *Web) connections(rw http.ResponseWriter, r *http.Request) {
	systems, err := w.connectionViews(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	s, err := w.syncPart(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	d := connectionsData{sync: s, systems: systems, page: w.page(r, ui.Page{
		Title: "Connections", Nav: ui.AreaConnections,
		Lead: ui.Text("The systems outside Tandem: whether they answer, how fresh what they told us is, and how much of their quota is used."),
	})}
	w.render(rw, r, http.StatusOK, connectionsPage(d))
}

// connectionViews gives Salesforce and the three portals, in that order, whether
// anything is known of them or not.
func (w *Web) connectionViews(r *http.Request) ([]connectionView, error) {
	known, err := w.app.Connections.List(r.Context())
	if err != nil {
		return nil, err
	}
	ids := []string{salesforceID}
	for _, c := range cloud.All() {
		ids = append(ids, string(c))
	}
	var out []connectionView
	for _, id := range ids {
		c := connection.Connection{ID: id, Status: connection.StatusUnknown}
		if i := slices.IndexFunc(known, func(c connection.Connection) bool { return c.ID == id }); i >= 0 {
			c = known[i]
		}
		if !w.configured(id) {
			c = connection.Connection{ID: id, Status: connection.StatusNotConnected}
		}
		out = append(out, w.connectionView(r, c))
	}
	return out, nil
}

// configured reports whether this process has what it needs to call a system.
func (w *Web) configured(id string) bool {
	if id == salesforceID {
		return w.app.Sync.CRM != nil
	}
	_, ok := w.app.Registrations.Portal(cloud.Cloud(id))
	return ok
}

func (w *Web) connectionView(r *http.Request, c connection.Connection) connectionView {
	v := connectionView{c: c, guide: guides[c.ID]}
	if k := cloud.Cloud(c.ID); k.Valid() {
		v.cloud = k
	}
	v.words, v.system = splitError(c.Error)
	now := w.app.Clock.Now()
	v.row = ui.HealthRow{Name: c.Label(), Href: "/connections/" + c.ID, Cloud: string(v.cloud), State: healthBadge(c.Status), LastOK: lastAnswer(c), Meters: meters(c), Note: healthNote(v, now)}
	if c.Status != connection.StatusNotConnected && may(r, authz.ActionSync) {
		v.row.Actions = []ui.Button{checkButton(c.ID)}
	}
	return v
}

// checkButton looks at a system again: Salesforce by reading it, a portal by
// asking for its health.
func checkButton(id string) ui.Button {
	if id == salesforceID {
		return ui.Button{Label: "Sync now", Icon: ui.IconRefresh, Small: true, Attrs: map[string]any{"form": "sync-now"}}
	}
	return ui.Button{Label: "Check now", Icon: ui.IconRefresh, Small: true, Attrs: map[string]any{"form": "check-now"}}
}

func healthBadge(s connection.Status) ui.Badge {
	b := ui.Badge{Text: s.Label()}
	switch s {
	case connection.StatusHealthy:
		b.Tone, b.Text = ui.ToneSuccess, "Working"
	case connection.StatusDegraded:
		b.Tone, b.Text = ui.ToneWarn, "Answers badly"
	case connection.StatusDown:
		b.Tone, b.Text = ui.ToneDanger, "Needs mending"
	}
	return b
}

// lastAnswer is when the system last answered as it should, as far as is known.
func lastAnswer(c connection.Connection) time.Time {
	if c.Status == connection.StatusHealthy {
		return c.CheckedAt
	}
	return c.SyncedAt
}

func meters(c connection.Connection) []ui.Meter {
	var out []ui.Meter
	for _, u := range c.Usage.V {
		m := ui.Meter{Label: u.Name, Used: u.Used, Limit: u.Limit}
		if u.Limit <= 0 {
			m.Unit = "(limit not known)"
		}
		out = append(out, m)
	}
	return out
}

func healthNote(v connectionView, now time.Time) string {
	c := v.c
	switch c.Status {
	case connection.StatusDown:
		return v.words + ". A person has to mend it: see what to do below."
	case connection.StatusDegraded:
		return v.words + ". Tandem tries again by itself; nothing is lost meanwhile."
	case connection.StatusNotConnected:
		return v.guide.absent
	case connection.StatusHealthy:
		if !c.SyncedAt.IsZero() {
			return c.Detail + " · " + counted(int(c.Records), v.guide.taken) + " read " + passed(now, c.SyncedAt)
		}
	}
	return c.Detail
}

func (w *Web) connection(rw http.ResponseWriter, r *http.Request) {
	systems, err := w.connectionViews(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	i := slices.IndexFunc(systems, func(v connectionView) bool { return v.c.ID == r.PathValue("id") })
	if i < 0 {
		w.fail(rw, r, problem.NotFound("connection", r.PathValue("id")))
		return
	}
	v := systems[i]
	s, err := w.syncPart(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	p := ui.Page{Title: v.c.Label(), Nav: ui.AreaConnections, Crumbs: []ui.Crumb{{Label: "Connections", Href: "/connections"}}, Lead: healthBadge(v.c.Status)}
	if len(v.row.Actions) > 0 {
		b := v.row.Actions[0]
		b.Small = false
		p.Actions = []ui.Button{b}
	}
	if v.watch, err = w.watchOf(r, v); err != nil {
		w.fail(rw, r, err)
		return
	}
	if v.c.ID == salesforceID && v.c.Status != connection.StatusNotConnected {
		if v.changes, err = w.changesOf(r); err != nil {
			w.fail(rw, r, err)
			return
		}
	}
	w.render(rw, r, http.StatusOK, connectionPage(w.page(r, p), v, s))
}

func (w *Web) connectionsSync(rw http.ResponseWriter, r *http.Request) {
	_, running, err := w.app.Sync.StartPull(r.Context(), w.app.Jobs)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	message := "Reading Salesforce has started"
	if running {
		message = "Salesforce is being read already"
	}
	w.done(rw, r, back(r, "/connections"), message, "")
}

func (w *Web) connectionsCheck(rw http.ResponseWriter, r *http.Request) {
	_, running, err := w.app.Sync.StartRefresh(r.Context(), w.app.Jobs)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	message := "The portals are being asked; reload in a moment to see what they say"
	if running {
		message = "The portals are being asked already"
	}
	w.done(rw, r, back(r, "/connections"), message, "")
}

// packagePath is where the metadata for a Salesforce organisation is.
const packagePath = "/connections/salesforce/package.zip"

func (w *Web) connectionPackage(rw http.ResponseWriter, r *http.Request) {
	var b bytes.Buffer
	if err := pack.Zip(&b); err != nil {
		w.fail(rw, r, err)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="tandem-salesforce.zip"`)
	if _, err := rw.Write(b.Bytes()); err != nil {
		w.app.Log.DebugContext(r.Context(), "the package was not sent whole", "error", err)
	}
}

// connectionsProgress tells a page that waits for a read of Salesforce how it
// ended; 204 while it still runs, which changes nothing on the page.
func (w *Web) connectionsProgress(rw http.ResponseWriter, r *http.Request) {
	s, err := w.syncPart(r)
	if err != nil {
		w.fail(rw, r, err)
		return
	}
	if s.running {
		rw.WriteHeader(http.StatusNoContent)
		return
	}
	text, tone := "Salesforce is read: "+counted(int(s.last.Records), "changed record")+" taken", ui.ToneSuccess
	if words, _ := splitError(s.last.Error); words != "" {
		text, tone = "Salesforce could not be read: "+words, ui.ToneDanger
	}
	w.render(rw, r, http.StatusOK, syncEnded(text, back(r, "/connections"), tone))
}

// Render writes the form behind “Sync now”, and the progress of a read that runs.
func (s syncPart) Render(ctx context.Context, out io.Writer) error { return s.html().Render(ctx, out) }
