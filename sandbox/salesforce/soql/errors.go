package soql

import (
	"strconv"
	"strings"
)

// The error codes this package gives, with Salesforce's names.
const (
	CodeMalformedQuery = "MALFORMED_QUERY"
	CodeInvalidField   = "INVALID_FIELD"
	CodeInvalidType    = "INVALID_TYPE"
	CodeFilterOperator = "INVALID_QUERY_FILTER_OPERATOR"
	CodeNumberRange    = "NUMBER_OUTSIDE_VALID_RANGE"
	CodeQueryScope     = "INVALID_QUERY_SCOPE"
)

// Error is a refusal of a query. Row and Column count from 1 and are 0 when
// the message names no place.
type Error struct {
	Code    string
	Message string
	Row     int
	Column  int
}

// Error gives the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// contextBefore and contextAfter bound the piece of the query that a message
// shows on both sides of the caret; Salesforce cuts long lines in the same way.
const (
	contextBefore = 32
	contextAfter  = 48
)

// errorAt builds an error in Salesforce's shape: a line break, the line of the
// query, a caret under the place, "ERROR at Row:r:Column:c", and the text.
func errorAt(code, src string, pos int, text string) *Error {
	pos = max(0, min(pos, len(src)))
	lineStart := strings.LastIndexByte(src[:pos], '\n') + 1
	lineEnd := len(src)
	if i := strings.IndexByte(src[pos:], '\n'); i >= 0 {
		lineEnd = pos + i
	}
	row := strings.Count(src[:lineStart], "\n") + 1
	before := []rune(src[lineStart:pos])
	after := []rune(src[pos:lineEnd])
	column := len(before) + 1
	if len(before) > contextBefore {
		before = before[len(before)-contextBefore:]
	}
	if len(after) > contextAfter {
		after = after[:contextAfter]
	}
	var b strings.Builder
	b.WriteByte('\n')
	b.WriteString(string(before))
	b.WriteString(string(after))
	b.WriteByte('\n')
	b.WriteString(strings.Repeat(" ", len(before)))
	b.WriteString("^\nERROR at Row:")
	b.WriteString(strconv.Itoa(row))
	b.WriteString(":Column:")
	b.WriteString(strconv.Itoa(column))
	b.WriteByte('\n')
	b.WriteString(text)
	return &Error{Code: code, Message: b.String(), Row: row, Column: column}
}
