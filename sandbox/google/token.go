package google

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tandem-cosell/tandem/sandbox/kit"
)

// tokenLife is how long an access token is good for, by the sandbox's clock.
const tokenLife = time.Hour

// opToken is the name under which faults hit the token endpoint.
const opToken = "token"

// email is the service account's.
func (s *Server) email() string { return "tandem@" + s.opt.Project + ".iam.gserviceaccount.com" }

// keyID names the key of the service account.
func (s *Server) keyID() string { return hex.EncodeToString(s.opt.Key.N.Bytes()[:20]) }

// Credentials gives the key file of the service account, as the console gives it
// for download. base is the address that the sandbox is reached at.
func (s *Server) Credentials(base string) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.opt.Key)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": s.opt.Project, "private_key_id": s.keyID(),
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": s.email(), "client_id": "100000000000000000001",
		"token_uri": base + "/token", "universe_domain": "googleapis.com",
	}, "", "  ")
}

// grant is an access token that was given out.
type grant struct {
	email  string
	scopes []string
	ends   time.Time
}

// tokens are the access tokens given out since the start.
type tokens struct {
	mu  sync.Mutex
	out map[string]grant
}

func (t *tokens) give(g grant) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == nil {
		t.out = map[string]grant{}
	}
	token := "ya29.c." + rand.Text() + rand.Text()
	t.out[token] = g
	return token
}

func bearer(header string) string { return strings.TrimPrefix(header, "Bearer ") }

// end ends a token before its time.
func (t *tokens) end(header string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.out, bearer(header))
}

// check says whose token it is, if it is good now for one of the scopes.
func (t *tokens) check(header string, scopes []string, now time.Time) (string, *fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, known := t.out[bearer(header)]
	switch {
	case header == "":
		return "", refuse(codeUnauthenticated, "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential.").info("CREDENTIALS_MISSING")
	case !known || !now.Before(g.ends):
		return "", refuse(codeUnauthenticated, "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.").info("ACCESS_TOKEN_EXPIRED")
	case !slices.ContainsFunc(g.scopes, func(s string) bool { return slices.Contains(scopes, s) }):
		return "", refuse(codePermission, "Request had insufficient authentication scopes.").info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")
	}
	return g.email, nil
}

// tokenError is a refusal of the token endpoint, in OAuth's form.
type tokenError struct {
	status            int
	Name, Description string
}

func (e tokenError) Error() string { return e.Name + ": " + e.Description }

// serveToken exchanges a signed assertion of the service account for an access
// token (RFC 7523; developers.google.com/identity/protocols/oauth2/service-account).
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	trouble := s.opt.Faults.Next(opToken)
	rec := kit.Record{Time: s.opt.Clock.Now(), Method: r.Method, Path: r.URL.Path, Operation: opToken, Fault: trouble.Kind}
	defer func() { s.recorder.Add(rec) }()
	trouble.Wait(r.Context())
	answer := func(status int, v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			raw = []byte("{}")
		}
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		switch trouble.Kind {
		case kit.FaultReset, kit.FaultLostReply:
			kit.CloseConnection(w)
			return
		case kit.FaultTruncate:
			kit.TruncateReply(w, status, raw)
			return
		}
		rec.Status = status
		w.WriteHeader(status)
		_, _ = w.Write(raw) // the caller may have gone: nothing to do about it
	}
	switch trouble.Kind {
	case kit.FaultThrottle:
		answer(http.StatusTooManyRequests, map[string]string{"error": "rate_limit_exceeded"})
		return
	case kit.FaultError:
		answer(http.StatusServiceUnavailable, map[string]string{"error": "internal_failure"})
		return
	}
	g, err := s.assertion(r)
	if refused, ok := errors.AsType[tokenError](err); ok {
		answer(refused.status, map[string]string{"error": refused.Name, "error_description": refused.Description})
		return
	}
	answer(http.StatusOK, map[string]any{"access_token": s.tokens.give(g), "expires_in": int(tokenLife.Seconds()) - 1, "token_type": "Bearer"})
}

// maxAssertionLife is how far apart iat and exp may be.
const maxAssertionLife = time.Hour

func (s *Server) assertion(r *http.Request) (grant, error) {
	bad := func(name, text string) (grant, error) {
		return grant{}, tokenError{http.StatusBadRequest, name, text}
	}
	if err := r.ParseForm(); err != nil {
		return bad("invalid_request", "The form cannot be read.")
	}
	if r.PostForm.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return bad("unsupported_grant_type", "Invalid grant_type: "+r.PostForm.Get("grant_type"))
	}
	var claims struct {
		Scope string `json:"scope"`
		jwt.RegisteredClaims
	}
	_, err := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(s.opt.MachineTime), jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute), jwt.WithExpirationRequired()).
		ParseWithClaims(r.PostForm.Get("assertion"), &claims, func(t *jwt.Token) (any, error) {
			if kid, ok := t.Header["kid"].(string); ok && kid != "" && kid != s.keyID() {
				return nil, errors.New("unknown key")
			}
			return &s.opt.Key.PublicKey, nil
		})
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return bad("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case err != nil:
		return bad("invalid_grant", "Invalid JWT Signature.")
	case claims.Issuer != s.email():
		return bad("invalid_grant", "Invalid grant: account not found")
	case claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > maxAssertionLife+time.Minute:
		return bad("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case !slices.ContainsFunc(claims.Audience, func(a string) bool { return strings.HasSuffix(a, "://"+r.Host+"/token") }):
		return bad("invalid_grant", "Invalid JWT: Failed audience check. The right audience is http://"+r.Host+"/token")
	case strings.TrimSpace(claims.Scope) == "":
		return bad("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
	}
	scopes := strings.Fields(claims.Scope)
	for _, scope := range scopes {
		if !slices.Contains([]string{ScopeOrder, ScopePubSub, ScopeCloud}, scope) {
			return bad("invalid_scope", scope+" is not a valid audience string.")
		}
	}
	return grant{claims.Issuer, scopes, s.opt.Clock.Now().Add(tokenLife)}, nil
}
