package sync

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Gone is how the CRM tells what was deleted, merged or erased.
type Gone interface {
	// Cards gives the contacts.
	Cards(ctx context.Context, read connection.Read) iter.Seq2[opportunity.Card, error]
	// RegistrationRows gives the records of registrations.
	RegistrationRows(ctx context.Context, read connection.Read) iter.Seq2[registration.CRMRow, error]
	// Newest gives the stamp of the object's record that changed last, zero for none.
	Newest(ctx context.Context, object string) (time.Time, error)
	// DeletedSince gives the ids of records that were deleted since then, erased ones
	// too, and up to when that is whole; known false when the CRM cannot tell.
	DeletedSince(ctx context.Context, object string, since time.Time) (ids []string, until time.Time, known bool, err error)
	// IDs gives the ids of all records of an object that are not deleted.
	IDs(ctx context.Context, object string, bulk bool) iter.Seq2[string, error]
}

// The objects that are read beside those of the pull's own steps.
const (
	objectContact = "Contact"
	objectRow     = "CoSell_Registration__c"
)

// firstCards sets where the reading of contacts begins: what they hold of themselves
// before that comes with their roles.
func (s *Service) firstCards(ctx context.Context) error {
	return s.beginAt(ctx, objectContact, func(ctx context.Context) (time.Time, error) { return s.CRM.Newest(ctx, objectContact) })
}

// readCards reads the contacts that changed or were merged. Those without a role in an
// opportunity are of no interest.
func (s *Service) readCards(ctx context.Context) (int64, error) {
	return read(ctx, s, objectContact, "opportunity_contact", s.CRM.Cards, func(c *opportunity.Card) time.Time { return c.CRMModstamp },
		func(ctx context.Context, tx *db.Tx, rows []opportunity.Card) error {
			parents, err := opportunity.ImportCards(ctx, tx, rows)
			if err != nil {
				return err
			}
			return s.changedParents(ctx, tx, parents)
		})
}

// readRows reads the records of registrations: one that somebody deleted is written again.
func (s *Service) readRows(ctx context.Context) (int64, error) {
	return read(ctx, s, objectRow, "registration", s.CRM.RegistrationRows, func(r *registration.CRMRow) time.Time { return r.Stamp }, s.Registrations.SawRows)
}

// followMerges moves what belongs to merged accounts to those that are left.
func (s *Service) followMerges(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	merged, err := account.FollowMerges(ctx, tx, crmIDs)
	if err != nil {
		return err
	}
	for i := range merged {
		m := &merged[i]
		if err := s.Activities.Merged(ctx, tx, m.Loser.ID, m.Master.ID); err != nil {
			return err
		}
		for some := range slices.Chunk(m.Opportunities, batch) {
			if err := s.changedParents(ctx, tx, some); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) changedAccounts(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	list, err := opportunity.ByAccounts(ctx, tx, crmIDs)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.changedAround(ctx, tx, list)
}

// keepFound leaves out what was refused because its opportunity or account is deleted in
// Salesforce, which we may not know yet: it waits until that is back.
func keepFound[R, A any](ctx context.Context, s *Service, records []R, results []A, on func(*R, *A) (crmID string, lost bool)) ([]R, []A, error) {
	if len(records) != len(results) {
		return records, results, nil // which the keeper of the results refuses
	}
	var ids []string
	for i := range records {
		if id, lost := on(&records[i], &results[i]); lost {
			ids = append(ids, id)
		}
	}
	deleted, err := s.lost(ctx, ids)
	if err != nil || len(deleted) == 0 {
		return records, results, err
	}
	var kept []R
	var outcomes []A
	for i := range records {
		if id, lost := on(&records[i], &results[i]); lost && deleted[id] {
			continue
		}
		kept, outcomes = append(kept, records[i]), append(outcomes, results[i])
	}
	return kept, outcomes, nil
}

// lost looks at opportunities and accounts of which a write said that they are not
// there, and gives those that are deleted.
func (s *Service) lost(ctx context.Context, crmIDs []string) (map[string]bool, error) {
	out := map[string]bool{}
	ids := slices.Compact(slices.Sorted(slices.Values(crmIDs)))
	for _, m := range []mirrored{s.mirroredOpportunities(), s.mirroredAccounts()} {
		for some := range slices.Chunk(ids, lookAtOnce) {
			known, err := m.among(ctx, some)
			if err != nil {
				return nil, err
			}
			if err := m.look(ctx, known); err != nil {
				return nil, fmt.Errorf("look at %s: %w", m.object, err)
			}
			deleted, err := m.deleted(ctx, some)
			if err != nil {
				return nil, err
			}
			for _, id := range deleted {
				out[id] = true
			}
		}
	}
	return out, nil
}

// lookAtOnce is how many records are asked for by their ids in one go.
const lookAtOnce = 200

// mirrored is one object of Salesforce as the mirror holds it.
type mirrored struct {
	object  string
	live    func(ctx context.Context) ([]string, error)               // what the mirror holds for not deleted
	among   func(ctx context.Context, ids []string) ([]string, error) // those of them that the mirror holds
	deleted func(ctx context.Context, ids []string) ([]string, error) // those of them that the mirror holds for deleted
	look    func(ctx context.Context, ids []string) error             // reads these, and notes those that are not there
	gone    func(ctx context.Context, tx *db.Tx, ids []string) error  // notes that these are not there
}

// lookAt reads records by their ids, at most lookAtOnce, and stores them; those that
// are not there are gone for good, or out of our user's sight.
func lookAt[T any](ctx context.Context, s *Service, ids []string, source func(context.Context, connection.Read) iter.Seq2[T, error], id func(*T) string,
	store func(context.Context, *db.Tx, []T) error, gone func(context.Context, *db.Tx, []string) error,
) error {
	if len(ids) == 0 {
		return nil
	}
	var rows []T
	there := map[string]bool{}
	for row, err := range source(ctx, connection.Read{IDs: ids}) {
		if err != nil {
			return err
		}
		rows, there[id(&row)] = append(rows, row), true
	}
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return there[id] })
	return s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error {
		if len(rows) > 0 {
			if err := store(ctx, tx, rows); err != nil {
				return err
			}
		}
		if len(missing) == 0 {
			return nil
		}
		return gone(ctx, tx, missing)
	})
}

func (s *Service) mirroredOpportunities() mirrored {
	m := mirrored{
		object: "Opportunity",
		live:   func(ctx context.Context) ([]string, error) { return opportunity.Live(ctx, s.DB) },
		deleted: func(ctx context.Context, ids []string) ([]string, error) {
			return opportunity.DeletedAmong(ctx, s.DB, ids)
		},
		among: func(ctx context.Context, ids []string) ([]string, error) {
			list, err := opportunity.ByCRMIDs(ctx, s.DB, ids)
			out := make([]string, len(list))
			for i := range list {
				out[i] = list[i].CRMID
			}
			return out, err
		},
		gone: func(ctx context.Context, tx *db.Tx, ids []string) error {
			list, err := opportunity.Purge(ctx, tx, ids)
			if err != nil || len(list) == 0 {
				return err
			}
			return s.Opportunities.Changed(ctx, tx, list)
		},
	}
	m.look = func(ctx context.Context, ids []string) error {
		store := func(ctx context.Context, tx *db.Tx, rows []opportunity.Opportunity) error {
			return s.storeOpportunities(ctx, tx, accountIDs{}, rows)
		}
		return lookAt(ctx, s, ids, s.CRM.Opportunities, func(o *opportunity.Opportunity) string { return o.CRMID }, store, m.gone)
	}
	return m
}

func (s *Service) mirroredAccounts() mirrored {
	m := mirrored{
		object:  "Account",
		live:    func(ctx context.Context) ([]string, error) { return account.Live(ctx, s.DB) },
		deleted: func(ctx context.Context, ids []string) ([]string, error) { return account.DeletedAmong(ctx, s.DB, ids) },
		among: func(ctx context.Context, ids []string) ([]string, error) {
			refs, err := account.Refs(ctx, s.DB, ids)
			var out []string
			for id := range refs {
				out = append(out, id)
			}
			slices.Sort(out)
			return out, err
		},
		gone: func(ctx context.Context, tx *db.Tx, ids []string) error {
			news, err := account.Purge(ctx, tx, ids)
			if err != nil || len(news) == 0 {
				return err
			}
			return s.changedAccounts(ctx, tx, news)
		},
	}
	m.look = func(ctx context.Context, ids []string) error {
		return lookAt(ctx, s, ids, s.CRM.Accounts, func(a *account.Account) string { return a.CRMID }, s.storeAccounts, m.gone)
	}
	return m
}

func (s *Service) mirroredMembers() mirrored {
	m := mirrored{object: "OpportunityTeamMember", live: func(ctx context.Context) ([]string, error) { return opportunity.LiveMembers(ctx, s.DB) }}
	m.gone = func(ctx context.Context, tx *db.Tx, ids []string) error {
		parents, err := opportunity.PurgeMembers(ctx, tx, ids)
		if err != nil {
			return err
		}
		return s.changedParents(ctx, tx, parents)
	}
	m.look = func(ctx context.Context, ids []string) error {
		return lookAt(ctx, s, ids, s.CRM.Members, func(x *opportunity.Member) string { return x.CRMID }, s.storeMembers, m.gone)
	}
	return m
}

func (s *Service) mirroredContacts() mirrored {
	m := mirrored{object: "OpportunityContactRole", live: func(ctx context.Context) ([]string, error) { return opportunity.LiveContacts(ctx, s.DB) }}
	m.gone = func(ctx context.Context, tx *db.Tx, ids []string) error {
		parents, err := opportunity.PurgeContacts(ctx, tx, ids)
		if err != nil {
			return err
		}
		return s.changedParents(ctx, tx, parents)
	}
	m.look = func(ctx context.Context, ids []string) error {
		return lookAt(ctx, s, ids, s.CRM.Contacts, func(x *opportunity.Contact) string { return x.CRMID }, s.storeContacts, m.gone)
	}
	return m
}

func (s *Service) mirroredRows() mirrored {
	m := mirrored{object: objectRow, live: func(ctx context.Context) ([]string, error) { return registration.LiveRows(ctx, s.DB) }, gone: s.Registrations.RowsGone}
	m.look = func(ctx context.Context, ids []string) error {
		return lookAt(ctx, s, ids, s.CRM.RegistrationRows, func(r *registration.CRMRow) string { return r.RowID }, s.Registrations.SawRows, m.gone)
	}
	return m
}
