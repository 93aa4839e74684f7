// Package server puts pages, API, health and metrics behind one handler, with
// what all of them need: request ids, logs, security headers, sessions.
package server

import (
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/edge/api"
	"github.com/tandem-cosell/tandem/internal/edge/web"
)

// New gives the handler of a built app.
func New(a *app.App) (http.Handler, error) {
	pages := web.New(a)
	rest, err := api.New(a)
	if err != nil {
		return nil, fmt.Errorf("the API: %w", err)
	}
	microsoft, err := api.NewMicrosoftHook(a)
	if err != nil {
		return nil, err
	}
	cross := http.NewCrossOriginProtection()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", health)
	mux.HandleFunc("GET /readyz", ready(a))
	mux.Handle("GET /metrics", metrics(a))
	mux.Handle(api.HookPath, api.NewHook(a))
	mux.Handle(api.MicrosoftHookPath, microsoft)
	mux.Handle("/api/v1/", cross.Handler(pages.WithActor(rest)))
	mux.Handle("/", cross.Handler(pages.WithActor(pages.Handler())))
	return observe(a, mux), nil
}

// health says that the process runs.
func health(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(rw, `{"status":"ok"}`)
}

// ready says whether the process can answer: its database does.
func ready(a *app.App) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		if err := a.Ready(r.Context()); err != nil {
			a.Log.WarnContext(r.Context(), "not ready", "error", err)
			rw.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(rw, `{"status":"unavailable","part":"database"}`)
			return
		}
		fmt.Fprintln(rw, `{"status":"ready"}`)
	}
}

// metrics are for this machine, or for whoever has the token.
func metrics(a *app.App) http.Handler {
	h := a.Metrics.Handler()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		token := a.Config.MetricsToken
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1:
		case token == "" && local(r):
		default:
			http.Error(rw, "metrics are for this machine only, or need the bearer token of --metrics-token", http.StatusForbidden)
			return
		}
		h.ServeHTTP(rw, r)
	})
}

func local(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// observe gives each request an id, sets the headers that hold for all answers,
// turns a panic into an answer, and counts and logs what was answered.
func observe(a *app.App, next *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		began := a.Clock.Now()
		h := rw.Header()
		requestID := r.Header.Get("X-Request-Id")
		if !validRequestID(requestID) {
			requestID = id.New("req")
			r.Header.Set("X-Request-Id", requestID)
		}
		h.Set("X-Request-Id", requestID)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		if strings.HasPrefix(a.Config.BaseURL, "https://") {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		rec := &recorder{ResponseWriter: rw, status: http.StatusOK}
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it like this
					panic(v) //nolint:forbidigo // net/http asks for it
				}
				a.Log.ErrorContext(r.Context(), "a handler panicked", "request", requestID, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
				if !rec.wrote {
					http.Error(rec, "Something went wrong on our side. Reference: "+requestID, http.StatusInternalServerError)
				}
			}
			_, route := next.Handler(r)
			a.Metrics.Request(route, r.Method, rec.status, a.Clock.Now().Sub(began))
			a.Log.DebugContext(r.Context(), "answered", "request", requestID, "method", r.Method, "path", r.URL.Path, "status", rec.status, "took", a.Clock.Now().Sub(began))
		}()
		next.ServeHTTP(rec, r)
	})
}

func validRequestID(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader notes the status.
func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write notes that something was written.
func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap gives the writer below, for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
