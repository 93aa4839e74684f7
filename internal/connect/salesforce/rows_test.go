package salesforce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const newID = "a01000000000001"

func TestUpsertAcceptsEveryFormOfSuccess(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		body   string
		want   UpsertResult
	}{
		{201, `{"id":"a01000000000001","success":true,"errors":[],"created":true}`, UpsertResult{newID + "AAA", true}},
		{201, `{"id":"a01000000000001AAA","success":true,"errors":[]}`, UpsertResult{newID + "AAA", true}},
		{200, `{"id":"a01000000000001AAA","success":true,"errors":[],"created":false}`, UpsertResult{newID + "AAA", false}},
		{204, ``, UpsertResult{}},
	} {
		f := newFake(t, reply(tt.status, tt.body))
		c, _ := newClient(t, f)
		got, err := c.Upsert(t.Context(), "CoSell_Registration__c", "Key__c", "aws/opp 1%", Fields{"Key__c": "aws/opp 1%", "key__C": 1, "id": "x", "Stage__c": "Approved"})
		if err != nil || got != tt.want {
			t.Errorf("%d: %+v, %v", tt.status, got, err)
		}
		if _, calls := f.seen(); calls[0] != "PATCH /services/data/v67.0/sobjects/CoSell_Registration__c/Key__c/aws%2Fopp%201%25" {
			t.Errorf("%v", calls)
		}
		if f.bodies[0] != `{"Stage__c":"Approved"}` {
			t.Errorf("body %s", f.bodies[0])
		}
	}
}

func TestUpsertThatMatchesSeveralRecordsNamesThem(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(300, `["/services/data/v67.0/sobjects/X__c/a01000000000001","/services/data/v67.0/sobjects/X__c/a01000000000002AAA"]`))
	c, _ := newClient(t, f)
	_, err := c.Upsert(t.Context(), "X__c", "Key__c", "k", Fields{})
	m, ok := errors.AsType[*MatchesError](err)
	if !ok || !problem.Is(err, problem.KindConflict) {
		t.Fatal(err)
	}
	want := &MatchesError{Object: "X__c", Field: "Key__c", Value: "k", IDs: []string{"a01000000000001AAA", "a01000000000002AAA"}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	wantRemote(t, err, problem.RetryHuman, "MULTIPLE_CHOICES", 300)
}

func TestUpsertIsRepeatedAfterALostReply(t *testing.T) {
	t.Parallel()
	f := newFake(t, inTurn(hangUp, reply(200, `{"id":"a01000000000001","success":true,"created":false}`)))
	c, _ := newClient(t, f)
	got, err := c.Upsert(t.Context(), "X__c", "Key__c", "..", Fields{})
	if err != nil || got.ID != newID+"AAA" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, calls := f.seen(); len(calls) != 2 || !strings.HasSuffix(calls[0], "/Key__c/%2E%2E") {
		t.Errorf("%v", calls)
	}
}

func TestDuplicateValueIsForAHuman(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(400, `[{"message":"duplicate value found: X__c duplicates value on record with id: 006","errorCode":"DUPLICATE_VALUE","fields":[]}]`))
	c, _ := newClient(t, f)
	_, err := c.Create(t.Context(), "Opportunity", Fields{"X__c": "1"})
	wantRemote(t, err, problem.RetryHuman, "DUPLICATE_VALUE", 400)
}

func TestNamesAndIDsAreCheckedBeforeTheyGetIntoAPath(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(500, ""))
	c, _ := newClient(t, f)
	ctx := t.Context()
	const id = "006000000000001"
	_, e1 := c.Get(ctx, "Account/../x", id)
	_, e2 := c.Get(ctx, "Account", "../../limits")
	_, e3 := c.Create(ctx, "", Fields{})
	_, e4 := c.Upsert(ctx, "X__c", "Key__c", "", Fields{})
	_, e5 := c.Upsert(ctx, "X__c", "Key/c", "v", Fields{})
	_, e6 := c.UpsertCollection(ctx, "X__c", "a?b", []Fields{{}})
	_, e7 := c.Describe(ctx, "X Y")
	_, e8 := c.Create(ctx, "X__c", Fields{"N__c": math.NaN()})
	for i, err := range []error{e1, e2, e3, e4, e5, e6, e7, e8, c.Delete(ctx, "Account", ""), c.Update(ctx, "Account", "x", Fields{})} {
		if !problem.Is(err, problem.KindInvalid) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if n, calls := f.seen(); n != 0 || len(calls) != 0 {
		t.Errorf("%d sign-ins, %v", n, calls)
	}
}

func TestGetUpdateAndDelete(t *testing.T) {
	t.Parallel()
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			if q := r.URL.Query().Get("fields"); q != "Id,Name" {
				t.Errorf("fields %q", q)
			}
			io.WriteString(w, `{"attributes":{"type":"Account"},"Id":"001000000000001AAA","Name":"Acme"}`)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	c, _ := newClient(t, f)
	const id = "001000000000001"
	r, err := c.Get(t.Context(), "Account", id, "Id", "Name")
	if err != nil || r.String("Name") != "Acme" {
		t.Errorf("%s, %v", r.JSON(), err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678999000, time.FixedZone("", 3600))
	err = c.Update(t.Context(), "Account", id, Fields{"Id": id, "At__c": at, "Amount__c": json.Number("12345678901234567.89"), "Big__c": 1e21, "Small__c": float32(0.1), "Gone__c": nil})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), "Account", id); err != nil {
		t.Fatal(err)
	}
	const prefix = " /services/data/v67.0/sobjects/Account/" + id
	if _, calls := f.seen(); !cmp.Equal(calls, []string{"GET" + prefix, "PATCH" + prefix, "DELETE" + prefix}) {
		t.Errorf("%v", calls)
	}
	want := `{"Amount__c":12345678901234567.89,"At__c":"2026-01-02T02:04:05.678Z","Big__c":1000000000000000000000,"Gone__c":null,"Small__c":0.1}`
	if f.bodies[1] != want {
		t.Errorf("body %s", f.bodies[1])
	}
}

func TestDeleteOfWhatIsDeletedIsNoError(t *testing.T) {
	t.Parallel()
	f := newFake(t, inTurn(hangUp, reply(404, `[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED"}]`)))
	c, _ := newClient(t, f)
	if err := c.Delete(t.Context(), "Account", "001000000000001"); err != nil {
		t.Error(err)
	}
}

// collectionBody is what a collections call sends.
type collectionBody struct {
	AllOrNone bool             `json:"allOrNone"`
	Records   []map[string]any `json:"records"`
}

// collections answers each row by fn, which gives a JSON object.
func collections(t *testing.T, fn func(row map[string]any) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b collectionBody
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil || b.AllOrNone || len(b.Records) > 200 {
			t.Errorf("%v, %d rows, allOrNone %v", err, len(b.Records), b.AllOrNone)
		}
		var out []string
		for _, row := range b.Records {
			out = append(out, fn(row))
		}
		io.WriteString(w, "["+strings.Join(out, ",")+"]")
	}
}

func keyed(n int) []Fields {
	out := make([]Fields, n)
	for i := range out {
		out[i] = Fields{"Key__c": fmt.Sprintf("k%03d", i), "N__c": i}
	}
	return out
}

func TestUpsertCollectionOf450RowsKeepsOrderAndRetriesOnlyLockedRows(t *testing.T) {
	t.Parallel()
	tries := map[string]int{}
	f := newFake(t, collections(t, func(row map[string]any) string {
		key := row["Key__c"].(string)
		tries[key]++
		switch {
		case row["attributes"].(map[string]any)["type"] != "X__c":
			t.Errorf("%v", row)
		case key == "k007" && tries[key] < 3, key == "k333":
			return `{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"unable to obtain exclusive access to this record","fields":[]}]}`
		case key == "k100":
			return `{"success":false,"errors":[{"statusCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"Needs a stage","fields":["Stage__c"]}]}`
		}
		return fmt.Sprintf(`{"id":"a01000000000%s","success":true,"errors":[],"created":%t}`, key[1:], key < "k200")
	}))
	c, s := newClient(t, f)
	in := keyed(450)
	in[5] = Fields{"N__c": 5} // carries no key: must never be sent
	got, err := c.UpsertCollection(t.Context(), "X__c", "Key__c", in)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 450 {
		t.Fatalf("%d results", len(got))
	}
	for i, r := range got {
		key := fmt.Sprintf("k%03d", i)
		switch i {
		case 5:
			if !problem.Is(r.Err, problem.KindInvalid) {
				t.Errorf("%d: %v", i, r.Err)
			}
		case 100:
			e := wantRemote(t, r.Err, problem.RetryHuman, "FIELD_CUSTOM_VALIDATION_EXCEPTION", 200)
			if len(e.Fields) != 1 || e.Fields[0].Field != "Stage__c" {
				t.Errorf("%+v", e)
			}
		case 333:
			wantRemote(t, r.Err, problem.RetrySoon, "UNABLE_TO_LOCK_ROW", 200)
		default:
			want := RowResult{ID: ID18("a01000000000" + key[1:]), Created: i < 200}
			if r != want {
				t.Errorf("%d: %+v", i, r)
			}
		}
		wantTries := map[int]int{5: 0, 7: 3, 333: 3}
		n, special := wantTries[i]
		if !special {
			n = 1
		}
		if tries[key] != n {
			t.Errorf("%s was sent %d times", key, tries[key])
		}
	}
	// 449 rows in three calls, k007 and k333 twice more each.
	if _, calls := f.seen(); len(calls) != 7 || len(s.all) != 4 || calls[0] != "PATCH /services/data/v67.0/composite/sobjects/X__c/Key__c" {
		t.Errorf("%d calls, %d pauses", len(calls), len(s.all))
	}
}

func TestCollectionStopsWhereACallFailsAsAWholeAndTellsEachRow(t *testing.T) {
	t.Parallel()
	ok := collections(t, func(map[string]any) string { return `{"id":"a01000000000001","success":true,"created":true}` })
	f := newFake(t, inTurn(ok, reply(403, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`)))
	c, _ := newClient(t, f)
	got, err := c.UpsertCollection(t.Context(), "X__c", "Key__c", keyed(450))
	wantRemote(t, err, problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 403)
	for i, r := range got {
		switch notSent := errors.Is(r.Err, ErrNotSent); {
		case i < 200 && (r.Err != nil || r.ID == ""), i >= 200 && r.Err == nil, notSent != (i >= 400):
			t.Fatalf("%d: %+v", i, r)
		case i >= 400:
			wantRemote(t, r.Err, problem.RetryLater, "REQUEST_LIMIT_EXCEEDED", 403)
		}
	}
	if _, calls := f.seen(); len(calls) != 2 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestCollectionGoesOnAfterACallRefusedForItsContent(t *testing.T) {
	t.Parallel()
	ok := collections(t, func(map[string]any) string { return `{"id":"a01000000000001","success":true}` })
	f := newFake(t, inTurn(reply(400, `[{"message":"Cannot deserialize","errorCode":"JSON_PARSER_ERROR"}]`), ok))
	c, _ := newClient(t, f)
	got, err := c.UpsertCollection(t.Context(), "X__c", "Key__c", keyed(201))
	if err != nil || got[200].Err != nil {
		t.Fatal(err, got[200].Err)
	}
	wantRemote(t, got[199].Err, problem.RetryHuman, "JSON_PARSER_ERROR", 400)
}

func TestUpsertCollectionIsRepeatedAfterALostReplyButCreatesAndUpdatesAreNot(t *testing.T) {
	t.Parallel()
	ok := collections(t, func(map[string]any) string { return `{"id":"a01000000000001","success":true}` })
	for name, tt := range map[string]struct {
		write func(c *Client) ([]RowResult, error)
		calls int
	}{
		"upsert": {func(c *Client) ([]RowResult, error) {
			return c.UpsertCollection(t.Context(), "X__c", "Key__c", keyed(1))
		}, 2},
		"create": {func(c *Client) ([]RowResult, error) { return c.CreateCollection(t.Context(), "X__c", keyed(1)) }, 1},
		"update": {func(c *Client) ([]RowResult, error) {
			return c.UpdateCollection(t.Context(), "X__c", []Fields{{"Id": newID}})
		}, 1},
	} {
		f := newFake(t, inTurn(hangUp, ok))
		c, _ := newClient(t, f)
		got, err := tt.write(c)
		if _, calls := f.seen(); len(calls) != tt.calls {
			t.Errorf("%s: %v", name, calls)
		}
		if name == "upsert" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantRemote(t, err, problem.RetryUnsure, "NO_ANSWER", 0)
		wantRemote(t, got[0].Err, problem.RetryUnsure, "NO_ANSWER", 0)
	}
}

func TestCollectionAnswerOfAnotherLengthIsNotTrusted(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `[{"id":"a01000000000001","success":true}]`))
	c, _ := newClient(t, f)
	_, err := c.CreateCollection(t.Context(), "X__c", keyed(2))
	wantRemote(t, err, problem.RetryUnsure, "UNREADABLE_ANSWER", 200)
	_, err = c.UpsertCollection(t.Context(), "X__c", "Key__c", keyed(2))
	wantRemote(t, err, problem.RetrySoon, "UNREADABLE_ANSWER", 200)
	if got, err := c.UpsertCollection(t.Context(), "X__c", "Key__c", nil); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCompositeGivesEachAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(200, `{"compositeResponse":[
	 {"body":{"id":"00T000000000001","success":true},"httpHeaders":{},"httpStatusCode":201,"referenceId":"task"},
	 {"body":[{"errorCode":"PROCESSING_HALTED","message":"rolled back"}],"httpHeaders":{},"httpStatusCode":400,"referenceId":"read"}]}`))
	c, _ := newClient(t, f)
	got, err := c.Composite(t.Context(), true, []Subrequest{
		{Ref: "task", Method: "POST", Path: "/sobjects/Task", Fields: Fields{"Subject": "x"}},
		{Ref: "read", Method: "GET", Path: "/sobjects/Task/@{task.id}"},
	})
	if err != nil || len(got) != 2 || got[0].Err != nil || got[0].Status != 201 {
		t.Fatalf("%+v, %v", got, err)
	}
	wantRemote(t, got[1].Err, problem.RetryHuman, "PROCESSING_HALTED", 400)
	want := `{"allOrNone":true,"compositeRequest":[{"method":"POST","url":"/services/data/v67.0/sobjects/Task","referenceId":"task","body":{"Subject":"x"}},{"method":"GET","url":"/services/data/v67.0/sobjects/Task/@{task.id}","referenceId":"read"}]}`
	if f.bodies[0] != want {
		t.Errorf("body %s", f.bodies[0])
	}
}

func TestCompositeWithACreateIsNotRepeated(t *testing.T) {
	t.Parallel()
	for method, calls := range map[string]int{"POST": 1, "PATCH": 2} {
		f := newFake(t, inTurn(hangUp, reply(200, `{"compositeResponse":[{"body":null,"httpStatusCode":204,"referenceId":"r"}]}`)))
		c, _ := newClient(t, f)
		_, err := c.Composite(t.Context(), false, []Subrequest{{Ref: "r", Method: method, Path: "/sobjects/Task", Fields: Fields{}}})
		if _, seen := f.seen(); len(seen) != calls || (err == nil) != (method == "PATCH") {
			t.Errorf("%s: %d calls, %v", method, len(seen), err)
		}
	}
}

func TestCompositeIsCheckedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	f := newFake(t, reply(500, ""))
	c, _ := newClient(t, f)
	query := func(i int) Subrequest {
		return Subrequest{Ref: fmt.Sprintf("r%d", i), Method: "GET", Path: "/query?q=x"}
	}
	var six, many []Subrequest
	for i := range 6 {
		six = append(six, query(i))
	}
	for i := range 26 {
		many = append(many, Subrequest{Ref: fmt.Sprintf("r%d", i), Method: "GET", Path: "/limits"})
	}
	for name, reqs := range map[string][]Subrequest{
		"none": nil, "26": many, "six queries": six, "same ref": {query(1), query(1)},
		"a bad ref": {{Ref: "a b", Method: "GET", Path: "/x"}}, "a bad method": {{Ref: "a", Method: "LOOK", Path: "/x"}}, "a bad path": {{Ref: "a", Method: "GET", Path: "x"}},
	} {
		if _, err := c.Composite(t.Context(), false, reqs); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const describedX = `{"name":"X__c","label":"X","custom":true,"createable":true,"updateable":true,"fields":[
 {"name":"Id","type":"id"},
 {"name":"Key__c","type":"string","length":80,"externalId":true,"unique":true,"createable":true,"updateable":true},
 {"name":"Plain__c","type":"string","createable":true,"updateable":true},
 {"name":"Formula__c","type":"string","calculated":true},
 {"name":"Stage__c","type":"picklist","createable":true,"updateable":true,"restrictedPicklist":true,"picklistValues":[{"value":"A","label":"A","active":true,"defaultValue":true}]},
 {"name":"Account__c","type":"reference","relationshipName":"Account__r","referenceTo":["Account"]}],
 "childRelationships":[{"childSObject":"Task","field":"WhatId","relationshipName":"Tasks"},{"childSObject":"Y","field":"Z","relationshipName":null}]}`

func describeX(w http.ResponseWriter, r *http.Request) {
	const stamp = "Mon, 02 Nov 2026 08:00:00 GMT"
	switch {
	case strings.HasSuffix(r.URL.Path, "/limits"):
		w.Header().Set("Sforce-Limit-Info", "api-usage=18/5000")
		io.WriteString(w, `{}`)
	case !strings.HasSuffix(r.URL.Path, "/sobjects/X__c/describe"):
		reply(404, `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`)(w, r)
	case r.Header.Get("If-Modified-Since") == stamp:
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("Last-Modified", stamp)
		io.WriteString(w, describedX)
	}
}

func TestDescribeIsKeptAndAskedForWithIfModifiedSince(t *testing.T) {
	t.Parallel()
	f := newFake(t, describeX)
	c, _ := newClient(t, f)
	first, err := c.Describe(t.Context(), "X__c")
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Describe(t.Context(), "X__c")
	if err != nil || first != second {
		t.Errorf("decoded again: %v", err)
	}
	k, ok := first.Field("key__C")
	if !ok || !k.ExternalID || k.Length != 80 || len(first.Children) != 2 || first.Children[1].Name != "" {
		t.Errorf("%+v", first)
	}
	_, err = c.Describe(t.Context(), "Nope__c")
	wantRemote(t, err, problem.RetryHuman, "NOT_FOUND", 404)
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFake(t, describeX)
	c, _ := newClient(t, f)
	rep, err := c.Check(t.Context(), []Need{
		{Object: "X__c", Read: []string{"Id", "Gone__c"}, Write: []string{"Stage__c", "Formula__c", "Gone__c"}, ExternalID: "Key__c"},
		{Object: "X__c", ExternalID: "Plain__c"},
		{Object: "Y__c", Read: []string{"Id"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range rep.Findings {
		got = append(got, x.Object+"."+x.Field+" "+x.Code)
	}
	want := []string{"X__c.Gone__c field_missing", "X__c.Formula__c field_not_writable", "X__c.Plain__c not_external_id", "Y__c. object_missing"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rep.Identity.APIVersion != "67.0" || rep.Usage.Used != 18 {
		t.Errorf("%+v", rep)
	}
	f.Close()
	if _, err := c.Check(t.Context(), nil); err == nil {
		t.Error("a server that is down passes no check")
	}
}

func TestCancelWhileWaitingForLocksKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	f := newFake(t, collections(t, func(row map[string]any) string {
		if row["Key__c"] == "k001" {
			return `{"success":false,"errors":[{"statusCode":"UNABLE_TO_LOCK_ROW","message":"locked"}]}`
		}
		return `{"id":"a01000000000001","success":true}`
	}))
	c, _ := newClient(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	c.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
	got, err := c.UpsertCollection(ctx, "X__c", "Key__c", keyed(201))
	if !errors.Is(err, context.Canceled) || got[0].Err != nil || !errors.Is(got[200].Err, ErrNotSent) {
		t.Errorf("%v, %+v, %+v", err, got[0], got[200])
	}
	wantRemote(t, got[1].Err, problem.RetrySoon, "UNABLE_TO_LOCK_ROW", 200)
}
