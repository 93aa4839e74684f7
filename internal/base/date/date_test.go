package date

import (
	"testing"
	"time"
)

func TestADayIsReadInOneFormOnly(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"": true, "2026-11-24": true, "2024-02-29": true, "0001-01-01": true, "9999-12-31": true,
		"2025-02-29": false, "2026-1-2": false, "2026-13-01": false, "2026-00-10": false, "24.11.2026": false,
		"2026-11-24T00:00:00Z": false, " 2026-11-24": false, "+026-11-24": false, "20261-11-24": false, "２026-11-24": false,
	} {
		d, err := Parse(s)
		if (err == nil) != ok || ok && string(d) != s || !ok && d != "" {
			t.Errorf("Parse(%q) = %q, %v", s, d, err)
		}
	}
}

func TestDaysAreCountedThroughTheCalendar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from Date
		n    int
		want Date
	}{
		{"2024-02-28", 1, "2024-02-29"}, {"2024-03-01", -1, "2024-02-29"}, {"2026-12-31", 1, "2027-01-01"}, {"", 5, ""}, {"2026-11-24", 0, "2026-11-24"},
	} {
		if got := c.from.AddDays(c.n); got != c.want {
			t.Errorf("%s + %d = %s, want %s", c.from, c.n, got, c.want)
		}
	}
}

func TestTheDayOfAnInstantIsThatOfItsZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC)
	if d := Of(at); d != "2026-11-24" {
		t.Error(d)
	}
	if d := Of(at.In(time.FixedZone("UTC+9", 9*3600))); d != "2026-11-25" {
		t.Error(d)
	}
}

func TestNoDayIsBeforeNothing(t *testing.T) {
	t.Parallel()
	if Date("").Before("2026-01-01") || Date("2026-01-01").Before("") || !Date("2025-12-31").Before("2026-01-01") || Date("2026-01-01").Before("2026-01-01") {
		t.Error("wrong order")
	}
	if !Date("").IsZero() || !Date("").Time().IsZero() {
		t.Error("no day is a day")
	}
}

func TestADayIsScannedFromWhatDatabasesGive(t *testing.T) {
	t.Parallel()
	for _, src := range []any{"2026-11-24", []byte("2026-11-24"), time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)} {
		var d Date
		if err := d.Scan(src); err != nil || d != "2026-11-24" {
			t.Errorf("%T: %q, %v", src, d, err)
		}
	}
	d := Date("2026-11-24")
	if err := d.Scan(nil); err != nil || d != "" {
		t.Error(d, err)
	}
	for _, src := range []any{"tomorrow", 5} {
		if err := d.Scan(src); err == nil {
			t.Errorf("%v was read as %q", src, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2026-11-24", "2026-1-2", "", "0000-00-00", "99999-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil || d == "" {
			return
		}
		if Of(d.Time()) != d || len(d) != len(layout) {
			t.Fatalf("%q became %q", s, Of(d.Time()))
		}
		if d.AddDays(1).AddDays(-1) != d && d != "9999-12-31" {
			t.Fatalf("a day later and a day earlier than %s is %s", d, d.AddDays(1).AddDays(-1))
		}
	})
}
