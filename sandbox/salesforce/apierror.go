package salesforce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// apiError is a refusal in Salesforce's words: an HTTP status, an error code
// (in batches the status code), a message and the fields it is about.
type apiError struct {
	status  int
	code    string
	message string
	fields  []string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// refuse makes an error with status 400.
func refuse(code, format string, args ...any) *apiError {
	return &apiError{status: http.StatusBadRequest, code: code, message: fmt.Sprintf(format, args...)}
}

func (e *apiError) on(fields ...string) *apiError {
	e.fields = fields
	return e
}

func (e *apiError) with(status int) *apiError {
	e.status = status
	return e
}

func notFound() *apiError {
	return refuse("NOT_FOUND", "The requested resource does not exist").with(http.StatusNotFound)
}

func wrongMethod(method string, allowed ...string) *apiError {
	return refuse("METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed. Allowed are %s", method, strings.Join(allowed, ",")).with(http.StatusMethodNotAllowed)
}

type errorBody struct {
	Message   string   `json:"message"`
	ErrorCode string   `json:"errorCode"`
	Fields    []string `json:"fields,omitempty"`
}

// rowCodes are the codes that come from saving a row; their error bodies carry
// a list of fields even when it is empty.
var rowCodes = map[string]bool{
	"REQUIRED_FIELD_MISSING": true, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": true, "STRING_TOO_LONG": true,
	"DUPLICATE_VALUE": true, "ENTITY_IS_DELETED": true, "MALFORMED_ID": true, "INVALID_CROSS_REFERENCE_KEY": true,
	"UNABLE_TO_LOCK_ROW": true, "INVALID_EMAIL_ADDRESS": true, "NUMBER_OUTSIDE_VALID_RANGE": true,
	"INVALID_FIELD_FOR_INSERT_UPDATE": true, "FIELD_INTEGRITY_EXCEPTION": true, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": true,
	"INVALID_TYPE_ON_FIELD_IN_RECORD": true, "INSUFFICIENT_ACCESS_OR_READONLY": true, "FIELD_CUSTOM_VALIDATION_EXCEPTION": true,
}

// body is the array that a failed REST call answers.
func (e *apiError) body() []byte {
	var v any = []errorBody{{e.message, e.code, e.fields}}
	if rowCodes[e.code] {
		v = []any{map[string]any{"message": e.message, "errorCode": e.code, "fields": e.fieldList()}}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // strings always encode
		return []byte(`[{"message":"unexpected","errorCode":"UNKNOWN_EXCEPTION"}]`)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

func (e *apiError) fieldList() []string {
	if e.fields == nil {
		return []string{}
	}
	return e.fields
}

// saveError is the same refusal inside a list of save results.
type saveError struct {
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

func (e *apiError) saveError() saveError { return saveError{e.code, e.message, e.fieldList()} }
