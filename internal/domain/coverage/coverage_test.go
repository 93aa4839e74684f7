package coverage

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	db       *db.DB
	clock    *clock.Fake
	ctx      context.Context
	director context.Context
	ids      map[string]string // by CRM id
}

// Tuesday, 24 November 2026.
var tuesday = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func newFixture(t testing.TB, d *db.DB) *fixture {
	t.Helper()
	f := &fixture{db: d, clock: clock.NewFake(tuesday), ids: map[string]string{}}
	as := func(l authz.Level) context.Context {
		return authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: l})
	}
	f.ctx, f.director = as(authz.LevelABDM), as(authz.LevelDirector)
	rules := opportunity.NewService(d, f.clock)
	f.Service = NewService(d, f.clock, rules.Matcher, func(c cloud.Cloud) bool { return c == cloud.AWS })
	return f
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) { test(t, newFixture(t, d)) })
}

func (f *fixture) tx(t testing.TB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := f.db.InTx(f.ctx, f.clock, fn); err != nil {
		t.Fatal(err)
	}
}

// deal is an opportunity of the fixture. joint is how many days ago it became
// joint; state "" is no registration; more is what else its row holds.
type deal struct {
	crm, region, owner, stage string
	closed, deleted           bool
	cloud                     cloud.Cloud
	unjoint                   bool
	joint                     int
	state, more               string
}

func (f *fixture) add(t *testing.T, list ...deal) {
	t.Helper()
	f.tx(t, func(tx *db.Tx) error {
		for _, d := range list {
			if d.stage == "" {
				d.stage = "3-Technical Evaluation"
			}
			if d.cloud == "" {
				d.cloud = cloud.AWS
			}
			made, err := opportunity.Import(f.ctx, tx, []opportunity.Opportunity{{
				CRMID: d.crm, Name: "Deal " + d.crm, AccountName: "Acme", Region: d.region, OwnerCRMID: d.owner, OwnerName: strings.ToUpper(d.owner),
				Stage: d.stage, Closed: d.closed, Deleted: d.deleted, CRMModstamp: tx.Now(), CRMCreatedAt: tuesday.AddDate(-1, 0, 0),
			}})
			if err != nil {
				return err
			}
			o := made[0].ID
			f.ids[d.crm] = o
			if _, err := tx.Exec(f.ctx, `INSERT INTO opportunity_cloud (opportunity_id, cloud, joint, source, why, decided_at) VALUES (?, ?, ?, 'rule', 'x', ?)`, o, d.cloud, !d.unjoint, tuesday.AddDate(0, 0, -d.joint)); err != nil {
				return err
			}
			if d.state == "" {
				continue
			}
			if _, err := tx.Exec(f.ctx, `INSERT INTO registration (id, opportunity_id, cloud, state, remote_read_at, state_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
				"reg_"+d.crm, o, d.cloud, d.state, tuesday.Add(-time.Hour), tx.Now(), tx.Now(), tx.Now()); err != nil {
				return err
			}
			if d.more != "" {
				if _, err := tx.Exec(f.ctx, `UPDATE registration SET `+d.more+` WHERE id = ?`, "reg_"+d.crm); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func stale(days int) string {
	return `stale_since = '` + tuesday.AddDate(0, 0, -days).Format(db.TimeLayout) + `'`
}

// world has one deal of every kind, and some that must not count.
func (f *fixture) world(t *testing.T) {
	t.Helper()
	f.add(
		t,
		deal{crm: "new", region: "EMEA", owner: "ann", joint: 1},
		deal{crm: "lateNone", region: "EMEA", owner: "ann", joint: 8},                      // Monday of the week before: six working days
		deal{crm: "justInTime", region: "EMEA", owner: "bob", joint: 7, state: "creating"}, // five working days
		deal{crm: "blocked", region: "AMER", owner: "bob", joint: 2, state: "blocked", more: `findings = '[{"label":"Postal code","severity":"error"},{"label":"Website","severity":"warning"}]'`},
		deal{crm: "failed", region: "AMER", owner: "", joint: 30, state: "failed", more: `error = 'AWS said no'`},
		deal{crm: "ok", region: "", owner: "ann", joint: 90, state: "approved", more: `remote_read_at = '` + tuesday.AddDate(0, 0, -3).Format(db.TimeLayout) + `'`},
		deal{crm: "outgoing", region: "EMEA", owner: "ann", joint: 90, state: "approved", more: `outgoing = 1, ` + stale(1)},
		deal{crm: "locked", region: "EMEA", owner: "ann", joint: 90, state: "in_review", more: `held = 2, outgoing = 1, ` + stale(15)},
		deal{crm: "conflict", region: "EMEA", owner: "bob", joint: 90, state: "approved", more: `conflicts = 1, refused = 1, ` + stale(14)},
		deal{crm: "refused", region: "EMEA", owner: "bob", joint: 90, state: "action_required", more: `refused = 1, ` + stale(20)},
		deal{crm: "azure", region: "EMEA", owner: "bob", joint: 21, cloud: cloud.Azure},
		deal{crm: "unjoint", region: "EMEA", owner: "bob", unjoint: true, state: "approved"},         // registered all the same
		deal{crm: "pending", region: "EMEA", owner: "bob", stage: "0-PENDING acceptance", joint: 90}, // the rule's stage, in other letters
		deal{crm: "pendingRegistered", region: "EMEA", owner: "bob", stage: "0-Pending Acceptance", state: "approved"},
		deal{crm: "closed", region: "EMEA", owner: "bob", closed: true, joint: 90, state: "approved"},
		deal{crm: "deleted", region: "EMEA", owner: "bob", deleted: true, joint: 90},
		deal{crm: "never", region: "EMEA", owner: "bob", unjoint: true, joint: 90},
	)
	f.tx(t, func(tx *db.Tx) error {
		_, err := tx.Exec(f.ctx, `INSERT INTO registration_field (registration_id, path, status, reason, until, since) VALUES
			('reg_locked', 'Project.Title', 'locked', 'AWS is reviewing', 'until it has', ?), ('reg_conflict', 'Life.Stage', 'conflict', 'Changed on both sides', '', ?)`, tx.Now(), tx.Now())
		return err
	})
}

func TestEveryDealCountsOnceAndLateLiesAcross(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.world(t)
		r, err := f.Report(f.ctx, Scope{}, ByCloud)
		if err != nil {
			t.Fatal(err)
		}
		want := Figures{
			Joint: 13, Registered: 7, Blocked: 1, Failed: 1, Waiting: 4, LateRegister: 3,
			Current: 3, Outgoing: 1, Locked: 1, Conflict: 1, Refused: 1, LateUpdate: 2, OldestRead: tuesday.AddDate(0, 0, -3),
		}
		if diff := cmp.Diff(want, r.Total); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if !r.At.Equal(tuesday) || r.Levels != DefaultLevels() {
			t.Errorf("as of %s under %+v", r.At, r.Levels)
		}
		if len(r.Lines) != 2 || r.Lines[0].Key != "aws" || r.Lines[0].Joint != 12 || r.Lines[1].Label != "Microsoft Azure" || r.Lines[1].LateRegister != 1 {
			t.Errorf("by cloud %+v", r.Lines)
		}
		r, err = f.Report(f.ctx, Scope{Clouds: []cloud.Cloud{cloud.AWS}}, ByOwner)
		if err != nil || len(r.Lines) != 3 || r.Lines[0].Key != "ann" || r.Lines[0].Label != "ANN" || r.Lines[2].Key != "" || r.Lines[2].Failed != 1 {
			t.Errorf("by owner %+v, %v", r.Lines, err)
		}
		r, err = f.Report(f.ctx, Scope{Regions: []string{"AMER", ""}}, ByRegion)
		if err != nil || r.Total.Joint != 3 || len(r.Lines) != 2 || r.Lines[1].Key != "" {
			t.Errorf("two regions %+v, %v", r, err)
		}
	})
}

func TestAFigureIsTheSizeOfTheListBehindIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.world(t)
		for _, scope := range []Scope{{}, {Clouds: []cloud.Cloud{cloud.AWS}, Owners: []string{"bob"}}, {Regions: []string{"EMEA"}}} {
			r, err := f.Report(f.ctx, scope, ByCloud)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range Whats() {
				n := int64(len(f.list(t, scope, w, 2)))
				if w != WhatExceptions && n != r.Total.Of(w) {
					t.Errorf("%+v %s: the figure is %d, the list has %d", scope, w, r.Total.Of(w), n)
				}
			}
		}
		var names []string
		for _, d := range f.list(t, Scope{}, WhatExceptions, 3) {
			names = append(names, d.CRMID)
		}
		if want := []string{"failed", "azure", "refused", "locked", "conflict", "lateNone", "blocked"}; !slices.Equal(names, want) {
			t.Errorf("exceptions %v, want %v", names, want)
		}
	})
}

// list pages through a set.
func (f *fixture) list(t *testing.T, scope Scope, w What, limit int) []Deal {
	t.Helper()
	var out []Deal
	seen := map[string]bool{}
	for after := ""; ; {
		p, err := f.Deals(f.ctx, scope, w, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range p.Rows {
			if seen[d.ID+string(d.Cloud)] || len(out) > 0 && d.Since.Before(out[len(out)-1].Since) {
				t.Fatalf("%s: %s comes twice or out of order", w, d.CRMID)
			}
			seen[d.ID+string(d.Cloud)] = true
			out = append(out, d)
		}
		if after = p.Next; after == "" {
			return out
		}
	}
}

func TestEveryExceptionSaysWhySinceWhenAndUntilWhen(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.world(t)
		got := map[string]Deal{}
		for _, d := range f.list(t, Scope{}, WhatJoint, 200) {
			got[d.CRMID] = d
		}
		for crm, want := range map[string]struct {
			place What
			why   string
			due   string
			late  bool
		}{
			"new":        {WhatWaiting, "Not begun: the next look at the deal opens it", "2026-11-30", false},
			"justInTime": {WhatWaiting, "On its way to AWS Partner Central: creating", "2026-11-24", false},
			"lateNone":   {WhatWaiting, "Not begun: the next look at the deal opens it", "2026-11-23", true},
			"azure":      {WhatWaiting, "Microsoft Partner Center is not connected", "2026-11-10", true},
			"blocked":    {WhatBlocked, "To be mended in Salesforce: Postal code", "2026-11-27", false},
			"failed":     {WhatFailed, "AWS said no", "2026-10-30", true},
			"locked":     {WhatLocked, "Project.Title: AWS is reviewing, until it has", "2026-11-23", true},
			"conflict":   {WhatConflict, "Life.Stage: Changed on both sides", "2026-11-24", false},
			"ok":         {WhatCurrent, "As in AWS Partner Central", "", false},
		} {
			d := got[crm]
			if d.Place != want.place || d.Why != want.why || string(d.DueOn) != want.due || d.Late != want.late {
				t.Errorf("%s is %s, %q, due %s, late %v", crm, d.Place, d.Why, d.DueOn, d.Late)
			}
		}
		if d := got["locked"]; !d.Since.Equal(tuesday.AddDate(0, 0, -15)) || d.OwnerName != "ANN" || !d.RemoteReadAt.Equal(tuesday.Add(-time.Hour)) {
			t.Errorf("%+v", d)
		}
	})
}

func TestTheServiceLevelsAreADirectorsAndInTheAuditLog(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.world(t)
		if err := f.SetLevels(f.ctx, Levels{3, 7}, 0); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("an ABDM: %v", err)
		}
		if err := f.SetLevels(f.director, Levels{0, 366}, 0); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("impossible levels: %v", err)
		}
		if err := f.SetLevels(f.director, Levels{RegisterWorkingDays: 1, UpdateDays: 30}, 0); err != nil {
			t.Fatal(err)
		}
		if err := f.SetLevels(f.director, Levels{2, 2}, 0); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("a stale version: %v", err)
		}
		r, err := f.Report(f.ctx, Scope{}, ByCloud)
		if err != nil || r.Total.LateRegister != 5 || r.Total.LateUpdate != 0 {
			t.Errorf("%+v, %v", r.Total, err)
		}
		log, err := audit.Of(f.ctx, f.db, LevelsSetting, 10)
		if err != nil || len(log) != 1 || log[0].ActorName != "Ada" {
			t.Errorf("audit %+v, %v", log, err)
		}
	})
}

func TestWhatCannotBeAskedIsRefused(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if _, err := f.Report(t.Context(), Scope{}, ByCloud); !problem.Is(err, problem.KindUnauthorized) {
			t.Errorf("nobody: %v", err)
		}
		for _, err := range []error{
			second(f.Deals(f.ctx, Scope{}, "nonsense", "", 0)), second(f.Deals(f.ctx, Scope{}, "", "nonsense", 0)),
			second(f.Deals(f.ctx, Scope{Clouds: []cloud.Cloud{"mars"}}, "", "", 0)), second(f.Deals(f.ctx, Scope{Owners: make([]string, 201)}, "", "", 0)),
		} {
			if !problem.Is(err, problem.KindInvalid) {
				t.Errorf("%v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// BenchmarkCoverageAtAHundredThousand says what the page costs on both databases;
// make bench does not run it: go test -run - -bench Coverage ./internal/domain/coverage.
func BenchmarkCoverageAtAHundredThousand(b *testing.B) {
	for name, open := range map[string]func(testing.TB, fs.FS) *db.DB{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, open(b, schema.Migrations()))
			fill(b, f)
			measure(b, f)
		})
	}
}

// fill makes 100,000 deals, half of them joint and registered, with records as long
// as a portal's.
func fill(b *testing.B, f *fixture) {
	const n = 100_000
	record := strings.Repeat("x", 8000)
	for from := 0; from < n; from += 1000 {
		f.tx(b, func(tx *db.Tx) error {
			var opps []opportunity.Opportunity
			for i := from; i < from+1000; i++ {
				opps = append(opps, opportunity.Opportunity{
					CRMID: fmt.Sprint(i), Name: "D", Region: fmt.Sprint("R", i%12), OwnerCRMID: fmt.Sprint("O", i%150), OwnerName: fmt.Sprint("O", i%150),
					Stage: fmt.Sprint(i%8, "-Stage"), Closed: i%3 == 0, CRMModstamp: tx.Now(), Description: record[:500],
				})
			}
			made, err := opportunity.Import(f.ctx, tx, opps)
			if err != nil {
				return err
			}
			for i := range made {
				if i%2 == 1 {
					continue
				}
				if _, err := tx.Exec(f.ctx, `INSERT INTO opportunity_cloud (opportunity_id, cloud, joint, source, why, decided_at) VALUES (?, 'aws', ?, 'rule', 'x', ?)`, made[i].ID, true, tuesday.Add(-time.Duration(from+i)*time.Minute)); err != nil {
					return err
				}
				state := []string{"approved", "in_review", "blocked", "approved", "approved", "failed"}[i/2%6]
				if _, err := tx.Exec(f.ctx, `INSERT INTO registration (id, opportunity_id, cloud, state, remote_record, state_at, created_at, updated_at, outgoing, stale_since) VALUES (?, ?, 'aws', ?, ?, ?, ?, ?, ?, ?)`,
					"reg_"+made[i].ID, made[i].ID, state, record, tx.Now(), tx.Now(), tx.Now(), i/2%4/3, tuesday.Add(-time.Duration(from+i)*time.Minute)); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func measure(b *testing.B, f *fixture) {
	p, err := f.Deals(f.ctx, Scope{}, WhatExceptions, "", 200)
	if err != nil {
		b.Fatal(err)
	}
	for what, fn := range map[string]func() error{
		"report":                  func() error { return second(f.Report(f.ctx, Scope{}, ByRegion)) },
		"report of one owner":     func() error { return second(f.Report(f.ctx, Scope{Owners: []string{"O7"}}, ByRegion)) },
		"exceptions":              func() error { return second(f.Deals(f.ctx, Scope{}, WhatExceptions, "", 50)) },
		"exceptions, second page": func() error { return second(f.Deals(f.ctx, Scope{}, WhatExceptions, p.Next, 50)) },
	} {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				if err := fn(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
