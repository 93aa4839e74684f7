package opportunity

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db    *db.DB
	clock *clock.Fake
	ctx   context.Context
	heard []string // CRM ids that the observer was told of
}

func newFixture(t *testing.T, d *db.DB) *fixture {
	t.Helper()
	f := &fixture{db: d, clock: clock.NewFake(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))}
	f.ctx = authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: authz.LevelDirector})
	f.Service = NewService(d, f.clock)
	f.Changed = func(_ context.Context, _ *db.Tx, list []Opportunity) error {
		for _, o := range list {
			f.heard = append(f.heard, o.CRMID)
		}
		return nil
	}
	return f
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

func (f *fixture) tx(fn func(tx *db.Tx) error) error { return f.db.InTx(f.ctx, f.clock, fn) }

// take imports opportunities and asks the rule in force about them.
func (f *fixture) take(t *testing.T, list ...Opportunity) (changed, touched []Opportunity) {
	t.Helper()
	err := f.tx(func(tx *db.Tx) error {
		var err error
		if changed, err = Import(f.ctx, tx, list); err != nil || len(changed) == 0 {
			return err
		}
		m, err := f.Matcher(f.ctx, tx)
		if err != nil {
			return err
		}
		touched, err = Decide(f.ctx, tx, m, changed)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return changed, touched
}

func (f *fixture) get(t *testing.T, crmID string) Opportunity {
	t.Helper()
	list, err := ByCRMIDs(f.ctx, f.db, []string{crmID})
	if err != nil || len(list) != 1 {
		t.Fatalf("%s: %+v, %v", crmID, list, err)
	}
	return list[0]
}

func (f *fixture) joint(t *testing.T, o Opportunity) []Joint {
	t.Helper()
	m, err := JointOf(f.ctx, f.db, []string{o.ID})
	if err != nil {
		t.Fatal(err)
	}
	return m[o.ID]
}

func TestAnOpportunityIsTakenOnceAndTheNewerRowWins(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		amount := int64(123)
		o := Opportunity{CRMID: "006A", Name: "Déal", AmountMinor: &amount, Currency: "EUR", CloseOn: "2026-12-31", CRMModstamp: at}
		if changed, touched := f.take(t, o); len(changed) != 1 || changed[0].ID == "" || len(touched) != 0 {
			t.Fatal(changed, touched)
		}
		first := f.get(t, "006A")
		if first.NameKey != "deal" || first.Version != 1 || first.Amount().String() != "EUR 1.23" || first.ARRNet().String() != "" {
			t.Fatalf("%+v", first)
		}
		if changed, _ := f.take(t, o); changed != nil {
			t.Fatal("taken again", changed)
		}
		newer, older := o, o
		newer.Stage, newer.AmountMinor, newer.CRMModstamp = "3-Technical Evaluation", nil, at.Add(time.Millisecond)
		older.Stage, older.CRMModstamp = "0", at.Add(-time.Millisecond)
		if changed, _ := f.take(t, newer, older, newer); len(changed) != 1 {
			t.Fatal(changed)
		}
		if changed, _ := f.take(t, older); changed != nil {
			t.Fatal("an older row was taken", changed)
		}
		second := f.get(t, "006A")
		if second.ID != first.ID || second.Stage != newer.Stage || second.AmountMinor != nil || second.Version != 2 || !second.CreatedAt.Equal(first.CreatedAt) {
			t.Fatalf("%+v", second)
		}
		// A new one that a page holds twice, and that the rule finds joint only in its older shape.
		b := Opportunity{CRMID: "006B", Name: "B", FulfillmentPartner: "AWS", CRMModstamp: at}
		b2 := Opportunity{CRMID: "006B", Name: "B2", CRMModstamp: at.Add(time.Second)}
		if changed, _ := f.take(t, b, b2); len(changed) != 1 {
			t.Fatal(changed)
		}
		if got := f.get(t, "006B"); got.Name != "B2" || len(f.joint(t, got)) != 0 {
			t.Fatalf("%+v", got)
		}
	})
}

func TestADeletedOpportunityIsNoLongerJointByRule(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		f.take(t, Opportunity{CRMID: "006A", Name: "A", InfluencePartner: "AWS", CRMModstamp: at})
		if n, err := Count(f.ctx, f.db, cloud.AWS); n != (Counts{1, 1}) || err != nil {
			t.Fatal(n, err)
		}
		_, touched := f.take(t, Opportunity{CRMID: "006A", Name: "A", InfluencePartner: "AWS", Deleted: true, CRMModstamp: at.Add(time.Second)})
		if len(touched) != 1 {
			t.Fatal("its registration is not looked at", touched)
		}
		if j := f.joint(t, f.get(t, "006A")); len(j) != 0 {
			t.Fatal(j)
		}
		if n, err := Count(f.ctx, f.db, ""); n != (Counts{0, 0}) || err != nil {
			t.Fatal(n, err)
		}
	})
}

func TestChildrenTouchTheirOpportunityOnceWhenTheyChange(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		f.take(t, Opportunity{CRMID: "006A", Name: "A", CRMModstamp: at}, Opportunity{CRMID: "006B", Name: "B", CRMModstamp: at})
		members := func(list ...Member) (parents []string) {
			t.Helper()
			if err := f.tx(func(tx *db.Tx) (err error) { parents, err = ImportMembers(f.ctx, tx, list); return err }); err != nil {
				t.Fatal(err)
			}
			return parents
		}
		contacts := func(list ...Contact) (parents []string) {
			t.Helper()
			if err := f.tx(func(tx *db.Tx) (err error) { parents, err = ImportContacts(f.ctx, tx, list); return err }); err != nil {
				t.Fatal(err)
			}
			return parents
		}
		m := Member{CRMID: "00qA", OpportunityCRMID: "006A", PersonCRMID: "005A", Name: "Zoe", CRMModstamp: at}
		if got := members(m, Member{CRMID: "00qB", OpportunityCRMID: "006A", Name: "Abe", CRMModstamp: at}); !slices.Equal(slices.Compact(got), []string{"006A"}) {
			t.Fatal(got)
		}
		c := Contact{CRMID: "00KA", OpportunityCRMID: "006A", LastName: "A", CRMModstamp: at}
		contacts(c, Contact{CRMID: "00KB", OpportunityCRMID: "006A", LastName: "Z", Primary: true, CRMModstamp: at})
		if a, b := f.get(t, "006A"), f.get(t, "006B"); a.Version != 3 || b.Version != 1 {
			t.Fatalf("versions %d and %d", a.Version, b.Version)
		}
		if got := append(members(m), contacts(c)...); len(got) != 0 {
			t.Fatal("taken again", got)
		}
		older := m
		older.Name, older.CRMModstamp = "Old", at.Add(-time.Second)
		if got := members(older); len(got) != 0 {
			t.Fatal("an older row was taken", got)
		}
		o := f.get(t, "006A")
		team, people, err := f.Team(f.ctx, &o)
		if err != nil || len(team) != 2 || team[0].Name != "Abe" || len(people) != 2 || !people[0].Primary {
			t.Fatalf("%+v %+v %v", team, people, err)
		}
		m.Deleted, m.CRMModstamp = true, at.Add(time.Second)
		c.Deleted, c.CRMModstamp = true, at.Add(time.Second)
		if got := append(members(m), contacts(c)...); !slices.Equal(got, []string{"006A", "006A"}) {
			t.Fatal(got)
		}
		if team, people, err = f.Team(f.ctx, &o); err != nil || len(team) != 1 || len(people) != 1 {
			t.Fatalf("%+v %+v %v", team, people, err)
		}
		// Children of an opportunity that has not come yet are kept for it.
		if got := members(Member{CRMID: "00qC", OpportunityCRMID: "006C", Name: "X", CRMModstamp: at}); len(got) != 1 {
			t.Fatal(got)
		}
		if list, err := MembersOf(f.ctx, f.db, "006C"); err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
	})
}

func TestTheOwnerIsKnownFromThePeople(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		now := f.clock.Now()
		err := f.tx(func(tx *db.Tx) error {
			_, err := tx.Exec(f.ctx, `INSERT INTO person (id, crm_id, name, name_key, email, active, created_at, updated_at) VALUES ('usr_2', '005A', 'Ada', 'ada', 'ada@example.com', ?, ?, ?)`, false, now, now)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		m, err := OwnerOf(f.ctx, f.db, &Opportunity{CRMID: "006A", OwnerCRMID: "005A", OwnerName: "A."})
		if err != nil || m.Email != "ada@example.com" || !m.Deleted || m.OpportunityCRMID != "006A" || m.Role != "Owner" {
			t.Fatalf("%+v, %v", m, err)
		}
		m, err = OwnerOf(f.ctx, f.db, &Opportunity{CRMID: "006A", OwnerCRMID: "005X", OwnerName: "Xi"})
		if err != nil || m.Name != "Xi" || m.PersonCRMID != "005X" || m.Email != "" {
			t.Fatalf("%+v, %v", m, err)
		}
	})
}

func TestAPersonsWordOutranksTheRule(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		o := Opportunity{CRMID: "006A", Name: "A", FulfillmentPartner: "AWS", CRMModstamp: at}
		f.take(t, o)
		stored := f.get(t, "006A")
		yes, no := true, false
		mark := func(c cloud.Cloud, j *bool, why string) error { return f.MarkJoint(f.ctx, stored.ID, c, j, why) }
		if err := mark(cloud.AWS, &no, "they sell alone"); err != nil {
			t.Fatal(err)
		}
		if err := mark(cloud.GCP, &yes, " asked by phone "); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(time.Hour)
		o.Stage, o.CRMModstamp = "3", at.Add(time.Second)
		f.take(t, o) // the rule says otherwise, and is not heard
		if err := f.DecideAll(f.ctx); err != nil {
			t.Fatal(err)
		}
		_, got, err := f.Get(f.ctx, stored.ID)
		if err != nil || len(got) != 2 || got[0].Joint || got[0].Source != SourcePerson || got[0].DecidedBy != "Ada" || !got[0].DecidedAt.Equal(at) ||
			!got[1].Joint || got[1].Why != "asked by phone" {
			t.Fatalf("%+v, %v", got, err)
		}
		if with := JointWith(got); !slices.Equal(with, []cloud.Cloud{cloud.GCP}) {
			t.Fatal(with)
		}
		// Taking the word back lets the rule decide.
		for _, c := range []cloud.Cloud{cloud.AWS, cloud.GCP} {
			if err := mark(c, nil, ""); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.joint(t, stored); len(got) != 1 || got[0].Cloud != cloud.AWS || got[0].Source != SourceRule || !got[0].Joint {
			t.Fatalf("%+v", got)
		}
		if !slices.Contains(f.heard, "006A") {
			t.Error("nobody was told")
		}
		entries, err := audit.Of(f.ctx, f.db, stored.ID, 10)
		if err != nil || len(entries) != 4 {
			t.Fatalf("%d audit entries, %v", len(entries), err)
		}
		for _, bad := range []error{
			mark("oracle", &yes, "x"), mark(cloud.AWS, &yes, "  "), mark(cloud.AWS, &yes, strings.Repeat("x", 501)),
		} {
			if !problem.Is(bad, problem.KindInvalid) {
				t.Error(bad)
			}
		}
		if err := f.MarkJoint(f.ctx, "opp_x", cloud.AWS, nil, ""); !problem.Is(err, problem.KindNotFound) {
			t.Error(err)
		}
	})
}

func TestAWordThatItsListenersRefuseIsNotKept(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.take(t, Opportunity{CRMID: "006A", Name: "A", CRMModstamp: f.clock.Now()})
		boom := errors.New("boom")
		f.Changed = func(context.Context, *db.Tx, []Opportunity) error { return boom }
		yes := true
		o := f.get(t, "006A")
		if err := f.MarkJoint(f.ctx, o.ID, cloud.AWS, &yes, "why"); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if j := f.joint(t, o); len(j) != 0 {
			t.Fatal(j)
		}
	})
}

func ruleOf(words ...string) JointRule {
	r := DefaultJointRule()
	aws := r.Clouds[cloud.AWS]
	aws.Words = words
	r.Clouds[cloud.AWS] = aws
	return r
}

func TestARuleIsChangedByWhoSawTheLastOne(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		at := f.clock.Now()
		f.take(t, Opportunity{CRMID: "006A", Name: "A", DRPartner: "Acme", CRMModstamp: at}, Opportunity{CRMID: "006B", Name: "B", DRPartner: "AWS", CRMModstamp: at})
		if _, row, err := f.Rule(f.ctx); row.Version != 0 || err != nil {
			t.Fatal(row, err)
		}
		if err := f.SetRule(f.ctx, ruleOf("acme"), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.SetRule(f.ctx, ruleOf("other"), 0); !problem.Is(err, problem.KindPrecondition) {
			t.Fatal(err)
		}
		if err := f.SetRule(f.ctx, ruleOf(), 1); !problem.Is(err, problem.KindInvalid) {
			t.Fatal(err)
		}
		if a, b := f.joint(t, f.get(t, "006A")), f.joint(t, f.get(t, "006B")); len(a) != 1 || len(b) != 0 || a[0].Why != "Deal registration partner is “Acme”" {
			t.Fatal(a, b)
		}
		slices.Sort(f.heard)
		if !slices.Equal(f.heard, []string{"006A", "006B"}) {
			t.Fatal("told of", f.heard)
		}
	})
}

// Whatever stands, the preview says what putting the rule in force then does.
func TestThePreviewIsWhatTheRuleThenDoes(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *db.DB{
		"sqlite":   func(tb testing.TB) *db.DB { return dbtest.SQLite(tb, schema.Migrations()) },
		"postgres": func(tb testing.TB) *db.DB { return dbtest.Postgres(tb, schema.Migrations()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, open(t))
			version, serial := int64(0), 0
			rapid.Check(t, func(r *rapid.T) {
				partners := []string{"", "AWS", "Acme Cloud", "Google", "Microsoft", "aws & acme"}
				yes, no := true, false
				for range rapid.IntRange(1, 4).Draw(r, "new") {
					serial++
					f.take(t, Opportunity{
						CRMID: fmt.Sprintf("006%05d", serial), Name: "x", Deleted: rapid.Bool().Draw(r, "deleted"),
						FulfillmentPartner: rapid.SampledFrom(partners).Draw(r, "resale"), LeadSource: rapid.SampledFrom(partners).Draw(r, "lead"), CRMModstamp: f.clock.Now(),
					})
					if word := rapid.SampledFrom([]*bool{nil, &yes, &no}).Draw(r, "word"); word != nil {
						o := f.get(t, fmt.Sprintf("006%05d", serial))
						if err := f.MarkJoint(f.ctx, o.ID, rapid.SampledFrom(cloud.All()).Draw(r, "cloud"), word, "why"); err != nil {
							r.Fatal(err)
						}
					}
				}
				rule := JointRule{Clouds: map[cloud.Cloud]CloudRule{}}
				for _, c := range cloud.All() {
					rule.Clouds[c] = CloudRule{
						Enabled: rapid.Bool().Draw(r, "enabled"), Fields: rapid.SampledFrom([][]string{{"fulfillment_partner"}, {"lead_source", "fulfillment_partner"}}).Draw(r, "fields"),
						Words: rapid.SampledFrom([][]string{{"aws"}, {"acme"}, {"google", "microsoft"}}).Draw(r, "words"),
					}
				}
				before := countJoint(t, f)
				preview, err := f.Preview(f.ctx, rule)
				if err != nil {
					r.Fatal(err)
				}
				if again := countJoint(t, f); !maps.Equal(before, again) {
					r.Fatal("the preview changed something")
				}
				if err := f.SetRule(f.ctx, rule, version); err != nil {
					r.Fatal(err)
				}
				version++
				after := countJoint(t, f)
				for _, c := range cloud.All() {
					var want Difference
					for id := range union(before, after) {
						want.add(before[id+string(c)], after[id+string(c)])
					}
					if preview[c] != want {
						r.Fatalf("%s: preview %+v, then %+v", c, preview[c], want)
					}
				}
			})
		})
	}
}

func union(a, b map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, m := range []map[string]bool{a, b} {
		for k := range m {
			out[k[:len("opp_")+26]] = true
		}
	}
	return out
}

func countJoint(t *testing.T, f *fixture) map[string]bool {
	t.Helper()
	list, err := db.Select[Joint](f.ctx, f.db, `SELECT * FROM opportunity_cloud WHERE joint`)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, j := range list {
		out[j.OpportunityID+string(j.Cloud)] = true
	}
	return out
}

func TestTheSweepReachesEveryOpportunity(t *testing.T) {
	t.Parallel()
	f := newFixture(t, dbtest.SQLite(t, schema.Migrations()))
	const many = 1203 // more than two pages of the sweep
	for from := 0; from < many; from += 401 {
		var list []Opportunity
		for i := range 401 {
			list = append(list, Opportunity{CRMID: fmt.Sprintf("006%05d", from+i), Name: "x", DRPartner: "Acme", CRMModstamp: f.clock.Now()})
		}
		f.take(t, list...)
	}
	p, err := f.Preview(f.ctx, ruleOf("acme"))
	if err != nil || p[cloud.AWS] != (Difference{Joint: many, Gain: many}) {
		t.Fatal(p, err)
	}
	if err := f.SetRule(f.ctx, ruleOf("acme"), 0); err != nil {
		t.Fatal(err)
	}
	if n, err := Count(f.ctx, f.db, cloud.AWS); err != nil || n.Joint != many || len(f.heard) != many {
		t.Fatal(n, len(f.heard), err)
	}
}
