package bulk

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

func toStage(stage string, ids ...string) Ask {
	return Ask{Action: ActionStage, Cloud: cloud.AWS, Stage: stage, IDs: ids}
}

func TestAPreviewSaysOfEachDealWhatTheActWouldDoAndChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 3)
		f.p.set("O2", "Committed", "Approved")
		f.p.set("O3", "Prospect", "In review")
		f.look(t, ids...)
		ids = append(ids, f.joint(t, "New").ID, "opp_none")
		rows, err := f.Preview(f.as(t, "Sue"), toStage("Committed", ids...))
		if err != nil || outcomes(rows) != "will nothing waits blocked blocked" {
			t.Fatalf("%s, %v", outcomes(rows), err)
		}
		for i, want := range []string{"Goes to AWS Partner Central at once", "It is Committed already", "when the review ends: The partner reviews it", "is not registered in AWS", ""} {
			if !strings.Contains(rows[i].Message, want) {
				t.Errorf("row %d says %q, not %q", i, rows[i].Message, want)
			}
		}
		if rows[0].Before != "Prospect" || rows[0].After != "Committed" || rows[0].Name != "Deal 1" || rows[4].Message == "" {
			t.Errorf("%+v", rows)
		}
		if _, begun := f.stored(t); begun || f.edits(t, ids[0]) != 0 || f.stages(ids[:3]) != "Prospect Committed Prospect" {
			t.Errorf("it changed something: %s", f.stages(ids[:3]))
		}
	})
}

func TestWhatCannotBeAskedForIsRefusedBeforeAnythingIsDone(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 1)
		for code, a := range map[string]Ask{
			"unknown_action": {Action: "launch", Cloud: cloud.AWS, IDs: ids},
			"unknown_stage":  toStage("Won", ids...),
			"invalid_input":  toStage("Committed", ids[0], ids[0]),
			"unknown_person": {Action: ActionAssign, Cloud: cloud.AWS, IDs: ids, Assignee: "usr_none"},
		} {
			for _, do := range []func() error{
				func() error { _, err := f.Preview(f.as(t, "Sue"), a); return err },
				func() error { _, err := f.Do(f.as(t, "Sue"), a); return err },
			} {
				fails(t, do(), problem.KindInvalid, code)
			}
		}
		_, err := f.Do(f.as(t, "Sue"), Ask{Action: ActionStage, Cloud: cloud.Azure, Stage: "Committed", IDs: ids})
		fails(t, err, problem.KindConflict, "not_connected")
		_, err = f.Do(f.as(t, "Rea"), toStage("Committed", ids...))
		fails(t, err, problem.KindForbidden, "")
		_, err = f.Undo(f.as(t, "Rea"), "blk_none")
		fails(t, err, problem.KindForbidden, "")
		_, err = f.Get(t.Context(), "blk_none")
		fails(t, err, problem.KindUnauthorized, "")
		if _, begun := f.stored(t); begun {
			t.Error("a run was stored")
		}
	})
}

func TestOneBadRowKeepsNoneOfTheOthersFromBeingDone(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 3)
		ids = slices.Insert(ids, 1, f.joint(t, "New").ID)
		r := f.do(t, "Sue", toStage("Qualified", ids...))
		if outcomes(r.Rows) != "done blocked done done" || r.EndedAt.IsZero() || !strings.Contains(r.Rows[1].Message, "not registered") {
			t.Fatalf("%+v", r)
		}
		kept, err := f.Get(f.as(t, "Rea"), r.ID)
		if err != nil || cmp.Diff(kept, r) != "" {
			t.Errorf("it is kept otherwise: %s, %v", cmp.Diff(kept, r), err)
		}
		registered := slices.Delete(slices.Clone(ids), 1, 2)
		f.advance(t, registered...)
		if got := f.stages(registered); got != "Qualified Qualified Qualified" {
			t.Error(got)
		}
		log, err := audit.Of(t.Context(), f.db, r.ID, 10)
		if err != nil || len(log) != 1 || log[0].Action != "bulk.stage" || log[0].ActorName != "Sue" {
			t.Errorf("%+v, %v", log, err)
		}
	})
}

func TestManySubmissionsSayForEachWhatIsToBeMended(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		already, good, bad := f.registered(t, 1)[0], f.joint(t, "Good").ID, f.joint(t, "Bad").ID
		a := Ask{Action: ActionCheck, Cloud: cloud.AWS, IDs: []string{already, good, bad}}
		rows, err := f.Preview(f.as(t, "Sue"), a)
		if err != nil || outcomes(rows) != "nothing nothing blocked" || rows[1].Message != "All checks hold" {
			t.Fatalf("%+v, %v", rows, err)
		}
		a.Action = ActionSubmit
		r := f.do(t, "Sue", a)
		if outcomes(r.Rows) != "nothing done blocked" || r.Rows[2].Message != "To be mended in Salesforce: Name" {
			t.Fatalf("%+v", r.Rows)
		}
		f.advance(t, good)
		if got := f.reg(t, good); got.State != registration.StateApproved {
			t.Errorf("%+v", got)
		}
		if may, why, err := f.CanUndo(f.as(t, "Sue"), &r); may || why == "" || err != nil {
			t.Errorf("a submission can be undone: %s, %v", why, err)
		}
	})
}

func TestAChangeOfStageIsTakenBackOnceWhereNobodyChangedItSince(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 3)
		f.p.set("O3", "Qualified", "Approved")
		f.look(t, ids...)
		r := f.do(t, "Sue", toStage("Qualified", ids...))
		if outcomes(r.Rows) != "done done nothing" {
			t.Fatal(outcomes(r.Rows))
		}
		f.advance(t, ids...)
		f.p.set("O2", "Committed", "Approved")
		f.look(t, ids...)
		back, err := f.Undo(f.as(t, "Sue"), r.ID)
		if err != nil || outcomes(back.Rows) != "done blocked" || back.Undoes != r.ID || back.Rows[1].Message != "It was changed to Committed since" {
			t.Fatalf("%+v, %v", back, err)
		}
		f.advance(t, ids...)
		if got := f.stages(ids); got != "Prospect Committed Qualified" {
			t.Error(got)
		}
		_, err = f.Undo(f.as(t, "Sue"), r.ID)
		fails(t, err, problem.KindConflict, "cannot_undo")
		_, err = f.Undo(f.as(t, "Sue"), back.ID)
		fails(t, err, problem.KindConflict, "cannot_undo")
	})
}

func TestTwoWhoTakeTheSameActBackDoItOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 2)
		r := f.do(t, "Sue", toStage("Qualified", ids...))
		f.advance(t, ids...)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			ctx := f.as(t, []string{"Sue", "Dan"}[i%2])
			wg.Go(func() { _, errs[i] = f.Undo(ctx, r.ID) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			fails(t, err, problem.KindConflict, "cannot_undo")
		}
		if won != 1 || f.edits(t, ids[0]) != 2 || f.edits(t, ids[1]) != 2 {
			t.Errorf("%d took it back: %v", won, errs)
		}
	})
}

func TestAChangeBehindALockWaitsAndCanBeTakenBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 1)
		f.p.set("O1", "Prospect", "In review")
		f.look(t, ids...)
		r := f.do(t, "Sue", toStage("Qualified", ids...))
		if outcomes(r.Rows) != "waits" || f.reg(t, ids[0]).Held != 1 {
			t.Fatalf("%+v", r.Rows)
		}
		back, err := f.Undo(f.as(t, "Sue"), r.ID)
		if err != nil || len(back.Rows) != 1 || back.Rows[0].After != "Prospect" {
			t.Fatalf("%+v, %v", back.Rows, err)
		}
		f.p.set("O1", "Prospect", "Approved")
		f.look(t, ids...)
		if f.p.stage("O1") != "Prospect" || f.reg(t, ids[0]).Held != 0 {
			t.Errorf("%s, %+v", f.p.stage("O1"), f.reg(t, ids[0]))
		}
	})
}

func TestWhatNeedsApprovalIsAskedForRowByRowAndGoesOutWhenADirectorApproves(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 2)
		ids = append(ids, f.joint(t, "New").ID)
		rows, err := f.Preview(f.as(t, "Ann"), toStage("Qualified", ids...))
		if err != nil || outcomes(rows) != "asked asked blocked" || !strings.HasPrefix(rows[0].Message, "A Director decides on it first: ") {
			t.Fatalf("%+v, %v", rows, err)
		}
		r := f.do(t, "Ann", toStage("Qualified", ids...))
		if outcomes(r.Rows) != "asked asked blocked" || r.EndedAt.IsZero() || !strings.Contains(r.Rows[0].Message, "Sent to Dan for approval") {
			t.Fatalf("%+v", r)
		}
		if f.edits(t, ids[0]) != 0 {
			t.Error("it went out unapproved")
		}
		if may, why, err := f.CanUndo(f.as(t, "Ann"), &r); may || err != nil || why != "It changed nothing" {
			t.Errorf("%s, %v", why, err)
		}
		waiting, err := approval.Waiting(f.as(t, "Dan"), f.db, 10)
		if err != nil || len(waiting) != 2 {
			t.Fatalf("%+v, %v", waiting, err)
		}
		for _, w := range waiting {
			if _, err := f.approvals.Approve(f.as(t, "Dan"), w.ID, "", w.Version); err != nil {
				t.Fatal(err)
			}
		}
		f.advance(t, ids[:2]...)
		if got := f.stages(ids[:2]); got != "Qualified Qualified" {
			t.Error(got)
		}
		rows, err = f.Preview(f.as(t, "Ann"), Ask{Action: ActionAssign, Cloud: cloud.AWS, IDs: ids[:1], Assignee: "usr_Sue"})
		if err != nil || outcomes(rows) != "blocked" || !strings.Contains(rows[0].Message, "A Director decides on it first") {
			t.Errorf("an assignment, which cannot wait: %+v, %v", rows, err)
		}
	})
}

func TestWhatWasRefusedIsSentAgainOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 2)
		f.tx(t, func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE registration SET state = 'failed', failed_from = 'approved', error = 'No' WHERE opportunity_id = ?`, ids[1])
			return err
		})
		r := f.do(t, "Sue", Ask{Action: ActionRetry, Cloud: cloud.AWS, IDs: ids})
		if outcomes(r.Rows) != "nothing done" || !strings.HasPrefix(r.Rows[1].Message, "Sent again: ") {
			t.Fatalf("%+v", r.Rows)
		}
		if got := f.reg(t, ids[1]); got.State != registration.StateApproved {
			t.Errorf("%+v", got)
		}
	})
}

// A process that dies leaves the run with the rows that it did and those that it
// did not: whenever it dies, and dies again while it takes the run up, each row is
// done once in the end.
func TestARunThatIsCutOffIsTakenUpAgainAndNoRowIsDoneTwice(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 3)
		ids = slices.Insert(ids, 1, f.joint(t, "New").ID)
		registered := slices.Delete(slices.Clone(ids), 1, 2)
		deaths, halfway := 0, 0
		for n := 1; ; n++ {
			stage, before := []string{"Qualified", "Committed"}[n%2], f.edits(t, registered[0])
			ctx, died := f.clock.dying(f.as(t, "Sue"), n)
			_, err := f.Do(ctx, toStage(stage, ids...))
			if !died() {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			deaths++
			if r, begun := f.stored(t); begun {
				if left := Count(r.Rows, OutcomeQueued); left > 0 && left < 3 {
					halfway++
				}
				takeUp(t, f, r.ID, n)
				r, _ = f.stored(t)
				if got := outcomes(r.Rows); got != "done blocked done done" || r.EndedAt.IsZero() {
					t.Fatalf("death %d: %s, %+v", n, got, r)
				}
				for _, id := range registered {
					if got := f.edits(t, id); got != before+1 {
						t.Fatalf("death %d: %s was changed %d times", n, id, got-before)
					}
				}
				f.advance(t, registered...)
				if got := f.stages(registered); got != strings.Join([]string{stage, stage, stage}, " ") {
					t.Fatalf("death %d: %s", n, got)
				}
			}
			f.forget(t)
			if n > 200 {
				t.Fatal("it dies for ever")
			}
		}
		if deaths < 6 || halfway < 2 {
			t.Errorf("it died %d times, %d of them halfway: the test shows nothing", deaths, halfway)
		}
	})
}

// takeUp has a run found by the sweep and carried on by a process that dies too, and
// by one that does not.
func takeUp(t *testing.T, f *fixture, runID string, n int) {
	t.Helper()
	if r, _ := f.stored(t); !r.EndedAt.IsZero() {
		return
	}
	if list, err := f.Unfinished(t.Context(), 10); err != nil || len(list) != 0 {
		t.Fatalf("it is taken to be cut off at once: %v, %v", list, err)
	}
	f.clock.Advance(patience + time.Second)
	list, err := f.Unfinished(t.Context(), 10)
	if err != nil || !slices.Equal(list, []string{runID}) {
		t.Fatalf("%v, %v", list, err)
	}
	ctx, died := f.clock.dying(t.Context(), n%7+1)
	if err := f.Work(ctx, runID); err == nil && died() {
		t.Fatal("a dead process ended the run")
	}
	died()
	for range 2 {
		if err := f.Work(t.Context(), runID); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := f.Unfinished(t.Context(), 10); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
}

// cutOff has Sue begin an act in a process that dies before the first row.
func (f *fixture) cutOff(t *testing.T, a Ask) Run {
	t.Helper()
	for n := 1; n < 100; n++ {
		ctx, died := f.clock.dying(f.as(t, "Sue"), n)
		_, err := f.Do(ctx, a)
		if r, begun := f.stored(t); begun {
			if !died() || err == nil || Count(r.Rows, OutcomeQueued) != len(a.IDs) {
				t.Fatalf("%s, %v", outcomes(r.Rows), err)
			}
			return r
		}
	}
	t.Fatal("it is never stored")
	return Run{}
}

// forget removes the runs, to begin anew.
func (f *fixture) forget(t *testing.T) {
	t.Helper()
	f.tx(t, func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM bulk_run`)
		return err
	})
}

func TestAnUndoThatIsCutOffIsTakenUpAgainToo(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 3)
		r := f.do(t, "Sue", toStage("Qualified", ids...))
		f.advance(t, ids...)
		f.tx(t, func(tx *db.Tx) error { // as a process left it that died after the first row
			back := Run{ID: "blk_back", Action: ActionUndo, Cloud: cloud.AWS, Undoes: r.ID, ActorKind: r.ActorKind, ActorID: r.ActorID, ActorName: r.ActorName, ActorLevel: r.ActorLevel, BegunAt: tx.Now()}
			for i, was := range r.Rows {
				row := Row{RunID: back.ID, At: int64(i), OpportunityID: was.OpportunityID, RegistrationID: was.RegistrationID, Name: was.Name, Before: was.After, After: was.Before, Outcome: OutcomeQueued}
				if i == 0 {
					row.Outcome = OutcomeDone
				}
				back.Rows = append(back.Rows, row)
			}
			return insert(t.Context(), tx, &back)
		})
		f.p.set("O3", "Committed", "Approved")
		f.look(t, ids...)
		if err := f.Work(t.Context(), "blk_back"); err != nil {
			t.Fatal(err)
		}
		f.advance(t, ids...)
		back, err := f.Get(f.as(t, "Sue"), "blk_back")
		if err != nil || outcomes(back.Rows) != "done done blocked" || back.Rows[2].Message != "It was changed to Committed since" {
			t.Fatalf("%+v, %v", back.Rows, err)
		}
		if got := f.stages(ids); got != "Qualified Prospect Committed" {
			t.Errorf("%s: the first was done already", got)
		}
	})
}

func TestManyWhoWorkOnOneRunDoEachRowOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 5)
		r := f.cutOff(t, toStage("Qualified", ids...))
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() { errs[i] = f.Work(t.Context(), r.ID) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		r, _ = f.stored(t)
		if outcomes(r.Rows) != "done done done done done" || r.EndedAt.IsZero() {
			t.Errorf("%+v", r)
		}
		for _, id := range ids {
			if n := f.edits(t, id); n != 1 {
				t.Errorf("%s was changed %d times", id, n)
			}
		}
	})
}

func TestARunOfSomebodyWhoLeftOrMayNoLongerIsNotCarriedOn(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.registered(t, 2)
		for change, want := range map[string]string{"active = false": "cannot sign in any more", "level = 'reader'": "may not"} {
			r := f.cutOff(t, toStage("Qualified", ids...))
			f.tx(t, func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), `UPDATE person SET active = true, level = 'senior' WHERE id = 'usr_Sue'`)
				if err == nil {
					_, err = tx.Exec(t.Context(), `UPDATE person SET `+change+` WHERE id = 'usr_Sue'`)
				}
				return err
			})
			if err := f.Work(t.Context(), r.ID); err != nil {
				t.Fatal(err)
			}
			r, _ = f.stored(t)
			if outcomes(r.Rows) != "refused refused" || !strings.Contains(r.Rows[0].Message, want) || r.EndedAt.IsZero() || f.edits(t, ids[0]) != 0 {
				t.Errorf("%s: %+v", change, r)
			}
			f.forget(t)
		}
	})
}
