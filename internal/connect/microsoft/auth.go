package microsoft

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

// The resources that a token can be for (microsoft-google.md §1.2 and §1.8).
const (
	ResourceReferrals = "https://api.partner.microsoft.com"
	ResourceWebhooks  = "https://api.partnercenter.microsoft.com"
)

// SignIn is a person's sign-in as it is kept between calls and restarts. Of names
// the configured token that it came of, so that a new one in the configuration is
// taken in place of what was kept.
type SignIn struct {
	RefreshToken string    `json:"refresh_token"`
	Of           string    `json:"of"`
	RenewedAt    time.Time `json:"renewed_at"`
}

// Vault keeps the sign-in. It is a secret: whoever has it acts as the user.
type Vault interface {
	// Load gives what was saved last; the zero SignIn when nothing was.
	Load(ctx context.Context) (SignIn, error)
	// Save keeps a sign-in in place of the one before.
	Save(ctx context.Context, s SignIn) error
}

// memory is the vault of a client that was given none.
type memory struct {
	mu   sync.Mutex
	kept SignIn
}

// Load gives what was saved last.
func (m *memory) Load(context.Context) (SignIn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept, nil
}

// Save keeps a sign-in as long as the process lives.
func (m *memory) Save(_ context.Context, s SignIn) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = s
	return nil
}

// session is an access token and until when it is used.
type session struct {
	token string
	until time.Time
}

// early is how long before its end a token is no longer used.
const early = 5 * time.Minute

// fingerprint names a token without telling it.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

// signedIn gives a session for a resource, other than ended ("" at first). One
// renewal runs at a time, so that a token that is good once is used once; those who
// wait take what it brought.
func (c *Client) signedIn(ctx context.Context, resource, ended string) (string, error) {
	select {
	case c.renewing <- struct{}{}:
		defer func() { <-c.renewing }()
	case <-ctx.Done():
		return "", interrupted("Token", ctx.Err())
	}
	if s := c.sessions[resource]; s.token != "" && s.token != ended && c.cfg.Clock.Now().Before(s.until) {
		return s.token, nil
	}
	return c.renew(context.WithoutCancel(ctx), resource)
}

// renew asks the token server. It needs c.renewing.
func (c *Client) renew(ctx context.Context, resource string) (string, error) {
	kept, err := c.cfg.Vault.Load(ctx)
	if err != nil {
		return "", problem.Unavailable("sign_in_store", "The sign-in at Microsoft that was kept cannot be read", err)
	}
	of := fingerprint(c.cfg.RefreshToken)
	if kept.Of != of || kept.RefreshToken == "" {
		kept = SignIn{RefreshToken: c.cfg.RefreshToken, Of: of}
	}
	form := url.Values{
		"grant_type": {"refresh_token"}, "resource": {resource}, "client_id": {c.cfg.ClientID}, "client_secret": {c.cfg.ClientSecret},
		"refresh_token": {kept.RefreshToken},
	}
	var out struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		ExpiresIn    any    `json:"expires_in"` // the v1 endpoint answers a text
	}
	for attempt := 1; ; attempt++ {
		failure := c.token(ctx, form, &out)
		if failure == nil {
			break
		}
		if failure.Remote.Retry != problem.RetrySoon || attempt >= c.cfg.MaxAttempts {
			c.note(failure)
			return "", failure
		}
		if err := c.cfg.Sleep(ctx, max(c.backOff(attempt), failure.RetryAfter)); err != nil {
			return "", failure
		}
	}
	now := c.cfg.Clock.Now()
	seconds, err := strconv.Atoi(fmt.Sprint(out.ExpiresIn))
	if err != nil || seconds <= 0 {
		seconds = 3600
	}
	life := time.Duration(seconds) * time.Second
	c.sessions[resource] = session{out.AccessToken, now.Add(life - min(early, life/2))}
	if out.RefreshToken != "" {
		kept.RefreshToken = out.RefreshToken
	}
	kept.RenewedAt = now
	if err := c.cfg.Vault.Save(ctx, kept); err != nil {
		c.cfg.Logger.ErrorContext(ctx, "microsoft: the renewed sign-in could not be kept; it is lost when Tandem stops", "error", err)
	}
	c.note(nil)
	c.mu.Lock()
	c.renewedAt = now
	c.mu.Unlock()
	return out.AccessToken, nil
}

// token makes one call of the token server.
func (c *Client) token(ctx context.Context, form url.Values, out any) *problem.Error {
	const op = "Token"
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.login+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return problem.FromRemote(problem.Remote{System: System, Operation: op, Code: CodeNotReached, Retry: problem.RetryHuman}, "The address of the token server cannot be used", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	resp, body, failure := c.exchange(op, r) //nolint:bodyclose // exchange reads and closes it
	if failure != nil {
		return failure
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, out); err != nil {
			return unreadable(op, resp, body, err)
		}
		return nil
	}
	failure = answerError(op, resp, body, c.cfg.Clock.Now())
	if failure.Remote.Retry == problem.RetryReauth { // there is nothing to sign in with anew
		failure.Remote.Retry, failure.Code = problem.RetryHuman, "remote_"+string(problem.RetryHuman)
	}
	if failure.Remote.Code == codeInvalidGrant {
		failure.Message = "The sign-in at Microsoft has ended: a person with the role Referrals admin has to sign in again, and the new refresh token has to be set. " + failure.Message
	}
	return failure
}

// Health is how long the sign-in at Microsoft still lasts. Until is zero when it was
// not renewed yet. Warning is what a person should do before it ends, "" for nothing.
type Health struct {
	RenewedAt time.Time
	Until     time.Time
	Warning   string
}

// How long a refresh token lasts without use (Entra's default), and how early a
// person is warned.
const (
	defaultLife = 90 * 24 * time.Hour
	warnBefore  = 14 * 24 * time.Hour
	secretWarn  = 30 * 24 * time.Hour
)

// Health says how the sign-in stands, without a call.
func (c *Client) Health(ctx context.Context) Health {
	c.mu.Lock()
	h, failed := Health{RenewedAt: c.renewedAt}, c.failed
	c.mu.Unlock()
	if h.RenewedAt.IsZero() {
		if kept, err := c.cfg.Vault.Load(ctx); err == nil && kept.Of == fingerprint(c.cfg.RefreshToken) {
			h.RenewedAt = kept.RenewedAt
		}
	}
	now := c.cfg.Clock.Now()
	if !h.RenewedAt.IsZero() {
		h.Until = h.RenewedAt.Add(c.cfg.SignInLife)
	}
	switch end := c.cfg.SecretUntil; {
	case failed != "":
		h.Warning = failed
	case !h.Until.IsZero() && h.Until.Sub(now) < warnBefore:
		h.Warning = fmt.Sprintf("The sign-in at Microsoft ends on %s unless it is renewed before", h.Until.Format("2 January 2006"))
	case !end.IsZero() && end.Sub(now) < secretWarn:
		h.Warning = fmt.Sprintf("The app's client secret ends on %s: make a new one in Entra and set it before", end.Format("2 January 2006"))
	}
	return h
}

// note keeps why the last renewal failed for good; nil forgets it.
func (c *Client) note(p *problem.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = ""
	if p != nil && p.Remote.Retry == problem.RetryHuman {
		c.failed = p.Message
	}
}
