// Package zone answers "what time is it where they are?": time zones by their IANA
// names, known on every machine, whatever it has installed.
package zone

import (
	"slices"
	"time"
	_ "time/tzdata" // a container often has no zone files
)

// Usual lists the zones that a person chooses from, by their place from west to east.
func Usual() []string {
	return []string{
		"UTC", "Pacific/Honolulu", "America/Los_Angeles", "America/Denver", "America/Chicago", "America/New_York", "America/Toronto", "America/Sao_Paulo",
		"Europe/London", "Europe/Dublin", "Europe/Lisbon", "Europe/Madrid", "Europe/Paris", "Europe/Amsterdam", "Europe/Berlin", "Europe/Zurich", "Europe/Rome",
		"Europe/Stockholm", "Europe/Warsaw", "Africa/Johannesburg", "Europe/Helsinki", "Europe/Istanbul", "Asia/Jerusalem", "Asia/Dubai", "Asia/Kolkata",
		"Asia/Singapore", "Asia/Shanghai", "Asia/Hong_Kong", "Asia/Tokyo", "Asia/Seoul", "Australia/Perth", "Australia/Sydney", "Pacific/Auckland",
	}
}

// Choices gives Usual, and name too if it is a zone that is not among them.
func Choices(name string) []string {
	list := Usual()
	if _, ok := Load(name); ok && !slices.Contains(list, name) {
		list = append([]string{name}, list...)
	}
	return list
}

// Load gives the zone of an IANA name; ok is false for "" and for what is none. The
// zone of the machine ("Local") is none either: it is another one on each machine.
func Load(name string) (*time.Location, bool) {
	if name == "" || name == "Local" {
		return time.UTC, false
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC, false
	}
	return l, true
}
