package demo

import "strings"

// city is a place with a postal pattern: '#' stands for a digit, '@' for a
// letter that both Canada and the United Kingdom use, the rest for itself.
type city struct {
	name, state, stateCode, postal string
}

// country is where an account lives and which habits its records have.
type country struct {
	code, name  string
	geo, region string
	area        string
	currency    string
	weight      int
	legal       []string
	streets     []string
	numberFirst bool
	cultures    []int
	phone       []phoneRange
	// freePostal tells that Partner Central has no postal rule to break:
	// the country has no postal codes, or the published list has no format.
	freePostal bool
	cities     []city
}

var (
	englishStreets = []string{"Harbor Street", "Mill Lane", "Foundry Road", "Juniper Avenue", "Station Road", "Larch Drive", "Canal Street", "Beacon Hill Road", "Orchard Way", "Granary Court"}
	germanStreets  = []string{"Lindenweg", "Am Speicher", "Gartenstraße", "Mühlgasse", "Hafenstraße", "Birkenallee"}
	frenchStreets  = []string{"rue des Tilleuls", "avenue du Port", "quai des Forges", "rue de la Verrerie", "boulevard des Ormes"}
	spanishStreets = []string{"Calle del Molino", "Avenida de los Olmos", "Calle Ribera", "Paseo del Puerto", "Calle Herrería"}
	portuguese     = []string{"Rua das Laranjeiras", "Avenida do Porto", "Rua da Olaria", "Alameda dos Ipês"}
	nordicStreets  = []string{"Kvarngatan", "Björkvägen", "Hamngatan", "Smedjegatan"}
	italianStreets = []string{"Via dei Mulini", "Corso del Porto", "Via Olmo", "Viale dei Tigli"}
	dutchStreets   = []string{"Molenstraat", "Havenkade", "Lindelaan", "Gasthuispad"}
	polishStreets  = []string{"ul. Lipowa", "ul. Młyńska", "al. Portowa", "ul. Ogrodowa"}
	asianStreets   = []string{"Harbour View Road", "Jade Park Road", "Lotus Avenue", "Cedar Tech Park, Phase 2", "Ring Road Tower B"}
)

const (
	cultureEnglish = iota
	cultureSpanish
	culturePortuguese
	cultureGerman
	cultureFrench
	cultureNordic
	cultureSlavic
	cultureIndian
	cultureJapanese
	cultureKorean
	cultureChinese
	cultureArabic
	cultureAfrican
)

var countries = []country{
	{
		code: "US", name: "United States", geo: "AMER", region: "US", area: "US", currency: "USD", weight: 420,
		legal: []string{"Inc.", "LLC", "Corp.", "Holdings, Inc."}, streets: englishStreets, numberFirst: true,
		cultures: []int{cultureEnglish, cultureSpanish, cultureIndian, cultureChinese, cultureAfrican, cultureSlavic},
		phone:    phoneAmerica("617", "212", "415", "206", "512", "312", "404", "303"),
		cities: []city{
			{"Boston", "Massachusetts", "MA", "021##"},
			{"New York", "New York", "NY", "100##"},
			{"San Francisco", "California", "CA", "941##"},
			{"San Diego", "California", "CA", "921##"},
			{"Seattle", "Washington", "WA", "981##"},
			{"Austin", "Texas", "TX", "787##"},
			{"Houston", "Texas", "TX", "770##-####"},
			{"Chicago", "Illinois", "IL", "606##"},
			{"Atlanta", "Georgia", "GA", "303##"},
			{"Denver", "Colorado", "CO", "802##"},
			{"Raleigh", "North Carolina", "NC", "276##"},
			{"Washington", "Dist. of Columbia", "DC", "200##"},
			{"Minneapolis", "Minnesota", "MN", "554##-####"},
		},
	},
	{
		code: "CA", name: "Canada", geo: "AMER", region: "Canada", area: "Canada", currency: "USD", weight: 45,
		legal: []string{"Inc.", "Ltd.", "Limited"}, streets: englishStreets, numberFirst: true,
		cultures: []int{cultureEnglish, cultureFrench, cultureIndian, cultureChinese}, phone: phoneAmerica("416", "604", "514"),
		cities: []city{
			{"Toronto", "Ontario", "ON", "M5@ #@#"},
			{"Vancouver", "British Columbia", "BC", "V6@ #@#"},
			{"Montréal", "Quebec", "QC", "H3@ #@#"},
		},
	},
	{
		code: "BR", name: "Brazil", geo: "LATAM", region: "Brazil", area: "Brazil", currency: "BRL", weight: 50,
		legal: []string{"S.A.", "Ltda."}, streets: portuguese, cultures: []int{culturePortuguese},
		cities: []city{
			{"São Paulo", "São Paulo", "SP", "01###-###"},
			{"Rio de Janeiro", "Rio de Janeiro", "RJ", "20###-###"},
			{"Curitiba", "Paraná", "PR", "80###-###"},
		},
	},
	{
		code: "MX", name: "Mexico", geo: "LATAM", region: "LATAM North", area: "Mexico", currency: "USD", weight: 24,
		legal: []string{"S.A. de C.V."}, streets: spanishStreets, cultures: []int{cultureSpanish},
		cities: []city{
			{"Ciudad de México", "Ciudad de México", "CDMX", "06###"},
			{"Monterrey", "Nuevo León", "NL", "64###"},
		},
	},
	{
		code: "CO", name: "Colombia", geo: "LATAM", region: "LATAM North", area: "Andes", currency: "USD", weight: 12,
		legal: []string{"S.A.S."}, streets: spanishStreets, cultures: []int{cultureSpanish},
		cities: []city{{"Bogotá", "Cundinamarca", "CUN", "110###"}, {"Medellín", "Antioquia", "ANT", "050###"}},
	},
	{
		code: "CL", name: "Chile", geo: "LATAM", region: "LATAM South", area: "Southern Cone", currency: "USD", weight: 12,
		legal: []string{"S.p.A."}, streets: spanishStreets, cultures: []int{cultureSpanish}, freePostal: true,
		cities: []city{{"Santiago", "Región Metropolitana", "RM", "83#####"}},
	},
	{
		code: "AR", name: "Argentina", geo: "LATAM", region: "LATAM South", area: "Southern Cone", currency: "USD", weight: 12,
		legal: []string{"S.A.", "S.R.L."}, streets: spanishStreets, cultures: []int{cultureSpanish}, freePostal: true,
		cities: []city{{"Buenos Aires", "Buenos Aires", "C", "C1###@@@"}},
	},
	{
		code: "GB", name: "United Kingdom", geo: "EMEA", region: "Northern Europe", area: "UKI", currency: "GBP", weight: 80,
		legal: []string{"Ltd", "plc", "Group plc"}, streets: englishStreets, numberFirst: true,
		cultures: []int{cultureEnglish, cultureIndian, cultureAfrican, cultureSlavic}, phone: phoneBritain,
		cities: []city{
			{"London", "Greater London", "LND", "EC2A #@@"},
			{"Manchester", "Greater Manchester", "MAN", "M1 #@@"},
			{"Leeds", "West Yorkshire", "WYK", "LS1 #@@"},
			{"Edinburgh", "City of Edinburgh", "EDH", "EH3 #@@"},
		},
	},
	{
		code: "IE", name: "Ireland", geo: "EMEA", region: "Northern Europe", area: "UKI", currency: "EUR", weight: 14,
		legal: []string{"DAC", "Limited"}, streets: englishStreets, numberFirst: true, cultures: []int{cultureEnglish},
		cities: []city{{"Dublin", "Dublin", "D", "D02 #@#@"}, {"Cork", "Cork", "CO", "T12 #@#@"}},
	},
	{
		code: "DE", name: "Germany", geo: "EMEA", region: "DACH", area: "Germany", currency: "EUR", weight: 70,
		legal: []string{"GmbH", "AG", "SE", "GmbH & Co. KG"}, streets: germanStreets,
		cultures: []int{cultureGerman, cultureSlavic, cultureArabic}, phone: phoneGermany,
		cities: []city{
			{"Berlin", "Berlin", "BE", "101##"},
			{"München", "Bayern", "BY", "803##"},
			{"Hamburg", "Hamburg", "HH", "200##"},
			{"Frankfurt am Main", "Hessen", "HE", "603##"},
			{"Köln", "Nordrhein-Westfalen", "NW", "506##"},
		},
	},
	{
		code: "CH", name: "Switzerland", geo: "EMEA", region: "DACH", area: "Alps", currency: "EUR", weight: 18,
		legal: []string{"AG", "SA"}, streets: germanStreets, cultures: []int{cultureGerman, cultureFrench},
		cities: []city{{"Zürich", "Zürich", "ZH", "80##"}, {"Basel", "Basel-Stadt", "BS", "40##"}},
	},
	{
		code: "FR", name: "France", geo: "EMEA", region: "Southern Europe", area: "France", currency: "EUR", weight: 50,
		legal: []string{"SA", "SAS", "SARL"}, streets: frenchStreets, numberFirst: true,
		cultures: []int{cultureFrench, cultureArabic}, phone: phoneFrance,
		cities: []city{
			{"Paris", "Île-de-France", "IDF", "750##"},
			{"Lyon", "Auvergne-Rhône-Alpes", "ARA", "690##"},
			{"Toulouse", "Occitanie", "OCC", "310##"},
		},
	},
	{
		code: "ES", name: "Spain", geo: "EMEA", region: "Southern Europe", area: "Iberia", currency: "EUR", weight: 25,
		legal: []string{"S.A.", "S.L."}, streets: spanishStreets, cultures: []int{cultureSpanish},
		cities: []city{{"Madrid", "Madrid", "MD", "280##"}, {"Barcelona", "Cataluña", "CT", "080##"}},
	},
	{
		code: "PT", name: "Portugal", geo: "EMEA", region: "Southern Europe", area: "Iberia", currency: "EUR", weight: 8,
		legal: []string{"S.A.", "Lda."}, streets: portuguese, cultures: []int{culturePortuguese},
		cities: []city{{"Lisboa", "Lisboa", "11", "1###-###"}, {"Porto", "Porto", "13", "4###-###"}},
	},
	{
		code: "IT", name: "Italy", geo: "EMEA", region: "Southern Europe", area: "Italy", currency: "EUR", weight: 25,
		legal: []string{"S.p.A.", "S.r.l."}, streets: italianStreets, cultures: []int{cultureSpanish, cultureFrench},
		cities: []city{{"Milano", "Lombardia", "MI", "201##"}, {"Torino", "Piemonte", "TO", "101##"}},
	},
	{
		code: "NL", name: "Netherlands", geo: "EMEA", region: "Northern Europe", area: "BeNeLux", currency: "EUR", weight: 28,
		legal: []string{"B.V.", "N.V."}, streets: dutchStreets, cultures: []int{cultureGerman, cultureEnglish},
		cities: []city{{"Amsterdam", "Noord-Holland", "NH", "101# @@"}, {"Utrecht", "Utrecht", "UT", "351# @@"}},
	},
	{
		code: "SE", name: "Sweden", geo: "EMEA", region: "Northern Europe", area: "Nordics", currency: "EUR", weight: 20,
		legal: []string{"AB"}, streets: nordicStreets, cultures: []int{cultureNordic}, phone: phoneSweden,
		cities: []city{{"Stockholm", "Stockholms län", "AB", "111 ##"}, {"Göteborg", "Västra Götaland", "O", "411 ##"}},
	},
	{
		code: "DK", name: "Denmark", geo: "EMEA", region: "Northern Europe", area: "Nordics", currency: "EUR", weight: 10,
		legal: []string{"A/S", "ApS"}, streets: nordicStreets, cultures: []int{cultureNordic},
		cities: []city{{"København", "Hovedstaden", "84", "21##"}, {"Aarhus", "Midtjylland", "82", "80##"}},
	},
	{
		code: "NO", name: "Norway", geo: "EMEA", region: "Northern Europe", area: "Nordics", currency: "EUR", weight: 10,
		legal: []string{"AS", "ASA"}, streets: nordicStreets, cultures: []int{cultureNordic},
		cities: []city{{"Oslo", "Oslo", "03", "01##"}, {"Bergen", "Vestland", "46", "50##"}},
	},
	{
		code: "PL", name: "Poland", geo: "EMEA", region: "Emerging Markets", area: "Eastern Europe", currency: "EUR", weight: 15,
		legal: []string{"S.A.", "Sp. z o.o."}, streets: polishStreets, cultures: []int{cultureSlavic},
		cities: []city{{"Warszawa", "Mazowieckie", "MZ", "00-###"}, {"Kraków", "Małopolskie", "MA", "30-###"}},
	},
	{
		code: "AE", name: "United Arab Emirates", geo: "EMEA", region: "Emerging Markets", area: "META", currency: "USD", weight: 12,
		legal: []string{"FZ-LLC", "PJSC"}, streets: asianStreets, cultures: []int{cultureArabic, cultureIndian}, freePostal: true,
		cities: []city{{"Dubai", "Dubai", "DU", ""}, {"Abu Dhabi", "Abu Dhabi", "AZ", ""}},
	},
	{
		code: "IL", name: "Israel", geo: "EMEA", region: "Emerging Markets", area: "META", currency: "USD", weight: 12,
		legal: []string{"Ltd."}, streets: englishStreets, numberFirst: true, cultures: []int{cultureArabic, cultureEnglish},
		cities: []city{{"Tel Aviv-Yafo", "Tel Aviv", "TA", "6######"}, {"Haifa", "Haifa", "HA", "3######"}},
	},
	{
		code: "ZA", name: "South Africa", geo: "EMEA", region: "Emerging Markets", area: "META", currency: "USD", weight: 12,
		legal: []string{"(Pty) Ltd"}, streets: englishStreets, numberFirst: true, cultures: []int{cultureAfrican, cultureEnglish},
		cities: []city{{"Johannesburg", "Gauteng", "GP", "21##"}, {"Cape Town", "Western Cape", "WC", "80##"}},
	},
	{
		code: "JP", name: "Japan", geo: "APJ", region: "Japan", area: "Japan", currency: "JPY", weight: 45,
		legal: []string{"K.K.", "G.K.", "Co., Ltd."}, streets: asianStreets, numberFirst: true, cultures: []int{cultureJapanese},
		cities: []city{{"Chiyoda-ku", "Tokyo", "13", "100-####"}, {"Osaka", "Osaka", "27", "530-####"}, {"Fukuoka", "Fukuoka", "40", "810-####"}},
	},
	{
		code: "AU", name: "Australia", geo: "APJ", region: "ANZ", area: "ANZ", currency: "AUD", weight: 40,
		legal: []string{"Pty Ltd", "Ltd"}, streets: englishStreets, numberFirst: true,
		cultures: []int{cultureEnglish, cultureChinese, cultureIndian}, phone: phoneAustralia,
		cities: []city{{"Sydney", "New South Wales", "NSW", "20##"}, {"Melbourne", "Victoria", "VIC", "30##"}, {"Brisbane", "Queensland", "QLD", "40##"}},
	},
	{
		code: "NZ", name: "New Zealand", geo: "APJ", region: "ANZ", area: "ANZ", currency: "AUD", weight: 8,
		legal: []string{"Limited"}, streets: englishStreets, numberFirst: true, cultures: []int{cultureEnglish},
		cities: []city{{"Auckland", "Auckland", "AUK", "10##"}, {"Wellington", "Wellington", "WGN", "60##"}},
	},
	{
		code: "IN", name: "India", geo: "APJ", region: "India", area: "India", currency: "INR", weight: 45,
		legal: []string{"Pvt Ltd", "Limited"}, streets: asianStreets, numberFirst: true, cultures: []int{cultureIndian},
		cities: []city{{"Bengaluru", "Karnataka", "KA", "560###"}, {"Mumbai", "Maharashtra", "MH", "400###"}, {"Hyderabad", "Telangana", "TG", "500 ###"}},
	},
	{
		code: "SG", name: "Singapore", geo: "APJ", region: "ASEAN", area: "ASEAN", currency: "USD", weight: 18,
		legal: []string{"Pte. Ltd."}, streets: asianStreets, numberFirst: true, cultures: []int{cultureChinese, cultureIndian},
		cities: []city{{"Singapore", "Singapore", "01", "0#####"}},
	},
	{
		code: "KR", name: "South Korea", geo: "APJ", region: "North Asia", area: "Korea", currency: "USD", weight: 15,
		legal: []string{"Co., Ltd.", "Inc."}, streets: asianStreets, numberFirst: true, cultures: []int{cultureKorean},
		cities: []city{{"Seoul", "Seoul", "11", "04###"}, {"Busan", "Busan", "26", "48###"}},
	},
	{
		code: "HK", name: "Hong Kong", geo: "APJ", region: "North Asia", area: "Greater China", currency: "USD", weight: 10,
		legal: []string{"Limited"}, streets: asianStreets, numberFirst: true, cultures: []int{cultureChinese}, freePostal: true,
		cities: []city{{"Hong Kong", "Hong Kong", "HK", ""}},
	},
}

var countryWeights = func() []int {
	weights := make([]int, len(countries))
	for i, c := range countries {
		weights[i] = c.weight
	}
	return weights
}()

const countryUS = 0

const postalLetters = "ABEGHJLNPRST"

// fill replaces '#' and '@' in a pattern.
func fill(d *dice, pattern string) string {
	var b [24]byte
	out := b[:0]
	for i := range len(pattern) {
		switch pattern[i] {
		case '#':
			out = append(out, byte('0'+d.below(10)))
		case '@':
			out = append(out, postalLetters[d.below(len(postalLetters))])
		default:
			out = append(out, pattern[i])
		}
	}
	return string(out)
}

// spoilPostal returns a postal code that breaks every published format.
func spoilPostal(d *dice, good string) string {
	switch d.below(4) {
	case 0:
		return "n/a"
	case 1:
		return good + "-X"
	case 2:
		return good[:2]
	default:
		return "PO " + strings.ReplaceAll(good, " ", ".")
	}
}
