package registration

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// The tests C1 to C15 of the list that AWS's own connector's release notes give
// (salesforce-gitlab.md, appendix C); C5 to C9 and C11 stand in internal/connect/aws,
// C13 in internal/domain/bulk (assign) and internal/domain/invitation (accept), C14 below
// and in internal/connect/salesforce.

func (f *fixture) registered(t *testing.T, o func() (status string, s State)) Registration {
	t.Helper()
	if err := f.SetDefaults(f.ctx, DefaultSolutions{cloud.AWS: {"S-1"}}, 0); err != nil {
		t.Fatal(err)
	}
	f.p.began = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	f.take(t, good())
	f.advance(t)
	status, state := o()
	f.p.review(t, status, state, "")
	r := f.due(t)
	f.want(t, r, state)
	f.p.took()
	return r
}

func approved() (string, State) { return "Approved", StateApproved }

// values gives what the partner holds of the only record.
func (f *fixture) values() Values {
	for _, r := range f.p.records {
		return r.values
	}
	return nil
}

func (f *fixture) openFields(t *testing.T) map[string]Field {
	t.Helper()
	list, err := fieldsOf(f.ctx, f.db, f.reg(t).ID)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Field{}
	for _, x := range list {
		out[x.Path] = x
	}
	return out
}

func TestC1ACreateWhoseWriteBackFailsIsLinkedAndNotMadeAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		f.advance(t)
		records, err := f.Dirty(f.ctx, 10)
		if err != nil || len(records) != 1 {
			t.Fatal(records, err)
		}
		lost := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "upsert", Code: "NO_ANSWER", Retry: problem.RetrySoon}, "no", nil)
		if err := f.Written(f.ctx, records, []CRMResult{{Err: lost}}); err != nil {
			t.Fatal(err)
		}
		// The row of Salesforce is not there, the registration is: it stays to be written, under the same key.
		again, err := f.Dirty(f.ctx, 10)
		if err != nil || len(again) != 1 || again[0].Key != records[0].Key || again[0].PortalID != "O1" {
			t.Fatal(again, err)
		}
		if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, false); err != nil {
			t.Fatal(err)
		}
		f.advance(t)
		if f.p.count() != 1 {
			t.Fatalf("%d records at the partner's", f.p.count())
		}
	})
}

func TestC2SolutionsChosenWhileItIsMadeMakeNoSecondRecord(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		f.p.onCheck = func(Deal) {
			f.p.onCheck = nil
			if _, err := f.ChooseSolutions(f.ctx, f.reg(t).ID, []string{"S-2"}, 0); err != nil {
				t.Error(err)
			}
		}
		f.advance(t)
		rows, err := f.Dirty(f.ctx, 10)
		if err != nil || len(rows) != 1 || f.p.count() != 1 || strings.Join(f.p.records["O1"].solutions, " ") != "S-2" {
			t.Fatal(rows, f.p.count(), err)
		}
	})
}

func TestC3AFailedAssociationSaysThatItIsCreatedAndTheSolutionMissing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if err := f.SetDefaults(f.ctx, DefaultSolutions{cloud.AWS: {"S-1"}}, 0); err != nil {
			t.Fatal(err)
		}
		f.take(t, good())
		f.p.trouble = func(op string) *fault {
			if op == "Associate" {
				return &fault{err: refusal("Associate", "ValidationException")}
			}
			return nil
		}
		r := f.advance(t)
		f.want(t, r, StateFailed)
		if r.RemoteID != "O1" || r.FailedFrom != StateCreated || len(f.p.records["O1"].solutions) != 0 {
			t.Fatalf("%+v", r)
		}
		f.p.trouble = nil
		if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, false); err != nil {
			t.Fatal(err)
		}
		f.want(t, f.advance(t), StateSubmitted)
		if f.p.count() != 1 || len(f.p.records["O1"].solutions) != 1 {
			t.Fatal("not the same record, or without its solution")
		}
	})
}

func TestC4TheEchoOfOurOwnUpdateIsNoChange(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		next := good()
		next.NextSteps = "call them"
		f.take(t, next)
		r := f.advance(t)
		if got := f.p.took(); got != "Update" || f.values()[pathSteps] != quoted("call them") || r.Outgoing != 0 || !r.StaleSince.IsZero() {
			t.Fatalf("%q, %v, %+v", got, f.values(), r)
		}
		// Its event comes three times, and late: one look at the list, no read, nothing changed.
		newer := next
		newer.NextSteps = "call them again"
		f.take(t, newer)
		f.advance(t)
		f.p.took()
		events := f.events(t)
		for _, id := range []string{"e1", "e1", "e2"} {
			if _, err := f.Heard(f.ctx, cloud.AWS, PortalEvent{ID: id, Kind: "Opportunity Updated", RemoteID: r.RemoteID}); err != nil {
				t.Fatal(err)
			}
		}
		rep, err := f.FollowChanges(f.ctx, cloud.AWS, false)
		if err != nil || rep.Changed != 0 || rep.Adopted != 0 {
			t.Fatalf("%+v %v", rep, err)
		}
		f.advance(t)
		if got := f.p.took(); got != "Changes" || f.events(t) != events || f.values()[pathSteps] != quoted("call them again") {
			t.Fatalf("%q, %v", got, f.values())
		}
	})
}

func TestC10AnErrorOf128KilobytesIsKept(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, good())
		long := strings.Repeat("é", 64<<10)
		f.p.trouble = func(op string) *fault {
			if op != "Create" {
				return nil
			}
			return &fault{err: problem.FromRemote(problem.Remote{System: "aws", Operation: "Create", Code: "ValidationException", Retry: problem.RetryHuman}, long, nil)}
		}
		r := f.advance(t)
		f.want(t, r, StateFailed)
		if len(r.Error) < 90_000 || !strings.Contains(r.Error, "é") {
			t.Fatalf("%d bytes", len(r.Error))
		}
		rows, err := f.Dirty(f.ctx, 1)
		if err != nil || len(rows) != 1 || len(rows[0].LastError) > 4100 {
			t.Fatal(len(rows), err)
		}
	})
}

func TestC12ARecordThatChangedMeanwhileIsReadAndMergedAndNotWrittenOver(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		f.p.edit(t, pathClose, "2027-05-05")
		next := good()
		next.NextSteps = "ours"
		f.take(t, next)
		r := f.advance(t)
		if got := f.p.took(); got != "Update ReadRecord Update" {
			t.Fatalf("the portal was asked %q", got)
		}
		if v := f.values(); v[pathSteps] != quoted("ours") || v[pathClose] != quoted("2027-05-05") || r.Conflicts != 0 {
			t.Fatalf("%v %+v", v, r)
		}
	})
}

func TestC14SalesforcesRefusalIsKeptWithTheEdit(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		r := f.registered(t, approved)
		if _, err := f.Put(f.ctx, r.ID, Values{pathSteps: quoted("sign")}); err != nil {
			t.Fatal(err)
		}
		changes, edits, err := f.PendingCRM(f.ctx, 10)
		if err != nil || len(changes) != 1 || changes[0].Fields["opportunity.next_steps"] != "sign" {
			t.Fatal(changes, err)
		}
		rule := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "update Opportunity", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Retry: problem.RetryHuman}, "Next steps need a date (rule Next_Steps_Dated)", nil)
		if err := f.WrittenCRM(f.ctx, edits[0], rule); err != nil {
			t.Fatal(err)
		}
		_, kept, _, err := f.Fields(f.ctx, r.ID)
		if err != nil || len(kept) != 1 || kept[0].CRMState != CRMRefused || !strings.Contains(kept[0].CRMError, "Next_Steps_Dated") {
			t.Fatal(kept, err)
		}
		f.advance(t)
		if f.values()[pathSteps] != quoted("sign") {
			t.Fatal("the portal does not have the edit")
		}
	})
}

func TestC15AnotherWayOfSynchronisingIsSeen(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		f.p.records["O77"] = &remoteRecord{id: "O77", crmID: f.opp.CRMID, status: "Submitted", version: 1}
		f.p.records["O78"] = &remoteRecord{id: "O78", crmID: "006ELSE", status: "Submitted", version: 1}
		rep, err := f.FollowChanges(f.ctx, cloud.AWS, true)
		if err != nil || len(rep.Duplicates) != 1 || rep.Duplicates[0].RemoteID != "O77" || len(rep.Unknown) != 1 || rep.Unknown[0].RemoteID != "O78" {
			t.Fatalf("%+v %v", rep, err)
		}
		w, err := f.Watched(f.ctx, cloud.AWS)
		if err != nil || len(w.Report.V.Duplicates) != 1 || w.ReconciledAt.IsZero() {
			t.Fatalf("%+v %v", w, err)
		}
	})
}

func TestARecordMadeElsewhereForADealOfOursIsFollowed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		alone := good()
		alone.FulfillmentPartner = ""
		f.take(t, alone)
		f.p.records["O77"] = &remoteRecord{id: "O77", crmID: alone.CRMID, status: "Approved", state: StateApproved, version: 1, values: Values{pathText: quoted("They need it."), pathSteps: quoted("theirs")}}
		rep, err := f.FollowChanges(f.ctx, cloud.AWS, false)
		if err != nil || rep.Adopted != 1 {
			t.Fatalf("%+v %v", rep, err)
		}
		r := f.advance(t)
		f.want(t, r, StateApproved)
		if r.RemoteID != "O77" || f.p.count() != 1 {
			t.Fatalf("%+v", r)
		}
		if rep, err = f.FollowChanges(f.ctx, cloud.AWS, false); err != nil || rep.Adopted != 0 || rep.Changed != 0 {
			t.Fatalf("%+v %v", rep, err)
		}
	})
}

func TestARecordThatThePortalNoLongerListsIsNamed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		f.clock.Advance(time.Hour)
		delete(f.p.records, "O1")
		rep, err := f.FollowChanges(f.ctx, cloud.AWS, true)
		if err != nil || len(rep.Missing) != 1 || rep.Missing[0].RemoteID != "O1" {
			t.Fatalf("%+v %v", rep, err)
		}
		r := f.advance(t)
		if r.ErrorCode == "" || r.DueAt.IsZero() {
			t.Fatalf("it was not looked for: %+v", r)
		}
	})
}

func TestTenChangesWhileItIsLockedAreOneUpdateWhenTheLockOpens(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, func() (string, State) { return "In review", StateInReview })
		for i := range 10 {
			next := good()
			next.NextSteps, next.CloseOn = strings.Repeat("x", i+1), "2027-03-01"
			f.take(t, next)
			f.advance(t)
		}
		r := f.reg(t)
		if got := f.p.took(); got != "" || r.Held != 2 || r.Outgoing != 0 || r.StaleSince.IsZero() {
			t.Fatalf("%q %+v", got, r)
		}
		if x := f.openFields(t)[pathSteps]; x.Status != FieldLocked || x.Reason != "under review" || x.Until == "" {
			t.Fatalf("%+v", x)
		}
		f.p.review(t, "Approved", StateApproved, "")
		if _, err := f.FollowChanges(f.ctx, cloud.AWS, false); err != nil {
			t.Fatal(err)
		}
		r = f.advance(t)
		if got := f.p.took(); got != "Changes Read Update" || f.values()[pathSteps] != quoted("xxxxxxxxxx") || r.Held != 0 || !r.StaleSince.IsZero() {
			t.Fatalf("%q %v %+v", got, f.values(), r)
		}
	})
}

func TestAnUpdateOfUnknownOutcomeIsLookedAtBeforeItIsTriedAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		f.p.trouble = func(op string) *fault {
			if op != "Update" {
				return nil
			}
			f.p.trouble = nil
			return &fault{acts: true, err: problem.FromRemote(problem.Remote{System: "aws", Operation: "Update", Code: "no_answer", Retry: problem.RetryUnsure}, "lost", nil)}
		}
		next := good()
		next.NextSteps = "once"
		f.take(t, next)
		f.advance(t)
		r := f.due(t)
		if got := f.p.took(); got != "Update Read" || r.Outgoing != 0 || f.values()[pathSteps] != quoted("once") {
			t.Fatalf("%q %+v", got, r)
		}
	})
}

func TestWhatThePortalRefusesIsNamedAndGoesOutWhenItIsMended(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		next := good()
		next.NextSteps, next.CloseOn = "refused", "2027-03-01"
		f.take(t, next)
		r := f.advance(t)
		if x := f.openFields(t)[pathSteps]; x.Status != FieldRefused || x.Reason != "the portal's own words" || !x.ByPortal {
			t.Fatalf("%+v", x)
		}
		if r.Refused != 1 || r.Outgoing != 0 || f.values()[pathClose] != quoted("2027-03-01") {
			t.Fatalf("the other field was not sent: %+v %v", r, f.values())
		}
		f.p.took()
		f.advance(t)
		if got := f.p.took(); got != "" {
			t.Fatalf("it was tried again unasked: %q", got)
		}
		if _, err := f.Resend(f.ctx, r.ID); err != nil {
			t.Fatal(err)
		}
		if r = f.advance(t); r.Refused != 1 || !strings.Contains(f.p.took(), "Update") {
			t.Fatalf("it was not tried again: %+v", r)
		}
		next.NextSteps = "bad" // our own check refuses it before it is sent
		f.take(t, next)
		f.p.took()
		f.advance(t)
		if x := f.openFields(t)[pathSteps]; f.p.took() != "" || x.Status != FieldRefused || x.ByPortal {
			t.Fatalf("%+v", x)
		}
		next.NextSteps = "good"
		f.take(t, next)
		if r = f.advance(t); r.Refused != 0 || f.values()[pathSteps] != quoted("good") {
			t.Fatalf("%+v", r)
		}
	})
}

func TestThePortalsChangeGoesToSalesforceOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.registered(t, approved)
		f.p.edit(t, pathSteps, "theirs")
		if _, err := f.FollowChanges(f.ctx, cloud.AWS, false); err != nil {
			t.Fatal(err)
		}
		r := f.advance(t)
		changes, edits, err := f.PendingCRM(f.ctx, 10)
		if err != nil || len(changes) != 1 || changes[0].Fields["opportunity.next_steps"] != "theirs" || r.Conflicts != 0 {
			t.Fatal(changes, r, err)
		}
		if err := f.WrittenCRM(f.ctx, edits[0], nil); err != nil {
			t.Fatal(err)
		}
		if changes, _, err = f.PendingCRM(f.ctx, 10); err != nil || len(changes) != 0 {
			t.Fatal(changes, err)
		}
		back := good()
		back.NextSteps = "theirs"
		f.take(t, back)
		f.p.took()
		f.advance(t)
		_, left, _, err := f.Fields(f.ctx, r.ID)
		if err != nil || len(left) != 0 || f.p.took() != "" || !strings.Contains(f.events(t), "changed") {
			t.Fatal(left, f.events(t), err)
		}
	})
}

func TestAConflictIsSettledInFourWays(t *testing.T) {
	for choice, c := range map[Choice]struct{ portal, crm string }{
		ChoiceOurs: {"ours", ""}, ChoiceTheirs: {"theirs", "theirs"}, ChoiceEdit: {"third", "third"}, ChoiceBoth: {"theirs", ""},
	} {
		t.Run(string(choice), func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				first := good()
				first.NextSteps = "first"
				f.take(t, first)
				f.advance(t)
				f.p.review(t, "Approved", StateApproved, "")
				f.due(t)
				f.p.edit(t, pathSteps, "theirs")
				next := good()
				next.NextSteps = "ours"
				f.take(t, next)
				r := f.advance(t)
				x := f.openFields(t)[pathSteps]
				if r.Conflicts != 1 || x.Status != FieldConflict || x.Base != quoted("first") || x.Ours != quoted("ours") || x.Theirs != quoted("theirs") {
					t.Fatalf("%+v %+v", r, x)
				}
				if _, err := f.Settle(f.ctx, r.ID, pathSteps, choice, x.Ours, quoted("older"), quoted("third")); !problem.Is(err, problem.KindPrecondition) {
					t.Fatal("settled by a value that is no longer there", err)
				}
				if _, err := f.Settle(f.ctx, r.ID, pathSteps, choice, x.Ours, x.Theirs, quoted("third")); err != nil {
					t.Fatal(err)
				}
				r = f.advance(t)
				changes, _, err := f.PendingCRM(f.ctx, 10)
				if err != nil {
					t.Fatal(err)
				}
				crm := ""
				if len(changes) == 1 {
					crm = changes[0].Fields["opportunity.next_steps"]
				}
				if r.Conflicts != 0 || f.values()[pathSteps] != quoted(c.portal) || crm != c.crm {
					t.Fatalf("%v, Salesforce gets %q, %+v", f.values(), crm, r)
				}
				n, err := db.Get[int64](f.ctx, f.db, `SELECT count(*) FROM audit_entry WHERE action = 'registration.settle'`)
				if err != nil || n != 1 {
					t.Fatal(n, err)
				}
			})
		})
	}
}
