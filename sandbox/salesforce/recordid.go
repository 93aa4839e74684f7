package salesforce

import "strings"

const (
	idDigits   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sumDigits  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	idInstance = "Ku0" // the instance's part of every id this sandbox makes
)

// longID gives the 18-character form of an id of 15 or 18 characters. The
// three added characters say which of the first fifteen are capitals, so that
// programs that ignore case can still tell ids apart. ok is false when s has
// neither length, holds other characters, or its checksum is wrong.
func longID(s string) (id string, ok bool) {
	if len(s) != 15 && len(s) != 18 {
		return "", false
	}
	var sum [3]byte
	for block := range 3 {
		bits := 0
		for i := range 5 {
			c := s[block*5+i]
			switch {
			case c >= 'A' && c <= 'Z':
				bits |= 1 << i
			case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			default:
				return "", false
			}
		}
		sum[block] = sumDigits[bits]
	}
	if len(s) == 18 {
		return s, s[15:] == string(sum[:])
	}
	return s + string(sum[:]), true
}

// makeID gives the id number n of the objects with the prefix.
func makeID(prefix string, n uint64) string {
	b := []byte(prefix + idInstance + "000000000")
	for i := len(b) - 1; n > 0 && i >= 6; i-- {
		b[i] = idDigits[n%62]
		n /= 62
	}
	id, _ := longID(string(b))
	return id
}

// idNumber is the reverse of makeID; ok is false for ids this sandbox did not make.
func idNumber(id string) (n uint64, ok bool) {
	if len(id) < 15 || id[3:6] != idInstance {
		return 0, false
	}
	for _, c := range []byte(id[6:15]) {
		d := strings.IndexByte(idDigits, c)
		if d < 0 {
			return 0, false
		}
		n = n*62 + uint64(d)
	}
	return n, true
}
