package demo

import "strconv"

// Vendor is the name of the invented company whose organisation this is.
const Vendor = "Quillmoor"

// VendorDomain is the mail domain of its people.
const VendorDomain = "quillmoor.example"

type role struct {
	name   string
	parent int // index of the role above, -1 at the top
}

const (
	roleCRO = iota
	roleSalesVP
	roleSeller
	roleArchitect
	roleVPAlliances
	roleSeniorDirector
	roleDirector
	roleSenior
	roleABDM
	roleAssociate
	roleOperations
	roleDealDesk
	roleMarketing
	roleIntegration
)

var roles = []role{
	roleCRO:            {"Chief Revenue Officer", -1},
	roleSalesVP:        {"Area Vice President Sales", roleCRO},
	roleSeller:         {"Account Executive", roleSalesVP},
	roleArchitect:      {"Solutions Architect", roleSalesVP},
	roleVPAlliances:    {"VP Alliances", roleCRO},
	roleSeniorDirector: {"Senior Director Alliances", roleVPAlliances},
	roleDirector:       {"Director Alliances", roleSeniorDirector},
	roleSenior:         {"Senior Alliance Business Development Manager", roleDirector},
	roleABDM:           {"Alliance Business Development Manager", roleDirector},
	roleAssociate:      {"Associate Alliance Business Development Manager", roleDirector},
	roleOperations:     {"Sales Operations", roleCRO},
	roleDealDesk:       {"Deal Desk", roleCRO},
	roleMarketing:      {"Partner Marketing", roleVPAlliances},
	roleIntegration:    {"Integration", roleCRO},
}

// post is one place in the company. The user's number is its index.
type post struct {
	role, manager int
	geo           string
	region        string
	speciality    string // title addition: the cloud or area worked
}

const (
	geoAMER = iota
	geoEMEA
	geoAPJ
	geoLATAM
)

var geos = [...]string{"AMER", "EMEA", "APJ", "LATAM"}

// posts are the 40 places; more people than that are more sellers.
var posts = []post{
	0:  {roleCRO, -1, "AMER", "US", ""},
	1:  {roleSalesVP, 0, "AMER", "US", "AMER"},
	2:  {roleSalesVP, 0, "EMEA", "Northern Europe", "EMEA"},
	3:  {roleSalesVP, 0, "APJ", "ANZ", "APJ"},
	4:  {roleSalesVP, 0, "LATAM", "Brazil", "LATAM"},
	5:  {roleVPAlliances, 0, "AMER", "US", ""},
	6:  {roleSeniorDirector, 5, "AMER", "US", "Cloud, Worldwide"},
	7:  {roleDirector, 6, "AMER", "US", "Cloud, Americas"},
	8:  {roleDirector, 6, "EMEA", "DACH", "Cloud, EMEA and APJ"},
	9:  {roleSenior, 7, "AMER", "US", "AWS"},
	10: {roleSenior, 8, "EMEA", "Northern Europe", "Google Cloud"},
	11: {roleSenior, 7, "AMER", "Canada", "Microsoft Azure"},
	12: {roleABDM, 7, "AMER", "US", "AWS"},
	13: {roleABDM, 8, "EMEA", "Northern Europe", "AWS"},
	14: {roleABDM, 8, "APJ", "Japan", "AWS"},
	15: {roleABDM, 7, "LATAM", "LATAM North", "AWS"},
	16: {roleAssociate, 7, "AMER", "US", "AWS"},
	17: {roleAssociate, 8, "EMEA", "Southern Europe", "AWS"},
	18: {roleSeller, 1, "AMER", "US", ""},
	19: {roleSeller, 1, "AMER", "US", ""},
	20: {roleSeller, 1, "AMER", "US", ""},
	21: {roleSeller, 1, "AMER", "US", ""},
	22: {roleSeller, 1, "AMER", "Canada", ""},
	23: {roleSeller, 2, "EMEA", "Northern Europe", ""},
	24: {roleSeller, 2, "EMEA", "DACH", ""},
	25: {roleSeller, 2, "EMEA", "Southern Europe", ""},
	26: {roleSeller, 2, "EMEA", "Emerging Markets", ""},
	27: {roleSeller, 3, "APJ", "Japan", ""},
	28: {roleSeller, 3, "APJ", "ANZ", ""},
	29: {roleSeller, 3, "APJ", "India", ""},
	30: {roleSeller, 4, "LATAM", "Brazil", ""},
	31: {roleSeller, 4, "LATAM", "LATAM North", ""},
	32: {roleArchitect, 1, "AMER", "US", ""},
	33: {roleArchitect, 2, "EMEA", "DACH", ""},
	34: {roleArchitect, 3, "APJ", "ANZ", ""},
	35: {roleOperations, 0, "AMER", "US", ""},
	36: {roleDealDesk, 0, "EMEA", "Northern Europe", ""},
	37: {roleMarketing, 5, "AMER", "US", ""},
	38: {roleIntegration, -1, "AMER", "US", ""},
	39: {roleSeller, 1, "AMER", "US", ""},
}

const (
	userIntegration = 38
	userInactive    = 39
)

// regionsOf says where sellers beyond the 40 posts work.
var regionsOf = [len(geos)][]string{
	geoAMER:  {"US", "US", "US", "Canada"},
	geoEMEA:  {"Northern Europe", "DACH", "Southern Europe", "Emerging Markets"},
	geoAPJ:   {"Japan", "ANZ", "India", "ASEAN", "North Asia"},
	geoLATAM: {"Brazil", "LATAM North", "LATAM South"},
}

// person is a user with the names that texts need.
type person struct {
	post
	given, family, id string
	area              string
}

var geoHabits = map[string]struct {
	zone, locale, currency string
	cultures               []int
}{
	"AMER":  {"America/New_York", "en_US", "USD", []int{cultureEnglish, cultureIndian, cultureSpanish, cultureAfrican, cultureChinese}},
	"EMEA":  {"Europe/Berlin", "en_GB", "EUR", []int{cultureGerman, cultureFrench, cultureNordic, cultureEnglish, cultureSlavic}},
	"APJ":   {"Asia/Tokyo", "ja_JP", "JPY", []int{cultureJapanese, cultureKorean, cultureIndian, cultureEnglish}},
	"LATAM": {"America/Sao_Paulo", "en_US", "BRL", []int{culturePortuguese, cultureSpanish}},
}

// hire fills the posts; people beyond the 40 posts become sellers.
func hire(seed uint64, count int) []person {
	people := make([]person, max(count, len(posts)))
	taken := make(map[string]bool, len(people))
	var d dice
	for i := range people {
		p := &people[i]
		if i < len(posts) {
			p.post = posts[i]
		} else {
			geo := i % len(geos)
			p.post = post{roleSeller, 1 + geo, geos[geo], regionsOf[geo][i/len(geos)%len(regionsOf[geo])], ""}
		}
		p.id, p.area = recordID(prefixUser, i+1), p.region
		d.at(seed, streamUser, i)
		for {
			c := cultures[pick(&d, geoHabits[p.geo].cultures)]
			p.given, p.family = pick(&d, c.given), pick(&d, c.family)
			if key := mailbox(p.given, p.family); !taken[key] {
				taken[key] = true
				break
			}
			if d.perMille(20) { // every pair of a large staff may be taken
				p.family += " " + strconv.Itoa(i)
			}
		}
		if i == userIntegration {
			p.given, p.family = "Co-sell", "Integration"
		}
	}
	return people
}

// sellersOf lists, for every geo, the active sellers there.
func sellersOf(people []person) [len(geos)][]int {
	var out [len(geos)][]int
	for i, p := range people {
		for g, geo := range geos {
			if p.role == roleSeller && p.geo == geo && i != userInactive {
				out[g] = append(out[g], i)
			}
		}
	}
	return out
}

// sellerFor draws a seller of the country's region, or of its geo where the
// region has none.
func (w *world) sellerFor(d *dice, c *country) int {
	sellers := w.sellers[geoIndex(c.geo)]
	start := d.below(len(sellers))
	for i := range sellers {
		if s := sellers[(start+i)%len(sellers)]; w.people[s].region == c.region {
			return s
		}
	}
	return sellers[start]
}

func (w *world) roleRecord(i int) map[string]any {
	fields := map[string]any{
		"Id":            recordID(prefixRole, i+1),
		"Name":          roles[i].name,
		"DeveloperName": developerName(roles[i].name),
	}
	if above := roles[i].parent; above >= 0 {
		fields["ParentRoleId"] = recordID(prefixRole, above+1)
	}
	return fields
}

func developerName(label string) string {
	b := []byte(label)
	for i, c := range b {
		if c == ' ' {
			b[i] = '_'
		}
	}
	return string(b)
}

func (w *world) userRecord(i int) map[string]any {
	p := &w.people[i]
	habits := geoHabits[p.geo]
	title := roles[p.role].name
	if p.speciality != "" {
		title += ", " + p.speciality
	}
	email := mailbox(p.given, p.family) + "@" + VendorDomain
	fields := map[string]any{
		"Id":                     p.id,
		"Username":               email + ".demo",
		"FirstName":              p.given,
		"LastName":               p.family,
		"Email":                  email,
		"Alias":                  "u" + strconv.Itoa(i+1),
		"CommunityNickname":      mailbox(p.given, p.family),
		"Title":                  title,
		"Department":             department(p.role),
		"CompanyName":            Vendor,
		"IsActive":               i != userInactive,
		"UserRoleId":             recordID(prefixRole, p.role+1),
		"EmployeeNumber":         strconv.Itoa(1000 + i),
		"ForecastEnabled":        p.role <= roleSeller,
		"TimeZoneSidKey":         habits.zone,
		"LocaleSidKey":           habits.locale,
		"LanguageLocaleKey":      "en_US",
		"EmailEncodingKey":       "UTF-8",
		"DefaultCurrencyIsoCode": habits.currency,
		"User_Geo__c":            p.geo,
		"User_Region__c":         p.region,
		"User_Area__c":           p.area,
		"CreatedDate":            w.cal.instant(-1100+i%600, i),
	}
	if p.role == roleSeller {
		fields["User_Segment__c"] = [...]string{"Large", "Mid-Market", "SMB"}[i%3]
	}
	if p.manager >= 0 {
		fields["ManagerId"] = w.people[p.manager].id
	}
	return fields
}

func department(r int) string {
	switch r {
	case roleVPAlliances, roleSeniorDirector, roleDirector, roleSenior, roleABDM, roleAssociate:
		return "Alliances"
	case roleMarketing:
		return "Marketing"
	case roleOperations, roleDealDesk, roleIntegration:
		return "Field Operations"
	default:
		return "Sales"
	}
}
