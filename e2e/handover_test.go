package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandem-cosell/tandem/sandbox"
)

// Who has no access to Google's API enters the filled form in Google's portal, and says
// so in Tandem.
func TestADealIsEnteredAtGoogleByHandInTheBrowser(t *testing.T) {
	t.Parallel()
	axe, dir := readAxe(t), t.TempDir()
	env := append(connected(fleet(t, sandbox.Options{}).Services), "TANDEM_GOOGLE_CARRIER=hand-over")
	_, base := serve(t, command{args: []string{"serve", "--data-dir", dir}, env: env})
	password := user(t, "dora@example.com", "director", "--data-dir", dir)
	ctx := startBrowser(t)
	open(ctx, t, base+"/sign-in")
	console := listen(ctx)
	signedIn(ctx, t, base, "dora@example.com", password)
	const first = `(document.querySelector('main a[href^="/hand-overs/"]')?.getAttribute("href") || "")`
	href := ""
	eventually(t, 60*time.Second, "a deal is to be entered", func() error {
		open(ctx, t, base+"/hand-overs")
		if href = evaluate[string](ctx, t, first); href == "" {
			return fmt.Errorf("none yet")
		}
		return nil
	})
	examine(ctx, t, axe, "hand-overs")
	open(ctx, t, base+href)
	examine(ctx, t, axe, "hand-over")
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("input[name=remote_id]"), "D-4711\r")); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, `document.body.textContent.includes("D-4711")`)
	eventually(t, 20*time.Second, "what was entered is listed no more", func() error {
		open(ctx, t, base+"/hand-overs")
		if evaluate[bool](ctx, t, fmt.Sprintf(`!!document.querySelector('main a[href=%q]')`, href)) {
			return fmt.Errorf("it still is")
		}
		return nil
	})
	eventually(t, 60*time.Second, "Google's number is known", func() error {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`fetch("/api/v1/registrations?cloud=gcp&limit=200").then(r => r.text())`, chromedp.EvalAwaitPromise))
		if err == nil && !strings.Contains(got, "D-4711") {
			err = fmt.Errorf("%s", got)
		}
		return err
	})
	for _, m := range console() {
		t.Errorf("console: %s", m)
	}
}
