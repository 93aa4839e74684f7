package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/match"
	"github.com/tandem-cosell/tandem/match/list"
	"github.com/tandem-cosell/tandem/match/psi"
)

const (
	matchCPUBar    = 25 * time.Second
	matchMemoryBar = 600 << 20
	lookupBar      = time.Millisecond // p99
	changeBar      = time.Second      // for changedAccounts
	psiBar         = time.Minute

	changedAccounts = 1_000
)

// accountNumbers are how many accounts are matched: left, right, and in private.
func (b *bench) accountNumbers() (left, right, private int) {
	if b.quick {
		return 8_000, 10_000, 1_000
	}
	return 800_000, 1_000_000, 100_000
}

// benchMatch matches made-up accounts by the program, as anyone would, and asks the
// library for what a running server needs: one account, a thousand changed ones, and
// what two parties share in private.
func (b *bench) benchMatch(ctx context.Context) error {
	left, right, private := b.accountNumbers()
	files, err := makeAccounts(b.dir, left, right)
	if err != nil {
		return err
	}
	out := filepath.Join(b.dir, "matches.csv")
	_, u, err := finish(command(ctx, b.binary, "match", files.Left, files.Right, "-o", out))
	if err != nil {
		return err
	}
	rep, err := judge(out, files.Truth)
	if err != nil {
		return err
	}
	b.table.add(row{
		what: fmt.Sprintf("match %s with %s accounts, CPU", grouped(int64(left)), grouped(int64(right))), measured: fmt.Sprintf("%.1f s", u.cpu.Seconds()), bar: fmt.Sprintf("< %.0f s", matchCPUBar.Seconds()),
		verdict: b.verdict(u.cpu < matchCPUBar), peer: fmt.Sprintf("F1 %.4f, %.4f of it found at 99 %% precision", rep.Best.F1, rep.At99.Recall),
		note: "The whole of `tandem match`: reading both files, learning without labels, writing the pairs with their evidence. A fifth of the right list is not in the left one; names have typing errors, abbreviations, dropped words and other legal forms.",
	})
	b.table.add(row{what: "  peak memory", measured: megabytes(u.peak), bar: "< " + megabytes(matchMemoryBar), verdict: b.verdict(u.peak > 0 && u.peak < matchMemoryBar)})
	var got liveMatch
	if _, err := b.runChild(ctx, "match", files, &got); err != nil {
		return err
	}
	b.table.add(row{
		what: fmt.Sprintf("one account against %s", grouped(int64(right))), measured: fmt.Sprintf("p99 %.0f µs, p50 %.0f µs", 1e6*got.P99, 1e6*got.P50), bar: "p99 < 1 ms", verdict: b.verdict(got.P99 < lookupBar.Seconds()),
	})
	b.table.add(row{
		what: fmt.Sprintf("%s changed accounts decided again", grouped(changedAccounts)), measured: fmt.Sprintf("%.2f s", got.Changed), bar: "< 1 s", verdict: b.verdict(got.Changed < changeBar.Seconds()),
		peer: fmt.Sprintf("%d links changed", got.Events), note: "Half of them of the left list, whose neighbours on the right are decided again, half of the right list.",
	})
	var seconds float64
	if _, err := b.runChild(ctx, "psi", private, &seconds); err != nil {
		return err
	}
	b.table.add(row{
		what: fmt.Sprintf("private intersection of %s and %s accounts, 5 keys each", grouped(int64(private)), grouped(int64(private))), measured: fmt.Sprintf("%.0f s", seconds), bar: "< 60 s on two cores", verdict: b.verdict(seconds < psiBar.Seconds()),
		note: "Both parties in one process, all messages made and read.",
	})
	return nil
}

func judge(matches, truth string) (rep match.Report, err error) {
	known, err := os.Open(truth)
	if err != nil {
		return rep, err
	}
	defer known.Close()
	t, err := list.Truth(known)
	if err != nil {
		return rep, err
	}
	file, err := os.Open(matches)
	if err != nil {
		return rep, err
	}
	defer file.Close()
	pairs, err := list.Matches(file)
	if err != nil {
		return rep, err
	}
	return match.Evaluate(pairs, t, match.DefaultThreshold), nil
}

// liveMatch is what childMatch measured, in seconds.
type liveMatch struct {
	P50, P99, Changed float64
	Events            int
}

// childMatch looks accounts up against the large list, one at a time, and changes
// some of two lists that are mapped.
func childMatch(_ context.Context, given []byte) (any, error) {
	var files accountFiles
	if err := decode(given, &files); err != nil {
		return nil, err
	}
	large, rows, err := readIndex(files.Right)
	if err != nil {
		return nil, err
	}
	small, others, err := readIndex(files.Left)
	if err != nil {
		return nil, err
	}
	var res liveMatch
	m := match.NewMatcher(large, nil, match.Options{})
	var took []float64
	for _, r := range others {
		began := time.Now()
		m.Match(r)
		took = append(took, time.Since(began).Seconds())
	}
	slices.Sort(took)
	res.P50, res.P99 = quantile(took, 0.5), quantile(took, 0.99)
	mp := match.NewMap(small, large, nil, match.Options{})
	half := changedAccounts / 2
	change := func(rs []*match.Record) []*match.Record {
		var out []*match.Record
		for _, r := range rs[:half] {
			c := *r
			c.Names = append(slices.Clone(c.Names), "Formerly "+c.Names[0])
			out = append(out, &c)
		}
		return out
	}
	mp.Change(change(others[half:]), change(rows[half:])) // makes what is made once
	l, r := change(others), change(rows)
	began := time.Now()
	res.Events = len(mp.Change(l, r))
	res.Changed = time.Since(began).Seconds()
	return res, nil
}

// readIndex gives a list's index and its first ten thousand records.
func readIndex(name string) (*match.Index, []*match.Record, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	l, err := list.Open(f, nil)
	if err != nil {
		return nil, nil, err
	}
	b := match.NewBuilder()
	var some []*match.Record
	for r, err := range l.Records() {
		if err != nil {
			return nil, nil, err
		}
		b.Add(r)
		if len(some) < 10_000 {
			some = append(some, r)
		}
	}
	return b.Build(), some, nil
}

// childPSI runs the whole exchange and gives the seconds it took.
func childPSI(_ context.Context, given []byte) (any, error) {
	var accounts int
	if err := decode(given, &accounts); err != nil {
		return nil, err
	}
	keys := func(from int) []string {
		var out []string
		for i := from; i < from+accounts; i++ {
			for k := range 5 {
				out = append(out, fmt.Sprintf("%d:%d", k, i))
			}
		}
		return out
	}
	began := time.Now()
	a, err := psi.New(keys(0), psi.Limits{})
	if err != nil {
		return nil, err
	}
	b, err := psi.New(keys(accounts/2), psi.Limits{})
	if err != nil {
		return nil, err
	}
	offer, err := a.Offer()
	if err != nil {
		return nil, err
	}
	reply, err := b.Reply(offer)
	if err != nil {
		return nil, err
	}
	forA, result, err := a.Result(reply)
	if err != nil {
		return nil, err
	}
	forB, err := b.Finish(result)
	if err != nil {
		return nil, err
	}
	if want := 5 * (accounts - accounts/2); len(forA) != want || len(forB) != want {
		return nil, errors.New("the parties did not find what they share")
	}
	return time.Since(began).Seconds(), nil
}
