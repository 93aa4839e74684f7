package registration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type dbTx = db.Tx

func passing(r problem.Retry, after time.Duration) error {
	return problem.FromRemote(problem.Remote{System: "aws", Operation: "Call", Code: "Code_" + string(r), Status: 503, Retry: r, RetryAfter: after}, "trouble", nil)
}

// once makes trouble at the n-th call of op (from 1), and never again.
func once(op string, n int, f fault) func(string) *fault {
	return func(got string) *fault {
		if got != op && op != "" {
			return nil
		}
		if n--; n != 0 {
			return nil
		}
		return &f
	}
}

// settle lets time pass until nothing is due but the review, with a person who
// retries what failed.
func (f *fixture) settle(t *testing.T) Registration {
	t.Helper()
	for range 40 {
		r := f.reg(t)
		switch {
		case r.State == StateFailed:
			if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, false); err != nil {
				t.Fatal(err)
			}
		case r.State == StateSubmitted && r.Error == "":
			return r
		default:
			f.due(t)
		}
	}
	t.Fatalf("it does not settle: %+v", f.reg(t))
	return Registration{}
}

// one says that all is as if nothing had happened.
func (f *fixture) one(t *testing.T) {
	t.Helper()
	r := f.settle(t)
	events := strings.Join(strings.Fields(strings.ReplaceAll(f.events(t), "failed", "")), " ")
	if f.p.count() != 1 || events != "registered submitted" || f.p.records[r.RemoteID] == nil || r.Attempts != 0 {
		t.Fatalf("%d records, told %q, %+v", f.p.count(), events, r)
	}
	if got := strings.Join(f.p.records[r.RemoteID].solutions, " "); got != "S-1" {
		t.Fatalf("linked %q", got)
	}
}

func (f *fixture) prepare(t *testing.T) {
	t.Helper()
	if err := f.SetDefaults(f.ctx, DefaultSolutions{cloud.AWS: {"S-1"}}, 0); err != nil {
		t.Fatal(err)
	}
	f.take(t, good())
}

func TestWhereARefusalAtEachStepLeaves(t *testing.T) {
	t.Parallel()
	at := map[string]State{"Create": StateCreating, "Associate": StateCreated, "Submit": StateAssociated, "TaskStatus": StateSubmitting, "Read": StateSubmitting}
	back := map[State]State{StateCreating: StateChecking, StateCreated: StateCreated, StateAssociated: StateCreated, StateSubmitting: StateSubmitting}
	classes := []struct {
		name string
		err  error
		wait time.Duration // 0: for a person
	}{
		{"soon", passing(problem.RetrySoon, 0), pace.Retry},
		{"soon with a wait", passing(problem.RetrySoon, time.Minute), time.Minute},
		{"later", passing(problem.RetryLater, time.Hour), time.Hour},
		{"reauth", passing(problem.RetryReauth, 0), pace.Retry},
		{"unknown", passing(problem.RetryUnsure, 0), pace.Retry},
		{"unknown, and it acted", passing(problem.RetryUnsure, 0), pace.Retry},
		{"human", passing(problem.RetryHuman, 0), 0},
		{"not found", problem.NotFound("record", "O1"), pace.Retry},
		{"plain", errors.New("no route to host"), pace.Retry},
	}
	each := func(t *testing.T, d *db.DB) {
		for op, state := range at {
			for i, c := range classes {
				// One database for all: each case has a deal of its own.
				f := newFixture(t, d)
				name := fmt.Sprintf("%s %s", op, c.name)
				if err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
					for _, table := range []string{"activity", "registration", "opportunity_cloud", "opportunity", "setting"} {
						if _, err := tx.Exec(f.ctx, `DELETE FROM `+table); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				f.prepare(t)
				f.p.trouble = once(op, 1, fault{err: c.err, acts: i == 5})
				r := f.advance(t)
				if c.wait == 0 {
					if r.State != StateFailed || r.FailedFrom != back[state] || !r.DueAt.IsZero() || !r.CRMDirty || r.Reason != "Refused by AWS Partner Central" {
						t.Fatalf("%s: %+v", name, r)
					}
					if got := f.events(t); !strings.HasSuffix(got, "failed") {
						t.Fatalf("%s: told %q", name, got)
					}
				} else if r.State != state || !r.DueAt.Equal(f.clock.Now().Add(c.wait)) {
					t.Fatalf("%s: %s due in %s", name, r.State, r.DueAt.Sub(f.clock.Now()))
				}
				if r.Attempts != 1 || r.Error == "" || r.ErrorCode == "" {
					t.Fatalf("%s: %+v", name, r)
				}
				if again := f.advance(t); again.Version != r.Version {
					t.Fatalf("%s: it does not wait", name)
				}
				f.one(t)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); each(t, dbtest.SQLite(t, schema.Migrations())) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); each(t, dbtest.Postgres(t, schema.Migrations())) })
}

func TestWaitsGrowAndAreBoundAndAPassingErrorNeverFails(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.prepare(t)
		f.p.trouble = func(string) *fault { return &fault{err: passing(problem.RetrySoon, 0)} }
		f.advance(t)
		want := pace.Retry
		for i := range 30 {
			r := f.reg(t)
			if r.State != StateCreating || r.Attempts != int64(i+1) || r.DueAt.Sub(f.clock.Now()) != want {
				t.Fatalf("attempt %d: %s, due in %s, want %s", i+1, r.State, r.DueAt.Sub(f.clock.Now()), want)
			}
			want = min(2*want, pace.Max)
			f.due(t)
		}
		f.p.trouble = nil
		f.one(t)
	})
}

func TestARecordThatStaysLostIsForAPerson(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.prepare(t)
		f.want(t, f.advance(t), StateSubmitted)
		f.p.trouble = func(string) *fault { return &fault{err: problem.NotFound("record", "O1")} }
		for range 4 {
			f.want(t, f.due(t), StateSubmitted)
		}
		r := f.due(t)
		f.want(t, r, StateFailed)
		if r.FailedFrom != StateSubmitted || r.RemoteID == "" {
			t.Fatalf("%+v", r)
		}
		f.p.trouble = nil
		f.one(t)
	})
}

func TestARefusalForGoodAfterAnUnknownOutcomeMakesNoSecondRecord(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.prepare(t)
		f.p.trouble = once("Create", 1, fault{acts: true, err: passing(problem.RetryUnsure, 0)})
		f.advance(t)
		f.p.trouble = once("Find", 1, fault{err: passing(problem.RetryHuman, 0)})
		f.want(t, f.due(t), StateFailed)
		f.p.trouble = nil
		f.p.took()
		// Mended and retried by a person: the payload is another one.
		mended := good()
		mended.Description = "They need it very much."
		f.take(t, mended)
		f.one(t)
		if got := f.p.took(); !strings.HasPrefix(got, "Find") || strings.Contains(got, "Create") {
			t.Fatalf("the portal was asked %q", got)
		}
	})
}

func TestARefusalForGoodAfterASubmissionOfUnknownOutcomeSubmitsOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.prepare(t)
		f.p.trouble = once("Submit", 1, fault{acts: true, err: passing(problem.RetryUnsure, 0)})
		f.want(t, f.advance(t), StateAssociated)
		f.p.trouble = once("Submit", 1, fault{err: passing(problem.RetryHuman, 0)})
		f.want(t, f.due(t), StateFailed)
		f.p.trouble = nil
		f.one(t)
		if len(f.p.tasks) != 1 {
			t.Fatalf("%d submissions", len(f.p.tasks))
		}
	})
}

func TestAMendedDealIsSentAnewUnderANewToken(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.prepare(t)
		f.p.trouble = once("Create", 1, fault{err: passing(problem.RetryHuman, 0)})
		f.want(t, f.advance(t), StateFailed)
		mended := good()
		mended.Description = "Mended."
		f.take(t, mended)
		f.want(t, f.reg(t), StateFailed) // only a person leaves it
		f.one(t)
		for _, c := range f.p.creates {
			if !strings.Contains(c[0], "Mended.") {
				t.Fatalf("sent %s", c[0])
			}
		}
	})
}

func TestASubmissionThatFailedIsMadeAnewAndAnotherIsOnlyAskedAfter(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.prepare(t)
		f.p.taskFails = true
		r := f.advance(t)
		f.want(t, r, StateFailed)
		if r.FailedFrom != StateCreated || r.ErrorCode != "OpportunityValidationFailed" {
			t.Fatalf("%+v", r)
		}
		f.p.taskFails = false
		f.one(t)
	})
}

// kill runs one Advance that dies at the n-th call of the portal, and says
// whether it got that far.
func (f *fixture) kill(t *testing.T, n int, how fault) (died bool) {
	t.Helper()
	ctx := f.ctx
	if !how.panics {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		how.cancel = cancel
	}
	f.p.trouble = once("", n, how)
	defer func() {
		f.p.trouble = nil
		if e := recover(); e != nil {
			died = true
		}
	}()
	err := f.Advance(ctx, f.reg(t).ID)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return err != nil
}

func TestKilledBetweenAnyTwoStepsItGoesOnAsIfNothingHadHappened(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for _, how := range []fault{{panics: true}, {panics: true, acts: true}, {}, {acts: true}} {
			for n := 1; ; n++ {
				fresh := newFixture(t, f.db)
				if err := fresh.db.InTx(fresh.ctx, fresh.clock, func(tx *db.Tx) error {
					for _, table := range []string{"activity", "registration", "opportunity_cloud", "opportunity", "setting"} {
						if _, err := tx.Exec(fresh.ctx, `DELETE FROM `+table); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				fresh.prepare(t)
				died := fresh.kill(t, n, how)
				fresh.one(t)
				if !died {
					if n < 5 {
						t.Fatalf("only %d calls were killed", n-1)
					}
					break
				}
			}
		}
	})
}

// Whatever goes wrong, whenever: never two records for one registration, states
// move along the table only, each event is told once, and when the trouble ends
// all is well.
func TestAnyTroubleEndsWell(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, d *db.DB, checks int) {
		serial := 0
		rapid.Check(t, func(r *rapid.T) {
			if serial++; serial > checks {
				return
			}
			f := newFixture(t, d)
			if err := f.db.InTx(f.ctx, f.clock, func(tx *db.Tx) error {
				for _, table := range []string{"activity", "registration", "opportunity_cloud", "opportunity", "setting"} {
					if _, err := tx.Exec(f.ctx, `DELETE FROM `+table); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				r.Fatal(err)
			}
			f.prepare(t)
			f.p.taskSlow = rapid.IntRange(0, 2).Draw(r, "slow")
			last := f.reg(t)
			note := func(what string) {
				now := f.reg(t)
				if f.p.count() > 1 {
					r.Fatalf("%s: %d records", what, f.p.count())
				}
				if now.State != last.State && !path(last.State, now.State) {
					r.Fatalf("%s: %s became %s", what, last.State, now.State)
				}
				last = now
			}
			retries := []problem.Retry{problem.RetrySoon, problem.RetryLater, problem.RetryReauth, problem.RetryUnsure, problem.RetryHuman}
			for range rapid.IntRange(1, 12).Draw(r, "turns") {
				how := fault{acts: rapid.Bool().Draw(r, "acts")}
				n := rapid.IntRange(1, 6).Draw(r, "call")
				switch what := rapid.SampledFrom([]string{"error", "error", "panic", "cancel", "task fails", "person", "mended", "time"}).Draw(r, "what"); what {
				case "error":
					retry := rapid.SampledFrom(retries).Draw(r, "retry")
					if retry == problem.RetryHuman {
						how.acts = false // a refusal for good did nothing
					}
					how.err = passing(retry, 0)
					f.p.trouble = once("", n, how)
					f.advance(t)
					f.p.trouble = nil
					note(what)
				case "panic":
					how.panics = true
					f.kill(t, n, how)
					note(what)
				case "cancel":
					f.kill(t, n, how)
					note(what)
				case "task fails":
					f.p.taskFails = !f.p.taskFails
				case "person":
					if _, _, err := f.Register(f.ctx, f.opp.ID, cloud.AWS, false); err != nil {
						r.Fatal(err)
					}
					note(what)
				case "mended":
					o := good()
					o.Description = fmt.Sprint("text ", n)
					f.take(t, o)
					note(what)
				case "time":
					f.clock.Advance(time.Duration(n) * time.Minute)
				}
			}
			f.p.taskFails = false
			f.one(t)
		})
	}
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); run(t, dbtest.SQLite(t, schema.Migrations()), 100) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); run(t, dbtest.Postgres(t, schema.Migrations()), 30) })
}

// path says whether moves along the table lead from one state to another.
func path(from, to State) bool {
	seen := map[State]bool{}
	var walk func(State) bool
	walk = func(s State) bool {
		if s == to {
			return true
		}
		if seen[s] {
			return false
		}
		seen[s] = true
		for _, next := range moves[s] {
			// Within one look the engine never leaves failed.
			if next == to || next != StateFailed && walk(next) {
				return true
			}
		}
		return false
	}
	return walk(from)
}
