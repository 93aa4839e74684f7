package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tandem-cosell/tandem/sandbox"
	"github.com/tandem-cosell/tandem/sandbox/demo"
)

// nextSteps gives what an opportunity's next steps are at AWS.
func nextSteps(t *testing.T, s sandbox.Services, id string) string {
	t.Helper()
	var in struct {
		Opportunities []struct {
			ID  string `json:"id"`
			Doc struct {
				LifeCycle struct{ NextSteps string }
			} `json:"doc"`
		} `json:"opportunities"`
	}
	getJSON(t, s.AWS.URL+"/_control/opportunities", "", &in)
	for _, o := range in.Opportunities {
		if o.ID == id {
			return o.Doc.LifeCycle.NextSteps
		}
	}
	return ""
}

// patch changes a record in Salesforce, as a person does there.
func patch(t *testing.T, s sandbox.Services, object, id string, fields map[string]any) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.Salesforce.ClientID}, "client_secret": {s.Salesforce.ClientSecret}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Salesforce.URL+"/services/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	answer(t, req, &token)
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	req, err = http.NewRequestWithContext(t.Context(), http.MethodPatch, s.Salesforce.URL+"/services/data/v67.0/sobjects/"+object+"/"+id, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	answer(t, req, nil)
}

func TestAConflictIsSettledInThePageByKeyboard(t *testing.T) {
	t.Parallel()
	s := fleet(t, sandbox.Options{Demo: demo.Options{Seed: 1, Accounts: 20, Opportunities: 80}}).Services
	dir := t.TempDir()
	password := user(t, "ada@example.com", "director", "--data-dir", dir)
	_, base := serve(t, command{args: []string{"serve", "--data-dir", dir}, env: connected(s)})
	v := visit(t, base)
	if x := v.signIn("ada@example.com", password); x.StatusCode != 303 {
		t.Fatalf("sign-in: %d", x.StatusCode)
	}
	var solutions struct {
		Items []struct{ ID, Name, Status string }
	}
	eventually(t, 60*time.Second, "a default solution is chosen", func() error {
		if err := json.Unmarshal([]byte(v.do(http.MethodGet, "/api/v1/solutions", nil, "Accept", "application/json").text), &solutions); err != nil {
			return err
		}
		for _, x := range solutions.Items {
			if strings.Contains(x.Name, "Ultimate (SaaS)") {
				return status(v.do(http.MethodPost, "/settings/solutions", url.Values{"version": {"0"}, "aws": {x.ID}}), 303)
			}
		}
		return fmt.Errorf("%+v", solutions)
	})
	var record awsOpportunity
	eventually(t, 120*time.Second, "AWS approves a deal", func() error {
		for _, o := range portal(t, s) {
			if o.Review.Status == "Approved" && !strings.Contains(o.Doc.LifeCycle.Stage, "Closed") && o.Doc.LifeCycle.Stage != "Launched" {
				record = o
				return nil
			}
		}
		return fmt.Errorf("none is approved")
	})
	var hits []struct{ Href string }
	if err := json.Unmarshal([]byte(v.get("/search.json?q="+record.Doc.PartnerOpportunityIdentifier).text), &hits); err != nil || len(hits) == 0 {
		t.Fatal(hits, err)
	}
	deal := hits[0].Href
	refresh := func() error { return status(v.do(http.MethodPost, deal+"/refresh", url.Values{"cloud": {"aws"}}), 303) }
	eventually(t, 60*time.Second, "Tandem knows of the approval", func() error {
		if err := refresh(); err != nil {
			return err
		}
		if x := v.get(deal); !strings.Contains(x.text, "AWS · Approved") {
			return fmt.Errorf("%d: not approved yet", x.StatusCode)
		}
		return nil
	})

	control(t, s.AWS.URL, "edit", fmt.Sprintf(`{"opportunity":%q,"set":{"LifeCycle.NextSteps":"Meet the customer in Seattle"}}`, record.ID))
	patch(t, s, "Opportunity", record.Doc.PartnerOpportunityIdentifier, map[string]any{"Next_Steps__c": "Meet the customer in Berlin"})
	if x := v.do(http.MethodPost, "/connections/sync", url.Values{}); x.StatusCode != 303 {
		t.Fatalf("sync: %d", x.StatusCode)
	}
	eventually(t, 60*time.Second, "the conflict is seen", func() error {
		if x := v.get("/conflicts"); !strings.Contains(x.text, "data-conflict") {
			return fmt.Errorf("%d: no conflict", x.StatusCode)
		}
		return nil
	})
	if x := v.get("/?kind=conflict"); !strings.Contains(x.text, "Settle it") {
		t.Error("Today does not ask to settle it")
	}

	ctx := startBrowser(t)
	open(ctx, t, base+"/sign-in?next=/conflicts")
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("input[name=email]"), "ada@example.com"), chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r")); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, `location.pathname === "/conflicts"`)
	said := listen(ctx)
	axe, err := os.ReadFile(filepath.Join("axe", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{390, 1440} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
				t.Fatal(err)
			}
			for name, path := range map[string]string{"conflicts": "/conflicts", "conflict-deal": deal, "field": deal + "/field?cloud=aws&path=LifeCycle.NextSteps", "contacts": deal + "/field?cloud=aws&path=Customer.Contacts", "field-owners": "/settings/field-owners"} {
				open(ctx, t, base+path)
				if over := evaluate[int](ctx, t, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s is %d pixels wider than %d", name, over, width)
				}
				if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](string(axe))); err != nil {
					t.Fatal(err)
				}
				for _, finding := range evaluate[[]string](ctx, t, axeRun(scheme)) {
					t.Error(name, finding)
				}
				if shots := os.Getenv(screenshotsEnv); shots != "" {
					shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
					if err == nil {
						err = os.WriteFile(filepath.Join(shots, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), shot, 0o600)
					}
					if err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
	open(ctx, t, base+"/conflicts")
	for _, want := range []string{"Berlin", "Seattle", "Next steps"} {
		if !evaluate[bool](ctx, t, fmt.Sprintf(`document.querySelector("[data-conflict]").textContent.includes(%q)`, want)) {
			t.Errorf("the conflict does not show %s", want)
		}
	}
	// j goes to the conflict, 1 keeps ours.
	if err := chromedp.Do(ctx, chromedp.KeyEvent("j"), chromedp.KeyEvent("1")); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, `location.pathname === "/conflicts" && !document.querySelector("[data-conflict]") && document.body.textContent.includes("ours goes to AWS Partner Central")`)
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
	eventually(t, 60*time.Second, "ours is at AWS", func() error {
		if got := nextSteps(t, s, record.ID); got != "Meet the customer in Berlin" {
			return fmt.Errorf("AWS holds %q", got)
		}
		return nil
	})
	rows := query(t, s, "SELECT Next_Steps__c FROM Opportunity WHERE Id = '"+record.Doc.PartnerOpportunityIdentifier+"'")
	if len(rows) != 1 || rows[0]["Next_Steps__c"] != "Meet the customer in Berlin" {
		t.Errorf("Salesforce holds %v", rows)
	}
	if x := v.get(deal); !strings.Contains(x.text, "Event log") || !strings.Contains(x.text, "it knows all that we know") {
		t.Error("the deal does not say that all is the same")
	}
}
