package registration

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// mustFollow gives nil when the two sides of r are kept the same, else the
// problem that says why not.
func (s *Service) mustFollow(r *Registration) error {
	switch {
	case s.follows(r) && r.RemoteRecord != "":
		return nil
	case r.State == StateFailed && r.RemoteID != "":
		return problem.Conflict("failed", fmt.Sprintf("%s refused a call and Tandem stopped: retry the registration first", r.Cloud.Portal()))
	}
	return problem.Conflict("not_in_portal", fmt.Sprintf("The deal is not in %s yet: change it in Salesforce", r.Cloud.Portal()))
}

// connected gives a registration with the portal that it is in.
func (s *Service) connected(ctx context.Context, q db.Queryer, registrationID string) (Registration, Portal, error) {
	r, err := ByID(ctx, q, registrationID)
	if err != nil {
		return r, nil, err
	}
	p, ok := s.portals[r.Cloud]
	if !ok {
		return r, nil, problem.Conflict("not_connected", fmt.Sprintf("%s is not connected: see Connections", r.Cloud.Portal()))
	}
	return r, p, nil
}

// Refresh has a registration's record read from its portal now, before bulk work.
// Needs sync.
func (s *Service) Refresh(ctx context.Context, registrationID string) (Registration, error) {
	if err := authz.Require(ctx, authz.ActionSync); err != nil {
		return Registration{}, err
	}
	var r Registration
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		var err error
		if r, _, err = s.connected(ctx, tx, registrationID); err != nil {
			return err
		}
		if !s.follows(&r) {
			return s.mustFollow(&r)
		}
		r.PollAt, r.DueAt = tx.Now(), tx.Now()
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		return s.wakeUrgently(ctx, tx, r.ID)
	})
	return r, err
}

// handedOver keeps that a person was asked to make the call by hand, and tells of it
// once. The registration stands where it stood until they say what came of it.
func (s *Service) handedOver(ctx context.Context, r *Registration, again time.Duration) error {
	told := r.Reason
	return s.storeUnlessMoved(ctx, r, func(tx *db.Tx) error {
		r.Attempts, r.Error, r.ErrorCode = 0, "", ""
		r.DueAt = tx.Now().Add(max(again, time.Minute))
		r.Reason = fmt.Sprintf("Waits for a person to enter it in %s", r.Cloud.Portal())
		if told == r.Reason {
			r.calls = nil
			return nil
		}
		if err := s.happened(ctx, tx, *r, authz.KindIntegration, "handed_over", "Handed over to a person: to be entered in "+r.Cloud.Portal(), ""); err != nil {
			return err
		}
		return s.tellCRM(ctx, tx, r)
	})
}

// LookNow has the engine look at an opportunity's registration in a cloud's portal
// now: a person told what they did there.
func (s *Service) LookNow(ctx context.Context, tx *db.Tx, opportunityID string, c cloud.Cloud) error {
	have, err := ByOpportunities(ctx, tx, []string{opportunityID})
	if err != nil {
		return err
	}
	for _, r := range have[opportunityID] {
		if r.Cloud != c || r.DueAt.IsZero() {
			continue
		}
		r.PollAt, r.DueAt = tx.Now(), tx.Now()
		if err := update(ctx, tx, &r); err != nil {
			return err
		}
		return s.wakeUrgently(ctx, tx, r.ID)
	}
	return nil
}

// Trial is what Put would do. Findings are what the portal would refuse; Locks are
// those of the given fields that are locked now; Sends is what would go to the
// portal at once, with what waits to be sent already; Fields are all that would
// differ from the portal's, as they would stand.
type Trial struct {
	Findings Findings
	Locks    map[string]Lock
	Sends    Values
	Fields   []Field
}

// Try says what Put would do with the same values, and changes nothing. Needs
// update.
func (s *Service) Try(ctx context.Context, registrationID string, values Values) (Trial, error) {
	if err := authz.Require(ctx, authz.ActionUpdate); err != nil {
		return Trial{}, err
	}
	r, p, err := s.connected(ctx, s.db, registrationID)
	if err != nil {
		return Trial{}, err
	}
	if err := s.mustFollow(&r); err != nil {
		return Trial{}, err
	}
	m, err := s.gather(ctx, s.db, p, &r)
	if err != nil {
		return Trial{}, err
	}
	actor, _ := authz.From(ctx)
	t := Trial{Locks: map[string]Lock{}}
	for path, value := range values {
		lock, found, err := m.put(actor, path, value, m.now)
		if err != nil {
			return Trial{}, err
		}
		if lock.Locked {
			t.Locks[path] = lock
		}
		t.Findings = append(t.Findings, found...)
	}
	slices.SortFunc(t.Findings, func(a, b Finding) int { return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Rule, b.Rule)) })
	out, err := m.merge()
	if err != nil {
		return Trial{}, err
	}
	t.Fields, t.Sends = out.fields, outgoing(out.fields)
	return t, nil
}

// Calls gives the latest calls to the portal for a registration, the newest
// first, at most 100. Needs read.
func (s *Service) Calls(ctx context.Context, registrationID string, limit int) ([]Call, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	if _, err := ByID(ctx, s.db, registrationID); err != nil {
		return nil, err
	}
	return callsOf(ctx, s.db, registrationID, min(max(limit, 1), keptCalls))
}

// CountOpen counts the fields of a status over all registrations. Needs read.
func (s *Service) CountOpen(ctx context.Context, status FieldStatus) (int64, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return 0, err
	}
	return countOpen(ctx, s.db, status)
}
