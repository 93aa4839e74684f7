package registration

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// SolutionSetting is the name under which the default solutions are kept.
const SolutionSetting = "default_solutions"

// DefaultSolutions says which solutions are linked to a deal for which nobody
// chose one, by cloud.
type DefaultSolutions map[cloud.Cloud][]string

// Event is something that happened to a registration, for the timeline and for
// Salesforce.
type Event struct {
	Registration Registration
	Kind         string // "registered", "submitted", "approved", …
	Subject      string
	Body         string
	ActorKind    authz.Kind
	ActorName    string
}

// Pace says how often the engine looks again.
type Pace struct {
	Task    time.Duration // at a submit task that still runs
	Review  time.Duration // at a registration that is with the partner
	Refresh time.Duration // at one that is decided
	Retry   time.Duration // first wait after a passing error; doubles to RetryMax
	Max     time.Duration
}

// DefaultPace reads a deal under review every half hour and a decided one every
// week by itself: what changes in between is told by the list of changes, which
// costs one read for a hundred deals. At 10,000 registrations that is 3 % of what
// AWS lets one read a day (aws.md §1.12).
var DefaultPace = Pace{Task: 2 * time.Second, Review: 30 * time.Minute, Refresh: 7 * 24 * time.Hour, Retry: 5 * time.Second, Max: 15 * time.Minute}

// Service is the use cases of registrations. The hooks must be set before use.
type Service struct {
	db      *db.DB
	clock   clock.Clock
	portals map[cloud.Cloud]Portal
	pace    Pace

	// Happened hears of every event inside the transaction that made it.
	Happened func(ctx context.Context, tx *db.Tx, e Event) error
	// Wake plans an Advance of each registration as soon as the transaction commits.
	Wake func(ctx context.Context, tx *db.Tx, registrationIDs ...string) error
	// Look plans a look at what changed in a cloud's portal.
	Look func(ctx context.Context, tx *db.Tx, c cloud.Cloud) error
	// Write plans the writing of dirty registrations to Salesforce.
	Write func(ctx context.Context, tx *db.Tx) error
	// LookElsewhere reads what other tools in Salesforce say of an opportunity now, has
	// it kept by SawClaims, and says whether there are any such tools.
	LookElsewhere func(ctx context.Context, opportunityCRMID string) (bool, error)
	// Gate is asked before a person's act that reaches the portal is stored: an
	// error stops it.
	Gate func(ctx context.Context, tx *db.Tx, a Act) error
	// Stop is asked before a deal that is not with the partner yet is sent there: what
	// keeps it back, the zero value for nothing. Whoever changes its answer calls
	// Rerouted in the same transaction.
	Stop func(ctx context.Context, q db.Queryer, opportunityID string, c cloud.Cloud) (Stop, error)
}

// Act is what a person is about to do towards a portal. Registration is nil when
// there is none yet; Values are the fields that a Put or a Settle sets.
type Act struct {
	Action        authz.Action
	OpportunityID string
	Cloud         cloud.Cloud
	Registration  *Registration
	Values        Values
}

// NewService gives the use cases on a database and the portals there are.
func NewService(d *db.DB, c clock.Clock, portals []Portal, pace Pace) *Service {
	s := &Service{db: d, clock: c, portals: map[cloud.Cloud]Portal{}, pace: pace}
	for _, p := range portals {
		s.portals[p.Cloud()] = p
	}
	s.Happened = func(context.Context, *db.Tx, Event) error { return nil }
	s.Wake = func(context.Context, *db.Tx, ...string) error { return nil }
	s.Write = func(context.Context, *db.Tx) error { return nil }
	s.Look = func(context.Context, *db.Tx, cloud.Cloud) error { return nil }
	s.LookElsewhere = func(context.Context, string) (bool, error) { return false, nil }
	s.Gate = func(context.Context, *db.Tx, Act) error { return nil }
	s.Stop = func(context.Context, db.Queryer, string, cloud.Cloud) (Stop, error) { return Stop{}, nil }
	return s
}

// Portal gives the portal of a cloud, if it is connected.
func (s *Service) Portal(c cloud.Cloud) (Portal, bool) {
	p, ok := s.portals[c]
	return p, ok
}

// Reconsider looks at opportunities that changed, or whose joint decision
// changed: it opens registrations, sends blocked ones to be checked again, and
// withdraws those that never reached the portal and are no longer wanted.
func (s *Service) Reconsider(ctx context.Context, tx *db.Tx, m *opportunity.Matcher, list []opportunity.Opportunity) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	joint, err := opportunity.JointOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	have, err := ByOpportunities(ctx, tx, ids)
	if err != nil {
		return err
	}
	var p plans
	for i := range list {
		o := &list[i]
		wanted := opportunity.JointWith(joint[o.ID])
		for c := range s.portals {
			if err := s.reconsider(ctx, tx, m, o, c, slices.Contains(wanted, c), have[o.ID], &p); err != nil {
				return err
			}
		}
	}
	if err := insertMany(ctx, tx, p.opened); err != nil || len(p.woken) == 0 {
		return err
	}
	return s.Wake(ctx, tx, p.woken...)
}

// plans is what a look at many opportunities leads to, stored in one go.
type plans struct {
	opened []Registration
	woken  []string
}

func (s *Service) reconsider(ctx context.Context, tx *db.Tx, m *opportunity.Matcher, o *opportunity.Opportunity, c cloud.Cloud, joint bool, have []Registration, p *plans) error {
	ok, why := m.Registrable(o, c)
	if !joint && !o.Deleted {
		ok, why = false, "not joint with "+c.Label()
	}
	i := slices.IndexFunc(have, func(r Registration) bool { return r.Cloud == c })
	if i < 0 {
		if !ok {
			return nil
		}
		r := Registration{ID: id.New("reg"), OpportunityID: o.ID, Cloud: c, State: StateChecking, StateAt: tx.Now(), DueAt: tx.Now(), CRMDirty: false}
		p.opened, p.woken = append(p.opened, r), append(p.woken, r.ID)
		return nil
	}
	r := have[i]
	switch {
	case !ok && (r.State == StateChecking || r.State == StateBlocked || r.State == StateElsewhere || r.State == StateOffRoute && r.RemoteID == "" || r.State == StateFailed && r.neverSent()):
		if err := s.withdraw(ctx, tx, &r, why); err != nil {
			return err
		}
		return update(ctx, tx, &r)
	case ok && (r.State == StateBlocked || r.State == StateWithdrawn || r.State == StateChecking || r.State == StateElsewhere):
		// One that is being checked is stored anew too, so that a check of the old data cannot be.
		r.Reason, r.DueAt = "", tx.Now()
		if err := r.move(StateChecking, tx.Now()); err != nil {
			return err
		}
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		p.woken = append(p.woken, r.ID)
	case (r.State == StateCreated || r.State == StateAssociated) && r.DueAt.IsZero() && !o.Deleted: // its deal is back
		r.Reason, r.DueAt = "", tx.Now()
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		p.woken = append(p.woken, r.ID)
	case s.follows(&r) && r.ComparedVersion != o.Version:
		r.DueAt = tx.Now()
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		p.woken = append(p.woken, r.ID)
	}
	return nil
}

// Register is a person's wish to register an opportunity with a cloud now, or
// to try again what failed. dryRun checks and shows the payload, and changes
// nothing. Needs register.
func (s *Service) Register(ctx context.Context, opportunityID string, c cloud.Cloud, dryRun bool) (Registration, json.RawMessage, error) {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return Registration{}, nil, err
	}
	portal, ok := s.portals[c]
	if !ok {
		return Registration{}, nil, problem.Conflict("not_connected", fmt.Sprintf("%s is not connected: see Connections", c.Portal()))
	}
	deal, err := s.Deal(ctx, s.db, opportunityID, c)
	if err != nil {
		return Registration{}, nil, err
	}
	found := portal.Check(deal)
	if dryRun {
		r := Registration{OpportunityID: opportunityID, Cloud: c, State: StateChecking, Findings: found, Blocking: int64(found.Errors()), SolutionIDs: strings.Join(deal.Solutions, " ")}
		stop, err := s.Stop(ctx, s.db, opportunityID, c)
		if err != nil {
			return Registration{}, nil, err
		}
		if stop.By != "" {
			r.State, r.StoppedBy, r.Reason = StateOffRoute, stop.By, stop.Reason
			return r, nil, nil
		}
		if r.Blocking > 0 {
			r.State = StateBlocked
			return r, nil, nil
		}
		payload, err := portal.Payload(deal)
		return r, payload, err
	}
	var r Registration
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		r, err = s.RegisterTx(ctx, tx, opportunityID, c)
		return err
	})
	return r, nil, err
}

// RegisterTx is Register in the caller's transaction, and never a dry run. Needs
// register.
func (s *Service) RegisterTx(ctx context.Context, tx *db.Tx, opportunityID string, c cloud.Cloud) (Registration, error) {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return Registration{}, err
	}
	if _, ok := s.portals[c]; !ok {
		return Registration{}, problem.Conflict("not_connected", fmt.Sprintf("%s is not connected: see Connections", c.Portal()))
	}
	have, err := ByOpportunities(ctx, tx, []string{opportunityID})
	if err != nil {
		return Registration{}, err
	}
	i := slices.IndexFunc(have[opportunityID], func(r Registration) bool { return r.Cloud == c })
	if i < 0 || have[opportunityID][i].RemoteID == "" {
		joint, err := opportunity.JointOf(ctx, tx, []string{opportunityID})
		if err != nil {
			return Registration{}, err
		}
		if o, err := opportunity.ByID(ctx, tx, opportunityID); err != nil {
			return Registration{}, err
		} else if o.Deleted {
			return Registration{}, problem.Conflict("deleted", "This opportunity was deleted in Salesforce: restore it there first")
		}
		if !slices.Contains(opportunity.JointWith(joint[opportunityID]), c) {
			return Registration{}, problem.Conflict("not_joint", fmt.Sprintf("This opportunity is not joint with %s: mark it as joint first", c.Label()))
		}
	}
	act := Act{Action: authz.ActionRegister, OpportunityID: opportunityID, Cloud: c}
	var r Registration
	if i >= 0 {
		r = have[opportunityID][i]
		act.Registration = &r
	}
	if i < 0 || !r.withPartner() {
		stop, err := s.Stop(ctx, tx, opportunityID, c)
		if err == nil {
			err = stop.problem()
		}
		if err != nil {
			return Registration{}, err
		}
	}
	if err := s.Gate(ctx, tx, act); err != nil {
		return Registration{}, err
	}
	if i < 0 {
		r = Registration{ID: id.New("reg"), OpportunityID: opportunityID, Cloud: c, State: StateChecking, StateAt: tx.Now(), DueAt: tx.Now()}
		err = insert(ctx, tx, &r)
	} else {
		if err := s.again(&r, tx.Now()); err != nil {
			return Registration{}, err
		}
		err = update(ctx, tx, &r)
	}
	if err != nil {
		return Registration{}, err
	}
	if err := audit.Record(ctx, tx, "registration.register", r.ID, map[string]any{"opportunity": opportunityID, "cloud": c}); err != nil {
		return Registration{}, err
	}
	return r, s.Wake(ctx, tx, r.ID)
}

// again puts a registration that waits for a person back to work, and makes
// any other due now.
func (s *Service) again(r *Registration, now time.Time) error {
	next := r.State
	switch r.State {
	case StateBlocked, StateWithdrawn, StateElsewhere:
		next = StateChecking
	case StateFailed, StateOffRoute:
		next = r.FailedFrom
		if next == "" || next == StateBlocked {
			next = StateChecking
		}
	}
	r.DueAt, r.PollAt, r.Attempts, r.Error, r.ErrorCode, r.FailedFrom, r.Reason, r.StoppedBy = now, now, 0, "", "", "", "", ""
	if r.CRMError != "" {
		r.CRMError, r.CRMDirty, r.CRMGone = "", true, 0
	}
	return r.move(next, now)
}

// ChooseSolutions sets which of the portal's solutions belong to the deal.
// After it was registered they are linked at the next look. Needs register.
func (s *Service) ChooseSolutions(ctx context.Context, registrationID string, ids []string, version int64) (Registration, error) {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return Registration{}, err
	}
	var r Registration
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if r, err = ByID(ctx, tx, registrationID); err != nil {
			return err
		}
		if version != 0 && r.Version != version {
			return problem.Precondition("registration", r.ID)
		}
		if at := cmp.Or(r.FailedFrom, r.State); at.InPortal() && at != StateCreated {
			return problem.Conflict("already_registered", "The solutions were linked when the deal was registered: change them in "+r.Cloud.Portal())
		}
		known, err := solutions(ctx, tx, r.Cloud)
		if err != nil {
			return err
		}
		var bad problem.List
		if len(ids) > 10 {
			bad.Add("solutions", "too_many", "At most 10 solutions can be linked")
		}
		for _, x := range ids {
			if !slices.ContainsFunc(known, func(k Solution) bool { return k.RemoteID == x }) {
				bad.Add("solutions", "unknown_solution", fmt.Sprintf("%q is not a solution in %s", x, r.Cloud.Portal()))
			}
		}
		if err := bad.Err(); err != nil {
			return err
		}
		r.SolutionIDs = strings.Join(ids, " ")
		if r.State == StateBlocked {
			r.DueAt = tx.Now()
			if err := r.move(StateChecking, tx.Now()); err != nil {
				return err
			}
		}
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "registration.solutions", r.ID, map[string]any{"solutions": ids}); err != nil {
			return err
		}
		return s.Wake(ctx, tx, r.ID)
	})
	return r, err
}

// Deal gathers all that a portal's payload is made of.
func (s *Service) Deal(ctx context.Context, q db.Queryer, opportunityID string, c cloud.Cloud) (Deal, error) {
	o, err := opportunity.ByID(ctx, q, opportunityID)
	if err != nil {
		return Deal{}, err
	}
	d := Deal{Opportunity: o, Today: date.Of(s.clock.Now())}
	if o.AccountCRMID != "" {
		d.Account, err = account.ByCRMID(ctx, q, o.AccountCRMID)
		if err != nil && !problem.Is(err, problem.KindNotFound) {
			return d, err
		}
	}
	if d.Members, err = opportunity.MembersOf(ctx, q, o.CRMID); err != nil {
		return d, err
	}
	if d.Contacts, err = opportunity.ContactsOf(ctx, q, o.CRMID); err != nil {
		return d, err
	}
	if d.Owner, err = opportunity.OwnerOf(ctx, q, &o); err != nil {
		return d, err
	}
	have, err := ByOpportunities(ctx, q, []string{o.ID})
	if err != nil {
		return d, err
	}
	for _, r := range have[o.ID] {
		if r.Cloud == c {
			d.Solutions = r.Solutions()
		}
	}
	if len(d.Solutions) == 0 {
		def, _, err := setting.Load(ctx, q, SolutionSetting, DefaultSolutions{})
		if err != nil {
			return d, err
		}
		d.Solutions = def[c]
	}
	return d, nil
}

// View is one opportunity at one cloud as the page shows it.
type View struct {
	Cloud        cloud.Cloud
	Connected    bool
	Joint        *opportunity.Joint // nil: nobody and no rule says so
	Registration *Registration      // nil: none
	Findings     Findings           // checked just now
	Pairs        []FieldPair
	Solutions    []Solution // what may be linked
	Chosen       []string   // what is or will be linked
	Following    bool       // the two sides are kept the same, field by field
	Infos        []FieldInfo
	Ours, Theirs Values  // of the fields, without the edits
	Fields       []Field // that differ and are not settled
	Edits        []Edit
	Calls        []Call  // the latest, the newest first
	Claims       []Claim // what other tools say, if it is not what we follow
}

// shownCalls is how many calls a view holds.
const shownCalls = 8

// Views gives an opportunity at every cloud that it is joint with, was marked
// for, or is registered at; clouds with nothing to show are left out. Needs read.
func (s *Service) Views(ctx context.Context, opportunityID string) ([]View, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	joint, err := opportunity.JointOf(ctx, s.db, []string{opportunityID})
	if err != nil {
		return nil, err
	}
	have, err := ByOpportunities(ctx, s.db, []string{opportunityID})
	if err != nil {
		return nil, err
	}
	var out []View
	for _, c := range cloud.All() {
		v := View{Cloud: c}
		for _, j := range joint[opportunityID] {
			if j.Cloud == c {
				v.Joint = &j
			}
		}
		for _, r := range have[opportunityID] {
			if r.Cloud == c {
				v.Registration = &r
			}
		}
		if v.Joint == nil && v.Registration == nil {
			continue
		}
		if err := s.fill(ctx, &v, opportunityID); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (s *Service) fill(ctx context.Context, v *View, opportunityID string) error {
	portal, ok := s.portals[v.Cloud]
	v.Connected = ok
	if !ok {
		return nil
	}
	d, err := s.Deal(ctx, s.db, opportunityID, v.Cloud)
	if err != nil {
		return err
	}
	v.Chosen = d.Solutions
	if v.Solutions, err = solutions(ctx, s.db, v.Cloud); err != nil {
		return err
	}
	var record json.RawMessage
	status, stage := "", ""
	if v.Registration != nil {
		record, status, stage = json.RawMessage(v.Registration.RemoteRecord), v.Registration.RemoteStatus, v.Registration.RemoteStage
	}
	if v.Registration == nil || !v.Registration.State.InPortal() {
		v.Findings = portal.Check(d)
	}
	v.Pairs = portal.Compare(d, record, status, stage)
	v.Infos = portal.Fields()
	if v.Registration == nil {
		return nil
	}
	if v.Following = s.mustFollow(v.Registration) == nil; v.Following {
		v.Ours = portal.Ours(d)
		if v.Theirs, err = portal.Theirs(record); err != nil {
			return err
		}
	}
	if v.Fields, err = fieldsOf(ctx, s.db, v.Registration.ID); err != nil {
		return err
	}
	if v.Edits, err = editsOf(ctx, s.db, v.Registration.ID); err != nil {
		return err
	}
	if v.Claims, err = s.openClaims(ctx, s.db, v.Registration, d.Opportunity.CRMID); err != nil {
		return err
	}
	v.Calls, err = callsOf(ctx, s.db, v.Registration.ID, shownCalls)
	return err
}

// Get gives one registration. Needs read.
func (s *Service) Get(ctx context.Context, registrationID string) (Registration, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return Registration{}, err
	}
	return ByID(ctx, s.db, registrationID)
}

// Solutions gives the solutions seen in a cloud's portal. Needs read.
func (s *Service) Solutions(ctx context.Context, c cloud.Cloud) ([]Solution, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return solutions(ctx, s.db, c)
}

// Defaults gives the default solutions and the setting's version. Needs read.
func (s *Service) Defaults(ctx context.Context) (DefaultSolutions, setting.Row, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, setting.Row{}, err
	}
	return setting.Load(ctx, s.db, SolutionSetting, DefaultSolutions{})
}

// SetDefaults changes the default solutions and has blocked deals checked
// again. Needs change_settings.
func (s *Service) SetDefaults(ctx context.Context, d DefaultSolutions, version int64) error {
	if err := authz.Require(ctx, authz.ActionChangeSettings); err != nil {
		return err
	}
	var bad problem.List
	for c, ids := range d {
		known, err := solutions(ctx, s.db, c)
		if err != nil {
			return err
		}
		for _, x := range ids {
			if !slices.ContainsFunc(known, func(k Solution) bool { return k.RemoteID == x }) {
				bad.Add(string(c), "unknown_solution", fmt.Sprintf("%q is not a solution in %s", x, c.Portal()))
			}
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := setting.Save(ctx, tx, SolutionSetting, d, version, actor.Name); err != nil {
			return err
		}
		ids, err := recheckBlocked(ctx, tx)
		if err != nil {
			return err
		}
		return s.Wake(ctx, tx, ids...)
	})
}

// RefreshSolutions reads a portal's solutions and keeps them.
func (s *Service) RefreshSolutions(ctx context.Context, c cloud.Cloud) (int, error) {
	portal, ok := s.portals[c]
	if !ok {
		return 0, nil
	}
	list, err := portal.Solutions(ctx)
	if err != nil {
		return 0, err
	}
	return len(list), s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return saveSolutions(ctx, tx, c, list) })
}
