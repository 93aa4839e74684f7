package google

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// System is the name of Google in problem.Remote.
const System = "google"

// Google's own status codes, as they stand in problem.Remote.Code.
const (
	CodeInvalid     = "INVALID_ARGUMENT"
	CodeNotFound    = "NOT_FOUND"
	CodePermission  = "PERMISSION_DENIED"
	CodeAborted     = "ABORTED"
	CodeExhausted   = "RESOURCE_EXHAUSTED"
	CodeUnavailable = "UNAVAILABLE"
)

// Codes of troubles that Google did not name itself.
const (
	CodeNotReached = "connection_failed" // nothing was sent
	CodeNoAnswer   = "no_answer"         // sent, and no whole answer came
	CodeUnreadable = "unreadable_answer"
)

// shortWait is the longest wait that counts as a passing fault.
const shortWait = 2 * time.Minute

// answerError reads a refusal (google.rpc.Status, AIP-193). wrote says that the call
// may have acted unless Google says otherwise.
func answerError(op string, resp *http.Response, body []byte, wrote bool) *problem.Error {
	var in struct {
		Error struct {
			Message string `json:"message"`
			Status  string `json:"status"`
			Details []struct {
				Reason          string `json:"reason"`
				RetryDelay      string `json:"retryDelay"`
				FieldViolations []struct {
					Field       string `json:"field"`
					Description string `json:"description"`
				} `json:"fieldViolations"`
			} `json:"details"`
		} `json:"error"`
	}
	r := problem.Remote{System: System, Operation: op, Status: resp.StatusCode, RequestID: resp.Header.Get("X-Goog-Request-Id")}
	if err := json.Unmarshal(body, &in); err != nil || in.Error.Status == "" {
		r.Code, r.Retry = CodeUnreadable, problem.RetryHuman
		if resp.StatusCode >= 500 || resp.StatusCode < 300 {
			r.Retry = passing(wrote)
		}
		return problem.FromRemote(r, fmt.Sprintf("Google, or something before it, answered HTTP %d with what is no answer of the service", resp.StatusCode), err)
	}
	r.Code = in.Error.Status
	var fields []problem.Field
	for _, d := range in.Error.Details {
		if wait, err := time.ParseDuration(d.RetryDelay); err == nil && wait > 0 {
			r.RetryAfter = min(wait, 24*time.Hour)
		}
		for _, v := range d.FieldViolations {
			fields = append(fields, problem.Field{Field: v.Field, Code: "refused", Message: v.Description})
		}
	}
	r.Retry = retryOf(r, wrote)
	p := problem.FromRemote(r, message(r.Code, in.Error.Message), nil)
	p.Fields = fields
	if r.Code == CodeNotFound {
		p.Kind = problem.KindNotFound
	}
	return p
}

// passing is the class of a fault that passes by itself.
func passing(wrote bool) problem.Retry {
	if wrote {
		return problem.RetryUnsure
	}
	return problem.RetrySoon
}

func retryOf(r problem.Remote, wrote bool) problem.Retry {
	switch {
	case r.Status == http.StatusUnauthorized:
		return problem.RetryReauth
	case r.Code == CodeExhausted && r.RetryAfter > shortWait:
		return problem.RetryLater
	case r.Code == CodeExhausted:
		return problem.RetrySoon // Google says that it did nothing
	case r.Status >= 500:
		return passing(wrote)
	}
	return problem.RetryHuman
}

func message(code, text string) string {
	lead := map[string]string{
		CodeInvalid:     "Google refused the content of the request",
		CodePermission:  "Google does not let us make the call: the API is open to listed partners only, and the service account needs the role Integrator in the Partner Network Hub",
		CodeNotFound:    "Google has no such opportunity, or took us off it",
		CodeAborted:     "Google refused the change because the opportunity changed meanwhile",
		CodeExhausted:   "Google asks us to slow down",
		CodeUnavailable: "Google had a fault of its own",
	}[code]
	if lead == "" {
		lead = "Google refused the call"
	}
	if text == "" {
		return lead
	}
	return lead + ": " + text
}

// transportError is for calls that got no whole answer.
func transportError(op string, err error, wrote bool) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeNoAnswer, Retry: passing(wrote)}
	text := "Google gave no whole answer"
	if neverSent(err) {
		r.Code, r.Retry, text = CodeNotReached, problem.RetrySoon, "Google could not be reached; nothing was sent"
	}
	return problem.FromRemote(r, text, err)
}

// neverSent reports whether the request certainly did not leave this machine.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

func hasCode(err error, code string) bool {
	r := problem.RemoteOf(err)
	return r != nil && r.System == System && r.Code == code
}

// tokenError reads a refusal of the token endpoint (RFC 6749 §5.2).
func tokenError(resp *http.Response, body []byte) *problem.Error {
	var in struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	r := problem.Remote{System: System, Operation: opToken, Status: resp.StatusCode, Code: CodeUnreadable, Retry: problem.RetryHuman}
	if json.Unmarshal(body, &in) == nil && in.Error != "" {
		r.Code = in.Error
	}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode < 300 {
		r.Retry = problem.RetrySoon
	}
	text := "Google does not sign the service account in"
	if in.Description != "" {
		text += ": " + strings.TrimSuffix(in.Description, ".")
	}
	return problem.FromRemote(r, text, nil)
}
