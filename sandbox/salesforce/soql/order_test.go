package soql

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestSortingByPrefixAgreesWithPlainComparison(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	texts := []any{nil, "", "a", "A", "ab", "aB\x00", "Äpfel", "äpfel", "abcdefgh", "ABCDEFGHI", "abcdefghz", "\xff", "z"}
	numbers := []any{nil, 0.0, -0.5, -1e9, 1e9, int64(3), 3.5, 1e-9}
	times := []any{nil, at("1969-12-31T23:59:59Z"), at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:01Z"), time.Unix(0, 1)}
	pick := func(from []any) any { return from[random.IntN(len(from))] }
	column := func(i int) func(Row) any { return func(r Row) any { return r[i] } }
	for round := range 40 {
		rows := make([]Row, 1500)
		for i := range rows {
			rows[i] = Row{pick(texts), pick(numbers), pick(times), pick([]any{true, false}), id("001", random.IntN(5)), i}
		}
		all := []sortKey{
			{get: column(0), kind: classText},
			{get: column(1), kind: classNumber},
			{get: column(2), kind: classDateTime},
			{get: column(3), kind: classBool},
			{get: column(4), kind: classID},
		}
		keys := make([]sortKey, 2)
		for i := range keys {
			keys[i] = all[random.IntN(len(all))]
			keys[i].descending, keys[i].nullsFirst = random.IntN(2) == 0, random.IntN(2) == 0
		}
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b Row) int {
			for i := range keys {
				x, y := keys[i].cell(a), keys[i].cell(b)
				if d := keys[i].compare(&x, &y); d != 0 {
					return d
				}
			}
			return 0
		})
		for _, wanted := range []int{-1, 1500, 1499, 200, 3, 1, 0} {
			got := sortRows(rows, keys, wanted)
			if len(got) != wanted && (wanted >= 0 || len(got) != len(rows)) {
				t.Fatalf("round %d: %d rows, want %d", round, len(got), wanted)
			}
			for i := range got {
				if got[i][5] != want[i][5] {
					t.Fatalf("round %d: row %d of %d is %v, want %v (keys %+v)", round, i, wanted, got[i], want[i], keys)
				}
			}
		}
	}
}
