package demo

// Key prefixes of the Salesforce objects that the organisation holds.
const (
	prefixAccount     = "001"
	prefixContact     = "003"
	prefixUser        = "005"
	prefixOpportunity = "006"
	prefixRole        = "00E"
	prefixContactRole = "00K"
	prefixTeamMember  = "00q"
	prefixTask        = "00T"
	prefixEvent       = "00U"
)

const (
	base62    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	caseCodes = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
)

// recordID builds the 18-character Salesforce id of the n-th record with a key
// prefix: prefix, the instance "Tn", a reserved 0, nine base-62 digits, and
// three characters that tell which letters of the first 15 are capitals.
func recordID(prefix string, n int) string {
	var b [18]byte
	copy(b[:], prefix)
	b[3], b[4], b[5] = 'T', 'n', '0'
	for i := 14; i > 5; i-- {
		b[i] = base62[n%62]
		n /= 62
	}
	for group := range 3 {
		code := 0
		for bit := range 5 {
			if c := b[group*5+bit]; c >= 'A' && c <= 'Z' {
				code |= 1 << bit
			}
		}
		b[15+group] = caseCodes[code]
	}
	return string(b[:])
}
