package aws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/smithy-go"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// System is the name of AWS in problem.Remote.
const System = "aws"

// The service's own error codes, as they stand in problem.Remote.Code.
const (
	CodeAccessDenied   = "AccessDeniedException"
	CodeConflict       = "ConflictException"
	CodeInternalServer = "InternalServerException"
	CodeNotFound       = "ResourceNotFoundException"
	CodeQuotaExceeded  = "ServiceQuotaExceededException"
	CodeThrottling     = "ThrottlingException"
	CodeValidation     = "ValidationException"
)

// Codes of troubles that AWS did not name itself.
const (
	CodeNotReached  = "connection_failed"     // nothing was sent
	CodeNoAnswer    = "no_answer"             // sent, and no whole answer came
	CodeUnreadable  = "unreadable_answer"     // an answer that is not the service's
	CodeDailyQuota  = "daily_quota_reached"   // our own count of the 24-hour quota
	CodeInterrupted = "interrupted_by_caller" // the caller stopped before an answer came
)

// IsConflict reports whether AWS answered ConflictException: the opportunity
// changed since it was read, the association is already there, or the client
// token was used for another request.
func IsConflict(err error) bool { return hasCode(err, CodeConflict) }

// IsNotFound reports whether AWS answered that there is no such resource.
func IsNotFound(err error) bool { return hasCode(err, CodeNotFound) }

// IsValidation reports whether AWS refused the request's content; the problem's
// Fields carry AWS's list.
func IsValidation(err error) bool { return hasCode(err, CodeValidation) }

func hasCode(err error, code string) bool {
	r := problem.RemoteOf(err)
	return r != nil && r.System == System && r.Code == code
}

// retryOf gives the class of one of the service's codes.
func retryOf(code string, status int) problem.Retry {
	switch code {
	case CodeThrottling, CodeInternalServer, "RequestTimeoutException", "ServiceUnavailableException", "TooManyRequestsException":
		return problem.RetrySoon
	case CodeQuotaExceeded:
		return problem.RetryLater
	case "ExpiredTokenException", "ExpiredToken":
		return problem.RetryReauth
	}
	if status >= 500 || status == http.StatusTooManyRequests {
		return problem.RetrySoon
	}
	return problem.RetryHuman
}

// answerError turns what the protocol made of a refusal into a problem. body is
// what came, for answers that are not the service's own.
func answerError(op string, resp *http.Response, body []byte, err error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Status: resp.StatusCode, RequestID: requestID(resp.Header), RetryAfter: retryAfter(resp.Header)}
	var modelled *modelError
	var generic *smithy.GenericAPIError
	switch {
	case errors.As(err, &modelled):
		r.Code = modelled.code
		r.Retry = retryOf(r.Code, r.Status)
		p := problem.FromRemote(r, message(r.Code, modelled.Message), nil)
		if r.Code == CodeNotFound {
			p.Kind = problem.KindNotFound // right after a creation this passes (aws.md §1.7)
		}
		for _, item := range modelled.List {
			p.Fields = append(p.Fields, problem.Field{Field: item.FieldName, Code: item.Code, Message: item.Message})
		}
		return p
	case errors.As(err, &generic) && generic.Code != "UnknownError":
		r.Code = generic.Code
		r.Retry = retryOf(r.Code, r.Status)
		text := generic.Message
		if text == generic.Code {
			text = ""
		}
		return problem.FromRemote(r, message(r.Code, text), nil)
	}
	return unreadable(op, resp, body, nil)
}

func message(code, text string) string {
	lead := map[string]string{
		CodeAccessDenied:   "AWS does not let this account make the call",
		CodeConflict:       "AWS refused the call because of the record's present state",
		CodeInternalServer: "AWS had a fault of its own",
		CodeNotFound:       "AWS has no such record",
		CodeQuotaExceeded:  "The AWS account's quota is used up",
		CodeThrottling:     "AWS asks us to slow down",
		CodeValidation:     "AWS refused the content of the request",
	}[code]
	if lead == "" {
		lead = "AWS refused the call"
	}
	if text == "" {
		return lead
	}
	return lead + ": " + text
}

// unreadable is for answers that the service itself would not give: a proxy's
// page, a load balancer's, half a body.
func unreadable(op string, resp *http.Response, body []byte, cause error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeUnreadable, Status: resp.StatusCode, RequestID: requestID(resp.Header), RetryAfter: retryAfter(resp.Header), Retry: problem.RetryHuman}
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode < 300 {
		r.Retry = problem.RetrySoon
	}
	return problem.FromRemote(r, fmt.Sprintf("AWS, or something before it, answered HTTP %d with what is no answer of the service: %s", resp.StatusCode, firstBytes(body)), cause)
}

func firstBytes(body []byte) string {
	const most = 120
	text := strings.ToValidUTF8(string(body[:min(len(body), most)]), "�")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if text == "" {
		return "an empty body"
	}
	if len(body) > most {
		text += "…"
	}
	return strconv.Quote(text)
}

// transportError is for calls that got no whole answer.
func transportError(op string, err error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeNoAnswer, Retry: problem.RetrySoon}
	text := "AWS gave no whole answer"
	if neverSent(err) {
		r.Code, text = CodeNotReached, "AWS could not be reached; nothing was sent"
	}
	return problem.FromRemote(r, text, err)
}

// notActed reports whether the call certainly changed nothing at AWS, so that any
// write may be repeated: AWS's own word that it was throttled, or a call that did
// not leave this machine.
func notActed(p *problem.Error) bool {
	return p.Remote != nil && (p.Remote.Code == CodeThrottling || p.Remote.Code == CodeNotReached)
}

// neverSent reports whether the request certainly did not leave this machine.
func neverSent(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns != nil {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok
}

func requestID(h http.Header) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Amz-Request-Id", "X-Amz-Id-2"} {
		if v := h.Get(name); v != "" {
			return v
		}
	}
	return ""
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, time.Hour)
}
