package kit

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"
)

func newTestCourier(t *testing.T) *Courier {
	t.Helper()
	c := NewCourier(slog.New(slog.DiscardHandler))
	t.Cleanup(c.Stop)
	return c
}

// awaitCounts waits until nothing is pending.
func awaitCounts(t *testing.T, c *Courier) CourierCounts {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if n := c.Counts(); n.Pending == 0 {
			return n
		}
	}
	t.Fatalf("still pending: %+v", c.Counts())
	return CourierCounts{}
}

func TestACourierTriesAgainOnlyWhatMayPass(t *testing.T) {
	t.Parallel()
	c := newTestCourier(t)
	c.Start(CourierConfig{MaxAttempts: 2}, func(_ context.Context, body []byte) (bool, error) {
		switch string(body) {
		case "busy":
			return true, errors.New("busy")
		case "never":
			return false, errors.New("never")
		}
		return false, nil
	})
	c.Offer([]byte("good"), []byte("busy"), []byte("never"))
	want := CourierCounts{Delivered: 1, Retried: 1, Failed: 2, LastError: "busy"}
	if got := awaitCounts(t, c); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestAStoppedCourierForgetsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	c := newTestCourier(t)
	began := make(chan struct{})
	c.Start(CourierConfig{}, func(ctx context.Context, _ []byte) (bool, error) {
		close(began)
		<-ctx.Done()
		return true, ctx.Err()
	})
	if got := c.Config().MaxAttempts; got != 20 {
		t.Errorf("%d attempts", got)
	}
	c.Offer([]byte("a"), []byte("b"))
	<-began
	c.Stop()
	c.Offer([]byte("c"))
	if got := c.Counts(); got != (CourierCounts{}) {
		t.Errorf("%+v", got)
	}
	if got := c.Config(); got != (CourierConfig{}) {
		t.Errorf("%+v", got)
	}
	got := make(chan string, 2)
	c.Start(CourierConfig{}, func(_ context.Context, body []byte) (bool, error) {
		got <- string(body)
		return false, nil
	})
	c.Offer([]byte("d"))
	if n := awaitCounts(t, c); n.Delivered != 1 || <-got != "d" {
		t.Errorf("%+v", n)
	}
}
