package microsoft

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tandem-cosell/tandem/facts/partnercenter"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

const hooksPath = "/webhooks/v1/registration"

// subscription is the one address that the tenant has for its events.
type subscription struct {
	ID      string   `json:"id"`
	URL     string   `json:"url"`
	Events  []string `json:"events"`
	Header  bool     `json:"header"`  // the signature stands in x-ms-signature
	CertURL string   `json:"certURL"` // where the receiver finds the certificate
}

// event is what a webhook is told.
type event struct {
	EventName             string  `json:"EventName"`
	ResourceURI           string  `json:"ResourceUri"`
	ResourceName          string  `json:"ResourceName"`
	AuditURI              *string `json:"AuditUri"`
	ResourceChangeUtcDate string  `json:"ResourceChangeUtcDate"`
}

// validation is one test event and what the receiver answered.
type validation struct {
	Sent   time.Time
	Status string
	Result []map[string]any
}

// maxTests is how many test events may be asked for in a minute.
const maxTests = 2

// client delivers events. The receiver is on this machine or near it.
var client = &http.Client{Timeout: 5 * time.Second}

// tell notes an event of a referral; it goes out when the call's work is kept. The
// address names another host and path than the API has, as Microsoft's does: only
// the id in it is of use.
func (x *tx) tell(name string, f *referral) {
	x.events = append(x.events, event{
		EventName: name, ResourceURI: ResourceWebhooks + "/engagements/v1/referrals/" + f.ID, ResourceName: "referral",
		ResourceChangeUtcDate: f.Updated.UTC().Format("2006-01-02T15:04:05.0000000+00:00"),
	})
}

// offer gives the events that are subscribed to, to be delivered.
func (s *Server) offer(events []event) {
	for _, e := range events {
		if !slices.Contains(s.state.hook.Events, e.EventName) {
			continue
		}
		raw, err := json.Marshal(e)
		if err != nil {
			s.log.Error("microsoft sandbox: encode event", "error", err)
			continue
		}
		s.courier.Offer(raw)
	}
}

// startCourier delivers events to the present registration from now on. Microsoft
// tries again after anything but success. It needs s.mu.
func (s *Server) startCourier(config kit.CourierConfig) {
	hook := s.state.hook
	s.courier.Start(config, func(ctx context.Context, body []byte) (again bool, err error) {
		status, err := s.post(ctx, hook, body)
		if err == nil && status >= 300 {
			err = errors.New("the webhook answered " + http.StatusText(status))
		}
		return true, err
	})
}

func (s *Server) post(ctx context.Context, hook subscription, body []byte) (int, error) {
	signature, err := s.pki.sign(body)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if hook.Header {
		r.Header.Set("x-ms-signature", "Signature "+signature)
	} else {
		r.Header.Set("Authorization", "Signature "+signature)
	}
	r.Header.Set("X-MS-Certificate-Url", hook.CertURL)
	r.Header.Set("X-MS-Signature-Algorithm", "rsa-sha256")
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // the answer's text does not matter
	return resp.StatusCode, nil
}

// webhooks answers the calls below /webhooks/v1/registration.
func (x *tx) webhooks(path string) reply {
	switch {
	case path == "" && x.r.Method == http.MethodGet:
		if x.state.hook.URL == "" {
			return refusePartnerCenter(http.StatusNotFound, "2000", "There is no registration.", "")
		}
		return x.registration()
	case path == "" && (x.r.Method == http.MethodPost || x.r.Method == http.MethodPut):
		return x.subscribe()
	case path == "/events" && x.r.Method == http.MethodGet:
		return reply{status: http.StatusOK, body: partnercenter.Events}
	case path == "/validationEvents" && x.r.Method == http.MethodPost:
		return x.test()
	case strings.HasPrefix(path, "/validationEvents/") && x.r.Method == http.MethodGet:
		id := strings.TrimPrefix(path, "/validationEvents/")
		v := x.state.tests[id]
		if v == nil || x.now.Sub(v.Sent) > 7*24*time.Hour {
			return refusePartnerCenter(http.StatusNotFound, "2000", "The validation event does not exist.", "")
		}
		return reply{status: http.StatusOK, body: map[string]any{
			"correlationId": id, "partnerId": x.opt.OrganizationID, "status": v.Status, "callbackUrl": x.state.hook.URL, "results": v.Result,
		}}
	}
	return refusePartnerCenter(http.StatusNotFound, "2000", "The resource does not exist.", "")
}

func (x *tx) registration() reply {
	h := x.state.hook
	return reply{status: http.StatusOK, body: map[string]any{"SubscriberId": h.ID, "WebhookUrl": h.URL, "WebhookEvents": h.Events}}
}

func (x *tx) subscribe() reply {
	var in struct {
		URL    string   `json:"WebhookUrl"`
		Events []string `json:"WebhookEvents"`
		Header bool     `json:"SignatureTokenToMsSignatureHeader"`
	}
	if err := decode(x.body, &in); err != nil {
		return refusePartnerCenter(http.StatusBadRequest, "2001", "The body is no registration.", "")
	}
	u, err := url.Parse(in.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return refusePartnerCenter(http.StatusBadRequest, "2002", "The WebhookUrl must be an address.", "")
	}
	if len(in.Events) == 0 {
		return refusePartnerCenter(http.StatusBadRequest, "2003", "Name the events.", "")
	}
	for _, e := range in.Events {
		if !slices.Contains(partnercenter.Events, e) {
			return refusePartnerCenter(http.StatusBadRequest, "2003", "The event "+e+" does not exist.", "")
		}
	}
	if x.r.Method == http.MethodPost && x.state.hook.URL != "" {
		return refusePartnerCenter(http.StatusConflict, "2004", "There is a registration already.", "")
	}
	if x.r.Method == http.MethodPut && x.state.hook.URL == "" {
		return refusePartnerCenter(http.StatusNotFound, "2000", "There is no registration.", "")
	}
	if err := x.pki.ready(); err != nil {
		x.log.Error("microsoft sandbox: make certificates", "error", err)
		return refusePartnerCenter(http.StatusInternalServerError, "5000", "The certificates cannot be made.", "")
	}
	h := subscription{ID: x.state.hook.ID, URL: in.URL, Events: in.Events, Header: in.Header, CertURL: "http://" + x.r.Host + leafPath}
	if h.ID == "" {
		h.ID = uuid.NewString()
	}
	x.state.hook = h
	x.keep(kindHook, h)
	x.startCourier(kit.CourierConfig{})
	return x.registration()
}

// test sends a test-created event at once and keeps what the receiver answered.
func (x *tx) test() reply {
	if !slices.Contains(x.state.hook.Events, "test-created") {
		return refusePartnerCenter(http.StatusBadRequest, "2005", "Subscribe to test-created first.", "")
	}
	recent := 0
	for _, v := range x.state.tests {
		if x.now.Sub(v.Sent) < time.Minute {
			recent++
		}
	}
	if recent >= maxTests {
		return throttled(refusePartnerCenter, time.Minute)
	}
	id := uuid.NewString()
	v := &validation{Sent: x.now, Status: "pending", Result: []map[string]any{}}
	x.state.tests[id] = v
	hook, srv := x.state.hook, x.Server
	raw, err := json.Marshal(event{EventName: "test-created", ResourceURI: ResourceWebhooks + hooksPath + "/validationEvents/" + id, ResourceName: "test", ResourceChangeUtcDate: stamp(x.now)})
	if err != nil {
		return refusePartnerCenter(http.StatusInternalServerError, "5000", "The event cannot be made.", "")
	}
	go srv.runTest(hook, v, raw)
	return reply{status: http.StatusOK, body: map[string]any{"correlationId": id}}
}

func (s *Server) runTest(hook subscription, v *validation, raw []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, err := s.post(ctx, hook, raw)
	result := map[string]any{"responseCode": "", "responseMessage": "", "systemError": err != nil, "dateTimeUtc": stamp(s.opt.Clock.Now())}
	if err != nil {
		result["responseMessage"] = err.Error()
	} else {
		result["responseCode"] = http.StatusText(status)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v.Status, v.Result = "completed", append(v.Result, result)
}
