package automation

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// Setting is the name under which it is kept what is off.
const Setting = "automation"

// Service is the use cases of automation.
type Service struct {
	db    *db.DB
	clock clock.Clock

	// SwitchedOn plans what waited while flows were off, in the transaction that
	// switches them on.
	SwitchedOn func(ctx context.Context, tx *db.Tx, flows []FlowID) error
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service {
	return &Service{db: d, clock: c, SwitchedOn: func(context.Context, *db.Tx, []FlowID) error { return nil }}
}

// stateOf gives which flows are off.
func stateOf(ctx context.Context, q db.Queryer) (State, setting.Row, error) {
	return setting.Load(ctx, q, Setting, State{})
}

// StateNow gives which flows are off. It is for the flows themselves, and needs
// nobody.
func StateNow(ctx context.Context, q db.Queryer) (State, error) {
	state, _, err := stateOf(ctx, q)
	return state, err
}

// OffNow gives why a flow does not run now; nil: it does. It is for the flows
// themselves, and needs nobody.
func OffNow(ctx context.Context, q db.Queryer, id FlowID) (*Off, error) {
	state, _, err := stateOf(ctx, q)
	if err != nil {
		return nil, err
	}
	return state.OffOf(id), nil
}

// State gives which flows are off, and who changed that last. Needs read.
func (s *Service) State(ctx context.Context) (State, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return State{}, setting.Row{}, err
	}
	return stateOf(ctx, s.db)
}

// maxWhy is how long a reason is at most, in characters.
const maxWhy = 500

// Pause stops everything that Tandem does with Salesforce. version is the one the
// person saw. Needs change_settings.
func (s *Service) Pause(ctx context.Context, why string, version int64) error {
	return s.change(ctx, why, version, true, "automation.pause", "all", func(state *State, c Change) { state.Paused = &c })
}

// Resume ends the pause; flows that are off by themselves stay so. Needs
// change_settings.
func (s *Service) Resume(ctx context.Context, why string, version int64) error {
	return s.change(ctx, why, version, false, "automation.resume", "all", func(state *State, _ Change) { state.Paused = nil })
}

// Switch switches one flow on or off. Off needs a reason. Needs change_settings.
func (s *Service) Switch(ctx context.Context, id FlowID, on bool, why string, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if _, err := FlowOf(id); err != nil {
		return err
	}
	action := "automation.switch_off"
	if on {
		action = "automation.switch_on"
	}
	return s.change(ctx, why, version, !on, action, string(id), func(state *State, c Change) {
		if on {
			delete(state.Off, id)
		} else {
			state.Off[id] = c
		}
	})
}

func (s *Service) change(ctx context.Context, why string, version int64, needsWhy bool, action, subject string, edit func(*State, Change)) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	switch why = strings.TrimSpace(why); {
	case why == "" && needsWhy:
		return problem.Invalid("why", "required", "Say why, for whoever meets what waits")
	case utf8.RuneCountInString(why) > maxWhy:
		return problem.Invalid("why", "too_long", fmt.Sprintf("Use at most %d characters", maxWhy))
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		state, _, err := stateOf(ctx, tx)
		if err != nil {
			return err
		}
		before := State{Paused: state.Paused, Off: maps.Clone(state.Off)}
		if state.Off == nil {
			state.Off = map[FlowID]Change{}
		}
		edit(&state, Change{By: actor.Name, At: tx.Now(), Why: why})
		if err := setting.Save(ctx, tx, Setting, state, version, actor.Name); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, action, subjectOf(subject), map[string]any{"why": why}); err != nil {
			return err
		}
		if on := nowOn(&before, &state); len(on) > 0 {
			return s.SwitchedOn(ctx, tx, on)
		}
		return nil
	})
}

// nowOn gives the flows that were off and are on.
func nowOn(before, after *State) []FlowID {
	var out []FlowID
	for _, f := range Flows() {
		if before.OffOf(f.ID) != nil && after.OffOf(f.ID) == nil {
			out = append(out, f.ID)
		}
	}
	return out
}

// subjectOf is under what the audit log tells of a flow, or of all of them.
func subjectOf(id string) string { return "flow:" + id }

// Switched is one change of what is on.
type Switched struct {
	At  time.Time
	By  string
	On  bool
	All bool
	Why string
}

// Last is a flow's last run. EndedAt is zero while it runs.
type Last struct {
	Flow    FlowID    `db:"flow"`
	BeganAt time.Time `db:"began_at"`
	EndedAt time.Time `db:"ended_at"`
	Message string    `db:"message"` // what ended it, "" for nothing
	Counts
}

// Day is the sums of one day.
type Day struct {
	Flow FlowID    `db:"flow"`
	On   date.Date `db:"day"`
	Runs int64     `db:"runs"`
	Counts
}

// Trouble is an error of a flow: the same one of the same record is one Trouble.
type Trouble struct {
	Flow    FlowID      `db:"flow"`
	Kind    SubjectKind `db:"kind"`
	Subject string      `db:"subject"`
	Message string      `db:"message"`
	Times   int64       `db:"times"`
	FirstAt time.Time   `db:"first_at"`
	LastAt  time.Time   `db:"last_at"`
}

// View is a flow as a person sees it in a list.
type View struct {
	Flow
	Off     *Off
	Last    *Last  // nil: it never ran
	Week    Counts // of the last seven days
	Runs    int64  // in the last seven days
	Trouble *Trouble
	Changed *Switched // who switched it last, nil for nobody
}

// Overview is every flow.
type Overview struct {
	State   State
	Version int64
	Flows   []View
}

// Overview gives every flow with its last run. Needs read.
func (s *Service) Overview(ctx context.Context) (Overview, error) {
	state, row, err := s.State(ctx)
	if err != nil {
		return Overview{}, err
	}
	out := Overview{State: state, Version: row.Version}
	runs, err := lastRuns(ctx, s.db)
	if err != nil {
		return out, err
	}
	zone, err := zoneOf(ctx, s.db)
	if err != nil {
		return out, err
	}
	today := date.Of(s.clock.Now().In(zone))
	week, err := sums(ctx, s.db, today.AddDays(-6), today.AddDays(1))
	if err != nil {
		return out, err
	}
	for _, f := range Flows() {
		v := View{Flow: f, Off: state.OffOf(f.ID)}
		for i := range runs {
			if runs[i].Flow == f.ID {
				v.Last = &runs[i]
			}
		}
		for _, d := range week {
			if d.Flow == f.ID {
				v.Week, v.Runs = d.Counts, d.Runs
			}
		}
		list, err := troubles(ctx, s.db, f.ID, s.clock.Now().AddDate(0, 0, -7), 1)
		if err != nil {
			return out, err
		}
		if len(list) > 0 {
			v.Trouble = &list[0]
		}
		changes, err := s.switches(ctx, f.ID, 1)
		if err != nil {
			return out, err
		}
		if len(changes) > 0 {
			v.Changed = &changes[0]
		}
		out.Flows = append(out.Flows, v)
	}
	return out, nil
}

// Detail is one flow with its history.
type Detail struct {
	View
	Version  int64
	Days     []Day // the last 90, the newest first; one on which nothing happened is not there
	Troubles []Trouble
	Switches []Switched
}

// KeepDays is for how many days the sums of a day are kept.
const KeepDays = 90

// keepTroubles is how many errors of a flow are kept.
const keepTroubles = 50

// Detail gives one flow with its history. Needs read.
func (s *Service) Detail(ctx context.Context, id FlowID) (Detail, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Detail{}, err
	}
	if _, err := FlowOf(id); err != nil {
		return Detail{}, err
	}
	all, err := s.Overview(ctx)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Version: all.Version}
	for _, v := range all.Flows {
		if v.ID == id {
			d.View = v
		}
	}
	if d.Days, err = days(ctx, s.db, id); err != nil {
		return d, err
	}
	if d.Troubles, err = troubles(ctx, s.db, id, time.Unix(0, 0), keepTroubles); err != nil {
		return d, err
	}
	d.Switches, err = s.switches(ctx, id, 50)
	return d, err
}

// switches gives who switched a flow, or everything, newest first.
func (s *Service) switches(ctx context.Context, id FlowID, limit int) ([]Switched, error) {
	rows, err := switchEntries(ctx, s.db, subjectOf(string(id)), subjectOf("all"), limit)
	out := make([]Switched, len(rows))
	for i := range rows {
		out[i] = switchedOf(&rows[i])
	}
	return out, err
}
