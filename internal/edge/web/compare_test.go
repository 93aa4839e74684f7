package web

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/edge/web/ui"
)

func TestTwoValuesThatDifferAreNoConflict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ours, theirs string
		same, read   bool
		want         ui.CompareState
	}{
		"not read":    {"a", "b", false, false, ui.CompareUnknown},
		"the same":    {"a", "a", true, true, ui.CompareSame},
		"only ours":   {"a", "", false, true, ui.CompareOnlyOurs},
		"only theirs": {"", "b", false, true, ui.CompareTheirs},
		"different":   {"a", "b", false, true, ui.CompareDiffers},
	} {
		l := compareLine(&registration.FieldPair{Ours: c.ours, Theirs: c.theirs, Same: c.same}, c.read, false)
		if l.State != c.want {
			t.Errorf("%s: %s, want %s", name, l.State, c.want)
		}
		var b strings.Builder
		if err := (ui.CompareTable{ID: "c", Caption: "c", Lines: []ui.CompareLine{l}}).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "Differs") != (c.want == ui.CompareDiffers) || strings.Contains(b.String(), "Conflict") {
			t.Errorf("%s reads %s", name, b.String())
		}
	}
}
