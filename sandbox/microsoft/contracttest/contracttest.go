// Package contracttest answers "is this what Microsoft's published contract of the
// referrals allows?" for tests: it reads the swagger, makes requests from it as a
// generic client does, and holds requests and answers against it.
package contracttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Contract is the published contract.
type Contract struct {
	base string
	spec *openapi3.T
	ops  map[string]operation // by operationId
}

type operation struct {
	method, path string
	item         *openapi3.PathItem
	op           *openapi3.Operation
}

// Shared gives the folder of the contracts: TANDEM_SHARED, or shared beside the
// repository's root.
func Shared(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("TANDEM_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test's folder")
		}
		dir = up
	}
}

// Sample reads one of the published samples.
func Sample(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(Shared(t), "contracts", "microsoft", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Load reads the contract. Two things that the samples of the live service show
// otherwise are taken from them: members without a value are null, and salesStage is
// a percentage instead of one of four words (microsoft-google.md §1.4).
func Load(t testing.TB) *Contract {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(Shared(t), "contracts", "microsoft", "partnercenter-referrals.swagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var doc openapi2.T
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	spec, err := openapi2conv.ToV3(&doc)
	if err != nil {
		t.Fatal(err)
	}
	c := &Contract{base: strings.TrimRight(doc.BasePath, "/"), spec: spec, ops: map[string]operation{}}
	seen := map[*openapi3.Schema]bool{}
	for _, s := range spec.Components.Schemas {
		nullable(s, seen)
	}
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			c.ops[op.OperationID] = operation{method, path, item, op}
			for _, r := range op.Responses.Map() {
				if m := r.Value.Content.Get("application/json"); m != nil {
					nullable(m.Schema, seen)
				}
			}
		}
	}
	return c
}

func nullable(ref *openapi3.SchemaRef, seen map[*openapi3.Schema]bool) {
	if ref == nil || ref.Value == nil || seen[ref.Value] {
		return
	}
	s := ref.Value
	seen[s] = true
	s.Nullable = true
	for name, p := range s.Properties {
		nullable(p, seen)
		if name == "salesStage" && p.Value != nil {
			p.Value.Enum = nil
		}
	}
	nullable(s.Items, seen)
}

// Operations names the operations of the contract.
func (c *Contract) Operations() []string {
	var out []string
	for id := range c.ops {
		out = append(out, id)
	}
	return out
}

// Build makes a request of an operation from nothing but the contract: its method
// and path, its required parameters with the values given or their defaults, and
// the body.
func (c *Contract) Build(ctx context.Context, server, id string, values map[string]string, body []byte) (*http.Request, error) {
	o, ok := c.ops[id]
	if !ok {
		return nil, fmt.Errorf("the contract has no operation %q", id)
	}
	path, query, header := o.path, url.Values{}, http.Header{}
	for _, ref := range o.op.Parameters {
		p := ref.Value
		v, given := values[p.Name]
		if !given && p.Required && p.Schema != nil && p.Schema.Value.Default != nil {
			v, given = fmt.Sprint(p.Schema.Value.Default), true
		}
		if !given {
			if p.Required {
				return nil, fmt.Errorf("%s needs %s", id, p.Name)
			}
			continue
		}
		switch p.In {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(v))
		case "query":
			query.Set(p.Name, v)
		case "header":
			header.Set(p.Name, v)
		}
	}
	address := server + c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, o.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = header
	if o.op.RequestBody != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// of says which operation a request is. The contract lists the change of a referral
// thrice, under paths that differ by slashes only; the body says which it is.
func (c *Contract) of(r *http.Request, body []byte) (string, map[string]string, error) {
	path, ok := strings.CutPrefix(r.URL.Path, c.base+"/referrals")
	id := strings.Trim(path, "/")
	params := map[string]string{"id": id}
	switch {
	case !ok || strings.Contains(id, "/"):
		return "", nil, fmt.Errorf("%s is no path of the contract", r.URL.Path)
	case id == "" && r.Method == http.MethodGet:
		return "GetAllReferrals", nil, nil
	case id == "" && r.Method == http.MethodPost:
		return "CreateReferral", nil, nil
	case r.Method == http.MethodGet:
		return "GetReferralById", params, nil
	case r.Method == http.MethodPut:
		return "UpdateReferralById", params, nil
	case r.Method == http.MethodPatch && bytes.Contains(body, []byte(`"/registrations/-"`)):
		return "CreateDealRegistrationByReferralId", params, nil
	case r.Method == http.MethodPatch && bytes.Contains(body, []byte(`"/registrations/`)):
		return "PatchDealRegistrationByReferralId", params, nil
	case r.Method == http.MethodPatch:
		return "PatchReferralById", params, nil
	}
	return "", nil, fmt.Errorf("the contract has no %s of %s", r.Method, r.URL.Path)
}

// Check holds a request and its answer against the contract.
func (c *Contract) Check(r *http.Request, body []byte, status int, header http.Header, answer []byte) error {
	id, params, err := c.of(r, body)
	if err != nil {
		return err
	}
	o := c.ops[id]
	sent := r.Clone(context.WithoutCancel(r.Context()))
	sent.Body, sent.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, ExcludeReadOnlyValidations: true, MultiError: true}
	in := &openapi3filter.RequestValidationInput{
		Request: sent, PathParams: params, Options: options,
		Route: &routers.Route{Spec: c.spec, Path: o.path, PathItem: o.item, Method: o.method, Operation: o.op},
	}
	if err := openapi3filter.ValidateRequest(sent.Context(), in); err != nil {
		return fmt.Errorf("the request of %s: %w", id, err)
	}
	for name := range r.URL.Query() {
		if name != "$skiptoken" && o.op.Parameters.GetByInAndName("query", name) == nil {
			return fmt.Errorf("the request of %s: the contract has no parameter %s", id, name)
		}
	}
	if r.Method == http.MethodPatch && status == http.StatusOK {
		status = http.StatusNoContent // with Prefer: return=representation; the contract has its schema under 204
	}
	res := o.op.Responses.Value(fmt.Sprint(status))
	if res == nil {
		if status >= 400 { // the contract lists some refusals and gives none a schema
			return nil
		}
		return fmt.Errorf("%s: the contract has no answer %d", id, status)
	}
	media := res.Value.Content.Get("application/json")
	if media == nil || len(answer) == 0 && status == http.StatusNoContent {
		return nil
	}
	if !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		return fmt.Errorf("%s: the answer is %q", id, header.Get("Content-Type"))
	}
	var v any
	if err := json.Unmarshal(answer, &v); err != nil {
		return fmt.Errorf("%s: the answer is no JSON: %w", id, err)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		return fmt.Errorf("the answer of %s: %w", id, err)
	}
	return nil
}

// Transport holds every call of the referrals that goes through it against the
// contract, and fails the test where one differs.
func (c *Contract) Transport(t testing.TB, next http.RoundTripper) http.RoundTripper {
	return &transport{t: t, c: c, next: next}
}

type transport struct {
	t    testing.TB
	c    *Contract
	next http.RoundTripper
}

// RoundTrip does one call and checks it.
func (x *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(r.URL.Path, x.c.base+"/referrals") {
		return x.next.RoundTrip(r)
	}
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := x.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		if wrong := x.c.Check(r, body, resp.StatusCode, resp.Header, answer); wrong != nil {
			x.t.Errorf("%s %s: %v\nrequest %s\nanswer %s", r.Method, r.URL, wrong, body, answer)
		}
	}
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(answer), failing{err}))
	return resp, nil
}

// failing gives err once all before it was read; nil is the end.
type failing struct{ err error }

// Read gives the error, or the end.
func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
