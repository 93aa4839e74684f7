package soql

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEOF tokenKind = iota
	tokenWord
	tokenString
	tokenNumber   // 12, -1.5
	tokenDate     // 2026-11-24
	tokenDateTime // 2026-11-24T10:00:00Z
	tokenSymbol   // ( ) , . : = != < <= > >=
)

// token is one lexical element; text is as written, and for a string what is
// between the quotes.
type token struct {
	kind     tokenKind
	text     string
	pos, end int
}

// lex splits a whole statement. It knows no keywords: SOQL's words are only
// special by place ("SELECT Id, Format FROM Order").
func lex(src string) ([]token, *Error) {
	var out []token
	i := 0
	for i < len(src) {
		c := src[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
		case isLetter(c):
			j := i + 1
			for j < len(src) && isWordByte(src[j]) {
				j++
			}
			out = append(out, token{tokenWord, src[i:j], i, j})
			i = j
		case isDigit(c) || startsSigned(src, i):
			t := lexNumber(src, i)
			out = append(out, t)
			i = t.end
		case c == '\'':
			j, err := skipString(src, i)
			if err != nil {
				return nil, err
			}
			out = append(out, token{tokenString, src[i+1 : j-1], i, j})
			i = j
		default:
			n := symbolLength(src[i:])
			if n == 0 {
				r, _ := utf8.DecodeRuneInString(src[i:])
				return nil, errorAt(CodeMalformedQuery, src, i, "line "+strconv.Itoa(strings.Count(src[:i], "\n")+1)+": no viable alternative at character '"+string(r)+"'")
			}
			out = append(out, token{tokenSymbol, src[i : i+n], i, i + n})
			i += n
		}
	}
	return append(out, token{tokenEOF, "<EOF>", len(src), len(src)}), nil
}

func isLetter(c byte) bool   { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool    { return c >= '0' && c <= '9' }
func isWordByte(c byte) bool { return isLetter(c) || isDigit(c) || c == '_' }

func startsSigned(src string, i int) bool {
	if src[i] != '-' && src[i] != '+' {
		return false
	}
	return i+1 < len(src) && (isDigit(src[i+1]) || src[i+1] == '.' && i+2 < len(src) && isDigit(src[i+2]))
}

func symbolLength(s string) int {
	switch s[0] {
	case '(', ')', ',', '.', ':', '=':
		return 1
	case '<':
		if len(s) > 1 && (s[1] == '=' || s[1] == '>') {
			return 2
		}
		return 1
	case '>':
		if len(s) > 1 && s[1] == '=' {
			return 2
		}
		return 1
	case '!':
		if len(s) > 1 && s[1] == '=' {
			return 2
		}
	}
	return 0
}

// skipString gives the offset after the closing quote and refuses escapes that
// SOQL does not have.
func skipString(src string, start int) (int, *Error) {
	for i := start + 1; i < len(src); i++ {
		switch src[i] {
		case '\'':
			return i + 1, nil
		case '\\':
			i++
			if i < len(src) && !strings.ContainsRune(`nNrRtTbBfFuU"'\_%`, rune(src[i])) {
				return 0, errorAt(CodeMalformedQuery, src, i-1, `Illegal character sequence '\`+src[i:i+runeLength(src[i:])]+`' in string literal`)
			}
		}
	}
	return 0, errorAt(CodeMalformedQuery, src, start, "unterminated string literal: mismatched character '<EOF>' expecting '''")
}

func runeLength(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// lexNumber reads a number, or a date or date-time when the digits have that
// form.
func lexNumber(src string, i int) token {
	if n := dateLength(src[i:]); n > 0 {
		kind := tokenDate
		if m := timeLength(src[i+n:]); m > 0 {
			n += m
			kind = tokenDateTime
		}
		return token{kind, src[i : i+n], i, i + n}
	}
	j := i
	if src[j] == '-' || src[j] == '+' {
		j++
	}
	j = skipDigits(src, j)
	if j+1 < len(src) && src[j] == '.' && isDigit(src[j+1]) {
		j = skipDigits(src, j+1)
	}
	if j < len(src) && (src[j] == 'e' || src[j] == 'E') {
		k := j + 1
		if k < len(src) && (src[k] == '-' || src[k] == '+') {
			k++
		}
		if k < len(src) && isDigit(src[k]) {
			j = skipDigits(src, k)
		}
	}
	// Letters that follow at once make one wrong word of it ("0xacc0", "5th").
	for j < len(src) && isWordByte(src[j]) {
		j++
	}
	return token{tokenNumber, src[i:j], i, j}
}

func skipDigits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// dateLength gives 10 when s begins with the form dddd-dd-dd.
func dateLength(s string) int {
	if len(s) < 10 {
		return 0
	}
	for i := range 10 {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return 0
			}
		} else if !isDigit(s[i]) {
			return 0
		}
	}
	if len(s) > 10 && isDigit(s[10]) {
		return 0
	}
	return 10
}

// timeLength gives the length of Thh:mm:ss[.fff](Z|±hh:mm|±hhmm), or 0.
func timeLength(s string) int {
	if len(s) < 10 || s[0] != 'T' && s[0] != 't' {
		return 0
	}
	for i := 1; i < 9; i++ {
		if i == 3 || i == 6 {
			if s[i] != ':' {
				return 0
			}
		} else if !isDigit(s[i]) {
			return 0
		}
	}
	i := 9
	if s[i] == '.' {
		j := skipDigits(s, i+1)
		if j == i+1 {
			return 0
		}
		i = j
	}
	if i >= len(s) {
		return 0
	}
	if s[i] == 'Z' || s[i] == 'z' {
		return i + 1
	}
	if s[i] != '+' && s[i] != '-' || i+5 > len(s) {
		return 0
	}
	rest := s[i+1:]
	if len(rest) >= 5 && rest[2] == ':' && isDigit(rest[0]) && isDigit(rest[1]) && isDigit(rest[3]) && isDigit(rest[4]) {
		return i + 6
	}
	for k := range 4 {
		if !isDigit(rest[k]) {
			return 0
		}
	}
	return i + 5
}

// unquote decodes the escapes of a string literal (what is between its quotes).
func unquote(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 >= len(raw) {
			b.WriteByte(raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case 'r', 'R':
			b.WriteByte('\r')
		case 't', 'T':
			b.WriteByte('\t')
		case 'b', 'B':
			b.WriteByte('\b')
		case 'f', 'F':
			b.WriteByte('\f')
		case 'u', 'U':
			if i+5 <= len(raw) {
				if n, err := strconv.ParseUint(raw[i+1:i+5], 16, 32); err == nil {
					b.WriteRune(rune(n))
					i += 4
					continue
				}
			}
			b.WriteByte(raw[i])
		default: // quote, backslash, underscore, percent
			b.WriteByte(raw[i])
		}
	}
	return b.String()
}
