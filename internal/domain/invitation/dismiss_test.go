package invitation

import (
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

func TestAnAcceptedLeadIsDismissedWithAReasonAndTakenBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann := f.person(t, "Ann", authz.LevelAssociate)
		i, _ := f.accepted(t, KindLead)
		f.p.took()
		for _, bad := range []string{" ", strings.Repeat("x", 501)} {
			if _, err := f.Dismiss(ann, Answer{ID: i.ID}, bad); !problem.Is(err, problem.KindInvalid) {
				t.Fatalf("%q: %v", bad, err)
			}
		}
		if _, err := f.Dismiss(ann, Answer{ID: i.ID, Version: i.Version + 1}, "no budget"); !problem.Is(err, problem.KindPrecondition) {
			t.Fatal(err)
		}
		if r, err := f.Dismiss(ann, Answer{ID: i.ID, DryRun: true}, "no budget"); err != nil || r.Invitation.State != StateAccepted {
			t.Fatal(r, err)
		}
		// It reaches no partner: an Associate needs nobody's approval.
		i = f.want(t, done(t)(f.Dismiss(ann, Answer{ID: i.ID, Version: i.Version}, " no budget ")), StateDismissed)
		if i.Reason != "no budget" || !i.DueAt.IsZero() || f.p.took() != "" {
			t.Fatalf("%+v", i)
		}
		if _, err := f.Dismiss(ann, Answer{ID: i.ID}, "again"); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		if _, err := f.Convert(f.ctx, Answer{ID: i.ID}); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		f.follow(t, true) // the portal's list does not bring it back
		f.want(t, f.get(t, i.ID), StateDismissed)

		i = done(t)(f.Restore(ann, Answer{ID: i.ID}))
		if i = f.want(t, f.run(t, i.ID), StateAccepted); !i.Convertible() || i.Reason != "" {
			t.Fatalf("%+v", i)
		}
		if _, err := f.Restore(ann, Answer{ID: i.ID}); !problem.Is(err, problem.KindConflict) {
			t.Fatal(err)
		}
		if got := f.told(t, i.ID); got != "received accepting accepted dismissed restored" {
			t.Error(got)
		}
		log, err := audit.Of(f.ctx, f.db, i.ID, 10)
		if err != nil || len(log) != 3 || log[1].Action != "invitation.dismiss" || log[1].ActorName != "Ann" || !strings.Contains(log[1].Detail, "no budget") || log[0].Action != "invitation.restore" {
			t.Errorf("%+v, %v", log, err)
		}
	})
}

func TestWhatIsNoAcceptedLeadIsNotDismissedAndAFailedConversionIs(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ann := f.person(t, "Ann", authz.LevelAssociate)
		deal, _ := f.accepted(t, KindOpportunity)
		pending := f.offered(t, KindLead)
		for _, i := range []Invitation{deal, pending} {
			if _, err := f.Dismiss(f.ctx, Answer{ID: i.ID}, "no"); !problem.Is(err, problem.KindConflict) {
				t.Errorf("%s %s: %v", i.Kind, i.State, err)
			}
		}
		i, _ := f.accepted(t, KindLead)
		f.p.faults["Convert"] = []string{"no"}
		r := asked(t)(f.Convert(ann, Answer{ID: i.ID}))
		done(t)(f.Convert(f.ctx, Answer{ID: i.ID}))
		f.want(t, f.run(t, i.ID), StateFailed)
		i = done(t)(f.Dismiss(f.ctx, Answer{ID: i.ID}, "the portal does not want it"))
		if f.want(t, i, StateDismissed); i.Error != "" || i.FailedFrom != "" {
			t.Fatalf("%+v", i)
		}
		if got, err := f.apprs.Get(ann, r.ID); err != nil || got.State != approval.StateSuperseded {
			t.Errorf("%+v, %v", got, err)
		}
		done(t)(f.Restore(f.ctx, Answer{ID: i.ID}))
		f.want(t, f.run(t, i.ID), StateAccepted)
		done(t)(f.Convert(f.ctx, Answer{ID: i.ID}))
		f.want(t, f.run(t, i.ID), StateAccepted)
	})
}
