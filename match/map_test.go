package match_test

import (
	"slices"
	"testing"

	"github.com/tandem-cosell/tandem/match"
)

func index(rs []*match.Record) *match.Index {
	b := match.NewBuilder()
	for _, r := range rs {
		b.Add(r)
	}
	return b.Build()
}

func company(id, name, country, city, site string) *match.Record {
	return &match.Record{ID: id, Names: []string{name}, Country: country, City: city, Websites: []string{site}}
}

func smallMap(t *testing.T) *match.Map {
	t.Helper()
	mp := match.NewMap(index([]*match.Record{
		company("a1", "Acme Rocket Holdings", "DE", "Berlin", "acmerocket.de"),
		company("a2", "Zenith Quantum Optics", "US", "Boston", "zenithoptics.com"),
		company("a3", "Borealis Fisheries", "NO", "Bergen", ""),
	}), index([]*match.Record{
		company("b1", "ACME ROCKET HLDGS", "DE", "Berlin", "acmerocket.de"),
		company("b2", "Zenith Quantum Optics Inc", "US", "Boston", ""),
		company("b3", "Nobody Knows Us", "GB", "Leeds", ""),
	}), nil, match.Options{})
	if es := mp.All(); len(es) != 2 {
		t.Fatal(es)
	}
	return mp
}

func TestAChangedRecordRedecidesItsNeighbourhood(t *testing.T) {
	t.Parallel()
	mp := smallMap(t)
	before, _ := mp.Link("b1")
	es := mp.Change([]*match.Record{company("a4", "Nobody Knows Us Ltd", "GB", "Leeds", "")}, nil)
	if len(es) != 1 || es[0].Before != nil || es[0].After.LeftID != "a4" || es[0].After.RightID != "b3" {
		t.Fatalf("%+v", es)
	}
	if after, _ := mp.Link("b1"); after != before {
		t.Error(before, after)
	}
	// a2 becomes another company: b2 loses its link.
	es = mp.Change([]*match.Record{company("a2", "Quite Another Thing", "FR", "Paris", "")}, nil)
	if len(es) != 1 || es[0].Before == nil || es[0].Before.RightID != "b2" || es[0].After != nil {
		t.Fatalf("%+v", es)
	}
	// A country that the list had not, and the record it belongs to.
	es = mp.Change([]*match.Record{company("a5", "Kangaroo Dental Supply", "AU", "Perth", "")}, []*match.Record{company("b4", "Kangaroo Dental Supply Pty Ltd", "Australia", "Perth", "")})
	if len(es) != 1 || es[0].After == nil || es[0].After.LeftID != "a5" || es[0].After.Band != match.BandMatch {
		t.Fatalf("%+v", es)
	}
	if es = mp.Remove([]string{"a5"}, []string{"b1"}); len(es) != 2 || es[0].After != nil || es[1].After != nil {
		t.Fatalf("%+v", es)
	}
}

func TestAPersonsVerdictIsNeverOverruled(t *testing.T) {
	t.Parallel()
	mp := smallMap(t)
	if es := mp.Settle(match.Verdict{LeftID: "a1", RightID: "b1"}); len(es) != 1 || es[0].After != nil {
		t.Fatalf("%+v", es)
	}
	if es := mp.Settle(match.Verdict{LeftID: "a3", RightID: "b3", Same: true}); len(es) != 1 || !es[0].After.Settled || es[0].After.Probability != 1 {
		t.Fatalf("%+v", es)
	}
	mp.All()
	mp.Apply(match.DefaultModel())
	mp.Change([]*match.Record{company("a1", "Acme Rocket Holdings GmbH", "DE", "Berlin", "acmerocket.de")}, nil)
	if l, ok := mp.Link("b1"); ok {
		t.Error(l)
	}
	if l, ok := mp.Link("b3"); !ok || l.LeftID != "a3" {
		t.Error(l)
	}
	// The same two companies under other ids: what was said goes with what they say.
	mp = smallMap(t)
	mp.Settle(match.Verdict{LeftID: "a2", RightID: "b2"})
	mp.Change(nil, []*match.Record{company("b9", "Zenith Quantum Optics Inc", "US", "Boston", "")})
	if l, ok := mp.Link("b9"); ok {
		t.Error(l)
	}
}

func TestANewModelShowsFirstWhatItWouldFlip(t *testing.T) {
	t.Parallel()
	mp := smallMap(t)
	before := mp.Links()
	strict := match.DefaultModel()
	strict.Prior = -60
	flips := mp.Flips(strict)
	if len(flips) != 2 || !slices.Equal(mp.Links(), before) {
		t.Fatalf("%+v", flips)
	}
	if es := mp.Apply(strict); len(es) != 2 {
		t.Fatalf("%+v", es)
	}
	if es := mp.Apply(match.DefaultModel()); len(es) != 2 || !slices.Equal(mp.Links(), before) {
		t.Fatalf("%+v", es)
	}
}
