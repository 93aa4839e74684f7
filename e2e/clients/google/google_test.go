// Package google_test has Google's own Go clients, unmodified, work against the
// Google sandbox. It is a module of its own: the clients need many modules that the
// product does not.
package google_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	pubsubrest "google.golang.org/api/pubsub/v1"
	transport "google.golang.org/api/transport/http"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	sandbox "github.com/tandem-cosell/tandem/sandbox/google"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

type bench struct {
	t      *testing.T
	url    string
	server *sandbox.Server
	clock  *kit.Clock
	faults *kit.Faults
	key    []byte
}

func newBench(t *testing.T, opt sandbox.Options) *bench {
	t.Helper()
	opt.Clock, opt.Faults = kit.NewClock(), kit.NewFaults()
	s, err := sandbox.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(s.Handler())
	web.Config.Protocols = sandbox.Protocols()
	web.Start()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		web.Close()
	})
	key, err := s.Credentials(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t, web.URL, s, opt.Clock, opt.Faults, key}
}

// client is google.golang.org/api's own HTTP client, signed in with the key file.
func (b *bench) client(scopes ...string) *http.Client {
	b.t.Helper()
	c, _, err := transport.NewClient(b.t.Context(), option.WithAuthCredentialsJSON(option.ServiceAccount, b.key), option.WithScopes(scopes...))
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) call(c *http.Client, method, path string, body any) (map[string]any, error) {
	b.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := googleapi.CheckResponse(resp); err != nil {
		return nil, err
	}
	var out map[string]any
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(answer, &out)
}

func (b *bench) control(path, body string) {
	b.t.Helper()
	resp, err := http.Post(b.url+"/_control/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, _ := io.ReadAll(resp.Body)
		b.t.Fatalf("%s: %s", path, answer)
	}
}

func good() map[string]any {
	type m = map[string]any
	return m{
		"state": "SUBMITTED", "partnerOpportunityIdentifier": "006A1",
		"opportunityInfo":   m{"displayName": "Platform", "description": "One tool in place of three."},
		"qualificationInfo": m{"contractLengthMonths": 12, "legalLanguageAccepted": true},
		"customerInfo": m{
			"customerDetails": m{"organizationName": "Contoso", "domain": "contoso.example", "employeeCount": 500},
			"contact":         m{"email": "kim@contoso.example"},
		},
	}
}

func TestTheGoogleAPIClientSignsInWithItsKeyFileAndWorksADeal(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	c := b.client(sandbox.ScopeOrder)
	made, err := b.call(c, "POST", "/v1alpha1/opportunities", good())
	if err != nil {
		t.Fatal(err)
	}
	name, _ := made["name"].(string)
	b.control("review", `{"opportunity":"`+name+`","decision":"ACCEPTED"}`)
	query := url.Values{"partner": {b.server.Partner()}, "updateMask": {"stage"}}
	patched, err := b.call(c, "PATCH", "/v1alpha1/"+name+"?"+query.Encode(), map[string]any{"stage": "REFINE", "etag": made["etag"]})
	var refused *googleapi.Error
	if !errors.As(err, &refused) || refused.Code != http.StatusConflict {
		t.Errorf("an old etag: %v %v", patched, err)
	}
	patched, err = b.call(c, "PATCH", "/v1alpha1/"+name+"?"+query.Encode(), map[string]any{"stage": "REFINE"})
	if err != nil || patched["stage"] != "REFINE" {
		t.Errorf("%v %v", patched, err)
	}
	b.clock.Advance(2 * time.Hour) // the token's end, by the sandbox's clock
	if _, err := b.call(c, "GET", "/v1alpha1/"+name, nil); !errors.As(err, &refused) || refused.Code != http.StatusUnauthorized {
		t.Errorf("an expired token: %v", err)
	}
	if _, err := b.call(b.client(sandbox.ScopeOrder), "GET", "/v1alpha1/"+name, nil); err != nil {
		t.Error(err)
	}
	bad := good()
	delete(bad, "customerInfo")
	_, err = b.call(b.client(sandbox.ScopeOrder), "POST", "/v1alpha1/opportunities", bad)
	if !errors.As(err, &refused) || refused.Code != http.StatusBadRequest || len(refused.Details) != 1 || !strings.Contains(refused.Message, "invalid") {
		t.Errorf("%+v", err)
	}
}

func TestTheClientIsToldThatItIsNotListedOrTooFast(t *testing.T) {
	b := newBench(t, sandbox.Options{NotListed: true})
	c := b.client(sandbox.ScopeOrder)
	var refused *googleapi.Error
	if _, err := b.call(c, "POST", "/v1alpha1/opportunities", good()); !errors.As(err, &refused) || refused.Code != http.StatusForbidden {
		t.Errorf("%v", err)
	}
	b.control("listed", `{"listed":true}`)
	if err := b.faults.FailNext("opportunities.create", 1, "throttle"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.call(c, "POST", "/v1alpha1/opportunities", good()); !errors.As(err, &refused) || refused.Code != http.StatusTooManyRequests || len(refused.Details) != 2 {
		t.Errorf("%+v", err)
	}
}

// pubsubClient is the Pub/Sub client as the emulator's variable sets it up.
func (b *bench) pubsubClient() *pubsub.Client {
	b.t.Helper()
	c, err := pubsub.NewClient(b.t.Context(), b.server.Project(), option.WithEndpoint(strings.TrimPrefix(b.url, "http://")),
		option.WithoutAuthentication(), option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return c
}

func (b *bench) subscribe(c *pubsub.Client, name string) string {
	b.t.Helper()
	sub, err := c.SubscriptionAdminClient.CreateSubscription(b.t.Context(), &pubsubpb.Subscription{
		Name: "projects/" + b.server.Project() + "/subscriptions/" + name, Topic: b.server.Topic(), AckDeadlineSeconds: 10,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return sub.GetName()
}

func TestThePubSubClientHearsOfOpportunities(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	c := b.pubsubClient()
	name := b.subscribe(c, "deals")
	api := b.client(sandbox.ScopeOrder)
	made, err := b.call(api, "POST", "/v1alpha1/opportunities", good())
	if err != nil {
		t.Fatal(err)
	}
	opportunity, _ := made["name"].(string)
	b.control("review", `{"opportunity":"`+opportunity+`","decision":"ACCEPTED"}`)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var heard []string
	nacked := false
	sub := c.Subscriber(name)
	sub.ReceiveSettings.NumGoroutines = 1
	err = sub.Receive(ctx, func(_ context.Context, m *pubsub.Message) {
		if !nacked { // comes again
			nacked = true
			m.Nack()
			return
		}
		var e struct {
			OpportunityEvent struct{ EventType, Opportunity, Partner string }
		}
		if err := json.Unmarshal(m.Data, &e); err != nil || e.OpportunityEvent.Opportunity != opportunity || e.OpportunityEvent.Partner != b.server.Partner() {
			t.Errorf("%s: %v", m.Data, err)
		}
		heard = append(heard, e.OpportunityEvent.EventType)
		m.Ack()
		if len(heard) == 2 {
			stop()
		}
	})
	if err != nil || len(heard) != 2 {
		t.Errorf("%v %v", heard, err)
	}
	pending, err := c.SubscriptionAdminClient.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: name, MaxMessages: 10})
	if err != nil || len(pending.GetReceivedMessages()) != 0 {
		t.Errorf("acknowledged, and still there: %v %v", pending, err)
	}
}

func TestWhatIsNotAcknowledgedComesAgain(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	c := b.pubsubClient()
	admin := c.SubscriptionAdminClient
	topic, err := c.TopicAdminClient.CreateTopic(t.Context(), &pubsubpb.Topic{Name: "projects/" + b.server.Project() + "/topics/mine"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.TopicAdminClient.CreateTopic(t.Context(), topic); status.Code(err) != codes.AlreadyExists {
		t.Errorf("made twice: %v", err)
	}
	sub, err := admin.CreateSubscription(t.Context(), &pubsubpb.Subscription{Name: "projects/" + b.server.Project() + "/subscriptions/mine", Topic: topic.GetName()})
	if err != nil || sub.GetAckDeadlineSeconds() != 10 {
		t.Fatalf("%v %v", sub, err)
	}
	result := c.Publisher(topic.GetName()).Publish(t.Context(), &pubsub.Message{Data: []byte("hello"), Attributes: map[string]string{"k": "v"}})
	id, err := result.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pull := func() []*pubsubpb.ReceivedMessage {
		t.Helper()
		out, err := admin.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: sub.GetName(), MaxMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		return out.GetReceivedMessages()
	}
	first := pull()
	if len(first) != 1 || first[0].GetMessage().GetMessageId() != id || first[0].GetMessage().GetAttributes()["k"] != "v" || first[0].GetMessage().GetPublishTime() == nil {
		t.Fatalf("%v", first)
	}
	if again := pull(); len(again) != 0 {
		t.Errorf("within the deadline: %v", again)
	}
	b.clock.Advance(11 * time.Second)
	second := pull()
	if len(second) != 1 || second[0].GetDeliveryAttempt() != 2 || second[0].GetAckId() == first[0].GetAckId() {
		t.Fatalf("after the deadline: %v", second)
	}
	if err := admin.ModifyAckDeadline(t.Context(), &pubsubpb.ModifyAckDeadlineRequest{Subscription: sub.GetName(), AckIds: []string{second[0].GetAckId()}, AckDeadlineSeconds: 60}); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(30 * time.Second)
	if again := pull(); len(again) != 0 {
		t.Errorf("within the longer deadline: %v", again)
	}
	if err := admin.Acknowledge(t.Context(), &pubsubpb.AcknowledgeRequest{Subscription: sub.GetName(), AckIds: []string{second[0].GetAckId()}}); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Hour)
	if again := pull(); len(again) != 0 {
		t.Errorf("after the acknowledgement: %v", again)
	}
	if _, err := admin.Pull(t.Context(), &pubsubpb.PullRequest{Subscription: sub.GetName() + "x", MaxMessages: 1}); status.Code(err) != codes.NotFound {
		t.Errorf("a subscription there is not: %v", err)
	}
}

func TestThePubSubRESTClientPullsWithItsKeyFile(t *testing.T) {
	b := newBench(t, sandbox.Options{})
	name := b.subscribe(b.pubsubClient(), "deals")
	s, err := pubsubrest.NewService(t.Context(), option.WithEndpoint(b.url), option.WithAuthCredentialsJSON(option.ServiceAccount, b.key), option.WithScopes(sandbox.ScopePubSub))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.call(b.client(sandbox.ScopeOrder), "POST", "/v1alpha1/opportunities", good()); err != nil {
		t.Fatal(err)
	}
	out, err := s.Projects.Subscriptions.Pull(name, &pubsubrest.PullRequest{MaxMessages: 10}).Do()
	if err != nil || len(out.ReceivedMessages) != 1 {
		t.Fatalf("%+v %v", out, err)
	}
	if _, err := s.Projects.Subscriptions.Acknowledge(name, &pubsubrest.AcknowledgeRequest{AckIds: []string{out.ReceivedMessages[0].AckId}}).Do(); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Minute)
	if out, err := s.Projects.Subscriptions.Pull(name, &pubsubrest.PullRequest{MaxMessages: 10}).Do(); err != nil || len(out.ReceivedMessages) != 0 {
		t.Errorf("%+v %v", out, err)
	}
}
