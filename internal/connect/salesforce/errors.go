package salesforce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const (
	codeRequestLimit = "REQUEST_LIMIT_EXCEEDED"
	codeQueryLocator = "INVALID_QUERY_LOCATOR"
	codeRowLock      = "UNABLE_TO_LOCK_ROW"
	codeLimit        = "LIMIT_EXCEEDED"
	codeRedirect     = "REDIRECT"
	codeHTTP         = "HTTP_" // and the status, of an answer that is none of the API's

	opSignIn   = "oauth2/token"
	opVersions = "versions"

	// maxMessage keeps what a validation rule or a trigger says verbatim; the
	// longest seen are 128 KB (research/salesforce-gitlab.md, appendix C10).
	maxMessage = 128 << 10
)

// MatchesError is the cause of the conflict that Upsert reports when more than
// one record carries the external id.
type MatchesError struct {
	Object, Field, Value string
	IDs                  []string // 18 characters each
}

// Error names the records.
func (e *MatchesError) Error() string {
	return fmt.Sprintf("%d records of %s have %s = %q: %s", len(e.IDs), e.Object, e.Field, e.Value, strings.Join(e.IDs, ", "))
}

// Classify gives the retry class of a Salesforce error code, or of the HTTP
// status where the code is not in the list of research/salesforce-gitlab.md
// §1.3. STORAGE_LIMIT_EXCEEDED is for a human, as storage never frees itself.
func Classify(status int, code string) problem.Retry {
	switch code {
	case codeRowLock, "SERVER_UNAVAILABLE", codeQueryLocator, "UNKNOWN_EXCEPTION", "temporarily_unavailable", "server_error":
		return problem.RetrySoon
	case codeRequestLimit, "EXCEEDEDQUOTA", "QUERY_TIMEOUT", "login_rate_exceeded", "rate_limit_exceeded":
		return problem.RetryLater
	case "JOB_NOT_COMPLETE", "INTERNALSERVERERROR":
		return problem.RetrySoon
	case "INVALID_SESSION_ID":
		return problem.RetryReauth
	case "STORAGE_LIMIT_EXCEEDED":
		return problem.RetryHuman
	}
	switch {
	case status == 0, status >= 500, status == 408, status == 420, status == 429:
		return problem.RetrySoon
	case status == http.StatusUnauthorized:
		return problem.RetryReauth
	}
	return problem.RetryHuman
}

// ofConnection reports whether an error says nothing of what a call carried: the
// sign-in was refused, no API version fits, or something before Salesforce
// answered. It meets every record alike, and ends when the set-up is mended, so no
// record may be marked with it.
func ofConnection(err error) bool {
	r := problem.RemoteOf(err)
	if r == nil {
		return false
	}
	switch r.Operation {
	case opSignIn, opVersions:
		return true
	}
	// Too much or malformed is what a machine before Salesforce says of one call.
	ofContent := r.Status == http.StatusBadRequest || r.Status == http.StatusRequestEntityTooLarge
	return r.Code == codeRedirect || strings.HasPrefix(r.Code, codeHTTP) && !ofContent
}

// surelyRefused says whether an error answer proves that nothing was done: any
// 4xx, and the codes by which Salesforce itself (not a machine before it) says
// that it did not begin.
func surelyRefused(status int, code string) bool {
	switch code {
	case codeRowLock, "SERVER_UNAVAILABLE", codeRequestLimit:
		return true
	}
	return status >= 300 && status < 500 && status != http.StatusRequestTimeout
}

// apiError is one member of an error array; collections say statusCode where
// other calls say errorCode.
type apiError struct {
	ErrorCode  string   `json:"errorCode"`
	StatusCode string   `json:"statusCode"`
	Message    string   `json:"message"`
	Fields     []string `json:"fields"`
}

func (e apiError) code() string {
	if e.ErrorCode != "" {
		return e.ErrorCode
	}
	return e.StatusCode
}

// refusal turns an error answer of any shape into a typed error: an array of
// API errors, an OAuth object, a page of HTML or anything else.
func refusal(op string, ans *answer, now time.Time) *problem.Error {
	r := problem.Remote{
		System: system, Operation: op, Status: ans.status,
		RequestID: ans.header.Get("X-Request-Id"), RetryAfter: retryAfter(ans.header, now),
	}
	var list []apiError
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	body := bytes.TrimSpace(ans.body)
	switch {
	case json.Unmarshal(body, &list) == nil && len(list) > 0 && list[0].code() != "":
		return rowProblem(r, list)
	case json.Unmarshal(body, &oauth) == nil && oauth.Error != "":
		r.Code = oauth.Error
		r.Retry = Classify(ans.status, r.Code)
		if r.Retry == problem.RetryReauth {
			r.Retry = problem.RetryHuman // the sign-in itself was refused: another would be too
		}
		return problem.FromRemote(r, "Salesforce refused the sign-in: "+cut(oauth.Description), nil)
	case ans.status >= 300 && ans.status < 400:
		r.Code, r.Retry = codeRedirect, problem.RetryHuman
		return problem.FromRemote(r, "Salesforce sent "+op+" elsewhere ("+cut(ans.header.Get("Location"))+"): check that the address of your domain is right", nil)
	}
	r.Code = fmt.Sprint(codeHTTP, ans.status)
	r.Retry = Classify(ans.status, "")
	return problem.FromRemote(r, fmt.Sprintf("Salesforce answered %s with %s (HTTP %d %s)", op, shapeOf(ans), ans.status, http.StatusText(ans.status)), nil)
}

// rowProblem makes one error of a non-empty list: the first gives the code, all
// give their text.
func rowProblem(r problem.Remote, list []apiError) *problem.Error {
	r.Code = list[0].code()
	r.Retry = Classify(r.Status, r.Code)
	if r.Code == codeLimit && strings.Contains(list[0].Message, "per 24 hrs") {
		r.Retry = problem.RetryLater // the day's bulk jobs; the code says other limits, too
	}
	if r.Retry == problem.RetryLater && (r.Code == codeRequestLimit || r.Code == codeLimit) && r.RetryAfter == 0 {
		r.RetryAfter = recheck
		if strings.Contains(list[0].Message, "Concurrent") {
			r.RetryAfter = 30 * time.Second
		}
	}
	var texts []string
	var fields []problem.Field
	for _, e := range list {
		if t := strings.TrimSpace(e.Message); t != "" {
			texts = append(texts, t)
		}
		for _, f := range e.Fields {
			fields = append(fields, problem.Field{Field: f, Code: strings.ToLower(e.code()), Message: cut(e.Message)})
		}
	}
	err := problem.FromRemote(r, "Salesforce refused "+r.Operation+": "+cut(strings.Join(texts, "; ")), nil)
	err.Fields = fields
	return err
}

// garbage is a success whose body makes no sense.
func garbage(op string, ans *answer, what string) *problem.Error {
	return problem.FromRemote(
		problem.Remote{System: system, Operation: op, Code: "UNREADABLE_ANSWER", Status: ans.status, Retry: problem.RetrySoon},
		fmt.Sprintf("Salesforce answered %s with %s: %s", op, shapeOf(ans), what), nil)
}

// unsureGarbage is garbage after a write that may have been carried out.
func unsureGarbage(op string, ans *answer, what string) *problem.Error {
	err := garbage(op, ans, what)
	err.Remote.Retry = problem.RetryUnsure
	err.Code = "remote_" + string(problem.RetryUnsure)
	return err
}

// noAnswer is a call that got no whole answer.
func noAnswer(op string, err error) *problem.Error {
	code, text := "NO_ANSWER", "Salesforce could not be reached, or the connection broke, during "+op
	if errors.Is(err, context.DeadlineExceeded) {
		code, text = "TIMEOUT", "Salesforce did not answer "+op+" in time"
	}
	return problem.FromRemote(problem.Remote{System: system, Operation: op, Code: code, Retry: problem.RetrySoon}, text, err)
}

func shapeOf(ans *answer) string {
	body := bytes.TrimSpace(ans.body)
	switch {
	case len(body) == 0:
		return "an empty body"
	case body[0] == '<' || strings.Contains(ans.header.Get("Content-Type"), "html"):
		return "a web page instead of data"
	case json.Valid(body):
		return "JSON of another shape"
	}
	return "something that is no JSON"
}

// cut bounds a text and mends its UTF-8.
func cut(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
