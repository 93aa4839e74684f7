package match_test

import (
	"context"
	"encoding/csv"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tandem-cosell/tandem/match"
	"github.com/tandem-cosell/tandem/match/list"
)

// linkage gives a file of the account lists with a known truth: in TANDEM_SHARED,
// or in shared beside the repository.
func linkage(t testing.TB, name string) *os.File {
	t.Helper()
	shared := os.Getenv("TANDEM_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "shared")
	}
	f, err := os.Open(filepath.Join(shared, "data", "accounts", "linkage", name))
	if err != nil {
		t.Fatalf("the account lists are needed (set TANDEM_SHARED): %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func records(t testing.TB, name string) []*match.Record {
	t.Helper()
	l, err := list.Open(linkage(t, name), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []*match.Record
	for r, err := range l.Records() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func truth(t testing.TB) match.Truth {
	t.Helper()
	rows, err := csv.NewReader(linkage(t, "truth.csv")).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := match.Truth{}
	for _, r := range rows[1:] {
		out[r[0]] = nil
		if r[1] != "" {
			out[r[0]] = []string{r[1]}
		}
	}
	return out
}

// run matches two lists as the command line does.
func run(t testing.TB, left, right []*match.Record, o match.Options) []match.Decision {
	t.Helper()
	m := matcher(left, right, o)
	var out []match.Decision
	for d, err := range m.Stream(context.Background(), each(right)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func matcher(left, right []*match.Record, o match.Options) *match.Matcher {
	b := match.NewBuilder()
	for _, r := range left {
		b.Add(r)
	}
	ix := b.Build()
	var s match.Sampler
	for _, r := range right {
		s.Add(r)
	}
	return match.NewMatcher(ix, match.Learn(ix, s.Records(), o), o)
}

func each(rs []*match.Record) iter.Seq2[*match.Record, error] {
	return func(yield func(*match.Record, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func scored(ds []match.Decision) []match.Scored {
	var out []match.Scored
	for _, d := range ds {
		if d.Band == match.BandMatch || d.Band == match.BandReview {
			out = append(out, match.Scored{RightID: d.RightID, LeftID: d.LeftID, Probability: d.Probability})
		}
	}
	return out
}

func TestTheAccountListsAreMatchedAsWellAsPromised(t *testing.T) {
	t.Parallel()
	left, right, known := records(t, "crm.csv"), records(t, "partner.csv"), truth(t)
	rep := match.Evaluate(scored(run(t, left, right, match.Options{})), known, match.DefaultThreshold)
	t.Logf("%+v", rep)
	if rep.Best.F1 < 0.970 {
		t.Errorf("best F1 %.4f, promised 0.970", rep.Best.F1)
	}
	if rep.At99.Recall < 0.935 {
		t.Errorf("recall at a precision of 99 %% is %.4f, promised 0.935", rep.At99.Recall)
	}
	if rep.Default.Precision < 0.985 {
		t.Errorf("precision at the default threshold %.4f, promised 0.985", rep.Default.Precision)
	}
	for _, c := range rep.Calibration {
		if math.Abs(c.Predicted-c.Actual) > 0.01 {
			t.Errorf("from %.2f on the predicted precision is %.4f, the actual one %.4f", c.From, c.Predicted, c.Actual)
		}
	}
}

// TestOtherListsAreMatchedToo guards against a matcher that only knows these lists:
// it takes parts of them away.
func TestOtherListsAreMatchedToo(t *testing.T) {
	t.Parallel()
	left, right, known := records(t, "crm.csv"), records(t, "partner.csv"), truth(t)
	part := func(share int, strip bool) (l, r []*match.Record, k match.Truth) {
		has := map[string]bool{}
		for i, x := range left {
			if i%share == 0 {
				l, has[x.ID] = append(l, x), true
			}
		}
		k = match.Truth{}
		for i, x := range right {
			if ids := known[x.ID]; len(ids) > 0 && has[ids[0]] {
				r, k[x.ID] = append(r, x), ids
			} else if i%(3*share) == 0 {
				r, k[x.ID] = append(r, x), nil
			}
		}
		if strip {
			l, r = namesOnly(l), namesOnly(r)
		}
		return l, r, k
	}
	for _, c := range []struct {
		name   string
		share  int
		strip  bool
		f1, at float64
	}{
		{"a fortieth of them", 40, false, 0.97, 0.95},
		{"a tenth of them, names only", 10, true, 0.94, 0.90},
		{"all, names only", 1, true, 0.92, 0.84},
	} {
		l, r, k := part(c.share, c.strip)
		rep := match.Evaluate(scored(run(t, l, r, match.Options{})), k, match.DefaultThreshold)
		if rep.Best.F1 < c.f1 || rep.At99.Recall < c.at || rep.Default.Precision < 0.985 {
			t.Errorf("%s: %+v", c.name, rep)
		}
		t.Logf("%s: %+v", c.name, rep)
	}
}

func namesOnly(rs []*match.Record) []*match.Record {
	out := make([]*match.Record, len(rs))
	for i, r := range rs {
		out[i] = &match.Record{ID: r.ID, Names: r.Names}
	}
	return out
}

func TestTheOrderOfTheListsDoesNotMatter(t *testing.T) {
	t.Parallel()
	left, right := records(t, "crm.csv")[:4000], records(t, "partner.csv")[:6000]
	want := map[string]match.Decision{}
	for _, d := range run(t, left, right, match.Options{Workers: 1}) {
		want[d.RightID] = d
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	rng.Shuffle(len(right), func(i, j int) { right[i], right[j] = right[j], right[i] })
	for _, d := range run(t, left, right, match.Options{Workers: 3}) {
		w := want[d.RightID]
		if d.LeftID != w.LeftID || d.Probability != w.Probability || d.Band != w.Band || !slices.Equal(d.Evidence, w.Evidence) || !slices.Equal(d.Others, w.Others) {
			t.Fatalf("%+v, in another order %+v", w, d)
		}
	}
}
