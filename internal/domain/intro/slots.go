package intro

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/zone"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// SlotQuery asks for times at which two people could meet. From "" is tomorrow.
type SlotQuery struct {
	OursZone   string
	TheirsZone string
	From       date.Date
	Minutes    int    // 30 when 0
	OursCRMID  string // whose known meetings are kept free; "" keeps none
}

// Times are the slots found. Stretched says that the two share no usual hours, so that
// somebody begins early or ends late.
type Times struct {
	Slots     []Slot
	Stretched bool
}

// hours are what counts as a day's work, the usual first: from and to in the local time
// of each.
var hours = [][2]int{{9, 17}, {8, 19}, {7, 22}}

// How many slots are proposed: on one day, and in all, within how many days.
const (
	slotsPerDay = 2
	slotsInAll  = 6
	slotDays    = 14
)

// Slots proposes times in the working hours of both, on working days of both, apart from
// the meetings of ours that Tandem knows. Needs read.
func (s *Service) Slots(ctx context.Context, q SlotQuery) (Times, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Times{}, err
	}
	var bad problem.List
	ours, ok := zone.Load(q.OursZone)
	if !ok {
		bad.Add("ours_zone", "unknown_zone", fmt.Sprintf("%q is not a time zone, such as Europe/Berlin", q.OursZone))
	}
	theirs, ok := zone.Load(q.TheirsZone)
	if !ok {
		bad.Add("theirs_zone", "unknown_zone", fmt.Sprintf("%q is not a time zone, such as America/New_York", q.TheirsZone))
	}
	if q.Minutes == 0 {
		q.Minutes = 30
	}
	if q.Minutes < 5 || q.Minutes > 240 {
		bad.Add("minutes", "out_of_range", "An intro meeting lasts from 5 to 240 minutes")
	}
	if _, err := date.Parse(string(q.From)); err != nil {
		bad.Add("from", "malformed", "Give a day such as 2026-11-24")
	}
	if err := bad.Err(); err != nil {
		return Times{}, err
	}
	now := s.clock.Now()
	from := now.Add(12 * time.Hour) // time to answer
	if !q.From.IsZero() {
		if d := startOf(q.From, ours); d.After(from) {
			from = d
		}
	}
	var taken []Slot
	if q.OursCRMID != "" {
		var err error
		if taken, err = busy(ctx, s.db, q.OursCRMID, from, from.AddDate(0, 0, slotDays+1)); err != nil {
			return Times{}, err
		}
	}
	return propose(from, time.Duration(q.Minutes)*time.Minute, ours, theirs, taken), nil
}

func startOf(d date.Date, l *time.Location) time.Time {
	t := d.Time()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, l)
}

// propose finds slots from an instant on, in the narrowest hours that give any.
func propose(from time.Time, length time.Duration, ours, theirs *time.Location, taken []Slot) Times {
	for i, h := range hours {
		if list := within(h, from, length, ours, theirs, taken); len(list) > 0 {
			return Times{Slots: list, Stretched: i > 0}
		}
	}
	return Times{Stretched: true}
}

func within(h [2]int, from time.Time, length time.Duration, ours, theirs *time.Location, taken []Slot) []Slot {
	var out []Slot
	first := date.Of(from.In(ours))
	for d := first; d.Before(first.AddDays(slotDays)) && len(out) < slotsInAll; d = d.AddDays(1) {
		var day []Slot
		for at := startOf(d, ours); date.Of(at.In(ours)) == d; at = at.Add(30 * time.Minute) {
			s := Slot{StartsAt: at.UTC(), EndsAt: at.Add(length).UTC()}
			if !at.Before(from) && at.Minute()%30 == 0 && s.in(h, ours) && s.in(h, theirs) && !slices.ContainsFunc(taken, s.overlaps) {
				day = append(day, s)
			}
		}
		out = append(out, best(day, ours, theirs)...)
	}
	return out[:min(len(out), slotsInAll)]
}

// best picks the slots of a day that are nearest to the middle of both days, apart from
// each other, in the order of the day.
func best(day []Slot, ours, theirs *time.Location) []Slot {
	byEase := slices.Clone(day)
	slices.SortStableFunc(byEase, func(a, b Slot) int { return cmp.Compare(a.strain(ours, theirs), b.strain(ours, theirs)) })
	var out []Slot
	for _, s := range byEase {
		near := func(o Slot) bool { return s.StartsAt.Sub(o.StartsAt).Abs() < 2*time.Hour }
		if len(out) < slotsPerDay && !slices.ContainsFunc(out, near) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Slot) int { return a.StartsAt.Compare(b.StartsAt) })
	return out
}

// in reports whether the slot lies in the hours of a working day at a place.
func (s Slot) in(h [2]int, l *time.Location) bool {
	from, to := s.StartsAt.In(l), s.EndsAt.In(l)
	minutes := func(t time.Time) int { return t.Hour()*60 + t.Minute() }
	return date.Of(from).Working() && date.Of(from) == date.Of(to) && minutes(from) >= h[0]*60 && minutes(to) <= h[1]*60
}

// Outside reports whether the slot lies outside the usual hours at a place.
func (s Slot) Outside(l *time.Location) bool { return !s.in(hours[0], l) }

func (s Slot) overlaps(o Slot) bool {
	return s.StartsAt.Before(o.EndsAt) && o.StartsAt.Before(s.EndsAt)
}

// strain is how far the slot is from one o'clock for whoever has it worse, in minutes.
func (s Slot) strain(ours, theirs *time.Location) int {
	far := func(l *time.Location) int {
		t := s.StartsAt.In(l)
		return max(t.Hour()*60+t.Minute()-13*60, 13*60-t.Hour()*60-t.Minute())
	}
	return max(far(ours), far(theirs))
}
