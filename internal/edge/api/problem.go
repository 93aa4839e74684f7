package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Problem is what every refusal and every failure is answered with: RFC 9457
// problem details with a stable code, and beside it the fields that were wrong
// or what an outside system said.
type Problem struct { //nolint:errname // RFC 9457 calls it so, and so does the document
	Type      string       `json:"type" format:"uri" example:"urn:tandem:problem:unknown_cloud" doc:"Names the kind of problem: urn:tandem:problem: and the code."`
	Title     string       `json:"title" example:"The input is not valid" doc:"The class of the problem in words; the same for all of its kind."`
	Status    int          `json:"status" example:"422" doc:"The HTTP status."`
	Detail    string       `json:"detail" example:"The input is not valid" doc:"What happened, to what, and what to do, for people."`
	Code      string       `json:"code" example:"invalid_input" doc:"The stable code for programs, lower_snake."`
	RequestID string       `json:"request_id,omitempty" example:"req_01jn8m5q4se9tvd6dy1v9k2r5c" doc:"The request's id, also in the header X-Request-Id."`
	Reference string       `json:"reference,omitempty" example:"err_01jn8m5q4se9tvd6dy1v9k2r5c" doc:"Of an internal error: the id under which Tandem's log tells more."`
	Errors    []FieldError `json:"errors,omitempty" nullable:"false" doc:"Every wrong field, so that all can be mended at once."`
	Remote    *RemoteError `json:"remote,omitempty" doc:"What an outside system answered."`

	header http.Header
}

// FieldError is one wrong input.
type FieldError struct {
	Field   string `json:"field" example:"cloud" doc:"The path of the field, or the name of the parameter or header."`
	Code    string `json:"code" example:"unknown_cloud" doc:"The stable code, lower_snake."`
	Message string `json:"message" example:"Use aws, azure or gcp" doc:"What is wrong and how to mend it."`
	Value   string `json:"value,omitempty" example:"oracle" doc:"What was found, if it may be shown."`
}

// RemoteError is the answer of an outside system.
type RemoteError struct {
	System    string `json:"system" example:"aws" doc:"The system that answered."`
	Operation string `json:"operation" example:"CreateOpportunity" doc:"The system's own name of the call."`
	Code      string `json:"code" example:"ThrottlingException" doc:"The system's own code, verbatim."`
	Status    int    `json:"status" example:"429" doc:"Its HTTP status; 0 when no answer came."`
	RequestID string `json:"request_id,omitempty" doc:"The system's id of the request, for its support."`
	Retry     string `json:"retry" enum:"soon,later,reauth,human,unknown" example:"later" doc:"What helps: soon and later pass by themselves, reauth needs a sign-in, human needs a person to mend something, unknown may have acted: look first."`
}

// problemType is the media type of a Problem.
const problemType = "application/problem+json"

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status, as huma asks for it.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders gives the headers that belong to the problem, as huma asks for
// them.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType gives the media type, as huma asks for it.
func (p *Problem) ContentType(string) string { return problemType }

// kinds maps a kind of problem to its answer, once for the whole API.
var kinds = map[problem.Kind]struct {
	status int
	title  string
}{
	problem.KindInvalid:      {http.StatusUnprocessableEntity, "The input is not valid"},
	problem.KindNotFound:     {http.StatusNotFound, "Not found"},
	problem.KindConflict:     {http.StatusConflict, "The state of the record forbids this"},
	problem.KindForbidden:    {http.StatusForbidden, "Not allowed"},
	problem.KindUnauthorized: {http.StatusUnauthorized, "Not signed in"},
	problem.KindPrecondition: {http.StatusPreconditionFailed, "The record was changed meanwhile"},
	problem.KindTooMany:      {http.StatusTooManyRequests, "Too many requests"},
	problem.KindRemote:       {http.StatusBadGateway, "An outside system refused or failed"},
	problem.KindUnavailable:  {http.StatusServiceUnavailable, "Not available now"},
	problem.KindInternal:     {http.StatusInternalServerError, "Tandem failed"},
}

// challenge is the WWW-Authenticate of an answer 401.
const challenge = `Bearer realm="tandem"`

// problemOf maps an error to its answer. What is no problem of Tandem's own
// vocabulary is logged under a reference, and only that is shown.
func (s *server) problemOf(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	e, ok := errors.AsType[*problem.Error](err)
	if !ok || e.Kind == problem.KindInternal || kinds[e.Kind].status == 0 {
		if ctx.Err() != nil {
			e = problem.Unavailable("cancelled", "The request ended before its answer was ready", nil)
		} else {
			return s.internal(ctx, err)
		}
	}
	k := kinds[e.Kind]
	p := &Problem{Type: typeOf(e.Code), Title: k.title, Status: k.status, Detail: e.Message, Code: e.Code, RequestID: requestID(ctx), header: http.Header{}}
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, FieldError{Field: f.Field, Code: f.Code, Message: f.Message, Value: f.Value})
	}
	if p.Detail == "" {
		p.Detail = k.title
	}
	if e.Remote != nil {
		r := e.Remote
		p.Remote = &RemoteError{System: r.System, Operation: r.Operation, Code: r.Code, Status: r.Status, RequestID: r.RequestID, Retry: string(r.Retry)}
		if timedOut(err) {
			p.Status = http.StatusGatewayTimeout
		}
	}
	if e.Kind == problem.KindUnauthorized {
		p.header.Set("WWW-Authenticate", challenge)
	}
	if e.RetryAfter > 0 {
		p.header.Set("Retry-After", seconds(e.RetryAfter))
	} else if e.Kind == problem.KindUnavailable {
		p.header.Set("Retry-After", "5")
	}
	if e.Kind == problem.KindUnavailable {
		s.log.WarnContext(ctx, "api: not available", "request_id", p.RequestID, "error", err)
	}
	return p
}

func (s *server) internal(ctx context.Context, err error) *Problem {
	ref := id.New("err")
	s.log.ErrorContext(ctx, "api: internal error", "reference", ref, "request_id", requestID(ctx), "error", err)
	return &Problem{
		Type: typeOf("internal"), Title: kinds[problem.KindInternal].title, Status: http.StatusInternalServerError, Code: "internal", RequestID: requestID(ctx),
		Reference: ref, Detail: "Something went wrong inside Tandem. Its log says more under the reference " + ref,
	}
}

func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

func typeOf(code string) string { return "urn:tandem:problem:" + code }

// seconds writes a wait in whole seconds, at least one.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

// refuse makes a problem of a status that no kind of Tandem's vocabulary has.
func refuse(ctx context.Context, status int, code, detail string) *Problem {
	return &Problem{Type: typeOf(code), Title: http.StatusText(status), Status: status, Code: code, Detail: detail, RequestID: requestID(ctx), header: http.Header{}}
}

// write answers with the problem outside of huma.
func (p *Problem) write(w http.ResponseWriter, log *slog.Logger) {
	for k, v := range p.header {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		log.Debug("api: the answer could not be written", "error", err)
	}
}

// transform turns huma's own errors (what it finds in parameters and bodies)
// into a Problem.
func (s *server) transform(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if m.Status >= 500 {
		return s.internal(ctx.Context(), fmt.Errorf("%s: %s", ctx.Operation().OperationID, m.Detail)), nil
	}
	p := refuse(ctx.Context(), m.Status, "invalid_input", kinds[problem.KindInvalid].title)
	p.Title = kinds[problem.KindInvalid].title
	if m.Status == http.StatusBadRequest {
		p.Code, p.Title, p.Detail = "malformed_json", "The body is not JSON", "The body is missing or is not well-formed JSON"
		for _, e := range m.Errors {
			p.Detail = "The body is not well-formed JSON: " + e.Message
		}
		p.Type = typeOf(p.Code)
		return p, nil
	}
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, fieldError(e))
	}
	return p, nil
}

// mistakes gives the stable code of what huma says of a field, by the words its
// message begins with.
var mistakes = []struct{ words, code string }{
	{"unexpected property", "unknown_field"},
	{"unknown query parameter", "unknown_parameter"},
	{"expected required property", "required"},
	{"required ", "required"},
	{"expected value to be one of", "unknown_value"},
	{"expected string to be RFC 3339", "malformed"},
	{"expected string to be", "malformed"},
	{"expected string to match", "malformed"},
	{"expected length <=", "too_long"},
	{"expected length >=", "too_short"},
	{"expected array length <=", "too_many"},
	{"expected array length >=", "too_few"},
	{"expected array items to be unique", "duplicate"},
	{"expected number >", "out_of_range"},
	{"expected number <", "out_of_range"},
	{"expected ", "wrong_type"},
	{"invalid integer", "wrong_type"},
	{"invalid boolean", "wrong_type"},
	{"invalid ", "wrong_type"},
}

func fieldError(e *huma.ErrorDetail) FieldError {
	_, field, found := strings.Cut(e.Location, ".")
	if !found {
		field = e.Location
	}
	f := FieldError{Field: field, Code: "invalid", Message: upperFirst(e.Message)}
	for _, m := range mistakes {
		if strings.HasPrefix(e.Message, m.words) {
			f.Code = m.code
			break
		}
	}
	var name string
	if _, err := fmt.Sscanf(e.Message, "expected required property %s to be present", &name); err == nil {
		f.Field = strings.TrimPrefix(f.Field+"."+name, "body.")
		f.Message = "This field is required"
	}
	switch v := e.Value.(type) {
	case string:
		f.Value = v
	case bool, float64, int, int64:
		f.Value = fmt.Sprint(v)
	}
	if r := []rune(f.Value); len(r) > 100 {
		f.Value = string(r[:100]) + "…"
	}
	if strings.Contains(f.Field, "password") {
		f.Value = ""
	}
	return f
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
