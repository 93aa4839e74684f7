package salesforce_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tandem-cosell/tandem/sandbox/salesforce"
)

func TestTokenAnswerHasSalesforcesMembers(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id, secret := o.server.Credentials()
	got := o.form("/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}).want(200, "").object()
	for _, name := range []string{"access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"} {
		if s, _ := got[name].(string); s == "" {
			t.Errorf("%s is missing in %v", name, got)
		}
	}
	if got["instance_url"] != o.http.URL || got["token_type"] != "Bearer" || got["issued_at"] != "1789473600000" {
		t.Errorf("token answer %v", got)
	}
	if !strings.HasPrefix(got["access_token"].(string), "00D") || !strings.Contains(got["access_token"].(string), "!AQ") {
		t.Errorf("token %v", got["access_token"])
	}
}

func TestOAuthRefusalsAreObjects(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{ClientID: "the-id", ClientSecret: "the-secret"})
	for name, tc := range map[string]struct {
		form url.Values
		want string
	}{
		"a wrong secret":     {url.Values{"grant_type": {"client_credentials"}, "client_id": {"the-id"}, "client_secret": {"no"}}, "invalid_client"},
		"an unknown client":  {url.Values{"grant_type": {"client_credentials"}, "client_id": {"no"}, "client_secret": {"no"}}, "invalid_client_id"},
		"an unknown grant":   {url.Values{"grant_type": {"dance"}}, "unsupported_grant_type"},
		"no grant":           {url.Values{}, "invalid_request"},
		"JWT without a key":  {url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"x.y.z"}}, "invalid_grant"},
		"revoking a nothing": {nil, "invalid_token"},
	} {
		path := "/services/oauth2/token"
		if tc.form == nil {
			path, tc.form = "/services/oauth2/revoke", url.Values{"token": {"no"}}
		}
		if got := o.form(path, tc.form).want(400, "").object(); got["error"] != tc.want || got["error_description"] == "" {
			t.Errorf("%s: %v, want %s", name, got, tc.want)
		}
	}
}

func TestJWTBearerSignsInTheNamedUserOnlyWithTheRegisteredKey(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	o := start(t, salesforce.Options{ClientID: "the-id", JWTPublicKey: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})})
	good := jwt.RegisteredClaims{Issuer: "the-id", Subject: salesforce.IntegrationUsername, Audience: jwt.ClaimStrings{"https://login.salesforce.com"}, ExpiresAt: jwt.NewNumericDate(noon.Add(3 * time.Minute))}
	for name, tc := range map[string]struct {
		change func(*jwt.RegisteredClaims)
		key    *rsa.PrivateKey
		want   string
	}{
		"as it should be":    {func(*jwt.RegisteredClaims) {}, key, ""},
		"the site's address": {func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{o.http.URL} }, key, ""},
		"another key":        {func(*jwt.RegisteredClaims) {}, stranger, "invalid_grant"},
		"expired":            {func(c *jwt.RegisteredClaims) { c.ExpiresAt = jwt.NewNumericDate(noon.Add(-time.Second)) }, key, "invalid_grant"},
		"another audience":   {func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"https://example.com"} }, key, "invalid_grant"},
		"an unknown user":    {func(c *jwt.RegisteredClaims) { c.Subject = "nobody@example.com" }, key, "invalid_grant"},
		"another app":        {func(c *jwt.RegisteredClaims) { c.Issuer = "no" }, key, "invalid_client_id"},
	} {
		claims := good
		tc.change(&claims)
		assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(tc.key)
		if err != nil {
			t.Fatal(err)
		}
		a := o.form("/services/oauth2/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}})
		got := a.object()
		if tc.want == "" {
			if a.status != 200 || got["access_token"] == nil {
				t.Errorf("%s: %d %v", name, a.status, got)
			}
			continue
		}
		if a.status != 400 || got["error"] != tc.want {
			t.Errorf("%s: %d %v, want %s", name, a.status, got, tc.want)
		}
	}
}

func TestAnExpiredUnknownOrRevokedSessionIsRefused(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{SessionTTL: time.Hour})
	const golden = `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`
	check := func(when string) {
		t.Helper()
		if a := o.api("GET", "/limits", ""); a.status != 401 || a.body != golden {
			t.Errorf("%s: %d %s", when, a.status, a.body)
		}
		o.signIn()
		o.api("GET", "/limits", "").want(200, "")
	}
	o.server.Clock().Advance(61 * time.Minute)
	check("after an hour of rest")
	o.control("POST", "sessions/expire", "").want(200, "")
	check("after all were ended")
	o.form("/services/oauth2/revoke", url.Values{"token": {o.token}}).want(200, "")
	check("after it was revoked")
	o.token = "nonsense"
	check("with nonsense")
}

func TestIdentityTellsWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	o := start(t, salesforce.Options{})
	id, secret := o.server.Credentials()
	tok := o.form("/services/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}).object()
	path := strings.TrimPrefix(tok["id"].(string), o.http.URL)
	auth := map[string]string{"Authorization": "Bearer " + o.token}
	got := o.send("GET", path, nil, auth).want(200, "").object()
	if got["username"] != salesforce.IntegrationUsername || got["id"] != tok["id"] {
		t.Errorf("identity %v", got)
	}
	if got := o.send("GET", "/services/oauth2/userinfo", nil, auth).want(200, "").object(); got["preferred_username"] != salesforce.IntegrationUsername {
		t.Errorf("user info %v", got)
	}
	o.send("GET", path, nil, nil).want(403, "")
}
