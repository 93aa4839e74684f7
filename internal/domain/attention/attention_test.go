package attention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// silent is a portal that is not asked anything in these tests.
type silent struct{}

var errSilent = errors.New("the portal is not to be asked")

func (silent) Cloud() cloud.Cloud                                 { return cloud.AWS }
func (silent) Check(registration.Deal) registration.Findings      { return nil }
func (silent) Payload(registration.Deal) (json.RawMessage, error) { return json.RawMessage(`{}`), nil }

func (silent) Create(context.Context, json.RawMessage, string) (registration.Remote, error) {
	return registration.Remote{}, errSilent
}

func (silent) Find(context.Context, registration.Deal) (*registration.Remote, error) {
	return nil, errSilent
}
func (silent) Associate(context.Context, string, string) error { return errSilent }
func (silent) Submit(context.Context, string, string) (registration.Task, error) {
	return registration.Task{}, errSilent
}

func (silent) TaskStatus(context.Context, string) (registration.Task, error) {
	return registration.Task{}, errSilent
}

func (silent) Read(context.Context, string) (registration.Remote, error) {
	return registration.Remote{}, errSilent
}

func (silent) ReadRecord(context.Context, string) (registration.Remote, error) {
	return registration.Remote{}, errSilent
}

func (silent) Fields() []registration.FieldInfo {
	return []registration.FieldInfo{{Path: "Project.Title", Label: "Title", Owner: registration.OwnerAsk, Writes: "opportunity.name"}}
}

func (silent) Ours(registration.Deal) registration.Values {
	return registration.Values{"Project.Title": `"Ours"`}
}

func (silent) Theirs(json.RawMessage) (registration.Values, error) {
	return registration.Values{"Project.Title": `"Theirs"`}, nil
}
func (silent) ChangedAt(string) time.Time                      { return time.Time{} }
func (silent) Locked(string, string, string) registration.Lock { return registration.Lock{} }
func (silent) CheckChanges(registration.Deal, json.RawMessage, registration.Values) (registration.Findings, error) {
	return nil, nil
}

func (silent) Update(context.Context, string, json.RawMessage, registration.Values) (registration.Remote, error) {
	return registration.Remote{}, errSilent
}

func (silent) Changes(context.Context, time.Time) iter.Seq2[registration.RemoteChange, error] {
	return func(func(registration.RemoteChange, error) bool) {}
}

func (silent) Compare(registration.Deal, json.RawMessage, string, string) []registration.FieldPair {
	return nil
}
func (silent) Solutions(context.Context) ([]registration.Solution, error) { return nil, errSilent }

type fixture struct {
	*Service
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
	ids   map[string]string // opportunities by CRM id
	woken []string

	tagging *tagging.Service
}

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		f := &fixture{db: d, clock: clock.NewFake(noon), ids: map[string]string{}}
		f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelSenior})
		regs := registration.NewService(d, f.clock, []registration.Portal{silent{}}, registration.DefaultPace)
		regs.Wake = func(_ context.Context, _ *db.Tx, ids ...string) error { f.woken = append(f.woken, ids...); return nil }
		acts := activity.NewService(d, f.clock)
		opps := opportunity.NewService(d, f.clock)
		f.tagging = tagging.NewService(d, f.clock, opps)
		f.Service = NewService(d, f.clock, regs, approval.NewService(d, f.clock, opps, regs, acts), acts, f.tagging)
		f.world(t)
		test(t, f)
	})
}

func (f *fixture) tx(t *testing.T, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := f.db.InTx(f.ctx, f.clock, fn); err != nil {
		t.Fatal(err)
	}
}

// world has one refusal of each kind, the oldest first, and what is none.
func (f *fixture) world(t *testing.T) {
	t.Helper()
	f.tx(t, func(tx *db.Tx) error {
		at := func(hours int) time.Time { return noon.Add(-time.Duration(hours) * time.Hour) }
		reg := func(crm, state, owner string, hours int, more string) error {
			made, err := opportunity.Import(f.ctx, tx, []opportunity.Opportunity{{CRMID: crm, Name: "Deal " + crm, OwnerCRMID: owner, CRMModstamp: tx.Now(), Deleted: crm == "gone"}})
			if err != nil {
				return err
			}
			f.ids[crm] = made[0].ID
			if _, err := tx.Exec(f.ctx, `INSERT INTO registration (id, opportunity_id, cloud, state, remote_id, remote_record, state_at, created_at, updated_at) VALUES (?, ?, 'aws', ?, ?, '{}', ?, ?, ?)`,
				"reg_"+crm, made[0].ID, state, "O"+crm, at(hours), at(hours), at(hours)); err != nil || more == "" {
				return err
			}
			_, err = tx.Exec(f.ctx, `UPDATE registration SET `+more+` WHERE id = ?`, "reg_"+crm)
			return err
		}
		for _, err := range []error{
			reg("failed", "failed", "ann", 50, `failed_from = 'creating', error = 'AWS does not let this account make the call (aws CreateOpportunity: AccessDeniedException, HTTP 403)', error_code = 'AccessDeniedException'`),
			reg("field", "approved", "ann", 40, `refused = 2, error_code = 'ValidationException'`),
			reg("record", "approved", "bob", 30, `crm_error = 'No (salesforce upsert: FIELD_CUSTOM_VALIDATION_EXCEPTION, HTTP 400): Close date must be a Tuesday'`),
			reg("edit", "approved", "bob", 20, ""), reg("task", "approved", "bob", 10, ""), reg("fine", "approved", "bob", 5, ""), reg("gone", "failed", "bob", 60, ""),
		} {
			if err != nil {
				return err
			}
		}
		if _, err := tx.Exec(f.ctx, `INSERT INTO registration_field (registration_id, path, status, reason, by_portal, final, since) VALUES
			('reg_field', 'Project.Title', 'refused', 'Too long for AWS', ?, ?, ?), ('reg_field', 'Website', 'refused', 'No website. Give one', ?, ?, ?),
			('reg_fine', 'Project.Title', 'refused', 'never', ?, ?, ?), ('reg_fine', 'Website', 'outgoing', '', ?, ?, ?)`,
			true, false, at(40), false, false, at(39), true, true, at(90), false, false, at(90)); err != nil {
			return err
		}
		if _, err := tx.Exec(f.ctx, `INSERT INTO registration_edit (registration_id, path, value, crm_state, crm_error, actor_kind, edited_at) VALUES
			('reg_edit', 'Project.Title', '"X"', 'refused', 'STRING_TOO_LONG', 'person', ?), ('reg_fine', 'Project.Title', '"X"', 'pending', '', 'person', ?)`, at(20), at(90)); err != nil {
			return err
		}
		_, err := tx.Exec(f.ctx, `INSERT INTO activity (id, crm_key, opportunity_id, cloud, kind, subject, actor_kind, happened_at, crm_state, crm_error, created_at) VALUES
			('act_1', 'k1', ?, 'aws', 'approved', 's', 'portal', ?, 'failed', 'Somebody said no', ?)`, f.ids["task"], at(10), at(10))
		return err
	})
}

func (f *fixture) all(t *testing.T, q Query) []Item {
	t.Helper()
	var out []Item
	for {
		p, err := f.List(f.ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p.Rows...)
		if q.After = p.Next; p.Next == "" {
			return out
		}
	}
}

func names(list []Item) string {
	var out []string
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s/%s/%s", i.Kind, strings.TrimPrefix(i.Name, "Deal "), i.Code))
	}
	return strings.Join(out, " ")
}

func TestTheInboxHoldsEveryRefusalOnceTheOldestFirst(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		want := "registration/failed/AccessDeniedException field/field/ValidationException field/field/check record/record/FIELD_CUSTOM_VALIDATION_EXCEPTION edit/edit/STRING_TOO_LONG activity/task/ deleted/gone/deleted"
		for _, limit := range []int{1, 2, 200} {
			if got := names(f.all(t, Query{Limit: limit})); got != want {
				t.Errorf("by %d:\n%s\nwant\n%s", limit, got, want)
			}
		}
		if n, err := f.Count(f.ctx); n != 7 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		for _, x := range f.all(t, Query{}) {
			if x.Fix == "" || x.Text == "" || x.Title == "" || x.Since.IsZero() {
				t.Errorf("%s lacks something: %+v", x.Kind, x)
			}
		}
		if x := f.all(t, Query{Kinds: []Kind{KindField}})[0]; x.Title != "Field refused: Title" || x.Text != "Too long for AWS" || x.Fix != FixOf("ValidationException") || x.ByCheck {
			t.Errorf("%+v", x)
		}
		groups, err := f.Groups(f.ctx)
		if err != nil || len(groups) != 7 {
			t.Errorf("%+v, %v", groups, err)
		}
	})
}

func TestTheInboxIsFiltered(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for _, c := range []struct {
			q    Query
			want int
		}{
			{Query{Owners: []string{"bob"}}, 4},
			{Query{Kinds: []Kind{KindDeleted}}, 1},
			{Query{Clouds: []cloud.Cloud{cloud.GCP}}, 0},
			{Query{Kinds: []Kind{KindField, KindEdit}}, 3},
			{Query{Codes: []string{"ValidationException"}}, 1},
			{Query{Codes: []string{"FIELD_CUSTOM_VALIDATION_EXCEPTION", CodeCheck}}, 2},
			{Query{Codes: []string{"CLOSE_DATE%"}}, 0},
			{Query{Owners: []string{"bob"}, Kinds: []Kind{KindRegistration}}, 0},
		} {
			if got := f.all(t, c.q); len(got) != c.want {
				t.Errorf("%+v finds %s", c.q, names(got))
			}
		}
		for _, q := range []Query{{Kinds: []Kind{"x"}}, {Clouds: []cloud.Cloud{"x"}}, {After: "x"}, {Codes: make([]string, 201)}} {
			if _, err := f.List(f.ctx, q); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%+v: %v", q, err)
			}
		}
		if _, err := f.List(t.Context(), Query{}); !problem.Is(err, problem.KindUnauthorized) {
			t.Error(err)
		}
	})
}

func TestSendAgainDoesWhatFitsEachAndABadRowIsItsOwn(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var ids []string
		for _, x := range f.all(t, Query{}) {
			ids = append(ids, x.ID())
		}
		reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Level: authz.LevelReader})
		if _, err := f.SendAgain(reader, ids); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("a reader: %v", err)
		}
		abdm := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_3", Level: authz.LevelABDM})
		if got, err := f.SendAgain(abdm, ids[:1]); err != nil || len(got) != 1 || got[0].Waiting == "" || got[0].Err != nil || len(f.all(t, Query{})) != len(ids) {
			t.Errorf("an ABDM, for a deal of an amount nobody knows: %+v, %v", got, err)
		}
		f.woken = nil // in the transaction that tried, which was rolled back
		ids = append(ids, "nonsense", (&Item{Kind: KindEdit, Ref: "reg_none", Path: "x"}).ID())
		got, err := f.SendAgain(f.ctx, ids)
		if err != nil || len(got) != len(ids) {
			t.Fatalf("%+v, %v", got, err)
		}
		for i, r := range got {
			if bad := i >= 6; bad != (r.Err != nil) {
				t.Errorf("row %d, %s: %v", i, r.Item.Kind, r.Err)
			}
		}
		if left := f.all(t, Query{}); len(left) != 1 || left[0].Kind != KindDeleted { // a person decides about that in Salesforce or at the portal
			t.Errorf("left: %s", names(left))
		}
		slices.Sort(f.woken)
		if want := []string{"reg_failed", "reg_field", "reg_record"}; !slices.Equal(f.woken, want) {
			t.Errorf("woken %v, want %v", f.woken, want)
		}
		for _, bad := range [][]string{nil, make([]string, Most+1)} {
			if _, err := f.SendAgain(f.ctx, bad); !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%d ids: %v", len(bad), err)
			}
		}
	})
}

func TestACodeIsFoundInWhatASystemSaid(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"No (salesforce upsert: REQUIRED_FIELD_MISSING, HTTP 400)": "REQUIRED_FIELD_MISSING",
		"SOME_OTHER_WORD then DUPLICATE_VALUE":                     "DUPLICATE_VALUE",
		"MY_TRIGGER_BROKE":                                         "MY_TRIGGER_BROKE",
		"aws UpdateOpportunity: ValidationException":               "ValidationException",
		"All is LOST": "",
		"":            "",
	} {
		if got := CodeIn(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, f := range fixes {
		if f.text == "" || !strings.HasSuffix(f.text, ".") {
			t.Errorf("%s has no whole fix", f.code)
		}
	}
}

func TestAnActivityOfAnAccountAndOneThatBothSidesChangedAreInTheInbox(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.tx(t, func(tx *db.Tx) error {
			if _, err := account.Import(f.ctx, tx, []account.Account{{CRMID: "001A", Name: "Acme", OwnerName: "Olga", CRMModstamp: tx.Now()}}); err != nil {
				return err
			}
			acme, err := account.ByCRMID(f.ctx, tx, "001A")
			if err != nil {
				return err
			}
			for id, state := range map[string]string{"act_a": "failed", "act_b": "conflict"} {
				if _, err := tx.Exec(f.ctx, `INSERT INTO activity (id, crm_key, account_id, origin, kind, subject, actor_kind, happened_at, crm_state, crm_error, updated_at, created_at)
					VALUES (?, ?, ?, 'person', 'decision', 'We go', 'person', ?, ?, 'Salesforce refused it: Subject: is too long (STRING_TOO_LONG)', ?, ?)`, id, id, acme.ID, noon, state, noon, noon); err != nil {
					return err
				}
			}
			return nil
		})
		found := map[string]Item{}
		p, err := f.List(f.ctx, Query{Kinds: []Kind{KindActivity}, Limit: 200})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p.Rows {
			found[x.Ref] = x
		}
		a, b := found["act_a"], found["act_b"]
		if a.Name != "Acme" || a.OwnerName != "Olga" || a.Code != "STRING_TOO_LONG" || !strings.HasSuffix(a.Title, ": We go") || a.AccountID == "" {
			t.Errorf("%+v", a)
		}
		if b.Code != CodeBothSides || b.Fix != FixOf(CodeBothSides) {
			t.Errorf("%+v", b)
		}
		results, err := f.SendAgain(f.ctx, []string{a.ID(), b.ID()})
		if err != nil || results[0].Err != nil || !problem.Is(results[1].Err, problem.KindConflict) {
			t.Errorf("%+v, %v", results, err)
		}
	})
}

func TestARefusedCorrectionOfTagsIsInTheInboxUntilItIsAskedForAgainOrTheTagsChange(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		o := opportunity.Opportunity{
			CRMID: "006T", Name: "Untyped", OwnerName: "Olga", DRPartner: "Amazon Web Services", DRPartnerCRMID: "001AWS", CRMModstamp: noon,
			OrderType: "Growth", SQLSource: "Partner Generated",
		}
		store := func() {
			f.clock.Advance(time.Minute)
			o.CRMModstamp = f.clock.Now()
			f.tx(t, func(tx *db.Tx) error {
				got, err := opportunity.Import(f.ctx, tx, []opportunity.Opportunity{o})
				if err != nil {
					return err
				}
				f.ids["tags"] = got[0].ID
				return f.tagging.Check(f.ctx, tx, got)
			})
		}
		inbox := func() []Item { return f.all(t, Query{Kinds: []Kind{KindTags}}) }
		refuse := func() {
			t.Helper()
			_, list, err := f.tagging.Pending(f.ctx, 10)
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			no := problem.FromRemote(problem.Remote{System: "salesforce", Code: "FIELD_CUSTOM_VALIDATION_EXCEPTION", Retry: problem.RetryHuman}, "A referral needs a contract (FIELD_CUSTOM_VALIDATION_EXCEPTION)", nil)
			if err := f.tagging.Written(f.ctx, &list[0], no); err != nil {
				t.Fatal(err)
			}
		}
		store()
		found, err := f.tagging.Of(f.ctx, f.ids["tags"])
		if err != nil || len(found) == 0 {
			t.Fatalf("%+v, %v", found, err)
		}
		if _, err := f.tagging.Correct(f.ctx, f.ids["tags"], found[0].Rule.ID, found[0].Tags); err != nil {
			t.Fatal(err)
		}
		refuse()
		list := inbox()
		if len(list) != 1 || list[0].Name != "Untyped" || list[0].Code != "FIELD_CUSTOM_VALIDATION_EXCEPTION" || !strings.HasSuffix(list[0].Title, ": "+found[0].Rule.Title) {
			t.Fatalf("%+v", list)
		}
		again := func() error {
			t.Helper()
			results, err := f.SendAgain(f.ctx, []string{list[0].ID()})
			if err != nil {
				t.Fatal(err)
			}
			return results[0].Err
		}
		if err := again(); err != nil {
			t.Errorf("%v", err)
		}
		if left := inbox(); len(left) != 0 {
			t.Errorf("%+v", left)
		}
		refuse()
		if list = inbox(); len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		o.DRPartner, o.DRPartnerCRMID = "", ""
		store()
		if left := inbox(); len(left) != 0 {
			t.Errorf("a correction of what is right now: %+v", left)
		}
		if err := again(); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("%v", err)
		}
	})
}
