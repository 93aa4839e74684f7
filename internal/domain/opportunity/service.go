package opportunity

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// JointRuleSetting is the name under which the joint rule is kept.
const JointRuleSetting = "joint_rule"

// Observer hears, inside the transaction, of opportunities (by id) that changed
// or whose joint decision changed.
type Observer func(ctx context.Context, tx *db.Tx, changed []Opportunity) error

// Service is the use cases of opportunities. Changed must be set before use.
type Service struct {
	db      *db.DB
	clock   clock.Clock
	Changed Observer
	// PlanDecision plans a DecideAll in the transaction that changed the rule, so
	// that one which is killed is done all the same.
	PlanDecision func(ctx context.Context, tx *db.Tx) error
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service {
	return &Service{
		db: d, clock: c, Changed: func(context.Context, *db.Tx, []Opportunity) error { return nil },
		PlanDecision: func(context.Context, *db.Tx) error { return nil },
	}
}

// Get gives an opportunity with its joint decisions. Needs read.
func (s *Service) Get(ctx context.Context, opportunityID string) (Opportunity, []Joint, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Opportunity{}, nil, err
	}
	o, err := ByID(ctx, s.db, opportunityID)
	if err != nil {
		return o, nil, err
	}
	joint, err := JointOf(ctx, s.db, []string{o.ID})
	return o, joint[o.ID], err
}

// Team gives the sellers and the customer's contacts on an opportunity. Needs read.
func (s *Service) Team(ctx context.Context, o *Opportunity) ([]Member, []Contact, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, nil, err
	}
	members, err := MembersOf(ctx, s.db, o.CRMID)
	if err != nil {
		return nil, nil, err
	}
	contacts, err := ContactsOf(ctx, s.db, o.CRMID)
	return members, contacts, err
}

// Rule gives the joint rule in force and its version (0: the default). Needs read.
func (s *Service) Rule(ctx context.Context) (JointRule, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return JointRule{}, setting.Row{}, err
	}
	return setting.Load(ctx, s.db, JointRuleSetting, DefaultJointRule())
}

// Matcher gives the joint rule in force, ready to be asked.
func (s *Service) Matcher(ctx context.Context, q db.Queryer) (*Matcher, error) {
	return LoadMatcher(ctx, q)
}

// LoadMatcher is Matcher for who has no Service.
func LoadMatcher(ctx context.Context, q db.Queryer) (*Matcher, error) {
	r, _, err := setting.Load(ctx, q, JointRuleSetting, DefaultJointRule())
	if err != nil {
		return nil, err
	}
	return NewMatcher(r), nil
}

// Preview says how many opportunities a rule would find joint with each cloud,
// and how many that differs from the decisions that stand. It changes nothing.
// Needs change_settings.
func (s *Service) Preview(ctx context.Context, r JointRule) (map[cloud.Cloud]Difference, error) {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return nil, err
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	out := map[cloud.Cloud]Difference{}
	m := NewMatcher(r)
	err := s.sweep(ctx, func(list []Opportunity) error {
		standing, err := JointOf(ctx, s.db, idsOf(list))
		if err != nil {
			return err
		}
		for i := range list {
			d := decide(m, &list[i], standing[list[i].ID])
			for _, c := range cloud.All() {
				n := out[c]
				n.add(isJoint(standing[list[i].ID], c), isJoint(d.after, c))
				out[c] = n
			}
		}
		return nil
	})
	return out, err
}

// Difference is what a rule would change for one cloud.
type Difference struct {
	Joint int `json:"joint"` // joint with the rule
	Gain  int `json:"gain"`  // joint with it, not now
	Lose  int `json:"lose"`  // joint now, not with it
}

func (d *Difference) add(before, after bool) {
	if after {
		d.Joint++
	}
	switch {
	case after && !before:
		d.Gain++
	case before && !after:
		d.Lose++
	}
}

// SetRule puts another joint rule in force and decides every opportunity anew.
// version is the one the person saw. Needs change_settings.
func (s *Service) SetRule(ctx context.Context, r JointRule, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	if err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := setting.Save(ctx, tx, JointRuleSetting, r, version, actor.Name); err != nil {
			return err
		}
		return s.PlanDecision(ctx, tx)
	}); err != nil {
		return err
	}
	return s.DecideAll(ctx)
}

// DecideAll asks the rule in force about every opportunity again.
func (s *Service) DecideAll(ctx context.Context) error {
	return s.sweep(ctx, func(list []Opportunity) error {
		return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
			m, err := s.Matcher(ctx, tx)
			if err != nil {
				return err
			}
			changed, err := Decide(ctx, tx, m, list)
			if err != nil || len(changed) == 0 {
				return err
			}
			return s.Changed(ctx, tx, changed)
		})
	})
}

func (s *Service) sweep(ctx context.Context, fn func([]Opportunity) error) error {
	after := ""
	for {
		list, err := pageAfter(ctx, s.db, after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := fn(list); err != nil {
			return err
		}
		after = list[len(list)-1].ID
	}
}

// MarkJoint is a person's word that an opportunity is joint with a cloud
// (joint true), is not (false), or that the rule shall decide again (nil). Needs
// mark_joint.
func (s *Service) MarkJoint(ctx context.Context, opportunityID string, c cloud.Cloud, joint *bool, reason string) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return s.MarkJointTx(ctx, tx, opportunityID, c, joint, reason)
	})
}

// MarkJointTx is MarkJoint in the caller's transaction. Needs mark_joint.
func (s *Service) MarkJointTx(ctx context.Context, tx *db.Tx, opportunityID string, c cloud.Cloud, joint *bool, reason string) error {
	if err := authz.Require(ctx, authz.ActionMarkJoint); err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	var bad problem.List
	if !c.Valid() {
		bad.Add("cloud", "unknown_cloud", "Use aws, azure or gcp")
	}
	if joint != nil && reason == "" {
		bad.Add("reason", "required", "Say why: the rule decided otherwise, and the next person will ask")
	}
	if utf8.RuneCountInString(reason) > 500 {
		bad.Add("reason", "too_long", "Use at most 500 characters")
	}
	if err := bad.Err(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	o, err := ByID(ctx, tx, opportunityID)
	if err != nil {
		return err
	}
	if joint == nil {
		if err := deleteJoint(ctx, tx, o.ID, c); err != nil {
			return err
		}
		m, err := s.Matcher(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := Decide(ctx, tx, m, []Opportunity{o}); err != nil {
			return err
		}
	} else if err := saveJoint(ctx, tx, []Joint{{
		OpportunityID: o.ID, Cloud: c, Joint: *joint, Source: SourcePerson,
		Why: reason, DecidedBy: actor.Name, DecidedAt: tx.Now(),
	}}); err != nil {
		return err
	}
	if err := audit.Record(ctx, tx, "opportunity.mark_joint", o.ID, map[string]any{"cloud": c, "joint": joint, "reason": reason}); err != nil {
		return err
	}
	return s.Changed(ctx, tx, []Opportunity{o})
}

// MarkLinked stores that an opportunity is joint with a cloud because a record of
// the cloud's portal was linked with it, unless it is joint already. by is who
// linked it.
func MarkLinked(ctx context.Context, tx *db.Tx, opportunityID string, c cloud.Cloud, why, by string) error {
	standing, err := JointOf(ctx, tx, []string{opportunityID})
	if err != nil || isJoint(standing[opportunityID], c) {
		return err
	}
	return saveJoint(ctx, tx, []Joint{{OpportunityID: opportunityID, Cloud: c, Joint: true, Source: SourcePerson, Why: why, DecidedBy: by, DecidedAt: tx.Now()}})
}

type decision struct {
	after  []Joint
	save   []Joint
	remove []cloud.Cloud
}

// decide lays the rule's answer beside what stands; a person's word stays.
func decide(m *Matcher, o *Opportunity, standing []Joint) decision {
	var d decision
	byPerson := map[cloud.Cloud]bool{}
	now := map[cloud.Cloud]Joint{}
	for _, j := range standing {
		now[j.Cloud] = j
		if j.Source == SourcePerson {
			byPerson[j.Cloud] = true
			d.after = append(d.after, j)
		}
	}
	found := map[cloud.Cloud]bool{}
	for _, j := range m.Joint(o) {
		if byPerson[j.Cloud] {
			continue
		}
		found[j.Cloud] = true
		d.after = append(d.after, j)
		if old, ok := now[j.Cloud]; !ok || old.Why != j.Why || !old.Joint {
			if ok && old.Joint { // another reason, but joint all the while: the service level's clock goes on
				j.DecidedAt = old.DecidedAt
			}
			d.save = append(d.save, j)
		}
	}
	for _, j := range standing {
		if !byPerson[j.Cloud] && !found[j.Cloud] {
			d.remove = append(d.remove, j.Cloud)
		}
	}
	return d
}

// Decide asks the rule about opportunities (at most 500) and stores what it
// says. It gives those that are or were joint, since their registrations have to
// be looked at again.
func Decide(ctx context.Context, tx *db.Tx, m *Matcher, list []Opportunity) ([]Opportunity, error) {
	standing, err := JointOf(ctx, tx, idsOf(list))
	if err != nil {
		return nil, err
	}
	var save []Joint
	var touched []Opportunity
	for i := range list {
		o := &list[i]
		d := decide(m, o, standing[o.ID])
		for _, j := range d.save {
			if j.DecidedAt.IsZero() {
				j.DecidedAt = tx.Now()
			}
			save = append(save, j)
		}
		for _, c := range d.remove {
			if err := deleteJoint(ctx, tx, o.ID, c); err != nil {
				return nil, err
			}
		}
		if len(d.after) > 0 || len(standing[o.ID]) > 0 {
			touched = append(touched, *o)
		}
	}
	return touched, saveJoint(ctx, tx, save)
}

// JointWith gives the clouds an opportunity is joint with.
func JointWith(list []Joint) []cloud.Cloud {
	var out []cloud.Cloud
	for _, j := range list {
		if j.Joint {
			out = append(out, j.Cloud)
		}
	}
	return out
}

func isJoint(list []Joint, c cloud.Cloud) bool {
	for _, j := range list {
		if j.Cloud == c && j.Joint {
			return true
		}
	}
	return false
}

func idsOf(list []Opportunity) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].ID
	}
	return out
}
