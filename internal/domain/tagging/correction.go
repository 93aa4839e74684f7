package tagging

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// CorrectionState is how far a correction is.
type CorrectionState string

// The states. Only a pending one moves on.
const (
	CorrectionPending   CorrectionState = "pending"   // on its way to Salesforce
	CorrectionWritten   CorrectionState = "written"   // Salesforce took it; the next read brings it back
	CorrectionRefused   CorrectionState = "refused"   // Salesforce said no, and why
	CorrectionOvertaken CorrectionState = "overtaken" // somebody changed the tags before it was written
	CorrectionUndone    CorrectionState = "undone"    // a person withdrew it in time
)

// Correction is a proposal that a person confirmed.
type Correction struct {
	ID            string          `db:"id"`
	OpportunityID string          `db:"opportunity_id"`
	Rule          string          `db:"rule"`
	Title         string          `db:"title"`
	Steps         db.JSON[[]Step] `db:"steps"`
	State         CorrectionState `db:"state"`
	Error         string          `db:"error"`
	AskedBy       string          `db:"asked_by"`
	AskedAt       time.Time       `db:"asked_at"`
	DoneAt        time.Time       `db:"done_at"`
}

// Correct confirms the correction that a rule proposes for a deal: Salesforce gets
// it. tags are those that the person saw. One that waits already is given as it is.
// Needs update.
func (s *Service) Correct(ctx context.Context, opportunityID, rule, tags string) (Correction, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Correction{}, err
	}
	actor, _ := authz.From(ctx)
	var c Correction
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var made bool
		var err error
		if c, made, err = s.correction(ctx, tx, opportunityID, rule, tags, actor.Name); err != nil || !made {
			return err
		}
		if err := saveCorrection(ctx, tx, &c); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, "tagging.correct", opportunityID, map[string]any{"rule": rule, "correction": c.ID, "steps": c.Steps.V}); err != nil {
			return err
		}
		return s.Write(ctx, tx)
	})
	return c, err
}

// Again asks anew for a correction that Salesforce refused, if the finding is still as
// it was then. Needs update.
func (s *Service) Again(ctx context.Context, correctionID string) (Correction, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Correction{}, err
	}
	was, err := correctionByID(ctx, s.db, correctionID)
	if err != nil {
		return Correction{}, err
	}
	if was.State != CorrectionRefused {
		return Correction{}, problem.Conflict("not_refused", "Salesforce has not refused this correction: look at the deal as it is now")
	}
	list, err := s.Of(ctx, was.OpportunityID)
	if err != nil {
		return Correction{}, err
	}
	for i := range list {
		if f := &list[i]; f.Rule.ID == was.Rule && slices.Equal(f.Steps, was.Steps.V) {
			return s.Correct(ctx, was.OpportunityID, was.Rule, f.Tags)
		}
	}
	return Correction{}, problem.Conflict("changed", "The tags or the rule were changed since: look at the deal as it is now and confirm what it proposes")
}

// Try says what Correct would do, and does nothing. Needs update.
func (s *Service) Try(ctx context.Context, opportunityID, rule, tags string) (Correction, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Correction{}, err
	}
	actor, _ := authz.From(ctx)
	var c Correction
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var made bool
		var err error
		if c, made, err = s.correction(ctx, tx, opportunityID, rule, tags, actor.Name); made {
			c.ID = ""
		}
		return err
	})
	return c, err
}

// correction gives what a finding proposes, ready to be stored, or, made false, the
// one that waits already.
func (s *Service) correction(ctx context.Context, tx *db.Tx, opportunityID, rule, tags, by string) (c Correction, made bool, err error) {
	f, err := s.present(ctx, tx, opportunityID, rule, tags)
	if err != nil {
		return c, false, err
	}
	waiting, err := s.waiting(ctx, tx, &f)
	if err != nil {
		return c, false, err
	}
	if waiting != nil {
		return *waiting, false, nil
	}
	return Correction{
		ID: id.New("cor"), OpportunityID: opportunityID, Rule: rule, Title: f.Rule.Title, Steps: db.NewJSON(f.Steps),
		State: CorrectionPending, AskedBy: by, AskedAt: tx.Now(),
	}, true, nil
}

// waiting gives the pending correction of the same finding. One of another rule that
// sets one of the same fields is a conflict: the two would undo each other.
func (s *Service) waiting(ctx context.Context, tx *db.Tx, f *Finding) (*Correction, error) {
	if len(f.Steps) == 0 {
		return nil, problem.Conflict("no_correction", "This rule proposes no correction for the deal: mend it in Salesforce")
	}
	list, err := latestCorrections(ctx, tx, []string{f.Opportunity.ID})
	if err != nil {
		return nil, err
	}
	for i := range list {
		c := &list[i]
		switch {
		case c.State != CorrectionPending:
		case c.Rule == f.Rule.ID:
			return c, nil
		case slices.ContainsFunc(c.Steps.V, func(a Step) bool {
			return slices.ContainsFunc(f.Steps, func(b Step) bool { return a.Field == b.Field })
		}):
			return nil, problem.Conflict("waits", fmt.Sprintf("Another correction of the same field waits for Salesforce: %s", c.Title))
		}
	}
	return nil, nil
}

// Withdraw takes a correction back that Salesforce has not got yet. Needs update.
func (s *Service) Withdraw(ctx context.Context, correctionID string) error {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return err
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		c, err := correctionByID(ctx, tx, correctionID)
		if err != nil {
			return err
		}
		done, err := endCorrection(ctx, tx, c.ID, CorrectionUndone, "")
		if err != nil {
			return err
		}
		if !done {
			return problem.Conflict("too_late", "It is no longer on its way: look at the deal as it is now")
		}
		return audit.Record(ctx, tx, "tagging.withdraw", c.OpportunityID, map[string]any{"correction": c.ID})
	})
}

// Pending gives what Salesforce shall have of the corrections, at most limit, with
// the correction of each. One whose deal is no longer as the person saw it is
// overtaken; nothing is written then.
func (s *Service) Pending(ctx context.Context, limit int) ([]registration.CRMChange, []Correction, error) {
	return s.pending(ctx, limit, func(c *Correction, state CorrectionState, message string) error { return s.end(ctx, c, state, message) })
}

// TryPending gives what Pending would, and ends no correction.
func (s *Service) TryPending(ctx context.Context, limit int) ([]registration.CRMChange, []Correction, error) {
	return s.pending(ctx, limit, func(*Correction, CorrectionState, string) error { return nil })
}

func (s *Service) pending(ctx context.Context, limit int, end func(*Correction, CorrectionState, string) error) ([]registration.CRMChange, []Correction, error) {
	list, err := pendingCorrections(ctx, s.db, limit)
	if err != nil {
		return nil, nil, err
	}
	var changes []registration.CRMChange
	var of []Correction
	for i := range list {
		c := &list[i]
		o, err := opportunity.ByID(ctx, s.db, c.OpportunityID)
		if err != nil {
			return nil, nil, err
		}
		t := TagsOf(&o, nil, noClouds)
		switch {
		case !stands(c.Steps.V, t, func(x Step) string { return x.Was }) && !stands(c.Steps.V, t, func(x Step) string { return x.Value }):
			err = end(c, CorrectionOvertaken, "The tags were changed in Salesforce before this was written: look at the deal as it is now")
		case stands(c.Steps.V, t, func(x Step) string { return x.Value }): // somebody did the same, or an answer was lost
			err = end(c, CorrectionWritten, "")
		default:
			change := registration.CRMChange{OpportunityCRMID: o.CRMID, Fields: map[string]string{}, ReadAt: o.CRMModstamp, MadeAt: c.AskedAt}
			for _, x := range c.Steps.V {
				change.Fields["opportunity."+string(x.Field)] = x.Value
			}
			changes, of = append(changes, change), append(of, *c)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return changes, of, nil
}

func stands(steps []Step, t Tags, value func(Step) string) bool {
	for _, x := range steps {
		if t.kept(x.Field) != value(x) {
			return false
		}
	}
	return true
}

// Written keeps how the writing of a correction went. A record that had changed
// leaves it pending until the next read says how; a refusal that passes does, too.
func (s *Service) Written(ctx context.Context, c *Correction, cause error) error {
	switch {
	case cause == nil:
		return s.end(ctx, c, CorrectionWritten, "")
	case problem.Is(cause, problem.KindPrecondition) || problem.RetryOf(cause) != problem.RetryHuman:
		return nil
	}
	return s.end(ctx, c, CorrectionRefused, cause.Error())
}

func (s *Service) end(ctx context.Context, c *Correction, state CorrectionState, message string) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		done, err := endCorrection(ctx, tx, c.ID, state, message)
		if err != nil || !done {
			return err
		}
		return audit.Record(ctx, tx, "tagging."+string(state), c.OpportunityID, map[string]any{"correction": c.ID, "error": message})
	})
}
