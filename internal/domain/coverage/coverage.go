// Package coverage answers "is every joint opportunity registered, and is every
// registered one up to date?": the figures by cloud, region and person, the deals
// behind each figure, and the service levels that say what is late.
package coverage

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// LevelsSetting is the name under which the service levels are kept.
const LevelsSetting = "service_levels"

// Levels are the service levels: within how many working days (Monday to Friday,
// UTC) of becoming joint a deal has to be with the partner, and within how many
// days a change of ours has to be in the portal.
type Levels struct {
	RegisterWorkingDays int `json:"register_working_days"`
	UpdateDays          int `json:"update_days"`
}

// DefaultLevels hold until a Director changes them.
func DefaultLevels() Levels { return Levels{RegisterWorkingDays: 5, UpdateDays: 14} }

// Validate reports every level that cannot be.
func (l Levels) Validate() error {
	var bad problem.List
	if l.RegisterWorkingDays < 1 || l.RegisterWorkingDays > 60 {
		bad.Add("register_working_days", "out_of_range", "Use 1 to 60 working days")
	}
	if l.UpdateDays < 1 || l.UpdateDays > 365 {
		bad.Add("update_days", "out_of_range", "Use 1 to 365 days")
	}
	return bad.Err()
}

// What names a set of deals: a figure of the page is the size of one.
type What string

// The sets. Registered, Blocked, Failed and Waiting part WhatJoint; WhatCurrent to
// WhatRefused part WhatRegistered; a deal counts in the first of conflict, refused,
// locked and outgoing that it is in. The late ones lie across.
const (
	WhatExceptions   What = "exceptions"    // all that a person should look at
	WhatJoint        What = "joint"         // open, joint, and the rule says: register
	WhatRegistered   What = "registered"    // with the partner, whatever it said
	WhatBlocked      What = "blocked"       // fields to mend first
	WhatFailed       What = "failed"        // the portal refused for good
	WhatWaiting      What = "waiting"       // on the way, or its portal is not connected
	WhatUnregistered What = "unregistered"  // blocked, failed or waiting
	WhatLateRegister What = "late_register" // not registered, past the service level
	WhatCurrent      What = "current"       // the portal knows all that we know
	WhatOutgoing     What = "outgoing"      // a change waits to be sent
	WhatLocked       What = "locked"        // a change waits for the partner's lock
	WhatConflict     What = "conflict"      // both sides changed a field
	WhatRefused      What = "refused"       // the portal refuses a value
	WhatLateUpdate   What = "late_update"   // a change of ours is not there, past the service level
)

// Whats lists the sets.
func Whats() []What {
	return []What{
		WhatExceptions, WhatJoint, WhatRegistered, WhatBlocked, WhatFailed, WhatWaiting, WhatUnregistered, WhatLateRegister,
		WhatCurrent, WhatOutgoing, WhatLocked, WhatConflict, WhatRefused, WhatLateUpdate,
	}
}

// Label is the set in words.
func (w What) Label() string {
	switch w {
	case WhatExceptions:
		return "Exceptions"
	case WhatJoint:
		return "Joint, to be registered"
	case WhatRegistered:
		return "Registered"
	case WhatBlocked:
		return "Blocked"
	case WhatFailed:
		return "Failed"
	case WhatWaiting:
		return "Waiting"
	case WhatUnregistered:
		return "Not registered"
	case WhatLateRegister:
		return "Late to register"
	case WhatCurrent:
		return "Up to date"
	case WhatOutgoing:
		return "Update waiting"
	case WhatLocked:
		return "Held by a lock"
	case WhatConflict:
		return "In conflict"
	case WhatRefused:
		return "Refused"
	case WhatLateUpdate:
		return "Late to update"
	}
	return string(w)
}

// Scope narrows what is counted and listed. Within a filter the values are
// alternatives; empty filters nothing. A region or owner of "" is the deals that
// have none.
type Scope struct {
	Clouds  []cloud.Cloud
	Regions []string
	Owners  []string // CRM ids
}

// Validate reports what cannot be asked.
func (s Scope) Validate() error {
	var bad problem.List
	for _, c := range s.Clouds {
		if !c.Valid() {
			bad.Add("cloud", "unknown_cloud", fmt.Sprintf("%q is not a cloud: use aws, azure or gcp", c))
		}
	}
	if len(s.Regions)+len(s.Owners) > 200 {
		bad.Add("filter", "too_many", "Use at most 200 values in all filters together")
	}
	return bad.Err()
}

// By says by what the figures are laid out.
type By string

// The ways to lay out.
const (
	ByCloud  By = "cloud"
	ByRegion By = "region"
	ByOwner  By = "owner"
)

// Figures are the sizes of the sets. OldestRead is the oldest time at which the
// portal's truth about a registered deal was read, zero when one never was.
type Figures struct {
	Joint        int64     `json:"joint"`
	Registered   int64     `json:"registered"`
	Blocked      int64     `json:"blocked"`
	Failed       int64     `json:"failed"`
	Waiting      int64     `json:"waiting"`
	LateRegister int64     `json:"late_register"`
	Current      int64     `json:"current"`
	Outgoing     int64     `json:"outgoing"`
	Locked       int64     `json:"locked"`
	Conflict     int64     `json:"conflict"`
	Refused      int64     `json:"refused"`
	LateUpdate   int64     `json:"late_update"`
	OldestRead   time.Time `json:"oldest_read"`
}

func (f *Figures) add(x *groupRow) {
	f.Joint += x.Count
	if !slices.Contains(registeredStates(), x.State) {
		switch x.State {
		case registration.StateBlocked, registration.StateOffRoute:
			f.Blocked += x.Count
		case registration.StateFailed:
			f.Failed += x.Count
		default:
			f.Waiting += x.Count
		}
		if x.LateJoint {
			f.LateRegister += x.Count
		}
		return
	}
	f.Registered += x.Count
	switch x.Fresh {
	case WhatConflict:
		f.Conflict += x.Count
	case WhatRefused:
		f.Refused += x.Count
	case WhatLocked:
		f.Locked += x.Count
	case WhatOutgoing:
		f.Outgoing += x.Count
	default:
		f.Current += x.Count
	}
	if x.LateChange {
		f.LateUpdate += x.Count
	}
	if !x.OldestRead.IsZero() && (f.OldestRead.IsZero() || x.OldestRead.Before(f.OldestRead)) {
		f.OldestRead = x.OldestRead
	}
}

// Of gives the size of a set; that of WhatExceptions is not kept.
func (f *Figures) Of(w What) int64 {
	switch w {
	case WhatJoint:
		return f.Joint
	case WhatRegistered:
		return f.Registered
	case WhatBlocked:
		return f.Blocked
	case WhatFailed:
		return f.Failed
	case WhatWaiting:
		return f.Waiting
	case WhatUnregistered:
		return f.Joint - f.Registered
	case WhatLateRegister:
		return f.LateRegister
	case WhatCurrent:
		return f.Current
	case WhatOutgoing:
		return f.Outgoing
	case WhatLocked:
		return f.Locked
	case WhatConflict:
		return f.Conflict
	case WhatRefused:
		return f.Refused
	case WhatLateUpdate:
		return f.LateUpdate
	}
	return 0
}

// Line is the figures of one cloud, region or person. Key is its value as a
// filter of Scope.
type Line struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Figures
}

// Report is the figures as of an instant.
type Report struct {
	At     time.Time
	Levels Levels
	Total  Figures
	Lines  []Line
	// Regions and Owners are what occurs in the scope, for filters.
	Regions []string
	Owners  []Line
}

// Service is the reads of coverage, and its setting.
type Service struct {
	db    *db.DB
	clock clock.Clock
	rule  func(ctx context.Context, q db.Queryer) (*opportunity.Matcher, error)
	ready func(c cloud.Cloud) bool
}

// NewService gives the use cases on a database. rule gives the joint rule in
// force; ready says whether a cloud's portal is connected.
func NewService(d *db.DB, c clock.Clock, rule func(ctx context.Context, q db.Queryer) (*opportunity.Matcher, error), ready func(cloud.Cloud) bool) *Service {
	return &Service{db: d, clock: c, rule: rule, ready: ready}
}

// Levels gives the service levels and the setting's version. Needs read.
func (s *Service) Levels(ctx context.Context) (Levels, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Levels{}, setting.Row{}, err
	}
	return setting.Load(ctx, s.db, LevelsSetting, DefaultLevels())
}

// SetLevels changes the service levels that were at version when the person read
// them; the change stands in the audit log. Needs change_settings.
func (s *Service) SetLevels(ctx context.Context, l Levels, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if err := l.Validate(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return setting.Save(ctx, tx, LevelsSetting, l, version, actor.Name) })
}

// asked is what all statements need beside the scope: what is excluded by the
// joint rule, and from when on something is late.
type asked struct {
	scope         Scope
	levels        Levels
	now           time.Time
	excluded      map[cloud.Cloud][]string // stages that are not registered
	jointBefore   time.Time                // joint before it and not registered is late
	changedBefore time.Time                // changed before it and not in the portal is late
}

func (s *Service) ask(ctx context.Context, scope Scope) (asked, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return asked{}, err
	}
	if err := scope.Validate(); err != nil {
		return asked{}, err
	}
	levels, _, err := setting.Load(ctx, s.db, LevelsSetting, DefaultLevels())
	if err != nil {
		return asked{}, err
	}
	a := asked{scope: scope, levels: levels, now: s.clock.Now(), excluded: map[cloud.Cloud][]string{}}
	a.jointBefore = date.Of(a.now.UTC()).LastBefore(levels.RegisterWorkingDays).AddDays(1).Time()
	a.changedBefore = a.now.AddDate(0, 0, -levels.UpdateDays)
	m, err := s.rule(ctx, s.db)
	if err != nil {
		return a, err
	}
	stages, err := openStages(ctx, s.db)
	if err != nil {
		return a, err
	}
	for _, stage := range stages {
		for _, c := range cloud.All() {
			if ok, _ := m.Registrable(&opportunity.Opportunity{Stage: stage}, c); !ok {
				a.excluded[c] = append(a.excluded[c], stage)
			}
		}
	}
	return a, nil
}

// Report gives the figures. Needs read.
func (s *Service) Report(ctx context.Context, scope Scope, by By) (Report, error) {
	a, err := s.ask(ctx, scope)
	if err != nil {
		return Report{}, err
	}
	rows, err := groups(ctx, s.db, &a)
	if err != nil {
		return Report{}, err
	}
	r := Report{At: a.now, Levels: a.levels}
	lines, owners, regions := map[string]*Line{}, map[string]*Line{}, map[string]bool{}
	line := func(in map[string]*Line, key, label string) *Line {
		if in[key] == nil {
			in[key] = &Line{Key: key, Label: label}
		}
		return in[key]
	}
	for i := range rows {
		x := &rows[i]
		r.Total.add(x)
		key, label := string(x.Cloud), x.Cloud.Label()
		switch by {
		case ByRegion:
			key, label = x.Region, x.Region
		case ByOwner:
			key, label = x.OwnerCRMID, x.OwnerName
		}
		line(lines, key, label).add(x)
		line(owners, x.OwnerCRMID, x.OwnerName).add(x)
		regions[x.Region] = true
	}
	r.Lines, r.Owners = sorted(lines, by), sorted(owners, ByOwner)
	for region := range regions {
		r.Regions = append(r.Regions, region)
	}
	slices.Sort(r.Regions)
	return r, nil
}

// sorted lays lines out: clouds in their order, others by name, those without one
// last.
func sorted(lines map[string]*Line, by By) []Line {
	out := make([]Line, 0, len(lines))
	for _, l := range lines {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Line) int {
		switch {
		case by == ByCloud:
			return slices.Index(cloud.All(), cloud.Cloud(a.Key)) - slices.Index(cloud.All(), cloud.Cloud(b.Key))
		case (a.Label == "") != (b.Label == ""):
			return len(b.Label) - len(a.Label)
		}
		if n := strings.Compare(strings.ToLower(a.Label), strings.ToLower(b.Label)); n != 0 {
			return n
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out
}

// registeredStates are those in which a deal is with the partner.
func registeredStates() []registration.State {
	return []registration.State{
		registration.StateSubmitted, registration.StateInReview, registration.StateActionRequired, registration.StateApproved,
		registration.StateRejected, registration.StateLaunched, registration.StateClosedLost,
	}
}
