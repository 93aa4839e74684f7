package connection

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

func each(t *testing.T, test func(ctx context.Context, t *testing.T, s *Service, c *clock.Fake)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		c := clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
		ctx := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelABDM})
		test(ctx, t, NewService(d, c), c)
	})
}

func remote(r problem.Retry) error {
	return problem.FromRemote(problem.Remote{System: "aws", Operation: "Ping", Code: "AccessDenied", Retry: r}, "no", nil)
}

func TestHealthFollowsTheLastCall(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *Service, c *clock.Fake) {
		report := func(r Report) Connection {
			t.Helper()
			c.Advance(time.Minute)
			r.ID = "aws"
			if err := s.Report(ctx, r); err != nil {
				t.Fatal(err)
			}
			list, err := s.List(ctx)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0]
		}
		got := report(Report{Detail: "host", Synced: true, Records: 5, Usage: []Usage{{Name: "Reads", Used: 1, Limit: 2}}})
		synced := c.Now()
		if got.Status != StatusHealthy || got.Detail != "host" || got.Records != 5 || !got.SyncedAt.Equal(synced) || !got.CheckedAt.Equal(synced) || !got.FailedAt.IsZero() {
			t.Fatalf("%+v", got)
		}
		got = report(Report{Err: remote(problem.RetrySoon)})
		if got.Status != StatusDegraded || got.ErrorCode != "AccessDenied" || got.Detail != "host" || got.Records != 5 || !got.SyncedAt.Equal(synced) || !got.FailedAt.Equal(c.Now()) || len(got.Usage.V) != 1 {
			t.Fatalf("a passing error loses what was known: %+v", got)
		}
		failed := c.Now()
		if got = report(Report{Err: remote(problem.RetryHuman)}); got.Status != StatusDown {
			t.Fatalf("%+v", got)
		}
		if got = report(Report{Err: errors.New("plain")}); got.Status != StatusDegraded || got.ErrorCode != "" {
			t.Fatalf("%+v", got)
		}
		failed = failed.Add(2 * time.Minute)
		if got = report(Report{}); got.Status != StatusHealthy || got.Error != "" || !got.FailedAt.Equal(failed) {
			t.Fatalf("%+v", got)
		}
		if got = report(Report{Absent: true}); got.Status != StatusNotConnected || got.Detail != "" || !got.SyncedAt.IsZero() {
			t.Fatalf("%+v", got)
		}
	})
}

func TestSalesforceStandsFirstAndUsageChangesNothingElse(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *Service, c *clock.Fake) {
		for _, id := range []string{"gcp", "azure", "aws", "salesforce"} {
			if err := s.Report(ctx, Report{ID: id, Detail: "d"}); err != nil {
				t.Fatal(err)
			}
		}
		before, err := s.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var order []string
		for _, x := range before {
			order = append(order, x.ID)
			if x.Label() == x.ID || x.Status.Label() == "" {
				t.Errorf("%s has no name", x.ID)
			}
		}
		if diff := cmp.Diff([]string{"salesforce", "aws", "azure", "gcp"}, order); diff != "" {
			t.Fatal(diff)
		}
		usage := []Usage{{Name: "Reads", Used: 7, Limit: 10, Source: "AWS"}}
		for _, id := range []string{"aws", "nobody"} {
			if err := s.Usage(ctx, id, usage); err != nil {
				t.Fatal(err)
			}
		}
		after, err := s.List(ctx)
		before[1].Usage = db.NewJSON(usage)
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			t.Fatal(diff, err)
		}
	})
}
