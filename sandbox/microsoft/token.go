package microsoft

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Paths of the token server.
const (
	tokenPath     = "/common/oauth2/token"
	authorizePath = "/common/oauth2/authorize"
)

// The resources that a token can be for: the referrals and the webhooks are two.
const (
	ResourceReferrals = "https://api.partner.microsoft.com"
	ResourceWebhooks  = "https://api.partnercenter.microsoft.com"
)

// tokenRefusal is what the token server answers, in its own form.
func tokenRefusal(x *tx, code, description string, number int) reply {
	return reply{status: http.StatusBadRequest, body: map[string]any{
		"error": code, "error_description": "AADSTS" + strconv.Itoa(number) + ": " + description, "error_codes": []int{number},
		"timestamp": x.now.Format("2006-01-02 15:04:05Z"),
	}}
}

// same compares secrets without telling by its time where they differ.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// token answers the v1 endpoint: a resource, not scopes, says what the token is for.
func (x *tx) token() reply {
	if x.r.Method != http.MethodPost {
		return reply{status: http.StatusMethodNotAllowed}
	}
	form, err := url.ParseQuery(string(x.body))
	if err != nil || !strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return tokenRefusal(x, "invalid_request", "The request body must be a form.", 900144)
	}
	if form.Get("client_id") != x.opt.ClientID {
		return tokenRefusal(x, "unauthorized_client", "Application with this identifier was not found in the directory.", 700016)
	}
	if !same(form.Get("client_secret"), x.opt.ClientSecret) {
		out := tokenRefusal(x, "invalid_client", "Invalid client secret provided.", 7000215)
		out.status = http.StatusUnauthorized
		return out
	}
	resource := strings.TrimRight(form.Get("resource"), "/")
	if resource != ResourceReferrals && resource != ResourceWebhooks {
		return tokenRefusal(x, "invalid_resource", "The resource principal was not found in the tenant.", 500011)
	}
	family := ""
	switch form.Get("grant_type") {
	case "password":
		if form.Get("username") != x.opt.Username || !same(form.Get("password"), x.opt.Password) {
			return tokenRefusal(x, "invalid_grant", "Error validating credentials due to invalid username or password.", 50126)
		}
		family = rand.Text()
	case "authorization_code":
		code := form.Get("code")
		redirect, known := x.state.codes[code]
		delete(x.state.codes, code)
		if !known || redirect != form.Get("redirect_uri") {
			return tokenRefusal(x, "invalid_grant", "The provided authorization code is not valid or has been used.", 70008)
		}
		family = rand.Text()
	case "refresh_token":
		old := x.state.refresh[form.Get("refresh_token")]
		switch {
		case old == nil || x.state.revoked[old.Family]:
			return tokenRefusal(x, "invalid_grant", "The provided grant has been revoked.", 50173)
		case x.now.Sub(old.Used) > x.opt.RefreshTokenLife:
			return tokenRefusal(x, "invalid_grant", "The refresh token has expired due to inactivity.", 700082)
		case old.Spent && x.opt.SingleUse:
			x.revoke(old.Family)
			return tokenRefusal(x, "invalid_grant", "The refresh token was used before.", 54005)
		}
		family = old.Family
		spent := *old
		spent.Spent, spent.Used = true, x.now
		x.state.refresh[spent.Token] = &spent
		x.keep(kindRefresh, spent)
	default:
		return tokenRefusal(x, "unsupported_grant_type", "The grant type is not supported by this endpoint.", 70003)
	}
	return reply{status: http.StatusOK, header: http.Header{"Cache-Control": {"no-store"}}, body: x.issue(resource, family)}
}

func (x *tx) issue(resource, family string) map[string]any {
	access := accessToken{Token: jwtLike(resource), Resource: resource, Family: family, Expires: x.now.Add(x.opt.AccessTokenLife)}
	refresh := refreshToken{Token: "0." + rand.Text() + rand.Text(), Family: family, Used: x.now}
	x.state.access[access.Token], x.state.refresh[refresh.Token] = access, &refresh
	x.keep(kindAccess, access)
	x.keep(kindRefresh, refresh)
	seconds := strconv.Itoa(int(x.opt.AccessTokenLife / time.Second))
	return map[string]any{
		"token_type": "Bearer", "scope": "user_impersonation", "expires_in": seconds, "ext_expires_in": seconds,
		"expires_on": strconv.FormatInt(access.Expires.Unix(), 10), "not_before": strconv.FormatInt(x.now.Unix(), 10),
		"resource": resource, "access_token": access.Token, "refresh_token": refresh.Token,
	}
}

// jwtLike makes a token that looks like one of Microsoft's; it is good by being
// known, not by its signature.
func jwtLike(resource string) string {
	enc := base64.RawURLEncoding
	claims, err := json.Marshal(map[string]string{"aud": resource, "jti": rand.Text()})
	if err != nil {
		panic(err) // two texts
	}
	return enc.EncodeToString([]byte(`{"typ":"JWT","alg":"RS256"}`)) + "." + enc.EncodeToString(claims) + "." + enc.EncodeToString([]byte(rand.Text()))
}

// authorize signs the one person in and sends him back with a code, as the sign-in
// page does once the password was right: GET with client_id, redirect_uri,
// response_type=code and state.
func (x *tx) authorize() reply {
	q := x.r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || back.Host == "" || q.Get("client_id") != x.opt.ClientID || q.Get("response_type") != "code" {
		return tokenRefusal(x, "invalid_request", "The sign-in needs client_id, response_type=code and a redirect_uri.", 900144)
	}
	code := "0.A" + rand.Text()
	x.state.codes[code] = q.Get("redirect_uri")
	answer := back.Query()
	answer.Set("code", code)
	if s := q.Get("state"); s != "" {
		answer.Set("state", s)
	}
	back.RawQuery = answer.Encode()
	return reply{status: http.StatusFound, header: http.Header{"Location": {back.String()}}}
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// signedIn reports whether the call carries a token that is good for the resource now.
func (x *tx) signedIn(resource string) bool {
	t, ok := x.state.access[bearer(x.r)]
	return ok && t.Resource == resource && x.now.Before(t.Expires) && !x.state.revoked[t.Family]
}

// endSession ends the caller's access token before its time.
func (x *tx) endSession() {
	if t, ok := x.state.access[bearer(x.r)]; ok {
		t.Expires = x.now
		x.state.access[t.Token] = t
		x.keep(kindAccess, t)
	}
}

// revoke ends a sign-in with all that came of it.
func (x *tx) revoke(family string) {
	x.state.revoked[family] = true
	x.keep(kindRevoked, family)
}
