package fiscal

import (
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
)

func TestQuartersOfAYearThatStartsInFebruary(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ day, want, from, to string }{
		{"2026-02-01", "FY27-Q1", "2026-02-01", "2026-04-30"},
		{"2026-04-30", "FY27-Q1", "2026-02-01", "2026-04-30"},
		{"2026-11-24", "FY27-Q4", "2026-11-01", "2027-01-31"},
		{"2027-01-31", "FY27-Q4", "2026-11-01", "2027-01-31"},
		{"2027-02-01", "FY28-Q1", "2027-02-01", "2027-04-30"},
		{"2024-02-29", "FY25-Q1", "2024-02-01", "2024-04-30"},
	} {
		p := Default.Quarter(date.Date(c.day))
		if p.String() != c.want || string(p.From) != c.from || string(p.To) != c.to {
			t.Errorf("%s is in %s (%s to %s), want %s (%s to %s)", c.day, p, p.From, p.To, c.want, c.from, c.to)
		}
	}
}

func TestACalendarYearKeepsItsNumber(t *testing.T) {
	t.Parallel()
	p := Calendar{StartMonth: time.January}.Quarter("2026-12-31")
	if p.String() != "FY26-Q4" {
		t.Fatalf("got %s", p)
	}
}

func TestEveryDayLiesInsideItsQuarter(t *testing.T) {
	t.Parallel()
	for m := time.January; m <= time.December; m++ {
		c := Calendar{StartMonth: m}
		for d := date.Date("2023-12-01"); d < "2025-03-01"; d = d.AddDays(1) {
			p := c.Quarter(d)
			if d < p.From || d > p.To {
				t.Fatalf("start month %s: %s is outside %s..%s", m, d, p.From, p.To)
			}
		}
	}
}
