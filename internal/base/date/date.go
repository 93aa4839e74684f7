// Package date holds calendar days without a time of day or zone: close dates,
// contract starts. In both databases a Date is the text "2006-01-02".
package date

import (
	"database/sql/driver"
	"fmt"
	"time"
)

// Date is a calendar day, written "2006-01-02"; "" is no day. Dates of the
// years 0000–9999 compare as strings.
type Date string

const layout = "2006-01-02"

// Parse reads "2006-01-02"; "" gives no day.
func Parse(s string) (Date, error) {
	if s == "" {
		return "", nil
	}
	if _, err := time.Parse(layout, s); err != nil {
		return "", fmt.Errorf("%q is not a day in the form 2006-01-02", s)
	}
	return Date(s), nil
}

// Of gives the day of t in t's own zone.
func Of(t time.Time) Date { return Date(t.Format(layout)) }

// IsZero reports whether there is no day.
func (d Date) IsZero() bool { return d == "" }

// Time gives midnight UTC of the day, or the zero time.
func (d Date) Time() time.Time {
	t, err := time.Parse(layout, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// AddDays gives the day n days later.
func (d Date) AddDays(n int) Date {
	if d == "" {
		return ""
	}
	return Of(d.Time().AddDate(0, 0, n))
}

// Before reports whether d is an earlier day than e; no day is before none.
func (d Date) Before(e Date) bool { return d != "" && e != "" && d < e }

// Value stores the day as text, no day as "".
func (d Date) Value() (driver.Value, error) { return string(d), nil }

// Scan reads text, a time or NULL.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = ""
	case string:
		p, err := Parse(v)
		if err != nil {
			return err
		}
		*d = p
	case []byte:
		return d.Scan(string(v))
	case time.Time:
		*d = Of(v)
	default:
		return fmt.Errorf("cannot read a day from %T", src)
	}
	return nil
}
