package salesforce_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	pb "github.com/tandem-cosell/tandem/facts/salesforcepubsub"
	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func TestEveryChangeIsTold(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	r := b.from(b.tip(), 100)
	id := o.api("POST", "/sobjects/Account", `{"Name":"Acme","BillingCity":"Bonn","BillingCountry":"Germany","NumberOfEmployees":7,"AnnualRevenue":12.5}`,
		map[string]string{"Sforce-Call-Options": "client=tandem"}).want(201, "").id()
	o.api("PATCH", "/sobjects/Account/"+id, `{"BillingCity":null,"BillingStreet":"Way 1","NumberOfEmployees":null,"Phone":"1"}`).want(204, "")
	o.api("DELETE", "/sobjects/Account/"+id, "").want(204, "")
	o.control("POST", "undelete", `{"ids":["`+id+`"]}`).want(200, "")
	got := r.next(4)
	ofSandbox(t, got, "CREATE Account ["+id+"]", "UPDATE Account ["+id+"]", "DELETE Account ["+id+"]", "UNDELETE Account ["+id+"]")

	h := got[0].header
	if h["changeOrigin"] != "com/salesforce/api/rest/67.0;client=tandem" || h["sequenceNumber"] != 1 || h["commitTimestamp"].(int64) < noon.UnixMilli() || len(h["changedFields"].([]any)) != 0 || !strings.HasPrefix(h["commitUser"].(string), "005") {
		t.Errorf("the header of a create %v", h)
	}
	f := got[0].fields
	address, _ := f["BillingAddress"].(map[string]any)
	if record, ok := address["com.sforce.eventbus.Address"].(map[string]any); ok { // the library names the branch of a union
		address = record
	}
	if text := fmt.Sprint(f["Name"], f["NumberOfEmployees"], f["AnnualRevenue"], address["City"], f["Phone"]); !strings.Contains(text, "Acme") || !strings.Contains(text, "7") || !strings.Contains(text, "13") || !strings.Contains(text, "Bonn") {
		t.Errorf("the fields of a create %s", text)
	}
	if bits := got[1].bits("changedFields"); bits != "Phone NumberOfEmployees LastModifiedDate BillingAddress.Street BillingAddress.City" {
		t.Errorf("changed %q", bits)
	}
	if bits := got[1].bits("nulledFields"); bits != "NumberOfEmployees BillingAddress.City" {
		t.Errorf("nulled %q", bits)
	}
	if got[1].fields["Name"] != nil || got[2].fields["Name"] != nil || got[3].fields["Name"] == nil {
		t.Errorf("an update tells what changed, a delete nothing, an undelete everything: %v, %v, %v", got[1].fields["Name"], got[2].fields["Name"], got[3].fields["Name"])
	}
	if h := got[3].header; h["changeOrigin"] != "com/salesforce/api/soap/67.0;client=SfdcInternalAPI/" {
		t.Errorf("a person's doing comes from %v", h["changeOrigin"])
	}
	for i := 1; i < len(got); i++ {
		if got[i].replay <= got[i-1].replay || got[i].header["commitNumber"].(int64) <= got[i-1].header["commitNumber"].(int64) {
			t.Errorf("replay ids and commits grow: %d after %d", got[i].replay, got[i-1].replay)
		}
	}
}

func TestATransactionIsToldInItsOrder(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	account := o.account("Acme")
	b := o.bus()
	r := b.from(b.tip(), 100)
	o.api("POST", "/composite/sobjects", `{"records":[
		{"attributes":{"type":"Contact"},"LastName":"A","AccountId":"`+account+`"},{"attributes":{"type":"Contact"},"LastName":"B","AccountId":"`+account+`"}]}`).want(200, "")
	o.api("DELETE", "/sobjects/Account/"+account, "").want(204, "")
	got := r.next(4)
	one, two := got[0].header["recordIds"].([]any)[0].(string), got[1].header["recordIds"].([]any)[0].(string)
	ofSandbox(t, got, "CREATE Contact ["+one+"]", "CREATE Contact ["+two+"]", "DELETE Account ["+account+"]", "DELETE Contact ["+one+" "+two+"]")
	if got[0].header["transactionKey"] != got[1].header["transactionKey"] || got[1].header["sequenceNumber"] != 2 || got[2].header["transactionKey"] == got[1].header["transactionKey"] {
		t.Errorf("one transaction is %v and %v", got[0].header, got[1].header)
	}
	if _, err := o.server.Load(t.Context(), func(yield func(string, map[string]any) bool) {
		_ = yield("Account", map[string]any{"Name": "x"}) && yield("Account", map[string]any{"Name": "y"})
	}); err != nil {
		t.Fatal(err)
	}
	if e := r.next(1)[0]; e.header["changeType"] != "GAP_CREATE" || len(e.header["recordIds"].([]any)) != 2 {
		t.Errorf("what goes past the application is told as %v", e)
	}
}

func TestEventsComeAsTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	r := b.from(b.tip(), 2)
	var ids []string
	for i := range 5 {
		ids = append(ids, o.account(fmt.Sprint(i)))
	}
	ofSandbox(t, r.next(2), "CREATE Account ["+ids[0]+"]", "CREATE Account ["+ids[1]+"]")
	o.control("POST", "events", `{"keep_alive":"50ms"}`).want(200, "")
	if err := r.stream.Send(&pb.FetchRequest{NumRequested: 2}); err != nil {
		t.Fatal(err)
	}
	ofSandbox(t, r.next(2), "CREATE Account ["+ids[2]+"]", "CREATE Account ["+ids[3]+"]")
	if events, err := r.answer(); err != nil || len(events) != 0 {
		t.Fatalf("without a request nothing comes but signs of life: %v %v", events, err)
	}
	if r.latest == b.tip() {
		t.Error("a sign of life counts an event that is kept back as told")
	}
	if err := r.stream.Send(&pb.FetchRequest{TopicName: "/data/ChangeEvents", NumRequested: 9}); err != nil {
		t.Fatal(err)
	}
	ofSandbox(t, r.next(1), "CREATE Account ["+ids[4]+"]")
	if _, err := r.answer(); err != nil || r.latest != b.tip() {
		t.Errorf("a sign of life tells of %d, the newest is %d: %v", r.latest, b.tip(), err)
	}
}

func TestAReaderGoesOnWhereItWasForThreeDays(t *testing.T) {
	t.Parallel()
	clock, path := kit.NewFrozenClock(noon), t.TempDir()+"/state"
	o := start(t, salesforce.Options{Clock: clock, StatePath: path})
	b := o.bus()
	from := b.tip()
	first := o.account("first")
	mark := b.tip()
	o.api("PATCH", "/sobjects/Account/"+first, `{"Phone":"2"}`).want(204, "")
	want := []string{"CREATE Account [" + first + "]", "UPDATE Account [" + first + "]"}
	ofSandbox(t, b.from(from, 10).next(2), want...)
	before := b.from(mark, 10).next(1)
	ofSandbox(t, before, want[1])

	if err := o.server.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, salesforce.Options{Clock: clock, StatePath: path})
	b = again.bus()
	after := b.from(mark, 10).next(1)
	ofSandbox(t, after, want[1])
	if after[0].replay != before[0].replay || after[0].bits("changedFields") != before[0].bits("changedFields") || fmt.Sprint(after[0].header) != fmt.Sprint(before[0].header) {
		t.Errorf("a restart tells %v, before it was %v", after[0].header, before[0].header)
	}
	clock.Advance(71 * time.Hour)
	again.signIn()
	second := again.account("second")
	ofSandbox(t, b.from(mark, 10).next(2), want[1], "CREATE Account ["+second+"]")
	clock.Advance(2 * time.Hour)
	again.signIn()
	if got := b.from(from, 10).end(); got != "InvalidArgument subscription.fetch.replayid.corrupted" {
		t.Errorf("a reader that comes after three days is told %s", got)
	}
	r := b.subscribe(&pb.FetchRequest{TopicName: "/data/AccountChangeEvent", ReplayPreset: pb.ReplayPreset_EARLIEST, NumRequested: 10})
	ofSandbox(t, r.next(1), "CREATE Account ["+second+"]")
}

func TestTheBusRefusesByItsCodes(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	for _, tc := range []struct {
		request *pb.FetchRequest
		want    string
	}{
		{&pb.FetchRequest{NumRequested: 1}, "InvalidArgument topic.validation.empty"},
		{&pb.FetchRequest{TopicName: "/data/NopeChangeEvent", NumRequested: 1}, "NotFound topic.not.found"},
		{&pb.FetchRequest{TopicName: "/data/ChangeEvents"}, "InvalidArgument subscription.fetch.requested.events.invalid"},
		{&pb.FetchRequest{TopicName: "/data/ChangeEvents", NumRequested: 101}, "InvalidArgument subscription.fetch.requested.events.invalid"},
		{&pb.FetchRequest{TopicName: "/data/ChangeEvents", NumRequested: 1, ReplayPreset: pb.ReplayPreset_CUSTOM}, "InvalidArgument subscription.fetch.replayid.validation.failed"},
		{&pb.FetchRequest{TopicName: "/data/ChangeEvents", NumRequested: 1, ReplayPreset: pb.ReplayPreset_CUSTOM, ReplayId: []byte("x")}, "InvalidArgument subscription.fetch.replayid.corrupted"},
		{&pb.FetchRequest{TopicName: "/data/ChangeEvents", NumRequested: 1, ReplayPreset: pb.ReplayPreset_CUSTOM, ReplayId: binary.BigEndian.AppendUint64(nil, 1<<40)}, "InvalidArgument subscription.fetch.replayid.corrupted"},
	} {
		if got := b.subscribe(tc.request).end(); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.request, got, tc.want)
		}
	}
	r := b.from(b.tip(), 1)
	if err := r.stream.Send(&pb.FetchRequest{TopicName: "/data/AccountChangeEvent", NumRequested: 1}); err != nil {
		t.Fatal(err)
	}
	if got := r.end(); got != "InvalidArgument subscription.fetch.topic.mismatch" {
		t.Errorf("another topic on the same stream: %s", got)
	}
	var trailer metadata.MD
	_, err := b.client.GetSchema(b.ctx(), &pb.SchemaRequest{SchemaId: "nope"}, grpc.Trailer(&trailer))
	if got := refusal(err, trailer); got != "NotFound schema.meta.permission" {
		t.Errorf("an unknown schema: %s", got)
	}
	_, err = b.client.GetTopic(metadata.AppendToOutgoingContext(t.Context(), "accesstoken", o.token), &pb.TopicRequest{TopicName: "/data/ChangeEvents"}, grpc.Trailer(&trailer))
	if got := refusal(err, trailer); got != "Unauthenticated service.auth.headers.invalid" {
		t.Errorf("without an organisation: %s", got)
	}
	o.control("POST", "events", `{"denied":true}`).want(200, "")
	if got := b.subscribe(&pb.FetchRequest{TopicName: "/data/ChangeEvents", NumRequested: 1}).end(); got != "PermissionDenied subscription.topic.cannot.subscribe" {
		t.Errorf("who may not: %s", got)
	}
	o.control("POST", "events", `{"denied":false}`).want(200, "")
	r = b.from(b.tip(), 1)
	o.control("POST", "sessions/expire", "").want(200, "")
	if got := r.end(); got != "Unauthenticated service.auth.error" {
		t.Errorf("a session that ends under a stream: %s", got)
	}
	o.token = "00D000000000001!nobody"
	if got := b.from(b.tip0(), 1).end(); got != "Unauthenticated service.auth.error" {
		t.Errorf("an unknown token: %s", got)
	}
}

// tip0 is a replay id that nobody looks at.
func (b *bus) tip0() uint64 { return 1000 }

func TestTheBusHasItsTroubles(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	fail := func(operation, kind string) {
		t.Helper()
		o.control("POST", "faults", `{"fail_next":{"operation":"`+operation+`","count":1,"kind":"`+kind+`"}}`).want(200, "")
	}
	tip := b.tip()
	id := o.account("Acme")
	fail("pubsub.deliver", "duplicate")
	ofSandbox(t, b.from(tip, 10).next(2), "CREATE Account ["+id+"]", "CREATE Account ["+id+"]")
	fail("pubsub.deliver", "gap")
	ofSandbox(t, b.from(tip, 10).next(1), "GAP_CREATE Account ["+id+"]")
	for kind, want := range map[string]string{
		"reset": "Unavailable ", "lost_reply": "Unavailable ", "error": "Unavailable service.unavailable",
		"throttle": "ResourceExhausted service.protection.triggered", "session": "Unauthenticated service.auth.error",
	} {
		fail("pubsub.deliver", kind)
		if got := b.from(tip, 10).end(); got != want {
			t.Errorf("%s: %s", kind, got)
		}
		o.signIn()
	}
	fail("pubsub.subscribe", "expired")
	if got := b.from(tip, 10).end(); got != "InvalidArgument subscription.fetch.replayid.corrupted" {
		t.Errorf("expired: %s", got)
	}
	o.control("POST", "events", `{"gap":{"object":"Opportunity","kind":"GAP_OVERFLOW"}}`).want(200, "")
	o.control("POST", "events", `{"overflow":2}`).want(200, "")
	o.api("POST", "/composite/sobjects", `{"records":[{"attributes":{"type":"Account"},"Name":"1"},{"attributes":{"type":"Account"},"Name":"2"},{"attributes":{"type":"Account"},"Name":"3"}]}`).want(200, "")
	got := b.from(tip, 10).next(5)
	ofSandbox(t, []told{got[1], got[4]}, "GAP_OVERFLOW Opportunity []", "GAP_OVERFLOW Account []")
	o.control("POST", "events", `{"forget":true}`).want(200, "")
	if got := b.from(tip, 10).end(); got != "InvalidArgument subscription.fetch.replayid.corrupted" {
		t.Errorf("forgotten: %s", got)
	}
	o.control("POST", "events", `{"selected":["Opportunity"]}`).want(200, "")
	r := b.from(b.tip(), 10)
	o.account("not selected")
	deal := o.opportunity("selected")
	ofSandbox(t, r.next(1), "CREATE Opportunity ["+deal+"]")
}

func TestAnObjectThatIsHiddenIsNotToldOf(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	o.setUp(`{"access":[{"object":"Lead","level":"none"}]}`)
	if got := b.subscribe(&pb.FetchRequest{TopicName: "/data/LeadChangeEvent", NumRequested: 1}).end(); got != "PermissionDenied subscription.topic.cannot.subscribe" {
		t.Errorf("its own topic: %s", got)
	}
	r := b.from(b.tip(), 10)
	if _, err := o.server.Load(t.Context(), func(yield func(string, map[string]any) bool) {
		yield("Lead", map[string]any{"LastName": "x", "Company": "y"})
	}); err != nil {
		t.Fatal(err)
	}
	id := o.account("seen")
	ofSandbox(t, r.next(1), "CREATE Account ["+id+"]")
}

func TestPlatformEventsArePublished(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	const name = "/event/Co_Sell_Signal__e"
	info, err := b.client.GetTopic(b.ctx(), &pb.TopicRequest{TopicName: name})
	if err != nil || !info.GetCanPublish() || !info.GetCanSubscribe() {
		t.Fatal(info, err)
	}
	text, err := b.client.GetSchema(b.ctx(), &pb.SchemaRequest{SchemaId: info.GetSchemaId()})
	if err != nil {
		t.Fatal(err)
	}
	schema := avro.MustParse(text.GetSchemaJson())
	payload, err := avro.Marshal(schema, map[string]any{"CreatedDate": int64(1), "CreatedById": "005", "Subject__c": "hello", "Amount__c": nil})
	if err != nil {
		t.Fatal(err)
	}
	r := b.subscribe(&pb.FetchRequest{TopicName: name, NumRequested: 5})
	if err := r.stream.Send(&pb.FetchRequest{NumRequested: 1}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // the subscription begins at what is the newest then
	out, err := b.client.Publish(b.ctx(), &pb.PublishRequest{TopicName: name, Events: []*pb.ProducerEvent{
		{Id: "one", SchemaId: info.GetSchemaId(), Payload: payload}, {Id: "two", SchemaId: "nope", Payload: payload}, {Id: "three", SchemaId: info.GetSchemaId(), Payload: []byte{1}},
	}})
	if err != nil || len(out.GetResults()) != 3 || out.GetResults()[0].GetError() != nil || out.GetResults()[1].GetError() == nil || out.GetResults()[2].GetError() == nil || out.GetResults()[0].GetCorrelationKey() != "one" {
		t.Fatal(out, err)
	}
	got := r.next(1)[0]
	if got.replay != binary.BigEndian.Uint64(out.GetResults()[0].GetReplayId()) || !strings.Contains(jsonText(t, got.fields), "hello") {
		t.Errorf("published and told: %v", got.fields)
	}
	var trailer metadata.MD
	if _, err := b.client.Publish(b.ctx(), &pb.PublishRequest{TopicName: "/data/AccountChangeEvent", Events: []*pb.ProducerEvent{{}}}, grpc.Trailer(&trailer)); refusal(err, trailer) != "PermissionDenied topic.meta.permission" {
		t.Error(err)
	}
}

func TestEverySchemaCanBeReadAndIsStable(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	b := o.bus()
	var described struct {
		SObjects []struct{ Name string } `json:"sobjects"`
	}
	if err := json.Unmarshal([]byte(o.api("GET", "/sobjects", "").want(200, "").body), &described); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, x := range described.SObjects {
		name := x.Name + "ChangeEvent"
		if custom, ok := strings.CutSuffix(x.Name, "__c"); ok {
			name = custom + "__ChangeEvent"
		}
		info, err := b.client.GetTopic(b.ctx(), &pb.TopicRequest{TopicName: "/data/" + name})
		if err != nil {
			continue // what the system keeps by itself has no events
		}
		seen++
		text, err := b.client.GetSchema(b.ctx(), &pb.SchemaRequest{SchemaId: info.GetSchemaId()})
		if err != nil {
			t.Fatal(err)
		}
		schema, err := avro.ParseWithCache(text.GetSchemaJson(), "", &avro.SchemaCache{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := schema.(*avro.RecordSchema); r.FullName() != "com.sforce.eventbus."+name || r.Fields()[0].Name() != "ChangeEventHeader" {
			t.Errorf("%s is called %s", name, r.FullName())
		}
	}
	if seen < 12 {
		t.Errorf("only %d objects have events", seen)
	}
}
