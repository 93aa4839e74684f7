package google

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// newPubSub gives google.pubsub.v1's Publisher and Subscriber over gRPC. Like
// Google's own emulator it asks for no credentials: it listens on loopback only.
func newPubSub(s *Server) *grpc.Server {
	g := grpc.NewServer()
	publisher := grpc.ServiceDesc{
		ServiceName: "google.pubsub.v1.Publisher", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			unary(s, "CreateTopic", func(x *tx, in *wireTopic) (any, *fault) {
				t, f := x.createTopic(in.Name, in.Labels)
				if f != nil {
					return nil, f
				}
				return t.wire(), nil
			}),
			unary(s, "GetTopic", func(x *tx, in *wireName) (any, *fault) {
				t, f := x.findTopic(in.Name)
				if f != nil {
					return nil, f
				}
				return t.wire(), nil
			}),
			unary(s, "DeleteTopic", func(x *tx, in *wireName) (any, *fault) {
				t, f := x.findTopic(in.Name)
				if f != nil {
					return nil, f
				}
				gone := *t
				gone.Deleted = true
				x.out.Topics = append(x.out.Topics, &gone)
				return nothing, nil
			}),
			unary(s, "ListTopics", func(x *tx, in *wireList) (any, *fault) {
				out := &wireTopics{}
				for _, t := range x.s.state.topics {
					if strings.HasPrefix(t.Name, in.Project+"/") {
						out.Topics = append(out.Topics, t.wire())
					}
				}
				slices.SortFunc(out.Topics, func(a, b *wireTopic) int { return strings.Compare(a.Name, b.Name) })
				return out, nil
			}),
			unary(s, "Publish", func(x *tx, in *wirePublish) (any, *fault) {
				list := make([]*message, len(in.Messages))
				for i, m := range in.Messages {
					list[i] = &message{Data: m.Data, Attributes: m.Attributes, Key: m.OrderingKey}
				}
				ids, f := x.send(in.Topic, list)
				if f != nil {
					return nil, f
				}
				return &wirePublished{MessageIds: ids}, nil
			}),
		},
	}
	subscriber := grpc.ServiceDesc{
		ServiceName: "google.pubsub.v1.Subscriber", HandlerType: (*any)(nil),
		Methods: append(subscriptionCalls(s), deliveryCalls(s)...),
		Streams: []grpc.StreamDesc{{StreamName: "StreamingPull", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error { return s.stream(stream) }}},
	}
	g.RegisterService(&publisher, s)
	g.RegisterService(&subscriber, s)
	return g
}

func subscriptionCalls(s *Server) []grpc.MethodDesc {
	return []grpc.MethodDesc{
		unary(s, "CreateSubscription", func(x *tx, in *wireSubscription) (any, *fault) {
			sub, f := x.createSubscription(in.Name, in.Topic, time.Duration(in.AckDeadlineSeconds)*time.Second)
			if f != nil {
				return nil, f
			}
			return sub.wire(), nil
		}),
		unary(s, "GetSubscription", func(x *tx, in *wireName) (any, *fault) {
			sub, f := x.findSubscription(in.Name)
			if f != nil {
				return nil, f
			}
			return sub.wire(), nil
		}),
		unary(s, "UpdateSubscription", func(x *tx, in *wireUpdateSubscription) (any, *fault) {
			if in.Subscription == nil || in.UpdateMask == nil || !slices.Equal(in.UpdateMask.GetPaths(), []string{"ack_deadline_seconds"}) {
				return nil, refuse(codeUnimplemented, "This sandbox updates ack_deadline_seconds only.")
			}
			sub, f := x.findSubscription(in.Subscription.Name)
			if f != nil {
				return nil, f
			}
			dup := *sub
			dup.Ack = time.Duration(in.Subscription.AckDeadlineSeconds) * time.Second
			if dup.Ack < 10*time.Second || dup.Ack > maxAck {
				return nil, refuse(codeInvalid, "Invalid ack deadline given: it must be between 10 and 600 seconds.")
			}
			x.out.Subscriptions = append(x.out.Subscriptions, &dup)
			return dup.wire(), nil
		}),
		unary(s, "DeleteSubscription", func(x *tx, in *wireName) (any, *fault) {
			sub, f := x.findSubscription(in.Name)
			if f != nil {
				return nil, f
			}
			gone := *sub
			gone.Deleted = true
			x.out.Subscriptions = append(x.out.Subscriptions, &gone)
			return nothing, nil
		}),
		unary(s, "ListSubscriptions", func(x *tx, in *wireList) (any, *fault) {
			out := &wireSubscriptions{}
			for _, sub := range x.s.state.subscriptions {
				if strings.HasPrefix(sub.Name, in.Project+"/") {
					out.Subscriptions = append(out.Subscriptions, sub.wire())
				}
			}
			slices.SortFunc(out.Subscriptions, func(a, b *wireSubscription) int { return strings.Compare(a.Name, b.Name) })
			return out, nil
		}),
	}
}

func deliveryCalls(s *Server) []grpc.MethodDesc {
	return []grpc.MethodDesc{
		unary(s, "Pull", func(x *tx, in *wirePull) (any, *fault) {
			sub, f := x.findSubscription(in.Subscription)
			if f != nil {
				return nil, f
			}
			if in.MaxMessages < 1 {
				return nil, refuse(codeInvalid, "The value for max_messages is too small. The minimum value is 1.")
			}
			return &wirePulled{ReceivedMessages: wireAll(x.pull(sub, int(in.MaxMessages)))}, nil
		}),
		unary(s, "Acknowledge", func(x *tx, in *wireAcknowledge) (any, *fault) {
			sub, f := x.findSubscription(in.Subscription)
			if f != nil {
				return nil, f
			}
			x.acknowledge(sub, in.AckIds)
			return nothing, nil
		}),
		unary(s, "ModifyAckDeadline", func(x *tx, in *wireModifyAck) (any, *fault) {
			sub, f := x.findSubscription(in.Subscription)
			if f != nil {
				return nil, f
			}
			return nothing, x.extend(sub, in.AckIds, time.Duration(in.AckDeadlineSeconds)*time.Second)
		}),
	}
}

// unary is one call that is answered once. Faults hit it under "pubsub." and its
// name; what closes a connection elsewhere is UNAVAILABLE here.
func unary[In any](s *Server, name string, do func(x *tx, in *In) (any, *fault)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		op := "pubsub." + name
		trouble := s.opt.Faults.Next(op)
		trouble.Wait(ctx)
		rec := kit.Record{Time: s.opt.Clock.Now(), Method: "gRPC", Path: name, Operation: op, Fault: trouble.Kind, Status: 200}
		defer func() { s.recorder.Add(rec) }()
		switch trouble.Kind {
		case kit.FaultThrottle:
			return nil, throttled(time.Second).rpcError()
		case kit.FaultError, kit.FaultReset, kit.FaultSession:
			return nil, refuse(codeUnavailable, "The service is currently unavailable.").rpcError()
		}
		out, f := s.perform(func(x *tx) (any, *fault) { return do(x, in) })
		if f != nil {
			rec.Status = f.code.http
			return nil, f.rpcError()
		}
		if trouble.Kind == kit.FaultLostReply || trouble.Kind == kit.FaultTruncate {
			return nil, refuse(codeUnavailable, "The connection was lost.").rpcError()
		}
		return out, nil
	}}
}

// streamPoll is how often a stream looks for deliveries whose lease ran out.
const streamPoll = 50 * time.Millisecond

// stream serves one StreamingPull: deliveries go out as they come, and
// acknowledgements come in on the same stream, or as calls of their own.
func (s *Server) stream(stream grpc.ServerStream) error {
	first := &wireStream{}
	if err := stream.RecvMsg(first); err != nil {
		return err
	}
	if first.Subscription == "" {
		return status.Error(codes.InvalidArgument, "The first request must name the subscription.")
	}
	come := make(chan error, 1)
	if err := s.streamed(first.Subscription, first); err != nil {
		return err
	}
	go func() {
		for {
			in := &wireStream{}
			err := stream.RecvMsg(in)
			if err == nil {
				err = s.streamed(first.Subscription, in)
			}
			if err != nil {
				come <- err
				return
			}
		}
	}()
	n := 1000
	if m := int(first.MaxOutstandingMessages); m > 0 {
		n = min(n, m)
	}
	for {
		s.mu.Lock()
		news := s.news
		s.mu.Unlock()
		out, f := s.perform(func(x *tx) (any, *fault) {
			sub, f := x.findSubscription(first.Subscription)
			if f != nil {
				return nil, f
			}
			return x.pull(sub, n), nil
		})
		if f != nil {
			return f.rpcError()
		}
		if list, _ := out.([]received); len(list) > 0 {
			if err := stream.SendMsg(&wireStreamed{ReceivedMessages: wireAll(list), Properties: &wireStreamProperties{}}); err != nil {
				return err
			}
		}
		select {
		case err := <-come:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-news:
		case <-time.After(streamPoll):
		}
	}
}

// streamed does what a request on a stream asks for.
func (s *Server) streamed(name string, in *wireStream) error {
	_, f := s.perform(func(x *tx) (any, *fault) {
		sub, f := x.findSubscription(name)
		if f != nil {
			return nil, f
		}
		x.acknowledge(sub, in.AckIds)
		for i, id := range in.ModifyDeadlineAckIds {
			if i >= len(in.ModifyDeadlineSeconds) {
				return nil, refuse(codeInvalid, "There are more ids than deadlines.")
			}
			if f := x.extend(sub, []string{id}, time.Duration(in.ModifyDeadlineSeconds[i])*time.Second); f != nil {
				return nil, f
			}
		}
		return struct{}{}, nil
	})
	return f.rpcError()
}
