package salesforce_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/tandem-cosell/tandem/facts/salesforcepubsub"
)

// bus is a client of the sandbox's Pub/Sub API that shares nothing with ours.
type bus struct {
	o       *org
	client  pb.PubSubClient
	schemas map[string]avro.Schema
}

func (o *org) bus() *bus {
	o.t.Helper()
	server, _, err := o.server.EventServer()
	if err != nil {
		o.t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		o.t.Fatal(err)
	}
	go func() { _ = server.Serve(ln) }()
	o.t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = conn.Close() })
	return &bus{o: o, client: pb.NewPubSubClient(conn), schemas: map[string]avro.Schema{}}
}

func (b *bus) ctx() context.Context {
	org, _, _ := strings.Cut(b.o.token, "!")
	return metadata.AppendToOutgoingContext(b.o.t.Context(), "accesstoken", b.o.token, "instanceurl", b.o.http.URL, "tenantid", org)
}

// told is one event, decoded.
type told struct {
	replay uint64
	header map[string]any
	fields map[string]any
	schema *avro.RecordSchema
}

func (e told) String() string {
	return fmt.Sprintf("%v %v %v", e.header["changeType"], e.header["entityName"], e.header["recordIds"])
}

// changed gives the names in one of the header's bitmaps.
func (e told) bits(list string) string {
	var out []string
	for _, text := range e.header[list].([]any) {
		hex, fields, prefix := text.(string), e.schema.Fields(), ""
		if parent, rest, nested := strings.Cut(hex, "-"); nested {
			var n int
			if _, err := fmt.Sscan(parent, &n); err != nil {
				return err.Error()
			}
			record := fields[n].Type().(*avro.UnionSchema).Types()[1]
			if ref, ok := record.(*avro.RefSchema); ok {
				record = ref.Schema()
			}
			prefix, hex, fields = fields[n].Name()+".", rest, record.(*avro.RecordSchema).Fields()
		}
		digits := strings.TrimPrefix(hex, "0x")
		for i := range len(digits) * 4 {
			var d byte
			if _, err := fmt.Sscanf(digits[len(digits)-1-i/4:len(digits)-i/4], "%X", &d); err != nil {
				return err.Error()
			}
			if d>>(i%4)&1 == 1 {
				out = append(out, prefix+fields[i].Name())
			}
		}
	}
	return strings.Join(out, " ")
}

func (b *bus) decode(c *pb.ConsumerEvent) told {
	b.o.t.Helper()
	id := c.GetEvent().GetSchemaId()
	if b.schemas[id] == nil {
		info, err := b.client.GetSchema(b.ctx(), &pb.SchemaRequest{SchemaId: id})
		if err != nil {
			b.o.t.Fatal(err)
		}
		if b.schemas[id], err = avro.ParseWithCache(info.GetSchemaJson(), "", &avro.SchemaCache{}); err != nil {
			b.o.t.Fatal(err, info.GetSchemaJson())
		}
	}
	out := told{replay: binary.BigEndian.Uint64(c.GetReplayId()), schema: b.schemas[id].(*avro.RecordSchema)}
	if err := avro.Unmarshal(out.schema, c.GetEvent().GetPayload(), &out.fields); err != nil {
		b.o.t.Fatal(err)
	}
	out.header, _ = out.fields["ChangeEventHeader"].(map[string]any)
	return out
}

// reader is one subscription.
type reader struct {
	b      *bus
	stream pb.PubSub_SubscribeClient
	latest uint64
}

func (b *bus) subscribe(r *pb.FetchRequest) *reader {
	b.o.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx(), 20*time.Second)
	b.o.t.Cleanup(cancel)
	stream, err := b.client.Subscribe(ctx)
	if err != nil {
		b.o.t.Fatal(err)
	}
	if err := stream.Send(r); err != nil {
		b.o.t.Fatal(err)
	}
	return &reader{b: b, stream: stream}
}

// from subscribes after a replay id, for all changes.
func (b *bus) from(replay uint64, n int32) *reader {
	b.o.t.Helper()
	return b.subscribe(&pb.FetchRequest{TopicName: "/data/ChangeEvents", ReplayPreset: pb.ReplayPreset_CUSTOM, ReplayId: binary.BigEndian.AppendUint64(nil, replay), NumRequested: n})
}

// tip is the replay id of the newest event.
func (b *bus) tip() uint64 {
	b.o.t.Helper()
	return uint64(b.o.control("GET", "events", "").want(200, "").object()["latest"].(float64))
}

func (r *reader) answer() ([]told, error) {
	a, err := r.stream.Recv()
	if err != nil {
		return nil, err
	}
	r.latest = binary.BigEndian.Uint64(a.GetLatestReplayId())
	var out []told
	for _, e := range a.GetEvents() {
		out = append(out, r.b.decode(e))
	}
	return out, nil
}

// next gives n events.
func (r *reader) next(n int) []told {
	r.b.o.t.Helper()
	var out []told
	for len(out) < n {
		events, err := r.answer()
		if err != nil {
			r.b.o.t.Fatalf("after %d of %d events: %v", len(out), n, err)
		}
		out = append(out, events...)
	}
	return out
}

// end gives the code and the own code with which the stream ends.
func (r *reader) end() string {
	for {
		if _, err := r.answer(); errors.Is(err, io.EOF) {
			return "EOF"
		} else if err != nil {
			return refusal(err, r.stream.Trailer())
		}
	}
}

func refusal(err error, trailer metadata.MD) string {
	code := status.Code(err)
	if code == codes.OK {
		return "OK"
	}
	own := ""
	if list := trailer.Get("error-code"); len(list) == 1 {
		own = strings.TrimPrefix(list[0], "sfdc.platform.eventbus.grpc.")
	}
	if !strings.Contains(status.Convert(err).Message(), "rpcId: ") || len(trailer.Get("rpc-id")) != 1 {
		return "without an rpc id: " + err.Error()
	}
	return code.String() + " " + own
}

func ofSandbox(t *testing.T, list []told, want ...string) {
	t.Helper()
	var got []string
	for _, e := range list {
		got = append(got, e.String())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
