package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// mappingForm is the form of one part of the mapping as it stands.
func mappingForm(m mapping.Mapping, object mapping.Object, version string) url.Values {
	form := url.Values{"version": {version}}
	for _, e := range m.Entries {
		info, _ := mapping.InfoOf(e.Field)
		if info.Object != object || info.Fact {
			continue
		}
		at := string(e.Field)
		form[at+".crm"], form[at+".direction"], form[at+".owner"] = []string{strings.Join(e.CRM, ", ")}, []string{string(e.Direction)}, []string{string(e.Owner)}
	}
	return form
}

func TestTheMappingIsTriedOnARecordSavedWithItsReasonAndTakenBack(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	v, reader := h.visitor(t, "Dora Director", authz.LevelDirector), h.visitor(t, "Rita Reader", authz.LevelReader)
	v.sees("/settings/mapping", 200, "Next_Steps__c, NextStep", "Open in Salesforce", "Save mapping", "The default, which nobody changed yet", `<option value="Deal_Path__c">`)
	v.sees("/settings/mapping?of=account", 200, "AWS_Account_ID__c, or Tandem's user may not see it", "Left out")
	v.sees("/settings/mapping?of=registration", 200, "AWS: state of the registration")
	reader.sees("/settings/mapping", 200, "!Save mapping", "Next_Steps__c, or else NextStep", "Directors change the mapping")

	form := mappingForm(mapping.Default(), mapping.ObjectOpportunity, "0")
	form["opportunity.stage.way"], form["opportunity.stage.values"] = []string{"picklist"}, []string{"1-Discovery = Discovery\n2-Scoping = Scoping"}
	form["opportunity.region.crm"] = []string{"Gone__c"}
	form["opportunity.region.needed"] = []string{"yes"}
	try := url.Values{"preview": {"yes"}}
	for k, x := range form {
		try[k] = x
	}
	if got := v.post("/settings/mapping?of=opportunity", try); got.status != 200 || !strings.Contains(got.text, "Nothing is saved yet") || !strings.Contains(got.text, "Opportunity.Gone__c") {
		t.Errorf("%d", got.status)
	}
	form["reason"] = []string{"our stages have no numbers"}
	if got := v.post("/settings/mapping?of=opportunity", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "Gone__c") || !strings.Contains(got.text, "our stages have no numbers") {
		t.Errorf("a needed field that is gone: %d", got.status)
	}
	form["opportunity.region.crm"], form["opportunity.region.needed"] = []string{"Stamped_User_Region__c"}, nil
	form["opportunity.close_on.crm"] = []string{"Close Date!"}
	if got := v.post("/settings/mapping?of=opportunity", form); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "Close date") {
		t.Errorf("no API name: %d", got.status)
	}
	form["opportunity.close_on.crm"] = []string{"CloseDate"}
	if got := reader.post("/settings/mapping?of=opportunity", form); got.status != http.StatusForbidden {
		t.Errorf("a reader: %d", got.status)
	}
	if got := v.post("/settings/mapping?of=opportunity", form); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.text)
	}
	if got := v.post("/settings/mapping?of=opportunity", form); got.status != http.StatusPreconditionFailed || !strings.Contains(got.text, "Somebody saved another version") {
		t.Errorf("of an old version: %d", got.status)
	}
	if err := h.app.Sync.Pull(h.ctx); err != nil {
		t.Fatal(err)
	}
	v.sees("/opportunities?q=a", 200, "Discovery", "!1-Discovery")
	v.sees("/settings/mapping/versions?version=0", 200, "our stages have no numbers", "1-Discovery = Discovery", "Put it in force again", "In force")
	if got := v.post("/settings/mapping/versions/0/restore", url.Values{"stands": {"1"}, "reason": {""}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: %d", got.status)
	}
	if got := v.post("/settings/mapping/versions/0/restore", url.Values{"stands": {"1"}, "reason": {"back"}}); got.status != http.StatusSeeOther {
		t.Errorf("%d", got.status)
	}
}

func TestAMappingsFileAndATemplateShowWhatTheyWouldChangeFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.visitor(t, "Dora Director", authz.LevelDirector)
	file := v.get("/settings/mapping/file")
	if file.status != 200 || file.header.Get("Content-Type") != "application/json" || !strings.Contains(file.text, `"opportunity.next_steps"`) {
		t.Fatalf("%d %s", file.status, file.text)
	}
	v.sees("/settings/mapping", 200, "The organisation could not be asked")
	v.sees("/settings/mapping/change?template=plain", 200, "Plain organisation: what it would change", "not mapped", "Put in force")
	v.sees("/settings/mapping/change?template=nothing", 404)
	changed := strings.Replace(file.text, `"Next_Steps__c",`, "", 1)
	if got := v.post("/settings/mapping/change", url.Values{"text": {changed}}); got.status != 200 || !strings.Contains(got.text, "Next_Steps__c, or else NextStep") {
		t.Errorf("%d", got.status)
	}
	for _, bad := range []string{"", "x", strings.Replace(file.text, "opportunity.stage", "opportunity.colour", 1)} {
		if got := v.post("/settings/mapping/change", url.Values{"text": {bad}}); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%.20s: %d", bad, got.status)
		}
	}
	save := url.Values{"text": {changed}, "save": {"yes"}, "version": {"0"}, "reason": {"the standard field"}}
	if got := v.post("/settings/mapping/change", save); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.text)
	}
	v.sees("/settings/mapping", 200, "the standard field", `value="NextStep"`)
	if got := v.post("/settings/mapping/change", save); got.status != http.StatusPreconditionFailed {
		t.Errorf("%d", got.status)
	}
}
