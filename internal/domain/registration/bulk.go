package registration

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Assigner is a portal in which one of our people can be named as the one who
// works a deal.
type Assigner interface {
	// Assign names the person. To name the same person again is no error.
	Assign(ctx context.Context, remoteID string, to opportunity.Member) error
	// CheckAssignee says, without asking the portal, what it would refuse of the
	// person; "" is nothing.
	CheckAssignee(to opportunity.Member) string
}

// Stager is a portal whose deals move through stages.
type Stager interface {
	// StageField is the path of the stage among Fields.
	StageField() string
	// Stages lists the portal's words for the stages, in their order.
	Stages() []string
}

// Change is what Put would do to one field now. Before and Portal are our value and
// the portal's; Lock says whether it would wait, or never be taken; Refused is what
// the portal would refuse of it, "" for nothing.
type Change struct {
	Registration Registration
	Before       string
	Portal       string
	Lock         Lock
	Refused      string
}

// TryPut says what Put would do to one field, and changes nothing. Needs update.
func (s *Service) TryPut(ctx context.Context, registrationID, path, value string) (Change, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Change{}, err
	}
	var c Change
	var p Portal
	var err error
	if c.Registration, p, err = s.connected(ctx, s.db, registrationID); err != nil {
		return c, err
	}
	r := &c.Registration
	if err := s.mustFollow(r); err != nil {
		return c, err
	}
	m, err := s.gather(ctx, s.db, p, r)
	if err != nil {
		return c, err
	}
	if value, err = canonical(value); err != nil {
		return c, problem.Invalid(path, "malformed", "The value is no JSON: "+err.Error())
	}
	theirs, err := p.Theirs(json.RawMessage(r.RemoteRecord))
	if err != nil {
		return c, err
	}
	c.Before, c.Portal, c.Lock = p.Ours(m.deal)[path], theirs[path], p.Locked(r.RemoteStatus, r.RemoteStage, path)
	if i := slices.IndexFunc(m.edits, func(e Edit) bool { return e.Path == path }); i >= 0 {
		c.Before = m.edits[i].Value
	}
	if !slices.ContainsFunc(m.before, func(f Field) bool { return f.Path == path }) {
		c.Before = c.Portal // settled: what the portal holds is what both agreed on
	}
	found, err := p.CheckChanges(m.deal, json.RawMessage(r.RemoteRecord), Values{path: value})
	for _, x := range found {
		if x.Severity == SeverityError && within(x.Field, path) && c.Refused == "" {
			c.Refused = x.Message + ". " + x.Mend
		}
	}
	return c, err
}

// Assign names one of our people in the portal as the one who works the deal. It is
// safe to repeat. also is run in the transaction that keeps that the portal took it;
// nil is nothing. Needs update.
func (s *Service) Assign(ctx context.Context, registrationID string, to opportunity.Member, also func(ctx context.Context, tx *db.Tx) error) error {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return err
	}
	r, a, err := s.assignable(ctx, registrationID, to)
	if err != nil {
		return err
	}
	// What the portal is told cannot be rolled back: it is asked for before.
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		return s.Gate(ctx, tx, Act{Action: authz.ActionUpdate, OpportunityID: r.OpportunityID, Cloud: r.Cloud, Registration: &r})
	})
	if err != nil {
		return err
	}
	if err := a.Assign(ctx, r.RemoteID, to); err != nil {
		return err
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := audit.Record(ctx, tx, "registration.assign", r.ID, map[string]any{"assignee": to.Name, "email": to.Email}); err != nil {
			return err
		}
		if err := s.happened(ctx, tx, r, authz.KindIntegration, "assigned", fmt.Sprintf("Assigned to %s in %s (%s)", to.Name, r.Cloud.Portal(), r.RemoteID), ""); err != nil || also == nil {
			return err
		}
		return also(ctx, tx)
	})
}

// CheckAssign says whether Assign could be sent; it changes and asks nothing. Needs
// update.
func (s *Service) CheckAssign(ctx context.Context, registrationID string, to opportunity.Member) error {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return err
	}
	_, _, err := s.assignable(ctx, registrationID, to)
	return err
}

func (s *Service) assignable(ctx context.Context, registrationID string, to opportunity.Member) (Registration, Assigner, error) {
	r, p, err := s.connected(ctx, s.db, registrationID)
	if err != nil {
		return r, nil, err
	}
	a, ok := p.(Assigner)
	if !ok {
		return r, nil, problem.Conflict("not_supported", fmt.Sprintf("%s knows no assignee", r.Cloud.Portal()))
	}
	if r.RemoteID == "" {
		return r, nil, problem.Conflict("not_in_portal", fmt.Sprintf("The deal is not in %s yet: register it first", r.Cloud.Portal()))
	}
	if why := a.CheckAssignee(to); why != "" {
		return r, nil, problem.Invalid("assignee", "incomplete", why)
	}
	return r, a, nil
}

// ResendEdit has a value that Salesforce refused written again, as after mending
// what it refused. Needs update.
func (s *Service) ResendEdit(ctx context.Context, registrationID, path string) error {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return err
	}
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		n, err := resendEdit(ctx, tx, registrationID, path)
		if err != nil {
			return err
		}
		if n == 0 {
			return problem.NotFound("refused edit", path)
		}
		if err := audit.Record(ctx, tx, "registration.resend_edit", registrationID, map[string]any{"path": path}); err != nil {
			return err
		}
		return s.Write(ctx, tx)
	})
}
