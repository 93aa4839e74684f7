package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// chunkRows is the most records a collections call takes.
const chunkRows = 200

// RowResult is what became of one record of a collection: an id, or an error of
// the same kinds and classes that a single call gives.
type RowResult struct {
	ID      string // 18 characters; "" with an error
	Created bool
	Err     error
}

// ErrNotSent is in the chain of the error of a row that was held back because
// an earlier part of its collection failed as a whole.
var ErrNotSent = errors.New("not sent, as an earlier part of the collection failed")

// UpsertCollection upserts records of one object by the external id field
// extField, which each of them has to carry, 200 to a call; rows stand or fall
// alone. There is one result for each record, in their order. Rows that met a
// lock are sent again alone.
//
// The error is that of a call that failed as a whole, such as a spent daily
// limit or a refused sign-in; its rows carry it too, those after it also
// ErrNotSent. If Salesforce refuses a call for what is in it, the rows of that
// call carry the refusal and the rest goes on.
func (c *Client) UpsertCollection(ctx context.Context, object, extField string, records []Fields) ([]RowResult, error) {
	if err := checkName("ext_field", extField); err != nil {
		return nil, err
	}
	if list := previewing(ctx); list != nil {
		results := make([]RowResult, len(records))
		for i, r := range records {
			*list = append(*list, intent{object: object, field: extField, key: shown(r[extField]), fields: r})
			results[i].Err = errPreview
		}
		return results, nil
	}
	w := collectionWrite{op: "upsert " + object, method: http.MethodPatch, path: "/composite/sobjects/" + object + "/" + extField, object: object, key: extField, idempotent: true}
	return c.collection(ctx, w, records)
}

// UpdateCollection updates records of one object, each carrying its Id, 200 to
// a call; results and error are as for UpsertCollection, but nothing is sent
// again: a lost answer gives rows of class problem.RetryUnsure.
func (c *Client) UpdateCollection(ctx context.Context, object string, records []Fields) ([]RowResult, error) {
	w := collectionWrite{op: "update " + object, method: http.MethodPatch, path: "/composite/sobjects", object: object, key: "Id"}
	return c.collection(ctx, w, records)
}

// CreateCollection creates records of one object, 200 to a call; results and
// error are as for UpdateCollection. Prefer UpsertCollection.
func (c *Client) CreateCollection(ctx context.Context, object string, records []Fields) ([]RowResult, error) {
	w := collectionWrite{op: "create " + object, method: http.MethodPost, path: "/composite/sobjects", object: object}
	return c.collection(ctx, w, records)
}

type collectionWrite struct {
	op, method, path, object string
	key                      string // the field that every record has to carry, "" for none
	idempotent               bool
}

func (c *Client) collection(ctx context.Context, w collectionWrite, records []Fields) ([]RowResult, error) {
	if err := checkName("object", w.object); err != nil {
		return nil, err
	}
	results := make([]RowResult, len(records))
	rows := make([]map[string]any, len(records))
	var send []int // places of the rows fit to be sent
	for i, r := range records {
		row, err := r.encodable("attributes")
		if err == nil && w.key != "" && (row[w.key] == nil || row[w.key] == "") {
			err = problem.Invalid(w.key, "required", "the record carries no "+w.key)
		}
		if err != nil {
			results[i].Err = err
			continue
		}
		row["attributes"] = map[string]string{"type": w.object}
		rows[i] = row
		send = append(send, i)
	}
	for len(send) > 0 {
		part := send[:min(chunkRows, len(send))]
		send = send[len(part):]
		err := c.chunk(ctx, w, rows, part, results)
		if err == nil {
			continue
		}
		for _, i := range part {
			if results[i] == (RowResult{}) {
				results[i].Err = err
			}
		}
		if r := problem.RemoteOf(err); r != nil && r.Status == http.StatusBadRequest && !ofConnection(err) {
			continue // something in this very chunk
		}
		for _, i := range send {
			results[i].Err = fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return results, err
	}
	return results, nil
}

// chunk sends the rows at the given places, and those that met a lock again.
func (c *Client) chunk(ctx context.Context, w collectionWrite, rows []map[string]any, places []int, results []RowResult) error {
	for try := 1; ; try++ {
		body := struct {
			AllOrNone bool             `json:"allOrNone"`
			Records   []map[string]any `json:"records"`
		}{Records: make([]map[string]any, len(places))}
		for k, i := range places {
			body.Records[k] = rows[i]
		}
		payload, err := marshal(w.op, body)
		if err != nil {
			return err
		}
		ans, err := c.do(ctx, call{op: w.op, method: w.method, path: w.path, body: payload, idempotent: w.idempotent})
		if err != nil {
			return err
		}
		var got []saved
		if err := json.Unmarshal(ans.body, &got); err != nil || len(got) != len(places) {
			what := fmt.Sprintf("%d results for %d records", len(got), len(places))
			if w.idempotent {
				return garbage(w.op, ans, what)
			}
			return unsureGarbage(w.op, ans, what)
		}
		var locked []int
		for k, s := range got {
			i := places[k]
			results[i] = rowResult(w.op, ans.status, s)
			if len(s.Errors) > 0 && s.Errors[0].code() == codeRowLock {
				locked = append(locked, i)
			}
		}
		if len(locked) == 0 || !w.idempotent || try >= c.cfg.MaxAttempts {
			return nil
		}
		c.log.DebugContext(ctx, "salesforce: again for locked rows", "op", w.op, "rows", len(locked), "try", try)
		if err := c.sleep(ctx, pause(try, 0)); err != nil {
			return fmt.Errorf("salesforce %s: %w", w.op, err) // the rows keep their lock errors
		}
		places = locked
	}
}

func rowResult(op string, status int, s saved) RowResult {
	if s.Success && IsID(s.ID) {
		return RowResult{ID: ID18(s.ID), Created: s.Created}
	}
	errs := s.Errors
	if len(errs) == 0 {
		errs = []apiError{{StatusCode: "UNKNOWN_EXCEPTION", Message: "Salesforce names no reason"}}
	}
	return RowResult{Err: rowProblem(problem.Remote{System: system, Operation: op, Status: status}, errs)}
}
