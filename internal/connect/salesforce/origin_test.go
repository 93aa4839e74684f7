package salesforce

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func dealValues() map[string]string {
	return map[string]string{
		invitation.FieldName: "Platform for O'Hara & Söhne", invitation.FieldAccount: "001000000000001AAA", invitation.FieldStage: "1-Discovery",
		invitation.FieldCloseOn: "2027-03-31", invitation.FieldNextSteps: "Call\nthem", invitation.FieldLeadSource: "AWS",
	}
}

func TestSandboxDescribesWhatANewOpportunityNeeds(t *testing.T) {
	t.Parallel()
	c, _, _ := organization(t, 0, sandbox.Options{})
	list, err := NewCRM(c, "").NewOpportunityFields(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		text := f.CRMField
		if f.Required {
			text += "!"
		}
		got = append(got, text)
	}
	want := "Opportunity.Name! Opportunity.AccountId! Opportunity.StageName! Opportunity.CloseDate! Opportunity.OwnerId Opportunity.Type Opportunity.Description Opportunity.Next_Steps__c Opportunity.LeadSource"
	if strings.Join(got, " ") != want {
		t.Errorf("%s", strings.Join(got, " "))
	}
	if f := list[0]; f.Name != invitation.FieldName || f.Length != 120 || f.Input != registration.InputText {
		t.Errorf("%+v", f)
	}
	if f := list[2]; f.Input != registration.InputChoice || !f.Strict || !slices.Contains(f.Options, "1-Discovery") || f.Label != "Stage" {
		t.Errorf("%+v", f)
	}
	if f := list[8]; f.Strict || !slices.Contains(f.Options, "AWS") {
		t.Errorf("%+v", f)
	}
}

func TestSandboxMakesOneOpportunityForAKeyWhateverAnswersAreLost(t *testing.T) {
	t.Parallel()
	c, srv, base := organization(t, 0, sandbox.Options{})
	crm, ctx := NewCRM(c, ""), t.Context()
	if id, err := crm.MadeOpportunity(ctx, "aws-O1"); id != "" || err != nil {
		t.Fatal(id, err)
	}
	// The client itself asks again after a lost answer.
	control(t, base, "faults", `{"fail_next":{"operation":"upsert","count":1,"kind":"lost_reply"}}`)
	first, err := crm.MakeOpportunity(ctx, "aws-O1", dealValues())
	if err != nil {
		t.Fatal(err)
	}
	// All its tries are lost: whoever comes later finds it by its key.
	control(t, base, "faults", `{"fail_next":{"operation":"upsert","count":5,"kind":"lost_reply"}}`)
	if id, err := crm.MakeOpportunity(ctx, "aws-O2", dealValues()); err == nil || problem.RetryOf(err) != problem.RetrySoon {
		t.Fatal(id, err)
	}
	second, err := crm.MadeOpportunity(ctx, "aws-O2")
	if err != nil || second == "" || second == first {
		t.Fatal(second, err)
	}
	again, err := crm.MakeOpportunity(ctx, "aws-O2", dealValues())
	if err != nil || again != second {
		t.Fatal(again, err)
	}
	n, err := c.Count(ctx, "SELECT COUNT() FROM Opportunity")
	if err != nil || n != 2 {
		t.Fatalf("%d opportunities, %v; %v", n, err, srv.Faults().Injected())
	}
	o, err := crm.Opportunity(ctx, second)
	if err != nil || o.Name != "Platform for O'Hara & Söhne" || o.AccountName != "Acme & Söhne" || o.Stage != "1-Discovery" || o.CloseOn != "2027-03-31" || o.NextSteps != "Call\nthem" || o.LeadSource != "AWS" || o.OriginKey != "aws-O2" || o.OwnerCRMID == "" {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, err := crm.Opportunity(ctx, "006000000000009AAA"); !problem.Is(err, problem.KindNotFound) {
		t.Error(err)
	}
}

func TestSandboxRefusesAnOpportunityInOurWordsForItsFields(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 0, sandbox.Options{})
	crm := NewCRM(c, "")
	control(t, base, "setup", `{"validation_rules":[{"object":"Opportunity","name":"Offered","when":"CoSell_Origin_Key__c != null","field":"Next_Steps__c","message":"Say what comes next"}]}`)
	values := dealValues()
	delete(values, invitation.FieldNextSteps) // the rule names a field that was not given
	for n, want := range []struct{ code, field string }{{"FIELD_CUSTOM_VALIDATION_EXCEPTION", invitation.FieldNextSteps}, {"STRING_TOO_LONG", invitation.FieldName}, {"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", invitation.FieldStage}} {
		bad := map[string]string{}
		for k, v := range values {
			bad[k] = v
		}
		switch n {
		case 1:
			control(t, base, "setup", `{}`)
			bad[invitation.FieldName] = strings.Repeat("x", 121)
		case 2:
			bad[invitation.FieldStage] = "Prospecting"
		}
		_, err := crm.MakeOpportunity(t.Context(), "aws-O1", bad)
		r := problem.RemoteOf(err)
		p, ok := err.(*problem.Error) //nolint:errorlint // the very error is looked at
		if r == nil || r.Retry != problem.RetryHuman || r.Code != want.code || !ok || len(p.Fields) != 1 || p.Fields[0].Field != want.field {
			t.Errorf("%s: %v %+v", want.code, err, p)
		}
	}
	if _, err := crm.MakeOpportunity(t.Context(), "aws-O1", map[string]string{"Nothing__c": "x"}); problem.RetryOf(err) != problem.RetryHuman {
		t.Error(err)
	}
	if id, err := crm.MadeOpportunity(t.Context(), "aws-O1"); id != "" || err != nil {
		t.Error(id, err)
	}
}

// redescribed changes what Salesforce says of its objects.
type redescribed func(string) string

// RoundTrip passes the call on and changes its answer.
func (d redescribed) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/describe") {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	text := d(string(body))
	res.Body, res.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	res.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return res, nil
}

// Without the unique key an opportunity could be made twice: none is made then.
func TestSandboxWithoutTheKeyMakesNoOpportunity(t *testing.T) {
	t.Parallel()
	for _, change := range [][2]string{{`"name":"CoSell_Origin_Key__c"`, `"name":"Another__c"`}, {`"externalId":true`, `"externalId":false`}, {`"unique":true`, `"unique":false`}} {
		c, _, _ := organization(t, 0, sandbox.Options{}, func(cfg *Config) {
			cfg.Transport = redescribed(func(s string) string { return strings.ReplaceAll(s, change[0], change[1]) })
		})
		_, err := NewCRM(c, "").NewOpportunityFields(t.Context())
		if !problem.Is(err, problem.KindConflict) || !strings.Contains(err.Error(), originKey) {
			t.Errorf("%v: %v", change, err)
		}
	}
}

// What the organisation wants of its own is asked for under its own name.
func TestSandboxAsksForWhatTheOrganisationRequires(t *testing.T) {
	t.Parallel()
	c, _, _ := organization(t, 0, sandbox.Options{}, func(cfg *Config) {
		cfg.Transport = redescribed(func(s string) string {
			at := strings.Index(s, `"name":"Opportunity_Category__c"`)
			if at < 0 {
				return s
			}
			return s[:at] + strings.Replace(s[at:], `"nillable":true`, `"nillable":false`, 1)
		})
	})
	crm := NewCRM(c, "")
	list, err := crm.NewOpportunityFields(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := list[len(list)-1]
	if f.Name != "Opportunity_Category__c" || !f.Required || f.Label != "Opportunity Category" || !slices.Contains(f.Options, "Standard") {
		t.Fatalf("%+v", f)
	}
	values := dealValues()
	values[f.Name], values["ARR_Net__c"] = "Standard", "1200.50"
	id, err := crm.MakeOpportunity(t.Context(), "aws-O1", values)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Get(t.Context(), "Opportunity", id)
	if err != nil || r.String("Opportunity_Category__c") != "Standard" || r.Number("ARR_Net__c") != "1200.5" {
		t.Fatal(string(r.JSON()), err)
	}
	values["ARR_Net__c"] = "many"
	if _, err := crm.MakeOpportunity(t.Context(), "aws-O3", values); !problem.Is(err, problem.KindInvalid) {
		t.Error(err)
	}
}
