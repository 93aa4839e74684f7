// Package notify carries short news ("a registration changed", "the sync is at
// 40 %") to the people who are looking at a page right now. News is never
// state: whoever missed it reads the state.
package notify

import "sync"

// News is one message: a topic such as "sync" or "registration:reg_…", and
// data that can be written as JSON.
type News struct {
	Topic string
	Data  any
}

// Hub spreads news inside one process. The zero Hub is ready.
type Hub struct {
	mu   sync.Mutex
	subs map[chan News]struct{}
}

// Publish hands the news to everyone who listens; a listener that is slow to
// read misses it.
func (h *Hub) Publish(n News) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.subs {
		select {
		case ch <- n:
		default:
		}
	}
}

// Subscribe gives a channel of news and the function that ends it.
func (h *Hub) Subscribe() (<-chan News, func()) {
	ch := make(chan News, 64)
	h.mu.Lock()
	if h.subs == nil {
		h.subs = map[chan News]struct{}{}
	}
	h.subs[ch] = struct{}{}
	h.mu.Unlock()
	var once sync.Once
	return ch, func() {
		once.Do(func() {
			h.mu.Lock()
			delete(h.subs, ch)
			h.mu.Unlock()
		})
	}
}
