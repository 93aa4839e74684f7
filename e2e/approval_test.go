package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// signedIn opens a page as somebody in the browser, whoever was signed in before.
func signedIn(ctx context.Context, t *testing.T, base, email, password string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`fetch("/sign-out", {method: "POST"}).then(() => true, () => true)`, chromedp.EvalAwaitPromise)); err != nil {
		t.Fatal(err)
	}
	open(ctx, t, base+"/sign-in")
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("input[name=email]"), email), chromedp.SendKeys(chromedp.CSS("input[name=password]"), password+"\r")); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, `location.pathname === "/"`)
}

// candidate finds a deal that is joint with no cloud and has all that AWS requires.
const candidate = `(async () => {
	const list = await (await fetch("/api/v1/opportunities?limit=200&open=open")).json();
	for (const o of list.items.filter(o => o.clouds.length === 0 && !/^(0|8|9|10)-/.test(o.stage))) {
		const r = await fetch("/api/v1/opportunities/" + o.id + "/registrations", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({cloud: "aws", dry_run: true})});
		if (r.ok && (await r.json()).registration.blocking === 0) return o.id + " " + o.name;
	}
	return "";
})()`

func TestAnAssociateSubmitsADirectorApprovesAndItGoesOutInTheBrowser(t *testing.T) {
	t.Parallel()
	axe := readAxe(t)
	dir := t.TempDir()
	demo := command{args: []string{"demo", "--data-dir", dir, "--listen", "127.0.0.1:0", "--accounts", "60", "--opportunities", "200"}}.start(t)
	base := strings.TrimPrefix(demo.line(t, demo.err, "Tandem serves at "), "Tandem serves at ")
	director := regexp.MustCompile(`Sign in as (\S+) with the password (\S+)`).FindStringSubmatch(demo.line(t, demo.err, "Sign in as "))
	if director == nil {
		t.Fatalf("no password: %s", demo.err)
	}
	demo.line(t, demo.err, "stays up")
	password := user(t, "ann@example.com", "associate", "--data-dir", dir)
	ctx := startBrowser(t)
	open(ctx, t, base+"/sign-in")
	said := listen(ctx)
	sees := func(text string) {
		t.Helper()
		arrived(ctx, t, fmt.Sprintf(`document.body.textContent.includes(%q)`, text))
	}
	accessible := func(name string) { t.Helper(); examine(ctx, t, axe, "approval-"+name) }

	signedIn(ctx, t, base, "ann@example.com", password)
	id, name, ok := strings.Cut(evaluate[string](ctx, t, candidate), " ")
	if !ok {
		t.Fatal("no deal of the demo organisation could be registered")
	}
	open(ctx, t, base+"/opportunities/"+id)
	form := `document.querySelector('form[action$="/joint"]:has(input[name=cloud][value=aws])')`
	evaluate[bool](ctx, t, `(() => { const f = `+form+`; f.closest("details").open = true; f.querySelector("input[value=yes]").checked = true; f.querySelector("[name=reason]").value = "Sold together"; f.querySelector("button:not([type=button])").click(); return true })()`)
	sees("for approval: it goes out by itself when approved")
	sees("Asked for approval: Mark as joint with AWS and submit to AWS Partner Central")
	open(ctx, t, base+"/")
	sees("Waits for approval: Mark as joint with AWS")

	signedIn(ctx, t, base, director[1], director[2])
	sees("Test associate asks: Mark as joint with AWS and submit to AWS Partner Central")
	accessible("today")
	open(ctx, t, base+"/approvals")
	sees(name)
	accessible("list")
	href := evaluate[string](ctx, t, `document.querySelector('main a[href^="/approvals/apr_"]').getAttribute("href")`)
	open(ctx, t, base+href)
	sees("An Associate's work goes to the partner after a Director approved it")
	accessible("request")
	open(ctx, t, base+"/")
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`.work-act button[form^="item-apr_"]`))); err != nil {
		t.Fatal(err)
	}
	sees("Approved: it goes out now, in Test associate's name")
	eventually(t, 60*time.Second, "the deal is at AWS", func() error {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`fetch("/api/v1/registrations?opportunity_id=`+id+`").then(r => r.json()).then(x => x.items.length === 1 && x.items[0].submitted_at ? "" : JSON.stringify(x))`, chromedp.EvalAwaitPromise))
		if err == nil && got != "" {
			err = fmt.Errorf("%s", got)
		}
		return err
	})
	open(ctx, t, base+"/opportunities/"+id)
	sees("Approved: Mark as joint with AWS")
	open(ctx, t, base+"/settings/policies")
	sees("Nobody approves their own request")
	accessible("policies")

	signedIn(ctx, t, base, "ann@example.com", password)
	sees("approved: Mark as joint with AWS")
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(`.work-act button[form^="item-apr_"]`))); err != nil {
		t.Fatal(err)
	}
	sees("Noted")
	if evaluate[bool](ctx, t, `document.body.textContent.includes("approved: Mark as joint")`) {
		t.Error("what was noted stays on Today")
	}
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
}
