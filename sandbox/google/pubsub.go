package google

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bounds of an acknowledgement deadline (Pub/Sub documentation).
const (
	defaultAck = 10 * time.Second
	maxAck     = 600 * time.Second
)

var (
	topicName        = regexp.MustCompile(`^projects/[a-z0-9-]+/topics/[A-Za-z][A-Za-z0-9._~%+-]{2,254}$`)
	subscriptionName = regexp.MustCompile(`^projects/[a-z0-9-]+/subscriptions/[A-Za-z][A-Za-z0-9._~%+-]{2,254}$`)
)

func (x *tx) createTopic(name string, labels map[string]string) (*topic, *fault) {
	if !topicName.MatchString(name) {
		return nil, refuse(codeInvalid, "Invalid [topics] name: (name="+name+")")
	}
	if x.s.state.topics[name] != nil {
		return nil, refuse(codeExists, "Resource already exists in the project (resource="+last(name)+").")
	}
	t := &topic{Name: name, Labels: labels}
	x.out.Topics = append(x.out.Topics, t)
	return t, nil
}

func (x *tx) findTopic(name string) (*topic, *fault) {
	if t := x.s.state.topics[name]; t != nil {
		return t, nil
	}
	return nil, refuse(codeNotFound, "Resource not found (resource="+last(name)+").")
}

func last(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

func (x *tx) createSubscription(name, topicName string, ack time.Duration) (*subscription, *fault) {
	if !subscriptionName.MatchString(name) {
		return nil, refuse(codeInvalid, "Invalid [subscriptions] name: (name="+name+")")
	}
	if ack == 0 {
		ack = defaultAck
	}
	if ack < 10*time.Second || ack > maxAck {
		return nil, refuse(codeInvalid, "Invalid ack deadline given: it must be between 10 and 600 seconds.")
	}
	if _, f := x.findTopic(topicName); f != nil {
		return nil, f
	}
	if x.s.state.subscriptions[name] != nil {
		return nil, refuse(codeExists, "Resource already exists in the project (resource="+last(name)+").")
	}
	sub := &subscription{Name: name, Topic: topicName, Ack: ack}
	x.out.Subscriptions = append(x.out.Subscriptions, sub)
	return sub, nil
}

func (x *tx) findSubscription(name string) (*subscription, *fault) {
	if sub := x.s.state.subscriptions[name]; sub != nil {
		return sub, nil
	}
	return nil, refuse(codeNotFound, "Resource not found (resource="+last(name)+").")
}

// send publishes messages of a client and gives their ids.
func (x *tx) send(topicName string, list []*message) ([]string, *fault) {
	if _, f := x.findTopic(topicName); f != nil {
		return nil, f
	}
	if len(list) == 0 {
		return nil, refuse(codeInvalid, "The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.")
	}
	ids := make([]string, len(list))
	for i, m := range list {
		if len(m.Data) == 0 && len(m.Attributes) == 0 {
			return nil, refuse(codeInvalid, "Some messages in the publish request are empty: a message must have data or attributes.")
		}
		m.Topic = topicName
		x.publish(m)
		ids[i] = m.ID
	}
	return ids, nil
}

// received is a delivery as a puller gets it.
type received struct {
	ackID    string
	attempts int32
	*message
}

// pull leases messages of a subscription to one puller, at most n. Messages with an
// ordering key come one after the other: the next only when the one before it was
// acknowledged. Leases live in memory: after a restart all that was not acknowledged
// is delivered again.
func (x *tx) pull(sub *subscription, n int) []received {
	var out []received
	held := map[string]bool{} // ordering keys with a message that is not acknowledged
	for _, d := range sub.backlog {
		if len(out) == n {
			break
		}
		key := d.message.Key
		if key != "" && held[key] {
			continue
		}
		held[key] = true
		if d.leased.After(x.now) {
			continue
		}
		d.attempts++
		d.leased = x.now.Add(sub.Ack)
		d.ackID = fmt.Sprintf("%s:%d:%s", d.message.ID, d.attempts, strconv.FormatInt(x.now.UnixMicro(), 36))
		out = append(out, received{d.ackID, d.attempts, d.message})
	}
	return out
}

// acknowledge takes messages off a subscription. An id of an earlier delivery of a
// message counts while nobody else got the message since: Pub/Sub calls this best
// effort.
func (x *tx) acknowledge(sub *subscription, ids []string) {
	for _, id := range ids {
		if i := slices.IndexFunc(sub.backlog, func(d *delivery) bool { return d.ackID == id }); i >= 0 {
			x.out.Acks = append(x.out.Acks, ack{sub.Name, sub.backlog[i].message.ID})
		}
	}
}

// extend sets how much longer deliveries are waited for; 0 gives them back at once.
func (x *tx) extend(sub *subscription, ids []string, by time.Duration) *fault {
	if by < 0 || by > maxAck {
		return refuse(codeInvalid, "Invalid ack deadline given: it must be between 0 and 600 seconds.")
	}
	for _, d := range sub.backlog {
		if d.ackID != "" && slices.Contains(ids, d.ackID) {
			d.leased = x.now.Add(by)
			if by == 0 {
				d.ackID = ""
			}
		}
	}
	if by == 0 {
		x.s.wake()
	}
	return nil
}
