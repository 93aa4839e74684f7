package salesforce

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// assertionLife stays under the three minutes that Salesforce allows.
const assertionLife = 150 * time.Second

// session is one access token and the host it is good for.
type session struct {
	token    string
	instance string // scheme and host, no slash at the end
	orgID    string // 18 characters, "" if the sign-in did not say
	userID   string
}

// renewal is a sign-in under way; done is closed when session or err is set.
type renewal struct {
	done    chan struct{}
	session *session
	err     error
}

// Identity says as whom the client is signed in.
type Identity struct {
	OrgID       string // 18 characters; "" if the sign-in did not say
	UserID      string // of the integration user: LastModifiedById of our own writes
	InstanceURL string
	APIVersion  string // "67.0"
}

// Identity signs in if need be and says as whom.
func (c *Client) Identity(ctx context.Context) (Identity, error) {
	s, err := c.signedIn(ctx, nil)
	if err != nil {
		return Identity{}, err
	}
	v, err := c.apiVersion(ctx)
	if err != nil {
		return Identity{}, err
	}
	return Identity{OrgID: s.orgID, UserID: s.userID, InstanceURL: s.instance, APIVersion: strings.TrimPrefix(v, "v")}, nil
}

// Session is what a call outside the REST API signs in with.
type Session struct {
	Token       string
	InstanceURL string
	OrgID       string // 18 characters
	UserID      string
	Client      string // the name that our own writes carry
}

// Session signs in if need be; ended is the token of a session that was refused, ""
// at first.
func (c *Client) Session(ctx context.Context, ended string) (Session, error) {
	c.mu.Lock()
	old := c.session
	c.mu.Unlock()
	if old != nil && old.token != ended {
		old = nil
	}
	s, err := c.signedIn(ctx, old)
	if err != nil {
		return Session{}, err
	}
	return Session{Token: s.token, InstanceURL: s.instance, OrgID: s.orgID, UserID: s.userID, Client: c.cfg.ClientName}, nil
}

// signedIn gives a session other than ended (nil at first). Goroutines that
// come with the same ended session share one sign-in; it outlives the caller
// that began it, so that one person's Cancel doesn't fail the others.
func (c *Client) signedIn(ctx context.Context, ended *session) (*session, error) {
	c.mu.Lock()
	if c.session != nil && c.session != ended {
		s := c.session
		c.mu.Unlock()
		return s, nil
	}
	r := c.renewal
	if r == nil {
		r = &renewal{done: make(chan struct{})}
		c.renewal = r
		go func(ctx context.Context) {
			r.session, r.err = c.signIn(ctx)
			c.mu.Lock()
			c.renewal = nil
			if r.err == nil {
				c.session = r.session
			}
			c.mu.Unlock()
			close(r.done)
		}(context.WithoutCancel(ctx))
	}
	c.mu.Unlock()

	select {
	case <-r.done:
		return r.session, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("salesforce sign-in: %w", ctx.Err())
	}
}

// signIn asks the token endpoint. Asking twice does no harm, so passing faults
// are repeated.
func (c *Client) signIn(ctx context.Context) (*session, error) {
	ans, err := c.exchange(ctx, call{
		op: opSignIn, method: http.MethodPost, host: c.login.String(), path: "/services/oauth2/token",
		contentType: "application/x-www-form-urlencoded", idempotent: true,
		makeBody: func() ([]byte, error) {
			form, err := c.grant()
			return []byte(form.Encode()), err
		},
	})
	if err != nil {
		return nil, err
	}
	var reply struct {
		AccessToken string `json:"access_token"`
		InstanceURL string `json:"instance_url"`
		ID          string `json:"id"`
	}
	if err := json.Unmarshal(ans.body, &reply); err != nil || reply.AccessToken == "" {
		return nil, garbage(opSignIn, ans, "no access token in the answer")
	}
	u, err := url.Parse(strings.TrimRight(reply.InstanceURL, "/"))
	if err != nil || u.Host == "" || u.Path != "" || u.User != nil || (u.Scheme != "https" && u.Scheme != c.login.Scheme) {
		return nil, garbage(opSignIn, ans, "no usable instance_url in the answer")
	}
	s := &session{token: reply.AccessToken, instance: u.String()}
	if _, rest, ok := strings.Cut(reply.ID, "/id/"); ok {
		org, user, _ := strings.Cut(rest, "/")
		s.orgID, s.userID = ID18(org), ID18(user)
	}
	c.log.DebugContext(ctx, "salesforce: signed in", "instance", s.instance, "user", s.userID)
	return s, nil
}

// grant makes the form of the configured flow; a JWT is made anew for each try.
func (c *Client) grant() (url.Values, error) {
	if c.cfg.JWT == nil {
		return url.Values{
			"grant_type":    {"client_credentials"},
			"client_id":     {c.cfg.ClientID},
			"client_secret": {c.cfg.ClientSecret},
		}, nil
	}
	assertion, err := signJWT(c.key, map[string]any{
		"iss": c.cfg.ClientID,
		"sub": c.cfg.JWT.Username,
		"aud": c.audience(),
		"exp": c.clock.Now().Add(assertionLife).Unix(),
	})
	if err != nil {
		return nil, problem.Invalid("jwt.private_key", "unusable", err.Error())
	}
	return url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"assertion":  {assertion},
	}, nil
}

func (c *Client) audience() string {
	if c.cfg.JWT.Audience != "" {
		return c.cfg.JWT.Audience
	}
	host := c.login.Hostname()
	if host == "test.salesforce.com" || strings.HasSuffix(host, ".sandbox.my.salesforce.com") {
		return "https://test.salesforce.com"
	}
	return "https://login.salesforce.com"
}

// signJWT makes a compact RS256 token (RFC 7515, RFC 7519).
func signJWT(key *rsa.PrivateKey, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + b64.EncodeToString(payload)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + b64.EncodeToString(sig), nil
}

// apiVersion gives "v67.0": the configured one, or the newest that both sides
// know, asked for once.
func (c *Client) apiVersion(ctx context.Context) (string, error) {
	c.mu.Lock()
	v := c.version
	c.mu.Unlock()
	if v != "" {
		return v, nil
	}
	s, err := c.signedIn(ctx, nil)
	if err != nil {
		return "", err
	}
	ans, err := c.exchange(ctx, call{op: opVersions, method: http.MethodGet, host: s.instance, path: "/services/data/", idempotent: true})
	if err != nil {
		return "", err
	}
	var known []struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(ans.body, &known); err != nil {
		return "", garbage(opVersions, ans, "the list of API versions can't be read")
	}
	best := 0
	for _, k := range known {
		m := versionRE.FindStringSubmatch(k.Version)
		if m == nil {
			continue
		}
		if n, err := strconv.Atoi(m[1]); err == nil && n >= oldestVersion && n <= newestVersion && n > best {
			best = n
		}
	}
	if best == 0 {
		return "", problem.FromRemote(problem.Remote{System: system, Operation: opVersions, Code: "NO_COMMON_VERSION", Status: ans.status, Retry: problem.RetryHuman},
			fmt.Sprintf("This organization speaks none of the API versions %d.0 to %d.0", oldestVersion, newestVersion), nil)
	}
	v = fmt.Sprintf("v%d.0", best)
	c.mu.Lock()
	c.version = v
	c.mu.Unlock()
	return v, nil
}
