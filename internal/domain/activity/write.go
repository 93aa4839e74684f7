package activity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// Remote is a Task or Event as Salesforce holds it.
type Remote struct {
	Object     Object
	CRMID      string
	Key        string // our external id, "" on what was made there
	WhatCRMID  string // the record that it is about
	Kind       Kind
	Face       Face
	Done       bool // a Task that is closed; an Event always
	Deleted    bool
	Hidden     bool   // private, or an invitee's copy: not for the team's eyes
	WhoCRMID   string // the contact that it is about
	WhoName    string
	OwnerName  string
	MadeBy     string
	ChangedBy  string
	HappenedAt time.Time
	MadeAt     time.Time
	Stamp      time.Time
}

// Due is a recorded activity that Salesforce has not got as it is.
type Due struct {
	Activity
	WhatCRMID    string `db:"what_crm_id"`    // of the opportunity, else of the account
	AccountCRMID string `db:"account_crm_id"` // whose contacts are likely meant
}

// Write is what one record shall be made. CRMID "" creates it under its Key; else Parts
// of Face are changed, if nobody changed the record after Since. Lines stand below the
// notes; with People the attendees are written, too, and those Gone are taken off.
type Write struct {
	ActivityID   string
	Version      int64
	Object       Object
	Kind         Kind
	Key          string
	WhatCRMID    string
	AccountCRMID string
	Face         Face
	Parts        []Part
	Past         bool // its day has come: a Task is completed
	Lines        []string
	People       bool
	Attendees    []Attendee
	Gone         []Attendee
	Delete       bool
	CRMRef
}

// Written is how one write went. Now is the record afterwards, nil if it is not there;
// it may be there although the write was refused. Lost says that it was refused because
// a record that it is about is not there.
type Written struct {
	Now  *Remote
	Lost bool
	Err  error
}

// CancelMode says what becomes of the record of a cancelled activity.
type CancelMode string

// The modes.
const (
	CancelMark   CancelMode = "mark"   // it stays, with a subject that says so
	CancelDelete CancelMode = "delete" // it goes to Salesforce's recycle bin
)

// CancelSetting is the name under which the mode is kept.
const CancelSetting = "activity_cancel"

type cancelRow struct {
	Mode CancelMode `json:"mode"`
}

// CancelMode gives what becomes of the records of cancelled activities. Needs read.
func (s *Service) CancelMode(ctx context.Context) (CancelMode, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return "", setting.Row{}, err
	}
	v, row, err := setting.Load(ctx, s.db, CancelSetting, cancelRow{CancelMark})
	return v.Mode, row, err
}

// SetCancelMode changes what becomes of the records of activities that are cancelled
// from now on. version is the one the person saw. Needs change_settings.
func (s *Service) SetCancelMode(ctx context.Context, m CancelMode, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if m != CancelMark && m != CancelDelete {
		return problem.Invalid("mode", "unknown_mode", "Choose mark or delete")
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return setting.Save(ctx, tx, CancelSetting, cancelRow{m}, version, actor.Name)
	})
}

// Due gives recorded activities, at most limit, that Salesforce has not got as they are.
func (s *Service) Due(ctx context.Context, limit int) ([]Due, error) { return due(ctx, s.db, limit) }

// Plan merges each activity with what Salesforce holds of it (by key) and gives what is
// to be written there. What was changed on both sides waits for a person; what nothing
// is to be written of is settled here.
func (s *Service) Plan(ctx context.Context, list []Due, found map[string]Remote) ([]Write, error) {
	var out []Write
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		out, err = s.planAll(ctx, tx, list, found)
		return err
	})
	return out, err
}

// errTried takes back what was only tried.
var errTried = errors.New("only tried")

// TryPlan gives what Plan would, and changes nothing.
func (s *Service) TryPlan(ctx context.Context, list []Due, found map[string]Remote) ([]Write, error) {
	var out []Write
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if out, err = s.planAll(ctx, tx, list, found); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return out, err
}

func (s *Service) planAll(ctx context.Context, tx *db.Tx, list []Due, found map[string]Remote) ([]Write, error) {
	var out []Write
	mode, _, err := setting.Load(ctx, tx, CancelSetting, cancelRow{CancelMark})
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		now, err := ByID(ctx, tx, d.ID)
		if err != nil {
			return nil, err
		}
		if now.Version != d.Version {
			continue // changed since: the next round takes it as it is now
		}
		var there *Remote
		if r, ok := found[d.CRMKey]; ok {
			there = &r
		}
		w, err := s.plan(ctx, tx, &d, there, mode.Mode)
		if err != nil {
			return nil, err
		}
		if w != nil {
			out = append(out, *w)
		}
	}
	return out, nil
}

func (s *Service) plan(ctx context.Context, tx *db.Tx, d *Due, there *Remote, mode CancelMode) (*Write, error) {
	a := &d.Activity
	switch {
	case there == nil && a.CRMTaskID == "" && a.Cancelled():
		a.CRMState = CRMStateNone // it never got there
		return nil, update(ctx, tx, a)
	case there == nil && a.CRMTaskID == "":
		w := s.write(tx, d, CRMRef{})
		w.Parts, w.People = Parts(), true
		a.Agreed.V = &Agreement{Face: w.Face}
		return s.send(ctx, tx, a, w)
	case there == nil || there.Deleted:
		return nil, s.gone(ctx, tx, a)
	}
	a.CRMTaskID = there.CRMID
	agreed := a.agreement()
	agreed.arrived(there.Face)
	base, ours := agreed.Face, a.Face()
	mine, theirs := Changes(base, ours), Changes(base, there.Face)
	var both, adopted []Part
	for _, p := range theirs {
		switch {
		case !slices.Contains(mine, p):
			adopted = append(adopted, p)
		case p.differs(ours, there.Face):
			both = append(both, p)
		}
	}
	if err := s.adopt(ctx, tx, a, adopted, there); err != nil {
		return nil, err
	}
	if len(both) > 0 {
		a.CRMState = CRMStateConflict
		a.CRMError = fmt.Sprintf("Changed here and by %s in Salesforce: %s", there.ChangedBy, describe(both, there.Face, a.Face()))
		a.Theirs.V = &TheirChange{Face: there.Face, Parts: both, OwnerName: there.OwnerName, By: there.ChangedBy, At: there.Stamp}
		if err := s.tellAs(ctx, tx, a, authz.KindIntegration, there.ChangedBy, "conflict", "changed it in Salesforce meanwhile", describe(both, base, there.Face)); err != nil {
			return nil, err
		}
		return nil, update(ctx, tx, a)
	}
	w := s.write(tx, d, CRMRef{CRMID: there.CRMID, WhoCRMID: there.WhoCRMID, Since: there.Stamp})
	for _, p := range mine {
		if p.differs(a.Face(), there.Face) {
			w.Parts = append(w.Parts, p)
		}
	}
	w.Gone, w.People = a.partedFrom()
	w.Delete = a.Cancelled() && mode == CancelDelete
	if len(w.Parts) == 0 && !w.People && !w.Delete {
		return nil, s.agree(ctx, tx, a, there)
	}
	return s.send(ctx, tx, a, w)
}

// send keeps what is about to be sent: its answer may be lost.
func (s *Service) send(ctx context.Context, tx *db.Tx, a *Activity, w *Write) (*Write, error) {
	a.Agreed.V.Sent = &Sent{Face: w.Face, People: w.People}
	if w.People {
		a.Agreed.V.Sent.Attendees = slices.Concat(w.Attendees, w.Gone)
	}
	err := update(ctx, tx, a)
	w.Version = a.Version
	return w, err
}

// CRMRef is a record that is there, as it was when it was looked at.
type CRMRef struct {
	CRMID    string
	WhoCRMID string
	Since    time.Time
}

func (s *Service) write(tx *db.Tx, d *Due, at CRMRef) *Write {
	w := &Write{
		ActivityID: d.ID, Version: d.Version, Object: d.CRMObject, Kind: d.Kind, Key: d.CRMKey, CRMRef: at, WhatCRMID: d.WhatCRMID, AccountCRMID: d.AccountCRMID,
		Face: d.Face(), Past: d.Cancelled() || !date.Of(tx.Now()).Before(d.On), Attendees: d.Attendees.V,
	}
	if d.CancelReason != "" {
		w.Lines = append(w.Lines, "Cancelled: "+d.CancelReason)
	}
	for _, p := range d.Attendees.V {
		w.Lines = append(w.Lines, p.line())
	}
	return w
}

// line is an attendee as the description names them.
func (p Attendee) line() string {
	out := p.Name
	if p.Email != "" {
		if out != "" {
			out += " "
		}
		out += "<" + p.Email + ">"
	}
	if p.Company != "" {
		out += ", " + p.Company
	}
	return out + " (" + p.Side.Label() + ")"
}

// partedFrom gives who is no attendee any more of those that Salesforce may have, and
// whether anything is to be written about attendees.
func (a *Activity) partedFrom() (gone []Attendee, changed bool) {
	were := slices.Clone(a.Agreed.V.Attendees)
	changed = !slices.Equal(were, a.Attendees.V)
	if sent := a.Agreed.V.Sent; sent != nil && sent.People {
		were, changed = append(were, sent.Attendees...), true
	}
	for _, p := range were {
		same := func(q Attendee) bool { return q.Email == p.Email }
		if !slices.ContainsFunc(a.Attendees.V, same) && !slices.ContainsFunc(gone, same) {
			gone = append(gone, p)
		}
	}
	return gone, changed
}

// adopt takes parts over from Salesforce: nobody here changed them.
func (s *Service) adopt(ctx context.Context, tx *db.Tx, a *Activity, parts []Part, there *Remote) error {
	if len(parts) == 0 {
		return nil
	}
	before := a.Face()
	for _, p := range parts {
		a.take(p, there.Face, there.OwnerName, tx.Now())
	}
	words := describe(parts, before, a.Face())
	if err := s.tellAs(ctx, tx, a, authz.KindIntegration, there.ChangedBy, "adopted", "changed it in Salesforce", words); err != nil {
		return err
	}
	if err := audit.Record(ctx, tx, "activity.adopt", a.ID, map[string]any{"before": before, "after": a.Face(), "by": there.ChangedBy}); err != nil {
		return err
	}
	return s.Changed(ctx, tx, a)
}

// agree notes that both sides hold the same.
func (s *Service) agree(ctx context.Context, tx *db.Tx, a *Activity, there *Remote) error {
	a.Agreed.V = &Agreement{Face: there.Face, Attendees: a.Attendees.V}
	a.CRMState, a.CRMError, a.CRMTaskID, a.CRMStamp, a.GoneAt, a.Done, a.LoggedAt = CRMStateLogged, "", there.CRMID, there.Stamp, time.Time{}, there.Done, tx.Now()
	return update(ctx, tx, a)
}

// gone notes that the record is not there any more: good for one that is cancelled,
// else for a person to decide.
func (s *Service) gone(ctx context.Context, tx *db.Tx, a *Activity) error {
	if a.GoneAt.IsZero() {
		a.GoneAt = tx.Now()
	}
	a.CRMState, a.CRMError = CRMStateLogged, ""
	if !a.Cancelled() {
		a.CRMState = CRMStateFailed
		a.CRMError = fmt.Sprintf("The %s %s was deleted in Salesforce, so your change did not get there (ENTITY_IS_DELETED)", a.CRMObject, a.CRMTaskID)
	}
	return update(ctx, tx, a)
}

// Written keeps how writes went and gives how many were done. A refusal that passes, or
// a record that changed meanwhile, leaves the activity to the next round.
func (s *Service) Written(ctx context.Context, writes []Write, results []Written) (int, error) {
	if len(results) != len(writes) {
		return 0, fmt.Errorf("%d results for %d activities that Salesforce was sent", len(results), len(writes))
	}
	n := 0
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		n = 0
		for i := range writes {
			done, err := s.written(ctx, tx, &writes[i], results[i])
			if err != nil {
				return err
			}
			if done {
				n++
			}
		}
		return nil
	})
	return n, err
}

func (s *Service) written(ctx context.Context, tx *db.Tx, w *Write, res Written) (bool, error) {
	a, err := ByID(ctx, tx, w.ActivityID)
	if err != nil {
		return false, err
	}
	current := a.Version == w.Version
	switch {
	case res.Err == nil && w.Delete:
		a.GoneAt, a.LoggedAt = tx.Now(), tx.Now()
		if current {
			a.CRMState, a.CRMError = CRMStateLogged, ""
		}
		return true, update(ctx, tx, &a)
	case res.Err == nil && res.Now != nil:
		a.Agreed.V = &Agreement{Face: w.Face, Attendees: w.Attendees}
		a.CRMTaskID, a.CRMStamp, a.GoneAt, a.Done, a.LoggedAt = res.Now.CRMID, res.Now.Stamp, time.Time{}, res.Now.Done, tx.Now()
		if !current {
			return true, update(ctx, tx, &a) // a person changed it meanwhile: it is to be merged and written again
		}
		// A rule of the organisation, or somebody since, may have made something else of it.
		if err := s.adopt(ctx, tx, &a, Changes(w.Face, res.Now.Face), res.Now); err != nil {
			return false, err
		}
		a.Agreed.V.Face, a.CRMState, a.CRMError = res.Now.Face, CRMStateLogged, ""
		return true, update(ctx, tx, &a)
	case res.Err != nil && current && problem.RetryOf(res.Err) == problem.RetryHuman:
		a.CRMState, a.CRMError = CRMStateFailed, res.Err.Error()
		if res.Now != nil {
			a.CRMTaskID = res.Now.CRMID
		}
		return false, update(ctx, tx, &a)
	}
	return false, nil
}

// Passing gives the error for which the write has to be tried again, nil for none.
func (r Written) Passing() error {
	if r.Err != nil && problem.RetryOf(r.Err) != problem.RetryHuman {
		return r.Err
	}
	return nil
}
