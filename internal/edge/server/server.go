// Package server puts pages, API, health and metrics behind one handler, with
// what all of them need: request ids, logs, security headers, sessions.
package server

import (
	"net/http"

	"github.com/tandem-cosell/tandem/internal/app"
)

// New gives the handler of a built app.
func New(a *app.App) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux, nil
}
