// Package id makes the ids of Tandem's records: a short prefix that names the
// noun, and a UUIDv7 in lower-case Crockford base 32, so that ids sort by the
// time they were made ("opp_01j8…").
package id

import (
	"strings"

	"github.com/google/uuid"
)

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// New gives a new id with the given prefix, such as New("opp").
func New(prefix string) string {
	u := uuid.Must(uuid.NewV7())
	return prefix + "_" + encode(u)
}

// encode writes 16 bytes as 26 base-32 characters, most significant first.
func encode(u [16]byte) string {
	var out [26]byte
	// 130 bits hold the 128: the first character carries only 3 bits.
	var acc uint32
	bits := 2 // two leading zero bits
	n := 0
	for _, b := range u {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[n] = alphabet[(acc>>bits)&31]
			n++
		}
	}
	return string(out[:n])
}

// Valid reports whether s is an id with the given prefix.
func Valid(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 26 {
		return false
	}
	for _, c := range []byte(rest) {
		if strings.IndexByte(alphabet, c) < 0 {
			return false
		}
	}
	return true
}
