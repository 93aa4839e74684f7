package registration

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTheMergeFollowsItsTable(t *testing.T) {
	t.Parallel()
	early, late := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	base := &Pair{Ours: "a", Theirs: "a"}
	for _, c := range []struct {
		name                string
		base                *Pair
		ours, theirs        string
		ask, us, them       Verdict
		newestUs, newestHim Verdict // ours changed later; theirs did
	}{
		{"nothing changed", base, "a", "a", VerdictKeep, VerdictKeep, VerdictKeep, VerdictKeep, VerdictKeep},
		{"both changed alike", base, "b", "b", VerdictAgree, VerdictAgree, VerdictAgree, VerdictAgree, VerdictAgree},
		{"only ours changed", base, "b", "a", VerdictSend, VerdictSend, VerdictTake, VerdictSend, VerdictSend},
		{"only theirs changed", base, "a", "b", VerdictTake, VerdictSend, VerdictTake, VerdictTake, VerdictTake},
		{"both changed", base, "b", "c", VerdictAsk, VerdictSend, VerdictTake, VerdictSend, VerdictTake},
		{"ours was removed", base, "", "a", VerdictSend, VerdictSend, VerdictTake, VerdictSend, VerdictSend},
		{"theirs was removed", base, "a", "", VerdictTake, VerdictSend, VerdictTake, VerdictTake, VerdictTake},
		{"left different, and still so", &Pair{Ours: "a", Theirs: "b"}, "a", "b", VerdictKeep, VerdictKeep, VerdictKeep, VerdictKeep, VerdictKeep},
		{"left different, ours changed", &Pair{Ours: "a", Theirs: "b"}, "c", "b", VerdictSend, VerdictSend, VerdictTake, VerdictSend, VerdictSend},
		{"never agreed, only ours is there", nil, "a", "", VerdictSend, VerdictSend, VerdictSend, VerdictSend, VerdictSend},
		{"never agreed, only theirs is there", nil, "", "a", VerdictTake, VerdictSend, VerdictTake, VerdictTake, VerdictTake},
		{"never agreed, both are there", nil, "a", "b", VerdictAsk, VerdictSend, VerdictTake, VerdictSend, VerdictTake},
		{"never agreed, both alike", nil, "a", "a", VerdictAgree, VerdictAgree, VerdictAgree, VerdictAgree, VerdictAgree},
		{"never there", nil, "", "", VerdictAgree, VerdictAgree, VerdictAgree, VerdictAgree, VerdictAgree},
	} {
		for _, x := range []struct {
			owner Owner
			later bool // theirs
			want  Verdict
		}{{OwnerAsk, false, c.ask}, {OwnerOurs, true, c.us}, {OwnerTheirs, false, c.them}, {OwnerNewest, false, c.newestUs}, {OwnerNewest, true, c.newestHim}} {
			oursAt, theirsAt := late, early
			if x.later {
				oursAt, theirsAt = early, late
			}
			if got := Merge(x.owner, c.base, c.ours, c.theirs, oursAt, theirsAt); got != x.want {
				t.Errorf("%s, owner %s, theirs later %t: %s, want %s", c.name, x.owner, x.later, got, x.want)
			}
		}
	}
	if got := Merge(OwnerNewest, base, "b", "c", early, early); got != VerdictSend {
		t.Errorf("a tie: %s", got)
	}
}

func TestWhatHoldsOfEveryMerge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{"", `"a"`, `"b"`, `"c"`})
		owner := rapid.SampledFrom(OwnerValues()).Draw(t, "owner")
		ours, theirs := value.Draw(t, "ours"), value.Draw(t, "theirs")
		at := func(name string) time.Time { return time.Unix(int64(rapid.IntRange(0, 3).Draw(t, name)), 0) }
		oursAt, theirsAt := at("ours at"), at("theirs at")
		var base *Pair
		if rapid.Bool().Draw(t, "settled before") {
			base = &Pair{Ours: value.Draw(t, "base"), Theirs: value.Draw(t, "base of theirs")}
		}
		v := Merge(owner, base, ours, theirs, oursAt, theirsAt)
		if equal := v == VerdictAgree || v == VerdictKeep && base != nil && base.Ours == base.Theirs; ours == theirs && !equal && v != VerdictKeep {
			t.Errorf("the same on both sides: %s", v)
		}
		if v == VerdictAgree && ours != theirs {
			t.Error("they agree on different values")
		}
		if settled := base != nil && base.Ours == ours && base.Theirs == theirs; settled != (v == VerdictKeep) {
			t.Errorf("settled %t: %s", settled, v)
		}
		if v == VerdictAsk && owner != OwnerAsk {
			t.Errorf("asked though %s", owner)
		}
		if base != nil && ours != theirs && owner == OwnerAsk {
			oursChanged, theirsChanged := base.Ours != ours, base.Theirs != theirs
			switch {
			case oursChanged && !theirsChanged && v != VerdictSend, !oursChanged && theirsChanged && v != VerdictTake, oursChanged && theirsChanged && v != VerdictAsk:
				t.Errorf("ours changed %t, theirs %t: %s", oursChanged, theirsChanged, v)
			}
		}
		// What is sent or taken is settled by it: the next merge has nothing to do.
		switch v {
		case VerdictSend:
			theirs = ours
		case VerdictTake:
			ours = theirs
		default:
			return
		}
		if again := Merge(owner, &Pair{Ours: ours, Theirs: theirs}, ours, theirs, oursAt, theirsAt); again != VerdictKeep {
			t.Errorf("after %s: %s", v, again)
		}
	})
}
