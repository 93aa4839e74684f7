package registration

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Stop is what keeps a deal from a portal: the id of the record that does, and why,
// in words. The zero value is nothing.
type Stop struct {
	By     string
	Reason string
}

// CodeOffRoute is the code of the conflict that a person's wish to register meets
// where the deal is kept from the portal.
const CodeOffRoute = "off_route"

func (x Stop) problem() error {
	if x.By == "" {
		return nil
	}
	return problem.Conflict(CodeOffRoute, "This is not sent. "+x.Reason+" (see the route conflict on the deal's page)")
}

// beforePartner are the states in which the partner has not been asked to take the
// deal.
var beforePartner = []State{StateChecking, StateBlocked, StateCreating, StateCreated, StateAssociated, StateOffRoute}

// withPartner reports whether the deal was submitted to the partner, also where it
// failed since.
func (r *Registration) withPartner() bool {
	at := cmp.Or(r.FailedFrom, r.State)
	return at != StateWithdrawn && at != StateFailed && !slices.Contains(beforePartner, at)
}

// stopped keeps a registration back that is not with the partner yet, if something
// stops it. One whose create may have been sent is looked for first: what the portal
// has, it has.
func (s *Service) stopped(ctx context.Context, r *Registration) (bool, error) {
	if r.State == StateCreating || !slices.Contains(beforePartner, r.State) {
		return false, nil
	}
	stop, err := s.Stop(ctx, s.db, r.OpportunityID, r.Cloud)
	if err != nil || stop.By == "" {
		return false, err
	}
	return true, s.keepBack(ctx, r, stop)
}

// keepBack puts r off its route. It goes on where it stood when nothing stops it any
// more; a create that was decided is decided anew then, and the token says that the
// portal is to be searched first.
func (s *Service) keepBack(ctx context.Context, r *Registration, stop Stop) error {
	return s.save(ctx, r, func(tx *db.Tx) error {
		switch r.State {
		case StateCreated, StateAssociated:
			r.FailedFrom = r.State
		case StateCreating:
			r.FailedFrom, r.Payload = StateChecking, ""
			if r.CreateToken != "" {
				r.CreateToken = newToken()
			}
		default:
			r.FailedFrom = StateChecking
		}
		r.Reason, r.StoppedBy, r.DueAt = stop.Reason, stop.By, time.Time{}
		r.Findings, r.Blocking, r.Error, r.ErrorCode, r.Attempts = nil, 0, "", "", 0
		if err := r.move(StateOffRoute, tx.Now()); err != nil {
			return err
		}
		return s.tellCRM(ctx, tx, r)
	})
}

// Rerouted has the registrations of an opportunity looked at again after the answer
// of Stop changed: one that is kept back and is no longer stopped goes on by itself.
func (s *Service) Rerouted(ctx context.Context, tx *db.Tx, opportunityID string) error {
	if err := holdDeal(ctx, tx, opportunityID); err != nil {
		return err
	}
	have, err := ByOpportunities(ctx, tx, []string{opportunityID})
	if err != nil {
		return err
	}
	for _, r := range have[opportunityID] {
		if r.State != StateOffRoute {
			continue
		}
		stop, err := s.Stop(ctx, tx, opportunityID, r.Cloud)
		if err != nil {
			return err
		}
		if stop.By != "" {
			if stop.By == r.StoppedBy && stop.Reason == r.Reason {
				continue
			}
			r.Reason, r.StoppedBy = stop.Reason, stop.By
			if err := s.tellCRM(ctx, tx, &r); err != nil {
				return err
			}
			if err := update(ctx, tx, &r); err != nil {
				return err
			}
			continue
		}
		if err := s.again(&r, tx.Now()); err != nil {
			return err
		}
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		if err := s.Wake(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	return nil
}

// withdraw ends a registration that never reached the portal.
func (s *Service) withdraw(ctx context.Context, tx *db.Tx, r *Registration, why string) error {
	r.Reason, r.DueAt, r.Findings, r.Blocking = why, time.Time{}, nil, 0
	r.Error, r.ErrorCode, r.FailedFrom, r.StoppedBy = "", "", "", ""
	if err := r.move(StateWithdrawn, tx.Now()); err != nil {
		return err
	}
	if r.CRMRowID == "" { // Salesforce was never told of it
		return nil
	}
	return s.tellCRM(ctx, tx, r)
}
