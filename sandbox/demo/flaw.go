package demo

// Flaw is one kind of dirt that real organisations have in their records.
type Flaw string

// The kinds of dirt. Those of accounts and contacts reach every opportunity of
// the account.
const (
	FlawMissingPostal     Flaw = "missing_postal"
	FlawBadPostal         Flaw = "bad_postal"
	FlawMissingWebsite    Flaw = "missing_website"
	FlawMissingCountry    Flaw = "missing_country"
	FlawIndustryOther     Flaw = "industry_other_without_detail"
	FlawLongName          Flaw = "company_name_too_long"
	FlawAmpersandIndustry Flaw = "industry_with_ampersand"
	FlawStateCode         Flaw = "us_state_as_code"
	FlawUnicodeName       Flaw = "unicode_company_name"
	FlawUpperEmail        Flaw = "upper_case_email"
	FlawLocalPhone        Flaw = "phone_in_local_format"
	FlawNullAmount        Flaw = "amount_missing"
	FlawSciAmount         Flaw = "amount_in_exponent_form"
	FlawForeignCurrency   Flaw = "amount_not_in_usd"
	FlawHugeAmount        Flaw = "amount_huge"
	FlawPastClose         Flaw = "open_with_past_close_date"
	FlawShortDescription  Flaw = "description_too_short"
	FlawNoDescription     Flaw = "description_missing"
	FlawNoNextStep        Flaw = "next_step_missing"
	FlawNoLostReason      Flaw = "closed_lost_without_reason"
	FlawDashLostReason    Flaw = "lost_reason_with_en_dash"
	FlawExactDuplicate    Flaw = "exact_duplicate"
	FlawNearDuplicate     Flaw = "near_duplicate"
	FlawNoDealType        Flaw = "sourced_by_a_cloud_without_deal_type"
	FlawDirectPath        Flaw = "sold_by_a_cloud_on_the_direct_path"
	FlawDoubleInfluence   Flaw = "influence_beside_resale_by_the_same_cloud"
)

// Severity says what a flaw means for a registration with AWS.
type Severity string

// Blocking: Partner Central refuses the record as it is and no program can
// guess the right value. Mendable: the right value follows from the wrong one.
// Judgement: the record passes and a person should look at it.
const (
	SeverityBlocking  Severity = "blocking"
	SeverityMendable  Severity = "mendable"
	SeverityJudgement Severity = "judgement"
)

// Severity says what the flaw means for a registration with AWS; the rules are
// those of submitting an opportunity to Partner Central.
func (f Flaw) Severity() Severity {
	switch f {
	case FlawMissingPostal, FlawBadPostal, FlawMissingWebsite, FlawMissingCountry, FlawIndustryOther, FlawLongName,
		FlawNullAmount, FlawPastClose, FlawShortDescription, FlawNoDescription:
		return SeverityBlocking
	case FlawAmpersandIndustry, FlawStateCode, FlawUpperEmail, FlawLocalPhone, FlawSciAmount, FlawForeignCurrency,
		FlawDashLostReason:
		return SeverityMendable
	default:
		return SeverityJudgement
	}
}

// Flaws returns every kind, in the order in which tables show them.
func Flaws() []Flaw {
	return []Flaw{
		FlawMissingPostal, FlawBadPostal, FlawMissingWebsite, FlawMissingCountry, FlawIndustryOther, FlawLongName,
		FlawAmpersandIndustry, FlawStateCode, FlawUnicodeName,
		FlawUpperEmail, FlawLocalPhone,
		FlawNullAmount, FlawSciAmount, FlawForeignCurrency, FlawHugeAmount, FlawPastClose,
		FlawShortDescription, FlawNoDescription, FlawNoNextStep, FlawNoLostReason, FlawDashLostReason,
		FlawExactDuplicate, FlawNearDuplicate,
		FlawNoDealType, FlawDirectPath, FlawDoubleInfluence,
	}
}

// accountFlaws says how many of every 100 accounts have a flaw. An account has
// one at most.
var accountFlaws = []struct {
	flaw Flaw
	of   int
}{
	{FlawMissingPostal, 4},
	{FlawBadPostal, 4},
	{FlawMissingWebsite, 4},
	{FlawMissingCountry, 3},
	{FlawIndustryOther, 2},
	{FlawLongName, 1},
	{FlawAmpersandIndustry, 9},
	{FlawStateCode, 5},
	{FlawUnicodeName, 5},
}

// Chances, out of 1,000, of the flaws of a record taken by itself.
const (
	chanceUpperEmail       = 60
	chanceLocalPhone       = 150
	chanceNullAmount       = 30
	chanceSciAmount        = 12
	chanceHugeAmount       = 3
	chancePastClose        = 70 // of the open ones
	chanceShortDescription = 30
	chanceNoDescription    = 60
	chanceNoNextStep       = 60  // of the open ones with AWS
	chanceNoLostReason     = 250 // of the lost ones
	chanceDashLostReason   = 200 // of the lost ones
	chanceExactDuplicate   = 8
	chanceNearDuplicate    = 15
	chanceNoDealType       = 120 // of those that a cloud sourced
	chanceDirectPath       = 80  // of those that a cloud sells
	chanceDoubleInfluence  = 70  // of the other ones that a cloud sells
)

// blockedDeals are the flaws that AWS deals of the blocked kind take in turn.
// A flaw of the account is had by choosing such an account.
var blockedDeals = []Flaw{
	FlawMissingPostal, FlawNullAmount, FlawPastClose, FlawShortDescription, FlawBadPostal, FlawMissingWebsite,
	FlawNearDuplicate, FlawMissingCountry, FlawNoDescription, FlawIndustryOther, FlawExactDuplicate, FlawLongName,
}
