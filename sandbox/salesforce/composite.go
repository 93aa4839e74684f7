package salesforce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const compositeMost = 25

type subrequest struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	ReferenceID string            `json:"referenceId"`
	HTTPHeaders map[string]string `json:"httpHeaders"`
	Body        json.RawMessage   `json:"body"`
}

type subresponse struct {
	Body           json.RawMessage   `json:"body"`
	HTTPHeaders    map[string]string `json:"httpHeaders"`
	HTTPStatusCode int               `json:"httpStatusCode"`
	ReferenceID    string            `json:"referenceId"`
}

// composite answers POST /composite: up to 25 calls in order, in which later
// ones may use what earlier ones answered.
func (s *Server) composite(c *call) *reply {
	if err := c.requireJSON(); err != nil {
		return errorReply(err)
	}
	var body struct {
		AllOrNone bool         `json:"allOrNone"`
		Requests  []subrequest `json:"compositeRequest"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return errorReply(parserError(err, 0))
	}
	if err := checkSubrequests(body.Requests); err != nil {
		return errorReply(err)
	}
	return s.write(c, func(x *tx) (*reply, *apiError) {
		mark := x.mark()
		run := compositeRun{s: s, outer: c, x: x, answers: map[string]any{}}
		out := make([]subresponse, len(body.Requests))
		for i, sub := range body.Requests {
			out[i] = run.one(sub)
			if out[i].HTTPStatusCode >= 400 && body.AllOrNone {
				x.rollbackTo(mark)
				halt(out, body.Requests, i)
				break
			}
		}
		return jsonReply(http.StatusOK, map[string]any{"compositeResponse": out}), nil
	})
}

// halt marks all subrequests but the one that failed.
func halt(out []subresponse, subs []subrequest, failed int) {
	body := refuse("PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed.").body()
	for i := range out {
		if i != failed {
			out[i] = subresponse{body, map[string]string{}, http.StatusBadRequest, subs[i].ReferenceID}
		}
	}
}

func checkSubrequests(subs []subrequest) *apiError {
	if len(subs) == 0 {
		return refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [compositeRequest]").on("compositeRequest")
	}
	if len(subs) > compositeMost {
		return refuse("LIMIT_EXCEEDED", "Limit exceeded: the composite request has %d subrequests, more than %d", len(subs), compositeMost)
	}
	if err := checkReferences(subs); err != nil {
		return err
	}
	heavy := 0
	for _, sub := range subs {
		if strings.Contains(sub.URL, "/query") || strings.Contains(sub.URL, "/composite/sobjects") {
			heavy++
		}
	}
	if heavy > 5 {
		return refuse("LIMIT_EXCEEDED", "Limit exceeded: a composite request may hold 5 query and sObject collections operations")
	}
	return nil
}

func checkReferences(subs []subrequest) *apiError {
	seen := map[string]bool{}
	for _, sub := range subs {
		if sub.ReferenceID == "" || !referenceName.MatchString(sub.ReferenceID) {
			return refuse("INVALID_INPUT", "Provided referenceId '%s' is not valid. It can only contain letters, digits and underscores and must start with a letter", sub.ReferenceID)
		}
		if seen[sub.ReferenceID] {
			return refuse("INVALID_INPUT", "Provided referenceId '%s' is not unique", sub.ReferenceID)
		}
		seen[sub.ReferenceID] = true
	}
	return nil
}

var (
	referenceName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	reference     = regexp.MustCompile(`@\{([A-Za-z][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_]+|\[[0-9]+\])*)\}`)
)

// compositeRun is one composite call on its way.
type compositeRun struct {
	s       *Server
	outer   *call
	x       *tx
	answers map[string]any // decoded bodies by reference
}

func (r *compositeRun) one(sub subrequest) subresponse {
	out := subresponse{HTTPHeaders: map[string]string{}, ReferenceID: sub.ReferenceID, Body: json.RawMessage("null")}
	rep := r.answer(sub)
	out.HTTPStatusCode = rep.status
	if len(rep.body) > 0 {
		out.Body = rep.body
		var v any
		dec := json.NewDecoder(bytes.NewReader(rep.body))
		dec.UseNumber()
		if err := dec.Decode(&v); err == nil && rep.status < 400 {
			r.answers[sub.ReferenceID] = v
		}
	}
	for _, name := range []string{"Location", "ETag", "Last-Modified"} {
		if v := rep.header.Get(name); v != "" {
			out.HTTPHeaders[name] = v
		}
	}
	return out
}

func (r *compositeRun) answer(sub subrequest) *reply {
	target, err := r.fill(sub.URL)
	if err != nil {
		return errorReply(err)
	}
	body, err := r.fillBody(sub.Body)
	if err != nil {
		return errorReply(err)
	}
	path, rawQuery, _ := strings.Cut(target, "?")
	query, parseErr := url.ParseQuery(rawQuery)
	if parseErr != nil {
		return errorReply(refuse("INVALID_INPUT", "the URL '%s' cannot be read", sub.URL))
	}
	header := http.Header{}
	for k, v := range sub.HTTPHeaders {
		header.Set(k, v)
	}
	c := &call{
		method: strings.ToUpper(sub.Method), path: path, query: query, header: header, body: body,
		base: r.outer.base, userID: r.outer.userID, tx: r.x, ctx: r.outer.ctx,
	}
	segments, err := c.route()
	if err != nil {
		return errorReply(err)
	}
	if len(segments) == 1 && segments[0] == "composite" {
		return errorReply(refuse("INVALID_INPUT", "a composite request cannot hold another"))
	}
	return r.s.dispatch(c, segments)
}

// fill puts what references stand for into a text.
func (r *compositeRun) fill(text string) (string, *apiError) {
	var failure *apiError
	out := reference.ReplaceAllStringFunc(text, func(ref string) string {
		v, err := r.resolve(ref)
		if err != nil {
			failure = err
			return ref
		}
		return fmt.Sprint(v)
	})
	return out, failure
}

// fillBody does the same in every text of a JSON body.
func (r *compositeRun) fillBody(raw json.RawMessage) ([]byte, *apiError) {
	if len(raw) == 0 || !bytes.Contains(raw, []byte("@{")) {
		return raw, nil
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, parserError(err, 0)
	}
	v, refused := r.fillValue(v)
	if refused != nil {
		return nil, refused
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil, parserError(err, 0)
	}
	return out, nil
}

func (r *compositeRun) fillValue(v any) (any, *apiError) {
	switch x := v.(type) {
	case string:
		if m := reference.FindString(x); m != "" && m == x {
			return r.resolve(x)
		}
		return r.fill(x)
	case []any:
		for i := range x {
			y, err := r.fillValue(x[i])
			if err != nil {
				return nil, err
			}
			x[i] = y
		}
	case map[string]any:
		for k := range x {
			y, err := r.fillValue(x[k])
			if err != nil {
				return nil, err
			}
			x[k] = y
		}
	}
	return v, nil
}

var referenceStep = regexp.MustCompile(`\.([A-Za-z0-9_]+)|\[([0-9]+)\]`)

func (r *compositeRun) resolve(ref string) (any, *apiError) {
	m := reference.FindStringSubmatch(ref)
	name, path := m[1], m[2]
	v, ok := r.answers[name]
	if !ok {
		return nil, refuse("PROCESSING_HALTED", "Invalid reference specified. No value for %s found in %s. Cannot process the dependent operation.", name+path, name)
	}
	for _, step := range referenceStep.FindAllStringSubmatch(path, -1) {
		found := false
		switch x := v.(type) {
		case map[string]any:
			v, found = lookUp(x, step[1])
		case []any:
			if i, err := strconv.Atoi(step[2]); err == nil && i < len(x) {
				v, found = x[i], true
			}
		}
		if !found {
			return nil, refuse("PROCESSING_HALTED", "Invalid reference specified. No value for %s found in %s", name+path, name)
		}
	}
	return v, nil
}

// lookUp finds a member by name; case is minded only when both are there.
func lookUp(m map[string]any, name string) (any, bool) {
	if v, ok := m[name]; ok {
		return v, true
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v, true
		}
	}
	return nil, false
}
