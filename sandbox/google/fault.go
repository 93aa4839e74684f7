package google

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// code is a status of google.rpc.Code with the HTTP status that it is sent with.
type code struct {
	name string
	http int
	rpc  codes.Code
}

var (
	codeInvalid         = code{"INVALID_ARGUMENT", http.StatusBadRequest, codes.InvalidArgument}
	codeUnauthenticated = code{"UNAUTHENTICATED", http.StatusUnauthorized, codes.Unauthenticated}
	codePermission      = code{"PERMISSION_DENIED", http.StatusForbidden, codes.PermissionDenied}
	codeNotFound        = code{"NOT_FOUND", http.StatusNotFound, codes.NotFound}
	codeExists          = code{"ALREADY_EXISTS", http.StatusConflict, codes.AlreadyExists}
	codeAborted         = code{"ABORTED", http.StatusConflict, codes.Aborted}
	codeExhausted       = code{"RESOURCE_EXHAUSTED", http.StatusTooManyRequests, codes.ResourceExhausted}
	codeUnavailable     = code{"UNAVAILABLE", http.StatusServiceUnavailable, codes.Unavailable}
	codeInternal        = code{"INTERNAL", http.StatusInternalServerError, codes.Internal}
	codeUnimplemented   = code{"UNIMPLEMENTED", http.StatusNotImplemented, codes.Unimplemented}
)

const typePrefix = "type.googleapis.com/google.rpc."

// violation is one entry of a google.rpc.BadRequest.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

// fault is an error answer: a google.rpc.Status.
type fault struct {
	code    code
	message string
	details []map[string]any
}

func refuse(c code, message string) *fault { return &fault{code: c, message: message} }

// Error gives the status and the message.
func (f *fault) Error() string { return f.code.name + ": " + f.message }

// info adds a google.rpc.ErrorInfo.
func (f *fault) info(reason string) *fault {
	f.details = append(f.details, map[string]any{"@type": typePrefix + "ErrorInfo", "reason": reason, "domain": "googleapis.com"})
	return f
}

// invalid is an INVALID_ARGUMENT that names the fields.
func invalid(list ...violation) *fault {
	f := refuse(codeInvalid, "Request contains an invalid argument.")
	if len(list) == 1 {
		f.message = list[0].Field + ": " + list[0].Description
	}
	f.details = append(f.details, map[string]any{"@type": typePrefix + "BadRequest", "fieldViolations": list})
	return f
}

// throttled says after how long to come again.
func throttled(after time.Duration) *fault {
	f := refuse(codeExhausted, "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service 'cloudchannel.googleapis.com'.").info("RATE_LIMIT_EXCEEDED")
	f.details = append(f.details, map[string]any{"@type": typePrefix + "RetryInfo", "retryDelay": strconv.FormatFloat(after.Seconds(), 'f', -1, 64) + "s"})
	return f
}

func internal() *fault { return refuse(codeInternal, "Internal error encountered.") }

// encode gives the status and body of an answer; f is nil when all went well.
func (f *fault) encode(out any) (int, []byte) {
	if f == nil {
		raw, err := json.Marshal(out)
		if err == nil {
			return http.StatusOK, raw
		}
		f = internal()
	}
	body := map[string]any{"code": f.code.http, "message": f.message, "status": f.code.name}
	if len(f.details) > 0 {
		body["details"] = f.details
	}
	raw, err := json.Marshal(map[string]any{"error": body})
	if err != nil {
		return http.StatusInternalServerError, []byte(`{"error":{"code":500,"message":"Internal error encountered.","status":"INTERNAL"}}`)
	}
	return f.code.http, raw
}

// rpcError gives a fault as gRPC has it; nil for nil.
func (f *fault) rpcError() error {
	if f == nil {
		return nil
	}
	return status.Error(f.code.rpc, f.message)
}
