package salesforce

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// mappedOrg is an organisation whose mapping a test changes, and how many writes to
// opportunities it met.
type mappedOrg struct {
	*CRM
	t       *testing.T
	base    string
	mapping mapping.Mapping
	writes  atomic.Int64
}

type counting struct {
	http.RoundTripper
	writes *atomic.Int64
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/composite/sobjects") {
		c.writes.Add(1)
	}
	return c.RoundTripper.RoundTrip(r)
}

func newMappedOrg(t *testing.T, n int) *mappedOrg {
	t.Helper()
	w := &mappedOrg{t: t, mapping: mapping.Default()}
	c, _, base := organization(t, n, sandbox.Options{}, func(cfg *Config) { cfg.Transport = counting{cfg.Transport, &w.writes} })
	w.CRM, w.base = NewCRM(c, "USD"), base
	w.UseMapping(func(context.Context) (mapping.Mapping, error) { return w.mapping, nil })
	return w
}

// with maps a field, both ways where that can be.
func (w *mappedOrg) with(f mapping.Field, crm string, change ...func(*mapping.Entry)) {
	w.t.Helper()
	info, ok := mapping.InfoOf(f)
	if !ok {
		w.t.Fatalf("no field %s", f)
	}
	e := mapping.Entry{Field: f, CRM: []string{crm}, Direction: mapping.DirectionRead, Owner: mapping.OwnerSalesforce}
	switch {
	case info.Fact:
		e.Direction, e.Owner = mapping.DirectionWrite, mapping.OwnerTandem
	case info.Edited:
		e.Direction, e.Owner = mapping.DirectionBoth, mapping.OwnerAsk
	}
	for _, ch := range change {
		ch(&e)
	}
	w.mapping = w.mapping.With(e)
	if err := w.mapping.Validate(); err != nil {
		w.t.Fatal(err)
	}
}

// facts maps what is written of AWS's registrations to fields that nothing reads.
func (w *mappedOrg) facts() {
	w.t.Helper()
	w.mapping = w.mapping.Without("opportunity.area").Without("opportunity.end_on")
	w.with(mapping.FactField(cloud.AWS, mapping.FactPortalID), "Stamped_User_Area__c")
	w.with(mapping.FactField(cloud.AWS, mapping.FactState), "Opportunity_Category__c")
	w.with(mapping.FactField(cloud.AWS, mapping.FactSynced), "End_Date__c", func(e *mapping.Entry) {
		e.Transform = mapping.Transform{Way: mapping.WayDate, Form: mapping.FormPart}
	})
}

func dealID(n int) string { return ID18(fmt.Sprintf("006000000%06d", n)) }

// approved gives what Salesforce is told of approved registrations of the deals.
func approved(deals ...int) []registration.CRMRecord {
	var out []registration.CRMRecord
	for _, n := range deals {
		out = append(out, registration.CRMRecord{
			Key: registration.CRMKey(cloud.AWS, dealID(n)), Cloud: cloud.AWS, OpportunityCRMID: dealID(n), PortalID: fmt.Sprintf("O%07d", n),
			State: registration.StateApproved, SyncState: "Approved", PortalStatus: "Approved", ChangedAt: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		})
	}
	return out
}

func (w *mappedOrg) deals() map[string]opportunity.Opportunity {
	w.t.Helper()
	out := map[string]opportunity.Opportunity{}
	for o, err := range w.Opportunities(w.t.Context(), connection.Read{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		out[o.CRMID] = o
	}
	return out
}

func (w *mappedOrg) field(deal int, name string) string {
	w.t.Helper()
	r, err := w.client.Get(w.t.Context(), "Opportunity", dealID(deal), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return r.String(name)
}

func (w *mappedOrg) push(list []registration.CRMRecord) []registration.CRMResult {
	w.t.Helper()
	out, err := w.UpsertRegistrations(w.t.Context(), list)
	if err != nil || len(out) != len(list) {
		w.t.Fatalf("%+v, %v", out, err)
	}
	return out
}

// refusedFor asserts that an error is Salesforce's for a person, with a code, and says
// all of the words.
func refusedFor(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	r := problem.RemoteOf(err)
	if r == nil || r.Code != code || problem.RetryOf(err) != problem.RetryHuman {
		t.Fatalf("%v is no %s for a person", err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("no %q in: %v", word, err)
		}
	}
}

func (w *mappedOrg) finding(code string) mapping.Finding {
	w.t.Helper()
	w.client.doubt("Opportunity", "Account", "Task", "Event", registrationObject)
	org, err := w.Organisation(w.t.Context(), w.mapping)
	if err != nil {
		w.t.Fatal(err)
	}
	list := w.mapping.Check(org)
	at := slices.IndexFunc(list, func(f mapping.Finding) bool { return f.Code == code })
	if at < 0 {
		w.t.Fatalf("no %s in %+v", code, list)
	}
	return list[at]
}

func TestARecordIsReadByTheMappingInForce(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 1)
	err := w.client.Update(t.Context(), "Opportunity", dealID(1), Fields{
		"Deal_Path__c": "Channel", "Stamped_User_Area__c": "31.12.2026", "Fulfillment_Partner__c": "001000000000001AAA", "Stamped_User_Region__c": "Amazon Web Services", "ARR__c": 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.with("opportunity.deal_path", "Deal_Path__c", func(e *mapping.Entry) {
		e.Transform = mapping.Transform{Way: mapping.WayPicklist, Values: []mapping.Value{{CRM: "Channel", Ours: "Partner"}}}
	})
	w.with("opportunity.start_on", "Stamped_User_Area__c", func(e *mapping.Entry) { e.Transform = mapping.Transform{Way: mapping.WayDate, Form: mapping.FormDMY} })
	w.with("opportunity.region", "Account.Website")
	w.with("opportunity.influence_partner", "Stamped_User_Region__c")
	w.with("opportunity.geo", "Stamped_User_Geo__c", func(e *mapping.Entry) { e.Transform.Empty = "EMEA" })
	w.with("opportunity.arr_net", "ARR__c", func(e *mapping.Entry) { e.Transform = mapping.Transform{Way: mapping.WayCurrency, Currency: "EUR"} })
	o := w.deals()[dealID(1)]
	if o.DealPath != "Partner" || o.StartOn != "2026-12-31" || o.Region != "https://acme.example" || o.InfluencePartner != "Amazon Web Services" || o.InfluencePartnerCRMID != "" ||
		o.FulfillmentPartner != "Acme & Söhne" || o.FulfillmentPartnerCRMID != "001000000000001AAA" || o.Geo != "EMEA" || o.MappedBy != w.mapping.Fingerprint(mapping.ObjectOpportunity) {
		t.Errorf("%+v", o)
	}
	if o.ARRNetMinor != nil || o.AmountMinor == nil {
		t.Errorf("an amount in EUR of a deal in %s: %v", o.Currency, o.ARRNetMinor)
	}
	s, err := w.Sample(t.Context(), w.mapping, mapping.ObjectOpportunity, dealID(1), nil)
	if err != nil || s.Name != "O'Deal 0000" || !strings.HasSuffix(s.URL, "/"+dealID(1)) {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, l := range s.Lines {
		if l.Field == "opportunity.deal_path" && (l.Raw != "Channel" || l.Ours != "Partner" || l.Written != "Channel" || !l.Writes) {
			t.Errorf("%+v", l)
		}
	}
}

func TestAValueThatCannotBeReadIsLeftOutOfItsRecordAlone(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 2)
	for n, text := range []string{"soon", "24.12.2026"} {
		if err := w.client.Update(t.Context(), "Opportunity", dealID(n+1), Fields{"Stamped_User_Area__c": text}); err != nil {
			t.Fatal(err)
		}
	}
	w.with("opportunity.start_on", "Stamped_User_Area__c", func(e *mapping.Entry) { e.Transform = mapping.Transform{Way: mapping.WayDate, Form: mapping.FormDMY} })
	if got := w.deals(); len(got) != 2 || got[dealID(1)].StartOn != "" || got[dealID(2)].StartOn != "2026-12-24" {
		t.Errorf("%+v", got)
	}
	s, err := w.Sample(t.Context(), w.mapping, mapping.ObjectOpportunity, dealID(1), nil)
	if err != nil || !slices.ContainsFunc(s.Lines, func(l mapping.SampleLine) bool {
		return l.Field == "opportunity.start_on" && strings.Contains(l.Fault, "soon")
	}) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestFactsGoToMappedFieldsOnceAndOnlyWhatDiffersIsWritten(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 3)
	w.facts()
	list := approved(1, 2)
	for _, r := range w.push(list) {
		if r.Err != nil || r.RowID == "" {
			t.Fatalf("%+v", r)
		}
	}
	if got := w.field(1, "Stamped_User_Area__c") + w.field(1, "Opportunity_Category__c") + w.field(1, "End_Date__c"); got != "O0000001Approved2026-11-24" || w.writes.Load() != 1 {
		t.Fatalf("%q by %d writes", got, w.writes.Load())
	}
	list[0].ChangedAt = list[0].ChangedAt.AddDate(0, 0, 1) // no news beside when
	w.push(list)
	if w.writes.Load() != 1 || w.field(1, "End_Date__c") != "2026-11-24" {
		t.Errorf("%d writes for nothing new", w.writes.Load())
	}
	list[0].State, list[0].SyncState = registration.StateChecking, "Checking"
	w.push(list)
	if w.writes.Load() != 1 {
		t.Error("a state that passes was written")
	}
	list[0].State, list[0].SyncState = registration.StateLaunched, "Launched"
	w.push(list)
	if w.field(1, "Opportunity_Category__c") != "Launched" || w.field(1, "End_Date__c") != "2026-11-25" || w.field(2, "Opportunity_Category__c") != "Approved" || w.writes.Load() != 2 {
		t.Errorf("%s by %d writes", w.field(1, "Opportunity_Category__c"), w.writes.Load())
	}
	w.with(mapping.FactField(cloud.AWS, mapping.FactState), "Opportunity_Category__c", func(e *mapping.Entry) { e.Owner = mapping.OwnerSalesforce })
	list[0].SyncState = "Closed lost"
	w.push(append(list, approved(3)...))
	if w.field(1, "Opportunity_Category__c") != "Launched" || w.field(3, "Opportunity_Category__c") != "Approved" {
		t.Error("Salesforce's value did not hold, or an empty field was not filled")
	}
}

func TestALostAnswerToAWriteOfFactsWritesNothingTwice(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 1)
	w.facts()
	control(t, w.base, "faults", `{"fail_next":{"operation":"collections.update","count":1,"kind":"lost_reply"}}`)
	first, err := w.UpsertRegistrations(t.Context(), approved(1))
	if err == nil && first[0].Err == nil {
		t.Fatal("the answer was not lost")
	}
	if err == nil && problem.RetryOf(first[0].Err) == problem.RetryHuman {
		t.Fatalf("a lost answer is a person's: %v", first[0].Err)
	}
	before := w.writes.Load()
	if r := w.push(approved(1)); r[0].Err != nil || w.field(1, "Opportunity_Category__c") != "Approved" || w.writes.Load() != before {
		t.Errorf("%+v, %d writes after it", r, w.writes.Load()-before)
	}
}

func TestWhoWinsWhenTheRecordChangedMeanwhile(t *testing.T) {
	t.Parallel()
	for owner, want := range map[mapping.Owner]string{
		mapping.OwnerAsk: "theirs", mapping.OwnerTandem: "ours", mapping.OwnerSalesforce: "theirs", mapping.OwnerNewest: "ours",
	} {
		w := newMappedOrg(t, 1)
		w.with("opportunity.next_steps", "NextStep", func(e *mapping.Entry) { e.Owner = owner })
		read := w.deals()[dealID(1)].CRMModstamp
		if err := w.client.Update(t.Context(), "Opportunity", dealID(1), Fields{"NextStep": "theirs"}); err != nil {
			t.Fatal(err)
		}
		change := registration.CRMChange{OpportunityCRMID: dealID(1), Fields: map[string]string{"opportunity.next_steps": "ours"}, ReadAt: read, MadeAt: time.Now().Add(time.Hour)}
		res, err := w.UpdateOpportunity(t.Context(), change)
		if err != nil || w.field(1, "NextStep") != want {
			t.Errorf("%s: %q, %+v, %v", owner, w.field(1, "NextStep"), res, err)
		}
		switch owner {
		case mapping.OwnerAsk:
			if !problem.Is(res.Err, problem.KindPrecondition) {
				t.Errorf("%v", res.Err)
			}
		case mapping.OwnerSalesforce:
			refusedFor(t, res.Err, "owned_by_salesforce", "Opportunity.NextStep")
		}
	}
	w := newMappedOrg(t, 1)
	w.with("opportunity.next_steps", "NextStep", func(e *mapping.Entry) { e.Direction, e.Owner = mapping.DirectionRead, mapping.OwnerSalesforce })
	res, err := w.UpdateOpportunity(t.Context(), registration.CRMChange{OpportunityCRMID: dealID(1), Fields: map[string]string{"opportunity.next_steps": "ours"}})
	if err != nil {
		t.Fatal(err)
	}
	refusedFor(t, res.Err, "read_only", "Opportunity.NextStep")
}

// The five kinds of bad input: each names the record, the field and the rule, and
// blocks no other record.

func TestBadInputAMappingToAFieldThatWasDeleted(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 2)
	w.facts()
	w.with("opportunity.region", "Stamped_User_Region__c")
	w.push(approved(1))
	if o := w.deals()[dealID(1)]; slices.Contains(o.Unread, "opportunity.region") {
		t.Fatalf("%v", o.Unread)
	}
	control(t, w.base, "setup", `{"access":[{"object":"Opportunity","field":"Stamped_User_Region__c","level":"none"},{"object":"Opportunity","field":"Opportunity_Category__c","level":"none"}]}`)
	got := w.deals()
	if o := got[dealID(2)]; len(got) != 2 || o.Stage != "1-Discovery" || !slices.Contains(o.Unread, "opportunity.region") {
		t.Errorf("%+v", got)
	}
	if r := w.push(approved(1, 2)); r[0].Err != nil || r[1].Err != nil || w.field(2, "Stamped_User_Area__c") != "O0000002" {
		t.Errorf("%+v", r)
	}
	f := w.finding("field_missing")
	if f.Field != "opportunity.region" || !strings.Contains(f.Message, "Opportunity.Stamped_User_Region__c") || !strings.Contains(f.Mend, "Restore") {
		t.Errorf("%+v", f)
	}
}

func TestBadInputAPicklistValueThatVanished(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 2)
	w.facts()
	w.with(mapping.FactField(cloud.AWS, mapping.FactState), "Opportunity_Category__c", func(e *mapping.Entry) {
		e.Transform = mapping.Transform{Way: mapping.WayPicklist, Values: []mapping.Value{{CRM: "Standard", Ours: "Approved"}, {CRM: "Ramp Deal", Ours: "Launched"}}}
	})
	control(t, w.base, "setup", `{"fields":[{"object":"Opportunity","field":"Opportunity_Category__c","restricted":true,"values":["Standard"]}]}`)
	list := approved(1, 2)
	list[0].State, list[0].SyncState = registration.StateLaunched, "Launched"
	r := w.push(list)
	refusedFor(t, r[0].Err, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "O'Deal 0000", "/"+dealID(1), "Opportunity_Category__c", "Ramp Deal")
	if r[1].Err != nil || w.field(2, "Opportunity_Category__c") != "Standard" {
		t.Errorf("the other one: %+v", r[1])
	}
	if f := w.finding("value_missing"); f.Level != mapping.LevelError || !strings.Contains(f.Message, "Ramp Deal") || f.Field != mapping.FactField(cloud.AWS, mapping.FactState) {
		t.Errorf("%+v", f)
	}
}

func TestBadInputAnOwnerWhoLeft(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 2)
	left, err := w.client.Create(t.Context(), "User", Fields{"Username": "left@example.com", "LastName": "Left", "Email": "left@example.com", "IsActive": false})
	if err != nil {
		t.Fatal(err)
	}
	write := func(deal int, fields map[string]string) registration.CRMResult {
		res, err := w.UpdateOpportunity(t.Context(), registration.CRMChange{OpportunityCRMID: dealID(deal), Fields: fields, ReadAt: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	refusedFor(t, write(1, map[string]string{"opportunity.owner": left}).Err, "INACTIVE_OWNER_OR_USER", left)
	if res := write(2, map[string]string{"opportunity.next_steps": "sign"}); res.Err != nil || w.field(2, "Next_Steps__c") != "sign" {
		t.Errorf("%+v", res)
	}
}

func TestBadInputARequiredCustomFieldThatTandemDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 2)
	w.facts()
	if err := w.client.Update(t.Context(), "Opportunity", dealID(2), Fields{"Resale_Partner_Track__c": "Open"}); err != nil {
		t.Fatal(err)
	}
	control(t, w.base, "setup", `{"fields":[{"object":"Opportunity","field":"Resale_Partner_Track__c","required":true},{"object":"Task","field":"CallDisposition","required":true}]}`)
	r := w.push(approved(1, 2))
	refusedFor(t, r[0].Err, "REQUIRED_FIELD_MISSING", "O'Deal 0000", "/"+dealID(1), "Resale_Partner_Track__c")
	if r[1].Err != nil || w.field(2, "Opportunity_Category__c") != "Approved" {
		t.Errorf("the other one: %+v", r[1])
	}
	if f := w.finding("unknown_required"); f.CRM != "Resale_Partner_Track__c" && f.CRM != "CallDisposition" {
		t.Errorf("%+v", f)
	}
}

func TestBadInputAValidationRuleThatFires(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 3)
	w.facts()
	if err := w.client.Update(t.Context(), "Opportunity", dealID(1), Fields{"Probability": 10}); err != nil {
		t.Fatal(err)
	}
	control(t, w.base, "setup", `{"validation_rules":[{"object":"Opportunity","name":"No_Area","when":"Stamped_User_Area__c = 'O0000001'","message":"The area is stamped by the territory rule","field":"Stamped_User_Area__c"}]}`)
	r := w.push(approved(1, 2, 3))
	refusedFor(t, r[0].Err, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "O'Deal 0000", "/"+dealID(1), "Stamped_User_Area__c", "The area is stamped by the territory rule")
	if p, ok := errors.AsType[*problem.Error](r[0].Err); !ok || len(p.Fields) != 1 || p.Fields[0].Field != "Stamped_User_Area__c" {
		t.Errorf("%+v", r[0].Err)
	}
	for _, other := range r[1:] {
		if other.Err != nil {
			t.Errorf("the other one: %+v", other)
		}
	}
	control(t, w.base, "setup", `{}`)
	if r := w.push(approved(1)); r[0].Err != nil || w.field(1, "Stamped_User_Area__c") != "O0000001" {
		t.Errorf("mended: %+v", r)
	}
}

func TestAnOrganisationWithoutTandemsObjectIsWrittenToItsOwnFields(t *testing.T) {
	t.Parallel()
	w := newMappedOrg(t, 1)
	w.facts()
	control(t, w.base, "setup", `{"access":[{"object":"CoSell_Registration__c","level":"none"}]}`)
	if r := w.push(approved(1)); r[0].Err != nil || w.field(1, "Stamped_User_Area__c") != "O0000001" {
		t.Errorf("%+v", r)
	}
}
