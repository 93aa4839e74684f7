package salesforce

import (
	"fmt"
	"slices"
	"testing"

	sandbox "github.com/tandem-cosell/tandem/sandbox/salesforce"
)

// Each part of the package is taken away alone, and is named with what mends it.
func TestEveryPartOfThePackageThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	c, _, base := organization(t, 1, sandbox.Options{})
	needs := append(Needs(), Extras()...)
	look := func(access string) []string {
		t.Helper()
		control(t, base, "setup", `{"access":[`+access+`]}`)
		rep, err := c.Check(t.Context(), needs)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range rep.Findings {
			if f.Mend == "" || f.Message == "" {
				t.Errorf("%+v says nothing", f)
			}
			got = append(got, f.Object+"."+f.Field+" "+f.Code)
		}
		return got
	}
	if got := look(""); len(got) != 0 {
		t.Fatalf("the whole package lacks %v", got)
	}
	for _, n := range needs {
		fields := append(slices.Clone(n.Write), n.ExternalID)
		for _, f := range fields {
			if f == "" {
				continue
			}
			want := n.Object + "." + f + " field_not_writable"
			if got := look(fmt.Sprintf(`{"object":%q,"field":%q,"level":"read"}`, n.Object, f)); !slices.Contains(got, want) {
				t.Errorf("%s is read-only: %v", want, got)
			}
		}
		if len(n.Write) > 0 && n.Object != "Opportunity" {
			if got := look(fmt.Sprintf(`{"object":%q,"level":"read"}`, n.Object)); !slices.Contains(got, n.Object+". object_not_writable") {
				t.Errorf("%s is read-only: %v", n.Object, got)
			}
			if got := look(fmt.Sprintf(`{"object":%q,"level":"none"}`, n.Object)); !slices.Contains(got, n.Object+". object_missing") {
				t.Errorf("%s is hidden: %v", n.Object, got)
			}
		}
	}
	if got := look(`{"object":"CoSell_Offer__c","field":"Offer_Id__c","level":"none"}`); !slices.Equal(got, []string{"CoSell_Offer__c.Offer_Id__c field_missing"}) {
		t.Errorf("a hidden field: %v", got)
	}
}
