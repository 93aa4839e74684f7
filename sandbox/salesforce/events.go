package salesforce

import (
	"encoding/json"
	"sort"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// changeType is what a change event tells of (ChangeEventHeader, Change Data
// Capture guide), in the order of the enum's symbols.
type changeType int32

const (
	changeCreate changeType = iota
	changeUpdate
	changeDelete
	changeUndelete
	gapCreate
	gapUpdate
	gapDelete
	gapUndelete
	gapOverflow
)

var changeTypes = []string{"CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW", "SNAPSHOT"}

// gap is the type that tells of the same change without its details.
func (c changeType) gap() changeType {
	if c < gapCreate {
		return c + gapCreate
	}
	return c
}

// txMeta is what the events of one transaction have in common. It is journalled
// with the transaction's rows, so that a restart tells the same events again.
type txMeta struct {
	First    uint64    `json:"n"`           // replay id of the first event
	At       time.Time `json:"t"`           // when it was committed
	User     string    `json:"u"`           // who committed it
	Origin   string    `json:"c,omitempty"` // through what: changeOrigin
	Key      string    `json:"k"`           // transactionKey
	Gap      bool      `json:"g,omitempty"` // it went past the application: gap events only
	Overflow int       `json:"o,omitempty"` // so many changes are told one by one
}

// event is one event of the bus: of a change, or a platform event.
type event struct {
	replay uint64
	meta   *txMeta

	object  *object // of a change
	kind    changeType
	seq     int32
	ids     []string
	row     soql.Row // of one record as it stands after the change; nil tells the header only
	changed []bool   // by field, of an update

	topic   string // of a platform event
	id      string
	schema  string
	payload []byte
}

// How long the bus keeps events (Event Message Durability, Pub/Sub API guide), and
// how many at most: an event of an update holds the record as it stood.
const (
	eventsKept      = 72 * time.Hour
	eventsMost      = 100_000
	overflowFrom    = 100_000 // changes in one transaction (Overflow Events, Change Data Capture guide)
	keepAliveWithin = 270 * time.Second
)

// bus keeps the events in the order of their replay ids. mu may be taken with the
// store held, never the other way round.
type bus struct {
	mu       sync.Mutex
	now      func() time.Time
	log      []*event
	next     uint64        // replay id of the next event
	lost     uint64        // replay ids below this one are known no more
	wake     chan struct{} // closed and made anew when there is something to look at
	settings busSettings
}

// busSettings are what tests move: POST /_control/events.
type busSettings struct {
	KeepAlive string   `json:"keep_alive"` // the longest silence on a stream, as 270s
	Keep      int      `json:"keep"`       // so many events are kept at most
	Overflow  int      `json:"overflow"`   // so many changes of one transaction are told one by one
	Selected  []string `json:"selected"`   // the objects that are told of; null is all
	Denied    bool     `json:"denied"`     // the integration user may not subscribe

	keepAlive time.Duration
}

func newBus(now func() time.Time) *bus {
	return &bus{
		now: now, next: 1000, lost: 999, wake: make(chan struct{}),
		settings: busSettings{KeepAlive: keepAliveWithin.String(), Keep: eventsMost, Overflow: overflowFrom, keepAlive: keepAliveWithin},
	}
}

// step gives the replay id after one: they grow, and are not contiguous.
func step(replay uint64) uint64 { return replay + 1 + replay%3 }

// commit keeps a transaction with keep, which gets what its events have in common,
// and tells of its changes. Nothing is told when keep fails.
func (b *bus) commit(meta txMeta, changes []change, keep func(*txMeta) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	meta.First, meta.Overflow = b.next, b.settings.Overflow
	if err := keep(&meta); err != nil {
		return err
	}
	b.appendLocked(eventsOf(&meta, changes))
	return nil
}

// restore tells again what the journal holds.
func (b *bus) restore(meta txMeta, changes []change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = max(b.next, meta.First)
	b.appendLocked(eventsOf(&meta, changes))
}

func (b *bus) appendLocked(events []*event) {
	if len(events) == 0 {
		return
	}
	for _, e := range events {
		e.replay = b.next
		b.next = step(b.next)
	}
	b.log = append(b.log, events...)
	b.prune()
	close(b.wake)
	b.wake = make(chan struct{})
}

// kick has every stream look again.
func (b *bus) kick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.wake)
	b.wake = make(chan struct{})
}

// prune forgets what is older than the bus keeps.
func (b *bus) prune() {
	since := b.now().Add(-eventsKept)
	n := max(0, len(b.log)-b.settings.Keep)
	for n < len(b.log) && b.log[n].meta.At.Before(since) {
		n++
	}
	if n == 0 {
		return
	}
	b.lost = b.log[n-1].replay
	b.log = append([]*event(nil), b.log[n:]...)
}

// latest is the replay id of the newest event.
func (b *bus) latest() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.latestLocked()
}

func (b *bus) latestLocked() uint64 {
	if len(b.log) == 0 {
		return b.lost
	}
	return b.log[len(b.log)-1].replay
}

// earliest is the replay id after which everything that is kept comes.
func (b *bus) earliest() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune()
	return b.lost
}

// knows says whether a reader can go on after a replay id.
func (b *bus) knows(replay uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune()
	return replay >= b.lost && replay <= b.latestLocked()
}

// after gives up to n events of a topic after a replay id, the replay id up to
// which it looked, and what is closed when there is more to look at.
func (b *bus) after(replay uint64, t topic, n int) (events []*event, looked uint64, wake <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.prune()
	looked = replay
	for i := sort.Search(len(b.log), func(i int) bool { return b.log[i].replay > replay }); i < len(b.log) && len(events) < n; i++ {
		looked = b.log[i].replay
		if t.carries(b.log[i]) && b.settings.tells(b.log[i]) {
			events = append(events, b.log[i])
		}
	}
	return events, looked, b.wake
}

// tells says whether an administrator selected the object of an event.
func (s *busSettings) tells(e *event) bool {
	if e.object == nil || s.Selected == nil {
		return true
	}
	for _, name := range s.Selected {
		if name == e.object.Name {
			return true
		}
	}
	return false
}

func (b *bus) set() busSettings {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settings
}

// publishedEntry is an event in the journal that no transaction made: a platform
// event, or one that a test asked for.
type publishedEntry struct {
	Meta    txMeta   `json:"meta"`
	Object  string   `json:"object,omitempty"`
	Kind    int32    `json:"kind,omitempty"`
	IDs     []string `json:"ids,omitempty"`
	Topic   string   `json:"topic,omitempty"`
	ID      string   `json:"id,omitempty"`
	Schema  string   `json:"schema,omitempty"`
	Payload []byte   `json:"payload,omitempty"`
}

// publish keeps and tells an event that no transaction made.
func (s *Server) publish(p publishedEntry) (replay uint64, err error) {
	b := s.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	p.Meta.First = b.next
	if err := s.journal.Append(kindEvent, p); err != nil {
		return 0, err
	}
	b.appendLocked([]*event{s.published(p)})
	return p.Meta.First, nil
}

// republish tells a published event again after a restart.
func (s *Server) republish(raw json.RawMessage) error {
	var p publishedEntry
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	s.bus.next = max(s.bus.next, p.Meta.First)
	s.bus.appendLocked([]*event{s.published(p)})
	return nil
}

func (s *Server) published(p publishedEntry) *event {
	e := &event{meta: &p.Meta, kind: changeType(p.Kind), seq: 1, ids: p.IDs, topic: p.Topic, id: p.ID, schema: p.Schema, payload: p.Payload}
	if o, ok := s.store.schema.object(p.Object); ok && p.Object != "" {
		e.object = o
	}
	return e
}

// lostEntry is, in a journal that was written anew, up to where events are known
// no more.
type lostEntry struct {
	Replay uint64 `json:"replay"`
}

func (b *bus) forget(raw json.RawMessage) error {
	var e lostEntry
	if err := json.Unmarshal(raw, &e); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log, b.lost, b.next = nil, e.Replay, step(e.Replay)
	return nil
}
