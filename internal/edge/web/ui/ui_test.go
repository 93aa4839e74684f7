package ui

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-cosell/tandem/internal/base/problem"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMoneyKeepsEveryDigitAndItsCurrency(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   Money
		want string
	}{
		{Money{Number: "1250000.50", Currency: "USD"}, "USD\u00a01,250,000.50"},
		{Money{Number: "1250000.50", Currency: "USD", Whole: true}, "USD\u00a01,250,000"},
		{Money{Number: "-950", Currency: "EUR"}, "EUR\u00a0-950"},
		{Money{Number: "42000000", Currency: "JPY"}, "JPY\u00a042,000,000"},
		{Money{Number: "0.07", Currency: "GBP"}, "GBP\u00a00.07"},
	} {
		if got := tc.in.text(); got != tc.want {
			t.Errorf("%+v: got %q, want %q", tc.in, got, tc.want)
		}
	}
	if got := render(t, Money{Currency: "USD"}); !strings.Contains(got, "not set") {
		t.Errorf("no amount: %s", got)
	}
}

func TestACalendarDayIsNeverMovedByAZone(t *testing.T) {
	t.Parallel()
	late := time.Date(2026, 11, 24, 23, 30, 0, 0, time.FixedZone("", -8*3600))
	if got := render(t, Time{At: late, Style: TimeDay}); !strings.Contains(got, `datetime="2026-11-24"`) || !strings.Contains(got, "24 Nov 2026") {
		t.Errorf("day: %s", got)
	}
	if got := render(t, Time{At: late}); !strings.Contains(got, `datetime="2026-11-25T07:30:00Z"`) || !strings.Contains(got, "UTC") {
		t.Errorf("instant: %s", got)
	}
}

func TestInitialsComeFromTheFirstAndLastWordInAnyScript(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"Mara Lindqvist": "ML", "Ana de la Cruz": "AC", "sora": "S", "みなと精機": "み", "سارة العتيبي": "سا", "": "?", "  ": "?", "O'Shea": "O",
	} {
		if got := initials(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestABlockedButtonTellsItsReasonAndSendsNothing(t *testing.T) {
	t.Parallel()
	got := render(t, Button{Label: "Submit", Href: "/x", FormAction: "/y", Blocked: "Two checks block it"})
	for _, want := range []string{`type="button"`, `aria-disabled="true"`, "Two checks block it"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	for _, bad := range []string{"href", "formaction"} {
		if strings.Contains(got, bad) {
			t.Errorf("%s has %s", got, bad)
		}
	}
}

func TestAFilterEditorKeepsTheOtherFiltersOnly(t *testing.T) {
	t.Parallel()
	f := FilterBar{Keep: []Param{{"sort", "close"}, {"cloud", "aws"}, {"amount_from", "5"}, {"amount_to", "9"}}}
	if got := f.keep("amount"); len(got) != 2 || got[0].Name != "sort" || got[1].Name != "cloud" {
		t.Errorf("amount keeps %v", got)
	}
	if got := f.keep("cloud"); len(got) != 3 {
		t.Errorf("cloud keeps %v", got)
	}
}

func TestAScriptAddressIsNeverRenderedAsALink(t *testing.T) {
	t.Parallel()
	for _, c := range []templ.Component{Link(`"><script>alert(1)</script>`, `<b>`), Button{Label: "<i>", Href: `"onclick="x`}, External("javascript:alert(1)", "x"), Button{Href: "javascript:alert(1)"}, Badge{Text: "<u>"}} {
		got := render(t, c)
		for _, bad := range []string{"<script>", "<b>", "<i>", "<u>", `"onclick`, "javascript:"} {
			if strings.Contains(got, bad) {
				t.Errorf("%s contains %s", got, bad)
			}
		}
	}
}

func TestTheMeterWarnsBeforeTheLimitAndNeverPassesIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		used, limit int64
		width       string
		tone        Tone
	}{
		{0, 100, "0.0", ToneInfo},
		{79, 100, "79.0", ToneInfo},
		{80, 100, "80.0", ToneWarn},
		{95, 100, "95.0", ToneDanger},
		{140, 100, "100.0", ToneDanger},
		{5, 0, "0.0", ToneNeutral},
	} {
		m := Meter{Used: tc.used, Limit: tc.limit}
		if m.width() != tc.width || m.tone() != tc.tone {
			t.Errorf("%d of %d: %s %s, want %s %s", tc.used, tc.limit, m.width(), m.tone(), tc.width, tc.tone)
		}
	}
}

func TestEventsAreGroupedByTheReadersDay(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)
	events := []Event{{At: at}, {At: at.Add(-2 * time.Hour)}}
	if got := len(Timeline{Events: events}.days()); got != 2 {
		t.Errorf("UTC: %d days, want 2", got)
	}
	if got := len(Timeline{Events: events, Zone: time.FixedZone("", -8*3600)}.days()); got != 1 {
		t.Errorf("8 hours west: %d days, want 1", got)
	}
}

func TestAnInnerErrorIsNotShownToPeople(t *testing.T) {
	t.Parallel()
	e := ErrorOf(errors.New("pq: password authentication failed"), "req_1")
	if e.Status != http.StatusInternalServerError || strings.Contains(render(t, e), "password") {
		t.Errorf("got %+v", e)
	}
	e = ErrorOf(problem.NotFound("opportunity", "opp_9"), "req_2")
	if e.Status != http.StatusNotFound || !strings.Contains(render(t, e), "opp_9") {
		t.Errorf("got %+v", e)
	}
}

func TestEveryIconThatIsNamedIsDrawn(t *testing.T) {
	t.Parallel()
	for _, n := range Icons() {
		if got := render(t, Icon{Name: n}); !strings.HasPrefix(got, "<svg") {
			t.Errorf("%s: %q", n, got)
		}
	}
	for _, tone := range []Tone{ToneNeutral, ToneInfo, ToneSuccess, ToneWarn, ToneDanger, ""} {
		if _, ok := iconPaths[tone.icon()]; !ok {
			t.Errorf("tone %q has no icon", tone)
		}
	}
}
