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
	// IDs reads these records alone, deleted ones too, whenever they
	// were changed.
	IDs []string
	// Begun, if set, is told of the read before its first record, and again when it
	// has to begin in another way. When it gives false the read ends there.
	Begun func(Begun) bool
}

// Begun is what is known of a read when it begins.
type Begun struct {
	// AsOf is the outside system's time at which it was asked: what was changed
	// before that is read, but for what was still under way. Zero is not known.
	AsOf time.Time
	// Ordered says that the records come in the order of their change.
	Ordered bool
	// Total is how many records there are, -1 when that is not known.
	Total int64
	// Fields are the names of ours that the outside system has fields for, in their
	// order: what it has none for says nothing.
	Fields []string
}

// Allowance is what background work may still use of a day, under the share of the
// whole that is left to it.
type Allowance struct {
	Calls    int64
	BulkJobs int64
}
