package match

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Country gives the ISO 3166-1 code of a country by its name in one of eighteen
// languages or by its code of two or three letters. A text that is none of these
// is given back folded, so that equal texts still agree.
func Country(s string) string {
	f := Fold(s)
	if code, ok := tables().countries[f]; ok {
		return code
	}
	return f
}

// Domain gives the registrable domain ("acme.co.uk") of a web address, a host or
// an e-mail address, by the public suffix list; "" when there is none.
func Domain(s string) string {
	s = strings.TrimSpace(s)
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	} else {
		s = strings.TrimPrefix(s, "//")
	}
	if i := strings.IndexAny(s, "/?#\\"); i >= 0 {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = s[i+1:]
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		s = s[:i]
	}
	s = strings.ToLower(strings.Trim(s, ". "))
	if !isASCII(s) {
		ascii, err := idna.Lookup.ToASCII(s)
		if err != nil {
			return ""
		}
		s = ascii
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return ""
		}
	}
	if !strings.Contains(s, ".") {
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	d, err := publicsuffix.EffectiveTLDPlusOne(s)
	if err != nil {
		return ""
	}
	return d
}

// SharedHost says whether a domain belongs to many: mail for everybody, social
// networks, shop and site builders. Such a domain says nothing of a company. Hosts
// that this list lacks are found by how many companies carry them.
func SharedHost(domain string) bool { return sharedHosts[domain] }

var sharedHosts = func() map[string]bool {
	out := map[string]bool{}
	for _, d := range strings.Fields(`gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com yahoo.co.jp yahoo.co.uk ymail.com aol.com icloud.com me.com mac.com
		gmx.de gmx.net gmx.com web.de t-online.de freenet.de mail.ru yandex.ru bk.ru list.ru inbox.ru rambler.ru qq.com 163.com 126.com sina.com sohu.com foxmail.com
		naver.com daum.net hanmail.net orange.fr wanadoo.fr free.fr laposte.net libero.it virgilio.it tiscali.it uol.com.br bol.com.br terra.com.br rediffmail.com
		protonmail.com proton.me zoho.com fastmail.com comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net btinternet.com seznam.cz wp.pl o2.pl onet.pl
		facebook.com fb.com linkedin.com instagram.com twitter.com x.com youtube.com tiktok.com medium.com github.com linktr.ee wikipedia.org crunchbase.com bloomberg.com
		google.com goo.gl bit.ly wix.com weebly.com squarespace.com shopify.com godaddy.com example.com amazon.com etsy.com salesforce.com sharepoint.com`) {
		out[d] = true
	}
	return out
}()

// Phone gives the digits of a telephone number, with "+" and the country's code
// when it was written with one; "" when there are fewer than seven. National
// numbers lose their leading zeros.
func Phone(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), "x") // extension
	digits := only(s, isDigit)
	if len(digits) < 7 || len(digits) > 17 {
		return ""
	}
	if strings.HasPrefix(strings.TrimSpace(s), "+") {
		return "+" + digits
	}
	if rest, ok := strings.CutPrefix(digits, "00"); ok && len(rest) >= 7 {
		return "+" + rest
	}
	if digits = strings.TrimLeft(digits, "0"); len(digits) < 7 {
		return ""
	}
	return digits
}

// samePhone compares numbers of which one may lack the country's code.
func samePhone(a, b string) bool {
	if a[0] == '+' && b[0] == '+' {
		return a == b
	}
	a, b = strings.TrimPrefix(a, "+"), strings.TrimPrefix(b, "+")
	return strings.HasSuffix(a, b) || strings.HasSuffix(b, a)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlnum(c byte) bool { return isDigit(c) || c >= 'A' && c <= 'Z' }

// only keeps the bytes that pass.
func only(s string, pass func(byte) bool) string {
	var b strings.Builder
	for i := range len(s) {
		if pass(s[i]) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// DUNS gives the nine digits of a D-U-N-S number, "" when it is none.
func DUNS(s string) string {
	d := only(s, isDigit)
	if len(d) > 0 && len(d) < 9 && len(d) >= 7 {
		d = strings.Repeat("0", 9-len(d)) + d // a spreadsheet dropped the zeros
	}
	return plausible(d, 9)
}

// LEI gives a Legal Entity Identifier of 20 characters whose check digits are
// right (ISO 17442: the ISO 7064 MOD 97-10 remainder is 1), otherwise "".
func LEI(s string) string {
	s = only(strings.ToUpper(s), isAlnum)
	if len(s) != 20 {
		return ""
	}
	rest := 0
	for i := range len(s) {
		if v := int(s[i]); isDigit(s[i]) {
			rest = (rest*10 + v - '0') % 97
		} else {
			rest = (rest*100 + v - 'A' + 10) % 97
		}
	}
	if rest != 1 {
		return ""
	}
	return s
}

// AWSAccount gives the twelve digits of an AWS account's id, "" when it is none.
func AWSAccount(s string) string {
	d := only(s, isDigit)
	if len(d) == 11 || len(d) == 10 {
		d = strings.Repeat("0", 12-len(d)) + d
	}
	return plausible(d, 12)
}

// Tenant gives a Microsoft Entra tenant's id as a lower-case GUID, "" when it is none.
func Tenant(s string) string {
	h := only(strings.ToLower(s), func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' })
	if len(h) != 32 || strings.Trim(h, "0") == "" {
		return ""
	}
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Registration gives a number in a country's register of companies, or a tax
// number, as capitals and digits without leading zeros; "" when it has no digit or
// fewer than five characters.
func Registration(s string) string {
	s = strings.TrimLeft(only(strings.ToUpper(s), isAlnum), "0")
	if len(s) < 5 || !strings.ContainsAny(s, "0123456789") {
		return ""
	}
	return s
}

// plausible refuses numbers of another length and fillers such as 000000000.
func plausible(d string, n int) string {
	if len(d) != n || strings.Count(d, d[:1]) == n || d == "123456789"[:min(n, 9)] {
		return ""
	}
	return d
}

// Postcode gives a postal code as capitals and digits; of a US ZIP+4 the first five.
func Postcode(s, country string) string {
	p := only(strings.ToUpper(s), isAlnum)
	if country == "US" && len(p) == 9 && isDigits(p) {
		p = p[:5]
	}
	return p
}
