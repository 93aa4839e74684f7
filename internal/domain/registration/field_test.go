package registration

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// approved brings the deal through its review; what the portal was asked so far is
// forgotten.
func (f *fixture) approved(t *testing.T) opportunity.Opportunity {
	t.Helper()
	o := good()
	o.NextSteps, o.CloseOn = "Call them", "2027-03-31"
	f.take(t, o)
	f.advance(t)
	f.p.review(t, "Approved", StateApproved, "")
	f.want(t, f.due(t), StateApproved)
	f.p.took()
	return o
}

// look has what the portal holds read now.
func (f *fixture) look(t *testing.T) Registration {
	t.Helper()
	if _, err := f.Refresh(f.ctx, f.reg(t).ID); err != nil {
		t.Fatal(err)
	}
	return f.advance(t)
}

// fields gives what differs: "path status ours|theirs", one a line.
func (f *fixture) fields(t *testing.T) string {
	t.Helper()
	list, _, _, err := f.Fields(f.ctx, f.reg(t).ID)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range list {
		out = append(out, x.Path+" "+string(x.Status)+" "+x.Ours+"|"+x.Theirs)
	}
	return strings.Join(out, "\n")
}

func (f *fixture) edits(t *testing.T) []Edit {
	t.Helper()
	_, list, _, err := f.Fields(f.ctx, f.reg(t).ID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (f *fixture) remote(path string) string {
	f.p.mu.Lock()
	defer f.p.mu.Unlock()
	for _, r := range f.p.records {
		return r.values[path]
	}
	return ""
}

// crm writes what Salesforce shall have, as its flow does, and gives the changes.
func (f *fixture) crm(t *testing.T, cause error) []CRMChange {
	t.Helper()
	changes, edits, err := f.PendingCRM(f.ctx, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range edits {
		if err := f.WrittenCRM(f.ctx, list, cause); err != nil {
			t.Fatal(err)
		}
	}
	return changes
}

func (f *fixture) bodies(t *testing.T, kind string) []string {
	t.Helper()
	list, err := db.Select[string](f.ctx, f.db, `SELECT body FROM activity WHERE kind = ? ORDER BY id`, kind)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOurChangeIsOneUpdateAndItsEchoIsNoChange(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.approved(t)
		for _, s := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"} {
			o.NextSteps = s
			f.take(t, o)
		}
		r := f.advance(t)
		if got := f.p.took(); got != "Update" || f.remote(pathSteps) != quoted("ten") || r.Outgoing != 0 || !r.StaleSince.IsZero() || f.fields(t) != "" {
			t.Fatalf("asked %q, holds %s, differs %q", got, f.remote(pathSteps), f.fields(t))
		}
		if got := f.bodies(t, "updated"); len(got) != 1 || got[0] != "Next steps: “ten”, before “Call them”" {
			t.Fatal(got)
		}
		rep, err := f.FollowChanges(f.ctx, cloud.AWS, false)
		if err != nil || rep.Changed != 0 {
			t.Fatalf("our own write came back as a change: %+v, %v", rep, err)
		}
		f.look(t)
		if got := f.events(t); strings.Contains(got, "changed") || f.fields(t) != "" || len(f.edits(t)) != 0 {
			t.Fatal(got, f.fields(t), f.edits(t))
		}
	})
}

func TestThePortalsChangeIsTakenAndWrittenToSalesforceWhereItHasTheField(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.approved(t)
		f.p.edit(t, pathSteps, "AWS says so")
		f.p.edit(t, pathStage, "Committed")
		rep, err := f.FollowChanges(f.ctx, cloud.AWS, false)
		if err != nil || rep.Changed != 1 {
			t.Fatal(rep, err)
		}
		f.p.took()
		r := f.advance(t)
		if got := f.p.took(); got != "Read" || r.Conflicts != 0 || f.fields(t) != "" {
			t.Fatalf("asked %q, %q", got, f.fields(t))
		}
		if got := strings.Join(f.bodies(t, "changed"), "\n"); got != "Next steps: “AWS says so”, before “Call them”\nStage: “Committed”, before “3-Technical Evaluation”" {
			t.Fatal(got)
		}
		changes := f.crm(t, nil)
		want := []CRMChange{{OpportunityCRMID: "006A", Fields: map[string]string{"opportunity.next_steps": "AWS says so"}, ReadAt: f.stamp, MadeAt: f.clock.Now()}}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Fatal(diff)
		}
		if e := f.edits(t); len(e) != 1 || e[0].CRMState != CRMWritten || e[0].ActorKind != authz.KindPortal {
			t.Fatalf("%+v", e)
		}
		o.NextSteps = "AWS says so"
		f.take(t, o) // Salesforce's record with our own write comes back
		f.advance(t)
		if e := f.edits(t); len(e) != 0 || f.p.took() != "" || strings.Contains(f.events(t), "replaced") {
			t.Fatalf("%+v, %s", e, f.events(t))
		}
	})
}

func TestAWriteThatSalesforceRefusesIsKeptWithItsWords(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.approved(t)
		f.p.edit(t, pathSteps, "AWS says so")
		f.look(t)
		rule := problem.FromRemote(problem.Remote{System: "salesforce", Operation: "update", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Retry: problem.RetryHuman}, "Next steps must begin with a date", nil)
		f.crm(t, problem.Precondition("opportunity", "006A"))
		if e := f.edits(t); e[0].CRMState != CRMPending {
			t.Fatalf("%+v", e)
		}
		f.crm(t, rule)
		if e := f.edits(t); e[0].CRMState != CRMRefused || !strings.Contains(e[0].CRMError, "must begin with a date") {
			t.Fatalf("%+v", e)
		}
		if n, err := CountPendingEdits(f.ctx, f.db); n != 0 || err != nil {
			t.Fatal("tried on and on", n, err)
		}
	})
}

// conflict makes both sides change the next steps.
func (f *fixture) conflict(t *testing.T) opportunity.Opportunity {
	t.Helper()
	o := f.approved(t)
	f.p.edit(t, pathSteps, "theirs")
	o.NextSteps = "ours"
	f.take(t, o)
	if r := f.look(t); r.Conflicts != 1 || f.fields(t) != pathSteps+` conflict "ours"|"theirs"` {
		t.Fatalf("%d conflicts, %q", r.Conflicts, f.fields(t))
	}
	f.p.took()
	return o
}

func TestEachChoiceSettlesAConflictForGood(t *testing.T) {
	for _, c := range []struct {
		choice      Choice
		value       string
		sent        string // what the portal is asked
		portal, crm string // what each side has in the end
	}{
		{ChoiceOurs, "", "Update", "ours", "ours"},
		{ChoiceTheirs, "", "", "theirs", "theirs"},
		{ChoiceBoth, "", "", "theirs", "ours"},
		{ChoiceEdit, `"third"`, "Update", "third", "third"},
	} {
		t.Run(string(c.choice), func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				o := f.conflict(t)
				open, err := f.Open(f.ctx, FieldConflict, 10)
				if err != nil || len(open) != 1 || open[0].Base != quoted("Call them") || open[0].OpportunityName != "Deal" || open[0].Label != "Next steps" {
					t.Fatalf("%+v, %v", open, err)
				}
				if _, err := f.Settle(f.ctx, f.reg(t).ID, pathSteps, c.choice, `"ours"`, `"theirs"`, c.value); err != nil {
					t.Fatal(err)
				}
				r := f.advance(t)
				if got := f.p.took(); got != c.sent || r.Conflicts != 0 || f.fields(t) != "" || f.remote(pathSteps) != quoted(c.portal) {
					t.Fatalf("asked %q, %d conflicts, %q, holds %s", got, r.Conflicts, f.fields(t), f.remote(pathSteps))
				}
				for _, change := range f.crm(t, nil) {
					o.NextSteps = change.Fields["opportunity.next_steps"]
				}
				if o.NextSteps != c.crm {
					t.Fatalf("Salesforce has %q", o.NextSteps)
				}
				f.take(t, o)
				f.look(t) // neither comes back
				if r := f.reg(t); r.Conflicts+r.Outgoing != 0 || f.fields(t) != "" || f.p.took() != "Read" {
					t.Fatalf("%+v, %q", r, f.fields(t))
				}
				entries, err := db.Select[string](f.ctx, f.db, `SELECT detail FROM audit_entry WHERE action = 'registration.settle'`)
				if err != nil || len(entries) != 1 || !strings.Contains(entries[0], string(c.choice)) {
					t.Fatal(entries, err)
				}
				if n, err := f.CountOpen(f.ctx, FieldConflict); n != 0 || err != nil {
					t.Fatal(n, err)
				}
			})
		})
	}
}

func TestAConflictWhoseValuesChangedIsNotSettledUnseen(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.conflict(t)
		id := f.reg(t).ID
		o.NextSteps = "ours, later"
		f.take(t, o) // read from Salesforce, and not compared yet
		_, err := f.Settle(f.ctx, id, pathSteps, ChoiceOurs, `"ours"`, `"theirs"`, "")
		if !problem.Is(err, problem.KindPrecondition) || !strings.Contains(err.Error(), "Next steps changed while you were deciding") {
			t.Fatal(err)
		}
		if got := f.fields(t); got != pathSteps+` conflict "ours, later"|"theirs"` {
			t.Fatalf("the fresh values are not shown: %q", got)
		}
		if _, err := f.Settle(f.ctx, id, pathSteps, ChoiceOurs, `"ours, later"`, `"theirs"`, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Settle(f.ctx, id, pathSteps, ChoiceOurs, `"ours, later"`, `"theirs"`, ""); !problem.Is(err, problem.KindNotFound) {
			t.Fatal("settled twice", err)
		}
		if _, err := f.Settle(f.ctx, id, pathSteps, "shrug", `"ours, later"`, `"theirs"`, ""); !problem.Is(err, problem.KindNotFound) {
			t.Fatal(err)
		}
		reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, Level: authz.LevelReader})
		if _, err := f.Settle(reader, id, pathSteps, ChoiceOurs, "", "", ""); !problem.Is(err, problem.KindForbidden) {
			t.Fatal(err)
		}
	})
}

func TestTheOwnerDecidesWithoutAsking(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.conflict(t)
		if err := f.SetOwners(f.ctx, Owners{cloud.AWS: {"Nonsense": OwnerOurs, pathSteps: "me"}}, 0); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		if err := f.SetOwners(f.ctx, Owners{cloud.AWS: {pathSteps: OwnerOurs}}, 0); err != nil {
			t.Fatal(err)
		}
		f.advance(t) // the conflict is decided by the new rule
		if f.remote(pathSteps) != quoted("ours") || f.reg(t).Conflicts != 0 {
			t.Fatal(f.remote(pathSteps), f.fields(t))
		}
		f.p.edit(t, pathSteps, "theirs again")
		left := 3
		f.p.trouble = func(op string) *fault {
			if op != "Update" || left == 0 {
				return nil
			}
			left--
			return &fault{err: passing(problem.RetrySoon, 0)}
		}
		for range 5 {
			f.look(t)
		}
		if f.remote(pathSteps) != quoted("ours") {
			t.Fatal(f.remote(pathSteps))
		}
		told := 0
		for _, b := range f.bodies(t, "changed") {
			told += strings.Count(b, "goes out again because ours wins here")
		}
		if told != 1 { // once, however often it is tried
			t.Fatalf("told %d times:\n%s", told, strings.Join(f.bodies(t, "changed"), "\n"))
		}
		if err := f.SetOwners(f.ctx, Owners{cloud.AWS: {pathSteps: OwnerTheirs}}, 1); err != nil {
			t.Fatal(err)
		}
		o.NextSteps = "ours never goes"
		f.take(t, o)
		f.p.took()
		f.advance(t)
		if got := f.p.took(); strings.Contains(got, "Update") || f.remote(pathSteps) != quoted("ours") {
			t.Fatal(got, f.remote(pathSteps))
		}
	})
}

func TestALockedChangeWaitsAndGoesOutByItself(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := good()
		o.NextSteps = "Call them"
		f.take(t, o)
		f.want(t, f.advance(t), StateSubmitted)
		id := f.reg(t).ID
		trial, err := f.Try(f.ctx, id, Values{pathSteps: `"Meet them"`})
		if err != nil || !trial.Locks[pathSteps].Locked || len(trial.Sends) != 0 || len(trial.Fields) != 1 || trial.Fields[0].Status != FieldLocked {
			t.Fatalf("%+v, %v", trial, err)
		}
		if len(f.edits(t)) != 0 {
			t.Fatal("a trial was kept")
		}
		if _, err := f.Put(f.ctx, id, Values{pathSteps: ` "Meet them" `}); err != nil {
			t.Fatal(err)
		}
		r := f.advance(t)
		if r.Held != 1 || r.Outgoing != 0 || r.StaleSince.IsZero() || strings.Contains(f.p.took(), "Update") || f.fields(t) != pathSteps+` locked "Meet them"|"Call them"` {
			t.Fatalf("%+v %q", r, f.fields(t))
		}
		list, edits, _, err := f.Fields(f.ctx, id)
		if err != nil || list[0].Reason != "under review" || list[0].Until != "until it is reviewed" || edits[0].ActorName != "Ada" || edits[0].CRMState != CRMPending {
			t.Fatal(list, edits, err)
		}
		since := list[0].Since
		f.clock.Set(f.clock.Now().Add(time.Hour))
		f.p.review(t, "Approved", StateApproved, "")
		r = f.due(t)
		if r.Held != 0 || f.remote(pathSteps) != quoted("Meet them") || strings.Count(f.p.took(), "Update") != 1 || !r.StaleSince.IsZero() {
			t.Fatalf("%+v %q, since %s", r, f.fields(t), since)
		}
	})
}

func TestAValueThatIsNeverTakenIsRefusedAtOnceAndAFinalLockToo(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.approved(t)
		id := f.reg(t).ID
		for _, c := range []struct {
			values Values
			kind   problem.Kind
		}{
			{Values{pathSteps: `"bad"`}, problem.KindInvalid},
			{Values{pathSteps: `bad`}, problem.KindInvalid},
			{Values{"Nonsense": `"x"`}, problem.KindInvalid},
			{Values{pathText: `"x"`}, problem.KindConflict},
		} {
			if _, err := f.Put(f.ctx, id, c.values); !problem.Is(err, c.kind) {
				t.Errorf("%v: %v", c.values, err)
			}
		}
		trial, err := f.Try(f.ctx, id, Values{pathSteps: `"bad"`, pathText: `"x"`, pathStage: `"Launched"`})
		if err != nil || len(trial.Findings) != 1 || !trial.Locks[pathText].Final || trial.Sends[pathStage] != `"Launched"` || len(trial.Sends) != 1 {
			t.Errorf("%+v, %v", trial, err)
		}
		if got := f.fields(t); got != "" || len(f.edits(t)) != 0 {
			t.Error(got)
		}
	})
}

func TestARefusedFieldIsMendedAndSentAndTheOthersDoNotWaitForIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.approved(t)
		o.NextSteps, o.Stage = "refused", "4-Proposal"
		f.take(t, o)
		f.advance(t)
		r := f.reg(t)
		if r.State != StateApproved || r.Refused != 1 || f.remote(pathStage) != quoted("4-Proposal") || f.remote(pathSteps) != quoted("Call them") {
			t.Fatalf("%+v: %s, %s", r, f.remote(pathStage), f.fields(t))
		}
		list, err := f.Open(f.ctx, FieldRefused, 10)
		if err != nil || len(list) != 1 || list[0].Reason != "the portal's own words" || !list[0].ByPortal {
			t.Fatalf("%+v, %v", list, err)
		}
		since := list[0].Since
		f.p.took()
		f.look(t)
		if got := f.p.took(); got != "Read" {
			t.Fatalf("sent again unasked: %q", got)
		}
		f.clock.Set(f.clock.Now().Add(time.Hour))
		if _, err := f.Resend(f.ctx, r.ID); err != nil {
			t.Fatal(err)
		}
		if list, _, _, err := f.Fields(f.ctx, r.ID); err != nil || list[0].Status != FieldOutgoing || !list[0].Since.Equal(since) {
			t.Fatalf("it does not wait since then: %+v, %v", list, err)
		}
		if f.advance(t); !strings.Contains(f.p.took(), "Update") || f.reg(t).Refused != 1 {
			t.Fatal("a wish to send again is not followed")
		}
		o.NextSteps = "mended"
		f.take(t, o)
		if r = f.advance(t); r.Refused != 0 || f.remote(pathSteps) != quoted("mended") || r.Error != "" {
			t.Fatalf("%+v %s", r, f.fields(t))
		}
	})
}

func TestAnUpdateOfUnknownOutcomeIsLookedAtBeforeItIsRepeated(t *testing.T) {
	for _, acted := range []bool{true, false} {
		t.Run(map[bool]string{true: "it acted", false: "it did not"}[acted], func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				o := f.approved(t)
				f.p.trouble = once("Update", 1, fault{acts: acted, err: passing(problem.RetryUnsure, 0)})
				o.NextSteps = "once"
				f.take(t, o)
				f.advance(t)
				r := f.due(t)
				want := "Update Read"
				if !acted {
					want += " Update"
				}
				if got := f.p.took(); got != want || f.remote(pathSteps) != quoted("once") || r.Outgoing != 0 || r.Error != "" {
					t.Fatalf("asked %q, %s, %+v", got, f.remote(pathSteps), r)
				}
				_, _, calls, err := f.Fields(f.ctx, r.ID)
				if err != nil {
					t.Fatal(err)
				}
				var log []string
				for _, c := range calls[:2] {
					log = append(log, c.Operation+" "+string(c.Outcome))
				}
				if first := calls[len(calls)-1]; first.Operation != "Create" || first.Request == "" {
					t.Fatalf("%+v", first)
				}
				if acted && strings.Join(log, ", ") != "Read done, Update unsure" {
					t.Fatal(log)
				}
			})
		})
	}
}

func TestASecondWriterMeanwhileIsReadAndMerged(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.approved(t)
		f.p.edit(t, pathStage, "Committed") // and nobody told us
		o.NextSteps = "ours"
		f.take(t, o)
		f.advance(t)
		if got := f.p.took(); got != "Update ReadRecord Update" || f.remote(pathSteps) != quoted("ours") || f.remote(pathStage) != quoted("Committed") {
			t.Fatal(got, f.remote(pathSteps), f.remote(pathStage))
		}
	})
}

func TestAPersonsEditThatSalesforceReplacesLaterIsToldOf(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := f.approved(t)
		id := f.reg(t).ID
		if _, err := f.Put(f.ctx, id, Values{pathStage: `"Committed"`}); err != nil {
			t.Fatal(err)
		}
		f.advance(t)
		if f.remote(pathStage) != quoted("Committed") {
			t.Fatal(f.remote(pathStage))
		}
		if e := f.edits(t); len(e) != 1 || e[0].CRMState != CRMNone || e[0].ActorID != "usr_1" {
			t.Fatalf("%+v", e)
		}
		o.Stage = "5-Negotiating"
		f.take(t, o)
		f.advance(t)
		if f.remote(pathStage) != quoted("5-Negotiating") || len(f.edits(t)) != 0 {
			t.Fatal(f.remote(pathStage), f.edits(t))
		}
		if got := f.bodies(t, "replaced"); len(got) != 1 || got[0] != "Stage: Salesforce's later change to “5-Negotiating” replaces Ada's “Committed”" {
			t.Fatal(got)
		}
	})
}

func TestOnlyWhatIsFollowedIsRefreshedEditedAndTried(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bad := good()
		bad.Description = ""
		f.take(t, bad)
		r := f.advance(t)
		try := func(what string, err error) {
			t.Helper()
			if !problem.Is(err, problem.KindConflict) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := f.Refresh(f.ctx, r.ID)
		try("refresh", err)
		_, err = f.Put(f.ctx, r.ID, Values{pathSteps: `"x"`})
		try("put", err)
		_, err = f.Try(f.ctx, r.ID, Values{pathSteps: `"x"`})
		try("try", err)
		f.take(t, good())
		f.want(t, f.advance(t), StateSubmitted)
		f.p.trouble = func(string) *fault { return &fault{err: passing(problem.RetryHuman, 0)} }
		f.want(t, f.due(t), StateFailed)
		if _, err = f.Refresh(f.ctx, r.ID); err == nil || !strings.Contains(err.Error(), "retry the registration first") {
			t.Error(err)
		}
		if calls, err := f.Calls(f.ctx, r.ID, 1); err != nil || len(calls) != 1 || calls[0].Outcome != OutcomeRefused {
			t.Errorf("%+v, %v", calls, err)
		}
		if _, err := f.Calls(context.WithoutCancel(f.ctx), "reg_x", 1); !problem.Is(err, problem.KindNotFound) {
			t.Error(err)
		}
	})
}

func TestAValueIsShownAndEnteredForPeople(t *testing.T) {
	t.Parallel()
	choice := FieldInfo{Input: InputChoice, Options: []string{"Qualified", "Committed"}}
	list := FieldInfo{Input: InputList}
	for _, c := range []struct {
		info    FieldInfo
		value   string
		shown   string
		entered []string
	}{
		{FieldInfo{Input: InputText}, `"a “b”"`, "a “b”", []string{"a “b”"}},
		{FieldInfo{Input: InputLong}, `"a\nb"`, "a\nb", []string{"a\nb"}},
		{FieldInfo{Input: InputDate}, `"2027-03-31"`, "2027-03-31", []string{"2027-03-31"}},
		{choice, `"Committed"`, "Committed", []string{"Committed"}},
		{FieldInfo{Input: InputList, Options: []string{"x", "y"}}, `["x","y"]`, "x, y", []string{"x", "y"}},
		{FieldInfo{Input: InputJSON, Show: func(string) string { return "shown" }}, `{"a":1}`, "shown", []string{"{\n  \"a\": 1\n}"}},
		{FieldInfo{Input: InputText}, "", "", nil},
		{
			FieldInfo{Input: InputRows, Columns: []Column{{Name: "a"}, {Name: "b"}}, Show: func(string) string { return "shown" }},
			`[{"a":"x","b":"y"},{"b":"z","c":1}]`, "shown",
			[]string{`{"a":"x","b":"y"}`, `{"b":"z"}`},
		},
	} {
		if got := c.info.Text(c.value); got != c.shown {
			t.Errorf("%s is shown as %q", c.value, got)
		}
		entered := c.info.Entered(c.value)
		if diff := cmp.Diff(c.entered, entered); diff != "" {
			t.Error(diff)
		}
		if back, err := c.info.Value(entered, c.value); err != nil || back != c.value {
			t.Errorf("%s comes back as %s, %v", c.value, back, err)
		}
	}
	if v, err := list.Value([]string{" a \r\n\r\nb"}, ""); err != nil || v != `["a","b"]` {
		t.Error(v, err)
	}
	rows := FieldInfo{Input: InputRows, Columns: []Column{{Name: "a"}, {Name: "b"}}}
	for want, entered := range map[string][]string{
		`[{"a":"x"},{"b":"y"}]`: {RowText(map[string]string{"a": " x ", "b": " "}), RowText(map[string]string{}), RowText(map[string]string{"b": "y", "c": "not asked for"})},
		"":                      {RowText(map[string]string{"a": " "}), "no row"},
	} {
		if v, err := rows.Value(entered, `[{"a":"1","c":2}]`); err != nil || v != want {
			t.Error(v, err)
		}
	}
	for _, x := range []struct {
		info FieldInfo
		text string
	}{{choice, "Nonsense"}, {FieldInfo{Input: InputDate}, "31.3.2027"}, {FieldInfo{Input: InputJSON}, "{"}} {
		_, err := x.info.Value([]string{x.text}, "")
		if p, ok := errors.AsType[*problem.Error](err); !ok || p.Kind != problem.KindInvalid || p.Fields[0].Field != "value" {
			t.Errorf("%s: %v", x.text, err)
		}
	}
	if got := (FieldInfo{}).plain(""); got != "nothing" {
		t.Error(got)
	}
}
