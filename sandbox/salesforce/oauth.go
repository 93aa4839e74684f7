package salesforce

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

const jwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

func parsePublicKey(data []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("the JWT public key is not PEM")
	}
	var key any
	if block.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		key = cert.PublicKey
	} else {
		var err error
		if key, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
			return nil, err
		}
	}
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the JWT public key is not RSA")
	}
	return rsaKey, nil
}

// oauthError is what the OAuth endpoints answer: an object, not the API's array.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (c *call) oauthRefusal(code, description string) *reply {
	return jsonReply(http.StatusBadRequest, oauthError{code, description})
}

func (s *Server) serveOAuth(c *call) *reply {
	switch strings.TrimPrefix(c.path, "/services/oauth2/") {
	case "token":
		if c.method != http.MethodPost {
			return c.oauthRefusal("invalid_request", "must use HTTP POST for token endpoint")
		}
		return s.token(c)
	case "revoke":
		form := c.form()
		if !s.sessions.revoke(form.Get("token")) {
			return c.oauthRefusal("invalid_token", "invalid token: "+clip(form.Get("token")))
		}
		return &reply{status: http.StatusOK}
	case "userinfo":
		return s.identity(c, s.org.OrgID, "", true)
	default:
		return errorReply(notFound())
	}
}

func (c *call) form() url.Values {
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		form = url.Values{}
	}
	for k, v := range c.query {
		if _, ok := form[k]; !ok {
			form[k] = v
		}
	}
	return form
}

func (s *Server) token(c *call) *reply {
	form := c.form()
	var userID string
	switch grant := form.Get("grant_type"); grant {
	case "client_credentials":
		id, secret := form.Get("client_id"), form.Get("client_secret")
		if id == "" && secret == "" {
			id, secret = basicAuth(c.header)
		}
		if id == "" {
			return c.oauthRefusal("invalid_request", "missing required parameter: client_id")
		}
		if !equalSecret(id, s.org.ClientID) {
			return c.oauthRefusal("invalid_client_id", "client identifier invalid")
		}
		if !equalSecret(secret, s.org.ClientSecret) {
			return c.oauthRefusal("invalid_client", "invalid client credentials")
		}
		userID = s.org.UserID
	case jwtGrant:
		var refused *reply
		if userID, refused = s.assertedUser(c, form.Get("assertion")); refused != nil {
			return refused
		}
	case "":
		return c.oauthRefusal("invalid_request", "missing required parameter: grant_type")
	default:
		return c.oauthRefusal("unsupported_grant_type", "grant type not supported")
	}
	now := s.clock.Now()
	token := s.org.OrgID[:15] + "!AQ" + randomText(92)
	s.sessions.open(token, userID, now)
	issued := strconv.FormatInt(now.UnixMilli(), 10)
	id := c.base + "/id/" + s.org.OrgID + "/" + userID
	mac := hmac.New(sha256.New, []byte(s.org.ClientSecret))
	mac.Write([]byte(id + issued))
	return jsonReply(http.StatusOK, map[string]any{
		"access_token": token, "signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "scope": "api",
		"instance_url": c.base, "api_instance_url": c.base, "id": id, "token_type": "Bearer", "issued_at": issued,
	})
}

func equalSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func basicAuth(h http.Header) (id, secret string) {
	r := http.Request{Header: h}
	id, secret, _ = r.BasicAuth()
	return id, secret
}

// assertedUser checks a JWT bearer assertion: RS256 by the registered key, iss
// the client id, sub an active user's name, aud a login host, exp not past.
func (s *Server) assertedUser(c *call, assertion string) (string, *reply) {
	if s.jwtKey == nil {
		return "", c.oauthRefusal("invalid_grant", "the app has no certificate registered for the JWT bearer flow")
	}
	var claims jwt.RegisteredClaims
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.clock.Now), jwt.WithExpirationRequired())
	_, err := parser.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return s.jwtKey, nil })
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return "", c.oauthRefusal("invalid_grant", "expired authorization code")
	case err != nil:
		return "", c.oauthRefusal("invalid_grant", "invalid assertion")
	case claims.Issuer != s.org.ClientID:
		return "", c.oauthRefusal("invalid_client_id", "client identifier invalid")
	case !loginAudience(claims.Audience, c.base):
		return "", c.oauthRefusal("invalid_grant", "audience is invalid")
	case claims.ExpiresAt.After(s.clock.Now().Add(30 * time.Minute)):
		return "", c.oauthRefusal("invalid_grant", "invalid assertion")
	}
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	users := s.store.table("User")
	ids := users.find(users.obj.field("Username"), claims.Subject, "")
	if len(ids) == 0 {
		return "", c.oauthRefusal("invalid_grant", "user hasn't approved this consumer")
	}
	if row, _ := s.store.ByID("User", ids[0]); row[users.obj.FieldIndex("IsActive")] != true {
		return "", c.oauthRefusal("invalid_grant", "inactive user")
	}
	return ids[0], nil
}

func loginAudience(audience []string, base string) bool {
	for _, a := range audience {
		switch strings.TrimSuffix(a, "/") {
		case "https://login.salesforce.com", "https://test.salesforce.com", base:
			return true
		}
	}
	return false
}

// serveIdentity answers /id/{org}/{user}.
func (s *Server) serveIdentity(c *call) *reply {
	parts := strings.Split(strings.TrimPrefix(c.path, "/id/"), "/")
	if len(parts) != 2 {
		return errorReply(notFound())
	}
	return s.identity(c, parts[0], parts[1], false)
}

func (s *Server) identity(c *call, orgID, userID string, openID bool) *reply {
	token := bearer(c.header)
	for _, name := range []string{"oauth_token", "access_token"} {
		if token == "" {
			token = c.form().Get(name)
		}
	}
	me, ok := s.sessions.user(token, s.clock.Now())
	if !ok {
		return &reply{status: http.StatusForbidden, header: http.Header{"Content-Type": {"text/html;charset=UTF-8"}}, body: []byte("Bad_OAuth_Token")}
	}
	if userID == "" {
		userID = me
	}
	userID, _ = longID(userID)
	orgID, _ = longID(orgID)
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	row, ok := s.store.ByID("User", userID)
	if !ok || orgID != s.org.OrgID {
		return &reply{status: http.StatusForbidden, header: http.Header{"Content-Type": {"text/html;charset=UTF-8"}}, body: []byte("Wrong_Org")}
	}
	return jsonReply(http.StatusOK, s.identityBody(c.base, row, openID))
}

func (s *Server) identityBody(base string, row soql.Row, openID bool) map[string]any {
	user := s.store.schema.byName["User"]
	get := func(name string) any { return row[user.FieldIndex(name)] }
	id, _ := row[user.id].(string)
	urls := map[string]any{
		"enterprise": base + "/services/Soap/c/{version}/" + s.org.OrgID, "rest": base + "/services/data/v{version}/",
		"sobjects": base + "/services/data/v{version}/sobjects/", "query": base + "/services/data/v{version}/query/",
		"profile": base + "/" + id, "custom_domain": base,
	}
	out := map[string]any{
		"user_id": id, "organization_id": s.org.OrgID, "email": get("Email"), "email_verified": true,
		"active": get("IsActive"), "user_type": "STANDARD", "language": "en_US", "locale": get("LocaleSidKey"),
		"utcOffset": 0, "urls": urls, "updated_at": json.RawMessage(appendValue(nil, row[user.modifiedDate])),
	}
	if openID {
		out["sub"] = base + "/id/" + s.org.OrgID + "/" + id
		out["preferred_username"], out["name"] = get("Username"), get("Name")
		out["given_name"], out["family_name"], out["nickname"] = get("FirstName"), get("LastName"), get("CommunityNickname")
		out["zoneinfo"], out["is_salesforce_integration_user"] = get("TimeZoneSidKey"), true
		return out
	}
	out["id"], out["asserted_user"] = base+"/id/"+s.org.OrgID+"/"+id, true
	out["username"], out["display_name"], out["nick_name"] = get("Username"), get("Name"), get("CommunityNickname")
	out["first_name"], out["last_name"], out["timezone"] = get("FirstName"), get("LastName"), get("TimeZoneSidKey")
	out["is_app_installed"], out["last_modified_date"] = true, json.RawMessage(appendValue(nil, row[user.modifiedDate]))
	return out
}

func bearer(h http.Header) string {
	kind, token, ok := strings.Cut(h.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "OAuth") {
		return ""
	}
	return strings.TrimSpace(token)
}
