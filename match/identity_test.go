package match_test

import (
	"testing"

	"github.com/tandem-cosell/tandem/match"
)

func TestIdentifiersAreBroughtToOneSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what     string
		of       func(string) string
		in, want string
	}{
		{"domain", match.Domain, "https://www.Acme.co.uk:8080/a?b#c", "acme.co.uk"},
		{"domain of a mail address", match.Domain, "Ann.O@mail.acme.com", "acme.com"},
		{"bare domain", match.Domain, "acme.de.", "acme.de"},
		{"domain of a site on a shared host", match.Domain, "http://acme.github.io", "acme.github.io"},
		{"international domain", match.Domain, "http://müller.de", "xn--mller-kva.de"},
		{"address of a machine", match.Domain, "http://127.0.0.1/", ""},
		{"no domain", match.Domain, "n/a", ""},
		{"a suffix alone", match.Domain, "co.uk", ""},
		{"phone", match.Phone, "+49 (30) 901-820", "+4930901820"},
		{"phone with 00", match.Phone, "0049 30 901820", "+4930901820"},
		{"national phone", match.Phone, "(030) 901820", "30901820"},
		{"phone with extension", match.Phone, "+1 415 555 0100 x12", "+14155550100"},
		{"no phone", match.Phone, "none", ""},
		{"DUNS", match.DUNS, "08-146-6849", "081466849"},
		{"DUNS without its zero", match.DUNS, "81466849", "081466849"},
		{"filler DUNS", match.DUNS, "999999999", ""},
		{"LEI", match.LEI, "hwuppkr0mpou8fgxbt394", ""},
		{"LEI with right check digits", match.LEI, "HWUPKR0MPOU8FGXBT394", "HWUPKR0MPOU8FGXBT394"},
		{"LEI with wrong check digits", match.LEI, "HWUPKR0MPOU8FGXBT395", ""},
		{"AWS account", match.AWSAccount, "1234-5678-9013", "123456789013"},
		{"AWS account of fillers", match.AWSAccount, "000000000000", ""},
		{"tenant", match.Tenant, "{72F988BF-86F1-41AF-91AB-2D7CD011DB47}", "72f988bf-86f1-41af-91ab-2d7cd011db47"},
		{"registration", match.Registration, "HRB 00123 B", "HRB00123B"},
		{"registration with zeros", match.Registration, "00445790", "445790"},
		{"country by name", match.Country, "Deutschland", "DE"},
		{"country by code", match.Country, "usa", "US"},
		{"unknown country", match.Country, "Freedonia", "freedonia"},
	} {
		if got := c.of(c.in); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.what, c.in, got, c.want)
		}
	}
}

func TestASharedHostIsNoDomainOfACompany(t *testing.T) {
	t.Parallel()
	n := match.Normalize(match.Record{Names: []string{"Acme"}, Websites: []string{"ann@gmail.com", "https://facebook.com/acme", "acme.com"}})
	if len(n.Domains) != 1 || n.Domains[0] != "acme.com" || len(n.SharedHosts) != 2 {
		t.Error(n)
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add("https://user@[::1]:80/acme.co.uk")
	f.Add("ann@xn--mller-kva.de")
	f.Add("+00 49 x")
	f.Fuzz(func(t *testing.T, s string) {
		for name, of := range map[string]func(string) string{
			"domain": match.Domain, "phone": match.Phone, "DUNS": match.DUNS, "LEI": match.LEI, "AWS account": match.AWSAccount, "tenant": match.Tenant,
			"registration": match.Registration, "country": match.Country,
		} {
			once := of(s)
			if twice := of(once); once != "" && twice != once && name != "country" {
				t.Errorf("%s of %q: %q, then %q", name, s, once, twice)
			}
		}
	})
}
