package salesforce

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// maxBody bounds a request body, before and after unpacking.
const maxBody = 50 << 20

// call is one request, from the network or from inside a composite.
type call struct {
	method  string
	path    string     // as sent, still escaped
	query   url.Values // parsed
	header  http.Header
	body    []byte
	upload  io.Reader // instead of body: the data of a bulk job, read as it comes
	base    string    // the instance's own address, http://host:port
	version string    // 67.0, once known
	userID  string
	tx      *tx             // the composite's transaction; nil for a call of its own
	ctx     context.Context // the request's
}

// reply is an answer before it is written.
type reply struct {
	status int
	header http.Header
	body   []byte
	stream *stream // instead of body
}

// stream is a body that is written as it is made. size is -1 where it is not
// known beforehand.
type stream struct {
	size  int64
	write func(io.Writer) error
}

func jsonReply(status int, v any) *reply {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return errorReply(refuse("UNKNOWN_EXCEPTION", "the answer cannot be encoded: %v", err).with(http.StatusInternalServerError))
	}
	return rawReply(status, bytes.TrimRight(buf.Bytes(), "\n"))
}

func rawReply(status int, body []byte) *reply {
	return &reply{status: status, header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}, body: body}
}

func errorReply(err *apiError) *reply { return rawReply(err.status, err.body()) }

// Handler serves the organisation: OAuth and the REST API, and under
// /_control/ the pages that move it (from loopback addresses only).
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_control/") {
		if !fromLoopback(r) {
			http.Error(w, "control calls are taken from this machine only", http.StatusForbidden)
			return
		}
		s.control.ServeHTTP(w, r)
		return
	}
	started := time.Now()
	c, rep := s.readCall(r)
	operation := operationOf(r.Method, r.URL.Path)
	fault := s.faults.Next(operation)
	fault.Wait(r.Context())
	if rep == nil {
		rep = s.answer(c, fault.Kind)
	}
	record := kit.Record{
		Time: s.clock.Now(), Method: r.Method, Path: r.URL.RequestURI(), Operation: operation, Fault: fault.Kind,
		Request: string(c.body[:min(len(c.body), 8192)]),
	}
	if rep != nil {
		record.Status, record.Answer = rep.status, string(rep.body[:min(len(rep.body), 8192)])
	}
	if fault.Kind == kit.FaultReset || fault.Kind == kit.FaultLostReply {
		record.Status = 0
	}
	record.DurationMS = float64(time.Since(started).Microseconds()) / 1000
	s.recorder.Add(record)
	s.send(w, r, rep, fault.Kind)
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// answer serves the call, or refuses it as the fault says. It gives nil when
// the connection is to be closed before anything happened.
func (s *Server) answer(c *call, kind kit.FaultKind) *reply {
	switch kind {
	case kit.FaultThrottle:
		return errorReply(refuse("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.").with(http.StatusForbidden))
	case kit.FaultError:
		return errorReply(refuse("SERVER_UNAVAILABLE", "The server is temporarily unavailable to service your request").with(http.StatusServiceUnavailable))
	case kit.FaultReset:
		return nil
	case kit.FaultSession:
		s.sessions.revoke(bearer(c.header))
		return s.serve(c) // which finds no session, where one is needed
	default:
		return s.serve(c)
	}
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, rep *reply, kind kit.FaultKind) {
	if rep == nil || kind == kit.FaultReset || kind == kit.FaultLostReply {
		kit.CloseConnection(w)
		return
	}
	for k, v := range rep.header {
		w.Header()[k] = v
	}
	w.Header().Set("Date", s.clock.Now().UTC().Format(http.TimeFormat))
	if rep.stream != nil {
		s.sendStream(w, r, rep, kind)
		return
	}
	if kind == kit.FaultTruncate {
		kit.TruncateReply(w, rep.status, rep.body)
		return
	}
	w.WriteHeader(rep.status)
	if r.Method != http.MethodHead && len(rep.body) > 0 {
		if _, err := w.Write(rep.body); err != nil {
			s.log.Debug("the client went away", "path", r.URL.Path, "error", err)
		}
	}
}

// sendStream writes a body as it is made. One that breaks off, for a fault or
// because it cannot be made, ends the connection: the client has to notice.
func (s *Server) sendStream(w http.ResponseWriter, r *http.Request, rep *reply, kind kit.FaultKind) {
	size := rep.stream.size
	if size >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	}
	w.WriteHeader(rep.status)
	if r.Method == http.MethodHead {
		return
	}
	var out io.Writer = w
	if kind == kit.FaultTruncate {
		out = &cutWriter{to: w, left: max(size/2, 1)}
	}
	if err := rep.stream.write(out); err != nil {
		s.log.Debug("a stream broke off", "path", r.URL.Path, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// cutWriter breaks off after some bytes.
type cutWriter struct {
	to   io.Writer
	left int64
}

var errCut = errors.New("cut off by a fault")

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if err == nil && n < len(p) {
		err = errCut
	}
	return n, err
}

// readCall takes the request apart; a reply means that it is refused already.
func (s *Server) readCall(r *http.Request) (*call, *reply) {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	c := &call{
		method: r.Method, path: r.URL.EscapedPath(), query: r.URL.Query(), header: r.Header,
		base: scheme + "://" + r.Host, ctx: r.Context(),
	}
	if isUpload(c) {
		return s.readUpload(c, r)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return c, errorReply(refuse("JSON_PARSER_ERROR", "the request's body cannot be read: %v", err))
	}
	if len(body) > 0 && strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") { // some clients say so of nothing, too
		if body, err = gunzip(body); err != nil {
			return c, errorReply(refuse("JSON_PARSER_ERROR", "the request's body is not gzip: %v", err))
		}
	}
	if len(body) > maxBody {
		return c, errorReply(refuse("REQUEST_TOO_LARGE", "the request's body is larger than %d bytes", maxBody).with(http.StatusRequestEntityTooLarge))
	}
	c.body = body
	return c, nil
}

func gunzip(data []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(zr, maxBody+1))
	return out, errors.Join(err, zr.Close())
}

// serve answers calls outside composites: it checks the session and the quota.
func (s *Server) serve(c *call) *reply {
	switch {
	case strings.HasPrefix(c.path, "/services/oauth2/"):
		return s.serveOAuth(c)
	case strings.HasPrefix(c.path, "/id/"):
		return s.serveIdentity(c)
	}
	if c.path == "/services/data" || c.path == "/services/data/" {
		if c.method != http.MethodGet && c.method != http.MethodHead {
			return errorReply(wrongMethod(c.method, "GET", "HEAD"))
		}
		return jsonReply(http.StatusOK, apiVersions)
	}
	segments, err := c.route()
	if err != nil {
		return errorReply(err)
	}
	now := s.clock.Now()
	userID, ok := s.sessions.user(bearer(c.header), now)
	if !ok {
		return errorReply(refuse("INVALID_SESSION_ID", "Session expired or invalid").with(http.StatusUnauthorized))
	}
	c.userID = userID
	used, limit, ok := s.allocations[allocAPI].take(1, now)
	var rep *reply
	if ok {
		rep = s.dispatch(c, segments)
	} else {
		rep = errorReply(refuse("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.").with(http.StatusForbidden))
	}
	if rep.header == nil {
		rep.header = http.Header{}
	}
	rep.header.Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d", used, limit))
	return rep
}

// apiVersion is one release that the sandbox speaks.
type apiVersion struct {
	Label   string `json:"label"`
	URL     string `json:"url"`
	Version string `json:"version"`
}

// The releases that the sandbox speaks are those that Salesforce supports;
// older ones are retired and answer 410.
const (
	oldestVersion = 31
	newestVersion = 67
)

var apiVersions = buildVersions()

// buildVersions names the three releases of each year: 31.0 is Summer '14.
func buildVersions() []apiVersion {
	out := make([]apiVersion, 0, newestVersion-oldestVersion+1)
	for n := oldestVersion; n <= newestVersion; n++ {
		since := n - oldestVersion
		season := [...]string{"Summer", "Winter", "Spring"}[since%3]
		year := 14 + (since+2)/3
		number := strconv.Itoa(n) + ".0"
		out = append(out, apiVersion{fmt.Sprintf("%s '%d", season, year), "/services/data/v" + number, number})
	}
	return out
}

// before says whether the call speaks a release older than n.
func (c *call) before(n int) bool { return c.release() < n }

// origin names the call in the events of what it changes: the interface and, where
// the caller says so, the client (changeOrigin of ChangeEventHeader).
func (c *call) origin() string {
	out := "com/salesforce/api/rest/" + c.version
	for option := range strings.SplitSeq(c.header.Get("Sforce-Call-Options"), ",") {
		if name, ok := strings.CutPrefix(strings.TrimSpace(option), "client="); ok && name != "" {
			out += ";client=" + name
		}
	}
	return out
}

// release is the call's version as a number: 67.
func (c *call) release() int {
	n, err := strconv.Atoi(strings.TrimSuffix(c.version, ".0"))
	if err != nil { // a version that was looked up in the table has this form
		return newestVersion
	}
	return n
}

// route takes the version from the path and splits the rest, unescaped.
func (c *call) route() ([]string, *apiError) {
	rest, ok := strings.CutPrefix(c.path, "/services/data/v")
	if !ok {
		return nil, notFound()
	}
	version, rest, _ := strings.Cut(rest, "/")
	for _, v := range apiVersions {
		if v.Version == version {
			c.version = version
		}
	}
	if c.version == "" {
		if n, err := strconv.Atoi(strings.TrimSuffix(version, ".0")); err == nil && strings.HasSuffix(version, ".0") && n > 0 && n < oldestVersion {
			return nil, refuse("GONE", "The requested resource is no longer available: API version %s is retired, use %d.0 or later", version, oldestVersion).with(http.StatusGone)
		}
		return nil, notFound()
	}
	var segments []string
	for part := range strings.SplitSeq(rest, "/") {
		if part == "" {
			continue
		}
		text, err := url.PathUnescape(part)
		if err != nil {
			return nil, notFound()
		}
		segments = append(segments, text)
	}
	return segments, nil
}

func (c *call) root() string { return "/services/data/v" + c.version }

// requireJSON checks a writing call's content type and that it has a body.
func (c *call) requireJSON() *apiError {
	if kind := c.header.Get("Content-Type"); kind != "" {
		media, _, err := mime.ParseMediaType(kind)
		if err != nil || media != "application/json" {
			return refuse("UNSUPPORTED_MEDIA_TYPE", "The media type '%s' in the request's Content-Type is not supported for this resource; use application/json", kind).with(http.StatusUnsupportedMediaType)
		}
	}
	if i := invalidUTF8(c.body); i >= 0 {
		return refuse("JSON_PARSER_ERROR", "Invalid UTF-8 start byte 0x%x at [line:1, column:%d]", c.body[i], i+1)
	}
	return requireBody(c.body)
}

// invalidUTF8 gives the offset of the first byte that is no UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// operationOf names a request for faults and the log.
func operationOf(method, path string) string {
	if rest, ok := strings.CutPrefix(path, "/services/oauth2/"); ok {
		return rest
	}
	rest, ok := strings.CutPrefix(path, "/services/data/v")
	if !ok {
		return "other"
	}
	_, rest, _ = strings.Cut(rest, "/")
	parts := strings.FieldsFunc(rest, func(r rune) bool { return r == '/' })
	if len(parts) == 0 {
		return "resources"
	}
	if parts[0] == "jobs" {
		return bulkOperation(method, parts)
	}
	verb := map[string]string{http.MethodGet: "retrieve", http.MethodPost: "create", http.MethodPatch: "update", http.MethodDelete: "delete"}[method]
	switch parts[0] {
	case "query", "queryAll":
		if len(parts) > 1 {
			return "queryMore"
		}
		return parts[0]
	case "composite":
		if len(parts) == 1 {
			return "composite"
		}
		if parts[1] == "graph" {
			return "graph"
		}
		if len(parts) == 4 && method == http.MethodPatch {
			return "collections.upsert"
		}
		return "collections." + verb
	case "sobjects":
		switch {
		case len(parts) == 1:
			return "describeGlobal"
		case len(parts) == 3 && parts[2] == "describe":
			return "describe"
		case len(parts) == 4 && method == http.MethodPatch:
			return "upsert"
		default:
			return verb
		}
	default:
		return parts[0]
	}
}
