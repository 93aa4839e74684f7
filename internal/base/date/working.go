package date

import "time"

// Working reports whether the day is from Monday to Friday. Public holidays
// count as working days: they differ from one country of a deal to the other.
func (d Date) Working() bool {
	if d == "" {
		return false
	}
	w := d.Time().Weekday()
	return w != time.Saturday && w != time.Sunday
}

// AddWorkingDays gives the working day that is n working days after d, or before
// it if n is below zero; with n 0 it is d itself. No day stays none.
func (d Date) AddWorkingDays(n int) Date {
	if d == "" {
		return ""
	}
	step := 1
	if n < 0 {
		step, n = -1, -n
	}
	// Whole weeks first: five working days are seven days, whatever day it is.
	out := d
	if n > 5 {
		weeks := (n - 1) / 5
		out, n = out.AddDays(7*weeks*step), n-5*weeks
	}
	for n > 0 {
		if out = out.AddDays(step); out.Working() {
			n--
		}
	}
	return out
}

// WorkingDaysTo counts the working days after d up to and with end; 0 when end is
// not after d or either is no day.
func (d Date) WorkingDaysTo(end Date) int {
	if !d.Before(end) {
		return 0
	}
	days := int(end.Time().Sub(d.Time()).Hours() / 24)
	n := days / 7 * 5
	for x := d.AddDays(days / 7 * 7); x.Before(end); {
		if x = x.AddDays(1); x.Working() {
			n++
		}
	}
	return n
}

// LastBefore gives the latest day from which more than n working days lie to d:
// what began on it or earlier is late on d when it had n working days.
func (d Date) LastBefore(n int) Date {
	if d == "" {
		return ""
	}
	out := d
	for n = max(n, 0) + 1; ; out = out.AddDays(-1) {
		if out.WorkingDaysTo(d) >= n {
			return out
		}
	}
}
