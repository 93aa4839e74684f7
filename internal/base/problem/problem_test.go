package problem

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTheKindIsFoundThroughWrapping(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		kind Kind
	}{
		{nil, ""},
		{errors.New("x"), KindInternal},
		{Invalid("a", "b", "c"), KindInvalid},
		{NotFound("deal", "1"), KindNotFound},
		{Conflict("a", "b"), KindConflict},
		{Forbidden("a", "b"), KindForbidden},
		{Unauthorized("a", "b"), KindUnauthorized},
		{Precondition("deal", "1"), KindPrecondition},
		{TooMany("a", "b", time.Second), KindTooMany},
		{Unavailable("a", "b", nil), KindUnavailable},
		{FromRemote(Remote{System: "aws", Retry: RetrySoon}, "b", nil), KindRemote},
	} {
		wrapped := c.err
		if wrapped != nil {
			wrapped = fmt.Errorf("more: %w", fmt.Errorf("and more: %w", c.err))
		}
		if KindOf(c.err) != c.kind || KindOf(wrapped) != c.kind || !Is(wrapped, c.kind) {
			t.Errorf("%v is %q, wrapped %q, want %q", c.err, KindOf(c.err), KindOf(wrapped), c.kind)
		}
	}
}

func TestTheRetryClassFollowsTheKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want Retry
	}{
		{FromRemote(Remote{Retry: RetryUnsure}, "x", nil), RetryUnsure},
		{fmt.Errorf("more: %w", FromRemote(Remote{Retry: RetryLater}, "x", nil)), RetryLater},
		{Unavailable("a", "b", nil), RetrySoon},
		{TooMany("a", "b", 0), RetrySoon},
		{Precondition("deal", "1"), RetrySoon},
		{errors.New("x"), RetrySoon},
		{Invalid("a", "b", "c"), RetryHuman},
		{Conflict("a", "b"), RetryHuman},
		{NotFound("a", "b"), RetryHuman},
		{Forbidden("a", "b"), RetryHuman},
	} {
		if got := RetryOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestTheMessageSaysWhatWhereAndWhy(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection reset")
	err := FromRemote(Remote{System: "aws", Operation: "GetOpportunity", Code: "ThrottlingException", Status: 429, RequestID: "r-1", Retry: RetrySoon}, "AWS asks us to slow down", cause)
	err.Fields = []Field{{Field: "a.b", Message: "too long"}, {Field: "c", Message: "missing"}}
	want := "AWS asks us to slow down: a.b: too long; c: missing (aws GetOpportunity: ThrottlingException, HTTP 429, request r-1): connection reset"
	if err.Error() != want {
		t.Errorf("%s\nwant\n%s", err, want)
	}
	if !errors.Is(err, cause) || RemoteOf(err) == nil || RemoteOf(cause) != nil {
		t.Error("the cause is lost")
	}
	if got := (&Error{Code: "bare"}).Error(); got != "bare" {
		t.Error(got)
	}
}

func TestAListGivesEveryWrongFieldInOrder(t *testing.T) {
	t.Parallel()
	var l List
	if l.Err() != nil {
		t.Fatal("nothing wrong is an error")
	}
	l.Add("b", "x", "2")
	l.Add("a", "x", "1")
	l.Add("b", "y", "3")
	err := l.Err()
	if !Is(err, KindInvalid) || !strings.HasSuffix(err.Error(), ": a: 1; b: 2; b: 3") || l[0].Field != "b" {
		t.Fatal(err, l)
	}
}
