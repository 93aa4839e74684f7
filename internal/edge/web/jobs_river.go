package web

import (
	"net/http"

	"riverqueue.com/riverui"

	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// riverPrefix is where River's own pages about its queues stand.
const riverPrefix = "/jobs/river"

// riverPolicy lets River's pages set styles from script, which they do for their
// menus; nothing comes from anywhere else.
const riverPolicy = ui.ContentSecurityPolicy + "; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

// routesRiver mounts River's own pages, for those who may see jobs; to change
// anything there needs retry_job.
func (w *Web) routesRiver() {
	pages, err := riverui.NewHandler(&riverui.HandlerOpts{Endpoints: riverui.NewEndpoints(w.app.Jobs.River(), nil), Logger: w.log, Prefix: riverPrefix})
	w.mux.HandleFunc(riverPrefix+"/", w.signedIn(func(rw http.ResponseWriter, r *http.Request) {
		action := authz.ActionReadOperations
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			action = authz.ActionRetryJob
		}
		if aerr := authz.Require(r.Context(), action); aerr != nil {
			w.fail(rw, r, aerr)
			return
		}
		if err != nil {
			w.fail(rw, r, err)
			return
		}
		rw.Header().Set("Content-Security-Policy", riverPolicy)
		rw.Header().Set("Cache-Control", "no-cache")
		pages.ServeHTTP(rw, r)
	}))
}
