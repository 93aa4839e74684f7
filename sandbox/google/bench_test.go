package google_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tandem-cosell/tandem/sandbox/google"
	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// testKey is made once: a key costs a tenth of a second.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// bench is a sandbox on a real port and a caller that writes its requests by hand.
type bench struct {
	t      *testing.T
	now    func() time.Time
	url    string
	clock  *kit.Clock
	faults *kit.Faults
	server *google.Server
	token  string
}

type object = map[string]any

type answer struct {
	status int
	body   object
}

func newBench(t *testing.T, opt google.Options) *bench {
	t.Helper()
	return newBenchAt(t, opt, time.Now)
}

// newBenchAt has a machine whose time is given.
func newBenchAt(t *testing.T, opt google.Options, now func() time.Time) *bench {
	t.Helper()
	opt.MachineTime = now
	if opt.Clock == nil {
		opt.Clock = kit.NewClock()
	}
	opt.Faults, opt.Key = kit.NewFaults(), testKey()
	s, err := google.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(s.Handler())
	web.Config.Protocols = google.Protocols()
	web.Start()
	t.Cleanup(func() {
		web.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, now: now, url: web.URL, clock: opt.Clock, faults: opt.Faults, server: s}
	b.token = b.signIn(nil)
	return b
}

// assertion signs what a service account asks for a token with, after change.
func (b *bench) assertion(change func(jwt.MapClaims)) string {
	b.t.Helper()
	now := b.now()
	claims := jwt.MapClaims{
		"iss": "tandem@" + b.server.Project() + ".iam.gserviceaccount.com", "aud": b.url + "/token",
		"scope": google.ScopeOrder + " " + google.ScopePubSub, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	if change != nil {
		change(claims)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(testKey())
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

func (b *bench) exchange(assertion string) answer {
	b.t.Helper()
	resp, err := http.PostForm(b.url+"/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
	if err != nil {
		b.t.Fatal(err)
	}
	return b.read(resp)
}

func (b *bench) signIn(change func(jwt.MapClaims)) string {
	b.t.Helper()
	a := b.exchange(b.assertion(change))
	token, _ := a.body["access_token"].(string)
	if token == "" {
		b.t.Fatalf("%+v", a)
	}
	return token
}

func (b *bench) read(resp *http.Response) answer {
	b.t.Helper()
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		b.t.Fatalf("HTTP %d: %s", resp.StatusCode, raw)
	}
	return a
}

func (b *bench) send(method, path string, body any) (*http.Response, error) {
	b.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	return http.DefaultClient.Do(req)
}

func (b *bench) call(method, path string, body any) answer {
	b.t.Helper()
	resp, err := b.send(method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.read(resp)
}

func (b *bench) patch(name, mask string, body object) answer {
	b.t.Helper()
	return b.call("PATCH", "/v1alpha1/"+name+"?partner="+b.server.Partner()+"&updateMask="+mask, body)
}

func (b *bench) query(q url.Values) answer {
	b.t.Helper()
	q.Set("partner", b.server.Partner())
	return b.call("GET", "/v1alpha1/opportunities:query?"+q.Encode(), nil)
}

// made creates an opportunity and gives its name.
func (b *bench) made(d object) string {
	b.t.Helper()
	a := b.call("POST", "/v1alpha1/opportunities", d)
	if a.status != http.StatusOK {
		b.t.Fatalf("%+v", a)
	}
	return a.text("name")
}

func (b *bench) control(path, body string) answer {
	b.t.Helper()
	resp, err := http.Post(b.url+"/_control/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return b.read(resp)
}

func (a answer) at(path string) any {
	var v any = a.body
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(object)
		v = m[name]
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// refusedAs says whether the answer is that status and its details name the field.
func (a answer) refusedAs(status int, name, field string) bool {
	if a.status != status || a.text("error.status") != name {
		return false
	}
	return field == "" || strings.Contains(fmt.Sprint(a.at("error.details")), field)
}

// good is an opportunity that may be submitted.
func good() object {
	return object{
		"state": "SUBMITTED", "partnerOpportunityIdentifier": "006A1", "opportunityType": "ISV_SOLUTION_CONNECT",
		"opportunityInfo": object{"displayName": "Platform", "description": "The customer replaces three tools by one.", "opportunityAmount": object{"currencyCode": "USD", "units": "120000"}},
		"qualificationInfo": object{
			"contractLengthMonths": 12, "legalLanguageAccepted": true, "operationType": "NEW",
			"estimatedCloseDate": object{"year": 2027, "month": 3, "day": 31},
		},
		"customerInfo": object{
			"customerDetails": object{"organizationName": "Contoso", "domain": "contoso.example", "employeeCount": 500, "address": object{"regionCode": "US"}},
			"contact":         object{"givenName": "Kim", "familyName": "Lee", "email": "kim@contoso.example"},
		},
	}
}
