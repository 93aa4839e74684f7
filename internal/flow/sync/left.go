package sync

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

// Left is what Salesforce has not got although nothing on its way will bring it
// there. The zero Left is that nothing is left.
type Left struct {
	Waiting int64  // records that wait for a write which was given up as a whole, or put off
	Refused int64  // records that Salesforce refused one by one
	Why     string // in Salesforce's words, of one of them
	// Passes says that the write is only put off: it is tried again by itself.
	Passes bool
}

// Total gives how many records are left.
func (l Left) Total() int64 { return l.Waiting + l.Refused }

// putOff is from when on a write that waits counts as put off.
const putOff = 10 * time.Second

// Left says what nothing but a person (or, if it Passes, a long wait) can bring to
// Salesforce now; ended is false while something still moves. Writes that were
// given up before since don't count: they are tried again. Needs read_operations.
func (s *Service) Left(ctx context.Context, client *jobs.Client, reviews bool, since time.Time) (left Left, ended bool, err error) {
	done, err := s.Settled(ctx, client, reviews)
	if err != nil {
		return Left{}, false, err
	}
	if !done {
		if left, err = s.givenUp(ctx, client, reviews, since); err != nil || left.Waiting == 0 {
			return Left{}, false, err
		}
	}
	refused, why, err := s.refused(ctx)
	left.Refused = refused
	if left.Why == "" {
		left.Why = why
	}
	return left, true, err
}

// givenUp looks in the order in which Settled does, and then at the last write.
func (s *Service) givenUp(ctx context.Context, client *jobs.Client, reviews bool, since time.Time) (Left, error) {
	now := s.Clock.Now()
	unfinished, err := client.Unfinished(ctx, []string{PullArgs{}.Kind(), PushArgs{}.Kind(), ReconcileArgs{}.Kind()}, now.Add(putOff))
	if err != nil || unfinished > 0 {
		return Left{}, err
	}
	moving, err := registration.CountUnsettled(ctx, s.DB, reviews)
	if err != nil || moving > 0 {
		return Left{}, err
	}
	waiting, err := s.Waiting(ctx)
	if err != nil || waiting == 0 {
		return Left{}, err
	}
	j, ok, err := client.Latest(ctx, PushArgs{}.Kind())
	if err != nil || !ok {
		return Left{}, err
	}
	left := Left{Waiting: waiting}
	switch {
	case (j.State == "cancelled" || j.State == "discarded") && j.FinalizedAt.After(since):
	case (j.State == "scheduled" || j.State == "retryable") && j.ScheduledAt.After(now.Add(putOff)):
		left.Passes = true
	default:
		return Left{}, nil
	}
	if n := len(j.Errors); n > 0 {
		left.Why = strings.TrimPrefix(j.Errors[n-1].Error, "JobCancelError: ")
		return left, nil
	}
	list, err := s.Connections.List(ctx) // a job that is put off keeps no error
	for _, c := range list {
		if c.ID == "salesforce" {
			left.Why = c.Error
		}
	}
	return left, err
}

func (s *Service) refused(ctx context.Context) (int64, string, error) {
	n, why, err := registration.Refused(ctx, s.DB)
	if err != nil {
		return 0, "", err
	}
	m, because, err := activity.Refused(ctx, s.DB)
	if why == "" {
		why = because
	}
	return n + m, why, err
}

// String says in words what is left.
func (l Left) String() string {
	n, what := l.Total(), "records"
	if n == 1 {
		what = "record"
	}
	return fmt.Sprintf("Salesforce has not got %d %s that Tandem has for it: %s", n, what, l.Why)
}
