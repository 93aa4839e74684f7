package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/app"
	"github.com/tandem-cosell/tandem/internal/flow/sync"
	"github.com/tandem-cosell/tandem/internal/platform/jobs"
)

const hookKey = "a key that AWS sends"

func hooked(t *testing.T, key string) (*app.App, string) {
	t.Helper()
	cfg := app.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0", SyncEvery: time.Minute, Role: "web", AWS: app.AWSConfig{Catalog: "AWS", WebhookKey: key}}
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler), app.NoJobs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	h, err := New(a)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return a, s.URL + "/hooks/aws"
}

func deliver(t *testing.T, method, url, key, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if key != "" {
		req.Header.Set("x-api-key", key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func event(id, kind, catalog, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":%q,"detail-type":%q,"source":"aws.partnercentral-selling","time":"2026-11-24T12:00:00Z","resources":[],"detail":{"catalog":%q,%s}}`, id, kind, catalog, detail)
}

const aboutOffer = `"engagementInvitation":{"id":"engi-0000000000001","participantType":"Receiver"}`

func planned(ctx context.Context, t *testing.T, c *jobs.Client, kind string) int64 {
	t.Helper()
	n, err := c.Unfinished(ctx, []string{kind}, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAnEventWithTheKeyPlansOneLookHoweverOftenItComes(t *testing.T) {
	t.Parallel()
	a, url := hooked(t, hookKey)
	for _, id := range []string{"e1", "e1", "e2", "e1"} {
		if code, body := deliver(t, http.MethodPost, url, hookKey, event(id, "Engagement Invitation Created", "AWS", aboutOffer)); code != http.StatusOK {
			t.Fatal(code, body)
		}
	}
	if n := planned(t.Context(), t, a.Jobs, (sync.InvitationsArgs{}).Kind()); n != 1 {
		t.Fatalf("%d looks at invitations", n)
	}
	if n := planned(t.Context(), t, a.Jobs, (sync.ChangesArgs{}).Kind()); n != 0 {
		t.Fatalf("%d looks at changes", n)
	}
	if code, body := deliver(t, http.MethodPost, url, hookKey, event("e3", "Opportunity Updated", "AWS", `"opportunity":{"identifier":"O1"}`)); code != http.StatusOK || !strings.Contains(body, `"taken":true`) {
		t.Fatal(code, body)
	}
	if n := planned(t.Context(), t, a.Jobs, (sync.ChangesArgs{}).Kind()); n != 1 {
		t.Fatalf("%d looks at changes", n)
	}
}

func TestWhatIsNotOursIsPassedOverAndWhatIsMalformedIsRefused(t *testing.T) {
	t.Parallel()
	a, url := hooked(t, hookKey)
	for _, x := range []struct {
		what, method, key, body string
		want                    int
		has                     string
	}{
		{"no key", http.MethodPost, "", event("e1", "Opportunity Updated", "AWS", `"opportunity":{"identifier":"O1"}`), http.StatusUnauthorized, "wrong_key"},
		{"another key", http.MethodPost, hookKey + "x", "{}", http.StatusUnauthorized, "wrong_key"},
		{"a read", http.MethodGet, hookKey, "", http.StatusMethodNotAllowed, "method_not_allowed"},
		{"no JSON", http.MethodPost, hookKey, "hello", http.StatusBadRequest, "malformed_event"},
		{"no id", http.MethodPost, hookKey, `{"source":"aws.partnercentral-selling","detail-type":"Opportunity Updated"}`, http.StatusBadRequest, "its id is missing"},
		{"no record", http.MethodPost, hookKey, event("e2", "Opportunity Updated", "AWS", `"opportunity":{}`), http.StatusBadRequest, "does not name"},
		{"too large", http.MethodPost, hookKey, `{"id":"` + strings.Repeat("x", 300<<10) + `"}`, http.StatusRequestEntityTooLarge, "body_too_large"},
		{"another catalog", http.MethodPost, hookKey, event("e3", "Opportunity Updated", "Sandbox", `"opportunity":{"identifier":"O1"}`), http.StatusOK, "another catalog"},
		{"another kind", http.MethodPost, hookKey, event("e4", "Engagement Exploded", "AWS", `"x":1`), http.StatusOK, `"taken":false`},
		{"another source", http.MethodPost, hookKey, `{"id":"e5","source":"aws.ec2","detail-type":"x","detail":{}}`, http.StatusOK, `"taken":false`},
	} {
		if code, body := deliver(t, x.method, url, x.key, x.body); code != x.want || !strings.Contains(body, x.has) {
			t.Errorf("%s: %d %s", x.what, code, body)
		}
	}
	if n := planned(t.Context(), t, a.Jobs, (sync.ChangesArgs{}).Kind()); n != 0 {
		t.Fatalf("%d looks", n)
	}
	for range 80 {
		if code, _ := deliver(t, http.MethodPost, url, "guess", "{}"); code == http.StatusTooManyRequests {
			if code, body := deliver(t, http.MethodPost, url, hookKey, event("e6", "Opportunity Updated", "AWS", `"opportunity":{"identifier":"O1"}`)); code != http.StatusOK {
				t.Fatal("guesses keep the real sender out", code, body)
			}
			return
		}
	}
	t.Fatal("guesses are not slowed down")
}

func TestWithoutAKeyThereIsNoWebhook(t *testing.T) {
	t.Parallel()
	_, url := hooked(t, "")
	for _, key := range []string{"", "x"} {
		if code, _ := deliver(t, http.MethodPost, url, key, event("e1", "Opportunity Updated", "AWS", `"opportunity":{"identifier":"O1"}`)); code != http.StatusNotFound {
			t.Fatal(code)
		}
	}
}
