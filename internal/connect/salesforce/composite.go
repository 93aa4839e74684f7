package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// Limits of a composite call (research/salesforce-gitlab.md §1.2).
const (
	maxSubrequests = 25
	maxSubqueries  = 5 // queries and collections among them
)

// Subrequest is one call inside Composite. Later ones may refer to results of
// earlier ones as "@{ref.id}" in Path and Fields.
type Subrequest struct {
	Ref    string // letters, digits and underscores; unique in its call
	Method string // GET, POST, PATCH, PUT or DELETE
	Path   string // below the API version, escaped, such as "/sobjects/Task"
	Fields Fields // the body, nil for none
}

// Subresponse is the answer to the Subrequest with the same Ref. Err is set for
// a status of 300 and above; its code is PROCESSING_HALTED for one that was
// rolled back or not begun because another failed.
type Subresponse struct {
	Ref    string
	Status int
	Body   json.RawMessage
	Err    error
}

var refRE = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// Composite sends up to 25 calls as one, in order; with allOrNone the first
// failure undoes them all. Responses are in the requests' order. It is repeated
// on passing faults only if it holds nothing but GET, PATCH and DELETE.
func (c *Client) Composite(ctx context.Context, allOrNone bool, requests []Subrequest) ([]Subresponse, error) {
	const op = "composite"
	if err := checkComposite(requests); err != nil {
		return nil, err
	}
	version, err := c.apiVersion(ctx)
	if err != nil {
		return nil, err
	}
	type sub struct {
		Method string         `json:"method"`
		URL    string         `json:"url"`
		Ref    string         `json:"referenceId"`
		Body   map[string]any `json:"body,omitempty"`
	}
	subs := make([]sub, len(requests))
	idempotent := true
	for i, r := range requests {
		subs[i] = sub{Method: r.Method, URL: "/services/data/" + version + r.Path, Ref: r.Ref}
		if r.Fields != nil {
			if subs[i].Body, err = r.Fields.encodable(); err != nil {
				return nil, err
			}
		}
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			idempotent = false
		}
	}
	body, err := marshal(op, map[string]any{"allOrNone": allOrNone, "compositeRequest": subs})
	if err != nil {
		return nil, err
	}
	ans, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "/composite", body: body, idempotent: idempotent})
	if err != nil {
		return nil, err
	}
	var reply struct {
		Responses []struct {
			Body   json.RawMessage `json:"body"`
			Status int             `json:"httpStatusCode"`
			Ref    string          `json:"referenceId"`
		} `json:"compositeResponse"`
	}
	if err := json.Unmarshal(ans.body, &reply); err != nil || len(reply.Responses) != len(requests) {
		what := fmt.Sprintf("%d answers for %d calls", len(reply.Responses), len(requests))
		if idempotent {
			return nil, garbage(op, ans, what)
		}
		return nil, unsureGarbage(op, ans, what)
	}
	out := make([]Subresponse, len(requests))
	for i, r := range reply.Responses {
		out[i] = Subresponse{Ref: r.Ref, Status: r.Status, Body: r.Body}
		if r.Status >= 300 {
			out[i].Err = refusal(op+" "+r.Ref, &answer{status: r.Status, body: r.Body}, c.clock.Now())
		}
	}
	return out, nil
}

func checkComposite(requests []Subrequest) error {
	var bad problem.List
	if len(requests) == 0 || len(requests) > maxSubrequests {
		bad.Add("requests", "count", fmt.Sprintf("a composite call takes 1 to %d calls, not %d", maxSubrequests, len(requests)))
	}
	refs := make(map[string]bool, len(requests))
	heavy := 0
	for i, r := range requests {
		at := fmt.Sprintf("requests[%d]", i)
		if !refRE.MatchString(r.Ref) || refs[r.Ref] {
			bad.Add(at+".ref", "malformed", "a ref has letters, digits and underscores, and is used once")
		}
		refs[r.Ref] = true
		switch r.Method {
		case http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete:
		default:
			bad.Add(at+".method", "unknown", "the method has to be GET, POST, PATCH, PUT or DELETE")
		}
		if !strings.HasPrefix(r.Path, "/") {
			bad.Add(at+".path", "malformed", "the path begins with a slash, such as /sobjects/Task")
		}
		if strings.HasPrefix(r.Path, "/query") || strings.HasPrefix(r.Path, "/composite/sobjects") {
			heavy++
		}
	}
	if heavy > maxSubqueries {
		bad.Add("requests", "count", fmt.Sprintf("a composite call takes at most %d queries and collections, not %d", maxSubqueries, heavy))
	}
	return bad.Err()
}
