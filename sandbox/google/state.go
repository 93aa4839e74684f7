package google

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

// opportunity is one deal: Doc is what Google answers, without what is made at
// reading. Due is when the reviewer takes the next step, zero for never.
type opportunity struct {
	ID        int64     `json:"id"`
	Doc       doc       `json:"doc"`
	Updated   time.Time `json:"updated"`
	Due       time.Time `json:"due,omitzero"`
	VisibleAt time.Time `json:"visible_at,omitzero"` // to reads
	Revision  int64     `json:"revision"`
}

func (o *opportunity) name() string { return "opportunities/" + strconv.FormatInt(o.ID, 10) }

// clone gives a copy that may be changed.
func (o *opportunity) clone() *opportunity {
	dup := *o
	dup.Doc = o.Doc.clone()
	return &dup
}

// topic is where messages are published.
type topic struct {
	Name    string            `json:"name"`
	Labels  map[string]string `json:"labels,omitempty"`
	Deleted bool              `json:"deleted,omitempty"`
}

// subscription is who hears of a topic. Its backlog holds what was not acknowledged.
type subscription struct {
	Name    string        `json:"name"`
	Topic   string        `json:"topic"`
	Ack     time.Duration `json:"ack"` // how long a delivery is waited for
	Deleted bool          `json:"deleted,omitempty"`

	backlog []*delivery
}

// message is one message of a topic.
type message struct {
	ID         string            `json:"id"`
	Topic      string            `json:"topic"`
	Data       []byte            `json:"data"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Key        string            `json:"key,omitempty"` // ordering key
	At         time.Time         `json:"at"`
}

// delivery is a message on its way to one subscription.
type delivery struct {
	message  *message
	ackID    string    // of the latest delivery
	leased   time.Time // nobody else gets it before
	attempts int32
}

// ack says that a subscription has a message.
type ack struct {
	Subscription string `json:"subscription"`
	Message      string `json:"message"`
}

// change is one transaction: one journal line, applied as a whole or not at all.
// Rest holds, in a compacted journal, the backlog of a subscription.
type change struct {
	Seq           int64           `json:"seq"`
	Opportunities []*opportunity  `json:"opportunities,omitempty"`
	Topics        []*topic        `json:"topics,omitempty"`
	Subscriptions []*subscription `json:"subscriptions,omitempty"`
	Messages      []*message      `json:"messages,omitempty"`
	Acks          []ack           `json:"acks,omitempty"`
	Only          string          `json:"only,omitempty"` // Messages go to this subscription alone
}

const journalKind = "change"

// state is everything the sandbox knows. It is guarded by Server.mu. Stored
// opportunities are never changed in place.
type state struct {
	seq           int64
	opportunities map[int64]*opportunity
	topics        map[string]*topic
	subscriptions map[string]*subscription
}

func newState() *state {
	return &state{opportunities: map[int64]*opportunity{}, topics: map[string]*topic{}, subscriptions: map[string]*subscription{}}
}

func (st *state) apply(c *change) {
	st.seq = max(st.seq, c.Seq)
	for _, o := range c.Opportunities {
		st.opportunities[o.ID] = o
	}
	for _, t := range c.Topics {
		st.topics[t.Name] = t
		if t.Deleted {
			delete(st.topics, t.Name)
		}
	}
	for _, sub := range c.Subscriptions {
		if old := st.subscriptions[sub.Name]; old != nil {
			sub.backlog = old.backlog
		}
		st.subscriptions[sub.Name] = sub
		if sub.Deleted {
			delete(st.subscriptions, sub.Name)
		}
	}
	for _, m := range c.Messages {
		for _, sub := range st.subscriptions {
			if sub.Topic == m.Topic && (c.Only == "" || c.Only == sub.Name) {
				sub.backlog = append(sub.backlog, &delivery{message: m})
			}
		}
	}
	for _, a := range c.Acks {
		if sub := st.subscriptions[a.Subscription]; sub != nil {
			sub.backlog = slices.DeleteFunc(sub.backlog, func(d *delivery) bool { return d.message.ID == a.Message })
		}
	}
}

// write emits the present state as one change for each record.
func (st *state) write(emit func(kind string, v any) error) error {
	first := change{Seq: st.seq}
	for _, t := range st.topics {
		first.Topics = append(first.Topics, t)
	}
	for _, sub := range st.subscriptions {
		first.Subscriptions = append(first.Subscriptions, sub)
	}
	if err := emit(journalKind, first); err != nil {
		return err
	}
	for _, sub := range st.subscriptions {
		rest := change{Only: sub.Name}
		for _, d := range sub.backlog {
			rest.Messages = append(rest.Messages, d.message)
		}
		if err := emit(journalKind, rest); err != nil {
			return err
		}
	}
	for _, o := range st.opportunities {
		if err := emit(journalKind, change{Opportunities: []*opportunity{o}}); err != nil {
			return err
		}
	}
	return nil
}

// records is how many lines a compacted journal would have.
func (st *state) records() int { return 1 + len(st.opportunities) + len(st.subscriptions) }

// nextDue gives the opportunity whose next step is due first, nil for none.
func (st *state) nextDue(now time.Time) *opportunity {
	var first *opportunity
	for _, o := range st.opportunities {
		if o.Due.IsZero() || o.Due.After(now) {
			continue
		}
		if first == nil || o.Due.Before(first.Due) || o.Due.Equal(first.Due) && o.ID < first.ID {
			first = o
		}
	}
	return first
}

// tx is one request's view of the state and the changes it makes. Nothing is seen
// by others until commit.
type tx struct {
	s   *Server
	now time.Time
	out change
}

func (s *Server) begin(now time.Time) *tx {
	return &tx{s: s, now: now.UTC().Truncate(time.Microsecond), out: change{Seq: s.state.seq}}
}

// commit writes the changes to the journal, then lets them be seen.
func (x *tx) commit() error {
	c := &x.out
	if len(c.Opportunities)+len(c.Topics)+len(c.Subscriptions)+len(c.Messages)+len(c.Acks) == 0 {
		return nil
	}
	if err := x.s.journal.Append(journalKind, c); err != nil {
		return err
	}
	x.s.state.apply(c)
	if len(c.Messages) > 0 {
		x.s.wake()
	}
	return nil
}

// wake has the streams look for what there is to deliver. It needs s.mu.
func (s *Server) wake() {
	close(s.news)
	s.news = make(chan struct{})
}

func (x *tx) next() int64 {
	x.out.Seq++
	return x.out.Seq
}

// put stages an opportunity that was changed, with a new time and etag, and tells of
// it. The time of a change always grows: clients read what came after one.
func (x *tx) put(o *opportunity, event string) {
	next := x.now
	if !next.After(o.Updated) {
		next = o.Updated.Add(time.Microsecond)
	}
	o.Updated = next
	o.Revision++
	o.Doc.set("updateTime", stamp(next))
	x.out.Opportunities = slices.DeleteFunc(x.out.Opportunities, func(p *opportunity) bool { return p.ID == o.ID })
	x.out.Opportunities = append(x.out.Opportunities, o)
	x.tell(o, event)
}

// tell publishes an event as the public discovery document has it
// (GoogleCloudChannelV1alpha1SubscriberEvent).
func (x *tx) tell(o *opportunity, event string) {
	data, err := json.Marshal(map[string]any{"opportunityEvent": map[string]string{"eventType": event, "opportunity": o.name(), "partner": x.s.Partner()}})
	if err != nil {
		return // three texts always encode
	}
	x.publish(&message{Topic: x.s.Topic(), Data: data, Attributes: map[string]string{"event_type": "OPPORTUNITY_EVENT"}})
}

func (x *tx) publish(m *message) {
	m.ID, m.At = strconv.FormatInt(1_000_000+x.next(), 10), x.now
	x.out.Messages = append(x.out.Messages, m)
}

// stamp prints a time as Google does.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z07:00") }
