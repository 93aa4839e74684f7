package salesforce

import (
	"slices"
)

// eventsOf gives the events of a transaction's changes: one for each record, in
// the order in which it was first touched. Deletions of one object are merged, as
// changes that are the same are (Merged Change Events, Change Data Capture guide).
func eventsOf(meta *txMeta, changes []change) []*event {
	var out []*event
	var overflowed []*object
	told := 0
	for _, c := range merged(changes) {
		o := c.t.obj
		kind, changed, ok := c.tells()
		if !ok || !o.captured() {
			continue
		}
		if told += weight(kind, changed); meta.Overflow > 0 && told > meta.Overflow {
			if !slices.Contains(overflowed, o) {
				overflowed = append(overflowed, o)
			}
			continue
		}
		row := c.new
		if meta.Gap {
			kind, changed, row = kind.gap(), nil, nil
		}
		if kind == changeDelete || kind >= gapCreate {
			row = nil
			if last := lastOf(out, o, kind); last != nil {
				last.ids = append(last.ids, c.id())
				continue
			}
		}
		out = append(out, &event{meta: meta, object: o, kind: kind, ids: []string{c.id()}, row: row, changed: changed})
	}
	for _, o := range overflowed {
		out = append(out, &event{meta: meta, object: o, kind: gapOverflow})
	}
	for i, e := range out {
		e.seq = int32(i + 1)
		if e.kind >= gapCreate {
			e.seq = 1 // "The sequenceNumber field is always set to 1" (Gap Events)
		}
	}
	return out
}

// weight is how much a change counts against the overflow: a field each.
func weight(kind changeType, changed []bool) int {
	if kind != changeUpdate {
		return 1
	}
	n := 0
	for _, c := range changed {
		if c {
			n++
		}
	}
	return max(n, 1)
}

func lastOf(out []*event, o *object, kind changeType) *event {
	if len(out) == 0 {
		return nil
	}
	if e := out[len(out)-1]; e.object == o && e.kind == kind {
		return e
	}
	return nil
}

// merged gives one change for each record: from what it was before the transaction
// to what it is after.
func merged(changes []change) []change {
	type place struct {
		t    *table
		slot int32
	}
	if len(changes) == 1 {
		return changes
	}
	at := make(map[place]int, len(changes))
	out := make([]change, 0, len(changes))
	for _, c := range changes {
		p := place{c.t, c.slot}
		if i, met := at[p]; met && out[i].new != nil {
			out[i].new = c.new
			continue
		}
		at[p] = len(out)
		out = append(out, c)
	}
	return out
}

func (c change) id() string {
	if c.new != nil {
		return c.t.rowID(c.new)
	}
	return c.t.rowID(c.old)
}

// tells gives what an event says of a change; ok is false when it is none to the
// outside, such as emptying the recycle bin.
func (c change) tells() (kind changeType, changed []bool, ok bool) {
	was := c.old != nil && !c.t.deleted(c.old)
	is := c.new != nil && !c.t.deleted(c.new)
	switch {
	case !was && !is:
		return 0, nil, false
	case !is:
		return changeDelete, nil, true
	case c.old == nil:
		return changeCreate, nil, true
	case !was:
		return changeUndelete, nil, true
	}
	changed = make([]bool, len(c.new))
	for i := range c.new {
		changed[i] = !same(c.old[i], c.new[i])
	}
	return changeUpdate, changed, true
}

// captured says whether change events exist for the object at all: not for what
// the system keeps by itself.
func (o *object) captured() bool { return !o.readonly }

// meta is what a transaction's events have in common.
func (x *tx) meta() txMeta {
	return txMeta{At: x.stamp, User: x.user, Origin: x.origin, Key: transactionKey(), Gap: x.past}
}

// transactionKey is unique and says nothing: 00000000-0000-0000-0000-000000000000.
func transactionKey() string {
	t := randomText(32)
	return t[:8] + "-" + t[8:12] + "-" + t[12:16] + "-" + t[16:20] + "-" + t[20:]
}
