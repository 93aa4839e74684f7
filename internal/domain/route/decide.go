package route

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/setting"
)

// The names of the wishes of this package.
const (
	WishDecide = "decide_route"
	WishReopen = "reopen_route"
)

// Result is how a decision went: done, and then Conflict is as it stands now, or
// waiting for a Director.
type Result struct {
	Conflict Conflict
	Waiting  *approval.Request // nil: done
}

type decideArguments struct {
	ConflictID string   `json:"conflict_id"`
	Version    int64    `json:"version"`
	Decision   Decision `json:"decision"`
}

type reopenArguments struct {
	ConflictID string `json:"conflict_id"`
	Version    int64  `json:"version"`
	Reason     string `json:"reason"`
}

// wish gives what the policies look at of a decision on a conflict.
func (s *Service) wish(ctx context.Context, q db.Queryer, c *Conflict, name string) (approval.Wish, error) {
	w := approval.Wish{Name: name, Action: authz.ActionDecideRoute, Subject: c.ID, OpportunityID: c.OpportunityID}
	o, err := opportunity.ByID(ctx, q, c.OpportunityID)
	if err != nil {
		return w, err
	}
	actor, _ := authz.From(ctx)
	crmID, err := crmIDOf(ctx, q, actor.ID)
	w.Own = crmID != "" && crmID == o.OwnerCRMID
	return w, err
}

// Decide settles whose route the deal goes by, or asks a Director to, where the
// policies want that. version is that of the conflict as the person saw it: if
// somebody decided or the evidence changed meanwhile, it is a problem of kind
// precondition and nothing is done. Needs decide_route.
func (s *Service) Decide(ctx context.Context, conflictID string, version int64, d Decision) (Result, error) {
	if err := authz.Require(ctx, authz.ActionDecideRoute); err != nil {
		return Result{}, err
	}
	c, err := byID(ctx, s.db, conflictID)
	if err != nil {
		return Result{}, err
	}
	if err := c.canDecide(version); err != nil {
		return Result{}, err
	}
	if err := d.validate(&c); err != nil {
		return Result{}, err
	}
	w, err := s.wish(ctx, s.db, &c, WishDecide)
	if err != nil {
		return Result{}, err
	}
	w.Title = "Decide the route: " + c.PartyLabel(d.Winner)
	w.Details = append([]string{c.Claims.V.names() + " claim the deal: " + c.Title, "Because: " + d.Reason}, d.steps()...)
	w.Arguments = decideArguments{ConflictID: conflictID, Version: version, Decision: d}
	return s.do(ctx, w, conflictID)
}

// Reopen has a decided conflict decided again, with a reason. Needs decide_route.
func (s *Service) Reopen(ctx context.Context, conflictID string, version int64, reason string) (Result, error) {
	if err := authz.Require(ctx, authz.ActionDecideRoute); err != nil {
		return Result{}, err
	}
	reason = strings.TrimSpace(reason)
	if n := len([]rune(reason)); n == 0 || n > maxReason {
		return Result{}, problem.Invalid("reason", "length", "Say in 1 to 2000 characters why it is to be decided again")
	}
	c, err := byID(ctx, s.db, conflictID)
	if err != nil {
		return Result{}, err
	}
	if err := c.canReopen(version); err != nil {
		return Result{}, err
	}
	w, err := s.wish(ctx, s.db, &c, WishReopen)
	if err != nil {
		return Result{}, err
	}
	w.Title, w.Details = "Decide the route again", []string{"Decided was: " + c.PartyLabel(c.Winner), "Because: " + reason}
	w.Arguments = reopenArguments{ConflictID: conflictID, Version: version, Reason: reason}
	return s.do(ctx, w, conflictID)
}

func (s *Service) do(ctx context.Context, w approval.Wish, conflictID string) (Result, error) {
	waiting, err := s.approvals.Do(ctx, w)
	if err != nil {
		return Result{}, err
	}
	c, err := byID(ctx, s.db, conflictID)
	return Result{Conflict: c, Waiting: waiting}, err
}

// movedOn says that a conflict is no longer as the person saw it.
func (c *Conflict) movedOn() error {
	text := "The evidence changed while you were deciding, and nothing was done: look at it as it is now"
	switch c.State {
	case StateDecided:
		text = fmt.Sprintf("%s decided it meanwhile: %s. Nothing was done", c.DecidedByName, c.PartyLabel(c.Winner))
	case StateEnded:
		text = "It is over meanwhile, and nothing was done: " + c.EndedWhy
	}
	err := problem.Precondition("route_conflict", c.ID)
	err.Code, err.Message = registration.CodeMovedOn, text
	return err
}

func (c *Conflict) canDecide(version int64) error {
	switch {
	case version != 0 && version != c.Version:
		return c.movedOn()
	case c.State == StateDecided:
		return problem.Conflict("already_decided", "This is decided already: reopen it to decide it again")
	case c.State == StateEnded:
		return problem.Conflict("ended", "There is nothing to decide: "+c.EndedWhy)
	}
	return nil
}

func (c *Conflict) canReopen(version int64) error {
	switch {
	case version != 0 && version != c.Version:
		return c.movedOn()
	case c.State.Open():
		return problem.Conflict("already_open", "It waits for a decision already")
	case c.State == StateEnded:
		return problem.Conflict("ended", "There is nothing to decide: "+c.EndedWhy)
	}
	return nil
}

// steps are the next steps in words.
func (d *Decision) steps() []string {
	var out []string
	add := func(whose, text string, on date.Date) {
		if text == "" {
			return
		}
		if !on.IsZero() {
			text += " (by " + string(on) + ")"
		}
		out = append(out, whose+": "+text)
	}
	add("We", d.OurStep, d.OurStepOn)
	add("They", d.TheirStep, d.TheirStepOn)
	return out
}

// runDecide does a decision. One that a Director approved is the Director's: who
// asked for it stands in the history.
func (s *Service) runDecide(ctx context.Context, tx *db.Tx, r *approval.Request) error {
	var a decideArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	c, err := lock(ctx, tx, a.ConflictID)
	if err != nil {
		return err
	}
	if err := c.canDecide(a.Version); err != nil {
		return err
	}
	d := a.Decision
	if err := d.validate(&c); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	c.State, c.Winner, c.Reason, c.DecidedClaims = StateDecided, d.Winner, d.Reason, c.Claims
	c.OurStep, c.OurStepOn, c.TheirStep, c.TheirStepOn = d.OurStep, d.OurStepOn, d.TheirStep, d.TheirStepOn
	c.DecidedBy, c.DecidedByName, c.DecidedAt = actor.ID, actor.Name, tx.Now()
	body := append([]string{d.Reason}, d.steps()...)
	if r.DecidedBy != "" {
		c.DecidedBy, c.DecidedByName = r.DecidedBy, r.DecidedByName
		body = append(body, "As "+r.RequestedByName+" asked")
	}
	return s.moved(ctx, tx, &c, "decided", "Route decided: "+c.PartyLabel(c.Winner), strings.Join(body, "\n"))
}

func (s *Service) runReopen(ctx context.Context, tx *db.Tx, r *approval.Request) error {
	var a reopenArguments
	if err := r.Read(&a); err != nil {
		return err
	}
	c, err := lock(ctx, tx, a.ConflictID)
	if err != nil {
		return err
	}
	if err := c.canReopen(a.Version); err != nil {
		return err
	}
	rules, _, err := setting.Load(ctx, tx, RulesSetting, DefaultRules())
	if err != nil {
		return err
	}
	days := 2 // of a rule that is gone
	if i := slices.IndexFunc(rules, func(x Rule) bool { return x.ID == c.Rule }); i >= 0 {
		days = rules[i].Days
	}
	c.State, c.DueOn = StateReopened, date.Of(tx.Now()).AddWorkingDays(days)
	return s.moved(ctx, tx, &c, "reopened", "To be decided again: the route was "+c.PartyLabel(c.Winner), a.Reason)
}

// moved stores what a person did with a conflict: requests that wait about it are
// out of date, and its registrations are looked at again.
func (s *Service) moved(ctx context.Context, tx *db.Tx, c *Conflict, kind, subject, body string) error {
	if err := update(ctx, tx, c); err != nil {
		return err
	}
	if err := s.tell(ctx, tx, c, kind, subject, body); err != nil {
		return err
	}
	if err := s.approvals.Overtake(ctx, tx, c.ID, subject); err != nil {
		return err
	}
	return s.registrations.Rerouted(ctx, tx, c.OpportunityID)
}
