package soql

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// sortKey is one key of ORDER BY.
type sortKey struct {
	get        func(Row) any
	kind       class
	descending bool
	nullsFirst bool
}

// sortKeys compiles ORDER BY. Nulls come first in ascending and last in
// descending order unless the query says otherwise.
func (c *compiler) sortKeys(resolve resolver) ([]sortKey, *Error) {
	var out []sortKey
	for _, item := range c.q.OrderBy {
		a, err := resolve(item.Expr)
		if err != nil {
			return nil, err
		}
		if a.typ == TypeMultiPicklist || a.typ == TypeBase64 || a.long {
			return nil, c.env.fail(CodeInvalidField, item.Expr.Pos, "field '"+a.name+"' can not be sorted in a query call")
		}
		k := sortKey{get: a.get, kind: classOf(a.typ), descending: item.Descending, nullsFirst: !item.Descending}
		if item.NullsFirst != nil {
			k.nullsFirst = *item.NullsFirst
		}
		out = append(out, k)
	}
	return out, nil
}

// sortCell is a value made ready for comparison.
type sortCell struct {
	null  bool
	text  string
	whole int64
	float float64
}

// sortEntry is a row to sort by the prefix of its first key; at is its place.
type sortEntry struct {
	prefix uint64
	at     int32
}

// sorter collects rows and gives the first wanted of them in order. It sorts
// by the first key's prefix and compares whole keys only among equal prefixes;
// when a number is wanted it keeps only the best rows seen so far.
type sorter struct {
	keys    []sortKey
	wanted  int // -1: all
	rows    []Row
	entries []sortEntry
	worst   uint64     // rows beyond it cannot be among the wanted ones
	cells   []sortCell // of the rows in one run of equal prefixes
	run     []sortEntry
}

func newSorter(keys []sortKey, wanted int) *sorter {
	return &sorter{keys: keys, wanted: wanted, worst: math.MaxUint64}
}

// pruneAt is how many more rows than wanted are kept before they are sorted
// and cut.
const pruneAt = 1024

func (s *sorter) add(r Row) {
	c := s.keys[0].cell(r)
	e := sortEntry{prefix: s.keys[0].prefix(&c), at: int32(len(s.rows))}
	if e.prefix > s.worst {
		return
	}
	s.rows = append(s.rows, r)
	s.entries = append(s.entries, e)
	if s.wanted >= 0 && len(s.entries) >= 2*s.wanted+pruneAt {
		s.sort(s.entries)
		s.entries = s.entries[:s.wanted]
		if s.wanted > 0 {
			s.worst = s.entries[s.wanted-1].prefix
		}
	}
}

func (s *sorter) sorted() []Row {
	s.sort(s.entries)
	if s.wanted >= 0 {
		s.entries = s.entries[:min(s.wanted, len(s.entries))]
	}
	out := make([]Row, len(s.entries))
	for i, e := range s.entries {
		out[i] = s.rows[e.at]
	}
	return out
}

// sortRows sorts rows stably and gives the first wanted of them; all if wanted
// is negative.
func sortRows(rows []Row, keys []sortKey, wanted int) []Row {
	if len(keys) == 0 || len(rows) < 2 {
		return rows
	}
	s := newSorter(keys, wanted)
	for _, r := range rows {
		s.add(r)
	}
	return s.sorted()
}

func (s *sorter) sort(entries []sortEntry) {
	slices.SortFunc(entries, func(a, b sortEntry) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Compare(a.at, b.at)
	})
	for from := 0; from < len(entries); {
		to := from + 1
		for to < len(entries) && entries[to].prefix == entries[from].prefix {
			to++
		}
		switch {
		case to-from == 1:
		case to-from <= shortRun:
			s.insert(entries[from:to])
		default:
			s.sortRun(entries[from:to])
		}
		from = to
	}
}

// shortRun is the length up to which a run is sorted by insertion, reading
// keys as it goes.
const shortRun = 4

func (s *sorter) insert(entries []sortEntry) {
	for i := 1; i < len(entries); i++ {
		for j := i; j > 0 && s.less(entries[j], entries[j-1]); j-- {
			entries[j], entries[j-1] = entries[j-1], entries[j]
		}
	}
}

func (s *sorter) less(a, b sortEntry) bool {
	for k := range s.keys {
		x, y := s.keys[k].cell(s.rows[a.at]), s.keys[k].cell(s.rows[b.at])
		if d := s.keys[k].compare(&x, &y); d != 0 {
			return d < 0
		}
	}
	return a.at < b.at
}

// sortRun sorts entries of one prefix, which come in the order of their rows,
// by all keys. It reads each key of each row once.
func (s *sorter) sortRun(entries []sortEntry) {
	width := len(s.keys)
	s.cells = slices.Grow(s.cells[:0], len(entries)*width)
	s.run = append(s.run[:0], entries...)
	for _, e := range entries {
		for k := range s.keys {
			s.cells = append(s.cells, s.keys[k].cell(s.rows[e.at]))
		}
	}
	// In the run, at counts from the run's start.
	for i := range entries {
		entries[i].at = int32(i)
	}
	slices.SortFunc(entries, func(a, b sortEntry) int {
		for k := range s.keys {
			if d := s.keys[k].compare(&s.cells[int(a.at)*width+k], &s.cells[int(b.at)*width+k]); d != 0 {
				return d
			}
		}
		return cmp.Compare(a.at, b.at)
	})
	for i := range entries {
		entries[i].at = s.run[entries[i].at].at
	}
}

// prefix maps a cell to a number that orders as the cell does, or equal: one
// bit for null, 63 for the beginning of the value.
func (k *sortKey) prefix(c *sortCell) uint64 {
	const top = 1 << 63
	if c.null {
		if k.nullsFirst {
			return 0
		}
		return math.MaxUint64
	}
	var v uint64
	switch k.kind {
	case classDateTime, classBool:
		v = uint64(c.whole) ^ top
	case classNumber:
		v = math.Float64bits(c.float + 0) // +0 makes -0 a 0
		if v&top != 0 {
			v = ^v
		} else {
			v |= top
		}
	case classText:
		v = textPrefix(c.text)
	default:
		var b [8]byte
		copy(b[:], c.text)
		v = binary.BigEndian.Uint64(b[:])
	}
	if k.descending {
		v = ^v
	}
	v >>= 1
	if k.nullsFirst {
		v |= top
	}
	return v
}

// textPrefix packs the first eight bytes of the folded text; UTF-8 orders as
// its characters do.
func textPrefix(s string) uint64 {
	var b [8 + utf8.UTFMax]byte
	n := 0
	for _, r := range s {
		if n >= 8 {
			break
		}
		n += utf8.EncodeRune(b[n:], lowerRune(r))
	}
	return binary.BigEndian.Uint64(b[:8])
}

func (k *sortKey) cell(r Row) sortCell {
	switch v := k.get(r).(type) {
	case string:
		return sortCell{text: v, null: v == ""}
	case time.Time:
		return sortCell{whole: v.UnixNano()}
	case bool:
		return sortCell{whole: int64(btoi(v))}
	case float64:
		return sortCell{float: v}
	case int64:
		return sortCell{float: float64(v)}
	case int:
		return sortCell{float: float64(v)}
	}
	return sortCell{null: k.kind != classBool}
}

func (k *sortKey) compare(a, b *sortCell) int {
	if a.null || b.null {
		d := btoi(b.null) - btoi(a.null) // nulls first
		if !k.nullsFirst {
			d = -d
		}
		return d
	}
	var d int
	switch k.kind {
	case classDateTime, classBool:
		d = cmp.Compare(a.whole, b.whole)
	case classNumber:
		d = cmp.Compare(a.float, b.float)
	case classText:
		d = compareFold(a.text, b.text)
	default:
		d = cmp.Compare(a.text, b.text)
	}
	if k.descending {
		return -d
	}
	return d
}
