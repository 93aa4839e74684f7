package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// FieldStatus says why a field differs from the portal's.
type FieldStatus string

// The statuses of a field that differs.
const (
	FieldOutgoing FieldStatus = "outgoing" // to be sent
	FieldLocked   FieldStatus = "locked"   // the portal takes no change of it now; goes out by itself when it does
	FieldRefused  FieldStatus = "refused"  // the portal refuses the value: to be mended
	FieldConflict FieldStatus = "conflict" // both sides changed it: a person decides
)

// Label is the status in words.
func (s FieldStatus) Label() string {
	switch s {
	case FieldOutgoing:
		return "Waits to be sent"
	case FieldLocked:
		return "Waits for the lock"
	case FieldRefused:
		return "Refused"
	default:
		return "Conflict"
	}
}

// Field is one field of a registration that differs from the portal's and is not
// settled. Ours, Theirs, Base (ours when last settled) and BaseTheirs are JSON, ""
// for no value. Final: the portal will never take it. ByPortal: it was the portal
// that refused, not our check.
type Field struct {
	RegistrationID string      `db:"registration_id" json:"registration_id"`
	Path           string      `db:"path" json:"path"`
	Label          string      `db:"label" json:"label"`
	Status         FieldStatus `db:"status" json:"status"`
	Base           string      `db:"base" json:"base"`
	BaseTheirs     string      `db:"base_theirs" json:"base_theirs"`
	Ours           string      `db:"ours" json:"ours"`
	Theirs         string      `db:"theirs" json:"theirs"`
	Reason         string      `db:"reason" json:"reason"`
	Until          string      `db:"until" json:"until"`
	Final          bool        `db:"final" json:"final"`
	ByPortal       bool        `db:"by_portal" json:"by_portal"`
	Since          time.Time   `db:"since" json:"since"`
}

// CRMState says how far an edit is on its way to Salesforce.
type CRMState string

// The states of an edit on its way to Salesforce.
const (
	CRMNone    CRMState = "none"    // Salesforce has no such field
	CRMPending CRMState = "pending" // to be written
	CRMWritten CRMState = "written" // written; not yet read back
	CRMRefused CRMState = "refused" // Salesforce refused it
)

// Edit is a value of a field that did not come from Salesforce: a person's, or
// the portal's that was taken over. It stands in for the deal's own value until
// Salesforce holds it too, or until Salesforce's is changed after it. Mapped and
// Theirs are what Salesforce and the portal held when it was made; MadeOn is the
// modification stamp of Salesforce's record that was last seen to hold Mapped. Echoes
// are the values of edits that this one replaced and that may have been written to
// Salesforce: read back, they are no change of Salesforce's.
type Edit struct {
	RegistrationID string            `db:"registration_id" json:"registration_id"`
	Path           string            `db:"path" json:"path"`
	Value          string            `db:"value" json:"value"`
	Mapped         string            `db:"mapped" json:"mapped"`
	Theirs         string            `db:"theirs" json:"theirs"`
	CRMState       CRMState          `db:"crm_state" json:"crm_state"`
	CRMError       string            `db:"crm_error" json:"crm_error"`
	ActorKind      authz.Kind        `db:"actor_kind" json:"actor_kind"`
	ActorID        string            `db:"actor_id" json:"actor_id"`
	ActorName      string            `db:"actor_name" json:"actor_name"`
	EditedAt       time.Time         `db:"edited_at" json:"edited_at"`
	MadeOn         time.Time         `db:"made_on" json:"-"`
	Echoes         db.JSON[[]string] `db:"echoes" json:"-"`
}

// OwnersSetting is the name under which the owners of the fields are kept.
const OwnersSetting = "field_owners"

// Owners says for each cloud and path who wins, where it is not the portal's
// default.
type Owners map[cloud.Cloud]map[string]Owner

func (o Owners) of(c cloud.Cloud, f FieldInfo) Owner {
	if x := o[c][f.Path]; x.Valid() {
		return x
	}
	return f.Owner
}

// outlook is what the merge of one registration comes to.
type outlook struct {
	agreed  Agreed
	fields  []Field
	edits   []Edit   // to be kept or made
	dropped []Edit   // fulfilled or overtaken
	told    []string // lines for the timeline: what the portal changed
	lost    []string // lines for the timeline: edits that a later change replaced
}

// merging is all that the merge of one registration looks at.
type merging struct {
	portal Portal
	deal   Deal
	reg    *Registration
	owners Owners
	edits  []Edit
	before []Field
	now    time.Time
}

// gather loads what the merge looks at, in the caller's transaction or snapshot.
func (s *Service) gather(ctx context.Context, q db.Queryer, p Portal, r *Registration) (merging, error) {
	m := merging{portal: p, reg: r, now: s.clock.Now()}
	var err error
	if m.deal, err = s.Deal(ctx, q, r.OpportunityID, r.Cloud); err != nil {
		return m, err
	}
	if m.owners, _, err = setting.Load(ctx, q, OwnersSetting, Owners{}); err != nil {
		return m, err
	}
	if m.edits, err = editsOf(ctx, q, r.ID); err != nil {
		return m, err
	}
	m.before, err = fieldsOf(ctx, q, r.ID)
	return m, err
}

// merge runs the three-way merge over every field. It asks nobody and stores
// nothing.
func (m *merging) merge() (outlook, error) {
	out := outlook{agreed: Agreed{}}
	record := json.RawMessage(m.reg.RemoteRecord)
	mapped := m.portal.Ours(m.deal)
	theirs, err := m.portal.Theirs(record)
	if err != nil {
		return out, err
	}
	theirsAt := m.portal.ChangedAt(m.reg.RemoteVersion)
	for _, f := range m.portal.Fields() {
		m.field(&out, f, mapped[f.Path], theirs[f.Path], theirsAt)
	}
	return out, m.check(&out, record)
}

func (m *merging) field(out *outlook, f FieldInfo, mapped, theirs string, theirsAt time.Time) {
	var base *Pair
	if p, ok := m.reg.Agreed.V[f.Path]; ok {
		base = &p
	}
	ours, oursAt := mapped, m.deal.Opportunity.CRMModstamp
	if i := slices.IndexFunc(m.edits, func(e Edit) bool { return e.Path == f.Path }); i >= 0 {
		if kept, overtaken := m.edit(out, f, m.edits[i], mapped); kept != nil {
			ours, oursAt = kept.Value, kept.EditedAt
		} else if overtaken {
			base = &Pair{Ours: m.edits[i].Mapped, Theirs: m.edits[i].Theirs}
		}
	}
	owner := m.owners.of(m.reg.Cloud, f)
	verdict := Merge(owner, base, ours, theirs, oursAt, theirsAt)
	switch verdict {
	case VerdictAgree:
		out.agreed[f.Path] = Pair{Ours: ours, Theirs: theirs}
		return
	case VerdictTake:
		m.take(out, f, base, mapped, ours, theirs)
		return
	}
	if base != nil {
		out.agreed[f.Path] = *base
	}
	if verdict == VerdictKeep {
		return
	}
	row := Field{RegistrationID: m.reg.ID, Path: f.Path, Label: f.Label, Status: FieldOutgoing, Ours: ours, Theirs: theirs, Since: m.now}
	if base != nil {
		row.Base, row.BaseTheirs = base.Ours, base.Theirs
	}
	i := slices.IndexFunc(m.before, func(b Field) bool { return b.Path == f.Path })
	if i >= 0 {
		row.Since = m.before[i].Since
	}
	switch lock := m.portal.Locked(m.reg.RemoteStatus, m.reg.RemoteStage, f.Path); {
	case verdict == VerdictAsk:
		row.Status, row.Reason = FieldConflict, "Changed on both sides since they last agreed"
		if base == nil {
			row.Reason = "The two sides never agreed on it"
		}
	case lock.Locked:
		row.Status, row.Reason, row.Until, row.Final = FieldLocked, lock.Reason, lock.Until, lock.Final
	case i >= 0 && m.before[i].Status == FieldRefused && m.before[i].ByPortal && m.before[i].Ours == ours && m.before[i].Theirs == theirs:
		row = m.before[i]
	case base != nil && base.Theirs != theirs && (i < 0 || m.before[i].Theirs != theirs):
		out.told = append(out.told, fmt.Sprintf("%s: %s changed it to %s; ours, %s, goes out again because ours wins here", f.Label, m.reg.Cloud.Portal(), f.plain(theirs), f.plain(ours)))
	}
	out.fields = append(out.fields, row)
}

// edit says what becomes of an edit: kept stands in for Salesforce's value;
// overtaken says that the portal's value was taken over while Salesforce's changed,
// so that the two have to be merged anew.
func (m *merging) edit(out *outlook, f FieldInfo, e Edit, mapped string) (kept *Edit, overtaken bool) {
	switch {
	case mapped == e.Value && (e.CRMState != CRMPending || len(e.Echoes.V) == 0): // Salesforce holds it
		out.dropped = append(out.dropped, e)
		return nil, false
	case mapped == e.Mapped || slices.Contains(e.Echoes.V, mapped):
		e.Mapped = mapped
		e.MadeOn = m.deal.Opportunity.CRMModstamp
		out.edits = append(out.edits, e)
		return &e, false
	case e.ActorKind == authz.KindPortal && e.CRMState == CRMPending:
		out.dropped = append(out.dropped, e)
		return nil, true
	case e.CRMState == CRMPending && e.EditedAt.After(m.deal.Opportunity.CRMModstamp):
		out.lost = append(out.lost, fmt.Sprintf("%s: %s's later edit to %s stands in place of Salesforce's %s", f.Label, e.ActorName, f.plain(e.Value), f.plain(mapped)))
		e.Mapped, e.MadeOn = mapped, m.deal.Opportunity.CRMModstamp
		out.edits = append(out.edits, e)
		return &e, false
	}
	out.dropped = append(out.dropped, e)
	out.lost = append(out.lost, fmt.Sprintf("%s: Salesforce's later change to %s replaces %s's %s", f.Label, f.plain(mapped), e.ActorName, f.plain(e.Value)))
	return nil, false
}

// take takes the portal's value over: where Salesforce has the field, it is
// written there too; where not, the two stay different until one changes.
func (m *merging) take(out *outlook, f FieldInfo, base *Pair, mapped, ours, theirs string) {
	out.edits = slices.DeleteFunc(out.edits, func(e Edit) bool { return e.Path == f.Path })
	if theirs != "" {
		out.told = append(out.told, fmt.Sprintf("%s: %s, before %s", f.Label, f.plain(theirs), f.plain(ours)))
	} else {
		out.told = append(out.told, fmt.Sprintf("%s: removed, before %s", f.Label, f.plain(ours)))
	}
	if _, text := textOf(theirs); f.Writes == "" || !text || theirs == "" {
		out.agreed[f.Path] = Pair{Ours: ours, Theirs: theirs}
		if ours != mapped { // a person's edit that the portal's value now replaces
			out.agreed[f.Path] = Pair{Ours: mapped, Theirs: theirs}
		}
		return
	}
	out.agreed[f.Path] = Pair{Ours: theirs, Theirs: theirs}
	if mapped == theirs {
		return
	}
	e := Edit{
		RegistrationID: m.reg.ID, Path: f.Path, Value: theirs, Mapped: mapped, CRMState: CRMPending,
		ActorKind: authz.KindPortal, ActorName: m.reg.Cloud.Portal(), EditedAt: m.now, MadeOn: m.deal.Opportunity.CRMModstamp,
	}
	if base != nil {
		e.Theirs = base.Theirs
	}
	e.echo(m.edits)
	out.edits = append(out.edits, e)
}

// echo takes over what an edit of the same field that e replaces may have written
// to Salesforce.
func (e *Edit) echo(before []Edit) {
	for _, b := range before {
		if b.Path == e.Path && b.CRMState != CRMNone {
			e.Echoes.V = append(slices.Clone(b.Echoes.V), b.Value)
		}
	}
	if n := len(e.Echoes.V); n > maxEchoes {
		e.Echoes.V = e.Echoes.V[n-maxEchoes:]
	}
}

// maxEchoes bounds how many values of replaced edits are remembered.
const maxEchoes = 20

// check marks what the portal would refuse.
func (m *merging) check(out *outlook, record json.RawMessage) error {
	changes := outgoing(out.fields)
	if len(changes) == 0 {
		return nil
	}
	found, err := m.portal.CheckChanges(m.deal, record, changes)
	if err != nil {
		return err
	}
	for _, x := range found {
		if x.Severity != SeverityError {
			continue
		}
		for i := range out.fields {
			f := &out.fields[i]
			if f.Status == FieldOutgoing && within(x.Field, f.Path) {
				f.Status, f.Reason = FieldRefused, strings.TrimSpace(x.Message+". "+x.Mend)
			}
		}
	}
	return nil
}

// outgoing gives the changes that can be sent now.
func outgoing(fields []Field) Values {
	out := Values{}
	for _, f := range fields {
		if f.Status == FieldOutgoing {
			out[f.Path] = f.Ours
		}
	}
	return out
}

// settle stores an outlook and counts it in r; it tells of what the portal
// changed.
func (s *Service) settle(ctx context.Context, tx *db.Tx, r *Registration, out outlook, version int64) error {
	r.Agreed.V, r.ComparedVersion = out.agreed, version
	r.Outgoing, r.Held, r.Refused, r.Conflicts, r.StaleSince = 0, 0, 0, 0, time.Time{}
	for _, f := range out.fields {
		if f.Final {
			continue
		}
		switch f.Status {
		case FieldOutgoing:
			r.Outgoing++
		case FieldLocked:
			r.Held++
		case FieldRefused:
			r.Refused++
		case FieldConflict:
			r.Conflicts++
		}
		if r.StaleSince.IsZero() || f.Since.Before(r.StaleSince) {
			r.StaleSince = f.Since
		}
	}
	if r.Outgoing == 0 {
		r.Urgent = false
	}
	if err := replaceFields(ctx, tx, r.ID, out.fields); err != nil {
		return err
	}
	if err := replaceEdits(ctx, tx, r.ID, out.edits); err != nil {
		return err
	}
	if slices.ContainsFunc(out.edits, func(e Edit) bool { return e.CRMState == CRMPending }) {
		if err := s.Write(ctx, tx); err != nil {
			return err
		}
	}
	if len(out.told) > 0 {
		if err := s.happened(ctx, tx, *r, authz.KindPortal, "changed", fmt.Sprintf("%s changed the deal (%s)", r.Cloud.Label(), r.RemoteID), strings.Join(out.told, "\n")); err != nil {
			return err
		}
	}
	if len(out.lost) > 0 {
		return s.happened(ctx, tx, *r, authz.KindIntegration, "replaced", fmt.Sprintf("A change was replaced by another (%s)", r.RemoteID), strings.Join(out.lost, "\n"))
	}
	return nil
}

// textOf gives the text of a JSON string; ok is false for any other value.
func textOf(value string) (text string, ok bool) {
	if value == "" {
		return "", true
	}
	err := json.Unmarshal([]byte(value), &text)
	return text, err == nil
}
