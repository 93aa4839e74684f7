package demo

import (
	"encoding/json"
	"strconv"
	"strings"
)

// rates turn US dollars into other currencies, in thousandths; they are round
// figures for the demo, not market rates.
var rates = map[string]int{"USD": 1000, "EUR": 920, "GBP": 790, "JPY": 148_000, "INR": 84_000, "BRL": 5_400, "AUD": 1_520}

const hugeAmount = 987_654_321_098

func opportunityID(index int) string { return recordID(prefixOpportunity, index+1) }

func (w *world) opportunityRecord(o *deal) map[string]any {
	var d dice
	d.at(w.seed, streamDealText, o.words)
	a := w.accounts[o.account]
	c := &countries[a.country]
	rate := rates[o.currency]
	money := func(usd int) float64 { return float64(int64(usd) * int64(rate) / 1000) }
	stage := &stages[o.stage]
	id := opportunityID(o.index)

	fields := make(map[string]any, 48)
	fields["Id"] = id
	fields["Name"] = w.opportunityName(o)
	fields["AccountId"] = recordID(prefixAccount, o.account+1)
	fields["OwnerId"] = w.people[o.owner].id
	fields["StageName"] = stage.name
	fields["Probability"] = float64(stage.probability)
	fields["ForecastCategoryName"] = stage.forecast
	fields["CurrencyIsoCode"] = o.currency
	fields["CloseDate"] = w.cal.day(o.close)
	fields["Type"] = o.category
	fields["LeadSource"] = o.lead
	fields["SQL_Source__c"] = o.source
	fields["Deal_Path__c"] = o.path
	fields["Order_Type_Test__c"] = orderTypes[o.orderType]
	fields["Opportunity_Category__c"] = "Standard"
	fields["ARR_Net__c"] = money(o.net)
	fields["ARR_Basis__c"] = money(o.basis)
	fields["ARR__c"] = money(o.net) + money(o.basis)
	fields["Start_Date__c"] = w.cal.day(o.close + o.lag)
	fields["End_Date__c"] = w.cal.day(o.close + o.lag + 365*o.years - 1)
	fields["User_Segment_O__c"] = segments[a.segment]
	fields["Stamped_User_Geo__c"] = c.geo
	fields["Stamped_User_Region__c"] = c.region
	fields["Stamped_User_Area__c"] = c.area
	fields["Stamped_Opp_Owner_User_Business_Unit__c"] = businessUnit(int(a.segment))
	fields["Push_Counter__c"] = float64(o.push)
	fields["Public_Sector_Opp__c"] = a.segment == segmentPubSec
	fields["CreatedDate"] = w.cal.instant(o.created, o.index)
	fields["Competitors__c"] = pick(&d, rivals)
	if o.services > 0 {
		fields["ProServ_Amount__c"] = money(o.services)
	}
	w.amount(fields, o, money(o.amount()))
	w.texts(&d, fields, o)
	w.tagPartners(&d, fields, o)
	w.mistag(fields, o, id)
	w.dealFindings(o, id)
	return fields
}

func (w *world) amount(fields map[string]any, o *deal, amount float64) {
	switch {
	case o.noAmount:
	case o.huge:
		fields["Amount"] = float64(hugeAmount)
	case o.sciAmount:
		fields["Amount"] = exponentForm(int64(amount))
	default:
		fields["Amount"] = amount
	}
}

// exponentForm writes a whole number the way spreadsheets do: 1.2E7.
func exponentForm(n int64) json.Number {
	digits := strconv.FormatInt(n, 10)
	exponent := len(digits) - 1
	mantissa := strings.TrimRight(digits[1:], "0")
	if mantissa == "" {
		mantissa = "0"
	}
	return json.Number(digits[:1] + "." + mantissa + "E" + strconv.Itoa(exponent))
}

func (w *world) opportunityName(o *deal) string {
	tier := " - Premium "
	if o.ultimate {
		tier = " - Ultimate "
	}
	unit := " seats"
	switch {
	case o.services > 0:
		tier, unit = " - Professional Services ", " days"
	case o.category == "Renewal":
		unit = " seats renewal"
	case o.category == "Add-On Business":
		unit = " seats add-on"
	}
	name := w.shortName(o.account) + tier + strconv.Itoa(o.seats) + unit
	if o.nearCopy {
		switch o.index % 3 {
		case 0:
			name += " (copy)"
		case 1:
			name = strings.ToUpper(name[:1]) + strings.ToLower(name[1:])
		default:
			name = strings.Replace(name, " - ", "  – ", 1)
		}
	}
	return name
}

func (w *world) texts(d *dice, fields map[string]any, o *deal) {
	cloud := -1
	for k := len(o.clouds) - 1; k >= 0; k-- {
		if o.clouds[k] != useNone {
			cloud = k
		}
	}
	switch {
	case o.noText:
	case o.shortText:
		fields["Description"] = pick(d, shortTexts)
	default:
		fields["Description"] = story(d, industries[w.accounts[o.account].industry].trade, cloud)
	}
	owner := &w.people[o.owner]
	switch {
	case o.noStep:
	case o.open() && (o.clouds[cloudAWS] != useNone || d.perMille(850)):
		soon := d.between(1, 12)
		steps := openSteps
		if cloud < 0 {
			steps = openSteps[:len(openSteps)-1] // the last is of a marketplace
		}
		step := owner.given + " " + owner.family + " " + pick(d, steps) + " " + w.cal.day(soon+d.between(3, 14)) + "."
		fields["NextStep"] = step
		fields["Next_Steps__c"] = w.cal.day(soon) + ": " + step
	case !o.open() && d.perMille(300):
		fields["Next_Steps__c"] = pick(d, closedSteps) + " " + w.cal.day(o.close+d.between(2, 30)) + " (" + owner.given + " " + owner.family + ")."
	}
	if o.stage == stageLost && !o.noReason {
		reason := pick(d, plainLostReasons)
		if o.dashReason {
			reason = pick(d, dashLostReasons)
		}
		fields["Reason_For_Lost__c"] = reason
	}
}

func (w *world) dealFindings(o *deal, id string) {
	if w.findings == nil {
		return
	}
	for _, c := range []struct {
		has  bool
		flaw Flaw
	}{
		{o.noAmount, FlawNullAmount},
		{o.sciAmount && !o.noAmount, FlawSciAmount},
		{o.foreign, FlawForeignCurrency},
		{o.huge, FlawHugeAmount},
		{o.past, FlawPastClose},
		{o.shortText, FlawShortDescription},
		{o.noText, FlawNoDescription},
		{o.noStep, FlawNoNextStep},
		{o.noReason, FlawNoLostReason},
		{o.dashReason, FlawDashLostReason},
		{o.exactCopy, FlawExactDuplicate},
		{o.nearCopy, FlawNearDuplicate},
	} {
		if c.has {
			w.found(id, c.flaw)
		}
	}
}
