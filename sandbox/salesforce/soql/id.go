package soql

const idSuffix = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"

// ID18 gives the 18-character form of a 15-character id: three more characters
// tell which of the fifteen are capitals. Anything that is not a 15-character
// id comes back as it is.
func ID18(id string) string {
	if len(id) != 15 || !alphanumeric(id) {
		return id
	}
	out := make([]byte, 0, 18)
	out = append(out, id...)
	for block := range 3 {
		bits := 0
		for i := range 5 {
			if c := id[block*5+i]; c >= 'A' && c <= 'Z' {
				bits |= 1 << i
			}
		}
		out = append(out, idSuffix[bits])
	}
	return string(out)
}

// validID tells whether s has the form of an id: 15 or 18 letters and digits.
func validID(s string) bool {
	return (len(s) == 15 || len(s) == 18) && alphanumeric(s)
}

func alphanumeric(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) {
			return false
		}
	}
	return true
}
