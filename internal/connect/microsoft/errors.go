package microsoft

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// System is the name of Microsoft in problem.Remote.
const System = "azure"

// Codes of troubles that Microsoft did not name itself.
const (
	CodeNotReached  = "connection_failed"     // nothing was sent
	CodeNoAnswer    = "no_answer"             // sent, and no whole answer came
	CodeUnreadable  = "unreadable_answer"     // an answer that is not the service's
	CodeInterrupted = "interrupted_by_caller" // the caller stopped before anything was sent
	CodeUnsettled   = "unsettled_create"      // an earlier create may still come to light
)

// The token server's code for a sign-in that has ended.
const codeInvalidGrant = "invalid_grant"

// IsNotFound reports whether Microsoft answered that there is no such record.
func IsNotFound(err error) bool { return problem.Is(err, problem.KindNotFound) }

// refusal is what an answer that is no success says, in either form of the service:
// the gateway's {"error":{…}}, or {"code","description"} of the other Partner
// Center APIs.
type refusal struct {
	code, message, target string
}

func readRefusal(body []byte) (refusal, bool) {
	var in struct {
		Error       json.RawMessage `json:"error"`
		Code        json.RawMessage `json:"code"`
		Description string          `json:"description"`
		OAuth       string          `json:"error_description"`
	}
	if json.Unmarshal(body, &in) != nil {
		return refusal{}, false
	}
	var gateway struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Target  string `json:"target"`
	}
	var oauth string
	switch {
	case json.Unmarshal(in.Error, &gateway) == nil && gateway.Code != "":
		return refusal{gateway.Code, gateway.Message, gateway.Target}, true
	case json.Unmarshal(in.Error, &oauth) == nil && oauth != "":
		return refusal{code: oauth, message: in.OAuth}, true
	case len(in.Code) > 0:
		return refusal{code: strings.Trim(string(in.Code), `"`), message: in.Description}, true
	}
	return refusal{}, false
}

// answerError turns an answer that is no success into a problem.
func answerError(op string, resp *http.Response, body []byte, now time.Time) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Status: resp.StatusCode, RequestID: resp.Header.Get("Request-Id"), RetryAfter: retryAfter(resp.Header, now), Retry: retryOf(resp.StatusCode)}
	said, ok := readRefusal(body)
	if !ok {
		r.Code = CodeUnreadable
		return problem.FromRemote(r, fmt.Sprintf("Microsoft, or something before it, answered HTTP %d with what is no answer of the service: %s", resp.StatusCode, firstBytes(body)), nil)
	}
	r.Code = said.code
	text := lead(resp.StatusCode)
	if said.message != "" {
		text += ": " + said.message
	}
	p := problem.FromRemote(r, text, nil)
	switch resp.StatusCode {
	case http.StatusNotFound:
		p.Kind = problem.KindNotFound
	case http.StatusPreconditionFailed:
		p.Kind = problem.KindPrecondition
	}
	if said.target != "" && r.Retry == problem.RetryHuman {
		p.Fields = []problem.Field{{Field: dotted(said.target), Code: said.code, Message: said.message}}
	}
	return p
}

// dotted gives our path of what a refusal names: it may be a pointer.
func dotted(target string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(target, "/"), "/-"), "/", ".")
}

func retryOf(status int) problem.Retry {
	switch {
	case status == http.StatusUnauthorized:
		return problem.RetryReauth
	case status == http.StatusTooManyRequests, status == http.StatusPreconditionFailed, status >= 500:
		return problem.RetrySoon
	}
	return problem.RetryHuman
}

func lead(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "Microsoft does not accept the sign-in"
	case status == http.StatusForbidden:
		return "Microsoft does not let this user make the call"
	case status == http.StatusNotFound:
		return "Microsoft has no such record"
	case status == http.StatusPreconditionFailed:
		return "Microsoft's record changed since it was read"
	case status == http.StatusTooManyRequests:
		return "Microsoft asks us to slow down"
	case status >= 500:
		return "Microsoft had a fault of its own"
	}
	return "Microsoft refused the content of the request"
}

// unreadable is for a success whose body is not what the service answers.
func unreadable(op string, resp *http.Response, body []byte, cause error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeUnreadable, Status: resp.StatusCode, RequestID: resp.Header.Get("Request-Id"), Retry: problem.RetrySoon}
	return problem.FromRemote(r, "Microsoft's answer cannot be read: "+firstBytes(body), cause)
}

// transportError is for calls that got no whole answer.
func transportError(op string, err error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeNoAnswer, Retry: problem.RetrySoon}
	text := "Microsoft gave no whole answer"
	if neverSent(err) {
		r.Code, text = CodeNotReached, "Microsoft could not be reached; nothing was sent"
	}
	return problem.FromRemote(r, text, err)
}

// neverSent reports whether the request certainly did not leave this machine.
func neverSent(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns != nil {
		return true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// notActed reports whether a refused write certainly changed nothing, so that it may
// be repeated: Microsoft counted it as one too many, did not accept the token, or it
// never left.
func notActed(p *problem.Error) bool {
	r := p.Remote
	return r.Code == CodeNotReached || r.Status == http.StatusTooManyRequests || r.Status == http.StatusUnauthorized
}

// unsure marks a failed write that may have acted all the same.
func unsure(p *problem.Error) *problem.Error {
	if p.Remote.Retry != problem.RetrySoon || p.Kind != problem.KindRemote {
		return p
	}
	remote := *p.Remote
	remote.Retry = problem.RetryUnsure
	return problem.FromRemote(remote, p.Message+"; it may have been done all the same: look before repeating", p.Err)
}

func interrupted(op string, err error) *problem.Error {
	r := problem.Remote{System: System, Operation: op, Code: CodeInterrupted, Retry: problem.RetryLater}
	return problem.FromRemote(r, "The call was stopped before anything was sent", err)
}

// retryAfter reads the header in both of its forms, at most an hour.
func retryAfter(h http.Header, now time.Time) time.Duration {
	s := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(s); err == nil && seconds >= 0 {
		return min(time.Duration(min(seconds, 3600))*time.Second, time.Hour)
	}
	if at, err := http.ParseTime(s); err == nil {
		return min(max(at.Sub(now), 0), time.Hour)
	}
	return 0
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
