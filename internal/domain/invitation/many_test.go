package invitation

import (
	"slices"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// C13 of the list that AWS's own connector's release notes give
// (salesforce-gitlab.md, appendix C); that many are assigned stands in bulk.
func TestC13ManyAreAcceptedEachByItselfAndABadRowIsItsOwn(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for range 3 {
			f.p.refer(KindOpportunity)
		}
		f.follow(t, false)
		known, err := ByRemoteIDs(f.ctx, f.db, cloud.AWS, []string{"engi-1", "engi-2", "engi-3"})
		if err != nil {
			t.Fatal(err)
		}
		one, two, old := known["engi-1"], known["engi-2"], known["engi-3"]
		rows := []Answer{{ID: one.ID, Version: one.Version}, {ID: old.ID, Version: old.Version + 7}, {ID: "inv_none"}, {ID: two.ID}, {ID: one.ID}}
		try := func(what string, list []Answer) {
			got, err := f.AcceptMany(f.ctx, list)
			if err != nil || len(got) != 4 {
				t.Fatalf("%s: %+v, %v", what, got, err)
			}
			for i, kind := range []problem.Kind{"", problem.KindPrecondition, problem.KindNotFound, ""} {
				if problem.KindOf(got[i].Err) != kind || got[i].Waiting != "" {
					t.Errorf("%s, row %d: %v, %q", what, i, got[i].Err, got[i].Waiting)
				}
			}
		}
		preview := slices.Clone(rows)
		for i := range preview {
			preview[i].DryRun = true
		}
		try("preview", preview)
		f.want(t, f.get(t, one.ID), StatePending)
		try("accept", rows)
		f.want(t, f.get(t, one.ID), StateAccepting)
		f.want(t, f.get(t, two.ID), StateAccepting)
		f.want(t, f.get(t, old.ID), StatePending)
	})
}

func TestManyOfAnAssociateWaitForADirector(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann := f.person(t, "Ann", authz.LevelAssociate)
		i := f.offered(t, KindOpportunity)
		for _, dry := range []bool{true, false} {
			got, err := f.AcceptMany(ann, []Answer{{ID: i.ID, DryRun: dry}})
			if err != nil || len(got) != 1 || got[0].Err != nil || got[0].Waiting == "" {
				t.Fatalf("dry %v: %+v, %v", dry, got, err)
			}
			f.want(t, f.get(t, i.ID), StatePending)
		}
		for _, bad := range [][]Answer{nil, make([]Answer, MostAtOnce+1)} {
			if _, err := f.AcceptMany(ann, bad); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%d: %v", len(bad), err)
			}
		}
		if _, err := f.AcceptMany(as(t.Context(), authz.LevelReader), []Answer{{ID: i.ID}}); !problem.Is(err, problem.KindForbidden) {
			t.Error(err)
		}
	})
}
