package demo

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// The accounts of partners come first. Their names are the ones that the
// usual rules for "joint with a cloud" look for.
const (
	partnerAWS = iota
	partnerGoogle
	partnerAzure
	firstReseller
	firstDistributor = firstReseller + 8
	firstCustomer    = firstDistributor + 3
)

var partners = [firstCustomer]struct {
	name, domain, track, program string
	country                      int
}{
	{"Amazon Web Services", "aws-partner.example", "Alliance", "Alliance", countryUS},
	{"Google Cloud (Partner)", "google-cloud-partner.example", "Alliance", "Alliance", countryUS},
	{"Microsoft Azure", "azure-partner.example", "Alliance", "Alliance", countryUS},
	{"Tarnholt Cloud Resale", "tarnholt.example", "Select", "Select", countryUS},
	{"Bryndell Partners", "bryndell.example", "Select", "Select", 7},
	{"Sorvane Systemhaus GmbH", "sorvane.example", "Select", "Select", 9},
	{"Kuretsu Digital K.K.", "kuretsu.example", "Open", "Open", 23},
	{"Malvora Tecnologia Ltda.", "malvora.example", "Open", "Open", 2},
	{"Oakenreach Federal LLC", "oakenreach.example", "Technology", "Technology", countryUS},
	{"Dandelune Conseil SAS", "dandelune.example", "Open", "Open", 11},
	{"Wattlefern IT Pty Ltd", "wattlefern.example", "Select", "Select", 24},
	{"Corrimast Distribution", "corrimast.example", "Select", "Distribution", countryUS},
	{"Nordvekt Distribusjon AS", "nordvekt.example", "Select", "Distribution", 18},
	{"Halcyra Distribution Pte. Ltd.", "halcyra.example", "Select", "Distribution", 27},
}

// accountPlan is what other records need to know of an account. 50,000 of them
// take about 2 MB, so a stream can keep all.
type accountPlan struct {
	country, city, industry, segment uint8
	flaw                             uint8 // index into accountFlaws plus one
	parent                           int32 // -1 without one
	owner                            int32
	employees                        int32
	kin                              bool // has subsidiaries
	standing                         standing
}

// standing is what an account is to the vendor, by its deals.
type standing uint8

const (
	standingProspect standing = iota
	standingCustomer
	standingFormer
)

var accountTypes = [...]string{"Prospect", "Customer", "Former Customer"}

// newcomer tells whether a family was no customer before the first deal; two
// in five were not.
func (w *world) newcomer(top int) bool { return mix(w.seed^uint64(top)*31)%5 < 2 }

// standings plans all deals once to learn which accounts are customers.
func (w *world) standings() {
	p := newPlanner(w)
	const never = -noFirst
	won, churned, open := make([]int32, len(w.accounts)), make([]int32, len(w.accounts)), make([]bool, len(w.accounts))
	for i := range won {
		won[i], churned[i] = never, never
	}
	for range w.options.Opportunities {
		o := p.plan()
		switch {
		case o.stage == stageWon:
			won[o.account] = max(won[o.account], int32(o.close))
		case o.stage == stageLost && o.orderType == typeChurnFinal:
			churned[o.account] = max(churned[o.account], int32(o.close))
		case o.open() && o.stage > stagePending:
			open[o.account] = true
		}
	}
	for i := range w.accounts {
		switch a := &w.accounts[i]; {
		case churned[i] > won[i] && !open[i]:
			a.standing = standingFormer
		case !w.newcomer(w.top(i)) || p.first[w.top(i)] != noFirst:
			a.standing = standingCustomer
		}
	}
}

const (
	segmentSMB = iota
	segmentMid
	segmentLarge
	segmentPubSec
)

var segments = [...]string{"SMB", "Mid-Market", "Large", "PubSec"}

func (a accountPlan) flawKind() Flaw {
	if a.flaw == 0 {
		return ""
	}
	return accountFlaws[a.flaw-1].flaw
}

// planAccounts decides country, trade, size, family and flaw of every account.
func (w *world) planAccounts(count int) {
	w.accounts = make([]accountPlan, count)
	w.byFlaw = make(map[Flaw][]int32)
	var (
		d     dice
		order []int
	)
	for i := range w.accounts {
		if i%100 == 0 {
			order = blockOrder(w.seed, 1, i/100, 100)
		}
		a := &w.accounts[i]
		a.parent = -1
		d.at(w.seed, streamAccountPlan, i)
		if i < firstCustomer {
			a.country, a.employees, a.segment = uint8(partners[i].country), int32(d.between(200, 20000)), segmentLarge
			a.industry, a.owner = 1, int32(9+i%9)
			continue
		}
		a.flaw = flawAt(order[i%100])
		a.country = uint8(d.weighted(countryWeights))
		switch kind := a.flawKind(); {
		case kind == FlawStateCode:
			a.country = countryUS
		case (kind == FlawBadPostal || kind == FlawMissingPostal) && countries[a.country].freePostal:
			a.country = 9 // Germany
		}
		a.city = uint8(d.below(len(countries[a.country].cities)))
		a.industry = uint8(d.weighted(industryWeights))
		if a.flawKind() == FlawAmpersandIndustry {
			a.industry = uint8(pick(&d, dirtyIndustries))
		}
		switch d.weighted([]int{38, 37, 25}) {
		case segmentSMB:
			a.employees = int32(d.between(12, 249))
		case segmentMid:
			a.employees = int32(250 + d.size(700)%3700)
		default:
			a.employees = int32(4000 + d.size(6000))
		}
		if i%10 >= 8 && i >= firstCustomer+10 {
			a.parent = int32(i - i%10 + d.below(4))
			w.accounts[a.parent].kin = true
			p := w.accounts[a.parent]
			a.industry, a.employees = p.industry, max(5, p.employees*int32(d.between(5, 40))/100)
			if a.flawKind() == FlawAmpersandIndustry && industries[a.industry].dirty == "" {
				a.industry = uint8(dirtyIndustries[0])
			}
		}
		family := w.accounts[w.top(i)].employees
		switch {
		case industries[a.industry].public && a.country == countryUS:
			a.segment = segmentPubSec
		case family < 250:
			a.segment = segmentSMB
		case family < 4000:
			a.segment = segmentMid
		default:
			a.segment = segmentLarge
		}
		a.owner = int32(w.sellerFor(&d, &countries[a.country]))
		if d.perMille(15) {
			a.owner = userInactive
		}
		w.byFlaw[a.flawKind()] = append(w.byFlaw[a.flawKind()], int32(i))
	}
	for _, kind := range []Flaw{"", FlawAmpersandIndustry, FlawStateCode, FlawUnicodeName} {
		w.sound = append(w.sound, w.byFlaw[kind]...)
	}
}

func flawAt(rank int) uint8 {
	for k, f := range accountFlaws {
		if rank -= f.of; rank < 0 {
			return uint8(k + 1)
		}
	}
	return 0
}

func geoIndex(geo string) int {
	for i, g := range geos {
		if g == geo {
			return i
		}
	}
	return 0
}

// top is the account at the head of the family.
func (w *world) top(i int) int {
	if p := w.accounts[i].parent; p >= 0 {
		return int(p)
	}
	return i
}

// shortName is how people call the account in opportunity names.
func (w *world) shortName(i int) string {
	if i < firstCustomer {
		return partners[i].name
	}
	word, cycle := root(w.seed, w.top(i))
	if cycle != "" {
		word += " " + cycle
	}
	trade := industries[w.accounts[i].industry].words
	word += " " + trade[w.top(i)%len(trade)]
	if w.accounts[i].parent >= 0 {
		word += " " + countries[w.accounts[i].country].cities[w.accounts[i].city].name
	}
	return word
}

func (w *world) domain(i int) string {
	if i < firstCustomer {
		return partners[i].domain
	}
	word, cycle := root(w.seed, w.top(i))
	if cycle != "" {
		word += "-" + cycle
	}
	return slug(word) + ".example"
}

func (w *world) accountName(d *dice, i int) string {
	a := w.accounts[i]
	short := w.shortName(i)
	switch a.flawKind() {
	case FlawUnicodeName:
		return pick(d, unicodeFronts) + " (" + short + ")"
	case FlawLongName:
		name := short + " " + strings.Join(longNameSegments, " ")
		for utf8.RuneCountInString(name) > 250 {
			_, size := utf8.DecodeLastRuneInString(name)
			name = name[:len(name)-size]
		}
		return name
	}
	return short + " " + pick(d, countries[a.country].legal)
}

// accountRecord renders account i and its findings.
func (w *world) accountRecord(i int) map[string]any {
	var d dice
	d.at(w.seed, streamAccountText, i)
	a := w.accounts[i]
	c := &countries[a.country]
	place := &c.cities[a.city]
	kind := a.flawKind()
	top := w.top(i)
	domain := w.domain(i)
	id := recordID(prefixAccount, i+1)
	fields := make(map[string]any, 36)
	fields["Id"] = id
	fields["OwnerId"] = w.people[a.owner].id
	fields["CurrencyIsoCode"] = c.currency
	fields["NumberOfEmployees"] = float64(a.employees)
	fields["AnnualRevenue"] = float64(int64(a.employees) * int64(d.between(90, 420)) * 1000)
	fields["BillingStreet"] = street(&d, c)
	fields["BillingCity"] = place.name
	fields["BillingState"] = place.state
	fields["BillingStateCode"] = place.stateCode
	postal := fill(&d, place.postal)
	if postal != "" {
		fields["BillingPostalCode"] = postal
	}
	fields["BillingCountry"] = c.name
	fields["BillingCountryCode"] = c.code
	fields["Website"] = website(&d, domain)
	fields["Domains__c"] = domain
	fields["DUNS__c"] = strconv.Itoa(999_000_000 + i)
	fields["Ultimate_Parent_Account_ID__c"] = recordID(prefixAccount, top+1)
	fields["Global_Ultimate_DUNS__c"] = strconv.Itoa(999_000_000 + top)
	fields["Account_Demographics_Sales_Segment__c"] = segments[a.segment]
	fields["Account_Demographics_Geo__c"] = c.geo
	fields["Account_Demographics_Region__c"] = c.region
	fields["Account_Demographics_Area__c"] = c.area
	fields["Account_Demographics_Territory__c"] = c.area + " - " + segments[a.segment]
	fields["Account_Demographics_Business_Unit__c"] = businessUnit(int(a.segment))
	fields["Account_Demographic_Max_Family_Employees__c"] = float64(w.accounts[top].employees)
	fields["AccountSource"] = pick(&d, []string{"Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"})
	fields["CreatedDate"] = w.cal.instant(-d.between(420, 1100), i)
	if number := phone(&d, c, d.perMille(chanceLocalPhone)); number != "" {
		fields["Phone"] = number
	}
	if i < firstCustomer {
		p := partners[i]
		fields["Name"], fields["Type"], fields["IsPartner"], fields["Industry"] = p.name, "Partner", true, "Software and Internet"
		fields["Partners_Partner_Status__c"], fields["Partner_Track__c"], fields["GitLab_Partner_Programs__c"] = "Authorized", p.track, p.program
		fields["Website"] = "https://www." + p.domain
		return fields
	}
	fields["Name"] = w.accountName(&d, i)
	fields["Type"] = accountTypes[a.standing]
	fields["First_Order_Available__c"] = a.standing == standingProspect
	fields["Industry"] = industries[a.industry].clean
	fields["Description"] = "Builds and runs " + industries[a.industry].trade + " for its own business in " + c.region + "."
	if a.parent >= 0 {
		fields["ParentId"] = recordID(prefixAccount, int(a.parent)+1)
		fields["Ownership"] = "Subsidiary"
	} else if d.perMille(250) {
		fields["Domains__c"] = domain + ";" + strings.TrimSuffix(domain, ".example") + "-group.test"
	}
	switch kind {
	case FlawMissingPostal:
		delete(fields, "BillingPostalCode")
	case FlawBadPostal:
		fields["BillingPostalCode"] = spoilPostal(&d, postal)
	case FlawMissingWebsite:
		delete(fields, "Website")
	case FlawMissingCountry:
		delete(fields, "BillingCountry")
		delete(fields, "BillingCountryCode")
	case FlawIndustryOther:
		fields["Industry"] = "Other"
	case FlawAmpersandIndustry:
		fields["Industry"] = industries[a.industry].dirty
	case FlawStateCode:
		fields["BillingState"] = place.stateCode
		delete(fields, "BillingStateCode")
	}
	if kind != "" {
		w.found(id, kind)
	}
	return fields
}

func businessUnit(segment int) string {
	if segment >= segmentLarge {
		return "ENTG"
	}
	return "COMM"
}

func street(d *dice, c *country) string {
	name, number := pick(d, c.streets), strconv.Itoa(d.between(1, 980))
	if c.numberFirst {
		return number + " " + name
	}
	return name + " " + number
}

func website(d *dice, domain string) string {
	switch d.below(5) {
	case 0:
		return "https://" + domain
	case 1:
		return "http://www." + domain + "/"
	case 2:
		return "www." + domain
	default:
		return "https://www." + domain
	}
}
