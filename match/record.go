package match

// Record is one company as a list holds it. Everything but the ID and one name may
// be missing; what is missing is no evidence either way.
type Record struct {
	// ID names the record within its list; it must be unique there.
	ID string
	// Names holds the name first, then trade, former and legal names.
	Names []string
	// Country is a name or an ISO 3166-1 code, State and City are names.
	Country, State, City, Postcode string
	// Websites holds web addresses, domains or e-mail addresses.
	Websites []string
	Phones   []string
	// DUNS, LEI, AWSAccount and Tenant are identifiers that the whole world shares,
	// Registration is the number in the register of the country. One that is
	// malformed counts as missing.
	DUNS, LEI, Registration, AWSAccount, Tenant string
	// ParentID is the ID of the parent company in the same list, if it is known.
	ParentID string
}

// NormVersion changes whenever Normalize may give something else for the same
// record: what was stored under another version has to be normalised again.
const NormVersion = 1

// Normalized is a record in the spelling of comparison. Lists hold no blanks.
type Normalized struct {
	Version                              int
	Names                                []Name
	Country                              string // ISO 3166-1, or folded as given
	State, City, Postcode                string
	Domains                              []string // registrable, shared hosts left out
	SharedHosts                          []string // the registrable domains that many carry
	Phones                               []string
	DUNS, LEI, Registration, AWS, Tenant string
}

// Normalize brings a record to the spelling of comparison. It keeps nothing that
// would not be the same after a second time.
func Normalize(r Record) Normalized {
	n := Normalized{
		Version: NormVersion, Country: Country(r.Country), State: Fold(r.State), City: Fold(r.City), DUNS: DUNS(r.DUNS), LEI: LEI(r.LEI),
		Registration: Registration(r.Registration), AWS: AWSAccount(r.AWSAccount), Tenant: Tenant(r.Tenant),
	}
	n.Postcode = Postcode(r.Postcode, n.Country)
	for _, s := range r.Names {
		if name := ParseName(s, n.Country); name.Base != "" {
			n.Names = append(n.Names, name)
		}
	}
	for _, s := range r.Websites {
		switch d := Domain(s); {
		case d == "":
		case SharedHost(d):
			n.SharedHosts = append(n.SharedHosts, d)
		default:
			n.Domains = append(n.Domains, d)
		}
	}
	for _, s := range r.Phones {
		if p := Phone(s); p != "" {
			n.Phones = append(n.Phones, p)
		}
	}
	return n
}
