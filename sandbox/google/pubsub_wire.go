package google

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The messages of google.pubsub.v1 as far as the emulator needs them, by the numbers
// of their fields. They stand here, in the form that protobuf reads by tags, so that
// nothing is registered beside the official client's own in one process; fields that
// are not here are skipped, as protobuf wants it.
type (
	wireTopic struct {
		Name   string            `protobuf:"bytes,1,opt,name=name,proto3"`
		Labels map[string]string `protobuf:"bytes,2,rep,name=labels,proto3" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
		State  int32             `protobuf:"varint,9,opt,name=state,proto3"`
	}
	wireName struct { // GetTopicRequest, DeleteTopicRequest, GetSubscriptionRequest, DeleteSubscriptionRequest
		Name string `protobuf:"bytes,1,opt,name=name,proto3"`
	}
	wireList struct { // ListTopicsRequest, ListSubscriptionsRequest
		Project string `protobuf:"bytes,1,opt,name=project,proto3"`
	}
	wireTopics struct {
		Topics []*wireTopic `protobuf:"bytes,1,rep,name=topics,proto3"`
	}
	wireSubscriptions struct {
		Subscriptions []*wireSubscription `protobuf:"bytes,1,rep,name=subscriptions,proto3"`
	}
	wireMessage struct {
		Data        []byte                 `protobuf:"bytes,1,opt,name=data,proto3"`
		Attributes  map[string]string      `protobuf:"bytes,2,rep,name=attributes,proto3" protobuf_key:"bytes,1,opt,name=key,proto3" protobuf_val:"bytes,2,opt,name=value,proto3"`
		MessageId   string                 `protobuf:"bytes,3,opt,name=message_id,proto3"`
		PublishTime *timestamppb.Timestamp `protobuf:"bytes,4,opt,name=publish_time,proto3"`
		OrderingKey string                 `protobuf:"bytes,5,opt,name=ordering_key,proto3"`
	}
	wirePublish struct {
		Topic    string         `protobuf:"bytes,1,opt,name=topic,proto3"`
		Messages []*wireMessage `protobuf:"bytes,2,rep,name=messages,proto3"`
	}
	wirePublished struct {
		MessageIds []string `protobuf:"bytes,1,rep,name=message_ids,proto3"`
	}
	wireSubscription struct {
		Name               string               `protobuf:"bytes,1,opt,name=name,proto3"`
		Topic              string               `protobuf:"bytes,2,opt,name=topic,proto3"`
		AckDeadlineSeconds int32                `protobuf:"varint,5,opt,name=ack_deadline_seconds,proto3"`
		Retention          *durationpb.Duration `protobuf:"bytes,8,opt,name=message_retention_duration,proto3"`
		Ordering           bool                 `protobuf:"varint,10,opt,name=enable_message_ordering,proto3"`
		State              int32                `protobuf:"varint,19,opt,name=state,proto3"`
	}
	wireUpdateSubscription struct {
		Subscription *wireSubscription      `protobuf:"bytes,1,opt,name=subscription,proto3"`
		UpdateMask   *fieldmaskpb.FieldMask `protobuf:"bytes,2,opt,name=update_mask,proto3"`
	}
	wirePull struct {
		Subscription string `protobuf:"bytes,1,opt,name=subscription,proto3"`
		MaxMessages  int32  `protobuf:"varint,3,opt,name=max_messages,proto3"`
	}
	wireReceived struct {
		AckId           string       `protobuf:"bytes,1,opt,name=ack_id,proto3"`
		Message         *wireMessage `protobuf:"bytes,2,opt,name=message,proto3"`
		DeliveryAttempt int32        `protobuf:"varint,3,opt,name=delivery_attempt,proto3"`
	}
	wirePulled struct {
		ReceivedMessages []*wireReceived `protobuf:"bytes,1,rep,name=received_messages,proto3"`
	}
	wireAcknowledge struct {
		Subscription string   `protobuf:"bytes,1,opt,name=subscription,proto3"`
		AckIds       []string `protobuf:"bytes,2,rep,name=ack_ids,proto3"`
	}
	wireModifyAck struct {
		Subscription       string   `protobuf:"bytes,1,opt,name=subscription,proto3"`
		AckDeadlineSeconds int32    `protobuf:"varint,3,opt,name=ack_deadline_seconds,proto3"`
		AckIds             []string `protobuf:"bytes,4,rep,name=ack_ids,proto3"`
	}
	wireStream struct { // StreamingPullRequest
		Subscription           string   `protobuf:"bytes,1,opt,name=subscription,proto3"`
		AckIds                 []string `protobuf:"bytes,2,rep,name=ack_ids,proto3"`
		ModifyDeadlineSeconds  []int32  `protobuf:"varint,3,rep,packed,name=modify_deadline_seconds,proto3"`
		ModifyDeadlineAckIds   []string `protobuf:"bytes,4,rep,name=modify_deadline_ack_ids,proto3"`
		StreamAckSeconds       int32    `protobuf:"varint,5,opt,name=stream_ack_deadline_seconds,proto3"`
		ClientId               string   `protobuf:"bytes,6,opt,name=client_id,proto3"`
		MaxOutstandingMessages int64    `protobuf:"varint,7,opt,name=max_outstanding_messages,proto3"`
	}
	wireStreamProperties struct {
		ExactlyOnce bool `protobuf:"varint,1,opt,name=exactly_once_delivery_enabled,proto3"`
		Ordering    bool `protobuf:"varint,2,opt,name=message_ordering_enabled,proto3"`
	}
	wireStreamed struct { // StreamingPullResponse
		ReceivedMessages []*wireReceived       `protobuf:"bytes,1,rep,name=received_messages,proto3"`
		Properties       *wireStreamProperties `protobuf:"bytes,4,opt,name=subscription_properties,proto3"`
	}
)

func (t *topic) wire() *wireTopic { return &wireTopic{Name: t.Name, Labels: t.Labels, State: 1} }

func (sub *subscription) wire() *wireSubscription {
	return &wireSubscription{Name: sub.Name, Topic: sub.Topic, AckDeadlineSeconds: int32(sub.Ack.Seconds()), Retention: durationpb.New(7 * 24 * time.Hour), State: 1}
}

func (r received) wire() *wireReceived {
	return &wireReceived{AckId: r.ackID, DeliveryAttempt: r.attempts, Message: &wireMessage{Data: r.Data, Attributes: r.Attributes, MessageId: r.ID, PublishTime: timestamppb.New(r.At), OrderingKey: r.Key}}
}

func wireAll(list []received) []*wireReceived {
	out := make([]*wireReceived, len(list))
	for i, r := range list {
		out[i] = r.wire()
	}
	return out
}

var nothing = &emptypb.Empty{}

// What protobuf asks of a message of this form.

func (m *wireTopic) Reset()         { *m = wireTopic{} }
func (m *wireTopic) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireTopic) ProtoMessage()    {}

func (m *wireName) Reset()         { *m = wireName{} }
func (m *wireName) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireName) ProtoMessage()    {}

func (m *wireList) Reset()         { *m = wireList{} }
func (m *wireList) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireList) ProtoMessage()    {}

func (m *wireTopics) Reset()         { *m = wireTopics{} }
func (m *wireTopics) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireTopics) ProtoMessage()    {}

func (m *wireSubscriptions) Reset()         { *m = wireSubscriptions{} }
func (m *wireSubscriptions) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireSubscriptions) ProtoMessage()    {}

func (m *wireMessage) Reset()         { *m = wireMessage{} }
func (m *wireMessage) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireMessage) ProtoMessage()    {}

func (m *wirePublish) Reset()         { *m = wirePublish{} }
func (m *wirePublish) String() string { return fmt.Sprintf("%+v", *m) }
func (*wirePublish) ProtoMessage()    {}

func (m *wirePublished) Reset()         { *m = wirePublished{} }
func (m *wirePublished) String() string { return fmt.Sprintf("%+v", *m) }
func (*wirePublished) ProtoMessage()    {}

func (m *wireSubscription) Reset()         { *m = wireSubscription{} }
func (m *wireSubscription) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireSubscription) ProtoMessage()    {}

func (m *wireUpdateSubscription) Reset()         { *m = wireUpdateSubscription{} }
func (m *wireUpdateSubscription) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireUpdateSubscription) ProtoMessage()    {}

func (m *wirePull) Reset()         { *m = wirePull{} }
func (m *wirePull) String() string { return fmt.Sprintf("%+v", *m) }
func (*wirePull) ProtoMessage()    {}

func (m *wireReceived) Reset()         { *m = wireReceived{} }
func (m *wireReceived) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireReceived) ProtoMessage()    {}

func (m *wirePulled) Reset()         { *m = wirePulled{} }
func (m *wirePulled) String() string { return fmt.Sprintf("%+v", *m) }
func (*wirePulled) ProtoMessage()    {}

func (m *wireAcknowledge) Reset()         { *m = wireAcknowledge{} }
func (m *wireAcknowledge) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireAcknowledge) ProtoMessage()    {}

func (m *wireModifyAck) Reset()         { *m = wireModifyAck{} }
func (m *wireModifyAck) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireModifyAck) ProtoMessage()    {}

func (m *wireStream) Reset()         { *m = wireStream{} }
func (m *wireStream) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireStream) ProtoMessage()    {}

func (m *wireStreamProperties) Reset()         { *m = wireStreamProperties{} }
func (m *wireStreamProperties) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireStreamProperties) ProtoMessage()    {}

func (m *wireStreamed) Reset()         { *m = wireStreamed{} }
func (m *wireStreamed) String() string { return fmt.Sprintf("%+v", *m) }
func (*wireStreamed) ProtoMessage()    {}
