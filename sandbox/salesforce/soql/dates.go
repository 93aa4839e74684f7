package soql

import "time"

// dateRange is a date literal: the days from its first to before its end.
// "today" is midnight UTC of the current day in the org's zone, so
// that calendar arithmetic is not disturbed by clock changes.
type dateRange struct {
	counted bool // takes :n
	days    func(today time.Time, n int, fiscalStart time.Month) (from, to time.Time)
}

// unit gives the start of the period that holds t, moved by k periods.
type unit func(t time.Time, k int, fiscalStart time.Month) time.Time

func day(t time.Time, k int, _ time.Month) time.Time { return t.AddDate(0, 0, k) }

// week starts on Sunday, as in Salesforce's default locale.
func week(t time.Time, k int, _ time.Month) time.Time {
	return t.AddDate(0, 0, 7*k-int(t.Weekday()))
}

func month(t time.Time, k int, _ time.Month) time.Time {
	return time.Date(t.Year(), t.Month()+time.Month(k), 1, 0, 0, 0, 0, time.UTC)
}

func quarter(t time.Time, k int, _ time.Month) time.Time {
	return fiscalQuarterStart(t, k, time.January)
}

func year(t time.Time, k int, _ time.Month) time.Time {
	return time.Date(t.Year()+k, time.January, 1, 0, 0, 0, 0, time.UTC)
}

func fiscalQuarterStart(t time.Time, k int, start time.Month) time.Time {
	into := (int(t.Month()) - int(start) + 12) % 3
	return time.Date(t.Year(), t.Month()-time.Month(into)+time.Month(3*k), 1, 0, 0, 0, 0, time.UTC)
}

func fiscalYearStart(t time.Time, k int, start time.Month) time.Time {
	into := (int(t.Month()) - int(start) + 12) % 12
	return time.Date(t.Year()+k, t.Month()-time.Month(into), 1, 0, 0, 0, 0, time.UTC)
}

// dateRanges are all date literals of SOQL by name.
var dateRanges = buildDateRanges()

func buildDateRanges() map[string]dateRange {
	out := make(map[string]dateRange, 64)
	// fixed spans the periods first to before end, counted from the current one.
	fixed := func(name string, u unit, first, end int) {
		out[name] = dateRange{days: func(t time.Time, _ int, fs time.Month) (time.Time, time.Time) {
			return u(t, first, fs), u(t, end, fs)
		}}
	}
	fixed("YESTERDAY", day, -1, 0)
	fixed("TODAY", day, 0, 1)
	fixed("TOMORROW", day, 1, 2)
	fixed("LAST_90_DAYS", day, -90, 1) // the current day belongs to it
	fixed("NEXT_90_DAYS", day, 1, 91)
	for _, p := range []struct {
		name string
		unit unit
	}{
		{"DAY", day},
		{"WEEK", week},
		{"MONTH", month},
		{"QUARTER", quarter},
		{"YEAR", year},
		{"FISCAL_QUARTER", fiscalQuarterStart},
		{"FISCAL_YEAR", fiscalYearStart},
	} {
		lastEnd := 0
		if p.name == "DAY" {
			lastEnd = 1 // LAST_N_DAYS runs up to now
		} else {
			fixed("LAST_"+p.name, p.unit, -1, 0)
			fixed("THIS_"+p.name, p.unit, 0, 1)
			fixed("NEXT_"+p.name, p.unit, 1, 2)
		}
		out["LAST_N_"+p.name+"S"] = dateRange{true, func(t time.Time, n int, fs time.Month) (time.Time, time.Time) {
			return p.unit(t, -n, fs), p.unit(t, lastEnd, fs)
		}}
		out["NEXT_N_"+p.name+"S"] = dateRange{true, func(t time.Time, n int, fs time.Month) (time.Time, time.Time) {
			return p.unit(t, 1, fs), p.unit(t, n+1, fs)
		}}
		out["N_"+p.name+"S_AGO"] = dateRange{true, func(t time.Time, n int, fs time.Month) (time.Time, time.Time) {
			return p.unit(t, -n, fs), p.unit(t, 1-n, fs)
		}}
	}
	return out
}

// calendar holds what date literals and date functions depend on.
type calendar struct {
	now         time.Time
	location    *time.Location
	fiscalStart time.Month
}

// today is the current day in the org's zone, as midnight UTC.
func (c calendar) today() time.Time {
	y, m, d := c.now.In(c.location).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// days gives the days of a date or a date literal.
func (c calendar) days(v Literal) (from, to time.Time) {
	if v.Kind == LiteralDate {
		from, _ = time.Parse(time.DateOnly, v.Text) // the parser has checked it
		return from, from.AddDate(0, 0, 1)
	}
	const most = 100_000 // keeps the arithmetic inside the calendar
	return dateRanges[v.Text].days(c.today(), min(v.N, most), c.fiscalStart)
}

// midnight gives the instant at which a day begins in the org's zone.
func (c calendar) midnight(d time.Time) time.Time {
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, c.location)
}

// dateFunction gives what a date function computes from a moment.
func (c calendar) dateFunction(name string, t time.Time) any {
	fiscalMonth := (int(t.Month())-int(c.fiscalStart)+12)%12 + 1
	var n int
	switch name {
	case "DAY_ONLY":
		return t.Format(time.DateOnly)
	case "CALENDAR_MONTH":
		n = int(t.Month())
	case "CALENDAR_QUARTER":
		n = (int(t.Month())-1)/3 + 1
	case "CALENDAR_YEAR":
		n = t.Year()
	case "DAY_IN_MONTH":
		n = t.Day()
	case "DAY_IN_WEEK":
		n = int(t.Weekday()) + 1
	case "DAY_IN_YEAR":
		n = t.YearDay()
	case "FISCAL_MONTH":
		n = fiscalMonth
	case "FISCAL_QUARTER":
		n = (fiscalMonth-1)/3 + 1
	case "FISCAL_YEAR":
		// A fiscal year has the name of the calendar year in which it ends.
		n = t.Year()
		if c.fiscalStart > time.January && t.Month() >= c.fiscalStart {
			n++
		}
	case "HOUR_IN_DAY":
		n = t.Hour()
	case "WEEK_IN_MONTH":
		n = (t.Day()-1)/7 + 1
	case "WEEK_IN_YEAR":
		n = (t.YearDay()-1)/7 + 1
	}
	return int64(n)
}

func isDateFunction(name string) bool {
	switch name {
	case "DAY_ONLY", "CALENDAR_MONTH", "CALENDAR_QUARTER", "CALENDAR_YEAR", "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_IN_YEAR",
		"FISCAL_MONTH", "FISCAL_QUARTER", "FISCAL_YEAR", "HOUR_IN_DAY", "WEEK_IN_MONTH", "WEEK_IN_YEAR":
		return true
	}
	return false
}

func isAggregate(name string) bool {
	switch name {
	case "COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX":
		return true
	}
	return false
}
