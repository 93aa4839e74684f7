package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/idempotency"
)

const (
	maxBody     = 1 << 20          // bytes of a request body
	bodyTimeout = 10 * time.Second // for the body to arrive
	afterwards  = 10 * time.Second // for the answer to be kept when the caller is gone
)

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	s, _ := ctx.Value(requestIDKey{}).(string)
	return s
}

// ServeHTTP answers a request below /api/v1.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rid := r.Header.Get("X-Request-Id")
	if !plainID(rid) {
		rid = id.New("req")
	}
	ctx := context.WithValue(r.Context(), requestIDKey{}, rid)
	h := w.Header()
	h.Set("X-Request-Id", rid)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	started := &tracked{ResponseWriter: w}
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v) //nolint:forbidigo // net/http takes it as "drop the connection"
		}
		p := s.internal(ctx, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		if started.begun {
			panic(http.ErrAbortHandler) //nolint:forbidigo // half an answer is out: net/http drops the connection
		}
		p.write(w, s.log)
	}()
	if p := s.serve(started, r.WithContext(ctx)); p != nil {
		p.write(w, s.log)
	}
}

// plainID reports whether a caller's request id may be repeated in logs and
// headers.
func plainID(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// tracked knows whether an answer has begun.
type tracked struct {
	http.ResponseWriter
	begun bool
}

// Unwrap gives the writer below, for http.ResponseController.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader begins the answer.
func (t *tracked) WriteHeader(status int) {
	t.begun = true
	t.ResponseWriter.WriteHeader(status)
}

// Write begins the answer.
func (t *tracked) Write(b []byte) (int, error) {
	t.begun = true
	return t.ResponseWriter.Write(b)
}

// serve does everything that is the same for all operations, and gives a
// problem that is still to be written, or nil.
func (s *server) serve(w http.ResponseWriter, r *http.Request) *Problem {
	ctx := r.Context()
	if written, ok := s.documents[r.URL.Path]; ok {
		doc, err := written()
		if err != nil {
			return s.problemOf(ctx, err)
		}
		return doc.serve(w, r)
	}
	_, pattern := s.mux.Handler(r)
	if pattern == "" {
		return s.lost(r)
	}
	actor, err := s.actor(r)
	if err != nil {
		return s.problemOf(ctx, err)
	}
	ctx = authz.With(ctx, actor)
	r = r.WithContext(ctx)
	st := s.limiter.take(actor.ID)
	s.limiter.headers(w.Header(), st)
	if !st.ok {
		return s.problemOf(ctx, s.limiter.refusal(st))
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if tag := r.Header.Get("If-None-Match"); tag != "" {
			w = &conditional{ResponseWriter: w, ifNoneMatch: tag}
		}
		s.mux.ServeHTTP(w, r)
		return nil
	}
	if r.Header.Get("If-Match") != "" && !s.ifMatch[pattern] {
		return s.problemOf(ctx, problem.Invalid("If-Match", "if_match_unsupported", "This operation has no version to compare: send it without If-Match"))
	}
	body, p := readBody(w, r)
	if p != nil {
		return p
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 0 && keys[0] != "" {
		return s.once(w, r, idempotency.Request{PersonID: actor.ID, Key: keys[0], Route: r.Method + " " + r.URL.RequestURI(), Body: body})
	}
	s.mux.ServeHTTP(w, r)
	return nil
}

// lost answers for a path that is not there, or not with this method.
func (s *server) lost(r *http.Request) *Problem {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := s.mux.Handler(other); pattern != "" && strings.HasPrefix(pattern, m+" ") {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		return refuse(r.Context(), http.StatusNotFound, "path_not_found", fmt.Sprintf("There is nothing at %s: %s lists what there is", r.URL.Path, Prefix+"/openapi.json"))
	}
	p := refuse(r.Context(), http.StatusMethodNotAllowed, "method_not_allowed", fmt.Sprintf("%s is not allowed here: use %s", r.Method, strings.Join(allowed, ", ")))
	p.header.Set("Allow", strings.Join(allowed, ", "))
	return p
}

// readBody reads at most maxBody bytes of JSON.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *Problem) {
	ctx := r.Context()
	rc := http.NewResponseController(w)
	if err := rc.SetReadDeadline(time.Now().Add(bodyTimeout)); err == nil { //nolint:forbidigo // the connection goes by the machine's clock
		defer func() { _ = rc.SetReadDeadline(time.Time{}) }() // the connection may be gone
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, refuse(ctx, http.StatusRequestEntityTooLarge, "body_too_large", "A request body has at most 1 MiB")
		}
		if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
			return nil, refuse(ctx, http.StatusRequestTimeout, "body_too_slow", "The request body did not arrive in time")
		}
		return nil, refuse(ctx, http.StatusBadRequest, "body_unreadable", "The request body ended early")
	}
	if len(body) == 0 {
		return body, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Content-Type") != "" && (err != nil || kind != "application/json") {
		return nil, refuse(ctx, http.StatusUnsupportedMediaType, "not_json", "Send the body as application/json")
	}
	r.Header.Set("Content-Type", "application/json")
	return body, nil
}

// kept are the headers of an answer that a repeat gets too.
var kept = []string{"Content-Type", "ETag", "Location", "Link", "Retry-After"}

// once does a write that carries an Idempotency-Key, or repeats its answer.
func (s *server) once(w http.ResponseWriter, r *http.Request, req idempotency.Request) *Problem {
	ctx := r.Context()
	before, res, err := s.keys.Begin(ctx, req)
	if err != nil {
		return s.problemOf(ctx, err)
	}
	if before != nil {
		for k, v := range before.Header {
			w.Header().Set(k, v)
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(before.Status)
		if _, err := w.Write(before.Body); err != nil {
			s.log.DebugContext(ctx, "api: the answer could not be written", "error", err)
		}
		return nil
	}
	rec := &recording{ResponseWriter: w, status: http.StatusOK}
	settled := false
	settle := func(f func(context.Context) error) {
		settled = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
		defer cancel()
		if err := f(ctx); err != nil {
			s.log.ErrorContext(ctx, "api: the answer could not be kept for a repeat", "request_id", requestID(ctx), "error", err)
		}
	}
	defer func() {
		if !settled { // the handler panicked
			settle(res.Release)
		}
	}()
	s.mux.ServeHTTP(rec, r)
	if rec.status >= http.StatusInternalServerError || rec.status == http.StatusTooManyRequests {
		settle(res.Release)
	} else {
		a := idempotency.Answer{Status: rec.status, Header: map[string]string{}, Body: rec.body.Bytes()}
		for _, k := range kept {
			if v := w.Header().Get(k); v != "" {
				a.Header[k] = v
			}
		}
		settle(func(ctx context.Context) error { return res.Finish(ctx, a) })
	}
	w.WriteHeader(rec.status)
	if _, err := w.Write(rec.body.Bytes()); err != nil {
		s.log.DebugContext(ctx, "api: the answer could not be written", "error", err)
	}
	return nil
}

// recording holds an answer back until it is kept.
type recording struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader holds the status.
func (r *recording) WriteHeader(status int) { r.status = status }

// Write holds the body.
func (r *recording) Write(b []byte) (int, error) { return r.body.Write(b) }

// actor gives who asks: the owner of the token in the Authorization header, or
// whoever the browser session says.
func (s *server) actor(r *http.Request) (authz.Actor, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		// A browser session is a person's. Whatever else stands in the context is
		// that of the program that serves, such as the command line's own.
		if a, ok := authz.From(r.Context()); ok && a.Kind == authz.KindPerson {
			return a, nil
		}
		return authz.Actor{}, problem.Unauthorized("not_signed_in", "Send a personal token: Authorization: Bearer tdm_…")
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return authz.Actor{}, problem.Unauthorized("unknown_scheme", "Use the scheme Bearer: Authorization: Bearer tdm_…")
	}
	return s.app.Team.ActorOfToken(r.Context(), strings.TrimSpace(token))
}

// document is a file that is made once.
type document struct {
	kind string
	body []byte
	etag string
}

func (d document) serve(w http.ResponseWriter, r *http.Request) *Problem {
	if !slices.Contains([]string{http.MethodGet, http.MethodHead}, r.Method) {
		p := refuse(r.Context(), http.StatusMethodNotAllowed, "method_not_allowed", r.Method+" is not allowed here: use GET")
		p.header.Set("Allow", "GET, HEAD")
		return p
	}
	h := w.Header()
	h.Set("Content-Type", d.kind)
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", "no-cache")
	if tag := r.Header.Get("If-None-Match"); tag != "" && matches(tag, d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if r.Method == http.MethodGet {
		if _, err := w.Write(d.body); err != nil {
			return nil //nolint:nilerr // the caller is gone: nobody is left to be told
		}
	}
	return nil
}
