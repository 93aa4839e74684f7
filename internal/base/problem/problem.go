// Package problem answers "what went wrong, to what, and what should happen
// now": the one error vocabulary of Tandem. Every floor returns these kinds;
// each edge (page, API, command, job) maps a kind once.
package problem

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Kind says what class of trouble an error is; each edge maps it to its own
// answer (HTTP status, exit code, job action).
type Kind string

// The kinds. KindInternal is what any error that is no *Error counts as; its
// text never reaches a user.
const (
	KindInvalid      Kind = "invalid"      // the input is wrong; Fields says where
	KindNotFound     Kind = "not_found"    // no such record, or not one the person may see
	KindConflict     Kind = "conflict"     // it exists already, or is in a state that forbids this
	KindForbidden    Kind = "forbidden"    // the person may not do this
	KindUnauthorized Kind = "unauthorized" // nobody is signed in
	KindPrecondition Kind = "precondition" // the record changed since it was read
	KindTooMany      Kind = "too_many"     // throttled; RetryAfter says for how long
	KindRemote       Kind = "remote"       // an outside system refused or broke; see Remote
	KindUnavailable  Kind = "unavailable"  // a part of Tandem or a machine below it is down
	KindInternal     Kind = "internal"
)

// Retry says what an automatic caller should do with a remote error.
type Retry string

// The retry classes of outside systems (research/salesforce-gitlab.md §1.3).
const (
	RetrySoon   Retry = "soon"    // a passing fault: again with back-off
	RetryLater  Retry = "later"   // a budget is used up: again when it refills
	RetryReauth Retry = "reauth"  // the session ended: sign in once, then again
	RetryHuman  Retry = "human"   // a person has to mend the record or the set-up
	RetryUnsure Retry = "unknown" // the call may have acted: look before repeating
)

// Field is one wrong input.
type Field struct {
	Field   string `json:"field"`           // dotted path in the caller's words
	Code    string `json:"code"`            // stable, lower_snake
	Message string `json:"message"`         // what is wrong and how to mend it
	Value   string `json:"value,omitempty"` // what was found, if it may be shown
}

// Remote describes the answer of an outside system.
type Remote struct {
	System     string        `json:"system"`    // "salesforce", "aws", …
	Operation  string        `json:"operation"` // the system's own name of the call
	Code       string        `json:"code"`      // the system's own code, verbatim
	Status     int           `json:"status"`    // HTTP status, 0 when no answer came
	RequestID  string        `json:"request_id,omitempty"`
	Retry      Retry         `json:"retry"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

// Error is the one error type. Code is stable and lower_snake; Message is for
// people; Err, if set, is the cause.
type Error struct {
	Kind       Kind
	Code       string
	Message    string
	Fields     []Field
	Remote     *Remote
	RetryAfter time.Duration
	Err        error
}

// Error gives the message, then the fields, then the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Message == "" {
		b.WriteString(e.Code)
	}
	for i, f := range e.Fields {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(f.Field + ": " + f.Message)
	}
	if e.Remote != nil {
		fmt.Fprintf(&b, " (%s %s: %s", e.Remote.System, e.Remote.Operation, e.Remote.Code)
		if e.Remote.Status != 0 {
			fmt.Fprintf(&b, ", HTTP %d", e.Remote.Status)
		}
		if e.Remote.RequestID != "" {
			b.WriteString(", request " + e.Remote.RequestID)
		}
		b.WriteString(")")
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Invalid is a single wrong field.
func Invalid(field, code, message string) *Error {
	return &Error{Kind: KindInvalid, Code: code, Message: "The input is not valid", Fields: []Field{{Field: field, Code: code, Message: message}}}
}

// NotFound says that noun (such as "opportunity") with the given id is not there.
func NotFound(noun, id string) *Error {
	return &Error{Kind: KindNotFound, Code: noun + "_not_found", Message: fmt.Sprintf("There is no %s %q", noun, id)}
}

// Conflict says that the record's state forbids the act.
func Conflict(code, message string) *Error {
	return &Error{Kind: KindConflict, Code: code, Message: message}
}

// Forbidden says that the person may not do it.
func Forbidden(code, message string) *Error {
	return &Error{Kind: KindForbidden, Code: code, Message: message}
}

// Unauthorized says that nobody is signed in, or not well enough.
func Unauthorized(code, message string) *Error {
	return &Error{Kind: KindUnauthorized, Code: code, Message: message}
}

// Precondition says that the record changed since the caller read it.
func Precondition(noun, id string) *Error {
	return &Error{Kind: KindPrecondition, Code: "stale_version", Message: fmt.Sprintf("The %s %s was changed by someone else since you opened it: reload it and apply your change again", noun, id)}
}

// TooMany says that the caller must wait.
func TooMany(code, message string, after time.Duration) *Error {
	return &Error{Kind: KindTooMany, Code: code, Message: message, RetryAfter: after}
}

// Unavailable says that something Tandem needs is down.
func Unavailable(code, message string, err error) *Error {
	return &Error{Kind: KindUnavailable, Code: code, Message: message, Err: err}
}

// FromRemote wraps an outside system's refusal.
func FromRemote(r Remote, message string, err error) *Error {
	return &Error{Kind: KindRemote, Code: "remote_" + string(r.Retry), Message: message, Remote: &r, RetryAfter: r.RetryAfter, Err: err}
}

// KindOf gives the kind of the first *Error in err's chain, else KindInternal;
// "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// Is reports whether err is of kind k.
func Is(err error, k Kind) bool { return KindOf(err) == k }

// RemoteOf gives the remote part of err, or nil.
func RemoteOf(err error) *Remote {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Remote
	}
	return nil
}

// RetryOf gives the retry class of err: that of its remote part, RetrySoon for
// an unavailable part of Tandem, RetryHuman otherwise.
func RetryOf(err error) Retry {
	if r := RemoteOf(err); r != nil {
		return r.Retry
	}
	switch KindOf(err) {
	case KindUnavailable, KindTooMany, KindPrecondition, KindInternal:
		return RetrySoon
	}
	return RetryHuman
}

// List collects wrong fields, so that a person sees all of them at once.
type List []Field

// Add appends a wrong field.
func (l *List) Add(field, code, message string) {
	*l = append(*l, Field{Field: field, Code: code, Message: message})
}

// Err gives nil when nothing was wrong, else one KindInvalid error with the
// fields in order of their path.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	fields := append([]Field(nil), l...)
	sort.SliceStable(fields, func(i, j int) bool { return fields[i].Field < fields[j].Field })
	return &Error{Kind: KindInvalid, Code: "invalid_input", Message: "The input is not valid", Fields: fields}
}
