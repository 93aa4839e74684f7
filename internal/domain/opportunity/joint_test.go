package opportunity

import (
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func TestTheDefaultRuleFollowsThePartnerFields(t *testing.T) {
	t.Parallel()
	m := NewMatcher(DefaultJointRule())
	for _, c := range []struct {
		name string
		o    Opportunity
		want []cloud.Cloud
	}{
		{"resale partner", Opportunity{FulfillmentPartner: "Amazon Web Services, Inc."}, []cloud.Cloud{cloud.AWS}},
		{"influence partner", Opportunity{InfluencePartner: "AWS (Partner)"}, []cloud.Cloud{cloud.AWS}},
		{"deal registration partner", Opportunity{DRPartner: "Google Cloud (Partner)"}, []cloud.Cloud{cloud.GCP}},
		{"two clouds", Opportunity{FulfillmentPartner: "AWS", InfluencePartner: "Microsoft Azure"}, []cloud.Cloud{cloud.AWS, cloud.Azure}},
		{"a word inside another word", Opportunity{FulfillmentPartner: "Laws & Sons"}, nil},
		{"a word beside a letter", Opportunity{FulfillmentPartner: "AWSome Resellers"}, nil},
		{"a field the rule does not name", Opportunity{Distributor: "AWS"}, nil},
		{"a deleted deal", Opportunity{FulfillmentPartner: "AWS", Deleted: true}, nil},
		{"no partner", Opportunity{}, nil},
	} {
		got := m.Joint(&c.o)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i].Cloud != c.want[i] || got[i].Why == "" || !got[i].Joint {
				t.Errorf("%s: %+v, want %s with a reason", c.name, got[i], c.want[i])
			}
		}
	}
}

func TestClosedAndExcludedDealsAreNotRegistered(t *testing.T) {
	t.Parallel()
	m := NewMatcher(DefaultJointRule())
	for _, c := range []struct {
		o    Opportunity
		want bool
	}{
		{Opportunity{Stage: "2-Scoping"}, true},
		{Opportunity{Stage: "Closed Won", Closed: true, Won: true}, false},
		{Opportunity{Stage: "10-duplicate"}, false},
		{Opportunity{Stage: "0-Pending Acceptance"}, false},
		{Opportunity{Stage: "2-Scoping", Deleted: true}, false},
	} {
		got, why := m.Registrable(&c.o, cloud.AWS)
		if got != c.want || !got && why == "" {
			t.Errorf("%+v: %v %q", c.o.Stage, got, why)
		}
	}
}

func TestARuleThatCannotWorkIsRefusedWithEveryPlace(t *testing.T) {
	t.Parallel()
	r := JointRule{Clouds: map[cloud.Cloud]CloudRule{
		cloud.AWS: {Enabled: true, Fields: []string{"nonsense"}, Words: []string{"x"}},
		"oracle":  {Enabled: true},
	}}
	err := r.Validate()
	if !problem.Is(err, problem.KindInvalid) {
		t.Fatalf("got %v", err)
	}
	if n := len(err.(*problem.Error).Fields); n != 3 { //nolint:errorlint // the rule gives the error itself
		t.Fatalf("%d places named, want 3: %v", n, err)
	}
	if err := DefaultJointRule().Validate(); err != nil {
		t.Fatal(err)
	}
}
