package date

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestWorkingDaysAreMondayToFriday(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from Date
		n    int
		want Date
	}{
		{"2026-11-20", 1, "2026-11-23"}, // Friday to Monday
		{"2026-11-20", 5, "2026-11-27"},
		{"2026-11-20", 6, "2026-11-30"},
		{"2026-11-21", 1, "2026-11-23"}, // Saturday
		{"2026-11-21", 5, "2026-11-27"},
		{"2026-11-22", 10, "2026-12-04"},
		{"2026-11-24", 0, "2026-11-24"},
		{"2026-11-23", -1, "2026-11-20"},
		{"2026-11-24", -10, "2026-11-10"},
		{"", 3, ""},
	} {
		if got := c.from.AddWorkingDays(c.n); got != c.want {
			t.Errorf("%s + %d working days = %s, want %s", c.from, c.n, got, c.want)
		}
	}
	if Date("").Working() || Date("2026-11-22").Working() || !Date("2026-11-24").Working() {
		t.Error("a Sunday works, or a Tuesday doesn't")
	}
}

func TestWhatHadFiveWorkingDaysIsLateOnTheSixth(t *testing.T) {
	t.Parallel()
	for today, last := range map[Date]Date{
		"2026-11-24": "2026-11-16", // Tuesday: what began on Monday of the week before
		"2026-11-23": "2026-11-15",
		"2026-11-20": "2026-11-12",
		"2026-11-21": "2026-11-12", // nothing falls due at a weekend
		"2026-11-22": "2026-11-12",
	} {
		if got := today.LastBefore(5); got != last {
			t.Errorf("on %s what began on %s is late, not %s", today, got, last)
		}
	}
}

func TestCountingAgreesWithWalking(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := Of(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).AddDays(rapid.IntRange(0, 2000).Draw(t, "from"))
		days, n := rapid.IntRange(-3, 60).Draw(t, "days"), rapid.IntRange(0, 40).Draw(t, "n")
		end, walked := from.AddDays(days), 0
		for x := from; x.Before(end); {
			if x = x.AddDays(1); x.Working() {
				walked++
			}
		}
		if got := from.WorkingDaysTo(end); got != walked {
			t.Fatalf("%s to %s: %d, walked %d", from, end, got, walked)
		}
		if due := from.AddWorkingDays(n); from.WorkingDaysTo(due) != n {
			t.Fatalf("%s + %d is %s, which is %d away", from, n, due, from.WorkingDaysTo(due))
		}
		if (from.WorkingDaysTo(end) > n) != (from <= end.LastBefore(n)) {
			t.Fatalf("from %s on %s with %d days: the two ways to say late differ", from, end, n)
		}
	})
}
