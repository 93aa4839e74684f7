package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// operation is what the document says of one operation beside its shapes.
type operation struct {
	id, method, path string
	tag, summary     string
	about            string       // more than fits the summary
	action           authz.Action // what the caller must be allowed
	status           int          // of the answer when all went well; 0 is 200
	also             []int        // further statuses, beside those every operation can have
	ifMatch          bool         // compares versions
}

// errorsOf gives the statuses of problems that an operation can answer with.
func (o operation) errorsOf() []int {
	out := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if isWrite(o.method) {
		out = append(out, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.ifMatch {
		out = append(out, http.StatusPreconditionFailed)
	}
	return append(out, o.also...)
}

// add puts an operation into the mux and the document. Its errors become
// Problems.
func add[I, O any](s *server, o operation, handle func(context.Context, *I) (*O, error)) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.about, DefaultStatus: o.status,
		MaxBodyBytes: -1, BodyReadTimeout: -1, // the chain has read the body already
		Security:  []map[string][]string{{"token": {o.action.Scope()}}, {"session": {}}},
		Responses: map[string]*huma.Response{strconv.Itoa(o.status): {Description: http.StatusText(o.status), Headers: limitHeaders()}},
		// The policies decide on this; see internal/platform/authz/policies.
		Extensions: map[string]any{"x-tandem-action": string(o.action)},
	}
	for _, status := range o.errorsOf() {
		if status < 400 {
			op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status)}
			continue
		}
		op.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status), Headers: errorHeaders(status),
			Content: map[string]*huma.MediaType{problemType: {Schema: s.problemSchema()}},
		}
	}
	if o.ifMatch {
		s.ifMatch[o.method+" "+Prefix+o.path] = true
	}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return out, nil
	})
}

func limitHeaders() map[string]*huma.Param {
	number := func(text string) *huma.Param {
		return &huma.Param{Description: text, Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
	return map[string]*huma.Param{
		"X-Request-Id":        {Description: "The request's id: yours, if you sent one.", Schema: &huma.Schema{Type: huma.TypeString}},
		"RateLimit-Limit":     number("Requests in a minute."),
		"RateLimit-Remaining": number("Requests that are left now."),
		"RateLimit-Reset":     number("Seconds until all are there again."),
		"RateLimit-Policy":    {Description: "The limit and its window in seconds.", Schema: &huma.Schema{Type: huma.TypeString}},
	}
}

func errorHeaders(status int) map[string]*huma.Param {
	switch status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusConflict:
		return map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait, where waiting helps.", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	case http.StatusUnauthorized:
		return map[string]*huma.Param{"WWW-Authenticate": {Description: "How to authenticate.", Schema: &huma.Schema{Type: huma.TypeString}}}
	}
	return nil
}

// Repeatable is what every write can be sent with.
type Repeatable struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" example:"5f0c1f6e-8a5b-4d0f-9c1d-2f8a3c1f7e11" doc:"A key of your choice for this very request, such as a UUID. A repeat with the same key and body gets the first answer, for 24 hours."`
}

// ConditionalRead is what every read of one record can be sent with.
type ConditionalRead struct {
	IfNoneMatch string `header:"If-None-Match" doc:"An ETag that was given: the answer is 304 when the record is still the same."`
}

// Versioned is what a write that compares versions can be sent with.
type Versioned struct {
	IfMatch string `header:"If-Match" example:"\"3-9f86d081884c\"" doc:"The ETag of the record as you read it: the answer is 412 when it was changed meanwhile."`
}

// Page is a part of a list. Next is absent on the last one.
type Page[T any] struct {
	Items    []T    `json:"items" nullable:"false"`
	Next     string `json:"next,omitempty" doc:"The cursor of the next page: send it as after. Absent at the end."`
	NextLink string `json:"next_link,omitempty" doc:"The address of the next page, also in the header Link."`
}

// listed is the answer with a page.
type listed[T any] struct {
	Link string `header:"Link" doc:"The next page, as rel=next."`
	Body Page[T]
}

// all is the answer with a whole list.
type all[T any] struct {
	Body struct {
		Items []T `json:"items" nullable:"false"`
	}
}

func allOf[T any](items []T) *all[T] {
	out := &all[T]{}
	out.Body.Items = orEmpty(items)
	return out
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func mapped[A, B any](list []A, f func(*A) B) []B {
	out := make([]B, 0, len(list))
	for i := range list {
		out = append(out, f(&list[i]))
	}
	return out
}

// record is the answer with one record.
type record[T any] struct {
	ETag string `header:"ETag" doc:"The version of what is shown."`
	Body T
}

func recordOf[T any](version int64, body T) (*record[T], error) {
	etag, err := etagOf(version, body)
	return &record[T]{ETag: etag, Body: body}, err
}

// none is an answer without a body.
type none struct{}
