package microsoft_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/microsoft"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

// receiver takes events and checks each one's signature by the sandbox's own root.
type receiver struct {
	mu     sync.Mutex
	events []object
	fails  int // how many deliveries are refused first
}

func (v *receiver) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.events)
}

func listen(t *testing.T, p *partner, fails int) (*receiver, string) {
	t.Helper()
	v := &receiver{fails: fails}
	root, err := p.server.RootPEM()
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(root) {
		t.Fatal("the root is no certificate")
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		resp, err := http.Get(r.Header.Get("X-MS-Certificate-Url"))
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		der, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Error(err)
		}
		sig, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Signature "))
		if err != nil {
			t.Error(err)
		}
		sum := sha256.Sum256(body)
		if err := rsa.VerifyPKCS1v15(cert.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], sig); err != nil {
			t.Error(err)
		}
		var e object
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.fails > 0 {
			v.fails--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		v.events = append(v.events, e)
	}))
	t.Cleanup(web.Close)
	return v, web.URL
}

func (p *partner) hook(method, path, body string) (int, object) {
	p.t.Helper()
	p.signIn(microsoft.ResourceWebhooks)
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+"/webhooks/v1/registration"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(r)
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal(what)
}

func TestEventsAreSignedRetriedAndCanComeTwice(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	v, address := listen(t, p, 2)
	body := `{"WebhookUrl":"` + address + `","WebhookEvents":["referral-created","related-referral-created","related-referral-updated"]}`
	if status, out := p.hook("POST", "", body); status != 200 || text(out, "SubscriberId") == "" {
		t.Fatalf("%d %v", status, out)
	}
	if status, out := p.hook("POST", "", body); status != 409 || text(out, "code") == "" {
		t.Errorf("a second registration: %d %v", status, out)
	}
	if status, out := p.hook("PUT", "", body); status != 200 {
		t.Errorf("%d %v", status, out)
	}
	p.control("webhook", `{"duplicate":1,"seed":1}`)
	p.signIn(microsoft.ResourceReferrals)
	ours, _ := p.cosell()
	p.control("seller", `{"referral":"`+text(ours, "id")+`","decision":"accept"}`)
	await(t, "the three events did not come twice each", func() bool { return v.count() == 6 })
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.events {
		if !strings.HasPrefix(text(e, "ResourceUri"), "https://api.partnercenter.microsoft.com/engagements/v1/referrals/") || text(e, "ResourceName") != "referral" {
			t.Errorf("%v", e)
		}
	}
}

func TestTheDeliveryCanBeSetAnewWhileEventsGoOut(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{AutoSeller: true, SellerDelay: time.Hour})
	v, address := listen(t, p, 0)
	p.hook("POST", "", `{"WebhookUrl":"`+address+`","WebhookEvents":["related-referral-updated"]}`)
	p.signIn(microsoft.ResourceReferrals)
	for range 20 {
		p.cosell()
	}
	p.clock.Advance(2 * time.Hour)
	p.control("webhook", `{}`) // the sellers answer first: events are under way by then
	p.signIn(microsoft.ResourceReferrals)
	before := v.count()
	p.cosell()
	p.clock.Advance(2 * time.Hour)
	p.signIn(microsoft.ResourceReferrals)
	await(t, "nothing is delivered any more", func() bool { return v.count() > before })
}

func TestATestEventTellsWhatTheReceiverAnswered(t *testing.T) {
	t.Parallel()
	p := open(t, microsoft.Options{})
	_, address := listen(t, p, 0)
	p.hook("POST", "", `{"WebhookUrl":"`+address+`","WebhookEvents":["test-created"]}`)
	status, out := p.hook("POST", "/validationEvents", "")
	if status != 200 {
		t.Fatalf("%d %v", status, out)
	}
	await(t, "the test event was not reported", func() bool {
		_, got := p.hook("GET", "/validationEvents/"+text(out, "correlationId"), "")
		results, _ := got["results"].([]any)
		return text(got, "status") == "completed" && len(results) == 1 && text(results[0].(object), "responseCode") == "OK"
	})
	p.hook("POST", "/validationEvents", "")
	if status, out := p.hook("POST", "/validationEvents", ""); status != 429 || text(out, "code") == "" {
		t.Errorf("the third within a minute: %d %v", status, out)
	}
}
