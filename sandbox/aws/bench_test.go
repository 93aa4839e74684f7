package aws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/tandem-cosell/tandem/sandbox/aws"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

type object = map[string]any

// bench is a sandbox behind real HTTP, called with AWS's own signer.
type bench struct {
	t     *testing.T
	srv   *aws.Server
	url   string
	clock *kit.Clock
}

var startOfTime = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newBench(t *testing.T, opt aws.Options) *bench {
	t.Helper()
	if opt.Clock == nil {
		opt.Clock = kit.NewFrozenClock(startOfTime)
	}
	if opt.Quotas == (aws.Quotas{}) {
		opt.Quotas.Off = true
	}
	srv, err := aws.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(func() {
		web.Close()
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{t: t, srv: srv, url: web.URL, clock: opt.Clock}
}

func (b *bench) request(op string, body []byte, change func(*http.Request)) *http.Request {
	b.t.Helper()
	r, err := http.NewRequest(http.MethodPost, b.url+"/", bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "AWSPartnerCentralSelling."+op)
	if change != nil {
		change(r)
	}
	return r
}

func (b *bench) sign(r *http.Request, body []byte, key, secret, service, region string, at time.Time) {
	b.t.Helper()
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(context.Background(), awssdk.Credentials{AccessKeyID: key, SecretAccessKey: secret}, r, hex.EncodeToString(sum[:]), service, region, at); err != nil {
		b.t.Fatal(err)
	}
}

// answer is what came back: status, headers, and the body as an object.
type answer struct {
	status int
	header http.Header
	body   object
	raw    []byte
	err    error
}

func (a answer) kind() string { return a.header.Get("X-Amzn-ErrorType") }

// fields gives the ErrorList as "FieldName CODE".
func (a answer) fields() []string {
	var out []string
	list, _ := a.body["ErrorList"].([]any)
	for _, e := range list {
		m, _ := e.(object)
		out = append(out, fmt.Sprint(m["FieldName"], " ", m["Code"]))
	}
	return out
}

func (a answer) has(field, code string) bool {
	for _, f := range a.fields() {
		if f == field+" "+code {
			return true
		}
	}
	return false
}

func send(r *http.Request) answer {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{err: err, header: http.Header{}}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	out := answer{status: resp.StatusCode, header: resp.Header, raw: raw, err: err}
	if len(raw) > 0 && err == nil {
		out.err = json.Unmarshal(raw, &out.body)
	}
	return out
}

func (b *bench) raw(op string, body []byte) answer {
	b.t.Helper()
	key, secret := b.srv.Credentials()
	r := b.request(op, body, nil)
	b.sign(r, body, key, secret, "partnercentral-selling", "us-east-1", time.Now())
	return send(r)
}

func (b *bench) call(op string, in object) answer {
	b.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.raw(op, body)
}

// ok is call for what must be accepted.
func (b *bench) ok(op string, in object) object {
	b.t.Helper()
	a := b.call(op, in)
	if a.status != http.StatusOK || a.err != nil {
		b.t.Fatalf("%s: %d %v %v", op, a.status, a.body, a.err)
	}
	for _, v := range aws.AnswerViolations(op, a.raw) {
		b.t.Errorf("%s answers against the model: %s", op, v)
	}
	if a.header.Get("X-Amzn-RequestId") == "" {
		b.t.Errorf("%s: no X-Amzn-RequestId", op)
	}
	return a.body
}

// refused is call for what must be refused with an error of a type.
func (b *bench) refused(kind, op string, in object) answer {
	b.t.Helper()
	a := b.call(op, in)
	if a.kind() != kind {
		b.t.Fatalf("%s: want %s, got %d %s %v", op, kind, a.status, a.kind(), a.body)
	}
	return a
}

func (b *bench) control(method, path string, in any) object {
	b.t.Helper()
	a := b.controlRaw(method, path, in)
	if a.status != http.StatusOK || a.err != nil {
		b.t.Fatalf("%s %s: %d %v %v", method, path, a.status, a.body, a.err)
	}
	return a.body
}

func (b *bench) controlRaw(method, path string, in any) answer {
	b.t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			b.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequest(method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return send(r)
}

// deal is a complete opportunity in catalog AWS that the reviewer approves.
// Every change is {"dotted.path": value}; nil removes.
func deal(token string, changes object) object {
	d := object{
		"Catalog": "AWS", "ClientToken": token, "Origin": "Partner Referral", "OpportunityType": "Net New Business", "NationalSecurity": "No",
		"PartnerOpportunityIdentifier": "crm-" + token, "PrimaryNeedsFromAws": []any{"Co-Sell - Architectural Validation"},
		"Customer": object{
			"Account": object{
				"CompanyName": "Quillmark Instruments " + token, "Industry": "Manufacturing", "WebsiteUrl": "https://www.quillmark.example",
				"Address": object{"CountryCode": "US", "PostalCode": "10001", "StateOrRegion": "New York", "City": "New York"},
			},
			"Contacts": []any{object{"FirstName": "Ada", "LastName": "Farrow", "Email": "ada.farrow@quillmark.example", "Phone": "+12125550123", "BusinessTitle": "CTO"}},
		},
		"Project": object{
			"Title": "Platform consolidation " + token, "CustomerUseCase": "Containers & Serverless", "DeliveryModels": []any{"SaaS or PaaS"},
			"CustomerBusinessProblem": "Four separate build systems slow releases to one a quarter; the customer wants one platform on EKS with audit trails.",
			"SalesActivities":         []any{"Conducted POC / Demo", "Customer has shown interest in solution"},
			"ExpectedCustomerSpend":   []any{object{"Amount": "12500.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS"}},
		},
		"Marketing": object{"Source": "None"},
		"LifeCycle": object{"Stage": "Qualified", "TargetCloseDate": "2026-09-30", "NextSteps": "2026-03-20 architecture workshop, owner A. Farrow"},
	}
	for path, v := range changes {
		set(d, path, v)
	}
	return d
}

func set(d object, path string, v any) {
	name, rest, more := strings.Cut(path, ".")
	if more {
		inner, _ := d[name].(object)
		inner = maps.Clone(inner)
		if inner == nil {
			inner = object{}
		}
		set(inner, rest, v)
		d[name] = inner
		return
	}
	if v == nil {
		delete(d, name)
		return
	}
	d[name] = v
}

func (b *bench) create(in object) string {
	b.t.Helper()
	id, _ := b.ok("CreateOpportunity", in)["Id"].(string)
	return id
}

func (b *bench) get(catalog, id string) object {
	b.t.Helper()
	return b.ok("GetOpportunity", object{"Catalog": catalog, "Identifier": id})
}

func (b *bench) status(catalog, id string) string {
	b.t.Helper()
	s, _ := at(b.get(catalog, id), "LifeCycle.ReviewStatus").(string)
	return s
}

func at(d object, path string) any {
	var v any = d
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(object)
		v = m[name]
	}
	return v
}

// update gets the record, changes it and sends the whole back.
func (b *bench) update(catalog, id string, changes object) answer {
	b.t.Helper()
	return b.call("UpdateOpportunity", b.updateOf(catalog, id, changes))
}

func (b *bench) updateOf(catalog, id string, changes object) object {
	b.t.Helper()
	d := b.get(catalog, id)
	d["Identifier"] = id
	for path, v := range changes {
		set(d, path, v)
	}
	return d
}

func (b *bench) associate(catalog, id, kind, entity string) {
	b.t.Helper()
	b.ok("AssociateOpportunity", object{"Catalog": catalog, "OpportunityIdentifier": id, "RelatedEntityType": kind, "RelatedEntityIdentifier": entity})
}

func start(catalog, id, token string) object {
	return object{"Catalog": catalog, "ClientToken": token, "Identifier": id, "AwsSubmission": object{"InvolvementType": "Co-Sell", "Visibility": "Full"}}
}

// submitted creates, associates and starts, and gives the id.
func (b *bench) submitted(in object) string {
	b.t.Helper()
	catalog, _ := in["Catalog"].(string)
	id := b.create(in)
	solution := "S-0050001"
	if catalog == "Sandbox" {
		solution = "S-1234567"
	}
	b.associate(catalog, id, "Solutions", solution)
	b.ok("StartEngagementFromOpportunityTask", start(catalog, id, fmt.Sprint("start-", in["ClientToken"])))
	return id
}

// approved is submitted plus the reviewer's approval.
func (b *bench) approved(token string, changes object) string {
	b.t.Helper()
	id := b.submitted(deal(token, changes))
	b.control("POST", "/_control/review", object{"opportunity": id, "decision": "Approved"})
	return id
}
