package aws

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
)

// paced is a class on a clock that sleeping moves.
func paced(perSecond float64, perDay int, longest time.Duration) (*class, *clock.Fake) {
	now := clock.NewFake(testNow)
	cfg := &Config{Clock: now, Pace: now, LongestWait: longest, Limits: Limits{Reserved: 0.05}, Sleep: func(_ context.Context, d time.Duration) error {
		now.Advance(d)
		return nil
	}}
	return newClass(perSecond, perDay, cfg), now
}

func TestCallsNeverExceedTheRateFromTheFirstSecondOn(t *testing.T) {
	t.Parallel()
	c, now := paced(2, 1000, time.Minute)
	var at []time.Time
	for range 20 {
		if refused, err := c.take(t.Context(), false); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
		at = append(at, now.Now())
	}
	if at[0].Before(testNow.Add(500 * time.Millisecond)) {
		t.Error("the first call used a second that an earlier process may have used")
	}
	for i := 3; i < len(at); i++ {
		if d := at[i].Sub(at[i-3]); d < time.Second {
			t.Errorf("calls %d to %d within %v", i-3, i, d)
		}
	}
	if d := at[19].Sub(testNow); d > 11*time.Second {
		t.Errorf("20 calls at 2 a second took %v", d)
	}
}

func TestNoCallComesBeforeItsTimeByAFractionOfASecond(t *testing.T) {
	t.Parallel()
	c, now := paced(1, 10_000, time.Minute)
	last := testNow
	for i := range 1000 {
		now.Advance(time.Duration(i) * 999_331 % time.Second) // somebody tries at an odd time
		if refused, err := c.take(t.Context(), false); err != nil || refused != nil {
			t.Fatal(refused, err)
		}
		if d := now.Now().Sub(last); d < time.Second {
			t.Fatalf("call %d came %v after the one before", i, d)
		}
		last = now.Now()
	}
}

func TestAWaitLongerThanTheLongestIsGivenBack(t *testing.T) {
	t.Parallel()
	c, _ := paced(0.01, 1000, time.Second)
	refused, err := c.take(t.Context(), false)
	if err != nil || refused == nil || refused.daily || refused.again < 99*time.Second || refused.again > 101*time.Second {
		t.Fatalf("%+v %v", refused, err)
	}
}

func TestTheLastCallsOfADayAreForPeople(t *testing.T) {
	t.Parallel()
	c, now := paced(10, 100, time.Minute)
	for i := range 95 {
		if refused, err := c.take(t.Context(), false); err != nil || refused != nil {
			t.Fatal(i, refused, err)
		}
	}
	if refused, err := c.take(t.Context(), false); err != nil || refused == nil || !refused.daily {
		t.Fatal("bulk work took what is reserved", refused, err)
	}
	for i := range 5 {
		if refused, err := c.take(t.Context(), true); err != nil || refused != nil {
			t.Fatal(i, refused, err)
		}
	}
	if refused, _ := c.take(t.Context(), true); refused == nil || !refused.daily {
		t.Fatal("the day's quota was exceeded")
	}
	now.Advance(24*time.Hour + time.Minute)
	if refused, _ := c.take(t.Context(), false); refused != nil {
		t.Fatal("the window did not roll on", refused)
	}
}

func TestAWaitingPersonGoesBeforeBulkWork(t *testing.T) {
	t.Parallel()
	c, _ := paced(1, 1000, time.Minute)
	c.tokens, c.urgent = 1, 1
	if _, wait := c.try(false); wait == 0 {
		t.Fatal("bulk work took the call that a person waits for")
	}
	if _, wait := c.try(true); wait != 0 {
		t.Fatal("the person waits", wait)
	}
}

func TestTheCountOutlivesARestart(t *testing.T) {
	t.Parallel()
	c, now := paced(10, 100, time.Minute)
	for range 30 {
		if _, err := c.take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	next, later := paced(10, 100, time.Minute)
	later.Set(now.Now())
	next.restore(c.spent())
	if got := next.calls(); got != 30 {
		t.Fatalf("%d calls are known", got)
	}
	next.restore([]minute{{Minute: now.Now().Unix()/60 - dayMinutes, Calls: 7}, {Minute: now.Now().Unix()/60 + 10, Calls: 7}, {Minute: 3, Calls: -1}})
	if got := next.calls(); got != 30 {
		t.Fatalf("%d calls after counts of other days", got)
	}
}

func TestAClockSetBackDoesNotStopTheCalls(t *testing.T) {
	t.Parallel()
	c, now := paced(1, 1000, time.Minute)
	if _, err := c.take(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	now.Advance(-time.Hour)
	began := now.Now()
	if refused, err := c.take(t.Context(), false); err != nil || refused != nil {
		t.Fatal(refused, err)
	}
	if d := now.Now().Sub(began); d > 2*time.Second {
		t.Fatalf("waited %v", d)
	}
}

func TestManyCallersKeepToTheRate(t *testing.T) {
	t.Parallel()
	cfg := &Config{Clock: clock.System{}, Pace: steady{time.Now()}, LongestWait: time.Minute, Limits: Limits{Reserved: 0.05}, Sleep: sleep}
	c := newClass(100, 10_000, cfg)
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for range 5 {
				if refused, err := c.take(t.Context(), i < 3); err != nil || refused != nil {
					t.Error(refused, err)
				}
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took < 580*time.Millisecond {
		t.Fatalf("60 calls at 100 a second in %v", took)
	}
}
