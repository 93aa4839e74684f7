package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// UpsertResult is what an upsert did. ID is "" where an old API version answers
// an update without a body. After a repeat on a broken connection Created may
// be false though this very call created the record.
type UpsertResult struct {
	ID      string // 18 characters
	Created bool
}

// saved is the body of a write's answer.
type saved struct {
	ID      string     `json:"id"`
	Success bool       `json:"success"`
	Created bool       `json:"created"`
	Errors  []apiError `json:"errors"`
}

// Get reads one record by id; without fields, all that the user may see. A
// record that is not there is an error with the code NOT_FOUND.
func (c *Client) Get(ctx context.Context, object, id string, fields ...string) (Record, error) {
	if err := checkRow(object, id); err != nil {
		return Record{}, err
	}
	cl := call{op: "get " + object, method: http.MethodGet, path: "/sobjects/" + object + "/" + id, idempotent: true}
	if len(fields) > 0 {
		cl.query = url.Values{"fields": {strings.Join(fields, ",")}}
	}
	ans, err := c.do(ctx, cl)
	if err != nil {
		return Record{}, err
	}
	r, err := NewRecord(ans.body)
	if err != nil {
		return Record{}, garbage(cl.op, ans, err.Error())
	}
	return r, nil
}

// Create makes a record and gives its id (18 characters). It is never sent
// again once it may have acted: then the error's class is problem.RetryUnsure
// and the caller has to look whether the record is there. Prefer Upsert.
func (c *Client) Create(ctx context.Context, object string, fields Fields) (string, error) {
	if err := checkName("object", object); err != nil {
		return "", err
	}
	op := "create " + object
	body, err := encode(op, fields, "attributes")
	if err != nil {
		return "", err
	}
	ans, err := c.do(ctx, call{op: op, method: http.MethodPost, path: "/sobjects/" + object, body: body})
	if err != nil {
		return "", err
	}
	var s saved
	if err := json.Unmarshal(ans.body, &s); err != nil || !IsID(s.ID) {
		return "", unsureGarbage(op, ans, "no id of the new record")
	}
	return ID18(s.ID), nil
}

// Update changes fields of the record with the given id.
func (c *Client) Update(ctx context.Context, object, id string, fields Fields) error {
	if err := checkRow(object, id); err != nil {
		return err
	}
	op := "update " + object
	body, err := encode(op, fields, "Id", "attributes")
	if err != nil {
		return err
	}
	ans, err := c.do(ctx, call{op: op, method: http.MethodPatch, path: "/sobjects/" + object + "/" + id, body: body, idempotent: true})
	if err != nil {
		return err
	}
	return done(op, ans)
}

// done reports whether the answer to a change of a row is Salesforce's: 204, or
// some JSON. A proxy's page with a friendly status means that nothing was done.
func done(op string, ans *answer) error {
	if ans.status == http.StatusNoContent || json.Valid(ans.body) {
		return nil
	}
	return garbage(op, ans, "no word that it was done")
}

// UpdateIfUnmodified changes fields of a record that was not changed after since.
// One that was is a problem of kind precondition, and nothing is written.
// Salesforce compares whole seconds (conditional request headers, REST API
// guide), so the exact stamp is read first.
func (c *Client) UpdateIfUnmodified(ctx context.Context, object, id string, fields Fields, since time.Time) error {
	if err := checkRow(object, id); err != nil {
		return err
	}
	op := "update " + object
	body, err := encode(op, fields, "Id", "attributes")
	if err != nil {
		return err
	}
	if list := previewing(ctx); list != nil {
		*list = append(*list, intent{object: object, id: id, fields: fields, since: since})
		return errPreview
	}
	have, err := c.Get(ctx, object, id, "SystemModstamp")
	if err != nil {
		return err
	}
	at, err := have.Time("SystemModstamp")
	if err != nil {
		return err
	}
	if at.Truncate(time.Millisecond).After(since.Truncate(time.Millisecond)) {
		return problem.Precondition(object, id)
	}
	until := at.Truncate(time.Second)
	ans, err := c.do(ctx, call{
		op: op, method: http.MethodPatch, path: "/sobjects/" + object + "/" + id, body: body, idempotent: true,
		header: map[string]string{"If-Unmodified-Since": until.UTC().Format(http.TimeFormat)},
	})
	if r := problem.RemoteOf(err); r != nil && r.Status == http.StatusPreconditionFailed {
		return problem.Precondition(object, id)
	}
	if err != nil {
		return err
	}
	return done(op, ans)
}

// Delete moves the record to the recycle bin. A record that is there already is
// no error.
func (c *Client) Delete(ctx context.Context, object, id string) error {
	if err := checkRow(object, id); err != nil {
		return err
	}
	if list := previewing(ctx); list != nil {
		*list = append(*list, intent{object: object, id: id, remove: true})
		return errPreview
	}
	op := "delete " + object
	ans, err := c.do(ctx, call{op: op, method: http.MethodDelete, path: "/sobjects/" + object + "/" + id, idempotent: true})
	if r := problem.RemoteOf(err); r != nil && r.Code == "ENTITY_IS_DELETED" {
		return nil
	}
	if err != nil {
		return err
	}
	return done(op, ans)
}

// Upsert creates the record whose external id extField is extValue, or updates
// it. extField itself is left out of the body, as Salesforce demands. More than
// one match is a problem.KindConflict with a *MatchesError as its cause.
func (c *Client) Upsert(ctx context.Context, object, extField, extValue string, fields Fields) (UpsertResult, error) {
	if err := checkName("object", object); err != nil {
		return UpsertResult{}, err
	}
	if err := checkName("ext_field", extField); err != nil {
		return UpsertResult{}, err
	}
	if extValue == "" {
		return UpsertResult{}, problem.Invalid(extField, "required", "without an external id the record could be created twice")
	}
	op := "upsert " + object
	body, err := encode(op, fields, extField, "Id", "attributes")
	if err != nil {
		return UpsertResult{}, err
	}
	if list := previewing(ctx); list != nil {
		*list = append(*list, intent{object: object, field: extField, key: extValue, fields: fields})
		return UpsertResult{}, errPreview
	}
	ans, err := c.do(ctx, call{
		op: op, method: http.MethodPatch, path: "/sobjects/" + object + "/" + extField + "/" + escapeSegment(extValue),
		body: body, idempotent: true, also: []int{http.StatusMultipleChoices},
	})
	if err != nil {
		return UpsertResult{}, err
	}
	switch ans.status {
	case http.StatusNoContent:
		return UpsertResult{}, nil
	case http.StatusMultipleChoices:
		return UpsertResult{}, ambiguous(op, object, extField, extValue, ans)
	}
	var s saved
	if err := json.Unmarshal(ans.body, &s); err != nil || !IsID(s.ID) {
		return UpsertResult{}, garbage(op, ans, "no id of the record")
	}
	return UpsertResult{ID: ID18(s.ID), Created: s.Created || ans.status == http.StatusCreated}, nil
}

func ambiguous(op, object, field, value string, ans *answer) error {
	var urls []string
	if err := json.Unmarshal(ans.body, &urls); err != nil {
		return garbage(op, ans, "several records match, but the list can't be read")
	}
	m := &MatchesError{Object: object, Field: field, Value: value}
	for _, u := range urls {
		m.IDs = append(m.IDs, ID18(path.Base(u)))
	}
	return &problem.Error{
		Kind: problem.KindConflict, Code: "external_id_not_unique",
		Message: "Several Salesforce records carry the same external id: keep one and clear the field on the others",
		Fields:  []problem.Field{{Field: field, Code: "not_unique", Message: "carried by " + strings.Join(m.IDs, ", "), Value: value}},
		Remote:  &problem.Remote{System: system, Operation: op, Code: "MULTIPLE_CHOICES", Status: ans.status, RequestID: ans.header.Get("X-Request-Id"), Retry: problem.RetryHuman},
		Err:     m,
	}
}

func checkRow(object, id string) error {
	if err := checkName("object", object); err != nil {
		return err
	}
	return checkID(id)
}

// encode writes fields as a JSON object without the named ones.
func encode(op string, fields Fields, without ...string) ([]byte, error) {
	m, err := fields.encodable(without...)
	if err != nil {
		return nil, err
	}
	return marshal(op, m)
}

func marshal(op string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("salesforce %s: a value can't be written as JSON: %w", op, err)
	}
	return body, nil
}
