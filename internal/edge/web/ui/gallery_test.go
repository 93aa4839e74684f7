package ui_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tandem-cosell/tandem/internal/edge/web/ui/gallery"
)

// shotsEnv names a folder for screenshots of every page, to look at; none are
// taken without it.
const shotsEnv = "TANDEM_SCREENSHOTS"

// root finds the repository by walking up to go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Fatal("Chromium is needed for the tests of the pages: apt-get install chromium")
	return ""
}

func browser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
	)
	alloc, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, cancel := chromedp.NewContext(alloc)
	timed, end := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(func() { end(); cancel(); stop() })
	return timed
}

func theme(ctx context.Context, scheme string) error {
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	return err
}

// watch collects what the console says until the context ends.
func watch(ctx context.Context) func() []string {
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
	return func() []string { <-done; return bad }
}

type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// runAxe gives what axe-core finds and a person would notice. All rules are
// run on light pages; in the dark only colours differ.
func runAxe(scheme string) string {
	only := `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	if scheme == "dark" {
		only = `{type: "rule", values: ["color-contrast"]}`
	}
	return `axe.run(document, {runOnly: ` + only + `, resultTypes: ["violations"]})
		.then(r => r.violations.filter(v => ["serious", "critical", "moderate"].includes(v.impact)))`
}

// ready says that the page's scripts have run.
const ready = `document.readyState === "complete" && typeof Tandem === "object" && typeof htmx === "object"`

func check(ctx context.Context, t *testing.T, axe, scheme string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](axe)); err != nil {
		t.Fatalf("axe: %v", err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]violation](runAxe(scheme), chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("axe: %v", err)
	}
	for _, v := range found {
		for _, n := range v.Nodes {
			t.Errorf("%s %s: %s\n  %.300s\n  %s", v.Impact, v.ID, v.Help, n.HTML, strings.ReplaceAll(n.Summary, "\n", " "))
		}
	}
}

// shoot makes the window as high as the page and keeps its picture.
func shoot(ctx context.Context, t *testing.T, width int64, file string) {
	t.Helper()
	height, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, max(min(height, 6000), 844))); err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, shot, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestEveryPartIsAccessibleAndQuietInBothThemesAndWidths(t *testing.T) {
	server := httptest.NewServer(gallery.Handler(time.Now()))
	t.Cleanup(server.Close)
	axe, err := os.ReadFile(filepath.Join(root(t), "e2e", "axe", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv(shotsEnv)
	ctx := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		if err := theme(ctx, scheme); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{1440, 390} {
			for _, path := range gallery.Paths() {
				name := fmt.Sprintf("%s-%d-%s", strings.TrimPrefix(strings.ReplaceAll(path, "/", "-"), "-"), width, scheme)
				t.Run(name, func(t *testing.T) {
					listen, stop := context.WithCancel(ctx)
					said := watch(listen)
					height := int64(900)
					if width < 500 {
						height = 844
					}
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(server.URL+path)); err != nil {
						t.Fatal(err)
					}
					if _, err := chromedp.Run(ctx, chromedp.Poll[bool](ready)); err != nil {
						t.Fatal(err)
					}
					over, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
					if err != nil || over > 0 {
						t.Errorf("the page is %d pixels wider than the window (%v)", over, err)
					}
					if dir != "" {
						shoot(ctx, t, width, filepath.Join(dir, name+".png"))
					}
					check(ctx, t, string(axe), scheme)
					stop()
					for _, m := range said() {
						t.Errorf("console: %s", m)
					}
				})
			}
		}
	}
}

func TestNoPageCarriesInlineScriptOrStyle(t *testing.T) {
	t.Parallel()
	handler := gallery.Handler(time.Now())
	for _, path := range gallery.Paths() {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusOK {
			t.Errorf("%s: status %d", path, w.Code)
		}
		for _, bad := range []*regexp.Regexp{
			regexp.MustCompile(`<[^>]*\sstyle=`), regexp.MustCompile(`<style`), regexp.MustCompile(`<script>`),
			regexp.MustCompile(`<[^>]*\son[a-z]+=`), regexp.MustCompile(`(href|action)="javascript:`), regexp.MustCompile(`hx-on`),
		} {
			if found := bad.FindString(w.Body.String()); found != "" {
				t.Errorf("%s: %s", path, found)
			}
		}
	}
}
