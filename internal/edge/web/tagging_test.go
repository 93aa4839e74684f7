package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

var (
	refInput     = regexp.MustCompile(`name="id" value="([^"]+)"`)
	findingInput = regexp.MustCompile(`name="finding" value="([^"]+)"`)
	versionInput = regexp.MustCompile(`name="version" value="(\d+)"`)
)

func TestAWrongTagIsCorrectedOrAcceptedOnThePage(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	// One rule that finds many, and one that a person has to settle.
	rules := tagging.Rules{
		{ID: "has_path", Enabled: true, Title: "Path is direct", Why: "A test", Source: "Test book", When: []tagging.Condition{{Field: tagging.FieldDealPath, Op: tagging.OpOneOf, Values: []string{"Direct"}}}, Fix: []tagging.Change{{Field: tagging.FieldDealPath, To: "Web Direct"}}},
		{ID: "has_stage", Enabled: true, Title: "Stage is scoping", Why: "A test", When: []tagging.Condition{{Field: tagging.FieldStage, Op: tagging.OpOneOf, Values: []string{"2-Scoping"}}}},
	}
	if err := h.app.Tagging.SetRules(h.ctx, rules, 0); err != nil {
		t.Fatal(err)
	}
	if err := h.app.Tagging.CheckAll(h.ctx); err != nil {
		t.Fatal(err)
	}
	v := h.visitor(t, "Ada Associate", authz.LevelAssociate)
	v.sees("/tagging?rule=has_stage", 200, "Stage is scoping", "Settle it in Salesforce", "Unverified")
	v.sees("/tagging?owner=nobody", 200, "No deal is tagged wrongly")
	v.sees("/tagging?after=x", 422)
	page := v.sees("/tagging?rule=has_path", 200, "Path is direct", "Test book", "Direct", "Web Direct", "Correct")
	refs := refInput.FindAllStringSubmatch(page.text, -1)
	if len(refs) < 3 {
		t.Fatalf("%d findings", len(refs))
	}
	if got := v.post("/tagging/correct", url.Values{"id": {refs[0][1]}}); got.status != http.StatusSeeOther {
		t.Fatalf("correct: %d %s", got.status, got.text)
	}
	v.sees("/tagging?rule=has_path", 200, "1 correction on the way to Salesforce", "Undo", "Confirmed by Ada Associate", "Withdraw")
	if got := v.post("/tagging/correct", url.Values{"id": {"nonsense"}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: %d", got.status)
	}
	if got := v.post("/tagging/correct", nil); got.status != http.StatusUnprocessableEntity {
		t.Errorf("nothing: %d", got.status)
	}
	// All the same, at once: each gets its own.
	if got := v.post("/tagging/correct", url.Values{"id": {refs[1][1], refs[2][1]}}); got.status != http.StatusSeeOther {
		t.Errorf("two: %d", got.status)
	}
	if err := h.app.Sync.Push(h.ctx); err != nil {
		t.Fatal(err)
	}
	v.sees("/tagging?rule=has_path", 200, "Salesforce has it")
	if err := h.app.Sync.Pull(h.ctx); err != nil {
		t.Fatal(err)
	}
	left := v.sees("/tagging?rule=has_path", 200, "!Salesforce has it")
	finding := findingInput.FindStringSubmatch(left.text)
	if got := v.post("/tagging/accept", url.Values{"finding": {finding[1]}, "reason": {" "}}); got.status != http.StatusUnprocessableEntity {
		t.Errorf("no reason: %d", got.status)
	}
	if got := v.post("/tagging/accept", url.Values{"finding": {finding[1]}, "reason": {"So is the contract"}}); got.status != http.StatusSeeOther {
		t.Errorf("accept: %d", got.status)
	}
	v.sees("/tagging", 200, "Accepted as it is", "/tagging/reopen?opportunity=")
	if strings.Contains(v.sees("/tagging?rule=has_path", 200).text, finding[1]) {
		t.Error("what was accepted is listed still")
	}
	reader := h.visitor(t, "Rea Reader", authz.LevelReader)
	reader.sees("/tagging?rule=has_path", 200, "Your role reads only")
	if got := reader.post("/tagging/correct", url.Values{"id": {refs[0][1]}}); got.status != http.StatusForbidden {
		t.Errorf("a reader corrects: %d", got.status)
	}
}

func TestATaggingRuleIsChangedPreviewedAddedAndDeletedByDirectors(t *testing.T) {
	t.Parallel()
	h := connectedHouse(t)
	v := h.visitor(t, "Dina Director", authz.LevelDirector)
	v.sees("/settings/tagging", 200, "Sourced by one cloud, sold through another", "DR partner is another cloud than Resale partner", "New rule")
	page := v.sees("/settings/tagging/two_clouds", 200, "Save rule", "Delete rule", "Preview")
	version := versionInput.FindStringSubmatch(page.text)[1]
	form := url.Values{"version": {version}, "enabled": {"yes"}, "title": {"Every deal"}, "why": {"A test"}, "when[0].field": {"stage"}, "when[0].op": {"set"}, "fix[0].field": {"deal_path"}, "fix[0].to": {"Partner"}}
	with := func(name string, values ...string) url.Values {
		out := url.Values{}
		for k, v := range form {
			out[k] = v
		}
		out[name] = values
		return out
	}
	if got := v.post("/settings/tagging/two_clouds", with("preview", "yes")); got.status != 200 || !strings.Contains(got.text, "This rule would find 120 deals") || !strings.Contains(got.text, "Nothing is saved yet") {
		t.Errorf("preview: %d", got.status)
	}
	if got := v.post("/settings/tagging/two_clouds", with("when[0].op", "cloud")); got.status != http.StatusUnprocessableEntity || !strings.Contains(got.text, "Stage names no partner") {
		t.Errorf("a bad condition: %d", got.status)
	}
	if got := v.post("/settings/tagging/two_clouds", form); got.status != http.StatusSeeOther {
		t.Fatalf("save: %d %s", got.status, got.text)
	}
	if err := h.app.Tagging.CheckAll(h.ctx); err != nil {
		t.Fatal(err)
	}
	v.sees("/settings/tagging", 200, "Every deal", "Stage is set", "120", "changed by Dina Director")
	if got := v.post("/settings/tagging/two_clouds", form); got.status != http.StatusPreconditionFailed || !strings.Contains(got.text, "Somebody changed the rules") {
		t.Errorf("a version that was replaced: %d", got.status)
	}
	form["version"] = []string{"1"}
	if got := v.post("/settings/tagging/-new", with("id", "two_clouds")); got.status != http.StatusUnprocessableEntity {
		t.Errorf("an id twice: %d", got.status)
	}
	if got := v.post("/settings/tagging/-new", with("id", "another_one")); got.status != http.StatusSeeOther {
		t.Errorf("a new rule: %d %s", got.status, got.text)
	}
	if got := v.post("/settings/tagging/another_one/delete", url.Values{"version": {"2"}}); got.status != http.StatusSeeOther {
		t.Errorf("delete: %d", got.status)
	}
	v.sees("/settings/tagging/another_one", 404)
	abdm := h.visitor(t, "Abe Manager", authz.LevelABDM)
	abdm.sees("/settings/tagging/two_clouds", 200, "Directors change these rules", "!Save rule")
	if got := abdm.post("/settings/tagging/two_clouds", form); got.status != http.StatusForbidden {
		t.Errorf("an ABDM changes a rule: %d", got.status)
	}
}
