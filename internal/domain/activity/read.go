package activity

import (
	"context"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Import takes records from Salesforce, at most 500 at a time, in the transaction of
// the mirror, and gives how many were news. Those on watched opportunities stand on
// their timeline; what Tandem itself wrote is no news unless somebody changed it there.
// A record no newer than the stored one is left alone.
func (s *Service) Import(ctx context.Context, tx *db.Tx, list []Remote) (int, error) {
	keys := make([]string, 0, 2*len(list))
	whats := make([]string, 0, len(list))
	for i := range list {
		keys = append(keys, list[i].CRMID)
		if list[i].Key != "" {
			keys = append(keys, list[i].Key)
		}
		if list[i].WhatCRMID != "" {
			whats = append(whats, list[i].WhatCRMID)
		}
	}
	known, err := byKeys(ctx, tx, keys)
	if err != nil {
		return 0, err
	}
	watched, err := watchedBy(ctx, tx, whats)
	if err != nil {
		return 0, err
	}
	n := 0
	var made []Activity
	for i := range list {
		r := &list[i]
		if a, ok := known[r.Key]; ok && r.Key != "" {
			news, err := s.reread(ctx, tx, &a, r)
			if err != nil {
				return n, err
			}
			known[r.Key] = a
			if news {
				n++
			}
			continue
		}
		old, had := known[r.CRMID]
		if had && !r.Stamp.After(old.CRMStamp) {
			continue
		}
		deal := watched[r.WhatCRMID]
		if !had && (deal == "" || r.Deleted || r.Hidden) {
			continue
		}
		a := fromCRM(tx, r, deal)
		if had {
			a.ID, a.Version, a.CreatedAt = old.ID, old.Version+1, old.CreatedAt
			if deal == "" { // it was moved to a record that nobody watches
				a.OpportunityID, a.GoneAt = old.OpportunityID, tx.Now()
			}
		}
		made, n = append(made, a), n+1
		known[r.CRMID] = a
	}
	return n, importAll(ctx, tx, made)
}

// fromCRM makes the activity of a record that was made in Salesforce.
func fromCRM(tx *db.Tx, r *Remote, opportunityID string) Activity {
	a := Activity{
		ID: id.New("act"), CRMKey: r.CRMID, OpportunityID: opportunityID, Origin: OriginCRM, Kind: r.Kind, Subject: r.Face.Subject, Body: r.Face.Notes,
		Location: r.Face.Location, StartsAt: r.Face.StartsAt, EndsAt: r.Face.EndsAt, On: r.Face.On, Minutes: r.Face.Minutes, OwnerCRMID: r.Face.OwnerCRMID,
		OwnerName: r.OwnerName, Done: r.Done, ActorKind: authz.KindPerson, ActorName: r.MadeBy, HappenedAt: r.HappenedAt, CRMObject: r.Object,
		CRMState: CRMStateLogged, CRMTaskID: r.CRMID, CRMStamp: r.Stamp, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Version: 1,
	}
	if r.OwnerName != "" { // who did it, whichever program made the record
		a.ActorName = r.OwnerName
	}
	if r.WhoName != "" {
		a.Attendees.V = []Attendee{{Name: r.WhoName, Side: SideCustomer}}
	}
	if r.Face.Cancelled {
		a.CancelledAt = r.Stamp
	}
	if r.Deleted || r.Hidden {
		a.GoneAt = tx.Now()
	}
	return a
}

// reread compares one of our own records with what was agreed. What waits to be written
// is left to the writing, which looks and merges.
func (s *Service) reread(ctx context.Context, tx *db.Tx, a *Activity, r *Remote) (bool, error) {
	if !r.Stamp.After(a.CRMStamp) {
		return false, nil
	}
	if a.Origin == OriginEngine {
		return s.rereadEngine(ctx, tx, a, r)
	}
	if a.CRMState != CRMStateLogged || a.Agreed.V == nil {
		return false, nil
	}
	a.CRMStamp = r.Stamp
	switch {
	case r.Deleted && a.GoneAt.IsZero():
		a.GoneAt = tx.Now()
		if err := s.tellAs(ctx, tx, a, authz.KindIntegration, r.ChangedBy, "gone", "deleted it in Salesforce", ""); err != nil {
			return false, err
		}
		if err := s.Changed(ctx, tx, a); err != nil {
			return false, err
		}
		return true, update(ctx, tx, a)
	case r.Deleted:
		return false, update(ctx, tx, a)
	}
	news := !a.GoneAt.IsZero()
	if news {
		a.GoneAt = time.Time{}
		if err := s.tellAs(ctx, tx, a, authz.KindIntegration, r.ChangedBy, "back", "restored it in Salesforce", ""); err != nil {
			return false, err
		}
	}
	theirs := Changes(a.Agreed.V.Face, r.Face)
	if err := s.adopt(ctx, tx, a, theirs, r); err != nil {
		return false, err
	}
	a.Agreed.V.Face, a.Done = r.Face, r.Done
	return news || len(theirs) > 0, update(ctx, tx, a)
}

// rereadEngine notes only whether the Task of something that the engine logged is still
// there: what it tells of happened, whatever became of the Task.
func (s *Service) rereadEngine(ctx context.Context, tx *db.Tx, a *Activity, r *Remote) (bool, error) {
	news := r.Deleted == a.GoneAt.IsZero()
	a.CRMStamp, a.GoneAt = r.Stamp, time.Time{}
	if r.Deleted {
		a.GoneAt = tx.Now()
	}
	return news, noteStamp(ctx, tx, a) // whatever the writing notes of it at the same time
}

// Unwatched gives joint opportunities (id and CRM id) whose activities Salesforce was
// not asked for yet, by id from one on, at most limit.
func (s *Service) Unwatched(ctx context.Context, afterID string, limit int) ([]Watched, error) {
	return unwatched(ctx, s.db, afterID, limit)
}

// Watched is an opportunity whose activities are followed from an instant on.
type Watched struct {
	OpportunityID    string    `db:"opportunity_id"`
	OpportunityCRMID string    `db:"opportunity_crm_id"`
	ReadAt           time.Time `db:"read_at"`
}

// Watch follows the activities of opportunities from now on, in the transaction that
// stores those they have.
func (s *Service) Watch(ctx context.Context, tx *db.Tx, list []Watched) error {
	for i := range list {
		list[i].ReadAt = tx.Now()
	}
	return watch(ctx, tx, list)
}

// Merged takes that an account was merged into another, by Tandem's ids: what was
// recorded with it stands with the other.
func (s *Service) Merged(ctx context.Context, tx *db.Tx, loserID, masterID string) error {
	return moveToAccount(ctx, tx, loserID, masterID)
}
