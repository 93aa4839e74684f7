package demo

import "time"

// calendar turns day numbers relative to today into text. It keeps the texts
// it may need, because every record carries several dates.
type calendar struct {
	today time.Time
	days  []string
}

const (
	calendarBack = 1200
	calendarOn   = 2600
)

func newCalendar(today time.Time) *calendar {
	y, m, d := today.UTC().Date()
	c := &calendar{today: time.Date(y, m, d, 0, 0, 0, 0, time.UTC), days: make([]string, calendarBack+calendarOn)}
	for i := range c.days {
		c.days[i] = c.today.AddDate(0, 0, i-calendarBack).Format(time.DateOnly)
	}
	return c
}

// day gives "YYYY-MM-DD"; days out of range give the nearest end.
func (c *calendar) day(offset int) string {
	return c.days[min(max(offset+calendarBack, 0), len(c.days)-1)]
}

// instant gives "YYYY-MM-DDThh:mm:ssZ" in working hours, the minute following
// from salt.
func (c *calendar) instant(offset, salt int) string {
	b := make([]byte, 0, 20)
	b = append(b, c.day(offset)...)
	minute := salt * 37 % 600
	b = append(b, 'T', byte('0'+(7+minute/60)/10), byte('0'+(7+minute/60)%10), ':', byte('0'+minute%60/10), byte('0'+minute%10), ':')
	second := salt * 13 % 60
	b = append(b, byte('0'+second/10), byte('0'+second%10), 'Z')
	return string(b)
}

// offset is the number of days from today to a date.
func (c *calendar) offset(t time.Time) int { return int(t.Sub(c.today) / (24 * time.Hour)) }

// fiscalYearStart is the offset of the first of February on which the fiscal
// year of today began, moved by whole years.
func (c *calendar) fiscalYearStart(years int) int {
	y := c.today.Year()
	if c.today.Month() < time.February {
		y--
	}
	return c.offset(time.Date(y+years, time.February, 1, 0, 0, 0, 0, time.UTC))
}

// quarterEndsAfter is the offset of the last day of the fiscal quarter that
// lies the given number of quarters after today's.
func (c *calendar) quarterEndsAfter(quarters int) int {
	months := (int(c.today.Month()) + 10) % 12 / 3
	y := c.today.Year()
	if c.today.Month() < time.February {
		y--
	}
	first := time.Date(y, time.February+time.Month(3*(months+quarters+1)), 1, 0, 0, 0, 0, time.UTC)
	return c.offset(first) - 1
}
