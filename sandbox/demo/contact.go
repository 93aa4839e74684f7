package demo

import "strings"

var (
	contactTitles = []string{
		"Chief Information Officer", "VP Engineering", "Head of Platform Engineering", "Director of DevOps", "Chief Information Security Officer",
		"Engineering Manager", "Principal Architect", "Head of Procurement", "IT Category Buyer", "Release Manager", "Director Cloud Infrastructure",
		"Application Security Lead", "Chief Technology Officer", "Enterprise Architect",
	}
	departments   = []string{"Engineering", "Information Technology", "Security", "Procurement", "Operations"}
	contactSource = []string{"Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"}
)

// contactsPerAccount is the largest number of contacts of one account; contact
// k of account i has the number i*contactsPerAccount+k.
const contactsPerAccount = 4

// contacts is how many contacts account i has.
func (w *world) contacts(i int) int { return 1 + int(mix(w.seed+uint64(i))%contactsPerAccount) }

func contactID(account, k int) string {
	return recordID(prefixContact, account*contactsPerAccount+k+1)
}

func (w *world) contactRecord(i, k int) map[string]any {
	var d dice
	d.at(w.seed, streamContact, i*contactsPerAccount+k)
	a := w.accounts[i]
	c := &countries[a.country]
	names := &cultures[pick(&d, c.cultures)]
	given, family := pick(&d, names.given), pick(&d, names.family)
	id := contactID(i, k)
	email := mailbox(given, family)
	if k > 0 {
		email += string(rune('a' + k))
	}
	email += "@" + w.domain(i)
	fields := make(map[string]any, 18)
	if d.perMille(chanceUpperEmail) {
		email = strings.ToUpper(email[:1]) + email[1:strings.IndexByte(email, '.')+1] + strings.ToUpper(email[strings.IndexByte(email, '.')+1:])
		w.found(id, FlawUpperEmail)
	}
	local := d.perMille(chanceLocalPhone)
	if number := phone(&d, c, local); number != "" {
		fields["Phone"] = number
		if local {
			w.found(id, FlawLocalPhone)
		}
	}
	fields["Id"] = id
	fields["AccountId"] = recordID(prefixAccount, i+1)
	fields["OwnerId"] = w.people[a.owner].id
	fields["CurrencyIsoCode"] = c.currency
	fields["FirstName"] = given
	fields["LastName"] = family
	fields["Email"] = email
	fields["Title"] = contactTitles[(k*5+d.below(4))%len(contactTitles)]
	fields["Department"] = pick(&d, departments)
	fields["LeadSource"] = pick(&d, contactSource)
	fields["MailingCity"] = c.cities[a.city].name
	fields["MailingState"] = c.cities[a.city].state
	fields["MailingCountry"] = c.name
	fields["MailingCountryCode"] = c.code
	fields["CreatedDate"] = w.cal.instant(-d.between(30, 420), i+k)
	return fields
}
