package demo

import (
	"strings"
	"unicode"
)

var (
	nameHeads = []string{
		"Vel", "Ostri", "Quen", "Bran", "Thal", "Merro", "Kels", "Drav", "Fenn", "Halv", "Istra", "Jorv", "Lund",
		"Morva", "Norv", "Ond", "Pell", "Rusk", "Sarn", "Tolv", "Ulm", "Varn", "Wend", "Ystr", "Zell", "Brix", "Corv",
		"Dunm", "Elst", "Farr", "Gryn", "Hest", "Ilv", "Karst", "Lorn", "Mav", "Nyss", "Orl", "Pryn", "Skell",
	}
	nameMiddles = []string{"a", "e", "i", "o", "u", "ar", "en", "il", "or", "an", "el", "ir", "on", "ath", "esk", "und", "aw", "im", "ost", "erd"}
	nameTails   = []string{
		"moor", "dell", "wick", "holt", "mark", "stad", "ford", "vale", "more", "garth", "fell", "haven", "ridge",
		"worth", "brook", "quay", "stone", "field", "gate", "crest", "sund", "heim", "thorpe", "lind", "dorn", "tarn",
		"mere", "combe", "shaw", "ness",
	}
	nameCycles = []string{"", "North", "Prime", "Union", "Coast", "Allied", "Meridian", "Crown"}
)

const nameCount = 40 * 20 * 30

// root is the invented word of a company family; the same number always gives
// the same word and no two families share word and cycle.
func root(seed uint64, family int) (word, cycle string) {
	n := (family*7919 + int(mix(seed)%nameCount)) % nameCount
	word = nameHeads[n%40] + nameMiddles[n/40%20] + nameTails[n/800]
	return word, nameCycles[family/nameCount%len(nameCycles)]
}

// industry ties Partner Central's spelling to the dirty one and to words that
// fit company names and stories of that trade.
type industry struct {
	clean, dirty string
	words        []string
	trade        string
	public       bool
}

var industries = []industry{
	{"Financial Services", "", []string{"Bank", "Capital", "Payments", "Insurance"}, "card and lending systems", false},
	{"Software and Internet", "Software & Internet", []string{"Software", "Systems", "Labs", "Cloud"}, "customer-facing applications", false},
	{"Manufacturing", "", []string{"Industries", "Works", "Components"}, "plant control software", false},
	{"Retail", "", []string{"Stores", "Market", "Retail"}, "web shop and store systems", false},
	{"Healthcare", "", []string{"Health", "Clinics", "Care"}, "patient record applications", false},
	{"Telecommunications", "", []string{"Telecom", "Networks", "Mobile"}, "network provisioning services", false},
	{"Transportation and Logistics", "Transportation & Logistics", []string{"Logistics", "Freight", "Lines"}, "fleet and freight tracking", false},
	{"Energy - Oil and Gas", "Energy - Oil & Gas", []string{"Energy", "Petroleum"}, "field operations systems", false},
	{"Energy - Power and Utilities", "Energy - Power & Utilities", []string{"Power", "Utilities", "Grid"}, "metering and grid software", false},
	{"Automotive", "", []string{"Motors", "Mobility"}, "in-vehicle software", false},
	{"Media and Entertainment", "Media & Entertainment", []string{"Media", "Studios", "Broadcasting"}, "streaming services", false},
	{"Government", "", []string{"Agency", "Council", "Public Services"}, "citizen services", true},
	{"Education", "", []string{"University", "Learning", "Institute"}, "student platforms", true},
	{"Life Sciences", "", []string{"Biologics", "Therapeutics", "Genomics"}, "laboratory and trial systems", false},
	{"Computers and Electronics", "Computers & Electronics", []string{"Electronics", "Semiconductor", "Devices"}, "firmware", false},
	{"Professional Services", "", []string{"Advisory", "Consulting"}, "client portals", false},
	{"Gaming", "", []string{"Games", "Interactive"}, "game back ends", false},
	{"Real Estate and Construction", "Real Estate & Construction", []string{"Construction", "Properties"}, "site and lease systems", false},
	{"Wholesale and Distribution", "Wholesale & Distribution", []string{"Distribution", "Supply"}, "ordering systems", false},
	{"Travel", "", []string{"Travel", "Airways"}, "booking engines", false},
	{"Agriculture", "", []string{"Agri", "Farms"}, "crop and sensor data systems", false},
	{"Consumer Goods", "", []string{"Brands", "Foods"}, "brand and recipe systems", false},
	{"Aerospace", "", []string{"Aerospace", "Avionics"}, "flight software", false},
	{"Non-Profit Organization", "", []string{"Foundation", "Trust"}, "donor platforms", true},
	{"Mining", "", []string{"Mining", "Resources"}, "mine planning systems", false},
	{"Marketing and Advertising", "Marketing & Advertising", []string{"Advertising", "Reach"}, "campaign systems", false},
	{"Hospitality", "", []string{"Hotels", "Hospitality"}, "reservation systems", false},
}

var (
	industryWeights  = []int{14, 13, 9, 7, 7, 6, 6, 3, 4, 5, 4, 5, 3, 4, 4, 3, 2, 2, 2, 2, 1, 3, 2, 1, 1, 1, 1}
	dirtyIndustries  = []int{1, 6, 7, 8, 10, 14, 17, 18, 25}
	unicodeFronts    = []string{"株式会社ベルトラ", "Ørsvikå", "Çelmirağ", "Žďárovník", "Łęgorzów", "Ωμικρά", "한솔벨트", "云岭维拓", "Ñandúvia", "شركة فيلتارا", "Велтарна", "Ðrǫsfell"}
	longNameSegments = []string{"for the Planning, Building and Operation of Regional Infrastructure", "and Associated Subsidiaries in Liquidation of the Former Eastern Division", "formerly trading under the names of its three founding houses", "Registered Association of Members"}
)

// people of one culture: given and family names common there, never paired
// with one person in mind.
type culture struct {
	given, family []string
}

var cultures = [...]culture{
	cultureEnglish:    {[]string{"Alice", "Owen", "Grace", "Henry", "Imogen", "Jack", "Nora", "Miles", "Ruby", "Theo", "Hazel", "Wesley"}, []string{"Ashdown", "Birchall", "Colby", "Denholm", "Farrow", "Garland", "Holloway", "Kirkwood", "Lockhart", "Marlow", "Penrose", "Thackeray"}},
	cultureSpanish:    {[]string{"Lucía", "Mateo", "Inés", "Diego", "Camila", "Joaquín", "Valeria", "Andrés", "Sofía", "Tomás"}, []string{"Arango", "Benítez", "Cárdenas", "Echeverría", "Fuentes", "Ibáñez", "Montoya", "Quiroga", "Sepúlveda", "Villalba"}},
	culturePortuguese: {[]string{"Beatriz", "Caio", "Helena", "Rafael", "Larissa", "Thiago", "João", "Marina"}, []string{"Almeida", "Brandão", "Cavalcanti", "Figueira", "Lacerda", "Moura", "Peixoto", "Teixeira"}},
	cultureGerman:     {[]string{"Anke", "Bernd", "Greta", "Jürgen", "Katrin", "Lukas", "Sabine", "Uwe", "Jana", "Moritz"}, []string{"Ahlers", "Brandt", "Drechsler", "Fürst", "Hölzl", "Kessler", "Lorenzen", "Reinhold", "Tiedemann", "Wolff"}},
	cultureFrench:     {[]string{"Amélie", "Baptiste", "Chloé", "Étienne", "Margaux", "Olivier", "Sylvie", "Thibault"}, []string{"Aubert", "Chevallier", "Delacour", "Fontanel", "Lemaître", "Perrault", "Rousselle", "Vasseur"}},
	cultureNordic:     {[]string{"Astrid", "Björn", "Freja", "Henrik", "Ingrid", "Lars", "Sigrid", "Tor"}, []string{"Ahlström", "Bergdahl", "Ekholm", "Halvorsen", "Kjær", "Lindqvist", "Nygaard", "Rasmussen"}},
	cultureSlavic:     {[]string{"Agnieszka", "Bogdan", "Elena", "Jakub", "Katarzyna", "Milan", "Oksana", "Piotr"}, []string{"Dąbrowski", "Horák", "Kowalczyk", "Marković", "Novotný", "Petrenko", "Sokolov", "Zielińska"}},
	cultureIndian:     {[]string{"Aarav", "Divya", "Ishaan", "Kavya", "Meera", "Nikhil", "Priya", "Rohan", "Sneha", "Vikram"}, []string{"Bhattacharya", "Chandrasekar", "Deshpande", "Iyer", "Kulkarni", "Menon", "Naidu", "Rathore", "Sethi", "Verma"}},
	cultureJapanese:   {[]string{"Aiko", "Daichi", "Haruka", "Kenji", "Misaki", "Ren", "Sakura", "Yuto"}, []string{"Fujimori", "Hayashida", "Ishikawa", "Kurosaki", "Matsuura", "Nakagawa", "Shimizu", "Yoshioka"}},
	cultureKorean:     {[]string{"Ha-eun", "Ji-ho", "Min-jun", "Seo-yeon", "Su-bin", "Ye-jin"}, []string{"Bae", "Cho", "Han", "Kang", "Lim", "Seo", "Yoon"}},
	cultureChinese:    {[]string{"Chen", "Jia", "Li Na", "Ming", "Rui", "Wei", "Xin", "Yan"}, []string{"Chan", "Feng", "Huang", "Leung", "Luo", "Tang", "Xu", "Zheng"}},
	cultureArabic:     {[]string{"Amira", "Faisal", "Hana", "Karim", "Layla", "Omar", "Rania", "Yusuf"}, []string{"Al-Amin", "Barakat", "Darwish", "El-Sayed", "Haddad", "Khoury", "Mansour", "Nasser"}},
	cultureAfrican:    {[]string{"Adaeze", "Chidi", "Kwame", "Lerato", "Naledi", "Sipho", "Temi", "Zola"}, []string{"Abiodun", "Boateng", "Dlamini", "Eze", "Mokoena", "Nkosi", "Okonkwo", "Sithole"}},
}

var asciiOf = strings.NewReplacer(
	"á", "a", "à", "a", "â", "a", "ã", "a", "ä", "ae", "å", "a", "ą", "a", "æ", "ae", "ç", "c", "ć", "c", "č", "c",
	"é", "e", "è", "e", "ê", "e", "ë", "e", "ę", "e", "í", "i", "î", "i", "ł", "l", "ñ", "n", "ń", "n", "ó", "o",
	"ô", "o", "õ", "o", "ö", "oe", "ø", "o", "š", "s", "ś", "s", "ß", "ss", "ú", "u", "ü", "ue", "ý", "y", "ž", "z",
	"ź", "z", "ż", "z", "ř", "r", " ", "", "'", "")

// mailbox folds a name into the lower-case ASCII that stands before the @.
func mailbox(given, family string) string {
	return asciiOf.Replace(strings.ToLower(given)) + "." + asciiOf.Replace(strings.ToLower(family))
}

// slug folds a company word into a host-name label.
func slug(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r > unicode.MaxASCII, !unicode.IsLetter(r) && !unicode.IsDigit(r):
			return -1
		default:
			return r
		}
	}, strings.ToLower(s))
}
