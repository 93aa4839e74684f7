package aws

import (
	"encoding/json"
	"net/http"
	"strings"
)

// fieldError is one entry of a ValidationException's ErrorList.
type fieldError struct {
	FieldName string `json:"FieldName,omitempty"` // dotted path
	Message   string `json:"Message"`
	Code      string `json:"Code"`
}

// The model's ten validation codes.
const (
	codeRequired      = "REQUIRED_FIELD_MISSING"
	codeEnum          = "INVALID_ENUM_VALUE"
	codeFormat        = "INVALID_STRING_FORMAT"
	codeValue         = "INVALID_VALUE"
	codeTooFew        = "NOT_ENOUGH_VALUES"
	codeTooMany       = "TOO_MANY_VALUES"
	codeState         = "INVALID_RESOURCE_STATE"
	codeDuplicate     = "DUPLICATE_KEY_VALUE"
	codeRange         = "VALUE_OUT_OF_RANGE"
	codeNotPermitted  = "ACTION_NOT_PERMITTED"
	reasonRequest     = "REQUEST_VALIDATION_FAILED"
	reasonBusiness    = "BUSINESS_VALIDATION_FAILED"
	typeInternal      = "InternalServerException"
	typeThrottling    = "ThrottlingException"
	typeConflict      = "ConflictException"
	typeAccessDenied  = "AccessDeniedException"
	typeQuota         = "ServiceQuotaExceededException"
	typeNotFound      = "ResourceNotFoundException"
	typeValidation    = "ValidationException"
	typeUnknownOp     = "UnknownOperationException"
	typeSerialization = "SerializationException"
)

// fault is an error answer in AWS's words.
type fault struct {
	Status  int
	Type    string // without the namespace
	Message string
	Reason  string
	Fields  []fieldError
}

// Error gives the type, the message and the fields.
func (f *fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Type + ": " + f.Message)
	for _, e := range f.Fields {
		b.WriteString("; " + e.FieldName + " " + e.Code + " " + e.Message)
	}
	return b.String()
}

func (f *fault) body(namespace string) []byte {
	// Common errors of the front door carry "message", modelled ones "Message".
	out := map[string]any{"__type": f.Type, "message": f.Message}
	switch f.Type {
	case typeValidation, typeConflict, typeNotFound, typeThrottling, typeInternal, typeAccessDenied, typeQuota:
		out = map[string]any{"__type": namespace + "#" + f.Type, "Message": f.Message}
	}
	if f.Reason != "" {
		out["Reason"] = f.Reason
	}
	if len(f.Fields) > 0 {
		out["ErrorList"] = f.Fields
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return []byte(`{"__type":"InternalServerException"}`)
	}
	return raw
}

func invalidRequest(fields ...fieldError) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeValidation, Reason: reasonRequest, Message: "The request failed validation. See ErrorList.", Fields: fields}
}

func brokenRule(fields ...fieldError) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeValidation, Reason: reasonBusiness, Message: "The request failed business validation. See ErrorList.", Fields: fields}
}

func conflict(message string) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeConflict, Message: message}
}

func notFound(what, id string) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeNotFound, Message: what + " " + id + " was not found."}
}

func throttled(message string) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeThrottling, Message: message}
}

func internal() *fault {
	return &fault{Status: http.StatusInternalServerError, Type: typeInternal, Message: "An internal error occurred. Try again."}
}

func accessDenied(message string) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeAccessDenied, Message: message}
}

func quotaExceeded(message string) *fault {
	return &fault{Status: http.StatusBadRequest, Type: typeQuota, Message: message}
}
