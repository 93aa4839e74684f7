package bulk

import (
	"context"
	"strings"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func assign(person string, ids ...string) Ask {
	return Ask{Action: ActionAssign, Cloud: cloud.AWS, Assignee: person, IDs: ids}
}

// C13 of the list that AWS's own connector's release notes give
// (salesforce-gitlab.md, appendix C).
func TestC13ManyDealsAreAssignedWithAResultForEachRow(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 4)
		ids = append(ids, f.joint(t, "New").ID)
		f.p.refuses["O2"] = problem.FromRemote(problem.Remote{System: "aws", Operation: "AssignOpportunity", Code: "ValidationException", Retry: problem.RetryHuman}, "The assignee is not allow-listed", nil)
		f.p.refuses["O3"] = problem.FromRemote(problem.Remote{System: "aws", Operation: "AssignOpportunity", Code: "ThrottlingException", Retry: problem.RetrySoon}, "Slow down", nil)
		r := f.do(t, "Sue", assign("usr_Dan", ids...))
		if outcomes(r.Rows) != "queued queued queued queued blocked" || len(f.planned) != 1 || f.planned[0] != r.ID || f.p.calls() != "" {
			t.Fatalf("%+v, planned %v, called %s", r.Rows, f.planned, f.p.calls())
		}
		if err := f.Work(t.Context(), r.ID); problem.RetryOf(err) != problem.RetrySoon {
			t.Fatalf("a passing error does not end the job: %v", err)
		}
		r, _ = f.stored(t)
		if outcomes(r.Rows) != "done refused queued queued blocked" || !strings.Contains(r.Rows[1].Message, "not allow-listed") || !r.EndedAt.IsZero() {
			t.Fatalf("%+v", r.Rows)
		}
		delete(f.p.refuses, "O3")
		for range 2 {
			if err := f.Work(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
		}
		r, _ = f.stored(t)
		if outcomes(r.Rows) != "done refused done done blocked" || r.EndedAt.IsZero() || f.p.calls() != "O1 Dan, O3 Dan, O4 Dan" {
			t.Errorf("%+v, called %s", r.Rows, f.p.calls())
		}
		if f.told(t, ids[0], "assigned") != 1 || f.told(t, ids[1], "assigned") != 0 {
			t.Error("the timelines tell otherwise")
		}
	})
}

func TestAnAssignmentThatDiesAfterThePortalTookItIsToldOfOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 2)
		r := f.do(t, "Sue", assign("usr_Dan", ids...))
		happened := f.regs.Happened
		f.regs.Happened = func(ctx context.Context, tx *db.Tx, e registration.Event) error {
			if err := happened(ctx, tx, e); err != nil {
				return err
			}
			panic("killed")
		}
		func() {
			defer func() { _ = recover() }()
			t.Errorf("it went on: %v", f.Work(t.Context(), r.ID))
		}()
		f.regs.Happened = happened
		if r, _ = f.stored(t); outcomes(r.Rows) != "queued queued" || f.p.calls() != "O1 Dan" {
			t.Fatalf("%s, called %s", outcomes(r.Rows), f.p.calls())
		}
		if err := f.Work(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		r, _ = f.stored(t)
		if outcomes(r.Rows) != "done done" || f.told(t, ids[0], "assigned") != 1 || f.told(t, ids[1], "assigned") != 1 {
			t.Errorf("%s, told %d times", outcomes(r.Rows), f.told(t, ids[0], "assigned"))
		}
	})
}
