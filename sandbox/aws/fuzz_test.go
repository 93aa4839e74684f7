package aws

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/facts/awsselling"
)

// FuzzDecode: whatever the body, the validator answers without a panic; what it
// accepts it accepts again, unchanged; every violation has a code and a message.
func FuzzDecode(f *testing.F) {
	model := awsselling.Model()
	v, err := newValidator(model)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		`{}`, `{"Catalog":"AWS","ClientToken":"x"}`, `{"Catalog":null,"Tags":[null,{"Key":1}]}`, `[1]`, `{"Catalog":"AWS","MaxResults":1e9}`,
		`{"Catalog":"Sandbox","Identifier":"O1","LastModifiedDate":"2026-01-02T03:04:05.6Z","Project":{"ExpectedCustomerSpend":[{"Amount":"1.","CurrencyCode":"USD","Frequency":"Monthly","TargetCompany":"AWS"}]}}`,
		`{"Customer":{"Contacts":[[],{"Email":"a@b.co"},7]}}`, `{"Catalog":"AWS"}{"x":1}`,
	} {
		for _, op := range []string{"CreateOpportunity", "UpdateOpportunity", "ListOpportunities", "CreateEngagement"} {
			f.Add(op, seed)
		}
	}
	f.Fuzz(func(t *testing.T, op, body string) {
		operation, ok := model.Operations[op]
		if !ok {
			operation = model.Operations["CreateOpportunity"]
		}
		in, errs, err := v.decode(operation, []byte(body))
		if err != nil {
			return
		}
		for _, e := range errs {
			if e.Code == "" || e.Message == "" {
				t.Fatalf("violation %+v", e)
			}
		}
		if len(errs) > 0 {
			return
		}
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		again, errs, err := v.decode(operation, raw)
		if err != nil || len(errs) > 0 {
			t.Fatalf("%s is refused the second time: %v %v", raw, errs, err)
		}
		if len(changedPaths(in, again)) > 0 {
			t.Fatalf("%s changed", raw)
		}
	})
}

// FuzzRules: a document that the model accepts never makes the rules panic.
func FuzzRules(f *testing.F) {
	s, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"Catalog":"AWS","ClientToken":"x","LifeCycle":{"TargetCloseDate":"2026-02-30","Stage":"Closed Lost"}}`)
	f.Add(`{"Catalog":"AWS","ClientToken":"x","Customer":{"Account":{"CompanyName":"","Address":{"CountryCode":"US","PostalCode":"x"}}},"Marketing":{"Source":"None","UseCases":["a"]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		in, errs, err := s.validator.decode(s.model.Operations["CreateOpportunity"], []byte(body))
		if err != nil || len(errs) > 0 {
			return
		}
		d := partnerDoc(in)
		o := &opportunity{ID: "O1", Catalog: CatalogAWS, Doc: d, Review: review{Status: statusApproved}, Involvement: involveCoSell}
		x := s.begin(s.opt.Clock.Now())
		for _, e := range append(s.wrongValues(d, x.now, true), s.submitRules(o, involveCoSell, x.now)...) {
			if e.FieldName == "" || e.Code == "" || strings.TrimSpace(e.Message) == "" {
				t.Fatalf("violation %+v", e)
			}
		}
		x.engageAWS(o)
		insights(o)
		x.judge(o)
	})
}

// FuzzSignature: no header makes the check panic, and none that was not signed
// with the secret is let in.
func FuzzSignature(f *testing.F) {
	s := signer{"AKIDEXAMPLE", "secret", "us-east-1", "partnercentral-selling", func() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }}
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260302/us-east-1/partnercentral-selling/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00", "20260302T090000Z")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=;, Signature==", "2026")
	f.Add("AWS4-HMAC-SHA256 ,,=,", "")
	f.Fuzz(func(t *testing.T, auth, date string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header["Authorization"], r.Header["X-Amz-Date"] = []string{auth}, []string{date}
		if s.verify(r, nil) == nil {
			t.Fatalf("let in: %q", auth)
		}
	})
}

// FuzzCalls: whatever the model accepts, no operation panics; what is refused
// changes nothing but what had become due, and what is answered fits the model.
func FuzzCalls(f *testing.F) {
	s, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	x := s.begin(s.opt.Clock.Now())
	opp, err := x.refer(referral{Catalog: CatalogAWS, Kind: "opportunity", SenderAccount: awsAccount})
	if err != nil {
		f.Fatal(err)
	}
	lead, err := x.refer(referral{Catalog: CatalogAWS, Kind: "lead", SenderAccount: awsAccount})
	if err != nil {
		f.Fatal(err)
	}
	if err := x.commit(); err != nil {
		f.Fatal(err)
	}
	for _, op := range []string{"AcceptEngagementInvitation", "RejectEngagementInvitation", "GetEngagementInvitation", "StartEngagementByAcceptingInvitationTask"} {
		f.Add(op, `{"Catalog":"AWS","ClientToken":"c","Identifier":"`+opp.ID+`"}`)
		f.Add(op, `{"Catalog":"AWS","ClientToken":"c","Identifier":"`+lead.ID+`"}`)
	}
	f.Add("CreateEngagement", `{"Catalog":"AWS","ClientToken":"c","Contexts":[{"Type":"Lead","Payload":{"Lead":{"Customer":{"CompanyName":"x"},"Interactions":[{"Contact":{"BusinessTitle":"a","Email":"b","FirstName":"","LastName":""}}]}}}]}`)
	f.Add("StartOpportunityFromEngagementTask", `{"Catalog":"AWS","ClientToken":"c","Identifier":"`+lead.Engagement+`","ContextIdentifier":"1"}`)
	f.Add("StartProspectingFromEngagementTask", `{"Catalog":"AWS","ClientToken":"c","TaskName":"t","Identifiers":["`+lead.Engagement+`"]}`)
	f.Add("ListResourceSnapshots", `{"Catalog":"AWS","EngagementIdentifier":"`+opp.Engagement+`","MaxResults":1,"NextToken":"x"}`)
	f.Add("PutSellingSystemSettings", `{"Catalog":"Sandbox"}`)
	f.Fuzz(func(t *testing.T, op, body string) {
		handle, ok := operations[op]
		if !ok {
			return
		}
		in, errs, err := s.validator.decode(s.model.Operations[op], []byte(body))
		if err != nil || len(errs) > 0 {
			return
		}
		before := s.state.seq
		out := s.perform(op, handle, in)
		if out.status != http.StatusOK {
			if out.status == http.StatusInternalServerError || s.state.seq != before {
				t.Fatalf("%s %s: %d %s", op, body, out.status, out.body)
			}
			return
		}
		if wrong := AnswerViolations(op, out.body); len(wrong) > 0 {
			t.Fatalf("%s %s answers %s: %v", op, body, out.body, wrong)
		}
	})
}
