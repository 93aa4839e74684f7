package salesforce

import (
	"strings"

	"github.com/hamba/avro/v2"
)

// topic is what can be subscribed to: the change events of one object, of all of
// them, or a platform event.
type topic struct {
	name   string
	all    bool
	object *object
	signal bool // the platform event
}

// carries says whether an event belongs to the topic.
func (t topic) carries(e *event) bool {
	switch {
	case t.signal:
		return e.topic == t.name
	case e.object == nil:
		return false
	default:
		return t.all || e.object == t.object
	}
}

// The channel of all change events, and the organisation's one platform event.
const (
	channelAll  = "/data/ChangeEvents"
	signalTopic = "/event/Co_Sell_Signal__e"
)

// topicOf finds a topic by its name.
func (s *Server) topicOf(name string) (topic, bool) {
	switch name {
	case channelAll:
		return topic{name: name, all: true}, true
	case signalTopic:
		return topic{name: name, signal: true}, true
	}
	rest, ok := strings.CutPrefix(name, "/data/")
	if !ok {
		return topic{}, false
	}
	for _, o := range s.store.schema.objects {
		if o.captured() && rest == o.eventName() {
			return topic{name: name, object: o}, true
		}
	}
	return topic{}, false
}

// eventSchemas are the schemas of all events.
type eventSchemas struct {
	byObject map[*object]*eventSchema
	byID     map[string]string // the text
	signal   *eventSchema
	payload  avro.Schema // of the signal
}

func newEventSchemas(sch *schema) (eventSchemas, error) {
	out := eventSchemas{byObject: map[*object]*eventSchema{}, byID: map[string]string{}, signal: &eventSchema{}}
	for _, o := range sch.objects {
		if !o.captured() {
			continue
		}
		s, err := newEventSchema(o)
		if err != nil {
			return out, err
		}
		out.byObject[o], out.byID[s.id] = s, s.text
	}
	err := out.signal.make(avroRecord{"record", "Co_Sell_Signal__e", eventNamespace, []avroField{
		{Name: "CreatedDate", Type: "long", Doc: "CreatedDate:DateTime"},
		{Name: "CreatedById", Type: "string", Doc: "CreatedBy:EntityId"},
		{Name: "Subject__c", Type: []any{"null", "string"}, Doc: "Data:Text"},
		{Name: "Amount__c", Type: []any{"null", "double"}, Doc: "Data:Double"},
	}})
	if err != nil {
		return out, err
	}
	out.byID[out.signal.id] = out.signal.text
	out.payload, err = avro.Parse(out.signal.text)
	return out, err
}

// schemaID is the id of the schema that events of the topic have now; the channel of
// all has none of its own.
func (s *Server) schemaID(t topic) string {
	switch {
	case t.signal:
		return s.schemas.signal.id
	case t.object != nil:
		return s.schemas.byObject[t.object].id
	default:
		return ""
	}
}
