package googlecosell

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryFieldStandsOnceAndHasItsSource(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, f := range Fields() {
		if seen[f.Path] || f.Label == "" || f.Group == "" || f.Kind == "" || f.Source == "" {
			t.Errorf("%+v", f)
		}
		seen[f.Path] = true
		if got, ok := FieldOf(f.Path + ".inner"); !ok || got.Path != f.Path {
			t.Errorf("what lies in %s is %+v", f.Path, got)
		}
	}
}

// The sample's names are those of the API, though its values are not.
func TestTheFieldsHaveTheNamesOfTheSample(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	raw, err := os.ReadFile(filepath.Join(shared, "contracts", "google", "samples", "cosell-channel-v1alpha1-opportunity.UNVERIFIED-SHAPE.json"))
	if err != nil {
		t.Fatalf("the contracts are needed (set TANDEM_SHARED): %v", err)
	}
	var sample map[string]any
	if err := json.Unmarshal(raw, &sample); err != nil {
		t.Fatal(err)
	}
	notThere := map[string]bool{PathContact: true, "opportunityType": true, "qualificationInfo.operationType": true, PathReady: true}
	for _, f := range Fields() {
		var at any = sample
		for name := range strings.SplitSeq(f.Path, ".") {
			m, _ := at.(map[string]any)
			at = m[name]
		}
		if (at == nil) != notThere[f.Path] {
			t.Errorf("%s: the sample has %v", f.Path, at)
		}
	}
}

func TestWhoMayChangeWhatWhen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state, path string
		want        bool
	}{
		{StateDraft, "opportunityInfo.displayName", true},
		{StateDraft, PathStage, false},
		{StateSubmitted, "opportunityInfo.displayName", false},
		{StateAccepted, PathStage, true},
		{StateAccepted, "customerInfo.customerDetails.domain", false},
		{StateAccepted, PathCloseDate, true},
		{StateNotAccepted, "customerInfo.customerDetails.domain", true},
		{StateRejected, PathLegal, true},
		{"SOMETHING_NEW", PathCloseDate, false},
		{StateAccepted, "ownerEmail", false},
	} {
		if got := Editable(c.state, c.path); got != c.want {
			t.Errorf("%s at %s: %v", c.path, c.state, got)
		}
	}
}
