package id

import (
	"sort"
	"testing"
)

func TestIdsSortByTheTimeTheyWereMade(t *testing.T) {
	t.Parallel()
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = New("opp")
	}
	if !sort.StringsAreSorted(ids) {
		t.Fatal("ids made one after another are not in order")
	}
	seen := map[string]bool{}
	for _, s := range ids {
		if !Valid("opp", s) {
			t.Fatalf("%q is not valid by its own rule", s)
		}
		if seen[s] {
			t.Fatalf("%q was made twice", s)
		}
		seen[s] = true
	}
}

func TestOtherStringsAreNotIds(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "opp_", "acc_" + New("opp")[4:], "opp_ILOU" + New("opp")[8:], New("opp") + "0"} {
		if Valid("opp", s) {
			t.Errorf("%q passed as an opportunity id", s)
		}
	}
}
