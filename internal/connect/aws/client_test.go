package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/tandem-cosell/tandem/facts/awsselling"
	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func TestARequestIsTheServicesWireFormat(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Id":"O12345678","LastModifiedDate":"2025-11-10T20:51:45.972Z"}`))
	c := newClient(t, s.URL, func(cfg *Config) { cfg.SessionToken = "session" })
	out, err := c.UpdateOpportunity(t.Context(), sample(t, "updateOpportunity.json"))
	if err != nil {
		t.Fatal(err)
	}
	if out.LastModifiedDate != "2025-11-10T20:51:45.972Z" {
		t.Errorf("version %q", out.LastModifiedDate)
	}
	got := s.seen()[0]
	for name, want := range map[string]string{
		"Content-Type":         "application/x-amz-json-1.0",
		"X-Amz-Target":         "AWSPartnerCentralSelling.UpdateOpportunity",
		"X-Amz-Date":           "20261123T160406Z",
		"X-Amz-Security-Token": "session",
		"X-Amzn-User-Agent":    "Example Software|Tandem|Salesforce|v1",
	} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.Header.Get(name), want)
		}
	}
	// The official Go protocol wrote this sample in 1,422 bytes (research/aws.md §7.3).
	if len(got.Body) != 1422 || !strings.HasPrefix(got.Body, `{"Catalog":"AWS","PrimaryNeedsFromAws":["Co-Sell - Architectural Validation"],"NationalSecurity":"No","Customer":{"Account":{"Industry":"Financial Services",`) {
		t.Errorf("%d bytes: %s", len(got.Body), got.Body)
	}
	if strings.Contains(got.Body, "null") || !strings.Contains(got.Body, `"LastModifiedDate":"2024-09-26T04:33:32Z"`) {
		t.Errorf("nulls sent or version changed: %s", got.Body)
	}
	if !strings.HasPrefix(got.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/us-east-1/partnercentral-selling/aws4_request, SignedHeaders=") {
		t.Errorf("Authorization %q", got.Header.Get("Authorization"))
	}
}

func TestCreateOpportunityHasTheBytesOfTheOfficialProtocol(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Id":"O10708574","LastModifiedDate":"2025-11-10T20:51:45Z"}`))
	var in CreateOpportunityInput
	if err := json.Unmarshal(sample(t, "createOpportunity.json"), &in); err != nil {
		t.Fatal(err)
	}
	out, err := newClient(t, s.URL).CreateOpportunity(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	if out.ID != "O10708574" {
		t.Errorf("id %q", out.ID)
	}
	if n := len(s.seen()[0].Body); n != 1868 { // research/aws.md §7.3
		t.Errorf("%d bytes, want 1868", n)
	}
}

func TestTheSignatureCoversTheBody(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{}`))
	if err := newClient(t, s.URL).Call(t.Context(), "GetSellingSystemSettings", nil, nil); err != nil {
		t.Fatal(err)
	}
	got := s.seen()[0]
	req, err := http.NewRequest(http.MethodPost, s.URL+"/", strings.NewReader(got.Body))
	if err != nil {
		t.Fatal(err)
	}
	_, signed, _ := strings.Cut(got.Header.Get("Authorization"), "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	for name := range strings.SplitSeq(signed, ";") {
		if v := got.Header.Get(name); v != "" && name != "content-length" {
			req.Header.Set(name, v)
		}
	}
	err = v4.NewSigner().SignHTTP(t.Context(), sdk.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, req, sum(got.Body), "partnercentral-selling", "us-east-1", testNow)
	if err != nil {
		t.Fatal(err)
	}
	if req.Header.Get("Authorization") != got.Header.Get("Authorization") {
		t.Errorf("signature\n%s, want\n%s", got.Header.Get("Authorization"), req.Header.Get("Authorization"))
	}
	for _, need := range []string{"content-type", "host", "x-amz-date", "x-amz-target"} {
		if !slices.Contains(strings.Split(signed, ";"), need) {
			t.Errorf("%s is not signed (%s)", need, signed)
		}
	}
}

func TestEmptyAnswersAreSuccess(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, ""))
	c := newClient(t, s.URL)
	for name, err := range map[string]error{
		"associate":    c.AssociateOpportunity(t.Context(), "O1", EntitySolution, "S-0000001"),
		"disassociate": c.DisassociateOpportunity(t.Context(), "O1", EntitySolution, "S-0000001"),
		"submit":       c.SubmitOpportunity(t.Context(), "O1", AwsSubmission{InvolvementType: InvolvementCoSell}),
		"assign":       c.AssignOpportunity(t.Context(), "O1", Contact{Email: "ana@example.com", FirstName: "Ana", LastName: "Ruiz", BusinessTitle: "Seller"}),
		"tag":          c.TagResource(t.Context(), "arn:aws:x", []Tag{{"a", ""}}),
		"untag":        c.UntagResource(t.Context(), "arn:aws:x", []string{"a"}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, got := range s.seen() {
		if tags := strings.Contains(got.Header.Get("X-Amz-Target"), "tag") || strings.Contains(got.Header.Get("X-Amz-Target"), "Tag"); tags == strings.Contains(got.Body, `"Catalog":"AWS"`) {
			t.Errorf("catalog: %s %s", got.Header.Get("X-Amz-Target"), got.Body)
		}
	}
}

func TestEveryOperationCanBeCalled(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, `{"Invented":[1,{"a":null}],"Id":"O1"}`))
	c := newClient(t, s.URL)
	model := awsselling.Model()
	for name, op := range model.Operations {
		in := least(model, op.Input, 0)
		var out json.RawMessage
		if err := c.Call(t.Context(), name, in, &out); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		seen := s.seen()
		got := seen[len(seen)-1]
		if got.Header.Get("X-Amz-Target") != "AWSPartnerCentralSelling."+name {
			t.Errorf("%s: target %s", name, got.Header.Get("X-Amz-Target"))
		}
		if diff := cmp.Diff(object(t, marshal(t, in)), object(t, []byte(got.Body))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if string(out) != `{"Invented":[1,{"a":null}],"Id":"O1"}` {
			t.Errorf("%s: answer %s", name, out)
		}
	}
	if len(s.seen()) != 45 {
		t.Errorf("%d calls", len(s.seen()))
	}
}

func sum(body string) string {
	h := sha256.Sum256([]byte(body))
	return hex.EncodeToString(h[:])
}

// least builds a value of a shape with every member, three levels deep.
func least(m *awsselling.ServiceModel, name string, depth int) any {
	shape := m.Shapes[name]
	switch shape.Type {
	case awsselling.TypeStructure:
		out := map[string]any{}
		for _, mem := range shape.Members {
			if mem.Required || depth < 3 {
				out[mem.Name] = least(m, mem.Shape, depth+1)
			}
			if shape.Union {
				break
			}
		}
		return out
	case awsselling.TypeList:
		return []any{least(m, shape.Element, depth+1)}
	case awsselling.TypeMap:
		return map[string]any{"k": least(m, shape.Value, depth+1)}
	case awsselling.TypeInteger:
		return 1
	case awsselling.TypeBoolean:
		return true
	}
	return "text \u2028 \"quoted\" é"
}

func TestRefusalsKeepTheServicesWords(t *testing.T) {
	t.Parallel()
	type want struct {
		Code   string
		Status int
		Retry  problem.Retry
		Fields int
	}
	typed := func(name, more string) string {
		return `{"__type":"com.amazonaws.partnercentralselling#` + name + `","Message":"words of AWS"` + more + `}`
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   want
		text   string
	}{
		"validation":        {answer(400, typed(CodeValidation, `,"Reason":"BUSINESS_VALIDATION_FAILED","ErrorList":[{"FieldName":"Customer.Account.Address.PostalCode","Message":"bad","Code":"INVALID_VALUE"},{"FieldName":null,"Message":"odd","Code":"NEW_CODE","Invented":[1]}]`)), want{CodeValidation, 400, problem.RetryHuman, 2}, "words of AWS"},
		"conflict":          {answer(400, typed(CodeConflict, "")), want{CodeConflict, 400, problem.RetryHuman, 0}, "words of AWS"},
		"not found":         {answer(400, typed(CodeNotFound, "")), want{CodeNotFound, 400, problem.RetryHuman, 0}, "words of AWS"},
		"access denied":     {answer(400, typed(CodeAccessDenied, `,"Reason":"INCOMPATIBLE_BENEFIT_AWS_PARTNER_STATE"`)), want{CodeAccessDenied, 400, problem.RetryHuman, 0}, "words of AWS"},
		"quota":             {answer(400, typed(CodeQuotaExceeded, "")), want{CodeQuotaExceeded, 400, problem.RetryLater, 0}, "words of AWS"},
		"throttled":         {answer(400, typed(CodeThrottling, "")), want{CodeThrottling, 400, problem.RetrySoon, 0}, "words of AWS"},
		"internal":          {answer(500, typed(CodeInternalServer, "")), want{CodeInternalServer, 500, problem.RetrySoon, 0}, "words of AWS"},
		"unknown exception": {answer(400, `{"__type":"TeapotException","message":"short and stout"}`), want{"TeapotException", 400, problem.RetryHuman, 0}, "short and stout"},
		"bad signature":     {answer(403, `{"__type":"InvalidSignatureException","message":"no"}`), want{"InvalidSignatureException", 403, problem.RetryHuman, 0}, "no"},
		"expired token":     {answer(403, `{"__type":"ExpiredTokenException","message":"old"}`), want{"ExpiredTokenException", 403, problem.RetryReauth, 0}, "old"},
		"type in header": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Amzn-Errortype", "ConflictException:http://internal.amazon.com/")
			answer(400, `{"Message":"words of AWS"}`)(w, r)
		}, want{CodeConflict, 400, problem.RetryHuman, 0}, "words of AWS"},
		"type in code":         {answer(400, `{"code":"ResourceNotFoundException","Message":"words of AWS"}`), want{CodeNotFound, 400, problem.RetryHuman, 0}, "words of AWS"},
		"page of a proxy":      {page(503, "text/html", "<html>\n<h1>503 Service Unavailable</h1>"), want{CodeUnreadable, 503, problem.RetrySoon, 0}, "<h1>503 Service Unavailable"},
		"forbidden page":       {page(403, "text/html", "<html>blocked"), want{CodeUnreadable, 403, problem.RetryHuman, 0}, "HTTP 403"},
		"page with 200":        {page(200, "text/html", "<html>sign in to the hotel's network"), want{CodeUnreadable, 200, problem.RetrySoon, 0}, "hotel"},
		"garbage":              {page(200, "application/octet-stream", "\x00\xff\xfe"), want{CodeUnreadable, 200, problem.RetrySoon, 0}, "HTTP 200"},
		"JSON of a wrong type": {answer(200, `[1,2]`), want{CodeUnreadable, 200, problem.RetrySoon, 0}, "[1,2]"},
		"empty 502":            {page(502, "", ""), want{CodeUnreadable, 502, problem.RetrySoon, 0}, "an empty body"},
		"redirect":             {page(302, "", ""), want{CodeUnreadable, 302, problem.RetryHuman, 0}, "HTTP 302"},
		"JSON without type":    {answer(500, `{"oops":true}`), want{CodeUnreadable, 500, problem.RetrySoon, 0}, "oops"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.answer)
			cl := newClient(t, s.URL, func(cfg *Config) { cfg.MaxAttempts = 2 })
			_, err := cl.ListSolutions(t.Context(), &ListSolutionsInput{})
			var p *problem.Error
			if !errors.As(err, &p) || p.Remote == nil {
				t.Fatalf("error %v", err)
			}
			kind := problem.KindRemote
			if p.Remote.Code == CodeNotFound {
				kind = problem.KindNotFound
			}
			if p.Kind != kind {
				t.Errorf("kind %s, want %s", p.Kind, kind)
			}
			if p.Remote.System != "aws" || p.Remote.Operation != "ListSolutions" {
				t.Errorf("remote %+v", p.Remote)
			}
			got := want{p.Remote.Code, p.Remote.Status, p.Remote.Retry, len(p.Fields)}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(err.Error(), c.text) {
				t.Errorf("text %q lacks %q", err, c.text)
			}
			if calls := len(s.seen()); calls != map[bool]int{true: 2, false: 1}[c.want.Retry == problem.RetrySoon] {
				t.Errorf("%d calls", calls)
			}
		})
	}
}

func TestAValidationErrorGivesItsFields(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(400, `{"__type":"ValidationException","Message":"no","Reason":"BUSINESS_VALIDATION_FAILED","ErrorList":[{"FieldName":"Project.Title","Message":"empty","Code":"REQUIRED_FIELD_MISSING"}]}`))
	err := newClient(t, s.URL).SubmitOpportunity(t.Context(), "O1", AwsSubmission{InvolvementType: InvolvementCoSell})
	var p *problem.Error
	if !errors.As(err, &p) {
		t.Fatal(err)
	}
	want := []problem.Field{{Field: "Project.Title", Code: "REQUIRED_FIELD_MISSING", Message: "empty"}}
	if diff := cmp.Diff(want, p.Fields); diff != "" {
		t.Error(diff)
	}
	if !IsValidation(err) || IsConflict(err) || p.Remote.RequestID != "req-1" {
		t.Errorf("remote %+v", p.Remote)
	}
}

const throttled = `{"__type":"ThrottlingException","Message":"slow"}`

func TestWhatIsSafeIsRepeatedAndNothingElse(t *testing.T) {
	t.Parallel()
	create := func(ctx context.Context, c *Client) error {
		_, err := c.CreateOpportunity(ctx, &CreateOpportunityInput{ClientToken: "token-1"})
		return err
	}
	read := func(ctx context.Context, c *Client) error { _, err := c.GetOpportunity(ctx, "O1"); return err }
	associate := func(ctx context.Context, c *Client) error {
		return c.AssociateOpportunity(ctx, "O1", EntitySolution, "S-1")
	}
	update := func(ctx context.Context, c *Client) error {
		_, err := c.UpdateOpportunity(ctx, json.RawMessage(`{"Identifier":"O1","LastModifiedDate":"2026-01-01T00:00:00Z"}`))
		return err
	}
	good := answer(200, `{"Id":"O1","LastModifiedDate":"2026-01-01T00:00:00Z"}`)
	for name, c := range map[string]struct {
		do    func(context.Context, *Client) error
		fault http.HandlerFunc
		calls int
		retry problem.Retry // "" when the second answer is a success
	}{
		"read, throttled":           {read, answer(400, throttled), 2, ""},
		"read, 503":                 {read, page(503, "text/html", "x"), 2, ""},
		"read, lost":                {read, lost, 2, ""},
		"read, half an answer":      {read, half, 2, ""},
		"create, throttled":         {create, answer(400, throttled), 2, ""},
		"create, lost":              {create, lost, 2, ""},
		"create, half an answer":    {create, half, 2, ""},
		"create, internal":          {create, answer(500, `{"__type":"InternalServerException"}`), 2, ""},
		"associate, throttled":      {associate, answer(400, throttled), 2, ""},
		"associate, lost":           {associate, lost, 1, problem.RetryUnsure},
		"associate, half an answer": {associate, half, 1, problem.RetryUnsure},
		"update, lost":              {update, lost, 1, problem.RetryUnsure},
		"update, internal":          {update, answer(500, `{"__type":"InternalServerException"}`), 1, problem.RetryUnsure},
		"update, page of a proxy":   {update, page(502, "text/html", "x"), 1, problem.RetryUnsure},
		"update, conflict":          {update, answer(400, `{"__type":"ConflictException"}`), 1, problem.RetryHuman},
		"update, 429":               {update, page(429, "", ""), 1, problem.RetrySoon},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, c.fault, good)
			err := c.do(t.Context(), newClient(t, s.URL))
			if c.retry == "" && err != nil {
				t.Errorf("error %v", err)
			}
			if c.retry != "" && problem.RetryOf(err) != c.retry {
				t.Errorf("class %q of %v, want %q", problem.RetryOf(err), err, c.retry)
			}
			seen := s.seen()
			if len(seen) != c.calls {
				t.Fatalf("%d calls, want %d", len(seen), c.calls)
			}
			if c.calls == 2 && seen[0].Body != seen[1].Body {
				t.Errorf("repeated with another body: %s, then %s", seen[0].Body, seen[1].Body)
			}
		})
	}
}

func TestALongRetryAfterIsLeftToTheCaller(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		answer(400, throttled)(w, r)
	})
	_, err := newClient(t, s.URL).GetOpportunity(t.Context(), "O1")
	if r := problem.RemoteOf(err); r == nil || r.RetryAfter != 2*time.Minute || len(s.seen()) != 1 {
		t.Errorf("%d calls, %v", len(s.seen()), err)
	}
}

func TestRepeatingEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(400, throttled))
	_, err := newClient(t, s.URL).GetOpportunity(t.Context(), "O1")
	if problem.RetryOf(err) != problem.RetrySoon || len(s.seen()) != 4 {
		t.Errorf("%d calls, %v", len(s.seen()), err)
	}
}

func TestBackOffGrowsSpreadsAndHasAnEnd(t *testing.T) {
	t.Parallel()
	c := newClient(t, "http://127.0.0.1:1")
	for attempt, whole := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 30: 20 * time.Second} {
		for range 50 {
			if d := c.backOff(attempt); d < whole/2 || d > whole {
				t.Fatalf("attempt %d: %v, want %v to %v", attempt, d, whole/2, whole)
			}
		}
	}
}

func TestAServiceThatIsNotThereIsNamedAndNothingCountsAsUnsure(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, ""))
	s.Close()
	err := newClient(t, s.URL).AssociateOpportunity(t.Context(), "O1", EntitySolution, "S-1")
	r := problem.RemoteOf(err)
	if r == nil || r.Code != CodeNotReached || r.Retry != problem.RetrySoon || r.Status != 0 {
		t.Errorf("%+v %v", r, err)
	}
}

func TestASlowServiceEndsTheCallAndTheWriteIsUnsure(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, _ *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	c := newClient(t, s.URL, func(cfg *Config) { cfg.Timeout = 50 * time.Millisecond; cfg.MaxAttempts = 1 })
	err := c.AssociateOpportunity(t.Context(), "O1", EntitySolution, "S-1")
	if problem.RetryOf(err) != problem.RetryUnsure || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
	if _, err := c.GetOpportunity(t.Context(), "O1"); problem.RetryOf(err) != problem.RetrySoon {
		t.Errorf("read: %v", err)
	}
}

func TestAStoppedCallerSendsNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, ""))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := newClient(t, s.URL).AssociateOpportunity(ctx, "O1", EntitySolution, "S-1")
	if !errors.Is(err, context.Canceled) || len(s.seen()) != 0 || problem.RetryOf(err) != problem.RetryLater {
		t.Errorf("%d calls, %v", len(s.seen()), err)
	}
}

func TestAWrongRequestIsRefusedAtHome(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, ""))
	c := newClient(t, s.URL)
	for name, c := range map[string]struct {
		err   error
		field string
	}{
		"no client token":   {c.Call(t.Context(), "CreateOpportunity", CreateOpportunityInput{}, nil), "ClientToken"},
		"no identifier":     {c.Call(t.Context(), "GetOpportunity", nil, nil), "Identifier"},
		"empty identifier":  {c.AssociateOpportunity(t.Context(), "", EntitySolution, "S-1"), "OpportunityIdentifier"},
		"number for text":   {c.Call(t.Context(), "GetOpportunity", map[string]any{"Identifier": 7}, nil), "Identifier"},
		"text for a number": {c.Call(t.Context(), "ListSolutions", map[string]any{"MaxResults": "7"}, nil), "MaxResults"},
		"part of a number":  {c.Call(t.Context(), "ListSolutions", map[string]any{"MaxResults": 7.5}, nil), "MaxResults"},
		"text for a list":   {c.Call(t.Context(), "ListSolutions", map[string]any{"Status": "Active"}, nil), "Status"},
		"deep inside":       {c.Call(t.Context(), "CreateOpportunity", map[string]any{"ClientToken": "x", "Customer": map[string]any{"Contacts": []any{map[string]any{"Email": true}}}}, nil), "Customer.Contacts[0].Email"},
		"unknown operation": {c.Call(t.Context(), "DeleteOpportunity", nil, nil), "operation"},
	} {
		var p *problem.Error
		if !errors.As(c.err, &p) || p.Kind != problem.KindInvalid || len(p.Fields) == 0 || p.Fields[0].Field != c.field {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	if len(s.seen()) != 0 {
		t.Errorf("%d calls were sent", len(s.seen()))
	}
}

func TestUsageCountsTheRollingDayAndTheQuotaStopsCalls(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, "{}"))
	now := clock.NewFake(testNow)
	c := newClient(t, s.URL, func(cfg *Config) { cfg.Clock = now; cfg.Limits.WritesPerDay = 2 })
	write := func() error { return c.AssociateOpportunity(t.Context(), "O1", EntitySolution, "S-1") }
	if err := write(); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Hour)
	if err := write(); err != nil {
		t.Fatal(err)
	}
	err := write()
	r := problem.RemoteOf(err)
	if r == nil || r.Code != CodeDailyQuota || r.Retry != problem.RetryLater || r.RetryAfter < 22*time.Hour || r.RetryAfter > 23*time.Hour {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := c.ListSolutions(t.Context(), &ListSolutionsInput{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Usage{Reads: 1, Writes: 2, ReadsLimit: 100_000, WritesLimit: 2, ReadsReserved: 5_000}, c.Usage()); diff != "" {
		t.Error(diff)
	}
	now.Advance(23*time.Hour + time.Minute)
	if got := c.Usage().Writes; got != 1 {
		t.Errorf("%d writes after the first left the window", got)
	}
	if err := write(); err != nil {
		t.Errorf("after the refill: %v", err)
	}
}

func TestWritesKeepToTheRate(t *testing.T) {
	t.Parallel()
	s := serve(t, answer(200, "{}"))
	c := newClient(t, s.URL, func(cfg *Config) { cfg.Limits.WritesPerSecond = 2; cfg.Clock = clock.System{} })
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	defer cancel()
	first := c.AssociateOpportunity(ctx, "O1", EntitySolution, "S-1")
	second := c.AssociateOpportunity(ctx, "O1", EntitySolution, "S-2")
	if first != nil || problem.RetryOf(second) != problem.RetryLater || len(s.seen()) != 1 {
		t.Errorf("%v, %v, %d calls", first, second, len(s.seen()))
	}
}

func TestConfigurationErrorsNameEveryField(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Endpoint: "partnercentral", Catalog: "AWS1"})
	var p *problem.Error
	if !errors.As(err, &p) || len(p.Fields) != 4 {
		t.Errorf("%v", err)
	}
}

func TestTheCompanyCannotBreakTheUserAgent(t *testing.T) {
	t.Parallel()
	if got := userAgent("Exa|mple\r\nX: y"); got != "ExampleX: y|Tandem|Salesforce|v1" {
		t.Errorf("%q", got)
	}
}

func TestAnswersAreCutAtNoMemberWeDoNotKnow(t *testing.T) {
	t.Parallel()
	raw := `{"Id":"O1","LastModifiedDate":"2025-11-03T03:14:05.368914936Z","LifeCycle":{"Stage":"A Stage Of Next Year"},"New":{"a":1}}`
	s := serve(t, answer(200, raw))
	got, err := newClient(t, s.URL).GetOpportunity(t.Context(), "O1")
	if err != nil {
		t.Fatal(err)
	}
	if got.LastModifiedDate != "2025-11-03T03:14:05.368914936Z" || got.LifeCycle.Stage != "A Stage Of Next Year" || !bytes.Equal(got.Raw, []byte(raw)) {
		t.Errorf("%+v", got)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func FuzzAnswers(f *testing.F) {
	f.Add(200, "", []byte(`{"Id":"O1","LifeCycle":{"Stage":7}}`))
	f.Add(400, "", []byte(`{"__type":"ValidationException","ErrorList":[{"FieldName":[]}],"Message":{}}`))
	f.Add(400, "ConflictException:http://x", []byte(`{"Message":"\ud800"}`))
	f.Add(500, "", []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, header string, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		c := newClient(t, "http://127.0.0.1", func(cfg *Config) {
			cfg.MaxAttempts = 1
			cfg.Transport = transport(func(r *http.Request) (*http.Response, error) {
				h := http.Header{}
				h["X-Amzn-Errortype"] = []string{header}
				return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
			})
		})
		_, err := c.GetOpportunity(t.Context(), "O1")
		if err != nil && problem.RemoteOf(err) == nil {
			t.Errorf("HTTP %d %q: no remote error: %v", status, body, err)
		}
		if err == nil && status > 299 {
			t.Errorf("HTTP %d counts as success", status)
		}
	})
}
