package connection

import (
	"context"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func TestOneWorkerFollowsAtATime(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *Service, c *clock.Fake) {
		lease := func(holder string) (Stream, bool) {
			t.Helper()
			st, ok, err := s.Lease(ctx, holder, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			return st, ok
		}
		if _, ok := lease("a"); !ok {
			t.Fatal("the first is refused")
		}
		if err := s.StreamGoes(ctx, "a", StreamStreaming, "", false); err != nil {
			t.Fatal(err)
		}
		if st, ok := lease("b"); ok || !st.Live(c.Now()) {
			t.Fatalf("a second one beside it: %v %+v", ok, st)
		}
		c.Advance(20 * time.Second)
		if _, ok := lease("a"); !ok {
			t.Fatal("a lease is not renewed")
		}
		c.Advance(20 * time.Second)
		if _, ok := lease("b"); ok {
			t.Fatal("a renewed lease ended")
		}
		if err := s.Took(ctx, "a", Batch{Position: "01", Changes: []Change{{At: c.Now()}}}); err != nil {
			t.Fatal(err)
		}
		c.Advance(31 * time.Second)
		st, ok := lease("b")
		if !ok || st.Position != "01" || st.Events != 1 {
			t.Fatalf("the next one goes on where the first was: %v %+v", ok, st)
		}
		for name, err := range map[string]error{
			"take": s.Took(ctx, "a", Batch{Position: "00"}), "say how it goes": s.StreamGoes(ctx, "a", StreamBroken, "x", true),
		} {
			if !problem.Is(err, problem.KindConflict) {
				t.Errorf("a worker that lost its lease may still %s: %v", name, err)
			}
		}
		if err := s.Release(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		if _, ok := lease("c"); ok {
			t.Error("who does not hold the lease released it")
		}
		if err := s.Release(ctx, "b"); err != nil {
			t.Fatal(err)
		}
		if st, ok := lease("c"); !ok || st.Live(c.Now()) || st.Position != "01" {
			t.Errorf("after a release: %v %+v", ok, st)
		}
	})
}

func TestAStreamSaysHowItGoes(t *testing.T) {
	each(t, func(ctx context.Context, t *testing.T, s *Service, c *clock.Fake) {
		look := func() Stream {
			t.Helper()
			st, err := s.Stream(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		if st := look(); st.State != StreamOff || st.Live(c.Now()) {
			t.Fatalf("at first %+v", st)
		}
		if _, _, err := s.Lease(ctx, "a", time.Minute); err != nil {
			t.Fatal(err)
		}
		begun := c.Now()
		for _, state := range []StreamState{StreamStreaming, StreamStreaming} {
			if err := s.StreamGoes(ctx, "a", state, "", false); err != nil {
				t.Fatal(err)
			}
			c.Advance(time.Second)
		}
		at := c.Now().Add(-time.Minute)
		if err := s.Took(ctx, "a", Batch{Position: "0a", Changes: []Change{{At: at}, {At: at.Add(-time.Hour), Gap: true}}}); err != nil {
			t.Fatal(err)
		}
		if st := look(); !st.Since.Equal(begun) || !st.EventAt.Equal(at) || !st.PositionedAt.Equal(c.Now()) || st.Events != 2 || st.Gaps != 1 {
			t.Errorf("streaming %+v", st)
		}
		if err := s.StreamGoes(ctx, "a", StreamBroken, "why", true); err != nil {
			t.Fatal(err)
		}
		if st := look(); st.Position != "" || st.Lost != 1 || st.Reason != "why" || st.State != StreamBroken {
			t.Errorf("a lost position %+v", st)
		}
		if _, err := s.Stream(authz.With(ctx, authz.Actor{})); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("who may not is told: %v", err)
		}
	})
}
