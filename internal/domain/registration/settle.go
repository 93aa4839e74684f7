package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// CodeMovedOn is the code of a precondition that no second try can meet: the values
// that somebody decided about are no longer there.
const CodeMovedOn = "moved_on"

// Choice is how a person settles a conflict.
type Choice string

// The choices.
const (
	ChoiceOurs   Choice = "ours"   // ours goes to the portal
	ChoiceTheirs Choice = "theirs" // the portal's is taken over
	ChoiceEdit   Choice = "edit"   // a third value goes to both
	ChoiceBoth   Choice = "both"   // each side keeps its own, until one changes
)

// Settle decides a conflict and remembers the decision in the audit log. ours and
// theirs are the values that the person saw: another value by now is a problem of
// kind precondition, and the two sides are compared anew so that the fresh ones can
// be shown; a conflict that is no more is one of kind not_found. value is for
// ChoiceEdit. Needs update.
func (s *Service) Settle(ctx context.Context, registrationID, path string, choice Choice, ours, theirs, value string) (Registration, error) {
	r, err := s.inTx(ctx, func(tx *db.Tx) (Registration, error) {
		return s.SettleTx(ctx, tx, registrationID, path, choice, ours, theirs, value)
	})
	if problem.Is(err, problem.KindPrecondition) {
		if fresh := s.Recompare(ctx, registrationID); fresh != nil {
			return r, fresh
		}
	}
	return r, err
}

// SettleTx is Settle in the caller's transaction, without the comparison anew.
// Needs update.
func (s *Service) SettleTx(ctx context.Context, tx *db.Tx, registrationID, path string, choice Choice, ours, theirs, value string) (Registration, error) {
	goes := map[Choice]Values{ChoiceOurs: {path: ours}, ChoiceEdit: {path: value}}[choice]
	return s.edit(ctx, tx, registrationID, "registration.settle", goes, map[string]any{"path": path, "choice": choice, "ours": ours, "theirs": theirs, "value": value},
		func(p Portal, m *merging) error {
			// As the two sides are now, not as they were when they were compared last.
			out, err := m.merge()
			if err != nil {
				return err
			}
			open := func(f Field) bool { return f.Path == path && f.Status == FieldConflict }
			i := slices.IndexFunc(out.fields, open)
			if i < 0 && !slices.ContainsFunc(m.before, open) {
				return problem.NotFound("conflict", path)
			}
			if i < 0 || out.fields[i].Ours != ours || out.fields[i].Theirs != theirs {
				stale := problem.Precondition("conflict", path)
				stale.Code = CodeMovedOn
				stale.Message = fmt.Sprintf("%s changed while you were deciding, and nothing was done: look at the values as they are now and decide again", infoFor(p, path).Label)
				return stale
			}
			switch choice {
			case ChoiceOurs: // what the portal holds is settled: ours is the only change
				m.reg.Agreed.V[path] = Pair{Ours: theirs, Theirs: theirs}
			case ChoiceTheirs:
				m.reg.Agreed.V[path] = Pair{Ours: ours, Theirs: ours}
			case ChoiceBoth:
				m.reg.Agreed.V[path] = Pair{Ours: ours, Theirs: theirs}
			case ChoiceEdit:
				m.reg.Agreed.V[path] = Pair{Ours: theirs, Theirs: theirs}
				return s.put(ctx, tx, p, m, path, value)
			default:
				return problem.Invalid("choice", "unknown_choice", "Use ours, theirs, both or edit")
			}
			return nil
		})
}

// Recompare merges the two sides as they are now, so that fresh values can be shown.
func (s *Service) Recompare(ctx context.Context, registrationID string) error {
	r, err := ByID(ctx, s.db, registrationID)
	if err != nil {
		return err
	}
	p, ok := s.portals[r.Cloud]
	if !ok || !s.follows(&r) || r.RemoteRecord == "" {
		return nil
	}
	if err := s.compare(ctx, p, &r); !problem.Is(err, problem.KindPrecondition) {
		return err
	}
	return nil // somebody else did
}

// Put sets a field's value in the portal, and in Salesforce where it has the
// field. value is JSON, "" for none. Needs update.
func (s *Service) Put(ctx context.Context, registrationID string, values Values) (Registration, error) {
	return s.inTx(ctx, func(tx *db.Tx) (Registration, error) { return s.PutTx(ctx, tx, registrationID, values) })
}

// PutTx is Put in the caller's transaction. Needs update.
func (s *Service) PutTx(ctx context.Context, tx *db.Tx, registrationID string, values Values) (Registration, error) {
	return s.edit(ctx, tx, registrationID, "registration.edit", values, values, func(p Portal, m *merging) error {
		paths := make([]string, 0, len(values))
		for path := range values {
			paths = append(paths, path)
		}
		slices.Sort(paths)
		for _, path := range paths {
			if err := s.put(ctx, tx, p, m, path, values[path]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) put(ctx context.Context, tx *db.Tx, p Portal, m *merging, path, value string) error {
	actor, _ := authz.From(ctx)
	lock, found, err := m.put(actor, path, value, tx.Now())
	if err != nil {
		return err
	}
	if lock.Final {
		return problem.Conflict("locked", fmt.Sprintf("%s cannot be changed any more: %s", infoFor(p, path).Label, lock.Reason))
	}
	var bad problem.List
	for _, x := range found {
		if x.Severity == SeverityError {
			bad.Add(x.Field, x.Rule, x.Message+". "+x.Mend)
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	return replaceEdits(ctx, tx, m.reg.ID, m.edits)
}

// put makes an actor's edit part of what is merged, and says what the portal
// would refuse of it. It stores nothing.
func (m *merging) put(actor authz.Actor, path, value string, now time.Time) (Lock, Findings, error) {
	i := slices.IndexFunc(m.portal.Fields(), func(f FieldInfo) bool { return f.Path == path })
	if i < 0 {
		return Lock{}, nil, problem.Invalid(path, "unknown_field", fmt.Sprintf("%s has no field %s that Tandem keeps", m.reg.Cloud.Portal(), path))
	}
	info := m.portal.Fields()[i]
	value, err := canonical(value)
	if err != nil {
		return Lock{}, nil, problem.Invalid(path, "malformed", "The value is no JSON: "+err.Error())
	}
	lock := m.portal.Locked(m.reg.RemoteStatus, m.reg.RemoteStage, path)
	if lock.Locked && lock.Final {
		return lock, nil, nil
	}
	record := json.RawMessage(m.reg.RemoteRecord)
	found, err := m.portal.CheckChanges(m.deal, record, Values{path: value})
	if err != nil {
		return lock, nil, err
	}
	found = slices.DeleteFunc(found, func(x Finding) bool { return !within(x.Field, path) })
	theirs, err := m.portal.Theirs(record)
	if err != nil {
		return lock, nil, err
	}
	mapped := m.portal.Ours(m.deal)[path]
	before := slices.Clone(m.edits)
	m.edits = slices.DeleteFunc(m.edits, func(e Edit) bool { return e.Path == path })
	if value == mapped && len(before) == len(m.edits) {
		return lock, found, nil
	}
	e := Edit{
		RegistrationID: m.reg.ID, Path: path, Value: value, Mapped: mapped, Theirs: theirs[path], CRMState: CRMNone,
		ActorKind: actor.Kind, ActorID: actor.ID, ActorName: actor.Name, EditedAt: now, MadeOn: m.deal.Opportunity.CRMModstamp,
	}
	if _, text := textOf(value); info.Writes != "" && text {
		e.CRMState = CRMPending
	}
	e.echo(before)
	m.edits = append(m.edits, e)
	return lock, found, nil
}

func (s *Service) inTx(ctx context.Context, fn func(tx *db.Tx) (Registration, error)) (r Registration, err error) {
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		r, err = fn(tx)
		return err
	})
	return r, err
}

// edit runs a person's change of a registration's fields: it is stored with its
// audit entry, the merge is run anew, and what is outgoing goes before bulk work.
// values are what the change sends to the portal.
func (s *Service) edit(ctx context.Context, tx *db.Tx, registrationID, action string, values Values, detail any, change func(p Portal, m *merging) error) (Registration, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Registration{}, err
	}
	r, p, err := s.connected(ctx, tx, registrationID)
	if err != nil {
		return r, err
	}
	if err := s.mustFollow(&r); err != nil {
		return r, err
	}
	if err := s.Gate(ctx, tx, Act{Action: s.ActionOf(r.Cloud, values), OpportunityID: r.OpportunityID, Cloud: r.Cloud, Registration: &r, Values: values}); err != nil {
		return r, err
	}
	if r.Agreed.V == nil {
		r.Agreed.V = Agreed{}
	}
	// What changed before the person did is merged before.
	if err := s.mergeNow(ctx, tx, p, &r); err != nil {
		return r, err
	}
	m, err := s.gather(ctx, tx, p, &r)
	if err != nil {
		return r, err
	}
	if err := change(p, &m); err != nil {
		return r, err
	}
	if err := s.mergeNow(ctx, tx, p, &r); err != nil {
		return r, err
	}
	r.Urgent, r.DueAt, r.ErrorCode, r.Error, r.Attempts = r.Outgoing > 0, tx.Now(), "", "", 0
	if err := update(ctx, tx, &r); err != nil {
		return r, err
	}
	if err := audit.Record(ctx, tx, action, r.ID, detail); err != nil {
		return r, err
	}
	return r, s.wakeUrgently(ctx, tx, r.ID)
}

// ActionOf says what setting values in a cloud's portal is to the policies: to
// launch, to close as lost, or else to update.
func (s *Service) ActionOf(c cloud.Cloud, values Values) authz.Action {
	if p, ok := s.portals[c]; ok {
		for _, f := range p.Fields() {
			switch f.Becomes[values[f.Path]] {
			case StateLaunched:
				return authz.ActionLaunch
			case StateClosedLost:
				return authz.ActionClose
			}
		}
	}
	return authz.ActionUpdate
}

// Standing gives what both sides hold of fields of a registration now, ours with
// the edits that are on their way.
func (s *Service) Standing(ctx context.Context, q db.Queryer, registrationID string, paths []string) (map[string]Pair, error) {
	r, err := ByID(ctx, q, registrationID)
	if err != nil {
		return nil, err
	}
	p, ok := s.portals[r.Cloud]
	if !ok || r.RemoteRecord == "" {
		return map[string]Pair{}, nil
	}
	m, err := s.gather(ctx, q, p, &r)
	if err != nil {
		return nil, err
	}
	theirs, err := p.Theirs(json.RawMessage(r.RemoteRecord))
	if err != nil {
		return nil, err
	}
	ours := p.Ours(m.deal)
	for _, e := range m.edits {
		ours[e.Path] = e.Value
	}
	out := make(map[string]Pair, len(paths))
	for _, path := range paths {
		out[path] = Pair{Ours: ours[path], Theirs: theirs[path]}
	}
	return out, nil
}

// FieldLabel gives the name of a field in words; the path when the portal does not
// know it.
func (s *Service) FieldLabel(c cloud.Cloud, path string) string {
	if p, ok := s.portals[c]; ok {
		return infoFor(p, path).Label
	}
	return path
}

// FieldText shows a field's value (JSON, "" for none) for people.
func (s *Service) FieldText(c cloud.Cloud, path, value string) string {
	if p, ok := s.portals[c]; ok {
		return infoFor(p, path).Text(value)
	}
	return value
}

func (s *Service) wakeUrgently(ctx context.Context, tx *db.Tx, registrationID string) error {
	return s.Wake(WithUrgent(ctx), tx, registrationID)
}

// Resend tries the refused fields of a registration again, as after mending
// something in the portal. Needs update.
func (s *Service) Resend(ctx context.Context, registrationID string) (Registration, error) {
	return s.inTx(ctx, func(tx *db.Tx) (Registration, error) { return s.ResendTx(ctx, tx, registrationID) })
}

// ResendTx is Resend in the caller's transaction. Needs update.
func (s *Service) ResendTx(ctx context.Context, tx *db.Tx, registrationID string) (Registration, error) {
	return s.edit(ctx, tx, registrationID, "registration.resend", nil, nil, func(_ Portal, m *merging) error {
		for i := range m.before {
			if f := &m.before[i]; f.Status == FieldRefused { // it waits as long as it did
				f.Status, f.ByPortal, f.Reason = FieldOutgoing, false, ""
			}
		}
		return replaceFields(ctx, tx, m.reg.ID, m.before)
	})
}

// canonical gives JSON in the one form in which values are compared.
func canonical(value string) (string, error) {
	if value == "" || value == "null" || value == `""` {
		return "", nil
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return "", err
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func within(field, path string) bool {
	return field == path || len(field) > len(path) && field[:len(path)] == path && (field[len(path)] == '.' || field[len(path)] == '[')
}

// Fields gives the fields of a registration that differ, its edits and its calls,
// the newest first. Needs read.
func (s *Service) Fields(ctx context.Context, registrationID string) ([]Field, []Edit, []Call, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, nil, nil, err
	}
	fields, err := fieldsOf(ctx, s.db, registrationID)
	if err != nil {
		return nil, nil, nil, err
	}
	edits, err := editsOf(ctx, s.db, registrationID)
	if err != nil {
		return nil, nil, nil, err
	}
	calls, err := callsOf(ctx, s.db, registrationID, keptCalls)
	return fields, edits, calls, err
}

// Open gives the fields of a status over all registrations, the oldest first.
// Needs read.
func (s *Service) Open(ctx context.Context, status FieldStatus, limit int) ([]OpenField, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return openFields(ctx, s.db, status, min(max(limit, 1), 500))
}

// FieldInfos gives the fields that a cloud's portal is kept true in. Needs read.
func (s *Service) FieldInfos(ctx context.Context, c cloud.Cloud) ([]FieldInfo, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	p, ok := s.portals[c]
	if !ok {
		return nil, nil
	}
	return p.Fields(), nil
}

// Owners gives who wins each field, and the setting's version. Needs read.
func (s *Service) Owners(ctx context.Context) (Owners, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, setting.Row{}, err
	}
	return setting.Load(ctx, s.db, OwnersSetting, Owners{})
}

// SetOwners changes who wins each field, and has every conflict merged anew. Needs
// change_settings.
func (s *Service) SetOwners(ctx context.Context, o Owners, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	var bad problem.List
	for c, fields := range o {
		p, ok := s.portals[c]
		for path, owner := range fields {
			switch {
			case !owner.Valid():
				bad.Add(path, "unknown_owner", fmt.Sprintf("%q is not one of ask, ours, theirs and newest", owner))
			case ok && !slices.ContainsFunc(p.Fields(), func(f FieldInfo) bool { return f.Path == path }):
				bad.Add(path, "unknown_field", fmt.Sprintf("%s has no field %s that Tandem keeps", c.Portal(), path))
			}
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := setting.Save(ctx, tx, OwnersSetting, o, version, actor.Name); err != nil {
			return err
		}
		ids, err := mergeAnew(ctx, tx)
		if err != nil {
			return err
		}
		return s.Wake(ctx, tx, ids...)
	})
}
