package clock

import (
	"testing"
	"time"
)

func TestClocksGiveUTCCutToMicroseconds(t *testing.T) {
	t.Parallel()
	local := time.Date(2026, 11, 24, 13, 0, 0, 123456789, time.FixedZone("UTC+1", 3600))
	f := NewFake(local)
	want := time.Date(2026, 11, 24, 12, 0, 0, 123456000, time.UTC)
	if !f.Now().Equal(want) || f.Now().Location() != time.UTC {
		t.Fatal(f.Now())
	}
	f.Advance(time.Hour)
	if !f.Now().Equal(want.Add(time.Hour)) {
		t.Fatal(f.Now())
	}
	f.Set(local)
	if !f.Now().Equal(want) {
		t.Fatal(f.Now())
	}
	if now := (System{}).Now(); now.Location() != time.UTC || now.Nanosecond()%1000 != 0 || time.Since(now) > time.Minute {
		t.Fatal(now)
	}
}
