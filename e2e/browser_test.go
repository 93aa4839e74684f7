package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// screenshotsEnv names a folder for pictures of every page, to look at.
const screenshotsEnv = "TANDEM_SCREENSHOTS"

// pages are what the browser walks: where it is, or first a page and the link
// on it to follow. Another page is one more line here.
var pages = []struct {
	name string
	path string
	link string // a CSS selector of a link on path
	then string // what follows the address of the link
	deny bool   // the answer is an error: the browser's console says so, and may
}{
	{name: "today", path: "/"},
	{name: "opportunities", path: "/opportunities"},
	{name: "opportunities-filtered", path: "/opportunities?state=approved"},
	{name: "opportunities-sorted", path: "/opportunities?sort=-amount"},
	{name: "opportunities-none", path: "/opportunities?q=nothing-is-called-so"},
	{name: "board", path: "/opportunities/board"},
	{name: "new-view", path: "/opportunities/views/new?state=approved"},
	{name: "opportunity-approved", path: "/opportunities?state=approved", link: `main a[href^="/opportunities/opp_"]`},
	{name: "opportunity-blocked", path: "/opportunities?state=blocked", link: `main a[href^="/opportunities/opp_"]`},
	{name: "opportunity-action-required", path: "/opportunities?state=action_required", link: `main a[href^="/opportunities/opp_"]`},
	{name: "record-meeting", path: "/opportunities?state=approved", link: `main a[href^="/opportunities/opp_"]`, then: "/activities/new"},
	{name: "record-call", path: "/opportunities?state=approved", link: `main a[href^="/opportunities/opp_"]`, then: "/activities/new?kind=call"},
	{name: "timeline-narrowed", path: "/opportunities?state=approved", link: `main a[href^="/opportunities/opp_"]`, then: "?kind=portal"},
	{name: "introduce", path: "/opportunities?state=approved", link: `main a[href^="/opportunities/opp_"]`, then: "/intros/new?theirs_zone=America/New_York"},
	{name: "registrations", path: "/registrations"},
	{name: "approvals", path: "/approvals"},
	{name: "approvals-decided", path: "/approvals?box=decided"},
	{name: "coverage", path: "/coverage"},
	{name: "coverage-deals", path: "/coverage/deals?what=blocked"},
	{name: "attention", path: "/attention"},
	{name: "conflicts", path: "/conflicts"},
	{name: "hand-overs-none", path: "/hand-overs"},
	{name: "automation", path: "/automation"},
	{name: "automation-flow", path: "/automation/flows/write_registrations"},
	{name: "automation-dry-run", path: "/automation/flows/write_registrations/dry-run"},
	{name: "automation-digests", path: "/automation/digests"},
	{name: "routes", path: "/routes"},
	{name: "routes-none", path: "/routes?owner=nobody"},
	{name: "route", path: "/routes", link: `main a[href^="/routes/rtc_"]`},
	{name: "tagging", path: "/tagging"},
	{name: "tagging-none", path: "/tagging?owner=nobody"},
	{name: "tagging-opportunity", path: "/tagging", link: `main a[href^="/opportunities/opp_"]`},
	{name: "invitations", path: "/invitations"},
	{name: "invitation", path: "/invitations", link: `main a[href^="/invitations/inv_"]`},
	{name: "invitations-none", path: "/invitations?show=over"},
	{name: "connections", path: "/connections"},
	{name: "connection-salesforce", path: "/connections/salesforce"},
	{name: "connection-aws", path: "/connections/aws"},
	{name: "jobs", path: "/jobs"},
	{name: "job", path: "/jobs", link: `main a[href^="/jobs/"]:not([href*="?"])`},
	{name: "search", path: "/search?q=a"},
	{name: "profile", path: "/settings/profile"},
	{name: "service-levels", path: "/settings/service-levels"},
	{name: "people", path: "/settings/people"},
	{name: "new-person", path: "/settings/people/new"},
	{name: "person", path: "/settings/people", link: `main a[href^="/settings/people/usr_"]`},
	{name: "joint-rule", path: "/settings/joint-rule"},
	{name: "route-rules", path: "/settings/routes"},
	{name: "route-rule", path: "/settings/routes", link: `main tbody a[href^="/settings/routes/"]`},
	{name: "tagging-rules", path: "/settings/tagging"},
	{name: "tagging-rule", path: "/settings/tagging", link: `main tbody a[href^="/settings/tagging/"]`},
	{name: "tagging-rule-new", path: "/settings/tagging/-new"},
	{name: "solutions", path: "/settings/solutions"},
	{name: "policies", path: "/settings/policies"},
	{name: "field-owners", path: "/settings/field-owners"},
	{name: "mapping", path: "/settings/mapping"},
	{name: "mapping-account", path: "/settings/mapping?of=account"},
	{name: "mapping-registration", path: "/settings/mapping?of=registration"},
	{name: "mapping-versions", path: "/settings/mapping/versions?version=0"},
	{name: "mapping-change", path: "/settings/mapping/change?template=plain"},
	{name: "cancelled-activities", path: "/settings/cancelled-activities"},
	{name: "tokens", path: "/settings/tokens"},
	{name: "about", path: "/settings/about"},
	{name: "not-there", path: "/nothing/here", deny: true},
	{name: "opportunity-not-there", path: "/opportunities/opp_00000000000000000000000000", deny: true},
}

func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Fatal("Chromium is needed for the tests of the pages: apt-get install chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	timed, end := context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(func() { end(); cancel(); stop() })
	if err := chromedp.Do(timed, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return timed
}

// listen collects what the console says until stop is called.
func listen(ctx context.Context) (stop func() []string) {
	ctx, cancel := context.WithCancel(ctx)
	messages := chromedp.Console(ctx)
	var bad []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Type == "warning" || m.Source == "security" {
				bad = append(bad, m.String())
			}
		}
	}()
	return func() []string { cancel(); <-done; return bad }
}

// evaluate gives what an expression of a page becomes.
func evaluate[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// arrived waits until a page and its scripts are there.
func arrived(ctx context.Context, t *testing.T, where string) {
	t.Helper()
	eventually(t, 20*time.Second, where, func() error {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && typeof Tandem === "object" && typeof htmx === "object" && `+where))
		if err == nil && !ok {
			err = fmt.Errorf("not yet")
		}
		return err
	})
}

func open(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, "true")
}

// shifts sums the layout shifts since the page began to load, and says what moved.
const shifts = `new Promise(done => { let sum = 0; const moved = [];
	new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) { sum += e.value;
		for (const s of e.sources) moved.push((s.node?.outerHTML || s.node?.nodeName || "?").slice(0, 100) + " from " + JSON.stringify(s.previousRect) + " to " + JSON.stringify(s.currentRect)) } })
		.observe({type: "layout-shift", buffered: true});
	setTimeout(() => done(sum > 0.1 ? sum.toFixed(3) + ": " + moved.join("\n  ") : ""), 60) })`

// axeRun gives the serious and critical findings in words. In the dark only the
// colours differ.
func axeRun(scheme string) string {
	only := `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	if scheme == "dark" {
		only = `{type: "rule", values: ["color-contrast"]}`
	}
	return `axe.run(document, {runOnly: ` + only + `, resultTypes: ["violations"]}).then(r => r.violations.filter(v => ["serious", "critical"].includes(v.impact))
		.flatMap(v => v.nodes.map(n => v.impact + " " + v.id + ": " + v.help + "\n  " + n.html.slice(0, 300) + "\n  " + n.failureSummary)))`
}

func readAxe(t *testing.T) string {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join("axe", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(axe)
}

// paint chooses light or dark, without motion.
func paint(ctx context.Context, t *testing.T, scheme string) {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}); err != nil {
		t.Fatal(err)
	}
}

// narrowInputs names the inputs that are too narrow for a number.
const narrowInputs = `[...document.querySelectorAll("main input:not([type=hidden], [type=checkbox], [type=radio]), main select, main textarea")]
	.filter(x => x.offsetParent !== null && x.getBoundingClientRect().width < 48 && !x.closest(".sr")).map(x => x.name || x.id).join(", ")`

// painted waits until the page is drawn in the colours and at the width that were
// chosen last.
const painted = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true), 250))))`

// examine looks at the page that is open, wide and narrow, in light and dark: no
// serious finding of axe, and nothing wider than the window.
func examine(ctx context.Context, t *testing.T, axe, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		paint(ctx, t, scheme)
		for _, width := range []int64{1440, 390} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Evaluate[chromedp.Void](axe)); err != nil {
				t.Fatal(err)
			}
			evaluate[bool](ctx, t, painted)
			for _, finding := range evaluate[[]string](ctx, t, axeRun(scheme)) {
				t.Errorf("%s at %d, %s: %s", name, width, scheme, finding)
			}
			if over := evaluate[int](ctx, t, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%s is %d pixels wider than the window of %d", name, over, width)
			}
			if over := evaluate[int](ctx, t, `Math.max(0, ...[...document.querySelectorAll(".table-scroll")].map(x => x.scrollWidth - x.clientWidth))`); over > 0 {
				t.Errorf("a table of %s hides %d pixels at %d", name, over, width)
			}
			picture(ctx, t, fmt.Sprintf("%s-%d-%s", name, width, scheme))
		}
	}
	paint(ctx, t, "light")
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900)); err != nil {
		t.Fatal(err)
	}
	evaluate[bool](ctx, t, painted) // what is pressed next has to have its place
}

func TestEveryPageIsQuietAccessibleAndSteadyInTheBrowser(t *testing.T) {
	t.Parallel()
	axe := readAxe(t)
	demo := command{args: []string{"demo", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--accounts", "60", "--opportunities", "200"}}.start(t)
	base := strings.TrimPrefix(demo.line(t, demo.err, "Tandem serves at "), "Tandem serves at ")
	signIn := regexp.MustCompile(`Sign in as (\S+) with the password (\S+)`).FindStringSubmatch(demo.line(t, demo.err, "Sign in as "))
	if signIn == nil {
		t.Fatalf("no password: %s", demo.err)
	}
	demo.line(t, demo.err, "stays up")
	ctx := startBrowser(t)

	said := listen(ctx)
	open(ctx, t, base+"/opportunities?state=approved")
	arrived(ctx, t, `location.pathname === "/sign-in"`)
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("input[name=email]"), signIn[1]), chromedp.SendKeys(chromedp.CSS("input[name=password]"), "not the password"),
		chromedp.Click(chromedp.CSS("form[action='/sign-in'] button[type=submit], form[action='/sign-in'] button:not([type])"))); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, `location.pathname === "/sign-in" && document.body.textContent.includes("password")`)
	for _, m := range said() {
		if !strings.Contains(m, "401") { // the browser tells of the refused sign-in
			t.Errorf("console at sign-in: %s", m)
		}
	}
	said = listen(ctx)
	open(ctx, t, base+"/sign-in?next=/opportunities")
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("input[name=email]"), signIn[1]), chromedp.SendKeys(chromedp.CSS("input[name=password]"), signIn[2]+"\r")); err != nil {
		t.Fatal(err)
	}
	arrived(ctx, t, `location.pathname === "/opportunities"`)
	if n := evaluate[int](ctx, t, `document.querySelectorAll("main tbody tr").length`); n < 10 {
		t.Errorf("the list shows %d rows", n)
	}
	for _, m := range said() {
		t.Errorf("console after sign-in: %s", m)
	}

	dir := os.Getenv(screenshotsEnv)
	for _, scheme := range []string{"light", "dark"} {
		paint(ctx, t, scheme)
		for _, width := range []int64{1440, 390} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
				t.Fatal(err)
			}
			for _, p := range pages {
				t.Run(fmt.Sprintf("%s-%d-%s", p.name, width, scheme), func(t *testing.T) {
					if p.link != "" {
						open(ctx, t, base+p.path)
						path := evaluate[string](ctx, t, fmt.Sprintf(`document.querySelector(%q)?.getAttribute("href") || ""`, p.link))
						if path == "" {
							t.Fatalf("%s has no link %s", p.path, p.link)
						}
						p.path = path + p.then
					}
					said := listen(ctx)
					open(ctx, t, base+p.path)
					if got := evaluate[string](ctx, t, `document.querySelectorAll("h1").length === 1 && document.title.length > 8 ? "" : document.title + document.querySelectorAll("h1").length`); got != "" {
						t.Errorf("one heading and a title: %s", got)
					}
					if over := evaluate[int](ctx, t, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
						t.Errorf("the page is %d pixels wider than the window", over)
					}
					if narrow := evaluate[string](ctx, t, narrowInputs); narrow != "" {
						t.Errorf("what is entered cannot be seen in %s", narrow)
					}
					if moved := evaluate[string](ctx, t, shifts); moved != "" {
						t.Errorf("the layout shifts by %s", moved)
					}
					if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
						t.Fatal(err)
					}
					for _, finding := range evaluate[[]string](ctx, t, axeRun(scheme)) {
						t.Error(finding)
					}
					if dir != "" {
						shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
						if err == nil {
							err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", p.name, width, scheme)), shot, 0o600)
						}
						if err != nil {
							t.Error(err)
						}
					}
					for _, m := range said() {
						if !p.deny || !strings.Contains(m, "404") {
							t.Errorf("console: %s", m)
						}
					}
				})
			}
		}
	}
}
