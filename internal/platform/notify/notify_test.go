package notify

import (
	"sync"
	"testing"
)

func TestEveryListenerHearsTheNewsInOrder(t *testing.T) {
	t.Parallel()
	var h Hub
	a, stopA := h.Subscribe()
	b, stopB := h.Subscribe()
	defer stopA()
	h.Publish(News{Topic: "sync", Data: 1})
	stopB()
	stopB()
	h.Publish(News{Topic: "sync", Data: 2})
	if x, y := <-a, <-a; x.Data != 1 || y.Data != 2 {
		t.Fatalf("heard %v, %v", x, y)
	}
	if len(b) != 1 {
		t.Fatalf("who left has %d news, want the one from before", len(b))
	}
}

func TestAListenerWhoDoesNotReadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	var h Hub
	slow, stop := h.Subscribe()
	defer stop()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				h.Publish(News{Topic: "sync", Data: i})
			}
		})
	}
	wg.Wait()
	if len(slow) != cap(slow) {
		t.Fatalf("%d of %d", len(slow), cap(slow))
	}
}
