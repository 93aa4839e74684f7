package tagging

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
)

const (
	awsAccount = "001000000000AWSAAA"
	gcpAccount = "001000000000GCPAAA"
	reseller   = "001000000000RESAAA"
)

var named = opportunity.NewMatcher(opportunity.DefaultJointRule()).Named

// deal gives a deal that no default rule finds wrong, changed.
func deal(change func(o *opportunity.Opportunity)) *opportunity.Opportunity {
	o := &opportunity.Opportunity{
		ID: "opp_1", CRMID: "006000000000001AAA", Name: "Acme platform", Stage: "3-Technical Evaluation", DealPath: "Direct", SQLSource: "AE Generated",
		OrderType: "1. New - First Order",
	}
	change(o)
	return o
}

func resale(o *opportunity.Opportunity, name, id string) {
	o.FulfillmentPartner, o.FulfillmentPartnerCRMID, o.DealPath = name, id, "Partner"
}

func dr(o *opportunity.Opportunity, name, id, kind string) {
	o.DRPartner, o.DRPartnerCRMID, o.DRDealType, o.SQLSource = name, id, kind, "Partner Generated"
}

func influence(o *opportunity.Opportunity, name, id string) {
	o.InfluencePartner, o.InfluencePartnerCRMID = name, id
}

// The rules of the handbook's use cases 1 to 4, and what follows of them.
func TestTheDefaultRulesFindWhatIsTaggedWrongly(t *testing.T) {
	t.Parallel()
	const aws, gcp = "Amazon Web Services", "Google Cloud (Partner)"
	accounts := map[cloud.Cloud]Account{cloud.AWS: {awsAccount, aws}, cloud.GCP: {gcpAccount, gcp}}
	for _, c := range []struct {
		name   string
		change func(o *opportunity.Opportunity)
		joint  []cloud.Cloud
		want   string // rule: field=value, …
	}{
		{"no partner", func(*opportunity.Opportunity) {}, nil, ""},
		{"use case 1", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount) }, []cloud.Cloud{cloud.AWS}, ""},
		{"use case 2", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, "Referral") }, []cloud.Cloud{cloud.AWS}, ""},
		{"use case 3", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, "Resale"); resale(o, aws, awsAccount) }, []cloud.Cloud{cloud.AWS}, ""},
		{"use case 4", func(o *opportunity.Opportunity) { influence(o, gcp, gcpAccount) }, []cloud.Cloud{cloud.GCP}, ""},
		{"another partner sells", func(o *opportunity.Opportunity) {
			resale(o, "Reseller Ltd", reseller)
			dr(o, "Reseller Ltd", reseller, "")
		}, nil, ""},
		{"use case 3 without type", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, ""); resale(o, aws, awsAccount) }, nil, "dr_type_missing_marketplace: dr_deal_type=Resale"},
		{"use case 2 without type", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, "") }, nil, "dr_type_missing_referral: dr_deal_type=Referral"},
		{"a referral on the marketplace", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, "Referral"); resale(o, aws, awsAccount) }, nil, "referral_on_marketplace: dr_deal_type=Resale"},
		{"resale by nobody", func(o *opportunity.Opportunity) { dr(o, gcp, gcpAccount, "Resale") }, nil, "resale_without_partner: fulfillment_partner=" + gcpAccount},
		{"two clouds", func(o *opportunity.Opportunity) { dr(o, gcp, gcpAccount, "Resale"); resale(o, aws, awsAccount) }, nil, "two_clouds:"},
		{"influence beside resale", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); influence(o, aws, awsAccount) }, nil, "influence_beside_stronger: influence_partner="},
		{"influence beside source", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, "Referral"); influence(o, aws, awsAccount) }, nil, "influence_beside_source: influence_partner="},
		{"influence of another cloud", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); influence(o, gcp, gcpAccount) }, nil, ""},
		{"joint by word only", func(*opportunity.Opportunity) {}, []cloud.Cloud{cloud.GCP}, "joint_without_tag: influence_partner=" + gcpAccount},
		{"joint with two by word only", func(*opportunity.Opportunity) {}, []cloud.Cloud{cloud.AWS, cloud.GCP}, "joint_without_tag:"},
		{"joint with a cloud whose account nobody knows", func(*opportunity.Opportunity) {}, []cloud.Cloud{cloud.Azure}, "joint_without_tag:"},
		{"direct path", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.DealPath = "Direct" }, nil, "marketplace_not_partner_path: deal_path=Partner"},
		{"the older name of the path", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.DealPath = "channel" }, nil, ""},
		{"sourced without credit", func(o *opportunity.Opportunity) { dr(o, aws, awsAccount, "Referral"); o.SQLSource = "AE Generated" }, nil, "sourced_without_credit:"},
		{"credit without source", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.SQLSource = "Partner Generated" }, nil, "credit_without_source: dr_partner=" + awsAccount + ", dr_deal_type=Resale"},
		{"no margin before signature", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.Stage = "6-Awaiting Signature" }, nil, "margin_missing:"},
		{"margin before signature", func(o *opportunity.Opportunity) {
			resale(o, aws, awsAccount)
			o.Stage, o.PartnerMargin = "6-Awaiting Signature", "3"
		}, nil, ""},
		{"no order type", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.OrderType = "" }, nil, "order_type_missing:"},
		{"no order type, and lost", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.OrderType, o.Closed = "", true }, nil, ""},
		{"a distributor", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.Distributor = "Distri GmbH" }, nil, "distributor_and_cloud:"},
		{"the cloud as distributor", func(o *opportunity.Opportunity) { resale(o, aws, awsAccount); o.Distributor = "AWS" }, nil, ""},
	} {
		tags := TagsOf(deal(c.change), c.joint, named)
		var got []string
		for _, r := range DefaultRules() {
			if !r.Finds(tags) {
				continue
			}
			text := r.ID + ":"
			steps, _ := r.Correction(tags, accounts)
			for i, s := range steps {
				text += map[bool]string{true: " ", false: ", "}[i == 0] + string(s.Field) + "=" + s.Value
			}
			got = append(got, text)
		}
		if text := strings.Join(got, "; "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
}

func TestACorrectionEndsWhatItIsFor(t *testing.T) {
	t.Parallel()
	o := deal(func(o *opportunity.Opportunity) { dr(o, "AWS", awsAccount, ""); resale(o, "AWS", awsAccount) })
	r := DefaultRules()[0]
	before := TagsOf(o, nil, named)
	steps, ok := r.Correction(before, nil)
	if !ok || len(steps) != 1 || steps[0] != (Step{Field: FieldDealType, After: "Resale", Value: "Resale"}) {
		t.Fatalf("%+v, %v", steps, ok)
	}
	o.DRDealType = steps[0].Value
	after := TagsOf(o, nil, named)
	if r.Finds(after) || before.Key(&r) == after.Key(&r) {
		t.Errorf("it is found still, or its key is the same: %s", after.Key(&r))
	}
	o.Description, o.DealPath = "other", "Web Direct"
	if other := TagsOf(o, nil, named); other.Key(&r) != after.Key(&r) {
		t.Errorf("what the rule does not look at is in its key: %s", other.Key(&r))
	}
}

func TestTheDefaultRulesAreValidAndSayWhereTheyStand(t *testing.T) {
	t.Parallel()
	rules := DefaultRules()
	if err := rules.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		if !r.Enabled || r.Source == "" || len(r.Breaks) == 0 {
			t.Errorf("%s: %+v", r.ID, r)
		}
	}
	text, err := json.Marshal(rules)
	if err != nil {
		t.Fatal(err)
	}
	var back Rules
	if err := json.Unmarshal(text, &back); err != nil || len(back) != len(rules) || back[0].When[1].Values[0] != "dr_partner" {
		t.Errorf("%v: %s", err, text)
	}
}

func TestEachPartOfARuleThatCannotWorkIsNamed(t *testing.T) {
	t.Parallel()
	good := Rule{ID: "x1", Title: "t", Why: "w", When: []Condition{{Field: FieldDR, Op: OpSet}}}
	for _, c := range []struct {
		name, field string
		change      func(r *Rule)
	}{
		{"", "", func(*Rule) {}},
		{"a bad id", "rules[0].id", func(r *Rule) { r.ID = "X" }},
		{"no title", "rules[0].title", func(r *Rule) { r.Title = " " }},
		{"no why", "rules[0].why", func(r *Rule) { r.Why = "" }},
		{"an unknown harm", "rules[0].breaks", func(r *Rule) { r.Breaks = []Breaks{"all"} }},
		{"no condition", "rules[0].when", func(r *Rule) { r.When = nil }},
		{"an unknown field", "rules[0].when[0].field", func(r *Rule) { r.When[0].Field = "amount" }},
		{"an unknown comparison", "rules[0].when[0].op", func(r *Rule) { r.When[0].Op = "like" }},
		{"values missing", "rules[0].when[0].values", func(r *Rule) { r.When[0].Op = OpOneOf }},
		{"values too many", "rules[0].when[0].values", func(r *Rule) { r.When[0].Values = []string{"x"} }},
		{"a cloud that is a stage", "rules[0].when[0].op", func(r *Rule) { r.When[0] = Condition{Field: FieldStage, Op: OpCloud} }},
		{"the same as a stage", "rules[0].when[0].values", func(r *Rule) { r.When[0] = Condition{Field: FieldDR, Op: OpSame, Values: []string{"stage"}} }},
		{"a correction of the stage", "rules[0].fix[0].field", func(r *Rule) { r.Fix = []Change{{Field: FieldStage, To: "x"}} }},
		{"a partner by name", "rules[0].fix[0].to", func(r *Rule) { r.Fix = []Change{{Field: FieldDR, To: "AWS"}} }},
		{"a partner of a text", "rules[0].fix[0].to", func(r *Rule) { r.Fix = []Change{{Field: FieldDR, To: "=deal_path"}} }},
		{"a text of a partner", "rules[0].fix[0].to", func(r *Rule) { r.Fix = []Change{{Field: FieldDealType, To: "=dr_partner"}} }},
	} {
		r := good
		r.When = slices.Clone(good.When)
		c.change(&r)
		err := Rules{r}.Validate()
		if c.field == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		p, ok := err.(*problem.Error) //nolint:errorlint // Validate gives no other
		if !ok || !slices.ContainsFunc(p.Fields, func(f problem.Field) bool { return f.Field == c.field }) {
			t.Errorf("%s: %v, want %s", c.name, err, c.field)
		}
	}
	if err := (Rules{good, good}).Validate(); err == nil {
		t.Error("two rules may have one id")
	}
}

func FuzzRules(f *testing.F) {
	text, err := json.Marshal(DefaultRules())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add(`[{"id":"ab","enabled":true,"title":"t","why":"w","when":[{"field":"dr_partner","op":"same","values":[]}],"fix":[{"field":"dr_partner","to":"="}]}]`)
	o := deal(func(o *opportunity.Opportunity) { dr(o, "AWS", awsAccount, ""); resale(o, "Google Cloud", gcpAccount) })
	f.Fuzz(func(t *testing.T, text string) {
		var r Rules
		if json.Unmarshal([]byte(text), &r) != nil || r.Validate() != nil {
			return
		}
		tags := TagsOf(o, []cloud.Cloud{cloud.AWS}, named)
		for i := range r { // valid rules can be asked
			if r[i].Finds(tags) {
				r[i].Correction(tags, nil)
			}
		}
	})
}
