package microsoft

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/sandbox/microsoft/contracttest"
)

func tree(t *testing.T, raw []byte) any {
	t.Helper()
	var out any
	if err := decodeNumbers(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// same reports how two JSON texts differ, whatever the order of their members.
func differs(t *testing.T, want, got []byte) string {
	t.Helper()
	return cmp.Diff(tree(t, want), tree(t, got))
}

func TestEveryPublishedReferralSurvivesOurTypes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(contracttest.Shared(t), "contracts", "microsoft", "samples", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	referrals, pages, patches := 0, 0, 0
	for _, file := range files {
		name := filepath.Base(file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []byte
		switch {
		case strings.HasPrefix(name, "referral-create-"), strings.HasPrefix(name, "referral-get-"), name == "deal-registration-in-referral.json":
			referrals++
			var r Referral
			if err := json.Unmarshal(raw, &r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out, err = json.Marshal(r)
		case name == "referral-list-page.json":
			pages++
			var p Page
			if err := json.Unmarshal(raw, &p); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if p.NextLink == "" || p.Count != 101 || len(p.Value) != 2 {
				t.Errorf("%s: %+v", name, p)
			}
			out, err = json.Marshal(map[string]any{"@odata.context": "https://api.partner.microsoft.com/v1.0/engagements/$metadata#referrals", "@odata.count": p.Count, "@odata.nextLink": p.NextLink, "value": p.Value})
		case strings.HasPrefix(name, "referral-patch-"), strings.HasPrefix(name, "deal-registration-"):
			patches++
			var ops []Operation
			if err := json.Unmarshal(raw, &ops); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			out, err = json.Marshal(ops)
		default:
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := differs(t, raw, out); diff != "" {
			t.Errorf("%s (-published +ours):\n%s", name, diff)
		}
	}
	if referrals < 8 || pages != 1 || patches < 8 {
		t.Errorf("only %d referrals, %d pages, %d changes were read", referrals, pages, patches)
	}
}

func TestWhatWeDoNotKnowStaysWhenSomethingIsChanged(t *testing.T) {
	t.Parallel()
	raw := []byte(`{"id":"1","name":"Old","new":{"deep":[1,2]},"statusReason":null,"customerProfile":{"name":"C","rank":7,"team":[{"email":"a@x.example","contactPreference":{"locale":"en-us"}}]},"details":{"dealValue":120000.50,"notes":"n","later":true}}`)
	var r Referral
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	r.Name, r.Details.Notes, r.CustomerProfile.Team[0].Email = "New", "", "b@x.example"
	out, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := []byte(`{"id":"1","name":"New","new":{"deep":[1,2]},"statusReason":null,"customerProfile":{"name":"C","rank":7,"team":[{"email":"b@x.example","contactPreference":{"locale":"en-us"}}]},"details":{"dealValue":120000.50,"later":true}}`)
	if diff := differs(t, want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestADealRegistrationIsWrittenAsPublished(t *testing.T) {
	t.Parallel()
	raw := contracttest.Sample(t, "deal-registration-add.json")
	var ops []struct {
		Op    string       `json:"op"`
		Path  string       `json:"path"`
		Value Registration `json:"value"`
	}
	if err := json.Unmarshal(raw, &ops); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(ops)
	if err != nil {
		t.Fatal(err)
	}
	if diff := differs(t, raw, out); diff != "" {
		t.Errorf("(-published +ours):\n%s", diff)
	}
}
