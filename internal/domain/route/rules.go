package route

import "github.com/tandem-cosell/tandem/internal/domain/tagging"

// Where the rules are written: GitLab's handbook on channel operations, as in
// salesforce-gitlab.md §2.6 ("Route conflicts" and the tagging table).
const (
	hb      = "GitLab handbook, channel operations"
	tagTbl  = "GitLab handbook, opportunity tagging"
	desk    = "GitLab handbook, deal desk"
	inHouse = "Tandem's default; no public page of a partner says so"
)

// DefaultRules are the rules until a Director changes them. Two working days are what
// the handbook gives for the contact with a partner, one for a deal registration.
// Only a reseller of record against a cloud that sells the deal holds it: most others
// are settled while co-selling goes on, and a Director can let them hold.
func DefaultRules() Rules {
	return Rules{
		{
			ID: "incumbent_keeps_renewal", Enabled: true, Verified: true, Kind: KindIncumbent, Source: hb + ", route conflicts", Days: 2,
			Title: "Renewal of a deal that another partner sold",
			Why:   "The incumbent partner keeps the renewal, and nothing is quoted directly or by another while there is one.",
			When:  []tagging.Condition{{Field: tagging.FieldType, Op: tagging.OpOneOf, Values: []string{"Renewal"}}},
			Wins:  BasisIncumbent, WinsWhy: "The incumbent keeps the renewal unless the customer says otherwise in writing",
			OurStep:   "Correct the partner fields in Salesforce, and ask the customer in writing where they want another route",
			TheirStep: "Confirm to the customer who renews",
		},
		{
			ID: "two_clouds", Enabled: true, Verified: true, Kind: KindTwoClouds, Source: hb + ", route conflicts: one approved sourced deal registration per opportunity", Days: 2,
			Title: "Sourced by one cloud, sold through another",
			Why:   "One deal has one route: both clouds would expect the credit, and only one marketplace can bill it.",
			Wins:  BasisDealRegistration, WinsWhy: "The cloud that sourced the deal has the one approved registration",
			OurStep:   "Correct the partner fields in Salesforce to the route that was decided",
			TheirStep: "Take note that the deal goes by the route that was decided",
		},
		{
			ID: "reseller_of_record", Enabled: true, Verified: false, Kind: KindReseller, Source: tagTbl + "; for DSOR its two pages differ", Days: 2, Holds: true,
			Title: "A reseller of record, and a cloud that sells the deal",
			Why:   "Either the reseller bills the customer or the marketplace does. As a channel private offer both take part, and the reseller stands in the CPPO, MCPO or DSOR field.",
			Wins:  BasisResale, WinsWhy: "An order with the seller of record comes before a registration (the handbook's first ground)",
			OurStep:   "Ask deal desk whether it is a channel private offer, and correct the partner fields",
			TheirStep: "Say whether the reseller has the order",
		},
		{
			ID: "existing_registration", Enabled: true, Verified: true, Kind: KindExistingRegistration, Source: hb + ", route conflicts: one approved sourced deal registration per opportunity", Days: 1,
			Title: "One partner has the deal registration, another sells the deal",
			Why:   "There is one approved sourced registration per opportunity: whoever has it has the deeper discount, and expects the sale.",
			When:  []tagging.Condition{{Field: tagging.FieldDealType, Op: tagging.OpNoneOf, Values: []string{"Referral"}}},
			Wins:  BasisDealRegistration, WinsWhy: "The approved registration stands, unless the order or the in-country support lies with the other",
			OurStep:   "Tell both partners, and correct the partner fields in Salesforce",
			TheirStep: "Show order, qualification or in-country support, in that order",
		},
		{
			ID: "direct_quote", Enabled: true, Verified: false, Kind: KindDirect, Source: desk + ", weekly review whether the quote is built right for the route", Days: 2,
			Title: "Quoted directly, though a partner sells the deal",
			Why:   "A change of the route after the order needs a contract reset: settle it before the quote goes out.",
			When: []tagging.Condition{
				{Field: tagging.FieldDealPath, Op: tagging.OpOneOf, Values: []string{"Direct", "Web Direct"}},
				{Field: tagging.FieldStage, Op: tagging.OpOneOf, Values: []string{"4-Proposal", "5-Negotiating", "6-Awaiting Signature", "7-Closing"}},
			},
			Wins: BasisResale, WinsWhy: "The partner named as the seller bills the customer; the direct quote is withdrawn",
			OurStep: "Have the quote built anew for the route that was decided",
		},
		{
			ID: "second_cloud", Enabled: true, Verified: false, Kind: KindSecondCloud, Source: inHouse, Days: 5,
			Title: "A second cloud joins a deal that another one works",
			Why:   "Both clouds' sellers will call on the customer: say whether both go on, or who stands back. Where two may not go on, let this rule hold what is not registered yet.",
			Wins:  BasisRegistered, WinsWhy: "The cloud that had the deal first keeps it, unless both can go on",
			OurStep:   "Tell the account team and both partner managers",
			TheirStep: "Name the seller who works the deal with ours",
		},
	}
}
