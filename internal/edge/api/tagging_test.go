package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/edge/api"
)

func TestAWrongTagIsFoundCorrectedInSalesforceAndGone(t *testing.T) {
	t.Parallel()
	var f api.TagFinding
	for _, x := range into[items[api.TagFinding]](t, shared.get(t, "/tagging/findings?limit=200").want(t, http.StatusOK)).Items {
		if len(x.Correction) > 0 && x.Last == nil {
			f = x
			break
		}
	}
	if f.OpportunityID == "" {
		t.Fatal("the demo organisation has no deal whose tags can be corrected")
	}
	if f.Title == "" || f.Why == "" || f.Source == "" || len(f.Breaks) == 0 || len(f.Seen) == 0 || f.Correction[0].Label == "" {
		t.Errorf("%+v", f)
	}
	body := func(tags string) string {
		text, err := json.Marshal(map[string]string{"opportunity_id": f.OpportunityID, "rule": f.Rule, "tags": tags})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	post := func(query, tags string) answer {
		return shared.do(t, call{method: http.MethodPost, path: "/tagging/corrections" + query, body: body(tags)})
	}
	post("", "{}").refusal(t, http.StatusPreconditionFailed, "moved_on")
	if c := into[api.TagCorrection](t, post("?dry_run=true", f.Tags).want(t, http.StatusOK)); c.ID != "" || c.State != "pending" || len(c.Changes) == 0 {
		t.Errorf("%+v", c)
	}
	made := into[api.TagCorrection](t, post("", f.Tags).want(t, http.StatusOK))
	if made.ID == "" || made.AskedBy == "" {
		t.Errorf("%+v", made)
	}
	shared.do(t, call{method: http.MethodPost, path: "/sync-runs", body: `{}`}).want(t, http.StatusAccepted)
	within(t, "the deal is found wrong still", func() bool {
		for _, x := range into[items[api.TagFinding]](t, shared.get(t, "/tagging/findings?limit=200&rule="+f.Rule).want(t, http.StatusOK)).Items {
			if x.OpportunityID == f.OpportunityID {
				return false
			}
		}
		return true
	})
	shared.do(t, call{method: http.MethodPost, path: "/tagging/corrections/" + made.ID + "/withdraw"}).want(t, http.StatusConflict)
}

func TestDirectorsChangeTheTaggingRules(t *testing.T) {
	t.Parallel()
	a := shared.get(t, "/settings/tagging-rules").want(t, http.StatusOK)
	stands := into[api.TagRules](t, a)
	if len(stands.Rules) < 10 || len(stands.Found) == 0 {
		t.Fatalf("%d rules, %v", len(stands.Rules), stands.Found)
	}
	put := func(query, match string, rules []api.TagRule) answer {
		text, err := json.Marshal(map[string]any{"rules": rules})
		if err != nil {
			t.Fatal(err)
		}
		return shared.do(t, call{method: http.MethodPut, path: "/settings/tagging-rules" + query, body: string(text), header: map[string]string{"If-Match": match}})
	}
	bad := []api.TagRule{{ID: "x1", Title: "t", Why: "w", Breaks: []string{}, When: []api.TagWhen{{Field: "amount", Op: "set"}}, Fix: []api.TagFixTo{}}}
	if text := put("", "*", bad).want(t, http.StatusUnprocessableEntity).body; !strings.Contains(string(text), "rules[0].when[0].field") {
		t.Errorf("%s", text)
	}
	bad[0].When[0].Field, bad[0].Enabled = "stage", true
	if found := into[api.TagRules](t, put("?dry_run=true", "*", bad).want(t, http.StatusOK)).Found; found["x1"] < 100 {
		t.Errorf("%v", found)
	}
	put("", `"99"`, stands.Rules).want(t, http.StatusPreconditionFailed)
	if now := into[api.TagRules](t, shared.get(t, "/settings/tagging-rules").want(t, http.StatusOK)); len(now.Rules) != len(stands.Rules) {
		t.Errorf("%d rules", len(now.Rules))
	}
}
