package microsoft

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
)

const hooksPath = "/webhooks/v1/registration"

// Events are what Tandem is told of.
var Events = []string{"referral-created", "referral-updated", "related-referral-created", "related-referral-updated"}

// Subscription is the one address to which Microsoft sends a tenant's events.
type Subscription struct {
	SubscriberID string   `json:"SubscriberId,omitempty"`
	URL          string   `json:"WebhookUrl"`
	Events       []string `json:"WebhookEvents"`
}

// Subscription reads where events go; nil when nowhere.
func (c *Client) Subscription(ctx context.Context) (*Subscription, error) {
	out := &Subscription{}
	err := c.do(ctx, call{op: "GetWebhook", method: http.MethodGet, address: c.hooks + hooksPath, resource: ResourceWebhooks}, out)
	if IsNotFound(err) {
		return nil, nil
	}
	return out, err
}

// Subscribe has events sent to an address. An address of before is replaced only
// with takeOver: it may be the official connector's.
func (c *Client) Subscribe(ctx context.Context, address string, takeOver bool) (*Subscription, error) {
	have, err := c.Subscription(ctx)
	if err != nil {
		return nil, err
	}
	method := http.MethodPost
	if have != nil {
		if have.URL == address {
			return have, nil
		}
		if !takeOver {
			return have, problem.Conflict("webhook_taken", "Microsoft sends its events to "+have.URL+" already, and knows one address only: take it over and have the events passed on to it")
		}
		method = http.MethodPut
	}
	out := &Subscription{}
	return out, c.do(ctx, call{op: method + "Webhook", method: method, address: c.hooks + hooksPath, resource: ResourceWebhooks, body: Subscription{URL: address, Events: Events}}, out)
}

// Event is what is believed of an event: that a record changed. Its address names
// another host and path than the API has; the record is read again by its id.
type Event struct {
	Name      string
	RemoteID  string
	ChangedAt string
}

// Known reports whether the event is one that makes Tandem look.
func (e Event) Known() bool { return slices.Contains(Events, e.Name) }

var idRE = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// ParseEvent reads an event.
func ParseEvent(body []byte) (Event, error) {
	var in struct {
		EventName   string
		ResourceURI string `json:"ResourceUri"`
		ChangedAt   string `json:"ResourceChangeUtcDate"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return Event{}, errors.New("it is not a JSON object with EventName and ResourceUri")
	}
	if !idRE.MatchString(in.EventName) {
		return Event{}, errors.New("its EventName is missing or no plain text")
	}
	e := Event{Name: in.EventName, ChangedAt: in.ChangedAt}
	u, err := url.Parse(in.ResourceURI)
	if err != nil {
		return Event{}, errors.New("its ResourceUri is no address")
	}
	e.RemoteID = u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if e.Known() && !idRE.MatchString(e.RemoteID) {
		return Event{}, errors.New("its ResourceUri does not name the record that it is about")
	}
	return e, nil
}

// Verifier says whether an event is Microsoft's: its signature is by a certificate
// that comes from an allowed host and leads to a trusted root.
type Verifier struct {
	hosts []string
	roots *x509.CertPool
	http  *http.Client
	clock clock.Clock

	mu    sync.Mutex
	certs map[string]*x509.Certificate
}

// signer is the organisation that Microsoft's certificates name.
const signer = "Microsoft Corporation"

const (
	maxCert    = 64 << 10
	maxCerts   = 16
	certWithin = 10 * time.Second
)

// NewVerifier makes a verifier. hosts may have a port, and are the only ones that a
// certificate is read from; rootsPEM are the roots, nil for this machine's.
func NewVerifier(hosts []string, rootsPEM []byte, c clock.Clock, transport http.RoundTripper) (*Verifier, error) {
	v := &Verifier{clock: c, certs: map[string]*x509.Certificate{}}
	for _, h := range hosts {
		v.hosts = append(v.hosts, strings.ToLower(strings.TrimSpace(h)))
	}
	if rootsPEM != nil {
		v.roots = x509.NewCertPool()
		if !v.roots.AppendCertsFromPEM(rootsPEM) {
			return nil, problem.Invalid("microsoft-webhook-root-file", "unreadable", "The file holds no certificate")
		}
	}
	v.http = &http.Client{Transport: transport, Timeout: certWithin, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("a certificate is not read over a redirection")
	}}
	return v, nil
}

// Verify gives nil when the event is Microsoft's, else why it is not believed.
func (v *Verifier) Verify(ctx context.Context, h http.Header, body []byte) error {
	if alg := h.Get("X-MS-Signature-Algorithm"); !strings.EqualFold(alg, "rsa-sha256") {
		return fmt.Errorf("the signature's algorithm is %q, not rsa-sha256", alg)
	}
	text := h.Get("X-Ms-Signature")
	if text == "" {
		text = h.Get("Authorization")
	}
	scheme, encoded, _ := strings.Cut(strings.TrimSpace(text), " ")
	if !strings.EqualFold(scheme, "Signature") {
		return errors.New("there is no signature")
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return errors.New("the signature is not base64")
	}
	cert, err := v.certificate(ctx, h.Get("X-MS-Certificate-Url"))
	if err != nil {
		return err
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return errors.New("the certificate's key is not RSA")
	}
	sum := sha256.Sum256(body)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature); err != nil {
		return errors.New("the signature is not that of the body")
	}
	return nil
}

// certificate gives a trusted certificate by its address, read once while it is good.
func (v *Verifier) certificate(ctx context.Context, address string) (*x509.Certificate, error) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || !slices.Contains(v.hosts, strings.ToLower(u.Host)) {
		return nil, errors.New("the certificate is from a host that is not allowed")
	}
	if u.Scheme != "https" && !local(u.Hostname()) {
		return nil, errors.New("the certificate's address is not https")
	}
	v.mu.Lock()
	cert := v.certs[address]
	v.mu.Unlock()
	if cert == nil {
		if cert, err = v.fetch(ctx, address); err != nil {
			return nil, err
		}
	}
	if err := v.trusts(cert); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.certs) >= maxCerts {
		clear(v.certs)
	}
	v.certs[address] = cert
	return cert, nil
}

func local(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

func (v *Verifier) fetch(ctx context.Context, address string) (*x509.Certificate, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := v.http.Do(r)
	if err != nil {
		return nil, problem.Unavailable("certificate", "Microsoft's certificate cannot be read", err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxCert))
	if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != http.StatusOK {
		return nil, problem.Unavailable("certificate", fmt.Sprintf("Microsoft's certificate cannot be read: HTTP %d", resp.StatusCode), err)
	}
	if block, _ := pem.Decode(raw); block != nil {
		raw = block.Bytes
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, errors.New("what stands at the certificate's address is no certificate")
	}
	return cert, nil
}

func (v *Verifier) trusts(cert *x509.Certificate) error {
	if !slices.Contains(cert.Subject.Organization, signer) {
		return fmt.Errorf("the certificate is of %q, not of %s", strings.Join(cert.Subject.Organization, ", "), signer)
	}
	_, err := cert.Verify(x509.VerifyOptions{Roots: v.roots, CurrentTime: v.clock.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return errors.New("the certificate leads to no root that is trusted, or has ended")
	}
	return nil
}
