package psi

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/match"
)

func keysOf(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("domain:company%d.com", i))
	}
	return out
}

// exchange runs the whole protocol.
func exchange(t *testing.T, a, b []string, l Limits) (forA, forB []string, err error) {
	t.Helper()
	pa, err := New(a, l)
	if err != nil {
		t.Fatal(err)
	}
	pb, err := New(b, l)
	if err != nil {
		t.Fatal(err)
	}
	offer, err := pa.Offer()
	if err != nil {
		return nil, nil, err
	}
	reply, err := pb.Reply(offer)
	if err != nil {
		return nil, nil, err
	}
	forA, result, err := pa.Result(reply)
	if err != nil {
		return nil, nil, err
	}
	forB, err = pb.Finish(result)
	slices.Sort(forA)
	slices.Sort(forB)
	return forA, forB, err
}

func TestBothLearnWhatIsCommonAndNothingElse(t *testing.T) {
	t.Parallel()
	a, b := keysOf(0, 120), keysOf(80, 300)
	want := keysOf(80, 120)
	slices.Sort(want)
	forA, forB, err := exchange(t, append(a, a[3]), b, Limits{})
	if err != nil || !slices.Equal(forA, want) || !slices.Equal(forB, want) {
		t.Fatal(forA, forB, err)
	}
}

func TestNoMessageRepeatsAPointOfAnotherExchange(t *testing.T) {
	t.Parallel()
	offer := func() []point {
		p, err := New(keysOf(0, 60), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Offer()
		if err != nil {
			t.Fatal(err)
		}
		_, lists, err := decode(m, kindOffer, 1)
		if err != nil {
			t.Fatal(err)
		}
		return lists[0]
	}
	first := offer()
	for _, p := range offer() {
		if slices.Contains(first, p) {
			t.Fatal("two exchanges share a point")
		}
	}
}

func TestLittleIsRefused(t *testing.T) {
	t.Parallel()
	if _, _, err := exchange(t, keysOf(0, 100), keysOf(98, 200), Limits{}); !errors.Is(err, ErrTooFew) {
		t.Error(err)
	}
	if _, _, err := exchange(t, keysOf(0, 3), keysOf(0, 200), Limits{}); err == nil {
		t.Error("a list of three was taken")
	}
	if _, _, err := exchange(t, keysOf(0, 100), keysOf(0, 100), Limits{MaxKeys: 99}); err == nil {
		t.Error("a list beyond the limit was taken")
	}
}

func TestAPartnerCannotAskAgainAndAgain(t *testing.T) {
	t.Parallel()
	var g Guard
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i := range 4 {
		if err := g.Allow("acme", 1000, now.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Allow("acme", 1000, now.Add(24*time.Hour)); err == nil {
		t.Error("a fifth exchange was allowed")
	}
	if err := g.Allow("other", 1000, now.Add(24*time.Hour)); err != nil {
		t.Error(err)
	}
	if err := g.Allow("acme", 1000, now.Add(31*24*time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestMessagesOutOfOrderAreRefused(t *testing.T) {
	t.Parallel()
	a, _ := New(keysOf(0, 60), Limits{})
	b, _ := New(keysOf(0, 60), Limits{})
	offer, _ := a.Offer()
	if _, err := a.Offer(); err == nil {
		t.Error("a second offer was made")
	}
	if _, err := b.Finish(offer); err == nil {
		t.Error("a result came before the reply")
	}
	reply, _ := b.Reply(offer)
	for _, bad := range [][]byte{nil, offer, reply[:len(reply)-1], append(bytes.Clone(reply), 0)} {
		if _, _, err := a.Result(bad); err == nil {
			t.Errorf("%d bytes were taken for a reply", len(bad))
		}
	}
	zero := bytes.Clone(reply)
	clear(zero[len(zero)-32:])
	if _, _, err := a.Result(zero); err == nil {
		t.Error("a point of small order was taken")
	}
}

// TestAKeyIsHashedOntoTheCurve checks the map by plain arithmetic: u³ + Au² + u is a
// square modulo 2²⁵⁵ - 19.
func TestAKeyIsHashedOntoTheCurve(t *testing.T) {
	t.Parallel()
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	for i := range 200 {
		u := toCurve(fmt.Sprint(i))
		le := bytes.Clone(u[:])
		slices.Reverse(le)
		x := new(big.Int).SetBytes(le)
		g := new(big.Int).Mul(x, x)
		g.Add(g, new(big.Int).Mul(x, big.NewInt(486662)))
		g.Add(g, big.NewInt(1))
		g.Mul(g, x)
		if big.Jacobi(g, p) != 1 {
			t.Fatalf("key %d is not on the curve", i)
		}
	}
}

func TestKeysAreExact(t *testing.T) {
	t.Parallel()
	got := Keys(&match.Record{Names: []string{"ACME GmbH"}, Country: "Germany", Websites: []string{"https://www.acme.de/x", "a@gmail.com"}, DUNS: "08-146-6849"})
	slices.Sort(got)
	if want := []string{"domain:acme.de", "duns:081466849", "name:DE:acme"}; !slices.Equal(got, want) {
		t.Error(got)
	}
}

func TestAKeyedHashDependsOnTheSecret(t *testing.T) {
	t.Parallel()
	one, other := []byte("one"), []byte("other")
	again := append([]byte(nil), one...)
	if KeyedHash(one, "x") != KeyedHash(again, "x") || KeyedHash(one, "x") == KeyedHash(other, "x") {
		t.Error("the hash is not of the secret and the key")
	}
}

func FuzzDecode(f *testing.F) {
	p, _ := New(keysOf(0, 3), Limits{MinKeys: 1})
	m, _ := p.Offer()
	f.Add(m)
	f.Fuzz(func(t *testing.T, b []byte) {
		session, lists, err := decode(b, kindReply, 2)
		if err == nil && !bytes.Equal(encode(kindReply, session, lists...), b) {
			t.Error("a message is not what it was made of")
		}
	})
}

func BenchmarkMask(b *testing.B) {
	var raw [8]byte
	_, _ = rand.Read(raw[:])
	p, _ := New([]string{string(raw[:])}, Limits{})
	for b.Loop() {
		if _, err := p.times(toCurve(p.keys[0])); err != nil {
			b.Fatal(err)
		}
	}
}
