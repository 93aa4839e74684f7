package tagging

// Where the rules are written: GitLab's handbook on opportunity tagging, as in
// salesforce-gitlab.md §2.6, and on its sales metrics, as in §2.4 there.
const (
	hb      = "GitLab handbook, channel operations and deal desk"
	metrics = "GitLab handbook, sales metrics"
)

// DefaultRules are the rules until a Director changes them. What the handbook's
// pages do not agree on is marked unverified.
func DefaultRules() Rules {
	return Rules{
		{
			ID: "dr_type_missing_marketplace", Enabled: true, Verified: true, Source: hb + ", use case 3", Breaks: []Breaks{BreaksPayment, BreaksRoute},
			Title: "Sourced by a cloud and sold on its marketplace, without a deal type",
			Why:   "Without the deal type Resale the partner's source credit and the marketplace route do not show together.",
			When:  []Condition{{Field: FieldDR, Op: OpCloud}, {Field: FieldResale, Op: OpSame, Values: []string{"dr_partner"}}, {Field: FieldDealType, Op: OpEmpty}},
			Fix:   []Change{{Field: FieldDealType, To: "Resale"}},
		},
		{
			ID: "dr_type_missing_referral", Enabled: true, Verified: true, Source: hb + ", use case 2", Breaks: []Breaks{BreaksPayment},
			Title: "Sourced by a cloud and not sold on a marketplace, without a deal type",
			Why:   "Without the deal type Referral nobody sees whether the partner is owed anything.",
			When:  []Condition{{Field: FieldDR, Op: OpCloud}, {Field: FieldResale, Op: OpEmpty}, {Field: FieldDealType, Op: OpEmpty}},
			Fix:   []Change{{Field: FieldDealType, To: "Referral"}},
		},
		{
			ID: "referral_on_marketplace", Enabled: true, Verified: true, Source: hb + ", use case 3", Breaks: []Breaks{BreaksFee, BreaksPayment},
			Title: "Sold on the marketplace, but tagged as a referral",
			Why:   "A referral is paid for beside the marketplace's fee: the same deal would cost twice.",
			When:  []Condition{{Field: FieldDR, Op: OpCloud}, {Field: FieldResale, Op: OpSame, Values: []string{"dr_partner"}}, {Field: FieldDealType, Op: OpOneOf, Values: []string{"Referral"}}},
			Fix:   []Change{{Field: FieldDealType, To: "Resale"}},
		},
		{
			ID: "resale_without_partner", Enabled: true, Verified: true, Source: hb + ", use case 3: only this is transacted via a marketplace", Breaks: []Breaks{BreaksKPI, BreaksFee},
			Title: "Deal type Resale, but no resale partner",
			Why:   "Only the resale partner makes a deal count as transacted via a marketplace, and its fee is booked from it.",
			When:  []Condition{{Field: FieldDR, Op: OpCloud}, {Field: FieldDealType, Op: OpOneOf, Values: []string{"Resale"}}, {Field: FieldResale, Op: OpEmpty}},
			Fix:   []Change{{Field: FieldResale, To: "=dr_partner"}},
		},
		{
			ID: "two_clouds", Enabled: true, Verified: true, Source: hb + ", route conflicts", Breaks: []Breaks{BreaksKPI, BreaksPayment, BreaksRoute},
			Title: "Sourced by one cloud, sold through another",
			Why:   "One deal has one route: both partners would expect the credit. Settle which, and have the other one's tag removed.",
			When:  []Condition{{Field: FieldDR, Op: OpOther, Values: []string{"fulfillment_partner"}}},
		},
		{
			ID: "influence_beside_stronger", Enabled: true, Verified: true, Source: hb + ", use case 4", Breaks: []Breaks{BreaksKPI},
			Title: "Influence partner, though the same cloud sells the deal",
			Why:   "Influence is for a cloud that neither sourced nor sells the deal: reports by influence count it twice.",
			When:  []Condition{{Field: FieldInfluence, Op: OpSame, Values: []string{"fulfillment_partner"}}},
			Fix:   []Change{{Field: FieldInfluence, To: ""}},
		},
		{
			ID: "influence_beside_source", Enabled: true, Verified: true, Source: hb + ", use case 4", Breaks: []Breaks{BreaksKPI},
			Title: "Influence partner, though the same cloud sourced the deal",
			Why:   "Influence is for a cloud that neither sourced nor sells the deal: reports by influence count it twice.",
			When:  []Condition{{Field: FieldInfluence, Op: OpSame, Values: []string{"dr_partner"}}, {Field: FieldResale, Op: OpEmpty}},
			Fix:   []Change{{Field: FieldInfluence, To: ""}},
		},
		{
			ID: "joint_without_tag", Enabled: true, Verified: true, Source: hb + ", use case 4", Breaks: []Breaks{BreaksKPI},
			Title: "Worked with a cloud, but no field names it",
			Why:   "Joint by a person's word only: Salesforce's reports do not see the cloud's part in the deal.",
			When:  []Condition{{Field: FieldJoint, Op: OpSet}, {Field: FieldResale, Op: OpEmpty}, {Field: FieldDR, Op: OpEmpty}, {Field: FieldInfluence, Op: OpEmpty}},
			Fix:   []Change{{Field: FieldInfluence, To: "=joint"}},
		},
		{
			ID: "marketplace_not_partner_path", Enabled: true, Verified: false, Source: "GitLab's field Deal Path: Partner (older: Channel), Direct or Web Direct", Breaks: []Breaks{BreaksKPI, BreaksRoute},
			Title: "Sold on a marketplace, but the deal path is not Partner",
			Why:   "A deal with a resale partner goes the partner's way: as a direct one it is missing from the partner forecast.",
			When:  []Condition{{Field: FieldResale, Op: OpCloud}, {Field: FieldDealPath, Op: OpNoneOf, Values: []string{"Partner", "Channel"}}},
			Fix:   []Change{{Field: FieldDealPath, To: "Partner"}},
		},
		{
			ID: "sourced_without_credit", Enabled: true, Verified: true, Source: metrics + ", partner category", Breaks: []Breaks{BreaksKPI},
			Title: "Sourced by a cloud, but not as partner generated",
			Why:   "Partner sourced pipeline is counted by the sales qualified source alone.",
			When:  []Condition{{Field: FieldDR, Op: OpCloud}, {Field: FieldSource, Op: OpNoneOf, Values: []string{"Partner Generated"}}},
		},
		{
			ID: "credit_without_source", Enabled: true, Verified: true, Source: hb + ", use cases 2 and 3", Breaks: []Breaks{BreaksKPI, BreaksPayment},
			Title: "Partner generated and sold by a cloud, but no partner has the source credit",
			Why:   "The cloud that brought the deal has to stand as DR partner: by that it is credited, and by that it is paid.",
			When:  []Condition{{Field: FieldSource, Op: OpOneOf, Values: []string{"Partner Generated"}}, {Field: FieldDR, Op: OpEmpty}, {Field: FieldResale, Op: OpCloud}},
			Fix:   []Change{{Field: FieldDR, To: "=fulfillment_partner"}, {Field: FieldDealType, To: "Resale"}},
		},
		{
			ID: "margin_missing", Enabled: true, Verified: true, Source: hb + ", private offer: the request must contain the margin", Breaks: []Breaks{BreaksFee},
			Title: "About to be sold on a marketplace, without a partner margin",
			Why:   "The margin lowers Net ARR: deal desk cannot prepare the private offer without it.",
			When: []Condition{
				{Field: FieldResale, Op: OpCloud},
				{Field: FieldMargin, Op: OpEmpty},
				{Field: FieldStage, Op: OpOneOf, Values: []string{"5-Negotiating", "6-Awaiting Signature", "7-Closing", "Closed Won"}},
			},
		},
		{
			ID: "order_type_missing", Enabled: true, Verified: true, Source: metrics + ", order type", Breaks: []Breaks{BreaksKPI},
			Title: "Sold on a marketplace, without an order type",
			Why:   "It counts neither as New nor as Growth.",
			When:  []Condition{{Field: FieldResale, Op: OpCloud}, {Field: FieldOrderType, Op: OpEmpty}, {Field: FieldStatus, Op: OpOneOf, Values: []string{"open", "won"}}},
		},
		{
			ID: "distributor_and_cloud", Enabled: true, Verified: false, Source: hb + ": for DSOR the handbook's two pages differ", Breaks: []Breaks{BreaksPayment, BreaksRoute},
			Title: "A distributor on a deal that a cloud resells",
			Why:   "Where a distributor is the seller of record, the reseller is the resale partner and the cloud stands in the CPPO, MCPO or DSOR field: look at the order form.",
			When:  []Condition{{Field: FieldResale, Op: OpCloud}, {Field: FieldDistributor, Op: OpNotCloud}},
		},
	}
}
