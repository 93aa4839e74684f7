package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/edge/api"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// bodies are well-formed bodies for the writes that need one, by operation id:
// a new write with a body needs an entry, and the test says so.
var bodies = map[string]string{
	"mark-joint":                    `{"joint":true,"reason":"because"}`,
	"register-opportunity":          `{"cloud":"aws"}`,
	"choose-solutions":              `{"solutions":[]}`,
	"save-view":                     `{"name":"x","query":""}`,
	"preview-joint-rule":            `{"clouds":{}}`,
	"put-joint-rule":                `{"clouds":{}}`,
	"put-default-solutions":         `{}`,
	"approve":                       `{}`,
	"refuse":                        `{"note":"not now"}`,
	"put-approval-rules":            `{"threshold_usd":100000}`,
	"put-service-levels":            `{"register_working_days":5,"update_days":14}`,
	"send-again":                    `{"ids":[]}`,
	"bulk":                          `{"ids":[],"cloud":"aws"}`,
	"create-token":                  `{"name":"x","scopes":["read"]}`,
	"change-password":               `{"current":"x","new":"x"}`,
	"create-user":                   `{"name":"x","email":"x@example.com","level":"reader"}`,
	"set-user-level":                `{"level":"reader"}`,
	"settle-conflict":               `{"path":"x","choice":"ours","ours":"a","theirs":"b"}`,
	"put-registration-fields":       `{"values":{"x":"y"}}`,
	"put-field-owners":              `{}`,
	"put-fiscal-year":               `{"start_month":2}`,
	"correct-tags":                  `{"opportunity_id":"opp_x","rule":"two_clouds","tags":"{}"}`,
	"accept-tags":                   `{"opportunity_id":"opp_x","rule":"two_clouds","tags":"{}","reason":"x"}`,
	"reopen-tags":                   `{"opportunity_id":"opp_x","rule":"two_clouds"}`,
	"put-tagging-rules":             `{"rules":[]}`,
	"put-field-mapping":             `{"fields":[],"reason":"x"}`,
	"restore-field-mapping-version": `{"reason":"x"}`,
	"accept-invitations":            `{"ids":["inv_x"]}`,
	"reject-invitation":             `{"reason":"Other"}`,
	"link-invitation":               `{"opportunity_id":"opp_x"}`,
	"create-opportunity":            `{}`,
	"record-activity":               `{"opportunity_id":"opp_x","kind":"decision","subject":"x","on":"2026-11-24"}`,
	"change-activity":               `{"subject":"x","on":"2026-11-24"}`,
	"cancel-activity":               `{}`,
	"settle-activity":               `{"choice":"ours"}`,
	"put-cancelled-activities":      `{"mode":"mark"}`,
	"dismiss-invitation":            `{"reason":"no budget"}`,
	"propose-intro-meeting":         `{"cloud":"aws","title":"x","ours":{"name":"A","email":"a@x.example","zone":"UTC"},"theirs":{"name":"B","email":"b@x.example","zone":"UTC"}}`,
	"change-intro-meeting":          `{"title":"x","ours":{"name":"A","email":"a@x.example","zone":"UTC"},"theirs":{"name":"B","email":"b@x.example","zone":"UTC"}}`,
	"confirm-intro-meeting":         `{"starts_at":"2026-12-01T16:00:00Z","ends_at":"2026-12-01T16:30:00Z"}`,
	"hold-intro-meeting":            `{}`,
	"miss-intro-meeting":            `{}`,
	"cancel-intro-meeting":          `{}`,
	"tell-hand-over":                `{}`,
	"put-pause":                     `{"paused":false}`,
	"put-flow":                      `{"on":true}`,
	"put-digest-schedule":           `{"weekday":1,"hour":8,"zone":"UTC"}`,
	"decide-route-conflict":         `{"winner":"cloud:aws","reason":"x"}`,
	"reopen-route-conflict":         `{"reason":"x"}`,
	"put-route-rules":               `{"rules":[]}`,
	"choose-claim":                  `{"remote_id":""}`,
}

func (d described) request(t *testing.T, method, path string) call {
	t.Helper()
	c := call{method: method, path: concrete(path), header: map[string]string{}}
	if d.RequestBody != nil && d.RequestBody.Required {
		body, ok := bodies[d.OperationID]
		if !ok {
			t.Fatalf("give the write %s a body in the test's table", d.OperationID)
		}
		c.body = body
	}
	query := []string{}
	for _, p := range d.Parameters {
		if p.In == "query" && p.Required {
			query = append(query, p.Name+"=x")
		}
	}
	if len(query) > 0 {
		c.path += "?" + strings.Join(query, "&")
	}
	return c
}

func TestEveryOperationNeedsSomebody(t *testing.T) {
	t.Parallel()
	operations(t, func(t *testing.T, method, path string, d described) {
		c := d.request(t, method, path)
		c.token = "-"
		a := shared.do(t, c)
		a.refusal(t, http.StatusUnauthorized, "not_signed_in")
		if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("WWW-Authenticate is %q", a.header.Get("WWW-Authenticate"))
		}
		c.token = "tdm_nobody"
		shared.do(t, c).refusal(t, http.StatusUnauthorized, "bad_token")
	})
}

func TestEveryOperationNeedsItsScope(t *testing.T) {
	t.Parallel()
	operations(t, func(t *testing.T, method, path string, d described) {
		for scope, token := range shared.director.scoped {
			if scope == d.scope() {
				continue
			}
			c := d.request(t, method, path)
			c.token = token
			a := shared.do(t, c)
			a.refusal(t, http.StatusForbidden, "scope_missing")
		}
	})
}

func TestEveryOperationFollowsThePolicies(t *testing.T) {
	t.Parallel()
	operations(t, func(t *testing.T, method, path string, d described) {
		for _, u := range []user{shared.reader, shared.abdm} {
			may, err := authz.May(u.person.Actor(), authz.Action(d.Action))
			if err != nil {
				t.Fatal(err)
			}
			if may {
				continue
			}
			c := d.request(t, method, path)
			c.token = u.all
			shared.do(t, c).refusal(t, http.StatusForbidden, "not_allowed")
		}
	})
}

func TestAnotherSchemeAndARevokedTokenAreRefused(t *testing.T) {
	t.Parallel()
	shared.do(t, call{token: "-", method: http.MethodGet, path: "/me", header: map[string]string{"Authorization": "Basic eDp5"}}).refusal(t, http.StatusUnauthorized, "unknown_scheme")
	made := into[api.NewToken](t, shared.do(t, call{method: http.MethodPost, path: "/tokens", body: `{"name":"short-lived","scopes":["read"],"expires_in_days":1}`}).want(t, http.StatusCreated))
	if made.Token.ExpiresAt == nil || !strings.HasPrefix(made.Secret, "tdm_") || !strings.HasSuffix(made.Secret, made.Token.Hint) {
		t.Errorf("the token is %+v", made)
	}
	shared.do(t, call{token: made.Secret, method: http.MethodGet, path: "/me"}).want(t, http.StatusOK)
	if !slices.ContainsFunc(into[items[api.Token]](t, shared.get(t, "/tokens").want(t, http.StatusOK)).Items, func(x api.Token) bool { return x.ID == made.Token.ID }) {
		t.Error("the token is not in the list")
	}
	shared.do(t, call{method: http.MethodDelete, path: "/tokens/" + made.Token.ID}).want(t, http.StatusNoContent)
	shared.do(t, call{token: made.Secret, method: http.MethodGet, path: "/me"}).refusal(t, http.StatusUnauthorized, "bad_token")
	shared.do(t, call{method: http.MethodDelete, path: "/tokens/" + made.Token.ID}).refusal(t, http.StatusNotFound, "token_not_found")
}

func TestATokenCannotMakeAWiderOne(t *testing.T) {
	t.Parallel()
	p := shared.do(t, call{token: shared.director.scoped["admin"], method: http.MethodPost, path: "/tokens", body: `{"name":"wider","scopes":["admin","write"]}`}).refusal(t, http.StatusUnprocessableEntity, "invalid_input")
	if len(p.Errors) != 1 || p.Errors[0].Field != "scopes" {
		t.Errorf("errors %v", p.Errors)
	}
}

func TestABrowserSessionActsTooAndTheServingProgramDoesNot(t *testing.T) {
	t.Parallel()
	handler, err := api.New(shared.app)
	if err != nil {
		t.Fatal(err)
	}
	as := func(ctx context.Context, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, api.Prefix+path, nil))
		return w
	}
	ctx := authz.With(t.Context(), shared.abdm.person.Actor())
	w := as(ctx, "/me")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"kind":"person"`) || !strings.Contains(w.Body.String(), shared.abdm.person.ID) {
		t.Errorf("a session got %d %s", w.Code, w.Body)
	}
	for _, serving := range []authz.Actor{authz.System, {Kind: authz.KindSystem, ID: "cli"}, {Kind: authz.KindIntegration, ID: shared.director.person.ID, Level: authz.LevelDirector}} {
		if w := as(authz.With(t.Context(), serving), "/users"); w.Code != http.StatusUnauthorized {
			t.Errorf("the %s %s of the serving program got %d", serving.Kind, serving.ID, w.Code)
		}
	}
	if w := as(ctx, "/users"); w.Code != http.StatusForbidden {
		t.Errorf("an ABDM's session got %d for the users", w.Code)
	}
}
