package ui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// SignIn is the sign-in page (a whole page).
type SignIn struct {
	// Action receives POST with "email", "password" and "next".
	Action string
	Email  string
	// Next is where to go afterwards.
	Next string
	// Error says why it was refused, without telling which of the two was wrong.
	Error string
	// SingleSignOn are other ways in, as links.
	SingleSignOn []Button
	Environment  string
	Version      string
}

// Render writes the page.
func (s SignIn) Render(ctx context.Context, w io.Writer) error { return s.html().Render(ctx, w) }

// PortalText is what an outside system answered, verbatim.
type PortalText struct {
	System    string
	Operation string
	Code      string
	Status    int
	RequestID string
	Text      string
}

// ErrorPage says what went wrong, as the content of a page (Layout or Bare).
type ErrorPage struct {
	Status int
	// Title is what happened, in the person's words.
	Title string
	// Text says more, if there is more to say.
	Text string
	// Record is to which record it happened, and RecordHref where that is.
	Record     string
	RecordHref string
	// ToDo is what the person can do, one step a line.
	ToDo    []string
	Actions []Button
	Fields  []problem.Field
	// Reference is what support needs to find it in the log.
	Reference string
	Portal    *PortalText
}

// Render writes the content.
func (e ErrorPage) Render(ctx context.Context, w io.Writer) error { return e.html().Render(ctx, w) }

// ErrorOf makes the error page of an error. The text of an error that is no
// *problem.Error is not shown. Status is the HTTP status to answer with.
func ErrorOf(err error, reference string) ErrorPage {
	e := ErrorPage{Status: StatusOf(problem.KindOf(err)), Reference: reference}
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Kind == problem.KindInternal {
		e.Title = "Something went wrong on our side"
		e.Text = "Nothing you entered was changed by this page. The fault is in the log."
		e.ToDo = []string{"Try again in a moment.", "If it happens again, give your administrator the reference below."}
		return e
	}
	e.Title = p.Message
	e.Fields = p.Fields
	switch p.Kind {
	case problem.KindNotFound:
		e.ToDo = []string{"Check the address, or search for the record.", "If a colleague sent you the link, it may be a record that you may not see."}
	case problem.KindForbidden:
		e.ToDo = []string{"Ask the owner of the record or a Director to do it, or to give you access."}
	case problem.KindPrecondition, problem.KindConflict:
		e.ToDo = []string{"Open the record again and look at what changed.", "Then apply your change once more."}
	case problem.KindTooMany:
		e.ToDo = []string{"Wait a little and try again."}
		if p.RetryAfter > 0 {
			e.ToDo = []string{"Try again in " + p.RetryAfter.String() + "."}
		}
	case problem.KindUnavailable:
		e.ToDo = []string{"Try again in a minute.", "Connections shows which part is down."}
	case problem.KindRemote:
		e.ToDo = remoteToDo(p)
	}
	if r := p.Remote; r != nil {
		e.Portal = &PortalText{System: r.System, Operation: r.Operation, Code: r.Code, Status: r.Status, RequestID: r.RequestID}
		if p.Err != nil {
			e.Portal.Text = p.Err.Error()
		}
	}
	return e
}

func remoteToDo(p *problem.Error) []string {
	switch problem.RetryOf(p) {
	case problem.RetrySoon, problem.RetryLater:
		return []string{"Nothing: Tandem tries again by itself."}
	case problem.RetryReauth:
		return []string{"An administrator has to sign in to the system again under Connections."}
	case problem.RetryUnsure:
		return []string{"Nothing yet: Tandem looks whether it was done before it tries again."}
	}
	return []string{"Mend the record where the message points, then try again."}
}

// StatusOf is the HTTP status for a kind of problem.
func StatusOf(k problem.Kind) int {
	switch k {
	case problem.KindInvalid:
		return http.StatusUnprocessableEntity
	case problem.KindNotFound:
		return http.StatusNotFound
	case problem.KindConflict:
		return http.StatusConflict
	case problem.KindForbidden:
		return http.StatusForbidden
	case problem.KindUnauthorized:
		return http.StatusUnauthorized
	case problem.KindPrecondition:
		return http.StatusPreconditionFailed
	case problem.KindTooMany:
		return http.StatusTooManyRequests
	case problem.KindRemote:
		return http.StatusBadGateway
	case problem.KindUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (p PortalText) facts() []Fact {
	var out []Fact
	add := func(label, value string) {
		if value != "" {
			out = append(out, Fact{Label: label, Value: Text(value)})
		}
	}
	add("System", p.System)
	add("Call", p.Operation)
	add("Code", p.Code)
	if p.Status != 0 {
		add("HTTP status", strconv.Itoa(p.Status))
	}
	add("Request id", p.RequestID)
	return out
}
