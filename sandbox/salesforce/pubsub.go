package salesforce

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hamba/avro/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	pb "github.com/tandem-cosell/tandem/facts/salesforcepubsub"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// pubsub serves the Pub/Sub API, version 1. What it answers, and the codes of what
// it refuses, follow the Pub/Sub API guide (RPC Methods, Handle Errors).
type pubsub struct {
	pb.UnimplementedPubSubServer // ManagedSubscribe is in beta

	s *Server
}

// The operations of the service, for faults and the log. pubsub.deliver is each
// answer on a stream.
const (
	opGetTopic  = "pubsub.getTopic"
	opGetSchema = "pubsub.getSchema"
	opSubscribe = "pubsub.subscribe"
	opDeliver   = "pubsub.deliver"
	opPublish   = "pubsub.publish"
)

// requestMost is how many events one FetchRequest may ask for, and outstandingMost
// how many may be asked for in all and not yet delivered.
const (
	requestMost     = 100
	outstandingMost = 3000
)

// caller is who calls, by the metadata of the call.
type caller struct {
	token, userID string
}

func (p *pubsub) caller(ctx context.Context) (caller, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	value := func(name string) string {
		if v := md.Get(name); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	token := value("accesstoken")
	org, ok := longID(value("tenantid"))
	if token == "" || value("instanceurl") == "" || !ok {
		return caller{}, p.refuse(ctx, codes.Unauthenticated, "service.auth.headers.invalid", "The accesstoken, instanceurl and tenantid headers must be given.")
	}
	userID, ok := p.s.sessions.user(token, p.s.clock.Now())
	if !ok || org != p.s.org.OrgID {
		return caller{}, p.refuse(ctx, codes.Unauthenticated, "service.auth.error", "An authentication exception occurred. Provide valid authentication via metadata headers.")
	}
	return caller{token, userID}, nil
}

// begin lets a call meet its trouble, and says who calls.
func (p *pubsub) begin(ctx context.Context, op, about string) (caller, error) {
	fault := p.s.faults.Next(op)
	fault.Wait(ctx)
	p.s.recorder.Add(kit.Record{Time: p.s.clock.Now(), Method: "gRPC", Path: op, Operation: op, Status: 200, Fault: fault.Kind, Request: about})
	if fault.Kind == kit.FaultSession {
		p.endSession(ctx)
	} else if err := p.trouble(ctx, fault.Kind); err != nil {
		return caller{}, err
	}
	return p.caller(ctx)
}

func (p *pubsub) endSession(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, token := range md.Get("accesstoken") {
		p.s.sessions.revoke(token)
	}
}

// trouble is a fault in the words of the service.
func (p *pubsub) trouble(ctx context.Context, kind kit.FaultKind) error {
	switch kind {
	case kit.FaultThrottle:
		return p.refuse(ctx, codes.ResourceExhausted, "service.protection.triggered", "Too many connections or requests.")
	case kit.FaultError:
		return p.refuse(ctx, codes.Unavailable, "service.unavailable", "The Pub/Sub API service is unavailable.")
	case kit.FaultReset, kit.FaultTruncate, kit.FaultLostReply:
		return p.refuse(ctx, codes.Unavailable, "", "RST_STREAM closed stream.")
	default:
		return nil
	}
}

// mayRead says whether the caller may subscribe to a topic: who may not see an
// object hears nothing of it.
func (p *pubsub) mayRead(c caller, t topic) bool {
	if c.userID == p.s.org.UserID && p.s.bus.set().Denied {
		return false
	}
	if t.object == nil {
		return true
	}
	a := p.s.ruling.Load().accessTo(c.userID, t.object)
	return a == nil || a.level != accessNone
}

// sees says whether the caller may see the object of an event.
func (p *pubsub) sees(c caller, e *event) bool {
	return e.object == nil || p.mayRead(c, topic{object: e.object})
}

func (p *pubsub) topic(ctx context.Context, name string) (topic, error) {
	if name == "" {
		return topic{}, p.refuse(ctx, codes.InvalidArgument, "topic.validation.empty", "The topic name is blank.")
	}
	t, ok := p.s.topicOf(name)
	if !ok {
		return topic{}, p.refuse(ctx, codes.NotFound, "topic.not.found", fmt.Sprintf("The topic %s doesn't exist.", name))
	}
	return t, nil
}

// GetTopic tells of a topic.
func (p *pubsub) GetTopic(ctx context.Context, in *pb.TopicRequest) (*pb.TopicInfo, error) {
	c, err := p.begin(ctx, opGetTopic, in.GetTopicName())
	if err != nil {
		return nil, err
	}
	t, err := p.topic(ctx, in.GetTopicName())
	if err != nil {
		return nil, err
	}
	if !p.mayRead(c, t) && t.object != nil {
		return nil, p.refuse(ctx, codes.PermissionDenied, "topic.meta.permission", fmt.Sprintf("Access to the topic %s is denied.", t.name))
	}
	return &pb.TopicInfo{TopicName: t.name, TenantGuid: p.s.tenant(), CanPublish: t.signal, CanSubscribe: p.mayRead(c, t), SchemaId: p.s.schemaID(t), RpcId: rpcID()}, nil
}

// GetSchema gives a schema by its id.
func (p *pubsub) GetSchema(ctx context.Context, in *pb.SchemaRequest) (*pb.SchemaInfo, error) {
	if _, err := p.begin(ctx, opGetSchema, in.GetSchemaId()); err != nil {
		return nil, err
	}
	if in.GetSchemaId() == "" {
		return nil, p.refuse(ctx, codes.InvalidArgument, "schema.validation.failed", "The schema ID is blank.")
	}
	text, ok := p.s.schemas.byID[in.GetSchemaId()]
	if !ok {
		return nil, p.refuse(ctx, codes.NotFound, "schema.meta.permission", fmt.Sprintf("The schema %s can't be accessed.", in.GetSchemaId()))
	}
	return &pb.SchemaInfo{SchemaJson: text, SchemaId: in.GetSchemaId(), RpcId: rpcID()}, nil
}

// subscription is one stream of Subscribe.
type subscription struct {
	p       *pubsub
	stream  pb.PubSub_SubscribeServer
	caller  caller
	topic   topic
	at      uint64 // everything up to this replay id was delivered
	pending int    // events that are still wanted
}

// Subscribe delivers events as they are asked for.
func (p *pubsub) Subscribe(stream pb.PubSub_SubscribeServer) error {
	ctx := stream.Context()
	c, err := p.begin(ctx, opSubscribe, "")
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return ended(err)
	}
	sub := &subscription{p: p, stream: stream, caller: c}
	if err := sub.start(first); err != nil {
		return err
	}
	requests := make(chan *pb.FetchRequest)
	gone := make(chan error, 1)
	go func() {
		for {
			r, err := stream.Recv()
			if err != nil {
				gone <- err
				return
			}
			select {
			case requests <- r:
			case <-ctx.Done():
				return
			}
		}
	}()
	return sub.run(requests, gone)
}

// ended is nil when the client closed its side.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (sub *subscription) start(r *pb.FetchRequest) error {
	ctx, p := sub.stream.Context(), sub.p
	var err error
	if sub.topic, err = p.topic(ctx, r.GetTopicName()); err != nil {
		return err
	}
	if !p.mayRead(sub.caller, sub.topic) {
		return p.refuse(ctx, codes.PermissionDenied, "subscription.topic.cannot.subscribe", fmt.Sprintf("You don't have permission to subscribe to the topic %s.", sub.topic.name))
	}
	if err := sub.want(r); err != nil {
		return err
	}
	switch r.GetReplayPreset() {
	case pb.ReplayPreset_EARLIEST:
		sub.at = p.s.bus.earliest()
	case pb.ReplayPreset_CUSTOM:
		if len(r.GetReplayId()) == 0 {
			return p.refuse(ctx, codes.InvalidArgument, "subscription.fetch.replayid.validation.failed", "The replay ID is required with the CUSTOM replay preset.")
		}
		id := r.GetReplayId()
		if len(id) != 8 || !p.s.bus.knows(binary.BigEndian.Uint64(id)) || p.s.faults.Beside(opSubscribe, kit.FaultExpired) {
			return p.refuse(ctx, codes.InvalidArgument, "subscription.fetch.replayid.corrupted",
				"The Replay ID validation failed. Ensure that the Replay ID is valid and refers to an event that is within the retention window.")
		}
		sub.at = binary.BigEndian.Uint64(id)
	default:
		sub.at = p.s.bus.latest()
	}
	return nil
}

// want takes a request for more events.
func (sub *subscription) want(r *pb.FetchRequest) error {
	ctx, n := sub.stream.Context(), int(r.GetNumRequested())
	switch {
	case r.GetTopicName() != "" && r.GetTopicName() != sub.topic.name:
		return sub.p.refuse(ctx, codes.InvalidArgument, "subscription.fetch.topic.mismatch", "The topic name differs from the one of the first request.")
	case n <= 0 || n > requestMost:
		return sub.p.refuse(ctx, codes.InvalidArgument, "subscription.fetch.requested.events.invalid", fmt.Sprintf("The number of requested events must be from 1 to %d.", requestMost))
	case sub.pending+n > outstandingMost:
		return sub.p.refuse(ctx, codes.InvalidArgument, "subscription.fetch.overflow", "The client requested more events than it consumed.")
	}
	sub.pending += n
	return nil
}

func (sub *subscription) run(requests <-chan *pb.FetchRequest, gone <-chan error) error {
	ctx, p := sub.stream.Context(), sub.p
	silence := time.NewTimer(p.s.bus.set().keepAlive)
	defer silence.Stop()
	for {
		events, looked, wake := p.s.bus.after(sub.at, sub.topic, min(sub.pending, requestMost))
		if !p.s.sessions.lives(sub.caller.token, p.s.clock.Now()) {
			return p.refuse(ctx, codes.Unauthenticated, "service.auth.error", "An authentication exception occurred. The session has ended.")
		}
		if events = slices.DeleteFunc(events, func(e *event) bool { return !p.sees(sub.caller, e) }); len(events) == 0 {
			sub.at = looked
		}
		if len(events) > 0 {
			if err := sub.deliver(events); err != nil {
				return err
			}
			silence.Reset(p.s.bus.set().keepAlive)
			continue
		}
		select {
		case r := <-requests:
			if err := sub.want(r); err != nil {
				return err
			}
		case err := <-gone:
			return ended(err)
		case <-wake:
		case <-silence.C:
			if err := sub.send(nil); err != nil {
				return err
			}
			silence.Reset(p.s.bus.set().keepAlive)
		}
	}
}

// deliver sends events, with the troubles that a stream has.
func (sub *subscription) deliver(events []*event) error {
	ctx, p := sub.stream.Context(), sub.p
	fault := p.s.faults.Next(opDeliver)
	fault.Wait(ctx)
	p.s.recorder.Add(kit.Record{Time: p.s.clock.Now(), Method: "gRPC", Path: opDeliver, Operation: opDeliver, Status: 200, Fault: fault.Kind, Request: fmt.Sprintf("%s: %d events", sub.topic.name, len(events))})
	switch fault.Kind {
	case kit.FaultLostReply: // all of it, and then the end
	case kit.FaultTruncate:
		events = events[:(len(events)+1)/2]
	case kit.FaultSession:
		p.endSession(ctx)
		return p.refuse(ctx, codes.Unauthenticated, "service.auth.error", "An authentication exception occurred. The session has ended.")
	default:
		if err := p.trouble(ctx, fault.Kind); err != nil {
			return err
		}
	}
	var out []*pb.ConsumerEvent
	for _, e := range events {
		if p.s.faults.Beside(opDeliver, kit.FaultGap) {
			e = e.withoutDetails()
		}
		c := p.consumer(e)
		out = append(out, c)
		if p.s.faults.Beside(opDeliver, kit.FaultDuplicate) {
			out = append(out, c)
		}
	}
	sub.pending = max(0, sub.pending-len(out))
	sub.at = max(sub.at, events[len(events)-1].replay)
	if err := sub.send(out); err != nil {
		return err
	}
	return p.trouble(ctx, fault.Kind)
}

// withoutDetails gives the gap event of the same change.
func (e *event) withoutDetails() *event {
	if e.object == nil {
		return e
	}
	gap := *e
	gap.kind, gap.row, gap.changed, gap.seq = e.kind.gap(), nil, nil, 1
	return &gap
}

// send sends events, or none: a sign of life.
func (sub *subscription) send(events []*pb.ConsumerEvent) error {
	return sub.stream.Send(&pb.FetchResponse{Events: events, LatestReplayId: replayID(sub.at), RpcId: rpcID(), PendingNumRequested: int32(sub.pending)})
}

func replayID(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// consumer is an event as it is delivered.
func (p *pubsub) consumer(e *event) *pb.ConsumerEvent {
	out := &pb.ConsumerEvent{ReplayId: replayID(e.replay)}
	if e.object == nil {
		out.Event = &pb.ProducerEvent{Id: e.id, SchemaId: e.schema, Payload: e.payload}
		return out
	}
	s := p.s.schemas.byObject[e.object]
	out.Event = &pb.ProducerEvent{Id: fmt.Sprintf("%s-%d", e.meta.Key[:23], e.replay), SchemaId: s.id, Payload: s.encode(e)}
	return out
}

// Publish takes platform events.
func (p *pubsub) Publish(ctx context.Context, in *pb.PublishRequest) (*pb.PublishResponse, error) {
	c, err := p.begin(ctx, opPublish, in.GetTopicName())
	if err != nil {
		return nil, err
	}
	return p.publish(ctx, c, in)
}

// PublishStream takes platform events as they come.
func (p *pubsub) PublishStream(stream pb.PubSub_PublishStreamServer) error {
	ctx := stream.Context()
	c, err := p.begin(ctx, opPublish, "a stream")
	if err != nil {
		return err
	}
	name := ""
	for {
		in, err := stream.Recv()
		if err != nil {
			return ended(err)
		}
		switch {
		case name == "":
			name = in.GetTopicName()
		case in.GetTopicName() == "":
			in.TopicName = name
		case in.GetTopicName() != name:
			return p.refuse(ctx, codes.InvalidArgument, "publish.topic.mismatch", "The topic name differs from the one of the first request.")
		}
		out, err := p.publish(ctx, c, in)
		if err != nil {
			return err
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

func (p *pubsub) publish(ctx context.Context, c caller, in *pb.PublishRequest) (*pb.PublishResponse, error) {
	t, err := p.topic(ctx, in.GetTopicName())
	if err != nil {
		return nil, err
	}
	if !t.signal {
		return nil, p.refuse(ctx, codes.PermissionDenied, "topic.meta.permission", fmt.Sprintf("You don't have permission to publish to the topic %s.", t.name))
	}
	if len(in.GetEvents()) == 0 {
		return nil, p.refuse(ctx, codes.InvalidArgument, "publish.event.count.invalid", "The request contains no events.")
	}
	out := &pb.PublishResponse{SchemaId: p.s.schemas.signal.id, RpcId: rpcID()}
	for _, e := range in.GetEvents() {
		result := &pb.PublishResult{CorrelationKey: e.GetId(), ReplayId: replayID(0)}
		if err := p.readable(e); err != nil {
			result.Error = &pb.Error{Code: pb.ErrorCode_PUBLISH, Msg: err.Error()}
		} else {
			replay, err := p.s.publish(publishedEntry{
				Meta: txMeta{At: p.s.clock.Now(), User: c.userID, Key: transactionKey()}, Topic: t.name, ID: e.GetId(), Schema: e.GetSchemaId(), Payload: e.GetPayload(),
			})
			if err != nil {
				return nil, p.refuse(ctx, codes.Internal, "service.unavailable", "The event could not be kept.")
			}
			result.ReplayId = replayID(replay)
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

// readable says what is wrong with a published event, if anything.
func (p *pubsub) readable(e *pb.ProducerEvent) error {
	if e.GetSchemaId() != p.s.schemas.signal.id {
		return fmt.Errorf("the schema %q is not that of the topic", e.GetSchemaId())
	}
	var fields map[string]any
	r := avro.NewReader(bytes.NewReader(e.GetPayload()), 512)
	if r.ReadVal(p.s.schemas.payload, &fields); r.Error != nil { // avro.Unmarshal takes half a record
		return fmt.Errorf("the payload is not of the schema: %w", r.Error)
	}
	return nil
}

// tenant is the organisation's GUID in the terms of the bus.
func (s *Server) tenant() string { return "core/sandbox/" + s.org.OrgID }
