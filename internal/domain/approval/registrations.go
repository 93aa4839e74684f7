package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Result is how a wish about a registration went: done, and then Registration is
// as it stands now, or waiting for a Director.
type Result struct {
	Registration registration.Registration
	Waiting      *Request // nil: done
}

func (s *Service) result(ctx context.Context, r *Request, err error, opportunityID string, c cloud.Cloud) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	have, err := registration.ByOpportunities(ctx, s.db, []string{opportunityID})
	if err != nil {
		return Result{}, err
	}
	out := Result{Waiting: r}
	for _, x := range have[opportunityID] {
		if x.Cloud == c {
			out.Registration = x
		}
	}
	return out, nil
}

// submits reports whether registering r anew sends something to the portal that
// would not go out by itself.
func submits(r *registration.Registration) bool {
	if r == nil {
		return true
	}
	switch r.State {
	case registration.StateBlocked, registration.StateWithdrawn, registration.StateFailed, registration.StateOffRoute, registration.StateElsewhere:
		return true
	}
	return false
}

func standing(ctx context.Context, q db.Queryer, opportunityID string, c cloud.Cloud) (*registration.Registration, error) {
	have, err := registration.ByOpportunities(ctx, q, []string{opportunityID})
	if err != nil {
		return nil, err
	}
	for _, r := range have[opportunityID] {
		if r.Cloud == c {
			return &r, nil
		}
	}
	return nil, nil
}

func stateOf(r *registration.Registration) registration.State {
	if r == nil {
		return ""
	}
	return r.State
}

type registerArguments struct {
	OpportunityID string             `json:"opportunity_id"`
	Cloud         cloud.Cloud        `json:"cloud"`
	Seen          registration.State `json:"seen"` // "" for none yet
}

// Register registers an opportunity with a cloud, or tries again what failed. What
// is with the partner already is only looked at again, which needs no approval.
// Needs register.
func (s *Service) Register(ctx context.Context, opportunityID string, c cloud.Cloud) (Result, error) {
	if err := authz.Require(ctx, authz.ActionRegister); err != nil {
		return Result{}, err
	}
	now, err := standing(ctx, s.db, opportunityID, c)
	if err != nil {
		return Result{}, err
	}
	if !submits(now) {
		r, _, err := s.registrations.Register(ctx, opportunityID, c, false)
		return Result{Registration: r}, err
	}
	w := Wish{
		Name: WishRegister, Action: authz.ActionRegister, Subject: opportunityID, Part: string(c), OpportunityID: opportunityID, Cloud: c,
		Title: "Submit to " + c.Portal(), Arguments: registerArguments{OpportunityID: opportunityID, Cloud: c, Seen: stateOf(now)},
	}
	if now != nil && now.State == registration.StateFailed {
		w.Title, w.Details = "Try again in "+c.Portal(), []string{now.Error}
	}
	r, err := s.Do(ctx, w)
	return s.result(ctx, r, err, opportunityID, c)
}

func (s *Service) runRegister(ctx context.Context, tx *db.Tx, r *Request) error {
	var a registerArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	now, err := standing(ctx, tx, a.OpportunityID, a.Cloud)
	if err != nil {
		return err
	}
	if stateOf(now) != a.Seen {
		return movedOn(fmt.Sprintf("It moved on since it was asked for: at %s it is now “%s”", a.Cloud.Label(), stateOf(now).Label()))
	}
	_, err = s.registrations.RegisterTx(ctx, tx, a.OpportunityID, a.Cloud)
	return err
}

type jointArguments struct {
	OpportunityID string      `json:"opportunity_id"`
	Cloud         cloud.Cloud `json:"cloud"`
	Joint         *bool       `json:"joint"`
	Reason        string      `json:"reason"`
	Seen          string      `json:"seen"`
}

// MarkJoint says that an opportunity is joint with a cloud (joint true), is not
// (false), or that the rule shall decide again (nil). What becomes joint and is one
// that the team registers is submitted by that, so it is decided on like Register.
// Needs mark_joint.
func (s *Service) MarkJoint(ctx context.Context, opportunityID string, c cloud.Cloud, joint *bool, reason string) (Result, error) {
	if err := authz.Require(ctx, authz.ActionMarkJoint); err != nil {
		return Result{}, err
	}
	sends, err := s.sends(ctx, opportunityID, c, joint)
	if err != nil {
		return Result{}, err
	}
	if !sends {
		err := s.opportunities.MarkJoint(ctx, opportunityID, c, joint, reason)
		return s.result(ctx, nil, err, opportunityID, c)
	}
	seen, err := jointSeen(ctx, s.db, opportunityID, c)
	if err != nil {
		return Result{}, err
	}
	w := Wish{
		Name: WishMarkJoint, Action: authz.ActionRegister, Subject: opportunityID, Part: string(c), OpportunityID: opportunityID, Cloud: c,
		Title:     "Mark as joint with " + c.Label() + " and submit to " + c.Portal(),
		Arguments: jointArguments{OpportunityID: opportunityID, Cloud: c, Joint: joint, Reason: reason, Seen: seen},
	}
	if reason != "" {
		w.Details = []string{"Because: " + reason}
	}
	r, err := s.Do(ctx, w)
	return s.result(ctx, r, err, opportunityID, c)
}

// sends reports whether a joint decision has the engine submit the deal.
func (s *Service) sends(ctx context.Context, opportunityID string, c cloud.Cloud, joint *bool) (bool, error) {
	if _, connected := s.registrations.Portal(c); !connected || joint != nil && !*joint {
		return false, nil
	}
	o, err := opportunity.ByID(ctx, s.db, opportunityID)
	if err != nil {
		return false, err
	}
	m, err := s.opportunities.Matcher(ctx, s.db)
	if err != nil {
		return false, err
	}
	if ok, _ := m.Registrable(&o, c); !ok {
		return false, nil
	}
	if joint == nil && !slices.ContainsFunc(m.Joint(&o), func(j opportunity.Joint) bool { return j.Cloud == c && j.Joint }) {
		return false, nil
	}
	now, err := standing(ctx, s.db, opportunityID, c)
	return err == nil && submits(now), err
}

func jointSeen(ctx context.Context, q db.Queryer, opportunityID string, c cloud.Cloud) (string, error) {
	list, err := opportunity.JointOf(ctx, q, []string{opportunityID})
	if err != nil {
		return "", err
	}
	for _, j := range list[opportunityID] {
		if j.Cloud == c {
			return fmt.Sprintf("%s:%t", j.Source, j.Joint), nil
		}
	}
	return "", nil
}

func (s *Service) runMarkJoint(ctx context.Context, tx *db.Tx, r *Request) error {
	var a jointArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	seen, err := jointSeen(ctx, tx, a.OpportunityID, a.Cloud)
	if err != nil {
		return err
	}
	if seen != a.Seen {
		return movedOn("Somebody, or the rule, decided anew whether it is joint with " + a.Cloud.Label() + " since it was asked for")
	}
	return s.opportunities.MarkJointTx(ctx, tx, a.OpportunityID, a.Cloud, a.Joint, a.Reason)
}

type putArguments struct {
	RegistrationID string                       `json:"registration_id"`
	Values         registration.Values          `json:"values"`
	Seen           map[string]registration.Pair `json:"seen"`
	Labels         map[string]string            `json:"labels"`
	Words          map[string]string            `json:"words"` // each change for people: "Call → Sign"
}

// Put sets fields of a registered deal in the portal, and in Salesforce where it
// has them. Needs update, or launch or close for what ends the deal.
func (s *Service) Put(ctx context.Context, registrationID string, values registration.Values) (Result, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Result{}, err
	}
	reg, err := registration.ByID(ctx, s.db, registrationID)
	if err != nil {
		return Result{}, err
	}
	a := putArguments{RegistrationID: registrationID, Values: values, Labels: map[string]string{}, Words: map[string]string{}}
	var paths []string
	for path := range values {
		paths = append(paths, path)
		a.Labels[path] = s.registrations.FieldLabel(reg.Cloud, path)
	}
	if a.Seen, err = s.registrations.Standing(ctx, s.db, registrationID, paths); err != nil {
		return Result{}, err
	}
	for _, path := range paths {
		a.Words[path] = s.shown(reg.Cloud, path, a.Seen[path].Theirs) + " → " + s.shown(reg.Cloud, path, values[path])
	}
	w := Wish{
		Name: WishPut, Action: s.registrations.ActionOf(reg.Cloud, values), Subject: registrationID, OpportunityID: reg.OpportunityID, Cloud: reg.Cloud,
		Title: putTitle(s.registrations.ActionOf(reg.Cloud, values), reg.Cloud, len(values)), Details: a.lines(), Arguments: a,
	}
	r, err := s.Do(ctx, w)
	return s.result(ctx, r, err, reg.OpportunityID, reg.Cloud)
}

func putTitle(action authz.Action, c cloud.Cloud, fields int) string {
	switch {
	case action == authz.ActionLaunch:
		return "Launch in " + c.Portal()
	case action == authz.ActionClose:
		return "Close as lost in " + c.Portal()
	case fields == 1:
		return "Change a field in " + c.Portal()
	}
	return fmt.Sprintf("Change %d fields in %s", fields, c.Portal())
}

// lines says each change in words: "Next steps: Call → Sign".
func (a *putArguments) lines() []string {
	var out []string
	for path := range a.Values {
		out = append(out, a.Labels[path]+": "+a.Words[path])
	}
	slices.Sort(out)
	return out
}

// shown writes a field's value for people.
func (s *Service) shown(c cloud.Cloud, path, value string) string {
	if text := s.registrations.FieldText(c, path, value); text != "" && text != "null" {
		return text
	}
	return "nothing"
}

// mergePut joins the newer values with the older ones of other fields: nothing
// that was asked for is lost.
func mergePut(older, newer *Request) error {
	var a, b putArguments
	if err := older.Read(&a); err != nil {
		return err
	}
	if err := newer.Read(&b); err != nil {
		return err
	}
	for path, value := range a.Values {
		if _, again := b.Values[path]; again {
			continue
		}
		b.Values[path], b.Seen[path], b.Labels[path], b.Words[path] = value, a.Seen[path], a.Labels[path], a.Words[path]
	}
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("join two requests: %w", err)
	}
	newer.Arguments, newer.Details = string(text), db.NewJSON(b.lines())
	newer.Title = putTitle(newer.Action, newer.Cloud, len(b.Values))
	return nil
}

func (s *Service) runPut(ctx context.Context, tx *db.Tx, r *Request) error {
	var a putArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	paths := make([]string, 0, len(a.Values))
	for path := range a.Values {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	now, err := s.registrations.Standing(ctx, tx, a.RegistrationID, paths)
	if err != nil {
		return err
	}
	for _, path := range paths {
		if now[path] != a.Seen[path] {
			return movedOn(fmt.Sprintf("%s changed since it was asked for: it was %s and is now %s", a.Labels[path], s.shown(r.Cloud, path, a.Seen[path].Theirs), s.changed(r.Cloud, path, a.Seen[path], now[path])))
		}
	}
	_, err = s.registrations.PutTx(ctx, tx, a.RegistrationID, a.Values)
	return err
}

// changed gives what is new of a field: the portal's value, or ours.
func (s *Service) changed(c cloud.Cloud, path string, before, now registration.Pair) string {
	if now.Theirs != before.Theirs {
		return s.shown(c, path, now.Theirs)
	}
	return s.shown(c, path, now.Ours) + " on our side"
}

type settleArguments struct {
	RegistrationID string              `json:"registration_id"`
	Path           string              `json:"path"`
	Choice         registration.Choice `json:"choice"`
	Ours           string              `json:"ours"`
	Theirs         string              `json:"theirs"`
	Value          string              `json:"value"`
}

// Settle decides a conflict; see registration.Service.Settle. Needs update, or
// launch or close for what ends the deal.
func (s *Service) Settle(ctx context.Context, registrationID, path string, choice registration.Choice, ours, theirs, value string) (Result, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Result{}, err
	}
	reg, err := registration.ByID(ctx, s.db, registrationID)
	if err != nil {
		return Result{}, err
	}
	label := s.registrations.FieldLabel(reg.Cloud, path)
	goes, what := registration.Values{}, "each side keeps its own"
	switch choice {
	case registration.ChoiceOurs:
		goes[path], what = ours, "ours, "+s.shown(reg.Cloud, path, ours)+", instead of "+s.shown(reg.Cloud, path, theirs)
	case registration.ChoiceTheirs:
		what = "theirs, " + s.shown(reg.Cloud, path, theirs) + ", instead of " + s.shown(reg.Cloud, path, ours)
	case registration.ChoiceEdit:
		goes[path], what = value, s.shown(reg.Cloud, path, value)+" on both sides"
	}
	r, err := s.Do(ctx, Wish{
		Name: WishSettle, Action: s.registrations.ActionOf(reg.Cloud, goes), Subject: registrationID, Part: path, OpportunityID: reg.OpportunityID, Cloud: reg.Cloud,
		Title: "Settle the conflict on " + label, Details: []string{label + ": " + what},
		Arguments: settleArguments{RegistrationID: registrationID, Path: path, Choice: choice, Ours: ours, Theirs: theirs, Value: value},
	})
	if problem.Is(err, problem.KindPrecondition) {
		if fresh := s.registrations.Recompare(ctx, registrationID); fresh != nil {
			return Result{}, fresh
		}
	}
	return s.result(ctx, r, err, reg.OpportunityID, reg.Cloud)
}

func (s *Service) runSettle(ctx context.Context, tx *db.Tx, r *Request) error {
	var a settleArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	_, err := s.registrations.SettleTx(ctx, tx, a.RegistrationID, a.Path, a.Choice, a.Ours, a.Theirs, a.Value)
	return err
}

// movedOn is what an executor gives when what was asked for is out of date.
func movedOn(message string) error {
	return &problem.Error{Kind: problem.KindPrecondition, Code: registration.CodeMovedOn, Message: message}
}

type resendArguments struct {
	RegistrationID string `json:"registration_id"`
}

// Resend tries the refused fields of a registration again. Needs update.
func (s *Service) Resend(ctx context.Context, registrationID string) (Result, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Result{}, err
	}
	reg, err := registration.ByID(ctx, s.db, registrationID)
	if err != nil {
		return Result{}, err
	}
	r, err := s.Do(ctx, Wish{
		Name: WishResend, Action: authz.ActionUpdate, Subject: registrationID, OpportunityID: reg.OpportunityID, Cloud: reg.Cloud,
		Title: "Send again what " + reg.Cloud.Portal() + " refused", Arguments: resendArguments{RegistrationID: registrationID},
	})
	return s.result(ctx, r, err, reg.OpportunityID, reg.Cloud)
}

func (s *Service) runResend(ctx context.Context, tx *db.Tx, r *Request) error {
	var a resendArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	_, err := s.registrations.ResendTx(ctx, tx, a.RegistrationID)
	return err
}
