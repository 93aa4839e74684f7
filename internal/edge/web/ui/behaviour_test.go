package ui_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandem-cosell/tandem/internal/edge/web/ui/gallery"
)

// step is one act in the browser and what must hold afterwards.
type step struct {
	name string
	do   []chromedp.Action[chromedp.Void]
	want string // a JavaScript expression that becomes true
}

func press(keys string, opts ...chromedp.KeyOption) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{chromedp.KeyEvent(keys, opts...)}
}

func click(selector string) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{chromedp.Click(chromedp.CSS(selector))}
}

func script(js string) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{chromedp.Evaluate[chromedp.Void](js)}
}

// until waits up to five seconds for an expression to become true, also across
// a navigation, which ends the context that a poll would run in.
func until(ctx context.Context, expression string) error {
	var err error
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if ok, err = chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); ok && err == nil {
			return nil
		}
	}
	if err == nil {
		err = errors.New("it stayed false")
	}
	return err
}

const ctrlK = `document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true, cancelable: true}))`

func TestThePagesAnswerToKeysAndClicks(t *testing.T) {
	server := httptest.NewServer(gallery.Handler(time.Now()))
	t.Cleanup(server.Close)
	ctx := browser(t)
	listen, stop := context.WithCancel(ctx)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	said := watch(listen)
	for _, page := range []struct {
		path  string
		width int64
		steps []step
	}{
		{"/opportunities", 1440, []step{
			{"j goes to the first row", press("j"), `document.activeElement.closest("tr[data-row]")?.rowIndex === 1`},
			{"j goes on", press("j"), `document.activeElement.closest("tr[data-row]")?.rowIndex === 2`},
			{"k goes back", press("k"), `document.activeElement.closest("tr[data-row]")?.rowIndex === 1`},
			{"x selects and the bulk bar counts", press("x"), `document.querySelector("[data-selected-count]").textContent === "1 selected" && getComputedStyle(document.querySelector(".bulk")).display === "flex"`},
			{"shift-click selects the range", script(`document.querySelectorAll("input[data-select]")[1].click();
				document.querySelectorAll("input[data-select]")[4].dispatchEvent(new MouseEvent("click", {bubbles: true, shiftKey: true}))`), `document.querySelectorAll("input[data-select]:checked").length === 5`},
			{"Escape clears", press("\x1b"), `document.querySelectorAll("input[data-select]:checked").length === 0`},
			{"the chooser hides a column at once", script(`document.querySelector("input[name=col][value=stage]").click()`), `document.querySelector("td[data-col=stage]").hidden`},
			{"and shows it again", script(`document.querySelector("input[name=col][value=stage]").click()`), `!document.querySelector("td[data-col=stage]").hidden`},
			{"/ goes to the search of the list", press("/"), `document.activeElement.matches("[data-list-search]")`},
			{"a filter chip opens its editor", click(".chip-main"), `document.querySelector("#f-cloud").matches(":popover-open") && document.querySelector("#f-cloud").getBoundingClientRect().top > 100`},
			{"Escape closes it", press("\x1b"), `!document.querySelector("#f-cloud").matches(":popover-open")`},
			{"Ctrl-K opens the palette", script(ctrlK), `document.querySelector("#palette").open && document.activeElement.matches("#palette input")`},
			{"letters in order find a page", press("cnct"), `document.querySelector("#palette [aria-selected=true] bdi").textContent === "Connections"`},
			{"search results join", press("\b\b\b\bfjord"), `[...document.querySelectorAll("#palette bdi")].some(e => e.textContent === "Result for fjord")`},
			{"Enter goes there", press("\r"), `location.pathname === "/record"`},
		}},
		{"/record", 1440, []step{
			{"? shows the shortcuts", press("?"), `document.querySelector("#shortcuts").open`},
			{"Escape closes them", press("\x1b"), `!document.querySelector("#shortcuts").open`},
			{"a blocked act tells why", script(`document.querySelector("[aria-disabled=true]").click()`), `document.querySelector(".toast [data-toast-text]")?.textContent.startsWith("Two checks block it")`},
			{"the dark theme is kept", script(`document.querySelector("[data-set-theme=dark]").click()`), `document.documentElement.dataset.theme === "dark" && localStorage.getItem("tandem.theme") === "dark"`},
			{"and so is the density", script(`document.querySelector("[data-set-density=dense]").click()`), `document.documentElement.dataset.density === "dense"`},
			{"g then o goes to the opportunities", press("go"), `location.pathname === "/opportunities" && document.documentElement.dataset.theme === "dark"`},
		}},
		{"/connections", 1440, []step{
			{"live progress ends", nil, `document.querySelector("[data-live]").dataset.state === "done" && document.querySelector("[data-live] progress").value === 1500`},
		}},
		{"/forms", 1440, []step{
			{"a dangerous act asks first", click("[data-dialog-open=withdraw]"), `document.querySelector("#withdraw").open`},
			{"Cancel closes the question", click("#withdraw .form-actions [data-dialog-close]"), `!document.querySelector("#withdraw").open`},
			{"errors are bound to their field", nil, `document.querySelector("#f-spend").getAttribute("aria-describedby") === "f-spend-hint f-spend-error"`},
		}},
		{"/board", 1440, []step{
			{"Alt and an arrow move a card", script(`const a = document.querySelector("[data-card] a"); a.focus();
				a.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", altKey: true, bubbles: true, cancelable: true}))`), `location.search === "?posted=submitted"`},
		}},
		{"/opportunities", 390, []step{
			{"rows become cards with their checkbox in sight", nil, `(() => { const r = document.querySelector("tbody tr").getBoundingClientRect(), c = document.querySelector("tbody input[data-select]").getBoundingClientRect(); return getComputedStyle(document.querySelector("tbody tr")).display === "grid" && c.right < r.right && c.top < r.top + 40 && document.elementFromPoint(c.x + 8, c.y + 8).matches("input") })()`},
			{"More opens the drawer", click(".bottom [popovertarget=drawer]"), `document.querySelector("#drawer").matches(":popover-open") && document.querySelector("#drawer").getBoundingClientRect().left === 0`},
		}},
		{"/opportunities", 320, []step{
			{"nothing is wider than the narrowest window", nil, `document.documentElement.scrollWidth <= innerWidth`},
		}},
	} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(page.width, 900), chromedp.Navigate(server.URL+page.path)); err != nil {
			t.Fatal(err)
		}
		if _, err := chromedp.Run(ctx, chromedp.Poll[bool](ready)); err != nil {
			t.Fatal(err)
		}
		for _, s := range page.steps {
			if err := chromedp.Do(ctx, s.do...); err != nil {
				t.Fatalf("%s: %s: %v", page.path, s.name, err)
			}
			if err := until(ctx, s.want); err != nil {
				got, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location.pathname + location.search + " " + document.activeElement.outerHTML.slice(0, 200)`))
				t.Fatalf("%s: %s: %v (at %s)", page.path, s.name, err, got)
			}
		}
	}
	stop()
	for _, m := range said() {
		t.Errorf("console: %s", m)
	}
}
