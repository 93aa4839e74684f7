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
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
)

// Pull reads everything that changed in Salesforce since the last time into the
// mirror. What belongs to an opportunity comes before the opportunities, so that
// a new one is whole when it is checked. Killed at any moment, the next Pull
// begins where the last stored batch ended.
func (s *Service) Pull(ctx context.Context) error {
	if s.CRM == nil {
		return ErrNotConnected
	}
	records, err := s.pull(ctx)
	if ctx.Err() != nil && err != nil {
		return err
	}
	r := connection.Report{ID: "salesforce", Err: err, Synced: err == nil, Records: records, Usage: s.CRM.Usage()}
	if rerr := s.Connections.Report(ctx, r); rerr != nil {
		return rerr
	}
	return err
}

func (s *Service) pull(ctx context.Context) (int64, error) {
	detail, err := s.CRM.Check(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.Connections.Report(ctx, connection.Report{ID: "salesforce", Detail: detail, Usage: s.CRM.Usage()}); err != nil {
		return 0, err
	}
	var total int64
	for _, step := range []func(context.Context) (int64, error){
		func(ctx context.Context) (int64, error) {
			return read(ctx, s, "User", s.CRM.People, func(p *team.Person) time.Time { return p.CRMModstamp }, s.storePeople)
		},
		func(ctx context.Context) (int64, error) {
			return read(ctx, s, "Account", s.CRM.Accounts, func(a *account.Account) time.Time { return a.CRMModstamp }, s.storeAccounts)
		},
		func(ctx context.Context) (int64, error) {
			return read(ctx, s, "OpportunityTeamMember", s.CRM.Members, func(m *opportunity.Member) time.Time { return m.CRMModstamp }, s.storeMembers)
		},
		func(ctx context.Context) (int64, error) {
			return read(ctx, s, "OpportunityContactRole", s.CRM.Contacts, func(c *opportunity.Contact) time.Time { return c.CRMModstamp }, s.storeContacts)
		},
		func(ctx context.Context) (int64, error) {
			return read(ctx, s, "Opportunity", s.CRM.Opportunities, func(o *opportunity.Opportunity) time.Time { return o.CRMModstamp }, s.storeOpportunities)
		},
		func(ctx context.Context) (int64, error) { return s.readActivities(ctx) },
	} {
		n, err := step(ctx)
		total += n
		if err != nil {
			return total, err
		}
	}
	if total >= analyzeAfter {
		if err := s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return analyze(ctx, tx) }); err != nil {
			return total, fmt.Errorf("analyze after %d records: %w", total, err)
		}
	}
	return total, nil
}

// read streams the changed records of one object into the mirror; perCommit of
// them and the new high-water mark are one transaction. Reading the next
// page and storing the last batch go on side by side.
func read[T any](ctx context.Context, s *Service, object string, source func(context.Context, time.Time) iter.Seq2[T, error],
	stamp func(*T) time.Time, store func(context.Context, *db.Tx, []T) error,
) (int64, error) {
	mark, err := cursor(ctx, s.DB, object)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", object, err)
	}
	since := mark
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	size, err := s.CRM.Total(ctx, object, since)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", object, err)
	}
	p := Progress{Step: object, Total: size}
	s.Hub.Publish(notify.News{Topic: TopicSync, Data: p})

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type chunk struct {
		rows []T
		err  error
	}
	chunks := make(chan chunk, 1)
	go func() {
		defer close(chunks)
		send := func(c chunk) bool {
			select {
			case chunks <- c:
				return true
			case <-ctx.Done():
				return false
			}
		}
		rows := make([]T, 0, perCommit)
		for row, err := range source(ctx, since) {
			if err != nil {
				if len(rows) == 0 || send(chunk{rows: rows}) {
					send(chunk{err: err})
				}
				return
			}
			if rows = append(rows, row); len(rows) == perCommit {
				if !send(chunk{rows: rows}) {
					return
				}
				rows = make([]T, 0, perCommit)
			}
		}
		if len(rows) > 0 {
			send(chunk{rows: rows})
		}
	}()
	for c := range chunks {
		if c.err != nil {
			return p.Done, fmt.Errorf("read %s: %w", object, c.err)
		}
		err := s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error {
			for rows := range slices.Chunk(c.rows, batch) {
				if err := store(ctx, tx, rows); err != nil {
					return err
				}
			}
			if last := stamp(&c.rows[len(c.rows)-1]); last.After(mark) {
				return saveCursor(ctx, tx, object, last)
			}
			return nil
		})
		if err != nil {
			return p.Done, fmt.Errorf("store %s: %w", object, err)
		}
		if last := stamp(&c.rows[len(c.rows)-1]); last.After(mark) {
			mark = last
		}
		p.Done += int64(len(c.rows))
		s.Hub.Publish(notify.News{Topic: TopicSync, Data: p})
	}
	if err := ctx.Err(); err != nil {
		return p.Done, err
	}
	p.Ended = true
	s.Hub.Publish(notify.News{Topic: TopicSync, Data: p})
	return p.Done, nil
}

func (s *Service) storePeople(ctx context.Context, tx *db.Tx, rows []team.Person) error {
	_, err := team.Import(ctx, tx, rows)
	return err
}

func (s *Service) storeAccounts(ctx context.Context, tx *db.Tx, rows []account.Account) error {
	changed, err := account.Import(ctx, tx, rows)
	if err != nil || len(changed) == 0 {
		return err
	}
	list, err := opportunity.ByAccounts(ctx, tx, changed)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.changedAround(ctx, tx, list)
}

func (s *Service) storeMembers(ctx context.Context, tx *db.Tx, rows []opportunity.Member) error {
	parents, err := opportunity.ImportMembers(ctx, tx, rows)
	if err != nil {
		return err
	}
	return s.changedParents(ctx, tx, parents)
}

func (s *Service) storeContacts(ctx context.Context, tx *db.Tx, rows []opportunity.Contact) error {
	parents, err := opportunity.ImportContacts(ctx, tx, rows)
	if err != nil {
		return err
	}
	return s.changedParents(ctx, tx, parents)
}

func (s *Service) changedParents(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	if len(crmIDs) == 0 {
		return nil
	}
	list, err := opportunity.ByCRMIDs(ctx, tx, crmIDs)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.changedAround(ctx, tx, list)
}

// changedAround has opportunities looked at again because something that
// belongs to them changed.
func (s *Service) changedAround(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].CRMID
	}
	if err := opportunity.Touch(ctx, tx, ids); err != nil {
		return err
	}
	return s.Opportunities.Changed(ctx, tx, list)
}

func (s *Service) storeOpportunities(ctx context.Context, tx *db.Tx, rows []opportunity.Opportunity) error {
	var accounts []string
	for i := range rows {
		if rows[i].AccountCRMID != "" {
			accounts = append(accounts, rows[i].AccountCRMID)
		}
	}
	refs, err := account.Refs(ctx, tx, accounts)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].AccountID = refs[rows[i].AccountCRMID].ID
	}
	changed, err := opportunity.Import(ctx, tx, rows)
	if err != nil || len(changed) == 0 {
		return err
	}
	if err := s.Invitations.Arrived(ctx, tx, changed); err != nil {
		return err
	}
	m, err := s.Opportunities.Matcher(ctx, tx)
	if err != nil {
		return err
	}
	touched, err := opportunity.Decide(ctx, tx, m, changed)
	if err != nil {
		return err
	}
	if len(touched) > 0 {
		if err := s.Opportunities.Changed(ctx, tx, touched); err != nil { // which looks at their tags, too
			return err
		}
	}
	done := make(map[string]bool, len(touched))
	for i := range touched {
		done[touched[i].ID] = true
	}
	return s.Tagging.Check(ctx, tx, slices.DeleteFunc(changed, func(o opportunity.Opportunity) bool { return done[o.ID] }))
}
