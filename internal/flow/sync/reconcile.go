package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Reconcile compares which records the mirror and Salesforce have: what was erased, or
// deleted while nobody looked for longer than the recycle bin keeps it, leaves no trace
// in a read of changes. Salesforce tells the ids of what was deleted in the last 15 days;
// where that does not reach back to the last time, or the numbers differ all the same,
// all ids are compared.
func (s *Service) Reconcile(ctx context.Context) error {
	if s.CRM == nil {
		return ErrNotConnected
	}
	if err := s.Pull(ctx); err != nil { // so that what changed counts for no difference
		return err
	}
	all := []mirrored{s.mirroredAccounts(), s.mirroredOpportunities(), s.mirroredMembers(), s.mirroredContacts(), s.mirroredRows()}
	tools, err := s.CRM.Tools(ctx)
	if err != nil {
		return err
	}
	for _, t := range tools {
		if t.Read {
			all = append(all, s.mirroredClaims(t.Object))
		}
	}
	for _, m := range all {
		if err := s.reconcile(ctx, m); err != nil {
			return fmt.Errorf("reconcile %s: %w", m.object, err)
		}
	}
	return nil
}

// reconciled names the mark up to which an object's deletions are known.
func reconciled(object string) string { return "deleted " + object }

// sorted gives what the mirror holds for not deleted, in the order of bytes.
func (m mirrored) sorted(ctx context.Context) ([]string, error) {
	live, err := m.live(ctx)
	slices.Sort(live)
	return live, err
}

func (s *Service) reconcile(ctx context.Context, m mirrored) error {
	begun := s.Clock.Now()
	mark, err := cursor(ctx, s.DB, reconciled(m.object), "")
	if err != nil {
		return err
	}
	ids, until, known, err := s.CRM.DeletedSince(ctx, m.object, mark)
	if err != nil {
		return err
	}
	live, err := m.sorted(ctx)
	if err != nil {
		return err
	}
	if known {
		held := slices.DeleteFunc(ids, func(id string) bool { _, ok := slices.BinarySearch(live, id); return !ok })
		if err := lookInChunks(ctx, m, held); err != nil {
			return err
		}
		if live, err = m.sorted(ctx); err != nil {
			return err
		}
	}
	there, err := s.CRM.Total(ctx, m.object, time.Time{})
	if err != nil {
		return err
	}
	if !known || there != int64(len(live)) {
		if err := s.compareIDs(ctx, m, live, there); err != nil {
			return err
		}
	}
	if !known {
		until = begun
	}
	return s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return saveCursor(ctx, tx, reconciled(m.object), "", until) })
}

// compareIDs looks at every record that only one of the two sides has. One that only
// Salesforce has came into our user's sight: no read of changes brings it. live is
// sorted.
func (s *Service) compareIDs(ctx context.Context, m mirrored, live []string, there int64) error {
	bulk, err := s.inBulk(ctx, there)
	if err != nil {
		return err
	}
	seen := make([]bool, len(live))
	var differ []string
	for id, err := range s.CRM.IDs(ctx, m.object, bulk) {
		if err != nil {
			return err
		}
		if i, ok := slices.BinarySearch(live, id); ok {
			seen[i] = true
		} else {
			differ = append(differ, id)
		}
	}
	for i, id := range live {
		if !seen[i] {
			differ = append(differ, id)
		}
	}
	if len(differ) > 0 {
		s.Log.InfoContext(ctx, "the mirror and Salesforce have not the same records", "object", m.object, "records", len(differ))
	}
	return lookInChunks(ctx, m, differ)
}

func lookInChunks(ctx context.Context, m mirrored, ids []string) error {
	for some := range slices.Chunk(ids, lookAtOnce) {
		if err := m.look(ctx, some); err != nil {
			return err
		}
	}
	return nil
}
