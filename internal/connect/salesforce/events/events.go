// Package events answers "what changed in Salesforce, as it happens": it follows the
// change events of an organisation over the Pub/Sub API (gRPC and Avro). Events only
// say which records changed; their values are read by the REST client.
package events

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/tandem-cosell/tandem/facts/salesforcepubsub"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
)

// DefaultURL is Salesforce's own endpoint.
const DefaultURL = "https://api.pubsub.salesforce.com:7443"

// DefaultTopic is the channel of all objects that an administrator selected.
const DefaultTopic = "/data/ChangeEvents"

const (
	// request is how many events are asked for at once; Salesforce takes 100.
	request = 100
	// silence is how long Salesforce may say nothing: a sign of life comes within
	// 270 s (proto of the Pub/Sub API).
	silence = 270*time.Second + 30*time.Second
	// schemasKept bounds the schemas that are kept: one for each object and each
	// change of its fields.
	schemasKept = 500
	callTimeout = 30 * time.Second
)

// Config says where the events come from.
type Config struct {
	URL     string        // https://host:port; http:// for this machine only. "" is DefaultURL
	Topic   string        // "" is DefaultTopic
	Silence time.Duration // after so long without an answer a stream is taken for dead; 0 is 300 s
}

// Follower follows the events of one organisation. It is safe for concurrent use.
type Follower struct {
	cfg    Config
	client *salesforce.Client
	conn   *grpc.ClientConn
	bus    pb.PubSubClient

	mu      sync.Mutex
	ended   string // token of a session that was refused
	schemas map[string]writer
}

// New makes a follower that signs in as client does. It calls nobody.
func New(client *salesforce.Client, cfg Config) (*Follower, error) {
	if cfg.URL == "" {
		cfg.URL = DefaultURL
	}
	if cfg.Topic == "" {
		cfg.Topic = DefaultTopic
	}
	if cfg.Silence <= 0 {
		cfg.Silence = silence
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Port() == "" || u.Path != "" {
		return nil, problem.Invalid("salesforce-events-url", "malformed", fmt.Sprintf("%q is not an address such as %s", cfg.URL, DefaultURL))
	}
	creds := credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	switch {
	case u.Scheme == "http" && thisMachine(u.Hostname()):
		creds = insecure.NewCredentials()
	case u.Scheme != "https":
		return nil, problem.Invalid("salesforce-events-url", "insecure", "Use https: the sign-in would travel unencrypted")
	}
	conn, err := grpc.NewClient("passthrough:///"+u.Host, grpc.WithTransportCredentials(creds))
	if err != nil {
		return nil, fmt.Errorf("salesforce events: %w", err)
	}
	return &Follower{cfg: cfg, client: client, conn: conn, bus: pb.NewPubSubClient(conn), schemas: map[string]writer{}}, nil
}

func thisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close ends the connection.
func (f *Follower) Close() error { return f.conn.Close() }

// Follow gives the batches after a position, "" for what happens from now on, to
// take until it gives an error or the stream breaks off; it always gives an error.
// begun is called when Salesforce has taken the subscription. A position that
// Salesforce knows no more is an error with the cause connection.ErrPositionLost.
// After a refused sign-in the next Follow signs in anew.
func (f *Follower) Follow(ctx context.Context, position string, begun func(context.Context) error, take func(context.Context, connection.Batch) error) error {
	first := &pb.FetchRequest{TopicName: f.cfg.Topic, NumRequested: request}
	if position != "" {
		id, err := hex.DecodeString(position)
		if err != nil {
			return lost(fmt.Sprintf("the stored position %q can't be read", position), err)
		}
		first.ReplayPreset, first.ReplayId = pb.ReplayPreset_CUSTOM, id
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(context.Canceled)
	own, signed, err := f.signed(ctx)
	if err != nil {
		return err
	}
	if err := f.mayFollow(signed); err != nil {
		return f.refused(own, err)
	}
	stream, err := f.bus.Subscribe(signed)
	if err == nil {
		err = stream.Send(first)
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: the reason comes with Recv
		return f.refused(own, err)
	}
	if err := begun(ctx); err != nil {
		return err
	}
	watch := time.AfterFunc(f.cfg.Silence, func() { stop(errSilent) })
	defer watch.Stop()
	for {
		watch.Reset(f.cfg.Silence)
		answer, err := stream.Recv()
		watch.Stop()
		if err != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
				return silent()
			}
			return f.broken(own, err, stream.Trailer())
		}
		batch, err := f.batch(signed, own, answer)
		if err != nil {
			return f.refused(own, err)
		}
		if err := take(ctx, batch); err != nil {
			return err
		}
		if n := len(answer.GetEvents()); n > 0 {
			if err := stream.Send(&pb.FetchRequest{TopicName: f.cfg.Topic, NumRequested: int32(min(n, request))}); err != nil && !errors.Is(err, io.EOF) {
				return f.refused(own, err)
			}
		}
	}
}

var errSilent = errors.New("no answer and no sign of life")

func silent() error {
	return problem.FromRemote(problem.Remote{System: "salesforce", Operation: "Subscribe", Code: "silent", Retry: problem.RetrySoon},
		"Salesforce's stream of changes gave no sign of life for five minutes", errSilent)
}

// mayFollow asks for the topic, which says why a subscription would be refused
// without beginning one.
func (f *Follower) mayFollow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := f.bus.GetTopic(ctx, &pb.TopicRequest{TopicName: f.cfg.Topic})
	if err == nil && !info.GetCanSubscribe() {
		err = status.Error(codes.PermissionDenied, "Tandem's user may not subscribe to "+f.cfg.Topic)
	}
	return err
}

// signed signs in, and gives a context that carries it.
func (f *Follower) signed(ctx context.Context) (salesforce.Session, context.Context, error) {
	f.mu.Lock()
	ended := f.ended
	f.mu.Unlock()
	own, err := f.client.Session(ctx, ended)
	if err != nil {
		return own, nil, err
	}
	return own, metadata.AppendToOutgoingContext(ctx, "accesstoken", own.Token, "instanceurl", own.InstanceURL, "tenantid", own.OrgID), nil
}

// batch reads an answer. Of an event that cannot be read we know that something
// changed only: that is a defect, and stops the stream, so that polling takes over.
func (f *Follower) batch(ctx context.Context, own salesforce.Session, answer *pb.FetchResponse) (connection.Batch, error) {
	out := connection.Batch{Position: hex.EncodeToString(answer.GetLatestReplayId())}
	for _, e := range answer.GetEvents() {
		w, err := f.schema(ctx, e.GetEvent().GetSchemaId())
		if err != nil {
			return out, err
		}
		h, err := w.decode(e.GetEvent().GetPayload())
		if err != nil {
			return out, unreadable(err)
		}
		c, err := w.change(h, own)
		if err != nil {
			return out, unreadable(err)
		}
		out.Changes = append(out.Changes, c)
		out.Position = hex.EncodeToString(e.GetReplayId())
	}
	return out, nil
}

// schema gives a schema by its id, which always means the same one.
func (f *Follower) schema(ctx context.Context, id string) (writer, error) {
	f.mu.Lock()
	w, ok := f.schemas[id]
	f.mu.Unlock()
	if ok {
		return w, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := f.bus.GetSchema(ctx, &pb.SchemaRequest{SchemaId: id})
	if err != nil {
		return writer{}, err
	}
	if w, err = parseSchema(info.GetSchemaJson()); err != nil {
		return writer{}, unreadable(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.schemas) >= schemasKept {
		clear(f.schemas)
	}
	f.schemas[id] = w
	return w, nil
}

func unreadable(err error) error {
	return problem.FromRemote(problem.Remote{System: "salesforce", Operation: "Subscribe", Code: "unreadable_event", Retry: problem.RetryLater},
		"Salesforce sent a change that Tandem cannot read", err)
}

func lost(message string, err error) error {
	return problem.FromRemote(problem.Remote{System: "salesforce", Operation: "Subscribe", Code: "replayid.corrupted", Retry: problem.RetrySoon}, message, errors.Join(connection.ErrPositionLost, err))
}

// The service's own codes of a position that it knows no more.
var lostCodes = []string{
	"sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted",
	"sfdc.platform.eventbus.grpc.subscription.fetch.replayid.validation.failed",
}

// broken says why a stream ended; its trailer names a position that is lost.
func (f *Follower) broken(own salesforce.Session, err error, trailer metadata.MD) error {
	for _, code := range trailer.Get("error-code") {
		if slices.Contains(lostCodes, code) {
			return lost("Salesforce knows no more what changed since Tandem last listened", err)
		}
	}
	return f.refused(own, err)
}

// refused puts a refusal into our terms, by the gRPC status that Salesforce's
// codes of errors come with (Handle Errors, Pub/Sub API guide).
func (f *Follower) refused(own salesforce.Session, err error) error {
	if _, ours := errors.AsType[*problem.Error](err); ours || errors.Is(err, context.Canceled) {
		return err
	}
	s := status.Convert(err)
	r := problem.Remote{System: "salesforce", Operation: "Subscribe", Code: s.Code().String(), Retry: problem.RetrySoon}
	switch s.Code() {
	case codes.Unauthenticated:
		f.mu.Lock()
		f.ended = own.Token
		f.mu.Unlock()
		return problem.FromRemote(r, "Salesforce ended the session of the stream of changes", err)
	case codes.InvalidArgument:
		r.Retry = problem.RetryHuman
	case codes.PermissionDenied, codes.NotFound, codes.Unimplemented:
		r.Retry = problem.RetryHuman
		return problem.FromRemote(r, "Tandem's Salesforce user may not follow changes: select the objects under Change Data Capture and grant the permission, see docs/connect.md", err)
	case codes.ResourceExhausted:
		r.Retry = problem.RetryLater
	case codes.Canceled:
		return context.Canceled
	}
	return problem.FromRemote(r, "Salesforce's stream of changes broke off: "+s.Message(), err)
}
