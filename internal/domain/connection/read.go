package connection

import "time"

// Read says what of an outside system's records to read, and how. The zero value
// reads everything, page by page.
type Read struct {
	// Since leaves out what was not changed at or after it; zero reads everything.
	Since time.Time
	// Bulk reads by a job of the outside system's bulk interface: few calls however
	// much there is, the records in no order. A system that cannot is read page by
	// page all the same.
	Bulk bool
	// Total, if set, is told how many records there are, once, before the first.
	// When it gives false the read ends there.
	Total func(records int64) bool
	// AsOf, if set, is told the outside system's time at which a bulk read began,
	// once, before its first record: what was changed before that is in it. It is
	// not told when the records come in the order of their change.
	AsOf func(at time.Time)
}

// Allowance is what background work may still use of a day, under the share of the
// whole that is left to it.
type Allowance struct {
	Calls    int64
	BulkJobs int64
}
