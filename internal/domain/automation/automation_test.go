package automation

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

type fixture struct {
	*Service
	t                  *testing.T
	clock              *clock.Fake
	director, abdm     context.Context
	system             context.Context
	switched           []FlowID
	wednesday, nextMon time.Time
}

func each(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, schema.Migrations(), func(t *testing.T, d *db.DB) {
		f := &fixture{t: t, wednesday: time.Date(2026, 11, 18, 9, 0, 0, 0, time.UTC), nextMon: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
		f.clock = clock.NewFake(f.wednesday)
		f.Service = NewService(d, f.clock)
		f.SwitchedOn = func(_ context.Context, _ *db.Tx, flows []FlowID) error {
			f.switched = append(f.switched, flows...)
			return nil
		}
		as := func(id, name string, l authz.Level) context.Context {
			return authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: id, Name: name, Level: l})
		}
		f.director, f.abdm = as("usr_1", "Dana", authz.LevelDirector), as("usr_2", "Abel", authz.LevelABDM)
		f.system = authz.With(t.Context(), authz.System)
		test(t, f)
	})
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) at(t time.Time) { f.clock.Advance(t.Sub(f.clock.Now())) }

// did runs a flow that does so much.
func (f *fixture) did(id FlowID, c Counts, err error) {
	f.t.Helper()
	run, off, berr := f.Begin(f.system, id)
	f.must(berr)
	if off != nil {
		f.t.Fatal(off)
	}
	f.must(run.Add(f.system, c))
	if got := run.End(f.system, err); (got == nil) != (err == nil) {
		f.t.Fatalf("End gives %v of %v", got, err)
	}
}

func TestEveryFlowHasItsWordsAndTheirIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[FlowID]bool{}
	for _, f := range Flows() {
		if f.Name == "" || f.Does == "" || f.When == "" || f.Objects == "" || f.OffText == "" || seen[f.ID] {
			t.Errorf("%+v is not whole, or there twice", f)
		}
		seen[f.ID] = true
	}
}

func TestOnlyADirectorSwitchesAndSaysWhy(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if err := f.Pause(f.abdm, "x", 0); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("an ABDM paused everything: %v", err)
		}
		if err := f.Switch(f.director, WriteTasks, false, " ", 0); !problem.Is(err, problem.KindInvalid) {
			t.Errorf("switched off without a reason: %v", err)
		}
		if err := f.Switch(f.director, "make_coffee", false, "x", 0); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("switched a flow off that is not there: %v", err)
		}
		f.must(f.Switch(f.director, WriteTasks, false, "too many", 0))
		if err := f.Switch(f.director, WriteTasks, true, "", 0); !problem.Is(err, problem.KindPrecondition) {
			t.Errorf("switched what had changed meanwhile: %v", err)
		}
		f.must(f.Pause(f.director, "we move", 1))
		state, row, err := f.State(f.abdm)
		f.must(err)
		if off := state.OffOf(ReadRecords); off == nil || !off.All || off.By != "Dana" || off.Why != "we move" || !off.At.Equal(f.wednesday) || row.Version != 2 {
			t.Errorf("paused: %+v, version %d", off, row.Version)
		}
		if len(f.switched) != 0 {
			t.Errorf("%v were switched on", f.switched)
		}
		f.must(f.Resume(f.director, "", 2))
		if len(f.switched) != len(Flows())-1 {
			t.Errorf("the end of the pause switched %v on: all but the one that is off by itself", f.switched)
		}
		f.switched = nil
		f.must(f.Switch(f.director, WriteTasks, true, "", 3))
		if !reflect.DeepEqual(f.switched, []FlowID{WriteTasks}) {
			t.Errorf("switched %v on", f.switched)
		}
		d, err := f.Detail(f.abdm, WriteTasks)
		f.must(err)
		var told []string
		for _, x := range d.Switches {
			told = append(told, fmt.Sprintf("%s %v %v %s", x.By, x.On, x.All, x.Why))
		}
		want := []string{"Dana true false ", "Dana true true ", "Dana false true we move", "Dana false false too many"}
		if !reflect.DeepEqual(told, want) {
			t.Errorf("its history is %q", told)
		}
	})
}

func TestARunIsSummedUpByDayAndOldDaysAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.did(WriteTasks, Counts{}, nil)
		f.did(ReadRecords, Counts{}, nil)
		f.did(WriteTasks, Counts{Looked: 3, Changed: 2, Refused: 1}, nil)
		f.did(WriteTasks, Counts{Looked: 4, Changed: 4}, problem.Unavailable("down", "Salesforce does not answer", nil))
		f.clock.Advance(24 * time.Hour)
		f.did(WriteTasks, Counts{Looked: 1, Changed: 1}, nil)
		all, err := f.Overview(f.abdm)
		f.must(err)
		for _, v := range all.Flows {
			switch v.ID {
			case ReadRecords:
				if v.Runs != 1 || v.Last == nil {
					t.Errorf("a read without news is no run: %+v", v)
				}
			case WriteTasks:
				if v.Runs != 3 || v.Week != (Counts{Looked: 8, Changed: 7, Refused: 1, Failures: 1}) || v.Last.Changed != 1 || v.Last.Message != "" || v.Trouble == nil {
					t.Errorf("%+v", v)
				}
			default:
				if v.Last != nil || v.Runs != 0 {
					t.Errorf("%s ran: %+v", v.ID, v)
				}
			}
		}
		f.clock.Advance((KeepDays + 1) * 24 * time.Hour)
		f.did(WriteTasks, Counts{Looked: 1, Changed: 1}, nil)
		d, err := f.Detail(f.abdm, WriteTasks)
		f.must(err)
		if len(d.Days) != 1 || d.Days[0].On != "2027-02-18" {
			t.Errorf("the days are %+v", d.Days)
		}
	})
}

func TestOnlyTheLatestErrorsOfAFlowAreKept(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for i := range keepTroubles + 10 {
			f.clock.Advance(time.Second)
			f.did(WriteTasks, Counts{}, problem.Unavailable("down", fmt.Sprintf("trouble %d %s", i, strings.Repeat("ü", 2000)), nil))
		}
		d, err := f.Detail(f.abdm, WriteTasks)
		f.must(err)
		if len(d.Troubles) != keepTroubles || !strings.HasPrefix(d.Troubles[0].Message, fmt.Sprintf("trouble %d ", keepTroubles+9)) {
			t.Errorf("%d errors are kept, the first is %.20s", len(d.Troubles), d.Troubles[0].Message)
		}
	})
}

func nothingOpen(context.Context, db.Queryer) ([]FindingLine, error) { return nil, nil }

func TestAWeekHasOneDigestHoweverOftenItIsMade(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if week, err := f.MakeDigest(f.system, nothingOpen); week != "" || err != nil {
			t.Fatalf("a digest of nothing: %s, %v", week, err)
		}
		f.did(WriteTasks, Counts{Looked: 3, Changed: 2, Refused: 1}, nil)
		f.must(f.Switch(f.director, WriteEdits, false, "quarter end", 0))
		f.at(f.nextMon.Add(-time.Minute))
		if week, err := f.MakeDigest(f.system, nothingOpen); week != "" || err != nil {
			t.Fatalf("made before its time: %s, %v", week, err)
		}
		f.at(f.nextMon)
		f.did(WriteTasks, Counts{Looked: 100, Changed: 100}, nil) // of the next week
		var made sync.Map
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				week, err := f.MakeDigest(f.system, func(context.Context, db.Queryer) ([]FindingLine, error) {
					return []FindingLine{{Kind: FindingTagging, What: "Deals tagged wrongly", Count: 7}}, nil
				})
				if err != nil {
					t.Error(err)
				}
				if _, again := made.LoadOrStore(week, true); again && week != "" {
					t.Errorf("%s was made twice", week)
				}
			})
		}
		group.Wait()
		list, err := f.Digests(f.abdm, 10)
		f.must(err)
		if len(list) != 1 || list[0].Week != "2026-W47" || list[0].From != "2026-11-16" || list[0].Last() != "2026-11-22" {
			t.Fatalf("%+v", list)
		}
		c := list[0].Content.V
		if len(c.Off) != 1 || c.Off[0].Flow != WriteEdits || c.Off[0].Why != "quarter end" || len(c.Changes) != 1 || c.Changes[0].By != "Dana" || c.Findings[0].Count != 7 {
			t.Errorf("%+v", c)
		}
		for _, w := range c.Flows {
			if w.Flow == WriteTasks && (w.Runs != 1 || w.Changed != 2 || w.Refused != 1) {
				t.Errorf("%+v", w)
			}
		}
		text := list[0].Text()
		for _, want := range []string{"2026-11-16 to 2026-11-22 (UTC)", "Log co-sell events", "quarter end", "Deals tagged wrongly: 7", "Dana: Switched off: Write edited fields"} {
			if !strings.Contains(text, want) {
				t.Errorf("the text lacks %q:\n%s", want, text)
			}
		}
	})
}

func TestADigestBeginsWhereTheOneBeforeEndedThoughTandemStoodStill(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.did(WriteTasks, Counts{Looked: 1, Changed: 1}, nil)
		f.must(f.SetSchedule(f.director, Schedule{Weekday: time.Friday, Hour: 7, Zone: "Asia/Tokyo"}, 0))
		days := func() (out []string) {
			t.Helper()
			if _, err := f.MakeDigest(f.system, nothingOpen); err != nil {
				t.Fatal(err)
			}
			list, err := f.Digests(f.abdm, 10)
			f.must(err)
			for i := range list {
				out = append(out, fmt.Sprintf("%s %s %s", list[i].Week, list[i].From, list[i].To))
			}
			return out
		}
		f.at(time.Date(2026, 11, 19, 21, 59, 0, 0, time.UTC)) // a minute before seven on Friday in Tokyo
		if got := days(); len(got) != 0 {
			t.Errorf("made before its time: %q", got)
		}
		f.at(time.Date(2026, 11, 19, 22, 0, 0, 0, time.UTC))
		if got := days(); !reflect.DeepEqual(got, []string{"2026-W46 2026-11-13 2026-11-20"}) {
			t.Errorf("%q", got)
		}
		f.at(time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC)) // three Fridays later
		want := []string{"2026-W49 2026-11-20 2026-12-11", "2026-W46 2026-11-13 2026-11-20"}
		if got := days(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q", got)
		}
		_, row, err := f.Schedule(f.abdm)
		f.must(err)
		f.must(f.SetSchedule(f.director, DefaultSchedule(), row.Version))
		f.at(time.Date(2026, 12, 21, 8, 0, 0, 0, time.UTC))
		if got := days(); !reflect.DeepEqual(got, append([]string{"2026-W51 2026-12-11 2026-12-21"}, want...)) {
			t.Errorf("%q", got)
		}
	})
}

func TestADirectorIsToldOfTheLatestDigestUntilTheyReadIt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.did(WriteTasks, Counts{Looked: 1, Changed: 1}, nil)
		f.at(f.nextMon)
		if week, err := f.MakeDigest(f.system, nothingOpen); week == "" || err != nil {
			t.Fatal(week, err)
		}
		for who, ctx := range map[string]context.Context{"an ABDM": f.abdm, "Tandem": f.system, "nobody": t.Context()} {
			if d, err := Unread(ctx, f.db); d != nil || err != nil {
				t.Errorf("%s is told of %v, %v", who, d, err)
			}
		}
		d, err := Unread(f.director, f.db)
		if err != nil || d == nil || d.Week != "2026-W47" {
			t.Fatal(d, err)
		}
		for range 2 {
			f.must(f.MarkRead(f.director, d.Week))
		}
		if d, err := Unread(f.director, f.db); d != nil || err != nil {
			t.Errorf("told again of %v, %v", d, err)
		}
		if err := f.MarkRead(f.director, "2026-W01"); !problem.Is(err, problem.KindNotFound) {
			t.Errorf("read a digest that is not there: %v", err)
		}
	})
}
