package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// movable finds two deals that AWS approved and that may still move to another
// stage, and one that is not at AWS, as "id id id".
const movable = `(async () => {
	const of = async state => (await (await fetch("/api/v1/registrations?limit=200&state=" + state)).json()).items;
	const good = (await of("approved")).filter(r => ["Prospect", "Qualified", "Technical Validation", "Business Validation"].includes(r.remote_stage)).slice(0, 2);
	const bad = (await of("blocked")).slice(0, 1);
	return [...good, ...bad].map(r => r.opportunity_id).join(" ");
})()`

// stagesOf gives the stages that AWS holds of deals, as "Qualified, Prospect".
func stagesOf(ids []string) string {
	return fmt.Sprintf(`Promise.all(%q.split(" ").map(id => fetch("/api/v1/registrations?opportunity_id=" + id).then(r => r.json()).then(x => x.items[0].remote_stage))).then(x => x.join(", "))`, strings.Join(ids, " "))
}

// settled waits until the colours of another scheme have come: some fade in, and
// what inherits them follows a frame later.
const settled = `new Promise(done => { let quiet = 0; const look = () => { quiet = document.getAnimations().length ? 0 : quiet + 1; quiet > 10 ? done(true) : requestAnimationFrame(look) }; look() })`

func TestAStageIsSetForManyWithOneBadRowAndTakenBackInTheBrowser(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join("axe", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	demo := command{args: []string{"demo", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--accounts", "60", "--opportunities", "200"}}.start(t)
	base := strings.TrimPrefix(demo.line(t, demo.err, "Tandem serves at "), "Tandem serves at ")
	director := regexp.MustCompile(`Sign in as (\S+) with the password (\S+)`).FindStringSubmatch(demo.line(t, demo.err, "Sign in as "))
	if director == nil {
		t.Fatalf("no password: %s", demo.err)
	}
	demo.line(t, demo.err, "stays up")
	ctx := startBrowser(t)
	open(ctx, t, base+"/sign-in")
	signedIn(ctx, t, base, director[1], director[2])
	said := listen(ctx)
	sees := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			arrived(ctx, t, fmt.Sprintf(`document.body.textContent.includes(%q)`, text))
		}
	}
	// looks takes the page that is open in both schemes and at both widths.
	looks := func(name string) {
		t.Helper()
		for _, scheme := range []string{"dark", "light"} {
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			}}); err != nil {
				t.Fatal(err)
			}
			evaluate[bool](ctx, t, settled)
			for _, width := range []int64{390, 1440} {
				press(ctx, t, chromedp.EmulateViewport(width, 900), chromedp.Evaluate[chromedp.Void](string(axe)))
				for _, finding := range evaluate[[]string](ctx, t, axeRun(scheme)) {
					t.Errorf("%s at %d, %s: %s", name, width, scheme, finding)
				}
				if over := evaluate[int](ctx, t, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s is %d pixels wider than the window of %d", name, over, width)
				}
				picture(ctx, t, fmt.Sprintf("%s-%d-%s", name, width, scheme))
			}
		}
	}
	// row gives what the table says of a deal.
	row := func(id string) string {
		t.Helper()
		return evaluate[string](ctx, t, fmt.Sprintf(`document.querySelector('main tr:has(a[href="/opportunities/%s"])').innerText.replace(/\s+/g, " ")`, id))
	}
	holds := func(ids []string, want string) {
		t.Helper()
		eventually(t, 60*time.Second, "AWS holds "+want, func() error {
			got, err := chromedp.Run(ctx, chromedp.Evaluate[string](stagesOf(ids), chromedp.EvalAwaitPromise))
			if err == nil && got != want {
				err = fmt.Errorf("it holds %s", got)
			}
			return err
		})
	}

	ids := strings.Fields(evaluate[string](ctx, t, movable))
	if len(ids) != 3 {
		t.Fatalf("the demo organisation has no such deals: %v", ids)
	}
	good, bad := ids[:2], ids[2]
	before := evaluate[string](ctx, t, stagesOf(good))

	open(ctx, t, base+"/opportunities?cloud=aws&state=approved&state=blocked&limit=200")
	for _, id := range ids {
		press(ctx, t, chromedp.Click(chromedp.CSS(`main input[type=checkbox][value="`+id+`"]`)))
	}
	sees("3 selected")
	looks("bulk-selected")
	press(ctx, t, chromedp.Click(chromedp.CSS(`button[formaction="/opportunities/bulk/stage"]`)))
	arrived(ctx, t, `location.pathname === "/opportunities/bulk/stage"`)
	press(ctx, t, chromedp.SetValue(chromedp.CSS("select[name=stage]"), "Committed"))
	sees("Put 2 opportunities into Committed")
	if got := row(bad); !strings.Contains(got, "Left out") || !strings.Contains(got, "is not in AWS Partner Central yet") {
		t.Errorf("the preview says of the bad row: %s", got)
	}
	for _, id := range good {
		if got := row(id); !strings.Contains(got, "Will be done") || !strings.Contains(got, "→ Committed") {
			t.Errorf("the preview says of a good row: %s", got)
		}
	}
	looks("bulk-preview")
	if got := evaluate[string](ctx, t, stagesOf(good)); got != before {
		t.Errorf("the preview changed %s to %s", before, got)
	}
	press(ctx, t, chromedp.Click(chromedp.CSS(`form[action="/opportunities/bulk/stage/confirm"] button`)))
	arrived(ctx, t, `location.pathname.startsWith("/opportunities/bulk/runs/")`)
	sees("2 of 3 done", "1 row was left out or refused")
	if got := row(bad); !strings.Contains(got, "Left out") || !strings.Contains(got, "is not in AWS Partner Central yet") {
		t.Errorf("the result says of the bad row: %s", got)
	}
	for _, id := range good {
		if got := row(id); !strings.Contains(got, "Done") {
			t.Errorf("the result says of a good row: %s", got)
		}
	}
	looks("bulk-result")
	holds(good, "Committed, Committed")

	press(ctx, t, chromedp.Click(chromedp.CSS(`main form[action$="/undo"] button`)))
	sees("Taken back", "2 of 2 done")
	looks("bulk-undone")
	holds(good, before)
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
}
